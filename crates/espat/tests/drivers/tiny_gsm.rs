//! TinyGSM: streams searched for a few strings, one of them `>`.

use crate::host::Host;
use crate::peer::{Over, Server};

#[test]
fn it_waits_for_its_strings_and_no_line_is_too_long_for_it() {
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
    host.until("\r\nready\r\n");
    host.ask("ATE0", "ATE0\r\n\r\nOK\r\n");
    host.ok("AT+CIPMUX=1");
    host.ok("AT+CWMODE=1");
    host.ask("AT+CWJAP?", "No AP\r\n\r\nOK\r\n");
    host.send("AT+CIPSTATUS\r\n");
    host.until("STATUS:");
    assert_eq!(host.bytes(1), b"1");
    host.until("OK\r\n");
    host.send("AT+CWJAP=\"iot\",\"\"\r\n");
    host.until("OK\r\n");
    host.send("AT+CWJAP?\r\n");
    let joined = host.line();
    assert!(joined.starts_with("+CWJAP:\"iot\",\""), "{joined}");
    host.until("OK\r\n");
    host.send(&format!(
        "AT+CIPSTART=1,\"{kind}\",\"192.168.3.102\",8080,30\r\n"
    ));
    host.until("OK\r\n");
    let mut peer = server.accept();
    host.send("AT+CIPSTATUS\r\n");
    assert_eq!(host.line(), "STATUS:3");
    let link = host.line();
    assert!(
        link.starts_with(&format!("+CIPSTATUS:1,\"{kind}\",\"192.168.3.102\",8080,")),
        "{link}"
    );
    host.until("OK\r\n");
    host.send("AT+CIPSEND=1,2\r\n");
    host.until(">");
    host.send("hi");
    host.until("\r\nSEND OK\r\n");
    assert_eq!(peer.take(2), b"hi");
    peer.send(b"you");
    host.until("+IPD,");
    host.exact("1,3:you");
    drop(peer);
    host.until("1,CLOSED\r\n");
}
