//! `espat demo`: the whole story on loopback, with servers of its own and no set-up.
//!
//! A host MCU (this module) talks to a simulated modem over its AT port, loads a CA, sets the clock, opens TLS sessions to
//! real servers (rustls), and then meets every failure the modem must explain. Every reply is compared byte for byte.
//!
//! | module | what |
//! |---|---|
//! | `pki` | CAs, certificates and keys, made at run time |
//! | `servers`, `ntp` | TLS servers, one per certificate; an SNTP server |
//! | `visitors` | clients of the modem's own server |
//! | `pattern`, `host` | the host MCU: what it sends, and what must come back |
//! | `progress` | numbered steps, ticks and crosses |
//! | `story` | the steps themselves |
//! | `why` | the reasons they expect |

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::report::Outcome;
use crate::sim;

mod host;
mod ntp;
mod pattern;
mod pki;
mod progress;
mod servers;
mod story;
#[cfg(test)]
mod tests;
mod visitors;
mod why;

/// Arguments of `espat demo`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Args {
    /// Show what went over the AT port only where a step goes wrong
    #[arg(long)]
    pub quiet: bool,
}

/// What the story needs of a modem besides the defaults: clock unset, open access point `iot`, AT port on loopback.
#[derive(Debug, Clone)]
pub struct ModemConfig {
    /// Image file of its flash; made blank where it does not exist.
    pub flash: PathBuf,
    /// `HOST:PORT` as the modem is asked for it, TCP or UDP, and where it is sent instead.
    pub maps: Vec<(String, SocketAddr)>,
}

/// Runs the story; the outcome is a refusal if any step was not as it should be.
///
/// `start_modem` switches a modem on and returns its AT port and whatever keeps it running until dropped.
///
/// # Errors
///
/// The demo's own set-up failed (a port, a file, a certificate), or the story could not be printed.
pub fn run<M>(
    args: Args,
    start_modem: impl FnMut(ModemConfig) -> io::Result<(SocketAddr, M)>,
) -> anyhow::Result<Outcome> {
    run_to(args, start_modem, &mut io::stdout().lock())
}

/// Switches on the simulator.
///
/// # Errors
///
/// Its port cannot be opened, or its flash image cannot be read or made.
pub fn simulated(config: ModemConfig) -> io::Result<(SocketAddr, sim::Running)> {
    let maps = config
        .maps
        .iter()
        .map(|(asked, place)| {
            format!("{asked}={place}")
                .parse()
                .map_err(|error| io::Error::other(format!("{error}")))
        })
        .collect::<io::Result<Vec<sim::net::Map>>>()?;
    let modem = sim::Running::start(sim::Config {
        flash: config.flash,
        maps,
    })?;
    Ok((modem.address(), modem))
}

fn run_to<M>(
    args: Args,
    mut start_modem: impl FnMut(ModemConfig) -> io::Result<(SocketAddr, M)>,
    out: &mut dyn Write,
) -> anyhow::Result<Outcome> {
    let progress = progress::Progress::new(out, args.quiet);
    let stage = story::Stage::build().context("cannot set up the demo's servers")?;
    let folder = tempfile::tempdir().context("no folder for the modem's flash")?;
    let mut count = 0_u8;
    let mut modems = Vec::new();
    let switch_on = || {
        count = count.saturating_add(1);
        let (port, modem) = start_modem(ModemConfig {
            flash: folder.path().join(format!("flash{count}.bin")),
            maps: stage.maps(),
        })?;
        modems.push(modem);
        host::Host::connect(port)
    };
    Ok(story::run(&stage, progress, switch_on)?)
}
