//! Servers that say themselves whether a session was resumed: nginx, and Go's crypto/tls. Tickets, none, a lifetime
//! that is over, other keys, a restart; what the modem says of each session is what the server says of it. And a broker that
//! is restarted.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::resumption::{VERSIONS, is_resumed, p256};
use crate::support::go::GoServer;
use crate::support::modem::{Host, Modem};
use crate::support::mosquitto::{Broker, CONNACK, connect};
use crate::support::nginx::Nginx;
use crate::support::pki::Credentials;
use crate::support::utf8;
use crate::support::world::{PORT, World};

/// A request, and the answer of [`Nginx`] that says whether the session was resumed.
fn asks_nginx(host: &mut Host) -> bool {
    host.transmit(b"GET / HTTP/1.1\r\nHost: broker.local\r\n\r\n");
    let mut answer = Vec::new();
    loop {
        answer.extend(host.ipd());
        let text = String::from_utf8_lossy(&answer);
        match text.rsplit_once("\r\n\r\nabcba ") {
            Some((_, "r")) => return true,
            Some((_, ".")) => return false,
            _ => {}
        }
    }
}

/// A line, and the answer of [`GoServer`].
fn asks_go(host: &mut Host) -> bool {
    host.transmit(b"hello\n");
    match host.ipds(b"1hello\n".len()).as_slice() {
        b"1hello\n" => true,
        b"0hello\n" => false,
        other => panic!("{}", other.escape_ascii()),
    }
}

/// Opens a session and has the server say whether it was resumed; the modem must say the same.
fn visit(host: &mut Host, version: &str, asks: fn(&mut Host) -> bool) -> bool {
    host.opens(PORT);
    let resumed = asks(host);
    assert_eq!(is_resumed(host, version), resumed);
    host.closes();
    resumed
}

/// A modem of one version, and its server's credentials and folder.
struct Site {
    world: World,
    own: Credentials,
}

impl Site {
    fn new() -> Self {
        let world = World::new();
        let own = p256(&world);
        Self { world, own }
    }

    fn folder(&self) -> PathBuf {
        self.world.folder.path().to_owned()
    }

    fn modem(self, address: std::net::SocketAddr, versions: &str) -> (World, Modem, Host) {
        let (world, modem, mut host) = self.world.server(PORT, address).ready();
        host.ok(&format!("AT+SSLVERSION={versions}"));
        (world, modem, host)
    }
}

/// Visits to an nginx with these settings.
fn nginx(settings: &str, (versions, name): (&str, &str), count: usize) -> Vec<bool> {
    let site = Site::new();
    let server = Nginx::start(&site.folder(), &site.own, settings);
    let (_world, _modem, mut host) = site.modem(server.address, versions);
    (0..count)
        .map(|_| visit(&mut host, name, asks_nginx))
        .collect()
}

#[test]
fn nginx_resumes_by_tickets_or_out_of_its_own_store() {
    for version in VERSIONS {
        for settings in [
            "",
            "ssl_session_cache shared:sessions:1m;",
            "ssl_session_tickets off; ssl_session_cache shared:sessions:1m;",
        ] {
            let resumed = nginx(settings, version, 4);
            assert_eq!(
                resumed,
                [false, true, true, true],
                "{version:?} {settings:?}"
            );
        }
    }
}

#[test]
fn nginx_without_tickets_and_store_is_not_resumed() {
    for version in VERSIONS {
        let settings = "ssl_session_tickets off; ssl_session_cache off;";
        assert_eq!(nginx(settings, version, 3), [false; 3], "{version:?}");
    }
}

/// nginx cannot be told a lifetime of 0: OpenSSL takes that for its default. One of a second is over when two have passed.
#[test]
fn a_ticket_of_nginx_is_not_used_beyond_its_lifetime() {
    for (versions, name) in VERSIONS {
        let site = Site::new();
        let server = Nginx::start(&site.folder(), &site.own, "ssl_session_timeout 1s;");
        let (_world, _modem, mut host) = site.modem(server.address, versions);
        assert!(!visit(&mut host, name, asks_nginx));
        thread::sleep(Duration::from_millis(2_100));
        assert!(!visit(&mut host, name, asks_nginx), "{name}");
    }
}

/// 80 bytes of one kind: a name, a key for a hash and one for encryption.
fn ticket_key(folder: &Path, letter: u8) -> String {
    let file = folder.join(format!("ticket-{letter}.key"));
    fs::write(&file, [letter; 80]).expect("room");
    utf8(&file).to_owned()
}

#[test]
fn nginx_with_other_keys_for_tickets_proves_itself_anew() {
    for (versions, name) in VERSIONS {
        let site = Site::new();
        let folder = site.folder();
        let keys = [1, 2, 3].map(|letter| ticket_key(&folder, letter));
        let [first, second, third] = keys.map(|key| format!("ssl_session_ticket_key {key};"));
        let mut server = Nginx::start(&folder, &site.own, &first);
        let (_world, _modem, mut host) = site.modem(server.address, versions);
        let both = |host: &mut Host| [(); 2].map(|()| visit(host, name, asks_nginx));
        assert_eq!(both(&mut host), [false, true], "{name}");
        // The old one is taken, too: for the last tickets that it encrypted.
        server.reload(&format!("{second} {first}"));
        assert_eq!(both(&mut host), [true, true], "{name}");
        server.reload(&third);
        assert_eq!(both(&mut host), [false, true], "{name}");
    }
}

/// With its keys in a file a server can be resumed after a restart, and without not.
#[test]
fn nginx_that_was_restarted_is_resumed_if_it_kept_its_keys() {
    for (versions, name) in VERSIONS {
        for keeps in [false, true] {
            let site = Site::new();
            let (folder, own) = (site.folder(), site.own.clone());
            let key = ticket_key(&folder, 7);
            let settings = match keeps {
                true => format!("ssl_session_ticket_key {key};"),
                false => String::new(),
            };
            let server = Nginx::start(&folder, &own, &settings);
            let address = server.address;
            let (_world, _modem, mut host) = site.modem(address, versions);
            let before = [(); 2].map(|()| visit(&mut host, name, asks_nginx));
            drop(server);
            let _server = Nginx::start_at(address, &folder, &own, &settings);
            let after = [(); 2].map(|()| visit(&mut host, name, asks_nginx));
            let expected = ([false, true], [keeps, true]);
            assert_eq!((before, after), expected, "{name} {keeps}");
        }
    }
}

/// In TLS 1.2 it is not: this Go (1.19) has no extended master secret, and without that nothing is kept (duty 109).
#[test]
fn a_server_in_go_is_resumed_under_keys_that_it_knows() {
    let anywhere = ([127, 0, 0, 1], 0).into();
    for ((versions, name), resumes) in VERSIONS.into_iter().zip([false, true]) {
        let site = Site::new();
        let own = site.own.clone();
        let mut server = GoServer::start_at(anywhere, &own, "tickets");
        let address = server.address;
        let (_world, _modem, mut host) = site.modem(address, versions);
        let both = |host: &mut Host| [(); 2].map(|()| visit(host, name, asks_go));
        assert_eq!(both(&mut host), [false, resumes], "{name}");
        server.rotate("a");
        assert_eq!(both(&mut host), [false, resumes], "{name}");
        // The old key is taken, too.
        server.rotate("ba");
        assert_eq!(both(&mut host), [resumes; 2], "{name}");
        server.rotate("c");
        assert_eq!(both(&mut host), [false, resumes], "{name}");
        drop(server);
        let server = GoServer::start_at(address, &own, "tickets");
        assert_eq!(both(&mut host), [false, resumes], "{name}");
        drop(server);
        let _server = GoServer::start_at(address, &own, "none");
        assert_eq!(both(&mut host), [false, false], "{name}");
    }
}

#[test]
fn a_broker_that_was_restarted_proves_itself_anew() {
    for (versions, name) in VERSIONS {
        let site = Site::new();
        let (folder, own) = (site.folder(), site.own.clone());
        let settings = "allow_anonymous true\n";
        let broker = Broker::certified(&folder, &own, settings);
        let address = broker.address;
        let (_world, _modem, mut host) = site.modem(address, versions);
        let both = |host: &mut Host| {
            [(); 2].map(|()| {
                host.opens(PORT);
                host.transmit(&connect("espat"));
                assert_eq!(host.ipds(CONNACK.len()), CONNACK);
                let resumed = is_resumed(host, name);
                host.closes();
                resumed
            })
        };
        assert_eq!(both(&mut host), [false, true], "{name}");
        drop(broker);
        let _broker = Broker::certified_at(address, &folder, &own, settings);
        assert_eq!(both(&mut host), [false, true], "{name}");
    }
}
