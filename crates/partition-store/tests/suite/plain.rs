//! A plain ESP-IDF flash: any table, any partition, keys of the user's own.

use embassy_futures::block_on;
use partition_store::mock::{MemFlash, MemFlashError, Rewrite};
use partition_store::settings::{Found, Key, Opened, Owner, Settings, SettingsError};
use partition_store::table::{Checksum, Md5State, ReadTableError, write_table};
use partition_store::{
    OpenError, Partition, PartitionKind, PartitionTable, Region, SECTOR, TableAddress, TableError,
};

use crate::support::{name, only_changed};

const LAMP: Owner = Owner {
    magic: *b"my-lamp!",
    version: 3,
};

fn entry(text: &str, kind: PartitionKind, subtype: u8, offset: u32, size: u32) -> Partition {
    Partition::new(name(text), kind, subtype, offset, size).unwrap()
}

/// The table of ESP-IDF's examples, with a partition for an application's own data.
fn entries() -> Vec<Partition> {
    vec![
        entry("nvs", PartitionKind::Data, 2, 0x9000, 0x6000),
        entry("phy_init", PartitionKind::Data, 1, 0xf000, 0x1000),
        entry("factory", PartitionKind::App, 0, 0x1_0000, 0x2_0000),
        entry("storage", PartitionKind::Custom(0x77), 9, 0x3_0000, 0x4000),
        entry("odd", PartitionKind::Data, 6, 0x3_4000, 0x0800),
    ]
}

fn flash_with(at: usize, entries: &[Partition]) -> MemFlash {
    let mut bytes = vec![0xff; 0x4_0000];
    let table = &mut bytes[at..at + 0x1000];
    write_table(entries.iter().copied(), Checksum::Md5, table).unwrap();
    MemFlash::holding(bytes).on_rewrite(Rewrite::And)
}

fn read(flash: &mut MemFlash, at: u32) -> Result<PartitionTable<8>, ReadTableError<MemFlashError>> {
    block_on(PartitionTable::read(flash, TableAddress::new(at)))
}

/// Two bytes each.
#[derive(Clone, Copy)]
enum Setting {
    Brightness,
    Colour(u8),
}

impl Key for Setting {
    const LEN: usize = 2;

    fn encode(&self, into: &mut [u8]) {
        into.copy_from_slice(&match self {
            Self::Brightness => [1, 0],
            Self::Colour(lamp) => [2, *lamp],
        });
    }
}

#[test]
fn a_table_is_read_wherever_it_lies_with_partitions_of_any_kind() {
    for at in [0x8000, 0x1_0000, 0x3_f000] {
        let mut flash = flash_with(usize::try_from(at).unwrap(), &entries());
        let table = read(&mut flash, at).unwrap();
        assert_eq!(table.entries(), entries());
        assert_eq!(table.md5(), Md5State::Valid);
        assert_eq!(table.find("storage"), Some(&entries()[3]));
        assert_eq!(table.find("Storage"), None);
        assert_eq!(flash.counts().steps, 0);
    }
    assert_eq!(TableAddress::ESP_IDF_DEFAULT, TableAddress::new(0x8000));
}

#[test]
fn a_table_that_is_not_in_order_is_refused() {
    let mut table = entries();
    let mut refused = |change: &dyn Fn(&mut Vec<Partition>)| {
        let before = table.clone();
        change(&mut table);
        let error = read(&mut flash_with(0x8000, &table), 0x8000).unwrap_err();
        table = before;
        error
    };
    let beyond = entry("end", PartitionKind::Data, 6, 0x3_f000, 0x2000);
    assert_eq!(
        refused(&|table| table.push(beyond)),
        ReadTableError::BeyondFlash {
            partition: beyond,
            flash_size: 0x4_0000
        }
    );
    let twice = entry("nvs", PartitionKind::Data, 6, 0x3_f000, 0x1000);
    assert_eq!(
        refused(&|table| table.push(twice)),
        ReadTableError::DuplicateName { name: name("nvs") }
    );
    let over = entry("over", PartitionKind::Data, 6, 0x3_3000, 0x1000);
    assert_eq!(
        refused(&|table| table.push(over)),
        ReadTableError::Overlap {
            first: entries()[3],
            second: over
        }
    );
    let more = |n: u32| {
        entry(
            &format!("p{n}"),
            PartitionKind::Data,
            6,
            0x3_8000 + n * 0x1000,
            0x1000,
        )
    };
    assert_eq!(
        refused(&|table| table.extend((0..4).map(more))),
        ReadTableError::TooManyPartitions { capacity: 8 }
    );
}

#[test]
fn a_flash_without_a_table_is_refused() {
    let mut blank = MemFlash::new(64);
    assert_eq!(
        read(&mut blank, 0x8000).unwrap_err(),
        ReadTableError::Table {
            at: 0x8000,
            error: TableError::Erased
        }
    );
    for at in [0x4_0000, 0x3_f001, u32::MAX] {
        assert_eq!(
            read(&mut blank, at).unwrap_err(),
            ReadTableError::NoRoomForTable {
                at,
                flash_size: 0x4_0000
            }
        );
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_partition_is_opened_only_inside_the_flash_and_in_whole_sectors() {
    let mut flash = flash_with(0x8000, &entries());
    for partition in entries() {
        let (offset, size) = (partition.offset(), partition.size());
        let opened = Region::open(&mut flash, &partition).map(|region| *region.partition());
        let odd = OpenError::NotAligned { offset, size };
        assert_eq!(
            opened,
            if size < SECTOR {
                Err(odd)
            } else {
                Ok(partition)
            }
        );
    }
    for (offset, size, expected) in [
        (
            0x4_0000,
            0,
            OpenError::NotAligned {
                offset: 0x4_0000,
                size: 0,
            },
        ),
        (
            0x1001,
            0x1000,
            OpenError::NotAligned {
                offset: 0x1001,
                size: 0x1000,
            },
        ),
        (
            0x1000,
            0x1001,
            OpenError::NotAligned {
                offset: 0x1000,
                size: 0x1001,
            },
        ),
        (
            0x3_f000,
            0x2000,
            OpenError::BeyondFlash {
                end: 0x4_1000,
                capacity: 0x4_0000,
            },
        ),
        (
            0xffff_f000,
            0xfff,
            OpenError::BeyondFlash {
                end: 0xffff_ffff,
                capacity: 0x4_0000,
            },
        ),
    ] {
        let partition = entry("x", PartitionKind::App, 0, offset, size);
        assert_eq!(Region::open(&mut flash, &partition).err(), Some(expected));
    }
    let last = entry("last", PartitionKind::App, 0, 0x3_f000, 0x1000);
    assert!(Region::open(&mut flash, &last).is_ok());
    assert_eq!(flash.counts().steps, 0);
}

#[test]
fn settings_of_own_keys_and_owner_live_in_any_partition() {
    let mut flash = flash_with(0x8000, &entries());
    let before = flash.clone();
    let storage = *read(&mut flash, 0x8000).unwrap().find("storage").unwrap();
    let region = Region::open(&mut flash, &storage).unwrap();
    let (mut settings, was) = block_on(Settings::open(region, LAMP)).unwrap();
    assert_eq!(was, Opened::Formatted(Found::Blank));
    block_on(settings.set(Setting::Brightness, b"80")).unwrap();
    for lamp in 0..20 {
        block_on(settings.set(Setting::Colour(lamp), &[lamp; 3])).unwrap();
    }
    let region = Region::open(&mut flash, &storage).unwrap();
    let (mut settings, was) = block_on(Settings::open(region, LAMP)).unwrap();
    assert_eq!(was, Opened::Ready);
    let mut buffer = [0; 8];
    for lamp in 0..20 {
        let value = block_on(settings.get(Setting::Colour(lamp), &mut buffer)).unwrap();
        assert_eq!(value, Some(&[lamp; 3][..]));
    }
    let value = block_on(settings.get(Setting::Brightness, &mut buffer)).unwrap();
    assert_eq!(value, Some(&b"80"[..]));
    assert!(only_changed(&before, &flash, &storage));
}

#[test]
fn settings_of_another_owner_or_version_are_not_taken_over() {
    let mut flash = flash_with(0x8000, &entries());
    let storage = entries()[3];
    let mut open = |owner| {
        let region = Region::open(&mut flash, &storage).unwrap();
        let refused = block_on(Settings::<_, u8>::attach(region, owner)).err();
        let region = Region::open(&mut flash, &storage).unwrap();
        let (mut settings, was) = block_on(Settings::open(region, owner)).unwrap();
        block_on(settings.set(1_u8, b"mine")).unwrap();
        assert_eq!(
            refused,
            (was != Opened::Ready).then_some(SettingsError::NotFormatted)
        );
        was
    };
    let version = |version| Owner { version, ..LAMP };
    let other = Owner {
        magic: *b"my-radio",
        ..LAMP
    };
    assert_eq!(open(LAMP), Opened::Formatted(Found::Blank));
    assert_eq!(open(LAMP), Opened::Ready);
    assert_eq!(open(version(4)), Opened::Formatted(Found::Version(3)));
    assert_eq!(open(other), Opened::Formatted(Found::Foreign));
    assert_eq!(open(other), Opened::Ready);
}

/// A program that no longer has a key keeps the record of one that has.
#[test]
fn records_under_unknown_keys_survive_when_sectors_move() {
    let mut flash = flash_with(0x8000, &entries());
    let storage = entries()[3];
    let region = Region::open(&mut flash, &storage).unwrap();
    let (mut settings, _) = block_on(Settings::open(region, LAMP)).unwrap();
    block_on(settings.set([7_u8, 7], b"of a later release")).unwrap();
    let region = Region::open(&mut flash, &storage).unwrap();
    let mut settings = block_on(Settings::attach(region, LAMP)).unwrap();
    for number in 0..2000_u32 {
        block_on(settings.set(Setting::Brightness, &number.to_le_bytes())).unwrap();
    }
    assert!(flash.counts().sectors_erased >= 4 + 4);
    let region = Region::open(&mut flash, &storage).unwrap();
    let (mut settings, was) = block_on(Settings::open(region, LAMP)).unwrap();
    assert_eq!(was, Opened::Ready);
    let mut buffer = [0; 32];
    let value = block_on(settings.get([7_u8, 7], &mut buffer)).unwrap();
    assert_eq!(value, Some(&b"of a later release"[..]));
}
