//! The checks against the simulator, which passes them, and against modems that do not.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use super::*;

fn network() -> Network {
    Network {
        ssid: Some("iot".to_owned()),
        host: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        flow_control: true,
        ..Network::default()
    }
}

#[test]
fn the_simulator_passes_every_check() {
    let folder = tempfile::tempdir().unwrap();
    let modem = crate::sim::Running::start(crate::sim::Config {
        flash: folder.path().join("flash.bin"),
        maps: Vec::new(),
    })
    .unwrap();
    let port = Port::tcp(TcpStream::connect(modem.address()).unwrap()).unwrap();
    let report = check(port, &network()).unwrap();
    // Nobody has given it a passphrase or a network with WPA3.
    assert_eq!((report.failed, report.skipped), (0, 2), "{}", report.text);
}

#[test]
fn a_modem_that_answers_every_line_with_ok_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    thread::spawn(move || {
        let (mut modem, _) = listener.accept().unwrap();
        let mut bytes = [0; 256];
        while let Ok(1..) = modem.read(&mut bytes) {
            modem.write_all(b"\r\nOK\r\n").unwrap();
        }
    });
    let only = ["port", "scan", "join", "heap"].map(str::to_owned);
    let port = Port::tcp(port).unwrap();
    let report = run_on(port, Log::none(), &network(), &only, &mut |_| {}).unwrap();
    assert_eq!((report.failed, report.skipped), (4, 0), "{}", report.text);
}
