//! `espat flash-image`: a whole flash as a file, and what is in one.
//!
//! ```text
//! espat flash-image -o FLASH.bin client_ca=ca.pem     both tables, factory parameters, certificates
//! espat flash-image --inspect FLASH.bin [--svg FILE]  the map: addresses, sizes, contents
//! ```
//!
//! The bytes are those that esptool or espflash write at address 0, apart from boot loader and programs, which are
//! left erased. `espat sim --flash` starts from such a file.

pub(crate) mod content;
mod draw;
mod map;
mod programs;
pub(crate) mod values;

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use partition_store::esp_at::{self, FactoryParam};
use partition_store::mock::{MemFlash, Rewrite};
use partition_store::{BuiltIn, CertStorage, Partition, PartitionKind, PartitionName, SECTOR};
use serde_json::{Value, json};

use crate::device::Device;
use crate::pki::files::{self, Access, Output};
use crate::report::{self, Outcome};
use crate::sim::args::{Chip, Layout};

pub use content::Given;

/// A partition that is a whole flash of `size` bytes, to look at a part of one alone.
fn whole(
    name: &str,
    (kind, subtype): (PartitionKind, u8),
    size: usize,
) -> anyhow::Result<Partition> {
    let size = u32::try_from(size)?;
    PartitionName::new(name)
        .and_then(|name| Partition::new(name, kind, subtype, 0, size))
        .ok_or_else(|| anyhow!("no partition of {size} bytes"))
}

/// `espat flash-image -o FLASH.bin [PARTITION=FILE]...` or `--inspect FLASH.bin`
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The image to make; a regular file of this name is replaced
    #[arg(
        short,
        long,
        value_name = "FLASH.bin",
        required_unless_present = "inspect"
    )]
    output: Option<PathBuf>,
    /// Show what is in this image
    #[arg(long, value_name = "FLASH.bin", conflicts_with_all = ["output", "contents"])]
    inspect: Option<PathBuf>,
    /// Also draw the map as SVG
    #[arg(long, value_name = "FILE", requires = "inspect")]
    svg: Option<PathBuf>,
    /// The chip whose partition tables apply
    #[arg(long, value_enum, default_value_t = Chip::Esp32)]
    chip: Chip,
    /// Where certificates are: in a partition for each kind, as up to ESP-AT 3.0, or as values in
    /// mfg_nvs, as from 3.1 on
    #[arg(long, value_enum, default_value_t = Layout::Partitions)]
    layout: Layout,
    /// What goes in: certificates, keys, images or folders by role, such as client_ca=ca.pem; a role
    /// that is named again has a second item. Other user partitions take the bytes of a file
    #[arg(value_name = "PARTITION=FILE")]
    contents: Vec<Given>,
    /// Write contents that a device cannot use
    #[arg(long)]
    force: bool,
    /// Whose rules apply
    #[arg(long, value_enum, default_value_t)]
    device: Device,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
///
/// A sentence: files that cannot be read or written, contents that do not fit.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    match (&args.inspect, &args.output) {
        (Some(image), _) => {
            let flash = files::read(image)?;
            show(args, &flash, &image.display().to_string(), Vec::new())
        }
        (None, Some(path)) => {
            let output = Output::new(path)?;
            let contents = content::gather(&args.contents)?;
            let checked = content::Checked::of(&contents, args.device, args.force);
            if checked.refuses(path, args.json)? {
                return Ok(Outcome::Refused);
            }
            let layout = layout(args.chip, args.layout);
            let flash = async_io::block_on(build(layout, &contents))?;
            // Whatever goes in now: a modem that starts from it will keep passwords there.
            output.write(&flash, Access::OwnerOnly)?;
            show(args, &flash, &path.display().to_string(), checked.findings)
        }
        // clap asks for one of them.
        (None, None) => Ok(Outcome::Usage),
    }
}

const fn layout(chip: Chip, layout: Layout) -> &'static BuiltIn {
    let storage = match layout {
        Layout::Partitions => CertStorage::Partitions,
        Layout::MfgNvs => CertStorage::MfgNvs,
    };
    match chip {
        Chip::Esp32 => partition_store::Chip::Esp32.layout(storage),
        Chip::Esp32c3 => partition_store::Chip::Esp32C3.layout(storage),
    }
}

/// A flash of this layout with these contents.
async fn build(layout: &BuiltIn, contents: &[content::Content]) -> anyhow::Result<Vec<u8>> {
    let sectors = usize::try_from(layout.flash_size / SECTOR)?;
    // NVS clears bits of what is written.
    let mut flash = MemFlash::new(sectors).on_rewrite(Rewrite::ClearBits);
    esp_at::format(&mut flash, layout, FactoryParam::Write)
        .await
        .map_err(|error| anyhow!("{error}"))?;
    let flash = content::load(flash, contents).await?;
    Ok(flash.bytes().to_vec())
}

fn show(args: &Args, flash: &[u8], name: &str, findings: Vec<Value>) -> anyhow::Result<Outcome> {
    let rows = map::of(flash).with_context(|| name.to_owned())?;
    if let Some(path) = &args.svg {
        Output::new(path)?.write(draw::svg(&rows).as_bytes(), Access::Usual)?;
    }
    if args.json {
        let rows: Vec<Value> = rows
            .iter()
            .map(|row| {
                json!({
                    "name": row.name,
                    "offset": row.offset,
                    "size": row.size,
                    "nested": row.nested,
                    "content": row.content,
                })
            })
            .collect();
        report::print_json(&json!({
            "result": "ok",
            "code": "ok",
            "message": format!("{name}: {} bytes", flash.len()),
            "findings": findings,
            "map": rows,
        }))?;
    } else {
        report::print(&draw::text(&rows))?;
    }
    Ok(Outcome::Done)
}
