//! Links, names and data (ESP-AT command set, B.4).

use core::net::IpAddr;

use crate::args::Mux;
use crate::args::{Args, Field, FieldWriter, Given};
use crate::error::{ArgError, FieldError};
use crate::fields::{Fields, InfoLine};
use crate::set::SetForm;
use crate::sink::{Full, Sink};
use crate::types::{
    Bounded, Family, HostName, IpPreference, LinkId, LinkTarget, Port, Protocol, Terminal,
    Transport, UdpMode,
};

crate::commands! {
    /// Links: opened, closed, sent to.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum TcpipCommand<'a>;
    "AT+CIPSTATUS" { execute Cipstatus; }
    "AT+CIPSTATE" { query CipstateQuery; }
    "AT+CIPSTART" { set CipstartSet(OpenLink<'a>); }
    "AT+CIPSTARTEX" { set CipstartexSet(OpenFreeLink<'a>); }
    "AT+CIPCLOSE" { set CipcloseSet(CloseLink); execute Cipclose; }
    "AT+CIPSEND" { set CipsendSet(SendData<'a>); execute Cipsend; }
    "AT+CIPSENDEX" { set CipsendexSet(SendData<'a>); }
    "AT+CIPMUX" { query CipmuxQuery; set CipmuxSet(Mux); }
}

/// Milliseconds a command may take; 0 for no limit of its own.
pub type Timeout = Bounded<0, 60_000>;

/// Idle seconds before a link is probed; 0 for never.
pub type KeepAlive = Bounded<0, 7200>;

/// Bytes of one `AT+CIPSEND`.
pub type SendLength = Bounded<1, 8192>;

/// `AT+CIPDOMAIN="<name>"[,<ip_network>][,<timeout>][,<show_all>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Resolve<'a> {
    /// What is looked for.
    pub host: HostName<'a>,
    /// Default IPv4 first.
    pub preference: IpPreference,
    /// Default 0.
    pub timeout: Timeout,
    /// Print every address. Default no.
    pub show_all: bool,
}

impl<'a> Resolve<'a> {
    /// With every default.
    #[must_use]
    pub const fn new(host: HostName<'a>) -> Self {
        Self {
            host,
            preference: IpPreference::PreferV4,
            timeout: Timeout::MIN,
            show_all: false,
        }
    }
}

impl<'a> SetForm<'a> for Resolve<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        args.takes(1, 4)?;
        let plain = Self::new(args.required()?);
        Ok(Self {
            preference: args.or(plain.preference)?,
            timeout: args.or(plain.timeout)?,
            show_all: args.or(plain.show_all)?,
            ..plain
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        let plain = Self::new(self.host);
        args.value(&self.host)?;
        args.unless(&self.preference, &plain.preference)?;
        args.unless(&self.timeout, &plain.timeout)?;
        args.unless(&self.show_all, &plain.show_all)
    }
}

/// `AT+CIPSTART=[<id>,]"<type>","<host>",<port>…`: opens a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct OpenLink<'a> {
    /// Its number; `None` with a single link.
    pub link: Option<LinkId>,
    /// Which IP.
    pub family: Family,
    /// What runs over it, and the parameters that only this has.
    pub opening: Opening,
    /// The other side.
    pub host: HostName<'a>,
    /// The other side's port.
    pub port: Port,
    /// Own address; `None` where omitted or empty.
    pub local_ip: Option<IpAddr>,
    /// How long opening may take; `None` where omitted.
    pub timeout: Option<Timeout>,
}

/// What `AT+CIPSTART` opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Opening {
    /// A TCP connection.
    Tcp {
        /// `None` keeps the last setting.
        keep_alive: Option<KeepAlive>,
    },
    /// TLS over TCP.
    Ssl {
        /// `None` keeps the last setting.
        keep_alive: Option<KeepAlive>,
    },
    /// A UDP socket.
    Udp {
        /// `None` takes any.
        local_port: Option<Port>,
        /// Anything but a fixed peer needs a local port. Default fixed.
        mode: UdpMode,
    },
}

impl OpenLink<'_> {
    /// The type as the wire names it.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        let protocol = match self.opening {
            Opening::Tcp { .. } => Protocol::Tcp,
            Opening::Ssl { .. } => Protocol::Ssl,
            Opening::Udp { .. } => Protocol::Udp,
        };
        Transport::new(protocol, self.family)
    }
}

/// An address that may be given as an empty string.
#[derive(Clone, Copy)]
struct MaybeIp(Option<IpAddr>);

impl<'a> Field<'a> for MaybeIp {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        match given {
            Given::Text(text) if text.is_empty() => Ok(Self(None)),
            given => IpAddr::read(given).map(Some).map(Self),
        }
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        match self.0 {
            Some(ip) => ip.write(out),
            None => out.put(b"\"\""),
        }
    }
}

impl<'a> OpenLink<'a> {
    /// Everything after the link number.
    fn after_link(link: Option<LinkId>, args: &mut Args<'a>) -> Result<Self, ArgError> {
        args.takes(3, 7)?;
        let tcp = Transport::new(Protocol::Tcp, Family::V4);
        let Transport { protocol, family } = args.or(tcp)?;
        args.takes(3, if protocol == Protocol::Udp { 7 } else { 6 })?;
        let host = args.required()?;
        let port = args.required()?;
        let opening = match protocol {
            Protocol::Tcp => Opening::Tcp {
                keep_alive: args.optional()?,
            },
            Protocol::Ssl => Opening::Ssl {
                keep_alive: args.optional()?,
            },
            Protocol::Udp => {
                let index = args.index();
                let local_port = args.optional()?;
                let mode = args.or(UdpMode::Fixed)?;
                if local_port.is_none() && mode != UdpMode::Fixed {
                    return Err(ArgError::Missing { index });
                }
                Opening::Udp { local_port, mode }
            }
        };
        Ok(Self {
            link,
            family,
            opening,
            host,
            port,
            local_ip: args.or(MaybeIp(None))?.0,
            timeout: args.optional()?,
        })
    }
}

impl<'a> SetForm<'a> for OpenLink<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        let link = args.link()?;
        Self::after_link(link, args)
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.link(self.link.as_ref())?;
        args.value(&self.transport())?;
        args.value(&self.host)?;
        args.value(&self.port)?;
        match &self.opening {
            Opening::Tcp { keep_alive } | Opening::Ssl { keep_alive } => {
                args.optional(keep_alive.as_ref())?;
            }
            Opening::Udp { local_port, mode } => {
                args.optional(local_port.as_ref())?;
                args.unless(mode, &UdpMode::Fixed)?;
            }
        }
        args.optional(self.local_ip.as_ref())?;
        args.optional(self.timeout.as_ref())
    }
}

/// `AT+CIPSTARTEX="<type>","<host>",<port>…`: opens a link under the lowest number that is free.
///
/// Never begins with a link number, whatever `AT+CIPMUX` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct OpenFreeLink<'a>(OpenLink<'a>);

impl<'a> OpenFreeLink<'a> {
    /// A number that `open` has is forgotten.
    #[must_use]
    pub const fn new(open: OpenLink<'a>) -> Self {
        Self(OpenLink { link: None, ..open })
    }

    /// The same for `AT+CIPSTART`, under this number.
    #[must_use]
    pub const fn at(&self, link: LinkId) -> OpenLink<'a> {
        OpenLink {
            link: Some(link),
            ..self.0
        }
    }
}

impl<'a> SetForm<'a> for OpenFreeLink<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        OpenLink::after_link(None, args).map(Self)
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        self.0.write_args(args)
    }
}

/// `AT+CIPCLOSE=<id>`: with several links only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CloseLink(
    /// Which ones.
    pub LinkTarget,
);

impl SetForm<'_> for CloseLink {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        let target = args.link_target()?.ok_or(args.needs(0))?;
        args.takes(0, 0)?;
        Ok(Self(target))
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.0)
    }
}

/// `AT+CIPSEND=`, `AT+CIPSENDEX=` and `AT+CIPSENDL=[<id>,]<length>[,"<remote_host>",<remote_port>]`.
///
/// `MAX` is the maximum length in bytes; [`SendStream`] allows more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SendData<'a, const MAX: u32 = 8192> {
    /// Which link; `None` with a single one.
    pub link: Option<LinkId>,
    /// How many bytes the host will send.
    pub length: Bounded<1, MAX>,
    /// UDP: where this one datagram goes.
    pub remote: Option<(HostName<'a>, Port)>,
}

impl<'a, const MAX: u32> SetForm<'a> for SendData<'a, MAX> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        let link = args.link()?;
        args.takes(1, 3)?;
        Ok(Self {
            link,
            length: args.required()?,
            remote: args.pair()?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.link(self.link.as_ref())?;
        args.value(&self.length)?;
        if let Some((host, port)) = &self.remote {
            args.value(host)?;
            args.value(port)?;
        }
        Ok(())
    }
}

/// `AT+CIPSENDL=…`: data that are sent while they arrive.
pub type SendStream<'a> = SendData<'a, 0x7fff_ffff>;

/// Sent bytes between two reports of `AT+CIPSENDL`.
pub type ReportSize = Bounded<100, 0x10_0000>;

/// Bytes that are sent at once.
pub type TransmitSize = Bounded<100, 2920>;

/// `AT+CIPSENDLCFG=<report_size>[,<transmit_size>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetSendStream {
    /// Between two reports.
    pub report: ReportSize,
    /// At once. `None` keeps the last setting.
    pub transmit: Option<TransmitSize>,
}

impl SetForm<'_> for SetSendStream {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(1, 2)?;
        Ok(Self {
            report: args.required()?,
            transmit: args.optional()?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.report)?;
        args.optional(self.transmit.as_ref())
    }
}

/// `+CIPSENDLCFG:<report_size>,<transmit_size>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SendStreamLine {
    /// Between two reports. 1024 by default.
    pub report: ReportSize,
    /// At once. 2920 by default.
    pub transmit: TransmitSize,
}

impl SendStreamLine {
    /// What holds where nothing was set.
    pub const DEFAULT: Self = Self {
        report: ReportSize::clamped(1024),
        transmit: TransmitSize::MAX,
    };
}

impl<'a> InfoLine<'a> for SendStreamLine {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.report)?;
        out.value(&self.transmit)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            report: fields.next()?,
            transmit: fields.next()?,
        })
    }
}

/// `+CIPSENDL:<had_sent_len>,<port_recv_len>`: how far `AT+CIPSENDL` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SendProgress {
    /// Bytes handed over.
    pub sent: u32,
    /// Bytes that came from the host.
    pub received: u32,
}

impl<'a> InfoLine<'a> for SendProgress {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.show(self.sent)?;
        out.show(self.received)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            sent: fields.number()?,
            received: fields.number()?,
        })
    }
}

/// `AT+CIPDINFO`: whether `+IPD` and `+CIPRECVDATA` name the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DataInfo {
    /// They do not.
    #[default]
    Off,
    /// They do.
    On,
}

impl DataInfo {
    const fn from_bool(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }

    /// Whether the sender is named.
    #[must_use]
    pub const fn is_on(self) -> bool {
        matches!(self, Self::On)
    }
}

impl SetForm<'_> for DataInfo {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(1, 1)?;
        args.required().map(Self::from_bool)
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.is_on())
    }
}

/// `+CIPDINFO:true` or `false`: the one switch that is answered in words.
impl<'a> InfoLine<'a> for DataInfo {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.show(self.is_on())
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        match fields.take_all() {
            b"true" => Some(Self::On),
            b"false" => Some(Self::Off),
            _ => None,
        }
    }
}

/// `+CIPSTATUS:` and `+CIPSTATE:<id>,"<type>","<remote_ip>",<remote_port>,<local_port>,<tetype>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LinkLine {
    /// Which link; 0 with a single one.
    pub link: LinkId,
    /// What runs over it.
    pub transport: Transport,
    /// The other side.
    pub remote_ip: IpAddr,
    /// The other side's port.
    pub remote_port: u16,
    /// Our port.
    pub local_port: u16,
    /// Who opened it.
    pub terminal: Terminal,
}

impl<'a> InfoLine<'a> for LinkLine {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.link)?;
        out.value(&self.transport)?;
        out.value(&self.remote_ip)?;
        out.value(&self.remote_port)?;
        out.value(&self.local_port)?;
        out.value(&self.terminal)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            link: fields.next()?,
            transport: fields.next()?,
            remote_ip: fields.next()?,
            remote_port: fields.next()?,
            local_port: fields.next()?,
            terminal: fields.next()?,
        })
    }
}
