//! What a shell and a person's system get from the program: completions, manual pages, a version.
#![expect(clippy::expect_used, reason = "a test says no by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// Status, stdout, stderr.
fn espat(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_espat"))
        .args(arguments)
        .output()
        .expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The commands, read from what `--help` prints.
fn commands() -> Vec<String> {
    let (status, help, _) = espat(&["--help"]);
    assert_eq!(status, Some(0));
    let listed = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty());
    let names: Vec<String> = listed
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 10, "{help}");
    names
}

#[test]
fn each_shell_completes_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (status, script, errors) = espat(&["completions", shell]);
        assert_eq!((status, errors.as_str()), (Some(0), ""), "{shell}");
        for name in commands() {
            assert!(script.contains(&name), "{shell}: {name}");
        }
        assert!(script.contains("--port"), "{shell}");
    }
    let (status, _, errors) = espat(&["completions", "command.com"]);
    assert_eq!(status, Some(2));
    assert!(errors.contains("powershell"), "{errors}");
}

/// The script is one that the shell itself takes, where that shell is bash.
#[test]
fn bash_takes_its_completions() {
    let script = espat(&["completions", "bash"]).1;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("espat.bash");
    fs::write(&file, script).expect("written");
    let Ok(output) = Command::new("bash").arg("-n").arg(&file).output() else {
        // No bash on this system: nobody uses the script there.
        return;
    };
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn each_command_has_a_manual_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("UTF-8");
    assert_eq!(
        espat(&["man", path]),
        (Some(0), String::new(), String::new())
    );
    let pages: BTreeSet<String> = fs::read_dir(folder.path())
        .expect("readable")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("UTF-8"))
        .collect();
    assert!(pages.contains("espat.1"), "{pages:?}");
    for name in commands() {
        let page = format!("espat-{name}.1");
        assert!(name == "help" || pages.contains(&page), "{page}: {pages:?}");
    }
    let page = fs::read_to_string(folder.path().join("espat-push.1")).expect("readable");
    for part in [".TH espat-push 1", ".SH SYNOPSIS", "\\-\\-port"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let (status, _, errors) = espat(&["man", "/dev/null/nowhere"]);
    assert_eq!(status, Some(1));
    assert!(
        errors.starts_with("espat: /dev/null/nowhere: cannot write manual pages"),
        "{errors}"
    );
}

/// What was built: the package's version and, from a checkout, its commit as git itself names it.
#[test]
fn the_version_names_the_commit() {
    let (status, version, _) = espat(&["--version"]);
    assert_eq!(status, Some(0));
    let version = version.trim_end();
    let package = format!("espat {}", env!("CARGO_PKG_VERSION"));
    let rest = version.strip_prefix(&package).expect("the version first");
    let git = Command::new("git")
        .args(["rev-parse", "--verify", "--quiet", "HEAD"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    match git {
        Ok(output) if output.status.success() => {
            let rest = rest
                .strip_prefix(" (")
                .and_then(|rest| rest.strip_suffix(')'));
            let commit = rest.expect("in brackets").trim_end_matches('+');
            let all = String::from_utf8(output.stdout).expect("ASCII");
            assert!(all.starts_with(commit) && commit.len() >= 7, "{version}");
        }
        _ => assert_eq!(rest, ""),
    }
}

/// Every command takes it, before its name or behind it; reasons and results stay.
#[test]
fn quiet_leaves_out_notes_and_no_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| {
        let path = folder.path().join(name);
        path.to_str().expect("UTF-8").to_owned()
    };
    for name in commands() {
        let (status, help, _) = espat(&[&name, "--help"]);
        if name != "help" {
            assert_eq!(status, Some(0), "{name}");
            assert!(help.contains("--quiet"), "{name}: {help}");
        }
    }
    // A CA as a certificate of the client: a warning.
    let ca = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../cert-bin/tests/data/pki/inputs/ca_p256.crt.der"
    );
    let image = at("ca.bin");
    let pack = ["pki", "pack", "--force", "-o", &image, "cert", ca];
    let (status, result, notes) = espat(&pack);
    assert!(status == Some(0) && !notes.is_empty(), "{result}{notes}");
    for quiet in [
        [&["--quiet"][..], &pack].concat(),
        [&pack[..], &["-q"]].concat(),
    ] {
        let (status, same, said) = espat(&quiet);
        assert_eq!(
            (status, same, said),
            (Some(0), result.clone(), String::new())
        );
    }
    let (status, _, why) = espat(&["-q", "explain", "no such thing"]);
    assert!(status == Some(1) && why.starts_with("espat: "), "{why}");
}
