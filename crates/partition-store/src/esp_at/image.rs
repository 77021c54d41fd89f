//! A certificate image in place of another, so that a power cut leaves no half of one.
//!
//! spec: cert-bin 6.2 (order of writes)

use embedded_storage_async::nor_flash::MultiwriteNorFlash;

use crate::region::{AccessError, Region, length_of};

/// First bytes of a certificate image.
const IMAGE_MAGIC: [u8; 2] = [0xf1, 0xf1];

/// Bytes of a certificate image's header.
const IMAGE_HEADER: usize = 8;

impl<F: MultiwriteNorFlash> Region<'_, F> {
    /// Replaces what the partition holds by a certificate image, so that at no moment a reader takes
    /// half an image for a whole one.
    ///
    /// ```text
    /// magic of the old image := 00 00 ─▶ erase all ─▶ write from byte 8 on ─▶ write bytes 0..8
    /// ```
    ///
    /// If power fails or the future is dropped, the partition holds the old image, or none (its
    /// magic, or at the very end its list length, is not one of an image), or the new one.
    ///
    /// # Errors
    /// `image` is shorter than its header or longer than the partition (nothing is changed then),
    /// or the flash fails.
    pub async fn replace_image(&mut self, image: &[u8]) -> Result<(), AccessError<F::Error>> {
        let size = self.size();
        let length = length_of(image);
        let bad_range = AccessError::BadRange {
            offset: 0,
            length,
            size,
        };
        let (header, body) = image.split_at_checked(IMAGE_HEADER).ok_or(bad_range)?;
        self.check_range(0, length)?;

        let mut magic = [0; IMAGE_MAGIC.len()];
        self.read_at(0, &mut magic).await?;
        if magic == IMAGE_MAGIC {
            // Half an erase may spare the header and hit the items, so the header goes first.
            // That old and new differ afterwards is the point.
            let _ = self.write_at(0, &[0; IMAGE_MAGIC.len()]).await?;
        }
        self.erase_all().await?;
        let header_size = u32::try_from(IMAGE_HEADER).unwrap_or(0);
        for (offset, part) in [(header_size, body), (0, header)] {
            if part.is_empty() {
                continue;
            }
            if let Some(offset) = self.write_at(offset, part).await?.differs_at {
                return Err(AccessError::WriteNotTaken { offset });
            }
        }
        Ok(())
    }
}
