//! The suite's file format (C2SP x509-limbo, `limbo-schema.json`), as far as a verifier of servers
//! reads it. Fields that are not here (descriptions, keys) are passed over.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A whole file.
#[derive(Debug, Deserialize)]
pub(crate) struct Suite {
    pub(crate) version: u32,
    #[serde(rename = "testcases")]
    pub(crate) cases: Vec<Case>,
}

/// One case. Certificates are PEM.
#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) validation_kind: ValidationKind,
    pub(crate) trusted_certs: Vec<String>,
    pub(crate) untrusted_intermediates: Vec<String>,
    pub(crate) peer_certificate: String,
    /// RFC 3339; none is "now".
    pub(crate) validation_time: Option<String>,
    #[serde(default)]
    pub(crate) signature_algorithms: Vec<String>,
    #[serde(default)]
    pub(crate) key_usage: Vec<String>,
    #[serde(default)]
    pub(crate) extended_key_usage: Vec<String>,
    pub(crate) expected_result: Expected,
    pub(crate) expected_peer_name: Option<PeerName>,
    pub(crate) max_chain_depth: Option<u32>,
    #[serde(default)]
    pub(crate) crls: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ValidationKind {
    Client,
    Server,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Expected {
    Success,
    Failure,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PeerName {
    pub(crate) kind: NameKind,
    pub(crate) value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum NameKind {
    Dns,
    Ip,
    Rfc822,
}

/// A file beside this one.
pub(crate) fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/limbo")
        .join(name)
}

pub(crate) fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Suite {
    /// The copy of the repository.
    pub(crate) fn ours() -> Self {
        Self::read(&beside("limbo.json"))
    }

    /// The file that `X509_LIMBO` names, else the copy of the repository.
    pub(crate) fn chosen() -> Self {
        std::env::var_os("X509_LIMBO").map_or_else(Self::ours, |path| Self::read(Path::new(&path)))
    }

    fn read(path: &Path) -> Self {
        let suite: Self = serde_json::from_str(&text(path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(suite.version, 1, "another format");
        assert!(!suite.cases.is_empty());
        suite
    }
}

/// Ids on which four other verifiers agree with the suite.
pub(crate) fn unanimous() -> Vec<String> {
    serde_json::from_str(&text(&beside("unanimous.json"))).expect("a list of ids")
}
