//! Programs in flash: good ones, and every byte of one changed, missing or left over.

use embassy_futures::block_on;
use partition_store::app_image::{self, AppImage, ChipId};
use partition_store::mock::{MemFlash, MemFlashError, program};
use partition_store::{
    ImageError, Ota, Partition, PartitionKind, PartitionName, Region, Slot, SlotError, Slots,
};

const C3: ChipId = ChipId::new(5);
const SIZE: usize = 0x2000;

fn check(image: &[u8]) -> Result<AppImage, ImageError<MemFlashError>> {
    let mut bytes = vec![0xff; SIZE];
    bytes[..image.len()].copy_from_slice(image);
    let name = PartitionName::new("ota_0").unwrap();
    let size = u32::try_from(SIZE).unwrap();
    let slot = Partition::new(name, PartitionKind::App, 0x10, 0, size).unwrap();
    let mut flash = MemFlash::holding(bytes);
    block_on(app_image::check(
        &mut Region::open(&mut flash, &slot).unwrap(),
    ))
}

#[test]
fn a_whole_program_says_for_which_chip_it_is_and_which_version() {
    for segments in [
        &[80][..],
        &[256],
        &[300, 4, 1000],
        &[255, 0, 257, 16],
        &[96; 16],
    ] {
        let image = program(C3, b"1.2.3", segments);
        let found = check(&image).unwrap();
        assert_eq!((found.chip, found.project.as_str()), (C3, "espat-firmware"));
        assert_eq!(found.version, "1.2.3");
        assert_eq!(usize::try_from(found.length), Ok(image.len()));
        assert_eq!(found.sha256, image[image.len() - 32..]);
    }
}

#[test]
fn every_changed_bit_is_seen() {
    let good = program(C3, b"1.2.3", &[100, 20]);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(check(&bad).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn a_program_that_was_written_in_part_is_seen() {
    let good = program(C3, b"1.2.3", &[100, 20]);
    assert_eq!(check(&[]), Err(ImageError::Erased));
    for length in 1..good.len() {
        assert!(check(&good[..length]).is_err(), "{length}");
    }
}

#[test]
fn what_is_wrong_has_a_name() {
    let good = program(C3, b"1.2.3", &[100, 20]);
    let changed = |at: usize, value: u8| {
        let mut bad = good.clone();
        bad[at] = value;
        check(&bad)
    };
    assert_eq!(changed(0, 0x7f), Err(ImageError::NoImage { magic: 0x7f }));
    assert_eq!(changed(1, 0), Err(ImageError::Segments { count: 0 }));
    assert_eq!(changed(1, 17), Err(ImageError::Segments { count: 17 }));
    assert_eq!(changed(23, 0), Err(ImageError::NoDigest));
    assert_eq!(changed(32, 0), Err(ImageError::NoDescriptor));
    assert_eq!(check(&program(C3, b"", &[80])).unwrap().version, "");
    // More segments than there are: what follows is taken for their headers.
    assert!(changed(1, 16).is_err());
    assert_eq!(changed(60, 1), Err(ImageError::Checksum));
    // Two changes that the checksum does not notice.
    let mut bad = good.clone();
    bad[60] ^= 1;
    bad[61] ^= 1;
    assert_eq!(check(&bad), Err(ImageError::Digest));
    let size = u32::try_from(SIZE).unwrap();
    assert_eq!(changed(31, 0xff), Err(ImageError::Truncated { size }));
    assert_eq!(changed(28, 79), Err(ImageError::NoDescriptor));
}

#[test]
fn a_version_is_printable_whatever_it_holds() {
    let found = check(&program(C3, "v\u{e9}\n1.0".as_bytes(), &[80])).unwrap();
    assert_eq!(found.version, "v???1.0");
    let longest = "9".repeat(32);
    let found = check(&program(C3, longest.as_bytes(), &[80]));
    assert_eq!(found.unwrap().version, longest.as_str());
}

#[test]
fn a_slot_holds_a_program_for_this_chip_or_a_reason() {
    let at = |text, kind, subtype, offset| {
        Partition::new(
            PartitionName::new(text).unwrap(),
            kind,
            subtype,
            offset,
            0x2000,
        )
        .unwrap()
    };
    let slots = Slots::find(&[
        at("otadata", PartitionKind::Data, 0, 0),
        at("ota_0", PartitionKind::App, 0x10, 0x2000),
        at("ota_1", PartitionKind::App, 0x11, 0x4000),
    ])
    .unwrap();
    let mut bytes = vec![0xff; 0x6000];
    let image = program(ChipId::new(13), b"2.0", &[100]);
    bytes[0x4000..][..image.len()].copy_from_slice(&image);
    let mut flash = MemFlash::holding(bytes);
    let mut ota = Ota::open(&mut flash, slots).unwrap();
    let erased = block_on(ota.program(Slot::Ota0, C3)).unwrap_err();
    assert_eq!(erased, SlotError::Image(ImageError::Erased));
    assert_eq!(erased.to_string(), "no program: the slot is erased");
    let wrong = block_on(ota.program(Slot::Ota1, C3)).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "program for ESP32C6, and this is ESP32C3"
    );
    let right = block_on(ota.program(Slot::Ota1, ChipId::new(13))).unwrap();
    assert_eq!(right.version, "2.0");
}
