//! Every certificate of the vectors as a server's, under every CA file, with and without the intermediate, for
//! several names: the verdict is `openssl verify`'s, except where the table says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use tls_session::{
    Anchors, Clock, CommonName, NameRule, PeerName, Policy, Timestamp, verify_server,
};

use crate::support::{Vectors, text};

/// Why the two differ. `docs/verify-vs-openssl.md` explains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// An anchor need not be self-signed here; openssl wants `-partial_chain` for that.
    AnchorIsNotARoot,
    /// A loaded certificate is a pin, whatever its keyUsage; openssl asks a CA certificate for the purpose too.
    PinnedCaCertificate,
    /// The CN names nobody here, unless asked for; openssl falls back to it.
    CommonName,
}

/// One line of the table: a leaf, the CA files and names under which the verdicts differ.
struct Difference {
    leaf: &'static str,
    cas: &'static [&'static str],
    names: &'static [&'static str],
    why: Why,
}

const fn row(
    leaf: &'static str,
    cas: &'static [&'static str],
    names: &'static [&'static str],
    why: Why,
) -> Difference {
    Difference {
        leaf,
        cas,
        names,
        why,
    }
}

const NO_NAME: &[&str] = &["none"];
const RIGHT_NAMES: &[&str] = &["none", "own", "address"];

/// Every difference, and nothing but differences.
const DIFFERENCES: &[Difference] = &[
    row(
        "int_rsa",
        &["int_rsa", "server_rsa.chain"],
        NO_NAME,
        Why::AnchorIsNotARoot,
    ),
    row("server_cn", &["server_cn"], NO_NAME, Why::AnchorIsNotARoot),
    row(
        "server_ed25519",
        &["server_ed25519"],
        RIGHT_NAMES,
        Why::AnchorIsNotARoot,
    ),
    row(
        "server_p256",
        &["server_p256"],
        RIGHT_NAMES,
        Why::AnchorIsNotARoot,
    ),
    row(
        "server_p384",
        &["server_p384"],
        RIGHT_NAMES,
        Why::AnchorIsNotARoot,
    ),
    row(
        "server_rsa",
        &["server_rsa", "int_rsa", "server_rsa.chain"],
        RIGHT_NAMES,
        Why::AnchorIsNotARoot,
    ),
    row(
        "ca_ed25519",
        &["ca_ed25519", "ca_p256_ed"],
        NO_NAME,
        Why::PinnedCaCertificate,
    ),
    row(
        "ca_p256",
        &["ca_p256", "ca_p256_ed", "ca_two"],
        NO_NAME,
        Why::PinnedCaCertificate,
    ),
    row(
        "ca_p384",
        &["ca_p384", "ca_two"],
        NO_NAME,
        Why::PinnedCaCertificate,
    ),
    row("ca_rsa", &["ca_rsa"], NO_NAME, Why::PinnedCaCertificate),
    row("server_cn", &["ca_rsa"], &["own"], Why::CommonName),
];

/// A question to both.
#[derive(Debug, Clone)]
struct Case<'c> {
    leaf: &'c str,
    ca: &'c str,
    with_intermediate: bool,
    name: Option<&'c str>,
}

/// Files with different certificates, the plainest for each: the rest are spellings of the same.
fn distinct_files(vectors: &Vectors, most: usize) -> Vec<String> {
    let mut files: BTreeMap<Vec<&str>, &str> = BTreeMap::new();
    let plain = |file: &str| {
        (
            !file.ends_with(".crt.pem"),
            file.matches('.').count(),
            file.to_owned(),
        )
    };
    for input in vectors.list("inputs") {
        let certificates: Vec<&str> = input["objects"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|object| object["kind"] == "certificate")
            .map(|object| text(object, "der_sha256"))
            .collect();
        // openssl reads CA files in PEM only.
        if input["encoding"] == "pem" && (1..=most).contains(&certificates.len()) {
            let file = text(input, "file");
            let kept = files.entry(certificates).or_insert(file);
            if plain(file) < plain(kept) {
                *kept = file;
            }
        }
    }
    files.into_values().map(str::to_owned).collect()
}

/// `inputs/ca_rsa.crt.pem` without what all have in common.
fn short(file: &str) -> &str {
    let file = file.strip_prefix("inputs/").unwrap_or(file);
    let file = file.strip_suffix(".pem").unwrap_or(file);
    file.strip_suffix(".crt").unwrap_or(file)
}

fn ders(vectors: &Vectors, file: &str) -> Vec<Vec<u8>> {
    let content = vectors.read(file);
    let mut buf = vec![0; content.len()];
    let found = cert_bin::content::decode_certificates::<8>(&content, &mut buf).expect(file);
    found.der.iter().map(|der| der.to_vec()).collect()
}

fn ours(vectors: &Vectors, case: &Case<'_>) -> Result<(), String> {
    let anchors = ders(vectors, case.ca);
    let anchors: Vec<&[u8]> = anchors.iter().map(Vec::as_slice).collect();
    let mut chain = ders(vectors, case.leaf);
    if case.with_intermediate {
        chain.extend(ders(vectors, INTERMEDIATE));
    }
    let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    let now: Timestamp = vectors.time().parse().expect("RFC 3339");
    let name = case
        .name
        .map_or(NameRule::DangerAnyName, |name| NameRule::MustMatch {
            name: PeerName::new(name).expect("a name"),
            common_name: CommonName::Ignored,
        });
    let anchors = Anchors::new(&anchors).expect("few");
    let policy = Policy::chain(anchors, name, Clock::At(now));
    verify_server(&policy, &chain)
        .map(drop)
        .map_err(|reason| reason.to_string())
}

const INTERMEDIATE: &str = "inputs/int_rsa.crt.pem";

/// One run for all leaves: what openssl said about each that it refused.
fn theirs(
    vectors: &Vectors,
    leaves: &[String],
    ca: &str,
    with_intermediate: bool,
    name: Option<&str>,
    partial_chain: bool,
) -> BTreeMap<String, Result<(), String>> {
    let now: Timestamp = vectors.time().parse().expect("RFC 3339");
    let mut command = Command::new("openssl");
    command
        .current_dir(&vectors.root)
        .args([
            "verify",
            "-no-CApath",
            "-no-CAstore",
            "-purpose",
            "sslserver",
        ])
        .args(["-attime", &now.as_unix().to_string(), "-CAfile", ca]);
    if partial_chain {
        command.arg("-partial_chain");
    }
    if with_intermediate {
        command.args(["-untrusted", INTERMEDIATE]);
    }
    if let Some(name) = name {
        let option = match name.parse::<std::net::IpAddr>() {
            Ok(_) => "-verify_ip",
            Err(_) => "-verify_hostname",
        };
        command.args([option, name]);
    }
    let output = command.args(leaves).output().expect("openssl starts");
    let accepted = String::from_utf8(output.stdout).expect("text");
    let refused = String::from_utf8(output.stderr).expect("text");
    let mut verdicts = BTreeMap::new();
    for line in accepted.lines() {
        if let Some(leaf) = line.strip_suffix(": OK") {
            verdicts.insert(leaf.to_owned(), Ok(()));
        }
    }
    let mut errors = Vec::new();
    for line in refused.lines() {
        let Some(error) = line.strip_prefix("error ") else {
            continue;
        };
        match error.strip_suffix(": verification failed") {
            Some(leaf) => {
                let why = std::mem::take(&mut errors).join("; ");
                verdicts.insert(leaf.to_owned(), Err(why));
            }
            None => errors.push(error.to_owned()),
        }
    }
    assert_eq!(verdicts.len(), leaves.len(), "{refused}");
    verdicts
}

#[test]
fn the_verdicts_differ_where_the_table_says_so_and_nowhere_else() {
    let vectors = Vectors::load();
    let leaves = distinct_files(&vectors, 1);
    let cas = distinct_files(&vectors, 8);
    assert!(leaves.len() >= 15 && cas.len() >= 18, "{leaves:?} {cas:?}");
    let names = [
        ("none", None),
        ("own", Some(super::server_name(&vectors))),
        ("address", Some("127.0.0.1")),
        ("other", Some("other.example.test")),
    ];
    let mut accepted_by_both = 0;
    for with_intermediate in [false, true] {
        let mut expected = BTreeSet::new();
        for Difference {
            leaf, cas, names, ..
        } in DIFFERENCES
        {
            // With a certificate behind it that it issued it is the issuer of the server, not the server: both refuse it.
            if with_intermediate && *leaf == "ca_rsa" {
                continue;
            }
            for ca in *cas {
                expected.extend(names.iter().map(|name| (*leaf, *ca, *name)));
            }
        }
        for ca in &cas {
            for (label, name) in names {
                let ask = |partial| theirs(&vectors, &leaves, ca, with_intermediate, name, partial);
                let (strict, partial) = (ask(false), ask(true));
                for leaf in &leaves {
                    let case = Case {
                        leaf,
                        ca,
                        with_intermediate,
                        name,
                    };
                    let ours = ours(&vectors, &case);
                    let theirs = &strict[leaf];
                    let listed = expected.remove(&(short(leaf), short(ca), label));
                    assert_eq!(
                        ours.is_ok() != theirs.is_ok(),
                        listed,
                        "{case:?}: ours {ours:?}, openssl {theirs:?}"
                    );
                    if listed {
                        explained(&case, label, &ours, theirs, &partial[leaf]);
                    } else if ours.is_ok() {
                        accepted_by_both += 1;
                    }
                }
            }
        }
        assert!(expected.is_empty(), "never asked: {expected:?}");
    }
    assert!(accepted_by_both >= 20, "only {accepted_by_both}");
}

/// The difference is of the kind that the table says.
fn explained(
    case: &Case<'_>,
    label: &str,
    ours: &Result<(), String>,
    theirs: &Result<(), String>,
    partial: &Result<(), String>,
) {
    let found = DIFFERENCES.iter().find(|row| {
        row.leaf == short(case.leaf)
            && row.cas.contains(&short(case.ca))
            && row.names.contains(&label)
    });
    let why = found.expect("it is in the table").why;
    let number = theirs
        .as_ref()
        .err()
        .map(|error| error.split(' ').next().unwrap_or_default());
    let as_told = match why {
        // A CA certificate as a server is then refused for its purpose, as a root is.
        Why::AnchorIsNotARoot => {
            matches!(number, Some("2" | "20"))
                && match partial {
                    Ok(()) => true,
                    Err(error) => short(case.leaf) == "int_rsa" && error.starts_with("26 "),
                }
        }
        Why::PinnedCaCertificate => number == Some("26"),
        Why::CommonName => ours
            .as_ref()
            .is_err_and(|it| it == "certificate names no host"),
    };
    assert!(
        as_told,
        "{case:?}: {why:?}, but ours {ours:?}, openssl {theirs:?}, partial {partial:?}"
    );
}
