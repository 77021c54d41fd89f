//! Replacing a certificate image: at no moment half of one passes for a whole one.

use embassy_futures::block_on;
use partition_store::mock::{Counts, MemFlash, MemFlashError, Torn};
use partition_store::{AccessError, FlashStore, PartitionStore};

use crate::support::{chip_like, dropped_after, named, noise, only_changed, open, slice_of};

/// An image with one item of `length` bytes.
fn image(length: u16, seed: u32) -> Vec<u8> {
    let padding = usize::from((4 - length % 4) % 4);
    let list = 4 + u32::from(length) + u32::try_from(padding).unwrap();
    let mut bytes = vec![0xf1, 0xf1, 1, 0];
    bytes.extend(list.to_le_bytes());
    bytes.extend([1, 0]);
    bytes.extend(length.to_le_bytes());
    bytes.extend(noise(usize::from(length), seed));
    bytes.extend(vec![0xff; padding]);
    bytes
}

/// What the firmware looks at before it takes a partition for an image.
fn passes_for_an_image(partition: &[u8]) -> bool {
    let list = u32::from_le_bytes(partition[4..8].try_into().unwrap());
    partition[..2] == [0xf1, 0xf1] && usize::try_from(list).unwrap() <= partition.len() - 8
}

fn replace(
    store: &mut FlashStore<MemFlash>,
    image: &[u8],
) -> Result<(), AccessError<MemFlashError>> {
    block_on(store.user_region("client_ca").unwrap().replace_image(image))
}

fn with_old_image() -> MemFlash {
    let mut store = open(chip_like());
    replace(&mut store, &image(6000, 30)).unwrap();
    let mut flash = store.into_inner();
    flash.reset_counts();
    flash
}

fn check(before: &MemFlash, after: &MemFlash, new: &[u8], when: &str) {
    let place = named(&open(after.clone().yielding(false)), "client_ca");
    assert!(only_changed(before, after, &place), "{when}");
    let (old, found) = (slice_of(before, &place), slice_of(after, &place));
    let is_old = found == old;
    let is_new = found.starts_with(new) && found[new.len()..].iter().all(|byte| *byte == 0xff);
    assert!(is_old || is_new || !passes_for_an_image(found), "{when}");
}

#[test]
fn an_image_replaces_a_longer_one_without_a_rest() {
    let mut store = open(with_old_image());
    let place = named(&store, "client_ca");
    let new = image(1131, 31);
    replace(&mut store, &new).unwrap();
    let flash = store.into_inner();
    let found = slice_of(&flash, &place);
    assert!(found.starts_with(&new) && found[new.len()..].iter().all(|byte| *byte == 0xff));
    let Counts {
        writes,
        bytes_written,
        sectors_erased,
        ..
    } = flash.counts();
    // Magic, nine windows with the 1136 bytes behind the header, header.
    assert_eq!(
        (writes, bytes_written, sectors_erased),
        (1 + 9 + 1, 4 + 1136 + 8, 2)
    );
}

#[test]
fn a_power_cut_leaves_the_old_image_or_none_or_the_new_one() {
    let before = with_old_image();
    let new = image(1131, 32);
    let mut whole = open(before.clone());
    replace(&mut whole, &new).unwrap();
    let steps = whole.into_inner().counts().steps;
    assert_eq!(steps, 2 * (1 + 2 + 284 + 2));
    let lost = MemFlashError::PowerLost;
    for torn in Torn::ALL {
        for cut in 0..steps {
            let mut store = open(before.clone().torn(torn).cut_after(cut));
            let error = replace(&mut store, &new).unwrap_err();
            assert!(
                matches!(error, AccessError::EraseFailed(e) | AccessError::WriteFailed(e) if e == lost)
            );
            let mut after = store.into_inner();
            after.powered_again();
            check(&before, &after, &new, &format!("{torn:?}, cut after {cut}"));

            // And the next try succeeds.
            let mut store = open(after);
            replace(&mut store, &new).unwrap();
            let place = named(&store, "client_ca");
            assert!(slice_of(&store.into_inner(), &place).starts_with(&new));
        }
    }
}

#[test]
fn dropping_it_at_any_await_leaves_the_old_image_or_none_or_the_new_one() {
    let before = with_old_image();
    let new = image(300, 33);
    for polls in 0.. {
        let mut store = open(before.clone().yielding(true));
        let mut region = store.user_region("client_ca").unwrap();
        let done = dropped_after(region.replace_image(&new), polls);
        check(
            &before,
            &store.into_inner(),
            &new,
            &format!("dropped after {polls}"),
        );
        if let Some(result) = done {
            assert_eq!(result, Ok(()));
            assert!(polls > 10);
            return;
        }
    }
}

#[test]
fn an_image_that_cannot_be_one_or_does_not_fit_changes_nothing() {
    let before = with_old_image();
    for length in [0, 1, 7, 8193, 70_000] {
        let mut store = open(before.clone());
        let error = replace(&mut store, &vec![0xf1; length]).unwrap_err();
        let length = u32::try_from(length).unwrap();
        assert_eq!(
            error,
            AccessError::BadRange {
                offset: 0,
                length,
                size: 8192
            }
        );
        assert_eq!(store.into_inner().bytes(), before.bytes());
    }
    // The shortest and the longest that fit.
    for length in [8, 8192] {
        let mut store = open(before.clone());
        assert_eq!(replace(&mut store, &noise(length, 34)), Ok(()));
    }
}
