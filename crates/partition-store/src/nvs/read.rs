//! Listing and reading.

use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;
use zeroize::Zeroizing;

use super::error::{Damage, NvsError};
use super::format::{ENTRY, ItemType, Sum, entry_offset};
use super::items::{Cursor, Item};
use super::label::{Label, ValueKind};
use super::pages::{MAX_CHUNKS, Nvs};

/// Bytes read at a time to check a value.
const CHUNK: usize = 128;

/// A stretch of a value's bytes in flash.
#[derive(Debug, Clone, Copy)]
struct Part {
    place: u32,
    length: u16,
}

/// A value that was found and checked. It is good until the partition changes.
#[derive(Debug, Clone)]
pub struct Value {
    kind: ValueKind,
    length: u32,
    number: Option<i64>,
    parts: Vec<Part, MAX_CHUNKS>,
}

impl Value {
    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> ValueKind {
        self.kind
    }

    /// The number, where it is one.
    #[must_use]
    pub const fn number(&self) -> Option<i64> {
        self.number
    }

    /// Bytes of text (without the NUL that ends it in flash) or binary; 0 for a number.
    #[must_use]
    pub const fn length(&self) -> u32 {
        self.length
    }

    /// In how many parts its bytes lie; 0 for a number.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.parts.len()
    }
}

/// A key that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub key: Label,
    /// The type of its value.
    pub kind: ValueKind,
    /// What is wrong with the value, if something is: it cannot be read.
    pub damage: Option<Damage>,
}

impl<F: NorFlash> Nvs<'_, F> {
    /// The next namespace; each comes once. One that was emptied is still there.
    ///
    /// Reads about 32 bytes per item of the partition. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The flash fails.
    pub async fn next_namespace(
        &mut self,
        cursor: &mut Cursor,
    ) -> Result<Option<Label>, NvsError<F::Error>> {
        while let Some(item) = self.next_whole(cursor).await? {
            let (ItemType::Namespace, Some(name)) = (item.entry.kind, item.entry.key) else {
                continue;
            };
            let same = |other: &Item| {
                other.entry.kind == ItemType::Namespace && other.entry.key == Some(name)
            };
            if self.is_last(&item, same).await? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// The next key of a namespace; each comes once, with what is wrong with its value.
    ///
    /// Reads the value, and about 32 bytes per item of the partition. Dropping the future loses nothing.
    ///
    /// # Errors
    /// There is no such namespace, or the flash fails.
    pub async fn next_key(
        &mut self,
        namespace: Label,
        cursor: &mut Cursor,
    ) -> Result<Option<Listed>, NvsError<F::Error>> {
        let Some((item, key, kind)) = self.next_of(namespace, cursor).await? else {
            return Ok(None);
        };
        let damage = match self.check(&item, kind).await {
            Ok(_) => None,
            Err(NvsError::Damaged(damage)) => Some(damage),
            Err(other) => return Err(other),
        };
        Ok(Some(Listed { key, kind, damage }))
    }

    /// The next key of a namespace, and the type of its value, which is not looked at; each comes once.
    ///
    /// Reads about 32 bytes per item of the partition behind it, and at the first call per item before it. Dropping the
    /// future loses nothing.
    ///
    /// # Errors
    /// There is no such namespace, or the flash fails.
    pub async fn next_name(
        &mut self,
        namespace: Label,
        cursor: &mut Cursor,
    ) -> Result<Option<(Label, ValueKind)>, NvsError<F::Error>> {
        let next = self.next_of(namespace, cursor).await?;
        Ok(next.map(|(_, key, kind)| (key, kind)))
    }

    async fn next_of(
        &mut self,
        namespace: Label,
        cursor: &mut Cursor,
    ) -> Result<Option<(Item, Label, ValueKind)>, NvsError<F::Error>> {
        let number = match cursor.namespace {
            Some(number) => number,
            None => {
                let number = self.namespace(namespace).await?;
                *cursor
                    .namespace
                    .insert(number.ok_or(NvsError::NoSuchNamespace)?)
            }
        };
        while let Some(item) = self.next_whole(cursor).await? {
            let (Some(key), Some(kind)) = (item.entry.key, item.entry.kind.kind()) else {
                continue;
            };
            if item.entry.namespace != number {
                continue;
            }
            let same = |other: &Item| other.entry.kind.is_value() && other.is_of(number, key);
            if self.is_last(&item, same).await? {
                return Ok(Some((item, key, kind)));
            }
        }
        Ok(None)
    }

    /// Finds a value and checks all of it.
    ///
    /// Reads the value, and about 32 bytes per item of the partition. Dropping the future loses nothing.
    ///
    /// # Errors
    /// There is no such namespace or key, the value is damaged, or the flash fails.
    pub async fn find(
        &mut self,
        namespace: Label,
        key: Label,
    ) -> Result<Value, NvsError<F::Error>> {
        let number = self.namespace(namespace).await?;
        let number = number.ok_or(NvsError::NoSuchNamespace)?;
        let item = self.latest(number, key).await?;
        let item = item.ok_or(NvsError::NoSuchKey)?;
        let kind = item.entry.kind.kind().ok_or(NvsError::NoSuchKey)?;
        self.check(&item, kind).await
    }

    /// Whether a key has a value, whatever it is worth.
    pub(super) async fn check(
        &mut self,
        item: &Item,
        kind: ValueKind,
    ) -> Result<Value, NvsError<F::Error>> {
        let mut value = Value {
            kind,
            length: 0,
            number: item.entry.number(kind),
            parts: Vec::new(),
        };
        match item.entry.kind {
            ItemType::Index => return self.check_chunks(item, value).await,
            ItemType::Text | ItemType::OldBinary => {}
            _ => return Ok(value),
        }
        let (mut part, sum) = self.announced(item);
        self.verify(part, sum).await?;
        if item.entry.kind == ItemType::Text {
            // The NUL behind it is not part of the text.
            part.length = part.length.saturating_sub(1);
            let mut last = [0xff];
            let end = part.place.saturating_add(u32::from(part.length));
            self.region.read_at(end, &mut last).await?;
            if last != [0] {
                return Err(NvsError::Damaged(Damage::NoTerminator));
            }
        }
        value.length = u32::from(part.length);
        let _ = value.parts.push(part);
        Ok(value)
    }

    /// Finds the chunks that an index speaks of. Of several with one number the last counts.
    async fn check_chunks(
        &mut self,
        index: &Item,
        mut value: Value,
    ) -> Result<Value, NvsError<F::Error>> {
        let (size, count, start) = index.entry.index();
        if usize::from(count) > MAX_CHUNKS {
            return Err(NvsError::Damaged(Damage::TooManyChunks));
        }
        let mut chunks: [Option<(Part, u32)>; MAX_CHUNKS] = [None; MAX_CHUNKS];
        let mut cursor = Cursor::new();
        while let Some(item) = self.next_whole(&mut cursor).await? {
            let of_key = item.entry.namespace == index.entry.namespace
                && item.entry.key == index.entry.key
                && item.entry.kind == ItemType::Chunk;
            if !of_key || !index.entry.has_chunk(item.entry.chunk) {
                continue;
            }
            let slot = usize::from(item.entry.chunk.saturating_sub(start));
            if let Some(slot) = chunks.get_mut(slot) {
                *slot = Some(self.announced(&item));
            }
        }
        for chunk in chunks.iter().take(usize::from(count)) {
            let Some((part, sum)) = *chunk else {
                return Err(NvsError::Damaged(Damage::ChunkMissing));
            };
            self.verify(part, sum).await?;
            value.length = value.length.saturating_add(u32::from(part.length));
            let _ = value.parts.push(part);
        }
        if value.length != size {
            return Err(NvsError::Damaged(Damage::Length));
        }
        Ok(value)
    }

    /// Where the bytes behind an item's first entry lie, and their checksum as it says.
    fn announced(&self, item: &Item) -> (Part, u32) {
        let (length, sum) = item.entry.data();
        let page = self
            .pages
            .get(item.page)
            .map_or(0, super::pages::Page::place);
        let first = entry_offset(item.index.saturating_add(1));
        let place = page.saturating_add(first);
        (Part { place, length }, sum)
    }

    /// Whether the bytes have this checksum.
    async fn verify(&mut self, part: Part, stored: u32) -> Result<(), NvsError<F::Error>> {
        let Part { place, length } = part;
        let mut sum = Sum::new();
        let mut left = usize::from(length);
        let mut at = place;
        let mut buffer = Zeroizing::new([0; CHUNK]);
        while left > 0 {
            let chunk = buffer.get_mut(..left.min(CHUNK)).unwrap_or_default();
            self.region.read_at(at, chunk).await?;
            sum.add(chunk);
            left = left.saturating_sub(chunk.len());
            at = at.saturating_add(u32::try_from(chunk.len()).unwrap_or(0));
        }
        if sum.end() != stored {
            return Err(NvsError::Damaged(Damage::Checksum));
        }
        Ok(())
    }

    /// Fills all of `into` with the bytes of `value` from `offset` on.
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// The range leaves the value, or the flash fails.
    pub async fn read(
        &mut self,
        value: &Value,
        offset: u32,
        into: &mut [u8],
    ) -> Result<(), NvsError<F::Error>> {
        let length = u32::try_from(into.len()).unwrap_or(u32::MAX);
        let end = offset.checked_add(length);
        if end.is_none_or(|end| end > value.length) {
            return Err(NvsError::BadRange {
                offset,
                length,
                size: value.length,
            });
        }
        let (mut skip, mut rest) = (offset, into);
        for part in &value.parts {
            let size = u32::from(part.length);
            if skip >= size {
                skip = skip.saturating_sub(size);
                continue;
            }
            let have = usize::try_from(size.saturating_sub(skip)).unwrap_or(0);
            let taken = have.min(rest.len());
            let (now, later) = rest.split_at_mut(taken);
            if now.is_empty() {
                break;
            }
            self.region
                .read_at(part.place.saturating_add(skip), now)
                .await?;
            (skip, rest) = (0, later);
        }
        Ok(())
    }
}

const _: () = assert!(CHUNK.is_multiple_of(ENTRY), "whole entries are checked");
