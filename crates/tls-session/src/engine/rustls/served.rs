//! What the sessions of a server share.

use alloc::vec::Vec;

use rustls::DistinguishedName;
use tls_provider::sync::Arc;
use x509_facts::Certificate;

use super::suites::offered;
use crate::budget::{Own, ServerNeeds};
use crate::evidence::Demand;
use crate::identity::OwnedIdentity;
use crate::policy::{ClientAuth, MasterSecret, Profile, ServerPolicy, Versions};
use crate::reason::{Cause, SetupError};

/// Bytes of CA names that a CertificateRequest may show: they are a hint, and every client gets them.
const MAX_HINTS: usize = 1024;

/// What all sessions of a server share.
pub(crate) struct Served {
    identity: Arc<OwnedIdentity>,
    /// `None` where no certificate is asked for.
    pub(super) anchors: Option<Vec<Vec<u8>>>,
    profile: Profile,
    /// Subjects of the anchors, or none where they are too long together.
    pub(super) hints: Vec<DistinguishedName>,
    versions: Versions,
    pub(super) suites: Vec<u16>,
    pub(super) master_secret: MasterSecret,
}

impl core::fmt::Debug for Served {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Served").finish_non_exhaustive()
    }
}

impl Served {
    /// Copies a policy. The key is wiped when the last copy of this is dropped.
    ///
    /// # Errors
    ///
    /// [`SetupError::NoSuite`] where nothing is left to agree on.
    pub(crate) fn new(policy: &ServerPolicy<'_>) -> Result<Self, Cause> {
        let versions = offered(policy.versions, policy.suites).ok_or(SetupError::NoSuite)?;
        let anchors = match policy.clients {
            ClientAuth::NotAsked => None,
            ClientAuth::Required(anchors) => Some(anchors),
        };
        let profile = anchors.map_or(Profile::Strict, |anchors| anchors.profile());
        let anchors = anchors.map(|anchors| anchors.certificates());
        Ok(Self {
            identity: Arc::new(OwnedIdentity::of(policy.identity)),
            hints: hints(anchors.unwrap_or_default()),
            anchors: anchors.map(|list| list.iter().map(|der| der.to_vec()).collect()),
            profile,
            versions,
            suites: policy.suites.to_vec(),
            master_secret: policy.master_secret,
        })
    }

    pub(super) const fn identity(&self) -> &Arc<OwnedIdentity> {
        &self.identity
    }

    /// How closely certificates of clients must follow the standards.
    pub(super) const fn profile(&self) -> Profile {
        self.profile
    }

    /// What clients are checked against.
    pub(crate) fn anchors(&self) -> Option<&[Vec<u8>]> {
        self.anchors.as_deref()
    }

    pub(crate) const fn versions(&self) -> Versions {
        self.versions
    }

    /// What decides how much heap a session needs.
    pub(crate) fn needs(&self) -> ServerNeeds {
        ServerNeeds {
            own: self.own(),
            asks: self.anchors.is_some(),
            versions: self.versions,
        }
    }

    /// What each session copies of it, in bytes.
    fn own(&self) -> Own {
        let hints = self.hints.iter().map(AsRef::as_ref);
        Own::of_server(self.identity.chain(), hints)
    }

    /// What a session must be, beside the judgement of certificates.
    pub(crate) fn demand(&self) -> Demand<'_> {
        Demand {
            versions: self.versions,
            suites: &self.suites,
            master_secret: self.master_secret,
            certificate: self.anchors.is_some(),
        }
    }
}

/// Subjects of the anchors.
fn hints(anchors: &[&[u8]]) -> Vec<DistinguishedName> {
    let parsed = anchors
        .iter()
        .filter_map(|der| Certificate::parse(der).ok());
    let subjects: Vec<&[u8]> = parsed.map(|anchor| anchor.subject().as_der()).collect();
    let bytes: usize = subjects.iter().map(|subject| subject.len()).sum();
    if bytes > MAX_HINTS {
        return Vec::new();
    }
    let names = subjects.into_iter().map(<[u8]>::to_vec);
    names.map(DistinguishedName::from).collect()
}
