//! Passthrough: in and out of it, blocks, links that are lost, and a start in it (spec: at-commands
//! A.15, A.16, C.9 to C.11, SAVETRANSLINK).

use crate::support::net::{Door, Peer};
use crate::support::{Bench, Setup, text};
use embassy_time::Duration;

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";
const PROMPT: &str = "\r\nOK\r\n\r\n>";
const OPEN: &str = "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080";
const CONNECT: &str = "CONNECT\r\n\r\nOK\r\n";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn passing() -> (Bench, Peer) {
    let mut bench = Bench::joined();
    bench.net.door("192.168.3.102:8080", Door::Sink);
    bench.expect(OPEN, CONNECT);
    bench.expect("AT+CIPMODE=1", OK);
    bench.expect("AT+CIPSEND", PROMPT);
    let peer = bench.net.peer();
    (bench, peer)
}

/// Leaves data mode.
fn leave(bench: &mut Bench) {
    bench.pass(ms(21));
    bench.say("+++");
    bench.pass(ms(21));
}

#[test]
fn what_the_host_says_is_sent_and_what_comes_is_raw() {
    let (mut bench, peer) = passing();
    bench.say("AT+GMR\r\n");
    bench.pass(ms(20));
    bench.hear("");
    assert_eq!(peer.received(), b"AT+GMR\r\n");
    peer.sends(b"OK\r\n>raw");
    bench.hear("OK\r\n>raw");
    leave(&mut bench);
    bench.hear("");
    // Received data stay raw until CIPMODE=0, and commands are commands.
    bench.alive();
    peer.sends(b"more");
    bench.hear("more");
    bench.expect("AT+CIPSEND=4", PROMPT);
    leave(&mut bench);
    bench.hear("\r\nSEND Canceled\r\n");
    bench.expect("AT+CIPSEND", PROMPT);
    leave(&mut bench);
    bench.expect("AT+CIPMODE=0", OK);
    peer.sends(b"test");
    bench.hear("\r\n+IPD,4:test");
    bench.expect("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
}

#[test]
fn a_block_leaves_when_it_is_full_or_its_time_is_over() {
    let (mut bench, peer) = passing();
    bench.say(vec![b'a'; 2919]);
    assert_eq!(peer.received(), b"");
    bench.say("b");
    assert_eq!(peer.received().len(), 2920);
    bench.say("c");
    bench.pass(ms(19));
    assert_eq!(peer.received(), b"");
    bench.pass(ms(1));
    assert_eq!(peer.received(), b"c");
    leave(&mut bench);
    bench.expect("AT+TRANSINTVL=500", OK);
    bench.expect("AT+CIPSEND", PROMPT);
    bench.say("d");
    bench.pass(ms(499));
    assert_eq!(peer.received(), b"");
    bench.pass(ms(1));
    assert_eq!(peer.received(), b"d");
}

#[test]
fn pluses_among_data_are_data() {
    for (bursts, out) in [
        (&[(0, "+++")][..], true),
        (&[(0, "ab"), (30, "+++")], true),
        (&[(0, "+"), (10, "+"), (10, "+")], true),
        (&[(0, "ab+++")], false),
        (&[(0, "ab"), (10, "+++")], false),
        (&[(0, "+++"), (10, "ab")], false),
        (&[(0, "+++\r\n")], false),
        (&[(0, "++")], false),
        (&[(0, "++++")], false),
    ] {
        let (mut bench, peer) = passing();
        bench.pass(ms(30));
        let mut data = String::new();
        for (pause, burst) in bursts {
            bench.pass(ms(*pause));
            bench.say(burst);
            data += burst;
        }
        for _ in 0..3 {
            bench.pass(ms(21));
        }
        bench.hear("");
        let data = if out {
            data.replace("+++", "").replace('+', "")
        } else {
            data
        };
        assert_eq!(text(&peer.received()), text(data.as_bytes()), "{bursts:?}");
        if out {
            bench.alive();
        } else {
            leave(&mut bench);
            bench.alive();
        }
    }
}

#[test]
fn the_way_out_is_there_when_the_peer_takes_nothing() {
    let (mut bench, peer) = passing();
    peer.takes(Some(0));
    for _ in 0..4 {
        bench.say(vec![b'x'; 300]);
        bench.pass(ms(30));
    }
    leave(&mut bench);
    // What was said before has its chance; a host waits a second before it goes on.
    bench.pass(ms(900));
    bench.hear("");
    bench.alive();
}

#[test]
fn leaving_is_said_where_it_is_asked_for() {
    let (mut bench, _) = passing();
    leave(&mut bench);
    bench.expect("AT+SYSMSG=1", OK);
    bench.expect("AT+CIPSEND", PROMPT);
    leave(&mut bench);
    bench.hear("\r\n+QUITT\r\n");
}

#[test]
fn a_lost_link_is_opened_again_until_the_host_leaves() {
    for reported in [false, true] {
        let mut bench = Bench::joined();
        if reported {
            bench.expect("AT+SYSMSG=4", OK);
        }
        bench.expect("AT+CIPRECONNINTV=5", OK);
        bench.net.door("192.168.3.102:8080", Door::Sink);
        bench.expect(OPEN, CONNECT);
        bench.expect("AT+CIPMODE=1", OK);
        bench.expect("AT+CIPSEND", PROMPT);
        bench.net.peer().closes();
        bench.hear(if reported { "CLOSED\r\n" } else { "" });
        bench.net.door(
            "192.168.3.102:8080",
            Door::Fails(embedded_io_async::ErrorKind::ConnectionRefused),
        );
        // What is said meanwhile waits.
        bench.say("kept");
        bench.pass(ms(2000));
        bench.hear("");
        assert_eq!(bench.net.connections(), 1);
        bench.net.door("192.168.3.102:8080", Door::Sink);
        bench.pass(ms(600));
        bench.hear(if reported { "CONNECT\r\n" } else { "" });
        bench.pass(ms(30));
        assert_eq!(bench.net.connections(), 2);
        assert_eq!(bench.net.peer().received(), b"kept");
        bench.net.peer().closes();
        bench.settle();
        bench.port.take();
        leave(&mut bench);
        bench.hear("");
        bench.expect("AT+CIPSEND", ERROR);
        bench.alive();
    }
}

#[test]
fn a_server_with_one_client_passes_through() {
    let mut bench = Bench::multiplexed();
    bench.expect("AT+CIPMODE=1", ERROR);
    bench.expect("AT+CIPSERVERMAXCONN=1", OK);
    bench.expect("AT+CIPSERVER=1,8080", OK);
    let first = bench.net.knock(8080, "192.168.4.2:1").unwrap();
    bench.hear("0,CONNECT\r\n");
    bench.expect("AT+CIPMODE=1", OK);
    bench.expect("AT+CIPSEND", PROMPT);
    bench.say("to the first");
    bench.pass(ms(20));
    assert_eq!(first.received(), b"to the first");
    first.closes();
    bench.hear("");
    let second = bench.net.knock(8080, "192.168.4.2:2").unwrap();
    bench.settle();
    second.sends(b"hello");
    bench.hear("hello");
    bench.say("to the second");
    bench.pass(ms(20));
    assert_eq!(second.received(), b"to the second");
    leave(&mut bench);
    bench.expect("AT+CIPMODE=0", OK);
    bench.expect("AT+CIPCLOSE", "0,CLOSED\r\n\r\nOK\r\n");
}

#[test]
fn passthrough_needs_its_mode_a_link_and_a_peer_that_stays() {
    let mut bench = Bench::joined();
    bench.expect("AT+CIPSEND", ERROR);
    bench.expect("AT+CIPMODE?", "+CIPMODE:0\r\n\r\nOK\r\n");
    bench.expect("AT+CIPMODE=1", OK);
    bench.expect("AT+CIPSEND", ERROR);
    bench.expect("AT+CIPSTART=\"UDP\",\"192.168.3.102\",8080,1112,2", ERROR);
    bench.expect("AT+CIPSTART=\"UDP\",\"192.168.3.102\",8080,1112,0", CONNECT);
    bench.expect("AT+CIPSEND", PROMPT);
    bench.say("datagram");
    bench.pass(ms(20));
    let sent = bench.net.datagrams.sent();
    assert_eq!(
        sent,
        [(1112, "192.168.3.102:8080".to_owned(), b"datagram".to_vec())]
    );
    leave(&mut bench);
    bench.expect("AT+CIPMODE=0", OK);
    bench.expect("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
    bench.expect("AT+CIPSTART=\"UDP\",\"192.168.3.102\",8080,1112,2", CONNECT);
    bench.expect("AT+CIPMODE=1", ERROR);
}

/// A module that has stored a network and then a link, switched off and on.
fn started(save: &str, prepare: impl FnOnce(&Setup)) -> Bench {
    let mut bench = Bench::joined();
    bench.expect(save, OK);
    let setup = bench.power_off();
    prepare(&setup);
    let mut bench = setup.boot();
    bench.settle();
    let heard = text(&bench.port.take());
    assert!(heard.starts_with("\\r\\nready\\r\\n"), "{heard}");
    // Passthrough says nothing of the station.
    assert!(!heard.contains("WIFI"), "{heard}");
    bench
}

#[test]
fn a_start_in_passthrough_connects_by_itself() {
    let mut bench = started(
        "AT+SAVETRANSLINK=1,\"192.168.3.102\",8080,\"TCP\"",
        |setup| setup.net.door("192.168.3.102:8080", Door::Sink),
    );
    bench.pass(ms(500));
    bench.say("AT\r\n");
    bench.pass(ms(30));
    assert_eq!(bench.net.peer().received(), b"AT\r\n");
    bench.net.peer().sends(b"raw");
    bench.hear("raw");
    leave(&mut bench);
    bench.expect("ATE0", "ATE0\r\n\r\nOK\r\n");
    bench.expect("AT+CIPMODE?", "+CIPMODE:1\r\n\r\nOK\r\n");
    bench.expect("AT+SAVETRANSLINK=0", OK);
    let setup = bench.power_off();
    let mut bench = setup.boot();
    bench.settle();
    bench.pass(ms(500));
    bench.port.take();
    bench.expect("ATE0", "ATE0\r\n\r\nOK\r\n");
    bench.expect("AT+CIPMODE?", "+CIPMODE:0\r\n\r\nOK\r\n");
}

#[test]
fn a_start_in_passthrough_can_be_left_before_there_is_a_link() {
    let mut bench = started("AT+SAVETRANSLINK=1,\"192.168.3.102\",8080", |_| {});
    bench.pass(ms(700));
    leave(&mut bench);
    bench.hear("");
    bench.expect("ATE0", "ATE0\r\n\r\nOK\r\n");
}

#[test]
fn a_start_as_a_server_waits_for_its_client() {
    let mut bench = started("AT+SAVETRANSLINK=3,8080", |_| {});
    bench.pass(ms(500));
    let peer = bench.net.knock(8080, "192.168.4.2:2").unwrap();
    bench.settle();
    bench.say("hello");
    bench.pass(ms(30));
    assert_eq!(peer.received(), b"hello");
    leave(&mut bench);
    bench.expect("ATE0", "ATE0\r\n\r\nOK\r\n");
}
