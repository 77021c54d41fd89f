//! What only the modelled ESP32-C3 has: its boots, its radio, noise at its port, failures of its core.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use modem_tests::machine::{Failure, Flash, Machine, Options};
use modem_tests::peers::ADDRESS;

use crate::bench::Bench;
use crate::cuts::random;
use crate::story::JOINED;

const BOOTS: usize = 10;

/// Bytes of noise, with and without a host that heeds RTS: the port takes 11,520 of them in a second.
const NOISE: u64 = 24 * 1024;

/// How esp-backtrace begins what it prints.
const PANIC: &str = "====";

/// How many networks are in the air where many are.
const CROWD: u8 = 199;

/// The passphrase of the model's network `locked`.
const PASSPHRASE: &str = "correct horse";
/// The networks of the model: method, name, strength, address, channel.
const IN_THE_AIR: [&str; 2] = [
    r#"+CWLAP:(3,"locked",-42,"02:a9:00:00:00:01",6,"#,
    r#"+CWLAP:(0,"iot",-42,"02:a9:00:00:00:01",6,"#,
];

/// Each of ten starts ends with `ready`: the first formats the settings, the others find them.
pub(crate) fn boots(bench: &Bench) -> Result<()> {
    let lab = bench.lab("boots")?;
    let flash = Flash::new(&lab, "boots.flash")?;
    let mut slowest = Duration::ZERO;
    for number in 1..=BOOTS {
        let begin = Instant::now();
        let (machine, mut host) = Machine::boot(&lab, &flash, Options::named("boots"))
            .with_context(|| format!("boot {number}"))?;
        slowest = slowest.max(begin.elapsed());
        host.ok("AT")?;
        no_panic(&machine)?;
    }
    let slowest = slowest.as_millis();
    println!("| slowest of {BOOTS} boots | {slowest} ms |");
    Ok(())
}

/// Networks are found, refused, joined, lost and joined again; a station gets another address.
pub(crate) fn air(bench: &Bench) -> Result<()> {
    let lab = bench.lab("air")?;
    let flash = Flash::new(&lab, "air.flash")?;
    let options = Options {
        lose_after: Some(1500),
        ..Options::named("air")
    };
    let (machine, mut host) = Machine::boot(&lab, &flash, options)?;
    let outcome = (|| {
        host.ok("AT+CWMODE=1")?;
        let found = host.ask_until("AT+CWLAP", "\r\n\r\nOK\r\n")?;
        let mut lines = found.lines();
        for expected in IN_THE_AIR {
            let line = lines.next().unwrap_or_default();
            ensure!(line.starts_with(expected), "{found}");
        }
        ensure!(lines.next().is_none(), "{found}");
        for (name, passphrase, code) in [("locked", "too long ago", 2), ("nowhere", "", 3)] {
            let join = format!("AT+CWJAP=\"{name}\",\"{passphrase}\"");
            host.ask(&join, &format!("+CWJAP:{code}\r\n\r\nERROR\r\n"))?;
        }
        let join = format!("AT+CWJAP=\"locked\",\"{PASSPHRASE}\"");
        host.ask(&join, &format!("{JOINED}\r\nOK\r\n"))?;
        // It is gone, and comes back by itself.
        host.expects(format!("WIFI DISCONNECT\r\n{JOINED}").as_bytes())?;
        let at = host.ask_until("AT+CIPSTA?", "\r\n\r\nOK\r\n")?;
        host.ask("AT+CIPSTAMAC=\"1a:fe:34:97:d0:ee\"", "\r\nERROR\r\n")?;
        host.ask("AT+CWQAP", "\r\nOK\r\nWIFI DISCONNECT\r\n")?;
        host.ok("AT+CIPSTAMAC=\"1a:fe:34:97:d0:ee\"")?;
        host.ask("AT+CWJAP=\"iot\",\"\"", &format!("{JOINED}\r\nOK\r\n"))?;
        let moved = host.ask_until("AT+CIPSTA?", "\r\n\r\nOK\r\n")?;
        ensure!(at != moved, "the DHCP server has not seen another station");
        no_panic(&machine)
    })();
    machine.explain(outcome)?;
    Ok(())
}

/// In a crowd the strongest networks are listed, the strongest first, as often as it is asked for.
pub(crate) fn crowd(bench: &Bench) -> Result<()> {
    /// Lines at most.
    const LISTED: usize = 64;
    let lab = bench.lab("crowd")?;
    let flash = Flash::new(&lab, "crowd.flash")?;
    let options = Options {
        crowd: CROWD,
        ..Options::named("crowd")
    };
    let (machine, mut host) = Machine::boot(&lab, &flash, options)?;
    // As the model has them, and the two that are always there.
    let mut strengths: Vec<i16> = (0..i16::from(CROWD))
        .map(|number| -30 - number * 37 % 60)
        .chain([-42, -42])
        .collect();
    strengths.sort_unstable_by_key(|strength| std::cmp::Reverse(*strength));
    strengths.truncate(LISTED);
    let outcome = (|| {
        host.ok("AT+CWMODE=1")?;
        host.ok("AT+CWLAPOPT=1,2047")?;
        let mut free = None;
        for _ in 0..3 {
            let found = host.ask_until("AT+CWLAP", "\r\n\r\nOK\r\n")?;
            let listed: Vec<i16> = found
                .lines()
                .filter_map(|line| line.split(',').nth(2)?.parse().ok())
                .collect();
            ensure!(listed == strengths, "{found}");
            let heap = host.ask_until("AT+SYSRAM?", "\r\n\r\nOK\r\n")?;
            let now = heap.split([':', ',']).nth(1).map(str::to_owned);
            ensure!(
                free.is_none_or(|free| free == now),
                "{heap}: less than before"
            );
            free = Some(now);
        }
        no_panic(&machine)
    })();
    machine.explain(outcome)?;
    Ok(())
}

/// What a person does with the first board passes here: `espat hil`.
pub(crate) fn hil(bench: &Bench) -> Result<()> {
    let lab = bench.lab("hil")?;
    let flash = Flash::new(&lab, "hil.flash")?;
    let (machine, port) = Machine::plug_in(&lab, &flash, Options::named("hil"))?;
    let network = espat::hil::Network {
        ssid: Some("locked".to_owned()),
        password: PASSPHRASE.to_owned(),
        host: Some(ADDRESS.parse()?),
        flow_control: true,
        // This machine has other work to do.
        least_rate: 100,
        ..espat::hil::Network::default()
    };
    let outcome = (|| {
        let report = espat::hil::check(espat::hil::Port::tcp(port)?, &network)?;
        print!("{}", report.text);
        ensure!(report.failed == 0, "not as it should be");
        // A network with WPA3 is not there.
        ensure!(report.skipped == 1, "a check was not made");
        no_panic(&machine)
    })();
    machine.explain(outcome)?;
    Ok(())
}

/// Whatever comes in, the modem goes on: it answers the next line.
pub(crate) fn noise(bench: &Bench) -> Result<()> {
    let lab = bench.lab("noise")?;
    let flash = Flash::new(&lab, "noise.flash")?;
    for ignores_rts in [false, true] {
        let options = Options {
            ignores_rts,
            ..Options::named("noise")
        };
        let (machine, mut host) = Machine::boot(&lab, &flash, options)?;
        host.ok("AT+CWMODE=1")?;
        let bytes: Vec<u8> = (0..NOISE / 8)
            .flat_map(|n| random(n).to_le_bytes())
            .collect();
        host.send(&bytes)?;
        // The end of a line that nobody understands, and a question.
        host.send(b"\r\nAT+CWMODE?\r\n")?;
        host.bytes_until("+CWMODE:1\r\n\r\nOK\r\n")
            .with_context(|| machine.last_lines())?;
        host.ok("AT")?;
        no_panic(&machine)?;
    }
    Ok(())
}

/// A panic prints its message to the log and restarts, and so does an overflow of the stack at the next
/// start; a core that hangs is restarted by the watchdog.
pub(crate) fn failures(bench: &Bench) -> Result<()> {
    let lab = bench.lab("failures")?;
    let flash = Flash::new(&lab, "failures.flash")?;
    for (failure, reset, says) in [
        (Failure::Fault, "reset: Software", Some(PANIC)),
        (Failure::Hang, "reset: Watchdog", None),
        (Failure::Overflow, "reset: Software", Some("STACK OVERFLOW")),
    ] {
        let options = Options {
            failure: Some(failure),
            ..Options::named("failures")
        };
        let (machine, mut host) = Machine::boot(&lab, &flash, options)?;
        let outcome = (|| {
            host.expects(b"\r\nready\r\n")?;
            host.ok("AT")?;
            ensure!(machine.errors().contains(reset), "no `{reset}`");
            ensure!(
                machine.log().contains(PANIC) == says.is_some(),
                "the log does not fit the failure"
            );
            let lines = says.map_or(1, |says| machine.log().matches(says).count());
            ensure!(lines > 0, "{says:?} is not in the log");
            Ok(())
        })();
        machine.explain(outcome)?;
    }
    Ok(())
}

pub(crate) fn no_panic(machine: &Machine) -> Result<()> {
    let bad = machine.log().contains(PANIC) || machine.errors().contains("reset: Watchdog");
    ensure!(!bad, "{}", machine.last_lines());
    Ok(())
}
