//! `espat`: reads the command line, calls the command, reports its exit status.

use std::process::ExitCode;

use clap::Parser as _;

mod cli;

use cli::{Cli, Command};

fn main() -> ExitCode {
    // clap explains its own errors and exits with status 2.
    let result = match Cli::parse().command {
        Command::Pki(args) => espat::pki::run(&args),
        Command::Push(args) => espat::push::run(&args),
        Command::Verify(args) => espat::verify::run(&args),
        Command::Explain(args) => espat::explain::run(&args),
        Command::Sim(args) => espat::sim::run(&args),
        Command::Doctor(args) => espat::doctor::run(&args),
        Command::FlashImage(args) => espat::flash_image::run(&args),
        Command::Hil(args) => espat::hil::run(&args),
        Command::Demo(args) => espat::demo::run(args, espat::demo::simulated),
    };
    espat::report::finish(result).into()
}
