//! What would be checked, what a server shows, what the flash holds: `AT+SSLPOLICY`, `AT+SSLPROBE`,
//! `AT+PKI` (ours), before a real server.

use crate::support::modem::Host;
use crate::support::pki::{EXPIRED, KeyKind, VALID, pack_ca};
use crate::support::process::program;
use crate::support::servers::TlsServer;
use crate::support::utf8;
use crate::support::world::{PORT, World};

/// SHA-256 of a certificate, as openssl says it.
fn fingerprint(certificate: &std::path::Path) -> String {
    let printed = program("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(certificate)
        .output()
        .expect("openssl");
    let text = String::from_utf8(printed.stdout).expect("text");
    let (_, digits) = text.split_once('=').expect("a fingerprint");
    digits.trim().replace(':', "").to_ascii_lowercase()
}

fn probe(host: &mut Host) -> Vec<String> {
    probe_of(host, "192.168.3.129")
}

fn probe_of(host: &mut Host, server: &str) -> Vec<String> {
    let line = format!("AT+SSLPROBE=\"{server}\",{PORT}");
    let said = host.ask_until(&line, "\r\nOK\r\n");
    said.lines().map(ToOwned::to_owned).collect()
}

#[test]
fn a_probe_shows_what_the_server_shows_and_the_verdict() {
    let world = World::new();
    let issuing = world.ca.intermediate("issuing ca", KeyKind::P384);
    let own = issuing.leaf("server", KeyKind::P256, VALID);
    let (leaf, middle) = (
        fingerprint(&own.certificate),
        fingerprint(&issuing.own.certificate),
    );
    let chain = utf8(&issuing.own.certificate).to_owned();
    let server = TlsServer::reversing(&own, &["-cert_chain", &chain]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();

    let lines = probe(&mut host);
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(
        lines[0].starts_with("+SSLPROBE:0,\"CN=server\",\"CN=issuing ca\",\"20"),
        "{}",
        lines[0]
    );
    assert!(
        lines[0].ends_with(&format!(",\"{leaf}\",\"p-256\"")),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].starts_with("+SSLPROBE:1,\"CN=issuing ca\",\""),
        "{}",
        lines[1]
    );
    assert!(
        lines[1].ends_with(&format!(",\"{middle}\",\"p-384\"")),
        "{}",
        lines[1]
    );
    assert_eq!(lines[2], "+SSLPROBE:\"accepted\",\"chain,dates,name=none\"");
    // No link came of it, and one can be opened afterwards.
    host.ask("AT+CIPSTATE?", "\r\nOK\r\n");
    host.opens(PORT);
    host.closes();

    // The same server under another policy: shown all the same, and refused.
    host.ok("AT+CIPSSLCCN=\"elsewhere\"");
    let lines = probe(&mut host);
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(
        lines[2].starts_with(
            "+SSLPROBE:\"refused\",\"certificate\",-0x2700,0x00000004,0,\"CN=server\""
        ),
        "{}",
        lines[2]
    );
}

#[test]
fn an_expired_server_is_shown_and_refused() {
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, EXPIRED);
    let server = TlsServer::reversing(&own, &[]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    let lines = probe(&mut host);
    let last = lines.last().expect("a verdict");
    assert!(
        last.starts_with("+SSLPROBE:\"refused\",\"certificate\",-0x2700,0x00000001,0,"),
        "{last}"
    );
    assert!(last.contains("expired on"), "{last}");
}

/// The certificate is for the address and for no other name: fine until the name is a must.
#[test]
fn the_strict_policy_wants_the_name_that_was_asked_for() {
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let server = TlsServer::reversing(&own, &[]);
    let other = format!("broker.example:{PORT}");
    let world = world
        .server(PORT, server.address)
        .map(&other, server.address);
    let (_world, _modem, mut host) = world.ready();
    let verdict = |lines: Vec<String>| lines.last().cloned().expect("a verdict");
    let accepted = "+SSLPROBE:\"accepted\",\"chain,dates,name=none\"";
    assert_eq!(verdict(probe_of(&mut host, "broker.example")), accepted);

    host.ok("AT+SSLPOLICY=1");
    let said = host.ask_until("AT+SSLPOLICY?", "\r\nOK\r\n");
    assert!(
        said.starts_with("+SSLPOLICY:0,\"chain\",\"dates\",\"name=host\",1\r\n"),
        "{said}"
    );
    let last = verdict(probe_of(&mut host, "broker.example"));
    assert!(
        last.starts_with("+SSLPROBE:\"refused\",\"certificate\",-0x2700,0x00000004"),
        "{last}"
    );
    let accepted =
        "+SSLPROBE:\"accepted\",\"chain,dates,name=192.168.3.129,rfc5280,extended-master-secret\"";
    assert_eq!(verdict(probe(&mut host)), accepted);
    host.opens(PORT);
    host.closes();
    host.ok("AT+CIPSSLCCONF=0");
    let setup = r#""setup",-0x7100,0x00000000,0,"","","the strict policy wants a checked server, which these settings do not","strict_policy""#;
    host.is_refused(PORT, setup);
    host.ok("AT+SSLPOLICY=0");
    host.opens(PORT);
    host.closes();
}

#[test]
fn the_strict_policy_wants_certificates_that_follow_the_standards() {
    let world = World::new();
    let server = TlsServer::reversing(&world.ca.purposeless("server"), &[]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.opens(PORT);
    host.closes();
    host.ok("AT+SSLPOLICY=1");
    let refusal = r#""certificate",-0x7a00,0x00001000,0,"CN=server","","server's certificate has no extendedKeyUsage","no_purpose""#;
    host.is_refused(PORT, refusal);
    host.ok("AT+SSLPOLICY=0");
    host.opens(PORT);
    host.closes();
}

#[test]
fn the_flash_is_described_as_openssl_describes_it() {
    let world = World::new();
    let (_world, _modem, mut host) = world.ready();
    let ca = &_world.ca.own.certificate;
    let said = host.ask_until("AT+PKI?", "\r\nOK\r\n");
    let line = format!(",\"{}\"", fingerprint(ca));
    let first = said
        .lines()
        .find(|line| line.starts_with("+PKI:\"client_ca\",0,\"ca\",\""))
        .expect("the CA");
    assert!(first.ends_with(&line), "{said}");
    assert!(
        said.contains("+PKI:\"client_key\",\"erased\",0,\""),
        "{said}"
    );

    // With SYSLOG=1 a written image is explained at once.
    host.ok("AT+SYSLOG=1");
    let image = pack_ca(ca);
    host.ok("AT+SYSFLASH=0,\"client_ca\"");
    host.ask(
        &format!("AT+SYSFLASH=1,\"client_ca\",0,{}", image.len()),
        "\r\n>",
    );
    host.send(&image);
    let said = host.until("\r\nOK\r\n");
    assert!(said.starts_with("+PKI:\"client_ca\",0,\"ca\",\""), "{said}");
    assert!(said.contains(&line), "{said}");
}
