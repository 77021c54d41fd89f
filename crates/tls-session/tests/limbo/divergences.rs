//! The table of known divergences, `divergences.txt`.
//!
//! ```text
//! laxer rfc5280::serial::zero
//! laxer rfc5280::ski::*
//!     a reason, which holds for all ids above it back to the reason before
//! ```

use crate::judge::Verdict;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Stricter,
    Laxer,
}

impl Direction {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Stricter => "stricter",
            Self::Laxer => "laxer",
        }
    }

    pub(crate) const fn of(verdict: &Verdict) -> Option<Self> {
        match verdict {
            Verdict::Stricter(_) => Some(Self::Stricter),
            Verdict::Laxer(_) => Some(Self::Laxer),
            Verdict::Agree(_) | Verdict::Unsupported(_) => None,
        }
    }
}

/// Ids that diverge for one reason.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) reason: String,
}

/// An id, or with `*` at its end all that begin so.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) direction: Direction,
    pub(crate) text: String,
}

impl Pattern {
    pub(crate) fn matches(&self, id: &str) -> bool {
        match self.text.strip_suffix('*') {
            Some(start) => id.starts_with(start),
            None => id == self.text,
        }
    }
}

pub(crate) fn parse(text: &str) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut patterns = Vec::new();
    let mut reason = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with(' ') {
            assert!(!patterns.is_empty(), "a reason of nothing: {line}");
            if !reason.is_empty() {
                reason.push(' ');
            }
            reason.push_str(line.trim());
            continue;
        }
        if !reason.is_empty() {
            groups.push(Group {
                patterns: std::mem::take(&mut patterns),
                reason: std::mem::take(&mut reason),
            });
        }
        if line.trim().is_empty() {
            assert!(patterns.is_empty(), "no reason: {patterns:?}");
            continue;
        }
        let (direction, text) = match line.split_once(' ') {
            Some(("laxer", text)) => (Direction::Laxer, text),
            Some(("stricter", text)) => (Direction::Stricter, text),
            _ => panic!("neither an id nor a reason: {line}"),
        };
        patterns.push(Pattern {
            direction,
            text: text.trim().to_owned(),
        });
    }
    assert!(!reason.is_empty() || patterns.is_empty(), "no reason");
    if !patterns.is_empty() {
        groups.push(Group { patterns, reason });
    }
    groups
}
