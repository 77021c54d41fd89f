//! A program in flash: what the bootloader checks before it starts one, and whose it is.
//!
//! ```text
//! 0    header, 24 bytes: E9, number of segments, …, chip, …, whether a digest follows
//! 24   segments: address, length, bytes; the first begins with the application descriptor
//! …    padding, and as the last byte of a line of 16 the checksum
//! …    SHA-256 of all before it
//! ```
//!
//! Every byte is read once, in order, in chunks of 256.
//!
//! spec: ota 2

mod chip;
mod error;

pub use self::chip::ChipId;
pub use self::error::ImageError;

use embedded_storage_async::nor_flash::NorFlash;
use heapless::String;
use sha2::{Digest as _, Sha256};

use crate::Region;

/// Bytes of the header of an image.
const HEADER: usize = 24;
const MAGIC: u8 = 0xe9;
const ERASED: u8 = 0xff;
/// As many as the bootloader takes.
const MAX_SEGMENTS: u8 = 16;
/// The checksum begins with this.
const CHECKSUM: u8 = 0xef;
/// What is padded.
const LINE: u32 = 16;

/// Bytes of the application descriptor that are looked at: magic, secure version, version, project.
const DESCRIPTOR: usize = 80;
const DESCRIPTOR_MAGIC: [u8; 4] = 0xabcd_5432_u32.to_le_bytes();

/// Bytes that are read at once.
const CHUNK: usize = 256;

/// A text of the application descriptor.
pub type Text = String<32>;

/// A program that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AppImage {
    /// The chip that it was built for.
    pub chip: ChipId,
    /// What it is called: `espat-firmware`, `esp-at`.
    pub project: Text,
    /// Its version, as its author writes it.
    pub version: Text,
    /// Bytes, digest included.
    pub length: u32,
    /// SHA-256 of all but the digest.
    pub sha256: [u8; 32],
}

/// Reads an image from the start of `region` to its end, and checks it.
///
/// The future yields where the flash does. Dropping it loses nothing.
///
/// # Errors
/// No image starts there, it is damaged, or the flash fails.
pub async fn check<F: NorFlash>(
    region: &mut Region<'_, F>,
) -> Result<AppImage, ImageError<F::Error>> {
    let mut reader = Reader {
        region,
        at: 0,
        digest: Sha256::new(),
        checksum: CHECKSUM,
    };
    let mut header = [0; HEADER];
    reader.take(&mut header).await?;
    let [magic, segments, ..] = header;
    let [
        ..,
        chip_low,
        chip_high,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        digest_follows,
    ] = header;
    match magic {
        MAGIC => {}
        ERASED if header.iter().all(|byte| *byte == ERASED) => return Err(ImageError::Erased),
        found => return Err(ImageError::NoImage { magic: found }),
    }
    if !(1..=MAX_SEGMENTS).contains(&segments) {
        return Err(ImageError::Segments { count: segments });
    }
    if digest_follows != 1 {
        return Err(ImageError::NoDigest);
    }
    let (version, project) = reader.first_segment().await?;
    for _ in 1..segments {
        let length = reader.segment().await?;
        reader.data(length).await?;
    }
    reader.end().await?;
    let (length, sha256) = reader.digest().await?;
    Ok(AppImage {
        chip: ChipId::new(u16::from_le_bytes([chip_low, chip_high])),
        project,
        version,
        length,
        sha256,
    })
}

/// What comes next in an image, hashed on the way.
struct Reader<'r, 'a, F> {
    region: &'r mut Region<'a, F>,
    at: u32,
    digest: Sha256,
    /// Of the bytes of segments.
    checksum: u8,
}

impl<F: NorFlash> Reader<'_, '_, F> {
    /// Reads on, without hashing.
    async fn read(&mut self, into: &mut [u8]) -> Result<(), ImageError<F::Error>> {
        let length = u32::try_from(into.len()).unwrap_or(u32::MAX);
        let size = self.region.size();
        let end = self.at.checked_add(length).filter(|end| *end <= size);
        let end = end.ok_or(ImageError::Truncated { size })?;
        self.region
            .read_at(self.at, into)
            .await
            .map_err(ImageError::Flash)?;
        self.at = end;
        Ok(())
    }

    async fn take(&mut self, into: &mut [u8]) -> Result<(), ImageError<F::Error>> {
        self.read(into).await?;
        self.digest.update(into);
        Ok(())
    }

    /// The header of a segment; returns the bytes that follow.
    async fn segment(&mut self) -> Result<u32, ImageError<F::Error>> {
        let mut header = [0; 8];
        self.take(&mut header).await?;
        let [_, _, _, _, length @ ..] = header;
        let length = u32::from_le_bytes(length);
        let left = self.region.size().saturating_sub(self.at);
        if length > left {
            let size = self.region.size();
            return Err(ImageError::Truncated { size });
        }
        Ok(length)
    }

    /// Bytes of a segment, which count for the checksum.
    async fn data(&mut self, mut left: u32) -> Result<(), ImageError<F::Error>> {
        let mut chunk = [0; CHUNK];
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let bytes = chunk.get_mut(..length).unwrap_or_default();
            self.take(bytes).await?;
            self.checksum = bytes.iter().fold(self.checksum, |sum, byte| sum ^ byte);
            left = left.saturating_sub(u32::try_from(length).unwrap_or(u32::MAX));
        }
        Ok(())
    }

    /// The first segment; returns version and project of the descriptor that it begins with.
    async fn first_segment(&mut self) -> Result<(Text, Text), ImageError<F::Error>> {
        let length = self.segment().await?;
        let mut descriptor = [0; DESCRIPTOR];
        let read = u32::try_from(DESCRIPTOR).unwrap_or(u32::MAX);
        let rest = length.checked_sub(read).ok_or(ImageError::NoDescriptor)?;
        self.take(&mut descriptor).await?;
        let sum = descriptor
            .iter()
            .fold(self.checksum, |sum, byte| sum ^ byte);
        self.checksum = sum;
        let (magic, fields) = descriptor.split_at(16);
        if !magic.starts_with(&DESCRIPTOR_MAGIC) {
            return Err(ImageError::NoDescriptor);
        }
        let (version, project) = fields.split_at(32);
        let (version, project) = (text(version), text(project));
        self.data(rest).await?;
        Ok((version, project))
    }

    /// Padding and checksum.
    async fn end(&mut self) -> Result<(), ImageError<F::Error>> {
        let mut line = [0; 16];
        let length = usize::try_from(LINE - self.at % LINE).unwrap_or(0);
        let padding = line.get_mut(..length).unwrap_or_default();
        self.take(padding).await?;
        match padding.last() {
            Some(found) if *found == self.checksum => Ok(()),
            _ => Err(ImageError::Checksum),
        }
    }

    /// The digest behind everything. Returns it, and the bytes of the whole image.
    async fn digest(mut self) -> Result<(u32, [u8; 32]), ImageError<F::Error>> {
        let mut found = [0; 32];
        self.read(&mut found).await?;
        let computed: [u8; 32] = self.digest.finalize().into();
        if found == computed {
            Ok((self.at, computed))
        } else {
            Err(ImageError::Digest)
        }
    }
}

/// Up to the first zero; what is not printable ASCII becomes `?`.
fn text(field: &[u8]) -> Text {
    let bytes = field.iter().take_while(|byte| **byte != 0);
    let printable = bytes.map(|byte| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => '?',
    });
    // 32 characters of one byte at most.
    printable.take(32).collect()
}
