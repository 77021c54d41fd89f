//! Hosts of the 1.x firmware, with `--dialect legacy`.

use crate::host::Host;
use crate::peer::{Connection, Server, datagrams, free_port};

#[test]
fn the_names_of_1x_are_accepted_where_they_are_wanted() {
    let mut host = Host::new(&["--dialect", "legacy"]);
    host.exact("\r\nready\r\n");
    host.ask("ATE0", "ATE0\r\n\r\nOK\r\n");
    host.ok("AT+CWMODE_CUR=1");
    host.ask("AT+CWMODE_DEF?", "+CWMODE_DEF:1\r\n\r\nOK\r\n");
    host.ask(
        "AT+CWJAP_CUR=\"iot\",\"\"",
        "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    );
    host.ok("AT+CIPSSLSIZE=4096");
    let station = host.answer("AT+CIPSTA_CUR?");
    assert!(
        station.starts_with("+CIPSTA_CUR:ip:\"192.168.3.112\"\r\n"),
        "{station}"
    );
    host.ask("AT", "\r\nOK\r\n");
}

/// WiFiEspAT for Arduino, built for AT1: links from the last to the first, `CIPSTATUS` before `CIPRECVLEN`, one byte read
/// behind the `>`, and an answer to `CIPRECVDATA` that ends at a colon.
#[test]
fn wifi_esp_at_for_1x_resolves_sends_receives_and_serves() {
    let server = Server::new();
    let mut host = started(&[&server.map("broker.local:8080")]);
    for line in ["ATE0", "AT+CIPMUX=1", "AT+CIPRECVMODE=1"] {
        host.answer(line);
    }
    host.ask("AT+CWMODE?", "+CWMODE:0\r\n\r\nOK\r\n");
    host.ok("AT+CWMODE_CUR=1");
    host.answer("AT+CWJAP_CUR=\"iot\",\"\"");
    // Soft-AP is bit 0, the station bit 1.
    host.ask("AT+CWDHCP?", "+CWDHCP:3\r\n\r\nOK\r\n");
    host.ok("AT+CIPDNS_CUR=1,\"192.168.3.1\"");
    let dns = host.answer("AT+CIPDNS_CUR?");
    assert!(dns.starts_with("+CIPDNS_CUR:192.168.3.1\r\n"), "{dns}");
    let found = host.answer("AT+CIPDOMAIN=\"broker.local\"");
    let address = found.strip_prefix("+CIPDOMAIN:").expect("its head");
    let address = address.lines().next().expect("a line");
    let address: std::net::Ipv4Addr = address.parse().expect("an address without quotes");

    host.ask(
        &format!("AT+CIPSTART=4,\"TCP\",\"{address}\",8080"),
        "4,CONNECT\r\n\r\nOK\r\n",
    );
    let mut peer = server.accept();
    host.send("AT+CIPSEND=4,5\r\n");
    host.until(">");
    assert_eq!(host.bytes(1), b" ");
    host.send("hello");
    host.until("Recv 5 bytes");
    host.until("SEND OK\r\n");
    assert_eq!(peer.take(5), b"hello");
    peer.send(b"a:b,c");
    host.exact("\r\n+IPD,4,5\r\n");
    assert!(
        host.answer("AT+CIPSTATUS")
            .starts_with("STATUS:3\r\n+CIPSTATUS:4,")
    );
    host.ask("AT+CIPRECVLEN?", "+CIPRECVLEN:0,0,0,0,5\r\n\r\nOK\r\n");
    host.ask("AT+CIPRECVDATA=4,64", "+CIPRECVDATA,5:a:b,c\r\nOK\r\n");
    host.ask("AT+CIPCLOSE=4", "4,CLOSED\r\n\r\nOK\r\n");

    let port = free_port();
    for line in [
        "AT+CIPSERVERMAXCONN=1",
        &format!("AT+CIPSERVER=1,{port}"),
        "AT+CIPSTO=60",
    ] {
        host.ok(line);
    }
    let client = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let mut client = Connection::new(client);
    host.exact("0,CONNECT\r\n");
    client.send(b"GET");
    host.exact("\r\n+IPD,0,3\r\n");
    host.ask("AT+CIPRECVDATA=0,64", "+CIPRECVDATA,3:GET\r\nOK\r\n");
}

/// Its UDP: datagrams come with their data although it fetches streams.
#[test]
fn datagrams_reach_a_host_of_1x_unasked() {
    let (socket, address) = datagrams();
    let mut host = started(&[&format!("192.168.3.102:1234={address}")]);
    for line in ["ATE0", "AT+CIPMUX=1", "AT+CIPRECVMODE=1", "AT+CWMODE_CUR=1"] {
        host.answer(line);
    }
    host.answer("AT+CWJAP_CUR=\"iot\",\"\"");
    let port = free_port();
    host.ask(
        &format!("AT+CIPSTART=4,\"UDP\",\"192.168.3.102\",1234,{port},2"),
        "4,CONNECT\r\n\r\nOK\r\n",
    );
    let to = ("127.0.0.1", port);
    socket.send_to(b"x:y", to).expect("it is sent");
    host.exact("\r\n+IPD,4,3:x:y");
    host.ok("AT+CIPDINFO=1");
    socket.send_to(b"z", to).expect("it is sent");
    // Until the modem has sent to it, a peer has the address that the PC knows.
    let head = host.until(":z");
    let own = socket.local_addr().expect("bound");
    assert_eq!(head, format!("\r\n+IPD,4,1,{},{}:z", own.ip(), own.port()));
}

/// Zephyr's esp_at for 1.7: names with `_CUR`, passive TCP with `AT+CIPDINFO=1`, and yet no address in what it fetches.
#[test]
fn zephyr_for_1_7_connects_and_fetches() {
    let server = Server::new();
    let mut host = started(&[&server.map("192.168.3.102:8080")]);
    for line in [
        "ATE0",
        "AT+CWMODE_CUR=1",
        "AT+CIPMUX=1",
        "AT+CIPRECVMODE=1",
        "AT+CIPDINFO=1",
    ] {
        host.answer(line);
    }
    let mac = host.answer("AT+CIPSTAMAC_CUR?");
    assert!(mac.starts_with("+CIPSTAMAC_CUR:\""), "{mac}");
    host.ok("AT+CWDHCP_CUR=1,1");
    host.answer("AT+CWJAP_CUR=\"iot\",\"\"");
    let station = host.answer("AT+CIPSTA_CUR?");
    assert!(station.contains("+CIPSTA_CUR:gateway:\""), "{station}");
    host.ask(
        "AT+CIPSTART=0,\"TCP\",\"192.168.3.102\",8080,7200",
        "0,CONNECT\r\n\r\nOK\r\n",
    );
    let mut peer = server.accept();
    peer.send(b"world");
    host.exact("\r\n+IPD,0,5\r\n");
    host.ask("AT+CIPRECVDATA=0,1500", "+CIPRECVDATA,5:world\r\nOK\r\n");
    host.ask("AT+CIPSEND=0,3", "\r\nOK\r\n> ");
    host.send("abc");
    host.until("SEND OK\r\n");
    assert_eq!(peer.take(3), b"abc");
}

fn started(maps: &[&str]) -> Host {
    let mut options = vec!["--dialect", "legacy"];
    for map in maps {
        options.extend(["--map", map]);
    }
    let mut host = Host::new(&options);
    host.exact("\r\nready\r\n");
    host
}
