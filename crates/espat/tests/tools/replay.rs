//! `espat replay`: a recording of the simulator against the simulator, against another one, and changed.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::{Sim, espat};

const PASSWORD: &str = "correct horse";
/// What a session does: times, a password, an error, an upload.
const SESSION: &str = "AT\nATE0\nAT+GMR\nAT+CWMODE=1\nAT+CWJAP=\"iot2\",\"correct horse\"\nAT+CIFSR\nAT+CIPSNTPTIME?\nAT+NOTHING\n\
    AT+SYSFLASH=0,\"client_ca\"\nAT+SYSFLASH=1,\"client_ca\",0,4\nabcd\nAT+SYSFLASH=2,\"client_ca\",0,4\n";

/// A recording of [`SESSION`], made by a terminal with a pipe.
fn record(folder: &Path) -> PathBuf {
    let file = folder.join("session.at");
    let options = [
        "--record",
        file.to_str().expect("UTF-8"),
        "--ap",
        "iot2,correct horse",
        "--clock",
        "host",
    ];
    let sim = Sim::start(&options);
    let said = espat(&["term", "--port", &sim.port], SESSION);
    assert_eq!(
        said.status.code(),
        Some(1),
        "AT+NOTHING is refused: {said:?}"
    );
    let shown = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(
        shown.contains("AT version:") && shown.contains("ERROR"),
        "{shown}"
    );
    sim.ends();
    file
}

fn replay(file: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let file = file.to_str().expect("UTF-8");
    let said = espat(&[&["replay", file], more].concat(), "");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (said.status.code(), text(said.stdout), text(said.stderr))
}

#[test]
fn a_recording_has_its_settings_and_no_password_and_is_followed_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = record(folder.path());
    let text = fs::read_to_string(&file).expect("a recording");
    assert!(text.contains("@sim --ap iot2,{$secret1}"), "{text}");
    assert!(text.contains("@sim --clock host"), "{text}");
    assert!(
        !text.contains("@sim --listen") && !text.contains("@sim --record"),
        "{text}"
    );
    assert!(!text.contains(PASSWORD), "{text}");

    let (status, _, errors) = replay(&file, &[]);
    assert_eq!(status, Some(2), "{errors}");
    assert!(errors.contains("secret1 stands for a secret"), "{errors}");

    let given = format!("secret1={PASSWORD}");
    let (status, text, errors) = replay(&file, &["--let", &given]);
    assert_eq!(status, Some(0), "{text}{errors}");
    assert!(text.ends_with("no difference\n"), "{text}");

    let kept = folder.path().join("password");
    fs::write(&kept, format!("{PASSWORD}\n")).expect("room");
    let kept = format!("secret1={}", kept.display());
    let (status, text, errors) = replay(&file, &["--let-file", &kept, "--json"]);
    assert_eq!(status, Some(0), "{text}{errors}");
    let json: Value = serde_json::from_str(&text).expect("one value");
    assert_eq!(
        (&json["result"], &json["code"]),
        (&"ok".into(), &"same".into())
    );
    assert_eq!(json["findings"], Value::Array(Vec::new()));
}

#[test]
fn what_differs_is_shown_side_by_side_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = record(folder.path());
    let text = fs::read_to_string(&file).expect("a recording");
    let changed = text
        .replace("AT version:2", "AT version:9")
        .replace("← ERROR", "← OK");
    assert_ne!(text, changed);
    fs::write(&file, changed).expect("room");
    let given = format!("secret1={PASSWORD}");
    let (status, shown, errors) = replay(&file, &["--let", &given]);
    assert_eq!(status, Some(1), "{shown}{errors}");
    assert!(shown.contains(": → AT+GMR\n"), "{shown}");
    let row = shown.lines().find(|line| line.contains("AT version:9"));
    let row = row.expect("the line that differs");
    let (recorded, replayed) = row.split_once(" | ").expect("both sides");
    assert!(
        recorded.contains("version:9") && replayed.contains("version:2"),
        "{row}"
    );
    assert!(shown.contains(": → AT+NOTHING\n"), "{shown}");
    assert!(shown.ends_with("2 of 13 exchanges differ\n"), "{shown}");

    let (status, text, _) = replay(&file, &["--let", &given, "--json"]);
    assert_eq!(status, Some(1));
    let json: Value = serde_json::from_str(&text).expect("one value");
    assert_eq!(
        (&json["result"], &json["code"]),
        (&"refused".into(), &"different".into())
    );
    let findings = json["findings"].as_array().expect("a list");
    assert_eq!(findings.len(), 2);
    assert_eq!(findings[0]["code"], "exchange_differs");
    assert_eq!(findings[0]["sent"][0], "→ AT+GMR");
}

#[test]
fn a_time_is_no_difference_unless_every_byte_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("time.at");
    let text = "@power-on\n@sim --clock host\n← ready\n→ AT+CIPSNTPTIME?\n← AT+CIPSNTPTIME?\n\
        ← +CIPSNTPTIME:Thu Jan  1 00:00:00 2026\n← OK\n";
    fs::write(&file, text).expect("room");
    let (status, shown, errors) = replay(&file, &[]);
    assert_eq!(status, Some(0), "{shown}{errors}");
    let (status, shown, _) = replay(&file, &["--exact"]);
    assert_eq!(status, Some(1), "{shown}");
    assert!(
        shown.contains("+CIPSNTPTIME:Thu Jan  1 00:00:00 2026"),
        "{shown}"
    );
}

#[test]
fn a_port_is_asked_instead_with_its_own_settings() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("port.at");
    let text = "@power-on\n@sim --chip esp32c3\n← ready\n→ ATE0\n← ATE0\n← OK\n→ AT\n← OK\n";
    fs::write(&file, text).expect("room");
    let sim = Sim::start(&[]);
    let (status, shown, errors) = replay(&file, &["--port", &sim.port]);
    assert_eq!(status, Some(0), "{shown}{errors}");
    assert!(
        errors.contains("recorded with espat sim --chip esp32c3"),
        "{errors}"
    );
    drop(sim);
    let (status, _, errors) = replay(&file, &["--port", "tcp://127.0.0.1:1"]);
    assert_eq!(status, Some(1), "{errors}");
}

#[test]
fn what_is_no_recording_is_refused_by_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("wrong.at");
    for (text, status, why) in [
        ("AT\n", 1, "line 1"),
        (
            "@power-on\n@peer a listens tcp\n",
            2,
            "line 2: a replay has no peers",
        ),
        ("@sim --nothing\n→ AT\n", 2, "--nothing"),
        ("→ {$x}\n", 2, "nothing is called x"),
    ] {
        fs::write(&file, text).expect("room");
        let (ended, _, errors) = replay(&file, &[]);
        assert_eq!(ended, Some(status), "{text}: {errors}");
        assert!(errors.contains(why), "{text}: {errors}");
    }
    let missing = folder.path().join("missing.at");
    assert_eq!(replay(&missing, &[]).0, Some(1));
    let (status, ..) = replay(&file, &["--port", "x", "--", "--chip", "esp32"]);
    assert_eq!(status, Some(2), "a module has no options");
}
