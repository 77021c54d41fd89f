//! Links that others open (ESP-AT command set, B.4).

use core::num::NonZeroU16;

use crate::args::{Args, FieldWriter};
use crate::error::ArgError;
use crate::fields::{Fields, InfoLine};
use crate::set::SetForm;
use crate::sink::Full;
use crate::types::{Bounded, NetInterface, Port, StreamTransport};

crate::commands! {
    /// The TCP server.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum ServerCommand;
    "AT+CIPSERVER" { query CipserverQuery; set CipserverSet(ServerRequest); }
    "AT+CIPSERVERMAXCONN" { query CipservermaxconnQuery; set CipservermaxconnSet(MaxConnections); }
    "AT+CIPSTO" { query CipstoQuery; set CipstoSet(IdleTimeout); }
}

/// Links that a server may have at once.
pub type MaxConnections = Bounded<1, 5>;

/// Seconds without data after which an accepted link is closed; 0 for never.
pub type IdleTimeout = Bounded<0, 7200>;

/// The port of a server that none is named for: 333.
pub const DEFAULT_PORT: Port = match NonZeroU16::new(333) {
    Some(port) => port,
    None => NonZeroU16::MIN,
};

/// What a server is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Server {
    /// Where it listens. Default [`DEFAULT_PORT`].
    pub port: Port,
    /// What runs over its links. Default TCP.
    pub transport: StreamTransport,
    /// Whether a client has to prove itself. Default no; never without TLS.
    pub verify_client: bool,
    /// Where clients come from. Default anywhere.
    pub interface: NetInterface,
}

impl Server {
    /// A server of which nothing was said.
    pub const DEFAULT: Self = Self {
        port: DEFAULT_PORT,
        transport: StreamTransport::TCP,
        verify_client: false,
        interface: NetInterface::Any,
    };

    /// `[<port>][,"<type>"][,<ca_enable>][,<netif>]`
    pub(super) fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        let port = args.or(Self::DEFAULT.port)?;
        let transport = args.or(Self::DEFAULT.transport)?;
        let verify_client = args.or(Self::DEFAULT.verify_client)?;
        if verify_client && !transport.is_tls() {
            // No client certificate is checked, so this must not answer OK.
            return Err(args.range_error());
        }
        Ok(Self {
            port,
            transport,
            verify_client,
            interface: args.or(Self::DEFAULT.interface)?,
        })
    }

    pub(super) fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.unless(&self.port, &Self::DEFAULT.port)?;
        args.unless(&self.transport, &Self::DEFAULT.transport)?;
        args.unless(&self.verify_client, &Self::DEFAULT.verify_client)?;
        args.unless(&self.interface, &Self::DEFAULT.interface)
    }
}

/// `AT+CIPSERVER=1[,<port>][,"<type>"][,<ca_enable>][,<netif>]` or `AT+CIPSERVER=0[,<close_all>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ServerRequest {
    /// Starts it.
    Create(Server),
    /// Ends it.
    Delete {
        /// Whether its links are closed, too. Default no.
        close_all: bool,
    },
}

impl SetForm<'_> for ServerRequest {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(1, 5)?;
        if args.required()? {
            Ok(Self::Create(Server::from_args(args)?))
        } else {
            args.takes(1, 2)?;
            Ok(Self::Delete {
                close_all: args.or(false)?,
            })
        }
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Create(server) => {
                args.value(&true)?;
                server.write_args(args)
            }
            Self::Delete { close_all } => {
                args.value(&false)?;
                args.unless(close_all, &false)
            }
        }
    }
}

/// `+CIPSERVER:0`, or `+CIPSERVER:1,<port>,"<type>"[,<ca_enable>]`.
///
/// `<ca_enable>` is printed for the types that have certificates (G 20).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ServerLine {
    /// There is none.
    Off,
    /// It listens.
    On {
        /// Where.
        port: Port,
        /// What runs over its links.
        transport: StreamTransport,
        /// Whether a client has to prove itself; not printed without TLS.
        verify_client: bool,
    },
}

impl<'a> InfoLine<'a> for ServerLine {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Off => out.value(&false),
            Self::On {
                port,
                transport,
                verify_client,
            } => {
                out.value(&true)?;
                out.value(port)?;
                out.value(transport)?;
                if transport.is_tls() {
                    out.value(verify_client)?;
                }
                Ok(())
            }
        }
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(if fields.next()? {
            Self::On {
                port: fields.next()?,
                transport: fields.next()?,
                verify_client: fields.last()?.unwrap_or(false),
            }
        } else {
            Self::Off
        })
    }
}
