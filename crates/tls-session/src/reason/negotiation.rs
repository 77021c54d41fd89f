//! What the peers could not agree on.

use super::words::{Group, Version};

crate::reasons! {
    /// What the peers could not agree on.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum NegotiationError {
        /// The server answered our hello with a handshake failure (alert 40): it takes none of what was offered.
        NothingInCommon => "nothing_in_common", -0x7780, 0,
            "server alert: handshake failure (40): only TLS 1.3, group P-256 and TLS_AES_128_GCM_SHA256 are offered";
        /// The server does not speak TLS 1.3; the number is the highest version it offered.
        ServerVersion(version: u16) => "server_version", -0x6E80, 0,
            "server speaks {name} at most", name = Version(version);
        /// The server wants another key exchange group.
        ServerGroup(group: u16) => "server_group", -0x6E00, 0,
            "server wants group {name} (0x{group:04x})", name = Group(group);
        /// The server asks for a second ClientHello, though it wants no other group.
        ServerRetry => "server_retry", -0x6E00, 0, "server asks for a second ClientHello without a reason";
        /// The same with a cookie to be sent back, as a server asks that keeps no state.
        ServerRetryCookie => "server_retry", -0x6E00, 0,
            "server asks for a second ClientHello with a cookie, which is not done here";
        /// The server chose a cipher suite that was not offered.
        CipherSuite(suite: u16) => "cipher_suite", -0x6E00, 0,
            "server chose cipher suite 0x{suite:04x}, which was not offered";
        /// The server chose an application protocol that was not offered.
        ApplicationProtocol => "application_protocol", -0x6600, 0,
            "server chose an application protocol that was not offered";
        /// The server accepts no signature that our private key can make.
        ClientSignatureScheme => "client_signature_scheme", -0x6E00, 0,
            "server accepts no signature of our key's kind";
    }
}
