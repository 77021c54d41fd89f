//! Whose rules a judgement follows, and where the rules differ.

use at_modem::why::{Stage, Why};
use cert_bin::content::{ObjectKind, PrivateKey};
use cert_bin::role::Owner;
use cert_bin::{ItemKind, NewItem, PartitionRole, content};
use serde_json::{Value, json};
use tls_session::CertificateRule;
use tls_session::reason::{CertificateError, cut};
use x509_facts::{Certificate, KeyKind, SignatureAlgorithm};

/// `--device`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Device {
    /// This modem: simulator, emulated board and chip run the same code
    #[default]
    Espat,
    /// Espressif's ESP-AT and its Mbed TLS
    EspAt,
}

impl Device {
    pub(crate) const fn lint(self) -> cert_bin::lint::Device {
        match self {
            Self::Espat => cert_bin::lint::Device::Espat,
            Self::EspAt => cert_bin::lint::Device::EspAt,
        }
    }

    /// The word of the command line.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Espat => "espat",
            Self::EspAt => "esp-at",
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Espat => "this modem",
            Self::EspAt => "ESP-AT",
        }
    }

    /// The other one.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Espat => Self::EspAt,
            Self::EspAt => Self::Espat,
        }
    }
}

/// What this device refuses in the certificates of a path that tls-session accepts. Each is named by its depth, the
/// server's own first.
pub(crate) fn refused_path(device: Device, path: &[&[u8]]) -> Option<Why> {
    if device == Device::Espat {
        return None;
    }
    let about = |depth, certificate: &Certificate<'_>, cause, what: &str| Why {
        depth,
        subject: cut(certificate.subject()),
        ..Why::new(
            Stage::Tls(tls_session::Stage::Certificate),
            tls_session::Cause::Certificate(cause),
        )
        .finding(format_args!(
            "{what}, which the Mbed TLS of ESP-AT does not have"
        ))
    };
    (0_u8..).zip(path).find_map(|(depth, der)| {
        let certificate = Certificate::parse(der).ok()?;
        let key = certificate.key_kind();
        if matches!(key, KeyKind::Ed25519 | KeyKind::Ed448) {
            let cause = CertificateError::KeyAlgorithm;
            return Some(about(depth, &certificate, cause, &key.to_string()));
        }
        let signature = certificate.signature_algorithm();
        let cause = CertificateError::SignatureAlgorithm;
        matches!(
            signature,
            SignatureAlgorithm::Ed25519 | SignatureAlgorithm::Ed448
        )
        .then(|| about(depth, &certificate, cause, &signature.to_string()))
    })
}

/// What to know of a refusal that comes of a rule of this modem alone (docs/differences.md).
pub(crate) fn rule_of_this_modem(why: &Why) -> Option<&'static str> {
    let at_modem::why::Cause::Tls(tls_session::Cause::Certificate(cause)) = why.cause else {
        return None;
    };
    match cause {
        CertificateError::LeafIsCa
        | CertificateError::OldVersion
        | CertificateError::NamelessIssuer
        | CertificateError::ServerKeyUsage => {}
        CertificateError::KeySize { bits } if bits > 4096 => {}
        CertificateError::KeyAlgorithm if why.found.contains(&KeyKind::P521.to_string()) => {}
        _ => return None,
    }
    Some("a rule of this modem: ESP-AT may accept it; what follows it was not judged")
}

/// Something that every session would be refused for.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Position of the item.
    pub(crate) index: usize,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refused {
    pub(crate) fn json(&self) -> Value {
        json!({"index": self.index, "code": self.code, "level": "warning", "message": self.message})
    }
}

/// What each session that uses these items would be refused for: the judge of the sessions is asked.
pub(crate) fn refused_at_connect(
    items: &[NewItem<'_>],
    device: Device,
    role: Option<PartitionRole>,
) -> Vec<Refused> {
    let mut found = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let kind = role.map_or(item.kind, |role| role.kind);
        let of_clients = role.is_some_and(|role| role.owner == Owner::Server);
        let mut buffer = vec![0; item.content.len()];
        let objects = || content::objects(item.content).flatten();
        let several = objects().nth(1).is_some();
        for (number, object) in objects().enumerate() {
            let Ok((der, _)) = object.decode_into(&mut buffer) else {
                continue;
            };
            let judged = match (object.kind, kind) {
                (ObjectKind::Certificate, ItemKind::Ca) if of_clients => {
                    of_certificate(der, device, CertificateRule::Key)
                }
                (ObjectKind::Certificate, ItemKind::Ca) => {
                    of_certificate(der, device, CertificateRule::Anchor)
                }
                (ObjectKind::Certificate, ItemKind::Cert) => {
                    of_certificate(der, device, CertificateRule::Key)
                }
                (ObjectKind::PrivateKey(form), ItemKind::Key) => PrivateKey::parse(form, der)
                    .ok()
                    .and_then(|key| of_key(key.kind, device)),
                _ => None,
            };
            if let Some((code, text)) = judged {
                let which = match Certificate::parse(der) {
                    Ok(certificate) if several => {
                        format!("certificate {number}, {}: ", certificate.subject())
                    }
                    _ => String::new(),
                };
                let device = device.name();
                let message = format!("{which}{device} refuses each session with it: {text}");
                found.push(Refused {
                    index,
                    code,
                    message,
                });
            }
        }
    }
    found
}

fn of_certificate(
    der: &[u8],
    device: Device,
    rule: CertificateRule,
) -> Option<(&'static str, String)> {
    match device {
        Device::Espat => {
            let reason = tls_session::check_certificate(der, rule).err()?;
            Some((reason.cause.code(), reason.to_string()))
        }
        Device::EspAt => of_esp_at(Certificate::parse(der).ok()?.key_kind()),
    }
}

fn of_key(kind: KeyKind, device: Device) -> Option<(&'static str, String)> {
    match device {
        Device::Espat if tls_session::identity::can_sign(kind) => None,
        Device::Espat => Some((
            "key_unsupported",
            match kind {
                KeyKind::Other => {
                    "a key of an unsupported kind (DSA) or curve, or without the name of its curve"
                        .into()
                }
                kind => format!(
                    "a key of kind {kind}; P-256, P-384, Ed25519 and RSA of 2048 to 4096 bits can sign"
                ),
            },
        )),
        Device::EspAt => of_esp_at(kind),
    }
}

/// The default profile of Mbed TLS, as ESP-AT has it.
fn of_esp_at(kind: KeyKind) -> Option<(&'static str, String)> {
    match kind {
        KeyKind::Rsa { bits } if bits < 2048 => Some((
            "key_size",
            format!("RSA key of {bits} bits, Mbed TLS takes 2048 and more"),
        )),
        KeyKind::Other => Some((
            "key_algorithm",
            "a key without the name of its curve, or of a curve that Mbed TLS may not have".into(),
        )),
        _ => None,
    }
}
