//! `AT+SYSMFG`, and certificates that are values of `mfg_nvs` (spec: at-commands B.2, C.14;
//! cert-bin 9, 10).

use at_modem::Exit;

use crate::support::flash::{Flash, Operation};
use crate::support::{Bench, Setup, text};

pub(crate) const OK: &str = "\r\nOK\r\n";
pub(crate) const ERROR: &str = "\r\nERROR\r\n";
/// What announces the data of a value.
pub(crate) const PROMPT: &str = "\r\nOK\r\n\r\n>";

macro_rules! input {
    ($name:literal) => {
        include_bytes!(concat!("../../../cert-bin/tests/data/pki/inputs/", $name)).as_slice()
    };
}
pub(crate) use input;

/// An image of an independent writer: every role, and factory parameters.
pub(crate) const ALL: &[u8] =
    include_bytes!("../../../partition-store/tests/data/nvs/esp32_all.bin");

/// A module with ESP-AT 3.1 or later, fresh from the factory.
pub(crate) fn setup() -> Setup {
    let mut setup = Setup::new();
    setup.flash = Flash::with_values();
    setup
}

pub(crate) fn fresh() -> Bench {
    setup().boot().quiet()
}

/// The same, after the host wrote an image of the whole partition.
pub(crate) fn with_all() -> Bench {
    let mut bench = fresh();
    bench.expect("AT+SYSFLASH=0,\"mfg_nvs\"", OK);
    for (index, piece) in ALL.chunks(4096).enumerate() {
        let line = format!("AT+SYSFLASH=1,\"mfg_nvs\",{},{}", index * 4096, piece.len());
        bench.expect(line, "\r\n>");
        assert_eq!(text(&bench.say(piece)), text(OK.as_bytes()));
    }
    bench
}

/// Writes a value as a host does; returns what comes after its data.
#[track_caller]
pub(crate) fn write(
    bench: &mut Bench,
    namespace: &str,
    key: &str,
    kind: u8,
    value: &[u8],
) -> String {
    let line = format!(
        "AT+SYSMFG=2,\"{namespace}\",\"{key}\",{kind},{}",
        value.len()
    );
    bench.expect(line, PROMPT);
    text(&bench.say(value))
}

/// What reading a value gives.
pub(crate) fn answer(namespace: &str, key: &str, kind: u8, value: &[u8]) -> Vec<u8> {
    let head = format!("+SYSMFG:\"{namespace}\",\"{key}\",{kind},{},", value.len());
    [head.as_bytes(), value, b"\r\n\r\nOK\r\n"].concat()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn the_documented_session_word_for_word() {
    // at-commands C.14, on a module whose certificates the host puts there first.
    let mut bench = fresh();
    let cert = input!("client_rsa.crt.pem");
    for (namespace, key) in [
        ("client_cert", "client_cert.0"),
        ("client_cert", "client_cert.1"),
        ("client_key", "client_key.0"),
        ("client_ca", "client_ca.0"),
        ("server_cert", "server_cert"),
        ("server_key", "server_key"),
        ("server_ca", "server_ca"),
    ] {
        assert_eq!(
            write(&mut bench, namespace, key, 8, cert),
            text(OK.as_bytes())
        );
    }
    let listing = "+SYSMFG:\"factory_param\"\r\n\
        +SYSMFG:\"client_cert\"\r\n\
        +SYSMFG:\"client_key\"\r\n\
        +SYSMFG:\"client_ca\"\r\n\
        +SYSMFG:\"server_cert\"\r\n\
        +SYSMFG:\"server_key\"\r\n\
        +SYSMFG:\"server_ca\"\r\n\
        \r\nOK\r\n";
    bench.expect("AT+SYSMFG?", listing);
    bench.expect("AT+SYSMFG=1", listing);
    bench.expect(
        "AT+SYSMFG=1,\"client_cert\"",
        "+SYSMFG:\"client_cert\",\"client_cert.0\",8\r\n\
         +SYSMFG:\"client_cert\",\"client_cert.1\",8\r\n\r\nOK\r\n",
    );
    let pem: Vec<u8> = cert.iter().copied().cycle().take(1164).collect();
    bench.expect(
        "AT+SYSMFG=2,\"client_ca\",\"client_ca.0\",8,1164",
        "\r\nOK\r\n\r\n>",
    );
    assert_eq!(bench.say(&pem), b"\r\nOK\r\n");
    bench.expect(
        "AT+SYSMFG=1,\"factory_param\",\"module_name\"",
        "+SYSMFG:\"factory_param\",\"module_name\",7,6,MINI-1\r\n\r\nOK\r\n",
    );
    bench.expect(
        "AT+SYSMFG=1,\"factory_param\",\"uart_baudrate\"",
        "+SYSMFG:\"factory_param\",\"uart_baudrate\",6,6,115200\r\n\r\nOK\r\n",
    );
    bench.expect("AT+SYSMFG=2,\"factory_param\",\"max_tx_power\",2,60", OK);
    bench.restart();
    bench.expect(
        "AT+SYSMFG=1,\"factory_param\",\"max_tx_power\"",
        answer("factory_param", "max_tx_power", 2, b"60"),
    );
    bench.expect("AT+SYSMFG=0,\"client_cert\",\"client_cert.0\"", OK);
    bench.expect(
        "AT+SYSMFG=1,\"client_cert\"",
        "+SYSMFG:\"client_cert\",\"client_cert.1\",8\r\n\r\nOK\r\n",
    );
    bench.expect("AT+SYSMFG=0,\"client_cert\"", OK);
    bench.expect("AT+SYSMFG=1,\"client_cert\"", OK);
    bench.expect(
        "AT+SYSMFG=1,\"client_ca\",\"client_ca.0\"",
        answer("client_ca", "client_ca.0", 8, &pem),
    );
    bench.alive();
}

#[test]
fn factory_parameters_are_listed_in_the_documented_order_and_types() {
    let mut bench = fresh();
    let listing: String = [
        ("version", 2),
        ("module_name", 7),
        ("max_tx_power", 2),
        ("country_code", 7),
        ("start_channel", 1),
        ("channel_num", 1),
        ("uart_port", 2),
        ("uart_baudrate", 6),
        ("uart_tx_pin", 6),
        ("uart_rx_pin", 6),
        ("uart_cts_pin", 6),
        ("uart_rts_pin", 6),
        ("sys_store", 1),
    ]
    .map(|(key, kind)| format!("+SYSMFG:\"factory_param\",\"{key}\",{kind}\r\n"))
    .concat();
    bench.expect("AT+SYSMFG=1,\"factory_param\"", listing + OK);
}

#[test]
fn numbers_of_every_type_come_back_at_both_ends_of_their_range() {
    let mut bench = fresh();
    for (kind, values, beyond) in [
        (1, ["0", "255"], ["-1", "256"]),
        (2, ["-128", "127"], ["-129", "128"]),
        (3, ["0", "65535"], ["-1", "65536"]),
        (4, ["-32768", "32767"], ["-32769", "32768"]),
        (5, ["0", "2147483647"], ["-1", "4294967296"]),
        (
            6,
            ["-2147483648", "2147483647"],
            ["-2147483649", "2147483648"],
        ),
    ] {
        for value in values {
            bench.expect(format!("AT+SYSMFG=2,\"n\",\"k\",{kind},{value}"), OK);
            bench.expect(
                "AT+SYSMFG=1,\"n\",\"k\"",
                answer("n", "k", kind, value.as_bytes()),
            );
        }
        for value in beyond {
            bench.expect(format!("AT+SYSMFG=2,\"n\",\"k\",{kind},{value}"), ERROR);
        }
    }
    // A part of a number is a part of its digits.
    bench.expect("AT+SYSMFG=1,\"n\",\"k\",1,3", answer("n", "k", 6, b"147"));
    bench.expect("AT+SYSMFG=1,\"n\",\"k\",8,3", ERROR);
}

#[test]
fn values_are_written_and_read_in_parts_of_any_size() {
    let mut bench = fresh();
    for length in [1_usize, 255, 256, 257, 603, 4000, 8191] {
        let value: Vec<u8> = (0..length)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect();
        assert_eq!(
            write(&mut bench, "client_ca", "client_ca.0", 8, &value),
            text(OK.as_bytes())
        );
        let whole = format!("{}\r\n", "AT+SYSMFG=1,\"client_ca\",\"client_ca.0\"");
        assert!(
            bench.say(whole) == answer("client_ca", "client_ca.0", 8, &value),
            "{length}"
        );
        for (offset, count) in [(0, 1), (length - 1, 1), (length / 2, length - length / 2)] {
            let line = format!("AT+SYSMFG=1,\"client_ca\",\"client_ca.0\",{offset},{count}\r\n");
            let wanted = answer(
                "client_ca",
                "client_ca.0",
                8,
                &value[offset..offset + count],
            );
            assert!(bench.say(line) == wanted, "{length}: {offset}, {count}");
        }
        for (offset, count) in [(0, length + 1), (length, 1), (1, length)] {
            let line = format!("AT+SYSMFG=1,\"client_ca\",\"client_ca.0\",{offset},{count}");
            bench.expect(line, ERROR);
        }
    }
    bench.expect("AT+SYSMFG=2,\"client_ca\",\"client_ca.0\",8,8192", ERROR);
    bench.expect("AT+SYSMFG=2,\"client_ca\",\"client_ca.0\",8,0", ERROR);
    bench.alive();
}

#[test]
fn data_are_taken_by_count_and_the_rest_is_the_next_line() {
    for size in [1, 7, 256, 600] {
        let mut bench = fresh();
        bench.expect("AT+SYSMFG=2,\"client_ca\",\"client_ca.0\",8,603", PROMPT);
        let mut heard = Vec::new();
        for piece in input!("ca_p256.crt.pem").chunks(size) {
            assert_eq!(heard, b"");
            heard = bench.say(piece);
        }
        assert_eq!(text(&heard), text(OK.as_bytes()), "pieces of {size}");
        bench.alive();
    }
    // A host that waits for nothing.
    let mut bench = fresh();
    let heard = bench.say("AT+SYSMFG=2,\"n\",\"k\",7,4\r\ntextAT+SYSMFG=1,\"n\"\r\n");
    let heard = text(&heard);
    assert!(heard.starts_with(&text(PROMPT.as_bytes())), "{heard}");
    bench.expect("AT+SYSMFG=1,\"n\",\"k\"", answer("n", "k", 7, b"text"));
}

#[test]
fn errors_have_their_words() {
    let mut bench = fresh();
    bench.expect("AT+SYSLOG=1", OK);
    let word = |result: u16| format!("ERR CODE:0x010a{result:04x}\r\n{ERROR}");
    for line in [
        "AT+SYSMFG=1,\"nowhere\"",
        "AT+SYSMFG=1,\"nowhere\",\"k\"",
        "AT+SYSMFG=1,\"factory_param\",\"k\"",
        "AT+SYSMFG=0,\"nowhere\"",
        "AT+SYSMFG=0,\"factory_param\",\"k\"",
    ] {
        bench.expect(line, word(0));
    }
    bench.expect("AT+SYSMFG=1,\"factory_param\",\"module_name\",6,1", word(1));
    bench.expect("AT+SYSMFG=2,\"n\",\"k\",8,8192", word(1));
    bench.expect("AT+SYSMFG=2,\"n\",\"k\",7,4000", word(1));
    // A NUL in text shows only with the data.
    assert_eq!(
        write(&mut bench, "n", "k", 7, b"a\0b"),
        text(word(1).as_bytes())
    );
    bench.expect("AT+SYSMFG=1,\"n\"", word(0));
    for line in [
        "AT+SYSMFG=3",
        "AT+SYSMFG=0",
        "AT+SYSMFG=2,\"n\",\"k\",9,1",
        "AT+SYSMFG=2,\"n\",\"k\",0,1",
        "AT+SYSMFG=2,\"n\",\"sixteen_letters_\",1,1",
        "AT+SYSMFG=1,\"n\",\"k\",1",
    ] {
        let reply = bench.line(line);
        assert!(reply.ends_with(&text(ERROR.as_bytes())), "{line}: {reply}");
        assert!(!reply.contains("0x010a"), "{line}: {reply}");
    }
    bench.alive();
}

#[test]
fn a_full_partition_is_reported_before_the_prompt() {
    let mut bench = fresh();
    bench.expect("AT+SYSLOG=1", OK);
    let mut written = 0;
    let refusal = loop {
        let line = format!("AT+SYSMFG=2,\"n\",\"k{written}\",8,8191");
        let reply = bench.line(line);
        if reply != text(PROMPT.as_bytes()) {
            break reply;
        }
        assert_eq!(bench.say(vec![0x5a; 8191]), OK.as_bytes());
        written += 1;
    };
    // 30 pages of 126 entries, 258 or 259 for each value.
    assert_eq!(written, 14);
    assert_eq!(
        refusal,
        text(format!("ERR CODE:0x010a0002\r\n{ERROR}").as_bytes())
    );
    bench.expect("AT+SYSMFG=0,\"n\",\"k3\"", OK);
    assert_eq!(
        write(&mut bench, "n", "k3", 8, &[1; 8191]),
        text(OK.as_bytes())
    );
    bench.alive();
}

#[test]
fn flash_that_fails_at_any_operation_ends_in_an_error_and_no_value_is_lost() {
    let old = input!("ca_p256.crt.pem");
    let new = input!("ca_p384.crt.pem");
    let mut writes = 0;
    for nth in 0.. {
        let mut bench = fresh();
        assert_eq!(
            write(&mut bench, "client_ca", "client_ca.0", 8, old),
            text(OK.as_bytes())
        );
        bench.flash.fail(Operation::Write, nth);
        let done = write(&mut bench, "client_ca", "client_ca.0", 8, new);
        let failed = !bench.flash.fault_ahead();
        assert_eq!(done == text(ERROR.as_bytes()), failed, "{done}");
        let mut bench = bench.power_off().boot().quiet();
        let read = bench.say("AT+SYSMFG=1,\"client_ca\",\"client_ca.0\"\r\n");
        let is = |value| read == answer("client_ca", "client_ca.0", 8, value);
        assert!(is(new) || failed && is(old), "{nth}");
        if !failed {
            break;
        }
        writes += 1;
    }
    assert!(writes > 20, "{writes}");
}

#[test]
fn a_host_that_goes_away_leaves_the_old_value() {
    let mut bench = fresh();
    let (old, new) = (input!("ca_p256.crt.pem"), input!("ca_p384.crt.pem"));
    assert_eq!(
        write(&mut bench, "client_ca", "client_ca.0", 8, old),
        text(OK.as_bytes())
    );
    for cut in [0, 1, 300, new.len() - 1] {
        let line = format!("AT+SYSMFG=2,\"client_ca\",\"client_ca.0\",8,{}", new.len());
        bench.expect(line, PROMPT);
        bench.say(&new[..cut]);
        bench.port.unplug();
        bench.settle();
        assert_eq!(bench.exits().last(), Some(&Exit::PortClosed), "{cut}");
        bench.port.take();
        bench.port.plug_in();
        bench.alive();
        bench.expect(
            "AT+SYSMFG=1,\"client_ca\",\"client_ca.0\"",
            answer("client_ca", "client_ca.0", 8, old),
        );
    }
}

#[test]
fn the_whole_partition_is_listed_replaced_and_read_back() {
    let mut bench = with_all();
    bench.expect(
        "AT+SYSFLASH?",
        "+SYSFLASH:\"mfg_nvs\",1,2,0x1f000,0x1f000\r\n\
         +SYSFLASH:\"fatfs\",1,129,0x47000,0x19000\r\n\r\nOK\r\n",
    );
    bench.expect("AT+SYSFLASH=2,\"fatfs\",0,4", ERROR);
    let mut read = b"+SYSFLASH:4096,".to_vec();
    read.extend(&ALL[4096..8192]);
    read.extend(OK.bytes());
    assert!(bench.say("AT+SYSFLASH=2,\"mfg_nvs\",4096,4096\r\n") == read);
    // Used at once, without a restart.
    bench.expect(
        "AT+SYSMFG=1,\"client_ca\",\"client_ca.1\"",
        answer("client_ca", "client_ca.1", 8, input!("ca_p256.crt.pem")),
    );
    bench.expect(
        "AT+SYSMFG=1,\"ble_data\",\"cfg1\"",
        answer("ble_data", "cfg1", 7, b"1,16,0x2803,0x01,1,1,02"),
    );
    bench.expect("AT+SYSFLASH=0,\"mfg_nvs\"", OK);
    bench.expect("AT+SYSMFG?", OK);
    bench.expect("AT+PKI?", OK);
}
