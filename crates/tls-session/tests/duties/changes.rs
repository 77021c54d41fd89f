//! A server that knows its keys and sends a good flight with one thing changed, wherever that is: what
//! follows, proof and Finished, is about the flight as it was sent, so only a look at each field finds it.

use tls_session::reason::ProtocolViolation;
use tls_session::{Cause, Policy, PreSharedKey};

use crate::client::{Attempt, chain, named};
use tls_doubles::keys::KeyKind;
use tls_doubles::message::{
    CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, ENCRYPTED_EXTENSIONS, FINISHED, Message,
    SERVER_HELLO,
};
use tls_doubles::pki::Family;
use tls_doubles::script::{Change, Script, Step};

/// server_name, supported_groups and ALPN: all that may be there.
fn extensions() -> Step {
    Step::Send(Message::EncryptedExtensions(vec![
        (0, vec![]),
        (10, vec![0, 4, 0, 0x17, 0x11, 0xec]),
        (16, vec![0, 5, 4, b'm', b'q', b't', b't']),
    ]))
}

/// Where in its message a byte says nothing that matters here.
fn free(message: u8, at: usize) -> bool {
    match message {
        // Header, version, and then: random.
        SERVER_HELLO => (6..38).contains(&at),
        // Header, length, server_name, header of supported_groups, and then: groups.
        ENCRYPTED_EXTENSIONS => (14..20).contains(&at),
        // Header, context, length, header of signature_algorithms, length, and then: schemes.
        CERTIFICATE_REQUEST => (13..21).contains(&at),
        _ => false,
    }
}

/// What comes of a change to a message; `None` where there was nothing to change.
fn outcome(script: Script, policy: Policy<'_>) -> Option<Option<Cause>> {
    // A message that is longer than it says leaves the client waiting for the rest.
    let script = script.then(Step::AwaitFinished).then(Step::Close);
    let (result, wire) = Attempt::new(script, policy).with(async |session, _| drop(session));
    let server = wire.server();
    assert_eq!(server.seen().app, b"");
    if result.is_err() {
        assert!(!server.seen().finished, "{result:?}");
    }
    assert_eq!(server.seen().violations, []);
    server
        .changed()
        .then(|| result.err().map(|reason| reason.cause))
}

/// Every byte of every message flipped, left out, and one more before it.
fn sweep(script: &Script, policy: Policy<'_>, messages: &[u8]) {
    for &message in messages {
        let changed = |change| outcome(script.clone().changed(message, change), policy);
        let refused = |change| {
            let cause = changed(change)?.unwrap_or_else(|| panic!("{message}: {change:?} passed"));
            assert!(
                !matches!(cause, Cause::Protocol(ProtocolViolation::Engine(_))),
                "{message}: {change:?}"
            );
            Some(cause)
        };
        let mut len = 0;
        for at in 0.. {
            let mut there = true;
            // Certificates are long, and each byte of theirs is signed.
            let masks = [1 << (at % 8), 0xff];
            let masks = &masks[..if message == CERTIFICATE { 1 } else { 2 }];
            for &mask in masks {
                let change = Change::Flip { at, mask };
                if free(message, at) {
                    assert_eq!(changed(change), Some(None), "{message}: {change:?}");
                } else {
                    there &= refused(change).is_some();
                }
            }
            if !there {
                len = at;
                break;
            }
        }
        assert!(len > 5, "{message}");
        for at in 0..len {
            for honest in [false, true] {
                // A message that is not sent at all is a matter of its own.
                if at > 0 {
                    refused(Change::Cut { len: at, honest }).unwrap();
                }
            }
        }
        for at in 4..=len {
            let byte = if at % 2 == 0 { 0 } else { 0xff };
            refused(Change::Grow { at, byte }).unwrap();
        }
    }
}

#[test]
fn a_change_anywhere_in_the_flight_is_refused_by_us_and_never_by_the_engine() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let policy = Policy {
        sni: Some("broker.local"),
        alpn: &[b"mqtt"],
        ..named(chain(anchors), "broker.local")
    };
    let script = Script::good(&family.site())
        .replace(ENCRYPTED_EXTENSIONS, extensions())
        .asks_certificate();
    assert!(Attempt::new(script.clone(), policy).exchange().is_ok());
    let messages = [
        SERVER_HELLO,
        ENCRYPTED_EXTENSIONS,
        CERTIFICATE_REQUEST,
        CERTIFICATE,
        CERTIFICATE_VERIFY,
        FINISHED,
    ];
    sweep(&script, policy, &messages);
}

/// Whatever is asked of the server: what it sends has the form it must have, and it holds its key.
#[test]
fn a_change_anywhere_but_in_the_certificates_is_refused_without_a_check_of_the_server_too() {
    let family = Family::new(KeyKind::P256);
    let policy = Policy {
        sni: Some("broker.local"),
        alpn: &[b"mqtt"],
        ..Policy::danger_any_peer()
    };
    let script = Script::good(&family.site()).replace(ENCRYPTED_EXTENSIONS, extensions());
    sweep(
        &script,
        policy,
        &[ENCRYPTED_EXTENSIONS, CERTIFICATE_VERIFY, FINISHED],
    );
}

#[test]
fn a_change_anywhere_is_refused_with_a_pre_shared_key() {
    let key = b"0123456789abcdef";
    let policy = Policy {
        sni: Some("broker.local"),
        alpn: &[b"mqtt"],
        ..Policy::pre_shared_key(PreSharedKey::new(b"meter-7", key).unwrap())
    };
    let script = Script::psk(key).replace(ENCRYPTED_EXTENSIONS, extensions());
    sweep(
        &script,
        policy,
        &[SERVER_HELLO, ENCRYPTED_EXTENSIONS, FINISHED],
    );
}
