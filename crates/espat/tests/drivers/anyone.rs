//! What drivers were found to depend on, whoever they are (spec: at-commands F.1, A.8, A.11, A.21).

use std::time::Duration;

use espat::transcript::text::noise;

use crate::harness::sim::PortKind;
use crate::host::Host;
use crate::peer::Server;

const PLACE: &str = "192.168.3.102:8080";
const OPEN: &str = "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080";

#[test]
fn echo_is_on_at_power_up_and_whole_answers_compare_equal() {
    let mut host = Host::new(&[]);
    host.exact("\r\nready\r\n");
    host.ask("AT", "AT\r\n\r\nOK\r\n");
    host.ask("ATE0", "ATE0\r\n\r\nOK\r\n");
    host.ask("AT", "\r\nOK\r\n");
    host.ask("ATE1", "\r\nOK\r\n");
    host.ask("AT", "AT\r\n\r\nOK\r\n");
    host.ask("AT+CIPSTATUS", "AT+CIPSTATUS\r\nSTATUS:0\r\n\r\nOK\r\n");
}

#[test]
fn every_kind_of_port_says_the_same() {
    for kind in [PortKind::Pty, PortKind::Tcp] {
        let mut host = Host::on(kind, &[]);
        host.exact("\r\nready\r\n");
        host.ask("AT+CWMODE?", "AT+CWMODE?\r\n+CWMODE:0\r\n\r\nOK\r\n");
    }
}

#[test]
fn an_empty_line_and_a_bare_question_mark_leave_it_well() {
    let mut host = Host::joined(&[]);
    host.send("\r\n\r\n\n");
    host.ok("AT");
    host.ask("?", "\r\nERROR\r\n");
    host.ok("AT");
    host.ask("ATGMR", "\r\nERROR\r\n");
    host.ask("AT+CIPSSLSIZE=4096", "\r\nERROR\r\n");
    host.ask("AT+CWMODE_CUR=1", "\r\nERROR\r\n");
    host.ask("AT+CIPSTATUS", "STATUS:2\r\n\r\nOK\r\n");
}

#[test]
fn a_restore_at_every_start_is_survived() {
    let mut host = Host::new(&[]);
    host.exact("\r\nready\r\n");
    for _ in 0..3 {
        host.ask("AT+RESTORE", "AT+RESTORE\r\n\r\nOK\r\n\r\nready\r\n");
        host.ask("ATE0", "ATE0\r\n\r\nOK\r\n");
        host.ok("AT+CWMODE=1");
        host.ask(
            "AT+CWJAP=\"iot\",\"\"",
            "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
        );
        host.ok("ATE1");
    }
}

#[test]
fn a_power_cut_is_a_start_like_any_other() {
    let mut host = Host::joined(&[]);
    assert_eq!(host.control().ask("power cut"), "ok");
    host.exact("\r\nready\r\n");
    // Stored, and joined unasked.
    host.exact("WIFI CONNECTED\r\nWIFI GOT IP\r\n");
    host.ask("ATE0", "ATE0\r\n\r\nOK\r\n");
}

#[test]
fn three_thousand_bytes_go_in_one_send_and_its_lines_stand_alone() {
    let server = Server::new();
    let mut host = Host::joined(&["--map", &server.map(PLACE)]);
    host.ask(OPEN, "CONNECT\r\n\r\nOK\r\n");
    let mut peer = server.accept();
    let data: Vec<u8> = noise(1, 0).take(3000).collect();
    host.ask("AT+CIPSEND=3000", "\r\nOK\r\n\r\n>");
    host.send_bytes(&data);
    host.exact("\r\nRecv 3000 bytes\r\n\r\nSEND OK\r\n");
    assert!(peer.take(3000) == data);
    host.ask("AT+CIPSEND=8193", "\r\nERROR\r\n");
    host.ask("AT+CIPSEND=0", "\r\nERROR\r\n");
}

#[test]
fn nothing_unsolicited_comes_between_the_prompt_and_send_ok() {
    let server = Server::new();
    let mut host = Host::joined(&["--map", &server.map(PLACE)]);
    host.ask(OPEN, "CONNECT\r\n\r\nOK\r\n");
    let mut peer = server.accept();
    host.ask("AT+CIPSEND=4", "\r\nOK\r\n\r\n>");
    peer.send(b"early");
    host.send("te");
    host.silent_for(Duration::from_millis(100));
    host.send("st");
    host.exact("\r\nRecv 4 bytes\r\n\r\nSEND OK\r\n\r\n+IPD,5:early");
    assert_eq!(peer.take(4), b"test");
}

#[test]
fn what_is_left_after_a_partial_read_is_announced_anew_after_a_pause() {
    let server = Server::new();
    let mut host = Host::joined(&["--map", &server.map(PLACE)]);
    host.ok("AT+CIPMUX=1");
    host.ok("AT+CIPRECVMODE=1");
    host.ask(
        "AT+CIPSTART=0,\"TCP\",\"192.168.3.102\",8080",
        "0,CONNECT\r\n\r\nOK\r\n",
    );
    let mut peer = server.accept();
    peer.send(b"0123456789");
    host.exact("\r\n+IPD,0,10\r\n");
    host.ask("AT+CIPRECVDATA=0,4", "+CIPRECVDATA:4,0123\r\nOK\r\n");
    // Never in the burst of the OK.
    host.silent_for(Duration::from_millis(20));
    host.exact("\r\n+IPD,0,6\r\n");
    host.ask("AT+CIPRECVLEN?", "+CIPRECVLEN:6,-1,-1,-1,-1\r\n\r\nOK\r\n");
    host.ask("AT+CIPRECVDATA=0,100", "+CIPRECVDATA:6,456789\r\nOK\r\n");
    host.silent_for(Duration::from_millis(60));
    host.ask("AT+CIPRECVDATA=0,1", "\r\nERROR\r\n");
}

#[test]
fn link_conn_is_honoured_at_once() {
    let server = Server::new();
    let mut host = Host::joined(&["--map", &server.map(PLACE)]);
    host.ok("AT+SYSMSG=2");
    host.send(&format!("{OPEN}\r\n"));
    let line = host.line();
    let head = "+LINK_CONN:0,0,\"TCP\",0,\"192.168.3.102\",8080,";
    let port = line.strip_prefix(head).expect("its fields");
    assert!(port.parse::<u16>().expect("a port") > 0);
    host.exact("\r\nOK\r\n");
    host.ask("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
    host.ok("AT+SYSMSG=0");
    host.ask(OPEN, "CONNECT\r\n\r\nOK\r\n");
}

#[test]
fn old_and_new_names_stand_side_by_side() {
    let mut host = Host::joined(&[]);
    host.ask("AT+CIPRECVMODE?", "+CIPRECVMODE:0\r\n\r\nOK\r\n");
    host.ask("AT+CWSTATE?", "+CWSTATE:2,\"iot\"\r\n\r\nOK\r\n");
    host.ask("AT+CIPSTATE?", "\r\nOK\r\n");
    host.ask("AT+CIPSTATUS", "STATUS:2\r\n\r\nOK\r\n");
    assert_eq!(
        host.answer("AT+CIPRECVTYPE?").lines().next(),
        Some("+CIPRECVTYPE:0,0")
    );
}

#[test]
fn no_unsolicited_line_can_be_taken_for_a_result() {
    let mut host = Host::joined(&[]);
    for (order, lines) in [
        ("ap down iot", "WIFI DISCONNECT\r\n"),
        ("ap up iot", "WIFI CONNECTED\r\nWIFI GOT IP\r\n"),
    ] {
        assert_eq!(host.control().ask(order), "ok");
        host.exact(lines);
        for naive in ["OK", "ERROR", ">"] {
            assert!(!lines.contains(naive));
        }
    }
}

#[test]
fn a_command_in_the_middle_of_another_is_turned_away_and_not_queued() {
    let server = Server::new();
    let mut host = Host::joined(&["--map", &server.map(PLACE)]);
    // A server that says nothing keeps the handshake waiting.
    host.send("AT+CIPSTART=\"SSL\",\"192.168.3.102\",8080\r\n");
    let silent = server.accept();
    host.ask("AT+GMR", "\r\nbusy p...\r\n");
    host.ask("?", "\r\nbusy p...\r\n");
    drop(silent);
    host.exact("\r\nERROR\r\n");
    host.ok("AT");
}
