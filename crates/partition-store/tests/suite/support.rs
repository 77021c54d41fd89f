//! Flash in a known state, and what to do to it.

use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use embassy_futures::block_on;
use partition_store::esp_at::{FactoryParam, USER, format};
use partition_store::mock::{MemFlash, Rewrite};
use partition_store::table::Checksum;
use partition_store::{
    BuiltIn, CertStorage, Chip, FlashStore, Partition, PartitionKind, PartitionName,
    PartitionStore, write_table,
};

/// A blank flash with the layout of `chip`, as strict as can be.
pub(crate) fn formatted(chip: Chip) -> MemFlash {
    static MADE: [OnceLock<MemFlash>; 2] = [OnceLock::new(), OnceLock::new()];
    let index = usize::from(chip == Chip::Esp32C3);
    let make = || {
        let mut flash = MemFlash::new(1024);
        let layout = chip.layout(CertStorage::Partitions);
        block_on(format(&mut flash, layout, FactoryParam::LeaveErased)).unwrap();
        flash.reset_counts();
        flash
    };
    MADE[index].get_or_init(make).clone()
}

/// The layout of ESP32 without programs and file system: 256 KiB, for sweeps. `nvs` has this many
/// sectors, 14 as a rule.
pub(crate) fn compact_with(nvs_sectors: u32) -> MemFlash {
    let layout = BuiltIn::ESP32;
    let primary = [
        Partition::new(
            name("nvs"),
            PartitionKind::Data,
            2,
            0x1_2000,
            nvs_sectors * 0x1000,
        )
        .unwrap(),
        Partition::new(name("at_customize"), USER, 0, 0x2_0000, 0x2_0000).unwrap(),
    ];
    let secondary = layout
        .secondary
        .iter()
        .filter(|entry| *entry.name() != "fatfs");
    let mut bytes = vec![0xff; 0x4_0000];
    write_table(primary, Checksum::None, &mut bytes[0x8000..0x9000]).unwrap();
    write_table(
        secondary.copied(),
        Checksum::Md5,
        &mut bytes[0x2_0000..0x2_1000],
    )
    .unwrap();
    MemFlash::holding(bytes)
}

/// The small flash, as strict as can be.
pub(crate) fn compact() -> MemFlash {
    static MADE: OnceLock<MemFlash> = OnceLock::new();
    MADE.get_or_init(|| compact_with(14)).clone()
}

/// The same with words that may be written again, as on the chip.
pub(crate) fn chip_like() -> MemFlash {
    compact().on_rewrite(Rewrite::And)
}

/// With a checksum, or without.
pub(crate) fn checksum(wanted: bool) -> Checksum {
    if wanted {
        Checksum::Md5
    } else {
        Checksum::None
    }
}

pub(crate) fn open(flash: MemFlash) -> FlashStore<MemFlash> {
    block_on(FlashStore::open(flash)).unwrap()
}

pub(crate) fn named(store: &impl PartitionStore, name: &str) -> Partition {
    let mut all = store.partitions().iter();
    *all.find(|partition| *partition.name() == name).unwrap()
}

pub(crate) fn name(text: &str) -> PartitionName {
    PartitionName::new(text).unwrap()
}

/// The bytes of a partition as they lie in flash.
pub(crate) fn slice_of<'a>(flash: &'a MemFlash, partition: &Partition) -> &'a [u8] {
    let from = usize::try_from(partition.offset()).unwrap();
    let to = usize::try_from(partition.end()).unwrap();
    &flash.bytes()[from..to]
}

/// What of `after` is not in `partition` is as in `before`.
pub(crate) fn only_changed(before: &MemFlash, after: &MemFlash, partition: &Partition) -> bool {
    let from = usize::try_from(partition.offset()).unwrap();
    let to = usize::try_from(partition.end()).unwrap();
    let (old, new) = (before.bytes(), after.bytes());
    old[..from] == new[..from] && old[to..] == new[to..]
}

/// Bytes that no two places share a pattern in.
pub(crate) fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// Polls `future` at most `polls` times, then drops it; `None` if it was not done by then.
pub(crate) fn dropped_after<F: Future>(future: F, polls: u32) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
    }
    None
}
