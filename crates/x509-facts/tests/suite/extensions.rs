//! Each extension that is understood, made octet by octet, and the list of all of them.

use crate::support::{Parts, extension, oid, refusal, seq, tlv, with_extension};
use x509_facts::{
    BasicConstraints, Certificate, Fault, Field, GeneralName, KeyUsage, MAX_EXTENSIONS,
    NameConstraints,
};

#[test]
fn each_usage_bit_has_its_accessor() {
    let accessors: [fn(KeyUsage) -> bool; 9] = [
        KeyUsage::digital_signature,
        KeyUsage::content_commitment,
        KeyUsage::key_encipherment,
        KeyUsage::data_encipherment,
        KeyUsage::key_agreement,
        KeyUsage::key_cert_sign,
        KeyUsage::crl_sign,
        KeyUsage::encipher_only,
        KeyUsage::decipher_only,
    ];
    for bit in 0..9_u16 {
        let octets = (0x8000_u16 >> bit).to_be_bytes();
        let value = [3, 3, 7, octets[0], octets[1]];
        let der = with_extension(15, &value);
        let usage = Certificate::parse(&der).unwrap().key_usage().unwrap();
        for (index, accessor) in accessors.iter().enumerate() {
            assert_eq!(accessor(usage), index == usize::from(bit), "{bit} {index}");
        }
    }
    let table: &[(&[u8], bool)] = &[
        (&[3, 1, 0], true),
        (&[3, 2, 7, 0x80], true),
        (&[3, 2, 0, 0x80], true),
        (&[3, 4, 0, 0x80, 0, 1], true),
        (&[3, 2, 7, 0xc0], false),
        (&[3, 2, 8, 0x80], false),
        (&[3, 1, 1], false),
        (&[3, 0], false),
        (&[4, 2, 7, 0x80], false),
        (&[3, 2, 7, 0x80, 0], false),
    ];
    for (value, good) in table {
        assert_eq!(
            Certificate::parse(&with_extension(15, value)).is_ok(),
            *good,
            "{value:?}"
        );
    }
}

#[test]
fn basic_constraints() {
    let value = |ca, path_len| Some(BasicConstraints { ca, path_len });
    let table: &[(&[u8], Option<BasicConstraints>)] = &[
        (&[0x30, 0], value(false, None)),
        (&[0x30, 3, 1, 1, 0], value(false, None)),
        (&[0x30, 3, 1, 1, 0xff], value(true, None)),
        (&[0x30, 6, 1, 1, 0xff, 2, 1, 0], value(true, Some(0))),
        (&[0x30, 3, 2, 1, 5], value(false, Some(5))),
        (
            &[0x30, 10, 1, 1, 0xff, 2, 5, 0, 0xff, 0xff, 0xff, 0xff],
            value(true, Some(u32::MAX)),
        ),
        (&[0x30, 10, 1, 1, 0xff, 2, 5, 1, 0, 0, 0, 0], None),
        (&[0x30, 6, 1, 1, 0xff, 2, 1, 0xff], None),
        (&[0x30, 7, 1, 1, 0xff, 2, 2, 0, 1], None),
        (&[0x30, 3, 1, 1, 1], None),
        (&[0x30, 5, 1, 1, 0xff, 5, 0], None),
        (&[0x31, 0], None),
        (&[], None),
    ];
    for (octets, expected) in table {
        let der = with_extension(19, octets);
        match (Certificate::parse(&der), expected) {
            (Ok(certificate), Some(expected)) => {
                assert_eq!(certificate.basic_constraints(), Some(*expected));
                assert_eq!(certificate.is_ca(), Some(expected.ca));
            }
            (Err(error), None) => assert_eq!(error.field, Field::Extensions),
            (found, expected) => panic!("{octets:?}: {found:?}, not {expected:?}"),
        }
    }
}

#[test]
fn purposes() {
    let server: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
    let client: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
    let any: &[u8] = &[0x55, 0x1d, 37, 0];
    for list in [&[server][..], &[client, any], &[any], &[client, server]] {
        let oids: Vec<Vec<u8>> = list.iter().map(|it| oid(it)).collect();
        let der = with_extension(37, &seq(&[&oids.concat()]));
        let found = Certificate::parse(&der)
            .unwrap()
            .extended_key_usage()
            .unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), list);
        assert_eq!(found.server_auth(), list.contains(&server));
        assert_eq!(found.client_auth(), list.contains(&client));
        assert_eq!(found.any(), list.contains(&any));
    }
    let not_an_oid = with_extension(37, &seq(&[&[5, 0]]));
    assert_eq!(refusal(&not_an_oid), Some((Field::Extensions, Fault::Tag)));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn alternative_names() {
    let table: &[(u8, &[u8], Option<GeneralName<'_>>, &str)] = &[
        (
            0x82,
            b"host.test",
            Some(GeneralName::Dns("host.test")),
            "DNS:host.test",
        ),
        (
            0x82,
            b"*.test",
            Some(GeneralName::Dns("*.test")),
            "DNS:*.test",
        ),
        (
            0x82,
            b"a\r\n\"\0",
            Some(GeneralName::Dns("a\r\n\"\0")),
            r"DNS:a\x0D\x0A\x22\x00",
        ),
        (0x82, b"", Some(GeneralName::Dns("")), "DNS:"),
        (
            0x82,
            b"zo\xc3\xab.test",
            Some(GeneralName::DnsNotAscii(b"zo\xc3\xab.test")),
            r"DNS:zo\xC3\xAB.test",
        ),
        (
            0x82,
            b"\xff,",
            Some(GeneralName::DnsNotAscii(b"\xff,")),
            r"DNS:\xFF\x2C",
        ),
        (0xa2, b"", None, ""),
        (
            0x87,
            &[127, 0, 0, 1],
            Some(GeneralName::Ip(&[127, 0, 0, 1])),
            "IP:127.0.0.1",
        ),
        (0x87, &[0; 16], Some(GeneralName::Ip(&[0; 16])), "IP:::"),
        (
            0x87,
            &[1, 2, 3],
            Some(GeneralName::Ip(&[1, 2, 3])),
            "IP:#010203",
        ),
        (0xa7, b"", None, ""),
        (0x81, b"a@b", Some(GeneralName::Other { tag: 1 }), "other:1"),
        (
            0x86,
            b"https://x\r\n",
            Some(GeneralName::Other { tag: 6 }),
            "other:6",
        ),
        (
            0xa4,
            &[0x30, 0],
            Some(GeneralName::Other { tag: 4 }),
            "other:4",
        ),
        (0x0c, b"host.test", None, ""),
        (0x42, b"host.test", None, ""),
        (0xc2, b"host.test", None, ""),
    ];
    for (tag, value, expected, shown) in table {
        let first = tlv(0x82, &[b"first"]);
        let der = with_extension(17, &seq(&[&first, &tlv(*tag, &[value])]));
        match (Certificate::parse(&der), expected) {
            (Ok(certificate), Some(expected)) => {
                let names: Vec<_> = certificate.subject_alt_names().unwrap().collect();
                assert_eq!(names, [GeneralName::Dns("first"), *expected]);
                assert_eq!(names[1].to_string(), *shown);
            }
            (Err(error), None) => assert_eq!(error.field, Field::Extensions),
            (found, expected) => panic!("{tag:02x} {value:?}: {found:?}, not {expected:?}"),
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn name_constraints_are_counted() {
    let subtree = |name: &[u8]| seq(&[&tlv(0x82, &[name])]);
    let (a, b) = (subtree(b"a.test"), subtree(b""));
    let good: &[(Vec<u8>, usize, usize)] = &[
        (seq(&[&tlv(0xa0, &[&a])]), 1, 0),
        (seq(&[&tlv(0xa1, &[&a, &b])]), 0, 2),
        (seq(&[&tlv(0xa0, &[&a, &b]), &tlv(0xa1, &[&b])]), 2, 1),
        // Address and mask; a minimum and a maximum, which the profile forbids.
        (
            seq(&[&tlv(
                0xa0,
                &[&seq(&[&tlv(0x87, &[&[10, 0, 0, 0, 255, 0, 0, 0]])])],
            )]),
            1,
            0,
        ),
        (
            seq(&[&tlv(
                0xa1,
                &[&seq(&[&tlv(0x82, &[b"a"]), &[0x80, 1, 1], &[0x81, 1, 2]])],
            )]),
            0,
            1,
        ),
        (seq(&[]), 0, 0),
        (seq(&[&tlv(0xa0, &[]), &tlv(0xa1, &[])]), 0, 0),
    ];
    for (value, permitted, excluded) in good {
        let der = with_extension(30, value);
        assert_eq!(
            Certificate::parse(&der).unwrap().name_constraints(),
            Some(NameConstraints {
                permitted: *permitted,
                excluded: *excluded
            }),
            "{value:02x?}"
        );
    }
    let bad: &[Vec<u8>] = &[
        // Order, a third kind, twice the same.
        seq(&[&tlv(0xa1, &[&a]), &tlv(0xa0, &[&a])]),
        seq(&[&tlv(0xa2, &[&a])]),
        seq(&[&tlv(0xa0, &[&a]), &tlv(0xa0, &[&a])]),
        // A name without its subtree, a subtree without a name or with two.
        seq(&[&tlv(0xa0, &[&tlv(0x82, &[b"a"])])]),
        seq(&[&tlv(0xa0, &[&seq(&[])])]),
        seq(&[&tlv(
            0xa0,
            &[&seq(&[&tlv(0x82, &[b"a"]), &tlv(0x82, &[b"b"])])],
        )]),
        seq(&[&tlv(0xa0, &[&[5, 0]])]),
        tlv(0x31, &[]),
    ];
    for value in bad {
        assert_eq!(
            refusal(&with_extension(30, value)).map(|(field, _)| field),
            Some(Field::Extensions),
            "{value:02x?}"
        );
    }
    assert_eq!(
        Certificate::parse(&Parts::plain().der())
            .unwrap()
            .name_constraints(),
        None
    );
}

#[test]
fn key_identifiers() {
    let der = Parts::with(|p| {
        p.extensions = vec![
            extension(14, &[4, 2, 1, 2]),
            extension(35, &[0x30, 9, 0x80, 2, 3, 4, 0xa1, 0, 0x82, 1, 7]),
        ];
    });
    let certificate = Certificate::parse(&der).unwrap();
    assert_eq!(certificate.subject_key_id(), Some(&[1, 2][..]));
    assert_eq!(certificate.authority_key_id(), Some(&[3, 4][..]));
    let der = with_extension(35, &[0x30, 3, 0x82, 1, 7]);
    assert_eq!(Certificate::parse(&der).unwrap().authority_key_id(), None);
}

#[test]
fn extensions_are_listed_once_each_and_counted() {
    let list = |count: usize| {
        Parts::with(|p| {
            let numbers = 64..64 + u8::try_from(count).unwrap();
            p.extensions = numbers.map(|kind| extension(kind, &[kind])).collect();
        })
    };
    let der = list(MAX_EXTENSIONS);
    let found = Certificate::parse(&der).unwrap().extensions();
    let expected: Vec<u8> = (64..).take(MAX_EXTENSIONS).collect();
    assert_eq!(found.map(|it| it.value[0]).collect::<Vec<_>>(), expected);
    assert_eq!(
        refusal(&list(MAX_EXTENSIONS + 1)),
        Some((Field::Extensions, Fault::TooMany))
    );

    // A duplicate is found wherever it stands, known or not.
    for kind in [19, 99] {
        for at in 0..4 {
            let der = Parts::with(|p| {
                let others = (120..124).map(|other| extension(other, &[]));
                p.extensions = others.collect();
                p.extensions.insert(at, extension(kind, &[0x30, 0]));
                p.extensions.push(extension(kind, &[0x30, 0]));
            });
            assert_eq!(refusal(&der), Some((Field::Extensions, Fault::Duplicate)));
        }
    }
    let flagged = |flag: u8| {
        Parts::with(|p| {
            let unknown = [&oid(&[0x2a, 3])[..], &[1, 1, flag], &[4, 0]];
            p.extensions = vec![seq(&unknown)];
        })
    };
    for (flag, critical) in [(0x00, Some(false)), (0xff, Some(true)), (0x01, None)] {
        let der = flagged(flag);
        let found = Certificate::parse(&der).ok();
        assert_eq!(
            found.and_then(|it| Some(it.extensions().next()?.critical)),
            critical
        );
    }
}

#[test]
fn an_error_in_an_extension_names_it() {
    for (number, value, name) in [
        (19, &[0x30, 3, 1, 1, 1][..], "basicConstraints"),
        (15, &[3, 1, 1], "keyUsage"),
        (37, &[0x30, 2, 5, 0], "extendedKeyUsage"),
        (17, &[0x31, 0], "subjectAltName"),
        (30, &[], "nameConstraints"),
        (14, &[0x30, 0], "subjectKeyIdentifier"),
        (35, &[4, 0], "authorityKeyIdentifier"),
    ] {
        let error = Certificate::parse(&with_extension(number, value)).unwrap_err();
        assert_eq!(error.extension, Some(name));
        let text = error.to_string();
        assert!(text.starts_with(&format!("extension {name} ")), "{text}");
    }
    let twice = Parts::with(|p| {
        let names = extension(17, &seq(&[&tlv(0x82, &[b"a.test"])]));
        p.extensions = vec![names.clone(), names];
    });
    let error = Certificate::parse(&twice).unwrap_err();
    assert_eq!(
        (error.fault, error.extension),
        (Fault::Duplicate, Some("subjectAltName"))
    );
}
