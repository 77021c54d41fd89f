//! Key exchanges with the numbers of RFC 5903 and RFC 7748, and every kind of bad key share.

use std::boxed::Box;
use std::format;
use std::vec;
use std::vec::Vec;

use super::*;

/// RFC 5903 §8.1: private keys, public keys, shared secret.
const P256: [&str; 5] = [
    "C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433",
    "C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53",
    "04DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180\
     5271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3",
    "04D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63\
     56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB",
    "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE",
];

/// RFC 5903 §8.2.
const P384: [&str; 5] = [
    "099F3C7034D4A2C699884D73A375A67F7624EF7C6B3C0F160647B67414DCE655\
     E35B538041E649EE3FAEF896783AB194",
    "41CB0779B4BDB85D47846725FBEC3C9430FAB46CC8DC5060855CC9BDA0AA2942\
     E0308312916B8ED2960E4BD55A7448FC",
    "04667842D7D180AC2CDE6F74F37551F55755C7645C20EF73E31634FE72B4C55EE6\
     DE3AC808ACB4BDB4C88732AEE95F41AA\
     9482ED1FC0EEB9CAFC4984625CCFC23F65032149E0E144ADA024181535A0F38E\
     EB9FCFF3C2C947DAE69B4C634573A81C",
    "04E558DBEF53EECDE3D3FCCFC1AEA08A89A987475D12FD950D83CFA41732BC509D\
     0D1AC43A0336DEF96FDA41D0774A3571\
     DCFBEC7AACF3196472169E838430367F66EEBE3C6E70C416DD5F0C68759DD1FF\
     F83FA40142209DFF5EAAD96DB9E6386C",
    "11187331C279962D93D604243FD592CB9D0A926F422E47187521287E7156C5C4\
     D603135569B9E9D09CF5D4A270F59746",
];

/// RFC 7748 §6.1.
const CURVE25519: [&str; 5] = [
    "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
    "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
    "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
    "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
    "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
];

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn weierstrass<C>(group: NamedGroup, secret: &[u8]) -> Box<dyn ActiveKeyExchange>
where
    C: CurveArithmetic + PointCompression,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromEncodedPoint<C> + ToEncodedPoint<C>,
{
    let secret = SecretKey::<C>::from_slice(secret).unwrap();
    Box::new(WeierstrassExchange::new(group, secret))
}

fn x25519(secret: &[u8]) -> Box<dyn ActiveKeyExchange> {
    let secret: [u8; 32] = secret.try_into().unwrap();
    Box::new(X25519Exchange::new(secret.into()))
}

/// Both sides of a key exchange have the public keys and the shared secret of the document.
fn check(numbers: [&str; 5], exchange: impl Fn(&[u8]) -> Box<dyn ActiveKeyExchange>) {
    let [a, b, public_a, public_b, shared] = numbers.map(bytes);
    for (secret, public, peer) in [(&a, &public_a, &public_b), (&b, &public_b, &public_a)] {
        let exchange = exchange(secret);
        assert_eq!(exchange.pub_key(), *public);
        let secret = exchange.complete(peer).unwrap();
        assert_eq!(secret.secret_bytes(), shared);
    }
}

#[test]
fn the_numbers_of_rfc_5903_and_rfc_7748() {
    check(P256, |secret| {
        weierstrass::<p256::NistP256>(NamedGroup::secp256r1, secret)
    });
    check(P384, |secret| {
        weierstrass::<NistP384>(NamedGroup::secp384r1, secret)
    });
    check(CURVE25519, x25519);
}

#[test]
fn an_exchange_names_its_group() {
    crate::random::stir(&[1; 32]);
    for group in GROUPS {
        let exchange = group.start().unwrap();
        assert_eq!(exchange.group(), group.name());
        assert!(group.ffdhe_group().is_none() && exchange.ffdhe_group().is_none());
        assert!(exchange.pub_key() != group.start().unwrap().pub_key());
    }
    let names = format!("{GROUPS:?}");
    assert_eq!(names, "[secp256r1, X25519, secp384r1]");
}

/// Asserts that each of `shares` is refused by a new exchange of `group`.
fn assert_refused(group: &dyn SupportedKxGroup, shares: impl IntoIterator<Item = Vec<u8>>) {
    crate::random::stir(&[2; 32]);
    for share in shares {
        let result = group.start().unwrap().complete(&share);
        let wanted = Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare);
        assert_eq!(
            result.err(),
            Some(wanted),
            "{group:?} {}",
            hex::encode(share)
        );
    }
}

#[test]
fn a_point_must_be_uncompressed_of_the_right_length_and_on_the_curve() {
    for (group, point, prime) in [
        (
            GROUPS[0],
            P256[2],
            "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        ),
        (
            GROUPS[2],
            P384[2],
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe\
             ffffffff0000000000000000ffffffff",
        ),
    ] {
        let point = bytes(point);
        let prime = bytes(prime);
        let size = prime.len();
        group_takes(group, &point);

        // Forms of SEC 1 that TLS does not have: infinity, compressed, compact, hybrid.
        assert_refused(
            group,
            [vec![], vec![0], vec![0; size + 1], vec![0; 2 * size + 1]],
        );
        for tag in 0..=255 {
            let mut long = point.clone();
            long[0] = tag;
            if tag != 4 {
                assert_refused(group, [long.clone(), long[..=size].to_vec()]);
            }
        }
        // Wrong lengths, down to the point of the other curve.
        for len in 0..point.len() {
            assert_refused(group, [point[..len].to_vec()]);
        }
        for extra in [1, 2, 32] {
            let mut long = point.clone();
            long.resize(point.len() + extra, 0);
            assert_refused(group, [long]);
        }
        // Off the curve: each coordinate changed, both swapped, zero, the prime itself and all ones.
        for at in 1..point.len() {
            let mut off = point.clone();
            off[at] ^= 1;
            assert_refused(group, [off]);
        }
        let (x, y) = point[1..].split_at(size);
        let joined = |x: &[u8], y: &[u8]| [&[4], x, y].concat();
        let (zero, ones) = (vec![0; size], vec![0xff; size]);
        assert_refused(
            group,
            [
                joined(y, x),
                joined(&zero, &zero),
                joined(x, &zero),
                joined(&prime, y),
                joined(x, &prime),
                joined(&prime, &prime),
                joined(&ones, &ones),
            ],
        );
    }
}

/// The share that bad ones are made from is a good one.
fn group_takes(group: &dyn SupportedKxGroup, share: &[u8]) {
    crate::random::stir(&[3; 32]);
    assert!(group.start().unwrap().complete(share).is_ok());
}

#[test]
fn a_share_of_x25519_that_leads_to_zero_is_refused() {
    let group = GROUPS[1];
    group_takes(group, &bytes(CURVE25519[2]));
    // The points of small order, in all their encodings below 2^255 (RFC 7748 §6.1).
    let small = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for point in small {
        // The top bit is ignored (RFC 7748 §5), so each has a twin.
        let mut twin = bytes(point);
        twin[31] |= 0x80;
        assert_refused(group, [bytes(point), twin]);
    }
    for len in (0..70).filter(|len| *len != 32) {
        assert_refused(group, [vec![9; len]]);
    }
}
