//! A linked program: instructions by address, functions by name.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};

/// A linked program with its symbols.
#[derive(Debug, Default)]
pub struct Program {
    /// Start and bytes of each section that holds instructions.
    code: Vec<(u32, Vec<u8>)>,
    /// All names of an address; the ROM's among them.
    names: HashMap<u32, Vec<String>>,
    addresses: HashMap<String, u32>,
    /// Address and length of each function.
    functions: BTreeMap<u32, u32>,
    /// Length of each variable.
    variables: HashMap<String, u32>,
}

impl Program {
    /// Reads an ELF file.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn parse(elf: &[u8]) -> Result<Self> {
        let file = object::File::parse(elf).context("not an ELF file")?;
        let mut program = Self::default();
        for section in file.sections() {
            if section.kind() == object::SectionKind::Text {
                let start = u32::try_from(section.address()).context("not a program of 32 bits")?;
                program.add_code(start, section.data().context("instructions")?);
            }
        }
        for symbol in file.symbols() {
            let (Ok(name), Ok(at)) = (symbol.name(), u32::try_from(symbol.address())) else {
                continue;
            };
            // `$x` and `.L` are marks within a function.
            if name.is_empty() || name.starts_with(['$', '.']) {
                continue;
            }
            let is_function = symbol.kind() == SymbolKind::Text && symbol.size() > 0;
            let length = u32::try_from(symbol.size()).unwrap_or(0);
            program.add_name(name, at, is_function.then_some(length));
            if symbol.kind() == SymbolKind::Data && length > 0 {
                program.variables.insert(name.to_owned(), length);
            }
        }
        Ok(program)
    }

    /// Adds instructions at an address.
    pub fn add_code(&mut self, start: u32, bytes: &[u8]) {
        self.code.push((start, bytes.to_vec()));
    }

    /// Names an address; `length`, in bytes, if it is a function.
    pub fn add_name(&mut self, name: &str, at: u32, length: Option<u32>) {
        self.names.entry(at).or_default().push(name.to_owned());
        self.addresses.insert(name.to_owned(), at);
        if let Some(length) = length {
            self.functions.insert(at, length);
        }
    }

    /// The instruction at an address, with the next two bytes if it is a short one.
    #[must_use]
    pub fn word(&self, at: u32) -> Option<u32> {
        let (start, bytes) = self
            .code
            .iter()
            .find(|(start, bytes)| at >= *start && at - start < bytes.len() as u32)?;
        let bytes = bytes.get((at - start) as usize..)?;
        let byte = |index: usize| u32::from(bytes.get(index).copied().unwrap_or(0));
        Some(byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24)
    }

    /// Where a function is.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<u32> {
        self.addresses.get(name).copied()
    }

    /// Bytes of a variable.
    #[must_use]
    pub fn length(&self, variable: &str) -> Option<u32> {
        self.variables.get(variable).copied()
    }

    /// The names of an address.
    pub fn names(&self, at: u32) -> impl Iterator<Item = &str> {
        self.names
            .get(&at)
            .into_iter()
            .flatten()
            .map(String::as_str)
    }

    /// Address and length of each function, in the order of addresses.
    pub fn functions(&self) -> impl Iterator<Item = (u32, u32)> {
        self.functions.iter().map(|(at, length)| (*at, *length))
    }

    /// The function that an address is in.
    #[must_use]
    pub fn function_at(&self, at: u32) -> Option<&str> {
        let (start, length) = self.functions.range(..=at).next_back()?;
        if at - start >= *length {
            return None;
        }
        self.names(*start).next()
    }
}
