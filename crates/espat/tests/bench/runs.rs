//! Time that is turned by hand, and runs that repeat each other.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use crate::sim::{Host, Sim};

#[test]
fn a_module_sleeps_until_the_clock_is_turned() {
    let (_sim, mut host, mut panel) = Sim::over_tcp(&["--virtual-time"]);
    assert_eq!(panel.ask("time"), "ok 0");
    host.ok("AT+GSLP=3600000");
    assert_eq!(panel.ask("time advance 3599999"), "ok 3599999");
    host.send("AT\r\n");
    assert_eq!(panel.ask("time advance 1"), "ok 3600000");
    // What was sent while it slept is lost.
    assert_eq!(host.until("ready\r\n"), "\r\nready\r\n");
}

#[test]
fn a_server_that_says_nothing_is_given_up_at_its_time_and_not_before() {
    let peer = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = peer.local_addr().expect("bound").port();
    let (sim, mut host, mut panel) = Sim::over_tcp(&["--virtual-time"]);
    let mut ear = sim.panel();
    ear.does("subscribe connect");
    host.join();
    panel.does("tls stall");
    host.send(&format!("AT+CIPSTART=\"SSL\",\"127.0.0.1\",{port}\r\n"));
    // The handshake has begun.
    assert!(ear.line().contains("result=open"));
    panel.ask("time advance 60000");
    host.until("ERROR\r\n");
    let why = host.ok("AT+SSLWHY?");
    assert!(why.contains("timeout"), "{why}");
}

/// Everything that the AT port says in one session.
fn session(seed: &str) -> Vec<String> {
    let peer = TcpListener::bind("127.0.0.1:0").expect("a port");
    let map = format!("broker.local:80={}", peer.local_addr().expect("bound"));
    thread::spawn(move || {
        let (mut modem, _) = peer.accept().expect("the modem");
        let mut data = [0; 5];
        modem.read_exact(&mut data).expect("five bytes");
        data.reverse();
        modem.write_all(&data).expect("it reads");
        // The modem closes.
        let _ = modem.read(&mut data);
    });
    let clock = "2026-03-01T00:00:00Z";
    let options = [
        "--seed",
        seed,
        "--virtual-time",
        "--clock",
        clock,
        "--map",
        &map,
    ];
    let (_sim, mut host, mut panel) = Sim::over_tcp(&options);
    let mut said = Vec::new();
    host.join();
    for line in ["AT+CIPSTAMAC?", "AT+CIFSR", "AT+CIPMUX=1", "AT+SYSMSG=2"] {
        said.push(host.ok(line));
    }
    said.push(host.ok("AT+CIPSTART=0,\"TCP\",\"broker.local\",80"));
    said.push(host.ok("AT+CIPSTATUS"));
    host.send("AT+CIPSEND=0,5\r\n");
    said.push(host.until(">"));
    host.send("hello");
    said.push(host.until("olleh"));
    panel.ask("time advance 1500");
    for line in ["AT+CIPSNTPTIME?", "AT+SYSTIMESTAMP?"] {
        said.push(host.ok(line));
    }
    panel.does("uart out random 8");
    host.send("AT+CIPCLOSE=0\r\n");
    said.push(host.until_lossy("OK\r\n"));
    said
}

#[test]
fn the_same_seed_and_script_give_the_same_bytes() {
    let first = session("7");
    assert_eq!(first, session("7"));
    let other = session("8");
    for (index, (one, two)) in first.iter().zip(&other).enumerate() {
        // The hardware address (twice) and the noise are by the seed; nothing else is.
        assert_eq!(
            one != two,
            [0, 1, 10].contains(&index),
            "{index}: {one} {two}"
        );
    }
    let time = first.get(8).expect("an answer");
    assert!(time.contains("Sun Mar  1 00:00:01 2026"), "{time}");
}

/// A port for a server of a modem. Somebody may be faster; then the modem says so.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

/// Sends both ways between a server and a client of one network.
fn talk(server: &mut Host, client: &mut Host, address: &str) {
    server.ok("AT+CIPMUX=1");
    server.ok("AT+CIPSERVER=1,333");
    client.ok(&format!("AT+CIPSTART=\"TCP\",\"{address}\",333"));
    server.until("0,CONNECT\r\n");
    client.send("AT+CIPSEND=5\r\n");
    client.until(">");
    client.send("hello");
    client.until("SEND OK\r\n");
    server.until("+IPD,0,5:hello");
    server.send("AT+CIPSEND=0,5\r\n");
    server.until(">");
    server.send("olleh");
    // The other side may have it first.
    server.until("SEND OK\r\n");
    client.until("+IPD,5:olleh");
    server.ok("AT+CIPCLOSE=0");
    client.until("CLOSED\r\n");
}

#[test]
fn two_modems_meet_behind_one_access_point() {
    let place = format!("127.0.0.1:{}", free_port());
    let options = [
        "--address",
        "192.168.3.10",
        "--map",
        &format!(":333={place}"),
    ];
    let (_a, mut server, _) = Sim::over_tcp(&options);
    let (_b, mut client, _) = Sim::over_tcp(&["--map", &format!("192.168.3.10:333={place}")]);
    server.join();
    client.join();
    talk(&mut server, &mut client, "192.168.3.10");
}

#[test]
fn a_modem_meets_another_as_its_access_point() {
    let place = format!("127.0.0.1:{}", free_port());
    let (_a, mut server, mut panel) = Sim::over_tcp(&["--map", &format!(":333={place}")]);
    server.ok("AT+CWMODE=2");
    server.ok("AT+CWSAP=\"home\",\"password1\",5,3");
    let mac = "02:e5:70:00:00:02";
    let (_b, mut client, _) = Sim::over_tcp(&[
        "--ap",
        "home,password1",
        "--mac",
        mac,
        "--address",
        "192.168.4.2",
        "--map",
        &format!("192.168.4.1:333={place}"),
    ]);
    client.ok("AT+CWMODE=1");
    client.ok("AT+CWJAP=\"home\",\"password1\"");
    panel.does(&format!("station join {mac} 192.168.4.2"));
    server.until(&format!("+DIST_STA_IP:\"{mac}\",\"192.168.4.2\"\r\n"));
    talk(&mut server, &mut client, "192.168.4.1");
}
