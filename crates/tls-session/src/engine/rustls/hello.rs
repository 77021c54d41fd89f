//! What is read of ServerHello before the engine sees it (RFC 8446 §4.1.3).

use crate::reason::{Cause, HelloField, NegotiationError, ProtocolViolation};

/// What a ServerHello says. Fields that it lacks are 0 or false: whether it is well-formed is the engine's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Hello {
    /// The version that was chosen: supported_versions, or else the field of old.
    pub(super) version: u16,
    pub(super) suite: u16,
    /// The group of key_share.
    pub(super) group: u16,
    pub(super) extended_master_secret: bool,
    /// The session id is another than the one that was sent.
    is_other_session: bool,
    /// It asks for a second ClientHello.
    pub(super) is_retry: bool,
    /// The random ends in the mark of a server that knows TLS 1.3, or, the second one, TLS 1.2.
    is_downgrade: bool,
    /// renegotiation_info that is not empty: we never renegotiate (RFC 5746 §3.4).
    is_renegotiation: bool,
}

/// The random of a HelloRetryRequest: SHA-256 of that name.
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Takes bytes from the front.
pub(super) struct Bytes<'b>(pub(super) &'b [u8]);

impl<'b> Bytes<'b> {
    pub(super) fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn word(&mut self) -> Option<u16> {
        self.take(2)?
            .first_chunk()
            .map(|word| u16::from_be_bytes(*word))
    }

    /// Bytes behind their number in one byte.
    pub(super) fn short(&mut self) -> Option<&'b [u8]> {
        let len = usize::from(self.byte()?);
        self.take(len)
    }

    /// Bytes behind their number in two bytes.
    pub(super) fn long(&mut self) -> Option<&'b [u8]> {
        let len = usize::from(self.word()?);
        self.take(len)
    }
}

impl Hello {
    /// Reads the body of a ServerHello as far as it can be read. `session_id` is what was sent.
    pub(super) fn read(body: &[u8], session_id: &[u8]) -> Self {
        let mut hello = Self::default();
        // What is missing stays 0.
        let _ = hello.fill(&mut Bytes(body), session_id);
        hello
    }

    fn fill(&mut self, bytes: &mut Bytes<'_>, sent: &[u8]) -> Option<()> {
        self.version = bytes.word()?;
        let random = bytes.take(32)?;
        self.is_retry = random == RETRY;
        // RFC 8446 §4.1.3: "DOWNGRD" and 1 or 0.
        self.is_downgrade = random.ends_with(b"DOWNGRD\x01") || random.ends_with(b"DOWNGRD\x00");
        self.is_other_session = bytes.short()? != sent;
        self.suite = bytes.word()?;
        bytes.byte()?;
        let mut extensions = Bytes(bytes.long()?);
        while let Some(kind) = extensions.word() {
            let mut content = Bytes(extensions.long()?);
            match kind {
                23 => self.extended_master_secret = true,
                43 => self.version = content.word()?,
                51 => self.group = content.word()?,
                // One byte of length.
                0xff01 => self.is_renegotiation = content.0.len() > 1,
                _ => {}
            }
        }
        Some(())
    }

    /// Whether it chooses TLS 1.2.
    pub(super) const fn is_12(&self) -> bool {
        self.version == 0x0303
    }

    /// What the engine leaves open.
    ///
    /// # Errors
    ///
    /// [`NegotiationError::Downgrade`] where TLS 1.3 was offered: the engine looks for the first mark alone;
    /// [`ProtocolViolation::Renegotiation`]; in TLS 1.3 [`HelloField::SessionId`], which the engine compares in a
    /// HelloRetryRequest alone.
    pub(super) fn check(&self, offered_13: bool) -> Result<(), Cause> {
        if self.version == 0x0304 && self.is_other_session {
            return Err(ProtocolViolation::HelloField(HelloField::SessionId).into());
        }
        if !self.is_12() {
            return Ok(());
        }
        if offered_13 && self.is_downgrade {
            return Err(NegotiationError::Downgrade.into());
        }
        if self.is_renegotiation {
            return Err(ProtocolViolation::Renegotiation.into());
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    /// Extensions as a hello has them.
    pub(crate) fn list(extensions: &[(u16, &[u8])]) -> Vec<u8> {
        let mut list = Vec::new();
        for (kind, content) in extensions {
            list.extend(kind.to_be_bytes());
            list.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
            list.extend(*content);
        }
        let mut bytes = Vec::from(u16::try_from(list.len()).unwrap().to_be_bytes());
        bytes.extend(list);
        bytes
    }

    fn hello(random_end: &[u8], extensions: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = Vec::from([3, 3]);
        body.extend([7; 24]);
        body.extend(random_end);
        body.extend([2, 8, 9, 0xc0, 0x2f, 0]);
        body.extend(list(extensions));
        body
    }

    #[test]
    fn every_field_is_read_and_every_cut_is_harmless() {
        let body = hello(
            &[7; 8],
            &[(23, &[]), (43, &[3, 4]), (51, &[0, 29, 0, 1, 5])],
        );
        let read = Hello::read(&body, &[8, 9]);
        assert_eq!((read.version, read.suite, read.group), (0x0304, 0xc02f, 29));
        assert!(read.extended_master_secret && !read.is_retry);
        for end in 0..body.len() {
            let _ = Hello::read(&body[..end], &[8, 9]);
        }
    }

    #[test]
    fn both_marks_of_a_downgrade_count_where_1_3_was_offered() {
        for mark in [b"DOWNGRD\x01", b"DOWNGRD\x00"] {
            let read = Hello::read(&hello(mark, &[]), &[]);
            let downgrade = Err(NegotiationError::Downgrade.into());
            assert_eq!(read.check(true), downgrade);
            assert_eq!(read.check(false), Ok(()));
        }
        let read = Hello::read(&hello(b"DOWNGRD\x02", &[]), &[]);
        assert_eq!(read.check(true), Ok(()));
        // TLS 1.3 itself says nothing there.
        let read = Hello::read(&hello(b"DOWNGRD\x01", &[(43, &[3, 4])]), &[8, 9]);
        assert_eq!(read.check(true), Ok(()));
    }

    #[test]
    fn renegotiation_info_is_empty_or_missing() {
        let renegotiation = Err(ProtocolViolation::Renegotiation.into());
        for (extensions, expected) in [
            (&[][..], Ok(())),
            (&[(0xff01, &[0][..])], Ok(())),
            (&[(0xff01, &[2, 1, 1])], renegotiation),
        ] {
            assert_eq!(
                Hello::read(&hello(&[7; 8], extensions), &[]).check(true),
                expected
            );
        }
    }

    /// In TLS 1.2 another one means that the server begins a session of its own.
    #[test]
    fn the_session_id_of_1_3_is_the_one_that_was_sent() {
        let body = hello(&[7; 8], &[(43, &[3, 4])]);
        let other = Err(ProtocolViolation::HelloField(HelloField::SessionId).into());
        assert_eq!(Hello::read(&body, &[8, 9]).check(true), Ok(()));
        for sent in [&[][..], &[8], &[8, 8], &[8, 9, 10]] {
            assert_eq!(Hello::read(&body, sent).check(true), other);
        }
        let older = hello(&[7; 8], &[]);
        assert_eq!(Hello::read(&older, &[1]).check(true), Ok(()));
    }
}
