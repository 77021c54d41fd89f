//! A driver's view of the port: it compares whole answers, or their ends, or lines in a small buffer.

use std::time::{Duration, Instant};

use crate::harness::TIMEOUT;
use crate::harness::control::Control;
use crate::harness::port::Port;
use crate::harness::sim::{PortKind, Sim};

/// The line buffer of the smallest hosts.
const SMALL: usize = 64;

/// A host that was there when the modem was switched on.
pub(crate) struct Host {
    sim: Sim,
    port: Port,
    received: Vec<u8>,
}

impl Host {
    /// On a pseudo-terminal; `ready` is still to come.
    pub(crate) fn new(options: &[&str]) -> Self {
        Self::on(PortKind::Pty, options)
    }

    /// As [`Self::new`], on a port of this kind.
    pub(crate) fn on(kind: PortKind, options: &[&str]) -> Self {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let sim = Sim::start(kind, &options).expect("the simulator starts");
        let port = sim.open().expect("its port");
        Self {
            sim,
            port,
            received: Vec::new(),
        }
    }

    /// As [`Self::new`], after `ready`, without echo, in the open network `iot`.
    pub(crate) fn joined(options: &[&str]) -> Self {
        let mut host = Self::new(options);
        host.exact("\r\nready\r\n");
        host.ask("ATE0", "ATE0\r\n\r\nOK\r\n");
        host.ok("AT+CWMODE=1");
        host.ask(
            "AT+CWJAP=\"iot\",\"\"",
            "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
        );
        host
    }

    pub(crate) fn control(&self) -> Control {
        self.sim.control()
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes());
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        let deadline = Instant::now() + TIMEOUT;
        self.port.write(bytes, deadline).expect("it takes bytes");
    }

    /// Sends a line and compares the whole answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, line: &str, answer: &str) {
        self.send(&format!("{line}\r\n"));
        self.exact(answer);
    }

    #[track_caller]
    pub(crate) fn ok(&mut self, line: &str) {
        self.ask(line, "\r\nOK\r\n");
    }

    /// Sends a line; everything up to and with its `OK`, as one who compares the last four bytes sees it.
    #[track_caller]
    pub(crate) fn answer(&mut self, line: &str) -> String {
        self.send(&format!("{line}\r\n"));
        self.until("OK\r\n")
    }

    /// Exactly this comes next.
    #[track_caller]
    pub(crate) fn exact(&mut self, wanted: &str) {
        let got = self.take(wanted.len(), wanted);
        let got = got.escape_ascii().to_string();
        assert_eq!(got, wanted.as_bytes().escape_ascii().to_string());
    }

    /// Everything up to this end, and with it.
    #[track_caller]
    pub(crate) fn until(&mut self, end: &str) -> String {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let end = end.as_bytes();
            let found = self
                .received
                .windows(end.len())
                .position(|part| part == end);
            if let Some(at) = found {
                let rest = self.received.split_off(at + end.len());
                let text = std::mem::replace(&mut self.received, rest);
                return String::from_utf8(text).expect("text");
            }
            self.receive(deadline, &String::from_utf8_lossy(end));
        }
    }

    /// The next bytes, whatever they are.
    #[track_caller]
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        self.take(count, "data")
    }

    /// The next line that is not empty, without its end, as a host reads it that has 64 bytes for it.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        loop {
            let line = self.until("\n");
            assert!(line.len() <= SMALL, "too long for a small buffer: {line}");
            let line = line.trim_end_matches(['\r', '\n']);
            if !line.is_empty() {
                return line.to_owned();
            }
        }
    }

    /// Nothing comes for so long; part of the claim, not a pause.
    #[track_caller]
    pub(crate) fn silent_for(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        let came = self
            .port
            .read(&mut self.received, deadline)
            .expect("it is open");
        let received = self.received.escape_ascii();
        assert!(
            came == 0 && self.received.is_empty(),
            "not silent: {received}"
        );
    }

    /// Whether bytes are there at once.
    pub(crate) fn has_more(&mut self) -> bool {
        let now = Instant::now();
        let came = self.port.read(&mut self.received, now).expect("it is open");
        came > 0 || !self.received.is_empty()
    }

    #[track_caller]
    fn take(&mut self, count: usize, wanted: &str) -> Vec<u8> {
        let deadline = Instant::now() + TIMEOUT;
        while self.received.len() < count {
            self.receive(deadline, wanted);
        }
        let rest = self.received.split_off(count);
        std::mem::replace(&mut self.received, rest)
    }

    #[track_caller]
    fn receive(&mut self, deadline: Instant, wanted: &str) {
        let came = self
            .port
            .read(&mut self.received, deadline)
            .expect("it is open");
        if came == 0 {
            let wanted = wanted.escape_default();
            let got = self.received.escape_ascii();
            panic!("nothing more came\nexpected  {wanted}\ngot       {got}");
        }
    }
}
