//! One judge: the same inputs through `pki pack`, `pki lint`, `verify`, `doctor` and the simulator. Each says the same of
//! them, by the same code.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::modem::Host;
use crate::support::pki::{ADDRESS, Credentials};
use crate::support::process::{command, output, program, run};
use crate::support::servers::TlsServer;
use crate::support::utf8;
use crate::support::world::{World, join};

/// The first of the ports under which the modem meets the servers.
const FIRST_PORT: u16 = 9000;

const P256: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P521: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-521"];
const RSA1024: &[&str] = &["rsa:1024"];
const ED25519: &[&str] = &["ed25519"];
const AUTHORITY: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
const SERVER: &str =
    "subjectAltName=DNS:broker.local,IP:192.168.3.129\nextendedKeyUsage=serverAuth\n";

/// What is loaded as the CA, what the server shows, and what comes of it.
struct Case {
    what: &'static str,
    /// Loaded as item 0 of `client_ca`, or written there as it is.
    ca: PathBuf,
    as_it_is: bool,
    own: Credentials,
    name: &'static str,
    /// The code of the refusal; `accepted` where there is none.
    code: &'static str,
    /// A CA that no session can use: `pack` and `lint` know it before there is a server.
    known_before: bool,
}

/// Makes certificates in a folder.
struct Maker<'f>(&'f Path);

impl Maker<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A root with a key of this kind, valid for so many days from so many days on.
    fn root(&self, name: &str, key: &[&str], more: &[&str]) -> Credentials {
        let own = self.files(name);
        let subject = format!("/CN={name}");
        let config = self.path("root.cnf");
        let text = format!(
            "[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=ext\n[dn]\n[ext]\n{AUTHORITY}"
        );
        fs::write(&config, text).expect("room");
        run(program("openssl")
            .args(["req", "-x509", "-nodes", "-config", utf8(&config)])
            .args(["-subj", &subject, "-newkey"])
            .args(key)
            .args(more)
            .args(["-keyout", utf8(&own.key), "-out", utf8(&own.certificate)]));
        own
    }

    /// The bytes of a file as hex digits.
    fn hex(&self, file: &Path) -> PathBuf {
        let bytes = fs::read(file).expect("it is there");
        let digits = hex::encode(bytes);
        let hex = self.path("hex.txt");
        fs::write(&hex, digits).expect("room");
        hex
    }

    fn files(&self, name: &str) -> Credentials {
        Credentials {
            certificate: self.path(&format!("{name}.pem")),
            key: self.path(&format!("{name}.key.pem")),
        }
    }

    fn request(&self, name: &str, subject: &str, key: &[&str]) -> (PathBuf, Credentials) {
        let own = self.files(name);
        let request = self.path(&format!("{name}.csr"));
        run(program("openssl")
            .args(["req", "-new", "-nodes", "-subj", subject, "-newkey"])
            .args(key)
            .args(["-keyout", utf8(&own.key), "-out", utf8(&request)]));
        (request, own)
    }

    /// A server's certificate, signed by `ca`.
    fn leaf(
        &self,
        name: &str,
        subject: &str,
        extensions: &str,
        ca: &Credentials,
        key: &[&str],
    ) -> Credentials {
        let (request, own) = self.request(name, subject, key);
        let file = self.path("leaf.ext");
        fs::write(&file, format!("{extensions}basicConstraints=CA:FALSE\n")).expect("room");
        run(program("openssl")
            .args(["x509", "-req", "-days", "30", "-in", utf8(&request)])
            .args([
                "-CA",
                utf8(&ca.certificate),
                "-CAkey",
                utf8(&ca.key),
                "-CAcreateserial",
            ])
            .args(["-extfile", utf8(&file), "-out", utf8(&own.certificate)]));
        own
    }
}

/// Servers under a good CA: what is wrong, or not, is theirs.
fn cases_of_servers(make: &Maker<'_>) -> Vec<Case> {
    let ca = make.root("good", P256, &["-days", "30"]);
    let other = make.root("other", P256, &["-days", "30"]);
    let ed = make.root("ed", ED25519, &["-days", "30"]);
    let good = make.leaf("server", "/CN=server", SERVER, &ca, P256);
    let only_cn = make.leaf("cn", "/CN=broker.local", "", &ca, P256);
    let ed_leaf = make.leaf("ed-server", "/CN=server", SERVER, &ed, ED25519);
    let client = SERVER.replace("serverAuth", "clientAuth");
    let client = make.leaf("client", "/CN=client", &client, &ca, P256);
    let case = |what, ca: &Credentials, own: &Credentials, name, code| Case {
        what,
        ca: ca.certificate.clone(),
        as_it_is: false,
        own: own.clone(),
        name,
        code,
        known_before: false,
    };
    vec![
        case("all is well", &ca, &good, "", "accepted"),
        case(
            "all is well, by name",
            &ca,
            &good,
            "broker.local",
            "accepted",
        ),
        case("another name", &ca, &good, "other.local", "name_mismatch"),
        case(
            "CN alone, and it is the name",
            &ca,
            &only_cn,
            "broker.local",
            "accepted",
        ),
        case(
            "CN alone, and it is another",
            &ca,
            &only_cn,
            "other.local",
            "name_mismatch",
        ),
        case(
            "Ed25519 from end to end",
            &ed,
            &ed_leaf,
            "broker.local",
            "accepted",
        ),
        case("a client's certificate", &ca, &client, "", "wrong_purpose"),
        case("another CA", &other, &good, "", "issuer_unknown"),
    ]
}

/// CAs that no session can use, whatever the server.
#[expect(clippy::too_many_lines, reason = "one table")]
fn cases_of_cas(make: &Maker<'_>) -> Vec<Case> {
    let small = make.root("small", RSA1024, &["-days", "30"]);
    let big_curve = make.root("p521", P521, &["-days", "30"]);
    let good = make.root("plain", P256, &["-days", "30"]);
    let own = make.leaf("plain-server", "/CN=server", SERVER, &good, P256);
    let under_small = make.leaf("small-server", "/CN=server", SERVER, &small, P256);
    let under_big = make.leaf("p521-ca-server", "/CN=server", SERVER, &big_curve, P256);
    let (request, _) = make.request("request", "/CN=request", P256);
    let hex = make.hex(&good.certificate);
    let case = |what, ca: &Path, as_it_is, own: &Credentials, code| Case {
        what,
        ca: ca.to_owned(),
        as_it_is,
        own: own.clone(),
        name: "",
        code,
        known_before: true,
    };
    vec![
        case(
            "a CA with an RSA key of 1024 bits",
            &small.certificate,
            false,
            &under_small,
            "key_size",
        ),
        case(
            "a CA with a P-521 key",
            &big_curve.certificate,
            false,
            &under_big,
            "key_algorithm",
        ),
        case(
            "a key where the CA belongs",
            &good.key,
            false,
            &own,
            "key_not_certificate",
        ),
        case(
            "a request where the CA belongs",
            &request,
            false,
            &own,
            "certificate_request",
        ),
        case(
            "PEM text where an image belongs",
            &good.certificate,
            true,
            &own,
            "pem_not_image",
        ),
        case(
            "hex digits where an image belongs",
            &hex,
            true,
            &own,
            "hex_text",
        ),
    ]
}

/// The status and the JSON of a run of `espat`.
fn espat(arguments: &[&str]) -> (i32, Value) {
    let said = output(
        command(env!("CARGO_BIN_EXE_espat"))
            .args(arguments)
            .arg("--json"),
    );
    let json = serde_json::from_slice(&said.stdout);
    let json = json.unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said:?}"));
    (said.status.code().expect("no signal ended it"), json)
}

/// Whether a finding has this code.
fn has(json: &Value, code: &str) -> bool {
    let findings = json.get("findings").and_then(Value::as_array);
    let mut findings = findings.expect("a list").iter();
    findings.any(|it| it.get("code").is_some_and(|it| it == code))
}

/// The bytes for partition `client_ca`, in a file.
fn image(case: &Case, folder: &Path) -> PathBuf {
    if case.as_it_is {
        return case.ca.clone();
    }
    let image = folder.join("image.bin");
    let items = ["ca", utf8(&case.ca)];
    let fixed = [
        "pki",
        "pack",
        "--force",
        "--partition",
        "client_ca",
        "-o",
        utf8(&image),
    ];
    let (status, json) = espat(&[&fixed[..], &items].concat());
    assert_eq!(status, 0, "{}: {json:#}", case.what);
    let found = has(&json, case.code);
    assert_eq!(found, case.known_before, "pack, {}: {json:#}", case.what);
    image
}

/// What the tools say of it.
fn tools_agree(case: &Case, image: &Path, server: &str) {
    let what = case.what;
    let (_, json) = espat(&["pki", "lint", "--partition", "client_ca", utf8(image)]);
    assert_eq!(
        has(&json, case.code),
        case.known_before,
        "lint, {what}: {json:#}"
    );

    let name = if case.name.is_empty() {
        vec![]
    } else {
        vec!["--name", case.name]
    };
    let fixed = ["verify", "--bin", utf8(image)];
    for source in [
        ["--chain", utf8(&case.own.certificate)],
        ["--connect", server],
    ] {
        let (status, json) = espat(&[&fixed[..], &source, &name].concat());
        let code = json.get("code").and_then(Value::as_str);
        assert_eq!(code, Some(case.code), "verify, {what}: {json:#}");
        assert_eq!(
            status == 0,
            case.code == "accepted",
            "verify, {what}: {json:#}"
        );
    }
    let fixed = ["doctor", server, "--bin", utf8(image)];
    let (status, json) = espat(&[&fixed[..], &name].concat());
    assert_eq!(
        status == 0,
        case.code == "accepted",
        "doctor, {what}: {json:#}"
    );
    assert!(
        status == 0 || has(&json, case.code),
        "doctor, {what}: {json:#}"
    );
}

/// What the modem makes of it.
fn modem_agrees(case: &Case, image: &Path, host: &mut Host, port: u16) {
    let what = case.what;
    host.load("client_ca", &fs::read(image).expect("it is there"));
    host.ok(&format!("AT+CIPSSLCCN=\"{}\"", case.name));
    let start = format!("AT+CIPSTART=\"SSL\",\"{ADDRESS}\",{port}");
    if case.code == "accepted" {
        host.ask(&start, "CONNECT\r\n\r\nOK\r\n");
        host.closes();
        return;
    }
    host.ask_until(&start, "\r\nERROR\r\n");
    let why = host.ask_until("AT+SSLWHY?", "\r\nOK\r\n");
    let end = format!(",\"{}\"\r\n", case.code);
    assert!(why.ends_with(&end), "modem, {what}: {why}");
}

#[test]
fn every_tool_and_the_modem_say_the_same_of_the_same_input() {
    let world = World::new();
    let folder = world.folder.path().to_owned();
    let make = Maker(&folder);
    let mut cases = cases_of_servers(&make);
    cases.extend(cases_of_cas(&make));
    let servers: Vec<TlsServer> = cases
        .iter()
        .map(|case| TlsServer::start(&case.own, &["-rev"], None))
        .collect();
    let mut world = world.option("--clock", "host");
    for (server, port) in servers.iter().zip(FIRST_PORT..) {
        world = world.server(port, server.address);
    }
    let modem = world.modem();
    let mut host = modem.switch_on();
    join(&mut host);
    host.ok("AT+CIPSSLCCONF=2,0,0");
    for ((case, server), port) in cases.iter().zip(&servers).zip(FIRST_PORT..) {
        let image = image(case, &folder);
        tools_agree(case, &image, &server.address.to_string());
        modem_agrees(case, &image, &mut host, port);
    }
}

/// By the rules of the other firmware, which has no Ed25519.
#[test]
fn by_the_rules_of_esp_at_ed25519_is_refused_everywhere() {
    let world = World::new();
    let folder = world.folder.path();
    let make = Maker(folder);
    let ca = make.root("ed", ED25519, &["-days", "30"]);
    let own = make.leaf("server", "/CN=server", SERVER, &ca, ED25519);
    let server = TlsServer::start(&own, &["-rev"], None);
    let (server, image) = (server.address.to_string(), folder.join("out.bin"));
    let (ca, own, image) = (utf8(&ca.certificate), utf8(&own.certificate), utf8(&image));
    for (device, accepted) in [("espat", true), ("esp-at", false)] {
        let device = ["--device", device];
        for line in [
            &["pki", "pack", "--force", "-o", image, "ca", ca][..],
            &["pki", "lint", image],
            &["verify", "--ca", ca, "--chain", own],
            &["verify", "--ca", ca, "--connect", &server],
            &["doctor", &server, "--ca", ca],
        ] {
            let (status, json) = espat(&[line, &device].concat());
            let forced = line.contains(&"--force");
            assert_eq!(
                status == 0,
                accepted || forced,
                "{line:?} {device:?}: {json:#}"
            );
            let found = has(&json, "unsupported_by_device") || has(&json, "key_algorithm");
            // An acceptance may have a note on the other device.
            assert!(found || accepted, "{line:?} {device:?}: {json:#}");
        }
    }
}
