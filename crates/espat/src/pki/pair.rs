//! Certificate and key of the same number belong together (spec: cert-bin 1, 6.2).
//!
//! `<pki_number>` picks both, so that the k-th certificate of a list must match its k-th key.

use cert_bin::lint::Level;
use cert_bin::pair::{PairError, contents_match};
use cert_bin::{ItemKind, NewItem};
use serde_json::{Value, json};

/// A certificate and a key of which it cannot be said that they belong together.
#[derive(Debug)]
pub(super) struct Mismatch {
    /// Position of the key in the list.
    pub(super) index: usize,
    /// Position of the certificate.
    pub(super) certificate: usize,
    /// Why that is not known; `None` when they certainly do not.
    unknown: Option<PairError>,
}

impl Mismatch {
    pub(super) const fn code(&self) -> &'static str {
        match self.unknown {
            None => "key_mismatch",
            Some(_) => "pair_not_checked",
        }
    }

    pub(super) const fn level(&self) -> Level {
        match self.unknown {
            None => Level::Error,
            Some(_) => Level::Warning,
        }
    }

    pub(super) fn message(&self) -> String {
        let certificate = self.certificate;
        match &self.unknown {
            None => {
                format!("the private key does not belong to the certificate of item {certificate}")
            }
            Some(error) => {
                format!("not compared with the certificate of item {certificate}: {error}")
            }
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "index": self.index,
            "code": self.code(),
            "level": super::describe::level(self.level()),
            "message": self.message(),
            "certificate_index": self.certificate,
        })
    }
}

/// Compares each key with the certificate of its number, where there is one.
///
/// Contents that cannot be read have findings of their own and are passed over.
pub(super) fn mismatches(items: &[NewItem<'_>]) -> Vec<Mismatch> {
    let of = |kind| {
        items
            .iter()
            .enumerate()
            .filter(move |(_, item)| item.kind == kind)
    };
    let mut found = Vec::new();
    for ((certificate, shown), (index, key)) in of(ItemKind::Cert).zip(of(ItemKind::Key)) {
        let space = shown.content.len().saturating_add(key.content.len());
        let unknown = match contents_match(shown.content, key.content, &mut vec![0; space]) {
            Ok(true) => continue,
            Ok(false) => None,
            Err(PairError::CertificateContent(_) | PairError::KeyContent(_)) => continue,
            Err(error) => Some(error),
        };
        found.push(Mismatch {
            index,
            certificate,
            unknown,
        });
    }
    found
}
