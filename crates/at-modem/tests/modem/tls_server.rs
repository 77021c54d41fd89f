//! The server with TLS: what it needs, when its clients become links, and what is reported of those that do not
//! (duties D.1, D.3, D.4).

use embassy_time::Duration;
use embedded_io_async::ErrorKind;
use rustls::AlertDescription;

use crate::support::tls_client::{Client, Shows, VERSIONS};
use crate::support::{Bench, text};

use super::mfg::{fresh, input, write};

pub(crate) const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";
pub(crate) const PORT: u16 = 8883;

macro_rules! bin {
    ($name:literal) => {
        include_bytes!(concat!("../../../cert-bin/tests/data/pki/bins/", $name)).as_slice()
    };
}

/// Certificate, key and CA of a server, as images of an independent writer.
const IMAGES: [(&str, &[u8]); 3] = [
    ("server_cert", bin!("cert_p256.bin")),
    ("server_key", bin!("key_p256_pkcs8_der.bin")),
    ("server_ca", bin!("ca_p256_pem.bin")),
];

/// A modem with credentials of a server, several links, and the time.
pub(crate) fn equipped() -> Bench {
    let mut bench = Bench::multiplexed();
    equip(&mut bench);
    bench
}

/// Gives a modem what [`equipped`] has.
pub(crate) fn equip(bench: &mut Bench) {
    for (partition, image) in IMAGES {
        bench.flash.preset(partition, image);
    }
    bench.expect("AT+CIPSNTPCFG=0", OK);
    bench.expect("AT+SYSTIMESTAMP=1800000000", OK);
}

/// As [`equipped`], and it serves; with `ca_enable` 1 clients must show a certificate.
pub(crate) fn serving(ca_enable: u8) -> Bench {
    let mut bench = equipped();
    bench.expect(format!("AT+CIPSERVER=1,{PORT},\"SSL\",{ca_enable}"), OK);
    bench
}

/// What the host would see of a client that is a link.
fn sees_nobody(bench: &mut Bench) {
    bench.expect("AT+CIPSTATE?", OK);
    bench.expect("AT+CIPSTATUS", "STATUS:2\r\n\r\nOK\r\n");
    bench.expect("AT+CIPRECVLEN?", "+CIPRECVLEN:-1,-1,-1,-1,-1\r\n\r\nOK\r\n");
    bench.expect("AT+SSLPEER?", OK);
}

/// Whatever byte of the handshake came last, no link is there before the client's Finished was verified.
#[test]
fn duty_134_connect_comes_after_the_handshake_and_not_before() {
    for version in VERSIONS {
        for ca_enable in [0, 1] {
            let mut bench = serving(ca_enable);
            let mut client = Client::knock(&bench, (PORT, "192.168.4.2:1"), version, Shows::Right);
            let mut flights = Vec::new();
            let heard = loop {
                let mut flight = client.speaks();
                let Some(last) = flight.pop() else {
                    panic!("{version:?}: no link, and nothing to say");
                };
                for byte in flight {
                    client.peer.sends(&[byte]);
                    bench.hear("");
                }
                sees_nobody(&mut bench);
                client.peer.sends(&[last]);
                bench.settle();
                flights.push(client.listens().unwrap());
                let heard = bench.port.take();
                if !heard.is_empty() {
                    break heard;
                }
            };
            assert_eq!(text(&heard), text(b"0,CONNECT\r\n"));
            // Hello, and everything that follows the server's flight.
            assert_eq!(flights.len(), 2, "{version:?}");
            client.converses(&mut bench).unwrap();
            assert!(!client.tls.is_handshaking());
        }
    }
}

const PEER: &str = "192.168.4.2:49469";

/// Data both ways, who it is, where it stands in the lists, and an end from either side.
#[test]
fn a_client_is_a_link_like_any_other() {
    for (version, name) in VERSIONS.into_iter().zip(["TLS 1.2", "TLS 1.3"]) {
        let mut bench = serving(1);
        bench.expect("AT+SYSMSG=2", OK);
        let mut client = Client::knock(&bench, (PORT, PEER), version, Shows::Right);
        client.converses(&mut bench).unwrap();
        bench.hear("+LINK_CONN:0,0,\"SSL\",1,\"192.168.4.2\",49469,8883\r\n");
        bench.expect(
            "AT+CIPSTATE?",
            "+CIPSTATE:0,\"SSL\",\"192.168.4.2\",49469,8883,1\r\n\r\nOK\r\n",
        );
        client.sends(&mut bench, b"test");
        bench.hear("\r\n+IPD,0,4:test");
        bench.expect("AT+CIPSEND=0,4", "\r\nOK\r\n\r\n>");
        let sent = bench.say("back");
        assert_eq!(text(&sent), text(b"\r\nRecv 4 bytes\r\n\r\nSEND OK\r\n"));
        assert_eq!(client.data(), b"back");
        let peer = bench.line("AT+SSLPEER?");
        let begin = format!("+SSLPEER:0,\"{name}\",\"TLS_");
        assert!(peer.starts_with(&text(begin.as_bytes())), "{peer}");
        bench.expect("AT+CIPCLOSE=0", "0,CLOSED\r\n\r\nOK\r\n");
        assert!(client.hears_the_end());
        assert_eq!(client.peer.is_gone(), (true, true));
        bench.expect("AT+SSLPEER?", OK);
    }
}

/// Subject, SANs, SHA-256 and notAfter of a client's certificate; the name and protocols that it wished for.
#[test]
fn duty_170_and_175_the_host_can_read_who_a_client_is() {
    let mut bench = serving(1);
    let mut client = Client::knock(&bench, (PORT, PEER), VERSIONS[1], Shows::Right);
    client.converses(&mut bench).unwrap();
    bench.hear("0,CONNECT\r\n");
    bench.expect(
        "AT+SSLPEER?",
        format!(
            "+SSLPEER:0,\"TLS 1.3\",\"TLS_AES_256_GCM_SHA384\",\"X25519\",\"localhost\",\"\",{CLIENT},0\r\n\r\nOK\r\n"
        ),
    );
    // One that was asked for nothing.
    let mut bench = {
        drop(bench);
        serving(0)
    };
    let mut client = Client::knock(&bench, (PORT, PEER), VERSIONS[0], Shows::Right);
    client.converses(&mut bench).unwrap();
    bench.hear("0,CONNECT\r\n");
    bench.expect(
        "AT+SSLPEER?",
        "+SSLPEER:0,\"TLS 1.2\",\"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\",\"X25519\",\"localhost\",\"\",\"\",\"\",\"\",\"\",0\r\n\r\nOK\r\n",
    );
}

/// Subject, SHA-256, notAfter and SANs of the certificate that [`Shows::Right`] means.
const CLIENT: &str = "\"CN=client-a-1, O=AT vectors a\",\"3332b7e06e7216332c2d9c8a961b692d75b2e3effda0f166efdeda488fbe45e8\",\"2044-01-01T00:00:00Z\",\"\"";

#[test]
fn duty_176_the_policy_says_what_the_server_demands() {
    for (ca_enable, mode, line) in [
        (0, 0, "\"client=none\",\"identity=server_cert\",0"),
        (
            1,
            0,
            "\"client=must\",\"chain\",\"dates\",\"identity=server_cert\",0",
        ),
        (
            1,
            1,
            "\"client=must\",\"chain\",\"dates\",\"identity=server_cert\",1",
        ),
    ] {
        let mut bench = equipped();
        bench.expect(format!("AT+SSLPOLICY={mode}"), OK);
        let without = bench.line("AT+SSLPOLICY?");
        assert!(!without.contains("-1"), "{without}");
        bench.expect(format!("AT+CIPSERVER=1,{PORT},\"SSL\",{ca_enable}"), OK);
        // It is that of the server's start.
        bench.expect("AT+SSLPOLICY=0", OK);
        let with = bench.line("AT+SSLPOLICY?");
        let line = text(format!("+SSLPOLICY:-1,{line}\r\n\r\nOK\r\n").as_bytes());
        assert!(with.ends_with(&line), "{with}");
        bench.expect("AT+CIPSERVER=0", OK);
        assert!(!bench.line("AT+SSLPOLICY?").contains("-1"));
    }
    // One of plain TCP demands nothing that could be said here.
    let mut bench = equipped();
    bench.expect("AT+CIPSERVER=1", OK);
    assert!(!bench.line("AT+SSLPOLICY?").contains("-1"));
}

/// Whatever is missing or wrong is found before the port is there.
#[test]
fn duty_124_to_126_a_server_starts_with_all_that_it_needs_or_not_at_all() {
    const NO_CERT: &str = "NO CERT FOUND\r\n";
    const NO_KEY: &str = "NO PRVT_KEY FOUND\r\n";
    const NO_CA: &str = "NO CA FOUND\r\n";
    let (cert, key, ca) = (IMAGES[0].1, IMAGES[1].1, IMAGES[2].1);
    let junk: &[u8] = b"\xf1\xf1\x02\0 this is no image and not erased";
    for (images, printed, code) in [
        ([None, Some(key), Some(ca)], NO_CERT, "cert_erased"),
        ([Some(cert), None, Some(ca)], NO_KEY, "key_erased"),
        ([Some(cert), Some(key), None], NO_CA, "ca_erased"),
        ([Some(junk), Some(key), Some(ca)], NO_CERT, ""),
        ([Some(cert), Some(junk), Some(ca)], NO_KEY, ""),
        ([Some(cert), Some(key), Some(junk)], NO_CA, ""),
        ([Some(key), Some(cert), Some(ca)], NO_CERT, ""),
        (
            [Some(cert), Some(bin!("key_rsa_pkcs1.bin")), Some(ca)],
            "",
            "key_mismatch",
        ),
    ] {
        let mut bench = Bench::multiplexed();
        for ((partition, _), image) in IMAGES.into_iter().zip(images) {
            if let Some(image) = image {
                bench.flash.preset(partition, image);
            }
        }
        bench.expect(
            format!("AT+CIPSERVER=1,{PORT},\"SSL\",1"),
            format!("{printed}{ERROR}"),
        );
        assert!(bench.net.knock(PORT, PEER).is_none(), "{code}");
        let why = bench.line("AT+SSLWHY?");
        assert!(why.starts_with("+SSLWHY:-1,\\\"setup\\\","), "{why}");
        assert!(why.contains(code), "{code} {why}");
        bench.expect("AT+CIPSERVER?", "+CIPSERVER:0\r\n\r\nOK\r\n");
    }
    // Without `<ca_enable>` the CA is not read.
    let mut bench = Bench::multiplexed();
    for (partition, image) in IMAGES.into_iter().take(2) {
        bench.flash.preset(partition, image);
    }
    bench.expect(format!("AT+CIPSERVER=1,{PORT},\"SSL\""), OK);
    bench.expect("AT+CIPSERVER?", "+CIPSERVER:1,8883,\"SSL\",0\r\n\r\nOK\r\n");
}

/// On a flash with `mfg_nvs` the values count, by their number 0.
#[test]
fn a_server_takes_its_credentials_from_the_values() {
    let mut bench = fresh();
    bench.join();
    bench.expect("AT+CIPMUX=1", OK);
    bench.expect("AT+CIPSNTPCFG=0", OK);
    bench.expect("AT+SYSTIMESTAMP=1800000000", OK);
    let start = format!("AT+CIPSERVER=1,{PORT},\"SSL\",1");
    for (namespace, value, missing) in [
        (
            "server_cert",
            input!("server_p256.crt.pem"),
            "NO CERT FOUND",
        ),
        (
            "server_key",
            input!("server_p256.key.pem"),
            "NO PRVT_KEY FOUND",
        ),
        ("server_ca", input!("ca_p256.crt.pem"), "NO CA FOUND"),
    ] {
        bench.expect(&*start, format!("{missing}\r\n{ERROR}"));
        write(&mut bench, namespace, &format!("{namespace}.0"), 8, value);
    }
    bench.expect(&*start, OK);
    for version in VERSIONS {
        let mut client = Client::knock(&bench, (PORT, PEER), version, Shows::Right);
        client.converses(&mut bench).unwrap();
        bench.hear("0,CONNECT\r\n");
        bench.expect("AT+CIPCLOSE=0", "0,CLOSED\r\n\r\nOK\r\n");
    }
    let mut stranger = Client::knock(&bench, (PORT, PEER), VERSIONS[1], Shows::Stranger);
    let alert = stranger.converses(&mut bench).unwrap_err();
    assert_eq!(
        alert,
        rustls::Error::AlertReceived(AlertDescription::UnknownCA)
    );
}

/// Whether its certificate is good for a server is for the clients to judge.
#[test]
fn duty_129_a_certificate_that_clients_will_not_like_serves() {
    let mut bench = fresh();
    bench.join();
    bench.expect("AT+CIPMUX=1", OK);
    for (namespace, value) in [
        ("server_cert", input!("client_p256.crt.pem")),
        ("server_key", input!("client_p256.key.pem")),
    ] {
        write(&mut bench, namespace, &format!("{namespace}.0"), 8, value);
    }
    bench.expect(format!("AT+CIPSERVER=1,{PORT},\"SSL\""), OK);
    let mut client = Client::knock(&bench, (PORT, PEER), VERSIONS[1], Shows::Nothing);
    let refusal = client.converses(&mut bench).unwrap_err();
    assert!(
        matches!(refusal, rustls::Error::InvalidCertificate(_)),
        "{refusal}"
    );
    let alert = client.speaks();
    client.peer.sends(&alert);
    client.peer.closes();
    bench.settle();
    let why = bench.line("AT+SSLWHY?");
    assert!(why.contains("client refused us"), "{why}");
}

/// Credentials are read when the server starts; links and clients after that have those.
#[test]
fn duty_131_what_is_written_while_it_runs_counts_for_the_next_server() {
    let mut bench = serving(0);
    bench.expect("AT+SYSFLASH=0,\"server_cert\",0,4096", OK);
    bench.expect("AT+SYSFLASH=0,\"server_key\",0,4096", OK);
    let mut client = Client::knock(&bench, (PORT, PEER), VERSIONS[1], Shows::Nothing);
    client.converses(&mut bench).unwrap();
    bench.hear("0,CONNECT\r\n");
    bench.expect("AT+CIPSERVER=0", OK);
    client.sends(&mut bench, b"still here");
    bench.hear("\r\n+IPD,0,10:still here");
    bench.expect(
        format!("AT+CIPSERVER=1,{PORT},\"SSL\""),
        format!("NO CERT FOUND\r\n{ERROR}"),
    );
}

/// Nobody is believed without a clock, and the host can read why; the server starts all the same, for the time may come.
#[test]
fn duty_169_without_a_clock_clients_are_refused_for_that() {
    let mut bench = Bench::multiplexed();
    for (partition, image) in IMAGES {
        bench.flash.preset(partition, image);
    }
    bench.expect("AT+CIPSNTPCFG=0", OK);
    bench.expect(format!("AT+CIPSERVER=1,{PORT},\"SSL\",1"), OK);
    for version in VERSIONS {
        let mut client = Client::knock(&bench, (PORT, PEER), version, Shows::Right);
        let alert = client.converses(&mut bench).unwrap_err();
        assert_eq!(
            alert,
            rustls::Error::AlertReceived(AlertDescription::CertificateExpired)
        );
        client.peer.closes();
        bench.settle();
        let why = bench.line("AT+SSLWHY?");
        assert!(why.contains("clock_not_set"), "{why}");
    }
    bench.expect("AT+SYSTIMESTAMP=1800000000", OK);
    let mut client = Client::knock(&bench, (PORT, PEER), VERSIONS[1], Shows::Right);
    client.converses(&mut bench).unwrap();
    bench.hear("0,CONNECT\r\n");
}

/// Nothing of itself; with `AT+SYSLOG=1` a line, at most one a second; the count goes on.
#[test]
fn duty_174_refused_clients_are_reported_on_demand() {
    let mut bench = serving(1);
    let refused = |bench: &mut Bench| {
        let mut client = Client::knock(bench, (PORT, PEER), VERSIONS[1], Shows::Nothing);
        let alert = client.converses(bench).unwrap_err();
        let required = AlertDescription::CertificateRequired;
        assert_eq!(alert, rustls::Error::AlertReceived(required));
        client.peer.closes();
        bench.settle();
    };
    let line = |count: u32| {
        format!(
            "+SSLWHY:-1,\"certificate\",-0x7480,0x00000040,0,\"\",\"\",\"client showed no certificate ({PEER}, {count} refused)\",\"no_client_certificate\"\r\n"
        )
    };
    refused(&mut bench);
    bench.hear("");
    bench.expect("AT+SSLWHY?", format!("{}{OK}", line(1)));
    bench.expect("AT+SYSLOG=1", OK);
    refused(&mut bench);
    bench.hear(line(2));
    refused(&mut bench);
    bench.hear("");
    bench.pass(Duration::from_secs(1));
    refused(&mut bench);
    bench.hear(line(4));
    bench.expect("AT+SYSLOG=0", OK);
    bench.pass(Duration::from_secs(1));
    refused(&mut bench);
    bench.hear("");
    bench.expect("AT+SSLWHY?", format!("{}{OK}", line(5)));
    // Another server counts from 0 again.
    bench.expect("AT+CIPSERVER=0", OK);
    bench.expect(format!("AT+CIPSERVER=1,{PORT},\"SSL\",1"), OK);
    bench.expect("AT+SSLWHY?", OK);
    refused(&mut bench);
    bench.expect("AT+SSLWHY?", format!("{}{OK}", line(1)));
}

/// What is not TLS, or too old, is named, and gets its alert.
#[test]
fn duty_142_to_144_what_a_client_speaks_instead_is_named() {
    let mut bench = serving(0);
    let tls_1_0 = {
        let mut hello = vec![22, 3, 1, 0, 47, 1, 0, 0, 43, 3, 1];
        hello.extend([9; 32]);
        hello.extend([0, 0, 4, 0xc0, 0x13, 0, 0x2f, 1, 0]);
        hello
    };
    for (sent, words, code, alert) in [
        (
            &b"GET / HTTP/1.1\r\n"[..],
            "client speaks HTTP without TLS",
            "not_tls",
            50,
        ),
        (
            b"\x10\x0e\0\x04MQTT\x04\x02\0\0\0\x02ab",
            "client speaks MQTT without TLS",
            "not_tls",
            50,
        ),
        (
            b"SSH-2.0-x\r\n",
            "client speaks SSH without TLS",
            "not_tls",
            50,
        ),
        (
            &tls_1_0,
            "client speaks TLS 1.0 at most",
            "client_version",
            70,
        ),
    ] {
        let peer = bench.net.knock(PORT, PEER).unwrap();
        peer.sends(sent);
        bench.hear("");
        assert_eq!(peer.received(), [21, 3, 3, 0, 2, 2, alert], "{words}");
        assert!(peer.is_gone().0, "{words}");
        peer.closes();
        bench.settle();
        let why = bench.line("AT+SSLWHY?");
        assert!(why.contains(&format!("\\\"{words} (192.168.4.2:")), "{why}");
        assert!(why.contains(&format!("\\\"{code}\\\"")), "{why}");
        sees_nobody(&mut bench);
    }
}

/// An end in good order, one without close_notify, and a reset: one `CLOSED` each, after the data, and its reason.
#[test]
fn duty_178_each_end_by_the_client_is_distinguished() {
    for version in VERSIONS {
        let mut bench = serving(0);
        for (end, code) in [(0, "peer_closed"), (1, "peer_eof"), (2, "reset")] {
            let mut client = Client::knock(&bench, (PORT, PEER), version, Shows::Nothing);
            client.converses(&mut bench).unwrap();
            bench.hear("0,CONNECT\r\n");
            client.sends(&mut bench, b"last");
            match end {
                0 => {
                    client.tls.send_close_notify();
                    let bytes = client.speaks();
                    client.peer.sends(&bytes);
                }
                1 => client.peer.closes(),
                _ => client.peer.breaks(ErrorKind::ConnectionReset),
            }
            bench.hear("\r\n+IPD,0,4:last0,CLOSED\r\n");
            bench.pass(Duration::from_secs(2));
            bench.hear("");
            let why = bench.line("AT+SSLWHY?");
            assert!(why.starts_with("+SSLWHY:0,\\\"data\\\""), "{why}");
            assert!(why.contains(code), "{code} {why}");
        }
    }
}

/// One client at a time, byte for byte; the next one after it has a handshake of its own.
#[test]
fn duty_180_a_server_with_one_client_passes_through() {
    for version in VERSIONS {
        let mut bench = equipped();
        bench.expect("AT+CIPSERVERMAXCONN=1", OK);
        bench.expect(format!("AT+CIPSERVER=1,{PORT},\"SSL\",1"), OK);
        let mut first = Client::knock(&bench, (PORT, PEER), version, Shows::Right);
        first.converses(&mut bench).unwrap();
        bench.hear("0,CONNECT\r\n");
        bench.expect("AT+CIPMODE=1", OK);
        bench.expect("AT+CIPSEND", "\r\nOK\r\n\r\n>");
        bench.say("to the first");
        bench.pass(Duration::from_millis(20));
        assert_eq!(first.data(), b"to the first");
        let other = bench.net.knock(PORT, PEER).unwrap();
        bench.hear("");
        assert_eq!(other.is_gone(), (true, true));
        first.peer.closes();
        bench.hear("");
        let mut second = Client::knock(&bench, (PORT, PEER), version, Shows::Right);
        second.converses(&mut bench).unwrap();
        second.sends(&mut bench, b"hello");
        bench.hear("hello");
        bench.pass(Duration::from_secs(1));
        bench.say("+++");
        bench.pass(Duration::from_secs(1));
        bench.expect("AT+CIPMODE=0", OK);
        bench.expect("AT+CIPCLOSE", "0,CLOSED\r\n\r\nOK\r\n");
    }
}

macro_rules! own {
    ($name:literal) => {
        include_str!(concat!("data/", $name)).as_bytes()
    };
}

/// A board that does not say that it is quick refuses a key with which each client would stop it for seconds. Keys and
/// certificates are openssl's (`openssl req -x509 -newkey rsa:4096`).
#[test]
fn duty_128_a_key_that_is_too_slow_starts_no_server() {
    let start = format!("AT+CIPSERVER=1,{PORT},\"SSL\"");
    for (quick, certificate, key) in [
        (true, own!("rsa3072.crt.pem"), own!("rsa3072.key.pem")),
        (false, own!("rsa4096.crt.pem"), own!("rsa4096.key.pem")),
    ] {
        let mut bench = fresh();
        bench.join();
        bench.expect("AT+CIPMUX=1", OK);
        for (namespace, value) in [("server_cert", certificate), ("server_key", key)] {
            write(&mut bench, namespace, &format!("{namespace}.0"), 8, value);
        }
        if quick {
            bench.expect(&*start, OK);
            continue;
        }
        bench.expect(&*start, ERROR);
        assert!(bench.net.knock(PORT, PEER).is_none());
        let why = bench.line("AT+SSLWHY?");
        for word in [
            "746 M instructions",
            "400 M are allowed",
            "\\\"key_too_slow\\\"",
        ] {
            assert!(why.contains(word), "{why}");
        }
        bench.expect("AT+CIPSERVER?", "+CIPSERVER:0\r\n\r\nOK\r\n");
    }
}
