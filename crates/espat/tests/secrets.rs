//! A session with every command that carries a secret, recorded and logged: no file has the secret.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

#[path = "harness/mod.rs"]
mod harness;

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use at_grammar::{Command, Mux, parse_line};

use rustix::process::{Pid, Signal, kill_process};

use harness::TIMEOUT;
use harness::port::Port;
use harness::sim::{PortKind, Sim};

/// Where a secret stands in a line.
const HERE: &str = "{secret}";

/// Every form in which a secret can be sent, by the name of its command; `data` follow a prompt.
const FORMS: &[(&str, &str, bool)] = &[
    ("AT+CWJAP", "AT+CWJAP=\"none\",\"{secret}\"\r\n", false),
    (
        "AT+CWJAP",
        "AT+CWJAP=\"none\",\"{secret}\",,,,,,,,x\r\n",
        false,
    ),
    ("AT+CWSAP", "AT+CWSAP=\"me\",\"{secret}\",5,3\r\n", false),
    (
        "AT+CIPSSLCPSK",
        "AT+CIPSSLCPSK=\"{secret}\",\"hint\"\r\n",
        false,
    ),
    (
        "AT+CIPSSLCPSKHEX",
        "AT+CIPSSLCPSKHEX=\"{hex}\",\"hint\"\r\n",
        false,
    ),
    (
        "AT+SYSFLASH",
        "AT+SYSFLASH=1,\"client_key\",0,{length}\r\n{secret}",
        true,
    ),
    (
        "AT+SYSFLASH",
        "AT+SYSFLASH=1,\"mqtt_key\",8,{length}\r\n{secret}",
        true,
    ),
    (
        "AT+SYSMFG",
        "AT+SYSMFG=2,\"client_key\",\"client_key.0\",8,{length}\r\n{secret}",
        true,
    ),
    (
        "AT+SYSMFG",
        "AT+SYSMFG=2,\"own\",\"token\",7,{length}\r\n{secret}",
        true,
    ),
];

/// What shows secrets that are kept.
const QUERIES: &[&str] = &[
    "AT+CWSAP?",
    "AT+CWJAP?",
    "AT+CIPSSLCPSK?",
    "AT+CIPSSLCPSKHEX?",
    "AT+SYSFLASH=2,\"client_key\",0,64",
    "AT+SYSMFG=1,\"client_key\",\"client_key.0\"",
    "AT+SYSMFG=1,\"own\",\"token\"",
];

/// A secret of its own for each line, so that none is hidden because it is known from before. Eight characters or more,
/// of which no four in a row are in another one.
fn secret(number: usize, length: usize) -> String {
    let mut state = u32::try_from(number)
        .expect("small")
        .wrapping_mul(0x9e37_79b9)
        ^ 0x1234_5678;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        let at = usize::try_from(state >> 8).expect("small") % LETTERS.len();
        char::from(LETTERS[at])
    };
    (0..length).map(|_| next()).collect()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Base64 of the whole groups that begin at one of three places, as it stands in a longer text.
fn base64(text: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |bytes: &[u8]| {
        let [a, b, c] = [bytes[0], bytes[1], bytes[2]].map(usize::from);
        [
            a >> 2,
            (a & 3) << 4 | b >> 4,
            (b & 15) << 2 | c >> 6,
            c & 63,
        ]
        .map(|it| char::from(DIGITS[it]))
    };
    text.chunks_exact(3).flat_map(group).collect()
}

/// What must not be in a file: the secret, half of it, and both in other notations.
fn traces(secret: &str) -> Vec<String> {
    let half = secret.len() / 2;
    let mut traces = Vec::new();
    for part in [
        secret,
        &secret[..half.max(6)],
        &secret[secret.len() - half.max(6)..],
    ] {
        traces.push(part.to_owned());
        traces.push(hex(part));
        traces.push(hex(part).to_uppercase());
        // Five characters of base64 say nothing.
        traces.extend((0..3).map(|at| base64(&part.as_bytes()[at..])));
    }
    traces.retain(|it| it.len() >= 6);
    traces
}

/// The commands of the grammar that have a parameter which is never shown: the line that they write has it, and what is
/// printed of them does not.
fn with_secret_parameters() -> BTreeSet<&'static str> {
    const VALUE: &str = "6b65796b65796b65";
    let mut found = BTreeSet::new();
    for row in Command::TABLE {
        for place in 0..4 {
            for others in ["\"x\"", "0", "1"] {
                for last in [None, Some("0"), Some("1"), Some("\"h\""), Some("5,3")] {
                    let mut line = format!("{}=", row.name);
                    for _ in 0..place {
                        line.push_str(&format!("{others},"));
                    }
                    line.push_str(&format!("\"{VALUE}\""));
                    line.extend(last.map(|last| format!(",{last}")));
                    for mux in [Mux::Single, Mux::Multiple] {
                        let Ok(command) = parse_line(line.as_bytes(), mux) else {
                            continue;
                        };
                        let mut written = Vec::new();
                        command.write_line(&mut written).expect("it fits");
                        let has = String::from_utf8_lossy(&written).contains(VALUE);
                        if has && !format!("{command:?}").contains(VALUE) {
                            found.insert(row.name);
                        }
                    }
                }
            }
        }
    }
    found
}

#[test]
fn the_sweep_has_every_command_whose_parameter_is_secret() {
    let listed: BTreeSet<&str> = FORMS
        .iter()
        .filter(|(_, _, data)| !data)
        .map(|(name, ..)| *name)
        .collect();
    assert_eq!(with_secret_parameters(), listed);
    let data: BTreeSet<&str> = FORMS.iter().filter(|it| it.2).map(|it| it.0).collect();
    assert_eq!(data, BTreeSet::from(["AT+SYSFLASH", "AT+SYSMFG"]));
}

/// A host that goes on when its command has a result, whatever that is.
struct Host {
    port: Port,
    heard: Vec<u8>,
}

impl Host {
    fn write(&mut self, bytes: &[u8]) {
        let deadline = Instant::now() + TIMEOUT;
        self.port.write(bytes, deadline).expect("the port");
    }

    /// Reads until there is one of these.
    fn until(&mut self, ends: &[&str]) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let text = String::from_utf8_lossy(&self.heard).into_owned();
            if ends.iter().any(|end| text.contains(end)) {
                return;
            }
            let count = self.port.read(&mut self.heard, deadline).expect("the port");
            assert!(count > 0, "none of {ends:?} after {text}");
        }
    }

    fn command(&mut self, line: &str) {
        self.heard.clear();
        self.write(line.as_bytes());
        self.write(b"\r\n");
        self.until(&["OK\r\n", "ERROR\r\n"]);
    }

    /// Ends whatever a line and its data began.
    fn comes_to_rest(&mut self, number: usize) {
        self.until(&["OK\r\n", "ERROR\r\n", "FAIL\r\n"]);
        // What was sent behind a refused line may have become a line.
        self.heard.clear();
        self.write(format!("\r\nAT+SYSTIMESTAMP={}\r\n", 1_800_000_000 + number).as_bytes());
        self.until(&["OK\r\n"]);
        self.command("AT");
    }
}

/// Ends it as a user does, and returns what it said since it was ready.
fn ended(mut sim: Sim) -> String {
    let id = sim.child.id().try_into().ok().and_then(Pid::from_raw);
    kill_process(id.expect("a process"), Signal::TERM).expect("it runs");
    let status = sim.child.wait().expect("it ends");
    assert!(status.success(), "{status}");
    sim.lines.iter().collect::<Vec<_>>().join("\n")
}

/// Plays every line of `forms`, cut at every `step`-th byte into two writes, and searches what was written.
fn sweep(kind: PortKind, layout: &str, echo: bool, step: usize) {
    let folder = tempfile::tempdir().expect("room");
    let [record, log] = ["record", "log"].map(|name| folder.path().join(name));
    let path = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    let options = [
        "--layout",
        layout,
        "--record",
        &path(&record),
        "--log",
        &path(&log),
    ];
    let sim = Sim::start(kind, &options.map(str::to_owned)).expect("it starts");
    let mut control = sim.control();
    let mut host = Host {
        port: sim.open().expect("the AT port"),
        heard: Vec::new(),
    };
    host.until(&["ready\r\n"]);
    host.command(if echo { "ATE1" } else { "ATE0" });
    host.command("AT+SYSLOG=1");
    host.command("AT+CWMODE=3");
    let (mut number, mut secrets) = (0, Vec::new());
    // The layout is that of data; what is no data is the same in each.
    let forms = FORMS.iter().filter(|it| it.2 || layout == "partitions");
    for (name, form, _) in forms {
        let cuts = form.len() + 20;
        for cut in (0..cuts).step_by(step) {
            number += 1;
            // From the shortest passphrase to the longest.
            let secret = secret(number, 8 + number * 7 % 56);
            let line = form
                .replace("{hex}", &hex(&secret))
                .replace("{length}", &secret.len().to_string())
                .replace(HERE, &secret);
            let (first, rest) = line.as_bytes().split_at(cut.min(line.len()));
            host.heard.clear();
            host.write(first);
            if !first.is_empty() && !rest.is_empty() {
                // By then the modem has seen the first part, or nearly always.
                assert!(control.ask("status").starts_with("ok"), "{name}");
            }
            host.write(rest);
            host.comes_to_rest(number);
            secrets.push((line, secret));
        }
        for query in QUERIES {
            host.command(query);
        }
    }
    drop(host);
    let said = ended(sim);
    let files = [
        ("the recording", fs::read_to_string(&record).expect("text")),
        ("the log", fs::read_to_string(&log).expect("text")),
        ("stderr", said),
    ];
    assert!(files[0].1.contains("@needs secret1"), "{}", files[0].1);
    assert!(!files[1].1.is_empty(), "nothing was logged");
    search(&secrets, &files);
}

/// Panics if a file has a trace of a secret that a line had.
fn search(secrets: &[(String, String)], files: &[(&str, String)]) {
    for (line, secret) in secrets {
        for trace in traces(secret) {
            for (file, text) in files {
                assert!(!text.contains(&trace), "{trace} of {line} in {file}");
            }
        }
    }
}

#[test]
fn no_secret_of_a_session_is_in_its_recording_or_its_log() {
    for layout in ["partitions", "mfg-nvs"] {
        sweep(PortKind::Tcp, layout, true, 1);
    }
}

#[test]
fn no_secret_is_in_them_without_echo_on_a_terminal() {
    for layout in ["partitions", "mfg-nvs"] {
        sweep(PortKind::Pty, layout, false, 7);
    }
}
