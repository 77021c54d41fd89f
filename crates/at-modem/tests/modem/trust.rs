//! Pre-shared keys, cipher suites, and the policy that settings make (spec: at-commands B.4;
//! `AT+SSLPOLICY` is ours).

use partition_store::FlashStore;

use crate::support::flash::Operation;
use crate::support::net::Door;
use crate::support::{Bench, text};

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";
const PEER: &str = "192.168.3.102:8080";
const START: &str = "AT+CIPSTART=\"SSL\",\"192.168.3.102\",8080";

/// What a query says when link 0 shows `first` and the others `rest`.
fn listing(name: &str, first: &[u8], rest: &str) -> Vec<u8> {
    let mut lines = Vec::new();
    for id in 0..5 {
        lines.extend(format!("+{name}:{id},").bytes());
        lines.extend(if id == 0 { first } else { rest.as_bytes() });
        lines.extend(b"\r\n");
    }
    lines.extend(OK.bytes());
    lines
}

#[track_caller]
fn shown(bench: &mut Bench, key: &[u8], hex: &str, identity: &str) {
    let mut first = b"\"".to_vec();
    first.extend(key);
    first.extend(format!("\",\"{identity}\"").bytes());
    let none = "\"\",\"\"";
    bench.expect("AT+CIPSSLCPSK?", listing("CIPSSLCPSK", &first, none));
    let first = format!("\"{hex}\",\"{identity}\"");
    let first = first.as_bytes();
    bench.expect("AT+CIPSSLCPSKHEX?", listing("CIPSSLCPSKHEX", first, none));
}

#[test]
fn keys_are_kept_shown_in_both_forms_and_cleared() {
    let mut bench = Bench::new();
    shown(&mut bench, b"", "", "");
    // Without a link number the setting is that of link 0.
    bench.expect("AT+CIPSSLCPSK=\"psk\",\"myhint\"", OK);
    shown(&mut bench, b"psk", "70736b", "myhint");
    // Any bytes can be a key; what would end a line is shown as a blank, and exactly in hexadecimal.
    bench.expect("AT+CIPSSLCPSKHEX=\"00FF0d0a22\",\"i\"", OK);
    shown(&mut bench, b" \xff  '", "00ff0d0a22", "i");
    bench.expect(r#"AT+CIPSSLCPSK="a\"\,b","j""#, OK);
    shown(&mut bench, b"a\",b", "61222c62", "j");
    let long = "k".repeat(32);
    bench.expect(format!("AT+CIPSSLCPSK=\"{long}\",\"{long}\""), OK);
    shown(&mut bench, long.as_bytes(), &"6b".repeat(32), &long);
    // What is refused changes nothing.
    for line in [
        format!("AT+CIPSSLCPSK=\"{long}k\",\"i\""),
        "AT+CIPSSLCPSK=\"k\",\"\"".to_owned(),
        "AT+CIPSSLCPSKHEX=\"0\",\"i\"".to_owned(),
        "AT+CIPSSLCPSKHEX=\"zz\",\"i\"".to_owned(),
    ] {
        bench.expect(line, ERROR);
    }
    shown(&mut bench, long.as_bytes(), &"6b".repeat(32), &long);
    bench.expect("AT+CIPSSLCPSK=\"\",\"i\"", OK);
    shown(&mut bench, b"", "", "");
    // RAM only.
    bench.expect("AT+CIPSSLCPSK=\"psk\",\"myhint\"", OK);
    let mut bench = bench.power_off().boot().quiet();
    shown(&mut bench, b"", "", "");
}

#[test]
fn a_link_with_a_key_offers_it_by_its_name_and_keeps_it_to_itself() {
    let key = "sesame-0123456789";
    let hello = |bench: &mut Bench| {
        bench.net.door(PEER, Door::Sink);
        bench.expect(START, "");
        let sent = bench.net.peer().received();
        bench.pass(embassy_time::Duration::from_secs(60));
        assert_eq!(text(&bench.port.take()), text(ERROR.as_bytes()));
        sent
    };
    let holds = |sent: &[u8], what: &[u8]| sent.windows(what.len()).any(|at| at == what);
    let mut bench = Bench::joined();
    bench.expect(format!("AT+CIPSSLCPSK=\"{key}\",\"meter 7\""), OK);
    let sent = hello(&mut bench);
    assert!(holds(&sent, b"meter 7") && !holds(&sent, key.as_bytes()));
    // A mode that shows a certificate of ours shows none to a server that knows the key: there need not be one.
    bench.expect("AT+CIPSSLCCONF=1,0", OK);
    assert!(holds(&hello(&mut bench), b"meter 7"));
    bench.expect("AT+CIPSSLCPSK=\"\",\"\"", OK);
    bench.expect("AT+CIPSSLCCONF=0", OK);
    assert!(!holds(&hello(&mut bench), b"meter 7"));
}

#[test]
fn a_mode_that_verifies_is_not_replaced_by_a_key() {
    let mut bench = Bench::joined();
    bench.net.door(PEER, Door::Sink);
    bench.expect("AT+CIPSSLCPSK=\"psk\",\"myhint\"", OK);
    bench.expect("AT+CIPSSLCCONF=2,0,0", OK);
    bench.expect(START, "NO CA FOUND\r\n\r\nERROR\r\n");
}

#[test]
fn a_list_of_suites_that_are_not_there_is_refused() {
    let mut bench = Bench::new();
    // One by embedded-tls, nine by rustls.
    let count = if cfg!(feature = "rustls") { 9 } else { 1 };
    let there = String::from_utf8(bench.say("AT+CIPSSLCCIPHER?\r\n")).unwrap();
    assert_eq!(there.matches("+CIPSSLCCIPHER:").count(), count, "{there}");
    assert!(there.starts_with("+CIPSSLCCIPHER:0,0x1301\r\n"), "{there}");
    assert!(there.ends_with("\r\nOK\r\n"), "{there}");
    for line in [
        "AT+CIPSSLCCIPHER=0",
        "AT+CIPSSLCCIPHER=1,0x1301",
        "AT+CIPSSLCCIPHER=3,0xC02B,0x1301,0xC023",
    ] {
        bench.expect(line, OK);
    }
    bench.expect("AT+SYSLOG=1", OK);
    let refused = "ERR CODE:0x010a0001\r\n\r\nERROR\r\n";
    bench.expect("AT+CIPSSLCCIPHER=2,0xC023,0xC0AD", refused);
    bench.expect("AT+CIPSSLCCIPHER=1,0xC023", refused);
    bench.expect("AT+CIPSSLCCIPHER?", &*there);
}

#[test]
fn versions_are_set_per_link_and_stored() {
    let mut bench = Bench::new();
    bench.expect("AT+SSLVERSION?", listing("SSLVERSION", b"12,13", "12,13"));
    bench.expect("AT+SSLVERSION=13,13", OK);
    bench.expect("AT+SSLVERSION?", listing("SSLVERSION", b"13,13", "12,13"));
    for line in [
        "AT+SSLVERSION=13,12",
        "AT+SSLVERSION=11,13",
        "AT+SSLVERSION=12",
    ] {
        bench.expect(line, ERROR);
    }
    let mut bench = bench.power_off().boot().quiet();
    bench.expect("AT+SSLVERSION?", listing("SSLVERSION", b"13,13", "12,13"));
    bench.expect("AT+CIPMUX=1", OK);
    bench.expect("AT+SSLVERSION=5,12,12", OK);
    bench.expect("AT+SSLVERSION=0,12,13", OK);
    bench.expect("AT+SSLVERSION?", listing("SSLVERSION", b"12,13", "12,12"));
}

#[test]
fn without_a_session_there_is_nobody_to_report() {
    let mut bench = Bench::new();
    bench.expect("AT+SSLPEER?", OK);
}

/// What `AT+SSLPOLICY?` says when link 0 has these checks and the others those.
#[track_caller]
fn policy(bench: &mut Bench, first: &str, rest: &str, mode: u8) {
    let first = format!("{first},{mode}");
    let rest = format!("{rest},{mode}");
    bench.expect(
        "AT+SSLPOLICY?",
        listing("SSLPOLICY", first.as_bytes(), &rest),
    );
}

const ANY: &str = "\"danger-any-peer\"";
const REFUSED: &str = "\"danger-any-peer\",\"refused\"";
const CHAIN: &str = "\"chain\",\"dates\",\"name=none\"";

#[test]
fn the_policy_prints_what_would_be_checked() {
    let mut bench = Bench::new();
    policy(&mut bench, ANY, ANY, 0);
    bench.expect("AT+CIPSSLCPSK=\"psk\",\"myhint\"", OK);
    policy(&mut bench, "\"psk\"", ANY, 0);
    bench.expect("AT+CIPSSLCCONF=1,7", OK);
    policy(
        &mut bench,
        "\"psk\"",
        "\"danger-any-peer\",\"identity=7\"",
        0,
    );
    bench.expect("AT+CIPSSLCCONF=2,0,0", OK);
    policy(&mut bench, CHAIN, CHAIN, 0);
    bench.expect("AT+CIPSSLCSNI=\"sni.example\"", OK);
    policy(
        &mut bench,
        "\"chain\",\"dates\",\"name=sni.example\"",
        CHAIN,
        0,
    );
    bench.expect("AT+CIPSSLCCN=\"broker.local\"", OK);
    let named = "\"chain\",\"dates\",\"name=broker.local\"";
    policy(&mut bench, named, CHAIN, 0);
    bench.expect("AT+CIPSSLCALPN=2,\"mqtt\",\"h2\"", OK);
    let offered = format!("{named},\"alpn=mqtt\",\"alpn=h2\"");
    policy(&mut bench, &offered, CHAIN, 0);
    bench.expect("AT+CIPSSLCCONF=3,255,0", OK);
    policy(
        &mut bench,
        &format!("{named},\"identity=255\",\"alpn=mqtt\",\"alpn=h2\""),
        &format!("{CHAIN},\"identity=255\""),
        0,
    );
}

#[test]
fn strict_asks_for_a_name_wherever_there_is_none() {
    let mut bench = Bench::new();
    bench.expect("AT+SSLPOLICY=1", OK);
    policy(&mut bench, REFUSED, REFUSED, 1);
    bench.expect("AT+CIPSSLCPSK=\"psk\",\"myhint\"", OK);
    policy(&mut bench, "\"psk\"", REFUSED, 1);
    bench.expect("AT+CIPSSLCCONF=2,0,0", OK);
    let host = "\"chain\",\"dates\",\"name=host\"";
    policy(&mut bench, host, host, 1);
    bench.expect("AT+CIPSSLCCN=\"broker.local\"", OK);
    policy(
        &mut bench,
        "\"chain\",\"dates\",\"name=broker.local\"",
        host,
        1,
    );
    bench.expect("AT+SSLPOLICY=0", OK);
    policy(
        &mut bench,
        "\"chain\",\"dates\",\"name=broker.local\"",
        CHAIN,
        0,
    );
    bench.expect("AT+SSLPOLICY=2", ERROR);
}

#[test]
fn strict_refuses_a_server_that_proves_nothing_before_the_first_packet() {
    let mut bench = Bench::joined();
    bench.net.door(PEER, Door::Sink);
    bench.expect("AT+SSLPOLICY=1", OK);
    for conf in ["AT+CIPSSLCCONF=0", "AT+CIPSSLCCONF=1,0"] {
        bench.expect(conf, OK);
        bench.expect(START, ERROR);
        let why = String::from_utf8(bench.say("AT+SSLWHY?\r\n")).unwrap();
        assert!(why.starts_with("+SSLWHY:0,\"setup\",-0x7100,"), "{why}");
        assert!(why.contains("strict"), "{why}");
    }
    assert_eq!(bench.net.connections(), 0);
    // Plain TCP is no TLS session.
    bench.net.door(PEER, Door::Echo);
    let plain = START.replace("SSL", "TCP");
    bench.expect(&plain, "CONNECT\r\n\r\nOK\r\n");
    bench.expect("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
    // Back in the other mode the server is reached.
    bench.net.door(PEER, Door::Sink);
    bench.expect("AT+SSLPOLICY=0", OK);
    bench.expect("AT+CIPSSLCCONF=0", OK);
    bench.expect(START, "");
    assert_eq!(bench.net.connections(), 2);
}

#[test]
fn the_policy_is_stored_and_one_that_cannot_be_read_is_strict() {
    let mut bench = Bench::new();
    bench.expect("AT+SYSSTORE=0", OK);
    bench.expect("AT+SSLPOLICY=1", OK);
    policy(&mut bench, REFUSED, REFUSED, 1);
    let mut bench = bench.power_off().boot().quiet();
    policy(&mut bench, ANY, ANY, 0);
    bench.expect("AT+SSLPOLICY=1", OK);
    let mut bench = bench.power_off().boot().quiet();
    policy(&mut bench, REFUSED, REFUSED, 1);
    // Wherever reading the settings fails: never less than was asked for.
    let setup = bench.power_off();
    let before = setup.flash.counts().reads;
    embassy_futures::block_on(FlashStore::open(setup.flash.clone())).unwrap();
    let tables = setup.flash.counts().reads - before;
    let mut bench = setup.boot().quiet();
    let mut failures = 0;
    for n in tables.. {
        let setup = bench.power_off();
        setup.flash.fail(Operation::Read, n);
        bench = setup.boot().quiet();
        if bench.flash.fault_ahead() {
            break;
        }
        failures += 1;
        policy(&mut bench, REFUSED, REFUSED, 1);
    }
    assert!(failures > 3, "{failures}");
}
