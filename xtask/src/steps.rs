//! The steps of `cargo xtask test`: their names, their order, and what each of them runs.

use std::fmt;
use std::time::{Duration, Instant};

use crate::boards::{self, Cuts};
use crate::firmware::{self, Selection};
use crate::setup::{self, Fetch};
use crate::stack::{self, Optimise};
use crate::toolchain::Compiler;
use crate::workspace::Workspace;
use crate::{bare_metal, bench, checks, deny, package, tidy};

/// One thing that is checked, and that can be checked alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Setup,
    Tidy,
    Fmt,
    Clippy,
    Host,
    Doc,
    Package,
    Features,
    Deny,
    BareMetal,
    Stack,
    Bench,
    Qemu,
    Firmware,
    C3,
    E2e,
    Examples,
}

/// What CI runs. Of one lane the steps run in this order.
pub(crate) const ALL: &[Step] = &[
    Step::Setup,
    Step::Tidy,
    Step::Fmt,
    Step::Clippy,
    Step::Host,
    Step::E2e,
    Step::Examples,
    Step::Doc,
    Step::Package,
    Step::Features,
    Step::Deny,
    Step::Firmware,
    Step::C3,
    Step::Qemu,
    Step::BareMetal,
    Step::Stack,
    Step::Bench,
];

/// Steps of one lane share a target folder, which cargo locks: they run one after the other. Steps of
/// different lanes run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Before all others.
    First,
    /// Programs for this machine.
    Host,
    /// Programs for chips, and their emulators.
    Chip,
}

/// What the command line decides for the steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) fetch: Fetch,
    pub(crate) compiler: Compiler,
    pub(crate) optimise: Optimise,
    pub(crate) bench: bench::Mode,
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
            Self::Package => "package",
            Self::Features => "features",
            Self::Deny => "deny",
            Self::BareMetal => "bare-metal",
            Self::Stack => "stack",
            Self::Bench => "bench",
            Self::Qemu => "qemu",
            Self::Firmware => "firmware",
            Self::C3 => "c3",
            Self::E2e => "e2e",
            Self::Examples => "examples",
        }
    }

    pub(crate) const fn lane(self) -> Lane {
        match self {
            Self::Setup => Lane::First,
            Self::Tidy
            | Self::Fmt
            | Self::Clippy
            | Self::Host
            | Self::Doc
            | Self::Package
            | Self::Features
            | Self::Deny
            | Self::E2e
            | Self::Examples => Lane::Host,
            Self::BareMetal
            | Self::Stack
            | Self::Bench
            | Self::Qemu
            | Self::Firmware
            | Self::C3 => Lane::Chip,
        }
    }

    /// What a person does when it fails.
    const fn advice(self) -> &'static str {
        match self {
            Self::Setup => "get what is named above, then `cargo xtask setup` again",
            Self::Tidy => "correct the lines listed above",
            Self::Fmt => "`cargo fmt --all`",
            Self::Clippy => {
                "correct the warnings above; where one is wrong, `#[expect(lint, reason = \"…\")]`"
            }
            Self::Host => "correct what the failed test above claims",
            Self::Doc => "correct the doc comments named above",
            Self::Package => {
                "a package must build without the files around it: give path dependencies a version, and add to `include` what is missing"
            }
            Self::Features => {
                "the command above names the set of features: look for code that only one of them needs"
            }
            Self::Deny => "replace the dependency named above, or change deny.toml with a reason",
            Self::BareMetal => {
                "a library that fails may use `core` only: look for `std`, `alloc`, or a dependency's default features"
            }
            Self::Stack => {
                "make the frames or futures named above smaller; docs/footprint.md has the sizes measured before"
            }
            Self::Bench => {
                "find what grew with callgrind_annotate on target/bench; `cargo xtask bench --mode record` makes what was counted the new baseline"
            }
            Self::Qemu => {
                "compare what the board was expected to print with its log, whose path is above; `cargo xtask e2e` tests the same in the simulator"
            }
            Self::Firmware => {
                "an image that does not link lacks RAM: make the statics and futures named above smaller; docs/footprint.md lists them by size"
            }
            Self::C3 => {
                "compare what the chip was expected to print with its last lines above, and with its log, whose path is above"
            }
            Self::E2e => {
                "read the failed transcript above; `cargo xtask setup` lists missing servers"
            }
            Self::Examples => "an example must build, run without arguments and exit with 0",
        }
    }

    fn check(self, workspace: &Workspace, options: Options) -> anyhow::Result<()> {
        match self {
            Self::Setup => setup::run(workspace, options.fetch),
            Self::Tidy => tidy::run(workspace),
            Self::Fmt => checks::run(&checks::fmt(), "formatting"),
            Self::Clippy => checks::run(&checks::clippy(workspace), "packages"),
            Self::Host => checks::run(&checks::host(workspace), "tests"),
            Self::Doc => checks::run(&checks::doc(), "packages"),
            Self::Package => package::run(workspace),
            Self::Features => checks::run(&checks::powerset(workspace), "libraries"),
            Self::Deny => deny::run(workspace),
            Self::BareMetal => bare_metal::run(workspace, options.compiler),
            Self::Stack => stack::run(workspace, options.compiler, options.optimise),
            Self::Bench => bench::run(workspace, options.compiler, options.bench),
            Self::Qemu => boards::virt(workspace, options.compiler, options.cuts),
            Self::Firmware => firmware::run(workspace, options.compiler, options.firmware),
            Self::C3 => boards::c3(workspace, options.compiler),
            Self::E2e => checks::run(&checks::e2e(workspace), "end-to-end tests"),
            Self::Examples => checks::run(&checks::examples(workspace), "examples"),
        }
    }

    /// Runs it here, its output as it comes, and prints the outcome. True if it passed.
    pub(crate) fn run(self, workspace: &Workspace, options: Options) -> bool {
        let begin = Instant::now();
        let outcome = self.check(workspace, options);
        let took = Seconds(begin.elapsed());
        let name = self.name();
        match outcome {
            Ok(()) => eprintln!("{name} passed in {took}"),
            Err(ref error) => {
                eprintln!("\n{name} failed after {took}: {error:#}");
                eprintln!("to do: {}", self.advice());
            }
        }
        outcome.is_ok()
    }
}

/// A duration for a person.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seconds(pub(crate) Duration);

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
    fn what_others_need_comes_first_and_nothing_comes_twice() {
        assert_eq!(ALL.first(), Some(&Step::Setup));
        for step in ALL {
            let times = ALL.iter().filter(|other| *other == step).count();
            assert_eq!(times, 1, "{step:?}");
        }
    }
}
