//! A command line of a host: whether a modem can read it, and which character is wrong.

use at_grammar::{Command, Dialect, Fault, FaultKind, LineError, Mux, RawLine};
use serde_json::{Value, json};

/// What is to be said of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// A word, or the `ERR CODE` that a modem answers.
    code: String,
    message: String,
    /// Offset of the wrong character, in bytes, and what to do about it.
    fault: Option<(usize, &'static str)>,
}

/// `None` for anything that is no command line.
pub(super) fn read(text: &str) -> Option<Said> {
    let line = text.trim_start();
    let is_command = line
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("AT+"));
    if !is_command {
        return None;
    }
    if let Some(blanks) = text.len().checked_sub(line.len()).filter(|it| *it > 0) {
        return Some(refused(
            LineError::NoAt,
            Some((blanks.saturating_sub(1), FaultKind::Blank.advice())),
        ));
    }
    let mut first = None;
    for (dialect, firmware) in [
        (Dialect::EspAt, ""),
        (
            Dialect::Legacy,
            " of firmware 1.x (espat sim --dialect legacy)",
        ),
    ] {
        let [single, multiple] = [Mux::Single, Mux::Multiple].map(|mux| parse(line, mux, dialect));
        let links = match (single, multiple) {
            (Ok(()), Ok(())) => "",
            (Ok(()), Err(_)) => " with AT+CIPMUX=0",
            (Err(_), Ok(())) => " with AT+CIPMUX=1",
            (Err(error), Err(_)) => {
                first.get_or_insert(error);
                continue;
            }
        };
        return Some(Said {
            code: "command_line".to_owned(),
            message: format!("a command{firmware} that can be read{links}"),
            fault: None,
        });
    }
    first.map(|(error, fault)| {
        let fault = fault.map(|it| (it.at, it.kind.advice()));
        refused(error, fault)
    })
}

fn parse(line: &str, mux: Mux, dialect: Dialect) -> Result<(), (LineError, Option<Fault>)> {
    let raw = RawLine::parse(line.as_bytes()).map_err(|error| (error, None))?;
    let raw = raw.with_dialect(dialect);
    let read = Command::from_raw(&raw, mux);
    read.map(drop)
        .map_err(|error| (error, Fault::of(&raw, error)))
}

fn refused(error: LineError, fault: Option<(usize, &'static str)>) -> Said {
    Said {
        code: error.error_word().to_string(),
        message: error.to_string(),
        fault,
    }
}

impl Said {
    /// With a mark below the character, and what is to be done about such a code.
    pub(super) fn in_text(&self, line: &str, todo: Option<&str>) -> String {
        let mut text = String::new();
        if let Some((_, advice)) = self.fault {
            // A byte that a terminal would obey, or a tab, has no width that is known.
            let shown: String = line
                .chars()
                .map(|char| if char.is_control() { ' ' } else { char })
                .collect();
            let number = self.character(line).unwrap_or_default();
            let blanks = " ".repeat(number.saturating_sub(1));
            text.push_str(&format!(
                "{shown}\n{blanks}^ character {number}: {advice}\n"
            ));
        }
        text.push_str(&format!("{}\n  means  {}\n", self.code, self.message));
        if let Some(todo) = todo {
            text.push_str(&format!("  do     {todo}\n"));
        }
        text
    }

    pub(super) fn in_json(&self, line: &str, todo: Option<&str>) -> Value {
        json!({
            "code": self.code,
            "level": "note",
            "message": self.message,
            "do": self.fault.map(|(_, advice)| advice).or(todo),
            "character": self.character(line),
        })
    }

    pub(super) fn summary(&self) -> (&str, &str) {
        (&self.code, &self.message)
    }

    /// Counted from 1, as people count.
    fn character(&self, line: &str) -> Option<usize> {
        let (at, _) = self.fault?;
        let before = line.char_indices().take_while(|(offset, _)| *offset < at);
        Some(before.count().saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line, its code, its wrong character, and words of what is said.
    const LINES: &[(&str, &str, Option<usize>, &str)] = &[
        (
            r#"AT+CIPSTART ="SSL","h",443"#,
            "0x010c0000",
            Some(12),
            "no blank here",
        ),
        (" AT+CIPMUX=1", "0x01030000", Some(1), "no blank here"),
        (
            "AT+CIPSTART=“SSL”,\"h\",443",
            "0x01080000",
            Some(13),
            "plain quotes",
        ),
        (
            "AT+CIPSTART=\"SSL\",“h”,443",
            "0x01080001",
            Some(19),
            "plain quotes",
        ),
        (r#"AT+CIPSTART="SSL","h""#, "0x01060302", None, "needed"),
        ("AT+NOTHING=1", "0x01090000", None, "unknown command"),
        ("AT+CIPMUX=1", "command_line", None, "can be read"),
        (
            r#"at+cipstart=0,"SSL","h",443"#,
            "command_line",
            None,
            "AT+CIPMUX=1",
        ),
        (
            r#"AT+CWJAP_CUR="a","b""#,
            "command_line",
            None,
            "--dialect legacy",
        ),
    ];

    #[test]
    fn a_line_is_read_or_its_wrong_character_is_marked() {
        for &(line, code, character, words) in LINES {
            let said = read(line).expect(line);
            assert_eq!(said.code, code, "{line}");
            assert_eq!(said.character(line), character, "{line}");
            let text = said.in_text(line, None);
            assert!(text.contains(words), "{line}: {text}");
            if let Some(character) = character {
                let mark = text.lines().nth(1).and_then(|it| it.find('^'));
                assert_eq!(mark, Some(character - 1), "{text}");
            }
        }
        for other in ["issuer_unknown", "-0x2700", "AT version:2.4.0.0", "AT", ""] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
