//! Zephyr's esp_at: the module is reset, everything is passive, every answer is parsed by its head.

use crate::host::Host;
use crate::peer::{Over, Server};

#[test]
fn it_starts_joins_connects_sends_receives_and_closes() {
    session(Over::Tcp);
}

#[test]
fn a_server_of_tls_1_2_makes_no_difference() {
    session(Over::Tls12);
}

fn session(over: Over) {
    let kind = over.kind();
    let server = Server::over(over);
    let mut host = Host::new(&[
        "--ap",
        "home,password1",
        "--map",
        &server.map("192.168.3.102:8080"),
    ]);
    host.exact("\r\nready\r\n");
    host.ask("AT+RST", "AT+RST\r\n\r\nOK\r\n\r\nready\r\n");
    host.ask("ATE0", "ATE0\r\n\r\nOK\r\n");
    host.ok("AT+SYSSTORE=0");
    host.ok("AT+CWMODE=1");
    host.ok("AT+CIPMUX=1");
    host.ok("AT+CIPRECVMODE=1");
    host.ok("AT+CIPDINFO=1");
    let mac = host.answer("AT+CIPSTAMAC?");
    let mac = mac.strip_prefix("+CIPSTAMAC:\"").expect("quoted");
    assert_eq!(mac.split_once('"').expect("quoted").0.len(), 17);

    // A scan, as strong as they come, of name, strength, address and channel.
    host.ok("AT+CWLAPOPT=1,31");
    let found = host.answer("AT+CWLAP");
    let aps: Vec<_> = found
        .lines()
        .filter(|line| line.starts_with("+CWLAP:("))
        .collect();
    assert_eq!(aps.len(), 2, "{found}");
    assert!(aps.iter().all(|ap| ap.ends_with(')')), "{found}");
    assert!(aps.iter().all(|ap| ap.matches(',').count() == 4), "{found}");

    host.ask(
        "AT+CWJAP=\"home\",\"password1\"",
        "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    );
    host.ask(
        "AT+CIPSTA?",
        "+CIPSTA:ip:\"192.168.3.112\"\r\n+CIPSTA:gateway:\"192.168.3.1\"\r\n\
         +CIPSTA:netmask:\"255.255.255.0\"\r\n\r\nOK\r\n",
    );
    let dns = host.answer("AT+CIPDNS?");
    assert!(dns.starts_with("+CIPDNS:0,\""), "{dns}");

    host.ask(
        &format!("AT+CIPSTART=0,\"{kind}\",\"192.168.3.102\",8080,7200"),
        "0,CONNECT\r\n\r\nOK\r\n",
    );
    let mut peer = server.accept();
    host.send("AT+CIPSEND=0,5\r\n");
    host.until(">");
    host.send("hello");
    assert!(host.until("SEND OK\r\n").contains("Recv 5 bytes\r\n"));
    assert_eq!(peer.take(5), b"hello");

    peer.send(b"world");
    host.exact("\r\n+IPD,0,5\r\n");
    host.ask(
        "AT+CIPRECVDATA=0,1500",
        "+CIPRECVDATA:5,\"192.168.3.102\",8080,world\r\nOK\r\n",
    );
    host.ask("AT+CIPCLOSE=0", "0,CLOSED\r\n\r\nOK\r\n");
    host.answer("AT+CWQAP");
    host.exact("WIFI DISCONNECT\r\n");
}
