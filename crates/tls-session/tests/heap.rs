//! What a session of rustls takes from the heap. One test, because it counts for the whole program.
//!
//! The server and the transport of the test allocate too: what they take and give back is left out.

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

use std::alloc::System;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use embedded_hal_async::delay::DelayNs as _;
use embedded_io_async::{ErrorType, Read, Write};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tls_session::identity::{ClientKey, IdentityMemory};
use tls_session::verify::Version;
use tls_session::{
    Anchors, Clock as Time, Connection, Deadlines, Identity, Memory, NameRule, Policy, Session,
    Timestamp, Versions,
};

use peer::{Peer, Serves};
use tls_doubles::clock::Clock;
use tls_doubles::exec::{Outcome, run};
use tls_doubles::io::{Broken, Faults, Rx, Tx, connect};
use tls_doubles::keys::{Key, KeyKind};
use tls_doubles::pki::{Family, Issued, NOW, Site, Spec};
use tls_doubles::rng::TestRng;

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

thread_local! {
    /// Bytes that the test's own doubles hold.
    static OTHERS: Cell<isize> = const { Cell::new(0) };
    /// Most bytes that the session held where it was looked at: between its steps.
    static MOST: Cell<isize> = const { Cell::new(0) };
}

/// Bytes in use, whoever uses them.
fn in_use() -> isize {
    let stats = HEAP.stats();
    let of = |bytes: usize| isize::try_from(bytes).unwrap();
    of(stats.bytes_allocated) - of(stats.bytes_deallocated)
}

/// Bytes that the session holds.
fn held(before: isize) -> isize {
    in_use() - before - OTHERS.get()
}

/// Does something that does not count.
fn aside<T>(then: impl FnOnce() -> T) -> T {
    let before = in_use();
    let value = then();
    OTHERS.set(OTHERS.get() + in_use() - before);
    value
}

/// A half of the transport whose heap does not count.
struct Aside<I> {
    inner: I,
    before: isize,
}

impl<I> Aside<I> {
    async fn poll<F: Future>(before: isize, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| -> Poll<F::Output> {
            MOST.set(MOST.get().max(held(before)));
            aside(|| future.as_mut().poll(context))
        })
        .await
    }
}

impl<I> ErrorType for Aside<I> {
    type Error = Broken;
}

impl Read for Aside<Rx<Peer>> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Broken> {
        Self::poll(self.before, self.inner.read(buf)).await
    }
}

impl Write for Aside<Tx<Peer>> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Broken> {
        Self::poll(self.before, self.inner.write(buf)).await
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        Self::poll(self.before, self.inner.flush()).await
    }
}

/// Bytes of a handshake beside the server's chain and the anchor, with pointers of 8 bytes: measured are 7,090
/// with 15 certificates, and 350 more with an identity.
const fn bound(with_identity: bool) -> isize {
    if with_identity { 7_800 } else { 7_450 }
}

/// Bytes of an open session beside the server's chain and the length of the anchor, which is gone: measured are 6,654 with
/// 15 certificates, 400 of them for lists that are counted as they come. An identity is forgotten too.
const IDLE: isize = 6_700;

/// Bytes of a handshake between its steps, of an open session, and of one that was closed.
#[derive(Debug)]
struct Taken {
    handshake: isize,
    idle: isize,
    closed: isize,
}

fn measure(site: &Site, policy: &Policy<'_>, version: Version, clients: bool) -> Taken {
    let serves = Serves::only(site, version);
    let serves = match clients {
        true => Serves {
            clients: std::sync::Arc::new(AnyClient),
            ..serves
        },
        false => serves,
    };
    let policy = Policy {
        versions: Versions::new(version, version).unwrap(),
        ..*policy
    };
    let clock = Clock::default();
    // The list of who sleeps keeps its memory once it has some.
    {
        let mut delay = clock.delay();
        let mut sleep = pin!(delay.delay_ms(1));
        assert_eq!(run(sleep.as_mut()), Outcome::Stalled);
    }
    let (wire, rx, tx) = connect(serves.peer(), Faults::default());
    let mut memory = Box::new(Memory::<16_640, 4096>::new());
    OTHERS.set(0);
    MOST.set(0);
    let before = in_use();
    let rx = Aside { inner: rx, before };
    let tx = Aside { inner: tx, before };
    let connection = Connection::new(rx, tx, clock.delay());
    let (handshake, idle) = {
        let mut future = pin!(async {
            let rng = TestRng::new(1);
            let deadlines = Deadlines::default();
            let open = Session::open(&connection, &mut memory, &policy, deadlines, rng);
            let mut session = open.await.unwrap();
            let handshake = MOST.get();
            {
                let (mut rx, mut tx) = session.split();
                tx.write_all(&[7; 5000]).await.unwrap();
                tx.flush().await.unwrap();
                aside(|| wire.server_mut().send_app(&[8; 20_000]));
                let mut left = 20_000;
                let mut buffer = [0; 1000];
                while left > 0 {
                    left -= rx.read(&mut buffer).await.unwrap();
                }
            }
            let idle = held(before);
            session.close().await.unwrap();
            (handshake, idle)
        });
        run(future.as_mut()).ready()
    };
    // The waker of the executor, and what the clock keeps, are gone with the future.
    let closed = held(before);
    assert!(wire.server().close_notify);
    Taken {
        handshake,
        idle,
        closed,
    }
}

/// Asks for a certificate and takes any.
#[derive(Debug)]
struct AnyClient;

impl rustls::server::danger::ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::server::danger::ClientCertVerified, rustls::Error> {
        Ok(rustls::server::danger::ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.verify_tls12_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        vec![rustls::SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

#[test]
fn a_session_gives_back_what_it_took() {
    let client_root = Issued::self_signed(Spec::ca("Client Root"), Key::new(KeyKind::P256, 20));
    let client = client_root.issue(Spec::client("meter-7"), Key::new(KeyKind::P256, 0));
    let parts = client.key.private_parts();
    let mut room = IdentityMemory::<4096>::new();
    let identity = Identity::new(&[&client.der], ClientKey::P256(&parts[0]), &mut room).unwrap();
    let (ec, rsa) = (Family::new(KeyKind::P256), Family::new(KeyKind::Rsa(2048)));
    let mut long = rsa.site();
    let filler = long.chain[1].clone();
    long.chain.extend(std::iter::repeat_n(filler, 13));
    for (what, site, root, with_identity) in [
        ("P-256", ec.site(), &ec.root, false),
        ("RSA, 2", rsa.site(), &rsa.root, false),
        ("RSA, 15", long, &rsa.root, false),
        ("P-256, identity", ec.site(), &ec.root, true),
    ] {
        let now = Time::At(Timestamp::from_unix(i64::try_from(NOW).unwrap()));
        let anchors: &[&[u8]] = &[&root.der];
        let policy = Policy {
            identity: with_identity.then_some(&identity),
            ..Policy::chain(Anchors::new(anchors).unwrap(), NameRule::DangerAnyName, now)
        };
        let shown: usize = site.chain.iter().map(Vec::len).sum();
        let copied = isize::try_from(shown + root.der.len()).unwrap();
        for version in [Version::Tls12, Version::Tls13] {
            // What is made once for the whole program.
            measure(&site, &policy, version, with_identity);
            let taken = measure(&site, &policy, version, with_identity);
            println!("{what}, {version:?}: chain and anchor {copied}, {taken:?}");
            assert_eq!(taken.closed, 0, "{what} {version:?}");
            let most = copied + bound(with_identity);
            assert!(taken.handshake <= most, "{what} {version:?}: {taken:?}");
            assert!(taken.idle <= copied + IDLE, "{what} {version:?}: {taken:?}");
        }
    }
}
