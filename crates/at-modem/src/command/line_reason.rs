//! Why a command about TLS was refused for its text, for `AT+SSLWHY?`: the host sees only `ERROR`, or a word in which
//! it would have to count parameters.

use at_grammar::{ArgError, Command, FieldError, Form, LineError, LinkId, Mux, RawLine, Row};

use crate::links::RefusedLine;
use crate::why::ModemError;

/// Commands whose lines are explained. `AT+CIPSTART` and its like are so only for links with TLS.
const OPENING: [&str; 4] = [
    "AT+CIPSTART",
    "AT+CIPSTARTEX",
    "AT+CIPSERVER",
    "AT+SAVETRANSLINK",
];
const SETTINGS: [&str; 2] = ["AT+CIPSSL", "AT+SSL"];

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
        _ => &[],
    };
    let about_tls = if OPENING.contains(&row.name) {
        names_tls(params)
    } else {
        SETTINGS.iter().any(|start| row.name.starts_with(start))
    };
    about_tls.then(|| RefusedLine {
        link: link(params, mux),
        command: row.name,
        cause: cause(params, mux, error),
    })
}

/// `"SSL"` or `"SSLv6"` is one of the parameters, or another name for it, which there is not.
fn names_tls(params: &[u8]) -> bool {
    params
        .split(|&byte| byte == b',')
        .map(|param| param.trim_ascii_start())
        .any(|param| {
            let name = param.strip_prefix(b"\"").unwrap_or(param);
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
fn link(params: &[u8], mux: Mux) -> Option<LinkId> {
    match mux {
        Mux::Single => Some(LinkId::ZERO),
        Mux::Multiple => LinkId::new(u8::try_from(first_number(params)?).ok()?),
    }
}

fn cause(params: &[u8], mux: Mux, error: LineError) -> ModemError {
    let LineError::Argument(error) = error else {
        return ModemError::CommandForm;
    };
    let number = first_number(params);
    match error {
        ArgError::Count { needed, given } => match (mux, number) {
            // One too few, and it is the one that the other state of AT+CIPMUX asks for.
            (Mux::Multiple, None) => ModemError::LinkMissing,
            _ => ModemError::ParameterCount { given, needed },
        },
        ArgError::Syntax { index } | ArgError::Missing { index } => {
            ModemError::ParameterSyntax { index }
        }
        ArgError::Overflow { index } => ModemError::ParameterValue { index },
        ArgError::Value { index, error } => match (error, mux, number) {
            (FieldError::Range, Mux::Multiple, Some(number)) if index == 0 => {
                ModemError::LinkNumber { number }
            }
            (FieldError::Kind, Mux::Multiple, None) if index == 0 => ModemError::LinkMissing,
            (FieldError::Kind, Mux::Single, Some(_)) if index == 0 => ModemError::LinkUnwanted,
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
mod tests {
    extern crate std;
    use super::*;

    fn explained(text: &str, mux: Mux) -> Option<RefusedLine> {
        let line = RawLine::parse(text.as_bytes()).unwrap();
        let error = Command::from_raw(&line, mux).unwrap_err();
        explain(&line, mux, error)
    }

    /// A line, the state of `AT+CIPMUX`, the link it is about, and what is wrong with it.
    const LINES: &[(&str, Mux, Option<u8>, ModemError)] = &[
        (
            "AT+CIPSTART=5,\"SSL\",\"h\",443",
            Mux::Multiple,
            None,
            ModemError::LinkNumber { number: 5 },
        ),
        (
            "AT+CIPSTART=-1,\"SSL\",\"h\",443",
            Mux::Multiple,
            None,
            ModemError::LinkNumber { number: -1 },
        ),
        (
            "AT+CIPSTART=\"SSL\",\"h\",443",
            Mux::Multiple,
            None,
            ModemError::LinkMissing,
        ),
        (
            "AT+CIPSTART=2,\"SSL\",\"h\",443",
            Mux::Single,
            Some(0),
            ModemError::LinkUnwanted,
        ),
        (
            "AT+CIPSTART=2,\"SSL\",\"h\"",
            Mux::Multiple,
            Some(2),
            ModemError::ParameterCount {
                given: 3,
                needed: 4,
            },
        ),
        (
            "AT+CIPSTART=\"SSL\",\"h\",\"443\"",
            Mux::Single,
            Some(0),
            ModemError::ParameterKind { index: 2 },
        ),
        (
            "AT+CIPSTART=\"SSL\",\"h\",70000",
            Mux::Single,
            Some(0),
            ModemError::ParameterValue { index: 2 },
        ),
        (
            "AT+CIPSTART=\"SSLv2\",\"h\",443",
            Mux::Single,
            Some(0),
            ModemError::ParameterValue { index: 0 },
        ),
        (
            "AT+CIPSTART=\"TLS\",\"h\",443",
            Mux::Single,
            Some(0),
            ModemError::ParameterValue { index: 0 },
        ),
        (
            "AT+CIPSTART=\"SSL\",\"h,443",
            Mux::Single,
            Some(0),
            ModemError::ParameterSyntax { index: 1 },
        ),
        (
            "AT+CIPSSLCCONF=4,0,0",
            Mux::Single,
            Some(0),
            ModemError::ParameterValue { index: 0 },
        ),
        (
            "AT+CIPSSLCCONF=6,2,0,0",
            Mux::Multiple,
            None,
            ModemError::LinkNumber { number: 6 },
        ),
        (
            "AT+CIPSSLCCN=0,\"name\"",
            Mux::Single,
            Some(0),
            ModemError::ParameterCount {
                given: 2,
                needed: 1,
            },
        ),
        (
            "AT+CIPSSLCCN=\"name\"",
            Mux::Multiple,
            None,
            ModemError::LinkMissing,
        ),
        (
            "AT+CIPSSLCCONF",
            Mux::Single,
            Some(0),
            ModemError::CommandForm,
        ),
    ];

    #[test]
    fn each_mistake_of_a_line_has_its_reason() {
        for &(text, mux, of, cause) in LINES {
            let found = explained(text, mux);
            let found = found.unwrap_or_else(|| panic!("{text}: nothing"));
            assert_eq!(found.link.map(LinkId::get), of, "{text}");
            assert_eq!(found.cause, cause, "{text}");
        }
    }

    #[test]
    fn other_commands_are_not_explained() {
        for text in [
            "AT+CIPSTART=\"TCP\",\"h\"",
            "AT+CIPSTART=9,\"UDP\",\"h\",1",
            "AT+CWJAP=1",
            "AT+FAKE",
            "AT+CIPSEND=x",
        ] {
            assert_eq!(explained(text, Mux::Multiple), None, "{text}");
        }
        for (text, is) in [
            ("AT+CIPSTART=0,\"TCP\",\"h\",1", true),
            ("AT+CIPSSLCCONF=2,0,0", true),
            ("AT+SSLWHY?", false),
            ("AT+CWMODE=1", false),
        ] {
            let line = RawLine::parse(text.as_bytes()).unwrap();
            assert_eq!(supersedes(&line), is, "{text}");
        }
    }
}
