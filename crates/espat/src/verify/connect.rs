//! `--connect`: a real handshake with the policy of a modem, and no byte of application data.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, TcpStream, ToSocketAddrs as _};
use std::str::FromStr;
use std::time::Duration;

use at_modem::why::{Cause, ModemError, Stage, Why};
use embassy_time::{Delay, with_timeout};
use rand_core::OsRng;
use tls_session::reason::StreamError;
use tls_session::{Chain, Connection, Deadlines, Memory, Opened, PeerName, Policy, Session};

use crate::capture::{Capture, Tap, TapSocket};

/// As long as one step of the handshake may take.
const CONNECT_MS: u32 = 10_000;
/// The verdict is there already; a server that does not take the goodbye is left.
const GOODBYE: embassy_time::Duration = embassy_time::Duration::from_secs(1);

/// No Certificate message that is accepted is longer.
const CHAIN_BYTES: usize = 65_536;

/// `HOST:PORT`; an IPv6 address stands in brackets.
#[derive(Debug, Clone)]
pub struct Server {
    host: String,
    port: u16,
    capture: Option<Capture>,
}

impl FromStr for Server {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = "expected HOST:PORT, such as broker.local:8883 or [::1]:8883";
        let (host, port) = text.rsplit_once(':').ok_or(form)?;
        let host = match host.strip_prefix('[') {
            Some(host) => host.strip_suffix(']').ok_or(form)?,
            // Without brackets nobody knows where the address ends.
            None if host.contains(':') => return Err(form),
            None => host,
        };
        match port.parse() {
            Ok(port) if port != 0 && !host.is_empty() => Ok(Self {
                host: host.to_owned(),
                port,
                capture: None,
            }),
            _ => Err(form),
        }
    }
}

impl Server {
    /// Name or address.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// 1 to 65535.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The host, where it is a name; addresses are never sent.
    pub(crate) fn sni(&self) -> Option<&str> {
        let is_name = self.host.parse::<IpAddr>().is_err() && PeerName::new(&self.host).is_ok();
        is_name.then_some(self.host.as_str())
    }

    /// The same server, its connections written down.
    pub(crate) fn captured(&self, capture: &Capture) -> Self {
        Self {
            capture: Some(capture.clone()),
            ..self.clone()
        }
    }

    /// Where its connections are written down.
    pub(crate) const fn capture(&self) -> Option<&Capture> {
        self.capture.as_ref()
    }

    /// Connects, performs the handshake and says goodbye.
    pub(crate) fn handshake(&self, policy: &Policy<'_>) -> Result<Opened, Why> {
        let socket = self.socket()?;
        let transport = Connection::new(&socket, &socket, Delay);
        let mut memory: Box<Memory> = Box::default();
        async_io::block_on(async {
            let deadlines = Deadlines::default();
            let session = Session::open(&transport, &mut memory, policy, deadlines, OsRng).await?;
            let opened = *session.peer();
            // Only politeness: what the handshake showed stays true.
            let _ = with_timeout(GOODBYE, session.close()).await;
            Ok(opened)
        })
    }

    /// The certificates that the server sends, in DER, its own first; empty where there is no handshake.
    pub(crate) fn chain(&self, policy: &Policy<'_>) -> Vec<Vec<u8>> {
        let Ok(socket) = self.socket() else {
            return Vec::new();
        };
        let transport = Connection::new(&socket, &socket, Delay);
        let mut memory: Box<Memory> = Box::default();
        let mut bytes = vec![0; CHAIN_BYTES];
        let mut chain = Chain::new(&mut bytes);
        let probe = Session::probe(
            &transport,
            &mut memory,
            policy,
            Deadlines::default(),
            OsRng,
            &mut chain,
        );
        // The verdict is that of `handshake`.
        let _ = async_io::block_on(probe);
        chain.certificates().map(<[u8]>::to_vec).collect()
    }

    fn socket(&self) -> Result<TapSocket, Why> {
        let stream = self.stream()?;
        TapSocket::new(stream, self.capture.as_ref()).map_err(|error| at(Stage::Tcp, cause(&error)))
    }

    /// A connection to the first of the host's addresses that answers.
    pub(crate) fn connect(&self) -> Result<Tap, Why> {
        let stream = self.stream()?;
        Tap::new(stream, self.capture.as_ref()).map_err(|error| at(Stage::Tcp, cause(&error)))
    }

    fn stream(&self) -> Result<TcpStream, Why> {
        let addresses = (self.host.as_str(), self.port)
            .to_socket_addrs()
            .map_err(|_| at(Stage::Dns, ModemError::HostNotFound))?;
        let mut reason = at(Stage::Dns, ModemError::HostNotFound);
        for address in addresses {
            let limit = Duration::from_millis(CONNECT_MS.into());
            match TcpStream::connect_timeout(&address, limit) {
                Ok(stream) => return Ok(stream),
                Err(error) => reason = at(Stage::Tcp, cause(&error)),
            }
        }
        Err(reason)
    }
}

fn at(stage: Stage, cause: impl Into<Cause>) -> Why {
    Why::new(stage, cause)
}

fn cause(error: &io::Error) -> StreamError {
    match error.kind() {
        ErrorKind::ConnectionRefused => StreamError::ConnectionRefused,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => StreamError::Unreachable,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => StreamError::Reset,
        ErrorKind::TimedOut => StreamError::Timeout { ms: CONNECT_MS },
        _ => StreamError::Transport,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_a_port() {
        for (text, host, port, sni) in [
            (
                "broker.local:8883",
                "broker.local",
                8883,
                Some("broker.local"),
            ),
            ("127.0.0.1:1", "127.0.0.1", 1, None),
            ("[::1]:65535", "::1", 65535, None),
            ("a:1", "a", 1, Some("a")),
        ] {
            let server: Server = text.parse().unwrap();
            assert_eq!((server.host.as_str(), server.port), (host, port));
            assert_eq!(server.sni(), sni, "{text}");
        }
        for text in [
            "", "a", ":1", "a:", "a:0", "a:65536", "a:x", "::1:1", "[::1:1", "[]:1",
        ] {
            assert!(text.parse::<Server>().is_err(), "{text}");
        }
    }
}
