//! Runs the example as a user would.
#![expect(clippy::unwrap_used, reason = "functions that tests share")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_grammar-only"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone())
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_tour_goes_both_ways() {
    let output = run(&[], b"");
    assert!(output.status.success(), "{output:?}");
    let lines = lines(&output);
    assert_eq!(
        lines[0],
        r#"host writes   AT+CIPSTART=0,\"SSL\",\"example.com\",443\r\n"#
    );
    assert!(
        lines[1].starts_with("modem reads   CipstartSet("),
        "{lines:?}"
    );
    assert_eq!(
        lines[2],
        r"modem writes  0,CONNECT\r\n\r\nOK\r\n\r\n+IPD,0,4:OK\r\n0,CLOSED\r\n"
    );
    let read = lines[3..].join("\n");
    for part in [
        "Connect(Some(LinkId(0)))",
        "Reply(Ok)",
        "Ipd(",
        "Closed(Some(LinkId(0)))",
    ] {
        assert!(read.contains(part), "{part}: {read}");
    }
    // The data look like a result and are none.
    assert_eq!(read.matches("Reply(Ok)").count(), 1);
}

#[test]
fn arguments_are_lines_and_a_bad_one_has_its_word() {
    let output = run(
        &[
            "at+cwmode?",
            "AT+CIPMUX=1",
            "AT+CIPCLOSE=0",
            "AT+FAKE",
            "AT+CWMODE=9",
        ],
        b"",
    );
    assert_eq!(output.status.code(), Some(1));
    let lines = lines(&output);
    assert_eq!(lines[0], "at+cwmode?  ->  CwmodeQuery");
    assert_eq!(
        lines[2],
        "AT+CIPCLOSE=0  ->  CipcloseSet(CloseLink(One(LinkId(0))))"
    );
    assert_eq!(
        lines[3],
        "AT+FAKE  ->  ERR CODE:0x01090000 (unknown command)"
    );
    assert_eq!(
        lines[4],
        "AT+CWMODE=9  ->  ERR CODE:0x01070000 (parameter 0: out of range)"
    );
}

#[test]
fn standard_input_is_lines_of_any_bytes() {
    let output = run(&["-"], b"AT+CWJAP=\"\xff\",\"secret\"\r\nATE0\n");
    assert!(output.status.success(), "{output:?}");
    let lines = lines(&output);
    assert!(
        lines[0].contains(r#"ssid: Some(Ssid("\xff")), password: Some(Password(..))"#),
        "{lines:?}"
    );
    assert_eq!(lines[1], "ATE0  ->  EchoOff");
}
