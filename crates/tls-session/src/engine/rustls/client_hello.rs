//! What is read of a ClientHello before the engine sees it (RFC 8446 §4.1.2): for what the engine does not look at, and
//! for the words of a refusal.

use super::hello::Bytes;
use crate::budget::{MAX_ENTRIES, MAX_NUMBERS};
use crate::policy::Versions;
use crate::reason::{CapacityError, Cause, ClientError, Limit, Offer, ProtocolViolation};
use crate::verify::Version;

const TLS12: u16 = 0x0303;
const TLS13: u16 = 0x0304;
/// TLS_FALLBACK_SCSV (RFC 7507).
const FALLBACK: u16 = 0x5600;

/// What a ClientHello says. Fields that it lacks are 0 or false: whether it is well-formed is the engine's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ClientHello {
    /// The newest version that is known here, or the field of old.
    newest: u16,
    is_12: bool,
    is_13: bool,
    is_fallback: bool,
    /// renegotiation_info that is not empty.
    is_renegotiation: bool,
    pub(super) extended_master_secret: bool,
    pub(super) suites: Offer,
    pub(super) groups: Offer,
    pub(super) schemes: Offer,
    /// Entries that the engine keeps one by one, each in memory of its own.
    entries: usize,
    /// Numbers in lists, of which it makes twice as many bytes, in vectors that double.
    numbers: usize,
}

/// A number that means nothing (RFC 8701).
const fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && high & 0x0f == 0x0a
}

/// The numbers of a list, without those that mean nothing.
fn words<'b>(mut list: Bytes<'b>) -> impl Iterator<Item = u16> + 'b {
    core::iter::from_fn(move || list.word()).filter(|number| !is_grease(*number))
}

impl ClientHello {
    /// Reads the body of a ClientHello as far as it can be read.
    pub(super) fn read(body: &[u8]) -> Self {
        let mut hello = Self::default();
        // What is missing stays 0.
        let _ = hello.fill(&mut Bytes(body));
        hello
    }

    fn fill(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        self.newest = bytes.word()?;
        self.is_12 = self.newest >= TLS12;
        bytes.take(32)?;
        bytes.short()?;
        let suites = bytes.long()?;
        self.is_fallback = words(Bytes(suites)).any(|suite| suite == FALLBACK);
        self.suites = Offer::new(words(Bytes(suites)));
        let compressions = bytes.short()?;
        self.numbers = suites.len() / 2 + compressions.len();
        let mut extensions = Bytes(bytes.long()?);
        while let Some(kind) = extensions.word() {
            self.extension(kind, Bytes(extensions.long()?));
        }
        Some(())
    }

    fn extension(&mut self, kind: u16, mut content: Bytes<'_>) -> Option<()> {
        self.count(kind, Bytes(content.0));
        match kind {
            10 => {
                content.word()?;
                self.groups = Offer::new(words(content));
            }
            13 => {
                content.word()?;
                self.schemes = Offer::new(words(content));
            }
            23 => self.extended_master_secret = true,
            43 => {
                content.byte()?;
                (self.newest, self.is_12, self.is_13) = (0, false, false);
                for version in words(content) {
                    self.is_12 |= version == TLS12;
                    self.is_13 |= version == TLS13;
                    // Drafts, and whatever comes after.
                    if version <= TLS13 {
                        self.newest = self.newest.max(version);
                    }
                }
            }
            // One byte of length.
            0xff01 => self.is_renegotiation = content.0.len() > 1,
            _ => {}
        }
        Some(())
    }

    /// Counts the entries of an extension, as far as it can be read.
    fn count(&mut self, kind: u16, mut content: Bytes<'_>) -> Option<()> {
        match kind {
            // Lists of one byte's length: ec_point_formats, compress_certificate, supported_versions,
            // psk_key_exchange_modes.
            11 | 27 | 43 | 45 => {
                self.numbers = self.numbers.saturating_add(content.0.len());
                return Some(());
            }
            // supported_groups, signature_algorithms, signature_algorithms_cert.
            10 | 13 | 50 => {
                self.numbers = self.numbers.saturating_add(content.0.len() / 2);
                return Some(());
            }
            _ => {}
        }
        let mut list = Bytes(content.long()?);
        loop {
            match kind {
                // server_name: type and name. key_share: group and share.
                0 => {
                    list.byte()?;
                    list.long()?;
                }
                51 => {
                    list.word()?;
                    list.long()?;
                }
                // application_layer_protocol_negotiation.
                16 => {
                    list.short()?;
                }
                // pre_shared_key: identity and age. There is a binder for each.
                41 => {
                    list.long()?;
                    list.take(4)?;
                    self.entries = self.entries.saturating_add(1);
                }
                // certificate_authorities.
                47 => {
                    list.long()?;
                }
                _ => return None,
            }
            self.entries = self.entries.saturating_add(1);
        }
    }

    /// Whether the engine may have it: what it makes of an entry takes more than the entry.
    ///
    /// # Errors
    ///
    /// [`CapacityError::TooLarge`].
    pub(super) fn check_entries(&self) -> Result<(), CapacityError> {
        for (count, limit) in [(self.entries, MAX_ENTRIES), (self.numbers, MAX_NUMBERS)] {
            if count > limit {
                return Err(CapacityError::too_large(Limit::Entries, count, limit));
            }
        }
        Ok(())
    }

    /// Whether TLS 1.3 comes out of it.
    pub(super) fn takes_13(&self, versions: Versions) -> bool {
        self.is_13 && versions.contains(Version::Tls13)
    }

    /// What the engine leaves open, or would say in other words.
    ///
    /// # Errors
    ///
    /// [`ClientError::ClientVersion`], [`ClientError::PolicyVersion`], [`ClientError::Fallback`],
    /// [`ProtocolViolation::Renegotiation`] in a first hello.
    pub(super) fn check(&self, versions: Versions) -> Result<(), Cause> {
        let takes_13 = self.takes_13(versions);
        let takes_12 = self.is_12 && versions.contains(Version::Tls12);
        if !takes_13 && !takes_12 {
            return Err(match self.newest {
                TLS12..=TLS13 => ClientError::PolicyVersion {
                    client: self.newest,
                    min: versions.min().wire(),
                    max: versions.max().wire(),
                },
                older => ClientError::ClientVersion(older),
            }
            .into());
        }
        if self.is_fallback && !takes_13 && versions.contains(Version::Tls13) {
            return Err(ClientError::Fallback.into());
        }
        if self.is_renegotiation {
            return Err(ProtocolViolation::Renegotiation.into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::hello::tests::list;
    use super::*;
    use std::vec::Vec;

    const ALL: Versions = Versions::ALL;

    fn hello(version: u16, suites: &[u16], extensions: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = Vec::from(version.to_be_bytes());
        body.extend([7; 32]);
        body.extend([1, 9]);
        body.extend(u16::try_from(2 * suites.len()).unwrap().to_be_bytes());
        suites
            .iter()
            .for_each(|suite| body.extend(suite.to_be_bytes()));
        body.extend([1, 0]);
        body.extend(list(extensions));
        body
    }

    #[test]
    fn every_field_is_read_and_every_cut_is_harmless() {
        let body = hello(
            0x0303,
            &[0x0a0a, 0x1301, 0xc02b],
            &[
                (10, &[0, 6, 0x1a, 0x1a, 0, 29, 0, 23]),
                (13, &[0, 2, 4, 3]),
                (23, &[]),
                (43, &[6, 0x2a, 0x2a, 3, 4, 3, 3]),
            ],
        );
        let read = ClientHello::read(&body);
        assert_eq!(read.suites, Offer::new([0x1301, 0xc02b]));
        assert_eq!(read.groups, Offer::new([29, 23]));
        assert_eq!(read.schemes, Offer::new([0x0403]));
        assert!(read.extended_master_secret && read.takes_13(ALL));
        assert_eq!(read.check(ALL), Ok(()));
        for end in 0..body.len() {
            let _ = ClientHello::read(&body[..end]).check(ALL);
        }
    }

    /// The field of old, or the list; whatever else is in it.
    #[test]
    fn a_client_without_our_versions_is_named() {
        let list = |versions: &[u8]| {
            let mut content = Vec::from([u8::try_from(versions.len()).unwrap()]);
            content.extend(versions);
            content
        };
        let (old, only_12, only_13) = (list(&[3, 2, 3, 1]), list(&[3, 3]), list(&[3, 4]));
        let (tls12, tls13) = (
            Versions::TLS12,
            Versions::new(Version::Tls13, Version::Tls13).unwrap(),
        );
        let policy = |client, min, max| Err(ClientError::PolicyVersion { client, min, max }.into());
        let version = |version| Err(ClientError::ClientVersion(version).into());
        for (field, list, versions, expected) in [
            (0x0301, None, ALL, version(0x0301)),
            (0x0302, None, ALL, version(0x0302)),
            (0x0300, None, tls12, version(0x0300)),
            (0x0303, None, ALL, Ok(())),
            (0x0303, None, tls13, policy(0x0303, 0x0304, 0x0304)),
            (0x0303, Some(&old), ALL, version(0x0302)),
            (0x0303, Some(&only_12), ALL, Ok(())),
            (
                0x0303,
                Some(&only_12),
                tls13,
                policy(0x0303, 0x0304, 0x0304),
            ),
            (0x0303, Some(&only_13), ALL, Ok(())),
            (
                0x0303,
                Some(&only_13),
                tls12,
                policy(0x0304, 0x0303, 0x0303),
            ),
        ] {
            let extensions: Vec<(u16, &[u8])> = list.iter().map(|list| (43, &list[..])).collect();
            let read = ClientHello::read(&hello(field, &[0x1301], &extensions));
            assert_eq!(
                read.check(versions),
                expected,
                "{field:04x} {list:?} {versions:?}"
            );
        }
    }

    #[test]
    fn a_fallback_counts_where_a_newer_version_is_spoken_here() {
        let both: &[(u16, &[u8])] = &[(43, &[4, 3, 4, 3, 3])];
        for (extensions, versions, fallback) in [
            (&[][..], ALL, true),
            (&[][..], Versions::TLS12, false),
            (both, ALL, false),
            (both, Versions::TLS12, false),
        ] {
            let read = ClientHello::read(&hello(0x0303, &[0xc02b, FALLBACK], extensions));
            let expected = match fallback {
                true => Err(ClientError::Fallback.into()),
                false => Ok(()),
            };
            assert_eq!(read.check(versions), expected);
        }
    }

    #[test]
    fn renegotiation_info_is_empty_or_missing() {
        let renegotiation = Err(ProtocolViolation::Renegotiation.into());
        for (extensions, expected) in [
            (&[][..], Ok(())),
            (&[(0xff01, &[0][..])], Ok(())),
            (&[(0xff01, &[2, 1, 1])], renegotiation),
        ] {
            let read = ClientHello::read(&hello(0x0303, &[0xc02b], extensions));
            assert_eq!(read.check(ALL), expected);
        }
    }
}
