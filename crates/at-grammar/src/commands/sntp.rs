//! Time from the network (ESP-AT command set, B.4).

use crate::args::{Args, FieldWriter};
use crate::error::ArgError;
use crate::fields::{Fields, InfoLine};
use crate::set::SetForm;
use crate::sink::Full;
use crate::types::{Bounded, HostName, LocalTime, ZoneOffset};

crate::commands! {
    /// Time from the network.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum SntpCommand<'a>;
    "AT+CIPSNTPCFG" { query CipsntpcfgQuery; set CipsntpcfgSet(SntpConfig<'a>); }
    "AT+CIPSNTPTIME" { query CipsntptimeQuery; }
    "AT+CIPSNTPINTV" { query CipsntpintvQuery; set CipsntpintvSet(SntpInterval); }
}

/// How many servers can be named.
pub const SERVERS: usize = 3;

/// The servers that are asked where none are named.
pub const DEFAULT_SERVERS: [&str; SERVERS] =
    ["cn.ntp.org.cn", "ntp.sjtu.edu.cn", "us.pool.ntp.org"];

/// Seconds between two questions: `AT+CIPSNTPINTV`.
pub type SntpInterval = Bounded<15, 4_294_967>;

/// `AT+CIPSNTPCFG=<enable>[,<timezone>][,"<s1>"][,"<s2>"][,"<s3>"]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SntpConfig<'a> {
    /// Whether the clock is set from the network.
    pub enable: bool,
    /// Time zone of `AT+CIPSNTPTIME?`.
    pub zone: Option<ZoneOffset>,
    /// Servers in the order they are asked.
    pub servers: [Option<HostName<'a>>; SERVERS],
}

impl<'a> SetForm<'a> for SntpConfig<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        args.takes(1, 5)?;
        Ok(Self {
            enable: args.required()?,
            zone: args.optional()?,
            servers: [args.optional()?, args.optional()?, args.optional()?],
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.enable)?;
        args.optional(self.zone.as_ref())?;
        self.servers
            .iter()
            .try_for_each(|server| args.optional(server.as_ref()))
    }
}

/// `+CIPSNTPCFG:<enable>,<timezone>[,"<s1>"][,"<s2>"][,"<s3>"]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SntpLine<'a> {
    /// Whether the clock is set from the network.
    pub enable: bool,
    /// The zone in whole hours: [`ZoneOffset::whole_hours`].
    pub hours: Option<i16>,
    /// Servers in the order they are asked.
    pub servers: [Option<HostName<'a>>; SERVERS],
}

impl<'a> InfoLine<'a> for SntpLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.enable)?;
        match self.hours {
            Some(hours) => out.show(hours)?,
            None => out.omit(),
        }
        self.servers.iter().try_for_each(|server| match server {
            Some(server) => out.quoted(&server.text()),
            None => {
                out.omit();
                Ok(())
            }
        })
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            enable: fields.next()?,
            hours: fields.last::<i32>()?.map(i16::try_from).transpose().ok()?,
            servers: [fields.last()?, fields.last()?, fields.last()?],
        })
    }
}

/// `+CIPSNTPTIME:<asctime>`. `OK` follows without an empty line.
impl<'a> InfoLine<'a> for LocalTime {
    const CLOSED: bool = false;

    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.show(self)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Self::from_asctime(core::str::from_utf8(fields.take_all()).ok()?)
    }
}
