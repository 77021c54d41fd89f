//! The records of one sector, read without the map.
//!
//! ```text
//! 0        4     6        8                    8 + len
//! | crc32  | len | crc16  | key, tag and value | padding to a flash word |
//!           u16, little-endian
//! ```
//!
//! The map trusts a record whose two checksums are right. It panics if the record is shorter than
//! its key, and fails if the record is longer than the map's buffer. This code never writes such
//! records, but flash can hold anything, so they are looked for before the map reads a sector.
//!
//! Format: `sequential-storage` 8, items.

use crc::{Algorithm, CRC_32_ISCSI, Crc, NoTable};
use embedded_storage_async::nor_flash::NorFlash;

use super::error::{SettingsError, from_access};
use super::key::Key;
use super::record::{SCRATCH, VALUE_MAX};
use crate::region::{Region, SECTOR};

/// Longest flash word that the map knows, in bytes.
pub(super) const WORD_MAX: usize = 32;

/// Bytes of a record's header, before padding.
const HEADER: usize = 8;

/// Bytes read at a time.
const CHUNK: usize = 64;

/// CRC-16F/4.2 of P. Koopman's list, reflected.
const CRC16: Crc<u16, NoTable> = Crc::<u16, NoTable>::new(&Algorithm {
    width: 16,
    poly: 0x7458,
    init: 0xffff,
    refin: true,
    refout: true,
    xorout: 0xffff,
    check: 0,
    residue: 0,
});

/// Castagnoli's, with another start value.
const CRC32: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&Algorithm {
    init: 0x7777_7777,
    ..CRC_32_ISCSI
});

/// What the records of a sector are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sector {
    /// Every record has a length that the map can take.
    Sound {
        /// Offset in the sector of the first byte that no record occupies.
        free: u32,
    },
    /// A record with right checksums that the map cannot take.
    Impossible,
}

/// A header whose own checksum is right.
struct Header {
    crc: u32,
    length: u32,
}

/// The unit in which the map writes, in bytes.
pub(super) fn word<F: NorFlash>() -> u32 {
    u32::try_from(F::WRITE_SIZE.max(F::READ_SIZE)).unwrap_or(SECTOR)
}

/// Walks over the records of the sector at `start`, in the way the map does.
///
/// Reads only: dropping the future loses nothing.
pub(super) async fn walk<F: NorFlash, K: Key>(
    region: &mut Region<'_, F>,
    start: u32,
) -> Result<Sector, SettingsError<F::Error>> {
    let word = word::<F>();
    let header_size = 8_u32.next_multiple_of(word);
    let end = SECTOR.saturating_sub(word);
    let mut at = word;
    while at.saturating_add(header_size) <= end {
        let mut bytes = [0; WORD_MAX];
        let len = usize::try_from(header_size).unwrap_or(HEADER);
        let bytes = bytes.get_mut(..len).unwrap_or_default();
        region
            .read_at(start.saturating_add(at), bytes)
            .await
            .map_err(from_access)?;
        if bytes.iter().all(|byte| *byte == 0xff) {
            break;
        }
        let data = at.saturating_add(header_size);
        let header =
            header(bytes).filter(|header| data.saturating_add(padded(header, word)) <= end);
        let Some(header) = header else {
            // Not a header: the map looks for the next one a word further on.
            at = at.saturating_add(word);
            continue;
        };
        if is_impossible::<F, K>(region, start.saturating_add(data), &header, word).await? {
            return Ok(Sector::Impossible);
        }
        at = data.saturating_add(padded(&header, word));
    }
    Ok(Sector::Sound { free: at })
}

/// Whether bytes from offset `from` of the sector at `start` to its last word are all erased.
pub(super) async fn is_erased_from<F: NorFlash>(
    region: &mut Region<'_, F>,
    start: u32,
    from: u32,
) -> Result<bool, SettingsError<F::Error>> {
    let end = SECTOR.saturating_sub(word::<F>());
    let mut at = from;
    while at < end {
        let mut bytes = [0; CHUNK];
        let len = usize::try_from(end.saturating_sub(at)).unwrap_or(CHUNK);
        let bytes = bytes.get_mut(..len.min(CHUNK)).unwrap_or_default();
        region
            .read_at(start.saturating_add(at), bytes)
            .await
            .map_err(from_access)?;
        if bytes.iter().any(|byte| *byte != 0xff) {
            return Ok(false);
        }
        at = at.saturating_add(u32::try_from(CHUNK).unwrap_or(SECTOR));
    }
    Ok(true)
}

fn padded(header: &Header, word: u32) -> u32 {
    header.length.next_multiple_of(word)
}

/// Reads a header; `None` if the checksum of its length is wrong.
fn header(bytes: &[u8]) -> Option<Header> {
    let ([c0, c1, c2, c3, l0, l1, s0, s1], _) = bytes.split_first_chunk::<HEADER>()?;
    let length = [*l0, *l1];
    (crc16(length) == u16::from_le_bytes([*s0, *s1])).then_some(Header {
        crc: u32::from_le_bytes([*c0, *c1, *c2, *c3]),
        length: u16::from_le_bytes(length).into(),
    })
}

/// Whether the map would take the record for a good one and then fail on its length.
async fn is_impossible<F: NorFlash, K: Key>(
    region: &mut Region<'_, F>,
    data: u32,
    header: &Header,
    word: u32,
) -> Result<bool, SettingsError<F::Error>> {
    // The map reads no data of an erased record.
    if header.crc == 0 {
        return Ok(false);
    }
    let length = usize::try_from(header.length).unwrap_or(usize::MAX);
    let shortest = K::LEN.saturating_add(1);
    let longest = shortest.saturating_add(VALUE_MAX);
    if (shortest..=longest).contains(&length) {
        return Ok(false);
    }
    // Checked before the data is: the buffer is too short.
    if usize::try_from(padded(header, word)).unwrap_or(usize::MAX) > SCRATCH {
        return Ok(true);
    }
    let mut bytes = [0; SCRATCH];
    let padded = usize::try_from(padded(header, word)).unwrap_or(SCRATCH);
    let read = bytes.get_mut(..padded).unwrap_or_default();
    // An empty range is no range of a region.
    if !read.is_empty() {
        region.read_at(data, read).await.map_err(from_access)?;
    }
    // With a wrong checksum the map passes over it.
    Ok(crc32(read.get(..length).unwrap_or_default()) == header.crc)
}

/// Checksum of a length, which is never 0xffff.
fn crc16(length: [u8; 2]) -> u16 {
    match CRC16.checksum(&length) {
        0xffff => 0xfffe,
        crc => crc,
    }
}

/// Checksum of data, whose lowest byte is never 0 or 0xff.
fn crc32(data: &[u8]) -> u32 {
    let crc = match CRC32.checksum(data) {
        0 => 1,
        crc => crc,
    };
    match crc.to_le_bytes() {
        [0 | 0xff, ..] => crc ^ 1,
        _ => crc,
    }
}
