extern crate std;
use super::*;
use at_grammar::Dialect;
use std::string::ToString;

fn explained(text: &str, mux: Mux) -> Option<RefusedLine> {
    let line = RawLine::parse(text.as_bytes()).unwrap();
    let line = line.with_dialect(Dialect::Legacy);
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
    (
        "AT+CIPSTART='SSL','h',443",
        Mux::Single,
        Some(0),
        ModemError::ParameterSyntax { index: 0 },
    ),
    (
        "AT+CIPSTART =\"SSL\",\"h\",443",
        Mux::Single,
        Some(0),
        ModemError::CommandForm,
    ),
    (
        "AT+CIPSTART = 3,\"SSL\",\"h\",443",
        Mux::Multiple,
        None,
        ModemError::CommandForm,
    ),
    // These name no link, whatever AT+CIPMUX is.
    (
        "AT+SSLPOLICY=7",
        Mux::Multiple,
        None,
        ModemError::ParameterValue { index: 0 },
    ),
    (
        "AT+CIPSERVER=1,\"8443\",\"SSL\"",
        Mux::Multiple,
        None,
        ModemError::ParameterKind { index: 1 },
    ),
    (
        "AT+SSLPROBE=\"h\"",
        Mux::Multiple,
        None,
        ModemError::ParameterCount {
            given: 1,
            needed: 2,
        },
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

/// A line, the place of the parameter at fault, values there that are refused, and those that are accepted. The last
/// and first values of a range show that the words say what the grammar does.
const VALUES: &[(&str, &[&str], &[&str], &str)] = &[
    (
        "AT+CIPSTART=@,\"h\",443",
        &["\"TLS\"", "\"SSLv3\"", "\"TLSv1.2\""],
        &["\"SSL\"", "\"SSLv6\"", "\"tcpv6\"", "\"UDPv6\""],
        TRANSPORT,
    ),
    (
        "AT+CIPSTART=\"SSL\",@,443",
        &["\"\"", "\"my host\"", "\"a\\\",my host\""],
        &["\"h\"", "\"192.168.3.1\""],
        HOST,
    ),
    (
        "AT+CIPSTART=\"SSL\",\"h\",@",
        &["0", "65536", "-1", "99999999999"],
        &["1", "65535"],
        PORT,
    ),
    (
        "AT+CIPSTART=\"SSL\",\"h\",1,@",
        &["7201", "-1"],
        &["0", "7200"],
        KEEP_ALIVE,
    ),
    (
        "AT+CIPSTART=\"SSL\",\"h\",1,,@",
        &["\"eth0\""],
        &["\"10.0.0.1\"", "\"\""],
        "an IP address of this modem",
    ),
    (
        "AT+CIPSTART=\"SSL\",\"h\",1,,,@",
        &["60001", "-1"],
        &["0", "60000"],
        "0 to 60000 (ms)",
    ),
    (
        "AT+CIPSTARTEX=\"SSL\",\"h\",@",
        &["0", "65536"],
        &["1", "65535"],
        PORT,
    ),
    ("AT+CIPSERVER=@,8443,\"SSL\"", &["2", "-1"], &["1"], SWITCH),
    (
        "AT+CIPSERVER=1,@,\"SSL\"",
        &["0", "65536"],
        &["1", "65535"],
        PORT,
    ),
    (
        "AT+CIPSERVER=1,8443,@",
        &["\"TLS\""],
        &["\"SSL\"", "\"TCPv6\""],
        "TCP, TCPv6, SSL, SSLv6",
    ),
    (
        "AT+CIPSERVER=1,8443,\"SSL\",@",
        &["2"],
        &["0", "1"],
        "0; 1 with SSL alone",
    ),
    (
        "AT+CIPSERVER=1,8443,\"SSL\",0,@",
        &["4"],
        &["0", "3"],
        "0 to 3",
    ),
    (
        "AT+SAVETRANSLINK=@,\"h\",1,\"SSL\"",
        &["4"],
        &["0", "1"],
        "0, 1, 3",
    ),
    ("AT+SAVETRANSLINK=1,\"h\",@,\"SSL\"", &["0"], &["1"], PORT),
    (
        "AT+SAVETRANSLINK=1,\"h\",1,\"SSL\",@",
        &["7201"],
        &["7200"],
        KEEP_ALIVE,
    ),
    ("AT+CIPSSLCCONF=@,0,0", &["4", "-1"], &["0", "3"], "0 to 3"),
    (
        "AT+CIPSSLCCONF=2,@,0",
        &["256", "-1"],
        &["0", "255"],
        "0 to 255",
    ),
    (
        "AT+CIPSSLCCONF=2,0,@",
        &["256", "-1"],
        &["0", "255"],
        "0 to 255",
    ),
    (
        "AT+CIPSSLCCN=@",
        &["\"my broker\""],
        &["\"\"", "\"broker\""],
        NAME,
    ),
    (
        "AT+CIPSSLCSNI=@",
        &["\"my broker\""],
        &["\"\"", "\"broker\""],
        NAME,
    ),
    (
        "AT+CIPSSLCALPN=@",
        &["6", "-1"],
        &["0"],
        "0 to 5, how many follow",
    ),
    (
        "AT+CIPSSLCALPN=1,@",
        &["\"\""],
        &["\"mqtt\""],
        "1 to 255 bytes",
    ),
    (
        "AT+CIPSSLCCIPHER=@",
        &["33", "-1"],
        &["0"],
        "0 to 32, how many follow",
    ),
    (
        "AT+CIPSSLCCIPHER=1,@",
        &["0x10000", "-1"],
        &["0x0000", "0xffff"],
        "0x0000 to 0xffff",
    ),
    (
        "AT+CIPSSLSIZE=@",
        &["2047", "4097"],
        &["2048", "4096"],
        "2048 to 4096",
    ),
    ("AT+SSLPOLICY=@", &["2"], &["0", "1"], SWITCH),
    ("AT+SSLRESUME=@", &["2"], &["0", "1"], SWITCH),
    ("AT+SSLVERSION=@,13", &["11", "3"], &["12", "13"], "12, 13"),
    (
        "AT+SSLVERSION=13,@",
        &["12", "14"],
        &["13"],
        "12, 13, not below the first",
    ),
    ("AT+SSLPROBE=@,443", &["\"a b\""], &["\"a\""], HOST),
    ("AT+SSLPROBE=\"h\",@", &["0"], &["1", "65535"], PORT),
];

#[test]
fn a_value_that_is_not_allowed_is_shown_beside_those_that_are() {
    for &(pattern, refused, accepted, allowed) in VALUES {
        for mux in [Mux::Single, Mux::Multiple] {
            let linked = ALLOWED
                .iter()
                .any(|(name, linked, _)| *linked && pattern.starts_with(&std::format!("{name}=")));
            let pattern = if linked && mux == Mux::Multiple {
                pattern.replacen('=', "=0,", 1)
            } else {
                pattern.into()
            };
            for value in refused {
                let text = pattern.replace('@', value);
                let found = explained(&text, mux).unwrap_or_else(|| panic!("{text}: nothing"));
                assert!(
                    matches!(found.cause, ModemError::ParameterValue { .. }),
                    "{text}: {found:?}"
                );
                assert_eq!(
                    (found.given.as_str(), found.allowed),
                    (*value, allowed),
                    "{text}"
                );
                let why = found.why();
                assert_eq!(why.wanted.as_str(), allowed, "{text}");
                let value = value.replace('"', "'");
                assert!(
                    why.to_string().ends_with(&std::format!(
                        "(they count from 0): {value} in {}",
                        found.command
                    )),
                    "{why}"
                );
            }
            for value in accepted {
                let text = pattern.replace('@', value);
                let line = RawLine::parse(text.as_bytes())
                    .unwrap()
                    .with_dialect(Dialect::Legacy);
                assert!(Command::from_raw(&line, mux).is_ok(), "{text}");
            }
        }
    }
    // Each command of the table is tried.
    for (name, ..) in ALLOWED
        .iter()
        .filter(|(name, ..)| !name.starts_with(SECRET))
    {
        assert!(
            VALUES
                .iter()
                .any(|(line, ..)| line.starts_with(&std::format!("{name}="))),
            "{name}"
        );
    }
}

#[test]
fn no_part_of_a_secret_is_shown() {
    for (text, allowed) in [
        ("AT+CIPSSLCPSK=12345678,\"id\"", ""),
        (
            "AT+CIPSSLCPSK=\"0123456789012345678901234567890123\",\"id\"",
            "",
        ),
        ("AT+CIPSSLCPSK=\"12345678\",\"\"", "1 to 32 bytes"),
        ("AT+CIPSSLCPSK=\"12345678\",\"id", "a closing quote"),
        (
            "AT+CIPSSLCPSKHEX=\"12345678x\",\"id\"",
            "at most 64 hex digits, two for each byte",
        ),
        (
            "AT+CIPSSLCPSKHEX=\"123456789\",\"id\"",
            "at most 64 hex digits, two for each byte",
        ),
    ] {
        let found = explained(text, Mux::Single).unwrap();
        assert_eq!(
            (found.given.as_str(), found.allowed),
            ("", allowed),
            "{text}"
        );
        let why = found.why();
        assert!(
            !std::format!("{why} {}", why.wanted).contains("1234"),
            "{why}"
        );
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

#[test]
fn the_character_that_cannot_stand_there_is_counted_from_1() {
    for (line, wanted) in [
        (
            "AT+CIPSTART =\"SSL\",\"h\",443",
            "character 12 of AT+CIPSTART|no blank here",
        ),
        (
            "AT+CIPSTART=\"SSL\", \"h\",443",
            " 'h' in AT+CIPSTART, character 19|no blank here",
        ),
        (
            "AT+CIPSTART=\"SSL\",\"h,443",
            "'h,443 in AT+CIPSTART, character 19|a closing quote",
        ),
        (
            "AT+CIPSTART=\"SSL\",\u{201c}h\u{201d},443",
            "\u{201c}h\u{201d} in AT+CIPSTART, character 19|plain quotes (U+0022)",
        ),
        (
            "AT+CIPSTART=\u{201c}SSL\u{201d},\"h\",443",
            "\u{201c}SSL\u{201d} in AT+CIPSTART, character 13|plain quotes (U+0022)",
        ),
        // What stands in the line is a secret.
        (
            "AT+CIPSSLCPSK=key,\"id\"",
            "character 15 of AT+CIPSSLCPSK|quotes around text",
        ),
        // Every character may stand where it is.
        ("AT+CIPSTART=\"SSL\",\"h\",0", "0 in AT+CIPSTART|1 to 65535"),
        (
            "AT+CIPSSLCCONF?1",
            "character 16 of AT+CIPSSLCCONF|nothing more here",
        ),
    ] {
        let why = explained(line, Mux::Single).unwrap().why();
        let said = std::format!("{}|{}", why.found, why.wanted);
        assert_eq!(said, wanted, "{line}");
    }
}
