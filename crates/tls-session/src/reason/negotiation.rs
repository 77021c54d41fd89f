//! What the peers could not agree on.

use super::text::{Group, Version};

crate::reasons! {
    /// What the peers could not agree on.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum NegotiationError {
        /// The server answered our hello with a handshake failure (alert 40): it takes none of what was offered.
        NothingInCommon => "nothing_in_common", -0x7780, 0,
            "server alert: handshake failure (40): it takes none of TLS 1.3, group P-256, TLS_AES_128_GCM_SHA256 and \
             certificates with RSA, P-256, P-384 or Ed25519 keys";
        /// The same, where both versions and all suites of the build were offered.
        NoCommonSuite => "nothing_in_common", -0x7780, 0,
            "server alert: handshake failure (40): it takes none of ECDHE with AES-GCM or ChaCha20 \
             (old servers do not), or its key is not RSA, P-256, P-384 or Ed25519";
        /// The server does not speak TLS 1.3; the number is the highest version it offered.
        ServerVersion(version: u16) => "server_version", -0x6E80, 0,
            "server speaks {name} at most", name = Version(version);
        /// The server took a version that the policy excludes.
        PolicyVersion {
            /// The version of the server.
            server: u16,
            /// The oldest that the policy takes.
            policy: u16,
        } => "policy_version", -0x6E80, 0,
            "server speaks {server}, policy wants {policy}", server = Version(server), policy = Version(policy);
        /// The server takes neither TLS 1.2 nor 1.3, or not the one that the policy asks for (alert 70).
        NoCommonVersion {
            /// The oldest that was offered.
            min: u16,
            /// The newest that was offered.
            max: u16,
        } => "server_version", -0x6E80, 0,
            "server takes no version from {min} to {max}", min = Version(min), max = Version(max);
        /// TLS 1.3 was offered, the server's random says that it knows it, and TLS 1.2 came out (RFC 8446 §4.1.3).
        Downgrade => "downgrade", -0x6600, 0, "somebody between here and the server removed TLS 1.3";
        /// The server does not bind the keys of TLS 1.2 to the handshake (RFC 7627), and the policy asks for it.
        NoExtendedMasterSecret => "no_extended_master_secret", -0x6E00, 0,
            "server lacks extended master secret, policy wants it";
        /// The server wants another key exchange group.
        ServerGroup(group: u16) => "server_group", -0x6E00, 0,
            "server wants group {name} (0x{group:04x})", name = Group(group);
        /// The server's key share is no public key of its group.
        KeyExchange => "bad_key_exchange", -0x6600, 0, "server's key share is no public key of its group";
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
