//! The transcript hash, which sees each handshake message whole (RFC 8446 §4.4.1).
//!
//! The engine hashes a message in one piece: after parsing it, or before encrypting it. So the hash
//! is where a message that was given another shape for the engine (envelope.rs) gets its own back,
//! and where facts are read off that the engine drops (facts.rs).
//!
//! The engine uses the same type for its HMACs. Those never see a ClientHello first: their first
//! input is one block of 64 bytes, and a ClientHello is longer.

use digest::core_api::BlockSizeUser;
use digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Reset, Update};
use sha2::{Digest, Sha256};

use super::envelope;
use super::facts::Facts;

/// What an instance hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Role {
    /// Nothing yet.
    #[default]
    Fresh,
    /// Handshake messages.
    Messages,
    /// Blocks of an HMAC, labels, keys.
    Other,
}

/// SHA-256 over the handshake's messages as they were on the wire.
#[derive(Clone, Default)]
pub(crate) struct Transcript {
    hash: Sha256,
    role: Role,
    facts: Facts,
}

impl core::fmt::Debug for Transcript {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Transcript")
    }
}

impl Transcript {
    /// What the messages so far said that the engine drops.
    pub(crate) const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The hash of all messages so far.
    pub(crate) fn value(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    /// The hash with one more message of ours, as it is on the wire.
    pub(crate) fn value_with(&self, message: &[u8]) -> [u8; 32] {
        self.hash.clone().chain_update(message).finalize().into()
    }

    fn message(&mut self, data: &[u8]) {
        match envelope::enclosed(data) {
            Some(message) => {
                self.facts.note(message.header[0], message.list);
                Digest::update(&mut self.hash, message.header);
                Digest::update(&mut self.hash, message.before_list);
                Digest::update(&mut self.hash, message.list);
            }
            None if data == envelope::FINISHED_HELD => {}
            None => Digest::update(&mut self.hash, envelope::outgoing(data).unwrap_or(data)),
        }
    }
}

impl Update for Transcript {
    fn update(&mut self, data: &[u8]) {
        const BLOCK: usize = 64;
        if self.role == Role::Fresh && !data.is_empty() {
            self.role = match data {
                [1, 0, ..] if data.len() > BLOCK => Role::Messages,
                _ => Role::Other,
            };
        }
        match self.role {
            Role::Messages => self.message(data),
            Role::Fresh | Role::Other => Digest::update(&mut self.hash, data),
        }
    }
}

impl HashMarker for Transcript {}

impl OutputSizeUser for Transcript {
    type OutputSize = <Sha256 as OutputSizeUser>::OutputSize;
}

impl BlockSizeUser for Transcript {
    type BlockSize = <Sha256 as BlockSizeUser>::BlockSize;
}

impl FixedOutput for Transcript {
    fn finalize_into(self, out: &mut Output<Self>) {
        FixedOutput::finalize_into(self.hash, out);
    }
}

impl Reset for Transcript {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec as StdVec;

    fn client_hello() -> StdVec<u8> {
        let mut hello = std::vec![1, 0, 0, 96];
        hello.resize(100, 0xab);
        hello
    }

    #[test]
    fn hashes_what_was_on_the_wire() {
        let enclosed = [8, 0, 0, 6, 0, 4, 0, 15, 0, 0];
        let on_the_wire = [8, 0, 0, 2, 0, 0];
        let mut transcript = Transcript::default();
        Update::update(&mut transcript, &client_hello());
        Update::update(&mut transcript, &enclosed);
        Update::update(&mut transcript, &envelope::FINISHED_HELD);
        let expected = Sha256::new()
            .chain_update(client_hello())
            .chain_update(on_the_wire);
        let ours = expected.clone().chain_update([11, 0, 0, 0]).finalize();
        let expected = expected.finalize();
        assert_eq!(transcript.value(), <[u8; 32]>::from(expected));
        assert_eq!(
            transcript.value_with(&[11, 0, 0, 0]),
            <[u8; 32]>::from(ours)
        );
    }

    #[test]
    fn is_plain_sha_256_for_everything_else() {
        let enclosed = [8, 0, 0, 6, 0, 4, 0, 15, 0, 0];
        // An HMAC's first block, even one that starts as a ClientHello does.
        let mut block = [0x36; 64];
        block[0] = 1;
        block[1] = 0;
        for first in [&block[..], b"tls13 derived", &[1, 0]] {
            let mut transcript = Transcript::default();
            Update::update(&mut transcript, first);
            Update::update(&mut transcript, &enclosed);
            let expected = Sha256::new()
                .chain_update(first)
                .chain_update(enclosed)
                .finalize();
            assert_eq!(transcript.value(), <[u8; 32]>::from(expected));
        }
    }
}
