//! Settings after a power cut at every step, and after a future dropped at every await.

use embassy_futures::block_on;
use partition_store::mock::{MemFlash, MemFlashError, Torn};
use partition_store::settings::Opened;
use partition_store::{PartitionStore, Settings, SettingsError};

use crate::key::{Key, OWNER};
use crate::settings::{get, opened, small};
use crate::support::{compact, dropped_after, noise, only_changed, open};

const CHANGED: Key = Key::STATION;

/// What is done to a key.
#[derive(Clone, Copy, Debug)]
enum Change {
    Set(usize),
    Remove,
}

impl Change {
    fn value(self) -> Option<Vec<u8>> {
        match self {
            Self::Set(length) => Some(noise(length, 51)),
            Self::Remove => None,
        }
    }

    async fn apply(
        self,
        settings: &mut Settings<'_, MemFlash, Key>,
    ) -> Result<(), SettingsError<MemFlashError>> {
        match self.value() {
            Some(value) => settings.set(CHANGED, &value).await,
            None => settings.remove(CHANGED).await,
        }
    }
}

fn others() -> Vec<(Key, Vec<u8>)> {
    (0..5)
        .map(|n| {
            (
                Key::user(n).unwrap(),
                noise(usize::from(n) * 50, u32::from(n)),
            )
        })
        .collect()
}

/// A flash with values, where the sector in use has `filled` further records. In four sectors,
/// one more record now and then makes the map move everything to the other.
fn prepared(sectors: u32, filled: u32) -> MemFlash {
    let mut store = open(small(sectors));
    let mut settings = block_on(Settings::attach(store.settings_region(), OWNER)).unwrap();
    for (key, value) in others() {
        block_on(settings.set(key, &value)).unwrap();
    }
    block_on(settings.set(CHANGED, b"the old value")).unwrap();
    for number in 0..filled {
        let value = noise(100, number + 1000);
        block_on(settings.set(Key::LAST_KNOWN_TIME, &value)).unwrap();
    }
    let mut flash = store.into_inner();
    flash.reset_counts();
    flash
}

/// Old or new, and everything else as it was; then a further change works.
fn check(before: &MemFlash, after: MemFlash, new: Option<Vec<u8>>, when: &str) {
    let mut store = open(after);
    let nvs = *store.settings_region().partition();
    let (mut settings, was) = opened(&mut store);
    assert_eq!(was, Opened::Ready, "{when}");
    let found = get(&mut settings, CHANGED);
    assert!(
        found == Some(b"the old value".to_vec()) || found == new,
        "{when}: {found:?}"
    );
    for (key, value) in others() {
        assert_eq!(get(&mut settings, key), Some(value), "{when}: {key}");
    }
    block_on(settings.set(CHANGED, b"after it")).unwrap();
    assert_eq!(
        get(&mut settings, CHANGED),
        Some(b"after it".to_vec()),
        "{when}"
    );
    for (key, value) in others() {
        assert_eq!(get(&mut settings, key), Some(value), "{when}, later: {key}");
    }
    assert!(only_changed(before, &store.into_inner(), &nvs), "{when}");
}

fn sweep(before: &MemFlash, change: Change, torn: Torn) -> u32 {
    let mut whole = open(before.clone());
    let (mut settings, _) = opened(&mut whole);
    block_on(change.apply(&mut settings)).unwrap();
    let steps = whole.into_inner().counts().steps;
    for cut in 0..steps {
        let mut store = open(before.clone().torn(torn).cut_after(cut));
        let mut settings = block_on(Settings::attach(store.settings_region(), OWNER)).unwrap();
        let error = block_on(change.apply(&mut settings)).unwrap_err();
        assert_eq!(error, SettingsError::Flash(MemFlashError::PowerLost));
        let mut after = store.into_inner();
        after.powered_again();
        check(
            before,
            after,
            change.value(),
            &format!("{change:?}, {torn:?}, cut after {cut}"),
        );
    }
    steps
}

#[test]
fn a_power_cut_leaves_the_old_value_or_the_new_one() {
    let before = prepared(14, 0);
    for torn in Torn::ALL {
        // Two steps per word: header, then key, tag and value.
        assert_eq!(sweep(&before, Change::Set(2), torn), 2 * (2 + 1));
        assert_eq!(sweep(&before, Change::Set(254), torn), 2 * (2 + 64));
        assert_eq!(sweep(&before, Change::Remove, torn), 2 * (2 + 1));
    }
}

/// The flash after `key` was set, and how many sectors that erased.
fn after_setting(flash: &MemFlash, key: Key, value: &[u8]) -> (MemFlash, u32) {
    let mut store = open(flash.clone());
    let mut settings = block_on(Settings::attach(store.settings_region(), OWNER)).unwrap();
    block_on(settings.set(key, value)).unwrap();
    let mut flash = store.into_inner();
    let erased = flash.counts().sectors_erased;
    flash.reset_counts();
    (flash, erased)
}

/// Just enough records that one more change moves those of the oldest sector to another.
fn before_the_move(sectors: u32) -> MemFlash {
    let mut flash = prepared(sectors, 0);
    for number in 0..1000 {
        if after_setting(&flash, CHANGED, &Change::Set(100).value().unwrap()).1 > 0 {
            return flash;
        }
        // Long records, for few of them are soon swept; short ones where a long one would move things.
        let long = after_setting(&flash, Key::LAST_KNOWN_TIME, &noise(240, number));
        let short = || after_setting(&flash, Key::LAST_KNOWN_TIME, &noise(20, number));
        flash = if long.1 == 0 { long.0 } else { short().0 };
    }
    panic!("no record moved");
}

#[test]
fn a_power_cut_while_records_move_to_another_sector_loses_none() {
    let change = Change::Set(100);
    for sectors in [4, 5] {
        let before = before_the_move(sectors);
        for torn in Torn::ALL {
            let steps = sweep(&before, change, torn);
            // All that moved was swept too, not just the new record.
            assert!(steps > 2 * 100, "{steps}");
        }
    }
}

#[test]
fn a_future_dropped_at_any_await_is_like_a_power_cut() {
    for before in [prepared(14, 0), before_the_move(4)] {
        for change in [Change::Set(100), Change::Remove] {
            for polls in 0.. {
                let mut store = open(before.clone().yielding(true));
                let mut settings =
                    block_on(Settings::attach(store.settings_region(), OWNER)).unwrap();
                let done = dropped_after(change.apply(&mut settings), polls);
                let after = store.into_inner().yielding(false);
                check(
                    &before,
                    after,
                    change.value(),
                    &format!("{change:?}, dropped after {polls}"),
                );
                if done.is_some() {
                    assert!(polls > 10);
                    break;
                }
            }
        }
    }
}

#[test]
fn a_cut_restore_leaves_all_settings_or_none() {
    let before = prepared(4, 3);
    let steps = {
        let mut store = open(before.clone());
        let (mut settings, _) = opened(&mut store);
        block_on(settings.erase_all()).unwrap();
        store.into_inner().counts().steps
    };
    // Four sectors and a header of four words.
    assert_eq!(steps, 2 * (4 + 4));
    for torn in Torn::ALL {
        for cut in 0..steps {
            let mut store = open(before.clone().torn(torn).cut_after(cut));
            let mut settings =
                block_on(Settings::<_, Key>::attach(store.settings_region(), OWNER)).unwrap();
            block_on(settings.erase_all()).unwrap_err();
            let mut after = store.into_inner();
            after.powered_again();
            let mut store = open(after);
            let (mut settings, was) = opened(&mut store);
            let all = others()
                .into_iter()
                .all(|(key, value)| get(&mut settings, key) == Some(value));
            let none = others()
                .into_iter()
                .all(|(key, _)| get(&mut settings, key).is_none());
            // Cut at the last bits of the header, the format is as good as done.
            let done = was == Opened::Ready && cut + 1 == steps;
            let expected = if was == Opened::Ready && !done {
                all
            } else {
                none
            };
            assert!(expected, "{torn:?}, cut after {cut}: {was:?}");
        }
    }
}

#[test]
fn a_first_format_that_was_cut_is_done_again() {
    let mut whole = open(compact());
    opened(&mut whole);
    let steps = whole.into_inner().counts().steps;
    assert_eq!(steps, 2 * (14 + 4));
    for torn in Torn::ALL {
        for cut in 0..steps {
            let mut bytes = compact().bytes().to_vec();
            bytes[0x1_2000..0x2_0000].copy_from_slice(&noise(0xe000, cut));
            let flash = MemFlash::holding(bytes).torn(torn).cut_after(cut);
            let mut store = open(flash);
            block_on(Settings::<_, Key>::open(store.settings_region(), OWNER)).unwrap_err();
            let mut after = store.into_inner();
            after.powered_again();
            let mut store = open(after);
            let (mut settings, _) = opened(&mut store);
            assert_eq!(get(&mut settings, CHANGED), None);
            block_on(settings.set(CHANGED, b"works")).unwrap();
            let (mut settings, was) = opened(&mut store);
            assert_eq!(was, Opened::Ready, "cut after {cut}");
            assert_eq!(get(&mut settings, CHANGED), Some(b"works".to_vec()));
        }
    }
}

#[test]
fn a_repair_that_is_cut_itself_is_done_again() {
    let before = before_the_move(4);
    let change = Change::Set(100);
    let value = change.value().unwrap();
    let steps = {
        let mut store = open(before.clone());
        let mut settings = block_on(Settings::attach(store.settings_region(), OWNER)).unwrap();
        block_on(settings.set(CHANGED, &value)).unwrap();
        store.into_inner().counts().steps
    };
    for torn in Torn::ALL {
        let interrupted = |cut| {
            let mut store = open(before.clone().torn(torn).cut_after(cut));
            let mut settings = block_on(Settings::attach(store.settings_region(), OWNER)).unwrap();
            block_on(settings.set(CHANGED, &value)).unwrap_err();
            let mut after = store.into_inner();
            after.powered_again();
            after.reset_counts();
            after
        };
        let needs_repair = |flash: &MemFlash| {
            let mut store = open(flash.clone());
            opened(&mut store);
            store.into_inner().counts().sectors_erased > 0
        };
        // The old sector's erase comes before the new record: header, then key, tag and value.
        let steps = steps - 2 * (2 + 26);
        let flash = interrupted(steps - 1);
        assert!(needs_repair(&flash));
        for cut in 0..8 {
            let mut store = open(flash.clone().torn(torn).cut_after(cut));
            let done = block_on(Settings::<_, Key>::open(store.settings_region(), OWNER)).is_ok();
            let mut again = store.into_inner();
            again.powered_again();
            check(
                &before,
                again,
                Some(value.clone()),
                &format!("{torn:?}, repair cut after {cut}"),
            );
            if done {
                assert!(cut > 0);
                break;
            }
            assert!(cut < 7, "the repair never ended");
        }
    }
}
