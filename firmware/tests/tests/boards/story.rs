//! The way from an erased flash to an answer of a server whose certificate was verified, and every
//! refusal on it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use modem_tests::host::Host;
use modem_tests::machine::{Board, Flash, Machine, Options, boot_time as measured_boot};
use modem_tests::peers::{ADDRESS, Nobody, seconds_of};

use crate::bench::{Bench, World};

pub(crate) const JOINED: &str = "WIFI CONNECTED\r\nWIFI GOT IP\r\n";

/// The reasons of `AT+SSLWHY?`, without their head.
const NO_CA: &str =
    r#""setup",-0x7680,0x00000000,0,"","","no CA loaded: the partition is erased","ca_erased""#;
const OTHER_CA: &str = r#""certificate",-0x2700,0x00000008,0,"CN=server","CN=test CA","no chain to the loaded CA","issuer_unknown""#;
const OTHER_NAME: &str = r#""certificate",-0x2700,0x00000004,0,"CN=server","other.local","certificate is for another name: IP:10.0.2.2, DNS:broker.local","name_mismatch""#;
/// Between this and [`NO_CLOCK_END`] stands the certificate's notBefore.
const NO_CLOCK: &str = r#""certificate",-0x2700,0x00000200,0,"CN=server",""#;
const NO_CLOCK_END: &str = r#"","clock not set: dates cannot be checked","clock_not_set""#;
const NOBODY: &str =
    r#""tcp",-0x0044,0x00000000,0,"","","server refused the connection","connection_refused""#;

/// Bytes of the main thread's stack on a chip that nothing of the story may take: its chains are short, and its keys
/// are not those that take most.
const STACK_MARGIN: u64 = 8 * 1024;

/// Seconds of the time zone that is set.
const ZONE: i64 = 8 * 3600;
/// Seconds by which a modem's clock may be wrong.
const TOLERANCE: i64 = 2;

/// The command that opens a session to this port.
pub(crate) fn start(port: u16) -> String {
    format!("AT+CIPSTART=\"SSL\",\"{ADDRESS}\",{port}")
}

/// Opening a session is refused; returns the reason that the modem gives on request.
fn refused(host: &mut Host, port: u16, notice: &str) -> Result<String> {
    host.ask(&start(port), &format!("{notice}\r\nERROR\r\n"))?;
    host.ok("AT")?;
    let why = host.ask_until("AT+SSLWHY?", "\r\n\r\nOK\r\n")?;
    let why = why.strip_prefix("+SSLWHY:0,").context("a reason")?;
    Ok(why.to_owned())
}

fn refused_for(host: &mut Host, port: u16, notice: &str, expected: &str) -> Result<()> {
    let why = refused(host, port, notice)?;
    ensure!(why == expected, "the reason is {why}, not {expected}");
    Ok(())
}

/// A session, lines of several lengths there and back, and its end; returns how long opening it took.
pub(crate) fn session(host: &mut Host, port: u16) -> Result<Duration> {
    let begin = Instant::now();
    host.ask(&start(port), "CONNECT\r\n\r\nOK\r\n")?;
    let took = begin.elapsed();
    for line in ["temperature=21.5".to_owned(), "0123456789".repeat(200)] {
        host.transmit(format!("{line}\r\n").as_bytes())?;
        let back: String = line.chars().rev().chain(['\n']).collect();
        let came = host.ipds(back.len())?;
        ensure!(
            came == back.as_bytes(),
            "came back: {}",
            came.escape_ascii()
        );
    }
    host.ask("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n")?;
    // Nothing was left over.
    host.ok("AT")?;
    Ok(took)
}

fn unix_now() -> Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_secs())?)
}

/// The modem's clock shows this machine's time.
fn clock_is_right(host: &mut Host) -> Result<()> {
    let before = unix_now()?;
    let time = host.ask_until("AT+CIPSNTPTIME?", "\r\nOK\r\n")?;
    let after = unix_now()?;
    let time = time.strip_prefix("+CIPSNTPTIME:").context("the time")?;
    let found = seconds_of(time)? - ZONE;
    let right = before - TOLERANCE..=after + TOLERANCE;
    ensure!(right.contains(&found), "{found} is not in {right:?}");
    Ok(())
}

/// What was set and loaded is still there.
fn remembers(host: &mut Host, image: &[u8]) -> Result<()> {
    host.ask("AT+CWMODE?", "+CWMODE:1\r\n\r\nOK\r\n")?;
    let joined = host.ask_until("AT+CWJAP?", "\r\n\r\nOK\r\n")?;
    ensure!(joined.starts_with("+CWJAP:\"iot\","), "{joined}");
    let configs = host.ask_until("AT+CIPSSLCCONF?", "\r\n\r\nOK\r\n")?;
    let expected = (0..5).map(|link| format!("+CIPSSLCCONF:{link},2,0,0"));
    ensure!(configs.lines().eq(expected), "{configs}");
    let found = host.read("client_ca", image.len())?;
    ensure!(found == image, "the CA image is another");
    Ok(())
}

/// The whole way, with a restart by command and a loss of power; prints what it measured.
pub(crate) fn whole(bench: &Bench) -> Result<()> {
    let world = bench.world("story")?;
    let World {
        image, flash, lab, ..
    } = &world;
    let options = Options {
        ntp: Some(world.ntp.port),
        ..Options::named("story")
    };
    let (mut machine, mut host) = Machine::boot(lab, flash, options)?;
    let outcome = powered_on(&mut host, &world);
    machine.explain(outcome)?;
    let stack = match lab.board {
        Board::Virt { .. } => stack_of_virt(&machine.log()),
        Board::C3 { .. } => stack_of_model(&machine.errors()),
    };
    let stack = machine.explain(stack.context("no report of the stack"))?;
    machine.kill();
    drop(host);
    for (point, bytes) in ["the boot", "what came after it"].iter().zip(stack) {
        println!("| stack, deepest point of {point} | {bytes} bytes |");
        check_room(bench, &machine, (point, bytes), STACK_MARGIN)?;
    }

    let (machine, mut host) = Machine::boot(lab, flash, options)?;
    let outcome = (|| {
        // Network, zone and servers are stored: they are asked before the host sends anything.
        host.expects(JOINED.as_bytes())?;
        host.expects(b"+TIME_UPDATED\r\n")?;
        clock_is_right(&mut host)?;
        remembers(&mut host, image)?;
        session(&mut host, world.rsa.port)
    })();
    machine.explain(outcome).context("after a loss of power")?;
    Ok(())
}

/// Everything before the power goes.
fn powered_on(host: &mut Host, world: &World) -> Result<()> {
    let (p256, rsa) = (world.p256.port, world.rsa.port);
    first_boot(host, &world.image, &world.other_image, p256)?;
    for (name, port) in [("P-256", p256), ("RSA-2048", rsa)] {
        let took = session(host, port).with_context(|| format!("{name} server"))?;
        let took = took.as_millis();
        println!("| `AT+CIPSTART` to `CONNECT`, {name} | {took} ms |");
    }
    refused_for(host, Nobody::new()?.port, "", NOBODY)?;
    restarted(host, &world.image, p256).context("after a restart by command")
}

/// From power on until the modem serves its port; prints the time.
pub(crate) fn boot_time(bench: &Bench) -> Result<()> {
    let millis = measured_boot(&bench.lab("boot")?)?.as_millis();
    println!("| from power on to `ready`, by the board's clock | {millis} ms |");
    Ok(())
}

/// A 16550 cannot do what the port of a module can: it refuses.
pub(crate) fn refuses_flow_control(bench: &Bench) -> Result<()> {
    let lab = bench.lab("flow")?;
    let flash = Flash::new(&lab, "erased.flash")?;
    let (_machine, mut host) = Machine::boot(&lab, &flash, Options::named("flow"))?;
    host.ask("AT+UART_CUR=115200,8,1,0,3", "\r\nERROR\r\n")?;
    host.ok("AT")
}

/// A board without a source of randomness logs the reason and serves nothing.
pub(crate) fn without_randomness(bench: &Bench) -> Result<()> {
    let lab = bench.lab("no-rng")?;
    let flash = Flash::new(&lab, "erased.flash")?;
    let options = Options {
        randomness: false,
        ..Options::named("no-rng")
    };
    let (mut machine, mut host) = Machine::start(&lab, &flash, options)?;
    machine.wait_for_log("no modem here: no randomness (-device virtio-rng-device)")?;
    host.send(b"AT\r\n")?;
    machine.kill();
    let printed = host.rest();
    ensure!(printed.is_empty(), "it prints {}", printed.escape_ascii());
    Ok(())
}

/// A chip has that much stack, and `margin` besides; and no more is taken than what images without a model are checked
/// against.
pub(crate) fn check_room(
    bench: &Bench,
    machine: &Machine,
    (point, bytes): (&str, u64),
    margin: u64,
) -> Result<()> {
    if let Some(deepest) = bench.deepest {
        ensure!(
            bytes <= deepest,
            "{point} takes {bytes} bytes of stack, {deepest} at most are expected"
        );
    }
    if let Some(room) = room_of_model(&machine.errors()) {
        ensure!(
            bytes + margin <= room,
            "{point} takes {bytes} of {room} bytes of stack: less than {margin} are left"
        );
    }
    Ok(())
}

/// From the lines that the firmware leaves in its log when it has booted, and before it restarts.
fn stack_of_virt(log: &str) -> Option<[u64; 2]> {
    let mut found = log.split("; stack: ").skip(1).map(number_at_start);
    Some([found.next()??, found.next()??])
}

/// From what the model of the chip prints: a line for each new deepest point, before and after the host
/// sends for the first time.
pub(crate) fn stack_of_model(errors: &str) -> Option<[u64; 2]> {
    let first = errors.split("reset: ").next()?;
    let (boot, after) = first.split_once("the host speaks")?;
    let deepest = |text: &str| {
        let points = text.split("stack: ").skip(1);
        points.filter_map(number_at_start).max()
    };
    Some([deepest(boot)?, deepest(after)?])
}

/// Bytes of stack that there are, as the model prints it.
fn room_of_model(errors: &str) -> Option<u64> {
    let (_, found) = errors.split_once("stack: ")?;
    let (_, room) = found.split_once(" of ")?;
    number_at_start(room)
}

fn number_at_start(text: &str) -> Option<u64> {
    text.split(' ').next()?.parse().ok()
}

fn first_boot(host: &mut Host, image: &[u8], other: &[u8], port: u16) -> Result<()> {
    host.ok("AT")?;
    // The port takes other settings.
    host.ok("AT+UART_CUR=38400,7,3,2,0")?;
    host.ask("AT+UART_CUR?", "+UART_CUR:38400,7,3,2,0\r\n\r\nOK\r\n")?;
    host.ok("AT+UART_CUR=115200,8,1,0,0")?;
    host.ok("AT+CWMODE=1")?;
    let joined = format!("{JOINED}\r\nOK\r\n");
    host.ask("AT+CWJAP=\"iot\",\"\"", &joined)?;
    host.ok("AT+CIPSSLCCONF=2,0,0")?;
    refused_for(host, port, "NO CA FOUND\r\n", NO_CA)?;

    // More at once than the ring of the port holds, while the flash is at work.
    let burst: Vec<u8> = (0..8192_u32)
        .flat_map(|n| n.to_le_bytes().into_iter().take(1))
        .collect();
    host.load("client_key", &burst)?;

    host.load("client_ca", image)?;
    let why = refused(host, port, "")?;
    ensure!(
        why.starts_with(NO_CLOCK) && why.ends_with(NO_CLOCK_END),
        "the reason is {why}"
    );

    ask_for_the_time(host)?;
    host.load("client_ca", other)?;
    refused_for(host, port, "", OTHER_CA)?;
    host.load("client_ca", image)?;

    host.ok("AT+CIPSSLCCN=\"other.local\"")?;
    refused_for(host, port, "", OTHER_NAME)?;
    host.ok("AT+CIPSSLCCN=\"broker.local\"")?;
    session(host, port)?;
    host.ok("AT+CIPSSLCCN=\"\"")
}

fn restarted(host: &mut Host, image: &[u8], port: u16) -> Result<()> {
    // Nobody is asked for the time, so a session afterwards shows that the clock ran on.
    host.ok("AT+CIPSNTPCFG=0")?;
    host.ask("AT+RST", "\r\nOK\r\n\r\nready\r\n")?;
    host.expects(JOINED.as_bytes())?;
    remembers(host, image)?;
    session(host, port)?;
    ask_for_the_time(host)
}

fn ask_for_the_time(host: &mut Host) -> Result<()> {
    host.ok(&format!("AT+CIPSNTPCFG=1,8,\"{ADDRESS}\""))?;
    host.expects(b"+TIME_UPDATED\r\n")?;
    clock_is_right(host)
}
