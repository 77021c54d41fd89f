//! What an engine saw, and whether it covers the policy: the only way to a session.
//!
//! An engine's word that a handshake is complete counts for nothing. It hands over evidence, a value whose parts only
//! the checks of this crate can make, and [`Evidence::covers`] decides. Whichever engine ran, the rule is this one.

use crate::policy::{ClientAuth, MasterSecret, PeerAuth, Policy, ServerPolicy, Versions};
use crate::reason::{
    Cause, CertificateError, ClientError, NegotiationError, ProofError, ProtocolViolation,
};
use crate::resumption::Resumed;
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
    /// It has the keys of an earlier session, in which it had shown a chain and proved that it holds the key.
    Resumed(Resumed),
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
    /// The cipher suite's IANA number.
    pub suite: u16,
    /// The key exchange group's IANA number; 0 for a session of TLS 1.2 that was resumed, which exchanges no keys.
    pub group: u16,
    /// Whether the keys are bound to the whole handshake: always in TLS 1.3, in TLS 1.2 by RFC 7627.
    pub extended_master_secret: bool,
    /// The application protocol.
    pub application: Application,
}

impl Negotiated {
    /// Whether a server takes this.
    fn is_within(&self, demand: &Demand<'_>) -> Result<(), Cause> {
        if !demand.versions.contains(self.version) {
            return Err(ClientError::PolicyVersion {
                client: self.version.wire(),
                min: demand.versions.min().wire(),
                max: demand.versions.max().wire(),
            }
            .into());
        }
        if !demand.suites.is_empty() && !demand.suites.contains(&self.suite) {
            return Err(NegotiationError::CipherSuite(self.suite).into());
        }
        if demand.master_secret == MasterSecret::Required && !self.extended_master_secret {
            return Err(NegotiationError::NoExtendedMasterSecret.into());
        }
        // None is offered.
        match self.application {
            Application::Unnamed => Ok(()),
            Application::Offered(_) | Application::NotOffered => {
                Err(NegotiationError::ApplicationProtocol.into())
            }
        }
    }

    /// Whether this was offered by the policy. Engines ask as soon as they know, before the peer's certificate.
    pub(crate) fn covers(&self, policy: &Policy<'_>) -> Result<(), Cause> {
        if !policy.versions.contains(self.version) {
            return Err(NegotiationError::PolicyVersion {
                server: self.version.wire(),
                policy: policy.versions.min().wire(),
            }
            .into());
        }
        if !policy.suites.is_empty() && !policy.suites.contains(&self.suite) {
            return Err(NegotiationError::CipherSuite(self.suite).into());
        }
        if policy.master_secret == MasterSecret::Required && !self.extended_master_secret {
            return Err(NegotiationError::NoExtendedMasterSecret.into());
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

/// What a server demands of a session, without what it judges certificates by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand<'s> {
    pub(crate) versions: Versions,
    /// Empty for all.
    pub(crate) suites: &'s [u16],
    pub(crate) master_secret: MasterSecret,
    /// A client must show one.
    pub(crate) certificate: bool,
}

impl<'s> Demand<'s> {
    const fn of(policy: &ServerPolicy<'s>) -> Self {
        Self {
            versions: policy.versions,
            suites: policy.suites,
            master_secret: policy.master_secret,
            certificate: matches!(policy.clients, ClientAuth::Required(_)),
        }
    }
}

impl Peer {
    /// Whether a client proved what is asked of it.
    const fn is_client(&self, certificate: bool) -> Result<Accepted, Cause> {
        match (certificate, self) {
            (false, Self::Nobody) => Ok(Accepted::NotAsked),
            // It was not asked, and a server here takes no pre-shared keys.
            (false, _) => Err(Cause::Protocol(ProtocolViolation::Message(11))),
            (true, Self::Nobody | Self::PreSharedKey(_)) => {
                Err(Cause::Client(ClientError::NoClientCertificate))
            }
            (true, Self::UnprovenChain) => Err(Cause::Proof(ProofError::NoSignature)),
            // Nothing of a client's session is kept here.
            (true, Self::Resumed(_)) => Err(Cause::Certificate(CertificateError::NotTrusted)),
            (true, Self::Chain(possession)) => match possession.accepted() {
                accepted @ (Accepted::Path { .. } | Accepted::Pin { .. }) => Ok(accepted),
                // Judged under another policy.
                Accepted::PreSharedKey | Accepted::DangerUnchecked | Accepted::NotAsked => {
                    Err(Cause::Certificate(CertificateError::NotTrusted))
                }
            },
        }
    }

    /// Whether the peer proved what the policy asks for. Engines ask before they show anything of ours.
    pub(crate) fn covers(&self, policy: &Policy<'_>) -> Result<Accepted, Cause> {
        match (policy.peer, self) {
            (PeerAuth::PreSharedKey(_), Self::PreSharedKey(KeyTaken(()))) => {
                Ok(Accepted::PreSharedKey)
            }
            (PeerAuth::PreSharedKey(_), _) => Err(Cause::Proof(ProofError::PskNotTaken)),
            (_, Self::Nobody | Self::PreSharedKey(_)) => {
                Err(Cause::Certificate(CertificateError::NoCertificate))
            }
            (_, Self::UnprovenChain) => Err(Cause::Proof(ProofError::NoSignature)),
            (_, Self::Resumed(resumed)) => resumed.covers(policy),
            (PeerAuth::Chain { .. }, Self::Chain(possession)) => match possession.accepted() {
                accepted @ (Accepted::Path { .. } | Accepted::Pin { .. }) => Ok(accepted),
                // Judged under another policy.
                Accepted::PreSharedKey | Accepted::DangerUnchecked | Accepted::NotAsked => {
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
            resumed: match self.peer {
                Peer::Resumed(resumed) => Some(resumed.age()),
                Peer::Nobody | Peer::UnprovenChain | Peer::Chain(_) | Peer::PreSharedKey(_) => None,
            },
        })
    }

    /// Decides whether a session with a client of ours may exist.
    ///
    /// # Errors
    ///
    /// The first piece that is missing.
    pub fn covers_client(self, policy: &ServerPolicy<'_>) -> Result<Opened, Cause> {
        self.covers_demand(&Demand::of(policy))
    }

    pub(crate) fn covers_demand(self, demand: &Demand<'_>) -> Result<Opened, Cause> {
        if self.finished.is_none() {
            return Err(ProtocolViolation::MissingMessage(20).into());
        }
        self.negotiated.is_within(demand)?;
        Ok(Opened {
            accepted: self.peer.is_client(demand.certificate)?,
            negotiated: self.negotiated,
            resumed: None,
        })
    }
}

/// What is known of the peer of an open session. Made by [`Evidence::covers`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Opened {
    accepted: Accepted,
    negotiated: Negotiated,
    resumed: Option<u32>,
}

impl Opened {
    /// How the peer was accepted.
    #[must_use]
    pub const fn accepted(&self) -> Accepted {
        self.accepted
    }

    /// For a session that was resumed, the seconds since the peer proved itself by a signature. How it was accepted was
    /// decided then, under the same policy.
    #[must_use]
    pub const fn resumed(&self) -> Option<u32> {
        self.resumed
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
    use crate::policy::{Anchors, Clock, NameRule, PreSharedKey, Versions};

    const NEGOTIATED: Negotiated = Negotiated {
        version: Version::Tls13,
        suite: 0x1301,
        group: 0x0017,
        extended_master_secret: true,
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

    /// Each proof against a server that asks, and against one that does not.
    #[test]
    fn a_client_proves_what_it_was_asked_for_and_nothing_else() {
        let asks = |certificate| Demand {
            versions: Versions::ALL,
            suites: &[],
            master_secret: MasterSecret::Required,
            certificate,
        };
        let unchecked = Peer::Chain(Possession::of(Accepted::DangerUnchecked));
        let proven = Peer::Chain(Possession::of(PATH));
        let missing = Cause::from(ClientError::NoClientCertificate);
        let unasked = Cause::from(ProtocolViolation::Message(11));
        for (certificate, peer, expected) in [
            (false, Peer::Nobody, Ok(Accepted::NotAsked)),
            (false, Peer::UnprovenChain, Err(unasked)),
            (false, proven, Err(unasked)),
            (false, Peer::PreSharedKey(KeyTaken::seen()), Err(unasked)),
            (true, Peer::Nobody, Err(missing)),
            (true, Peer::PreSharedKey(KeyTaken::seen()), Err(missing)),
            (
                true,
                Peer::UnprovenChain,
                Err(ProofError::NoSignature.into()),
            ),
            (true, unchecked, Err(CertificateError::NotTrusted.into())),
            (true, proven, Ok(PATH)),
        ] {
            let opened = evidence(peer).covers_demand(&asks(certificate));
            assert_eq!(opened.map(|opened| opened.accepted()), expected, "{peer:?}");
            let unfinished = Evidence {
                finished: None,
                ..evidence(peer)
            };
            assert!(unfinished.covers_demand(&asks(certificate)).is_err());
        }
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
        let with = |application| Evidence {
            negotiated: Negotiated {
                application,
                ..NEGOTIATED
            },
            ..proven(PATH)
        };
        let find = |chosen: &[u8]| Application::find(Some(chosen), offered);
        assert!(with(find(b"mqtt")).covers(&policy).is_ok());
        for application in [find(b"h3"), find(b""), Application::Offered(2)] {
            let refusal = NegotiationError::ApplicationProtocol.into();
            assert_eq!(refused(with(application), &policy), refusal);
        }
    }

    #[test]
    fn a_version_or_suite_outside_the_policy_opens_no_session() {
        let anchors: &[&[u8]] = &[b"x"];
        for (offered, agreed, taken) in [
            ((Version::Tls12, Version::Tls13), Version::Tls12, true),
            ((Version::Tls12, Version::Tls13), Version::Tls13, true),
            ((Version::Tls12, Version::Tls12), Version::Tls12, true),
            ((Version::Tls12, Version::Tls12), Version::Tls13, false),
            ((Version::Tls13, Version::Tls13), Version::Tls12, false),
            ((Version::Tls13, Version::Tls13), Version::Tls13, true),
        ] {
            let policy = Policy {
                versions: Versions::new(offered.0, offered.1).unwrap(),
                ..chain(anchors)
            };
            let evidence = Evidence {
                negotiated: Negotiated {
                    version: agreed,
                    ..NEGOTIATED
                },
                ..proven(PATH)
            };
            assert_eq!(
                evidence.covers(&policy).is_ok(),
                taken,
                "{offered:?} {agreed:?}"
            );
        }
        for (suites, taken) in [
            (&[][..], true),
            (&[0x1301], true),
            (&[0x1302, 0x1301], true),
            (&[0x1302], false),
        ] {
            let policy = Policy {
                suites,
                ..chain(anchors)
            };
            assert_eq!(proven(PATH).covers(&policy).is_ok(), taken, "{suites:?}");
        }
    }

    #[test]
    fn keys_that_are_not_bound_to_the_handshake_open_a_session_only_where_the_policy_says_so() {
        let anchors: &[&[u8]] = &[b"x"];
        let evidence = Evidence {
            negotiated: Negotiated {
                version: Version::Tls12,
                extended_master_secret: false,
                ..NEGOTIATED
            },
            ..proven(PATH)
        };
        assert!(evidence.covers(&chain(anchors)).is_ok());
        let strict = Policy {
            master_secret: MasterSecret::Required,
            ..chain(anchors)
        };
        let refusal = NegotiationError::NoExtendedMasterSecret.into();
        assert_eq!(refused(evidence, &strict), refusal);
    }
}
