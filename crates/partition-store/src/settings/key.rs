//! Keys of settings: a type of the user's, and what the map compares.

use core::fmt;
use core::marker::PhantomData;

use sequential_storage::cache::{Cache, Uncached};
use sequential_storage::map::{Key as MapKey, SerializationError};

/// The map's cache: none, so that it costs no memory.
pub(super) type NoCache<K> = Cache<Uncached, Uncached, Uncached, RawKey<K>>;

/// Longest key, in bytes.
pub const KEY_MAX: usize = 16;

/// What a record goes by: usually an enum of the program, with one byte per setting.
///
/// The bytes are part of the on-flash format: never give one to another meaning. Records under keys
/// that a program does not know are kept as they are.
///
/// ```
/// use partition_store::settings::Key;
///
/// #[derive(Clone, Copy)]
/// enum Setting {
///     Brightness,
///     Volume,
/// }
///
/// impl Key for Setting {
///     const LEN: usize = 1;
///
///     fn encode(&self, into: &mut [u8]) {
///         into.fill(match self {
///             Self::Brightness => 1,
///             Self::Volume => 2,
///         });
///     }
/// }
/// ```
pub trait Key {
    /// Bytes of every key of this type: 1 to [`KEY_MAX`].
    const LEN: usize;

    /// Writes the key to `into`, which is [`LEN`](Self::LEN) bytes long.
    fn encode(&self, into: &mut [u8]);
}

impl Key for u8 {
    const LEN: usize = 1;

    fn encode(&self, into: &mut [u8]) {
        into.fill(*self);
    }
}

impl<const N: usize> Key for [u8; N] {
    const LEN: usize = N;

    fn encode(&self, into: &mut [u8]) {
        for (to, from) in into.iter_mut().zip(self) {
            *to = *from;
        }
    }
}

/// The bytes of a key of type `K`. Only these are compared, so a key that `K` has no value for is a
/// key like any other.
pub(super) struct RawKey<K> {
    bytes: [u8; KEY_MAX],
    of: PhantomData<fn() -> K>,
}

impl<K: Key> RawKey<K> {
    /// Some key; not one that is stored, or it may be.
    pub(super) const ANY: Self = Self {
        bytes: [0; KEY_MAX],
        of: PhantomData,
    };

    pub(super) fn new(key: &K) -> Self {
        const {
            assert!(K::LEN > 0 && K::LEN <= KEY_MAX, "length of a key");
        };
        let mut raw = Self::ANY;
        key.encode(raw.bytes.get_mut(..K::LEN).unwrap_or_default());
        raw
    }
}

impl<K> fmt::Debug for RawKey<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RawKey").field(&self.bytes).finish()
    }
}

impl<K> Clone for RawKey<K> {
    fn clone(&self) -> Self {
        Self {
            bytes: self.bytes,
            of: PhantomData,
        }
    }
}

impl<K> PartialEq for RawKey<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<K> Eq for RawKey<K> {}

impl<K: Key> MapKey for RawKey<K> {
    fn serialize_into(&self, buffer: &mut [u8]) -> Result<usize, SerializationError> {
        let room = buffer
            .get_mut(..K::LEN)
            .ok_or(SerializationError::BufferTooSmall)?;
        for (to, from) in room.iter_mut().zip(self.bytes) {
            *to = from;
        }
        Ok(K::LEN)
    }

    fn deserialize_from(buffer: &[u8]) -> Result<(Self, usize), SerializationError> {
        let bytes = buffer
            .get(..K::LEN)
            .ok_or(SerializationError::BufferTooSmall)?;
        let mut raw = Self::ANY;
        for (to, from) in raw.bytes.iter_mut().zip(bytes) {
            *to = *from;
        }
        Ok((raw, K::LEN))
    }
}
