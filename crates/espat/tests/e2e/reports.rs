//! Public reports that need a modem and a server: each was answered wrongly once, or rightly without the reason that
//! helps. The files are those of `tests/data/reports`.

use std::path::{Path, PathBuf};

use crate::support::modem::Host;
use crate::support::pki::{Credentials, pack};
use crate::support::servers::TlsServer;
use crate::support::world::{PORT, World, join, start};

/// When the certificates of the reports are valid.
const THEN: &str = "2026-01-02T00:00:00Z";

fn report(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reports");
    folder.join(name)
}

/// A copy that lies where images may be written beside it.
fn copied(world: &World, name: &str) -> PathBuf {
    let copy = world.folder.path().join(name);
    std::fs::copy(report(name), &copy).expect("it is there");
    copy
}

fn credentials(name: &str) -> Credentials {
    Credentials {
        certificate: report(&format!("{name}.crt.pem")),
        key: report(&format!("{name}.key.pem")),
    }
}

fn trusts(host: &mut Host, world: &World) {
    join(host);
    host.load("client_ca", &pack("ca", &[copied(world, "at-ca.crt.pem")]));
}

/// OpenSSL answers a client that cannot verify P-521 with alert 40, which is not about versions and groups alone.
#[test]
fn a_server_with_a_key_that_nobody_here_verifies_is_refused_for_its_key() {
    let world = World::new();
    let server = TlsServer::reversing(&credentials("at-p521"), &[]);
    let world = world.server(PORT, server.address).option("--clock", THEN);
    let modem = world.modem();
    let mut host = modem.switch_on();
    trusts(&mut host, &world);
    host.ok("AT+CIPSSLCCONF=2,0,0");
    host.ask(&start(PORT), "\r\nERROR\r\n");
    let why = host.ask_until("AT+SSLWHY?", "\r\nOK\r\n");
    assert!(why.contains("its key is not RSA, P-256, P-384"), "{why}");
}

/// Mbed TLS writes a sign octet in front of an EC key whose top bit is set; OpenSSL and Mbed TLS read it.
#[test]
fn a_key_with_a_sign_octet_is_a_key() {
    let world = World::new();
    let ca = report("at-ca.crt.pem");
    let demands = [
        "-Verify",
        "2",
        "-verify_return_error",
        "-CAfile",
        ca.to_str().expect("UTF-8"),
    ];
    let server = TlsServer::reversing(&credentials("at-server"), &demands);
    let world = world.server(PORT, server.address).option("--clock", THEN);
    let modem = world.modem();
    let mut host = modem.switch_on();
    trusts(&mut host, &world);
    host.load(
        "client_cert",
        &pack("cert", &[copied(&world, "d28-ec-key-33.crt.pem")]),
    );
    host.load(
        "client_key",
        &pack("key", &[copied(&world, "d28-ec-key-33.key.pem")]),
    );
    host.ok("AT+CIPSSLCCONF=3,0,0");
    host.opens(PORT);
    host.closes();
}

/// In `mfg_nvs` the bare file belongs, not the image that partitions have.
#[test]
fn an_image_written_as_a_value_is_called_one() {
    let world = World::new().option("--layout", "mfg-nvs");
    let modem = world.modem();
    let mut host = modem.switch_on();
    host.ok("AT+SYSLOG=1");
    let image = pack("ca", &[copied(&world, "at-ca.crt.pem")]);
    let write = format!(
        "AT+SYSMFG=2,\"client_ca\",\"client_ca.0\",8,{}",
        image.len()
    );
    host.ask(&write, "\r\nOK\r\n\r\n>");
    host.send(&image);
    let said = host.until("\r\nOK\r\n");
    assert!(said.contains("\"image_in_value\""), "{said}");
}

#[test]
fn a_host_that_ends_lines_with_lf_cr_is_understood() {
    let world = World::new();
    let modem = world.modem();
    let mut host = modem.switch_on();
    for _ in 0..3 {
        host.send(b"AT\n\r");
        host.until("\r\nOK\r\n");
    }
}

#[test]
fn a_network_may_have_a_comma_in_its_name() {
    let world = World::new().option("--ap", "My_2\\,4GHz,password1");
    let modem = world.modem();
    let mut host = modem.switch_on();
    host.ok("AT+CWMODE=1");
    host.ask(
        "AT+CWJAP=\"My_2\\,4GHz\",\"password1\"",
        "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    );
}

/// Nothing of TLS is said of a link that had none.
#[test]
fn a_plain_tcp_link_leaves_no_reason_of_tls() {
    let world = World::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let world = world.server(PORT, listener.local_addr().expect("bound"));
    let modem = world.modem();
    let mut host = modem.switch_on();
    join(&mut host);
    let line = start(PORT).replace("SSL", "TCP");
    host.ask(&line, "CONNECT\r\n\r\nOK\r\n");
    let (peer, _) = listener.accept().expect("the modem");
    drop(peer);
    host.hears("CLOSED\r\n");
    host.ask("AT+SSLWHY?", "\r\nOK\r\n");
    // Nor by our own hand.
    host.ask(&line, "CONNECT\r\n\r\nOK\r\n");
    let _peer = listener.accept().expect("the modem");
    host.ask("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
    host.ask("AT+SSLWHY?", "\r\nOK\r\n");
}
