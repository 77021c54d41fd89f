//! Expressions, by table and against an engine that everybody uses.

extern crate std;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc;

use super::*;
use proptest::prelude::*;
use std::string::String;
use std::vec;

const BASIC: Flags = Flags {
    extended: false,
    ignore_case: false,
    newline: false,
};
const EXTENDED: Flags = Flags {
    extended: true,
    ..BASIC
};

fn find(pattern: &str, flags: Flags, text: &str) -> Option<(usize, usize)> {
    let expression = Expression::new(pattern.as_bytes(), flags);
    let expression = expression.unwrap_or_else(|error| panic!("{pattern}: {error:?}"));
    expression.find(text.as_bytes())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn expressions_match_as_documented() {
    let cases = [
        // The manual's own.
        (
            "^WIFI CONNECTED\r\n",
            BASIC,
            "WIFI CONNECTED\r\n",
            Some((0, 16)),
        ),
        ("^WIFI CONNECTED\r\n", BASIC, "\r\nWIFI CONNECTED\r\n", None),
        (
            "^+HTTPCGET:[0-9]*,",
            BASIC,
            "+HTTPCGET:512,data",
            Some((0, 14)),
        ),
        ("\r\n$", BASIC, "data\r\n", Some((4, 6))),
        ("\r\nOK\r\n$", BASIC, "\r\nOK\r\n", Some((0, 6))),
        ("\r\nOK\r\n$", BASIC, "\r\nOK\r\n\r\n>", None),
        // The first, and of those the longest.
        ("a*", BASIC, "baa", Some((0, 0))),
        ("aa*", BASIC, "baaab", Some((1, 4))),
        ("a|ab", EXTENDED, "xab", Some((1, 3))),
        ("(a|ab)(c|bcd)", EXTENDED, "abcd", Some((0, 4))),
        ("x*y", EXTENDED, "xxxy", Some((0, 4))),
        // What is special, and where it is not.
        ("*a", BASIC, "*a", Some((0, 2))),
        ("^*a", BASIC, "*a", Some((0, 2))),
        ("a+b?", BASIC, "a+b?", Some((0, 4))),
        ("a+b?", EXTENDED, "aaa", Some((0, 3))),
        ("a^b$c", BASIC, "a^b$c", Some((0, 5))),
        ("^^a", BASIC, "^a", Some((0, 2))),
        ("^^a", BASIC, "a", None),
        ("\\(^a\\)", BASIC, "ba", None),
        ("\\(ab\\)*c", BASIC, "ababc", Some((0, 5))),
        ("a\\{2,3\\}", BASIC, "aaaa", Some((0, 3))),
        ("a{2}", EXTENDED, "aaaa", Some((0, 2))),
        ("a{2,}", EXTENDED, "aaaa", Some((0, 4))),
        ("a{0}b", EXTENDED, "ab", Some((1, 2))),
        ("\\.", BASIC, "a.", Some((1, 2))),
        ("[]a]*", BASIC, "a]b", Some((0, 2))),
        ("[^]a]", BASIC, "a]b", Some((2, 3))),
        ("[a-]*", BASIC, "a-b", Some((0, 2))),
        ("[0-9a-f]+", EXTENDED, "xx1f", Some((2, 4))),
        ("()", EXTENDED, "a", Some((0, 0))),
        ("(a*)*b", EXTENDED, "aaab", Some((0, 4))),
        ("(a|)+b", EXTENDED, "aab", Some((0, 3))),
        ("(^a|b$)", EXTENDED, "bb", Some((1, 2))),
        ("", BASIC, "abc", Some((0, 0))),
    ];
    for (pattern, flags, text, expected) in cases {
        assert_eq!(find(pattern, flags, text), expected, "{pattern:?} {text:?}");
    }
    let ignore = Flags {
        ignore_case: true,
        ..EXTENDED
    };
    assert_eq!(find("wifi [a-z]+", ignore, "WIFI GOT"), Some((0, 8)));
    for (set, text, expected) in [
        ("[^a]", "aA", None),
        ("[^A]", "aAb", Some((2, 3))),
        ("[^a-y]", "XyZ", Some((2, 3))),
        ("[A]", "a", Some((0, 1))),
    ] {
        assert_eq!(find(set, ignore, text), expected, "{set} {text}");
    }
    let newline = Flags {
        newline: true,
        ..EXTENDED
    };
    for (pattern, expected) in [
        ("^b", Some((2, 3))),
        ("a$", Some((0, 1))),
        (".*", Some((0, 1))),
        ("[^x]+", Some((0, 1))),
    ] {
        assert_eq!(find(pattern, newline, "a\nb"), expected, "{pattern}");
    }
}

#[test]
fn what_is_no_expression_is_reported_with_its_place() {
    for (pattern, flags, at) in [
        ("(", EXTENDED, 1),
        ("a)", EXTENDED, 1),
        ("*", EXTENDED, 0),
        ("a|*", EXTENDED, 2),
        ("[", BASIC, 1),
        ("[]", BASIC, 2),
        ("[z-a]", BASIC, 1),
        ("[[:digit:]]", BASIC, 1),
        ("\\", BASIC, 0),
        ("\\(a\\)\\1", BASIC, 5),
        ("a{", EXTENDED, 2),
        ("a{2,1}", EXTENDED, 5),
        ("\\{", BASIC, 0),
        ("\\(a", BASIC, 3),
        ("a**", BASIC, 2),
        ("a*\\{2\\}", BASIC, 2),
    ] {
        let error = Expression::new(pattern.as_bytes(), flags).unwrap_err();
        assert_eq!(error, ExpressionError::Syntax { at }, "{pattern}");
    }
    for pattern in ["a{65}", "(((((((((a)))))))))", "(ab{9}){9}{9}", "a{64}{64}"] {
        let error = Expression::new(pattern.as_bytes(), EXTENDED).unwrap_err();
        assert_eq!(error, ExpressionError::TooLarge, "{pattern}");
    }
}

/// A walk from every byte to the end would take hours.
#[test]
fn a_long_message_is_walked_over_twice_whatever_the_expression() {
    let mut text = vec![b'a'; 400_000];
    for pattern in ["a*b", "(a|aa)*b", "(a*)*b", "a?a?a?a?b$", ".*x"] {
        let expression = Expression::new(pattern.as_bytes(), EXTENDED).unwrap();
        assert_eq!(expression.find(&text), None, "{pattern}");
    }
    text.push(b'b');
    let expression = Expression::new(b"a*b", EXTENDED).unwrap();
    assert_eq!(expression.find(&text), Some((0, 400_001)));
}

/// Extended expressions that both engines read alike.
fn pattern() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "c", ".", "[ab]", "[^a]", "[a-c]", "\\."])
            .prop_map(String::from),
        1 => prop::sample::select(vec!["^", "$"]).prop_map(String::from),
    ];
    atom.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| std::format!("({a}|{b})")),
            2 => (inner, prop::sample::select(vec!["*", "+", "?", "{2}", "{1,3}", "{0,}"]))
                .prop_map(|(a, times)| std::format!("({a}){times}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn matches_begin_where_another_engine_finds_them_and_are_no_shorter(
        pattern in pattern(),
        text in "[abc.]{0,12}",
    ) {
        let Ok(ours) = Expression::new(pattern.as_bytes(), EXTENDED) else {
            // Too large for us.
            return Ok(());
        };
        let theirs = regex::bytes::Regex::new(&pattern).unwrap();
        let found = ours.find(text.as_bytes());
        let expected = theirs.find(text.as_bytes());
        prop_assert_eq!(found.map(|(start, _)| start), expected.map(|found| found.start()));
        // Theirs prefers the first alternative, ours the longest.
        if let (Some((start, end)), Some(expected)) = (found, expected) {
            prop_assert!(end >= expected.end());
            let whole = std::format!("^(?:{pattern})$");
            if start == 0 && end == text.len() {
                prop_assert!(regex::bytes::Regex::new(&whole).unwrap().is_match(text.as_bytes()));
            }
        }
    }

    #[test]
    fn any_bytes_are_an_expression_or_are_not(
        pattern in prop::collection::vec(prop_oneof![
            prop::sample::select(b"ab\\()[]{}*+?|^$.,-0129\r\n".to_vec()),
            any::<u8>(),
        ], 0..64),
        text in prop::collection::vec(any::<u8>(), 0..40),
        bits in 0..8_u8,
    ) {
        let flags = Flags {
            extended: bits & 1 != 0,
            ignore_case: bits & 2 != 0,
            newline: bits & 4 != 0,
        };
        if let Ok(expression) = Expression::new(&pattern, flags)
            && let Some((start, end)) = expression.find(&text)
        {
            prop_assert!(start <= end && end <= text.len());
        }
    }
}
