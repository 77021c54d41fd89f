//! Commands that are printed before they run, so that a person can run the same by hand.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// A command line, with what it changes in its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cmd {
    program: String,
    args: Vec<String>,
    env: Vec<(&'static str, String)>,
    path_also: Vec<PathBuf>,
    folder: Option<PathBuf>,
}

impl Cmd {
    /// `words` are separated by spaces; arguments that may contain one go through [`Cmd::arg`].
    pub(crate) fn new(words: &str) -> Self {
        let mut words = words.split(' ').map(str::to_owned);
        Self {
            program: words.next().unwrap_or_default(),
            args: words.collect(),
            env: Vec::new(),
            path_also: Vec::new(),
            folder: None,
        }
    }

    /// The program at this path, whatever characters are in it.
    pub(crate) fn of(program: &Path) -> Self {
        Self {
            program: program.to_string_lossy().into_owned(),
            ..Self::new("")
        }
    }

    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// Looks for programs in these folders too, after those of `PATH`.
    pub(crate) fn path_also(mut self, folders: impl IntoIterator<Item = PathBuf>) -> Self {
        self.path_also.extend(folders);
        self
    }

    /// Runs it in this folder.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Prints the command, lets its output through, and waits for it.
    pub(crate) fn run(&self) -> Result<()> {
        eprintln!("$ {self}");
        let status = self
            .command()
            .status()
            .with_context(|| format!("cannot start `{}`", self.program))?;
        self.judge(status)
    }

    /// Like [`Cmd::run`], but ends the command when it takes longer than `limit`.
    pub(crate) fn run_within(&self, limit: Duration) -> Result<()> {
        eprintln!("$ {self}");
        let mut child = self
            .command()
            .spawn()
            .with_context(|| format!("cannot start `{}`", self.program))?;
        match wait_until(&mut child, Instant::now() + limit)? {
            Some(status) => self.judge(status),
            None => {
                child.kill()?;
                child.wait()?;
                bail!(
                    "`{}` had no answer within {} s",
                    self.name(),
                    limit.as_secs()
                )
            }
        }
    }

    /// What the command prints. It is not announced: it changes nothing.
    pub(crate) fn output(&self) -> Result<String> {
        let output = self
            .command()
            .output()
            .with_context(|| format!("cannot start `{}`", self.program))?;
        self.judge(output.status)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        Ok(String::from_utf8(output.stdout)?)
    }

    /// As [`Self::output`]; `None` if the command does not exist or fails.
    pub(crate) fn probe(&self) -> Option<String> {
        let output = self.command().stderr(Stdio::null()).output().ok()?;
        if output.status.success() {
            String::from_utf8(output.stdout).ok()
        } else {
            None
        }
    }

    /// Enough to know it again: the whole line is printed before it runs.
    fn name(&self) -> String {
        self.args
            .iter()
            .take_while(|arg| !arg.starts_with('-'))
            .take(1)
            .fold(self.program.clone(), |name, arg| format!("{name} {arg}"))
    }

    fn judge(&self, status: ExitStatus) -> Result<()> {
        if status.success() {
            return Ok(());
        }
        bail!("`{}` ended with {status}", self.name())
    }

    fn command(&self) -> Command {
        // Inside `cargo run` the very cargo that runs us, not the next best on the path.
        let program = match (self.program.as_str(), std::env::var_os("CARGO")) {
            ("cargo", Some(cargo)) => cargo,
            (other, _) => other.into(),
        };
        let mut command = Command::new(program);
        command
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            // `cargo run` points it at its own toolchain's libraries: wrong for any other program.
            .env_remove("LD_LIBRARY_PATH")
            .stdin(Stdio::null());
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        if !self.path_also.is_empty() {
            let mut path = std::env::var_os("PATH").unwrap_or_default();
            for folder in &self.path_also {
                path.push(":");
                path.push(folder);
            }
            command.env("PATH", path);
        }
        command
    }
}

fn wait_until(child: &mut Child, end: Instant) -> std::io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        // The standard library can wait for a process or for a time, not for both.
        thread::sleep(Duration::from_millis(50));
    }
}

/// As it would be typed.
impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(folder) = &self.folder {
            write!(f, "cd {} && ", quoted(&folder.to_string_lossy()))?;
        }
        if !self.path_also.is_empty() {
            f.write_str("PATH=\"$PATH")?;
            for folder in &self.path_also {
                write!(f, ":{}", folder.display())?;
            }
            f.write_str("\" ")?;
        }
        for (name, value) in &self.env {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(&self.program)?;
        for arg in &self.args {
            write!(f, " {}", quoted(arg))?;
        }
        Ok(())
    }
}

/// `text` as one argument of a shell command.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The first file called `name` in the folders of `PATH`, then in `also`.
pub(crate) fn find_program(name: &str, also: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(also.iter().cloned())
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Removes a folder and all in it; a folder that is not there is as good as removed.
pub(crate) fn remove_folder(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_command_can_be_typed() {
        let cmd = Cmd::new("cargo doc --no-deps")
            .env("RUSTDOCFLAGS", "-D warnings")
            .arg("it's")
            .path_also([PathBuf::from("/usr/sbin")])
            .within(Path::new("/a b"));
        assert_eq!(
            cmd.to_string(),
            r#"cd '/a b' && PATH="$PATH:/usr/sbin" RUSTDOCFLAGS='-D warnings' cargo doc --no-deps 'it'\''s'"#
        );
    }

    #[test]
    fn a_failed_command_is_named_with_its_status() {
        assert!(Cmd::new("true").run().is_ok());
        let error = Cmd::new("sh -c")
            .arg("exit 3")
            .run()
            .unwrap_err()
            .to_string();
        assert!(error == "`sh` ended with exit status: 3", "{error}");
        let error = Cmd::new("no-such-program-here")
            .run()
            .unwrap_err()
            .to_string();
        assert_eq!(error, "cannot start `no-such-program-here`");
    }

    #[test]
    fn a_command_over_its_time_is_ended() {
        assert!(Cmd::new("true").run_within(Duration::from_secs(60)).is_ok());
        let error = Cmd::new("sleep 60")
            .run_within(Duration::ZERO)
            .unwrap_err()
            .to_string();
        assert_eq!(error, "`sleep 60` had no answer within 0 s");
    }

    #[test]
    fn a_probe_distinguishes_output_from_failure() {
        assert_eq!(Cmd::new("echo here").probe().as_deref(), Some("here\n"));
        assert_eq!(Cmd::new("false").probe(), None);
        assert_eq!(Cmd::new("no-such-program-here").probe(), None);
    }

    #[test]
    fn programs_are_found_beyond_the_path() {
        assert!(find_program("sh", &[]).is_some());
        assert_eq!(
            find_program("no-such-program-here", &[PathBuf::from("/")]),
            None
        );
    }
}
