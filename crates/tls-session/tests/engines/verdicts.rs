//! One verdict: what a server shows is judged the same by the verifier alone, by each engine, in each version.

use tls_session::reason::{CapacityError, CertificateError as E, Limit, ProfileError};
use tls_session::verify::Version;
use tls_session::{
    Accepted, Anchors, Cause, Clock, CommonName, EngineRule, NameRule, PeerName, Policy, Profile,
    Reason, Stage, Timestamp, verify_server,
};

use tls_doubles::keys::{Hash, Key, KeyKind};
use tls_doubles::pki::{CLIENT_AUTH, Ca, Family, Issued, NOT_AFTER, NOW, Site, Spec};
use tls_doubles::script::Script;
use tls_doubles::server::Server;

use crate::cases::{ACCEPTED, REFUSED, key, leaf, middle, root, strict, three};
use crate::client::{Attempt, TestSession, only};
use crate::openings::{KINDS, VERSIONS};
use crate::peer::{Peer, Serves};

/// A server's chain and what is asked of it.
struct Case {
    what: String,
    site: Site,
    anchors: Vec<Vec<u8>>,
    name: Option<(&'static str, CommonName)>,
    clock: Clock,
    profile: Profile,
}

fn date(seconds: u64) -> Timestamp {
    Timestamp::from_unix(i64::try_from(seconds).unwrap())
}

impl Case {
    fn new(what: impl Into<String>, site: Site, anchors: &[&Issued]) -> Self {
        Self {
            what: what.into(),
            site,
            anchors: anchors.iter().map(|anchor| anchor.der.clone()).collect(),
            name: None,
            clock: Clock::At(date(NOW)),
            profile: Profile::Lenient,
        }
    }

    fn three(what: impl Into<String>, [leaf, middle, root]: &[Issued; 3]) -> Self {
        Self::new(what, Site::new(leaf, &[middle]), &[root])
    }

    fn named(mut self, name: &'static str) -> Self {
        self.name = Some((name, CommonName::CountsWithoutSan));
        self
    }

    fn at(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    fn strict(mut self) -> Self {
        self.profile = Profile::Strict;
        self
    }

    /// What the verifier says, and what each engine does.
    fn verdicts(&self) -> (Result<Accepted, Reason>, Vec<Reported>) {
        let anchors: Vec<&[u8]> = self.anchors.iter().map(Vec::as_slice).collect();
        let rule = match self.name {
            None => NameRule::DangerAnyName,
            Some((name, common_name)) => NameRule::MustMatch {
                name: PeerName::new(name).unwrap(),
                common_name,
            },
        };
        let anchors = Anchors::new(&anchors).unwrap().under(self.profile);
        let policy = Policy::chain(anchors, rule, self.clock);
        let shown: Vec<&[u8]> = self.site.chain.iter().map(Vec::as_slice).collect();
        let verdict = verify_server(&policy, &shown);
        let mut reported: Vec<Reported> = VERSIONS
            .into_iter()
            .map(|version| by_rustls(&self.site, &policy, version))
            .collect();
        // The scripted server speaks TLS 1.3 to both engines.
        reported.push(by_script(&self.site, &policy, EngineRule::Best));
        if cfg!(feature = "embedded-tls") {
            reported.push(by_script(&self.site, &policy, EngineRule::WithoutHeap));
        }
        (verdict, reported)
    }

    /// All of them say this.
    #[track_caller]
    fn agree(&self) -> Result<Accepted, Reason> {
        let (verdict, reported) = self.verdicts();
        for reported in &reported {
            assert_eq!(reported.result, verdict, "{}: {}", self.what, reported.by);
            assert_eq!(reported.app, b"", "{}: {}", self.what, reported.by);
            let alert = verdict.as_ref().err().map(|reason| alert(&reason.cause));
            // embedded-tls sends none for what its verifier refuses.
            if reported.is_rustls {
                assert_eq!(reported.alert, alert, "{}: {}", self.what, reported.by);
            }
        }
        verdict
    }
}

/// What came of one engine.
struct Reported {
    by: String,
    is_rustls: bool,
    result: Result<Accepted, Reason>,
    /// The alert that the server got.
    alert: Option<u8>,
    /// What it got of the application, although nothing was written.
    app: Vec<u8>,
}

async fn accepted<S>(session: TestSession<'_, S>, _: &tls_doubles::io::Wire<S>) -> Accepted
where
    S: tls_doubles::io::Endpoint,
{
    session.accepted()
}

fn by_rustls(site: &Site, policy: &Policy<'_>, version: Version) -> Reported {
    let policy = Policy {
        versions: only(version),
        ..*policy
    };
    let peer: Peer = Serves::only(site, version).peer();
    let (result, wire) = Attempt::new(peer, policy).with(accepted);
    let peer = wire.server();
    Reported {
        by: format!("rustls, {version:?}"),
        is_rustls: true,
        result,
        alert: peer.alert(),
        app: peer.app.clone(),
    }
}

fn by_script(site: &Site, policy: &Policy<'_>, engine: EngineRule) -> Reported {
    let policy = Policy { engine, ..*policy };
    let (result, wire) = Attempt::new(Server::new(Script::good(site)), policy).with(accepted);
    let server = wire.server();
    assert_eq!(server.seen().violations, []);
    let refusals = server.seen().refusals();
    assert!(refusals.len() <= 1, "{refusals:?}");
    Reported {
        by: format!("script, {engine:?}"),
        is_rustls: engine == EngineRule::Best,
        result,
        alert: refusals.first().copied(),
        app: server.seen().app.clone(),
    }
}

/// The alert for a cause, section B.1 of the duties.
fn alert(cause: &Cause) -> u8 {
    match cause {
        Cause::Certificate(error) => match error {
            E::Malformed | E::NameMismatch | E::NoName => 42,
            E::ExtendedKeyUsage
            | E::ServerKeyUsage
            | E::KeyUsage
            | E::KeyAlgorithm
            | E::KeySize { .. }
            | E::SignatureAlgorithm => 43,
            E::Expired { .. }
            | E::NotYetValid { .. }
            | E::ClockNotSet
            | E::ClockBeforeFloor { .. } => 45,
            E::NotTrusted | E::CertificateSignature => 48,
            _ => 46,
        },
        Cause::Profile(ProfileError::NoPurpose | ProfileError::AnyPurpose) => 43,
        _ => 46,
    }
}

#[test]
fn the_strict_profile_refuses_by_every_engine_what_the_lenient_one_forgives() {
    for (index, (place, change, expected)) in strict::REFUSED.iter().enumerate() {
        let chain = strict::made(Some(*place), *change);
        let case = || Case::three(format!("strict {index}, {place:?}"), &chain);
        let lenient = case().agree();
        assert!(lenient.is_ok(), "{index}: {lenient:?}");
        let reason = case().strict().agree().unwrap_err();
        let found = (reason.cause, reason.depth);
        assert_eq!(found, ((*expected).into(), place.depth()), "{index}");
    }
    for (index, (place, change)) in strict::ACCEPTED.iter().enumerate() {
        let chain = strict::made(Some(*place), *change);
        let verdict = Case::three(format!("conforming {index}"), &chain).strict();
        assert!(verdict.agree().is_ok(), "{index}");
    }
}

#[test]
fn a_pin_has_no_issuer_that_could_be_named_and_says_what_it_is_for() {
    let pin = Issued::self_signed(leaf(), key(7));
    let case = Case::new("pin", Site::new(&pin, &[]), &[&pin]).strict();
    assert_eq!(case.agree(), Ok(Accepted::Pin { anchor: 0 }));
    let pin = Issued::self_signed(
        Spec {
            eku: None,
            ..leaf()
        },
        key(7),
    );
    let case = Case::new("pin", Site::new(&pin, &[]), &[&pin]).strict();
    assert_eq!(
        case.agree().unwrap_err().cause,
        ProfileError::NoPurpose.into()
    );
}

#[test]
fn duty_51_each_rule_on_a_path_has_the_same_reason_by_every_engine() {
    for (index, (place, change, expected)) in REFUSED.iter().enumerate() {
        let case = Case::three(format!("refused {index}, {place:?}"), &place.made(change));
        let reason = case.agree().unwrap_err();
        assert_eq!((reason.cause, reason.depth), (*expected, place.depth()));
        assert_eq!(reason.stage, Stage::Certificate);
    }
}

#[test]
fn duty_51_what_private_cas_leave_out_is_accepted_by_every_engine() {
    for (index, (place, change)) in ACCEPTED.iter().enumerate() {
        let made = place.made(change);
        let case = Case::three(format!("accepted {index}, {place:?}"), &made);
        case.named("broker.local").agree().unwrap();
    }
}

/// The last second, the next one, and what is known of the time.
#[test]
fn duty_51_dates_and_clocks() {
    let made = three(
        Spec {
            not_before: NOW - 100,
            not_after: NOW + 100,
            ..leaf()
        },
        Spec {
            not_after: NOW + 50,
            ..middle()
        },
        root(),
    );
    let expired = |not_after, now| Some(E::Expired { not_after, now });
    for (clock, expected) in [
        (Clock::At(date(NOW - 100)), None),
        (
            Clock::At(date(NOW - 101)),
            Some(E::NotYetValid {
                not_before: date(NOW - 100),
                now: date(NOW - 101),
            }),
        ),
        (Clock::At(date(NOW + 50)), None),
        (
            Clock::At(date(NOW + 51)),
            expired(date(NOW + 50), date(NOW + 51)),
        ),
        (
            Clock::At(date(NOW + 101)),
            expired(date(NOW + 100), date(NOW + 101)),
        ),
        (
            Clock::At(date(NOT_AFTER + 1)),
            expired(date(NOW + 100), date(NOT_AFTER + 1)),
        ),
        (Clock::Unset, Some(E::ClockNotSet)),
        (
            Clock::BeforeFloor {
                now: date(NOW),
                floor: date(NOW + 1),
            },
            Some(E::ClockBeforeFloor {
                now: date(NOW),
                floor: date(NOW + 1),
            }),
        ),
    ] {
        let case = Case::three(format!("{clock:?}"), &made).at(clock);
        let cause = case.agree().err().map(|reason| reason.cause);
        assert_eq!(cause, expected.map(Cause::Certificate), "{clock:?}");
    }
}

#[test]
fn duty_51_names() {
    let site = |cn: &str, dns: &[&str], ip: &[&str]| Spec {
        dns: dns.iter().map(|&name| name.to_owned()).collect(),
        ip: ip.iter().map(|text| text.parse().unwrap()).collect(),
        ..Spec::leaf(cn)
    };
    for (spec, name, expected) in [
        (leaf(), "broker.local", None),
        (leaf(), "BROKER.LOCAL", None),
        (leaf(), "other.local", Some(E::NameMismatch)),
        (site("broker.local", &[], &[]), "broker.local", None),
        (
            site("broker.local", &[], &[]),
            "a.local",
            Some(E::NameMismatch),
        ),
        (
            site("broker.local", &["a.local"], &[]),
            "broker.local",
            Some(E::NameMismatch),
        ),
        (site("x", &["*.a.test"], &[]), "b.a.test", None),
        (
            site("x", &["*.a.test"], &[]),
            "a.test",
            Some(E::NameMismatch),
        ),
        (site("x", &[], &["192.0.2.7"]), "192.0.2.7", None),
        (
            site("x", &[], &["192.0.2.7"]),
            "192.0.2.8",
            Some(E::NameMismatch),
        ),
        (site("x", &[], &["2001:db8::7"]), "2001:db8:0::7", None),
    ] {
        let what = format!("{:?} {:?} {name}", spec.cn, spec.dns);
        let case = Case::three(&what, &three(spec, middle(), root())).named(name);
        let cause = case.agree().err().map(|reason| reason.cause);
        let same_kind = match (cause, expected) {
            (None, None) => true,
            // Without any name at all it is "names no host".
            (Some(Cause::Certificate(E::NoName)), Some(_)) => true,
            (Some(Cause::Certificate(found)), Some(wanted)) => found == wanted,
            _ => false,
        };
        assert!(same_kind, "{what}: {cause:?}");
    }
}

#[test]
fn duty_51_keys_and_hashes() {
    for kind in KINDS {
        let family = Family::new(kind);
        let case = Case::new(format!("{kind:?}"), family.site(), &[&family.root]);
        case.named("broker.local").agree().unwrap();
    }
    let weak = Key::new(KeyKind::Rsa(1024), 1);
    let root = Issued::self_signed(Spec::ca("Root"), Key::new(KeyKind::Rsa(2048), 1));
    let weak_leaf = root.issue(leaf(), weak.clone());
    let weak_middle = root.issue(Spec::ca("Middle"), weak);
    let below = weak_middle.issue(leaf(), key(2));
    let size = Some(E::KeySize { bits: 1024 });
    let mut cases = vec![
        (
            Case::new("weak leaf", Site::new(&weak_leaf, &[]), &[&root]),
            size,
        ),
        (
            Case::new("weak CA", Site::new(&below, &[&weak_middle]), &[&root]),
            size,
        ),
    ];
    for hash in [Hash::Md5, Hash::Sha1] {
        let old = root.issue(Spec { hash, ..leaf() }, key(2));
        let case = Case::new(format!("{hash:?}"), Site::new(&old, &[]), &[&root]);
        cases.push((case, Some(E::SignatureAlgorithm)));
    }
    for (case, expected) in cases {
        let cause = case.agree().err().map(|reason| reason.cause);
        assert_eq!(cause, expected.map(Cause::Certificate), "{}", case.what);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn duty_51_chains_pins_and_strangers() {
    let [leaf_cert, middle_cert, root_cert] = three(leaf(), middle(), root());
    let stranger = Issued::self_signed(Spec::ca("Stranger"), key(9));
    let namesake = Issued::self_signed(root(), key(9));
    let own = Issued::self_signed(leaf(), key(4));
    let damaged = root_cert.issue(
        Spec {
            damaged: true,
            ..leaf()
        },
        key(2),
    );
    let site = |leaf: &Issued, others: &[&Issued]| Site::new(leaf, others);
    let good = site(&leaf_cert, &[&middle_cert]);
    let stray = site(&leaf_cert, &[&stranger, &root_cert, &middle_cert]);
    let alone = site(&leaf_cert, &[]);
    let all: Vec<&Issued> = std::iter::repeat_n(&stranger, 16).collect();
    let long = site(&leaf_cert, &all);
    let unreadable = Site {
        chain: vec![b"junk".to_vec()],
        key: key(2),
    };
    let client = root_cert.issue(
        Spec {
            eku: Some(vec![CLIENT_AUTH]),
            ..leaf()
        },
        key(2),
    );
    let authority = root_cert.issue(
        Spec {
            ca: Ca::Yes { path_len: None },
            ..leaf()
        },
        key(2),
    );
    let too_long = Cause::Capacity(CapacityError::TooLarge {
        what: Limit::ChainLength,
        needed: 17,
        limit: 16,
    });
    let of = |error: E| Some(Cause::Certificate(error));
    for (what, site, anchor, expected) in [
        ("good", &good, &root_cert, None),
        ("stray ones", &stray, &root_cert, None),
        ("intermediate as anchor", &alone, &middle_cert, None),
        ("pin", &site(&own, &[]), &own, None),
        ("no intermediate", &alone, &root_cert, of(E::NotTrusted)),
        ("stranger", &good, &stranger, of(E::NotTrusted)),
        ("namesake", &good, &namesake, of(E::CertificateSignature)),
        (
            "damaged",
            &site(&damaged, &[]),
            &root_cert,
            of(E::CertificateSignature),
        ),
        ("long", &long, &root_cert, Some(too_long)),
        ("unreadable", &unreadable, &root_cert, of(E::Malformed)),
        (
            "client's",
            &site(&client, &[]),
            &root_cert,
            of(E::ExtendedKeyUsage),
        ),
        (
            "CA as server",
            &site(&authority, &[]),
            &root_cert,
            of(E::LeafIsCa),
        ),
    ] {
        let case = Case::new(what, site.clone(), &[anchor]);
        let cause = case.agree().err().map(|reason| reason.cause);
        assert_eq!(cause, expected, "{what}");
    }
}
