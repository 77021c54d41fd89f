//! Settings of TLS clients, and why one failed (ESP-AT command set, B.4; `AT+SSLWHY` is ours).

use crate::args::{Args, FieldWriter};
use crate::error::ArgError;
use crate::line::SetForm;
use crate::reply::{Fields, InfoLine};
use crate::sink::Full;
use crate::text::AtStr;
use crate::types::{AlpnName, AuthMode, Bounded, LinkId, LinkTarget, ServerName};

/// Most protocols of an ALPN list.
pub const ALPN_MAX: usize = 5;

/// `AT+CIPSSLCCONF=[<id>,]<auth_mode>[,<pki_number>][,<ca_number>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SslConfig {
    /// Which links; `None` with a single one.
    pub link: Option<LinkTarget>,
    /// What is proven and what is checked.
    pub auth: AuthMode,
    /// Own certificate and key: their number in the partitions. 0 where omitted.
    pub pki: u8,
    /// CA: its number in the partition. 0 where omitted.
    pub ca: u8,
}

impl SetForm<'_> for SslConfig {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        let link = args.link_target()?;
        args.takes(1, 3)?;
        Ok(Self {
            link,
            auth: args.required()?,
            pki: args.or(0)?,
            ca: args.or(0)?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.link(self.link.as_ref())?;
        args.value(&self.auth)?;
        args.value(&self.pki)?;
        args.value(&self.ca)
    }
}

/// `+CIPSSLCCONF:<id>,<auth_mode>,<pki_number>,<ca_number>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SslConfigLine {
    /// Which link.
    pub link: LinkId,
    /// What is proven and what is checked.
    pub auth: AuthMode,
    /// Number of the own certificate and key.
    pub pki: u8,
    /// Number of the CA.
    pub ca: u8,
}

impl InfoLine<'_> for SslConfigLine {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.link)?;
        out.value(&self.auth)?;
        out.value(&self.pki)?;
        out.value(&self.ca)
    }

    fn read_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            link: fields.next()?,
            auth: fields.next()?,
            pki: fields.next()?,
            ca: fields.next()?,
        })
    }
}

/// `AT+CIPSSLCCN=[<id>,]"<name>"` and `AT+CIPSSLCSNI=[<id>,]"<name>"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetServerName<'a> {
    /// Which links; `None` with a single one.
    pub link: Option<LinkTarget>,
    /// The name; an empty one clears the setting.
    pub name: ServerName<'a>,
}

impl<'a> SetForm<'a> for SetServerName<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        let link = args.link_target()?;
        args.takes(1, 1)?;
        Ok(Self {
            link,
            name: args.required()?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.link(self.link.as_ref())?;
        args.value(&self.name)
    }
}

/// `+CIPSSLCCN:<id>,"<name>"` and `+CIPSSLCSNI:<id>,"<name>"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ServerNameLine<'a> {
    /// Which link.
    pub link: LinkId,
    /// The name; empty where none is set.
    pub name: ServerName<'a>,
}

impl<'a> InfoLine<'a> for ServerNameLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.link)?;
        out.quoted(&self.name.text())
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            link: fields.next()?,
            name: ServerName::new(fields.quoted_before(0)?).ok()?,
        })
    }
}

/// Protocols of an ALPN list, the preferred one first; at most [`ALPN_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AlpnList<'a> {
    /// Filled from the start.
    names: [Option<AlpnName<'a>>; ALPN_MAX],
}

impl<'a> AlpnList<'a> {
    /// No protocol.
    pub const EMPTY: Self = Self {
        names: [None; ALPN_MAX],
    };

    /// `None` with too many of them.
    pub fn new(names: impl IntoIterator<Item = AlpnName<'a>>) -> Option<Self> {
        let mut list = Self::EMPTY;
        let mut places = list.names.iter_mut();
        for name in names {
            *places.next()? = Some(name);
        }
        Some(list)
    }

    /// One after another.
    pub fn iter(&self) -> impl Iterator<Item = &AlpnName<'a>> {
        self.names.iter().flatten()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        matches!(self.names, [None, ..])
    }
}

/// `AT+CIPSSLCALPN=[<id>,]<count>[,"<protocol>"]…`; the count is that of the strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetAlpn<'a> {
    /// Which links; `None` with a single one.
    pub link: Option<LinkTarget>,
    /// What is offered; an empty list clears the setting.
    pub protocols: AlpnList<'a>,
}

impl<'a> SetForm<'a> for SetAlpn<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        let link = args.link_target()?;
        args.takes(1, 6)?;
        let count: Bounded<0, 5> = args.required()?;
        // At most 5, so it fits.
        let needed = u8::try_from(count.get())
            .unwrap_or(u8::MAX)
            .saturating_add(1);
        args.takes(needed, needed)?;
        let mut protocols = AlpnList::EMPTY;
        for place in &mut protocols.names {
            if !args.is_empty() {
                *place = Some(args.required()?);
            }
        }
        Ok(Self { link, protocols })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.link(self.link.as_ref())?;
        args.show(self.protocols.len())?;
        self.protocols
            .iter()
            .try_for_each(|protocol| args.value(protocol))
    }
}

/// `+CIPSSLCALPN:<id>[,"<protocol>"]…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AlpnLine<'a> {
    /// Which link.
    pub link: LinkId,
    /// What is offered.
    pub protocols: AlpnList<'a>,
}

impl<'a> InfoLine<'a> for AlpnLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.link)?;
        self.protocols
            .iter()
            .try_for_each(|protocol| out.quoted(&protocol.text()))
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        let link = fields.next()?;
        let mut protocols = AlpnList::EMPTY;
        for place in &mut protocols.names {
            *place = fields.last()?;
        }
        Some(Self { link, protocols })
    }
}

/// `+SSLWHY:<link>,"<stage>",<number>,<flags>,<depth>,"<subject>","<wanted>","<words>"`: why the
/// last TLS session of a link was refused or ended. Our own extension.
///
/// Texts are cleaned as they are written: a quote becomes `'`, a control character a blank, so
/// that nothing a peer puts into its certificate can end a field or a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SslWhy<'a> {
    /// Which link.
    pub link: LinkId,
    /// How far the session came, in one word.
    pub stage: AtStr<'a>,
    /// The number Mbed TLS reports, written like `-0x2700`.
    pub number: i32,
    /// Mbed TLS's X.509 verify flags, written like `0x00000008`.
    pub flags: u32,
    /// Position of the certificate in question, from the server's own.
    pub depth: u8,
    /// Its subject.
    pub subject: AtStr<'a>,
    /// The issuer that was looked for or the date that was missed.
    pub wanted: AtStr<'a>,
    /// The reason in words.
    pub words: AtStr<'a>,
}

impl<'a> InfoLine<'a> for SslWhy<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        let sign = if self.number < 0 { "-" } else { "" };
        out.value(&self.link)?;
        out.cleaned(&self.stage)?;
        out.show(format_args!("{sign}{:#06x}", self.number.unsigned_abs()))?;
        out.show(format_args!("{:#010x}", self.flags))?;
        out.value(&self.depth)?;
        out.cleaned(&self.subject)?;
        out.cleaned(&self.wanted)?;
        out.cleaned(&self.words)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            link: fields.next()?,
            stage: fields.quoted()?,
            number: fields.number()?,
            flags: fields.number()?,
            depth: fields.number()?,
            subject: fields.quoted()?,
            wanted: fields.quoted()?,
            words: fields.quoted()?,
        })
    }
}
