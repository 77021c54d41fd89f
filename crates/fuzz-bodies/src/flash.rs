//! Flash of any content: partition tables, settings, `mfg_nvs`.

use std::collections::BTreeMap;

use crc::{Algorithm, CRC_32_ISCSI, Crc};
use embassy_futures::block_on;
use partition_store::esp_at::USER;
use partition_store::mock::{MemFlash, Rewrite};
use partition_store::nvs::{Cursor, Label, Nvs, ValueKind};
use partition_store::settings::{Opened, Owner};
use partition_store::table::Checksum;
use partition_store::{
    FlashStore, Partition, PartitionKind, PartitionName, PartitionStore, Settings, SettingsError,
    Table, write_table,
};

use crate::take::Take;

/// Where the partitions of [`small_flash`] begin, and the size of each.
const NVS: usize = 0x9000;
const MFG: usize = 0xf000;
const PART: usize = 0x5000;

/// Whose settings a modem's are.
const OWNER: Owner = Owner {
    magic: *b"espatset",
    version: 1,
};

/// A flash with both tables, `nvs`, `mfg_nvs` and a user partition.
pub(crate) fn small_flash() -> Vec<u8> {
    let partition = |name, kind, subtype, at: usize, size: usize| {
        let (at, size) = (u32::try_from(at).unwrap(), u32::try_from(size).unwrap());
        Partition::new(PartitionName::new(name).unwrap(), kind, subtype, at, size).unwrap()
    };
    let mut bytes = vec![0xff; 0x1_6000];
    let primary = [
        partition("nvs", PartitionKind::Data, 2, NVS, PART),
        partition("at_customize", USER, 0, 0xe000, 0x8000),
    ];
    let secondary = [
        partition("mfg_nvs", PartitionKind::Data, 2, MFG, PART),
        partition("user", USER, 1, MFG + PART, 0x2000),
    ];
    write_table(primary, Checksum::None, &mut bytes[0x8000..0x9000]).unwrap();
    write_table(secondary, Checksum::Md5, &mut bytes[0xe000..0xf000]).unwrap();
    bytes
}

/// A table that was read is written as one that says the same; no partition that is handed out leaves
/// the flash.
pub(crate) fn tables(data: &[u8]) {
    if let Ok(table) = Table::parse(data) {
        let entries: Vec<_> = table.entries().collect();
        for entry in &entries {
            assert!(entry.offset().checked_add(entry.size()).is_some());
        }
        for warning in table.warnings() {
            let _ = format!("{warning:?} {warning}");
        }
        let mut out = vec![0; 0xc00];
        if let Ok(len) = write_table(entries.iter().copied(), Checksum::Md5, &mut out) {
            let again = Table::parse(&out[..len]).expect("ours");
            assert_eq!(again.entries().collect::<Vec<_>>(), entries);
        }
    }
    let (primary, secondary) = data.split_at(data.len() / 2);
    let mut bytes = vec![0xff; 0x1_8000];
    for (at, table) in [(0x8000, primary), (0xe000, secondary)] {
        let table = &table[..table.len().min(0x1000)];
        bytes[at..at + table.len()].copy_from_slice(table);
    }
    let size = u32::try_from(bytes.len()).unwrap();
    let flash = MemFlash::holding(bytes).on_rewrite(Rewrite::And);
    let Ok(mut store) = block_on(FlashStore::open(flash)) else {
        return;
    };
    let all: Vec<Partition> = store.partitions().to_vec();
    for partition in &all {
        assert!(partition.size() > 0 && partition.end() <= size);
        if let Ok(mut region) = store.user_region(partition.name().as_str()) {
            let mut bytes = [0; 16];
            let _ = block_on(region.read_at(0, &mut bytes));
            for at in [region.size(), u32::MAX - 3] {
                assert!(block_on(region.read_at(at, &mut bytes)).is_err());
            }
        }
    }
    let before = store.into_inner();
    let mut store = block_on(FlashStore::open(before)).expect("as before");
    let _ = block_on(Settings::<_, u8>::open(store.settings_region(), OWNER)).map(drop);
    let again = block_on(FlashStore::open(store.into_inner())).expect("settings are no table");
    assert!(again.partitions().iter().copied().eq(all));
}

const CRC16: Crc<u16> = Crc::<u16>::new(&Algorithm {
    width: 16,
    poly: 0x7458,
    init: 0xffff,
    refin: true,
    refout: true,
    xorout: 0xffff,
    check: 0,
    residue: 0,
});
const CRC32: Crc<u32> = Crc::<u32>::new(&Algorithm {
    init: 0x7777_7777,
    ..CRC_32_ISCSI
});

/// A record of the settings' map, as its library writes them: with right checksums, if `right`.
fn settings_record(data: &[u8], right: bool) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_le_bytes();
    let crc = match CRC32.checksum(data) {
        0 => 1,
        crc if [0, 0xff].contains(&crc.to_le_bytes()[0]) => crc ^ 1,
        crc => crc,
    };
    let mut record = if right { crc } else { crc ^ 0x100 }.to_le_bytes().to_vec();
    record.extend(length);
    record.extend(CRC16.checksum(&length).to_le_bytes());
    record.extend(data);
    record.resize(record.len().next_multiple_of(4), 0);
    record
}

/// Sectors of records, some of which no library writes, and single bytes anywhere.
pub(crate) fn settings_content(take: &mut Take<'_>, part: &mut [u8]) {
    part[..16].copy_from_slice(b"espatset\x01\0\0\0\xfe\xff\xff\xff");
    for page in part[4096..].chunks_mut(4096) {
        let how = take.u8();
        if how & 3 == 0 {
            continue;
        }
        page[..4].fill(if how & 4 != 0 { take.u8() } else { 0 });
        if how & 3 == 2 {
            page[4092..].fill(if how & 8 != 0 { take.u8() } else { 0 });
        }
        let mut at = 4;
        for _ in 0..take.u8() & 31 {
            let kind = take.u8();
            let length = match kind & 7 {
                0 => usize::from(take.u16() & 0x1fff),
                1 => usize::from(take.u8() & 3),
                _ => 2 + usize::from(take.u8() % 40),
            };
            let mut data = vec![
                take.one_of(&[1, 2, 0x10, 0x11, 0x80]),
                u8::from(kind & 16 == 0),
            ];
            data.extend(take.bytes(length.min(64)));
            data.resize(length, 0x55);
            let record = settings_record(&data, kind & 0xe0 != 0);
            let Some(place) = page.get_mut(at..at + record.len()) else {
                break;
            };
            place.copy_from_slice(&record);
            at += record.len();
        }
        if how & 16 != 0 {
            for _ in 0..take.u8() & 7 {
                page[usize::from(take.u16()) % 4096] = take.u8();
            }
        }
    }
}

/// Settings open whatever flash holds, and what is set is what is read, also after a restart.
pub(crate) fn settings(data: &[u8]) {
    let mut take = Take(data);
    let mode = take.u8();
    let mut bytes = small_flash();
    let part = &mut bytes[NVS..NVS + PART];
    if mode & 3 == 0 {
        let count = usize::from(take.u16()) % PART;
        let raw = take.bytes(count);
        part[..raw.len()].copy_from_slice(raw);
    } else {
        settings_content(&mut take, part);
    }
    let outside = [&bytes[..NVS], &bytes[NVS + PART..]].concat();
    let flash = MemFlash::holding(bytes).on_rewrite(Rewrite::And);
    let mut store = block_on(FlashStore::open(flash)).unwrap();
    block_on(Settings::<_, u8>::open(store.settings_region(), OWNER)).expect("a flash that works");

    const KEYS: [u8; 5] = [1, 2, 0x10, 0x11, 0x80];
    let read = |store: &mut FlashStore<MemFlash>| -> BTreeMap<u8, Vec<u8>> {
        let mut buffer = [0; 512];
        let mut all = BTreeMap::new();
        for key in KEYS {
            let mut settings =
                block_on(Settings::<_, u8>::attach(store.settings_region(), OWNER)).unwrap();
            if let Some(value) = block_on(settings.get(key, &mut buffer)).expect("checked") {
                all.insert(key, value.to_vec());
            }
        }
        all
    };
    let mut model = read(&mut store);
    for _ in 0..24 {
        if take.is_empty() {
            break;
        }
        let (op, key) = (take.u8(), take.one_of(&KEYS));
        let value = vec![take.u8(); usize::from(op >> 2) * 4];
        if op & 3 == 3 {
            let opened = block_on(Settings::<_, u8>::open(store.settings_region(), OWNER));
            assert_eq!(opened.unwrap().1, Opened::Ready);
        } else {
            let mut settings =
                block_on(Settings::<_, u8>::attach(store.settings_region(), OWNER)).unwrap();
            let done = if op & 3 == 0 {
                block_on(settings.remove(key)).map(|()| drop(model.remove(&key)))
            } else {
                block_on(settings.set(key, &value)).map(|()| drop(model.insert(key, value)))
            };
            match done {
                Ok(()) | Err(SettingsError::Full) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(read(&mut store), model, "after {op:#x}");
    }
    let flash = store.into_inner();
    let bytes = flash.bytes();
    assert!([&bytes[..NVS], &bytes[NVS + PART..]].concat() == outside);
}

const NVS_CRC: Crc<u32> = Crc::<u32>::new(&Algorithm {
    width: 32,
    poly: 0x04c1_1db7,
    init: 0,
    refin: true,
    refout: true,
    xorout: 0xffff_ffff,
    check: 0,
    residue: 0,
});

/// Pages of NVS with right checksums, items of every type, and some that no writer makes.
pub(crate) fn nvs_content(take: &mut Take<'_>, part: &mut [u8]) {
    for (number, page) in part.chunks_mut(4096).enumerate() {
        let how = take.u8();
        if how & 7 == 0 {
            continue;
        }
        let state = take.one_of(&[0xffff_fffe_u32, 0xffff_fffc, 0xffff_fff8, 0xffff_fffe]);
        page[..4].copy_from_slice(&state.to_le_bytes());
        let sequence = u32::try_from(number).unwrap() ^ u32::from(take.u8() & 1);
        page[4..8].copy_from_slice(&sequence.to_le_bytes());
        page[8] = 0xfe;
        let sum = NVS_CRC.checksum(&page[4..28]);
        page[28..32].copy_from_slice(&sum.to_le_bytes());
        let mut entry = 0;
        for _ in 0..take.u8() & 31 {
            entry += nvs_item(take, page, entry);
            if entry >= 126 {
                break;
            }
        }
        if how & 8 != 0 {
            for _ in 0..take.u8() & 7 {
                page[usize::from(take.u16()) % 4096] = take.u8();
            }
        }
    }
}

/// One item at an entry of a page; how many entries it takes.
fn nvs_item(take: &mut Take<'_>, page: &mut [u8], entry: usize) -> usize {
    let how = take.u8();
    let kind = take.one_of(&[0x01, 0x21, 0x42, 0x48, 0x11, 0x04, 0x41, 0x08]);
    let namespace = if how & 8 != 0 { 0 } else { 1 + (how >> 6) };
    let count = usize::from(take.u16() % 700);
    let mut data = take.bytes(count).to_vec();
    let mut value = [0xff; 8];
    let mut span = 1;
    match kind {
        0x21 | 0x42 | 0x41 => {
            if kind == 0x21 {
                data.push(0);
            }
            span += data.len().div_ceil(32);
            value[..2].copy_from_slice(&u16::try_from(data.len()).unwrap().to_le_bytes());
            value[4..].copy_from_slice(&NVS_CRC.checksum(&data).to_le_bytes());
        }
        0x48 => {
            value[..4].copy_from_slice(&(take.u32() & 0x7ff).to_le_bytes());
            value[4..6].copy_from_slice(&[take.u8() & 7, take.u8() & 0x83]);
        }
        _ => value.fill_with(|| take.u8()),
    }
    let chunk = if kind == 0x42 { take.u8() & 0x83 } else { 0xff };
    let said = if how & 32 != 0 {
        usize::from(take.u8())
    } else {
        span
    };
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&[namespace, kind, u8::try_from(said % 256).unwrap(), chunk]);
    bytes[8] = b'a' + take.u8() % 4;
    bytes[24..].copy_from_slice(&value);
    let mut sum = NVS_CRC.digest();
    sum.update(&bytes[..4]);
    sum.update(&bytes[8..]);
    bytes[4..8].copy_from_slice(&sum.finalize().to_le_bytes());
    let at = 64 + entry * 32;
    page[at..at + 32].copy_from_slice(&bytes);
    if let Some(place) = page.get_mut(at + 32..at + 32 + data.len()) {
        place.copy_from_slice(&data);
    }
    for used in entry..(entry + span).min(126) {
        let (byte, bits) = (32 + used / 4, used % 4 * 2);
        page[byte] = page[byte] & !(3 << bits) | 2 << bits;
    }
    span
}

type Values = BTreeMap<(String, String), (ValueKind, Vec<u8>, Option<i64>)>;

/// Every value that can be read.
fn values(store: &mut FlashStore<MemFlash>) -> Values {
    let mut all = BTreeMap::new();
    let Ok(mut nvs) = block_on(Nvs::read_only(store.mfg_region().unwrap())) else {
        return all;
    };
    let mut names = Cursor::new();
    while let Some(namespace) = block_on(nvs.next_namespace(&mut names)).expect("flash that works")
    {
        let mut keys = Cursor::new();
        while let Some(listed) = block_on(nvs.next_key(namespace, &mut keys)).expect("the same") {
            let Ok(value) = block_on(nvs.find(namespace, listed.key)) else {
                assert!(listed.damage.is_some(), "{namespace} {}", listed.key);
                continue;
            };
            assert_eq!(listed.damage, None, "{namespace} {}", listed.key);
            let mut bytes = vec![0; usize::try_from(value.length()).unwrap()];
            block_on(nvs.read(&value, 0, &mut bytes)).expect("a value that was checked");
            assert!(block_on(nvs.read(&value, value.length(), &mut [0])).is_err());
            let id = (namespace.to_string(), listed.key.to_string());
            let listed_twice = all.insert(id, (value.kind(), bytes, value.number()));
            assert!(listed_twice.is_none());
        }
    }
    all
}

/// One change of a value, in flash and in the model.
fn nvs_change(take: &mut Take<'_>, op: u8, store: &mut FlashStore<MemFlash>, model: &mut Values) {
    let names = ["x", "ns1", "a", "b"].map(|name| Label::new(name).unwrap());
    let keys = ["a", "b", "c", "long.key.name15"].map(|name| Label::new(name).unwrap());
    let (namespace, key) = (take.one_of(&names), take.one_of(&keys));
    let id = (namespace.to_string(), key.to_string());
    let count = usize::from(take.u16()) % 5000;
    let bytes = vec![take.u8() | 1; count];
    let mut nvs = block_on(Nvs::attach(store.mfg_region().unwrap())).expect("it was opened");
    match op & 3 {
        0 => {
            let number = i64::from(take.u32());
            if block_on(nvs.set_number(namespace, key, ValueKind::U32, number)).is_ok() {
                model.insert(id, (ValueKind::U32, Vec::new(), Some(number)));
            }
        }
        1 if block_on(nvs.set_text(namespace, key, &bytes)).is_ok() => {
            model.insert(id, (ValueKind::Text, bytes, None));
        }
        2 if block_on(nvs.set_binary(namespace, key, &bytes)).is_ok() => {
            model.insert(id, (ValueKind::Binary, bytes, None));
        }
        3 if block_on(nvs.erase_key(namespace, key)).is_ok() => {
            model.remove(&id);
        }
        _ => {}
    }
}

/// Opening repairs and loses nothing that could be read; afterwards what is set is what is read.
pub(crate) fn nvs(data: &[u8]) {
    let mut take = Take(data);
    let mut bytes = small_flash();
    let part = &mut bytes[MFG..MFG + PART];
    if take.u8() & 3 == 0 {
        let count = usize::from(take.u16()) % PART;
        let raw = take.bytes(count);
        part[..raw.len()].copy_from_slice(raw);
    } else {
        nvs_content(&mut take, part);
    }
    let outside = [&bytes[..MFG], &bytes[MFG + PART..]].concat();
    let flash = MemFlash::holding(bytes).on_rewrite(Rewrite::And);
    let mut store = block_on(FlashStore::open(flash)).unwrap();
    let before = values(&mut store);
    if block_on(Nvs::open(store.mfg_region().unwrap()))
        .map(drop)
        .is_err()
    {
        return;
    }
    let mut model = values(&mut store);
    assert_eq!(before, model, "opening changed values");
    for _ in 0..16 {
        if take.is_empty() {
            break;
        }
        let op = take.u8();
        nvs_change(&mut take, op, &mut store, &mut model);
        if op & 64 != 0 {
            block_on(Nvs::open(store.mfg_region().unwrap()))
                .map(drop)
                .expect("opens again");
        }
        let now = values(&mut store);
        assert!(
            now.keys().eq(model.keys()),
            "after {op:#x}: {:?} instead of {:?}",
            now.keys(),
            model.keys()
        );
        assert!(now == model, "another value after {op:#x}");
    }
    let flash = store.into_inner();
    let bytes = flash.bytes();
    assert!([&bytes[..MFG], &bytes[MFG + PART..]].concat() == outside);
}
