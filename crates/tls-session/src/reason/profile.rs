//! What RFC 5280 or RFC 9525 forbids in a certificate and the default profile forgives.

use super::flags;

crate::reasons! {
    /// What RFC 5280 or RFC 9525 forbids in a certificate and only [`Profile::Strict`](crate::Profile::Strict) refuses.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum ProfileError {
        /// The serial number is zero or negative (RFC 5280 §4.1.2.2).
        SerialNotPositive => "serial_not_positive", -0x2700, flags::OTHER,
            "serial number is zero or negative";
        /// The serial number is longer than 20 octets (RFC 5280 §4.1.2.2).
        SerialTooLong {
            /// Octets without leading zeros.
            octets: u16,
        } => "serial_too_long", -0x2700, flags::OTHER,
            "serial number of {octets} octets; at most 20 are allowed";
        /// A CA without basicConstraints (RFC 5280 §4.2.1.9).
        NoBasicConstraints => "no_basic_constraints", -0x2700, flags::OTHER,
            "CA certificate has no basicConstraints";
        /// A CA whose basicConstraints is not critical (RFC 5280 §4.2.1.9).
        BasicConstraintsNotCritical => "basic_constraints_not_critical", -0x2700, flags::OTHER,
            "CA certificate's basicConstraints is not critical";
        /// A CA without keyUsage (RFC 5280 §4.2.1.3).
        NoKeyUsage => "no_key_usage", -0x2700, flags::KEY_USAGE, "CA certificate has no keyUsage";
        /// A CA without subjectKeyIdentifier (RFC 5280 §4.2.1.2).
        NoSubjectKeyId => "no_subject_key_id", -0x2700, flags::OTHER,
            "CA certificate has no subjectKeyIdentifier";
        /// A certificate that another one signed, without the identifier of that one's key (RFC 5280 §4.2.1.1).
        NoAuthorityKeyId => "no_authority_key_id", -0x2700, flags::OTHER,
            "certificate has no authorityKeyIdentifier with a keyIdentifier";
        /// authorityKeyIdentifier and the issuer's subjectKeyIdentifier differ (RFC 5280 §4.2.1.1).
        KeyIdMismatch => "key_id_mismatch", -0x2700, flags::OTHER,
            "authorityKeyIdentifier differs from the issuer's subjectKeyIdentifier";
        /// nameConstraints is not critical (RFC 5280 §4.2.1.10).
        NameConstraintsNotCritical => "name_constraints_not_critical", -0x2700, flags::OTHER,
            "CA certificate's nameConstraints is not critical";
        /// The subject is empty and subjectAltName is not critical (RFC 5280 §4.2.1.6).
        SanNotCritical => "san_not_critical", -0x2700, flags::OTHER,
            "subject is empty and subjectAltName is not critical";
        /// There is a subject and subjectAltName is critical (RFC 5280 §4.2.1.6).
        SanCritical => "san_critical", -0x2700, flags::OTHER,
            "subjectAltName is critical although there is a subject";
        /// A dNSName that is no host name (RFC 5280 §4.2.1.6).
        DnsNameSyntax => "dns_name_syntax", -0x2700, flags::OTHER, "subjectAltName has a dNSName that is no host name";
        /// The peer's certificate has no extendedKeyUsage.
        NoPurpose => "no_purpose", -0x7A00, flags::EXT_KEY_USAGE, "server's certificate has no extendedKeyUsage";
        /// The peer's extendedKeyUsage has anyExtendedKeyUsage.
        AnyPurpose => "any_purpose", -0x7A00, flags::EXT_KEY_USAGE, "extendedKeyUsage has anyExtendedKeyUsage";
        /// The subject's CN is a host name or an address that subjectAltName does not have (RFC 9525 §2).
        CommonNameNotInSan => "cn_not_in_san", -0x2700, flags::OTHER,
            "CN is the name of a host that subjectAltName does not have";
    }
}
