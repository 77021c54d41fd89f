//! What goes into a flash image: contents by partition, and the writing of them.
//!
//! Certificates and keys are stored the way the flash keeps them: as an image in their partition, or as values in
//! `mfg_nvs`. Any other user partition takes the bytes of a file.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, anyhow, bail};
use cert_bin::{ImageWriter, NewItem, PartitionRole};
use embedded_storage_async::nor_flash::MultiwriteNorFlash;
use partition_store::nvs::Label;
use partition_store::{FlashStore, Nvs, PartitionStore as _};
use serde_json::{Value, json};

use crate::device::Device;
use crate::pki::files;
use crate::push::check;
use crate::push::source::{self, Source};
use crate::report;

/// `PARTITION=FILE` of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    partition: String,
    file: PathBuf,
}

impl FromStr for Given {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((partition, file)) if !partition.is_empty() && !file.is_empty() => Ok(Self {
                partition: partition.to_owned(),
                file: file.into(),
            }),
            _ => Err("expected PARTITION=FILE, such as client_ca=ca.pem"),
        }
    }
}

/// What one partition will hold.
#[derive(Debug)]
pub(crate) struct Content {
    name: String,
    bytes: Bytes,
}

impl Content {
    /// The items, of what has a role.
    pub(crate) fn items(&self) -> anyhow::Result<(PartitionRole, &[Source])> {
        match &self.bytes {
            Bytes::Items(role, sources) => Ok((*role, sources)),
            Bytes::Raw(_) => bail!("{} is no role, such as client_ca", self.name),
        }
    }
}

#[derive(Debug)]
enum Bytes {
    /// Certificates or keys, by number.
    Items(PartitionRole, Vec<Source>),
    /// The bytes themselves.
    Raw(Vec<u8>),
}

/// Reads all files; those of one role become its items in the order given.
pub(crate) fn gather(given: &[Given]) -> anyhow::Result<Vec<Content>> {
    let mut contents: Vec<Content> = Vec::new();
    for Given { partition, file } in given {
        if contents.iter().any(|it| it.name == *partition) {
            continue;
        }
        let same = given.iter().filter(|it| it.partition == *partition);
        let paths: Vec<PathBuf> = same.map(|it| it.file.clone()).collect();
        let bytes = match (PartitionRole::from_name(partition), paths.as_slice()) {
            (Some(role), paths) => Bytes::Items(role, source::read(role, paths)?),
            (None, [_]) => Bytes::Raw(files::read(file)?),
            (None, _) => bail!("{partition} takes the bytes of one file"),
        };
        contents.push(Content {
            name: partition.clone(),
            bytes,
        });
    }
    Ok(contents)
}

/// What a device makes of the certificates and keys, and what refuses them.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Of all contents, for a program.
    pub(crate) findings: Vec<Value>,
    codes: Vec<String>,
    can_be_forced: bool,
}

impl Checked {
    /// Says on stderr what was found.
    pub(crate) fn of(contents: &[Content], device: Device, force: bool) -> Self {
        let mut all = Self {
            can_be_forced: true,
            ..Self::default()
        };
        for content in contents {
            let Bytes::Items(role, sources) = &content.bytes else {
                continue;
            };
            let judged = check::judge(*role, sources, device, None, force);
            for remark in judged.remarks {
                report::note(&remark.line);
                all.findings.push(remark.json);
            }
            if !judged.codes.is_empty() {
                all.can_be_forced &= judged.can_be_forced;
                all.codes.extend(judged.codes);
            }
        }
        all
    }

    /// Whether nothing is written to this file; then it is reported why.
    ///
    /// # Errors
    ///
    /// Standard output takes no JSON.
    pub(crate) fn refuses(&self, output: &Path, as_json: bool) -> anyhow::Result<bool> {
        let Some(code) = self.codes.first() else {
            return Ok(false);
        };
        let hint = if self.can_be_forced {
            "; --force writes it all the same"
        } else {
            ""
        };
        let codes = self.codes.join(", ");
        let name = output.display();
        let message = format!("{name} was not written: a device cannot use {codes}{hint}");
        if as_json {
            report::print_json(&json!({
                "result": "refused",
                "code": code,
                "message": message,
                "findings": self.findings,
            }))?;
        }
        report::complain(message);
        Ok(true)
    }
}

/// Whether any of it is a private key.
pub(crate) fn has_keys(contents: &[Content]) -> bool {
    contents.iter().any(|it| match &it.bytes {
        Bytes::Items(role, sources) => {
            role.kind == cert_bin::ItemKind::Key
                || sources
                    .iter()
                    .any(|it| crate::pki::holds_a_key(&it.content))
        }
        Bytes::Raw(_) => false,
    })
}

/// Puts the contents into their places.
///
/// # Errors
///
/// A sentence: the flash has no such partition, or it is too small.
pub(crate) async fn load<F: MultiwriteNorFlash>(
    flash: F,
    contents: &[Content],
) -> anyhow::Result<F> {
    let mut store = FlashStore::open(flash)
        .await
        .map_err(|error| anyhow!("the flash has no layout of ESP-AT: {error}"))?;
    for content in contents {
        let name = &content.name;
        match &content.bytes {
            Bytes::Items(role, sources) => {
                if let Some(region) = store.mfg_region() {
                    let mut nvs = Nvs::open(region)
                        .await
                        .map_err(|error| anyhow!("mfg_nvs: {error}"))?;
                    store_values(&mut nvs, *role, sources).await?;
                } else {
                    let image = image(sources).with_context(|| name.clone())?;
                    let mut region = store
                        .user_region(name)
                        .map_err(|error| anyhow!("{name}: {error}"))?;
                    region
                        .replace_image(&image)
                        .await
                        .map_err(|error| anyhow!("{name}: {error}"))?;
                }
            }
            Bytes::Raw(bytes) => {
                let mut region = store
                    .user_region(name)
                    .map_err(|error| anyhow!("{name}: {error}"))?;
                let erased = region.erase_all().await;
                erased.map_err(|error| anyhow!("{name}: {error}"))?;
                let written = region.write_at(0, bytes).await;
                // Erased before, so that what is read is what was written.
                let _ = written.map_err(|error| anyhow!("{name}: {error}"))?;
            }
        }
    }
    Ok(store.into_inner())
}

fn image(sources: &[Source]) -> anyhow::Result<Vec<u8>> {
    let items: Vec<NewItem<'_>> = sources.iter().map(Source::item).collect();
    let writer = ImageWriter::new(&items)?;
    let mut image = vec![0; writer.size()];
    writer.write(&mut image)?;
    Ok(image)
}

/// Items as values under the keys that firmware looks up (spec: cert-bin 9.2).
pub(crate) async fn store_values<F: MultiwriteNorFlash>(
    nvs: &mut Nvs<'_, F>,
    role: PartitionRole,
    sources: &[Source],
) -> anyhow::Result<()> {
    let label = |text: &str| Label::new(text).ok_or_else(|| anyhow!("{text} is no key of NVS"));
    for (number, source) in sources.iter().enumerate() {
        let key = crate::push::key(role, number);
        nvs.set_binary(label(&role.to_string())?, label(&key)?, &source.content)
            .await
            .map_err(|error| anyhow!("{key}: {error}"))?;
    }
    Ok(())
}
