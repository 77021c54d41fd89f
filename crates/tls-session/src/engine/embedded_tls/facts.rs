//! What the server said before its certificate, which the engine drops: the chosen application
//! protocol, what signatures the server takes, and in which order it came (RFC 8446 §4.3).

use crate::reason::{Cause, ProtocolViolation};
use heapless::Vec;

use super::envelope::{CERTIFICATE_REQUEST, ENCRYPTED_EXTENSIONS};

/// Longest application protocol that can have been offered (`CIPSSLCALPN`).
pub(crate) use crate::engine::MAX_PROTOCOL;

/// What the server said before its certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    encrypted_extensions: u8,
    requests: u8,
    early_request: bool,
    /// server_name was acknowledged.
    pub(crate) named: bool,
    /// ALPN: the protocol chosen. One that is too long to have been offered is kept empty.
    pub(crate) protocol: Option<Vec<u8, MAX_PROTOCOL>>,
    /// Signature schemes the server takes of us.
    pub(crate) schemes: Schemes,
}

/// Signature schemes of ours, as a set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Schemes(u8);

impl Schemes {
    const KNOWN: [u16; 6] = [0x0403, 0x0503, 0x0807, 0x0804, 0x0805, 0x0806];

    fn bit(scheme: u16) -> u8 {
        Self::KNOWN
            .iter()
            .zip(0_u32..)
            .find(|(known, _)| **known == scheme)
            .and_then(|(_, place)| 1_u8.checked_shl(place))
            .unwrap_or(0)
    }

    pub(crate) fn contains(self, scheme: u16) -> bool {
        self.0 & Self::bit(scheme) != 0
    }

    fn add(&mut self, scheme: u16) {
        self.0 |= Self::bit(scheme);
    }
}

impl Facts {
    /// Whether the server asked for a certificate.
    pub(crate) const fn asked(&self) -> bool {
        self.requests > 0
    }

    /// The extensions of a message that suite.rs has found well-formed.
    pub(crate) fn note(&mut self, kind: u8, list: &[u8]) {
        match kind {
            ENCRYPTED_EXTENSIONS => {
                self.encrypted_extensions = self.encrypted_extensions.saturating_add(1);
                self.named |= extension(list, 0).is_some();
                if let Some(protocols) = extension(list, 16) {
                    // ProtocolNameList of exactly one (RFC 7301 §3.1).
                    let one = match protocols {
                        [high, low, len, name @ ..]
                            if usize::from(*len) == name.len()
                                && u16::from_be_bytes([*high, *low])
                                    == u16::from(*len).saturating_add(1) =>
                        {
                            name
                        }
                        _ => &[],
                    };
                    self.protocol = Some(Vec::from_slice(one).unwrap_or_default());
                }
            }
            CERTIFICATE_REQUEST => {
                self.requests = self.requests.saturating_add(1);
                self.early_request |= self.encrypted_extensions == 0;
                let schemes = extension(list, 13).and_then(|list| list.get(2..));
                let schemes = schemes.unwrap_or_default();
                for pair in schemes.as_chunks::<2>().0 {
                    self.schemes.add(u16::from_be_bytes(*pair));
                }
            }
            _ => {}
        }
    }

    /// EncryptedExtensions once, then at most one CertificateRequest (RFC 8446 §4.3).
    pub(crate) const fn check_order(&self) -> Result<(), Cause> {
        Err(Cause::Protocol(
            match (self.encrypted_extensions, self.requests, self.early_request) {
                (0, _, _) => ProtocolViolation::MissingMessage(ENCRYPTED_EXTENSIONS),
                (2.., _, _) => ProtocolViolation::MessageTwice(ENCRYPTED_EXTENSIONS),
                (_, 2.., _) => ProtocolViolation::MessageTwice(CERTIFICATE_REQUEST),
                (_, _, true) => ProtocolViolation::Message(CERTIFICATE_REQUEST),
                (1, _, false) => return Ok(()),
            },
        ))
    }
}

/// The data of an extension in a list with its length in front.
fn extension(list: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = list.get(2..)?;
    while let Some((&[t0, t1, l0, l1], after)) = rest.split_first_chunk::<4>() {
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let (data, after) = after.split_at_checked(len)?;
        if u16::from_be_bytes([t0, t1]) == wanted {
            return Some(data);
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn facts_are_read_off() {
        let mut facts = Facts::default();
        assert_eq!(
            facts.check_order(),
            Err(Cause::Protocol(ProtocolViolation::MissingMessage(8)))
        );
        facts.note(8, &[0, 9, 0, 16, 0, 5, 0, 3, 2, b'h', b'2']);
        assert_eq!(facts.protocol.as_deref(), Some(&b"h2"[..]));
        facts.note(13, &[0, 10, 0, 13, 0, 6, 0, 4, 8, 4, 0x12, 0x34]);
        assert!(facts.schemes.contains(0x0804));
        assert!(!facts.schemes.contains(0x0403) && !facts.schemes.contains(0x1234));
        assert_eq!(facts.check_order(), Ok(()));
        let twice = Err(Cause::Protocol(ProtocolViolation::MessageTwice(13)));
        facts.note(13, &[0, 0]);
        assert_eq!(facts.check_order(), twice);

        let mut facts = Facts::default();
        facts.note(13, &[0, 0]);
        facts.note(8, &[0, 0]);
        let early = Err(Cause::Protocol(ProtocolViolation::Message(13)));
        assert_eq!(facts.check_order(), early);
    }

    #[test]
    fn two_protocols_are_none_that_was_offered() {
        for list in [
            &[0, 13, 0, 16, 0, 9, 0, 7, 2, b'h', b'2', 3, b'x', b'y', b'z'][..],
            &[0, 6, 0, 16, 0, 2, 0, 0],
            &[0, 4, 0, 16, 0, 0],
            // A list that contradicts its length.
            &[0, 9, 0, 16, 0, 5, 0, 4, 2, b'h', b'2'],
            &[0, 9, 0, 16, 0, 5, 1, 3, 2, b'h', b'2'],
        ] {
            let mut facts = Facts::default();
            facts.note(8, list);
            assert_eq!(facts.protocol.as_deref(), Some(&[][..]), "{list:?}");
        }
    }
}
