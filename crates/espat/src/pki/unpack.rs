//! `espat pki unpack`: the contents of an image as files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use cert_bin::content::{self, ObjectKind};
use cert_bin::{Image, Item, ItemKind};
use serde_json::json;

use super::files::{self, Access};
use super::{Source, describe};
use crate::report::{self, Outcome};

/// `espat pki unpack FILE.bin -o DIR`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    /// Folder for the files; made where there is none. No file in it is overwritten
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let Args { source, output } = args;
    let bytes = source.read()?;
    let Some(image) = source.parse(&bytes)? else {
        return Ok(Outcome::Refused);
    };
    let files = planned(&image, output);
    fs::create_dir_all(output)
        .with_context(|| format!("cannot make the folder {}", output.display()))?;
    // All names are looked at before the first file is written.
    for (path, _) in &files {
        if fs::symlink_metadata(path).is_ok() {
            bail!("{} exists and is not overwritten", path.display());
        }
    }
    write(&files)?;

    if source.json {
        let items: Vec<_> = files
            .iter()
            .map(|(path, item)| {
                json!({
                    "type": item.kind.name(),
                    "id": item.id,
                    "length": item.content.len(),
                    "sha256": describe::sha256(item.content),
                    "file": path.display().to_string(),
                })
            })
            .collect();
        let warnings = describe::warnings(&image);
        report::print_json(&json!({
            "result": "ok",
            "code": "ok",
            "message": format!("{} written", describe::items_word(files.len())),
            "findings": describe::warning_findings(&image),
            "items": items,
            "warnings": warnings,
        }))?;
    } else {
        let mut text = String::new();
        for (path, item) in &files {
            text.push_str(&format!(
                "{} ({} bytes)\n",
                path.display(),
                item.content.len()
            ));
        }
        report::print(&text)?;
        source.warn(&image);
    }
    Ok(Outcome::Done)
}

/// `ca_0.pem`, `key_1.der`; an item that repeats a label gets its position behind it.
fn planned<'i>(image: &Image<'i>, folder: &Path) -> Vec<(PathBuf, Item<'i>)> {
    let mut files: Vec<(PathBuf, Item<'i>)> = Vec::new();
    let mut taken = std::collections::HashSet::new();
    for (index, item) in image.items().enumerate() {
        let extension = match describe::encoding(item.content) {
            "none" => "bin",
            encoding => encoding,
        };
        let Item { kind, id, .. } = item;
        let name = if taken.insert((kind, id)) {
            format!("{kind}_{id}.{extension}")
        } else {
            format!("{kind}_{id}_item{index}.{extension}")
        };
        files.push((folder.join(name), item));
    }
    files
}

/// Writes all or, as far as that can be undone, none.
fn write(files: &[(PathBuf, Item<'_>)]) -> anyhow::Result<()> {
    for (done, (path, item)) in files.iter().enumerate() {
        if let Err(error) = files::create(path, item.content, access(item)) {
            for (path, _) in files.iter().take(done) {
                // What cannot be removed stays; the error that matters is the first.
                let _ = fs::remove_file(path);
            }
            return Err(error);
        }
    }
    Ok(())
}

/// A private key is for its owner only, whatever its label says.
pub(super) fn access(item: &Item<'_>) -> Access {
    if item.kind == ItemKind::Key || holds_a_key(item.content) {
        Access::OwnerOnly
    } else {
        Access::Usual
    }
}

/// Certificates, and nothing beside them.
pub(super) fn holds_certificates_alone(content: &[u8]) -> bool {
    let mut objects = content::objects(content).peekable();
    objects.peek().is_some()
        && objects.all(|object| object.is_ok_and(|it| it.kind == ObjectKind::Certificate))
}

pub(crate) fn holds_a_key(content: &[u8]) -> bool {
    content::objects(content).flatten().any(|object| {
        matches!(
            object.kind,
            ObjectKind::PrivateKey(_) | ObjectKind::EncryptedPrivateKey
        )
    })
}
