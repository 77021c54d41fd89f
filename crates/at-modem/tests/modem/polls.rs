//! What work costs in polls: each of them asks every part of the modem, its sockets included, which is a system call for each
//! link on a PC.

use crate::support::Bench;
use crate::support::net::Door;

/// Lets the modem run until all of it waits; how often it was polled.
fn polls(bench: &mut Bench) -> usize {
    let mut count = 0;
    while bench.poll() {
        count += 1;
    }
    count
}

fn passing(door: Door) -> Bench {
    let mut bench = Bench::joined();
    bench.net.door("192.168.3.102:8080", door);
    bench.expect(
        "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080",
        "CONNECT\r\n\r\nOK\r\n",
    );
    bench.expect("AT+CIPMODE=1", "\r\nOK\r\n");
    bench.expect("AT+TRANSINTVL=0", "\r\nOK\r\n");
    bench.expect("AT+CIPSEND", "\r\nOK\r\n\r\n>");
    bench
}

#[test]
fn a_command_takes_one_poll_and_one_that_finds_nothing() {
    let mut bench = Bench::new();
    for line in ["AT", "AT+CIPMUX?", "AT+CIPMUX=7"] {
        bench.port.feed(format!("{line}\r\n").as_bytes());
        assert_eq!(polls(&mut bench), 2, "{line}");
        assert!(!bench.port.take().is_empty());
    }
}

#[test]
fn a_send_takes_five_polls() {
    let mut bench = Bench::joined();
    bench.net.door("192.168.3.102:8080", Door::Sink);
    bench.expect(
        "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080",
        "CONNECT\r\n\r\nOK\r\n",
    );
    for _ in 0..3 {
        bench.port.feed(b"AT+CIPSEND=2048\r\n");
        let line = polls(&mut bench);
        assert_eq!(bench.port.take(), b"\r\nOK\r\n\r\n>");
        bench.port.feed(&[b'x'; 2048]);
        let data = polls(&mut bench);
        assert!(bench.port.take().ends_with(b"SEND OK\r\n"));
        assert_eq!((line, data), (2, 3));
    }
}

/// One that reads and sends, and one that hears it was sent.
#[test]
fn a_block_of_passthrough_takes_two_polls() {
    let mut bench = passing(Door::Sink);
    for _ in 0..3 {
        bench.port.feed(&[b'x'; 1024]);
        assert_eq!(polls(&mut bench), 2);
        assert_eq!(bench.net.peer().received().len(), 1024);
    }
}

/// The last poll finds nothing: what arrives wakes the task that shows it, which had its turn already.
#[test]
fn an_echo_in_passthrough_takes_three_polls() {
    let mut bench = passing(Door::Echo);
    let peer = bench.net.peer();
    for _ in 0..3 {
        let before = peer.reads();
        bench.port.feed(b"ping");
        assert_eq!(polls(&mut bench), 3);
        assert_eq!(bench.port.take(), b"ping");
        assert_eq!(peer.reads() - before, 4);
    }
}
