//! The checks, in the order in which they are made: each needs no more than those before it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::line::{Line, SOON};
use super::peer::{Part, Peer, pattern};

/// The network around the board, and how the ports are wired.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Network {
    /// A network with WPA2, or an open one
    #[arg(long, value_name = "NAME")]
    pub ssid: Option<String>,
    /// Its passphrase
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub password: String,
    /// A network with WPA3 only, which must be refused
    #[arg(long, value_name = "NAME")]
    pub wpa3: Option<String>,
    /// This PC's address in that network, as the board reaches it
    #[arg(long, value_name = "ADDRESS")]
    pub host: Option<IpAddr>,
    /// RTS and CTS of the AT port are wired
    #[arg(long)]
    pub flow_control: bool,
    /// Bytes per second of payload that both directions must reach
    #[arg(long, value_name = "N", default_value_t = 4000)]
    pub least_rate: u32,
}

/// What came of a check, with the words that say it.
pub(super) enum CheckResult {
    Passed(String),
    Failed(String),
    /// Something that it needs was not given.
    Skipped(String),
}

/// A check by its name.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) make: fn(&mut Line, &Network) -> Result<CheckResult>,
}

/// All of them.
pub(super) const CHECKS: [Check; 11] = [
    Check {
        name: "port",
        make: port,
    },
    Check {
        name: "restart",
        make: restart,
    },
    Check {
        name: "scan",
        make: scan,
    },
    Check {
        name: "wrong-password",
        make: wrong_password,
    },
    Check {
        name: "wpa3",
        make: wpa3,
    },
    Check {
        name: "join",
        make: join,
    },
    Check {
        name: "entropy",
        make: entropy,
    },
    Check {
        name: "flow-control",
        make: flow_control,
    },
    Check {
        name: "throughput",
        make: throughput,
    },
    Check {
        name: "heap",
        make: heap,
    },
    Check {
        name: "deep-sleep",
        make: deep_sleep,
    },
];

/// A join may take this long before it fails.
const JOIN: Duration = Duration::from_secs(40);
const BOOT: Duration = Duration::from_secs(20);
const SCAN: Duration = Duration::from_secs(20);

/// Bytes of a burst that no buffer of a module has room for.
const BURST: usize = 8192;
/// Bytes that are sent to the board.
const STREAM: usize = 32 * 1024;
/// Handshakes whose first messages are compared.
const HELLOS: usize = 8;
/// Bytes before the random number of a ClientHello: record header, message header, version.
const BEFORE_RANDOM: usize = 11;
const RANDOM: usize = 32;

fn passed(words: impl Into<String>) -> Result<CheckResult> {
    Ok(CheckResult::Passed(words.into()))
}

fn skipped(option: &str) -> Result<CheckResult> {
    Ok(CheckResult::Skipped(format!("needs {option}")))
}

/// It answers, and says what it is.
fn port(line: &mut Line, _: &Network) -> Result<CheckResult> {
    // A board that has just been switched on may say `ready` meanwhile.
    let _ = line.ask("AT", Duration::from_secs(2));
    line.ok("AT", SOON)?;
    let version = line.ok("AT+GMR", SOON)?;
    let first = version.lines().find(|line| line.starts_with("AT version:"));
    passed(first.context("no version")?)
}

/// `AT+RST` leads to `ready`.
fn restart(line: &mut Line, _: &Network) -> Result<CheckResult> {
    line.ok("AT+RST", SOON)?;
    let begin = Instant::now();
    line.until(&["\r\nready\r\n"], BOOT)?;
    let took = begin.elapsed().as_millis();
    line.ok("AT", SOON)?;
    passed(format!("ready after {took} ms"))
}

/// Networks are found, that of the checks among them.
fn scan(line: &mut Line, network: &Network) -> Result<CheckResult> {
    line.ok("AT+CWMODE=1", SOON)?;
    let found = line.ok("AT+CWLAP", SCAN)?;
    let count = found.matches("+CWLAP:(").count();
    ensure!(count > 0, "no network at all");
    if let Some(ssid) = &network.ssid {
        ensure!(
            found.contains(&format!("\"{ssid}\"")),
            "{ssid} is not among {count} networks"
        );
    }
    passed(format!("{count} networks"))
}

/// A passphrase that is wrong is said to be wrong.
fn wrong_password(line: &mut Line, network: &Network) -> Result<CheckResult> {
    let Some(ssid) = network
        .ssid
        .as_ref()
        .filter(|_| !network.password.is_empty())
    else {
        return skipped("--ssid and --password");
    };
    let wrong = format!("AT+CWJAP=\"{ssid}\",\"{}x\"", network.password);
    let (text, is_ok) = line.ask(&wrong, JOIN)?;
    ensure!(
        !is_ok && text.contains("+CWJAP:2\r\n"),
        "{}",
        text.escape_default()
    );
    passed("+CWJAP:2")
}

/// The radio's driver in this firmware has no WPA3; nothing weaker may be used instead.
fn wpa3(line: &mut Line, network: &Network) -> Result<CheckResult> {
    let Some(ssid) = &network.wpa3 else {
        return skipped("--wpa3");
    };
    let join = format!("AT+CWJAP=\"{ssid}\",\"{}\"", network.password);
    let (text, is_ok) = line.ask(&join, JOIN)?;
    ensure!(
        !is_ok && text.contains("+CWJAP:"),
        "{}",
        text.escape_default()
    );
    passed("refused")
}

/// The network is joined, with an address.
fn join(line: &mut Line, network: &Network) -> Result<CheckResult> {
    let Some(ssid) = &network.ssid else {
        return skipped("--ssid");
    };
    let begin = Instant::now();
    let join = format!("AT+CWJAP=\"{ssid}\",\"{}\"", network.password);
    let text = line.ok(&join, JOIN)?;
    ensure!(
        text.contains("WIFI CONNECTED\r\nWIFI GOT IP\r\n"),
        "{}",
        text.escape_default()
    );
    let took = begin.elapsed().as_millis();
    let address = line.ok("AT+CIPSTA?", SOON)?;
    let address = address
        .lines()
        .find_map(|line| line.strip_prefix("+CIPSTA:ip:"));
    passed(format!(
        "{} after {took} ms",
        address.context("no address")?
    ))
}

/// What a handshake begins with differs each time, over a restart too.
fn entropy(line: &mut Line, network: &Network) -> Result<CheckResult> {
    let Some((host, ssid)) = network.host.zip(network.ssid.as_ref()) else {
        return skipped("--host and --ssid");
    };
    line.ok("AT+CIPSSLCCONF=0", SOON)?;
    let mut seen: Vec<Vec<u8>> = Vec::new();
    for number in 0..HELLOS {
        if number == HELLOS / 2 {
            line.ok("AT+RST", SOON)?;
            line.until(&["\r\nready\r\n"], BOOT)?;
            let join = format!("AT+CWJAP=\"{ssid}\",\"{}\"", network.password);
            line.ok(&join, JOIN)?;
            line.ok("AT+CIPSSLCCONF=0", SOON)?;
        }
        let peer = Peer::start(Part::Takes(BEFORE_RANDOM + RANDOM))?;
        let start = format!("AT+CIPSTART=\"SSL\",\"{host}\",{}", peer.port);
        let (_, is_ok) = line.ask(&start, JOIN)?;
        ensure!(!is_ok, "a server that says nothing was accepted");
        let random = peer.received(SOON)?.split_off(BEFORE_RANDOM);
        ensure!(!seen.contains(&random), "the same random number twice");
        seen.push(random);
    }
    let ones: u32 = seen.iter().flatten().map(|byte| byte.count_ones()).sum();
    let all = u32::try_from(HELLOS * RANDOM * 8).unwrap_or(u32::MAX);
    // Five standard deviations of 2,048 fair bits are 113.
    ensure!(
        ones.abs_diff(all / 2) <= 113,
        "{ones} of {all} bits are set"
    );
    passed(format!("{HELLOS} random numbers, {ones} of {all} bits set"))
}

/// A burst that no buffer has room for arrives whole: RTS holds it back.
fn flow_control(line: &mut Line, network: &Network) -> Result<CheckResult> {
    let Some(host) = network.host.filter(|_| network.flow_control) else {
        return skipped("--host and --flow-control");
    };
    line.ok("AT+UART_CUR=115200,8,1,0,3", SOON)?;
    let rate = sends(line, host)?;
    passed(format!("{BURST} bytes at once, {rate} bytes/s"))
}

/// Sends a burst to a server; bytes per second.
fn sends(line: &mut Line, host: IpAddr) -> Result<u128> {
    let peer = Peer::start(Part::Takes(BURST))?;
    line.ok(
        &format!("AT+CIPSTART=\"TCP\",\"{host}\",{}", peer.port),
        JOIN,
    )?;
    line.ok(&format!("AT+CIPSEND={BURST}"), SOON)?;
    line.until(&[">"], SOON)?;
    let bytes: Vec<u8> = (0..BURST).map(pattern).collect();
    let begin = Instant::now();
    line.send(&bytes)?;
    line.until(&["SEND OK\r\n"], JOIN)?;
    let took = begin.elapsed().as_millis().max(1);
    ensure!(peer.received(SOON)? == bytes, "other bytes arrived");
    line.until(&["CLOSED\r\n"], SOON)?;
    Ok(u128::try_from(BURST)? * 1000 / took)
}

/// Receives a stream from a server; bytes per second.
fn receives(line: &mut Line, host: IpAddr) -> Result<u128> {
    let peer = Peer::start(Part::Sends(STREAM))?;
    line.ok(
        &format!("AT+CIPSTART=\"TCP\",\"{host}\",{}", peer.port),
        JOIN,
    )?;
    let begin = Instant::now();
    let mut count = 0;
    while count < STREAM {
        line.until(&["+IPD,"], JOIN)?;
        let (length, _) = line.until(&[":"], SOON)?;
        let length: usize = length.parse().context("the length of +IPD")?;
        let bytes = line.take(length, SOON)?;
        let right = bytes
            .iter()
            .zip(count..)
            .all(|(byte, at)| *byte == pattern(at));
        ensure!(right, "byte {count} or one of the next {length} is another");
        count += length;
    }
    let took = begin.elapsed().as_millis().max(1);
    line.ok("AT+CIPCLOSE", SOON)?;
    Ok(u128::try_from(STREAM)? * 1000 / took)
}

/// Both directions are as fast as the port allows, or nearly so.
fn throughput(line: &mut Line, network: &Network) -> Result<CheckResult> {
    let Some(host) = network.host else {
        return skipped("--host");
    };
    let down = receives(line, host)?;
    // Without RTS a burst is more than the ring has room for.
    let up = if network.flow_control {
        sends(line, host)?
    } else {
        u128::from(network.least_rate)
    };
    let least = u128::from(network.least_rate);
    ensure!(down >= least && up >= least, "{down} bytes/s down, {up} up");
    passed(format!("{down} bytes/s down, {up} up"))
}

/// What is asked for again and again takes no memory.
fn heap(line: &mut Line, _: &Network) -> Result<CheckResult> {
    let free = |line: &mut Line| -> Result<i64> {
        let text = line.ok("AT+SYSRAM?", SOON)?;
        let (_, numbers) = text.split_once("+SYSRAM:").context("no +SYSRAM")?;
        let first = numbers.split([',', '\r']).next().unwrap_or_default();
        Ok(first.parse()?)
    };
    // The first one may leave a buffer that is used again.
    line.ok("AT+CWLAP", SCAN)?;
    let before = free(line)?;
    for _ in 0..3 {
        line.ok("AT+CWLAP", SCAN)?;
    }
    let lost = before - free(line)?;
    ensure!(lost < 512, "{lost} bytes less than before");
    passed(format!("{before} bytes free"))
}

/// It sleeps as long as it should, and starts again.
fn deep_sleep(line: &mut Line, _: &Network) -> Result<CheckResult> {
    const SLEEP: Duration = Duration::from_secs(3);
    line.ok(&format!("AT+GSLP={}", SLEEP.as_millis()), SOON)?;
    let begin = Instant::now();
    line.until(&["\r\nready\r\n"], SLEEP + BOOT)?;
    let took = begin.elapsed();
    // Its clock is an RC oscillator, 5 % at worst.
    ensure!(
        took >= SLEEP.mul_f32(0.9),
        "it woke after {} ms",
        took.as_millis()
    );
    line.ok("AT", SOON)?;
    passed(format!("ready after {} ms", took.as_millis()))
}
