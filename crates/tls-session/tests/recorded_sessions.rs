//! Recordings of sessions by rustls for the program that measures them on a chip's instruction set
//! (`firmware/tools/stack/src/resumption.rs`), and what goes over the wire. One test, because all sessions of a program
//! share a pool of randomness, and the program draws from it in the same order.

#![cfg(feature = "rustls")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    reason = "doubles and checks of tests, not all of them used here"
)]

#[path = "../../../firmware/tools/stack/src/exchange.rs"]
mod exchange;
#[path = "engines/peer.rs"]
mod peer;
#[path = "../../../firmware/tools/stack/src/replay.rs"]
mod replay;
#[path = "servers/visitor.rs"]
mod visitor;

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;

use embedded_io_async::{ErrorType, Read, Write};
use tls_session::identity::{ClientKey, IdentityMemory};
use tls_session::verify::Version;
use tls_session::{
    Acceptor, Anchors, ClientAuth, Clock, Connection, Deadlines, Identity, Memory, NameRule,
    Policy, Resumption, ServerPolicy, Session, Tickets, Timestamp, Versions,
};

use exchange::Recording;
use peer::{Peer, Serves};
use replay::{NOW, NoTime, SameRng};
use tls_doubles::exec::run;
use tls_doubles::io::{Broken, Endpoint, Faults, Rx, Tx, Wire, connect};
use tls_doubles::keys::{Key, KeyKind};
use tls_doubles::pki::{Family, Issued, Site, Spec};
use visitor::{Visitor, Visits};

/// Where the recordings go; without it they are only checked.
const FOLDER: &str = "STACK_RECORDINGS";

/// Both directions in the order in which they went.
#[derive(Default)]
struct Log {
    sent: Vec<u8>,
    flights: Vec<Vec<u8>>,
    /// We sent something since the last flight began.
    spoke: bool,
}

type Shared = Rc<RefCell<Log>>;

struct Tap<T>(T, Shared);

impl<T> ErrorType for Tap<T> {
    type Error = Broken;
}

impl<S: Endpoint> Read for Tap<Rx<S>> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Broken> {
        let len = self.0.read(buf).await?;
        let mut log = self.1.borrow_mut();
        if log.flights.is_empty() || std::mem::take(&mut log.spoke) {
            log.flights.push(Vec::new());
        }
        log.flights.last_mut().unwrap().extend(&buf[..len]);
        Ok(len)
    }
}

impl<S: Endpoint> Write for Tap<Tx<S>> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Broken> {
        let len = self.0.write(buf).await?;
        let mut log = self.1.borrow_mut();
        log.spoke = true;
        log.sent.extend(&buf[..len]);
        Ok(len)
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        self.0.flush().await
    }
}

type Halves<S> = (Tap<Rx<S>>, Tap<Tx<S>>, NoTime);
type Tapped<S> = Connection<Halves<S>>;

fn tapped<S: Endpoint>(peer: S) -> (Wire<S>, Tapped<S>, Shared) {
    let (wire, rx, tx) = connect(peer, Faults::default());
    let log = Shared::default();
    let connection = Connection::new(Tap(rx, log.clone()), Tap(tx, log.clone()), NoTime);
    (wire, connection, log)
}

/// Bytes behind their length, as `exchange.rs` reads them.
fn blobs<'b>(parts: impl IntoIterator<Item = &'b [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend(u32::try_from(part.len()).unwrap().to_le_bytes());
        bytes.extend(part);
    }
    bytes
}

fn written(log: &Shared) -> Vec<u8> {
    let log = log.borrow();
    blobs(
        [&log.sent]
            .into_iter()
            .chain(&log.flights)
            .map(Vec::as_slice),
    )
}

fn clock() -> Clock {
    Clock::At(Timestamp::from_unix(NOW))
}

/// Seconds since the start, as the program has them.
fn uptime() -> u64 {
    1000
}

/// A byte of the peer's, and the end.
fn ends<S: Endpoint>(mut session: Session<'_, Halves<S>>) {
    {
        let (mut rx, _) = session.split();
        let mut byte = [0];
        assert_eq!(run(pin!(rx.read(&mut byte))).ready().unwrap(), 1);
    }
    run(pin!(session.close())).ready().unwrap();
}

/// A full session and others that resume it. Bytes of each, both ways, until it was open.
fn connects<const COUNT: usize>(
    family: &Family,
    version: Version,
    groups: &[u16],
) -> (Vec<u8>, [usize; COUNT]) {
    let anchors: &[&[u8]] = &[&family.root.der];
    let policy = Policy {
        versions: Versions::new(version, version).unwrap(),
        ..Policy::chain(
            Anchors::new(anchors).unwrap(),
            NameRule::DangerAnyName,
            clock(),
        )
    };
    let serves = Serves {
        groups: groups.to_vec(),
        tickets: 1,
        ..Serves::only(&family.site(), version)
    };
    let server = serves.server();
    let tickets = Tickets::new(uptime);
    let mut bytes = blobs([&family.root.der, &[][..]]);
    let mut lengths = [0; COUNT];
    for (number, length) in lengths.iter_mut().enumerate() {
        let (wire, connection, log) = tapped(Peer::of(&server));
        let target = Resumption::new(tickets.clone(), "broker.local", 8883, b"");
        let connection = connection.with_resumption(target);
        let mut memory: Box<Memory> = Default::default();
        let deadlines = Deadlines::default();
        let open = Session::open(&connection, &mut memory, &policy, deadlines, SameRng::new());
        let session = run(pin!(open)).ready().unwrap();
        assert_eq!(session.peer().resumed().is_some(), number > 0);
        *length = log.borrow().sent.len() + log.borrow().flights.concat().len();
        wire.server_mut().send_app(b"x");
        ends(session);
        bytes.extend(blobs([written(&log).as_slice()]));
    }
    (bytes, lengths)
}

/// A session with a client, which shows a certificate if there is a CA for it.
fn serves(site: &Site, version: Version, group: u16, ca: Option<&Issued>) -> Vec<u8> {
    let key = site.key.private_parts().remove(0);
    let chain: Vec<&[u8]> = site.chain.iter().map(Vec::as_slice).collect();
    let mut room: IdentityMemory = IdentityMemory::new();
    let identity = Identity::new(&chain, ClientKey::P256(&key), &mut room).unwrap();
    let anchors: Vec<&[u8]> = ca.iter().map(|ca| ca.der.as_slice()).collect();
    let clients = match ca {
        None => ClientAuth::NotAsked,
        Some(_) => ClientAuth::Required(Anchors::new(&anchors).unwrap()),
    };
    let acceptor = Acceptor::new(&ServerPolicy::new(&identity, clients)).unwrap();
    let mut visits = Visits::only(version);
    visits.groups = vec![group];
    if let Some(ca) = ca {
        let client = ca.issue(Spec::client("meter-7"), Key::new(KeyKind::P256, 0));
        visits = visits.shows(&Site::new(&client, &[]));
    }
    let (wire, connection, log): (Wire<Visitor>, _, _) = tapped(visits.visitor());
    let mut memory: Box<Memory> = Default::default();
    let deadlines = Deadlines::default();
    let accept = Session::accept(
        &connection,
        &mut memory,
        &acceptor,
        clock(),
        deadlines,
        SameRng::new(),
    );
    let session = run(pin!(accept)).ready().unwrap();
    wire.server_mut().send_app(b"x");
    ends(session);
    let anchor = anchors.first().copied().unwrap_or_default();
    let own = blobs([key.as_slice()].into_iter().chain(chain));
    let session = written(&log);
    blobs([anchor, &own, &session])
}

#[test]
fn a_resumed_session_shows_no_certificate() {
    let folder = std::env::var_os(FOLDER).map(PathBuf::from);
    let keep = |name: &str, bytes: &[u8]| {
        let recording = Recording::parse(bytes).unwrap();
        assert!(recording.sessions().all(|session| session.is_some()));
        if let Some(folder) = &folder {
            fs::write(folder.join(format!("{name}.ses")), bytes).unwrap();
        }
    };
    let family = Family::new(KeyKind::P256);
    let chain: usize = family.site().chain.iter().map(Vec::len).sum();
    let versions = [(Version::Tls12, "1.2"), (Version::Tls13, "1.3")];
    let groups = [(23, "p256"), (29, "x25519")];
    for (group, named) in groups {
        let (bytes, [full, resumed]) = connects(&family, Version::Tls12, &[group]);
        assert!(resumed + chain < full, "1.2 {named}: {full} {resumed}");
        keep(&format!("client-1.2-{named}"), &bytes);
    }
    // The first hello with a ticket has a share for X25519, for which this server has no use.
    let (bytes, [full, asked, resumed]) = connects(&family, Version::Tls13, &[23]);
    assert!(resumed + chain < full, "{full} {resumed}");
    assert!(resumed < asked && asked < full, "{full} {asked} {resumed}");
    keep("client-1.3-p256", &bytes);
    for (groups, named) in [(&[29][..], "x25519"), (&[23, 29], "both")] {
        let (bytes, [full, resumed]) = connects(&family, Version::Tls13, groups);
        assert!(resumed + chain < full, "1.3 {named}: {full} {resumed}");
        keep(&format!("client-1.3-{named}"), &bytes);
    }
    let ca = Issued::self_signed(Spec::ca("Client Root"), Key::new(KeyKind::P256, 20));
    for (ca, what) in [(None, ""), (Some(&ca), "-mutual")] {
        for (version, digits) in versions {
            for (group, named) in groups {
                let bytes = serves(&family.site(), version, group, ca);
                keep(&format!("server-{digits}-{named}{what}"), &bytes);
            }
        }
    }
}
