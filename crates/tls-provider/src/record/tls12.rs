//! Records of TLS 1.2 with an AEAD (RFC 5246 §6.2.3.3).
//!
//! ```text
//! AES-GCM, RFC 5288             | explicit nonce, 8 | content | tag |
//! ChaCha20-Poly1305, RFC 7905                       | content | tag |
//! ```

use alloc::boxed::Box;
use core::marker::PhantomData;

use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, KeyBlockShape, MessageDecrypter,
    MessageEncrypter, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload,
    Tls12AeadAlgorithm, UnsupportedOperationError, make_tls12_aad,
};
use rustls::{ConnectionTrafficSecrets, ContentType, Error};

use super::request::requested;
use super::{Aead, Key, MAX_CONTENT, TAG, nonce, received};
use crate::messages::Messages;

/// The AEAD `A` in TLS 1.2, with `EXPLICIT` bytes of nonce in each record: 8 or none.
pub(crate) struct Tls12<A, const EXPLICIT: usize>(PhantomData<fn() -> A>);

impl<A, const EXPLICIT: usize> Tls12<A, EXPLICIT> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<A: Aead, const EXPLICIT: usize> Tls12AeadAlgorithm for Tls12<A, EXPLICIT> {
    fn encrypter(&self, key: AeadKey, iv: &[u8], _extra: &[u8]) -> Box<dyn MessageEncrypter> {
        Box::new(Encrypter::<A, EXPLICIT>(new_key(&key, iv)))
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        Box::new(Decrypter::<A, EXPLICIT>::new(new_key(&key, iv)))
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        KeyBlockShape {
            enc_key_len: A::key_size(),
            fixed_iv_len: 12 - EXPLICIT,
            // The explicit nonce is the record's number alone (RFC 5288 §3, RFC 9325 §7.2.1).
            explicit_nonce_len: 0,
        }
    }

    fn extract_keys(
        &self,
        _key: AeadKey,
        _iv: &[u8],
        _explicit: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

/// The fixed part of the IV stands at the left; zeros follow where each record brings the rest.
fn new_key<A: Aead>(key: &AeadKey, iv: &[u8]) -> Key<A> {
    let mut padded = [0; 12];
    for (to, byte) in padded.iter_mut().zip(iv) {
        *to = *byte;
    }
    Key::new(key.as_ref(), padded)
}

pub(super) struct Encrypter<A, const EXPLICIT: usize>(pub(super) Key<A>);

impl<A: Aead, const EXPLICIT: usize> MessageEncrypter for Encrypter<A, EXPLICIT> {
    fn encrypt(
        &mut self,
        msg: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let len = msg.payload.len();
        let nonce = nonce(&self.0.iv, seq);
        let mut payload = PrefixedPayload::with_capacity(self.encrypted_payload_len(len));
        let explicit = nonce.get(nonce.len() - EXPLICIT..).unwrap_or_default();
        payload.extend_from_slice(explicit);
        payload.extend_from_chunks(&msg.payload);
        let aad = make_tls12_aad(seq, msg.typ, msg.version, len);
        self.0.seal(&nonce, &aad, &mut payload, EXPLICIT)?;
        Ok(OutboundOpaqueMessage::new(msg.typ, msg.version, payload))
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        EXPLICIT + payload_len + TAG
    }
}

pub(super) struct Decrypter<A, const EXPLICIT: usize> {
    key: Key<A>,
    messages: Messages,
}

impl<A, const EXPLICIT: usize> Decrypter<A, EXPLICIT> {
    pub(super) const fn new(key: Key<A>) -> Self {
        Self {
            key,
            messages: Messages::new(),
        }
    }
}

impl<A: Aead, const EXPLICIT: usize> MessageDecrypter for Decrypter<A, EXPLICIT> {
    fn decrypt<'a>(
        &mut self,
        mut msg: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        requested(&msg)?;
        let (explicit, sealed) = msg
            .payload
            .split_first_chunk_mut::<EXPLICIT>()
            .ok_or(Error::DecryptError)?;
        let nonce = if EXPLICIT == 0 {
            nonce(&self.key.iv, seq)
        } else {
            let mut nonce = *self.key.iv;
            for (to, byte) in nonce.iter_mut().rev().zip(explicit.iter().rev()) {
                *to = *byte;
            }
            nonce
        };
        let len = sealed.len().checked_sub(TAG).ok_or(Error::DecryptError)?;
        let aad = make_tls12_aad(seq, msg.typ, msg.version, len);
        self.key.open(&nonce, &aad, sealed)?;
        if len > MAX_CONTENT {
            return Err(Error::PeerSentOversizedRecord);
        }
        let content = EXPLICIT..EXPLICIT + len;
        if msg.typ == ContentType::Handshake {
            let body = msg.payload.get(content.clone());
            self.messages.feed(body.ok_or(Error::DecryptError)?)?;
        }
        received(msg, content, &mut self.messages)
    }
}
