//! Manufacturing data: values under a namespace and a key (ESP-AT command set, B.2).

use crate::args::{Args, Field, FieldWriter, Given};
use crate::error::{ArgError, FieldError};
use crate::fields::{Fields, InfoLine};
use crate::set::SetForm;
use crate::sink::{Full, Sink, show};
use crate::types::{Bounded, FlashRange, MfgName, MfgType};

crate::commands! {
    /// Manufacturing data.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum MfgCommand<'a>;
    "AT+SYSMFG" { query SysmfgQuery; set SysmfgSet(MfgRequest<'a>); }
}

/// Bytes of a string or of binary data.
pub type MfgLength = Bounded<1, 0x7fff_ffff>;

/// `AT+SYSMFG=<operation>[,"<namespace>"[,"<key>"[,…]]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MfgRequest<'a> {
    /// `=0,"<ns>"[,"<key>"]`: erases a key, or all of them.
    Erase {
        /// Where.
        namespace: MfgName<'a>,
        /// Which; `None` for all.
        key: Option<MfgName<'a>>,
    },
    /// `=1`: lists namespaces, as the query does.
    Namespaces,
    /// `=1,"<ns>"`: lists keys.
    Keys(MfgName<'a>),
    /// `=1,"<ns>","<key>"[,<offset>,<length>]`: prints.
    Read {
        /// Where.
        namespace: MfgName<'a>,
        /// Which.
        key: MfgName<'a>,
        /// A part of it; `None` for all.
        range: Option<FlashRange>,
    },
    /// `=2,"<ns>","<key>",<type>,<value or length>`: stores.
    Write {
        /// Where.
        namespace: MfgName<'a>,
        /// Which.
        key: MfgName<'a>,
        /// What.
        value: MfgValue,
    },
}

/// What `AT+SYSMFG=2` stores: a number, or bytes that the host sends after the prompt.
///
/// A parameter has 32 bits with sign, so a `u32` beyond 2147483647 cannot be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MfgValue {
    /// 1.
    U8(u8),
    /// 2.
    I8(i8),
    /// 3.
    U16(u16),
    /// 4.
    I16(i16),
    /// 5.
    U32(u32),
    /// 6.
    I32(i32),
    /// 7, and its length.
    String(MfgLength),
    /// 8, and its length.
    Binary(MfgLength),
}

impl MfgValue {
    /// The type's number.
    #[must_use]
    pub const fn kind(self) -> MfgType {
        match self {
            Self::U8(_) => MfgType::U8,
            Self::I8(_) => MfgType::I8,
            Self::U16(_) => MfgType::U16,
            Self::I16(_) => MfgType::I16,
            Self::U32(_) => MfgType::U32,
            Self::I32(_) => MfgType::I32,
            Self::String(_) => MfgType::String,
            Self::Binary(_) => MfgType::Binary,
        }
    }

    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        fn narrow<T: TryFrom<i32>>(args: &mut Args<'_>) -> Result<T, ArgError> {
            let wide: i32 = args.required()?;
            T::try_from(wide).map_err(|_| args.range_error())
        }

        Ok(match args.required()? {
            MfgType::U8 => Self::U8(args.required()?),
            MfgType::I8 => Self::I8(narrow(args)?),
            MfgType::U16 => Self::U16(args.required()?),
            MfgType::I16 => Self::I16(narrow(args)?),
            MfgType::U32 => Self::U32(args.required()?),
            MfgType::I32 => Self::I32(args.required()?),
            MfgType::String => Self::String(args.required()?),
            MfgType::Binary => Self::Binary(args.required()?),
        })
    }

    fn write_args(self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.kind())?;
        match self {
            Self::U8(value) => args.show(value),
            Self::I8(value) => args.show(value),
            Self::U16(value) => args.show(value),
            Self::I16(value) => args.show(value),
            Self::U32(value) => args.show(value),
            Self::I32(value) => args.show(value),
            Self::String(length) | Self::Binary(length) => args.value(&length),
        }
    }
}

#[derive(Clone, Copy)]
enum Code {
    Erase,
    Read,
    Write,
}

impl<'a> Field<'a> for Code {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        match i32::read(given)? {
            0 => Ok(Self::Erase),
            1 => Ok(Self::Read),
            2 => Ok(Self::Write),
            _ => Err(FieldError::Range),
        }
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        let code = match self {
            Self::Erase => 0,
            Self::Read => 1,
            Self::Write => 2,
        };
        show(out, code)
    }
}

impl<'a> MfgRequest<'a> {
    fn read_from(args: &mut Args<'a>) -> Result<Self, ArgError> {
        let Some(namespace) = args.optional()? else {
            // A key has no meaning without its namespace.
            args.takes(1, 1)?;
            return Ok(Self::Namespaces);
        };
        let Some(key) = args.optional()? else {
            args.takes(1, 2)?;
            return Ok(Self::Keys(namespace));
        };
        let range = match args.pair()? {
            Some((offset, length)) => {
                Some(FlashRange::new(offset, length).ok_or(args.range_error())?)
            }
            None => None,
        };
        Ok(Self::Read {
            namespace,
            key,
            range,
        })
    }
}

impl<'a> SetForm<'a> for MfgRequest<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        args.takes(1, 5)?;
        match args.required()? {
            Code::Erase => {
                args.takes(2, 3)?;
                Ok(Self::Erase {
                    namespace: args.required()?,
                    key: args.optional()?,
                })
            }
            Code::Read => Self::read_from(args),
            Code::Write => {
                args.takes(5, 5)?;
                Ok(Self::Write {
                    namespace: args.required()?,
                    key: args.required()?,
                    value: MfgValue::from_args(args)?,
                })
            }
        }
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Erase { namespace, key } => {
                args.value(&Code::Erase)?;
                args.value(namespace)?;
                args.optional(key.as_ref())
            }
            Self::Namespaces => args.value(&Code::Read),
            Self::Keys(namespace) => {
                args.value(&Code::Read)?;
                args.value(namespace)
            }
            Self::Read {
                namespace,
                key,
                range,
            } => {
                args.value(&Code::Read)?;
                args.value(namespace)?;
                args.value(key)?;
                if let Some(range) = range {
                    args.value(&range.offset())?;
                    args.value(&range.length())?;
                }
                Ok(())
            }
            Self::Write {
                namespace,
                key,
                value,
            } => {
                args.value(&Code::Write)?;
                args.value(namespace)?;
                args.value(key)?;
                value.write_args(args)
            }
        }
    }
}

/// `+SYSMFG:"<namespace>"` or `+SYSMFG:"<namespace>","<key>",<type>`.
///
/// A value is [`Reply::MfgValue`](crate::Reply::MfgValue), for bytes follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MfgLine<'a> {
    /// There is such a namespace.
    Namespace(MfgName<'a>),
    /// There is such a key.
    Key {
        /// Where.
        namespace: MfgName<'a>,
        /// Which.
        key: MfgName<'a>,
        /// What it holds.
        kind: MfgType,
    },
}

impl<'a> InfoLine<'a> for MfgLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Namespace(namespace) => out.value(namespace),
            Self::Key {
                namespace,
                key,
                kind,
            } => {
                out.value(namespace)?;
                out.value(key)?;
                out.value(kind)
            }
        }
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        let namespace = fields.next()?;
        if fields.is_empty() {
            return Some(Self::Namespace(namespace));
        }
        Some(Self::Key {
            namespace,
            key: fields.next()?,
            kind: fields.next()?,
        })
    }
}

/// `+SYSMFG:"<namespace>","<key>",<type>,<length>,`: head of a value.
///
/// `len` bytes follow, then CRLF: the number in decimal, or the bytes as they were stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MfgHead<'a> {
    /// Where.
    pub namespace: MfgName<'a>,
    /// Which.
    pub key: MfgName<'a>,
    /// What it holds.
    pub kind: MfgType,
    /// Bytes that follow.
    pub len: u32,
}

impl<'a> MfgHead<'a> {
    pub(crate) fn write_to(&self, out: &mut dyn Sink) -> Result<(), Full> {
        out.put(b"+SYSMFG:")?;
        let mut fields = FieldWriter::new(out);
        fields.value(&self.namespace)?;
        fields.value(&self.key)?;
        fields.value(&self.kind)?;
        fields.show(self.len)?;
        out.put(b",")
    }

    /// Reads what stands between the colon and the last comma before the value.
    pub(crate) fn read(header: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::new(header);
        let head = Self {
            namespace: fields.next()?,
            key: fields.next()?,
            kind: fields.next()?,
            len: fields.number()?,
        };
        fields.is_empty().then_some(head)
    }
}
