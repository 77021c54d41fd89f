//! Addresses: IP as quoted text, hardware addresses as six pairs of hex digits.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use crate::args::{Field, Given};
use crate::error::FieldError;
use crate::sink::{Full, Sink, print};
use crate::text::AtStr;

/// Longest text of an IPv6 address, an IPv4 part included.
const ADDRESS: usize = 45;

/// Any text that `T` can be read from.
fn from_text<T: FromStr>(text: AtStr<'_>) -> Option<T> {
    let copy = text.copy::<ADDRESS>().ok()?;
    core::str::from_utf8(&copy).ok()?.parse().ok()
}

macro_rules! address_fields {
    ($($type:ty),*) => { $(
        impl<'a> Field<'a> for $type {
            fn read(given: Given<'a>) -> Result<Self, FieldError> {
                match given {
                    Given::Text(text) => from_text(text).ok_or(FieldError::Range),
                    Given::Int(_) => Err(FieldError::Kind),
                }
            }

            fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
                print(out, format_args!("\"{self}\""))
            }
        }
    )* };
}

address_fields!(IpAddr, Ipv4Addr, Ipv6Addr, Mac);

/// Hardware address, written in lower case with colons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let mut mac = [0; 6];
        let mut pairs = text.split(':');
        for byte in &mut mac {
            let pair = pairs.next().ok_or(FieldError::Range)?;
            // `from_str_radix` alone would take "+1".
            if pair.len() != 2 || !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(FieldError::Range);
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| FieldError::Range)?;
        }
        if pairs.next().is_some() {
            return Err(FieldError::Range);
        }
        Ok(Self(mac))
    }
}

/// Hardware address that an interface of ours can have: not that of a group, and not all zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct OwnMac(Mac);

impl OwnMac {
    /// `None` where bit 0 of the first byte is set, which covers all ones, or no bit is.
    #[must_use]
    pub fn new(mac: Mac) -> Option<Self> {
        let group = mac.0[0] & 1 == 1;
        (!group && mac.0 != [0; 6]).then_some(Self(mac))
    }

    /// As any address.
    #[must_use]
    pub const fn get(self) -> Mac {
        self.0
    }
}

impl<'a> Field<'a> for OwnMac {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        Self::new(Mac::read(given)?).ok_or(FieldError::Range)
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        self.0.write(out)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_mac_is_six_pairs() {
        let mac: Mac = "AA:bb:0c:00:ff:01".parse().unwrap();
        assert_eq!(mac.to_string(), "aa:bb:0c:00:ff:01");
        for bad in [
            "",
            "aa:bb:cc:dd:ee",
            "aa:bb:cc:dd:ee:ff:00",
            "a:b:c:d:e:f",
            "+1:00:00:00:00:00",
        ] {
            assert!(bad.parse::<Mac>().is_err(), "{bad}");
        }
    }
}
