//! Wi-Fi commands (ESP-AT command set, B.3), and `AT+CIFSR`.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::args::{Args, Field, FieldWriter, Given};
use crate::commands::station::StaticAddress;
use crate::error::{ArgError, FieldError};
use crate::fields::{Fields, InfoLine};
use crate::set::SetForm;
use crate::sink::{Full, Sink, show};
use crate::text::AtStr;
use crate::types::{
    Bounded, Encryption, JoinFailure, Mac, Password, Pmf, ScanMode, ScanType, Ssid, StationState,
    WifiCipher, WifiMode,
};

crate::commands! {
    /// Wi-Fi: mode, networks, addresses.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum WifiCommand<'a>;
    "AT+CWINIT" { query CwinitQuery; set CwinitSet(bool); }
    suffixed "AT+CWMODE" { query CwmodeQuery; set CwmodeSet(SetWifiMode); }
    "AT+CWSTATE" { query CwstateQuery; }
    suffixed "AT+CWJAP" { query CwjapQuery; set CwjapSet(JoinAp<'a>); execute Cwjap; }
    "AT+CWLAP" { set CwlapSet(ScanRequest<'a>); execute Cwlap; }
    "AT+CWQAP" { execute Cwqap; }
    "AT+CWAUTOCONN" { query CwautoconnQuery; set CwautoconnSet(bool); }
    "AT+CIFSR" { execute Cifsr; }
    suffixed "AT+CIPSTA" { query CipstaQuery; set CipstaSet(StaticAddress); }
}

/// `AT+CWMODE=<mode>[,<auto_connect>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetWifiMode {
    /// Roles.
    pub mode: WifiMode,
    /// Whether a station that comes up joins the stored network. Default yes.
    pub auto_connect: bool,
}

impl SetForm<'_> for SetWifiMode {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(1, 2)?;
        Ok(Self {
            mode: args.required()?,
            auto_connect: args.or(true)?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.mode)?;
        args.unless(&self.auto_connect, &true)
    }
}

/// `+CWSTATE:<state>,"<ssid>"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StationLine<'a> {
    /// How far the station is.
    pub state: StationState,
    /// The network meant; empty where none is.
    pub ssid: AtStr<'a>,
}

impl<'a> InfoLine<'a> for StationLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.state)?;
        out.quoted(&self.ssid)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            state: fields.next()?,
            ssid: fields.quoted_before(0)?,
        })
    }
}

/// What a network must at least offer: `<pci_en>`, or `<authmode>` of newer firmware.
///
/// 0 takes any network, 1 refuses open and WEP ones; larger values are thresholds.
pub type AuthThreshold = Bounded<0, 16>;

/// Seconds between attempts to reconnect; 0 for none.
pub type ReconnectInterval = Bounded<0, 7200>;

/// Beacons between two that the station listens to.
pub type ListenInterval = Bounded<1, 100>;

/// Seconds that `AT+CWJAP` may take.
pub type JoinTimeout = Bounded<3, 600>;

/// `AT+CWJAP=["<ssid>"],["<pwd>"][,"<bssid>"][,<pci_en>][,<reconn_interval>][,<listen_interval>][,<scan_mode>][,<jap_timeout>][,<pmf>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JoinAp<'a> {
    /// The network. Without it and without password the last configuration is used.
    pub ssid: Option<Ssid<'a>>,
    /// Its passphrase.
    pub password: Option<Password<'a>>,
    /// One access point of several with the same name.
    pub bssid: Option<Mac>,
    /// What the network must at least offer. Default 0.
    pub threshold: AuthThreshold,
    /// Default 1; it is set to that where it is omitted.
    pub reconnect: ReconnectInterval,
    /// Default 3.
    pub listen: ListenInterval,
    /// Default fast.
    pub scan_mode: ScanMode,
    /// Default 15 s.
    pub timeout: JoinTimeout,
    /// Default capable.
    pub pmf: Pmf,
}

impl<'a> JoinAp<'a> {
    /// A network and its passphrase; everything else as it is where it is omitted.
    #[must_use]
    pub const fn new(ssid: Option<Ssid<'a>>, password: Option<Password<'a>>) -> Self {
        Self {
            ssid,
            password,
            bssid: None,
            threshold: AuthThreshold::MIN,
            reconnect: ReconnectInterval::clamped(1),
            listen: ListenInterval::clamped(3),
            scan_mode: ScanMode::Fast,
            timeout: JoinTimeout::clamped(15),
            pmf: Pmf::DEFAULT,
        }
    }
}

impl<'a> SetForm<'a> for JoinAp<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        args.takes(1, 9)?;
        let plain = Self::new(args.optional()?, args.optional()?);
        Ok(Self {
            bssid: args.optional()?,
            threshold: args.or(plain.threshold)?,
            reconnect: args.or(plain.reconnect)?,
            listen: args.or(plain.listen)?,
            scan_mode: args.or(plain.scan_mode)?,
            timeout: args.or(plain.timeout)?,
            pmf: args.or(plain.pmf)?,
            ..plain
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        let plain = Self::new(self.ssid, self.password);
        args.optional(self.ssid.as_ref())?;
        args.optional(self.password.as_ref())?;
        args.optional(self.bssid.as_ref())?;
        args.unless(&self.threshold, &plain.threshold)?;
        args.unless(&self.reconnect, &plain.reconnect)?;
        args.unless(&self.listen, &plain.listen)?;
        args.unless(&self.scan_mode, &plain.scan_mode)?;
        args.unless(&self.timeout, &plain.timeout)?;
        args.unless(&self.pmf, &plain.pmf)
    }
}

/// `+CWJAP:` and either the network or why it was not joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum JoinLine<'a> {
    /// `+CWJAP:<code>`, before `ERROR`.
    Failed(JoinFailure),
    /// `+CWJAP:"<ssid>","<bssid>",<channel>,<rssi>,<pci_en>,<reconn_interval>,<listen_interval>,<scan_mode>,<pmf>`.
    Joined(Joined<'a>),
}

/// The network of the station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Joined<'a> {
    /// Its name.
    pub ssid: AtStr<'a>,
    /// Its access point.
    pub bssid: Mac,
    /// Its channel.
    pub channel: u8,
    /// Signal strength in dBm.
    pub rssi: i8,
    /// As set by `AT+CWJAP`.
    pub threshold: AuthThreshold,
    /// As set by `AT+CWJAP`.
    pub reconnect: ReconnectInterval,
    /// As set by `AT+CWJAP`.
    pub listen: ListenInterval,
    /// As set by `AT+CWJAP`.
    pub scan_mode: ScanMode,
    /// As set by `AT+CWJAP`.
    pub pmf: Pmf,
}

impl<'a> InfoLine<'a> for JoinLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Failed(why) => out.value(why),
            Self::Joined(joined) => {
                out.quoted(&joined.ssid)?;
                out.value(&joined.bssid)?;
                out.value(&joined.channel)?;
                out.show(joined.rssi)?;
                out.value(&joined.threshold)?;
                out.value(&joined.reconnect)?;
                out.value(&joined.listen)?;
                out.value(&joined.scan_mode)?;
                out.value(&joined.pmf)
            }
        }
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        let mut short = fields.clone();
        if let Some(why) = short.next()
            && short.is_empty()
        {
            *fields = short;
            return Some(Self::Failed(why));
        }
        Some(Self::Joined(Joined {
            ssid: fields.quoted_before(8)?,
            bssid: fields.next()?,
            channel: fields.number()?,
            rssi: fields.number()?,
            threshold: fields.next()?,
            reconnect: fields.next()?,
            listen: fields.next()?,
            scan_mode: fields.next()?,
            pmf: fields.next()?,
        }))
    }
}

/// Milliseconds on one channel; 0 for the usual time.
pub type ScanTime = Bounded<0, 1500>;

/// `AT+CWLAP=["<ssid>"][,"<mac>"][,<channel>][,<scan_type>][,<scan_time_min>][,<scan_time_max>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ScanRequest<'a> {
    /// Networks of this name only.
    pub ssid: Option<Ssid<'a>>,
    /// This access point only.
    pub bssid: Option<Mac>,
    /// This channel only; 0, the default, for all.
    pub channel: Bounded<0, 14>,
    /// Default active.
    pub scan_type: ScanType,
    /// Least time per channel. Default 0.
    pub time_min: ScanTime,
    /// Maximum time per channel, in milliseconds. Default 0: 120 ms active, 360 ms passive.
    pub time_max: ScanTime,
}

impl ScanRequest<'_> {
    /// Everything, as the execute form asks.
    pub const ALL: Self = Self {
        ssid: None,
        bssid: None,
        channel: Bounded::MIN,
        scan_type: ScanType::Active,
        time_min: ScanTime::MIN,
        time_max: ScanTime::MIN,
    };
}

impl<'a> SetForm<'a> for ScanRequest<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        args.takes(1, 6)?;
        Ok(Self {
            ssid: args.optional()?,
            bssid: args.optional()?,
            channel: args.or(Self::ALL.channel)?,
            scan_type: args.or(Self::ALL.scan_type)?,
            time_min: args.or(Self::ALL.time_min)?,
            time_max: args.or(Self::ALL.time_max)?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.optional(self.ssid.as_ref())?;
        args.optional(self.bssid.as_ref())?;
        args.unless(&self.channel, &Self::ALL.channel)?;
        args.unless(&self.scan_type, &Self::ALL.scan_type)?;
        args.unless(&self.time_min, &Self::ALL.time_min)?;
        args.unless(&self.time_max, &Self::ALL.time_max)
    }
}

/// Which fields of `+CWLAP` are printed: bits 0 to 10 in the order of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ScanColumns(u16);

impl ScanColumns {
    /// All eleven.
    pub const ALL: Self = Self(0x7ff);

    /// `None` when a bit is set that has no field.
    #[must_use]
    pub const fn new(bits: u16) -> Option<Self> {
        if bits <= Self::ALL.0 {
            Some(Self(bits))
        } else {
            None
        }
    }

    const fn has(self, column: u32) -> bool {
        self.0 >> column & 1 == 1
    }
}

impl<'a> Field<'a> for ScanColumns {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        Self::new(u16::read(given)?).ok_or(FieldError::Range)
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        show(out, self.0)
    }
}

/// `+CWLAP:(<ecn>,"<ssid>",<rssi>,"<mac>",<channel>,<freq_offset>,<freqcal_val>,<pairwise>,<group>,<bgn>,<wps>)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ScanLine<'a> {
    /// Which fields are printed. Only lines with all of them are read back.
    pub columns: ScanColumns,
    /// How the network is protected.
    pub encryption: Encryption,
    /// Its name.
    pub ssid: AtStr<'a>,
    /// Signal strength in dBm.
    pub rssi: i8,
    /// Address of the access point.
    pub bssid: Mac,
    /// Its channel.
    pub channel: u8,
    /// Reserved: −1.
    pub freq_offset: i16,
    /// Reserved: −1.
    pub freqcal: i16,
    /// Cipher for one station.
    pub pairwise: WifiCipher,
    /// Cipher for all stations.
    pub group: WifiCipher,
    /// Bits for 802.11b, g, n and, in newer firmware, more.
    pub bgn: u8,
    /// Whether WPS is offered.
    pub wps: bool,
}

impl<'a> ScanLine<'a> {
    fn write_column(&self, column: u32, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        match column {
            0 => out.value(&self.encryption),
            1 => out.quoted(&self.ssid),
            2 => out.show(self.rssi),
            3 => out.value(&self.bssid),
            4 => out.value(&self.channel),
            5 => out.show(self.freq_offset),
            6 => out.show(self.freqcal),
            7 => out.value(&self.pairwise),
            8 => out.value(&self.group),
            9 => out.value(&self.bgn),
            _ => out.value(&self.wps),
        }
    }
}

impl<'a> InfoLine<'a> for ScanLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.raw(b"(")?;
        (0..11)
            .filter(|column| self.columns.has(*column))
            .try_for_each(|column| self.write_column(column, out))?;
        out.raw(b")")
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        let inner = fields.take_all().strip_prefix(b"(")?.strip_suffix(b")")?;
        let mut fields = Fields::new(inner);
        let line = Self {
            columns: ScanColumns::ALL,
            encryption: fields.next()?,
            ssid: fields.quoted_before(9)?,
            rssi: fields.number()?,
            bssid: fields.next()?,
            channel: fields.number()?,
            freq_offset: fields.number()?,
            freqcal: fields.number()?,
            pairwise: fields.next()?,
            group: fields.next()?,
            bgn: fields.number()?,
            wps: fields.next()?,
        };
        fields.is_empty().then_some(line)
    }
}

macro_rules! tagged {
    (
        $(#[$doc:meta])* $name:ident: $separator:literal
        { $($(#[$variant_doc:meta])* $variant:ident($type:ty) = $tag:literal),* $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub enum $name {
            $($(#[$variant_doc])* $variant($type)),*
        }

        impl<'a> InfoLine<'a> for $name {
            fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
                match self {
                    $(Self::$variant(address) => {
                        out.raw(concat!($tag, $separator).as_bytes())?;
                        out.value(address)
                    })*
                }
            }

            fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
                let line = fields.take_all();
                $(
                    if let Some(value) = line.strip_prefix(concat!($tag, $separator).as_bytes()) {
                        let mut fields = Fields::new(value);
                        let address = fields.next()?;
                        return fields.is_empty().then_some(Self::$variant(address));
                    }
                )*
                None
            }
        }
    };
}

tagged! {
    /// `+CIFSR:<tag>,"<address>"`: one address of an interface that is up.
    AddressLine: "," {
        /// Our access point.
        ApIp(Ipv4Addr) = "APIP",
        /// Our access point, link-local.
        ApIp6Local(Ipv6Addr) = "APIP6LL",
        /// Our access point, global.
        ApIp6Global(Ipv6Addr) = "APIP6GL",
        /// Our access point.
        ApMac(Mac) = "APMAC",
        /// Station; `0.0.0.0` without address.
        StaIp(Ipv4Addr) = "STAIP",
        /// Station, link-local.
        StaIp6Local(Ipv6Addr) = "STAIP6LL",
        /// Station, global.
        StaIp6Global(Ipv6Addr) = "STAIP6GL",
        /// Station.
        StaMac(Mac) = "STAMAC",
    }
}

tagged! {
    /// `+CIPSTA:` and `+CIPAP:<tag>:"<address>"`: one part of an interface's configuration.
    StationAddress: ":" {
        /// Own address.
        Ip(Ipv4Addr) = "ip",
        /// Default gateway.
        Gateway(Ipv4Addr) = "gateway",
        /// Network mask.
        Netmask(Ipv4Addr) = "netmask",
        /// Own IPv6 address, link-local.
        Ip6Local(Ipv6Addr) = "ip6ll",
        /// Own IPv6 address, global.
        Ip6Global(Ipv6Addr) = "ip6gl",
    }
}
