//! `espat sim` as a test bench: how it starts and ends, and what its control port changes.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says no by panicking"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A simulator with the lines that it has printed.
struct Sim {
    child: Child,
    _stderr: BufReader<ChildStderr>,
    control: String,
    port: String,
}

impl Sim {
    fn start(options: &[&str]) -> Self {
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
        let control = line();
        let port = line();
        let port = port
            .strip_prefix("listening on ")
            .or_else(|| port.strip_prefix("pty "));
        Self {
            control: control
                .strip_prefix("control on ")
                .expect("first")
                .to_owned(),
            port: port.expect("second").to_owned(),
            child,
            _stderr: stderr,
        }
    }

    fn over_tcp(options: &[&str]) -> (Self, Host, Panel) {
        let sim = Self::start(&[&["--listen", "127.0.0.1:0"], options].concat());
        let host = Host::new(TcpStream::connect(&sim.port).expect("the AT port"));
        let panel = Panel(TcpStream::connect(&sim.control).expect("the control port"));
        (sim, host, panel)
    }

    fn ended(&mut self) -> Option<i32> {
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
struct Panel(TcpStream);

impl Panel {
    fn ask(&mut self, line: &str) -> String {
        writeln!(self.0, "{line}").expect("it takes lines");
        let mut answer = String::new();
        let mut reader = BufReader::new(&self.0);
        reader.read_line(&mut answer).expect("an answer");
        answer.trim().to_owned()
    }

    fn does(&mut self, line: &str) {
        assert_eq!(self.ask(line), "ok", "{line}");
    }
}

/// The host's end of the AT port.
struct Host(TcpStream);

impl Host {
    fn new(port: TcpStream) -> Self {
        port.set_nodelay(true).expect("supported");
        port.set_read_timeout(Some(TIMEOUT)).expect("supported");
        let mut host = Self(port);
        host.until("\r\nready\r\n");
        host.ask("ATE0");
        host
    }

    /// What comes up to and with one of these.
    fn until_any(&mut self, ends: &[&str]) -> String {
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

    fn until(&mut self, end: &str) -> String {
        self.until_any(&[end])
    }

    fn send(&mut self, line: &str) {
        self.0.write_all(line.as_bytes()).expect("it takes bytes");
    }

    fn ask(&mut self, line: &str) -> String {
        self.send(&format!("{line}\r\n"));
        self.until_any(&["\r\nOK\r\n", "\r\nERROR\r\n"])
    }

    fn join(&mut self) {
        for line in ["AT+CWMODE=1", "AT+CWJAP=\"iot\",\"\""] {
            assert!(self.ask(line).ends_with("OK\r\n"), "{line}");
        }
    }
}

#[test]
fn a_signal_is_a_normal_end_and_takes_the_link_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("modem");
    for signal in [Signal::TERM, Signal::INT] {
        let mut sim = Sim::start(&["--pty", link.to_str().expect("UTF-8")]);
        assert!(std::fs::symlink_metadata(&link).is_ok());
        kill_process(Pid::from_child(&sim.child), signal).expect("it runs");
        assert_eq!(sim.ended(), Some(0));
        assert!(std::fs::symlink_metadata(&link).is_err());
    }
}

#[test]
fn a_simulator_ends_with_the_program_that_started_it() {
    let sim = env!("CARGO_BIN_EXE_espat");
    // The shell says who its child is, and ends when its input does.
    let script = format!("'{sim}' sim --exit-with-parent --listen 127.0.0.1:0 & echo $!; read _");
    let mut shell = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let mut out = BufReader::new(shell.stdout.take().expect("piped"));
    out.read_line(&mut line).expect("a line");
    let pid: i32 = line.trim().parse().expect("a number");
    // It has asked for the signal before it listens.
    let mut announced = String::new();
    let mut notes = BufReader::new(shell.stderr.take().expect("piped"));
    notes.read_line(&mut announced).expect("a line");
    assert!(announced.starts_with("listening on "), "{announced}");
    let process = PathBuf::from(format!("/proc/{pid}/cmdline"));
    let runs = |wanted: bool| {
        let begin = Instant::now();
        let is_sim = || {
            let command = std::fs::read_to_string(&process).unwrap_or_default();
            command.contains("--exit-with-parent") && !command.starts_with("sh")
        };
        while is_sim() != wanted {
            assert!(begin.elapsed() < TIMEOUT, "{wanted}");
            std::thread::yield_now();
        }
    };
    runs(true);
    drop(shell.stdin.take());
    shell.wait().expect("it ends");
    runs(false);
}

#[test]
fn a_restart_takes_its_time_and_loses_what_is_sent_meanwhile() {
    let (_sim, mut host, _) = Sim::over_tcp(&["--boot-ms", "400"]);
    let begin = Instant::now();
    host.ask("AT+RST");
    host.send("AT+NONSENSE\r\n");
    assert_eq!(host.until("ready\r\n"), "\r\nready\r\n");
    assert!(begin.elapsed() >= Duration::from_millis(400));
    // Echo is on again, and nothing of the lost line comes.
    assert_eq!(host.ask("AT"), "AT\r\n\r\nOK\r\n");
}

#[test]
fn certificates_are_in_flash_from_the_start() {
    let ca = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../cert-bin/tests/data/pki/inputs/ca_p256.crt.der");
    let given = format!("client_ca={}", ca.display());
    for layout in ["partitions", "mfg-nvs"] {
        let (_sim, mut host, _) = Sim::over_tcp(&["--layout", layout, "--pki", &given]);
        let listed = host.ask("AT+PKI?");
        assert!(
            listed.contains("+PKI:\"client_ca\",0,"),
            "{layout}: {listed}"
        );
    }
}

#[test]
fn the_clock_is_set_and_jumps() {
    let (_sim, mut host, mut panel) = Sim::over_tcp(&[]);
    panel.does("clock set 2026-03-01T00:00:00Z");
    assert!(host.ask("AT+CIPSNTPTIME?").contains("Mar  1 00:00:0"));
    panel.does("clock jump 86400");
    assert!(host.ask("AT+CIPSNTPTIME?").contains("Mar  2 00:00:0"));
}

#[test]
fn a_name_has_no_address_while_dns_fails() {
    let (_sim, mut host, mut panel) = Sim::over_tcp(&[]);
    host.join();
    panel.does("dns fail localhost");
    assert!(
        host.ask("AT+CIPDOMAIN=\"localhost\"")
            .ends_with("ERROR\r\n")
    );
    panel.does("dns ok");
    assert!(host.ask("AT+CIPDOMAIN=\"localhost\"").contains("127.0.0.1"));
}

#[test]
fn connections_are_reset_and_late() {
    let peer = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = peer.local_addr().expect("bound").port();
    let (_sim, mut host, mut panel) = Sim::over_tcp(&[]);
    host.join();
    panel.does("latency 300");
    let begin = Instant::now();
    let answer = host.ask(&format!("AT+CIPSTART=\"TCP\",\"127.0.0.1\",{port}"));
    assert!(answer.contains("CONNECT"), "{answer}");
    assert!(begin.elapsed() >= Duration::from_millis(300));
    let (mut there, _) = peer.accept().expect("the modem");
    there.write_all(b"late").expect("it reads");
    let begin = Instant::now();
    host.until("+IPD,4:late");
    assert!(begin.elapsed() >= Duration::from_millis(250));
    panel.does("latency 0");
    panel.does("connections reset");
    host.until("CLOSED\r\n");
    assert_eq!(there.read(&mut [0; 8]).unwrap_or(0), 0);
}

#[test]
fn bytes_are_lost_and_added_on_the_wire() {
    let (_sim, mut host, mut panel) = Sim::over_tcp(&[]);
    panel.does("uart lose 1");
    assert_eq!(host.ask("XAT"), "\r\nOK\r\n");
    panel.does("uart noise ff");
    assert_eq!(host.ask("AT"), "\r\nERROR\r\n");
    assert_eq!(host.ask("AT"), "\r\nOK\r\n");
}

#[test]
fn flash_fails_as_often_as_asked() {
    let (_sim, mut host, mut panel) = Sim::over_tcp(&[]);
    panel.does("flash fail 1");
    assert!(
        host.ask("AT+SYSFLASH=0,\"client_ca\"")
            .ends_with("ERROR\r\n")
    );
    assert!(host.ask("AT+SYSFLASH=0,\"client_ca\"").ends_with("OK\r\n"));
}

#[test]
fn a_line_in_json_has_an_answer_in_json() {
    let (_sim, _host, mut panel) = Sim::over_tcp(&[]);
    for (line, answer) in [
        (
            r#"{"command":"ap down iot"}"#,
            r#"{"result":"ok","value":""}"#,
        ),
        (
            r#"{"command":"ap down nowhere"}"#,
            r#"{"message":"no access point has this name","result":"error"}"#,
        ),
        (
            r#"{"line":"help"}"#,
            r#"{"message":"expected {\"command\":\"…\"}","result":"error"}"#,
        ),
    ] {
        assert_eq!(panel.ask(line), answer, "{line}");
    }
    let answer = panel.ask("{");
    assert!(answer.starts_with("{\"message\":"), "{answer}");
}
