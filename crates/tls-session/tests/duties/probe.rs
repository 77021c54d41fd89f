//! A dry run: what the server shows is kept, whatever the policy makes of it, and nothing is sent.

use std::pin::pin;
use tls_session::reason::{CertificateError, StreamError};

use tls_session::{
    Accepted, Cause, Chain, Connection, Deadlines, Memory, Policy, PreSharedKey, Reason, Session,
    Stage,
};

use crate::client::{chain, named, on_embedded};
use tls_doubles::clock::Clock;
use tls_doubles::exec::run_until_stalled_then_advance;
use tls_doubles::io::{End, Faults, Wire, connect};
use tls_doubles::keys::{Key, KeyKind};
use tls_doubles::message::{CERTIFICATE, CERTIFICATE_VERIFY, SERVER_HELLO};
use tls_doubles::pki::{Family, Issued, NOW, Spec};
use tls_doubles::rng::TestRng;
use tls_doubles::script::{Script, Step};
use tls_doubles::server::Server;

/// The verdict, what was kept, how much was not, the wire, and when it was over.
struct Probed {
    verdict: Result<Accepted, Reason>,
    kept: Vec<Vec<u8>>,
    dropped: usize,
    wire: Wire,
    ms: u64,
}

/// Probes with room for so many bytes of certificates. It must end by itself.
fn probe(script: Script, faults: Faults, policy: &Policy<'_>, room: usize) -> Probed {
    let clock = Clock::default();
    let (wire, rx, tx) = connect(Server::new(script), faults);
    let transport = Connection::new(rx, tx, clock.delay());
    let mut memory = Box::new(Memory::<16_640, 4096>::new());
    let mut bytes = vec![0; room];
    let mut chain = Chain::new(&mut bytes);
    let policy = on_embedded(policy);
    let verdict = {
        let probing = pin!(Session::probe(
            &transport,
            &mut memory,
            &policy,
            Deadlines::default(),
            TestRng::new(5),
            &mut chain,
        ));
        run_until_stalled_then_advance(probing, &clock).ready()
    };
    let server = wire.server();
    assert_eq!(server.seen().violations, []);
    assert_eq!(server.seen().app, b"");
    drop(server);
    Probed {
        verdict,
        kept: chain.certificates().map(<[u8]>::to_vec).collect(),
        dropped: chain.dropped(),
        ms: clock.now_ms(),
        wire,
    }
}

const ROOM: usize = 4096;

#[test]
fn a_server_is_shown_and_judged_and_gets_close_notify() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let probed = probe(
        Script::good(&family.site()),
        Faults::default(),
        &named(chain(anchors), "broker.local"),
        ROOM,
    );
    let path = Accepted::Path {
        anchor: 0,
        intermediates: 1,
    };
    assert_eq!(probed.verdict, Ok(path));
    assert_eq!(probed.kept, family.site().chain);
    assert_eq!(probed.dropped, 0);
    assert!(probed.wire.server().seen().close_notify());
}

#[test]
fn a_server_that_is_refused_is_shown_all_the_same() {
    let expired = Spec {
        not_after: NOW - 1,
        ..Spec::leaf("broker.local")
    };
    let good = Family::new(KeyKind::P256);
    let expired = Family::with(KeyKind::P256, expired);
    let other = Issued::self_signed(Spec::ca("Other"), Key::new(KeyKind::P256, 9));
    let (ours, others): (&[&[u8]], &[&[u8]]) = (&[&good.root.der], &[&other.der]);
    let script = |family: &Family| Script::good(&family.site());
    for (family, script, policy, expected) in [
        (
            &good,
            script(&good),
            chain(others),
            "no chain to the loaded CA",
        ),
        (&expired, script(&expired), chain(ours), "expired on"),
        (
            &good,
            script(&good),
            named(chain(ours), "other.local"),
            "certificate is for another name",
        ),
        // Its key is not its own: shown before that is known.
        (
            &good,
            script(&good).without(CERTIFICATE_VERIFY),
            Policy::danger_any_peer(),
            "server did not prove that it holds its key",
        ),
    ] {
        let probed = probe(script, Faults::default(), &policy, ROOM);
        let reason = probed.verdict.unwrap_err();
        assert!(reason.to_string().starts_with(expected), "{reason}");
        assert_eq!(probed.kept, family.site().chain);
        assert!(!probed.wire.server().seen().finished);
    }
}

#[test]
fn who_shows_nothing_leaves_nothing_behind() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let good = || Script::good(&family.site());
    for (script, expected) in [
        (
            good().without(CERTIFICATE).without(CERTIFICATE_VERIFY),
            Cause::Certificate(CertificateError::NoCertificate),
        ),
        (
            good().until(SERVER_HELLO, Step::Close),
            Cause::Stream(StreamError::PeerEof),
        ),
    ] {
        let probed = probe(script, Faults::default(), &chain(anchors), ROOM);
        assert_eq!(probed.verdict.unwrap_err().cause, expected);
        assert_eq!((probed.kept.len(), probed.dropped), (0, 0));
    }
    let key = b"0123456789abcdef";
    let policy = Policy::pre_shared_key(PreSharedKey::new(b"meter-7", key).unwrap());
    let probed = probe(Script::psk(key), Faults::default(), &policy, ROOM);
    assert_eq!(probed.verdict, Ok(Accepted::PreSharedKey));
    assert!(probed.kept.is_empty());
}

/// What does not fit is counted, and the verdict does not depend on it.
#[test]
fn room_for_less_than_was_sent() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let sent = family.site().chain;
    let (first, all) = (sent[0].len(), sent.concat().len());
    for (room, kept) in [(0, 0), (first - 1, 0), (first, 1), (all - 1, 1), (all, 2)] {
        let script = Script::good(&family.site());
        let probed = probe(script, Faults::default(), &chain(anchors), room);
        assert!(probed.verdict.is_ok());
        assert_eq!(probed.kept, sent[..kept]);
        assert_eq!(probed.dropped, 2 - kept);
    }
}

/// A server that is silent, or takes nothing more, at any byte of either way.
#[test]
fn a_probe_always_ends() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let run = |faults| probe(Script::good(&family.site()), faults, &chain(anchors), ROOM);
    let whole = run(Faults::default()).wire;
    for at in 0..whole.sent() {
        let probed = run(Faults {
            cut: Some((at, End::Stall)),
            ..Faults::default()
        });
        let timeout = Cause::Stream(StreamError::Timeout { ms: 10_000 });
        assert_eq!(probed.verdict.unwrap_err().cause, timeout, "{at}");
        assert_eq!(probed.ms, 10_000);
    }
    let mut judged = 0;
    for at in 0..whole.written() {
        let probed = run(Faults {
            write_end: Some((at, End::Stall)),
            ..Faults::default()
        });
        assert_eq!(probed.ms, 10_000, "{at}");
        match probed.verdict {
            // Only its goodbye was not taken.
            Ok(_) => judged += 1,
            Err(reason) => {
                assert_eq!(
                    reason.cause,
                    Cause::Stream(StreamError::Timeout { ms: 10_000 })
                );
                assert!(reason.stage < Stage::Data);
            }
        }
    }
    // A record with an alert: header, level, description, type, tag.
    assert_eq!(judged, 5 + 3 + 16);
}
