//! `list` and `lint`: what the manifest says a good reader answers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{found, pki};
use crate::support::{Vectors, text};

/// The fields of `expected` are there, with these values.
fn assert_has(name: &str, found: &Value, expected: &Value) {
    for (field, value) in expected.as_object().expect("an object") {
        if field != "input" {
            assert_eq!(&found[field.as_str()], value, "{name}: {field}");
        }
    }
}

fn assert_items(name: &str, found: &Value, expected: &Value) {
    let (found, expected) = (
        found.as_array().expect("a list"),
        expected.as_array().expect("a list"),
    );
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        assert_has(name, found, expected);
    }
}

/// The warnings of the reader; the manifest may give a run of them by its first position.
fn assert_warnings(name: &str, found: &Value, expected: &Value) {
    let mut found: Vec<Value> = found.as_array().expect("a list").clone();
    let mut expected: Vec<Value> = expected.as_array().expect("a list").clone();
    for run in expected.extract_if(.., |it| !it["from_index"].is_null()) {
        let of_run: Vec<Value> = found
            .extract_if(.., |it| it["kind"] == run["kind"])
            .collect();
        assert_eq!(of_run[0]["index"], run["from_index"], "{name}");
    }
    let key = |it: &Value| it.to_string();
    found.sort_by_key(key);
    expected.sort_by_key(key);
    assert_eq!(found, expected, "{name}");
}

#[test]
fn list_prints_what_the_original_tool_packed() {
    let vectors = Vectors::load();
    for bin in vectors.list("bins") {
        let name = text(bin, "name");
        let said = pki(&vectors, &["list", "--json", text(bin, "file")]);
        let listed = said.json();
        assert_eq!(listed["result"], bin["reader"]["result"], "{name}");
        if listed["result"] == "error" {
            assert_eq!((said.status, &listed), (1, &bin["reader"]), "{name}");
            continue;
        }
        assert_eq!(said.status, 0, "{name}");
        assert_eq!(listed["size"], bin["size"], "{name}");
        assert_eq!(listed["item_count"], bin["item_count"], "{name}");
        assert_warnings(name, &listed["warnings"], &bin["reader"]["warnings"]);
        if !bin["items"].is_null() {
            assert_items(name, &listed["items"], &bin["items"]);
            for (item, expected) in listed["items"]
                .as_array()
                .into_iter()
                .flatten()
                .zip(bin["items"].as_array().expect("a list"))
            {
                assert_objects(&vectors, item, text(expected, "input"));
            }
        }
        // The same for a person: of each certificate its subject, and its hash as OpenSSL has it.
        let said = pki(&vectors, &["list", text(bin, "file")]);
        assert_eq!(said.status, 0, "{name}");
        for item in listed["items"].as_array().into_iter().flatten() {
            for object in item["objects"].as_array().into_iter().flatten() {
                if let Some(subject) = object["subject"].as_str() {
                    assert!(said.out.contains(subject), "{name}: {said:?}");
                    let hash = format!("sha256 {}", text(object, "der_sha256"));
                    assert!(said.out.contains(&hash), "{name}: {said:?}");
                }
            }
        }
    }
}

/// An item's objects are those of the file it was packed from.
fn assert_objects(vectors: &Vectors, item: &Value, input: &str) {
    let input = vectors
        .list("inputs")
        .iter()
        .find(|it| it["file"] == input)
        .expect("an input");
    assert_eq!(item["encoding"], input["encoding"]);
    let readable: Vec<&Value> = item["objects"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|it| it["kind"] != "damaged")
        .collect();
    let expected = input["objects"].as_array().expect("a list");
    assert_eq!(readable.len(), expected.len(), "{input}");
    for (found, expected) in readable.iter().zip(expected) {
        for field in [
            "kind",
            "version",
            "self_issued",
            "subject_cn",
            "issuer_cn",
            "not_before",
            "not_after",
            "is_ca",
            "path_len",
            "key",
            "signature",
            "form",
            "der_len",
            "der_sha256",
            "spki_sha256",
        ] {
            // The list does not show the public half of a private key.
            if (field, &found["kind"]) != ("spki_sha256", &json!("private_key")) {
                assert_eq!(found[field], expected[field], "{input}: {field}");
            }
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn list_and_lint_answer_as_expected_to_malformed_images() {
    let vectors = Vectors::load();
    for entry in vectors.list("malformed") {
        let (name, file, expect) = (text(entry, "name"), text(entry, "file"), &entry["expect"]);
        let listed = pki(&vectors, &["list", "--json", file]);
        let device = ["--device", "esp-at"];
        let fixed = ["lint", "--json", file, "--at", vectors.time()];
        let linted = pki(&vectors, &[&fixed[..], &device].concat());
        if expect["result"] == "error" {
            for said in [listed, linted] {
                let mut json = said.json();
                let fields = json.as_object_mut().expect("an object");
                // What all commands have in common; the manifest has what is special here.
                for common in ["code", "message", "findings"] {
                    assert!(fields.remove(common).is_some(), "{name}: {common}");
                }
                assert_eq!((said.status, &json), (1, expect), "{name}");
                assert!(said.err.contains(text(expect, "kind")), "{name}: {said:?}");
            }
            continue;
        }
        for said in [&listed, &linted] {
            assert_eq!(said.json()["result"] == "ok", said.status == 0, "{name}");
            assert_items(name, &said.json()["items"], &expect["items"]);
            assert_warnings(name, &said.json()["warnings"], &expect["warnings"]);
        }
        assert_eq!(listed.status, 0, "{name}");

        let levels = |list: &Value| -> BTreeSet<(String, u64, String)> {
            let list = list.as_array().into_iter().flatten();
            list.map(|it| {
                (
                    text(it, "code").to_owned(),
                    it["index"].as_u64().expect("a position"),
                    text(it, "level").to_owned(),
                )
            })
            .collect()
        };
        let findings = linted.json()["content_findings"].clone();
        assert_eq!(
            levels(&findings),
            levels(&expect["content_findings"]),
            "{name}"
        );
        let errors = levels(&findings)
            .iter()
            .any(|(_, _, level)| level == "error");
        assert_eq!(linted.status, i32::from(errors), "{name}");
        assert_eq!(linted.err.is_empty(), !errors, "{name}");

        let check = &expect["partition_check"];
        if !check.is_null() {
            let partition = text(check, "partition");
            let said = pki(
                &vectors,
                &[
                    "lint",
                    "--json",
                    file,
                    "--device",
                    "esp-at",
                    "--partition",
                    partition,
                    "--at",
                    vectors.time(),
                ],
            );
            let all = said.json()["content_findings"].clone();
            let found = all
                .as_array()
                .into_iter()
                .flatten()
                .find(|it| it["code"] == check["finding"])
                .expect(name)
                .clone();
            for field in ["index", "expected", "found"] {
                assert_eq!(found[field], check[field], "{name}: {field}");
            }
            assert_eq!(said.json()["partition"], partition, "{name}");
        }
    }
}

#[test]
fn lint_judges_dates_at_the_time_given() {
    let vectors = Vectors::load();
    for (at, codes) in [
        ("2019-12-31T23:59:59Z", vec!["not_yet_valid"]),
        ("2020-01-01T00:00:00Z", vec![]),
        ("2021-01-01T00:00:00Z", vec![]),
        ("2021-01-01T00:00:01Z", vec!["expired"]),
    ] {
        let said = pki(
            &vectors,
            &["lint", "--json", "bins/cert_expired.bin", "--at", at],
        );
        let findings = said.json()["content_findings"].clone();
        let found: Vec<String> = found(&findings).into_iter().map(|(code, _)| code).collect();
        assert_eq!(found, codes, "{at}");
        assert_eq!(said.status, 0, "{at}");
    }
}
