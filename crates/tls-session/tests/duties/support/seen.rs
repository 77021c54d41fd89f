//! What the server saw of the client, for a test to look at.

use super::client_hello::ClientHello;

/// An alert of the client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alert {
    pub(crate) level: u8,
    pub(crate) description: u8,
    pub(crate) encrypted: bool,
}

/// The client's CertificateVerify, with the bytes it should have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientProof {
    pub(crate) scheme: u16,
    pub(crate) signature: Vec<u8>,
    pub(crate) signed: Vec<u8>,
}

/// Something a correct client does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// ClientHello that does not parse.
    Hello,
    /// No public value for secp256r1.
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
pub(crate) struct Seen {
    pub(crate) hello: Option<ClientHello>,
    /// It offered pre-shared keys, and proved to know ours.
    pub(crate) binders_right: bool,
    /// Its Finished came and was right.
    pub(crate) finished: bool,
    /// All application data, decrypted.
    pub(crate) app: Vec<u8>,
    pub(crate) alerts: Vec<Alert>,
    /// Chain of its Certificate message; empty if it had none to show.
    pub(crate) certificate: Option<Vec<Vec<u8>>>,
    pub(crate) proof: Option<ClientProof>,
    pub(crate) key_updates: usize,
    pub(crate) change_cipher_specs: usize,
    /// Type and length of each record in order.
    pub(crate) records: Vec<(u8, usize)>,
    /// Empty for a correct client.
    pub(crate) faults: Vec<Fault>,
}

impl Seen {
    /// A close_notify came.
    pub(crate) fn close_notify(&self) -> bool {
        self.alerts.iter().any(|alert| alert.description == 0)
    }

    /// Descriptions of its alerts other than close_notify.
    pub(crate) fn refusals(&self) -> Vec<u8> {
        let all = self.alerts.iter().map(|alert| alert.description);
        all.filter(|description| *description != 0).collect()
    }
}
