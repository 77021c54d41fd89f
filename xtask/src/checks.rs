//! The steps that are nothing but cargo commands, made from what the workspace holds.

use anyhow::Result;

use crate::cmd::Cmd;
use crate::workspace::{LOGGING, Package, Workspace};

/// Runs `commands` one after the other; `things` is what is missing where there is none.
pub(crate) fn run(commands: &[Cmd], things: &str) -> Result<()> {
    if commands.is_empty() {
        eprintln!("no {things} yet");
    }
    commands.iter().try_for_each(Cmd::run)
}

pub(crate) fn fmt() -> Vec<Cmd> {
    vec![Cmd::new("cargo fmt --all --check")]
}

/// The whole workspace. cargo unites the features of all packages it builds together, those of the tests
/// included: what shows only without `defmt` or with it is [`powerset`]'s.
pub(crate) fn clippy(workspace: &Workspace) -> Vec<Cmd> {
    let deny = |cmd: Cmd| cmd.args(["--", "-D", "warnings"]);
    let mut commands = vec![deny(Cmd::new("cargo clippy --workspace --all-targets"))];
    commands.extend(
        workspace
            .tests_by_name()
            .map(|name| deny(Cmd::new("cargo clippy --workspace --test").arg(name))),
    );
    commands
}

/// Each library with every set of its features, defaults included: features that are right alone can be
/// wrong together. A set that turns on nothing beyond another set is left out.
pub(crate) fn powerset(workspace: &Workspace) -> Vec<Cmd> {
    let mut commands = Vec::new();
    for library in workspace.libraries() {
        for set in library.feature_sets() {
            let cmd = Cmd::new("cargo clippy --quiet --no-default-features -p").arg(&*library.name);
            let names = list(set.iter().map(|name| (*name).to_owned()));
            let cmd = if names.is_empty() {
                cmd
            } else {
                cmd.arg("--features").arg(names)
            };
            commands.push(cmd.args(["--", "-D", "warnings"]));
        }
    }
    commands
}

/// Features that put something else in a place of the library: what is tested without them has to be
/// tested with them, too.
const REPLACING: [&str; 2] = ["mock-time", "p384-compact"];

/// What the programs have and images have not: the tests of the whole workspace are with it, those of the libraries alone
/// without it.
const OF_PROGRAMS: &str = "heap-records";

/// All but the end-to-end tests, which have a step of their own; then the libraries with features that
/// replace something, with these.
pub(crate) fn host(workspace: &Workspace) -> Vec<Cmd> {
    let tests = workspace_tests(workspace)
        .args(["--lib", "--bins"])
        .args(test_targets(workspace, false))
        .path_also(workspace.program_folders());
    let mut commands = vec![tests, workspace_tests(workspace).arg("--doc")];
    let has_two_ways =
        |package: &&Package| package.features().any(|name| REPLACING.contains(&name));
    let two_ways: Vec<&Package> = workspace.libraries().filter(has_two_ways).collect();
    if !two_ways.is_empty() {
        let features = features(two_ways.iter().copied(), |name| {
            !LOGGING.contains(&name) && name != OF_PROGRAMS
        });
        commands.push(
            Cmd::new("cargo test")
                .args(selected(two_ways.into_iter()))
                .args(features),
        );
    }
    commands
}

/// Tests of the workspace, with each feature that adds something to a library. One set of packages and
/// features throughout, so that no step builds what another one has built.
pub(crate) fn workspace_tests(workspace: &Workspace) -> Cmd {
    let adds = |name: &str| !REPLACING.contains(&name) && !LOGGING.contains(&name);
    Cmd::new("cargo test --workspace").args(features(workspace.libraries(), adds))
}

/// cargo's option for those features of some packages that `wanted` takes.
fn features<'a>(
    packages: impl Iterator<Item = &'a Package>,
    wanted: impl Fn(&str) -> bool,
) -> Vec<String> {
    let names = list(packages.flat_map(|package| {
        let names = package.features().filter(|name| wanted(name));
        names
            .map(|name| format!("{}/{name}", package.name))
            .collect::<Vec<_>>()
    }));
    if names.is_empty() {
        Vec::new()
    } else {
        vec!["--features".to_owned(), names]
    }
}

pub(crate) fn doc() -> Vec<Cmd> {
    vec![Cmd::new("cargo doc --workspace --no-deps").env("RUSTDOCFLAGS", "-D warnings")]
}

/// The tests of the programs, with the servers that [`crate::setup`] may have fetched in reach.
pub(crate) fn e2e(workspace: &Workspace) -> Vec<Cmd> {
    let tests = test_targets(workspace, true);
    if tests.is_empty() {
        return Vec::new();
    }
    vec![
        workspace_tests(workspace)
            .args(tests)
            .path_also(workspace.program_folders()),
    ]
}

/// Built together, because `cargo run` would build what they share once for each set of features; then
/// started one by one.
pub(crate) fn examples(workspace: &Workspace) -> Vec<Cmd> {
    let mut commands = Vec::new();
    if workspace.example_programs().next().is_some() {
        commands.push(Cmd::new("cargo build").args(selected(workspace.example_programs())));
    }
    commands.extend(
        workspace
            .example_programs()
            .map(|package| Cmd::of(&workspace.program(&package.name))),
    );
    commands
}

fn selected<'a>(packages: impl Iterator<Item = &'a Package>) -> Vec<&'a str> {
    packages
        .flat_map(|package| ["-p", package.name.as_str()])
        .collect()
}

fn test_targets(workspace: &Workspace, of_programs: bool) -> Vec<&str> {
    workspace
        .integration_tests(of_programs)
        .into_iter()
        .flat_map(|name| ["--test", name])
        .collect()
}

fn list(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::sample;

    fn lines(commands: &[Cmd]) -> Vec<String> {
        commands.iter().map(Cmd::to_string).collect()
    }

    #[test]
    fn clippy_sees_everything() {
        assert_eq!(
            lines(&clippy(&sample())),
            [
                "cargo clippy --workspace --all-targets -- -D warnings",
                "cargo clippy --workspace --test boards -- -D warnings",
            ]
        );
    }

    #[test]
    fn every_set_of_features_is_checked_once() {
        let all = lines(&powerset(&sample()));
        let of_store = all.iter().filter(|line| line.contains("-p store"));
        let sets: Vec<&str> = of_store
            .map(|line| {
                let (_, set) = line.split_once("-p store").unwrap();
                set.trim_end_matches(" -- -D warnings")
            })
            .collect();
        assert_eq!(
            sets,
            [
                "",
                " --features mock-time",
                " --features defmt,log",
                " --features defmt,log,mock-time",
            ]
        );
        // `mock` turns `std` on, so a set with both is the set with `mock`.
        assert!(all.iter().any(|line| line.contains("mock")));
        assert!(!all.iter().any(|line| line.contains("mock,std")));
    }

    #[test]
    fn host_leaves_the_end_to_end_tests_out() {
        let added = "--features image/far,image/mock,image/pair,image/std";
        let path = r#"PATH="$PATH:/usr/sbin:/w/target/tools/bin" "#;
        assert_eq!(
            lines(&host(&sample())),
            [
                &format!("{path}cargo test --workspace {added} --lib --bins --test cuts"),
                "cargo test --workspace --features image/far,image/mock,image/pair,image/std --doc",
                "cargo test -p store --features store/mock-time",
            ]
        );
        assert_eq!(
            lines(&e2e(&sample())),
            [format!("{path}cargo test --workspace {added} --test e2e")]
        );
    }

    #[test]
    fn what_does_not_exist_is_not_run() {
        let mut workspace = sample();
        workspace.packages.retain(|package| package.name == "store");
        assert_eq!(e2e(&workspace), []);
        assert_eq!(examples(&workspace), []);
        assert_eq!(host(&workspace).len(), 3);
        workspace.packages.clear();
        assert_eq!(host(&workspace).len(), 2);
    }

    #[test]
    fn examples_are_run() {
        assert_eq!(
            lines(&examples(&sample())),
            ["cargo build -p first-steps", "/w/target/debug/first-steps"]
        );
    }
}
