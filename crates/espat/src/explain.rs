//! `espat explain`: a code, a number, a flag, a line of a log or a command line, in words.
//!
//! The words are those of the documentation: the tables of `docs/ssl-failures.md` and `docs/at-errors.md`, whose first
//! cell has the code, the second what it means and the third what to do.

mod line;

use std::fmt::Write as _;
use std::sync::LazyLock;

use at_modem::why::Cause;
use serde_json::json;

use crate::report::{self, Outcome};

const FAILURES: &str = include_str!("explain/ssl-failures.md");
const ERRORS: &str = include_str!("explain/at-errors.md");

/// `espat explain WHAT`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A code (issuer_unknown), a number (-0x2700, -9984), an ERR CODE (0x010a0000), flags (0x00000008), +CWJAP:2, a
    /// sentence, a whole line of the port or of a log, or a command line whose wrong character is looked for
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
    if let Some(said) = line::read(&what) {
        return command_line(&said, &what, json);
    }
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
        let near = similar(&what).map_or_else(String::new, |name| format!("; is {name} meant?"));
        report::complain(format_args!(
            "nothing is known of '{what}'{near}; a code, a number such as -0x2700, or a line of the port is expected"
        ));
        return Ok(Outcome::Refused);
    }
    Ok(Outcome::Done)
}

/// A line that a host would send.
fn command_line(said: &line::Said, line: &str, json: bool) -> anyhow::Result<Outcome> {
    let (code, message) = said.summary();
    let known = explain(code);
    let todo = known.first().map(|entry| entry.todo);
    if json {
        report::print_json(&json!({
            "result": "ok",
            "code": code,
            "message": message,
            "findings": [said.in_json(line, todo)],
        }))?;
    } else {
        report::print(&said.in_text(line, todo))?;
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

/// The code that differs from this word in one or two letters.
fn similar(what: &str) -> Option<&'static str> {
    let word = what.trim().to_lowercase().replace([' ', '-'], "_");
    let distances = all().map(|entry| (strsim::levenshtein(&word, entry.name), entry.name));
    let near = distances.filter(|(distance, name)| *distance <= 2 && name.len() > 5);
    near.min().map(|(_, name)| name)
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
            let means = unlinked(cells.next().unwrap_or_default());
            let todo = unlinked(cells.next().unwrap_or_default());
            let codes = names.split('`').skip(1).step_by(2);
            codes.map(move |name| Entry { name, means, todo })
        })
}

/// A cell as a terminal shows it: links of Markdown as the names of their documents.
fn unlinked(cell: &'static str) -> &'static str {
    let link = |text: &str| {
        let (before, rest) = text.split_once('[')?;
        let (name, rest) = rest.split_once("](")?;
        let (target, after) = rest.split_once(')')?;
        let document = target.split('#').next().unwrap_or_default();
        let shown = match (name == document, document) {
            (_, "") => name.to_owned(),
            (true, document) => format!("docs/{document}"),
            (false, document) => format!("{name} in docs/{document}"),
        };
        Some(format!("{before}{shown}{after}"))
    };
    let mut text = None;
    while let Some(next) = link(text.as_deref().unwrap_or(cell)) {
        text = Some(next);
    }
    // Once, for as long as the document itself: the tables are read once.
    text.map_or(cell, |text| Box::leak(text.into_boxed_str()))
}

/// Reasons, from docs/ssl-failures.md; parsed once, since a log asks for each of its lines.
fn failures() -> impl Iterator<Item = Entry> {
    static ROWS: LazyLock<Vec<Entry>> = LazyLock::new(|| rows(FAILURES).collect());
    ROWS.iter().copied()
}

/// Everything else that a host or a log shows, from docs/at-errors.md.
fn errors() -> impl Iterator<Item = Entry> {
    static ROWS: LazyLock<Vec<Entry>> = LazyLock::new(|| rows(ERRORS).collect());
    ROWS.iter().copied()
}

fn all() -> impl Iterator<Item = Entry> {
    failures().chain(errors())
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
    let is_flags = what.to_lowercase().starts_with("flags");
    for word in &words {
        errors()
            .filter(|entry| word.starts_with("+CWJAP:") && entry.name == *word)
            .for_each(&mut add);
        by_name(word).into_iter().for_each(&mut add);
        if let Some(number) = number(word, is_flags) {
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
        .filter_map(|row| failures().find(|entry| entry.name == row.code))
        .collect()
}

/// Replies and words of logs of more than one word, as they stand in the line.
fn by_phrase(what: &str) -> Vec<Entry> {
    let is_phrase = |entry: &Entry| entry.name.contains(' ') && !entry.name.starts_with("alert ");
    let phrases = errors().filter(is_phrase);
    let lower = what.to_lowercase();
    phrases
        .filter(|entry| lower.contains(&entry.name.to_lowercase()))
        .collect()
}

/// The alert of a line that has one: by its number, as OpenSSL (`alert number 48`), Mbed TLS (`msg 48`), GnuTLS (`[48]`)
/// and this modem (`(48)`) print it, else by its name.
fn by_alert(what: &str, words: &[&str]) -> Option<Entry> {
    let lower = what.to_lowercase();
    if !lower.contains("alert") {
        return None;
    }
    let alerts = || errors().filter(|entry| entry.name.starts_with("alert "));
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
        let mut flags = errors().filter(|entry| entry.name.starts_with("0x000"));
        return flags.find(|entry| entry.means.split([':', ' ']).next() == Some(flag));
    }
    let name = word.strip_prefix("MBEDTLS_ERR_").or_else(|| {
        ["X509_", "SSL_", "PK_", "NET_", "PEM_"]
            .iter()
            .any(|start| word.starts_with(start))
            .then_some(word)
    })?;
    errors().find(|entry| {
        let (named, _) = entry.means.split_once(':').unwrap_or((entry.means, ""));
        named.split(' ').any(|it| it == name)
    })
}

/// Decimal or hexadecimal, with its sign; `0xFFFF8100` and `FFFF8100` are negative numbers of 32 bits.
fn number(word: &str, is_flags: bool) -> Option<i64> {
    let stated = word.contains("ERRNO") || is_flags;
    let word = word
        .rsplit(':')
        .next()
        .unwrap_or(word)
        .trim_end_matches('-');
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, word),
    };
    let is_negative = |hex: &&str| hex.len() == 8 && hex.to_lowercase().starts_with("ffff");
    let hex = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
        .or_else(|| Some(digits).filter(is_negative));
    let value = match hex {
        Some(hex) if is_negative(&hex) && sign > 0 => {
            let value = i64::from_str_radix(hex, 16).ok()?;
            value.checked_sub(1 << 32)?
        }
        Some(hex) => i64::from_str_radix(hex, 16).ok()?,
        None if stated || digits.len() >= 2 => digits.parse().ok()?,
        None => return None,
    };
    value.checked_mul(sign)
}

/// Rows of an Mbed TLS number. One without a row of its own is the sum of a number of the upper layer and one of the
/// layer below, which has the last seven bits.
fn of_mbedtls(word: &str, number: i64) -> Vec<Entry> {
    const BELOW: u64 = 0x7f;
    let is_hex = word.to_lowercase().starts_with("0x");
    let value = number.unsigned_abs();
    // Small numbers and sums are many: a port or a length is none.
    let stated = number < 0 || is_hex && word.len() == 6;
    if value <= BELOW && !stated {
        return Vec::new();
    }
    let row = |value: u64| {
        let named = format!("-{value:#06X}").replace("0X", "0x");
        errors().find(move |entry| entry.name == named)
    };
    match (row(value), row(value & !BELOW)) {
        (Some(exact), _) => vec![exact],
        (None, Some(upper)) if stated => [upper].into_iter().chain(row(value & BELOW)).collect(),
        _ => Vec::new(),
    }
}

/// What a number may be: an ERR CODE, an Mbed TLS number, verify flags.
fn by_number(what: &str, word: &str, number: i64) -> Vec<Entry> {
    if (0x0100_0000..0x0200_0000).contains(&number) {
        let word = format!("{number:#010x}");
        let exact = errors().find(|entry| entry.name == word);
        let kind = errors().find(|entry| entry.name.len() == 6 && word.starts_with(entry.name));
        let failed =
            errors().find(|entry| word.starts_with("0x010a") && entry.name == "0x010a0000");
        return exact.or(kind).or(failed).into_iter().collect();
    }
    // esp-tls writes four digits, verify flags have eight.
    let of_esp_tls = format!("{number:#06X}").replace("0X", "0x");
    let of_esp_tls = errors().find(|entry| word.len() == 6 && entry.name == of_esp_tls);
    if let Some(entry) = of_esp_tls {
        return vec![entry];
    }
    let mbedtls = of_mbedtls(word, number);
    let reasons = Cause::table()
        .filter(|row| u64::from(row.mbedtls.unsigned_abs()) == number.unsigned_abs())
        .filter_map(|row| failures().find(|entry| entry.name == row.code));
    let is_number = number < 0 || !mbedtls.is_empty();
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
        return errors().filter(flag).collect();
    }
    Vec::new()
}

#[cfg(test)]
mod tests;
