//! `espat doctor` against real servers: each thing that can be wrong is named, with what to do, and the exit
//! status is 0 only when a connection succeeds.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use serde_json::Value;

use crate::support::modem::Host;
use crate::support::pki::{Ca, EXPIRED, FUTURE, KeyKind, NAME, VALID, pack};
use crate::support::process::{command, output};
use crate::support::servers::TlsServer;
use crate::support::utf8;
use crate::support::world::{World, join};

/// The status and the JSON of a run.
fn doctor(server: &str, arguments: &[&str]) -> (i32, Value) {
    let said = output(
        command(env!("CARGO_BIN_EXE_espat"))
            .args(["doctor", "--json", server])
            .args(arguments),
    );
    let status = said.status.code().expect("no signal ended it");
    let json = serde_json::from_slice(&said.stdout);
    (
        status,
        json.unwrap_or_else(|error| panic!("{error}: {said:?}")),
    )
}

/// The state and the code of a step; `none` where it is not in the list.
fn step<'v>(json: &'v Value, name: &str) -> (&'v str, &'v str) {
    let steps = json["findings"].as_array().expect("a list");
    let found = steps.iter().find(|it| it["step"] == name);
    found.map_or(("none", ""), |it| {
        let state = it["state"].as_str().expect("a word");
        (state, it["code"].as_str().unwrap_or_default())
    })
}

/// What the first failed step advises.
fn advice(json: &Value) -> &str {
    let steps = json["findings"].as_array().expect("a list");
    let failed = steps.iter().find(|it| it["state"] == "failed");
    failed.expect("one failed")["advice"]
        .as_str()
        .unwrap_or_default()
}

fn address(server: &TlsServer) -> String {
    server.address.to_string()
}

#[test]
fn a_server_that_a_modem_accepts_passes_every_step() {
    let world = World::new();
    let ca = utf8(&world.ca.own.certificate);
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    for version in ["-tls1_3", "-tls1_2"] {
        let server = TlsServer::start(&own, &["-rev", version], None);
        for name in [&[][..], &["--name", NAME]] {
            let (status, json) = doctor(&address(&server), &[&["--ca", ca], name].concat());
            assert_eq!(status, 0, "{json:#}");
            assert_eq!(
                (&json["result"], &json["code"]),
                (&"ok".into(), &"ok".into())
            );
            for passed in [
                "name",
                "tcp",
                "tls",
                "chain",
                "ca",
                "trust",
                "dates",
                "handshake",
            ] {
                assert_eq!(step(&json, passed), ("passed", ""), "{json:#}");
            }
            let named = if name.is_empty() { "warning" } else { "passed" };
            assert_eq!(step(&json, "host name").0, named);
        }
    }
}

#[test]
fn each_fault_of_a_server_has_its_step() {
    let world = World::new();
    let ca = utf8(&world.ca.own.certificate);
    let other = Ca::root(world.folder.path(), "other CA", KeyKind::P256);
    let good = world.ca.leaf("server", KeyKind::P256, VALID);
    let old = world.ca.leaf("old", KeyKind::P256, EXPIRED);
    let young = world.ca.leaf("young", KeyKind::P256, FUTURE);
    let cases: [(&_, &[&str], &[&str], &str, &str); 5] = [
        (
            &good,
            &[],
            &["--ca", utf8(&other.own.certificate)],
            "trust",
            "issuer_unknown",
        ),
        (
            &good,
            &[],
            &["--ca", ca, "--name", "other.local"],
            "host name",
            "name_mismatch",
        ),
        (&old, &[], &["--ca", ca], "dates", "expired"),
        (&young, &[], &["--ca", ca], "dates", "not_yet_valid"),
        (
            &good,
            &["-Verify", "1"],
            &["--ca", ca],
            "handshake",
            "client_certificate_required",
        ),
    ];
    for (own, options, arguments, failing, code) in cases {
        let server = TlsServer::start(own, &[&["-rev", "-tls1_3"], options].concat(), None);
        let (status, json) = doctor(&address(&server), arguments);
        assert_eq!(status, 1, "{json:#}");
        assert_eq!(json["result"], "refused");
        let (state, found) = step(&json, failing);
        assert_eq!(state, "failed", "{failing}: {json:#}");
        assert!(code.is_empty() || found == code, "{found}: {json:#}");
        if !options.is_empty() {
            assert_eq!(step(&json, "tls"), ("warning", "client_certificate_wanted"));
        }
    }
}

#[test]
fn the_item_that_would_do_is_named() {
    let world = World::new();
    let other = Ca::root(world.folder.path(), "other CA", KeyKind::P256);
    let files = [&other.own.certificate, &world.ca.own.certificate].map(Clone::clone);
    pack("ca", &files);
    let image = other.own.certificate.with_file_name("at_ca.bin");
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let server = TlsServer::start(&own, &["-rev"], None);
    let (status, json) = doctor(&address(&server), &["--bin", utf8(&image)]);
    assert_eq!((status, step(&json, "trust").0), (1, "failed"), "{json:#}");
    assert!(advice(&json).contains("AT+CIPSSLCCONF=2,0,1"), "{json:#}");
    let second = format!("{}:1", utf8(&image));
    assert_eq!(doctor(&address(&server), &["--bin", &second]).0, 0);
    let third = format!("{}:2", utf8(&image));
    let (status, json) = doctor(&address(&server), &["--bin", &third]);
    assert_eq!((status, step(&json, "ca")), (1, ("failed", "ca_missing")));
}

#[test]
fn what_is_no_tls_server_is_said_at_once() {
    let world = World::new();
    let ca = utf8(&world.ca.own.certificate);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            // It says so to whatever it is sent.
            if client.read(&mut [0; 512]).is_ok_and(|count| count > 0) {
                let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            }
        }
    });
    let (status, json) = doctor(&address, &["--ca", ca]);
    assert_eq!(
        (status, step(&json, "tls")),
        (1, ("failed", "not_tls")),
        "{json:#}"
    );
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = closed.local_addr().expect("bound").to_string();
    drop(closed);
    let (status, json) = doctor(&address, &["--ca", ca]);
    assert_eq!((status, step(&json, "tcp").0), (1, "failed"), "{json:#}");
    let (status, json) = doctor("no.such.host.invalid:1", &["--ca", ca]);
    assert_eq!(
        (status, step(&json, "name")),
        (1, ("failed", "host_not_found"))
    );
}

/// `espat push` into the modem.
fn load(port: &str, certificate: &Path) {
    let said = output(command(env!("CARGO_BIN_EXE_espat")).args([
        "push",
        "--port",
        port,
        "client_ca",
        utf8(certificate),
    ]));
    assert!(said.status.success(), "{said:?}");
}

#[test]
fn a_module_is_asked_and_connects_itself() {
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let server = TlsServer::start(&own, &["-rev"], None);
    let there = server.address;
    // The same address for this PC and for the modem.
    let world = world
        .map(&there.to_string(), there)
        .option("--clock", "host");
    let modem = world.modem();
    let port = format!("tcp://{}", modem.address);
    let arguments = ["--port", port.as_str()];
    let ask = |host: Option<Host>| {
        drop(host);
        doctor(&there.to_string(), &arguments)
    };

    let (status, json) = ask(Some(modem.switch_on()));
    assert_eq!(
        (status, step(&json, "ca")),
        (1, ("failed", "erased")),
        "{json:#}"
    );
    assert_eq!(step(&json, "wifi"), ("failed", "not_in_a_network"));
    load(&port, &world.ca.own.certificate);
    let mut host = modem.connect();
    join(&mut host);
    host.ok("AT+CIPSSLCCONF=2,0,0");
    let (status, json) = ask(Some(host));
    assert_eq!(status, 0, "{json:#}");
    for passed in [
        "module",
        "wifi",
        "clock",
        "settings",
        "ca",
        "trust",
        "handshake",
        "live",
    ] {
        assert_eq!(step(&json, passed), ("passed", ""), "{json:#}");
    }
}

#[test]
fn a_clock_that_was_never_set_is_named() {
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let server = TlsServer::start(&own, &["-rev"], None);
    let there = server.address;
    let world = world.map(&there.to_string(), there);
    let modem = world.modem();
    let mut host = modem.switch_on();
    world.prepare(&mut host);
    drop(host);
    let port = format!("tcp://{}", modem.address);
    let (status, json) = doctor(&there.to_string(), &["--port", &port]);
    assert_eq!(
        (status, step(&json, "clock")),
        (1, ("failed", "clock_unset")),
        "{json:#}"
    );
    assert_eq!(step(&json, "live"), ("failed", "module_refused"));
    assert!(advice(&json).contains("AT+CIPSNTPCFG"), "{json:#}");
}
