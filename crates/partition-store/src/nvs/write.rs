//! Writing and erasing values.

use embedded_storage_async::nor_flash::MultiwriteNorFlash;
use zeroize::Zeroizing;

use super::error::NvsError;
use super::format::{Draft, ENTRY, ItemType, Sum};
use super::free::InProgress;
use super::items::{Cursor, Item};
use super::label::{Label, ValueKind};
use super::pages::{MAX_CHUNKS, MAX_TEXT, Nvs};
use super::put::Source;

/// Bytes compared at a time.
const CHUNK: usize = 128;
/// Bytes of a value that one entry holds.
const PER_ENTRY: usize = 32;
/// Largest number of a namespace.
const LAST_NAMESPACE: u8 = 254;

/// Entries that so many bytes of data take.
fn entries(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PER_ENTRY)).unwrap_or(u32::MAX)
}

fn length_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

impl<F: MultiwriteNorFlash> Nvs<'_, F> {
    /// Stores a number of type `kind`; the namespace is made if it is not there.
    ///
    /// If power fails or the future is dropped, the key has its value of before or the new one.
    ///
    /// # Errors
    /// `kind` is no type of numbers, `value` is not in its range, the partition is full, or the
    /// flash fails.
    pub async fn set_number(
        &mut self,
        namespace: Label,
        key: Label,
        kind: ValueKind,
        value: i64,
    ) -> Result<(), NvsError<F::Error>> {
        let (least, greatest) = kind.range().ok_or(NvsError::WrongKind)?;
        if !(least..=greatest).contains(&value) {
            return Err(NvsError::NumberOutOfRange { least, greatest });
        }
        match self.find(namespace, key).await {
            Ok(old) if old.kind() == kind && old.number() == Some(value) => return Ok(()),
            _ => self.check_room(namespace, kind, 0).await?,
        }
        let number = self.declare(namespace).await?;
        let mut bytes = [0xff; 8];
        let width = match kind {
            ValueKind::U8 | ValueKind::I8 => 1,
            ValueKind::U16 | ValueKind::I16 => 2,
            _ => 4,
        };
        for (to, from) in bytes.iter_mut().zip(value.to_le_bytes()).take(width) {
            *to = from;
        }
        let draft = Draft::single(number, kind.in_flash(), key, bytes);
        self.add(&draft, Source::Nothing, None).await?;
        self.drop_old(number, key).await
    }

    /// Stores text; the namespace is made if it is not there.
    ///
    /// If power fails or the future is dropped, the key has its value of before or the new one.
    ///
    /// # Errors
    /// The text has a NUL or more than [`MAX_TEXT`] bytes, the partition is full, or the flash fails.
    pub async fn set_text(
        &mut self,
        namespace: Label,
        key: Label,
        text: &[u8],
    ) -> Result<(), NvsError<F::Error>> {
        check_length(ValueKind::Text, text.len())?;
        if let Some(offset) = text.iter().position(|byte| *byte == 0) {
            return Err(NvsError::EmbeddedNul { offset });
        }
        if self.holds(namespace, key, ValueKind::Text, text).await? {
            return Ok(());
        }
        self.check_room(namespace, ValueKind::Text, text.len())
            .await?;
        let number = self.declare(namespace).await?;
        let mut sum = Sum::new();
        sum.add(text);
        sum.add(&[0]);
        let size = text.len().saturating_add(1);
        let draft = Draft {
            namespace: number,
            number: ValueKind::Text.in_flash(),
            span: span(size),
            chunk: 0xff,
            key,
            value: sized(size, sum.end()),
        };
        let source = Source::Memory {
            bytes: text,
            nul: true,
        };
        self.add(&draft, source, None).await?;
        self.drop_old(number, key).await
    }

    /// Stores bytes, at least one; the namespace is made if it is not there.
    ///
    /// If power fails or the future is dropped, the key has its value of before or the new one.
    ///
    /// # Errors
    /// There are no bytes, the partition is full (what was written of them is given up), or the
    /// flash fails.
    pub async fn set_binary(
        &mut self,
        namespace: Label,
        key: Label,
        bytes: &[u8],
    ) -> Result<(), NvsError<F::Error>> {
        check_length(ValueKind::Binary, bytes.len())?;
        if self.holds(namespace, key, ValueKind::Binary, bytes).await? {
            return Ok(());
        }
        self.check_room(namespace, ValueKind::Binary, bytes.len())
            .await?;
        let number = self.declare(namespace).await?;
        // What an earlier write of this key left.
        self.drop_old(number, key).await?;
        let old = self.latest(number, key).await?;
        let start = match old.filter(|old| old.entry.kind == ItemType::Index) {
            Some(old) => free_start(old.entry.index()),
            None => 0,
        };
        let keep = InProgress {
            namespace: number,
            key,
            start,
        };
        match self.put_chunks(keep, bytes).await {
            Ok(()) => {}
            Err(NvsError::NoRoom { .. }) => {
                self.drop_old(number, key).await?;
                return Err(NvsError::NoRoom {
                    needed: self.needed(ValueKind::Binary, bytes.len(), false),
                    available: self.available().await?,
                });
            }
            Err(other) => return Err(other),
        }
        self.drop_old(number, key).await
    }

    async fn put_chunks(
        &mut self,
        keep: InProgress,
        bytes: &[u8],
    ) -> Result<(), NvsError<F::Error>> {
        let InProgress {
            namespace,
            key,
            start,
        } = keep;
        let mut rest = bytes;
        let mut count = 0_u8;
        while !rest.is_empty() {
            // An entry that announces the chunk, and at least one of data.
            let (slot, free) = self.room(2, Some(keep)).await?;
            let fits = usize::from(free.saturating_sub(1)).saturating_mul(PER_ENTRY);
            let (now, later) = rest.split_at(fits.min(rest.len()));
            if usize::from(count) >= MAX_CHUNKS {
                return Err(NvsError::NoRoom {
                    needed: 0,
                    available: 0,
                });
            }
            let mut sum = Sum::new();
            sum.add(now);
            let draft = Draft {
                namespace,
                number: ValueKind::Binary.in_flash(),
                span: span(now.len()),
                chunk: start.saturating_add(count),
                key,
                value: sized(now.len(), sum.end()),
            };
            let source = Source::Memory {
                bytes: now,
                nul: false,
            };
            self.put_item(slot, &draft.bytes(), source).await?;
            count = count.saturating_add(1);
            rest = later;
        }
        let [s0, s1, s2, s3] = length_of(bytes).to_le_bytes();
        let index = [s0, s1, s2, s3, count, start, 0xff, 0xff];
        let draft = Draft::single(namespace, INDEX, key, index);
        self.add(&draft, Source::Nothing, Some(keep)).await
    }

    /// Erases a key. Its bytes stay in flash, marked as erased, until their page is freed.
    ///
    /// If power fails or the future is dropped, the key has its value, or none.
    ///
    /// # Errors
    /// There is no such namespace or key, or the flash fails.
    pub async fn erase_key(
        &mut self,
        namespace: Label,
        key: Label,
    ) -> Result<(), NvsError<F::Error>> {
        let number = self.namespace(namespace).await?;
        let number = number.ok_or(NvsError::NoSuchNamespace)?;
        if self.latest(number, key).await?.is_none() {
            return Err(NvsError::NoSuchKey);
        }
        self.erase_where(|item| item.is_of(number, key)).await
    }

    /// Erases every key of a namespace. The namespace itself stays, with nothing in it.
    ///
    /// If power fails or the future is dropped, each key has its value, or none.
    ///
    /// # Errors
    /// There is no such namespace, or the flash fails.
    pub async fn erase_namespace(&mut self, namespace: Label) -> Result<(), NvsError<F::Error>> {
        let number = self.namespace(namespace).await?;
        let number = number.ok_or(NvsError::NoSuchNamespace)?;
        self.erase_where(|item| item.entry.namespace == number)
            .await
    }

    /// Erases values from the oldest on, so that none of before comes back, and then their chunks.
    async fn erase_where(
        &mut self,
        wanted: impl Fn(&Item) -> bool,
    ) -> Result<(), NvsError<F::Error>> {
        for values in [true, false] {
            let mut cursor = Cursor::new();
            while let Some(item) = self.next_item(&mut cursor).await? {
                if wanted(&item) && item.entry.kind.is_value() == values {
                    self.erase_item(&item).await?;
                }
            }
        }
        Ok(())
    }

    /// Writes one more item.
    async fn add(
        &mut self,
        draft: &Draft,
        source: Source<'_>,
        keep: Option<InProgress>,
    ) -> Result<(), NvsError<F::Error>> {
        let (slot, _) = self.room(draft.span, keep).await?;
        self.put_item(slot, &draft.bytes(), source).await
    }

    /// The number of a namespace, which is made if it is not there.
    async fn declare(&mut self, name: Label) -> Result<u8, NvsError<F::Error>> {
        if let Some(number) = self.namespace(name).await? {
            return Ok(number);
        }
        // A number whose declaration was lost may have values: they belong to the lost one alone.
        let mut used = [0_u32; 8];
        let mut cursor = Cursor::new();
        while let Some(item) = self.next_item(&mut cursor).await? {
            let number = match item.entry.kind {
                ItemType::Namespace => item.entry.value.first().copied().unwrap_or(0),
                _ => item.entry.namespace,
            };
            if let Some(used) = used.get_mut(usize::from(number / 32)) {
                *used |= 1 << (number % 32);
            }
        }
        let mut numbers = 1..=LAST_NAMESPACE;
        let free = numbers.find(|number| {
            let used = used.get(usize::from(number / 32)).copied();
            used.is_some_and(|used| used >> (number % 32) & 1 == 0)
        });
        let number = free.ok_or(NvsError::TooManyNamespaces)?;
        let value = [number, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let draft = Draft::single(0, ValueKind::U8.in_flash(), name, value);
        self.add(&draft, Source::Nothing, None).await?;
        Ok(number)
    }

    /// Whether a value of this length can be stored, as far as is known before it is.
    ///
    /// Reads about 32 bytes per item of the partition, and for each item once more where the partition is nearly full.
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// The length is not one of the type, the partition is full, or the flash fails.
    pub async fn check_room(
        &mut self,
        namespace: Label,
        kind: ValueKind,
        length: usize,
    ) -> Result<(), NvsError<F::Error>> {
        check_length(kind, length)?;
        let new = self.namespace(namespace).await?.is_none();
        let needed = self.needed(kind, length, new);
        if needed <= self.surely_available().await? {
            return Ok(());
        }
        let available = self.available().await?;
        if needed > available {
            return Err(NvsError::NoRoom { needed, available });
        }
        Ok(())
    }

    /// Bytes of flash that a value takes at least.
    fn needed(&self, kind: ValueKind, length: usize, new_namespace: bool) -> u32 {
        let own = match kind {
            ValueKind::Text => entries(length.saturating_add(1)).saturating_add(1),
            ValueKind::Binary => entries(length).saturating_add(2),
            _ => 1,
        };
        own.saturating_add(u32::from(new_namespace))
            .saturating_mul(u32::try_from(ENTRY).unwrap_or(0))
    }

    /// Whether a key has exactly these bytes already.
    async fn holds(
        &mut self,
        namespace: Label,
        key: Label,
        kind: ValueKind,
        bytes: &[u8],
    ) -> Result<bool, NvsError<F::Error>> {
        let value = match self.find(namespace, key).await {
            Ok(value) if value.kind() == kind && value.length() == length_of(bytes) => value,
            Err(NvsError::Access(error)) => return Err(NvsError::Access(error)),
            _ => return Ok(false),
        };
        let mut offset = 0_u32;
        for chunk in bytes.chunks(CHUNK) {
            let mut buffer = Zeroizing::new([0; CHUNK]);
            let found = buffer.get_mut(..chunk.len()).unwrap_or_default();
            self.read(&value, offset, found).await?;
            if found != chunk {
                return Ok(false);
            }
            offset = offset.saturating_add(length_of(chunk));
        }
        Ok(true)
    }
}

/// Number of an index entry's type in flash.
const INDEX: u8 = 0x48;

/// Whether a value of this type may have so many bytes.
pub(super) fn check_length<E>(kind: ValueKind, length: usize) -> Result<(), NvsError<E>> {
    match kind {
        ValueKind::Text if length > MAX_TEXT => Err(NvsError::TooLong {
            length: u32::try_from(length).unwrap_or(u32::MAX),
            max: u32::try_from(MAX_TEXT).unwrap_or(u32::MAX),
        }),
        ValueKind::Binary if length == 0 => Err(NvsError::Empty),
        _ => Ok(()),
    }
}

/// Entries of an item with so many bytes behind its first one.
fn span(bytes: usize) -> u8 {
    u8::try_from(entries(bytes).saturating_add(1)).unwrap_or(u8::MAX)
}

/// What an entry says of the bytes behind it.
fn sized(bytes: usize, sum: u32) -> [u8; 8] {
    let [s0, s1] = u16::try_from(bytes).unwrap_or(u16::MAX).to_le_bytes();
    let [c0, c1, c2, c3] = sum.to_le_bytes();
    [s0, s1, 0xff, 0xff, c0, c1, c2, c3]
}

/// The number of the first chunk of a value that takes the place of one: none of its chunks has it.
const fn free_start((_, count, start): (u32, u8, u8)) -> u8 {
    let end = start.saturating_add(count);
    if start >= 0x20 && end <= 0x80 || start >= 0x80 {
        0
    } else {
        0x80
    }
}
