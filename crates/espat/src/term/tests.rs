//! Completion and hints, from the table that the modem itself uses.

use at_grammar::{Command, Visibility};

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::editor::{candidates, hint};
use super::link::Link;
use super::screen::{Colours, Screen};
use crate::at_host::Port;

use super::unhex;

#[test]
fn every_command_of_the_modem_is_completed_in_each_of_its_forms() {
    for row in Command::TABLE {
        let found = candidates(row.name);
        let listed = row.visibility == Visibility::Listed;
        for (has, end) in [
            (row.forms.execute, ""),
            (row.forms.query, "?"),
            (row.forms.set, "="),
        ] {
            let form = format!("{}{end}", row.name);
            assert_eq!(found.contains(&form), has && listed, "{form}");
        }
    }
    assert_eq!(candidates("at+cipsslcc"), candidates("AT+CIPSSLCC"));
    assert!(candidates("AT+NOTHING").is_empty());
    assert_eq!(candidates(":se"), [":send "]);
}

#[test]
fn hints_are_the_parameters_that_are_still_to_come() {
    for (line, left) in [
        ("AT+SSLPROBE=", Some(r#""<host>",<port>"#)),
        (r#"AT+SSLPROBE="a,b""#, Some(",<port>")),
        (r#"AT+SSLPROBE="a","#, Some("<port>")),
        (r#"AT+SSLPROBE="a",8883"#, None),
        ("at+cipmux=", Some("<0|1>")),
        ("AT+CIPMUX", None),
        ("AT+CIPMUX?", None),
        ("AT+NOTHING=", None),
        (
            "AT+CWDHCPS=",
            Some(r#"0  or  1,<lease minutes>,"<start>","<end>""#),
        ),
        (
            "AT+CWDHCPS=1,",
            Some(r#"<lease minutes>,"<start>","<end>""#),
        ),
        (
            r#"AT+CWJAP="net","#,
            Some(
                r#""<password>"[,"<bssid>"[,<pci_en>[,<reconnect interval>[,<listen interval>[,<scan mode>[,<timeout>[,<pmf>]]]]]]]]"#,
            ),
        ),
        (
            r#"AT+CIPSTART="UDP","10.0.0.1",5000,"#,
            Some(r#"<local port>[,<mode>[,"<local ip>"[,<timeout>]]]]"#),
        ),
    ] {
        assert_eq!(hint(line).as_deref(), left, "{line}");
    }
}

#[test]
fn bytes_are_pairs_of_digits() {
    assert_eq!(unhex("0d 0a").unwrap(), b"\r\n");
    assert_eq!(unhex("").unwrap(), b"");
    for wrong in ["0", "0x0d", "gg", "+1"] {
        assert!(unhex(wrong).is_err(), "{wrong}");
    }
}

/// A modem that was slow to start has the first command already, and answers it behind `ready`.
#[test]
fn the_first_ready_is_no_result_and_a_later_one_is() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let port = Port::tcp(TcpStream::connect(address).unwrap()).unwrap();
    let (mut modem, _) = listener.accept().unwrap();
    let screen = Screen::new(Colours::new(false), Box::new(|_| Ok(())));
    let link = Link::start(port, screen).unwrap();
    // Nothing else comes in this time: that is the claim.
    let (moment, long) = (Duration::from_millis(200), Duration::from_secs(60));
    link.type_line("AT+NOTHING").unwrap();
    modem.write_all(b"\r\nready\r\n").unwrap();
    assert!(link.answered(moment).is_err());
    modem.write_all(b"\r\nERROR\r\n").unwrap();
    assert!(!link.answered(long).unwrap());
    // Its power was cut: nothing more is to come.
    link.type_line("AT").unwrap();
    modem.write_all(b"\r\nready\r\n").unwrap();
    assert!(link.answered(long).unwrap());
}
