//! Pre-shared keys, cipher suites, and our own commands about trust.

use super::*;
use at_grammar::commands::ssl::SslCommand;
use at_grammar::commands::ssl::{SUITES_MAX, SetCiphers, SetPsk, SetPskHex};
use at_grammar::commands::trust::TrustCommand;
use at_grammar::commands::trust::{Probe, SetVersions};
use at_grammar::types::TlsVersion;

fn one(id: u8) -> Option<LinkTarget> {
    Some(LinkTarget::One(link(id)))
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn pre_shared_keys() {
    let text = |link, key, hint| {
        Ok(Command::Ssl(SslCommand::CipsslcpskSet(SetPsk {
            link,
            key: PskKey::new(key).unwrap(),
            identity: PskIdentity::new(hint).unwrap(),
        })))
    };
    let hex = |link, key, hint| {
        Ok(Command::Ssl(SslCommand::CipsslcpskhexSet(SetPskHex {
            link,
            key: PskHex::new(key).unwrap(),
            identity: PskIdentity::new(hint).unwrap(),
        })))
    };
    let long = "k".repeat(32);
    let digits = "0f".repeat(32);
    let lines = [
        format!("AT+CIPSSLCPSK=\"{long}\",\"{long}\""),
        format!("AT+CIPSSLCPSK=\"{long}k\",\"h\""),
        format!("AT+CIPSSLCPSK=\"k\",\"{long}h\""),
        format!("AT+CIPSSLCPSKHEX=\"{digits}\",\"h\""),
        format!("AT+CIPSSLCPSKHEX=\"{digits}0\",\"h\""),
        format!("AT+CIPSSLCPSKHEX=\"00\",\"{long}h\""),
    ];
    check(&[
        (
            ONE,
            "AT+CIPSSLCPSK=\"psk\",\"myhint\"",
            text(None, "psk", "myhint"),
        ),
        (
            MANY,
            "AT+CIPSSLCPSK=0,\"psk\",\"myhint\"",
            text(one(0), "psk", "myhint"),
        ),
        (
            MANY,
            "AT+CIPSSLCPSK=5,\"p\",\"h\"",
            text(Some(LinkTarget::All), "p", "h"),
        ),
        (
            ONE,
            r#"AT+CIPSSLCPSK="a\"\\\,b","h""#,
            text(None, r#"a"\,b"#, "h"),
        ),
        // An empty key clears, under whatever name.
        (ONE, "AT+CIPSSLCPSK=\"\",\"\"", text(None, "", "")),
        (ONE, "AT+CIPSSLCPSK=\"\",\"h\"", text(None, "", "h")),
        (ONE, "AT+CIPSSLCPSK=\"psk\",\"\"", Err(0x0107_0001)),
        (MANY, "AT+CIPSSLCPSK=0,\"psk\",\"\"", Err(0x0107_0002)),
        (ONE, "AT+CIPSSLCPSK=\"psk\"", Err(0x0106_0201)),
        (ONE, "AT+CIPSSLCPSK=\"psk\",", Err(0x0108_0001)),
        (ONE, "AT+CIPSSLCPSK=,\"h\"", Err(0x0108_0000)),
        (ONE, "AT+CIPSSLCPSK=\"psk\",\"h\",1", Err(0x0106_0203)),
        (ONE, "AT+CIPSSLCPSK=0,\"psk\",\"h\"", Err(0x0106_0203)),
        (ONE, "AT+CIPSSLCPSK=1,\"h\"", Err(0x0105_0000)),
        (ONE, "AT+CIPSSLCPSK=\"psk\",1", Err(0x0105_0001)),
        (MANY, "AT+CIPSSLCPSK=\"psk\",\"h\"", Err(0x0105_0000)),
        (MANY, "AT+CIPSSLCPSK=6,\"psk\",\"h\"", Err(0x0107_0000)),
        (ONE, &lines[0], text(None, &long, &long)),
        (ONE, &lines[1], Err(0x0104_0000)),
        (ONE, &lines[2], Err(0x0104_0001)),
        (
            ONE,
            "AT+CIPSSLCPSKHEX=\"70736b\",\"myhint\"",
            hex(None, "70736b", "myhint"),
        ),
        (
            MANY,
            "AT+CIPSSLCPSKHEX=4,\"00FF\",\"h\"",
            hex(one(4), "00FF", "h"),
        ),
        (ONE, "AT+CIPSSLCPSKHEX=\"\",\"\"", hex(None, "", "")),
        (ONE, "AT+CIPSSLCPSKHEX=\"00\",\"\"", Err(0x0107_0001)),
        (ONE, "AT+CIPSSLCPSKHEX=\"0\",\"h\"", Err(0x0107_0000)),
        (ONE, "AT+CIPSSLCPSKHEX=\"0x00\",\"h\"", Err(0x0107_0000)),
        (ONE, "AT+CIPSSLCPSKHEX=\"0 0\",\"h\"", Err(0x0107_0000)),
        (ONE, "AT+CIPSSLCPSKHEX=70736b,\"h\"", Err(0x0108_0000)),
        (ONE, "AT+CIPSSLCPSKHEX=70,\"h\"", Err(0x0105_0000)),
        (ONE, &lines[3], hex(None, &digits, "h")),
        (ONE, &lines[4], Err(0x0104_0000)),
        (ONE, &lines[5], Err(0x0104_0001)),
    ]);
}

#[test]
fn cipher_suites() {
    let suites = |link, suites: &[u16]| {
        let set = SetCiphers::new(link, suites.iter().copied()).unwrap();
        assert!(set.suites().eq(suites.iter().copied()));
        Ok(Command::Ssl(SslCommand::CipsslccipherSet(set)))
    };
    let many = |count: usize| format!("AT+CIPSSLCCIPHER={count}{}", ",0x1301".repeat(count));
    let (full, over) = (many(SUITES_MAX), many(SUITES_MAX + 1));
    let full_list = [0x1301; SUITES_MAX];
    assert_eq!(SetCiphers::new(None, [0; SUITES_MAX + 1]), None);
    check(&[
        (ONE, "AT+CIPSSLCCIPHER=0", suites(None, &[])),
        (ONE, "AT+CIPSSLCCIPHER=1,0x1301", suites(None, &[0x1301])),
        (ONE, "AT+CIPSSLCCIPHER=1,4865", suites(None, &[0x1301])),
        (
            ONE,
            "AT+CIPSSLCCIPHER=2,0xC023,0xC0AD",
            suites(None, &[0xc023, 0xc0ad]),
        ),
        (
            MANY,
            "AT+CIPSSLCCIPHER=0,1,0xC02B",
            suites(one(0), &[0xc02b]),
        ),
        (
            MANY,
            "AT+CIPSSLCCIPHER=5,0",
            suites(Some(LinkTarget::All), &[]),
        ),
        (ONE, "AT+CIPSSLCCIPHER=1,0", suites(None, &[0])),
        (ONE, "AT+CIPSSLCCIPHER=1,0xFFFF", suites(None, &[0xffff])),
        (ONE, "AT+CIPSSLCCIPHER=1,0x10000", Err(0x0107_0001)),
        (ONE, "AT+CIPSSLCCIPHER=1,-1", Err(0x0107_0001)),
        (ONE, "AT+CIPSSLCCIPHER=1,\"0x1301\"", Err(0x0105_0001)),
        (ONE, "AT+CIPSSLCCIPHER=1,", Err(0x0108_0001)),
        (ONE, "AT+CIPSSLCCIPHER=1", Err(0x0106_0201)),
        (ONE, "AT+CIPSSLCCIPHER=2,0x1301", Err(0x0106_0302)),
        (ONE, "AT+CIPSSLCCIPHER=0,0x1301", Err(0x0106_0102)),
        (MANY, "AT+CIPSSLCCIPHER=0", Err(0x0106_0201)),
        (MANY, "AT+CIPSSLCCIPHER=6,1,0x1301", Err(0x0107_0000)),
        (ONE, &full, suites(None, &full_list)),
        (ONE, &over, Err(0x0106_2122)),
    ]);
}

#[test]
fn policy_and_probe() {
    let probe = |name, number| {
        Ok(Command::Trust(TrustCommand::SslprobeSet(Probe {
            host: host(name),
            port: port(number),
        })))
    };
    let long = format!("AT+SSLPROBE=\"{}\",1", "h".repeat(65));
    check(&[
        (
            ONE,
            "AT+SSLPOLICY=0",
            Ok(Command::Trust(TrustCommand::SslpolicySet(
                PolicyMode::EspAt,
            ))),
        ),
        (
            ONE,
            "AT+SSLPOLICY=1",
            Ok(Command::Trust(TrustCommand::SslpolicySet(
                PolicyMode::Strict,
            ))),
        ),
        (
            MANY,
            "AT+SSLPOLICY=1",
            Ok(Command::Trust(TrustCommand::SslpolicySet(
                PolicyMode::Strict,
            ))),
        ),
        (ONE, "AT+SSLPOLICY=2", Err(0x0107_0000)),
        (ONE, "AT+SSLPOLICY=\"1\"", Err(0x0105_0000)),
        (ONE, "AT+SSLPOLICY=", Err(0x0108_0000)),
        (ONE, "AT+SSLPOLICY=0,1", Err(0x0106_0102)),
        (
            ONE,
            "AT+SSLPROBE=\"broker.local\",8883",
            probe("broker.local", 8883),
        ),
        (
            MANY,
            "AT+SSLPROBE=\"192.168.3.129\",65535",
            probe("192.168.3.129", 65535),
        ),
        (ONE, "AT+SSLPROBE=\"\",443", Err(0x0107_0000)),
        (ONE, "AT+SSLPROBE=\"h\",0", Err(0x0107_0001)),
        (ONE, "AT+SSLPROBE=\"h\",65536", Err(0x0107_0001)),
        (ONE, "AT+SSLPROBE=\"h\"", Err(0x0106_0201)),
        (ONE, "AT+SSLPROBE=443,\"h\"", Err(0x0105_0000)),
        (ONE, "AT+SSLPROBE=\"h\",443,1", Err(0x0106_0203)),
        (ONE, &long, Err(0x0104_0000)),
    ]);
}

#[test]
fn versions() {
    let set = |link, min, max| {
        Ok(Command::Trust(TrustCommand::SslversionSet(SetVersions {
            link,
            min,
            max,
        })))
    };
    let (old, new) = (TlsVersion::Tls12, TlsVersion::Tls13);
    check(&[
        (ONE, "AT+SSLVERSION=12,13", set(None, old, new)),
        (ONE, "AT+SSLVERSION=13,13", set(None, new, new)),
        (MANY, "AT+SSLVERSION=0,12,12", set(one(0), old, old)),
        (
            ONE,
            "AT+SSLRESUME=0",
            Ok(Command::Trust(TrustCommand::SslresumeSet(false))),
        ),
        (
            MANY,
            "AT+SSLRESUME=1",
            Ok(Command::Trust(TrustCommand::SslresumeSet(true))),
        ),
        (
            MANY,
            "AT+SSLVERSION=5,12,13",
            set(Some(LinkTarget::All), old, new),
        ),
    ]);
    for line in [
        "AT+SSLVERSION=13,12",
        "AT+SSLVERSION=11,13",
        "AT+SSLVERSION=12,14",
        "AT+SSLVERSION=12",
        "AT+SSLVERSION=12,13,13",
        "AT+SSLVERSION=\"1.2\",13",
        "AT+SSLRESUME=2",
        "AT+SSLRESUME=",
        "AT+SSLRESUME=1,1",
        "AT+SSLRESUME=\"1\"",
        "AT+SSLPEER=0",
    ] {
        assert!(parse_line(line.as_bytes(), ONE).is_err(), "{line}");
    }
}
