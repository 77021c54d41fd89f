//! Exit statuses, `--quiet` and `NO_COLOR`: every command, each way that it can end.
//!
//! 0 is done, 1 refused with a reason on stderr, 2 wrong usage. A command or a subcommand without its rows fails the test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::program::{self, Sim, espat};

/// Arguments after `espat`, what is typed, and the status. `@` begins the name of something in [`Place`].
type Row = (&'static [&'static str], &'static str, i32);

const ROWS: &[Row] = &[
    (&["demo"], "", 0),
    (&["demo", "more"], "", 2),
    (&["sim", "--stdio"], "AT\r\n", 0),
    (&["sim", "--stdio", "--pki", "client_ca=@missing"], "", 1),
    (&["sim", "--flash", "/no/such/folder/flash.bin"], "", 1),
    (&["sim", "--ap", "home,short"], "", 2),
    (&["term", "--sim", "--no-history"], "AT\n", 0),
    (&["term", "--sim", "--no-history"], "AT+NOTHING\n", 1),
    (&["term", "--port", "tcp://127.0.0.1:1"], "", 1),
    (&["term"], "", 2),
    (&["pki", "pack", "-o", "@out/ca.bin", "ca", "@ca"], "", 0),
    (&["pki", "pack", "-o", "@out/r.bin", "ca", "@key"], "", 1),
    (&["pki", "pack", "ca", "@ca"], "", 2),
    (&["pki", "list", "@out/ca.bin"], "", 0),
    (&["pki", "list", "@ca"], "", 1),
    (&["pki", "list"], "", 2),
    (&["pki", "lint", "@out/ca.bin"], "", 0),
    (&["pki", "lint", "@ca"], "", 1),
    (&["pki", "lint", "--partition", "x", "@out/ca.bin"], "", 2),
    (&["pki", "unpack", "@out/ca.bin", "-o", "@out/@run"], "", 0),
    (&["pki", "unpack", "@ca", "-o", "@out/@run"], "", 1),
    (&["pki", "unpack", "@out/ca.bin"], "", 2),
    (
        &["pki", "nvs", "pack", "-o", "@out/nvs.bin", "client_ca=@ca"],
        "",
        0,
    ),
    (
        &["pki", "nvs", "pack", "-o", "@out/r.bin", "client_ca=@key"],
        "",
        1,
    ),
    (
        &["pki", "nvs", "pack", "-o", "@out/r.bin", "client_ca"],
        "",
        2,
    ),
    (&["pki", "nvs", "list", "@out/nvs.bin"], "", 0),
    (&["pki", "nvs", "list", "@ca"], "", 1),
    (&["pki", "nvs", "list"], "", 2),
    (
        &["pki", "nvs", "unpack", "@out/nvs.bin", "-o", "@out/nvs@run"],
        "",
        0,
    ),
    (
        &["pki", "nvs", "unpack", "@ca", "-o", "@out/nvs@run"],
        "",
        1,
    ),
    (&["pki", "nvs", "unpack", "@out/nvs.bin"], "", 2),
    (&["replay", "@recording"], "", 0),
    (&["replay", "@changed"], "", 1),
    (&["replay", "@ca"], "", 1),
    (&["replay", "@recording", "--", "--nothing"], "", 2),
    (&["push", "--port", "@port", "client_ca", "@ca"], "", 0),
    (&["push", "--port", "@port", "client_ca", "@key"], "", 1),
    (&["push", "--port", "@port", "client_dog", "@ca"], "", 2),
    (&["verify", "--ca", "@ca", "--chain", "@ca"], "", 0),
    (&["verify", "--ca", "@key", "--chain", "@ca"], "", 1),
    (&["verify", "--ca", "@ca"], "", 2),
    (&["doctor", "127.0.0.1:1", "--ca", "@ca"], "", 1),
    (&["doctor", "127.0.0.1"], "", 2),
    (
        &["flash-image", "-o", "@out/flash.bin", "client_ca=@ca"],
        "",
        0,
    ),
    (&["flash-image", "--inspect", "@ca"], "", 1),
    (&["flash-image"], "", 2),
    (&["explain", "issuer_unknown"], "", 0),
    (&["explain", "AT+CIPMUX =1"], "", 0),
    (&["explain", "no such thing"], "", 1),
    (&["explain"], "", 2),
    (&["completions", "bash"], "", 0),
    (&["completions", "dos"], "", 2),
    (&["man", "@out"], "", 0),
    (&["man", "/dev/null/nowhere"], "", 1),
    (&["man"], "", 2),
    (&["hil", "--at", "/no/such/port"], "", 1),
    (&["hil"], "", 2),
];

/// Ways to end that have no row, and where they are tested instead.
const ELSEWHERE: &[(&str, i32, &str)] = &[
    (
        "demo",
        1,
        "it needs a modem that is wrong: src/demo/tests.rs",
    ),
    ("doctor", 0, "it needs a server: tests/e2e/doctor.rs"),
    (
        "hil",
        0,
        "it needs a board, or a model of one: tests/hil.rs",
    ),
    ("completions", 1, "nothing of it can fail but its output"),
];

/// What the rows name.
struct Place {
    folder: tempfile::TempDir,
    sim: Sim,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("out")).expect("room");
        let own = rcgen::KeyPair::generate().expect("a key");
        let mut ca = rcgen::CertificateParams::default();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = ca.self_signed(&own).expect("a certificate");
        fs::write(at("ca"), ca.pem()).expect("room");
        fs::write(at("key"), own.serialize_pem()).expect("room");
        let recording = "@power-on\n← ready\n→ AT\n← AT\n← OK\n";
        fs::write(at("recording"), recording).expect("room");
        fs::write(at("changed"), recording.replace("OK", "ERROR")).expect("room");
        let sim = Sim::start(&[]);
        Self { folder, sim }
    }

    /// The arguments with their places; `run` is another word for each run.
    fn named(&self, arguments: &[&str], run: &str) -> Vec<String> {
        let folder = self.folder.path().to_str().expect("UTF-8");
        let named = |argument: &&str| {
            let argument = argument.replace("@port", &self.sim.port);
            let argument = argument.replace("@run", run);
            argument.replace('@', &format!("{folder}/"))
        };
        arguments.iter().map(named).collect()
    }
}

fn run(arguments: &[String], input: &str, variables: &[(&str, &str)], folder: &Path) -> Output {
    let mut espat = Command::new(env!("CARGO_BIN_EXE_espat"));
    espat
        .args(arguments)
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .envs(variables.iter().copied())
        .current_dir(folder);
    program::run(&mut espat, input)
}

fn text(output: &Output) -> String {
    let (stdout, stderr) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(&[stdout.as_slice(), stderr].concat()).into_owned()
}

/// The commands below this one that `--help` lists; itself, if there are none.
fn leaves(above: &[String]) -> Vec<String> {
    let words: Vec<&str> = above.iter().map(String::as_str).chain(["--help"]).collect();
    let help = espat(&words, "");
    assert_eq!(help.status.code(), Some(0), "{words:?}");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names: Vec<&str> = listed
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    if names.is_empty() {
        return vec![above.join(" ")];
    }
    let below = names.iter().flat_map(|name| {
        let mut words = above.to_vec();
        words.push((*name).to_owned());
        leaves(&words)
    });
    below.collect()
}

#[test]
fn every_command_has_a_row_for_each_way_to_end() {
    let mut wanted: BTreeSet<(String, i32)> = BTreeSet::new();
    for name in leaves(&[]) {
        wanted.extend([0, 1, 2].map(|status| (name.clone(), status)));
    }
    assert!(wanted.len() > 3 * 15, "{wanted:?}");
    for (arguments, _, status) in ROWS {
        let line = arguments.join(" ");
        wanted.retain(|(name, of)| of != status || !line.starts_with(name.as_str()));
    }
    for (name, status, _) in ELSEWHERE {
        assert!(wanted.remove(&((*name).to_owned(), *status)), "{name}");
    }
    assert!(wanted.is_empty(), "without a row: {wanted:?}");
}

#[test]
fn statuses_quiet_and_no_color_hold_for_every_command() {
    let place = Place::new();
    let folder = place.folder.path();
    let mut wrong = Vec::new();
    for (arguments, input, status) in ROWS {
        let line = arguments.join(" ");
        let mut check = |holds: bool, what: &str, said: &Output| {
            if !holds {
                wrong.push(format!("{line}: {what}: {:?} {}", said.status, text(said)));
            }
        };
        let usual = run(&place.named(arguments, "a"), input, &[], folder);
        check(usual.status.code() == Some(*status), "status", &usual);
        check(
            *status == 0 || !usual.stderr.is_empty(),
            "a refusal without a reason",
            &usual,
        );

        let mut quietly = vec!["--quiet".to_owned()];
        quietly.extend(place.named(arguments, "b"));
        let quiet = run(&quietly, input, &[], folder);
        check(
            quiet.status.code() == Some(*status),
            "status, quiet",
            &quiet,
        );
        if *status == 0 {
            check(quiet.stderr.is_empty(), "not quiet", &quiet);
        } else {
            check(!quiet.stderr.is_empty(), "quiet about a refusal", &quiet);
        }

        // Asked for in any case, colours are there only without NO_COLOR.
        let colours = [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")];
        let plain = run(&place.named(arguments, "c"), input, &colours, folder);
        check(
            plain.status.code() == Some(*status),
            "status, plain",
            &plain,
        );
        check(!text(&plain).contains('\u{1b}'), "colours", &plain);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let forced = [("CLICOLOR_FORCE", "1")];
    for arguments in [&["term"][..], &["term", "--sim", "--no-history"]] {
        let said = run(&place.named(arguments, "d"), "AT\n", &forced, folder);
        assert!(text(&said).contains('\u{1b}'), "{arguments:?} has colours");
    }
}

/// What `--pki` loads is judged by whoever judges it for `push`, and loaded all the same.
#[test]
fn the_simulator_warns_of_what_it_loads_as_push_does() {
    let place = Place::new();
    let folder = place.folder.path();
    let warnings = |arguments: &[&str]| {
        let said = run(&place.named(arguments, ""), "", &[], folder);
        assert_eq!(
            said.status.code(),
            Some(0),
            "{arguments:?}: {}",
            text(&said)
        );
        let lines = String::from_utf8_lossy(&said.stderr).into_owned();
        let lines = lines.lines().filter(|line| line.starts_with("warning: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    for content in ["client_ca=@key", "client_cert=@ca"] {
        let (role, file) = content.split_once('=').expect("both");
        let by_push = warnings(&["push", "--force", "--port", "@port", role, file]);
        assert!(!by_push.is_empty(), "{content}");
        assert_eq!(warnings(&["sim", "--stdio", "--pki", content]), by_push);
        assert!(warnings(&["--quiet", "sim", "--stdio", "--pki", content]).is_empty());
    }
    assert!(warnings(&["sim", "--stdio", "--pki", "client_ca=@ca"]).is_empty());
}
