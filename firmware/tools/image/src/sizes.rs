//! What is in the image: bytes per section and per crate, and who has the RAM.
//!
//! A function counts for the crate whose name its symbol begins with; what is generic counts for the
//! crate that it was written in. Names without a crate are the radio's libraries and the ROM's.

use std::collections::BTreeMap;
use std::fmt;

use crate::elf::{LoadKind, Program};

/// Crates and statics below are summed up as "others".
const CRATE_WORTH_A_LINE: u64 = 4096;
const STATIC_WORTH_A_LINE: u64 = 1024;
const FRAME_WORTH_A_LINE: u64 = 4096;
/// A static that starts with values is in flash as well. One of buffers, of which a single field is not zero, is larger than
/// this; a table of the radio's libraries is not.
const MAX_INITIALISED: u64 = 4096;

/// The tables, largest first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    sections: Vec<(String, u64)>,
    crates: Vec<(String, u64)>,
    statics: Vec<(String, u64)>,
    frames: Vec<(String, u64)>,
    initialised: Vec<(String, u64)>,
    stack: u64,
}

impl Report {
    pub(crate) fn of(program: &Program) -> Self {
        let mut crates = BTreeMap::<String, u64>::new();
        let mut statics = BTreeMap::<String, u64>::new();
        let mut initialised = Vec::new();
        for symbol in &program.symbols {
            if symbol.kind != LoadKind::Ram {
                *crates.entry(crate_of(&symbol.name)).or_default() += symbol.size;
            }
            if symbol.kind != LoadKind::Stored {
                *statics.entry(symbol.name.clone()).or_default() += symbol.size;
            }
            if symbol.kind == LoadKind::Initialised && symbol.size > MAX_INITIALISED {
                initialised.push((symbol.name.clone(), symbol.size));
            }
        }
        let mut sections: Vec<_> = program
            .sections
            .iter()
            .map(|section| (section.name.clone(), section.size))
            .collect();
        sections.sort_by_key(|(_, size)| core::cmp::Reverse(*size));
        Self {
            sections,
            crates: largest(crates, CRATE_WORTH_A_LINE),
            statics: largest(statics, STATIC_WORTH_A_LINE),
            frames: {
                let mut frames = program.frames.clone();
                frames.retain(|(_, size)| *size >= FRAME_WORTH_A_LINE);
                frames.sort_by_key(|(_, size)| core::cmp::Reverse(*size));
                frames
            },
            initialised,
            stack: program.stack,
        }
    }

    /// Bytes that are left for the stack of the main thread.
    pub(crate) const fn stack(&self) -> u64 {
        self.stack
    }

    /// Statics too large to be in flash besides.
    pub(crate) fn in_flash_besides(&self) -> Vec<String> {
        let named = |(name, size): &(String, u64)| format!("{name} ({size} bytes)");
        self.initialised.iter().map(named).collect()
    }

    /// The functions of which a single call takes more stack than there is.
    pub(crate) fn never_fit(&self) -> Vec<&str> {
        let frames = self.frames.iter();
        frames
            .filter(|(_, size)| *size > self.stack)
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

fn largest(sizes: BTreeMap<String, u64>, worth: u64) -> Vec<(String, u64)> {
    let (mut shown, rest): (Vec<_>, Vec<_>) =
        sizes.into_iter().partition(|(_, size)| *size >= worth);
    shown.sort_by_key(|(_, size)| core::cmp::Reverse(*size));
    let others = rest.iter().map(|(_, size)| size).sum();
    if others > 0 {
        shown.push((format!("others, each below {worth}"), others));
    }
    shown
}

/// The crate of a symbol's demangled name: the first path in it.
fn crate_of(name: &str) -> String {
    let path = name.trim_start_matches(|c: char| "<&*([".contains(c) || c.is_whitespace());
    let path = ["dyn ", "mut ", "const ", "impl "]
        .iter()
        .fold(path, |path, word| path.strip_prefix(word).unwrap_or(path));
    match path.split_once("::") {
        Some((first, _)) if first.chars().all(|c| c.is_alphanumeric() || c == '_') => {
            first.to_owned()
        }
        _ => "C libraries: radio, PHY, supplicant".to_owned(),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = |title: &str, rows: &[(String, u64)]| {
            writeln!(f, "{title}")?;
            rows.iter()
                .try_for_each(|(name, size)| writeln!(f, "  {size:>9}  {name}"))
        };
        table("bytes per section", &self.sections)?;
        table("bytes in flash per crate", &self.crates)?;
        table("bytes of RAM per static", &self.statics)?;
        table("bytes of stack per call", &self.frames)?;
        write!(f, "stack of the main thread: {} bytes", self.stack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::Symbol;

    #[test]
    fn a_symbol_belongs_to_the_crate_its_path_begins_with() {
        for (name, of) in [
            ("at_modem::command::line", "at_modem"),
            (
                "<at_modem::link::Link as core::fmt::Debug>::fmt",
                "at_modem",
            ),
            (
                "<&mut heapless::vec::Vec<u8, 4> as core::fmt::Write>::write_str",
                "heapless",
            ),
            ("core::ptr::drop_in_place<at_modem::Modem>", "core"),
            (
                "<[u8; 4] as core::fmt::Debug>::fmt",
                "C libraries: radio, PHY, supplicant",
            ),
            ("ieee80211_scan", "C libraries: radio, PHY, supplicant"),
        ] {
            assert_eq!(crate_of(name), of, "{name}");
        }
    }

    #[test]
    fn the_small_ones_are_summed_up_and_the_large_ones_sorted() {
        let symbol = |name: &str, size, kind| Symbol {
            name: name.to_owned(),
            address: 0,
            size,
            kind,
        };
        let report = Report::of(&Program {
            sections: Vec::new(),
            symbols: vec![
                symbol("a::f", 5000, LoadKind::Stored),
                symbol("b::f", 3000, LoadKind::Stored),
                symbol("b::g", 3000, LoadKind::Stored),
                symbol("c::f", 10, LoadKind::Stored),
                symbol("d::f", 20, LoadKind::Stored),
                symbol("a::BUFFER", 2048, LoadKind::Ram),
                symbol("e::TABLE", 4096, LoadKind::Initialised),
                symbol("e::BUFFER", 4097, LoadKind::Initialised),
            ],
            frames: vec![
                ("a::f".to_owned(), 16),
                ("a::g".to_owned(), 5000),
                ("a::h".to_owned(), 9000),
            ],
            stack: 8000,
        });
        let row = |name: &str, size| (name.to_owned(), size);
        assert_eq!(
            report.crates,
            [
                row("e", 8193),
                row("b", 6000),
                row("a", 5000),
                row("others, each below 4096", 30)
            ]
        );
        assert_eq!(
            report.statics,
            [
                row("e::BUFFER", 4097),
                row("e::TABLE", 4096),
                row("a::BUFFER", 2048)
            ]
        );
        assert_eq!(report.in_flash_besides(), ["e::BUFFER (4097 bytes)"]);
        assert_eq!(report.frames, [row("a::h", 9000), row("a::g", 5000)]);
        assert_eq!(report.never_fit(), ["a::h"]);
        assert!(report.to_string().ends_with("main thread: 8000 bytes"));
    }
}
