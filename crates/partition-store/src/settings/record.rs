//! A record as the map stores it.

use sequential_storage::map::{SerializationError, Value};

/// Longest value, in bytes.
pub const VALUE_MAX: usize = 256;

/// Room for key, tag and the longest value, and for rounding up to the largest flash word.
pub(super) const SCRATCH: usize = VALUE_MAX + 32;

const TAG_NONE: u8 = 0;
const TAG_VALUE: u8 = 1;

/// What is stored under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// The key was removed.
    None,
    /// A value.
    Value(&'a [u8]),
}

impl<'a> Value<'a> for Record<'a> {
    fn serialize_into(&self, buffer: &mut [u8]) -> Result<usize, SerializationError> {
        let (tag, value): (u8, &[u8]) = match self {
            Self::None => (TAG_NONE, &[]),
            Self::Value(value) => (TAG_VALUE, value),
        };
        let (first, rest) = buffer
            .split_first_mut()
            .ok_or(SerializationError::BufferTooSmall)?;
        let room = rest
            .get_mut(..value.len())
            .ok_or(SerializationError::BufferTooSmall)?;
        *first = tag;
        room.copy_from_slice(value);
        Ok(value.len().saturating_add(1))
    }

    fn deserialize_from(buffer: &'a [u8]) -> Result<(Self, usize), SerializationError> {
        let record = match buffer.split_first() {
            Some((&TAG_NONE, [])) => Self::None,
            Some((&TAG_VALUE, value)) => Self::Value(value),
            _ => return Err(SerializationError::InvalidFormat),
        };
        Ok((record, buffer.len()))
    }
}
