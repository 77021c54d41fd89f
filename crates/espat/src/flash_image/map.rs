//! The map of a flash image: which bytes belong to what, and what is in them.

use cert_bin::PartitionRole;
use cert_bin::mistake::read_image;
use partition_store::{Partition, PartitionKind, Table};
use x509_facts::Certificate;

use super::programs;
use super::values::{self, Stored};
use crate::verify;

/// Of the primary table (spec: cert-bin 8.2).
const TABLE_AT: u32 = 0x8000;
const SECTOR: u32 = 0x1000;
/// Subtype of the partition that says which program starts.
const OTA_DATA: u8 = 0;
/// Cells of the bar that shows how much of a stretch is used.
pub(super) const CELLS: usize = 16;

/// One stretch of flash.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) offset: u32,
    pub(super) size: u32,
    pub(super) name: String,
    /// Inside `at_customize`.
    pub(super) nested: bool,
    /// Which sixteenths hold anything but 0xFF.
    pub(super) used: [bool; CELLS],
    /// What is in it, as far as this program can say.
    pub(super) content: Vec<String>,
}

impl Row {
    fn new(flash: &[u8], offset: u32, size: u32, name: &str, nested: bool) -> Self {
        let bytes = slice(flash, offset, size);
        let mut used = [false; CELLS];
        for (cell, part) in used
            .iter_mut()
            .zip(bytes.chunks(bytes.len().div_ceil(CELLS).max(1)))
        {
            *cell = part.iter().any(|&byte| byte != 0xff);
        }
        let content = if used.contains(&true) {
            Vec::new()
        } else {
            vec!["erased".to_owned()]
        };
        Self {
            offset,
            size,
            name: name.to_owned(),
            nested,
            used,
            content,
        }
    }
}

/// All stretches in the order of their addresses; a container is followed by what lies in it.
///
/// # Errors
///
/// A sentence: there is no partition table.
pub(super) fn of(flash: &[u8]) -> anyhow::Result<Vec<Row>> {
    let primary = table(flash, TABLE_AT)?;
    let mut rows = vec![
        Row::new(flash, 0, TABLE_AT, "boot loader", false),
        Row::new(flash, TABLE_AT, SECTOR, "partition table", false),
    ];
    for partition in &primary {
        let mut found = row(flash, partition, false);
        if partition.kind() == PartitionKind::Data && partition.subtype() == OTA_DATA {
            found.content.extend(programs::selected(flash, &primary));
        }
        rows.push(found);
        // Other firmware has no such container.
        if partition.name().as_str() == "at_customize"
            && let Ok(secondary) = table(flash, partition.offset())
        {
            rows.push(Row::new(
                flash,
                partition.offset(),
                SECTOR,
                "secondary table",
                true,
            ));
            rows.extend(secondary.iter().map(|it| row(flash, it, true)));
        }
    }
    Ok(rows)
}

fn slice(flash: &[u8], offset: u32, size: u32) -> &[u8] {
    let from = usize::try_from(offset)
        .unwrap_or(usize::MAX)
        .min(flash.len());
    let rest = flash.get(from..).unwrap_or_default();
    let size = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
    rest.get(..size).unwrap_or_default()
}

/// The entries of a table, by address.
fn table(flash: &[u8], at: u32) -> anyhow::Result<Vec<Partition>> {
    let bytes = slice(flash, at, SECTOR);
    let table = Table::parse(bytes)
        .map_err(|error| anyhow::anyhow!("no partition table at {at:#x}: {error}"))?;
    let mut entries: Vec<Partition> = table.entries().collect();
    entries.sort_by_key(Partition::offset);
    Ok(entries)
}

fn row(flash: &[u8], partition: &Partition, nested: bool) -> Row {
    let name = partition.name().as_str();
    let mut row = Row::new(flash, partition.offset(), partition.size(), name, nested);
    if !row.content.is_empty() {
        return row;
    }
    let bytes = slice(flash, partition.offset(), partition.size());
    if PartitionRole::from_name(name).is_some() {
        row.content = items(bytes);
    } else if partition.kind() == PartitionKind::App {
        row.content = vec![programs::program(bytes)];
    } else if name == "mfg_nvs" {
        row.content = lines(bytes);
    }
    row
}

/// A line for each item of a certificate image.
fn items(bytes: &[u8]) -> Vec<String> {
    match read_image(bytes) {
        Ok(image) => image
            .items()
            .enumerate()
            .map(|(number, item)| format!("{number}: {}", subject(item.content)))
            .collect(),
        Err(bad) if bad.is_blank() => vec!["erased".to_owned()],
        Err(bad) => vec![bad.to_string()],
    }
}

/// Whose certificate it is; a key shows nothing of itself.
fn subject(content: &[u8]) -> String {
    let length = content.len();
    let Ok((ders, _)) = verify::certificates(content) else {
        return format!("{length} bytes");
    };
    let subjects: Vec<String> = ders
        .iter()
        .filter_map(|der| Certificate::parse(der).ok())
        .map(|it| format!("{}, until {}", it.subject(), it.validity().not_after))
        .collect();
    match subjects.as_slice() {
        [] => format!("{length} bytes"),
        subjects => format!("{length} bytes: {}", subjects.join(" | ")),
    }
}

/// A line for each value.
fn lines(bytes: &[u8]) -> Vec<String> {
    let values = match values::read(bytes) {
        Ok(values) => values,
        Err(error) => return vec![error.to_string()],
    };
    values
        .iter()
        .map(|value| match &value.stored {
            Stored::Number(number) => format!("{}/{} = {number}", value.namespace, value.key),
            Stored::Bytes(bytes) => {
                format!("{}/{}: {}", value.namespace, value.key, subject(bytes))
            }
            Stored::Damaged(damage) => format!("{}/{}: {damage}", value.namespace, value.key),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_flash_image_are_refused() {
        for bytes in [&[][..], &[0xff; 0x9000], &[0; 0x8010]] {
            assert!(of(bytes).is_err());
        }
    }

    #[test]
    fn a_bar_shows_where_bytes_are() {
        let mut flash = vec![0xff; 0x1000];
        flash[0x100] = 0;
        let row = Row::new(&flash, 0, 0x1000, "x", false);
        assert_eq!(row.used.iter().position(|it| *it), Some(1));
        assert_eq!(row.used.iter().filter(|it| **it).count(), 1);
        // A partition that ends behind the file.
        let row = Row::new(&flash, 0x2000, 0x1000, "x", false);
        assert_eq!(row.content, ["erased"]);
    }
}
