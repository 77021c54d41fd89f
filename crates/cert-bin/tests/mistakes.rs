//! Each mistake with files and uploads, made here from good ones.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

use std::collections::BTreeSet;

use ItemKind::{Ca, Cert, Key};
use cert_bin::mistake::{Mistake, read_image};
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

/// Bytes of a generator that anybody can run again (Knuth's MMIX constants).
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.to_le_bytes()[7]
    };
    (0..len).map(|_| next()).collect()
}

/// As a program sends it that takes bytes for Latin-1 text.
fn utf8(bytes: &[u8]) -> Vec<u8> {
    let text: String = bytes.iter().copied().map(char::from).collect();
    text.into_bytes()
}

/// As a program sends it that decodes bytes as UTF-8 and puts a sign for what is none.
fn replaced(bytes: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(bytes).into_owned().into_bytes()
}

/// With a line end after each 64 digits, as `base64 -w64` and PEM have it.
fn base64(bytes: &[u8]) -> Vec<u8> {
    use base64ct::{Base64, Encoding as _};
    let digits = Base64::encode_string(bytes).into_bytes();
    digits
        .chunks(64)
        .flat_map(|line| [line, b"\n"].concat())
        .collect()
}

/// One item leaves a table that holds after a transfer in text mode: the list has its length, and the rest stands behind it.
#[test]
fn a_transfer_in_text_mode_is_seen_with_any_number_of_items() {
    let contents = [
        input!("ca_p256.crt.pem"),
        input!("ca_rsa.crt.pem"),
        input!("ca_rsa.crt.der"),
    ];
    for count in 1..=3 {
        let items: Vec<(ItemKind, &[u8])> = contents[..count].iter().map(|&it| (Ca, it)).collect();
        let good = image(&items);
        for upload in [text_mode(&good), text_mode(&good)[..good.len()].to_vec()] {
            let flash = flashed(&upload, 0);
            let by_table = Mistake::of_image(&flash);
            let by_content = Image::parse(&flash).ok().and_then(|image| {
                image
                    .items()
                    .find_map(|it| Mistake::of_item(it.content, Ca))
            });
            assert_eq!(
                by_table.or(by_content),
                Some(Mistake::TextTransfer),
                "{count}"
            );
        }
        // Line ends that were CR LF before are none of the upload's, and neither is what an older image left behind.
        let crlf = text_mode(contents[0]);
        let mut stale = image(&[(Ca, &crlf)]);
        stale.extend(&contents[1][..300]);
        assert!(read_image(&flashed(&stale, 0)).is_ok());
        assert_eq!(Mistake::of_item(&crlf, Ca), None);
    }
}

/// Contents of items and values as flash holds them.
#[test]
fn what_an_upload_did_to_a_content_is_told_apart() {
    let ca = input!("ca_p256.crt.pem");
    let der = input!("ca_p256.crt.der");
    let other = input!("ca_rsa.crt.der");
    let over: Vec<u8> = der.iter().zip(other).map(|(a, b)| a & b).collect();
    let mut command = ca[..ca.len() / 2].to_vec();
    command.extend(b"AT+SYSMFG?\r\n");
    let mut cut = ca.to_vec();
    cut[ca.len() / 2..].fill(0xFF);
    for (what, content, mistake) in [
        (
            "text mode",
            text_mode(ca)[..ca.len()].to_vec(),
            Some(Mistake::TextTransfer),
        ),
        ("not erased", over, Some(Mistake::NotErased)),
        ("a command inside", command, Some(Mistake::CommandInData)),
        ("cut", cut, Some(Mistake::Truncated)),
        (
            "cut as a file",
            ca[..ca.len() / 2].to_vec(),
            Some(Mistake::NoEnd),
        ),
        ("zeros", vec![0; ca.len()], Some(Mistake::Zeros)),
        ("PEM", ca.to_vec(), None),
        ("DER", der.to_vec(), None),
    ] {
        assert_eq!(Mistake::of_item(&content, Ca), mistake, "{what}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn uploads_that_went_wrong_are_distinguished() {
    let ca = input!("ca_p256.crt.pem");
    let good = image(&[(Ca, ca), (Ca, input!("ca_rsa.crt.pem"))]);
    let other = image(&[(Ca, input!("ca_rsa.crt.pem"))]);
    let over: Vec<u8> = good
        .iter()
        .zip(flashed(&other, 0))
        .map(|(&new, old)| new & old)
        .collect();
    let der = input!("ca_p256.crt.der");
    let mut overrun = good.clone();
    overrun[10] ^= 0x40;
    let mut command = good.clone();
    command.truncate(400);
    command.extend(b"AT+CIPSTATUS\r\nAT+SYSFLASH?\r\n");
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
        ("text", b"hello".to_vec(), Some(Mistake::NotAnImage)),
        ("zeros", vec![0; PARTITION], Some(Mistake::Zeros)),
        ("some zeros", vec![0; 40], Some(Mistake::Zeros)),
        ("noise", noise(PARTITION), Some(Mistake::NotAnImage)),
        ("magic alone", vec![0xF1, 0xF1], Some(Mistake::Truncated)),
        ("half a header", good[..5].to_vec(), Some(Mistake::Truncated)),
        ("a header alone", good[..8].to_vec(), Some(Mistake::Truncated)),
        ("half an item header", good[..10].to_vec(), Some(Mistake::Truncated)),
        ("no header", [&[0xFF; 8], &good[8..]].concat(), Some(Mistake::NoHeader)),
        ("half a PEM file", ca[..ca.len() / 2].to_vec(), Some(Mistake::Truncated)),
        ("half a DER file", der[..der.len() / 2].to_vec(), Some(Mistake::Truncated)),
        ("UTF-8", utf8(&good), Some(Mistake::Utf8Transfer)),
        ("UTF-8 with losses", replaced(&good), Some(Mistake::Utf8Transfer)),
        ("base64 of an image", base64(&good), Some(Mistake::Base64Image)),
        ("base64 of PEM", base64(ca), Some(Mistake::Base64Pem)),
        ("base64 of DER", base64(der), Some(Mistake::Base64Text)),
        ("hex of DER", hex(der), Some(Mistake::HexText)),
        ("hexdump", b"00000000  f1 f1 02 00 a0 08 00 00  01 00 3d 02 2d 2d 2d 2d  |..........=.----|\n".to_vec(), Some(Mistake::HexText)),
        ("xxd -i", b"unsigned char at_ca_bin[] = {\n  0xf1, 0xf1, 0x01, 0x00, 0x44, 0x02, 0x00, 0x00\n};\n".to_vec(), Some(Mistake::HexText)),
        ("ZIP", b"PK\x03\x04\x14\x00\x00\x00\x08\x00".to_vec(), Some(Mistake::Archive)),
        ("JKS", vec![0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2], Some(Mistake::JavaKeystore)),
        ("items that overrun", overrun, Some(Mistake::DamagedImage)),
        ("a command inside", command, Some(Mistake::CommandInData)),
    ];
    for (what, upload, mistake) in table {
        let flash = flashed(upload, 0);
        assert_eq!(Mistake::of_image(&flash), *mistake, "{what}");
        // The file says the same on the PC as the partition in the modem, but for what the partition alone shows.
        assert_eq!(Mistake::of_image(upload), *mistake, "{what}, as a file");
    }
    for blank in [&[0xFF; PARTITION][..], &[]] {
        assert_eq!(Mistake::of_image(blank), None);
        assert!(read_image(blank).is_err_and(|bad| bad.is_blank()));
    }
    let mut dump = vec![0xFF; 0x9000];
    dump[0x1000] = 0xE9;
    dump[0x8000..0x8002].copy_from_slice(&[0xAA, 0x50]);
    assert_eq!(Mistake::of_image(&dump), Some(Mistake::FlashDump));
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
        (change("\n", ""), Ca, Some(Mistake::NoLineEnds)),
        (change("\n", " "), Ca, Some(Mistake::NoLineEnds)),
        (change("\n", "\n  "), Ca, Some(Mistake::Indented)),
        (
            change("\n", "\\n\"\n\""),
            Ca,
            Some(Mistake::EscapedLineEnds),
        ),
        (
            b"Certificate:\n    Data:\n        Version: 3 (0x2)\n".to_vec(),
            Ca,
            Some(Mistake::CertificateText),
        ),
        (base64(&image(&[(Ca, ca)])), Ca, Some(Mistake::Base64Image)),
        (base64(ca), Ca, Some(Mistake::Base64Pem)),
        (relabelled("X509 CRL"), Ca, Some(Mistake::RevocationList)),
        (
            b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
                .to_vec(),
            Key,
            Some(Mistake::EcParameters),
        ),
        (
            b"PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\n".to_vec(),
            Key,
            Some(Mistake::PuttyKey),
        ),
        (
            b"ssh-rsa AAAAB3NzaC1yc2E me@here\n".to_vec(),
            Key,
            Some(Mistake::PublicKey),
        ),
        (
            b"PK\x03\x04\x14\x00\x00\x00\x08\x00".to_vec(),
            Ca,
            Some(Mistake::Archive),
        ),
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
        (input!("junk.txt").to_vec(), Ca, Some(Mistake::NotPemOrDer)),
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
