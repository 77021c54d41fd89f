//! What is wrong with a certificate, or with the path from it to an anchor.

use x509_facts::Timestamp;

use super::flags;

crate::reasons! {
    /// What is wrong with a certificate, or with the path from it to an anchor.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum CertificateError {
        /// The server sent no certificate.
        NoCertificate => "no_certificate", -0x7780, flags::MISSING, "server sent no certificate";
        /// A certificate cannot be read.
        Malformed => "malformed", -0x2180, 0, "certificate cannot be read";
        /// No chain from the server's certificate to the CA.
        NotTrusted => "issuer_unknown", -0x2700, flags::NOT_TRUSTED, "no chain to the loaded CA";
        /// An issuer of the right name is there, but did not sign this certificate.
        CertificateSignature => "certificate_signature", -0x2700, flags::NOT_TRUSTED,
            "the CA has the right name, but another key signed this";
        /// The clock was never set, and the policy checks dates.
        ClockNotSet => "clock_not_set", -0x2700, flags::FUTURE, "clock not set: dates cannot be checked";
        /// The clock shows a time before this program was built, or before a time learnt earlier.
        ClockBeforeFloor {
            /// What the clock says.
            now: Timestamp,
            /// The earliest time it can be.
            floor: Timestamp,
        } => "clock_before_floor", -0x2700, flags::FUTURE,
            "clock says {now}, but the time cannot be before {floor}";
        /// notAfter has passed.
        Expired {
            /// The date that was missed.
            not_after: Timestamp,
            /// What the clock says.
            now: Timestamp,
        } => "expired", -0x2700, flags::EXPIRED, "expired on {not_after}; the clock says {now}";
        /// notBefore has not come.
        NotYetValid {
            /// The date that was missed.
            not_before: Timestamp,
            /// What the clock says.
            now: Timestamp,
        } => "not_yet_valid", -0x2700, flags::FUTURE, "not valid before {not_before}; the clock says {now}";
        /// The certificate is for other names.
        NameMismatch => "name_mismatch", -0x2700, flags::CN_MISMATCH, "certificate is for another name";
        /// The certificate names nobody: no SAN, and no CN that may count.
        NoName => "no_name", -0x2700, flags::CN_MISMATCH, "certificate names no host";
        /// The issuer's name is that of a certificate that is there, but for string type, letter case or blanks.
        IssuerEncoding => "issuer_encoding", -0x2700, flags::NOT_TRUSTED,
            "issuer's name is there, but in another string type or letter case";
        /// The first certificate is not the server's: it issued another one that was sent.
        WrongOrder => "wrong_order", -0x2700, flags::OTHER,
            "wrong order: the first certificate issued another that was sent; the server's own must be first";
        /// More intermediates than path building follows.
        PathDepth {
            /// How many there are.
            intermediates: u8,
            /// How many are followed.
            limit: u8,
        } => "path_depth", -0x3000, flags::OTHER,
            "chain is too deep: {intermediates} intermediates, at most {limit} are followed";
        /// The issuer is not a CA (no CA:TRUE).
        NotCa => "not_a_ca", -0x2700, flags::NOT_TRUSTED, "issuer is not a CA";
        /// A CA certificate stands where the server's own must be, and is not the pinned one.
        LeafIsCa => "leaf_is_a_ca", -0x2700, flags::OTHER,
            "server's certificate is a CA and is not the pinned one";
        /// More intermediates than an issuer's pathLen allows.
        PathLen => "path_len", -0x2700, flags::NOT_TRUSTED, "more intermediates than pathLen allows";
        /// The issuer's keyUsage lacks keyCertSign.
        KeyUsage => "key_usage", -0x2700, flags::KEY_USAGE, "issuer's keyUsage lacks keyCertSign";
        /// extendedKeyUsage lacks serverAuth.
        ExtendedKeyUsage => "wrong_purpose", -0x7A00, flags::EXT_KEY_USAGE, "extendedKeyUsage lacks serverAuth";
        /// An unknown critical extension.
        CriticalExtension => "critical_extension", -0x2700, flags::OTHER, "unknown critical extension";
        /// A name is outside an issuer's name constraints.
        NameConstraint => "name_constraint", -0x2700, flags::OTHER, "name is outside the issuer's name constraints";
        /// The key is shorter than 2048 bits, or longer than 4096.
        KeySize {
            /// Bits of the modulus.
            bits: u32,
        } => "key_size", -0x2700, flags::BAD_KEY, "RSA key of {bits} bits; 2048 to 4096 are taken";
        /// The key's algorithm or curve is not taken.
        KeyAlgorithm => "key_algorithm", -0x2700, flags::BAD_PK, "key algorithm or curve is not taken";
        /// The certificate is signed with an algorithm that is not taken (SHA-1, MD5, …).
        SignatureAlgorithm => "signature_algorithm", -0x2700, flags::BAD_MD, "signature algorithm is not taken";
        /// A certificate of X.509 version 1 that is neither anchor nor pin.
        OldVersion => "x509_v1", -0x2700, flags::NOT_TRUSTED,
            "X.509 version 1 certificate, which can only be an anchor or a pin; issue it again as version 3: openssl x509 -req needs -extfile";
        /// Path building was given up: the certificates ask for more work than a client grants.
        TooMuchWork => "too_much_work", -0x3000, flags::OTHER, "certificates ask for too much path building";
        /// The server's keyUsage allows nothing that TLS does.
        ServerKeyUsage => "server_key_usage", -0x7A00, flags::KEY_USAGE,
            "server's keyUsage allows nothing that TLS does";
        /// The client's keyUsage lacks digitalSignature.
        ClientKeyUsage => "client_key_usage", -0x7A00, flags::KEY_USAGE,
            "client's keyUsage lacks digitalSignature";
        /// An extension stands where it may not, or says nothing: name constraints or keyCertSign in a
        /// certificate that is no CA, name constraints without any name.
        ExtensionMisuse => "extension_misuse", -0x2700, flags::OTHER,
            "an extension stands where it may not, or says nothing";
        /// The issuer's certificate has an empty subject.
        NamelessIssuer => "nameless_issuer", -0x2700, flags::OTHER, "issuer's certificate has an empty subject";
    }
}
