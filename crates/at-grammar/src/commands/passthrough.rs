//! Links whose bytes are the port's (ESP-AT command set, A.15 and B.4).

use crate::args::{Args, Field, FieldWriter, Given};
use crate::commands::server::Server;
use crate::commands::tcpip::{OpenLink, Opening};
use crate::commands::tcpip::{SendStream, SetSendStream};
use crate::error::{ArgError, FieldError};
use crate::set::SetForm;
use crate::sink::{Full, Sink, show};
use crate::types::TransferMode;
use crate::types::{Bounded, Family, HostName, Port, Protocol, Transport, UdpMode};

crate::commands! {
    /// Passthrough, and sending without end.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum PassthroughCommand<'a>;
    "AT+CIPSENDL" { set CipsendlSet(SendStream<'a>); }
    "AT+CIPSENDLCFG" { query CipsendlcfgQuery; set CipsendlcfgSet(SetSendStream); }
    "AT+CIPMODE" { query CipmodeQuery; set CipmodeSet(TransferMode); }
    "AT+SAVETRANSLINK" { set SavetranslinkSet(SavedLink<'a>); }
    "AT+TRANSINTVL" { query TransintvlQuery; set TransintvlSet(SendInterval); }
    "AT+CIPRECONNINTV" { query CipreconnintvQuery; set CipreconnintvSet(RetryInterval); }
}

/// Milliseconds that a block smaller than 2920 bytes waits for more: `AT+TRANSINTVL`.
pub type SendInterval = Bounded<0, 1000>;

/// Tenths of a second between attempts to open a link again: `AT+CIPRECONNINTV`.
pub type RetryInterval = Bounded<1, 36_000>;

/// `AT+SAVETRANSLINK`: the link that is there, and passed through, after a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SavedLink<'a> {
    /// `=0`, whatever else is said: none.
    Off,
    /// `=1,"<host>",<port>[,"<type>"][,<keep_alive>]`, or with a local port instead for UDP.
    Client(SavedClient<'a>),
    /// `=3[,<port>][,"<type>"][,<ca_enable>][,<netif>]`: the first that comes.
    Server(Server),
}

/// A link that is opened after a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SavedClient<'a> {
    /// The other side.
    pub host: HostName<'a>,
    /// The other side's port.
    pub port: Port,
    /// Which IP. Default IPv4.
    pub family: Family,
    /// What runs over it. Default TCP; the peer of UDP is fixed.
    pub opening: Opening,
}

impl<'a> SavedClient<'a> {
    /// The same as `AT+CIPSTART` would ask for it.
    #[must_use]
    pub const fn open(&self) -> OpenLink<'a> {
        OpenLink {
            link: None,
            family: self.family,
            opening: self.opening,
            host: self.host,
            port: self.port,
            local_ip: None,
            timeout: None,
        }
    }

    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        args.takes(3, 5)?;
        let host = args.required()?;
        let port = args.required()?;
        let tcp = Transport::new(Protocol::Tcp, Family::V4);
        let Transport { protocol, family } = args.or(tcp)?;
        Ok(Self {
            host,
            port,
            family,
            opening: match protocol {
                Protocol::Tcp => Opening::Tcp {
                    keep_alive: args.optional()?,
                },
                Protocol::Ssl => Opening::Ssl {
                    keep_alive: args.optional()?,
                },
                Protocol::Udp => Opening::Udp {
                    local_port: args.optional()?,
                    mode: UdpMode::Fixed,
                },
            },
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.host)?;
        args.value(&self.port)?;
        let tcp = Transport::new(Protocol::Tcp, Family::V4);
        args.unless(&self.open().transport(), &tcp)?;
        match &self.opening {
            Opening::Tcp { keep_alive } | Opening::Ssl { keep_alive } => {
                args.optional(keep_alive.as_ref())
            }
            Opening::Udp { local_port, .. } => args.optional(local_port.as_ref()),
        }
    }
}

/// 2 is a Bluetooth link, which there is not.
#[derive(Clone, Copy)]
enum Mode {
    Off,
    Client,
    Server,
}

impl<'a> Field<'a> for Mode {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        match i32::read(given)? {
            0 => Ok(Self::Off),
            1 => Ok(Self::Client),
            3 => Ok(Self::Server),
            _ => Err(FieldError::Range),
        }
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        let code = match self {
            Self::Off => 0,
            Self::Client => 1,
            Self::Server => 3,
        };
        show(out, code)
    }
}

impl<'a> SetForm<'a> for SavedLink<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        args.takes(1, 5)?;
        Ok(match args.required()? {
            Mode::Off => {
                // The documented form repeats the link; it is read, and then forgotten.
                if !args.is_empty() {
                    SavedClient::from_args(args)?;
                }
                Self::Off
            }
            Mode::Client => Self::Client(SavedClient::from_args(args)?),
            Mode::Server => Self::Server(Server::from_args(args)?),
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Off => args.value(&Mode::Off),
            Self::Client(client) => {
                args.value(&Mode::Client)?;
                client.write_args(args)
            }
            Self::Server(server) => {
                args.value(&Mode::Server)?;
                server.write_args(args)
            }
        }
    }
}
