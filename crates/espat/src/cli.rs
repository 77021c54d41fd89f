//! The command line: which command, and its options. Each command keeps its own.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// ESP-AT on a PC: simulated modem, certificate images, and why a TLS session was refused.
#[derive(Debug, Parser)]
#[command(name = "espat", version = env!("ESPAT_VERSION"), about)]
pub(crate) struct Cli {
    /// No notes, warnings and progress on stderr: only why something failed
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole story on loopback, with servers of its own
    Demo(espat::demo::Args),
    /// Run the simulated modem
    Sim(espat::sim::Args),
    /// Talk to a modem: a terminal that knows its commands
    Term(espat::term::Args),
    /// Make, show, unpack and check certificate images
    Pki(espat::pki::Args),
    /// Replay a recording of `espat sim` and show what differs
    Replay(espat::replay::Args),
    /// Load certificates and keys into a module, over its AT port
    Push(espat::push::Args),
    /// Say whether a server's certificates would be accepted, and why not
    Verify(espat::verify::Args),
    /// Say which step of a failing set-up is wrong, and what to do
    Doctor(espat::doctor::Args),
    /// Make a whole flash image, or show the map of one
    FlashImage(espat::flash_image::Args),
    /// Explain a code, a number or a line of the port or of a log
    Explain(espat::explain::Args),
    /// Print completions for a shell, to be loaded by it
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages, one for each command
    Man {
        /// An existing folder: `man -l FOLDER/espat.1` shows the first of them
        folder: PathBuf,
    },
    /// Check a board on two ports of this PC: hardware in the loop
    Hil(espat::hil::Args),
}
