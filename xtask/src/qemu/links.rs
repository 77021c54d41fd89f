//! Several links at once on the board: two TLS sessions, TCP, UDP, a server with a client; and ping.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};

use anyhow::{Context as _, Result, ensure};

use super::host::{Host, TIMEOUT};
use super::machine::{Lab, Machine, Options};
use super::peers::ADDRESS;
use super::story::{JOINED, World};

/// The port that the modem's server listens to.
const SERVER: u16 = 333;

/// Tells it on a machine of its own, with the flash that the story has left.
pub(crate) fn tell(lab: &Lab, world: &World) -> Result<()> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let outside = free.local_addr()?.port();
    // QEMU binds it next; somebody may be faster, and QEMU then says so.
    drop(free);
    let options = Options {
        ntp: Some(world.ntp.port),
        forward: Some((outside, SERVER)),
        ..Options::named("links")
    };
    let (machine, mut host) = Machine::boot(lab, &world.flash, options)?;
    let told = (|| {
        host.hears(JOINED.as_bytes())?;
        host.hears(b"+TIME_UPDATED\r\n")?;
        let time = host.ask_until(&format!("AT+PING=\"{ADDRESS}\""), "\r\n\r\nOK\r\n")?;
        let millis: Option<u32> = time.strip_prefix("+PING:").and_then(|ms| ms.parse().ok());
        // The answer comes from this machine.
        ensure!(millis.is_some_and(|millis| millis < 500), "{time}");
        host.ok("AT+CIPMUX=1")?;
        five(&mut host, world, outside)?;
        between_networks(&mut host)
    })();
    told.with_context(|| machine.last_words())?;
    eprintln!("  told: five links at once, two of them TLS, a server and its client, ping");
    eprintln!("  told: a network is left: TCP is closed, UDP that persists goes on in the next");
    Ok(())
}

fn five(host: &mut Host, world: &World, outside: u16) -> Result<()> {
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    udp.set_read_timeout(Some(TIMEOUT))?;
    let (tcp_port, udp_port) = (tcp.local_addr()?.port(), udp.local_addr()?.port());

    for (link, kind, port) in [
        (0, "SSL", world.p256.port),
        (1, "SSL", world.rsa.port),
        (2, "TCP", tcp_port),
        (3, "UDP", udp_port),
    ] {
        let start = format!("AT+CIPSTART={link},\"{kind}\",\"{ADDRESS}\",{port}");
        host.ask(&start, &format!("{link},CONNECT\r\n\r\nOK\r\n"))?;
    }
    // There is memory for two sessions.
    let third = format!("AT+CIPSTART=4,\"SSL\",\"{ADDRESS}\",{}", world.rsa.port);
    host.ask(&third, "\r\nERROR\r\n")?;

    let (mut tcp, _) = tcp.accept()?;
    tcp.set_read_timeout(Some(TIMEOUT))?;
    sends(host, 2, b"over TCP")?;
    let mut came = [0; 8];
    tcp.read_exact(&mut came)?;
    ensure!(&came == b"over TCP", "{}", came.escape_ascii());
    tcp.write_all(b"and back")?;
    host.hears(b"\r\n+IPD,2,8:and back")?;

    datagrams(host, 3, &udp, b"over UDP")?;

    for link in [1, 0] {
        sends(host, link, b"sealed\r\n")?;
        host.hears(format!("\r\n+IPD,{link},7:delaes\n").as_bytes())?;
    }
    client(host, outside)?;

    // The peer that goes is noticed, and the modem's going is noticed by the peer.
    drop(tcp);
    host.hears(b"2,CLOSED\r\n")?;
    host.ask(
        "AT+CIPCLOSE=5",
        "0,CLOSED\r\n1,CLOSED\r\n3,CLOSED\r\n\r\nOK\r\n",
    )?;
    host.ok("AT")
}

/// A datagram there, and another one back.
fn datagrams(host: &mut Host, link: u8, udp: &UdpSocket, data: &[u8; 8]) -> Result<()> {
    sends(host, link, data)?;
    let mut came = [0; 8];
    let (count, modem) = udp.recv_from(&mut came)?;
    ensure!(count == 8 && came == *data, "{}", came.escape_ascii());
    udp.send_to(b"returned", modem)?;
    host.hears(format!("\r\n+IPD,{link},8:returned").as_bytes())
}

/// TCP ends with the network. UDP that persists goes on in the next one.
fn between_networks(host: &mut Host) -> Result<()> {
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    udp.set_read_timeout(Some(TIMEOUT))?;
    for (link, kind, port) in [
        (0, "TCP", tcp.local_addr()?.port()),
        (1, "UDP", udp.local_addr()?.port()),
    ] {
        let start = format!("AT+CIPSTART={link},\"{kind}\",\"{ADDRESS}\",{port}");
        host.ask(&start, &format!("{link},CONNECT\r\n\r\nOK\r\n"))?;
    }
    let _kept_open = tcp.accept()?;
    host.ok("AT+CIPCONNPERSIST=1,1")?;
    host.ask("AT+CWQAP", "\r\nOK\r\nWIFI DISCONNECT\r\n0,CLOSED\r\n")?;
    let joined = format!("{JOINED}\r\nOK\r\n");
    host.ask("AT+CWJAP=\"iot\",\"\"", &joined)?;
    // A new address is a reason to ask for the time.
    host.hears(b"+TIME_UPDATED\r\n")?;
    datagrams(host, 1, &udp, b"persists")?;
    host.ask("AT+CIPCLOSE=1", "1,CLOSED\r\n\r\nOK\r\n")
}

/// A client of the modem's server takes the last link, and is known by its address.
fn client(host: &mut Host, outside: u16) -> Result<()> {
    host.ok(&format!("AT+CIPSERVER=1,{SERVER}"))?;
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, outside))?;
    client.set_read_timeout(Some(TIMEOUT))?;
    host.hears(b"4,CONNECT\r\n")?;
    let state = host.ask_until("AT+CIPSTATE?", "\r\n\r\nOK\r\n")?;
    let line = state.lines().find(|line| line.starts_with("+CIPSTATE:4,"));
    let line = line.context("no state of link 4")?;
    // QEMU's network stands between: its address, a port of its own, and the modem's.
    let known = format!("+CIPSTATE:4,\"TCP\",\"{ADDRESS}\",");
    let told = line.starts_with(&known) && line.ends_with(&format!(",{SERVER},1"));
    ensure!(told, "{line}");

    sends(host, 4, b"welcome!")?;
    let mut came = [0; 8];
    client.read_exact(&mut came)?;
    ensure!(&came == b"welcome!", "{}", came.escape_ascii());
    client.write_all(b"thanks")?;
    host.hears(b"\r\n+IPD,4,6:thanks")?;
    host.ask("AT+CIPCLOSE=4", "4,CLOSED\r\n\r\nOK\r\n")?;
    ensure!(client.read(&mut came)? == 0, "more came");
    host.ok("AT+CIPSERVER=0")
}

fn sends(host: &mut Host, link: u8, data: &[u8]) -> Result<()> {
    let len = data.len();
    host.ask(&format!("AT+CIPSEND={link},{len}"), "\r\nOK\r\n\r\n>")?;
    host.send(data)?;
    host.hears(format!("\r\nRecv {len} bytes\r\n\r\nSEND OK\r\n").as_bytes())
}
