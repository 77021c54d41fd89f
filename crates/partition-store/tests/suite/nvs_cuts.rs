//! NVS after a power cut at every step, after a future dropped at every await, and with every byte
//! of an image flipped or its end missing.

use std::collections::BTreeMap;

use embassy_futures::block_on;
use partition_store::mock::{MemFlash, MemFlashError, Rewrite, Torn};
use partition_store::nvs::ValueKind;
use partition_store::{FlashStore, Nvs, NvsError, PartitionStore};

use crate::nvs::{MFG, Seen, Store, blank, everything, get, holding, image, label, nvs, vector};
use crate::support::{dropped_after, noise};

type Result = std::result::Result<(), NvsError<MemFlashError>>;

const NS: &str = "client_ca";
const KEY: &str = "client_ca.0";

/// What is done to [`KEY`].
#[derive(Clone, Copy, Debug)]
enum Change {
    Number,
    Text(usize),
    Binary(usize),
    EraseKey,
    EraseNamespace,
    NewNamespace,
}

impl Change {
    async fn apply(self, nvs: &mut Nvs<'_, MemFlash>) -> Result {
        let (ns, key) = (label(NS), label(KEY));
        match self {
            Self::Number => nvs.set_number(ns, key, ValueKind::I32, -7).await,
            Self::Text(length) => nvs.set_text(ns, key, &vec![b't'; length]).await,
            Self::Binary(length) => nvs.set_binary(ns, key, &noise(length, 51)).await,
            Self::EraseKey => nvs.erase_key(ns, key).await,
            Self::EraseNamespace => nvs.erase_namespace(ns).await,
            Self::NewNamespace => nvs.set_binary(label("new"), key, &noise(40, 51)).await,
        }
    }

    /// What [`KEY`] is afterwards.
    fn value(self) -> Option<Seen> {
        match self {
            Self::Number => Some(Seen::Number(ValueKind::I32, -7)),
            Self::Text(length) => Some(Seen::Bytes(ValueKind::Text, vec![b't'; length])),
            Self::Binary(length) => Some(Seen::Bytes(ValueKind::Binary, noise(length, 51))),
            Self::EraseKey | Self::EraseNamespace => None,
            Self::NewNamespace => Some(old()),
        }
    }
}

fn old() -> Seen {
    Seen::Bytes(ValueKind::Binary, noise(200, 50))
}

type Values = BTreeMap<(String, String), Seen>;

/// A partition with values of every kind, then `filled` entries of what was replaced since: with
/// few blank ones left, the change makes a page be freed.
fn prepared(sectors: usize, filled: u32, others: usize) -> MemFlash {
    let mut store = blank(sectors);
    let mut nvs = nvs(&mut store);
    block_on(nvs.set_binary(label(NS), label(KEY), &noise(200, 50))).unwrap();
    let ns = label("others");
    block_on(nvs.set_number(ns, label("u8"), ValueKind::U8, 200)).unwrap();
    block_on(nvs.set_number(ns, label("i16"), ValueKind::I16, -300)).unwrap();
    block_on(nvs.set_text(ns, label("text"), b"a text that takes two entries")).unwrap();
    block_on(nvs.set_binary(ns, label("binary"), &noise(others, 3))).unwrap();
    for number in 0..filled {
        let number = i64::from(number);
        block_on(nvs.set_number(ns, label("counter"), ValueKind::U32, number)).unwrap();
    }
    let mut flash = store.into_inner();
    flash.reset_counts();
    flash
}

fn store(flash: MemFlash) -> Store {
    block_on(FlashStore::open(flash)).unwrap()
}

fn values(flash: MemFlash) -> Values {
    let mut store = store(flash);
    everything(&mut nvs(&mut store))
}

/// [`KEY`] is old or new, everything else as it was, the same to a second reader; and a further
/// change works.
fn check(before: &Values, mut after: MemFlash, change: Change, when: &str) {
    after.powered_again();
    let outside = after.bytes()[..MFG].to_vec();
    let mut store = store(after);
    let mut nvs = nvs(&mut store);
    let mut found = everything(&mut nvs);
    found.remove(&("new".into(), KEY.into()));
    let place = (NS.to_owned(), KEY.to_owned());
    let mine = found.remove(&place);
    assert!(
        mine == Some(old()) || mine == change.value(),
        "{when}: {mine:?}"
    );
    let mut others = before.clone();
    others.remove(&place);
    assert_eq!(found, others, "{when}");

    let now = noise(150, 77);
    block_on(nvs.set_binary(label(NS), label(KEY), &now)).unwrap();
    block_on(nvs.set_number(label("others"), label("u8"), ValueKind::U8, 1)).unwrap();
    assert_eq!(
        get(&mut nvs, NS, KEY),
        Ok(Seen::Bytes(ValueKind::Binary, now.clone()))
    );
    let flash = store.into_inner();
    assert!(flash.bytes()[..MFG] == outside, "{when}: outside changed");

    use esp_nvs::{Get, Key, Nvs, mem_flash::MemFlash};
    let bytes = flash.bytes()[MFG..].to_vec();
    let mut second = Nvs::new(0, bytes.len(), MemFlash::from_bytes(bytes)).unwrap();
    let (ns, key) = (Key::from_str(NS), Key::from_str(KEY));
    assert_eq!(
        Get::<Vec<u8>>::get(&mut second, &ns, &key).unwrap(),
        now,
        "{when}"
    );
}

/// Cuts `change` at every step, in every way; returns how many steps it has, and erased sectors.
fn sweep(start: &MemFlash, change: Change) -> (u32, u32) {
    let before = values(start.clone());
    let mut whole = store(start.clone());
    block_on(change.apply(&mut nvs(&mut whole))).unwrap();
    let counts = whole.into_inner().counts();
    for torn in Torn::ALL {
        for fuel in 0..counts.steps {
            let mut store = store(start.clone().torn(torn).cut_after(fuel));
            let result = block_on(change.apply(&mut nvs(&mut store)));
            assert!(result.is_err(), "{change:?} cut after {fuel}");
            let when = format!("{change:?} cut after {fuel}, torn {torn:?}");
            check(&before, store.into_inner(), change, &when);
        }
    }
    (counts.steps, counts.sectors_erased)
}

const CHANGES: [Change; 7] = [
    Change::Number,
    Change::Text(60),
    Change::Binary(100),
    Change::Binary(600),
    Change::EraseKey,
    Change::EraseNamespace,
    Change::NewNamespace,
];

#[test]
fn a_power_cut_leaves_the_old_value_or_the_new_one() {
    for change in CHANGES {
        let (steps, erased) = sweep(&prepared(3, 3, 900), change);
        assert!(steps > 1 && erased == 0, "{change:?}: {steps} steps");
    }
}

#[test]
fn a_power_cut_while_a_page_is_freed_loses_nothing() {
    // Two pages less a few entries are taken: what is replaced must go before anything comes.
    for change in CHANGES {
        let mut freed = 0;
        // 24 entries of values; the rest of 252 are numbers that count no more.
        for filled in [227, 228] {
            let (_, erased) = sweep(&prepared(3, filled, 200), change);
            freed += erased;
        }
        let writes = !matches!(change, Change::EraseKey | Change::EraseNamespace);
        assert_eq!(freed > 0, writes, "{change:?} freed {freed} pages");
    }
}

#[test]
fn a_value_over_several_pages_survives_every_cut() {
    let start = prepared(5, 60, 3000);
    let (steps, _) = sweep(&start, Change::Binary(4500));
    assert!(steps > 2000, "{steps} steps");
}

#[test]
fn a_cut_of_the_repair_is_repaired() {
    // Cut while a page is freed; then cut what start-up does about it, at every step.
    let start = prepared(3, 210, 200);
    let before = values(start.clone());
    let change = Change::Binary(600);
    let mut whole = store(start.clone());
    block_on(change.apply(&mut nvs(&mut whole))).unwrap();
    let steps = whole.into_inner().counts().steps;
    let mut repairs = 0;
    for torn in Torn::ALL {
        for fuel in (0..steps).step_by(7) {
            let mut first = store(start.clone().torn(torn).cut_after(fuel));
            block_on(change.apply(&mut nvs(&mut first))).unwrap_err();
            let mut left = first.into_inner();
            left.powered_again();
            left.reset_counts();
            let mut whole = store(left.clone());
            nvs(&mut whole);
            let repair = whole.into_inner().counts().steps;
            for fuel in (0..repair).step_by(if repair > 100 { 13 } else { 1 }) {
                let mut second = store(left.clone().cut_after(fuel));
                block_on(Nvs::open(second.mfg_region().unwrap())).unwrap_err();
                let when = format!("{torn:?}, {fuel} of {repair}");
                check(&before, second.into_inner(), change, &when);
                repairs += 1;
            }
        }
    }
    assert!(repairs > 100, "{repairs}");
}

#[test]
fn a_dropped_future_is_a_power_cut_between_operations() {
    let start = prepared(3, 210, 200).yielding(true);
    let before = values(prepared(3, 210, 200));
    for change in [Change::Binary(600), Change::EraseKey] {
        let mut polls = 0;
        loop {
            let mut store = store(start.clone());
            let region = store.mfg_region().unwrap();
            let done = dropped_after(
                async {
                    let mut nvs = Nvs::open(region).await?;
                    change.apply(&mut nvs).await
                },
                polls,
            );
            let flash = store.into_inner().yielding(false);
            if done.is_some() {
                break;
            }
            check(&before, flash, change, &format!("{change:?} after {polls}"));
            // Reads change nothing: most awaits need not be tried.
            polls += 3;
        }
        assert!(polls >= 30, "{polls}");
    }
}

/// Everything the crate does with a partition; nothing may panic, and all ends.
fn use_everything(bytes: &[u8]) -> std::result::Result<Values, NvsError<MemFlashError>> {
    let mut store = holding(bytes);
    let region = store.mfg_region().unwrap();
    let mut opened = block_on(Nvs::open(region))?;
    let found = everything(&mut opened);
    // Each may fail, for a full partition or an unknown page; it has to say so.
    let _ = block_on(opened.set_binary(label(NS), label(KEY), &noise(300, 8)));
    let _ = block_on(opened.set_number(label("x"), label("y"), ValueKind::U8, 1));
    let _ = block_on(opened.erase_namespace(label(NS)));
    Ok(found)
}

#[test]
fn every_flipped_byte_is_survived_and_no_wrong_byte_handed_out() {
    for name in [
        "updated_on_device",
        "client_ca_only",
        "version1_blob",
        "blob_two_chunks",
    ] {
        let bytes = vector(name);
        let good = use_everything(&bytes).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0xff).unwrap();
        for at in 0..=used + 40 {
            let masks: &[u8] = if used > 4096 {
                &[0x10]
            } else {
                &[0x01, 0x80, 0xff]
            };
            for mask in masks {
                let mut flipped = bytes.clone();
                flipped[at] ^= *mask;
                let found = use_everything(&flipped).unwrap();
                for (key, seen) in found {
                    let damaged = matches!(seen, Seen::Damaged(_));
                    assert!(
                        damaged || good.get(&key) == Some(&seen),
                        "{name}: {at:#x} ^ {mask:#x}: {key:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn any_end_of_an_image_may_be_missing() {
    let bytes = vector("blob_three_pages");
    for keep in (0..bytes.len()).step_by(97) {
        for fill in [0x00, 0xff] {
            let mut cut = bytes[..keep].to_vec();
            cut.resize(bytes.len(), fill);
            use_everything(&cut).unwrap();
        }
    }
}

#[test]
fn noise_with_good_checksums_is_survived() {
    // Entries whose checksum is right and whose fields are anything.
    let blank_page = {
        let mut store = blank(3);
        block_on(nvs(&mut store).set_number(label("n"), label("k"), ValueKind::U8, 1)).unwrap();
        image(store)
    };
    for seed in 0..400 {
        let mut bytes = blank_page.clone();
        for page in 0..2 {
            let base = page * 4096;
            if page == 1 {
                let (first, second) = bytes.split_at_mut(4096);
                second[..32].copy_from_slice(&first[..32]);
            }
            bytes[base + 32..base + 64].fill(0xaa);
            for entry in 0..126 {
                let dice = noise(32, seed * 1000 + u32::try_from(page * 126 + entry).unwrap());
                let mut item = dice.clone();
                item[0] = dice[0] % 3;
                item[1] =
                    [0x01, 0x11, 0x21, 0x41, 0x42, 0x48, 0x04, 0x99][usize::from(dice[1] % 8)];
                item[2] = if dice[2] < 128 { 1 } else { dice[2] % 130 };
                item[3] = dice[3] % 4;
                item[8..24].fill(0);
                item[8] = b'a' + dice[8] % 3;
                if item[1] == 0x48 {
                    item[28] = dice[28] % 40;
                    item[29] = dice[29] % 3;
                }
                let mut sum = 0xffff_ffff_u32 ^ 0xffff_ffff;
                for byte in item[..4].iter().chain(&item[8..]) {
                    sum ^= u32::from(*byte);
                    for _ in 0..8 {
                        sum = sum >> 1 ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 };
                    }
                }
                item[4..8].copy_from_slice(&(!sum).to_le_bytes());
                let place = base + 64 + entry * 32;
                bytes[place..place + 32].copy_from_slice(&item);
            }
        }
        use_everything(&bytes).unwrap();
    }
}

#[test]
fn an_erased_partition_is_empty_and_a_page_of_tomorrow_is_left_alone() {
    assert!(use_everything(&vector("erased")).unwrap().is_empty());
    // Version 0xFD, its checksum right.
    let mut page = vector("client_ca_only")[..4096].to_vec();
    page[8] = 0xfd;
    let mut sum = 0_u32;
    for byte in &page[4..28] {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = sum >> 1 ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    page[28..32].copy_from_slice(&(!sum).to_le_bytes());
    let mut bytes = vec![0xff; 4 * 4096];
    bytes[..4096].copy_from_slice(&page);
    let mut store = holding(&bytes);
    let mut opened = nvs(&mut store);
    assert!(everything(&mut opened).is_empty());
    for round in 0..30 {
        block_on(opened.set_binary(label("n"), label("k"), &noise(900, round))).unwrap();
    }
    assert!(image(store)[..4096] == page);
}

/// A flash that lets bits stay cleared, as the chip does, is no different.
#[test]
fn a_chip_that_ands_is_as_good() {
    let mut store = store(prepared(3, 200, 200).on_rewrite(Rewrite::And));
    let mut opened = nvs(&mut store);
    for round in 0..50 {
        block_on(opened.set_binary(label(NS), label(KEY), &noise(700, round))).unwrap();
    }
    assert_eq!(
        get(&mut opened, NS, KEY),
        Ok(Seen::Bytes(ValueKind::Binary, noise(700, 49)))
    );
}
