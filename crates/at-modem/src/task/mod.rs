//! The tasks that own sockets. Each looks at the state of its link, and reports to it.
//!
//! A link that we open belongs to its own task ([`run`]); with TLS, to one that has the memory for a
//! session ([`tls::run`]); one that a client opened, to the server's ([`server::run`]). Tasks live as
//! long as the modem runs, so no read or write of a session is dropped half-way because the host sent
//! something.

use embassy_futures::join::join3;
use heapless::{String, Vec};

use crate::platform::Platform;
use crate::scratch::ScratchGuard;
use crate::state::Shared;
use crate::why::Why;

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

/// Most payload bytes of one `+IPD`, as the newer manual has it, and of one block of a passthrough.
pub(crate) const MAX_IPD: usize = 2920;

/// What a server showed to a probe.
pub(crate) struct Probed<'s> {
    /// Its certificates, one after another; nobody else has the memory until this is dropped.
    pub(crate) chain: ScratchGuard<'s>,
    /// Where each of them ends.
    pub(crate) ends: Vec<usize, { tls_session::verify::MAX_CHAIN }>,
    /// Certificates that did not fit.
    pub(crate) dropped: u32,
    /// The policy they were judged under.
    pub(crate) policy: String<MAX_POLICY>,
    /// The verdict.
    pub(crate) verdict: Result<(), Why>,
}

/// Longest text of a policy: four words and a name.
pub(crate) const MAX_POLICY: usize = 112;

/// What happens without a command, for as long as it is polled.
pub(crate) async fn background<P: Platform>(shared: &Shared<'_, P>) {
    join3(
        station::events(shared),
        station::join_stored(shared),
        time::run(shared),
    )
    .await;
}
