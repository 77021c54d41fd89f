//! ServerHello, checked before the engine sees it (RFC 8446 §4.1.3, §4.1.4).
//!
//! The engine takes any version, any cipher suite it knows by name and any group; it ignores the
//! session id and what follows the message. What is not exactly an answer to our ClientHello ends
//! here, with words for the three refusals that people meet: an older TLS, another group, another
//! suite.

use crate::reason::{Cause, HelloField, NegotiationError, ProofError, ProtocolViolation};

/// TLS_AES_128_GCM_SHA256, the only suite offered: every TLS 1.3 server must have it (RFC 8446 §9.1).
pub(crate) const SUITE: u16 = 0x1301;
/// secp256r1, the only group offered.
const GROUP: u16 = 0x0017;
/// Bytes of an uncompressed P-256 point.
const POINT: usize = 65;
const TLS_1_3: u16 = 0x0304;
const TLS_1_2: u16 = 0x0303;

/// The random value that makes a ServerHello a HelloRetryRequest.
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Takes bytes off the front of a message.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }
}

/// Checks a whole handshake message, header included, that should be the answer to our ClientHello.
/// Where a pre-shared key was offered (`psk`), it must have been taken.
pub(crate) fn check(message: &[u8], psk: bool) -> Result<(), Cause> {
    let kind = message.first().copied().unwrap_or_default();
    if kind != 2 {
        return Err(Cause::Protocol(ProtocolViolation::Message(kind)));
    }
    let body = message.get(4..).unwrap_or_default();
    parse(body, psk).unwrap_or(Err(Cause::Protocol(ProtocolViolation::MessageLength(2))))
}

/// What a ServerHello says.
struct Hello<'a> {
    version: u16,
    random: [u8; 32],
    session: &'a [u8],
    suite: u16,
    compression: u8,
    extensions: Extensions<'a>,
}

/// The extensions of a ServerHello.
#[derive(Default)]
struct Extensions<'a> {
    /// supported_versions.
    selected: Option<&'a [u8]>,
    /// key_share.
    share: Option<&'a [u8]>,
    /// The pre-shared key was taken.
    taken: bool,
    /// HelloRetryRequest: a cookie is to be sent back.
    cookie: bool,
    /// The first one that answers nothing of ours.
    foreign: Option<u16>,
}

const fn field(field: HelloField) -> Cause {
    Cause::Protocol(ProtocolViolation::HelloField(field))
}

/// `None` for a message that ends too early.
fn parse(body: &[u8], psk: bool) -> Option<Result<(), Cause>> {
    let mut reader = Reader(body);
    let version = reader.u16()?;
    let random = reader.take::<32>()?;
    let session_len = reader.u8()?;
    let session = reader.bytes(usize::from(session_len))?;
    let suite = reader.u16()?;
    let compression = reader.u8()?;
    let extensions = match reader.u16() {
        Some(len) => reader.bytes(usize::from(len))?,
        // Older versions may leave the whole field away.
        None => &[],
    };
    if !reader.0.is_empty() {
        return Some(Err(ProtocolViolation::MessageLength(2).into()));
    }
    let extensions = match Extensions::parse(extensions, psk, random == RETRY)? {
        Ok(extensions) => extensions,
        Err(cause) => return Some(Err(cause)),
    };
    let hello = Hello {
        version,
        random,
        session,
        suite,
        compression,
        extensions,
    };
    // The version comes first: an older server's hello has other extensions, and deserves its words.
    if let Err(cause) = hello.check_version().and_then(|()| hello.check_echo()) {
        return Some(Err(cause));
    }
    if hello.random == RETRY {
        return Some(Err(hello.extensions.retry()));
    }
    hello.extensions.check_share(psk)
}

impl Hello<'_> {
    fn check_version(&self) -> Result<(), Cause> {
        let older = |version| Err(NegotiationError::ServerVersion(version).into());
        match self.extensions.selected {
            None if self.version <= TLS_1_2 => older(self.version),
            None => Err(field(HelloField::Version)),
            Some(data) => match <[u8; 2]>::try_from(data).map(u16::from_be_bytes) {
                Ok(TLS_1_3) if self.version == TLS_1_2 => Ok(()),
                Ok(TLS_1_3) => Err(field(HelloField::Version)),
                Ok(version) if version <= TLS_1_2 => older(version),
                _ => Err(field(HelloField::SupportedVersions)),
            },
        }
    }

    /// What must answer our ClientHello, in this order.
    fn check_echo(&self) -> Result<(), Cause> {
        if let Some(kind) = self.extensions.foreign {
            return Err(field(HelloField::Extension(kind)));
        }
        // The engine sends an empty session id (RFC 8446 §4.1.3: echoed, in a retry as well).
        if !self.session.is_empty() {
            return Err(field(HelloField::SessionId));
        }
        if self.suite != SUITE {
            return Err(NegotiationError::CipherSuite(self.suite).into());
        }
        if self.compression != 0 {
            return Err(field(HelloField::Compression));
        }
        Ok(())
    }
}

impl<'a> Extensions<'a> {
    /// `None` for a list that ends too early. `retry`: this is a HelloRetryRequest.
    fn parse(list: &'a [u8], psk: bool, retry: bool) -> Option<Result<Self, Cause>> {
        let mut found = Self::default();
        let mut seen = [None::<u16>; 4];
        let mut list = Reader(list);
        while !list.0.is_empty() {
            let kind = list.u16()?;
            let len = list.u16()?;
            let data = list.bytes(usize::from(len))?;
            if seen.contains(&Some(kind)) {
                return Some(Err(field(HelloField::Extension(kind))));
            }
            match seen.iter_mut().find(|place| place.is_none()) {
                Some(place) => *place = Some(kind),
                None => return Some(Err(field(HelloField::Extension(kind)))),
            }
            match kind {
                43 => found.selected = Some(data),
                51 => found.share = Some(data),
                // A cookie is legal in HelloRetryRequest, which is refused with its own words.
                44 if retry => found.cookie = true,
                // The one identity that was offered has number 0.
                41 if psk && data == [0, 0] => found.taken = true,
                41 => return Some(Err(field(HelloField::PreSharedKey))),
                other => found.foreign = found.foreign.or(Some(other)),
            }
        }
        Some(Ok(found))
    }

    /// Why a HelloRetryRequest is refused.
    fn retry(&self) -> Cause {
        let wanted = match self.share.map(<[u8; 2]>::try_from) {
            None => None,
            Some(Ok(group)) => Some(u16::from_be_bytes(group)),
            Some(Err(_)) => return field(HelloField::KeyShare),
        };
        Cause::Negotiation(match wanted {
            Some(group) if group != GROUP => NegotiationError::ServerGroup(group),
            // A share for this group was in the first one.
            _ if self.cookie => NegotiationError::ServerRetryCookie,
            _ => NegotiationError::ServerRetry,
        })
    }

    /// The server's half of the key exchange, and whether it took the key. `None` where it ends too early.
    fn check_share(&self, psk: bool) -> Option<Result<(), Cause>> {
        let Some(share) = self.share else {
            return Some(Err(field(HelloField::KeyShare)));
        };
        let mut share = Reader(share);
        let group = share.u16()?;
        if group != GROUP {
            return Some(Err(NegotiationError::ServerGroup(group).into()));
        }
        let len = share.u16()?;
        // RFC 8446 §4.2.8.2: uncompressed, and on the curve.
        if usize::from(len) != POINT
            || share.0.len() != POINT
            || share.0.first() != Some(&4)
            || p256::PublicKey::from_sec1_bytes(share.0).is_err()
        {
            return Some(Err(field(HelloField::KeyShare)));
        }
        if psk && !self.taken {
            return Some(Err(ProofError::PskNotTaken.into()));
        }
        Some(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn hello(
        version: u16,
        random: [u8; 32],
        session: &[u8],
        suite: u16,
        extensions: &[(u16, &[u8])],
    ) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend(version.to_be_bytes());
        body.extend(random);
        body.push(u8::try_from(session.len()).unwrap());
        body.extend(session);
        body.extend(suite.to_be_bytes());
        body.push(0);
        let mut list = Vec::new();
        for (kind, data) in extensions {
            list.extend(kind.to_be_bytes());
            list.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            list.extend(*data);
        }
        body.extend(u16::try_from(list.len()).unwrap().to_be_bytes());
        body.extend(list);
        let mut message = std::vec![2, 0];
        message.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        message.extend(body);
        message
    }

    fn point() -> Vec<u8> {
        let mut share = std::vec![0, 0x17, 0, 65];
        share.extend(p256::EncodedPoint::from(p256::AffinePoint::GENERATOR).as_bytes());
        share
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn only_an_answer_to_our_hello_passes() {
        let share = point();
        let version: (u16, &[u8]) = (43, &[3, 4]);
        let good = hello(0x0303, [1; 32], &[], SUITE, &[version, (51, &share)]);
        assert_eq!(check(&good, false), Ok(()));
        assert_eq!(
            check(
                &hello(0x0303, [1; 32], &[], SUITE, &[(51, &share), version]),
                false
            ),
            Ok(())
        );
        let with_key = |data: &[u8]| {
            let list = [version, (51, share.as_slice()), (41, data)];
            hello(0x0303, [1; 32], &[], SUITE, &list)
        };
        assert_eq!(check(&with_key(&[0, 0]), true), Ok(()));
        assert_eq!(
            check(&good, true),
            Err(Cause::Proof(ProofError::PskNotTaken))
        );
        for other in [&[0, 1][..], &[0], &[], &[0, 0, 0]] {
            assert_eq!(
                check(&with_key(other), true),
                Err(Cause::Protocol(ProtocolViolation::HelloField(
                    HelloField::PreSharedKey
                ))),
                "{other:?}"
            );
        }

        let field = |f| Err(Cause::Protocol(ProtocolViolation::HelloField(f)));
        let cases: &[(Vec<u8>, Result<(), Cause>)] = &[
            (
                hello(0x0303, [1; 32], &[], 0xc02f, &[]),
                Err(Cause::Negotiation(NegotiationError::ServerVersion(0x0303))),
            ),
            (
                hello(0x0301, [1; 32], &[9; 32], 0x2f, &[(0xff01, &[0])]),
                Err(Cause::Negotiation(NegotiationError::ServerVersion(0x0301))),
            ),
            (
                hello(0x0303, [1; 32], &[], SUITE, &[(43, &[3, 3]), (51, &share)]),
                Err(Cause::Negotiation(NegotiationError::ServerVersion(0x0303))),
            ),
            (
                hello(0x0303, [1; 32], &[], SUITE, &[(43, &[3, 5]), (51, &share)]),
                field(HelloField::SupportedVersions),
            ),
            (
                hello(0x0304, [1; 32], &[], SUITE, &[version, (51, &share)]),
                field(HelloField::Version),
            ),
            (
                hello(0x0303, RETRY, &[], SUITE, &[version, (51, &[0, 0x1d])]),
                Err(Cause::Negotiation(NegotiationError::ServerGroup(0x1d))),
            ),
            (
                hello(
                    0x0303,
                    RETRY,
                    &[],
                    SUITE,
                    &[version, (51, &[0, 0x18]), (44, &[0, 1, 9])],
                ),
                Err(Cause::Negotiation(NegotiationError::ServerGroup(0x18))),
            ),
            (
                hello(
                    0x0303,
                    [1; 32],
                    &[],
                    SUITE,
                    &[version, (51, &[0, 0x1d, 0, 1, 9])],
                ),
                Err(Cause::Negotiation(NegotiationError::ServerGroup(0x1d))),
            ),
            (
                hello(0x0303, [1; 32], &[], 0x1302, &[version, (51, &share)]),
                Err(Cause::Negotiation(NegotiationError::CipherSuite(0x1302))),
            ),
            (
                hello(0x0303, [1; 32], &[1], SUITE, &[version, (51, &share)]),
                field(HelloField::SessionId),
            ),
            (
                hello(0x0303, [1; 32], &[], SUITE, &[version]),
                field(HelloField::KeyShare),
            ),
            (
                hello(
                    0x0303,
                    [1; 32],
                    &[],
                    SUITE,
                    &[version, version, (51, &share)],
                ),
                field(HelloField::Extension(43)),
            ),
            (
                hello(
                    0x0303,
                    [1; 32],
                    &[],
                    SUITE,
                    &[version, (51, &share), (41, &[0, 0])],
                ),
                field(HelloField::PreSharedKey),
            ),
            (
                hello(
                    0x0303,
                    [1; 32],
                    &[],
                    SUITE,
                    &[version, (51, &share), (16, &[])],
                ),
                field(HelloField::Extension(16)),
            ),
            (
                hello(
                    0x0303,
                    [1; 32],
                    &[],
                    SUITE,
                    &[version, (51, &share), (44, &[])],
                ),
                field(HelloField::Extension(44)),
            ),
        ];
        for (index, (message, expected)) in cases.iter().enumerate() {
            assert_eq!(check(message, false), *expected, "case {index}");
        }
        let version_and =
            |share: &[u8]| hello(0x0303, [1; 32], &[], SUITE, &[version, (51, share)]);
        // A compressed point, one beside the curve, none, and one with a byte to spare.
        let mut shares = std::vec![std::vec![0, 0x17, 0, 33, 2]];
        shares[0].extend(&share[5..37]);
        let mut beside = share.clone();
        beside[68] ^= 1;
        shares.push(beside);
        shares.push(std::vec![0, 0x17, 0, 1, 0]);
        shares.push([&[0, 0x17, 0, 65][..], &[0; 65]].concat());
        shares.push([&share[..], &[0]].concat());
        for other in &shares {
            let wrong = check(&version_and(other), false);
            assert_eq!(wrong, field(HelloField::KeyShare), "{other:02x?}");
        }
        // A retry that wants no other group.
        let retry = |list: &[(u16, &[u8])]| check(&hello(0x0303, RETRY, &[], SUITE, list), false);
        let cookie: (u16, &[u8]) = (44, &[0, 1, 9]);
        let again = Err(Cause::Negotiation(NegotiationError::ServerRetry));
        let with_cookie = Err(Cause::Negotiation(NegotiationError::ServerRetryCookie));
        assert_eq!(retry(&[version, cookie]), with_cookie);
        assert_eq!(retry(&[version]), again);
        assert_eq!(retry(&[version, (51, &[0, 0x17])]), again);
        assert_eq!(retry(&[version, (51, &[0, 0x17]), cookie]), with_cookie);
        assert_eq!(retry(&[version, (51, &share)]), field(HelloField::KeyShare));
        let twice = field(HelloField::Extension(44));
        assert_eq!(retry(&[version, cookie, cookie]), twice);
        let mut compressed = good.clone();
        compressed[4 + 2 + 32 + 1 + 2] = 1;
        assert_eq!(check(&compressed, false), field(HelloField::Compression));
    }

    #[test]
    fn every_truncation_and_extension_is_refused() {
        let share = point();
        let good = hello(0x0303, [1; 32], &[], SUITE, &[(43, &[3, 4]), (51, &share)]);
        for len in 0..good.len() {
            assert!(check(&good[..len], false).is_err(), "{len} bytes");
        }
        let mut longer = good;
        longer.push(0);
        assert_eq!(
            check(&longer, false),
            Err(Cause::Protocol(ProtocolViolation::MessageLength(2)))
        );
    }
}
