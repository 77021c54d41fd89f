//! A value whose bytes arrive in pieces: the data phase of `AT+SYSMFG=2`.
//!
//! spec: cert-bin 10, at-commands B.2

use core::fmt;

use embedded_storage_async::nor_flash::MultiwriteNorFlash;

use super::error::NvsError;
use super::label::{Label, ValueKind};
use super::pages::Nvs;

/// Text or binary of known length, gathered in the caller's buffer and stored once all is there.
///
/// It borrows nothing of the partition between pieces, and changes nothing before
/// [`commit`](Self::commit): a host that goes away in the middle leaves the old value.
pub struct ValueWrite<'b> {
    namespace: Label,
    key: Label,
    kind: ValueKind,
    buffer: &'b mut [u8],
    filled: usize,
}

impl<'b> ValueWrite<'b> {
    /// Checks that a value of `length` bytes can be stored, as far as is known before it arrives.
    /// Of `buffer` as much is used.
    ///
    /// # Errors
    /// `kind` is a type of numbers, `length` is not one of the type, `buffer` is shorter, the
    /// partition is full, or the flash fails.
    pub async fn begin<F: MultiwriteNorFlash>(
        nvs: &mut Nvs<'_, F>,
        namespace: Label,
        key: Label,
        kind: ValueKind,
        length: usize,
        buffer: &'b mut [u8],
    ) -> Result<Self, NvsError<F::Error>> {
        if !matches!(kind, ValueKind::Text | ValueKind::Binary) {
            return Err(NvsError::WrongKind);
        }
        nvs.check_room(namespace, kind, length).await?;
        let available = buffer.len();
        let buffer = buffer.get_mut(..length).ok_or(NvsError::BufferTooSmall {
            needed: length,
            available,
        })?;
        Ok(Self {
            namespace,
            key,
            kind,
            buffer,
            filled: 0,
        })
    }

    /// Bytes still to come.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.buffer.len().saturating_sub(self.filled)
    }

    /// Takes the next bytes, none behind the end, and returns how many.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let taken = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.filled = self.filled.saturating_add(taken);
        taken
    }

    /// Stores the value.
    ///
    /// If power fails or the future is dropped, the key has its value of before or the new one.
    ///
    /// # Errors
    /// Bytes are missing, text has a NUL, the partition is full, or the flash fails.
    pub async fn commit<F: MultiwriteNorFlash>(
        self,
        nvs: &mut Nvs<'_, F>,
    ) -> Result<(), NvsError<F::Error>> {
        match self.remaining() {
            0 => {}
            missing => return Err(NvsError::Incomplete { missing }),
        }
        match self.kind {
            ValueKind::Text => nvs.set_text(self.namespace, self.key, self.buffer).await,
            _ => nvs.set_binary(self.namespace, self.key, self.buffer).await,
        }
    }
}

impl fmt::Debug for ValueWrite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The bytes may be a private key.
        f.debug_struct("ValueWrite")
            .field("namespace", &self.namespace)
            .field("key", &self.key)
            .field("kind", &self.kind)
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}
