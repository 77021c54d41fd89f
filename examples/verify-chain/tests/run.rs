//! The example runs, and says what its documentation promises.
#![expect(clippy::expect_used, reason = "a test says no by panicking")]

use std::process::Command;

/// Exit status and stdout.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_verify-chain"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .output()
        .expect("the example starts");
    let text = String::from_utf8(output.stdout).expect("text");
    (output.status.code(), text)
}

#[test]
fn without_arguments_it_shows_one_acceptance_and_four_refusals() {
    let (status, text) = run(&[]);
    assert_eq!(status, Some(0));
    let verdicts: Vec<&str> = text
        .lines()
        .map(|line| line.split_once(": ").expect("a question and a verdict").1)
        .collect();
    for (verdict, expected) in verdicts.iter().zip([
        "accepted: a path to the CA",
        "refused: no chain to the loaded CA (-0x2700, flags 0x0008",
        "refused: certificate is for another name: DNS:server-a.example.test, ",
        "refused: expired on 2021-01-01T00:00:00Z; the clock says 2026-01-01T00:00:00Z (-0x2700, flags 0x0001",
        "refused: clock not set",
    ]) {
        assert!(verdict.starts_with(expected), "{verdict}");
    }
    assert_eq!(verdicts.len(), 5, "{text}");
}

#[test]
fn with_arguments_it_judges_files() {
    let (ca, server, name) = ("data/ca_p256.der", "data/server_p256.der", "localhost");
    let now = "2026-01-01T00:00:00Z";
    for (arguments, status) in [
        (&[ca, name, now, server][..], 0),
        (&[ca, name, now, server, "data/ca_rsa.der"], 0),
        (&[ca, name, "1970-01-01T00:00:10Z", server], 1),
        (&[ca, "other", now, server], 1),
        (&[ca, name, now], 1),
        (&[ca, name, "now", server], 2),
        (&["data/missing.der", name, now, server], 2),
    ] {
        assert_eq!(run(arguments).0, Some(status), "{arguments:?}");
    }
}
