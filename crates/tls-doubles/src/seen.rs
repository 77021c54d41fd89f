//! What the server saw of the client, for a test to look at.

use crate::client_hello::ClientHello;

/// An alert of the client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert {
    pub level: u8,
    pub description: u8,
    pub encrypted: bool,
}

/// The client's CertificateVerify, with the bytes it should have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientProof {
    pub scheme: u16,
    pub signature: Vec<u8>,
    pub signed: Vec<u8>,
}

/// Something a correct client does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// ClientHello that does not parse.
    Hello,
    /// No public value for the group of ServerHello.
    NoKeyShare,
    /// A record of a type that is not legal now.
    Record(u8),
    /// A record that does not decrypt: a wrong key, or a nonce used twice.
    BadMac,
    /// Content of a type that is not legal now: 23 is application data before Finished.
    Content(u8),
    /// A handshake message that is not legal now, or does not parse.
    Message(u8),
    /// Finished with wrong contents.
    Finished,
}

/// The client's side of the conversation.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The last one.
    pub hello: Option<ClientHello>,
    /// The one before, if it was answered by a HelloRetryRequest.
    pub first_hello: Option<ClientHello>,
    /// It offered pre-shared keys, and proved to know ours.
    pub binders_right: bool,
    /// Its Finished came and was right.
    pub finished: bool,
    /// All application data, decrypted.
    pub app: Vec<u8>,
    pub alerts: Vec<Alert>,
    /// Chain of its Certificate message; empty if it had none to show.
    pub certificate: Option<Vec<Vec<u8>>>,
    pub proof: Option<ClientProof>,
    pub key_updates: usize,
    pub change_cipher_specs: usize,
    /// Type and length of each record in order.
    pub records: Vec<(u8, usize)>,
    /// Empty for a correct client.
    pub violations: Vec<Violation>,
}

impl Seen {
    /// A close_notify came.
    pub fn close_notify(&self) -> bool {
        self.alerts.iter().any(|alert| alert.description == 0)
    }

    /// Descriptions of its alerts other than close_notify.
    pub fn refusals(&self) -> Vec<u8> {
        let all = self.alerts.iter().map(|alert| alert.description);
        all.filter(|description| *description != 0).collect()
    }
}
