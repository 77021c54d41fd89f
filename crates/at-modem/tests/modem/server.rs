//! The server: who is let in, under which number, and how it ends (spec: at-commands B.4, C.2).

use crate::support::{Bench, text};
use embassy_time::Duration;

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";

fn server() -> Bench {
    let mut bench = Bench::multiplexed();
    bench.expect("AT+CIPSERVER=1", OK);
    bench
}

#[test]
fn clients_get_the_lowest_free_links_and_talk() {
    let mut bench = server();
    bench.expect("AT+CIPSERVER?", "+CIPSERVER:1,333,\"TCP\"\r\n\r\nOK\r\n");
    let peer = bench.net.knock(333, "192.168.4.2:49469").unwrap();
    bench.hear("0,CONNECT\r\n");
    bench.expect("AT+CIPSEND=0,4", "\r\nOK\r\n\r\n>");
    let sent = bench.say("test");
    assert_eq!(text(&sent), text(b"\r\nRecv 4 bytes\r\n\r\nSEND OK\r\n"));
    assert_eq!(peer.received(), b"test");
    peer.sends(b"test");
    bench.hear("\r\n+IPD,0,4:test");
    bench.expect(
        "AT+CIPSTATE?",
        "+CIPSTATE:0,\"TCP\",\"192.168.4.2\",49469,333,1\r\n\r\nOK\r\n",
    );
    bench.expect("AT+SYSMSG=2", OK);
    let second = bench.net.knock(333, "192.168.4.3:50000").unwrap();
    bench.hear("+LINK_CONN:0,1,\"TCP\",1,\"192.168.4.3\",50000,333\r\n");
    second.closes();
    bench.hear("1,CLOSED\r\n");
    bench.expect("AT+CIPCLOSE=0", "0,CLOSED\r\n\r\nOK\r\n");
    assert_eq!(peer.is_gone(), (true, true));
    // A number that is free again is given again.
    bench.expect("AT+SYSMSG=0", OK);
    bench.net.knock(333, "192.168.4.4:1").unwrap();
    bench.hear("0,CONNECT\r\n");
}

#[test]
fn who_is_one_too_many_is_turned_away() {
    let mut bench = Bench::multiplexed();
    bench.expect("AT+CIPSERVERMAXCONN=2", OK);
    bench.expect("AT+CIPSERVER=1,8080", OK);
    bench.expect("AT+CIPSERVERMAXCONN=3", ERROR);
    bench.expect("AT+CIPSERVERMAXCONN?", "+CIPSERVERMAXCONN:2\r\n\r\nOK\r\n");
    for id in 0..2 {
        bench.net.knock(8080, "192.168.4.2:1").unwrap();
        bench.hear(format!("{id},CONNECT\r\n"));
    }
    let third = bench.net.knock(8080, "192.168.4.2:3").unwrap();
    bench.hear("Have 2 Connections\r\n");
    assert_eq!(third.is_gone(), (true, true));
    bench.alive();
}

#[test]
fn links_of_ours_and_of_clients_share_the_numbers() {
    let mut bench = server();
    bench
        .net
        .door("192.168.3.102:1", crate::support::net::Door::Sink);
    bench.expect(
        "AT+CIPSTART=0,\"TCP\",\"192.168.3.102\",1",
        "0,CONNECT\r\n\r\nOK\r\n",
    );
    for id in 1..5 {
        bench.net.knock(333, "192.168.4.2:1").unwrap();
        bench.hear(format!("{id},CONNECT\r\n"));
    }
    bench.net.knock(333, "192.168.4.2:9").unwrap();
    bench.hear("Have 5 Connections\r\n");
    // Clients may hold every number; a command gets none of them.
    bench.expect(
        "AT+CIPSTART=3,\"TCP\",\"192.168.3.102\",1",
        "ALREADY CONNECTED\r\n\r\nERROR\r\n",
    );
}

#[test]
fn a_server_ends_with_its_links_or_without() {
    for close_all in [false, true] {
        let mut bench = server();
        let peer = bench.net.knock(333, "192.168.4.2:1").unwrap();
        bench.hear("0,CONNECT\r\n");
        if close_all {
            bench.expect("AT+CIPSERVER=0,1", "0,CLOSED\r\n\r\nOK\r\n");
        } else {
            bench.expect("AT+CIPSERVER=0", OK);
            peer.sends(b"still here");
            bench.hear("\r\n+IPD,0,10:still here");
            // Nobody new gets in.
            if let Some(late) = bench.net.knock(333, "192.168.4.2:2") {
                bench.hear("");
                assert_eq!(late.is_gone(), (true, true));
            }
            // Another port has to wait for the old links; the same one does not.
            bench.expect("AT+CIPSERVER=1,334", ERROR);
            bench.expect("AT+CIPSERVER=1", OK);
            bench.net.knock(333, "192.168.4.2:3").unwrap();
            bench.hear("1,CONNECT\r\n");
            bench.expect("AT+CIPSERVER=0,1", "0,CLOSED\r\n1,CLOSED\r\n\r\nOK\r\n");
        }
        bench.expect("AT+CIPSERVER?", "+CIPSERVER:0\r\n\r\nOK\r\n");
        assert!(bench.net.knock(333, "192.168.4.2:4").is_none());
        bench.expect("AT+CIPSERVER=1,334", OK);
        bench.expect("AT+CIPMUX=0", ERROR);
        bench.expect("AT+CIPSERVER=0", OK);
        bench.expect("AT+CIPMUX=0", OK);
    }
}

#[test]
fn what_a_server_needs() {
    let mut bench = Bench::joined();
    bench.expect("AT+CIPSERVER=0", OK);
    bench.expect("AT+CIPSERVER=1", ERROR);
    bench.expect("AT+CIPMUX=1", OK);
    // An engine that is a client only (C.6, C.8), or a server without a certificate.
    bench.expect("AT+SYSLOG=1", OK);
    let refused = if cfg!(feature = "rustls") {
        "NO CERT FOUND\r\n+SSLWHY:-1,\"setup\",-0x7580,0x00000000,0,\"\",\"\",\"no certificate of ours loaded: the partition is erased\",\"cert_erased\"\r\nERR CODE:0x010a0000\r\n\r\nERROR\r\n"
    } else {
        "ERR CODE:0x010a0001\r\n\r\nERROR\r\n"
    };
    bench.expect("AT+CIPSERVER=1,8070,\"SSL\"", refused);
    bench.expect("AT+CIPSERVER=1,8070,\"SSL\",1", refused);
    let why = bench.line("AT+SSLWHY?");
    let code = if cfg!(feature = "rustls") {
        "cert_erased"
    } else {
        "no_server"
    };
    assert!(why.starts_with("+SSLWHY:-1,"), "{why}");
    assert!(why.contains(code), "{why}");
    bench.expect("AT+SYSLOG=0", OK);
    bench.expect("AT+CIPSERVER=1,8070,\"TCPv6\"", ERROR);
    bench.expect("AT+CIPSERVER=1,8070", OK);
    bench.expect("AT+CIPSERVER=1,8070", ERROR);
    bench.expect("AT+CIPSERVER=0,2", ERROR);
    bench.expect("AT+CIPSERVER?", "+CIPSERVER:1,8070,\"TCP\"\r\n\r\nOK\r\n");
}

#[test]
fn a_silent_client_is_closed_after_its_time_and_a_heard_one_is_not() {
    let mut bench = server();
    bench.expect("AT+CIPSTO?", "+CIPSTO:0\r\n\r\nOK\r\n");
    let silent = bench.net.knock(333, "192.168.4.2:1").unwrap();
    let heard = bench.net.knock(333, "192.168.4.2:2").unwrap();
    bench.hear("0,CONNECT\r\n1,CONNECT\r\n");
    bench.pass(Duration::from_secs(600));
    bench.hear("");
    heard.sends(b".");
    silent.sends(b".");
    bench.hear("\r\n+IPD,0,1:.\r\n+IPD,1,1:.");
    bench.expect("AT+CIPSTO=10", OK);
    bench.pass(Duration::from_secs(9));
    heard.sends(b".");
    bench.hear("\r\n+IPD,1,1:.");
    bench.pass(Duration::from_secs(2));
    bench.hear("0,CLOSED\r\n");
    assert_eq!(silent.is_gone(), (true, true));
    bench.pass(Duration::from_secs(9));
    bench.hear("1,CLOSED\r\n");
}

#[test]
fn a_port_that_goes_takes_the_server_with_it() {
    let mut bench = server();
    bench.net.knock(333, "192.168.4.2:1").unwrap();
    bench.hear("0,CONNECT\r\n");
    bench.restart();
    bench.expect("AT+CIPSERVER?", "+CIPSERVER:0\r\n\r\nOK\r\n");
    assert!(bench.net.knock(333, "192.168.4.2:4").is_none());
}

#[test]
fn a_server_that_is_ended_and_begun_in_one_breath_listens() {
    for (first, second) in [(333, 333), (333, 8080)] {
        let mut bench = Bench::multiplexed();
        let lines =
            format!("AT+CIPSERVER=1,{first}\r\nAT+CIPSERVER=0\r\nAT+CIPSERVER=1,{second}\r\n");
        assert_eq!(text(&bench.say(lines)), text(OK.repeat(3).as_bytes()));
        bench.net.knock(second, "192.168.4.2:1").unwrap();
        bench.hear("0,CONNECT\r\n");
    }
}
