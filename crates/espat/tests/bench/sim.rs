//! The simulator as a program, its host, and its control port.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

/// For anything that is only slow when the machine is busy.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// A simulator with the lines that it has printed.
pub(crate) struct Sim {
    pub(crate) child: Child,
    pub(crate) stderr: BufReader<ChildStderr>,
    control: String,
    port: String,
}

impl Sim {
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_espat"))
            .args(["sim", "--control", "127.0.0.1:0"])
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = || {
            let mut line = String::new();
            stderr.read_line(&mut line).expect("a line");
            line.trim().to_owned()
        };
        // A log may come before it.
        let control = loop {
            let line = line();
            assert!(!line.is_empty(), "it ended");
            if let Some(control) = line.strip_prefix("control on ") {
                break control.to_owned();
            }
        };
        let port = loop {
            let line = line();
            assert!(!line.is_empty(), "it ended");
            let port = line.strip_prefix("listening on ");
            if let Some(port) = port.or_else(|| line.strip_prefix("pty ")) {
                break port.to_owned();
            }
        };
        Self {
            control,
            port,
            child,
            stderr,
        }
    }

    pub(crate) fn over_tcp(options: &[&str]) -> (Self, Host, Panel) {
        let sim = Self::start(&[&["--listen", "127.0.0.1:0"], options].concat());
        let host = Host::new(TcpStream::connect(&sim.port).expect("the AT port"));
        let panel = sim.panel();
        (sim, host, panel)
    }

    /// Another connection to its control port.
    pub(crate) fn panel(&self) -> Panel {
        Panel::new(TcpStream::connect(&self.control).expect("the control port"))
    }

    /// Its AT port: an address or a path.
    pub(crate) fn port(&self) -> &str {
        &self.port
    }

    pub(crate) fn ended(&mut self) -> Option<i32> {
        let begin = Instant::now();
        while begin.elapsed() < TIMEOUT {
            if let Some(status) = self.child.try_wait().expect("ours") {
                return status.code();
            }
            std::thread::yield_now();
        }
        panic!("it runs on");
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The control port.
pub(crate) struct Panel(BufReader<TcpStream>);

impl Panel {
    pub(crate) fn new(port: TcpStream) -> Self {
        port.set_read_timeout(Some(TIMEOUT)).expect("supported");
        Self(BufReader::new(port))
    }

    /// The next line.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line");
        line.trim().to_owned()
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        writeln!(self.0.get_mut(), "{line}").expect("it takes lines");
        self.line()
    }

    pub(crate) fn does(&mut self, line: &str) {
        assert_eq!(self.ask(line), "ok", "{line}");
    }
}

/// The host's end of the AT port.
pub(crate) struct Host(TcpStream);

impl Host {
    pub(crate) fn new(port: TcpStream) -> Self {
        port.set_nodelay(true).expect("supported");
        port.set_read_timeout(Some(TIMEOUT)).expect("supported");
        let mut host = Self(port);
        host.until("\r\nready\r\n");
        host.ask("ATE0");
        host
    }

    /// What comes up to and with one of these.
    pub(crate) fn until_any(&mut self, ends: &[&str]) -> String {
        let mut heard = Vec::new();
        let mut byte = [0];
        loop {
            self.0.read_exact(&mut byte).unwrap_or_else(|error| {
                panic!("{error} after {}", heard.escape_ascii());
            });
            heard.extend(byte);
            if ends.iter().any(|end| heard.ends_with(end.as_bytes())) {
                return String::from_utf8(heard).expect("text");
            }
        }
    }

    /// As [`Self::until`], of bytes that need be no text.
    pub(crate) fn until_lossy(&mut self, end: &str) -> String {
        let mut heard = Vec::new();
        let mut byte = [0];
        while !heard.ends_with(end.as_bytes()) {
            self.0.read_exact(&mut byte).expect("more bytes");
            heard.extend(byte);
        }
        heard.escape_ascii().to_string()
    }

    pub(crate) fn until(&mut self, end: &str) -> String {
        self.until_any(&[end])
    }

    pub(crate) fn send(&mut self, line: &str) {
        self.0.write_all(line.as_bytes()).expect("it takes bytes");
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.send(&format!("{line}\r\n"));
        self.until_any(&["\r\nOK\r\n", "\r\nERROR\r\n"])
    }

    /// As [`Self::ask`]; the answer has to be `OK`.
    pub(crate) fn ok(&mut self, line: &str) -> String {
        let answer = self.ask(line);
        assert!(answer.ends_with("OK\r\n"), "{line}: {answer}");
        answer
    }

    pub(crate) fn join(&mut self) {
        for line in ["AT+CWMODE=1", "AT+CWJAP=\"iot\",\"\""] {
            assert!(self.ask(line).ends_with("OK\r\n"), "{line}");
        }
    }
}
