//! Lines of the AT port, in both directions.

use at_grammar::commands::tcpip::DataInfo;
use at_grammar::{
    Dialect, Event, Mux, Progress, ReplyParser, WriteError, parse_line, parse_line_as,
};

use crate::expression::{Expression, Flags};
use crate::framing_code::{Framed, LineBuffer};

/// A command that was understood is written as a line that means the same; the older dialect takes
/// whatever the newer one does.
pub(crate) fn command_line(data: &[u8]) {
    for mux in [Mux::Single, Mux::Multiple] {
        let command = match parse_line(data, mux) {
            Ok(command) => command,
            Err(error) => {
                let _ = (format!("{error} {error:?}"), error.error_word().raw());
                continue;
            }
        };
        for dialect in [Dialect::EspAt, Dialect::Legacy] {
            let parsed = parse_line_as(data, mux, dialect).expect("as before");
            assert_eq!(parsed.command, command);
        }
        let mut out = Vec::new();
        match command.write_line(&mut out) {
            Ok(()) => {
                let line = out.strip_suffix(b"\r\n").expect("CRLF");
                assert_eq!(line.len(), command.size());
                let again = parse_line(line, mux);
                assert_eq!(again.expect("ours"), command, "{}", out.escape_ascii());
            }
            Err(WriteError::TooLong { len }) => assert!(len > 256),
            Err(WriteError::LineFeed) => assert!(data.contains(&b'\n')),
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// What a parser says of a stream that comes in pieces of this size.
fn replies(data: &[u8], with_info: bool, size: usize) -> Vec<(String, Vec<u8>)> {
    let mut parser = ReplyParser::new();
    parser.set_data_info(if with_info {
        DataInfo::On
    } else {
        DataInfo::Off
    });
    let mut buffer: Vec<u8> = Vec::new();
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    for piece in data.chunks(size) {
        buffer.extend(piece);
        loop {
            let (event, consumed) = match parser.next(&buffer) {
                Progress::Event { event, consumed } => (Some(event), consumed),
                Progress::NeedMore { consumed } => (None, consumed),
            };
            assert!(consumed <= buffer.len());
            let ends = event.is_none();
            match event {
                Some(Event::Data(bytes)) => match seen.last_mut() {
                    Some((kind, all)) if kind == "data" => all.extend(bytes),
                    _ => seen.push(("data".to_owned(), bytes.to_vec())),
                },
                Some(event) => {
                    assert!(consumed > 0);
                    seen.push((format!("{event:?}"), Vec::new()));
                }
                None => {}
            }
            buffer.drain(..consumed);
            if ends {
                break;
            }
        }
        assert!(buffer.len() < 2048, "stuck with {} bytes", buffer.len());
    }
    seen
}

/// Replies are the same however the stream is cut.
pub(crate) fn reply(data: &[u8]) {
    let Some((&flags, data)) = data.split_first() else {
        return;
    };
    let (with_info, size) = (flags & 1 == 1, usize::from(flags >> 1) % 17 + 1);
    let whole = replies(data, with_info, 512);
    assert_eq!(whole, replies(data, with_info, 1));
    assert_eq!(whole, replies(data, with_info, size));
}

/// Lines are what a plain split at LF gives, however the stream is cut.
pub(crate) fn framing(data: &[u8]) {
    let Some((&size, data)) = data.split_first() else {
        return;
    };
    let mut buffer = LineBuffer::new();
    let mut found = Vec::new();
    for mut piece in data.chunks(usize::from(size).max(1)) {
        while !piece.is_empty() {
            let (taken, framed) = buffer.push(piece);
            assert!(taken > 0);
            piece = &piece[taken..];
            assert!(buffer.raw().len() <= 258);
            if framed != Framed::Partial {
                found.push((framed, buffer.line().to_vec()));
                buffer.clear();
            }
        }
    }
    let lines = data.split_inclusive(|byte| *byte == b'\n');
    let lines: Vec<&[u8]> = lines.filter(|line| line.ends_with(b"\n")).collect();
    assert_eq!(lines.len(), found.len());
    for (raw, (framed, line)) in lines.iter().zip(&found) {
        let mut wanted = &raw[..raw.len() - 1];
        while let Some(shorter) = wanted.strip_suffix(b"\r") {
            wanted = shorter;
        }
        // A host may end its lines with LF CR.
        while let Some(shorter) = wanted.strip_prefix(b"\r") {
            wanted = shorter;
        }
        match framed {
            Framed::Empty => assert!(wanted.is_empty()),
            Framed::Line => assert_eq!(wanted, line),
            Framed::TooLong { len } => assert!(*len == raw.len() && raw.len() > 256),
            Framed::Partial => panic!("a line has an end"),
        }
        assert!(wanted.len() <= 256 || matches!(framed, Framed::TooLong { .. }));
    }
}

/// A match lies in the text, and is found again in what it matched. The C library is compared in at-modem.
pub(crate) fn filter(data: &[u8]) {
    let [bits, len, rest @ ..] = data else { return };
    let (pattern, text) = rest.split_at(usize::from(*len).min(64).min(rest.len()));
    let flags = Flags {
        extended: bits & 1 != 0,
        ignore_case: bits & 2 != 0,
        newline: bits & 4 != 0,
    };
    let Ok(expression) = Expression::new(pattern, flags) else {
        return;
    };
    let Some((start, end)) = expression.find(text) else {
        return;
    };
    assert!(start <= end && end <= text.len());
    // Anchors can match at an end that is none in the whole text, but nothing begins later for it.
    let (again, _) = expression.find(&text[start..end]).unwrap_or((0, 0));
    assert_eq!(again, 0);
}
