//! What was wrong, as a value with the numbers that help.

use x509_facts::Timestamp;

mod code;
mod words;

pub use words::alert_words;

/// X.509 verify flags as Mbed TLS numbers them.
pub mod flags {
    /// notAfter is in the past.
    pub const EXPIRED: u32 = 0x01;
    /// The name does not match.
    pub const CN_MISMATCH: u32 = 0x04;
    /// No chain to a trusted CA.
    pub const NOT_TRUSTED: u32 = 0x08;
    /// The peer sent no certificate.
    pub const MISSING: u32 = 0x40;
    /// Another reason.
    pub const OTHER: u32 = 0x0100;
    /// notBefore is in the future, or the clock was never set.
    pub const FUTURE: u32 = 0x0200;
    /// keyUsage does not allow what the certificate was used for.
    pub const KEY_USAGE: u32 = 0x0800;
    /// extendedKeyUsage does not allow it.
    pub const EXT_KEY_USAGE: u32 = 0x1000;
    /// The signature's hash is not acceptable.
    pub const BAD_MD: u32 = 0x4000;
    /// The key's algorithm is not acceptable.
    pub const BAD_PK: u32 = 0x8000;
    /// The key is too short or its curve is not acceptable.
    pub const BAD_KEY: u32 = 0x0001_0000;
}

/// What the bytes of a record or message did that they may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Breach {
    /// A record type that TLS does not know: the peer may not speak TLS.
    RecordType(u8),
    /// A known record type where it is not legal.
    RecordHere(u8),
    /// A record version other than 3.3 (3.1 in the first).
    RecordVersion(u16),
    /// A record length outside the legal range.
    RecordLength(u16),
    /// A record that decrypts to more than 2^14 bytes and their content type.
    PlaintextLength,
    /// A record that is nothing but padding.
    EmptyRecord,
    /// An encrypted alert that is not two bytes.
    AlertLength,
    /// A change_cipher_spec record that is not the single byte 1, or more than a server has reason to send.
    ChangeCipherSpec,
    /// A plaintext alert where only encrypted records are legal; anyone on the way could have sent it.
    PlaintextAlert(u8),
    /// An inner content type that TLS 1.3 does not know.
    InnerType(u8),
    /// A handshake message of this type where it is not legal.
    Message(u8),
    /// A handshake message of this type came twice.
    MessageTwice(u8),
    /// More bytes after a message that must end its record.
    TrailingBytes,
    /// A message whose fields contradict its length.
    MessageLength(u8),
    /// A message that must come did not.
    MissingMessage(u8),
    /// A message with an extension that may not be there, came twice, or lacks one it must have.
    Extension {
        /// Type of the message.
        message: u8,
        /// Type of the extension.
        kind: u16,
    },
    /// A CertificateRequest with a context, which the handshake's may not have.
    RequestContext,
    /// A ServerHello field with a value that was not offered.
    HelloField(HelloField),
}

/// A field of ServerHello (RFC 8446 §4.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum HelloField {
    /// legacy_version.
    Version,
    /// legacy_session_id_echo: not what was sent.
    SessionId,
    /// legacy_compression_method.
    Compression,
    /// supported_versions.
    SupportedVersions,
    /// key_share: missing, or not an uncompressed point of P-256.
    KeyShare,
    /// pre_shared_key: not offered, or with an identity that was not.
    PreSharedKey,
    /// An extension that may not be here, or came twice.
    Extension(u16),
}

/// A kind of size that has a limit here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Limit {
    /// Bytes of the ServerHello message.
    ServerHello,
    /// Bytes of a handshake message of the encrypted flight: it must fit one record.
    HandshakeMessage,
    /// Certificates in the server's chain.
    ChainLength,
    /// Certificates in the CA item.
    Anchors,
    /// Bytes of our Certificate and CertificateVerify messages together.
    ClientChain,
    /// Bytes of the server's SubjectPublicKeyInfo.
    PublicKey,
    /// Bytes of the buffer for incoming records.
    RecordBuffer,
    /// Records in a row that bring no data.
    IdleRecords,
    /// Sessions that are open at once: each needs memory of its own.
    Sessions,
    /// Bytes of an application protocol to offer, of which there must be one at least.
    Protocol,
}

/// What was wrong.
///
/// `Display` is a lower-case phrase for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Cause {
    // Set-up and transport.
    /// The CA partition holds no image: every byte is erased flash.
    CaErased,
    /// The CA partition holds no item of this number.
    CaMissing {
        /// The number asked for.
        number: u8,
        /// How many items there are.
        available: u16,
    },
    /// The CA item or its image cannot be read.
    CaUnreadable,
    /// The partition of our certificates holds no image.
    CertErased,
    /// The partition of our certificates holds no item of this number.
    CertMissing {
        /// The number asked for.
        number: u8,
        /// How many items there are.
        available: u16,
    },
    /// Our certificate or its image cannot be read.
    CertUnreadable,
    /// The partition of our private keys holds no image.
    KeyErased,
    /// The partition of our private keys holds no item of this number.
    KeyMissing {
        /// The number asked for.
        number: u8,
        /// How many items there are.
        available: u16,
    },
    /// Our private key or its image cannot be read.
    KeyUnreadable,
    /// Our private key is encrypted, and there is no password anywhere.
    KeyEncrypted,
    /// Our private key is of a kind that cannot sign here.
    KeyUnsupported,
    /// Our private key belongs to none of our certificates.
    KeyMismatch,
    /// The pre-shared key or its identity is empty.
    PskEmpty,
    /// The strict policy asks for more than these settings check.
    StrictPolicy,
    /// The name to check is neither a DNS name nor an IP address.
    NameInvalid,
    /// The host's name has no address.
    HostNotFound,
    /// The server refused the connection.
    ConnectionRefused,
    /// No route to the server.
    Unreachable,
    /// The connection was reset.
    Reset,
    /// The transport failed in another way.
    Transport,
    /// The peer said nothing for this long.
    Timeout {
        /// Milliseconds waited.
        ms: u32,
    },
    /// The network interface went down, or the link was closed by command.
    Closed,

    // The peer's word.
    /// The peer closed the connection without close_notify.
    PeerEof,
    /// The peer closed the session in good order.
    PeerCloseNotify,
    /// The peer sent a fatal alert.
    PeerAlert(u8),

    // Parameters.
    /// The server answered our hello with a handshake failure (alert 40): it takes none of what was offered.
    NothingInCommon,
    /// The server does not speak TLS 1.3; the number is the highest version it said.
    ServerVersion(u16),
    /// The server wants another key exchange group.
    ServerGroup(u16),
    /// The server asks for a second ClientHello, though it wants no other group.
    ServerRetry {
        /// It wants its cookie back, as a server that keeps no state does.
        cookie: bool,
    },
    /// The server chose a cipher suite that was not offered.
    CipherSuite(u16),

    /// The server did not take the pre-shared key, which is all that would have authenticated it.
    PskNotTaken,
    /// The server chose an application protocol that was not offered.
    ApplicationProtocol,
    /// The server accepts no signature that our private key can make.
    ClientSignatureScheme,

    // Records and messages.
    /// Bytes that TLS 1.3 does not allow here.
    Protocol(Breach),
    /// A handshake message is split over encrypted records.
    SplitMessage {
        /// Type of the message.
        message: u8,
        /// Its length, header included, where the record held as much as its header.
        needed: Option<u32>,
        /// What this record held of it.
        available: u16,
    },
    /// Something is larger than this build takes.
    TooLarge {
        /// What.
        what: Limit,
        /// The size needed.
        needed: u32,
        /// The size there is.
        limit: u32,
    },
    /// A record failed authentication.
    BadRecordMac,
    /// The server changed its sending key, which the engine cannot follow.
    KeyUpdate,
    /// The server sent this handshake message after the handshake.
    PostHandshake(u8),
    /// The engine refused what the peer sent; the name is the engine's.
    Engine(EngineError),

    // Authentication.
    /// The server sent no certificate.
    NoCertificate,
    /// The handshake ended without proof that the server holds its certificate's key.
    NoSignature,
    /// The proof does not verify.
    BadSignature,
    /// The proof uses an algorithm that does not fit the certificate's key or was not offered.
    SignatureScheme(u16),
    /// The server's Finished does not hold: its keys or the handshake it saw are others.
    BadFinished,
    /// A certificate cannot be read.
    Malformed,
    /// No chain from the server's certificate to the CA.
    NotTrusted,
    /// An issuer of the right name is there, but did not sign this certificate.
    CertificateSignature,
    /// The clock was never set, and the policy checks dates.
    ClockNotSet,
    /// The clock says a time at which this program did not exist yet, or which it has seen pass.
    ClockBeforeFloor {
        /// What the clock says.
        now: Timestamp,
        /// The earliest time it can be.
        floor: Timestamp,
    },
    /// notAfter has passed.
    Expired {
        /// The date that was missed.
        not_after: Timestamp,
    },
    /// notBefore has not come.
    NotYetValid {
        /// The date that was missed.
        not_before: Timestamp,
    },
    /// The certificate is for other names.
    NameMismatch,
    /// The certificate names nobody: no SAN, and no CN that may count.
    NoName,
    /// The issuer is not a CA (no CA:TRUE).
    NotCa,
    /// A CA certificate stands where the server's own must be, and is not the pinned one.
    LeafIsCa,
    /// More intermediates than an issuer's pathLen allows.
    PathLen,
    /// The issuer's keyUsage lacks keyCertSign.
    KeyUsage,
    /// extendedKeyUsage lacks serverAuth.
    ExtendedKeyUsage,
    /// An unknown critical extension.
    CriticalExtension,
    /// A name is outside an issuer's name constraints.
    NameConstraint,
    /// The key is shorter than 2048 bits, or longer than 4096.
    KeySize {
        /// Bits of the modulus.
        bits: u32,
    },
    /// The key's algorithm or curve is not taken.
    KeyAlgorithm,
    /// The certificate is signed with an algorithm that is not taken (SHA-1, MD5, …).
    SignatureAlgorithm,
    /// A certificate of X.509 version 1 that is neither anchor nor pin.
    OldVersion,
    /// Path building was given up: the certificates ask for more work than a client grants.
    TooMuchWork,
    /// The server's keyUsage allows nothing that TLS does.
    ServerKeyUsage,
    /// An extension stands where it may not, or says nothing: name constraints or keyCertSign in a
    /// certificate that is no CA, name constraints without any name.
    ExtensionMisuse,
    /// The issuer's certificate has an empty subject.
    NamelessIssuer,

    // Life after a failure.
    /// A write was given up half-way; going on could use a nonce twice.
    WriteAbandoned,
    /// A read was given up inside a record; what follows cannot be told apart.
    ReadAbandoned,
    /// This transport has carried a session before.
    Dead,
}

/// Names of the engine's own refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names are the engine's")]
pub enum EngineError {
    Decode,
    InvalidHandshake,
    InvalidRecord,
    InvalidCertificate,
    InvalidCertificateRequest,
    InvalidKeyShare,
    Extension,
    Space,
    Aborted,
    Other,
}

impl Cause {
    /// The number Mbed TLS reports for this, negative.
    #[must_use]
    pub const fn mbedtls(&self) -> i32 {
        match self {
            Self::CaErased | Self::CaMissing { .. } => -0x7680,
            Self::CaUnreadable | Self::Malformed => -0x2180,
            Self::CertErased | Self::CertMissing { .. } => -0x7580,
            Self::CertUnreadable => -0x2180,
            Self::KeyErased | Self::KeyMissing { .. } => -0x7600,
            Self::KeyUnreadable => -0x3D00,
            Self::KeyEncrypted => -0x3C00,
            Self::KeyUnsupported => -0x3C80,
            Self::KeyMismatch => -0x3F00,
            Self::NameInvalid | Self::PskEmpty | Self::StrictPolicy => -0x7100,
            Self::HostNotFound => -0x0052,
            Self::ConnectionRefused | Self::Unreachable => -0x0044,
            Self::Reset => -0x0050,
            Self::Transport => -0x004C,
            Self::Timeout { .. } => -0x6800,
            Self::Closed | Self::Dead | Self::WriteAbandoned | Self::ReadAbandoned => -0x7280,
            Self::PeerEof => -0x7280,
            Self::PeerCloseNotify => -0x7880,
            Self::PeerAlert(_) | Self::NothingInCommon => -0x7780,
            Self::ServerVersion(_) => -0x6E80,
            Self::ServerGroup(_)
            | Self::ServerRetry { .. }
            | Self::CipherSuite(_)
            | Self::BadFinished
            | Self::PskNotTaken
            | Self::ClientSignatureScheme => -0x6E00,
            Self::ApplicationProtocol => -0x6600,
            Self::Protocol(breach) => match breach {
                Breach::RecordType(_)
                | Breach::RecordVersion(_)
                | Breach::RecordLength(_)
                | Breach::PlaintextLength
                | Breach::EmptyRecord => -0x7200,
                Breach::HelloField(_) => -0x6600,
                Breach::MessageLength(_) | Breach::AlertLength => -0x7300,
                Breach::Extension { .. } | Breach::RequestContext => -0x6600,
                _ => -0x7700,
            },
            Self::SplitMessage { .. } | Self::TooLarge { .. } => -0x7200,
            Self::BadRecordMac => -0x7180,
            Self::KeyUpdate | Self::PostHandshake(_) | Self::NoSignature => -0x7700,
            Self::Engine(_) => -0x7300,
            Self::BadSignature => -0x4E00,
            Self::SignatureScheme(_) => -0x6600,
            Self::TooMuchWork => -0x3000,
            Self::NoCertificate
            | Self::NotTrusted
            | Self::CertificateSignature
            | Self::ClockNotSet
            | Self::ClockBeforeFloor { .. }
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::NameMismatch
            | Self::NoName
            | Self::NotCa
            | Self::LeafIsCa
            | Self::PathLen
            | Self::KeyUsage
            | Self::ExtendedKeyUsage
            | Self::CriticalExtension
            | Self::NameConstraint
            | Self::KeySize { .. }
            | Self::KeyAlgorithm
            | Self::SignatureAlgorithm
            | Self::OldVersion
            | Self::ServerKeyUsage
            | Self::ExtensionMisuse
            | Self::NamelessIssuer => -0x2700,
        }
    }

    /// Mbed TLS's X.509 verify flags ([`flags`]), 0 where the certificate was not at fault.
    #[must_use]
    pub const fn verify_flags(&self) -> u32 {
        match self {
            Self::NoCertificate => flags::MISSING,
            Self::NotTrusted
            | Self::CertificateSignature
            | Self::NotCa
            | Self::PathLen
            | Self::OldVersion => flags::NOT_TRUSTED,
            Self::ClockNotSet | Self::ClockBeforeFloor { .. } | Self::NotYetValid { .. } => {
                flags::FUTURE
            }
            Self::Expired { .. } => flags::EXPIRED,
            Self::NameMismatch | Self::NoName => flags::CN_MISMATCH,
            Self::LeafIsCa
            | Self::CriticalExtension
            | Self::NameConstraint
            | Self::TooMuchWork
            | Self::ExtensionMisuse
            | Self::NamelessIssuer => flags::OTHER,
            Self::KeyUsage | Self::ServerKeyUsage => flags::KEY_USAGE,
            Self::ExtendedKeyUsage => flags::EXT_KEY_USAGE,
            Self::KeySize { .. } => flags::BAD_KEY,
            Self::KeyAlgorithm => flags::BAD_PK,
            Self::SignatureAlgorithm => flags::BAD_MD,
            _ => 0,
        }
    }
}
