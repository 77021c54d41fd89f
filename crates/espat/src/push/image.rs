//! An image into its partition (spec: cert-bin 6.2, 7).
//!
//! ```text
//! erase ─▶ write from byte 8 on ─▶ write bytes 0 to 7 ─▶ read back and compare
//! old      nothing                 nothing or new         new
//! ```
//!
//! Without its header a partition holds no certificates, whatever else is in it: at no moment can the module
//! use half an image.

use crate::at_host::session::SOON;
use crate::at_host::{Session, SessionError};

use super::{Holds, Progress};

/// Of the image's header.
const HEADER: usize = 8;
/// The manual's advice for one write; the module keeps it in RAM (spec: cert-bin 7).
const CHUNK: usize = 4096;

/// Whether the partition holds exactly `image` already.
pub(super) fn is_there(
    session: &mut Session,
    name: &str,
    image: &[u8],
) -> Result<bool, SessionError> {
    // Most differ in the header or soon behind it.
    let first = image.len().min(64);
    for (from, to) in [(0, first), (first, image.len())] {
        let mut at = from;
        while at < to {
            let end = to.min(at.saturating_add(CHUNK));
            let wanted = image.get(at..end).unwrap_or_default();
            if read(session, name, at, wanted.len())? != wanted {
                return Ok(false);
            }
            at = end;
        }
    }
    Ok(true)
}

/// Replaces the content of the partition. `holds` is what the module holds at any moment, for a message.
pub(super) fn replace(
    session: &mut Session,
    name: &str,
    image: &[u8],
    progress: &mut Progress,
    holds: &mut Holds,
) -> Result<(), SessionError> {
    *holds = Holds::OldOrNothing;
    match session.command(&format!("AT+SYSFLASH=0,\"{name}\""), SOON.saturating_mul(3)) {
        Ok(_) => *holds = Holds::Nothing,
        Err(error) => {
            // A command that was not begun, or was refused, has changed nothing.
            if matches!(
                error,
                SessionError::Refused { .. } | SessionError::Interrupted
            ) {
                *holds = Holds::Old;
            }
            return Err(error);
        }
    }
    let (header, _) = image.split_at_checked(HEADER).unwrap_or((image, &[]));
    let mut at = HEADER;
    while at < image.len() {
        // Chunks end at multiples of 4096, so that none touches two sectors.
        let end = image
            .len()
            .min((at / CHUNK).saturating_add(1).saturating_mul(CHUNK));
        let chunk = image.get(at..end).unwrap_or_default();
        write(session, name, at, chunk, progress, &mut || {})?;
        at = end;
    }
    write(session, name, 0, header, progress, &mut || {
        *holds = Holds::NothingOrNew;
    })?;
    *holds = Holds::New;
    Ok(())
}

/// Reads all of it back; returns the offset of the first byte that differs.
pub(super) fn first_difference(
    session: &mut Session,
    name: &str,
    image: &[u8],
    progress: &mut Progress,
) -> Result<Option<usize>, SessionError> {
    let mut at = 0_usize;
    for chunk in image.chunks(CHUNK) {
        let found = read(session, name, at, chunk.len())?;
        if let Some(differs) = found.iter().zip(chunk).position(|(a, b)| a != b) {
            return Ok(Some(at.saturating_add(differs)));
        }
        at = at.saturating_add(chunk.len());
        progress.advance(chunk.len());
    }
    Ok(None)
}

/// The image in a partition of `size` bytes with what follows it as far as it says, or its first bytes.
pub(super) fn read_all(
    session: &mut Session,
    name: &str,
    size: usize,
) -> Result<Vec<u8>, SessionError> {
    let mut bytes = read(session, name, 0, HEADER.min(size))?;
    let length = match bytes.as_slice() {
        &[0xf1, 0xf1, _, _, a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
        _ => 0,
    };
    let end = usize::try_from(length)
        .ok()
        .and_then(|it| it.checked_add(HEADER))
        .map_or(size, |end| end.min(size));
    while bytes.len() < end {
        let at = bytes.len();
        bytes.extend(read(session, name, at, CHUNK.min(end.saturating_sub(at)))?);
    }
    Ok(bytes)
}

/// `begun` is called when the module is about to receive data.
fn write(
    session: &mut Session,
    name: &str,
    at: usize,
    bytes: &[u8],
    progress: &mut Progress,
    begun: &mut dyn FnMut(),
) -> Result<(), SessionError> {
    let command = format!("AT+SYSFLASH=1,\"{name}\",{at},{}", bytes.len());
    session.prompt(&command, SOON)?;
    begun();
    session.data(&command, bytes, SOON, &mut |count| progress.advance(count))
}

fn read(
    session: &mut Session,
    name: &str,
    at: usize,
    length: usize,
) -> Result<Vec<u8>, SessionError> {
    let command = format!("AT+SYSFLASH=2,\"{name}\",{at},{length}");
    let bytes = session.value(&command, "+SYSFLASH:", 1, length, SOON)?;
    if bytes.len() == length {
        return Ok(bytes);
    }
    Err(SessionError::Malformed {
        command,
        received: format!("{} bytes of {length}", bytes.len()),
    })
}
