//! What `--ap` and `ap add` say of an access point.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;

use at_modem::wifi::{Encryption, Ssid};

/// IEEE 802.11 limit of a network name; `AT+CWJAP` has the same.
const SSID_MAX: usize = 32;

/// A passphrase of WPA (IEEE 802.11 J.4.1): 8 to 63 characters.
const PASSPHRASE: std::ops::RangeInclusive<usize> = 8..=63;

/// Digits of a pre-shared key in hexadecimal, which stands in for a passphrase.
const KEY_DIGITS: usize = 64;

/// One `--ap SSID[,PASSWORD]`. `Debug` keeps the password to itself.
#[derive(Clone, PartialEq, Eq)]
pub struct ApSpec {
    pub(super) ssid: Ssid,
    pub(super) password: Vec<u8>,
}

/// Why an `--ap` was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApError {
    /// There is no network name.
    NoSsid,
    /// The network name has `length` bytes.
    SsidTooLong {
        /// Its length.
        length: usize,
    },
    /// No network can have a password of `length` bytes.
    PasswordLength {
        /// Its length.
        length: usize,
    },
}

impl fmt::Display for ApError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSsid => f.write_str("a network name is missing; expected SSID[,PASSWORD]"),
            Self::SsidTooLong { length } => {
                write!(
                    f,
                    "the network name has {length} bytes, at most {SSID_MAX} are possible"
                )
            }
            Self::PasswordLength { length } => {
                write!(
                    f,
                    "the password has {length} bytes; WPA takes 8 to 63, or 64 hexadecimal digits, and an open network \
                     none"
                )
            }
        }
    }
}

impl std::error::Error for ApError {}

impl ApSpec {
    /// Reads `SSID[,PASSWORD]`; the name ends at the first comma, and no password means open. In the name `\,` is a comma
    /// and `\\` a backslash, as in `AT+CWJAP`.
    ///
    /// # Errors
    ///
    /// [`ApError`] when a part is missing, too long, or a password that no network can have.
    pub fn parse(text: &OsStr) -> Result<Self, ApError> {
        let mut ssid = Vec::new();
        let mut password: &[u8] = &[];
        let mut rest = text.as_bytes();
        while let [byte, behind @ ..] = rest {
            rest = behind;
            match (byte, behind) {
                (b'\\', [escaped @ (b',' | b'\\'), after @ ..]) => {
                    ssid.push(*escaped);
                    rest = after;
                }
                (b',', _) => {
                    password = behind;
                    break;
                }
                (byte, _) => ssid.push(*byte),
            }
        }
        if ssid.is_empty() {
            return Err(ApError::NoSsid);
        }
        let length = password.len();
        let is_key = length == KEY_DIGITS && password.iter().all(u8::is_ascii_hexdigit);
        if !(password.is_empty() || PASSPHRASE.contains(&length) || is_key) {
            return Err(ApError::PasswordLength { length });
        }
        Ok(Self {
            ssid: Ssid::from_slice(&ssid)
                .map_err(|_| ApError::SsidTooLong { length: ssid.len() })?,
            password: password.to_vec(),
        })
    }
}

impl ApSpec {
    pub(super) fn encryption(&self) -> Encryption {
        if self.password.is_empty() {
            Encryption::Open
        } else {
            Encryption::Wpa2Psk
        }
    }
}

impl fmt::Debug for ApSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApSpec")
            .field("ssid", &self.ssid.escape_ascii().to_string())
            .field("open", &self.password.is_empty())
            .finish()
    }
}
