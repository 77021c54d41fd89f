//! `espat hil` as a program, on the pseudo-terminal of a simulated modem.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// Ends with the test.
struct Sim(Child);

impl Drop for Sim {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn espat() -> Command {
    Command::new(env!("CARGO_BIN_EXE_espat"))
}

/// A modem that starts with an erased flash, and its terminal.
fn sim(folder: &std::path::Path) -> Option<(Sim, String)> {
    let mut sim = espat()
        .args(["sim", "--pty", "--flash"])
        .arg(folder.join("flash.bin"))
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let lines = BufReader::new(sim.stderr.take()?).lines();
    let mut places = lines.map_while(Result::ok);
    let place = places.find_map(|line| line.strip_prefix("pty ").map(str::to_owned));
    Some((Sim(sim), place?))
}

#[test]
fn a_terminal_is_checked_and_the_exit_status_says_how_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let (_sim, place) = sim(folder.path()).unwrap();
    let log = folder.path().join("log");
    std::fs::write(&log, b"\xff\x01started\n").unwrap();
    let hil = |more: &[&str]| {
        let checks = ["port", "restart", "scan", "join", "flow-control", "heap"];
        let checks = checks.iter().flat_map(|check| ["--check", check]);
        espat()
            .args(["hil", "--at", &place, "--ssid", "iot", "--flow-control"])
            .args(["--host", "127.0.0.1"])
            .args(checks)
            .args(more)
            .output()
            .unwrap()
    };
    let log = log.to_str().unwrap();
    let done = hil(&["--log", log]);
    let report = String::from_utf8_lossy(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{report}");
    assert_eq!(report.matches("ok     ").count(), 6, "{report}");

    // A panic in the log fails it.
    let panic = b"====================== PANIC ======================\n";
    std::fs::write(log, panic).unwrap();
    let failed = hil(&["--log", log]);
    let report = String::from_utf8_lossy(&failed.stdout);
    assert_eq!(failed.status.code(), Some(1), "{report}");
    assert_eq!(
        report.matches("panics in the log: 1").count(),
        1,
        "{report}"
    );
}

#[test]
fn a_port_that_is_not_there_is_named() {
    let failed = espat()
        .args(["hil", "--at", "/dev/nowhere"])
        .output()
        .unwrap();
    assert_eq!(failed.status.code(), Some(1));
    let why = String::from_utf8_lossy(&failed.stderr);
    assert!(why.contains("/dev/nowhere"), "{why}");
}
