//! The size of an image, and which statics take its RAM.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};

const SECTIONS: [(&str, &str); 4] = [
    (".text", "code"),
    (".rodata", "constants"),
    (".data", "RAM with initial values"),
    (".bss", "RAM that begins as zeros"),
];

/// A part of a static's mangled name, and what it holds.
const STATICS: [(&str, &str); 11] = [
    (
        "7BUFFERS",
        "`ModemBuffers`: inboxes of five links, output, payload, scratch; TLS sessions, credentials",
    ),
    ("5MODEM", "`Modem`: settings, links"),
    (
        "5modem4POOL",
        "task of the modem: all futures of `Modem::run`",
    ),
    ("TCP_MEMORY", "TCP windows"),
    ("UDP_MEMORY", "datagrams"),
    ("NAME_MEMORY", "socket that asks for names"),
    ("RX_FRAMES", "frames received"),
    ("TX_FRAMES", "frames to be sent"),
    ("DMA_PAGES", "virtio queues"),
    ("RESOURCES", "embassy-net"),
    ("UART", "rings of the AT port"),
];

/// In an image with rustls.
const HEAP: (&str, &str) = ("HEAP_REGION", "heap, for sessions of rustls");

/// Bytes of an image.
#[derive(Debug)]
pub(crate) struct Sizes {
    sections: Vec<u64>,
    statics: Vec<u64>,
    heap: Option<u64>,
}

impl Sizes {
    pub(crate) fn of(program: &Path) -> Result<Self> {
        let bytes = fs::read(program)?;
        let image = object::File::parse(&*bytes)?;
        let sections = SECTIONS.map(|(name, _)| {
            let section = image.section_by_name(name);
            section.map(|section| section.size()).context(name)
        });
        let size = |name: &str| {
            let objects = image
                .symbols()
                .filter(|symbol| symbol.kind() == SymbolKind::Data);
            let mut named =
                objects.filter(|symbol| symbol.name().is_ok_and(|it| it.contains(name)));
            named.next().map(|symbol| symbol.size())
        };
        let statics = STATICS.map(|(name, _)| size(name).context(name));
        Ok(Self {
            sections: sections.into_iter().collect::<Result<_>>()?,
            statics: statics.into_iter().collect::<Result<_>>()?,
            heap: size(HEAP.0),
        })
    }
}

/// Two Markdown tables, as in `docs/footprint.md`.
impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| section | bytes |\n|---|---:|")?;
        for ((name, what), bytes) in SECTIONS.iter().zip(&self.sections) {
            writeln!(f, "| `{name}`, {what} | {bytes} |")?;
        }
        writeln!(f, "\n| static RAM | bytes |\n|---|---:|")?;
        for ((_, what), bytes) in STATICS.iter().zip(&self.statics) {
            writeln!(f, "| {what} | {bytes} |")?;
        }
        if let Some(bytes) = self.heap {
            writeln!(f, "| {} | {bytes} |", HEAP.1)?;
        }
        Ok(())
    }
}
