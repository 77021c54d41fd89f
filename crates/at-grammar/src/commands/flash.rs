//! Flash partitions (ESP-AT command set, B.2).

use crate::args::{Args, Field, FieldWriter, Given};
use crate::error::{ArgError, FieldError};
use crate::fields::{Fields, InfoLine};
use crate::set::SetForm;
use crate::sink::{Full, Sink, show};
use crate::text::AtStr;
use crate::types::{FlashRange, PartitionName, SECTOR};

crate::commands! {
    /// User partitions.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum FlashCommand<'a>;
    "AT+SYSFLASH" { query SysflashQuery; set SysflashSet(FlashRequest<'a>); }
}

/// `AT+SYSFLASH=<op>,"<partition>"[,<offset>,<length>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FlashRequest<'a> {
    /// Whose bytes.
    pub partition: PartitionName<'a>,
    /// What to do with them.
    pub operation: FlashOperation,
}

/// What `AT+SYSFLASH` does, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FlashOperation {
    /// Erases everything, or a range of whole sectors.
    Erase(Option<FlashRange>),
    /// Writes what the host sends after the prompt.
    Write(FlashRange),
    /// Prints.
    Read(FlashRange),
}

impl FlashOperation {
    const fn parts(self) -> (Code, Option<FlashRange>) {
        match self {
            Self::Erase(range) => (Code::Erase, range),
            Self::Write(range) => (Code::Write, Some(range)),
            Self::Read(range) => (Code::Read, Some(range)),
        }
    }
}

#[derive(Clone, Copy)]
enum Code {
    Erase,
    Write,
    Read,
}

impl<'a> Field<'a> for Code {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        match i32::read(given)? {
            0 => Ok(Self::Erase),
            1 => Ok(Self::Write),
            2 => Ok(Self::Read),
            _ => Err(FieldError::Range),
        }
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        let code = match self {
            Self::Erase => 0,
            Self::Write => 1,
            Self::Read => 2,
        };
        show(out, code)
    }
}

impl<'a> SetForm<'a> for FlashRequest<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        args.takes(2, 4)?;
        let code = args.required()?;
        let partition = args.required()?;
        let range = match args.pair()? {
            Some((offset, length)) => {
                Some(FlashRange::new(offset, length).ok_or(args.range_error())?)
            }
            None => None,
        };
        let operation = match (code, range) {
            (Code::Erase, Some(range)) if !range.is_aligned() => {
                let offset_fits = range.offset().is_multiple_of(SECTOR);
                return Err(ArgError::Value {
                    index: if offset_fits { 3 } else { 2 },
                    error: FieldError::Range,
                });
            }
            (Code::Erase, range) => FlashOperation::Erase(range),
            (Code::Write, Some(range)) => FlashOperation::Write(range),
            (Code::Read, Some(range)) => FlashOperation::Read(range),
            (Code::Write | Code::Read, None) => {
                // Without the two places the count is at fault, with them empty the first one.
                args.takes(4, 4)?;
                return Err(ArgError::Missing { index: 2 });
            }
        };
        Ok(Self {
            partition,
            operation,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        let (code, range) = self.operation.parts();
        args.value(&code)?;
        args.value(&self.partition)?;
        if let Some(range) = range {
            args.value(&range.offset())?;
            args.value(&range.length())?;
        }
        Ok(())
    }
}

/// `+SYSFLASH:"<name>",<type>,<subtype>,<address>,<size>`: one partition of the listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PartitionLine<'a> {
    /// Name.
    pub name: AtStr<'a>,
    /// Type, 0x40 for user partitions.
    pub kind: u8,
    /// Subtype.
    pub subtype: u8,
    /// Address in the flash.
    pub address: u32,
    /// Size in bytes.
    pub size: u32,
}

impl<'a> InfoLine<'a> for PartitionLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.quoted(&self.name)?;
        out.value(&self.kind)?;
        out.value(&self.subtype)?;
        out.show(format_args!("{:#x}", self.address))?;
        out.show(format_args!("{:#x}", self.size))
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            name: fields.quoted()?,
            kind: fields.number()?,
            subtype: fields.number()?,
            address: fields.number()?,
            size: fields.number()?,
        })
    }
}
