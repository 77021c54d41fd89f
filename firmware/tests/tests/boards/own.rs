//! `firmware/embedded-modem`: a command of its own, and a task beside the modem.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use modem_tests::host::Host;
use modem_tests::machine::{Flash, Machine, Options};

use crate::bench::Bench;

/// One percent in 10 ms, from 0 to 40, and time for a machine with other work to do.
const TURNING: Duration = Duration::from_secs(20);

/// The speed of the fan.
fn speed(host: &mut Host) -> Result<u8> {
    let line = host.ask_until("AT+FAN?", "\r\n\r\nOK\r\n")?;
    let percent = line.strip_prefix("+FAN:").context("no +FAN")?;
    Ok(percent.parse()?)
}

/// The fan is turned up by its own task while the modem answers.
pub(crate) fn fan(bench: &Bench) -> Result<()> {
    let lab = bench.lab("fan")?;
    let flash = Flash::new(&lab, "fan.flash")?;
    let (machine, mut host) = Machine::boot(&lab, &flash, Options::named("fan"))?;
    let outcome = (|| {
        ensure!(speed(&mut host)? == 0, "it turns before anybody wants it");
        host.ask("AT+FAN=101", "\r\nERROR\r\n")?;
        host.ok("AT+FAN=40")?;
        let (begin, mut last) = (Instant::now(), 0);
        while last < 40 {
            let now = speed(&mut host)?;
            ensure!((last..=40).contains(&now), "{now} % after {last} %");
            ensure!(begin.elapsed() < TURNING, "{now} % is all it comes to");
            last = now;
        }
        host.ok("AT+FAN=0")?;
        host.ok("AT+CWMODE=1")
    })();
    machine.explain(outcome)?;
    Ok(())
}
