//! The CA of a link: an item of the image in partition `client_ca`, as DER.

use cert_bin::{Image, ImageError};
use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;
use tls_session::Cause;
use tls_session::policy::MAX_ANCHORS;

use crate::state::Shared;

/// Bytes of a PKI partition that are read: all of the usual 8 KiB.
pub(crate) const MAX_IMAGE: usize = 8192;

/// Reads item `number` of `client_ca` into `der`, one slice per certificate.
pub(crate) async fn load<'d, N, W, F: NorFlash, G>(
    shared: &Shared<'_, N, W, F, G>,
    number: u8,
    der: &'d mut [u8],
) -> Result<Vec<&'d [u8], MAX_ANCHORS>, Cause> {
    // The payload buffer is free: a command that opens a link carries no payload.
    let mut raw = shared.payload.lock().await;
    let image = shared
        .read_partition("client_ca", &mut raw[..])
        .await
        .ok_or(Cause::CaUnreadable)?;
    let image = match Image::parse(image) {
        Ok(image) => image,
        Err(ImageError::Erased | ImageError::EmptyInput) => return Err(Cause::CaErased),
        Err(_) => return Err(Cause::CaUnreadable),
    };
    // By position, whatever the item's type says: what lies in this partition is the CA, as the
    // original firmware has it.
    let Some(item) = image.at(usize::from(number)) else {
        return Err(Cause::CaMissing {
            number,
            available: image.count(),
        });
    };
    let certificates = cert_bin::content::decode_certificates::<MAX_ANCHORS>(item.content, der)
        .map_err(|_| Cause::CaUnreadable)?;
    Ok(certificates.der)
}
