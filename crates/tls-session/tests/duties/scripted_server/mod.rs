//! The scripted server against `openssl s_client`: correct by default, and wrong in
//! the way that its script says, as judged by a client that is not ours.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tls_doubles::keys::{KeyKind, verify_handshake};
use tls_doubles::message::{
    CERTIFICATE, FINISHED, Message, NEW_SESSION_TICKET, SECP256R1, SERVER_HELLO, TLS_1_3, ticket,
};
use tls_doubles::pki::{Family, Issued, Spec, spki_of};
use tls_doubles::record::HANDSHAKE;
use tls_doubles::script::{Packing, Script, Step, Wrap};
use tls_doubles::seen::Seen;
use tls_doubles::server::Server;

mod refusals;

/// Long enough for a loaded machine; reached only when a test fails.
const TIMEOUT: Duration = Duration::from_secs(20);

struct Client {
    child: Child,
    stream: TcpStream,
}

/// Starts `openssl s_client` as the client of the duties: TLS 1.3, P-256, AES-128-GCM.
fn s_client(root: &Issued, more: &[&str]) -> Client {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, root.pem()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let child = Command::new("openssl")
        .args(["s_client", "-connect", &address, "-tls1_3", "-brief"])
        .args([
            "-groups",
            "P-256",
            "-ciphersuites",
            "TLS_AES_128_GCM_SHA256",
        ])
        .args(["-verify_return_error", "-verify_hostname", "broker.local"])
        .args(["-servername", "broker.local", "-CAfile"])
        .arg(&ca)
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("these tests need the program `openssl` in PATH (Debian: apt-get install openssl)");
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    // The client has read its files before it connects.
    Client { child, stream }
}

impl Client {
    /// Carries bytes both ways until `done` says so or the client closes.
    fn bridge(&mut self, server: &mut Server, done: impl Fn(&Seen) -> bool) {
        let mut buffer = [0; 4096];
        loop {
            // A client that has closed already is no fault: it shows in what it said before.
            let _ = self.stream.write_all(&server.take_output());
            if server.closed() || done(server.seen()) {
                return;
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return,
                Ok(len) => server.receive(&buffer[..len]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
                Err(error) => {
                    self.child.kill().unwrap();
                    panic!(
                        "openssl s_client says nothing more ({error}): {:?}",
                        server.seen()
                    );
                }
            }
        }
    }

    fn type_in(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        input.write_all(line.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// Ends the client's input; its standard output and error.
    fn end(self) -> (String, String) {
        let Self { child, stream } = self;
        drop(stream);
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    }
}

/// A handshake, data both ways, and a close by the client.
fn converse(root: &Issued, script: Script, more: &[&str]) -> Server {
    let mut client = s_client(root, more);
    let mut server = Server::new(script);
    client.bridge(&mut server, |seen| seen.finished || !seen.alerts.is_empty());
    assert_eq!(server.seen().refusals(), Vec::<u8>::new());
    client.type_in("from the client\n");
    client.bridge(&mut server, |seen| seen.app.ends_with(b"\n"));
    server.send_app(b"from the server\n");
    // In TLS 1.3 the client sees the answer before it sees its own end of input.
    let _ = client.stream.write_all(&server.take_output());
    let mut first = [0; 16];
    client
        .child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    drop(client.child.stdin.take());
    client.bridge(&mut server, Seen::close_notify);
    let (_, errors) = client.end();
    assert_eq!(&first, b"from the server\n", "{errors}");
    assert!(errors.contains("Verification: OK"), "{errors}");
    let seen = server.seen();
    assert_eq!(seen.app, b"from the client\n");
    assert_eq!(seen.violations, []);
    assert!(seen.finished && seen.close_notify());
    server
}

#[test]
fn openssl_converses_with_every_kind_of_key() {
    for kind in [
        KeyKind::P256,
        KeyKind::P384,
        KeyKind::Ed25519,
        KeyKind::Rsa(2048),
        KeyKind::Rsa(3072),
        KeyKind::Rsa(4096),
    ] {
        let family = Family::new(kind);
        converse(&family.root, Script::good(&family.site()), &[]);
    }
}

#[test]
fn openssl_takes_every_legal_packing() {
    let family = Family::new(KeyKind::P256);
    let plain = Wrap::default();
    let mut wraps = Vec::new();
    for packing in [
        Packing::Each,
        Packing::Coalesced,
        Packing::Pieces(50),
        Packing::Pieces(1),
    ] {
        for padding in [0, 1, 200] {
            for ccs_before_each in [false, true] {
                wraps.push(Wrap {
                    packing,
                    padding,
                    ccs_before_each,
                    ..plain
                });
            }
        }
    }
    for wrap in wraps {
        // OpenSSL allows 32 records of change_cipher_spec.
        if wrap.ccs_before_each && wrap.packing == Packing::Pieces(1) {
            continue;
        }
        // It does not take a change_cipher_spec inside ServerHello or before it.
        let script = Script::good(&family.site()).wrap(wrap).wrap_one(
            SERVER_HELLO,
            Wrap {
                ccs_before_each: false,
                ..wrap
            },
        );
        converse(&family.root, script, &[]);
    }
}

#[test]
fn openssl_takes_what_comes_after_the_handshake() {
    let family = Family::new(KeyKind::P256);
    let mut client = s_client(&family.root, &[]);
    let mut server = Server::new(Script::good(&family.site()).then(Step::AwaitFinished).then(
        Step::SendIn(
            Message::Raw(NEW_SESSION_TICKET, ticket(9)[4..].to_vec()),
            Wrap::default(),
        ),
    ));
    client.bridge(&mut server, |seen| seen.finished);
    server.send_tickets(3);
    server.send_key_update(true);
    server.send_app(b"one");
    server.send_key_update(false);
    server.send_app(&[b'x'; 40_000]);
    client.bridge(&mut server, |seen| seen.key_updates == 1);
    let mut text = vec![0; 40_003];
    client
        .child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut text)
        .unwrap();
    assert!(text.starts_with(b"onexx"));
    server.send_close_notify();
    client.bridge(&mut server, Seen::close_notify);
    client.end();
    assert_eq!(server.seen().violations, []);
}

#[test]
fn the_server_reads_what_openssl_offers() {
    let family = Family::new(KeyKind::P256);
    let script = Script::good(&family.site()).selects_alpn(b"mqtt");
    let server = converse(&family.root, script, &["-alpn", "h2,mqtt"]);
    let hello = server.seen().hello.clone().unwrap();
    assert_eq!(hello.server_name().as_deref(), Some("broker.local"));
    assert_eq!(hello.alpn(), [b"h2".to_vec(), b"mqtt".to_vec()]);
    assert_eq!(hello.groups(), [SECP256R1]);
    assert_eq!(hello.versions(), [TLS_1_3]);
    assert!(hello.suites.contains(&0x1301));
    assert!(hello.signature_schemes().contains(&0x0403));
    assert_eq!(server.seen().change_cipher_specs, 1);
    assert_eq!(server.seen().records[0].0, HANDSHAKE);
}

#[test]
fn a_client_certificate_of_every_kind_is_read_and_its_proof_checked() {
    for (kind, scheme) in [
        (KeyKind::P256, 0x0403),
        (KeyKind::P384, 0x0503),
        (KeyKind::Ed25519, 0x0807),
        (KeyKind::Rsa(2048), 0x0804),
    ] {
        let family = Family::with(kind, Spec::client("device 7"));
        let servers = Family::new(KeyKind::P256);
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let certificate = path("cert.pem", family.leaf.pem());
        let key = path("key.pem", family.leaf.key_pem());
        let script = Script::good(&servers.site()).asks_certificate();
        let server = converse(
            &servers.root,
            script,
            &["-cert", &certificate, "-key", &key],
        );
        let shown = server.seen().certificate.clone().unwrap();
        assert_eq!(shown, [family.leaf.der]);
        let proof = server.seen().proof.clone().unwrap();
        let spki = spki_of(&shown[0]);
        assert_eq!(proof.scheme, scheme);
        assert!(verify_handshake(
            &spki,
            proof.scheme,
            &proof.signed,
            &proof.signature
        ));
        assert!(!verify_handshake(
            &spki,
            proof.scheme,
            b"other",
            &proof.signature
        ));
    }
    // Without one the client shows an empty list.
    let servers = Family::new(KeyKind::P256);
    let script = Script::good(&servers.site()).asks_certificate();
    let server = converse(&servers.root, script, &[]);
    assert_eq!(server.seen().certificate, Some(Vec::new()));
    assert_eq!(server.seen().proof, None);
}

#[test]
fn alerts_and_closes_reach_openssl() {
    let family = Family::new(KeyKind::P256);
    let good = || Script::good(&family.site());
    let cases = [
        (
            "plaintext",
            good().until(SERVER_HELLO, Step::plain_alert(2, 40)),
            "handshake failure",
        ),
        (
            "encrypted",
            good().until(
                FINISHED,
                Step::Alert {
                    level: 2,
                    description: 116,
                },
            ),
            "certificate required",
        ),
        (
            "before keys",
            good().until(
                SERVER_HELLO,
                Step::Alert {
                    level: 2,
                    description: 70,
                },
            ),
            "protocol version",
        ),
        (
            "close",
            good().until(CERTIFICATE, Step::Close),
            "unexpected eof",
        ),
        (
            "inside a record",
            good()
                .until(SERVER_HELLO, Step::cut_record(HANDSHAKE, 90, &[2, 0]))
                .then(Step::Close),
            "unexpected eof",
        ),
    ];
    for (name, script, words) in cases {
        let mut client = s_client(&family.root, &[]);
        let mut server = Server::new(script.then(Step::Close));
        client.bridge(&mut server, |_| false);
        let (_, errors) = client.end();
        assert!(errors.contains(words), "{name}: {errors}");
        assert!(!server.seen().finished, "{name}");
    }
}
