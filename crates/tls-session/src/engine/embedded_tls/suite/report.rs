//! What the cipher found, passed to the verifier in the one message that reaches it.

use crate::reason::{
    CapacityError, Cause, CertificateError, Limit, ProofError, ProtocolViolation, StreamError,
};
use aes_gcm::aead::{Buffer, Result as AeadResult};

use super::HANDSHAKE;
use crate::engine::embedded_tls::envelope::CERTIFICATE;
use crate::verify::MAX_CHAIN;

/// What the cipher found, in a form that fits the smallest record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    Empty,
    Overflow,
    Alert(u8),
    /// An alert that is not two bytes.
    AlertLength,
    InnerType(u8),
    Message(u8),
    Twice(u8),
    Length(u8),
    /// CertificateRequest has a context.
    Context,
    /// Certificate has none.
    NoCertificate,
    /// Certificate has more than are taken.
    ChainLength(u8),
    /// CertificateVerify with a scheme that was not offered.
    Scheme(u16),
    /// An extension of a message is missing, twice or not legal.
    Extension {
        message: u8,
        kind: u16,
    },
    Split {
        message: u8,
        needed: Option<u32>,
        available: u16,
    },
}

impl Report {
    /// First byte of every report: a certificate starts with 0x30.
    pub(super) const MARK: u8 = 0;

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
            Self::Context => (9, 0),
            Self::Extension { message, .. } => (10, message),
            Self::NoCertificate => (11, 0),
            Self::AlertLength => (12, 0),
            Self::ChainLength(count) => (13, count),
            Self::Scheme(_) => (14, 0),
        }
    }

    /// Replaces the plaintext by a Certificate message that holds this report.
    pub(super) fn replace(self, buffer: &mut dyn Buffer) -> AeadResult<()> {
        let (code, detail) = self.code();
        buffer.truncate(0);
        let numbers = match self {
            // At least five bytes of content were there, so there is room for five bytes more.
            Self::Split {
                needed: Some(needed),
                available,
                ..
            } => Some((needed, available)),
            // A message with extensions has six at least, CertificateVerify eight.
            Self::Extension { kind: small, .. } | Self::Scheme(small) => Some((0, small)),
            _ => None,
        };
        match numbers {
            Some((number, small)) => {
                let [_, n0, n1, n2] = number.to_be_bytes();
                let [a0, a1] = small.to_be_bytes();
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
            None => buffer.extend_from_slice(&[
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
            [Self::MARK, 10, message, _, _, _, k0, k1] => Some(Self::Extension {
                message,
                kind: u16::from_be_bytes([k0, k1]),
            }),
            [Self::MARK, 14, _, _, _, _, s0, s1] => {
                Some(Self::Scheme(u16::from_be_bytes([s0, s1])))
            }
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
                9 => Self::Context,
                11 => Self::NoCertificate,
                12 => Self::AlertLength,
                13 => Self::ChainLength(detail),
                _ => return None,
            }),
            _ => None,
        }
    }

    pub(crate) fn cause(self) -> Cause {
        match self {
            Self::Empty => Cause::Protocol(ProtocolViolation::EmptyRecord),
            Self::Overflow => Cause::Protocol(ProtocolViolation::PlaintextLength),
            // The server ends it before it has begun, in good order.
            Self::Alert(0) => Cause::Stream(StreamError::PeerCloseNotify),
            Self::Alert(description) => Cause::Stream(StreamError::PeerAlert(description)),
            Self::AlertLength => Cause::Protocol(ProtocolViolation::AlertLength),
            Self::ChainLength(count) => too_many(count),
            Self::Scheme(scheme) => Cause::Proof(ProofError::SignatureScheme(scheme)),
            Self::InnerType(kind) => Cause::Protocol(ProtocolViolation::InnerType(kind)),
            Self::Message(kind) => Cause::Protocol(ProtocolViolation::Message(kind)),
            Self::Twice(kind) => Cause::Protocol(ProtocolViolation::MessageTwice(kind)),
            Self::Length(kind) => Cause::Protocol(ProtocolViolation::MessageLength(kind)),
            Self::Context => Cause::Protocol(ProtocolViolation::RequestContext),
            Self::NoCertificate => Cause::Certificate(CertificateError::NoCertificate),
            Self::Extension { message, kind } => {
                Cause::Protocol(ProtocolViolation::Extension { message, kind })
            }
            Self::Split {
                message,
                needed,
                available,
            } => Cause::Protocol(ProtocolViolation::SplitMessage {
                message,
                needed,
                available,
            }),
        }
    }
}

fn too_many(count: u8) -> Cause {
    Cause::Capacity(CapacityError::too_large(
        Limit::ChainLength,
        usize::from(count),
        MAX_CHAIN,
    ))
}
