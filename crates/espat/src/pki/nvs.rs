//! `espat pki nvs`: images of the partition `mfg_nvs`, in which ESP-AT 3.1 and later keep certificates (spec: cert-bin 9).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cert_bin::PartitionRole;
use cert_bin::mistake::Mistake;
use clap::Subcommand;
use serde_json::{Value as Json, json};

use super::files::{self, Access, Output};
use super::unpack::holds_certificates_alone;
use super::{describe, size};
use crate::device::Device;
use crate::flash_image::Given;
use crate::flash_image::content;
use crate::flash_image::values::{self, Stored, Value};
use crate::report::{self, Outcome};

/// `espat pki nvs …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pack certificates and keys under the keys that firmware looks up
    Pack(Pack),
    /// List the values of an image
    List(List),
    /// Write the texts and binaries of an image to files
    Unpack(Unpack),
}

#[derive(Debug, clap::Args)]
struct Pack {
    /// The image; a regular file of this name is replaced
    #[arg(short, long, value_name = "OUT.bin")]
    output: PathBuf,
    /// Size of mfg_nvs: 0x1c000 on ESP32, 0x1f000 on ESP32-C3
    #[arg(long, value_name = "BYTES", default_value = "0x1c000", value_parser = size)]
    size: u32,
    /// What goes in, by role, such as client_ca=ca.pem; a role that is named again has a second item
    #[arg(value_name = "ROLE=FILE", required = true)]
    contents: Vec<Given>,
    /// Pack contents that a device cannot use
    #[arg(long)]
    force: bool,
    /// Whose rules apply
    #[arg(long, value_enum, default_value_t)]
    device: Device,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct List {
    /// The image, or the partition read back
    #[arg(value_name = "FILE.bin")]
    image: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Unpack {
    /// The image, or the partition read back
    #[arg(value_name = "FILE.bin")]
    image: PathBuf,
    /// Folder for the files; made where there is none. No file in it is overwritten
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    match &args.command {
        Command::Pack(args) => pack(args),
        Command::List(args) => list(args),
        Command::Unpack(args) => unpack(args),
    }
}

fn pack(args: &Pack) -> anyhow::Result<Outcome> {
    let output = Output::new(&args.output)?;
    let contents = content::gather(&args.contents)?;
    let checked = content::Checked::of(&contents, args.device, args.force);
    if checked.refuses(&args.output, args.json)? {
        return Ok(Outcome::Refused);
    }
    let image = values::make(args.size, &contents)?;
    let access = if content::has_keys(&contents) {
        Access::OwnerOnly
    } else {
        Access::Usual
    };
    output.write(&image, access)?;
    let count = values::read(&image)?.len();
    let (name, size) = (args.output.display(), image.len());
    let message = format!("{name}: {}, {size} bytes", describe::items_word(count));
    if args.json {
        report::print_json(&json!({
            "result": "ok",
            "code": "ok",
            "message": message,
            "findings": checked.findings,
            "output": name.to_string(),
            "item_count": count,
            "size": size,
        }))?;
    } else {
        report::print(&format!("{message}\n"))?;
    }
    Ok(Outcome::Done)
}

fn read(image: &Path) -> anyhow::Result<Vec<Value>> {
    values::read(&files::read(image)?).with_context(|| image.display().to_string())
}

fn list(args: &List) -> anyhow::Result<Outcome> {
    let values = read(&args.image)?;
    let mistakes = mistakes(&values);
    if args.json {
        let list: Vec<Json> = values
            .iter()
            .map(|value| {
                let (number, length, sha256, damage) = match &value.stored {
                    Stored::Number(number) => (Some(*number), None, None, None),
                    Stored::Bytes(bytes) => {
                        (None, Some(bytes.len()), Some(describe::sha256(bytes)), None)
                    }
                    Stored::Damaged(damage) => (None, None, None, Some(damage)),
                };
                json!({
                    "namespace": value.namespace,
                    "key": value.key,
                    "number": number,
                    "length": length,
                    "sha256": sha256,
                    "damage": damage,
                })
            })
            .collect();
        report::print_json(&json!({
            "result": "ok",
            "code": "ok",
            "message": describe::items_word(values.len()),
            "findings": mistakes.iter().map(|(_, finding)| finding).collect::<Vec<_>>(),
            "values": list,
        }))?;
    } else {
        let lines = values.iter().map(|it| format!("{}\n", line(it)));
        report::print(&lines.collect::<String>())?;
        for (line, _) in &mistakes {
            report::note(line);
        }
    }
    Ok(Outcome::Done)
}

/// Values that are damaged, or stand under the name of a role and hold something else; as a line and as a finding.
fn mistakes(values: &[Value]) -> Vec<(String, Json)> {
    let found = values.iter().filter_map(|value| {
        let place = format!("{}/{}", value.namespace, value.key);
        let (code, message) = match &value.stored {
            Stored::Number(_) => return None,
            Stored::Damaged(damage) => ("damaged", format!("{place} is damaged: {damage}")),
            Stored::Bytes(bytes) => {
                let role = PartitionRole::from_name(&value.namespace)?;
                let mistake = Mistake::of_item(bytes, role.kind)?;
                (mistake.code(), format!("{place}: {mistake}"))
            }
        };
        let line = format!("warning: {message} [{code}]");
        let finding = json!({"code": code, "level": "warning", "message": message});
        Some((line, finding))
    });
    found.collect()
}

/// `client_ca/client_ca.0: 603 bytes, pem, sha256 …`
pub(crate) fn line(value: &Value) -> String {
    let Value {
        namespace,
        key,
        stored,
    } = value;
    match stored {
        Stored::Number(number) => format!("{namespace}/{key} = {number}"),
        Stored::Damaged(damage) => format!("{namespace}/{key} is damaged: {damage}"),
        Stored::Bytes(bytes) => {
            let length = bytes.len();
            match describe::encoding(bytes) {
                "none" => format!("{namespace}/{key}: {length} bytes"),
                encoding => {
                    let mut text = format!("{namespace}/{key}: {length} bytes, {encoding}");
                    for hash in describe::fingerprints(bytes) {
                        text.push_str(&format!(", sha256 {hash}"));
                    }
                    text
                }
            }
        }
    }
}

fn unpack(args: &Unpack) -> anyhow::Result<Outcome> {
    let values = read(&args.image)?;
    let folder = &args.output;
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut written = Vec::new();
    for value in &values {
        let Stored::Bytes(bytes) = &value.stored else {
            continue;
        };
        // Any other value may be a password or a token.
        let access = if holds_certificates_alone(bytes) {
            Access::Usual
        } else {
            Access::OwnerOnly
        };
        let path = folder.join(file_name(value));
        files::create(&path, bytes, access)?;
        written.push((path, value, bytes));
    }
    let mistakes = mistakes(&values);
    if args.json {
        let list: Vec<Json> = written
            .iter()
            .map(|(path, value, bytes)| {
                json!({
                    "namespace": value.namespace,
                    "key": value.key,
                    "length": bytes.len(),
                    "sha256": describe::sha256(bytes),
                    "file": path.display().to_string(),
                })
            })
            .collect();
        report::print_json(&json!({
            "result": "ok",
            "code": "ok",
            "message": format!("{} written", describe::items_word(written.len())),
            "findings": mistakes.iter().map(|(_, finding)| finding).collect::<Vec<_>>(),
            "values": list,
        }))?;
    } else {
        let lines = written
            .iter()
            .map(|(path, _, bytes)| format!("{} ({} bytes)\n", path.display(), bytes.len()));
        report::print(&lines.collect::<String>())?;
        for (line, _) in &mistakes {
            report::note(line);
        }
    }
    Ok(Outcome::Done)
}

/// Names come from flash: nothing of them may lead out of the folder.
fn file_name(value: &Value) -> String {
    let safe = |name: &str| {
        let usable = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '.' | '-');
        name.replace(|it| !usable(it), "_")
    };
    format!("{}-{}", safe(&value.namespace), safe(&value.key))
}
