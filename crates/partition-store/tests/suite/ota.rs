//! Which slot starts: by the flash of a new module, after a change, after a power cut at every step of one.

use embassy_futures::block_on;
use partition_store::mock::{MemFlash, Torn};
use partition_store::ota::State;
use partition_store::{
    BuiltIn, Ota, Partition, PartitionKind, PartitionName, SelectError, Slot, Slots,
};

use crate::support::dropped_after;

const DATA: u32 = 0;
const SECTOR: usize = 0x1000;
/// Of a selection: a sector, and the eight words behind it, two steps each.
const COST: u32 = 2 + 8 * 2;

/// OTA data and two slots of a sector.
fn slots() -> Slots {
    let at = |text, kind, subtype, offset, size| {
        Partition::new(
            PartitionName::new(text).unwrap(),
            kind,
            subtype,
            offset,
            size,
        )
        .unwrap()
    };
    let table = [
        at("otadata", PartitionKind::Data, 0, DATA, 0x2000),
        at("ota_0", PartitionKind::App, 0x10, 0x2000, 0x1000),
        at("ota_1", PartitionKind::App, 0x11, 0x3000, 0x1000),
    ];
    Slots::find(&table).unwrap()
}

fn flash(entries: [Option<[u8; 32]>; 2]) -> MemFlash {
    let mut bytes = vec![0xff; 4 * SECTOR];
    for (number, entry) in entries.into_iter().enumerate() {
        if let Some(entry) = entry {
            bytes[number * SECTOR..][..32].copy_from_slice(&entry);
        }
    }
    MemFlash::holding(bytes)
}

/// CRC-32 bit by bit, as ESP-IDF's `otatool.py` starts it.
fn crc(bytes: [u8; 4]) -> u32 {
    !bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum: u32, _| {
            (sum >> 1) ^ (if sum & 1 == 1 { 0xedb8_8320 } else { 0 })
        })
    })
}

fn entry(number: u32, state: u32) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes[24..28].copy_from_slice(&state.to_le_bytes());
    bytes[28..].copy_from_slice(&crc(number.to_le_bytes()).to_le_bytes());
    bytes
}

fn ota(flash: &mut MemFlash) -> Ota<'_, MemFlash> {
    Ota::open(flash, slots()).unwrap()
}

fn selected(flash: &mut MemFlash) -> (Slot, Option<State>) {
    block_on(ota(flash).selected()).unwrap()
}

/// Every pair of entries that matters: none, damaged, lower and higher numbers, states that do not count.
fn every() -> Vec<MemFlash> {
    let mut damaged = entry(9, u32::MAX);
    damaged[28] ^= 1;
    let kinds = [
        None,
        Some(damaged),
        Some(entry(1, u32::MAX)),
        Some(entry(2, 2)),
        Some(entry(5, 0)),
        Some(entry(6, 1)),
        Some(entry(7, 3)),
        Some(entry(8, 4)),
    ];
    let pairs = kinds.iter().flat_map(|a| kinds.iter().map(|b| [*a, *b]));
    pairs.map(flash).collect()
}

#[test]
fn the_tables_of_esp_at_have_two_slots_and_a_new_flash_starts_the_first() {
    for layout in [&BuiltIn::ESP32, &BuiltIn::ESP32_C3] {
        let slots = Slots::find(layout.primary).unwrap();
        for slot in Slot::ALL {
            let partition = slots.partition(slot);
            assert_eq!(Some(partition), layout.find(&slot.to_string()));
            assert_eq!(slots.at(partition.offset() + 5), Some(slot));
            assert_ne!(slots.at(partition.end()), Some(slot));
        }
        assert_eq!(slots.data(), layout.find("otadata").unwrap());
    }
    assert_eq!(selected(&mut flash([None, None])), (Slot::Ota0, None));
}

#[test]
fn tables_that_the_bootloader_reads_otherwise_have_no_slots() {
    let table: Vec<Partition> = BuiltIn::ESP32_C3.primary.to_vec();
    let named = |name: &str| table.iter().position(|it| *it.name() == *name).unwrap();
    let more = |text, subtype| {
        let name = PartitionName::new(text).unwrap();
        Partition::new(name, PartitionKind::App, subtype, 0x3f_0000, 0x1000).unwrap()
    };
    for (what, extra) in [
        ("a program that no update replaces", more("factory", 0)),
        ("three slots", more("ota_2", 0x12)),
        ("a slot twice", more("again", 0x10)),
    ] {
        let mut changed = table.clone();
        changed.push(extra);
        assert_eq!(Slots::find(&changed), None, "{what}");
    }
    for name in ["otadata", "ota_0", "ota_1"] {
        let mut changed = table.clone();
        changed.remove(named(name));
        assert_eq!(Slots::find(&changed), None, "without {name}");
    }
    let mut changed = table.clone();
    let data = &mut changed[named("otadata")];
    *data = Partition::new(*data.name(), PartitionKind::Data, 0, data.offset(), 0x1000).unwrap();
    assert_eq!(Slots::find(&changed), None, "one sector of OTA data");
}

/// Numbers and checksums as `otatool.py switch_ota_partition` writes them.
#[test]
fn a_selection_is_written_as_espressifs_tools_write_it() {
    let mut flash = flash([None, None]);
    let begins = |flash: &MemFlash, at: usize, hex: &str| {
        assert_eq!(hex::encode(&flash.bytes()[at..][..32]), hex);
    };
    let label = "ff".repeat(20);
    block_on(ota(&mut flash).select(Slot::Ota1)).unwrap();
    begins(&flash, 0, &format!("02000000{label}ffffffff7437f655"));
    block_on(ota(&mut flash).select(Slot::Ota0)).unwrap();
    begins(&flash, SECTOR, &format!("03000000{label}ffffffff11504aed"));
    assert_eq!(selected(&mut flash), (Slot::Ota0, Some(State::Undefined)));
}

#[test]
fn what_is_selected_already_costs_nothing_and_a_change_a_sector() {
    for before in every() {
        for slot in Slot::ALL {
            let mut flash = before.clone();
            let changes = selected(&mut flash).0 != slot;
            flash.reset_counts();
            block_on(ota(&mut flash).select(slot)).unwrap();
            let counts = flash.counts();
            let expected = if changes { (1, COST) } else { (0, 0) };
            assert!(counts.steps <= expected.1, "{counts:?}");
            assert_eq!(counts.sectors_erased, expected.0);
            assert_eq!(selected(&mut flash).0, slot);
        }
    }
}

#[test]
fn a_power_cut_leaves_the_slot_of_before_or_the_new_one() {
    for before in every() {
        for slot in Slot::ALL {
            let old = selected(&mut before.clone()).0;
            for torn in Torn::ALL {
                for steps in 0..COST {
                    let mut flash = before.clone().torn(torn).cut_after(steps);
                    let done = block_on(ota(&mut flash).select(slot)).is_ok();
                    flash.powered_again();
                    let found = selected(&mut flash).0;
                    assert!(found == slot || (!done && found == old), "{steps} {torn:?}");
                    // And then it is not stuck.
                    block_on(ota(&mut flash).select(slot)).unwrap();
                    assert_eq!(selected(&mut flash).0, slot);
                }
            }
        }
    }
}

#[test]
fn a_dropped_selection_leaves_the_slot_of_before_or_the_new_one() {
    for before in every() {
        for polls in 0..12 {
            let mut flash = before.clone().yielding(true);
            let old = selected(&mut flash).0;
            let done = {
                let mut ota = ota(&mut flash);
                dropped_after(ota.select(old.other()), polls).is_some()
            };
            let found = selected(&mut flash).0;
            assert!(found == old.other() || (!done && found == old), "{polls}");
        }
    }
}

#[test]
fn a_program_is_confirmed_once_and_only_where_the_bootloader_waits() {
    for before in every() {
        let mut flash = before;
        let (slot, state) = selected(&mut flash);
        let waits = state == Some(State::PendingVerify);
        assert_eq!(block_on(ota(&mut flash).confirm()), Ok(waits));
        let after = if waits { Some(State::Valid) } else { state };
        assert_eq!(selected(&mut flash), (slot, after));
        assert_eq!(block_on(ota(&mut flash).confirm()), Ok(false));
    }
}

#[test]
fn a_power_cut_while_confirming_leaves_one_of_both_slots_selected() {
    let first = entry(5, 2);
    let before = flash([Some(first), Some(entry(6, 1))]);
    for torn in Torn::ALL {
        for steps in 0..COST {
            let mut flash = before.clone().torn(torn).cut_after(steps);
            let _ = block_on(ota(&mut flash).confirm());
            flash.powered_again();
            let found = selected(&mut flash);
            let expected = [
                (Slot::Ota0, Some(State::Valid)),
                (Slot::Ota1, Some(State::Valid)),
                (Slot::Ota1, Some(State::PendingVerify)),
            ];
            assert!(expected.contains(&found), "{steps} {torn:?}: {found:?}");
            assert_eq!(flash.bytes()[..32], first);
        }
    }
}

#[test]
fn the_largest_number_is_refused_and_not_wrapped() {
    let mut flash = flash([Some(entry(u32::MAX - 1, 2)), None]);
    let slot = selected(&mut flash).0;
    let refused = block_on(ota(&mut flash).select(slot.other()));
    assert_eq!(refused, Err(SelectError::NumbersUsedUp));
    assert_eq!(selected(&mut flash).0, slot);
}
