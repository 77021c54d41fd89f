//! What the commands do to files, and what they refuse to read or write.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;

use super::{FINAL, expected, folder, pack, pki, utf8};
use crate::support::{Vectors, text};

#[test]
fn what_is_unpacked_packs_to_the_same_image() {
    let vectors = Vectors::load();
    for bin in vectors.list("bins") {
        let name = text(bin, "name");
        if bin["reader"]["result"] == "error" {
            continue;
        }
        let folder = folder();
        let into = folder.path().join("deep/er");
        let arguments = ["unpack", "--json", text(bin, "file"), "-o", utf8(&into)];
        let said = pki(&vectors, &arguments);
        assert_eq!(said.status, 0, "{name}: {said:?}");
        let unpacked = said.json();
        let items = unpacked["items"].as_array().expect("a list");
        let mut sources = Vec::new();
        for item in items {
            let (kind, file) = (text(item, "type"), Path::new(text(item, "file")));
            let mode = fs::metadata(file).expect(name).permissions().mode();
            assert!(kind != "key" || mode & 0o077 == 0, "{name}: {mode:o}");
            let stem = file.file_name().and_then(|it| it.to_str()).expect("a name");
            assert!(
                stem.starts_with(&format!("{kind}_{}", item["id"])),
                "{name}: {stem}"
            );
            sources.extend([kind, utf8(file)]);
        }
        let out = folder.path().join("out.bin");
        if pack(&vectors, &out, &sources, &["--force"]).status == 0 {
            assert_eq!(
                fs::read(&out).expect(name),
                vectors.read(text(bin, "file")),
                "{name}"
            );
        } else {
            let errors = expected(&bin["writer"]["errors"], 1);
            assert!(
                errors
                    .iter()
                    .any(|(code, _)| FINAL.contains(&code.as_str())),
                "{name}"
            );
        }

        // A second time nothing is overwritten, and nothing is added.
        let before = fs::read_dir(&into).expect(name).count();
        assert_eq!(before, items.len(), "{name}");
        fs::write(text(&items[0], "file"), "precious").expect("room");
        let said = pki(&vectors, &arguments);
        assert_eq!(
            (said.status, &said.json()["result"]),
            (1, &json!("error")),
            "{name}: {said:?}"
        );
        assert_eq!(fs::read(text(&items[0], "file")).expect(name), b"precious");
        assert_eq!(fs::read_dir(&into).expect(name).count(), before, "{name}");
    }
}

#[test]
fn unpack_keeps_items_of_one_label_apart() {
    let vectors = Vectors::load();
    let folder = folder();
    let said = pki(
        &vectors,
        &[
            "unpack",
            "malformed/id_twice.bin",
            "-o",
            utf8(folder.path()),
        ],
    );
    assert_eq!(said.status, 0, "{said:?}");
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .expect("the folder")
        .map(|it| {
            it.expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    assert_eq!(names, ["ca_0.pem", "ca_0_item1.pem"]);
}

#[test]
fn an_output_is_a_whole_new_file_or_untouched() {
    let vectors = Vectors::load();
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let good = ["ca", "inputs/ca_p256.crt.pem"];
    let image = vectors.read("bins/ca_p256_pem.bin");

    // A regular file is replaced, with its mode.
    fs::write(at("old.bin"), "old").expect("room");
    fs::set_permissions(at("old.bin"), fs::Permissions::from_mode(0o640)).expect("ours");
    let junk = ["ca", "inputs/junk.txt"];
    assert_eq!(pack(&vectors, &at("old.bin"), &junk, &[]).status, 1);
    assert_eq!(fs::read(at("old.bin")).expect("still there"), b"old");
    assert_eq!(pack(&vectors, &at("old.bin"), &good, &[]).status, 0);
    assert_eq!(fs::read(at("old.bin")).expect("still there"), image);
    let mode = fs::metadata(at("old.bin"))
        .expect("it")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);

    std::os::unix::fs::symlink("old.bin", at("link.bin")).expect("a link");
    std::os::unix::fs::symlink("nowhere", at("dangling.bin")).expect("a link");
    for bad in [
        at("link.bin"),
        at(""),
        at("dangling.bin"),
        at("no/such/folder.bin"),
        "/dev/null".into(),
    ] {
        let said = pack(&vectors, &bad, &good, &[]);
        assert_eq!(said.status, 1, "{bad:?}: {said:?}");
        assert!(said.err.starts_with("espat: cannot write "), "{said:?}");
    }

    // An input is not also the output.
    let input = at("ca.pem");
    fs::write(&input, vectors.read("inputs/ca_p256.crt.pem")).expect("room");
    let said = pack(&vectors, &input, &["ca", utf8(&input)], &[]);
    assert_eq!(said.status, 2, "{said:?}");
    assert_eq!(
        fs::read(&input).expect("it"),
        vectors.read("inputs/ca_p256.crt.pem")
    );

    let left = fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 4, "temporary files are left");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let vectors = Vectors::load();
    let folder = folder();
    let huge = folder.path().join("huge.bin");
    let file = fs::File::create(&huge).expect("a file");
    file.set_len(16 * 1024 * 1024 + 1).expect("sparse");
    let out = folder.path().join("out.bin");
    for bad in [utf8(folder.path()), utf8(&huge), "inputs/no such file"] {
        for said in [
            pki(&vectors, &["list", bad]),
            pki(&vectors, &["lint", bad]),
            pki(&vectors, &["unpack", bad, "-o", utf8(&out)]),
            pki(&vectors, &["pack", "-o", utf8(&out), "ca", bad]),
        ] {
            assert_eq!((said.status, said.out.as_str()), (1, ""), "{said:?}");
            assert!(
                said.err.starts_with("espat: ") && said.err.contains(bad),
                "{said:?}"
            );
        }
        let said = pki(&vectors, &["list", "--json", bad]);
        assert_eq!(said.json()["kind"], "unreadable_file");
    }
    assert!(!out.exists());
    // One byte less is read to its end.
    file.set_len(16 * 1024 * 1024).expect("sparse");
    let said = pki(&vectors, &["list", "--json", utf8(&huge)]);
    let message = "zeros, not an image: erase the partition, and write an image of espat pki pack";
    assert_eq!(
        said.json(),
        json!({
            "result": "error",
            "kind": "bad_magic",
            "code": "zeros",
            "message": message,
            "findings": [{"code": "zeros", "level": "error", "message": message}],
            "found": "0000",
        })
    );
}

#[test]
fn command_lines_without_sense_end_with_status_2() {
    let vectors = Vectors::load();
    let folder = folder();
    let out = folder.path().join("out.bin");
    let lines: [&[&str]; 11] = [
        &[],
        &["pack"],
        &["pack", "ca", "inputs/ca_rsa.crt.pem"],
        &["pack", "-o", utf8(&out)],
        &["pack", "-o", utf8(&out), "ca"],
        &[
            "pack",
            "-o",
            utf8(&out),
            "ca",
            "inputs/ca_rsa.crt.pem",
            "key",
        ],
        &["pack", "-o", utf8(&out), "crt", "inputs/ca_rsa.crt.pem"],
        &[
            "pack",
            "-o",
            utf8(&out),
            "--size",
            "8k",
            "ca",
            "inputs/ca_rsa.crt.pem",
        ],
        &["unpack", "bins/ca_rsa_pem.bin"],
        &["lint", "bins/ca_rsa_pem.bin", "--partition", "ble_data"],
        &[
            "lint",
            "bins/ca_rsa_pem.bin",
            "--at",
            "2026-13-01T00:00:00Z",
        ],
    ];
    for line in lines {
        let said = pki(&vectors, line);
        assert_eq!(
            (said.status, said.out.as_str()),
            (2, ""),
            "{line:?}: {said:?}"
        );
        assert!(!said.err.is_empty(), "{line:?}");
    }
    assert!(!out.exists());
}
