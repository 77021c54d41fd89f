//! Each request for heap of a session fails in turn, alone or with all that follow: the session ends with a reason, the
//! program goes on, and what the session held is free. One test, because a program has one heap.

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

use session_heap::Faults;
use tls_doubles::keys::KeyKind;
use tls_doubles::pki::Family;
use tls_session::reason::CapacityError;
use tls_session::verify::Version;
use tls_session::{Cause, Stage, Versions};

use sessions::{Case, FULL, HEAP, session, start};

/// Bytes of the reserve. 14 KB of it are for a store that rustls makes where it has `std`, before it learns that none is
/// wanted; the images need 4 KiB.
const RESERVE: usize = 24 * 1024;

/// Lets each request fail; returns how many there are, and the most that the reserve was used.
fn each(case: &Case, offers: Versions, faults: impl Fn(usize) -> Faults) -> (usize, usize) {
    let mut most = 0;
    for request in 1.. {
        HEAP.inject(faults(request));
        let whole = HEAP.reserve_free();
        let ended = session(case, &FULL, offers);
        let used = whole - HEAP.reserve_least_free();
        assert_eq!(HEAP.reserve_free(), whole, "{} {request}", case.name);
        let reason = match ended.taken {
            Ok(_) => {
                let requests = HEAP.requests();
                HEAP.inject(Faults::None);
                assert_eq!((request, used), (requests + 1, 0), "{}", case.name);
                return (requests, most);
            }
            Err(reason) => reason,
        };
        let Cause::Capacity(CapacityError::HeapExhausted { needed, .. }) = reason.cause else {
            panic!("{} {request}: {reason}", case.name);
        };
        assert!(needed > 0, "{} {request}", case.name);
        most = most.max(used);
        // The server hears of it in the clear, and once the session is open.
        let (alert, stage) = (ended.wire.server().alert(), reason.stage);
        // The last requests are those of close_notify itself.
        let was_notified = alert == Some(50) || ended.wire.server().close_notify;
        assert!(
            stage != Stage::Data || was_notified,
            "{} {request}: alert {alert:?}, {reason}",
            case.name
        );
        if let Some(alert) = alert.filter(|_| stage != Stage::Data) {
            assert_eq!(alert, 80, "{} {request}", case.name);
        }
    }
    panic!("no session without failing requests")
}

#[test]
fn a_request_that_fails_ends_the_session_and_nothing_else() {
    start(4 << 20, RESERVE);
    let (ec, rsa) = (Family::new(KeyKind::P256), Family::new(KeyKind::Rsa(2048)));
    for (version, offers) in [
        (Version::Tls12, Versions::TLS12),
        (Version::Tls13, Versions::TLS13),
    ] {
        for case in [
            Case::new("P-256", &ec, version),
            Case::new("P-256, mutual", &ec, version).mutual(KeyKind::P256),
            Case::new("RSA, mutual", &rsa, version).mutual(KeyKind::Rsa(2048)),
            Case::new("P-256", &ec, version).on_heap(),
            Case::new("P-256, mutual", &ec, version)
                .mutual(KeyKind::P256)
                .on_heap(),
        ] {
            let (requests, one) = each(&case, offers, Faults::One);
            let (_, all) = each(&case, offers, |request| Faults::From(request..));
            println!(
                "{}: {requests} requests; most of the reserve {one}, {all}",
                case.name
            );
            assert!(requests > 80, "{}", case.name);
        }
    }
}
