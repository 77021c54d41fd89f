//! What an interrupted erase or a stray write leaves behind, put right before the map sees it.
//!
//! The map takes a sector for what its first and last word say. Power that goes during an erase can
//! leave those words in any state: SPI flash first programs a sector to zeros, then erases all its
//! cells at once. Left to itself, the map would then take a sector that is half erased for a full
//! or a blank one, and in the worst case throw away the only whole copy.
//!
//! ```text
//! first word   last word   sector
//! erased       erased      open        nothing in it, unless an erase was cut
//! written      erased      partial     in use: where new records go
//! written      written     closed      full
//! erased       written     -           an erase was cut
//! ```
//!
//! Records move from the closed sector N behind the partial one P to P; then N is erased. So N may
//! be half erased only when each of its records has a newer copy elsewhere, and whether that is so
//! can be seen without trusting N: look for its keys in a map in which N is blank.
//!
//! A bit in the free part of the sector in use may be cleared, too: by a write that was cut, by other
//! firmware, or by age. The map looks for free space by headers alone and would write over it.
//!
//! Format: `sequential-storage` 8, pages and their markers.

use embedded_storage_async::nor_flash::NorFlash;
use zeroize::Zeroizing;

use super::error::{SettingsError, from_access, from_map, from_region};
use super::key::{Key, RawKey};
use super::record::{Record, SCRATCH};
use super::view::View;
use super::walk::{Sector, WORD_MAX, is_erased_from, walk, word};
use crate::region::{Region, SECTOR};

/// As many cleared bits make a marker: the map's own rule, so that both see the same.
const MARKER_BITS: u32 = 4;

/// Bytes looked at at a time.
const CHUNK: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Open,
    Partial,
    Closed,
    Torn,
}

/// What [`mend`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mended {
    /// The map may read every sector.
    Readable,
    /// A sector has a record that this code never writes and that the map cannot take.
    Impossible,
}

/// Puts right what an interrupted erase left in the map's sectors, of which there are at least three,
/// and takes a sector out of use whose free part is not erased.
///
/// Erases sectors only, each of which held nothing that is not elsewhere, and writes markers only; it
/// can itself be cut anywhere and be done again.
pub(super) async fn mend<F: NorFlash, K: Key>(
    region: &mut Region<'_, F>,
) -> Result<Mended, SettingsError<F::Error>> {
    let pages = (region.size() / SECTOR).saturating_sub(1);
    // Without the map, which must not see an impossible record.
    for page in 0..pages {
        let spoilt = match state(region, page).await? {
            Page::Torn => true,
            Page::Open => !is_blank(region, page).await?,
            Page::Closed | Page::Partial => {
                if walk::<F, K>(region, offset(page)).await? == Sector::Impossible {
                    return Ok(Mended::Impossible);
                }
                false
            }
        };
        if spoilt {
            erase(region, page).await?;
        }
    }
    for page in 0..pages {
        // A sector is closed because a record did not fit beside those in it.
        if state(region, page).await? == Page::Closed
            && !has_records::<F, K>(region, page).await?
            && !leads_to_records::<F, K>(region, page, pages).await?
        {
            erase(region, page).await?;
        }
    }
    for page in 0..pages {
        if state(region, page).await? != Page::Partial {
            continue;
        }
        let behind = next(page, pages);
        let stale = match state(region, behind).await? {
            // There is only ever one in use: the other lost its last word to an erase.
            Page::Partial => true,
            Page::Closed => is_copied::<F, K>(region, behind, pages).await?,
            Page::Open | Page::Torn => false,
        };
        if stale {
            erase(region, behind).await?;
        }
    }
    erase_unreachable(region, pages).await?;
    retire_spoilt::<F, K>(region).await?;
    Ok(Mended::Readable)
}

/// Whether the map finds records over this full sector, going back from it: one that was retired with nothing in it.
async fn leads_to_records<F: NorFlash, K: Key>(
    region: &mut Region<'_, F>,
    from: u32,
    pages: u32,
) -> Result<bool, SettingsError<F::Error>> {
    let mut page = previous(from, pages);
    while page != from && state(region, page).await? == Page::Closed {
        if has_records::<F, K>(region, page).await? {
            return Ok(true);
        }
        page = previous(page, pages);
    }
    Ok(false)
}

/// Erases sectors that the map does not find from the one in use, going back over full ones. Nothing in
/// them is ever read, and the map cannot move on over them.
async fn erase_unreachable<F: NorFlash>(
    region: &mut Region<'_, F>,
    pages: u32,
) -> Result<(), SettingsError<F::Error>> {
    let mut newest = None;
    let mut first_open = None;
    for page in (0..pages).rev() {
        match state(region, page).await? {
            Page::Partial => newest = Some(page),
            Page::Open => first_open = Some(page),
            Page::Closed | Page::Torn => {}
        }
    }
    // Where none is in use, the map takes the one before the first open one.
    let newest = match (newest, first_open) {
        (Some(page), _) => page,
        (None, Some(open)) => previous(open, pages),
        // All are full: the map reports it.
        (None, None) => return Ok(()),
    };
    let mut reached = u32::from(state(region, newest).await? != Page::Open);
    let mut page = previous(newest, pages);
    while reached > 0 && reached < pages && state(region, page).await? == Page::Closed {
        reached = reached.saturating_add(1);
        page = previous(page, pages);
    }
    // What is left of the ring, from there back to the newest.
    for _ in reached..pages {
        if state(region, page).await? != Page::Open {
            erase(region, page).await?;
        }
        page = previous(page, pages);
    }
    Ok(())
}

/// Closes the sector in use if its free part is not erased: a record written there would be lost. The
/// next sector is put into use, as the map does when one is full.
///
/// If power fails or the future is dropped, every record stays where it is.
pub(super) async fn retire_spoilt<F: NorFlash, K: Key>(
    region: &mut Region<'_, F>,
) -> Result<(), SettingsError<F::Error>> {
    let pages = (region.size() / SECTOR).saturating_sub(1);
    for page in 0..pages {
        if state(region, page).await? != Page::Partial {
            continue;
        }
        let Sector::Sound { free } = walk::<F, K>(region, offset(page)).await? else {
            continue;
        };
        // Without a sector to move on to, a move was cut; the map does it again.
        let behind = next(page, pages);
        if is_erased_from(region, offset(page), free).await?
            || state(region, behind).await? != Page::Open
        {
            continue;
        }
        espat_log::warn!("settings: free part of sector {} is not erased", page);
        let last = SECTOR.saturating_sub(word::<F>());
        mark(region, offset(page).saturating_add(last)).await?;
        return mark(region, offset(behind)).await;
    }
    Ok(())
}

/// Writes a marker word of a sector.
async fn mark<F: NorFlash>(
    region: &mut Region<'_, F>,
    at: u32,
) -> Result<(), SettingsError<F::Error>> {
    let marker = [0; WORD_MAX];
    let marker = marker.get(..F::WRITE_SIZE.max(F::READ_SIZE));
    NorFlash::write(region, at, marker.unwrap_or_default())
        .await
        .map_err(from_region)
}

/// The page behind `page`, in a ring.
const fn next(page: u32, pages: u32) -> u32 {
    let next = page.saturating_add(1);
    if next < pages { next } else { 0 }
}

/// The page before `page`, in a ring.
const fn previous(page: u32, pages: u32) -> u32 {
    match page.checked_sub(1) {
        Some(previous) => previous,
        None => pages.saturating_sub(1),
    }
}

/// Offset of a page in the region; the header's sector comes first.
fn offset(page: u32) -> u32 {
    page.saturating_add(1).saturating_mul(SECTOR)
}

async fn erase<F: NorFlash>(
    region: &mut Region<'_, F>,
    page: u32,
) -> Result<(), SettingsError<F::Error>> {
    espat_log::warn!(
        "settings: sector {} holds nothing that counts; erasing it",
        page
    );
    region
        .erase_range(offset(page), SECTOR)
        .await
        .map_err(from_access)
}

async fn state<F: NorFlash>(
    region: &mut Region<'_, F>,
    page: u32,
) -> Result<Page, SettingsError<F::Error>> {
    let word = u32::try_from(F::READ_SIZE).unwrap_or(1);
    let start = offset(page);
    let mut marked = [false; 2];
    for (marked, at) in marked.iter_mut().zip([0, SECTOR.saturating_sub(word)]) {
        let mut bytes = [0xff; CHUNK];
        let bytes = bytes.get_mut(..F::READ_SIZE).unwrap_or_default();
        region
            .read_at(start.saturating_add(at), bytes)
            .await
            .map_err(from_access)?;
        *marked = bytes.iter().map(|byte| byte.count_zeros()).sum::<u32>() >= MARKER_BITS;
    }
    Ok(match marked {
        [false, false] => Page::Open,
        [true, false] => Page::Partial,
        [true, true] => Page::Closed,
        [false, true] => Page::Torn,
    })
}

async fn is_blank<F: NorFlash>(
    region: &mut Region<'_, F>,
    page: u32,
) -> Result<bool, SettingsError<F::Error>> {
    let start = offset(page);
    for at in (start..start.saturating_add(SECTOR)).step_by(CHUNK) {
        let mut bytes = [0; CHUNK];
        region.read_at(at, &mut bytes).await.map_err(from_access)?;
        if bytes != [0xff; CHUNK] {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn has_records<F: NorFlash, K: Key>(
    region: &mut Region<'_, F>,
    page: u32,
) -> Result<bool, SettingsError<F::Error>> {
    Ok(record_key::<F, K>(region, page, 0).await?.is_some())
}

/// Whether each record of a closed page has its key in another page too.
async fn is_copied<F: NorFlash, K: Key>(
    region: &mut Region<'_, F>,
    page: u32,
    pages: u32,
) -> Result<bool, SettingsError<F::Error>> {
    // The map's iterator holds the flash, so each record is counted up to again: some hundred short
    // reads each, and only after an interrupted move.
    for index in 0.. {
        let Some(key) = record_key::<F, K>(region, page, index).await? else {
            break;
        };
        let mut scratch = Zeroizing::new([0; SCRATCH]);
        let mut map = View::without(region, offset(0)..offset(pages), page).map::<K>()?;
        match map
            .fetch_item::<Record<'_>>(&mut scratch[..], &key)
            .await
            .map_err(from_map)
        {
            Ok(Some(_)) => {}
            // Without this page there is no copy, or no map: the page is needed.
            Ok(None) | Err(SettingsError::Damaged) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// The key of a closed page's record number `index`, damaged ones not counted.
async fn record_key<F: NorFlash, K: Key>(
    region: &mut Region<'_, F>,
    page: u32,
    index: usize,
) -> Result<Option<RawKey<K>>, SettingsError<F::Error>> {
    let mut scratch = Zeroizing::new([0; SCRATCH]);
    // And a blank one, without which it would be no map. It need not exist.
    let mut map =
        View::without(region, offset(page)..offset(page.saturating_add(2)), 1).map::<K>()?;
    let walk = async {
        let mut records = map.fetch_all_items(&mut scratch[..]).await?;
        for _ in 0..index {
            if records
                .next::<Record<'_>>(&mut scratch[..])
                .await?
                .is_none()
            {
                return Ok(None);
            }
        }
        let record = records.next::<Record<'_>>(&mut scratch[..]).await?;
        Ok(record.map(|(key, _)| key))
    };
    match walk.await.map_err(from_map) {
        // Not readable here: the walk over the whole map reports it.
        Err(SettingsError::Damaged) => Ok(None),
        result => result,
    }
}
