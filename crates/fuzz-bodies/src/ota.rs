//! OTA data and programs in flash: which slot starts, and what is said of a program.

use embassy_futures::block_on;
use partition_store::app_image::ChipId;
use partition_store::mock::{MemFlash, Rewrite};
use partition_store::{Ota, Partition, PartitionKind, PartitionName, Slot, Slots};
use sha2::{Digest as _, Sha256};

use crate::take::Take;

const SECTOR: usize = 0x1000;

fn slots() -> Slots {
    let at = |name, kind, subtype, offset, size| {
        let name = PartitionName::new(name).unwrap();
        Partition::new(name, kind, subtype, offset, size).unwrap()
    };
    let table = [
        at("otadata", PartitionKind::Data, 0, 0, 0x2000),
        at("ota_0", PartitionKind::App, 0x10, 0x2000, 0x1000),
        at("ota_1", PartitionKind::App, 0x11, 0x3000, 0x1000),
    ];
    Slots::find(&table).unwrap()
}

/// CRC-32 bit by bit, as ESP-IDF's `otatool.py` starts it.
fn crc(bytes: [u8; 4]) -> u32 {
    !bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum: u32, _| {
            (sum >> 1) ^ (if sum & 1 == 1 { 0xedb8_8320 } else { 0 })
        })
    })
}

/// An entry with its checksum, or anything.
fn entry(take: &mut Take<'_>, place: &mut [u8]) {
    let how = take.u8();
    let number = [
        take.u32(),
        u32::from(how >> 4),
        u32::MAX - u32::from(how >> 4),
    ];
    let number = number[usize::from(how & 3).min(2)].to_le_bytes();
    let state = match take.u8() {
        small @ 0..=5 => u32::from(small),
        _ => u32::MAX,
    };
    place[..4].copy_from_slice(&number);
    place[24..28].copy_from_slice(&state.to_le_bytes());
    place[28..32].copy_from_slice(&crc(number).to_le_bytes());
    if how & 12 == 12 {
        let at = usize::from(take.u8() & 31);
        place[at] = take.u8();
    }
}

/// A program of one to four segments with checksum and digest, some of its bytes anything.
fn program(take: &mut Take<'_>) -> Vec<u8> {
    let how = take.u8();
    let count = how & 3;
    let mut image = vec![0; 24];
    image[..2].copy_from_slice(&[0xe9, count + 1]);
    image[12] = take.u8() & 7;
    image[23] = 1;
    let mut checksum = 0xef;
    for number in 0..=count {
        let mut data = vec![0; 80 + usize::from(take.u8()) * usize::from(number == 0)];
        if number == 0 {
            data[..4].copy_from_slice(&0xabcd_5432_u32.to_le_bytes());
            let text = take.bytes(64);
            data[16..16 + text.len()].copy_from_slice(text);
        }
        checksum = data.iter().fold(checksum, |sum, byte| sum ^ byte);
        image.extend(take.u32().to_le_bytes());
        image.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        image.extend(data);
    }
    image.resize(image.len() / 16 * 16 + 15, 0);
    image.push(checksum);
    if how & 4 == 0 {
        let digest = Sha256::digest(&image);
        image.extend(digest);
    } else {
        image.extend(take.bytes(32));
    }
    for _ in 0..(how >> 4) & 3 {
        let at = usize::from(take.u16()) % image.len();
        image[at] ^= take.u8();
    }
    image
}

/// Of any content, one slot starts; a selection decides from then on, or is an error; a program that is taken is one
/// whose digest is right, and nothing outside of OTA data changes.
pub(crate) fn body(data: &[u8]) {
    let mut take = Take(data);
    let mut bytes = vec![0xff; 4 * SECTOR];
    let how = take.u8();
    for number in 0..2 {
        match how >> (number * 2) & 3 {
            0 => {}
            3 => {
                let raw = take.bytes(32);
                bytes[number * SECTOR..][..raw.len()].copy_from_slice(raw);
            }
            _ => entry(&mut take, &mut bytes[number * SECTOR..][..32]),
        }
        let image = match how >> (4 + number) & 1 {
            0 => program(&mut take),
            _ => take.bytes(400).to_vec(),
        };
        let length = image.len().min(SECTOR);
        bytes[(2 + number) * SECTOR..][..length].copy_from_slice(&image[..length]);
    }
    let programs = bytes[2 * SECTOR..].to_vec();
    let mut flash = MemFlash::holding(bytes).on_rewrite(Rewrite::And);
    let mut ota = Ota::open(&mut flash, slots()).unwrap();
    for slot in Slot::ALL {
        let chip = ChipId::new(u16::from(take.u8() & 7));
        match block_on(ota.program(slot, chip)) {
            Ok(image) => {
                assert_eq!(image.chip, chip);
                let begin = usize::from(slot == Slot::Ota1) * SECTOR;
                let end = begin + usize::try_from(image.length).unwrap() - 32;
                let digest: [u8; 32] = Sha256::digest(&programs[begin..end]).into();
                assert_eq!(image.sha256, digest);
                let _ = format!("{image:?}");
            }
            Err(error) => drop(format!("{error} {error:?}")),
        }
    }
    for _ in 0..take.u8() & 3 {
        let before = block_on(ota.selected()).expect("a flash that works");
        let slot = Slot::ALL[usize::from(take.u8() & 1)];
        let now = match take.u8() & 1 {
            0 => {
                let _ = block_on(ota.confirm()).expect("a flash that works");
                before.0
            }
            _ => match block_on(ota.select(slot)) {
                Ok(()) => slot,
                Err(error) => {
                    let _ = format!("{error} {error:?}");
                    before.0
                }
            },
        };
        assert_eq!(block_on(ota.selected()).expect("a flash that works").0, now);
    }
    assert!(flash.bytes()[2 * SECTOR..] == programs);
}
