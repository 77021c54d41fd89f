//! What will be checked, as a value that can be printed.
//!
//! A policy is made from settings, certificates and the clock before any packet is sent; a session
//! either fulfils all of it or does not exist.

use crate::reason::{CapacityError, Cause, Limit, SetupError};
use core::fmt;

use rustls_pki_types::ServerName;
use x509_facts::Timestamp;

use crate::identity::Identity;
use crate::version::Version;

mod server;

pub use server::{ClientAuth, ServerPolicy};

/// Most certificates of one CA item. An 8 KiB partition holds about 13 of the smallest (P-256, DER).
pub const MAX_ANCHORS: usize = 16;

/// The CAs of one item: every one of them is an anchor, and a server certificate that equals one
/// of them byte for byte is accepted as a pin.
///
/// Certificates under them are judged by [`Profile::Lenient`], unless [`Self::under`] chooses another.
#[derive(Debug, Clone, Copy)]
pub struct Anchors<'a> {
    certificates: &'a [&'a [u8]],
    profile: Profile,
}

/// How closely the certificates of a path must follow RFC 5280 and RFC 9525.
///
/// Both profiles find the same path, check the same dates, names and signatures, and refuse whatever weakens them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Profile {
    /// Refuses what the standards forbid, each fault with a reason of its own
    /// ([`ProfileError`](crate::reason::ProfileError)).
    Strict,
    /// Forgives a form that hand-made CAs are known for and that changes no verdict on a path: a serial number of zero,
    /// a CA without key identifiers, and the like.
    #[default]
    Lenient,
}

impl<'a> Anchors<'a> {
    /// Takes DER certificates, one to [`MAX_ANCHORS`].
    ///
    /// # Errors
    ///
    /// [`SetupError::CaUnreadable`] for none, [`CapacityError::TooLarge`] for too many.
    pub fn new(certificates: &'a [&'a [u8]]) -> Result<Self, Cause> {
        if certificates.is_empty() {
            return Err(Cause::Setup(SetupError::CaUnreadable));
        }
        if certificates.len() > MAX_ANCHORS {
            return Err(Cause::Capacity(CapacityError::too_large(
                Limit::Anchors,
                certificates.len(),
                MAX_ANCHORS,
            )));
        }
        Ok(Self {
            certificates,
            profile: Profile::Lenient,
        })
    }

    /// The same anchors, with certificates judged by `profile`.
    #[must_use]
    pub const fn under(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// How closely certificates must follow the standards.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// The certificates, DER.
    #[must_use]
    pub const fn certificates(&self) -> &'a [&'a [u8]] {
        self.certificates
    }
}

impl Profile {
    /// What a printed policy has behind its checks of a chain.
    const fn as_suffix(self) -> &'static str {
        match self {
            Self::Lenient => "",
            Self::Strict => ",rfc5280",
        }
    }
}

/// Whether the server must prove who it is. There is no default.
#[derive(Debug, Clone, Copy)]
pub enum PeerAuth<'a> {
    /// A chain to one of the anchors, valid at the time of the clock, for the name of the rule.
    Chain {
        /// The CAs that are trusted.
        anchors: Anchors<'a>,
        /// For whom the server's certificate must be. Without this rule whoever holds any
        /// certificate of the CA could stand in for the host that is meant.
        name: NameRule<'a>,
        /// The time at which dates are checked.
        clock: Clock,
    },
    /// The server must know the key (RFC 8446 §2.2, with a fresh ECDH exchange). No
    /// certificate plays a part.
    PreSharedKey(PreSharedKey<'a>),
    /// Any server at all. It must still hold the key of whatever certificate it shows, so that a
    /// recorded certificate cannot be replayed, but nothing says whose it is.
    DangerAnyPeer,
}

#[cfg(feature = "rustls")]
impl PeerAuth<'_> {
    /// The clock by which dates are checked; none is read where none are.
    pub(crate) const fn clock(&self) -> Clock {
        match self {
            Self::Chain { clock, .. } => *clock,
            Self::PreSharedKey(_) | Self::DangerAnyPeer => Clock::Unset,
        }
    }
}

/// A key that both sides were given beforehand, and the name it goes by.
#[derive(Clone, Copy)]
pub struct PreSharedKey<'a> {
    identity: &'a [u8],
    key: &'a [u8],
}

impl<'a> PreSharedKey<'a> {
    /// Takes the identity, which is sent in the clear, and the key, which never is.
    ///
    /// A key that people can remember can be found by whoever records one handshake; the key should
    /// hold 128 bits of randomness.
    ///
    /// # Errors
    ///
    /// [`SetupError::PskEmpty`] where either is empty.
    pub const fn new(identity: &'a [u8], key: &'a [u8]) -> Result<Self, Cause> {
        if identity.is_empty() || key.is_empty() {
            return Err(Cause::Setup(SetupError::PskEmpty));
        }
        Ok(Self { identity, key })
    }

    pub(crate) const fn identity(&self) -> &'a [u8] {
        self.identity
    }

    pub(crate) const fn key(&self) -> &'a [u8] {
        self.key
    }
}

/// Without the key.
impl fmt::Debug for PreSharedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreSharedKey")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// For whom the server's certificate must be. There is no default.
#[derive(Debug, Clone, Copy)]
pub enum NameRule<'a> {
    /// The certificate must be for this name.
    MustMatch {
        /// DNS name or IP address.
        name: PeerName<'a>,
        /// What the subject's CN counts for.
        common_name: CommonName,
    },
    /// Any certificate under the anchors is accepted. Right only where the anchors issue for nobody
    /// but the one server: every other holder of such a certificate can stand in for it.
    DangerAnyName,
}

/// What the subject's CN counts for. The subjectAltName is read in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CommonName {
    /// Nothing (RFC 9525 §2).
    Ignored,
    /// It is the name of a certificate without any subjectAltName (RFC 6125 §6.4.4), as in Mbed TLS.
    CountsWithoutSan,
}

/// A DNS name or IP address to find in a certificate.
#[derive(Debug, Clone, Copy)]
pub struct PeerName<'a> {
    text: &'a str,
}

impl<'a> PeerName<'a> {
    /// # Errors
    ///
    /// [`SetupError::NameInvalid`] for text that is neither a DNS name nor an IP address.
    pub fn new(text: &'a str) -> Result<Self, Cause> {
        ServerName::try_from(text)
            .map(|_| Self { text })
            .map_err(|_| Cause::Setup(SetupError::NameInvalid))
    }

    /// The name as it was given.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether this is an IP address, which never goes into SNI.
    #[must_use]
    pub fn is_ip_address(&self) -> bool {
        matches!(
            ServerName::try_from(self.text),
            Ok(ServerName::IpAddress(_))
        )
    }

    pub(crate) fn server_name(&self) -> Result<ServerName<'a>, Cause> {
        ServerName::try_from(self.text).map_err(|_| Cause::Setup(SetupError::NameInvalid))
    }
}

/// What is known of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Clock {
    /// Never set: a policy that checks dates refuses every certificate.
    Unset,
    /// Set, but to a time that cannot be: before this program was built, or before a time that was
    /// learnt earlier. A policy that checks dates refuses every certificate.
    BeforeFloor {
        /// What the clock says.
        now: Timestamp,
        /// The earliest time it can be.
        floor: Timestamp,
    },
    /// Seconds since 1970, UTC.
    At(Timestamp),
}

/// The versions that may be agreed on, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Versions {
    min: Version,
    max: Version,
}

impl Versions {
    /// TLS 1.2 and 1.3.
    pub const ALL: Self = Self {
        min: Version::Tls12,
        max: Version::Tls13,
    };

    /// TLS 1.2 alone.
    pub const TLS12: Self = Self {
        min: Version::Tls12,
        max: Version::Tls12,
    };

    /// TLS 1.3 alone.
    pub const TLS13: Self = Self {
        min: Version::Tls13,
        max: Version::Tls13,
    };

    /// From `min` to `max`; `None` where that is nothing.
    #[must_use]
    pub fn new(min: Version, max: Version) -> Option<Self> {
        (min <= max).then_some(Self { min, max })
    }

    /// The oldest.
    #[must_use]
    pub const fn min(self) -> Version {
        self.min
    }

    /// The newest.
    #[must_use]
    pub const fn max(self) -> Version {
        self.max
    }

    /// Whether a version may be agreed on.
    #[must_use]
    pub fn contains(self, version: Version) -> bool {
        (self.min..=self.max).contains(&version)
    }
}

/// Whether a session of TLS 1.2 must bind its keys to the whole handshake (RFC 7627). TLS 1.3 always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MasterSecret {
    /// A server that does not know it is refused.
    Required,
    /// Asked for; a server that does not know it is accepted, and [`Opened`](crate::Opened) says so.
    Asked,
}

/// Which engine may run a session, where a build has two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum EngineRule {
    /// The one that can do most: rustls for certificates, embedded-tls for pre-shared keys.
    Best,
    /// One that needs no heap: embedded-tls, with TLS 1.3, P-256 and TLS_AES_128_GCM_SHA256 alone.
    WithoutHeap,
}

/// Everything a session must be before it may carry a byte.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// Who the server must be.
    pub peer: PeerAuth<'a>,
    /// Versions offered.
    pub versions: Versions,
    /// Cipher suites offered, by their IANA numbers; empty for all that there are. Those that the build does not have
    /// are passed over.
    pub suites: &'a [u16],
    /// What is asked of the keys of TLS 1.2.
    pub master_secret: MasterSecret,
    /// Which engine may run it.
    pub engine: EngineRule,
    /// Server name sent in the clear in ClientHello; a DNS name.
    pub sni: Option<&'a str>,
    /// Application protocols offered, in order of preference.
    pub alpn: &'a [&'a [u8]],
    /// Who we are, for a server that asks.
    pub identity: Option<&'a Identity<'a>>,
}

impl<'a> Policy<'a> {
    /// What most clients want: a chain to one of `anchors`, valid at the time of `clock`, for the DNS name or IP address
    /// `host`. The subject's CN counts for nothing, and a DNS name is sent as SNI.
    ///
    /// ```
    /// use tls_session::{Anchors, Cause, Clock, Policy};
    ///
    /// # fn policy<'a>(anchors: Anchors<'a>, clock: Clock) -> Result<Policy<'a>, Cause> {
    /// let policy = Policy::for_host("broker.local", anchors, clock)?;
    /// assert_eq!(policy.sni, Some("broker.local"));
    /// # Ok(policy) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SetupError::NameInvalid`] where `host` is neither a DNS name nor an IP address.
    pub fn for_host(host: &'a str, anchors: Anchors<'a>, clock: Clock) -> Result<Self, Cause> {
        let name = PeerName::new(host)?;
        let rule = NameRule::MustMatch {
            name,
            common_name: CommonName::Ignored,
        };
        Ok(Self {
            sni: (!name.is_ip_address()).then_some(host),
            ..Self::chain(anchors, rule, clock)
        })
    }

    /// A chain to one of `anchors`, valid at the time of `clock`, for the name of the rule.
    ///
    /// The rule is a required part: a policy without one does not compile.
    ///
    /// ```
    /// use tls_session::{Anchors, Clock, CommonName, NameRule, PeerName, Policy};
    ///
    /// # fn policy<'a>(anchors: Anchors<'a>, clock: Clock) -> Result<Policy<'a>, tls_session::Cause> {
    /// let name = PeerName::new("broker.local")?;
    /// let rule = NameRule::MustMatch { name, common_name: CommonName::Ignored };
    /// let policy = Policy::chain(anchors, rule, clock);
    /// # Ok(policy) }
    /// ```
    ///
    /// ```compile_fail,E0061
    /// # use tls_session::{Anchors, Clock, Policy};
    /// # fn policy<'a>(anchors: Anchors<'a>, clock: Clock) -> Policy<'a> {
    /// Policy::chain(anchors, clock)
    /// # }
    /// ```
    ///
    /// ```compile_fail,E0063
    /// # use tls_session::{Anchors, Clock, PeerAuth};
    /// # fn peer<'a>(anchors: Anchors<'a>, clock: Clock) -> PeerAuth<'a> {
    /// PeerAuth::Chain { anchors, clock }
    /// # }
    /// ```
    #[must_use]
    pub const fn chain(anchors: Anchors<'a>, name: NameRule<'a>, clock: Clock) -> Self {
        Self::new(PeerAuth::Chain {
            anchors,
            name,
            clock,
        })
    }

    /// The server must know this key.
    #[must_use]
    pub const fn pre_shared_key(key: PreSharedKey<'a>) -> Self {
        Self::new(PeerAuth::PreSharedKey(key))
    }

    /// No check of who the server is.
    #[must_use]
    pub const fn danger_any_peer() -> Self {
        Self::new(PeerAuth::DangerAnyPeer)
    }

    /// Any rule, with TLS 1.2 and 1.3, all suites, and nothing else asked for or shown.
    #[must_use]
    pub const fn new(peer: PeerAuth<'a>) -> Self {
        Self {
            peer,
            versions: Versions::ALL,
            suites: &[],
            master_secret: MasterSecret::Asked,
            engine: EngineRule::Best,
            sni: None,
            alpn: &[],
            identity: None,
        }
    }
}

/// `chain,dates,name=broker.local`, `chain,dates,name=none`, `psk` or `danger-any-peer`; behind it `,rfc5280` for
/// [`Profile::Strict`], `,tls1.2` or
/// `,tls1.3` where that version alone is offered, `,extended-master-secret` where that is required, and `,identity`
/// where we can say who we are.
impl fmt::Display for Policy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            PeerAuth::DangerAnyPeer => f.write_str("danger-any-peer")?,
            PeerAuth::PreSharedKey(_) => f.write_str("psk")?,
            PeerAuth::Chain { anchors, name, .. } => {
                match name {
                    NameRule::DangerAnyName => f.write_str("chain,dates,name=none")?,
                    NameRule::MustMatch { name, .. } => {
                        write!(f, "chain,dates,name={}", name.text)?;
                    }
                }
                f.write_str(anchors.profile.as_suffix())?;
            }
        }
        match (self.versions.min, self.versions.max) {
            (Version::Tls12, Version::Tls13) => {}
            (Version::Tls12, Version::Tls12) => f.write_str(",tls1.2")?,
            (Version::Tls13, _) => f.write_str(",tls1.3")?,
        }
        if self.master_secret == MasterSecret::Required {
            f.write_str(",extended-master-secret")?;
        }
        match self.identity {
            Some(_) => f.write_str(",identity"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_policy_prints_what_it_checks() {
        let certificates: &[&[u8]] = &[b"x"];
        let anchors = Anchors::new(certificates).unwrap();
        let policy = Policy::chain(anchors, NameRule::DangerAnyName, Clock::Unset);
        assert_eq!(policy.to_string(), "chain,dates,name=none");
        let strict = anchors.under(Profile::Strict);
        let policy = Policy::chain(strict, NameRule::DangerAnyName, Clock::Unset);
        assert_eq!(policy.to_string(), "chain,dates,name=none,rfc5280");
        let rule = NameRule::MustMatch {
            name: PeerName::new("broker.local").unwrap(),
            common_name: CommonName::CountsWithoutSan,
        };
        let policy = Policy::chain(anchors, rule, Clock::Unset);
        assert_eq!(policy.to_string(), "chain,dates,name=broker.local");
        assert_eq!(Policy::danger_any_peer().to_string(), "danger-any-peer");
        let key = PreSharedKey::new(b"meter 7", b"0123456789abcdef").unwrap();
        assert_eq!(Policy::pre_shared_key(key).to_string(), "psk");
        for (min, max, text) in [
            (Version::Tls12, Version::Tls13, "danger-any-peer"),
            (Version::Tls13, Version::Tls13, "danger-any-peer,tls1.3"),
            (Version::Tls12, Version::Tls12, "danger-any-peer,tls1.2"),
        ] {
            let versions = Versions::new(min, max).unwrap();
            let policy = Policy {
                versions,
                ..Policy::danger_any_peer()
            };
            assert_eq!(policy.to_string(), text);
            for version in [Version::Tls12, Version::Tls13] {
                assert_eq!(versions.contains(version), version >= min && version <= max);
            }
        }
        assert_eq!(Versions::new(Version::Tls13, Version::Tls12), None);
        let policy = Policy {
            master_secret: MasterSecret::Required,
            ..Policy::danger_any_peer()
        };
        assert_eq!(policy.to_string(), "danger-any-peer,extended-master-secret");
    }

    #[test]
    fn a_pre_shared_key_has_a_name_and_never_shows() {
        assert_eq!(
            PreSharedKey::new(b"", b"k").unwrap_err(),
            Cause::Setup(SetupError::PskEmpty)
        );
        assert_eq!(
            PreSharedKey::new(b"n", b"").unwrap_err(),
            Cause::Setup(SetupError::PskEmpty)
        );
        let key = PreSharedKey::new(b"n", b"opensesame").unwrap();
        let shown = std::format!("{:?}", Policy::pre_shared_key(key));
        assert!(
            !shown.contains("opensesame") && !shown.contains("111, 112"),
            "{shown}"
        );
    }

    #[test]
    fn a_name_is_a_dns_name_or_an_address() {
        for good in [
            "a",
            "broker.local",
            "192.168.3.129",
            "::1",
            "xn--bcher-kva.example",
        ] {
            assert!(PeerName::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "a b",
            "*.example",
            "a..b",
            "-a.example",
            "ü.example",
            "1.2.3.4:5",
        ] {
            assert!(PeerName::new(bad).is_err(), "{bad}");
        }
        assert!(PeerName::new("10.0.0.1").unwrap().is_ip_address());
        assert!(!PeerName::new("ten").unwrap().is_ip_address());
    }

    #[test]
    fn anchors_are_one_to_sixteen() {
        let many: [&[u8]; MAX_ANCHORS + 1] = [b"x"; MAX_ANCHORS + 1];
        assert_eq!(
            Anchors::new(&[]).unwrap_err(),
            Cause::Setup(SetupError::CaUnreadable)
        );
        assert!(Anchors::new(&many[..MAX_ANCHORS]).is_ok());
        assert_eq!(
            Anchors::new(&many).unwrap_err(),
            Cause::Capacity(CapacityError::TooLarge {
                what: Limit::Anchors,
                needed: 17,
                limit: 16
            })
        );
    }
}
