//! Names of firmware 1.x: taken where they are asked for, and nowhere else.

use at_grammar::commands::ssl::SslCommand;
use at_grammar::commands::station::SetDhcp;
use at_grammar::commands::station::StationCommand;
use at_grammar::{Dialect, Parsed, Suffix, Visibility, parse_line_as};

use super::*;

fn legacy(line: &str) -> Result<Parsed<'_>, u32> {
    parse_line_as(line.as_bytes(), ONE, Dialect::Legacy).map_err(|error| error.error_word().raw())
}

#[test]
fn a_suffix_is_separated_from_its_command() {
    for suffix in Suffix::ALL {
        for (name, rest) in [
            ("AT+CWMODE", "?"),
            ("AT+CWMODE", "=1"),
            ("AT+CWJAP", "?"),
            ("AT+CWJAP", "=\"ssid\",\"password\""),
            ("AT+CWSAP", "?"),
            ("AT+CWSAP", "=\"ESP8266\",\"1234567890\",5,3"),
            ("AT+CWDHCP", "?"),
            ("AT+CWDHCPS", "?"),
            ("AT+CWDHCPS", "=0"),
            ("AT+CIPSTAMAC", "?"),
            ("AT+CIPSTAMAC", "=\"18:fe:35:98:d3:7b\""),
            ("AT+CIPAPMAC", "?"),
            ("AT+CIPSTA", "?"),
            ("AT+CIPSTA", "=\"192.168.6.100\""),
            ("AT+CIPAP", "?"),
            ("AT+CIPAP", "=\"192.168.4.1\""),
            ("AT+CIPDNS", "?"),
            ("AT+CIPDNS", "=0"),
            ("AT+CIPDNS", "=1,\"208.67.220.220\""),
        ] {
            let line = format!("{name}{}{rest}", suffix.text());
            let plain = format!("{name}{rest}");
            let expected = Parsed {
                command: parse_line(plain.as_bytes(), ONE).unwrap(),
                suffix: Some(suffix),
            };
            assert_eq!(legacy(&line), Ok(expected), "{line}");
            let lower = line.replace(name, &name.to_lowercase());
            assert_eq!(legacy(&lower), Ok(expected), "{lower}");
            assert_eq!(legacy(&plain).unwrap().suffix, None, "{plain}");
            check(&[(ONE, &line, Err(0x0109_0000))]);
        }
    }
    assert!(Suffix::Default.stores() && !Suffix::Current.stores());
}

#[test]
fn only_what_firmware_1_had_has_a_suffix() {
    for row in Command::TABLE {
        for suffix in Suffix::ALL {
            let line = format!("{}{}", row.name, suffix.text());
            let known = legacy(&line) != Err(0x0109_0000);
            assert_eq!(known, row.suffixed || row.name == "AT+UART", "{line}");
        }
    }
    // Twice is once too often, and a suffix alone is no name.
    for line in [
        "AT+CWMODE_CUR_CUR?",
        "AT+CWMODE_CUR_DEF?",
        "AT_CUR",
        "AT+_CUR",
        "_CUR",
    ] {
        assert!(legacy(line).is_err(), "{line}");
    }
}

#[test]
fn the_port_has_names_of_its_own() {
    let parsed = legacy("AT+UART_CUR=115200,8,1,0,3").unwrap();
    assert_eq!(parsed.suffix, None);
    assert_eq!(parsed.command.name(), "AT+UART_CUR");
}

#[test]
fn dhcp_was_said_the_other_way_round() {
    let dhcp = |enable, interfaces| SetDhcp { enable, interfaces };
    for (line, expected) in [
        ("AT+CWDHCP_CUR=0,1", Ok(dhcp(true, DhcpInterfaces::SOFT_AP))),
        ("AT+CWDHCP_DEF=1,1", Ok(dhcp(true, DhcpInterfaces::STATION))),
        ("AT+CWDHCP_CUR=2,0", Ok(dhcp(false, DhcpInterfaces::BOTH))),
        ("AT+CWDHCP_CUR=3,0", Err(0x0107_0000)),
        ("AT+CWDHCP_CUR=1,2", Err(0x0107_0001)),
        ("AT+CWDHCP=0,1", Ok(dhcp(false, DhcpInterfaces::STATION))),
    ] {
        let command = legacy(line).map(|parsed| parsed.command);
        assert_eq!(
            command,
            expected.map(|set| StationCommand::CwdhcpSet(set).into()),
            "{line}"
        );
    }
}

#[test]
fn room_for_a_record_is_known_to_old_hosts_only() {
    for (line, expected) in [
        (
            "AT+CIPSSLSIZE=2048",
            Ok(Command::Ssl(SslCommand::CipsslsizeSet(Bounded::MIN))),
        ),
        (
            "AT+CIPSSLSIZE=4096",
            Ok(Command::Ssl(SslCommand::CipsslsizeSet(Bounded::MAX))),
        ),
        ("AT+CIPSSLSIZE=2047", Err(0x0107_0000)),
        ("AT+CIPSSLSIZE=4097", Err(0x0107_0000)),
        ("AT+CIPSSLSIZE?", Err(0x010c_0000)),
    ] {
        assert_eq!(
            legacy(line).map(|parsed| parsed.command),
            expected,
            "{line}"
        );
        check(&[(ONE, line, Err(0x0109_0000))]);
    }
}

#[test]
fn the_inventory_names_nothing_of_firmware_1() {
    let listed: Vec<String> = Command::inventory()
        .map(|entry| String::from_utf8(entry.name.bytes().collect()).unwrap())
        .collect();
    for row in Command::TABLE {
        assert_eq!(
            listed.iter().any(|name| name == row.name),
            row.visibility == Visibility::Listed,
            "{}",
            row.name
        );
    }
    assert!(!listed.iter().any(|name| name == "AT+CIPSSLSIZE"));
}
