//! The numbers of FIPS 180-4's examples, RFC 4231 (HMAC) and RFC 5869 (HKDF).

use std::string::String;
use std::vec;

use rustls::crypto::hash::Hash;
use rustls::crypto::hmac::Hmac;
use rustls::crypto::tls13::{Hkdf as _, HkdfUsingHmac};

use super::*;

fn hmac(function: &dyn Hmac, key: &[u8], data: &[u8]) -> String {
    let key = function.with_key(key);
    let whole = key.sign(&[data]);
    assert_eq!(whole.as_ref().len(), key.tag_len());
    assert_eq!(key.tag_len(), function.hash_output_len());
    // The same in parts, by the same key.
    let (first, rest) = data.split_at(data.len() / 3);
    let (middle, last) = rest.split_at(rest.len() / 2);
    let parts = key.sign_concat(first, &[middle, &[]], last);
    assert_eq!(whole.as_ref(), parts.as_ref());
    hex::encode(whole)
}

#[test]
fn hmac_of_rfc_4231() {
    let cases: [(&[u8], &[u8], &str, &str); 4] = [
        (
            &[0x0b; 20],
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c\
             faea9ea9076ede7f4af152e8b2fa9cb6",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e\
             8e2240ca5e69e2c78b3239ecfab21649",
        ),
        // Keys longer than a block of either hash function.
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6\
             0c2ef6ab4030fe8296248df163f44952",
        ),
        (
            &[0xaa; 131],
            b"This is a test using a larger than block-size key and a larger t\
              han block-size data. The key needs to be hashed before being use\
              d by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5\
             a678cc31e799176d3860e6110c46523e",
        ),
    ];
    for (key, data, sha256, sha384) in cases {
        assert_eq!(hmac(&HMAC_SHA256, key, data), sha256);
        assert_eq!(hmac(&HMAC_SHA384, key, data), sha384);
    }
}

#[test]
fn keys_around_the_length_of_a_block() {
    // RFC 2104 §2 by hand: inner and outer hash over padded key.
    fn by_hand<D: Digest>(key: &[u8], block: usize, data: &[u8]) -> String {
        let mut padded = if key.len() > block {
            D::digest(key).to_vec()
        } else {
            key.to_vec()
        };
        padded.resize(block, 0);
        let mixed = |with: u8| {
            padded
                .iter()
                .map(|byte| byte ^ with)
                .collect::<vec::Vec<u8>>()
        };
        let inner = D::new()
            .chain_update(mixed(0x36))
            .chain_update(data)
            .finalize();
        hex::encode(
            D::new()
                .chain_update(mixed(0x5c))
                .chain_update(inner)
                .finalize(),
        )
    }
    for len in [0, 1, 63, 64, 65, 127, 128, 129, 300] {
        let key = vec![0x77; len];
        assert_eq!(
            hmac(&HMAC_SHA256, &key, b"data"),
            by_hand::<Sha256>(&key, 64, b"data")
        );
        assert_eq!(
            hmac(&HMAC_SHA384, &key, b"data"),
            by_hand::<Sha384>(&key, 128, b"data")
        );
    }
}

#[test]
fn hkdf_of_rfc_5869() {
    let salt: vec::Vec<u8> = (0..=0x0c).collect();
    let info: vec::Vec<u8> = (0xf0..=0xf9).collect();
    let mut okm = [0; 42];
    HkdfUsingHmac(&HMAC_SHA256)
        .extract_from_secret(Some(&salt), &[0x0b; 22])
        .expand_slice(&[&info], &mut okm)
        .unwrap();
    assert_eq!(
        hex::encode(okm),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    );
}

#[test]
fn hashes_of_abc_whole_in_parts_and_forked() {
    let cases: [(&dyn Hash, HashAlgorithm, &str); 2] = [
        (
            &SHA256,
            HashAlgorithm::SHA256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            &SHA384,
            HashAlgorithm::SHA384,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
             8086072ba1e7cc2358baeca134c825a7",
        ),
    ];
    for (hash, algorithm, wanted) in cases {
        assert_eq!(hash.algorithm(), algorithm);
        assert_eq!(hash.output_len() * 2, wanted.len());
        assert_eq!(hex::encode(hash.hash(b"abc")), wanted);
        let mut running = hash.start();
        running.update(b"a");
        let mut other = running.fork();
        running.update(b"bc");
        assert_eq!(hex::encode(running.fork_finish()), wanted);
        assert_eq!(hex::encode(running.finish()), wanted);
        other.update(b"bc");
        assert_eq!(hex::encode(other.finish()), wanted);
    }
}
