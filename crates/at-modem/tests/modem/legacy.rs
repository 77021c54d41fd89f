//! Hosts of firmware 1.x: names with `_CUR` and `_DEF`, where the modem is asked to know them.

use crate::support::{Bench, Setup, text};

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";
const JOINED: &str = "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n";

fn old() -> Bench {
    let mut setup = Setup::new();
    setup.legacy = true;
    setup.boot().quiet()
}

#[test]
fn the_names_are_unknown_unless_they_are_asked_for() {
    let mut bench = Bench::new();
    bench.expect("AT+SYSLOG=1", OK);
    for line in [
        "AT+CWMODE_CUR=1",
        "AT+CWMODE_DEF?",
        "AT+CWJAP_CUR=\"iot\",\"\"",
        "AT+CIPSSLSIZE=4096",
    ] {
        bench.expect(line, format!("ERR CODE:0x01090000\r\n{ERROR}"));
    }
}

#[test]
fn cur_is_forgotten_and_def_is_stored_whatever_sysstore_says() {
    for (sysstore, suffix, mode) in [(0, "CUR", 0), (1, "CUR", 0), (0, "DEF", 1), (1, "DEF", 1)] {
        let mut bench = old();
        bench.expect(format!("AT+SYSSTORE={sysstore}"), OK);
        bench.expect(format!("AT+CWMODE_{suffix}=1"), OK);
        bench.expect("AT+CWMODE?", "+CWMODE:1\r\n\r\nOK\r\n");
        let mut bench = bench.power_off().boot().quiet();
        bench.expect("AT+CWMODE?", format!("+CWMODE:{mode}\r\n\r\nOK\r\n"));
    }
}

#[test]
fn answers_have_the_name_that_was_asked() {
    let mut bench = old();
    bench.expect("AT+CWMODE_CUR=3", OK);
    bench.expect("AT+CWMODE_CUR?", "+CWMODE_CUR:3\r\n\r\nOK\r\n");
    bench.expect("AT+CWMODE_DEF?", "+CWMODE_DEF:3\r\n\r\nOK\r\n");
    bench.expect("AT+CWMODE?", "+CWMODE:3\r\n\r\nOK\r\n");
    bench.expect("AT+CWJAP_CUR=\"iot\",\"\"", JOINED);
    let heard = bench.line("AT+CWJAP_CUR?");
    assert!(heard.starts_with("+CWJAP_CUR:\\\"iot\\\""), "{heard}");
    let heard = bench.line("AT+CIPSTA_CUR?");
    assert_eq!(heard.matches("+CIPSTA_CUR:").count(), 3, "{heard}");
    let heard = bench.line("AT+CIPAP_DEF?");
    assert_eq!(heard.matches("+CIPAP_DEF:").count(), 3, "{heard}");
    bench.expect(
        "AT+CIPSTAMAC_CUR?",
        "+CIPSTAMAC_CUR:\"02:00:00:ab:cd:ef\"\r\n\r\nOK\r\n",
    );
    let heard = bench.line("AT+CWSAP_CUR?");
    assert!(heard.starts_with("+CWSAP_CUR:"), "{heard}");
    // Soft-AP first, then station, then both: the order of 1.x.
    bench.expect("AT+CWDHCP_CUR=0,0", OK);
    bench.expect("AT+CWDHCP?", "+CWDHCP:1\r\n\r\nOK\r\n");
    bench.expect("AT+CWDHCP_CUR=2,1", OK);
    bench.expect("AT+CWDHCP_CUR?", "+CWDHCP_CUR:3\r\n\r\nOK\r\n");
    bench.expect("AT+CIPSSLSIZE=4096", OK);
    bench.expect("AT+UART_CUR?", "+UART_CUR:115200,8,1,0,0\r\n\r\nOK\r\n");
}

#[test]
fn what_comes_unasked_has_no_suffix() {
    let mut bench = old();
    bench.expect("AT+CWMODE_CUR=1", OK);
    bench.expect("AT+CWJAP_CUR=\"iot\",\"\"", JOINED);
    bench.radio.lose();
    bench.hear("WIFI DISCONNECT\r\n");
    let failed = {
        bench.radio.answers(crate::support::radio::Answer::Refusal(
            at_modem::wifi::JoinError::WrongPassword,
        ));
        bench.line("AT+CWJAP_CUR=\"iot\",\"\"")
    };
    assert_eq!(failed, text(b"+CWJAP_CUR:2\r\n\r\nERROR\r\n"));
    bench.expect("AT+SYSLOG?", "+SYSLOG:0\r\n\r\nOK\r\n");
}
