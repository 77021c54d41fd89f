//! An image as a tool makes it, for a partition that nobody has at hand.

use cert_bin::{ItemKind, NewItem, WriteError, write_image};

const CA: &[u8] = include_bytes!("../../verify-chain/data/ca_p256.der");
const DAMAGED: &[u8] = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

/// A partition of 4 KiB: the image, and erased flash behind it.
pub(crate) fn partition() -> Result<Vec<u8>, WriteError> {
    let item = |content| NewItem {
        kind: ItemKind::Ca,
        content,
    };
    let mut partition = vec![0xff; 4096];
    write_image(&[item(CA), item(DAMAGED)], &mut partition)?;
    Ok(partition)
}
