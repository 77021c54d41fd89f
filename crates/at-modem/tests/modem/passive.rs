//! Data that the host fetches: announced once, again when there is reason (spec: at-commands B.4,
//! CIPRECVMODE, CIPRECVDATA, CIPRECVLEN, C.12, C.19).

use crate::support::net::{Door, Peer};
use crate::support::{Bench, text};
use embassy_time::Duration;

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";

/// Long enough for a fresh announcement, which comes no sooner than 30 ms after a read.
const SOON: Duration = Duration::from_millis(31);

fn passive() -> (Bench, Peer) {
    let mut bench = Bench::joined();
    bench.net.door("192.168.3.102:8080", Door::Sink);
    bench.expect("AT+CIPRECVMODE=1", OK);
    bench.expect(
        "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080",
        "CONNECT\r\n\r\nOK\r\n",
    );
    let peer = bench.net.peer();
    (bench, peer)
}

#[test]
fn data_are_announced_once_and_fetched() {
    let (mut bench, peer) = passive();
    peer.sends(b"test");
    bench.hear("\r\n+IPD,4\r\n");
    peer.sends(b"more");
    // Announced already: the host has not read what was announced.
    bench.hear("");
    bench.expect("AT+CIPRECVLEN?", "+CIPRECVLEN:8,-1,-1,-1,-1\r\n\r\nOK\r\n");
    bench.expect("AT+CIPRECVDATA=100", "+CIPRECVDATA:8,testmore\r\nOK\r\n");
    bench.expect("AT+CIPRECVDATA=100", ERROR);
    peer.sends(b"again");
    bench.pass(SOON);
    bench.hear("\r\n+IPD,5\r\n");
}

#[test]
fn what_a_read_leaves_is_announced_again_and_never_in_its_burst() {
    let (mut bench, peer) = passive();
    peer.sends(b"0123456789");
    bench.hear("\r\n+IPD,10\r\n");
    bench.expect("AT+CIPRECVDATA=4", "+CIPRECVDATA:4,0123\r\nOK\r\n");
    bench.pass(Duration::from_millis(29));
    bench.hear("");
    bench.pass(Duration::from_millis(2));
    bench.hear("\r\n+IPD,6\r\n");
    // A host that reads on gets no announcement in between.
    for digit in b'4'..=b'8' {
        let digit = char::from(digit);
        bench.expect(
            "AT+CIPRECVDATA=1",
            format!("+CIPRECVDATA:1,{digit}\r\nOK\r\n"),
        );
        bench.pass(Duration::from_millis(20));
        bench.hear("");
    }
    bench.pass(SOON);
    bench.hear("\r\n+IPD,1\r\n");
}

#[test]
fn the_end_waits_until_everything_was_read() {
    for reads in [1_usize, 3, 8] {
        let (mut bench, peer) = passive();
        peer.sends(b"12345678");
        peer.closes();
        bench.hear("\r\n+IPD,8\r\n");
        bench.pass(Duration::from_secs(60));
        bench.hear("");
        let step = 8_usize.div_ceil(reads);
        for piece in b"12345678".chunks(step) {
            let len = piece.len();
            let data = text(piece);
            let reply = format!("+CIPRECVDATA:{len},{data}\r\nOK\r\n");
            bench.expect(format!("AT+CIPRECVDATA={step}"), reply);
        }
        bench.pass(SOON);
        bench.hear("CLOSED\r\n");
        bench.expect("AT+CIPRECVLEN?", "+CIPRECVLEN:-1,-1,-1,-1,-1\r\n\r\nOK\r\n");
    }
}

#[test]
fn closing_gives_up_what_was_not_read() {
    let (mut bench, peer) = passive();
    peer.sends(b"unread");
    peer.closes();
    bench.hear("\r\n+IPD,6\r\n");
    bench.expect("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
    bench.alive();
}

#[test]
fn a_full_inbox_leaves_the_rest_in_the_network() {
    let (mut bench, peer) = passive();
    let data: Vec<u8> = (0..20_000_u32).map(|at| at.to_be_bytes()[3]).collect();
    peer.sends(&data);
    bench.settle();
    // The receive window of the reference, and one read that waits for room.
    assert!(peer.unsent() >= 20_000 - 5760 - 1460);
    let mut heard = Vec::<u8>::new();
    while heard.len() < data.len() {
        bench.port.take();
        let reply = bench.say("AT+CIPRECVDATA=2048\r\n");
        let head = reply.iter().position(|byte| *byte == b',').unwrap();
        let len: usize = String::from_utf8(reply[13..head].to_vec())
            .unwrap()
            .parse()
            .unwrap();
        heard.extend(&reply[head + 1..=head + len]);
        assert_eq!(&reply[head + 1 + len..][..6], b"\r\nOK\r\n");
    }
    assert!(heard == data);
}

#[test]
fn each_link_has_its_own_way_and_changing_it_loses_nothing() {
    let mut bench = Bench::multiplexed();
    for id in 0..2 {
        bench.net.door("192.168.3.102:8080", Door::Sink);
        bench.expect(
            format!("AT+CIPSTART={id},\"TCP\",\"192.168.3.102\",8080"),
            format!("{id},CONNECT\r\n\r\nOK\r\n"),
        );
    }
    let peers = bench.net.peers();
    bench.expect("AT+CIPRECVTYPE=1,1", OK);
    bench.expect(
        "AT+CIPRECVTYPE?",
        "+CIPRECVTYPE:0,0\r\n+CIPRECVTYPE:1,1\r\n+CIPRECVTYPE:2,0\r\n+CIPRECVTYPE:3,0\r\n+CIPRECVTYPE:4,0\r\n\r\nOK\r\n",
    );
    peers[0].sends(b"now");
    peers[1].sends(b"later");
    bench.hear("\r\n+IPD,0,3:now\r\n+IPD,1,5\r\n");
    bench.expect("AT+CIPRECVDATA=0,3", ERROR);
    bench.expect("AT+CIPDINFO=1", OK);
    bench.expect(
        "AT+CIPRECVDATA=1,3",
        "+CIPRECVDATA:3,\"192.168.3.102\",8080,lat\r\nOK\r\n",
    );
    // Back to active: what waits comes by itself.
    let heard = bench.line("AT+CIPRECVMODE=0");
    bench.pass(SOON);
    let heard = heard + &text(&bench.port.take());
    assert_eq!(
        heard,
        text(b"\r\nOK\r\n\r\n+IPD,1,2,\"192.168.3.102\",8080:er")
    );
}

#[test]
fn passthrough_and_fetching_exclude_each_other() {
    let (mut bench, peer) = passive();
    bench.expect("AT+CIPMODE=1", OK);
    peer.sends(b"raw");
    bench.hear("raw");
    bench.expect("AT+CIPRECVMODE=1", ERROR);
    bench.expect("AT+CIPRECVTYPE=1", ERROR);
    bench.expect("AT+CIPMODE=0", OK);
    bench.expect("AT+CIPRECVMODE?", "+CIPRECVMODE:1\r\n\r\nOK\r\n");
}
