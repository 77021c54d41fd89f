//! `espat verify`: the vectors' chains, agreement with `openssl verify`, a real server, and refusals in words.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

#[path = "verify/against_openssl.rs"]
mod against_openssl;
mod support;
use serde_json::Value;
use support::{Said, Vectors, espat, text};

/// Leaf and intermediates in one file, as a server sends them.
fn chain_file(vectors: &Vectors, folder: &std::path::Path, files: &[&str]) -> String {
    let path = folder.join("chain.pem");
    let parts: Vec<Vec<u8>> = files.iter().map(|file| vectors.read(file)).collect();
    std::fs::write(&path, parts.concat()).expect("a chain");
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// The DNS name that the servers' certificates are for.
fn server_name(vectors: &Vectors) -> &str {
    let mut inputs = vectors.list("inputs").iter();
    let server = inputs.find(|it| it["file"] == "inputs/server_p256.crt.pem");
    let name = server.and_then(|it| it["objects"][0]["san"][0].as_str());
    let name = name.and_then(|it| it.strip_prefix("DNS:"));
    name.expect("a server's certificate with a DNS name")
}

fn verify(vectors: &Vectors, arguments: &[&str]) -> Said {
    espat(vectors, &[&["verify"], arguments].concat())
}

#[test]
fn chains_get_the_expected_verdict() {
    let vectors = Vectors::load();
    let folder = tempfile::tempdir().expect("a folder");
    for case in vectors.list("chains") {
        let mut files = vec![text(case, "leaf")];
        files.extend(case["intermediates"].as_str());
        let chain = chain_file(&vectors, folder.path(), &files);
        let mut arguments = vec!["--ca", text(case, "roots"), "--chain", &chain];
        arguments.extend(["--at", text(case, "at"), "--json"]);
        if let Some(name) = case["name"].as_str() {
            arguments.extend(["--name", name]);
        }
        let said = verify(&vectors, &arguments);
        let verdict = said.json();
        // A client's certificate is not a server's, and only servers are judged here.
        let expected = match (text(case, "purpose"), text(case, "expect")) {
            ("sslclient", "valid") => "wrong_purpose",
            (_, expected) => expected,
        };
        let found = match text(&verdict, "verdict") {
            "accepted" => "valid",
            _ => text(&verdict, "code"),
        };
        assert_eq!(found, expected, "{case}: {said:?}");
        assert_eq!(said.status, i32::from(expected != "valid"), "{case}");
        assert_eq!(said.err.is_empty(), expected == "valid", "{case}: {said:?}");
        if expected == "valid" {
            assert_eq!(verdict["path_complete"], true, "{case}");
        } else {
            // Mbed TLS has a number of its own for a good chain of another purpose.
            let number = match expected {
                "wrong_purpose" | "server_key_usage" => "-0x7A00",
                _ => "-0x2700",
            };
            assert_eq!(text(&verdict, "mbedtls"), number, "{case}");
        }
    }
}

/// `text` has each of these, in this order.
fn assert_in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest
            .find(part)
            .unwrap_or_else(|| panic!("no '{part}' in\n{text}"));
        rest = &rest[at..];
    }
}

#[test]
fn an_acceptance_shows_the_path_and_a_refusal_its_numbers() {
    let vectors = Vectors::load();
    let (chain, ca) = ("inputs/server_rsa.chain.pem", "inputs/ca_rsa.crt.pem");
    let at = ["--at", vectors.time()];

    let said = verify(
        &vectors,
        &[
            &["--ca", ca, "--chain", chain, "--name", "localhost"],
            &at[..],
        ]
        .concat(),
    );
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.is_empty(), "{said:?}");
    assert_in_order(
        &said.out,
        &[
            "accepted: ",
            "localhost",
            "server  ",
            "CN=server-",
            "intermediate  ",
            "CN=Intermediate RSA",
            "ca  ",
            "CN=Root RSA",
            "2044-01-01T00:00:00Z",
            "rsa-2048",
        ],
    );

    let said = verify(
        &vectors,
        &[
            &["--ca", "inputs/ca_p256.crt.pem", "--chain", chain],
            &at[..],
        ]
        .concat(),
    );
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.out.is_empty(), "{said:?}");
    assert_in_order(
        &said.err,
        &[
            "refused: no chain to the loaded CA",
            "certificate",
            "-0x2700",
            "0x0008",
            "1: CN=Intermediate RSA",
            "CN=Root RSA",
        ],
    );
}

#[test]
fn the_rest_of_a_chain_may_stand_in_any_order_among_strangers() {
    let vectors = Vectors::load();
    let folder = tempfile::tempdir().expect("a folder");
    let (leaf, between, stranger) = (
        "inputs/server_rsa.crt.pem",
        "inputs/int_rsa.crt.pem",
        "inputs/server_p256.crt.pem",
    );
    for (files, accepted) in [
        (vec![leaf, between, stranger], true),
        (vec![leaf, stranger, between], true),
        (vec![leaf, stranger], false),
        // The first one is the server's own, whatever follows.
        (vec![between, leaf], false),
    ] {
        let chain = chain_file(&vectors, folder.path(), &files);
        let arguments = ["--ca", "inputs/ca_rsa.crt.pem", "--chain", &chain, "--json"];
        let said = verify(
            &vectors,
            &[&arguments[..], &["--at", vectors.time()]].concat(),
        );
        assert_eq!(said.status, i32::from(!accepted), "{files:?}: {said:?}");
        if accepted {
            let verdict = said.json();
            let parts: Vec<&str> = verdict["path"]
                .as_array()
                .expect("a path")
                .iter()
                .map(|it| text(it, "part"))
                .collect();
            assert_eq!(parts, ["server", "intermediate", "ca"], "{files:?}");
        }
    }
}

#[test]
fn a_ca_comes_from_an_image_as_a_modem_picks_it() {
    let vectors = Vectors::load();
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("no.bin");
    let missing = missing.to_str().expect("UTF-8");
    for (image, status, code) in [
        ("bins/two_ca_rsa_p256.bin:1", 0, ""),
        ("bins/two_ca_rsa_p256.bin", 1, "issuer_unknown"),
        ("bins/two_ca_rsa_p256.bin:0", 1, "issuer_unknown"),
        ("bins/two_ca_rsa_p256.bin:2", 1, "ca_missing"),
        ("bins/two_ca_rsa_p256.bin:255", 1, "ca_missing"),
        ("bins/ca_concat_two.bin", 0, ""),
        ("bins/accepts_junk.bin", 1, "not_pem_or_der"),
        ("malformed/partition_dump.bin", 0, ""),
        ("malformed/all_ff_4096.bin", 1, "ca_erased"),
        ("malformed/cut_one_byte.bin", 1, "truncated"),
        ("bins/two_ca_rsa_p256.bin:256", 2, ""),
        (missing, 1, ""),
    ] {
        let arguments = [
            "--bin",
            image,
            "--chain",
            "inputs/server_p256.crt.der",
            "--json",
        ];
        let said = verify(
            &vectors,
            &[&arguments[..], &["--at", vectors.time()]].concat(),
        );
        assert_eq!(said.status, status, "{image}: {said:?}");
        if !code.is_empty() {
            assert_eq!(text(&said.json(), "code"), code, "{image}");
            assert_eq!(
                text(&said.json(), "stage"),
                if code == "issuer_unknown" {
                    "certificate"
                } else {
                    "setup"
                }
            );
        }
        assert_eq!(said.err.is_empty(), status == 0, "{image}: {said:?}");
    }
}

/// As on a modem, which follows ESP-AT there: `tests/e2e/one_judge.rs` has it connect.
#[test]
fn the_common_name_counts_where_there_is_no_alternative_name() {
    let vectors = Vectors::load();
    let name = server_name(&vectors);
    for (leaf, name, status) in [
        ("inputs/server_cn.crt.pem", name, 0),
        ("inputs/server_cn.crt.pem", "other.example.test", 1),
    ] {
        let base = ["--ca", "inputs/ca_rsa.crt.pem", "--chain", leaf];
        let more = ["--at", vectors.time(), "--name", name];
        let said = verify(&vectors, &[base, more].concat());
        assert_eq!(said.status, status, "{leaf} {name}: {said:?}");
        // An older script may still give the switch.
        let legacy = [&base[..], &more, &["--legacy-cn"]].concat();
        assert_eq!(verify(&vectors, &legacy).status, status, "{leaf} {name}");
    }
}

#[test]
fn what_the_other_firmware_makes_of_it_is_said() {
    let vectors = Vectors::load();
    let (ca, leaf) = ("inputs/ca_ed25519.crt.pem", "inputs/server_ed25519.crt.pem");
    let line = [
        "--ca",
        ca,
        "--chain",
        leaf,
        "--at",
        vectors.time(),
        "--json",
    ];
    let here = verify(&vectors, &line);
    let verdict = here.json();
    assert_eq!((here.status, text(&verdict, "device")), (0, "espat"));
    let note = &verdict["findings"][0];
    assert_eq!(
        (text(note, "level"), text(note, "device")),
        ("note", "esp-at"),
        "{verdict:#}"
    );
    let there = verify(&vectors, &[&line[..], &["--device", "esp-at"]].concat());
    let verdict = there.json();
    assert_eq!((there.status, text(&verdict, "result")), (1, "refused"));
    assert_eq!(text(&verdict, "code"), "key_algorithm", "{verdict:#}");
    assert!(
        text(&verdict, "message").contains("Mbed TLS"),
        "{verdict:#}"
    );
}

#[test]
fn strict_judges_the_form_of_the_certificates_too() {
    let vectors = Vectors::load();
    let folder = tempfile::tempdir().expect("a folder");
    let zero = serial_zero(folder.path());
    let [good, cn] = ["inputs/server_rsa.chain.pem", "inputs/server_cn.crt.pem"];
    let rsa = "inputs/ca_rsa.crt.pem";
    let chains = [
        (rsa, good, "localhost", None, None),
        // The CN counts by default, and is another; under strict it does not count.
        (rsa, cn, "localhost", Some("name_mismatch"), Some("no_name")),
        (
            &zero[0],
            &zero[1],
            "example.com",
            None,
            Some("serial_not_positive"),
        ),
    ];
    for (ca, chain, name, default, strict) in chains {
        for (switch, code) in [(&[][..], default), (&["--strict"], strict)] {
            let asked = ["--ca", ca, "--chain", chain, "--name", name, "--json"];
            let at = ["--at", vectors.time()];
            let said = verify(&vectors, &[&asked[..], &at, switch].concat());
            assert_eq!(said.status, i32::from(code.is_some()), "{said:?}");
            assert_eq!(text(&said.json(), "code"), code.unwrap_or("accepted"));
            if switch.len() == 1 && code.is_none() {
                let checked = "chain,dates,name=localhost,rfc5280,extended-master-secret";
                assert_eq!(text(&said.json(), "checked"), checked);
            }
        }
    }
}

/// A root, and a server's certificate for `example.com` with serial number 0.
fn serial_zero(folder: &std::path::Path) -> [String; 2] {
    let suite = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tls-session/tests/limbo/limbo.json"
    );
    let suite = std::fs::read(suite).expect("the suite");
    let suite: Value = serde_json::from_slice(&suite).expect("JSON");
    let mut cases = suite["testcases"].as_array().expect("cases").iter();
    let case = cases.find(|case| case["id"] == "rfc5280::serial::zero");
    let case = case.expect("the case");
    let parts = [&case["trusted_certs"][0], &case["peer_certificate"]];
    let mut names = ["ca.pem", "leaf.pem"].into_iter();
    parts.map(|pem| {
        let path = folder.join(names.next().expect("two"));
        std::fs::write(&path, pem.as_str().expect("PEM")).expect("room");
        path.to_str().expect("UTF-8").to_owned()
    })
}

#[test]
fn a_chain_with_a_hole_is_refused() {
    let vectors = Vectors::load();
    let folder = tempfile::tempdir().expect("a folder");
    for (files, code) in [
        (
            vec![
                "inputs/ca_p256.crt.badb64.pem",
                "inputs/server_p256.crt.pem",
            ],
            "malformed",
        ),
        (
            vec![
                "inputs/server_p256.crt.pem",
                "inputs/ca_p256.crt.badb64.pem",
            ],
            "malformed",
        ),
        (vec!["inputs/ca_p256.crt.short.der"], "malformed"),
        (vec!["inputs/empty.bin"], "no_certificate"),
        (vec!["inputs/junk.txt"], "no_certificate"),
        (vec!["inputs/server_p256.key.pem"], "no_certificate"),
        (vec!["inputs/server_p256.crt.pem"; 17], "too_large"),
        (vec!["inputs/server_p256.crt.pem"; 65], "no_certificate"),
    ] {
        let chain = chain_file(&vectors, folder.path(), &files);
        let arguments = [
            "--ca",
            "inputs/ca_p256.crt.pem",
            "--chain",
            &chain,
            "--json",
        ];
        let said = verify(
            &vectors,
            &[&arguments[..], &["--at", vectors.time()]].concat(),
        );
        assert_eq!(said.status, 1, "{files:?}: {said:?}");
        assert_eq!(text(&said.json(), "code"), code, "{files:?}");
    }
}

#[test]
fn command_lines_without_sense_end_with_status_2() {
    let vectors = Vectors::load();
    let (ca, chain) = ("inputs/ca_rsa.crt.pem", "inputs/server_rsa.chain.pem");
    let strict = ["--ca", ca, "--chain", chain, "--strict"];
    let legacy = [&strict[..], &["--name", "localhost", "--legacy-cn"]].concat();
    let lines: [&[&str]; 11] = [
        &[],
        &["--ca", ca],
        &["--chain", chain],
        &["--ca", ca, "--bin", "bins/ca_rsa_pem.bin", "--chain", chain],
        &["--ca", ca, "--chain", chain, "--connect", "localhost:1"],
        &["--ca", ca, "--connect", "localhost"],
        &["--ca", ca, "--chain", chain, "--name", "a b"],
        &["--ca", ca, "--chain", chain, "--at", "yesterday"],
        &["--ca", ca, "--chain", chain, "--at", "2026-02-30T00:00:00Z"],
        &strict,
        &legacy,
    ];
    for line in lines {
        let said = verify(&vectors, line);
        assert_eq!(said.status, 2, "{line:?}: {said:?}");
        assert!(said.out.is_empty() && !said.err.is_empty(), "{line:?}");
    }
}

mod against_a_server {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::sync::Arc;

    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::version::{TLS12, TLS13};

    /// Takes one connection on loopback and hands it to `serve`.
    fn once(serve: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || serve(listener.accept().expect("a client").0));
        address
    }

    /// A TLS server with the vectors' P-256 identity.
    fn server(
        vectors: &Vectors,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> SocketAddr {
        let chain = vec![CertificateDer::from(
            vectors.read("inputs/server_p256.crt.der"),
        )];
        let key = PrivateKeyDer::try_from(vectors.read("inputs/server_p256.key.pkcs8.der"))
            .expect("a key");
        let config = rustls::ServerConfig::builder_with_protocol_versions(versions)
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("they belong together");
        once(move |mut stream| {
            let mut tls = rustls::ServerConnection::new(Arc::new(config)).expect("a server");
            // Until the client has gone, or has received the alert.
            while tls
                .complete_io(&mut stream)
                .is_ok_and(|(read, written)| read + written > 0)
            {}
        })
    }

    fn connect(vectors: &Vectors, ca: &str, address: SocketAddr, more: &[&str]) -> (i32, Value) {
        let address = address.to_string();
        let base = [
            "--ca",
            ca,
            "--connect",
            &address,
            "--json",
            "--at",
            vectors.time(),
        ];
        let said = verify(vectors, &[&base[..], more].concat());
        assert_eq!(said.err.is_empty(), said.status == 0, "{said:?}");
        (said.status, said.json())
    }

    #[test]
    fn a_handshake_is_judged_by_the_same_policy() {
        let vectors = Vectors::load();
        for (ca, more, code) in [
            ("inputs/ca_p256.crt.pem", &[][..], "accepted"),
            (
                "inputs/ca_p256.crt.pem",
                &["--name", "127.0.0.1"],
                "accepted",
            ),
            ("inputs/server_p256.crt.pem", &[], "accepted"),
            (
                "inputs/ca_p256.crt.pem",
                &["--name", "127.0.0.2"],
                "name_mismatch",
            ),
            ("inputs/ca_rsa.crt.pem", &[], "issuer_unknown"),
        ] {
            for (version, said) in [(&TLS12, "TLS 1.2"), (&TLS13, "TLS 1.3")] {
                let address = server(&vectors, &[version]);
                let (status, verdict) = connect(&vectors, ca, address, more);
                if code == "accepted" {
                    assert_eq!(verdict["session"]["version"], said, "{verdict}");
                    assert_eq!(
                        (status, text(&verdict, "verdict")),
                        (0, "accepted"),
                        "{verdict}"
                    );
                } else {
                    assert_eq!((status, text(&verdict, "code")), (1, code), "{verdict}");
                    assert_eq!(text(&verdict, "stage"), "certificate", "{verdict}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_such_server_is_distinguished() {
        let vectors = Vectors::load();
        let ca = "inputs/ca_p256.crt.pem";

        let closing = once(drop);
        let (status, verdict) = connect(&vectors, ca, closing, &[]);
        assert_eq!(status, 1);
        assert!(
            ["peer_eof", "reset"].contains(&text(&verdict, "code")),
            "{verdict}"
        );

        let talking = once(|mut stream| {
            let mut hello = [0; 64];
            let _ = stream.read(&mut hello);
            stream
                .write_all(b"220 mail.example.test ready\r\n")
                .expect("room");
            // Until the client has gone.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let (status, verdict) = connect(&vectors, ca, talking, &[]);
        assert_eq!(
            (status, text(&verdict, "code")),
            (1, "protocol"),
            "{verdict}"
        );
        assert_eq!(text(&verdict, "stage"), "hello", "{verdict}");

        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let nobody = listener.local_addr().expect("an address");
        drop(listener);
        let (status, verdict) = connect(&vectors, ca, nobody, &[]);
        assert_eq!(
            (status, text(&verdict, "code")),
            (1, "connection_refused"),
            "{verdict}"
        );
        assert_eq!(text(&verdict, "stage"), "tcp", "{verdict}");
    }
}
