//! Our own access point (ESP-AT command set, B.3).

use core::net::Ipv4Addr;

use crate::args::{Args, FieldWriter};
use crate::commands::station::Channel;
use crate::commands::station::StaticAddress;
use crate::error::{ArgError, FieldError};
use crate::fields::{Fields, InfoLine};
use crate::set::SetForm;
use crate::sink::Full;
use crate::types::{Bounded, Mac, Password, SoftApSecurity, Ssid};

crate::commands! {
    /// The own access point.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum SoftApCommand<'a>;
    suffixed "AT+CWSAP" { query CwsapQuery; set CwsapSet(SoftAp<'a>); }
    "AT+CWLIF" { execute Cwlif; }
    "AT+CWQIF" { set CwqifSet(Mac); execute Cwqif; }
    suffixed "AT+CWDHCPS" { query CwdhcpsQuery; set CwdhcpsSet(SetLeasePool); }
    suffixed "AT+CIPAP" { query CipapQuery; set CipapSet(StaticAddress); }
}

/// Stations at once.
pub type MaxStations = Bounded<1, 10>;

/// `AT+CWSAP=` and `+CWSAP:"<ssid>","<pwd>",<channel>,<ecn>[,<max_conn>][,<hidden>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SoftAp<'a> {
    /// Its name, not empty.
    pub ssid: Ssid<'a>,
    /// Its passphrase: at least 8 bytes, or empty where it is open.
    pub password: Password<'a>,
    /// Its channel.
    pub channel: Channel,
    /// How it is protected.
    pub security: SoftApSecurity,
    /// Default [`SoftAp::DEFAULT_MAX_STATIONS`].
    pub max_stations: MaxStations,
    /// Whether it keeps its name to itself. Default no.
    pub hidden: bool,
}

impl SoftAp<'_> {
    /// Stations where no number is given.
    pub const DEFAULT_MAX_STATIONS: MaxStations = MaxStations::MAX;

    /// Fewer bytes are no passphrase (IEEE 802.11, J.4).
    pub const PASSWORD_MIN: usize = 8;
}

impl<'a> SetForm<'a> for SoftAp<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        args.takes(4, 6)?;
        let range = |index| ArgError::Value {
            index,
            error: FieldError::Range,
        };
        let ssid: Ssid<'a> = args.required()?;
        if ssid.text().is_empty() {
            return Err(range(0));
        }
        let password: Password<'a> = args.required()?;
        let channel = args.required()?;
        let security = args.required()?;
        let long_enough = match password.text().len() {
            0 => security == SoftApSecurity::Open,
            len => len >= Self::PASSWORD_MIN,
        };
        if !long_enough {
            return Err(range(1));
        }
        Ok(Self {
            ssid,
            password,
            channel,
            security,
            max_stations: args.or(Self::DEFAULT_MAX_STATIONS)?,
            hidden: args.or(false)?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.ssid)?;
        args.value(&self.password)?;
        args.value(&self.channel)?;
        args.value(&self.security)?;
        args.unless(&self.max_stations, &Self::DEFAULT_MAX_STATIONS)?;
        args.unless(&self.hidden, &false)
    }
}

impl<'a> InfoLine<'a> for SoftAp<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.quoted(&self.ssid.text())?;
        out.quoted(&self.password.text())?;
        out.value(&self.channel)?;
        out.value(&self.security)?;
        out.value(&self.max_stations)?;
        out.value(&self.hidden)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            ssid: Ssid::new(fields.quoted()?).ok()?,
            password: Password::new(fields.quoted_before(4)?).ok()?,
            channel: fields.next()?,
            security: fields.next()?,
            max_stations: fields.next()?,
            hidden: fields.next()?,
        })
    }
}

/// `+CWLIF:<ip>,<mac>`: a station of ours; without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AssociatedStation {
    /// The address it was given.
    pub ip: Ipv4Addr,
    /// Its own.
    pub mac: Mac,
}

impl<'a> InfoLine<'a> for AssociatedStation {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.show(self.ip)?;
        out.show(self.mac)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        let mut text = || core::str::from_utf8(fields.word()?).ok();
        Some(Self {
            ip: text()?.parse().ok()?,
            mac: text()?.parse().ok()?,
        })
    }
}

/// Minutes that an address is lent for.
pub type LeaseTime = Bounded<1, 2880>;

/// The addresses that our access point lends: `+CWDHCPS:<lease>,"<start>","<end>"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LeasePool {
    /// For how long.
    pub lease: LeaseTime,
    /// First.
    pub start: Ipv4Addr,
    /// Last, not before the first.
    pub end: Ipv4Addr,
}

/// `AT+CWDHCPS=1,<lease>,"<start>","<end>"` or `AT+CWDHCPS=0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SetLeasePool {
    /// These.
    Manual(LeasePool),
    /// Those that follow from the access point's own address.
    Automatic,
}

impl SetForm<'_> for SetLeasePool {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(1, 4)?;
        if !args.required()? {
            args.takes(1, 1)?;
            return Ok(Self::Automatic);
        }
        args.takes(4, 4)?;
        let pool = LeasePool {
            lease: args.required()?,
            start: args.required()?,
            end: args.required()?,
        };
        if pool.start > pool.end {
            return Err(args.range_error());
        }
        Ok(Self::Manual(pool))
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Manual(pool) => {
                args.value(&true)?;
                pool.write_fields(args)
            }
            Self::Automatic => args.value(&false),
        }
    }
}

impl<'a> InfoLine<'a> for LeasePool {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.lease)?;
        out.value(&self.start)?;
        out.value(&self.end)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            lease: fields.next()?,
            start: fields.next()?,
            end: fields.next()?,
        })
    }
}
