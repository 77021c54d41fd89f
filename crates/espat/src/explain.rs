//! `espat explain`: a code, a number, a flag or a line of a log, in words.
//!
//! The words are those of the documentation: the tables of `docs/ssl-failures.md` and `docs/at-errors.md`, whose first
//! cell has the code, the second what it means and the third what to do.

use std::fmt::Write as _;

use at_modem::why::Cause;
use serde_json::json;

use crate::report::{self, Outcome};

const FAILURES: &str = include_str!("explain/ssl-failures.md");
const ERRORS: &str = include_str!("explain/at-errors.md");

/// `espat explain WHAT`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A code (issuer_unknown), a number (-0x2700, -9984), an ERR CODE (0x010a0000), flags (0x00000008), +CWJAP:2, a
    /// sentence, or a whole line of the port or of a log
    #[arg(required = true, allow_hyphen_values = true, value_name = "WHAT")]
    what: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One row of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// The first cell, without its marks.
    name: &'static str,
    means: &'static str,
    todo: &'static str,
}

/// Runs the command.
///
/// # Errors
///
/// What the output says.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    // Behind what is to be explained, an option looks like a part of it.
    let is_option = |word: &&String| word.as_str() != "--json";
    let words: Vec<&str> = args
        .what
        .iter()
        .filter(is_option)
        .map(String::as_str)
        .collect();
    let json = args.json || words.len() < args.what.len();
    let what = words.join(" ");
    let found = explain(&what);
    if json {
        let findings: Vec<_> = found
            .iter()
            .map(|entry| {
                json!({"code": entry.name, "level": "note", "message": entry.means, "do": entry.todo})
            })
            .collect();
        let message = found
            .first()
            .map_or("nothing is known of it", |it| it.means);
        report::print_json(&json!({
            "result": if found.is_empty() { "refused" } else { "ok" },
            "code": found.first().map_or("unknown", |it| it.name),
            "message": message,
            "findings": findings,
        }))?;
    } else if !found.is_empty() {
        report::print(&in_text(&found)?)?;
    }
    if found.is_empty() {
        report::complain(format_args!(
            "nothing is known of '{what}'; a code, a number such as -0x2700, or a line of the port is expected"
        ));
        return Ok(Outcome::Refused);
    }
    Ok(Outcome::Done)
}

/// What the command prints about a code, a number or a line; `None` if nothing is known of it.
#[must_use]
pub fn words(what: &str) -> Option<String> {
    let found = explain(what);
    if found.is_empty() {
        return None;
    }
    in_text(&found).ok()
}

/// The most specific thing known of a line of the port: what it means, and what to do.
pub(crate) fn first(line: &str) -> Option<(&'static str, &'static str)> {
    explain(line).first().map(|entry| (entry.means, entry.todo))
}

fn in_text(entries: &[Entry]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for entry in entries {
        writeln!(text, "{}", entry.name)?;
        writeln!(text, "  means  {}", entry.means)?;
        if !entry.todo.is_empty() {
            writeln!(text, "  do     {}", entry.todo)?;
        }
        if let Some(row) = Cause::table().find(|row| row.code == entry.name) {
            let number = row.mbedtls.unsigned_abs();
            writeln!(
                text,
                "  number -0x{number:04X}, verify flags 0x{:08x}",
                row.flags
            )?;
            writeln!(text, "  says   {}", row.text)?;
        }
    }
    Ok(text)
}

/// Every row of a document; one with several codes gives several entries.
fn rows(document: &'static str) -> impl Iterator<Item = Entry> {
    document
        .lines()
        .filter(|line| line.starts_with("| `"))
        .flat_map(|line| {
            let mut cells = line.trim_matches('|').split(" | ").map(str::trim);
            let names = cells.next().unwrap_or_default();
            let means = cells.next().unwrap_or_default();
            let todo = cells.next().unwrap_or_default();
            let codes = names.split('`').skip(1).step_by(2);
            codes.map(move |name| Entry { name, means, todo })
        })
}

fn all() -> impl Iterator<Item = Entry> {
    rows(FAILURES).chain(rows(ERRORS))
}

/// Everything that is known of a code, number or line, the most specific first.
fn explain(what: &str) -> Vec<Entry> {
    let what = what.trim();
    let mut found: Vec<Entry> = Vec::new();
    let mut add = |entry: Entry| {
        if !found.contains(&entry) {
            found.push(entry);
        }
    };
    let words: Vec<&str> = what
        .split(|c: char| !(c.is_ascii_alphanumeric() || "_+-:".contains(c)))
        .filter(|word| !word.is_empty())
        .collect();
    // The codes of our own, then the sentence, then numbers by what their context says of them.
    let codes: Vec<Entry> = all()
        .filter(|entry| entry.name.contains('_') || !what.contains(' '))
        .filter(|entry| words.contains(&entry.name))
        .collect();
    codes.into_iter().for_each(&mut add);
    by_phrase(what).into_iter().for_each(&mut add);
    by_alert(what, &words).into_iter().for_each(&mut add);
    by_sentence(what).into_iter().for_each(&mut add);
    for word in &words {
        rows(ERRORS)
            .filter(|entry| word.starts_with("+CWJAP:") && entry.name == *word)
            .for_each(&mut add);
        by_name(word).into_iter().for_each(&mut add);
        if let Some(number) = number(word) {
            by_number(what, word, number).into_iter().for_each(&mut add);
        }
    }
    found
}

/// A reason whose sentence stands in a line, or is part of one: fixed parts of at least three words.
fn by_sentence(what: &str) -> Vec<Entry> {
    let lower = what.to_lowercase();
    let fixed = |text: &'static str| {
        text.split(['{', '}'])
            .step_by(2)
            .map(|part| part.trim().to_lowercase())
            .filter(|part| part.split(' ').count() >= 3)
            .collect::<Vec<_>>()
    };
    Cause::table()
        .filter(|row| {
            let parts = fixed(row.text);
            let whole = !parts.is_empty() && parts.iter().all(|part| lower.contains(part.as_str()));
            let part_of = lower.split(' ').count() >= 3 && row.text.to_lowercase().contains(&lower);
            whole || part_of
        })
        .filter_map(|row| rows(FAILURES).find(|entry| entry.name == row.code))
        .collect()
}

/// Replies and words of logs of more than one word, as they stand in the line.
fn by_phrase(what: &str) -> Vec<Entry> {
    let is_phrase = |entry: &Entry| entry.name.contains(' ') && !entry.name.starts_with("alert ");
    let phrases = rows(ERRORS).filter(is_phrase);
    phrases.filter(|entry| what.contains(entry.name)).collect()
}

/// The alert of a line that has one: by its number, as OpenSSL (`alert number 48`), Mbed TLS (`msg 48`), GnuTLS (`[48]`)
/// and this modem (`(48)`) print it, else by its name.
fn by_alert(what: &str, words: &[&str]) -> Option<Entry> {
    let lower = what.to_lowercase();
    if !lower.contains("alert") {
        return None;
    }
    let alerts = || rows(ERRORS).filter(|entry| entry.name.starts_with("alert "));
    let numbered = |entry: &Entry| {
        let number = entry.name.trim_start_matches("alert ");
        words.contains(&number)
    };
    let squeezed: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    let named = |entry: &Entry| {
        let (name, _) = entry.means.split_once(':').unwrap_or_default();
        squeezed.contains(&name.replace('_', ""))
    };
    alerts().find(numbered).or_else(|| alerts().find(named))
}

/// `MBEDTLS_ERR_X509_CERT_VERIFY_FAILED`, with or without its beginning.
fn by_name(word: &str) -> Option<Entry> {
    let flag = word.strip_prefix("MBEDTLS_X509_").unwrap_or(word);
    if let Some(flag) = flag.strip_prefix("BADCERT_") {
        let mut flags = rows(ERRORS).filter(|entry| entry.name.starts_with("0x000"));
        return flags.find(|entry| entry.means.split([':', ' ']).next() == Some(flag));
    }
    let name = word.strip_prefix("MBEDTLS_ERR_").or_else(|| {
        ["X509_", "SSL_", "PK_", "NET_", "PEM_"]
            .iter()
            .any(|start| word.starts_with(start))
            .then_some(word)
    })?;
    rows(ERRORS).find(|entry| {
        let (named, _) = entry.means.split_once(':').unwrap_or((entry.means, ""));
        named.split(' ').any(|it| it == name)
    })
}

/// Decimal or hexadecimal, with its sign.
fn number(word: &str) -> Option<i64> {
    let stated = word.contains("ERRNO");
    let word = word
        .rsplit(':')
        .next()
        .unwrap_or(word)
        .trim_end_matches('-');
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, word),
    };
    let value = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(hex) => i64::from_str_radix(hex, 16).ok()?,
        None if stated || digits.len() >= 2 => digits.parse().ok()?,
        None => return None,
    };
    value.checked_mul(sign)
}

/// What a number may be: an ERR CODE, an Mbed TLS number, verify flags.
fn by_number(what: &str, word: &str, number: i64) -> Vec<Entry> {
    if (0x0100_0000..0x0200_0000).contains(&number) {
        let word = format!("{number:#010x}");
        let exact = rows(ERRORS).find(|entry| entry.name == word);
        let kind = rows(ERRORS).find(|entry| entry.name.len() == 6 && word.starts_with(entry.name));
        let failed =
            rows(ERRORS).find(|entry| word.starts_with("0x010a") && entry.name == "0x010a0000");
        return exact.or(kind).or(failed).into_iter().collect();
    }
    // esp-tls writes four digits, verify flags have eight.
    let of_esp_tls = format!("{number:#06X}").replace("0X", "0x");
    let of_esp_tls = rows(ERRORS).find(|entry| word.len() == 6 && entry.name == of_esp_tls);
    if let Some(entry) = of_esp_tls {
        return vec![entry];
    }
    let named = format!("-{:#06X}", number.unsigned_abs()).replace("0X", "0x");
    let mbedtls = rows(ERRORS).find(|entry| entry.name == named);
    let reasons = Cause::table()
        .filter(|row| u64::from(row.mbedtls.unsigned_abs()) == number.unsigned_abs())
        .filter_map(|row| rows(FAILURES).find(|entry| entry.name == row.code));
    let is_number = number < 0 || mbedtls.is_some();
    if is_number {
        // A whole line has its code; a bare number has all that are possible.
        let reasons = reasons.filter(|_| !what.contains(' ') && !what.contains(','));
        return mbedtls.into_iter().chain(reasons).collect();
    }
    let flag = |entry: &Entry| {
        let bit = entry.name.strip_prefix("0x").filter(|hex| hex.len() == 8);
        let bit = bit.and_then(|hex| i64::from_str_radix(hex, 16).ok());
        bit.is_some_and(|bit| bit < 0x0100_0000 && number & bit != 0)
    };
    let hexadecimal = word.starts_with("0x") || word.contains("ERRNO") || what.contains("flags");
    if number > 0 && number < 0x2_0000 && hexadecimal {
        return rows(ERRORS).filter(flag).collect();
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn names(what: &str) -> Vec<&'static str> {
        explain(what).iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn every_reason_is_explained_by_its_code_its_number_and_its_sentence() {
        for row in Cause::table() {
            let by_code = explain(row.code);
            let entry = by_code.first().expect(row.code);
            assert_eq!(entry.name, row.code);
            assert!(!entry.means.is_empty(), "{}", row.code);
            let number = format!("-0x{:04X}", row.mbedtls.unsigned_abs());
            assert!(names(&number).contains(&row.code), "{number}: {}", row.code);
            assert!(
                names(&number).contains(&number.as_str()),
                "{number} has no row"
            );
            // The log has Mbed TLS's name of it, which is the one of the document.
            let named = rows(ERRORS).find(|entry| entry.name == number);
            let name = tls_session::reason::mbedtls_text(row.mbedtls);
            assert!(
                named.is_some_and(|it| it.means.starts_with(name)),
                "{number} {name}"
            );
            let decimal = row.mbedtls.to_string();
            assert_eq!(names(&decimal), names(&number));
        }
    }

    #[test]
    fn a_fixed_sentence_leads_to_its_code() {
        let sentences = Cause::table().filter(|row| !row.text.contains('{'));
        for row in sentences.filter(|row| row.text.split(' ').count() >= 3) {
            let found = names(row.text);
            assert!(found.contains(&row.code), "{}: {found:?}", row.text);
        }
    }

    #[test]
    fn lines_of_both_modems_and_their_logs_are_read() {
        let why = r#"+SSLWHY:0,"certificate",-0x2700,0x00000008,1,"CN=A","CN=B","no chain to the loaded CA","issuer_unknown""#;
        for (line, first) in [
            (why, "issuer_unknown"),
            ("ERR CODE:0x010b0000", "0x010b0000"),
            ("ERR CODE:0x01060201", "0x0106"),
            ("ERR CODE:0x010a8001", "0x010a0000"),
            ("0x01090000", "0x01090000"),
            ("+CWJAP:2", "+CWJAP:2"),
            ("-9984", "-0x2700"),
            ("+ERRNO:-15616", "-0x3D00"),
            ("+ERRNO:8", "0x00000008"),
            ("0x00000204", "0x00000004"),
            (
                "E (1234) esp-tls-mbedtls: mbedtls_ssl_handshake returned -0x7780",
                "-0x7780",
            ),
            ("mbedtls_ssl_handshake returned -0x2700, flags 8", "-0x2700"),
            ("MBEDTLS_ERR_X509_CERT_VERIFY_FAILED", "-0x2700"),
            ("E (99) esp-tls: open failed, error 0x8006", "0x8006"),
            ("0x801a", "0x801A"),
            ("0x00008000", "0x00008000"),
            (r#"+PKI:"client_ca","pem_not_image",0"#, "pem_not_image"),
            ("PEM text, not an image", "pem_not_image"),
            ("alert 112", "alert 112"),
            (
                "SSL routines::tlsv1 alert unknown ca:SSL alert number 48",
                "alert 48",
            ),
            ("received fatal alert: CertificateRequired", "alert 116"),
            ("is a fatal alert message (msg 40)", "alert 40"),
            ("*** Received alert [51]: Decrypt error", "alert 51"),
            ("server alert: unknown PSK identity (115)", "alert 115"),
            ("several_certificates", "several_certificates"),
            ("NO CA FOUND", "NO CA FOUND"),
            ("busy p...", "busy p..."),
            (
                "  ! The certificate is not correctly signed by the trusted CA",
                "is not correctly signed by the trusted CA",
            ),
            ("MBEDTLS_X509_BADCERT_NOT_TRUSTED", "0x00000008"),
            ("it fails with BADCERT_CN_MISMATCH for google", "0x00000004"),
            ("start_ssl_client: -9984", "-0x2700"),
        ] {
            assert_eq!(
                names(line).first(),
                Some(&first),
                "{line}: {:?}",
                names(line)
            );
        }
        for line in ["", "hello", "OK", "AT+CIPSTART"] {
            assert!(names(line).is_empty(), "{line}: {:?}", names(line));
        }
    }

    /// The codes of the lint, as its source has them: none of them needs the source to be understood.
    #[test]
    fn every_finding_and_every_alert_with_a_hint_is_explained() {
        let sources = [
            include_str!("../../cert-bin/src/lint/finding.rs"),
            include_str!("../../cert-bin/src/image/warning.rs"),
            include_str!("../../cert-bin/src/writer.rs"),
            include_str!("../../cert-bin/src/content.rs"),
            include_str!("../../cert-bin/src/public.rs"),
            include_str!("../../partition-store/src/nvs/error.rs"),
        ];
        let code = |line: &'static str| {
            let (_, literal) = line.split_once("=> \"")?;
            let (word, rest) = literal.split_once('"')?;
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            (word.chars().all(plain) && rest == ",").then_some(word)
        };
        let codes: BTreeSet<&str> = sources
            .iter()
            .flat_map(|it| it.lines().filter_map(code))
            .collect();
        assert!(codes.len() > 40, "{codes:?}");
        for code in codes {
            assert_eq!(names(code).first(), Some(&code), "{code}");
        }
        for number in 0..=u8::MAX {
            let text = tls_session::reason::StreamError::PeerAlert(number).to_string();
            let hinted = text.matches(": ").count() > 1;
            let found = names(&text).first() == Some(&format!("alert {number}").as_str());
            assert!(found || !hinted, "{text}");
        }
    }

    #[test]
    fn no_name_of_the_second_document_stands_twice() {
        let mut seen = BTreeSet::new();
        for entry in rows(ERRORS) {
            assert!(seen.insert(entry.name), "{}", entry.name);
            assert!(
                !entry.means.is_empty() && !entry.todo.is_empty(),
                "{entry:?}"
            );
        }
    }
}
