//! Damage of every small kind: no panic, no unsafe text, and a cut is called a cut.

use crate::support::is_safe;
use x509_facts::{Certificate, CertificateError, DottedOid, Fault, Field};

/// Calls every accessor, shows everything that can be shown, and checks what is claimed of it.
fn exercise(bytes: &[u8]) -> Result<(), CertificateError> {
    let (certificate, rest) = match Certificate::parse_prefix(bytes) {
        Ok(parsed) => parsed,
        Err(error) => {
            assert!(error.offset <= bytes.len(), "{error}");
            assert!(is_safe(&error.to_string()));
            assert_eq!(Certificate::parse(bytes), Err(error));
            return Err(error);
        }
    };
    assert_eq!([certificate.der(), rest].concat(), bytes);
    assert_eq!(Certificate::parse(bytes).is_ok(), rest.is_empty());
    assert!((1..=3).contains(&certificate.version()));
    assert!(!certificate.serial().is_empty());
    for name in [certificate.subject(), certificate.issuer()] {
        let shown = name.to_string();
        assert!(is_safe(&shown), "{shown:?}");
        assert_eq!(name.is_empty(), name.attributes().count() == 0);
        for attribute in name.attributes() {
            assert!(is_safe(&attribute.value.to_string()));
            assert!(is_safe(&DottedOid(attribute.oid).to_string()));
        }
        let common_name = name.common_name().map(|it| it.to_string());
        assert!(common_name.is_none_or(|it| shown.contains(&it)));
    }
    let validity = certificate.validity();
    for date in [validity.not_before, validity.not_after] {
        assert_eq!(date.to_string().parse(), Ok(date));
    }
    for name in certificate.subject_alt_names().into_iter().flatten() {
        assert!(is_safe(&name.to_string()), "{name:?}");
    }
    for purpose in certificate.extended_key_usage().into_iter().flatten() {
        assert!(is_safe(&DottedOid(purpose).to_string()));
    }
    for extension in certificate.extensions() {
        assert!(is_safe(&DottedOid(extension.oid).to_string()));
    }
    Ok(())
}

#[test]
fn a_certificate_cut_anywhere_is_truncated() {
    for (file, der) in crate::support::kept_der() {
        for length in 0..der.len() {
            let error = exercise(&der[..length]).unwrap_err();
            assert_eq!(
                (error.field, error.fault, error.offset),
                (Field::Outer, Fault::Truncated, 0),
                "{file} cut to {length}"
            );
        }
        exercise(&der).unwrap();
    }
}

#[test]
fn any_octet_may_be_flipped_dropped_or_doubled() {
    for (_, der) in crate::support::kept_der() {
        for at in 0..der.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = der.clone();
                damaged[at] ^= flip;
                let _ = exercise(&damaged);
            }
            let mut damaged = der.clone();
            let octet = damaged.remove(at);
            let _ = exercise(&damaged);
            damaged.splice(at..at, [octet, octet]);
            let _ = exercise(&damaged);
        }
    }
}

#[test]
fn any_octet_of_a_small_certificate_may_have_any_value() {
    let der = std::fs::read(crate::support::kept().join("inputs/ca_ed25519.crt.der")).unwrap();
    let mut accepted = 0;
    for at in 0..der.len() {
        for value in 0..=u8::MAX {
            let mut damaged = der.clone();
            damaged[at] = value;
            accepted += u32::from(exercise(&damaged).is_ok());
        }
    }
    // Signature, key and text may be anything; lengths and tags may not.
    assert!(accepted > 10_000 && accepted < 70_000, "{accepted}");
}

#[test]
fn an_inner_element_may_claim_any_length() {
    let der = std::fs::read(crate::support::kept().join("inputs/server_p256.crt.der")).unwrap();
    let claims: [&[u8]; 8] = [
        &[0x80],
        &[0x81, 0x05],
        &[0x82, 0x00, 0x90],
        &[0x82, 0xff, 0xff],
        &[0x84, 0x7f, 0xff, 0xff, 0xff],
        &[0x84, 0xff, 0xff, 0xff, 0xff],
        &[0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0xff],
    ];
    for at in 1..der.len() {
        for claim in claims {
            let mut damaged = der.clone();
            damaged.splice(at..=at, claim.iter().copied());
            let _ = exercise(&damaged);
        }
    }
    // As the outermost length, each of them is refused.
    for claim in claims {
        let error = exercise(&[&[0x30], claim, &[0; 64]].concat()).unwrap_err();
        assert_eq!(error.field, Field::Outer);
        assert!(matches!(error.fault, Fault::Length | Fault::Truncated));
    }
}

#[test]
fn nesting_costs_nothing() {
    let mut nested = Vec::new();
    for _ in 0..3000 {
        nested = crate::support::seq(&[&nested]);
    }
    // In an extension nobody knows it is an opaque value, in an algorithm's parameters too.
    let der = crate::support::Parts::with(|parts| {
        parts.extensions = vec![crate::support::extension(99, &nested)];
    });
    exercise(&der).unwrap();
    // Where structure is expected it ends at the first wrong tag.
    let error = exercise(&nested).unwrap_err();
    assert_eq!(error.fault, Fault::Truncated);
    assert_eq!(error.field, Field::SignatureAlgorithm);
    for kind in [14, 15, 17, 19, 35, 37] {
        let der = crate::support::Parts::with(|parts| {
            parts.extensions = vec![crate::support::extension(kind, &nested)];
        });
        let found = exercise(&der);
        // An authorityKeyIdentifier may hold elements that are not read.
        assert_eq!(found.is_ok(), kind == 35, "{kind}: {found:?}");
    }
}
