//! The mistake behind a content that is of no use.

use super::{Device, Subject};
use crate::mistake::Mistake;

/// Where a content comes from.
#[derive(Clone, Copy)]
pub(super) enum Origin {
    /// It is about to be packed.
    File,
    /// It was read back, after an upload that may have changed it.
    Flash,
}

impl Subject<'_> {
    /// The mistake behind a content of no use, where it says more than [`Problem::WrongKind`](super::Problem::WrongKind).
    pub(super) fn mistake(&self) -> Option<Mistake> {
        if self.context.device == Device::EspAt {
            // The codes of the original firmware's judgement are those of its specification.
            return None;
        }
        let mistake = match self.origin {
            Origin::File => Mistake::of_content(self.item.content, self.kind())?,
            Origin::Flash => Mistake::of_item(self.item.content, self.kind())?,
        };
        match mistake {
            // These have findings of their own.
            Mistake::EncryptedKey => None,
            Mistake::CertificateNotKey | Mistake::KeyNotCertificate
                if self.context.role.is_none() =>
            {
                None
            }
            Mistake::CertificateRequest | Mistake::PublicKey if self.context.role.is_none() => None,
            other => Some(other),
        }
    }
}
