//! Why a link was refused or ended, as `+SSLWHY` prints it: the reasons of TLS, and those of the modem around it.

use core::fmt;

use at_grammar::reply::PkiItem;
use cert_bin::mistake::Mistake;
use heapless::String;
use tls_session::reason::{PeerRole, Row, SetupError, StreamError, TEXT_LEN, Text, cut};

/// Words of the longest reason, with what was found, or with the client.
pub(crate) const MAX_TEXT: usize = 160 + 2 + TEXT_LEN;

/// Words for the log, whose backends take no `Display`: what does not fit is cut. As an argument of a log macro it
/// costs nothing where there is no log.
pub(crate) fn log_text(value: impl fmt::Display) -> String<MAX_TEXT> {
    let mut text = String::new();
    let _ = fmt::write(&mut text, format_args!("{value}"));
    text
}

/// How far a link came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Stage {
    /// Before any packet: settings and credentials.
    Setup,
    /// Resolving the host's name.
    Dns,
    /// Connecting the socket.
    Tcp,
    /// From ClientHello on, as far as the session came.
    Tls(tls_session::Stage),
    /// Application data, without TLS.
    Data,
}

impl Stage {
    /// The word used in `+SSLWHY` and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls(stage) => stage.as_str(),
            Self::Data => "data",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

tls_session::reasons! {
    /// What the modem itself refuses: credentials in flash, the strict policy, a host without an address, no
    /// memory for one more session.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum ModemError {
        /// The CA partition holds no image: every byte is erased flash.
        CaErased => "ca_erased", -0x7680, 0, "no CA loaded: the partition is erased";
        /// The CA partition holds no item of this number.
        CaMissing {
            /// The number asked for.
            number: u8,
            /// How many items there are.
            available: u16,
        } => "ca_missing", -0x7680, 0,
            "no CA item {number}: {held}", held = Held(available);
        /// The partition of our certificates holds no image.
        CertErased => "cert_erased", -0x7580, 0, "no certificate of ours loaded: the partition is erased";
        /// The partition of our certificates holds no item of this number.
        CertMissing {
            /// The number asked for.
            number: u8,
            /// How many items there are.
            available: u16,
        } => "cert_missing", -0x7580, 0,
            "no certificate item {number}: {held}", held = Held(available);
        /// The partition of our private keys holds no image.
        KeyErased => "key_erased", -0x7600, 0, "no private key loaded: the partition is erased";
        /// The partition of our private keys holds no item of this number.
        KeyMissing {
            /// The number asked for.
            number: u8,
            /// How many items there are.
            available: u16,
        } => "key_missing", -0x7600, 0,
            "no key item {number}: {held}", held = Held(available);
        /// Our private key is encrypted, and there is no password anywhere.
        KeyEncrypted => "key_encrypted", -0x3C00, 0,
            "our private key is encrypted, and there is no password for it";
        /// A key of our server with which a signature takes this board too long: each client would have it make one.
        KeyTooSlow => "key_too_slow", -0x7080, 0,
            "RSA-4096 takes our server 746 M instructions for each client, 400 M are allowed here; RSA-2048 takes 150 M, P-256 64 M";
        /// The strict policy asks for more than these settings check.
        StrictPolicy => "strict_policy", -0x7100, 0,
            "the strict policy wants a checked server, which these settings do not";
        /// The station is in no network, or has no address there yet.
        NoNetwork => "no_network", -0x0044, 0,
            "the station has no address: join a network first (AT+CWJAP); AT+CWSTATE? says how far it is";
        /// A server is wanted where there is one link alone.
        ServerMux => "server_mux", -0x7100, 0, "a server needs several links: AT+CIPMUX=1 first";
        /// The host's name has no address.
        HostNotFound => "host_not_found", -0x0052, 0, "host name has no address";
        /// A time server that was asked gave no time.
        SntpFailed => "sntp_failed", -0x2700, 0x0200, "SNTP server gave no time";
        /// The host of a command is more than a name or an address.
        HostIsUrl => "host_is_url", -0x7100, 0,
            "host must be a name or an address alone, without https://, port and path";
        /// A command names a link that there is not.
        LinkNumber {
            /// The number on the line.
            number: i32,
        } => "link_number", -0x7100, 0, "no link has the number {number}; 0 to 4 are links";
        /// With several links the first parameter is a link number, and it is missing.
        LinkMissing => "link_missing", -0x7100, 0,
            "link number is missing: after AT+CIPMUX=1 it is the first parameter";
        /// With a single link there is no link number on the line.
        LinkUnwanted => "link_unwanted", -0x7100, 0,
            "link number is given, and there is none while AT+CIPMUX is 0";
        /// A parameter has a value that the command does not know.
        ParameterValue {
            /// Which, from 0.
            index: u8,
        } => "parameter_value", -0x7100, 0, "parameter {index} has a value that is not allowed (they count from 0)";
        /// A number with quotes, or text without them.
        ParameterKind {
            /// Which, from 0.
            index: u8,
        } => "parameter_kind", -0x7100, 0,
            "parameter {index} is a number in quotes or text without them (they count from 0)";
        /// A text is longer than its parameter may be.
        ParameterLength {
            /// Which, from 0.
            index: u8,
            /// Bytes of it.
            len: u16,
            /// Bytes allowed.
            max: u16,
        } => "parameter_length", -0x7100, 0,
            "parameter {index} has {len} bytes, {max} are allowed (they count from 0)";
        /// A parameter is left empty, or its quotes do not end.
        ParameterSyntax {
            /// Which, from 0.
            index: u8,
        } => "parameter_syntax", -0x7100, 0,
            "parameter {index} is missing or cannot be read (they count from 0)";
        /// Too few or too many parameters.
        ParameterCount {
            /// On the line.
            given: u8,
            /// The least, or the most.
            needed: u8,
        } => "parameter_count", -0x7100, 0, "parameters on the line: {given}, needed: {needed}";
        /// `=`, `?` or neither, where the command has no such form.
        CommandForm => "command_form", -0x7100, 0, "command does not have this form (=, ? or neither)";
        /// A client of the server was slow, and another one waited.
        GaveWay => "no_place", -0x7F00, 0, "handshake was given up for the next client";
        /// Each session needs memory of its own, and all of it is in use.
        TooManySessions {
            /// Sessions there would be.
            needed: u32,
            /// Sessions there can be.
            limit: u32,
        } => "too_large", -0x7200, 0, "sessions open at once of {needed}, at most {limit} here";
    }
}

/// Prints which items there are. They count from 0, as those who count the files they packed do not.
struct Held(u16);

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("there is none; items count from 0"),
            1 => f.write_str("there is item 0 alone"),
            count => write!(f, "there are items 0 to {}", count.saturating_sub(1)),
        }
    }
}

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Cause {
    /// The modem's own refusal.
    Modem(ModemError),
    /// The session's, or the stream's below it.
    Tls(tls_session::Cause),
    /// Another kind of file than a credential, or one that its upload changed.
    Content(Credential, Mistake),
}

/// What a session takes from flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Credential {
    /// What servers are checked against.
    Ca,
    /// Our certificate.
    Certificate,
    /// Our private key.
    Key,
    /// What clients of our server are checked against.
    ServerCa,
    /// The certificate of our server.
    ServerCertificate,
    /// Its private key.
    ServerKey,
}

impl Credential {
    /// The partition or namespace it is kept in.
    #[must_use]
    pub const fn partition(self) -> &'static str {
        match self {
            Self::Ca => "client_ca",
            Self::Certificate => "client_cert",
            Self::Key => "client_key",
            Self::ServerCa => "server_ca",
            Self::ServerCertificate => "server_cert",
            Self::ServerKey => "server_key",
        }
    }

    /// MBEDTLS_ERR_X509_INVALID_FORMAT, MBEDTLS_ERR_PK_KEY_INVALID_FORMAT.
    const fn mbedtls(self) -> i32 {
        match self {
            Self::Ca | Self::Certificate | Self::ServerCa | Self::ServerCertificate => -0x2180,
            Self::Key | Self::ServerKey => -0x3D00,
        }
    }
}

/// A row for each [`Mistake`].
static CONTENT: [Row; Mistake::ALL.len()] = {
    let mut rows = [Row {
        code: "",
        mbedtls: Credential::Ca.mbedtls(),
        flags: 0,
        text: "",
    }; Mistake::ALL.len()];
    let (mut left, mut of): (&mut [Row], &[Mistake]) = (&mut rows, Mistake::ALL);
    while let ([row, rest @ ..], [mistake, others @ ..]) = (left, of) {
        row.code = mistake.code();
        row.text = mistake.text();
        (left, of) = (rest, others);
    }
    rows
};

impl From<ModemError> for Cause {
    fn from(error: ModemError) -> Self {
        Self::Modem(error)
    }
}

impl From<tls_session::Cause> for Cause {
    fn from(cause: tls_session::Cause) -> Self {
        Self::Tls(cause)
    }
}

impl From<SetupError> for Cause {
    fn from(error: SetupError) -> Self {
        Self::setup(error)
    }
}

impl From<StreamError> for Cause {
    fn from(error: StreamError) -> Self {
        Self::Tls(error.into())
    }
}

impl Cause {
    /// What is wrong with a credential, as TLS names it.
    pub(crate) const fn setup(error: SetupError) -> Self {
        Self::Tls(tls_session::Cause::Setup(error))
    }

    /// Every row, the modem's first.
    pub fn table() -> impl Iterator<Item = &'static Row> {
        ModemError::TABLE
            .iter()
            .chain(&CONTENT)
            .chain(tls_session::Cause::table())
    }

    /// A stable word for scripts: lower case, digits and `_`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Modem(error) => error.code(),
            Self::Tls(cause) => cause.code(),
            Self::Content(_, mistake) => mistake.code(),
        }
    }

    /// The number Mbed TLS reports for this, negative.
    #[must_use]
    pub const fn mbedtls(&self) -> i32 {
        match self {
            Self::Modem(error) => error.mbedtls(),
            Self::Tls(cause) => cause.mbedtls(),
            Self::Content(credential, _) => credential.mbedtls(),
        }
    }

    /// Mbed TLS's X.509 verify flags, 0 where no certificate was at fault.
    #[must_use]
    pub const fn verify_flags(&self) -> u32 {
        match self {
            Self::Modem(error) => error.verify_flags(),
            Self::Tls(cause) => cause.verify_flags(),
            Self::Content(..) => 0,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Modem(error) => error.fmt(f),
            Self::Tls(cause) => cause.fmt(f),
            Self::Content(credential, mistake) => {
                write!(f, "{}: {mistake}", credential.partition())
            }
        }
    }
}

impl core::error::Error for Cause {}

/// Why a link was refused or ended. `Display` gives the text and what was found; the other fields say where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Why {
    /// Who is at the other end: the text says "client" where we are the server.
    pub peer: PeerRole,
    /// How far the link came.
    pub stage: Stage,
    /// What was wrong.
    pub cause: Cause,
    /// Position of the certificate in question: 0 is the server's own. 0 where no certificate is meant.
    pub depth: u8,
    /// Subject of the certificate in question; empty where none is meant.
    pub subject: Text,
    /// The issuer, name or date that was wanted; empty where none applies.
    pub wanted: Text,
    /// What was found instead, which `Display` puts behind the text; empty where that is complete.
    pub found: Text,
}

impl Why {
    /// A reason in which no certificate plays a part.
    #[must_use]
    pub fn new(stage: Stage, cause: impl Into<Cause>) -> Self {
        Self {
            peer: PeerRole::Server,
            stage,
            cause: cause.into(),
            depth: 0,
            subject: Text::new(),
            wanted: Text::new(),
            found: Text::new(),
        }
    }

    /// Adds what was wanted.
    #[must_use]
    pub fn wanting(mut self, wanted: impl fmt::Display) -> Self {
        self.wanted = cut(wanted);
        self
    }

    /// Adds what was found.
    #[must_use]
    pub fn finding(mut self, found: impl fmt::Display) -> Self {
        self.found = cut(found);
        self
    }

    /// A stable word for scripts: lower case, digits and `_`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.cause.code()
    }

    /// The credential that is missing, for the reply to the command.
    pub(crate) const fn missing_credential(&self) -> Option<PkiItem> {
        match self.cause {
            Cause::Modem(ModemError::CaErased | ModemError::CaMissing { .. })
            | Cause::Tls(tls_session::Cause::Setup(SetupError::CaUnreadable)) => Some(PkiItem::Ca),
            Cause::Modem(ModemError::CertErased | ModemError::CertMissing { .. })
            | Cause::Tls(tls_session::Cause::Setup(SetupError::CertUnreadable)) => {
                Some(PkiItem::Certificate)
            }
            Cause::Modem(
                ModemError::KeyErased | ModemError::KeyMissing { .. } | ModemError::KeyEncrypted,
            )
            | Cause::Tls(tls_session::Cause::Setup(
                SetupError::KeyUnreadable
                | SetupError::KeyUnsupported
                | SetupError::KeyInconsistent,
            )) => Some(PkiItem::PrivateKey),
            Cause::Content(Credential::Ca | Credential::ServerCa, _) => Some(PkiItem::Ca),
            Cause::Content(Credential::Certificate | Credential::ServerCertificate, _) => {
                Some(PkiItem::Certificate)
            }
            Cause::Content(Credential::Key | Credential::ServerKey, _) => Some(PkiItem::PrivateKey),
            _ => None,
        }
    }

    /// The number Mbed TLS reports for this, negative.
    #[must_use]
    pub const fn mbedtls(&self) -> i32 {
        self.cause.mbedtls()
    }

    /// Mbed TLS's X.509 verify flags, 0 where no certificate was at fault.
    #[must_use]
    pub const fn verify_flags(&self) -> u32 {
        self.cause.verify_flags()
    }
}

impl From<tls_session::Reason> for Why {
    fn from(reason: tls_session::Reason) -> Self {
        Self {
            peer: reason.peer,
            stage: Stage::Tls(reason.stage),
            cause: Cause::Tls(reason.cause),
            depth: reason.depth,
            subject: reason.subject,
            wanted: reason.wanted,
            found: reason.found,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.peer.text(&self.cause).fmt(f)?;
        if self.found.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.found)
    }
}

impl core::error::Error for Why {}

#[cfg(test)]
mod tests;
