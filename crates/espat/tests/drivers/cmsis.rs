//! The CMSIS WiFi driver: no auto-connect, several links, UDP with the peer in the send, a server.

use std::net::TcpStream;

use crate::host::Host;
use crate::peer::{Over, Own, datagrams, free_port};

#[test]
fn it_sets_everything_itself_and_speaks_udp() {
    let (pc, address) = datagrams();
    let map = format!("192.168.3.102:5000={address}");
    let mut host = Host::new(&["--map", &map]);
    host.exact("\r\nready\r\n");
    host.ask("AT", "AT\r\n\r\nOK\r\n");
    host.ask("ATE0", "ATE0\r\n\r\nOK\r\n");
    host.ok("AT+UART_CUR=115200,8,1,0,3");
    host.ok("AT+CWAUTOCONN=0");
    host.ok("AT+CWMODE=0");
    host.ok("AT+CIPMUX=1");
    host.ok("AT+CIPDINFO=1");
    host.ok("AT+CWMODE=1");
    host.ok("AT+CWDHCP=1,1");
    host.ok("AT+SYSMSG=3");
    host.ask(
        "AT+CWJAP=\"iot\",\"\"",
        "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    );
    let dns = host.answer("AT+CIPDNS?");
    assert!(dns.starts_with("+CIPDNS:0,\""), "{dns}");
    host.send("AT+PING=\"127.0.0.1\"\r\n");
    host.until("+PING:");
    assert!(host.until("\r\n").trim_end().parse::<u32>().is_ok());
    host.exact("\r\nOK\r\n");

    let local = free_port();
    host.send(&format!(
        "AT+CIPSTART=1,\"UDP\",\"0.0.0.0\",1,{local},2\r\n"
    ));
    let conn = host.line();
    assert!(conn.starts_with("+LINK_CONN:0,1,\"UDP\",0,\""), "{conn}");
    host.exact("\r\nOK\r\n");
    host.ask("AT+CIPSEND=1,5,\"192.168.3.102\",5000", "\r\nOK\r\n\r\n>");
    host.send("hello");
    host.exact("\r\nRecv 5 bytes\r\n\r\nSEND OK\r\n");
    let mut datagram = [0; 16];
    let (count, modem) = pc.recv_from(&mut datagram).expect("a datagram");
    assert_eq!(&datagram[..count], b"hello");
    pc.send_to(b"hi", modem).expect("it is sent");
    host.exact("\r\n+IPD,1,2,\"192.168.3.102\",5000:hi");
    host.ask("AT+CIPCLOSE=1", "1,CLOSED\r\n\r\nOK\r\n");
}

#[test]
fn its_server_reports_who_connected() {
    server(Over::Tcp);
}

#[test]
fn its_server_makes_no_difference_with_tls() {
    server(Over::Tls12);
    server(Over::Tls13);
}

fn server(over: Over) {
    let (port, kind) = (free_port(), over.kind());
    let own = Own::new();
    let [certificate, key] = own.options();
    let map = format!(":80=127.0.0.1:{port}");
    let mut host = Host::joined(&["--map", &map, "--pki", &certificate, "--pki", &key]);
    host.ok("AT+SYSMSG=3");
    host.ok("AT+CIPMUX=1");
    host.ok("AT+CIPSERVERMAXCONN=2");
    host.ok(&format!("AT+CIPSERVER=1,80,\"{kind}\""));
    host.ask("AT+CIPSERVER=1,81", "\r\nERROR\r\n");
    let mut clients: Vec<_> = (0..2)
        .map(|link| {
            let (client, from) = own.visit(port, over);
            host.exact(&format!(
                "+LINK_CONN:0,{link},\"{kind}\",1,\"127.0.0.1\",{from},80\r\n"
            ));
            client
        })
        .collect();
    // One too many.
    let _third = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    assert_eq!(host.line(), "Have 2 Connections");
    for (link, client) in clients.iter_mut().enumerate() {
        client.send(b"GET");
        host.exact(&format!("\r\n+IPD,{link},3:GET"));
        host.ask(&format!("AT+CIPSEND={link},2"), "\r\nOK\r\n\r\n>");
        host.send("no");
        host.exact("\r\nRecv 2 bytes\r\n\r\nSEND OK\r\n");
        assert_eq!(client.take(2), b"no");
    }
    host.ask("AT+CIPSERVER=0,1", "0,CLOSED\r\n1,CLOSED\r\n\r\nOK\r\n");
}
