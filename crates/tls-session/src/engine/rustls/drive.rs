//! One call of rustls after another, until it wants something of the caller; the same for both roles.

use core::ops::Range;

use rustls::Error;
use rustls::unbuffered::{ConnectionState, EncryptError, UnbufferedStatus};
use tls_provider::{Alert, alert_request};

use super::errors::{alert_left_out, is_of_record};
use super::sealed::Sealed;
use super::side::Records;
use super::watch::{HEADER, Watch};
use crate::reason::{Cause, EngineError, ProtocolViolation};

/// What the caller does next.
pub(super) enum Step {
    /// What was sealed must go out before the next step over the same bytes.
    Send,
    /// Another record is needed.
    NeedRecord,
    /// Data stand here, counted from the first byte of the record.
    Data(Range<usize>),
    /// The session is open; the record brought no data.
    Open,
    /// The peer said close_notify.
    PeerClosed,
}

/// Goes as far as `record` allows.
pub(super) fn process<S: Records>(
    connection: &mut S,
    (watch, chunk): (&mut Watch, usize),
    (record, fresh): (&mut [u8], usize),
    out: &mut Sealed<'_>,
) -> Result<(usize, Step), Error> {
    let mut done = 0_usize;
    loop {
        let rest = record.get_mut(done..).unwrap_or_default();
        let UnbufferedStatus { discard, state, .. } = connection.records(rest);
        let next = match state {
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                let sealed = data.encode(out.room()).map_err(|_| Error::EncryptError)?;
                watch.sent(out.room().get(..sealed).unwrap_or_default());
                out.add(sealed);
                (out.room().len() < chunk).then_some(Step::Send)
            }
            Ok(ConnectionState::TransmitTlsData(data)) => {
                data.done();
                None
            }
            Ok(ConnectionState::BlockedHandshake) => Some(Step::NeedRecord),
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                let mut place = None;
                while let Some(note) = traffic.next_record() {
                    place = tls_provider::plaintext(note?.payload);
                }
                match place {
                    Some(place) => Some(Step::Data(place)),
                    None => Some(Step::Open),
                }
            }
            Ok(ConnectionState::WriteTraffic(_)) => Some(Step::Open),
            Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Some(Step::PeerClosed),
            Ok(_) => return Err(Error::HandshakeNotComplete),
            Err(error) => {
                done = done.saturating_add(discard);
                let fresh = fresh.saturating_sub(done);
                let rest = record.get_mut(done..).unwrap_or_default();
                alert(connection, &error, (rest, fresh), out);
                return Err(error);
            }
        };
        done = done.saturating_add(discard);
        if let Some(step) = next {
            return Ok((done, step));
        }
    }
}

/// After an error, what rustls says of it to the peer; if that is nothing, an alert that it is asked for.
///
/// The record that was refused begins at `fresh`.
fn alert<S: Records>(
    connection: &mut S,
    error: &Error,
    (record, fresh): (&mut [u8], usize),
    out: &mut Sealed<'_>,
) {
    if drain(connection, record, out) {
        return;
    }
    let Some(alert) = alert_left_out(error) else {
        return;
    };
    match record.is_empty() {
        true => ask_for(connection, alert, (&mut [0; HEADER], 0), out),
        false if is_of_record(error) => ask_for(connection, alert, (record, fresh), out),
        // More messages of the record wait, and rustls would look at those first.
        false => {}
    }
}

/// Seals what rustls has to send; `false` for nothing. It must not be called without: it would look at the record
/// that was refused once more.
fn drain<S: Records>(connection: &mut S, record: &mut [u8], out: &mut Sealed<'_>) -> bool {
    let any = connection.common().wants_write();
    while connection.common().wants_write() {
        let UnbufferedStatus { state, .. } = connection.records(record);
        let Ok(ConnectionState::EncodeTlsData(mut data)) = state else {
            break;
        };
        let Ok(sealed) = data.encode(out.room()) else {
            break;
        };
        out.add(sealed);
    }
    any
}

/// Makes rustls seal this alert, by a record at `at` of `bytes`, behind what it has positions in.
pub(super) fn ask_for<S: Records>(
    connection: &mut S,
    alert: Alert,
    (bytes, at): (&mut [u8], usize),
    out: &mut Sealed<'_>,
) {
    let end = at.saturating_add(HEADER);
    let Some(place) = bytes.get_mut(at..end) else {
        return;
    };
    place.copy_from_slice(&alert_request(alert));
    let bytes = bytes.get_mut(..end).unwrap_or_default();
    // It is an error, always.
    let _ = connection.records(bytes);
    drain(connection, bytes, out);
}

/// What is sealed.
#[derive(Clone, Copy)]
pub(super) enum What<'d> {
    Data(&'d [u8]),
    CloseNotify,
}

/// Seals, behind what rustls has to send; `false` where the session takes nothing more.
pub(super) fn seal<S: Records>(
    connection: &mut S,
    pending: &mut [u8],
    what: What<'_>,
    out: &mut Sealed<'_>,
) -> Result<bool, Cause> {
    loop {
        let UnbufferedStatus { state, .. } = connection.records(pending);
        match state {
            Ok(ConnectionState::EncodeTlsData(mut message)) => {
                let sealed = message.encode(out.room()).map_err(|_| space())?;
                out.add(sealed);
            }
            Ok(ConnectionState::TransmitTlsData(message)) => message.done(),
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                let sealed = match what {
                    What::Data(data) => traffic.encrypt(data, out.room()),
                    What::CloseNotify => traffic.queue_close_notify(out.room()),
                };
                if sealed.is_err() {
                    // close_notify, where the key has come to its limit.
                    drain(connection, &mut [], out);
                }
                out.add(sealed.map_err(|error| exhausted(&error))?);
                return Ok(true);
            }
            // Said once; what follows says whether we may still send.
            Ok(ConnectionState::PeerClosed) => {}
            _ => return Ok(false),
        }
    }
}

pub(super) fn space() -> Cause {
    ProtocolViolation::Engine(EngineError::Space).into()
}

fn exhausted(error: &EncryptError) -> Cause {
    match error {
        EncryptError::EncryptExhausted => ProtocolViolation::KeyLimit.into(),
        EncryptError::InsufficientSize(_) => space(),
    }
}
