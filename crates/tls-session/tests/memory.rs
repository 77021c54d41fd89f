//! What a session takes from its caller, in bytes; and recordings of handshakes for the program
//! that measures the stack on a chip's instruction set (`firmware/stack`).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "doubles and checks of tests: a panic is how they say no"
)]

#[expect(
    dead_code,
    reason = "the doubles of the duties, of which a good server is enough here"
)]
#[path = "duties/support/mod.rs"]
mod support;

#[path = "../../../firmware/stack/src/replay.rs"]
mod replay;

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;

use embedded_io_async::{ErrorType, Read, Write};
use tls_session::session::FULL_RECORD;
use tls_session::{
    Anchors, Clock, Deadlines, GuardedTransport, Memory, Policy, Reason, Session, Timestamp,
};

use replay::{Expected, MAX_CERTIFICATES, NOW, NoTime, Recording, SameRng, Served};
use support::exec::run;
use support::io::{Broken, Faults, Rx, Tx, connect};
use support::keys::{Key, Kind};
use support::pki::{Family, Issued, Site, Spec};
use support::script::Script;
use support::server::Server;

/// Bytes of all that one session keeps, at full record size.
const STATIC_LIMIT: usize = 24 * 1024;

/// Bytes of the future of `Session::open`, the session it makes included; with the pointers of a PC.
const FUTURE_LIMIT: usize = 6 * 1024;

/// Where the recordings go; without it they are only checked.
const FOLDER: &str = "STACK_RECORDINGS";

type Transport<'a> = GuardedTransport<Served<'a>, Expected<'a>, NoTime>;

fn policy<'a>(anchors: &'a [&'a [u8]]) -> Policy<'a> {
    Policy::chain(
        Anchors::new(anchors).unwrap(),
        Clock::At(Timestamp::from_unix(NOW)),
    )
}

/// The sockets are the caller's and not counted: theirs here hold a slice each.
#[test]
fn a_session_and_its_memory_stay_within_24_kib() {
    let transport = GuardedTransport::new(Served(&[]), Expected(&[]), NoTime);
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
    assert_eq!(size_of::<Memory>(), FULL_RECORD + 4096);
    let (transport, session) = (
        size_of::<Transport<'_>>(),
        size_of::<Session<'_, Served<'_>, Expected<'_>, NoTime>>(),
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

/// A handshake with a good server.
fn record(anchor: &[u8], site: &Site) -> Vec<u8> {
    let (_wire, rx, tx) = connect(Server::new(Script::good(site)), Faults::default());
    let (rx, server) = Tap::on(rx);
    let (tx, client) = Tap::on(tx);
    let anchors = [anchor];
    open(rx, tx, &policy(&anchors)).unwrap();

    let mut recording = Vec::new();
    let mut blob = |bytes: &[u8]| {
        recording.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        recording.extend(bytes);
    };
    blob(anchor);
    blob(&server.borrow());
    blob(&client.borrow());
    for certificate in &site.chain {
        blob(certificate);
    }
    recording
}

fn open<R: Read, W: Write>(rx: R, tx: W, policy: &Policy<'_>) -> Result<(), Reason> {
    let transport = GuardedTransport::new(rx, tx, NoTime);
    let mut memory: Memory = Memory::new();
    let future = pin!(Session::open(
        &transport,
        &mut memory,
        policy,
        Deadlines::default(),
        SameRng::new(),
    ));
    run(future).ready().map(drop)
}

/// As many authorities between root and leaf as path building goes through.
fn long(kind: Kind) -> (Issued, Site) {
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
    for (name, (root, site)) in [
        ("p256", family(Kind::P256)),
        ("p384", family(Kind::P384)),
        ("ed25519", family(Kind::Ed25519)),
        ("rsa-2048", family(Kind::Rsa(2048))),
        ("rsa-3072", family(Kind::Rsa(3072))),
        ("rsa-4096", family(Kind::Rsa(4096))),
        ("rsa-4096-long", long(Kind::Rsa(4096))),
    ] {
        assert!(site.chain.len() <= MAX_CERTIFICATES, "{name}");
        let bytes = record(&root.der, &site);
        let recording = Recording::parse(&bytes).unwrap();
        assert_eq!(recording.chain(), site.chain, "{name}");

        let anchors = [recording.anchor];
        let policy = policy(&anchors);
        let again = |server, client| open(Served(server), Expected(client), &policy);
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
