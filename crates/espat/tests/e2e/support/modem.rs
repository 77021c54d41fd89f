//! The modem as a program, and its host: a script that knows which bytes must come.

use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use modem_tests::incoming::{Incoming, Outcome};

use super::process::{Process, command};
use super::world::start;
use super::{TIMEOUT, utf8};

/// `espat sim` on a TCP port.
#[derive(Debug)]
pub(crate) struct Modem {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Modem {
    /// With this flash image and these options.
    pub(crate) fn start(flash: &Path, options: &[String]) -> Self {
        let mut sim = sim(flash);
        sim.args(["--listen", "127.0.0.1:0"]).args(options);
        let mut process = Process::start(&mut sim);
        let address = process.wait_for(|line| line.strip_prefix("listening on ")?.parse().ok());
        Self { process, address }
    }

    /// Connects to the AT port.
    pub(crate) fn connect(&self) -> Host {
        let port = TcpStream::connect(self.address).expect("the AT port");
        port.set_nodelay(true).expect("supported");
        let rx = port.try_clone().expect("a second handle");
        let tx = port.try_clone().expect("a second handle");
        let mut host = Host::new(tx, rx);
        host.hang_up = Some(port);
        host
    }

    /// Connects, and waits for the greeting of a modem just switched on.
    pub(crate) fn switch_on(&self) -> Host {
        let mut host = self.connect();
        host.hears("\r\nready\r\n");
        host
    }
}

/// `espat sim` without a port yet.
pub(crate) fn sim(flash: &Path) -> std::process::Command {
    let mut sim = command(env!("CARGO_BIN_EXE_espat"));
    sim.args(["sim", "--flash", utf8(flash)]);
    sim
}

/// The host's side of an AT port. Echo is on, as after every boot; [`Host::ask`] checks it.
pub(crate) struct Host {
    tx: Box<dyn Write + Send>,
    incoming: Receiver<Vec<u8>>,
    received: Incoming,
    hang_up: Option<TcpStream>,
}

impl Host {
    pub(crate) fn new(tx: impl Write + Send + 'static, mut rx: impl Read + Send + 'static) -> Self {
        let (sender, incoming) = channel();
        // Reads of terminals and pipes know no timeout; a thread that waits for them needs none.
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = rx.read(&mut bytes) {
                let bytes = bytes.get(..count).unwrap_or_default();
                if sender.send(bytes.to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            tx: Box::new(tx),
            incoming,
            received: Incoming::default(),
            hang_up: None,
        }
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.tx.write_all(bytes).expect("the AT port takes bytes");
        self.tx.flush().expect("the AT port takes bytes");
    }

    /// Sends a line; its echo and then exactly `reply` must come.
    pub(crate) fn ask(&mut self, line: &str, reply: &str) {
        self.send(format!("{line}\r\n").as_bytes());
        self.hears(&format!("{line}\r\n{reply}"));
    }

    pub(crate) fn ok(&mut self, line: &str) {
        self.ask(line, "\r\nOK\r\n");
    }

    /// Exactly these bytes must come next, but for unsolicited lines between messages; what follows is
    /// left for later.
    pub(crate) fn hears(&mut self, wanted: &str) {
        self.hears_bytes(wanted.as_bytes());
    }

    pub(crate) fn hears_bytes(&mut self, wanted: &[u8]) {
        let start = Instant::now();
        loop {
            match self.received.exactly(wanted) {
                Outcome::Found => return,
                Outcome::NeedMore => self.receive(start, &wanted.escape_ascii().to_string()),
                Outcome::Other => panic!(
                    "expected {}\n     got {}",
                    wanted.escape_ascii(),
                    self.received.describe()
                ),
            }
        }
    }

    /// Sends a line; gives what came between its echo and `end`.
    pub(crate) fn ask_until(&mut self, line: &str, end: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.hears(&format!("{line}\r\n"));
        self.until(end)
    }

    /// What comes before the next `end`, which is taken too; without unsolicited lines.
    pub(crate) fn until(&mut self, end: &str) -> String {
        let start = Instant::now();
        loop {
            if let Some(before) = self.received.lines_until(end.as_bytes()) {
                return String::from_utf8(before).expect("text");
            }
            self.receive(start, end);
        }
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        let start = Instant::now();
        loop {
            if let Some(bytes) = self.received.take(count) {
                return bytes;
            }
            self.receive(start, &format!("{count} bytes"));
        }
    }

    fn receive(&mut self, start: Instant, wanted: &str) {
        let left = TIMEOUT.saturating_sub(start.elapsed());
        match self.incoming.recv_timeout(left) {
            Ok(bytes) => self.received.extend(&bytes),
            Err(error) => {
                let why = match error {
                    RecvTimeoutError::Timeout => "nothing more came",
                    RecvTimeoutError::Disconnected => "the port closed",
                };
                let got = self.received.describe();
                panic!("{why}: expected {wanted}\n     got {got}")
            }
        }
    }

    /// Loads an image into a partition.
    pub(crate) fn load(&mut self, partition: &str, image: &[u8]) {
        let sectors = image.len().div_ceil(4096).max(1) * 4096;
        self.ok(&format!("AT+SYSFLASH=0,\"{partition}\",0,{sectors}"));
        let write = format!("AT+SYSFLASH=1,\"{partition}\",0,{}", image.len());
        self.ask(&write, "\r\n>");
        self.send(image);
        self.hears("\r\nOK\r\n");
    }

    /// Opens the session.
    pub(crate) fn opens(&mut self, port: u16) {
        self.ask(&start(port), "CONNECT\r\n\r\nOK\r\n");
    }

    /// Opening the session is refused for this reason: `+SSLWHY` without its head.
    pub(crate) fn is_refused(&mut self, port: u16, why: &str) {
        self.ask(&start(port), "\r\nERROR\r\n");
        self.last_reason_is(why);
        self.ok("AT");
    }

    /// The reason for the end of the last session: `+SSLWHY` without its head.
    pub(crate) fn last_reason_is(&mut self, why: &str) {
        self.ask("AT+SSLWHY?", &format!("+SSLWHY:0,{why}\r\n\r\nOK\r\n"));
    }

    /// Closes the session; nothing is left over.
    pub(crate) fn closes(&mut self) {
        self.ask("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
        self.ok("AT");
    }

    /// Sends data over the open link.
    pub(crate) fn transmit(&mut self, data: &[u8]) {
        let len = data.len();
        self.ask(&format!("AT+CIPSEND={len}"), "\r\nOK\r\n\r\n>");
        self.send(data);
        self.hears(&format!("\r\nRecv {len} bytes\r\n\r\nSEND OK\r\n"));
    }

    /// As [`Self::transmit`], over one of several links.
    pub(crate) fn transmit_on(&mut self, link: u8, data: &[u8]) {
        let len = data.len();
        self.ask(&format!("AT+CIPSEND={link},{len}"), "\r\nOK\r\n\r\n>");
        self.send(data);
        self.hears(&format!("\r\nRecv {len} bytes\r\n\r\nSEND OK\r\n"));
    }

    /// Sends data over the open link while more may come from it; gives what came.
    pub(crate) fn transmit_amid(&mut self, data: &[u8]) -> Vec<u8> {
        let len = data.len();
        let line = format!("AT+CIPSEND={len}\r\n");
        self.send(line.as_bytes());
        let mut came = self.hears_amid(&line);
        came.extend(self.hears_amid("\r\nOK\r\n"));
        came.extend(self.hears_amid("\r\n>"));
        self.send(data);
        came.extend(self.hears_amid(&format!("\r\nRecv {len} bytes\r\n")));
        came.extend(self.hears_amid("\r\nSEND OK\r\n"));
        came
    }

    /// As [`Self::hears`]; the data of every `+IPD` before it is given.
    fn hears_amid(&mut self, wanted: &str) -> Vec<u8> {
        let mut came = Vec::new();
        self.hears_among(wanted, &mut |_, data| came.extend(data));
        came
    }

    /// As [`Self::hears`]; the link and the data of every `+IPD` before it go to `take`.
    pub(crate) fn hears_among(&mut self, wanted: &str, take: &mut impl FnMut(usize, Vec<u8>)) {
        let start = Instant::now();
        loop {
            match self.received.begins_with(b"\r\n+IPD,") {
                Some(true) => {
                    let (link, data) = self.piece();
                    take(link, data);
                }
                Some(false) => return self.hears(wanted),
                None => self.receive(start, wanted),
            }
        }
    }

    /// The data of as many `+IPD` as make up `count` bytes or more.
    pub(crate) fn ipds(&mut self, count: usize) -> Vec<u8> {
        let mut data = Vec::new();
        while data.len() < count {
            data.extend(self.ipd());
        }
        data
    }

    /// The data of the next `+IPD`, which must be of this one of several links.
    pub(crate) fn ipd_on(&mut self, link: u8) -> Vec<u8> {
        self.hears(&format!("\r\n+IPD,{link},"));
        let count = self.until(":").parse().expect("a length");
        self.take(count)
    }

    /// The data of the next `+IPD`.
    pub(crate) fn ipd(&mut self) -> Vec<u8> {
        self.piece().1
    }

    /// The link and the data of the next `+IPD`; link 0 where there is but one.
    pub(crate) fn piece(&mut self) -> (usize, Vec<u8>) {
        self.hears("\r\n+IPD,");
        let head = self.until(":");
        let (link, count) = head.split_once(',').unwrap_or(("0", &head));
        let count = count.parse().expect("a length");
        (link.parse().expect("a number"), self.take(count))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(port) = &self.hang_up {
            // The reading thread ends with the connection; the modem may have ended it first.
            let _ = port.shutdown(Shutdown::Both);
        }
    }
}
