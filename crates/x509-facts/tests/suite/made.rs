//! Certificates made octet by octet: what OpenSSL would not write, and what each fault is called.

use crate::support::{Parts, extension, is_safe, name, oid, refusal, seq, tlv, with_extension};
use x509_facts::{Certificate, Fault, Field, Hash, KeyKind, MAX_NAME_PARTS, SignatureAlgorithm};

type Change = fn(&mut Parts);

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn each_field_has_its_own_faults() {
    use Fault::{Length, Mismatch, Tag, Trailing, Truncated, Value};
    let table: &[(Change, Field, Fault)] = &[
        (
            |p| p.version = tlv(0xa0, &[&[2, 1, 3]]),
            Field::Version,
            Value,
        ),
        (
            |p| p.version = tlv(0xa0, &[&[2, 1, 0xff]]),
            Field::Version,
            Value,
        ),
        (|p| p.version = tlv(0xa0, &[&[2, 0]]), Field::Version, Value),
        (|p| p.version = tlv(0xa0, &[]), Field::Version, Truncated),
        (
            |p| p.version = tlv(0xa0, &[&[2, 1, 2, 0]]),
            Field::Version,
            Trailing,
        ),
        (|p| p.version = tlv(0xa1, &[&[2, 1, 2]]), Field::Serial, Tag),
        (|p| p.serial = vec![2, 0], Field::Serial, Length),
        (|p| p.serial = vec![4, 1, 7], Field::Serial, Tag),
        (
            |p| p.outer_algorithm = seq(&[&oid(&[0x2b, 0x65, 113])]),
            Field::SignatureAlgorithm,
            Mismatch,
        ),
        (
            |p| p.algorithm = seq(&[&oid(&[0x2b, 0x65, 112]), &[5, 0]]),
            Field::SignatureAlgorithm,
            Mismatch,
        ),
        (
            |p| {
                p.algorithm = seq(&[&oid(&[0x80])]);
                p.outer_algorithm = p.algorithm.clone();
            },
            Field::SignatureAlgorithm,
            Value,
        ),
        (
            |p| {
                p.algorithm = seq(&[]);
                p.outer_algorithm = p.algorithm.clone();
            },
            Field::SignatureAlgorithm,
            Truncated,
        ),
        (
            |p| p.issuer = seq(&[&tlv(0x31, &[])]),
            Field::Issuer,
            Length,
        ),
        (|p| p.issuer = seq(&[&seq(&[])]), Field::Issuer, Tag),
        (
            |p| p.subject = seq(&[&tlv(0x31, &[&seq(&[&oid(&[0x55, 4, 3])])])]),
            Field::Subject,
            Truncated,
        ),
        (
            |p| p.subject = seq(&[&tlv(0x31, &[&seq(&[&oid(&[]), &[0x0c, 0]])])]),
            Field::Subject,
            Value,
        ),
        (
            |p| {
                p.subject = seq(&[&tlv(
                    0x31,
                    &[&seq(&[&oid(&[0x55, 4, 3]), &[0x1f, 0x81, 1, 0]])],
                )]);
            },
            Field::Subject,
            Tag,
        ),
        (
            |p| p.validity = seq(&[&tlv(0x17, &[b"240101000000Z"])]),
            Field::Validity,
            Truncated,
        ),
        (
            |p| {
                p.validity = seq(&[
                    &tlv(0x17, &[b"2401010000Z"]),
                    &tlv(0x17, &[b"240101000000Z"]),
                ]);
            },
            Field::Validity,
            Value,
        ),
        (
            |p| {
                p.validity = seq(&[
                    &tlv(0x17, &[b"240101000000Z"]),
                    &tlv(0x16, &[b"240101000000Z"]),
                ]);
            },
            Field::Validity,
            Tag,
        ),
        (
            |p| p.key_info = seq(&[&seq(&[&oid(&[0x2b, 0x65, 112])])]),
            Field::KeyInfo,
            Truncated,
        ),
        (
            |p| p.key_info = seq(&[&seq(&[&oid(&[0x2b, 0x65, 112])]), &tlv(3, &[&[1, 0xfe]])]),
            Field::KeyInfo,
            Value,
        ),
        (
            |p| p.key_info = seq(&[&seq(&[&oid(&[0x2b, 0x65, 112])]), &[3, 0]]),
            Field::KeyInfo,
            Value,
        ),
        (
            |p| {
                p.version.clear();
                p.unique_ids = vec![0x81, 2, 0, 7];
            },
            Field::UniqueId,
            Tag,
        ),
        (
            |p| p.unique_ids = vec![0x82, 1, 0, 0x81, 1, 0],
            Field::Tbs,
            Trailing,
        ),
        (
            |p| {
                p.version.clear();
                p.extensions = vec![extension(14, &[4, 0])];
            },
            Field::Extensions,
            Tag,
        ),
        (
            |p| {
                p.version = tlv(0xa0, &[&[2, 1, 1]]);
                p.extensions = vec![extension(14, &[4, 0])];
            },
            Field::Extensions,
            Tag,
        ),
        (
            |p| p.signature = vec![3, 2, 1, 0xfe],
            Field::Signature,
            Value,
        ),
        (|p| p.signature = vec![4, 1, 0], Field::Signature, Tag),
        (|p| p.signature = Vec::new(), Field::Signature, Truncated),
        (|p| p.signature.extend([5, 0]), Field::Outer, Trailing),
    ];
    for (index, (change, field, fault)) in table.iter().enumerate() {
        let found = refusal(&Parts::with(change));
        assert_eq!(found, Some((*field, *fault)), "row {index}");
    }
    assert_eq!(refusal(&Parts::plain().der()), None);
}

#[test]
fn what_only_a_profile_forbids_is_a_fact() {
    let der = Parts::with(|p| p.version = tlv(0xa0, &[&[2, 1, 0]]));
    assert_eq!(Certificate::parse(&der).unwrap().version(), 1);
    let der = Parts::with(|p| p.version.clear());
    assert_eq!(Certificate::parse(&der).unwrap().version(), 1);
    let der = Parts::with(|p| {
        p.version = tlv(0xa0, &[&[2, 1, 1]]);
        p.unique_ids = vec![0x81, 2, 0, 7, 0x82, 1, 0];
    });
    assert_eq!(Certificate::parse(&der).unwrap().version(), 2);
    let der = Parts::with(|p| p.serial = vec![2, 2, 0xff, 0x01]);
    assert_eq!(Certificate::parse(&der).unwrap().serial(), [0xff, 0x01]);
    let der = Parts::with(|p| p.subject = seq(&[]));
    let certificate = Certificate::parse(&der).unwrap();
    assert!(certificate.subject().is_empty() && !certificate.is_self_issued());
    assert_eq!(certificate.subject().to_string(), "");
    assert_eq!(certificate.subject().common_name(), None);
    // No extensions is not the same as extensions that say nothing.
    assert!(certificate.subject_alt_names().is_none() && certificate.is_ca().is_none());
    let der = with_extension(17, &seq(&[]));
    assert_eq!(
        Certificate::parse(&der)
            .unwrap()
            .subject_alt_names()
            .unwrap()
            .count(),
        0
    );
    let der = with_extension(37, &seq(&[]));
    let empty = Certificate::parse(&der)
        .unwrap()
        .extended_key_usage()
        .unwrap();
    assert!(!empty.any() && !empty.server_auth() && empty.iter().count() == 0);
}

#[test]
fn octets_after_the_certificate_are_returned_or_refused() {
    let mut der = Parts::plain().der();
    let length = der.len();
    der.extend_from_slice(b"rest");
    let (first, rest) = Certificate::parse_prefix(&der).unwrap();
    assert_eq!((first.der(), rest), (&der[..length], &b"rest"[..]));
    let error = Certificate::parse(&der).unwrap_err();
    assert_eq!(
        (error.field, error.fault, error.offset),
        (Field::Outer, Fault::Trailing, length)
    );
    let words = format!("certificate is followed by more octets at offset {length}");
    assert_eq!(error.to_string(), words);
}

#[test]
fn an_offset_points_at_the_element_that_is_wrong() {
    let der = Parts::with(|p| {
        p.extensions = vec![
            extension(14, &[4, 1, 9]),
            extension(19, &[0x30, 3, 1, 1, 0x01]),
        ];
    });
    let error = Certificate::parse(&der).unwrap_err();
    let wrong = der.windows(3).position(|it| it == [1, 1, 0x01]).unwrap();
    assert_eq!(
        (error.field, error.fault, error.offset),
        (Field::Extensions, Fault::Value, wrong)
    );
}

#[test]
fn names_are_shown_on_one_line_between_quotes() {
    let table: &[(u8, &[u8], &str)] = &[
        (0x0c, "Zoë".as_bytes(), "Zoë"),
        (0x13, b"a b", "a b"),
        (0x16, b"a\r\nOK\r\n", r"a\x0D\x0AOK\x0D\x0A"),
        (
            0x0c,
            b"a\" , O=b\\+\0\x1b[2J\x7f",
            r"a\x22 \x2C O=b\x5C\x2B\x00\x1B[2J\x7F",
        ),
        (0x0c, b"a\xffb\xc3", r"a\xFFb\xC3"),
        (
            0x0c,
            "\u{85}\u{202e}x\u{200b}".as_bytes(),
            r"\xC2\x85\xE2\x80\xAEx\xE2\x80\x8B",
        ),
        (0x14, b"Zo\xeb", "Zoë"),
        (0x14, b"\x9b\"", r"\xC2\x9B\x22"),
        (0x1e, &[0, b'Z', 0, b'o', 0, 0xeb], "Zoë"),
        (0x1e, &[0xd8, 0x3d, 0xde, 0x00], "😀"),
        (0x1e, &[0xd8, 0x3d, 0, 0x0a, 7], r"\xD8\x3D\x0A\x07"),
        (
            0x1c,
            &[0, 0, 0, b'Z', 0, 0x11, 0, 0, 9],
            r"Z\x00\x11\x00\x00\x09",
        ),
        (0x02, &[1, 0xab], "#01AB"),
        (0x30, &[2, 1, 0], "#020100"),
        (0x0c, b"", ""),
    ];
    for (tag, value, expected) in table {
        let der = Parts::with(|p| p.subject = name(3, *tag, value));
        let subject = Certificate::parse(&der).unwrap().subject();
        let shown = subject.to_string();
        assert_eq!(shown, format!("CN={expected}"));
        assert_eq!(subject.common_name().unwrap().to_string(), *expected);
        assert_eq!(subject.common_name().unwrap().as_bytes(), *value);
        assert!(is_safe(&shown));
    }
}

#[test]
fn the_raw_text_is_had_from_text_types_only() {
    let text = |tag, value: &[u8]| {
        let der = Parts::with(|p| p.subject = name(3, tag, value));
        let certificate = Certificate::parse(&der).unwrap();
        certificate
            .subject()
            .common_name()
            .unwrap()
            .as_str()
            .map(String::from)
    };
    assert_eq!(text(0x0c, b"a\0b").as_deref(), Some("a\0b"));
    assert_eq!(text(0x16, b"host.test").as_deref(), Some("host.test"));
    assert_eq!(text(0x0c, b"\xff"), None);
    assert_eq!(text(0x14, b"host.test"), None);
    assert_eq!(text(0x1e, b"\0a"), None);
}

#[test]
fn names_of_many_parts() {
    let attribute =
        |oid_octets: &[u8], value: &[u8]| seq(&[&oid(oid_octets), &tlv(0x0c, &[value])]);
    let subject = seq(&[
        &tlv(0x31, &[&attribute(&[0x55, 4, 6], b"NL")]),
        &tlv(0x31, &[&attribute(&[0x55, 4, 3], b"first")]),
        &tlv(
            0x31,
            &[
                &attribute(&[0x55, 4, 10], b"O"),
                &attribute(&[0x55, 4, 11], b"U"),
            ],
        ),
        &tlv(
            0x31,
            &[&attribute(
                &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25],
                b"test",
            )],
        ),
        &tlv(0x31, &[&attribute(&[0x2a, 3], b"odd")]),
        &tlv(0x31, &[&attribute(&[0x55, 4, 3], b"last")]),
    ]);
    let der = Parts::with(|p| p.subject = subject.clone());
    let found = Certificate::parse(&der).unwrap().subject();
    assert_eq!(
        found.to_string(),
        "CN=last, 1.2.3=odd, DC=test, O=O+OU=U, CN=first, C=NL"
    );
    assert_eq!(found.common_name().unwrap().as_str(), Some("last"));
    assert_eq!(found.attributes().count(), 7);
    assert_eq!(found.as_der(), subject);

    let part = tlv(0x31, &[&attribute(&[0x55, 4, 11], b"x")]);
    for (count, expected) in [
        (MAX_NAME_PARTS, None),
        (MAX_NAME_PARTS + 1, Some((Field::Issuer, Fault::TooMany))),
    ] {
        let der = Parts::with(|p| p.issuer = seq(&[&part.repeat(count)]));
        assert_eq!(refusal(&der), expected);
    }
}

#[test]
fn names_are_compared_as_stored() {
    let der = Parts::with(|p| p.issuer = name(3, 0x13, b"subject"));
    let certificate = Certificate::parse(&der).unwrap();
    assert_eq!(
        certificate.issuer().to_string(),
        certificate.subject().to_string()
    );
    assert!(!certificate.is_self_issued());
    let der = Parts::with(|p| p.issuer = p.subject.clone());
    assert!(Certificate::parse(&der).unwrap().is_self_issued());
}

#[test]
fn keys_by_algorithm_and_curve() {
    let curve = |octets: &[u8]| seq(&[&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]), octets]);
    let table = [
        (
            curve(&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7])),
            KeyKind::P256,
        ),
        (curve(&oid(&[0x2b, 0x81, 4, 0, 34])), KeyKind::P384),
        (curve(&oid(&[0x2b, 0x81, 4, 0, 35])), KeyKind::P521),
        (curve(&oid(&[0x2b, 0x81, 4, 0, 10])), KeyKind::Other),
        (curve(&seq(&[])), KeyKind::Other),
        (curve(&[]), KeyKind::Other),
        (seq(&[&oid(&[0x2b, 0x65, 112])]), KeyKind::Ed25519),
        (seq(&[&oid(&[0x2b, 0x65, 113])]), KeyKind::Ed448),
        (seq(&[&oid(&[0x2b, 0x65, 110])]), KeyKind::Other),
    ];
    for (algorithm, expected) in table {
        let der = Parts::with(|p| p.key_info = seq(&[&algorithm, &tlv(3, &[&[0, 9, 9]])]));
        let certificate = Certificate::parse(&der).unwrap();
        assert_eq!(certificate.key_kind(), expected);
        assert_eq!(certificate.public_key(), [9, 9]);
    }

    let rsa = |modulus: &[u8], exponent: &[u8]| {
        let key = seq(&[&tlv(2, &[modulus]), &tlv(2, &[exponent])]);
        let algorithm = seq(&[
            &oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]),
            &[5, 0],
        ]);
        let der = Parts::with(|p| p.key_info = seq(&[&algorithm, &tlv(3, &[&[0], &key])]));
        Certificate::parse(&der)
            .map(|it| it.key_kind())
            .map_err(|it| (it.field, it.fault))
    };
    let bad = Err((Field::KeyInfo, Fault::Value));
    assert_eq!(
        rsa(&[&[0, 0x80][..], &[0; 255]].concat(), &[1, 0, 1]),
        Ok(KeyKind::Rsa { bits: 2048 })
    );
    assert_eq!(
        rsa(&[&[0x7f][..], &[0; 255]].concat(), &[3]),
        Ok(KeyKind::Rsa { bits: 2047 })
    );
    assert_eq!(rsa(&[1], &[3]), Ok(KeyKind::Rsa { bits: 1 }));
    assert_eq!(rsa(&[0], &[3]), bad);
    assert_eq!(rsa(&[], &[3]), bad);
    assert_eq!(rsa(&[0x80, 1], &[3]), bad);
    assert_eq!(rsa(&[0, 1], &[3]), bad);
    assert_eq!(rsa(&[5], &[0]), bad);
    assert_eq!(rsa(&[5], &[0xff]), bad);
}

#[test]
fn signatures_by_algorithm() {
    use SignatureAlgorithm::{Ecdsa, Ed448, Ed25519, Other, RsaPkcs1, RsaPss};
    let pkcs1 = |last| vec![0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, last];
    let ecdsa = |last| vec![0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, last];
    let table = [
        (pkcs1(2), Other, "other"),
        (pkcs1(4), RsaPkcs1(Hash::Md5), "rsa-md5"),
        (pkcs1(5), RsaPkcs1(Hash::Sha1), "rsa-sha1"),
        (pkcs1(10), RsaPss, "rsa-pss"),
        (pkcs1(11), RsaPkcs1(Hash::Sha256), "rsa-sha256"),
        (pkcs1(12), RsaPkcs1(Hash::Sha384), "rsa-sha384"),
        (pkcs1(13), RsaPkcs1(Hash::Sha512), "rsa-sha512"),
        (pkcs1(14), RsaPkcs1(Hash::Sha224), "rsa-sha224"),
        (
            vec![0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1],
            Ecdsa(Hash::Sha1),
            "ecdsa-sha1",
        ),
        (ecdsa(1), Ecdsa(Hash::Sha224), "ecdsa-sha224"),
        (ecdsa(2), Ecdsa(Hash::Sha256), "ecdsa-sha256"),
        (ecdsa(3), Ecdsa(Hash::Sha384), "ecdsa-sha384"),
        (ecdsa(4), Ecdsa(Hash::Sha512), "ecdsa-sha512"),
        (ecdsa(5), Other, "other"),
        (vec![0x2b, 0x65, 112], Ed25519, "ed25519"),
        (vec![0x2b, 0x65, 113], Ed448, "ed448"),
    ];
    for (octets, expected, shown) in table {
        let der = Parts::with(|p| {
            p.algorithm = seq(&[&oid(&octets)]);
            p.outer_algorithm = p.algorithm.clone();
        });
        let found = Certificate::parse(&der).unwrap().signature_algorithm();
        assert_eq!((found, found.to_string().as_str()), (expected, shown));
    }
}

/// Attribute, string type and content of an RDN.
type Part<'a> = (u8, u8, &'a [u8]);

/// RDNs: one attribute each, of this string type.
fn typed_name(parts: &[Part<'_>]) -> Vec<u8> {
    let rdns: Vec<Vec<u8>> = parts
        .iter()
        .map(|(attribute, tag, text)| {
            let attribute = seq(&[&oid(&[0x55, 4, *attribute]), &tlv(*tag, &[text])]);
            tlv(0x31, &[&attribute])
        })
        .collect();
    seq(&[&rdns.concat()])
}

#[test]
fn names_are_the_same_whatever_string_type_case_and_blanks() {
    const UTF8: u8 = 0x0c;
    const PRINTABLE: u8 = 0x13;
    const T61: u8 = 0x14;
    const BMP: u8 = 0x1e;
    const UNIVERSAL: u8 = 0x1c;
    let root = [(10, UTF8, &b"Pump Works"[..]), (3, UTF8, b"Root")];
    let table: &[(&[Part<'_>], bool)] = &[
        (&root, true),
        (
            &[(10, PRINTABLE, b"Pump Works"), (3, PRINTABLE, b"Root")],
            true,
        ),
        (&[(10, T61, b"  pump   works "), (3, UTF8, b"ROOT")], true),
        (
            &[(10, UTF8, b"Pump Works"), (3, BMP, b"\0R\0o\0o\0t")],
            true,
        ),
        (
            &[
                (10, UTF8, b"Pump Works"),
                (3, UNIVERSAL, b"\0\0\0r\0\0\0o\0\0\0o\0\0\0t"),
            ],
            true,
        ),
        (
            &[(10, UTF8, b"Pump Works"), (3, BMP, b"\0R\0o\0o\0")],
            false,
        ),
        (&[(10, UTF8, b"PumpWorks"), (3, UTF8, b"Root")], false),
        (&[(10, UTF8, b"Pump Works"), (3, UTF8, b"Roots")], false),
        (&[(10, UTF8, b"Pump Works"), (4, UTF8, b"Root")], false),
        (&[(3, UTF8, b"Root"), (10, UTF8, b"Pump Works")], false),
        (&[(10, UTF8, b"Pump Works")], false),
        (&[(10, UTF8, b"Pump Works"), (3, 0x04, b"Root")], false),
        (&[], false),
    ];
    let with = |subject| Parts::with(|p| p.subject = subject);
    let ours = with(typed_name(&root));
    let ours = Certificate::parse(&ours).unwrap().subject();
    for (parts, same) in table {
        let theirs = with(typed_name(parts));
        let theirs = Certificate::parse(&theirs).unwrap().subject();
        assert_eq!(ours.is_same_as(&theirs), *same, "{theirs}");
        assert_eq!(theirs.is_same_as(&ours), *same, "{theirs}");
    }
}
