//! Settings of TLS clients, and why one failed (ESP-AT command set, B.4; `AT+SSLWHY` is ours).

use crate::args::{Args, FieldWriter};
use crate::error::ArgError;
use crate::fields::{Fields, InfoLine};
use crate::legacy::SslBuffer;
use crate::set::SetForm;
use crate::sink::Full;
use crate::text::AtStr;
use crate::types::{
    AlpnName, AuthMode, Bounded, LinkId, LinkTarget, PskHex, PskIdentity, PskKey, ServerName,
};

crate::commands! {
    /// TLS settings of links.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum SslCommand<'a>;
    "AT+CIPSSLCCONF" { query CipsslcconfQuery; set CipsslcconfSet(SslConfig); }
    "AT+CIPSSLCCN" { query CipsslccnQuery; set CipsslccnSet(SetServerName<'a>); }
    "AT+CIPSSLCSNI" { query CipsslcsniQuery; set CipsslcsniSet(SetServerName<'a>); }
    "AT+CIPSSLCALPN" { query CipsslcalpnQuery; set CipsslcalpnSet(SetAlpn<'a>); }
    "AT+CIPSSLCCIPHER" { query CipsslccipherQuery; set CipsslccipherSet(SetCiphers); }
    "AT+CIPSSLCPSK" { query CipsslcpskQuery; set CipsslcpskSet(SetPsk<'a>); }
    "AT+CIPSSLCPSKHEX" { query CipsslcpskhexQuery; set CipsslcpskhexSet(SetPskHex<'a>); }
    legacy "AT+CIPSSLSIZE" { set CipsslsizeSet(SslBuffer); }
}

/// Maximum number of protocols in an ALPN list.
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
    #[must_use]
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

/// Maximum number of suites in one `AT+CIPSSLCCIPHER`: a command line hardly holds more.
pub const SUITES_MAX: usize = 32;

/// `AT+CIPSSLCCIPHER=[<id>,]<count>[,<suite>]…`; the count is that of the suites.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetCiphers {
    /// Which links; `None` with a single one.
    pub link: Option<LinkTarget>,
    /// Filled from the start.
    suites: [Option<u16>; SUITES_MAX],
}

impl SetCiphers {
    /// `None` with too many suites.
    #[must_use]
    pub fn new(link: Option<LinkTarget>, suites: impl IntoIterator<Item = u16>) -> Option<Self> {
        let mut list = [None; SUITES_MAX];
        let mut places = list.iter_mut();
        for suite in suites {
            *places.next()? = Some(suite);
        }
        Some(Self { link, suites: list })
    }

    /// The suites by their IANA numbers; none takes a former list back.
    pub fn suites(&self) -> impl Iterator<Item = u16> {
        self.suites.iter().flatten().copied()
    }
}

impl core::fmt::Debug for SetCiphers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SetCiphers({:?}", self.link)?;
        self.suites()
            .try_for_each(|suite| write!(f, ", {suite:#06x}"))?;
        f.write_str(")")
    }
}

impl SetForm<'_> for SetCiphers {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        let link = args.link_target()?;
        // No more than there are places, or the count could not be right.
        args.takes(1, 33)?;
        let count: Bounded<0, 32> = args.required()?;
        // At most 32, so it fits.
        let needed = u8::try_from(count.get())
            .unwrap_or(u8::MAX)
            .saturating_add(1);
        args.takes(needed, needed)?;
        let mut suites = [None; SUITES_MAX];
        for place in &mut suites {
            if !args.is_empty() {
                *place = Some(args.required()?);
            }
        }
        Ok(Self { link, suites })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.link(self.link.as_ref())?;
        args.show(self.suites().count())?;
        self.suites()
            .try_for_each(|suite| args.show(format_args!("{suite:#06x}")))
    }
}

/// `+CIPSSLCCIPHER:<index>,<suite>`: one suite that can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CipherLine {
    /// Number of the line, from 0.
    pub index: u8,
    /// Its IANA number, written like `0x1301`.
    pub suite: u16,
}

impl InfoLine<'_> for CipherLine {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.index)?;
        out.show(format_args!("{:#06x}", self.suite))
    }

    fn read_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            index: fields.next()?,
            suite: fields.number()?,
        })
    }
}

/// A key can only be used under an identity: an empty one cannot be sent (RFC 8446 §4.2.11).
fn identity<'a>(args: &mut Args<'a>, clears: bool) -> Result<PskIdentity<'a>, ArgError> {
    let identity: PskIdentity<'a> = args.required()?;
    if identity.text().is_empty() && !clears {
        return Err(args.range_error());
    }
    Ok(identity)
}

/// `AT+CIPSSLCPSK=[<id>,]"<psk>","<hint>"`. What the manual calls hint is the identity that is
/// sent; an empty key clears the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetPsk<'a> {
    /// Which links; `None` with a single one.
    pub link: Option<LinkTarget>,
    /// The key, as text.
    pub key: PskKey<'a>,
    /// Its name.
    pub identity: PskIdentity<'a>,
}

impl<'a> SetForm<'a> for SetPsk<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        let link = args.link_target()?;
        args.takes(2, 2)?;
        let key: PskKey<'a> = args.required()?;
        Ok(Self {
            link,
            key,
            identity: identity(args, key.text().is_empty())?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.link(self.link.as_ref())?;
        args.value(&self.key)?;
        args.value(&self.identity)
    }
}

/// `+CIPSSLCPSK:<id>,"<psk>","<hint>"`. It shows the key: that is what the query is for.
///
/// A key with a control character in it would end the line or worse, so such bytes are shown as
/// blanks; [`PskHexLine`] is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PskLine<'a> {
    /// Which link.
    pub link: LinkId,
    /// The key; empty where none is set.
    pub key: PskKey<'a>,
    /// Its name.
    pub identity: PskIdentity<'a>,
}

impl<'a> InfoLine<'a> for PskLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.link)?;
        for text in [self.key.text(), self.identity.text()] {
            if text.bytes().any(|byte| byte.is_ascii_control()) {
                out.cleaned(&text)?;
            } else {
                out.quoted(&text)?;
            }
        }
        Ok(())
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            link: fields.next()?,
            key: PskKey::new(fields.quoted()?).ok()?,
            identity: PskIdentity::new(fields.quoted_before(0)?).ok()?,
        })
    }
}

/// `AT+CIPSSLCPSKHEX=[<id>,]"<psk>","<hint>"`: as [`SetPsk`], the key in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetPskHex<'a> {
    /// Which links; `None` with a single one.
    pub link: Option<LinkTarget>,
    /// The key, two digits a byte.
    pub key: PskHex<'a>,
    /// Its name.
    pub identity: PskIdentity<'a>,
}

impl<'a> SetForm<'a> for SetPskHex<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        let link = args.link_target()?;
        args.takes(2, 2)?;
        let key: PskHex<'a> = args.required()?;
        if !key.text().len().is_multiple_of(2) {
            return Err(args.range_error());
        }
        Ok(Self {
            link,
            key,
            identity: identity(args, key.text().is_empty())?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.link(self.link.as_ref())?;
        args.value(&self.key)?;
        args.value(&self.identity)
    }
}

/// `+CIPSSLCPSKHEX:<id>,"<psk>","<hint>"`: as [`PskLine`], the key in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PskHexLine<'a> {
    /// Which link.
    pub link: LinkId,
    /// The key; empty where none is set.
    pub key: PskHex<'a>,
    /// Its name.
    pub identity: PskIdentity<'a>,
}

impl<'a> InfoLine<'a> for PskHexLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.link)?;
        out.quoted(&self.key.text())?;
        let identity = self.identity.text();
        if identity.bytes().any(|byte| byte.is_ascii_control()) {
            out.cleaned(&identity)
        } else {
            out.quoted(&identity)
        }
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            link: fields.next()?,
            key: PskHex::new(fields.quoted()?).ok()?,
            identity: PskIdentity::new(fields.quoted_before(0)?).ok()?,
        })
    }
}

/// `+SSLWHY:<link>,"<stage>",<number>,<flags>,<depth>,"<subject>","<wanted>","<text>","<code>"`: why the
/// last TLS session of a link was refused or ended. Our own extension. Link -1 is the server: why it refused its last
/// client, or was not started.
///
/// Texts are cleaned as they are written: a quote becomes `'`, a control character a blank, so
/// that nothing a peer puts into its certificate can end a field or a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SslWhy<'a> {
    /// Which link; `None` for the server.
    pub link: Option<LinkId>,
    /// How far the session came: the name of a stage.
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
    /// The reason as text, with what was found instead.
    pub text: AtStr<'a>,
    /// The stable code of the reason, which `docs/ssl-failures.md` lists.
    pub code: AtStr<'a>,
}

impl<'a> InfoLine<'a> for SslWhy<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        match &self.link {
            Some(link) => out.value(link)?,
            None => out.show(format_args!("-1"))?,
        }
        out.cleaned(&self.stage)?;
        out.signed_hex(self.number)?;
        out.show(format_args!("{:#010x}", self.flags))?;
        out.value(&self.depth)?;
        out.cleaned(&self.subject)?;
        out.cleaned(&self.wanted)?;
        out.cleaned(&self.text)?;
        out.cleaned(&self.code)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            link: match fields.number::<i8>()? {
                -1 => None,
                number => Some(LinkId::new(u8::try_from(number).ok()?)?),
            },
            stage: fields.quoted()?,
            number: fields.number()?,
            flags: fields.number()?,
            depth: fields.number()?,
            subject: fields.quoted()?,
            wanted: fields.quoted()?,
            text: fields.quoted()?,
            code: fields.quoted()?,
        })
    }
}
