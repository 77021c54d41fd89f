//! Settings of TLS links: what is checked, what is shown, and the policy over all of them.
//!
//! | key | bytes |
//! |---|---|
//! | `sslpolicy` | policy mode |
//! | `sslresume` | whether sessions may be resumed: 0 or 1 |
//! | `cipsslcconf.<link>` | mode, number of certificate and key, number of CA |
//! | `sslversion.<link>` | oldest and newest version |
//!
//! Names, protocols, cipher suites and pre-shared keys are never stored.

use at_grammar::LinkId;
use at_grammar::types::{AuthMode, PolicyMode, TlsVersion};
use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;
use tls_session::{Version, Versions};

use super::key::Key;
use super::record::{HostText, Store};
use crate::secret::Psk;

/// ALPN entries: at most five, as long as a command line lets them be.
pub(crate) type AlpnList = Vec<Vec<u8, 64>, 5>;

/// Suites of `AT+CIPSSLCCIPHER`, of those that the build has.
pub(crate) type SuiteList = Vec<u16, 16>;

/// `AT+SSLVERSION` of one link, as it is stored: the codes of the command.
pub(crate) const fn encode_versions(versions: Versions) -> [u8; 2] {
    [code(versions.min()), code(versions.max())]
}

fn decode_versions(record: &[u8]) -> Option<Versions> {
    let &[min, max] = record else {
        return None;
    };
    versions(TlsVersion::from_code(min)?, TlsVersion::from_code(max)?)
}

const fn code(version: Version) -> u8 {
    shown(version).code()
}

/// A version as the command writes it.
pub(crate) const fn shown(version: Version) -> TlsVersion {
    match version {
        Version::Tls12 => TlsVersion::Tls12,
        Version::Tls13 => TlsVersion::Tls13,
    }
}

/// The versions that a command names; `None` where the newest is older than the oldest.
pub(crate) fn versions(min: TlsVersion, max: TlsVersion) -> Option<Versions> {
    let version = |version| match version {
        TlsVersion::Tls12 => Version::Tls12,
        TlsVersion::Tls13 => Version::Tls13,
    };
    Versions::new(version(min), version(max))
}

/// `AT+CIPSSLCCONF` of one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SslConf {
    pub(crate) auth: AuthMode,
    /// Number of our certificate in `client_cert`, and of its key in `client_key`.
    pub(crate) pki: u8,
    /// Number of the CA item in `client_ca`.
    pub(crate) ca: u8,
}

impl SslConf {
    const NONE: Self = Self {
        auth: AuthMode::None,
        pki: 0,
        ca: 0,
    };

    pub(crate) const fn encode(self) -> [u8; 3] {
        [self.auth.code(), self.pki, self.ca]
    }

    fn decode(record: &[u8]) -> Option<Self> {
        let &[auth, pki, ca] = record else {
            return None;
        };
        Some(Self {
            auth: AuthMode::from_code(auth)?,
            pki,
            ca,
        })
    }
}

/// Settings of TLS links.
pub(crate) struct TlsValues {
    // Stored.
    pub(crate) policy_mode: PolicyMode,
    /// `AT+SSLRESUME`.
    pub(crate) resume: bool,
    pub(crate) ssl: [SslConf; LinkId::COUNT],
    /// `AT+SSLVERSION`.
    pub(crate) versions: [Versions; LinkId::COUNT],
    // Gone after a restart.
    /// `AT+CIPSSLCCN`; empty for none.
    pub(crate) common_name: [HostText; LinkId::COUNT],
    /// `AT+CIPSSLCSNI`; empty for none.
    pub(crate) sni: [HostText; LinkId::COUNT],
    pub(crate) alpn: [AlpnList; LinkId::COUNT],
    /// `AT+CIPSSLCCIPHER`; empty for all there are.
    pub(crate) suites: [SuiteList; LinkId::COUNT],
    /// `AT+CIPSSLCPSK`. Here is the only copy between two handshakes.
    pub(crate) psk: [Option<Psk>; LinkId::COUNT],
}

impl TlsValues {
    /// The strictest policy, until flash was read.
    pub(super) fn new() -> Self {
        Self {
            policy_mode: PolicyMode::Strict,
            resume: false,
            ssl: [SslConf::NONE; LinkId::COUNT],
            versions: [Versions::ALL; LinkId::COUNT],
            common_name: Default::default(),
            sni: Default::default(),
            alpn: Default::default(),
            suites: Default::default(),
            psk: Default::default(),
        }
    }

    pub(super) async fn load<F: NorFlash>(&mut self, store: &mut Store<'_, F>) {
        let mut buffer = [0; 3];
        self.policy_mode = match store.get(Key::TLS_POLICY, &mut buffer).await {
            Ok(None) => PolicyMode::EspAt,
            Ok(Some(record)) => record
                .first()
                .and_then(|code| PolicyMode::from_code(*code))
                .unwrap_or(PolicyMode::Strict),
            // Whoever asked for strictness and cannot be read is not given less.
            Err(_) => PolicyMode::Strict,
        };
        self.resume = match store.get(Key::TLS_RESUME, &mut buffer).await {
            Ok(None) => true,
            Ok(Some(record)) => record.first() == Some(&1),
            // Whoever switched it off and cannot be read has it off.
            Err(_) => false,
        };
        for (place, link) in self.ssl.iter_mut().zip(0_u8..) {
            let Some(key) = Key::tls(link) else { continue };
            if let Ok(Some(record)) = store.get(key, &mut buffer).await {
                *place = SslConf::decode(record).unwrap_or(*place);
            }
        }
        for (place, link) in self.versions.iter_mut().zip(0_u8..) {
            let Some(key) = Key::tls_versions(link) else {
                continue;
            };
            if let Ok(Some(record)) = store.get(key, &mut buffer).await {
                *place = decode_versions(record).unwrap_or(*place);
            }
        }
    }
}
