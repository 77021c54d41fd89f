//! What the peer did not prove of itself.

crate::reasons! {
    /// What the peer did not prove of itself.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum ProofError {
        /// The handshake ended without proof that the server holds its certificate's key.
        NoSignature => "handshake_signature", -0x7700, 0, "server did not prove that it holds its key";
        /// The proof does not verify.
        BadSignature => "handshake_signature", -0x6E00, 0, "server's handshake signature does not verify";
        /// The same in TLS 1.2 with a key of a curve, for which Mbed TLS has another number.
        BadEcSignature => "handshake_signature", -0x4E00, 0, "server's handshake signature does not verify";
        /// The same in TLS 1.2 with an RSA key.
        BadRsaSignature => "handshake_signature", -0x4380, 0, "server's handshake signature does not verify";
        /// The proof uses an algorithm that does not fit the certificate's key or was not offered.
        SignatureScheme(scheme: u16) => "handshake_signature", -0x6600, 0,
            "server signed with scheme 0x{scheme:04x}, which does not fit its key";
        /// The proof uses an algorithm that was not offered, or is not that of the cipher suite.
        UnofferedScheme => "handshake_signature", -0x6600, 0,
            "server signed with a scheme that was not offered or does not fit the cipher suite";
        /// The server's Finished does not hold: its keys or the handshake it saw are others.
        BadFinished => "bad_finished", -0x6E00, 0,
            "server's Finished does not hold: other keys, or another handshake";
        /// The server did not take the pre-shared key, which is all that would have authenticated it.
        PskNotTaken => "psk_not_taken", -0x6E00, 0, "server did not take the pre-shared key";
    }
}
