//! Commands of the board's own, beside the modem's.

use embassy_time::Duration;

use crate::support::{Bench, Setup};

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";

fn with_lamp() -> Bench {
    let mut setup = Setup::new();
    setup.lamp = true;
    setup.boot().quiet()
}

#[test]
fn an_own_command_has_set_query_and_execute_forms_and_a_line() {
    let mut bench = with_lamp();
    for (line, reply) in [
        ("AT+LED?", "+LED:0\r\n\r\nOK\r\n"),
        ("AT+LED=40", OK),
        ("at+led?", "+LED:40\r\n\r\nOK\r\n"),
        ("AT+LED", OK),
        ("AT+LED?", "+LED:60\r\n\r\nOK\r\n"),
        ("AT+LED=101", ERROR),
        ("AT+LED=x", ERROR),
        ("AT+LED=?", ERROR),
        ("AT+LED?", "+LED:60\r\n\r\nOK\r\n"),
        ("AT+LEDS", ERROR),
    ] {
        bench.expect(line, reply);
    }
    bench.alive();
}

#[test]
fn errors_of_an_own_command_have_their_words() {
    let mut bench = with_lamp();
    bench.expect("AT+SYSLOG=1", OK);
    for (line, word) in [
        ("AT+LED=101", "0x010a0001"),
        ("AT+LED=256", "0x01070000"),
        ("AT+LED=\"1\"", "0x01050000"),
        ("AT+LED=1,2", "0x01060102"),
        ("AT+LED=?", "0x010c0000"),
        ("AT+LEDTEST=7", "0x010a0007"),
        ("AT+LEDS", "0x01090000"),
    ] {
        bench.expect(line, format!("ERR CODE:{word}\r\n\r\nERROR\r\n"));
    }
}

#[test]
fn the_list_has_own_commands_behind_the_modems_and_hides_the_unlisted() {
    let mut plain = Bench::new();
    let without = String::from_utf8(plain.say("AT+CMD?\r\n")).unwrap();
    drop(plain);
    let with = String::from_utf8(with_lamp().say("AT+CMD?\r\n")).unwrap();
    let own = without.strip_suffix(OK).unwrap();
    let rest = with.strip_prefix(own).unwrap();
    let next = own.lines().count();
    let expected = format!(
        "+CMD:{next},\"AT+LED\",0,1,1,1\r\n+CMD:{},\"AT+LEDFADE\",0,0,0,1\r\n{OK}",
        next + 1
    );
    assert_eq!(rest, expected);
}

#[test]
fn an_own_command_may_wait_and_other_input_is_answered_meanwhile() {
    let mut bench = with_lamp();
    assert_eq!(bench.say("AT+LEDFADE\r\n"), b"");
    assert_eq!(bench.say("AT\r\n"), b"\r\nbusy p...\r\n");
    bench.pass(Duration::from_secs(2));
    bench.hear(OK);
    bench.alive();
}

#[test]
fn a_name_of_the_modems_stays_the_modems() {
    let mut bench = with_lamp();
    assert!(bench.line("AT+GMR").starts_with("AT version:"));
}

#[test]
fn without_own_commands_their_names_are_unknown() {
    let mut bench = Bench::new();
    bench.expect("AT+LED?", ERROR);
    bench.expect("AT+SYSLOG=1", OK);
    bench.expect("AT+LED", "ERR CODE:0x01090000\r\n\r\nERROR\r\n");
}
