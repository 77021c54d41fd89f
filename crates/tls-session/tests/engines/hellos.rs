//! What is offered, and what a server may not answer to it: ServerHello and what stands beside it in the clear.

use tls_session::reason::{CapacityError, Limit, NegotiationError, ProtocolViolation};
use tls_session::verify::Version;
use tls_session::{Cause, MasterSecret, Policy, Reason, Stage};

use tls_doubles::codec::{vec8, vec16};
use tls_doubles::keys::KeyKind;
use tls_doubles::message::{
    CERTIFICATE, ENCRYPTED_EXTENSIONS, FINISHED, Hello, HelloExtension, Message, SECP256R1,
    SERVER_HELLO, TLS_1_3, frame,
};
use tls_doubles::pki::Family;
use tls_doubles::record::{CHANGE_CIPHER_SPEC, HANDSHAKE, TLS_1_2, plain};
use tls_doubles::script::{Script, Step};
use tls_doubles::server::Server;

use crate::client::{Attempt, chain, only};
use crate::openings::VERSIONS;
use crate::peer::{Peer, Serves, messages};

const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_STATUS: u8 = 22;
const COMPRESSED_CERTIFICATE: u8 = 25;

/// A server of TLS 1.2 that sends each handshake message as `change` returns it.
fn changed(serves: &Serves, change: impl Fn(u8, Vec<u8>) -> Vec<u8> + 'static) -> Peer {
    serves.peer().edited(move |record| {
        let list = messages(&record);
        if list.is_empty() {
            return record;
        }
        let all = list
            .into_iter()
            .map(|(kind, place)| change(kind, record[place].to_vec()));
        plain(HANDSHAKE, TLS_1_2, &all.collect::<Vec<_>>().concat())
    })
}

/// The fields of a ServerHello of TLS 1.2.
fn read(message: &[u8]) -> Hello {
    let body = &message[4..];
    let id = 35 + usize::from(body[34]);
    let mut extensions = Vec::new();
    let mut rest = &body[id + 5..];
    while let [high, low, len_high, len_low, content @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*len_high, *len_low]));
        let kind = u16::from_be_bytes([*high, *low]);
        extensions.push(HelloExtension::Raw(kind, content[..len].to_vec()));
        rest = &content[len..];
    }
    Hello {
        legacy_version: u16::from_be_bytes([body[0], body[1]]),
        random: body[2..34].try_into().unwrap(),
        session_id: Some(body[35..id].to_vec()),
        suite: u16::from_be_bytes([body[id], body[id + 1]]),
        compression: body[id + 2],
        extensions: Some(extensions),
        trailing: Vec::new(),
    }
}

/// What a ServerHello of TLS 1.2 that was changed like this is refused for, and with which alert.
fn hello_of_1_2(
    policy: &Policy<'_>,
    change: impl Fn(&mut Hello) + 'static,
) -> (Reason, Option<u8>) {
    let family = Family::new(KeyKind::P256);
    let serves = Serves::only(&family.site(), Version::Tls12);
    let peer = changed(&serves, move |kind, message| match kind {
        SERVER_HELLO => {
            let mut hello = read(&message);
            change(&mut hello);
            hello.encode(&[], &[])
        }
        _ => message,
    });
    let (reason, wire) = Attempt::new(peer, *policy).refused();
    let alert = wire.server().alert();
    (reason, alert)
}

fn add(hello: &mut Hello, kind: u16, content: &[u8]) {
    let list = hello.extensions.as_mut().unwrap();
    list.push(HelloExtension::Raw(kind, content.to_vec()));
}

fn remove(hello: &mut Hello, kind: u16) {
    let list = hello.extensions.as_mut().unwrap();
    list.retain(|found| !matches!(found, HelloExtension::Raw(number, _) if *number == kind));
}

/// What a server of TLS 1.3 that plays this script is refused for, and with which alerts.
fn script_of_1_3(script: Script) -> (Reason, Vec<u8>) {
    let attempt = Attempt::new(Server::new(script), Policy::danger_any_peer());
    let (reason, wire) = attempt.refused();
    assert_eq!(wire.server().seen().app, b"");
    let alerts = wire.server().seen().refusals();
    (reason, alerts)
}

fn hello_of_1_3(hello: Hello) -> (Reason, Vec<u8>) {
    let family = Family::new(KeyKind::P256);
    let (reason, alerts) = script_of_1_3(Script::hello(&family.site(), hello));
    assert_eq!(reason.stage, Stage::Hello, "{reason:?}");
    (reason, alerts)
}

#[test]
fn duty_30_a_server_of_an_older_version_is_named() {
    for version in [0x0302, 0x0301, 0x0300, 0x0002] {
        let (reason, alert) = hello_of_1_2(&Policy::danger_any_peer(), move |hello| {
            hello.legacy_version = version;
        });
        let cause = NegotiationError::ServerVersion(version).into();
        assert_eq!((reason.stage, reason.cause), (Stage::Hello, cause));
        assert_eq!(alert, Some(70), "{version:#x}");
    }
    // A version that is fine, but not by our rule.
    for (offered, hello, server) in [
        (Version::Tls13, Hello::older(0x0303), 0x0303),
        (Version::Tls12, Hello::good(), 0x0304),
    ] {
        let family = Family::new(KeyKind::P256);
        let policy = Policy {
            versions: only(offered),
            ..Policy::danger_any_peer()
        };
        let server_of_other = Server::new(Script::hello(&family.site(), hello));
        let (reason, _) = Attempt::new(server_of_other, policy).refused();
        assert_eq!(reason.stage, Stage::Hello);
        let code = reason.cause.code();
        assert!(
            ["policy_version", "protocol"].contains(&code),
            "{server:#x}: {reason:?}"
        );
    }
}

#[test]
fn duty_31_tls_1_2_is_not_chosen_by_an_extension_of_1_3() {
    for version in [0x0303_u16, 0x0302, 0x0305] {
        let (reason, alert) = hello_of_1_2(&Policy::danger_any_peer(), move |hello| {
            add(hello, 43, &version.to_be_bytes());
        });
        assert_eq!(reason.stage, Stage::Hello, "{reason:?}");
        assert!(matches!(alert, Some(47 | 70)), "{version:#x}: {alert:?}");
    }
}

#[test]
fn duty_35_a_suite_that_was_not_offered_is_refused_by_its_number() {
    for suite in [
        0x002f, 0x009c, 0xc013, 0xc009, 0x00ff, 0x1301, 0x1304, 0xfafa,
    ] {
        let (reason, alert) = hello_of_1_2(&Policy::danger_any_peer(), move |hello| {
            hello.suite = suite;
        });
        let cause = NegotiationError::CipherSuite(suite).into();
        assert_eq!((reason.stage, reason.cause), (Stage::Hello, cause));
        assert!(matches!(alert, Some(40 | 47)), "{suite:#x}: {alert:?}");
    }
    for suite in [0x1304, 0xc02b, 0x002f, 0xfafa] {
        let (reason, alerts) = hello_of_1_3(Hello::suite(suite));
        assert_eq!(reason.cause, NegotiationError::CipherSuite(suite).into());
        assert!(matches!(alerts[..], [40 | 47]), "{suite:#x}: {alerts:?}");
    }
}

#[test]
fn duty_36_fields_and_extensions_that_answer_nothing() {
    type Change = fn(&mut Hello);
    let cases: [(Change, u8); 7] = [
        (|hello| hello.compression = 1, 47),
        // Not offered: heartbeat, and a number that nobody has.
        (|hello| add(hello, 15, &[1]), 110),
        (|hello| add(hello, 0xfafa, &[]), 110),
        (|hello| add(hello, 23, &[]), 47),
        // ec_point_formats without uncompressed.
        (
            |hello| {
                remove(hello, 11);
                add(hello, 11, &[1, 1]);
            },
            47,
        ),
        (|hello| hello.trailing = vec![0], 50),
        (|hello| hello.session_id = Some(vec![7; 33]), 50),
    ];
    for (index, (change, expected)) in cases.into_iter().enumerate() {
        let (reason, alert) = hello_of_1_2(&Policy::danger_any_peer(), change);
        assert!(
            matches!(reason.cause, Cause::Protocol(_)),
            "{index}: {reason:?}"
        );
        // The engine sends 40 where RFC 8422 wants 47.
        let also = if index == 4 { Some(40) } else { None };
        assert!(
            alert == Some(expected) || alert == also,
            "{index}: {alert:?}"
        );
    }
}

#[test]
fn duty_37_renegotiation_info_is_empty_or_missing() {
    let (reason, alert) = hello_of_1_2(&Policy::danger_any_peer(), |hello| {
        remove(hello, 0xff01);
        add(hello, 0xff01, &vec8(&[7; 12]));
    });
    assert_eq!(reason.cause, ProtocolViolation::Renegotiation.into());
    assert_eq!(alert, Some(40));
}

/// It is our own, made up for TLS 1.3: nothing can be resumed by it.
#[test]
fn duty_38_the_session_id_of_our_hello_is_not_echoed_in_1_2() {
    let family = Family::new(KeyKind::P256);
    // The script echoes.
    let hello = Hello {
        session_id: None,
        ..Hello::older(0x0303)
    };
    let script = Script::hello(&family.site(), hello);
    let (reason, alerts) = script_of_1_3(script);
    assert_eq!(reason.stage, Stage::Hello, "{reason:?}");
    assert_eq!(alerts, [47]);
}

#[test]
fn duty_39_answers_to_what_was_not_asked() {
    let protocols: &[&[u8]] = &[b"mqtt", b"h2"];
    let asked = Policy {
        alpn: protocols,
        ..Policy::danger_any_peer()
    };
    let alpn = |name: &[u8]| vec16(&vec8(name));
    // Neither a name nor protocols were sent.
    for (kind, content) in [(0, vec![]), (35, vec![]), (16, alpn(b"h2"))] {
        let (reason, alert) = hello_of_1_2(&Policy::danger_any_peer(), move |hello| {
            add(hello, kind, &content);
        });
        assert_eq!(reason.cause, ProtocolViolation::UnsupportedExtension.into());
        assert_eq!(alert, Some(110), "{kind}");
    }
    for (name, alerts) in [(&b"http/1.1"[..], [47, 120]), (b"", [50, 50])] {
        let content = alpn(name);
        let (reason, alert) = hello_of_1_2(&asked, move |hello| add(hello, 16, &content));
        assert!(
            alert.is_some_and(|alert| alerts.contains(&alert)),
            "{reason:?} {alert:?}"
        );
    }
    let family = Family::new(KeyKind::P256);
    for (policy, name) in [
        (&asked, &b"http/1.1"[..]),
        (&Policy::danger_any_peer(), b"h2"),
    ] {
        let script = Script::good(&family.site()).selects_alpn(name);
        let (reason, wire) = Attempt::new(Server::new(script), *policy).refused();
        assert_eq!(wire.server().seen().refusals().len(), 1, "{reason:?}");
    }
}

#[test]
fn duty_40_without_extended_master_secret_a_strict_policy_refuses() {
    let strict = Policy {
        master_secret: MasterSecret::Required,
        ..Policy::danger_any_peer()
    };
    let (reason, alert) = hello_of_1_2(&strict, |hello| remove(hello, 23));
    assert_eq!(
        reason.cause,
        NegotiationError::NoExtendedMasterSecret.into()
    );
    assert_eq!(alert, Some(40));
}

/// Before ServerKeyExchange, where one stands that was promised.
#[test]
fn duty_41_a_certificate_status_that_was_not_promised_is_refused() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let serves = Serves::only(&family.site(), Version::Tls12);
    let peer = changed(&serves, |kind, message| match kind {
        SERVER_KEY_EXCHANGE => {
            let status = frame(CERTIFICATE_STATUS, &[1, 0, 0, 1, 7]);
            [status, message].concat()
        }
        _ => message,
    });
    let (reason, wire) = Attempt::new(peer, chain(anchors)).refused();
    assert!(matches!(reason.cause, Cause::Protocol(_)), "{reason:?}");
    assert_eq!(wire.server().alert(), Some(10));
}

/// The response is asked for by the engine, and nobody's verdict depends on it.
#[test]
fn duty_42_an_ocsp_response_of_any_content_is_dropped() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        for len in [1, 100, 14_000] {
            let serves = Serves {
                ocsp: vec![0x30; len],
                ..Serves::only(&family.site(), version)
            };
            let (result, _) = Attempt::new(serves.peer(), chain(anchors)).with(async |_, _| ());
            assert_eq!(result, Ok(()), "{version:?} {len}");
        }
        let serves = Serves {
            ocsp: vec![0x30; 60_000],
            ..Serves::only(&family.site(), version)
        };
        let (reason, _) = Attempt::new(serves.peer(), chain(anchors)).refused();
        let is_limit = matches!(
            reason.cause,
            Cause::Capacity(CapacityError::TooLarge {
                what: Limit::HandshakeMessage,
                limit: 16_384,
                ..
            })
        );
        assert!(is_limit, "{reason:?}");
    }
}

#[test]
fn duties_44_and_45_an_exchange_of_another_group_or_without_a_point() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    type Change = fn(&mut Vec<u8>);
    // The body: type of curve, group, length of the point, point.
    let cases: [(Change, &str); 6] = [
        (|message| message[4] = 1, "engine"),
        (
            |message| message[5..7].copy_from_slice(&[0, 25]),
            "server_group",
        ),
        (
            |message| message[5..7].copy_from_slice(&[0xfe, 0xfe]),
            "server_group",
        ),
        // Compressed; not on the curve; all zeros.
        (|message| message[8] = 2, "bad_key_exchange"),
        (|message| message[40] ^= 1, "bad_key_exchange"),
        (|message| message[9..73].fill(0), "bad_key_exchange"),
    ];
    for (index, (change, code)) in cases.into_iter().enumerate() {
        let serves = Serves {
            groups: vec![SECP256R1],
            ..Serves::only(&family.site(), Version::Tls12)
        };
        let peer = changed(&serves, move |kind, mut message| {
            if kind == SERVER_KEY_EXCHANGE {
                change(&mut message);
            }
            message
        });
        let (reason, wire) = Attempt::new(peer, chain(anchors)).refused();
        let alert = wire.server().alert();
        // What was signed is another thing, and that may be found first.
        let codes = [code, "handshake_signature"];
        assert!(codes.contains(&reason.cause.code()), "{index}: {reason:?}");
        assert!(matches!(alert, Some(47 | 50 | 51)), "{index}: {alert:?}");
    }
}

/// Before its time, twice, with other content, or in the middle of a message.
#[test]
fn duty_56_a_change_cipher_spec_out_of_place() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let ccs = |body: &[u8]| plain(CHANGE_CIPHER_SPEC, TLS_1_2, body);
    for case in 0..5 {
        let serves = Serves::only(&family.site(), Version::Tls12);
        let peer = serves.peer().edited(move |record| match (case, record[0]) {
            (0, HANDSHAKE) if record[5] == SERVER_HELLO => [ccs(&[1]), record].concat(),
            (1, CHANGE_CIPHER_SPEC) => [record.clone(), record].concat(),
            (2, CHANGE_CIPHER_SPEC) => ccs(&[2]),
            (3, CHANGE_CIPHER_SPEC) => ccs(&[1, 1]),
            (4, CHANGE_CIPHER_SPEC) => [plain(HANDSHAKE, TLS_1_2, &[20, 0]), record].concat(),
            _ => record,
        });
        let (reason, wire) = Attempt::new(peer, chain(anchors)).refused();
        assert!(
            matches!(reason.cause, Cause::Protocol(_)),
            "{case}: {reason:?}"
        );
        assert_eq!(wire.server().app, b"");
    }
}

/// The groups of every key that we take; no limit of record sizes; no compressed certificates; no authentication later.
#[test]
fn duties_49_62_84_and_99_what_is_always_and_never_offered() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        for offered in [tls_session::Versions::ALL, only(version)] {
            let policy = Policy {
                versions: offered,
                ..chain(anchors)
            };
            let serves = Serves::only(&family.site(), version);
            let (result, wire) = Attempt::new(serves.peer(), policy).with(async |_, _| ());
            assert_eq!(result, Ok(()));
            let hello = &wire.server().client_hellos()[0];
            for group in [23, 24, 29] {
                assert!(hello.groups().contains(&group), "{group}");
            }
            // max_fragment_length, compress_certificate, record_size_limit, post_handshake_auth, session_ticket.
            for kind in [1, 27, 28, 49, 35] {
                assert_eq!(hello.extension(kind), None, "{kind}");
            }
            let has_13 = offered.contains(Version::Tls13);
            // For middleboxes, RFC 9846 §E.4.
            assert_eq!(hello.session_id.len(), if has_13 { 32 } else { 0 });
        }
    }
}

#[test]
fn duty_94_a_change_cipher_spec_in_1_3_is_dropped_where_it_may_be() {
    let family = Family::new(KeyKind::P256);
    let good = || Script::good(&family.site());
    let ccs = Step::change_cipher_spec;
    for script in [
        good().after(SERVER_HELLO, ccs()),
        good().after(SERVER_HELLO, ccs()).before(FINISHED, ccs()),
    ] {
        let attempt = Attempt::new(Server::new(script), Policy::danger_any_peer());
        let (result, wire) = attempt.with(async |_, _| ());
        assert_eq!(result, Ok(()));
        // One of ours, before our second flight.
        assert_eq!(wire.server().seen().change_cipher_specs, 1);
    }
    let other = |body: &[u8]| Step::Record {
        kind: CHANGE_CIPHER_SPEC,
        version: TLS_1_2,
        body: body.to_vec(),
    };
    let inner = Step::Inner {
        kind: CHANGE_CIPHER_SPEC,
        content: vec![1],
    };
    let third = good()
        .after(SERVER_HELLO, ccs())
        .before(CERTIFICATE, ccs())
        .before(FINISHED, ccs());
    for (index, script) in [
        third,
        good().after(SERVER_HELLO, other(&[2])),
        good().after(SERVER_HELLO, other(&[1, 1])),
        good().after(SERVER_HELLO, inner),
        good().before(SERVER_HELLO, other(&[2])),
    ]
    .into_iter()
    .enumerate()
    {
        let (reason, alerts) = script_of_1_3(script.then(Step::Close));
        assert!(
            matches!(reason.cause, Cause::Protocol(_)),
            "{index}: {reason:?}"
        );
        assert!(matches!(alerts[..], [10 | 50]), "{index}: {alerts:?}");
    }
}

#[test]
fn duty_98_encrypted_extensions_that_stand_elsewhere_or_were_not_asked_for() {
    let family = Family::new(KeyKind::P256);
    let with = |list: Vec<(u16, Vec<u8>)>| {
        let message = Message::EncryptedExtensions(list);
        Script::good(&family.site()).replace(ENCRYPTED_EXTENSIONS, Step::Send(message))
    };
    for (kind, content) in [
        // key_share, supported_versions, pre_shared_key, unknown, ec_point_formats, renegotiation_info.
        (51, vec![0, 23, 0, 1, 4]),
        (43, TLS_1_3.to_be_bytes().to_vec()),
        (41, vec![0, 0]),
        (0xfafa, vec![]),
        (11, vec![1, 0]),
        (0xff01, vec![0]),
    ] {
        let (reason, alerts) = script_of_1_3(with(vec![(kind, content)]));
        assert!(
            matches!(reason.cause, Cause::Protocol(_)),
            "{kind}: {reason:?}"
        );
        assert!(matches!(alerts[..], [47 | 110]), "{kind}: {alerts:?}");
    }
    // supported_groups may come, and says nothing to us.
    let script = with(vec![(10, vec16(&[0, 29, 0, 24]))]);
    let attempt = Attempt::new(Server::new(script), Policy::danger_any_peer());
    let (result, _) = attempt.with(async |_, _| ());
    assert_eq!(result, Ok(()));
    // None at all.
    let script = Script::good(&family.site()).without(ENCRYPTED_EXTENSIONS);
    let (_, alerts) = script_of_1_3(script);
    assert_eq!(alerts, [10]);
}

#[test]
fn duty_99_a_compressed_certificate_is_no_certificate() {
    let family = Family::new(KeyKind::P256);
    let message = Message::Raw(COMPRESSED_CERTIFICATE, vec![0, 1, 0, 0, 9, 0, 0, 1, 7]);
    let script = Script::good(&family.site()).replace(CERTIFICATE, Step::Send(message));
    let (_, alerts) = script_of_1_3(script);
    assert_eq!(alerts, [10]);
}
