//! Clients that speak something else, stop, or lie.

use tls_session::reason::{ClientError, PeerRole, Speaks, StreamError};
use tls_session::{Acceptor, Cause, Stage};

use tls_doubles::clock::Clock;
use tls_doubles::io::{End, Faults};
use tls_doubles::keys::{Key, KeyKind};
use tls_doubles::pki::{Family, Issued, Site, Spec};

use crate::host::{Visit, acceptor};
use crate::openings::VERSIONS;
use crate::visitor::{Says, Visits, records};

fn open_server() -> Acceptor {
    acceptor(&Family::new(KeyKind::P256).site(), None, |_| ())
}

/// A server that asks, and a client that has what it wants.
fn asking_server() -> (Acceptor, Site) {
    let root = Issued::self_signed(Spec::ca("Client Root"), Key::new(KeyKind::P256, 20));
    // Its signatures are of one length, so that its flights are.
    let leaf = root.issue(Spec::client("meter-7"), Key::new(KeyKind::Ed25519, 30));
    let anchors: &[&[u8]] = &[&root.der];
    let acceptor = acceptor(&Family::new(KeyKind::P256).site(), Some(anchors), |_| ());
    (acceptor, Site::new(&leaf, &[]))
}

fn says(bytes: &[u8]) -> Says {
    Says {
        bytes: bytes.to_vec(),
        ..Says::default()
    }
}

/// An alert as it goes over the wire before keys exist.
fn alert(number: u8) -> Vec<u8> {
    vec![21, 3, 3, 0, 2, 2, number]
}

#[test]
fn duty_142_other_protocols_are_named_and_get_an_alert_alone() {
    let acceptor = open_server();
    for (first, speaks, words) in [
        (&b"GET / HTTP/1.1\r\n"[..], Speaks::Http, "HTTP"),
        (b"POST /x HTTP/1.1\r\n", Speaks::Http, "HTTP"),
        (b"CONNECT a:443 HTTP/1.1", Speaks::Http, "HTTP"),
        (b"OPTIONS * HTTP/1.1", Speaks::Http, "HTTP"),
        (b"\x10\x20\x00\x04MQTT\x04", Speaks::Mqtt, "MQTT"),
        (b"\x10\x81\x01\x00\x04MQTT", Speaks::Mqtt, "MQTT"),
        (b"SSH-2.0-OpenSSH_9\r\n", Speaks::Ssh, "SSH"),
        (b"DESCRIBE rtsp://x", Speaks::Rtsp, "RTSP"),
        (b"PROXY TCP4 1.2.3.4", Speaks::Proxy, "the PROXY protocol"),
        (b"AT+GMR\r\n", Speaks::At, "AT commands"),
        (&[0; 8], Speaks::Zeros, "zeros"),
        (
            b"hello",
            Speaks::Other(*b"hello"),
            "something (68 65 6c 6c 6f)",
        ),
    ] {
        let (reason, wire) = Visit::new(says(first), &acceptor).refused();
        assert_eq!(reason.cause, ClientError::NotTls(speaks).into());
        assert_eq!(reason.cause.code(), "not_tls");
        assert_eq!(
            reason.to_string(),
            format!("client speaks {words} without TLS")
        );
        assert_eq!(
            (reason.peer, reason.stage),
            (PeerRole::Client, Stage::Hello)
        );
        assert_eq!(wire.server().came, alert(50), "{words}");
    }
}

#[test]
fn duty_143_and_144_old_clients_are_named() {
    let acceptor = open_server();
    // Length, CLIENT-HELLO, version 3.0, three lengths.
    let ssl2 = b"\x80\x2e\x01\x03\x00\x00\x15\x00\x00\x00\x10";
    let (reason, wire) = Visit::new(says(ssl2), &acceptor).refused();
    assert_eq!(reason.cause, ClientError::Ssl2Hello.into());
    assert_eq!(wire.server().came, alert(50));
    for (version, name) in [(1, "TLS 1.0"), (2, "TLS 1.1"), (0, "SSL 3.0")] {
        for extensions in [&[][..], &[0, 4, 0, 23, 0, 0]] {
            let mut body = vec![3, version];
            body.extend([9; 32]);
            body.extend([0, 0, 4, 0xc0, 0x13, 0, 0x2f, 1, 0]);
            body.extend(extensions);
            let (reason, wire) = Visit::new(says(&hello(&body)), &acceptor).refused();
            let version = u16::from_be_bytes([3, version]);
            assert_eq!(reason.cause, ClientError::ClientVersion(version).into());
            assert_eq!(reason.to_string(), format!("client speaks {name} at most"));
            assert_eq!(wire.server().came, alert(70));
        }
    }
}

/// A ClientHello of this body, in one record.
fn hello(body: &[u8]) -> Vec<u8> {
    let len = u8::try_from(body.len()).unwrap();
    [&[22, 3, 1, 0, len + 4, 1, 0, 0, len], body].concat()
}

#[test]
fn duty_147_a_fallback_is_refused() {
    let acceptor = open_server();
    let mut body = vec![3, 3];
    body.extend([9; 32]);
    body.extend([0, 0, 4, 0xc0, 0x2b, 0x56, 0, 1, 0]);
    let (reason, wire) = Visit::new(says(&hello(&body)), &acceptor).refused();
    assert_eq!(reason.cause, ClientError::Fallback.into());
    assert_eq!(wire.server().came, alert(86));
}

#[test]
fn duty_133_a_client_that_says_nothing_is_dropped_after_ten_seconds() {
    let acceptor = open_server();
    for first in [&[][..], &[22], &[22, 3, 1, 1, 0], &[22, 3, 1, 1, 0, 1]] {
        let clock = Clock::default();
        let visit = Visit {
            clock: clock.clone(),
            ..Visit::new(says(first), &acceptor)
        };
        let (reason, _) = visit.refused();
        assert_eq!(reason.cause, StreamError::Timeout { ms: 10_000 }.into());
        assert!(
            (10_000..12_000).contains(&clock.now_ms()),
            "{}",
            clock.now_ms()
        );
    }
}

#[test]
fn duty_137_a_client_that_drips_is_dropped_after_thirty_seconds() {
    let (acceptor, site) = asking_server();
    for version in VERSIONS {
        let clock = Clock::default();
        let faults = Faults {
            chunk: 1,
            pace: Some((clock.clone(), 9_000)),
            ..Faults::default()
        };
        let visit = Visit {
            clock: clock.clone(),
            ..Visit::new(Visits::only(version).shows(&site).visitor(), &acceptor).faults(faults)
        };
        let (reason, _) = visit.refused();
        let cause = StreamError::HandshakeTimeout { ms: 30_000 };
        assert_eq!(reason.cause, cause.into());
        assert!((30_000..32_000).contains(&clock.now_ms()));
    }
}

/// At every byte of the client's flights: end of file, a reset, silence.
#[test]
fn duty_138_and_140_an_end_at_any_byte_is_survived() {
    let (acceptor, site) = asking_server();
    for version in VERSIONS {
        let visits = || Visits::only(version).shows(&site).visitor();
        let (whole, wire) = Visit::new(visits(), &acceptor).with(async |_, _| ());
        assert_eq!(whole, Ok(()));
        for cut in 0..wire.sent() {
            let end = [End::Eof, End::Error, End::Stall][cut % 3];
            let faults = Faults {
                cut: Some((cut, end)),
                ..Faults::default()
            };
            let visit = Visit::new(visits(), &acceptor).faults(faults);
            let (reason, _) = visit.refused();
            let expected: Cause = match end {
                End::Eof => StreamError::PeerEof.into(),
                End::Error => StreamError::Reset.into(),
                End::Stall => StreamError::Timeout { ms: 10_000 }.into(),
            };
            assert_eq!(reason.cause, expected, "{version:?} {cut}");
            assert_eq!(reason.peer, PeerRole::Client);
        }
    }
}

/// Any bit of what a client sends, its certificate and proofs included: no session, or one that is not another.
#[test]
fn duty_162_no_flipped_bit_opens_a_session() {
    let (acceptor, site) = asking_server();
    for version in VERSIONS {
        let visits = || Visits::only(version).shows(&site).visitor();
        let (_, wire) = Visit::new(visits(), &acceptor).with(async |_, _| ());
        let mut versions = Vec::new();
        let mut at = 0;
        for record in records(&wire.server().sent) {
            versions.push(at + 2);
            at += record.len();
        }
        for byte in (0..wire.sent()).step_by(3) {
            let faults = Faults {
                flip: Some(byte * 8 + byte % 8),
                ..Faults::default()
            };
            let visit = Visit::new(visits(), &acceptor).faults(faults);
            let (result, _) = visit.with(async |_, _| ());
            // The low byte of a record's version means nothing (RFC 8446 §5.1).
            if result.is_ok() {
                assert!(versions.contains(&byte), "{version:?} {byte}");
            }
        }
    }
}

/// Random bytes, and a right record header before them.
#[test]
fn garbage_is_refused_whatever_it_is() {
    let acceptor = open_server();
    let mut state = 0x1234_5678_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    for round in 0..300 {
        let mut bytes: Vec<u8> = (0..200).map(|_| next()).collect();
        if round % 2 == 0 {
            bytes[..5].copy_from_slice(&[22, 3, 1, 0, 195]);
            if round % 4 == 0 {
                bytes[5..9].copy_from_slice(&[1, 0, 0, 191]);
                bytes[9..11].copy_from_slice(&[3, 3]);
            }
        }
        let mut client = says(&bytes);
        client.closed = true;
        let (reason, _) = Visit::new(client, &acceptor).refused();
        assert_eq!(reason.peer, PeerRole::Client);
    }
}

/// On the length field, before the bytes are here.
#[test]
fn duty_153_and_184_a_hello_beyond_the_limit_is_refused_by_its_length() {
    let acceptor = open_server();
    for (len, code) in [
        (8193_u32, "too_large"),
        (65_535, "too_large"),
        (8192, "timeout"),
    ] {
        let [_, high, middle, low] = len.to_be_bytes();
        let (reason, wire) =
            Visit::new(says(&[22, 3, 1, 0, 4, 1, high, middle, low]), &acceptor).refused();
        assert_eq!(reason.cause.code(), code, "{len}");
        if code == "too_large" {
            assert_eq!(
                reason.to_string(),
                format!("ClientHello bytes of {len}, at most 8192 here")
            );
            assert_eq!(wire.server().came, alert(80));
        }
    }
}

#[test]
fn duty_141_a_client_that_refuses_us_is_quoted() {
    let acceptor = open_server();
    for version in VERSIONS {
        let visits = Visits {
            distrusts: true,
            ..Visits::only(version)
        };
        let (reason, _) = Visit::new(visits.visitor(), &acceptor).refused();
        assert_eq!(
            reason.cause,
            ClientError::RefusedUs(48).into(),
            "{version:?}"
        );
        assert_eq!(
            reason.to_string(),
            "client refused us: unknown CA (48): client does not know the CA of our certificate, or we sent no intermediate"
        );
    }
}

/// A record in the clear where the client must encrypt; data before its Finished.
#[test]
fn duty_162_nothing_counts_before_the_client_has_finished() {
    let acceptor = open_server();
    for version in VERSIONS {
        let mut first = true;
        let visitor = Visits::only(version).visitor().edited(move |record| {
            if std::mem::take(&mut first) {
                return record;
            }
            // In place of everything that follows its hello.
            vec![23, 3, 3, 0, 3, b'a', b't', b'e']
        });
        let (reason, wire) = Visit::new(visitor, &acceptor).refused();
        assert_eq!(reason.peer, PeerRole::Client, "{version:?}");
        assert_eq!(wire.server().app, b"");
    }
}
