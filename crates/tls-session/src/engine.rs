//! Record and handshake engines. Only [`session`](crate::session) runs them; what they saw comes back as
//! [`Evidence`](crate::evidence::Evidence).

pub(crate) mod embedded_tls;

// What it keeps beside a connection.
pub(crate) use embedded_tls::guard::Incoming;
pub(crate) use embedded_tls::state::Shared;
