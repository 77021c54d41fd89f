//! What the caller's memory holds and what it does not: records of either way, ClientHello.

use std::pin::pin;
use tls_session::reason::{CapacityError, Limit};

use embedded_io_async::{Read, Write};
use tls_session::{
    Cause, Connection, Deadlines, FULL_OUTGOING, Memory, Policy, PreSharedKey, Reason, Session,
    Stage,
};

use crate::client::{TestSession, chain, on_embedded};
use tls_doubles::clock::Clock;
use tls_doubles::exec::run;
use tls_doubles::io::{Faults, Wire, connect};
use tls_doubles::keys::KeyKind;
use tls_doubles::pki::Family;
use tls_doubles::record::{APPLICATION_DATA, MAX_PLAINTEXT};
use tls_doubles::rng::TestRng;
use tls_doubles::script::Script;
use tls_doubles::server::Server;

/// Opens a session in this memory and lets `then` use it.
fn in_memory<const IN: usize, const OUT: usize, T>(
    script: Script,
    policy: Policy<'_>,
    then: impl AsyncFnOnce(TestSession<'_>, &Wire) -> Result<T, Reason>,
) -> (Result<T, Reason>, Wire) {
    let (wire, rx, tx) = connect(Server::new(script), Faults::default());
    let transport = Connection::new(rx, tx, Clock::default().delay());
    let mut memory = Box::new(Memory::<IN, OUT>::new());
    let result = run(pin!(async {
        let rng = TestRng::new(11);
        let deadlines = Deadlines::default();
        let policy = on_embedded(&policy);
        let open = Session::open(&transport, &mut memory, &policy, deadlines, rng);
        then(open.await?, &wire).await
    }))
    .ready();
    assert_eq!(wire.server().seen().violations, []);
    (result, wire)
}

fn too_large(what: Limit, needed: usize, limit: usize) -> Cause {
    Cause::Capacity(CapacityError::TooLarge {
        what,
        needed: u32::try_from(needed).unwrap(),
        limit: u32::try_from(limit).unwrap(),
    })
}

#[test]
fn a_record_that_the_memory_cannot_hold_names_both_sizes() {
    const IN: usize = 2048;
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    // Ciphertext is content, content type and tag.
    for (content, fits) in [(IN - 17, true), (IN - 16, false), (MAX_PLAINTEXT, false)] {
        let read = async |mut session: TestSession<'_>, wire: &Wire| {
            let (mut rx, _) = session.split();
            wire.server_mut().send_app(&vec![b'x'; content]);
            let mut all = vec![0; content];
            let mut have = 0;
            while have < content {
                have += rx.read(&mut all[have..]).await?;
            }
            Ok(all)
        };
        let script = Script::good(&family.site());
        let (result, _) = in_memory::<IN, 4096, _>(script, chain(anchors), read);
        match result {
            Ok(all) => assert!(fits && all == vec![b'x'; content]),
            Err(reason) => {
                assert!(!fits);
                assert_eq!(reason.stage, Stage::Data);
                assert_eq!(
                    reason.cause,
                    too_large(Limit::RecordBuffer, content + 17, IN)
                );
            }
        }
    }
    // A chain that is longer than the memory.
    let mut long = family.site();
    long.chain.push(vec![0x30; IN]);
    let script = Script::good(&long);
    let (result, _) = in_memory::<IN, 4096, _>(script, chain(anchors), async |_, _| Ok(()));
    let reason = result.unwrap_err();
    assert_eq!(reason.stage, Stage::Certificate);
    assert!(
        matches!(
            reason.cause,
            Cause::Capacity(CapacityError::TooLarge {
                what: Limit::RecordBuffer,
                limit: 2048,
                ..
            })
        ),
        "{reason:?}"
    );
}

#[test]
fn records_of_ours_are_as_large_as_the_memory_and_never_larger_than_tls_allows() {
    fn sent<const OUT: usize>(data: &[u8]) -> Vec<usize> {
        let family = Family::new(KeyKind::P256);
        let anchors: &[&[u8]] = &[&family.root.der];
        let write = async |mut session: TestSession<'_>, _: &Wire| {
            let (_, mut tx) = session.split();
            tx.write_all(data).await?;
            tx.flush().await
        };
        let script = Script::good(&family.site());
        let (result, wire) = in_memory::<4096, OUT, _>(script, chain(anchors), write);
        assert_eq!(result, Ok(()));
        let server = wire.server();
        assert!(server.seen().app == data);
        let records = server.seen().records.iter();
        let data = records.filter(|(kind, _)| *kind == APPLICATION_DATA);
        // Our Finished is the first of them.
        data.skip(1).map(|(_, len)| len - 17).collect()
    }
    let data: Vec<u8> = (0..40_000_u32)
        .map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1])
        .collect();
    assert_eq!(
        sent::<FULL_OUTGOING>(&data),
        [MAX_PLAINTEXT, MAX_PLAINTEXT, 40_000 - 2 * MAX_PLAINTEXT]
    );
    assert_eq!(sent::<4096>(&data[..10_000]), [3963, 3963, 2074]);
    assert_eq!(sent::<1024>(&data[..1000]), [891, 109]);
}

/// What is offered goes into one record of the smallest memory; what does not is a reason, no panic.
#[test]
fn the_longest_hello_fits_the_smallest_memory() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let label = "a".repeat(63);
    let name = [&label[..], &label, &label, &label[..61]].join(".");
    assert_eq!(name.len(), 253);
    let longest = [&[b'p'; 64][..]; 4];
    let policy = Policy {
        sni: Some(&name),
        alpn: &longest,
        ..chain(anchors)
    };
    let script = Script::good(&family.site());
    let (result, wire) = in_memory::<2048, 1024, _>(script, policy, async |_, _| Ok(()));
    assert_eq!(result, Ok(()));
    let hello = wire.server().seen().hello.clone().unwrap();
    assert_eq!(hello.server_name(), Some(name.clone()));
    assert_eq!(hello.alpn(), longest);

    let key = b"0123456789abcdef";
    for (len, fits) in [(32, true), (64, true), (2000, false), (70_000, false)] {
        let identity = vec![b'i'; len];
        let policy = Policy {
            sni: Some(&name),
            ..Policy::pre_shared_key(PreSharedKey::new(&identity, key).unwrap())
        };
        let script = Script::psk(key);
        let (result, wire) = in_memory::<2048, 1024, _>(script, policy, async |_, _| Ok(()));
        assert_eq!(result.is_ok(), fits, "{len}: {result:?}");
        assert_eq!(wire.written() > 0, fits);
    }
}

#[test]
fn a_protocol_that_cannot_be_offered_is_refused_before_the_first_byte() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for len in [0, 65, 255, 256, 300] {
        let protocol = vec![b'p'; len];
        let policy = Policy {
            alpn: &[b"mqtt", &protocol],
            ..chain(anchors)
        };
        let script = Script::good(&family.site());
        let (result, wire) = in_memory::<2048, 1024, _>(script, policy, async |_, _| Ok(()));
        let reason = result.unwrap_err();
        assert_eq!(
            (reason.stage, reason.cause),
            (Stage::Setup, too_large(Limit::Protocol, len, 64))
        );
        assert_eq!(wire.written(), 0);
    }
}
