//! Settings over flash that this code did not write: impossible records, programmed free bytes.

use embassy_futures::block_on;
use embedded_storage_async::nor_flash::NorFlash as _;
use partition_store::mock::{MemFlash, Rewrite};
use partition_store::settings::{Found, Opened, VALUE_MAX};
use partition_store::{PartitionStore, Settings};

use crate::key::{Key, OWNER};
use crate::settings::{NVS, get, opened, small};
use crate::support::{noise, open};

/// First sector of the map.
const MAP: usize = NVS + 0x1000;

fn crc16(data: &[u8]) -> u16 {
    let mut crc = 0xffff_u16;
    for byte in data {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x1a2e
            } else {
                crc >> 1
            };
        }
    }
    match !crc {
        0xffff => 0xfffe,
        crc => crc,
    }
}

fn crc32(data: &[u8]) -> u32 {
    let mut crc = 0xeeee_eeee_u32;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
        }
    }
    match !crc {
        0 => 1,
        crc if [0, 0xff].contains(&crc.to_le_bytes()[0]) => crc ^ 1,
        crc => crc,
    }
}

/// A record with right checksums.
fn record(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_le_bytes();
    let mut record = crc32(data).to_le_bytes().to_vec();
    record.extend(length);
    record.extend(crc16(&length).to_le_bytes());
    record.extend(data);
    record.resize(record.len().next_multiple_of(4), 0);
    record
}

/// A flash whose map begins with these records; `closed`: the sector is full.
fn with_records(records: &[Vec<u8>], closed: bool) -> MemFlash {
    let mut bytes = small(4).bytes().to_vec();
    bytes[MAP..MAP + 4].fill(0);
    let records = records.concat();
    bytes[MAP + 4..MAP + 4 + records.len()].copy_from_slice(&records);
    if closed {
        bytes[MAP + 0xffc..MAP + 0x1000].fill(0);
        bytes[MAP + 0x1000..MAP + 0x1004].fill(0);
    }
    MemFlash::holding(bytes)
}

#[test]
fn the_record_of_length_0_that_stopped_a_boot_is_found_and_formatted() {
    let bytes = hex::decode("000000001111111100 0003e2".replace(' ', "")).unwrap();
    let mut flash = small(4).bytes().to_vec();
    flash[MAP..MAP + bytes.len()].copy_from_slice(&bytes);
    let mut store = open(MemFlash::holding(flash));
    let (mut settings, was) = opened(&mut store);
    assert_eq!(was, Opened::Formatted(Found::Damaged));
    block_on(settings.set(Key::SNTP, b"1,8")).unwrap();
    let (mut settings, was) = opened(&mut store);
    assert_eq!(was, Opened::Ready);
    assert_eq!(get(&mut settings, Key::SNTP).as_deref(), Some(&b"1,8"[..]));
}

#[test]
fn a_record_of_any_length_is_read_or_formatted_and_then_the_store_works() {
    let good = record(&[&[Key::SNTP.number(), 1][..], b"1,8"].concat());
    for length in (0..400).chain([1000, 4000, 4070]) {
        let mut data = noise(length, 7);
        for (to, from) in data.iter_mut().zip([Key::UART.number(), 1]) {
            *to = from;
        }
        let odd = record(&data);
        let possible = (2..=VALUE_MAX + 2).contains(&length);
        let fits = |records: &[Vec<u8>]| records.concat().len() <= 0x1000 - 8;
        for records in [
            vec![odd.clone()],
            vec![odd.clone(), good.clone()],
            vec![good.clone(), odd.clone()],
        ] {
            for closed in [false, true] {
                if !fits(&records) {
                    continue;
                }
                let mut store = open(with_records(&records, closed));
                let (mut settings, was) = opened(&mut store);
                let expected = if possible {
                    Opened::Ready
                } else {
                    Opened::Formatted(Found::Damaged)
                };
                assert_eq!(was, expected, "length {length}, closed {closed}");
                if possible {
                    assert_eq!(get(&mut settings, Key::UART).as_deref(), data.get(2..));
                }
                block_on(settings.set(Key::DNS, b"new")).unwrap();
                let (mut settings, was) = opened(&mut store);
                assert_eq!(was, Opened::Ready);
                assert_eq!(get(&mut settings, Key::DNS).as_deref(), Some(&b"new"[..]));
            }
        }
    }
}

#[test]
fn a_record_shorter_than_its_key_is_found_whatever_the_keys_length_is() {
    for length in 0..12 {
        let mut store = open(with_records(&[record(&vec![1; length])], false));
        let found = block_on(Settings::<_, [u8; 8]>::open(store.settings_region(), OWNER));
        let (mut settings, was) = found.unwrap();
        if length == 9 {
            // The tag says a value, and the value is empty.
            assert_eq!(was, Opened::Ready);
            let mut buffer = [0; 8];
            let value = block_on(settings.get([1; 8], &mut buffer)).unwrap();
            assert_eq!(value.map(<[u8]>::len), Some(0));
        } else if length < 9 {
            assert_eq!(was, Opened::Formatted(Found::Damaged), "{length}");
        }
    }
}

#[test]
fn an_impossible_record_with_a_wrong_checksum_is_passed_over() {
    let good = record(&[&[Key::SNTP.number(), 1][..], b"1,8"].concat());
    for length in [0, 1] {
        let mut odd = record(&vec![1; length]);
        odd[0] ^= 4;
        let mut store = open(with_records(&[odd, good.clone()], false));
        let (mut settings, was) = opened(&mut store);
        assert_eq!(was, Opened::Ready);
        assert_eq!(get(&mut settings, Key::SNTP).as_deref(), Some(&b"1,8"[..]));
    }
}

/// A flash of four sectors after `writes` changes.
fn used(writes: u32) -> MemFlash {
    let mut store = open(small(4));
    let (mut settings, _) = opened(&mut store);
    block_on(settings.set(Key::SNTP, b"kept")).unwrap();
    for number in 0..writes {
        block_on(settings.set(Key::LAST_KNOWN_TIME, &number.to_le_bytes())).unwrap();
    }
    MemFlash::holding(store.into_inner().bytes().to_vec())
}

/// The free part of the sector in use.
fn free(flash: &MemFlash) -> std::ops::Range<usize> {
    let sector = (MAP..MAP + 0x3000).step_by(0x1000).find(|at| {
        let bytes = flash.bytes();
        bytes[*at] == 0 && bytes[at + 0xffc..at + 0x1000] == [0xff; 4]
    });
    let end = sector.unwrap() + 0xffc;
    let used = flash.bytes()[..end].iter().rposition(|byte| *byte != 0xff);
    (used.unwrap() + 1).next_multiple_of(4)..end
}

#[test]
fn a_programmed_byte_in_the_free_part_costs_no_value() {
    // A sector holds 255 changes: near its begin and end, in the first, the last and a reused one.
    for writes in [3, 250, 300, 600, 760, 1000] {
        let flash = used(writes);
        let free = free(&flash);
        for at in free.clone().step_by(13).chain(free.end - 4..free.end) {
            for stray in [0, 0xfe, 0x7f] {
                let mut bytes = flash.bytes().to_vec();
                bytes[at] = stray;
                // A second write to a word is refused: the stray one is never written over.
                let mut store = open(MemFlash::holding(bytes));
                let (mut settings, was) = opened(&mut store);
                assert_eq!(was, Opened::Ready);
                for number in 0..20_u8 {
                    block_on(settings.set(Key::DNS, &[number; 70])).unwrap();
                }
                let (mut settings, was) = opened(&mut store);
                assert_eq!(was, Opened::Ready);
                let place = format!("{writes} writes, {stray:#x} at {at:#x}");
                assert_eq!(get(&mut settings, Key::DNS), Some(vec![19; 70]), "{place}");
                assert_eq!(
                    get(&mut settings, Key::SNTP),
                    Some(b"kept".to_vec()),
                    "{place}"
                );
            }
        }
    }
}

#[test]
fn taking_a_sector_out_of_use_can_be_cut_anywhere() {
    for writes in [3, 300, 760, 1000] {
        let flash = used(writes);
        let mut bytes = flash.bytes().to_vec();
        bytes[free(&flash).start + 40] = 0;
        for fuel in 0..6 {
            let cut = MemFlash::holding(bytes.clone()).on_rewrite(Rewrite::And);
            let mut store = open(cut.cut_after(fuel));
            let done = block_on(Settings::<_, Key>::open(store.settings_region(), OWNER)).is_ok();
            assert_eq!(done, fuel >= 4, "{fuel}");
            let mut flash = store.into_inner();
            flash.powered_again();
            let mut store = open(flash);
            let (mut settings, was) = opened(&mut store);
            assert_eq!(was, Opened::Ready);
            block_on(settings.set(Key::DNS, &[1; 70])).unwrap();
            let (mut settings, _) = opened(&mut store);
            assert_eq!(
                get(&mut settings, Key::DNS),
                Some(vec![1; 70]),
                "{writes} {fuel}"
            );
            assert_eq!(get(&mut settings, Key::SNTP), Some(b"kept".to_vec()));
        }
    }
}

#[test]
fn a_byte_programmed_after_the_start_is_seen_when_a_value_is_read_back() {
    for writes in [3, 250, 600, 1000] {
        let flash = used(writes);
        let free = free(&flash);
        for at in (free.start..(free.start + 90).min(free.end - 4)).step_by(4) {
            let mut store =
                open(MemFlash::holding(flash.bytes().to_vec()).on_rewrite(Rewrite::And));
            assert_eq!(opened(&mut store).1, Opened::Ready);
            let mut flash = store.into_inner();
            block_on(flash.write(u32::try_from(at).unwrap(), &[0; 4])).unwrap();
            let mut store = open(flash);
            let mut settings = block_on(Settings::attach(store.settings_region(), OWNER)).unwrap();
            block_on(settings.set(Key::DNS, &[0xa5; 70])).unwrap();
            block_on(settings.set(Key::WIFI_MODE, b"3")).unwrap();
            block_on(settings.remove(Key::LAST_KNOWN_TIME)).unwrap();
            let (mut settings, was) = opened(&mut store);
            assert_eq!(was, Opened::Ready);
            let place = format!("{writes} writes, {at:#x}");
            assert_eq!(
                get(&mut settings, Key::DNS),
                Some(vec![0xa5; 70]),
                "{place}"
            );
            assert_eq!(
                get(&mut settings, Key::WIFI_MODE),
                Some(b"3".to_vec()),
                "{place}"
            );
            assert_eq!(get(&mut settings, Key::LAST_KNOWN_TIME), None, "{place}");
            assert_eq!(
                get(&mut settings, Key::SNTP),
                Some(b"kept".to_vec()),
                "{place}"
            );
        }
    }
}

/// Sectors of the map in any order of states: `o` open, `p` in use, `c` full, each with a record of a key
/// of its own.
fn with_sectors(states: &str) -> MemFlash {
    let count = u32::try_from(states.len()).unwrap();
    let mut bytes = small(count + 1).bytes().to_vec();
    for (number, state) in states.chars().enumerate() {
        let page = &mut bytes[MAP + number * 0x1000..][..0x1000];
        page.fill(0xff);
        if state == 'o' {
            continue;
        }
        page[..4].fill(0);
        let key = Key::user(u8::try_from(number).unwrap()).unwrap();
        let record = record(&[key.number(), 1, b'x']);
        page[4..4 + record.len()].copy_from_slice(&record);
        if state == 'c' {
            page[0xffc..].fill(0);
        }
    }
    MemFlash::holding(bytes)
}

#[test]
fn sectors_in_any_order_of_states_can_be_written_to_after_a_start() {
    for code in 0..81_usize {
        let states: String = (0..4)
            .map(|place| ['o', 'p', 'c'][code / 3_usize.pow(place) % 3])
            .collect();
        let mut store = open(with_sectors(&states).on_rewrite(Rewrite::And));
        let _ = opened(&mut store);
        for number in 0..600_u32 {
            let mut settings = block_on(Settings::attach(store.settings_region(), OWNER)).unwrap();
            let stored = block_on(settings.set(Key::LAST_KNOWN_TIME, &number.to_le_bytes()));
            assert_eq!(stored, Ok(()), "{states}, change {number}");
        }
        let (mut settings, was) = opened(&mut store);
        assert_eq!(was, Opened::Ready, "{states}");
        let value = get(&mut settings, Key::LAST_KNOWN_TIME);
        assert_eq!(value, Some(599_u32.to_le_bytes().to_vec()), "{states}");
    }
}
