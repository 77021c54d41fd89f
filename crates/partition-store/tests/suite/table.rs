//! Tables at their edges: cut, changed and overfull.

use partition_store::esp_at::USER;
use partition_store::table::{Checksum, Md5State, TABLE_SIZE, TableWriteError};
use partition_store::{
    BuiltIn, Partition, PartitionKind, Table, TableError, TableWarning, write_table,
};
use proptest::prelude::*;

use crate::support::{checksum, name};

fn secondary() -> Vec<u8> {
    let mut out = vec![0; TABLE_SIZE];
    let entries = BuiltIn::ESP32.secondary;
    write_table(entries.iter().copied(), Checksum::Md5, &mut out).unwrap();
    out
}

fn user(text: &str, offset: u32, size: u32) -> Partition {
    Partition::new(name(text), USER, 7, offset, size).unwrap()
}

#[test]
fn a_table_cut_anywhere_before_its_end_is_refused() {
    let whole = secondary();
    // 15 entries, checksum, end marker.
    let needed = 17 * 32;
    for length in 0..=whole.len() {
        let result = Table::parse(&whole[..length]);
        match result {
            Ok(table) => {
                assert!(length >= needed, "{length}");
                assert_eq!(table.entries().count(), 15);
            }
            Err(TableError::NoEndMarker) => assert!(length < needed && length % 32 == 0),
            Err(TableError::LengthNotMultipleOf32 { size }) => {
                assert!(length < needed && length % 32 != 0);
                assert_eq!(size, length);
            }
            Err(other) => panic!("{length}: {other}"),
        }
    }
}

#[test]
fn every_flipped_bit_up_to_the_end_marker_is_noticed() {
    let whole = secondary();
    for index in 0..17 * 32 {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[index] ^= 1 << bit;
            assert!(Table::parse(&bytes).is_err(), "byte {index} bit {bit}");
        }
    }
    // What follows the end marker is nobody's.
    for index in 17 * 32..whole.len() {
        let mut bytes = whole.clone();
        bytes[index] = 0;
        assert!(Table::parse(&bytes).is_ok(), "byte {index}");
    }
}

#[test]
fn names_of_a_fault_are_stable_and_say_where() {
    let whole = secondary();
    let with = |at: usize, new: &[u8]| {
        let mut bytes = whole.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        let error = Table::parse(&bytes).unwrap_err();
        (error.code(), error)
    };
    let (code, error) = with(32 + 12, &[0]);
    assert_eq!(
        (code, error),
        ("bad_name", TableError::BadName { offset: 32 })
    );
    let (code, error) = with(64 + 4, &[0xff; 4]);
    let overflow = TableError::RangeOverflow {
        offset: 64,
        start: u32::MAX,
        size: 0x2000,
    };
    assert_eq!((code, error), ("range_overflow", overflow));
    let (code, error) = with(16 * 32, &whole[..32]);
    let after = TableError::EntryAfterMd5 { offset: 16 * 32 };
    assert_eq!((code, error), ("entry_after_md5", after));
    let (code, error) = with(0, &[0xff; 32]);
    assert_eq!((code, error), ("no_entries", TableError::NoEntries));
    assert_eq!(Table::parse(&[0xff; 32]).unwrap_err().code(), "erased");
    assert_eq!(Table::parse(&[]).unwrap_err().code(), "no_end_marker");
}

#[test]
fn a_table_holds_95_records_and_no_more() {
    let entries = |count: u32| (0..count).map(|n| user(&format!("p{n}"), n * 0x1000, 0x1000));
    let mut out = [0; TABLE_SIZE];
    for (count, md5, fits) in [
        (95, false, true),
        (96, false, false),
        (94, true, true),
        (95, true, false),
    ] {
        let result = write_table(entries(count), checksum(md5), &mut out);
        if fits {
            assert_eq!(result, Ok(TABLE_SIZE));
            let table = Table::parse(&out).unwrap();
            assert!(table.entries().eq(entries(count)));
            assert_eq!(table.md5() == Md5State::Valid, md5);
        } else {
            let capacity = if md5 { 94 } else { 95 };
            assert_eq!(result, Err(TableWriteError::TooManyEntries { capacity }));
        }
    }
}

#[test]
fn a_short_output_is_refused_with_the_size_it_takes() {
    let mut out = [0; TABLE_SIZE - 1];
    let error = write_table([user("a", 0, 0x1000)], Checksum::None, &mut out).unwrap_err();
    assert_eq!(
        error,
        TableWriteError::OutputTooSmall { needed: TABLE_SIZE }
    );
    assert_eq!(out, [0; TABLE_SIZE - 1]);
}

#[test]
fn each_oddity_is_reported_once_with_its_names() {
    let app = Partition::new(name("app"), PartitionKind::App, 0x10, 0x9000, 0x1000).unwrap();
    let entries = [
        user("same", 0x3000, 0x1000),
        user("same", 0x1000, 0x1000),
        user("same", 0x2000, 0x1000).with_flags(0b111),
        user("around", 0x1000, 0x3000),
        app,
    ];
    let mut out = [0; TABLE_SIZE];
    write_table(entries, Checksum::Md5, &mut out).unwrap();
    let table = Table::parse(&out).unwrap();
    let (same, around) = (name("same"), name("around"));
    let found: Vec<_> = table.warnings().collect();
    assert_eq!(
        found[0],
        TableWarning::UnknownFlags {
            name: same,
            flags: 7
        }
    );
    assert_eq!(found[1], TableWarning::DuplicateName { name: same });
    let overlaps: Vec<_> = found.iter().filter(|one| one.code() == "overlap").collect();
    assert_eq!(overlaps.len(), 3);
    assert!(overlaps.contains(&&TableWarning::Overlap {
        names: [around, same]
    }));
    assert_eq!(
        found[5..],
        [TableWarning::UnalignedOffset {
            name: name("app"),
            offset: 0x9000
        }]
    );
}

#[test]
fn neighbours_do_not_overlap() {
    let [low, high] = [user("low", 0x1000, 0x1000), user("high", 0x2000, 0x1000)];
    assert!(!low.overlaps(&high) && !high.overlaps(&low));
    assert!(low.overlaps(&low));
    assert!(Partition::new(name("end"), USER, 0, u32::MAX, 0).is_some());
    assert!(Partition::new(name("end"), USER, 0, u32::MAX, 1).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_a_table_or_a_named_error(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        match Table::parse(&bytes) {
            Ok(table) => prop_assert!(table.warnings().count() < usize::MAX),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn a_damaged_entry_never_changes_how_many_are_read(
        at in 0_usize..480,
        new in any::<u8>(),
    ) {
        let mut bytes = secondary();
        let changed = bytes[at] != new;
        bytes[at] = new;
        prop_assert_eq!(Table::parse(&bytes).is_err(), changed);
    }

    #[test]
    fn entries_survive_the_way_there_and_back(
        text in "[a-z_0-9]{1,16}",
        kind in any::<u8>(),
        subtype in any::<u8>(),
        offset in 0..0x8000_0000_u32,
        size in 0..0x8000_0000_u32,
        flags in any::<u32>(),
        md5 in any::<bool>(),
    ) {
        let entry = Partition::new(name(&text), PartitionKind::from_number(kind), subtype, offset, size);
        let entry = entry.unwrap().with_flags(flags);
        let mut out = [0; TABLE_SIZE];
        write_table([entry], checksum(md5), &mut out).unwrap();
        let table = Table::parse(&out).unwrap();
        prop_assert!(table.entries().eq([entry]));
    }
}
