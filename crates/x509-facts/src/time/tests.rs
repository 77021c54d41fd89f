//! Dates against fixed points, against each other, and text that must be refused.

use super::*;
use std::string::ToString;
use std::vec::Vec;

#[test]
fn known_instants() {
    let table = [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59Z", -1),
        ("1950-01-01T00:00:00Z", -631_152_000),
        ("2000-02-29T12:00:00Z", 951_825_600),
        ("2026-01-01T00:00:00Z", 1_767_225_600),
        ("2038-01-19T03:14:08Z", 2_147_483_648),
        ("2100-03-01T00:00:00Z", 4_107_542_400),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
        ("0000-01-01T00:00:00Z", -62_167_219_200),
    ];
    for (text, seconds) in table {
        assert_eq!(
            Timestamp::parse_rfc3339(text),
            Ok(Timestamp(seconds)),
            "{text}"
        );
        assert_eq!(Timestamp(seconds).to_string(), text);
        assert_eq!(text.parse::<Timestamp>(), Ok(Timestamp(seconds)));
    }
}

#[test]
fn every_day_from_1950_to_9999_follows_the_one_before() {
    let first = Timestamp::parse_rfc3339("1950-01-01T00:00:00Z").unwrap();
    let last = Timestamp::parse_rfc3339("9999-12-31T00:00:00Z").unwrap();
    let mut expected = (1950, 1, 1);
    for day in first.0 / DAY..=last.0 / DAY {
        let time = Timestamp(day * DAY + 86_399);
        let civil = time.civil();
        assert_eq!((civil.year, civil.month, civil.day), expected);
        assert_eq!((civil.hour, civil.minute, civil.second), (23, 59, 59));
        assert_eq!(Timestamp::from_civil(civil), Some(time));

        // The rule of the calendar, written otherwise than in the code under test.
        let (year, month, day) = expected;
        let leap = (year % 4 == 0) != (year % 100 == 0) || year % 400 == 0;
        let days = match month {
            2 => 28 + u8::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        expected = match (month, day) {
            (12, 31) => (year + 1, 1, 1),
            (_, day) if day == days => (year, month + 1, 1),
            _ => (year, month, day + 1),
        };
    }
    assert_eq!(expected, (10_000, 1, 1));
}

#[test]
fn any_number_of_seconds_has_a_date() {
    for seconds in [
        i64::MIN,
        i64::MIN + 1,
        -62_167_219_201,
        i64::MAX - 1,
        i64::MAX,
    ] {
        let civil = Timestamp(seconds).civil();
        assert!((1..=12).contains(&civil.month) && (1..=31).contains(&civil.day));
        assert!(Timestamp(seconds).to_string().ends_with('Z'));
        assert_eq!(Timestamp::from_civil(civil), None, "outside 0..=9999");
    }
}

#[test]
fn rfc3339_variants_and_refusals() {
    let good = [
        ("2026-01-01t00:00:00z", "2026-01-01T00:00:00Z"),
        ("2026-01-01 00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T08:00:00+08:00", "2026-01-01T00:00:00Z"),
        ("2025-12-31T19:30:00-04:30", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.999Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.5-00:00", "2026-01-01T00:00:00Z"),
        ("0000-01-01T00:00:00+23:59", "-001-12-31T00:01:00Z"),
    ];
    for (text, expected) in good {
        assert_eq!(
            Timestamp::parse_rfc3339(text).unwrap().to_string(),
            expected
        );
    }
    let bad = [
        ("", TimestampError::Syntax),
        ("2026-01-01", TimestampError::Syntax),
        ("2026-01-01T00:00:00", TimestampError::Syntax),
        ("2026-01-01T00:00:00.Z", TimestampError::Syntax),
        ("2026-01-01T00:00:00.1", TimestampError::Syntax),
        ("2026-01-01T00:00:00Z ", TimestampError::Syntax),
        ("2026-01-01T00:00:00+0800", TimestampError::Syntax),
        ("2026-01-01T00:00:00+08:00Z", TimestampError::Syntax),
        ("2026-1-01T00:00:00Z", TimestampError::Syntax),
        ("+026-01-01T00:00:00Z", TimestampError::Syntax),
        ("2026-01-01T00:00:0\u{661}Z", TimestampError::Syntax),
        ("2026-00-01T00:00:00Z", TimestampError::Range),
        ("2026-13-01T00:00:00Z", TimestampError::Range),
        ("2026-02-29T00:00:00Z", TimestampError::Range),
        ("2100-02-29T00:00:00Z", TimestampError::Range),
        ("2026-04-31T00:00:00Z", TimestampError::Range),
        ("2026-04-00T00:00:00Z", TimestampError::Range),
        ("2026-01-01T24:00:00Z", TimestampError::Range),
        ("2026-01-01T00:60:00Z", TimestampError::Range),
        ("2026-01-01T00:00:60Z", TimestampError::Range),
        ("2026-01-01T00:00:00+24:00", TimestampError::Range),
        ("2026-01-01T00:00:00+00:60", TimestampError::Range),
    ];
    for (text, expected) in bad {
        assert_eq!(Timestamp::parse_rfc3339(text), Err(expected), "{text}");
    }
}

#[test]
fn the_two_asn1_forms() {
    let utc = [
        ("491231235959Z", Some("2049-12-31T23:59:59Z")),
        ("500101000000Z", Some("1950-01-01T00:00:00Z")),
        ("240229000000Z", Some("2024-02-29T00:00:00Z")),
        ("230229000000Z", None),
        ("2402290000Z", None),
        ("240229000000", None),
        ("240229000000z", None),
        ("240229000000+0000", None),
        ("20240229000000Z", None),
        ("24022900000 Z", None),
        ("240229000060Z", None),
        ("", None),
    ];
    for (text, expected) in utc {
        let found = utc_time(text.as_bytes()).map(|time| time.to_string());
        assert_eq!(found.as_deref(), expected, "{text}");
    }
    let generalized = [
        ("20500101000000Z", Some("2050-01-01T00:00:00Z")),
        ("20240101000000Z", Some("2024-01-01T00:00:00Z")),
        ("99991231235959Z", Some("9999-12-31T23:59:59Z")),
        ("00000101000000Z", Some("0000-01-01T00:00:00Z")),
        ("20500101000000.5Z", None),
        ("20500101000000", None),
        ("205001010000Z", None),
        ("240229000000Z", None),
        ("2050010100000-Z", None),
    ];
    for (text, expected) in generalized {
        let found = generalized_time(text.as_bytes()).map(|time| time.to_string());
        assert_eq!(found.as_deref(), expected, "{text}");
    }
}

#[test]
fn both_limits_belong_to_the_validity() {
    let validity = Validity {
        not_before: Timestamp(10),
        not_after: Timestamp(12),
    };
    let inside: Vec<i64> = (8..15)
        .filter(|&now| validity.contains(Timestamp(now)))
        .collect();
    assert_eq!(inside, [10, 11, 12]);
}
