//! Names of numbers: alerts, groups, versions.

use core::fmt;

/// Prints the name of a version.
pub(super) struct Version(pub(super) u16);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0x0300 => f.write_str("SSL 3.0"),
            0x0301 => f.write_str("TLS 1.0"),
            0x0302 => f.write_str("TLS 1.1"),
            0x0303 => f.write_str("TLS 1.2"),
            0x0304 => f.write_str("TLS 1.3"),
            other => write!(f, "version 0x{other:04x}"),
        }
    }
}

/// Prints which protocol begins with this byte where a record type should be.
pub(super) struct FirstByte(pub(super) u8);

impl fmt::Display for FirstByte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            b'H' => ", as HTTP begins",
            b'S' => ", as SSH begins",
            b'2' => ", as SMTP and FTP begin",
            b'*' => ", as IMAP begins",
            b'+' => ", as POP3 begins",
            _ => "",
        })
    }
}

/// The RFC's name of an alert, `unknown` where it has none.
#[must_use]
pub const fn alert_text(number: u8) -> &'static str {
    match number {
        0 => "close notify",
        10 => "unexpected message",
        20 => "bad record MAC",
        22 => "record overflow",
        40 => "handshake failure",
        42 => "bad certificate",
        43 => "unsupported certificate",
        44 => "certificate revoked",
        45 => "certificate expired",
        46 => "certificate unknown",
        47 => "illegal parameter",
        48 => "unknown CA",
        49 => "access denied",
        50 => "decode error",
        51 => "decrypt error",
        70 => "protocol version",
        71 => "insufficient security",
        80 => "internal error",
        86 => "inappropriate fallback",
        90 => "user canceled",
        109 => "missing extension",
        110 => "unsupported extension",
        112 => "unrecognized name",
        113 => "bad certificate status response",
        115 => "unknown PSK identity",
        116 => "certificate required",
        120 => "no application protocol",
        _ => "unknown",
    }
}

/// Prints what an alert most often means for the end that receives it, and nothing where its name says all.
///
/// Which alert a peer sends is its choice: what stands here is what OpenSSL, GnuTLS, Mbed TLS, Java and Go send it for.
pub(super) struct AlertHint(pub(super) u8);

impl fmt::Display for AlertHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = match self.0 {
            10 | 22 | 50 | 80 => "the log of the server has the reason",
            20 => "a pre-shared key differs, or bytes were changed on the way",
            40 => {
                "server wants a certificate from us, or does not know our pre-shared key, our suites or the name in SNI"
            }
            42 => "server cannot verify our certificate: another CA, damaged, or not for clients",
            43 => "server takes no certificate like ours: its kind of key, or its purpose",
            44 => "our certificate was revoked: another one is needed",
            45 => "our certificate has expired, or the clock of the server is wrong",
            46 => "server refused our certificate: its log has the reason",
            47 => {
                "with a pre-shared key the keys differ, else the log of the server has the reason"
            }
            48 => "server does not know the CA of our certificate, or we sent no intermediate",
            49 => "our certificate is valid, and the server does not let it in: its list of users",
            51 => "a pre-shared key differs, or our key does not belong to our certificate",
            70 => "server takes no version that is offered",
            71 => "server wants longer keys or stronger suites than ours",
            86 => "server knows a newer version than the one that was offered",
            90 => "server gave up",
            109 => "server misses an extension: a name in SNI, or a group that it knows",
            110 => "server does not take an extension that it never offered",
            112 => "server has no host of this name: SNI",
            115 => "server does not know the identity of our pre-shared key",
            116 => "server wants a certificate from us, and got none",
            120 => "server speaks none of the protocols that were offered in ALPN",
            _ => return Ok(()),
        };
        write!(f, ": {hint}")
    }
}

/// The name of a cipher suite in IANA's registry, for those that are spoken here; `unknown` for others.
#[must_use]
pub const fn suite_text(suite: u16) -> &'static str {
    match suite {
        0x1301 => "TLS_AES_128_GCM_SHA256",
        0x1302 => "TLS_AES_256_GCM_SHA384",
        0x1303 => "TLS_CHACHA20_POLY1305_SHA256",
        0xc02b => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        0xc02c => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        0xc02f => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        0xc030 => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        0xcca8 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        0xcca9 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        _ => "unknown",
    }
}

/// Prints the name of a key exchange group.
pub(super) struct Group(pub(super) u16);

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(group_text(self.0))
    }
}

/// The name of a key exchange group, `unknown` where it has none here.
#[must_use]
pub const fn group_text(group: u16) -> &'static str {
    match group {
        0x0017 => "P-256",
        0x0018 => "P-384",
        0x0019 => "P-521",
        0x001d => "X25519",
        0x001e => "X448",
        0x0100..=0x01ff => "ffdhe",
        0x11ec => "X25519MLKEM768",
        _ => "unknown",
    }
}

/// Mbed TLS's name of a number that a reason has, without `MBEDTLS_ERR_`; `unknown` for others.
#[must_use]
pub const fn mbedtls_text(number: i32) -> &'static str {
    match number {
        -0x0044 => "NET_CONNECT_FAILED",
        -0x004C => "NET_RECV_FAILED",
        -0x0050 => "NET_CONN_RESET",
        -0x0052 => "NET_UNKNOWN_HOST",
        -0x2180 => "X509_INVALID_FORMAT",
        -0x2700 => "X509_CERT_VERIFY_FAILED",
        -0x3000 => "X509_FATAL_ERROR",
        -0x3C00 => "PK_PASSWORD_REQUIRED",
        -0x3C80 => "PK_UNKNOWN_PK_ALG",
        -0x3D00 => "PK_KEY_INVALID_FORMAT",
        -0x3F00 => "PK_TYPE_MISMATCH",
        -0x4200 => "RSA_KEY_CHECK_FAILED",
        -0x4380 => "RSA_VERIFY_FAILED",
        -0x4E00 => "ECP_VERIFY_FAILED",
        -0x6600 => "SSL_ILLEGAL_PARAMETER",
        -0x6800 => "SSL_TIMEOUT",
        -0x6B80 => "SSL_COUNTER_WRAPPING",
        -0x6E00 => "SSL_HANDSHAKE_FAILURE",
        -0x6E80 => "SSL_BAD_PROTOCOL_VERSION",
        -0x7080 => "SSL_FEATURE_UNAVAILABLE",
        -0x7100 => "SSL_BAD_INPUT_DATA",
        -0x7180 => "SSL_INVALID_MAC",
        -0x7200 => "SSL_INVALID_RECORD",
        -0x7280 => "SSL_CONN_EOF",
        -0x7300 => "SSL_DECODE_ERROR",
        -0x7480 => "SSL_NO_CLIENT_CERTIFICATE",
        -0x7500 => "SSL_UNSUPPORTED_EXTENSION",
        -0x7580 => "SSL_CERTIFICATE_REQUIRED",
        -0x7600 => "SSL_PRIVATE_KEY_REQUIRED",
        -0x7680 => "SSL_CA_CHAIN_REQUIRED",
        -0x7700 => "SSL_UNEXPECTED_MESSAGE",
        -0x7780 => "SSL_FATAL_ALERT_MESSAGE",
        -0x7880 => "SSL_PEER_CLOSE_NOTIFY",
        -0x7A00 => "SSL_BAD_CERTIFICATE",
        -0x7F00 => "SSL_ALLOC_FAILED",
        _ => "unknown",
    }
}
