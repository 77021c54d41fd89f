//! The certificate image vectors: where they are, and how their manifest is read.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cert_bin::lint::{Finding, Level};
use cert_bin::{ItemKind, NewItem};
use serde_json::Value;

/// One folder of vectors.
pub(crate) struct Vectors {
    root: PathBuf,
    pub(crate) manifest: Value,
}

impl Vectors {
    /// The folder named by `ESPAT_VECTORS`, else one beside the repository, else the copy kept in it.
    pub(crate) fn load() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let beside = here.join("../../../shared/vectors/pki");
        let root = match std::env::var_os("ESPAT_VECTORS") {
            Some(folder) => PathBuf::from(folder),
            None if beside.join("manifest.json").is_file() => beside,
            None => here.join("tests/data/pki"),
        };
        Self::at(root)
    }

    fn at(root: PathBuf) -> Self {
        let text = fs::read(root.join("manifest.json")).expect("vectors have a manifest");
        let manifest = serde_json::from_slice(&text).expect("the manifest is JSON");
        Self { root, manifest }
    }

    /// The entries of one list of the manifest; it must not be empty.
    pub(crate) fn list(&self, name: &str) -> &[Value] {
        let list = self.manifest[name].as_array().expect("a list");
        assert!(!list.is_empty(), "{name} is empty");
        list
    }

    /// One file, by its name in the manifest.
    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// The reference time of every validity check.
    pub(crate) fn time(&self) -> x509_facts::Timestamp {
        text(&self.manifest, "reference_time")
            .parse()
            .expect("RFC 3339")
    }
}

/// A file to be packed, as an original command line names it.
pub(crate) struct Source {
    pub(crate) kind: ItemKind,
    pub(crate) content: Vec<u8>,
}

/// The (kind, file) pairs of a command line of the original tool.
pub(crate) fn sources(vectors: &Vectors, command: &str) -> Vec<Source> {
    let (arguments, comment) = command.split_once('#').unwrap_or((command, ""));
    let times = comment
        .split_whitespace()
        .find_map(|word| word.parse().ok())
        .unwrap_or(1);
    let words: Vec<&str> = arguments
        .split_whitespace()
        .skip_while(|&word| word != "-b")
        .skip(2)
        .collect();
    let mut out = Vec::new();
    for _ in 0..times {
        for pair in words.chunks(2) {
            out.push(Source {
                kind: ItemKind::from_name(pair[0]).expect("a kind"),
                content: vectors.read(pair[1]),
            });
        }
    }
    assert!(!out.is_empty(), "{command}");
    out
}

pub(crate) fn new_items(sources: &[Source]) -> Vec<NewItem<'_>> {
    let mut items = Vec::new();
    for Source { kind, content } in sources {
        items.push(NewItem {
            kind: *kind,
            content,
        });
    }
    items
}

/// A text field.
pub(crate) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text {field} in {value}"))
}

/// A number field.
pub(crate) fn number(value: &Value, field: &str) -> u64 {
    value[field]
        .as_u64()
        .unwrap_or_else(|| panic!("no number {field} in {value}"))
}

/// Findings as codes with the item they are about, where the manifest names one.
pub(crate) type Codes = BTreeSet<(String, Option<u64>)>;

/// The codes a manifest entry expects from a list of `count` items.
pub(crate) fn expected_codes(list: &Value, count: u64) -> Codes {
    let mut codes = Codes::new();
    for entry in list.as_array().expect("a list of findings") {
        let code = text(entry, "code").to_owned();
        let indexes: Vec<u64> = match (&entry["index"], &entry["indexes"]) {
            (Value::Number(index), _) => vec![index.as_u64().expect("a position")],
            (Value::String(every), _) if every == "every" => (0..count).collect(),
            (_, Value::Array(list)) => list.iter().filter_map(Value::as_u64).collect(),
            (_, Value::String(text)) if text == "all but the first" => (1..count).collect(),
            (Value::Null, Value::Null) => {
                codes.insert((code, None));
                continue;
            }
            other => panic!("what is {other:?}?"),
        };
        codes.extend(indexes.into_iter().map(|index| (code.clone(), Some(index))));
    }
    codes
}

/// What was found on one level, in the same form; where the manifest names no item, ours is left out.
pub(crate) fn found_codes(findings: &[Finding], level: Level, expected: &Codes) -> Codes {
    findings
        .iter()
        .filter(|finding| finding.problem.level() == level)
        .map(|finding| {
            let code = finding.problem.code().to_owned();
            let index = finding
                .index
                .map(|index| u64::try_from(index).expect("64 bits"));
            if expected.contains(&(code.clone(), None)) {
                (code, None)
            } else {
                (code, index)
            }
        })
        .collect()
}

/// SHA-256 in hex, as the manifest writes it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(bytes))
}
