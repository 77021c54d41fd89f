//! The story of the project on the board: from an erased flash to an answer of a server whose
//! certificate was verified, and every refusal on the way.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};

use super::host::Host;
use super::machine::{Board, Flash, Lab, Machine, Options};
use super::peers::{ADDRESS, Ca, Nobody, NtpServer, P256, RSA, TlsServer, seconds_of};
use crate::workspace::Workspace;

pub(crate) const JOINED: &str = "WIFI CONNECTED\r\nWIFI GOT IP\r\n";

/// The reasons of `AT+SSLWHY?`, without their head.
const NO_CA: &str = r#""setup",-0x7680,0x00000000,0,"","","no CA loaded: the partition is erased""#;
const OTHER_CA: &str =
    r#""certificate",-0x2700,0x00000008,0,"CN=server","CN=test CA","no chain to the loaded CA""#;
const OTHER_NAME: &str = r#""certificate",-0x2700,0x00000004,0,"CN=server","other.local","certificate is for another name""#;
/// What stands between this and the end is the certificate's notBefore.
const NO_CLOCK: &str = r#""certificate",-0x2700,0x00000200,0,"CN=server",""#;
const NO_CLOCK_WORDS: &str = r#"","clock not set: dates cannot be checked""#;
const NOBODY: &str = r#""tcp",-0x0044,0x00000000,0,"","","server refused the connection""#;

/// Seconds of the zone that the story sets.
const ZONE: i64 = 8 * 3600;
/// What a modem may be off by.
const TOLERANCE: i64 = 2;

fn start(port: u16) -> String {
    format!("AT+CIPSTART=\"SSL\",\"{ADDRESS}\",{port}")
}

/// Opening a session is refused, and told why on request; gives the reason.
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

/// A session, lines of several lengths there and back, and its end; gives how long opening it took.
fn session(host: &mut Host, port: u16) -> Result<Duration> {
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
    let told = seconds_of(time)? - ZONE;
    let right = before - TOLERANCE..=after + TOLERANCE;
    ensure!(right.contains(&told), "{told} is not in {right:?}");
    Ok(())
}

/// What was set and loaded in the story is there still.
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

/// What was measured on the way.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// From `AT+CIPSTART` to `CONNECT`, by the server's key.
    opening: Vec<(&'static str, Duration)>,
    /// Bytes of stack that were in use at the deepest point, by what it was the deepest point of.
    pub(crate) stack: Vec<(&'static str, u64)>,
}

/// Rows of a Markdown table.
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, took) in &self.opening {
            let took = took.as_millis();
            writeln!(f, "| `AT+CIPSTART` to `CONNECT`, {key} | {took} ms |")?;
        }
        for (of, bytes) in &self.stack {
            writeln!(f, "| stack, deepest point of {of} | {bytes} bytes |")?;
        }
        Ok(())
    }
}

/// What stands around the modem.
pub(crate) struct World {
    pub(crate) image: Vec<u8>,
    other_image: Vec<u8>,
    pub(crate) p256: TlsServer,
    pub(crate) rsa: TlsServer,
    pub(crate) ntp: NtpServer,
    pub(crate) flash: Flash,
}

impl World {
    /// A CA and its servers, another CA, an NTP server, an erased flash.
    pub(crate) fn new(workspace: &Workspace, lab: &Lab) -> Result<Self> {
        let ca = Ca::new(workspace, &lab.folder, "test CA")?;
        Ok(Self {
            image: ca.image()?,
            other_image: Ca::new(workspace, &lab.folder, "other CA")?.image()?,
            p256: ca.serve("p256", P256)?,
            rsa: ca.serve("rsa", RSA)?,
            ntp: NtpServer::start(workspace, &lab.folder)?,
            flash: Flash::new(lab, "story.flash")?,
        })
    }
}

/// The whole way; the flash is left as it is then.
pub(crate) fn tell(lab: &Lab, world: &World) -> Result<Told> {
    let World { image, flash, .. } = world;
    let (p256, rsa) = (world.p256.port, world.rsa.port);
    let options = Options {
        ntp: Some(world.ntp.port),
        ..Options::named("story")
    };
    let (mut machine, mut host) = Machine::boot(lab, flash, options)?;
    let mut numbers = Told::default();
    let told = (|| {
        first_life(&mut host, image, &world.other_image, p256)?;
        eprintln!("  told: a new modem, four refusals, SNTP");
        for (name, port) in [("P-256", p256), ("RSA-2048", rsa)] {
            let took = session(&mut host, port).with_context(|| format!("{name} server"))?;
            numbers.opening.push((name, took));
            eprintln!("  told: a session with a server that has a key of {name}");
        }
        refused_for(&mut host, Nobody::new()?.port, "", NOBODY)?;
        restarted(&mut host, image, p256)?;
        eprintln!("  told: a restart by command");
        Ok::<_, anyhow::Error>(())
    })();
    told.with_context(|| machine.last_words())?;
    numbers.stack = match lab.board {
        Board::Virt { .. } => stack_used(&machine.log()),
        Board::C3 { .. } => stack_of_model(&machine.errors()),
    }
    .with_context(|| machine.last_words())?;
    machine.kill();
    drop(host);

    let (machine, mut host) = Machine::boot(lab, flash, options)?;
    let told = (|| {
        // Network, zone and servers are stored: they are asked without a word of the host.
        host.hears(JOINED.as_bytes())?;
        host.hears(b"+TIME_UPDATED\r\n")?;
        clock_is_right(&mut host)?;
        remembers(&mut host, image)?;
        session(&mut host, rsa)
    })();
    told.with_context(|| machine.last_words())?;
    eprintln!("  told: a loss of power");
    drop(machine);
    Ok(numbers)
}

/// A 16550 cannot do what the port of a module can, and says so.
pub(crate) fn refuses_flow_control(lab: &Lab, world: &World) -> Result<()> {
    let (_machine, mut host) = Machine::boot(lab, &world.flash, Options::named("flow"))?;
    host.hears(JOINED.as_bytes())?;
    host.ask("AT+UART_CUR=115200,8,1,0,3", "\r\nERROR\r\n")?;
    host.ok("AT")
}

/// A board without a source of randomness says why, and serves nothing.
pub(crate) fn without_randomness(lab: &Lab, world: &World) -> Result<()> {
    let options = Options {
        randomness: false,
        ..Options::named("no-rng")
    };
    let (mut machine, mut host) = Machine::start(lab, &world.flash, options)?;
    machine.wait_for_log("no modem here: no randomness (-device virtio-rng-device)")?;
    host.send(b"AT\r\n")?;
    machine.kill();
    let said = host.rest();
    ensure!(said.is_empty(), "it says {}", said.escape_ascii());
    eprintln!("  told: no randomness, no modem");
    Ok(())
}

/// From the lines that the firmware leaves in its log when it has booted, and before it restarts.
fn stack_used(log: &str) -> Option<Vec<(&'static str, u64)>> {
    let mut found = log.split("; stack: ").skip(1).map(number_at_start);
    Some(vec![
        ("the boot", found.next()??),
        ("what came after it", found.next()??),
    ])
}

/// From what the model of the chip says: a line for each new deepest point, before and after the host's
/// first word.
fn stack_of_model(errors: &str) -> Option<Vec<(&'static str, u64)>> {
    let life = errors.split("reset: ").next()?;
    let (boot, after) = life.split_once("the host speaks")?;
    let deepest = |text: &str| {
        let points = text.split("stack: ").skip(1);
        points.filter_map(number_at_start).max()
    };
    Some(vec![
        ("the boot", deepest(boot)?),
        ("what came after it", deepest(after)?),
    ])
}

fn number_at_start(text: &str) -> Option<u64> {
    text.split(' ').next()?.parse().ok()
}

fn first_life(host: &mut Host, image: &[u8], other: &[u8], port: u16) -> Result<()> {
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
        why.starts_with(NO_CLOCK) && why.ends_with(NO_CLOCK_WORDS),
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
    host.hears(JOINED.as_bytes())?;
    remembers(host, image)?;
    session(host, port)?;
    ask_for_the_time(host)
}

fn ask_for_the_time(host: &mut Host) -> Result<()> {
    host.ok(&format!("AT+CIPSNTPCFG=1,8,\"{ADDRESS}\""))?;
    host.hears(b"+TIME_UPDATED\r\n")?;
    clock_is_right(host)
}
