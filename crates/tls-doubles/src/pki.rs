//! Certificates for the duties: any field can be wrong (RFC 5280 §4).
//!
//! ```no_run
//! # use tls_doubles::keys::{Key, KeyKind};
//! # use tls_doubles::pki::{Issued, NOW, Site, Spec};
//! # let key = Key::new(KeyKind::P256, 1);
//! let root = Issued::self_signed(Spec::ca("Root"), Key::new(KeyKind::P256, 0));
//! let leaf = root.issue(Spec { not_after: NOW - 1, ..Spec::leaf("broker.local") }, key);
//! let site = Site::new(&leaf, &[]);
//! ```

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use der::asn1::{
    Any, BitString, GeneralizedTime, Ia5String, Null, ObjectIdentifier, OctetString, UtcTime,
};
use der::flagset::FlagSet;
use der::{Decode, Encode};
use x509_cert::certificate::{Certificate, TbsCertificate, Version};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, NameConstraints, SubjectAltName,
};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

use crate::keys::{Hash, Key, KeyKind};

/// 2024-01-01T00:00:00Z.
pub const NOT_BEFORE: u64 = 1_704_067_200;
/// 2049-12-31T23:59:59Z, the last second of UTCTime.
pub const NOT_AFTER: u64 = 2_524_607_999;
/// 2026-05-28T20:26:40Z, within the validity of every certificate that does not say otherwise.
pub const NOW: u64 = 1_780_000_000;

pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
pub const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

/// BasicConstraints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ca {
    /// No such extension.
    Absent,
    No,
    Yes {
        path_len: Option<u8>,
    },
}

/// An extension that has no field in [`Spec`].
#[derive(Debug, Clone)]
pub struct Extra {
    pub oid: &'static str,
    pub critical: bool,
    pub value: Vec<u8>,
}

/// What a certificate says.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Without extensions, whatever the fields say.
    pub v1: bool,
    /// Subject's common name; `None` is an empty subject.
    pub cn: Option<String>,
    /// Issuer's common name, if not that of the issuer.
    pub issuer_cn: Option<String>,
    pub not_before: u64,
    pub not_after: u64,
    pub dns: Vec<String>,
    pub ip: Vec<IpAddr>,
    pub ca: Ca,
    pub key_usage: Option<FlagSet<KeyUsages>>,
    /// OIDs of ExtendedKeyUsage.
    pub eku: Option<Vec<&'static str>>,
    pub permitted_dns: Vec<String>,
    pub excluded_dns: Vec<String>,
    pub extra: Vec<Extra>,
    /// Hash of the issuer's signature.
    pub hash: Hash,
    /// Flips a bit of the issuer's signature.
    pub damaged: bool,
}

impl Spec {
    fn new(cn: &str) -> Self {
        Self {
            v1: false,
            cn: Some(cn.to_owned()),
            issuer_cn: None,
            not_before: NOT_BEFORE,
            not_after: NOT_AFTER,
            dns: Vec::new(),
            ip: Vec::new(),
            ca: Ca::Absent,
            key_usage: None,
            eku: None,
            permitted_dns: Vec::new(),
            excluded_dns: Vec::new(),
            extra: Vec::new(),
            hash: Hash::Sha256,
            damaged: false,
        }
    }

    /// A correct authority.
    pub fn ca(cn: &str) -> Self {
        Self {
            ca: Ca::Yes { path_len: None },
            key_usage: Some(KeyUsages::KeyCertSign | KeyUsages::CRLSign),
            ..Self::new(cn)
        }
    }

    /// A correct server certificate for a DNS name, which is also its CN.
    pub fn leaf(name: &str) -> Self {
        Self {
            dns: vec![name.to_owned()],
            ca: Ca::No,
            key_usage: Some(KeyUsages::DigitalSignature.into()),
            eku: Some(vec![SERVER_AUTH]),
            ..Self::new(name)
        }
    }

    /// A correct client certificate.
    pub fn client(cn: &str) -> Self {
        Self {
            dns: Vec::new(),
            eku: Some(vec![CLIENT_AUTH]),
            ..Self::leaf(cn)
        }
    }

    /// X.509 v1.
    pub fn v1(cn: &str) -> Self {
        Self {
            v1: true,
            ..Self::new(cn)
        }
    }

    fn extensions(&self) -> Vec<Extension> {
        let mut list = Vec::new();
        if self.ca != Ca::Absent {
            let (ca, path_len_constraint) = match self.ca {
                Ca::Yes { path_len } => (true, path_len),
                _ => (false, None),
            };
            let value = BasicConstraints {
                ca,
                path_len_constraint,
            };
            list.push(extension("2.5.29.19", true, &value));
        }
        if let Some(usages) = self.key_usage {
            list.push(extension("2.5.29.15", true, &KeyUsage(usages)));
        }
        if let Some(oids) = &self.eku {
            let oids = oids.iter().map(|oid| ObjectIdentifier::new_unwrap(oid));
            list.push(extension(
                "2.5.29.37",
                false,
                &ExtendedKeyUsage(oids.collect()),
            ));
        }
        if !self.dns.is_empty() || !self.ip.is_empty() {
            let mut names: Vec<_> = self.dns.iter().map(|name| dns(name)).collect();
            names.extend(self.ip.iter().map(|address| {
                let octets = match address {
                    IpAddr::V4(address) => address.octets().to_vec(),
                    IpAddr::V6(address) => address.octets().to_vec(),
                };
                GeneralName::IpAddress(OctetString::new(octets).unwrap())
            }));
            list.push(extension("2.5.29.17", false, &SubjectAltName(names)));
        }
        if !self.permitted_dns.is_empty() || !self.excluded_dns.is_empty() {
            let value = NameConstraints {
                permitted_subtrees: subtrees(&self.permitted_dns),
                excluded_subtrees: subtrees(&self.excluded_dns),
            };
            list.push(extension("2.5.29.30", true, &value));
        }
        list.extend(self.extra.iter().map(|extra| Extension {
            extn_id: ObjectIdentifier::new_unwrap(extra.oid),
            critical: extra.critical,
            extn_value: OctetString::new(extra.value.clone()).unwrap(),
        }));
        list
    }
}

fn extension(oid: &str, critical: bool, value: &impl Encode) -> Extension {
    Extension {
        extn_id: ObjectIdentifier::new_unwrap(oid),
        critical,
        extn_value: OctetString::new(value.to_der().unwrap()).unwrap(),
    }
}

fn dns(name: &str) -> GeneralName {
    GeneralName::DnsName(Ia5String::new(name).unwrap())
}

fn subtrees(names: &[String]) -> Option<Vec<GeneralSubtree>> {
    let list = names.iter().map(|name| GeneralSubtree {
        base: dns(name),
        minimum: 0,
        maximum: None,
    });
    (!names.is_empty()).then(|| list.collect())
}

fn name(cn: Option<&str>) -> Name {
    cn.map_or_else(Name::default, |cn| {
        Name::from_str(&format!("CN={cn}")).unwrap()
    })
}

/// UTCTime through 2049, GeneralizedTime after (RFC 5280 §4.1.2.5).
fn time(seconds: u64) -> Time {
    let since = Duration::from_secs(seconds);
    if seconds <= NOT_AFTER {
        Time::UtcTime(UtcTime::from_unix_duration(since).unwrap())
    } else {
        let at = SystemTime::UNIX_EPOCH + since;
        Time::GeneralTime(GeneralizedTime::from_system_time(at).unwrap())
    }
}

/// A certificate with its private key.
#[derive(Debug, Clone)]
pub struct Issued {
    pub der: Vec<u8>,
    pub key: Key,
    subject: Option<String>,
}

impl Issued {
    pub fn self_signed(spec: Spec, key: Key) -> Self {
        let subject = spec.cn.clone();
        sign(spec, key.clone(), subject.as_deref(), &key)
    }

    /// Signs a certificate for `key`.
    pub fn issue(&self, spec: Spec, key: Key) -> Self {
        sign(spec, key, self.subject.as_deref(), &self.key)
    }

    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    /// The private key as PKCS#8 PEM.
    pub fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.key.pkcs8())
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    pem_rfc7468::encode_string(label, pem_rfc7468::LineEnding::LF, der).unwrap()
}

fn sign(spec: Spec, key: Key, issuer: Option<&str>, issuer_key: &Key) -> Issued {
    let signature = AlgorithmIdentifierOwned {
        oid: ObjectIdentifier::new_unwrap(issuer_key.signature_oid(spec.hash)),
        parameters: matches!(issuer_key, Key::Rsa(_)).then(|| Any::from(Null)),
    };
    let extensions = spec.extensions();
    let spki = key.spki();
    let tbs = TbsCertificate {
        version: if spec.v1 { Version::V1 } else { Version::V3 },
        // Different for different keys and issuers; positive.
        serial_number: SerialNumber::new(&[&[0x40], &spki[spki.len() - 8..]].concat()).unwrap(),
        signature: signature.clone(),
        issuer: name(spec.issuer_cn.as_deref().or(issuer)),
        validity: Validity {
            not_before: time(spec.not_before),
            not_after: time(spec.not_after),
        },
        subject: name(spec.cn.as_deref()),
        subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(&spki).unwrap(),
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: (!spec.v1 && !extensions.is_empty()).then_some(extensions),
    };
    let mut bits = issuer_key.sign(spec.hash, &tbs.to_der().unwrap());
    if spec.damaged {
        *bits.last_mut().unwrap() ^= 1;
    }
    let certificate = Certificate {
        tbs_certificate: tbs,
        signature_algorithm: signature,
        signature: BitString::from_bytes(&bits).unwrap(),
    };
    Issued {
        der: certificate.to_der().unwrap(),
        key,
        subject: spec.cn,
    }
}

/// SubjectPublicKeyInfo of a certificate.
pub fn spki_of(der: &[u8]) -> Vec<u8> {
    let certificate = Certificate::from_der(der).unwrap();
    certificate
        .tbs_certificate
        .subject_public_key_info
        .to_der()
        .unwrap()
}

/// What a server shows, leaf first, and the leaf's key.
#[derive(Debug, Clone)]
pub struct Site {
    pub chain: Vec<Vec<u8>>,
    pub key: Key,
}

impl Site {
    pub fn new(leaf: &Issued, others: &[&Issued]) -> Self {
        let mut chain = vec![leaf.der.clone()];
        chain.extend(others.iter().map(|other| other.der.clone()));
        Self {
            chain,
            key: leaf.key.clone(),
        }
    }
}

/// Root, intermediate and leaf for `broker.local`, all with keys of one kind.
#[derive(Debug, Clone)]
pub struct Family {
    pub root: Issued,
    pub intermediate: Issued,
    pub leaf: Issued,
}

impl Family {
    /// Made once for each kind: sweeps ask for it thousands of times.
    pub fn new(kind: KeyKind) -> Self {
        static MADE: Mutex<Vec<(KeyKind, Family)>> = Mutex::new(Vec::new());
        // A test that failed while making one leaves the list as it was.
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, family)) = made.iter().find(|(found, _)| *found == kind) {
            return family.clone();
        }
        let family = Self::with(kind, Spec::leaf("broker.local"));
        made.push((kind, family.clone()));
        family
    }

    /// The same authorities with another leaf.
    pub fn with(kind: KeyKind, leaf: Spec) -> Self {
        let root = Issued::self_signed(Spec::ca("Test Root"), Key::new(kind, 1));
        let intermediate = root.issue(Spec::ca("Test Intermediate"), Key::new(kind, 3));
        let leaf = intermediate.issue(leaf, Key::new(kind, 2));
        Self {
            root,
            intermediate,
            leaf,
        }
    }

    /// Leaf and intermediate.
    pub fn site(&self) -> Site {
        Site::new(&self.leaf, &[&self.intermediate])
    }
}
