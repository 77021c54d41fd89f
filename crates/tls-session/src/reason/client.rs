//! What a client of our server did, or could not agree on.

use core::fmt;

use super::flags;
use super::protocol::Alert;
use super::text::{AlertHint, Version, group_text};

crate::reasons! {
    /// What a client of our server did, or could not agree on.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum ClientError {
        /// The client speaks another protocol on the port.
        NotTls(speaks: Speaks) => "not_tls", -0x7200, 0, "client speaks {speaks} without TLS";
        /// The client sent the hello of SSL 2.0.
        Ssl2Hello => "ssl2_hello", -0x7200, 0, "client sent an SSL 2.0 hello";
        /// The client speaks neither TLS 1.2 nor 1.3.
        ClientVersion(version: u16) => "client_version", -0x6E80, 0,
            "client speaks {name} at most", name = Version(version);
        /// The client offers no version that the policy takes.
        PolicyVersion {
            /// The newest that the client offers.
            client: u16,
            /// The oldest that the policy takes.
            min: u16,
            /// The newest that the policy takes.
            max: u16,
        } => "policy_version", -0x6E80, 0, "client offers {client} at most, policy wants {wanted}",
            client = Version(client), wanted = Wanted(min, max);
        /// The client says that it fell back, and both sides speak a newer version (RFC 7507).
        Fallback => "fallback", -0x6E00, 0, "client fell back to TLS 1.2 though both speak TLS 1.3";
        /// The client takes none of our cipher suites, or none that goes with our key.
        NoCommonSuite(suites: Offer) => "nothing_in_common", -0x6E00, 0,
            "no cipher suite in common that fits our key; client offers {suites}", suites = Numbers(suites);
        /// The client takes none of our key exchange groups.
        NoCommonGroup(groups: Offer) => "nothing_in_common", -0x6E00, 0,
            "no group in common; client offers {groups}", groups = Groups(groups);
        /// The client verifies no signature of our key.
        NoCommonScheme(schemes: Offer) => "nothing_in_common", -0x6E00, 0,
            "client verifies no signature of our key's kind; it offers {schemes}", schemes = Numbers(schemes);
        /// The client showed no certificate, and has to.
        NoClientCertificate => "no_client_certificate", -0x7480, flags::MISSING, "client showed no certificate";
        /// The client refused our certificate, or what we are, by an alert in the handshake.
        RefusedUs(alert: u8) => "client_refused_us", -0x7780, 0, "client refused us: {alert}{hint}",
            alert = Alert(alert), hint = AlertHint(alert);
    }
}

/// A protocol that is none of TLS, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Speaks {
    /// A method of HTTP.
    Http,
    /// CONNECT of MQTT.
    Mqtt,
    /// The banner of SSH.
    Ssh,
    /// A method of RTSP or SIP.
    Rtsp,
    /// The line of the PROXY protocol.
    Proxy,
    /// An AT command.
    At,
    /// Zeros.
    Zeros,
    /// Something else, which begins like this.
    Other([u8; 5]),
}

impl Speaks {
    /// Reads the first bytes of a connection.
    #[must_use]
    pub fn of(first: [u8; 5]) -> Self {
        match &first {
            b"GET /" | b"POST " | b"HEAD " | b"PUT /" | b"CONNE" | b"DELET" | b"PATCH"
            | b"PRI *" => Self::Http,
            // Its OPTIONS takes `*` or a URL of its scheme, as that of HTTP does.
            b"OPTIO" | b"TRACE" => Self::Http,
            b"DESCR" | b"SETUP" | b"ANNOU" | b"INVIT" | b"REGIS" => Self::Rtsp,
            b"SSH-1" | b"SSH-2" => Self::Ssh,
            b"PROXY" => Self::Proxy,
            [b'A' | b'a', b'T' | b't', b'+' | b'\r' | b'E' | b'e', ..] => Self::At,
            // CONNECT, a length of one or two bytes, the length of the protocol's name.
            [0x10, _, 0, 4, b'M'] | [0x10, _, _, 0, 4] | [0x10, _, 0, 6, b'M'] => Self::Mqtt,
            [0, 0, 0, 0, 0] => Self::Zeros,
            _ => Self::Other(first),
        }
    }
}

impl fmt::Display for Speaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Mqtt => "MQTT",
            Self::Ssh => "SSH",
            Self::Rtsp => "RTSP",
            Self::Proxy => "the PROXY protocol",
            Self::At => "AT commands",
            Self::Zeros => "zeros",
            Self::Other([a, b, c, d, e]) => {
                return write!(f, "something ({a:02x} {b:02x} {c:02x} {d:02x} {e:02x})");
            }
        })
    }
}

/// Numbers that a peer offers, the first eight of them; 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Offer([u16; 8]);

impl Offer {
    /// Keeps the first eight.
    #[must_use]
    pub fn new(numbers: impl IntoIterator<Item = u16>) -> Self {
        let mut offer = Self::default();
        for (place, number) in offer.0.iter_mut().zip(numbers) {
            *place = number;
        }
        offer
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, name: fn(u16) -> &'static str) -> fmt::Result {
        let mut numbers = self
            .0
            .iter()
            .copied()
            .take_while(|number| *number != 0)
            .peekable();
        if numbers.peek().is_none() {
            return f.write_str("none");
        }
        for (position, number) in numbers.enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            match name(number) {
                "unknown" => write!(f, "{number:04x}")?,
                name => f.write_str(name)?,
            }
        }
        Ok(())
    }
}

/// Prints one version, or from which to which.
struct Wanted(u16, u16);

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(min, max) = *self;
        Version(min).fmt(f)?;
        if min == max {
            return Ok(());
        }
        write!(f, " to {}", Version(max))
    }
}

/// Prints numbers.
struct Numbers(Offer);

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, |_| "unknown")
    }
}

/// Prints names of groups.
struct Groups(Offer);

impl fmt::Display for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, group_text)
    }
}
