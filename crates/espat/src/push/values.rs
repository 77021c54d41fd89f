//! Certificates as values of `mfg_nvs` (spec: cert-bin 9.2, 10).
//!
//! The module stores a value when all of its bytes have arrived: each key holds its old or its new value. Keys
//! are written from 0 on and surplus ones erased from the last on, so that numbers never have a gap.

use cert_bin::PartitionRole;

use crate::at_host::session::SOON;
use crate::at_host::{Session, SessionError};

use super::source::Source;
use super::{Holds, Progress};

/// Of one value in `AT+SYSMFG=2` (spec: cert-bin 10).
pub(super) const MAX_VALUE: usize = 8191;
/// Of a binary value.
const BINARY: &str = "8";

/// The key of item `number`.
pub(crate) fn key(role: PartitionRole, number: usize) -> String {
    if role.first_item_only() {
        role.to_string()
    } else {
        format!("{role}.{number}")
    }
}

/// Flash that these values take in NVS: 32-byte entries, two more for each value (spec: cert-bin 9.3).
pub(super) fn space(sources: &[Source]) -> usize {
    let entries = sources
        .iter()
        .map(|it| it.content.len().div_ceil(32).saturating_add(2));
    entries.fold(0, usize::saturating_add).saturating_mul(32)
}

/// The keys that the namespace has; none where it does not exist.
pub(super) fn keys(
    session: &mut Session,
    role: PartitionRole,
) -> Result<Vec<String>, SessionError> {
    let reply = match session.command(&format!("AT+SYSMFG=1,\"{role}\""), SOON) {
        Ok(reply) => reply,
        Err(SessionError::Refused { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let prefix = format!("+SYSMFG:\"{role}\",\"");
    let keys = reply.after(&prefix).filter_map(|rest| rest.split_once('"'));
    Ok(keys.map(|(key, _)| key.to_owned()).collect())
}

/// Whether the values are exactly these.
pub(super) fn are_there(
    session: &mut Session,
    role: PartitionRole,
    sources: &[Source],
    present: &[String],
) -> Result<bool, SessionError> {
    if surplus(role, sources.len(), present).next().is_some() {
        return Ok(false);
    }
    for (number, source) in sources.iter().enumerate() {
        let key = key(role, number);
        if !present.contains(&key) || read(session, role, &key)? != source.content {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Replaces the values of the role.
pub(super) fn replace(
    session: &mut Session,
    role: PartitionRole,
    sources: &[Source],
    present: &[String],
    progress: &mut Progress,
    holds: &mut Holds,
) -> Result<(), SessionError> {
    let of = sources.len();
    for (number, source) in sources.iter().enumerate() {
        let key = key(role, number);
        let length = source.content.len();
        let command = format!("AT+SYSMFG=2,\"{role}\",\"{key}\",{BINARY},{length}");
        session.prompt(&command, SOON)?;
        *holds = Holds::Some { new: number, of };
        let mut sent = |count| progress.advance(count);
        session.data(&command, &source.content, SOON, &mut sent)?;
        *holds = Holds::Some {
            new: number.saturating_add(1),
            of,
        };
    }
    let mut erased: Vec<&String> = surplus(role, of, present).collect();
    erased.sort_by_key(|key| std::cmp::Reverse(role.item_number(key)));
    for key in erased {
        session.command(&format!("AT+SYSMFG=0,\"{role}\",\"{key}\""), SOON)?;
    }
    *holds = Holds::New;
    Ok(())
}

/// Keys that firmware would look up, and that are not among the first `count`.
fn surplus(role: PartitionRole, count: usize, present: &[String]) -> impl Iterator<Item = &String> {
    present.iter().filter(move |key| {
        let number = role.item_number(key);
        number.is_some_and(|number| usize::from(number) >= count)
    })
}

/// Reads all values back; returns the key and offset of the first difference.
pub(super) fn first_difference(
    session: &mut Session,
    role: PartitionRole,
    sources: &[Source],
    progress: &mut Progress,
) -> Result<Option<(String, usize)>, SessionError> {
    for (number, source) in sources.iter().enumerate() {
        let key = key(role, number);
        let found = read(session, role, &key)?;
        if found != source.content {
            let same = found.iter().zip(&source.content);
            let at = same.take_while(|(a, b)| a == b).count();
            return Ok(Some((key, at)));
        }
        progress.advance(found.len());
    }
    Ok(None)
}

pub(super) fn read(
    session: &mut Session,
    role: PartitionRole,
    key: &str,
) -> Result<Vec<u8>, SessionError> {
    let command = format!("AT+SYSMFG=1,\"{role}\",\"{key}\"");
    let prefix = format!("+SYSMFG:\"{role}\",\"{key}\",");
    // Its type, its length.
    session.value(&command, &prefix, 2, 16 * MAX_VALUE, SOON)
}
