//! Record and handshake engines. Only [`session`](crate::session) runs them; what they saw comes back as
//! [`Evidence`](crate::evidence::Evidence).

pub(crate) mod embedded_tls;
