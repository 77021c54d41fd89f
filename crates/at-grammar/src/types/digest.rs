//! Fingerprints, as lower-case hexadecimal in quotes.

use crate::args::{Field, Given};
use crate::error::FieldError;
use crate::sink::{Full, Sink, print};

/// A SHA-256 value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sha256(pub [u8; 32]);

impl<'a> Field<'a> for Sha256 {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        let Given::Text(text) = given else {
            return Err(FieldError::Kind);
        };
        let mut digits = text
            .bytes()
            .map(|byte| u8::try_from(char::from(byte).to_digit(16)?).ok());
        let mut digit = || digits.next().flatten().ok_or(FieldError::Range);
        let mut value = [0; 32];
        for byte in &mut value {
            *byte = digit()? << 4 | digit()?;
        }
        if digits.next().is_some() {
            return Err(FieldError::Range);
        }
        Ok(Self(value))
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        out.put(b"\"")?;
        for byte in self.0 {
            print(out, format_args!("{byte:02x}"))?;
        }
        out.put(b"\"")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::text::AtStr;
    use std::string::String;

    #[test]
    fn exactly_sixty_four_digits_are_a_value() {
        for len in 0..130 {
            let digits: String = core::iter::repeat_n('a', len).collect();
            let read = Sha256::read(Given::Text(AtStr::from(digits.as_str())));
            assert_eq!(read.is_ok(), len == 64, "{len}");
        }
        let odd: String = core::iter::repeat_n('g', 64).collect();
        let read = Sha256::read(Given::Text(AtStr::from(odd.as_str())));
        assert_eq!(read, Err(FieldError::Range));
    }
}
