//! The five files.
//!
//! | file | at | what |
//! |---|---|---|
//! | `bootloader.bin` | 0 (ESP32: 0x1000) | espflash's second stage, marked as 4 MiB of flash |
//! | `partition-table.bin` | 0x8000 | ESP-AT's primary table |
//! | `at_customize.bin` | `at_customize` | ESP-AT's secondary table, without the partitions in it |
//! | `app.bin` | `ota_0` | the program |
//! | `merged.bin` | 0 | a whole flash of a new module: all of that and the factory parameters |
//!
//! The first four leave certificates and settings where they are; `merged.bin` replaces them.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use embassy_futures::block_on;
use espflash::flasher::{FlashData, FlashMode, FlashSettings, FlashSize};
use espflash::image_format::idf::IdfBootloaderFormat;
use espflash::target::{Chip as Target, XtalFrequency};
use partition_store::esp_at::{CONTAINER, FactoryParam};
use partition_store::table::Checksum;
use partition_store::{FileFlash, Partition, TableAddress, write_table};

use crate::Chip;

/// Bytes of a table's file, as Espressif's tools make it. The rest of its sector stays erased.
pub(crate) const TABLE_FILE: usize = 0xc00;

/// The slot that a flash without OTA data starts.
pub(crate) const SLOT: &str = "ota_0";

pub(crate) const BOOTLOADER: &str = "bootloader.bin";
pub(crate) const PRIMARY: &str = "partition-table.bin";
pub(crate) const SECONDARY: &str = "at_customize.bin";
pub(crate) const APP: &str = "app.bin";
pub(crate) const MERGED: &str = "merged.bin";

/// Writes all five into `out`.
pub(crate) fn write(chip: Chip, elf: &[u8], out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let save = |name: &str, bytes: &[u8]| {
        let file = out.join(name);
        fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))
    };
    let layout = chip.layout();
    // spec: cert-bin 8.2: the primary table carries no checksum, the secondary does.
    let primary = table(layout.primary, Checksum::None)?;
    let secondary = table(layout.secondary, Checksum::Md5)?;
    save(PRIMARY, &primary)?;
    save(SECONDARY, &secondary)?;

    let flash = FlashData::new(
        // What espflash takes from the bootloader otherwise is the size.
        FlashSettings::new(Some(FlashMode::Dio), Some(FlashSize::_4Mb), None),
        0,
        None,
        target(chip),
        XtalFrequency::_40Mhz,
    );
    let image = IdfBootloaderFormat::new(
        elf,
        &flash,
        Some(&out.join(PRIMARY)),
        None,
        // Else it guesses a place from the first partition, where no bootloader looks.
        Some(TableAddress::ESP_IDF_DEFAULT.get()),
        Some(SLOT),
    )
    .map_err(|error| anyhow!("no image of the program: {error}"))?;
    let slot = layout.find(SLOT).context("the layout has no slot")?;
    let container = layout.find(CONTAINER).context("no at_customize")?;
    let segments: Vec<_> = image.flash_segments().collect();
    let at = |address: u32| {
        segments
            .iter()
            .find(|segment| segment.addr == address)
            .map(espflash::image_format::Segment::data)
            .with_context(|| format!("espflash made nothing for {address:#x}"))
    };
    let bootloader = at(chip.boot_address())?;
    let app = at(slot.offset())?;
    save(BOOTLOADER, bootloader)?;
    save(APP, app)?;

    let mut merged = blank(chip, &out.join(MERGED))?;
    for (offset, bytes) in [
        (chip.boot_address(), bootloader),
        (TableAddress::ESP_IDF_DEFAULT.get(), primary.as_slice()),
        (container.offset(), secondary.as_slice()),
        (slot.offset(), app),
    ] {
        let start = usize::try_from(offset)?;
        merged
            .get_mut(start..start + bytes.len())
            .context("a part reaches beyond the flash")?
            .copy_from_slice(bytes);
    }
    save(MERGED, &merged)
}

fn table(entries: &[Partition], checksum: Checksum) -> Result<Vec<u8>> {
    let mut bytes = vec![0xff; TABLE_FILE];
    write_table(entries.iter().copied(), checksum, &mut bytes)
        .map_err(|error| anyhow!("no table: {error}"))?;
    Ok(bytes)
}

/// A flash with tables and factory parameters, as the simulator makes one.
fn blank(chip: Chip, file: &Path) -> Result<Vec<u8>> {
    // An older one is not looked at.
    if file.exists() {
        fs::remove_file(file).with_context(|| format!("cannot replace {}", file.display()))?;
    }
    block_on(FileFlash::open_or_format(
        file,
        chip.layout(),
        FactoryParam::Write,
    ))
    .map_err(|error| anyhow!("no blank flash: {error}"))?;
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

const fn target(chip: Chip) -> Target {
    match chip {
        Chip::Esp32 => Target::Esp32,
        Chip::Esp32c3 => Target::Esp32c3,
        Chip::Esp32c6 => Target::Esp32c6,
    }
}
