//! Programs in a flash image, and which of them starts (spec: ota 1, 2).

use partition_store::mock::MemFlash;
use partition_store::{
    AppImage, ImageError, Ota, Partition, PartitionKind, Region, Slots, app_image,
};

use super::whole;

/// What is in a slot: a program with its version and chip, or why the bootloader would not start it.
pub(super) fn program(bytes: &[u8]) -> String {
    match check(bytes) {
        Ok(image) => format!(
            "{} {} for {}, {} bytes",
            image.project, image.version, image.chip, image.length
        ),
        Err(error) => error.to_string(),
    }
}

fn check(bytes: &[u8]) -> anyhow::Result<AppImage> {
    let mut flash = MemFlash::holding(bytes.to_vec());
    let slot = whole("app", (PartitionKind::App, 0), bytes.len())?;
    let region = Region::open(&mut flash, &slot);
    let mut region =
        region.map_err(|_| anyhow::anyhow!("the flash image ends inside this slot"))?;
    async_io::block_on(app_image::check(&mut region)).map_err(|error| match error {
        ImageError::Flash(error) => anyhow::anyhow!("{error}"),
        error => anyhow::anyhow!("{error}"),
    })
}

/// Which slot OTA data selects, where the table has two.
pub(super) fn selected(flash: &[u8], primary: &[Partition]) -> Option<String> {
    let slots = Slots::find(primary)?;
    let mut flash = MemFlash::holding(flash.to_vec());
    let mut ota = Ota::open(&mut flash, slots).ok()?;
    let (slot, state) = async_io::block_on(ota.selected()).ok()?;
    Some(match state {
        Some(state) => format!("{slot} starts ({state})"),
        None => format!("{slot} starts"),
    })
}

#[cfg(test)]
mod tests {
    use partition_store::mock::program as sample;
    use partition_store::{BuiltIn, ChipId};

    use super::*;

    #[test]
    fn a_program_is_named_and_a_damaged_one_says_why() {
        let mut slot = sample(ChipId::new(5), b"1.0", &[100]);
        slot.resize(0x1000, 0xff);
        let length = 24 + 8 + 100 + 12 + 32;
        let expected = format!("espat-firmware 1.0 for ESP32C3, {length} bytes");
        assert_eq!(program(&slot), expected);
        slot[60] ^= 1;
        assert_eq!(program(&slot), "the program's checksum is wrong");
        assert_eq!(program(&[0xff; 0x1000]), "no program: the slot is erased");
        assert_eq!(
            program(&slot[..10]),
            "the flash image ends inside this slot"
        );
    }

    #[test]
    fn the_slot_that_starts_is_named() {
        let mut flash = vec![0xff; 0x40_0000];
        let table = BuiltIn::ESP32_C3.primary;
        assert_eq!(selected(&flash, table).as_deref(), Some("ota_0 starts"));
        flash[0xd000..0xd004].copy_from_slice(&2_u32.to_le_bytes());
        flash[0xd01c..0xd020].copy_from_slice(&0x55f6_3774_u32.to_le_bytes());
        let starts = selected(&flash, table);
        assert_eq!(starts.as_deref(), Some("ota_1 starts (undefined)"));
        assert_eq!(selected(&flash, &table[1..]), None);
    }
}
