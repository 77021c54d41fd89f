//! What people report of firmware with esp-tls or Mbed TLS: each kind of report as an input, and what is said of it here.
//!
//! The source of a report is beside it. Lines of logs are as a program prints them; files are made with OpenSSL.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use crate::mistakes::{files, wrong_output};
use crate::support::pki::{Ca, KeyKind, VALID};
use crate::support::process::{program, run};
use crate::support::servers::{Nobody, TlsServer};
use crate::support::world::{PORT, World, join, start};

/// Where it was reported, a line of its log, and what `espat explain` says.
const LINES: &[(&str, &str, &[&str])] = &[
    (
        "https://github.com/espressif/esp-at/issues/786",
        "mbedtls_pk_parse_keyfile returned -0x3D20",
        &["PK_KEY_INVALID_FORMAT", "espat pki lint"],
    ),
    (
        "https://github.com/SmartThingsCommunity/st-device-sdk-c-ref/issues/150",
        "mbedtls_x509_crt_parse returned -0x112c",
        &["PEM_INVALID_DATA", "BASE64_INVALID_CHARACTER"],
    ),
    (
        "https://github.com/espressif/esp-idf/issues/14739",
        "E (34252) esp-tls-mbedtls: mbedtls_pk_parse_keyfile returned -0x1280",
        &[
            "PEM_UNKNOWN_ENC_ALG",
            "openssl pkey -in key.pem -out plain.pem",
        ],
    ),
    (
        "https://github.com/meshtastic/firmware/issues/6960",
        "mbedtls_ssl_setup res=FFFF8100 (SSL - Memory allocation failed)",
        &["Memory allocation failed", "SSL_ALLOC_FAILED"],
    ),
    (
        "https://github.com/Mbed-TLS/mbedtls/issues/503",
        "SERVER_HELLO...ret = 0xffff8880 failed",
        &["SSL_FATAL_ALERT_MESSAGE"],
    ),
    (
        "https://github.com/Mbed-TLS/mbedtls/issues/9429",
        "mbedtls_pk_parse_key ERROR 0xFFFFC300",
        &["PK_KEY_INVALID_FORMAT"],
    ),
    (
        "https://github.com/aws/aws-iot-device-sdk-embedded-C/issues/1898",
        "mbedtls: ssl_msg.c:4799 is a fatal alert message (msg 70)",
        &["protocol_version", "enable TLS 1.2 or 1.3 on the server"],
    ),
    (
        "https://github.com/espressif/esp-idf/issues/2993",
        "verification info:   ! The certificate is signed with an unacceptable key (eg bad curve, RSA too short).",
        &["RSA key that is too short", "RSA of 2048 bits or more"],
    ),
    (
        "https://github.com/espressif/esp-idf/issues/11153",
        "esp-tls: couldn't get hostname for :x.cloud: getaddrinfo() returns 202, addrinfo=0x0",
        &["the name has no address"],
    ),
    (
        "https://github.com/eclipse-mosquitto/mosquitto/issues/764",
        "error:1417C0C7:SSL routines:tls_process_client_certificate:peer did not return a certificate",
        &["AT+CIPSSLCCONF=3,0,0"],
    ),
    (
        "https://github.com/espressif/esp-mqtt/issues/192",
        "error:1417B07B:SSL routines:tls_process_cert_verify:bad signature",
        &["certificate and key do not belong together"],
    ),
    (
        "https://github.com/eclipse-mosquitto/mosquitto/issues/1534",
        "error:1419E0DF:SSL routines:tls_process_cke_psk_preamble:psk identity not found",
        &["AT+CIPSSLCPSK"],
    ),
    (
        "https://github.com/eclipse-paho/paho.mqtt.python/issues/451",
        "error:1417A0C1:SSL routines:tls_post_process_client_hello:no shared cipher",
        &["no cipher suite in common"],
    ),
    (
        "https://github.com/espressif/arduino-esp32/issues/279",
        "SSL - No CA Chain is set, but required to operate",
        &["load `client_ca`"],
    ),
    (
        "https://github.com/espressif/esp-aws-iot/issues/183",
        "returned [0x8015] (ESP_ERR_MBEDTLS_X509_CRT_PARSE_FAILED)",
        &["a certificate in flash cannot be read"],
    ),
    (
        "https://github.com/espressif/arduino-esp32/issues/10026",
        "esp-tls-mbedtls: mbedtls_ssl_handshake returned -0x2080",
        &["X509_FEATURE_UNAVAILABLE"],
    ),
    (
        "https://github.com/espressif/esp-idf/issues/139",
        "mbedtls_ssl_handshake returned -0x428e",
        &[
            "RSA_PUBLIC_FAILED",
            "a number larger than the hardware takes",
        ],
    ),
    (
        "https://github.com/espressif/esp-idf/issues/14470",
        "esp_http_client mbedtls_ssl_handshake returned -0x3000",
        &["X509_FATAL_ERROR", "six intermediates"],
    ),
    (
        "https://github.com/knolleary/pubsubclient/issues/594",
        "error:14094412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate",
        &["bad_certificate"],
    ),
];

/// Where it was reported, what it was, a command with it, the exit status, and what the output says.
const FILES: &[(&str, &str, &str, i32, &[&str])] = &[
    (
        "https://github.com/espressif/esp-at/issues/347",
        "the roots of a whole vendor, in a partition of 8 KiB",
        "pki pack -o o.bin ca big.pem",
        1,
        &["for a partition of 8192"],
    ),
    (
        "https://github.com/espressif/esp-idf/issues/5177",
        "a certificate as source text",
        "pki pack -o o.bin ca ca.h",
        1,
        &["put real line ends there"],
    ),
    (
        "https://github.com/espressif/esp-mqtt/issues/84",
        "the server's own certificate, shown by s_client, loaded as its CA",
        "pki pack -o o.bin ca srv.pem",
        0,
        &["is not a certificate authority"],
    ),
    (
        "https://github.com/espressif/esp-mqtt/issues/45",
        "CA, certificate and key in one file",
        "pki pack -o o.bin ca both.pem",
        0,
        &["objects of several kinds in one item"],
    ),
    (
        "https://github.com/tuanpmt/esp_mqtt/issues/98",
        "a key under a password",
        "pki pack -o o.bin key enc.key",
        1,
        &["openssl pkey -in key.pem -out plain.pem"],
    ),
    (
        "https://github.com/espressif/esp-idf/issues/2296",
        "a CA of RSA 1024 bits",
        "pki pack -o o.bin ca rsa1024.pem",
        0,
        &["RSA key of 1024 bits"],
    ),
    (
        "https://github.com/espressif/arduino-esp32/issues/5021",
        "certificates of openssl x509 -req without extensions",
        "verify --ca ca.pem --chain v1.pem",
        1,
        &["openssl x509 -req needs -extfile"],
    ),
    (
        "https://github.com/Mbed-TLS/mbedtls/issues/2394",
        "a certificate signed with SHA-1",
        "verify --ca ca.pem --chain sha1.pem",
        1,
        &["signature algorithm is not taken", "sha1"],
    ),
    (
        "https://github.com/espressif/esp-idf/issues/15970",
        "a subjectAltName with a URI and no host name",
        "verify --ca ca.pem --chain uri.pem --name broker.local",
        1,
        &["subjectAltName has neither a DNS name nor an address"],
    ),
    (
        "https://github.com/Mbed-TLS/mbedtls/issues/5082",
        "an address as iPAddress",
        "verify --ca ca.pem --chain srv.pem --name 192.168.3.129",
        0,
        &["accepted"],
    ),
    (
        "https://github.com/thomasnordquist/MQTT-Explorer/issues/598",
        "an address in the CN alone",
        "verify --ca ca.pem --chain cn.pem --name 192.168.3.129",
        0,
        &["accepted", "for 192.168.3.129"],
    ),
    (
        "https://github.com/espressif/arduino-esp32/issues/3155",
        "a certificate pinned, and renewed since",
        "verify --ca srv.pem --chain renewed.pem",
        1,
        &["no chain to the loaded CA", "CN=test CA"],
    ),
    (
        "https://github.com/espressif/esp-idf/issues/14239",
        "a certificate that came back for clients alone",
        "verify --ca ca.pem --chain client.pem",
        1,
        &["extendedKeyUsage lacks serverAuth"],
    ),
    (
        "https://github.com/espressif/esp-idf/issues/12220",
        "an intermediate that the server does not send",
        "verify --ca ca.pem --chain below.pem",
        1,
        &["no chain to the loaded CA", "CN=middle"],
    ),
    (
        "https://github.com/espressif/arduino-esp32/issues/1361",
        "a certificate for a hundred years",
        "verify --ca ca.pem --chain century.pem",
        0,
        &["accepted"],
    ),
];

#[test]
fn lines_of_reported_logs_are_explained() {
    let world = World::new();
    let wrong = LINES.iter().filter_map(|(source, line, says)| {
        let wrong = wrong_output(&world, &["explain", line], 0, says)?;
        Some(format!("{source}: {wrong}"))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Certificates of this CA that only reports have.
fn more_files(world: &World) {
    let folder = world.folder.path();
    let at = |name: &str| folder.join(name);
    let sign = "x509 -req -in srv.csr -CA ca.pem -CAkey ca.key -set_serial 9 -extfile";
    fs::write(at("uri.ext"), "subjectAltName=URI:broker.local\n").expect("room");
    fs::write(at("ca-false.ext"), "basicConstraints=CA:FALSE\n").expect("room");
    for line in [
        format!("{sign} ca-false.ext -sha1 -out sha1.pem"),
        format!("{sign} uri.ext -out uri.pem"),
        format!("{sign} ca-false.ext -days 36500 -out century.pem"),
        "req -new -config test-CA/ca.cnf -key srv.key -subj /CN=192.168.3.129 -out cn.csr"
            .to_owned(),
        format!(
            "{} ca-false.ext -out cn.pem",
            sign.replace("srv.csr", "cn.csr")
        ),
    ] {
        run(program("openssl").current_dir(folder).args(line.split(' ')));
    }
    let middle = world.ca.intermediate("middle", KeyKind::P256);
    for (from, to) in [
        (
            world.ca.leaf("renewed", KeyKind::P256, VALID),
            "renewed.pem",
        ),
        (
            world.ca.client("client", KeyKind::P256, VALID),
            "client.pem",
        ),
        (middle.leaf("below", KeyKind::P256, VALID), "below.pem"),
    ] {
        fs::copy(from.certificate, at(to)).expect("it is there");
    }
    let both = ["ca.pem", "srv.pem", "srv.key"].map(|it| fs::read(at(it)).expect("made"));
    fs::write(at("both.pem"), both.concat()).expect("room");
}

#[test]
fn reported_files_are_judged_and_named() {
    let world = World::new();
    files(&world);
    more_files(&world);
    let wrong = FILES
        .iter()
        .filter_map(|(source, what, line, status, says)| {
            let words: Vec<&str> = line.split(' ').collect();
            let wrong = wrong_output(&world, &words, *status, says)?;
            Some(format!("{source}: {what}: {wrong}"))
        });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where it was reported, the commands, and what `AT+SSLWHY?` says after the last one, which is refused.
const PORT_REPORTS: &[(&str, &[&str], &[&str])] = &[
    // An image that was read with operation 2, where 1 writes.
    (
        "https://github.com/espressif/esp-at/issues/476",
        &[
            "AT+CIPSSLCCONF=2,0,0",
            "AT+CIPSTART=\"SSL\",\"192.168.3.129\",8739",
        ],
        &["no CA loaded: the partition is erased", "ca_erased"],
    ),
    // The mode alone, with several links.
    (
        "https://github.com/espressif/esp-at/issues/590",
        &["AT+CIPMUX=1", "AT+CIPSSLCCONF=2"],
        &["needed: 2", "AT+CIPSSLCCONF"],
    ),
    // Three parameters where several links need four.
    (
        "https://github.com/espressif/esp-at/issues/133",
        &["AT+CIPMUX=1", "AT+CIPSSLCCONF=0,2,0,0,0"],
        &["needed: 4"],
    ),
    // The port in quotes.
    (
        "https://github.com/MaJerle/lwcell/issues/49",
        &[
            "AT+CIPMUX=1",
            "AT+CIPSTART=1,\"SSL\",\"192.168.3.129\",\"8739\"",
        ],
        &["parameter 3 is a number in quotes", "'8739' in AT+CIPSTART"],
    ),
    // A client certificate is asked for, and none was written.
    (
        "https://github.com/MaJerle/lwesp/issues/52",
        &[
            "AT+CIPSSLCCONF=1,0",
            "AT+CIPSTART=\"SSL\",\"192.168.3.129\",8739",
        ],
        &["no certificate of ours loaded", "cert_erased"],
    ),
];

#[test]
fn reported_commands_have_their_reason() {
    let world = World::new().option("--clock", "host");
    let world = world.server(PORT, Nobody::new().address());
    let modem = world.modem();
    let mut host = modem.switch_on();
    join(&mut host);
    for (source, lines, says) in PORT_REPORTS {
        host.ok("AT+CIPMUX=0");
        let (last, before) = lines.split_last().expect("a command");
        for line in before.iter() {
            host.ok(line);
        }
        host.ask_until(last, "ERROR\r\n");
        let why = host.ask_until("AT+SSLWHY?", "\r\nOK\r\n");
        assert!(says.iter().all(|it| why.contains(it)), "{source}: {why}");
    }
}

/// What the modem says of a server.
fn of_server(world: World, address: std::net::SocketAddr, clock: Option<&str>) -> String {
    let world = world.server(PORT, address);
    let modem = world.modem();
    let mut host = modem.switch_on();
    world.prepare(&mut host);
    if let Some(line) = clock {
        host.ok("AT+SYSLOG=1");
        host.send(format!("{line}\r\n").as_bytes());
        let said = host.until(",\"sntp_failed\"\r\n");
        if !said.contains("\r\nOK\r\n") {
            host.until("\r\nOK\r\n");
        }
        host.ok("AT+SYSLOG=0");
    }
    host.ask_until(&start(PORT), "ERROR\r\n");
    host.ask_until("AT+SSLWHY?", "\r\nOK\r\n")
}

/// <https://github.com/espressif/esp-at/issues/432>: a session before the time is known.
/// <https://github.com/espressif/esp-at/issues/245>: a time server that has no address.
#[test]
fn a_clock_that_is_not_set_says_what_became_of_sntp() {
    for (clock, says) in [
        (None, "clock not set: dates cannot be checked"),
        (
            Some("AT+CIPSNTPCFG=1,1,\"1.us.pool.ntp.invalid\""),
            "1.us.pool.ntp.invalid",
        ),
    ] {
        let world = World::new();
        let server = world.ca.leaf("server", KeyKind::P256, VALID);
        let server = TlsServer::reversing(&server, &[]);
        let why = of_server(world, server.address, clock);
        assert!(
            why.contains(says) && why.contains("\"clock_not_set\""),
            "{why}"
        );
    }
}

/// <https://github.com/espressif/esp-at/issues/384>: the CA of one server, and a session with another.
#[test]
fn another_server_names_the_issuer_that_is_not_loaded() {
    let world = World::new().option("--clock", "host");
    let other = Ca::root(world.folder.path(), "Public Root R1", KeyKind::P256);
    let server = other.leaf("other", KeyKind::P256, VALID);
    let server = TlsServer::reversing(&server, &[]);
    let why = of_server(world, server.address, None);
    assert!(
        why.contains("\"CN=Public Root R1\",\"no chain to the loaded CA"),
        "{why}"
    );
}

/// <https://github.com/espressif/arduino-esp32/issues/2733>: TLS to a port that speaks plain HTTP.
#[test]
fn a_port_of_plain_http_is_called_one() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let server = thread::spawn(move || {
        let (mut peer, _) = listener.accept().expect("the modem");
        let mut hello = [0; 1024];
        let _ = peer.read(&mut hello);
        let _ = peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let why = of_server(World::new().option("--clock", "host"), address, None);
    assert!(why.contains("as HTTP begins"), "{why}");
    server.join().expect("it ends");
}

/// <https://github.com/home-assistant/addons/issues/2350>: a server that demands a certificate of the client.
#[test]
fn a_server_that_demands_a_certificate_says_so() {
    let world = World::new();
    let server = world.ca.leaf("server", KeyKind::P256, VALID);
    let server = TlsServer::reversing(&server, &["-Verify", "1", "-verify_return_error"]);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    // In TLS 1.3 a client is refused after its own part of the handshake.
    host.ask(&start(PORT), "CONNECT\r\n\r\nOK\r\n");
    host.hears("CLOSED\r\n");
    let why = host.ask_until("AT+SSLWHY?", "\r\nOK\r\n");
    assert!(why.contains("certificate required (116)"), "{why}");
    assert!(why.contains("wants a certificate from us"), "{why}");
}
