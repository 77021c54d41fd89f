//! A stable word for each cause, for scripts; wording may change, codes do not.

use tls_session::Cause;

pub(super) const fn of(cause: &Cause) -> &'static str {
    match cause {
        Cause::CaErased => "ca_erased",
        Cause::CaMissing { .. } => "ca_missing",
        Cause::CaUnreadable => "ca_unreadable",
        Cause::NameInvalid => "name_invalid",
        Cause::HostNotFound => "host_not_found",
        Cause::ConnectionRefused => "connection_refused",
        Cause::Unreachable => "unreachable",
        Cause::Reset => "reset",
        Cause::Transport => "transport",
        Cause::Timeout { .. } => "timeout",
        Cause::PeerEof | Cause::PeerCloseNotify => "peer_closed",
        Cause::PeerAlert(_) => "peer_alert",
        Cause::ServerVersion(_) => "server_version",
        Cause::ServerGroup(_) => "server_group",
        Cause::CipherSuite(_) => "cipher_suite",
        Cause::TooLarge { .. } => "too_large",
        Cause::NoCertificate => "no_certificate",
        Cause::NoSignature | Cause::BadSignature | Cause::SignatureScheme(_) => {
            "handshake_signature"
        }
        Cause::Malformed => "malformed",
        Cause::NotTrusted => "issuer_unknown",
        Cause::CertificateSignature => "certificate_signature",
        Cause::ClockNotSet => "clock_not_set",
        Cause::Expired { .. } => "expired",
        Cause::NotYetValid { .. } => "not_yet_valid",
        Cause::NameMismatch => "name_mismatch",
        Cause::NoName => "no_name",
        Cause::NotCa => "not_a_ca",
        Cause::LeafIsCa => "leaf_is_a_ca",
        Cause::PathLen => "path_len",
        Cause::KeyUsage => "key_usage",
        Cause::ExtendedKeyUsage => "wrong_purpose",
        Cause::CriticalExtension => "critical_extension",
        Cause::NameConstraint => "name_constraint",
        Cause::KeySize { .. } => "key_size",
        Cause::KeyAlgorithm => "key_algorithm",
        Cause::SignatureAlgorithm => "signature_algorithm",
        Cause::OldVersion => "x509_v1",
        Cause::TooMuchWork => "too_much_work",
        // What is left is what a peer does to the protocol.
        _ => "protocol",
    }
}
