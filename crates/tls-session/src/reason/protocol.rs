//! What the bytes of a record or message did that they may not.

use core::fmt;

use super::text::{FirstByte, alert_text};

crate::reasons! {
    /// What the bytes of a record or message did that they may not.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum ProtocolViolation {
        /// A record type that TLS does not know: the peer may not speak TLS.
        RecordType(kind: u8) => "protocol", -0x7200, 0,
            "record type {kind}{first}: the server may not speak TLS on this port", first = FirstByte(kind);
        /// A known record type where it is not legal.
        RecordHere(kind: u8) => "protocol", -0x7700, 0, "record type {kind} is not legal here";
        /// A record version other than 3.3 (3.1 in the first).
        RecordVersion(version: u16) => "protocol", -0x7200, 0, "record version 0x{version:04x}";
        /// A record length outside the legal range.
        RecordLength(length: u16) => "protocol", -0x7200, 0, "record length {length}";
        /// A record that decrypts to more than 2^14 bytes and their content type.
        PlaintextLength => "protocol", -0x7200, 0, "record holds more than 16384 bytes";
        /// A record that is nothing but padding.
        EmptyRecord => "protocol", -0x7200, 0, "record of nothing but padding";
        /// An encrypted alert that is not two bytes.
        AlertLength => "protocol", -0x7300, 0, "alert is not of two bytes";
        /// A change_cipher_spec record that is not the single byte 1, or more than a server has reason to send.
        ChangeCipherSpec => "protocol", -0x7700, 0, "change_cipher_spec is not legal here";
        /// A plaintext alert where only encrypted records are legal; anyone on the way could have sent it.
        PlaintextAlert(number: u8) => "protocol", -0x7700, 0,
            "unencrypted alert {alert} inside the session is not to be trusted", alert = Alert(number);
        /// An inner content type that TLS 1.3 does not know.
        InnerType(kind: u8) => "protocol", -0x7700, 0, "encrypted content of type {kind}";
        /// A handshake message of this type where it is not legal.
        Message(kind: u8) => "protocol", -0x7700, 0, "{message} is not legal here", message = Message(kind);
        /// A handshake message of this type came twice.
        MessageTwice(kind: u8) => "protocol", -0x7700, 0, "{message} came twice", message = Message(kind);
        /// More bytes after a message that must end its record.
        TrailingBytes => "protocol", -0x7700, 0, "bytes after a message that must be the last";
        /// A message whose fields contradict its length.
        MessageLength(kind: u8) => "protocol", -0x7300, 0,
            "{message} contradicts its own length", message = Message(kind);
        /// A message that must come did not.
        MissingMessage(kind: u8) => "protocol", -0x7700, 0, "{message} did not come", message = Message(kind);
        /// A message with an extension that may not be there or came twice, or without one it must have.
        Extension {
            /// Type of the message.
            message: u8,
            /// Type of the extension.
            kind: u16,
        } => "protocol", -0x6600, 0, "extension {kind} of {name} is missing, twice or not legal", name = Message(message);
        /// A CertificateRequest with a context, which the handshake's may not have.
        RequestContext => "protocol", -0x6600, 0, "CertificateRequest has a context";
        /// A ServerHello field with a value that was not offered.
        HelloField(field: HelloField) => "protocol", -0x6600, 0, "ServerHello {field}";
        /// A handshake message is split over encrypted records.
        SplitMessage {
            /// Type of the message.
            message: u8,
            /// Its length, header included, where the record held as much as its header.
            needed: Option<u32>,
            /// What this record held of it.
            available: u16,
        } => "split_message", -0x7200, 0,
            "{name}{size} is split over records ({available} in this one); it must fit one",
            name = Message(message), size = Size(needed);
        /// A record failed authentication.
        BadRecordMac => "bad_record_mac", -0x7180, 0, "a record failed authentication";
        /// The server changed its sending key, which the engine cannot follow.
        KeyUpdate => "key_update", -0x7700, 0, "server changed its key, which ends the session here";
        /// The server sent this handshake message after the handshake.
        PostHandshake(kind: u8) => "post_handshake", -0x7700, 0,
            "{message} after the handshake", message = Message(kind);
        /// The server renegotiates (RFC 5746), which is not done here.
        Renegotiation => "renegotiation", -0x7700, 0, "server wants to renegotiate";
        /// The server changed its key again and again without data.
        KeyUpdateFlood => "key_update_flood", -0x7700, 0, "server changed its key 33 times without data";
        /// The server sent ticket after ticket without data.
        TicketFlood => "ticket_flood", -0x7700, 0, "server sent 65 tickets in a row";
        /// The server sent warning after warning.
        TooManyAlerts => "too_many_alerts", -0x7700, 0, "server sent five warnings";
        /// The server answered with an extension that was not offered, or that may not be there.
        UnsupportedExtension => "unsupported_extension", -0x7500, 0,
            "server sent an extension that was not offered or may not be there";
        /// The key has encrypted as much as it may.
        KeyLimit => "key_limit", -0x6B80, 0, "the key has encrypted as much as it may";
        /// The engine refused what the peer sent; the name is the engine's.
        Engine(error: EngineError) => "engine", -0x7300, 0, "engine refused the peer's bytes: {error}";
    }
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

impl fmt::Display for HelloField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Version => "Version",
            Self::SessionId => "SessionId",
            Self::Compression => "Compression",
            Self::SupportedVersions => "SupportedVersions",
            Self::KeyShare => "KeyShare",
            Self::PreSharedKey => "PreSharedKey",
            Self::Extension(kind) => return write!(f, "extension {kind} is not legal here"),
        };
        write!(f, "{name} is not what was offered")
    }
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
    Random,
    /// The engine cannot do what was asked for.
    Unsupported,
    Other,
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Decode => "Decode",
            Self::InvalidHandshake => "InvalidHandshake",
            Self::InvalidRecord => "InvalidRecord",
            Self::InvalidCertificate => "InvalidCertificate",
            Self::InvalidCertificateRequest => "InvalidCertificateRequest",
            Self::InvalidKeyShare => "InvalidKeyShare",
            Self::Extension => "Extension",
            Self::Space => "Space",
            Self::Aborted => "Aborted",
            Self::Random => "Random",
            Self::Unsupported => "Unsupported",
            Self::Other => "Other",
        })
    }
}

/// Prints an alert's name and number.
pub(super) struct Alert(pub(super) u8);

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", alert_text(self.0), self.0)
    }
}

/// Prints ` of N bytes`, or nothing where the length is not known.
struct Size(Option<u32>);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(len) => write!(f, " of {len} bytes"),
            None => Ok(()),
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
            0 => "HelloRequest",
            11 => "Certificate",
            12 => "ServerKeyExchange",
            13 => "CertificateRequest",
            14 => "ServerHelloDone",
            15 => "CertificateVerify",
            20 => "Finished",
            22 => "CertificateStatus",
            24 => "KeyUpdate",
            254 => "message_hash",
            other => return write!(f, "handshake message {other}"),
        })
    }
}
