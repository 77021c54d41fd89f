//! Messages as firmware 1.x for the ESP8266 writes them.
//!
//! | message | 2.x and later | 1.x |
//! |---|---|---|
//! | prompt | `\r\nOK\r\n\r\n>` | `\r\nOK\r\n> ` |
//! | fetched data | `+CIPRECVDATA:4,"10.0.0.2",80,test` | `+CIPRECVDATA,4:test`, without address |
//! | data with their sender | `+IPD,0,4,"10.0.0.2",80:test` | `+IPD,0,4,10.0.0.2,80:test` |
//! | bytes that wait | `+CIPRECVLEN:4,-1,-1,-1,-1` | `+CIPRECVLEN:4,0,0,0,0` |
//! | address of a name | `+CIPDOMAIN:"10.0.0.2"` | `+CIPDOMAIN:10.0.0.2` |
//! | interfaces with DHCP | `+CWDHCP:1`: the station | `+CWDHCP:2`: the station |
//! | name servers | `+CIPDNS:1,"10.0.0.1","10.0.0.2"` | `+CIPDNS_CUR:10.0.0.1`, a line for each |
//!
//! [`ReplyParser`](super::ReplyParser) reads either, apart from `+CIPRECVLEN` and `+CWDHCP`: what their numbers mean
//! depends on the firmware.
//!
//! spec: at-commands A.9.4, A.19, B.4 (CIPDOMAIN, CIPRECVDATA, CIPRECVLEN), F.

use super::Reply;
use crate::commands::receive::ReceiveLengths;
use crate::legacy::Dialect;
use crate::sink::{Full, Measure, Sink, print};
use crate::table::Info;

impl Reply<'_> {
    /// How many bytes [`write_in`](Self::write_in) would write.
    #[must_use]
    pub fn size_in(&self, dialect: Dialect) -> usize {
        Measure::of(|out| self.write_in(dialect, out))
    }

    /// As [`write_to`](Self::write_to), in the form that hosts of this dialect read.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    pub fn write_in(&self, dialect: Dialect, out: &mut dyn Sink) -> Result<(), Full> {
        match dialect {
            Dialect::EspAt => self.write_to(out),
            Dialect::Legacy => self.write_legacy(out),
        }
    }

    fn write_legacy(&self, out: &mut dyn Sink) -> Result<(), Full> {
        match self {
            Self::OkPrompt => out.put(b"\r\nOK\r\n> "),
            Self::Prompt => out.put(b"\r\n> "),
            Self::RecvData(data) => print(out, format_args!("+CIPRECVDATA,{}:", data.len)),
            Self::Ipd(ipd) => ipd.write_legacy(out),
            Self::Info(Info::Cipdomain(address)) => {
                print(out, format_args!("+CIPDOMAIN:{address}\r\n"))
            }
            Self::Info(Info::Ciprecvlen(ReceiveLengths(lengths))) => {
                let lengths = lengths.map(|length| Some(length.unwrap_or_default()));
                Info::Ciprecvlen(ReceiveLengths(lengths)).write_to(out)
            }
            Self::Info(Info::Cwdhcp(interfaces)) => {
                Info::Cwdhcp(interfaces.swapped()).write_to(out)
            }
            Self::LegacyInfo(suffix, Info::Cwdhcp(interfaces)) => {
                Info::Cwdhcp(interfaces.swapped()).write_as(*suffix, out)
            }
            Self::LegacyInfo(suffix, Info::Cipdns(dns)) => {
                let mut servers = dns.servers.iter().flatten();
                let suffix = suffix.text();
                servers
                    .try_for_each(|server| print(out, format_args!("+CIPDNS{suffix}:{server}\r\n")))
            }
            _ => self.write_to(out),
        }
    }
}
