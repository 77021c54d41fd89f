//! Record and handshake engines behind one seam. Only [`session`](crate::session) runs them; what they saw comes back
//! as [`Evidence`](crate::evidence::Evidence).
//!
//! ```text
//! session ─▶ Any ─┬─▶ embedded_tls   TLS 1.3, pre-shared keys, no allocator
//!                 └─▶ rustls         TLS 1.2 and 1.3, allocates
//! ```
//!
//! The policy chooses at run time; no public type depends on which engines are built in.

mod any;
#[cfg(not(feature = "embedded-tls"))]
mod bare;
#[cfg(feature = "embedded-tls")]
pub(crate) mod embedded_tls;
mod limits;
#[cfg(feature = "rustls")]
pub(crate) mod rustls;
mod seam;

pub(crate) use any::{Any, AnyReader, AnyWriter};
// What stands beside a connection.
#[cfg(not(feature = "embedded-tls"))]
pub(crate) use bare::{Incoming, Shared};
#[cfg(feature = "embedded-tls")]
pub(crate) use embedded_tls::{guard::Incoming, state::Shared};
#[cfg(feature = "embedded-tls")]
pub(crate) use limits::MAX_PROTOCOL;
pub(crate) use limits::{MAX_IDLE_RECORDS, OVERHEAD, QUIET_MS, check_protocols};
pub(crate) use seam::{Attempt, Engine, Memory, Witness};

/// The cipher suites of all engines of this build.
pub(crate) fn suites() -> impl Iterator<Item = u16> {
    #[cfg(feature = "rustls")]
    // Those of the other engine are among them.
    return tls_provider::SUITES
        .iter()
        .map(|suite| suite.suite().into());
    #[cfg(not(feature = "rustls"))]
    return core::iter::once(embedded_tls::client::SUITE);
}

/// The key exchange groups that are offered, the preferred first.
pub(crate) fn groups() -> impl Iterator<Item = u16> {
    #[cfg(feature = "rustls")]
    return tls_provider::GROUPS.iter().map(|group| group.name().into());
    #[cfg(not(feature = "rustls"))]
    return core::iter::once(0x0017);
}
