//! Five links at once: numbers, lists, closing, and none in the way of another (spec: at-commands
//! A.19 to A.21, B.4).

use crate::support::Bench;
use crate::support::net::{Door, Resolves};
use embassy_time::Duration;

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";

fn open(bench: &mut Bench, id: u8) {
    let port = 8080 + u16::from(id);
    bench.net.door(&format!("192.168.3.102:{port}"), Door::Sink);
    bench.expect(
        format!("AT+CIPSTART={id},\"TCP\",\"192.168.3.102\",{port}"),
        format!("{id},CONNECT\r\n\r\nOK\r\n"),
    );
}

#[test]
fn a_link_is_named_exactly_where_there_are_several() {
    let mut bench = Bench::joined();
    for line in [
        "AT+CIPSTART=0,\"TCP\",\"192.168.3.102\",8080",
        "AT+CIPSEND=0,4",
        "AT+CIPCLOSE=0",
        "AT+CIPRECVDATA=0,4",
        "AT+CIPSTARTEX=\"TCP\",\"192.168.3.102\",8080",
    ] {
        bench.expect(line, ERROR);
    }
    bench.expect("AT+CIPMUX=1", OK);
    for line in [
        "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080",
        "AT+CIPSTART=5,\"TCP\",\"192.168.3.102\",8080",
        "AT+CIPSEND=4",
        "AT+CIPSEND=5,4",
        "AT+CIPCLOSE=0",
        "AT+CIPCLOSE",
        "AT+CIPCLOSE=6",
    ] {
        bench.expect(line, ERROR);
    }
    bench.alive();
}

#[test]
fn the_number_of_links_changes_only_without_any() {
    let mut bench = Bench::multiplexed();
    bench.expect("AT+CIPMUX?", "+CIPMUX:1\r\n\r\nOK\r\n");
    open(&mut bench, 3);
    bench.expect("AT+CIPMUX=0", ERROR);
    bench.expect("AT+CIPMUX=1", OK);
    bench.expect("AT+CIPCLOSE=3", "3,CLOSED\r\n\r\nOK\r\n");
    bench.expect("AT+CIPMUX=0", OK);
    bench.expect("AT+CIPMODE=1", OK);
    bench.expect("AT+CIPMUX=1", ERROR);
    bench.expect("AT+CIPMODE=0", OK);
    bench.expect("AT+CIPMUX=1", OK);
    // Not stored.
    bench.restart();
    bench.expect("AT+CIPMUX?", "+CIPMUX:0\r\n\r\nOK\r\n");
}

#[test]
fn five_links_carry_their_own_data_and_close_one_by_one() {
    let mut bench = Bench::multiplexed();
    for id in 0..5 {
        open(&mut bench, id);
    }
    bench.expect(
        "AT+CIPSTART=2,\"TCP\",\"192.168.3.102\",8080",
        "ALREADY CONNECTED\r\n\r\nERROR\r\n",
    );
    bench.expect("AT+CIPSTARTEX=\"TCP\",\"192.168.3.102\",8080", ERROR);
    let peers = bench.net.peers();
    for (peer, id) in peers.iter().zip(0..5) {
        bench.expect(format!("AT+CIPSEND={id},6"), "\r\nOK\r\n\r\n>");
        let reply = bench.say(format!("link-{id}"));
        assert_eq!(reply, b"\r\nRecv 6 bytes\r\n\r\nSEND OK\r\n");
        assert_eq!(peer.received(), format!("link-{id}").into_bytes());
    }
    // Data of all five, in any order but whole.
    for (peer, id) in peers.iter().zip(0..5) {
        peer.sends(format!("data-{id}").as_bytes());
    }
    bench.hear("\r\n+IPD,0,6:data-0\r\n+IPD,1,6:data-1\r\n+IPD,2,6:data-2\r\n+IPD,3,6:data-3\r\n+IPD,4,6:data-4");
    let list = |command: &str, ids: &[u8]| {
        let lines = ids.iter().map(|id| {
            let port = 8080 + u16::from(*id);
            format!("+{command}:{id},\"TCP\",\"192.168.3.102\",{port},0,0\r\n")
        });
        lines.collect::<String>() + OK
    };
    bench.expect("AT+CIPSTATE?", list("CIPSTATE", &[0, 1, 2, 3, 4]));
    bench.expect("AT+CIPCLOSE=1", "1,CLOSED\r\n\r\nOK\r\n");
    peers[3].closes();
    bench.hear("3,CLOSED\r\n");
    bench.expect("AT+CIPCLOSE=3", ERROR);
    let status = format!("STATUS:3\r\n{}", list("CIPSTATUS", &[0, 2, 4]));
    bench.expect("AT+CIPSTATUS", status);
    // The execute form closes the first that is open; 5 closes all, and is content with none.
    bench.expect("AT+CIPCLOSE", "0,CLOSED\r\n\r\nOK\r\n");
    bench.expect("AT+CIPCLOSE=5", "2,CLOSED\r\n4,CLOSED\r\n\r\nOK\r\n");
    bench.expect("AT+CIPCLOSE=5", OK);
    bench.expect("AT+CIPSTATUS", "STATUS:4\r\n\r\nOK\r\n");
    for peer in peers {
        assert_eq!(peer.is_gone(), (true, true));
    }
}

#[test]
fn the_lowest_free_number_is_given_where_none_is_asked_for() {
    let mut bench = Bench::multiplexed();
    for id in [0, 1, 3] {
        open(&mut bench, id);
    }
    bench.net.door("192.168.3.102:9000", Door::Sink);
    for id in [2, 4] {
        bench.expect(
            "AT+CIPSTARTEX=\"TCP\",\"192.168.3.102\",9000",
            format!("{id},CONNECT\r\n\r\nOK\r\n"),
        );
    }
}

#[test]
fn a_link_that_is_being_opened_keeps_no_other_waiting() {
    let mut bench = Bench::multiplexed();
    open(&mut bench, 0);
    let peer = bench.net.peer();
    bench.net.name("slow.example", Resolves::Silent);
    bench.expect("AT+CIPSTART=1,\"TCP\",\"slow.example\",1", "");
    peer.sends(b"meanwhile");
    bench.hear("\r\n+IPD,0,9:meanwhile");
    peer.closes();
    bench.hear("0,CLOSED\r\n");
    bench.pass(Duration::from_secs(11));
    bench.hear(ERROR);
    bench.alive();
}

#[test]
fn the_detailed_message_counts_at_once() {
    let mut bench = Bench::multiplexed();
    bench.net.door("192.168.3.102:8080", Door::Sink);
    bench.expect("AT+SYSMSG=2", OK);
    bench.expect(
        "AT+CIPSTART=4,\"TCP\",\"192.168.3.102\",8080",
        "+LINK_CONN:0,4,\"TCP\",0,\"192.168.3.102\",8080,0\r\n\r\nOK\r\n",
    );
    bench.expect("AT+CIPCLOSE=4", "4,CLOSED\r\n\r\nOK\r\n");
}

#[test]
fn a_network_that_is_lost_takes_every_link_but_those_that_persist() {
    let mut bench = Bench::multiplexed();
    for id in 0..3 {
        open(&mut bench, id);
    }
    bench.expect("AT+CIPCONNPERSIST=1,1", OK);
    bench.expect(
        "AT+CIPCONNPERSIST?",
        "+CIPCONNPERSIST:0,1,0,0,0\r\n\r\nOK\r\n",
    );
    let heard = bench.line("AT+CWQAP");
    assert!(
        heard.starts_with("\\r\\nOK\\r\\nWIFI DISCONNECT\\r\\n"),
        "{heard}"
    );
    for (id, closed) in [(0, true), (1, false), (2, true)] {
        assert_eq!(
            heard.contains(&format!("{id},CLOSED\\r\\n")),
            closed,
            "{heard}"
        );
    }
}

#[test]
fn a_link_that_persists_keeps_no_join_waiting() {
    let mut bench = Bench::multiplexed();
    open(&mut bench, 0);
    open(&mut bench, 1);
    bench.expect("AT+CIPCONNPERSIST=1,1", OK);
    bench.expect(
        "AT+CWJAP=\"iot\",\"secret\"",
        "WIFI DISCONNECT\r\n0,CLOSED\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    );
    bench.expect("AT+CIPCLOSE=1", "1,CLOSED\r\n\r\nOK\r\n");
}

#[test]
fn a_flood_on_one_link_leaves_room_for_answers_and_for_the_others() {
    let mut bench = Bench::multiplexed();
    open(&mut bench, 0);
    open(&mut bench, 1);
    let peers = bench.net.peers();
    bench.port.give_room(Some(0));
    peers[0].sends(&[b'x'; 100_000]);
    bench.settle();
    bench.port.feed(b"AT\r\n");
    peers[1].sends(b"rare");
    bench.settle();
    bench.port.give_room(None);
    bench.settle();
    let heard = bench.port.take();
    let find = |wanted: &[u8]| heard.windows(wanted.len()).position(|part| part == wanted);
    let limit = 4 * 8192;
    assert!(find(b"\r\nOK\r\n").is_some_and(|at| at < limit));
    assert!(find(b"\r\n+IPD,1,4:rare").is_some_and(|at| at < limit));
    assert_eq!(heard.iter().filter(|byte| **byte == b'x').count(), 100_000);
}
