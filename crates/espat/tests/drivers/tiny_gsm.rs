//! TinyGSM: streams searched for a few strings, one of them `>`.

use crate::host::Host;
use crate::peer::Server;

#[test]
fn it_waits_for_its_strings_and_no_line_is_too_long_for_it() {
    let server = Server::new();
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
    host.send("AT+CIPSTART=1,\"TCP\",\"192.168.3.102\",8080,30\r\n");
    host.until("OK\r\n");
    let mut peer = server.accept();
    host.send("AT+CIPSTATUS\r\n");
    assert_eq!(host.line(), "STATUS:3");
    let link = host.line();
    assert!(
        link.starts_with("+CIPSTATUS:1,\"TCP\",\"192.168.3.102\",8080,"),
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
