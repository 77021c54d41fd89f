//! `cargo xtask`: every check of this workspace, by name.
//!
//! `cargo xtask test` is what CI runs: all steps of [`steps::ALL`], and a table of them at the end.
//! Each step can be run alone. Exit status: 0 all passed, 1 a step failed, 2 wrong usage.

mod bare_metal;
mod bench;
mod boards;
mod checks;
mod citations;
mod cmd;
mod cpu;
mod demo_svg;
mod deny;
mod dist;
mod duties;
mod emulator;
mod firmware;
mod fuzz;
mod imports;
mod package;
mod run;
mod rustls;
mod setup;
mod size;
mod stack;
mod steps;
mod tidy;
mod toolchain;
mod translations;
mod workspace;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::boards::Cuts;
use crate::firmware::{Chip, Engines, Net, Selection};
use crate::setup::Fetch;
use crate::stack::Optimise;
use crate::steps::{Options, Step};
use crate::toolchain::Compiler;
use crate::workspace::Workspace;

/// Every check of this workspace, by name.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// All steps below, as many at once as fit; a table of them at the end.
    Test {
        /// Download nothing: a tool that is missing fails each step that needs it.
        #[arg(long)]
        no_fetch: bool,
    },
    /// Fetch the tools that the other steps need and that are missing, into the target folder.
    Setup {
        /// Download nothing: list what is missing.
        #[arg(long)]
        no_fetch: bool,
    },
    /// File lengths, manifests, paths of one machine, citations of docs/spec, links in documents.
    Tidy,
    /// Formatting, without changing a file.
    Fmt,
    /// Clippy with warnings denied, over the whole workspace.
    Clippy,
    /// Unit tests, the libraries' integration tests, documentation tests.
    Host,
    /// Documentation with warnings denied.
    Doc,
    /// Every package as it would be published: packed, unpacked, built.
    Package,
    /// Clippy over each library with every set of its features.
    Features,
    /// Licences, sources and known vulnerabilities of all dependencies, those of firmware included.
    Deny,
    /// Every library for a bare-metal target, with nothing but `core`.
    BareMetal {
        /// Where `core` for the target comes from.
        #[arg(long, value_enum, default_value_t = Compiler::Auto)]
        compiler: Compiler,
    },
    /// Stack and state of a TLS session on an emulated chip, against their limits.
    Stack {
        /// Optimise for speed instead of size, for comparison: no limit is judged.
        #[arg(long)]
        fast: bool,
    },
    /// Instructions of handshakes, command lines and data, against the baseline in xtask/bench.json.
    Bench {
        /// What becomes of the counts.
        #[arg(long, value_enum, default_value_t = bench::Mode::Check)]
        mode: bench::Mode,
    },
    /// The modem as an image for an emulated board: sizes, scenarios with real peers, and power cuts.
    Qemu {
        /// Cut the power after every single write to the flash, however many: some minutes more.
        #[arg(long)]
        every_cut: bool,
    },
    /// The images for ESP32-C3 and ESP32-C6: built, packed, read back. One of them, if it is named.
    Firmware {
        /// The chip; ESP32-C3 if only `--net` is given.
        #[arg(long, value_enum)]
        chip: Option<Chip>,
        /// Its network interface; Wi-Fi if only `--chip` is given.
        #[arg(long, value_enum)]
        net: Option<Net>,
        /// With an access point of its own.
        #[arg(long)]
        soft_ap: bool,
        /// Engines of TLS: both on ESP32-C6, embedded-tls alone elsewhere, if nothing else is asked for.
        #[arg(long, value_enum)]
        engines: Option<Engines>,
    },
    /// The image for ESP32-C3 on a model of the chip: ten boots, noise, scenarios with real peers, and power cuts.
    C3,
    /// The integration tests of the programs, against real servers.
    E2e,
    /// Build and run every example.
    Examples,
    /// Fuzz what reads bytes from outside. Not a part of `test`.
    Fuzz(fuzz::Args),
    /// Write docs/imports.md, the picture of imports, which `tidy` compares. Not a part of `test`.
    Imports,
    /// The program for installing, with manual pages and completions, in target/dist. Not a part of `test`.
    Dist,
    /// The picture of the demo, docs/demo.svg. Not a part of `test`.
    DemoSvg,
}

impl Command {
    /// What to run, and how. Nothing for the commands that are no steps.
    fn plan(self) -> (Vec<Step>, Options) {
        let mut options = Options {
            fetch: Fetch::Allowed,
            compiler: Compiler::Auto,
            optimise: Optimise::Size,
            bench: bench::Mode::Check,
            cuts: Cuts::Some,
            firmware: Selection::All,
        };
        let steps = match self {
            Self::Test { no_fetch } => {
                options.fetch = Fetch::allowed(!no_fetch);
                steps::ALL.to_vec()
            }
            Self::Setup { no_fetch } => {
                options.fetch = Fetch::allowed(!no_fetch);
                vec![Step::Setup]
            }
            Self::Tidy => vec![Step::Tidy],
            Self::Fmt => vec![Step::Fmt],
            Self::Clippy => vec![Step::Clippy],
            Self::Host => vec![Step::Host],
            Self::Doc => vec![Step::Doc],
            Self::Package => vec![Step::Package],
            Self::Features => vec![Step::Features],
            Self::Deny => vec![Step::Deny],
            Self::BareMetal { compiler } => {
                options.compiler = compiler;
                vec![Step::BareMetal]
            }
            Self::Stack { fast } => {
                if fast {
                    options.optimise = Optimise::Speed;
                }
                vec![Step::Stack]
            }
            Self::Bench { mode } => {
                options.bench = mode;
                vec![Step::Bench]
            }
            Self::Qemu { every_cut } => {
                if every_cut {
                    options.cuts = Cuts::Every;
                }
                vec![Step::Qemu]
            }
            Self::Firmware {
                chip,
                net,
                soft_ap,
                engines,
            } => {
                options.firmware = Selection::new(chip, net, soft_ap, engines);
                vec![Step::Firmware]
            }
            Self::C3 => vec![Step::C3],
            Self::E2e => vec![Step::E2e],
            Self::Examples => vec![Step::Examples],
            Self::Fuzz(_) | Self::Imports | Self::Dist | Self::DemoSvg => Vec::new(),
        };
        (steps, options)
    }
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let (steps, options) = command.clone().plan();
    let passed = Workspace::enter()
        .context("cannot read the workspace")
        .and_then(|workspace| match (&command, steps.as_slice()) {
            (Command::Fuzz(args), _) => fuzz::run(args).map(|()| true),
            (Command::Dist, _) => dist::run(&workspace).map(|()| true),
            (Command::Imports, _) => {
                let libraries = workspace.libraries();
                let names = libraries.map(|package| package.name.as_str());
                imports::write(workspace.root(), names).map(|()| true)
            }
            (Command::DemoSvg, _) => demo_svg::run(&workspace).map(|()| true),
            (_, [step]) => Ok(step.run(&workspace, options)),
            _ => run::all(&steps, &workspace, options.fetch),
        });
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn plan_of(line: &str) -> Result<(Vec<Step>, Options), clap::error::ErrorKind> {
        Cli::try_parse_from(line.split(' '))
            .map(|cli| cli.command.plan())
            .map_err(|error| error.kind())
    }

    #[test]
    fn arguments_are_declared_without_contradiction() {
        Cli::command().debug_assert();
    }

    #[test]
    fn test_means_every_step() {
        for (line, fetch) in [
            ("xtask test", Fetch::Allowed),
            ("xtask test --no-fetch", Fetch::Forbidden),
        ] {
            let (steps, options) = plan_of(line).unwrap();
            assert_eq!(steps, steps::ALL);
            assert_eq!(options.fetch, fetch);
        }
    }

    #[test]
    fn every_step_can_be_run_alone_by_the_name_it_prints() {
        for step in steps::ALL {
            let (alone, _) = plan_of(&format!("xtask {}", step.name())).unwrap();
            assert_eq!(alone, [*step]);
        }
    }

    #[test]
    fn wrong_usage_is_distinguished_from_a_failed_step() {
        for line in [
            "xtask tset",
            "xtask fmt --no-fetch",
            "xtask bare-metal --compiler gcc",
            "xtask firmware --chip esp32c5",
            "xtask firmware --net lte",
        ] {
            let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
