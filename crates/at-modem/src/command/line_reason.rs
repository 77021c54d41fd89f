//! Why a command about TLS was refused for its text, for `AT+SSLWHY?`: the host sees only `ERROR`, or a word in which
//! it would have to count parameters.

use at_grammar::{
    ArgError, Command, Fault, FieldError, Form, LineError, LinkId, Mux, RawLine, Row,
};
use heapless::String;

use crate::links::{MAX_GIVEN, RefusedLine};
use crate::why::ModemError;

/// Commands whose lines are explained. `AT+CIPSTART` and its like are so only for links with TLS.
const OPENING: [&str; 4] = [
    "AT+CIPSTART",
    "AT+CIPSTARTEX",
    "AT+CIPSERVER",
    "AT+SAVETRANSLINK",
];
const SETTINGS: [&str; 2] = ["AT+CIPSSL", "AT+SSL"];

/// Commands with a secret on their line: none of their parameters is shown.
const SECRET: &str = "AT+CIPSSLCPSK";

/// What the parameters of these commands may be, by place; whether a link number comes first with several links, which
/// is not counted. The last place stands for all behind it.
const ALLOWED: &[(&str, bool, &[&str])] = &[
    ("AT+CIPSTART", true, OPEN),
    ("AT+CIPSTARTEX", false, OPEN),
    (
        "AT+CIPSERVER",
        false,
        &[
            SWITCH,
            PORT,
            "TCP, TCPv6, SSL, SSLv6",
            "0; 1 with SSL alone",
            "0 to 3",
        ],
    ),
    (
        "AT+SAVETRANSLINK",
        false,
        &["0, 1, 3", HOST, PORT, TRANSPORT, KEEP_ALIVE],
    ),
    ("AT+CIPSSLCCONF", true, &["0 to 3", "0 to 255"]),
    ("AT+CIPSSLCCN", true, &[NAME]),
    ("AT+CIPSSLCSNI", true, &[NAME]),
    (
        "AT+CIPSSLCALPN",
        true,
        &["0 to 5, how many follow", "1 to 255 bytes"],
    ),
    (
        "AT+CIPSSLCCIPHER",
        true,
        &["0 to 32, how many follow", "0x0000 to 0xffff"],
    ),
    (SECRET, true, &["at most 32 bytes", IDENTITY]),
    (
        "AT+CIPSSLCPSKHEX",
        true,
        &["at most 64 hex digits, two for each byte", IDENTITY],
    ),
    ("AT+CIPSSLSIZE", false, &["2048 to 4096"]),
    ("AT+SSLPOLICY", false, &[SWITCH]),
    ("AT+SSLRESUME", false, &[SWITCH]),
    (
        "AT+SSLVERSION",
        true,
        &["12, 13", "12, 13, not below the first"],
    ),
    ("AT+SSLPROBE", false, &[HOST, PORT]),
];
const OPEN: &[&str] = &[
    TRANSPORT,
    HOST,
    PORT,
    KEEP_ALIVE,
    "an IP address of this modem",
    "0 to 60000 (ms)",
];
const TRANSPORT: &str = "TCP, TCPv6, SSL, SSLv6, UDP, UDPv6";
const HOST: &str = "name or address, 1 to 64 bytes without blanks";
const NAME: &str = "at most 64 bytes without blanks";
const IDENTITY: &str = "1 to 32 bytes";
const PORT: &str = "1 to 65535";
const KEEP_ALIVE: &str = "0 to 7200 (s)";
const SWITCH: &str = "0, 1";

fn row(line: &RawLine<'_>) -> Option<&'static Row> {
    Command::TABLE.iter().find(|row| line.is(row.name))
}

/// Whether a line that was understood takes back what is known of one before it.
pub(super) fn supersedes(line: &RawLine<'_>) -> bool {
    let Some(row) = row(line).filter(|_| matches!(line.form(), Form::Set(_))) else {
        return false;
    };
    OPENING.contains(&row.name) || SETTINGS.iter().any(|start| row.name.starts_with(start))
}

/// What to say of a line that was refused; nothing where TLS is no part of it.
pub(super) fn explain(line: &RawLine<'_>, mux: Mux, error: LineError) -> Option<RefusedLine> {
    let row = row(line)?;
    let params = match line.form() {
        Form::Set(params) => params,
        // What would be the parameters but for a blank in front.
        Form::Other(text) => text.trim_ascii_start().strip_prefix(b"=").unwrap_or(text),
        _ => &[],
    };
    let about_tls = if OPENING.contains(&row.name) {
        names_tls(params)
    } else {
        SETTINGS.iter().any(|start| row.name.starts_with(start))
    };
    about_tls.then(|| {
        let of_link = names_link(row.name).then_some(mux);
        let cause = cause(params, of_link, error);
        let fault = Fault::of(line, error);
        RefusedLine {
            link: match mux {
                Mux::Single => Some(LinkId::ZERO),
                Mux::Multiple => of_link.and_then(|_| link(params)),
            },
            command: row.name,
            cause,
            // People count from 1.
            at: fault.map(|it| it.at.saturating_add(1)),
            given: given(row.name, params, cause),
            allowed: fault.map_or_else(|| allowed(row.name, mux, cause), |it| it.kind.advice()),
        }
    })
}

/// The parameter that a reason is about, as it stands in the line.
fn given(command: &str, params: &[u8], cause: ModemError) -> String<MAX_GIVEN> {
    let mut shown = String::new();
    let Some(index) = place(cause).filter(|_| !command.starts_with(SECRET)) else {
        return shown;
    };
    let param = at_grammar::split(params).nth(usize::from(index));
    let text = core::str::from_utf8(param.unwrap_or_default()).unwrap_or("bytes");
    for char in text.chars() {
        // What does not fit is left out.
        if shown.push(char).is_err() {
            break;
        }
    }
    shown
}

/// What the parameter that a reason is about may be.
fn allowed(command: &str, mux: Mux, cause: ModemError) -> &'static str {
    let ModemError::ParameterValue { index } = cause else {
        return "";
    };
    let Some((_, linked, places)) = ALLOWED.iter().find(|(name, ..)| *name == command) else {
        return "";
    };
    let before = u8::from(*linked && mux == Mux::Multiple);
    let place = usize::from(index.saturating_sub(before));
    places.get(place).or(places.last()).copied().unwrap_or("")
}

/// Which parameter a reason is about, from 0.
const fn place(cause: ModemError) -> Option<u8> {
    match cause {
        ModemError::ParameterValue { index }
        | ModemError::ParameterKind { index }
        | ModemError::ParameterLength { index, .. }
        | ModemError::ParameterSyntax { index } => Some(index),
        _ => None,
    }
}

/// `"SSL"` or `"SSLv6"` is one of the parameters, or another name for it, which there is not.
fn names_tls(params: &[u8]) -> bool {
    params.split(|&byte| byte == b',').any(|param| {
        // Some write the quotes of another language, or of a web page.
        let start = param.iter().position(u8::is_ascii_alphanumeric);
        let name = param.get(start.unwrap_or(0)..).unwrap_or_default();
        name.get(..3).is_some_and(|start| {
            [b"SSL", b"TLS"]
                .iter()
                .any(|it| start.eq_ignore_ascii_case(*it))
        })
    })
}

/// The first parameter, where it is a number.
fn first_number(params: &[u8]) -> Option<i32> {
    let first = params.split(|&byte| byte == b',').next()?;
    core::str::from_utf8(first).ok()?.parse().ok()
}

/// The link that is meant, where that is certain.
fn link(params: &[u8]) -> Option<LinkId> {
    LinkId::new(u8::try_from(first_number(params)?).ok()?)
}

/// Whether a link number comes first with several links.
fn names_link(command: &str) -> bool {
    let row = ALLOWED.iter().find(|(name, ..)| *name == command);
    row.is_none_or(|(_, linked, _)| *linked)
}

/// `mux` is that of a command which may name a link.
fn cause(params: &[u8], mux: Option<Mux>, error: LineError) -> ModemError {
    let LineError::Argument(error) = error else {
        return ModemError::CommandForm;
    };
    let number = first_number(params);
    match error {
        ArgError::Count { needed, given } => match (mux, number) {
            // One too few, and it is the one that the other state of AT+CIPMUX asks for.
            (Some(Mux::Multiple), None) => ModemError::LinkMissing,
            _ => ModemError::ParameterCount { given, needed },
        },
        ArgError::Syntax { index } | ArgError::Missing { index } => {
            ModemError::ParameterSyntax { index }
        }
        ArgError::Overflow { index } => ModemError::ParameterValue { index },
        ArgError::Value { index, error } => match (error, mux, number) {
            (FieldError::Range, Some(Mux::Multiple), Some(number)) if index == 0 => {
                ModemError::LinkNumber { number }
            }
            (FieldError::Kind, Some(Mux::Multiple), None) if index == 0 => ModemError::LinkMissing,
            (FieldError::Kind, Some(Mux::Single), Some(_)) if index == 0 => {
                ModemError::LinkUnwanted
            }
            (FieldError::Range, ..) => ModemError::ParameterValue { index },
            (FieldError::Kind, ..) => ModemError::ParameterKind { index },
            (FieldError::Length { len, max }, ..) => {
                ModemError::ParameterLength { index, len, max }
            }
            _ => ModemError::ParameterValue { index },
        },
        _ => ModemError::CommandForm,
    }
}

#[cfg(test)]
mod tests;
