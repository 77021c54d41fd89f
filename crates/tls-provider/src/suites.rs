//! Cipher suites of TLS 1.3 and 1.2, preferred first.

use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use rustls::crypto::cipher::Tls13AeadAlgorithm;
use rustls::crypto::tls12::PrfUsingHmac;
use rustls::crypto::tls13::HkdfUsingHmac;
use rustls::crypto::{CipherSuiteCommon, KeyExchangeAlgorithm, hash};
use rustls::{
    CipherSuite, SignatureScheme, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite,
};

use crate::hash::{HMAC_SHA256, HMAC_SHA384, SHA256, SHA384};
use crate::record::{Tls12, Tls13};

/// All suites of this crate: AES-128-GCM, AES-256-GCM and ChaCha20-Poly1305 in TLS 1.3, then the same in
/// TLS 1.2 with ECDHE and a certificate for ECDSA (or Ed25519) or RSA.
pub static SUITES: &[SupportedCipherSuite] = &[
    SupportedCipherSuite::Tls13(&AES_128),
    SupportedCipherSuite::Tls13(&AES_256),
    SupportedCipherSuite::Tls13(&CHACHA20),
    SupportedCipherSuite::Tls12(&ECDSA_AES_128),
    SupportedCipherSuite::Tls12(&RSA_AES_128),
    SupportedCipherSuite::Tls12(&ECDSA_AES_256),
    SupportedCipherSuite::Tls12(&RSA_AES_256),
    SupportedCipherSuite::Tls12(&ECDSA_CHACHA20),
    SupportedCipherSuite::Tls12(&RSA_CHACHA20),
];

/// Records under one key of AES-GCM: RFC 9846 §5.5 allows 2^24.5. At the limit rustls updates the key in
/// TLS 1.3 and closes in TLS 1.2.
const AES_GCM_LIMIT: u64 = 1 << 24;

/// ChaCha20-Poly1305 has no limit below that of record numbers (RFC 9846 §5.5).
const CHACHA20_LIMIT: u64 = u64::MAX;

const fn common(
    suite: CipherSuite,
    hash_provider: &'static dyn hash::Hash,
    confidentiality_limit: u64,
) -> CipherSuiteCommon {
    CipherSuiteCommon {
        suite,
        hash_provider,
        confidentiality_limit,
    }
}

static HKDF_SHA256: HkdfUsingHmac<'static> = HkdfUsingHmac(&HMAC_SHA256);
static HKDF_SHA384: HkdfUsingHmac<'static> = HkdfUsingHmac(&HMAC_SHA384);

const fn aes_128(aead_alg: &'static dyn Tls13AeadAlgorithm) -> Tls13CipherSuite {
    Tls13CipherSuite {
        common: common(
            CipherSuite::TLS13_AES_128_GCM_SHA256,
            &SHA256,
            AES_GCM_LIMIT,
        ),
        hkdf_provider: &HKDF_SHA256,
        aead_alg,
        quic: None,
    }
}

const fn aes_256(aead_alg: &'static dyn Tls13AeadAlgorithm) -> Tls13CipherSuite {
    Tls13CipherSuite {
        common: common(
            CipherSuite::TLS13_AES_256_GCM_SHA384,
            &SHA384,
            AES_GCM_LIMIT,
        ),
        hkdf_provider: &HKDF_SHA384,
        aead_alg,
        quic: None,
    }
}

const fn chacha20(aead_alg: &'static dyn Tls13AeadAlgorithm) -> Tls13CipherSuite {
    Tls13CipherSuite {
        common: common(
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
            &SHA256,
            CHACHA20_LIMIT,
        ),
        hkdf_provider: &HKDF_SHA256,
        aead_alg,
        quic: None,
    }
}

static AES_128: Tls13CipherSuite = aes_128(&Tls13::<Aes128Gcm>::new());
static AES_256: Tls13CipherSuite = aes_256(&Tls13::<Aes256Gcm>::new());
static CHACHA20: Tls13CipherSuite = chacha20(&Tls13::<ChaCha20Poly1305>::new());

static AES_128_TICKETS: Tls13CipherSuite = aes_128(&Tls13::<Aes128Gcm>::with_tickets());
static AES_256_TICKETS: Tls13CipherSuite = aes_256(&Tls13::<Aes256Gcm>::with_tickets());
static CHACHA20_TICKETS: Tls13CipherSuite = chacha20(&Tls13::<ChaCha20Poly1305>::with_tickets());

/// A suite of [`SUITES`] for a session that may be resumed: in TLS 1.3, rustls gets the tickets that can be kept, and
/// [`tickets`](crate::tickets) says which. TLS 1.2 has its tickets in the handshake, where rustls gets all of them.
#[must_use]
pub fn with_tickets(suite: SupportedCipherSuite) -> SupportedCipherSuite {
    match suite.suite() {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => SupportedCipherSuite::Tls13(&AES_128_TICKETS),
        CipherSuite::TLS13_AES_256_GCM_SHA384 => SupportedCipherSuite::Tls13(&AES_256_TICKETS),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => {
            SupportedCipherSuite::Tls13(&CHACHA20_TICKETS)
        }
        _ => suite,
    }
}

/// What a server with a key for ECDSA or EdDSA may sign with (RFC 8422 §5.1.3: both are this suite's).
static ECDSA: &[SignatureScheme] = &[
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ED25519,
];

/// What a server with a key for RSA may sign with.
static RSA: &[SignatureScheme] = &[
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

static AES_128_12: Tls12<Aes128Gcm, 8> = Tls12::new();
static AES_256_12: Tls12<Aes256Gcm, 8> = Tls12::new();
static CHACHA20_12: Tls12<ChaCha20Poly1305, 0> = Tls12::new();

static ECDSA_AES_128: Tls12CipherSuite = Tls12CipherSuite {
    common: common(
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        &SHA256,
        AES_GCM_LIMIT,
    ),
    prf_provider: &PrfUsingHmac(&HMAC_SHA256),
    kx: KeyExchangeAlgorithm::ECDHE,
    sign: ECDSA,
    aead_alg: &AES_128_12,
};

static ECDSA_AES_256: Tls12CipherSuite = Tls12CipherSuite {
    common: common(
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        &SHA384,
        AES_GCM_LIMIT,
    ),
    prf_provider: &PrfUsingHmac(&HMAC_SHA384),
    kx: KeyExchangeAlgorithm::ECDHE,
    sign: ECDSA,
    aead_alg: &AES_256_12,
};

static ECDSA_CHACHA20: Tls12CipherSuite = Tls12CipherSuite {
    common: common(
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        &SHA256,
        CHACHA20_LIMIT,
    ),
    prf_provider: &PrfUsingHmac(&HMAC_SHA256),
    kx: KeyExchangeAlgorithm::ECDHE,
    sign: ECDSA,
    aead_alg: &CHACHA20_12,
};

static RSA_AES_128: Tls12CipherSuite = Tls12CipherSuite {
    common: common(
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        &SHA256,
        AES_GCM_LIMIT,
    ),
    prf_provider: &PrfUsingHmac(&HMAC_SHA256),
    kx: KeyExchangeAlgorithm::ECDHE,
    sign: RSA,
    aead_alg: &AES_128_12,
};

static RSA_AES_256: Tls12CipherSuite = Tls12CipherSuite {
    common: common(
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        &SHA384,
        AES_GCM_LIMIT,
    ),
    prf_provider: &PrfUsingHmac(&HMAC_SHA384),
    kx: KeyExchangeAlgorithm::ECDHE,
    sign: RSA,
    aead_alg: &AES_256_12,
};

static RSA_CHACHA20: Tls12CipherSuite = Tls12CipherSuite {
    common: common(
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        &SHA256,
        CHACHA20_LIMIT,
    ),
    prf_provider: &PrfUsingHmac(&HMAC_SHA256),
    kx: KeyExchangeAlgorithm::ECDHE,
    sign: RSA,
    aead_alg: &CHACHA20_12,
};
