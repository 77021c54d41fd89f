//! Trust made visible: what would be checked, what a server shows, what the flash holds.
//!
//! `AT+SSLPOLICY`, `AT+SSLVERSION`, `AT+SSLRESUME`, `AT+SSLPEER`, `AT+SSLPROBE` and `AT+PKI` are ours. Texts that come from certificates are cleaned
//! as they are written, as in `+SSLWHY`: nothing in them can end a field or a line.

use crate::args::{Args, FieldWriter};
use crate::error::ArgError;
use crate::fields::{Fields, InfoLine};
use crate::set::SetForm;
use crate::sink::Full;
use crate::text::AtStr;
use crate::types::{HostName, LinkId, LinkTarget, PolicyMode, Port, Sha256, TlsVersion};

pub use super::policy::{LinkPolicy, NameCheck, PeerCheck, PolicyLine, ServerPolicyLine};

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
    /// `+PKI:"<partition>",<item>,"<label>","<code>",<offset>,"<text>"`: a part of an item that is of no use.
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
        /// What is wrong and what to do.
        text: AtStr<'a>,
    },
    /// `+PKI:"<partition>","<code>",<offset>,"<text>"`: no items, `erased` among the reasons.
    BadImage {
        /// Name of the partition.
        partition: AtStr<'a>,
        /// Why: a code that never changes.
        code: AtStr<'a>,
        /// The first wrong byte, from the start of the partition.
        offset: u32,
        /// What is wrong and what to do.
        text: AtStr<'a>,
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
                text,
            } => {
                out.cleaned(partition)?;
                out.value(item)?;
                out.cleaned(label)?;
                out.cleaned(code)?;
                out.value(offset)?;
                out.cleaned(text)
            }
            Self::BadImage {
                partition,
                code,
                offset,
                text,
            } => {
                out.cleaned(partition)?;
                out.cleaned(code)?;
                out.value(offset)?;
                out.cleaned(text)
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
                text: fields.quoted()?,
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
            text: fields.quoted()?,
        })
    }
}
