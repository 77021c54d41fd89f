//! Adafruit's CircuitPython driver: an answer is complete when its last bytes are `OK\r\n`.

use crate::host::Host;
use crate::peer::{Over, Server};

#[test]
fn it_compares_the_ends_of_answers() {
    session(Over::Tcp);
}

#[test]
fn a_server_of_tls_1_2_makes_no_difference() {
    session(Over::Tls12);
}

fn session(over: Over) {
    let kind = over.kind();
    let server = Server::over(over);
    let mut host = Host::new(&["--map", &server.map("192.168.3.102:80")]);
    host.until("ready\r\n");
    host.answer("AT");
    assert!(!host.has_more());
    host.answer("ATE0");
    host.answer("AT+UART_CUR=115200,8,1,0,2");
    let version = host.answer("AT+GMR");
    let mut lines = version.lines();
    for head in [
        "AT version:",
        "SDK version:",
        "compile time(",
        "Bin version:",
    ] {
        let line = lines.next().unwrap_or_default();
        assert!(line.starts_with(head), "{version}");
    }
    host.answer("AT+CIPMUX=0");
    host.answer("AT+CWMODE=1");
    host.answer("AT+CWJAP=\"iot\",\"\"");
    assert!(
        host.answer("AT+CIFSR")
            .contains("+CIFSR:STAIP,\"192.168.3.112\"\r\n")
    );
    assert!(
        host.answer("AT+CWSTATE?")
            .starts_with("+CWSTATE:2,\"iot\"\r\n")
    );
    assert!(host.answer("AT+CIPSTATUS").starts_with("STATUS:2\r\n"));
    let scan = host.answer("AT+CWLAP");
    assert!(scan.starts_with("+CWLAP:(0,\"iot\","), "{scan}");
    assert!(
        scan.lines().next().expect("a line").ends_with(')'),
        "{scan}"
    );
    let time = host.answer("AT+CIPSNTPTIME?");
    assert!(
        time.starts_with("+CIPSNTPTIME:") && time.ends_with("1970\r\nOK\r\n"),
        "{time}"
    );

    host.answer(&format!("AT+CIPSTART=\"{kind}\",\"192.168.3.102\",80,10"));
    let mut peer = server.accept();
    host.send("AT+CIPSEND=18\r\n");
    host.until(">");
    host.send("GET / HTTP/1.0\r\n\r\n");
    host.until("SEND OK\r\n");
    assert!(!host.has_more());
    assert_eq!(peer.take(18), b"GET / HTTP/1.0\r\n\r\n");
    peer.send(b"HTTP/1.0 200 OK\r\n\r\n");
    host.until("+IPD,");
    let count: usize = host
        .until(":")
        .trim_end_matches(':')
        .parse()
        .expect("a length");
    assert_eq!(host.bytes(count), b"HTTP/1.0 200 OK\r\n\r\n");
    host.answer("AT+CIPCLOSE");
}
