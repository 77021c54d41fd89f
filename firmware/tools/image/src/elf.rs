//! The linked program: its sections, and its symbols with the names that people read.

use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionKind};

/// A section that takes room in RAM or flash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) kind: LoadKind,
}

/// What a section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoadKind {
    /// Instructions and constants.
    Stored,
    /// RAM that starts with values: they are in flash as well.
    Initialised,
    /// RAM that starts as zero or as anything.
    Ram,
}

/// A named piece of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    pub(crate) address: u64,
    pub(crate) size: u64,
    pub(crate) kind: LoadKind,
}

/// What the tables are made of.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) sections: Vec<Section>,
    pub(crate) symbols: Vec<Symbol>,
    /// Bytes between the stack's end and its start.
    pub(crate) stack: u64,
    /// Functions and the bytes of stack that each takes, as the compiler states in `.stack_sizes`.
    pub(crate) frames: Vec<(String, u64)>,
}

impl Program {
    #[expect(
        clippy::too_many_lines,
        reason = "the parts of a program, one after the other"
    )]
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let file = object::File::parse(bytes).context("not an ELF file")?;
        let kind_of = |kind| match kind {
            SectionKind::Text
            | SectionKind::ReadOnlyData
            | SectionKind::ReadOnlyDataWithRel
            | SectionKind::ReadOnlyString => Some(LoadKind::Stored),
            SectionKind::Data => Some(LoadKind::Initialised),
            SectionKind::UninitializedData => Some(LoadKind::Ram),
            _ => None,
        };
        let sections = file
            .sections()
            // Others are for tools on the PC, or only move the next one to its place.
            .filter(|section| section.address() != 0 && section.size() > 0)
            .filter_map(|section| {
                Some(Section {
                    name: section.name().ok()?.to_owned(),
                    size: section.size(),
                    kind: kind_of(section.kind())?,
                })
            })
            .collect();
        let mut symbols: Vec<Symbol> = file
            .symbols()
            .filter(|symbol| symbol.size() > 0)
            .filter_map(|symbol| {
                let section = file.section_by_index(symbol.section_index()?).ok()?;
                Some(Symbol {
                    name: format!("{:#}", rustc_demangle::demangle(symbol.name().ok()?)),
                    address: symbol.address(),
                    size: symbol.size(),
                    kind: kind_of(section.kind())?,
                })
            })
            .collect();
        // Identical functions are one function with several names.
        symbols.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
        symbols.dedup_by_key(|symbol| (symbol.address, symbol.size));
        let address_of = |name: &str| {
            file.symbols()
                .find(|symbol| symbol.name() == Ok(name))
                .map(|symbol| symbol.address())
                .with_context(|| format!("no symbol {name}"))
        };
        let stack = address_of("_stack_start_cpu0")?.saturating_sub(address_of("_stack_end_cpu0")?);
        let sizes = file
            .section_by_name(".stack_sizes")
            .and_then(|section| section.data().ok())
            .unwrap_or_default();
        let name_of = |address: u64| {
            let at = symbols.partition_point(|symbol| symbol.address < address);
            symbols
                .get(at)
                .filter(|symbol| symbol.address == address)
                .map_or_else(|| format!("{address:#x}"), |symbol| symbol.name.clone())
        };
        let frames = frames(sizes)
            .into_iter()
            .map(|(address, size)| (name_of(address), size))
            .collect();
        Ok(Self {
            sections,
            symbols,
            stack,
            frames,
        })
    }
}

/// Address (u32) and size (ULEB128) of each frame, one after the other.
fn frames(mut bytes: &[u8]) -> Vec<(u64, u64)> {
    let mut frames = Vec::new();
    while let Some((address, rest)) = bytes.split_first_chunk() {
        let length = rest.iter().take_while(|byte| **byte >= 0x80).count() + 1;
        let Some((size, rest)) = rest.split_at_checked(length) else {
            break;
        };
        let size = size
            .iter()
            .rev()
            .fold(0_u64, |size, byte| size << 7 | u64::from(byte & 0x7f));
        frames.push((u32::from_le_bytes(*address).into(), size));
        bytes = rest;
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_the_compiler_writes_them() {
        let bytes = [
            0x10, 0, 0, 0x42, 0x00, 0x20, 0, 0, 0x42, 0x7f, 0x30, 0, 0, 0x42, 0x80, 0x01, 0x40, 0,
            0, 0x42, 0xe5, 0x8e, 0x26,
        ];
        let expected = [
            (0x4200_0010, 0),
            (0x4200_0020, 127),
            (0x4200_0030, 128),
            (0x4200_0040, 624_485),
        ];
        assert_eq!(frames(&bytes), expected);
        // One that is cut is no frame.
        for (end, whole) in [(0, 0), (4, 0), (5, 1), (22, 3)] {
            assert_eq!(frames(&bytes[..end]).len(), whole, "{end}");
        }
    }
}
