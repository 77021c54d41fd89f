//! Each mistake with files and uploads, made here from good ones.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

use std::collections::BTreeSet;

use ItemKind::{Ca, Cert, Key};
use cert_bin::mistake::Mistake;
use cert_bin::{Image, ItemKind, NewItem, write_image};

macro_rules! input {
    ($name:literal) => {
        include_bytes!(concat!("data/pki/inputs/", $name)).as_slice()
    };
}

const PARTITION: usize = 0x2000;

fn image(items: &[(ItemKind, &[u8])]) -> Vec<u8> {
    let items: Vec<NewItem<'_>> = items
        .iter()
        .map(|&(kind, content)| NewItem { kind, content })
        .collect();
    let mut out = vec![0; PARTITION];
    let len = write_image(&items, &mut out).expect("it fits");
    out.truncate(len);
    out
}

/// As flash holds it, written at `at` of an erased partition.
fn flashed(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut flash = vec![0xFF; PARTITION];
    let room = flash.len() - at;
    let len = bytes.len().min(room);
    flash[at..at + len].copy_from_slice(&bytes[..len]);
    flash
}

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
    bytes
        .iter()
        .flat_map(|byte| format!("{byte:02x}").into_bytes())
        .collect()
}

#[test]
fn uploads_that_went_wrong_are_distinguished() {
    let ca = input!("ca_p256.crt.pem");
    let good = image(&[(Ca, ca), (Ca, input!("ca_rsa.crt.pem"))]);
    let other = image(&[(Ca, input!("ca_rsa.crt.pem"))]);
    let over: Vec<u8> = good
        .iter()
        .zip(flashed(&other, 0))
        .map(|(&new, old)| new & old)
        .collect();
    let mut nvs = vec![0xFE, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFE];
    nvs.resize(64, 0xFF);
    let table: &[(&str, Vec<u8>, Option<Mistake>)] = &[
        ("PEM", ca.to_vec(), Some(Mistake::PemNotImage)),
        (
            "DER",
            input!("ca_p256.crt.der").to_vec(),
            Some(Mistake::DerNotImage),
        ),
        ("hex", hex(&good), Some(Mistake::HexText)),
        ("text mode", text_mode(&good), Some(Mistake::TextTransfer)),
        ("not erased", over, Some(Mistake::NotErased)),
        ("NVS", nvs, Some(Mistake::NvsPartition)),
        (
            "table",
            vec![0xAA, 0x50, 1, 2, 0, 0],
            Some(Mistake::PartitionTable),
        ),
        (
            "app",
            vec![0xE9, 4, 2, 0x20, 0, 0, 0, 0],
            Some(Mistake::AppImage),
        ),
        (
            "cut",
            good[..good.len() / 4].to_vec(),
            Some(Mistake::Truncated),
        ),
        ("text", b"hello".to_vec(), None),
    ];
    for (what, upload, mistake) in table {
        let flash = flashed(upload, 0);
        assert_eq!(Mistake::of_image(&flash), *mistake, "{what}");
    }
    for at in [1, 4, 0x1000] {
        let flash = flashed(&good, at);
        assert_eq!(
            Mistake::of_image(&flash),
            Some(Mistake::WrongOffset),
            "{at}"
        );
    }
    // A transfer that takes as many bytes as the file has loses the end of what it makes longer.
    let cut = &text_mode(&good)[..good.len()];
    assert_eq!(
        Mistake::of_image(&flashed(cut, 0)),
        Some(Mistake::TextTransfer)
    );
    assert!(Image::parse(&flashed(&good, 0)).is_ok());
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn files_of_another_kind_are_named() {
    let ca = input!("ca_p256.crt.pem");
    let text = core::str::from_utf8(ca).expect("PEM is text");
    let change = |from: &str, to: &str| text.replace(from, to).into_bytes();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&[0xFF, 0xFE], &utf16[..]].concat();
    let body: Vec<u8> = text
        .lines()
        .filter(|line| !line.starts_with('-'))
        .flat_map(|line| [line, "\n"].concat().into_bytes())
        .collect();
    let relabelled = |label: &str| change("CERTIFICATE", label);
    let table: &[(Vec<u8>, ItemKind, Option<Mistake>)] = &[
        (utf16, Ca, Some(Mistake::Utf16)),
        (marked, Ca, Some(Mistake::Utf16)),
        (change("\n", "\r"), Ca, Some(Mistake::CrLineEnds)),
        (change("\n", "\\n"), Ca, Some(Mistake::EscapedLineEnds)),
        (
            change("-----BEGIN", "----BEGIN"),
            Ca,
            Some(Mistake::BrokenDashes),
        ),
        (
            change("CERTIFICATE-----\nM", "CERTIFICATE----\nM"),
            Ca,
            Some(Mistake::BrokenDashes),
        ),
        (
            change("-----END", "----END"),
            Ca,
            Some(Mistake::BrokenDashes),
        ),
        (
            change("-----BEGIN", "\u{2014}\u{2014}BEGIN"),
            Ca,
            Some(Mistake::BrokenDashes),
        ),
        (
            relabelled("TRUSTED CERTIFICATE"),
            Ca,
            Some(Mistake::TrustedCertificate),
        ),
        (relabelled("PKCS7"), Ca, Some(Mistake::Pkcs7)),
        (
            relabelled("OPENSSH PRIVATE KEY"),
            Key,
            Some(Mistake::OpenSshKey),
        ),
        (ca[..ca.len() / 2].to_vec(), Ca, Some(Mistake::NoEnd)),
        (body, Ca, Some(Mistake::Base64Text)),
        (hex(ca), Ca, Some(Mistake::HexText)),
        (image(&[(Ca, ca)]), Ca, Some(Mistake::ImageInValue)),
        (
            b"<!DOCTYPE html><p>404".to_vec(),
            Ca,
            Some(Mistake::WebPage),
        ),
        (ca.to_vec(), Key, Some(Mistake::CertificateNotKey)),
        (
            input!("server_p256.key.pem").to_vec(),
            Ca,
            Some(Mistake::KeyNotCertificate),
        ),
        (
            input!("server_p256.key.pem").to_vec(),
            Cert,
            Some(Mistake::KeyNotCertificate),
        ),
        (
            input!("client_rsa.key.enc.pem").to_vec(),
            Key,
            Some(Mistake::EncryptedKey),
        ),
        (
            input!("client_rsa.csr.pem").to_vec(),
            Cert,
            Some(Mistake::CertificateRequest),
        ),
        (
            input!("client_rsa.pub.pem").to_vec(),
            Key,
            Some(Mistake::PublicKey),
        ),
        (input!("junk.txt").to_vec(), Ca, None),
        (Vec::new(), Ca, None),
        (ca.to_vec(), Ca, None),
        (input!("server_p256.key.pem").to_vec(), Key, None),
    ];
    for (content, wanted, mistake) in table {
        let found = Mistake::of_content(content, *wanted);
        assert_eq!(found, *mistake, "{}", content.escape_ascii());
    }
}

#[test]
fn every_mistake_has_a_code_and_words_of_its_own() {
    let codes: BTreeSet<&str> = Mistake::ALL.iter().map(|it| it.code()).collect();
    let words: BTreeSet<&str> = Mistake::ALL.iter().map(|it| it.text()).collect();
    assert_eq!(codes.len(), Mistake::ALL.len());
    assert_eq!(words.len(), Mistake::ALL.len());
}

/// Bytes may be anything: no cut of anything panics.
#[test]
fn no_prefix_of_anything_panics() {
    let whole = flashed(&image(&[(Ca, input!("ca_p256.crt.pem"))]), 3);
    for end in 0..900 {
        let _ = Mistake::of_image(&whole[..end]);
        let _ = Mistake::of_content(&whole[3..3 + end], Ca);
    }
}
