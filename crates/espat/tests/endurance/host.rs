//! A host that takes the modem's output apart, whatever comes in between.

use std::collections::VecDeque;
use std::time::Instant;

use crate::harness::TIMEOUT;
use crate::harness::port::Port;
use crate::harness::sim::{PortKind, Sim};

/// One message of the modem.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Line(String),
    Prompt,
    /// `+IPD` with data.
    Arrived {
        link: usize,
        data: Vec<u8>,
    },
    /// `+IPD` without.
    Waiting {
        link: usize,
        count: usize,
    },
    /// `+CIPRECVDATA`.
    Fetched(Vec<u8>),
}

/// The host, and the simulator it was started with.
pub(crate) struct Host {
    pub(crate) sim: Sim,
    pub(crate) port: Port,
    received: Vec<u8>,
    /// What nobody asked for and nobody has looked at.
    unasked: VecDeque<Token>,
}

impl Host {
    /// After `ready`, without echo, in the open network `iot`.
    pub(crate) fn joined(kind: PortKind, options: &[String]) -> Self {
        let sim = Sim::start(kind, options).expect("the simulator starts");
        let port = sim.open().expect("its port");
        let mut host = Self {
            sim,
            port,
            received: Vec::new(),
            unasked: VecDeque::new(),
        };
        assert_eq!(host.token(), Token::Line("ready".to_owned()));
        host.ok("ATE0");
        host.ok("AT+CWMODE=1");
        host.ok("AT+CWJAP=\"iot\",\"\"");
        host.unasked.clear();
        host
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let deadline = Instant::now() + TIMEOUT;
        self.port.write(bytes, deadline).expect("it takes bytes");
    }

    /// Sends a command and waits for its `OK`.
    pub(crate) fn ok(&mut self, line: &str) {
        self.send(format!("{line}\r\n").as_bytes());
        self.result(line, "OK");
    }

    /// Waits for a result; everything before it was not asked for.
    pub(crate) fn result(&mut self, what: &str, wanted: &str) {
        loop {
            match self.token() {
                Token::Line(line) if line == wanted => return,
                Token::Line(line) if line == "ERROR" || line == "SEND FAIL" => {
                    panic!("{what}: {line}; before it {:?}", self.unasked)
                }
                token => self.unasked.push_back(token),
            }
        }
    }

    /// Sends data over a link.
    pub(crate) fn transmit(&mut self, link: usize, data: &[u8]) {
        let line = format!("AT+CIPSEND={link},{}", data.len());
        self.ok(&line);
        // Nothing can come between them.
        assert_eq!(self.token(), Token::Prompt);
        self.send(data);
        self.result(&line, &format!("Recv {} bytes", data.len()));
        self.result(&line, "SEND OK");
    }

    /// Fetches up to so many bytes of a link.
    pub(crate) fn fetch(&mut self, link: usize, most: usize) -> Vec<u8> {
        let line = format!("AT+CIPRECVDATA={link},{most}");
        self.send(format!("{line}\r\n").as_bytes());
        loop {
            match self.token() {
                Token::Fetched(data) => {
                    self.result(&line, "OK");
                    return data;
                }
                Token::Line(error) if error == "ERROR" => panic!("{line}: {:?}", self.unasked),
                token => self.unasked.push_back(token),
            }
        }
    }

    /// What came unasked, or comes next.
    pub(crate) fn next(&mut self) -> Token {
        self.unasked.pop_front().unwrap_or_else(|| self.token())
    }

    /// What came unasked so far.
    pub(crate) fn unasked(&mut self) -> Option<Token> {
        self.unasked.pop_front()
    }

    /// The next message, whatever it is.
    pub(crate) fn token(&mut self) -> Token {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some((length, token)) = token(&self.received) {
                self.received.drain(..length);
                match token {
                    Some(token) => return token,
                    None => continue,
                }
            }
            let came = self.port.read(&mut self.received, deadline);
            if came.expect("it is open") == 0 {
                let got = self.received.escape_ascii();
                panic!("nothing more came; there is {got}, and {:?}", self.unasked);
            }
        }
    }
}

/// The first message of some bytes and its length; none for an empty line.
fn token(bytes: &[u8]) -> Option<(usize, Option<Token>)> {
    let until = |from: usize, ends: &[u8]| {
        let rest = bytes.get(from..)?;
        let at = rest.iter().position(|byte| ends.contains(byte))?;
        Some(from + at)
    };
    let number = |from: usize, to: usize| -> Option<usize> {
        std::str::from_utf8(bytes.get(from..to)?).ok()?.parse().ok()
    };
    const IPD: &[u8] = b"\r\n+IPD,";
    const DATA: &[u8] = b"+CIPRECVDATA:";
    if bytes.starts_with(IPD) {
        let comma = until(IPD.len(), b",")?;
        let end = until(comma, b":\r")?;
        let link = number(IPD.len(), comma)?;
        let count = number(comma + 1, end)?;
        if bytes.get(end) == Some(&b'\r') {
            bytes.get(end + 1)?;
            return Some((end + 2, Some(Token::Waiting { link, count })));
        }
        let data = bytes.get(end + 1..end + 1 + count)?.to_vec();
        return Some((end + 1 + count, Some(Token::Arrived { link, data })));
    }
    if bytes.starts_with(DATA) {
        let comma = until(DATA.len(), b",")?;
        let count = number(DATA.len(), comma)?;
        let data = bytes.get(comma + 1..comma + 1 + count)?.to_vec();
        return Some((comma + 1 + count, Some(Token::Fetched(data))));
    }
    if let Some(rest) = bytes.strip_prefix(b"\r\n") {
        return match rest.first()? {
            b'>' => Some((3, Some(Token::Prompt))),
            b'+' if IPD.starts_with(bytes) => None,
            _ => Some((2, None)),
        };
    }
    let end = until(0, b"\n")?;
    let line = String::from_utf8_lossy(bytes.get(..end)?);
    Some((end + 1, Some(Token::Line(line.trim_end().to_owned()))))
}
