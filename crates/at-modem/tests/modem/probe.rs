//! `AT+SSLPROBE` (ours) where there is no TLS server to be judged. What it shows of one that is there
//! needs a server: the simulator's tests have those.

use embassy_time::Duration;
use embedded_io_async::ErrorKind;

use crate::support::net::Door;
use crate::support::{Bench, text};

const OK: &str = "\r\nOK\r\n";
const PEER: &str = "192.168.3.102:8080";
const PROBE: &str = "AT+SSLPROBE=\"192.168.3.102\",8080";

/// Says the probe, waits, and checks that it ends in `ERROR` with this reason before it.
#[track_caller]
fn fails(bench: &mut Bench, line: &str, notice: &str, stage: &str) {
    let mut reply = bench.say(format!("{line}\r\n"));
    bench.pass(Duration::from_secs(60));
    reply.extend(bench.port.take());
    let reply = String::from_utf8(reply).unwrap();
    let head = format!("{notice}+SSLWHY:0,\"{stage}\",");
    assert!(reply.starts_with(&head), "{reply}");
    assert!(reply.ends_with("\"\r\n\r\nERROR\r\n"), "{reply}");
    // The same reason is there for who asks later, and the link is free.
    let why = String::from_utf8(bench.say("AT+SSLWHY?\r\n")).unwrap();
    let line = reply
        .strip_prefix(notice)
        .unwrap()
        .strip_suffix("\r\nERROR\r\n");
    assert_eq!(why.strip_suffix(OK), line);
    bench.expect("AT+CIPSTATE?", OK);
}

#[test]
fn what_is_no_tls_server_is_an_error_with_its_reason() {
    let mut bench = Bench::joined();
    fails(&mut bench, PROBE, "", "tcp");
    for (door, stage) in [
        (Door::Fails(ErrorKind::ConnectionRefused), "tcp"),
        (Door::Silent, "tcp"),
        (Door::Sink, "hello"),
        (Door::Echo, "hello"),
        (Door::Greeting, "hello"),
    ] {
        bench.net.door(PEER, door);
        fails(&mut bench, PROBE, "", stage);
    }
    fails(&mut bench, "AT+SSLPROBE=\"nobody.example\",443", "", "dns");
    // The socket of each was let go, and a link opens as ever.
    assert!(bench.net.peer().is_gone().1);
    bench.net.door(PEER, Door::Echo);
    bench.expect(
        "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080",
        "CONNECT\r\n\r\nOK\r\n",
    );
    bench.expect(PROBE, "ALREADY CONNECTED\r\n\r\nERROR\r\n");
    bench.expect("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
}

#[test]
fn what_is_missing_here_is_said_before_the_first_packet() {
    let mut bench = Bench::new();
    bench.net.door(PEER, Door::Sink);
    fails(&mut bench, PROBE, "", "tcp");
    let mut bench = {
        drop(bench);
        Bench::joined()
    };
    bench.net.door(PEER, Door::Sink);
    bench.expect("AT+CIPSSLCCONF=2,0,0", OK);
    fails(&mut bench, PROBE, "NO CA FOUND\r\n", "setup");
    bench.expect("AT+CIPSSLCCONF=1,0,0", OK);
    fails(&mut bench, PROBE, "NO CERT FOUND\r\n", "setup");
    bench.expect("AT+CIPSSLCCONF=0", OK);
    bench.expect("AT+SSLPOLICY=1", OK);
    fails(&mut bench, PROBE, "", "setup");
    assert_eq!(bench.net.connections(), 0);
}

#[test]
fn a_probe_is_a_command_that_takes_long() {
    let mut bench = Bench::joined();
    bench.net.door(PEER, Door::Sink);
    bench.expect(PROBE, "");
    bench.expect("AT", "\r\nbusy p...\r\n");
    bench.expect("", "");
    bench.pass(Duration::from_secs(60));
    let reply = text(&bench.port.take());
    assert!(reply.ends_with(&text(b"ERROR\r\n")), "{reply}");
    bench.alive();
}
