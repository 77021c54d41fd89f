//! The heap after a client of ours is what it was before it came, however it was refused. One test, because it counts for
//! the whole program; the doubles are counted too, and are gone by then.

#![cfg(feature = "rustls")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    reason = "doubles and checks of tests, not all of them used here"
)]

#[path = "servers/host.rs"]
mod host;
#[path = "servers/visitor.rs"]
mod visitor;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tls_doubles::io::{End, Endpoint, Faults};
use tls_doubles::keys::{Key, KeyKind};
use tls_doubles::pki::{Ca, Family, Issued, NOW, SERVER_AUTH, Site, Spec};
use tls_session::verify::Version;
use tls_session::{Acceptor, Clock as Time};

use host::{Visit, acceptor};
use visitor::{Says, Visits};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

/// Bytes in use, whoever uses them.
fn in_use() -> usize {
    let stats = HEAP.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Two clients that must be refused; what the first one left is what is made once in a program.
#[track_caller]
fn leaves_nothing<S: Endpoint>(what: &str, visit: impl Fn() -> Visit<'static, S>) {
    drop(visit().refused());
    let before = in_use();
    drop(visit().refused());
    assert_eq!(in_use(), before, "{what}");
}

/// Certificates that a server with `<ca_enable>` 1 refuses.
fn bad_certificates(root: &Issued) -> Vec<(&'static str, Site)> {
    let key = || Key::new(KeyKind::P256, 30);
    let own = |spec: Spec| Site::new(&root.issue(spec, key()), &[]);
    let client = || Spec::client("meter-7");
    let other = Issued::self_signed(Spec::ca("Other Root"), Key::new(KeyKind::P256, 41));
    let namesake = Issued::self_signed(Spec::ca("Client Root"), Key::new(KeyKind::P256, 40));
    let middle = root.issue(Spec::ca("Client Middle"), Key::new(KeyKind::P256, 21));
    let mut long = own(client());
    while long.chain.len() < 17 {
        long.chain.push(root.der.clone());
    }
    let mut torn = own(client());
    torn.chain[0].truncate(100);
    vec![
        ("another CA", Site::new(&other.issue(client(), key()), &[])),
        (
            "another key",
            Site::new(&namesake.issue(client(), key()), &[]),
        ),
        (
            "no intermediate",
            Site::new(&middle.issue(client(), key()), &[]),
        ),
        (
            "expired",
            own(Spec {
                not_after: NOW - 1,
                ..client()
            }),
        ),
        (
            "serverAuth",
            own(Spec {
                eku: Some(vec![SERVER_AUTH]),
                ..client()
            }),
        ),
        (
            "CA:TRUE",
            own(Spec {
                ca: Ca::Yes { path_len: None },
                ..client()
            }),
        ),
        ("17 certificates", long),
        ("half a certificate", torn),
    ]
}

fn leaked(acceptor: Acceptor) -> &'static Acceptor {
    Box::leak(Box::new(acceptor))
}

#[test]
fn duty_138_and_188_a_client_that_was_refused_leaves_nothing_on_the_heap() {
    let root = Issued::self_signed(Spec::ca("Client Root"), Key::new(KeyKind::P256, 20));
    let family = Family::new(KeyKind::P256);
    let open = leaked(acceptor(&family.site(), None, |_| ()));
    let asking = leaked(acceptor(&family.site(), Some(&[&root.der]), |_| ()));
    // Its signatures are of one length, so that every cut is at the same place of the flight.
    let right = root.issue(Spec::client("meter-7"), Key::new(KeyKind::Ed25519, 30));
    let right = Site::new(&right, &[]);
    strangers_to_tls(open);
    let bad = bad_certificates(&root);
    for version in VERSIONS {
        let client = |site: &Site| Visits::only(version).shows(site).visitor();
        for (what, site) in &bad {
            leaves_nothing(what, || Visit::new(client(site), asking));
        }
        leaves_nothing("no certificate", || {
            Visit::new(Visits::only(version).visitor(), asking)
        });
        leaves_nothing("no clock", || {
            Visit::new(client(&right), asking).at(Time::Unset)
        });
        bad_behaviour(version, &right, asking);
        cuts(version, &right, asking);
    }
    many(open);
}

/// What is not a hello that can be answered.
fn strangers_to_tls(open: &'static Acceptor) {
    for first in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"\x10\x20\x00\x04MQTT\x04",
        b"\x80\x2e\x01\x03\x00\x00\x15\x00\x00\x00\x10",
        &[22, 3, 1, 0, 4, 1, 0, 0xff, 0xff],
        &[22, 3, 1, 0x40, 0],
        &[0; 8],
        b"",
    ] {
        let says = || Says {
            bytes: first.to_vec(),
            ..Says::default()
        };
        let what = first.escape_ascii().to_string();
        leaves_nothing(&what, || Visit::new(says(), open));
    }
}

fn bad_behaviour(version: Version, right: &Site, asking: &'static Acceptor) {
    for (what, visits) in [
        (
            "a forged proof",
            Visits {
                forges: true,
                ..Visits::only(version)
            },
        ),
        (
            "it refuses us",
            Visits {
                distrusts: true,
                ..Visits::only(version)
            },
        ),
        (
            "no common scheme",
            Visits {
                schemes: vec![0x0804],
                ..Visits::only(version)
            },
        ),
    ] {
        let visits = visits.shows(right);
        leaves_nothing(what, || Visit::new(visits.visitor(), asking));
    }
}

/// An end of the connection at every byte that the client sends.
fn cuts(version: Version, right: &Site, asking: &Acceptor) {
    let client = || Visits::only(version).shows(right).visitor();
    let (whole, wire) = Visit::new(client(), asking).with(async |_, _| ());
    assert_eq!(whole, Ok(()));
    let sent = wire.sent();
    drop(wire);
    for at in 0..sent {
        let end = [End::Eof, End::Error, End::Stall][at % 3];
        let faults = Faults {
            cut: Some((at, end)),
            ..Faults::default()
        };
        let before = in_use();
        drop(Visit::new(client(), asking).faults(faults).refused());
        assert_eq!(in_use(), before, "{version:?} cut at {at}: {end:?}");
    }
}

/// Sessions that come and go, of both versions, good and bad ones mixed: nothing adds up.
fn many(open: &Acceptor) {
    let turn = |number: usize| {
        let client = Visits::only(VERSIONS[number % 2]).visitor();
        let cut = (!number.is_multiple_of(3)).then_some((number % 300, End::Eof));
        let faults = Faults {
            cut,
            ..Faults::default()
        };
        drop(
            Visit::new(client, open)
                .faults(faults)
                .with(async |_, _| ()),
        );
    };
    (0..12).for_each(turn);
    let before = in_use();
    (0..1000).for_each(turn);
    assert_eq!(in_use(), before);
}
