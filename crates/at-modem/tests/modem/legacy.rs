//! Hosts of firmware 1.x: names with `_CUR` and `_DEF`, and answers in their form, where the modem is asked for it.

use crate::support::net::{Door, Peer};
use crate::support::{Bench, Setup, text};

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";
const JOINED: &str = "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n";

fn old() -> Bench {
    let mut setup = Setup::new();
    setup.legacy = true;
    setup.boot().quiet()
}

#[test]
fn the_names_are_unknown_unless_they_are_asked_for() {
    let mut bench = Bench::new();
    bench.expect("AT+SYSLOG=1", OK);
    for line in [
        "AT+CWMODE_CUR=1",
        "AT+CWMODE_DEF?",
        "AT+CWJAP_CUR=\"iot\",\"\"",
        "AT+CIPSSLSIZE=4096",
    ] {
        bench.expect(line, format!("ERR CODE:0x01090000\r\n{ERROR}"));
    }
}

#[test]
fn cur_is_forgotten_and_def_is_stored_whatever_sysstore_says() {
    for (sysstore, suffix, mode) in [(0, "CUR", 0), (1, "CUR", 0), (0, "DEF", 1), (1, "DEF", 1)] {
        let mut bench = old();
        bench.expect(format!("AT+SYSSTORE={sysstore}"), OK);
        bench.expect(format!("AT+CWMODE_{suffix}=1"), OK);
        bench.expect("AT+CWMODE?", "+CWMODE:1\r\n\r\nOK\r\n");
        let mut bench = bench.power_off().boot().quiet();
        bench.expect("AT+CWMODE?", format!("+CWMODE:{mode}\r\n\r\nOK\r\n"));
    }
}

#[test]
fn answers_have_the_name_that_was_asked() {
    let mut bench = old();
    bench.expect("AT+CWMODE_CUR=3", OK);
    bench.expect("AT+CWMODE_CUR?", "+CWMODE_CUR:3\r\n\r\nOK\r\n");
    bench.expect("AT+CWMODE_DEF?", "+CWMODE_DEF:3\r\n\r\nOK\r\n");
    bench.expect("AT+CWMODE?", "+CWMODE:3\r\n\r\nOK\r\n");
    bench.expect("AT+CWJAP_CUR=\"iot\",\"\"", JOINED);
    let heard = bench.line("AT+CWJAP_CUR?");
    assert!(heard.starts_with("+CWJAP_CUR:\\\"iot\\\""), "{heard}");
    let heard = bench.line("AT+CIPSTA_CUR?");
    assert_eq!(heard.matches("+CIPSTA_CUR:").count(), 3, "{heard}");
    let heard = bench.line("AT+CIPAP_DEF?");
    assert_eq!(heard.matches("+CIPAP_DEF:").count(), 3, "{heard}");
    bench.expect(
        "AT+CIPSTAMAC_CUR?",
        "+CIPSTAMAC_CUR:\"02:00:00:ab:cd:ef\"\r\n\r\nOK\r\n",
    );
    let heard = bench.line("AT+CWSAP_CUR?");
    assert!(heard.starts_with("+CWSAP_CUR:"), "{heard}");
    // Soft-AP first, then station, then both: the order of 1.x, also in its bits.
    bench.expect("AT+CWDHCP_CUR=0,0", OK);
    bench.expect("AT+CWDHCP?", "+CWDHCP:2\r\n\r\nOK\r\n");
    bench.expect("AT+CWDHCP_DEF?", "+CWDHCP_DEF:2\r\n\r\nOK\r\n");
    bench.expect("AT+CWDHCP_CUR=2,1", OK);
    bench.expect("AT+CWDHCP_CUR?", "+CWDHCP_CUR:3\r\n\r\nOK\r\n");
    bench.expect("AT+CIPSSLSIZE=4096", OK);
    bench.expect("AT+UART_CUR?", "+UART_CUR:115200,8,1,0,0\r\n\r\nOK\r\n");
}

#[test]
fn what_comes_unasked_has_no_suffix() {
    let mut bench = old();
    bench.expect("AT+CWMODE_CUR=1", OK);
    bench.expect("AT+CWJAP_CUR=\"iot\",\"\"", JOINED);
    bench.radio.lose();
    bench.hear("WIFI DISCONNECT\r\n");
    let failed = {
        bench.radio.answers(crate::support::radio::Answer::Refusal(
            at_modem::wifi::JoinError::WrongPassword,
        ));
        bench.line("AT+CWJAP_CUR=\"iot\",\"\"")
    };
    assert_eq!(failed, text(b"+CWJAP_CUR:2\r\n\r\nERROR\r\n"));
    bench.expect("AT+SYSLOG?", "+SYSLOG:0\r\n\r\nOK\r\n");
}

/// In station mode, joined, with a peer of TCP and the link `AT+CIPMUX=1` gives it.
fn connected() -> (Bench, Peer) {
    let mut bench = old();
    bench.expect("AT+CWMODE_CUR=1", OK);
    bench.expect("AT+CWJAP_CUR=\"iot\",\"secret\"", JOINED);
    bench.net.door("192.168.3.102:8080", Door::Sink);
    bench.expect("AT+CIPMUX=1", OK);
    bench.expect("AT+CIPRECVMODE=1", OK);
    bench.expect(
        "AT+CIPSTART=3,\"TCP\",\"192.168.3.102\",8080",
        format!("3,CONNECT\r\n{OK}"),
    );
    let peer = bench.net.peer();
    (bench, peer)
}

#[test]
fn data_are_fetched_behind_a_colon_and_never_with_an_address() {
    for data_info in [0, 1] {
        let (mut bench, peer) = connected();
        bench.expect(format!("AT+CIPDINFO={data_info}"), OK);
        peer.sends(b"te,st:");
        bench.hear("\r\n+IPD,3,6\r\n");
        bench.expect("AT+CIPRECVLEN?", format!("+CIPRECVLEN:0,0,0,6,0\r\n{OK}"));
        bench.expect("AT+CIPRECVDATA=3,4", "+CIPRECVDATA,4:te,s\r\nOK\r\n");
        bench.expect("AT+CIPRECVDATA=3,64", "+CIPRECVDATA,2:t:\r\nOK\r\n");
        bench.expect("AT+CIPRECVDATA=3,64", ERROR);
        bench.expect("AT+CIPRECVLEN?", format!("+CIPRECVLEN:0,0,0,0,0\r\n{OK}"));
    }
}

#[test]
fn the_sender_of_what_comes_unasked_has_no_quotes() {
    let (mut bench, peer) = connected();
    bench.expect("AT+CIPRECVMODE=0", OK);
    peer.sends(b"test");
    bench.hear("\r\n+IPD,3,4:test");
    bench.expect("AT+CIPDINFO=1", OK);
    peer.sends(b"test");
    bench.hear("\r\n+IPD,3,4,192.168.3.102,8080:test");
}

#[test]
fn datagrams_come_unasked_even_to_a_host_that_fetches() {
    let (mut bench, _peer) = connected();
    bench.expect(
        "AT+CIPSTART=4,\"UDP\",\"192.168.3.102\",8080,1112,2",
        format!("4,CONNECT\r\n{OK}"),
    );
    let udp = bench.net.datagrams.clone();
    assert!(udp.arrives(1112, "10.0.0.9:53", b"test"));
    bench.hear("\r\n+IPD,4,4:test");
}

#[test]
fn a_blank_follows_the_prompt_and_is_none_of_the_payload() {
    let (mut bench, peer) = connected();
    for (command, data) in [("AT+CIPSEND=3,4", "test"), ("AT+CIPSENDEX=3,9", "more\\0")] {
        bench.expect(command, "\r\nOK\r\n> ");
        let sent = "\r\nRecv 4 bytes\r\n\r\nSEND OK\r\n";
        assert_eq!(text(&bench.say(data.as_bytes())), text(sent.as_bytes()));
    }
    assert_eq!(text(&peer.received()), "testmore");
}

#[test]
fn a_link_that_is_not_open_is_unlinked() {
    let (mut bench, _peer) = connected();
    bench.expect("AT+CIPCLOSE=3", format!("3,CLOSED\r\n{OK}"));
    bench.expect("AT+CIPCLOSE=3", format!("UNLINK\r\n{ERROR}"));
    bench.expect("AT+CIPMUX=0", OK);
    bench.expect("AT+CIPCLOSE", format!("UNLINK\r\n{ERROR}"));
    bench.expect("AT+SYSLOG=1", OK);
    let word = "ERR CODE:0x010a0000\r\n";
    bench.expect("AT+CIPCLOSE", format!("UNLINK\r\n{word}{ERROR}"));
}

#[test]
fn messages_about_links_are_chosen_by_the_name_of_1x() {
    for (suffix, after) in [("CUR", 0), ("DEF", 3)] {
        let mut bench = old();
        bench.expect(format!("AT+SYSMSG_{suffix}=3"), OK);
        bench.expect("AT+SYSMSG?", format!("+SYSMSG:3\r\n{OK}"));
        let mut bench = bench.power_off().boot().quiet();
        bench.expect("AT+SYSMSG?", format!("+SYSMSG:{after}\r\n{OK}"));
    }
}

#[test]
fn addresses_of_names_and_of_name_servers_have_no_quotes() {
    let mut bench = old();
    bench.expect("AT+CWMODE_CUR=1", OK);
    bench.expect("AT+CWJAP_CUR=\"iot\",\"secret\"", JOINED);
    bench.expect(
        "AT+CIPDOMAIN=\"10.1.2.3\"",
        format!("+CIPDOMAIN:10.1.2.3\r\n{OK}"),
    );
    bench.expect("AT+CIPDNS_CUR=1,\"208.67.220.220\",\"9.9.9.9\"", OK);
    for (suffix, name) in [("_CUR", "+CIPDNS_CUR"), ("_DEF", "+CIPDNS_DEF")] {
        bench.expect(
            format!("AT+CIPDNS{suffix}?"),
            format!("{name}:208.67.220.220\r\n{name}:9.9.9.9\r\n{OK}"),
        );
    }
    // Without a suffix it is a command of 2.x.
    bench.expect(
        "AT+CIPDNS?",
        format!("+CIPDNS:1,\"208.67.220.220\",\"9.9.9.9\"\r\n{OK}"),
    );
}

#[test]
fn nothing_of_it_is_there_unless_it_is_asked_for() {
    let mut bench = Bench::multiplexed();
    bench.expect(
        "AT+CIPRECVLEN?",
        format!("+CIPRECVLEN:-1,-1,-1,-1,-1\r\n{OK}"),
    );
    bench.expect(
        "AT+CIPDOMAIN=\"10.1.2.3\"",
        format!("+CIPDOMAIN:\"10.1.2.3\"\r\n{OK}"),
    );
    bench.expect("AT+CIPDNS_CUR?", ERROR);
}
