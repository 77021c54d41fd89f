//! Every `*.at` file in this folder is a test of its own: `cargo test -p espat --test transcripts c01`.
//!
//! The format is described in `docs/transcripts.md`. Files whose name begins with `_` are parts of
//! others (`@use`). `ESPAT_TRANSCRIPTS=FOLDER` replays the files of another folder instead.
//!
//! | module | what |
//! |---|---|
//! | `session` | replays one transcript |
//! | `peers` | whoever is on the network |
//! | `pki` | certificates for them |
#![expect(clippy::expect_used, reason = "a test says no by panicking")]

#[path = "../harness/mod.rs"]
mod harness;
mod peers;
mod pki;
mod session;

use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Trial};

/// Transcripts that the engine does not follow yet, and why. One that does is an error: it belongs
/// here no longer.
const NOT_YET: &[(&str, &str)] = &[];

fn main() -> std::process::ExitCode {
    let arguments = Arguments::from_args();
    let folder = std::env::var_os("ESPAT_TRANSCRIPTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts"),
        PathBuf::from,
    );
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder of the transcripts")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "at"))
        .filter(|path| !name(path).starts_with('_'))
        .collect();
    files.sort();
    let unknown = NOT_YET
        .iter()
        .find(|(listed, _)| files.iter().all(|file| name(file) != *listed));
    if let Some((unknown, _)) = unknown.filter(|_| std::env::var_os("ESPAT_TRANSCRIPTS").is_none())
    {
        eprintln!("{unknown} is listed in NOT_YET and is no transcript");
        return std::process::ExitCode::FAILURE;
    }
    let trials = files
        .into_iter()
        .map(|file| Trial::test(name(&file), move || test(&file)))
        .chain([Trial::test("a-recording", record_and_replay)])
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn name(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

fn test(file: &Path) -> Result<(), libtest_mimic::Failed> {
    let listed = NOT_YET.iter().find(|(listed, _)| *listed == name(file));
    match (session::replay(file, &[]), listed) {
        (Ok(()), None) => Ok(()),
        (Err(why), None) => Err(why.into()),
        (Err(why), Some((_, reason))) => {
            eprintln!("{}: not yet ({reason}): {why}", name(file));
            Ok(())
        }
        (Ok(()), Some((_, reason))) => {
            Err(format!("it passes: take it from NOT_YET ({reason})").into())
        }
    }
}

/// What `--record` wrote down of one session is followed by the next, and has no password in it.
fn record_and_replay() -> Result<(), libtest_mimic::Failed> {
    const PASSWORD: &str = "1234567890";
    let folder = tempfile::tempdir()?;
    let tape = folder.path().join("session.at");
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/recorded.at");
    let option = ["--record".to_owned(), tape.to_string_lossy().into_owned()];
    session::replay(&original, &option)?;
    let recorded = std::fs::read_to_string(&tape)?;
    if recorded.contains(PASSWORD) {
        return Err(format!("the password is in it:\n{recorded}").into());
    }
    // The options are in it, too.
    let whole = format!("@let secret1 {PASSWORD}\n{recorded}");
    std::fs::write(&tape, whole)?;
    session::replay(&tape, &[]).map_err(|why| format!("{why}\n\n{recorded}").into())
}
