//! What a TLS link is checked for: the one place where settings become the terms of a session.
//!
//! ```text
//! mode 2, 3                chain, dates, and a name: CN, else SNI, else (strict) the host of CIPSTART
//! mode 0, 1 with a key     the pre-shared key; certificates play no part
//! mode 0, 1 without one    anybody; refused by the strict mode
//! ```
//!
//! Strict means that every server proves who it is and that it is the one that was asked for. A
//! pre-shared key does both: whoever else holds it was given it.

use core::net::IpAddr;

use at_grammar::LinkId;
use at_grammar::types::PolicyMode;

use crate::secret::Psk;
use crate::settings::HostText;
use crate::settings::tls::{AlpnList, SuiteList, TlsValues};
use crate::why::{ModemError, Stage, Why};
use tls_session::{MasterSecret, Profile, Versions};

/// How the server proves who it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PeerTerms<'s> {
    /// By a certificate under item `ca` of `client_ca`.
    Chain { ca: u8 },
    /// By knowing this key; no certificate plays a part then.
    Psk(&'s Psk),
    /// It does not.
    DangerAnyPeer,
}

/// The name that the server's certificate must carry, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameTerms<'s> {
    /// None: ESP-AT looks at the name only where one was configured.
    DangerAnyName,
    /// `AT+CIPSSLCCN`, else `AT+CIPSSLCSNI`.
    Configured(&'s str),
    /// The host of the command that opens the link.
    Host(&'s str),
}

impl<'s> NameTerms<'s> {
    pub(crate) const fn text(self) -> Option<&'s str> {
        match self {
            Self::DangerAnyName => None,
            Self::Configured(name) | Self::Host(name) => Some(name),
        }
    }
}

/// The terms of one session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'s> {
    pub(crate) peer: PeerTerms<'s>,
    pub(crate) name: NameTerms<'s>,
    /// The name sent in ClientHello.
    pub(crate) sni: Option<&'s str>,
    pub(crate) alpn: &'s AlpnList,
    /// Versions offered.
    pub(crate) versions: Versions,
    /// Cipher suites offered; empty for all.
    pub(crate) suites: &'s SuiteList,
    /// The strict mode requires that the keys of TLS 1.2 are bound to the handshake.
    pub(crate) master_secret: MasterSecret,
    /// The strict mode requires that certificates have the form that the standards lay down.
    pub(crate) profile: Profile,
    /// Position of our certificate in `client_cert`, and of its key in `client_key`.
    pub(crate) identity: Option<u8>,
}

/// A link that must not be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal<'s> {
    /// The strict mode does not take these terms.
    Strict(Terms<'s>),
    /// The link has no settings, and none is opened unchecked.
    NoSettings,
}

impl From<Refusal<'_>> for Why {
    fn from(_: Refusal<'_>) -> Self {
        Self::new(Stage::Setup, ModemError::StrictPolicy)
    }
}

/// The terms of a session to `host` over `link`, as the settings are now. `AT+CIPSTART`,
/// `AT+SSLPROBE`, `AT+SSLPOLICY?` and each handshake call it.
///
/// # Errors
///
/// The link must not be opened.
pub(crate) fn terms_of<'s>(
    values: &'s TlsValues,
    link: LinkId,
    host: &'s str,
) -> Result<Terms<'s>, Refusal<'s>> {
    let terms = lenient(values, link, host).ok_or(Refusal::NoSettings)?;
    match (terms.peer, values.policy_mode) {
        (PeerTerms::DangerAnyPeer, PolicyMode::Strict) => Err(Refusal::Strict(terms)),
        _ => Ok(terms),
    }
}

/// The terms, whatever the policy mode makes of them.
fn lenient<'s>(values: &'s TlsValues, link: LinkId, host: &'s str) -> Option<Terms<'s>> {
    let at = link.index();
    let conf = values.ssl.get(at)?;
    let psk = values.psk.get(at)?.as_ref();
    let given = |names: &'s [HostText]| {
        let name = names.get(at)?.as_str();
        Some(name).filter(|name| !name.is_empty())
    };
    let sni = given(&values.sni);
    // A mode that verifies the server's certificate is not replaced by a key.
    let peer = match psk {
        _ if conf.auth.verifies_server() => PeerTerms::Chain { ca: conf.ca },
        Some(psk) => PeerTerms::Psk(psk),
        None => PeerTerms::DangerAnyPeer,
    };
    // A server that knows the key may not ask for our certificate (RFC 8446 §4.3.2).
    let shown = conf.auth.sends_certificate() && !matches!(peer, PeerTerms::Psk(_));
    Some(Terms {
        peer,
        name: match (given(&values.common_name).or(sni), values.policy_mode) {
            (Some(name), _) => NameTerms::Configured(name),
            (None, PolicyMode::Strict) => NameTerms::Host(host),
            (None, PolicyMode::EspAt) => NameTerms::DangerAnyName,
        },
        // A host name goes into SNI by itself; an address never does (RFC 6066 §3).
        sni: Some(sni.unwrap_or(host)).filter(|name| name.parse::<IpAddr>().is_err()),
        alpn: values.alpn.get(at)?,
        versions: *values.versions.get(at)?,
        suites: values.suites.get(at)?,
        master_secret: master_secret(values.policy_mode),
        profile: profile(values.policy_mode),
        identity: shown.then_some(conf.pki),
    })
}

/// What a policy demands of a session of TLS 1.2, in either role.
pub(crate) const fn master_secret(mode: PolicyMode) -> MasterSecret {
    match mode {
        PolicyMode::Strict => MasterSecret::Required,
        PolicyMode::EspAt => MasterSecret::Asked,
    }
}

/// What a policy demands of the form of certificates, in either role.
pub(crate) const fn profile(mode: PolicyMode) -> Profile {
    match mode {
        PolicyMode::Strict => Profile::Strict,
        PolicyMode::EspAt => Profile::Lenient,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::secret::{Secret, Wiped};
    use crate::settings::Settings;
    use at_grammar::types::AuthMode;
    use std::format;
    use std::string::String;

    /// Every mode, with and without a key, CN and SNI, in both dialects.
    #[test]
    fn terms_of_every_combination_of_settings() {
        let mut lines = String::new();
        for policy_mode in [PolicyMode::Strict, PolicyMode::EspAt] {
            for mode in 0..4 {
                for bits in 0..8_u8 {
                    let (key, cn, sni) = (bits & 1 > 0, bits & 2 > 0, bits & 4 > 0);
                    let settings = Settings::new();
                    let line = settings.change(|values| {
                        let tls = &mut values.tls;
                        tls.policy_mode = policy_mode;
                        tls.ssl[1].auth = AuthMode::from_code(mode).unwrap();
                        (tls.ssl[1].pki, tls.ssl[1].ca) = (3, 4);
                        tls.psk[1] = key.then(|| Psk {
                            key: Secret::collect(b"k".iter().copied()).unwrap(),
                            identity: Wiped::from_slice(b"i").unwrap(),
                        });
                        if cn {
                            tls.common_name[1] = "cn".try_into().unwrap();
                        }
                        if sni {
                            tls.sni[1] = "sni".try_into().unwrap();
                        }
                        let link = LinkId::ALL[1];
                        check(terms_of(tls, link, "host"), policy_mode, mode, key, cn, sni)
                    });
                    lines.push_str(&line);
                }
            }
        }
        assert_eq!(lines.matches("refused").count(), 8);
    }

    fn check(
        result: Result<Terms<'_>, Refusal<'_>>,
        policy_mode: PolicyMode,
        mode: u8,
        key: bool,
        cn: bool,
        sni: bool,
    ) -> String {
        let (terms, refused) = match result {
            Ok(terms) => (terms, false),
            Err(Refusal::Strict(terms)) => (terms, true),
            Err(Refusal::NoSettings) => panic!("there are settings"),
        };
        let verifies = mode >= 2;
        assert_eq!(
            refused,
            policy_mode == PolicyMode::Strict && !verifies && !key
        );
        match terms.peer {
            PeerTerms::Chain { ca } => assert!(verifies && ca == 4),
            PeerTerms::Psk(psk) => assert!(!verifies && *psk.identity == *b"i"),
            PeerTerms::DangerAnyPeer => assert!(!verifies && !key),
        }
        let name = match (cn, sni, policy_mode) {
            (true, _, _) => NameTerms::Configured("cn"),
            (false, true, _) => NameTerms::Configured("sni"),
            (false, false, PolicyMode::Strict) => NameTerms::Host("host"),
            (false, false, PolicyMode::EspAt) => NameTerms::DangerAnyName,
        };
        assert_eq!(terms.name, name);
        assert_eq!(terms.profile, profile(policy_mode));
        assert_eq!(terms.sni, Some(if sni { "sni" } else { "host" }));
        let shown = matches!(mode, 1 | 3) && (verifies || !key);
        assert_eq!(terms.identity, shown.then_some(3));
        format!("{}\n", if refused { "refused" } else { "taken" })
    }

    #[test]
    fn an_address_is_no_sni() {
        let settings = Settings::new();
        settings.change(|values| {
            values.tls.ssl[0].auth = AuthMode::from_code(2).unwrap();
            for host in ["192.0.2.1", "2001:db8::1"] {
                let terms = terms_of(&values.tls, LinkId::ZERO, host);
                let terms = terms.unwrap();
                assert_eq!((terms.sni, terms.name), (None, NameTerms::Host(host)));
            }
        });
    }
}
