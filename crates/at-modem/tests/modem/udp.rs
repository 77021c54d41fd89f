//! UDP links: three kinds of peers, datagrams kept apart (spec: at-commands B.4, C.3, C.4).

use crate::support::{Bench, text};

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";
const CONNECT: &str = "CONNECT\r\n\r\nOK\r\n";

fn send(bench: &mut Bench, command: &str, data: &[u8]) {
    bench.expect(command, "\r\nOK\r\n\r\n>");
    let reply = format!("\r\nRecv {} bytes\r\n\r\nSEND OK\r\n", data.len());
    assert_eq!(text(&bench.say(data)), text(reply.as_bytes()));
}

#[test]
fn the_peer_stays_changes_once_or_follows() {
    const PEER: &str = "192.168.3.102:8080";
    const SECOND: &str = "192.168.3.103:1000";
    const THIRD: &str = "192.168.3.104:2000";
    for (mode, after_second, after_third) in [
        ("", PEER, PEER),
        (",0", PEER, PEER),
        (",1", SECOND, SECOND),
        (",2", SECOND, THIRD),
    ] {
        let mut bench = Bench::joined();
        bench.expect(
            format!("AT+CIPSTART=\"UDP\",\"192.168.3.102\",8080,1112{mode}"),
            CONNECT,
        );
        let udp = bench.net.datagrams.clone();
        assert_eq!(udp.bound(), [1112]);
        send(&mut bench, "AT+CIPSEND=5", b"first");
        assert_eq!(udp.sent(), [(1112, PEER.to_owned(), b"first".to_vec())]);
        for (from, then) in [(SECOND, after_second), (THIRD, after_third), (PEER, "")] {
            // Whoever sends is heard.
            assert!(udp.arrives(1112, from, b"test"));
            bench.hear("\r\n+IPD,4:test");
            if !then.is_empty() {
                send(&mut bench, "AT+CIPSEND=1", b"x");
                assert_eq!(
                    udp.sent(),
                    [(1112, then.to_owned(), b"x".to_vec())],
                    "{mode}"
                );
            }
        }
        bench.expect("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
        assert!(udp.bound().is_empty());
    }
}

#[test]
fn one_datagram_may_go_elsewhere() {
    let mut bench = Bench::joined();
    bench.expect("AT+CIPSTART=\"UDP\",\"192.168.3.102\",8080,1112,2", CONNECT);
    let udp = bench.net.datagrams.clone();
    send(&mut bench, "AT+CIPSEND=4,\"192.168.3.103\",1000", b"test");
    send(&mut bench, "AT+CIPSEND=4", b"back");
    assert_eq!(
        udp.sent(),
        [
            (1112, "192.168.3.103:1000".to_owned(), b"test".to_vec()),
            (1112, "192.168.3.102:8080".to_owned(), b"back".to_vec()),
        ]
    );
    // A name that nobody knows is no destination.
    bench.expect("AT+CIPSEND=4,\"nowhere.example\",1000", ERROR);
    bench.alive();
}

#[test]
fn a_stream_takes_no_other_destination() {
    let mut bench = Bench::joined();
    bench
        .net
        .door("192.168.3.102:8080", crate::support::net::Door::Sink);
    bench.expect("AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080", CONNECT);
    bench.expect("AT+CIPSEND=4,\"192.168.3.103\",1000", ERROR);
    bench.alive();
}

#[test]
fn datagrams_are_kept_apart_and_named() {
    let mut bench = Bench::multiplexed();
    bench.expect("AT+CIPDINFO=1", OK);
    bench.expect(
        "AT+CIPSTART=4,\"UDP\",\"192.168.3.102\",8080,1112,0",
        "4,CONNECT\r\n\r\nOK\r\n",
    );
    let udp = bench.net.datagrams.clone();
    for (from, content) in [
        ("192.168.3.102:8080", "one"),
        ("10.0.0.9:53", "two"),
        ("10.0.0.9:53", ""),
        ("10.0.0.9:53", "three"),
    ] {
        assert!(udp.arrives(1112, from, content.as_bytes()));
    }
    bench.hear(concat!(
        "\r\n+IPD,4,3,\"192.168.3.102\",8080:one",
        "\r\n+IPD,4,3,\"10.0.0.9\",53:two",
        "\r\n+IPD,4,5,\"10.0.0.9\",53:three"
    ));
    // The longest that is taken, and one that is longer.
    let whole = vec![b'a'; 2920];
    assert!(udp.arrives(1112, "10.0.0.9:53", &whole));
    assert!(udp.arrives(1112, "10.0.0.9:53", &[b'b'; 2921]));
    bench.hear([&b"\r\n+IPD,4,2920,\"10.0.0.9\",53:"[..], &whole].concat());
}

#[test]
fn what_does_not_fit_is_lost_and_the_rest_is_whole() {
    let mut bench = Bench::joined();
    bench.expect("AT+CIPRECVMODE=1", OK);
    bench.expect("AT+CIPSTART=\"UDP\",\"192.168.3.102\",8080,1112,0", CONNECT);
    let udp = bench.net.datagrams.clone();
    // 5760 bytes are room for five of 1100.
    for byte in b"abcdefg" {
        udp.arrives(1112, "10.0.0.9:53", &[*byte; 1100]);
        bench.settle();
    }
    bench.hear("\r\n+IPD,1100\r\n");
    for byte in b"abcde" {
        let data = [*byte; 1100];
        let reply = [&b"+CIPRECVDATA:1100,"[..], &data, b"\r\nOK\r\n"].concat();
        bench.expect("AT+CIPRECVDATA=5000", reply);
    }
    bench.expect("AT+CIPRECVDATA=5000", ERROR);
    // A part of a datagram is followed by the rest of it, unless it must stay whole.
    udp.arrives(1112, "10.0.0.9:53", b"abcdef");
    udp.arrives(1112, "10.0.0.9:53", b"gh");
    bench.settle();
    bench.expect("AT+CIPRECVDATA=4,1", ERROR);
    bench.expect("AT+CIPRECVDATA=4", "+CIPRECVDATA:4,abcd\r\nOK\r\n");
    bench.expect("AT+CIPRECVDATA=4", "+CIPRECVDATA:2,ef\r\nOK\r\n");
    bench.expect("AT+CIPRECVDATA=4,1", "+CIPRECVDATA:2,gh\r\nOK\r\n");
}

#[test]
fn a_datagram_that_the_stack_refuses_fails_and_the_link_stays() {
    let mut bench = Bench::joined();
    bench.expect("AT+CIPSTART=\"UDP\",\"192.168.3.102\",8080", CONNECT);
    let udp = bench.net.datagrams.clone();
    udp.refuses(true);
    bench.expect("AT+CIPSEND=4", "\r\nOK\r\n\r\n>");
    let reply = text(&bench.say("test"));
    assert_eq!(reply, text(b"\r\nRecv 4 bytes\r\n\r\nSEND FAIL\r\n"));
    udp.refuses(false);
    send(&mut bench, "AT+CIPSEND=4", b"test");
    // Without a local port the modem chose one, and says which.
    let port = udp.bound()[0];
    assert!(port >= 0xc000);
    bench.expect(
        "AT+CIPSTATE?",
        format!("+CIPSTATE:0,\"UDP\",\"192.168.3.102\",8080,{port},0\r\n\r\nOK\r\n"),
    );
}

#[test]
fn a_group_is_joined_and_a_port_is_taken_once() {
    let mut bench = Bench::multiplexed();
    bench.expect(
        "AT+CIPSTART=0,\"UDP\",\"224.0.0.251\",5353,5353,2",
        "0,CONNECT\r\n\r\nOK\r\n",
    );
    assert_eq!(bench.net.datagrams.joined(), ["224.0.0.251"]);
    bench.expect("AT+CIPSTART=1,\"UDP\",\"192.168.3.102\",1,5353,0", ERROR);
    // A peer that may change needs a port that it can send to.
    bench.expect("AT+CIPSTART=1,\"UDP\",\"192.168.3.102\",1,,2", ERROR);
    bench.alive();
}

#[test]
fn the_newer_ip_is_there_once_it_is_switched_on() {
    let mut bench = Bench::multiplexed();
    let line = "AT+CIPSTART=0,\"UDPv6\",\"2001:db8::7\",9,1112,0";
    bench.expect(line, ERROR);
    bench.expect("AT+CIPV6?", "+CIPV6:0\r\n\r\nOK\r\n");
    bench.expect("AT+CIPV6=1", OK);
    bench.expect("AT+CIPSTART=0,\"UDPv6\",\"10.0.0.1\",9,1112,0", ERROR);
    bench.expect("AT+CIPSTART=0,\"UDP\",\"2001:db8::7\",9,1112,0", ERROR);
    bench.expect(line, "0,CONNECT\r\n\r\nOK\r\n");
    bench.expect(
        "AT+CIPSTATE?",
        "+CIPSTATE:0,\"UDPv6\",\"2001:db8::7\",9,1112,0\r\n\r\nOK\r\n",
    );
}
