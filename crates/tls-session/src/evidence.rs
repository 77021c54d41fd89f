//! What an engine saw, and whether it covers the policy: the only way to a session.
//!
//! An engine's word that a handshake is complete counts for nothing. It hands over evidence, a value whose parts only
//! the checks of this crate can make, and [`Evidence::covers`] decides. Whichever engine ran, the rule is this one.

use crate::policy::{PeerAuth, Policy};
use crate::reason::{Cause, CertificateError, NegotiationError, ProofError, ProtocolViolation};
use crate::verify::{Accepted, Possession, Version};

/// What an engine saw of one handshake.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// What the peer proved of itself.
    pub peer: Peer,
    /// The peer's Finished held.
    pub finished: Option<Finished>,
    /// What was agreed on.
    pub negotiated: Negotiated,
}

/// What a peer proved of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// It showed no certificate and knew no key.
    Nobody,
    /// It showed a chain that was accepted, and did not prove that it holds the key.
    UnprovenChain,
    /// It showed a chain that was accepted, and proved that it holds the key.
    Chain(Possession),
    /// It took the pre-shared key.
    PreSharedKey(KeyTaken),
}

/// The peer's Finished held: it has the session's keys, and saw the same handshake. Only an engine makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished(());

impl Finished {
    pub(crate) const fn held() -> Self {
        Self(())
    }
}

/// The pre-shared key went into the session's keys. Only an engine makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyTaken(());

impl KeyTaken {
    pub(crate) const fn seen() -> Self {
        Self(())
    }
}

/// The application protocol that the peer chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Application {
    /// None.
    Unnamed,
    /// The one of this position in the policy's list.
    Offered(usize),
    /// One that was not offered.
    NotOffered,
}

impl Application {
    /// Finds the protocol that the peer chose among those of a policy.
    pub(crate) fn find(chosen: Option<&[u8]>, offered: &[&[u8]]) -> Self {
        let Some(chosen) = chosen else {
            return Self::Unnamed;
        };
        offered
            .iter()
            .position(|protocol| *protocol == chosen)
            .map_or(Self::NotOffered, Self::Offered)
    }
}

/// What both sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Negotiated {
    /// The version of TLS.
    pub version: Version,
    /// The application protocol.
    pub application: Application,
}

impl Negotiated {
    /// Whether this was offered by the policy. Engines ask as soon as they know, before the peer's certificate.
    pub(crate) fn covers(&self, policy: &Policy<'_>) -> Result<(), Cause> {
        if self.version != Version::Tls13 {
            // No policy offers an older one.
            return Err(NegotiationError::ServerVersion(self.version.wire()).into());
        }
        match self.application {
            Application::Unnamed => Ok(()),
            Application::Offered(position) if position < policy.alpn.len() => Ok(()),
            Application::Offered(_) | Application::NotOffered => {
                Err(NegotiationError::ApplicationProtocol.into())
            }
        }
    }
}

impl Peer {
    /// Whether the peer proved what the policy asks for. Engines ask before they show anything of ours.
    pub(crate) const fn covers(&self, policy: &Policy<'_>) -> Result<Accepted, Cause> {
        match (policy.peer, self) {
            (PeerAuth::PreSharedKey(_), Self::PreSharedKey(KeyTaken(()))) => {
                Ok(Accepted::PreSharedKey)
            }
            (PeerAuth::PreSharedKey(_), _) => Err(Cause::Proof(ProofError::PskNotTaken)),
            (_, Self::Nobody | Self::PreSharedKey(_)) => {
                Err(Cause::Certificate(CertificateError::NoCertificate))
            }
            (_, Self::UnprovenChain) => Err(Cause::Proof(ProofError::NoSignature)),
            (PeerAuth::Chain { .. }, Self::Chain(possession)) => match possession.accepted() {
                accepted @ (Accepted::Path { .. } | Accepted::Pin { .. }) => Ok(accepted),
                // Judged under another policy.
                Accepted::PreSharedKey | Accepted::DangerUnchecked => {
                    Err(Cause::Certificate(CertificateError::NotTrusted))
                }
            },
            (PeerAuth::DangerAnyPeer, Self::Chain(possession)) => Ok(possession.accepted()),
        }
    }
}

impl Evidence {
    /// Decides whether a session may exist.
    ///
    /// # Errors
    ///
    /// The first piece that is missing.
    pub fn covers(self, policy: &Policy<'_>) -> Result<Opened, Cause> {
        if self.finished.is_none() {
            return Err(ProtocolViolation::MissingMessage(20).into());
        }
        self.negotiated.covers(policy)?;
        let accepted = self.peer.covers(policy)?;
        Ok(Opened {
            accepted,
            negotiated: self.negotiated,
        })
    }
}

/// What is known of the peer of an open session. Made by [`Evidence::covers`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Opened {
    accepted: Accepted,
    negotiated: Negotiated,
}

impl Opened {
    /// How the peer was accepted.
    #[must_use]
    pub const fn accepted(&self) -> Accepted {
        self.accepted
    }

    /// What was agreed on.
    #[must_use]
    pub const fn negotiated(&self) -> Negotiated {
        self.negotiated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Anchors, Clock, NameRule, PreSharedKey};

    const NEGOTIATED: Negotiated = Negotiated {
        version: Version::Tls13,
        application: Application::Unnamed,
    };
    const PATH: Accepted = Accepted::Path {
        anchor: 0,
        intermediates: 1,
    };

    fn evidence(peer: Peer) -> Evidence {
        Evidence {
            peer,
            finished: Some(Finished::held()),
            negotiated: NEGOTIATED,
        }
    }

    fn proven(accepted: Accepted) -> Evidence {
        evidence(Peer::Chain(Possession::of(accepted)))
    }

    fn with_key() -> Evidence {
        evidence(Peer::PreSharedKey(KeyTaken::seen()))
    }

    fn chain<'a>(anchors: &'a [&'a [u8]]) -> Policy<'a> {
        let anchors = Anchors::new(anchors).unwrap();
        Policy::chain(anchors, NameRule::DangerAnyName, Clock::Unset)
    }

    fn key() -> Policy<'static> {
        Policy::pre_shared_key(PreSharedKey::new(b"n", b"k").unwrap())
    }

    fn refused(evidence: Evidence, policy: &Policy<'_>) -> Cause {
        evidence.covers(policy).unwrap_err()
    }

    #[test]
    fn all_of_it_opens_a_session() {
        let anchors: &[&[u8]] = &[b"x"];
        for accepted in [PATH, Accepted::Pin { anchor: 0 }] {
            let opened = proven(accepted).covers(&chain(anchors)).unwrap();
            assert_eq!(opened.accepted(), accepted);
        }
        let opened = with_key().covers(&key()).unwrap();
        assert_eq!(opened.accepted(), Accepted::PreSharedKey);
        let any = Policy::danger_any_peer();
        let opened = proven(Accepted::DangerUnchecked).covers(&any).unwrap();
        assert_eq!(opened.accepted(), Accepted::DangerUnchecked);
    }

    #[test]
    fn without_finished_there_is_no_session() {
        let anchors: &[&[u8]] = &[b"x"];
        for (whole, policy) in [
            (proven(PATH), chain(anchors)),
            (with_key(), key()),
            (proven(Accepted::DangerUnchecked), Policy::danger_any_peer()),
        ] {
            let evidence = Evidence {
                finished: None,
                ..whole
            };
            let missing = ProtocolViolation::MissingMessage(20).into();
            assert_eq!(refused(evidence, &policy), missing);
        }
    }

    #[test]
    fn without_a_certificate_there_is_no_session() {
        let anchors: &[&[u8]] = &[b"x"];
        for policy in [chain(anchors), Policy::danger_any_peer()] {
            for nobody in [evidence(Peer::Nobody), with_key()] {
                let missing = CertificateError::NoCertificate.into();
                assert_eq!(refused(nobody, &policy), missing);
            }
        }
    }

    #[test]
    fn without_a_handshake_signature_there_is_no_session() {
        let anchors: &[&[u8]] = &[b"x"];
        for policy in [chain(anchors), Policy::danger_any_peer()] {
            let missing = ProofError::NoSignature.into();
            assert_eq!(refused(evidence(Peer::UnprovenChain), &policy), missing);
        }
    }

    #[test]
    fn without_the_pre_shared_key_there_is_no_session() {
        for peer in [
            Peer::Nobody,
            Peer::UnprovenChain,
            Peer::Chain(Possession::of(PATH)),
            Peer::Chain(Possession::of(Accepted::DangerUnchecked)),
        ] {
            let missing = ProofError::PskNotTaken.into();
            assert_eq!(refused(evidence(peer), &key()), missing);
        }
    }

    #[test]
    fn a_verdict_of_a_laxer_policy_opens_no_session() {
        let anchors: &[&[u8]] = &[b"x"];
        for accepted in [Accepted::DangerUnchecked, Accepted::PreSharedKey] {
            let refusal = CertificateError::NotTrusted.into();
            assert_eq!(refused(proven(accepted), &chain(anchors)), refusal);
        }
    }

    #[test]
    fn what_was_not_offered_opens_no_session() {
        let anchors: &[&[u8]] = &[b"x"];
        let offered: &[&[u8]] = &[b"h2", b"mqtt"];
        let policy = Policy {
            alpn: offered,
            ..chain(anchors)
        };
        let with = |application, version| Evidence {
            negotiated: Negotiated {
                version,
                application,
            },
            ..proven(PATH)
        };
        let find = |chosen: &[u8]| Application::find(Some(chosen), offered);
        assert!(with(find(b"mqtt"), Version::Tls13).covers(&policy).is_ok());
        for application in [find(b"h3"), find(b""), Application::Offered(2)] {
            let refusal = NegotiationError::ApplicationProtocol.into();
            assert_eq!(refused(with(application, Version::Tls13), &policy), refusal);
        }
        let old = NegotiationError::ServerVersion(0x0303).into();
        let application = Application::Unnamed;
        assert_eq!(refused(with(application, Version::Tls12), &policy), old);
    }
}
