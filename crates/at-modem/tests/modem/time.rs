//! Which time is believed, and what is remembered of it (RFC 5905 §7.3, §7.4; the floor is ours).

use at_modem::Timestamp;
use embassy_time::Duration;
use tls_session::Clock;

use crate::support::udp::{Datagram, Server};
use crate::support::{Bench, Setup, text};

const OK: &str = "\r\nOK\r\n";
const UPDATED: &str = "\r\nOK\r\n+TIME_UPDATED\r\n";
/// 2026-05-28 20:26:40 UTC.
const NOW: u64 = 1_780_000_000;
const DAY: u64 = 24 * 3600;
const ONE: &str = "AT+CIPSNTPCFG=1,0,\"192.0.2.1\"";

fn timestamp(seconds: u64) -> Timestamp {
    Timestamp::from_unix(i64::try_from(seconds).unwrap())
}

/// A joined module that was built at this time.
fn built(seconds: u64) -> Bench {
    let mut setup = Setup::new();
    setup.built = timestamp(seconds);
    let mut bench = setup.boot().quiet();
    // The next life begins without a network.
    bench.expect("AT+CWAUTOCONN=0", OK);
    join(&mut bench);
    bench
}

fn join(bench: &mut Bench) {
    bench.expect("AT+CWMODE=1", OK);
    let joined = "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n";
    bench.expect("AT+CWJAP=\"iot\",\"secret\"", joined);
}

const fn edited(edits: &'static [(usize, &'static [u8])]) -> Datagram {
    Datagram::edited(NOW, edits)
}

/// An hour later in a timestamp's seconds, and an hour earlier: NOW + 2208988800 is 0xedc3_2380.
const HOUR_LATER: &[u8] = &0xedc3_3190_u32.to_be_bytes();
const HOUR_EARLIER: &[u8] = &0xedc3_1570_u32.to_be_bytes();

/// Answers to our question that no client may believe, and what is wrong with them.
const BAD: &[(&str, &[Datagram])] = &[
    (
        "another address",
        &[Datagram {
            from: Some("192.0.2.9:123"),
            ..Datagram::right(NOW)
        }],
    ),
    (
        "another port",
        &[Datagram {
            from: Some("192.0.2.1:124"),
            ..Datagram::right(NOW)
        }],
    ),
    ("another question", &[edited(&[(24, &[0; 8])])]),
    ("another question by one bit", &[edited(&[(31, &[0])])]),
    (
        "no byte",
        &[Datagram {
            len: 0,
            ..Datagram::right(NOW)
        }],
    ),
    (
        "a byte short",
        &[Datagram {
            len: 47,
            ..Datagram::right(NOW)
        }],
    ),
    ("leap alarm", &[edited(&[(0, &[0xe4])])]),
    ("version 0", &[edited(&[(0, &[0x04])])]),
    ("version 5", &[edited(&[(0, &[0x2c])])]),
    ("mode of a client", &[edited(&[(0, &[0x23])])]),
    ("mode of a broadcast", &[edited(&[(0, &[0x25])])]),
    ("mode of a control message", &[edited(&[(0, &[0x26])])]),
    ("stratum 16", &[edited(&[(1, &[16])])]),
    ("stratum 255", &[edited(&[(1, &[255])])]),
    ("kiss INIT", &[edited(&[(1, &[0]), (12, b"INIT")])]),
    ("kiss of nobody", &[edited(&[(1, &[0]), (12, &[0xff; 4])])]),
    ("no transmit timestamp", &[edited(&[(40, &[0; 8])])]),
    ("no receive timestamp", &[edited(&[(32, &[0; 8])])]),
    ("came an hour after it left", &[edited(&[(32, HOUR_LATER)])]),
    (
        "came an hour before it left",
        &[edited(&[(32, HOUR_EARLIER)])],
    ),
    (
        "an hour of dispersion",
        &[edited(&[(8, &[0x0e, 0x10, 0, 0])])],
    ),
    ("set after it left", &[edited(&[(16, HOUR_LATER)])]),
    ("a second before the build", &[Datagram::right(NOW - 1001)]),
    ("1970", &[Datagram::right(0)]),
];

#[test]
fn a_bad_answer_leaves_the_clock_and_the_next_good_one_sets_it() {
    for (what, datagrams) in BAD {
        let mut bench = built(NOW - 1000);
        bench
            .net
            .time
            .set("192.0.2.1", Server::Datagrams(datagrams));
        assert_eq!(bench.line(ONE), text(OK.as_bytes()), "{what}");
        bench.pass(Duration::from_secs(30));
        bench.hear("");
        assert_eq!(bench.clock.reading(), Clock::Unset, "{what}");
        assert!(bench.net.time.asked().len() > 1, "{what}");
        bench.net.time.set("192.0.2.1", Server::Says(NOW));
        bench.pass(Duration::from_secs(61));
        bench.hear("+TIME_UPDATED\r\n");
        let Clock::At(now) = bench.clock.reading() else {
            panic!("{what}: {:?}", bench.clock.reading());
        };
        assert!(now >= timestamp(NOW) && now < timestamp(NOW + 61), "{what}");
    }
}

#[test]
fn a_clock_that_was_set_survives_bad_answers() {
    for (what, datagrams) in BAD {
        let mut bench = built(NOW - 1000);
        bench.expect("AT+SYSTIMESTAMP=1780000000", OK);
        bench
            .net
            .time
            .set("192.0.2.1", Server::Datagrams(datagrams));
        bench.expect(ONE, OK);
        bench.pass(Duration::from_secs(30));
        bench.hear("");
        assert_eq!(
            bench.clock.reading(),
            Clock::At(timestamp(NOW + 30)),
            "{what}"
        );
    }
}

#[test]
fn what_comes_before_the_genuine_answer_does_not_win() {
    const SPOOFED: u64 = NOW + 1_000_000;
    const GUESS: Datagram = Datagram::edited(SPOOFED, &[(24, &[0x55; 8])]);
    const STRANGER: Datagram = Datagram {
        from: Some("203.0.113.7:123"),
        ..Datagram::right(SPOOFED)
    };
    const SHORT: Datagram = Datagram {
        len: 20,
        ..Datagram::right(SPOOFED)
    };
    let mut bench = built(0);
    const MIXED: &[Datagram] = &[GUESS, STRANGER, SHORT, GUESS, Datagram::right(NOW), GUESS];
    bench.net.time.set("192.0.2.1", Server::Datagrams(MIXED));
    bench.expect(ONE, UPDATED);
    assert_eq!(bench.clock.reading(), Clock::At(timestamp(NOW)));
    assert_eq!(bench.net.time.asked(), ["192.0.2.1"]);
    // A longer answer is one as well: extension fields and a signature may follow.
    const LONG: &[Datagram] = &[Datagram {
        len: 68,
        ..Datagram::right(NOW + 7)
    }];
    bench.net.time.set("192.0.2.1", Server::Datagrams(LONG));
    bench.expect(ONE, UPDATED);
    assert_eq!(bench.clock.reading(), Clock::At(timestamp(NOW + 7)));
}

/// Seconds at which somebody is asked, up to a limit.
fn asked_at(bench: &mut Bench, limit: u32) -> Vec<u32> {
    let mut times = Vec::new();
    for second in 0..limit {
        if !bench.net.time.asked().is_empty() {
            times.push(second);
        }
        bench.pass(Duration::from_secs(1));
    }
    times
}

#[test]
fn a_server_that_is_asked_too_often_rests_longer_each_time() {
    let mut bench = built(0);
    const RATE: &[Datagram] = &[edited(&[(1, &[0]), (12, b"RATE")])];
    bench.net.time.set("192.0.2.1", Server::Datagrams(RATE));
    bench.expect(ONE, OK);
    // Looked at every minute, and asked only when its rest is over.
    let times = asked_at(&mut bench, 1200);
    let pauses: Vec<u32> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(times[0], 0);
    for (pause, least) in pauses.iter().zip([64, 128, 256, 512]) {
        assert!(*pause >= least && *pause < least + 61, "{pauses:?}");
    }
    assert!(pauses.len() >= 3, "{pauses:?}");
    assert_eq!(bench.clock.reading(), Clock::Unset);
    // The host may insist.
    bench.net.time.set("192.0.2.1", Server::Says(NOW));
    bench.expect(ONE, UPDATED);
}

#[test]
fn a_server_that_says_no_is_not_asked_again() {
    const DENY: &[Datagram] = &[edited(&[(1, &[0]), (12, b"DENY")])];
    const RSTR: &[Datagram] = &[edited(&[(0, &[0xe4, 0]), (12, b"RSTR")])];
    for no in [DENY, RSTR] {
        let mut bench = built(0);
        bench.net.time.set("192.0.2.1", Server::Datagrams(no));
        bench.net.time.set("192.0.2.2", Server::Silent);
        bench.expect("AT+CIPSNTPCFG=1,0,\"192.0.2.1\",\"192.0.2.2\"", OK);
        bench.pass(Duration::from_secs(200));
        let asked = bench.net.time.asked();
        let no_more = asked.iter().filter(|who| *who == "192.0.2.1").count();
        assert_eq!(no_more, 1, "{asked:?}");
        assert!(asked.len() > 4, "{asked:?}");
        // Not even when the network comes back.
        bench.expect("AT+CWQAP", "\r\nOK\r\nWIFI DISCONNECT\r\n");
        join(&mut bench);
        bench.pass(Duration::from_secs(20));
        assert!(!bench.net.time.asked().contains(&"192.0.2.1".to_owned()));
        // The host may name it again.
        bench.net.time.set("192.0.2.1", Server::Says(NOW));
        bench.expect(ONE, UPDATED);
    }
}

#[test]
fn unknown_before_the_floor_and_known_are_three_things() {
    let mut bench = built(NOW);
    assert_eq!(bench.clock.reading(), Clock::Unset);
    assert_eq!(bench.clock.floor(), timestamp(NOW));
    for (seconds, known) in [(0, false), (NOW - 1, false), (NOW, true), (NOW + 1, true)] {
        // The host's word is taken and shown, whatever becomes of it.
        let set = format!("AT+SYSTIMESTAMP={seconds}");
        bench.expect(set, OK);
        let shown = format!("+SYSTIMESTAMP:{seconds}\r\n\r\nOK\r\n");
        bench.expect("AT+SYSTIMESTAMP?", shown);
        let now = timestamp(seconds);
        let floor = timestamp(NOW);
        let reading = match known {
            true => Clock::At(now),
            false => Clock::BeforeFloor { now, floor },
        };
        assert_eq!(bench.clock.reading(), reading);
    }
    // A clock that was behind is behind no longer once its time has come.
    bench.expect(format!("AT+SYSTIMESTAMP={}", NOW - 10), OK);
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.clock.reading(), Clock::At(timestamp(NOW)));
}

fn rebooted(bench: Bench) -> Bench {
    bench.power_off().boot().quiet()
}

#[test]
fn a_time_from_the_network_is_the_floor_of_the_next_life_and_sets_no_clock() {
    for sysstore in [1, 0] {
        let mut bench = built(1000);
        bench.net.time.set("192.0.2.1", Server::Says(NOW));
        bench.expect(format!("AT+SYSSTORE={sysstore}"), OK);
        bench.expect(ONE, UPDATED);
        // A server that was wrong can be corrected in this life.
        assert_eq!(bench.clock.floor(), timestamp(1000));
        let mut bench = rebooted(bench);
        assert_eq!(bench.clock.reading(), Clock::Unset);
        // Servers differ by seconds.
        assert_eq!(bench.clock.floor(), timestamp(NOW - 60));
        bench.net.time.set("192.0.2.1", Server::Says(NOW - 61));
        join(&mut bench);
        bench.expect(ONE, OK);
        assert_eq!(bench.clock.reading(), Clock::Unset);
        bench.net.time.set("192.0.2.1", Server::Says(NOW - 60));
        bench.expect(ONE, UPDATED);
        // A restart is another life, and a module restored to its beginnings has none behind it.
        bench.expect("AT+RST", "\r\nOK\r\n\r\nready\r\n");
        assert_eq!(bench.clock.floor(), timestamp(NOW - 60));
        bench.say("ATE0\r\n");
        bench.expect("AT+RESTORE", "\r\nOK\r\n\r\nready\r\n");
        assert_eq!(bench.clock.floor(), timestamp(1000));
    }
}

#[test]
fn the_hosts_word_is_not_remembered() {
    let mut bench = built(1000);
    let before = bench.flash.counts();
    bench.expect(format!("AT+SYSTIMESTAMP={NOW}"), OK);
    bench.pass(Duration::from_secs(DAY));
    assert_eq!(bench.flash.counts().writes, before.writes);
    assert_eq!(rebooted(bench).clock.floor(), timestamp(1000));
}

/// Lets an hour pass; says whether flash was written.
fn hour(bench: &mut Bench, server: Server) -> bool {
    bench.net.time.set("192.0.2.1", server);
    let before = bench.flash.counts().writes;
    bench.pass(Duration::from_secs(3600));
    bench.flash.counts().writes != before
}

#[test]
fn a_time_is_written_once_a_day() {
    let mut bench = built(0);
    bench.net.time.set("192.0.2.1", Server::Says(NOW));
    bench.expect(ONE, UPDATED);
    let mut written = Vec::new();
    for hours in 1..=60_u64 {
        if hour(&mut bench, Server::Says(NOW + hours * 3600)) {
            written.push(hours);
        }
    }
    assert_eq!(written, [24, 48]);
    assert_eq!(rebooted(bench).clock.floor(), timestamp(NOW + 2 * DAY - 60));
}

#[test]
fn a_clock_that_leaps_ahead_wears_nothing_out_and_one_that_leaps_back_changes_nothing() {
    let mut bench = built(0);
    bench.net.time.set("192.0.2.1", Server::Says(NOW));
    bench.expect(ONE, UPDATED);
    let leaps = (1..=23).filter(|hours| hour(&mut bench, Server::Says(NOW + hours * 2 * DAY)));
    assert_eq!(leaps.count(), 0);
    assert!(!hour(&mut bench, Server::Says(1000)));
    assert!(!hour(&mut bench, Server::Says(1000)));
    assert_eq!(rebooted(bench).clock.floor(), timestamp(NOW - 60));
}

#[test]
fn a_flash_that_takes_nothing_takes_no_time_away() {
    let mut bench = built(0);
    bench.net.time.set("192.0.2.1", Server::Says(NOW));
    bench.expect(ONE, UPDATED);
    bench.flash.cut_after(0);
    assert!(!hour(&mut bench, Server::Says(NOW + 3600)));
    for hours in 2..=25 {
        hour(&mut bench, Server::Says(NOW + hours * 3600));
    }
    assert!(matches!(bench.clock.reading(), Clock::At(_)));
    assert_eq!(rebooted(bench).clock.floor(), timestamp(NOW - 60));
}
