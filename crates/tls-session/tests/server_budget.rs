//! What a session with a client takes from the heap stays within what was computed before it began, whatever the client
//! sends, and one that does not fit is refused with both numbers. One test, because a program has one heap.

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
use std::mem::MaybeUninit;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use embedded_io_async::{Read, Write};
use session_heap::SessionHeap;
use tls_doubles::clock::Clock;
use tls_doubles::exec::run_until_stalled_then_advance;
use tls_doubles::io::{Endpoint, Faults, Wire, connect};
use tls_doubles::keys::{Key, KeyKind};
use tls_doubles::pki::{Family, Issued, Site, Spec};
use tls_doubles::rng::TestRng;
use tls_session::budget::{call, server_budget};
use tls_session::reason::{CapacityError, Limit, PeerRole};
use tls_session::verify::Version;
use tls_session::{
    Acceptor, Budget, Caps, Cause, Connection, Deadlines, FULL_RECORD, Heap, Ledger, Memory, Own,
    Reason, Session, Stage, Versions,
};

use host::{TestSession, acceptor, now};
use visitor::{Says, Visitor, Visits};

#[global_allocator]
static HEAP: SessionHeap<System> = SessionHeap::beside(System);

/// Free in the heap as sessions see it, at most.
static FREE: AtomicUsize = AtomicUsize::new(usize::MAX);

struct Sessions;

impl Heap for Sessions {
    fn free(&self) -> usize {
        FREE.load(Ordering::Relaxed).min(HEAP.free())
    }

    fn largest(&self) -> usize {
        HEAP.largest()
    }

    fn enter(&self) {
        HEAP.enter();
    }

    fn leave(&self) -> Option<usize> {
        HEAP.leave()
    }
}

static FULL: Ledger = Ledger::new(&Sessions, Caps::FULL);
static SMALL: Ledger = Ledger::new(&Sessions, Caps::SMALL);

fn leave_free(bytes: usize) {
    FREE.store(bytes, Ordering::Relaxed);
}

/// A server, and what it shows.
struct Server {
    acceptor: Acceptor,
    own: Own,
    asks: bool,
}

impl Server {
    /// One that shows `site`, and may ask for certificates of `root`.
    fn new(site: &Site, root: Option<&Issued>, versions: Versions) -> Self {
        let anchors: Vec<&[u8]> = root.iter().map(|root| &root.der[..]).collect();
        let anchors = root.map(|_| &anchors[..]);
        let acceptor = acceptor(site, anchors, |policy| policy.versions = versions);
        // As the crate counts it: the block of each beside its bytes.
        let block = if usize::BITS > 32 { 72 } else { 36 };
        Self {
            acceptor,
            own: Own {
                // The name of the one root.
                anchors: if root.is_some() { 2 * (24 + block) } else { 0 },
                identity: site.chain.iter().map(|der| der.len() + block).sum(),
            },
            asks: root.is_some(),
        }
    }

    fn budget(&self, ledger: &Ledger, versions: Versions) -> Budget {
        server_budget(ledger.caps(), versions, self.own, self.asks, FULL_RECORD)
    }
}

/// Bytes of heap that a session took.
#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    handshake: usize,
    idle: usize,
    most: usize,
}

/// A client from whose first byte on the heap is looked at. With `std` rustls makes a store of 30 KB before it is told that
/// none is wanted; images have no `std`.
struct Watched<S> {
    client: S,
    is_first: bool,
}

impl<S: Endpoint> Endpoint for Watched<S> {
    fn receive(&mut self, bytes: &[u8]) {
        self.client.receive(bytes);
    }

    fn take_output(&mut self) -> Vec<u8> {
        if std::mem::take(&mut self.is_first) {
            HEAP.forget_least();
        }
        self.client.take_output()
    }

    fn closed(&self) -> bool {
        self.client.closed()
    }
}

/// A visit under a ledger; all that the session took is free again afterwards.
fn visit<S: Endpoint>(
    client: S,
    server: &Server,
    ledger: &'static Ledger,
    then: impl AsyncFnOnce(TestSession<'_, Watched<S>>, &Wire<Watched<S>>) -> Result<(), Reason>,
) -> (Result<(), Reason>, Taken, Wire<Watched<S>>) {
    let client = Watched {
        client,
        is_first: true,
    };
    let (wire, rx, tx) = connect(client, Faults::default());
    let clock = Clock::default();
    let mut memory = Box::new(Memory::<FULL_RECORD, 4096>::new());
    let before = HEAP.free();
    HEAP.forget_least();
    let mut taken = Taken::default();
    let result = {
        let connection = Connection::new(rx, tx, clock.delay()).with_ledger(ledger);
        let all = async {
            let (rng, deadlines) = (TestRng::new(7), Deadlines::default());
            let accept = Session::accept(
                &connection,
                &mut memory,
                &server.acceptor,
                now(),
                deadlines,
                rng,
            );
            let session = accept.await;
            taken.handshake = before - HEAP.least_free();
            taken.idle = before - HEAP.free();
            then(session?, &wire).await
        };
        run_until_stalled_then_advance(pin!(all), &clock).ready()
    };
    taken.most = before - HEAP.least_free();
    assert_eq!(HEAP.free(), before, "{result:?}");
    assert_eq!(ledger.promised(), 0, "{result:?}");
    (result, taken, wire)
}

/// Data from the client and back, of more than a record.
async fn use_it(
    mut session: TestSession<'_, Watched<Visitor>>,
    wire: &Wire<Watched<Visitor>>,
) -> Result<(), Reason> {
    const LEN: usize = 20_000;
    {
        let (mut rx, mut tx) = session.split();
        wire.server_mut().client.send_app(&[7; LEN]);
        let mut buffer = [0; 1000];
        let mut left = LEN;
        while left > 0 {
            left -= rx.read(&mut buffer).await?;
        }
        tx.write_all(&[8; LEN]).await?;
        tx.flush().await?;
    }
    assert!(wire.server().client.app == [8; LEN]);
    session.close().await
}

const VERSIONS: [(Version, Versions); 2] = [
    (Version::Tls12, Versions::TLS12),
    (Version::Tls13, Versions::TLS13),
];

fn root() -> Issued {
    Issued::self_signed(Spec::ca("Client Root"), Key::new(KeyKind::P256, 20))
}

/// A client's chain, filled with more of the same up to so many bytes as the message carries.
fn chain_of(root: &Issued, kind: KeyKind, bytes: usize) -> Site {
    let leaf = root.issue(Spec::client("meter-7"), Key::new(kind, 30));
    let middle = root.issue(Spec::ca("Client Middle"), Key::new(kind, 21));
    let mut site = Site::new(&leaf, &[]);
    let mut all = leaf.der.len();
    while all + middle.der.len() + 8 < bytes && site.chain.len() < 15 {
        all += middle.der.len() + 8;
        site.chain.push(middle.der.clone());
    }
    site
}

/// Honest clients, with and without certificates, up to as long as they may be.
fn stay_within_their_budgets() {
    let root = root();
    let (ec, rsa) = (Family::new(KeyKind::P256), Family::new(KeyKind::Rsa(2048)));
    for ledger in [&SMALL, &FULL] {
        for (name, site) in [("P-256", ec.site()), ("RSA-2048", rsa.site())] {
            for asks in [false, true] {
                for (version, versions) in VERSIONS {
                    let server = Server::new(&site, asks.then_some(&root), versions);
                    let budget = server.budget(ledger, versions);
                    let longest = ledger.caps().client.min(16_000) - 700;
                    for bytes in [0, 2000, longest] {
                        let visits = match asks {
                            true => Visits::only(version).shows(&chain_of(
                                &root,
                                KeyKind::Rsa(2048),
                                bytes,
                            )),
                            false => Visits::only(version),
                        };
                        let (result, taken, _) = visit(visits.visitor(), &server, ledger, use_it);
                        let what = format!("{name}, {version:?}, asks {asks}, {bytes}");
                        assert_eq!(result, Ok(()), "{what}");
                        println!("{what}: {taken:?} of {budget:?}");
                        assert!(
                            taken.handshake <= budget.handshake,
                            "{what}: {taken:?} {budget:?}"
                        );
                        assert!(taken.idle <= budget.idle, "{what}: {taken:?} {budget:?}");
                        let later = taken.most.max(taken.handshake) - taken.idle;
                        assert!(
                            taken.most == taken.handshake || later <= call(bytes),
                            "{what}: {later}"
                        );
                    }
                }
            }
        }
    }
}

/// A ClientHello with lists of this many entries: suites, groups, schemes, and so many protocols of so many bytes.
fn hello(version: Version, words: [usize; 3], protocols: (usize, usize)) -> Vec<u8> {
    let long = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let list = |first: &[u16], count: usize| {
        let filler = (0..count).map(|at| 0x6000 + u16::try_from(at).unwrap());
        let words = first.iter().copied().chain(filler);
        long(&words.flat_map(u16::to_be_bytes).collect::<Vec<u8>>())
    };
    let suites = match version {
        Version::Tls12 => list(&[0xc02b], words[0]),
        Version::Tls13 => list(&[0x1301], words[0]),
    };
    let protocol = vec![b'x'; protocols.1];
    let protocol = [&[u8::try_from(protocols.1).unwrap()], &protocol[..]].concat();
    let mut extensions = vec![
        (10_u16, list(&[0x17], words[1])),
        (13, list(&[0x0403], words[2])),
    ];
    if protocols.0 > 0 {
        extensions.push((16, long(&protocol.repeat(protocols.0))));
    }
    if version == Version::Tls13 {
        extensions.push((43, vec![2, 3, 4]));
        let point = Key::new(KeyKind::P256, 3).spki();
        let point = &point[point.len() - 65..];
        let share = [&[0, 0x17][..], &long(point)].concat();
        extensions.push((51, long(&share)));
    }
    let extensions: Vec<u8> = extensions
        .into_iter()
        .flat_map(|(kind, content)| [kind.to_be_bytes().to_vec(), long(&content)].concat())
        .collect();
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[0],
        &suites,
        &[1, 0],
        &long(&extensions),
    ]
    .concat();
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    let message = [&[1][..], &len[1..], &body].concat();
    message
        .chunks(16_000)
        .flat_map(|part| [&[22, 3, 1][..], &long(part)].concat())
        .collect()
}

/// A client that sends this hello and nothing else takes no more than was promised.
fn stay_within_them_whatever_the_hello() {
    const NUMBERS: usize = 310;
    let (ec, root) = (Family::new(KeyKind::P256), root());
    for ledger in [&SMALL, &FULL] {
        let mut worst = 0;
        for (version, versions) in VERSIONS {
            let server = Server::new(&ec.site(), Some(&root), versions);
            let budget = server.budget(ledger, versions);
            for numbers in [
                [NUMBERS, 0, 0],
                [0, NUMBERS, 0],
                [0, 0, NUMBERS],
                [NUMBERS / 3; 3],
                [260, 50, 0],
            ] {
                for (count, protocol) in [(0, 0), (30, 1), (30, 50), (9, 190)] {
                    let says = Says {
                        bytes: hello(version, numbers, (count, protocol)),
                        closed: true,
                        ..Says::default()
                    };
                    let (result, taken, _) =
                        visit(says, &server, ledger, async |_, _| panic!("open"));
                    let what = format!("{version:?} {numbers:?} {count} of {protocol}");
                    let reason = result.unwrap_err();
                    assert!(
                        !matches!(reason.cause, Cause::Capacity(_)),
                        "{what}: {reason}"
                    );
                    assert!(
                        taken.handshake <= budget.handshake,
                        "{what}: {taken:?} {budget:?}"
                    );
                    worst = worst.max(taken.handshake);
                }
            }
            println!("hellos, {version:?}: {worst} of {budget:?}");
        }
    }
}

/// What takes more memory than it has bytes is counted, in a first hello and in a second one.
fn are_refused_more_entries_than_there_may_be() {
    let ec = Family::new(KeyKind::P256);
    for (version, versions) in VERSIONS {
        let server = Server::new(&ec.site(), None, versions);
        // A share is one as well.
        let others = usize::from(version == Version::Tls13);
        let lists = |count: usize| {
            [
                (hello(version, [0; 3], (count - others, 1)), 32),
                (hello(version, [200, 100 + count, 0], (0, 0)), 320),
            ]
        };
        for (bytes, limit) in [33, 500].into_iter().flat_map(lists) {
            let says = Says {
                bytes,
                ..Says::default()
            };
            let (result, _, wire) = visit(says, &server, &SMALL, async |_, _| panic!("open"));
            let reason = result.unwrap_err();
            let Cause::Capacity(CapacityError::TooLarge {
                what,
                needed,
                limit: most,
            }) = reason.cause
            else {
                panic!("{version:?}: {reason}")
            };
            assert_eq!((what, most), (Limit::Entries, limit));
            assert!(needed > limit);
            assert_eq!(wire.server().client.came, Acceptor::INTERNAL_ERROR);
        }
    }
}

/// A chain that is longer than clients may show is refused before it is kept.
fn are_refused_more_than_a_client_may_send() {
    let (ec, root) = (Family::new(KeyKind::P256), root());
    for (version, versions) in VERSIONS {
        let server = Server::new(&ec.site(), Some(&root), versions);
        let visits = Visits::only(version).shows(&chain_of(&root, KeyKind::Rsa(2048), 6000));
        let (result, taken, wire) = visit(visits.visitor(), &server, &SMALL, use_it);
        let reason = result.unwrap_err();
        let Cause::Capacity(CapacityError::TooLarge { what, limit, .. }) = reason.cause else {
            panic!("{version:?}: {reason}")
        };
        assert_eq!((what, limit), (Limit::Flight, 4096));
        assert!(wire.server().client.alert().is_some(), "{version:?}");
        let budget = server.budget(&SMALL, versions);
        assert!(taken.handshake <= budget.handshake);
    }
}

/// With one byte less than needed the client gets an alert and nothing else, and the reason has both numbers.
fn are_refused_with_both_numbers() {
    let (ec, root) = (Family::new(KeyKind::P256), root());
    for (version, versions) in VERSIONS {
        for asks in [false, true] {
            let server = Server::new(&ec.site(), asks.then_some(&root), versions);
            let site = chain_of(&root, KeyKind::P256, 0);
            let visits = Visits::only(version).shows(&site);
            let budget = server.budget(&SMALL, versions);
            leave_free(budget.handshake);
            let (result, ..) = visit(visits.visitor(), &server, &SMALL, use_it);
            assert_eq!(result, Ok(()), "{version:?} {asks}");
            leave_free(budget.handshake - 1);
            let (result, _, wire) = visit(visits.visitor(), &server, &SMALL, use_it);
            let reason = result.unwrap_err();
            let needed = u32::try_from(budget.handshake).unwrap();
            let wanted = CapacityError::NoMemory {
                needed,
                free: needed - 1,
            };
            assert_eq!(
                (reason.stage, reason.cause, reason.peer),
                (Stage::Setup, Cause::Capacity(wanted), PeerRole::Client)
            );
            assert_eq!(wire.server().client.alert(), Some(80));
            assert_eq!(wire.server().client.came(), Acceptor::INTERNAL_ERROR);
            let asked = SMALL.check_client(&server.acceptor, FULL_RECORD, 0);
            assert_eq!(asked, Err(wanted));
            leave_free(usize::MAX);
        }
    }
}

/// A certificate over TLS 1.2 takes most: without the heap for it TLS 1.3 alone is served, and a client that does not speak
/// it is refused with both numbers.
fn leave_out_tls_12_where_it_does_not_fit() {
    let (ec, root) = (Family::new(KeyKind::P256), root());
    let server = Server::new(&ec.site(), Some(&root), Versions::ALL);
    let site = chain_of(&root, KeyKind::P256, 0);
    let all = server.budget(&SMALL, Versions::ALL);
    let newer = server.budget(&SMALL, Versions::TLS13);
    assert!(newer.handshake < all.handshake);
    for free in [all.handshake - 1, newer.handshake] {
        leave_free(free);
        let both = Visits::new().shows(&site);
        let (result, ..) = visit(both.visitor(), &server, &SMALL, use_it);
        assert_eq!(result, Ok(()));
        let older = Visits::only(Version::Tls12).shows(&site);
        let (result, _, wire) = visit(older.visitor(), &server, &SMALL, use_it);
        let wanted = CapacityError::NoMemory {
            needed: u32::try_from(all.handshake).unwrap(),
            free: u32::try_from(free).unwrap(),
        };
        let reason = result.unwrap_err();
        assert_eq!(
            (reason.stage, reason.cause),
            (Stage::Hello, Cause::Capacity(wanted))
        );
        assert_eq!(wire.server().client.alert(), Some(80));
    }
    leave_free(newer.handshake - 1);
    let both = Visits::new().shows(&site);
    let (result, ..) = visit(both.visitor(), &server, &SMALL, use_it);
    assert_eq!(result.unwrap_err().stage, Stage::Setup);
    leave_free(usize::MAX);
}

#[test]
fn sessions_with_clients_stay_within_their_budgets_or_are_refused() {
    let memory = |bytes| Box::leak(vec![MaybeUninit::uninit(); bytes].into_boxed_slice());
    HEAP.start(memory(4 << 20), memory(64 << 10));
    stay_within_their_budgets();
    stay_within_them_whatever_the_hello();
    are_refused_more_entries_than_there_may_be();
    are_refused_more_than_a_client_may_send();
    are_refused_with_both_numbers();
    leave_out_tls_12_where_it_does_not_fit();
}
