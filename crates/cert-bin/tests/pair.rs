//! Every key against every certificate, and keys that lie about their public half.
#![cfg(feature = "pair")]

use cert_bin::content::ContentError;
use cert_bin::pair::{PairError, contents_match};

macro_rules! input {
    ($name:literal) => {
        include_bytes!(concat!("data/pki/inputs/", $name)).as_slice()
    };
}

#[test]
fn a_key_belongs_to_its_own_certificate_only() {
    let identities = [
        (input!("server_rsa.crt.pem"), input!("server_rsa.key.pem")),
        (
            input!("client_rsa.crt.der"),
            input!("client_rsa.key.pkcs1.pem"),
        ),
        (
            input!("server_p256.crt.pem"),
            input!("server_p256.key.sec1.der"),
        ),
        (input!("client_p256.crt.pem"), input!("client_p256.key.pem")),
        (input!("server_p384.crt.pem"), input!("server_p384.key.pem")),
        (
            input!("server_ed25519.crt.pem"),
            input!("server_ed25519.key.pem"),
        ),
    ];
    for (i, (certificate, _)) in identities.iter().enumerate() {
        for (j, (_, key)) in identities.iter().enumerate() {
            let mut scratch = vec![0; certificate.len() + key.len()];
            let matched = contents_match(certificate, key, &mut scratch);
            assert_eq!(matched, Ok(i == j), "certificate {i}, key {j}");
        }
    }
}

#[test]
fn the_public_half_in_a_key_file_is_not_believed() {
    let certificate = input!("server_p256.crt.der");
    let mut key = input!("server_p256.key.sec1.der").to_vec();
    let mut scratch = [0; 1024];
    assert_eq!(contents_match(certificate, &key, &mut scratch), Ok(true));
    // SEQUENCE header 2, version 3, OCTET STRING header 2: the scalar is at 7 ..= 38.
    key[38] ^= 1;
    assert_eq!(contents_match(certificate, &key, &mut scratch), Ok(false));
    key[7..39].fill(0);
    assert_eq!(
        contents_match(certificate, &key, &mut scratch),
        Err(PairError::InvalidKey)
    );
    key[7..39].fill(0xFF);
    assert_eq!(
        contents_match(certificate, &key, &mut scratch),
        Err(PairError::InvalidKey)
    );
}

#[test]
fn what_is_missing_is_named() {
    let certificate = input!("server_p256.crt.pem");
    let key = input!("server_p256.key.pem");
    let mut scratch = [0; 1024];
    assert_eq!(
        contents_match(key, key, &mut scratch),
        Err(PairError::CertificateContent(ContentError::NoCertificate))
    );
    assert_eq!(
        contents_match(certificate, certificate, &mut scratch),
        Err(PairError::KeyContent(ContentError::NoPrivateKey))
    );
    assert_eq!(
        contents_match(certificate, input!("client_rsa.key.enc.pem"), &mut scratch),
        Err(PairError::KeyContent(ContentError::EncryptedKey))
    );
    let needed = 529 + 138;
    for have in 0..needed {
        let refused = contents_match(certificate, key, &mut scratch[..have]).unwrap_err();
        assert!(
            matches!(
                refused,
                PairError::CertificateContent(ContentError::BufferTooSmall { needed: 529, .. })
                    | PairError::KeyContent(ContentError::BufferTooSmall { needed: 138, .. })
            ),
            "{refused}"
        );
    }
    assert_eq!(
        contents_match(certificate, key, &mut scratch[..needed]),
        Ok(true)
    );
}
