//! Every file that `espat` writes: who may read it, and that nothing is written through a link.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use terminal::Terminal;

#[path = "tools/terminal.rs"]
mod terminal;

const PRECIOUS: &[u8] = b"precious";

/// What the command does where a name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// Puts a new file in the place of a file, and of a link.
    Replaced,
    /// Puts a new file in the place of a file; says that a link is one.
    LinkRefused,
    /// Writes nothing.
    Refused,
}

/// A command that writes a file.
struct Writes {
    name: &'static str,
    arguments: Vec<String>,
    /// The file, in the folder that is given.
    file: &'static str,
    mode: u32,
    taken: Taken,
}

fn inputs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cert-bin/tests/data/pki/inputs")
}

fn utf8(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

/// Runs `espat` under a mask that lets everybody read.
fn espat(arguments: &[String]) -> Output {
    let output = command(arguments).output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    output
}

fn command(arguments: &[String]) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "umask 022; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_espat"))
        .args(arguments)
        .stdin(Stdio::null());
    shell
}

/// Every command that writes a file, but for `sim --pty`, whose file is a link, and `term`, which needs a terminal.
/// Standard output is no file; `push`, `explain` and `hil` write none.
#[expect(clippy::too_many_lines, reason = "a row per command")]
fn commands(folder: &Path) -> Vec<Writes> {
    let certificate = utf8(&inputs().join("server_p256.crt.pem"));
    let key = utf8(&inputs().join("server_p256.key.pem"));
    let at = |name: &str| utf8(&folder.join(name));
    let made = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
        assert!(espat(&arguments).status.success(), "{arguments:?}");
    };
    let [image, values, flash] = ["in.bin", "values.bin", "in-flash.bin"].map(at);
    let value = format!("client_key={key}");
    let shown = format!("client_ca={certificate}");
    made(&[
        "pki",
        "pack",
        "--force",
        "-o",
        &image,
        "key",
        &key,
        "cert",
        &certificate,
    ]);
    made(&["pki", "nvs", "pack", "-o", &values, &value, &shown]);
    made(&["flash-image", "-o", &flash]);
    let deep = at("unpacked");
    let server = hangs_up();
    let list: &[(&'static str, &[&str], &'static str, u32, Taken)] = &[
        (
            "--flash",
            &["sim", "--stdio", "--flash", &at("flash")],
            "flash",
            0o600,
            Taken::Refused,
        ),
        (
            "--record",
            &["sim", "--stdio", "--record", &at("record")],
            "record",
            0o600,
            Taken::Replaced,
        ),
        (
            "--log",
            &["sim", "--stdio", "--log", &at("log")],
            "log",
            0o600,
            Taken::Replaced,
        ),
        (
            "pack",
            &["pki", "pack", "-o", &at("ca.bin"), "ca", &certificate],
            "ca.bin",
            0o644,
            Taken::LinkRefused,
        ),
        (
            "pack a key",
            &["pki", "pack", "-o", &at("key.bin"), "key", &key],
            "key.bin",
            0o600,
            Taken::LinkRefused,
        ),
        (
            "unpack",
            &["pki", "unpack", &image, "-o", &deep],
            "unpacked/cert_0.pem",
            0o644,
            Taken::Refused,
        ),
        (
            "unpack a key",
            &["pki", "unpack", &image, "-o", &deep],
            "unpacked/key_0.pem",
            0o600,
            Taken::Refused,
        ),
        (
            "nvs",
            &["pki", "nvs", "pack", "-o", &at("ca.nvs"), &shown],
            "ca.nvs",
            0o644,
            Taken::LinkRefused,
        ),
        (
            "nvs of a key",
            &["pki", "nvs", "pack", "-o", &at("key.nvs"), &value],
            "key.nvs",
            0o600,
            Taken::LinkRefused,
        ),
        (
            "nvs unpack",
            &["pki", "nvs", "unpack", &values, "-o", &deep],
            "unpacked/client_ca-client_ca.0",
            0o644,
            Taken::Refused,
        ),
        (
            "nvs unpack a key",
            &["pki", "nvs", "unpack", &values, "-o", &deep],
            "unpacked/client_key-client_key.0",
            0o600,
            Taken::Refused,
        ),
        (
            "flash-image",
            &["flash-image", "-o", &at("new.bin")],
            "new.bin",
            0o600,
            Taken::LinkRefused,
        ),
        (
            "--svg",
            &["flash-image", "--inspect", &flash, "--svg", &at("map.svg")],
            "map.svg",
            0o644,
            Taken::LinkRefused,
        ),
        (
            "doctor --capture",
            &[
                "doctor",
                &server,
                "--ca",
                &certificate,
                "--capture",
                &at("doctor.pcap"),
            ],
            "doctor.pcap",
            0o600,
            Taken::Refused,
        ),
        (
            "verify --capture",
            &[
                "verify",
                "--ca",
                &certificate,
                "--connect",
                &server,
                "--capture",
                &at("verify.pcap"),
            ],
            "verify.pcap",
            0o600,
            Taken::Refused,
        ),
        (
            "man",
            &["man", &utf8(folder)],
            "espat-sim.1",
            0o644,
            Taken::Replaced,
        ),
    ];
    list.iter()
        .map(|(name, arguments, file, mode, taken)| Writes {
            name,
            arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
            file,
            mode: *mode,
            taken: *taken,
        })
        .collect()
}

/// A server of this machine that hangs up. It ends with the tests.
fn hangs_up() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || listener.incoming().for_each(drop));
    address.to_string()
}

fn mode(path: &Path) -> u32 {
    let about = fs::symlink_metadata(path).expect("it is there");
    assert!(about.is_file(), "{}", path.display());
    about.permissions().mode() & 0o777
}

/// Whatever is at the name of a file, before the command that writes it.
#[derive(Debug, Clone, Copy)]
enum Before {
    Nothing,
    File,
    Link,
    Dangling,
}

impl Before {
    const ALL: [Self; 4] = [Self::Nothing, Self::File, Self::Link, Self::Dangling];

    /// Puts it at `path`; links lead to `other`, or to `nowhere`.
    fn prepare(self, path: &Path, other: &Path, nowhere: &Path) {
        match self {
            Self::Nothing => {}
            Self::File => {
                fs::write(path, PRECIOUS).expect("room");
                fs::set_permissions(path, Permissions::from_mode(0o644)).expect("ours");
            }
            Self::Link => symlink(other, path).expect("room"),
            Self::Dangling => symlink(nowhere, path).expect("room"),
        }
    }
}

fn run(folder: &TempDir, writes: &Writes, before: Before) {
    let what = format!("{} where there is {before:?}", writes.name);
    let (path, other) = (folder.path().join(writes.file), folder.path().join("other"));
    let nowhere = folder.path().join("nowhere");
    let unpacked = folder.path().join("unpacked");
    // Left by the last command.
    let _ = fs::remove_dir_all(&unpacked);
    let _ = fs::remove_file(&path);
    fs::create_dir_all(&unpacked).expect("room");
    fs::write(&other, PRECIOUS).expect("room");
    before.prepare(&path, &other, &nowhere);
    let output = espat(&writes.arguments);
    let is_written = match before {
        Before::Nothing => true,
        Before::File => writes.taken != Taken::Refused,
        Before::Link | Before::Dangling => writes.taken == Taken::Replaced,
    };
    // What is captured is a server that hangs up, which is a refusal by itself.
    let ends_well = is_written && !writes.name.ends_with("--capture");
    assert_eq!(output.status.success(), ends_well, "{what}: {output:?}");
    if is_written {
        assert_eq!(mode(&path), writes.mode, "{what}");
        assert_ne!(fs::read(&path).expect("it"), PRECIOUS, "{what}");
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with("espat: "), "{what}: {said}");
    }
    assert_eq!(fs::read(&other).expect("still there"), PRECIOUS, "{what}");
    assert!(fs::symlink_metadata(&nowhere).is_err(), "{what}");
}

#[test]
fn files_with_secrets_are_the_users_alone_and_no_link_is_written_through() {
    let folder = tempfile::tempdir().expect("room");
    for writes in &commands(folder.path()) {
        for before in Before::ALL {
            run(&folder, writes, before);
        }
    }
    let drafts = fs::read_dir(folder.path()).expect("it").filter(|entry| {
        let name = entry.as_ref().expect("an entry").file_name();
        name.to_string_lossy().starts_with('.')
    });
    assert_eq!(drafts.count(), 0, "drafts are left");
}

/// Commands are added to the history of the user, so what is there stays; who could read it no longer can.
#[test]
fn the_history_of_a_terminal_is_the_users_alone_and_not_written_through_a_link() {
    let folder = tempfile::tempdir().expect("room");
    let (path, other) = (folder.path().join("history"), folder.path().join("other"));
    let nowhere = folder.path().join("nowhere");
    for before in Before::ALL {
        let _ = fs::remove_file(&path);
        fs::write(&other, PRECIOUS).expect("room");
        before.prepare(&path, &other, &nowhere);
        let is_link = matches!(before, Before::Link | Before::Dangling);
        let mut terminal = Terminal::start(&["--sim", "--history", &utf8(&path)], &[]);
        if is_link {
            terminal.sees("is a link: history is not kept");
        }
        terminal.sees("ready");
        terminal.asks("AT+CIPMUX?", "+CIPMUX:0");
        terminal.sees("\u{1b}[32mOK");
        assert_eq!(terminal.ends(), Some(0), "{before:?}");
        assert_eq!(
            fs::read(&other).expect("still there"),
            PRECIOUS,
            "{before:?}"
        );
        assert!(fs::symlink_metadata(&nowhere).is_err(), "{before:?}");
        if !is_link {
            let kept = fs::read_to_string(&path).expect("a history");
            assert!(kept.contains("AT+CIPMUX?"), "{before:?}: {kept}");
            assert_eq!(mode(&path), 0o600, "{before:?}");
        }
    }
}

/// The link to a terminal takes the place of a link to a terminal, and of nothing else.
#[test]
fn the_link_of_a_terminal_replaces_no_file_of_the_user() {
    let folder = tempfile::tempdir().expect("room");
    let (link, other) = (folder.path().join("modem"), folder.path().join("other"));
    let arguments = ["sim".to_owned(), "--pty".to_owned(), utf8(&link)];
    for is_link in [false, true] {
        fs::write(&other, PRECIOUS).expect("room");
        match is_link {
            false => fs::write(&link, PRECIOUS).expect("room"),
            true => symlink(&other, &link).expect("room"),
        }
        assert!(!espat(&arguments).status.success());
        assert_eq!(fs::read(&link).expect("still there"), PRECIOUS);
        assert_eq!(fs::read(&other).expect("still there"), PRECIOUS);
        fs::remove_file(&link).expect("ours");
    }
    let mut sim = command(&arguments);
    let mut sim = sim.stderr(Stdio::piped()).spawn().expect("a shell");
    let mut line = String::new();
    let mut said = BufReader::new(sim.stderr.take().expect("piped"));
    said.read_line(&mut line).expect("a line");
    let terminal = fs::read_link(&link);
    sim.kill().expect("it runs");
    sim.wait().expect("it ends");
    let terminal = terminal.expect("a link");
    assert_eq!(line.trim(), format!("pty {}", terminal.display()));
    assert!(terminal.starts_with("/dev/pts"), "{}", terminal.display());
}
