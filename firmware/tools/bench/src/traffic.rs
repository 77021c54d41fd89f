//! Data between port and links, in memory: what the modem does for each byte.

use crate::support::Bench;
use crate::support::net::Door;
use crate::{begin, bench_boundary, bench_counted, bench_number};

const OK: &str = "\r\nOK\r\n";
const TOTAL: usize = 1 << 18;

pub(crate) fn run() {
    for links in [1, 5] {
        to_host(links);
    }
    to_links();
    passthrough();
    echo();
}

fn connected(links: usize) -> Bench {
    let mut bench = Bench::multiplexed();
    bench.net.door("192.168.3.102:8080", Door::Sink);
    for link in 0..links {
        bench.expect(
            format!("AT+CIPSTART={link},\"TCP\",\"192.168.3.102\",8080"),
            format!("{link},CONNECT\r\n\r\nOK\r\n"),
        );
    }
    bench
}

/// Peers send; the host gets `+IPD`.
fn to_host(links: usize) {
    let mut bench = connected(links);
    let each = TOTAL / links;
    begin();
    for peer in bench.net.peers() {
        peer.sends(&vec![b'x'; each]);
    }
    bench_counted(|| bench.settle());
    let heard = bench.port.take();
    let data = heard.iter().filter(|byte| **byte == b'x').count();
    assert_eq!(data, each * links);
    bench_boundary(&format!("data.to_host.{links}"), data);
}

/// The host sends with `AT+CIPSEND`, 2 KiB a time.
fn to_links() {
    const BLOCK: usize = 2048;
    let mut bench = connected(1);
    begin();
    for _ in 0..TOTAL / BLOCK {
        bench.port.feed(b"AT+CIPSEND=0,2048\r\n");
        bench_counted(|| bench.settle());
        bench.port.take();
        bench.port.feed(&[b'x'; BLOCK]);
        bench_counted(|| bench.settle());
        assert!(bench.port.take().ends_with(b"SEND OK\r\n"));
    }
    assert_eq!(bench.net.peer().received().len(), TOTAL);
    bench_boundary("data.to_link", TOTAL);
}

fn passing(door: Door) -> Bench {
    let mut bench = Bench::joined();
    bench.net.door("192.168.3.102:8080", door);
    bench.expect(
        "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080",
        "CONNECT\r\n\r\nOK\r\n",
    );
    bench.expect("AT+CIPMODE=1", OK);
    bench.expect("AT+TRANSINTVL=0", OK);
    bench.expect("AT+CIPSEND", "\r\nOK\r\n\r\n>");
    bench
}

/// Passthrough, in blocks as a UART's driver has them.
fn passthrough() {
    const BLOCK: usize = 1024;
    let mut bench = passing(Door::Sink);
    begin();
    for _ in 0..TOTAL / BLOCK {
        bench.port.feed(&[b'x'; BLOCK]);
        bench_counted(|| bench.settle());
    }
    assert_eq!(bench.net.peer().received().len(), TOTAL);
    bench_boundary("data.passthrough", TOTAL);
}

/// Passthrough to a peer that sends everything back, and how often the modem reads its socket for that: those reads too
/// that find nothing, each of which is a system call on a PC.
fn echo() {
    const TIMES: usize = 64;
    let mut bench = passing(Door::Echo);
    let before = bench.net.peer().reads();
    begin();
    for _ in 0..TIMES {
        bench.port.feed(b"ping");
        bench_counted(|| bench.settle());
        assert_eq!(bench.port.take(), b"ping");
    }
    bench_boundary("passthrough.echo", TIMES);
    let reads = bench.net.peer().reads() - before;
    bench_number("passthrough.echo.reads", TIMES, reads);
}
