//! A stable word for each cause, for scripts and for the table in `docs/ssl-failures.md`: wording
//! may change, codes do not.

use super::Cause;

impl Cause {
    /// The word: lower case, digits and `_`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::CaErased => "ca_erased",
            Self::CaMissing { .. } => "ca_missing",
            Self::CaUnreadable => "ca_unreadable",
            Self::CertErased => "cert_erased",
            Self::CertMissing { .. } => "cert_missing",
            Self::CertUnreadable => "cert_unreadable",
            Self::KeyErased => "key_erased",
            Self::KeyMissing { .. } => "key_missing",
            Self::KeyUnreadable => "key_unreadable",
            Self::KeyEncrypted => "key_encrypted",
            Self::KeyUnsupported => "key_unsupported",
            Self::KeyMismatch => "key_mismatch",
            Self::PskEmpty => "psk_empty",
            Self::StrictPolicy => "strict_policy",
            Self::NameInvalid => "name_invalid",
            Self::HostNotFound => "host_not_found",
            Self::ConnectionRefused => "connection_refused",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::Transport => "transport",
            Self::Timeout { .. } => "timeout",
            Self::Closed => "closed",
            Self::PeerEof => "peer_eof",
            Self::PeerCloseNotify => "peer_closed",
            Self::PeerAlert(_) => "peer_alert",
            Self::NothingInCommon => "nothing_in_common",
            Self::ServerVersion(_) => "server_version",
            Self::ServerGroup(_) => "server_group",
            Self::ServerRetry { .. } => "server_retry",
            Self::CipherSuite(_) => "cipher_suite",
            Self::PskNotTaken => "psk_not_taken",
            Self::ApplicationProtocol => "application_protocol",
            Self::ClientSignatureScheme => "client_signature_scheme",
            Self::Protocol(_) => "protocol",
            Self::SplitMessage { .. } => "split_message",
            Self::TooLarge { .. } => "too_large",
            Self::BadRecordMac => "bad_record_mac",
            Self::KeyUpdate => "key_update",
            Self::PostHandshake(_) => "post_handshake",
            Self::Engine(_) => "engine",
            Self::NoCertificate => "no_certificate",
            Self::NoSignature | Self::BadSignature | Self::SignatureScheme(_) => {
                "handshake_signature"
            }
            Self::BadFinished => "bad_finished",
            Self::Malformed => "malformed",
            Self::NotTrusted => "issuer_unknown",
            Self::CertificateSignature => "certificate_signature",
            Self::ClockNotSet => "clock_not_set",
            Self::ClockBeforeFloor { .. } => "clock_before_floor",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::NameMismatch => "name_mismatch",
            Self::NoName => "no_name",
            Self::NotCa => "not_a_ca",
            Self::LeafIsCa => "leaf_is_a_ca",
            Self::PathLen => "path_len",
            Self::KeyUsage => "key_usage",
            Self::ExtendedKeyUsage => "wrong_purpose",
            Self::CriticalExtension => "critical_extension",
            Self::NameConstraint => "name_constraint",
            Self::KeySize { .. } => "key_size",
            Self::KeyAlgorithm => "key_algorithm",
            Self::SignatureAlgorithm => "signature_algorithm",
            Self::OldVersion => "x509_v1",
            Self::TooMuchWork => "too_much_work",
            Self::ServerKeyUsage => "server_key_usage",
            Self::ExtensionMisuse => "extension_misuse",
            Self::NamelessIssuer => "nameless_issuer",
            Self::WriteAbandoned => "write_abandoned",
            Self::ReadAbandoned => "read_abandoned",
            Self::Dead => "dead",
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::collections::BTreeSet;
    use std::string::{String, ToString};

    const SOURCE: &str = include_str!("code.rs");
    const DOC: &str = include_str!("../../../../docs/ssl-failures.md");

    /// The words of the table above, read off the source: a match cannot be walked.
    fn codes() -> BTreeSet<String> {
        let (table, _) = SOURCE.split_once("#[cfg(test)]").unwrap();
        let words = table.split('"').skip(1).step_by(2);
        words.map(ToString::to_string).collect()
    }

    #[test]
    fn every_code_is_documented_and_nothing_else_is() {
        let codes = codes();
        assert!(codes.len() > 60, "{}", codes.len());
        let documented: BTreeSet<String> = DOC
            .lines()
            .filter(|line| line.starts_with("| `"))
            .filter_map(|line| line.split('|').nth(1))
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            .filter(|word| !word.starts_with("AT+"))
            .map(ToString::to_string)
            .collect();
        assert_eq!(documented, codes);
    }

    #[test]
    fn codes_are_plain_words() {
        for code in codes() {
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            assert!(code.bytes().all(plain), "{code}");
        }
    }
}
