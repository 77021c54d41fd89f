//! What servers send as tickets, and how many are kept.

use tls_doubles::codec::{extensions, vec8, vec16};
use tls_doubles::io::Wire;
use tls_doubles::keys::KeyKind;
use tls_doubles::message::{Hello, Message, SECP256R1, SERVER_HELLO, frame};
use tls_doubles::pki::{Family, NOW};
use tls_doubles::script::{Script, Step};
use tls_doubles::server::Server;
use tls_session::reason::ProtocolViolation;
use tls_session::{Cause, Clock as Time, Policy, Reason, Resumption, Tickets, Timestamp};

use crate::client::{Attempt, TestSession, chain, chain_by, expect, named, only};
use crate::openings::VERSIONS;
use crate::peer::Serves;
use crate::resumed::{meet, pass, tickets, to};

const NEW_SESSION_TICKET: u8 = 4;
const HANDSHAKE: u8 = 22;
const EARLY_DATA: u16 = 42;
const PRE_SHARED_KEY: u16 = 41;

/// A ticket of TLS 1.3.
struct Ticket {
    lifetime: u32,
    nonce: usize,
    ticket: usize,
    extensions: Vec<(u16, Vec<u8>)>,
}

impl Default for Ticket {
    fn default() -> Self {
        Self {
            lifetime: 7200,
            nonce: 1,
            ticket: 32,
            extensions: Vec::new(),
        }
    }
}

impl Ticket {
    fn message(&self) -> Vec<u8> {
        let mut body = self.lifetime.to_be_bytes().to_vec();
        body.extend([1, 2, 3, 4]);
        body.extend(vec8(&vec![5; self.nonce]));
        body.extend(vec16(&vec![6; self.ticket]));
        body.extend(vec16(&extensions(&self.extensions)));
        frame(NEW_SESSION_TICKET, &body)
    }
}

/// A session of TLS 1.3 with a server that sends what it is told to.
fn with(
    (family, second): (&Family, u64),
    store: &Tickets,
    then: impl AsyncFnOnce(&mut TestSession<'_, Server>, &Wire<Server>) -> Result<(), Reason>,
) -> (Result<(), Reason>, Vec<u8>) {
    with_script(Script::good(&family.site()), (family, second), store, then)
}

/// The same, where our hello has a ticket: its share is for X25519, which this server does not know.
fn with_ticket(
    (family, second): (&Family, u64),
    store: &Tickets,
    then: impl AsyncFnOnce(&mut TestSession<'_, Server>, &Wire<Server>) -> Result<(), Reason>,
) -> (Result<(), Reason>, Vec<u8>) {
    let retry = Message::Retry(Hello::retry(SECP256R1));
    let script = Script::good(&family.site()).before(SERVER_HELLO, Step::Send(retry));
    with_script(script, (family, second), store, then)
}

fn with_script(
    script: Script,
    (family, second): (&Family, u64),
    store: &Tickets,
    then: impl AsyncFnOnce(&mut TestSession<'_, Server>, &Wire<Server>) -> Result<(), Reason>,
) -> (Result<(), Reason>, Vec<u8>) {
    let anchors: &[&[u8]] = &[&family.root.der];
    let now = i64::try_from(NOW + second).unwrap();
    let clock = Time::At(Timestamp::from_unix(now));
    let policy = named(chain_by(anchors, clock), "broker.local");
    let attempt = Attempt::new(Server::new(script), policy).resuming(to(store));
    let (result, wire) = attempt.with(async |mut session, wire| then(&mut session, wire).await);
    let alerts = wire.server().seen().refusals();
    (result.unwrap(), alerts)
}

/// Sends these in a record each, and a byte of data behind them; returns how many were kept.
fn kept(records: &[Vec<u8>]) -> (Result<usize, Reason>, Vec<u8>) {
    let (family, store) = (Family::new(KeyKind::P256), tickets());
    let (result, alerts) = with((&family, 0), &store, async |session, wire| {
        for record in records {
            wire.server_mut().send_raw_inner(HANDSHAKE, record);
        }
        wire.server_mut().send_app(b"x");
        let (mut rx, _) = session.split();
        expect(&mut rx, b"x").await
    });
    (result.map(|()| store.count()), alerts)
}

#[test]
fn duties_86_to_88_what_is_kept_of_what_servers_send() {
    let early = |bytes: &[u8]| (EARLY_DATA, bytes.to_vec());
    let of = |lifetime, nonce, ticket| Ticket {
        lifetime,
        nonce,
        ticket,
        ..Ticket::default()
    };
    // Message header, lifetime, age_add, nonce and its length, length of the ticket, extensions.
    let longest = tls_provider::STORABLE - (4 + 4 + 4 + 2 + 2 + 2);
    for (what, ticket, count) in [
        ("usual", Ticket::default(), 1),
        ("lifetime 0", of(0, 1, 32), 0),
        ("lifetime 1", of(1, 1, 32), 1),
        ("longest lifetime", of(u32::MAX, 1, 32), 1),
        ("no nonce", of(7200, 0, 32), 1),
        ("long nonce", of(7200, 255, 32), 1),
        ("longest", of(7200, 1, longest), 1),
        ("too long", of(7200, 1, longest + 1), 0),
        ("far too long", of(7200, 1, 8000), 0),
        (
            "unknown extension",
            Ticket {
                extensions: vec![(0x1234, vec![1, 2, 3])],
                ..Ticket::default()
            },
            1,
        ),
        (
            "early data, which are not sent",
            Ticket {
                extensions: vec![early(&[0xff; 4])],
                ..Ticket::default()
            },
            1,
        ),
    ] {
        assert_eq!(kept(&[ticket.message()]), (Ok(count), vec![]), "{what}");
    }
    for (what, ticket) in [
        ("empty", of(7200, 1, 0)),
        (
            "early data of a wrong length",
            Ticket {
                extensions: vec![early(&[1; 3])],
                ..Ticket::default()
            },
        ),
        (
            "early data twice",
            Ticket {
                extensions: vec![early(&[1; 4]), early(&[1; 4])],
                ..Ticket::default()
            },
        ),
    ] {
        let (result, alerts) = kept(&[ticket.message()]);
        let cause = result.unwrap_err().cause;
        assert!(matches!(cause, Cause::Protocol(_)), "{what}: {cause:?}");
        // decode_error; for what comes twice, illegal_parameter or decode_error.
        assert!(matches!(alerts[..], [47 | 50]), "{what}: {alerts:?}");
    }
}

/// A ticket that is cut, one that is not alone, one that must not be kept beside one that may.
#[test]
fn tickets_are_kept_where_they_are_whole_in_a_record() {
    let (good, bad) = (
        Ticket::default().message(),
        Ticket {
            lifetime: 0,
            ..Ticket::default()
        },
    );
    let bad = bad.message();
    let update = frame(24, &[0]);
    for (records, count) in [
        (vec![good[..20].to_vec(), good[20..].to_vec()], 0),
        (
            vec![[&good[..], &good[..10]].concat(), good[10..].to_vec()],
            1,
        ),
        (vec![[&good[..], &good[..]].concat()], 2),
        (vec![[&good[..], &bad[..]].concat()], 1),
        (vec![[&bad[..], &good[..]].concat()], 1),
        (vec![[&bad[..], &bad[..]].concat()], 0),
        (vec![good.clone(), bad.clone(), good.clone()], 2),
        (vec![bad.clone(), good[..7].to_vec(), good[7..].to_vec()], 0),
    ] {
        assert_eq!(kept(&records), (Ok(count), vec![]), "{records:?}");
    }
    // A KeyUpdate must be alone in its record, whatever becomes of the ticket.
    for ticket in [&good, &bad] {
        let (result, alerts) = kept(&[[&update[..], ticket].concat()]);
        assert!(result.is_err() && alerts == [10], "{result:?} {alerts:?}");
    }
}

#[test]
fn duty_89_of_many_tickets_the_newest_two_are_kept() {
    let good = Ticket::default().message();
    for count in [1, 2, 3, 64] {
        let (result, alerts) = kept(&vec![good.clone(); count]);
        assert_eq!((result, alerts), (Ok(count.min(2)), vec![]));
    }
    let (result, alerts) = kept(&vec![good; 65]);
    let cause = result.unwrap_err().cause;
    assert_eq!(cause, ProtocolViolation::TicketFlood.into());
    assert_eq!(alerts, [10]);
}

#[test]
fn duty_86_a_ticket_is_used_for_as_long_as_its_server_says() {
    let family = Family::new(KeyKind::P256);
    for (lifetime, seconds, offered) in [(7200, 7199, true), (7200, 7200, false), (1, 1, false)] {
        let store = tickets();
        let ticket = Ticket {
            lifetime,
            ..Ticket::default()
        };
        let (result, _) = with((&family, 0), &store, async |session, wire| {
            wire.server_mut()
                .send_raw_inner(HANDSHAKE, &ticket.message());
            wire.server_mut().send_app(b"x");
            expect(&mut session.split().0, b"x").await
        });
        assert_eq!((result, store.count()), (Ok(()), 1));
        pass(seconds);
        // The server of this test takes none, and the hello is there all the same.
        let check = async |_: &mut TestSession<'_, Server>, wire: &Wire<Server>| {
            let hello = wire.server().seen().hello.clone().unwrap();
            assert_eq!(hello.pre_shared_keys().is_some(), offered, "{lifetime}");
            Ok(())
        };
        let (result, _) = match offered {
            true => with_ticket((&family, seconds), &store, check),
            false => with((&family, seconds), &store, check),
        };
        assert_eq!(result, Ok(()));
        assert_eq!(store.count(), 0);
    }
}

/// By the time since the start, in milliseconds, behind the number of the server (RFC 9846 §4.3.11.1).
#[test]
fn duty_123_the_age_of_a_ticket_is_hidden_behind_its_number() {
    let family = Family::new(KeyKind::P256);
    for seconds in [0, 1, 3600] {
        let store = tickets();
        let (result, _) = with((&family, 0), &store, async |session, wire| {
            let ticket = Ticket::default().message();
            wire.server_mut().send_raw_inner(HANDSHAKE, &ticket);
            wire.server_mut().send_app(b"x");
            expect(&mut session.split().0, b"x").await
        });
        assert_eq!(result, Ok(()));
        pass(seconds);
        let (result, _) = with_ticket((&family, seconds), &store, async |_, wire| {
            let hello = wire.server().seen().hello.clone().unwrap();
            let offered = hello.extension(PRE_SHARED_KEY).unwrap();
            // Two lengths before the ticket, and the age behind it.
            let age = &offered[4 + 32..4 + 32 + 4];
            let expected = 0x0102_0304 + 1000 * u32::try_from(seconds).unwrap();
            assert_eq!(age, expected.to_be_bytes());
            Ok(())
        });
        assert_eq!(result, Ok(()));
    }
}

/// Duty 113: so many servers, the ones that were met last.
#[test]
fn duty_113_the_store_is_bounded() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        let server = Serves::only(&family.site(), version).server();
        let store = tickets();
        let policy = Policy {
            versions: only(version),
            ..named(chain(anchors), "broker.local")
        };
        let port = |port| Resumption::new(store.clone(), "broker.local", port, b"");
        for number in 0..10 {
            meet(&server, policy, port(number)).unwrap();
            let most = Tickets::MAX_SERVERS * Tickets::MAX_PER_SERVER;
            assert!(store.count() <= most, "{}", store.count());
        }
        let resumed = (0..10).map(|number| {
            let policy = Policy { ..policy };
            port(number).seconds_left(&policy).is_some()
        });
        let resumed: Vec<u16> = (0..10)
            .zip(resumed)
            .filter_map(|(number, left)| left.then_some(number))
            .collect();
        assert_eq!(resumed, [6, 7, 8, 9], "{version:?}");
    }
}
