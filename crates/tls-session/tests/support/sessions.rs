//! Whole sessions on the heap of the images, with a server that allocates elsewhere.
//!
//! A program has one allocator, so a test that uses this is alone in its program.

use std::alloc::System;
use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use embedded_io_async::{Read, Write};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, KeyLog, SignatureScheme};
use session_heap::SessionHeap;
use tls_doubles::clock::Clock;
use tls_doubles::exec::{poll_n, run, run_until_stalled_then_advance};
use tls_doubles::io::{End, Faults, Wire, connect};
use tls_doubles::pki::{NOW, Site};
use tls_doubles::rng::TestRng;
use tls_session::identity::{ClientKey, IdentityMemory};
use tls_session::verify::Version;
use tls_session::{
    Anchors, Budget, Caps, Clock as Time, Connection, Deadlines, Heap, HeapMemory, Identity,
    Ledger, Memory, NameRule, Policy, Reason, Session, Timestamp, Transport, Versions,
};

use crate::peer::{Peer, Serves};
use tls_doubles::keys::{Key, KeyKind};
use tls_doubles::pki::{Family, Issued, Spec};

#[global_allocator]
pub(crate) static HEAP: SessionHeap<System> = SessionHeap::beside(System);

thread_local! {
    /// The harness allocates on a thread of its own.
    static THEIRS: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is that of the sessions.
fn is_theirs() -> bool {
    THEIRS.try_with(Cell::get).unwrap_or_default()
}

/// The heap, as sessions see it.
struct Sessions;

impl Heap for Sessions {
    fn free(&self) -> usize {
        HEAP.free()
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

/// The same heap, as if less of it were free.
struct Short;

static FREE: AtomicUsize = AtomicUsize::new(usize::MAX);
static LARGEST: AtomicUsize = AtomicUsize::new(usize::MAX);

impl Heap for Short {
    fn free(&self) -> usize {
        FREE.load(Ordering::Relaxed).min(HEAP.free())
    }

    fn largest(&self) -> usize {
        LARGEST.load(Ordering::Relaxed).min(HEAP.largest())
    }
}

/// What [`SHORT`] has free from here on.
pub(crate) fn leave_free(bytes: usize) {
    FREE.store(bytes, Ordering::Relaxed);
    LARGEST.store(usize::MAX, Ordering::Relaxed);
}

/// What it has in one piece, all else being free.
pub(crate) fn leave_largest(bytes: usize) {
    leave_free(usize::MAX);
    LARGEST.store(bytes, Ordering::Relaxed);
}

pub(crate) static SHORT: Ledger = Ledger::new(&Short, Caps::SMALL);
pub(crate) static FULL: Ledger = Ledger::new(&Sessions, Caps::FULL);
pub(crate) static SMALL: Ledger = Ledger::new(&Sessions, Caps::SMALL);
/// For two sessions that stay while others come and go.
pub(crate) static OTHERS: [Ledger; 2] = [const { Ledger::new(&Sessions, Caps::SMALL) }; 2];

/// Gives the heap its memory, for sessions on this thread.
pub(crate) fn start(sessions: usize, reserve: usize) {
    THEIRS.set(true);
    let memory = |bytes| Box::leak(vec![std::mem::MaybeUninit::uninit(); bytes].into_boxed_slice());
    let place = memory(sessions);
    PLACE.set((place.as_ptr().addr(), place.len())).unwrap();
    HEAP.start_on_thread(place, memory(reserve), is_theirs);
}

/// Where the memory of [`HEAP`] is: address and bytes.
static PLACE: OnceLock<(usize, usize)> = OnceLock::new();

/// What is in the memory of [`HEAP`], used and free.
pub(crate) fn content() -> Vec<u8> {
    let &(address, size) = PLACE.get().unwrap();
    let mut bytes = vec![0; size];
    let memory = File::open("/proc/self/mem").unwrap();
    memory
        .read_exact_at(&mut bytes, u64::try_from(address).unwrap())
        .unwrap();
    bytes
}

/// Asks for a certificate, with these names of authorities, and takes any.
#[derive(Debug, Default)]
pub(crate) struct Asks(pub(crate) Vec<DistinguishedName>);

impl ClientCertVerifier for Asks {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.0
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_tls12_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::RSA_PSS_SHA256,
        ]
    }
}

/// A client identity: certificate and key.
pub(crate) struct Own {
    certificate: Vec<u8>,
    pub(crate) key: Vec<Vec<u8>>,
}

impl Own {
    pub(crate) fn new(kind: KeyKind) -> Self {
        let root = Issued::self_signed(Spec::ca("Client Root"), Key::new(KeyKind::P256, 20));
        let client = root.issue(Spec::client("meter-7"), Key::new(kind, 0));
        Self {
            key: client.key.private_parts(),
            certificate: client.der,
        }
    }

    fn identity<'m>(&'m self, room: &'m mut IdentityMemory<4096>) -> Identity<'m> {
        let key = match &self.key[..] {
            [scalar] => ClientKey::P256(scalar),
            [modulus, public_exponent, p, q, dp, dq, coefficient] => ClientKey::Rsa {
                modulus,
                public_exponent,
                primes: [p, q],
                exponents: [dp, dq],
                coefficient,
            },
            parts => panic!("{} parts", parts.len()),
        };
        Identity::new(&[&self.certificate], key, room).unwrap()
    }
}

/// A session to be opened.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) site: Site,
    pub(crate) root: Vec<u8>,
    pub(crate) versions: Vec<Version>,
    pub(crate) own: Option<Own>,
    /// What the server names if it asks for a certificate.
    pub(crate) asks: Option<Vec<DistinguishedName>>,
    pub(crate) fragment: Option<usize>,
    /// Records are on the heap.
    pub(crate) on_heap: bool,
    /// Who is told the secrets of the session, by the server.
    pub(crate) key_log: Option<Arc<dyn KeyLog>>,
}

impl Case {
    pub(crate) fn new(name: &str, family: &Family, version: Version) -> Self {
        Self {
            name: format!("{name}, {version:?}"),
            site: family.site(),
            root: family.root.der.clone(),
            versions: vec![version],
            own: None,
            asks: None,
            fragment: None,
            on_heap: false,
            key_log: None,
        }
    }

    /// The same with records on the heap.
    pub(crate) fn on_heap(self) -> Self {
        Self {
            name: format!("{}, on the heap", self.name),
            on_heap: true,
            ..self
        }
    }

    /// Both sides show certificates.
    pub(crate) fn mutual(self, kind: KeyKind) -> Self {
        Self {
            own: Some(Own::new(kind)),
            asks: Some(Vec::new()),
            ..self
        }
    }

    /// Fills the chain up to so many bytes.
    pub(crate) fn padded(mut self, bytes: usize) -> Self {
        let filler = self.site.chain[1].clone();
        let mut all: usize = self.site.chain.iter().map(Vec::len).sum();
        while all + filler.len() + 100 < bytes && self.site.chain.len() < 15 {
            all += filler.len();
            self.site.chain.push(filler.clone());
        }
        self
    }

    fn serves(&self) -> Serves {
        let mut serves = Serves::new(&self.site);
        serves.versions.clone_from(&self.versions);
        serves.fragment = self.fragment;
        serves.key_log.clone_from(&self.key_log);
        if let Some(names) = &self.asks {
            serves.clients = Arc::new(Asks(names.clone()));
        }
        serves
    }
}

/// Bytes of heap that a session took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) handshake: usize,
    pub(crate) idle: usize,
    pub(crate) most: usize,
}

/// How a session went, and the server afterwards.
pub(crate) struct Ended {
    pub(crate) taken: Result<Taken, Reason>,
    pub(crate) wire: Wire<Peer>,
}

const IN: usize = 16_640;

/// What a case asks for.
fn with_policy<V>(case: &Case, offers: Versions, then: impl FnOnce(&Policy<'_>) -> V) -> V {
    let anchors = [&case.root[..]];
    let now = Time::At(Timestamp::from_unix(i64::try_from(NOW).unwrap()));
    let mut room = IdentityMemory::<4096>::new();
    let identity = case.own.as_ref().map(|own| own.identity(&mut room));
    let anchors = Anchors::new(&anchors).unwrap();
    then(&Policy {
        versions: offers,
        identity: identity.as_ref(),
        ..Policy::chain(anchors, NameRule::DangerAnyName, now)
    })
}

/// What it may take.
pub(crate) fn budget_of(case: &Case, ledger: &Ledger, offers: Versions) -> Budget {
    with_policy(case, offers, |policy| {
        let own = tls_session::Own::of(policy);
        let buffer = if case.on_heap { 0 } else { IN };
        tls_session::budget(ledger.caps(), offers, own, buffer)
    })
}

/// A handshake, data in both directions, close_notify. All that the client took is free again afterwards.
pub(crate) fn session(case: &Case, ledger: &'static Ledger, offers: Versions) -> Ended {
    session_over(case, ledger, offers, Faults::default())
}

/// The same over a connection that misbehaves.
pub(crate) fn session_over(
    case: &Case,
    ledger: &'static Ledger,
    offers: Versions,
    faults: Faults,
) -> Ended {
    let (wire, rx, tx) = connect(case.serves().peer(), faults);
    let taken = with_policy(case, offers, |policy| {
        let clock = Clock::default();
        let (mut memory, mut none) = (Box::new(Memory::<IN, 4096>::new()), HeapMemory::new());
        let (before, promised) = (HEAP.free(), ledger.promised());
        HEAP.forget_least();
        let taken = {
            let connection = Connection::new(rx, tx, clock.delay()).with_ledger(ledger);
            if case.on_heap {
                let all = use_it(&connection, &mut none, policy, (&wire, before));
                run_until_stalled_then_advance(pin!(all), &clock).ready()
            } else {
                let all = use_it(&connection, &mut memory, policy, (&wire, before));
                run_until_stalled_then_advance(pin!(all), &clock).ready()
            }
        };
        assert_eq!(HEAP.free(), before, "{}: {taken:?}", case.name);
        assert_eq!(ledger.promised(), promised, "{}", case.name);
        taken
    });
    Ended { taken, wire }
}

async fn use_it<T: Transport, const I: usize, const O: usize>(
    connection: &Connection<T>,
    memory: &mut Memory<I, O>,
    policy: &Policy<'_>,
    (wire, before): (&Wire<Peer>, usize),
) -> Result<Taken, Reason> {
    let (rng, deadlines) = (TestRng::new(1), Deadlines::default());
    let mut session = Session::open(connection, memory, policy, deadlines, rng).await?;
    let handshake = before - HEAP.least_free();
    let settled = before - HEAP.free();
    {
        let (mut rx, mut tx) = session.split();
        tx.write_all(&[7; 5000]).await?;
        tx.flush().await?;
        wire.server_mut().send_app(&[8; 20_000]);
        let mut left = 20_000;
        let mut buffer = [0; 1000];
        while left > 0 {
            left -= rx.read(&mut buffer).await?;
        }
    }
    let idle = before - HEAP.free();
    session.close().await?;
    Ok(Taken {
        handshake,
        idle: idle.max(settled),
        most: before - HEAP.least_free(),
    })
}

/// Does something while a handshake waits for its server.
pub(crate) fn while_under_way<V>(
    case: &Case,
    ledger: &'static Ledger,
    offers: Versions,
    then: impl FnOnce() -> V,
) {
    let faults = Faults {
        cut: Some((0, End::Stall)),
        ..Faults::default()
    };
    let (_wire, rx, tx) = connect(case.serves().peer(), faults);
    with_policy(case, offers, |policy| {
        let clock = Clock::default();
        let mut memory = Box::new(Memory::<IN, 4096>::new());
        let connection = Connection::new(rx, tx, clock.delay()).with_ledger(ledger);
        let (rng, deadlines) = (TestRng::new(1), Deadlines::default());
        let open = Session::open(&connection, &mut memory, policy, deadlines, rng);
        let mut open = pin!(open);
        assert!(matches!(poll_n(open.as_mut(), 3), Poll::Pending));
        then();
    });
}

/// Does something while a session is open.
pub(crate) fn while_open<V>(
    case: &Case,
    ledger: &'static Ledger,
    offers: Versions,
    then: impl FnOnce() -> V,
) {
    let (_wire, rx, tx) = connect(case.serves().peer(), Faults::default());
    with_policy(case, offers, |policy| {
        let clock = Clock::default();
        let mut memory = Box::new(Memory::<IN, 4096>::new());
        let connection = Connection::new(rx, tx, clock.delay()).with_ledger(ledger);
        let (rng, deadlines) = (TestRng::new(1), Deadlines::default());
        let open = Session::open(&connection, &mut memory, policy, deadlines, rng);
        let session = run(pin!(open)).ready().unwrap();
        then();
        drop(session);
    });
    assert_eq!(ledger.promised(), 0);
}
