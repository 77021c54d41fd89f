//! Settings without power cuts: values, cost, foreign flash, full flash.

use embassy_futures::block_on;
use partition_store::mock::{Counts, MemFlash, Rewrite};
use partition_store::settings::{Found, Opened, VALUE_MAX};
use partition_store::{Chip, FlashStore, PartitionStore, Settings, SettingsError};

use crate::key::{Key, LINKS, OWNER};
use crate::support::{compact, compact_with, formatted, noise, open, slice_of};

pub(crate) const NVS: usize = 0x1_2000;

/// The value of `key`, as flash has it.
pub(crate) fn get(settings: &mut Settings<'_, MemFlash, Key>, key: Key) -> Option<Vec<u8>> {
    let mut buffer = [0; VALUE_MAX];
    block_on(settings.get(key, &mut buffer))
        .unwrap()
        .map(<[u8]>::to_vec)
}

pub(crate) fn opened(store: &mut FlashStore<MemFlash>) -> (Settings<'_, MemFlash, Key>, Opened) {
    block_on(Settings::open(store.settings_region(), OWNER)).unwrap()
}

/// A flash whose `nvs` has this many sectors, formatted for settings.
pub(crate) fn small(sectors: u32) -> MemFlash {
    let mut store = open(compact_with(sectors));
    block_on(Settings::<_, Key>::open(store.settings_region(), OWNER)).unwrap();
    let mut flash = store.into_inner();
    flash.reset_counts();
    flash
}

fn every_key() -> Vec<Key> {
    let per_link = (0..LINKS).flat_map(|link| [Key::tls(link), Key::tcp_options(link)]);
    let user = (0..Key::USER_KEYS).map(Key::user);
    let named = Key::named().map(Some);
    named
        .chain(per_link)
        .chain(user)
        .map(Option::unwrap)
        .collect()
}

#[test]
fn a_value_is_there_until_it_is_replaced_or_removed() {
    let mut store = open(compact());
    let (mut settings, was) = opened(&mut store);
    assert_eq!(was, Opened::Formatted(Found::Blank));
    let key = Key::STATION;
    assert_eq!(get(&mut settings, key), None);
    for value in [
        &b""[..],
        b"a",
        b"iot",
        &[0; VALUE_MAX],
        &[0xff; VALUE_MAX],
        b"iot",
    ] {
        block_on(settings.set(key, value)).unwrap();
        assert_eq!(get(&mut settings, key).as_deref(), Some(value));
    }
    block_on(settings.remove(key)).unwrap();
    assert_eq!(get(&mut settings, key), None);
    block_on(settings.set(key, b"")).unwrap();
    assert_eq!(get(&mut settings, key).as_deref(), Some(&b""[..]));
}

#[test]
fn every_length_of_value_comes_back_from_a_new_start() {
    let mut store = open(formatted(Chip::Esp32C3));
    for length in 0..=VALUE_MAX {
        let value = noise(length, 40);
        let (mut settings, _) = opened(&mut store);
        block_on(settings.set(Key::SNTP, &value)).unwrap();
        let (mut settings, was) = opened(&mut store);
        assert_eq!(was, Opened::Ready);
        assert_eq!(get(&mut settings, Key::SNTP), Some(value));
    }
}

#[test]
fn lengths_are_checked_on_both_sides() {
    let mut store = open(compact());
    let (mut settings, _) = opened(&mut store);
    let length = VALUE_MAX + 1;
    let error = block_on(settings.set(Key::UART, &vec![1; length])).unwrap_err();
    assert_eq!(
        error,
        SettingsError::TooLong {
            length,
            max: VALUE_MAX
        }
    );
    assert_eq!(get(&mut settings, Key::UART), None);
    block_on(settings.set(Key::UART, b"12345")).unwrap();
    for room in 0..5 {
        let error = block_on(settings.get(Key::UART, &mut vec![0; room])).unwrap_err();
        assert_eq!(error, SettingsError::BufferTooSmall { needed: 5 });
    }
    assert_eq!(
        block_on(settings.get(Key::UART, &mut [0; 5])),
        Ok(Some(&b"12345"[..]))
    );
}

#[test]
fn every_key_at_once_at_full_length_fits_the_partition() {
    let keys = every_key();
    let value = |key: Key| noise(VALUE_MAX, u32::from(key.number()));
    let mut store = open(compact());
    let (mut settings, _) = opened(&mut store);
    for _ in 0..2 {
        for key in &keys {
            block_on(settings.set(*key, &value(*key))).unwrap();
        }
    }
    let (mut settings, was) = opened(&mut store);
    assert_eq!(was, Opened::Ready);
    for key in keys {
        assert_eq!(get(&mut settings, key), Some(value(key)), "{key}");
    }
}

#[test]
fn the_same_value_again_is_not_written() {
    let mut store = open(compact());
    let (mut settings, _) = opened(&mut store);
    block_on(settings.set(Key::tls(0).unwrap(), b"2,0,0")).unwrap();
    block_on(settings.remove(Key::DNS)).unwrap();
    let mut flash = store.into_inner();
    flash.reset_counts();
    let mut store = open(flash);
    let mut settings = block_on(Settings::attach(store.settings_region(), OWNER)).unwrap();
    block_on(settings.set(Key::tls(0).unwrap(), b"2,0,0")).unwrap();
    block_on(settings.remove(Key::DNS)).unwrap();
    assert_eq!(store.into_inner().counts().steps, 0);
}

#[test]
fn a_replaced_value_costs_three_short_writes() {
    let mut store = open(compact());
    let (mut settings, _) = opened(&mut store);
    block_on(settings.set(Key::WIFI_MODE, b"1")).unwrap();
    let mut flash = store.into_inner();
    flash.reset_counts();
    let mut store = open(flash);
    let mut settings = block_on(Settings::attach(store.settings_region(), OWNER)).unwrap();
    block_on(settings.set(Key::WIFI_MODE, b"3")).unwrap();
    block_on(settings.set(Key::SNTP, &[9; 62])).unwrap();
    let Counts {
        writes,
        bytes_written,
        sectors_erased,
        ..
    } = store.into_inner().counts();
    // Each: header of 8 bytes, then key, tag and value in whole words: 3 and 64 bytes.
    assert_eq!(
        (writes, bytes_written, sectors_erased),
        (2 + 2, 8 + 4 + 8 + 64, 0)
    );
}

#[test]
fn a_sector_is_erased_only_every_few_hundred_changes() {
    let mut store = open(small(4));
    let mut settings = block_on(Settings::attach(store.settings_region(), OWNER)).unwrap();
    for number in 0..1500_u32 {
        block_on(settings.set(Key::LAST_KNOWN_TIME, &number.to_le_bytes())).unwrap();
    }
    assert_eq!(
        get(&mut settings, Key::LAST_KNOWN_TIME),
        Some(1499_u32.to_le_bytes().to_vec())
    );
    // A record takes 16 bytes, a sector holds 255; one sector more than those in use stays blank.
    let moves = 1500 / 255 - 1;
    assert_eq!(store.into_inner().counts().sectors_erased, moves);
}

#[test]
fn a_full_partition_is_named_and_loses_nothing() {
    let mut store = open(small(4));
    let mut settings = block_on(Settings::attach(store.settings_region(), OWNER)).unwrap();
    let value = |number: u8| noise(200, u32::from(number));
    let mut kept = 0;
    let full = loop {
        let key = Key::user(kept).unwrap();
        match block_on(settings.set(key, &value(kept))) {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full, SettingsError::Full);
    // Three sectors, one of which stays free to move to.
    assert!((30..40).contains(&kept), "{kept}");
    for attempt in 0..50 {
        let key = Key::user(kept).unwrap();
        let result = block_on(settings.set(key, &noise(200, 99 + attempt)));
        assert_eq!(result, Err(SettingsError::Full));
    }
    let (mut settings, was) = opened(&mut store);
    assert_eq!(was, Opened::Ready);
    for number in 0..kept {
        assert_eq!(
            get(&mut settings, Key::user(number).unwrap()),
            Some(value(number)),
            "{number}"
        );
    }
    assert_eq!(get(&mut settings, Key::user(kept).unwrap()), None);
    // What is there can shrink, and then there is room again.
    for number in 0..kept {
        block_on(settings.set(Key::user(number).unwrap(), b"short")).unwrap();
    }
    block_on(settings.set(Key::user(kept).unwrap(), &value(kept))).unwrap();
}

#[test]
fn restore_forgets_all_settings_and_no_certificate() {
    let mut store = open(compact().on_rewrite(Rewrite::And));
    let report = block_on(
        store
            .user_region("client_ca")
            .unwrap()
            .write_at(0, b"a certificate"),
    );
    assert_eq!(report.unwrap().differs_at, None);
    let (mut settings, _) = opened(&mut store);
    for key in every_key() {
        block_on(settings.set(key, b"set")).unwrap();
    }
    block_on(settings.erase_all()).unwrap();
    for key in every_key() {
        assert_eq!(get(&mut settings, key), None);
    }
    let mut back = [0; 13];
    block_on(
        store
            .user_region("client_ca")
            .unwrap()
            .read_at(0, &mut back),
    )
    .unwrap();
    assert_eq!(&back, b"a certificate");
}

/// A page of NVS as ESP-IDF leaves it: header, entry states, entries.
fn nvs_page(state: u32, number: u32, seed: u32) -> Vec<u8> {
    let mut page = state.to_le_bytes().to_vec();
    page.extend(number.to_le_bytes());
    page.push(0xfe);
    page.extend([0xff; 19]);
    page.extend(noise(4, seed));
    page.extend([0xaa; 32]);
    page.extend(noise(4096 - 64, seed));
    page
}

/// Settings whose every sector says that it is full, each with a record: none can be the next.
fn full_everywhere() -> Vec<u8> {
    let mut store = open(compact());
    let (mut settings, _) = opened(&mut store);
    block_on(settings.set(Key::SNTP, b"lost")).unwrap();
    let nvs = *store.settings_region().partition();
    let mut content = slice_of(&store.into_inner(), &nvs).to_vec();
    content[0x1ffc..0x2000].fill(0);
    for sector in (0x2000..0xe000).step_by(0x1000) {
        content.copy_within(0x1000..0x2000, sector);
    }
    content
}

#[test]
fn foreign_content_is_recognised_and_formatted_once() {
    let nvs = |states: &[u32]| {
        let pages = states.iter().zip(0_u32..);
        pages
            .flat_map(|(state, number)| nvs_page(*state, number, number))
            .collect::<Vec<_>>()
    };
    let header = |version: u32, check: u32| {
        [
            &b"espatset"[..],
            &version.to_le_bytes(),
            &check.to_le_bytes(),
        ]
        .concat()
    };
    let cases = [
        (Found::Blank, Vec::new()),
        // The map's sectors are not blank: a format was cut after its first erase.
        (Found::Blank, [vec![0xff; 4096], noise(0xd000, 1)].concat()),
        (Found::EspIdfNvs, nvs(&[0xffff_fffe])),
        (
            Found::EspIdfNvs,
            nvs(&[0xffff_fffc, 0xffff_fffc, 0xffff_fffe]),
        ),
        (Found::EspIdfNvs, nvs(&[0xffff_fff8, 0xffff_fffe])),
        (Found::Foreign, noise(0xe000, 2)),
        (Found::Foreign, vec![0; 0xe000]),
        (Found::Foreign, b"espatset".to_vec()),
        (Found::Foreign, header(1, 0xffff_ffff)),
        (Found::Foreign, header(0xffff_ffff, 0xffff_ffff)),
        (Found::Version(2), header(2, !2)),
        (Found::Version(0), header(0, !0)),
        (Found::Damaged, full_everywhere()),
    ];
    for (expected, content) in cases {
        let mut bytes = compact().bytes().to_vec();
        bytes[NVS..NVS + content.len()].copy_from_slice(&content);
        bytes[0x2_e000..0x2_e004].copy_from_slice(b"cert");
        let mut store = open(MemFlash::holding(bytes.clone()));
        let refused = block_on(Settings::<_, Key>::attach(store.settings_region(), OWNER)).err();
        let ours = expected == Found::Damaged;
        assert_eq!(
            refused,
            (!ours).then_some(SettingsError::NotFormatted),
            "{expected:?}"
        );

        let (mut settings, was) = opened(&mut store);
        assert_eq!(was, Opened::Formatted(expected));
        for key in every_key() {
            assert_eq!(get(&mut settings, key), None);
        }
        block_on(settings.set(Key::SNTP, b"1,8")).unwrap();
        let (mut settings, was) = opened(&mut store);
        assert_eq!(was, Opened::Ready);
        assert_eq!(get(&mut settings, Key::SNTP).as_deref(), Some(&b"1,8"[..]));
        let flash = store.into_inner();
        assert!(flash.bytes()[..NVS] == bytes[..NVS]);
        assert!(flash.bytes()[NVS + 0xe000..] == bytes[NVS + 0xe000..]);
    }
}

#[test]
fn a_map_of_garbage_behind_a_good_header_never_wedges() {
    let good = {
        let mut store = open(small(6));
        let (mut settings, _) = opened(&mut store);
        for number in 0..60 {
            let key = Key::user(number % 20).unwrap();
            block_on(settings.set(key, &noise(200, u32::from(number)))).unwrap();
        }
        let nvs = *store.settings_region().partition();
        let flash = store.into_inner();
        slice_of(&flash, &nvs).to_vec()
    };
    for seed in 0..200_u32 {
        let mut bytes = small(6).bytes().to_vec();
        let mut content = good.clone();
        let junk = noise(0x5000, seed);
        // Whole sectors of noise, single bytes of it, or sectors in another's place.
        let sector = 0x1000 * (1 + usize::from(junk[0]) % 5);
        match seed % 4 {
            0 => content[sector..sector + 0x1000].copy_from_slice(&junk[..0x1000]),
            1 => content[0x1000..0x6000].copy_from_slice(&junk),
            2 => {
                for pair in junk[..64].chunks(2) {
                    content[0x1000 + usize::from(pair[0]) * 79] = pair[1];
                }
            }
            _ => content.copy_within(0x1000..0x2000, sector),
        }
        bytes[NVS..NVS + content.len()].copy_from_slice(&content);
        let mut store = open(MemFlash::holding(bytes).on_rewrite(Rewrite::And));
        let (mut settings, _) = opened(&mut store);
        block_on(settings.set(Key::SNTP, b"1,8")).unwrap();
        assert_eq!(
            get(&mut settings, Key::SNTP).as_deref(),
            Some(&b"1,8"[..]),
            "{seed}"
        );
        let (mut settings, was) = opened(&mut store);
        assert_eq!(was, Opened::Ready, "{seed}");
        assert_eq!(
            get(&mut settings, Key::SNTP).as_deref(),
            Some(&b"1,8"[..]),
            "{seed}"
        );
        for number in 0..20 {
            let _ = get(&mut settings, Key::user(number).unwrap());
        }
    }
}

#[test]
fn a_partition_of_less_than_four_sectors_is_refused() {
    for sectors in [1, 2, 3] {
        let mut store = open(compact_with(sectors));
        let size = sectors * 0x1000;
        let error = block_on(Settings::<_, Key>::open(store.settings_region(), OWNER)).unwrap_err();
        assert_eq!(
            error,
            SettingsError::RegionTooSmall {
                size,
                needed: 0x4000
            }
        );
    }
}

/// What `docs/formats/partition-tables.md` shows: flash written by one release is read by the next.
#[test]
fn the_bytes_on_flash_are_those_of_the_format_page() {
    let mut store = open(compact());
    let (mut settings, _) = opened(&mut store);
    block_on(settings.set(Key::WIFI_MODE, b"1")).unwrap();
    block_on(settings.remove(Key::WIFI_MODE)).unwrap();
    let flash = store.into_inner();
    let header = "6573706174736574 01000000 feffffff ffffffff";
    let page = "00000000 4a4e5dda0300b6e0 10013100 d8baf6000200eef2 10000000 ffffffff";
    let hex_at = |at: usize, text: &str| {
        let bytes = hex::decode(text.replace(' ', "")).unwrap();
        assert_eq!(
            hex::encode(&flash.bytes()[at..at + bytes.len()]),
            hex::encode(bytes)
        );
    };
    hex_at(NVS, header);
    hex_at(NVS + 0x1000, page);
}
