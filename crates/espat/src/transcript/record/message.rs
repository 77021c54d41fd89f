//! What the modem prints, cut into messages, in either dialect: firmware 1.x has a blank behind its `>`, no line end
//! before it, and fetched data behind a colon.

/// The prompt of 1.x behind an `OK`.
const LEGACY_PROMPT: &[u8] = b"> ";

/// What a message says of the command that runs: the one list of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It is done; of some commands the prompt follows.
    Ok,
    /// It failed.
    Error,
    /// It was not taken: another one runs.
    Busy,
    /// The data was sent.
    Sent,
    /// The data was not sent.
    NotSent,
    /// Data is wanted.
    Prompt,
    /// The modem has started.
    Ready,
}

impl Ending {
    /// `None` for a message that says nothing of it.
    pub(crate) fn of(message: &[u8]) -> Option<Self> {
        Some(match message {
            b"\r\nOK\r\n" => Self::Ok,
            b"\r\nERROR\r\n" => Self::Error,
            b"\r\nready\r\n" => Self::Ready,
            b"\r\nSEND OK\r\n" => Self::Sent,
            b"\r\n>" | b"\r\n> " | LEGACY_PROMPT => Self::Prompt,
            _ if message.starts_with(b"\r\nSEND ") => Self::NotSent,
            _ if message.starts_with(b"\r\nbusy ") || message.starts_with(b"busy ") => Self::Busy,
            _ => return None,
        })
    }

    /// Of the first whole message among these bytes that says something of it.
    pub(crate) fn first_in(bytes: &[u8]) -> Option<Self> {
        messages(bytes).find_map(Self::of)
    }

    /// Whether it says how a command ended.
    pub(crate) const fn is_final(self) -> bool {
        matches!(self, Self::Ok) || self.is_refusal()
    }

    /// Whether a command was not done.
    pub(crate) const fn is_refusal(self) -> bool {
        matches!(self, Self::Error | Self::Busy)
    }
}

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
            // A blank that comes later is a message of its own.
            b'>' if rest.get(1) == Some(&b' ') => Some(4),
            b'>' => Some(3),
            b'\r' => Some(2),
            _ => line_end(2)?.checked_add(2),
        };
    }
    if bytes.starts_with(LEGACY_PROMPT) {
        return Some(LEGACY_PROMPT.len());
    }
    if bytes.starts_with(b" \r\n") || bytes == b" " {
        return Some(1);
    }
    for start in [
        b"+CIPRECVDATA:".as_slice(),
        b"+CIPRECVDATA,",
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

/// The whole messages at the beginning of what a modem printed, one after another.
pub fn messages(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (whole, rest) = bytes.split_at_checked(message(bytes)?)?;
        bytes = rest;
        Some(whole)
    })
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
    let to_colon = start.ends_with(b",");
    let mut quoted = false;
    let mut fields = vec![start.len()];
    let mut end = None;
    for (at, &byte) in rest.iter().enumerate() {
        let after = start.len().checked_add(at)?.checked_add(1)?;
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' => break,
            b':' if to_colon && !quoted => {
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
                if !to_colon && fields.len() >= enough {
                    end = Some(after);
                    break;
                }
            }
            _ => {}
        }
    }
    let end = end?;
    let length = match (to_colon, fields.len()) {
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
