//! The far side of connections and the flash, as a test wants them.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::sim::{Host, Panel, Sim};

/// A modem that has joined, and a peer of TCP to which it is connected.
fn connected(options: &[&str]) -> (Sim, Host, Panel, TcpStream) {
    let peer = TcpListener::bind("127.0.0.1:0").expect("a port");
    let map = format!("broker.local:80={}", peer.local_addr().expect("bound"));
    let (sim, mut host, panel) = Sim::over_tcp(&[&["--map", &map], options].concat());
    host.join();
    host.ok("AT+CIPSTART=\"TCP\",\"broker.local\",80");
    let (there, _) = peer.accept().expect("the modem");
    (sim, host, panel, there)
}

#[test]
fn a_peer_stalls_after_so_many_bytes_and_goes_on() {
    let (_sim, mut host, mut panel, mut there) = connected(&[]);
    panel.does("peer stall 3");
    there.write_all(b"abcdef").expect("it reads");
    host.until("+IPD,3:abc");
    // Nothing of the rest comes before the answer to a command.
    assert_eq!(host.ask("AT"), "\r\nOK\r\n");
    panel.does("peer go");
    host.until("+IPD,3:def");
}

#[test]
fn a_peer_finishes_or_breaks_off_by_its_name() {
    for line in [
        "peer close",
        "peer reset",
        "peer close broker.local:80",
        "peer reset Broker.local:80",
    ] {
        let (_sim, mut host, mut panel, mut there) = connected(&[]);
        assert_eq!(
            panel.ask("peer close other.local:80"),
            "error: no connection has the peer other.local:80"
        );
        panel.does(line);
        host.until("CLOSED\r\n");
        assert_eq!(there.read(&mut [0; 8]).unwrap_or(0), 0, "{line}");
        assert_eq!(
            panel
                .ask(line.split(" broker").next().expect("a word"))
                .split(' ')
                .next(),
            Some("error:")
        );
    }
}

#[test]
fn a_server_answers_with_an_alert_instead_of_its_hello() {
    let peer = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = peer.local_addr().expect("bound").port();
    let (_sim, mut host, mut panel) = Sim::over_tcp(&[]);
    host.join();
    for (alert, reason) in [
        ("handshake_failure", "nothing_in_common"),
        ("unrecognized_name", "peer_alert"),
        ("49", "peer_alert"),
    ] {
        panel.does(&format!("tls alert {alert}"));
        let answer = host.ask(&format!("AT+CIPSTART=\"SSL\",\"127.0.0.1\",{port}"));
        assert!(answer.ends_with("ERROR\r\n"), "{answer}");
        let why = host.ok("AT+SSLWHY?");
        assert!(why.contains(&format!("\"{reason}\"")), "{alert}: {why}");
    }
    assert!(panel.ask("tls alert nothing").contains("handshake_failure"));
}

#[test]
fn bytes_are_lost_and_added_on_the_way_to_the_host() {
    let (_sim, mut host, mut panel) = Sim::over_tcp(&[]);
    panel.does("uart out lose 4");
    panel.does("uart out noise 78");
    assert_eq!(host.ask("AT+CWMODE?"), "xODE:0\r\n\r\nOK\r\n");
    assert_eq!(host.ask("AT"), "\r\nOK\r\n");
    panel.does("uart random 3");
    // Whatever they are, the line they stand before is none any more, or they end one themselves.
    host.send("AT\r\n");
    host.until_any(&["OK\r\n", "ERROR\r\n"]);
}
