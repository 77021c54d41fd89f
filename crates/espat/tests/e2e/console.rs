//! A server with a person at its console: its choice of a protocol, much data, new keys, cookies.

use std::io::Write as _;
use std::thread;

use crate::support::pki::{KeyKind, VALID};
use crate::support::servers::ConsoleServer;
use crate::support::world::{PORT, World};

/// No pattern that could hide a swap; no line that the server would take for a command.
fn data(count: usize, seed: u32) -> Vec<u8> {
    let mix = (seed..).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes());
    mix.map(|[byte, ..]| byte)
        .map(|byte| {
            if ConsoleServer::COMMANDS.contains(&byte) {
                b'.'
            } else {
                byte
            }
        })
        .take(count)
        .collect()
}

#[test]
fn a_mebibyte_goes_each_way_at_the_same_time() {
    const COUNT: usize = 1 << 20;
    const SEND: usize = 8192;
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let mut server = ConsoleServer::start(&own, &["-tls1_3"]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.opens(PORT);
    server.begins();
    let (up, down) = (data(COUNT, 1), data(COUNT, 77));
    let ConsoleServer {
        keyboard, screen, ..
    } = &mut server;
    thread::scope(|scope| {
        scope.spawn(|| keyboard.write_all(&down).expect("it reads"));
        let printed = scope.spawn(|| screen.take(COUNT));
        let mut came = host.ipd();
        for part in up.chunks(SEND) {
            came.extend(host.transmit_amid(part));
        }
        came.extend(host.ipds(COUNT - came.len()));
        assert!(came == down, "down");
        assert!(printed.join().expect("no panic") == up, "up");
    });
    host.closes();
}

#[test]
fn new_keys_of_the_server_are_followed() {
    let commands: [&[u8]; 2] = [b"k\n", b"K\n"];
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let mut server = ConsoleServer::start(&own, &["-tls1_3"]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.opens(PORT);
    server.begins();
    for command in commands {
        server.types(b"before\n");
        assert_eq!(host.ipd(), b"before\n");
        server.types(command);
        // It reads the keyboard before the socket; what is typed at once would belong to the command.
        host.transmit(b"from the host\n");
        server.screen.until("from the host");
        server.types(b"after\n");
        assert_eq!(host.ipd(), b"after\n");
    }
    host.closes();
}

#[test]
fn the_server_chooses_among_our_protocols() {
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let mut server = ConsoleServer::start(&own, &["-tls1_3", "-alpn", "h2,mqtt,http/1.1"]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    let offers = [
        (
            r#"2,"x-amzn-mqtt-ca","mqtt""#,
            "x-amzn-mqtt-ca, mqtt",
            "mqtt",
        ),
        (r#"2,"http/1.1","mqtt""#, "http/1.1, mqtt", "mqtt"),
        (r#"1,"http/1.1""#, "http/1.1", "http/1.1"),
    ];
    for (list, offered, chosen) in offers {
        host.ok(&format!("AT+CIPSSLCALPN={list}"));
        host.opens(PORT);
        let screen = &mut server.screen;
        screen.until("ALPN protocols advertised by the client: ");
        assert_eq!(screen.until("\n"), offered);
        screen.hears("ALPN protocols selected: ");
        assert_eq!(screen.until("\n"), chosen);
        server.begins();
        server.types(b"hello\n");
        assert_eq!(host.ipd(), b"hello\n");
        host.closes();
    }
    host.ok(r#"AT+CIPSSLCALPN=2,"coap","h3""#);
    host.is_refused(
        PORT,
        r#""hello",-0x7780,0x00000000,0,"","","server alert: no application protocol (120): server speaks none of the protocols that were offered in ALPN: offered 'coap' 'h3'","peer_alert""#,
    );
    // No list is no wish.
    host.ok("AT+CIPSSLCALPN=0");
    host.opens(PORT);
    // Only now: the server keeps what it prints until a session begins.
    server.screen.until("advertised by the client: coap, h3\n");
    let said = server.screen.until("CIPHER is TLS_AES_128_GCM_SHA256\n");
    assert!(!said.contains("ALPN"), "{said}");
    host.closes();
}
