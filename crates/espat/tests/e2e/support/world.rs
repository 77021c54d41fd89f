//! A modem with its surroundings, put together for one test.

use std::net::SocketAddr;
use std::path::PathBuf;

use tempfile::TempDir;

use super::modem::{Host, Modem};
use super::pki::{ADDRESS, Ca, KeyKind, pack_ca};

/// The port of every `AT+CIPSTART` that has no reason to take another.
pub(crate) const PORT: u16 = 8739;

/// The command that opens the session.
pub(crate) fn start(port: u16) -> String {
    format!("AT+CIPSTART=\"SSL\",\"{ADDRESS}\",{port}")
}

/// A folder with a CA in it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) ca: Ca,
    options: Vec<String>,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ca = Ca::root(folder.path(), "test CA", KeyKind::P256);
        Self {
            folder,
            ca,
            options: Vec::new(),
        }
    }

    /// Another option of the simulator.
    pub(crate) fn option(mut self, name: &str, value: &str) -> Self {
        self.options.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// Where the modem's questions for `place` go.
    pub(crate) fn map(self, place: &str, to: SocketAddr) -> Self {
        self.option("--map", &format!("{place}={to}"))
    }

    /// The server that the modem meets at `port`.
    pub(crate) fn server(self, port: u16, to: SocketAddr) -> Self {
        self.map(&format!("{ADDRESS}:{port}"), to)
    }

    pub(crate) fn flash(&self) -> PathBuf {
        self.folder.path().join("flash.bin")
    }

    /// The modem, not yet greeted.
    pub(crate) fn modem(&self) -> Modem {
        Modem::start(&self.flash(), &self.options)
    }

    /// The image of this world's CA.
    pub(crate) fn image(&self) -> Vec<u8> {
        pack_ca(&self.ca.own.certificate)
    }

    /// Everything a session needs, except the clock: CA, network, verification.
    pub(crate) fn prepare(&self, host: &mut Host) {
        host.load("client_ca", &self.image());
        join(host);
        host.ok("AT+CIPSSLCCONF=2,0,0");
    }

    /// A modem ready for its first session; the clock is this machine's.
    pub(crate) fn ready(self) -> (Self, Modem, Host) {
        let world = self.option("--clock", "host");
        let modem = world.modem();
        let mut host = modem.switch_on();
        world.prepare(&mut host);
        (world, modem, host)
    }
}

/// Joins the open access point that is always there.
pub(crate) fn join(host: &mut Host) {
    host.ok("AT+CWMODE=1");
    host.ask(
        "AT+CWJAP=\"iot\",\"\"",
        "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    );
}
