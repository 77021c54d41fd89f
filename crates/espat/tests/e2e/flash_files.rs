//! Flash images that cannot be used: one line says why, the exit status is 1, and the file is as it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::modem::{Modem, sim};
use crate::support::process::{command, output};
use crate::support::utf8;

const FLASH_SIZE: usize = 4 << 20;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The one line that a simulator says before it gives up.
fn complaint(sim: &mut Command) -> String {
    let said = output(sim.args(["--listen", "127.0.0.1:0"]));
    let text = String::from_utf8(said.stderr).expect("text");
    assert_eq!(said.status.code(), Some(1), "{text}");
    assert!(said.stdout.is_empty());
    let line = text.strip_suffix('\n').expect("a line");
    assert!(!line.contains('\n'), "one line was expected:\n{text}");
    let sentence = line.strip_prefix("espat: ").expect("our name");
    sentence.to_owned()
}

fn refused(flash: &Path) -> String {
    complaint(&mut sim(flash))
}

/// A file with this content is refused with words that contain these, and left alone.
fn content_is_refused(content: &[u8], words: &str) {
    let folder = folder();
    let file = folder.path().join("flash.bin");
    fs::write(&file, content).expect("room");
    let line = refused(&file);
    assert!(line.contains(words), "{words:?} was expected: {line}");
    assert!(fs::read(&file).expect("there") == content);
    assert_eq!(files(&folder), [file]);
}

fn files(folder: &TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path()).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

/// An image that a simulator made.
fn image(folder: &TempDir) -> PathBuf {
    let file = folder.path().join("flash.bin");
    let modem = Modem::start(&file, &[]);
    modem.switch_on().ok("AT");
    drop(modem);
    assert_eq!(fs::metadata(&file).expect("made").len(), 4 << 20);
    file
}

#[test]
fn files_of_a_wrong_size_are_refused() {
    for size in [0, 1, 100, 4095, 4097, FLASH_SIZE - 1, FLASH_SIZE + 1] {
        content_is_refused(
            &vec![0xff; size],
            &format!("{size} bytes are no flash image"),
        );
    }
}

#[test]
fn files_without_partition_tables_are_refused() {
    let text = b"Dear diary, ".repeat(FLASH_SIZE / 12 + 1);
    let text = text.get(..FLASH_SIZE).expect("long enough");
    for content in [&vec![0xff; FLASH_SIZE], &vec![0; FLASH_SIZE], text] {
        content_is_refused(content, "no usable partition table");
    }
    content_is_refused(&[0xff; 4096], "no usable partition table");
}

#[test]
fn truncated_images_are_refused() {
    let folder = folder();
    let whole = fs::read(image(&folder)).expect("made");
    for size in [
        0x1000, 0x8000, 0x9000, 0x20000, 0x21000, 0x2f000, 0x10_0000, 0x3f_f000,
    ] {
        content_is_refused(whole.get(..size).expect("shorter"), "partition table");
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = folder();
    let line = refused(folder.path());
    assert!(line.contains("is not a regular file"), "{line}");
    let line = refused(Path::new("/dev/null"));
    assert!(line.contains("is not a regular file"), "{line}");
    let line = refused(&folder.path().join("no/such/folder/flash.bin"));
    assert!(line.contains("No such file or directory"), "{line}");
    let line = refused(&image(&folder).join("below"));
    assert!(line.contains("Not a directory"), "{line}");
}

#[test]
fn a_file_that_may_not_be_written_is_refused() {
    let folder = folder();
    let file = image(&folder);
    let mut permissions = fs::metadata(&file).expect("made").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).expect("ours");
    let mut plain = sim(&file);
    // Permissions do not bind root, unless it gives that up.
    let line = if fs::File::options().write(true).open(&file).is_ok() {
        let mut bound = command("setpriv");
        bound.args([
            "--bounding-set",
            "-dac_override",
            "--inh-caps",
            "-dac_override",
        ]);
        bound.arg(plain.get_program()).args(plain.get_args());
        complaint(&mut bound)
    } else {
        complaint(&mut plain)
    };
    assert!(line.contains("Permission denied"), "{line}");
}

#[test]
fn an_image_in_use_is_refused_and_the_user_of_it_not_disturbed() {
    let folder = folder();
    let file = folder.path().join("flash.bin");
    let modem = Modem::start(&file, &[]);
    let mut host = modem.switch_on();
    for _ in 0..3 {
        let line = refused(&file);
        assert!(line.contains("is in use by another program"), "{line}");
        host.load("client_ca", b"not disturbed");
    }
}

#[test]
fn no_room_for_an_image_leaves_no_half_of_one() {
    let folder = folder();
    let file = folder.path().join("flash.bin");
    // Files end at 1 MiB here, and a write beyond is an error and no signal.
    let limited = "trap '' XFSZ; ulimit -f 2048; exec \"$@\"";
    let plain = sim(&file);
    let mut small = command("sh");
    small.args(["-c", limited, "sh"]);
    small.arg(plain.get_program()).args(plain.get_args());
    let line = complaint(&mut small);
    assert!(
        line.contains(utf8(&file)) && line.contains("File too large"),
        "{line}"
    );
    assert!(files(&folder).is_empty());
}
