//! Several links at once on the board: two TLS sessions, TCP, UDP, a server with a client; and ping.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};

use anyhow::{Context as _, Result, ensure};
use modem_tests::TIMEOUT;
use modem_tests::host::Host;
use modem_tests::machine::{Machine, Options};
use modem_tests::peers::ADDRESS;

use crate::bench::{Bench, World};
use crate::story::JOINED;

/// The port that the modem's server listens to.
const SERVER: u16 = 333;

/// Five links, two of them TLS, a server of the modem's own and its client, and an echo request.
pub(crate) fn five_at_once(bench: &Bench) -> Result<()> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let outside = free.local_addr()?.port();
    // QEMU binds it next; somebody may be faster, and QEMU then reports it.
    drop(free);
    let world = bench.world("links")?;
    let options = Options {
        ntp: Some(world.ntp.port),
        forward: Some((outside, SERVER)),
        ..Options::named("links")
    };
    let (machine, mut host) = Machine::boot(&world.lab, &world.flash, options)?;
    let outcome = (|| {
        joined(&mut host)?;
        host.ok("AT+CIPSSLCCONF=2,0,0")?;
        host.load("client_ca", &world.image)?;
        host.ok(&format!("AT+CIPSNTPCFG=1,8,\"{ADDRESS}\""))?;
        host.expects(b"+TIME_UPDATED\r\n")?;
        let time = host.ask_until(&format!("AT+PING=\"{ADDRESS}\""), "\r\n\r\nOK\r\n")?;
        let millis: Option<u32> = time.strip_prefix("+PING:").and_then(|ms| ms.parse().ok());
        // The answer comes from this machine.
        ensure!(millis.is_some_and(|millis| millis < 500), "{time}");
        host.ok("AT+CIPMUX=1")?;
        five(&mut host, &world, outside)
    })();
    machine.explain(outcome)
}

/// TCP ends with the network. UDP that persists goes on in the next one.
pub(crate) fn between_networks(bench: &Bench) -> Result<()> {
    let world = bench.world("networks")?;
    let options = Options {
        ntp: Some(world.ntp.port),
        ..Options::named("networks")
    };
    let (machine, mut host) = Machine::boot(&world.lab, &world.flash, options)?;
    let outcome = (|| {
        joined(&mut host)?;
        host.ok(&format!("AT+CIPSNTPCFG=1,8,\"{ADDRESS}\""))?;
        host.expects(b"+TIME_UPDATED\r\n")?;
        host.ok("AT+CIPMUX=1")?;
        leaves_and_joins(&mut host)
    })();
    machine.explain(outcome)
}

fn joined(host: &mut Host) -> Result<()> {
    host.ok("AT+CWMODE=1")?;
    host.ask("AT+CWJAP=\"iot\",\"\"", &format!("{JOINED}\r\nOK\r\n"))
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
    host.transmit_on(2, b"over TCP")?;
    let mut came = [0; 8];
    tcp.read_exact(&mut came)?;
    ensure!(&came == b"over TCP", "{}", came.escape_ascii());
    tcp.write_all(b"and back")?;
    host.expects(b"\r\n+IPD,2,8:and back")?;

    datagrams(host, 3, &udp, b"over UDP")?;

    for link in [1, 0] {
        host.transmit_on(link, b"sealed\r\n")?;
        host.expects(format!("\r\n+IPD,{link},7:delaes\n").as_bytes())?;
    }
    client(host, outside)?;

    // A close by the peer is reported.
    drop(tcp);
    host.expects(b"2,CLOSED\r\n")?;
    host.ask(
        "AT+CIPCLOSE=5",
        "0,CLOSED\r\n1,CLOSED\r\n3,CLOSED\r\n\r\nOK\r\n",
    )?;
    host.ok("AT")
}

/// A datagram there, and another one back.
fn datagrams(host: &mut Host, link: u8, udp: &UdpSocket, data: &[u8; 8]) -> Result<()> {
    host.transmit_on(link, data)?;
    let mut came = [0; 8];
    let (count, modem) = udp.recv_from(&mut came)?;
    ensure!(count == 8 && came == *data, "{}", came.escape_ascii());
    udp.send_to(b"returned", modem)?;
    host.expects(format!("\r\n+IPD,{link},8:returned").as_bytes())
}

fn leaves_and_joins(host: &mut Host) -> Result<()> {
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
    host.expects(b"+TIME_UPDATED\r\n")?;
    datagrams(host, 1, &udp, b"persists")?;
    host.ask("AT+CIPCLOSE=1", "1,CLOSED\r\n\r\nOK\r\n")
}

/// A client of the modem's server takes the last link; the modem reports its address.
fn client(host: &mut Host, outside: u16) -> Result<()> {
    host.ok(&format!("AT+CIPSERVER=1,{SERVER}"))?;
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, outside))?;
    client.set_read_timeout(Some(TIMEOUT))?;
    host.expects(b"4,CONNECT\r\n")?;
    let state = host.ask_until("AT+CIPSTATE?", "\r\n\r\nOK\r\n")?;
    let line = state.lines().find(|line| line.starts_with("+CIPSTATE:4,"));
    let line = line.context("no state of link 4")?;
    // QEMU's network stands between: its address, a port of its own, and the modem's.
    let known = format!("+CIPSTATE:4,\"TCP\",\"{ADDRESS}\",");
    let found = line.starts_with(&known) && line.ends_with(&format!(",{SERVER},1"));
    ensure!(found, "{line}");

    host.transmit_on(4, b"welcome!")?;
    let mut came = [0; 8];
    client.read_exact(&mut came)?;
    ensure!(&came == b"welcome!", "{}", came.escape_ascii());
    client.write_all(b"thanks")?;
    host.expects(b"\r\n+IPD,4,6:thanks")?;
    host.ask("AT+CIPCLOSE=4", "4,CLOSED\r\n\r\nOK\r\n")?;
    ensure!(client.read(&mut came)? == 0, "more came");
    host.ok("AT+CIPSERVER=0")
}
