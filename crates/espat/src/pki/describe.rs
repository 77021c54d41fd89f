//! Errors, warnings, findings, items and their objects as JSON. Field names are part of the contract.

use cert_bin::content::{self, Encoding, Object, ObjectKind, PrivateKey, Shape};
use cert_bin::lint::{Finding, Level, Problem};
use cert_bin::mistake::{BadImage, Mistake};
use cert_bin::{Image, ImageError, ImageWarning, Item};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use x509_facts::{Certificate, GeneralName};

/// Why an image was refused, with its numbers.
pub(super) fn image_error(bad: &BadImage) -> Value {
    let error = bad.error;
    let details = error.map_or(Value::Null, |error| image_error_details(&error));
    let code = bad.code();
    let message = match (bad.mistake, error) {
        (Some(mistake), _) => Mistake::text(mistake).to_owned(),
        (None, Some(error)) => error.to_string(),
        (None, None) => bad.to_string(),
    };
    let fixed = json!({
        "result": "error",
        "kind": error.map_or(code, |error| error.code()),
        "code": code,
        "message": message,
        "findings": [{"code": code, "level": "error", "message": message}],
    });
    merged(fixed, details)
}

fn image_error_details(error: &ImageError) -> Value {
    match *error {
        ImageError::TruncatedHeader { have } => json!({"have": have}),
        ImageError::BadMagic { found } => json!({"found": format!("{found:04x}")}),
        ImageError::ListLengthExceedsInput {
            declared,
            available,
        } => json!({"declared": declared, "available": available}),
        ImageError::ItemHeaderMissing { index, left } => json!({"index": index, "left": left}),
        ImageError::UnknownType { index, found } => json!({"index": index, "type": found}),
        ImageError::ItemOverrun {
            index,
            declared,
            available,
        } => json!({"index": index, "declared": declared, "available": available}),
        ImageError::UnlistedBytes { left } => json!({"left": left}),
        _ => Value::Null,
    }
}

/// What is odd about an image.
pub(super) fn warning(warning: &ImageWarning) -> Value {
    let details = match *warning {
        ImageWarning::CountOver127 { count } => json!({"count": count}),
        ImageWarning::DuplicateId { index, kind, id } => {
            json!({"index": index, "type": kind.name(), "id": id})
        }
        ImageWarning::IdOutOfSequence {
            index,
            kind,
            id,
            expected,
        } => json!({"index": index, "type": kind.name(), "id": id, "expected": expected}),
        ImageWarning::TrailingData { offset } => json!({"offset": offset}),
        _ => warning
            .index()
            .map_or(Value::Null, |index| json!({"index": index})),
    };
    merged(json!({"kind": warning.code()}), details)
}

/// What is odd about an image, as findings.
pub(super) fn warning_findings(image: &Image<'_>) -> Vec<Value> {
    let findings = image.warnings().map(|it| {
        let fixed = json!({"code": it.code(), "level": "warning", "message": it.to_string()});
        merged(fixed, warning(&it))
    });
    findings.collect()
}

/// All warnings of an image.
pub(super) fn warnings(image: &Image<'_>) -> Vec<Value> {
    image.warnings().map(|it| warning(&it)).collect()
}

/// `error` or `warning`.
pub(super) const fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
    }
}

/// A finding of the lint: `index` where it is about one item, `code`, `level` and its numbers.
pub(crate) fn finding(finding: &Finding) -> Value {
    let problem = &finding.problem;
    let details = match *problem {
        Problem::Damaged { at, fault } => json!({"at": at, "fault": fault.to_string()}),
        Problem::TooLong { length } => json!({"length": length}),
        Problem::TooManyOfOneType { kind, count } => json!({"type": kind.name(), "count": count}),
        Problem::TooBigForPartition {
            size,
            partition_size,
        } => json!({"size": size, "partition_size": partition_size}),
        Problem::Expired {
            certificate,
            not_after,
        } => json!({"certificate": certificate, "not_after": not_after.to_string()}),
        Problem::NotYetValid {
            certificate,
            not_before,
        } => json!({"certificate": certificate, "not_before": not_before.to_string()}),
        Problem::X509V1 { certificate } | Problem::NotACa { certificate } => {
            json!({"certificate": certificate})
        }
        Problem::SeveralCertificates { count } | Problem::OnlyFirstItemUsed { count } => {
            json!({"count": count})
        }
        Problem::PartlyUnsupported { unsupported } => json!({"unsupported": unsupported}),
        Problem::DuplicateContent { first } => json!({"first": first}),
        Problem::TypeNotExpected { expected, found } => {
            json!({"expected": expected.name(), "found": found.name()})
        }
        _ => Value::Null,
    };
    let index = finding
        .index
        .map_or(Value::Null, |index| json!({"index": index}));
    let fixed = json!({
        "code": problem.code(),
        "level": level(problem.level()),
        "message": problem.to_string(),
    });
    merged(merged(index, fixed), details)
}

/// One item, without its bytes.
pub(super) fn item(item: &Item<'_>, scratch: &mut [u8]) -> Value {
    json!({
        "type": item.kind.name(),
        "id": item.id,
        "offset": item.offset,
        "length": item.content.len(),
        "padding": item.padding.len(),
        "sha256": sha256(item.content),
        "encoding": encoding(item.content),
        "objects": objects(item.content, scratch),
    })
}

/// All items of an image.
pub(super) fn items(image: &Image<'_>, scratch: &mut [u8]) -> Vec<Value> {
    image.items().map(|it| item(&it, scratch)).collect()
}

/// `pem`, `der` or `none`.
pub(super) fn encoding(content: &[u8]) -> &'static str {
    match Shape::of(content).encoding {
        Encoding::Pem => "pem",
        Encoding::Der => "der",
        _ => "none",
    }
}

/// What one content holds, in file order.
fn objects(content: &[u8], scratch: &mut [u8]) -> Vec<Value> {
    content::objects(content)
        .map(|read| {
            read.map_err(|broken| broken.fault.to_string())
                .and_then(|it| object(&it, scratch))
                .unwrap_or_else(|fault| json!({"kind": "damaged", "fault": fault}))
        })
        .collect()
}

fn object(object: &Object<'_>, scratch: &mut [u8]) -> Result<Value, String> {
    let der = |scratch| {
        object
            .decode_into(scratch)
            .map(|(der, _)| der)
            .map_err(|error| error.to_string())
    };
    let kind = match object.kind {
        ObjectKind::Certificate => {
            let certificate =
                Certificate::parse(der(scratch)?).map_err(|error| error.to_string())?;
            return Ok(certificate_facts(&certificate));
        }
        ObjectKind::PrivateKey(form) => {
            let key = PrivateKey::parse(form, der(&mut *scratch)?)
                .map(|key| key.kind.to_string())
                .map_err(|fault| fault.to_string());
            scratch.fill(0);
            return Ok(json!({"kind": "private_key", "form": form.name(), "key": key?}));
        }
        ObjectKind::EncryptedPrivateKey => "encrypted_private_key",
        ObjectKind::CertificateRequest => "certificate_request",
        ObjectKind::PublicKey => "public_key",
        ObjectKind::EcParameters => "ec_parameters",
        _ => "other",
    };
    Ok(json!({"kind": kind}))
}

fn certificate_facts(certificate: &Certificate<'_>) -> Value {
    let common_name = |name: x509_facts::Name<'_>| name.common_name().map(|text| text.to_string());
    let validity = certificate.validity();
    json!({
        "kind": "certificate",
        "version": certificate.version(),
        "subject": certificate.subject().to_string(),
        "issuer": certificate.issuer().to_string(),
        "subject_cn": common_name(certificate.subject()),
        "issuer_cn": common_name(certificate.issuer()),
        "self_issued": certificate.is_self_issued(),
        "not_before": validity.not_before.to_string(),
        "not_after": validity.not_after.to_string(),
        "is_ca": certificate.is_ca(),
        "path_len": certificate.basic_constraints().and_then(|it| it.path_len),
        "key": certificate.key_kind().to_string(),
        "signature": certificate.signature_algorithm().to_string(),
        "san": alternative_names(certificate),
        "der_len": certificate.der().len(),
        "der_sha256": sha256(certificate.der()),
        "spki_sha256": sha256(certificate.spki()),
    })
}

/// The names a client can be asked to find: DNS names and addresses.
fn alternative_names(certificate: &Certificate<'_>) -> Vec<String> {
    certificate
        .subject_alt_names()
        .into_iter()
        .flatten()
        .filter(|name| matches!(name, GeneralName::Dns(_) | GeneralName::Ip(_)))
        .map(|name| name.to_string())
        .collect()
}

/// One line about an object of [`objects`], for a person.
pub(super) fn summary(object: &Value) -> String {
    let field = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or("?");
    match field("kind") {
        "certificate" => format!(
            "{}, until {}, {}, sha256 {}",
            field("subject"),
            field("not_after"),
            field("key"),
            field("der_sha256")
        ),
        "private_key" => format!("private key {}, {}", field("key"), field("form")),
        "damaged" => format!("damaged: {}", field("fault")),
        other => other.replace('_', " "),
    }
}

/// SHA-256 of each certificate in a content, of its DER: what `openssl x509 -fingerprint -sha256` prints.
pub(super) fn fingerprints(content: &[u8]) -> Vec<String> {
    let certificates = objects(content, &mut super::scratch());
    let hash = |object: &Value| {
        object
            .get("der_sha256")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    certificates.iter().filter_map(hash).collect()
}

/// `1 item`, `2 items`.
pub(crate) fn items_word(count: usize) -> String {
    format!("{count} item{}", if count == 1 { "" } else { "s" })
}

/// In hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The fields of both objects, in order; null has none.
pub(super) fn merged(first: Value, second: Value) -> Value {
    let mut out = Map::new();
    for value in [first, second] {
        if let Value::Object(fields) = value {
            out.extend(fields);
        }
    }
    Value::Object(out)
}
