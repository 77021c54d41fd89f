//! Trust made visible: what would be checked, what a server shows, what the flash holds.
//!
//! `AT+SSLPOLICY`, `AT+SSLVERSION`, `AT+SSLRESUME`, `AT+SSLPEER`, `AT+SSLPROBE` and `AT+PKI` are ours. Texts that come from certificates are cleaned
//! as they are written, as in `+SSLWHY`: nothing in them can end a field or a line.

use crate::args::{Args, FieldWriter};
use crate::commands::ssl::{ALPN_MAX, AlpnList};
use crate::error::ArgError;
use crate::fields::{Fields, InfoLine};
use crate::set::SetForm;
use crate::sink::Full;
use crate::text::AtStr;
use crate::types::{AlpnName, HostName, LinkId, LinkTarget, PolicyMode, Port, Sha256, TlsVersion};

crate::commands! {
    /// TLS: policy, reasons, what partitions hold.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum TrustCommand<'a>;
    "AT+SSLWHY" { query SslwhyQuery; }
    "AT+SSLPOLICY" { query SslpolicyQuery; set SslpolicySet(PolicyMode); }
    "AT+SSLVERSION" { query SslversionQuery; set SslversionSet(SetVersions); }
    "AT+SSLRESUME" { query SslresumeQuery; set SslresumeSet(bool); }
    "AT+SSLPEER" { query SslpeerQuery; }
    "AT+SSLPROBE" { set SslprobeSet(Probe<'a>); }
    "AT+PKI" { query PkiQuery; }
}

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

/// `AT+SSLVERSION=[<id>,]<min>,<max>`: the versions of TLS that a link offers; 12 is TLS 1.2, 13 is TLS 1.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetVersions {
    /// Which links; `None` with a single one.
    pub link: Option<LinkTarget>,
    /// The oldest.
    pub min: TlsVersion,
    /// The newest; not older than `min`.
    pub max: TlsVersion,
}

impl SetForm<'_> for SetVersions {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        let link = args.link_target()?;
        args.takes(2, 2)?;
        let min: TlsVersion = args.required()?;
        let max: TlsVersion = args.required()?;
        if max.code() < min.code() {
            return Err(args.range_error());
        }
        Ok(Self { link, min, max })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.link(self.link.as_ref())?;
        args.value(&self.min)?;
        args.value(&self.max)
    }
}

/// `+SSLVERSION:<id>,<min>,<max>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct VersionLine {
    /// Which link.
    pub link: LinkId,
    /// The oldest version that it offers.
    pub min: TlsVersion,
    /// The newest.
    pub max: TlsVersion,
}

impl InfoLine<'_> for VersionLine {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.link)?;
        out.value(&self.min)?;
        out.value(&self.max)
    }

    fn read_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            link: fields.next()?,
            min: fields.next()?,
            max: fields.next()?,
        })
    }
}

/// `+SSLRESUME:<on>,<tickets>`: whether sessions may be resumed, and how many tickets there are for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ResumeLine {
    /// Whether they may.
    pub on: bool,
    /// Tickets that are kept.
    pub tickets: u8,
}

impl InfoLine<'_> for ResumeLine {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.on)?;
        out.value(&self.tickets)
    }

    fn read_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            on: fields.next()?,
            tickets: fields.next()?,
        })
    }
}

/// `+SSLPEER:<id>,"<version>","<suite>","<group>","<sni>","<alpn>","<subject>","<sha256>","<notAfter>","<names>",<resumed>`:
/// who is at the other end of a TLS link, and what was agreed on.
///
/// With a pre-shared key there is no certificate: the last three are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SslPeerLine<'a> {
    /// Which link.
    pub link: LinkId,
    /// Like `TLS 1.3`.
    pub version: AtStr<'a>,
    /// Name of the cipher suite in IANA's registry.
    pub suite: AtStr<'a>,
    /// Key exchange group, like `P-256`; empty where keys are those of an earlier session, resumed in TLS 1.2.
    pub group: AtStr<'a>,
    /// The name that was sent in ClientHello; empty for none.
    pub sni: AtStr<'a>,
    /// The application protocol that was chosen; empty for none.
    pub alpn: AtStr<'a>,
    /// Subject of the peer's certificate.
    pub subject: AtStr<'a>,
    /// SHA-256 of the certificate as it was sent, DER, in hexadecimal.
    pub sha256: AtStr<'a>,
    /// Last moment of its validity, RFC 3339.
    pub not_after: AtStr<'a>,
    /// Its subjectAltName, like `DNS:a.local, IP:192.0.2.1`; empty for none.
    pub names: AtStr<'a>,
    /// The session resumes an earlier one, in which the peer showed its certificate.
    pub resumed: bool,
}

impl<'a> InfoLine<'a> for SslPeerLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.link)?;
        for text in [
            &self.version,
            &self.suite,
            &self.group,
            &self.sni,
            &self.alpn,
            &self.subject,
            &self.sha256,
            &self.not_after,
            &self.names,
        ] {
            out.cleaned(text)?;
        }
        out.value(&self.resumed)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            link: fields.next()?,
            version: fields.quoted()?,
            suite: fields.quoted()?,
            group: fields.quoted()?,
            sni: fields.quoted()?,
            alpn: fields.quoted()?,
            subject: fields.quoted()?,
            sha256: fields.quoted()?,
            not_after: fields.quoted()?,
            names: fields.quoted()?,
            resumed: fields.next()?,
        })
    }
}

/// `AT+SSLPROBE="<host>",<port>`: a handshake with the settings of link 0, and nothing after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Probe<'a> {
    /// Name or address of the server.
    pub host: HostName<'a>,
    /// Its port.
    pub port: Port,
}

impl<'a> SetForm<'a> for Probe<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        args.takes(2, 2)?;
        Ok(Self {
            host: args.required()?,
            port: args.required()?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.host)?;
        args.value(&self.port)
    }
}

/// A line of `AT+SSLPROBE`: a certificate of the server, or the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ProbeLine<'a> {
    /// `+SSLPROBE:<depth>,"<subject>","<issuer>","<notBefore>","<notAfter>","<sha256>","<key kind>"`.
    Certificate {
        /// Position in what the server sent, from its own certificate, 0.
        depth: u8,
        /// Whose key it is; empty, as the next three, where the certificate cannot be read.
        subject: AtStr<'a>,
        /// Who signed it.
        issuer: AtStr<'a>,
        /// First moment of its validity, RFC 3339.
        not_before: AtStr<'a>,
        /// Last moment of its validity, RFC 3339.
        not_after: AtStr<'a>,
        /// Of the certificate as it was sent, DER.
        sha256: Sha256,
        /// Kind of its key, like `p-256` or `rsa-2048`; or `unreadable`.
        key: AtStr<'a>,
    },
    /// `+SSLPROBE:"dropped",<count>`: this many more certificates were sent than are shown.
    Dropped(u32),
    /// `+SSLPROBE:"accepted","<policy>"`: a session would have been opened.
    Accepted {
        /// What was checked for it.
        policy: AtStr<'a>,
    },
    /// `+SSLPROBE:"refused","<stage>",<number>,<flags>,<depth>,"<subject>","<wanted>","<text>","<code>"`,
    /// with the fields of `+SSLWHY`.
    Refused {
        /// How far the session came: the name of a stage.
        stage: AtStr<'a>,
        /// The number Mbed TLS reports, written like `-0x2700`.
        number: i32,
        /// Mbed TLS's X.509 verify flags, written like `0x00000008`.
        flags: u32,
        /// Position of the certificate in question, from the server's own.
        depth: u8,
        /// Its subject.
        subject: AtStr<'a>,
        /// The issuer that was looked for or the date that was missed.
        wanted: AtStr<'a>,
        /// The reason as text, with what was found instead.
        text: AtStr<'a>,
        /// The stable code of the reason.
        code: AtStr<'a>,
    },
}

impl<'a> InfoLine<'a> for ProbeLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Certificate {
                depth,
                subject,
                issuer,
                not_before,
                not_after,
                sha256,
                key,
            } => {
                out.value(depth)?;
                for text in [subject, issuer, not_before, not_after] {
                    out.cleaned(text)?;
                }
                out.value(sha256)?;
                out.cleaned(key)
            }
            Self::Dropped(count) => {
                out.quoted(&"dropped".into())?;
                out.value(count)
            }
            Self::Accepted { policy } => {
                out.quoted(&"accepted".into())?;
                out.cleaned(policy)
            }
            Self::Refused {
                stage,
                number,
                flags,
                depth,
                subject,
                wanted,
                text,
                code,
            } => {
                out.quoted(&"refused".into())?;
                out.cleaned(stage)?;
                out.signed_hex(*number)?;
                out.show(format_args!("{flags:#010x}"))?;
                out.value(depth)?;
                out.cleaned(subject)?;
                out.cleaned(wanted)?;
                out.cleaned(text)?;
                out.cleaned(code)
            }
        }
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        if !fields.at_text() {
            return Some(Self::Certificate {
                depth: fields.number()?,
                subject: fields.quoted()?,
                issuer: fields.quoted()?,
                not_before: fields.quoted()?,
                not_after: fields.quoted()?,
                sha256: fields.next()?,
                key: fields.quoted()?,
            });
        }
        match fields.quoted()?.as_plain()? {
            b"dropped" => Some(Self::Dropped(fields.number()?)),
            b"accepted" => Some(Self::Accepted {
                policy: fields.quoted_before(0)?,
            }),
            b"refused" => Some(Self::Refused {
                stage: fields.quoted()?,
                number: fields.number()?,
                flags: fields.number()?,
                depth: fields.number()?,
                subject: fields.quoted()?,
                wanted: fields.quoted()?,
                text: fields.quoted()?,
                code: fields.quoted()?,
            }),
            _ => None,
        }
    }
}

/// A line of `AT+PKI?`: what one certificate partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PkiLine<'a> {
    /// `+PKI:"<partition>",<item>,"<label>","<subject>","<notAfter>","<sha256>"`: a certificate. An item
    /// with several certificates has a line for each.
    ///
    /// A private key has the same fields: its kind, nothing, and the SHA-256 of its public half
    /// (SubjectPublicKeyInfo, DER), the only thing that is printed of it.
    Object {
        /// Name of the partition.
        partition: AtStr<'a>,
        /// Position of the item: the number that `AT+CIPSSLCCONF` takes.
        item: u16,
        /// What the item's label says it is: `ca`, `cert` or `key`.
        label: AtStr<'a>,
        /// Whose certificate it is; for a key its kind, like `p-256`.
        subject: AtStr<'a>,
        /// End of the certificate's validity, RFC 3339; empty for a key.
        not_after: AtStr<'a>,
        /// Of the certificate, DER; for a key, of its SubjectPublicKeyInfo.
        sha256: Sha256,
    },
    /// `+PKI:"<partition>",<item>,"<label>","<code>",<offset>`: a part of an item that is of no use.
    BadObject {
        /// Name of the partition.
        partition: AtStr<'a>,
        /// Position of the item.
        item: u16,
        /// What the item's label says it is.
        label: AtStr<'a>,
        /// Why: a code that never changes.
        code: AtStr<'a>,
        /// Where, from the start of the partition.
        offset: u32,
    },
    /// `+PKI:"<partition>","<code>",<offset>`: no items, `erased` among the reasons.
    BadImage {
        /// Name of the partition.
        partition: AtStr<'a>,
        /// Why: a code that never changes.
        code: AtStr<'a>,
        /// The first wrong byte, from the start of the partition.
        offset: u32,
    },
}

impl<'a> InfoLine<'a> for PkiLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Object {
                partition,
                item,
                label,
                subject,
                not_after,
                sha256,
            } => {
                out.cleaned(partition)?;
                out.value(item)?;
                for text in [label, subject, not_after] {
                    out.cleaned(text)?;
                }
                out.value(sha256)
            }
            Self::BadObject {
                partition,
                item,
                label,
                code,
                offset,
            } => {
                out.cleaned(partition)?;
                out.value(item)?;
                out.cleaned(label)?;
                out.cleaned(code)?;
                out.value(offset)
            }
            Self::BadImage {
                partition,
                code,
                offset,
            } => {
                out.cleaned(partition)?;
                out.cleaned(code)?;
                out.value(offset)
            }
        }
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        let partition = fields.quoted()?;
        if fields.at_text() {
            return Some(Self::BadImage {
                partition,
                code: fields.quoted()?,
                offset: fields.number()?,
            });
        }
        let item = fields.number()?;
        let label = fields.quoted()?;
        let subject = fields.quoted()?;
        if fields.at_text() {
            return Some(Self::Object {
                partition,
                item,
                label,
                subject,
                not_after: fields.quoted()?,
                sha256: fields.next()?,
            });
        }
        Some(Self::BadObject {
            partition,
            item,
            label,
            code: subject,
            offset: fields.number()?,
        })
    }
}
