//! What we offered, behind the reasons for which a peer refused it: a person then compares both sides.

use core::fmt;

use crate::engine;
use crate::policy::{PeerAuth, Policy};
use crate::reason::{
    Cause, NegotiationError, ProofError, Reason, SetupError, StreamError, group_text,
};

/// Adds what was offered, where the reason is about it and says nothing more special.
pub(super) fn shown(reason: Reason, policy: &Policy<'_>) -> Reason {
    if !reason.found.is_empty() {
        return reason;
    }
    let identity = match &policy.peer {
        PeerAuth::PreSharedKey(psk) => Some(Identity(psk.identity())),
        PeerAuth::Chain { .. } | PeerAuth::DangerAnyPeer => None,
    };
    match (reason.cause, identity) {
        (
            Cause::Stream(StreamError::PeerAlert(20 | 40 | 47 | 51 | 115))
            | Cause::Proof(ProofError::PskNotTaken),
            Some(identity),
        ) => reason.finding(identity),
        (cause, _) => of_settings(reason, cause, policy),
    }
}

fn of_settings(reason: Reason, cause: Cause, policy: &Policy<'_>) -> Reason {
    match cause {
        Cause::Negotiation(NegotiationError::NoCommonSuite)
        | Cause::Stream(StreamError::PeerAlert(40 | 71)) => reason.finding(Offered(policy)),
        Cause::Stream(StreamError::PeerAlert(109 | 112)) => reason.finding(Name(policy.sni)),
        Cause::Stream(StreamError::PeerAlert(120)) => reason.finding(Protocols(policy.alpn)),
        Cause::Setup(SetupError::NameInvalid) => match policy.sni {
            Some(name) => reason.finding(name),
            None => reason,
        },
        _ => reason,
    }
}

struct Offered<'p>(&'p Policy<'p>);

impl fmt::Display for Offered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(policy) = self;
        let (min, max) = (policy.versions.min(), policy.versions.max());
        write!(f, "offered {}", min.as_str())?;
        if min != max {
            write!(f, "-{}", max.as_str().trim_start_matches("TLS "))?;
        }
        f.write_str(",")?;
        for group in engine::groups() {
            write!(f, " {}", group_text(group))?;
        }
        match policy.suites {
            [] => f.write_str(", all suites")?,
            suites => {
                f.write_str(", suites")?;
                for suite in suites {
                    write!(f, " {suite:04x}")?;
                }
            }
        }
        write!(f, ", {}", Name(policy.sni))
    }
}

struct Name<'p>(Option<&'p str>);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "SNI '{name}'"),
            None => f.write_str("no SNI"),
        }
    }
}

struct Protocols<'p>(&'p [&'p [u8]]);

impl fmt::Display for Protocols<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("offered")?;
        for name in self.0 {
            write!(f, " '{}'", name.escape_ascii())?;
        }
        Ok(())
    }
}

struct Identity<'p>(&'p [u8]);

impl fmt::Display for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "identity '{}'", self.0.escape_ascii())
    }
}
