//! One partition: its edges, unaligned ranges, what erasing and writing do and cost.

use embassy_futures::block_on;
use embedded_storage_async::nor_flash::{NorFlash, ReadNorFlash};
use partition_store::mock::{Counts, MemFlashError, Rewrite, Torn};
use partition_store::{
    AccessError, Chip, PartitionKind, PartitionStore, RegionError, StoreError, WriteReport,
};

use crate::support::{
    chip_like, compact, dropped_after, formatted, named, noise, only_changed, open, slice_of,
};

const SIZE: u32 = 0x2000;
const WHOLE: WriteReport = WriteReport { differs_at: None };

/// Ranges that are in a partition of 8192 bytes.
const GOOD: [(u32, u32); 6] = [
    (0, 1),
    (0, SIZE),
    (SIZE - 1, 1),
    (1, SIZE - 1),
    (4095, 2),
    (4096, 4096),
];

/// Ranges that are not.
const BAD: [(u32, u32); 14] = [
    (0, 0),
    (SIZE - 1, 0),
    (SIZE, 0),
    (SIZE, 1),
    (0, SIZE + 1),
    (1, SIZE),
    (SIZE - 1, 2),
    (SIZE + 1, 1),
    (u32::MAX, 0),
    (u32::MAX, 1),
    (u32::MAX, u32::MAX),
    (0, u32::MAX),
    (1, u32::MAX),
    (u32::MAX - 1, 2),
];

fn usize_of(number: u32) -> usize {
    usize::try_from(number).unwrap()
}

#[test]
fn a_partition_is_found_by_name_and_only_a_user_partition_is_opened() {
    let mut store = open(formatted(Chip::Esp32));
    for partition in store.partitions().to_vec() {
        let result = store.user_region(partition.name().as_str());
        if *partition.name() == "fatfs" {
            let error = result.unwrap_err();
            assert_eq!(
                error,
                StoreError::NotUserPartition {
                    kind: PartitionKind::Data
                }
            );
            assert_eq!(error.extension(), 0);
        } else {
            assert_eq!(*result.unwrap().partition(), partition);
        }
    }
    for unknown in [
        "",
        "client_c",
        "client_ca2",
        "CLIENT_CA",
        "nvs",
        "at_customize",
        "ota_0",
    ] {
        let error = store.user_region(unknown).unwrap_err();
        assert_eq!(
            (error, error.extension()),
            (StoreError::NoSuchPartition, 0),
            "{unknown}"
        );
    }
    assert_eq!(*store.settings_region().partition().name(), "nvs");
}

#[test]
fn a_range_outside_the_partition_is_refused_and_touches_nothing() {
    let mut store = open(chip_like());
    let before = store.layout().clone();
    for (offset, length) in BAD {
        let mut region = store.user_region("client_ca").unwrap();
        let bad = AccessError::BadRange {
            offset,
            length,
            size: SIZE,
        };
        assert_eq!(StoreError::from(bad).extension(), 1);
        assert_eq!(region.check_range(offset, length), Err(bad));
        assert_eq!(block_on(region.erase_range(offset, length)), Err(bad));
        // A buffer of 4 GiB would prove no more than one a byte too long.
        if length <= SIZE + 1 {
            let mut bytes = vec![0x55; usize_of(length)];
            assert_eq!(block_on(region.write_at(offset, &bytes)), Err(bad));
            assert_eq!(block_on(region.read_at(offset, &mut bytes)), Err(bad));
            assert!(bytes.iter().all(|byte| *byte == 0x55));
        }
    }
    assert_eq!(before.partitions(), store.partitions());
    let flash = store.into_inner();
    assert_eq!(flash.counts().steps, 0);
    assert_eq!(flash.bytes(), chip_like().bytes());
}

#[test]
fn every_range_inside_is_written_and_read_back() {
    let data = noise(usize_of(SIZE), 1);
    for (offset, length) in GOOD {
        let mut store = open(chip_like());
        let part = &data[..usize_of(length)];
        let mut region = store.user_region("client_ca").unwrap();
        assert_eq!(block_on(region.write_at(offset, part)), Ok(WHOLE));
        let mut back = vec![0; part.len()];
        block_on(region.read_at(offset, &mut back)).unwrap();
        assert_eq!(back, part);

        let place = named(&store, "client_ca");
        let flash = store.into_inner();
        let mut expected = vec![0xff; usize_of(SIZE)];
        expected[usize_of(offset)..][..part.len()].copy_from_slice(part);
        assert_eq!(slice_of(&flash, &place), expected);
        assert!(only_changed(&chip_like(), &flash, &place));
    }
}

#[test]
fn any_alignment_and_length_is_written_without_a_trace_beside_it() {
    let data = noise(300, 2);
    for start in 0..9 {
        for length in (1..20).chain(120..140) {
            // Neighbours on both sides, so that padding would show.
            let mut store = open(chip_like());
            let mut region = store.user_region("ble_data").unwrap();
            let (before, after) = (noise(usize_of(start) + 1, 3), noise(16, 4));
            if start > 0 {
                let report = block_on(region.write_at(0, &before[..usize_of(start)]));
                assert_eq!(report, Ok(WHOLE));
            }
            let end = start + length;
            assert_eq!(block_on(region.write_at(end, &after)), Ok(WHOLE));
            let part = &data[..usize_of(length)];
            assert_eq!(block_on(region.write_at(start, part)), Ok(WHOLE));

            let mut back = vec![0; usize_of(end) + 16];
            block_on(region.read_at(0, &mut back)).unwrap();
            let expected = [&before[..usize_of(start)], part, &after].concat();
            assert_eq!(back, expected, "{length} from {start}");
        }
    }
}

#[test]
fn any_alignment_and_length_is_read() {
    let mut store = open(chip_like());
    let data = noise(64, 5);
    let mut region = store.user_region("ble_data").unwrap();
    assert_eq!(block_on(region.write_at(0, &data)), Ok(WHOLE));
    for start in 0..32_u32 {
        for length in 1..32 {
            let mut back = vec![0; length];
            block_on(region.read_at(start, &mut back)).unwrap();
            assert_eq!(
                back,
                data[usize_of(start)..][..length],
                "{length} from {start}"
            );
        }
    }
}

#[test]
fn a_write_over_old_bytes_leaves_old_and_new_and_says_so() {
    let mut store = open(chip_like());
    let mut region = store.user_region("client_ca").unwrap();
    let (old, new) = (noise(300, 6), noise(300, 7));
    assert_eq!(block_on(region.write_at(10, &old)), Ok(WHOLE));
    let report = block_on(region.write_at(10, &new)).unwrap();
    let both: Vec<u8> = old.iter().zip(&new).map(|(old, new)| old & new).collect();
    let first = both
        .iter()
        .zip(&new)
        .position(|(both, new)| both != new)
        .unwrap();
    assert_eq!(report.differs_at, Some(10 + u32::try_from(first).unwrap()));
    let mut back = vec![0; 300];
    block_on(region.read_at(10, &mut back)).unwrap();
    assert_eq!(back, both);
    // Clearing bits only is what was asked for, erased or not.
    assert_eq!(block_on(region.write_at(10, &[0; 300])), Ok(WHOLE));
}

#[test]
fn a_write_that_changes_nothing_programs_nothing() {
    let mut store = open(compact());
    let data = noise(300, 8);
    let mut region = store.user_region("client_ca").unwrap();
    assert_eq!(block_on(region.write_at(0, &data)), Ok(WHOLE));
    // The strict mock would refuse a second program.
    assert_eq!(block_on(region.write_at(0, &data)), Ok(WHOLE));
    assert_eq!(block_on(region.write_at(1000, &[0xff; 500])), Ok(WHOLE));
    assert_eq!(store.into_inner().counts().bytes_written, 300);
}

#[test]
fn erasing_takes_whole_sectors_of_one_partition() {
    let filled = || {
        let mut store = open(chip_like());
        let data = noise(usize_of(SIZE), 9);
        for name in ["client_key", "client_ca", "factory_param"] {
            let mut region = store.user_region(name).unwrap();
            let size = usize_of(region.size());
            assert_eq!(block_on(region.write_at(0, &data[..size])), Ok(WHOLE));
        }
        store.into_inner()
    };
    for (offset, length) in [(0, 4096), (4096, 4096), (0, 8192)] {
        let mut store = open(filled());
        let place = named(&store, "client_ca");
        block_on(
            store
                .user_region("client_ca")
                .unwrap()
                .erase_range(offset, length),
        )
        .unwrap();
        let flash = store.into_inner();
        assert!(only_changed(&filled(), &flash, &place));
        let mut expected = noise(usize_of(SIZE), 9);
        expected[usize_of(offset)..usize_of(offset + length)].fill(0xff);
        assert_eq!(slice_of(&flash, &place), expected);
    }
    let mut store = open(filled());
    let mut region = store.user_region("client_ca").unwrap();
    for (offset, length) in [
        (0, 1),
        (0, 4),
        (0, 4095),
        (0, 4097),
        (1, 4096),
        (4, 4096),
        (2048, 4096),
        (4095, 1),
    ] {
        let error = AccessError::NotAligned { offset, length };
        assert_eq!(block_on(region.erase_range(offset, length)), Err(error));
        assert_eq!(StoreError::from(error).extension(), 1);
    }
    assert_eq!(store.into_inner().bytes(), filled().bytes());
}

#[test]
fn erasing_all_and_writing_all_have_a_known_cost() {
    let mut store = open(compact());
    let mut region = store.user_region("client_ca").unwrap();
    block_on(region.erase_all()).unwrap();
    assert_eq!(block_on(region.write_at(0, &noise(8192, 10))), Ok(WHOLE));
    let mut flash = store.into_inner();
    let Counts {
        writes,
        bytes_written,
        sectors_erased,
        steps,
        ..
    } = flash.counts();
    // 64 windows of 128 bytes; two steps for each of 2 sectors and 2048 words.
    assert_eq!((writes, bytes_written, sectors_erased), (64, 8192, 2));
    assert_eq!(steps, 2 * (2 + 2048));

    flash.reset_counts();
    let mut store = open(flash);
    let mut back = [0; 8192];
    block_on(
        store
            .user_region("client_ca")
            .unwrap()
            .read_at(0, &mut back),
    )
    .unwrap();
    // Beside the tables: one call.
    assert_eq!(store.into_inner().counts().reads, 3 + 16 + 1);
}

#[test]
fn a_flash_failure_has_the_number_of_what_failed() {
    let lost = MemFlashError::PowerLost;
    let mut store = open(chip_like());
    let flash = {
        let mut region = store.user_region("client_ca").unwrap();
        assert_eq!(block_on(region.write_at(0, b"here")), Ok(WHOLE));
        store.into_inner()
    };
    // Power goes inside the erase, at the first word of the write, and before the read.
    let mut store = open(flash.clone().cut_after(1));
    let error = block_on(store.user_region("client_ca").unwrap().erase_all()).unwrap_err();
    assert_eq!(
        (error, StoreError::from(error).extension()),
        (AccessError::EraseFailed(lost), 2)
    );
    let error = block_on(store.user_region("client_ca").unwrap().read_at(0, &mut [0])).unwrap_err();
    assert_eq!(
        (error, StoreError::from(error).extension()),
        (AccessError::ReadFailed(lost), 3)
    );
    let mut store = open(flash.cut_after(1));
    let error = block_on(store.user_region("client_ca").unwrap().write_at(8, &[0])).unwrap_err();
    assert_eq!(
        (error, StoreError::from(error).extension()),
        (AccessError::WriteFailed(lost), 3)
    );
}

#[test]
fn a_cut_write_or_erase_changes_only_its_own_range() {
    let data = noise(200, 11);
    for torn in Torn::ALL {
        for cut in 0..2 * 51 {
            let mut store = open(chip_like().torn(torn).cut_after(cut));
            let place = named(&store, "mqtt_key");
            let result = block_on(store.user_region("mqtt_key").unwrap().write_at(7, &data));
            assert_eq!(
                result,
                Err(AccessError::WriteFailed(MemFlashError::PowerLost)),
                "{cut}"
            );
            let flash = store.into_inner();
            assert!(only_changed(&chip_like(), &flash, &place));
            let found = slice_of(&flash, &place);
            assert!(
                found[..7]
                    .iter()
                    .chain(&found[207..])
                    .all(|byte| *byte == 0xff)
            );
            let torn = found[7..207]
                .iter()
                .zip(&data)
                .all(|(found, new)| found & new == *new);
            assert!(
                torn,
                "cut after {cut}: a byte is neither old, new nor between"
            );
        }
        for cut in 0..4 {
            let flash = chip_like().torn(torn);
            let mut store = open(flash);
            let place = named(&store, "mqtt_key");
            let full = noise(8192, 12);
            assert_eq!(
                block_on(store.user_region("mqtt_key").unwrap().write_at(0, &full)),
                Ok(WHOLE)
            );
            let before = store.into_inner();
            let mut store = open(before.clone().cut_after(cut));
            block_on(store.user_region("mqtt_key").unwrap().erase_all()).unwrap_err();
            let flash = store.into_inner();
            assert!(only_changed(&before, &flash, &place));
            let found = slice_of(&flash, &place);
            assert!(
                found
                    .iter()
                    .zip(&full)
                    .all(|(found, old)| found == old || matches!(*found, 0 | 0xff))
            );
        }
    }
}

#[test]
fn a_write_dropped_at_any_await_changes_only_its_own_range() {
    let data = noise(300, 13);
    let mut polls = 1;
    loop {
        let mut store = open(chip_like());
        let place = named(&store, "client_key");
        let mut flash = store.into_inner().yielding(true);
        store = open(flash.clone());
        let mut region = store.user_region("client_key").unwrap();
        let done = dropped_after(region.write_at(3, &data), polls);
        flash = store.into_inner();
        assert!(only_changed(&chip_like(), &flash, &place));
        let found = slice_of(&flash, &place);
        assert!(
            found[3..303]
                .iter()
                .zip(&data)
                .all(|(found, new)| found & new == *new)
        );
        if let Some(result) = done {
            assert_eq!(result, Ok(WHOLE));
            break;
        }
        polls += 1;
    }
    // Three windows; each is read, written and read again.
    assert_eq!(polls, 3 * 3 + 1);
}

#[test]
fn as_a_flash_of_its_own_it_has_no_other_addresses() {
    let mut store = open(chip_like());
    let place = named(&store, "client_ca");
    let mut region = store.user_region("client_ca").unwrap();
    assert_eq!(region.capacity(), 8192);
    let outside = Err(RegionError::OutOfBounds);
    for (at, length) in [(SIZE, 4), (SIZE - 4, 8), (u32::MAX - 3, 4), (0, SIZE + 4)] {
        let mut bytes = vec![0; usize_of(length)];
        assert_eq!(block_on(NorFlash::write(&mut region, at, &bytes)), outside);
        assert_eq!(
            block_on(ReadNorFlash::read(&mut region, at, &mut bytes)),
            outside
        );
    }
    for (from, to) in [
        (0, SIZE + 4096),
        (SIZE, SIZE + 4096),
        (4096, 0),
        (0, u32::MAX),
    ] {
        assert_eq!(block_on(NorFlash::erase(&mut region, from, to)), outside);
    }
    block_on(NorFlash::write(&mut region, SIZE - 4, b"last")).unwrap();
    block_on(NorFlash::erase(&mut region, 0, 4096)).unwrap();
    let error = block_on(NorFlash::write(&mut region, 1, b"odd!")).unwrap_err();
    assert_eq!(error, RegionError::Flash(MemFlashError::NotAligned));
    let flash = store.into_inner();
    assert!(slice_of(&flash, &place).ends_with(b"last"));
    assert!(only_changed(&chip_like(), &flash, &place));
}

#[test]
fn the_mock_is_stricter_than_the_chip() {
    let write = |rewrite, first: &[u8; 4], second: &[u8; 4]| {
        let mut flash = compact().on_rewrite(rewrite);
        block_on(NorFlash::write(&mut flash, 0, first)).unwrap();
        let result = block_on(NorFlash::write(&mut flash, 0, second));
        (result, flash.bytes()[..4].to_vec())
    };
    let (old, fewer, other) = (&[0xf0; 4], &[0x30; 4], &[0x0f; 4]);
    let twice = Err(MemFlashError::WrittenTwice { at: 0 });
    assert_eq!(write(Rewrite::Refuse, old, fewer), (twice, old.to_vec()));
    assert_eq!(
        write(Rewrite::ClearBits, old, fewer),
        (Ok(()), fewer.to_vec())
    );
    let sets = Err(MemFlashError::SetsBits { at: 0 });
    assert_eq!(write(Rewrite::ClearBits, old, other), (sets, old.to_vec()));
    assert_eq!(write(Rewrite::And, old, other), (Ok(()), vec![0; 4]));
}
