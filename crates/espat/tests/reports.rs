//! Inputs of `data/reports`: each was answered wrongly once, or rightly without the reason that helps.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reports")
}

/// A text, or each of a list.
fn texts(value: &Value) -> Vec<&str> {
    let list = value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice);
    list.iter().filter_map(Value::as_str).collect()
}

fn run(arguments: &Value, out: &Path) -> Output {
    let out = out.to_str().expect("a path in UTF-8");
    let arguments = texts(arguments);
    Command::new(env!("CARGO_BIN_EXE_espat"))
        .current_dir(folder())
        .args(arguments.iter().map(|it| it.replace("@OUT", out)))
        .output()
        .expect("the program starts")
}

/// What is wrong with the answer to one case.
fn differences(case: &Value) -> Vec<String> {
    let temporary = tempfile::tempdir().expect("a folder");
    let out = temporary.path().join("out.bin");
    for before in case["before"].as_array().into_iter().flatten() {
        run(before, &out);
    }
    let said = run(&case["command"], &out);
    let status = said.status.code().expect("no signal ended it");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr),
    );
    let json: Value = serde_json::from_str(&stdout).unwrap_or_default();
    let text = format!("{stdout}{stderr}").to_lowercase();
    let expect = &case["expect"];
    let refused = status != 0;
    let mut wrong = Vec::new();
    let statuses: Vec<i64> = match &expect["rc"] {
        Value::Array(list) => list.iter().filter_map(Value::as_i64).collect(),
        one => one.as_i64().into_iter().collect(),
    };
    if !statuses.is_empty() && !statuses.contains(&i64::from(status)) {
        wrong.push(format!("status {status}"));
    }
    let code = json["code"].as_str().unwrap_or("none");
    let codes = texts(&expect["code"]);
    if refused && !codes.is_empty() && !codes.contains(&code) {
        wrong.push(format!("code {code}"));
    }
    if refused && texts(&expect["not_code"]).contains(&code) {
        wrong.push(format!("code {code}"));
    }
    let words = texts(&expect["says_one_of"]);
    let must_say = refused || expect["always"] == true;
    if must_say && !words.is_empty() && !words.iter().any(|it| text.contains(&it.to_lowercase())) {
        wrong.push(format!("says none of {words:?}"));
    }
    if texts(&expect["not_says"])
        .iter()
        .any(|it| text.contains(it))
    {
        wrong.push(format!("says {}", expect["not_says"]));
    }
    // One shape, and never "ok" beside a refusal.
    for field in ["result", "code", "message"] {
        if !json[field].is_string() {
            wrong.push(format!("no {field}"));
        }
    }
    if !json["findings"].is_array() || (json["result"] == "ok") == refused {
        wrong.push(format!("result {} with status {status}", json["result"]));
    }
    wrong
        .iter()
        .map(|it| format!("{}: {it}; {stderr}", case["id"]))
        .collect()
}

#[test]
fn every_report_is_answered_as_expected() {
    let text = std::fs::read(folder().join("reports.json")).expect("the list of cases");
    let reports: Value = serde_json::from_slice(&text).expect("JSON");
    let cases = reports["cases"].as_array().expect("a list");
    assert!(cases.len() >= 29);
    let wrong: Vec<String> = cases.iter().flat_map(differences).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
