//! Servers that want to know who we are: certificates of ours (modes 1 and 3 of `AT+CIPSSLCCONF`).
//!
//! ESP-AT command set: partitions `client_cert` and `client_key`, items by number.

use std::path::PathBuf;
use std::slice;

use crate::support::gnutls::GnutlsServer;
use crate::support::modem::Host;
use crate::support::mosquitto::{Broker, CONNACK, connect};
use crate::support::pki::{
    Ca, Credentials, EXPIRED, KeyForm, KeyKind, VALID, force_pack, pack, pack_ca,
};
use crate::support::servers::{Nobody, TlsServer};
use crate::support::utf8;
use crate::support::world::{PORT, World, start};

/// Options of a server that takes clients of this CA only.
fn demanding(ca: &Ca) -> [&str; 5] {
    let file = utf8(&ca.own.certificate);
    ["-Verify", "3", "-verify_return_error", "-CAfile", file]
}

/// Loads these as items 0, 1, …
fn load(host: &mut Host, items: &[Credentials]) {
    let files = |of: fn(&Credentials) -> &PathBuf| -> Vec<_> {
        items.iter().map(|item| of(item).clone()).collect()
    };
    host.load(
        "client_cert",
        &pack("cert", &files(|item| &item.certificate)),
    );
    host.load("client_key", &pack("key", &files(|item| &item.key)));
}

/// The server takes us for `name`, and data goes both ways.
fn known_as(name: &str, server: &mut TlsServer, host: &mut Host) {
    host.opens(PORT);
    host.transmit(b"abc\r\n");
    assert_eq!(host.ipd(), b"cba\n");
    host.closes();
    let line = server.process.wait_for(|line| {
        let peer = line.strip_prefix("Peer certificate:")?;
        Some(peer.replace(' ', ""))
    });
    assert_eq!(line, format!("CN={name}"));
}

#[test]
fn every_kind_and_form_of_key_opens_the_door_by_its_number() {
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let mut server = TlsServer::reversing(&own, &demanding(&world.ca));
    let p256 = world.ca.client("p256", KeyKind::P256, VALID);
    let p384 = world.ca.client("p384", KeyKind::P384, VALID);
    let rsa = world.ca.client("rsa", KeyKind::Rsa2048, VALID);
    let forms = [
        ("p256", p256.in_form(KeyForm::Made)),
        ("p256", p256.in_form(KeyForm::Pkcs8Der)),
        ("p256", p256.in_form(KeyForm::Traditional)),
        ("p256", p256.in_form(KeyForm::TraditionalDer)),
        ("p384", p384.in_form(KeyForm::Made)),
        ("p384", p384.in_form(KeyForm::TraditionalDer)),
        ("rsa", rsa.in_form(KeyForm::Made)),
        ("rsa", rsa.in_form(KeyForm::TraditionalDer)),
    ];
    let items: Vec<Credentials> = forms.iter().map(|(_, item)| item.clone()).collect();
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    load(&mut host, &items);
    for mode in [1, 3] {
        for ((name, _), number) in forms.iter().zip(0..) {
            host.ok(&format!("AT+CIPSSLCCONF={mode},{number},0"));
            known_as(name, &mut server, &mut host);
        }
    }
}

#[test]
fn tls_1_2_knows_us_by_every_kind_of_key() {
    for (kind, options) in [
        (KeyKind::P256, &["-rev", "-tls1_2"][..]),
        (KeyKind::P384, &["-rev", "-tls1_2"]),
        (KeyKind::Rsa2048, &["-rev", "-tls1_2"]),
        // Without PSS: PKCS#1 v1.5.
        (
            KeyKind::Rsa2048,
            &["-rev", "-tls1_2", "-client_sigalgs", "RSA+SHA256"],
        ),
    ] {
        let world = World::new();
        let own = world.ca.leaf("server", KeyKind::P256, VALID);
        let options = [options, &demanding(&world.ca)].concat();
        let mut server = TlsServer::start(&own, &options, None);
        let client = world.ca.client("client", kind, VALID);
        let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
        load(&mut host, &[client]);
        host.ok("AT+CIPSSLCCONF=3,0,0");
        known_as("client", &mut server, &mut host);
    }
}

#[test]
fn intermediates_in_the_item_are_sent() {
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let mut server = TlsServer::reversing(&own, &demanding(&world.ca));
    let first = world.ca.intermediate("first", KeyKind::P256);
    let second = first.intermediate("second", KeyKind::P384);
    let one = first.client("one", KeyKind::P256, VALID);
    let two = second.client("two", KeyKind::Rsa2048, VALID);
    let [first, second] = [&first, &second].map(|ca| ca.own.certificate.as_path());
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    load(
        &mut host,
        &[
            one.followed_by(&[first]),
            two.followed_by(&[second, first]),
            one,
        ],
    );
    for (name, number) in ["one", "two"].iter().zip(0..) {
        host.ok(&format!("AT+CIPSSLCCONF=3,{number},0"));
        known_as(name, &mut server, &mut host);
    }
    // Without it, the server knows the root only.
    host.ok("AT+CIPSSLCCONF=3,2,0");
    turned_away(
        &mut host,
        "unknown CA (48): server does not know the CA of our certificate, or we sent no intermediate",
    );
}

/// In TLS 1.3 the server says no only after the client has finished (RFC 8446 §4.4.2.4).
fn turned_away(host: &mut Host, alert: &str) {
    host.opens(PORT);
    host.hears("CLOSED\r\n");
    host.last_reason_is(&format!(
        r#""data",-0x7780,0x00000000,0,"","","server alert: {alert}","peer_alert""#
    ));
    host.ok("AT");
}

#[test]
fn a_server_that_does_not_like_our_certificate_says_why() {
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let mut server = TlsServer::reversing(&own, &demanding(&world.ca));
    let other = Ca::root(world.folder.path(), "other CA", KeyKind::P256);
    let items = [
        world.ca.client("device", KeyKind::P256, VALID),
        other.client("stranger", KeyKind::P256, VALID),
        world.ca.client("veteran", KeyKind::P256, EXPIRED),
        world.ca.leaf("not a client", KeyKind::P256, VALID),
    ];
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    load(&mut host, &items);
    for (number, alert) in [
        (
            1,
            "unknown CA (48): server does not know the CA of our certificate, or we sent no intermediate",
        ),
        (
            2,
            "certificate expired (45): our certificate has expired, or the clock of the server is wrong",
        ),
        (
            3,
            "unsupported certificate (43): server takes no certificate like ours: its kind of key, or its purpose",
        ),
    ] {
        host.ok(&format!("AT+CIPSSLCCONF=3,{number},0"));
        turned_away(&mut host, alert);
    }
    host.ok("AT+CIPSSLCCONF=2,0,0");
    turned_away(
        &mut host,
        "certificate required (116): server wants a certificate from us, and got none",
    );
    host.ok("AT+CIPSSLCCONF=3,0,0");
    known_as("device", &mut server, &mut host);
}

/// The one difference between the modes.
#[test]
fn mode_1_takes_any_server_and_mode_3_does_not() {
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let mut server = TlsServer::reversing(&own, &demanding(&world.ca));
    let device = world.ca.client("device", KeyKind::P256, VALID);
    let other = Ca::root(world.folder.path(), "other CA", KeyKind::P256);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    load(&mut host, &[device]);
    host.load("client_ca", &pack_ca(&other.own.certificate));
    host.ok("AT+CIPSSLCCONF=3,0,0");
    // At depth 1: this server sends its root, too.
    host.is_refused(
        PORT,
        r#""certificate",-0x2700,0x00000008,1,"CN=test CA","CN=test CA","no chain to the loaded CA","issuer_unknown""#,
    );
    host.ok("AT+CIPSSLCCONF=1,0");
    known_as("device", &mut server, &mut host);
}

/// A server that does not ask gets no certificate.
#[test]
fn a_server_that_does_not_ask_is_content() {
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let server = TlsServer::reversing(&own, &[]);
    let device = world.ca.client("device", KeyKind::Rsa2048, VALID);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    load(&mut host, &[device]);
    host.ok("AT+CIPSSLCCONF=3,0,0");
    host.opens(PORT);
    host.transmit(b"abc\r\n");
    assert_eq!(host.ipd(), b"cba\n");
    host.closes();
}

/// A reason that is known before the first packet.
fn cannot(host: &mut Host, notice: &str, number: &str, (code, words): (&str, &str)) {
    host.ask(&start(PORT), &format!("{notice}\r\nERROR\r\n"));
    host.last_reason_is(&format!(
        r#""setup",{number},0x00000000,0,"","","{words}","{code}""#
    ));
}

#[test]
fn certificate_or_key_that_will_not_do_is_refused_before_the_connection() {
    const NO_CERTIFICATE: &str = "NO CERT FOUND\r\n";
    const NO_KEY: &str = "NO PRVT_KEY FOUND\r\n";
    let world = World::new();
    let one = world.ca.client("one", KeyKind::P256, VALID);
    let two = world.ca.client("two", KeyKind::P256, VALID);
    let locked = one.locked("secret");
    // Nobody is there: that is not noticed.
    let nobody = Nobody::new();
    let (_world, _modem, mut host) = world.server(PORT, nobody.address()).ready();
    host.ok("AT+CIPSSLCCONF=3,0,0");
    let erased = (
        "cert_erased",
        "no certificate of ours loaded: the partition is erased",
    );
    cannot(&mut host, NO_CERTIFICATE, "-0x7580", erased);
    host.load(
        "client_cert",
        &pack("cert", slice::from_ref(&one.certificate)),
    );
    let erased = (
        "key_erased",
        "no private key loaded: the partition is erased",
    );
    cannot(&mut host, NO_KEY, "-0x7600", erased);
    host.load("client_key", &pack("key", slice::from_ref(&two.key)));
    let mismatch = (
        "key_mismatch",
        "our private key belongs to none of our certificates",
    );
    cannot(&mut host, "", "-0x3f00", mismatch);
    host.load("client_key", &force_pack("key", &[locked.key]));
    let encrypted = (
        "key_encrypted",
        "our private key is encrypted, and there is no password for it",
    );
    cannot(&mut host, NO_KEY, "-0x3c00", encrypted);
    load(&mut host, &[one, two]);
    host.ok("AT+CIPSSLCCONF=3,2,0");
    let beyond = (
        "cert_missing",
        "no certificate item 2: there are items 0 to 1",
    );
    cannot(&mut host, NO_CERTIFICATE, "-0x7580", beyond);
    host.ok("AT+CIPSSLCCONF=3,1,0");
    host.is_refused(
        PORT,
        r#""tcp",-0x0044,0x00000000,0,"","","server refused the connection","connection_refused""#,
    );
}

/// The original firmware's library does not know the algorithm; ours does.
#[test]
fn an_ed25519_key_opens_the_door_too() {
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let mut server = TlsServer::reversing(&own, &demanding(&world.ca));
    let device = world.ca.client("device", KeyKind::Ed25519, VALID);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.load("client_cert", &force_pack("cert", &[device.certificate]));
    host.load("client_key", &force_pack("key", &[device.key]));
    host.ok("AT+CIPSSLCCONF=3,0,0");
    known_as("device", &mut server, &mut host);
}

#[test]
fn a_broker_takes_our_certificate_for_our_name() {
    let world = World::new();
    let own = world.ca.leaf("broker", KeyKind::P256, VALID);
    let settings = format!(
        "cafile {}\nrequire_certificate true\nuse_identity_as_username true\n",
        utf8(&world.ca.own.certificate)
    );
    let mut broker = Broker::certified(world.folder.path(), &own, &settings);
    let devices = [
        world.ca.client("device-0", KeyKind::P256, VALID),
        world.ca.client("device-1", KeyKind::Rsa2048, VALID),
    ];
    let (_world, _modem, mut host) = world.server(PORT, broker.address).ready();
    load(&mut host, &devices);
    for (version, number) in [12, 13]
        .into_iter()
        .flat_map(|version| [(version, 0), (version, 1)])
    {
        host.ok(&format!("AT+SSLVERSION={version},{version}"));
        host.ok(&format!("AT+CIPSSLCCONF=3,{number},0"));
        host.opens(PORT);
        host.transmit(&connect("espat"));
        assert_eq!(host.ipds(CONNACK.len()), CONNACK);
        let line = broker.process.wait_for(|line| {
            line.contains("New client connected")
                .then(|| line.to_owned())
        });
        assert!(line.contains(&format!("u'device-{number}'")), "{line}");
        host.closes();
    }
    host.ok("AT+CIPSSLCCONF=2,0,0");
    turned_away(
        &mut host,
        "certificate required (116): server wants a certificate from us, and got none",
    );
}

#[test]
fn gnutls_verifies_our_certificate() {
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Rsa2048] {
        let world = World::new();
        let own = world.ca.leaf("server", KeyKind::P256, VALID);
        let options = [
            "--require-client-cert",
            "--verify-client-cert",
            "--x509cafile",
        ];
        let ca = utf8(&world.ca.own.certificate);
        let server = GnutlsServer::echo(&own, &[&options[..], &[ca]].concat());
        let device = world.ca.client("device", kind, VALID);
        let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
        load(&mut host, &[device]);
        host.ok("AT+CIPSSLCCONF=3,0,0");
        host.opens(PORT);
        host.transmit(b"hello\r\n");
        assert_eq!(host.ipds(7), b"hello\r\n");
        host.closes();
    }
}
