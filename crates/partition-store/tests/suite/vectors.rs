//! The tables of an independent writer, and what a reader should say about each.

use std::path::{Path, PathBuf};

use partition_store::table::Md5State;
use partition_store::{CertStorage, Chip, Partition, Table, TableError, TableWarning, write_table};
use serde_json::{Value, json};

use crate::support::checksum;

/// The folder with `manifest.json`: the whole set of vectors where it is at hand.
pub(crate) fn vectors() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let candidates = [
        std::env::var_os("ESPAT_VECTORS").map(PathBuf::from),
        Some(here.join("../../../shared/vectors/pki")),
        Some(here.join("tests/data")),
    ];
    let mut found = candidates.into_iter().flatten();
    found
        .find(|folder| folder.join("manifest.json").is_file())
        .unwrap()
}

/// Each table of the manifest: what is said about it, and its bytes.
fn tables() -> Vec<(Value, Vec<u8>)> {
    let folder = vectors();
    let text = std::fs::read(folder.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&text).unwrap();
    let tables: Vec<_> = manifest["partition_tables"].as_array().unwrap().clone();
    assert!(!tables.is_empty());
    tables
        .into_iter()
        .map(|table| {
            let bytes = std::fs::read(folder.join(table["file"].as_str().unwrap())).unwrap();
            (table, bytes)
        })
        .collect()
}

fn entry(partition: &Partition) -> Value {
    json!({
        "name": partition.name().as_str(),
        "type": partition.kind().number(),
        "subtype": partition.subtype(),
        "offset": partition.offset(),
        "size": partition.size(),
        "flags": partition.flags(),
    })
}

fn warning(warning: &TableWarning) -> Value {
    let kind = warning.code();
    match warning {
        TableWarning::UnknownFlags { name, flags } => {
            json!({"kind": kind, "name": name.as_str(), "flags": flags})
        }
        TableWarning::Overlap { names } => {
            json!({"kind": kind, "names": names.map(|name| name.as_str().to_string())})
        }
        TableWarning::DuplicateName { name } | TableWarning::UnalignedOffset { name, .. } => {
            json!({"kind": kind, "name": name.as_str()})
        }
        other => panic!("{other:?}"),
    }
}

fn error(error: &TableError) -> Value {
    let kind = error.code();
    match error {
        TableError::LengthNotMultipleOf32 { size } => {
            json!({"result": "error", "kind": kind, "size": size})
        }
        TableError::BadEntryMagic { offset, found } => {
            json!({"result": "error", "kind": kind, "offset": offset, "found": hex::encode(found)})
        }
        TableError::Md5Mismatch {
            offset,
            stored,
            computed,
        } => json!({
            "result": "error", "kind": kind, "offset": offset,
            "stored": hex::encode(stored), "computed": hex::encode(computed),
        }),
        _ => json!({"result": "error", "kind": kind}),
    }
}

#[test]
fn every_table_reads_as_its_manifest_says() {
    for (about, bytes) in tables() {
        let found = match Table::parse(&bytes) {
            Err(refused) => error(&refused),
            Ok(table) => json!({
                "result": "ok",
                "md5": match table.md5() { Md5State::Absent => "absent", Md5State::Valid => "valid" },
                "entries": table.entries().map(|one| entry(&one)).collect::<Vec<_>>(),
                "warnings": table.warnings().map(|one| warning(&one)).collect::<Vec<_>>(),
            }),
        };
        assert_eq!(found, about["expect"], "{}", about["name"]);
    }
}

#[test]
fn a_table_that_is_read_is_written_the_same() {
    let mut written = 0;
    for (about, bytes) in tables() {
        let Ok(table) = Table::parse(&bytes) else {
            continue;
        };
        let mut out = [0; 4096];
        out[3072..].fill(0xff);
        let length = write_table(
            table.entries(),
            checksum(table.md5() == Md5State::Valid),
            &mut out,
        );
        assert_eq!(length, Ok(3072));
        assert!(out.starts_with(&bytes), "{}", about["name"]);
        written += 1;
    }
    assert!(written > 0);
}

#[test]
fn the_built_in_layouts_are_those_of_the_vectors() {
    let all = tables();
    let mut compared = 0;
    for (generation, chip, primary, secondary) in [
        (
            CertStorage::Partitions,
            Chip::Esp32,
            "esp32_main",
            "esp32_at_customize_v2",
        ),
        (
            CertStorage::Partitions,
            Chip::Esp32C3,
            "esp32c3_main",
            "esp32c3_at_customize_v2",
        ),
        (
            CertStorage::MfgNvs,
            Chip::Esp32,
            "esp32_main",
            "esp32_at_customize_v5",
        ),
    ] {
        let layout = chip.layout(generation);
        for (name, entries, md5) in [
            (primary, layout.primary, false),
            (secondary, layout.secondary, true),
        ] {
            // Another set of vectors need not have these.
            let Some((_, bytes)) = all.iter().find(|(about, _)| about["name"] == name) else {
                continue;
            };
            let mut out = [0; 3072];
            write_table(entries.iter().copied(), checksum(md5), &mut out).unwrap();
            assert!(out[..] == bytes[..], "{name}");
            compared += 1;
        }
    }
    assert!(compared == 6 || std::env::var_os("ESPAT_VECTORS").is_some());
}
