//! Real peers on loopback: `openssl s_server` and `chronyd`.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use super::pki::Credentials;
use super::process::{Process, command};
use super::{PATIENCE, utf8};

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
        let mut server = command("openssl");
        server
            .args(["s_server", "-accept", "127.0.0.1:0"])
            .args(["-cert", utf8(&own.certificate), "-key", utf8(&own.key)])
            .args(options);
        if let Some(folder) = folder {
            server.current_dir(folder);
        }
        let mut process = Process::start(&mut server);
        let address = process.wait_for(|line| line.strip_prefix("ACCEPT ")?.parse().ok());
        Self { process, address }
    }
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
        // The port is chosen before chronyd binds it; somebody may be faster.
        for _ in 0..5 {
            let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let address = free.local_addr().expect("bound");
            drop(free);
            if let Some(server) = Self::start_at(folder, address) {
                return server;
            }
        }
        panic!("chronyd found no free port");
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
        // Where Debian has it, which is not on everyone's path.
        let program = match fs::exists("/usr/sbin/chronyd") {
            Ok(true) => "/usr/sbin/chronyd",
            _ => "chronyd",
        };
        let mut process = Process::start(
            command(program)
                .args(["-x", "-d", "-U", "-u", "root"])
                .args(["-f", utf8(&config)]),
        );
        process.wait_or_end(|line| line.contains("starting").then_some(()))?;
        answers(address).then_some(Self {
            _process: process,
            address,
        })
    }
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
    while start.elapsed() < PATIENCE / 6 {
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
