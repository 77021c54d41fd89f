//! What the vectors' manifest says of each certificate is what is read from it.

use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use x509_facts::{Certificate, DottedOid, Name};

fn common_name(name: Name<'_>) -> Option<&str> {
    name.common_name()?.as_str()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn purpose(oid: &[u8]) -> String {
    match DottedOid(oid).to_string().as_str() {
        "1.3.6.1.5.5.7.3.1" => "serverAuth".into(),
        "1.3.6.1.5.5.7.3.2" => "clientAuth".into(),
        other => other.into(),
    }
}

/// What the manifest says of one certificate, as this crate reads it.
fn facts(certificate: &Certificate<'_>) -> Value {
    let names = certificate.subject_alt_names().into_iter().flatten();
    let purposes = certificate.extended_key_usage().into_iter().flatten();
    json!({
        "kind": "certificate",
        "version": certificate.version(),
        "serial": hex(certificate.serial()),
        "subject_cn": common_name(certificate.subject()),
        "issuer_cn": common_name(certificate.issuer()),
        "self_issued": certificate.is_self_issued(),
        "not_before": certificate.validity().not_before.to_string(),
        "not_after": certificate.validity().not_after.to_string(),
        "is_ca": certificate.is_ca(),
        "path_len": certificate.basic_constraints().and_then(|it| it.path_len),
        "key": certificate.key_kind().to_string(),
        "signature": certificate.signature_algorithm().to_string(),
        "san": names.map(|name| name.to_string()).collect::<Vec<_>>(),
        "eku": purposes.map(purpose).collect::<Vec<_>>(),
        "der_len": certificate.der().len(),
        "der_sha256": hex(&Sha256::digest(certificate.der())),
        "spki_sha256": hex(&Sha256::digest(certificate.spki())),
    })
}

/// Returns how many certificates were compared.
fn compare(folder: &Path) -> usize {
    let mut compared = 0;
    for input in crate::support::manifest(folder)["inputs"]
        .as_array()
        .unwrap()
    {
        let objects = input["objects"].as_array().unwrap().iter();
        let expected: Vec<&Value> = objects.filter(|it| it["kind"] == "certificate").collect();
        if expected.is_empty() {
            continue;
        }
        let found = crate::support::certificates(folder, input);
        assert_eq!(found.len(), expected.len(), "{}", input["file"]);
        for (der, expected) in found.iter().zip(expected) {
            let certificate = Certificate::parse(der).unwrap();
            assert_eq!(facts(&certificate), *expected, "{}", input["file"]);
            compared += 1;
        }
    }
    compared
}

#[test]
fn facts_agree_with_the_manifest() {
    assert!(compare(&crate::support::vectors()) > 10);
}

#[test]
fn facts_agree_with_the_manifest_kept_here() {
    assert_eq!(compare(&crate::support::kept()), 12);
}

#[test]
fn a_root_and_a_leaf_in_full() {
    let read =
        |file: &str| std::fs::read(crate::support::kept().join("inputs").join(file)).unwrap();

    let root = read("ca_rsa.crt.der");
    let root = Certificate::parse(&root).unwrap();
    assert_eq!(root.subject().to_string(), "CN=Root RSA a, O=AT vectors a");
    assert_eq!(root.issuer(), root.subject());
    let usage = root.key_usage().unwrap();
    assert!(usage.key_cert_sign() && usage.crl_sign() && !usage.digital_signature());
    assert_eq!(root.subject_key_id().unwrap().len(), 20);
    assert_eq!(root.authority_key_id(), None);
    assert_eq!(root.public_key().len(), 270);
    let listed: Vec<(String, bool)> = root
        .extensions()
        .map(|it| (DottedOid(it.oid).to_string(), it.critical))
        .collect();
    let expected = [
        ("2.5.29.19", true),
        ("2.5.29.15", true),
        ("2.5.29.14", false),
    ];
    assert_eq!(
        listed,
        expected.map(|(oid, critical)| (oid.into(), critical))
    );

    let leaf = read("server_p256.crt.der");
    let leaf = Certificate::parse(&leaf).unwrap();
    let usage = leaf.key_usage().unwrap();
    assert!(usage.digital_signature() && usage.key_encipherment() && !usage.key_cert_sign());
    let purposes = leaf.extended_key_usage().unwrap();
    assert!(purposes.server_auth() && !purposes.client_auth() && !purposes.any());
    assert_eq!(leaf.public_key().len(), 65);
    let issuer = read("ca_p256.crt.der");
    let issuer = Certificate::parse(&issuer).unwrap();
    assert_eq!(leaf.authority_key_id(), issuer.subject_key_id());
    assert_eq!(leaf.issuer().as_der(), issuer.subject().as_der());
}
