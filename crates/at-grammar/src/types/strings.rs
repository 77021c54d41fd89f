//! Strings with a length limit (ESP-AT command set, A.7).

use core::fmt;

use crate::args::{Field, Given};
use crate::error::FieldError;
use crate::sink::{Full, Sink};
use crate::text::AtStr;

macro_rules! string_fields {
    ($($(#[$doc:meta])* $name:ident($min:literal ..= $max:literal, $accepts:expr);)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name<'a>(AtStr<'a>);

        impl<'a> $name<'a> {
            /// Most bytes.
            pub const MAX: usize = $max;

            /// Checks length and bytes.
            pub fn new(text: impl Into<AtStr<'a>>) -> Result<Self, FieldError> {
                let text = text.into();
                let len = text.len();
                let accepts: fn(u8) -> bool = $accepts;
                if len > Self::MAX {
                    Err(FieldError::Length { len, max: Self::MAX })
                } else if !($min..=$max).contains(&len) || !text.bytes().all(accepts) {
                    Err(FieldError::Range)
                } else {
                    Ok(Self(text))
                }
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

shown!(Ssid, HostName, ServerName, AlpnName, PartitionName);

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

printable!(HostName, ServerName, PartitionName);

impl fmt::Debug for Password<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Password<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Password(..)");
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::format;

    #[test]
    fn lengths_are_of_what_is_meant() {
        let escaped = std::vec![b'\\'; 64];
        assert_eq!(
            Ssid::new(AtStr::from_line(&escaped)).unwrap().text().len(),
            32
        );
        let escaped = std::vec![b'\\'; 66];
        assert_eq!(
            Ssid::new(AtStr::from_line(&escaped)),
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
    fn a_password_is_never_shown() {
        assert_eq!(
            format!("{:?}", Password::new("secret").unwrap()),
            "Password(..)"
        );
    }
}
