//! A write in pieces, cut in every way a host or a cable can cut it.

use embassy_futures::block_on;
use partition_store::mock::{MemFlash, MemFlashError};
use partition_store::{
    AccessError, Chip, FlashStore, PartitionKind, PartitionStore, StoreError, StreamWrite,
    WriteReport,
};

use crate::support::{
    chip_like, compact, dropped_after, formatted, named, noise, only_changed, open, slice_of,
};

const WHOLE: WriteReport = WriteReport { differs_at: None };

fn begin(store: &mut FlashStore<MemFlash>, offset: u32, length: usize) -> StreamWrite {
    let length = u32::try_from(length).unwrap();
    StreamWrite::begin(store, "client_ca", offset, length).unwrap()
}

fn holds(flash: &MemFlash, place: &partition_store::Partition, offset: usize, data: &[u8]) -> bool {
    let found = slice_of(flash, place);
    let (before, rest) = found.split_at(offset);
    let (written, after) = rest.split_at(data.len());
    written == data && before.iter().chain(after).all(|byte| *byte == 0xff)
}

#[test]
fn where_the_stream_is_split_makes_no_difference_to_flash() {
    let data = noise(300, 20);
    for offset in [0, 2, 125] {
        let mut costs = Vec::new();
        for split in 0..=data.len() {
            // The strictest mock: no word is written twice, wherever the pieces meet.
            let mut store = open(compact());
            let place = named(&store, "client_ca");
            let mut write = begin(&mut store, offset, data.len());
            let (first, second) = data.split_at(split);
            assert_eq!(block_on(write.push(&mut store, first)), Ok(first.len()));
            assert_eq!(usize::try_from(write.remaining()).unwrap(), second.len());
            assert_eq!(block_on(write.push(&mut store, second)), Ok(second.len()));
            assert_eq!((write.remaining(), write.report()), (0, WHOLE));
            let flash = store.into_inner();
            assert!(
                holds(&flash, &place, usize::try_from(offset).unwrap(), &data),
                "{split}"
            );
            costs.push(flash.counts());
        }
        costs.dedup();
        assert_eq!(costs.len(), 1);
        assert_eq!(costs[0].writes, if offset == 125 { 4 } else { 3 });
    }
}

#[test]
fn pieces_of_any_one_size_make_the_same_bytes() {
    let data = noise(1000, 21);
    for size in (1..140).chain([255, 256, 999, 1000]) {
        let mut store = open(compact());
        let place = named(&store, "client_ca");
        let mut write = begin(&mut store, 1, data.len());
        for piece in data.chunks(size) {
            assert_eq!(block_on(write.push(&mut store, piece)), Ok(piece.len()));
        }
        assert_eq!(write.remaining(), 0);
        assert!(
            holds(&store.into_inner(), &place, 1, &data),
            "pieces of {size}"
        );
    }
}

#[test]
fn bytes_behind_the_last_one_are_left_to_the_next_command() {
    let mut store = open(compact());
    let place = named(&store, "client_ca");
    let mut write = begin(&mut store, 0, 5);
    assert_eq!(block_on(write.push(&mut store, b"helloAT\r\n")), Ok(5));
    assert_eq!(block_on(write.push(&mut store, b"AT\r\n")), Ok(0));
    assert!(holds(&store.into_inner(), &place, 0, b"hello"));
}

#[test]
fn a_whole_partition_fits_and_a_byte_more_does_not() {
    let mut store = open(compact());
    let place = named(&store, "client_ca");
    let data = noise(8192, 22);
    let mut write = begin(&mut store, 0, data.len());
    assert_eq!(block_on(write.push(&mut store, &data)), Ok(8192));
    for (offset, length) in [
        (0, 8193),
        (1, 8192),
        (8192, 1),
        (0, 0),
        (u32::MAX, 1),
        (0, u32::MAX),
    ] {
        let error = StreamWrite::begin(&mut store, "client_ca", offset, length).unwrap_err();
        assert_eq!(
            error,
            StoreError::Access(AccessError::BadRange {
                offset,
                length,
                size: 8192
            })
        );
    }
    let error = StreamWrite::begin(&mut store, "client", 0, 4).unwrap_err();
    assert_eq!(error, StoreError::NoSuchPartition);
    let mut full = open(formatted(Chip::Esp32));
    let error = StreamWrite::begin(&mut full, "fatfs", 0, 4).unwrap_err();
    assert_eq!(
        error,
        StoreError::NotUserPartition {
            kind: PartitionKind::Data
        }
    );
    assert!(holds(&store.into_inner(), &place, 0, &data));
}

#[test]
fn a_stream_over_old_bytes_reports_the_first_that_differs() {
    let mut store = open(chip_like());
    let mut write = begin(&mut store, 0, 400);
    assert_eq!(block_on(write.push(&mut store, &[0xff; 200])), Ok(200));
    assert_eq!(block_on(write.push(&mut store, &[0x0f; 200])), Ok(200));
    let mut again = begin(&mut store, 0, 400);
    assert_eq!(block_on(again.push(&mut store, &[0x33; 399])), Ok(399));
    assert_eq!(block_on(again.push(&mut store, &[0x33; 1])), Ok(1));
    assert_eq!(
        again.report(),
        WriteReport {
            differs_at: Some(200)
        }
    );
}

#[test]
fn a_stream_belongs_to_the_store_it_began_with() {
    let mut store = open(compact());
    let mut other = open(formatted(Chip::Esp32C3));
    let mut write = begin(&mut store, 0, 4);
    assert_eq!(
        block_on(write.push(&mut other, b"data")),
        Err(StoreError::NoSuchPartition)
    );
    assert_eq!(other.into_inner().counts().steps, 0);
}

#[test]
fn a_stream_that_stops_leaves_a_prefix() {
    let data = noise(300, 23);
    for taken in 0..data.len() {
        let mut store = open(compact());
        let place = named(&store, "client_ca");
        let mut write = begin(&mut store, 0, data.len());
        assert_eq!(block_on(write.push(&mut store, &data[..taken])), Ok(taken));
        // And then nothing: the port was closed.
        // Up to 127 bytes were still on their way.
        let whole_windows = taken - taken % 128;
        assert!(
            holds(&store.into_inner(), &place, 0, &data[..whole_windows]),
            "{taken}"
        );
    }
}

#[test]
fn a_power_cut_at_any_step_touches_no_other_partition() {
    let data = noise(260, 24);
    let mut whole = open(compact());
    let mut write = begin(&mut whole, 0, data.len());
    assert_eq!(block_on(write.push(&mut whole, &data)), Ok(260));
    let steps = whole.into_inner().counts().steps;
    assert_eq!(steps, 2 * 65);
    for cut in 0..steps {
        let mut store = open(compact().cut_after(cut));
        let place = named(&store, "client_ca");
        let mut write = begin(&mut store, 0, data.len());
        let error = data
            .chunks(50)
            .find_map(|piece| block_on(write.push(&mut store, piece)).err());
        assert_eq!(
            error,
            Some(StoreError::Access(AccessError::WriteFailed(
                MemFlashError::PowerLost
            ))),
            "{cut}"
        );
        let flash = store.into_inner();
        assert!(only_changed(&compact(), &flash, &place));
    }
}

#[test]
fn a_push_dropped_at_any_await_goes_on_where_it_was() {
    let data = noise(300, 25);
    for polls in 0.. {
        let flash = compact().yielding(true);
        let mut store = open(flash);
        let place = named(&store, "client_ca");
        let mut write = begin(&mut store, 2, data.len());
        let done = dropped_after(write.push(&mut store, &data), polls);
        let taken = data.len() - usize::try_from(write.remaining()).unwrap();
        assert_eq!(
            block_on(write.push(&mut store, &data[taken..])),
            Ok(data.len() - taken)
        );
        assert_eq!(write.report(), WHOLE);
        assert!(
            holds(&store.into_inner(), &place, 2, &data),
            "dropped after {polls}"
        );
        if done.is_some() {
            // Each of three windows is read, written and read again.
            assert_eq!(polls, 10);
            return;
        }
    }
}

#[test]
fn what_a_stream_carries_is_not_printed() {
    let mut store = open(compact());
    let mut write = begin(&mut store, 0, 20);
    assert_eq!(block_on(write.push(&mut store, b"PRIVATE KEY")), Ok(11));
    let printed = format!("{write:?}");
    assert!(
        printed.contains("remaining: 9") && !printed.contains("80"),
        "{printed}"
    );
    let _ = store.partitions();
}
