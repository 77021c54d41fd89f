//! Uploads that went wrong: each has one code and one sentence, the same in `AT+PKI?`, in `+SSLWHY`, and in what
//! `espat pki lint` and `espat verify` say of the partition read back.
#![expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a panic in a test is its verdict"
)]

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::modem::Host;
use crate::support::pki::force_pack;
use crate::support::process::{command, output, program, run};
use crate::support::servers::Nobody;
use crate::support::utf8;
use crate::support::world::{PORT, World, join, start};

/// Of `client_ca`.
const SIZE: usize = 0x2000;

/// What is sent to `client_ca`, from which offset on, and what comes of it.
struct Upload {
    what: &'static str,
    bytes: Vec<u8>,
    at: usize,
    code: &'static str,
}

fn upload(what: &'static str, bytes: Vec<u8>, code: &'static str) -> Upload {
    Upload {
        what,
        bytes,
        at: 0,
        code,
    }
}

/// Each LF becomes CR LF, as terminal programs send text.
fn text_mode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for &byte in bytes {
        if byte == b'\n' {
            out.push(b'\r');
        }
        out.push(byte);
    }
    out
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.into_bytes()
}

/// As `base64 FILE` of OpenSSL prints it.
fn base64(folder: &Path, bytes: &[u8]) -> Vec<u8> {
    let file = folder.join("plain");
    fs::write(&file, bytes).expect("room");
    run(program("openssl").args(["base64", "-in", utf8(&file)])).into_bytes()
}

fn utf8_of(bytes: &[u8]) -> Vec<u8> {
    let text: String = bytes.iter().copied().map(char::from).collect();
    text.into_bytes()
}

/// Flash that is written twice has a bit only if both had it.
fn over(old: &[u8], new: &[u8]) -> Vec<u8> {
    let erased = std::iter::repeat(&0xFF);
    let old = old.iter().chain(erased);
    new.iter().zip(old).map(|(new, old)| new & old).collect()
}

/// The bytes of a file.
fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("it is there")
}

#[expect(clippy::too_many_lines, reason = "a row per mistake")]
fn uploads(world: &World) -> Vec<Upload> {
    let folder = world.folder.path();
    let ca = &world.ca.own;
    let (pem, good) = (read(&ca.certificate), world.image());
    let der = folder.join("ca.der");
    run(program("openssl")
        .args(["x509", "-outform", "DER", "-in", utf8(&ca.certificate)])
        .args(["-out", utf8(&der)]));
    let der = read(&der);
    let middle = world
        .ca
        .intermediate("another", crate::support::pki::KeyKind::P256);
    let other = force_pack("ca", &[middle.own.certificate]);
    let two = [&good[..], &good[8..]].concat();
    let mut headless = good.clone();
    headless[..8].fill(0xFF);
    let mut cut = good.clone();
    cut.truncate(good.len() / 2);
    let mut lost = good[..200].to_vec();
    lost.extend(b"AT+CIPSTART=\"SSL\",\"192.168.3.129\",8739\r\n");
    let mut contradicts = good.clone();
    contradicts[9] ^= 1;
    contradicts[10] ^= 0x80;
    let noise: Vec<u8> = (1..=SIZE)
        .map(|n| ((n * n * 31 + n * 7) >> 3) as u8)
        .collect();
    let mut nvs = vec![0xFE, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFE];
    nvs.resize(64, 0xFF);
    vec![
        upload("a PEM file", pem.clone(), "pem_not_image"),
        upload(
            "half a PEM file",
            pem[..pem.len() / 2].to_vec(),
            "truncated",
        ),
        upload("a DER file", der.clone(), "der_not_image"),
        upload(
            "half a DER file",
            der[..der.len() / 2].to_vec(),
            "truncated",
        ),
        upload("hex digits of an image", hex(&good), "hex_text"),
        upload("base64 of an image", base64(folder, &good), "base64_image"),
        upload("base64 of a PEM file", base64(folder, &pem), "base64_pem"),
        upload("base64 of a DER file", base64(folder, &der), "base64_text"),
        upload("text mode", text_mode(&good), "text_transfer"),
        upload(
            "text mode, cut",
            text_mode(&good)[..good.len()].to_vec(),
            "text_transfer",
        ),
        upload("UTF-8", utf8_of(&good), "utf8_transfer"),
        Upload {
            at: 0x400,
            ..upload("another offset", good.clone(), "wrong_offset")
        },
        upload("not erased", over(&other, &good), "not_erased"),
        upload("half an image", cut, "truncated"),
        upload("a header", good[..8].to_vec(), "truncated"),
        upload("the magic", good[..4].to_vec(), "truncated"),
        upload("no header", headless, "no_header"),
        upload("a command in the data", lost, "command_in_data"),
        upload(
            "a table that contradicts itself",
            contradicts,
            "damaged_image",
        ),
        upload("two images in a row", two, ""),
        upload("zeros", vec![0; SIZE], "zeros"),
        upload("noise", noise, "not_an_image"),
        upload(
            "keys",
            force_pack("key", std::slice::from_ref(&ca.key)),
            "key_not_certificate",
        ),
        upload(
            "keys called CAs",
            force_pack("ca", std::slice::from_ref(&ca.key)),
            "key_not_certificate",
        ),
        upload("pages of NVS", nvs, "nvs_partition"),
        upload("a program", vec![0xE9, 4, 2, 0x20, 0, 0, 0, 0], "app_image"),
        upload(
            "a partition table",
            vec![0xAA, 0x50, 1, 2, 0, 0, 0, 0],
            "partition_table",
        ),
    ]
}

/// Erases the partition, and writes to it.
fn write(host: &mut Host, upload: &Upload) {
    host.ok("AT+SYSFLASH=0,\"client_ca\"");
    let length = upload.bytes.len();
    let line = format!("AT+SYSFLASH=1,\"client_ca\",{},{length}", upload.at);
    host.ask(&line, "\r\n>");
    host.send(&upload.bytes);
    host.hears("\r\nOK\r\n");
}

/// The line of `AT+PKI?` about `client_ca`, or a key below it.
fn listed(host: &mut Host) -> String {
    let said = host.ask_until("AT+PKI?", "\r\nOK\r\n");
    let mine = said
        .lines()
        .find(|line| line.starts_with("+PKI:\"client_ca"));
    mine.unwrap_or_else(|| panic!("{said}")).to_owned()
}

/// The reason why a session is refused.
fn why(host: &mut Host) -> String {
    host.ask_until(&start(PORT), "\r\nERROR\r\n");
    host.ask_until("AT+SSLWHY?", "\r\nOK\r\n")
        .trim_end()
        .to_owned()
}

fn json_of(arguments: &[&str]) -> Value {
    let said = output(command(env!("CARGO_BIN_EXE_espat")).args(arguments));
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    serde_json::from_slice(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

#[test]
fn an_upload_that_went_wrong_is_named_the_same_everywhere() {
    let world = World::new();
    let uploads = uploads(&world);
    // The session is refused before anything is connected.
    let world = world
        .server(PORT, Nobody::new().address())
        .option("--clock", "host");
    let modem = world.modem();
    let mut host = modem.switch_on();
    join(&mut host);
    host.ok("AT+CIPSSLCCONF=2,0,0");
    let dump = world.folder.path().join("partition.bin");
    let dumped = utf8(&dump);
    let chain = utf8(&world.ca.own.certificate);
    for upload in &uploads {
        let (what, code) = (upload.what, upload.code);
        write(&mut host, upload);
        if code.is_empty() {
            // What stands behind a good image is no reason to refuse it.
            assert!(why(&mut host).ends_with("\"connection_refused\""), "{what}");
            continue;
        }
        let mut partition = vec![0xFF; SIZE];
        partition[upload.at..][..upload.bytes.len()].copy_from_slice(&upload.bytes);
        fs::write(&dump, &partition).expect("room");
        let lint = json_of(&["pki", "lint", "--json", "--partition", "client_ca", dumped]);
        let sentence = lint["message"].as_str().expect("a sentence");
        assert_eq!(lint["code"], code, "lint, {what}: {lint:#}");
        let verify = json_of(&["verify", "--json", "--bin", dumped, "--chain", chain]);
        assert_eq!(verify["code"], code, "verify, {what}: {verify:#}");
        let pki = listed(&mut host);
        assert!(
            pki.contains(&format!("\"{code}\"")),
            "AT+PKI, {what}: {pki}"
        );
        let why = why(&mut host);
        assert!(
            why.ends_with(&format!(",\"{code}\"")),
            "+SSLWHY, {what}: {why}"
        );
        for said in [&pki, &why] {
            // Quotes would end the field.
            assert!(
                said.contains(&sentence.replace('"', "'")),
                "{what}: {sentence}: {said}"
            );
        }
    }
}

/// `mfg_nvs` read back out of the simulator's flash file: where `AT+SYSFLASH?` says that it is.
fn dumped(flash: &Path) -> std::path::PathBuf {
    let dump = flash.with_file_name("mfg_nvs.bin");
    fs::write(&dump, &read(flash)[135_168..][..114_688]).expect("room");
    dump
}

/// Where certificates are values, the bare file belongs.
#[expect(
    clippy::too_many_lines,
    reason = "a table, and what is asked about each row"
)]
#[test]
fn a_value_that_is_no_certificate_is_named_the_same_everywhere() {
    let world = World::new();
    let ca = &world.ca.own;
    let pem = read(&ca.certificate);
    let cut = text_mode(&pem)[..pem.len()].to_vec();
    let folder = world.folder.path();
    let values = [
        ("an image", world.image(), "image_in_value"),
        ("text mode", cut, "text_transfer"),
        ("half a file", pem[..pem.len() / 2].to_vec(), "no_end_line"),
        ("a key", read(&ca.key), "key_not_certificate"),
        ("hex digits", hex(&pem), "hex_text"),
        ("base64 of a PEM file", base64(folder, &pem), "base64_pem"),
        (
            "base64 of an image",
            base64(folder, &world.image()),
            "base64_image",
        ),
        ("text", b"this is no certificate".to_vec(), "not_pem_or_der"),
    ];
    let flash = world.flash();
    let world = world
        .server(PORT, Nobody::new().address())
        .option("--layout", "mfg-nvs")
        .option("--clock", "host");
    let modem = world.modem();
    let mut host = modem.switch_on();
    join(&mut host);
    host.ok("AT+CIPSSLCCONF=2,0,0");
    for (what, bytes, code) in values {
        let line = format!(
            "AT+SYSMFG=2,\"client_ca\",\"client_ca.0\",8,{}",
            bytes.len()
        );
        host.ask(&line, "\r\nOK\r\n\r\n>");
        host.send(&bytes);
        host.hears("\r\nOK\r\n");
        let pki = listed(&mut host);
        assert!(
            pki.contains(&format!("\"{code}\",0,\"")),
            "AT+PKI, {what}: {pki}"
        );
        let why = why(&mut host);
        assert!(
            why.ends_with(&format!(",\"{code}\"")),
            "+SSLWHY, {what}: {why}"
        );
        let dump = dumped(&flash);
        let said = output(command(env!("CARGO_BIN_EXE_espat")).args([
            "pki",
            "nvs",
            "list",
            "--json",
            utf8(&dump),
        ]));
        let json: Value = serde_json::from_slice(&said.stdout).expect("JSON");
        assert_eq!(
            json["findings"][0]["code"], code,
            "nvs list, {what}: {json:#}"
        );
    }
    let value = format!("AT+SYSMFG=2,\"client_ca\",\"client_ca.0\",8,{}", pem.len());
    host.ask(&value, "\r\nOK\r\n\r\n>");
    host.send(&pem);
    host.hears("\r\nOK\r\n");
    assert!(why(&mut host).ends_with("\"connection_refused\""));
}
