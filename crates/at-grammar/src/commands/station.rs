//! Settings of the radio and of the station (ESP-AT command set, B.3).

use core::net::Ipv4Addr;

use crate::args::{Args, Field, FieldWriter, Given};
use crate::commands::wifi::{ListenInterval, ReconnectInterval, ScanColumns};
use crate::error::{ArgError, FieldError};
use crate::fields::{Fields, InfoLine};
use crate::set::SetForm;
use crate::sink::{Full, Sink, show};
use crate::types::{Bounded, CountryCode, CountryPolicy, DhcpInterfaces, StationName};
use crate::types::{OwnMac, WifiProtocol};

crate::commands! {
    /// Wi-Fi: how the radio behaves.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum StationCommand<'a>;
    "AT+CWRECONNCFG" { query CwreconncfgQuery; set CwreconncfgSet(SetReconnect); }
    "AT+CWLAPOPT" { set CwlapoptSet(ScanOptions); }
    suffixed "AT+CWDHCP" { query CwdhcpQuery; set CwdhcpSet(SetDhcp); }
    "AT+CWSTAPROTO" { query CwstaprotoQuery; set CwstaprotoSet(WifiProtocol); }
    "AT+CWAPPROTO" { query CwapprotoQuery; set CwapprotoSet(WifiProtocol); }
    "AT+CWHOSTNAME" { query CwhostnameQuery; set CwhostnameSet(StationName<'a>); }
    "AT+CWCOUNTRY" { query CwcountryQuery; set CwcountrySet(Country<'a>); }
    "AT+CWCONFIG" { query CwconfigQuery; set CwconfigSet(SetWifiConfig); }
    suffixed "AT+CIPSTAMAC" { query CipstamacQuery; set CipstamacSet(OwnMac); }
    suffixed "AT+CIPAPMAC" { query CipapmacQuery; set CipapmacSet(OwnMac); }
}

/// Attempts to reconnect; 0 for no end.
pub type ReconnectCount = Bounded<0, 1000>;

/// `AT+CWRECONNCFG=<interval>,<count>[,<reconnect_now>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetReconnect {
    /// Seconds between attempts; 0 for none.
    pub interval: ReconnectInterval,
    /// How many.
    pub count: ReconnectCount,
    /// Whether the first one is made at once. Default no.
    pub now: bool,
}

impl SetForm<'_> for SetReconnect {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(2, 3)?;
        Ok(Self {
            interval: args.required()?,
            count: args.required()?,
            now: args.or(false)?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.interval)?;
        args.value(&self.count)?;
        args.unless(&self.now, &false)
    }
}

/// `+CWRECONNCFG:<interval>,<count>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReconnectLine {
    /// Seconds between attempts; 0 for none.
    pub interval: ReconnectInterval,
    /// How many.
    pub count: ReconnectCount,
}

impl<'a> InfoLine<'a> for ReconnectLine {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.interval)?;
        out.value(&self.count)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            interval: fields.next()?,
            count: fields.next()?,
        })
    }
}

/// Least signal strength of a network that is listed, in dBm: −100 to 40.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RssiFilter(i8);

impl RssiFilter {
    /// Lets everything through.
    pub const MIN: Self = Self(-100);

    /// `None` outside the range.
    #[must_use]
    pub const fn new(dbm: i8) -> Option<Self> {
        if -100 <= dbm && dbm <= 40 {
            Some(Self(dbm))
        } else {
            None
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i8 {
        self.0
    }
}

impl<'a> Field<'a> for RssiFilter {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        let dbm = i8::try_from(i32::read(given)?).map_err(|_| FieldError::Range)?;
        Self::new(dbm).ok_or(FieldError::Range)
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        show(out, self.0)
    }
}

/// `AT+CWLAPOPT=<sort>,<print_mask>[,<rssi_filter>][,<authmode_mask>]`: how `AT+CWLAP` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ScanOptions {
    /// Whether the strongest come first. May be left empty: no.
    pub sort: bool,
    /// Which fields are printed.
    pub columns: ScanColumns,
    /// How strong a network is at least. Default [`RssiFilter::MIN`].
    pub rssi: RssiFilter,
    /// How it may be protected: bit n for number n. Default all.
    pub encryptions: u16,
}

impl ScanOptions {
    /// What holds where nothing was set.
    pub const DEFAULT: Self = Self {
        sort: false,
        columns: ScanColumns::ALL,
        rssi: RssiFilter::MIN,
        encryptions: u16::MAX,
    };
}

impl SetForm<'_> for ScanOptions {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(2, 4)?;
        Ok(Self {
            sort: args.or(false)?,
            columns: args.required()?,
            rssi: args.or(Self::DEFAULT.rssi)?,
            encryptions: args.or(Self::DEFAULT.encryptions)?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.sort)?;
        args.value(&self.columns)?;
        args.unless(&self.rssi, &Self::DEFAULT.rssi)?;
        args.unless(&self.encryptions, &Self::DEFAULT.encryptions)
    }
}

/// `AT+CWDHCP=<operate>,<mode>`: only the interfaces that are named change.
///
/// Firmware 1.x says it the other way round: `AT+CWDHCP_CUR=<mode>,<en>`, where the mode is 0
/// soft-AP, 1 station, 2 both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetDhcp {
    /// Whether they have DHCP.
    pub enable: bool,
    /// Which.
    pub interfaces: DhcpInterfaces,
}

impl SetForm<'_> for SetDhcp {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(2, 2)?;
        if args.is_legacy() {
            let interfaces = match args.required::<i32>()? {
                0 => DhcpInterfaces::SOFT_AP,
                1 => DhcpInterfaces::STATION,
                2 => DhcpInterfaces::BOTH,
                _ => return Err(args.range_error()),
            };
            return Ok(Self {
                enable: args.required()?,
                interfaces,
            });
        }
        Ok(Self {
            enable: args.required()?,
            interfaces: args.required()?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.enable)?;
        args.value(&self.interfaces)
    }
}

/// `+CWHOSTNAME:<hostname>`: without quotes.
impl<'a> InfoLine<'a> for HostnameLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.bare(&self.0.text())
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        StationName::new(fields.take_all()).ok().map(Self)
    }
}

/// The name the station gives itself, as the query shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HostnameLine<'a>(
    /// The name.
    pub StationName<'a>,
);

/// A channel of the 2.4 GHz band, or a number of them.
pub type Channel = Bounded<1, 14>;

/// `AT+CWCOUNTRY=` and `+CWCOUNTRY:<policy>,"<code>",<start_channel>,<count>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Country<'a> {
    /// Who says which country this is.
    pub policy: CountryPolicy,
    /// Its letters.
    pub code: CountryCode<'a>,
    /// First channel.
    pub start: Channel,
    /// Number of channels; the last one is at most 14.
    pub count: Channel,
}

impl<'a> SetForm<'a> for Country<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        args.takes(4, 4)?;
        let country = Self {
            policy: args.required()?,
            code: args.required()?,
            start: args.required()?,
            count: args.required()?,
        };
        let end = country.start.get().saturating_add(country.count.get());
        if end > Channel::MAX.get().saturating_add(1) {
            return Err(args.range_error());
        }
        Ok(country)
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.policy)?;
        args.value(&self.code)?;
        args.value(&self.start)?;
        args.value(&self.count)
    }
}

impl<'a> InfoLine<'a> for Country<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        self.write_args(out)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            policy: fields.next()?,
            code: fields.next()?,
            start: fields.next()?,
            count: fields.next()?,
        })
    }
}

/// Seconds until a silent station of our access point is given up.
pub type ApInactive = Bounded<10, 3600>;

/// Seconds until a silent access point is given up.
pub type StationInactive = Bounded<3, 600>;

/// `AT+CWCONFIG=[<ap_inactive>][,<sta_inactive>][,<listen_interval>]`: what is omitted stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetWifiConfig {
    /// Default 300.
    pub ap_inactive: Option<ApInactive>,
    /// Default 6.
    pub station_inactive: Option<StationInactive>,
    /// Default 3.
    pub listen: Option<ListenInterval>,
}

impl SetForm<'_> for SetWifiConfig {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(1, 3)?;
        Ok(Self {
            ap_inactive: args.optional()?,
            station_inactive: args.optional()?,
            listen: args.optional()?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.optional(self.ap_inactive.as_ref())?;
        args.optional(self.station_inactive.as_ref())?;
        args.optional(self.listen.as_ref())
    }
}

/// `+CWCONFIG:<ap_inactive>,<sta_inactive>,<listen_interval>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WifiConfigLine {
    /// 300 by default.
    pub ap_inactive: ApInactive,
    /// 6 by default.
    pub station_inactive: StationInactive,
    /// 3 by default.
    pub listen: ListenInterval,
}

impl WifiConfigLine {
    /// What holds where nothing was set.
    pub const DEFAULT: Self = Self {
        ap_inactive: ApInactive::clamped(300),
        station_inactive: StationInactive::clamped(6),
        listen: ListenInterval::clamped(3),
    };
}

impl<'a> InfoLine<'a> for WifiConfigLine {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.ap_inactive)?;
        out.value(&self.station_inactive)?;
        out.value(&self.listen)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            ap_inactive: fields.next()?,
            station_inactive: fields.next()?,
            listen: fields.next()?,
        })
    }
}

/// `AT+CIPSTA=` and `AT+CIPAP="<ip>"[,"<gateway>","<netmask>"]`: an address that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StaticAddress {
    /// Own address.
    pub ip: Ipv4Addr,
    /// Gateway and network mask; the mask is ones, then zeros.
    pub network: Option<(Ipv4Addr, Ipv4Addr)>,
}

impl SetForm<'_> for StaticAddress {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(1, 3)?;
        let ip: Ipv4Addr = args.required()?;
        if ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast() {
            return Err(args.range_error());
        }
        let network = args.pair()?;
        if let Some((_, mask)) = &network {
            let mask = Ipv4Addr::to_bits(*mask);
            if mask.leading_ones().saturating_add(mask.trailing_zeros()) != u32::BITS {
                return Err(args.range_error());
            }
        }
        Ok(Self { ip, network })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.ip)?;
        if let Some((gateway, mask)) = &self.network {
            args.value(gateway)?;
            args.value(mask)?;
        }
        Ok(())
    }
}
