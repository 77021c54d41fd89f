//! The module's name in the local network (ESP-AT command set, B.4), in both of its forms.

use core::fmt;

use crate::args::{Args, Field, FieldWriter, Given};
use crate::error::{ArgError, FieldError};
use crate::set::SetForm;
use crate::sink::{Full, Sink};
use crate::text::AtStr;
use crate::types::{Bounded, MdnsName, Port};

crate::commands! {
    /// mDNS.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum MdnsCommand<'a>;
    "AT+MDNS" { set MdnsSet(MdnsRequest<'a>); }
}

/// Pairs of a service's TXT record.
pub type TxtCount = Bounded<0, 10>;

/// `AT+MDNS=1,"<host>","<service>",<port>[,"<instance>"][,"<proto>"][,<txt_number>][,"<key>","<value>"]…`
/// or `AT+MDNS=0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MdnsRequest<'a> {
    /// Silent.
    Off,
    /// Answers.
    On(Service<'a>),
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Service<'a> {
    /// Name of the module.
    pub host: MdnsName<'a>,
    /// Kind of service, as `_printer`.
    pub service: MdnsName<'a>,
    /// Where it is.
    pub port: Port,
    /// Its own name; `None` in the older form.
    pub instance: Option<MdnsName<'a>>,
    /// What it runs over. Default TCP.
    pub protocol: ServiceProtocol,
    /// Further TXT records.
    pub txt: TxtRecord<'a>,
}

/// `"_tcp"` or `"_udp"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ServiceProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl ServiceProtocol {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "_tcp",
            Self::Udp => "_udp",
        }
    }
}

impl<'a> Field<'a> for ServiceProtocol {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        let Given::Text(text) = given else {
            return Err(FieldError::Kind);
        };
        [Self::Tcp, Self::Udp]
            .into_iter()
            .find(|protocol| text.eq_ignore_ascii_case(protocol.as_str().as_bytes()))
            .ok_or(FieldError::Range)
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        AtStr::from(self.as_str()).write_escaped(out)
    }
}

/// Pairs of texts, where they lie in the line.
#[derive(Clone, Copy)]
pub struct TxtRecord<'a> {
    count: TxtCount,
    /// `"<key>","<value>"` so many times, checked.
    raw: &'a [u8],
}

impl<'a> TxtRecord<'a> {
    /// No pairs.
    pub const EMPTY: Self = Self {
        count: TxtCount::MIN,
        raw: &[],
    };

    /// The pairs that `"<key>","<value>",…` spells, escaped as in a command line.
    ///
    /// # Errors
    ///
    /// [`ArgError`]: what is wrong with a pair, and its index.
    pub fn new(raw: &'a [u8]) -> Result<Self, ArgError> {
        if raw.is_empty() {
            return Ok(Self::EMPTY);
        }
        let args = Args::parse(raw, crate::Mux::Single)?;
        let count = u32::from(args.given() / 2);
        let range = ArgError::Value {
            index: 0,
            error: FieldError::Range,
        };
        let record = Self {
            count: TxtCount::new(count).ok_or(range)?,
            raw,
        };
        let mut args = args;
        while !args.is_empty() {
            args.required::<AtStr<'_>>()?;
            args.required::<AtStr<'_>>()?;
        }
        Ok(record)
    }

    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        let before = args.index();
        let count: TxtCount = args.or(TxtCount::MIN)?;
        let texts = u8::try_from(count.get().saturating_mul(2)).unwrap_or(u8::MAX);
        if texts == 0 {
            return Ok(Self::EMPTY);
        }
        // As many as were announced, and no more.
        let all = before.saturating_add(1).saturating_add(texts);
        args.takes(all, all)?;
        let raw = args.rest();
        for _ in 0..texts {
            args.required::<AtStr<'_>>()?;
        }
        Ok(Self { count, raw })
    }

    /// The pairs.
    pub fn pairs(&self) -> impl Iterator<Item = (AtStr<'a>, AtStr<'a>)> {
        let mut args = Args::parse(self.raw, crate::Mux::Single).ok();
        (0..self.count.get()).map_while(move |_| {
            let args = args.as_mut()?;
            Some((args.required().ok()?, args.required().ok()?))
        })
    }
}

impl PartialEq for TxtRecord<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.pairs().eq(other.pairs())
    }
}

impl Eq for TxtRecord<'_> {}

impl fmt::Debug for TxtRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pairs()).finish()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for TxtRecord<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "TxtRecord({})", self.count);
    }
}

impl<'a> SetForm<'a> for MdnsRequest<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        if !args.required()? {
            args.takes(1, 1)?;
            return Ok(Self::Off);
        }
        args.takes(4, 27)?;
        Ok(Self::On(Service {
            host: args.required()?,
            service: args.required()?,
            port: args.required()?,
            instance: args.optional()?,
            protocol: args.or(ServiceProtocol::Tcp)?,
            txt: TxtRecord::from_args(args)?,
        }))
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        let Self::On(service) = self else {
            return args.value(&false);
        };
        args.value(&true)?;
        args.value(&service.host)?;
        args.value(&service.service)?;
        args.value(&service.port)?;
        args.optional(service.instance.as_ref())?;
        args.unless(&service.protocol, &ServiceProtocol::Tcp)?;
        args.unless(&service.txt.count, &TxtCount::MIN)?;
        service.txt.pairs().try_for_each(|(key, value)| {
            args.value(&key)?;
            args.value(&value)
        })
    }
}
