//! Command lines and what they mean.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::Parser;
use clap::error::ErrorKind;

use super::*;

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

fn parse(line: &[&str]) -> Result<Args, clap::Error> {
    let words = std::iter::once(&"sim").chain(line);
    Command::try_parse_from(words).map(|command| command.args)
}

#[test]
fn the_definition_is_sound() {
    <Command as clap::CommandFactory>::command().debug_assert();
}

#[test]
fn exactly_one_port_is_chosen() {
    let listen = |text: &str| Choice::Listen(text.parse().unwrap());
    for (line, port) in [
        (&[][..], listen("127.0.0.1:2323")),
        (&["--listen", "127.0.0.1:0"], listen("127.0.0.1:0")),
        (&["--listen=[::1]:7"], listen("[::1]:7")),
        (&["--pty"], Choice::Pty(None)),
        (&["--pty", "--chip", "esp32"], Choice::Pty(None)),
        (
            &["--pty", "/tmp/modem"],
            Choice::Pty(Some("/tmp/modem".into())),
        ),
        (&["--pty=modem"], Choice::Pty(Some("modem".into()))),
        (&["--stdio"], Choice::Stdio),
    ] {
        assert_eq!(parse(line).unwrap().port(), port, "{line:?}");
    }
    for line in [
        &["--stdio", "--pty"][..],
        &["--listen", "127.0.0.1:0", "--stdio"],
        &["--pty", "link", "--listen", "127.0.0.1:0"],
    ] {
        assert_eq!(
            parse(line).unwrap_err().kind(),
            ErrorKind::ArgumentConflict,
            "{line:?}"
        );
    }
}

#[test]
fn everything_else_has_the_defaults_of_a_blank_module() {
    let args = parse(&[]).unwrap();
    assert_eq!(args.flash, None);
    assert_eq!(args.chip, Chip::Esp32);
    assert!(args.ap.is_empty() && args.map.is_empty());
    assert_eq!(args.clock.start(), None);
    assert_eq!(args.log, None);
}

#[test]
fn everything_can_be_said() {
    let args = parse(&[
        "--flash",
        "flash.bin",
        "--chip",
        "esp32c3",
        "--ap",
        "home,hush-hush",
        "--ap",
        "open",
        "--map",
        "192.168.3.129:8739=127.0.0.1:8739",
        "--map",
        "cn.ntp.org.cn:123=[::1]:1123",
        "--map",
        ":333=0.0.0.0:4333",
        "--tls-links",
        "2",
        "--control",
        "127.0.0.1:0",
        "--record",
        "session.at",
        "--record-danger-secrets",
        "--clock",
        "2026-01-01T00:00:00Z",
        "--log",
        "-",
    ])
    .unwrap();
    assert_eq!(args.flash, Some("flash.bin".into()));
    assert_eq!(args.chip, Chip::Esp32c3);
    let ap = |text: &str| ApSpec::parse(text.as_ref()).unwrap();
    assert_eq!(args.ap, [ap("home,hush-hush"), ap("open")]);
    let targets: Vec<_> = args.map.iter().map(|map| map.target.to_string()).collect();
    assert_eq!(targets, ["127.0.0.1:8739", "[::1]:1123", "0.0.0.0:4333"]);
    assert_eq!(
        args.clock.start(),
        Some(Timestamp::from_unix(1_767_225_600))
    );
    assert_eq!(args.log, Some(LogTarget::Stderr));
    assert_eq!(args.tls_links, 2);
    assert_eq!(args.control, Some("127.0.0.1:0".parse().unwrap()));
    assert_eq!(args.record, Some("session.at".into()));
    assert!(args.record_danger_secrets);
    assert!(!format!("{args:?}").contains("hush"));

    let now = parse(&["--clock", "host"]).unwrap().clock.start().unwrap();
    assert!(now.as_unix() > 1_700_000_000);
}

#[test]
fn a_network_name_is_bytes() {
    let name = OsString::from_vec(b"\xff\xfe,password".to_vec());
    let words = ["sim".into(), "--ap".into(), name.clone()];
    let args = Command::try_parse_from(words).unwrap().args;
    assert_eq!(args.ap, [ApSpec::parse(&name).unwrap()]);
}

#[test]
fn what_makes_no_sense_is_wrong_usage_and_says_why() {
    for (line, words) in [
        (
            &["--listen", "localhost:1"][..],
            "an address with a port is expected",
        ),
        (
            &["--listen", "127.0.0.1"],
            "an address with a port is expected",
        ),
        (&["--chip", "esp8266"], "[possible values: esp32, esp32c3]"),
        (&["--ap", ",password"], "a network name is missing"),
        (
            &["--ap", "a-name-that-is-longer-than-32-bytes"],
            "has 35 bytes",
        ),
        (&["--ap", "home,secret"], "the password has 6 bytes"),
        (&["--map", "example.org:80"], "no '='"),
        (&["--map", "example.org=127.0.0.1:80"], "before '='"),
        (&["--map", "example.org:80=localhost"], "after '='"),
        (
            &["--map", "example.org:80=nowhere.invalid:80"],
            "nowhere.invalid:80 has no address",
        ),
        (&["--clock", "now"], "neither unset nor host"),
        (
            &["--clock", "2026-02-30T00:00:00Z"],
            "no such date or time of day",
        ),
        (&["--stdio=yes"], "unexpected value"),
        (&["stray"], "unexpected argument"),
    ] {
        let error = parse(line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line:?}");
        assert!(error.to_string().contains(words), "{line:?}: {error}");
    }
}
