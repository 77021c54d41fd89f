//! PKI images and what is in them.

use cert_bin::content::{self, decode_certificates, decode_private_key, objects, strip};
use cert_bin::lint::{self, Context};
use cert_bin::{DeviceView, Image, ImageWriter, ItemKind, NewItem, PartitionRole, pair, public};
use x509_facts::Timestamp;

/// Offsets stay inside, and an image that was read can be written and read again.
pub(crate) fn body(data: &[u8]) {
    let Some((&mode, data)) = data.split_first() else {
        return;
    };
    if mode & 1 == 1 {
        return item(data);
    }
    if let Some(view) = DeviceView::new(data, 8192) {
        let _ = view.count();
        for number in 0..=u8::MAX {
            let _ = view.item_len(number);
        }
    }
    let image = match Image::parse(data) {
        Ok(image) => image,
        Err(error) => {
            assert!(error.offset_in(data) <= data.len(), "{error} {error:?}");
            return;
        }
    };
    let items: Vec<_> = image.items().collect();
    for warning in image.warnings() {
        let _ = format!("{warning:?} {warning}");
    }
    for number in 0..items.len() + 2 {
        assert_eq!(image.at(number).is_some(), number < items.len());
    }
    let new: Vec<NewItem<'_>> = items
        .iter()
        .map(|item| NewItem {
            kind: item.kind,
            content: item.content,
        })
        .collect();
    let mut scratch = vec![0; content::MAX_DECODED.max(data.len())];
    let mut report = |finding: lint::Finding| drop(format!("{finding} {finding:?}"));
    lint::check_image(&image, &context(None), &mut scratch, &mut report).expect("enough scratch");
    if let Ok(writer) = ImageWriter::with_empty_items(&new) {
        let mut out = vec![0; cert_bin::writer::image_size(&new) + 16];
        if let Ok(len) = writer.write(&mut out) {
            let again = Image::parse(&out[..len]).expect("ours");
            let contents = |items: &[cert_bin::Item<'_>]| {
                let mut all: Vec<_> = items.iter().map(|item| item.content.to_vec()).collect();
                all.sort();
                all
            };
            let again: Vec<_> = again.items().collect();
            assert_eq!(contents(&again), contents(&items));
        }
    }
    if let Some(first) = items.first() {
        item(first.content);
    }
}

fn context(role: Option<PartitionRole>) -> Context {
    Context {
        role,
        now: Some(Timestamp::from_unix(1_790_000_000)),
        partition_size: Some(8192),
        device: cert_bin::lint::Device::Espat,
    }
}

/// PEM or DER of any kind.
fn item(data: &[u8]) {
    for object in objects(data).flatten() {
        let range = object.range.clone();
        assert!(range.start <= range.end && range.end <= data.len());
        if let Ok(len) = object.der_len() {
            let mut buffer = vec![0; len];
            let (der, _) = object.decode_into(&mut buffer).expect("as long as it said");
            assert_eq!(der.len(), len);
            assert!(len == 0 || object.decode_into(&mut vec![0; len - 1]).is_err());
        }
    }
    let mut buffer = vec![0; data.len() + 8];
    if let Ok(all) = decode_certificates::<16>(data, &mut buffer) {
        for der in &all.der {
            let _ = x509_facts::Certificate::parse(der).map(|facts| format!("{facts:?}"));
        }
    }
    let _ = decode_certificates::<2>(data, &mut [0; 64]).map_err(|error| error.to_string());
    if let Ok(key) = decode_private_key(data, &mut buffer) {
        assert!(format!("{key:?}").len() < 2000);
        let _ = public::public_key_info(&key, &mut [0; 1024]).map_err(|error| error.to_string());
    }
    let mut out = vec![0; data.len() + 1];
    if let Ok(len) = strip(data, &mut out) {
        let mut again = vec![0; len + 1];
        let len_again = strip(&out[..len], &mut again).expect("PEM stays PEM");
        assert_eq!(again[..len_again], out[..len], "stripped twice");
        assert_eq!(objects(data).count(), objects(&out[..len]).count());
    }
    let _ = pair::contents_match(data, data, &mut vec![0; 2 * data.len()]);
    let mut scratch = vec![0; content::MAX_DECODED.max(data.len() + 64)];
    for role in [
        None,
        PartitionRole::from_name("client_cert"),
        PartitionRole::from_name("client_key"),
    ] {
        for kind in ItemKind::ALL {
            let new = NewItem {
                kind,
                content: data,
            };
            let mut report = |finding: lint::Finding| drop(format!("{finding}"));
            lint::check_content(0, new, &context(role), &mut scratch, &mut report)
                .expect("enough scratch");
        }
    }
}
