//! Both tables together: blank flash, missing and damaged tables, partitions out of place.

use embassy_futures::block_on;
use embedded_storage_async::nor_flash::NorFlash;
use partition_store::esp_at::{
    FACTORY_PARAM_SIZE, FactoryParam, MAX_PARTITIONS, USER, Which, factory_param, format,
};
use partition_store::mock::{Counts, MemFlash, MemFlashError, Rewrite, Torn};
use partition_store::nvs::{Cursor, Label};
use partition_store::table::Md5State;
use partition_store::{
    BuiltIn, CertStorage, Chip, FlashStore, Layout, LayoutError, Nvs, Partition, PartitionKind,
    PartitionStore, TableError, write_table,
};

use crate::support::{checksum, compact, formatted, name};

const PRIMARY: usize = 0x8000;
const SECONDARY: usize = 0x2_0000;

fn load(flash: &MemFlash) -> Result<Layout, LayoutError<MemFlashError>> {
    block_on(Layout::load(&mut flash.clone()))
}

/// A formatted ESP32 flash, changed.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> MemFlash {
    let mut bytes = formatted(Chip::Esp32).bytes().to_vec();
    change(&mut bytes);
    MemFlash::holding(bytes)
}

fn with_table(at: usize, entries: &[Partition]) -> MemFlash {
    changed(|bytes| {
        write_table(
            entries.iter().copied(),
            checksum(at == SECONDARY),
            &mut bytes[at..at + 4096],
        )
        .unwrap();
    })
}

/// The secondary table with one entry in place of the one of its name, or one more.
fn with_secondary(entry: Partition) -> Result<Layout, LayoutError<MemFlashError>> {
    let mut entries = BuiltIn::ESP32.secondary.to_vec();
    match entries.iter_mut().find(|old| old.name() == entry.name()) {
        Some(old) => *old = entry,
        None => entries.push(entry),
    }
    load(&with_table(SECONDARY, &entries))
}

fn with_primary(
    change: impl FnOnce(&mut Vec<Partition>),
) -> Result<Layout, LayoutError<MemFlashError>> {
    let mut entries = BuiltIn::ESP32.primary.to_vec();
    change(&mut entries);
    load(&with_table(PRIMARY, &entries))
}

fn user(text: &str, offset: u32, size: u32) -> Partition {
    Partition::new(name(text), USER, 7, offset, size).unwrap()
}

#[test]
fn a_formatted_flash_has_the_layout_of_its_chip_and_nothing_else() {
    for chip in Chip::ALL {
        let flash = formatted(chip);
        let layout = load(&flash).unwrap();
        let built_in = chip.layout(CertStorage::Partitions);
        assert_eq!(layout.partitions(), built_in.secondary);
        assert_eq!(layout.partitions().len(), 15);
        assert_eq!(Some(layout.settings()), built_in.find("nvs"));
        assert_eq!(Some(layout.container()), built_in.find("at_customize"));
        assert_eq!(layout.md5(), Md5State::Valid);

        let container = usize::try_from(layout.container().offset()).unwrap();
        for (index, byte) in flash.bytes().iter().enumerate() {
            // Six entries; fifteen and a checksum.
            let in_table = (PRIMARY..PRIMARY + 6 * 32).contains(&index)
                || (container..container + 16 * 32).contains(&index);
            assert!(in_table || *byte == 0xff, "{chip}: {index:#x}");
        }
    }
}

#[test]
fn formatting_costs_one_erase_and_a_write_per_record() {
    let mut flash = MemFlash::new(1024);
    block_on(format(
        &mut flash,
        &BuiltIn::ESP32,
        FactoryParam::LeaveErased,
    ))
    .unwrap();
    let Counts {
        writes,
        bytes_written,
        sectors_erased,
        ..
    } = flash.counts();
    assert_eq!(
        (writes, bytes_written, sectors_erased),
        (6 + 16, 22 * 32, 1024)
    );
    flash.reset_counts();
    block_on(Layout::load(&mut flash)).unwrap();
    let Counts {
        reads,
        bytes_read,
        steps,
        ..
    } = flash.counts();
    // With both end markers.
    assert_eq!((reads, bytes_read, steps), (7 + 17, 24 * 32, 0));
}

#[test]
fn a_format_that_was_cut_leaves_no_layout_or_a_whole_one() {
    let mut whole = MemFlash::new(1024);
    block_on(format(&mut whole, &BuiltIn::ESP32_C3, FactoryParam::Write)).unwrap();
    let steps = whole.counts().steps;
    let wanted = load(&whole).unwrap();
    let erase = 2 * 1024;
    let used = MemFlash::holding(vec![0; 0x40_0000]);
    // The last six records are the primary table's, swept whole.
    let swept = |cut: &u32| cut + 6 * 16 >= steps || cut.is_multiple_of(11);
    for torn in [Torn::First, Torn::Zeroed] {
        for cut in (0..erase).step_by(97).chain((erase..steps).filter(swept)) {
            let mut flash = used.clone().torn(torn).cut_after(cut);
            let error =
                block_on(format(&mut flash, &BuiltIn::ESP32_C3, FactoryParam::Write)).unwrap_err();
            assert_eq!(error, LayoutError::Flash(MemFlashError::PowerLost));
            flash.powered_again();
            match load(&flash) {
                // The first record is whole but for what follows the end of its name.
                Ok(found) => {
                    assert_eq!(found.partitions(), wanted.partitions());
                    assert_eq!(found.settings(), wanted.settings());
                    let (record, end) = (PRIMARY + 20, PRIMARY + 32);
                    assert!(flash.bytes()[..record] == whole.bytes()[..record]);
                    assert!(flash.bytes()[end..] == whole.bytes()[end..]);
                }
                Err(LayoutError::Table {
                    which: Which::Primary,
                    ..
                }) => {}
                // The first record, half written.
                Err(
                    LayoutError::Unaligned { .. }
                    | LayoutError::Overlap { .. }
                    | LayoutError::BeyondFlash { .. },
                ) => {
                    assert!(cut + 2 * 8 >= steps, "cut after {cut}");
                }
                Err(other) => panic!("cut after {cut}: {other}"),
            }
        }
    }
}

#[test]
fn factory_parameters_say_what_a_usual_module_says() {
    let mut flash = MemFlash::new(1024);
    block_on(format(&mut flash, &BuiltIn::ESP32, FactoryParam::Write)).unwrap();
    let place = 0x3_0000;
    let found = &flash.bytes()[place..place + 4096];
    assert_eq!(found[..FACTORY_PARAM_SIZE], factory_param(Chip::Esp32));
    assert!(found[FACTORY_PARAM_SIZE..].iter().all(|byte| *byte == 0xff));
    assert_eq!(found[..8], [0xfc, 0xfc, 3, 0xff, 78, 1, 1, 13]);
    assert_eq!(found[8..16], *b"CN\0\0\x00\xc2\x01\x00");
    assert_eq!(found[16..24], [17, 16, 15, 14, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(
        found[24..56],
        *b"PLATFORM_ESP32\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    );
    assert!(found[56..].starts_with(b"WROOM-32\0"));
}

#[test]
fn a_flash_too_small_for_the_layout_is_not_touched() {
    let mut flash = MemFlash::new(512);
    let error = block_on(format(
        &mut flash,
        &BuiltIn::ESP32,
        FactoryParam::LeaveErased,
    ))
    .unwrap_err();
    assert_eq!(
        error,
        LayoutError::FlashTooSmall {
            needed: 0x40_0000,
            flash_size: 0x20_0000
        }
    );
    assert_eq!(flash.counts(), Counts::default());
}

#[test]
fn a_missing_table_is_named_with_what_was_found() {
    let erased = |which, at| LayoutError::Table {
        which,
        at,
        error: TableError::Erased,
    };
    let blank = MemFlash::new(1024);
    assert_eq!(load(&blank).unwrap_err(), erased(Which::Primary, 0x8000));
    let flash = changed(|bytes| bytes[SECONDARY..SECONDARY + 4096].fill(0xff));
    assert_eq!(
        load(&flash).unwrap_err(),
        erased(Which::Secondary, 0x2_0000)
    );
    let flash = changed(|bytes| bytes[SECONDARY..SECONDARY + 32].fill(0xff));
    let error = TableError::NoEntries;
    assert_eq!(
        load(&flash).unwrap_err(),
        LayoutError::Table {
            which: Which::Secondary,
            at: 0x2_0000,
            error
        }
    );
    for sectors in [1, 8] {
        let flash_size = sectors * 0x1000;
        let small = MemFlash::new(usize::try_from(sectors).unwrap());
        let error = LayoutError::NoRoomForTable {
            which: Which::Primary,
            at: 0x8000,
            flash_size,
        };
        assert_eq!(load(&small).unwrap_err(), error);
    }
}

#[test]
fn every_flipped_bit_of_the_secondary_table_is_noticed() {
    let flash = compact();
    for index in SECONDARY..SECONDARY + 16 * 32 {
        let mut bytes = flash.bytes().to_vec();
        bytes[index] ^= 1 << (index % 8);
        match load(&MemFlash::holding(bytes)) {
            // Checked entry by entry, so the checksum need not be what notices first.
            Err(LayoutError::Flash(_)) | Ok(_) => panic!("byte {index:#x}"),
            Err(_) => {}
        }
    }
}

#[test]
fn a_table_without_end_is_refused_at_its_sector() {
    let flash = changed(|bytes| {
        let (records, _) = bytes[PRIMARY..PRIMARY + 4096].as_chunks_mut::<32>();
        for (index, record) in records.iter_mut().enumerate() {
            let number = u32::try_from(index).unwrap();
            *record = user(&format!("p{number}"), 0x10_0000 + number * 0x1000, 0x1000).to_bytes();
        }
    });
    let error = LayoutError::TooManyPartitions {
        which: Which::Primary,
        capacity: MAX_PARTITIONS,
    };
    assert_eq!(load(&flash).unwrap_err(), error);
}

#[test]
fn the_capacity_for_partitions_can_be_used_to_the_last() {
    let many = |count: u32| {
        let entries: Vec<_> = (0..count)
            .map(|n| user(&format!("p{n}"), 0x2_1000 + n * 0x1000, 0x1000))
            .collect();
        load(&with_table(SECONDARY, &entries))
    };
    let most = u32::try_from(MAX_PARTITIONS).unwrap();
    assert_eq!(many(most).unwrap().partitions().len(), MAX_PARTITIONS);
    let error = LayoutError::TooManyPartitions {
        which: Which::Secondary,
        capacity: MAX_PARTITIONS,
    };
    assert_eq!(many(most + 1).unwrap_err(), error);
}

#[test]
fn a_secondary_partition_stays_inside_at_customize() {
    // 0x21000..0x100000 is free for partitions; 0x3D000..0x70000 is used by none.
    assert!(with_secondary(user("first", 0x3_d000, 0x1000)).is_ok());
    assert!(with_secondary(user("fatfs", 0xf_f000, 0x1000)).is_ok());
    for (offset, size) in [
        (0x2_0000, 0x1000),  // the table itself
        (0x1_f000, 0x1000),  // before the container
        (0xf_f000, 0x2000),  // over its end
        (0x10_0000, 0x1000), // behind it
        (0x8000, 0x1000),    // the primary table
        (0, 0x1000),         // the boot loader
        (0xffff_f000, 0),    // nowhere
    ] {
        let partition = user("fatfs", offset, size);
        match with_secondary(partition).unwrap_err() {
            LayoutError::OutsideContainer {
                partition: found, ..
            } => assert_eq!(found, partition),
            LayoutError::Unaligned { .. } => assert_eq!(size, 0),
            other => panic!("{offset:#x}: {other}"),
        }
    }
}

#[test]
fn what_would_let_one_partition_reach_another_is_refused() {
    let overlapping = user("more", 0x2_f000, 0x1000);
    assert!(matches!(
        with_secondary(overlapping).unwrap_err(),
        LayoutError::Overlap { first, second } if *first.name() == "client_ca" && second == overlapping
    ));
    for (offset, size) in [(0x3_d800, 0x1000), (0x3_d000, 0x800), (0x3_d000, 0)] {
        let partition = user("more", offset, size);
        assert_eq!(
            with_secondary(partition).unwrap_err(),
            LayoutError::Unaligned { partition }
        );
    }
    let mut entries = BuiltIn::ESP32.secondary.to_vec();
    entries.push(user("client_ca", 0x3_d000, 0x1000));
    let error = load(&with_table(SECONDARY, &entries)).unwrap_err();
    assert_eq!(
        error,
        LayoutError::DuplicateName {
            name: name("client_ca")
        }
    );
}

#[test]
fn a_primary_table_has_what_the_modem_needs_inside_the_flash() {
    let error = with_primary(|entries| entries.retain(|entry| *entry.name() != "nvs"));
    assert_eq!(
        error.unwrap_err(),
        LayoutError::MissingPartition { name: "nvs" }
    );
    let error = with_primary(|entries| entries.retain(|entry| *entry.name() != "at_customize"));
    assert_eq!(
        error.unwrap_err(),
        LayoutError::MissingPartition {
            name: "at_customize"
        }
    );

    let nvs = user("nvs", 0x1_2000, 0xe000);
    let error = with_primary(|entries| entries[2] = nvs);
    assert_eq!(
        error.unwrap_err(),
        LayoutError::UnexpectedKind { partition: nvs }
    );
    let data = Partition::new(
        name("at_customize"),
        PartitionKind::Data,
        0,
        0x2_0000,
        0xe_0000,
    )
    .unwrap();
    let error = with_primary(|entries| entries[3] = data);
    assert_eq!(
        error.unwrap_err(),
        LayoutError::UnexpectedKind { partition: data }
    );

    let ota_1 = Partition::new(
        name("ota_1"),
        PartitionKind::App,
        0x11,
        0x28_0000,
        0x18_1000,
    )
    .unwrap();
    let error = with_primary(|entries| entries[5] = ota_1);
    let beyond = LayoutError::BeyondFlash {
        partition: ota_1,
        flash_size: 0x40_0000,
    };
    assert_eq!(error.unwrap_err(), beyond);
}

#[test]
fn a_failing_flash_is_distinguished_from_a_bad_table() {
    let mut flash = formatted(Chip::Esp32).cut_after(0);
    block_on(flash.erase(0, 4096)).unwrap_err();
    let error = block_on(Layout::load(&mut flash)).unwrap_err();
    assert_eq!(error, LayoutError::Flash(MemFlashError::PowerLost));
}

#[test]
fn a_flash_of_the_later_generation_says_so_and_has_its_factory_parameters() {
    for chip in Chip::ALL {
        let mut flash = MemFlash::new(1024).on_rewrite(Rewrite::ClearBits);
        let built_in = chip.layout(CertStorage::MfgNvs);
        block_on(format(&mut flash, built_in, FactoryParam::Write)).unwrap();
        let mut store = block_on(FlashStore::open(flash)).unwrap();
        assert_eq!(store.layout().partitions(), built_in.secondary);
        assert_eq!(store.layout().cert_storage(), CertStorage::MfgNvs);
        let size = if chip == Chip::Esp32 {
            0x1_c000
        } else {
            0x1_f000
        };
        assert_eq!(store.layout().mfg().unwrap().size(), size);
        // As a whole it is for the host to read and replace; the file system is not.
        assert!(store.user_region("mfg_nvs").is_ok());
        assert!(store.user_region("fatfs").is_err());

        let mut nvs = block_on(Nvs::open(store.mfg_region().unwrap())).unwrap();
        let ns = Label::new("factory_param").unwrap();
        let mut cursor = Cursor::new();
        let mut keys = Vec::new();
        while let Some(listed) = block_on(nvs.next_key(ns, &mut cursor)).unwrap() {
            keys.push((listed.key.to_string(), listed.kind.number()));
        }
        let documented = [
            ("version", 2),
            ("module_name", 7),
            ("max_tx_power", 2),
            ("country_code", 7),
            ("start_channel", 1),
            ("channel_num", 1),
            ("uart_port", 2),
            ("uart_baudrate", 6),
            ("uart_tx_pin", 6),
            ("uart_rx_pin", 6),
            ("uart_cts_pin", 6),
            ("uart_rts_pin", 6),
            ("sys_store", 1),
        ];
        assert_eq!(keys, documented.map(|(key, kind)| (key.to_owned(), kind)));
        let name = block_on(nvs.find(ns, Label::new("module_name").unwrap())).unwrap();
        assert_eq!(name.length(), if chip == Chip::Esp32 { 8 } else { 6 });
    }
}

#[test]
fn a_flash_of_the_earlier_generation_has_no_values() {
    let mut store = block_on(FlashStore::open(formatted(Chip::Esp32))).unwrap();
    assert_eq!(store.layout().cert_storage(), CertStorage::Partitions);
    assert!(store.mfg_region().is_none());
    // A user partition of that name holds no NVS.
    let layout = with_secondary(user("mfg_nvs", 0x3_d000, 0x3000)).unwrap();
    assert_eq!(layout.cert_storage(), CertStorage::Partitions);
}
