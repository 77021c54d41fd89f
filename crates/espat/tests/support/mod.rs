//! The certificate image vectors, and the program under test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// One folder of vectors.
pub(crate) struct Vectors {
    pub(crate) root: PathBuf,
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
            None => here.join("../cert-bin/tests/data/pki"),
        };
        let text = std::fs::read(root.join("manifest.json")).expect("vectors have a manifest");
        let manifest = serde_json::from_slice(&text).expect("the manifest is JSON");
        Self { root, manifest }
    }

    /// The entries of one list of the manifest; it must not be empty.
    pub(crate) fn list(&self, name: &str) -> &[Value] {
        let list = self.manifest[name].as_array();
        let list = list.unwrap_or_else(|| panic!("the manifest has no list {name}"));
        assert!(!list.is_empty(), "{name} is empty");
        list
    }

    /// One file, by its name in the manifest.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }

    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// The reference time of every validity check.
    pub(crate) fn time(&self) -> &str {
        text(&self.manifest, "reference_time")
    }
}

/// A text field.
pub(crate) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text {field} in {value}"))
}

/// What a run of `espat` said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The one JSON value on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs `espat` in the folder of the vectors.
pub(crate) fn espat(vectors: &Vectors, arguments: &[&str]) -> Said {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_espat"))
        .current_dir(&vectors.root)
        .args(arguments)
        .output()
        .expect("the program starts");
    let said = Said {
        status: status.code().expect("no signal ended it"),
        out: String::from_utf8(stdout).expect("text"),
        err: String::from_utf8(stderr).expect("text"),
    };
    assert!(
        !said.err.contains("panicked"),
        "{arguments:?}: {}",
        said.err
    );
    said
}
