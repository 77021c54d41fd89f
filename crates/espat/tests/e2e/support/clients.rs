//! Programs that connect to a server of the modem: one for each TLS library that people have.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::modem::Host;
use super::mosquitto::{CONNACK, DISCONNECT, publish, suback};
use super::pki::{Credentials, NAME};
use super::process::{Process, program, run};
use super::utf8;

/// A program, and behind it a TLS library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Openssl,
    Gnutls,
    Curl,
    Python,
    Mosquitto,
    Java,
    Go,
}

/// A version that a client is limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Tls12,
    Tls13,
}

pub(crate) const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

impl Version {
    /// As `AT+SSLPEER?` prints it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        }
    }

    const fn digit(self) -> char {
        match self {
            Self::Tls12 => '2',
            Self::Tls13 => '3',
        }
    }
}

/// An alert, by its number and as OpenSSL and Java write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alert {
    pub(crate) number: u8,
    pub(crate) words: &'static str,
}

/// How a client comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit<'v> {
    pub(crate) port: u16,
    /// The CA that it trusts.
    pub(crate) ca: &'v Path,
    pub(crate) version: Version,
    /// The certificate that it shows if it is asked for one.
    pub(crate) own: Option<&'v Credentials>,
}

impl Program {
    /// Starts it. It sends something at once; [`Self::asks`] and [`Self::is_answered`] are the host's part.
    pub(crate) fn start(self, visit: &Visit<'_>) -> Process {
        let mut command = self.command(visit);
        let waits_for_input = matches!(self, Self::Openssl | Self::Gnutls);
        if waits_for_input {
            command.stdin(Stdio::piped());
        }
        let mut process = Process::start(&mut command);
        if waits_for_input {
            process.types(b"hello\n");
        }
        process
    }

    fn command(self, visit: &Visit<'_>) -> Command {
        match self {
            Self::Openssl => openssl(visit),
            Self::Gnutls => gnutls(visit),
            Self::Curl => curl(visit),
            Self::Python => python(visit),
            Self::Mosquitto => mosquitto(visit),
            Self::Java => java(visit),
            Self::Go => go(visit),
        }
    }

    /// The name that it sends in its hello.
    pub(crate) const fn server_name(self) -> &'static str {
        match self {
            // It was given an address.
            Self::Mosquitto => "",
            _ => NAME,
        }
    }

    /// What it prints of an alert.
    pub(crate) fn prints(self, alert: Alert) -> String {
        let Alert { number, words } = alert;
        match self {
            Self::Openssl => format!("SSL alert number {number}"),
            Self::Gnutls => format!("Received alert [{number}]"),
            Self::Java => format!("Received fatal alert: {}", words.replace(' ', "_")),
            Self::Go => format!("remote error: tls: {}", of_go(number)),
            // Its own words for an expired certificate do not say whose; of what it received it prints level and number.
            Self::Curl => format!("({}):", (2 << 8) | u16::from(number)),
            Self::Python | Self::Mosquitto => format!("alert {words}"),
        }
    }

    /// The host's first part: what the program sends. It waits for an answer then. Gives what a subscriber asked for.
    pub(crate) fn asks(self, host: &mut Host) -> Vec<u8> {
        let first = host.ipd_on(0);
        match self {
            Self::Openssl | Self::Gnutls | Self::Python | Self::Java | Self::Go => {
                assert_eq!(first, b"hello\n", "{self:?}");
                first
            }
            Self::Curl => {
                assert!(first.starts_with(b"GET /state HTTP/1.1\r\n"));
                assert!(first.ends_with(b"\r\n\r\n"));
                first
            }
            Self::Mosquitto => {
                assert!(first.starts_with(&[0x10]) && first.ends_with(b"espat"));
                host.transmit_on(0, &CONNACK);
                host.ipd_on(0)
            }
        }
    }

    /// The host's second part: an answer that the program prints as `HELLO`, up to `CLOSED`.
    pub(crate) fn is_answered(self, host: &mut Host, asked: &[u8]) {
        match self {
            Self::Openssl | Self::Gnutls | Self::Python | Self::Java | Self::Go => {
                host.transmit_on(0, b"HELLO\n");
                host.ask("AT+CIPCLOSE=0", "0,CLOSED\r\n\r\nOK\r\n");
            }
            Self::Curl => {
                host.transmit_on(0, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nHELLO\n");
                host.hears("0,CLOSED\r\n");
            }
            Self::Mosquitto => {
                host.transmit_on(0, &suback(asked));
                host.transmit_on(0, &publish("t", b"HELLO"));
                assert_eq!(host.ipd_on(0), DISCONNECT);
                host.hears("0,CLOSED\r\n");
            }
        }
    }
}

fn openssl(visit: &Visit<'_>) -> Command {
    let mut client = program("openssl");
    let address = format!("127.0.0.1:{}", visit.port);
    client
        .args(["s_client", "-quiet", "-connect", &address])
        .args(["-servername", NAME, "-verify_hostname", NAME])
        .args(["-verify_return_error", "-CAfile", utf8(visit.ca)])
        .arg(format!("-tls1_{}", visit.version.digit()));
    shows(&mut client, visit.own, ["-cert", "-key"]);
    client
}

fn gnutls(visit: &Visit<'_>) -> Command {
    let mut client = program("gnutls-cli");
    let versions = format!("NORMAL:-VERS-ALL:+VERS-TLS1.{}", visit.version.digit());
    client
        .args(["--x509cafile", utf8(visit.ca), "--priority", &versions])
        .args(["--verify-hostname", NAME, "--sni-hostname", NAME])
        .args(["--port", &visit.port.to_string(), "127.0.0.1"]);
    shows(&mut client, visit.own, ["--x509certfile", "--x509keyfile"]);
    client
}

fn curl(visit: &Visit<'_>) -> Command {
    let mut client = program("curl");
    let (port, version) = (visit.port, format!("1.{}", visit.version.digit()));
    client
        .args(["--silent", "--verbose", "--noproxy", "*"])
        .args(["--resolve", &format!("{NAME}:{port}:127.0.0.1")])
        .args([&format!("--tlsv{version}"), "--tls-max", &version])
        .args(["--cacert", utf8(visit.ca)])
        .arg(format!("https://{NAME}:{port}/state"));
    shows(&mut client, visit.own, ["--cert", "--key"]);
    client
}

fn python(visit: &Visit<'_>) -> Command {
    let mut client = program("python3");
    client
        .arg(source("client.py"))
        .args([&visit.port.to_string(), utf8(visit.ca)])
        .arg(format!("TLSv1_{}", visit.version.digit()));
    shows(&mut client, visit.own, []);
    client
}

fn mosquitto(visit: &Visit<'_>) -> Command {
    let mut client = program("mosquitto_sub");
    let version = format!("tlsv1.{}", visit.version.digit());
    // Its option names the oldest version.
    let settings = visit.ca.with_file_name(format!("{version}.cnf"));
    let newest = format!("MaxProtocol = TLSv1.{}\n", visit.version.digit());
    fs::write(&settings, format!("{NEWEST_VERSION}{newest}")).expect("room");
    client.env("OPENSSL_CONF", settings);
    // `--insecure` leaves the name out, and nothing else: it is an address here.
    client
        .args(["-h", "127.0.0.1", "-p", &visit.port.to_string()])
        .args(["--cafile", utf8(visit.ca), "--insecure"])
        .args(["--tls-version", &version, "-V", "mqttv311"])
        .args(["-d", "-i", "espat", "-t", "t", "-C", "1"]);
    shows(&mut client, visit.own, ["--cert", "--key"]);
    client
}

/// Settings for programs on OpenSSL that cannot be told their newest version; it follows.
const NEWEST_VERSION: &str = "\
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = default
[default]
";

fn java(visit: &Visit<'_>) -> Command {
    // Beside the CA, where the test's other files are.
    let classes = visit.ca.with_file_name("classes");
    if !classes.is_dir() {
        run(program("javac")
            .args(["-d", utf8(&classes)])
            .arg(source("Client.java")));
    }
    let mut client = program("java");
    client
        .args(["-XX:TieredStopAtLevel=1", "-cp", utf8(&classes), "Client"])
        .args([&visit.port.to_string(), utf8(visit.ca)])
        .arg(format!("TLSv1.{}", visit.version.digit()));
    shows(&mut client, visit.own, []);
    client
}

fn go(visit: &Visit<'_>) -> Command {
    let mut client = program("yaegi");
    client
        .arg("run")
        .arg(source("client.go"))
        .args([&visit.port.to_string(), utf8(visit.ca)])
        .arg(format!("1.{}", visit.version.digit()));
    shows(&mut client, visit.own, []);
    client
}

/// An alert in Go's words.
fn of_go(number: u8) -> &'static str {
    match number {
        43 => "unsupported certificate",
        45 => "expired certificate",
        48 => "unknown certificate authority",
        116 => "certificate required",
        _ => panic!("no client of these tests gets alert {number}"),
    }
}

/// Adds certificate and key, each behind its option if there is one.
fn shows<const N: usize>(client: &mut Command, own: Option<&Credentials>, options: [&str; N]) {
    let Some(own) = own else { return };
    for (place, file) in [&own.certificate, &own.key].into_iter().enumerate() {
        client.args(options.get(place)).arg(file);
    }
}

/// A client of ours for a language whose library has no program.
pub(crate) fn source(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/clients");
    folder.join(name)
}

/// A port for a server of the modem. Somebody may be faster; then the modem says so.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("bound").port()
}
