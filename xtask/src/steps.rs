//! The steps of `cargo xtask test`: their order, their names, how they are announced and timed.

use std::fmt;
use std::time::{Duration, Instant};

use crate::bare_metal::{self, Compiler};
use crate::firmware::{self, Selection};
use crate::qemu::{self, Cuts};
use crate::setup::{self, Consent};
use crate::stack::{self, Optimise};
use crate::workspace::Workspace;
use crate::{checks, tidy};

/// One thing that is checked, and that can be checked alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Setup,
    Tidy,
    Fmt,
    Clippy,
    Host,
    Doc,
    BareMetal,
    Stack,
    Qemu,
    Firmware,
    C3,
    E2e,
    Examples,
}

/// What CI runs, in this order: what is missing first, then the quickest "no" first.
pub(crate) const ALL: &[Step] = &[
    Step::Setup,
    Step::Tidy,
    Step::Fmt,
    Step::Clippy,
    Step::Host,
    Step::Doc,
    Step::BareMetal,
    Step::Stack,
    Step::Qemu,
    Step::Firmware,
    Step::C3,
    Step::E2e,
    Step::Examples,
];

/// What the command line decides for the steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) consent: Consent,
    pub(crate) compiler: Compiler,
    pub(crate) optimise: Optimise,
    pub(crate) cuts: Cuts,
    pub(crate) firmware: Selection,
}

impl Step {
    /// Also the name of its command: `cargo xtask <name>`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Tidy => "tidy",
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::Host => "host",
            Self::Doc => "doc",
            Self::BareMetal => "bare-metal",
            Self::Stack => "stack",
            Self::Qemu => "qemu",
            Self::Firmware => "firmware",
            Self::C3 => "c3",
            Self::E2e => "e2e",
            Self::Examples => "examples",
        }
    }

    /// What a person does when it fails.
    const fn advice(self) -> &'static str {
        match self {
            Self::Setup => "get what is named above, then `cargo xtask setup` again",
            Self::Tidy => "mend the lines listed above",
            Self::Fmt => "`cargo fmt --all`",
            Self::Clippy => {
                "mend the warnings above; where one is wrong, `#[expect(lint, reason = \"…\")]`"
            }
            Self::Host => "mend what the failed test above claims",
            Self::Doc => "mend the doc comments named above",
            Self::BareMetal => {
                "a library that fails may use `core` only: look for `std`, `alloc`, or a dependency's default features"
            }
            Self::Stack => {
                "make the frames or futures named above smaller; docs/footprint.md tells what was measured before"
            }
            Self::Qemu => {
                "read what the board was expected to say, and its log, whose name is above; the same in the simulator is `cargo xtask e2e`"
            }
            Self::Firmware => {
                "an image that does not link lacks RAM: make the statics and futures named above smaller; docs/footprint.md tells who has what"
            }
            Self::C3 => {
                "read what the chip was expected to say; what it said last and where its log is stands above"
            }
            Self::E2e => {
                "read the failed transcript above; `cargo xtask setup` tells which servers are missing"
            }
            Self::Examples => "an example must build, run without arguments and exit with 0",
        }
    }

    fn run(self, workspace: &Workspace, options: Options) -> anyhow::Result<()> {
        match self {
            Self::Setup => setup::run(workspace, options.consent),
            Self::Tidy => tidy::run(workspace),
            Self::Fmt => checks::run(&checks::fmt(), "formatting"),
            Self::Clippy => checks::run(&checks::clippy(workspace), "packages"),
            Self::Host => checks::run(&checks::host(workspace), "tests"),
            Self::Doc => checks::run(&checks::doc(), "packages"),
            Self::BareMetal => bare_metal::run(workspace, options.compiler),
            Self::Stack => stack::run(workspace, options.compiler, options.optimise),
            Self::Qemu => qemu::run(workspace, options.compiler, options.cuts),
            Self::Firmware => firmware::run(workspace, options.compiler, options.firmware),
            Self::C3 => qemu::c3::run(workspace, options.compiler),
            Self::E2e => checks::run(&checks::e2e(workspace), "end-to-end tests"),
            Self::Examples => checks::run(&checks::examples(workspace), "examples"),
        }
    }
}

/// Runs the steps up to the first that fails; says how it went. True if all passed.
pub(crate) fn run_all(steps: &[Step], workspace: &Workspace, options: Options) -> bool {
    let begin = Instant::now();
    let mut times = Vec::new();
    for &step in steps {
        eprintln!("\n==== {}", step.name());
        let step_begin = Instant::now();
        let outcome = step.run(workspace, options);
        let took = Seconds(step_begin.elapsed());
        if let Err(error) = outcome {
            eprintln!("\nxtask: {} failed after {took}: {error:#}", step.name());
            eprintln!("to do: {}", step.advice());
            println!("steps: {} passed, 1 failed", times.len());
            return false;
        }
        eprintln!("==== {} passed in {took}", step.name());
        times.push((step, took));
    }
    if times.len() > 1 {
        eprintln!();
        for (step, took) in &times {
            eprintln!("{:<12} {took:>12}", step.name());
        }
        eprintln!("{:<12} {:>12}", "all", Seconds(begin.elapsed()));
    }
    println!("steps: {} passed, 0 failed", times.len());
    true
}

/// A duration for a person.
#[derive(Debug, Clone, Copy)]
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.as_secs();
        let text = if whole < 60 {
            format!("{:.1} s", self.0.as_secs_f64())
        } else {
            format!("{} min {:02} s", whole / 60, whole % 60)
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short_at_every_scale() {
        for (millis, text) in [
            (0, "0.0 s"),
            (9_940, "9.9 s"),
            (60_000, "1 min 00 s"),
            (3_725_000, "62 min 05 s"),
        ] {
            assert_eq!(Seconds(Duration::from_millis(millis)).to_string(), text);
        }
    }

    #[test]
    fn what_others_need_comes_first() {
        assert_eq!(ALL.first(), Some(&Step::Setup));
        for step in ALL {
            assert_eq!(
                ALL.iter().filter(|other| *other == step).count(),
                1,
                "{step:?}"
            );
        }
    }
}
