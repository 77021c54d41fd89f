//! What is written gives the same bytes again, however they came, and no secret is in it.

use super::*;
use crate::transcript::Variables;

/// Who says it, and what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum By {
    Host,
    Modem,
}
use By::{Host, Modem};

const SESSION: &[(By, &[u8])] = &[
    (Modem, b"\r\nready\r\n"),
    (Host, b"ATE0\r\n"),
    (Modem, b"ATE0\r\n\r\nOK\r\n"),
    (Host, b"AT+CWJAP=\"net\",\"pass\\\\word\"\r\n"),
    (Modem, b"WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n"),
    (Host, b"AT+CWSAP?\r\n"),
    (
        Modem,
        b"+CWSAP:\"me\",\"pass\\word\",5,3,10,0\r\n\r\nOK\r\n",
    ),
    (Host, b"AT+CIPSEND=0,6\r\n"),
    (Modem, b"\r\nOK\r\n\r\n>"),
    (Host, b"a\r\nb\xff{"),
    (Modem, b"\r\nRecv 6 bytes\r\n\r\nSEND OK\r\n"),
    (Host, b"AT+CIPSENDEX=0,3\r\n"),
    (Modem, b"\r\nOK\r\n\r\n>"),
    (Host, b"\\h\\\\\\o"),
    (Modem, b"\r\nRecv 3 bytes\r\n\r\nSEND OK\r\n"),
    (Host, b"AT+CIPSENDEX=0,90\r\n"),
    (Modem, b"\r\nOK\r\n\r\n>"),
    (Host, b"end\\0"),
    (Modem, b"\r\nRecv 3 bytes\r\n\r\nSEND OK\r\n"),
    (
        Modem,
        b"\r\n+IPD,0,4:a\r\nb\r\n+IPD,0,5,\"fe80::1\",8080:{$x}}0,CLOSED\r\n",
    ),
    (Modem, b"\r\n+IPD,1,7\r\n"),
    (Host, b"AT+CIPRECVDATA=1,4\r\n"),
    (Modem, b"+CIPRECVDATA:4,,\r\n,\r\nOK\r\n"),
    (Host, b"AT+CIPRECVDATA=1,3\r\n"),
    (Modem, b"+CIPRECVDATA:3,\"192.168.3.102\",80,abc\r\nOK\r\n"),
    (Host, b"AT+SYSFLASH=1,\"client_key\",0,8\r\n"),
    (Modem, b"\r\n>"),
    (Host, b"PRIVATE!"),
    (Modem, b"\r\nOK\r\n"),
    (Host, b"AT+SYSFLASH=2,\"client_key\",0,8\r\n"),
    (Modem, b"+SYSFLASH:8,PRIVATE!\r\nOK\r\n"),
    (Host, b"AT+CIPSNTPTIME?\r\n"),
    (Modem, b"+CIPSNTPTIME:Tue Oct 19 17:47:56 2027\r\nOK\r\n"),
    (Host, b"AT+CIPSEND\r\n"),
    (Modem, b"\r\nOK\r\n\r\n>"),
    (Host, b"raw \r\nbytes"),
    (Modem, b"\r\nOK\r\n+IPD,what"),
    (Host, b"+++"),
    (Host, b"AT\r\n"),
    (Modem, b"\r\nOK\r\n"),
];

const SECRETS: [&str; 3] = ["pass\\\\word", "pass\\word", "PRIVATE!"];

fn record(session: &[(By, &[u8])], shows: Secrets) -> String {
    let mut file = Vec::new();
    let mut recorder = Recorder::new(&mut file, shows).unwrap();
    for (at, (by, bytes)) in session.iter().enumerate() {
        let at = Duration::from_micros(1_500 * u64::try_from(at).unwrap());
        match by {
            Host => recorder.sent(at, bytes).unwrap(),
            Modem => recorder.printed(at, bytes).unwrap(),
        }
    }
    recorder.finish().unwrap();
    String::from_utf8(file).unwrap()
}

/// What the transcript says, neighbours of one side joined.
fn replayed(transcript: &str) -> Vec<(By, Vec<u8>)> {
    let secrets: Variables = (1..)
        .zip(SECRETS)
        .map(|(n, value)| (format!("secret{n}"), value.as_bytes().to_vec()))
        .collect();
    replayed_with(transcript, &secrets)
}

fn replayed_with(transcript: &str, secrets: &Variables) -> Vec<(By, Vec<u8>)> {
    let mut said: Vec<(By, Vec<u8>)> = Vec::new();
    for line in parse(transcript).unwrap() {
        let (by, text) = match &line.step {
            Step::Send(text) => (Host, text),
            Step::Expect(text) => (Modem, text),
            Step::FromPowerOn | Step::Needs(_) | Step::Silence(_) => continue,
            other => panic!("{other:?}"),
        };
        let bytes = text.expand(secrets).unwrap();
        match said.last_mut() {
            Some((last, all)) if *last == by => all.extend(bytes),
            _ => said.push((by, bytes)),
        }
    }
    said
}

fn joined(session: &[(By, &[u8])]) -> Vec<(By, Vec<u8>)> {
    let mut said: Vec<(By, Vec<u8>)> = Vec::new();
    for (by, bytes) in session {
        match said.last_mut() {
            Some((last, all)) if last == by => all.extend_from_slice(bytes),
            _ => said.push((*by, bytes.to_vec())),
        }
    }
    said
}

#[test]
fn a_session_is_written_as_a_person_would_and_reads_back_as_itself() {
    let file = record(SESSION, Secrets::Hidden);
    assert_eq!(replayed(&file), joined(SESSION), "{file}");
    for line in [
        "← ready",
        "→ AT+CWJAP=\"net\",\"{$secret1}\"",
        "← +CWSAP:\"me\",\"{$secret2}\",5,3,10,0",
        "← >",
        "→| a{crlf}b{hex ff}{{",
        "← Recv 6 bytes",
        "← +IPD,0,4:a{crlf}b",
        "← +IPD,0,5,\"fe80::1\",8080:{{$x}}}}",
        "← 0,CLOSED",
        "← +IPD,1,7",
        "← +CIPRECVDATA:4,,{crlf},",
        "← +CIPRECVDATA:3,\"192.168.3.102\",80,abc",
        "→| {$secret3}",
        "←| +SYSFLASH:8,{$secret3}",
        "→| +++",
        "# 0.001 s",
    ] {
        assert!(
            file.lines().any(|written| written == line),
            "{line}\n{file}"
        );
    }
    for secret in SECRETS {
        assert!(!file.contains(secret), "{file}");
    }
}

#[test]
fn shown_secrets_are_shown() {
    let file = record(SESSION, Secrets::DangerShown);
    assert!(file.contains(r#"→ AT+CWJAP="net","pass\\word""#), "{file}");
    assert!(!file.contains("@needs"), "{file}");
    assert_eq!(replayed(&file), joined(SESSION));
}

#[test]
fn it_does_not_matter_how_the_bytes_were_cut() {
    let whole = record(SESSION, Secrets::Hidden);
    for size in [1, 2, 3, 5, 7] {
        // Passthrough has no structure of its own: there, cuts are what a burst is.
        let cut: Vec<(By, &[u8])> = SESSION
            .iter()
            .flat_map(|(by, bytes)| {
                let size = if bytes == b"+++" { 3 } else { size };
                bytes.chunks(size).map(|part| (*by, part))
            })
            .collect();
        let file = record(&cut, Secrets::Hidden);
        assert_eq!(replayed(&file), joined(SESSION), "{size}\n{file}");
        let lines = |file: &str| -> Vec<String> {
            let lines = file.lines().filter(|line| !line.starts_with('#'));
            let lines = lines.take_while(|line| *line != "→ AT+CIPSEND");
            lines.map(str::to_owned).collect()
        };
        assert_eq!(lines(&file), lines(&whole), "{size}");
    }
}

#[test]
fn an_event_amid_a_line_that_is_being_typed_does_not_give_its_secret_away() {
    let file = record(
        &[
            (Host, b"AT+CWJAP=\"net\",\"pass"),
            (Modem, b"WIFI DISCONNECT\r\n"),
            (Host, b"word\"\r\n"),
            (Modem, b"\r\nOK\r\n"),
            (Host, b"AT+CWJAP=\"net\",\"passw"),
        ],
        Secrets::Hidden,
    );
    assert!(!file.contains("pass"), "{file}");
    assert!(
        file.contains("→ AT+CWJAP=\"net\",\"{$secret1}\"\n"),
        "{file}"
    );
    assert!(
        file.ends_with("# 21 bytes of an unfinished line\n"),
        "{file}"
    );
}

/// Firmware 1.x: a blank behind `>`, a colon before fetched data, addresses without quotes.
const LEGACY: &[(By, &[u8])] = &[
    (Modem, b"\r\nready\r\n"),
    (Host, b"AT+CWSAP_DEF?\r\n"),
    (
        Modem,
        b"+CWSAP_DEF:\"me\",\"pass\\word\",5,3,10,0\r\n\r\nOK\r\n",
    ),
    (Host, b"AT+CIPSEND=0,6\r\n"),
    (Modem, b"\r\nOK\r\n> "),
    (Host, b"a\r\nb\xff{"),
    (Modem, b"\r\nRecv 6 bytes\r\n\r\nSEND OK\r\n"),
    (Modem, b"\r\n+IPD,0,4,192.168.3.102,80:a\r\nb"),
    (Modem, b"\r\n+IPD,1,7\r\n"),
    (Host, b"AT+CIPRECVDATA=1,9\r\n"),
    (Modem, b"+CIPRECVDATA,9:> :\r\nOK\r\n\r\nOK\r\n"),
    (Host, b"AT+CIPSENDEX=0,9\r\n"),
    (Modem, b"\r\nOK\r\n> "),
    (Host, b"a\\\\0b\\\r\n\\0"),
    (Modem, b"\r\nRecv 6 bytes\r\n\r\nSEND OK\r\n"),
    (Host, b"AT+SYSFLASH=1,\"client_key\",0,8\r\n"),
    (Modem, b"\r\n> "),
    (Host, b"PRIVATE!"),
    (Modem, b"\r\nOK\r\n"),
    (Host, b"AT\r\n"),
    (Modem, b"\r\nOK\r\n"),
];

#[test]
fn answers_of_1x_are_understood_however_they_were_cut() {
    for size in [usize::MAX, 1, 2, 3, 5, 7] {
        let cut: Vec<(By, &[u8])> = LEGACY
            .iter()
            .flat_map(|(by, bytes)| bytes.chunks(size.min(bytes.len())).map(|part| (*by, part)))
            .collect();
        let file = record(&cut, Secrets::Hidden);
        for secret in ["pass", "PRIVATE!"] {
            assert!(!file.contains(secret), "{size}\n{file}");
        }
        let known: Variables = [("secret1", "pass\\word"), ("secret2", "PRIVATE!")]
            .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
            .into();
        assert_eq!(
            replayed_with(&file, &known),
            joined(LEGACY),
            "{size}\n{file}"
        );
        for line in [
            "→| a{crlf}b{hex ff}{{",
            "← +IPD,0,4,192.168.3.102,80:a{crlf}b",
            "←| +CIPRECVDATA,9:> :{crlf}OK{crlf}",
            "→| {$secret2}",
            "→ AT",
        ] {
            assert!(file.lines().any(|it| it == line), "{size}: {line}\n{file}");
        }
    }
}

#[test]
fn escaped_data_ends_where_the_modem_says_it_ends() {
    for (data, left, whole) in [
        (&b"hello"[..], 5, Some(5)),
        (b"hello", 6, None),
        (b"hello\\0AT", 90, Some(7)),
        (b"hello\\", 6, None),
        (b"\\h\\e", 2, Some(4)),
        (b"\\h\\0", 2, Some(4)),
        (b"a\\\\0b", 4, Some(5)),
        (b"a\\\\0b", 3, Some(4)),
        (b"\\0", 1, Some(2)),
        (b"", 0, Some(0)),
    ] {
        let payload = Payload {
            left: Some(left),
            secret: false,
            quoted: true,
        };
        let shown = data.escape_ascii();
        assert_eq!(payload.whole(data), whole, "{shown}, {left}");
        let plain = Payload {
            quoted: false,
            ..payload
        };
        let whole = (left <= data.len()).then_some(left);
        assert_eq!(plain.whole(data), whole, "{shown}, {left}");
        // In two pieces it is the same, unless a backslash is cut off from what it escapes.
        for cut in 0..data.len() {
            let (first, second) = data.split_at(cut);
            let cuts_escape = first.iter().rev().take_while(|it| **it == b'\\').count() % 2 == 1;
            if let (false, Some(rest)) = (cuts_escape, payload.after(first)) {
                let again = rest.whole(second).map(|length| length + cut);
                assert_eq!(again, payload.whole(data), "{shown}, {left}, {cut}");
            }
        }
    }
}
