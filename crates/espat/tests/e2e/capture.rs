//! `--capture`, read by tshark: every packet is whole, its checksums are right, and the secrets in the file show what a
//! TLS session hides.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::pki::{KeyKind, VALID};
use crate::support::process::{command, output, program};
use crate::support::servers::TlsServer;
use crate::support::utf8;
use crate::support::world::World;

/// A row for each packet that the filter lets through.
fn tshark(file: &Path, filter: &str, fields: &[&str]) -> Vec<String> {
    let mut tshark = program("tshark");
    tshark
        .args(["-r", utf8(file), "-Y", filter, "-T", "fields"])
        .args(["-o", "tcp.check_checksum:TRUE"])
        .args(["-o", "ip.check_checksum:TRUE"])
        // As root it says so on stderr, and reads all the same.
        .env("HOME", file.parent().expect("a folder"));
    for field in fields {
        tshark.args(["-e", field]);
    }
    let said = output(&mut tshark);
    assert!(said.status.success(), "{said:?}");
    let text = String::from_utf8(said.stdout).expect("fields are text");
    text.lines().map(str::to_owned).collect()
}

/// A run of `espat` that must succeed.
fn espat(arguments: &[&str]) {
    let said = output(command(env!("CARGO_BIN_EXE_espat")).args(arguments));
    assert!(said.status.success(), "{said:?}");
}

#[test]
fn tshark_decrypts_every_session_of_a_diagnosis() {
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let ca = utf8(&world.ca.own.certificate);
    for (version, sessions) in [("-tls1_3", 2), ("-tls1_2", 2)] {
        let server = TlsServer::start(&own, &["-rev", version], None);
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("doctor.pcapng");
        let address = server.address.to_string();
        espat(&["doctor", &address, "--ca", ca, "--capture", utf8(&file)]);

        let mode = fs::metadata(&file).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let whole = tshark(&file, "tcp", &["tcp.stream"]);
        assert!(whole.len() > 20, "{whole:?}");
        for fault in [
            "_ws.malformed",
            "tcp.checksum.status == 0",
            "ip.checksum.status == 0",
        ] {
            assert_eq!(tshark(&file, fault, &["frame.number"]), [""; 0], "{fault}");
        }
        for fault in [
            "tcp.analysis.lost_segment",
            "tcp.analysis.retransmission",
            "tcp.analysis.out_of_order",
            "tcp.analysis.ack_lost_segment",
        ] {
            assert_eq!(tshark(&file, fault, &["frame.number"]), [""; 0], "{fault}");
        }
        // In TLS 1.3 certificates are encrypted; Finished is in either version.
        let port = server.address.port();
        let from_server = format!("tcp.srcport == {port} && tls.handshake.type");
        for kind in [11, 20] {
            let filter = format!("{from_server} == {kind}");
            let seen = tshark(&file, &filter, &["tcp.stream"]);
            assert_eq!(seen.len(), sessions, "{version} {kind}: {seen:?}");
        }
        let names = tshark(&file, "tls.handshake.type == 11", &["x509sat.uTF8String"]);
        assert!(names.iter().all(|it| it.contains("server")), "{names:?}");
    }
}

#[test]
fn a_capture_replaces_no_file_and_follows_no_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, link) = (folder.path().join("there"), folder.path().join("link"));
    fs::write(&file, "precious").expect("room");
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).expect("a link");
    for taken in [&file, &link] {
        let arguments = [
            "doctor",
            "127.0.0.1:9",
            "--ca",
            "x.pem",
            "--capture",
            utf8(taken),
        ];
        let said = output(command(env!("CARGO_BIN_EXE_espat")).args(arguments));
        assert_eq!(said.status.code(), Some(1), "{said:?}");
        let why = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(why.contains("cannot capture to"), "{why}");
    }
    assert_eq!(fs::read(&file).expect("a file"), b"precious");
    assert!(!folder.path().join("nowhere").exists());
}

#[test]
fn verify_captures_its_one_session() {
    let world = World::new();
    let own = world.ca.leaf("server", KeyKind::P256, VALID);
    let ca = utf8(&world.ca.own.certificate);
    let server = TlsServer::start(&own, &["-rev"], None);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("verify.pcapng");
    let address = server.address.to_string();
    espat(&[
        "verify",
        "--ca",
        ca,
        "--connect",
        &address,
        "--capture",
        utf8(&file),
    ]);
    let streams = tshark(&file, "tls.handshake.type == 11", &["tcp.stream"]);
    assert_eq!(streams, ["0"]);
}
