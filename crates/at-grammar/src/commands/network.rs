//! The network itself: names, and who answers (ESP-AT command set, B.4).

use core::net::IpAddr;

use crate::args::{Args, FieldWriter};
use crate::commands::tcpip::Resolve;
use crate::error::{ArgError, FieldError};
use crate::fields::{Fields, InfoLine};
use crate::set::SetForm;
use crate::sink::Full;
use crate::types::HostName;

crate::commands! {
    /// Names, DNS, ping.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum NetworkCommand<'a>;
    "AT+CIPV6" { query Cipv6Query; set Cipv6Set(bool); }
    suffixed "AT+CIPDNS" { query CipdnsQuery; set CipdnsSet(DnsServers); }
    "AT+CIPDOMAIN" { set CipdomainSet(Resolve<'a>); }
    "AT+PING" { set PingSet(HostName<'a>); }
}

/// How many servers for names there are.
pub const DNS_SERVERS: usize = 3;

/// `AT+CIPDNS=` and `+CIPDNS:<enable>[,"<d1>"][,"<d2>"][,"<d3>"]`. No server stands twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DnsServers {
    /// Whether the list was made by hand; otherwise DHCP makes it.
    pub manual: bool,
    /// In the order they are asked. Defaults stand for what is omitted.
    pub servers: [Option<IpAddr>; DNS_SERVERS],
}

impl SetForm<'_> for DnsServers {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(1, 4)?;
        let manual = args.required()?;
        let mut servers = [None; DNS_SERVERS];
        for at in 0..DNS_SERVERS {
            let index = args.index();
            let server = args.optional()?;
            if server.is_some() && servers.contains(&server) {
                return Err(ArgError::Value {
                    index,
                    error: FieldError::Range,
                });
            }
            if let Some(place) = servers.get_mut(at) {
                *place = server;
            }
        }
        Ok(Self { manual, servers })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.manual)?;
        self.servers
            .iter()
            .try_for_each(|server| args.optional(server.as_ref()))
    }
}

impl<'a> InfoLine<'a> for DnsServers {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        self.write_args(out)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            manual: fields.next()?,
            servers: [fields.last()?, fields.last()?, fields.last()?],
        })
    }
}

/// `+PING:<ms>`, or `+PING:TIMEOUT` before `ERROR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PingLine {
    /// The answer took so many milliseconds.
    Answered(u32),
    /// No answer came, or the name leads nowhere.
    Timeout,
}

impl<'a> InfoLine<'a> for PingLine {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Answered(milliseconds) => out.show(milliseconds),
            Self::Timeout => out.show("TIMEOUT"),
        }
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        let mut words = fields.clone();
        if words.word()? == b"TIMEOUT" {
            *fields = words;
            return Some(Self::Timeout);
        }
        fields.number().map(Self::Answered)
    }
}
