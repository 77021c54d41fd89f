//! Links that do not come to be: every reason, and the time it takes (spec: at-commands B.4).

use embassy_time::Duration;
use embedded_io_async::ErrorKind;

use crate::support::net::{Door, Resolves};
use crate::support::{Bench, text};

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";
const PEER: &str = "192.168.3.102:8080";
const START: &str = "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080";

/// Checks that the last reason is of this stage and says this.
#[track_caller]
fn why(bench: &mut Bench, stage: &str, words: &str) {
    let line = String::from_utf8(bench.say("AT+SSLWHY?\r\n")).unwrap();
    assert!(
        line.starts_with(&format!("+SSLWHY:0,\"{stage}\",")),
        "{line}"
    );
    assert!(line.contains(words), "{line}");
    assert!(line.ends_with("\"\r\n\r\nOK\r\n"), "{line}");
}

#[test]
fn a_connect_that_fails_says_error_and_why() {
    for (kind, words) in [
        (ErrorKind::ConnectionRefused, "refused"),
        (ErrorKind::AddrNotAvailable, ""),
        (ErrorKind::Other, ""),
    ] {
        let mut bench = Bench::joined();
        bench.net.door(PEER, Door::Fails(kind));
        bench.expect(START, ERROR);
        why(&mut bench, "tcp", words);
        bench.expect("AT+CIPSTATE?", OK);
        // The next attempt starts afresh.
        bench.net.door(PEER, Door::Echo);
        bench.expect(START, "CONNECT\r\n\r\nOK\r\n");
    }
}

#[test]
fn with_syslog_the_reason_comes_before_error() {
    let mut bench = Bench::joined();
    bench.expect("AT+SYSLOG=1", OK);
    let reply = String::from_utf8(bench.say(format!("{START}\r\n"))).unwrap();
    let (why, rest) = reply.split_once("\r\n").unwrap();
    assert!(why.starts_with("+SSLWHY:0,\"tcp\","), "{reply}");
    let (errno, rest) = rest.split_once("\r\n").unwrap();
    assert!(errno.starts_with("+ERRNO:"), "{reply}");
    assert_eq!(rest, "ERR CODE:0x010a0000\r\n\r\nERROR\r\n");
}

#[test]
fn without_an_address_nothing_is_tried() {
    let mut bench = Bench::new();
    bench.net.door(PEER, Door::Echo);
    bench.expect("AT+CWMODE=1", OK);
    bench.expect(START, ERROR);
    why(&mut bench, "tcp", "");
    bench.expect("AT+CIPSTART=\"TCP\",\"a.example\",8080", ERROR);
    assert_eq!(bench.net.asked_names(), [""; 0]);
    assert_eq!(bench.net.connections(), 0);
}

#[test]
fn a_name_is_resolved_and_one_that_is_not_found_says_so() {
    let mut bench = Bench::joined();
    bench.net.door(PEER, Door::Echo);
    let start = "AT+CIPSTART=\"TCP\",\"a.example\",8080";
    bench.expect(start, ERROR);
    why(&mut bench, "dns", "a.example");
    bench.expect("AT+CIPDOMAIN=\"a.example\"", ERROR);
    let address = Resolves::To("192.168.3.102".parse().unwrap());
    bench.net.name("a.example", address);
    bench.expect(
        "AT+CIPDOMAIN=\"a.example\"",
        "+CIPDOMAIN:\"192.168.3.102\"\r\n\r\nOK\r\n",
    );
    bench.expect(start, "CONNECT\r\n\r\nOK\r\n");
    assert_eq!(bench.net.asked_names(), ["a.example"; 4]);
}

/// Says a line and checks that `ERROR` comes after this time and not before.
#[track_caller]
fn takes(bench: &mut Bench, line: &str, ms: u64) {
    let step = Duration::from_millis(250);
    bench.expect(line, "");
    bench.pass(Duration::from_millis(ms) - step);
    bench.hear("");
    bench.pass(step + step);
    assert_eq!(text(&bench.port.take()), text(ERROR.as_bytes()), "{line}");
    bench.alive();
}

#[test]
fn every_wait_has_an_end() {
    let mut bench = Bench::joined();
    bench.net.door(PEER, Door::Silent);
    bench.net.name("slow.example", Resolves::Silent);
    takes(&mut bench, START, 20_000);
    why(&mut bench, "tcp", "20000");
    takes(
        &mut bench,
        "AT+CIPSTART=\"TCP\",\"slow.example\",8080",
        10_000,
    );
    why(&mut bench, "dns", "slow.example");
    takes(&mut bench, "AT+CIPDOMAIN=\"slow.example\"", 10_000);
    takes(&mut bench, "AT+CIPDOMAIN=\"slow.example\",1,3000", 3000);
}

#[test]
fn the_hosts_timeout_is_kept() {
    let mut bench = Bench::joined();
    bench.net.door(PEER, Door::Silent);
    bench.net.name("slow.example", Resolves::Silent);
    takes(&mut bench, &format!("{START},,,1500"), 1500);
    why(&mut bench, "tcp", "1500");
    takes(
        &mut bench,
        "AT+CIPSTART=\"TCP\",\"slow.example\",8080,,,2000",
        2000,
    );
    why(&mut bench, "dns", "2000");
    // What was given up does not open later.
    bench.net.door(PEER, Door::Echo);
    bench.hear("");
    bench.expect("AT+CIPSTATE?", OK);
    bench.expect(format!("{START},,,1500"), "CONNECT\r\n\r\nOK\r\n");
    // And a link that opened in time is not bound by it.
    bench.pass(Duration::from_secs(5));
    bench.hear("");
    bench.expect("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
}

#[test]
fn a_tls_server_that_says_nothing_is_given_up() {
    let mut bench = Bench::joined();
    bench.net.door(PEER, Door::Sink);
    bench.expect("AT+CIPSTART=\"SSL\",\"192.168.3.102\",8080", "");
    bench.expect("AT", "\r\nbusy p...\r\n");
    bench.pass(Duration::from_secs(60));
    assert_eq!(text(&bench.port.take()), text(ERROR.as_bytes()));
    why(&mut bench, "hello", "");
    assert!(bench.net.peer().is_gone().1);
    // The host may want to wait less.
    bench.expect("AT+CIPSTART=\"SSL\",\"192.168.3.102\",8080,,,1000", "");
    bench.pass(Duration::from_millis(1250));
    assert_eq!(text(&bench.port.take()), text(ERROR.as_bytes()));
    why(&mut bench, "hello", "1000");
    bench.alive();
}

#[test]
fn tls_that_wants_a_ca_fails_before_the_first_packet_without_one() {
    let mut bench = Bench::joined();
    bench.net.door(PEER, Door::Sink);
    bench.expect("AT+CIPSSLCCONF=2,0,0", OK);
    let start = "AT+CIPSTART=\"SSL\",\"192.168.3.102\",8080";
    bench.expect(start, "NO CA FOUND\r\n\r\nERROR\r\n");
    why(&mut bench, "setup", "");
    bench.flash.preset("client_ca", &[0; 64]);
    bench.expect(start, "NO CA FOUND\r\n\r\nERROR\r\n");
    assert_eq!(bench.net.connections(), 0);
}

/// A command about TLS that never became one has its reason, and the reason of its link is back afterwards.
#[test]
fn a_command_that_is_not_understood_says_what_is_wrong_with_it() {
    let mut bench = Bench::joined();
    for (mux, line, why) in [
        (
            1,
            "AT+CIPSTART=7,\"SSL\",\"h\",443",
            "-1,\"setup\",-0x7100,0x00000000,0,\"\",\"\",\"no link has the number 7; 0 to 4 are links: AT+CIPSTART\",\"link_number\"",
        ),
        (
            1,
            "AT+CIPSTART=\"SSL\",\"h\",443",
            "-1,\"setup\",-0x7100,0x00000000,0,\"\",\"\",\"link number is missing: after AT+CIPMUX=1 it is the first parameter: AT+CIPSTART\",\"link_missing\"",
        ),
        (
            1,
            "AT+CIPSTART=3,\"SSL\",\"h\",0",
            "3,\"setup\",-0x7100,0x00000000,0,\"\",\"1 to 65535\",\"parameter 3 has a value that is not allowed (they count from 0): 0 in AT+CIPSTART\",\"parameter_value\"",
        ),
        (
            0,
            "AT+CIPSTART=0,\"SSL\",\"h\",443",
            "0,\"setup\",-0x7100,0x00000000,0,\"\",\"\",\"link number is given, and there is none while AT+CIPMUX is 0: AT+CIPSTART\",\"link_unwanted\"",
        ),
        (
            0,
            "AT+CIPSSLCCONF=9",
            "0,\"setup\",-0x7100,0x00000000,0,\"\",\"0 to 3\",\"parameter 0 has a value that is not allowed (they count from 0): 9 in AT+CIPSSLCCONF\",\"parameter_value\"",
        ),
        (
            0,
            "AT+CIPSTART=\"SSL\",\"https://h/\",443",
            "0,\"setup\",-0x7100,0x00000000,0,\"\",\"\",\"host must be a name or an address alone, without https://, port and path: https://h/\",\"host_is_url\"",
        ),
        (
            0,
            "AT+CIPSTART=\"SSL\",\"h:8883\",8883",
            "0,\"setup\",-0x7100,0x00000000,0,\"\",\"\",\"host must be a name or an address alone, without https://, port and path: h:8883\",\"host_is_url\"",
        ),
    ] {
        bench.expect(format!("AT+CIPMUX={mux}"), OK);
        bench.expect(line, ERROR);
        bench.expect("AT+SSLWHY?", format!("+SSLWHY:{why}\r\n{OK}"));
        // Nobody was asked for an address.
        assert_eq!(bench.net.asked_names(), [""; 0], "{line}");
        bench.expect("AT+CIPSSLCCONF?", "+CIPSSLCCONF:0,0,0,0\r\n+CIPSSLCCONF:1,0,0,0\r\n+CIPSSLCCONF:2,0,0,0\r\n+CIPSSLCCONF:3,0,0,0\r\n+CIPSSLCCONF:4,0,0,0\r\n\r\nOK\r\n");
        if !line.contains("://") && !line.contains("h:8883") {
            let accepted = if mux == 1 {
                "AT+CIPSSLCSNI=0,\"\""
            } else {
                "AT+CIPSSLCSNI=\"\""
            };
            bench.expect(accepted, OK);
            bench.expect("AT+SSLWHY?", OK);
        }
    }
    // Other commands leave no reason.
    for line in ["AT+CIPSTART=\"TCP\",\"h\"", "AT+FAKE", "AT+CWMODE=9"] {
        bench.expect(line, ERROR);
    }
    let said = String::from_utf8(bench.say("AT+SSLWHY?\r\n")).unwrap();
    assert!(said.contains("host_is_url"), "{said}");
}
