//! The modem's own server with TLS (`AT+CIPSERVER=1,<port>,"SSL"`), and the clients that people have.
//!
//! Its certificate is of `test CA`, which the clients trust; certificates of clients are of `device CA`, which is the
//! modem's `server_ca`.

use std::fs;
use std::process::Stdio;
use std::time::Instant;

use crate::support::clients::{Alert, Program, VERSIONS, Version, Visit, free_port};
use crate::support::modem::{Host, Modem};
use crate::support::pki::{Ca, Credentials, EXPIRED, KeyKind, VALID};
use crate::support::process::{Process, program};
use crate::support::world::{World, join};
use crate::support::{TIMEOUT, utf8};

/// What a server needs, and its clients.
struct Site {
    world: World,
    devices: Ca,
}

impl Site {
    fn new() -> Self {
        Self::with(KeyKind::P256)
    }

    /// With a key of this kind for the server.
    fn with(kind: KeyKind) -> Self {
        let world = World::new();
        let devices = Ca::root(world.folder.path(), "device CA", KeyKind::P256);
        let own = world.ca.leaf("module", kind, VALID);
        let mut world = world.option("--clock", "host");
        for (partition, file) in [
            ("server_cert", &own.certificate),
            ("server_key", &own.key),
            ("server_ca", &devices.own.certificate),
        ] {
            world = world.option("--pki", &format!("{partition}={}", utf8(file)));
        }
        Self { world, devices }
    }

    /// A modem that has just begun to serve; with `<ca_enable>` 1 clients must show a certificate.
    fn serve(&self, ca_enable: u8) -> (Modem, Host, u16) {
        // What the modem before it stored does not count; there may have been none.
        let _ = fs::remove_file(self.world.flash());
        let modem = self.world.modem();
        let mut host = modem.switch_on();
        join(&mut host);
        host.ok("AT+CIPMUX=1");
        let port = free_port();
        host.ok(&format!("AT+CIPSERVER=1,{port},\"SSL\",{ca_enable}"));
        (modem, host, port)
    }

    fn visit<'v>(&'v self, port: u16, version: Version, own: Option<&'v Credentials>) -> Visit<'v> {
        Visit {
            port,
            ca: &self.world.ca.own.certificate,
            version,
            own,
        }
    }

    fn device(&self) -> Credentials {
        self.devices.client("meter-7", KeyKind::P256, VALID)
    }

    /// Clients that a server with `<ca_enable>` 1 refuses.
    fn refused(&self) -> Vec<Refused> {
        let other = Ca::root(self.world.folder.path(), "other CA", KeyKind::P256);
        let expired = self.devices.client("old", KeyKind::P256, EXPIRED);
        let server = self.devices.leaf("server", KeyKind::P256, VALID);
        vec![
            Refused {
                own: Some(other.client("stranger", KeyKind::P256, VALID)),
                alert: Alert {
                    number: 48,
                    words: "unknown ca",
                },
                why: r#""certificate",-0x2700,0x00000008,0,"CN=stranger","CN=other CA","no chain to the loaded CA"#,
                code: "issuer_unknown",
            },
            Refused {
                own: Some(expired),
                alert: Alert {
                    number: 45,
                    words: "certificate expired",
                },
                why: r#""certificate",-0x2700,0x00000001,0,"CN=old","2021-01-01T00:00:00Z","expired on 2021-01-01T00:00:00Z"#,
                code: "expired",
            },
            Refused {
                own: Some(server),
                alert: Alert {
                    number: 43,
                    words: "unsupported certificate",
                },
                why: r#""certificate",-0x7a00,0x00001000,0,"CN=server","","extendedKeyUsage lacks clientAuth"#,
                code: "wrong_purpose",
            },
            Refused {
                own: None,
                alert: Alert {
                    number: 116,
                    words: "certificate required",
                },
                why: r#""certificate",-0x7480,0x00000040,0,"","","client showed no certificate"#,
                code: "no_client_certificate",
            },
        ]
    }
}

/// A client that is refused, and what both sides are told.
struct Refused {
    own: Option<Credentials>,
    alert: Alert,
    /// `+SSLWHY:-1,` up to its words.
    why: &'static str,
    code: &'static str,
}

impl Refused {
    /// Checks the rest of a line that begins with `+SSLWHY:-1,`.
    fn is_notified(&self, line: &str, count: u32) {
        let rest = line.strip_prefix(self.why);
        let rest = rest.unwrap_or_else(|| panic!("expected {}\n     got {line}", self.why));
        // A date that was missed has the time of the modem's clock behind it.
        let clock = rest.strip_prefix("; the clock says ");
        let rest = clock.map_or(rest, |it| it.trim_start_matches(|c| c != ' '));
        let (client, code) = rest.split_once(")\",\"").expect("who it was");
        assert!(client.starts_with(" (127.0.0.1:"), "{line}");
        assert!(client.ends_with(&format!(", {count} refused")), "{line}");
        assert_eq!(code.trim_end_matches('"'), self.code, "{line}");
    }
}

/// `+SSLWHY:-1,` of so many refused clients, without that. The server knows of one when its connection is gone, which is
/// after the client has seen the alert.
fn refusal(host: &mut Host, count: u32) -> String {
    let begin = Instant::now();
    let end = format!(", {count} refused)");
    loop {
        let why = host.ask_until("AT+SSLWHY?", "\r\nOK\r\n");
        if let Some(line) = why.strip_prefix("+SSLWHY:-1,")
            && line.contains(&end)
        {
            return line.trim_end().to_owned();
        }
        assert!(begin.elapsed() < TIMEOUT, "{end} expected: {why}");
    }
}

/// One client comes, talks, goes, and was known for what it is.
fn is_served(program: Program, visit: &Visit<'_>, host: &mut Host, subject: &str) {
    let mut client = program.start(visit);
    host.hears("0,CONNECT\r\n");
    let asked = program.asks(host);
    let peer = host.ask_until("AT+SSLPEER?", "\r\n\r\nOK\r\n");
    let peer = peer.strip_prefix("+SSLPEER:").expect("somebody is here");
    let fields: Vec<&str> = peer
        .split(',')
        .map(|field| field.trim_matches('"'))
        .collect();
    assert_eq!(fields.first(), Some(&"0"));
    assert_eq!(fields.get(1), Some(&visit.version.name()), "{peer}");
    assert_eq!(fields.get(4), Some(&program.server_name()), "{peer}");
    assert_eq!(fields.get(6), Some(&subject), "{peer}");
    program.is_answered(host, &asked);
    client.wait_for(|line| line.ends_with("HELLO").then_some(()));
    assert!(client.wait().success(), "{program:?}");
}

/// With and without a certificate where none is asked for, with the right one where one is, in both versions.
fn serves(program: Program) {
    let site = Site::new();
    let own = site.device();
    for ca_enable in [0, 1] {
        let (_modem, mut host, port) = site.serve(ca_enable);
        for version in VERSIONS {
            let with = site.visit(port, version, Some(&own));
            if ca_enable == 1 {
                is_served(program, &with, &mut host, "CN=meter-7");
            } else {
                for visit in [with, site.visit(port, version, None)] {
                    is_served(program, &visit, &mut host, "");
                }
            }
        }
        let why = host.ask_until("AT+SSLWHY?", "\r\nOK\r\n");
        assert!(!why.contains("+SSLWHY:-1"), "{why}");
    }
}

/// Each client that must not come in: what it prints, and what the host is told. The server goes on.
fn refuses(program: Program) {
    let site = Site::new();
    let rows = site.refused();
    let own = site.device();
    let (_modem, mut host, port) = site.serve(1);
    let mut count = 0;
    for row in &rows {
        for version in VERSIONS {
            let mut client = program.start(&site.visit(port, version, row.own.as_ref()));
            let alert = program.prints(row.alert);
            client.wait_for(|line| line.contains(&alert).then_some(()));
            // Some would try again.
            client.kill();
            count += 1;
            row.is_notified(&refusal(&mut host, count), count);
            host.ask("AT+CIPSTATE?", "\r\nOK\r\n");
        }
    }
    is_served(
        program,
        &site.visit(port, Version::Tls13, Some(&own)),
        &mut host,
        "CN=meter-7",
    );
}

macro_rules! programs {
    ($($name:ident: $program:ident),+) => { $(
        mod $name {
            use super::Program::$program;

            #[test]
            fn is_served_in_both_versions_with_and_without_a_certificate() {
                super::serves($program);
            }

            #[test]
            fn is_refused_by_an_alert_and_the_host_is_notified() {
                super::refuses($program);
            }
        }
    )+ };
}

programs! {
    openssl_s_client: Openssl,
    gnutls_cli: Gnutls,
    curl: Curl,
    python_ssl: Python,
    mosquitto_sub: Mosquitto,
    java: Java,
    go: Go
}

/// With `AT+SYSLOG=1` the host is told of itself.
#[test]
fn a_line_for_each_refused_client_if_it_is_asked_for() {
    let site = Site::new();
    for row in site.refused() {
        for version in VERSIONS {
            // One line a second at most: each row has a modem of its own.
            let (_modem, mut host, port) = site.serve(1);
            host.ok("AT+SYSLOG=1");
            let _client = Program::Openssl.start(&site.visit(port, version, row.own.as_ref()));
            host.hears("+SSLWHY:-1,");
            let line = host.until("\r\n");
            row.is_notified(&line, 1);
        }
    }
}

/// What came instead of a ClientHello that can be answered is named.
#[test]
fn clients_without_tls_or_with_an_old_version_are_named() {
    let site = Site::new();
    let (_modem, mut host, port) = site.serve(0);
    let url = format!("http://127.0.0.1:{port}/");
    let address = format!("127.0.0.1:{port}");
    let port = port.to_string();
    let old = ["-cipher", "ALL:@SECLEVEL=0", "-connect", &address];
    let old = |version| [&["s_client", version], &old[..]].concat();
    let [oldest, older] = ["-tls1", "-tls1_1"].map(old);
    for ((name, options, words, code), count) in [
        (
            "curl",
            &["-sS", "--noproxy", "*", &url][..],
            "client speaks HTTP without TLS",
            "not_tls",
        ),
        (
            "mosquitto_sub",
            &["-h", "127.0.0.1", "-p", &port, "-t", "t", "-C", "1"],
            "client speaks MQTT without TLS",
            "not_tls",
        ),
        (
            "openssl",
            &oldest,
            "client speaks TLS 1.0 at most",
            "client_version",
        ),
        (
            "openssl",
            &older,
            "client speaks TLS 1.1 at most",
            "client_version",
        ),
    ]
    .into_iter()
    .zip(1..)
    {
        let mut client = Process::start(program(name).args(options));
        let why = refusal(&mut host, count);
        client.kill();
        assert!(why.contains(&format!("\"{words} (127.0.0.1:")), "{why}");
        assert!(why.ends_with(&format!("\"{code}\"")), "{why}");
    }
}

/// A person at the console of s_client: new keys from either side are followed, and a renegotiation is declined by its
/// warning, which ends OpenSSL's session and not the server.
#[test]
fn keys_change_and_a_renegotiation_is_declined() {
    let site = Site::new();
    let (_modem, mut host, port) = site.serve(0);
    let start = |version| {
        let mut client = program("openssl");
        client
            .stdin(Stdio::piped())
            .args(["s_client", "-connect", &format!("127.0.0.1:{port}")])
            .arg(version);
        Process::start(&mut client)
    };
    let mut client = start("-tls1_3");
    host.hears("0,CONNECT\r\n");
    client.wait_for(|line| line.starts_with("Verify return code").then_some(()));
    for (command, said) in [("k\n", "KEYUPDATE"), ("K\n", "KEYUPDATE")] {
        client.types(command.as_bytes());
        client.wait_for(|line| line.contains(said).then_some(()));
        client.types(b"after\n");
        assert_eq!(host.ipd_on(0), b"after\n");
        host.transmit_on(0, b"AFTER\n");
        client.wait_for(|line| line.ends_with("AFTER").then_some(()));
    }
    host.ask("AT+CIPCLOSE=0", "0,CLOSED\r\n\r\nOK\r\n");
    assert!(client.wait().success());

    let mut client = start("-tls1_2");
    host.hears("0,CONNECT\r\n");
    client.wait_for(|line| line.contains("Extended master secret: yes").then_some(()));
    client.types(b"R\n");
    client.wait_for(|line| line.contains("no renegotiation").then_some(()));
    host.hears("0,CLOSED\r\n");
    host.ok("AT");
}

/// A PC signs with it in milliseconds; a module would take seconds for each client, and refuses to begin.
#[test]
fn a_key_of_rsa_4096_serves_on_a_pc() {
    let site = Site::with(KeyKind::Rsa4096);
    let (_modem, mut host, port) = site.serve(0);
    for version in VERSIONS {
        let visit = site.visit(port, version, None);
        is_served(Program::Openssl, &visit, &mut host, "");
    }
}
