//! What is wrong with a policy or an identity before a packet is sent.

crate::reasons! {
    /// What is wrong with a policy or an identity before a packet is sent.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum SetupError {
        /// The CA certificates cannot be read.
        CaUnreadable => "ca_unreadable", -0x2180, 0, "the CA item cannot be read";
        /// Our certificate cannot be read.
        CertUnreadable => "cert_unreadable", -0x2180, 0, "our certificate item cannot be read";
        /// Our private key cannot be read.
        KeyUnreadable => "key_unreadable", -0x3D00, 0, "our key item cannot be read";
        /// Our private key is of a kind that cannot sign here.
        KeyUnsupported => "key_unsupported", -0x3C80, 0,
            "our private key cannot sign here; P-256, P-384, Ed25519 and RSA of 2048 to 4096 bits can";
        /// The parts of our RSA key contradict each other, some are missing, or it has more than two primes.
        KeyInconsistent => "key_inconsistent", -0x4200, 0,
            "the parts of our RSA key do not fit together: two primes, their exponents and coefficient are needed";
        /// Our private key belongs to none of our certificates.
        KeyMismatch => "key_mismatch", -0x3F00, 0, "our private key belongs to none of our certificates";
        /// The pre-shared key or its identity is empty.
        PskEmpty => "psk_empty", -0x7100, 0, "pre-shared key or identity is empty";
        /// No engine of this build can do what the policy asks for.
        NoEngine => "no_engine", -0x7080, 0,
            "this build speaks TLS 1.3 with TLS_AES_128_GCM_SHA256 alone; the policy excludes it";
        /// Pre-shared keys are for TLS 1.3, and the policy excludes that, or the build has no engine for them.
        PskEngine => "psk_engine", -0x7080, 0,
            "pre-shared keys need TLS 1.3, its suite TLS_AES_128_GCM_SHA256, and the engine for them";
        /// The engines of this build are clients.
        NoServer => "no_server", -0x7080, 0, "this build has no TLS server";
        /// None of the cipher suites that the policy offers is there.
        NoSuite => "no_suite", -0x7080, 0, "none of the cipher suites to offer is there, in the versions to offer";
        /// The name to check is neither a DNS name nor an IP address.
        NameInvalid => "name_invalid", -0x7100, 0, "the name to check is no DNS name and no IP address";
    }
}
