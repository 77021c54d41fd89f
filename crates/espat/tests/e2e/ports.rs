//! AT ports other than TCP (ESP-AT command set: A.1).

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use crate::support::modem::{Host, sim};
use crate::support::process::Process;
use crate::support::world::World;

/// Every byte value, and the sequences that terminals like to change.
fn all_bytes() -> Vec<u8> {
    let special = b"\r\n\x03\x04\x11\x13\x1a\x7f\r\r\n\n";
    (0..=u8::MAX).chain(*special).collect()
}

fn greets_and_writes_flash(host: &mut Host) {
    host.hears("\r\nready\r\n");
    host.ok("AT");
    let data = all_bytes();
    host.load("client_ca", &data);
    let read = format!("AT+SYSFLASH=2,\"client_ca\",0,{}", data.len());
    host.ask(&read, &format!("+SYSFLASH:{},", data.len()));
    host.hears_bytes(&data);
    host.hears("\r\nOK\r\n");
}

#[test]
fn a_pseudo_terminal_is_an_at_port() {
    let world = World::new();
    let link = world.folder.path().join("modem");
    let mut modem = Process::start(sim(&world.flash()).arg("--pty").arg(&link));
    let path = modem.wait_for(|line| Some(line.strip_prefix("pty ")?.to_owned()));
    assert_eq!(
        std::fs::read_link(&link).expect("a link").as_os_str(),
        &*path
    );
    let port = File::options().read(true).write(true).open(&link);
    let port = port.expect("the terminal");
    let mut host = Host::new(port.try_clone().expect("a second handle"), port);
    greets_and_writes_flash(&mut host);
}

#[test]
fn standard_input_and_output_are_an_at_port() {
    let world = World::new();
    let (mut modem, input, out) = Process::start_piped(sim(&world.flash()).arg("--stdio"));
    let mut host = Host::new(input, out);
    greets_and_writes_flash(&mut host);
    // The modem's day ends with its input.
    drop(host);
    assert_eq!(modem.wait().code(), Some(0));
}

/// As `printf 'AT\\r\\n' | espat sim --stdio` does.
#[test]
fn what_was_asked_before_the_end_of_input_is_answered() {
    let world = World::new();
    for _ in 0..10 {
        let (mut modem, mut input, mut out) =
            Process::start_piped(sim(&world.flash()).arg("--stdio"));
        input.write_all(b"AT\r\nAT+CWMODE?\r\n").expect("room");
        drop(input);
        let mut answer = String::new();
        out.read_to_string(&mut answer).expect("text");
        let expected = "\r\nready\r\nAT\r\n\r\nOK\r\nAT+CWMODE?\r\n+CWMODE:0\r\n\r\nOK\r\n";
        assert_eq!(answer, expected);
        assert_eq!(modem.wait().code(), Some(0));
    }
}

#[test]
fn a_host_that_only_listens_any_more_gets_everything() {
    let world = World::new();
    let modem = world.modem();
    drop(modem.switch_on());
    for _ in 0..20 {
        let mut port = TcpStream::connect(modem.address).expect("the AT port");
        port.write_all(b"AT+SYSFLASH=2,\"client_ca\",0,8192\r\n")
            .expect("room");
        port.shutdown(Shutdown::Write).expect("connected");
        let mut answer = Vec::new();
        port.read_to_end(&mut answer).expect("an end");
        let start = b"AT+SYSFLASH=2,\"client_ca\",0,8192\r\n+SYSFLASH:8192,";
        let expected = [&start[..], &[0xff; 8192], b"\r\nOK\r\n"].concat();
        assert!(answer == expected, "{}", answer.escape_ascii());
    }
}
