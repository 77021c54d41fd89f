//! Going through the items of all pages, in the order they were written.

use embedded_storage_async::nor_flash::NorFlash;

use super::error::NvsError;
use super::format::{BITMAP_AT, Bitmap, ENTRIES, ENTRY, Entry, EntryState, ItemType, entry_offset};
use super::label::Label;
use super::pages::Nvs;

/// Where a listing has got to. Whatever is written in between, going on never fails; it may leave
/// out or repeat what moved. One is for all namespaces, or for the keys of one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cursor {
    page: usize,
    entry: u8,
    bitmap: Option<Bitmap>,
    /// The number of the namespace whose keys are listed, once it was looked up.
    pub(super) namespace: Option<u8>,
}

impl Cursor {
    /// Before the first item.
    #[must_use]
    pub const fn new() -> Self {
        Self::page(0)
    }

    /// Behind an item.
    const fn behind(item: &Item) -> Self {
        Self {
            page: item.page,
            entry: item.index.saturating_add(item.entry.span),
            bitmap: None,
            namespace: None,
        }
    }

    /// Before the first item of a page.
    pub(super) const fn page(page: usize) -> Self {
        Self {
            page,
            entry: 0,
            bitmap: None,
            namespace: None,
        }
    }
}

/// An item, where it lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) page: usize,
    pub(super) index: u8,
    pub(super) entry: Entry,
    /// Whether each of its entries is marked as written: otherwise it is being written or erased.
    pub(super) whole: bool,
}

impl Item {
    /// Whether it belongs to this key.
    pub(super) fn is_of(&self, namespace: u8, key: Label) -> bool {
        self.entry.namespace == namespace && self.entry.key == Some(key)
    }

    /// Whether the two lie in the same place.
    pub(super) fn is_at(&self, other: &Self) -> bool {
        (self.page, self.index) == (other.page, other.index)
    }
}

impl<F: NorFlash> Nvs<'_, F> {
    /// The next item that announces itself, whole or not, and the cursor moved behind it.
    pub(super) async fn next_item(
        &mut self,
        cursor: &mut Cursor,
    ) -> Result<Option<Item>, NvsError<F::Error>> {
        while let Some(page) = self.pages.get(cursor.page).copied() {
            let bitmap = match cursor.bitmap {
                Some(bitmap) => bitmap,
                None => *cursor.bitmap.insert(self.bitmap(cursor.page).await?),
            };
            while cursor.entry < ENTRIES {
                let index = cursor.entry;
                cursor.entry = index.saturating_add(1);
                if bitmap.state(index) != EntryState::Written {
                    continue;
                }
                let mut bytes = [0; ENTRY];
                let place = page.place().saturating_add(entry_offset(index));
                self.region.read_at(place, &mut bytes).await?;
                let Some(entry) = Entry::parse(&bytes, index) else {
                    continue;
                };
                cursor.entry = index.saturating_add(entry.span);
                return Ok(Some(Item {
                    page: cursor.page,
                    index,
                    entry,
                    whole: bitmap.is_whole(index, entry.span),
                }));
            }
            *cursor = Cursor {
                namespace: cursor.namespace,
                ..Cursor::page(cursor.page.saturating_add(1))
            };
        }
        Ok(None)
    }

    /// The next item that is whole.
    pub(super) async fn next_whole(
        &mut self,
        cursor: &mut Cursor,
    ) -> Result<Option<Item>, NvsError<F::Error>> {
        while let Some(item) = self.next_item(cursor).await? {
            if item.whole {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }

    pub(super) async fn bitmap(&mut self, page: usize) -> Result<Bitmap, NvsError<F::Error>> {
        let mut bitmap = [0; 32];
        if let Some(page) = self.pages.get(page) {
            let place = page.place().saturating_add(BITMAP_AT);
            self.region.read_at(place, &mut bitmap).await?;
        }
        Ok(Bitmap(bitmap))
    }

    /// The last item for which `wanted` holds, of those that are whole.
    pub(super) async fn last(
        &mut self,
        wanted: impl Fn(&Item) -> bool,
    ) -> Result<Option<Item>, NvsError<F::Error>> {
        let mut cursor = Cursor::new();
        let mut found = None;
        while let Some(item) = self.next_whole(&mut cursor).await? {
            if wanted(&item) {
                found = Some(item);
            }
        }
        Ok(found)
    }

    /// Whether none of the whole items behind this one is wanted.
    pub(super) async fn is_last(
        &mut self,
        item: &Item,
        wanted: impl Fn(&Item) -> bool,
    ) -> Result<bool, NvsError<F::Error>> {
        let mut cursor = Cursor::behind(item);
        while let Some(item) = self.next_whole(&mut cursor).await? {
            if wanted(&item) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The number of a namespace. Of several declarations the last one counts.
    pub(super) async fn namespace(
        &mut self,
        name: Label,
    ) -> Result<Option<u8>, NvsError<F::Error>> {
        let declares =
            |item: &Item| item.entry.kind == ItemType::Namespace && item.entry.key == Some(name);
        let found = self.last(declares).await?;
        Ok(found.map(|item| {
            let [number, ..] = item.entry.value;
            number
        }))
    }

    /// The item that stands for the value of a key.
    pub(super) async fn latest(
        &mut self,
        namespace: u8,
        key: Label,
    ) -> Result<Option<Item>, NvsError<F::Error>> {
        self.last(|item| item.entry.kind.is_value() && item.is_of(namespace, key))
            .await
    }
}
