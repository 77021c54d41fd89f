//! What changes from run to run, and is no difference.
//!
//! Each rule replaces what its pattern's group holds by a word in angle brackets, in both sessions; lines that are
//! the same then count as the same. `docs/transcripts.md` has the list.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Where it applies, and what stands for the value. The pattern has one group: the value. Classes of ASCII alone: this
/// crate has the regular expressions without Unicode tables.
const RULES: &[(&str, &str)] = &[
    // Times.
    (r"^\+CIPSNTPTIME:(.+)", "time"),
    (r"^\+SYSTIMESTAMP:([0-9]+)", "time"),
    (r"^\+PING:([0-9]+)", "milliseconds"),
    (
        r#""([0-9]{4}-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z)""#,
        "time",
    ),
    (r"^compile time\(([^)]*)\)", "time"),
    // Addresses.
    (
        r"(?-u:\b)([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})(?-u:\b)",
        "mac",
    ),
    (
        r#"^\+(?:CIFSR|CIPSTA|CIPAP|CIPDNS|CIPDOMAIN|CWLIF|DIST_STA_IP)(?-u:\b)[^"]*?"?([0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:]+)"#,
        "address",
    ),
    // The modem's own port of a link.
    (
        r#"^\+(?:CIPSTATE|CIPSTATUS):[0-9],"[^"]*","[^"]*",[0-9]+,([0-9]+),"#,
        "port",
    ),
    // The port of a client that was refused.
    (r"\([^ ]+:([0-9]+), [0-9]+ refused\)", "port"),
    // What is measured.
    (
        r#"^\+CWJAP:"(?:[^"\\]|\\.)*","[^"]*",[0-9]+,(-?[0-9]+)"#,
        "dBm",
    ),
    (r#"^\+CWLAP:\([0-9]+,"(?:[^"\\]|\\.)*",(-?[0-9]+)"#, "dBm"),
    (r"^\+SYSTEMP:(.+)", "temperature"),
    (r"^\+SYSRAM:(.+)", "bytes"),
];

static COMPILED: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    RULES
        .iter()
        // All of them compile: a test counts.
        .filter_map(|(pattern, word)| Some((Regex::new(pattern).ok()?, *word)))
        .collect()
});

/// A line as it is compared, without its line end.
pub(super) fn line(line: &str) -> String {
    let mut text = line.to_owned();
    for (pattern, word) in COMPILED.iter() {
        let replaced = pattern.replace_all(&text, |found: &Captures<'_>| {
            let whole = found.get(0).map_or("", |it| it.as_str());
            let start = found.get(0).map_or(0, |it| it.start());
            let Some(value) = found.get(1) else {
                return whole.to_owned();
            };
            let before = value.start().saturating_sub(start);
            let after = value.end().saturating_sub(start);
            let (before, after) = (whole.get(..before), whole.get(after..));
            format!(
                "{}<{word}>{}",
                before.unwrap_or_default(),
                after.unwrap_or_default()
            )
        });
        text = replaced.into_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_a_pattern_with_one_group() {
        assert_eq!(COMPILED.len(), RULES.len());
        for (pattern, _) in COMPILED.iter() {
            assert_eq!(pattern.captures_len(), 2, "{pattern}");
        }
    }

    #[test]
    fn what_changes_from_run_to_run_is_a_word_and_the_rest_stays() {
        for (from, to) in [
            (
                "+CIPSNTPTIME:Tue Oct 19 17:47:56 2027",
                "+CIPSNTPTIME:<time>",
            ),
            ("+SYSTIMESTAMP:1696", "+SYSTIMESTAMP:<time>"),
            ("+PING:12", "+PING:<milliseconds>"),
            ("compile time(b4ab20bb):Oct 1", "compile time(<time>):Oct 1"),
            (
                r#"+CIFSR:STAIP,"192.168.3.112""#,
                r#"+CIFSR:STAIP,"<address>""#,
            ),
            (
                r#"+CIFSR:STAMAC,"24:0a:c4:09:34:88""#,
                r#"+CIFSR:STAMAC,"<mac>""#,
            ),
            (r#"+CIPSTA:ip:"192.168.3.112""#, r#"+CIPSTA:ip:"<address>""#),
            (r#"+CIPDOMAIN:"fe80::1""#, r#"+CIPDOMAIN:"<address>""#),
            (
                r#"+CIPSTATE:0,"TCP","192.168.3.102",8080,50213,0"#,
                r#"+CIPSTATE:0,"TCP","192.168.3.102",8080,<port>,0"#,
            ),
            (
                r#"+CWJAP:"a\"b","24:0a:c4:00:00:01",6,-40,0,1,3,0,1"#,
                r#"+CWJAP:"a\"b","<mac>",6,<dBm>,0,1,3,0,1"#,
            ),
            (
                r#"+SSLPEER:0,"TLS 1.3","CN=a","2027-11-30T04:26:19Z",0"#,
                r#"+SSLPEER:0,"TLS 1.3","CN=a","<time>",0"#,
            ),
        ] {
            assert_eq!(line(from), to);
        }
        for same in [
            "OK",
            "ERROR",
            "AT version:2.4.0.0(v0.1.0 - ESP32 - Oct  1 2025 00:00:00)",
            r#"AT+CIPSTART="TCP","192.168.3.102",8080"#,
            "+CIPSTATUS",
            "+IPD,4:12:3",
            "STATUS:2",
            r#"+SSLWHY:0,"certificate",-0x2700,0x00000008,0,"CN=a","CN=b","no chain to the loaded CA","issuer_unknown""#,
        ] {
            assert_eq!(line(same), same);
        }
    }
}
