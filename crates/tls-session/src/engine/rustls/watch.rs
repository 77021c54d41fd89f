//! What is checked of a peer's records before the engine sees them: headers always, messages while they are in the clear.
//!
//! Once records are encrypted, `tls_provider`'s decrypter does the same with each plaintext.

use alloc::vec::Vec;

use tls_provider::{Messages, Refused, What};

use super::client_hello::ClientHello;
use super::hello::Hello;
use crate::policy::Versions;
use crate::reason::{
    CapacityError, Cause, ClientError, EngineError, Limit, ProtocolViolation, Speaks, Stage,
};

pub(super) const HEADER: usize = 5;
/// Bytes of a handshake message's type and length.
const MESSAGE_HEADER: usize = 4;
/// Largest TLSCiphertext of TLS 1.3 (RFC 8446 §5.2). The suites of TLS 1.2 here expand by 24 bytes at most.
const MAX_CIPHERTEXT: u16 = (1 << 14) + 256;
/// Largest TLSPlaintext.
const MAX_PLAINTEXT: u16 = 1 << 14;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;

/// What is known of a client.
struct Client {
    /// What we take.
    versions: Versions,
    /// Its first ClientHello, once that was checked.
    hello: Option<ClientHello>,
    /// Bytes of records that came behind it, before the handshake was over.
    later: usize,
}

impl Client {
    /// TLS 1.2 comes out of it.
    fn is_12(&self) -> bool {
        self.hello
            .as_ref()
            .is_some_and(|hello| !hello.takes_13(self.versions))
    }
}

/// Follows the records of a peer.
pub(super) struct Watch {
    messages: Messages,
    /// The ServerHello that is under way, or the header of another message.
    collected: Vec<u8>,
    /// Bytes of another message that are still to come; of a client, whether any is.
    skipped: usize,
    hello: Option<Hello>,
    /// legacy_session_id of our ClientHello.
    session_id: heapless::Vec<u8, 32>,
    /// Records are encrypted from here on.
    encrypted: bool,
    offered_13: bool,
    /// The peer is one.
    client: Option<Client>,
}

impl Watch {
    /// Of a server; its session may be resumed where it `resumes`.
    pub(super) const fn new(offered_13: bool, resumes: bool) -> Self {
        let messages = Messages::new();
        Self {
            client: None,
            messages: if resumes {
                messages.with_tickets()
            } else {
                messages
            },
            collected: Vec::new(),
            skipped: 0,
            hello: None,
            session_id: heapless::Vec::new(),
            encrypted: false,
            offered_13,
        }
    }

    /// Of a client, where these are taken.
    pub(super) fn of_client(versions: Versions) -> Self {
        let mut watch = Self::new(false, false);
        watch.client = Some(Client {
            versions,
            hello: None,
            later: 0,
        });
        watch
    }

    /// The ClientHello that was checked.
    pub(super) fn client(&self) -> Option<&ClientHello> {
        self.client.as_ref()?.hello.as_ref()
    }

    /// Bytes of the ticket of TLS 1.2; 0 for none.
    pub(super) fn ticket(&self) -> usize {
        usize::try_from(self.messages.ticket()).unwrap_or(usize::MAX)
    }

    /// Whether the peer is a client.
    pub(super) const fn is_of_client(&self) -> bool {
        self.client.is_some()
    }

    /// Whether the peer binds the keys of TLS 1.2 to the handshake (RFC 7627).
    pub(super) fn binds_keys(&self) -> bool {
        match &self.client {
            Some(client) => client
                .hello
                .as_ref()
                .is_some_and(|hello| hello.extended_master_secret),
            None => self.hello.is_some_and(|hello| hello.extended_master_secret),
        }
    }

    /// Whether an alert of ours would go out unencrypted, as the peer expects it.
    pub(super) fn is_in_the_clear(&self, stage: Stage) -> bool {
        let expected = match (&self.client, &self.hello) {
            // TLS 1.3: encrypted from our answer on, but for a HelloRetryRequest, which is not known here.
            (Some(client), _) => client.hello.is_none() || client.is_12(),
            (None, None) => true,
            // TLS 1.2: up to our Finished, which goes out as soon as the server has proved itself.
            (None, Some(hello)) => hello.is_retry || hello.is_12() && stage != Stage::Finished,
        };
        expected && !self.encrypted
    }

    /// The ServerHello that counts, once it is there.
    pub(super) const fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// Whether any record was encrypted.
    pub(super) const fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Looks at a record of ours: our ClientHello, if there was none before.
    pub(super) fn sent(&mut self, record: &[u8]) {
        if self.client.is_some() || self.hello.is_some() {
            return;
        }
        // Header, type and length of the message, version, random.
        let from = HEADER + 4 + 2 + 32;
        if let (Some(22), true, Some((len, rest))) = (
            record.first(),
            self.session_id.is_empty(),
            record.get(from..).and_then(<[u8]>::split_first),
        ) {
            let id = rest.get(..usize::from(*len)).unwrap_or_default();
            // It is 32 bytes long, or empty.
            let _ = self.session_id.extend_from_slice(id);
        }
    }

    /// Checks a header; returns the bytes that follow it.
    pub(super) fn header(&self, header: [u8; HEADER], room: usize) -> Result<usize, Cause> {
        let [kind, major, minor, high, low] = header;
        let length = u16::from_be_bytes([high, low]);
        let first = self.client().is_none() && self.hello.is_none() && self.collected.is_empty();
        if first && self.client.is_some() {
            refuse_other_protocols(header)?;
        }
        if !matches!(kind, 20..=23) {
            return Err(match first {
                true => ProtocolViolation::RecordType(kind).into(),
                false => ProtocolViolation::RecordHere(kind).into(),
            });
        }
        // The field means nothing any more (RFC 8446 §5.1), but what is not 3.x is no TLS.
        if major != 3 {
            let version = u16::from_be_bytes([major, minor]);
            return Err(ProtocolViolation::RecordVersion(version).into());
        }
        // In TLS 1.3 the type says it, already in the first one.
        let longest = if self.encrypted || kind == 23 {
            MAX_CIPHERTEXT
        } else {
            MAX_PLAINTEXT
        };
        if length > longest {
            return Err(ProtocolViolation::RecordLength(length).into());
        }
        let needed = usize::from(length);
        let whole = needed.saturating_add(HEADER);
        if whole > room {
            let limit = room.saturating_sub(HEADER);
            return Err(CapacityError::too_large(Limit::RecordBuffer, needed, limit).into());
        }
        Ok(needed)
    }

    /// Looks at a whole record that the engine is about to get.
    pub(super) fn record(&mut self, kind: u8, body: &[u8]) -> Result<(), Cause> {
        if let Some(client) = &self.client {
            return match kind {
                // In TLS 1.3 a record that says so is in the clear, whatever came before: early data may have.
                22 if !(self.encrypted && client.is_12()) => self.client_handshake(body),
                // TLS 1.2: its keys are in use. TLS 1.3 sends one for appearance's sake, maybe before its second hello.
                20 => {
                    self.encrypted |= client.is_12();
                    Ok(())
                }
                23 => {
                    self.encrypted = true;
                    Ok(())
                }
                _ => Ok(()),
            };
        }
        if self.encrypted {
            return Ok(());
        }
        match kind {
            22 => self.handshake(body),
            // TLS 1.2: the server's keys are in use. TLS 1.3 sends one for appearance's sake, behind ServerHello.
            20 => {
                self.encrypted = self.hello.is_some();
                Ok(())
            }
            23 => {
                self.encrypted = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Counts what a client sends behind its first hello, until the handshake is over.
    pub(super) fn count_client(&mut self, bytes: usize, limit: usize) -> Result<(), CapacityError> {
        if let Some(client) = self.client.as_mut().filter(|client| client.hello.is_some()) {
            client.later = client.later.saturating_add(bytes);
            if client.later > limit {
                return Err(CapacityError::too_large(Limit::Flight, client.later, limit));
            }
        }
        Ok(())
    }

    /// Up to the end of the first ClientHello, and of a second one.
    fn client_handshake(&mut self, body: &[u8]) -> Result<(), Cause> {
        self.messages.feed(body).map_err(refused)?;
        let Some(client) = self.client.as_mut().filter(|client| !client.is_12()) else {
            return Ok(());
        };
        // Another message is the engine's to refuse.
        let begins_other = |body: &[u8]| body.first().is_some_and(|kind| *kind != CLIENT_HELLO);
        if self.skipped > 0 || self.collected.is_empty() && begins_other(body) {
            self.skipped = 1;
            return Ok(());
        }
        self.collected.reserve_exact(body.len());
        self.collected.extend_from_slice(body);
        let Some((&[_, high, middle, low], rest)) = self.collected.split_first_chunk::<4>() else {
            return Ok(());
        };
        let len = u32::from_be_bytes([0, high, middle, low]);
        let Some(message) = usize::try_from(len).ok().and_then(|len| rest.get(..len)) else {
            return Ok(());
        };
        let hello = ClientHello::read(message);
        hello.check_entries()?;
        if client.hello.is_none() {
            hello.check(client.versions)?;
            client.hello = Some(hello);
        }
        self.collected = Vec::new();
        Ok(())
    }

    fn handshake(&mut self, mut body: &[u8]) -> Result<(), Cause> {
        self.messages.feed(body).map_err(refused)?;
        while !body.is_empty() && self.hello.is_none_or(|hello| hello.is_retry) {
            let skipped = self.skipped.min(body.len());
            self.skipped = self.skipped.saturating_sub(skipped);
            body = body.get(skipped..).unwrap_or_default();
            body = self.collect(body)?;
        }
        Ok(())
    }

    /// Takes what is missing of a message's header, or of a ServerHello, which has a limit; returns the rest.
    fn collect<'b>(&mut self, body: &'b [u8]) -> Result<&'b [u8], Cause> {
        let missing = match self.begun() {
            None => MESSAGE_HEADER.saturating_sub(self.collected.len()),
            Some((_, len)) => len.saturating_sub(self.collected.len()),
        };
        let (taken, rest) = body.split_at(missing.min(body.len()));
        self.collected.reserve_exact(taken.len());
        self.collected.extend_from_slice(taken);
        let Some((kind, len)) = self.begun() else {
            return Ok(rest);
        };
        if kind != SERVER_HELLO {
            self.skipped = len.saturating_sub(MESSAGE_HEADER);
            self.collected.clear();
        } else if self.collected.len() >= len {
            let message = core::mem::take(&mut self.collected);
            let message = message.get(MESSAGE_HEADER..).unwrap_or_default();
            let hello = Hello::read(message, &self.session_id);
            // rustls has not seen one that is refused here.
            hello.check(self.offered_13)?;
            self.hello = Some(hello);
        }
        Ok(rest)
    }

    /// Kind of the message under way, and its bytes with the header.
    fn begun(&self) -> Option<(u8, usize)> {
        let &[kind, high, middle, low] = self.collected.first_chunk()?;
        let len = u32::from_be_bytes([0, high, middle, low]);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        Some((kind, len.saturating_add(MESSAGE_HEADER)))
    }
}

/// What the first bytes of a client are, if they are not those of a record.
fn refuse_other_protocols(first: [u8; HEADER]) -> Result<(), ClientError> {
    match first {
        [20..=23, 3, ..] => Ok(()),
        // Two bytes of length with the highest bit, CLIENT-HELLO, its version.
        [0x80..=0xff, _, 1, 0 | 2 | 3, _] => Err(ClientError::Ssl2Hello),
        other => Err(ClientError::NotTls(Speaks::of(other))),
    }
}

/// A refusal of the provider's, as a cause.
pub(super) fn refused(refused: Refused) -> Cause {
    match refused {
        Refused::TooLong {
            what,
            needed,
            limit,
        } => CapacityError::TooLarge {
            what: match what {
                What::Message(CLIENT_HELLO) => Limit::ClientHello,
                What::Message(SERVER_HELLO) => Limit::ServerHello,
                What::Flight => Limit::Flight,
                What::Entries(CERTIFICATE) => Limit::ChainLength,
                What::Entries(_) => Limit::Entries,
                _ => Limit::HandshakeMessage,
            },
            needed,
            limit,
        }
        .into(),
        Refused::Tickets => ProtocolViolation::TicketFlood.into(),
        _ => ProtocolViolation::Engine(EngineError::Other).into(),
    }
}
