//! A server that is met again and again, and says itself whether a session was resumed: a day of reconnects, and what
//! changes between two connections so that nothing is resumed.

use std::collections::HashSet;
use std::io::Read as _;
use std::sync::Arc;

use embassy_time::Duration;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    HandshakeKind, RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion,
};

use crate::support::net::{Door, Peer};
use crate::support::tls_client::VERSIONS;
use crate::support::{Bench, text};

const OK: &str = "\r\nOK\r\n";
const HOST: &str = "192.168.3.129";
const PORT: u16 = 8739;
/// When all certificates of the vectors are valid.
const NOW: u64 = 1_800_000_000;

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("../../../cert-bin/tests/data/pki/", $name)).as_slice()
    };
}

/// A server of the vectors; with `asks` it wants a certificate of theirs.
fn server(version: &'static SupportedProtocolVersion, asks: bool) -> Arc<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[version])
        .unwrap();
    let builder = match asks {
        false => builder.with_no_client_auth(),
        true => {
            let mut roots = RootCertStore::empty();
            for ca in [
                data!("inputs/ca_p256.crt.der"),
                data!("inputs/ca_rsa.crt.der"),
            ] {
                roots.add(ca.into()).unwrap();
            }
            let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(clients.allow_unauthenticated().build().unwrap())
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(data!("inputs/server_p256.crt.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(data!("inputs/server_p256.key.pem")).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.ticketer = ring::Ticketer::new().unwrap();
    Arc::new(config)
}

/// Lets both sides go on until neither has anything to say. What the modem has printed is left for the test.
fn converse(bench: &mut Bench, peer: &Peer, tls: &mut ServerConnection) {
    loop {
        let came = peer.received();
        let mut rest = came.as_slice();
        while !rest.is_empty() {
            tls.read_tls(&mut rest).unwrap();
            // What it refuses is said by its alert.
            let _ = tls.process_new_packets();
        }
        // Data would fill its buffer.
        let _ = tls.reader().read_to_end(&mut Vec::new());
        let mut bytes = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut bytes).unwrap();
        }
        peer.sends(&bytes);
        bench.settle();
        if came.is_empty() && bytes.is_empty() {
            return;
        }
    }
}

/// A connection to the server and its end; whether it was resumed, in the server's words. `None` if there was no session.
fn visit(bench: &mut Bench, server: &Arc<ServerConfig>) -> Option<bool> {
    let start = format!("AT+CIPSTART=\"SSL\",\"{HOST}\",{PORT}\r\n");
    let before = bench.net.connections();
    let mut heard = bench.say(&start);
    if bench.net.connections() == before {
        // It was refused before it went out.
        return None;
    }
    let peer = bench.net.peer();
    let mut tls = ServerConnection::new(server.clone()).unwrap();
    converse(bench, &peer, &mut tls);
    heard.extend(bench.port.take());
    let heard = text(&heard);
    if !heard.ends_with(&text(b"CONNECT\r\n\r\nOK\r\n")) {
        peer.closes();
        bench.settle();
        bench.port.take();
        return None;
    }
    let kind = tls.handshake_kind().unwrap();
    let resumed = kind == HandshakeKind::Resumed;
    let peer_line = bench.line("AT+SSLPEER?");
    let end = text(format!(",{}\r\n\r\nOK\r\n", u8::from(resumed)).as_bytes());
    assert!(peer_line.ends_with(&end), "{kind:?} {peer_line}");
    bench.expect("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
    Some(resumed)
}

/// A modem that checks its server, and shows a certificate if it is asked for one.
fn ready() -> Bench {
    let mut bench = Bench::joined();
    for (partition, image) in [
        ("client_ca", data!("bins/two_ca_p256_rsa.bin")),
        ("client_cert", data!("bins/certs_two.bin")),
        ("client_key", data!("bins/keys_two.bin")),
    ] {
        bench.flash.preset(partition, image);
    }
    bench.expect("AT+CIPSNTPCFG=0", OK);
    bench.expect(format!("AT+SYSTIMESTAMP={NOW}"), OK);
    bench.net.door(&format!("{HOST}:{PORT}"), Door::Sink);
    bench
}

/// A reconnect in each five minutes: the server signs once in 24 hours, and otherwise is taken at its word.
#[test]
fn in_a_day_of_reconnects_a_server_signs_once() {
    for version in VERSIONS {
        let server = server(version, false);
        let mut bench = ready();
        bench.expect("AT+CIPSSLCCONF=2,0,0", OK);
        let mut full = Vec::new();
        const VISITS: usize = 2 * 24 * 12;
        for number in 0..VISITS {
            match visit(&mut bench, &server) {
                Some(false) => full.push(number),
                Some(true) => {}
                None => panic!("{version:?}: visit {number} is refused"),
            }
            bench.pass(Duration::from_secs(300));
        }
        assert_eq!(full, [0, 24 * 12], "{version:?}");
    }
}

/// What a host changes between two connections.
#[test]
fn after_a_change_nothing_is_resumed() {
    let other_ca = data!("bins/ca_rsa_pem.bin");
    let same_ca = data!("bins/two_ca_p256_rsa.bin");
    for version in VERSIONS {
        let mut seen = HashSet::new();
        let mut wrong = Vec::new();
        for (change, opens) in [
            ("AT+CIPSSLCCONF=3,0,1", false),
            ("AT+CIPSSLCCONF=3,1,0", true),
            ("AT+CIPSSLCCONF=1,0", true),
            ("AT+CIPSSLCCONF=0", true),
            ("AT+CIPSSLCCN=\"elsewhere.example\"", false),
            ("AT+CIPSSLCCN=\"localhost\"", true),
            ("AT+CIPSSLCSNI=\"localhost\"", true),
            ("AT+CIPSSLCALPN=1,\"mqtt\"", true),
            ("AT+SSLPOLICY=1", false),
            // An hour before.
            ("AT+SYSTIMESTAMP=1799996400", true),
            // Before anything was valid.
            ("AT+SYSTIMESTAMP=1000000000", false),
            ("other CA", false),
            ("same CA", true),
        ] {
            assert!(seen.insert(change));
            let server = server(version, true);
            let mut bench = ready();
            bench.expect("AT+CIPSSLCCONF=3,0,0", OK);
            let both = [(); 2].map(|()| visit(&mut bench, &server));
            assert_eq!(both, [Some(false), Some(true)], "{version:?} {change}");
            match change {
                "other CA" => write(&mut bench, other_ca),
                "same CA" => write(&mut bench, same_ca),
                _ => bench.expect(change, OK),
            }
            let after = visit(&mut bench, &server);
            if after != opens.then_some(false) {
                wrong.push((change, after));
            }
        }
        assert_eq!(wrong, [], "{version:?}");
    }
}

/// Writes an image into `client_ca`, over the AT port.
fn write(bench: &mut Bench, image: &[u8]) {
    let sectors = image.len().div_ceil(4096) * 4096;
    bench.expect(format!("AT+SYSFLASH=0,\"client_ca\",0,{sectors}"), OK);
    let line = format!("AT+SYSFLASH=1,\"client_ca\",0,{}", image.len());
    bench.expect(line, "\r\n>");
    let said = bench.say(image);
    assert_eq!(text(&said), text(OK.as_bytes()));
}
