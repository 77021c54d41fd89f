//! What a modem still knows after its power was taken away (ESP-AT command set: A.17, A.22).

use crate::support::pki::{KeyKind, VALID};
use crate::support::servers::TlsServer;
use crate::support::world::{PORT, World, start};

#[test]
fn settings_and_ca_survive_a_kill() {
    let world = World::new();
    let server = TlsServer::reversing(&world.ca.leaf("server", KeyKind::P256, VALID), &[]);
    let (world, mut modem, mut host) = world.server(PORT, server.address).ready();
    host.ok("AT+CIPSSLCCN=\"other.local\"");
    modem.process.kill();
    drop(host);

    for _ in 0..3 {
        let mut modem = world.modem();
        let mut host = modem.switch_on();
        host.hears("WIFI CONNECTED\r\nWIFI GOT IP\r\n");
        host.ask("AT+CWMODE?", "+CWMODE:1\r\n\r\nOK\r\n");
        let joined = host.ask_until("AT+CWJAP?", "\r\n\r\nOK\r\n");
        assert!(joined.starts_with("+CWJAP:\"iot\","), "{joined}");
        let configs = host.ask_until("AT+CIPSSLCCONF?", "\r\n\r\nOK\r\n");
        let expected = (0..5).map(|link| format!("+CIPSSLCCONF:{link},2,0,0"));
        assert!(configs.lines().eq(expected), "{configs}");
        // The name is not kept, so the session is accepted: with the CA that is still there.
        host.ask(&start(PORT), "CONNECT\r\n\r\nOK\r\n");
        host.transmit(b"abc\r\n");
        assert_eq!(host.ipd(), b"cba\n");
        modem.process.kill();
    }
}

#[test]
fn a_kill_right_after_ok_loses_nothing() {
    let world = World::new();
    let image = world.image();
    let mut modem = world.modem();
    let mut host = modem.switch_on();
    host.load("client_ca", &image);
    modem.process.kill();
    let modem = world.modem();
    let mut host = modem.switch_on();
    let read = format!("AT+SYSFLASH=2,\"client_ca\",0,{}", image.len());
    host.ask(&read, &format!("+SYSFLASH:{},", image.len()));
    host.hears_bytes(&image);
    host.hears("\r\nOK\r\n");
}

#[test]
fn a_restart_by_command_greets_again_and_a_restore_forgets() {
    let world = World::new();
    let (_world, _modem, mut host) = world.ready();
    let joined = "WIFI CONNECTED\r\nWIFI GOT IP\r\n";
    host.ok("ATE0");
    host.send(b"AT+RST\r\n");
    let before = host.until("\r\nready\r\n");
    assert!(before.ends_with("\r\nOK\r\n"), "{before}");
    host.hears(joined);
    // Echo is on after every boot.
    host.ask("AT+CWMODE?", "+CWMODE:1\r\n\r\nOK\r\n");

    let before = host.ask_until("AT+RESTORE", "\r\nready\r\n");
    assert!(before.ends_with("\r\nOK\r\n"), "{before}");
    host.ask("AT+CWMODE?", "+CWMODE:0\r\n\r\nOK\r\n");
    let configs = host.ask_until("AT+CIPSSLCCONF?", "\r\n\r\nOK\r\n");
    let expected = (0..5).map(|link| format!("+CIPSSLCCONF:{link},0,0,0"));
    assert!(configs.lines().eq(expected), "{configs}");
}
