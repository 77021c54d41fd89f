//! How a caller makes rustls seal an alert of the caller's choice.
//!
//! rustls has no API for an alert other than close_notify, and for some errors it sends none: for an error of a decrypter,
//! among others. But it sends one for each of the errors below, so a record that asks for it is enough:
//!
//! ```text
//! | 23 | 3 | alert | 0, 0 |        the header of a record without a body
//! ```
//!
//! A peer that sends the same bytes gets the same alert: a record without a tag is refused in any case.

use rustls::crypto::cipher::InboundOpaqueMessage;
use rustls::{Error, InvalidMessage, PeerMisbehaved};

/// An alert that rustls can be made to send once its records are encrypted, as RFC 9846 §6 names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alert {
    /// unexpected_message.
    UnexpectedMessage,
    /// record_overflow.
    RecordOverflow,
    /// decode_error.
    DecodeError,
}

impl Alert {
    const ALL: [Self; 3] = [
        Self::UnexpectedMessage,
        Self::RecordOverflow,
        Self::DecodeError,
    ];

    /// Its number (RFC 9846 §6).
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::UnexpectedMessage => 10,
            Self::RecordOverflow => 22,
            Self::DecodeError => 50,
        }
    }
}

/// A record that ends a session of rustls with this alert, which is then to be encoded like any other.
///
/// It stands where the next record of the peer would: behind the bytes of a message that is not whole. It has an effect only
/// where the records of the peer are encrypted.
#[must_use]
pub const fn alert_request(alert: Alert) -> [u8; 5] {
    [23, 3, alert.number(), 0, 0]
}

/// The error for which rustls sends the alert that a record asks for.
pub(super) fn requested(record: &InboundOpaqueMessage<'_>) -> Result<(), Error> {
    let [_, minor] = u16::from(record.version).to_be_bytes();
    let mut alerts = Alert::ALL.iter();
    match alerts.find(|alert| record.payload.is_empty() && alert.number() == minor) {
        None => Ok(()),
        Some(Alert::UnexpectedMessage) => {
            Err(PeerMisbehaved::IllegalMiddleboxChangeCipherSpec.into())
        }
        Some(Alert::RecordOverflow) => Err(Error::PeerSentOversizedRecord),
        Some(Alert::DecodeError) => Err(InvalidMessage::MessageTooLarge.into()),
    }
}
