//! Servers with other keys, tastes and endings.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::support::modem::Host;
use crate::support::pki::{Credentials, KeyKind, VALID};
use crate::support::process::program;
use crate::support::servers::TlsServer;
use crate::support::utf8;
use crate::support::world::{PORT, World, start};

fn exchange(host: &mut Host, data: &str) {
    host.transmit(format!("{data}\r\n").as_bytes());
    let reversed: String = data.chars().rev().chain(['\n']).collect();
    assert_eq!(host.ipd(), reversed.into_bytes());
}

/// A server with these options takes a whole session.
fn accepted(own: impl FnOnce(&World) -> Credentials, options: &[&str]) {
    let world = World::new();
    let server = TlsServer::reversing(&own(&world), options);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    for data in ["first", "second"] {
        host.opens(PORT);
        exchange(&mut host, data);
        exchange(&mut host, data);
        host.closes();
    }
}

fn p256(world: &World) -> Credentials {
    world.ca.leaf("server", KeyKind::P256, VALID)
}

#[test]
fn a_p384_server_is_accepted() {
    accepted(|world| world.ca.leaf("server", KeyKind::P384, VALID), &[]);
}

#[test]
fn an_ed25519_server_is_accepted() {
    accepted(
        |world| world.ca.leaf("server", KeyKind::Ed25519, VALID),
        &[],
    );
}

#[test]
fn two_intermediates_lead_to_the_ca() {
    let world = World::new();
    let first = world
        .ca
        .intermediate("first intermediate", KeyKind::Rsa2048);
    let second = first.intermediate("second intermediate", KeyKind::P384);
    let own = second.leaf("server", KeyKind::P256, VALID);
    let chain = world.folder.path().join("chain.pem");
    let files = [&second.own.certificate, &first.own.certificate];
    let text = files.map(|file| fs::read_to_string(file).expect("made"));
    fs::write(&chain, text.concat()).expect("room");
    let server = TlsServer::reversing(&own, &["-cert_chain", utf8(&chain)]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.opens(PORT);
    exchange(&mut host, "over two intermediates");
    host.closes();
}

#[test]
fn session_tickets_are_no_data() {
    for tickets in ["0", "4"] {
        accepted(p256, &["-num_tickets", tickets]);
    }
}

#[test]
fn a_change_of_the_record_size_is_no_change_of_the_data() {
    accepted(p256, &["-max_send_frag", "512"]);
}

#[test]
fn a_server_that_would_rather_have_another_group_makes_do_with_ours() {
    accepted(p256, &["-serverpref", "-groups", "X25519:P-384:P-256"]);
}

/// A server with these options is refused, for this reason.
fn refused(options: &[&str], why: &str) {
    let world = World::new();
    let server = TlsServer::start(&p256(&world), &[&["-rev"], options].concat(), None);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.is_refused(PORT, why);
}

/// A server with this key and these options takes a session.
fn serves(kind: KeyKind, options: &[&str]) {
    let world = World::new();
    let own = world.ca.leaf("server", kind, VALID);
    let server = TlsServer::start(&own, &[&["-rev"], options].concat(), None);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.opens(PORT);
    host.transmit(b"abc\r\n");
    assert_eq!(host.ipd(), b"cba\n", "{options:?}");
    host.closes();
}

/// What a server may insist on.
#[test]
fn servers_of_one_version_group_or_suite_are_served() {
    for options in [
        &["-tls1_3", "-groups", "X25519"][..],
        &["-tls1_3", "-groups", "P-384"],
        &["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"],
        &["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
        &["-tls1_3", "-max_send_frag", "512"],
        &["-tls1_3", "-num_tickets", "4"],
        &["-tls1_3", "-no_middlebox"],
        &["-tls1_3", "-record_padding", "4096"],
        &["-tls1_2"],
        &["-tls1_2", "-groups", "X25519"],
        &["-tls1_2", "-groups", "P-384"],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"],
        &["-tls1_2", "-max_send_frag", "512"],
    ] {
        serves(KeyKind::P256, options);
    }
}

#[test]
fn keys_of_every_kind_serve_both_versions() {
    for kind in [
        KeyKind::P256,
        KeyKind::P384,
        KeyKind::Ed25519,
        KeyKind::Rsa2048,
    ] {
        for version in ["-tls1_2", "-tls1_3"] {
            serves(kind, &[version]);
        }
    }
}

/// SHA-256 of a certificate, by openssl.
fn fingerprint(own: &Credentials) -> String {
    let output = program("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(&own.certificate)
        .output()
        .expect("openssl runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let (_, digits) = text.trim().split_once('=').expect("a fingerprint");
    digits.replace(':', "").to_lowercase()
}

/// `AT+SSLVERSION` and `AT+CIPSSLCCIPHER` choose, `AT+SSLPEER?` says what came of it.
#[test]
fn versions_and_suites_are_chosen_and_reported() {
    let world = World::new();
    let own = p256(&world);
    let hash = fingerprint(&own);
    let server = TlsServer::start(&own, &["-rev"], None);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    for (versions, suites, version, suite) in [
        ("12,13", "0", "TLS 1.3", "TLS_AES_128_GCM_SHA256"),
        ("13,13", "1,0x1302", "TLS 1.3", "TLS_AES_256_GCM_SHA384"),
        (
            "12,12",
            "0",
            "TLS 1.2",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ),
        (
            "12,13",
            "1,0xCCA9",
            "TLS 1.2",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ),
    ] {
        host.ok(&format!("AT+SSLVERSION={versions}"));
        host.ok(&format!("AT+CIPSSLCCIPHER={suites}"));
        host.opens(PORT);
        exchange(&mut host, "data");
        let peer = format!(
            r#"+SSLPEER:0,"{version}","{suite}","P-256","","","CN=server","{hash}","2099-12-31T23:59:59Z","IP:192.168.3.129, DNS:broker.local",0"#
        );
        host.ask("AT+SSLPEER?", &format!("{peer}\r\n\r\nOK\r\n"));
        host.closes();
        host.ask("AT+SSLPEER?", "\r\nOK\r\n");
    }
    // Nothing of TLS 1.3 is left to offer.
    host.ok("AT+SSLVERSION=13,13");
    host.is_refused(
        PORT,
        r#""setup",-0x7080,0x00000000,0,"","","none of the cipher suites to offer is there, in the versions to offer","no_suite""#,
    );
}

/// What is offered, what the server knows, and what comes of it.
#[test]
fn the_application_protocol_that_was_agreed_on_is_reported() {
    for version in ["-tls1_2", "-tls1_3"] {
        let world = World::new();
        let own = p256(&world);
        let knows = TlsServer::start(&own, &["-rev", version, "-alpn", "mqtt,h2"], None);
        let knows_none = TlsServer::start(&own, &["-rev", version], None);
        let other = PORT + 1;
        let world = world.server(PORT, knows.address);
        let (_world, _modem, mut host) = world.server(other, knows_none.address).ready();
        for (offers, port, agreed) in [
            (r#"2,"http/1.1","h2""#, PORT, "h2"),
            (r#"2,"h2","mqtt""#, PORT, "mqtt"),
            (r#"1,"mqtt""#, PORT, "mqtt"),
            (r#"1,"mqtt""#, other, ""),
            ("0", PORT, ""),
        ] {
            host.ok(&format!("AT+CIPSSLCALPN={offers}"));
            host.opens(port);
            exchange(&mut host, "data");
            let peer = host.ask_until("AT+SSLPEER?", "\r\nOK\r\n");
            // Link, version, suite, group, name, protocol.
            let field = peer.split(',').nth(5).map(|field| field.trim_matches('"'));
            assert_eq!(field, Some(agreed), "{version}, {offers}: {peer}");
            host.closes();
        }
        // None in common: the server refuses (RFC 7301 §3.2).
        host.ok(r#"AT+CIPSSLCALPN=1,"coap""#);
        host.is_refused(
            PORT,
            r#""hello",-0x7780,0x00000000,0,"","","server alert: no application protocol (120): server speaks none of the protocols that were offered in ALPN: offered 'coap'","peer_alert""#,
        );
    }
}

#[test]
fn a_server_of_another_version_than_the_policy_wants_is_refused() {
    for (server, versions, min) in [
        ("-tls1_2", "13,13", "TLS 1.3"),
        ("-tls1_3", "12,12", "TLS 1.2"),
    ] {
        let world = World::new();
        let server = TlsServer::start(&p256(&world), &["-rev", server], None);
        let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
        host.ok(&format!("AT+SSLVERSION={versions}"));
        host.is_refused(
            PORT,
            &format!(r#""hello",-0x6e80,0x00000000,0,"","","server takes no version from {min} to {min}","server_version""#),
        );
        host.ok("AT+SSLVERSION=12,13");
        host.opens(PORT);
        host.closes();
    }
}

#[test]
fn servers_that_know_only_old_suites_are_refused() {
    for options in [
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"][..],
        &["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
    ] {
        refused(
            options,
            r#""hello",-0x7780,0x00000000,0,"","","server alert: handshake failure (40): it takes none of ECDHE with AES-GCM or ChaCha20 (old servers do not), or its key is not RSA, P-256, P-384 or Ed25519: offered TLS 1.2-1.3, P-256 X25519 P-384, all suites, no SNI","nothing_in_common""#,
        );
    }
}

/// Answers the first bytes of each connection with these, and closes it.
fn answer_with(listener: TcpListener, answer: &'static [u8]) {
    thread::spawn(move || {
        // It ends with the tests; nobody connects any more.
        for connection in listener.incoming().flatten() {
            let mut connection: TcpStream = connection;
            let mut hello = [0; 2048];
            // What a peer makes of it is in the modem's answer.
            let _ = connection.read(&mut hello);
            let _ = connection.write_all(answer);
        }
    });
}

#[test]
fn peers_that_do_not_speak_tls_are_distinguished() {
    let peers: [(&[u8], &str); 5] = [
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            r#"-0x7200,0x00000000,0,"","","record type 72, as HTTP begins: the server may not speak TLS on this port","protocol""#,
        ),
        (
            b"SSH-2.0-OpenSSH_9.2p1\r\n",
            r#"-0x7200,0x00000000,0,"","","record type 83, as SSH begins: the server may not speak TLS on this port","protocol""#,
        ),
        (
            b"",
            r#"-0x7280,0x00000000,0,"","","server closed without close_notify","peer_eof""#,
        ),
        // A handshake record, cut off.
        (
            b"\x16\x03\x03\x00\x7a\x02",
            r#"-0x7280,0x00000000,0,"","","server closed without close_notify","peer_eof""#,
        ),
        // A fatal alert: internal_error.
        (
            b"\x15\x03\x03\x00\x02\x02\x50",
            r#"-0x7780,0x00000000,0,"","","server alert: internal error (80): the log of the server has the reason","peer_alert""#,
        ),
    ];
    let mut world = World::new();
    for ((answer, _), port) in peers.iter().zip(PORT..) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        world = world.server(port, listener.local_addr().expect("bound"));
        answer_with(listener, answer);
    }
    let (_world, _modem, mut host) = world.ready();
    for ((_, why), port) in peers.iter().zip(PORT..) {
        host.ask(&start(port), "\r\nERROR\r\n");
        host.ask(
            "AT+SSLWHY?",
            &format!("+SSLWHY:0,\"hello\",{why}\r\n\r\nOK\r\n"),
        );
    }
}

/// In TLS 1.3 the server says no only after the client has finished (RFC 8446 §4.4.2.4).
#[test]
fn a_server_that_demands_a_certificate_ends_the_session_and_says_so() {
    let world = World::new();
    let server = TlsServer::reversing(&p256(&world), &["-Verify", "1"]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.opens(PORT);
    host.hears("CLOSED\r\n");
    let why = r#""data",-0x7780,0x00000000,0,"","","server alert: certificate required (116): server wants a certificate from us, and got none","peer_alert""#;
    host.last_reason_is(why);
    host.ok("AT");
}

#[test]
fn answers_of_full_records_arrive_whole() {
    let world = World::new();
    // One record, one and a byte, and many; no pattern that could hide a swap.
    let files = [16384, 16385, 100_000];
    let bytes = |count: u32| -> Vec<u8> {
        let mix = (0..count).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes());
        mix.map(|[byte, ..]| byte).collect()
    };
    for count in files {
        let file = world.folder.path().join(count.to_string());
        fs::write(file, bytes(count)).expect("room");
    }
    let server = TlsServer::start(&p256(&world), &["-HTTP"], Some(world.folder.path()));
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    for count in files {
        let expected = bytes(count);
        host.opens(PORT);
        host.transmit(format!("GET /{count} HTTP/1.0\r\n\r\n").as_bytes());
        let data = host.ipds(expected.len());
        assert!(data == expected, "{count}");
        host.hears("CLOSED\r\n");
        host.ok("AT");
    }
}

#[test]
fn the_largest_send_arrives_whole() {
    let world = World::new();
    let server = TlsServer::reversing(&p256(&world), &[]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.opens(PORT);
    let line: Vec<u8> = (b'a'..=b'z').cycle().take(8191).collect();
    host.transmit(&[&line[..], b"\n"].concat());
    let answer = host.ipds(8192);
    assert!(answer.iter().rev().skip(1).eq(&line));
    host.closes();
}

#[test]
fn a_server_may_end_the_session() {
    let world = World::new();
    let server = TlsServer::reversing(&p256(&world), &[]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.opens(PORT);
    exchange(&mut host, "before");
    host.transmit(b"CLOSE\r\n");
    host.hears("CLOSED\r\n");
    host.ask(
        "AT+SSLWHY?",
        "+SSLWHY:0,\"data\",-0x7880,0x00000000,0,\"\",\"\",\"server closed the session\",\"peer_closed\"\r\n\r\nOK\r\n",
    );
    host.opens(PORT);
    exchange(&mut host, "after");
    host.closes();
}

#[test]
fn a_server_killed_in_the_session_closes_the_link() {
    let world = World::new();
    let mut server = TlsServer::reversing(&p256(&world), &[]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.opens(PORT);
    exchange(&mut host, "before");
    server.process.kill();
    host.hears("CLOSED\r\n");
    host.ask(
        "AT+SSLWHY?",
        "+SSLWHY:0,\"data\",-0x7280,0x00000000,0,\"\",\"\",\"server closed without close_notify\",\"peer_eof\"\r\n\r\nOK\r\n",
    );
    host.ask("AT+CIPSEND=1", "\r\nERROR\r\n");
    host.ask(&start(PORT), "\r\nERROR\r\n");
    host.ok("AT");
}

#[test]
fn a_server_that_stops_taking_part_can_be_left() {
    let world = World::new();
    let server = TlsServer::reversing(&p256(&world), &[]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.opens(PORT);
    exchange(&mut host, "before");
    server.process.signal("STOP");
    host.transmit(b"to nobody\r\n");
    host.closes();
    server.process.signal("CONT");
    host.opens(PORT);
    exchange(&mut host, "after");
    host.closes();
}
