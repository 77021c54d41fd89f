//! Every version, suite, group and kind of server key, and every identity of ours with each of them. One simulator meets
//! all servers, so that a combination costs no more than its session.

use std::net::SocketAddr;

use crate::support::gnutls::GnutlsServer;
use crate::support::modem::Host;
use crate::support::pki::{ADDRESS, Credentials, KeyKind, VALID, force_pack};
use crate::support::servers::TlsServer;
use crate::support::utf8;
use crate::support::world::{PORT, World};

const SERVER_KEYS: [KeyKind; 6] = [
    KeyKind::P256,
    KeyKind::P384,
    KeyKind::Ed25519,
    KeyKind::Rsa2048,
    KeyKind::Rsa3072,
    KeyKind::Rsa4096,
];

const CLIENT_KEYS: [(&str, KeyKind); 4] = [
    ("p256", KeyKind::P256),
    ("p384", KeyKind::P384),
    ("ed25519", KeyKind::Ed25519),
    ("rsa", KeyKind::Rsa2048),
];

const GROUPS: [&str; 3] = ["P-256", "X25519", "P-384"];

/// Number and name of the suites that fit a server's key, by `AT+SSLVERSION` and the words of `AT+SSLPEER?`.
fn suites(key: KeyKind) -> [(&'static str, &'static str, u16, &'static str); 6] {
    let with_rsa = match key {
        KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => true,
        KeyKind::P256 | KeyKind::P384 | KeyKind::Ed25519 => false,
    };
    let [aes_128, aes_256, chacha20] = match with_rsa {
        true => [
            (0xC02F, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
            (0xC030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
            (0xCCA8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
        ],
        false => [
            (0xC02B, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
            (0xC02C, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
            (0xCCA9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
        ],
    };
    [
        ("13", "TLS 1.3", 0x1301, "TLS_AES_128_GCM_SHA256"),
        ("13", "TLS 1.3", 0x1302, "TLS_AES_256_GCM_SHA384"),
        ("13", "TLS 1.3", 0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
        ("12", "TLS 1.2", aes_128.0, aes_128.1),
        ("12", "TLS 1.2", aes_256.0, aes_256.1),
        ("12", "TLS 1.2", chacha20.0, chacha20.1),
    ]
}

/// Whether a server of one group takes a certificate of ours: in TLS 1.2 OpenSSL wants its curve among its groups.
fn is_taken(key: KeyKind, version: &str, group: Option<&str>) -> bool {
    match (key, version, group) {
        (KeyKind::P256, "12", Some(group)) => group == "P-256",
        (KeyKind::P384, "12", Some(group)) => group == "P-384",
        _ => true,
    }
}

/// A server's key, with its certificate.
fn server(world: &World, key: KeyKind) -> Credentials {
    world.ca.leaf(&format!("{key:?}"), key, VALID)
}

/// The modem, which reaches these servers at [`PORT`] and the ports behind it, and has an item for each of [`CLIENT_KEYS`].
struct Met {
    host: Host,
    _modem: crate::support::modem::Modem,
    _world: World,
    /// Sessions so far. Identities take turns: their number shares no factor with that of the suites, so each meets each.
    sessions: usize,
}

impl Met {
    fn new(mut world: World, servers: &[SocketAddr]) -> Self {
        for (address, port) in servers.iter().zip(PORT..) {
            world = world.server(port, *address);
        }
        let clients = CLIENT_KEYS.map(|(name, key)| world.ca.client(name, key, VALID));
        let (world, modem, mut host) = world.ready();
        // Ed25519 is more than the original firmware can do.
        let certificates = clients.each_ref().map(|own| own.certificate.clone());
        let keys = clients.each_ref().map(|own| own.key.clone());
        host.load("client_cert", &force_pack("cert", &certificates));
        host.load("client_key", &force_pack("key", &keys));
        Self {
            host,
            _modem: modem,
            _world: world,
            sessions: 0,
        }
    }

    /// One session of every suite with the server at `port`; gives the name that each time was ours.
    fn sessions(
        &mut self,
        port: u16,
        key: KeyKind,
        group: Option<&str>,
        exchange: impl Fn(&mut Host),
    ) -> Vec<Option<&'static str>> {
        let host = &mut self.host;
        let mut names = Vec::new();
        for (version, version_name, suite, suite_name) in suites(key) {
            let number = self.sessions % (CLIENT_KEYS.len() + 1);
            self.sessions += 1;
            let identity = CLIENT_KEYS.get(number);
            let identity = identity.filter(|(_, key)| is_taken(*key, version, group));
            match identity {
                Some(_) => host.ok(&format!("AT+CIPSSLCCONF=3,{number},0")),
                None => host.ok("AT+CIPSSLCCONF=2,0,0"),
            }
            host.ok(&format!("AT+SSLVERSION={version},{version}"));
            host.ok(&format!("AT+CIPSSLCCIPHER=1,{suite:#06X}"));
            let start = format!("AT+CIPSTART=\"SSL\",\"{ADDRESS}\",{port}");
            host.ask(&start, "CONNECT\r\n\r\nOK\r\n");
            exchange(host);
            let peer = host.ask_until("AT+SSLPEER?", "\r\n\r\nOK\r\n");
            let wanted = format!(r#"+SSLPEER:0,"{version_name}","{suite_name}","#);
            let rest = peer.strip_prefix(&wanted);
            let rest = rest.unwrap_or_else(|| panic!("{wanted} expected: {peer}"));
            if let Some(group) = group {
                assert!(
                    rest.starts_with(&format!(r#""{group}""#)),
                    "{key:?}: {peer}"
                );
            }
            host.closes();
            names.push(identity.map(|(name, _)| *name));
        }
        names
    }
}

/// 108 sessions: all of two versions with three suites each, three groups and six server keys. Every second server sends
/// records of 512 bytes.
#[test]
fn every_version_suite_group_and_server_key_with_openssl() {
    let world = World::new();
    let ca = world.ca.own.certificate.clone();
    let mut servers = Vec::new();
    for key in SERVER_KEYS {
        let own = server(&world, key);
        for group in GROUPS {
            let mut options = vec![
                "-rev",
                "-verify",
                "1",
                "-CAfile",
                utf8(&ca),
                "-groups",
                group,
            ];
            if servers.len() % 2 == 1 {
                options.extend(["-max_send_frag", "512"]);
            }
            servers.push((key, group, TlsServer::start(&own, &options, None)));
        }
    }
    let addresses: Vec<SocketAddr> = servers
        .iter()
        .map(|(_, _, server)| server.address)
        .collect();
    let mut met = Met::new(world, &addresses);
    // Longer than one record of those servers.
    let line = "0123456789".repeat(70);
    let answer: String = line.chars().rev().chain(['\n']).collect();
    for ((key, group, server), port) in servers.iter_mut().zip(PORT..) {
        let names = met.sessions(port, *key, Some(group), |host| {
            host.transmit(format!("{line}\r\n").as_bytes());
            let data = host.ipds(answer.len());
            assert!(data == answer.as_bytes(), "{key:?} {group}");
        });
        for name in names.into_iter().flatten() {
            let peer = server.process.wait_for(|line| {
                let peer = line.strip_prefix("Peer certificate:")?;
                Some(peer.replace(' ', ""))
            });
            assert_eq!(peer, format!("CN={name}"), "{key:?} {group}");
        }
    }
}

/// The same without a choice of the group: 36 sessions. The server demands to know us where we have an identity to show.
#[test]
fn every_version_suite_and_server_key_with_gnutls() {
    let world = World::new();
    let ca = world.ca.own.certificate.clone();
    let servers = SERVER_KEYS.map(|key| {
        let own = server(&world, key);
        (
            key,
            GnutlsServer::echo(&own, &["--x509cafile", utf8(&ca), "--verify-client-cert"]),
        )
    });
    let addresses = servers.each_ref().map(|(_, server)| server.address);
    let mut met = Met::new(world, &addresses);
    for ((key, _), port) in servers.iter().zip(PORT..) {
        met.sessions(port, *key, None, |host| {
            host.transmit(b"there and back\r\n");
            assert_eq!(host.ipds(16), b"there and back\r\n");
        });
    }
}
