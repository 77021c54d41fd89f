//! Every way a session can be refused: what an old host sees, the reason for those who ask, and a
//! modem that goes on.
//!
//! ESP-AT command set: A.9 (`ERROR`), A.13 (`AT+SYSLOG`), E (numbers).

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::modem::Host;
use crate::support::pki::{Ca, EXPIRED, FUTURE, KeyKind, NAME, VALID, pack_ca};
use crate::support::servers::{Nobody, NtpServer, TlsServer};
use crate::support::world::{PORT, World, join, start};
use x509_facts::Timestamp;

/// The port of a server that is as it should be, where [`PORT`] has one that is not.
const GOOD_PORT: u16 = 8740;

/// A refusal and the reason for it.
#[derive(Debug, Clone, Copy)]
struct Refusal {
    /// What comes before `ERROR` in any case.
    notice: &'static str,
    /// `+SSLWHY` without its head.
    why: &'static str,
    errno: i32,
}

const fn refusal(why: &'static str, errno: i32) -> Refusal {
    Refusal {
        notice: "",
        why,
        errno,
    }
}

const NO_CA: Refusal = Refusal {
    notice: "NO CA FOUND\r\n",
    ..refusal(
        r#""setup",-0x7680,0x00000000,0,"","","no CA loaded: the partition is erased","ca_erased""#,
        -0x7680,
    )
};
const OTHER_CA: Refusal = refusal(
    r#""certificate",-0x2700,0x00000008,0,"CN=server","CN=test CA","no chain to the loaded CA","issuer_unknown""#,
    0x08,
);
const NO_CLOCK: Refusal = refusal(
    r#""certificate",-0x2700,0x00000200,0,"CN=server","2020-01-01T00:00:00Z","clock not set: dates cannot be checked","clock_not_set""#,
    0x0200,
);
const TOO_OLD: Refusal = refusal(
    r#""certificate",-0x2700,0x00000001,0,"CN=server","2021-01-01T00:00:00Z","expired on 2021-01-01T00:00:00Z","expired""#,
    0x01,
);
const TOO_YOUNG: Refusal = refusal(
    r#""certificate",-0x2700,0x00000200,0,"CN=server","2090-01-01T00:00:00Z","not valid before 2090-01-01T00:00:00Z","not_yet_valid""#,
    0x0200,
);
const OTHER_NAME: Refusal = refusal(
    r#""certificate",-0x2700,0x00000004,0,"CN=server","other.local","certificate is for another name: IP:192.168.3.129, DNS:broker.local","name_mismatch""#,
    0x04,
);
const NOBODY: Refusal = refusal(
    r#""tcp",-0x0044,0x00000000,0,"","","server refused the connection","connection_refused""#,
    -0x0044,
);
const TLS11: Refusal = refusal(
    r#""hello",-0x6e80,0x00000000,0,"","","server takes no version from TLS 1.2 to TLS 1.3","server_version""#,
    -0x6e80,
);
const NO_CHAIN: Refusal = refusal(
    r#""certificate",-0x2700,0x00000008,0,"CN=server","CN=test intermediate","no chain to the loaded CA","issuer_unknown""#,
    0x08,
);
const ALL: [Refusal; 9] = [
    NO_CA, OTHER_CA, NO_CLOCK, TOO_OLD, TOO_YOUNG, OTHER_NAME, NOBODY, TLS11, NO_CHAIN,
];

/// Opening a session is refused like this; the reason is reported on request and, with `AT+SYSLOG=1`, unasked.
/// A reason without the time of the modem's clock, which must be that of this machine to two minutes.
fn without_clock(said: &str) -> String {
    const WORDS: &str = "; the clock says ";
    let Some((before, rest)) = said.split_once(WORDS) else {
        return said.to_owned();
    };
    let (clock, after) = rest.split_once('"').expect("the end of the sentence");
    let clock: Timestamp = clock.parse().expect("a time");
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("after 1970").as_secs();
    let now = i64::try_from(now).expect("a time");
    assert!((now - clock.as_unix()).abs() < 120, "{said}");
    format!("{before}\"{after}")
}

fn refused(host: &mut Host, expected: Refusal) {
    let Refusal { notice, why, errno } = expected;
    host.ask(&start(PORT), &format!("{notice}\r\nERROR\r\n"));
    host.ok("AT");
    let said = host.ask_until("AT+SSLWHY?", "\r\nOK\r\n");
    assert_eq!(without_clock(&said), format!("+SSLWHY:0,{why}\r\n"));

    host.ok("AT+SYSLOG=1");
    let reported = format!("+SSLWHY:0,{why}\r\n+ERRNO:{errno}\r\nERR CODE:0x010a0000\r\n");
    let said = host.ask_until(&start(PORT), "\r\nERROR\r\n");
    assert_eq!(without_clock(&said), format!("{notice}{reported}"));
    host.ok("AT+SYSLOG=0");
    host.ask("AT+CIPCLOSE", "\r\nERROR\r\n");
    host.ok("AT");
}

/// The modem is none the worse for it.
fn then_connects(host: &mut Host, port: u16) {
    host.ask(&start(port), "CONNECT\r\n\r\nOK\r\n");
    host.transmit(b"abc\r\n");
    assert_eq!(host.ipd(), b"cba\n");
    host.ask("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
    host.ok("AT");
}

fn good_server(world: &World) -> TlsServer {
    TlsServer::reversing(&world.ca.leaf("server", KeyKind::P256, VALID), &[])
}

#[test]
fn no_two_refusals_have_the_same_reason() {
    for (at, one) in ALL.iter().enumerate() {
        for other in ALL.iter().skip(at + 1) {
            assert_ne!(one.why, other.why);
        }
    }
}

#[test]
fn no_ca_was_loaded() {
    let world = World::new();
    let server = good_server(&world);
    let world = world.server(PORT, server.address).option("--clock", "host");
    let modem = world.modem();
    let mut host = modem.switch_on();
    join(&mut host);
    host.ok("AT+CIPSSLCCONF=2,0,0");
    refused(&mut host, NO_CA);
    host.load("client_ca", &world.image());
    then_connects(&mut host, PORT);
}

#[test]
fn another_ca_was_loaded() {
    let world = World::new();
    let server = good_server(&world);
    let other = Ca::root(world.folder.path(), "other CA", KeyKind::P256);
    let (world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.load("client_ca", &pack_ca(&other.own.certificate));
    refused(&mut host, OTHER_CA);
    host.load("client_ca", &world.image());
    then_connects(&mut host, PORT);
}

#[test]
fn the_clock_was_never_set() {
    let world = World::new();
    let server = good_server(&world);
    let ntp = NtpServer::start(world.folder.path());
    let world = world
        .server(PORT, server.address)
        .map("time.local:123", ntp.address);
    let modem = world.modem();
    let mut host = modem.switch_on();
    world.prepare(&mut host);
    refused(&mut host, NO_CLOCK);
    host.ok("AT+CIPSNTPCFG=1,0,\"time.local\"");
    host.hears("+TIME_UPDATED\r\n");
    then_connects(&mut host, PORT);
}

/// Neither unknown nor past any date: the certificate is good at that time as at any. The floor is that
/// of the build.
#[test]
fn the_clock_says_what_cannot_be() {
    let world = World::new();
    let server = good_server(&world);
    let world = world.server(PORT, server.address);
    let modem = world.modem();
    let mut host = modem.switch_on();
    world.prepare(&mut host);
    // 2022-09-21T13:46:40Z, within the dates of the server's certificate.
    host.ok("AT+SYSTIMESTAMP=1663768000");
    host.ask(&start(PORT), "\r\nERROR\r\n");
    let why = host.ask_until("AT+SSLWHY?", "\r\nOK\r\n");
    let head = r#"+SSLWHY:0,"certificate",-0x2700,0x00000200,0,"CN=server","20"#;
    let words = r#","clock says 2022-09-21T13:4"#;
    assert!(why.starts_with(head) && why.contains(words), "{why}");
    let (_, floor) = why.split_once("cannot be before ").expect("the floor");
    // It is what was wanted.
    let (floor, code) = floor.split_once("\",\"").expect("a code");
    assert!(code.starts_with("clock_before_floor\""), "{why}");
    assert!(why.contains(&format!("\"{floor}\",\"clock")), "{why}");
    // The same clock is good enough where no date is checked.
    host.ok("AT+CIPSSLCCONF=0");
    then_connects(&mut host, PORT);
    host.ok("AT+CIPSSLCCONF=2,0,0");
    // The CA was made a moment ago.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("after 1970").as_secs();
    host.ok(&format!("AT+SYSTIMESTAMP={now}"));
    then_connects(&mut host, PORT);
}

/// A server that is refused, beside one that is not.
fn bad_server(make: impl FnOnce(&World) -> TlsServer, expected: Refusal) {
    let world = World::new();
    let (bad, good) = (make(&world), good_server(&world));
    let (_world, _modem, mut host) = world
        .server(PORT, bad.address)
        .server(GOOD_PORT, good.address)
        .ready();
    refused(&mut host, expected);
    then_connects(&mut host, GOOD_PORT);
}

#[test]
fn the_certificate_has_expired() {
    bad_server(
        |world| TlsServer::reversing(&world.ca.leaf("server", KeyKind::P256, EXPIRED), &[]),
        TOO_OLD,
    );
}

#[test]
fn the_certificate_is_not_yet_valid() {
    bad_server(
        |world| TlsServer::reversing(&world.ca.leaf("server", KeyKind::Rsa2048, FUTURE), &[]),
        TOO_YOUNG,
    );
}

#[test]
fn the_server_speaks_tls_1_1_only() {
    bad_server(
        |world| {
            let own = world.ca.leaf("server", KeyKind::P256, VALID);
            TlsServer::start(
                &own,
                &["-rev", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                None,
            )
        },
        TLS11,
    );
}

#[test]
fn the_server_keeps_its_intermediate_to_itself() {
    bad_server(
        |world| {
            let middle = world.ca.intermediate("test intermediate", KeyKind::P256);
            TlsServer::reversing(&middle.leaf("server", KeyKind::P256, VALID), &[])
        },
        NO_CHAIN,
    );
}

#[test]
fn the_certificate_is_for_another_name() {
    let world = World::new();
    let server = good_server(&world);
    let (_world, _modem, mut host) = world.server(PORT, server.address).ready();
    host.ok("AT+CIPSSLCCN=\"other.local\"");
    refused(&mut host, OTHER_NAME);
    for name in [NAME, ""] {
        host.ok(&format!("AT+CIPSSLCCN=\"{name}\""));
        then_connects(&mut host, PORT);
    }
}

#[test]
fn the_server_is_not_there() {
    let world = World::new();
    let server = good_server(&world);
    let nobody = Nobody::new();
    let (_world, _modem, mut host) = world
        .server(PORT, nobody.address())
        .server(GOOD_PORT, server.address)
        .ready();
    refused(&mut host, NOBODY);
    then_connects(&mut host, GOOD_PORT);
}
