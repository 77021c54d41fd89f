//! What the modem prints, cut into messages.

/// The length of the first message, if it is there as a whole.
pub(crate) fn message(bytes: &[u8]) -> Option<usize> {
    let line_end = |from: usize| {
        let rest = bytes.get(from..)?;
        let at = rest.windows(2).position(|pair| pair == b"\r\n")?;
        at.checked_add(from)
    };
    if let Some((head, count)) = head(bytes, b"\r\n+IPD,") {
        let whole = head.checked_add(count)?;
        return (bytes.len() >= whole).then_some(whole);
    }
    if let Some(rest) = bytes.strip_prefix(b"\r\n") {
        return match rest.first()? {
            b'>' => Some(3),
            b'\r' => Some(2),
            _ => line_end(2)?.checked_add(2),
        };
    }
    for start in [
        b"+CIPRECVDATA:".as_slice(),
        b"+SYSFLASH:",
        b"+SYSMFG:",
        b"+USERRAM:",
    ] {
        if let Some((head, count)) = head(bytes, start) {
            let whole = head.checked_add(count)?;
            return (bytes.len() >= whole).then_some(whole);
        }
    }
    let end = line_end(0)?;
    if bytes.starts_with(b"+CIPSNTPTIME:") {
        return Some(end);
    }
    end.checked_add(2)
}

/// Splits a message that states the length of its data into head and data, if all of it is there.
pub(super) fn data<'b>(bytes: &'b [u8], start: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let (head, count) = head(bytes, start)?;
    let whole = head.checked_add(count)?;
    Some((bytes.get(..head)?, bytes.get(head..whole)?))
}

/// The length of the head of a message that states the length of its data, and that length.
pub(super) fn head(bytes: &[u8], start: &[u8]) -> Option<(usize, usize)> {
    let rest = bytes.strip_prefix(start)?;
    let ipd = start.ends_with(b"+IPD,");
    let mut quoted = false;
    let mut fields = vec![start.len()];
    let mut end = None;
    for (at, &byte) in rest.iter().enumerate() {
        let after = start.len().checked_add(at)?.checked_add(1)?;
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' => break,
            b':' if ipd && !quoted => {
                fields.push(after);
                end = Some(after);
                break;
            }
            b',' if !quoted => {
                fields.push(after);
                // What follows the last of them is data, which may look like anything.
                let enough = match start {
                    b"+SYSMFG:" => 5,
                    b"+CIPRECVDATA:" if bytes.get(after) == Some(&b'"') => usize::MAX,
                    b"+CIPRECVDATA:" if fields.len() > 2 => 4,
                    _ => 2,
                };
                if !ipd && fields.len() >= enough {
                    end = Some(after);
                    break;
                }
            }
            _ => {}
        }
    }
    let end = end?;
    let length = match (ipd, fields.len()) {
        // Field ends are one more than fields: link, length, address, port.
        (true, 3 | 5) => (*fields.get(1)?, *fields.get(2)?),
        (true, _) => (*fields.first()?, *fields.get(1)?),
        (false, 5) => (*fields.get(3)?, *fields.get(4)?),
        (false, _) => (*fields.first()?, *fields.get(1)?),
    };
    let digits = bytes.get(length.0..length.1.checked_sub(1)?)?;
    let count: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((end, count))
}

/// Whether a message ends a data phase, however much of it came.
pub(super) fn ends_data(message: &[u8]) -> bool {
    [
        b"\r\nRecv ".as_slice(),
        b"\r\nSEND ",
        b"\r\nOK",
        b"\r\nERROR",
    ]
    .iter()
    .any(|head| message.starts_with(head))
}

/// Whether a message says how a command ended.
pub(crate) fn is_final(message: &[u8]) -> bool {
    [b"\r\nOK\r\n".as_slice(), b"\r\nERROR\r\n"].contains(&message) || is_busy(message)
}

/// Whether a message says that a command was not taken.
pub(super) fn is_refusal(message: &[u8]) -> bool {
    message == b"\r\nERROR\r\n" || is_busy(message)
}

fn is_busy(message: &[u8]) -> bool {
    message.starts_with(b"\r\nbusy ") || message.starts_with(b"busy ")
}
