//! Records of TLS 1.3 (RFC 9846 §5.2, §5.3, §5.4).
//!
//! ```text
//! | content | its type | zeros | tag |
//! ```

use alloc::boxed::Box;
use core::marker::PhantomData;

use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter,
    OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, Tls13AeadAlgorithm,
    UnsupportedOperationError, make_tls13_aad,
};
use rustls::{ConnectionTrafficSecrets, ContentType, Error, PeerMisbehaved, ProtocolVersion};

use super::request::requested;
use super::ticket::take_out;
use super::{Aead, Key, MAX_CONTENT, TAG, nonce, received};
use crate::messages::Messages;

/// The AEAD `A` in TLS 1.3.
pub(crate) struct Tls13<A> {
    /// rustls gets tickets that can be kept.
    resumes: bool,
    aead: PhantomData<fn() -> A>,
}

impl<A> Tls13<A> {
    pub(crate) const fn new() -> Self {
        Self {
            resumes: false,
            aead: PhantomData,
        }
    }

    pub(crate) const fn with_tickets() -> Self {
        Self {
            resumes: true,
            ..Self::new()
        }
    }
}

impl<A: Aead> Tls13AeadAlgorithm for Tls13<A> {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Encrypter(new_key::<A>(&key, &iv)))
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        let decrypter = Decrypter::new(new_key::<A>(&key, &iv));
        Box::new(match self.resumes {
            true => decrypter.with_tickets(),
            false => decrypter,
        })
    }

    fn key_len(&self) -> usize {
        A::key_size()
    }

    fn extract_keys(
        &self,
        _key: AeadKey,
        _iv: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

fn new_key<A: Aead>(key: &AeadKey, iv: &Iv) -> Key<A> {
    let mut copy = [0; 12];
    for (to, byte) in copy.iter_mut().zip(iv.as_ref()) {
        *to = *byte;
    }
    Key::new(key.as_ref(), copy)
}

pub(super) struct Encrypter<A>(pub(super) Key<A>);

impl<A: Aead> MessageEncrypter for Encrypter<A> {
    fn encrypt(
        &mut self,
        msg: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let sealed = self.encrypted_payload_len(msg.payload.len());
        let mut payload = PrefixedPayload::with_capacity(sealed);
        payload.extend_from_chunks(&msg.payload);
        payload.extend_from_slice(&[msg.typ.into()]);
        let aad = make_tls13_aad(sealed);
        self.0
            .seal(&nonce(&self.0.iv, seq), &aad, &mut payload, 0)?;
        // RFC 9846 §5.2: the type and version of a record without encryption, for middleboxes.
        Ok(OutboundOpaqueMessage::new(
            ContentType::ApplicationData,
            ProtocolVersion::TLSv1_2,
            payload,
        ))
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        payload_len + 1 + TAG
    }
}

pub(super) struct Decrypter<A> {
    key: Key<A>,
    messages: Messages,
}

impl<A> Decrypter<A> {
    pub(super) const fn new(key: Key<A>) -> Self {
        Self {
            key,
            messages: Messages::new_13(),
        }
    }
}

impl<A> Decrypter<A> {
    fn with_tickets(self) -> Self {
        Self {
            messages: self.messages.with_tickets(),
            ..self
        }
    }
}

impl<A: Aead> MessageDecrypter for Decrypter<A> {
    fn decrypt<'a>(
        &mut self,
        mut msg: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        requested(&msg)?;
        // RFC 9846 §5.2: the type in the header is authenticated, and rustls's additional data hold the right one.
        if msg.typ != ContentType::ApplicationData {
            return Err(Error::DecryptError);
        }
        let aad = make_tls13_aad(msg.payload.len());
        let len = self
            .key
            .open(&nonce(&self.key.iv, seq), &aad, &mut msg.payload)?;
        let inner = msg.payload.get(..len).unwrap_or_default();
        let (typ, mut content) = unpadded(inner)?;
        msg.typ = typ;
        msg.version = ProtocolVersion::TLSv1_3;
        match typ {
            ContentType::Handshake => {
                content = take_out(&mut msg.payload, content, &mut self.messages)?;
            }
            // RFC 9846 §5.1. rustls sees nothing of a ticket that is not whole.
            _ if !self.messages.is_whole() => {
                return Err(PeerMisbehaved::MessageInterleavedWithHandshakeMessage.into());
            }
            ContentType::Alert => ignore_level(msg.payload.get_mut(..content)),
            _ => {}
        }
        received(msg, 0..content, &mut self.messages)
    }
}

/// The level of an alert means nothing (RFC 9846 §6), but rustls ends a session for user_canceled of level fatal.
fn ignore_level(alert: Option<&mut [u8]>) {
    const WARNING: u8 = 1;
    const USER_CANCELED: u8 = 90;
    if let Some([level, USER_CANCELED]) = alert {
        *level = WARNING;
    }
}

/// The type of the content, and its length (RFC 9846 §5.4).
fn unpadded(inner: &[u8]) -> Result<(ContentType, usize), Error> {
    if inner.len() > MAX_CONTENT + 1 {
        return Err(Error::PeerSentOversizedRecord);
    }
    let found = inner.iter().enumerate().rev().find(|(_, byte)| **byte != 0);
    let Some((len, &typ)) = found else {
        return Err(PeerMisbehaved::IllegalTlsInnerPlaintext.into());
    };
    match ContentType::from(typ) {
        // RFC 9846 §5: never protected.
        ContentType::ChangeCipherSpec => {
            Err(PeerMisbehaved::IllegalMiddleboxChangeCipherSpec.into())
        }
        typ => Ok((typ, len)),
    }
}
