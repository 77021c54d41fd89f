//! Citations of the specifications in comments, and relative links in Markdown files.
//!
//! A citation reads `spec: at-commands B.4, CIPSTART`: a file of `docs/spec`, then sections or commands
//! of that file. Its form is described in `docs/spec/README.md`. A reader must find what it names, so
//! each part is looked up among the headings of that file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Written in two parts, so that this file does not find itself.
const MARK: &str = concat!("spec", ": ");

/// The headings of every file in `docs/spec`.
pub(crate) struct Specifications(BTreeMap<String, Headings>);

/// The headings of one file.
struct Headings {
    /// `B.4`, `E.3.1`, `9`: the first word of a heading.
    sections: Vec<String>,
    /// `CIPSTART`, `SYSMFG`: words in capitals of a heading, without `AT+`.
    names: Vec<String>,
}

/// What stands between the spaces of a citation.
enum Part<'a> {
    File(&'a str),
    Section(&'a str),
    Name(&'a str),
    /// `to`: the end of a range follows.
    To,
    /// Prose after the citation.
    Other,
}

impl Specifications {
    /// Reads `docs/spec`.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let folder = root.join("docs").join("spec");
        let mut files = BTreeMap::new();
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            let Some(name) = path.file_stem().and_then(|name| name.to_str()) else {
                continue;
            };
            if path.extension().is_none_or(|ext| ext != "md") || name == "README" {
                continue;
            }
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            files.insert(name.to_owned(), Headings::of(&text));
        }
        Ok(Self(files))
    }

    /// Complaints about the citations in the comments of a Rust source, each with its line.
    pub(crate) fn check(&self, source: &str) -> Vec<(usize, String)> {
        let lines: Vec<&str> = source.lines().collect();
        let mut complaints = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            for (at, _) in line.match_indices(MARK) {
                let Some(before) = line.get(..at) else {
                    continue;
                };
                if !before.contains("//")
                    || before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
                {
                    continue;
                }
                let first = line.get(at + MARK.len()..).unwrap_or_default();
                let following = lines.iter().skip(index + 1).map_while(|line| comment(line));
                let text: Vec<&str> = std::iter::once(first).chain(following).collect();
                if let Err(complaint) = self.check_one(&text.join(" ")) {
                    complaints.push((index + 1, complaint));
                }
            }
        }
        complaints
    }

    /// Follows one citation to its end, which is the first word that is no part of it.
    fn check_one(&self, text: &str) -> Result<(), String> {
        let mut file: Option<(&str, &Headings)> = None;
        let mut resolved = 0;
        for word in text.split_whitespace() {
            let bare = word.trim_end_matches([',', ';', ')', '.', ':', '|']);
            match (Part::of(bare), file) {
                (Part::File(name), _) => match self.0.get(name) {
                    Some(headings) => file = Some((name, headings)),
                    // The first word must be a file; a later one may be prose.
                    None if file.is_none() => {
                        return Err(format!("docs/spec has no file `{name}.md`"));
                    }
                    None => break,
                },
                (Part::Section(section), Some((name, headings))) => {
                    if !headings.sections.iter().any(|known| known == section) {
                        return Err(format!("docs/spec/{name}.md has no section {section}"));
                    }
                    resolved += 1;
                }
                (Part::Name(wanted), Some((name, headings))) => {
                    if !headings.has_name(wanted) {
                        return Err(format!("docs/spec/{name}.md has no heading with {wanted}"));
                    }
                    resolved += 1;
                }
                (Part::To, Some(_)) => {}
                (Part::Other, Some(_)) if bare.starts_with('§') => {
                    return Err(format!(
                        "a citation has no `§`: write {}",
                        bare.replace('§', "")
                    ));
                }
                (Part::Other, Some(_)) => break,
                (_, None) => {
                    return Err(format!("`{word}` is no file of docs/spec"));
                }
            }
            if word.ends_with([')', '.', ':', '|']) {
                break;
            }
        }
        if resolved == 0 {
            return Err("a citation names a file and a section of it".to_owned());
        }
        Ok(())
    }
}

impl Headings {
    fn of(text: &str) -> Self {
        let mut sections = Vec::new();
        let mut names = Vec::new();
        let mut in_code = false;
        for line in text.lines() {
            in_code ^= line.starts_with("```");
            if in_code || !line.starts_with('#') {
                continue;
            }
            let title = line.trim_start_matches('#').trim();
            if let Some(first) = title.split_whitespace().next() {
                sections.push(first.trim_end_matches('.').to_owned());
            }
            names.extend(
                title
                    .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '+'))
                    .map(|word| word.strip_prefix("AT+").unwrap_or(word))
                    .filter(|word| is_name(word))
                    .map(str::to_owned),
            );
        }
        Self { sections, names }
    }

    /// True if a heading has this word, or one that begins with what stands before `*`.
    fn has_name(&self, wanted: &str) -> bool {
        self.names
            .iter()
            .any(|name| match wanted.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == wanted,
            })
    }
}

impl<'a> Part<'a> {
    fn of(word: &'a str) -> Self {
        if word == "to" {
            Self::To
        } else if is_section(word) {
            Self::Section(word)
        } else if is_name(word.strip_suffix('*').unwrap_or(word)) {
            Self::Name(word)
        } else if !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        {
            Self::File(word)
        } else {
            Self::Other
        }
    }
}

/// `B`, `B.4`, `E.3.1`, `9`, `9.3`: a letter or a number, then numbers.
fn is_section(word: &str) -> bool {
    let mut parts = word.split('.');
    let is_number = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    parts.next().is_some_and(|first| {
        is_number(first) || (first.len() == 1 && first.chars().all(|c| c.is_ascii_uppercase()))
    }) && parts.all(is_number)
}

/// A command, or another word in capitals.
fn is_name(word: &str) -> bool {
    word.len() > 1
        && word
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && word.chars().any(|c| c.is_ascii_uppercase())
}

/// What a line says if it holds nothing but a comment.
fn comment(line: &str) -> Option<&str> {
    let text = line.trim_start().strip_prefix("//")?;
    Some(text.trim_start_matches(['/', '!']))
}

/// Complaints about relative links in the Markdown file at `file`, each with its line.
pub(crate) fn check_links(file: &Path, text: &str) -> Vec<(usize, String)> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut in_code = false;
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        in_code ^= line.trim_start().starts_with("```");
        if in_code {
            continue;
        }
        for target in link_targets(line) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !path.contains("://") && !folder.join(path).exists() {
                complaints.push((
                    number,
                    format!("a link to `{target}`, which does not exist"),
                ));
            }
        }
    }
    complaints
}

/// What stands in the parentheses of `[text](target)`; `code` in backticks holds no links.
fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    line.split('`')
        .step_by(2)
        .flat_map(|text| text.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "# A. Wire protocol\n## A.9 Framing\n### A.9.4 Prompts\n## B.4 TCP/IP\n\
                      ### AT+CIPSTART\n### AT+CIPSEND, AT+CIPSENDL\n```\n# Z. in code\n```\n";
    const PKI: &str = "# Formats\n## 2. PKI image (2.x)\n### 2.1 Layout [T]\n";

    fn specifications() -> Specifications {
        Specifications(
            [("at-commands", AT), ("cert-bin", PKI)]
                .into_iter()
                .map(|(name, text)| (name.to_owned(), Headings::of(text)))
                .collect(),
        )
    }

    fn cite(citation: &str) -> String {
        format!("//! What it does ({MARK}{citation}\nfn main() {{}}\n")
    }

    #[test]
    fn good_citations_are_followed_to_their_end() {
        for citation in [
            "at-commands A).",
            "at-commands A.9.4, B.4, CIPSEND*).",
            "at-commands A.9 to A.9.4; cert-bin 2.1).",
            "at-commands B.4, cert-bin 2, 2.1): and more 17 words.",
            "at-commands B.4; `AT+LED` is ours).",
            "at-commands\n//! A.9,\n//! CIPSTART).",
            "cert-bin 2.1. The rest is prose about Z.",
            "cert-bin 2 (which says more, in 7 words)",
        ] {
            assert_eq!(specifications().check(&cite(citation)), [], "{citation}");
        }
    }

    #[test]
    fn bad_citations_are_found_on_their_line() {
        for (citation, complaint) in [
            ("at-command B.4).", "docs/spec has no file `at-command.md`"),
            ("B.4, CIPSTART).", "`B.4,` is no file of docs/spec"),
            (
                "at-commands A.10).",
                "docs/spec/at-commands.md has no section A.10",
            ),
            (
                "at-commands A.9 to A.12).",
                "docs/spec/at-commands.md has no section A.12",
            ),
            (
                "at-commands Z).",
                "docs/spec/at-commands.md has no section Z",
            ),
            (
                "at-commands B.4, CIPSTOP).",
                "docs/spec/at-commands.md has no heading with CIPSTOP",
            ),
            (
                "at-commands B.4, CWL*).",
                "docs/spec/at-commands.md has no heading with CWL*",
            ),
            (
                "at-commands B.4;\n//! cert-bin 2.9).",
                "docs/spec/cert-bin.md has no section 2.9",
            ),
            (
                "at-commands A; cert-bin §2.1).",
                "a citation has no `§`: write 2.1",
            ),
            ("cert-bin).", "a citation names a file and a section of it"),
        ] {
            let found = specifications().check(&format!("//! First.\n{}", cite(citation)));
            assert_eq!(found, [(2, complaint.to_owned())], "{citation}");
        }
    }

    #[test]
    fn code_and_longer_words_are_no_citations() {
        for line in [
            format!("fn f({MARK}Spec) {{}}"),
            format!("// change_cipher_{MARK}dropped"),
            "//! no citation at all".to_owned(),
        ] {
            assert_eq!(specifications().check(&line), [], "{line}");
        }
    }

    #[test]
    fn links_must_lead_to_a_file() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let text = "[a](src/main.rs) [b](https://example.org/x) [c](#part) [d](src/main.rs#L1)\n\
                    `[e](nowhere)` and [f](src/nowhere.rs), [g](../nowhere.md#part)\n\
                    ```\n[h](nowhere)\n```\n";
        let found = check_links(&here, text);
        let expected = ["src/nowhere.rs", "../nowhere.md#part"]
            .map(|target| (2, format!("a link to `{target}`, which does not exist")));
        assert_eq!(found, expected);
    }
}
