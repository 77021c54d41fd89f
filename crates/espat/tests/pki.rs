//! `espat pki`: every entry of the vectors' manifest through the program, and what it does to files.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

#[path = "pki/files.rs"]
mod files;
#[path = "pki/reading.rs"]
mod reading;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use support::{Said, Vectors, espat, text};
use tempfile::{TempDir, tempdir};

fn pki(vectors: &Vectors, arguments: &[&str]) -> Said {
    espat(vectors, &[&["pki"], arguments].concat())
}

fn folder() -> TempDir {
    tempdir().expect("a folder")
}

fn utf8(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// The (kind, file) words of a command line of the original tool; a comment may repeat them.
fn sources(command: &str) -> Vec<&str> {
    let (arguments, comment) = command.split_once('#').unwrap_or((command, ""));
    let times = comment
        .split_whitespace()
        .find_map(|word| word.parse().ok());
    let words: Vec<&str> = arguments
        .split_whitespace()
        .skip_while(|&word| word != "-b")
        .skip(2)
        .collect();
    words.repeat(times.unwrap_or(1))
}

fn pack(vectors: &Vectors, out: &Path, sources: &[&str], options: &[&str]) -> Said {
    // The manifest says what the original firmware makes of it.
    let device = ["--device", "esp-at"];
    let fixed = ["pack", "-o", utf8(out), "--json", "--at", vectors.time()];
    pki(vectors, &[&fixed[..], &device, options, sources].concat())
}

/// Codes with the item they are about, where the manifest names one.
type Codes = BTreeSet<(String, Option<u64>)>;

/// What the manifest expects from a list of `count` items.
fn expected(list: &Value, count: u64) -> Codes {
    let mut codes = Codes::new();
    for entry in list.as_array().into_iter().flatten() {
        let code = text(entry, "code").to_owned();
        let indexes: Vec<u64> = match (&entry["index"], &entry["indexes"]) {
            (Value::Number(index), _) => vec![index.as_u64().expect("a position")],
            (Value::String(every), _) if every == "every" => (0..count).collect(),
            (_, Value::Array(list)) => list.iter().filter_map(Value::as_u64).collect(),
            (_, Value::String(text)) if text == "all but the first" => (1..count).collect(),
            (Value::Null, Value::Null) => {
                codes.insert((code, None));
                continue;
            }
            other => panic!("what is {other:?}?"),
        };
        codes.extend(indexes.into_iter().map(|index| (code.clone(), Some(index))));
    }
    codes
}

fn found(list: &Value) -> Codes {
    let list = list.as_array().expect("a list");
    list.iter()
        .map(|it| (text(it, "code").to_owned(), it["index"].as_u64()))
        .collect()
}

fn assert_writer(name: &str, said: &Said, writer: &Value, count: usize) {
    let count = u64::try_from(count).expect("64 bits");
    let verdict = said.json();
    assert_eq!(verdict["verdict"], writer["verdict"], "{name}: {said:?}");
    for list in ["errors", "warnings"] {
        if !writer[list].is_null() {
            let expected = expected(&writer[list], count);
            let mut found = found(&verdict[list]);
            // Where the manifest names no item, ours is left out.
            for (code, _) in expected.iter().filter(|(_, index)| index.is_none()) {
                let named: Vec<_> = found.extract_if(.., |it| it.0 == *code).collect();
                found.extend(named.first().map(|_| (code.clone(), None)));
            }
            assert_eq!(found, expected, "{name}: {list}");
        }
    }
    for error in writer["errors"].as_array().into_iter().flatten() {
        let code = text(error, "code");
        let errors = verdict["errors"].as_array().expect("a list");
        let ours = errors.iter().find(|it| it["code"] == code).expect(code);
        for (field, value) in error.as_object().expect("an object") {
            if field != "index" {
                assert_eq!(&ours[field.as_str()], value, "{name}: {field}");
            }
        }
    }
    let refused = text(writer, "verdict") == "refuse";
    assert_eq!(said.status, i32::from(refused), "{name}");
    assert_eq!(said.err.contains("error: "), refused, "{name}: {said:?}");
}

/// What the force switch never overrides.
const FINAL: [&str; 4] = [
    "empty",
    "too_long",
    "too_big_for_8k_partition",
    "too_many_of_one_type",
];

#[test]
fn pack_gives_the_original_bytes_or_says_why_not() {
    let vectors = Vectors::load();
    let mut forced = 0;
    for bin in vectors.list("bins") {
        let name = text(bin, "name");
        let sources = sources(text(bin, "command"));
        let original = vectors.read(text(bin, "file"));
        let folder = folder();
        let out = folder.path().join("out.bin");

        let said = pack(&vectors, &out, &sources, &[]);
        assert_writer(name, &said, &bin["writer"], sources.len() / 2);
        if said.status == 0 {
            assert_eq!(fs::read(&out).expect(name), original, "{name}");
            continue;
        }
        assert!(!out.exists(), "{name}: written all the same");

        let errors = expected(&bin["writer"]["errors"], 1);
        let is_final = errors
            .iter()
            .any(|(code, _)| FINAL.contains(&code.as_str()));
        let said = pack(&vectors, &out, &sources, &["--force"]);
        assert_eq!(said.status, i32::from(is_final), "{name}: {said:?}");
        assert_eq!(out.exists(), !is_final, "{name}");
        if is_final {
            assert_eq!(said.json()["verdict"], "refuse", "{name}");
        } else {
            assert_eq!(fs::read(&out).expect(name), original, "{name}");
            assert_eq!(said.json()["verdict"], "accept_with_warnings", "{name}");
            forced += 1;
        }
    }
    assert!(forced >= 5, "only {forced}");
}

#[test]
fn a_larger_partition_takes_a_larger_image() {
    let vectors = Vectors::load();
    let bin = vectors
        .list("bins")
        .iter()
        .find(|it| it["name"] == "over_8196");
    let bin = bin.expect("the vector");
    let sources = sources(text(bin, "command"));
    let folder = folder();
    let out = folder.path().join("out.bin");
    for (size, status) in [("8195", 1), ("8196", 0), ("0x2004", 0), ("4096", 1)] {
        assert_eq!(
            pack(&vectors, &out, &sources, &["--size", size]).status,
            status,
            "{size}"
        );
    }
    assert_eq!(
        fs::read(&out).expect("written"),
        vectors.read(text(bin, "file"))
    );
}

#[test]
fn recipes_are_refused() {
    let vectors = Vectors::load();
    let folder = folder();
    for recipe in vectors.list("recipes") {
        let byte = u8::from_str_radix(text(&recipe["input"], "byte"), 16).expect("a byte");
        let count = recipe["input"]["count"].as_u64().expect("a count");
        let input = folder.path().join("input");
        fs::write(&input, vec![byte; usize::try_from(count).expect("a size")]).expect("room");
        let out = folder.path().join("out.bin");
        for options in [&[][..], &["--force"]] {
            let said = pack(&vectors, &out, &["ca", utf8(&input)], options);
            if options.is_empty() {
                assert_writer("recipe", &said, &recipe["writer"], 1);
            }
            assert_eq!(said.status, 1, "{recipe}: {said:?}");
            assert!(!out.exists(), "{recipe}");
        }
    }
}

#[test]
fn a_key_and_a_certificate_of_one_number_belong_together() {
    let vectors = Vectors::load();
    for pair in vectors.list("pairs") {
        let folder = folder();
        let out = folder.path().join("out.bin");
        let (certificate, key) = (text(pair, "certificate"), text(pair, "key"));
        for (sources, at) in [
            (["cert", certificate, "key", key], 1),
            (["key", key, "cert", certificate], 0),
        ] {
            let verdict = pack(&vectors, &out, &sources, &[]).json();
            let reported =
                found(&verdict["errors"]).contains(&("key_mismatch".to_owned(), Some(at)));
            assert_eq!(reported, pair["match"] == false, "{pair}: {verdict}");
            assert!(!reported || !out.exists(), "{pair}");
        }
        // There is a key in the image, so nobody else may read it.
        let said = pack(
            &vectors,
            &out,
            &["cert", certificate, "key", key],
            &["--force"],
        );
        assert_eq!(said.status, 0, "{said:?}");
        let mode = fs::metadata(&out).expect("written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let linted = pki(
            &vectors,
            &["lint", "--json", utf8(&out), "--at", vectors.time()],
        );
        let reported = found(&linted.json()["content_findings"])
            .contains(&("key_mismatch".to_owned(), Some(1)));
        assert_eq!(reported, pair["match"] == false, "{linted:?}");
    }
}
