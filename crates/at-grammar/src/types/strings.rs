//! Strings with a length limit (ESP-AT command set, A.7).

use core::fmt;
use core::ops::RangeInclusive;

use crate::args::{Field, Given};
use crate::error::FieldError;
use crate::sink::{Full, Sink};
use crate::text::AtStr;

/// One function for all of them.
fn check(
    text: AtStr<'_>,
    lengths: RangeInclusive<u16>,
    accepts: fn(u8) -> bool,
) -> Result<(), FieldError> {
    let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
    let max = *lengths.end();
    if len > max {
        Err(FieldError::Length { len, max })
    } else if !lengths.contains(&len) || !text.bytes().all(accepts) {
        Err(FieldError::Range)
    } else {
        Ok(())
    }
}

macro_rules! string_fields {
    ($($(#[$doc:meta])* $name:ident($min:literal ..= $max:literal, $accepts:expr);)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name<'a>(AtStr<'a>);

        impl<'a> $name<'a> {
            /// Bytes allowed.
            pub const MAX: usize = $max;

            /// Checks length and bytes.
            ///
            /// # Errors
            ///
            /// [`FieldError`]: too short, too long, or a byte that is not allowed in it.
            pub fn new(text: impl Into<AtStr<'a>>) -> Result<Self, FieldError> {
                let text = text.into();
                check(text, $min..=$max, $accepts).map(|()| Self(text))
            }

            /// The string where it lies.
            #[must_use]
            pub const fn text(&self) -> AtStr<'a> {
                self.0
            }

            /// A copy of the bytes, escapes undone.
            #[must_use]
            pub fn to_bytes(&self) -> heapless::Vec<u8, $max> {
                // The constructor let nothing longer in.
                self.0.copy().unwrap_or_default()
            }
        }

        impl<'a> Field<'a> for $name<'a> {
            fn read(given: Given<'a>) -> Result<Self, FieldError> {
                match given {
                    Given::Text(text) => Self::new(text),
                    Given::Int(_) => Err(FieldError::Kind),
                }
            }

            fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
                self.0.write_escaped(out)
            }
        }
    )* };
}

/// Letters, digits and marks of ASCII, no blank: all that names and addresses of hosts are made of.
const fn graphic(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

const fn any(_byte: u8) -> bool {
    true
}

const fn hexadecimal(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

/// What names in flash are made of: nothing that a reply could not carry.
const fn key_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b'\\')
}

/// What names of services are made of.
const fn service(byte: u8) -> bool {
    key_byte(byte) || byte == b' '
}

string_fields! {
    /// Name of a network: any bytes.
    Ssid(0..=32, any);
    /// Passphrase of a network; empty for an open one. No log shows it.
    Password(0..=64, any);
    /// Name or address of a host: printable ASCII without blanks.
    HostName(1..=64, graphic);
    /// Name for SNI or for the server's certificate; empty clears the setting.
    ServerName(0..=64, graphic);
    /// One protocol of an ALPN list: 1 to 255 bytes (RFC 7301, 3.1).
    AlpnName(1..=255, any);
    /// Name of a flash partition: printable ASCII without blanks.
    PartitionName(1..=16, graphic);
    /// Namespace or key of `AT+SYSMFG`: as NVS takes them, without quotes, commas and backslashes.
    MfgName(1..=15, key_byte);
    /// Name the station gives itself: printable ASCII without blanks.
    StationName(1..=32, graphic);
    /// Letters of a country.
    CountryCode(1..=3, graphic);
    /// Name of a host, an instance or a service in mDNS.
    MdnsName(1..=63, service);
    /// Name of a release or of a part of it.
    UpdateName(1..=64, graphic);
    /// Pre-shared key as text: any bytes; empty clears the setting. No log shows it.
    PskKey(0..=32, any);
    /// Pre-shared key as hexadecimal digits, two a byte; empty clears the setting. No log shows it.
    PskHex(0..=64, hexadecimal);
    /// Identity that names a pre-shared key to the server: any bytes.
    PskIdentity(0..=32, any);
}

macro_rules! shown {
    ($($name:ident),*) => { $(
        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.0)
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        #[cfg(feature = "defmt")]
        impl defmt::Format for $name<'_> {
            fn format(&self, f: defmt::Formatter<'_>) {
                self.0.format(f);
            }
        }
    )* };
}

shown!(
    Ssid,
    HostName,
    ServerName,
    AlpnName,
    PartitionName,
    PskIdentity,
    MfgName,
    StationName,
    CountryCode,
    MdnsName,
    UpdateName
);

macro_rules! printable {
    ($($name:ident),*) => { $(
        impl $name<'_> {
            /// A copy as text, escapes undone.
            #[must_use]
            pub fn to_text(&self) -> heapless::String<{ $name::MAX }> {
                // ASCII of checked length, by the constructor.
                self.0.bytes().map(char::from).collect()
            }
        }
    )* };
}

printable!(
    HostName,
    ServerName,
    PartitionName,
    MfgName,
    StationName,
    CountryCode,
    MdnsName
);

impl PskHex<'_> {
    /// The key's bytes, two digits each; an odd digit at the end is not one.
    pub fn bytes(&self) -> impl Iterator<Item = u8> {
        let mut digits = self.0.bytes();
        let mut digit = move || u8::try_from(char::from(digits.next()?).to_digit(16)?).ok();
        core::iter::from_fn(move || Some(digit()? << 4 | digit()?))
    }
}

macro_rules! secret {
    ($($name:ident),*) => { $(
        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        #[cfg(feature = "defmt")]
        impl defmt::Format for $name<'_> {
            fn format(&self, f: defmt::Formatter<'_>) {
                defmt::write!(f, "{=str}(..)", stringify!($name));
            }
        }
    )* };
}

secret!(Password, PskKey, PskHex);

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::format;

    #[test]
    fn lengths_are_of_what_is_meant() {
        let escaped = std::vec![b'\\'; 64];
        assert_eq!(
            Ssid::new(AtStr::from_line(&escaped, true))
                .unwrap()
                .text()
                .len(),
            32
        );
        let escaped = std::vec![b'\\'; 66];
        assert_eq!(
            Ssid::new(AtStr::from_line(&escaped, true)),
            Err(FieldError::Length { len: 33, max: 32 })
        );
        assert_eq!(HostName::new(""), Err(FieldError::Range));
        assert_eq!(HostName::new("a b"), Err(FieldError::Range));
        assert_eq!(
            HostName::new("example.com").unwrap().to_text(),
            "example.com"
        );
    }

    #[test]
    fn a_secret_is_never_shown() {
        for (shown, name) in [
            (
                format!("{:?}", Password::new("secret").unwrap()),
                "Password",
            ),
            (format!("{:?}", PskKey::new("secret").unwrap()), "PskKey"),
            (format!("{:?}", PskHex::new("5ec7e7").unwrap()), "PskHex"),
        ] {
            assert_eq!(shown, format!("{name}(..)"));
        }
    }

    #[test]
    fn two_digits_are_a_byte() {
        for (digits, bytes) in [
            ("", &b""[..]),
            ("70736b", b"psk"),
            ("00fFA5", &[0, 0xff, 0xa5]),
            ("705", b"p"),
        ] {
            let hex = PskHex::new(digits).unwrap();
            assert!(hex.bytes().eq(bytes.iter().copied()), "{digits}");
        }
        assert_eq!(PskHex::new("0g"), Err(FieldError::Range));
    }
}
