//! Real peers on loopback: `openssl s_server` and `chronyd`.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{ChildStdin, Command};
use std::time::{Duration, Instant};

use super::modem::Host;
use super::pki::Credentials;
use super::process::{Process, command, program, run};
use super::{TIMEOUT, utf8};

/// A TLS server.
#[derive(Debug)]
pub(crate) struct TlsServer {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl TlsServer {
    /// Answers every line with its characters reversed, over TLS 1.3.
    pub(crate) fn reversing(own: &Credentials, options: &[&str]) -> Self {
        Self::start(own, &[&["-rev", "-tls1_3"], options].concat(), None)
    }

    /// With these options and no others, in this folder.
    pub(crate) fn start(own: &Credentials, options: &[&str], folder: Option<&Path>) -> Self {
        let mut server = s_server(own, options);
        if let Some(folder) = folder {
            server.current_dir(folder);
        }
        Self::run(&mut server)
    }

    /// Answers like [`Self::reversing`], has no certificate and knows whoever knows `key`.
    pub(crate) fn with_key(identity: &str, key: &str) -> Self {
        Self::run(
            program("openssl")
                .args(["s_server", "-accept", "127.0.0.1:0", "-rev", "-tls1_3"])
                .args(["-nocert", "-psk_identity", identity, "-psk", key]),
        )
    }

    /// At the address of another one that is gone.
    pub(crate) fn start_at(own: &Credentials, options: &[&str], address: SocketAddr) -> Self {
        let place = ["-accept", &address.to_string()];
        let mut process = Process::start(s_server(own, options).args(place));
        process.wait_for(|line| (line == "ACCEPT").then_some(()));
        Self { process, address }
    }

    fn run(server: &mut Command) -> Self {
        let mut process = Process::start(server);
        let address = process.wait_for(|line| line.strip_prefix("ACCEPT ")?.parse().ok());
        Self { process, address }
    }
}

fn s_server(own: &Credentials, options: &[&str]) -> Command {
    let mut server = program("openssl");
    server
        .args(["s_server", "-accept", "127.0.0.1:0"])
        .args(["-cert", utf8(&own.certificate), "-key", utf8(&own.key)])
        .args(options);
    server
}

/// A TLS server with a person at its console: what is typed goes to the client, what the client
/// sends is printed, and lines that begin with one of [`ConsoleServer::COMMANDS`] are for the server.
pub(crate) struct ConsoleServer {
    _process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) keyboard: ChildStdin,
    /// What is printed; typing is up to [`Self::keyboard`].
    pub(crate) screen: Host,
}

impl ConsoleServer {
    /// They end the session, ask for a certificate, change keys, say something unencrypted.
    pub(crate) const COMMANDS: &[u8] = b"qQrRkKcPSB";

    pub(crate) fn start(own: &Credentials, options: &[&str]) -> Self {
        let (process, keyboard, screen) = Process::start_piped(&mut s_server(own, options));
        let mut screen = Host::new(std::io::sink(), screen);
        screen.until("ACCEPT ");
        let address = screen.until("\n").parse().expect("an address");
        Self {
            _process: process,
            address,
            keyboard,
            screen,
        }
    }

    pub(crate) fn types(&mut self, line: &[u8]) {
        self.keyboard.write_all(line).expect("it reads");
    }

    /// Waits for the end of what is printed when a session begins.
    pub(crate) fn begins(&mut self) {
        self.screen.until("Secure Renegotiation IS");
        self.screen.until("\n");
    }
}

/// For servers that cannot choose a port: it is chosen before `start` binds it. Somebody may be
/// faster, then `start` gives `None`.
pub(crate) fn at_a_free_port<S>(start: impl Fn(SocketAddr) -> Option<S>) -> S {
    let tries = std::iter::repeat_with(|| {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = free.local_addr().expect("bound");
        drop(free);
        start(address)
    });
    tries.take(5).flatten().next().expect("a free port")
}

/// An NTP server with the time of this machine.
#[derive(Debug)]
pub(crate) struct NtpServer {
    _process: Process,
    pub(crate) address: SocketAddr,
}

impl NtpServer {
    /// Its files lie in `folder`. It leaves this machine's clock alone.
    pub(crate) fn start(folder: &Path) -> Self {
        at_a_free_port(|address| Self::start_at(folder, address))
    }

    fn start_at(folder: &Path, address: SocketAddr) -> Option<Self> {
        let config = folder.join("chrony.conf");
        let pid = folder.join("chronyd.pid");
        let text = format!(
            "local stratum 8\nport {}\ncmdport 0\nbindcmdaddress /\nbindaddress 127.0.0.1\n\
             allow 127.0.0.1\npidfile {}\n",
            address.port(),
            utf8(&pid)
        );
        fs::write(&config, text).expect("room");
        let mut process = Process::start(
            program("chronyd")
                .args(["-x", "-d", "-U", "-u", whoami().trim_end()])
                .args(["-f", utf8(&config)]),
        );
        process.wait_or_end(|line| line.contains("starting").then_some(()))?;
        answers(address).then_some(Self {
            _process: process,
            address,
        })
    }
}

/// Who runs the tests: the server stays this user.
fn whoami() -> String {
    run(command("id").arg("-un"))
}

/// Asks until an NTP server answers that knows the time.
fn answers(server: SocketAddr) -> bool {
    const QUESTION_VERSION_4_CLIENT: u8 = 0x23;
    const AGAIN: Duration = Duration::from_millis(50);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    socket.set_read_timeout(Some(AGAIN)).expect("supported");
    let mut question = [0; 48];
    question[0] = QUESTION_VERSION_4_CLIENT;
    // A clash of ports shows as silence: chronyd has ended, or somebody else took the question.
    let start = Instant::now();
    while start.elapsed() < TIMEOUT / 6 {
        socket.send_to(&question, server).expect("loopback");
        let mut answer = [0; 48];
        match socket.recv_from(&mut answer) {
            Ok((48, from)) if from == server && answer[1] == 8 => return true,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("{error}"),
        }
    }
    false
}

/// A peer that takes connections and never says a word.
#[derive(Debug)]
pub(crate) struct Silence(TcpListener);

impl Silence {
    pub(crate) fn new() -> Self {
        Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("bound")
    }
}

/// A port where nobody listens, and nobody will while this lives: a connection has its other end there.
#[derive(Debug)]
pub(crate) struct Nobody {
    _server: Silence,
    client: TcpStream,
}

impl Nobody {
    pub(crate) fn new() -> Self {
        let server = Silence::new();
        let client = TcpStream::connect(server.address()).expect("loopback");
        Self {
            _server: server,
            client,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.client.local_addr().expect("connected")
    }
}
