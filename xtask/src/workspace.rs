//! What there is to check, from `cargo metadata`: no list of crates is kept by hand.
//!
//! A package with a program in it is made for a PC. A package under `crates/` without one is a
//! library, and every library has to build for a chip, but for those of category "simulation".

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::cmd::Cmd;
use crate::toolchain::version;

/// The feature with rustls in it.
pub(crate) const RUSTLS: &str = "rustls";

/// Features that are for a PC or need an allocator.
const MORE_THAN_CORE: [&str; 3] = ["std", "alloc", RUSTLS];

/// The workspace, read once.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

/// One package of ours.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    version: String,
    pub(crate) description: Option<String>,
    pub(crate) manifest_path: PathBuf,
    rust_version: Option<String>,
    /// Registries it may go to: none named means any, an empty list means none.
    publish: Option<Vec<String>>,
    targets: Vec<Target>,
    features: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    categories: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
    /// Whether `cargo test` runs it unasked.
    test: bool,
    /// cargo refuses to build it by name without these.
    #[serde(rename = "required-features", default)]
    required_features: Vec<String>,
}

impl Workspace {
    /// Reads the workspace and goes to its root, so that the commands printed are short.
    pub(crate) fn enter() -> Result<Self> {
        let workspace = Self::load()?;
        std::env::set_current_dir(&workspace.workspace_root)
            .with_context(|| format!("cannot enter {}", workspace.workspace_root.display()))?;
        Ok(workspace)
    }

    fn load() -> Result<Self> {
        let json = Cmd::new("cargo metadata --no-deps --format-version 1")
            .probe()
            .context("`cargo metadata --no-deps` failed; run it for its reason")?;
        Self::parse(&json)
    }

    fn parse(json: &str) -> Result<Self> {
        let mut workspace: Self =
            serde_json::from_str(json).context("unexpected answer of `cargo metadata`")?;
        workspace.packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(workspace)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.workspace_root
    }

    /// The oldest compiler that will do.
    pub(crate) fn rust_version(&self) -> Option<(u32, u32)> {
        self.packages
            .iter()
            .filter_map(|package| version(package.rust_version.as_deref()?))
            .max()
    }

    /// Under the target folder, so that `cargo clean` removes it.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.target_directory.join(name)
    }

    /// Where `cargo build` leaves the program of a package that has one of its own name.
    pub(crate) fn program(&self, package: &str) -> PathBuf {
        let name = format!("{package}{}", std::env::consts::EXE_SUFFIX);
        self.scratch("debug").join(name)
    }

    /// The target folder of everything outside the workspace: images, and the tools around them. One for
    /// all, so that what several of them are made of is compiled once.
    pub(crate) fn chip_builds(&self) -> String {
        self.relative(&self.scratch("chip"))
    }

    /// A path below the root, as seen from there: commands that are printed stay short.
    pub(crate) fn relative(&self, path: &Path) -> String {
        let short = path.strip_prefix(&self.workspace_root).unwrap_or(path);
        short.to_string_lossy().into_owned()
    }

    /// Where programs may be that are not on everyone's path: Debian's servers, and what
    /// [`crate::setup`] has fetched.
    pub(crate) fn program_folders(&self) -> [PathBuf; 2] {
        [PathBuf::from("/usr/sbin"), self.scratch("tools/bin")]
    }

    /// Packages that a firmware author takes. Doubles of tests are not published and run on a PC alone.
    pub(crate) fn libraries(&self) -> impl Iterator<Item = &Package> {
        self.published()
            .filter(|package| package.has("lib") && !package.has("bin"))
    }

    /// Packages that may be uploaded to a registry: the libraries and `espat`.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| package.is_published())
    }

    /// Packages under `examples/`.
    pub(crate) fn examples(&self) -> impl Iterator<Item = &Package> {
        let folder = self.workspace_root.join("examples");
        self.packages
            .iter()
            .filter(move |package| package.manifest_path.starts_with(&folder))
    }

    /// Those which are a program. The others are there for their tests, which the steps `host` and `e2e` run.
    pub(crate) fn example_programs(&self) -> impl Iterator<Item = &Package> {
        self.examples().filter(|package| package.has("bin"))
    }

    /// Integration tests of the libraries, or of the programs: a program's start real servers. Those
    /// that require a feature run with the features of their package.
    pub(crate) fn integration_tests(&self, of_programs: bool) -> BTreeSet<&str> {
        self.packages
            .iter()
            .filter(|package| package.has("bin") == of_programs)
            .flat_map(|package| &package.targets)
            .filter(|target| target.test && target.is_test() && target.required_features.is_empty())
            .map(|target| target.name.as_str())
            .collect()
    }

    /// Tests that `cargo test` runs only by their name, so `--all-targets` does not compile them.
    pub(crate) fn tests_by_name(&self) -> impl Iterator<Item = &str> {
        let targets = self.packages.iter().flat_map(|package| &package.targets);
        let only_by_name = targets.filter(|target| target.is_test() && !target.test);
        only_by_name.map(|target| target.name.as_str())
    }
}

impl Target {
    fn is_test(&self) -> bool {
        self.kind.iter().any(|kind| kind == "test")
    }
}

/// Features that only switch log lines on.
pub(crate) const LOGGING: [&str; 2] = ["defmt", "log"];

impl Package {
    /// As a registry names it.
    pub(crate) fn in_registry(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    pub(crate) const fn is_published(&self) -> bool {
        self.publish.is_none()
    }

    /// Its own features, but for the empty choice.
    pub(crate) fn features(&self) -> impl Iterator<Item = &str> {
        self.features
            .keys()
            .map(String::as_str)
            .filter(|name| *name != "default")
    }

    /// Every set of its features, the empty one first; the smallest and the largest also with all kinds of log lines, which
    /// add formats and lines to what there is. Left out are sets with a feature that another one of the set turns on: they
    /// are the set without it.
    pub(crate) fn feature_sets(&self) -> Vec<Vec<&str>> {
        let mut sets: Vec<Vec<&str>> = vec![Vec::new()];
        for name in self.features().filter(|name| !LOGGING.contains(name)) {
            let with: Vec<Vec<&str>> = sets
                .iter()
                .map(|set| set.iter().copied().chain([name]).collect())
                .collect();
            sets.extend(with);
        }
        let turns_on = |one: &str, other: &str| {
            one != other
                && self
                    .features
                    .get(one)
                    .is_some_and(|inner| inner.iter().any(|name| name == other))
        };
        sets.retain(|set| {
            !set.iter()
                .any(|other| set.iter().any(|one| turns_on(one, other)))
        });
        let logging: Vec<&str> = self
            .features()
            .filter(|name| LOGGING.contains(name))
            .collect();
        if !logging.is_empty() {
            let mut with: Vec<Vec<&str>> = sets
                .iter()
                .take(1)
                .chain(sets.iter().skip(1).max_by_key(|set| set.len()))
                .map(|set| logging.iter().chain(set).copied().collect())
                .collect();
            sets.append(&mut with);
        }
        sets
    }

    /// Those which lead to none of its features [`MORE_THAN_CORE`].
    pub(crate) fn chip_features(&self) -> impl Iterator<Item = &str> {
        self.features()
            .filter(|name| !self.needs_more_than_core(name, 0))
    }

    /// Whether it needs an allocator on a chip, by its categories: plain `no-std`, without `no-alloc`.
    pub(crate) fn needs_alloc(&self) -> bool {
        self.categories.iter().any(|name| name == "no-std")
    }

    /// Whether it is for a PC alone, by its categories: what stands in for a part of a chip.
    pub(crate) fn is_for_a_pc(&self) -> bool {
        self.categories.iter().any(|name| name == "simulation")
    }

    /// Whether it has an engine that needs an allocator, as a feature.
    pub(crate) fn has_rustls(&self) -> bool {
        self.features().any(|name| name == RUSTLS)
    }

    fn needs_more_than_core(&self, feature: &str, depth: usize) -> bool {
        // Features may name each other in a circle; a way out is shorter than their number.
        if depth > self.features.len() {
            return false;
        }
        MORE_THAN_CORE.contains(&feature)
            || self.features.get(feature).is_some_and(|inner| {
                inner
                    .iter()
                    .any(|name| self.needs_more_than_core(name, depth + 1))
            })
    }

    fn has(&self, kind: &str) -> bool {
        self.targets_of(kind).next().is_some()
    }

    fn targets_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        self.targets
            .iter()
            .filter(move |target| target.kind.iter().any(|each| each == kind))
            .map(|target| target.name.as_str())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two libraries (one with a feature of its own), a program with a library, an example.
    pub(crate) fn sample() -> Workspace {
        Workspace::parse(
            r#"{
              "workspace_root": "/w", "target_directory": "/w/target", "version": 1,
              "packages": [
                {"name": "tool", "version": "0.1.0", "description": "A tool", "manifest_path": "/w/crates/tool/Cargo.toml", "features": {},
                 "targets": [{"kind": ["lib"], "name": "tool", "test": true}, {"kind": ["bin"], "name": "tool", "test": true},
                             {"kind": ["test"], "name": "e2e", "test": true}]},
                {"name": "store", "version": "0.1.0", "description": null, "manifest_path": "/w/crates/store/Cargo.toml",
                 "features": {"default": [], "defmt": ["dep:defmt"], "log": [], "mock-time": []},
                 "targets": [{"kind": ["test"], "name": "boards", "test": false}, {"kind": ["lib"], "name": "store", "test": true}, {"kind": ["test"], "name": "cuts", "test": true},
                             {"kind": ["test"], "name": "clock", "test": true, "required-features": ["mock-time"]}]},
                {"name": "image", "version": "0.1.0", "description": "An image", "manifest_path": "/w/crates/image/Cargo.toml",
                 "categories": ["embedded", "no-std::no-alloc"],
                 "features": {"defmt": [], "pair": ["far"], "far": ["pair", "dep:x"], "mock": ["std"], "std": []},
                 "targets": [{"kind": ["lib"], "name": "image", "test": true}, {"kind": ["example"], "name": "show", "test": true}]},
                {"name": "first-steps", "version": "0.1.0", "description": null, "manifest_path": "/w/examples/first-steps/Cargo.toml", "publish": [],
                 "features": {}, "targets": [{"kind": ["bin"], "name": "first-steps", "test": true}]}
              ]}"#,
        )
        .unwrap()
    }

    /// The same, and library `image` has an engine that needs an allocator.
    pub(crate) fn sample_with_rustls() -> Workspace {
        let mut workspace = sample();
        for package in workspace
            .packages
            .iter_mut()
            .filter(|it| it.name == "image")
        {
            package.features.insert(RUSTLS.to_owned(), Vec::new());
        }
        workspace
    }

    fn names<'a>(packages: impl Iterator<Item = &'a Package>) -> Vec<&'a str> {
        packages.map(|package| package.name.as_str()).collect()
    }

    #[test]
    fn a_package_with_a_program_is_not_a_library() {
        assert_eq!(names(sample().libraries()), ["image", "store"]);
    }

    #[test]
    fn examples_are_known_by_their_folder() {
        assert_eq!(names(sample().examples()), ["first-steps"]);
    }

    #[test]
    fn an_example_without_a_program_is_not_started() {
        let workspace = Workspace::load().unwrap();
        assert!(names(workspace.examples()).contains(&"rust-bench"));
        let programs = names(workspace.example_programs());
        assert!(!programs.contains(&"rust-bench"), "{programs:?}");
        assert!(programs.contains(&"grammar-only"), "{programs:?}");
    }

    #[test]
    fn what_may_not_be_published_is_not() {
        assert_eq!(names(sample().published()), ["image", "store", "tool"]);
    }

    #[test]
    fn tests_of_programs_are_kept_apart() {
        assert_eq!(sample().integration_tests(true), BTreeSet::from(["e2e"]));
        assert_eq!(sample().integration_tests(false), BTreeSet::from(["cuts"]));
    }

    #[test]
    fn default_is_not_a_feature_to_try() {
        let workspace = sample();
        let store = workspace
            .packages
            .iter()
            .find(|package| package.name == "store")
            .unwrap();
        assert_eq!(
            store.features().collect::<Vec<_>>(),
            ["defmt", "log", "mock-time"]
        );
    }

    #[test]
    fn a_package_needs_an_allocator_if_its_categories_say_so() {
        let mut workspace = sample();
        assert!(!workspace.packages.iter().any(Package::needs_alloc));
        workspace.packages[0].categories = vec!["cryptography".to_owned(), "no-std".to_owned()];
        assert!(workspace.packages[0].needs_alloc());
    }

    #[test]
    fn a_package_is_for_a_pc_if_its_categories_say_so() {
        let workspace = Workspace::load().unwrap();
        let for_a_pc = workspace
            .libraries()
            .filter(|package| package.is_for_a_pc());
        assert_eq!(names(for_a_pc), ["pc-time"]);
    }

    #[test]
    fn features_that_lead_to_std_or_an_allocator_need_more_than_core() {
        let workspace = sample_with_rustls();
        let image = workspace.libraries().next().unwrap();
        assert_eq!(
            image.chip_features().collect::<Vec<_>>(),
            ["defmt", "far", "pair"]
        );
        assert!(image.has_rustls());
    }

    #[test]
    fn scratch_lies_where_cargo_clean_finds_it() {
        assert_eq!(sample().scratch("tools"), Path::new("/w/target/tools"));
        assert_eq!(sample().root(), Path::new("/w"));
    }

    #[test]
    fn this_workspace_can_be_read_and_has_libraries_and_us() {
        let workspace = Workspace::load().unwrap();
        assert!(names(workspace.libraries()).contains(&"at-grammar"));
        assert!(!names(workspace.libraries()).contains(&"xtask"));
    }

    #[test]
    fn another_answer_is_refused() {
        for json in ["", "{}", "[]", r#"{"packages": 1}"#] {
            assert!(Workspace::parse(json).is_err(), "{json:?}");
        }
    }
}
