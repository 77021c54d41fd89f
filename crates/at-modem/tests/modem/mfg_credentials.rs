//! Certificates and keys that are values of `mfg_nvs`: what links take, what is printed about them, and the
//! partitions seen through `AT+SYSMFG` (spec: cert-bin 9, 10).

use embassy_time::Duration;

use crate::support::flash::Flash;
use crate::support::net::Door;
use crate::support::{Bench, text};

use super::mfg::{ERROR, OK, PROMPT, answer, fresh, input, setup, with_all, write};

macro_rules! bin {
    ($name:literal) => {
        include_bytes!(concat!("../../../cert-bin/tests/data/pki/bins/", $name)).as_slice()
    };
}

#[test]
#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn a_link_takes_its_credentials_from_the_values() {
    const PEER: &str = "192.168.3.102:8080";
    const START: &str = "AT+CIPSTART=\"SSL\",\"192.168.3.102\",8080";
    let mut bench = fresh();
    bench.expect("AT+CWMODE=1", OK);
    bench.expect(
        "AT+CWJAP=\"iot\",\"secret\"",
        "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    );
    bench.net.door(PEER, Door::Sink);
    // Whether the settings suffice for a first message.
    let hello = |bench: &mut Bench| {
        let said = bench.line(START);
        if said.is_empty() {
            let sent = bench.net.peer().received();
            bench.pass(Duration::from_secs(60));
            assert_eq!(text(&bench.port.take()), text(ERROR.as_bytes()));
            assert!(!sent.is_empty());
        }
        said
    };
    bench.expect("AT+CIPSNTPCFG=0", OK);
    bench.expect("AT+SYSTIMESTAMP=1800000000", OK);
    bench.expect("AT+CIPSSLCCONF=2,0,0", OK);
    let no_ca = text(b"NO CA FOUND\r\n\r\nERROR\r\n");
    assert_eq!(hello(&mut bench), no_ca);
    // The name that ESP-AT's build script gives a single file is not the one looked up.
    write(
        &mut bench,
        "client_ca",
        "client_ca",
        8,
        input!("ca_p256.crt.pem"),
    );
    assert_eq!(hello(&mut bench), no_ca);
    write(
        &mut bench,
        "client_ca",
        "client_ca.0",
        8,
        input!("ca_p256.crt.pem"),
    );
    assert_eq!(hello(&mut bench), "");
    // DER, and as text, are as good; another number is not there.
    write(
        &mut bench,
        "client_ca",
        "client_ca.0",
        8,
        input!("ca_p256.crt.der"),
    );
    assert_eq!(hello(&mut bench), "");
    write(
        &mut bench,
        "client_ca",
        "client_ca.0",
        7,
        input!("ca_p256.crt.pem"),
    );
    assert_eq!(hello(&mut bench), "");
    bench.expect("AT+CIPSSLCCONF=2,0,1", OK);
    assert_eq!(hello(&mut bench), no_ca);
    bench.expect("AT+CIPSSLCCONF=3,1,0", OK);
    assert_eq!(hello(&mut bench), text(b"NO CERT FOUND\r\n\r\nERROR\r\n"));
    write(
        &mut bench,
        "client_cert",
        "client_cert.1",
        8,
        input!("client_p256.crt.pem"),
    );
    assert_eq!(
        hello(&mut bench),
        text(b"NO PRVT_KEY FOUND\r\n\r\nERROR\r\n")
    );
    write(
        &mut bench,
        "client_key",
        "client_key.1",
        8,
        input!("client_p256.key.pem"),
    );
    assert_eq!(hello(&mut bench), "");
    // An image with a header is for partitions; a number is no certificate.
    bench.expect("AT+CIPSSLCCONF=2,0,0", OK);
    write(
        &mut bench,
        "client_ca",
        "client_ca.0",
        8,
        bin!("ca_p256_pem.bin"),
    );
    assert_ne!(hello(&mut bench), "");
    bench.expect("AT+SYSMFG=2,\"client_ca\",\"client_ca.0\",1,7", OK);
    assert_ne!(hello(&mut bench), "");
}

const CA_P256: &str = "\"CN=Root P-256 a, O=AT vectors a\",\"2060-01-01T00:00:00Z\",\"b40975c20788e19e0c0c7406e5c0f97a036fcef9dd325e0450de96e4658bcc2c\"";
const CA_RSA: &str = "\"CN=Root RSA a, O=AT vectors a\",\"2044-01-01T00:00:00Z\",\"c3ae2459a00355214b46605a2685f20c9a36caf977af1a70c104c33534a092f3\"";
const KEY_CLIENT_P256: &str =
    "\"p-256\",\"\",\"a60a791cf042949a347543055d3abeb6cdcb679cb05b5fac99c8377c136be86c\"";

#[test]
fn what_the_values_hold_is_printed_as_for_partitions() {
    let mut bench = with_all();
    let reply = String::from_utf8(bench.say("AT+PKI?\r\n")).unwrap();
    let lines: Vec<_> = reply
        .lines()
        .filter(|line| line.starts_with("+PKI:"))
        .collect();
    // 27 values, each with one certificate or key.
    assert_eq!(lines.len(), 27, "{reply}");
    for wanted in [
        format!("+PKI:\"client_ca\",0,\"ca\",{CA_RSA}"),
        format!("+PKI:\"client_ca\",1,\"ca\",{CA_P256}"),
        format!("+PKI:\"client_key\",1,\"key\",{KEY_CLIENT_P256}"),
        format!("+PKI:\"mqtt_ca\",0,\"ca\",{CA_P256}"),
    ] {
        assert!(lines.contains(&wanted.as_str()), "{wanted} in {reply}");
    }
}

#[test]
fn with_syslog_a_write_is_followed_by_what_it_is() {
    let mut bench = fresh();
    bench.expect("AT+SYSLOG=1", OK);
    let said = |bench: &mut Bench, namespace, key, value| write(bench, namespace, key, 8, value);
    assert_eq!(
        said(
            &mut bench,
            "client_ca",
            "client_ca.3",
            input!("ca_p256.crt.pem")
        ),
        text(format!("+PKI:\"client_ca\",3,\"ca\",{CA_P256}\r\n{OK}").as_bytes())
    );
    assert_eq!(
        said(
            &mut bench,
            "client_key",
            "client_key.0",
            input!("client_p256.key.pem")
        ),
        text(format!("+PKI:\"client_key\",0,\"key\",{KEY_CLIENT_P256}\r\n{OK}").as_bytes())
    );
    assert_eq!(
        said(
            &mut bench,
            "client_ca",
            "client_ca",
            input!("ca_p256.crt.pem")
        ),
        text(format!(
                "+PKI:\"client_ca\",\"key_not_used\",0,\"no command looks under this name: client_ca.0, client_ca.1 and so on are used\"\r\n{OK}"
            ).as_bytes())
    );
    assert_eq!(
        said(&mut bench, "mqtt_ca", "mqtt_ca", b"this is no certificate"),
        text(format!(
                "+PKI:\"mqtt_ca\",0,\"ca\",\"not_pem_or_der\",0,\"neither PEM nor DER: export the certificate or key as PEM (Base64) or DER\"\r\n{OK}"
            ).as_bytes())
    );
    assert_eq!(
        said(&mut bench, "ble_data", "cfg0", b"0,16"),
        text(OK.as_bytes())
    );
}

#[test]
fn a_damaged_value_is_reported_and_not_handed_out() {
    let mut setup = setup();
    setup.flash = Flash::with_values();
    let mut bench = setup.boot().quiet();
    bench.expect("AT+SYSLOG=1", OK);
    write(
        &mut bench,
        "client_ca",
        "client_ca.0",
        8,
        input!("ca_p256.crt.pem"),
    );
    // A bit of it is cleared behind the modem's back.
    let partition = bench.flash.partition("mfg_nvs");
    let needle = b"-----BEGIN CERTIFICATE";
    let at = partition
        .windows(needle.len())
        .position(|here| here == needle)
        .unwrap();
    let word = at & !3;
    bench.expect(format!("AT+SYSFLASH=1,\"mfg_nvs\",{word},4"), "\r\n>");
    assert_eq!(text(&bench.say([0x20; 4])), text(OK.as_bytes()));
    bench.expect(
        "AT+SYSMFG=1,\"client_ca\",\"client_ca.0\"",
        format!("ERR CODE:0x010a0003\r\n{ERROR}"),
    );
    bench.expect(
        "AT+PKI?",
        format!(
            "+PKI:\"client_ca.0\",\"data_crc\",0,\"the value is damaged: write it again\"\r\n{OK}"
        ),
    );
    // Written again it is good.
    write(
        &mut bench,
        "client_ca",
        "client_ca.0",
        8,
        input!("ca_p256.crt.pem"),
    );
    bench.expect(
        "AT+PKI?",
        format!("+PKI:\"client_ca\",0,\"ca\",{CA_P256}\r\n{OK}"),
    );
}

#[test]
fn partitions_show_their_items_as_values_and_are_not_written_as_such() {
    let mut bench = Bench::new();
    bench.expect("AT+SYSMFG?", OK);
    bench.flash.preset("client_ca", bin!("two_ca_der_pem.bin"));
    bench.flash.preset("server_ca", bin!("ca_text.bin"));
    bench.expect(
        "AT+SYSMFG?",
        "+SYSMFG:\"server_ca\"\r\n+SYSMFG:\"client_ca\"\r\n\r\nOK\r\n",
    );
    bench.expect(
        "AT+SYSMFG=1,\"client_ca\"",
        "+SYSMFG:\"client_ca\",\"client_ca.0\",8\r\n+SYSMFG:\"client_ca\",\"client_ca.1\",8\r\n\r\nOK\r\n",
    );
    bench.expect(
        "AT+SYSMFG=1,\"server_ca\"",
        "+SYSMFG:\"server_ca\",\"server_ca\",8\r\n\r\nOK\r\n",
    );
    let der = input!("ca_p256.crt.der");
    let pem = input!("ca_rsa.crt.pem");
    assert!(
        bench.say("AT+SYSMFG=1,\"client_ca\",\"client_ca.0\"\r\n")
            == answer("client_ca", "client_ca.0", 8, der)
    );
    assert!(
        bench.say("AT+SYSMFG=1,\"client_ca\",\"client_ca.1\"\r\n")
            == answer("client_ca", "client_ca.1", 8, pem)
    );
    assert!(
        bench.say("AT+SYSMFG=1,\"client_ca\",\"client_ca.1\",27,9\r\n")
            == answer("client_ca", "client_ca.1", 8, &pem[27..36])
    );
    for key in ["server_ca", "server_ca.0"] {
        let line = format!("AT+SYSMFG=1,\"server_ca\",\"{key}\"\r\n");
        assert!(bench.say(line) == answer("server_ca", key, 8, input!("ca_p256.crt.text.pem")));
    }
    bench.expect("AT+SYSLOG=1", OK);
    let word = |result: u16| format!("ERR CODE:0x010a{result:04x}\r\n{ERROR}");
    for line in [
        "AT+SYSMFG=1,\"client_ca\",\"client_ca.2\"",
        "AT+SYSMFG=1,\"client_ca\",\"client_ca\"",
        "AT+SYSMFG=1,\"client_key\"",
        "AT+SYSMFG=1,\"client_key\",\"client_key.0\"",
        "AT+SYSMFG=1,\"ble_data\"",
        "AT+SYSMFG=1,\"nowhere\",\"k\"",
    ] {
        bench.expect(line, word(0));
    }
    bench.expect("AT+SYSMFG=1,\"client_ca\",\"client_ca.1\",0,9999", word(1));
    let before = bench.flash.bytes();
    for line in [
        "AT+SYSMFG=0,\"client_ca\"",
        "AT+SYSMFG=0,\"client_ca\",\"client_ca.0\"",
        "AT+SYSMFG=2,\"client_ca\",\"client_ca.0\",8,603",
        "AT+SYSMFG=2,\"factory_param\",\"max_tx_power\",2,60",
    ] {
        bench.expect(line, word(4));
    }
    assert!(bench.flash.bytes() == before);
    bench.alive();
}

#[test]
fn what_a_power_cut_left_is_put_right_at_boot() {
    let mut bench = fresh();
    let (old, new) = (input!("ca_p256.crt.pem"), input!("ca_p384.crt.pem"));
    write(&mut bench, "client_ca", "client_ca.0", 8, old);
    let start = bench.power_off();
    let flash = start.flash.copied();
    drop(start);
    for steps in (0..400).step_by(23) {
        let mut setup = setup();
        setup.flash = flash.copied();
        let mut bench = setup.boot().quiet();
        let line = format!("AT+SYSMFG=2,\"client_ca\",\"client_ca.0\",8,{}", new.len());
        bench.expect(line, PROMPT);
        bench.flash.cut_after(steps);
        assert_eq!(text(&bench.say(new)), text(ERROR.as_bytes()), "{steps}");
        let mut bench = bench.power_off().boot().quiet();
        let read = bench.say("AT+SYSMFG=1,\"client_ca\",\"client_ca.0\"\r\n");
        let is = |value| read == answer("client_ca", "client_ca.0", 8, value);
        assert!(is(old) || is(new), "{steps}");
        assert_eq!(
            write(&mut bench, "client_ca", "client_ca.0", 8, new),
            text(OK.as_bytes())
        );
        bench.expect(
            "AT+SYSMFG=1,\"client_ca\"",
            "+SYSMFG:\"client_ca\",\"client_ca.0\",8\r\n\r\nOK\r\n",
        );
    }
}
