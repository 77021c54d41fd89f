//! The tasks that own sockets. Each looks at the state of its link, and reports to it.
//!
//! A link that we open belongs to its own task ([`run`]); with TLS, to one that has the memory for a
//! session ([`tls::run`]); one that a client opened, to the server's ([`server::run`]). Tasks live as
//! long as the modem runs, so no read or write of a session is dropped half-way because the host sent
//! something.

use embassy_futures::join::join3;

use crate::platform::Platform;
use crate::state::Shared;

pub(crate) mod attend;
mod link;
mod present;
pub(crate) mod server;
mod sessions;
pub(crate) mod station;
mod stream;
pub(crate) mod time;
pub(crate) mod tls;
mod udp;

pub(crate) use link::{resolve, run};
pub use sessions::Sessions;

/// What happens without a command, for as long as it is polled.
pub(crate) async fn background<P: Platform>(shared: &Shared<'_, P>) {
    join3(
        station::events(shared),
        station::join_stored(shared),
        time::run(shared),
    )
    .await;
}
