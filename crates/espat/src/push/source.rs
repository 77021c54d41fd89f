//! What the user gave, as the contents of items: detected from the bytes, never from a file's name.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use cert_bin::mistake::read_image;
use cert_bin::{Image, ImageError, ItemKind, NewItem, PartitionRole};

use crate::pki::files;
use crate::report::WrongUsage;

/// What is taken from a folder, as the build scripts of ESP-AT take it (spec: cert-bin 5).
const CERTIFICATE_SUFFIXES: [&str; 4] = ["pem", "der", "cer", "crt"];
const KEY_SUFFIXES: [&str; 3] = ["pem", "der", "key"];

/// One content and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// For messages: `ca.pem`, or `at_ca.bin, item 0`.
    pub(crate) name: String,
    kind: ItemKind,
    pub(crate) content: Vec<u8>,
}

impl Source {
    pub(crate) fn item(&self) -> NewItem<'_> {
        NewItem {
            kind: self.kind,
            content: &self.content,
        }
    }
}

/// The contents of all files, of the items of all images and of all files of folders, in this order.
pub(crate) fn read(role: PartitionRole, paths: &[PathBuf]) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in paths {
        if path.is_dir() {
            let found = in_folder(role, path)?;
            if found.is_empty() {
                let wanted = suffixes(role.kind).join(", .");
                bail!("{}: no file ends in .{wanted}", path.display());
            }
            for file in found {
                sources.extend(in_file(role, &file)?);
            }
        } else {
            sources.extend(in_file(role, path)?);
        }
    }
    if role.first_item_only() && sources.len() > 1 {
        let message = format!(
            "{role} holds one item, and {} are given: a chain is one file with several PEM blocks",
            sources.len()
        );
        return Err(WrongUsage(message).into());
    }
    Ok(sources)
}

const fn suffixes(kind: ItemKind) -> &'static [&'static str] {
    match kind {
        ItemKind::Key => &KEY_SUFFIXES,
        _ => &CERTIFICATE_SUFFIXES,
    }
}

/// By name, so that numbers do not depend on the file system.
fn in_folder(role: PartitionRole, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read {}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        let suffix = path.extension().and_then(|it| it.to_str());
        if suffix.is_some_and(|it| suffixes(role.kind).contains(&it)) && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn in_file(role: PartitionRole, path: &Path) -> anyhow::Result<Vec<Source>> {
    let content = files::read(path)?;
    let name = path.display().to_string();
    if !content.starts_with(&[0xf1, 0xf1]) {
        return Ok(match Image::parse(&content) {
            Err(ImageError::Erased) => bail!("{name} is an erased partition: every byte is 0xff"),
            _ => vec![Source {
                name,
                kind: role.kind,
                content,
            }],
        });
    }
    let image =
        read_image(&content).with_context(|| format!("{name} begins like a certificate image"))?;
    let items = image.items().enumerate().map(|(index, item)| Source {
        name: format!("{name}, item {index}"),
        kind: item.kind,
        content: item.content.to_vec(),
    });
    Ok(items.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CA: &[u8] = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";

    fn role(name: &str) -> PartitionRole {
        PartitionRole::from_name(name).unwrap()
    }

    #[test]
    fn files_images_and_folders_give_the_same_items() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        let pem = file("b.pem", CA);
        let der = file("a.crt", b"\x30\x00");
        file("README.md", b"not a certificate");
        let kind = ItemKind::Ca;
        let items = [b"\x30\x00".as_slice(), CA].map(|content| NewItem { kind, content });
        let mut image = vec![0xff; 0x1000];
        cert_bin::write_image(&items, &mut image).unwrap();
        let image = file("at_ca.bin", &image);

        let contents = |paths: &[PathBuf]| {
            let read = read(role("client_ca"), paths).unwrap();
            read.into_iter().map(|it| it.content).collect::<Vec<_>>()
        };
        let wanted = [b"\x30\x00".to_vec(), CA.to_vec()];
        assert_eq!(contents(&[der, pem]), wanted);
        assert_eq!(contents(&[image]), wanted);
        assert_eq!(contents(&[folder.path().to_owned()]), wanted);
    }

    #[test]
    fn what_cannot_be_packed_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.bin");
        for (bytes, wanted) in [
            (&[0xff; 8192][..], "erased partition"),
            (
                b"\xf1\xf1\x01\x00\xff\xff\xff\xff",
                "begins like a certificate image",
            ),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = read(role("client_ca"), std::slice::from_ref(&path)).unwrap_err();
            assert!(error.to_string().contains(wanted), "{error}");
        }
        let empty = tempfile::tempdir().unwrap();
        let error = read(role("client_key"), &[empty.path().to_owned()]).unwrap_err();
        assert!(error.to_string().contains(".pem, .der, .key"), "{error}");
    }

    #[test]
    fn a_role_with_one_item_takes_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pem");
        fs::write(&path, CA).unwrap();
        let error = read(role("server_cert"), &[path.clone(), path]).unwrap_err();
        assert!(error.is::<WrongUsage>(), "{error}");
    }
}
