//! Two modelled ESP32-C3: one with an access point of its own, the other a station in its network.
//!
//! ```text
//! A  ─ air ─  B          A: CWSAP, server, lends addresses       B: the image with Wi-Fi as it is
//! │
//! └─ network ─▶ loopback, once A is a station as well
//! ```

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result, ensure};
use modem_tests::TIMEOUT;
use modem_tests::host::Host;
use modem_tests::machine::{Flash, Machine, Options};
use modem_tests::peers::ADDRESS;

use crate::bench::Bench;
use crate::c3::no_panic;
use crate::cuts::random;
use crate::story::JOINED;

/// Hardware addresses of B's station and A's access point, as the model makes them.
const B: &str = "02:53:50:41:54:02";
const A: &str = "06:53:50:41:54:01";

/// Bytes each way: more than both windows.
const AMOUNT: u64 = 6000;

/// `a`: built with a soft-AP; `b`: with Wi-Fi.
pub(crate) fn whole(a: &Bench, b: &Bench) -> Result<()> {
    let (a, b) = (a.lab("soft-ap.a")?, b.lab("soft-ap.b")?);
    let air = [a.folder.join("air.a"), a.folder.join("air.b")];
    for socket in &air {
        if socket.exists() {
            fs::remove_file(socket)?;
        }
    }
    let [at_a, at_b] = &air;
    let options = |number, air| Options {
        air: Some(air),
        number,
        ..Options::named("soft-ap")
    };
    let flashes = (Flash::new(&a, "a.flash")?, Flash::new(&b, "b.flash")?);
    let (machine_a, mut host_a) = Machine::boot(&a, &flashes.0, options(1, [at_a, at_b]))?;
    let (machine_b, mut host_b) = Machine::boot(&b, &flashes.1, options(2, [at_b, at_a]))?;
    let outcome = (|| {
        meets(&mut host_a, &mut host_b)?;
        starts_again(&mut host_a, &mut host_b)?;
        talks(&mut host_a, &mut host_b)?;
        both_sides(&mut host_a, &mut host_b)?;
        parts(&mut host_a, &mut host_b)?;
        no_panic(&machine_a)?;
        no_panic(&machine_b)
    })();
    machine_a.explain(machine_b.explain(outcome))?;
    // The model prints each new depth: "stack: <used> of <all> bytes, ...".
    let errors = machine_a.errors();
    let depths = errors.lines().filter_map(|line| {
        let (used, rest) = line.strip_prefix("stack: ")?.split_once(" of ")?;
        let (all, _) = rest.split_once(' ')?;
        Some((used.parse::<u32>().ok()?, all))
    });
    let (used, all) = depths.max().context("no report of the stack")?;
    println!("| stack with a soft-AP | {used} of {all} bytes |");
    Ok(())
}

/// B finds A's network, is refused, gets in, and has an address from A.
fn meets(a: &mut Host, b: &mut Host) -> Result<()> {
    a.ok("AT+CWMODE=2")?;
    a.ok("AT+CWSAP=\"ours\",\"correct horse\",5,3")?;
    a.ask("AT+CWLIF", "\r\nOK\r\n")?;
    b.ok("AT+CWMODE=1")?;
    let found = b.ask_until("AT+CWLAP", "\r\n\r\nOK\r\n")?;
    let line = format!("+CWLAP:(3,\"ours\",-42,\"{A}\",5,");
    ensure!(found.contains(&line), "{found}");
    b.ask(
        "AT+CWJAP=\"ours\",\"wrong horse\"",
        "+CWJAP:2\r\n\r\nERROR\r\n",
    )?;
    joins(a, b, "AT+CWJAP=\"ours\",\"correct horse\"", "\r\nOK\r\n")?;
    a.ask("AT+CWLIF", &format!("+CWLIF:192.168.4.2,{B}\r\n\r\nOK\r\n"))
}

/// B joins, and both hosts get a line about it.
fn joins(a: &mut Host, b: &mut Host, line: &str, end: &str) -> Result<()> {
    let printed = format!("{JOINED}{end}");
    if line.is_empty() {
        b.expects(printed.as_bytes())?;
    } else {
        b.ask(line, &printed)?;
    }
    let came = format!("+STA_CONNECTED:\"{B}\"\r\n+DIST_STA_IP:\"{B}\",\"192.168.4.2\"\r\n");
    a.expects(came.as_bytes())?;
    let has = b.ask_until("AT+CIPSTA?", "\r\n\r\nOK\r\n")?;
    for line in ["ip:\"192.168.4.2\"", "gateway:\"192.168.4.1\""] {
        ensure!(has.contains(line), "{has}");
    }
    Ok(())
}

/// A starts again and has its access point from flash; B comes back by itself.
fn starts_again(a: &mut Host, b: &mut Host) -> Result<()> {
    a.ok("AT+RST")?;
    a.expects(b"\r\nready\r\n")?;
    b.expects(b"WIFI DISCONNECT\r\n")?;
    joins(a, b, "", "")
}

/// Links both ways: to A's server and to B's, and datagrams.
fn talks(a: &mut Host, b: &mut Host) -> Result<()> {
    a.ok("AT+CIPMUX=1")?;
    a.ok("AT+CIPSERVER=1,8080")?;
    b.ok("AT+CIPMUX=1")?;
    b.ask(
        "AT+CIPSTART=0,\"TCP\",\"192.168.4.1\",8080",
        "0,CONNECT\r\n\r\nOK\r\n",
    )?;
    a.expects(b"0,CONNECT\r\n")?;
    let bytes: Vec<u8> = (0..AMOUNT / 8)
        .flat_map(|n| random(n).to_le_bytes())
        .collect();
    carries((b, 0), (a, 0), &bytes)?;
    carries((a, 0), (b, 0), &bytes)?;

    b.ok("AT+CIPSERVER=1,7000")?;
    a.ask(
        "AT+CIPSTART=1,\"TCP\",\"192.168.4.2\",7000",
        "1,CONNECT\r\n\r\nOK\r\n",
    )?;
    b.expects(b"1,CONNECT\r\n")?;
    carries((a, 1), (b, 1), b"to the station's server")?;

    for (host, peer) in [(&mut *b, 1), (&mut *a, 2)] {
        let start = format!("AT+CIPSTART=2,\"UDP\",\"192.168.4.{peer}\",5000,5000");
        host.ask(&start, "2,CONNECT\r\n\r\nOK\r\n")?;
    }
    carries((a, 2), (b, 2), b"a datagram")?;
    carries((b, 2), (a, 2), b"and another one")?;

    for (host, peer) in [(b, "192.168.4.1"), (a, "192.168.4.2")] {
        let time = host.ask_until(&format!("AT+PING=\"{peer}\""), "\r\n\r\nOK\r\n")?;
        ensure!(time.starts_with("+PING:"), "{time}");
    }
    Ok(())
}

/// A is a station as well: of the network beside, and nothing happens to B.
fn both_sides(a: &mut Host, b: &mut Host) -> Result<()> {
    a.ok("AT+CWMODE=3")?;
    a.ask("AT+CWJAP=\"iot\",\"\"", &format!("{JOINED}\r\nOK\r\n"))?;
    let beside = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = beside.local_addr()?.port();
    let start = format!("AT+CIPSTART=3,\"TCP\",\"{ADDRESS}\",{port}");
    a.ask(&start, "3,CONNECT\r\n\r\nOK\r\n")?;
    let (mut peer, _) = beside.accept()?;
    peer.set_read_timeout(Some(TIMEOUT))?;
    a.transmit_on(3, b"beside")?;
    let mut came = [0; 6];
    peer.read_exact(&mut came)?;
    ensure!(&came == b"beside", "{}", came.escape_ascii());
    peer.write_all(b"and back")?;
    a.expects(b"\r\n+IPD,3,8:and back")?;
    carries((b, 0), (a, 0), b"still here")?;
    carries((a, 2), (b, 2), b"and here")?;
    drop(peer);
    a.expects(b"3,CLOSED\r\n")
}

/// B is deauthenticated and comes back; then A has no access point any more, and stays in its other
/// network.
fn parts(a: &mut Host, b: &mut Host) -> Result<()> {
    a.ask(
        "AT+CIPCLOSE=5",
        "0,CLOSED\r\n1,CLOSED\r\n2,CLOSED\r\n\r\nOK\r\n",
    )?;
    b.expects(b"0,CLOSED\r\n1,CLOSED\r\n")?;
    b.ask("AT+CIPCLOSE=2", "2,CLOSED\r\n\r\nOK\r\n")?;
    deauthenticates(a, b, &format!("AT+CWQIF=\"{B}\""))?;
    joins(a, b, "", "")?;
    // Another network in its place: open, and seen by who knows its name.
    deauthenticates(a, b, "AT+CWSAP=\"quiet\",\"\",1,0,1,1")?;
    b.ok("AT+CWQAP")?;
    let found = b.ask_until("AT+CWLAP", "\r\n\r\nOK\r\n")?;
    ensure!(!found.contains("quiet"), "{found}");
    joins(a, b, "AT+CWJAP=\"quiet\",\"\"", "\r\nOK\r\n")?;
    let had = a.ask_until("AT+CIPSTA?", "\r\n\r\nOK\r\n")?;
    ensure!(had.contains("10.0.2.15"), "{had}");
    deauthenticates(a, b, "AT+CWMODE=1")?;
    let has = a.ask_until("AT+CIPSTA?", "\r\n\r\nOK\r\n")?;
    ensure!(has == had, "{has}");
    Ok(())
}

/// A line after which B has no network: A's host gets the event before or after `OK`.
fn deauthenticates(a: &mut Host, b: &mut Host, line: &str) -> Result<()> {
    let printed = a.ask_until(line, "\r\nOK\r\n")?;
    let left = format!("+STA_DISCONNECTED:\"{B}\"\r\n");
    if printed != left {
        ensure!(printed.is_empty(), "{printed}");
        a.expects(left.as_bytes())?;
    }
    b.expects(b"WIFI DISCONNECT\r\n")
}

/// What one host sends on its link is what the other one gets on its own.
fn carries(from: (&mut Host, u8), to: (&mut Host, u8), data: &[u8]) -> Result<()> {
    from.0.transmit_on(from.1, data)?;
    let mut came = Vec::new();
    while came.len() < data.len() {
        to.0.expects(format!("\r\n+IPD,{},", to.1).as_bytes())?;
        let count = to.0.until(":")?.parse()?;
        came.extend(to.0.take(count)?);
    }
    ensure!(came == data, "{} bytes arrive otherwise", data.len());
    Ok(())
}
