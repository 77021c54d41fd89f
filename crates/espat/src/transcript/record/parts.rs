//! What a command line means for what follows it, and where an option has its password.

use crate::transcript::secrets::{command, is_public};

use super::writes;

/// What a command has a prompt for: so many bytes, or all until `+++`; a private key if `secret`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prompted {
    pub(crate) left: Option<usize>,
    pub(crate) secret: bool,
}

/// `None` where it is no command.
pub(crate) fn prompted(line: &[u8]) -> Option<Prompted> {
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
    Some(Prompted { left, secret })
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
