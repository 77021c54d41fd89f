//! Duty 105: what a ticket is bound to. Whatever of it is another, the handshake is a full one.

use std::sync::Arc;

use rustls::ServerConfig;
use tls_doubles::keys::{Key, KeyKind};
use tls_doubles::pki::{Family, Issued, Spec};
use tls_session::identity::{ClientKey, IdentityMemory};
use tls_session::verify::Version;
use tls_session::{
    Anchors, CommonName, Identity, MasterSecret, NameRule, PeerAuth, PeerName, Policy, Resumption,
    Tickets, Versions,
};

use crate::client::{chain, named, only};
use crate::openings::VERSIONS;
use crate::peer::Serves;
use crate::resumed::{meet, tickets, to};

/// A server that has much in common with everybody.
fn server(family: &Family, version: Version) -> Arc<ServerConfig> {
    let serves = Serves {
        alpn: vec![b"mqtt".to_vec(), b"h2".to_vec()],
        ..Serves::only(&family.site(), version)
    };
    serves.server()
}

/// After a session under `before` to `here`, whether one under `after` to `there` is resumed; then one as before is.
fn taken(
    server: &Arc<ServerConfig>,
    store: &Tickets,
    (before, here): (Policy<'_>, &Resumption),
    (after, there): (Policy<'_>, &Resumption),
) -> bool {
    store.forget_all();
    meet(server, before, here.clone()).unwrap();
    let met = meet(server, after, there.clone()).unwrap();
    // The test is about something: its ticket is still good for what it was given for.
    let again = meet(server, before, here.clone()).unwrap();
    assert!(again.resumed.is_some());
    met.resumed.is_some()
}

#[test]
fn duty_105_another_server_is_not_resumed() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        let server = server(&family, version);
        let store = tickets();
        let policy = Policy {
            versions: only(version),
            ..named(chain(anchors), "broker.local")
        };
        let here = to(&store);
        let target = |host, port, context| Resumption::new(store.clone(), host, port, context);
        for (there, expected) in [
            (target("broker.local", 8883, b""), true),
            (target("broker.locaL", 8883, b""), false),
            (target("192.0.2.1", 8883, b""), false),
            (target("", 8883, b""), false),
            // Duty 106.
            (target("broker.local", 8884, b""), false),
            (target("broker.local", 443, b""), false),
            (target("broker.local", 8883, b"strict"), false),
        ] {
            let found = taken(&server, &store, (policy, &here), (policy, &there));
            assert_eq!(found, expected, "{version:?} {there:?}");
        }
    }
}

/// The name of a rule, and what a CN counts for.
fn rule(policy: Policy<'_>, common_name: CommonName) -> Policy<'_> {
    let PeerAuth::Chain { anchors, clock, .. } = policy.peer else {
        panic!("a chain");
    };
    let name = PeerName::new("broker.local").unwrap();
    let name = NameRule::MustMatch { name, common_name };
    Policy {
        peer: PeerAuth::Chain {
            anchors,
            name,
            clock,
        },
        ..policy
    }
}

/// What a policy has besides its peer, in every variant.
fn changed<'a>(base: Policy<'a>, other: &'a Identity<'a>) -> Vec<(&'static str, Policy<'a>)> {
    let suites: &[u16] = match base.versions.min() {
        Version::Tls12 => &[0xc02b],
        Version::Tls13 => &[0x1301],
    };
    let sni = |sni| Policy { sni, ..base };
    let alpn = |alpn| Policy { alpn, ..base };
    let identity = |identity| Policy { identity, ..base };
    vec![
        ("common name", rule(base, CommonName::Ignored)),
        ("no SNI", sni(None)),
        ("another SNI", sni(Some("other.local"))),
        ("ALPN", alpn(&[b"mqtt", b"h2"])),
        ("no ALPN", alpn(&[])),
        ("identity", identity(Some(other))),
        ("no identity", identity(None)),
        (
            "versions",
            Policy {
                versions: Versions::ALL,
                ..base
            },
        ),
        ("suites", Policy { suites, ..base }),
        (
            "EMS",
            Policy {
                master_secret: MasterSecret::Required,
                ..base
            },
        ),
    ]
}

#[test]
fn duty_105_under_another_policy_nothing_is_resumed() {
    let family = Family::new(KeyKind::P256);
    let other = Issued::self_signed(Spec::ca("Other Root"), Key::new(KeyKind::P256, 40));
    let (root, other): (&[u8], &[u8]) = (&family.root.der, &other.der);
    let one: &[&[u8]] = &[root];
    let (two, turned) = ([root, other], [other, root]);
    let (first, second) = (Me::new(50), Me::new(51));
    let (mut memory1, mut memory2): (IdentityMemory, IdentityMemory) = Default::default();
    let (chain1, chain2) = ([first.leaf.der.as_slice()], [second.leaf.der.as_slice()]);
    let first = Identity::new(&chain1, ClientKey::P256(&first.key), &mut memory1).unwrap();
    let second = Identity::new(&chain2, ClientKey::P256(&second.key), &mut memory2).unwrap();
    for version in VERSIONS {
        let server = server(&family, version);
        let store = tickets();
        let base = Policy {
            versions: only(version),
            alpn: &[b"mqtt"],
            sni: Some("broker.local"),
            identity: Some(&first),
            ..named(chain(one), "broker.local")
        };
        let peer = |peer| Policy { peer, ..base };
        let peers = [
            ("anchors", peer(named(chain(&two), "broker.local").peer)),
            ("order", peer(named(chain(&turned), "broker.local").peer)),
            ("no name", peer(chain(one).peer)),
            ("any peer", peer(PeerAuth::DangerAnyPeer)),
        ];
        let here = to(&store);
        assert!(taken(&server, &store, (base, &here), (base, &here)));
        for (what, policy) in changed(base, &second).into_iter().chain(peers) {
            // Both ways: what is asked for later may be more or less.
            for (before, after) in [(base, policy), (policy, base)] {
                let found = taken(&server, &store, (before, &here), (after, &here));
                assert!(!found, "{version:?} {what}");
            }
        }
    }
}

/// Us, for a server that asks.
struct Me {
    leaf: Issued,
    key: Vec<u8>,
}

impl Me {
    fn new(number: u8) -> Self {
        let root = Issued::self_signed(
            Spec::ca("Client Root"),
            Key::new(KeyKind::P256, number + 10),
        );
        let leaf = root.issue(Spec::client("meter-7"), Key::new(KeyKind::P256, number));
        let key = leaf.key.private_parts().swap_remove(0);
        Self { leaf, key }
    }
}

/// A server that would take a ticket of a session under a laxer policy is not asked to.
#[test]
fn a_session_that_was_opened_unchecked_is_worth_nothing_to_one_that_checks() {
    let family = Family::new(KeyKind::P256);
    let stranger = Issued::self_signed(Spec::ca("Stranger"), Key::new(KeyKind::P256, 41));
    let foreign: &[&[u8]] = &[&stranger.der];
    for version in VERSIONS {
        let server = server(&family, version);
        let store = tickets();
        let any = Policy {
            versions: only(version),
            ..Policy::danger_any_peer()
        };
        for resumed in [None, Some(0)] {
            assert_eq!(meet(&server, any, to(&store)).unwrap().resumed, resumed);
        }
        let checks = Policy {
            peer: PeerAuth::Chain {
                anchors: Anchors::new(foreign).unwrap(),
                name: NameRule::DangerAnyName,
                clock: match chain(foreign).peer {
                    PeerAuth::Chain { clock, .. } => clock,
                    _ => panic!("a chain"),
                },
            },
            ..any
        };
        let reason = meet(&server, checks, to(&store)).err().unwrap();
        assert_eq!(reason.cause.code(), "issuer_unknown", "{version:?}");
    }
}

/// As after a setting was changed: also what an open session has yet to receive is not kept.
#[test]
fn duty_112_tickets_are_forgotten_at_once() {
    use crate::client::{Attempt, exchange};
    use crate::peer::Peer;

    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        let server = server(&family, version);
        let store = tickets();
        let policy = Policy {
            versions: only(version),
            ..named(chain(anchors), "broker.local")
        };
        meet(&server, policy, to(&store)).unwrap();
        assert!(store.count() > 0);
        store.forget_all();
        assert_eq!(store.count(), 0);
        let attempt = Attempt::new(Peer::of(&server), policy).resuming(to(&store));
        let (result, _) = attempt.with(async |mut session, wire| {
            assert_eq!(session.peer().resumed(), None);
            // Tickets of TLS 1.3 are read with the first data.
            store.forget_all();
            exchange(&mut session, wire, 10).await?;
            session.close().await
        });
        assert_eq!(result, Ok(Ok(())));
        assert_eq!(store.count(), 0, "{version:?}");
    }
}
