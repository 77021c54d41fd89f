//! The tasks that own sockets. Each looks at the state of its link, and reports to it.
//!
//! A link that we open belongs to its own task ([`run`]); with TLS, to one that has the memory for a
//! session ([`tls::run`]); one that a client opened, to the server's ([`server::run`]). Tasks live as
//! long as the modem runs, so no read or write of a session is dropped half-way because the host sent
//! something.

use embassy_futures::join::join3;

use crate::platform::Platform;

pub(crate) mod attend;
mod link;
pub(crate) mod owners;
mod present;
pub(crate) mod server;
mod sessions;
pub(crate) mod station;
mod stream;
pub(crate) mod time;
pub(crate) mod tls;
#[cfg_attr(
    not(feature = "rustls"),
    expect(dead_code, reason = "a build without rustls has no clients with TLS")
)]
mod tls_server;
#[cfg_attr(
    not(feature = "rustls"),
    expect(dead_code, reason = "a build without rustls has no clients with TLS")
)]
mod turns;
mod udp;
pub(crate) mod why;

pub(crate) use link::{resolve, run};
pub(crate) use present::print_connected;
pub use sessions::Sessions;

/// What happens without a command, for as long as it is polled.
pub(crate) async fn background<P: Platform>(
    station: &station::StationOwners<'_, P>,
    time: &time::TimeOwners<'_, P>,
) {
    join3(
        station::events(station),
        station::join_stored(station),
        time::run(time),
    )
    .await;
}
