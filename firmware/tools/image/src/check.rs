//! The images, read back from their files by another hand than wrote them.
//!
//! ```text
//! image    0  magic E9   1 segments   3 size << 4 | speed   12 chip, u16   23 digest follows
//!          24 segments: address, length, bytes ...   padding   checksum   SHA-256
//! app      in its first segment: application descriptor, magic ABCD5432, 256 bytes
//! ```
//!
//! What a bootloader refuses, and what it does not see: a table at the wrong place, a slot of another
//! layout, certificates that an update would erase.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use embassy_futures::block_on;
use partition_store::esp_at::factory_param;
use partition_store::{FileFlash, Layout, Partition, SECTOR, Table, TableAddress};
use sha2::{Digest as _, Sha256};

use crate::Chip;
use crate::pack::{APP, BOOTLOADER, MERGED, PRIMARY, SECONDARY, SLOT};

const HEADER: usize = 24;
const SEGMENT_HEADER: usize = 8;
const MAGIC: u8 = 0xe9;
/// The high half of byte 3.
const FLASH_4_MIB: u8 = 2;
const DESCRIPTOR_MAGIC: u32 = 0xabcd_5432;
/// Flash is mapped in pages of this size: a segment's place in flash and in the address space must
/// agree within a page.
const PAGE: u32 = 0x1_0000;
/// How full the slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fill {
    /// Bytes of the application image.
    pub(crate) app: u64,
    /// Bytes of its slot.
    pub(crate) slot: u64,
}

impl Fill {
    pub(crate) const fn free(self) -> u64 {
        self.slot.saturating_sub(self.app)
    }

    pub(crate) const fn free_percent(self) -> u64 {
        match self.free().saturating_mul(100).checked_div(self.slot) {
            Some(percent) => percent,
            None => 0,
        }
    }
}

/// Checks the five files of `folder`.
pub(crate) fn files(chip: Chip, folder: &Path) -> Result<Fill> {
    let load = |name: &str| {
        let file = folder.join(name);
        fs::read(&file).with_context(|| format!("cannot read {}", file.display()))
    };
    let (bootloader, app, merged) = (load(BOOTLOADER)?, load(APP)?, load(MERGED)?);
    let layout = chip.layout();
    image(chip, &bootloader).context(BOOTLOADER)?;
    let segments = image(chip, &app).context(APP)?;
    application(chip, &segments).context(APP)?;

    let primary = load(PRIMARY)?;
    same_table(&primary, layout.primary).context(PRIMARY)?;
    let secondary = load(SECONDARY)?;
    same_table(&secondary, layout.secondary).context(SECONDARY)?;
    // More would reach into the first partition, and an update would erase it.
    ensure!(
        u32::try_from(secondary.len())? <= SECTOR,
        "{SECONDARY} is longer than its sector"
    );

    let slot = layout.find(SLOT).context("the layout has no slot")?;
    let fill = Fill {
        app: u64::try_from(app.len())?,
        slot: slot.size().into(),
    };
    ensure!(
        fill.app <= fill.slot,
        "{APP} has {} bytes, its slot {}",
        fill.app,
        fill.slot
    );
    ensure!(
        chip.boot_address() + u32::try_from(bootloader.len())?
            <= TableAddress::ESP_IDF_DEFAULT.get(),
        "{BOOTLOADER} reaches into the partition table"
    );
    let container = layout
        .find(partition_store::esp_at::CONTAINER)
        .context("no at_customize")?;
    whole(
        chip,
        &merged,
        &folder.join(MERGED),
        &[
            (chip.boot_address(), &bootloader),
            (TableAddress::ESP_IDF_DEFAULT.get(), &primary),
            (container.offset(), &secondary),
            (slot.offset(), &app),
        ],
    )
    .context(MERGED)?;
    Ok(fill)
}

/// One segment of an image.
#[derive(Debug)]
struct Segment<'a> {
    address: u32,
    /// Where its bytes begin in the file.
    at: usize,
    bytes: &'a [u8],
}

/// Header, segments, checksum and digest of a bootloader or an application.
fn image(chip: Chip, file: &[u8]) -> Result<Vec<Segment<'_>>> {
    let header = file.first_chunk::<HEADER>().context("no header")?;
    let [magic, count, _, flash, ..] = *header;
    ensure!(magic == MAGIC, "magic is {magic:#x}");
    ensure!(
        flash >> 4 == FLASH_4_MIB,
        "flash size is coded as {:#x}, not 4 MiB",
        flash >> 4
    );
    let id = u16::from_le_bytes([header[12], header[13]]);
    ensure!(id == chip.id(), "it is for chip {id}");
    ensure!(header[23] == 1, "no digest follows");

    let mut at = HEADER;
    let mut segments = Vec::new();
    let mut checksum = 0xef;
    for _ in 0..count {
        let address = u32_at(file, at)?;
        let length = usize::try_from(u32_at(file, at + 4)?)?;
        at += SEGMENT_HEADER;
        let bytes = file
            .get(at..at + length)
            .with_context(|| format!("segment {address:#x} leaves the file"))?;
        for byte in bytes {
            checksum ^= byte;
        }
        segments.push(Segment { address, at, bytes });
        at += length;
    }
    // The checksum is the last byte of a line of 16.
    let end = at / 16 * 16 + 16;
    let (body, rest) = file.split_at_checked(end).context("no checksum")?;
    ensure!(body.last() == Some(&checksum), "wrong checksum");
    let digest = Sha256::digest(body);
    ensure!(rest.get(..32) == Some(digest.as_slice()), "wrong digest");
    Ok(segments)
}

/// What an application has beyond that.
fn application(chip: Chip, segments: &[Segment<'_>]) -> Result<()> {
    let first = segments.first().context("no segment")?;
    ensure!(
        u32_at(first.bytes, 0)? == DESCRIPTOR_MAGIC,
        "it does not begin with a descriptor"
    );
    let text = |from: usize| {
        let field = first.bytes.get(from..from + 32).unwrap_or_default();
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(32);
        String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
    };
    let (version, project) = (text(16), text(48));
    ensure!(
        project == "espat-firmware" && !version.is_empty(),
        "it is {project:?} {version:?}"
    );
    for segment in segments {
        let mapped = chip
            .mapped()
            .iter()
            .any(|range| range.contains(&segment.address));
        let place = u32::try_from(segment.at)?;
        ensure!(
            !mapped || segment.address % PAGE == place % PAGE,
            "segment {:#x} cannot be mapped from offset {place:#x}",
            segment.address
        );
    }
    Ok(())
}

fn same_table(file: &[u8], expected: &[Partition]) -> Result<()> {
    let table = Table::parse(file).map_err(|error| anyhow!("{error}"))?;
    if !table.entries().eq(expected.iter().copied()) {
        bail!("its entries are not ESP-AT's");
    }
    Ok(())
}

/// The parts are at their places, the modem finds both tables, and nothing else is written.
fn whole(chip: Chip, merged: &[u8], path: &Path, parts: &[(u32, &[u8])]) -> Result<()> {
    let built_in = chip.layout();
    ensure!(
        u32::try_from(merged.len())? == built_in.flash_size,
        "it has {} bytes",
        merged.len()
    );
    let mut flash = FileFlash::open(path).map_err(|error| anyhow!("{error}"))?;
    let layout = block_on(Layout::load(&mut flash))
        .map_err(|error| anyhow!("no modem boots it: {error}"))?;
    ensure!(
        layout.partitions() == built_in.secondary,
        "the modem finds other partitions"
    );
    let parameters = built_in.find("factory_param").context("no factory_param")?;
    let factory = factory_param(built_in.chip);
    let mut expected = vec![0xff; merged.len()];
    for (offset, bytes) in parts
        .iter()
        .copied()
        .chain([(parameters.offset(), factory.as_slice())])
    {
        let start = usize::try_from(offset)?;
        expected
            .get_mut(start..start + bytes.len())
            .context("a part reaches beyond the flash")?
            .copy_from_slice(bytes);
    }
    let different = merged
        .iter()
        .zip(&expected)
        .position(|(is, should)| is != should);
    if let Some(offset) = different {
        bail!("offset {offset:#x} is not as it should be");
    }
    Ok(())
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32> {
    let word = bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .context("it ends too early")?;
    Ok(u32::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An application of one mapped segment whose bytes begin with a descriptor.
    fn sample(chip: Chip, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut segment = vec![0; 300];
        segment[..4].copy_from_slice(&DESCRIPTOR_MAGIC.to_le_bytes());
        segment[16..21].copy_from_slice(b"0.1.0");
        segment[48..62].copy_from_slice(b"espat-firmware");
        let mut file = vec![0; HEADER];
        file[0] = MAGIC;
        file[1] = 1;
        file[3] = FLASH_4_MIB << 4;
        file[12..14].copy_from_slice(&chip.id().to_le_bytes());
        file[23] = 1;
        file.extend(0x3c00_0020_u32.to_le_bytes());
        file.extend(300_u32.to_le_bytes());
        file.extend(&segment);
        change(&mut file);
        let checksum = file
            .iter()
            .skip(HEADER + SEGMENT_HEADER)
            .fold(0xef, |sum, byte| sum ^ byte);
        while file.len() % 16 != 15 {
            file.push(0);
        }
        file.push(checksum);
        let digest = Sha256::digest(&file);
        file.extend(digest);
        file
    }

    fn verdict(file: &[u8]) -> Result<()> {
        application(Chip::Esp32c3, &image(Chip::Esp32c3, file)?)
    }

    #[test]
    fn a_good_image_passes_and_every_changed_bit_is_seen() {
        let good = sample(Chip::Esp32c3, |_| {});
        verdict(&good).unwrap();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(verdict(&bad).is_err(), "byte {at}, bit {bit}");
            }
            assert!(verdict(&good[..at]).is_err(), "cut to {at}");
        }
    }

    #[test]
    fn what_a_digest_does_not_show_is_reported() {
        for (what, words) in [
            (sample(Chip::Esp32c6, |_| {}), "chip 13"),
            (sample(Chip::Esp32c3, |file| file[3] = 0x10), "4 MiB"),
            (sample(Chip::Esp32c3, |file| file[23] = 0), "digest follows"),
            (sample(Chip::Esp32c3, |file| file[32] ^= 1), "descriptor"),
            (sample(Chip::Esp32c3, |file| file[80] = b'E'), "it is"),
            (sample(Chip::Esp32c3, |file| file[25] = 1), "mapped"),
        ] {
            let error = format!("{:#}", verdict(&what).unwrap_err());
            assert!(error.contains(words), "{error:?}, expected {words:?}");
        }
    }

    #[test]
    fn free_space_is_counted_down_to_none() {
        for (app, slot, percent) in [
            (0, 100, 100),
            (60, 100, 40),
            (100, 100, 0),
            (101, 100, 0),
            (1, 0, 0),
        ] {
            assert_eq!(Fill { app, slot }.free_percent(), percent);
        }
    }
}
