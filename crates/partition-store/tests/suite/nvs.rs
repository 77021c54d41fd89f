//! NVS without power cuts: the images of an independent writer, values of every kind and length, a
//! full partition, and what a second reader makes of what was written.

use std::collections::BTreeMap;

use embassy_futures::block_on;
use partition_store::mock::{Counts, MemFlash, MemFlashError, Rewrite};
use partition_store::nvs::{Cursor, Damage, Label, MAX_TEXT, ValueKind, ValueWrite};
use partition_store::table::Checksum;
use partition_store::{FlashStore, Nvs, NvsError, Partition, PartitionStore, write_table};
use serde_json::Value as Json;
use sha2::Digest;

use crate::support::{name, noise};
use crate::vectors::vectors;

pub(crate) const MFG: usize = 0x2_1000;

pub(crate) type Store = FlashStore<MemFlash>;

/// A flash whose `mfg_nvs` holds `image`; the strictest that lets bits of a word be cleared later.
pub(crate) fn holding(image: &[u8]) -> Store {
    let size = u32::try_from(image.len()).unwrap();
    let kind = partition_store::PartitionKind::Data;
    let user = partition_store::esp_at::USER;
    let primary = [
        Partition::new(name("nvs"), kind, 2, 0x1_2000, 0x4000).unwrap(),
        Partition::new(name("at_customize"), user, 0, 0x2_0000, 0x1000 + size).unwrap(),
    ];
    let secondary = [Partition::new(name("mfg_nvs"), kind, 2, 0x2_1000, size).unwrap()];
    let mut bytes = vec![0xff; MFG];
    write_table(primary, Checksum::None, &mut bytes[0x8000..0x9000]).unwrap();
    write_table(secondary, Checksum::Md5, &mut bytes[0x2_0000..0x2_1000]).unwrap();
    bytes.extend_from_slice(image);
    let mut flash = MemFlash::holding(bytes).on_rewrite(Rewrite::ClearBits);
    flash.reset_counts();
    block_on(FlashStore::open(flash)).unwrap()
}

pub(crate) fn blank(sectors: usize) -> Store {
    holding(&vec![0xff; sectors * 4096])
}

/// The partition's bytes.
pub(crate) fn image(store: Store) -> Vec<u8> {
    store.into_inner().bytes()[MFG..].to_vec()
}

pub(crate) fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

pub(crate) fn nvs(store: &mut Store) -> Nvs<'_, MemFlash> {
    block_on(Nvs::open(store.mfg_region().unwrap())).unwrap()
}

/// A value as a test sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Number(ValueKind, i64),
    Bytes(ValueKind, Vec<u8>),
    Damaged(Damage),
}

pub(crate) fn get(
    nvs: &mut Nvs<'_, MemFlash>,
    namespace: &str,
    key: &str,
) -> Result<Seen, NvsError<MemFlashError>> {
    let value = match block_on(nvs.find(label(namespace), label(key))) {
        Err(NvsError::Damaged(damage)) => return Ok(Seen::Damaged(damage)),
        other => other?,
    };
    if let Some(number) = value.number() {
        return Ok(Seen::Number(value.kind(), number));
    }
    let mut bytes = vec![0; usize::try_from(value.length()).unwrap()];
    block_on(nvs.read(&value, 0, &mut bytes))?;
    Ok(Seen::Bytes(value.kind(), bytes))
}

pub(crate) fn namespaces(nvs: &mut Nvs<'_, MemFlash>) -> Vec<Label> {
    let mut cursor = Cursor::new();
    let mut found = Vec::new();
    while let Some(name) = block_on(nvs.next_namespace(&mut cursor)).unwrap() {
        found.push(name);
    }
    found
}

/// Everything there is, by namespace and key.
pub(crate) fn everything(nvs: &mut Nvs<'_, MemFlash>) -> BTreeMap<(String, String), Seen> {
    let mut all = BTreeMap::new();
    for namespace in namespaces(nvs) {
        let (mut cursor, mut names) = (Cursor::new(), Cursor::new());
        while let Some(listed) = block_on(nvs.next_key(namespace, &mut cursor)).unwrap() {
            let name = block_on(nvs.next_name(namespace, &mut names)).unwrap();
            assert_eq!(name, Some((listed.key, listed.kind)));
            let seen = get(nvs, namespace.as_str(), listed.key.as_str()).unwrap();
            match (&seen, listed.damage) {
                (Seen::Damaged(found), Some(listed)) => assert_eq!(*found, listed),
                (Seen::Number(kind, _) | Seen::Bytes(kind, _), None) => {
                    assert_eq!(*kind, listed.kind);
                }
                (seen, damage) => panic!("{seen:?} listed with {damage:?}"),
            }
            let key = (namespace.to_string(), listed.key.to_string());
            assert!(
                all.insert(key, seen).is_none(),
                "{} listed twice",
                listed.key
            );
        }
        assert_eq!(block_on(nvs.next_name(namespace, &mut names)), Ok(None));
    }
    all
}

fn about() -> Vec<(Json, Vec<u8>)> {
    let folder = vectors();
    let text = std::fs::read(folder.join("manifest.json")).unwrap();
    let manifest: Json = serde_json::from_slice(&text).unwrap();
    let images = manifest["nvs"].as_array().unwrap().clone();
    assert!(images.len() >= 15);
    let with_bytes = |about: Json| {
        let file = folder.join(about["file"].as_str().unwrap());
        (about, std::fs::read(file).unwrap())
    };
    images.into_iter().map(with_bytes).collect()
}

/// The bytes of the vector with this name.
pub(crate) fn vector(name: &str) -> Vec<u8> {
    let mut all = about().into_iter();
    all.find(|(about, _)| about["name"] == name).unwrap().1
}

fn expected(entry: &Json) -> ((String, String), Json) {
    let text = |field: &str| entry[field].as_str().unwrap().to_owned();
    ((text("namespace"), text("key")), entry.clone())
}

#[test]
fn every_image_is_read_as_its_writer_meant_it() {
    for (about, bytes) in about() {
        let name = about["name"].as_str().unwrap();
        if about["expect"]["result"] == "error" {
            assert_eq!(about["expect"]["kind"], "size_not_multiple_of_4096");
            // No partition has such a size: the layout has refused it.
            assert!(!bytes.len().is_multiple_of(4096));
            continue;
        }
        let mut store = holding(&bytes);
        let region = store.mfg_region().unwrap();
        let mut nvs = block_on(Nvs::read_only(region)).unwrap();
        let listed: Vec<_> = namespaces(&mut nvs).iter().map(Label::to_string).collect();
        assert_eq!(Json::from(listed), about["expect"]["namespaces"], "{name}");

        let found = everything(&mut nvs);
        let entries = about["expect"]["entries"].as_array().unwrap();
        let good = found
            .iter()
            .filter(|(_, seen)| !matches!(seen, Seen::Damaged(_)));
        assert_eq!(good.count(), entries.len(), "{name}");
        for (key, entry) in entries.iter().map(expected) {
            match &found[&key] {
                Seen::Number(kind, number) => {
                    assert_eq!(entry["value"], *number, "{name}: {key:?}");
                    let kind = match kind {
                        ValueKind::U8 => "u8",
                        ValueKind::I8 => "i8",
                        ValueKind::I32 => "i32",
                        other => panic!("{other:?}"),
                    };
                    assert_eq!(entry["type"], kind);
                }
                Seen::Bytes(ValueKind::Text, text) => {
                    assert_eq!(entry["value"].as_str().unwrap().as_bytes(), text);
                }
                Seen::Bytes(_, bytes) => {
                    let hash = hex::encode(sha2::Sha256::digest(bytes));
                    assert_eq!(entry["sha256"], hash, "{name}: {key:?}");
                    let value = block_on(nvs.find(label(&key.0), label(&key.1))).unwrap();
                    let parts = entry["chunks"].as_u64().unwrap_or(1);
                    assert_eq!(value.parts(), usize::try_from(parts).unwrap());
                }
                Seen::Damaged(damage) => panic!("{name}: {key:?} {damage}"),
            }
        }
        // What is wrong with a value is said where it is looked for.
        let findings = about["expect"]["findings"].as_array().unwrap();
        let damaged = found.iter().filter_map(|(key, seen)| match seen {
            Seen::Damaged(damage) => Some((key.1.as_str(), damage.code())),
            _ => None,
        });
        let reported = findings.iter().filter_map(|finding| {
            let code = finding["kind"].as_str().unwrap();
            Some((finding["key"].as_str()?, code))
                .filter(|_| code != "chunk_missing" || findings.len() == 1)
        });
        assert_eq!(
            damaged.collect::<Vec<_>>(),
            reported.collect::<Vec<_>>(),
            "{name}"
        );
        assert!(image(store) == bytes, "{name}: reading changes nothing");
    }
}

#[test]
fn what_the_generator_made_is_made_again_byte_for_byte() {
    let mut compared = 0;
    for (about, bytes) in about() {
        let made_by = about["made_by"].as_str().unwrap();
        let other_format = made_by.contains("--version 1") || made_by.contains("0.1.2");
        if about.get("csv").is_none() || other_format {
            continue;
        }
        let mut from = holding(&bytes);
        let mut from = nvs(&mut from);
        let mut to = blank(bytes.len() / 4096);
        let mut out = nvs(&mut to);
        for entry in about["expect"]["entries"].as_array().unwrap() {
            let ((namespace, key), _) = expected(entry);
            let (ns, name) = (label(&namespace), label(&key));
            match get(&mut from, &namespace, &key).unwrap() {
                Seen::Number(kind, number) => block_on(out.set_number(ns, name, kind, number)),
                Seen::Bytes(ValueKind::Text, text) => block_on(out.set_text(ns, name, &text)),
                Seen::Bytes(_, bytes) => block_on(out.set_binary(ns, name, &bytes)),
                Seen::Damaged(damage) => panic!("{damage}"),
            }
            .unwrap();
        }
        let made = image(to);
        let first = made
            .iter()
            .zip(&bytes)
            .position(|(made, wanted)| made != wanted);
        assert_eq!(first, None, "{}", about["name"]);
        compared += 1;
    }
    assert_eq!(compared, 6);
}

/// Every value as a second reader sees it.
fn by_esp_nvs(bytes: Vec<u8>) -> BTreeMap<(String, String), Vec<u8>> {
    use esp_nvs::{Get, ItemType, Key, Nvs, mem_flash::MemFlash};
    let size = bytes.len();
    let mut nvs = Nvs::new(0, size, MemFlash::from_bytes(bytes)).unwrap();
    let keys: Vec<_> = nvs.typed_entries().map(Result::unwrap).collect();
    let mut all = BTreeMap::new();
    for (namespace, key, kind) in keys {
        let (ns, k): (&Key, &Key) = (&namespace, &key);
        let bytes = match kind {
            ItemType::Sized => Get::<String>::get(&mut nvs, ns, k).unwrap().into_bytes(),
            ItemType::BlobIndex | ItemType::Blob => Get::<Vec<u8>>::get(&mut nvs, ns, k).unwrap(),
            ItemType::U8 => vec![Get::<u8>::get(&mut nvs, ns, k).unwrap()],
            ItemType::I32 => Get::<i32>::get(&mut nvs, ns, k)
                .unwrap()
                .to_le_bytes()
                .to_vec(),
            _ => continue,
        };
        all.insert(
            (namespace.as_str().to_owned(), key.as_str().to_owned()),
            bytes,
        );
    }
    all
}

/// The same of ours, for comparison.
pub(crate) fn as_bytes(seen: &Seen) -> Vec<u8> {
    match seen {
        Seen::Number(ValueKind::U8, number) => vec![u8::try_from(*number).unwrap()],
        Seen::Number(ValueKind::I32, number) => {
            i32::try_from(*number).unwrap().to_le_bytes().to_vec()
        }
        Seen::Number(kind, _) => panic!("{kind:?}"),
        Seen::Bytes(_, bytes) => bytes.clone(),
        Seen::Damaged(damage) => panic!("{damage}"),
    }
}

#[test]
fn another_reader_finds_the_same_after_hundreds_of_changes() {
    // Five pages for about two pages of values: pages are freed again and again.
    let mut store = blank(5);
    let mut model: BTreeMap<(String, String), Vec<u8>> = BTreeMap::new();
    for round in 0..400_u32 {
        let mut nvs = nvs(&mut store);
        let dice = noise(4, round);
        let namespace = ["client_ca", "factory_param", "ble_data"][usize::from(dice[0] % 3)];
        let key = format!("key.{}", dice[1] % 5);
        let (ns, name) = (label(namespace), label(&key));
        let place = (namespace.to_owned(), key.clone());
        let length = usize::from(dice[2]) * 4 + 1;
        match dice[3] % 6 {
            0 => {
                block_on(nvs.set_number(ns, name, ValueKind::U8, i64::from(dice[2]))).unwrap();
                model.insert(place, vec![dice[2]]);
            }
            1 => {
                let number = -i64::from(dice[2]) * 1_000_003;
                block_on(nvs.set_number(ns, name, ValueKind::I32, number)).unwrap();
                model.insert(place, i32::try_from(number).unwrap().to_le_bytes().to_vec());
            }
            2 => {
                let text = vec![b'a' + dice[2] % 26; length];
                block_on(nvs.set_text(ns, name, &text)).unwrap();
                model.insert(place, text);
            }
            3 if model.contains_key(&place) => {
                block_on(nvs.erase_key(ns, name)).unwrap();
                model.remove(&place);
            }
            _ => {
                let bytes = noise(length, round + 9000);
                block_on(nvs.set_binary(ns, name, &bytes)).unwrap();
                model.insert(place, bytes);
            }
        }
        if round % 20 != 19 {
            continue;
        }
        let found = everything(&mut nvs);
        let found: BTreeMap<_, _> = found
            .iter()
            .map(|(key, seen)| (key.clone(), as_bytes(seen)))
            .collect();
        assert_eq!(found, model, "round {round}");
        let raw = store.layout().mfg().map(|mfg| mfg.size());
        assert_eq!(raw, Some(5 * 4096));
        let copy = image(block_on(FlashStore::open(store.into_inner())).unwrap());
        assert_eq!(by_esp_nvs(copy.clone()), model, "round {round}");
        store = holding(&copy);
    }
}

#[test]
fn every_length_comes_back_in_pieces_of_every_size() {
    let mut store = blank(6);
    let (ns, key) = (label("client_ca"), label("client_ca.0"));
    let lengths = (1..=100).chain([991, 992, 993, 3967, 3968, 3969, 4000, 4001, 8000, 8191]);
    for length in lengths {
        let bytes = noise(length, 3);
        let mut buffer = vec![0; length];
        let mut nvs = nvs(&mut store);
        let begun = ValueWrite::begin(&mut nvs, ns, key, ValueKind::Binary, length, &mut buffer);
        let mut write = block_on(begun).unwrap();
        for piece in bytes.chunks(37) {
            assert_eq!(write.push(piece), piece.len());
        }
        assert_eq!((write.remaining(), write.push(b"more")), (0, 0));
        block_on(write.commit(&mut nvs)).unwrap();
        let value = block_on(nvs.find(ns, key)).unwrap();
        assert_eq!(
            (value.kind(), value.length()),
            (ValueKind::Binary, u32::try_from(length).unwrap())
        );
        for size in [1, 7, 64, 4000] {
            for (index, piece) in bytes.chunks(size).enumerate() {
                let mut found = vec![0; piece.len()];
                let offset = u32::try_from(index * size).unwrap();
                block_on(nvs.read(&value, offset, &mut found)).unwrap();
                assert_eq!(found, piece, "{length} in pieces of {size}");
            }
        }
        let beyond = block_on(nvs.read(&value, 1, &mut vec![0; length]));
        assert!(matches!(beyond, Err(NvsError::BadRange { offset: 1, .. })));
    }
}

#[test]
fn the_ends_of_every_range_of_numbers_come_back() {
    let mut store = blank(3);
    let mut nvs = nvs(&mut store);
    for kind in ValueKind::ALL {
        let (ns, key) = (label("factory_param"), label("n"));
        let Some((least, greatest)) = kind.range() else {
            let result = block_on(nvs.set_number(ns, key, kind, 0));
            assert_eq!(result, Err(NvsError::WrongKind));
            continue;
        };
        for number in [least, 0, greatest] {
            block_on(nvs.set_number(ns, key, kind, number)).unwrap();
            assert_eq!(
                get(&mut nvs, "factory_param", "n"),
                Ok(Seen::Number(kind, number))
            );
        }
        for number in [least - 1, greatest + 1, i64::MIN, i64::MAX] {
            let result = block_on(nvs.set_number(ns, key, kind, number));
            assert_eq!(result, Err(NvsError::NumberOutOfRange { least, greatest }));
        }
    }
}

#[test]
fn a_key_has_one_value_whatever_type_it_had() {
    let mut store = blank(4);
    let mut nvs = nvs(&mut store);
    let (ns, key) = (label("n"), label("k"));
    block_on(nvs.set_binary(ns, key, &noise(5000, 1))).unwrap();
    block_on(nvs.set_text(ns, key, b"text")).unwrap();
    assert_eq!(everything(&mut nvs).len(), 1);
    assert_eq!(
        get(&mut nvs, "n", "k"),
        Ok(Seen::Bytes(ValueKind::Text, b"text".to_vec()))
    );
    block_on(nvs.set_number(ns, key, ValueKind::U16, 7)).unwrap();
    assert_eq!(get(&mut nvs, "n", "k"), Ok(Seen::Number(ValueKind::U16, 7)));
    block_on(nvs.erase_key(ns, key)).unwrap();
    assert_eq!(get(&mut nvs, "n", "k"), Err(NvsError::NoSuchKey));
    assert_eq!(block_on(nvs.erase_key(ns, key)), Err(NvsError::NoSuchKey));
    // The namespace stays, as with ESP-IDF.
    assert_eq!(namespaces(&mut nvs), [ns]);
    assert_eq!(
        block_on(nvs.erase_key(label("other"), key)),
        Err(NvsError::NoSuchNamespace)
    );
}

#[test]
fn values_are_refused_before_anything_changes() {
    let mut store = blank(3);
    let (ns, key) = (label("n"), label("k"));
    let before = store.layout().mfg().unwrap().size();
    let mut nvs = nvs(&mut store);
    let long = vec![b'a'; MAX_TEXT + 1];
    assert_eq!(
        block_on(nvs.set_text(ns, key, &long)),
        Err(NvsError::TooLong {
            length: 4000,
            max: 3999
        })
    );
    assert_eq!(
        block_on(nvs.set_text(ns, key, b"a\0b")),
        Err(NvsError::EmbeddedNul { offset: 1 })
    );
    assert_eq!(block_on(nvs.set_binary(ns, key, b"")), Err(NvsError::Empty));
    let mut small = [0; 10];
    let begun = ValueWrite::begin(&mut nvs, ns, key, ValueKind::Binary, 11, &mut small);
    let error = NvsError::BufferTooSmall {
        needed: 11,
        available: 10,
    };
    assert_eq!(block_on(begun).unwrap_err(), error);
    let begun = ValueWrite::begin(&mut nvs, ns, key, ValueKind::Text, 10, &mut small);
    let write = block_on(begun).unwrap();
    assert_eq!(
        block_on(write.commit(&mut nvs)),
        Err(NvsError::Incomplete { missing: 10 })
    );
    // Two pages of 126 entries, of which a new namespace takes one, and a value two more.
    let most = (2 * 126 - 3) * 32;
    let error = NvsError::NoRoom {
        needed: 2 * 126 * 32 + 32,
        available: 2 * 126 * 32,
    };
    assert_eq!(
        block_on(nvs.set_binary(ns, key, &noise(most + 1, 1))),
        Err(error)
    );
    let untouched = image(store);
    assert_eq!(untouched.len(), usize::try_from(before).unwrap());
    assert!(untouched.iter().all(|byte| *byte == 0xff));
}

#[test]
fn a_full_partition_says_so_and_keeps_what_it_has() {
    let mut store = blank(3);
    let mut number = 0_u32;
    let error = loop {
        let mut nvs = nvs(&mut store);
        let key = format!("k{number}");
        match block_on(nvs.set_binary(label("n"), label(&key), &noise(300, number))) {
            Ok(()) => number += 1,
            Err(error) => break error,
        }
    };
    // 12 entries each, of 2 × 126 less the namespace's.
    assert_eq!(number, 20);
    let NvsError::NoRoom { needed, available } = error else {
        panic!("{error:?}");
    };
    assert!(needed == 12 * 32 && available < needed, "{error:?}");
    let mut nvs = nvs(&mut store);
    for number in 0..number {
        let seen = get(&mut nvs, "n", &format!("k{number}"));
        assert_eq!(seen, Ok(Seen::Bytes(ValueKind::Binary, noise(300, number))));
    }
    // A value can go, and another come in its place.
    block_on(nvs.erase_key(label("n"), label("k7"))).unwrap();
    block_on(nvs.set_binary(label("n"), label("new"), &noise(300, 99))).unwrap();
    assert_eq!(everything(&mut nvs).len(), 20);
}

#[test]
fn names_are_those_that_can_stand_on_the_port() {
    for good in ["a", "client_ca.255", "fifteen_letters", " "] {
        assert_eq!(Label::new(good).unwrap().as_str(), good);
    }
    for bad in ["", "sixteen_letters_", "a\"b", "a\\b", "a\nb", "é", "a\0b"] {
        assert_eq!(Label::new(bad), None, "{bad:?}");
    }
    assert_eq!(
        Label::numbered("client_ca", 255).unwrap().as_str(),
        "client_ca.255"
    );
    assert_eq!(Label::numbered("client_cert_of", 1), None);
}

#[test]
fn what_is_there_already_is_not_written_again() {
    let mut store = holding(&vector("esp32_all"));
    let mut nvs = nvs(&mut store);
    for ((namespace, key), seen) in everything(&mut nvs) {
        let (ns, key) = (label(&namespace), label(&key));
        match seen {
            Seen::Number(kind, number) => block_on(nvs.set_number(ns, key, kind, number)),
            Seen::Bytes(ValueKind::Text, text) => block_on(nvs.set_text(ns, key, &text)),
            Seen::Bytes(_, bytes) => block_on(nvs.set_binary(ns, key, &bytes)),
            Seen::Damaged(damage) => panic!("{damage}"),
        }
        .unwrap();
    }
    let counts = store.into_inner().counts();
    assert_eq!((counts.writes, counts.sectors_erased), (0, 0));
}

#[test]
fn a_replaced_certificate_costs_its_entries_and_their_marks() {
    let mut store = holding(&vector("client_ca_only"));
    let mut nvs = nvs(&mut store);
    block_on(nvs.set_binary(label("client_ca"), label("client_ca.0"), &noise(603, 5))).unwrap();
    let Counts {
        writes,
        bytes_written,
        sectors_erased,
        ..
    } = store.into_inner().counts();
    // 20 entries and the index; a word of marks for the first one, two for what is behind it, one
    // for the index; of the old value, one for the index and two for the rest.
    assert_eq!(
        (writes, bytes_written, sectors_erased),
        (28, 21 * 32 + 7 * 4, 0)
    );
}

#[test]
fn the_bytes_of_the_format_page_are_those_of_the_image() {
    let page = include_str!("../../../../docs/formats/mfg-nvs.md");
    let bytes = vector("client_ca_only");
    let mut shown = 0;
    for line in page.lines() {
        // An address, then 16 bytes, then words about them.
        let mut words = line.split_ascii_whitespace();
        let address = words.next().filter(|word| word.len() == 8);
        let Some(at) = address.and_then(|word| usize::from_str_radix(word, 16).ok()) else {
            continue;
        };
        let hex: String = words.take(16).collect();
        assert_eq!(hex, hex::encode(&bytes[at..at + 16]), "{line}");
        shown += 1;
    }
    assert_eq!(shown, 10);
}

#[test]
fn what_a_command_holds_while_it_waits_is_known() {
    // Bytes of a future on this host: what a modem sets aside for it.
    let mut store = blank(3);
    let opening = size_of_val(&Nvs::open(store.mfg_region().unwrap()));
    let mut nvs = nvs(&mut store);
    let (ns, key) = (label("n"), label("k"));
    let finding = size_of_val(&nvs.find(ns, key));
    let writing = size_of_val(&nvs.set_binary(ns, key, b""));
    let sizes = [opening, finding, writing];
    assert!(sizes.iter().all(|size| *size <= 2560), "{sizes:?}");
    assert!(size_of_val(&nvs) <= 512);
}
