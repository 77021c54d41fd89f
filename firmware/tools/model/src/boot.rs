//! What ROM and second-stage bootloader do: find the program in the flash, check it, put it in its place.
//!
//! Both tables and the image are read from the flash as they are there, so a wrong offset shows here.

use std::ops::Range;

use anyhow::{Context as _, Result, bail, ensure};

use crate::bus::Bus;

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

/// Where the program is: the first partition of type `app`.
fn program(flash: &[u8]) -> Result<usize> {
    for at in (TABLE..TABLE + 0xc00).step_by(ENTRY) {
        let entry = flash.get(at..at + ENTRY).context("no partition table")?;
        match entry {
            [0xaa, 0x50, 0x00, ..] => return Ok(word(entry, 4)? as usize),
            [0xaa, 0x50, ..] => {}
            _ => break,
        }
    }
    bail!("there is no program in the partition table at {TABLE:#x}")
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
    let at = program(&flash)?;
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
        let (to, len) = (word(&flash, from)?, word(&flash, from + 4)?);
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
    let at = from | 15;
    ensure!(
        flash.get(at) == Some(&sum),
        "the program's checksum is wrong"
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
