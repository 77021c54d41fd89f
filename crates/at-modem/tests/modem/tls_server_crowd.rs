//! Many clients of the server with TLS: those that never finish and hold every place for a handshake, those that are one
//! too many, and those that are there when the server goes (duties D.2, D.4).

use embassy_time::{Duration, Instant};
use rustls::SupportedProtocolVersion;

use crate::support::net::Door;
use crate::support::tls_client::{Client, Shows, VERSIONS};
use crate::support::{Bench, Setup, text};

use super::tls_server::{OK, PORT, equip, equipped, serving};

const GOOD: &str = "192.168.4.9:9";
const BAD: &str = "192.168.4.66:6";

/// How far a client comes that never finishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stall {
    /// It says nothing.
    Silent,
    /// It sends half of its hello.
    HalfHello,
    /// It does not answer the server's flight.
    AfterFlight,
    /// All it owes is the last byte of its Finished.
    LastByte,
    /// It sends a byte in each quarter of a second.
    Drip,
}

const STALLS: [Stall; 5] = [
    Stall::Silent,
    Stall::HalfHello,
    Stall::AfterFlight,
    Stall::LastByte,
    Stall::Drip,
];

/// A client that stalls, and what it may still send.
struct Bad {
    client: Client,
    rest: Vec<u8>,
}

impl Bad {
    fn knock(bench: &mut Bench, stall: Stall, version: &'static SupportedProtocolVersion) -> Self {
        let mut client = Client::knock(bench, (PORT, BAD), version, Shows::Right);
        let hello = client.speaks();
        let rest = match stall {
            Stall::Silent => Vec::new(),
            Stall::HalfHello => {
                client.peer.sends(&hello[..hello.len() / 2]);
                Vec::new()
            }
            Stall::AfterFlight | Stall::LastByte => {
                client.peer.sends(&hello);
                Vec::new()
            }
            Stall::Drip => hello,
        };
        bench.settle();
        let mut bad = Self { client, rest };
        if stall == Stall::LastByte {
            bad.answers();
        }
        bad
    }

    /// Answers the server's flight if it came, but for the last byte.
    fn answers(&mut self) {
        if self.client.listens().unwrap_or(false) {
            let mut flight = self.client.speaks();
            flight.pop();
            self.client.peer.sends(&flight);
        }
    }

    /// A quarter of a second is over.
    fn goes_on(&mut self, stall: Stall) {
        match stall {
            Stall::Drip if !self.rest.is_empty() => {
                let byte = self.rest.remove(0);
                self.client.peer.sends(&[byte]);
            }
            Stall::LastByte => self.answers(),
            _ => {}
        }
    }

    fn is_gone(&self) -> bool {
        self.client.peer.is_gone() != (false, false)
    }
}

const STEP: Duration = Duration::from_millis(250);

/// How long a good client needs until it is a link, while bad ones do what they do.
fn time_to_connect(
    bench: &mut Bench,
    good: &mut Client,
    mut meanwhile: impl FnMut(&mut Bench),
) -> Duration {
    let begin = Instant::now();
    while good.tls.is_handshaking() {
        good.converses(bench).unwrap();
        if good.tls.is_handshaking() {
            bench.pass(STEP);
            meanwhile(bench);
            assert!(begin.elapsed() < Duration::from_secs(60), "never");
        }
    }
    begin.elapsed()
}

/// Bad clients on all places, and more that wait, some of which come again as soon as they are dropped: a good one that
/// came last is a link within five seconds. Links that are open, and the port, notice nothing.
#[test]
fn duty_137_and_138_whoever_stalls_a_good_client_connects_within_five_seconds() {
    for version in VERSIONS {
        for stall in STALLS {
            for comes_again in [false, true] {
                let mut bench = serving(1);
                let mut first = Client::knock(&bench, (PORT, GOOD), version, Shows::Right);
                first.converses(&mut bench).unwrap();
                bench.hear("0,CONNECT\r\n");
                let mut crowd: Vec<Bad> = (0..8)
                    .map(|_| Bad::knock(&mut bench, stall, version))
                    .collect();
                let mut good = Client::knock(&bench, (PORT, GOOD), version, Shows::Right);
                let took = time_to_connect(&mut bench, &mut good, |bench| {
                    for bad in &mut crowd {
                        bad.goes_on(stall);
                        if comes_again && bad.is_gone() {
                            *bad = Bad::knock(bench, stall, version);
                        }
                    }
                    bench.alive();
                    first.sends(bench, b"x");
                    bench.hear("\r\n+IPD,0,1:x");
                });
                assert!(
                    took <= Duration::from_secs(5),
                    "{version:?} {stall:?} {comes_again}: {} ms",
                    took.as_millis()
                );
                bench.hear("1,CONNECT\r\n");
            }
        }
    }
}

/// With nobody waiting, a client has its whole time: ten seconds for a step, thirty for all of them. Nothing is printed.
#[test]
fn duty_133_and_137_alone_a_client_has_the_time_of_its_deadlines() {
    for stall in STALLS {
        let mut bench = serving(1);
        let begin = Instant::now();
        let mut bad = Bad::knock(&mut bench, stall, VERSIONS[1]);
        while !bad.is_gone() {
            bench.pass(STEP);
            bad.goes_on(stall);
            assert!(begin.elapsed() < Duration::from_secs(60), "{stall:?}");
        }
        let took = begin.elapsed().as_millis();
        let (least, words) = match stall {
            Stall::Drip => (30_000, "handshake took more than 30000 ms"),
            _ => (10_000, "no progress for 10000 ms"),
        };
        assert!((least..=least + 2_000).contains(&took), "{stall:?} {took}");
        bench.pass(Duration::from_secs(2));
        bench.hear("");
        let why = bench.line("AT+SSLWHY?");
        assert!(why.starts_with("+SSLWHY:-1,"), "{why}");
        assert!(why.contains(words), "{stall:?} {why}");
    }
}

/// One that had to give way is reported as such.
#[test]
fn duty_136_who_gives_way_is_reported() {
    let mut bench = serving(0);
    let _crowd: Vec<Bad> = (0..4)
        .map(|_| Bad::knock(&mut bench, Stall::Silent, VERSIONS[1]))
        .collect();
    bench.hear("");
    bench.pass(Duration::from_secs(3));
    let why = bench.line("AT+SSLWHY?");
    assert!(
        why.contains("handshake was given up for the next client"),
        "{why}"
    );
    assert!(why.contains("no_place"), "{why}");
}

/// A good client that is a link.
fn linked(bench: &mut Bench, link: u8, version: &'static SupportedProtocolVersion) -> Client {
    let mut client = Client::knock(bench, (PORT, GOOD), version, Shows::Right);
    client.converses(bench).unwrap();
    bench.hear(format!("{link},CONNECT\r\n"));
    client
}

#[test]
fn duty_135_who_is_one_too_many_is_turned_away_before_or_after_its_handshake() {
    for version in VERSIONS {
        let mut bench = equipped();
        bench.expect("AT+CIPSERVERMAXCONN=2", OK);
        bench.expect(format!("AT+CIPSERVER=1,{PORT},\"SSL\""), OK);
        let first = linked(&mut bench, 0, version);
        // Two at once for one link.
        let mut racers =
            [0, 1].map(|_| Client::knock(&bench, (PORT, GOOD), version, Shows::Nothing));
        for racer in &mut racers {
            let hello = racer.speaks();
            racer.peer.sends(&hello);
        }
        bench.settle();
        let [second, third] = &mut racers;
        second.converses(&mut bench).unwrap();
        bench.hear("1,CONNECT\r\n");
        third.converses(&mut bench).unwrap();
        bench.pass(Duration::from_secs(2));
        bench.hear("Have 2 Connections\r\n");
        assert!(third.hears_the_end());
        assert_eq!(third.peer.is_gone(), (true, true));
        // Now nobody begins a handshake.
        let fourth = Client::knock(&bench, (PORT, GOOD), version, Shows::Nothing);
        bench.hear("Have 2 Connections\r\n");
        assert_eq!(fourth.peer.is_gone(), (true, true));
        assert_eq!(fourth.peer.received(), b"");
        // One goes, and the next is welcome.
        first.peer.closes();
        bench.hear("0,CLOSED\r\n");
        linked(&mut bench, 0, version);
    }
}

/// Data of the client count, and nothing else that it sends.
#[test]
fn duty_179_a_client_that_says_nothing_is_closed_whatever_its_records_are() {
    let mut bench = serving(0);
    bench.expect("AT+CIPSTO=10", OK);
    let mut silent = linked(&mut bench, 0, VERSIONS[1]);
    let mut heard = linked(&mut bench, 1, VERSIONS[1]);
    for _ in 0..3 {
        bench.pass(Duration::from_secs(3));
        silent.tls.refresh_traffic_keys().unwrap();
        silent.converses(&mut bench).unwrap();
        heard.sends(&mut bench, b".");
        bench.hear("\r\n+IPD,1,1:.");
    }
    bench.pass(Duration::from_secs(2));
    bench.hear("0,CLOSED\r\n");
    assert!(silent.hears_the_end());
    bench.pass(Duration::from_secs(9));
    bench.hear("1,CLOSED\r\n");
}

/// Handshakes end with the server. Links stay, or are closed in the order of their numbers before `OK`.
#[test]
fn duty_177_the_end_of_a_server_is_the_end_of_handshakes_and_of_links_if_it_is_said() {
    for version in VERSIONS {
        for stall in STALLS {
            for close_all in [false, true] {
                let mut bench = serving(1);
                let mut clients = [0, 1].map(|link| linked(&mut bench, link, version));
                let bad = Bad::knock(&mut bench, stall, version);
                if close_all {
                    bench.expect("AT+CIPSERVER=0,1", "0,CLOSED\r\n1,CLOSED\r\n\r\nOK\r\n");
                } else {
                    bench.expect("AT+CIPSERVER=0", OK);
                }
                bench.pass(Duration::from_secs(1));
                assert!(bad.is_gone(), "{version:?} {stall:?}");
                for (link, client) in clients.iter_mut().enumerate() {
                    assert_eq!(client.hears_the_end(), close_all);
                    if !close_all {
                        client.sends(&mut bench, b"on");
                        bench.hear(format!("\r\n+IPD,{link},2:on"));
                    }
                }
                bench.alive();
                // A server can be begun again at once, at the same port.
                bench.expect(format!("AT+CIPSERVER=1,{PORT},\"SSL\",1"), OK);
                linked(&mut bench, if close_all { 0 } else { 2 }, version);
            }
        }
    }
}

/// A restart ends handshakes, links and the server, whatever they wait for.
#[test]
fn a_restart_in_the_middle_of_handshakes_leaves_nothing_behind() {
    for stall in STALLS {
        let mut bench = serving(1);
        let _client = linked(&mut bench, 0, VERSIONS[1]);
        let _bad: Vec<Bad> = (0..4)
            .map(|_| Bad::knock(&mut bench, stall, VERSIONS[1]))
            .collect();
        let joined = bench.restart();
        assert_eq!(joined, text(b"WIFI CONNECTED\r\nWIFI GOT IP\r\n"));
        assert!(bench.net.knock(PORT, GOOD).is_none());
        bench.expect("AT+SSLPEER?", OK);
        bench.expect("AT+CIPMUX=1", OK);
        bench.expect("AT+SYSTIMESTAMP=1800000000", OK);
        bench.expect(format!("AT+CIPSERVER=1,{PORT},\"SSL\",1"), OK);
        linked(&mut bench, 0, VERSIONS[1]);
    }
}

/// A crowd says hello at the same time to a module that computes for long. While a link is open, one is answered after
/// another, and between two of them the others have the processor for as long as the first took; the link gets its data
/// meanwhile. Without a link nobody waits.
#[test]
fn duty_190_clients_that_are_not_known_get_half_of_the_processor() {
    for version in VERSIONS {
        for link_is_open in [false, true] {
            let setup = Setup::new();
            setup.chip.labours(Duration::from_millis(20));
            let mut bench = setup.boot().quiet();
            bench.join();
            bench.expect("AT+CIPMUX=1", OK);
            equip(&mut bench);
            bench.expect(format!("AT+CIPSERVER=1,{PORT},\"SSL\""), OK);
            if link_is_open {
                bench.net.door("192.168.3.102:8080", Door::Sink);
                let start = "AT+CIPSTART=4,\"TCP\",\"192.168.3.102\",8080";
                bench.expect(start, "4,CONNECT\r\n\r\nOK\r\n");
            }
            let other = link_is_open.then(|| bench.net.peer());
            let mut clients =
                [(); 3].map(|()| Client::knock(&bench, (PORT, GOOD), version, Shows::Nothing));
            bench.settle();
            let (begin, before) = (Instant::now(), bench.chip.laboured());
            for client in &mut clients {
                let hello = client.speaks();
                client.peer.sends(&hello);
            }
            // When somebody was answered, and what had been computed by then.
            let mut answered = Vec::new();
            while answered.len() < clients.len() {
                bench.settle();
                for client in &mut clients {
                    if client.listens().unwrap() {
                        answered.push((begin.elapsed(), bench.chip.laboured()));
                    }
                }
                if let Some(other) = &other {
                    other.sends(b"x");
                    bench.hear("\r\n+IPD,4,1:x");
                }
                assert!(begin.elapsed() < Duration::from_secs(5), "{answered:?}");
                bench.pass(Duration::from_millis(10));
            }
            assert!(answered[0].1 > before, "{answered:?}");
            for pair in answered.windows(2) {
                let (took, computed) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
                if link_is_open {
                    assert!(computed > Duration::MIN, "two at once: {answered:?}");
                    // Three calls make the answer, and the next turn comes as much later. A fourth, behind the answer, is no
                    // part of the turn; on a chip it costs next to nothing.
                    assert!(took >= computed / 4 * 6, "{version:?} {answered:?}");
                } else {
                    assert_eq!(took, Duration::MIN, "{version:?} {answered:?}");
                }
            }
        }
    }
}
