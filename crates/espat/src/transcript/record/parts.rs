//! What a command line means for what follows it, and where an option has its password.

use crate::transcript::secrets::{command, is_public};

use super::writes;

/// What a command has a prompt for: so many bytes, or all until `+++`; a private key if `secret`; with escapes and an end
/// of its own, `\0`, if `quoted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) left: Option<usize>,
    pub(crate) secret: bool,
    pub(crate) quoted: bool,
}

impl Payload {
    /// Data of passthrough, until `+++`.
    pub(crate) const ENDLESS: Self = Self {
        left: None,
        secret: false,
        quoted: false,
    };

    /// How many of these bytes are all of it; `None` while it is not all there, and where nobody knows.
    pub(crate) fn whole(self, bytes: &[u8]) -> Option<usize> {
        let left = self.left?;
        if self.quoted {
            quoted_length(bytes, left)
        } else {
            Some(left).filter(|left| *left <= bytes.len())
        }
    }

    /// What of these bytes is sent on: without backslashes that are no data, and without the end.
    pub(crate) fn content(self, bytes: &[u8]) -> Vec<u8> {
        let whole = self.whole(bytes).unwrap_or(bytes.len());
        let bytes = bytes.get(..whole).unwrap_or(bytes);
        if !self.quoted {
            return bytes.to_vec();
        }
        let mut quoted = false;
        let content = bytes.iter().filter(|byte| {
            let ends = quoted && **byte == b'0';
            quoted = **byte == b'\\' && !quoted;
            !quoted && !ends
        });
        content.copied().collect()
    }

    /// What is still to come behind these bytes; `None` if nothing is.
    pub(crate) fn after(self, bytes: &[u8]) -> Option<Self> {
        if self.whole(bytes).is_some() {
            return None;
        }
        let quotes = if self.quoted { quotes(bytes) } else { 0 };
        let taken = bytes.len().saturating_sub(quotes);
        let left = self.left.map(|left| left.saturating_sub(taken));
        Some(Self { left, ..self })
    }
}

/// Backslashes that are no data themselves.
fn quotes(bytes: &[u8]) -> usize {
    let mut quoted = false;
    let quotes = bytes.iter().filter(|byte| {
        quoted = **byte == b'\\' && !quoted;
        quoted
    });
    quotes.count()
}

/// Of how many bytes from the front the data of `AT+CIPSENDEX=<left>` are; `None` while their end is not there
/// (spec: at-commands B.4, CIPSENDEX).
fn quoted_length(bytes: &[u8], left: usize) -> Option<usize> {
    let mut rest = bytes.iter().enumerate();
    let mut taken = 0_usize;
    while taken < left {
        let (mut at, mut byte) = rest.next()?;
        if *byte == b'\\' {
            (at, byte) = rest.next()?;
            if *byte == b'0' {
                return at.checked_add(1);
            }
        }
        taken = taken.saturating_add(1);
        if taken == left {
            return at.checked_add(1);
        }
    }
    Some(0)
}

/// `None` where it is no command.
pub(crate) fn prompted(line: &[u8]) -> Option<Payload> {
    let (name, parameters) = command(line)?;
    let number = |text: &&[u8]| std::str::from_utf8(text).ok()?.trim().parse().ok();
    let (left, secret) = match name.as_str() {
        // Link and length; a UDP peer may follow.
        "CIPSEND" | "CIPSENDL" | "CIPSENDEX" => (parameters.iter().map_while(number).last(), false),
        "SYSFLASH" | "SYSMFG" if writes(name.as_str(), &parameters) => (
            parameters.last().and_then(number),
            parameters.get(1).is_none_or(|store| !is_public(store)),
        ),
        "MQTTLONGPASSWORD" => (parameters.get(1).and_then(number), true),
        _ => (None, false),
    };
    Some(Payload {
        left,
        secret,
        quoted: name == "CIPSENDEX",
    })
}

/// `SSID,PASSWORD` at its first comma without a backslash in front.
pub(super) fn password_of(value: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let comma = value.bytes().position(|byte| {
        let found = byte == b',' && !escaped;
        escaped = byte == b'\\' && !escaped;
        found
    })?;
    let (ssid, rest) = value.split_at_checked(comma)?;
    Some((ssid, rest.strip_prefix(',')?))
}
