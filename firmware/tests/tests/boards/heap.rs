//! The heap of TLS sessions fails: at each of their requests in turn, and before they begin. The modem goes on, and the
//! heap is as before.

use anyhow::{Context as _, Result, ensure};
use modem_tests::host::Host;
use modem_tests::machine::{Machine, Options};

use crate::bench::{Bench, World};
use crate::engines::{ask_time, heap};
use crate::story::{JOINED, session, start};

/// Reconnects in a row, after which the heap has to be as before.
const RECONNECTS: usize = 60;

fn prepare(host: &mut Host, world: &World) -> Result<()> {
    host.ok("AT+CWMODE=1")?;
    host.ask("AT+CWJAP=\"iot\",\"\"", &format!("{JOINED}\r\nOK\r\n"))?;
    host.load("client_ca", &world.image)?;
    ask_time(host)?;
    host.ok("AT+CIPSSLCCONF=2,0,0")?;
    // Tickets stay on the heap between sessions.
    host.ok("AT+SSLRESUME=0")
}

/// Requests of sessions since the last fault was set, and bytes free in the reserve.
fn requests(host: &mut Host) -> Result<(u32, u32)> {
    let line = host.ask_until("AT+HEAPFAULT?", "\r\n\r\nOK\r\n")?;
    let numbers = line.strip_prefix("+HEAPFAULT:").context("the requests")?;
    let (requests, free) = numbers.split_once(',').context("two numbers")?;
    Ok((requests.parse()?, free.parse()?))
}

/// Why the last session ended.
fn why(host: &mut Host) -> Result<String> {
    host.ask_until("AT+SSLWHY?", "\r\n\r\nOK\r\n")
}

/// The next line, as it comes.
fn line(host: &mut Host) -> Result<String> {
    let line = String::from_utf8(host.bytes_until("\n")?)?;
    Ok(line.trim_end_matches('\r').to_owned())
}

/// What ends the answer of a command; `is_closed` if the link ended meanwhile.
fn answer(host: &mut Host, is_closed: &mut bool) -> Result<String> {
    loop {
        let line = line(host)?;
        *is_closed |= line == "CLOSED";
        if ["OK", "ERROR", "SEND OK", "SEND FAIL"].contains(&line.as_str()) {
            return Ok(line);
        }
    }
}

/// Opens a session, sends a line, waits for it to come back, and closes, as far as that goes; whether it went so far.
fn attempt(host: &mut Host, port: u16) -> Result<bool> {
    let mut is_closed = false;
    host.send(format!("{}\r\n", start(port)).as_bytes())?;
    if answer(host, &mut is_closed)? != "OK" {
        return Ok(false);
    }
    host.send(b"AT+CIPSEND=6\r\n")?;
    if answer(host, &mut is_closed)? == "OK" {
        host.bytes_until(">")?;
        host.send(b"abcd\r\n")?;
        let mut is_over = answer(host, &mut is_closed)? != "SEND OK" || is_closed;
        while !is_over {
            let line = line(host)?;
            is_closed |= line == "CLOSED";
            is_over = is_closed || line.starts_with("+IPD,");
        }
    }
    if is_closed {
        return Ok(false);
    }
    host.send(b"AT+CIPCLOSE\r\n")?;
    Ok(answer(host, &mut is_closed)? == "OK")
}

/// Each request fails, or each of so many, alone or with all that follow.
fn sweep(host: &mut Host, port: u16, step: usize, all: u8) -> Result<u32> {
    let (before, reserve) = (heap(host)?.0, requests(host)?.1);
    for number in (1..).step_by(step) {
        host.ok(&format!("AT+HEAPFAULT={number},{all}"))?;
        let is_whole = attempt(host, port).with_context(|| format!("request {number}"))?;
        let (count, left) = requests(host)?;
        host.ok("AT+HEAPFAULT=0,0")?;
        ensure!(
            (heap(host)?.0, left) == (before, reserve),
            "request {number}: the heap is not as before"
        );
        if count < number {
            return Ok(count);
        }
        // A link that is closed by command has no reason, whether or not close_notify found room.
        if !is_whole {
            let why = why(host)?;
            ensure!(why.contains("no_memory"), "request {number}: {why}");
        }
    }
    Ok(0)
}

pub(crate) fn fails_at_each_request(bench: &Bench) -> Result<()> {
    let world = bench.world("heap-faults")?;
    let options = Options {
        ntp: Some(world.ntp.port),
        ..Options::named("heap-faults")
    };
    let (machine, mut host) = Machine::boot(&world.lab, &world.flash, options)?;
    let outcome = (|| {
        prepare(&mut host, &world)?;
        let older = world
            .ca
            .serve_as("older", modem_tests::peers::P256, &["-tls1_2"])?;
        for (name, port) in [("1.3", world.p256.port), ("1.2", older.port)] {
            for (step, all) in [(1, 0), (5, 1)] {
                let count = sweep(&mut host, port, step, all)?;
                println!(
                    "TLS {name}: {count} requests, of which each {step}. failed; those behind it: {all}"
                );
                ensure!(count > 60, "{count} requests");
            }
            session(&mut host, port)?;
        }
        Ok(())
    })();
    machine.explain(outcome)?;
    ensure!(
        !machine.log().contains("panicked"),
        "a panic: {}",
        machine.log()
    );
    Ok(())
}

pub(crate) fn is_constant_over_reconnects(bench: &Bench) -> Result<()> {
    let world = bench.world("reconnects")?;
    let options = Options {
        ntp: Some(world.ntp.port),
        ..Options::named("reconnects")
    };
    let (machine, mut host) = Machine::boot(&world.lab, &world.flash, options)?;
    let outcome = (|| {
        prepare(&mut host, &world)?;
        let before = heap(&mut host)?.0;
        let servers = [&world.p256, &world.rsa];
        let mut next = servers.iter().cycle();
        let mut least = None;
        for number in 0..RECONNECTS {
            let server = next.next().context("an endless row")?;
            session(&mut host, server.port)?;
            let (free, most) = heap(&mut host)?;
            ensure!(
                free == before,
                "reconnect {number}: {free}, {before} before"
            );
            // The second of each kind takes what the first one took.
            if number >= 2 * servers.len() {
                ensure!(
                    *least.get_or_insert(most) == most,
                    "reconnect {number}: {most} left at least"
                );
            }
        }
        // With less than a session may need, nothing is sent, and the reason has both numbers.
        host.ok("AT+HEAPLEFT=10000")?;
        host.ask(&start(world.p256.port), "\r\nERROR\r\n")?;
        let why = why(&mut host)?;
        ensure!(
            why.contains("bytes of heap needed, 10000 free"),
            "refused for {why}"
        );
        host.ok("AT+HEAPLEFT=65535")?;
        session(&mut host, world.p256.port).map(drop)
    })();
    machine.explain(outcome)?;
    Ok(())
}
