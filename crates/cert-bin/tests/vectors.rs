//! Every entry of the vectors' manifest: reader, writer, lint, firmware view and pairs.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

mod support;

use cert_bin::content::{self, Encoding, ObjectKind, PrivateKey, Shape};
use cert_bin::lint::{self, Context, Finding, Level, Recommendation};
use cert_bin::{
    DeviceView, Image, ImageError, ImageWarning, ImageWriter, Item, ItemKind, NewItem,
    PartitionRole, WriteError,
};
use serde_json::{Map, Value, json};
use support::{Vectors, expected_codes, found_codes, new_items, number, sha256, sources, text};
use x509_facts::{Certificate, KeyKind, SignatureAlgorithm};

const SCRATCH: usize = content::MAX_DECODED;
const PARTITION: u32 = cert_bin::writer::USUAL_PARTITION_SIZE;

/// An error with its details under the manifest's names.
fn error_json(error: &ImageError) -> Value {
    let mut out = json!({"result": "error", "kind": error.code()});
    let details = match *error {
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
        _ => json!({}),
    };
    extend(&mut out, details);
    out
}

fn warning_json(warning: &ImageWarning) -> Value {
    let mut out = json!({"kind": warning.code()});
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
            .map_or_else(|| json!({}), |index| json!({"index": index})),
    };
    extend(&mut out, details);
    out
}

fn extend(out: &mut Value, details: Value) {
    let details: Map<String, Value> = serde_json::from_value(details).expect("an object");
    out.as_object_mut().expect("an object").extend(details);
}

fn item_json(item: &Item<'_>) -> Value {
    json!({
        "type": item.kind.name(),
        "id": item.id,
        "offset": item.offset,
        "length": item.content.len(),
        "padding": item.padding.len(),
    })
}

/// The warnings of an image; a manifest may give a run of them as the first position of the run.
fn check_warnings(name: &str, image: &Image<'_>, expected: &Value) {
    let mut found: Vec<Value> = image.warnings().map(|it| warning_json(&it)).collect();
    let mut expected = expected.as_array().expect("a list").clone();
    for entry in &mut expected {
        if let Some(from) = entry["from_index"].as_u64() {
            let kind = entry["kind"].clone();
            let run: Vec<u64> = found
                .iter()
                .filter(|it| it["kind"] == kind)
                .filter_map(|it| it["index"].as_u64())
                .collect();
            assert_eq!(
                run,
                (from..u64::from(image.count())).collect::<Vec<_>>(),
                "{name}"
            );
            found.retain(|it| it["kind"] != kind);
            *entry = Value::Null;
        }
    }
    expected.retain(|entry| !entry.is_null());
    let key = |value: &Value| value.to_string();
    found.sort_by_key(key);
    expected.sort_by_key(key);
    assert_eq!(found, expected, "{name}");
}

fn check_items(name: &str, image: &Image<'_>, expected: &Value) {
    let expected = expected.as_array().expect("a list");
    let items: Vec<Item<'_>> = image.items().collect();
    assert_eq!(items.len(), expected.len(), "{name}");
    for (item, expected) in items.iter().zip(expected) {
        check_item(name, item, expected);
    }
}

fn check_item(name: &str, item: &Item<'_>, expected: &Value) {
    let found = item_json(item);
    for (field, value) in found.as_object().expect("an object") {
        assert_eq!(value, &expected[field.as_str()], "{name}: {field}");
    }
    assert_eq!(sha256(item.content), text(expected, "sha256"), "{name}");
}

fn check_device(name: &str, bytes: &[u8], expected: &Value) {
    let Some(partition_size) = expected["partition_size"].as_u64() else {
        assert_eq!(text(expected, "note"), "does not fit the partition");
        assert_eq!(DeviceView::new(bytes, PARTITION), None, "{name}");
        return;
    };
    let partition_size = u32::try_from(partition_size).expect("32 bits");
    let view = DeviceView::new(bytes, partition_size).expect("it fits");
    assert_eq!(
        Some(i64::from(view.count())),
        expected["count"].as_i64(),
        "{name}"
    );
    let item0 = view
        .item_len(0)
        .map_or(Value::Null, |len| json!({"length": len.get()}));
    assert_eq!(item0, expected["item0"], "{name}");
}

fn lint_new(items: &[NewItem<'_>], context: &Context) -> (Vec<Finding>, Recommendation) {
    let mut findings = Vec::new();
    let mut scratch = vec![0; SCRATCH];
    let tally = lint::check_new(items, context, &mut scratch, &mut |it| findings.push(it))
        .expect("the scratch is large enough");
    (findings, tally.recommendation())
}

fn lint_image(image: &Image<'_>, context: &Context) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut scratch = vec![0; SCRATCH];
    lint::check_image(image, context, &mut scratch, &mut |it| findings.push(it))
        .expect("the scratch is large enough");
    findings
}

fn check_writer(name: &str, items: &[NewItem<'_>], vectors: &Vectors, expected: &Value) {
    let context = Context {
        now: Some(vectors.time()),
        partition_size: Some(PARTITION),
        device: lint::Device::EspAt,
        role: None,
    };
    let (findings, verdict) = lint_new(items, &context);
    assert_eq!(
        verdict.code(),
        text(expected, "verdict"),
        "{name}: {findings:?}"
    );
    let count = u64::try_from(items.len()).expect("64 bits");
    let errors = expected_codes(&expected["errors"], count);
    assert_eq!(
        found_codes(&findings, Level::Error, &errors),
        errors,
        "{name}"
    );
    if !expected["warnings"].is_null() {
        let warnings = expected_codes(&expected["warnings"], count);
        assert_eq!(
            found_codes(&findings, Level::Warning, &warnings),
            warnings,
            "{name}"
        );
    }
    for error in expected["errors"].as_array().expect("a list") {
        if text(error, "code") == "too_big_for_8k_partition" {
            let size = usize::try_from(number(error, "size")).expect("a size");
            assert_eq!(cert_bin::writer::image_size(items), size, "{name}");
        }
        if text(error, "code") == "too_many_of_one_type" {
            let kind = ItemKind::from_name(text(error, "type")).expect("a kind");
            let count = usize::try_from(number(error, "count")).expect("a count");
            let refused = ImageWriter::new(items).expect_err(name);
            assert_eq!(
                refused,
                WriteError::TooManyOfOneType { kind, count },
                "{name}"
            );
        }
    }
}

#[test]
fn bins_are_read_as_the_original_tool_wrote_them() {
    let vectors = Vectors::load();
    for bin in vectors.list("bins") {
        let name = text(bin, "name");
        let bytes = vectors.read(text(bin, "file"));
        assert_eq!(sha256(&bytes), text(bin, "sha256"), "{name}");
        check_device(name, &bytes, &bin["device_v2_4_2_0"]);
        let image = match Image::parse(&bytes) {
            Ok(image) => image,
            Err(error) => {
                assert_eq!(error_json(&error), bin["reader"], "{name}");
                continue;
            }
        };
        assert_eq!(text(&bin["reader"], "result"), "ok", "{name}");
        assert_eq!(
            u64::from(image.count()),
            number(bin, "item_count"),
            "{name}"
        );
        assert_eq!(image.as_bytes(), bytes, "{name}");
        check_warnings(name, &image, &bin["reader"]["warnings"]);
        if bin["items"].is_null() {
            let items: Vec<Item<'_>> = image.items().collect();
            let (first, last) = (&items[0], &items[items.len() - 1]);
            check_item(name, first, &bin["items_first"]);
            check_item(name, last, &bin["items_last"]);
            let stride = usize::try_from(number(bin, "item_stride")).expect("a stride");
            assert!(
                items
                    .windows(2)
                    .all(|pair| pair[1].offset - pair[0].offset == stride),
                "{name}"
            );
        } else {
            check_items(name, &image, &bin["items"]);
        }
    }
}

#[test]
fn the_writer_gives_the_original_bytes_or_says_why_not() {
    let vectors = Vectors::load();
    let mut written = 0;
    for bin in vectors.list("bins") {
        let name = text(bin, "name");
        let sources = sources(&vectors, text(bin, "command"));
        let items = new_items(&sources);
        let original = vectors.read(text(bin, "file"));
        assert_eq!(
            cert_bin::writer::image_size(&items),
            original.len(),
            "{name}"
        );
        let mut out = vec![0; original.len()];
        match ImageWriter::with_empty_items(&items).and_then(|writer| writer.write(&mut out)) {
            Ok(size) => {
                assert_eq!(size, original.len(), "{name}");
                assert_eq!(out, original, "{name}");
                written += 1;
            }
            Err(error) => {
                let errors = expected_codes(&bin["writer"]["errors"], 0);
                assert!(
                    errors.contains(&(error.code().to_owned(), None)),
                    "{name}: {error}"
                );
            }
        }
        let fits = ImageWriter::with_empty_items(&items)
            .and_then(|writer| writer.fitting(PARTITION))
            .is_ok();
        assert_eq!(fits, original.len() <= 8192, "{name}");
    }
    assert!(written >= 50, "only {written}");
}

#[test]
fn a_careful_writer_says_what_the_manifest_says() {
    let vectors = Vectors::load();
    for bin in vectors.list("bins") {
        let sources = sources(&vectors, text(bin, "command"));
        let items = new_items(&sources);
        check_writer(text(bin, "name"), &items, &vectors, &bin["writer"]);
    }
}

#[test]
fn recipes_are_refused_and_the_original_results_read() {
    let vectors = Vectors::load();
    for recipe in vectors.list("recipes") {
        let input = &recipe["input"];
        let byte = u8::from_str_radix(text(input, "byte"), 16).expect("a byte");
        let count = usize::try_from(number(input, "count")).expect("a size");
        let content = vec![byte; count];
        assert_eq!(sha256(&content), text(input, "sha256"));
        let command = text(recipe, "command");
        let kind = command
            .split_whitespace()
            .find_map(ItemKind::from_name)
            .expect("a kind");
        let items = [NewItem {
            kind,
            content: &content,
        }];
        check_writer(command, &items, &vectors, &recipe["writer"]);

        // The image of the original tool: header for the cut length, the whole content, its padding.
        let declared = u16::try_from(count % 0x1_0000)
            .expect("16 bits")
            .to_le_bytes();
        let size = usize::try_from(number(recipe, "bin_size")).expect("a size");
        let list_len = u32::try_from(size - 8).expect("32 bits").to_le_bytes();
        let mut bin = vec![0xF1, 0xF1, 1, 0];
        bin.extend(list_len);
        bin.extend([kind.type_byte(), 0]);
        bin.extend(declared);
        assert_eq!(hex::encode(&bin), text(recipe, "first_12_bytes"));
        bin.extend(&content);
        bin.resize(size, 0xFF);
        assert_eq!(sha256(&bin), text(recipe, "bin_sha256"));
        match Image::parse(&bin) {
            Ok(image) => {
                assert_eq!(text(&recipe["reader"], "result"), "ok");
                assert_eq!(image.at(0).expect("an item").content, content);
            }
            Err(error) => assert_eq!(error_json(&error), recipe["reader"]),
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn malformed_images_get_the_expected_answer() {
    let vectors = Vectors::load();
    let now = Some(vectors.time());
    for entry in vectors.list("malformed") {
        let name = text(entry, "name");
        let bytes = vectors.read(text(entry, "file"));
        assert_eq!(sha256(&bytes), text(entry, "sha256"), "{name}");
        check_device(name, &bytes, &entry["device_v2_4_2_0"]);
        let expect = &entry["expect"];
        let image = match Image::parse(&bytes) {
            Ok(image) => image,
            Err(error) => {
                assert_eq!(&error_json(&error), expect, "{name}");
                continue;
            }
        };
        assert_eq!(text(expect, "result"), "ok", "{name}");
        check_items(name, &image, &expect["items"]);
        check_warnings(name, &image, &expect["warnings"]);

        let context = Context {
            now,
            ..Context::default()
        };
        let findings = lint_image(&image, &context);
        let none = json!([]);
        let content_findings = match &expect["content_findings"] {
            Value::Null => &none,
            list => list,
        };
        let expected = expected_codes(content_findings, 0);
        for level in [Level::Error, Level::Warning] {
            let word = match level {
                Level::Error => "error",
                Level::Warning => "warning",
            };
            let of_level: Vec<Value> = content_findings
                .as_array()
                .expect("a list")
                .iter()
                .filter(|it| it["level"] == word)
                .cloned()
                .collect();
            let of_level = expected_codes(&Value::from(of_level), 0);
            assert_eq!(found_codes(&findings, level, &expected), of_level, "{name}");
        }

        let check = &expect["partition_check"];
        if !check.is_null() {
            let role = PartitionRole::from_name(text(check, "partition"));
            assert!(role.is_some(), "{name}");
            let with_role = lint_image(
                &image,
                &Context {
                    role,
                    now,
                    ..context
                },
            );
            let found: Vec<Value> = with_role
                .iter()
                .filter(|it| it.problem.code() == text(check, "finding"))
                .map(|it| {
                    let mut out = json!({
                        "partition": check["partition"],
                        "finding": it.problem.code(),
                        "index": it.index,
                    });
                    if let lint::Problem::TypeNotExpected { expected, found } = it.problem {
                        extend(
                            &mut out,
                            json!({"expected": expected.name(), "found": found.name()}),
                        );
                    }
                    out
                })
                .collect();
            assert_eq!(found, std::slice::from_ref(check), "{name}");
        }
    }
}

#[test]
fn inputs_hold_the_objects_the_manifest_lists() {
    let vectors = Vectors::load();
    let mut buf = vec![0; SCRATCH];
    for input in vectors.list("inputs") {
        let name = text(input, "file");
        let content = vectors.read(name);
        assert_eq!(sha256(&content), text(input, "sha256"), "{name}");
        let shape = Shape::of(&content);
        let encoding = match shape.encoding {
            Encoding::Pem => "pem",
            Encoding::Der => "der",
            _ => "none",
        };
        assert_eq!(encoding, text(input, "encoding"), "{name}");

        let mut damaged = false;
        let mut found = Vec::new();
        for object in content::objects(&content) {
            match object
                .map_err(drop)
                .and_then(|it| object_json(&it, &mut buf))
            {
                Ok(object) => found.push(object),
                Err(()) => damaged = true,
            }
        }
        let expected = input["objects"].as_array().cloned().unwrap_or_default();
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, expected) in found.iter().zip(&expected) {
            for (field, value) in found.as_object().expect("an object") {
                assert_eq!(value, &expected[field.as_str()], "{name}: {field}");
            }
        }

        let mut flags: Vec<&str> = [
            (content.is_empty(), "empty"),
            (!content.is_empty() && encoding == "none", "not_pem_or_der"),
            (damaged, "damaged"),
            (shape.embedded_nul, "embedded_nul"),
            (shape.crlf, "crlf"),
            (shape.bom, "bom"),
            (shape.trailing_nul, "trailing_nul"),
            (shape.no_final_newline, "no_final_newline"),
            (shape.text_outside_blocks, "text_outside_blocks"),
        ]
        .into_iter()
        .filter_map(|(there, flag)| there.then_some(flag))
        .collect();
        let mut expected: Vec<&str> = input["flags"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        flags.sort_unstable();
        expected.sort_unstable();
        assert_eq!(flags, expected, "{name}");
    }
}

fn object_json(object: &content::Object<'_>, buf: &mut [u8]) -> Result<Value, ()> {
    let (der, _) = object.decode_into(buf).map_err(drop)?;
    Ok(match object.kind {
        ObjectKind::Certificate => {
            let certificate = Certificate::parse(der).map_err(drop)?;
            json!({
                "kind": "certificate",
                "version": certificate.version(),
                "is_ca": certificate.is_ca(),
                "key": key_name(certificate.key_kind()),
                "der_len": der.len(),
                "der_sha256": sha256(der),
                "spki_sha256": sha256(certificate.spki()),
            })
        }
        ObjectKind::PrivateKey(form) => {
            let key = PrivateKey::parse(form, der).map_err(drop)?;
            json!({"kind": "private_key", "form": form.name(), "key": key_name(key.kind)})
        }
        ObjectKind::EncryptedPrivateKey => json!({"kind": "encrypted_private_key"}),
        ObjectKind::CertificateRequest => json!({"kind": "certificate_request"}),
        ObjectKind::PublicKey => json!({"kind": "public_key"}),
        ObjectKind::EcParameters => json!({"kind": "ec_parameters"}),
        _ => json!({"kind": "other"}),
    })
}

fn key_name(kind: KeyKind) -> String {
    match kind {
        KeyKind::Rsa { bits } => format!("rsa-{bits}"),
        KeyKind::P256 => "p-256".into(),
        KeyKind::P384 => "p-384".into(),
        KeyKind::P521 => "p-521".into(),
        KeyKind::Ed25519 => "ed25519".into(),
        other => format!("{other:?}"),
    }
}

/// The lint must not promise what the measured TLS library refuses, nor the other way round.
#[test]
fn the_lint_agrees_with_the_measured_tls_library() {
    let vectors = Vectors::load();
    for input in vectors.list("inputs") {
        let name = text(input, "file");
        let content = vectors.read(name);
        let measured = &input["mbedtls_2_28_3"]["with_nul_added"];
        let usable = |kind| {
            let items = [NewItem {
                kind,
                content: &content,
            }];
            let (_, verdict) = lint_new(&items, &Context::default());
            verdict != Recommendation::Refuse
        };
        let read = number(measured, "certificates_read");
        assert_eq!(usable(ItemKind::Ca), read > 0, "{name}");
        assert_eq!(usable(ItemKind::Cert), read > 0, "{name}");
        assert_eq!(usable(ItemKind::Key), measured["key"] == 0, "{name}");

        let mut buf = vec![0; content.len()];
        let decoded = content::decode_certificates::<8>(&content, &mut buf)
            .map(|certificates| certificates.der)
            .unwrap_or_default();
        let known = |der: &&&[u8]| {
            Certificate::parse(der)
                .is_ok_and(|it| it.signature_algorithm() != SignatureAlgorithm::Ed25519)
        };
        let known = u64::try_from(decoded.iter().filter(known).count()).expect("64 bits");
        assert_eq!(known, read, "{name}");
    }
}

#[cfg(feature = "pair")]
#[test]
fn pairs_match_or_not() {
    let vectors = Vectors::load();
    for pair in vectors.list("pairs") {
        let certificate = vectors.read(text(pair, "certificate"));
        let key = vectors.read(text(pair, "key"));
        let mut scratch = vec![0xAA; certificate.len() + key.len()];
        let matched = cert_bin::pair::contents_match(&certificate, &key, &mut scratch);
        assert_eq!(matched.ok(), pair["match"].as_bool(), "{pair}");
        assert!(
            scratch.iter().all(|&byte| byte == 0),
            "a key stays in the scratch"
        );
    }
}
