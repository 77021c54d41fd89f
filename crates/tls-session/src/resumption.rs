//! What a resumed session stands on: the policy that a chain was judged under once, and the dates of that judgement.
//!
//! A resumed session shows no certificate and no signature. So it may exist only under the policy of the session that it
//! resumes, all of it: the [`digest`] of both must be equal, and the dates must still hold.

use sha2::{Digest, Sha256};
use x509_facts::Timestamp;

use crate::policy::{
    Clock, CommonName, EngineRule, MasterSecret, NameRule, PeerAuth, Policy, Profile,
};
use crate::reason::{Cause, CertificateError};
use crate::verify::{Accepted, Version};

/// SHA-256 over fields that cannot be confused: each has its length before it.
pub(crate) struct Fields(Sha256);

impl Fields {
    pub(crate) fn new() -> Self {
        Self(Sha256::new())
    }

    pub(crate) fn field(&mut self, bytes: &[u8]) {
        // No slice is longer.
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.0.update(len.to_be_bytes());
        self.0.update(bytes);
    }

    /// A list is its length and its fields.
    fn list<'b>(&mut self, len: usize, fields: impl Iterator<Item = &'b [u8]>) {
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        self.field(&len.to_be_bytes());
        fields.for_each(|field| self.field(field));
    }

    fn optional(&mut self, field: Option<&[u8]>) {
        self.list(usize::from(field.is_some()), field.into_iter());
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// A policy without its clock, in 32 bytes: whatever else of it changes, they do.
pub(crate) fn digest(policy: &Policy<'_>) -> [u8; 32] {
    let Policy {
        peer,
        versions,
        suites,
        master_secret,
        engine,
        sni,
        alpn,
        identity,
    } = policy;
    let mut fields = Fields::new();
    peer_fields(&mut fields, peer);
    let bound = *master_secret == MasterSecret::Required;
    let best = *engine == EngineRule::Best;
    let older = |version| u8::from(version == Version::Tls12);
    fields.field(&[
        older(versions.min()),
        older(versions.max()),
        u8::from(bound),
        u8::from(best),
    ]);
    fields.list(suites.len(), core::iter::empty());
    for suite in *suites {
        fields.field(&suite.to_be_bytes());
    }
    fields.optional(sni.map(str::as_bytes));
    fields.list(alpn.len(), alpn.iter().copied());
    match identity {
        None => fields.optional(None),
        Some(identity) => {
            // The key belongs to the first certificate.
            let chain = identity.chain();
            fields.list(chain.iter().count(), chain.iter());
        }
    }
    fields.finish()
}

fn peer_fields(fields: &mut Fields, peer: &PeerAuth<'_>) {
    match peer {
        PeerAuth::Chain { anchors, name, .. } => {
            fields.field(b"chain");
            fields.field(match anchors.profile() {
                Profile::Lenient => b"lenient",
                Profile::Strict => b"strict",
            });
            let anchors = anchors.certificates();
            fields.list(anchors.len(), anchors.iter().copied());
            match name {
                NameRule::DangerAnyName => fields.optional(None),
                NameRule::MustMatch { name, common_name } => {
                    fields.optional(Some(name.as_str().as_bytes()));
                    fields.field(match common_name {
                        CommonName::Ignored => b"ignored",
                        CommonName::CountsWithoutSan => b"counts",
                    });
                }
            }
        }
        // No engine that knows the key resumes.
        PeerAuth::PreSharedKey(_) => fields.field(b"key"),
        PeerAuth::DangerAnyPeer => fields.field(b"any"),
    }
}

/// When a chain was judged, and when the first certificate of its path expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dates {
    pub(crate) verified: Timestamp,
    pub(crate) not_after: Timestamp,
}

impl Dates {
    /// Whether the chain would be in date now, by a clock that was not set back.
    pub(crate) fn hold(self, clock: Clock) -> Result<(), CertificateError> {
        match clock {
            Clock::Unset => Err(CertificateError::ClockNotSet),
            Clock::BeforeFloor { now, floor } => {
                Err(CertificateError::ClockBeforeFloor { now, floor })
            }
            Clock::At(now) if now < self.verified => Err(CertificateError::ClockBeforeFloor {
                now,
                floor: self.verified,
            }),
            Clock::At(now) if now > self.not_after => Err(CertificateError::Expired {
                not_after: self.not_after,
                now,
            }),
            Clock::At(_) => Ok(()),
        }
    }
}

/// The session that is resumed. Only an engine makes one, of what it kept with the ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    pub(crate) policy: [u8; 32],
    pub(crate) accepted: Accepted,
    /// `None` where the policy checks none.
    pub(crate) dates: Option<Dates>,
    pub(crate) age: u32,
}

impl Resumed {
    /// Seconds since the peer proved itself by a signature.
    #[must_use]
    pub const fn age(&self) -> u32 {
        self.age
    }

    /// Whether it may be resumed under this policy, now.
    pub(crate) fn covers(&self, policy: &Policy<'_>) -> Result<Accepted, Cause> {
        let other = Cause::Certificate(CertificateError::NotTrusted);
        if self.policy != digest(policy) {
            return Err(other);
        }
        match (policy.peer, self.accepted, self.dates) {
            (
                PeerAuth::Chain { clock, .. },
                accepted @ (Accepted::Path { .. } | Accepted::Pin { .. }),
                Some(dates),
            ) => {
                dates.hold(clock)?;
                Ok(accepted)
            }
            (PeerAuth::DangerAnyPeer, Accepted::DangerUnchecked, _) => {
                Ok(Accepted::DangerUnchecked)
            }
            _ => Err(other),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::policy::{Anchors, PeerName, Versions};
    use std::vec::Vec;

    const CLOCK: Clock = Clock::At(Timestamp::from_unix(1000));

    fn named(name: &str, common_name: CommonName) -> NameRule<'_> {
        let name = PeerName::new(name).unwrap();
        NameRule::MustMatch { name, common_name }
    }

    /// Every policy here differs from every other in what a ticket is bound to.
    #[test]
    fn no_two_policies_have_the_same_digest() {
        let (one, two): (&[&[u8]], &[&[u8]]) = (&[b"ca"], &[b"ca", b"cb"]);
        let other: &[&[u8]] = &[b"cb"];
        let rule = named("a.example", CommonName::Ignored);
        let of = |anchors, rule| Policy::chain(Anchors::new(anchors).unwrap(), rule, CLOCK);
        let base = of(one, rule);
        let (h2, mqtt): (&[&[u8]], &[&[u8]]) = (&[b"h2"], &[b"h", b"2"]);
        let strict = Anchors::new(one).unwrap().under(Profile::Strict);
        let policies = [
            base,
            Policy::chain(strict, rule, CLOCK),
            of(two, rule),
            of(other, rule),
            of(one, named("b.example", CommonName::Ignored)),
            of(one, named("a.example", CommonName::CountsWithoutSan)),
            of(one, NameRule::DangerAnyName),
            Policy::danger_any_peer(),
            Policy {
                versions: Versions::TLS12,
                ..base
            },
            Policy {
                versions: Versions::TLS13,
                ..base
            },
            Policy {
                suites: &[0x1301],
                ..base
            },
            Policy {
                suites: &[0x1301, 0x1302],
                ..base
            },
            Policy {
                master_secret: MasterSecret::Required,
                ..base
            },
            Policy {
                engine: EngineRule::WithoutHeap,
                ..base
            },
            Policy {
                sni: Some("a.example"),
                ..base
            },
            Policy { alpn: h2, ..base },
            Policy { alpn: mqtt, ..base },
        ];
        let mut digests: Vec<_> = policies.iter().map(digest).collect();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), policies.len());
        // The clock is compared by itself.
        let later = Clock::At(Timestamp::from_unix(2000));
        let same = Policy::chain(Anchors::new(one).unwrap(), rule, later);
        assert_eq!(digest(&same), digest(&base));
    }

    #[test]
    fn duty_110_dates_hold_between_the_judgement_and_the_first_that_expires() {
        let dates = Dates {
            verified: Timestamp::from_unix(1000),
            not_after: Timestamp::from_unix(2000),
        };
        let at = |seconds| dates.hold(Clock::At(Timestamp::from_unix(seconds)));
        assert!(at(1000).is_ok() && at(2000).is_ok());
        assert!(matches!(at(2001), Err(CertificateError::Expired { .. })));
        assert!(matches!(
            at(999),
            Err(CertificateError::ClockBeforeFloor { .. })
        ));
        assert_eq!(dates.hold(Clock::Unset), Err(CertificateError::ClockNotSet));
    }

    /// Duty 119: what a session was resumed under is the policy of the session that was judged.
    #[test]
    fn duty_119_a_session_is_resumed_under_its_own_policy_alone() {
        let anchors: &[&[u8]] = &[b"ca"];
        let chain = |clock| {
            let anchors = Anchors::new(anchors).unwrap();
            Policy::chain(anchors, NameRule::DangerAnyName, clock)
        };
        let any = Policy::danger_any_peer();
        let resumed = |policy, accepted, dates| Resumed {
            policy: digest(policy),
            accepted,
            dates,
            age: 5,
        };
        let path = Accepted::Path {
            anchor: 0,
            intermediates: 1,
        };
        let dates = Some(Dates {
            verified: Timestamp::from_unix(900),
            not_after: Timestamp::from_unix(1100),
        });
        let now = chain(CLOCK);
        let good = resumed(&now, path, dates);
        assert_eq!(good.covers(&now), Ok(path));
        assert_eq!(good.age(), 5);
        let unchecked = resumed(&any, Accepted::DangerUnchecked, None);
        assert_eq!(unchecked.covers(&any), Ok(Accepted::DangerUnchecked));
        for (resumed, policy) in [
            (good, any),
            (unchecked, now),
            // What no engine makes.
            (resumed(&now, Accepted::DangerUnchecked, dates), now),
            (resumed(&now, path, None), now),
            (resumed(&any, path, dates), any),
        ] {
            let refused = Err(CertificateError::NotTrusted.into());
            assert_eq!(resumed.covers(&policy), refused);
        }
        for clock in [
            Clock::Unset,
            Clock::At(Timestamp::from_unix(899)),
            Clock::At(Timestamp::from_unix(1101)),
        ] {
            assert!(good.covers(&chain(clock)).is_err(), "{clock:?}");
        }
    }
}
