//! Certificates, chains, and sessions with a server that says anything.

use std::pin::pin;

use embedded_io_async::{Read as _, Write as _};
use tls_doubles::clock::Clock as MockClock;
use tls_doubles::exec::{Outcome, run_until_stalled_then_advance};
use tls_doubles::io::{End, Endpoint, Faults, Wire, connect};
use tls_doubles::keys::KeyKind;
use tls_doubles::message::{
    CERTIFICATE, CERTIFICATE_VERIFY, ENCRYPTED_EXTENSIONS, FINISHED, SERVER_HELLO,
};
use tls_doubles::pki::{Family, NOW};
use tls_doubles::rng::TestRng;
use tls_doubles::script::{Packing, Script, Step, Wrap};
use tls_doubles::server::Server;
use tls_session::{
    Anchors, Clock, CommonName, Connection, Deadlines, EngineRule, Memory, NameRule, PeerName,
    Policy, Reason, Session, Timestamp, verify_server,
};
use x509_facts::Certificate;

use crate::take::Take;

/// Facts and verdicts of any certificates, in bounded time.
pub(crate) fn chain(data: &[u8]) {
    let mut take = Take(data);
    let flags = take.u8();
    let (anchors, all) = (usize::from(take.u8() % 8), usize::from(take.u8() % 18));
    let mut list = Vec::new();
    for _ in 0..anchors + all {
        let length = usize::from(take.u16());
        list.push(take.bytes(length));
    }
    for der in &list {
        match Certificate::parse(der) {
            Ok(facts) => {
                let _ = format!("{facts:?} {} {}", facts.subject(), facts.issuer());
                let _ = facts.extensions().count();
                let _ = facts.subject_alt_names().map(Iterator::count);
            }
            Err(error) => drop(format!("{error} {error:?}")),
        }
    }
    let (anchors, chain) = list.split_at(anchors);
    let Ok(anchors) = Anchors::new(anchors) else {
        return;
    };
    let now = Timestamp::from_unix([1_790_000_000, 0, 4_000_000_000][usize::from(flags % 3)]);
    let name = ["broker.local", "192.168.3.129"][usize::from(flags >> 7)];
    let name = NameRule::MustMatch {
        name: PeerName::new(name).expect("a name"),
        common_name: CommonName::CountsWithoutSan,
    };
    let policy = Policy::chain(anchors, name, Clock::At(now));
    match verify_server(&policy, chain) {
        Ok(accepted) => drop(format!("{accepted:?}")),
        Err(reason) => drop(format!("{reason} {reason:?}")),
    }
}

const PLACES: [u8; 5] = [
    SERVER_HELLO,
    ENCRYPTED_EXTENSIONS,
    CERTIFICATE,
    CERTIFICATE_VERIFY,
    FINISHED,
];
const TYPES: [u8; 7] = [20, 21, 22, 23, 24, 0, 255];

/// A step that a good server does not take.
fn hostile_step(take: &mut Take<'_>, encrypted: bool) -> Step {
    let how = take.u8();
    let count = usize::from(take.u8()) * if how & 128 != 0 { 8 } else { 1 };
    let content = take.bytes(count).to_vec();
    let message = |kind: u8, content: &[u8]| {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&[kind], &length[1..], content].concat()
    };
    let kind = take.one_of(&TYPES);
    match how & 7 {
        0 if encrypted => Step::Inner { kind, content },
        1 if encrypted => Step::InnerBytes(content),
        2 | 3 if encrypted => Step::Inner {
            kind: 22,
            content: message(take.u8() % 26, &content),
        },
        4 => Step::Record {
            kind,
            version: take.one_of(&[0x0303, 0x0301, 0x0304]),
            body: content,
        },
        5 => Step::Bytes(content),
        6 => Step::Alert {
            level: take.u8() & 3,
            description: take.u8(),
        },
        _ => Step::Record {
            kind: 22,
            version: 0x0303,
            body: message(2, &content),
        },
    }
}

fn script(take: &mut Take<'_>, family: &Family) -> Script {
    let packing = match take.u8() & 7 {
        0..=2 => Packing::Each,
        3 | 4 => Packing::Coalesced,
        size => Packing::Pieces(usize::from(take.u8()) * usize::from(size - 4) + 1),
    };
    let mut script = Script::good(&family.site()).wrap(Wrap {
        packing,
        padding: usize::from(take.u8() & 31),
        ..Wrap::default()
    });
    for _ in 0..take.u8() & 3 {
        let place = take.one_of(&PLACES);
        let step = hostile_step(take, place != SERVER_HELLO);
        let is_place = |step: &Step| matches!(step, Step::Send(message) | Step::SendIn(message, _) if message.kind() == Some(place));
        // A step that was replaced is not found again.
        if !script.steps.iter().any(is_place) {
            continue;
        }
        script = match take.u8() & 7 {
            0 | 1 if place == SERVER_HELLO => script.until(place, step).then(Step::Close),
            0 | 1 => script.replace(place, step),
            2 | 3 => script.before(place, step),
            4 if place != SERVER_HELLO => script.without(place),
            5 => script.twice(place),
            _ => script.after(place, step),
        };
    }
    script
}

/// A chain and a name, or anybody.
pub(crate) fn client_policy<'a>(
    anchors: &'a [&'a [u8]],
    strict: bool,
    engine: EngineRule,
) -> Policy<'a> {
    let mut policy = if strict {
        let now = Timestamp::from_unix(i64::try_from(NOW).unwrap());
        Policy::chain(
            Anchors::new(anchors).unwrap(),
            NameRule::MustMatch {
                name: PeerName::new("broker.local").unwrap(),
                common_name: CommonName::CountsWithoutSan,
            },
            Clock::At(now),
        )
    } else {
        Policy::danger_any_peer()
    };
    policy.engine = engine;
    policy
}

/// A session that was refused has sent nothing; one that was open may have sent `ping`.
fn judged(outcome: Outcome<Result<(), Reason>>, wire: &Wire) {
    match outcome {
        Outcome::Ready(Ok(())) => {}
        Outcome::Ready(Err(reason)) => {
            let _ = format!("{reason} {reason:?}");
            let server = wire.server();
            let app = &server.seen().app;
            assert!(app.is_empty() || app.starts_with(b"p"), "{reason}");
        }
        Outcome::Stalled => panic!("waits for ever"),
    }
}

/// A session of embedded-tls: see [`client`].
pub(crate) fn embedded_client(data: &[u8]) {
    client(data, EngineRule::WithoutHeap);
}

/// A session of rustls: see [`client`].
pub(crate) fn rustls_client(data: &[u8]) {
    client(data, EngineRule::Best);
}

/// A session with a server that keeps the key schedule of TLS 1.3 and says anything, in any cut: it
/// ends, and a session that was refused has sent nothing of the application.
fn client(data: &[u8], engine: EngineRule) {
    let mut take = Take(data);
    let flags = take.u8();
    let family = Family::new(KeyKind::P256);
    let script = script(&mut take, &family);
    let mut faults = Faults {
        chunk: usize::from(take.u8() & 63),
        hesitant: flags & 4 != 0,
        ..Faults::default()
    };
    if flags & 8 != 0 {
        let end = [End::Eof, End::Error][usize::from(flags >> 7)];
        faults.cut = Some((usize::from(take.u16() & 0xfff), end));
    }
    if flags & 16 != 0 {
        faults.flip = Some(usize::from(take.u16() & 0x3fff));
    }
    let anchors: [&[u8]; 1] = [&family.root.der];
    let policy = client_policy(&anchors, flags & 64 == 0, engine);
    let clock = MockClock::default();
    let (wire, rx, tx) = connect(Server::new(script), faults);
    let transport = Connection::new(rx, tx, clock.delay());
    let mut memory = Box::new(Memory::<16_640, 4096>::new());
    let outcome = {
        let future = pin!(async {
            let deadlines = Deadlines::default();
            let open = Session::open(&transport, &mut memory, &policy, deadlines, TestRng::new(7));
            let mut session = open.await?;
            let (mut rx, mut tx) = session.split();
            tx.write_all(b"ping").await?;
            tx.flush().await?;
            for _ in 0..take.u8() & 7 {
                let how = take.u8();
                let count = usize::from(take.u8());
                let body = take.bytes(count);
                let mut server = wire.server_mut();
                match how & 7 {
                    0..=2 => server.send_app(body),
                    3 => server.send_tickets(how >> 5),
                    4 => server.send_key_update(how & 16 != 0),
                    5 => server.send_alert(how >> 6, take.u8()),
                    6 => server.send_raw_record(take.one_of(&TYPES), 0x0303, body),
                    _ => server.send_raw_inner(take.one_of(&TYPES), body),
                }
            }
            wire.server_mut().close();
            let (mut got, mut buffer) = (0, [0; 100]);
            loop {
                match rx.read(&mut buffer).await? {
                    0 => break,
                    count => got += count,
                }
                assert!(got < 100_000, "more than was sent");
            }
            session.close().await
        });
        run_until_stalled_then_advance(future, &clock)
    };
    judged(outcome, &wire);
}

/// A server that says what it was given, whatever the client says.
struct Speaker {
    bytes: Vec<u8>,
    is_asked: bool,
}

impl Endpoint for Speaker {
    fn receive(&mut self, _: &[u8]) {
        self.is_asked = true;
    }

    fn take_output(&mut self) -> Vec<u8> {
        if self.is_asked {
            core::mem::take(&mut self.bytes)
        } else {
            Vec::new()
        }
    }

    fn closed(&self) -> bool {
        self.is_asked
    }
}

/// Bytes instead of a server, of any version and protocol: no session opens, and none waits for ever.
pub(crate) fn raw(data: &[u8]) {
    let mut take = Take(data);
    let flags = take.u8();
    let engine = [EngineRule::Best, EngineRule::WithoutHeap][usize::from(flags & 1)];
    let chunk = [0, 1, 7, 100][usize::from(flags >> 1 & 3)];
    let family = Family::new(KeyKind::P256);
    let anchors: [&[u8]; 1] = [&family.root.der];
    let policy = client_policy(&anchors, flags & 64 == 0, engine);
    let faults = Faults {
        chunk,
        hesitant: flags & 8 != 0,
        ..Faults::default()
    };
    let clock = MockClock::default();
    let speaker = Speaker {
        bytes: take.0.to_vec(),
        is_asked: false,
    };
    let (_wire, rx, tx) = connect(speaker, faults);
    let transport = Connection::new(rx, tx, clock.delay());
    let mut memory = Box::new(Memory::<16_640, 4096>::new());
    let outcome = {
        let future = pin!(async {
            let deadlines = Deadlines::default();
            let open = Session::open(&transport, &mut memory, &policy, deadlines, TestRng::new(7));
            open.await.map(drop)
        });
        run_until_stalled_then_advance(future, &clock)
    };
    match outcome {
        Outcome::Ready(Ok(())) => panic!("a session without a key exchange"),
        Outcome::Ready(Err(reason)) => drop(format!("{reason} {reason:?}")),
        Outcome::Stalled => panic!("waits for ever"),
    }
}
