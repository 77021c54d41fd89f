//! What a session takes from its caller, in bytes; and recordings of handshakes for the program
//! that measures the stack on a chip's instruction set (`firmware/tools/stack`).

#![cfg(feature = "embedded-tls")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "doubles and checks of tests: a panic is how they say no"
)]

#[path = "../../../firmware/tools/stack/src/replay.rs"]
mod replay;

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;

use embedded_io_async::{ErrorType, Read, Write};
use tls_session::identity::IdentityMemory;
use tls_session::session::FULL_RECORD;
use tls_session::{
    Anchors, Clock, Connection, Deadlines, EngineRule, Identity, Memory, NameRule, Policy, Reason,
    Session, Timestamp,
};

use replay::{Expected, MAX_CERTIFICATES, NOW, NoTime, Recording, SameRng, Served};
use tls_doubles::exec::run;
use tls_doubles::io::{Broken, Faults, Rx, Tx, connect};
use tls_doubles::keys::{Key, KeyKind};
use tls_doubles::pki::{Family, Issued, Site, Spec};
use tls_doubles::script::Script;
use tls_doubles::server::Server;

/// Bytes of all that one session keeps, at full record size.
const STATIC_LIMIT: usize = 24 * 1024;

/// Bytes of the future of `Session::open`, the session it makes included; with the pointers of a PC.
const FUTURE_LIMIT: usize = 7 * 1024;

/// Where the recordings go; without it they are only checked.
const FOLDER: &str = "STACK_RECORDINGS";

type Transport<'a> = Connection<(Served<'a>, Expected<'a>, NoTime)>;

fn policy<'a>(anchors: &'a [&'a [u8]]) -> Policy<'a> {
    let anchors = Anchors::new(anchors).unwrap();
    let clock = Clock::At(Timestamp::from_unix(NOW));
    Policy {
        engine: EngineRule::WithoutHeap,
        ..Policy::chain(anchors, NameRule::DangerAnyName, clock)
    }
}

/// The sockets are the caller's and not counted: theirs here hold a slice each.
#[test]
fn a_session_and_its_memory_stay_within_24_kib() {
    let transport = Connection::new(Served(&[]), Expected(&[]), NoTime);
    let mut memory: Memory = Memory::new();
    let anchors: [&[u8]; 1] = [b"x"];
    let policy = policy(&anchors);
    let opening = size_of_val(&Session::open(
        &transport,
        &mut memory,
        &policy,
        Deadlines::default(),
        SameRng::new(),
    ));
    // With rustls also what two buffers on the heap are known by.
    let lent = usize::from(cfg!(feature = "rustls")) * 2 * 4 * size_of::<usize>();
    assert_eq!(size_of::<Memory>(), FULL_RECORD + 4096 + lent);
    let (transport, session) = (
        size_of::<Transport<'_>>(),
        size_of::<Session<'_, (Served<'_>, Expected<'_>, NoTime)>>(),
    );
    let sum = size_of::<Memory>() + transport + session;
    assert!(
        sum <= STATIC_LIMIT,
        "{} + transport {transport} + session {session}",
        size_of::<Memory>()
    );
    assert!(opening <= FUTURE_LIMIT, "{opening}");
}

/// Passes on what is read or written, and keeps it.
struct Tap<T> {
    inner: T,
    seen: Rc<RefCell<Vec<u8>>>,
}

impl<T> Tap<T> {
    fn on(inner: T) -> (Self, Rc<RefCell<Vec<u8>>>) {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let tap = Self {
            inner,
            seen: seen.clone(),
        };
        (tap, seen)
    }
}

impl<T> ErrorType for Tap<T> {
    type Error = Broken;
}

impl Read for Tap<Rx> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Broken> {
        let len = self.inner.read(buf).await?;
        self.seen.borrow_mut().extend(&buf[..len]);
        Ok(len)
    }
}

impl Write for Tap<Tx> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Broken> {
        let len = self.inner.write(buf).await?;
        self.seen.borrow_mut().extend(&buf[..len]);
        Ok(len)
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        self.inner.flush().await
    }
}

/// Bytes behind their length, as `replay.rs` reads them.
fn blobs<'b>(parts: impl IntoIterator<Item = &'b [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend(u32::try_from(part.len()).unwrap().to_le_bytes());
        bytes.extend(part);
    }
    bytes
}

/// A client's certificate and key.
fn identity(kind: KeyKind) -> Vec<u8> {
    let issued = Issued::self_signed(Spec::client("meter-7"), Key::new(kind, 0));
    let name: &[u8] = match kind {
        KeyKind::P256 => b"p256",
        KeyKind::P384 => b"p384",
        KeyKind::Ed25519 => b"ed25519",
        KeyKind::Rsa(_) => b"rsa",
    };
    let key = issued.key.private_parts();
    let parts = key.iter().map(Vec::as_slice);
    blobs([name, &issued.der].into_iter().chain(parts))
}

/// A handshake with a good server, which asks for the identity if there is one.
fn record(anchor: &[u8], site: &Site, identity: &[u8]) -> Vec<u8> {
    let mut script = Script::good(site);
    if !identity.is_empty() {
        script = script.asks_certificate();
    }
    let (_wire, rx, tx) = connect(Server::new(script), Faults::default());
    let (rx, server) = Tap::on(rx);
    let (tx, client) = Tap::on(tx);
    let certificates = site.chain.iter().map(Vec::as_slice);
    let all = |server: &[u8], client: &[u8]| {
        blobs(
            [anchor, server, client, identity]
                .into_iter()
                .chain(certificates.clone()),
        )
    };
    let before = all(&[], &[]);
    open(rx, tx, &Recording::parse(&before).unwrap()).unwrap();
    all(&server.borrow(), &client.borrow())
}

/// A handshake under the policy that a recording asks for.
fn open<R: Read, W: Write>(rx: R, tx: W, recording: &Recording<'_>) -> Result<(), Reason> {
    let anchors = [recording.anchor];
    let mut identity_memory: IdentityMemory = IdentityMemory::new();
    let identity = recording.identity().map(|(certificate, key)| {
        Identity::new(&[certificate], key, &mut identity_memory).unwrap()
    });
    let policy = Policy {
        identity: identity.as_ref(),
        ..policy(&anchors)
    };
    let transport = Connection::new(rx, tx, NoTime);
    let mut memory: Memory = Memory::new();
    let future = pin!(Session::open(
        &transport,
        &mut memory,
        &policy,
        Deadlines::default(),
        SameRng::new(),
    ));
    run(future).ready().map(drop)
}

/// As many authorities between root and leaf as path building goes through.
fn long(kind: KeyKind) -> (Issued, Site) {
    let root = Issued::self_signed(Spec::ca("Long Root"), Key::new(kind, 1));
    let mut authorities: Vec<Issued> = Vec::new();
    for number in 0..6 {
        let issuer = authorities.last().unwrap_or(&root);
        let spec = Spec::ca(&format!("Long {number}"));
        let next = issuer.issue(spec, Key::new(kind, 1));
        authorities.push(next);
    }
    let leaf = authorities
        .last()
        .unwrap()
        .issue(Spec::leaf("broker.local"), Key::new(kind, 2));
    let others: Vec<&Issued> = authorities.iter().rev().collect();
    let site = Site::new(&leaf, &others);
    (root, site)
}

#[test]
fn a_recorded_handshake_takes_the_same_course_again() {
    let folder = std::env::var_os(FOLDER).map(PathBuf::from);
    let family = |kind| {
        let family = Family::new(kind);
        (family.root.clone(), family.site())
    };
    let servers = [
        ("p256", family(KeyKind::P256)),
        ("p384", family(KeyKind::P384)),
        ("ed25519", family(KeyKind::Ed25519)),
        ("rsa-2048", family(KeyKind::Rsa(2048))),
        ("rsa-3072", family(KeyKind::Rsa(3072))),
        ("rsa-4096", family(KeyKind::Rsa(4096))),
        ("rsa-4096-long", long(KeyKind::Rsa(4096))),
        ("ed25519-long", long(KeyKind::Ed25519)),
    ];
    let clients = [
        ("client-p256", KeyKind::P256),
        ("client-p384", KeyKind::P384),
        ("client-ed25519", KeyKind::Ed25519),
        ("client-rsa-2048", KeyKind::Rsa(2048)),
        ("client-rsa-3072", KeyKind::Rsa(3072)),
        ("client-rsa-4096", KeyKind::Rsa(4096)),
    ];
    let servers = servers.map(|(name, server)| (name, server, Vec::new()));
    let clients = clients.map(|(name, kind)| (name, family(KeyKind::P256), identity(kind)));
    for (name, (root, site), identity) in servers.into_iter().chain(clients) {
        assert!(site.chain.len() <= MAX_CERTIFICATES, "{name}");
        let bytes = record(&root.der, &site, &identity);
        let recording = Recording::parse(&bytes).unwrap();
        assert_eq!(recording.chain(), site.chain, "{name}");
        assert_eq!(recording.identity().is_some(), !identity.is_empty());

        let again = |server, client| open(Served(server), Expected(client), &recording);
        assert_eq!(again(recording.server, recording.client), Ok(()), "{name}");
        // Replaying proves something only if another course is noticed.
        let (_, cut) = recording.server.split_last().unwrap();
        assert!(again(cut, recording.client).is_err(), "{name}");
        let (_, cut) = recording.client.split_last().unwrap();
        assert!(again(recording.server, cut).is_err(), "{name}");

        if let Some(folder) = &folder {
            fs::write(folder.join(format!("{name}.rec")), &bytes).unwrap();
        }
    }
}
