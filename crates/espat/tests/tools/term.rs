//! `espat term` as a person and as a script use it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::program::{Sim, espat};
use crate::terminal::Terminal;

const PROMPT: &str = "at> ";
const GOOD: &str = "\u{1b}[32mOK";

#[test]
fn tab_completes_from_the_modems_table_and_parameters_are_named() {
    let mut terminal = Terminal::start(&["--sim", "--no-history"], &[]);
    terminal.sees("ready");
    terminal.sees(PROMPT);
    terminal.asks("at+gm\t", "AT version:");
    terminal.sees(GOOD);
    // Several begin so: they are listed.
    terminal.types("AT+CIPSSLCP\t\t");
    terminal.sees("AT+CIPSSLCPSKHEX?");
    terminal.types("\u{15}AT+SSLPROBE=");
    terminal.sees("\"<host>\",<port>");
    terminal.types("\"broker.local\",");
    terminal.sees("<port>");
    // The names of parameters are not sent.
    terminal.types("\u{15}AT+CIPMUX=");
    terminal.sees("<0|1>");
    terminal.asks("1", GOOD);
    terminal.asks("AT+CIPMUX?", "+CIPMUX:1");
    terminal.sees(GOOD);
    assert_eq!(terminal.ends(), Some(0));
}

#[test]
fn a_file_is_sent_at_a_prompt_and_nowhere_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("image.bin");
    fs::write(&file, b"\x00\x01four\xff\r\n").expect("room");
    let send = format!(":send {}", file.display());
    let mut terminal = Terminal::start(&["--sim", "--no-history"], &[]);
    terminal.sees("ready");
    terminal.asks(&send, "the modem does not ask for data");
    terminal.asks("AT+SYSFLASH=0,\"client_ca\"", GOOD);
    terminal.asks(
        "AT+SYSFLASH=1,\"client_ca\",0,8",
        "8 bytes: a line, or :send FILE",
    );
    terminal.asks(&send, "asks for 8 bytes");
    // What is typed is data, and no more of it is sent than was asked for.
    terminal.asks("1234567890", GOOD);
    terminal.asks("AT+SYSFLASH=2,\"client_ca\",0,8", "+SYSFLASH:8,12345678");
    terminal.sees(GOOD);
    terminal.asks("AT+SYSFLASH=0,\"client_ca\"", GOOD);
    terminal.asks("AT+SYSFLASH=1,\"client_ca\",0,9", "9 bytes: a line");
    terminal.asks(&send, GOOD);
    // Bytes that could control the terminal are shown as escapes.
    terminal.asks("AT+SYSFLASH=2,\"client_ca\",0,9", "\\u{0}\\u{1}four\\xff");
    assert_eq!(terminal.ends(), Some(0));
}

#[test]
fn the_history_outlives_the_program_and_has_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history");
    let path = file.to_str().expect("UTF-8");
    let mut terminal = Terminal::start(&["--sim", "--history", path], &[]);
    terminal.sees("ready");
    terminal.asks("AT+CIPMUX?", GOOD);
    terminal.asks("AT+CWJAP=\"net\",\"correct horse\"", "ERROR");
    terminal.asks("AT+CIPSSLCPSK=0,\"key of mine\",\"me\"", "ERROR");
    terminal.asks("AT+SYSFLASH=0,\"client_key\"", GOOD);
    terminal.asks("AT+SYSFLASH=1,\"client_key\",0,7", "7 bytes");
    terminal.asks("PRIVATE", GOOD);
    assert_eq!(terminal.ends(), Some(0));
    let kept = fs::read_to_string(&file).expect("a history");
    for secret in ["correct horse", "key of mine", "PRIVATE"] {
        assert!(!kept.contains(secret), "{kept}");
    }
    assert!(kept.contains("AT+CIPMUX?"), "{kept}");
    let mode = fs::metadata(&file).expect("a history").permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");

    let mut terminal = Terminal::start(&["--sim", "--history", path], &[]);
    terminal.sees("ready");
    terminal.sees(PROMPT);
    // Up three times: the two of SYSFLASH were last.
    terminal.types("\u{1b}[A\u{1b}[A\u{1b}[A");
    terminal.asks("", "+CIPMUX:0");
    assert_eq!(terminal.ends(), Some(0));
}

#[test]
fn reasons_are_explained_and_no_color_is_respected() {
    let mut terminal = Terminal::start(&["--sim", "--no-history"], &[("NO_COLOR", "1")]);
    terminal.sees("ready");
    terminal.asks("AT+SYSLOG=1", "OK");
    let shown = terminal.asks("AT+NOTHING", "ERROR");
    assert!(shown.contains("ERR CODE:0x01090000"), "{shown}");
    assert!(
        shown.contains("  means  ") && shown.contains("  do     "),
        "{shown}"
    );
    let shown = shown + &terminal.asks(":explain issuer_unknown", "its intermediates");
    for colour in ["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[36m"] {
        assert!(!shown.contains(colour), "{shown:?}");
    }
    assert_eq!(terminal.ends(), Some(0));
}

#[test]
fn a_script_is_sent_line_by_line_and_ends_with_what_came_of_it() {
    let said = espat(
        &["term", "--sim"],
        "AT\nAT+CIPMUX=1\nAT+CIPMUX?\n:quit\nAT+RST\n",
    );
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let text = String::from_utf8(said.stdout).expect("UTF-8");
    assert_eq!(text, "ready\nOK\nOK\n+CIPMUX:1\nOK\n");
    let said = espat(&["term", "--sim"], "AT\nAT+NOTHING\nAT\n");
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let why = String::from_utf8(said.stderr).expect("UTF-8");
    assert!(why.contains("1 of the commands failed"), "{why}");
}

#[test]
fn a_port_that_cannot_be_opened_is_an_error_and_no_port_is_wrong_usage() {
    assert_eq!(espat(&["term"], "").status.code(), Some(2));
    assert_eq!(
        espat(&["term", "--sim", "--port", "x"], "").status.code(),
        Some(2)
    );
    let said = espat(&["term", "--sim", "--", "--chip", "esp99"], "");
    assert_eq!(said.status.code(), Some(2), "{said:?}");
    let said = espat(&["term", "--port", "tcp://127.0.0.1:1"], "AT\n");
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let sim = Sim::start(&[]);
    let said = espat(&["term", "--port", &sim.port], "AT\n");
    assert_eq!(said.status.code(), Some(0), "{said:?}");
}
