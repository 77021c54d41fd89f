//! What others take for the same, beside ours: `cargo xtask bench --mode peers`.
//!
//! Programs of others are started twice under callgrind, with little to do and with more, and only the difference counts:
//! what a program does at its start does not. They are not judged: they are what this machine has of them.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result};

use super::counts::{self, Counts};
use super::page::number;
use crate::cmd::find_program;
use crate::workspace::Workspace;

/// A row of the page's second table.
struct Row {
    what: &'static str,
    unit: &'static str,
    ours: &'static str,
    whose: &'static str,
    peer: &'static str,
}

const fn row(names: [&'static str; 5]) -> Row {
    let [what, unit, ours, whose, peer] = names;
    Row {
        what,
        unit,
        ours,
        whose,
        peer,
    }
}

const HANDSHAKE: &str = "P-256 handshake of TLS 1.3 as its client, the chain checked";

const ROWS: [Row; 7] = [
    row([
        HANDSHAKE,
        "handshake",
        "tls.handshake",
        "rustls with ring",
        "peer.ring.handshake",
    ]),
    row([
        HANDSHAKE,
        "handshake",
        "tls.handshake",
        "`openssl s_client`",
        "peer.openssl.handshake",
    ]),
    row([
        "one TLS link to the host",
        "byte",
        "tls.to_host",
        "`openssl s_client`",
        "peer.openssl.to_host",
    ]),
    row([
        "one TCP link to the host",
        "byte",
        "data.to_host.1",
        "socat",
        "peer.socat.to_host",
    ]),
    row([
        "`AT+CIPSTART` with four parameters to a type",
        "line",
        "grammar.cipstart",
        "at-commands, without dispatch",
        "peer.at_commands.cipstart",
    ]),
    row([
        "`0,CLOSED` written",
        "reply",
        "grammar.reply",
        "at-commands",
        "peer.at_commands.reply",
    ]),
    row([
        "`+CIPMUX:1` and `OK` to types, as a host reads them",
        "answer",
        "grammar.read_reply",
        "atat",
        "peer.atat.read_reply",
    ]),
];

/// As a Markdown table. Peers that this machine does not have are left out.
pub(super) fn table(counts: &Counts) -> String {
    let mut text = "| what | for each | espat | peer | instructions of it | espat / peer |\n\
                    |---|---|---:|---|---:|---:|\n"
        .to_owned();
    for row in &ROWS {
        if let (Some(ours), Some(peer)) = (counts.get(row.ours), counts.get(row.peer)) {
            text += &format!(
                "| {} | {} | {} | {} | {} | {:.1} |\n",
                row.what,
                row.unit,
                number(ours),
                row.whose,
                number(peer),
                ours / peer
            );
        }
    }
    text
}

/// Bytes that a program gets with little to do, and with more.
const LITTLE: u32 = 1 << 16;
const MORE: u32 = LITTLE + (1 << 22);

/// Handshakes that `s_client -reconnect` does beside its first.
const RECONNECTS: u32 = 5;

/// Counts what the programs of others do.
pub(super) fn count(
    workspace: &Workspace,
    valgrind: &Path,
    scratch: &Path,
    counts: &mut Counts,
) -> Result<()> {
    let folders = workspace.program_folders();
    let callgrind = Callgrind { valgrind, scratch };
    match find_program("openssl", &folders) {
        Some(openssl) => count_openssl(workspace, &callgrind, &openssl, counts)?,
        None => eprintln!("there is no openssl here"),
    }
    match find_program("socat", &folders) {
        Some(socat) => count_socat(&callgrind, &socat, counts)?,
        None => eprintln!("there is no socat here"),
    }
    Ok(())
}

struct Callgrind<'a> {
    valgrind: &'a Path,
    scratch: &'a Path,
}

impl Callgrind<'_> {
    /// All instructions of a program that reads `input`. What it prints is thrown away.
    fn total(&self, name: &str, program: &Path, args: &[&str], input: &str) -> Result<u64> {
        let path = self.scratch.join(name);
        eprintln!(
            "$ valgrind --tool=callgrind {} {}",
            program.display(),
            args.join(" ")
        );
        let mut child = Command::new(self.valgrind)
            .args(["--quiet", "--tool=callgrind"])
            .arg(format!("--callgrind-out-file={}", path.display()))
            .arg(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut stdin = child.stdin.take().context("no standard input")?;
        stdin.write_all(input.as_bytes())?;
        drop(stdin);
        child.wait()?;
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        counts::total(&text).with_context(|| path.display().to_string())
    }
}

/// A program that is ended when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `s_client` of a server of the same vectors as ours, which resumes nothing.
fn count_openssl(
    workspace: &Workspace,
    callgrind: &Callgrind<'_>,
    openssl: &Path,
    counts: &mut Counts,
) -> Result<()> {
    let vectors = workspace
        .root()
        .join("crates/cert-bin/tests/data/pki/inputs");
    let vector = |name: &str| vectors.join(name).display().to_string();
    for (name, len) in [("little", LITTLE), ("more", MORE)] {
        File::create(callgrind.scratch.join(name))?.set_len(u64::from(len))?;
    }
    let server = Command::new(openssl)
        .args(["s_server", "-accept", "127.0.0.1:0", "-tls1_3", "-WWW"])
        .args(["-num_tickets", "0", "-no_ticket", "-no_cache"])
        .args(["-ciphersuites", "TLS_AES_128_GCM_SHA256"])
        .args(["-cert", &vector("server_p256.crt.pem")])
        .args(["-key", &vector("server_p256.key.pem")])
        .current_dir(callgrind.scratch)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut server = Running(server);
    let printed = server.0.stdout.take().context("no standard output")?;
    // Kept to the end, so that the server can go on printing.
    let mut lines = BufReader::new(printed).lines();
    let address = loop {
        let line = lines.next().context("s_server has ended")??;
        if let Some(address) = line.strip_prefix("ACCEPT ") {
            break address.to_owned();
        }
    };
    thread::spawn(move || lines.for_each(drop));
    let ca = vector("ca_p256.crt.pem");
    let client = ["s_client", "-connect", &address, "-CAfile", &ca];
    let total = |name: &str, more: &[&str], input: &str| {
        callgrind.total(name, openssl, &[&client, more].concat(), input)
    };
    let once = total("openssl.once", &[], "")?;
    let again = total("openssl.again", &["-reconnect"], "")?;
    counts.insert(
        "peer.openssl.handshake",
        again.saturating_sub(once),
        RECONNECTS,
    );
    let little = total(
        "openssl.little",
        &["-quiet"],
        "GET /little HTTP/1.0\r\n\r\n",
    )?;
    let more = total("openssl.more", &["-quiet"], "GET /more HTTP/1.0\r\n\r\n")?;
    counts.insert(
        "peer.openssl.to_host",
        more.saturating_sub(little),
        MORE.saturating_sub(LITTLE),
    );
    Ok(())
}

/// socat, from a socket to its standard output.
fn count_socat(callgrind: &Callgrind<'_>, socat: &Path, counts: &mut Counts) -> Result<()> {
    let total = |name: &str, len: u32| -> Result<u64> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("TCP:{}", listener.local_addr()?);
        let data = vec![b'x'; usize::try_from(len)?];
        let peer = thread::spawn(move || listener.accept()?.0.write_all(&data));
        let total = callgrind.total(name, socat, &["-u", &address, "-"], "")?;
        peer.join().ok().context("a thread has panicked")??;
        Ok(total)
    };
    let (little, more) = (total("socat.little", LITTLE)?, total("socat.more", MORE)?);
    counts.insert(
        "peer.socat.to_host",
        more.saturating_sub(little),
        MORE.saturating_sub(LITTLE),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_both_and_how_many_times_ours_is() {
        let mut counts = Counts::default();
        counts.insert("tls.to_host", 90, 10);
        counts.insert("peer.openssl.to_host", 60, 10);
        counts.insert("data.to_host.1", 43, 10);
        let table = table(&counts);
        assert_eq!(table.lines().count(), 3, "{table}");
        assert!(
            table.ends_with(
                "| one TLS link to the host | byte | 9.0 | `openssl s_client` | 6.0 | 1.5 |\n"
            ),
            "{table}"
        );
    }
}
