//! What a module writes, read.

use super::module::{asctime, decoded, unset, zone_seconds};
use super::step::State;

#[test]
fn the_time_of_a_module_is_read_whatever_its_blanks() {
    for (text, wanted) in [
        ("Tue Oct 19 17:47:56 2021", Some("2021-10-19T17:47:56Z")),
        ("Thu Jan  1 00:02:08 1970 ", Some("1970-01-01T00:02:08Z")),
        ("Thu Jan 1 00:02:08", None),
        ("Thu Jan 32 00:02:08 1970", None),
        ("Thu Xxx 1 00:02:08 1970", None),
        ("", None),
    ] {
        let found = asctime(text).map(|time| time.to_string());
        assert_eq!(found.as_deref(), wanted, "{text}");
    }
}

#[test]
fn a_time_zone_is_hours_or_hours_and_minutes() {
    for (zone, minutes) in [
        (0, 0),
        (8, 480),
        (-12, -720),
        (800, 480),
        (-530, -330),
        (1245, 765),
    ] {
        assert_eq!(zone_seconds(zone), minutes * 60, "{zone}");
    }
}

#[test]
fn numbers_of_mbed_tls_in_a_log_are_decoded() {
    let log =
        "I (123) wifi: up\nE (4567) esp-tls-mbedtls: mbedtls_ssl_handshake returned -0x2700\n-0x\n";
    let found = decoded(log).join("\n");
    assert!(found.contains("returned -0x2700"), "{found}");
    assert!(found.contains("issuer_unknown"), "{found}");
    assert!(decoded("-0x0001 -0xzz -0xffffffffff").is_empty());
}

#[test]
fn a_server_that_does_not_answer_is_not_the_same_as_none() {
    for (config, words) in [
        (
            "1,8,\"a.local\",\"b.local\"",
            "a.local, b.local gave no time",
        ),
        ("0,0,\"a.local\"", "no SNTP server is configured"),
        ("0", "no SNTP server is configured"),
        ("", "no SNTP server is configured"),
    ] {
        let step = unset("Thu Jan 1 00:00:08 1970", config);
        assert_eq!(step.state(), State::Failed);
        let text = format!("{step:?}");
        assert!(text.contains(words), "{config}: {text}");
    }
}
