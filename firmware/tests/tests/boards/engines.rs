//! Sessions with servers that embedded-tls cannot serve, and with client certificates: what each takes of heap
//! and stack, and that it gives all of it back.

use anyhow::{Context as _, Result, ensure};
use modem_tests::host::Host;
use modem_tests::machine::{Machine, Options};
use modem_tests::peers::{ADDRESS, P256, RSA};

use crate::bench::{Bench, World};
use crate::story::{JOINED, session, start};

/// A server, and what the modem is asked for.
struct Case {
    name: &'static str,
    key: &'static [&'static str],
    options: &'static [&'static str],
    /// `<auth_mode>`: 2 checks the server, 3 shows a certificate too.
    mode: u8,
}

/// A client has to show its certificate.
const ASKS: [&str; 4] = ["-CAfile", "ca.pem", "-verify_return_error", "-Verify"];

const CASES: [Case; 6] = [
    Case {
        name: "TLS 1.3, P-256",
        key: P256,
        options: &["-tls1_3"],
        mode: 2,
    },
    Case {
        name: "TLS 1.3, P-256 certificate, X25519 alone",
        key: P256,
        options: &["-tls1_3", "-groups", "X25519"],
        mode: 2,
    },
    Case {
        name: "TLS 1.2, P-256",
        key: P256,
        options: &["-tls1_2"],
        mode: 2,
    },
    Case {
        name: "TLS 1.2, RSA-2048",
        key: RSA,
        options: &["-tls1_2"],
        mode: 2,
    },
    Case {
        name: "TLS 1.3, P-256, client certificate",
        key: P256,
        options: &["-tls1_3"],
        mode: 3,
    },
    Case {
        name: "TLS 1.2, P-256, client certificate",
        key: P256,
        options: &["-tls1_2"],
        mode: 3,
    },
];

/// What a session took of the heap, in bytes.
struct Taken {
    most: u32,
    idle: u32,
}

/// Each case after a start of its own, which resets what was most.
pub(crate) fn each(bench: &Bench) -> Result<()> {
    let world = bench.world("engines")?;
    let options = Options {
        ntp: Some(world.ntp.port),
        ..Options::named("engines")
    };
    let (machine, mut host) = Machine::boot(&world.lab, &world.flash, options)?;
    let outcome = all(&mut host, &world);
    let taken = machine.explain(outcome)?;
    let stack = machine.explain(stack_of_each(&machine.log()))?;
    let kept = machine.explain(kept_for_each(&machine.log(), KEPT))?;
    let open = machine.explain(kept_for_each(&machine.log(), OPEN))?;
    println!("| session | heap, bound | heap, most | idle, bound | idle | stack, deepest |");
    println!("|---|---:|---:|---:|---:|---:|");
    let bounds = kept.into_iter().zip(open);
    for (((case, taken), (kept, open)), stack) in CASES.iter().zip(taken).zip(bounds).zip(stack) {
        let Taken { most, idle } = taken;
        println!(
            "| {} | {kept} | {most} | {open} | {idle} | {stack} |",
            case.name
        );
        ensure!(
            most <= kept && idle <= open,
            "{}: of the heap {most} bytes taken and {kept} kept, then {idle} and {open}",
            case.name
        );
    }
    Ok(())
}

fn all(host: &mut Host, world: &World) -> Result<Vec<Taken>> {
    prepare(host, world)?;
    CASES
        .iter()
        .enumerate()
        .map(|(number, case)| {
            again(host)?;
            taken(host, world, number, case).with_context(|| case.name)
        })
        .collect::<Result<_>>()
        .and_then(|taken| again(host).map(|()| taken))
}

/// A session that may need more heap than there is is refused with both numbers before its handshake, or for the version
/// that would need it; the next one opens, and what was free is free again.
pub(crate) fn refused(bench: &Bench) -> Result<()> {
    let world = bench.world("heap")?;
    let options = Options {
        ntp: Some(world.ntp.port),
        ..Options::named("heap")
    };
    let (machine, mut host) = Machine::boot(&world.lab, &world.flash, options)?;
    let outcome = (|| {
        prepare(&mut host, &world)?;
        let asks = [&["-tls1_2"], &ASKS[..], &["1"]].concat();
        let older = world.ca.serve_as("older", P256, &asks)?;
        ask_time(&mut host)?;
        let (before, _) = heap(&mut host)?;
        // Tickets would stay in the heap that is compared.
        host.ok("AT+SSLRESUME=0")?;
        host.ok("AT+CIPSSLCCONF=3,0,0")?;
        host.ask(&start(older.port), "\r\nERROR\r\n")?;
        let why = host.ask_until("AT+SSLWHY?", "\r\n\r\nOK\r\n")?;
        println!("| too little heap | {why} |");
        ensure!(why.contains("bytes of heap needed"), "{why}");
        ensure!(why.ends_with("\"no_memory\""), "{why}");
        for (version, mode) in [("-tls1_2", 2), ("-tls1_3", 2), ("-tls1_3", 3)] {
            host.ok(&format!("AT+CIPSSLCCONF={mode},0,0"))?;
            let options = if mode == 3 {
                [&[version], &ASKS[..], &["1"]].concat()
            } else {
                vec![version]
            };
            let server = world.ca.serve_as("next", P256, &options)?;
            ask_time(&mut host)?;
            session(&mut host, server.port).with_context(|| version)?;
        }
        let (after, least) = heap(&mut host)?;
        println!(
            "| heap, most of the sessions | {} |",
            before.saturating_sub(least)
        );
        ensure!(after == before, "{before} bytes were free, now {after}");
        Ok(())
    })();
    machine.explain(outcome)
}

/// Loads CA, certificate and key, and asks for the time.
fn prepare(host: &mut Host, world: &World) -> Result<()> {
    host.ok("AT+CWMODE=1")?;
    host.ask("AT+CWJAP=\"iot\",\"\"", &format!("{JOINED}\r\nOK\r\n"))?;
    let [certificate, key] = world.ca.client_images(P256)?;
    host.load("client_ca", &world.image)?;
    host.load("client_cert", &certificate)?;
    host.load("client_key", &key)?;
    ask_time(host)
}

/// Asks for the time, and waits for it. A certificate is valid from the second in which it is made, and the clock of a
/// modelled chip is behind by what this machine was too slow for since it was last set.
pub(crate) fn ask_time(host: &mut Host) -> Result<()> {
    host.ok(&format!("AT+CIPSNTPCFG=1,8,\"{ADDRESS}\""))?;
    host.expects(b"+TIME_UPDATED\r\n")
}

/// A restart by command: the log then has what the stack came to.
fn again(host: &mut Host) -> Result<()> {
    host.ask("AT+RST", "\r\nOK\r\n\r\nready\r\n")?;
    host.expects(JOINED.as_bytes())?;
    host.expects(b"+TIME_UPDATED\r\n")
}

/// A session with data in both directions; afterwards the heap is as before.
fn taken(host: &mut Host, world: &World, number: usize, case: &Case) -> Result<Taken> {
    let mut options = case.options.to_vec();
    if case.mode == 3 {
        options.extend(ASKS);
        options.push("1");
    }
    let name = format!("engine-{number}");
    let server = world.ca.serve_as(&name, case.key, &options)?;
    host.ok(&format!("AT+CIPSSLCCONF={},0,0", case.mode))?;
    // Tickets stay.
    host.ok("AT+SSLRESUME=0")?;
    let (before, _) = heap(host)?;
    // For the heap of an open session; the one that is judged has data, too.
    host.ask(&start(server.port), "CONNECT\r\n\r\nOK\r\n")?;
    let (open, _) = heap(host)?;
    host.ask("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n")?;
    session(host, server.port)?;
    let (after, least) = heap(host)?;
    ensure!(
        after == before,
        "of the heap {before} bytes were free, then {after}"
    );
    Ok(Taken {
        most: before.saturating_sub(least),
        idle: before.saturating_sub(open),
    })
}

/// Bytes that are free, and the least that ever were.
pub(crate) fn heap(host: &mut Host) -> Result<(u32, u32)> {
    let line = host.ask_until("AT+SYSRAM?", "\r\n\r\nOK\r\n")?;
    let numbers = line.strip_prefix("+SYSRAM:").context("the heap")?;
    let (free, least) = numbers.split_once(',').context("two numbers")?;
    Ok((free.parse()?, least.parse()?))
}

/// From the lines that the firmware leaves in its log before it restarts; the first is of [`prepare`].
fn stack_of_each(log: &str) -> Result<Vec<u32>> {
    let lines = log.lines().filter_map(|line| {
        let (_, stack) = line.split_once("; stack: ")?;
        stack.strip_suffix(" bytes used at most since")
    });
    let found: Vec<u32> = lines
        .skip(1)
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()?;
    ensure!(
        found.len() == CASES.len(),
        "{} reports of the stack",
        found.len()
    );
    Ok(found)
}

/// What the log says before the bytes that a session may need: for its handshake, and once it is open.
pub(crate) const KEPT: &str = "heap kept for the handshake: ";
const OPEN: &str = "heap of the session when it is open, at most: ";

/// Numbers of bytes behind such words in the log.
pub(crate) fn bytes_logged(log: &str, words: &str) -> Result<Vec<u32>> {
    let lines = log.lines().filter_map(|line| {
        let (_, kept) = line.split_once(words)?;
        kept.strip_suffix(" bytes")
    });
    Ok(lines
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()?)
}

/// From the lines that the firmware leaves in its log where a session begins; there are two for each case.
fn kept_for_each(log: &str, words: &str) -> Result<Vec<u32>> {
    let found = bytes_logged(log, words)?;
    ensure!(
        found.len() == 2 * CASES.len(),
        "{} reports of the heap",
        found.len()
    );
    Ok(found.iter().step_by(2).copied().collect())
}
