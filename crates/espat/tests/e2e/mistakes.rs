//! Mistakes of a newcomer with files and command lines: what a tool prints is enough to mend each.
#![expect(clippy::indexing_slicing, reason = "a panic in a test is its verdict")]

use std::fs;
use std::path::Path;

use crate::support::pki::{Ca, KeyKind, VALID};
use crate::support::process::{command, output, program, run};
use crate::support::world::World;

/// How OpenSSL makes the files, in the folder with `ca.pem`, `srv.pem` and `srv.key`.
const MADE: &[&str] = &[
    "req -x509 -config test-CA/ca.cnf -extensions authority -nodes -newkey rsa:1024 -subj /CN=old -keyout r.key -out rsa1024.pem",
    "req -x509 -config test-CA/ca.cnf -extensions authority -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-521 -subj /CN=p521 -keyout p.key -out p521.pem",
    "x509 -in ca.pem -outform DER -out ca.der",
    "x509 -in ca.pem -noout -text -out ca.txt",
    "x509 -in ca.pem -trustout -out trusted.pem",
    "req -new -config test-CA/ca.cnf -key srv.key -subj /CN=server -out srv.csr",
    "x509 -req -in srv.csr -CA ca.pem -CAkey ca.key -set_serial 7 -out v1.pem",
    "pkcs12 -export -in srv.pem -inkey srv.key -passout pass:x -out s.p12",
    "crl2pkcs7 -nocrl -certfile ca.pem -out ca.p7b",
    "pkcs8 -topk8 -v2 aes-256-cbc -passout pass:x -in srv.key -out enc.key",
    "pkey -in srv.key -pubout -out pub.pem",
    "ecparam -name prime256v1 -out params.pem",
    "base64 -in ca.pem -out b64pem.txt",
    "base64 -in ca.der -out b64der.txt",
];

/// All files, in a folder of their own.
pub(crate) fn files(world: &World) {
    let folder = world.folder.path();
    let at = |name: &str| folder.join(name);
    let copy = |from: &Path, to: &str| {
        fs::copy(from, at(to)).expect("it is there");
    };
    let server = world.ca.leaf("server", KeyKind::P256, VALID);
    copy(&world.ca.own.certificate, "ca.pem");
    copy(&world.ca.own.key, "ca.key");
    copy(&server.certificate, "srv.pem");
    copy(&server.key, "srv.key");
    // Of the same name, with another key.
    let again = tempfile::tempdir().expect("a folder");
    let again = Ca::root(again.path(), "test CA", KeyKind::P256);
    copy(&again.own.certificate, "again.pem");
    copy(
        &Ca::root(folder, "other", KeyKind::P256).own.certificate,
        "other.pem",
    );
    for line in MADE {
        run(program("openssl").current_dir(folder).args(line.split(' ')));
    }
    let pem = fs::read_to_string(at("ca.pem")).expect("PEM");
    let der = fs::read(at("ca.der")).expect("DER");
    let hex = hex::encode(&der);
    let utf16 = "\u{feff}".encode_utf16().chain(pem.encode_utf16());
    let utf16: Vec<u8> = utf16.flat_map(u16::to_le_bytes).collect();
    let c_source: String = pem.lines().map(|it| format!("\"{it}\\n\"\n")).collect();
    let old = fs::read_to_string(at("rsa1024.pem")).expect("PEM");
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n";
    for (name, bytes) in [
        ("escaped.pem", pem.replace('\n', "\\n").into_bytes()),
        ("one-line.pem", pem.replace('\n', "").into_bytes()),
        ("indented.pem", pem.replace('\n', "\n  ").into_bytes()),
        ("cr.pem", pem.replace('\n', "\r").into_bytes()),
        ("utf16.pem", utf16),
        ("ca.h", c_source.into_bytes()),
        ("cut.pem", pem.as_bytes()[..pem.len() / 2].to_vec()),
        ("dash.pem", pem.replace("-----END", "----END").into_bytes()),
        ("hex.txt", hex.into_bytes()),
        ("empty.pem", Vec::new()),
        ("page.pem", b"<!DOCTYPE html>\n<html></html>\n".to_vec()),
        ("ca.zip", b"PK\x03\x04\x14\0\0\0".to_vec()),
        ("note.txt", b"the CA is in the safe\n".to_vec()),
        ("ssh", key.into()),
        ("two.pem", format!("{old}{pem}").into_bytes()),
        ("big.pem", pem.repeat(20).into_bytes()),
        ("erased.bin", vec![0xff; 4096]),
    ] {
        fs::write(at(name), bytes).expect("room");
    }
    fs::create_dir(at("folder")).expect("a new folder");
    for line in [
        "pki pack -o ca.bin ca ca.pem",
        "pki pack --force -o key.bin key srv.key",
    ] {
        run(command(env!("CARGO_BIN_EXE_espat"))
            .current_dir(folder)
            .args(line.split(' ')));
    }
}

/// A command line, the exit status, and what stands in the output.
const ROWS: &[(&str, i32, &[&str])] = &[
    (
        "pki pack -o o.bin ca ca.key",
        1,
        &["a private key, where a certificate belongs"],
    ),
    (
        "pki pack -o o.bin key ca.pem",
        1,
        &["a certificate, where a private key belongs"],
    ),
    (
        "pki pack -o o.bin ca srv.csr",
        1,
        &["use the certificate that the CA made of it"],
    ),
    (
        "pki pack -o o.bin ca s.p12",
        1,
        &["openssl pkcs12 -nodes takes certificate and key out"],
    ),
    (
        "pki pack -o o.bin ca ca.p7b",
        1,
        &["openssl pkcs7 -print_certs"],
    ),
    (
        "pki pack -o o.bin ca ca.txt",
        1,
        &["openssl x509 -in FILE writes its PEM"],
    ),
    (
        "pki pack -o o.bin ca trusted.pem",
        1,
        &["labelled TRUSTED CERTIFICATE"],
    ),
    (
        "pki pack -o o.bin ca pub.pem",
        1,
        &["a PUBLIC KEY alone: use the certificate"],
    ),
    (
        "pki pack -o o.bin ca escaped.pem",
        1,
        &["put real line ends there"],
    ),
    (
        "pki pack -o o.bin ca ca.h",
        1,
        &["put real line ends there, without quotes"],
    ),
    (
        "pki pack -o o.bin ca one-line.pem",
        1,
        &["no line ends: BEGIN and END lines stand alone"],
    ),
    (
        "pki pack -o o.bin ca indented.pem",
        1,
        &["lines begin with blanks"],
    ),
    ("pki pack -o o.bin ca cr.pem", 1, &["save it with LF"]),
    ("pki pack -o o.bin ca utf16.pem", 1, &["save it as UTF-8"]),
    (
        "pki pack -o o.bin ca cut.pem",
        1,
        &["the end of the file is missing"],
    ),
    ("pki pack -o o.bin ca dash.pem", 1, &["five dashes"]),
    ("pki pack -o o.bin ca hex.txt", 1, &["xxd -r -p"]),
    ("pki pack -o o.bin ca b64pem.txt", 1, &["base64 -d"]),
    (
        "pki pack -o o.bin ca b64der.txt",
        1,
        &["use the whole PEM file"],
    ),
    ("pki pack -o o.bin ca empty.pem", 1, &["empty.pem: empty"]),
    (
        "pki pack -o o.bin ca page.pem",
        1,
        &["a web page, not a certificate"],
    ),
    (
        "pki pack -o o.bin ca ca.zip",
        1,
        &["an archive (ZIP, gzip, 7z): unpack it"],
    ),
    ("pki pack -o o.bin ca note.txt", 1, &["neither PEM nor DER"]),
    (
        "pki pack -o o.bin ca ssh",
        1,
        &["ssh-keygen -p -m PEM -f FILE"],
    ),
    (
        "pki pack -o o.bin key params.pem",
        1,
        &["openssl ecparam -genkey"],
    ),
    (
        "pki pack -o o.bin key enc.key",
        1,
        &["openssl pkey -in key.pem -out plain.pem"],
    ),
    (
        "pki pack -o o.bin ca ca.bin",
        1,
        &["a PKI image, where the bare PEM or DER file belongs"],
    ),
    (
        "pki pack -o o.bin ca big.pem",
        1,
        &["for a partition of 8192", "too_big_for_8k_partition"],
    ),
    (
        "pki pack -o o.bin ca rsa1024.pem",
        0,
        &["RSA key of 1024 bits; 2048 to 4096 are taken"],
    ),
    (
        "pki pack -o o.bin ca two.pem",
        0,
        &["certificate 0, CN=old: this modem refuses each session with it"],
    ),
    (
        "pki pack -o o.bin ca p521.pem",
        0,
        &["elliptic curve p-521"],
    ),
    (
        "pki pack -o o.bin ca srv.pem",
        0,
        &["is not a certificate authority"],
    ),
    (
        "pki pack -o o.bin cert srv.pem key ca.key",
        1,
        &["the private key does not belong to the certificate of item 0"],
    ),
    (
        "pki pack -o o.bin cert v1.pem",
        0,
        &["openssl x509 -req needs -extfile"],
    ),
    (
        "pki pack -o o.bin ca folder",
        1,
        &["folder: it is a directory"],
    ),
    (
        "pki pack -o o.bin ca nothing.pem",
        1,
        &["cannot read nothing.pem: No such file"],
    ),
    (
        "pki pack -o no/folder/o.bin ca ca.pem",
        1,
        &["there is no folder no/folder"],
    ),
    (
        "pki pack -o o.bin ca.pem ca.pem",
        2,
        &["'ca.pem' is not ca, cert or key"],
    ),
    (
        "pki pack -o ca.pem ca ca.pem",
        2,
        &["ca.pem is to be packed and to be replaced"],
    ),
    (
        "pki lint ca.pem",
        1,
        &["PEM text, not an image: use espat pki pack"],
    ),
    (
        "pki lint ca.der",
        1,
        &["a DER file, not an image: use espat pki pack"],
    ),
    ("pki lint erased.bin", 1, &["erased"]),
    (
        "pki lint --partition client_key ca.bin",
        1,
        &[
            "labelled ca, the partition is for key",
            "a certificate, where a private key belongs",
        ],
    ),
    (
        "pki lint --partition clientca ca.bin",
        2,
        &["expected a name like client_ca"],
    ),
    (
        "pki nvs pack -o o.bin client_ca=ca.key",
        1,
        &[
            "a private key, where a certificate belongs",
            "o.bin was not written",
        ],
    ),
    (
        "pki nvs list ca.bin",
        1,
        &["are not whole pages of 4096 bytes"],
    ),
    (
        "verify --ca other.pem --chain srv.pem",
        1,
        &["no chain to the loaded CA", "CN=test CA"],
    ),
    (
        "verify --ca again.pem --chain srv.pem",
        1,
        &["the CA has the right name, but another key signed this"],
    ),
    (
        "verify --ca ca.pem --chain srv.pem --name other.local",
        1,
        &["certificate is for another name: IP:192.168.3.129, DNS:broker.local"],
    ),
    (
        "verify --ca ca.pem --chain srv.pem --name https://broker.local",
        2,
        &["is no DNS name and no IP address"],
    ),
    (
        "verify --ca ca.pem --chain srv.pem --at 1970-01-01T00:00:00Z",
        1,
        &["not valid before", "the clock says 1970-01-01T00:00:00Z"],
    ),
    (
        "verify --ca ca.pem --chain srv.pem --at 2026-01-01",
        2,
        &["not a date and time like 2026-01-01T00:00:00Z"],
    ),
    (
        "verify --ca ca.pem --chain v1.pem",
        1,
        &["openssl x509 -req needs -extfile"],
    ),
    (
        "verify --ca ca.pem --chain srv.key",
        1,
        &["srv.key: a private key, where a certificate belongs"],
    ),
    (
        "verify --ca ca.key --chain srv.pem",
        1,
        &["a private key, where a certificate belongs"],
    ),
    (
        "verify --ca ca.bin --chain srv.pem",
        1,
        &["--bin takes an image"],
    ),
    (
        "verify --bin ca.pem --chain srv.pem",
        1,
        &["use espat pki pack"],
    ),
    (
        "verify --bin ca.bin:3 --chain srv.pem",
        1,
        &["no CA item 3: there is item 0 alone"],
    ),
    (
        "verify --bin key.bin --chain srv.pem",
        1,
        &["a private key, where a certificate belongs"],
    ),
    (
        "verify --ca ca.pem --connect 127.0.0.1:1",
        1,
        &["server refused the connection"],
    ),
    (
        "verify --ca ca.pem --connect broker.local",
        2,
        &["such as broker.local:8883"],
    ),
    ("verify --ca ca.pem", 2, &["--connect <HOST:PORT>"]),
    (
        "doctor 127.0.0.1:1 --ca ca.pem",
        1,
        &["is the server running, is this its TLS port"],
    ),
    (
        "doctor no.such.host.invalid:8883 --ca ca.pem",
        1,
        &["check the spelling and the DNS server"],
    ),
    (
        "doctor https://broker.local:8883/ --ca ca.pem",
        2,
        &["such as broker.local:8883"],
    ),
    (
        "doctor 127.0.0.1:1 --ca ca.key",
        1,
        &["give the CA's certificate in PEM or DER"],
    ),
    (
        "push --port /dev/no-such-port client_ca ca.pem",
        1,
        &["cannot open /dev/no-such-port: No such file"],
    ),
    (
        "push --port 127.0.0.1:1 client_ca ca.pem",
        1,
        &["a TCP port is written tcp://127.0.0.1:1"],
    ),
    ("push --port COM3 client_ca ca.pem", 1, &["/dev/ttyUSB0"]),
    (
        "push --port /dev/null client_ca ca.pem",
        1,
        &["it is no serial port"],
    ),
    (
        "push --port /dev/no-such-port clientca ca.pem",
        2,
        &["expected a name like client_ca"],
    ),
    ("push client_ca ca.pem", 2, &["--port <DEV>"]),
    (
        "flash-image -o o.bin client_ca=ca.key",
        1,
        &[
            "a private key, where a certificate belongs",
            "--force writes it all the same",
        ],
    ),
    (
        "flash-image -o o.bin client_key=enc.key",
        1,
        &["openssl pkey -in key.pem -out plain.pem"],
    ),
    (
        "flash-image -o o.bin client_ca=nothing.pem",
        1,
        &["cannot read nothing.pem"],
    ),
    (
        "flash-image -o o.bin client_ca ca.pem",
        2,
        &["such as client_ca=ca.pem"],
    ),
    (
        "flash-image -o o.bin clientca=ca.pem",
        1,
        &["clientca: no such partition"],
    ),
    (
        "flash-image --inspect ca.pem",
        1,
        &["no partition table at 0x8000"],
    ),
    ("sim --stdio --flash ca.pem", 1, &["are no flash image"]),
    ("sim --stdio --ap iot,short", 2, &["WPA takes 8 to 63"]),
    (
        "sim --stdio --map 192.168.3.129=127.0.0.1:1",
        2,
        &["like example.org:443"],
    ),
    ("sim --stdio --clock now", 2, &["2026-01-01T00:00:00Z"]),
    ("sim --listen 8080", 2, &["like 127.0.0.1:2323"]),
    ("explain issuer_unkown", 1, &["is issuer_unknown meant?"]),
    ("explain ERROR", 0, &["AT+SYSLOG=1"]),
    ("explain flags 8", 0, &["NOT_TRUSTED"]),
    ("replay ca.pem", 1, &["is no transcript: line 1"]),
    ("veriffy", 2, &["'verify'"]),
];

/// What is wrong with the exit status or the output of `espat` with these words.
pub(crate) fn wrong_output(
    world: &World,
    words: &[&str],
    status: i32,
    says: &[&str],
) -> Option<String> {
    let mut espat = command(env!("CARGO_BIN_EXE_espat"));
    let said = output(espat.current_dir(world.folder.path()).args(words));
    let text = [said.stdout, said.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let missing: Vec<_> = says.iter().filter(|it| !text.contains(**it)).collect();
    let wrong = said.status.code() != Some(status) || !missing.is_empty();
    wrong.then(|| format!("{words:?}: {:?}, without {missing:?}: {text}", said.status))
}

#[test]
fn each_mistake_with_a_file_or_a_command_line_is_named() {
    let world = World::new();
    files(&world);
    let wrong = ROWS.iter().filter_map(|(line, status, says)| {
        let words: Vec<&str> = line.split(' ').collect();
        wrong_output(&world, &words, *status, says)
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
