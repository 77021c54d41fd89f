//! The engine's cipher suite, with a look at every plaintext before the engine parses it.
//!
//! The engine decrypts a record and parses what is inside without asking whether it is legal in
//! this phase: post-handshake messages reach an `unimplemented!`, an empty record an `unwrap`, and
//! the description of an encrypted alert is lost. A transport wrapper sees ciphertext only. But
//! the engine is generic over its cipher, and the cipher stands exactly where a look is needed.
//!
//! It has no state and no way to be handed any, so two narrow channels carry what it must know and
//! say, both of them bytes that nobody else reads:
//!
//! * **in**: the guard below the engine writes a `Phase` mark over the version bytes of each
//!   record header. The header comes back as additional data; the cipher restores `03 03` before
//!   it authenticates. A record without a mark is refused.
//! * **out**, handshake: what is refused is replaced by a Certificate message whose only entry is a
//!   `Report`, which our verifier recognises (no certificate starts with a zero byte).
//! * **out**, application data: every record becomes application data whose last byte is the real
//!   content type, so the engine parses nothing at all and the session decides.
//!
//! ```text
//! decrypted   content | type | 00 … 00           (RFC 8446 §5.2, TLSInnerPlaintext)
//! handed on   content | 22                       handshake: legal messages, whole
//!             11 00000c 00 000008 000003 00 code detail 0000 | 22       a report
//!             content | type | 23                application data
//! ```

use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aead::{AeadCore, AeadInPlace, Buffer, Error, Key, Nonce, Result as AeadResult, Tag};
use aes_gcm::{Aes128Gcm, KeyInit, KeySizeUser};
use embedded_tls::TlsCipherSuite;

use super::envelope::{
    self, CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, ENCRYPTED_EXTENSIONS, FINISHED,
};
use super::hello::SUITE;
use super::transcript::Transcript;
use crate::verify::MAX_CHAIN;

mod report;

pub(crate) use report::Report;

/// Bytes of the tag behind each ciphertext.
const TAG: usize = 16;

/// TLSInnerPlaintext may be this long (RFC 8446 §5.4).
const MAX_INNER: usize = (1 << 14) + 1;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// What an encrypted record may hold, as a mark in the version bytes of its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Between ServerHello and the server's Finished.
    Handshake,
    /// After both Finished messages.
    Data,
}

impl Phase {
    pub(crate) const fn mark(self) -> [u8; 2] {
        match self {
            Self::Handshake => [0xa7, 0x01],
            Self::Data => [0xa7, 0x02],
        }
    }

    const fn of(mark: [u8; 2]) -> Option<Self> {
        match mark {
            [0xa7, 0x01] => Some(Self::Handshake),
            [0xa7, 0x02] => Some(Self::Data),
            _ => None,
        }
    }
}

/// TLS_AES_128_GCM_SHA256 with [`GuardedCipher`] for its records and [`Transcript`] for its hash.
#[derive(Debug)]
pub(crate) struct Suite;

impl TlsCipherSuite for Suite {
    const CODE_POINT: u16 = SUITE;
    type Cipher = GuardedCipher;
    type KeyLen = U16;
    type IvLen = U12;
    type Hash = Transcript;
    // hash length + longest label + overhead, as the engine counts its own suites.
    type LabelBufferSize = aes_gcm::aead::generic_array::typenum::U54;
}

/// AES-128-GCM that admits only plaintexts the engine can take.
pub(crate) struct GuardedCipher(Aes128Gcm);

impl core::fmt::Debug for GuardedCipher {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("GuardedCipher")
    }
}

impl KeySizeUser for GuardedCipher {
    type KeySize = U16;
}

impl KeyInit for GuardedCipher {
    fn new(key: &Key<Self>) -> Self {
        Self(Aes128Gcm::new(key))
    }
}

impl AeadCore for GuardedCipher {
    type NonceSize = <Aes128Gcm as AeadCore>::NonceSize;
    type TagSize = <Aes128Gcm as AeadCore>::TagSize;
    type CiphertextOverhead = <Aes128Gcm as AeadCore>::CiphertextOverhead;
}

impl AeadInPlace for GuardedCipher {
    fn encrypt_in_place_detached(
        &self,
        nonce: &Nonce<Self>,
        associated_data: &[u8],
        buffer: &mut [u8],
    ) -> AeadResult<Tag<Self>> {
        self.0
            .encrypt_in_place_detached(nonce, associated_data, buffer)
    }

    /// Encrypts a message of ours as it is to be sent, whatever shape the engine gave it.
    fn encrypt_in_place(
        &self,
        nonce: &Nonce<Self>,
        associated_data: &[u8],
        buffer: &mut dyn Buffer,
    ) -> AeadResult<()> {
        open_envelope(buffer)?;
        let &[kind, major, minor, _, _] = associated_data else {
            return Err(Error);
        };
        let len = buffer.len().checked_add(TAG).ok_or(Error)?;
        let [high, low] = u16::try_from(len).map_err(|_| Error)?.to_be_bytes();
        self.0
            .encrypt_in_place(nonce, &[kind, major, minor, high, low], buffer)
    }

    fn decrypt_in_place(
        &self,
        nonce: &Nonce<Self>,
        associated_data: &[u8],
        buffer: &mut dyn Buffer,
    ) -> AeadResult<()> {
        let &[kind, mark_high, mark_low, len_high, len_low] = associated_data else {
            return Err(Error);
        };
        let phase = Phase::of([mark_high, mark_low]).ok_or(Error)?;
        let header = [kind, 3, 3, len_high, len_low];
        self.0.decrypt_in_place(nonce, &header, buffer)?;
        match phase {
            Phase::Handshake => admit_handshake(buffer),
            Phase::Data => tag_data(buffer),
        }
    }

    /// The engine decrypts whole buffers only; a caller of this one would pass the look by.
    fn decrypt_in_place_detached(
        &self,
        _: &Nonce<Self>,
        _: &[u8],
        _: &mut [u8],
        _: &Tag<Self>,
    ) -> AeadResult<()> {
        Err(Error)
    }
}

/// Splits TLSInnerPlaintext into content and type; `None` for nothing but padding.
fn inner(plaintext: &[u8]) -> Option<(&[u8], u8)> {
    let end = plaintext.iter().rposition(|byte| *byte != 0)?;
    let (content, tail) = plaintext.split_at_checked(end)?;
    Some((content, *tail.first()?))
}

/// Leaves whole, legal messages of the server's flight, or a report.
fn admit_handshake(buffer: &mut dyn Buffer) -> AeadResult<()> {
    match judge(buffer.as_ref()) {
        // The engine strips the padding itself.
        Ok(content) => envelope::enclose(buffer, content),
        Err(report) => report.replace(buffer),
    }
}

/// Replaces a message in an envelope by what is in it.
fn open_envelope(buffer: &mut dyn Buffer) -> AeadResult<()> {
    let plaintext = buffer.as_mut();
    let Some((&mut HANDSHAKE, message)) = plaintext.split_last_mut() else {
        return Ok(());
    };
    let Some(inside) = envelope::outgoing(message) else {
        return Ok(());
    };
    let len = inside.len();
    // A certificate has its list of extensions behind, two bytes.
    let behind = if message.first() == Some(&CERTIFICATE) {
        2
    } else {
        0
    };
    let from = message
        .len()
        .checked_sub(behind)
        .and_then(|end| end.checked_sub(len))
        .ok_or(Error)?;
    message.copy_within(from.., 0);
    *plaintext.get_mut(len).ok_or(Error)? = HANDSHAKE;
    buffer.truncate(len.checked_add(1).ok_or(Error)?);
    Ok(())
}

/// The length of the messages in a legal plaintext.
fn judge(plaintext: &[u8]) -> Result<usize, Report> {
    if plaintext.len() > MAX_INNER {
        return Err(Report::Overflow);
    }
    let (content, kind) = inner(plaintext).ok_or(Report::Empty)?;
    match (kind, content) {
        (HANDSHAKE, []) => Err(Report::Empty),
        (HANDSHAKE, messages) => judge_messages(messages).map(|()| messages.len()),
        (ALERT, &[_, description]) => Err(Report::Alert(description)),
        (ALERT, _) => Err(Report::AlertLength),
        (other, _) => Err(Report::InnerType(other)),
    }
}

/// Every message whole, of a kind this flight has, in its order within the record, Finished last.
fn judge_messages(mut rest: &[u8]) -> Result<(), Report> {
    let mut before = 0_u8;
    while let Some(&kind) = rest.first() {
        // EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify, Finished.
        let rank = match kind {
            ENCRYPTED_EXTENSIONS => 1,
            CERTIFICATE_REQUEST => 2,
            CERTIFICATE => 3,
            15 => 4,
            FINISHED => 5,
            other => return Err(Report::Message(other)),
        };
        let available = u16::try_from(rest.len()).unwrap_or(u16::MAX);
        let Some((&[_, high, middle, low], body)) = rest.split_first_chunk::<4>() else {
            return Err(Report::Split {
                message: kind,
                needed: None,
                available,
            });
        };
        let len = u32::from_be_bytes([0, high, middle, low]);
        if body.is_empty() && len > 0 {
            // The header alone: a record that small has no room for a report with numbers.
            return Err(Report::Split {
                message: kind,
                needed: None,
                available,
            });
        }
        let after = usize::try_from(len).ok().and_then(|len| body.get(len..));
        let Some(after) = after else {
            return Err(Report::Split {
                message: kind,
                needed: len.checked_add(4),
                available,
            });
        };
        if rank == before {
            return Err(Report::Twice(kind));
        }
        if rank < before {
            return Err(Report::Message(kind));
        }
        if kind == FINISHED && len != 32 {
            return Err(Report::Length(kind));
        }
        let body = body
            .get(..body.len().saturating_sub(after.len()))
            .unwrap_or_default();
        match kind {
            ENCRYPTED_EXTENSIONS => judge_extensions(kind, body)?,
            CERTIFICATE_REQUEST => judge_request(body)?,
            CERTIFICATE => judge_certificate(body)?,
            CERTIFICATE_VERIFY => judge_verify(body)?,
            _ => {}
        }
        before = rank;
        rest = after;
    }
    Ok(())
}

/// A list of extensions that fills `list`, none of them twice. In EncryptedExtensions nothing may
/// stand that was not asked for (RFC 8446 §4.2): server_name, supported_groups and ALPN were.
fn judge_extensions(message: u8, list: &[u8]) -> Result<(), Report> {
    let Some((len, mut rest)) = list.split_first_chunk::<2>() else {
        return Err(Report::Length(message));
    };
    if usize::from(u16::from_be_bytes(*len)) != rest.len() {
        return Err(Report::Length(message));
    }
    let whole = rest;
    while let Some((&[t0, t1, l0, l1], after)) = rest.split_first_chunk::<4>() {
        let kind = u16::from_be_bytes([t0, t1]);
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let seen = whole
            .get(..whole.len().saturating_sub(rest.len()))
            .unwrap_or_default();
        let legal = match (message, kind) {
            // server_name is acknowledged, and no more than that (RFC 6066 §3).
            (ENCRYPTED_EXTENSIONS, 0) => len == 0,
            (ENCRYPTED_EXTENSIONS, kind) => matches!(kind, 10 | 16),
            _ => true,
        };
        if !legal || find_extension(seen, kind).is_some() {
            return Err(Report::Extension { message, kind });
        }
        rest = after.get(len..).ok_or(Report::Length(message))?;
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(Report::Length(message))
    }
}

/// The content of an extension in a list without its length.
fn find_extension(mut list: &[u8], wanted: u16) -> Option<&[u8]> {
    while let Some((&[t0, t1, l0, l1], after)) = list.split_first_chunk::<4>() {
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let (content, after) = after.split_at_checked(len)?;
        if u16::from_be_bytes([t0, t1]) == wanted {
            return Some(content);
        }
        list = after;
    }
    None
}

/// CertificateRequest (RFC 8446 §4.3.2): no context in the handshake, signature_algorithms a must, with
/// one of them at least. Unknown extensions are ignored.
fn judge_request(body: &[u8]) -> Result<(), Report> {
    const SIGNATURE_ALGORITHMS: u16 = 13;
    let Some((&context, list)) = body.split_first() else {
        return Err(Report::Length(CERTIFICATE_REQUEST));
    };
    if context != 0 {
        return Err(Report::Context);
    }
    judge_extensions(CERTIFICATE_REQUEST, list)?;
    let extensions = list.get(2..).unwrap_or_default();
    if let Some(schemes) = find_extension(extensions, SIGNATURE_ALGORITHMS) {
        match schemes {
            [high, low, list @ ..]
                if usize::from(u16::from_be_bytes([*high, *low])) == list.len()
                    && !list.is_empty()
                    && list.len().is_multiple_of(2) =>
            {
                Ok(())
            }
            _ => Err(Report::Length(CERTIFICATE_REQUEST)),
        }
    } else if list.len() == 2 {
        // Too short a message for a report with numbers.
        Err(Report::Length(CERTIFICATE_REQUEST))
    } else {
        Err(Report::Extension {
            message: CERTIFICATE_REQUEST,
            kind: SIGNATURE_ALGORITHMS,
        })
    }
}

/// Certificate (RFC 8446 §4.4.2): no context, a list that is not empty and fills the message, no entry
/// without a certificate. Extensions would answer ours (status_request, signed_certificate_timestamp),
/// and none was sent.
fn judge_certificate(body: &[u8]) -> Result<(), Report> {
    let length = Report::Length(CERTIFICATE);
    let Some((&[context, high, middle, low], mut rest)) = body.split_first_chunk::<4>() else {
        return Err(length);
    };
    if context != 0 || number([high, middle, low]) != Some(rest.len()) {
        return Err(length);
    }
    let mut entries = 0_u8;
    while let Some((&len, after)) = rest.split_first_chunk::<3>() {
        entries = entries.saturating_add(1);
        let len = number(len).filter(|len| *len > 0).ok_or(length)?;
        let (_, after) = after.split_at_checked(len).ok_or(length)?;
        let (len, after) = after.split_first_chunk::<2>().ok_or(length)?;
        let len = usize::from(u16::from_be_bytes(*len));
        let (extensions, after) = after.split_at_checked(len).ok_or(length)?;
        match *extensions {
            [] => {}
            [high, low, _, _, ..] => {
                return Err(Report::Extension {
                    message: CERTIFICATE,
                    kind: u16::from_be_bytes([high, low]),
                });
            }
            _ => return Err(length),
        }
        rest = after;
    }
    match entries {
        _ if !rest.is_empty() => Err(length),
        0 => Err(Report::NoCertificate),
        _ if usize::from(entries) > MAX_CHAIN => Err(Report::ChainLength(entries)),
        _ => Ok(()),
    }
}

fn number([high, middle, low]: [u8; 3]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()
}

/// CertificateVerify (RFC 8446 §4.4.3): a signature that fills the message, made with a scheme that
/// was offered for it. Whether that fits the key is the verifier's to say.
fn judge_verify(body: &[u8]) -> Result<(), Report> {
    match *body {
        [s0, s1, high, low, ref signature @ ..]
            if usize::from(u16::from_be_bytes([high, low])) == signature.len() =>
        {
            match u16::from_be_bytes([s0, s1]) {
                0x0403 | 0x0503 | 0x0804..=0x0807 => Ok(()),
                scheme => Err(Report::Scheme(scheme)),
            }
        }
        _ => Err(Report::Length(CERTIFICATE_VERIFY)),
    }
}

/// Turns `content | type | padding` into `content | type | 23`.
///
/// Content type 0, which no record has, says what the session must refuse: `00 | 23` nothing but
/// padding, `01 00 | 23` too long.
fn tag_data(buffer: &mut dyn Buffer) -> AeadResult<()> {
    let plaintext = buffer.as_ref();
    if plaintext.len() > MAX_INNER {
        buffer.truncate(0);
        return buffer.extend_from_slice(&[1, 0, APPLICATION_DATA]);
    }
    let keep = plaintext.iter().rposition(|byte| *byte != 0).unwrap_or(0);
    buffer.truncate(keep.checked_add(1).ok_or(Error)?);
    // The sixteen bytes of the tag were freed by decryption.
    buffer.extend_from_slice(&[APPLICATION_DATA])
}

#[cfg(test)]
mod tests;
