//! Images made by hand and by the writer: what the reader must refuse, what it must carry through.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

use cert_bin::lint::{self, Context};
use cert_bin::writer::{MAX_CONTENT_LEN, image_size};
use cert_bin::{
    DeviceView, Image, ImageError, ImageWarning, ImageWriter, ItemKind, NewItem, WriteError,
    write_image,
};
use proptest::prelude::*;

macro_rules! bin {
    ($name:literal) => {
        include_bytes!(concat!("data/pki/bins/", $name)).as_slice()
    };
}

/// Header and raw list; the length field agrees with the list.
fn image(count: u16, list: &[u8]) -> Vec<u8> {
    let list_len = u32::try_from(list.len()).expect("32 bits");
    let mut out = vec![0xF1, 0xF1];
    out.extend(count.to_le_bytes());
    out.extend(list_len.to_le_bytes());
    out.extend(list);
    out
}

fn codes(bytes: &[u8]) -> Vec<&'static str> {
    let image = Image::parse(bytes).expect("a readable image");
    image.warnings().map(|warning| warning.code()).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn the_first_error_in_file_order_is_reported() {
    let mut offsets = Vec::new();
    for (bytes, error) in [
        (vec![], ImageError::EmptyInput),
        (vec![0xFF], ImageError::Erased),
        (vec![0xFF; 7], ImageError::Erased),
        (vec![0xFF; 9], ImageError::Erased),
        (vec![0xF1], ImageError::TruncatedHeader { have: 1 }),
        (vec![0; 7], ImageError::TruncatedHeader { have: 7 }),
        (vec![0; 8], ImageError::BadMagic { found: 0 }),
        // Wrong in several ways at once: the earlier field wins.
        (
            vec![0xF0, 0xF1, 0, 0, 9, 0, 0, 0],
            ImageError::BadMagic { found: 0xF1F0 },
        ),
        (
            vec![0xF1, 0xF1, 0, 0, 1, 0, 0, 0],
            ImageError::ListLengthExceedsInput {
                declared: 1,
                available: 0,
            },
        ),
        (image(0, &[9, 9, 9, 9]), ImageError::NoItems),
        (
            image(1, &[]),
            ImageError::ItemHeaderMissing { index: 0, left: 0 },
        ),
        (
            image(1, &[9, 0, 0]),
            ImageError::ItemHeaderMissing { index: 0, left: 3 },
        ),
        (
            image(1, &[9, 0, 0xFF, 0xFF]),
            ImageError::UnknownType { index: 0, found: 9 },
        ),
        (
            image(1, &[1, 0, 1, 0]),
            ImageError::ItemOverrun {
                index: 0,
                declared: 1,
                available: 0,
            },
        ),
        (
            image(u16::MAX, &[1, 0, 0, 0]),
            ImageError::ItemHeaderMissing { index: 1, left: 0 },
        ),
        (
            image(1, &[1, 0, 0, 0, 1, 1, 0, 0]),
            ImageError::UnlistedBytes { left: 4 },
        ),
        (
            image(1, &[1, 0, 1, 0, b'x', 0xFF, 0xFF, 0xFF, 0xFF]),
            ImageError::UnlistedBytes { left: 1 },
        ),
    ] {
        assert_eq!(
            Image::parse(&bytes).expect_err("an error"),
            error,
            "{bytes:x?}"
        );
        offsets.push(error.offset_in(&bytes));
    }
    // Where the byte is that the error is about, row by row.
    assert_eq!(
        offsets,
        [0, 0, 0, 0, 1, 7, 0, 0, 4, 2, 8, 8, 8, 10, 12, 12, 16]
    );
}

#[test]
fn padding_is_judged_byte_by_byte() {
    for (list, expected) in [
        (vec![1, 0, 1, 0, b'x', 0xFF, 0xFF, 0xFF], vec![]),
        (vec![1, 0, 1, 0, b'x', 0xFF, 0xFF], vec!["padding_missing"]),
        (vec![1, 0, 1, 0, b'x'], vec!["padding_missing"]),
        (
            vec![1, 0, 1, 0, b'x', 0xFF, 0, 0xFF],
            vec!["padding_not_ff"],
        ),
        (
            vec![1, 0, 1, 0, b'x', 0],
            vec!["padding_missing", "padding_not_ff"],
        ),
        (vec![1, 0, 4, 0, 0, 0, 0, 0], vec![]),
        (vec![1, 0, 0, 0], vec!["empty_item"]),
    ] {
        assert_eq!(codes(&image(1, &list)), expected, "{list:x?}");
    }
}

#[test]
fn ids_are_followed_within_each_kind() {
    let items = |ids: &[(u8, u8)]| {
        let list: Vec<u8> = ids
            .iter()
            .flat_map(|&(kind, id)| [kind, id, 4, 0, b'a', b'b', b'c', b'd'])
            .collect();
        image(u16::try_from(ids.len()).expect("few"), &list)
    };
    for (ids, expected) in [
        (vec![(1, 0), (1, 1), (1, 2)], vec![]),
        (
            vec![(1, 0), (2, 0), (1, 1), (3, 0), (2, 1)],
            vec!["mixed_types"],
        ),
        (vec![(2, 1)], vec!["id_out_of_sequence"]),
        (vec![(2, 0), (2, 0)], vec!["duplicate_id"]),
        // The third is where it should be; the second and the fourth are repetitions.
        (
            vec![(1, 0), (1, 0), (1, 2), (1, 2)],
            vec!["duplicate_id", "duplicate_id"],
        ),
        (
            vec![(3, 255), (3, 255)],
            vec!["id_out_of_sequence", "duplicate_id"],
        ),
    ] {
        assert_eq!(codes(&items(&ids)), expected, "{ids:?}");
    }
    let all: Vec<(u8, u8)> = (0..=255).map(|id| (1, id)).collect();
    assert_eq!(codes(&items(&all)), ["count_over_127"]);
    assert_eq!(codes(&items(&all[..128])), ["count_over_127"]);
    assert_eq!(codes(&items(&all[..127])), Vec::<&str>::new());
    let wrapped = [all.as_slice(), &[(1, 0)]].concat();
    assert_eq!(codes(&items(&wrapped)), ["count_over_127", "duplicate_id"]);
}

#[test]
fn what_follows_the_list_is_not_the_images() {
    let mut bytes = image(1, &[1, 0, 4, 0, 1, 2, 3, 4]);
    let len = bytes.len();
    bytes.extend([0xFF; 5]);
    assert_eq!(codes(&bytes), Vec::<&str>::new());
    bytes.push(0x7F);
    let image = Image::parse(&bytes).unwrap();
    assert_eq!(image.as_bytes(), &bytes[..len]);
    let warnings: Vec<ImageWarning> = image.warnings().collect();
    assert_eq!(warnings, [ImageWarning::TrailingData { offset: len + 5 }]);
}

#[test]
fn an_item_is_found_by_position_by_kind_and_by_id() {
    let bytes = bin!("mixed_interleaved.bin"); // ca ca key key cert
    let image = Image::parse(bytes).unwrap();
    let kinds: Vec<ItemKind> = image.items().map(|item| item.kind).collect();
    use ItemKind::{Ca, Cert, Key};
    assert_eq!(kinds, [Ca, Ca, Key, Key, Cert]);
    let items: Vec<_> = image.items().collect();
    assert_eq!(image.at(2), Some(items[2]));
    assert_eq!(image.at(5), None);
    assert_eq!(image.nth_of(Key, 1), Some(items[3]));
    assert_eq!(image.nth_of(Cert, 1), None);
    assert_eq!(image.get(Key, 1), Some(items[3]));
    assert_eq!(image.get(Cert, 1), None);
    assert_eq!(image.count_of(Ca), 2);
    for item in items {
        assert_eq!(bytes[item.offset], item.kind.type_byte());
    }
}

#[test]
fn the_device_walks_without_looking() {
    let two = bin!("two_ca_rsa_p256.bin");
    let view = DeviceView::new(two, 8192).unwrap();
    let len = |view: &DeviceView<'_>, n| view.item_len(n).map(|len| len.get());
    assert_eq!(view.count(), 2);
    assert_eq!(
        [0, 1, 2, 3].map(|n| len(&view, n)),
        [Some(1131), Some(603), None, None]
    );

    // The count lets one more through, and here there is one more.
    let mut one_of_two = two.to_vec();
    one_of_two[2] = 1;
    let view = DeviceView::new(&one_of_two, 8192).unwrap();
    assert_eq!(
        (view.count(), len(&view, 1), len(&view, 2)),
        (1, Some(603), None)
    );

    // A smaller partition: the list must fit, then the content must.
    let size = u32::try_from(two.len()).expect("32 bits");
    assert!(DeviceView::new(two, size).is_some_and(|view| view.count() == 2));
    assert_eq!(DeviceView::new(two, size - 1), None);
    for size in 0..8 {
        let view = DeviceView::new(&[], size).unwrap();
        assert_eq!((view.count(), len(&view, 0)), (-1, None));
    }
    let many = bin!("many_130.bin");
    let view = DeviceView::new(many, 8192).unwrap();
    assert_eq!(
        (view.count(), len(&view, 129), len(&view, 130)),
        (-126, Some(23), None)
    );
}

#[test]
fn limits_are_named_with_their_numbers() {
    let item = |content| NewItem {
        kind: ItemKind::Ca,
        content,
    };
    let mut out = [0; 64];
    assert_eq!(write_image(&[], &mut out), Err(WriteError::NoItems));
    assert_eq!(
        write_image(&[item(b"x"), item(b"")], &mut out),
        Err(WriteError::Empty { index: 1 })
    );
    let long = vec![b'x'; MAX_CONTENT_LEN + 1];
    assert_eq!(
        write_image(&[item(b"x"), item(&long)], &mut out),
        Err(WriteError::TooLong {
            index: 1,
            length: 65536
        })
    );
    let longest = [item(&long[1..])];
    let mut room = vec![0; image_size(&longest)];
    assert_eq!(write_image(&longest, &mut room), Ok(65548));
    assert_eq!(
        Image::parse(&room).unwrap().at(0).unwrap().content,
        &long[1..]
    );

    let many = vec![item(b"x".as_slice()); 257];
    assert_eq!(
        ImageWriter::new(&many).unwrap_err(),
        WriteError::TooManyOfOneType {
            kind: ItemKind::Ca,
            count: 257
        }
    );
    assert!(ImageWriter::new(&many[1..]).is_ok());

    let items = [item(b"four".as_slice()), item(b"five!")];
    for have in 0..28 {
        assert_eq!(
            write_image(&items, &mut out[..have]),
            Err(WriteError::BufferTooSmall { needed: 28, have })
        );
        assert!(
            out.iter().all(|&byte| byte == 0),
            "written although it does not fit"
        );
    }
    let writer = ImageWriter::new(&items).unwrap();
    assert_eq!(writer.size(), 28);
    assert!(writer.fitting(28).is_ok());
    assert_eq!(
        writer.fitting(27).unwrap_err(),
        WriteError::TooBigForPartition {
            size: 28,
            partition_size: 27
        }
    );
}

fn any_items() -> impl Strategy<Value = Vec<(ItemKind, Vec<u8>)>> {
    let kind = prop::sample::select(ItemKind::ALL.as_slice());
    let content = prop::collection::vec(any::<u8>(), 1..40);
    prop::collection::vec((kind, content), 1..24)
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(given in any_items(), erased in 0_usize..64) {
        let items: Vec<NewItem<'_>> = given
            .iter()
            .map(|(kind, content)| NewItem { kind: *kind, content })
            .collect();
        let writer = ImageWriter::new(&items).unwrap();
        let mut partition = vec![0xFF; writer.size() + erased];
        prop_assert_eq!(writer.write(&mut partition), Ok(writer.size()));

        let image = Image::parse(&partition).unwrap();
        prop_assert_eq!(image.as_bytes().len(), writer.size());
        let read: Vec<(u8, NewItem<'_>)> =
            image.items().map(|item| (item.id, item.into())).collect();
        let ordered: Vec<(u8, NewItem<'_>)> = writer.ordered().collect();
        prop_assert_eq!(&read, &ordered);
        prop_assert_eq!(read.len(), items.len());

        // Grouped, the groups in the order of first naming, nothing reordered within.
        let mut kinds: Vec<ItemKind> = items.iter().map(|item| item.kind).collect();
        kinds.retain({ let mut seen = Vec::new(); move |kind| { let new = !seen.contains(kind); seen.push(*kind); new } });
        let expected: Vec<NewItem<'_>> = kinds
            .iter()
            .flat_map(|kind| items.iter().filter(move |item| item.kind == *kind).copied())
            .collect();
        prop_assert_eq!(read.iter().map(|(_, item)| *item).collect::<Vec<_>>(), expected);

        let warnings: Vec<ImageWarning> = image.warnings().collect();
        let mixed: &[ImageWarning] = if kinds.len() > 1 { &[ImageWarning::MixedTypes] } else { &[] };
        prop_assert_eq!(warnings, mixed);
    }

    #[test]
    fn no_input_is_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..80), count in 0_u16..6) {
        look(&bytes);
        look(&image(count, &bytes));
    }
}

/// Everything there is to ask about an input. Slices must be inside, and in order.
fn look(bytes: &[u8]) {
    let _ = DeviceView::new(bytes, 8192).map(|view| (view.count(), view.item_len(1)));
    let Ok(image) = Image::parse(bytes) else {
        return;
    };
    let inside = bytes.as_ptr_range();
    let mut end = 8;
    let mut seen = 0;
    for item in image.items() {
        assert_eq!(item.offset, end);
        end += 4 + item.content.len() + item.padding.len();
        for slice in [item.content, item.padding] {
            let range = slice.as_ptr_range();
            assert!(inside.start <= range.start && range.end <= inside.end);
        }
        assert_eq!(item.content.as_ptr(), bytes[item.offset + 4..].as_ptr());
        seen += 1;
    }
    assert_eq!(seen, image.count());
    assert_eq!(end, image.as_bytes().len());
    assert!(image.warnings().count() <= usize::from(seen) * 4 + 3);
    let mut scratch = vec![0; bytes.len()];
    let mut reported = 0;
    let tally = lint::check_image(&image, &Context::default(), &mut scratch, &mut |finding| {
        reported += 1;
        assert!(!finding.to_string().is_empty());
    })
    .expect("nothing decodes to more than its length");
    assert_eq!(reported, tally.errors + tally.warnings);
}

#[test]
fn every_cut_and_every_flipped_byte_is_survived() {
    for bytes in [
        bin!("cert_key_together.bin"),
        bin!("two_ca_der_pem.bin"),
        bin!("key_p256_sec1_params.bin"),
        bin!("ca_nul.bin"),
        bin!("accepts_empty_file.bin"),
    ] {
        look(bytes);
        for len in 0..bytes.len() {
            look(&bytes[..len]);
            // A cut never reads as an image: the list length shows it.
            assert!(Image::parse(&bytes[..len]).is_err(), "cut at {len}");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1 << (at % 8);
            look(&changed);
        }
    }
}

#[test]
fn every_header_bit_is_survived() {
    let bytes = bin!("two_ca_p256_rsa.bin");
    let image = Image::parse(bytes).unwrap();
    let headers = image
        .items()
        .flat_map(|item| item.offset..item.offset + 4)
        .chain(0..8);
    for at in headers {
        for value in 0..=255 {
            let mut changed = bytes.to_vec();
            changed[at] = value;
            look(&changed);
        }
    }
}

#[test]
fn the_worked_example_of_the_format_page_is_true() {
    let page = include_str!("../../../docs/formats/pki-image.md");
    let bytes = bin!("two_ca_der_pem.bin");
    let mut lines = 0;
    for line in page.lines() {
        let mut words = line.split_whitespace();
        let Some(offset) = words
            .next()
            .filter(|word| word.len() == 8)
            .and_then(|word| usize::from_str_radix(word, 16).ok())
        else {
            continue;
        };
        let shown: Vec<u8> = words
            .map(|word| u8::from_str_radix(word, 16).expect("a byte"))
            .collect();
        assert_eq!(
            bytes.get(offset..offset + shown.len()),
            Some(shown.as_slice())
        );
        lines += 1;
    }
    assert_eq!(lines, 4);
}
