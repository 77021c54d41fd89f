//! Every kind of place, every cut of the input.

use super::*;

fn text(line: &str) -> Text {
    Text::parse(line).unwrap()
}

fn compare(line: &str, input: &[u8]) -> Match {
    text(line).compare(input, &Variables::new()).unwrap()
}

#[test]
fn places_are_read_and_everything_else_is_literal() {
    let variables = Variables::from([("x.1".to_owned(), b"abc".to_vec())]);
    for (line, expected) in [
        ("", b"".as_slice()),
        (r#"AT+CWJAP="ab\\\,c""#, br#"AT+CWJAP="ab\\\,c""#),
        ("{{}}", b"{}"),
        ("a{crlf}b{hex 00 ff}{hex 0D0a}", b"a\r\nb\x00\xff\r\n"),
        ("{$x.1}={#x.1}", b"abc=3"),
        ("é", "é".as_bytes()),
    ] {
        assert_eq!(text(line).expand(&variables).unwrap(), expected, "{line}");
    }
    for wrong in [
        "{", "}", "a}b", "{}", "{what}", "{hex 0}", "{hex 0g}", "{any x}", "{$}", "{$a b}",
    ] {
        assert!(Text::parse(wrong).is_err(), "{wrong}");
    }
    assert_eq!(
        text("{$y}").expand(&variables),
        Err(TextError::Unset("y".to_owned()))
    );
    for open in ["{number}", "{text}", "{any 1}"] {
        assert_eq!(text(open).expand(&variables), Err(TextError::NotSendable));
    }
}

#[test]
fn whatever_is_cut_off_is_a_part_and_what_follows_is_left() {
    let line = r#"+X:{number as n},"{text as name}",{any 3 as raw}{crlf}"#;
    let input = b"+X:-12,\"a,b\",\r\n\"\r\nrest";
    for cut in 0..18 {
        assert_eq!(compare(line, &input[..cut]), Match::Part, "{cut}");
    }
    let kept = Variables::from([
        ("n".to_owned(), b"-12".to_vec()),
        ("name".to_owned(), b"a,b".to_vec()),
        ("raw".to_owned(), b"\r\n\"".to_vec()),
    ]);
    assert_eq!(compare(line, input), Match::Whole { length: 18, kept });
}

#[test]
fn the_first_wrong_byte_is_reported() {
    for (line, input, at) in [
        ("abc", "abX", 2),
        ("a{number}b", "axb", 1),
        ("a{number}b", "a12c", 3),
        ("a{number}b", "a-b", 2),
        ("{text}{crlf}OK", "some\r\nKO", 4),
        ("{text}!", "some\r\n!", 4),
    ] {
        assert_eq!(compare(line, input.as_bytes()), Match::Not { at }, "{line}");
    }
    assert_eq!(
        text("{number}").compare(b"1", &Variables::new()),
        Err(TextError::Endless)
    );
    assert_eq!(
        text("{text}{number} ").compare(b"1", &Variables::new()),
        Err(TextError::Endless)
    );
}

#[test]
fn shown_bytes_are_read_back_as_themselves() {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let mut samples = vec![
        all.clone(),
        b"trailing ".to_vec(),
        b" ".to_vec(),
        b"{$x}{hex 0d0a}".to_vec(),
        "naïve\u{a0}\u{2028}".as_bytes().to_vec(),
        vec![],
    ];
    samples.extend(all.windows(3).map(<[u8]>::to_vec));
    samples.extend((0..2000).map(|seed| noise(seed, 0).take(12).collect()));
    for bytes in samples {
        let shown = show(&bytes);
        assert!(
            !shown.contains(['\r', '\n']) && !shown.ends_with(' '),
            "{shown}"
        );
        assert_eq!(
            Text::parse(&shown).unwrap(),
            Text::literal(&bytes),
            "{shown}"
        );
    }
    let line = "{$a}{#a}{noise 3 at 4 of 5}{number as n}, {text} {any 2 as b}";
    assert_eq!(text(line).to_string(), line);
}

#[test]
fn noise_continues_and_its_streams_differ() {
    let whole: Vec<u8> = noise(7, 0).take(1000).collect();
    assert!(noise(7, 400).take(600).eq(whole[400..].iter().copied()));
    assert!(!noise(8, 0).take(1000).eq(whole.iter().copied()));
    assert!((0..=u8::MAX).filter(|byte| whole.contains(byte)).count() > 240);
}
