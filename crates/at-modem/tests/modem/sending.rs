//! Sending with a prompt: given up, quoted, in pieces (spec: at-commands A.16, B.4, CIPSEND,
//! CIPSENDEX, CIPSENDL).

use crate::support::net::{Door, Peer};
use crate::support::{Bench, Setup, text};
use embassy_time::Duration;

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";
const PROMPT: &str = "\r\nOK\r\n\r\n>";

fn linked() -> (Bench, Peer) {
    link_of(Bench::joined())
}

/// The same with the answers of firmware 1.x.
fn linked_in_legacy() -> (Bench, Peer) {
    let mut setup = Setup::new();
    setup.legacy = true;
    let mut bench = setup.boot().quiet();
    bench.expect("AT+CWMODE_CUR=1", OK);
    bench.expect(
        "AT+CWJAP_CUR=\"iot\",\"secret\"",
        "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    );
    link_of(bench)
}

fn link_of(mut bench: Bench) -> (Bench, Peer) {
    bench.net.door("192.168.3.102:8080", Door::Sink);
    bench.expect(
        "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080",
        "CONNECT\r\n\r\nOK\r\n",
    );
    let peer = bench.net.peer();
    (bench, peer)
}

#[test]
fn three_pluses_alone_give_a_send_up() {
    for before in ["", "a", "abcdefg"] {
        let (mut bench, peer) = linked();
        bench.expect("AT+CIPSEND=20", PROMPT);
        bench.say(before);
        bench.pass(Duration::from_millis(30));
        bench.say("+++");
        bench.hear("");
        bench.pass(Duration::from_millis(21));
        bench.hear("\r\nSEND Canceled\r\n");
        assert_eq!(peer.received(), b"");
        bench.alive();
    }
}

#[test]
fn pluses_that_are_data_are_sent() {
    // In one burst with data, and where they complete what was announced.
    for (said, len) in [("++++", 4_usize), ("a+++b", 5), ("+++", 3), ("x+++", 4)] {
        let (mut bench, peer) = linked();
        bench.expect(format!("AT+CIPSEND={len}"), PROMPT);
        let reply = format!("\r\nRecv {len} bytes\r\n\r\nSEND OK\r\n");
        assert_eq!(text(&bench.say(said)), text(reply.as_bytes()));
        assert_eq!(peer.received(), said.as_bytes());
    }
}

#[test]
fn a_payload_is_the_same_however_it_is_cut() {
    let data = b"ab+++cd++ef+\r\nAT\r\n";
    for cut in 0..data.len() {
        let (mut bench, peer) = linked();
        bench.expect(format!("AT+CIPSEND={}", data.len()), PROMPT);
        let mut heard = bench.say(&data[..cut]);
        bench.pass(Duration::from_millis(5));
        heard.extend(bench.say(&data[cut..]));
        let reply = format!("\r\nRecv {} bytes\r\n\r\nSEND OK\r\n", data.len());
        assert_eq!(text(&heard), text(reply.as_bytes()), "{cut}");
        assert_eq!(peer.received(), data, "{cut}");
    }
}

#[test]
fn a_quoted_payload_ends_by_its_length_or_by_its_mark() {
    for (len, said, sent) in [
        (100, "hello\\0", "hello"),
        (5, "hello", "hello"),
        (5, "\\h\\e\\l\\l\\o", "hello"),
        (100, "a\\\\0b\\0", "a\\0b"),
        (100, "\\\\\\\\\\0", "\\\\"),
        (100, "\\0", ""),
        (3, "\\,\\\"\\\\", ",\"\\"),
        (100, "+++\\0", "+++"),
    ] {
        for (legacy, cut) in [false, true]
            .into_iter()
            .flat_map(|it| (0..said.len()).map(move |cut| (it, cut)))
        {
            let ((mut bench, peer), prompt) = if legacy {
                (linked_in_legacy(), "\r\nOK\r\n> ")
            } else {
                (linked(), PROMPT)
            };
            bench.expect(format!("AT+CIPSENDEX={len}"), prompt);
            let mut heard = bench.say(&said.as_bytes()[..cut]);
            heard.extend(bench.say(&said.as_bytes()[cut..]));
            let reply = format!("\r\nRecv {} bytes\r\n\r\nSEND OK\r\n", sent.len());
            assert_eq!(text(&heard), text(reply.as_bytes()), "{said} {cut}");
            assert_eq!(
                text(&peer.received()),
                text(sent.as_bytes()),
                "{said} {cut}"
            );
            bench.alive();
        }
    }
    let (mut bench, _) = linked();
    bench.expect("AT+CIPSENDEX=8193", ERROR);
    bench.expect("AT+CIPSENDEX=0", ERROR);
}

#[test]
fn nothing_unsolicited_comes_between_prompt_and_result() {
    let mut bench = Bench::multiplexed();
    for (id, port) in [(0, 8080), (1, 8081)] {
        bench.net.door(&format!("192.168.3.102:{port}"), Door::Sink);
        bench.expect(
            format!("AT+CIPSTART={id},\"TCP\",\"192.168.3.102\",{port}"),
            format!("{id},CONNECT\r\n\r\nOK\r\n"),
        );
    }
    let peers = bench.net.peers();
    peers[0].takes(Some(2));
    bench.expect("AT+CIPSEND=0,4", PROMPT);
    peers[1].sends(b"noise");
    peers[1].closes();
    bench.hear("");
    assert_eq!(text(&bench.say("test")), text(b"\r\nRecv 4 bytes\r\n"));
    peers[0].takes(None);
    bench.hear("\r\nSEND OK\r\n\r\n+IPD,1,5:noise1,CLOSED\r\n");
}

#[test]
fn a_peer_that_waits_to_be_heard_is_heard() {
    let (mut bench, peer) = linked();
    peer.takes(Some(0));
    bench.expect("AT+CIPSEND=4", PROMPT);
    peer.sends(b"first you");
    assert_eq!(text(&bench.say("test")), text(b"\r\nRecv 4 bytes\r\n"));
    bench.pass(Duration::from_secs(3));
    bench.hear("\r\n+IPD,9:first you");
    peer.takes(None);
    bench.hear("\r\nSEND OK\r\n");
}

#[test]
fn a_large_send_goes_out_in_blocks_and_reports() {
    let (mut bench, peer) = linked();
    bench.expect("AT+CIPSENDLCFG?", "+CIPSENDLCFG:1024,2920\r\n\r\nOK\r\n");
    bench.expect("AT+CIPSENDLCFG=2000,1000", OK);
    bench.expect("AT+CIPSENDL=4500", PROMPT);
    let data: Vec<u8> = (0..4500_u32).map(|at| at.to_be_bytes()[3]).collect();
    let heard = bench.say(&data);
    bench.pass(Duration::from_millis(30));
    let heard = text(&[heard, bench.port.take()].concat());
    assert_eq!(
        heard,
        text(
            b"+CIPSENDL:2000,2000\r\n+CIPSENDL:4000,4000\r\n+CIPSENDL:4500,4500\r\n\r\nSEND OK\r\n"
        )
    );
    assert!(peer.received() == data);
    bench.alive();
}

#[test]
fn a_large_send_is_cancelled_or_fails_and_its_data_are_no_commands() {
    let (mut bench, peer) = linked();
    bench.expect("AT+CIPSENDL=100000", PROMPT);
    bench.say("some data");
    bench.pass(Duration::from_millis(50));
    assert_eq!(peer.received(), b"some data");
    bench.say("+++");
    bench.pass(Duration::from_millis(25));
    bench.hear("+CIPSENDL:9,9\r\n\r\nSEND CANCELLED\r\n");
    bench.alive();

    bench.expect("AT+CIPSENDL=20", PROMPT);
    peer.breaks(embedded_io_async::ErrorKind::ConnectionReset);
    bench.hear("");
    let heard = bench.say("AT\r\nAT\r\nAT\r\nAT\r\nAT\r\n");
    assert_eq!(
        text(&heard),
        text(b"+CIPSENDL:0,20\r\n\r\nSEND FAIL\r\nCLOSED\r\n")
    );
    bench.expect("AT+CIPSENDL=20", ERROR);
    bench.alive();
}
