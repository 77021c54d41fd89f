extern crate std;
use super::*;
use std::collections::BTreeSet;
use std::format;
use std::string::{String, ToString};

const DOC: &str = include_str!("../../../../docs/ssl-failures.md");
const GOLDEN: &str = include_str!("reasons.txt");

#[test]
fn code_number_flags_and_words_of_the_modem_s_reasons_stay_as_they_are() {
    let (number, available) = (3, 2);
    let lines: BTreeSet<String> = [
        ModemError::CaErased,
        ModemError::CaMissing { number, available },
        ModemError::CertErased,
        ModemError::CertMissing { number, available },
        ModemError::KeyErased,
        ModemError::KeyMissing { number, available },
        ModemError::KeyEncrypted,
        ModemError::KeyTooSlow,
        ModemError::StrictPolicy,
        ModemError::NoNetwork,
        ModemError::ServerMux,
        ModemError::HostNotFound,
        ModemError::SntpFailed,
        ModemError::HostIsUrl,
        ModemError::LinkNumber { number: 7 },
        ModemError::LinkMissing,
        ModemError::LinkUnwanted,
        ModemError::ParameterValue { index: 1 },
        ModemError::ParameterKind { index: 1 },
        ModemError::ParameterLength {
            index: 1,
            len: 65,
            max: 64,
        },
        ModemError::ParameterSyntax { index: 1 },
        ModemError::ParameterCount {
            given: 3,
            needed: 4,
        },
        ModemError::CommandForm,
        ModemError::GaveWay,
        ModemError::TooManySessions {
            needed: 17,
            limit: 16,
        },
    ]
    .iter()
    .map(|error| {
        let (code, number) = (error.code(), error.mbedtls().unsigned_abs());
        let flags = error.verify_flags();
        format!("{code} -0x{number:04x} 0x{flags:08x} {error}")
    })
    .collect();
    assert_eq!(lines.len(), ModemError::TABLE.len());
    let golden: BTreeSet<String> = GOLDEN.lines().map(ToString::to_string).collect();
    assert_eq!(lines, golden);
}

/// The codes in the first column of the document's tables.
fn documented() -> BTreeSet<&'static str> {
    DOC.lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|word| !word.starts_with("AT+"))
        .collect()
}

#[test]
fn every_code_is_documented_and_nothing_else_is() {
    let codes: BTreeSet<&str> = Cause::table().map(|row| row.code).collect();
    assert!(codes.len() > 60, "{}", codes.len());
    assert_eq!(documented(), codes);
}

/// A person who has the sentence and not the code finds it, too: in the table of the code, word by word where it is
/// fixed.
#[test]
fn every_sentence_of_a_file_or_an_upload_is_documented() {
    for mistake in Mistake::ALL {
        let words = mistake.text();
        assert!(DOC.contains(words), "{words}");
    }
}

#[test]
fn codes_are_plain_words() {
    for row in Cause::table() {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(row.code.bytes().all(plain), "{}", row.code);
    }
}

#[test]
fn every_number_is_one_of_mbed_tls_and_every_row_has_words() {
    for row in Cause::table() {
        assert!((-0x7fff..0).contains(&row.mbedtls), "{row:?}");
        assert!(!row.text.is_empty(), "{row:?}");
    }
}
