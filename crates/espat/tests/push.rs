//! `espat push`, `flash-image` and `pki nvs` as programs, with `espat sim` on a pseudo-terminal and over TCP.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says no by panicking"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const CA: &str = "inputs/ca_p256.crt.der";
const OTHER: &str = "inputs/ca_p384.crt.der";

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_espat"));
    let vectors = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../cert-bin/tests/data/pki");
    command.current_dir(vectors);
    command
}

/// A simulator that runs until it is dropped, and its AT port as programs name it.
struct Sim(Child, String);

impl Sim {
    fn start(options: &[&str]) -> Self {
        let mut child = program()
            .arg("sim")
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut said = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        said.read_line(&mut line).expect("a line");
        // It goes on to print only when something fails.
        thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let line = line.trim();
        let place = match line.strip_prefix("listening on ") {
            Some(address) => format!("tcp://{address}"),
            None => line.strip_prefix("pty ").expect("a port").to_owned(),
        };
        Self(child, place)
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a run said: status, stdout, stderr.
#[derive(Debug)]
struct Said(i32, String, String);

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.1).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn espat(arguments: &[&str]) -> Said {
    let output = program().args(arguments).output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let status = output.status.code().expect("no signal ended it");
    Said(status, text(output.stdout), text(output.stderr))
}

/// `espat push` with these files, which are those of the vectors.
fn push(port: &str, role: &str, files: &[&str]) -> Said {
    let fixed = ["push", "--json", "--port", port, role];
    espat(&[&fixed[..], files].concat())
}

/// A port between the two that is closed after so many bytes towards the modem.
fn cut_after(port: &str, bytes: usize) -> String {
    let to = port.trim_start_matches("tcp://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        let (mut host, _) = listener.accept().expect("a host");
        let modem = TcpStream::connect(to).expect("the modem");
        let (mut from, mut back) = (
            modem.try_clone().expect("a clone"),
            host.try_clone().expect("a clone"),
        );
        thread::spawn(move || std::io::copy(&mut from, &mut back));
        let mut towards = modem.try_clone().expect("a clone");
        let limit = u64::try_from(bytes).expect("small");
        // Either end may be gone first.
        let _ = std::io::copy(&mut (&mut host).take(limit), &mut towards);
        let _ = host.shutdown(Shutdown::Both);
        let _ = modem.shutdown(Shutdown::Both);
    });
    format!("tcp://{address}")
}

#[test]
fn a_simulator_is_loaded_over_both_kinds_of_port_and_in_both_layouts() {
    for kind in [&["--pty"][..], &["--listen", "127.0.0.1:0"]] {
        for layout in ["partitions", "mfg-nvs"] {
            let sim = Sim::start(&[&["--layout", layout], kind].concat());
            let port = sim.1.as_str();
            for (files, written) in [
                (&[CA, OTHER][..], true),
                (&[CA, OTHER], false),
                (&["bins/ca_p256_der.bin"], true),
                (&[CA], false),
            ] {
                let said = push(port, "client_ca", files);
                assert_eq!(said.0, 0, "{said:?}");
                let json = said.json();
                assert_eq!(json["written"], written, "{layout}: {said:?}");
                assert_eq!(json["result"], "ok");
            }
            let said = espat(&["push", "--port", port, "client_ca", CA]);
            assert!(said.1.ends_with("nothing was written\n"), "{said:?}");
        }
    }
}

fn holds(json: &Value) -> &str {
    json["holds"].as_str().expect("a failed upload says it")
}

#[test]
fn a_cut_is_reported_and_the_next_run_mends_it() {
    for layout in ["partitions", "mfg-nvs"] {
        let sim = Sim::start(&["--layout", layout, "--listen", "127.0.0.1:0"]);
        let port = sim.1.as_str();
        let mut states = std::collections::BTreeSet::new();
        for bytes in (0..1500).step_by(83) {
            assert_eq!(push(port, "client_ca", &[OTHER]).0, 0);
            let said = push(&cut_after(port, bytes), "client_ca", &[CA]);
            if said.0 == 0 {
                break;
            }
            let json = said.json();
            assert_eq!(said.0, 1);
            states.insert(holds(&json).to_owned());
            // "Nothing was written" shows that a content is there.
            let is_there = |file| {
                let said = espat(&["push", "--dry-run", "--port", port, "client_ca", file]);
                said.1.contains("already")
            };
            let (old, new) = (is_there(OTHER), is_there(CA));
            match holds(&json) {
                "old" => assert!(old, "{bytes}: {said:?}"),
                "erased" => assert!(!old && !new, "{bytes}: {said:?}"),
                "new" => assert!(new, "{bytes}: {said:?}"),
                "old_or_erased" => assert!(!new, "{bytes}: {said:?}"),
                "erased_or_new" => assert!(!old, "{bytes}: {said:?}"),
                "old_and_new" => assert!(old || new, "{bytes}: {said:?}"),
                other => panic!("{other}"),
            }
        }
        assert!(states.len() > 2, "{states:?}");
    }
}

#[test]
fn a_signal_ends_it_with_status_1() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let mut child = program()
        .args([
            "push",
            "--port",
            &format!("tcp://{address}"),
            "client_ca",
            CA,
        ])
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let (mut port, _) = listener.accept().expect("it connects");
    // Once it asks, it has set up the rest.
    port.read_exact(&mut [0; 4]).expect("AT");
    let begin = Instant::now();
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::INT).expect("it runs");
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(1));
    assert!(begin.elapsed() < Duration::from_secs(30));
    let mut said = String::new();
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut said)
        .expect("text");
    assert_eq!(
        said,
        "espat: client_ca: interrupted; client_ca is unchanged\n"
    );
}

#[test]
fn wrong_usage_has_status_2() {
    for arguments in [
        &["push", "client_ca", CA][..],
        &["push", "--port", "tcp://127.0.0.1:1", "fatfs", CA],
        &[
            "push",
            "--port",
            "tcp://127.0.0.1:1",
            "server_cert",
            CA,
            OTHER,
        ],
    ] {
        assert_eq!(espat(arguments).0, 2, "{arguments:?}");
    }
    let said = espat(&["push", "--port", "/dev/no such device", "client_ca", CA]);
    assert_eq!(said.0, 1);
    assert!(said.2.contains("cannot"), "{said:?}");
}

#[test]
fn a_simulator_started_from_a_flash_image_holds_what_was_put_in() {
    let folder = tempfile::tempdir().expect("a folder");
    for layout in ["partitions", "mfg-nvs"] {
        let image = folder.path().join(layout);
        let image = image.to_str().expect("UTF-8");
        let (first, second) = (format!("client_ca={CA}"), format!("client_ca={OTHER}"));
        let made = [
            "flash-image",
            "-o",
            image,
            "--layout",
            layout,
            &first,
            &second,
        ];
        let said = espat(&made);
        assert_eq!(said.0, 0, "{said:?}");
        let svg = format!("{image}.svg");
        let inspected = espat(&["flash-image", "--inspect", image, "--svg", &svg]);
        assert_eq!((inspected.0, &inspected.1), (0, &said.1), "{inspected:?}");
        let drawn = std::fs::read_to_string(&svg).expect("drawn");
        for text in [said.1.as_str(), &drawn] {
            assert_eq!(text.matches(", until ").count(), 2, "{text}");
        }
        let sim = Sim::start(&["--listen", "127.0.0.1:0", "--flash", image]);
        let said = push(&sim.1, "client_ca", &[CA, OTHER]);
        assert_eq!(
            (said.0, &said.json()["written"]),
            (0, &false.into()),
            "{said:?}"
        );
    }
}

#[test]
fn an_mfg_nvs_image_is_packed_listed_and_unpacked() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (image, unpacked) = (path("mfg.bin"), path("files"));
    let ca = format!("client_ca={CA}");
    let server = format!("server_ca={OTHER}");
    let said = espat(&["pki", "nvs", "pack", "-o", &image, &ca, &ca, &server]);
    assert_eq!(said.0, 0, "{said:?}");
    assert!(said.1.ends_with(": 3 items, 114688 bytes\n"), "{said:?}");
    let json = espat(&["pki", "nvs", "list", "--json", &image]).json();
    let keys: Vec<&str> = json["values"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["key"].as_str().expect("text"))
        .collect();
    assert_eq!(keys, ["client_ca.0", "client_ca.1", "server_ca"]);
    let said = espat(&["pki", "nvs", "unpack", &image, "-o", &unpacked]);
    assert_eq!(said.0, 0, "{said:?}");
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../cert-bin/tests/data/pki");
    let read = |path: PathBuf| std::fs::read(path).expect("a file");
    let written = PathBuf::from(unpacked).join("client_ca-client_ca.1");
    assert_eq!(read(written), read(here.join(CA)));
    // Half a page, no page, pages of nothing.
    for (bytes, status) in [(&[0xff; 100][..], 1), (&[], 1), (&[0xff; 8192], 0)] {
        std::fs::write(&image, bytes).expect("room");
        assert_eq!(espat(&["pki", "nvs", "list", &image]).0, status);
    }
}
