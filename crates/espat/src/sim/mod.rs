//! `espat sim`: the modem engine over sockets, files and simulated access points.
//!
//! | module | stands in for |
//! |---|---|
//! | [`port`] | the UART |
//! | [`wifi`] | the radio and the access points around it |
//! | [`net`] | the network behind them |
//! | [`log`] | the log UART |
//! | [`board`] | the chip around the engine |
//! | [`control`] | access points and power, switched from outside |
//! | [`mod@bench`] | clock, names, delays and faults, changed from outside |
//! | [`peers`] | the far side of connections, changed from outside |
//! | [`wire`] | the wires to the host |
//! | [`events`] | who is told of what happens |
//! | [`rng`] | the source of random numbers |
//! | [`flash`] | the flash chip |
//! | [`args`] | the wiring |
//! | `settings` | the options, as a recording has them |
//! | `spawn` | a simulator on a thread, for programs that are its host |
//! | `engine` | the module itself |
//!
//! Everything runs on the thread of the caller. State that a module keeps in flash is in the flash
//! image and nowhere else.

use std::future::{Future, pending};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use futures_lite::future::or;
use rand_core::RngCore as _;

use crate::flash_image::Given;
use crate::report::{self, Outcome, WrongUsage};
use crate::transcript::Secrets;

pub mod args;
pub mod bench;
pub mod board;
pub mod control;
mod engine;
pub mod events;
pub mod flash;
pub mod log;
pub mod net;
pub mod peers;
pub mod port;
pub mod rng;
mod settings;
mod spawn;
mod stop;
pub mod wifi;
pub mod wire;

pub use args::Args;
pub use spawn::{Config, Running};

use args::{Baud, Chip, Clock, Dialect, Layout};
use bench::Bench;
use control::{ControlPort, Panel, Power};
use net::{HostNet, MapTable};
use port::{Choice, Port, Tape};
use rng::{Purpose, SimRng};
use wifi::SimWifi;

/// The module around the engine: what is there before a host says anything.
#[derive(Debug)]
pub struct Machine {
    /// Which module it is.
    pub chip: Chip,
    /// The flash image, if it is to outlast the program.
    pub flash: Option<PathBuf>,
    /// What the clock shows at the start.
    pub clock: Clock,
    /// The station.
    pub wifi: SimWifi,
    /// The network behind it.
    pub net: HostNet,
    /// The power switch.
    pub power: Power,
    /// Where a flash image that is made keeps certificates.
    pub layout: Layout,
    /// Which commands it accepts.
    pub dialect: Dialect,
    /// TLS sessions at a time, 1 to 5.
    pub tls_links: u8,
    /// What a test changes while it runs.
    pub bench: Bench,
    /// How long a restart takes; what the host sends meanwhile is lost.
    pub boot: Duration,
    /// What is in its flash from the start, beside what the image holds.
    pub pki: Vec<Given>,
    /// Where its random numbers come from.
    pub rng: SimRng,
    /// Whether its port is as fast as the module's settings say.
    pub paced: bool,
}

impl Machine {
    /// A module as `args` describes it, switched off.
    ///
    /// # Errors
    ///
    /// [`WrongUsage`] when arguments contradict each other.
    pub fn new(args: &Args) -> anyhow::Result<Self> {
        let maps = MapTable::new(args.map.clone())
            .map_err(|error| WrongUsage(format!("--map: {error}")))?;
        let bench = Bench::new(args.latency, args.seed);
        let mac = args.mac.or_else(|| args.seed.map(seeded_mac));
        let wifi = SimWifi::new(&args.ap)
            .with_identity(mac, args.address)
            .with_events(bench.events().clone());
        if let Some(Baud::Fixed(baud)) = args.baud {
            bench.set_baud(baud);
        }
        Ok(Self {
            chip: args.chip,
            flash: args.flash.clone(),
            clock: args.clock,
            net: HostNet::new(maps, wifi.clone()).with_bench(bench.clone()),
            wifi,
            power: Power::default(),
            tls_links: args.tls_links,
            dialect: args.dialect,
            layout: args.layout,
            bench,
            boot: args.boot(),
            pki: args.pki.clone(),
            rng: SimRng::new(args.seed, Purpose::Modem),
            paced: args.baud == Some(Baud::Module),
        })
    }

    /// What lines of the control port are about.
    fn panel(&self, tape: Option<Tape>) -> Panel {
        Panel {
            air: self.wifi.control(),
            bench: self.bench.clone(),
            power: self.power.clone(),
            tape,
        }
    }
}

/// A hardware address by the seed: locally administered, and no group's.
fn seeded_mac(seed: u64) -> [u8; 6] {
    let mut mac = [0; 6];
    SimRng::new(Some(seed), Purpose::Address).fill_bytes(&mut mac);
    let [first, ..] = &mut mac;
    *first = (*first & 0xfc) | 0x02;
    mac
}

/// Runs `espat sim` until its host is gone (`--stdio`), or SIGTERM or SIGINT comes: both are a normal end.
///
/// # Errors
///
/// A sentence: wrong usage, or what could not be opened.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    if args.exit_with_parent {
        stop::with_parent().context("cannot watch the parent process")?;
    }
    let stop = stop::on_signal().context("cannot catch signals")?;
    async_io::block_on(run_until(args, stop.wait()))
}

/// As [`run`], and ends when `stop` does.
///
/// Dropping it is like taking the power away.
///
/// # Errors
///
/// As [`run`].
pub async fn run_until(args: &Args, stop: impl Future<Output = ()>) -> anyhow::Result<Outcome> {
    if args.virtual_time && args.control.is_none() {
        let why = "--virtual-time needs --control: nothing else turns the clock";
        return Err(WrongUsage(why.to_owned()).into());
    }
    let settings = settings::of_this_program(args);
    let Opened {
        machine,
        mut port,
        tape,
        _log,
    } = Opened::new(args, &args.port(), &settings)?;
    let control = args.control.map(ControlPort::open).transpose()?;
    let panel = machine.panel(tape);
    let maps = machine.net.resolved_maps().map(|map| format!("map {map}"));
    // The AT port last: who waits for it has read the rest.
    let announcements: Vec<String> = control
        .as_ref()
        .map(ControlPort::announcement)
        .into_iter()
        .chain(maps)
        .chain(port.announcement())
        .collect();
    let announce = || announcements.iter().for_each(report::say);
    let controlled = async {
        match &control {
            Some(control) => control.serve(&panel).await,
            None => pending().await,
        }
        Ok(())
    };
    let stopped = async {
        stop.await;
        Ok(())
    };
    let operated = operate(&machine, &mut port, announce);
    or(or(operated, stopped), controlled).await?;
    port.finish();
    Ok(Outcome::Done)
}

/// What runs a modem with some options: in a program of its own, or on a thread of another.
struct Opened {
    machine: Machine,
    port: Port,
    tape: Option<Tape>,
    /// Until this is dropped.
    _log: log::Running,
}

impl Opened {
    /// `settings` are the options that a recording begins with.
    fn new(args: &Args, port: &Choice, settings: &[settings::Setting]) -> anyhow::Result<Self> {
        if args.virtual_time {
            pc_time::stop();
        }
        let machine = Machine::new(args)?;
        let log = log::start(args.log.as_ref(), args.log_level, args.log_format)?;
        let port = Port::open(port)?;
        let tape = tape(args, settings)?;
        Ok(Self {
            _log: log,
            ..Self::with(machine, port, tape)
        })
    }

    /// Without a log.
    fn with(machine: Machine, mut port: Port, tape: Option<Tape>) -> Self {
        port.wire(machine.bench.clone());
        if let Some(tape) = &tape {
            port.record(tape.clone());
        }
        Self {
            machine,
            port,
            tape,
            _log: log::Running::default(),
        }
    }
}

/// The recording that is asked for, with the options that it begins with.
fn tape(args: &Args, settings: &[settings::Setting]) -> anyhow::Result<Option<Tape>> {
    let Some(path) = &args.record else {
        return Ok(None);
    };
    let secrets = if args.record_danger_secrets {
        Secrets::DangerShown
    } else {
        Secrets::Hidden
    };
    let tape = Tape::create(path, secrets)?;
    tape.settings(settings);
    Ok(Some(tape))
}

/// Serves one host after the other; returns when no other can come. Calls `ready` when the module
/// has booted.
///
/// Dropping it is like taking the power away.
///
/// # Errors
///
/// When the port or the engine cannot go on.
pub async fn operate(
    machine: &Machine,
    port: &mut Port,
    ready: impl FnOnce(),
) -> anyhow::Result<()> {
    engine::operate(machine, port, ready).await
}

#[cfg(test)]
mod tests;
