//! Sessions that are resumed, and when they are not: time, failures, servers that forget.

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;

use embassy_futures::join::join;
use rustls::crypto::ring;
use rustls::{HandshakeKind, ServerConfig};
use tls_doubles::client_hello::ClientHello;
use tls_doubles::clock::Clock;
use tls_doubles::exec::run_until_stalled_then_advance;
use tls_doubles::io::{End, Faults, connect};
use tls_doubles::keys::KeyKind;
use tls_doubles::pki::{Family, NOW, Spec};
use tls_doubles::rng::TestRng;
use tls_session::reason::{CertificateError, HelloField, ProtocolViolation};
use tls_session::session::Chain;
use tls_session::verify::Version;
use tls_session::{
    Cause, Clock as Time, Connection, Deadlines, EngineRule, Memory, Policy, Reason, Resumption,
    Session, Stage, Tickets, Timestamp,
};

use crate::client::{Attempt, chain, chain_by, exchange, named, only};
use crate::openings::VERSIONS;
use crate::peer::{Peer, Serves, messages};

/// pre_shared_key, early_data.
const PRE_SHARED_KEY: u16 = 41;
const EARLY_DATA: u16 = 42;

std::thread_local! {
    /// Seconds since the start, in the eyes of a store.
    static UPTIME: Cell<u64> = const { Cell::new(1000) };
}

fn uptime() -> u64 {
    UPTIME.get()
}

/// Lets time pass.
pub(crate) fn pass(seconds: u64) {
    UPTIME.set(UPTIME.get() + seconds);
}

/// No tickets yet.
pub(crate) fn tickets() -> Tickets {
    Tickets::new(uptime)
}

/// To the server that all tests but those of the binding mean.
pub(crate) fn to(tickets: &Tickets) -> Resumption {
    Resumption::new(tickets.clone(), "broker.local", 8883, b"")
}

/// What became of a session with a server.
pub(crate) struct Met {
    /// Seconds since the server signed, where the session was resumed.
    pub(crate) resumed: Option<u32>,
    pub(crate) hello: ClientHello,
    /// Bytes that the server sent for the handshake.
    pub(crate) sent: usize,
}

/// One session with the next connection of a server, with data both ways.
pub(crate) fn meet(
    server: &Arc<ServerConfig>,
    policy: Policy<'_>,
    resumption: Resumption,
) -> Result<Met, Reason> {
    let attempt = Attempt::new(Peer::of(server), policy).resuming(resumption);
    let (result, wire) = attempt.with(async |mut session, wire| {
        let resumed = session.peer().resumed();
        let sent = wire.server().sent_bytes().len();
        let kind = wire.server().server().handshake_kind().unwrap();
        assert_eq!(resumed.is_some(), kind == HandshakeKind::Resumed);
        let certificate = session.certificate().unwrap();
        assert_eq!(certificate.subject.as_str(), "CN=broker.local");
        exchange(&mut session, wire, 100).await?;
        session.close().await?;
        Ok((resumed, sent))
    });
    let hello = wire.server().client_hellos().remove(0);
    let (resumed, sent) = result??;
    Ok(Met {
        resumed,
        hello,
        sent,
    })
}

/// The policy of these tests at a second after [`NOW`].
fn policy_at<'a>(anchors: &'a [&'a [u8]], version: Version, second: i64) -> Policy<'a> {
    let now = i64::try_from(NOW).unwrap() + second;
    let clock = Time::At(Timestamp::from_unix(now));
    Policy {
        versions: only(version),
        ..named(chain_by(anchors, clock), "broker.local")
    }
}

/// Tickets or session ids, as a server of rustls has them.
fn servers(family: &Family, version: Version) -> [Arc<ServerConfig>; 2] {
    let ids = Serves::only(&family.site(), version).config();
    let mut tickets = ids.clone();
    tickets.ticketer = ring::Ticketer::new().unwrap();
    [Arc::new(ids), Arc::new(tickets)]
}

#[test]
fn a_session_is_resumed_and_says_so() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        for server in servers(&family, version) {
            let store = tickets();
            let policy = policy_at(anchors, version, 0);
            let full = meet(&server, policy, to(&store)).unwrap();
            assert_eq!(full.resumed, None);
            assert!(store.count() > 0, "{version:?}");
            for round in 1..6 {
                pass(100);
                let policy = policy_at(anchors, version, i64::from(round) * 100);
                let met = meet(&server, policy, to(&store)).unwrap();
                assert_eq!(met.resumed, Some(round * 100), "{version:?}");
                // No certificate came.
                assert!(met.sent + 500 < full.sent, "{} {}", met.sent, full.sent);
                // Duty 116.
                assert!(met.hello.extension(EARLY_DATA).is_none());
            }
        }
    }
}

/// The groups of the shares in all hellos of one session.
fn shares(server: &Arc<ServerConfig>, policy: Policy<'_>, resumption: Resumption) -> Vec<Vec<u16>> {
    let attempt = Attempt::new(Peer::of(server), policy).resuming(resumption);
    let (result, wire) = attempt.with(async |mut session, wire| {
        exchange(&mut session, wire, 1).await?;
        session.close().await
    });
    result.unwrap().unwrap();
    let hellos = wire.server().client_hellos();
    let groups = hellos.iter().map(|hello| {
        let known = hello.groups().into_iter();
        known
            .filter(|group| hello.key_share(*group).is_some())
            .collect()
    });
    groups.collect()
}

/// A hello with a ticket has a share for X25519, which is the cheapest, until the server has asked for another one.
#[test]
fn the_share_beside_a_ticket_is_of_the_cheapest_group_that_the_server_takes() {
    const P256: u16 = 23;
    const P384: u16 = 24;
    const X25519: u16 = 29;
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let policy = policy_at(anchors, Version::Tls13, 0);
    let serves = |groups: &[u16]| {
        let serves = Serves {
            groups: groups.to_vec(),
            ..Serves::only(&family.site(), Version::Tls13)
        };
        serves.config()
    };
    for (groups, sessions) in [
        (
            &[X25519, P256, P384][..],
            [&[P256][..], &[X25519], &[X25519], &[X25519]],
        ),
        (
            &[X25519],
            [&[P256, X25519], &[X25519], &[X25519], &[X25519]],
        ),
        (&[P256], [&[P256], &[X25519, P256], &[P256], &[P256]]),
        (&[P384], [&[P256, P384], &[P384], &[P384], &[P384]]),
    ] {
        let (server, store) = (Arc::new(serves(groups)), tickets());
        for (number, expected) in sessions.into_iter().enumerate() {
            let before = store.count();
            let seen = shares(&server, policy, to(&store));
            let expected: Vec<_> = expected.iter().map(|group| vec![*group]).collect();
            assert_eq!(seen, expected, "{groups:?}, session {number}");
            assert_eq!(before > 0, number > 0, "a ticket was there");
        }
        // It does not know its tickets any more, and knows other groups.
        let mut other = serves(&[P256, P384]);
        other.session_storage = rustls::server::ServerSessionMemoryCache::new(8);
        let other = Arc::new(other);
        shares(&other, policy, to(&store));
        let last = shares(&other, policy, to(&store));
        assert!(matches!(last.as_slice(), [_]), "{groups:?}: {last:?}");
    }
}

/// What is known of the server is what it proved then.
#[test]
fn duty_119_what_is_known_of_the_peer_is_what_it_proved() {
    let family = Family::new(KeyKind::P384);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        let server = Serves::only(&family.site(), version).server();
        let (store, mut known) = (tickets(), None);
        for expected in [None, Some(0)] {
            let policy = policy_at(anchors, version, 0);
            let attempt = Attempt::new(Peer::of(&server), policy).resuming(to(&store));
            let (result, _) = attempt.with(async |mut session, wire| {
                assert_eq!(session.peer().resumed(), expected);
                let seen = (session.accepted(), session.certificate());
                let negotiated = session.peer().negotiated();
                exchange(&mut session, wire, 1).await?;
                Ok((seen, negotiated.version, negotiated.suite))
            });
            let seen: Result<_, Reason> = result.unwrap();
            let seen = seen.unwrap();
            assert_eq!(known.get_or_insert(seen.clone()), &seen);
        }
    }
}

#[test]
fn duty_118_a_server_that_knows_no_ticket_any_more_proves_itself_anew() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        let store = tickets();
        let policy = policy_at(anchors, version, 0);
        // Each time with other keys: as after a restart.
        for server in servers(&family, version) {
            for restarted in [server, Serves::only(&family.site(), version).server()] {
                let met = meet(&restarted, policy, to(&store)).unwrap();
                assert_eq!(met.resumed, None, "{version:?}");
            }
        }
        // Without tickets and ids there is nothing to resume.
        let mut none = Serves::only(&family.site(), version).config();
        none.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        none.send_tls13_tickets = 0;
        let none = Arc::new(none);
        for _ in 0..2 {
            assert_eq!(meet(&none, policy, to(&store)).unwrap().resumed, None);
        }
    }
}

/// What a server does not take any more is not trusted for its ticket either.
#[test]
fn duty_118_a_server_with_another_certificate_is_judged_by_that() {
    let family = Family::new(KeyKind::P256);
    let stranger = Family::with(KeyKind::P256, Spec::leaf("elsewhere.local"));
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        let store = tickets();
        let policy = policy_at(anchors, version, 0);
        let good = Serves::only(&family.site(), version).server();
        meet(&good, policy, to(&store)).unwrap();
        let bad = Serves::only(&stranger.site(), version);
        let attempt = Attempt::new(bad.peer(), policy).resuming(to(&store));
        let (reason, _) = attempt.refused();
        assert_eq!(reason.stage, Stage::Certificate, "{version:?}");
    }
}

#[test]
fn duty_110_a_ticket_ages_by_two_clocks() {
    const DAY: i64 = 24 * 3600;
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        let server = Serves::only(&family.site(), version).server();
        for (uptime, wall, taken) in [
            (1, 1, true),
            (DAY - 1, DAY - 1, true),
            (DAY + 1, DAY + 1, false),
            // The wall clock went on, as one that SNTP has corrected.
            (10, 500, true),
            (10, DAY + 1, true),
            // It was set back: behind what it was then, or against the other one.
            (1, -1, false),
            (7200, 7200 - 59, true),
            (7200, 7200 - 61, false),
        ] {
            let store = tickets();
            meet(&server, policy_at(anchors, version, 0), to(&store)).unwrap();
            pass(u64::try_from(uptime).unwrap());
            let policy = policy_at(anchors, version, wall);
            let met = meet(&server, policy, to(&store)).unwrap();
            assert_eq!(met.resumed.is_some(), taken, "{version:?} {uptime} {wall}");
        }
    }
}

/// The handshake is a full one then, and refused for its own reason.
#[test]
fn duty_110_after_a_certificate_of_the_path_has_expired_nothing_is_resumed() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        let server = Serves::only(&family.site(), version).server();
        let store = tickets();
        let policy = policy_at(anchors, version, 0);
        let met = meet(&server, policy, to(&store)).unwrap();
        assert_eq!(met.resumed, None);
        pass(60);
        // Far enough for each certificate of the family.
        let later = policy_at(anchors, version, 100 * 365 * 24 * 3600);
        let Err(reason) = meet(&server, later, to(&store)) else {
            panic!("accepted");
        };
        let expired = matches!(
            reason.cause,
            Cause::Certificate(CertificateError::Expired { .. })
        );
        assert!(expired, "{reason:?}");
        let unset = Policy {
            versions: only(version),
            ..named(chain_by(anchors, Time::Unset), "broker.local")
        };
        meet(&server, policy, to(&store)).unwrap();
        let reason = meet(&server, unset, to(&store)).err().unwrap();
        assert_eq!(reason.cause, CertificateError::ClockNotSet.into());
    }
}

#[test]
fn duty_111_a_day_after_its_last_signature_a_server_signs_again() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        let server = Serves::only(&family.site(), version).server();
        let (store, mut second) = (tickets(), 0);
        let mut ages = Vec::new();
        for _ in 0..8 {
            let policy = policy_at(anchors, version, second);
            ages.push(meet(&server, policy, to(&store)).unwrap().resumed);
            pass(7 * 3600);
            second += 7 * 3600;
        }
        let hours = ages.iter().map(|age| age.map(|age| age / 3600));
        let day = [None, Some(7), Some(14), Some(21)];
        assert!(hours.eq(day.into_iter().chain(day)), "{version:?} {ages:?}");
    }
}

/// Whatever becomes of the handshake.
#[test]
fn duty_108_a_ticket_that_was_offered_is_gone() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        let serves = Serves {
            tickets: 1,
            ..Serves::only(&family.site(), version)
        };
        let server = serves.server();
        let store = tickets();
        let policy = policy_at(anchors, version, 0);
        meet(&server, policy, to(&store)).unwrap();
        assert_eq!(store.count(), 1);
        let cut = Faults {
            cut: Some((50, End::Eof)),
            ..Faults::default()
        };
        let attempt = Attempt::new(Peer::of(&server), policy).resuming(to(&store));
        attempt.faults(cut).refused();
        assert_eq!(store.count(), 0, "{version:?}");
        assert_eq!(meet(&server, policy, to(&store)).unwrap().resumed, None);
    }
}

/// Two handshakes at the same time: no ticket goes out twice, and no question of one is answered for the other.
#[test]
fn duty_107_links_that_are_opened_together_share_no_ticket() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        let server = Serves::only(&family.site(), version).server();
        let store = tickets();
        let policy = policy_at(anchors, version, 0);
        meet(&server, policy, to(&store)).unwrap();
        let clock = Clock::default();
        // Each waits for the other.
        let hesitant = || Faults {
            hesitant: true,
            ..Faults::default()
        };
        let wires = [(); 2].map(|()| connect(Peer::of(&server), hesitant()));
        let [(one, rx1, tx1), (two, rx2, tx2)] = wires;
        let first = Connection::new(rx1, tx1, clock.delay()).with_resumption(to(&store));
        let second = Connection::new(rx2, tx2, clock.delay()).with_resumption(to(&store));
        let (mut memory1, mut memory2): (Box<Memory>, Box<Memory>) = Default::default();
        let both = pin!(join(
            Session::open(
                &first,
                &mut memory1,
                &policy,
                Deadlines::default(),
                TestRng::new(1)
            ),
            Session::open(
                &second,
                &mut memory2,
                &policy,
                Deadlines::default(),
                TestRng::new(2)
            ),
        ));
        let (a, b) = run_until_stalled_then_advance(both, &clock).ready();
        let resumed = [a.unwrap(), b.unwrap()].map(|session| session.peer().resumed());
        // The second one finds the seat of the judge taken.
        assert_eq!(resumed, [Some(0), None], "{version:?}");
        let hellos = [&one, &two].map(|wire| wire.server().client_hellos().remove(0));
        let offered = hellos.map(|hello| hello.extension(PRE_SHARED_KEY).is_some());
        assert_eq!(offered, [version == Version::Tls13, false]);
    }
}

/// The server says that it takes a key that was not offered.
#[test]
fn duty_117_a_key_of_another_number_is_refused() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let server = Serves::only(&family.site(), Version::Tls13).server();
    let store = tickets();
    let policy = policy_at(anchors, Version::Tls13, 0);
    meet(&server, policy, to(&store)).unwrap();
    let peer = Peer::of(&server).edited(|mut record| {
        if let Some((2, place)) = messages(&record).first().cloned() {
            let hello = &mut record[place];
            let extension = [0, 41, 0, 2, 0, 0];
            let at = hello.windows(6).position(|bytes| bytes == extension);
            hello[at.unwrap() + 5] = 1;
        }
        record
    });
    let attempt = Attempt::new(peer, policy).resuming(to(&store));
    let (reason, wire) = attempt.refused();
    let field = ProtocolViolation::HelloField(HelloField::PreSharedKey);
    assert_eq!((reason.stage, reason.cause), (Stage::Hello, field.into()));
    assert_eq!(wire.server().alert(), Some(47));
}

#[test]
fn duty_122_a_dry_run_sees_certificates() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        let server = Serves::only(&family.site(), version).server();
        let store = tickets();
        let policy = policy_at(anchors, version, 0);
        meet(&server, policy, to(&store)).unwrap();
        let kept = store.count();
        let (wire, rx, tx) = connect(Peer::of(&server), Faults::default());
        let clock = Clock::default();
        let connection = Connection::new(rx, tx, clock.delay()).with_resumption(to(&store));
        let mut memory: Box<Memory> = Default::default();
        let mut bytes = [0; 8192];
        let mut shown = Chain::new(&mut bytes);
        let deadlines = Deadlines::default();
        let rng = TestRng::new(3);
        let probe = Session::probe(
            &connection,
            &mut memory,
            &policy,
            deadlines,
            rng,
            &mut shown,
        );
        run_until_stalled_then_advance(pin!(probe), &clock)
            .ready()
            .unwrap();
        assert_eq!(shown.certificates().count(), 2);
        let hello = wire.server().client_hellos().remove(0);
        assert!(hello.extension(PRE_SHARED_KEY).is_none());
        assert_eq!(store.count(), kept, "{version:?}");
    }
}

/// embedded-tls resumes nothing and keeps nothing.
#[cfg(feature = "embedded-tls")]
#[test]
fn the_other_engine_does_without() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let server = Serves {
        suites: vec![0x1301],
        groups: vec![23],
        ..Serves::only(&family.site(), Version::Tls13)
    };
    let server = server.server();
    let store = tickets();
    let policy = Policy {
        engine: EngineRule::WithoutHeap,
        ..named(chain(anchors), "broker.local")
    };
    for _ in 0..2 {
        assert_eq!(meet(&server, policy, to(&store)).unwrap().resumed, None);
        assert_eq!(store.count(), 0);
    }
}
