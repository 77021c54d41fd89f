//! What the doubles promise to the duties, byte by byte.

use std::cell::Cell;
use std::pin::pin;
use std::task::Poll;

use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{Read, Write};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use rand_core::RngCore;

use tls_doubles::clock::Clock;
use tls_doubles::codec::{extensions, u16_list, vec8, vec16};
use tls_doubles::exec::{Outcome, poll_n, run, run_until_stalled_then_advance};
use tls_doubles::io::{Broken, End, Faults, Wire, connect};
use tls_doubles::keys::KeyKind;
use tls_doubles::message::{
    CERTIFICATE_VERIFY, CLIENT_HELLO, ENCRYPTED_EXTENSIONS, Hello, Message, SECP256R1,
    SERVER_HELLO, frame,
};
use tls_doubles::pki::Family;
use tls_doubles::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, TLS_1_2, plain};
use tls_doubles::rng::TestRng;
use tls_doubles::script::{Packing, Script, Step, Wrap};
use tls_doubles::seen::{Alert, Violation};
use tls_doubles::server::Server;

/// A ClientHello with a share for P-256, which may be left away; in a record.
fn client_hello(share: bool) -> Vec<u8> {
    let mut entry = Vec::new();
    if share {
        let secret = p256::SecretKey::from_slice(&[0x24; 32]).unwrap();
        let point = secret.public_key().to_encoded_point(false);
        entry.extend(SECP256R1.to_be_bytes());
        entry.extend(vec16(point.as_bytes()));
    }
    let list = [
        (43, vec8(&u16_list(&[0x0304]))),
        (10, vec16(&u16_list(&[SECP256R1]))),
        (13, vec16(&u16_list(&[0x0403]))),
        (51, vec16(&entry)),
    ];
    let mut body = vec![3, 3];
    body.extend([9; 32]);
    body.extend(vec8(&[]));
    body.extend(vec16(&u16_list(&[0x1301])));
    body.extend(vec8(&[0]));
    body.extend(vec16(&extensions(&list)));
    plain(HANDSHAKE, 0x0301, &frame(CLIENT_HELLO, &body))
}

fn good() -> Script {
    Script::good(&Family::new(KeyKind::P256).site())
}

/// Bytes that cost no cryptography, so that a sweep may be complete.
fn cheap() -> Script {
    Script::of(Vec::new()).then(Step::Bytes((0..=255).cycle().take(1100).collect()))
}

/// What the server answers to ClientHello.
fn answer(script: Script) -> Vec<u8> {
    let mut server = Server::new(script);
    server.receive(&client_hello(true));
    server.take_output()
}

/// Types, versions and lengths of whole records.
fn records(mut bytes: &[u8]) -> Vec<(u8, u16, usize)> {
    let mut out = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<5>() {
        let len = usize::from(u16::from_be_bytes([header[3], header[4]]));
        out.push((header[0], u16::from_be_bytes([header[1], header[2]]), len));
        bytes = rest.get(len..).unwrap_or_default();
    }
    out
}

/// What a client that only listens reads, how large each read was, and how it ended.
fn listen(script: Script, faults: Faults) -> (Vec<u8>, Vec<usize>, Outcome<Result<(), Broken>>) {
    let (_, mut rx, mut tx) = connect(Server::new(script), faults);
    let (mut bytes, mut sizes) = (Vec::new(), Vec::new());
    let outcome = run(pin!(async {
        tx.write_all(&client_hello(false)).await.unwrap();
        let mut buffer = [0; 1000];
        loop {
            let len = rx.read(&mut buffer).await?;
            if len == 0 {
                return Ok(());
            }
            bytes.extend(&buffer[..len]);
            sizes.push(len);
        }
    }));
    (bytes, sizes, outcome)
}

#[test]
fn the_stream_is_the_same_in_chunks_of_any_size() {
    let whole = answer(cheap());
    for chunk in [0, 1, 7, 999] {
        for hesitant in [false, true] {
            let faults = Faults {
                chunk,
                hesitant,
                ..Faults::default()
            };
            let (bytes, sizes, outcome) = listen(cheap(), faults);
            assert_eq!(bytes, whole);
            let most = if chunk == 0 { 1000 } else { chunk };
            assert!(sizes[..sizes.len() - 1].iter().all(|size| *size == most));
            assert_eq!(outcome, Outcome::Stalled);
        }
    }
}

#[test]
fn a_cut_ends_the_stream_at_its_byte_in_its_way() {
    let whole = answer(cheap());
    for at in 0..=whole.len() {
        for (end, expected) in [
            (End::Stall, Outcome::Stalled),
            (End::Eof, Outcome::Ready(Ok(()))),
            (End::Error, Outcome::Ready(Err(Broken))),
        ] {
            let faults = Faults {
                cut: Some((at, end)),
                ..Faults::default()
            };
            let (bytes, _, outcome) = listen(cheap(), faults);
            assert_eq!(bytes, &whole[..at]);
            assert_eq!(outcome, expected, "cut at {at}");
        }
    }
}

#[test]
fn a_flip_changes_one_bit() {
    let whole = answer(cheap());
    for bit in 0..whole.len() * 8 {
        let faults = Faults {
            flip: Some(bit),
            ..Faults::default()
        };
        let (bytes, _, _) = listen(cheap(), faults);
        let mut expected = whole.clone();
        expected[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(bytes, expected, "bit {bit}");
    }
}

#[test]
fn a_write_ends_at_its_byte_and_later_writes_are_counted() {
    let hello = client_hello(true);
    for at in 0..hello.len() {
        for (end, ready) in [(End::Stall, false), (End::Eof, true), (End::Error, true)] {
            let faults = Faults {
                write_chunk: 10,
                write_end: Some((at, end)),
                ..Faults::default()
            };
            let (wire, _, mut tx) = connect(Server::new(good()), faults);
            let outcome = run(pin!(async {
                let mut rest = hello.as_slice();
                while !rest.is_empty() {
                    let len = tx.write(rest).await?;
                    if len == 0 {
                        return Ok(());
                    }
                    assert!(len <= 10);
                    rest = &rest[len..];
                }
                panic!("all written")
            }));
            assert_eq!(outcome != Outcome::<Result<(), Broken>>::Stalled, ready);
            assert_eq!((wire.written(), wire.writes_after_end()), (at, 0));
            assert_eq!(wire.server().seen().hello, None);
            assert_eq!(wire.sent(), 0);
            let _ = run(pin!(tx.write(&hello)));
            assert_eq!(wire.writes_after_end(), 1);
        }
    }
}

#[test]
fn a_waiting_read_goes_on_when_the_server_speaks_or_closes() {
    let (wire, mut rx, mut tx) = connect(Server::new(good().then(Step::Stall)), Faults::default());
    assert_eq!(
        run(pin!(tx.write_all(&client_hello(true)))),
        Outcome::Ready(Ok(()))
    );
    let sent = wire.sent();
    let mut buffer = vec![0; sent];
    assert_eq!(
        run(pin!(rx.read_exact(&mut buffer))),
        Outcome::Ready(Ok(()))
    );

    let mut read = Box::pin(rx.read(&mut buffer));
    assert_eq!(run(read.as_mut()), Outcome::Stalled);
    wire.server_mut().send_raw_record(ALERT, TLS_1_2, &[2, 40]);
    assert_eq!(run(read.as_mut()), Outcome::Ready(Ok(7)));
    drop(read);
    assert_eq!(wire.sent(), sent + 7);

    wire.server_mut().close();
    assert_eq!(run(pin!(rx.read(&mut buffer))).ready(), Ok(0));
    wire.set_faults(Faults {
        cut: Some((sent + 7, End::Error)),
        ..Faults::default()
    });
    assert_eq!(run(pin!(rx.read(&mut buffer))).ready(), Err(Broken));
}

#[test]
fn time_passes_only_when_nothing_else_can_happen() {
    let clock = Clock::default();
    let faults = Faults {
        chunk: 100,
        pace: Some((clock.clone(), 250)),
        ..Faults::default()
    };
    let (_, mut rx, mut tx) = connect(Server::new(good()), faults);
    let mut buffer = [0; 400];
    let outcome = run_until_stalled_then_advance(
        pin!(async {
            tx.write_all(&client_hello(true)).await?;
            rx.read_exact(&mut buffer).await.map_err(|_| Broken)
        }),
        &clock,
    );
    assert_eq!(outcome, Outcome::Ready(Ok(())));
    assert_eq!(clock.now_ms(), 1000);
    // Nobody waits any more.
    assert!(!clock.advance_to_next());

    let woken = Cell::new(0);
    let wait = |ms| {
        let (mut delay, woken) = (clock.delay(), &woken);
        async move {
            delay.delay_ms(ms).await;
            woken.set(ms);
        }
    };
    let mut long = pin!(wait(u32::MAX));
    let mut short = pin!(wait(20));
    assert_eq!(run(long.as_mut()), Outcome::Stalled);
    assert_eq!(run(short.as_mut()), Outcome::Stalled);
    clock.advance_ms(19);
    assert_eq!(run(short.as_mut()), Outcome::Stalled);
    clock.advance_ms(1);
    assert_eq!(run(short.as_mut()), Outcome::Ready(()));
    assert_eq!((woken.get(), clock.now_ms()), (20, 1020));
    assert!(clock.advance_to_next());
    assert_eq!(run(long), Outcome::Ready(()));
    assert_eq!(clock.now_ms(), 1000 + u64::from(u32::MAX));

    let mut dropped = Box::pin(wait(5));
    assert_eq!(poll_n(dropped.as_mut(), 3), Poll::Pending);
    drop(dropped);
    assert!(!clock.advance_to_next());
    let mut delay = clock.delay();
    let fine = async {
        delay.delay_us(1_500).await;
        delay.delay_ns(500_000).await;
    };
    assert_eq!(
        run_until_stalled_then_advance(pin!(fine), &clock),
        Outcome::Ready(())
    );
    assert_eq!(clock.now_ms(), 1002 + u64::from(u32::MAX));
}

#[test]
fn a_hesitant_read_dropped_before_it_delivers_loses_nothing() {
    let faults = Faults {
        hesitant: true,
        ..Faults::default()
    };
    let (wire, mut rx, mut tx) = connect(Server::new(good()), faults);
    run(pin!(tx.write_all(&client_hello(true))))
        .ready()
        .unwrap();
    let mut buffer = vec![0; 4096];
    assert_eq!(poll_n(pin!(rx.read(&mut buffer)), 1), Poll::Pending);
    assert_eq!(
        poll_n(pin!(rx.read(&mut buffer)), 2),
        Poll::Ready(Ok(wire.sent()))
    );
    assert_eq!(buffer[..wire.sent()], answer(good()));
}

#[test]
fn records_are_laid_as_the_wrap_says() {
    let hello_len = records(&answer(good()))[0].2;
    let encrypted: usize = records(&answer(good()))[1..]
        .iter()
        .map(|record| record.2 - 17)
        .sum();
    let one = |wrap| records(&answer(good().wrap(wrap)));
    let default = Wrap::default();

    let coalesced = one(Wrap {
        packing: Packing::Coalesced,
        ..default
    });
    assert_eq!(
        coalesced,
        [
            (HANDSHAKE, TLS_1_2, hello_len),
            (APPLICATION_DATA, TLS_1_2, encrypted + 17)
        ]
    );

    let pieces = one(Wrap {
        packing: Packing::Pieces(1),
        ..default
    });
    assert_eq!(pieces.len(), hello_len + encrypted);
    assert!(
        pieces[hello_len..]
            .iter()
            .all(|record| *record == (APPLICATION_DATA, TLS_1_2, 18))
    );

    let wrap = Wrap {
        packing: Packing::Coalesced,
        padding: 33,
        outer: 99,
        version: 0x0999,
        ccs_before_each: true,
        ..default
    };
    assert_eq!(
        one(wrap),
        [
            (CHANGE_CIPHER_SPEC, TLS_1_2, 1),
            (HANDSHAKE, 0x0999, hello_len),
            (CHANGE_CIPHER_SPEC, TLS_1_2, 1),
            (99, 0x0999, encrypted + 17 + 33),
        ]
    );

    let plaintext = one(Wrap {
        encrypt: false,
        packing: Packing::Coalesced,
        ..default
    });
    assert_eq!(plaintext[1], (HANDSHAKE, TLS_1_2, encrypted));
}

#[test]
fn steps_write_what_they_say() {
    let only = |step| answer(Script::of(Vec::new()).then(step));
    assert_eq!(only(Step::Bytes(vec![1, 2, 3])), [1, 2, 3]);
    assert_eq!(only(Step::change_cipher_spec()), [20, 3, 3, 0, 1, 1]);
    assert_eq!(only(Step::plain_alert(2, 40)), [21, 3, 3, 0, 2, 2, 40]);
    assert_eq!(
        only(Step::Alert {
            level: 1,
            description: 0
        }),
        [21, 3, 3, 0, 2, 1, 0]
    );
    assert_eq!(
        only(Step::cut_record(22, 0xffff, &[5])),
        [22, 3, 3, 0xff, 0xff, 5]
    );
    assert_eq!(only(Step::Stall), []);
    let empty = Step::Record {
        kind: 23,
        version: 0x0302,
        body: vec![],
    };
    assert_eq!(only(empty), [23, 3, 2, 0, 0]);

    // With keys: sizes show what is inside.
    let hello = records(&answer(good()))[0];
    let after_hello = |step| {
        let script = good().until(ENCRYPTED_EXTENSIONS, step);
        records(&answer(script))[1..].to_vec()
    };
    let sizes = |len| vec![(APPLICATION_DATA, TLS_1_2, len)];
    assert_eq!(after_hello(Step::InnerBytes(vec![])), sizes(16));
    assert_eq!(
        after_hello(Step::Inner {
            kind: 99,
            content: vec![1]
        }),
        sizes(18)
    );
    assert_eq!(
        after_hello(Step::Alert {
            level: 2,
            description: 80
        }),
        sizes(19)
    );
    assert_eq!(
        hello,
        records(&answer(good().until(CERTIFICATE_VERIFY, Step::Close)))[0]
    );
    assert!(after_hello(Step::Close).is_empty());
}

#[test]
fn a_hello_has_its_fields_in_their_places() {
    let fields = Hello {
        legacy_version: 0x0304,
        random: [7; 32],
        session_id: Some(vec![8, 9]),
        suite: 0x1302,
        compression: 5,
        extensions: None,
        trailing: vec![0xaa],
    };
    let site = Family::new(KeyKind::P256).site();
    let script = Script::hello(&site, fields).until(ENCRYPTED_EXTENSIONS, Step::Stall);
    let mut expected = vec![22, 3, 3, 0, 45, SERVER_HELLO, 0, 0, 41, 3, 4];
    expected.extend([7; 32]);
    expected.extend([2, 8, 9, 0x13, 2, 5, 0xaa]);
    assert_eq!(answer(script), expected);
    let retry =
        answer(Script::hello(&site, Hello::retry(29)).until(ENCRYPTED_EXTENSIONS, Step::Stall));
    assert_eq!(retry[retry.len() - 6..], [0, 51, 0, 2, 0, 29]);
}

#[test]
fn what_a_client_does_wrong_is_written_down() {
    let after_hello = |bytes: Vec<u8>| {
        let mut server = Server::new(good());
        server.receive(&client_hello(true));
        server.receive(&bytes);
        server.seen().violations.clone()
    };
    assert_eq!(after_hello(vec![]), []);
    assert_eq!(
        after_hello(plain(23, TLS_1_2, &[1; 40])),
        [Violation::BadMac]
    );
    assert_eq!(
        after_hello(plain(22, TLS_1_2, &[1; 40])),
        [Violation::Record(22)]
    );
    assert_eq!(
        after_hello(plain(99, TLS_1_2, &[])),
        [Violation::Record(99)]
    );
    assert_eq!(
        after_hello(plain(21, TLS_1_2, &[1])),
        [Violation::Content(21)]
    );
    assert_eq!(after_hello(client_hello(true)), [Violation::Record(22)]);

    let first = |bytes: &[u8]| {
        let mut server = Server::new(good());
        server.receive(bytes);
        server
    };
    assert_eq!(
        first(&client_hello(false)).seen().violations,
        [Violation::NoKeyShare]
    );
    let garbage = plain(22, TLS_1_2, &frame(CLIENT_HELLO, &[1, 2, 3]));
    assert_eq!(first(&garbage).seen().violations, [Violation::Hello]);
    let finished = plain(22, TLS_1_2, &frame(20, &[0; 32]));
    assert_eq!(first(&finished).seen().violations, [Violation::Message(20)]);
    assert_eq!(
        first(&plain(23, TLS_1_2, &[0; 20])).seen().violations,
        [Violation::Record(23)]
    );
    let alert = first(&plain(21, TLS_1_2, &[2, 70]));
    let expected = Alert {
        level: 2,
        description: 70,
        encrypted: false,
    };
    assert_eq!(
        (alert.seen().alerts.as_slice(), alert.seen().refusals()),
        (&[expected][..], vec![70])
    );
}

#[test]
fn randomness_repeats_for_a_seed_and_differs_between_seeds() {
    let draw = |seed| {
        let mut rng = TestRng::new(seed);
        [rng.next_u64(), rng.next_u64()]
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    assert_ne!(draw(1)[0], draw(1)[1]);
}

#[test]
fn a_wire_is_one_connection_however_often_it_is_held() {
    let (wire, _, mut tx) = connect(Server::new(good()), Faults::default());
    let other: Wire = wire.clone();
    run(pin!(tx.write_all(&client_hello(true))))
        .ready()
        .unwrap();
    assert!(wire.sent() > 0 && other.sent() == wire.sent());
    let message = Message::Bytes(vec![1]);
    assert_eq!(message.kind(), None);
}
