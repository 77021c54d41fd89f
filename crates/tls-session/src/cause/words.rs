//! The words for people: every cause as a lower-case phrase.

use core::fmt;

use super::{Breach, Cause, HelloField, Limit};

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::CaErased => f.write_str("no CA loaded: the partition is erased"),
            Self::CaMissing { number, available } => {
                write!(f, "no CA item {number}: the partition holds {available}")
            }
            Self::CaUnreadable => f.write_str("the CA item cannot be read"),
            Self::CertErased => {
                f.write_str("no certificate of ours loaded: the partition is erased")
            }
            Self::CertMissing { number, available } => write!(
                f,
                "no certificate item {number}: the partition holds {available}"
            ),
            Self::CertUnreadable => f.write_str("our certificate item cannot be read"),
            Self::KeyErased => f.write_str("no private key loaded: the partition is erased"),
            Self::KeyMissing { number, available } => {
                write!(f, "no key item {number}: the partition holds {available}")
            }
            Self::KeyUnreadable => f.write_str("our key item cannot be read"),
            Self::KeyEncrypted => {
                f.write_str("our private key is encrypted, and there is no password for it")
            }
            Self::KeyUnsupported => f.write_str(
                "our private key cannot sign here; P-256, P-384, Ed25519 and RSA of 2048 to 4096 bits can",
            ),
            Self::KeyMismatch => f.write_str("our private key belongs to none of our certificates"),
            Self::PskEmpty => f.write_str("pre-shared key or identity is empty"),
            Self::StrictPolicy => {
                f.write_str("the strict policy wants a checked server, which these settings do not")
            }
            Self::NameInvalid => f.write_str("the name to check is no DNS name and no IP address"),
            Self::HostNotFound => f.write_str("host name has no address"),
            Self::ConnectionRefused => f.write_str("server refused the connection"),
            Self::Unreachable => f.write_str("no route to the server"),
            Self::Reset => f.write_str("connection reset"),
            Self::Transport => f.write_str("transport failed"),
            Self::Timeout { ms } => write!(f, "no progress for {ms} ms"),
            Self::Closed => f.write_str("closed from this side"),
            Self::PeerEof => f.write_str("server closed without close_notify"),
            Self::PeerCloseNotify => f.write_str("server closed the session"),
            Self::PeerAlert(number) => {
                write!(f, "server alert: {} ({number})", alert_words(number))?;
                if number == 70 {
                    f.write_str(": server speaks TLS 1.2 at most")?;
                }
                Ok(())
            }
            Self::NothingInCommon => f.write_str(
                "server alert: handshake failure (40): only TLS 1.3, group P-256 and TLS_AES_128_GCM_SHA256 are offered",
            ),
            Self::ServerVersion(version) => {
                write!(f, "server speaks {} at most", Version(version))
            }
            Self::ServerGroup(group) => {
                write!(
                    f,
                    "server wants group {} (0x{group:04x})",
                    group_words(group)
                )
            }
            Self::ServerRetry { cookie: true } => f.write_str(
                "server asks for a second ClientHello with a cookie, which is not done here",
            ),
            Self::ServerRetry { cookie: false } => {
                f.write_str("server asks for a second ClientHello without a reason")
            }
            Self::CipherSuite(suite) => {
                write!(
                    f,
                    "server chose cipher suite 0x{suite:04x}, which was not offered"
                )
            }
            Self::PskNotTaken => f.write_str("server did not take the pre-shared key"),
            Self::ApplicationProtocol => {
                f.write_str("server chose an application protocol that was not offered")
            }
            Self::ClientSignatureScheme => {
                f.write_str("server accepts no signature of our key's kind")
            }
            Self::Protocol(breach) => breach.fmt(f),
            Self::SplitMessage {
                message,
                needed,
                available,
            } => {
                write!(f, "{}", Message(message))?;
                if let Some(needed) = needed {
                    write!(f, " of {needed} bytes")?;
                }
                write!(
                    f,
                    " is split over records ({available} in this one); it must fit one"
                )
            }
            Self::TooLarge {
                what,
                needed,
                limit,
            } => write!(f, "{what} of {needed}, at most {limit} here"),
            Self::BadRecordMac => f.write_str("a record failed authentication"),
            Self::KeyUpdate => f.write_str("server changed its key, which ends the session here"),
            Self::PostHandshake(message) => {
                write!(f, "{} after the handshake", Message(message))
            }
            Self::Engine(error) => write!(f, "engine refused the peer's bytes: {error:?}"),
            Self::NoCertificate => f.write_str("server sent no certificate"),
            Self::NoSignature => f.write_str("server did not prove that it holds its key"),
            Self::BadSignature => f.write_str("server's handshake signature does not verify"),
            Self::SignatureScheme(scheme) => write!(
                f,
                "server signed with scheme 0x{scheme:04x}, which does not fit its key"
            ),
            Self::BadFinished => {
                f.write_str("server's Finished does not hold: other keys, or another handshake")
            }
            Self::Malformed => f.write_str("certificate cannot be read"),
            Self::NotTrusted => f.write_str("no chain to the loaded CA"),
            Self::CertificateSignature => {
                f.write_str("the CA has the right name, but another key signed this")
            }
            Self::ClockNotSet => f.write_str("clock not set: dates cannot be checked"),
            Self::ClockBeforeFloor { now, floor } => write!(
                f,
                "clock says {now}, which cannot be: it is later than {floor}"
            ),
            Self::Expired { not_after } => write!(f, "expired on {not_after}"),
            Self::NotYetValid { not_before } => write!(f, "not valid before {not_before}"),
            Self::NameMismatch => f.write_str("certificate is for another name"),
            Self::NoName => f.write_str("certificate names no host"),
            Self::NotCa => f.write_str("issuer is not a CA"),
            Self::LeafIsCa => f.write_str("server's certificate is a CA and is not the pinned one"),
            Self::PathLen => f.write_str("more intermediates than pathLen allows"),
            Self::KeyUsage => f.write_str("issuer's keyUsage lacks keyCertSign"),
            Self::ExtendedKeyUsage => f.write_str("extendedKeyUsage lacks serverAuth"),
            Self::CriticalExtension => f.write_str("unknown critical extension"),
            Self::NameConstraint => f.write_str("name is outside the issuer's name constraints"),
            Self::KeySize { bits } => write!(f, "RSA key of {bits} bits; 2048 to 4096 are taken"),
            Self::KeyAlgorithm => f.write_str("key algorithm or curve is not taken"),
            Self::SignatureAlgorithm => f.write_str("signature algorithm is not taken"),
            Self::OldVersion => {
                f.write_str("X.509 version 1 certificate, which can only be an anchor or a pin")
            }
            Self::TooMuchWork => f.write_str("certificates ask for too much path building"),
            Self::ServerKeyUsage => f.write_str("server's keyUsage allows nothing that TLS does"),
            Self::ExtensionMisuse => {
                f.write_str("an extension stands where it may not, or says nothing")
            }
            Self::NamelessIssuer => f.write_str("issuer's certificate has an empty subject"),
            Self::WriteAbandoned => f.write_str("a write was given up half-way"),
            Self::ReadAbandoned => f.write_str("a read was given up inside a record"),
            Self::Dead => f.write_str("this connection has carried a session before"),
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::RecordType(kind) => {
                write!(
                    f,
                    "record type {kind}: the server may not speak TLS on this port"
                )
            }
            Self::RecordHere(kind) => write!(f, "record type {kind} is not legal here"),
            Self::RecordVersion(version) => write!(f, "record version 0x{version:04x}"),
            Self::RecordLength(length) => write!(f, "record length {length}"),
            Self::PlaintextLength => f.write_str("record holds more than 16384 bytes"),
            Self::EmptyRecord => f.write_str("record of nothing but padding"),
            Self::AlertLength => f.write_str("alert is not of two bytes"),
            Self::ChangeCipherSpec => f.write_str("change_cipher_spec is not legal here"),
            Self::PlaintextAlert(number) => write!(
                f,
                "unencrypted alert {} ({number}) inside the session is not to be trusted",
                alert_words(number)
            ),
            Self::InnerType(kind) => write!(f, "encrypted content of type {kind}"),
            Self::Message(message) => write!(f, "{} is not legal here", Message(message)),
            Self::MessageTwice(message) => write!(f, "{} came twice", Message(message)),
            Self::TrailingBytes => f.write_str("bytes after a message that must be the last"),
            Self::MessageLength(message) => {
                write!(f, "{} contradicts its own length", Message(message))
            }
            Self::MissingMessage(message) => write!(f, "{} did not come", Message(message)),
            Self::Extension { message, kind } => {
                write!(
                    f,
                    "extension {kind} of {} is missing, twice or not legal",
                    Message(message)
                )
            }
            Self::RequestContext => f.write_str("CertificateRequest has a context"),
            Self::HelloField(field) => match field {
                HelloField::Extension(kind) => {
                    write!(f, "ServerHello extension {kind} is not legal here")
                }
                other => write!(f, "ServerHello {other:?} is not what was offered"),
            },
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerHello => "ServerHello bytes",
            Self::HandshakeMessage => "handshake message bytes",
            Self::ChainLength => "server certificates",
            Self::Anchors => "CA certificates",
            Self::ClientChain => "bytes of our certificate messages",
            Self::PublicKey => "public key bytes",
            Self::RecordBuffer => "record bytes",
            Self::IdleRecords => "records without data",
            Self::Sessions => "sessions open at once",
            Self::Protocol => "application protocol bytes",
        })
    }
}

struct Version(u16);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0x0300 => f.write_str("SSL 3.0"),
            0x0301 => f.write_str("TLS 1.0"),
            0x0302 => f.write_str("TLS 1.1"),
            0x0303 => f.write_str("TLS 1.2"),
            other => write!(f, "version 0x{other:04x}"),
        }
    }
}

/// Prints the name of a handshake message (RFC 8446 §4).
struct Message(u8);

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            1 => "ClientHello",
            2 => "ServerHello",
            4 => "NewSessionTicket",
            5 => "EndOfEarlyData",
            8 => "EncryptedExtensions",
            11 => "Certificate",
            13 => "CertificateRequest",
            15 => "CertificateVerify",
            20 => "Finished",
            24 => "KeyUpdate",
            254 => "message_hash",
            other => return write!(f, "handshake message {other}"),
        })
    }
}

/// The RFC's name of an alert, `unknown` where it has none.
#[must_use]
pub const fn alert_words(number: u8) -> &'static str {
    match number {
        0 => "close notify",
        10 => "unexpected message",
        20 => "bad record MAC",
        22 => "record overflow",
        40 => "handshake failure",
        42 => "bad certificate",
        43 => "unsupported certificate",
        44 => "certificate revoked",
        45 => "certificate expired",
        46 => "certificate unknown",
        47 => "illegal parameter",
        48 => "unknown CA",
        49 => "access denied",
        50 => "decode error",
        51 => "decrypt error",
        70 => "protocol version",
        71 => "insufficient security",
        80 => "internal error",
        86 => "inappropriate fallback",
        90 => "user canceled",
        109 => "missing extension",
        110 => "unsupported extension",
        112 => "unrecognized name",
        113 => "bad certificate status response",
        115 => "unknown PSK identity",
        116 => "certificate required",
        120 => "no application protocol",
        _ => "unknown",
    }
}

const fn group_words(group: u16) -> &'static str {
    match group {
        0x0017 => "P-256",
        0x0018 => "P-384",
        0x0019 => "P-521",
        0x001d => "X25519",
        0x001e => "X448",
        0x0100..=0x01ff => "ffdhe",
        0x11ec => "X25519MLKEM768",
        _ => "unknown",
    }
}
