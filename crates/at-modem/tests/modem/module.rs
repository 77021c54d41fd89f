//! The chip: sleep, power, memory, port, and the host's own memory (spec: at-commands B.1).

use at_grammar::types::FlowControl;
use at_modem::{Exit, SleepMode};
use embassy_time::Duration;

use crate::support::{Bench, text};

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";

/// Whether `AT+SYSLOG=1` says this word for a line.
#[track_caller]
fn refused(bench: &mut Bench, line: &str, word: u32) {
    bench.expect("AT+SYSLOG=1", OK);
    bench.expect(line, format!("ERR CODE:{word:#010x}\r\n{ERROR}"));
    bench.expect("AT+SYSLOG=0", OK);
}

#[test]
fn deep_sleep_ends_at_its_time_with_a_boot() {
    let mut bench = Bench::joined();
    bench.expect("AT+GSLP=1500", "1500\r\n\r\nOK\r\n");
    assert_eq!(bench.exits(), [Exit::DeepSleep { ms: 1500 }]);
    assert!(!bench.radio.joined());
    bench.pass(Duration::from_millis(1250));
    bench.hear("");
    bench.pass(Duration::from_millis(250));
    bench.hear("\r\nready\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n");
    // 0 is a restart, and echo is on again after either.
    bench.expect(
        "AT+GSLP=0",
        "AT+GSLP=0\r\n0\r\n\r\nOK\r\n\r\nready\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n",
    );
}

#[test]
fn sleep_is_the_boards_and_needs_no_access_point() {
    let mut bench = Bench::new();
    bench.expect("AT+SLEEP?", "+SLEEP:0\r\n\r\nOK\r\n");
    for (mode, set) in [
        (1, SleepMode::ModemByBeacon),
        (2, SleepMode::Light),
        (3, SleepMode::ModemByListenInterval),
        (0, SleepMode::Off),
    ] {
        bench.expect(format!("AT+SLEEP={mode}"), OK);
        bench.expect("AT+SLEEP?", format!("+SLEEP:{mode}\r\n\r\nOK\r\n"));
        assert_eq!(bench.chip.sleep().last(), Some(&set));
    }
    bench.expect("AT+CWMODE=2", OK);
    bench.expect("AT+SLEEP=1", ERROR);
    bench.expect("AT+SLEEP=0", OK);
    bench.expect("AT+SLEEP=4", ERROR);
    bench.expect("AT+SLEEPWKCFG=2,12,1", OK);
    assert_eq!(bench.chip.wakes(), [(12, true)]);
    bench.expect("AT+SLEEPWKCFG=0,1000", OK);
    assert_eq!(bench.chip.wakes().len(), 1);
}

#[test]
fn what_the_board_does_not_have_is_refused() {
    let mut bench = Bench::new();
    bench.chip.refuses();
    for line in [
        "AT+SYSRAM?",
        "AT+SYSRAM=0x1800",
        "AT+SYSTEMP?",
        "AT+SLEEP=1",
        "AT+SLEEPWKCFG=2,12,1",
        "AT+UART_CUR=9600,8,1,0,0",
        "AT+UART_DEF=9600,8,1,0,0",
        "AT+UART=9600,8,1,0,0",
    ] {
        refused(&mut bench, line, 0x010a_0004);
    }
    bench.expect("AT+SLEEP?", "+SLEEP:0\r\n\r\nOK\r\n");
    bench.expect("AT+UART_DEF?", "+UART_DEF:115200,8,1,0,0\r\n\r\nOK\r\n");
    // A board that never sleeps is awake.
    bench.expect("AT+SLEEP=0", OK);
}

#[test]
fn memory_and_temperature_are_the_boards() {
    let mut bench = Bench::new();
    bench.expect("AT+SYSRAM?", "+SYSRAM:148408,84044\r\n\r\nOK\r\n");
    bench.expect(
        "AT+SYSRAM=0x1800",
        "+SYSRAM:110592,148408,84044,307200\r\n\r\nOK\r\n",
    );
    bench.expect("AT+SYSRAM=4", ERROR);
    bench.expect("AT+SYSTEMP?", "+SYSTEMP:-0.05\r\n\r\nOK\r\n");
}

#[test]
fn power_is_passed_to_the_radio_in_its_steps() {
    let mut bench = Bench::new();
    bench.expect("AT+RFPOWER?", "+RFPOWER:78\r\n\r\nOK\r\n");
    for (line, step) in [
        ("AT+RFPOWER=40", 34),
        ("AT+RFPOWER=59", 56),
        ("AT+RFPOWER=84", 78),
        ("AT+RFPOWER=65,7,7,7", 60),
    ] {
        bench.expect(line, OK);
        bench.expect("AT+RFPOWER?", format!("+RFPOWER:{step}\r\n\r\nOK\r\n"));
        assert_eq!(bench.radio.tuned().unwrap().0, step, "{line}");
    }
    bench.restart();
    bench.expect("AT+RFPOWER?", "+RFPOWER:78\r\n\r\nOK\r\n");
}

#[test]
fn ok_leaves_before_the_port_changes() {
    let mut bench = Bench::new();
    for (count, line) in [
        "AT+UART_CUR=9600,8,1,0,0",
        "AT+UART_DEF=57600,7,3,2,3",
        "AT+UART=230400,8,1,1,1",
    ]
    .into_iter()
    .enumerate()
    {
        bench.expect(line, OK);
        let given = bench.chip.uart();
        // The six bytes of OK were out when the port changed.
        assert_eq!((given.len(), given[count].1), (count + 1, 6), "{line}");
    }
    let (last, _) = bench.chip.uart()[2];
    assert_eq!(
        (last.baud.get(), last.flow_control),
        (230_400, FlowControl::Rts)
    );
    bench.expect("AT+UART_CUR=9600,8,1,0,0", OK);
    bench.expect("AT+UART_CUR?", "+UART_CUR:9600,8,1,0,0\r\n\r\nOK\r\n");
    bench.expect("AT+UART?", "+UART:9600,8,1,0,0\r\n\r\nOK\r\n");
    bench.expect("AT+UART_DEF?", "+UART_DEF:230400,8,1,1,1\r\n\r\nOK\r\n");
}

#[test]
fn a_port_that_takes_nothing_keeps_the_change_waiting() {
    let mut bench = Bench::new();
    bench.port.give_room(Some(3));
    bench.expect("AT+UART_CUR=9600,8,1,0,0", "\r\nO");
    assert!(bench.chip.uart().is_empty());
    bench.port.give_room(None);
    bench.hear("K\r\n");
    assert_eq!(bench.chip.uart().len(), 1);
}

#[test]
fn the_stored_port_is_set_at_boot_whatever_sysstore_says() {
    let mut bench = Bench::new();
    bench.expect("AT+SYSSTORE=0", OK);
    bench.expect("AT+UART_DEF=9600,8,1,0,0", OK);
    bench.expect("AT+UART_CUR=57600,8,1,0,0", OK);
    let mut bench = bench.power_off().boot().quiet();
    let given = bench.chip.uart();
    assert_eq!(given.len(), 1);
    // Before `ready`.
    assert_eq!((given[0].0.baud.get(), given[0].1), (9600, 0));
    bench.expect("AT+UART_CUR?", "+UART_CUR:9600,8,1,0,0\r\n\r\nOK\r\n");
    bench.line("AT+RESTORE");
    bench.settle();
    bench.expect("ATE0", "ATE0\r\n\r\nOK\r\n");
    bench.expect("AT+UART_DEF?", "+UART_DEF:115200,8,1,0,0\r\n\r\nOK\r\n");
}

#[test]
fn the_hosts_memory_holds_what_it_is_given() {
    let mut bench = Bench::new();
    bench.expect("AT+USERRAM?", "+USERRAM:0\r\n\r\nOK\r\n");
    for line in [
        "AT+USERRAM=0",
        "AT+USERRAM=4",
        "AT+USERRAM=2,1",
        "AT+USERRAM=3,1",
        "AT+USERRAM=1,1025",
    ] {
        bench.expect(line, ERROR);
    }
    bench.expect("AT+USERRAM=1,1024", OK);
    bench.expect("AT+USERRAM=1,1", ERROR);
    bench.expect("AT+USERRAM?", "+USERRAM:1024\r\n\r\nOK\r\n");
    bench.expect("AT+USERRAM=2,5", "\r\nOK\r\n\r\n>");
    assert_eq!(bench.say("he"), b"");
    assert_eq!(bench.say("l\r\n"), b"\r\nWRITE OK\r\n");
    bench.expect("AT+USERRAM=3,5", "+USERRAM:5,hel\r\n\r\nOK\r\n");
    // Any byte, to the last one, and not one beyond.
    let every: Vec<u8> = (0..=255).collect();
    bench.expect("AT+USERRAM=2,256,768", "\r\nOK\r\n\r\n>");
    assert_eq!(bench.say(&every), b"\r\nWRITE OK\r\n");
    let heard = bench.say("AT+USERRAM=3,256,768\r\n");
    assert_eq!(
        heard,
        [b"+USERRAM:256,", &every[..], b"\r\nOK\r\n"].concat()
    );
    for line in [
        "AT+USERRAM=2,256,769",
        "AT+USERRAM=3,1,1024",
        "AT+USERRAM=3,1025",
        "AT+USERRAM=3,2147483647,2147483647",
    ] {
        bench.expect(line, ERROR);
    }
    bench.expect("AT+USERRAM=4", OK);
    bench.expect("AT+USERRAM=3,2", "+USERRAM:2,\0\0\r\nOK\r\n");
    bench.expect("AT+USERRAM=2,1", "\r\nOK\r\n\r\n>");
    assert_eq!(bench.say("x"), b"\r\nWRITE OK\r\n");
    bench.expect("AT+USERRAM=0", OK);
    bench.expect("AT+USERRAM=1,1", OK);
    // Nothing is left for whoever asks next.
    bench.expect("AT+USERRAM=3,1", "+USERRAM:1,\0\r\nOK\r\n");
    bench.restart();
    bench.expect("AT+USERRAM?", "+USERRAM:0\r\n\r\nOK\r\n");
}

#[test]
fn what_is_never_done_is_as_good_as_unknown() {
    let mut bench = Bench::new();
    for line in [
        "AT+SYSREG=0,0x3ff44004",
        "AT+SYSREG=1,0x3ff44004,1",
        "AT+CIUPDATE",
        "AT+CIUPDATE?",
        "AT+CIUPDATE=1,,,1",
    ] {
        refused(&mut bench, line, 0x0109_0000);
    }
    let listed = bench.line("AT+CMD?");
    for name in ["SYSREG", "CIUPDATE", "CIPSSLSIZE"] {
        assert!(!listed.contains(&format!("AT+{name}")), "{name}");
    }
}

#[test]
fn where_to_read_on() {
    let mut bench = Bench::new();
    let heard = bench.line("AT+USERDOCS?");
    assert_eq!(
        heard.matches("+USERDOCS:\\\"https://").count(),
        2,
        "{heard}"
    );
    assert!(heard.ends_with(&text(OK.as_bytes())));
    bench.expect("AT+CIPFWVER?", OK);
    bench.expect("AT+MDNS=0", OK);
    // Nothing in this network stack would answer.
    refused(
        &mut bench,
        "AT+MDNS=1,\"espressif\",\"_iot\",8080",
        0x010a_0004,
    );
}
