//! From an erased flash to an answer of a server whose certificate was verified, byte for byte.
//!
//! ESP-AT command set: A.8 (echo), A.9 (line ends), A.21 (order), C (transcripts).

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::modem::Host;
use crate::support::pki::{KeyKind, VALID};
use crate::support::process::{command, run};
use crate::support::servers::{NtpServer, TlsServer};
use crate::support::world::{PORT, World, start};

/// The classic ESP32 table.
const PARTITIONS: &str = "+SYSFLASH:\"ble_data\",64,1,0x21000,0x3000\r\n\
    +SYSFLASH:\"server_cert\",64,2,0x24000,0x2000\r\n\
    +SYSFLASH:\"server_key\",64,3,0x26000,0x2000\r\n\
    +SYSFLASH:\"server_ca\",64,4,0x28000,0x2000\r\n\
    +SYSFLASH:\"client_cert\",64,5,0x2a000,0x2000\r\n\
    +SYSFLASH:\"client_key\",64,6,0x2c000,0x2000\r\n\
    +SYSFLASH:\"client_ca\",64,7,0x2e000,0x2000\r\n\
    +SYSFLASH:\"factory_param\",64,8,0x30000,0x1000\r\n\
    +SYSFLASH:\"wpa2_cert\",64,9,0x31000,0x2000\r\n\
    +SYSFLASH:\"wpa2_key\",64,10,0x33000,0x2000\r\n\
    +SYSFLASH:\"wpa2_ca\",64,11,0x35000,0x2000\r\n\
    +SYSFLASH:\"mqtt_cert\",64,12,0x37000,0x2000\r\n\
    +SYSFLASH:\"mqtt_key\",64,13,0x39000,0x2000\r\n\
    +SYSFLASH:\"mqtt_ca\",64,14,0x3b000,0x2000\r\n\
    +SYSFLASH:\"fatfs\",1,129,0x70000,0x90000\r\n\
    \r\nOK\r\n";

/// The ESP32-C3 table.
const PARTITIONS_C3: &str = "+SYSFLASH:\"ble_data\",64,1,0x1f000,0x6000\r\n\
    +SYSFLASH:\"server_cert\",64,2,0x25000,0x2000\r\n\
    +SYSFLASH:\"server_key\",64,3,0x27000,0x2000\r\n\
    +SYSFLASH:\"server_ca\",64,4,0x29000,0x2000\r\n\
    +SYSFLASH:\"client_cert\",64,5,0x2b000,0x2000\r\n\
    +SYSFLASH:\"client_key\",64,6,0x2d000,0x2000\r\n\
    +SYSFLASH:\"client_ca\",64,7,0x2f000,0x2000\r\n\
    +SYSFLASH:\"factory_param\",64,8,0x31000,0x1000\r\n\
    +SYSFLASH:\"wpa2_cert\",64,9,0x32000,0x2000\r\n\
    +SYSFLASH:\"wpa2_key\",64,10,0x34000,0x2000\r\n\
    +SYSFLASH:\"wpa2_ca\",64,11,0x36000,0x2000\r\n\
    +SYSFLASH:\"mqtt_cert\",64,12,0x38000,0x2000\r\n\
    +SYSFLASH:\"mqtt_key\",64,13,0x3a000,0x2000\r\n\
    +SYSFLASH:\"mqtt_ca\",64,14,0x3c000,0x2000\r\n\
    +SYSFLASH:\"fatfs\",1,129,0x47000,0x19000\r\n\
    \r\nOK\r\n";

const SSL_CONFIGS: &str = "+CIPSSLCCONF:0,2,0,0\r\n\
    +CIPSSLCCONF:1,2,0,0\r\n\
    +CIPSSLCCONF:2,2,0,0\r\n\
    +CIPSSLCCONF:3,2,0,0\r\n\
    +CIPSSLCCONF:4,2,0,0\r\n\
    \r\nOK\r\n";

/// Seconds of the zone that the story sets.
const ZONE: u64 = 8 * 3600;
/// What a modem may be off by.
const TOLERANCE: u64 = 2;

fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}

/// Seconds since 1970 of a time in the form of C's `asctime`, which it must have exactly.
fn asctime(text: &str) -> u64 {
    let seconds = run(command("date").args(["-u", "+%s", "-d", text]));
    let seconds = seconds.trim_end();
    let format = "+%a %b %e %H:%M:%S %Y";
    let again = run(command("date").args(["-u", format, "-d", &format!("@{seconds}")]));
    assert_eq!(text, again.trim_end());
    seconds.parse().expect("after 1970")
}

fn run_story(host: &mut Host, image: &[u8]) {
    host.hears("\r\nready\r\n");
    host.ok("AT");
    host.ask("AT+SYSFLASH?", PARTITIONS);
    host.ok("AT+SYSFLASH=0,\"client_ca\",0,4096");
    let write = format!("AT+SYSFLASH=1,\"client_ca\",0,{}", image.len());
    host.ask(&write, "\r\n>");
    host.send(image);
    host.hears("\r\nOK\r\n");

    host.ok("AT+CWMODE=1");
    let joined = "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n";
    host.ask("AT+CWJAP=\"iot\",\"\"", joined);
    let again = format!("WIFI DISCONNECT\r\n{joined}");
    host.ask("AT+CWJAP=\"iot\",\"\"", &again);

    host.ok("AT+CIPSNTPCFG=1,8,\"cn.ntp.org.cn\",\"ntp.sjtu.edu.cn\"");
    host.hears("+TIME_UPDATED\r\n");
    let before = unix_now();
    let time = host.ask_until("AT+CIPSNTPTIME?", "\r\nOK\r\n");
    let after = unix_now();
    let time = asctime(time.strip_prefix("+CIPSNTPTIME:").expect("the time"));
    let right = (before + ZONE - TOLERANCE)..=(after + ZONE + TOLERANCE);
    assert!(right.contains(&time), "{time} is not in {right:?}");

    host.ok("AT+CIPSSLCCONF=2,0,0");
    host.ask("AT+CIPSSLCCONF?", SSL_CONFIGS);
    host.ask(&start(PORT), "CONNECT\r\n\r\nOK\r\n");
    host.ask("AT+CIPSEND=18", "\r\nOK\r\n\r\n>");
    host.send(b"temperature=21.5\r\n");
    host.hears("\r\nRecv 18 bytes\r\n\r\nSEND OK\r\n");
    host.hears("\r\n+IPD,17:5.12=erutarepmet\n");
    host.ask("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
    // Nothing was left over.
    host.ok("AT");
}

fn tell_times(kind: KeyKind, times: usize) {
    let world = World::new();
    let ntp = NtpServer::start(world.folder.path());
    let server = TlsServer::reversing(&world.ca.leaf("server", kind, VALID), &[]);
    let world = world
        .server(PORT, server.address)
        .map("cn.ntp.org.cn:123", ntp.address)
        .map("ntp.sjtu.edu.cn:123", ntp.address);
    let image = world.image();
    for _ in 0..times {
        let modem = world.modem();
        run_story(&mut modem.connect(), &image);
        drop(modem);
        std::fs::remove_file(world.flash()).expect("it was made");
    }
}

#[test]
fn a_session_with_a_p256_server_five_times_out_of_five() {
    tell_times(KeyKind::P256, 5);
}

#[test]
fn a_session_with_an_rsa_server_five_times_out_of_five() {
    tell_times(KeyKind::Rsa2048, 5);
}

#[test]
fn the_second_time_server_is_asked_when_the_first_is_silent() {
    let world = World::new();
    let ntp = NtpServer::start(world.folder.path());
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let world = world
        .map("cn.ntp.org.cn:123", silent.local_addr().expect("bound"))
        .map("ntp.sjtu.edu.cn:123", ntp.address);
    let modem = world.modem();
    let mut host = modem.switch_on();
    crate::support::world::join(&mut host);
    host.ok("AT+CIPSNTPCFG=1,8,\"cn.ntp.org.cn\",\"ntp.sjtu.edu.cn\"");
    host.hears("+TIME_UPDATED\r\n");
}

#[test]
fn the_other_chip_has_its_own_partitions_and_the_same_story() {
    let world = World::new();
    let server = TlsServer::reversing(&world.ca.leaf("server", KeyKind::P256, VALID), &[]);
    let world = world.server(PORT, server.address);
    let (_world, _modem, mut host) = world.option("--chip", "esp32c3").ready();
    host.ask("AT+SYSFLASH?", PARTITIONS_C3);
    host.ask(&start(PORT), "CONNECT\r\n\r\nOK\r\n");
    host.transmit(b"abc\r\n");
    assert_eq!(host.ipd(), b"cba\n");
    host.ask("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
}
