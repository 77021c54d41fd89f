//! What a recording does not show: passwords, pre-shared keys, private keys.
//!
//! Found by the command that brings a secret, and from then on wherever it stands in quotes: in the
//! echo, in answers, in other commands.

use at_grammar::{Command, split};

use super::Variables;
use super::text::show;

/// Commands with secrets, and which of their parameters are (counted from 0).
///
/// Those that the modem here does not know are sent to others, and to it all the same.
const COMMANDS: [(&str, &[usize]); 11] = [
    ("CWJAP", &[1]),
    ("CWJAP_CUR", &[1]),
    ("CWJAP_DEF", &[1]),
    ("CWSAP", &[1]),
    ("CWSAP_CUR", &[1]),
    ("CWSAP_DEF", &[1]),
    ("CWJEAP", &[2, 3, 4]),
    ("CWJEAP_CUR", &[2, 3, 4]),
    ("CWJEAP_DEF", &[2, 3, 4]),
    ("MQTTUSERCFG", &[4]),
    ("MQTTPASSWORD", &[1]),
];

/// As [`COMMANDS`]; the secret is the first parameter in quotes.
const KEYS: [&str; 2] = ["CIPSSLCPSK", "CIPSSLCPSKHEX"];

/// Beginnings of answers that show a secret.
const ANSWERS: [&[u8]; 6] = [
    b"+CWSAP:",
    b"+CWSAP_CUR:",
    b"+CWSAP_DEF:",
    b"+CIPSSLCPSK",
    b"+SYSFLASH:",
    b"+SYSMFG:",
];

/// Partitions and namespaces that hold nothing secret, beside those of certificates. The content of
/// any other one is hidden.
const PUBLIC: [&[u8]; 2] = [b"factory_param", b"ble_data"];

/// Longest command line of the modem (spec: at-commands A.2).
const LINE_MAX: usize = 256;

/// The secrets of one recording.
#[derive(Default)]
pub(super) struct Known {
    /// Name and value, the longest value first.
    found: Vec<(String, Vec<u8>)>,
}

impl Known {
    /// Gives a secret a name; none if it is empty or has one already.
    pub(super) fn keep(&mut self, value: &[u8]) -> Option<String> {
        if value.is_empty() || self.found.iter().any(|(_, known)| known == value) {
            return None;
        }
        let name = format!("secret{}", self.found.len().saturating_add(1));
        self.found.push((name.clone(), value.to_vec()));
        self.found
            .sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        Some(name)
    }

    /// The name of a secret that was kept.
    pub(super) fn name(&self, value: &[u8]) -> Option<&str> {
        let found = self.found.iter().find(|(_, known)| known == value);
        found.map(|(name, _)| name.as_str())
    }

    /// Bytes of all of them.
    pub(super) fn size(&self) -> usize {
        self.found.iter().map(|(_, value)| value.len()).sum()
    }

    /// All of them.
    pub(super) fn variables(&self) -> Variables {
        self.found.iter().cloned().collect()
    }

    /// Learns from a command or an answer; gives the new names.
    pub(super) fn learn(&mut self, line: &[u8]) -> Vec<String> {
        let mut new = Vec::new();
        for command in commands(line) {
            for value in in_command(command) {
                new.extend(self.keep(&value));
                // Answers show it without its backslashes.
                new.extend(self.keep(&unescaped(&value)));
            }
        }
        new.extend(in_answer(line).and_then(|value| self.keep(&value)));
        new
    }

    /// As it stands in a transcript, each secret in quotes as its name.
    pub(super) fn show(&self, bytes: &[u8]) -> String {
        let mut out = String::new();
        let mut plain = Vec::new();
        let mut left = bytes;
        while let Some((&byte, rest)) = left.split_first() {
            plain.push(byte);
            left = rest;
            let secret = self.found.iter().find_map(|(name, value)| {
                let after = rest.strip_prefix(value.as_slice())?;
                let ends = after.first().is_none_or(|end| b"\"\r\n".contains(end));
                (byte == b'"' && ends).then_some((name, after))
            });
            if let Some((name, after)) = secret {
                out.push_str(&show(&std::mem::take(&mut plain)));
                out.push_str(&format!("{{${name}}}"));
                left = after;
            }
        }
        out.push_str(&show(&plain));
        out
    }
}

/// Whether a line of a host has a password or a key in it.
pub(crate) fn has_secret(line: &[u8]) -> bool {
    !Known::default().learn(line).is_empty()
}

/// Everything that can be a command: what was left over from before can stand in front of it.
fn commands(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = bytes.split(|&byte| byte == b'\n');
    lines.flat_map(|line| {
        let is_start = |&at: &usize| {
            let start = line.get(at..at.saturating_add(3));
            start.is_some_and(|start| start.eq_ignore_ascii_case(b"AT+"))
        };
        let starts = (0..line.len()).filter(is_start);
        starts.filter_map(|at| line.get(at..))
    })
}

/// The values of a command's secret parameters, as they stand in it.
fn in_command(line: &[u8]) -> Vec<Vec<u8>> {
    let Some((name, parameters)) = command(line) else {
        return Vec::new();
    };
    let quoted = |parameter: &&[u8]| -> Option<Vec<u8>> {
        let inner = parameter.strip_prefix(b"\"")?;
        // A line that lost its closing quote is refused, and its secret is one nevertheless.
        Some(inner.strip_suffix(b"\"").unwrap_or(inner).to_vec())
    };
    if KEYS.contains(&name.as_str()) {
        return parameters.iter().find_map(quoted).into_iter().collect();
    }
    let known = COMMANDS.iter().find(|(known, _)| *known == name);
    known
        .map_or(&[][..], |(_, places)| places)
        .iter()
        .filter_map(|&place| quoted(parameters.get(place)?))
        .collect()
}

/// Whether a partition or namespace, in quotes, is known to hold no private key.
pub(super) fn is_public(store: &[u8]) -> bool {
    let store = store.trim_ascii();
    let name = store.strip_prefix(b"\"").unwrap_or(store);
    let name = unescaped(name.strip_suffix(b"\"").unwrap_or(name));
    let certificates = [b"_ca".as_slice(), b"_cert"];
    PUBLIC.contains(&name.as_slice()) || certificates.iter().any(|end| name.ends_with(end))
}

/// Whether bytes that the modem printed can become an answer, or an echo, with a secret.
pub(super) fn shows_secret(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    let bytes = bytes.get(..LINE_MAX).unwrap_or(bytes);
    let begins = |start: &[u8]| start.starts_with(bytes) || bytes.starts_with(start);
    let echo = bytes.get(..bytes.len().min(2)).unwrap_or_default();
    ANSWERS.iter().any(|start| begins(start)) || b"AT".starts_with(&echo.to_ascii_uppercase())
}

/// Whether a line is a command of the modem, or can become one if it is not `complete`.
pub(super) fn is_command(line: &[u8], complete: bool) -> bool {
    let line = line.trim_ascii_end().to_ascii_uppercase();
    let is = |name: &[u8]| match line.strip_prefix(name) {
        Some([]) => true,
        Some([after, ..]) => b"=?".contains(after),
        None => !complete && name.starts_with(&line),
    };
    Command::TABLE.iter().any(|row| {
        let name = row.name.as_bytes();
        is(name)
            || [b"_CUR", b"_DEF"]
                .iter()
                .any(|suffix| is(&[name, *suffix].concat()))
    })
}

/// How many bytes stand before a command with a secret that has no line end yet.
pub(super) fn unfinished_command(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(LINE_MAX);
    let tail = bytes.get(from..).unwrap_or_default();
    let line = tail.iter().rposition(|&byte| byte == b'\n');
    let line = line.map_or(from, |at| from.saturating_add(at).saturating_add(1));
    let rest = bytes.get(line..).unwrap_or_default();
    let begins = |at: &usize| {
        let start = rest.get(*at..rest.len().min(at.saturating_add(3)));
        b"AT+".starts_with(&start.unwrap_or_default().to_ascii_uppercase())
    };
    match (0..rest.len()).find(begins) {
        Some(at) => line.saturating_add(at),
        None => bytes.len(),
    }
}

/// The name of a set command in capitals, and its parameters.
pub(super) fn command(line: &[u8]) -> Option<(String, Vec<&[u8]>)> {
    let line = line.trim_ascii();
    let (at, rest) = line.split_at_checked(3)?;
    if !at.eq_ignore_ascii_case(b"AT+") {
        return None;
    }
    let equals = rest.iter().position(|&byte| byte == b'=')?;
    let (name, parameters) = rest.split_at_checked(equals)?;
    let name = String::from_utf8_lossy(name).to_ascii_uppercase();
    Some((name, split(parameters.get(1..)?).collect()))
}

fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut escaped = false;
    let keep = |byte: &u8| {
        escaped = !escaped && *byte == b'\\';
        !escaped
    };
    value.iter().copied().filter(keep).collect()
}

/// What an answer shows of a secret that was kept in flash. Quotes in it are not escaped, so it is
/// taken to be as long as it can be.
fn in_answer(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.trim_ascii();
    let between = |from: &[u8], to: &[u8]| -> Option<Vec<u8>> {
        let start = find(line, from)?.checked_add(from.len())?;
        let rest = line.get(start..)?;
        let end = (0..rest.len())
            .rev()
            .find(|&at| rest.get(at..).is_some_and(|rest| rest.starts_with(to)))?;
        rest.get(..end).map(<[u8]>::to_vec)
    };
    let soft_ap = [b"+CWSAP:".as_slice(), b"+CWSAP_CUR:", b"+CWSAP_DEF:"];
    if soft_ap.iter().any(|start| line.starts_with(start)) {
        between(b"\",\"", b"\",")
    } else if line.starts_with(b"+CIPSSLCPSK:") || line.starts_with(b"+CIPSSLCPSKHEX:") {
        between(b"\"", b"\",\"")
    } else {
        None
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_in_every_command_and_answer_that_has_one() {
        for (line, secret) in [
            (r#"AT+CWJAP="net","pass""#, "pass"),
            (r#"at+cwjap="n,\"et","pass",,1"#, "pass"),
            (r#"AT+CWJAP="a\\\,b","0123456789\"\\""#, r#"0123456789\"\\"#),
            (r#"AT+CWJAP_DEF="net","pass""#, "pass"),
            (r#"AT+CWJAP="net","pass"#, "pass"),
            (r#"AT+CWSAP="net","pass",5,3"#, "pass"),
            (r#"AT+CWJEAP_DEF="net",1,"","","pass",0"#, "pass"),
            (r#"AT+MQTTUSERCFG=0,1,"id","user","pass",0,0,"""#, "pass"),
            (r#"AT+MQTTPASSWORD=0,"pass""#, "pass"),
            (r#"AT+CIPSSLCPSK="key","hint""#, "key"),
            (r#"AT+CIPSSLCPSK=0,"key","hint""#, "key"),
            (r#"AT+CIPSSLCPSKHEX=5,"6b","hint""#, "6b"),
            (r#"+CWSAP:"net","pa"s,s",5,3,10,0"#, r#"pa"s,s"#),
            (r#"+CWSAP_DEF:"net","pa"s,s",5,3"#, r#"pa"s,s"#),
            (r#"+CWSAP_CUR:"net","pa"s,s",5,3"#, r#"pa"s,s"#),
            (r#"+CIPSSLCPSK:0,"k"e","y","hint""#, r#"k"e","y"#),
        ] {
            let mut known = Known::default();
            known.learn(line.as_bytes());
            let shown = known.show(line.as_bytes());
            assert!(!shown.contains(secret), "{shown}");
            assert!(shown.contains("{$secret1}"), "{shown}");
            assert!(
                known
                    .found
                    .iter()
                    .any(|(_, value)| value == secret.as_bytes())
            );
        }
        for line in [
            "AT",
            "AT+CWJAP?",
            r#"AT+CWJAP="net","""#,
            r#"AT+CIPSTART="TCP","h",1"#,
            "+CWSAP:",
        ] {
            assert_eq!(Known::default().learn(line.as_bytes()), [""; 0], "{line}");
        }
    }

    #[test]
    fn a_secret_once_known_is_hidden_everywhere_in_quotes() {
        let mut known = Known::default();
        known.learn(br#"AT+CWJAP="net","0123456789\"\\""#);
        for (line, shown) in [
            (
                r#"+CWSAP:"x","0123456789"\",5"#,
                r#"+CWSAP:"x","{$secret2}",5"#,
            ),
            ("0123456789", "0123456789"),
        ] {
            assert_eq!(known.show(line.as_bytes()), shown);
        }
    }
}
