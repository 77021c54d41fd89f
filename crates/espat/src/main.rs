//! `espat`: reads the command line, calls the command, reports its exit status.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _};

mod cli;

use cli::{Cli, Command};
use espat::report::Outcome;

/// The script that a shell loads, on stdout.
fn completions(shell: clap_complete::Shell) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "espat", &mut script);
    espat::report::print(&String::from_utf8(script)?)?;
    Ok(Outcome::Done)
}

/// A page for each command, with its options as `--help` shows them.
fn man(folder: &Path) -> anyhow::Result<Outcome> {
    let cannot = || format!("{}: cannot write manual pages", folder.display());
    // What makes them would write through links.
    let made = tempfile::tempdir().with_context(cannot)?;
    clap_mangen::generate_to(Cli::command(), made.path()).with_context(cannot)?;
    for page in fs::read_dir(made.path()).with_context(cannot)? {
        let page = page.with_context(cannot)?;
        let text = fs::read(page.path()).with_context(cannot)?;
        let mut file = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .with_context(cannot)?;
        file.write_all(&text).with_context(cannot)?;
        file.persist(folder.join(page.file_name()))
            .with_context(cannot)?;
    }
    Ok(Outcome::Done)
}

fn main() -> ExitCode {
    // clap explains its own errors and exits with status 2.
    let Cli { quiet, command } = Cli::parse();
    if quiet {
        espat::report::be_quiet();
    }
    let result = match command {
        Command::Pki(args) => espat::pki::run(&args),
        Command::Push(args) => espat::push::run(&args),
        Command::Verify(args) => espat::verify::run(&args),
        Command::Explain(args) => espat::explain::run(&args),
        Command::Sim(args) => espat::sim::run(&args),
        Command::Term(args) => espat::term::run(&args),
        Command::Replay(args) => espat::replay::run(&args),
        Command::Doctor(args) => espat::doctor::run(&args),
        Command::FlashImage(args) => espat::flash_image::run(&args),
        Command::Completions { shell } => completions(shell),
        Command::Man { folder } => man(&folder),
        Command::Hil(args) => espat::hil::run(&args),
        Command::Demo(args) => espat::demo::run(args, espat::demo::simulated),
    };
    let json = std::env::args_os().any(|argument| argument == "--json");
    espat::report::finish(result, json).into()
}
