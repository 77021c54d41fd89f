//! RT-Thread's at_device: active receive, five sockets, answers split at CRLF.

use crate::host::Host;
use crate::peer::{Over, Server};

#[test]
fn it_reads_the_version_resolves_names_and_receives_actively() {
    session(Over::Tcp);
}

#[test]
fn a_server_of_tls_1_2_makes_no_difference() {
    session(Over::Tls12);
}

fn session(over: Over) {
    let kind = over.kind();
    let server = Server::over(over);
    let mut host = Host::new(&["--map", &server.map("broker.example:8080")]);
    host.exact("\r\nready\r\n");
    host.ask("AT+RST", "AT+RST\r\n\r\nOK\r\n\r\nready\r\n");
    host.ask("ATE0", "ATE0\r\n\r\nOK\r\n");
    host.ok("AT+CWMODE=1");
    let version = host.answer("AT+GMR");
    let version = version.strip_prefix("AT version:").expect("its head");
    let (numbers, rest) = version.split_once('(').expect("what follows the numbers");
    let numbers: Vec<u32> = numbers
        .split('.')
        .map(|n| n.parse().expect("a number"))
        .collect();
    assert!(
        numbers.len() == 4 && numbers > vec![1, 4, 0, 0],
        "{numbers:?}"
    );
    assert_eq!(
        rest.lines().next().expect("a line").matches(" - ").count(),
        2,
        "{rest}"
    );
    host.ok("AT+CIPMUX=1");
    host.ask(
        "AT+CWJAP=\"iot\",\"\"",
        "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    );
    // Quoted, as of every version above 1.4.
    host.send("AT+CIPDOMAIN=\"broker.example\"\r\n");
    host.until("+CIPDOMAIN:\"");
    let address = host.until("\"");
    let address = address.trim_end_matches('"').to_owned();
    host.exact("\r\n\r\nOK\r\n");

    let mut peers = Vec::new();
    for link in 0..5 {
        host.ask(
            &format!("AT+CIPSTART={link},\"{kind}\",\"{address}\",8080,60"),
            &format!("{link},CONNECT\r\n\r\nOK\r\n"),
        );
        peers.push(server.accept());
    }
    for (link, peer) in peers.iter_mut().enumerate() {
        host.ask(&format!("AT+CIPSEND={link},6"), "\r\nOK\r\n\r\n>");
        host.send("\r\nab\r\n");
        host.exact("\r\nRecv 6 bytes\r\n\r\nSEND OK\r\n");
        assert_eq!(peer.take(6), b"\r\nab\r\n");
        peer.send(b"cd\r\n");
        host.exact(&format!("\r\n+IPD,{link},4:cd\r\n"));
    }
    peers.pop();
    host.exact("4,CLOSED\r\n");
    host.ask(
        "AT+CIPCLOSE=5",
        "0,CLOSED\r\n1,CLOSED\r\n2,CLOSED\r\n3,CLOSED\r\n\r\nOK\r\n",
    );
}
