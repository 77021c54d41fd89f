//! Servers that are met again: what is resumed, and what makes a server prove itself anew.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::gnutls::GnutlsServer;
use crate::support::modem::Host;
use crate::support::mosquitto::{Broker, CONNACK, connect};
use crate::support::pki::{ADDRESS, Credentials, KeyKind, VALID};
use crate::support::servers::TlsServer;
use crate::support::world::{PORT, World};

/// `AT+SSLVERSION`, and the version in words.
pub(crate) const VERSIONS: [(&str, &str); 2] = [("12,12", "TLS 1.2"), ("13,13", "TLS 1.3")];

pub(crate) fn p256(world: &World) -> Credentials {
    world.ca.leaf("server", KeyKind::P256, VALID)
}

/// Opens a session and sends a line, which comes back in some order; says whether the session was resumed.
fn visit(host: &mut Host, version: &str) -> bool {
    host.opens(PORT);
    host.transmit(b"abcba\r\n");
    assert!(host.ipd().starts_with(b"abcba"));
    let resumed = is_resumed(host, version);
    host.closes();
    resumed
}

pub(crate) fn is_resumed(host: &mut Host, version: &str) -> bool {
    let peer = host.ask_until("AT+SSLPEER?", "\r\n\r\nOK\r\n");
    let start = format!(r#"+SSLPEER:0,"{version}","#);
    assert!(peer.starts_with(&start), "{peer}");
    // Whoever is resumed is known as before.
    assert!(peer.contains(r#","CN=server","#), "{peer}");
    match peer.rsplit_once(',') {
        Some((_, "1")) => true,
        Some((_, "0")) => false,
        _ => panic!("{peer}"),
    }
}

/// Several visits to a server with these options.
fn visits(options: &[&str], (versions, name): (&str, &str), count: usize) -> Vec<bool> {
    let world = World::new();
    let server = TlsServer::start(&p256(&world), &[&["-rev"], options].concat(), None);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.ok(&format!("AT+SSLVERSION={versions}"));
    (0..count).map(|_| visit(&mut host, name)).collect()
}

#[test]
fn a_server_of_openssl_is_resumed() {
    for version in VERSIONS {
        for options in [&[][..], &["-no_ticket"]] {
            let resumed = visits(options, version, 4);
            assert_eq!(
                resumed,
                [false, true, true, true],
                "{version:?} {options:?}"
            );
        }
    }
    for tickets in ["1", "2", "4"] {
        let resumed = visits(&["-num_tickets", tickets], ("12,13", "TLS 1.3"), 4);
        assert_eq!(resumed, [false, true, true, true], "{tickets}");
    }
}

/// Our hello with a ticket has a share for X25519: a server without that asks for another one, and resumes all the same.
#[test]
fn a_server_of_openssl_with_one_group_is_resumed() {
    for group in ["P-256", "P-384", "X25519"] {
        let world = World::new();
        let server = TlsServer::start(&p256(&world), &["-rev", "-tls1_3", "-groups", group], None);
        let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
        for number in 0..4 {
            host.opens(PORT);
            host.transmit(b"abcba\r\n");
            assert!(host.ipd().starts_with(b"abcba"));
            assert_eq!(is_resumed(&mut host, "TLS 1.3"), number > 0, "{group}");
            let peer = host.ask_until("AT+SSLPEER?", "\r\n\r\nOK\r\n");
            assert!(peer.contains(&format!(r#","{group}","#)), "{peer}");
            host.closes();
        }
    }
}

#[test]
fn a_server_that_gives_no_tickets_is_not_resumed() {
    for (options, version) in [
        (&["-no_ticket", "-no_cache"][..], ("12,12", "TLS 1.2")),
        (&["-num_tickets", "0"], ("13,13", "TLS 1.3")),
    ] {
        assert_eq!(visits(options, version, 2), [false, false], "{version:?}");
    }
}

/// With other keys for its tickets: the handshake is a full one, and the next session is resumed again.
#[test]
fn a_server_that_was_restarted_proves_itself_anew() {
    for (versions, name) in VERSIONS {
        let world = World::new();
        let own = p256(&world);
        let first = TlsServer::start(&own, &["-rev"], None);
        let address = first.address;
        let (_world, _modem, mut host) = world.server(PORT, address).ready();
        host.ok(&format!("AT+SSLVERSION={versions}"));
        let before = [(); 2].map(|()| visit(&mut host, name));
        drop(first);
        let _second = TlsServer::start_at(&own, &["-rev"], address);
        let after = [(); 2].map(|()| visit(&mut host, name));
        assert_eq!((before, after), ([false, true], [false, true]), "{name}");
    }
}

/// Whatever changes what a session is checked by has every ticket forgotten.
#[test]
fn after_a_change_of_what_is_checked_nothing_is_resumed() {
    let world = World::new();
    let own = p256(&world);
    let server = TlsServer::start(&own, &["-rev"], None);
    let image = world.image();
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("after 1970").as_secs();
    for change in [
        "AT+CIPSSLCCONF=2,0,0".to_owned(),
        format!("AT+CIPSSLCCN=\"{ADDRESS}\""),
        "AT+CIPSSLCSNI=\"server\"".to_owned(),
        "AT+CIPSSLCALPN=0".to_owned(),
        "AT+CIPSSLCCIPHER=0".to_owned(),
        "AT+CIPSSLCPSK=\"\",\"\"".to_owned(),
        "AT+SSLVERSION=12,13".to_owned(),
        "AT+SSLPOLICY=0".to_owned(),
        format!("AT+SYSTIMESTAMP={now}"),
        "AT+SSLRESUME=1".to_owned(),
    ] {
        assert_eq!([(); 2].map(|()| visit(&mut host, "TLS 1.3")), [false, true]);
        host.ok(&change);
        host.ask("AT+SSLRESUME?", "+SSLRESUME:1,0\r\n\r\nOK\r\n");
    }
    assert!(!visit(&mut host, "TLS 1.3"));
    host.load("client_ca", &image);
    host.ask("AT+SSLRESUME?", "+SSLRESUME:1,0\r\n\r\nOK\r\n");
    assert!(!visit(&mut host, "TLS 1.3"));
    host.ok("AT+SSLRESUME=0");
    for _ in 0..3 {
        assert!(!visit(&mut host, "TLS 1.3"));
        host.ask("AT+SSLRESUME?", "+SSLRESUME:0,0\r\n\r\nOK\r\n");
    }
    host.ok("AT+SSLRESUME=1");
    assert_eq!([(); 2].map(|()| visit(&mut host, "TLS 1.3")), [false, true]);
    // A dry run sees certificates, and takes no ticket.
    let shown = host.ask_until(
        &format!("AT+SSLPROBE=\"{}\",{PORT}", ADDRESS),
        "\r\n\r\nOK\r\n",
    );
    assert!(shown.contains("CN=server"), "{shown}");
    assert!(visit(&mut host, "TLS 1.3"));
}

#[test]
fn a_server_of_gnutls_is_resumed() {
    for (versions, name) in VERSIONS {
        let world = World::new();
        let server = GnutlsServer::echo(&p256(&world), &[]);
        let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
        host.ok(&format!("AT+SSLVERSION={versions}"));
        let resumed = [(); 3].map(|()| visit(&mut host, name));
        assert_eq!(resumed, [false, true, true], "{name}");
    }
}

/// Duty 109: keys that are not bound to the handshake are never used again.
#[test]
fn a_server_without_extended_master_secret_is_not_resumed() {
    let world = World::new();
    let priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:%NO_SESSION_HASH";
    let server = GnutlsServer::echo(&p256(&world), &["--priority", priority]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    assert_eq!([(); 2].map(|()| visit(&mut host, "TLS 1.2")), [false; 2]);
}

#[test]
fn a_broker_is_resumed() {
    for (versions, name) in VERSIONS {
        let world = World::new();
        let own = p256(&world);
        let broker = Broker::certified(world.folder.path(), &own, "allow_anonymous true\n");
        let (_world, _modem, mut host) = world.server(PORT, broker.address).ready();
        host.ok(&format!("AT+SSLVERSION={versions}"));
        let resumed = [(); 3].map(|()| {
            host.opens(PORT);
            host.transmit(&connect("espat"));
            assert_eq!(host.ipds(CONNACK.len()), CONNACK);
            let resumed = is_resumed(&mut host, name);
            host.closes();
            resumed
        });
        assert_eq!(resumed, [false, true, true], "{name}");
    }
}
