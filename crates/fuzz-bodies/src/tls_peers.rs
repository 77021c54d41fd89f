//! Sessions with peers of another library whose records are changed on their way: clients of our server, servers of TLS
//! 1.2, servers that resume.

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;

use embedded_io_async::{Read, Write};
use rustls::ServerConfig;
use tls_doubles::clock::Clock as MockClock;
use tls_doubles::codec::{vec8, vec16};
use tls_doubles::exec::{Outcome, run_until_stalled_then_advance};
use tls_doubles::io::{End, Endpoint, Faults, Wire, connect};
use tls_doubles::keys::{Key, KeyKind};
use tls_doubles::message::{Hello, Message, NEW_SESSION_TICKET, SECP256R1, SERVER_HELLO, frame};
use tls_doubles::pki::{Family, Issued, NOW, Site, Spec};
use tls_doubles::record::HANDSHAKE;
use tls_doubles::rng::TestRng;
use tls_doubles::script::{Script, Step};
use tls_doubles::server::Server;
use tls_session::identity::{ClientKey, IdentityMemory};
use tls_session::verify::Version;
use tls_session::{
    Acceptor, Anchors, ClientAuth, Clock, Connection, Deadlines, Identity, Memory, Policy, Reason,
    Resumption, ServerPolicy, Session, Tickets, Timestamp, Transport, Versions,
};

use crate::peer::{Peer, Serves};
use crate::records::{Edits, Secrets, Tampered};
use crate::take::Take;
use crate::tls::client_policy;
use crate::visitor::{Visitor, Visits};

const IN: usize = 16_640;

fn faults(take: &mut Take<'_>) -> Faults {
    let flags = take.u8();
    let mut faults = Faults {
        chunk: usize::from(take.u8() & 63),
        hesitant: flags & 1 != 0,
        ..Faults::default()
    };
    if flags & 6 == 6 {
        let end = [End::Eof, End::Error][usize::from(flags >> 7)];
        faults.cut = Some((usize::from(take.u16() & 0xfff), end));
    }
    faults
}

/// Reads until the peer ends, at most what it can have sent.
async fn read_all<T: Transport>(session: &mut Session<'_, T>) -> Result<usize, Reason> {
    let (mut rx, _) = session.split();
    let (mut got, mut buffer) = (0, [0; 100]);
    loop {
        match rx.read(&mut buffer).await? {
            0 => return Ok(got),
            count => got += count,
        }
        assert!(got < 100_000, "more than was sent");
    }
}

async fn write<T: Transport>(session: &mut Session<'_, T>, data: &[u8]) -> Result<(), Reason> {
    let (_, mut tx) = session.split();
    tx.write_all(data).await?;
    tx.flush().await
}

fn ended<T>(outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Ready(value) => value,
        Outcome::Stalled => panic!("waits for ever"),
    }
}

/// A server that asks for certificates, or does not, and a client's certificate under its CA.
fn server(asks: bool) -> (Acceptor, Site) {
    let root = Issued::self_signed(Spec::ca("Client Root"), Key::new(KeyKind::P256, 20));
    let leaf = root.issue(Spec::client("meter-7"), Key::new(KeyKind::P256, 30));
    let site = Family::new(KeyKind::P256).site();
    let parts = site.key.private_parts();
    let chain: Vec<&[u8]> = site.chain.iter().map(Vec::as_slice).collect();
    let mut memory = IdentityMemory::<8192>::new();
    let identity = Identity::new(&chain, ClientKey::P256(&parts[0]), &mut memory).unwrap();
    let anchors: &[&[u8]] = &[&root.der];
    let clients = match asks {
        true => ClientAuth::Required(Anchors::new(anchors).unwrap()),
        false => ClientAuth::NotAsked,
    };
    let acceptor = Acceptor::new(&ServerPolicy::new(&identity, clients)).unwrap();
    (acceptor, Site::new(&leaf, &[]))
}

/// One session of our server: whether it opened.
fn serve<S: Endpoint>(
    client: S,
    faults: Faults,
    acceptor: &Acceptor,
    tampered: &Tampered,
    mut then: impl FnMut(&Wire<S>),
) -> bool {
    let clock = MockClock::default();
    let (wire, rx, tx) = connect(client, faults);
    let transport = Connection::new(rx, tx, clock.delay());
    let mut memory = Box::new(Memory::<IN, 4096>::new());
    let opened = Cell::new(false);
    let now = Clock::At(Timestamp::from_unix(i64::try_from(NOW).unwrap()));
    let outcome = {
        let future = pin!(async {
            let (rng, deadlines) = (TestRng::new(7), Deadlines::default());
            let accept = Session::accept(&transport, &mut memory, acceptor, now, deadlines, rng);
            let mut session = accept.await?;
            assert!(!tampered.get(), "another handshake than the client's");
            opened.set(true);
            write(&mut session, b"welcome").await?;
            then(&wire);
            read_all(&mut session).await?;
            session.close().await
        });
        run_until_stalled_then_advance(future, &clock)
    };
    if let Err(reason) = ended(outcome) {
        let _ = format!("{reason} {reason:?}");
    }
    opened.get()
}

/// A client that says what it was given, whatever the server says.
struct Speaker(Vec<u8>);

impl Endpoint for Speaker {
    fn receive(&mut self, _: &[u8]) {}

    fn take_output(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.0)
    }

    fn closed(&self) -> bool {
        true
    }
}

/// A server of ours and a client that changes, drops, repeats and inserts records, with the right keys, or says
/// anything: the session ends; it does not open if a byte of the client's handshake came otherwise than it was sent, nor
/// without the certificate that is asked for.
pub(crate) fn server_session(data: &[u8]) {
    let mut take = Take(data);
    let flags = take.u8();
    let asks = flags & 1 != 0;
    let (acceptor, own) = server(asks);
    let faults = faults(&mut take);
    if flags & 0xe0 == 0 {
        let says = Speaker(take.0.to_vec());
        let opened = serve(says, faults, &acceptor, &Tampered::default(), |_| ());
        assert!(!opened, "a session without a key exchange");
        return;
    }
    let newer = flags & 2 != 0;
    let secrets = newer.then(Arc::<Secrets>::default);
    let mut edits = Edits::of(&mut take, secrets.clone());
    let tampered = edits.tampered();
    let shows = flags & 4 != 0;
    let mut visits = Visits::only([Version::Tls12, Version::Tls13][usize::from(newer)]);
    visits.suites = vec![[0xc02b, 0x1301][usize::from(newer)]];
    visits.identity = shows.then_some(own);
    visits.forges = flags & 24 == 24;
    let forges = shows && visits.forges;
    if let Some(secrets) = secrets {
        visits.key_log = Some(secrets);
    }
    let client = visits.visitor().edited(move |record| edits.apply(&record));
    let opened = serve(client, faults, &acceptor, &tampered, |wire| {
        after_opening(&mut take, wire);
    });
    assert!(!opened || !asks || (shows && !forges), "without proof");
}

fn after_opening(take: &mut Take<'_>, wire: &Wire<Visitor>) {
    for _ in 0..take.u8() & 7 {
        let how = take.u8();
        let count = usize::from(take.u8());
        let body = take.bytes(count);
        let mut client = wire.server_mut();
        match how & 3 {
            0 | 1 => client.send_app(body),
            2 if client.client().protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3) => {
                client.update_key();
            }
            _ => client.send_close_notify(),
        }
    }
    wire.server_mut().close();
}

/// What becomes of a session with a server.
struct Met {
    opened: bool,
    resumed: bool,
}

/// One session of ours, which writes `ping` and reads to the end.
fn meet<S: Endpoint>(
    server: S,
    (faults, tampered): (Faults, &Tampered),
    policy: &Policy<'_>,
    resumption: Option<Resumption>,
    mut then: impl FnMut(&Wire<S>),
) -> Met {
    let clock = MockClock::default();
    let (wire, rx, tx) = connect(server, faults);
    let mut transport = Connection::new(rx, tx, clock.delay());
    if let Some(resumption) = resumption {
        transport = transport.with_resumption(resumption);
    }
    let mut memory = Box::new(Memory::<IN, 4096>::new());
    let (opened, resumed) = (Cell::new(false), Cell::new(false));
    let outcome = {
        let future = pin!(async {
            let (rng, deadlines) = (TestRng::new(7), Deadlines::default());
            let open = Session::open(&transport, &mut memory, policy, deadlines, rng);
            let mut session = open.await?;
            assert!(!tampered.get(), "another handshake than the server's");
            opened.set(true);
            resumed.set(session.peer().resumed().is_some());
            write(&mut session, b"ping").await?;
            then(&wire);
            read_all(&mut session).await?;
            session.close().await
        });
        run_until_stalled_then_advance(future, &clock)
    };
    if let Err(reason) = ended(outcome) {
        let _ = format!("{reason} {reason:?}");
    }
    Met {
        opened: opened.get(),
        resumed: resumed.get(),
    }
}

fn only(version: Version) -> Versions {
    Versions::new(version, version).unwrap()
}

/// A server of TLS 1.2 whose records are changed until the session is open, and who says anything under its keys then:
/// the session ends, and does not open if a byte of the server's handshake came otherwise than it was sent.
pub(crate) fn older_client(data: &[u8]) {
    let mut take = Take(data);
    let flags = take.u8();
    let kind = [KeyKind::P256, KeyKind::Ed25519, KeyKind::P384][usize::from(flags % 3)];
    let family = Family::new(kind);
    let anchors: [&[u8]; 1] = [&family.root.der];
    let policy = Policy {
        versions: only(Version::Tls12),
        ..client_policy(&anchors, flags & 64 == 0, tls_session::EngineRule::Best)
    };
    let faults = faults(&mut take);
    let mut edits = match flags & 128 {
        0 => Edits::of(&mut take, None),
        _ => Edits::of(&mut Take(&[0, 255]), None),
    };
    let tampered = edits.tampered();
    let mut serves = Serves::only(&family.site(), Version::Tls12);
    serves.suites = vec![0xc02b, 0xc02f];
    serves.fragment = (flags & 32 != 0).then_some(64);
    let server = serves.peer().edited(move |record| edits.apply(&record));
    meet(server, (faults, &tampered), &policy, None, |wire| {
        under_its_keys(&mut take, wire);
    });
}

/// Records of any type and content under the keys of an open session of TLS 1.2.
fn under_its_keys(take: &mut Take<'_>, wire: &Wire<Peer>) {
    let mut server = wire.server_mut();
    if server.opened() {
        let mut keys = server.take_keys();
        for _ in 0..take.u8() & 7 {
            let kind = take.one_of(&[20, 21, 22, 23, 24, 0]);
            let count = usize::from(take.u8());
            let record = keys.send.seal(kind, take.bytes(count));
            server.send_raw(&record);
        }
    }
    server.close();
}

std::thread_local! {
    /// Seconds since the start, in the eyes of a store of tickets.
    static UPTIME: Cell<u64> = const { Cell::new(0) };
}

fn uptime() -> u64 {
    UPTIME.get()
}

/// A ticket of TLS 1.3, some of its fields anything.
fn ticket(take: &mut Take<'_>) -> Vec<u8> {
    let how = take.u8();
    let lifetime = [take.u32(), 7200, 604_800, 1][usize::from(how & 3)];
    let mut body = lifetime.to_be_bytes().to_vec();
    body.extend(take.u32().to_be_bytes());
    let (nonce, length) = (usize::from(take.u8()), usize::from(take.u8()));
    body.extend(vec8(&vec![5; nonce]));
    let length = length * if how & 4 != 0 { 40 } else { 1 };
    body.extend(vec16(&vec![6; length]));
    let count = usize::from(take.u8() & 31);
    let extensions = take.bytes(count).to_vec();
    body.extend(match how & 8 {
        0 => vec16(&extensions),
        _ => extensions,
    });
    frame(NEW_SESSION_TICKET, &body)
}

/// Tickets of servers that say anything, kept and used again while time passes: the store has a bound, a server that does
/// not know a ticket's secret opens nothing, and a session is resumed only with a server that was verified before.
pub(crate) fn tickets(data: &[u8]) {
    let _ = resumptions(data);
}

/// See [`tickets`]; how many sessions were resumed.
pub(crate) fn resumptions(data: &[u8]) -> usize {
    let mut take = Take(data);
    UPTIME.set(1000);
    let store = Tickets::new(uptime);
    let family = Family::new(KeyKind::P256);
    let anchors: [&[u8]; 1] = [&family.root.der];
    let remembers = servers_that_remember(&family.site());
    let (mut verified, mut resumed) = (false, 0);
    for _ in 0..5 {
        if take.is_empty() {
            break;
        }
        let how = take.u8();
        let second = UPTIME.get() - 1000;
        let now = i64::try_from(NOW + second).unwrap();
        let mut policy = client_policy(&anchors, true, tls_session::EngineRule::Best);
        if let tls_session::PeerAuth::Chain { clock, .. } = &mut policy.peer {
            *clock = Clock::At(Timestamp::from_unix(now));
        }
        let host = ["broker.local", "other.local"][usize::from(how >> 6 & 1)];
        let resumption = Some(Resumption::new(store.clone(), host, 8883, b""));
        let as_sent = Tampered::default();
        let unchanged = (Faults::default(), &as_sent);
        let asks_again = how & 16 != 0;
        match how & 7 {
            0..=2 => {
                let script = Script::good(&family.site());
                let met = meet(
                    Server::new(if asks_again { retrying(script) } else { script }),
                    unchanged,
                    &policy,
                    resumption,
                    |wire| gives_tickets(&mut take, wire),
                );
                assert!(!met.resumed, "by a server that has no ticket's secret");
                verified |= met.opened;
            }
            3 => {
                let knows_nothing = pretender(&mut take, &family);
                let met = meet(knows_nothing, unchanged, &policy, resumption, |_| ());
                assert!(!met.opened, "without a ticket's secret or a signature");
            }
            _ => {
                let mut edits = Edits::of(&mut take, None);
                let tampered = edits.tampered();
                let server = Peer::of(&remembers[usize::from(how >> 3 & 3)])
                    .edited(move |record| edits.apply(&record));
                let faults = (Faults::default(), &tampered);
                let met = meet(server, faults, &policy, resumption, |wire| {
                    wire.server_mut().send_app(b"x");
                    wire.server_mut().close();
                });
                assert!(!met.resumed || verified, "resumed without a first session");
                verified |= met.opened;
                resumed += usize::from(met.resumed);
            }
        }
        assert!(store.count() <= Tickets::MAX_SERVERS * Tickets::MAX_PER_SERVER);
        UPTIME.set(UPTIME.get() + u64::from(take.u8()) * 600);
    }
    resumed
}

/// Servers of both versions, with every group and with P-256 alone. The last one asks for another hello where a ticket
/// was used, whose hello has a share of X25519.
fn servers_that_remember(site: &Site) -> [Arc<ServerConfig>; 4] {
    let any: &[u16] = &[];
    [
        (Version::Tls12, any),
        (Version::Tls13, any),
        (Version::Tls12, &[SECP256R1]),
        (Version::Tls13, &[SECP256R1]),
    ]
    .map(|(version, groups)| {
        let serves = Serves {
            groups: groups.to_vec(),
            ..Serves::only(site, version)
        };
        serves.server()
    })
}

/// Asks for a share of P-256 first.
fn retrying(script: Script) -> Script {
    let retry = Step::Send(Message::Retry(Hello::retry(SECP256R1)));
    script.before(SERVER_HELLO, retry)
}

/// Takes a ticket of the client's that it cannot know, in one of the places, of the first hello or of the second.
fn pretender(take: &mut Take<'_>, family: &Family) -> Server {
    let number = u16::from(take.u8() & 3);
    let hello = Step::Send(Message::ServerHello(Hello::takes_psk(number)));
    let how = take.u8();
    let script = match how & 1 {
        0 => Script::good(&family.site()).replace(SERVER_HELLO, hello),
        _ => Script::of(vec![
            Message::ServerHello(Hello::takes_psk(number)),
            Message::EncryptedExtensions(Vec::new()),
            Message::Finished,
        ]),
    };
    Server::new(if how & 2 == 0 {
        script
    } else {
        retrying(script)
    })
}

fn gives_tickets(take: &mut Take<'_>, wire: &Wire<Server>) {
    let mut server = wire.server_mut();
    for _ in 0..take.u8() & 7 {
        let how = take.u8();
        let message = match how & 3 {
            0 => {
                let count = usize::from(take.u8());
                frame(NEW_SESSION_TICKET, take.bytes(count))
            }
            _ => ticket(take),
        };
        let (first, second) = message.split_at(match how & 12 {
            12 => usize::from(how) % message.len(),
            _ => 0,
        });
        for part in [first, second].into_iter().filter(|part| !part.is_empty()) {
            server.send_raw_inner(HANDSHAKE, part);
        }
    }
    server.send_app(b"x");
    server.close();
}
