//! The lines of `AT+SSLPOLICY?`: what a link checks of its server, and the modem's own server of its clients.

use crate::args::FieldWriter;
use crate::commands::ssl::{ALPN_MAX, AlpnList};
use crate::fields::{Fields, InfoLine};
use crate::sink::Full;
use crate::text::AtStr;
use crate::types::{AlpnName, LinkId, PolicyMode};

/// Who a server must prove to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PeerCheck {
    /// `"chain","dates"`: its certificate leads to the CA, today.
    Chain,
    /// `"psk"`: it holds the pre-shared key, and shows no certificate.
    Psk,
    /// `"danger-any-peer"`: any peer.
    DangerAnyPeer,
}

/// Which name its certificate must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NameCheck<'a> {
    /// `"name=none"`: any.
    None,
    /// `"name=host"`: that of `AT+CIPSTART`, a name or an address.
    Host,
    /// `"name=<name>"`, as `AT+CIPSSLCCN` or `AT+CIPSSLCSNI` has it.
    ///
    /// A host that is called `none` or `host` cannot be distinguished from the two keywords.
    Name(AtStr<'a>),
}

/// A line of `AT+SSLPOLICY?`: for each link, and for the modem's own server with TLS while there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PolicyLine<'a> {
    /// What servers are checked for.
    Link(LinkPolicy<'a>),
    /// What clients are checked for.
    Server(ServerPolicyLine),
}

impl<'a> InfoLine<'a> for PolicyLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Link(policy) => policy.write_fields(out),
            Self::Server(policy) => policy.write_fields(out),
        }
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        match fields.number::<i8>()? {
            -1 => ServerPolicyLine::read_fields(fields).map(Self::Server),
            number => {
                let link = LinkId::new(u8::try_from(number).ok()?)?;
                LinkPolicy::read_fields(fields, link).map(Self::Link)
            }
        }
    }
}

/// `+SSLPOLICY:-1,"<check>"…,"identity=server_cert",<mode>`: what the modem's server demands of its clients.
///
/// ```text
/// +SSLPOLICY:-1,"client=none","identity=server_cert",0
/// +SSLPOLICY:-1,"client=must","chain","dates","identity=server_cert",0
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ServerPolicyLine {
    /// Clients must show a certificate that leads to `server_ca`, today.
    pub verify_client: bool,
    /// `AT+SSLPOLICY` as it was when the server was started.
    pub mode: PolicyMode,
}

impl ServerPolicyLine {
    /// The text before the mode.
    const fn checks(verify_client: bool) -> &'static [&'static str] {
        match verify_client {
            false => &["client=none", "identity=server_cert"],
            true => &["client=must", "chain", "dates", "identity=server_cert"],
        }
    }

    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.show(format_args!("-1"))?;
        for check in Self::checks(self.verify_client) {
            out.quoted(&(*check).into())?;
        }
        out.value(&self.mode)
    }

    fn read_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (client, rest) = Self::checks(false).split_first()?;
        let word = fields.quoted()?;
        let (verify_client, rest) = match word == *client {
            true => (false, rest),
            false => {
                let (client, rest) = Self::checks(true).split_first()?;
                (word == *client).then_some((true, rest))?
            }
        };
        for check in rest {
            fields.quoted().filter(|next| next == check)?;
        }
        let mode = fields.next()?;
        Some(Self {
            verify_client,
            mode,
        })
    }
}

/// `+SSLPOLICY:<link>,"<check>"…,<mode>`: what a TLS session of a link would be checked for.
///
/// ```text
/// +SSLPOLICY:0,"chain","dates","name=broker.local","alpn=mqtt",0
/// +SSLPOLICY:1,"chain","dates","name=none","identity=1",0
/// +SSLPOLICY:2,"psk",0
/// +SSLPOLICY:3,"danger-any-peer",0
/// +SSLPOLICY:4,"danger-any-peer","refused",1
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LinkPolicy<'a> {
    /// Which link.
    pub link: LinkId,
    /// Who the server must be.
    pub peer: PeerCheck,
    /// Under which name. Counts, and is shown, only with [`PeerCheck::Chain`].
    pub name: NameCheck<'a>,
    /// `"identity=<n>"`: the certificate and key of ours that are shown on demand.
    pub identity: Option<u8>,
    /// `"alpn=<protocol>"` each.
    pub alpn: AlpnList<'a>,
    /// `"refused"`: no session is opened with these settings.
    pub refused: bool,
    /// `AT+SSLPOLICY`, at the end of the line.
    pub mode: PolicyMode,
}

impl<'a> LinkPolicy<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.link)?;
        match self.peer {
            PeerCheck::Chain => {
                out.quoted(&"chain".into())?;
                out.quoted(&"dates".into())?;
                match &self.name {
                    NameCheck::None => out.quoted(&"name=none".into())?,
                    NameCheck::Host => out.quoted(&"name=host".into())?,
                    NameCheck::Name(name) => out.labelled("name=", name)?,
                }
            }
            PeerCheck::Psk => out.quoted(&"psk".into())?,
            PeerCheck::DangerAnyPeer => out.quoted(&"danger-any-peer".into())?,
        }
        if let Some(number) = self.identity {
            out.show(format_args!("\"identity={number}\""))?;
        }
        for protocol in self.alpn.iter() {
            out.labelled("alpn=", &protocol.text())?;
        }
        if self.refused {
            out.quoted(&"refused".into())?;
        }
        out.value(&self.mode)
    }

    fn read_fields(fields: &mut Fields<'a>, link: LinkId) -> Option<Self> {
        let mut line = Self {
            link,
            peer: PeerCheck::DangerAnyPeer,
            name: NameCheck::None,
            identity: None,
            alpn: AlpnList::EMPTY,
            refused: false,
            mode: PolicyMode::EspAt,
        };
        let mut protocols = [None; ALPN_MAX];
        let mut places = protocols.iter_mut();
        let mut peer = None;
        while fields.at_text() {
            let word = fields.quoted()?.as_plain()?;
            match word {
                b"chain" if peer.is_none() => {
                    peer = Some(PeerCheck::Chain);
                    fields.quoted().filter(|next| *next == "dates")?;
                    let name = fields.quoted()?.as_plain()?.strip_prefix(b"name=")?;
                    line.name = match name {
                        b"none" => NameCheck::None,
                        b"host" => NameCheck::Host,
                        name => NameCheck::Name(AtStr::plain(name)),
                    };
                }
                b"psk" if peer.is_none() => peer = Some(PeerCheck::Psk),
                b"danger-any-peer" if peer.is_none() => peer = Some(PeerCheck::DangerAnyPeer),
                b"refused" => line.refused = true,
                word => {
                    if let Some(number) = word.strip_prefix(b"identity=") {
                        line.identity = core::str::from_utf8(number).ok()?.parse().ok();
                    } else {
                        let name = AtStr::plain(word.strip_prefix(b"alpn=")?);
                        *places.next()? = Some(AlpnName::new(name).ok()?);
                    }
                }
            }
        }
        line.peer = peer?;
        line.alpn = AlpnList::new(protocols.into_iter().flatten())?;
        line.mode = fields.next()?;
        Some(line)
    }
}
