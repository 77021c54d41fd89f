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
    wifi_esp_at_serves(&mut host);
}

/// Its server, and an answer whose length it does not know before.
fn wifi_esp_at_serves(host: &mut Host) {
    let port = free_port();
    for line in [
        "AT+CIPSERVERMAXCONN=1",
        &format!("AT+CIPSERVER=1,{port}"),
        "AT+CIPSTO=60",
    ] {
        host.ok(line);
    }
    let (mut client, _) = visitor(port);
    host.exact("0,CONNECT\r\n");
    client.send(b"GET");
    host.exact("\r\n+IPD,0,3\r\n");
    host.ask("AT+CIPRECVDATA=0,64", "+CIPRECVDATA,3:GET\r\nOK\r\n");
    host.send("AT+CIPSENDEX=0,2048\r\n");
    host.until(">");
    assert_eq!(host.bytes(1), b" ");
    host.send("200 ");
    host.send("fine");
    host.send("\\0");
    host.until("Recv 8 bytes");
    host.until("SEND OK\r\n");
    assert_eq!(client.take(8), b"200 fine");
    drop(client);
    assert_eq!(host.line(), "0,CLOSED");
    // Its client was faster: it takes this for closed.
    host.ask("AT+CIPCLOSE=0", "UNLINK\r\n\r\nERROR\r\n");
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
fn zephyr_for_1_7_connects_fetches_and_resolves() {
    let server = Server::new();
    let name_server = datagrams();
    let mut host = started(&[
        &server.map("192.168.3.102:8080"),
        &format!("192.168.3.1:53={}", name_server.1),
    ]);
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
    drop(peer);
    assert_eq!(host.line(), "0,CLOSED");

    // It resolves by itself, over a link of UDP whose peer stands in each command.
    let (socket, _) = &name_server;
    host.ask(
        "AT+CIPSTART=1,\"UDP\",\"192.168.3.1\",53",
        "1,CONNECT\r\n\r\nOK\r\n",
    );
    host.ask("AT+CIPSEND=1,5,\"192.168.3.1\",53", "\r\nOK\r\n> ");
    host.send("query");
    host.until("SEND OK\r\n");
    let mut query = [0; 16];
    let (length, from) = socket.recv_from(&mut query).expect("a datagram");
    assert_eq!(query.get(..length), Some(&b"query"[..]));
    socket.send_to(b"answer", from).expect("it is sent");
    host.exact("\r\n+IPD,1,6,192.168.3.1,53:answer");
}

/// lwesp before 1.0, which was made for 1.x: what it learns of a link it learns from `+LINK_CONN`, data is taken only behind
/// `\n> `, and what arrives comes with the address of its sender, without quotes.
#[test]
fn lwesp_for_1x_resolves_connects_sends_receives_and_serves() {
    let server = Server::new();
    let mut host = started(&[&server.map("broker.local:8080")]);
    lwesp_starts(&mut host);
    let found = host.answer("AT+CIPDOMAIN=\"broker.local\"");
    assert_eq!(found, "+CIPDOMAIN:198.18.0.1\r\n\r\nOK\r\n");

    host.ask("AT+CIPSTATUS", "STATUS:2\r\n\r\nOK\r\n");
    host.send("AT+CIPSTART=4,\"TCP\",\"broker.local\",8080\r\n");
    let opened = host.line();
    assert!(
        opened.starts_with("+LINK_CONN:0,4,\"TCP\",0,\"198.18.0.1\",8080,"),
        "{opened}"
    );
    host.exact("\r\nOK\r\n");
    let status = host.answer("AT+CIPSTATUS");
    assert!(
        status.starts_with("STATUS:3\r\n+CIPSTATUS:4,\"TCP\",\"198.18.0.1\",8080,"),
        "{status}"
    );
    let mut peer = server.accept();
    host.send("AT+CIPSEND=4,5\r\n");
    host.until("\n> ");
    host.send("hello");
    host.until("SEND OK\r\n");
    assert_eq!(peer.take(5), b"hello");
    peer.send(b"a:b,\"c\"");
    host.exact("\r\n+IPD,4,7,198.18.0.1,8080:a:b,\"c\"");
    drop(peer);
    assert_eq!(host.line(), "4,CLOSED");

    let port = free_port();
    host.ok("AT+CIPSERVERMAXCONN=5");
    host.ok(&format!("AT+CIPSERVER=1,{port}"));
    let (mut client, from) = visitor(port);
    let opened = host.line();
    let head = format!("+LINK_CONN:0,0,\"TCP\",1,\"127.0.0.1\",{from},{port}");
    assert_eq!(opened, head);
    client.send(b"GET");
    host.exact(&format!("\r\n+IPD,0,3,127.0.0.1,{from}:GET"));
    host.send("AT+CIPSEND=0,2\r\n");
    host.until("\n> ");
    host.send("hi");
    host.until("SEND OK\r\n");
    assert_eq!(client.take(2), b"hi");
    host.ask("AT+CIPCLOSE=0", "0,CLOSED\r\n\r\nOK\r\n");
}

/// Its reset and join: each command follows when the one before has ended, however it ended.
fn lwesp_starts(host: &mut Host) {
    host.ask("AT+RST", "AT+RST\r\n\r\nOK\r\n\r\nready\r\n");
    host.ask("ATE0", "ATE0\r\n\r\nOK\r\n");
    assert!(host.answer("AT+GMR").starts_with("AT version:"));
    for line in ["AT+CWMODE=1", "AT+SYSMSG_CUR=3", "AT+CIPMUX=1"] {
        host.ok(line);
    }
    // Bit 11 is a column of 1.x that no list has had since.
    host.ask("AT+CWLAPOPT=1,2048", "\r\nERROR\r\n");
    host.ask("AT+CIPSTATUS", "STATUS:1\r\n\r\nOK\r\n");
    host.ok("AT+CIPDINFO=1");
    host.ask(
        "AT+CWJAP_CUR=\"iot\",\"\"",
        "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    );
    let station = host.answer("AT+CIPSTA_CUR?");
    assert!(
        station.starts_with("+CIPSTA_CUR:ip:\"192.168.3.112\"\r\n+CIPSTA_CUR:gateway:\""),
        "{station}"
    );
    let mac = host.answer("AT+CIPSTAMAC_CUR?");
    assert!(mac.starts_with("+CIPSTAMAC_CUR:\""), "{mac}");
}

/// A client of the modem's server, and its port.
fn visitor(port: u16) -> (Connection, u16) {
    let stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let from = stream.local_addr().expect("connected").port();
    (Connection::new(stream), from)
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
