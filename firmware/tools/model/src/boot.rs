//! What ROM and second-stage bootloader do: choose a program by OTA data, check it, put it in its place.
//!
//! Both tables and the image are read from the flash as they are there, so a wrong offset shows here.

use std::ops::Range;

use anyhow::{Context as _, Result, bail, ensure};

use sha2::{Digest as _, Sha256};

use crate::bus::Bus;
use crate::flash::SECTOR;

const TABLE: usize = 0x8000;
const ENTRY: usize = 32;
const MAGIC: u8 = 0xe9;
const PAGE: u32 = 0x1_0000;
/// ESP32-C3 in the header of an image.
const CHIP: u16 = 5;

fn word(bytes: &[u8], at: usize) -> Result<u32> {
    let bytes = bytes.get(at..at + 4).context("the flash ends here")?;
    Ok(u32::from_le_bytes(bytes.try_into()?))
}

/// Partitions that matter here, by where they are in the flash.
#[derive(Default)]
struct Found {
    /// OTA data.
    data: Option<usize>,
    /// Slots for programs, in the order of their numbers.
    slots: Vec<(u8, usize)>,
}

fn partitions(flash: &[u8]) -> Result<Found> {
    let mut found = Found::default();
    for at in (TABLE..TABLE + 0xc00).step_by(ENTRY) {
        let entry = flash.get(at..at + ENTRY).context("no partition table")?;
        match entry {
            [0xaa, 0x50, 0x00, slot @ 0x10..=0x1f, ..] => {
                found.slots.push((*slot, word(entry, 4)? as usize));
            }
            [0xaa, 0x50, 0x01, 0x00, ..] => found.data = Some(word(entry, 4)? as usize),
            [0xaa, 0x50, ..] => {}
            _ => break,
        }
    }
    found.slots.sort_unstable();
    ensure!(
        !found.slots.is_empty(),
        "there is no program in the partition table at {TABLE:#x}"
    );
    Ok(found)
}

/// The number of an entry of OTA data that counts.
fn number(entry: &[u8]) -> Result<Option<u32>> {
    let (number, state, sum) = (word(entry, 0)?, word(entry, 24)?, word(entry, 28)?);
    let counts = number != u32::MAX && !matches!(state, 3 | 4) && sum == checksum(number);
    Ok(counts.then_some(number))
}

/// CRC-32 of a number, as the ROM computes it from 0xFFFFFFFF.
fn checksum(number: u32) -> u32 {
    let bits = (0..32).fold(number, |sum, _| {
        let carry = if sum & 1 == 1 { 0xedb8_8320 } else { 0 };
        (sum >> 1) ^ carry
    });
    !bits
}

/// The slots in the order in which they are tried, and whether OTA data was never written.
fn order(flash: &[u8], found: &Found) -> Result<(Vec<usize>, bool)> {
    let data = found.data.context("there is no OTA data")?;
    let entry = |at: usize| number(flash.get(at..at + ENTRY).context("no OTA data")?);
    let larger = entry(data)?.max(entry(data + SECTOR)?);
    let count = found.slots.len();
    let first = larger.map_or(0, |number| number.wrapping_sub(1) as usize % count);
    let down = (0..=first).rev();
    let tried = down.chain(first + 1..count);
    let slots = tried.map(|number| found.slots[number].1).collect();
    Ok((slots, larger.is_none()))
}

/// What the bootloader writes when it has started a program from a flash without OTA data.
fn first_entry(slot: usize) -> [u8; ENTRY] {
    let number = slot as u32 + 1;
    let mut entry = [0xff; ENTRY];
    entry[..4].copy_from_slice(&number.to_le_bytes());
    entry[24..28].copy_from_slice(&2_u32.to_le_bytes());
    entry[28..].copy_from_slice(&checksum(number).to_le_bytes());
    entry
}

/// Loads the program; gives its entry point, and the RAM that it was loaded into.
pub(crate) fn load(bus: &mut Bus) -> Result<(u32, Vec<Range<u32>>)> {
    let flash = bus.flash.bytes().to_vec();
    ensure!(flash.first() == Some(&MAGIC), "no bootloader at 0");
    // Both say how large the flash is; a program that finds another chip refuses to start.
    let size_in_header = flash[3] >> 4;
    ensure!(
        1 << size_in_header == flash.len() >> 20,
        "the bootloader is for {} MiB of flash, and there are {}",
        1 << size_in_header,
        flash.len() >> 20
    );
    let found = partitions(&flash)?;
    let (slots, new) = order(&flash, &found)?;
    for at in slots {
        match load_from(bus, &flash, at) {
            Ok(loaded) => {
                eprintln!("boot: the program at {at:#x} starts");
                if let (true, Some(data)) = (new, found.data) {
                    let slot = found.slots.iter().position(|slot| slot.1 == at);
                    let entry = first_entry(slot.unwrap_or(0));
                    bus.flash.erase(data, SECTOR);
                    bus.flash.write(data, &entry);
                }
                return Ok(loaded);
            }
            Err(error) => eprintln!("boot: no program at {at:#x}: {error:#}"),
        }
    }
    bail!("there is no program that can be started")
}

/// Loads the program of a slot.
fn load_from(bus: &mut Bus, flash: &[u8], at: usize) -> Result<(u32, Vec<Range<u32>>)> {
    let header = flash.get(at..at + 24).context("no program")?;
    ensure!(header[0] == MAGIC, "no program at {at:#x}");
    let chip = u16::from_le_bytes([header[12], header[13]]);
    ensure!(chip == CHIP, "a program for chip {chip}");
    let least = u16::from_le_bytes([header[15], header[16]]);
    ensure!(least <= 4, "a program for revision {least}");
    let entry = word(header, 4)?;
    let (mut from, mut sum) = (at + 24, 0xef_u8);
    let mut loaded = Vec::new();
    for _ in 0..header[1] {
        let (to, len) = (word(flash, from)?, word(flash, from + 4)?);
        from += 8;
        let data = flash
            .get(from..from + len as usize)
            .context("a segment ends beyond the flash")?;
        sum = data.iter().fold(sum, |sum, byte| sum ^ byte);
        if matches!(to >> 24, 0x3c | 0x42) {
            map(bus, to, from as u32, len)?;
        } else if to != 0 {
            for (index, byte) in data.iter().enumerate() {
                let stored = bus.store8(to + index as u32, *byte);
                ensure!(stored.is_ok(), "a segment at {to:#x}, where nothing is");
            }
            loaded.push(to..to + len);
        }
        // What is for 0 only makes the next segment lie where it can be mapped.
        from += len as usize;
    }
    let end = (from | 15) + 1;
    let body = flash.get(at..end).context("no checksum")?;
    ensure!(body.last() == Some(&sum), "the program's checksum is wrong");
    let digest = flash.get(end..end + 32).context("no digest")?;
    ensure!(
        *digest == *Sha256::digest(body),
        "the program's digest is wrong"
    );
    Ok((entry, loaded))
}

/// Shows a piece of flash in a window.
fn map(bus: &mut Bus, to: u32, from: u32, len: u32) -> Result<()> {
    ensure!(
        to % PAGE == from % PAGE,
        "a segment for {to:#x} lies at {from:#x} of the flash"
    );
    let first = to / PAGE;
    for page in first..=(to + len - 1) / PAGE {
        let number = from / PAGE + page - first;
        bus.mmu[(page & 0x7f) as usize] = number;
    }
    Ok(())
}
