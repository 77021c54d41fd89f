//! Servers that know us by a key in common (`AT+CIPSSLCPSK`, `AT+CIPSSLCPSKHEX`).

use std::fs;

use crate::support::gnutls::GnutlsServer;
use crate::support::modem::{Host, Modem};
use crate::support::mosquitto::{Broker, CONNACK, connect};
use crate::support::servers::TlsServer;
use crate::support::utf8;
use crate::support::world::{PORT, World, join};

const IDENTITY: &str = "device-7";
const KEY: &str = "correct horse battery staple";
const KEY_HEX: &str = "636f727265637420686f727365206261747465727920737461706c65";

/// A modem without any certificate and without a clock: neither is needed.
fn modem(world: &World) -> (Modem, Host) {
    let modem = world.modem();
    let mut host = modem.switch_on();
    join(&mut host);
    (modem, host)
}

/// To a server of OpenSSL's, an unknown identity is a client without a key; a wrong key shows in
/// its proof, and GnuTLS does not distinguish the two (RFC 8446 §4.2.11).
const UNKNOWN: &str = r#""hello",-0x7780,0x00000000,0,"","","server alert: handshake failure (40): server wants a certificate from us, or does not know our pre-shared key, our suites or the name in SNI: identity 'nobody'","peer_alert""#;

/// The identity that was sent stands behind the sentence.
fn wrong(identity: &str) -> String {
    format!(
        r#""hello",-0x7780,0x00000000,0,"","","server alert: illegal parameter (47): with a pre-shared key the keys differ, else the log of the server has the reason: identity '{identity}'","peer_alert""#
    )
}

fn exchange(host: &mut Host) {
    host.opens(PORT);
    host.transmit(b"abc\r\n");
    assert_eq!(host.ipd(), b"cba\n");
    host.closes();
}

#[test]
fn a_key_in_common_is_enough() {
    let server = TlsServer::with_key(IDENTITY, KEY_HEX);
    let world = World::new().server(PORT, server.address);
    let (_modem, mut host) = modem(&world);
    host.ok(&format!("AT+CIPSSLCPSK=\"{KEY}\",\"{IDENTITY}\""));
    exchange(&mut host);
    host.ok("AT+CIPSSLCPSKHEX=\"00ff\",\"nobody\"");
    host.is_refused(PORT, UNKNOWN);
    host.ok(&format!("AT+CIPSSLCPSKHEX=\"{KEY_HEX}\",\"{IDENTITY}\""));
    exchange(&mut host);
    host.ok(&format!("AT+CIPSSLCPSKHEX=\"{KEY_HEX}00\",\"{IDENTITY}\""));
    host.is_refused(PORT, &wrong(IDENTITY));
    host.ok(&format!("AT+CIPSSLCPSKHEX=\"{KEY_HEX}\",\"{IDENTITY}\""));
    exchange(&mut host);
}

#[test]
fn gnutls_takes_the_key() {
    let world = World::new();
    let file = world.folder.path().join("keys.psk");
    fs::write(&file, format!("{IDENTITY}:{KEY_HEX}\n")).expect("room");
    let server = GnutlsServer::start(&[
        "--pskpasswd",
        utf8(&file),
        "--priority",
        "NORMAL:-KX-ALL:+ECDHE-PSK:+PSK",
    ]);
    let world = world.server(PORT, server.address);
    let (_modem, mut host) = modem(&world);
    host.ok(&format!("AT+CIPSSLCPSK=\"{KEY}\",\"{IDENTITY}\""));
    host.opens(PORT);
    host.transmit(b"hello\r\n");
    assert_eq!(host.ipds(7), b"hello\r\n");
    host.closes();
    host.ok(&format!("AT+CIPSSLCPSK=\"wrong\",\"{IDENTITY}\""));
    host.is_refused(PORT, &wrong(IDENTITY));
    host.ok(&format!("AT+CIPSSLCPSK=\"{KEY}\",\"nobody\""));
    host.is_refused(PORT, &wrong("nobody"));
}

#[test]
fn a_broker_takes_the_key() {
    let world = World::new();
    let file = world.folder.path().join("keys.psk");
    fs::write(&file, format!("{IDENTITY}:{KEY_HEX}\n")).expect("room");
    let settings = format!(
        "psk_hint espat\npsk_file {}\nuse_identity_as_username true\n",
        utf8(&file)
    );
    let mut broker = Broker::start(world.folder.path(), &settings);
    let world = world.server(PORT, broker.address);
    let (_modem, mut host) = modem(&world);
    host.ok(&format!("AT+CIPSSLCPSK=\"{KEY}\",\"{IDENTITY}\""));
    host.opens(PORT);
    host.transmit(&connect("espat"));
    assert_eq!(host.ipds(CONNACK.len()), CONNACK);
    let line = broker.process.wait_for(|line| {
        line.contains("New client connected")
            .then(|| line.to_owned())
    });
    assert!(line.contains(&format!("u'{IDENTITY}'")), "{line}");
    host.closes();
    host.ok(&format!("AT+CIPSSLCPSK=\"wrong\",\"{IDENTITY}\""));
    host.is_refused(PORT, &wrong(IDENTITY));
    host.ok(&format!("AT+CIPSSLCPSK=\"{KEY}\",\"nobody\""));
    host.is_refused(PORT, UNKNOWN);
}
