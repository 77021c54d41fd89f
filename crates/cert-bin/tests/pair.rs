//! Every key against every certificate, and keys that lie about their public half.
#![cfg(feature = "pair")]

use cert_bin::content::{ContentError, decode_first_certificate, decode_private_key};
use cert_bin::pair::{PairError, contents_match};
use cert_bin::public::{MAX_PUBLIC_KEY_INFO, PublicKeyError, public_key_info};
use x509_facts::Certificate;

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

#[test]
fn the_public_half_is_the_one_in_the_certificate_and_needs_its_room() {
    for (certificate, key) in [
        (input!("server_rsa.crt.pem"), input!("server_rsa.key.pem")),
        (
            input!("client_rsa.crt.der"),
            input!("client_rsa.key.pkcs1.pem"),
        ),
        (
            input!("server_p256.crt.pem"),
            input!("server_p256.key.sec1.der"),
        ),
        (input!("server_p384.crt.pem"), input!("server_p384.key.pem")),
        (
            input!("server_ed25519.crt.pem"),
            input!("server_ed25519.key.pem"),
        ),
    ] {
        let (mut scratch, mut decoded) = ([0; 4096], [0; 4096]);
        let (der, _) = decode_first_certificate(certificate, &mut scratch).unwrap();
        let wanted = Certificate::parse(der).unwrap().spki();
        let key = decode_private_key(key, &mut decoded).unwrap();
        let mut out = [0; MAX_PUBLIC_KEY_INFO];
        for room in [0, 1, wanted.len() - 1] {
            let info = public_key_info(&key, &mut out[..room]);
            assert_eq!(info, Err(PublicKeyError::TooLarge), "{room}");
        }
        for room in [wanted.len(), MAX_PUBLIC_KEY_INFO] {
            assert_eq!(public_key_info(&key, &mut out[..room]), Ok(wanted));
        }
    }
}

#[test]
fn an_impossible_key_has_no_public_half() {
    let mut der = input!("server_p256.key.sec1.der").to_vec();
    der[7..39].fill(0);
    let mut decoded = [0; 1024];
    let key = decode_private_key(&der, &mut decoded).unwrap();
    let mut out = [0; MAX_PUBLIC_KEY_INFO];
    assert_eq!(
        public_key_info(&key, &mut out),
        Err(PublicKeyError::InvalidKey)
    );
}

/// Mbed TLS writes the scalar as an INTEGER, with a sign octet in front: 33 octets on P-256, 49 on P-384. The scalar is 1,
/// so the public point is the generator of the curve (SEC 2, 2.4.2 and 2.5.1).
#[test]
fn a_scalar_with_a_sign_octet_is_the_same_key() {
    const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    const P384: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
    for (curve, len, generator) in [
        (P256, 32, [0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47]),
        (P384, 48, [0xaa, 0x87, 0xca, 0x22, 0xbe, 0x8b, 0x05, 0x37]),
    ] {
        for octets in [len, len + 1, len + 2] {
            let mut der = vec![0x30, 0, 2, 1, 1, 4, u8::try_from(octets).unwrap()];
            der.resize(der.len() + octets - 1, 0);
            der.push(1);
            let oid = u8::try_from(curve.len()).unwrap();
            der.extend([0xa0, oid + 2, 6, oid]);
            der.extend(curve);
            der[1] = u8::try_from(der.len() - 2).unwrap();
            let mut scratch = [0; 256];
            let key = decode_private_key(&der, &mut scratch).unwrap();
            let mut info = [0; MAX_PUBLIC_KEY_INFO];
            let info = public_key_info(&key, &mut info).unwrap();
            let x = &info[info.len() - 2 * len..];
            assert_eq!(x[..8], generator, "{octets} octets");
        }
    }
}
