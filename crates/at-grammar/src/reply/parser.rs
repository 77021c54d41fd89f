//! Replies read from a stream that may be cut anywhere.
//!
//! Everything is a line but two things: the prompt, which nothing ends; and what follows
//! the heads of data (`+IPD,…:`, `+SYSFLASH:<n>,`, `+CIPRECVDATA:<n>,` or `+CIPRECVDATA,<n>:`, `+USERRAM:<n>,` and
//! `+SYSMFG:…,<n>,`), which is counted and may hold any byte.
//! Raw data are handed out as they come, so the caller's buffer need only hold a line.

use crate::commands::basic::VersionLine;
use crate::commands::mfg::MfgHead;
use crate::commands::network::DnsServers;
use crate::commands::tcpip::DataInfo;
use crate::error::ErrorWord;
use crate::fields::Fields;
use crate::legacy::Suffix;
use crate::reply::{Ipd, LinkConn, RecvData, Reply};
use crate::table::Info;
use crate::types::{LinkId, Mac, StatusCode};

/// A line longer than this is handed out in pieces, as [`Event::Line`]. A buffer of this size never
/// gets stuck.
pub const MAX_REPLY_LINE: usize = 1024;

/// One thing the modem said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "borrowed, one at a time, and there is no heap for a box"
)]
pub enum Event<'b> {
    /// A message of this crate. [`Reply::raw_len`] bytes follow as [`Event::Data`].
    Reply(Reply<'b>),
    /// The next raw bytes, at least one.
    Data(&'b [u8]),
    /// A line that begins with `AT`: our own, come back.
    Echo(&'b [u8]),
    /// A line of no known kind, without its end: one of a command of your own, say. See
    /// [`InfoSet::read_line`](crate::InfoSet::read_line).
    Line(&'b [u8]),
}

/// What [`ReplyParser::next`] made of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, on its way from the parser to its caller; a box would need an allocator"
)]
pub enum Progress<'b> {
    /// Something is complete.
    Event {
        /// What.
        event: Event<'b>,
        /// Bytes of the input that are done with.
        consumed: usize,
    },
    /// Nothing is complete yet: bring the input again with more at its end.
    NeedMore {
        /// Bytes of the input that are done with: empty lines.
        consumed: usize,
    },
}

/// Reads a modem's replies; keeps nothing but the count of raw bytes still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplyParser {
    raw: u32,
    data_info: DataInfo,
    /// A prompt came last: firmware 1.x writes a blank behind it.
    prompted: bool,
}

impl ReplyParser {
    /// For a modem with `AT+CIPDINFO=0`, the default.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            raw: 0,
            data_info: DataInfo::Off,
            prompted: false,
        }
    }

    /// Sets what the modem has for `AT+CIPDINFO`: the two forms of `+CIPRECVDATA` look alike.
    pub const fn set_data_info(&mut self, data_info: DataInfo) {
        self.data_info = data_info;
    }

    /// Raw bytes still to come.
    #[must_use]
    pub const fn raw_left(&self) -> u32 {
        self.raw
    }

    /// Takes the next thing off the start of `input`.
    ///
    /// `input` is everything received and not yet consumed. Empty lines are passed over.
    pub fn next<'b>(&mut self, input: &'b [u8]) -> Progress<'b> {
        if self.raw > 0 {
            return self.data(input);
        }
        let after_prompt = usize::from(self.prompted && input.first() == Some(&b' '));
        let breaks = input.iter().skip(after_prompt);
        let blank = breaks
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count()
            .saturating_add(after_prompt);
        self.prompted &= input.is_empty();
        let rest = input.get(blank..).unwrap_or_default();
        if rest.first() == Some(&b'>') {
            self.prompted = true;
            return Progress::Event {
                event: Event::Reply(Reply::Prompt),
                consumed: blank.saturating_add(1),
            };
        }
        if let Some((reply, len)) = self.raw_head(rest) {
            self.raw = reply.raw_len();
            return Progress::Event {
                event: Event::Reply(reply),
                consumed: blank.saturating_add(len),
            };
        }
        let window = rest.get(..MAX_REPLY_LINE).unwrap_or(rest);
        let (line, len) = match window.iter().position(|&byte| byte == b'\n') {
            Some(end) => (window.get(..end).unwrap_or_default(), end.saturating_add(1)),
            None if window.len() == MAX_REPLY_LINE => {
                return Progress::Event {
                    event: Event::Line(window),
                    consumed: blank.saturating_add(MAX_REPLY_LINE),
                };
            }
            None => return Progress::NeedMore { consumed: blank },
        };
        let mut line = line;
        while let Some(shorter) = line.strip_suffix(b"\r") {
            line = shorter;
        }
        Progress::Event {
            event: classify(line),
            consumed: blank.saturating_add(len),
        }
    }

    fn data<'b>(&mut self, input: &'b [u8]) -> Progress<'b> {
        let wanted = usize::try_from(self.raw).unwrap_or(usize::MAX);
        let data = input.get(..wanted).unwrap_or(input);
        if data.is_empty() {
            return Progress::NeedMore { consumed: 0 };
        }
        self.raw = self
            .raw
            .saturating_sub(u32::try_from(data.len()).unwrap_or(u32::MAX));
        Progress::Event {
            event: Event::Data(data),
            consumed: data.len(),
        }
    }

    /// A message that raw data follow, and its length.
    fn raw_head<'b>(&self, input: &'b [u8]) -> Option<(Reply<'b>, usize)> {
        const IPD: &[u8] = b"+IPD,";
        const FLASH: &[u8] = b"+SYSFLASH:";
        const RECEIVED: &[u8] = b"+CIPRECVDATA:";
        const RECEIVED_LEGACY: &[u8] = b"+CIPRECVDATA,";
        const RAM: &[u8] = b"+USERRAM:";
        const MFG: &[u8] = b"+SYSMFG:";

        if let Some(rest) = input.strip_prefix(IPD) {
            let end = end_of_head(rest, b':', 1)?;
            let ipd = Ipd::read(rest.get(..end)?)?;
            Some((Reply::Ipd(ipd), IPD.len().checked_add(end)?.checked_add(1)?))
        } else if let Some(rest) = input.strip_prefix(FLASH) {
            let end = end_of_head(rest, b',', 1)?;
            let mut fields = Fields::new(rest.get(..end)?);
            let len = fields.number()?;
            Some((
                Reply::FlashData { len },
                FLASH.len().checked_add(end)?.checked_add(1)?,
            ))
        } else if let Some(rest) = input.strip_prefix(RECEIVED) {
            let end = end_of_head(rest, b',', if self.data_info.is_on() { 3 } else { 1 })?;
            let data = RecvData::read(rest.get(..end)?)?;
            Some((
                Reply::RecvData(data),
                RECEIVED.len().checked_add(end)?.checked_add(1)?,
            ))
        } else if let Some(rest) = input.strip_prefix(RECEIVED_LEGACY) {
            let end = end_of_head(rest, b':', 1)?;
            let data = RecvData::read_legacy(rest.get(..end)?)?;
            let len = RECEIVED_LEGACY.len().checked_add(end)?.checked_add(1)?;
            Some((Reply::RecvData(data), len))
        } else if let Some(rest) = input.strip_prefix(RAM) {
            let end = end_of_head(rest, b',', 1)?;
            let len = decimal(rest.get(..end)?)?;
            Some((
                Reply::RamData { len },
                RAM.len().checked_add(end)?.checked_add(1)?,
            ))
        } else if let Some(rest) = input.strip_prefix(MFG) {
            let end = end_of_head(rest, b',', 4)?;
            let head = MfgHead::read(rest.get(..end)?)?;
            Some((
                Reply::MfgValue(head),
                MFG.len().checked_add(end)?.checked_add(1)?,
            ))
        } else {
            None
        }
    }
}

/// Where the `nth` separator outside quotes stands, if that is before the line's end.
fn end_of_head(input: &[u8], separator: u8, nth: usize) -> Option<usize> {
    let mut quoted = false;
    let mut seen = 0_usize;
    for (at, &byte) in input.iter().enumerate().take(MAX_REPLY_LINE) {
        match byte {
            b'\r' | b'\n' => return None,
            b'"' => quoted = !quoted,
            _ if byte == separator && !quoted => {
                seen = seen.saturating_add(1);
                if seen == nth {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn classify(line: &[u8]) -> Event<'_> {
    if let Some(fixed) = fixed(line) {
        return Event::Reply(fixed);
    }
    if let Some(reply) = variable(line) {
        return Event::Reply(reply);
    }
    if line
        .get(..2)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"AT"))
    {
        Event::Echo(line)
    } else {
        Event::Line(line)
    }
}

fn fixed(line: &[u8]) -> Option<Reply<'static>> {
    Reply::FIXED.into_iter().find(|reply| {
        reply
            .fixed()
            .is_some_and(|text| text.as_bytes().trim_ascii() == line)
    })
}

fn decimal<T: TryFrom<i64>>(digits: &[u8]) -> Option<T> {
    let mut fields = Fields::new(digits);
    let number = fields.number()?;
    fields.is_empty().then_some(number)
}

/// A text with or without its quotes, and perhaps a blank before it: as firmware differs.
fn unquoted(text: &[u8]) -> Option<&str> {
    let text = text.trim_ascii_start();
    let inner = text
        .strip_prefix(b"\"")
        .map_or(Some(text), |rest| rest.strip_suffix(b"\""))?;
    core::str::from_utf8(inner).ok()
}

fn station(text: &[u8]) -> Option<Mac> {
    unquoted(text)?.parse().ok()
}

/// Lines that only firmware 1.x has: names with a suffix, addresses without quotes.
fn legacy<'b>(tag: &[u8], fields: &'b [u8]) -> Option<Reply<'b>> {
    let address = || core::str::from_utf8(fields).ok()?.parse().ok();
    if tag == b"+CIPDOMAIN" {
        return address().map(|address| Reply::Info(Info::Cipdomain(address)));
    }
    let (tag, suffix) = Suffix::split(tag)?;
    if let Some(server) = address().filter(|_| tag == b"+CIPDNS") {
        let dns = DnsServers {
            manual: true,
            servers: [Some(server), None, None],
        };
        return Some(Reply::LegacyInfo(suffix, Info::Cipdns(dns)));
    }
    let info = Info::read(tag, fields).filter(Info::is_suffixed)?;
    Some(Reply::LegacyInfo(suffix, info))
}

fn variable(line: &[u8]) -> Option<Reply<'_>> {
    let after = |tag: &[u8]| line.strip_prefix(tag);
    if let Some(word) = after(b"ERR CODE:") {
        return ErrorWord::from_raw(decimal(word)?).map(Reply::ErrCode);
    }
    if let Some(number) = after(b"+ERRNO:") {
        return decimal(number).map(Reply::Errno);
    }
    if line.first().is_some_and(u8::is_ascii_digit) && line.iter().all(u8::is_ascii_digit) {
        return decimal(line).map(Reply::SleepFor);
    }
    if let Some(rest) = after(b"Have ") {
        return decimal(rest.strip_suffix(b" Connections")?).map(Reply::HaveConnections);
    }
    if let Some(mac) = after(b"+STA_CONNECTED:") {
        return station(mac).map(Reply::StationJoined);
    }
    if let Some(mac) = after(b"+STA_DISCONNECTED:") {
        return station(mac).map(Reply::StationLeft);
    }
    if let Some(lease) = after(b"+DIST_STA_IP:") {
        let comma = lease.iter().position(|&byte| byte == b',')?;
        let (mac, ip) = lease.split_at_checked(comma)?;
        let ip = unquoted(ip.strip_prefix(b",")?)?.parse().ok()?;
        return Some(Reply::StationGotIp(station(mac)?, ip));
    }
    if let Some(rest) = after(b"Recv ") {
        return decimal(rest.strip_suffix(b" bytes")?).map(Reply::Recv);
    }
    if let Some(status) = after(b"STATUS:") {
        return StatusCode::from_code(decimal(status)?).map(Reply::Status);
    }
    if let Some(conn) = after(b"+LINK_CONN:") {
        return LinkConn::read(conn).map(Reply::LinkConn);
    }
    if let Some(waiting) = after(b"+IPD,") {
        let Ipd { link, len, remote } = Ipd::read(waiting)?;
        return remote.is_none().then_some(Reply::IpdWaiting { link, len });
    }
    if let Some((id, rest)) = line.split_first()
        && let Some(event) = rest.strip_prefix(b",")
        && let Some(link) = id.checked_sub(b'0').and_then(LinkId::new)
    {
        return match event {
            b"CONNECT" => Some(Reply::Connect(Some(link))),
            b"CLOSED" => Some(Reply::Closed(Some(link))),
            _ => None,
        };
    }
    if line.first() == Some(&b'+') {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (tag, fields) = line.split_at_checked(colon)?;
        let fields = fields.strip_prefix(b":")?;
        if let Some(info) = Info::read(tag, fields) {
            return Some(Reply::Info(info));
        }
        return legacy(tag, fields);
    }
    VersionLine::read(line).map(Reply::Version)
}
