//! Flash in a file: made once, kept, locked, and refused where it is no flash.

use std::fs;

use embassy_futures::block_on;
use embedded_storage_async::nor_flash::{NorFlash, ReadNorFlash};
use partition_store::esp_at::FactoryParam;
use partition_store::file::{FileFlashError, Origin};
use partition_store::nvs::Label;
use partition_store::settings::{Found, Opened};
use partition_store::{
    BuiltIn, CertStorage, Chip, FileFlash, FlashStore, Nvs, PartitionStore, Settings,
};

use crate::key::{Key, OWNER};
use crate::support::formatted;

const SIZE: u32 = 0x40_0000;

#[test]
fn an_absent_image_is_made_with_the_layout_and_then_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flash.bin");
    for chip in Chip::ALL {
        let layout = chip.layout(CertStorage::Partitions);
        let opened = FileFlash::open_or_format(&path, layout, FactoryParam::LeaveErased);
        let (flash, origin) = block_on(opened).unwrap();
        assert_eq!(origin, Origin::Formatted);
        assert_eq!(flash.capacity(), 0x40_0000);
        drop(flash);
        assert!(fs::read(&path).unwrap() == formatted(chip).bytes());

        let opened = FileFlash::open_or_format(&path, layout, FactoryParam::Write);
        let (flash, origin) = block_on(opened).unwrap();
        assert_eq!(origin, Origin::Found);
        let mut store = block_on(FlashStore::open(flash)).unwrap();
        let mut region = store.user_region("client_ca").unwrap();
        let report = block_on(region.write_at(0, b"kept")).unwrap();
        assert_eq!(report.differs_at, None);
        // Nothing is flushed or dropped: what was answered is in the file.
        let place = usize::try_from(region.partition().offset()).unwrap();
        assert!(fs::read(&path).unwrap()[place..].starts_with(b"kept"));
        drop(store);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn settings_are_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flash.bin");
    for expected in [Opened::Formatted(Found::Blank), Opened::Ready] {
        let opened = FileFlash::open_or_format(&path, &BuiltIn::ESP32_C3, FactoryParam::Write);
        let (flash, _) = block_on(opened).unwrap();
        let mut store = block_on(FlashStore::open(flash)).unwrap();
        let (mut settings, opened) =
            block_on(Settings::open(store.settings_region(), OWNER)).unwrap();
        assert_eq!(opened, expected);
        let mut buffer = [0; 8];
        let before = block_on(settings.get(Key::WIFI_MODE, &mut buffer)).unwrap();
        assert_eq!(before, (opened == Opened::Ready).then_some(&b"1"[..]));
        block_on(settings.set(Key::WIFI_MODE, b"1")).unwrap();
    }
}

#[test]
fn a_write_clears_bits_and_an_erase_sets_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut flash = FileFlash::create(folder.path().join("f"), 0x2000).unwrap();
    block_on(flash.write(0x1000, &[0xf0; 8])).unwrap();
    block_on(flash.write(0x1004, &[0x3c; 8])).unwrap();
    let mut back = [0; 16];
    block_on(flash.read(0x1000, &mut back)).unwrap();
    let expected = [[0xf0; 4], [0x30; 4], [0x3c; 4], [0xff; 4]].concat();
    assert_eq!(back[..], expected);
    block_on(flash.erase(0x1000, 0x2000)).unwrap();
    assert!(fs::read(flash.path()).unwrap() == vec![0xff; 0x2000]);
}

#[test]
fn ranges_are_checked_as_on_the_chip() {
    let folder = tempfile::tempdir().unwrap();
    let mut flash = FileFlash::create(folder.path().join("f"), 0x2000).unwrap();
    for (at, length) in [(0x2000, 4), (0x1ffc, 8), (u32::MAX - 3, 4), (0, 0x2004)] {
        let mut bytes = vec![0; length];
        let error = block_on(flash.write(at, &bytes)).unwrap_err();
        assert!(matches!(error, FileFlashError::OutOfBounds), "{at}");
        let error = block_on(flash.read(at, &mut bytes)).unwrap_err();
        assert!(matches!(error, FileFlashError::OutOfBounds), "{at}");
    }
    for (at, length) in [(1, 4), (0, 3), (2, 2)] {
        let error = block_on(flash.write(at, &vec![0; length])).unwrap_err();
        assert!(matches!(error, FileFlashError::NotAligned), "{at}");
    }
    for (from, to) in [(0, 0x3000), (0x1000, 0), (0, u32::MAX)] {
        let error = block_on(flash.erase(from, to)).unwrap_err();
        assert!(matches!(error, FileFlashError::OutOfBounds), "{from}..{to}");
    }
    let error = block_on(flash.erase(0, 0x800)).unwrap_err();
    assert!(matches!(error, FileFlashError::NotAligned));
    assert!(fs::read(flash.path()).unwrap() == vec![0xff; 0x2000]);
}

#[test]
fn a_second_simulator_is_turned_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flash.bin");
    let first = FileFlash::create(&path, SIZE).unwrap();
    assert!(matches!(
        FileFlash::open(&path),
        Err(FileFlashError::InUse { .. })
    ));
    let again = block_on(FileFlash::open_or_format(
        &path,
        &BuiltIn::ESP32,
        FactoryParam::LeaveErased,
    ));
    assert!(matches!(again, Err(FileFlashError::InUse { .. })));
    drop(first);
    assert!(FileFlash::open(&path).is_ok());
}

#[test]
fn what_is_no_image_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    for length in [0, 1, 4095, 4097, 0x1_0001] {
        fs::write(&path, vec![7; length]).unwrap();
        let error = FileFlash::open(&path).unwrap_err();
        let size = u64::try_from(length).unwrap();
        assert!(matches!(error, FileFlashError::WrongSize { size: found, .. } if found == size));
        assert!(error.to_string().contains(&length.to_string()));
        let error = FileFlash::create(&path, SIZE).unwrap_err();
        assert!(matches!(error, FileFlashError::Io { .. }), "{error}");
        assert!(fs::read(&path).unwrap() == vec![7; length]);
    }
    let error = FileFlash::open(folder.path()).unwrap_err();
    assert!(matches!(error, FileFlashError::NotAFile { .. }));
    let error = FileFlash::open(folder.path().join("absent")).unwrap_err();
    assert!(error.to_string().contains("absent"), "{error}");
    let error = FileFlash::create(folder.path().join("no/such/folder"), SIZE).unwrap_err();
    assert!(error.to_string().contains("no/such/folder"), "{error}");
    for size in [0, 1, 4097] {
        let error = FileFlash::create(folder.path().join("new"), size).unwrap_err();
        assert!(matches!(error, FileFlashError::WrongSize { .. }));
    }
    // No drafts are left behind.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_is_no_image() {
    let error = FileFlash::open("/dev/full").unwrap_err();
    assert!(matches!(error, FileFlashError::NotAFile { .. }));
}

#[cfg(unix)]
#[test]
fn a_link_to_an_image_shares_its_lock() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("real");
    drop(FileFlash::create(&target, 0x1000).unwrap());
    // A link to an image is that image, with the same lock.
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let first = FileFlash::open(&link).unwrap();
    assert!(matches!(
        FileFlash::open(&target),
        Err(FileFlashError::InUse { .. })
    ));
    drop(first);
}

#[test]
fn an_image_of_the_later_generation_is_made_and_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flash.bin");
    for expected in [Origin::Formatted, Origin::Found] {
        let opened = FileFlash::open_or_format(&path, &BuiltIn::ESP32_C3_MFG, FactoryParam::Write);
        let (flash, origin) = block_on(opened).unwrap();
        assert_eq!(origin, expected);
        let mut store = block_on(FlashStore::open(flash)).unwrap();
        let mut nvs = block_on(Nvs::open(store.mfg_region().unwrap())).unwrap();
        let label = |text| Label::new(text).unwrap();
        let value = block_on(nvs.find(label("factory_param"), label("uart_baudrate"))).unwrap();
        assert_eq!(value.number(), Some(115_200));
    }
}

#[test]
fn an_image_is_for_the_user_alone_and_no_draft_goes_through_a_link() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    fs::write(&other, "precious").unwrap();
    // Where the first drafts of this process would be: a link, a file, a link that leads nowhere.
    let draft = |attempt: u32| {
        let pid = std::process::id();
        folder
            .path()
            .join(format!(".flash.bin.{pid}-{attempt}.new"))
    };
    symlink(&other, draft(0)).unwrap();
    fs::write(draft(1), "left behind").unwrap();
    symlink(folder.path().join("nowhere"), draft(2)).unwrap();

    let path = folder.path().join("flash.bin");
    drop(FileFlash::create(&path, 0x2000).unwrap());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let opened = FileFlash::open_or_format(
        folder.path().join("formatted.bin"),
        &BuiltIn::ESP32,
        FactoryParam::Write,
    );
    let mode = fs::metadata(block_on(opened).unwrap().0.path()).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);

    assert_eq!(fs::read(&other).unwrap(), b"precious");
    assert_eq!(fs::read(draft(1)).unwrap(), b"left behind");
    assert!(!folder.path().join("nowhere").exists());
    assert!(!draft(3).exists());
}
