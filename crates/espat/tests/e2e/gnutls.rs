//! A server that is not of OpenSSL's making.

use crate::support::gnutls::GnutlsServer;
use crate::support::pki::{KeyKind, VALID};
use crate::support::world::{PORT, World};

/// A server with this key and these options takes a whole session.
fn accepted(kind: KeyKind, options: &[&str]) {
    let world = World::new();
    let server = GnutlsServer::echo(&world.ca.leaf("server", kind, VALID), options);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    for data in ["first\r\n", "second\r\n"] {
        host.opens(PORT);
        for _ in 0..2 {
            host.transmit(data.as_bytes());
            assert_eq!(host.ipds(data.len()), data.as_bytes());
        }
        host.closes();
    }
}

#[test]
fn every_kind_of_key_is_accepted() {
    accepted(KeyKind::P256, &[]);
    accepted(KeyKind::P384, &[]);
    accepted(KeyKind::Ed25519, &[]);
    accepted(KeyKind::Rsa2048, &[]);
}

#[test]
fn its_wishes_are_met() {
    for options in [
        &["--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3"][..],
        &["--priority", "SECURE128"],
        &["--disable-client-cert", "--noticket"],
        &["--recordsize", "512"],
    ] {
        accepted(KeyKind::P256, options);
    }
}

#[test]
fn servers_of_one_version_group_or_suite_are_served() {
    for priority in [
        "NORMAL:-VERS-ALL:+VERS-TLS1.2",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+CHACHA20-POLY1305",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-GCM",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:%NO_SESSION_HASH",
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519",
        "NORMAL:-GROUP-ALL:+GROUP-SECP384R1",
        "NORMAL:-CIPHER-ALL:+AES-256-GCM",
        "NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305",
    ] {
        accepted(KeyKind::P256, &["--priority", priority]);
    }
}

#[test]
fn a_server_with_nothing_in_common_with_us_is_refused() {
    for priority in [
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC",
        "NORMAL:-GROUP-ALL:+GROUP-SECP521R1",
    ] {
        let world = World::new();
        let own = world.ca.leaf("server", KeyKind::P256, VALID);
        let server = GnutlsServer::echo(&own, &["--priority", priority]);
        let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
        host.is_refused(
            PORT,
            r#""hello",-0x7780,0x00000000,0,"","","server alert: handshake failure (40): it takes none of ECDHE with AES-GCM or ChaCha20 (old servers do not), or its key is not RSA, P-256, P-384 or Ed25519: offered TLS 1.2-1.3, P-256 X25519 P-384, all suites, no SNI","nothing_in_common""#,
        );
    }
}

#[test]
fn a_server_that_insists_on_another_protocol_is_refused() {
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let server = GnutlsServer::echo(&own, &["--alpn", "mqtt", "--alpn-fatal"]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.ok("AT+CIPSSLCALPN=2,\"h2\",\"mqtt\"");
    host.opens(PORT);
    host.closes();
    host.ok("AT+CIPSSLCALPN=1,\"h2\"");
    host.is_refused(
        PORT,
        r#""hello",-0x7780,0x00000000,0,"","","server alert: no application protocol (120): server speaks none of the protocols that were offered in ALPN: offered 'h2'","peer_alert""#,
    );
}

#[test]
fn a_server_that_demands_a_certificate_says_so() {
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let server = GnutlsServer::echo(&own, &["--require-client-cert"]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.opens(PORT);
    host.hears("CLOSED\r\n");
    host.last_reason_is(r#""data",-0x7780,0x00000000,0,"","","server alert: certificate required (116): server wants a certificate from us, and got none","peer_alert""#);
}

#[test]
fn the_largest_send_comes_back_whole() {
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let server = GnutlsServer::echo(&own, &[]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.opens(PORT);
    let line: Vec<u8> = (b' '..=b'~').cycle().take(8190).collect();
    let line = [&line[..], b"\r\n"].concat();
    host.transmit(&line);
    assert!(host.ipds(line.len()) == line);
    host.closes();
}
