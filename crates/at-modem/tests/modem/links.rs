//! One TCP link: opening, data both ways, closing (spec: at-commands A.19, A.21, B.4, C.1).

use embedded_io_async::ErrorKind;

use crate::support::net::Door;
use crate::support::{Bench, text};

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";
const PEER: &str = "192.168.3.102:8080";
const START: &str = "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080";
const CONNECT: &str = "CONNECT\r\n\r\nOK\r\n";

/// A bench with an open link to a peer that does this.
fn linked(door: Door) -> Bench {
    let mut bench = Bench::joined();
    bench.net.door(PEER, door);
    bench.expect(START, CONNECT);
    bench
}

#[test]
fn the_documented_transcript_of_a_tcp_client() {
    let mut bench = Bench::new();
    bench.net.door(PEER, Door::Sink);
    bench.expect("AT+CWMODE=1", OK);
    bench.expect(
        "AT+CWJAP=\"espressif\",\"1234567890\"",
        "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    );
    bench.expect(
        "AT+CIPSTA?",
        "+CIPSTA:ip:\"192.168.3.112\"\r\n+CIPSTA:gateway:\"192.168.3.1\"\r\n+CIPSTA:netmask:\"255.255.255.0\"\r\n\r\nOK\r\n",
    );
    bench.expect(START, CONNECT);
    bench.expect("AT+CIPSEND=4", "\r\nOK\r\n\r\n>");
    assert_eq!(
        text(&bench.say("test")),
        text(b"\r\nRecv 4 bytes\r\n\r\nSEND OK\r\n")
    );
    assert_eq!(bench.net.peer().received(), b"test");
    bench.net.peer().sends(b"test");
    bench.hear("\r\n+IPD,4:test");
    bench.expect("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
    assert_eq!(bench.net.peer().is_gone(), (true, true));
}

#[test]
fn status_lists_the_link_and_links_that_were() {
    let mut bench = Bench::joined();
    bench.net.door(PEER, Door::Sink);
    bench.expect("AT+CIPSTATUS", "STATUS:2\r\n\r\nOK\r\n");
    bench.expect(START, CONNECT);
    bench.expect(
        "AT+CIPSTATUS",
        "STATUS:3\r\n+CIPSTATUS:0,\"TCP\",\"192.168.3.102\",8080,0,0\r\n\r\nOK\r\n",
    );
    bench.expect(
        "AT+CIPSTATE?",
        "+CIPSTATE:0,\"TCP\",\"192.168.3.102\",8080,0,0\r\n\r\nOK\r\n",
    );
    bench.expect("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
    bench.expect("AT+CIPSTATUS", "STATUS:4\r\n\r\nOK\r\n");
    bench.expect("AT+CIPSTATE?", OK);
}

#[test]
fn every_length_from_1_to_8192_is_sent_and_no_other() {
    let mut bench = linked(Door::Sink);
    for length in [1_usize, 2, 511, 512, 513, 2048, 2049, 8191, 8192] {
        let data: Vec<u8> = (0..length).map(|at| b"+\r\n\0>\xffAT"[at % 8]).collect();
        bench.expect(format!("AT+CIPSEND={length}"), "\r\nOK\r\n\r\n>");
        let reply = format!("\r\nRecv {length} bytes\r\n\r\nSEND OK\r\n");
        assert_eq!(text(&bench.say(&data)), text(reply.as_bytes()));
        assert!(bench.net.peer().received() == data, "{length}");
        bench.alive();
    }
    for length in ["0", "8193", "65537", "-1", "\"4\""] {
        bench.expect(format!("AT+CIPSEND={length}"), ERROR);
    }
    bench.alive();
    assert_eq!(bench.net.peer().received(), b"");
}

#[test]
fn surplus_data_is_answered_with_busy_and_not_sent() {
    let mut bench = linked(Door::Sink);
    for length in [4_usize, 700] {
        let data = vec![b'd'; length];
        bench.expect(format!("AT+CIPSEND={length}"), "\r\nOK\r\n\r\n>");
        let reply = format!("\r\nbusy p...\r\n\r\nRecv {length} bytes\r\n\r\nSEND OK\r\n");
        let said = [&data[..], b"more\r\nAT\r\n"].concat();
        assert_eq!(text(&bench.say(said)), text(reply.as_bytes()));
        assert_eq!(bench.net.peer().received(), data);
        bench.alive();
    }
}

#[test]
fn nothing_comes_between_prompt_and_recv() {
    let mut bench = linked(Door::Sink);
    bench.expect("AT+CIPSEND=4", "\r\nOK\r\n\r\n>");
    bench.net.peer().sends(b"early");
    bench.hear("");
    for byte in ["t", "e", "s"] {
        assert_eq!(bench.say(byte), b"");
    }
    let heard = text(&bench.say("t"));
    let recv = text(b"\r\nRecv 4 bytes\r\n");
    let rest = heard.strip_prefix(&recv).expect(&heard);
    let (ipd, sent) = (text(b"\r\n+IPD,5:early"), text(b"\r\nSEND OK\r\n"));
    assert!(
        [format!("{ipd}{sent}"), format!("{sent}{ipd}")].contains(&rest.to_owned()),
        "{heard}"
    );
    assert_eq!(bench.net.peer().received(), b"test");
}

#[test]
fn what_an_echo_sends_back_follows_send_ok() {
    let mut bench = linked(Door::Echo);
    bench.expect("AT+CIPSEND=5", "\r\nOK\r\n\r\n>");
    assert_eq!(
        text(&bench.say("hello")),
        text(b"\r\nRecv 5 bytes\r\n\r\nSEND OK\r\n\r\n+IPD,5:hello")
    );
}

#[test]
fn data_comes_in_ipds_of_at_most_2920_bytes() {
    let mut bench = linked(Door::Sink);
    for length in [1_usize, 2919, 2920, 2921, 5840, 7001, 20000] {
        let data: Vec<u8> = (0..length).map(|at| b"\r\n+IPD,9:"[at % 9]).collect();
        let mut expected = Vec::new();
        for piece in data.chunks(2920) {
            expected.extend(format!("\r\n+IPD,{}:", piece.len()).into_bytes());
            expected.extend(piece);
        }
        bench.net.peer().sends(&data);
        bench.settle();
        assert!(bench.port.take() == expected, "{length}");
    }
}

#[test]
fn cipdinfo_adds_the_sender_also_to_an_open_link() {
    let mut bench = linked(Door::Sink);
    bench.net.peer().sends(b"a");
    bench.hear("\r\n+IPD,1:a");
    bench.expect("AT+CIPDINFO=1", OK);
    bench.net.peer().sends(b"bc");
    bench.hear("\r\n+IPD,2,\"192.168.3.102\",8080:bc");
    bench.expect("AT+CIPDINFO=0", OK);
    bench.net.peer().sends(b"d");
    bench.hear("\r\n+IPD,1:d");
}

#[test]
fn sysmsg_bit_1_makes_connect_detailed() {
    let mut bench = Bench::joined();
    bench.net.door(PEER, Door::Sink);
    bench.expect("AT+SYSMSG=2", OK);
    bench.expect(
        START,
        "+LINK_CONN:0,0,\"TCP\",0,\"192.168.3.102\",8080,0\r\n\r\nOK\r\n",
    );
    bench.net.peer().closes();
    bench.hear("CLOSED\r\n");
}

#[test]
fn data_that_came_with_the_accept_follows_ok() {
    let mut bench = Bench::joined();
    bench.net.door(PEER, Door::Greeting);
    bench.expect(START, "CONNECT\r\n\r\nOK\r\n\r\n+IPD,5:hello");
}

#[test]
fn a_peer_that_closes_gives_its_data_first_and_then_closed() {
    let mut bench = linked(Door::Sink);
    bench.net.peer().sends(&[b'x'; 3000]);
    bench.net.peer().closes();
    let mut expected = b"\r\n+IPD,2920:".to_vec();
    expected.extend([b'x'; 2920]);
    expected.extend(b"\r\n+IPD,80:");
    expected.extend([b'x'; 80]);
    expected.extend(b"CLOSED\r\n");
    bench.hear(expected);
    assert_eq!(bench.net.peer().is_gone(), (true, true));
    bench.expect("AT+CIPCLOSE", ERROR);
    bench.expect("AT+CIPSEND=4", ERROR);
    bench.expect(START, CONNECT);
}

#[test]
fn a_link_that_breaks_says_closed_and_why() {
    let mut bench = linked(Door::Sink);
    bench.net.peer().breaks(ErrorKind::ConnectionReset);
    bench.hear("CLOSED\r\n");
    bench.expect(
        "AT+SSLWHY?",
        "+SSLWHY:0,\"data\",-0x0050,0x00000000,0,\"\",\"\",\"connection reset\",\"reset\"\r\n\r\nOK\r\n",
    );
    bench.expect(START, CONNECT);
    // A link that opened has no reason yet.
    bench.expect("AT+SSLWHY?", OK);
}

#[test]
fn cipclose_without_a_link_is_an_error() {
    let mut bench = linked(Door::Sink);
    bench.expect("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
    bench.expect("AT+CIPCLOSE", ERROR);
    bench.alive();
}

#[test]
fn a_second_cipstart_is_refused_and_the_link_stays() {
    let mut bench = linked(Door::Echo);
    bench.expect(START, "ALREADY CONNECTED\r\n\r\nERROR\r\n");
    bench.expect("AT+CIPSEND=2", "\r\nOK\r\n\r\n>");
    bench.port.feed(b"ok");
    bench.hear("\r\nRecv 2 bytes\r\n\r\nSEND OK\r\n\r\n+IPD,2:ok");
    assert_eq!(bench.net.connections(), 1);
}

#[test]
fn a_link_lost_before_the_data_is_complete_gives_send_fail_and_then_closed() {
    for said in 0..4_usize {
        let mut bench = linked(Door::Sink);
        bench.expect("AT+CIPSEND=4", "\r\nOK\r\n\r\n>");
        assert_eq!(bench.say(&b"test"[..said]), b"");
        bench.net.peer().closes();
        bench.hear("");
        assert_eq!(
            text(&bench.say(&b"test"[said..])),
            text(b"\r\nRecv 4 bytes\r\n\r\nSEND FAIL\r\nCLOSED\r\n"),
            "{said}"
        );
        bench.alive();
        bench.expect(START, CONNECT);
    }
}

#[test]
fn data_the_peer_does_not_take_gives_send_fail() {
    // The link breaks while the data waits.
    let mut bench = linked(Door::Sink);
    bench.net.peer().takes(Some(1));
    bench.expect("AT+CIPSEND=4", "\r\nOK\r\n\r\n>");
    assert_eq!(text(&bench.say("test")), text(b"\r\nRecv 4 bytes\r\n"));
    bench.expect("AT", "\r\nbusy p...\r\n");
    bench.net.peer().breaks(ErrorKind::ConnectionReset);
    let heard = bench.line("");
    let both = [
        &b"\r\nSEND FAIL\r\nCLOSED\r\n"[..],
        b"CLOSED\r\n\r\nSEND FAIL\r\n",
    ]
    .map(text);
    assert!(both.contains(&heard), "{heard}");
    bench.alive();

    // Nothing happens at all.
    let mut bench = linked_after(bench);
    bench.net.peer().takes(Some(1));
    bench.expect("AT+CIPSEND=4", "\r\nOK\r\n\r\n>");
    assert_eq!(text(&bench.say("test")), text(b"\r\nRecv 4 bytes\r\n"));
    bench.pass(embassy_time::Duration::from_millis(29_750));
    bench.hear("");
    bench.pass(embassy_time::Duration::from_millis(500));
    let heard = text(&bench.port.take());
    assert!(both.contains(&heard), "{heard}");
    bench.alive();
}

/// The same bench with a new link.
fn linked_after(mut bench: Bench) -> Bench {
    bench.expect(START, CONNECT);
    bench
}

#[test]
fn a_peer_that_closes_once_it_has_all_data_gives_send_ok() {
    // Both in one segment: the acknowledgement and the end are seen at the same moment.
    let mut bench = linked(Door::Sink);
    bench.net.peer().takes(Some(1));
    bench.expect("AT+CIPSEND=4", "\r\nOK\r\n\r\n>");
    assert_eq!(text(&bench.say("test")), text(b"\r\nRecv 4 bytes\r\n"));
    bench.net.peer().takes(None);
    bench.net.peer().closes();
    bench.hear("\r\nSEND OK\r\nCLOSED\r\n");
    assert_eq!(bench.net.peer().received(), b"test");

    // The end first: data may still go to a peer that only stopped sending.
    let mut bench = linked_after(bench);
    bench.net.peer().takes(Some(1));
    bench.expect("AT+CIPSEND=4", "\r\nOK\r\n\r\n>");
    assert_eq!(text(&bench.say("test")), text(b"\r\nRecv 4 bytes\r\n"));
    bench.net.peer().closes();
    bench.hear("");
    bench.net.peer().takes(None);
    bench.hear("\r\nSEND OK\r\nCLOSED\r\n");
    assert_eq!(bench.net.peer().received(), b"test");
    bench.alive();
}

#[test]
fn a_window_that_opens_in_time_gives_send_ok() {
    let mut bench = linked(Door::Sink);
    bench.net.peer().takes(Some(1));
    bench.expect("AT+CIPSEND=4", "\r\nOK\r\n\r\n>");
    assert_eq!(text(&bench.say("test")), text(b"\r\nRecv 4 bytes\r\n"));
    bench.pass(embassy_time::Duration::from_secs(10));
    bench.hear("");
    bench.net.peer().takes(None);
    bench.hear("\r\nSEND OK\r\n");
    assert_eq!(bench.net.peer().received(), b"test");
}

#[test]
fn a_port_pulled_at_any_moment_of_a_link_leaves_nothing_behind() {
    let said = format!("{START}\r\n");
    for at_once in [true, false] {
        let mut bench = Bench::joined();
        bench.net.door(PEER, Door::Echo);
        bench.port.feed(said.as_bytes());
        if !at_once {
            bench.hear(CONNECT);
        }
        bench.port.unplug();
        bench.settle();
        bench.port.take();
        bench.port.plug_in();
        bench.alive();
        bench.expect("AT+CIPSTATE?", OK);
        bench.expect(START, CONNECT);
        bench.expect("AT+CIPSEND=2", "\r\nOK\r\n\r\n>");
        // Half of the data, and the plug is out again.
        bench.port.feed(b"x");
        bench.port.unplug();
        bench.settle();
        assert!(bench.net.peer().is_gone().1);
        bench.port.take();
        bench.port.plug_in();
        bench.expect(START, CONNECT);
        bench.expect("AT+CIPSEND=2", "\r\nOK\r\n\r\n>");
        assert_eq!(
            text(&bench.say("ab")),
            text(b"\r\nRecv 2 bytes\r\n\r\nSEND OK\r\n\r\n+IPD,2:ab")
        );
    }
}
