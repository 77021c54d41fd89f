//! The modem as a TLS server: `openssl s_client` comes through the router's forwarding.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use modem_tests::TIMEOUT;
use modem_tests::host::Host;
use modem_tests::machine::{Flash, Machine, Options};
use modem_tests::peers::{ADDRESS, P256};

use crate::bench::{Bench, World};
use crate::engines::{KEPT, bytes_logged, heap};
use crate::story::JOINED;

/// The port that the modem's server listens to.
const SERVER: u16 = 8883;

/// Clients with a certificate become links in both versions; without one they get an alert, and the host the reason. The
/// heap is as before then.
pub(crate) fn whole(bench: &Bench) -> Result<()> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let outside = free.local_addr()?.port();
    // QEMU binds it next; somebody may be faster, and QEMU then reports it.
    drop(free);
    let world = bench.world("server")?;
    let options = Options {
        ntp: Some(world.ntp.port),
        forward: Some((outside, SERVER)),
        ..Options::named("server")
    };
    let (machine, mut host) = Machine::boot(&world.lab, &world.flash, options)?;
    let outcome = (|| {
        prepare(&mut host, &world)?;
        let (before, _) = heap(&mut host)?;
        for (version, count) in ["-tls1_3", "-tls1_2"].into_iter().zip(1..) {
            let took = served(&mut host, &world, outside, version).context(version)?;
            let took = took.as_millis();
            println!(
                "| a client of `AT+CIPSERVER` to `CONNECT`, P-256 on both sides, {version} | {took} ms |"
            );
            refuses(&mut host, &world, outside, (version, count)).context(version)?;
        }
        let (after, least) = heap(&mut host)?;
        ensure!(
            after == before,
            "of the heap {before} were free, then {after}"
        );
        let log = machine.log();
        let of = |words| bytes_logged(&log, words).map(|all| all.into_iter().max());
        let kept = of(KEPT)?.context("no session in the log")?;
        let task = of("heap of a client's task: ")?.context("no task in the log")?;
        let most = before.saturating_sub(least);
        println!(
            "| a client, both sides P-256: heap at most | {most} of {kept} and {task} for its task |"
        );
        host.ok("AT+CIPSERVER=0")
    })();
    machine.explain(outcome)
}

fn prepare(host: &mut Host, world: &World) -> Result<()> {
    host.ok("AT+CWMODE=1")?;
    host.ask("AT+CWJAP=\"iot\",\"\"", &format!("{JOINED}\r\nOK\r\n"))?;
    host.ok(&format!("AT+CIPSNTPCFG=1,8,\"{ADDRESS}\""))?;
    host.expects(b"+TIME_UPDATED\r\n")?;
    host.ok("AT+CIPMUX=1")?;
    let start = format!("AT+CIPSERVER=1,{SERVER},\"SSL\",1");
    host.ask(&start, "NO CERT FOUND\r\n\r\nERROR\r\n")?;
    let [certificate, key] = world.ca.server_images(P256)?;
    host.load("server_cert", &certificate)?;
    host.load("server_key", &key)?;
    host.load("server_ca", &world.image)?;
    // Files for the clients.
    world.ca.client_images(P256)?;
    host.ok(&start)
}

/// A client with the right certificate; returns how long its link took to come.
fn served(host: &mut Host, world: &World, port: u16, version: &str) -> Result<Duration> {
    let begin = Instant::now();
    let client = world.ca.visit(port, &[version], true)?;
    host.expects(b"0,CONNECT\r\n")?;
    let took = begin.elapsed();
    host.expects(b"\r\n+IPD,0,6:hello\n")?;
    let peer = host.ask_until("AT+SSLPEER?", "\r\n\r\nOK\r\n")?;
    ensure!(peer.contains("\"CN=client\""), "{peer}");
    host.transmit_on(0, b"HELLO\n")?;
    client.prints("HELLO")?;
    host.ask("AT+CIPCLOSE=0", "0,CLOSED\r\n\r\nOK\r\n")?;
    Ok(took)
}

/// A client without a certificate, which prints the alert; the host is told of it and how many there were.
fn refuses(host: &mut Host, world: &World, port: u16, (version, count): (&str, u32)) -> Result<()> {
    let client = world.ca.visit(port, &[version], false)?;
    client.prints("SSL alert number 116")?;
    drop(client);
    // The server knows of it when the connection is gone.
    let begin = Instant::now();
    loop {
        let why = host.ask_until("AT+SSLWHY?", "\r\nOK\r\n")?;
        if why.contains(&format!(", {count} refused)")) {
            ensure!(why.contains("no_client_certificate"), "{why}");
            return Ok(());
        }
        ensure!(begin.elapsed() < TIMEOUT, "{why}");
    }
}

/// Without rustls there is no TLS server, and the reason says so.
pub(crate) fn refused(bench: &Bench) -> Result<()> {
    let lab = bench.lab("no-server")?;
    let flash = Flash::new(&lab, "no-server.flash")?;
    let (machine, mut host) = Machine::boot(&lab, &flash, Options::named("no-server"))?;
    let outcome = (|| {
        host.ok("AT+CIPMUX=1")?;
        host.ok("AT+SYSLOG=1")?;
        let start = format!("AT+CIPSERVER=1,{SERVER},\"SSL\"");
        host.ask(&start, "ERR CODE:0x010a0001\r\n\r\nERROR\r\n")?;
        let why = host.ask_until("AT+SSLWHY?", "\r\nOK\r\n")?;
        let expected = "\"this build has no TLS server\",\"no_server\"";
        ensure!(why.contains(expected), "{why}");
        ensure!(why.starts_with("+SSLWHY:-1,\"setup\","), "{why}");
        host.ask("AT+CIPSERVER?", "+CIPSERVER:0\r\n\r\nOK\r\n")
    })();
    machine.explain(outcome)
}
