//! What a modem says, byte for byte.
//!
//! Where CRs and LFs stand is part of each message, not of the place that prints it:
//!
//! ```text
//! result          \r\nOK\r\n                       prompt     \r\n>
//! information     +NAME:…\r\n                      event      WIFI GOT IP\r\n
//! data, active    \r\n+IPD,4:test                  error code ERR CODE:0x010b0000\r\n
//! ```
//!
//! Follows the ESP-AT command set, A.9, A.12, A.13 and A.18 to A.20.

mod dialect;
mod link;
mod parser;

use core::net::Ipv4Addr;

use crate::args::Field as _;
use crate::commands::basic::VersionLine;
use crate::commands::mfg::MfgHead;
use crate::error::ErrorWord;
use crate::legacy::Suffix;
use crate::sink::{Full, Measure, Sink, print};
use crate::table::Info;
use crate::types::{LinkId, Mac, StatusCode};

pub use crate::fields::{Fields, InfoLine};
pub use link::{Ipd, LinkConn, RecvData, Remote};
pub use parser::{Event, MAX_REPLY_LINE, Progress, ReplyParser};

/// Size of the longest `+IPD` header, in bytes.
pub const MAX_IPD_HEADER: usize = "\r\n+IPD,4,4294967295,\"\",65535:".len() + 45;

/// Size of the longest `+LINK_CONN` line, in bytes.
pub const MAX_LINK_CONN: usize = "+LINK_CONN:0,4,\"TCPv6\",0,\"\",65535,65535\r\n".len() + 45;

/// Size of the longest message without a variable part, in bytes.
pub const MAX_FIXED: usize = "Will force to restart!!!\r\n".len();

/// A change of the station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WifiEvent {
    /// `WIFI CONNECTED`: associated.
    Connected,
    /// `WIFI GOT IP`: has an IPv4 address.
    GotIp,
    /// `WIFI GOT IPv6 LL`: has a link-local address.
    GotIp6Local,
    /// `WIFI GOT IPv6 GL`: has a global address.
    GotIp6Global,
    /// `WIFI DISCONNECT`: lost the access point.
    Disconnect,
}

/// What a TLS session needs from the certificate partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PkiItem {
    /// A CA.
    Ca,
    /// The own certificate.
    Certificate,
    /// Its key.
    PrivateKey,
}

/// The number of a link, and what happened to it.
fn of_link(link: LinkId, what: &[u8], out: &mut dyn Sink) -> Result<(), Full> {
    link.write(out)?;
    out.put(what)
}

/// One message of the modem, or the head of one that raw data follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Reply<'a> {
    /// `OK`.
    Ok,
    /// `ERROR`.
    Error,
    /// `OK` and the prompt, with nothing in between. Read back as [`Self::Ok`] and [`Self::Prompt`].
    OkPrompt,
    /// The prompt alone, as `AT+SYSFLASH=1` prints it.
    Prompt,
    /// `SEND OK`.
    SendOk,
    /// `SEND FAIL`.
    SendFail,
    /// `SEND Canceled`: `+++` during `AT+CIPSEND=<n>`.
    SendCanceled,
    /// `SEND CANCELLED`: `+++` during `AT+CIPSENDL`.
    SendlCancelled,
    /// `ERR CODE:0x…`, before `ERROR` or `busy p...`.
    ErrCode(ErrorWord),
    /// `+ERRNO:<n>`, before the error code.
    Errno(i32),
    /// `busy p...`.
    Busy,
    /// `ready`.
    Ready,
    /// `Recv <n> bytes`.
    Recv(u32),
    /// `WIFI …`.
    Wifi(WifiEvent),
    /// `[<id>,]CONNECT`.
    Connect(Option<LinkId>),
    /// `[<id>,]CLOSED`.
    Closed(Option<LinkId>),
    /// `+LINK_CONN:…`.
    LinkConn(LinkConn),
    /// Head of received data; the data follow.
    Ipd(Ipd),
    /// `+IPD,[<id>,]<len>`: data wait to be fetched.
    IpdWaiting {
        /// Which link; `None` with a single one.
        link: Option<LinkId>,
        /// Bytes that wait.
        len: u32,
    },
    /// Head of fetched data; the data follow, then the result.
    RecvData(RecvData),
    /// `+SYSFLASH:<len>,`: head of flash content; the bytes follow, then the result.
    FlashData {
        /// Bytes that follow.
        len: u32,
    },
    /// `+USERRAM:<len>,`: head of the host's memory; the bytes follow, then the next head or the
    /// result.
    RamData {
        /// Bytes that follow.
        len: u32,
    },
    /// `+SYSMFG:"<namespace>","<key>",<type>,<len>,`: head of a value; it follows, and after it
    /// a CRLF, which belongs to no message.
    MfgValue(MfgHead<'a>),
    /// `WRITE OK`: what follows the data of `AT+USERRAM=2`.
    WriteOk,
    /// `<ms>`: how long `AT+GSLP` sleeps.
    SleepFor(u32),
    /// `Will force to restart!!!`.
    WillRestart,
    /// `Have <n> Connections`: a client was refused.
    HaveConnections(u8),
    /// `+STA_CONNECTED:"<mac>"`: a station joined our access point.
    StationJoined(Mac),
    /// `+DIST_STA_IP:"<mac>","<ip>"`: it was given an address.
    StationGotIp(Mac, Ipv4Addr),
    /// `+STA_DISCONNECTED:"<mac>"`: it left.
    StationLeft(Mac),
    /// `+TIME_UPDATED`.
    TimeUpdated,
    /// `NO CA FOUND` and its like, before `ERROR`.
    NotFound(PkiItem),
    /// `ALREADY CONNECTED`, before `ERROR`.
    AlreadyConnected,
    /// `UNLINK`, before `ERROR`: firmware 1.x closes a link that is not open.
    Unlink,
    /// `No AP`: answer of `AT+CWJAP?` without network.
    NoAp,
    /// `STATUS:<n>`: first line of `AT+CIPSTATUS`.
    Status(StatusCode),
    /// A line of `AT+GMR`.
    Version(VersionLine<'a>),
    /// `+QUITT`: passthrough was left.
    Quit,
    /// `+NAME:…`.
    Info(Info<'a>),
    /// `+NAME_CUR:…` or `+NAME_DEF:…`, as firmware 1.x answers; without suffix where it has none.
    LegacyInfo(Suffix, Info<'a>),
}

impl<'a> From<Info<'a>> for Reply<'a> {
    fn from(info: Info<'a>) -> Self {
        Self::Info(info)
    }
}

impl Reply<'static> {
    /// Every message without a variable part that is read back as it was written.
    pub(crate) const FIXED: [Self; 25] = [
        Self::Ok,
        Self::Error,
        Self::SendOk,
        Self::SendFail,
        Self::SendCanceled,
        Self::SendlCancelled,
        Self::Busy,
        Self::Ready,
        Self::Wifi(WifiEvent::Connected),
        Self::Wifi(WifiEvent::GotIp),
        Self::Wifi(WifiEvent::GotIp6Local),
        Self::Wifi(WifiEvent::GotIp6Global),
        Self::Wifi(WifiEvent::Disconnect),
        Self::Connect(None),
        Self::Closed(None),
        Self::WriteOk,
        Self::WillRestart,
        Self::TimeUpdated,
        Self::NotFound(PkiItem::Ca),
        Self::NotFound(PkiItem::Certificate),
        Self::NotFound(PkiItem::PrivateKey),
        Self::AlreadyConnected,
        Self::Unlink,
        Self::NoAp,
        Self::Quit,
    ];
}

impl Reply<'_> {
    /// The bytes of a message without a variable part.
    #[must_use]
    pub const fn fixed(&self) -> Option<&'static str> {
        Some(match self {
            Self::Ok => "\r\nOK\r\n",
            Self::Error => "\r\nERROR\r\n",
            Self::OkPrompt => "\r\nOK\r\n\r\n>",
            Self::Prompt => "\r\n>",
            Self::SendOk => "\r\nSEND OK\r\n",
            Self::SendFail => "\r\nSEND FAIL\r\n",
            Self::SendCanceled => "\r\nSEND Canceled\r\n",
            Self::SendlCancelled => "\r\nSEND CANCELLED\r\n",
            Self::Busy => "\r\nbusy p...\r\n",
            Self::Ready => "\r\nready\r\n",
            Self::Wifi(WifiEvent::Connected) => "WIFI CONNECTED\r\n",
            Self::Wifi(WifiEvent::GotIp) => "WIFI GOT IP\r\n",
            Self::Wifi(WifiEvent::GotIp6Local) => "WIFI GOT IPv6 LL\r\n",
            Self::Wifi(WifiEvent::GotIp6Global) => "WIFI GOT IPv6 GL\r\n",
            Self::Wifi(WifiEvent::Disconnect) => "WIFI DISCONNECT\r\n",
            Self::Connect(None) => "CONNECT\r\n",
            Self::Closed(None) => "CLOSED\r\n",
            Self::WriteOk => "\r\nWRITE OK\r\n",
            Self::WillRestart => "Will force to restart!!!\r\n",
            Self::TimeUpdated => "+TIME_UPDATED\r\n",
            Self::NotFound(PkiItem::Ca) => "NO CA FOUND\r\n",
            Self::NotFound(PkiItem::Certificate) => "NO CERT FOUND\r\n",
            Self::NotFound(PkiItem::PrivateKey) => "NO PRVT_KEY FOUND\r\n",
            Self::AlreadyConnected => "ALREADY CONNECTED\r\n",
            Self::Unlink => "UNLINK\r\n",
            Self::NoAp => "No AP\r\n",
            Self::Quit => "\r\n+QUITT\r\n",
            _ => return None,
        })
    }

    /// How many bytes [`write_to`](Self::write_to) would write.
    #[must_use]
    pub fn size(&self) -> usize {
        Measure::of(|out| self.write_to(out))
    }

    /// How many bytes of raw data follow the message.
    #[must_use]
    pub const fn raw_len(&self) -> u32 {
        match self {
            Self::Ipd(ipd) => ipd.len,
            Self::RecvData(data) => data.len,
            Self::FlashData { len } | Self::RamData { len } => *len,
            Self::MfgValue(head) => head.len,
            _ => 0,
        }
    }

    /// Writes the message with every CR and LF that belongs to it.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    pub fn write_to(&self, out: &mut dyn Sink) -> Result<(), Full> {
        match self {
            Self::ErrCode(word) => print(out, format_args!("ERR CODE:{word}\r\n")),
            Self::Errno(number) => print(out, format_args!("+ERRNO:{number}\r\n")),
            Self::Recv(bytes) => print(out, format_args!("\r\nRecv {bytes} bytes\r\n")),
            Self::Connect(Some(link)) => of_link(*link, b",CONNECT\r\n", out),
            Self::Closed(Some(link)) => of_link(*link, b",CLOSED\r\n", out),
            Self::LinkConn(conn) => conn.write_to(out),
            Self::Ipd(ipd) => ipd.write_to(out),
            Self::IpdWaiting {
                link: Some(link),
                len,
            } => print(out, format_args!("\r\n+IPD,{link},{len}\r\n")),
            Self::IpdWaiting { link: None, len } => print(out, format_args!("\r\n+IPD,{len}\r\n")),
            Self::RecvData(data) => data.write_to(out),
            Self::FlashData { len } => print(out, format_args!("+SYSFLASH:{len},")),
            Self::RamData { len } => print(out, format_args!("+USERRAM:{len},")),
            Self::MfgValue(head) => head.write_to(out),
            Self::SleepFor(milliseconds) => print(out, format_args!("{milliseconds}\r\n")),
            Self::HaveConnections(count) => {
                print(out, format_args!("Have {count} Connections\r\n"))
            }
            Self::StationJoined(mac) => print(out, format_args!("+STA_CONNECTED:\"{mac}\"\r\n")),
            Self::StationGotIp(mac, ip) => {
                print(out, format_args!("+DIST_STA_IP:\"{mac}\",\"{ip}\"\r\n"))
            }
            Self::StationLeft(mac) => print(out, format_args!("+STA_DISCONNECTED:\"{mac}\"\r\n")),
            Self::Status(status) => print(out, format_args!("STATUS:{}\r\n", status.code())),
            Self::Version(line) => {
                let (tag, text) = line.parts();
                out.put(tag.as_bytes())?;
                text.write_raw(out)?;
                out.put(b"\r\n")
            }
            Self::Info(info) => info.write_to(out),
            Self::LegacyInfo(suffix, info) => info.write_as(*suffix, out),
            Self::Ok
            | Self::Error
            | Self::OkPrompt
            | Self::Prompt
            | Self::SendOk
            | Self::SendFail
            | Self::SendCanceled
            | Self::SendlCancelled
            | Self::Busy
            | Self::Ready
            | Self::Wifi(_)
            | Self::Connect(None)
            | Self::Closed(None)
            | Self::WriteOk
            | Self::WillRestart
            | Self::TimeUpdated
            | Self::NotFound(_)
            | Self::AlreadyConnected
            | Self::Unlink
            | Self::NoAp
            | Self::Quit => out.put(self.fixed().unwrap_or_default().as_bytes()),
        }
    }
}
