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

/// What `--json` of any command may print beside this status.
fn faults_of_shape(json: &Value, status: i32) -> Vec<String> {
    let mut wrong = Vec::new();
    for field in ["result", "code", "message"] {
        if json[field].as_str().is_none_or(str::is_empty) {
            wrong.push(format!("{field} is {}", json[field]));
        }
    }
    let result = json["result"].as_str().unwrap_or_default();
    if !["ok", "refused", "error"].contains(&result) || (result == "ok") != (status == 0) {
        wrong.push(format!("result {result} with status {status}"));
    }
    let Some(findings) = json["findings"].as_array() else {
        wrong.push("no findings".to_owned());
        return wrong;
    };
    for finding in findings {
        let level = finding["level"].as_str().unwrap_or_default();
        let is_known = ["error", "warning", "note"].contains(&level);
        let has_words = finding["message"].as_str().is_some_and(|it| !it.is_empty());
        if !is_known || !has_words || !finding["code"].is_string() {
            wrong.push(format!("finding {finding}"));
        }
        if level == "error" && result == "ok" {
            wrong.push(format!("ok beside {finding}"));
        }
    }
    wrong
}

/// Every command that has `--json`, with what succeeds, what is refused and what cannot be done at all.
const COMMANDS: &[(&[&str], i32)] = &[
    (
        &["pki", "pack", "-o", "@OUT/a.bin", "ca", "at-ca.crt.pem"],
        0,
    ),
    (&["pki", "pack", "-o", "@OUT/r.bin", "ca", "d18.ca.pem"], 1),
    (&["pki", "pack", "-o", "@OUT/r.bin", "ca", "d16.key.pem"], 1),
    (
        &[
            "pki",
            "pack",
            "-o",
            "@OUT/r.bin",
            "--force",
            "ca",
            "d16.key.pem",
        ],
        0,
    ),
    (
        &["pki", "pack", "-o", "@OUT/r.bin", "ca", "no-such-file.pem"],
        1,
    ),
    (
        &[
            "pki",
            "pack",
            "-o",
            "/no/such/folder/r.bin",
            "ca",
            "at-ca.crt.pem",
        ],
        1,
    ),
    (
        &["pki", "pack", "-o", "@OUT/r.bin", "chain", "at-ca.crt.pem"],
        2,
    ),
    (
        &["pki", "pack", "-o", "at-ca.crt.pem", "ca", "at-ca.crt.pem"],
        2,
    ),
    (&["pki", "list", "@OUT/a.bin"], 0),
    (&["pki", "list", "at-ca.crt.pem"], 1),
    (&["pki", "list", "no-such-file.bin"], 1),
    (&["pki", "lint", "@OUT/a.bin"], 0),
    (
        &["pki", "lint", "--partition", "client_key", "@OUT/a.bin"],
        1,
    ),
    (&["pki", "lint", "at-ca.crt.pem"], 1),
    (&["pki", "lint", "/dev/null"], 1),
    (&["pki", "lint", "no-such-file.bin"], 1),
    (&["pki", "unpack", "@OUT/a.bin", "-o", "@OUT/files"], 0),
    (&["pki", "unpack", "@OUT/a.bin", "-o", "@OUT/files"], 1),
    (&["pki", "unpack", "at-ca.crt.pem", "-o", "@OUT/files"], 1),
    (
        &[
            "pki",
            "nvs",
            "pack",
            "-o",
            "@OUT/n.bin",
            "client_ca=at-ca.crt.pem",
        ],
        0,
    ),
    (
        &[
            "pki",
            "nvs",
            "pack",
            "-o",
            "@OUT/r.bin",
            "client_ca=d16.key.pem",
        ],
        1,
    ),
    (
        &[
            "pki",
            "nvs",
            "pack",
            "-o",
            "@OUT/m.bin",
            "--force",
            "client_ca=d16.key.pem",
        ],
        0,
    ),
    (
        &[
            "pki",
            "nvs",
            "pack",
            "-o",
            "@OUT/r.bin",
            "client_ca=no-such-file.pem",
        ],
        1,
    ),
    (
        &[
            "pki",
            "nvs",
            "pack",
            "-o",
            "@OUT/r.bin",
            "chain=at-ca.crt.pem",
        ],
        1,
    ),
    (&["pki", "nvs", "list", "@OUT/n.bin"], 0),
    (
        &["pki", "nvs", "unpack", "@OUT/n.bin", "-o", "@OUT/values"],
        0,
    ),
    (
        &["pki", "nvs", "unpack", "@OUT/n.bin", "-o", "@OUT/values"],
        1,
    ),
    (
        &["pki", "nvs", "unpack", "at-ca.crt.pem", "-o", "@OUT/values"],
        1,
    ),
    (&["pki", "nvs", "list", "at-ca.crt.pem"], 1),
    (&["pki", "nvs", "list", "no-such-file.bin"], 1),
    (
        &[
            "verify",
            "--ca",
            "d01.ca.pem",
            "--chain",
            "d01.chain.pem",
            "--at",
            "2026-01-01T00:00:00Z",
        ],
        0,
    ),
    (
        &[
            "verify",
            "--ca",
            "d02.ca.pem",
            "--chain",
            "d01.chain.pem",
            "--at",
            "2026-01-01T00:00:00Z",
        ],
        1,
    ),
    (
        &["verify", "--ca", "d16.key.pem", "--chain", "d01.chain.pem"],
        1,
    ),
    (
        &[
            "verify",
            "--ca",
            "no-such-file.pem",
            "--chain",
            "d01.chain.pem",
        ],
        1,
    ),
    (
        &[
            "verify",
            "--bin",
            "@OUT/a.bin:7",
            "--chain",
            "d01.chain.pem",
        ],
        1,
    ),
    (
        &[
            "verify",
            "--bin",
            "@OUT/a.bin:256",
            "--chain",
            "d01.chain.pem",
        ],
        2,
    ),
    (
        &["verify", "--ca", "d01.ca.pem", "--connect", "127.0.0.1:1"],
        1,
    ),
    (&["doctor", "127.0.0.1:1", "--ca", "at-ca.crt.pem"], 1),
    (&["doctor", "127.0.0.1:1", "--ca", "no-such-file.pem"], 1),
    (
        &["flash-image", "-o", "@OUT/f.bin", "client_ca=at-ca.crt.pem"],
        0,
    ),
    (
        &["flash-image", "-o", "@OUT/r.bin", "client_ca=d16.key.pem"],
        1,
    ),
    (
        &[
            "flash-image",
            "-o",
            "@OUT/k.bin",
            "--force",
            "client_ca=d16.key.pem",
        ],
        0,
    ),
    (&["flash-image", "--inspect", "@OUT/f.bin"], 0),
    (&["flash-image", "--inspect", "no-such-file.bin"], 1),
    (&["replay", "at-ca.crt.pem"], 1),
    (&["explain", "issuer_unknown"], 0),
    (&["explain", "no such thing"], 1),
    (
        &[
            "push",
            "--port",
            "/no/such/port",
            "client_ca",
            "at-ca.crt.pem",
        ],
        1,
    ),
    (
        &[
            "push",
            "--port",
            "/no/such/port",
            "client_ca",
            "no-such-file.pem",
        ],
        1,
    ),
];

#[test]
fn json_of_every_command_has_one_shape() {
    let temporary = tempfile::tempdir().expect("a folder");
    let out = temporary.path().to_str().expect("a path in UTF-8");
    let mut wrong = Vec::new();
    for (arguments, expected) in COMMANDS {
        let said = Command::new(env!("CARGO_BIN_EXE_espat"))
            .current_dir(folder())
            .args(arguments.iter().map(|it| it.replace("@OUT", out)))
            .arg("--json")
            .output()
            .expect("the program starts");
        let status = said.status.code().expect("no signal ended it");
        if status != *expected {
            wrong.push(format!("{arguments:?}: status {status}"));
        }
        match serde_json::from_slice(&said.stdout) {
            Ok(json) => {
                let faults = faults_of_shape(&json, status);
                wrong.extend(faults.iter().map(|it| format!("{arguments:?}: {it}")));
            }
            Err(error) => wrong.push(format!("{arguments:?}: {error}: {said:?}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
