//! What a TLS 1.3 server may do that one version, one group and whole records do not meet: HelloRetryRequest,
//! KeyUpdate, messages over many records, streams in pieces.

use embedded_io_async::{Read, Write};
use tls_session::Reason;
use tls_session::reason::{CapacityError, Limit};
use tls_session::verify::Version;
#[cfg(feature = "embedded-tls")]
use tls_session::{EngineRule, Policy};

use tls_doubles::client_hello::ClientHello;
use tls_doubles::io::Faults;
use tls_doubles::keys::KeyKind;
use tls_doubles::message::{Hello, HelloExtension, Message, SECP384R1, SERVER_HELLO};
use tls_doubles::pki::Family;
use tls_doubles::script::{Packing, Script, Step, Wrap};
use tls_doubles::server::Server;

use crate::client::{Attempt, chain, exchange, expect, named, pattern};
use crate::openings::VERSIONS;
use crate::peer::Serves;

const COOKIE: u16 = 44;
const KEY_SHARE: u16 = 51;

#[test]
fn duty_68_a_server_of_another_group_asks_once_more_and_gets_a_fresh_share() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let mut shares = Vec::new();
    for (group, share) in [(23_u16, 65), (29, 32), (24, 97)] {
        let serves = Serves {
            groups: vec![group],
            ..Serves::only(&family.site(), Version::Tls13)
        };
        let policy = named(chain(anchors), "broker.local");
        let (result, wire) = Attempt::new(serves.peer(), policy)
            .with(async |session, _| session.peer().negotiated().group);
        assert_eq!(result, Ok(group));
        let sent = wire.server().client_hellos();
        let expected = if group == 23 { 1 } else { 2 };
        assert_eq!(sent.len(), expected, "{group}");
        let first = sent[0].key_share(23).unwrap().to_vec();
        let last = sent.last().unwrap().key_share(group).unwrap().to_vec();
        assert_eq!(last.len(), share);
        shares.push(first);
        if group != 23 {
            shares.push(last);
            // The first share is not offered again.
            assert!(sent[1].key_share(23).is_none());
        }
    }
    // None goes out twice, on whatever connection.
    let count = shares.len();
    shares.sort();
    shares.dedup();
    assert_eq!(shares.len(), count);
}

/// What must not differ between the first and the second ClientHello (RFC 9846 §4.2.2): all but key_share and cookie.
fn lasting(hello: &ClientHello) -> ClientHello {
    let mut hello = hello.clone();
    hello
        .extensions
        .retain(|(kind, _)| ![KEY_SHARE, COOKIE].contains(kind));
    hello
}

#[test]
fn duty_69_a_cookie_is_echoed_with_and_without_another_group() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for len in [1, 2, 32, 255, 256, 1500, 3000] {
        for other_group in [false, true] {
            let cookie = pattern(len);
            let mut extensions = vec![HelloExtension::Cookie(cookie.clone())];
            if other_group {
                extensions.push(HelloExtension::SelectedGroup(SECP384R1));
            }
            let hello = match other_group {
                true => Hello::secp384r1(),
                false => Hello::good(),
            };
            let retry = Message::Retry(Hello::retry_with(extensions));
            let script =
                Script::hello(&family.site(), hello).before(SERVER_HELLO, Step::Send(retry));
            let attempt = Attempt::new(Server::new(script), chain(anchors));
            let (result, wire) = attempt.with(async |mut session, wire| {
                let group = session.peer().negotiated().group;
                let (mut rx, mut tx) = session.split();
                tx.write_all(b"ping").await?;
                tx.flush().await?;
                wire.server_mut().send_app(b"pong");
                expect(&mut rx, b"pong").await?;
                Ok::<_, Reason>(group)
            });
            let group = if other_group { 24 } else { 23 };
            assert_eq!(result, Ok(Ok(group)), "{len}");
            let server = wire.server();
            let seen = server.seen();
            assert_eq!(
                (&seen.violations[..], &seen.app[..]),
                (&[][..], &b"ping"[..])
            );
            let (first, second) = (
                seen.first_hello.as_ref().unwrap(),
                seen.hello.as_ref().unwrap(),
            );
            let echoed = second.extension(COOKIE).unwrap();
            assert!(echoed[2..] == cookie, "{len}");
            assert!(first.extension(COOKIE).is_none());
            assert_eq!(lasting(first), lasting(second), "{len}");
            // RFC 9846 §4.2.2: a cookie alone leaves key_share as it was.
            assert_eq!(
                first.extension(KEY_SHARE) == second.extension(KEY_SHARE),
                !other_group
            );
        }
    }
}

#[test]
fn duty_69_cookies_that_cannot_be_are_refused() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let cookie = |len| HelloExtension::Cookie(pattern(len));
    for (extensions, code, alert) in [
        // Over the cap of a ServerHello.
        (vec![cookie(4100)], "too_large", 80),
        (vec![cookie(0)], "engine", 50),
        (vec![cookie(8), cookie(8)], "unsupported_extension", 47),
        // The length of the cookie is missing.
        (vec![HelloExtension::Raw(COOKIE, vec![])], "engine", 50),
    ] {
        let retry = Message::Retry(Hello::retry_with(extensions));
        let script = Script::good(&family.site()).before(SERVER_HELLO, Step::Send(retry));
        let (reason, wire) = Attempt::new(Server::new(script), chain(anchors)).refused();
        assert_eq!(reason.cause.code(), code, "{reason:?}");
        assert_eq!(wire.server().seen().refusals(), [alert], "{code}");
        assert_eq!(wire.server().seen().first_hello, None);
    }
}

#[test]
fn duty_71_a_second_retry_or_another_choice_after_it_is_refused() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let retry = |extensions| Message::Retry(Hello::retry_with(extensions));
    let first = retry(vec![HelloExtension::SelectedGroup(SECP384R1)]);
    let other_suite = Hello {
        suite: 0x1302,
        ..Hello::secp384r1()
    };
    for (second, alert) in [
        // A second one; another suite; the group of the first hello; TLS 1.2.
        (retry(vec![HelloExtension::Cookie(vec![7])]), 10),
        (Message::ServerHello(other_suite), 47),
        (Message::ServerHello(Hello::good()), 47),
        (Message::ServerHello(Hello::older(0x0303)), 47),
    ] {
        let script = Script::good(&family.site())
            .replace(SERVER_HELLO, Step::Send(second))
            .before(SERVER_HELLO, Step::Send(first.clone()))
            .then(Step::Close);
        let (reason, wire) = Attempt::new(Server::new(script), chain(anchors)).refused();
        assert_eq!(reason.stage, tls_session::Stage::Hello, "{reason:?}");
        assert_eq!(wire.server().seen().refusals(), [alert], "{reason:?}");
    }
}

#[test]
fn duty_73_keys_change_on_either_side_between_data() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let serves = Serves::only(&family.site(), Version::Tls13);
    let (result, wire) =
        Attempt::new(serves.peer(), chain(anchors)).with(async |mut session, wire| {
            for round in 0..40 {
                // rustls asks for the same of us each time.
                wire.server_mut().update_key();
                exchange(&mut session, wire, 100 + round).await?;
            }
            // Several at once, with data behind them, are answered by one.
            for _ in 0..5 {
                wire.server_mut().update_key();
            }
            wire.server_mut().send_app(b"now");
            let (mut rx, mut tx) = session.split();
            expect(&mut rx, b"now").await?;
            tx.write_all(b"here").await?;
            tx.flush().await?;
            assert_eq!(std::mem::take(&mut wire.server_mut().app), b"here");
            exchange(&mut session, wire, 20_000).await?;
            session.close().await
        });
    assert_eq!(result, Ok(Ok(())));
    let peer = wire.server();
    assert!(peer.close_notify && peer.error.is_none());
}

#[test]
fn duty_73_a_key_update_that_asks_is_answered_once_before_our_next_data() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for asked in [false, true] {
        let server = Server::new(Script::good(&family.site()));
        let (result, wire) =
            Attempt::new(server, chain(anchors)).with(async |mut session, wire| {
                let (mut rx, mut tx) = session.split();
                for _ in 0..3 {
                    wire.server_mut().send_key_update(asked);
                }
                wire.server_mut().send_app(b"x");
                expect(&mut rx, b"x").await?;
                tx.write_all(b"data").await?;
                tx.flush().await?;
                tx.write_all(b"more").await?;
                tx.flush().await
            });
        assert_eq!(result, Ok(Ok(())));
        let server = wire.server();
        assert_eq!(server.seen().app, b"datamore");
        assert_eq!(server.seen().key_updates, usize::from(asked));
        assert_eq!(server.seen().violations, []);
    }
}

#[test]
fn duty_61_and_78_small_records_make_no_difference() {
    for kind in [KeyKind::P256, KeyKind::Rsa(2048)] {
        let family = Family::new(kind);
        let anchors: &[&[u8]] = &[&family.root.der];
        for version in VERSIONS {
            for fragment in [64, 65, 512, 1000] {
                let serves = Serves {
                    fragment: Some(fragment),
                    ..Serves::only(&family.site(), version)
                };
                let policy = named(chain(anchors), "broker.local");
                let (result, wire) =
                    Attempt::new(serves.peer(), policy).with(async |mut session, wire| {
                        exchange(&mut session, wire, 20_000).await?;
                        session.close().await
                    });
                assert_eq!(result, Ok(Ok(())), "{kind:?} {version:?} {fragment}");
                assert!(wire.server().close_notify);
            }
        }
    }
}

/// Down to one byte in each record.
#[test]
fn duty_78_messages_may_be_cut_anywhere_and_packed_together() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let packings = (1..40)
        .chain([100, 500, 1 << 14])
        .map(Packing::Pieces)
        .chain([Packing::Coalesced, Packing::Each]);
    for packing in packings {
        for padding in [0, 7] {
            let wrap = Wrap {
                packing,
                padding,
                ..Wrap::default()
            };
            let server = Server::new(Script::good(&family.site()).wrap(wrap));
            let attempt = Attempt::new(server, chain(anchors));
            let (result, wire) = attempt.with(async |mut session, wire| {
                assert_eq!(session.peer().negotiated().version, Version::Tls13);
                let (mut rx, mut tx) = session.split();
                tx.write_all(b"ping").await?;
                tx.flush().await?;
                wire.server_mut().send_app(b"pong");
                expect(&mut rx, b"pong").await
            });
            assert_eq!(result, Ok(Ok(())), "{packing:?} {padding}");
            assert_eq!(wire.server().seen().violations, []);
            assert_eq!(wire.server().seen().app, b"ping");
        }
    }
}

/// rustls keeps the records of a message until it is whole, 22 bytes more for each: on the heap, where the caller's buffer
/// is too small for them, and up to a limit.
#[test]
fn duty_78_a_message_in_too_many_pieces_is_refused_by_name() {
    for (kind, opens) in [(KeyKind::Rsa(2048), true), (KeyKind::Rsa(4096), false)] {
        let family = Family::new(kind);
        let anchors: &[&[u8]] = &[&family.root.der];
        let wrap = Wrap {
            packing: Packing::Pieces(1),
            ..Wrap::default()
        };
        let server = Server::new(Script::good(&family.site()).wrap(wrap));
        let attempt = Attempt::new(server, chain(anchors));
        let (result, wire) = attempt.in_room::<1024, _>(async |_, _| ()).unwrap();
        assert_eq!(result.is_ok(), opens, "{kind:?}");
        if let Err(reason) = result {
            let limit = CapacityError::TooLarge {
                what: Limit::HandshakeMessage,
                needed: 36_869,
                limit: 36_864,
            };
            assert_eq!(reason.cause, limit.into());
            assert!(!wire.server().seen().finished);
        }
    }
}

/// A Certificate of 12 KB in records of 1,500 bytes, and buffers that hold one of these.
#[test]
fn duty_78_a_message_may_be_larger_than_the_buffer() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let mut site = family.site();
    let filler = site.chain[1].clone();
    site.chain.extend(std::iter::repeat_n(filler, 12));
    let len: usize = site.chain.iter().map(Vec::len).sum();
    assert!(len > 4000, "{len}");
    for version in VERSIONS {
        let serves = Serves {
            fragment: Some(1500),
            ..Serves::only(&site, version)
        };
        let attempt = Attempt::new(serves.peer(), chain(anchors));
        let opened = attempt.in_room::<1600, _>(async |mut session, wire| {
            exchange(&mut session, wire, 10_000).await?;
            session.close().await
        });
        let (result, _) = opened.unwrap();
        assert_eq!(result, Ok(Ok(())), "{version:?}");
    }
}

#[test]
fn duty_20_the_stream_may_come_and_go_in_pieces_of_any_size() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        for chunk in [1, 2, 3, 4, 5, 6, 7, 37, 1000] {
            for hesitant in [false, true] {
                let faults = Faults {
                    chunk,
                    write_chunk: chunk,
                    hesitant,
                    ..Faults::default()
                };
                let serves = Serves::only(&family.site(), version);
                let attempt = Attempt::new(serves.peer(), chain(anchors)).faults(faults);
                let (result, wire) = attempt.with(async |mut session, wire| {
                    exchange(&mut session, wire, 9000).await?;
                    session.close().await
                });
                assert_eq!(result, Ok(Ok(())), "{version:?} {chunk}");
                assert!(wire.server().close_notify);
            }
        }
    }
}

/// Data that a server sends behind its Finished, before it has seen ours.
#[test]
fn duty_100_early_data_of_the_server_wait_for_the_session() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let early = tls_doubles::script::Step::Inner {
        kind: 23,
        content: b"early".to_vec(),
    };
    for packing in [Packing::Each, Packing::Coalesced] {
        let script = Script::good(&family.site())
            .wrap(Wrap {
                packing,
                ..Wrap::default()
            })
            .then(early.clone());
        let (result, _) =
            Attempt::new(Server::new(script), chain(anchors)).with(async |mut session, wire| {
                assert!(wire.server().seen().finished);
                let (mut rx, _) = session.split();
                expect(&mut rx, b"early").await
            });
        assert_eq!(result, Ok(Ok(())));
    }
}

/// Small reads take one record in parts; a small buffer makes many records of one write.
#[test]
fn reads_and_writes_have_any_size() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        let serves = Serves::only(&family.site(), version);
        let (result, _) =
            Attempt::new(serves.peer(), chain(anchors)).with(async |mut session, wire| {
                let data = pattern(1000);
                wire.server_mut().send_app(&data);
                let (mut rx, mut tx) = session.split();
                for byte in &data {
                    let mut one = [0];
                    assert_eq!(rx.read(&mut one).await?, 1);
                    assert_eq!(one[0], *byte);
                }
                assert_eq!(rx.read(&mut []).await?, 0);
                assert_eq!(tx.write(&[]).await?, 0);
                for byte in &data {
                    tx.write_all(&[*byte]).await?;
                }
                tx.flush().await?;
                assert!(wire.server().app == data);
                Ok::<_, Reason>(())
            });
        assert_eq!(result, Ok(Ok(())), "{version:?}");
    }
}

#[cfg(feature = "embedded-tls")]
#[test]
fn what_embedded_tls_refuses_rustls_does() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let wrap = Wrap {
        packing: Packing::Pieces(100),
        ..Wrap::default()
    };
    for (engine, opens) in [(EngineRule::Best, true), (EngineRule::WithoutHeap, false)] {
        let policy = Policy {
            engine,
            ..chain(anchors)
        };
        let server = Server::new(Script::good(&family.site()).wrap(wrap));
        let (result, _) = Attempt::new(server, policy).with(async |_, _| ());
        assert_eq!(result.is_ok(), opens, "{engine:?}: {result:?}");
    }
}
