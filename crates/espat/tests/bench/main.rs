//! `espat sim` as a test bench: how it starts and ends, and what its control port changes.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says no by panicking"
)]

mod far_side;
mod runs;
mod sim;
mod starts;
mod told;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use sim::Sim;

#[test]
fn the_clock_is_set_and_jumps() {
    let (_sim, mut host, mut panel) = Sim::over_tcp(&[]);
    panel.does("clock set 2026-03-01T00:00:00Z");
    assert!(host.ask("AT+CIPSNTPTIME?").contains("Mar  1 00:00:0"));
    panel.does("clock jump 86400");
    assert!(host.ask("AT+CIPSNTPTIME?").contains("Mar  2 00:00:0"));
}

#[test]
fn a_name_has_no_address_while_dns_fails() {
    let (_sim, mut host, mut panel) = Sim::over_tcp(&[]);
    host.join();
    panel.does("dns fail localhost");
    assert!(
        host.ask("AT+CIPDOMAIN=\"localhost\"")
            .ends_with("ERROR\r\n")
    );
    panel.does("dns ok");
    assert!(host.ask("AT+CIPDOMAIN=\"localhost\"").contains("127.0.0.1"));
}

#[test]
fn connections_are_reset_and_late() {
    let peer = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = peer.local_addr().expect("bound").port();
    let (_sim, mut host, mut panel) = Sim::over_tcp(&[]);
    host.join();
    panel.does("latency 300");
    let begin = Instant::now();
    let answer = host.ask(&format!("AT+CIPSTART=\"TCP\",\"127.0.0.1\",{port}"));
    assert!(answer.contains("CONNECT"), "{answer}");
    assert!(begin.elapsed() >= Duration::from_millis(300));
    let (mut there, _) = peer.accept().expect("the modem");
    there.write_all(b"late").expect("it reads");
    let begin = Instant::now();
    host.until("+IPD,4:late");
    assert!(begin.elapsed() >= Duration::from_millis(250));
    panel.does("latency 0");
    panel.does("connections reset");
    host.until("CLOSED\r\n");
    assert_eq!(there.read(&mut [0; 8]).unwrap_or(0), 0);
}

#[test]
fn bytes_are_lost_and_added_on_the_wire() {
    let (_sim, mut host, mut panel) = Sim::over_tcp(&[]);
    panel.does("uart lose 1");
    assert_eq!(host.ask("XAT"), "\r\nOK\r\n");
    panel.does("uart noise ff");
    assert_eq!(host.ask("AT"), "\r\nERROR\r\n");
    assert_eq!(host.ask("AT"), "\r\nOK\r\n");
}

#[test]
fn flash_fails_as_often_as_asked() {
    let (_sim, mut host, mut panel) = Sim::over_tcp(&[]);
    panel.does("flash fail 1");
    assert!(
        host.ask("AT+SYSFLASH=0,\"client_ca\"")
            .ends_with("ERROR\r\n")
    );
    assert!(host.ask("AT+SYSFLASH=0,\"client_ca\"").ends_with("OK\r\n"));
}

#[test]
fn a_full_flash_can_be_erased_and_not_written_until_there_is_room() {
    let (sim, mut host, mut panel) = Sim::over_tcp(&[]);
    let mut ear = sim.panel();
    ear.does("subscribe flash");
    panel.does("flash full");
    // Nothing is written by it.
    host.ok("AT+SYSFLASH=0,\"client_ca\"");
    let upload = |host: &mut sim::Host| {
        host.send("AT+SYSFLASH=1,\"client_ca\",0,4\r\n");
        host.until(">");
        host.send("abcd");
        host.until_any(&["\r\nOK\r\n", "\r\nERROR\r\n"])
    };
    assert!(upload(&mut host).ends_with("ERROR\r\n"));
    let event = ear.line();
    assert!(event.ends_with(" failed=write why=full"), "{event}");
    // A setting that is to be stored, not one that holds until the restart.
    assert!(host.ask("AT+CWMODE=2").ends_with("ERROR\r\n"));
    host.ok("AT+SYSSTORE=0");
    host.ok("AT+CWMODE=1");
    panel.does("flash ok");
    assert!(upload(&mut host).ends_with("OK\r\n"));
    let kept = host.ok("AT+SYSFLASH=2,\"client_ca\",0,4");
    assert!(kept.starts_with("+SYSFLASH:4,abcd"), "{kept}");
}

#[test]
fn a_line_in_json_has_an_answer_in_json() {
    let (_sim, _host, mut panel) = Sim::over_tcp(&[]);
    for (line, answer) in [
        (
            r#"{"command":"ap down iot"}"#,
            r#"{"result":"ok","value":""}"#,
        ),
        (
            r#"{"command":"ap down nowhere"}"#,
            r#"{"message":"no access point has this name","result":"error"}"#,
        ),
        (
            r#"{"line":"help"}"#,
            r#"{"message":"expected {\"command\":\"…\"}","result":"error"}"#,
        ),
    ] {
        assert_eq!(panel.ask(line), answer, "{line}");
    }
    let answer = panel.ask("{");
    assert!(answer.starts_with("{\"message\":"), "{answer}");
}
