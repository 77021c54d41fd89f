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
use sha2::Sha256;

use crate::cause::{Breach, Cause};
use crate::hello::SUITE;

/// TLSInnerPlaintext may be this long (RFC 8446 §5.4).
const MAX_INNER: usize = (1 << 14) + 1;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

const CERTIFICATE: u8 = 11;
const FINISHED: u8 = 20;

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

/// TLS_AES_128_GCM_SHA256 with [`GuardedCipher`] for its records.
#[derive(Debug)]
pub struct Suite;

impl TlsCipherSuite for Suite {
    const CODE_POINT: u16 = SUITE;
    type Cipher = GuardedCipher;
    type KeyLen = U16;
    type IvLen = U12;
    type Hash = Sha256;
    // hash length + longest label + overhead, as the engine counts its own suites.
    type LabelBufferSize = aes_gcm::aead::generic_array::typenum::U54;
}

/// AES-128-GCM that admits only plaintexts the engine can take.
pub struct GuardedCipher(Aes128Gcm);

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
        Ok(()) => Ok(()),
        Err(report) => report.replace(buffer),
    }
}

fn judge(plaintext: &[u8]) -> Result<(), Report> {
    if plaintext.len() > MAX_INNER {
        return Err(Report::Overflow);
    }
    let (content, kind) = inner(plaintext).ok_or(Report::Empty)?;
    match (kind, content) {
        (HANDSHAKE, []) => Err(Report::Empty),
        (HANDSHAKE, messages) => judge_messages(messages),
        (ALERT, &[_, description]) => Err(Report::Alert(description)),
        (other, _) => Err(Report::InnerType(other)),
    }
}

/// Every message whole, of a kind this flight has, in its order within the record, Finished last.
fn judge_messages(mut rest: &[u8]) -> Result<(), Report> {
    let mut before = 0_u8;
    while let Some(&kind) = rest.first() {
        // EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify, Finished.
        let rank = match kind {
            8 => 1,
            13 => 2,
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
        before = rank;
        rest = after;
    }
    Ok(())
}

/// Turns `content | type | padding` into `content | type | 23`.
fn tag_data(buffer: &mut dyn Buffer) -> AeadResult<()> {
    let plaintext = buffer.as_ref();
    // A record of padding alone keeps one zero: content type 0, which the session refuses.
    let keep = if plaintext.len() > MAX_INNER {
        return Err(Error);
    } else {
        plaintext.iter().rposition(|byte| *byte != 0).unwrap_or(0)
    };
    buffer.truncate(keep.checked_add(1).ok_or(Error)?);
    // The sixteen bytes of the tag were freed by decryption.
    buffer.extend_from_slice(&[APPLICATION_DATA])
}

/// What the cipher found, in a form that fits the smallest record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    Empty,
    Overflow,
    Alert(u8),
    InnerType(u8),
    Message(u8),
    Twice(u8),
    Length(u8),
    Split {
        message: u8,
        needed: Option<u32>,
        available: u16,
    },
}

impl Report {
    /// First byte of every report: a certificate starts with 0x30.
    const MARK: u8 = 0;

    const fn code(self) -> (u8, u8) {
        match self {
            Self::Empty => (1, 0),
            Self::Overflow => (2, 0),
            Self::Alert(description) => (3, description),
            Self::InnerType(kind) => (4, kind),
            Self::Message(kind) => (5, kind),
            Self::Twice(kind) => (6, kind),
            Self::Length(kind) => (7, kind),
            Self::Split { message, .. } => (8, message),
        }
    }

    /// Replaces the plaintext by a Certificate message that holds this report.
    fn replace(self, buffer: &mut dyn Buffer) -> AeadResult<()> {
        let (code, detail) = self.code();
        buffer.truncate(0);
        match self {
            // At least five bytes of content were there, so there is room for five bytes more.
            Self::Split {
                needed: Some(needed),
                available,
                ..
            } => {
                let [_, n0, n1, n2] = needed.to_be_bytes();
                let [a0, a1] = available.to_be_bytes();
                buffer.extend_from_slice(&[
                    CERTIFICATE,
                    0,
                    0,
                    17,
                    0,
                    0,
                    0,
                    13,
                    0,
                    0,
                    8,
                    Self::MARK,
                    code,
                    detail,
                    n0,
                    n1,
                    n2,
                    a0,
                    a1,
                    0,
                    0,
                    HANDSHAKE,
                ])
            }
            // 17 bytes: as many as the smallest record has, its tag included.
            _ => buffer.extend_from_slice(&[
                CERTIFICATE,
                0,
                0,
                12,
                0,
                0,
                0,
                8,
                0,
                0,
                3,
                Self::MARK,
                code,
                detail,
                0,
                0,
                HANDSHAKE,
            ]),
        }
    }

    /// Reads a report where the engine expects a certificate.
    ///
    /// A server that sends such an entry itself is refused too, with words of its own choice.
    pub(crate) fn read(entry: &[u8]) -> Option<Self> {
        match *entry {
            [Self::MARK, 8, message, n0, n1, n2, a0, a1] => Some(Self::Split {
                message,
                needed: Some(u32::from_be_bytes([0, n0, n1, n2])),
                available: u16::from_be_bytes([a0, a1]),
            }),
            [Self::MARK, code, detail] => Some(match code {
                1 => Self::Empty,
                2 => Self::Overflow,
                3 => Self::Alert(detail),
                4 => Self::InnerType(detail),
                5 => Self::Message(detail),
                6 => Self::Twice(detail),
                7 => Self::Length(detail),
                8 => Self::Split {
                    message: detail,
                    needed: None,
                    available: 0,
                },
                _ => return None,
            }),
            _ => None,
        }
    }

    pub(crate) const fn cause(self) -> Cause {
        match self {
            Self::Empty => Cause::Protocol(Breach::EmptyRecord),
            Self::Overflow => Cause::Protocol(Breach::RecordLength(u16::MAX)),
            Self::Alert(description) => Cause::PeerAlert(description),
            Self::InnerType(kind) => Cause::Protocol(Breach::InnerType(kind)),
            Self::Message(kind) => Cause::Protocol(Breach::Message(kind)),
            Self::Twice(kind) => Cause::Protocol(Breach::MessageTwice(kind)),
            Self::Length(kind) => Cause::Protocol(Breach::MessageLength(kind)),
            Self::Split {
                message,
                needed,
                available,
            } => Cause::SplitMessage {
                message,
                needed,
                available,
            },
        }
    }
}

#[cfg(test)]
mod tests;
