//! The host: sends commands, prints what it reads, and hangs up.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use async_io::Async;
use edge_nal_std::TcpSocket;

/// A host in a thread of its own.
pub(crate) struct Host(JoinHandle<anyhow::Result<()>>);

impl Host {
    /// Waits for its end.
    pub(crate) fn join(self) -> anyhow::Result<()> {
        self.0.join().map_err(|_| anyhow!("the host panicked"))?
    }
}

/// Starts a host; returns the board's end of the line to it.
pub(crate) async fn connect() -> anyhow::Result<(TcpSocket, Host)> {
    // Any free port: another program may use a fixed one.
    let listener = Async::<TcpListener>::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.get_ref().local_addr()?;
    let host = Host(std::thread::spawn(move || talk(port)));
    let (uart, _): (Async<TcpStream>, _) = listener.accept().await?;
    Ok((TcpSocket::new(uart), host))
}

/// One conversation, from `ready` to the last command; every reply has to come.
fn talk(port: SocketAddr) -> anyhow::Result<()> {
    // The far end of the link that the modem opens.
    let server = TcpListener::bind((port.ip(), 0))?;
    let address = server.local_addr()?;
    let mut uart = TcpStream::connect(port)?;
    uart.set_read_timeout(Some(Duration::from_secs(20)))?;

    until(&mut uart, "ready\r\n")?;
    send(&mut uart, "AT+GMR\r\n", "\r\nOK\r\n")?;
    send(&mut uart, "AT+CWMODE=1\r\n", "\r\nOK\r\n")?;
    let start = format!(
        "AT+CIPSTART=\"TCP\",\"{}\",{}\r\n",
        address.ip(),
        address.port()
    );
    send(&mut uart, &start, "CONNECT\r\n\r\nOK\r\n")?;
    let (mut peer, _) = server.accept()?;
    send(&mut uart, "AT+CIPSEND=4\r\n", ">")?;
    send(&mut uart, "ping", "SEND OK\r\n")?;
    let mut heard = [0; 4];
    peer.read_exact(&mut heard)?;
    if &heard != b"ping" {
        bail!("the peer read {heard:?}");
    }
    peer.write_all(b"pong")?;
    until(&mut uart, "+IPD,4:pong")?;
    // Settings survive a restart.
    send(&mut uart, "AT+RST\r\n", "ready\r\n")?;
    send(&mut uart, "AT+CWMODE?\r\n", "+CWMODE:1\r\n\r\nOK\r\n")
}

fn send(uart: &mut TcpStream, text: &str, reply: &str) -> anyhow::Result<()> {
    uart.write_all(text.as_bytes())?;
    until(uart, reply)
}

/// Reads and prints until `end` has come.
fn until(uart: &mut TcpStream, end: &str) -> anyhow::Result<()> {
    let mut heard = Vec::new();
    while !heard.ends_with(end.as_bytes()) {
        let mut byte = [0; 1];
        let read = uart.read_exact(&mut byte);
        read.with_context(|| format!("{end:?} did not come after {}", heard.escape_ascii()))?;
        heard.extend(byte);
    }
    print!("{}", String::from_utf8_lossy(&heard));
    Ok(())
}
