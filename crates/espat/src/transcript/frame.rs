//! Which line ends belong to a message of the modem (spec: at-commands A.9).
//!
//! | text after `←` | on the wire |
//! |---|---|
//! | `OK`, `ERROR`, `SEND OK`, `SEND FAIL`, `SEND Canceled`, `SEND CANCELLED`, `SET OK`, `WRITE OK`, `ready`, `busy p...`, `+QUITT`, `Recv …` | CRLF text CRLF |
//! | `>` | CRLF text |
//! | `+IPD,…` without a colon (passive) | CRLF text CRLF |
//! | `+IPD,…:…` (active) | CRLF text |
//! | `+CIPRECVDATA:…`, `+CIPRECVDATA,…`, `+CIPSNTPTIME:…`, `+SYSFLASH:` and a digit or place, `+USERRAM:` with a comma | text |
//! | everything else | text CRLF |
//!
//! A line whose bytes follow another rule is written with `←|`.

use super::Text;

/// Messages with a line end on either side.
const RESULTS: [&[u8]; 11] = [
    b"OK",
    b"ERROR",
    b"SEND OK",
    b"SEND FAIL",
    b"SEND Canceled",
    b"SEND CANCELLED",
    b"SET OK",
    b"WRITE OK",
    b"ready",
    b"busy p...",
    b"+QUITT",
];

const CRLF: &[u8] = b"\r\n";

/// The text with the line ends that its kind has.
#[must_use]
pub fn framed(text: Text) -> Text {
    let (before, after) = ends(&text);
    let mut text = if before { text.after(CRLF) } else { text };
    if after {
        text.push_bytes(CRLF);
    }
    text
}

/// Whether a line end comes before the text, and one after it.
fn ends(text: &Text) -> (bool, bool) {
    let head = text.head();
    let result = text
        .as_literal()
        .is_some_and(|text| RESULTS.contains(&text));
    if result || head.starts_with(b"Recv ") {
        return (true, true);
    }
    if text.as_literal() == Some(b">") {
        return (true, false);
    }
    if head.starts_with(b"+IPD,") {
        return (true, !text.has(b':'));
    }
    let data = head.starts_with(b"+CIPRECVDATA:")
        || head.starts_with(b"+CIPRECVDATA,")
        || head.starts_with(b"+CIPSNTPTIME:")
        || (head.starts_with(b"+USERRAM:") && text.has(b','))
        || head
            .strip_prefix(b"+SYSFLASH:")
            .is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_digit));
    (false, !data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::Variables;

    #[test]
    fn line_ends_are_those_of_the_specification() {
        for (line, expected) in [
            ("OK", "\r\nOK\r\n"),
            ("SEND OK", "\r\nSEND OK\r\n"),
            ("Recv 4 bytes", "\r\nRecv 4 bytes\r\n"),
            ("ready", "\r\nready\r\n"),
            ("busy p...", "\r\nbusy p...\r\n"),
            (">", "\r\n>"),
            ("+IPD,4:test", "\r\n+IPD,4:test"),
            ("+IPD,0,4", "\r\n+IPD,0,4\r\n"),
            ("+QUITT", "\r\n+QUITT\r\n"),
            ("CONNECT", "CONNECT\r\n"),
            ("OK then", "OK then\r\n"),
            ("+CWMODE:1", "+CWMODE:1\r\n"),
            ("+CIPRECVDATA:4,test", "+CIPRECVDATA:4,test"),
            ("+CIPRECVDATA,4:test", "+CIPRECVDATA,4:test"),
            ("+CIPSNTPTIME:Thu", "+CIPSNTPTIME:Thu"),
            ("+SYSFLASH:3,abc", "+SYSFLASH:3,abc"),
            ("+SYSFLASH:\"fatfs\",1", "+SYSFLASH:\"fatfs\",1\r\n"),
            ("+USERRAM:1024", "+USERRAM:1024\r\n"),
            ("+USERRAM:2,ab", "+USERRAM:2,ab"),
            ("AT+CIPSNTPTIME?", "AT+CIPSNTPTIME?\r\n"),
            ("ERR CODE:0x01090000", "ERR CODE:0x01090000\r\n"),
            ("", "\r\n"),
        ] {
            let framed = framed(Text::parse(line).unwrap());
            let bytes = framed.expand(&Variables::new()).unwrap();
            assert_eq!(
                bytes.escape_ascii().to_string(),
                expected.as_bytes().escape_ascii().to_string()
            );
        }
    }
}
