//! A program as Espressif's tools make one, without a program in it.

use alloc::vec;
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use crate::ChipId;

/// Bytes of a program for `chip`, called `espat-firmware`, in segments of these lengths; the first has at least 80.
///
/// `version` is cut to 32 bytes.
#[must_use]
pub fn program(chip: ChipId, version: &[u8], segments: &[usize]) -> Vec<u8> {
    let mut image = vec![0xe9, u8::try_from(segments.len()).unwrap_or(u8::MAX)];
    image.resize(12, 0);
    image.extend(chip.get().to_le_bytes());
    image.resize(23, 0);
    image.push(1);
    let mut sum = 0xef;
    for (number, length) in segments.iter().enumerate() {
        let mut segment = if number == 0 {
            descriptor(version)
        } else {
            Vec::new()
        };
        let filler = (0..=u8::MAX).cycle();
        segment.extend(filler.take(length.saturating_sub(segment.len())));
        sum = segment.iter().fold(sum, |sum, byte| sum ^ byte);
        image.extend(0x3c00_0020_u32.to_le_bytes());
        let length = u32::try_from(segment.len()).unwrap_or(u32::MAX);
        image.extend(length.to_le_bytes());
        image.extend(segment);
    }
    image.resize(image.len() / 16 * 16 + 15, 0);
    image.push(sum);
    let digest = Sha256::digest(&image);
    image.extend(digest);
    image
}

/// The first 80 bytes of an application descriptor.
fn descriptor(version: &[u8]) -> Vec<u8> {
    let mut bytes = 0xabcd_5432_u32.to_le_bytes().to_vec();
    bytes.resize(16, 0);
    bytes.extend(version.iter().take(32));
    bytes.resize(48, 0);
    bytes.extend(b"espat-firmware");
    bytes.resize(80, 0);
    bytes
}
