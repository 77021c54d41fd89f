//! The station: joining, losing, leaving, and the order of lines (spec: at-commands A.21, B.3).

use at_modem::wifi::{Encryption, JoinError};
use embassy_time::Duration;

use crate::support::net::Door;
use crate::support::radio::{Answer, Asked, access_point};
use crate::support::{Bench, Setup, text};

const OK: &str = "\r\nOK\r\n";
const JOINED: &str = "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n";
const START: &str = "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080";
const CONNECT: &str = "CONNECT\r\n\r\nOK\r\n";

#[test]
fn a_join_asks_for_what_the_line_says() {
    let mut bench = Bench::new();
    bench.expect("AT+CWMODE=1", OK);
    bench.expect(r#"AT+CWJAP="ab\\\,c","0123456789\"\\""#, JOINED);
    bench.expect(
        r#"AT+CWJAP="iot","","02:00:00:00:00:01",1"#,
        format!("WIFI DISCONNECT\r\n{JOINED}"),
    );
    // Both left out, and the execute form: the last network again.
    bench.expect("AT+CWJAP=,", format!("WIFI DISCONNECT\r\n{JOINED}"));
    bench.expect("AT+CWJAP", format!("WIFI DISCONNECT\r\n{JOINED}"));
    let asked = |ssid: &[u8], password: &[u8], bssid, secure_only| Asked {
        ssid: ssid.to_vec(),
        password: password.to_vec(),
        bssid,
        secure_only,
    };
    let last = asked(b"iot", b"", Some([2, 0, 0, 0, 0, 1]), true);
    assert_eq!(
        bench.radio.asked(),
        [
            asked(br"ab\,c", br#"0123456789"\"#, None, false),
            last.clone(),
            last.clone(),
            last
        ]
    );
}

#[test]
fn a_join_that_fails_says_its_code_and_leaves_no_connection() {
    for (error, code) in [
        (JoinError::Timeout, 1),
        (JoinError::WrongPassword, 2),
        (JoinError::NotFound, 3),
        (JoinError::Failed, 4),
    ] {
        let mut bench = Bench::joined();
        bench.radio.answers(Answer::Refusal(error));
        bench.expect(
            "AT+CWJAP=\"other\",\"\"",
            format!("WIFI DISCONNECT\r\n+CWJAP:{code}\r\n\r\nERROR\r\n"),
        );
        assert!(!bench.radio.joined());
        bench.expect("AT+CWJAP?", "No AP\r\n\r\nOK\r\n");
        bench.expect("AT+CIPSTATUS", "STATUS:5\r\n\r\nOK\r\n");
        // The network that worked is still the one that is known.
        bench.radio.answers(Answer::Address);
        bench.expect("AT+CWJAP", JOINED);
        assert_eq!(bench.radio.asked().last().unwrap().ssid, b"iot");
    }
}

#[test]
fn a_join_without_an_answer_ends_in_its_time() {
    for (line, seconds) in [
        ("AT+CWJAP=\"iot\",\"\"", 15),
        ("AT+CWJAP=\"iot\",\"\",,,,,,3", 3),
        ("AT+CWJAP=\"iot\",\"\",,,,,,60", 60),
    ] {
        for answer in [Answer::Silence, Answer::NoAddress] {
            let mut bench = Bench::new();
            bench.expect("AT+CWMODE=1", OK);
            bench.radio.answers(answer);
            let connected = if answer == Answer::NoAddress {
                "WIFI CONNECTED\r\n"
            } else {
                ""
            };
            bench.expect(line, connected);
            bench.pass(Duration::from_secs(seconds) - Duration::from_millis(250));
            bench.hear("");
            bench.pass(Duration::from_millis(500));
            let heard = text(&bench.port.take());
            let failed = text(b"+CWJAP:1\r\n\r\nERROR\r\n");
            // An association that is given up may say so.
            assert!(heard.ends_with(&failed), "{line} {answer:?}: {heard}");
            assert!(!bench.radio.joined());
            bench.alive();
        }
    }
}

#[test]
fn a_lost_network_closes_the_link_and_comes_back_by_itself() {
    let mut bench = Bench::joined();
    bench.net.door("192.168.3.102:8080", Door::Sink);
    bench.expect(START, CONNECT);
    bench.radio.lose();
    bench.hear("WIFI DISCONNECT\r\nCLOSED\r\n");
    assert!(bench.net.peer().is_gone().1);
    bench.expect("AT+CIPSTATE?", OK);
    bench.expect("AT+CIPSTATUS", "STATUS:5\r\n\r\nOK\r\n");
    bench.expect(START, "\r\nERROR\r\n");
    bench.expect("AT+CWSTATE?", "+CWSTATE:4,\"iot\"\r\n\r\nOK\r\n");
    bench.radio.find_again(b"iot");
    bench.hear("WIFI CONNECTED\r\nWIFI GOT IP\r\n");
    bench.expect(START, CONNECT);
}

#[test]
fn a_network_lost_before_the_data_is_complete_says_so_after_recv() {
    let mut bench = Bench::joined();
    bench.net.door("192.168.3.102:8080", Door::Sink);
    bench.expect(START, CONNECT);
    bench.expect("AT+CIPSEND=4", "\r\nOK\r\n\r\n>");
    bench.radio.lose();
    bench.hear("");
    // The stack may still have taken the data.
    let heard = String::from_utf8(bench.say("test")).unwrap();
    let rest = heard.strip_prefix("\r\nRecv 4 bytes\r\n").expect(&heard);
    let (sent, failed) = ("\r\nSEND OK\r\n", "\r\nSEND FAIL\r\n");
    assert!(rest.contains(sent) != rest.contains(failed), "{heard}");
    let rest = rest.replace(sent, "").replace(failed, "");
    assert_eq!(rest, "WIFI DISCONNECT\r\nCLOSED\r\n");
    bench.alive();
}

#[test]
fn joining_again_closes_the_link_first() {
    let mut bench = Bench::joined();
    bench.net.door("192.168.3.102:8080", Door::Sink);
    bench.expect(START, CONNECT);
    bench.expect(
        "AT+CWJAP=\"iot\",\"\"",
        "WIFI DISCONNECT\r\nCLOSED\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    );
    bench.expect("AT+CIPSTATE?", OK);
}

#[test]
fn leaving_says_ok_first_and_then_what_is_gone() {
    let mut bench = Bench::joined();
    bench.net.door("192.168.3.102:8080", Door::Sink);
    bench.expect(START, CONNECT);
    bench.expect("AT+CWQAP", "\r\nOK\r\nWIFI DISCONNECT\r\nCLOSED\r\n");
    bench.expect("AT+CWQAP", OK);
    assert!(!bench.radio.joined());
    bench.expect("AT+CWJAP", JOINED);
    bench.expect("AT+CWQAP", "\r\nOK\r\nWIFI DISCONNECT\r\n");
}

#[test]
fn switching_the_station_off_leaves_the_network() {
    for mode in [0, 2] {
        let mut bench = Bench::joined();
        bench.expect(format!("AT+CWMODE={mode}"), "WIFI DISCONNECT\r\n\r\nOK\r\n");
        assert!(!bench.radio.joined());
        bench.expect("AT+CIPSTATUS", "STATUS:0\r\n\r\nOK\r\n");
        bench.expect("AT+CWJAP", "\r\nERROR\r\n");
        // Back on, with and without joining.
        bench.expect("AT+CWMODE=1,0", OK);
        assert!(!bench.radio.joined());
        bench.expect(format!("AT+CWMODE={mode}"), OK);
        let heard = bench.line("AT+CWMODE=1");
        assert_eq!(heard, text(b"\r\nOK\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n"));
    }
    // The station stays on.
    let mut bench = Bench::joined();
    bench.expect("AT+CWMODE=3", OK);
    bench.expect("AT+CWMODE=1", OK);
    assert!(bench.radio.joined());
}

#[test]
fn a_stored_network_is_joined_at_boot() {
    let joined = Bench::joined();
    let setup = joined.power_off();
    let mut bench = setup.boot();
    bench.hear("\r\nready\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n");
    assert_eq!(bench.radio.asked()[0].password, b"secret");
    bench.expect("ATE0", "ATE0\r\n\r\nOK\r\n");
    // After a restart by command as well.
    bench.expect(
        "AT+RST",
        "\r\nOK\r\n\r\nready\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n",
    );
    bench.expect("AT+CWAUTOCONN=0", "AT+CWAUTOCONN=0\r\n\r\nOK\r\n");
    let mut bench = bench.power_off().boot();
    bench.hear("\r\nready\r\n");
    assert_eq!(bench.radio.asked(), []);
    bench.expect(
        "AT+CWSTATE?",
        "AT+CWSTATE?\r\n+CWSTATE:0,\"\"\r\n\r\nOK\r\n",
    );
}

#[test]
fn a_command_takes_over_from_the_join_at_boot() {
    let setup = Bench::joined().power_off();
    setup.radio.answers(Answer::Silence);
    let mut bench = setup.boot().quiet();
    bench.expect("AT+CWSTATE?", "+CWSTATE:3,\"iot\"\r\n\r\nOK\r\n");
    bench.expect("AT+CIPSTATUS", "STATUS:5\r\n\r\nOK\r\n");
    bench.expect("AT+CWJAP=\"other\",\"\"", "");
    bench.radio.answers(Answer::Address);
    bench.hear(JOINED);
    let asked: Vec<_> = bench
        .radio
        .asked()
        .into_iter()
        .map(|asked| asked.ssid)
        .collect();
    assert_eq!(asked, [&b"iot"[..], b"other"]);
}

#[test]
fn a_join_at_boot_that_fails_is_quiet_and_leaves_a_modem_that_serves() {
    let setup = Bench::joined().power_off();
    setup.radio.answers(Answer::Refusal(JoinError::NotFound));
    let mut bench = setup.boot().quiet();
    bench.expect("AT+CWSTATE?", "+CWSTATE:4,\"iot\"\r\n\r\nOK\r\n");
    bench.radio.answers(Answer::Address);
    bench.expect("AT+CWJAP", JOINED);
}

#[test]
fn a_port_pulled_while_joining_leaves_a_station_that_is_not_joining() {
    let mut bench = Bench::new();
    bench.expect("AT+CWMODE=1", OK);
    bench.radio.answers(Answer::Silence);
    bench.expect("AT+CWJAP=\"iot\",\"\"", "");
    bench.port.unplug();
    bench.settle();
    bench.port.plug_in();
    bench.alive();
    bench.expect("AT+CWSTATE?", "+CWSTATE:4,\"\"\r\n\r\nOK\r\n");
    bench.radio.answers(Answer::Address);
    bench.hear("");
    bench.expect("AT+CWJAP=\"iot\",\"\"", JOINED);
}

#[test]
fn a_port_pulled_while_joining_at_boot_does_not_end_the_join() {
    let setup = Bench::joined().power_off();
    setup.radio.answers(Answer::Silence);
    let mut bench = setup.boot().quiet();
    bench.port.unplug();
    bench.settle();
    bench.port.plug_in();
    bench.alive();
    bench.radio.answers(Answer::Address);
    bench.hear("WIFI CONNECTED\r\nWIFI GOT IP\r\n");
}

#[test]
fn a_scan_lists_what_it_was_asked_for() {
    let mut bench = Setup::new().boot().quiet();
    bench.radio.surround(vec![
        access_point(b"open", 1, Encryption::Open),
        access_point(b"q\"uo,te", 2, Encryption::Wpa2Psk),
        access_point(b"open", 3, Encryption::Wep),
    ]);
    bench.expect("AT+CWMODE=1", OK);
    let open = "+CWLAP:(0,\"open\",-40,\"02:00:00:00:00:01\",6,-1,-1,0,0,7,0)\r\n";
    let quoted = "+CWLAP:(3,\"q\"uo,te\",-40,\"02:00:00:00:00:02\",6,-1,-1,4,4,7,0)\r\n";
    let wep = "+CWLAP:(1,\"open\",-40,\"02:00:00:00:00:03\",6,-1,-1,1,1,7,0)\r\n";
    for (line, found) in [
        ("AT+CWLAP", format!("{open}{quoted}{wep}")),
        ("AT+CWLAP=\"open\"", format!("{open}{wep}")),
        ("AT+CWLAP=\"open\",\"02:00:00:00:00:03\"", wep.to_owned()),
        ("AT+CWLAP=,\"02:00:00:00:00:02\"", quoted.to_owned()),
        ("AT+CWLAP=,,6", format!("{open}{quoted}{wep}")),
        ("AT+CWLAP=,,7", String::new()),
        ("AT+CWLAP=\"nobody\"", String::new()),
    ] {
        bench.expect(line, format!("{found}{OK}"));
    }
}
