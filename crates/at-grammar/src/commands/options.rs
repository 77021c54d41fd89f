//! What holds for links however they were opened (ESP-AT command set, B.4).

use crate::args::{Args, Field, FieldWriter, Given};
use crate::commands::tcpip::KeepAlive;
use crate::error::{ArgError, FieldError};
use crate::fields::{Fields, InfoLine};
use crate::set::SetForm;
use crate::sink::{Full, Sink};
use crate::types::{Bounded, LinkId, LinkTarget};

crate::commands! {
    /// Options of links.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum OptionsCommand;
    "AT+CIPTCPOPT" { query CiptcpoptQuery; set CiptcpoptSet(SetTcpOptions); }
    "AT+CIPCONNPERSIST" { query CipconnpersistQuery; set CipconnpersistSet(SetPersistence); }
}

/// Milliseconds that handing data over may take; 0 for no limit.
pub type SendTimeout = Bounded<0, 0x7fff_ffff>;

/// How long closing a link waits for what is still to be sent: `SO_LINGER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Linger {
    /// −1: not at all, it is sent in the background.
    Off,
    /// Seconds; 0 gives up what was not sent.
    Seconds(Bounded<0, 0x7fff_ffff>),
}

impl<'a> Field<'a> for Linger {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        match given {
            Given::Int(-1) => Ok(Self::Off),
            given => Bounded::read(given).map(Self::Seconds),
        }
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        match self {
            Self::Off => out.put(b"-1"),
            Self::Seconds(seconds) => seconds.write(out),
        }
    }
}

/// `AT+CIPTCPOPT=[<id>,][<so_linger>],[<tcp_nodelay>],[<so_sndtimeo>][,<keep_alive>]`.
///
/// What is omitted stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetTcpOptions {
    /// Which links; `None` with a single one.
    pub link: Option<LinkTarget>,
    /// Closing.
    pub linger: Option<Linger>,
    /// Whether small pieces are sent at once.
    pub no_delay: Option<bool>,
    /// Sending.
    pub send_timeout: Option<SendTimeout>,
    /// Idle seconds before the link is probed.
    pub keep_alive: Option<KeepAlive>,
}

impl SetForm<'_> for SetTcpOptions {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        let link = args.link_target()?;
        args.takes(0, 4)?;
        Ok(Self {
            link,
            linger: args.optional()?,
            no_delay: args.optional()?,
            send_timeout: args.optional()?,
            keep_alive: args.optional()?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.link(self.link.as_ref())?;
        args.optional(self.linger.as_ref())?;
        args.optional(self.no_delay.as_ref())?;
        args.optional(self.send_timeout.as_ref())?;
        args.optional(self.keep_alive.as_ref())
    }
}

/// `+CIPTCPOPT:<id>,<so_linger>,<tcp_nodelay>,<so_sndtimeo>,<keep_alive>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TcpOptionsLine {
    /// Which link.
    pub link: LinkId,
    /// Closing. Off by default.
    pub linger: Linger,
    /// Whether small pieces are sent at once. Off by default.
    pub no_delay: bool,
    /// Sending. 0 by default.
    pub send_timeout: SendTimeout,
    /// Idle seconds before the link is probed. 0 by default.
    pub keep_alive: KeepAlive,
}

impl<'a> InfoLine<'a> for TcpOptionsLine {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.link)?;
        out.value(&self.linger)?;
        out.value(&self.no_delay)?;
        out.value(&self.send_timeout)?;
        out.value(&self.keep_alive)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            link: fields.next()?,
            linger: fields.next()?,
            no_delay: fields.next()?,
            send_timeout: fields.next()?,
            keep_alive: fields.next()?,
        })
    }
}

/// `AT+CIPCONNPERSIST=[<id>,]<keep>`: whether links outlive their interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetPersistence {
    /// Which links; `None` with a single one.
    pub link: Option<LinkTarget>,
    /// Whether they stay.
    pub keep: bool,
}

impl SetForm<'_> for SetPersistence {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        let link = args.link_target()?;
        args.takes(1, 1)?;
        Ok(Self {
            link,
            keep: args.required()?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.link(self.link.as_ref())?;
        args.value(&self.keep)
    }
}

/// `+CIPCONNPERSIST:<keep>`, or five of them with several links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PersistenceLine {
    /// The only link.
    Single(bool),
    /// In the order of the link numbers.
    Multiple([bool; LinkId::COUNT]),
}

impl<'a> InfoLine<'a> for PersistenceLine {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Single(keep) => out.value(keep),
            Self::Multiple(all) => all.iter().try_for_each(|keep| out.value(keep)),
        }
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        let first = fields.next()?;
        if fields.is_empty() {
            return Some(Self::Single(first));
        }
        let mut all = [first; LinkId::COUNT];
        for keep in all.iter_mut().skip(1) {
            *keep = fields.next()?;
        }
        Some(Self::Multiple(all))
    }
}
