//! Messages about links: data headers and `+LINK_CONN` (ESP-AT command set, A.19 and A.20).

use core::net::IpAddr;

use crate::args::FieldWriter;
use crate::fields::Fields;
use crate::sink::{Full, Sink, print};
use crate::types::{LinkId, Terminal, Transport};

/// Where data came from, as printed with `AT+CIPDINFO=1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Remote {
    /// Address.
    pub ip: IpAddr,
    /// Port.
    pub port: u16,
}

/// `\r\n+IPD,[<id>,]<len>[,"<remote_ip>",<remote_port>]:`, then `len` bytes as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ipd {
    /// Which link; `None` with a single one.
    pub link: Option<LinkId>,
    /// Bytes that follow. ESP-AT sends at most [`Ipd::MAX_DATA`].
    pub len: u32,
    /// Where they came from.
    pub remote: Option<Remote>,
}

impl Ipd {
    /// Longest data after one header, in bytes.
    pub const MAX_DATA: usize = 2920;

    pub(crate) fn write_to(&self, out: &mut dyn Sink) -> Result<(), Full> {
        out.put(b"\r\n+IPD,")?;
        let mut fields = FieldWriter::new(out);
        fields.link(self.link.as_ref())?;
        fields.value(&self.len)?;
        if let Some(remote) = &self.remote {
            fields.value(&remote.ip)?;
            fields.value(&remote.port)?;
        }
        out.put(b":")
    }

    /// As firmware 1.x writes it: the address without quotes.
    pub(crate) fn write_legacy(&self, out: &mut dyn Sink) -> Result<(), Full> {
        let Some(Remote { ip, port }) = &self.remote else {
            return self.write_to(out);
        };
        out.put(b"\r\n+IPD,")?;
        let mut fields = FieldWriter::new(out);
        fields.link(self.link.as_ref())?;
        fields.value(&self.len)?;
        print(out, format_args!(",{ip},{port}:"))
    }

    /// Reads what stands between `+IPD,` and the colon.
    pub(crate) fn read(header: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(header);
        let commas = header.iter().filter(|byte| **byte == b',').count();
        let link = match commas {
            0 | 2 => None,
            _ => Some(fields.next()?),
        };
        let len = fields.number()?;
        let remote = if fields.is_empty() {
            None
        } else {
            Some(remote(&mut fields)?)
        };
        fields.is_empty().then_some(Self { link, len, remote })
    }
}

fn remote(fields: &mut Fields<'_>) -> Option<Remote> {
    Some(Remote {
        ip: fields.address()?,
        port: fields.next()?,
    })
}

/// `+CIPRECVDATA:<len>,["<remote_ip>",<remote_port>,]`, then `len` bytes as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecvData {
    /// Bytes that follow.
    pub len: u32,
    /// Where they came from, with `AT+CIPDINFO=1`.
    pub remote: Option<Remote>,
}

impl RecvData {
    pub(crate) fn write_to(&self, out: &mut dyn Sink) -> Result<(), Full> {
        print(out, format_args!("+CIPRECVDATA:{},", self.len))?;
        match &self.remote {
            Some(Remote { ip, port }) => print(out, format_args!("\"{ip}\",{port},")),
            None => Ok(()),
        }
    }

    /// Reads what firmware 1.x has between the comma and the colon: a number.
    pub(crate) fn read_legacy(header: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(header);
        let len = fields.number()?;
        let remote = None;
        fields.is_empty().then_some(Self { len, remote })
    }

    /// Reads what stands between the colon and the last comma before the data.
    pub(crate) fn read(header: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(header);
        let len = fields.number()?;
        let remote = if fields.is_empty() {
            None
        } else {
            Some(remote(&mut fields)?)
        };
        fields.is_empty().then_some(Self { len, remote })
    }
}

/// `+LINK_CONN:<status>,<link_id>,"<type>",<c_s>,"<remote_ip>",<remote_port>,<local_port>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LinkConn {
    /// Whether there is a connection; otherwise it failed.
    pub established: bool,
    /// Which link; 0 with a single one.
    pub link: LinkId,
    /// What runs over it.
    pub transport: Transport,
    /// Who opened it.
    pub terminal: Terminal,
    /// The other side.
    pub remote: Remote,
    /// Our port.
    pub local_port: u16,
}

impl LinkConn {
    pub(crate) fn write_to(&self, out: &mut dyn Sink) -> Result<(), Full> {
        out.put(b"+LINK_CONN:")?;
        let mut fields = FieldWriter::new(out);
        fields.value(&!self.established)?;
        fields.value(&self.link)?;
        fields.value(&self.transport)?;
        fields.value(&self.terminal)?;
        fields.value(&self.remote.ip)?;
        fields.value(&self.remote.port)?;
        fields.value(&self.local_port)?;
        out.put(b"\r\n")
    }

    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(line);
        let failed: bool = fields.next()?;
        let conn = Self {
            established: !failed,
            link: fields.next()?,
            transport: fields.next()?,
            terminal: fields.next()?,
            remote: remote(&mut fields)?,
            local_port: fields.next()?,
        };
        fields.is_empty().then_some(conn)
    }
}
