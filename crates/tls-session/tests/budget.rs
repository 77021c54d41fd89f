//! What a session takes from the heap stays within what was computed before it began, and one that does not fit is
//! refused with both numbers. One test, because a program has one heap.

#![cfg(feature = "rustls")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    reason = "doubles and checks of tests, not all of them used here"
)]

#[path = "engines/peer.rs"]
mod peer;
#[path = "support/sessions.rs"]
mod sessions;

use rustls::DistinguishedName;
use tls_doubles::io::{End, Faults};
use tls_doubles::keys::KeyKind;
use tls_doubles::pki::Family;
use tls_session::budget::call;
use tls_session::reason::{CapacityError, Limit};
use tls_session::verify::Version;
use tls_session::{Caps, Cause, Ledger, Stage, Versions};

use sessions::{Case, FULL, SHORT, SMALL, Taken, budget_of, session, session_over, start};

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

const fn only(version: Version) -> Versions {
    match version {
        Version::Tls12 => Versions::TLS12,
        Version::Tls13 => Versions::TLS13,
    }
}

/// Names of authorities that take so many bytes in a CertificateRequest, each of `len` bytes.
fn names(bytes: usize, len: usize) -> Vec<DistinguishedName> {
    let name = vec![0x30; len];
    vec![DistinguishedName::from(name); bytes / (len + 2)]
}

/// Chains of several lengths, and the rest of the flight filled with names of authorities.
fn sweep(
    ledger: &'static Ledger,
    version: Version,
    own: Option<KeyKind>,
    (family, on_heap): (&Family, bool),
) {
    let Caps { flight, .. } = *ledger.caps();
    let mut worst = (0, None);
    for chain in (1..=12).map(|part| part * 1300) {
        for len in [20, 126, 400, 2000] {
            let case = Case::new("RSA", family, version).padded(chain);
            let shown: usize = case.site.chain.iter().map(|der| der.len() + 5).sum();
            // ServerHello, CertificateVerify and Finished are in it too.
            let Some(left) = flight.checked_sub(shown + 700) else {
                continue;
            };
            let mut case = match own {
                Some(kind) => case.mutual(kind),
                None => case,
            };
            // A message of its own limit.
            let mut names = names(left.min(20_000), len);
            // And so have they.
            names.truncate(ledger.caps().names());
            case.asks = Some(names);
            if on_heap {
                case = case.on_heap();
            }
            let budget = budget_of(&case, ledger, only(version));
            let Taken {
                handshake,
                idle,
                most,
            } = session(&case, ledger, only(version)).taken.unwrap();
            let what = format!("{}, chain {shown}, names of {len}", case.name);
            assert!(
                handshake <= budget.handshake,
                "{what}: {handshake} {budget:?}"
            );
            assert!(idle <= budget.idle, "{what}: {idle} {budget:?}");
            let later = most.max(handshake) - idle;
            // A block has 16 bytes beside its content, and a record each way may be under way.
            let records = match on_heap {
                true => budget.records.sum() + 32,
                false => 0,
            };
            assert!(
                most == handshake || later <= call(shown) + records,
                "{what}: {later}"
            );
            worst = worst.max((handshake, Some(budget.handshake)));
        }
    }
    println!("flight {flight}, {version:?}, {own:?}: most {worst:?}");
}

fn stay_within_their_budgets() {
    let rsa = Family::new(KeyKind::Rsa(2048));
    for ledger in [&FULL, &SMALL] {
        for version in VERSIONS {
            for own in [None, Some(KeyKind::P256), Some(KeyKind::Rsa(2048))] {
                for on_heap in [false, true] {
                    sweep(ledger, version, own, (&rsa, on_heap));
                }
            }
        }
    }
}

/// With one byte less than needed nothing is sent, and the reason has both numbers.
fn are_refused_with_both_numbers() {
    let ec = Family::new(KeyKind::P256);
    for version in VERSIONS {
        for mutual in [false, true] {
            let case = Case::new("P-256", &ec, version);
            let case = match mutual {
                true => case.mutual(KeyKind::P256).on_heap(),
                false => case,
            };
            let budget = budget_of(&case, &SHORT, only(version));
            sessions::leave_free(budget.handshake);
            session(&case, &SHORT, only(version)).taken.unwrap();

            sessions::leave_free(budget.handshake - 1);
            let ended = session(&case, &SHORT, only(version));
            let reason = ended.taken.unwrap_err();
            let needed = u32::try_from(budget.handshake).unwrap();
            let wanted = Cause::Capacity(CapacityError::NoMemory {
                needed,
                free: needed - 1,
            });
            assert_eq!((reason.stage, reason.cause), (Stage::Setup, wanted));
            assert!(ended.wire.server().came().is_empty());

            sessions::leave_largest(budget.block - 1);
            let ended = session(&case, &SHORT, only(version));
            let reason = ended.taken.unwrap_err();
            let needed = u32::try_from(budget.block).unwrap();
            let wanted = Cause::Capacity(CapacityError::NoBlock {
                needed,
                largest: needed - 1,
            });
            assert_eq!((reason.stage, reason.cause), (Stage::Setup, wanted));
            assert!(ended.wire.server().came().is_empty());
            sessions::leave_free(usize::MAX);
        }
    }
}

/// A client certificate over TLS 1.2 takes most: without the heap for it TLS 1.3 alone is offered, and a server that
/// does not speak it is refused with both numbers.
fn leave_out_tls_12_where_it_does_not_fit() {
    let ec = Family::new(KeyKind::P256);
    let both = Case::new("P-256", &ec, Version::Tls13).mutual(KeyKind::P256);
    let older = Case::new("P-256", &ec, Version::Tls12).mutual(KeyKind::P256);
    let all = budget_of(&both, &SHORT, Versions::ALL);
    let newer = budget_of(&both, &SHORT, Versions::TLS13);
    assert!(2 * newer.handshake < all.handshake, "{newer:?} {all:?}");

    sessions::leave_free(all.handshake);
    session(&both, &SHORT, Versions::ALL).taken.unwrap();
    session(&older, &SHORT, Versions::ALL).taken.unwrap();

    for free in [all.handshake - 1, newer.handshake] {
        sessions::leave_free(free);
        session(&both, &SHORT, Versions::ALL).taken.unwrap();
        let reason = session(&older, &SHORT, Versions::ALL).taken.unwrap_err();
        let wanted = Cause::Capacity(CapacityError::NoMemory {
            needed: u32::try_from(all.handshake).unwrap(),
            free: u32::try_from(free).unwrap(),
        });
        assert_eq!((reason.stage, reason.cause), (Stage::Hello, wanted));
    }
    sessions::leave_free(newer.handshake - 1);
    let reason = session(&both, &SHORT, Versions::ALL).taken.unwrap_err();
    assert_eq!(reason.stage, Stage::Setup);
    // Whoever demands TLS 1.2 is refused at once.
    sessions::leave_free(all.handshake - 1);
    let reason = session(&older, &SHORT, Versions::TLS12).taken.unwrap_err();
    assert_eq!(reason.stage, Stage::Setup);
    sessions::leave_free(usize::MAX);
}

/// What one handshake may need is not free for another, and an open session keeps what one call takes.
fn do_not_count_the_same_bytes_twice() {
    let ec = Family::new(KeyKind::P256);
    let case = Case::new("P-256", &ec, Version::Tls13);
    let budget = budget_of(&case, &SHORT, Versions::TLS13);
    let call = call(case.site.chain.iter().map(Vec::len).sum());
    sessions::leave_free(2 * budget.handshake - 1);
    sessions::while_under_way(&case, &SHORT, Versions::TLS13, || {
        assert_eq!(SHORT.promised(), budget.handshake);
        session(&case, &SHORT, Versions::TLS13).taken.unwrap_err()
    });
    sessions::leave_free(budget.handshake + call);
    let mut second = None;
    sessions::while_open(&case, &SHORT, Versions::TLS13, || {
        assert_eq!(SHORT.promised(), call);
        second = Some(session(&case, &SHORT, Versions::TLS13).taken);
        sessions::leave_free(budget.handshake + call - 1);
        session(&case, &SHORT, Versions::TLS13).taken.unwrap_err()
    });
    second.unwrap().unwrap();
    sessions::leave_free(usize::MAX);
}

/// Many entries take more than their bytes: they are counted before rustls sees them.
fn cannot_be_made_to_hold_many_small_things() {
    let ec = Family::new(KeyKind::P256);
    for version in VERSIONS {
        let mut case = Case::new("P-256", &ec, version);
        case.asks = Some(names(6000, 1));
        let reason = session(&case, &SMALL, only(version)).taken.unwrap_err();
        let limit = u32::try_from(SMALL.caps().names()).unwrap();
        let wanted = CapacityError::TooLarge {
            what: Limit::Entries,
            needed: limit + 1,
            limit,
        };
        assert_eq!(reason.cause, Cause::Capacity(wanted));

        let mut case = Case::new("P-256", &ec, version);
        case.site.chain.resize(33, vec![0x30]);
        let reason = session(&case, &SMALL, only(version)).taken.unwrap_err();
        let wanted = CapacityError::TooLarge {
            what: Limit::ChainLength,
            needed: 33,
            limit: 32,
        };
        assert_eq!(reason.cause, Cause::Capacity(wanted));
    }
}

/// Wherever the server's bytes end or one of them is changed, before the session is open or after: all that it held is
/// free, which [`session_over`] asserts.
fn give_back_what_they_held_however_they_fail() {
    let ec = Family::new(KeyKind::P256);
    for version in VERSIONS {
        let case = Case::new("P-256, mutual", &ec, version).mutual(KeyKind::P256);
        let sent = {
            let ended = session(&case, &SMALL, only(version));
            ended.taken.unwrap();
            ended.wire.sent()
        };
        // Every seventh byte of the handshake, so each field of most messages, and some of the data; behind those the client
        // does not listen.
        for at in (0..1600)
            .step_by(7)
            .chain((1600..sent.min(20_000)).step_by(997))
        {
            let cut = Faults {
                cut: Some((at, End::Eof)),
                ..Faults::default()
            };
            let flip = Faults {
                flip: Some(8 * at + at % 8),
                ..Faults::default()
            };
            let ended = session_over(&case, &SMALL, only(version), cut);
            assert!(ended.taken.is_err(), "{version:?}: cut at {at}");
            // The minor version of a record means nothing; all else is somebody else's test.
            let _ = session_over(&case, &SMALL, only(version), flip);
        }
    }
}

#[test]
fn sessions_stay_within_their_budgets_or_are_refused() {
    start(4 << 20, 64 << 10);
    stay_within_their_budgets();
    are_refused_with_both_numbers();
    leave_out_tls_12_where_it_does_not_fit();
    do_not_count_the_same_bytes_twice();
    cannot_be_made_to_hold_many_small_things();
    give_back_what_they_held_however_they_fail();
}
