//! rt-esp-at-nal and other hosts on atat: typed answers, unsolicited lines distinguished by their heads.

use crate::host::Host;
use crate::peer::{Over, Server};

#[test]
fn it_joins_reads_its_addresses_and_receives_passively() {
    session(Over::Tcp);
}

#[test]
fn a_server_of_tls_1_2_makes_no_difference() {
    session(Over::Tls12);
}

fn session(over: Over) {
    let kind = over.kind();
    let server = Server::over(over);
    let mut host = Host::new(&["--map", &server.map("192.168.3.102:8080")]);
    host.exact("\r\nready\r\n");
    host.ask("AT+RST", "AT+RST\r\n\r\nOK\r\n\r\nready\r\n");
    host.ask("ATE0", "ATE0\r\n\r\nOK\r\n");
    host.ok("AT+CWMODE=1");
    host.ok("AT+CIPMUX=1");
    host.ok("AT+CIPRECVMODE=1");
    // Before anything is joined there is an address all the same.
    let addresses = host.answer("AT+CIFSR");
    assert!(
        addresses.starts_with("+CIFSR:STAIP,\"0.0.0.0\"\r\n+CIFSR:STAMAC,\""),
        "{addresses}"
    );
    host.ask(
        "AT+CWJAP=\"iot\",\"\"",
        "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    );
    let addresses = host.answer("AT+CIFSR");
    assert!(
        addresses.starts_with("+CIFSR:STAIP,\"192.168.3.112\"\r\n+CIFSR:STAMAC,\""),
        "{addresses}"
    );

    let open = format!("AT+CIPSTART=2,\"{kind}\",\"192.168.3.102\",8080");
    host.ask(&open, "2,CONNECT\r\n\r\nOK\r\n");
    let mut peer = server.accept();
    host.ask(&open, "ALREADY CONNECTED\r\n\r\nERROR\r\n");
    host.ask("AT+CIPSEND=2,4", "\r\nOK\r\n\r\n>");
    host.send("ping");
    host.exact("\r\nRecv 4 bytes\r\n\r\nSEND OK\r\n");
    assert_eq!(peer.take(4), b"ping");
    peer.send(b"pong");
    host.exact("\r\n+IPD,2,4\r\n");
    host.ask("AT+CIPRECVDATA=2,256", "+CIPRECVDATA:4,pong\r\nOK\r\n");
    host.ask("AT+CIPCLOSE=2", "2,CLOSED\r\n\r\nOK\r\n");
}
