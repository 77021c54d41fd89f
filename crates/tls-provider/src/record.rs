//! Protection of records, and how received application data stay where they are.

mod note;
mod request;
#[cfg(test)]
mod tests;
mod ticket;
mod tls12;
mod tls13;
#[cfg(test)]
mod vectors;

use core::ops::Range;

use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aead::{AeadInPlace, KeyInit, Nonce, Tag};
use rustls::crypto::cipher::{InboundOpaqueMessage, InboundPlainMessage, PrefixedPayload};
use rustls::{ContentType, Error, InvalidMessage};
use zeroize::Zeroizing;

use crate::messages::Messages;

pub use note::plaintext;
pub use request::{Alert, alert_request};
pub(crate) use ticket::storable;
pub use ticket::{STORABLE, Tickets, tickets};
pub(crate) use tls12::Tls12;
pub(crate) use tls13::Tls13;

/// Bytes of content that a record may have (RFC 9846 §5.1).
const MAX_CONTENT: usize = 1 << 14;

/// Bytes of a tag.
const TAG: usize = 16;

/// An AEAD with the sizes of TLS (RFC 9846 §5.3, RFC 5288 §3, RFC 7905 §2).
pub(crate) trait Aead:
    AeadInPlace<NonceSize = U12, TagSize = U16> + KeyInit + Send + Sync + 'static
{
}

impl<A> Aead for A where
    A: AeadInPlace<NonceSize = U12, TagSize = U16> + KeyInit + Send + Sync + 'static
{
}

/// The key of one direction.
struct Key<A> {
    /// None if rustls gave a key of a wrong length: every record fails then.
    aead: Option<A>,
    iv: Zeroizing<[u8; 12]>,
}

impl<A: Aead> Key<A> {
    fn new(key: &[u8], iv: [u8; 12]) -> Self {
        Self {
            aead: A::new_from_slice(key).ok(),
            iv: Zeroizing::new(iv),
        }
    }

    /// Encrypts what `payload` has from `at` on, and appends the tag.
    ///
    /// # Errors
    ///
    /// [`Error::EncryptError`] without a key.
    fn seal(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        payload: &mut PrefixedPayload,
        at: usize,
    ) -> Result<(), Error> {
        let aead = self.aead.as_ref().ok_or(Error::EncryptError)?;
        let body = payload.as_mut().get_mut(at..).ok_or(Error::EncryptError)?;
        let tag = aead
            .encrypt_in_place_detached(Nonce::<A>::from_slice(nonce), aad, body)
            .map_err(|_| Error::EncryptError)?;
        payload.extend_from_slice(&tag);
        Ok(())
    }

    /// Decrypts `sealed` in place and returns the length of what it holds: all but the tag at its end.
    ///
    /// # Errors
    ///
    /// [`Error::DecryptError`] if the tag is wrong or missing, and without a key.
    fn open(&self, nonce: &[u8; 12], aad: &[u8], sealed: &mut [u8]) -> Result<usize, Error> {
        let aead = self.aead.as_ref().ok_or(Error::DecryptError)?;
        let (body, tag) = sealed
            .split_last_chunk_mut::<TAG>()
            .ok_or(Error::DecryptError)?;
        let tag = Tag::<A>::from_slice(tag);
        aead.decrypt_in_place_detached(Nonce::<A>::from_slice(nonce), aad, body, tag)
            .map_err(|_| Error::DecryptError)?;
        Ok(body.len())
    }
}

/// The nonce of a record (RFC 9846 §5.3, RFC 7905 §2): its number, added to the right end of the IV.
fn nonce(iv: &[u8; 12], number: u64) -> [u8; 12] {
    let mut nonce = *iv;
    for (byte, add) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
        *byte ^= add;
    }
    nonce
}

/// What rustls gets of a record that was decrypted: its content stands at `content` of the payload, and
/// a tag or more behind it.
fn received<'m>(
    mut record: InboundOpaqueMessage<'m>,
    content: Range<usize>,
    messages: &mut Messages,
) -> Result<InboundPlainMessage<'m>, Error> {
    match record.typ {
        ContentType::ApplicationData => {
            // An empty record is no progress: it neither has a note nor resets a limit.
            if content.is_empty() {
                return Ok(record.into_plain_message_range(content));
            }
            messages.data();
            let len = record.payload.len();
            let note = note::of(&content).ok_or(Error::DecryptError)?;
            let place = record.payload.last_chunk_mut().ok_or(Error::DecryptError)?;
            *place = note;
            Ok(record.into_plain_message_range(len - note.len()..len))
        }
        // RFC 9846 §5.4, RFC 5246 §6.2.1: only application data may be empty. rustls would wait for more.
        ContentType::Handshake | ContentType::Alert if content.is_empty() => {
            Err(InvalidMessage::InvalidEmptyPayload.into())
        }
        _ => Ok(record.into_plain_message_range(content)),
    }
}
