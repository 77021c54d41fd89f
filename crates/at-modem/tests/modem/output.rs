//! A host that does not read: the modem waits, loses nothing and keeps the order.

use crate::support::net::Door;
use crate::support::{Bench, text};

/// Everything the modem has to say when it may say it in portions of `portion`.
fn drained(bench: &mut Bench, portion: usize) -> Vec<u8> {
    let mut heard = Vec::new();
    for _ in 0..100_000_u32 {
        bench.port.give_room(Some(portion));
        bench.settle();
        let more = bench.port.take();
        if more.is_empty() {
            bench.port.give_room(None);
            return heard;
        }
        assert!(more.len() <= portion);
        heard.extend(more);
    }
    panic!("there is no end to it");
}

#[test]
fn a_port_that_takes_little_gets_the_same_bytes() {
    let said = b"AT+CMD?\r\nAT+SYSFLASH?\r\nAT+SYSFLASH=2,\"ble_data\",0,12288\r\nAT+GMR\r\nAT\r\n";
    let mut bench = Bench::new();
    let whole = bench.say(said);
    assert!(whole.len() > 12288);
    drop(bench);
    for portion in [1, 2, 3, 7, 64, 255, 256, 257, 4096, 8192] {
        let mut bench = Bench::new();
        bench.port.give_room(Some(0));
        assert_eq!(bench.say(said), b"");
        assert!(
            drained(&mut bench, portion) == whole,
            "portions of {portion}"
        );
        bench.alive();
    }
}

#[test]
fn a_port_that_takes_nothing_stops_the_modem_and_its_input() {
    let mut bench = Bench::new();
    bench.port.give_room(Some(0));
    let rounds = 3000;
    for _ in 0..rounds {
        bench.port.feed(b"AT+CWMODE?\r\n");
        bench.settle();
    }
    // The ring is full, and input waits at the port.
    assert!(bench.port.unread() > 10_000, "{}", bench.port.unread());
    let heard = drained(&mut bench, 1000);
    let expected = b"+CWMODE:0\r\n\r\nOK\r\n".repeat(rounds);
    assert!(heard == expected, "{} of {}", heard.len(), expected.len());
    bench.alive();
}

#[test]
fn data_of_the_network_waits_for_the_host_too() {
    let mut bench = Bench::joined();
    bench.net.door("192.168.3.102:8080", Door::Sink);
    bench.expect(
        "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080",
        "CONNECT\r\n\r\nOK\r\n",
    );
    bench.port.give_room(Some(0));
    let data: Vec<u8> = (0..50_000_u32).map(|at| at.to_be_bytes()[3]).collect();
    bench.net.peer().sends(&data);
    bench.net.peer().closes();
    bench.settle();
    bench.radio.lose();
    bench.settle();

    let heard = drained(&mut bench, 777);
    let mut expected = Vec::new();
    for piece in data.chunks(2920) {
        expected.extend(format!("\r\n+IPD,{}:", piece.len()).into_bytes());
        expected.extend(piece);
    }
    // The network went away while data waited. What was announced is whole, no line is in the
    // middle of another, nothing of the link follows its end.
    let line = b"WIFI DISCONNECT\r\n";
    let at = heard.windows(line.len()).position(|window| window == line);
    let (before, after) = heard.split_at(at.expect("the network's end is printed"));
    let rest = [before, &after[line.len()..]].concat();
    let rest = rest.strip_suffix(b"CLOSED\r\n");
    let rest = rest.expect("the link's end is printed last");
    assert!(expected.starts_with(rest), "{} bytes", rest.len());
    let mut whole = 0;
    while whole < rest.len() {
        let header = rest[whole..].iter().position(|byte| *byte == b':').unwrap() + 1;
        let length = text(&rest[whole + b"\r\n+IPD,".len()..whole + header - 1]);
        whole += header + length.parse::<usize>().unwrap();
    }
    assert_eq!(whole, rest.len());
    bench.alive();
}

#[test]
fn a_link_is_read_no_faster_than_the_host_reads() {
    let mut bench = Bench::joined();
    bench.net.door("192.168.3.102:8080", Door::Sink);
    bench.expect(
        "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080",
        "CONNECT\r\n\r\nOK\r\n",
    );
    bench.port.give_room(Some(0));
    let data: Vec<u8> = (0..50_000_u32).map(|at| at.to_be_bytes()[3]).collect();
    bench.net.peer().sends(&data);
    bench.settle();
    // The ring's 8 KiB, what is on its way into the port, and one message that waits.
    assert!(bench.net.peer().unsent() > 50_000 - 8192 - 256 - 5760 - 1460);
    let heard = drained(&mut bench, 1024);
    let pieces = super::support::ipds(&heard);
    assert!(pieces.iter().all(|piece| piece.len() <= 2920));
    assert!(pieces.concat() == data);
}
