//! `espat pki`: certificate images as files (spec: cert-bin 2, 6).
//!
//! ```text
//! espat pki pack -o OUT.bin (ca|cert|key FILE)...    the original tool's bytes, or why not
//! espat pki list FILE.bin                            what is in it
//! espat pki unpack FILE.bin -o DIR                   its contents as files
//! espat pki lint FILE.bin                            what a device will make of it
//! espat pki nvs pack|list|unpack                     the same for images of mfg_nvs
//! ```
//!
//! An image may be a file or a partition read back, with whatever follows the image. Codes such as
//! `not_pem_or_der` are stable; wording is not.

mod describe;
pub(crate) mod files;
mod lint;
mod list;
mod nvs;
mod pack;
mod pair;
mod unpack;

pub(crate) use describe::{finding, items_word, sha256};
pub(crate) use unpack::holds_a_key;

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::{SystemTime, UNIX_EPOCH};

use cert_bin::mistake::read_image;
use cert_bin::{Image, PartitionRole};
use clap::Subcommand;
use serde_json::json;
use x509_facts::Timestamp;

use crate::device::Device;
use crate::report::{self, Outcome};

/// `espat pki …`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pack certificates and keys into an image, byte for byte as the original tool does
    Pack(pack::Args),
    /// List the items of an image
    List(list::Args),
    /// Write the contents of an image to files
    Unpack(unpack::Args),
    /// Say what a device will make of an image
    Lint(lint::Args),
    /// Images of mfg_nvs, where ESP-AT 3.1 and later keep certificates
    Nvs(nvs::Args),
}

/// Runs the command.
///
/// # Errors
///
/// A sentence for a person: files that cannot be read or written, and command lines that make no sense.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    match &args.command {
        Command::Pack(args) => pack::run(args),
        Command::List(args) => list::run(args),
        Command::Unpack(args) => unpack::run(args),
        Command::Lint(args) => lint::run(args),
        Command::Nvs(args) => nvs::run(args),
    }
}

/// Where and when a content will be used, for judging it.
#[derive(Debug, clap::Args)]
struct Circumstances {
    /// The partition it is meant for, such as client_ca
    #[arg(long, value_name = "NAME", value_parser = role)]
    partition: Option<PartitionRole>,
    /// The time at which validity is judged [default: now]
    #[arg(long, value_name = "RFC3339", value_parser = time)]
    at: Option<Timestamp>,
    /// Whose rules apply
    #[arg(long, value_enum, default_value_t)]
    device: Device,
}

impl Circumstances {
    fn context(&self, partition_size: Option<u32>) -> cert_bin::lint::Context {
        cert_bin::lint::Context {
            role: self.partition,
            now: self.at.or_else(now),
            partition_size,
            device: self.device.lint(),
        }
    }
}

/// The time of this PC.
pub(crate) fn now() -> Option<Timestamp> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_unix(i64::try_from(since.as_secs()).ok()?))
}

pub(crate) fn time(text: &str) -> Result<Timestamp, x509_facts::TimestampError> {
    Timestamp::from_str(text)
}

pub(crate) fn role(name: &str) -> Result<PartitionRole, String> {
    PartitionRole::from_name(name).ok_or_else(|| {
        "no certificate partition: expected a name like client_ca, server_cert or mqtt_key".into()
    })
}

/// Decimal or `0x…`.
fn size(text: &str) -> Result<u32, String> {
    match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => text.parse(),
    }
    .map_err(|_| "expected a number of bytes, such as 8192 or 0x2000".into())
}

/// An image file to be looked at.
#[derive(Debug, clap::Args)]
struct Source {
    /// The image, or a partition read back
    #[arg(value_name = "FILE.bin")]
    image: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Source {
    /// The bytes of the file. With `--json` a failure is also reported there.
    fn read(&self) -> anyhow::Result<Vec<u8>> {
        files::read(&self.image).inspect_err(|error| {
            if self.json {
                let message = format!("{error:#}");
                let value = json!({
                    "result": "error",
                    "kind": "unreadable_file",
                    "code": "unreadable_file",
                    "message": message,
                    "findings": [],
                });
                // The error itself is reported in any case.
                let _ = report::print_json(&value);
            }
        })
    }

    /// The image in `bytes`; a refusal is reported, and `None`.
    fn parse<'b>(&self, bytes: &'b [u8]) -> anyhow::Result<Option<Image<'b>>> {
        match read_image(bytes) {
            Ok(image) => Ok(Some(image)),
            Err(bad) => {
                if self.json {
                    report::print_json(&describe::image_error(&bad))?;
                }
                complain_about(&self.image, bad);
                Ok(None)
            }
        }
    }

    /// The image's own oddities, on stderr.
    fn warn(&self, image: &Image<'_>) {
        for warning in image.warnings() {
            report::note(format_args!(
                "warning: {}: {warning} [{}]",
                self.image.display(),
                warning.code()
            ));
        }
    }
}

fn complain_about(path: &Path, what: impl std::fmt::Display) {
    report::complain(format_args!("{}: {what}", path.display()));
}

/// Enough for whatever one item decodes to.
pub(crate) fn scratch() -> Vec<u8> {
    vec![0; cert_bin::content::MAX_DECODED]
}
