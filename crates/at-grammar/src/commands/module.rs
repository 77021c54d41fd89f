//! The chip and what the host may keep in it: sleep, memory, power, updates, message filters
//! (ESP-AT command set, B.1).

use core::fmt;

use crate::args::{Args, Field, FieldWriter, Given};
use crate::error::{ArgError, FieldError};
use crate::fields::{Fields, InfoLine};
use crate::set::SetForm;
use crate::sink::{Full, Sink, show};
use crate::text::AtStr;
use crate::types::SleepMode;
use crate::types::{Bounded, UpdateName};

crate::commands! {
    /// Commands of the module: sleep, memory, power, filters, updates.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum ModuleCommand<'a>;
    "AT+GSLP" { set GslpSet(SleepTime); }
    "AT+SLEEP" { query SleepQuery; set SleepSet(SleepMode); }
    "AT+SYSRAM" { query SysramQuery; set SysramSet(u32); }
    "AT+RFPOWER" { query RfpowerQuery; set RfpowerSet(SetPower); }
    "AT+SYSMSGFILTER" { query SysmsgfilterQuery; set SysmsgfilterSet(bool); }
    "AT+SYSMSGFILTERCFG" { query SysmsgfiltercfgQuery; set SysmsgfiltercfgSet(FilterRequest); }
    "AT+SYSROLLBACK" { query SysrollbackQuery; execute Sysrollback; }
    "AT+SLEEPWKCFG" { set SleepwkcfgSet(WakeSource); }
    unlisted "AT+SYSREG" { set SysregSet(RegisterRequest); }
    "AT+SYSTEMP" { query SystempQuery; }
    "AT+USERRAM" { query UserramQuery; set UserramSet(RamRequest); }
    "AT+USERDOCS" { query UserdocsQuery; }
    unlisted "AT+CIUPDATE" { query CiupdateQuery; set CiupdateSet(Update<'a>); execute Ciupdate; }
    "AT+CIPFWVER" { query CipfwverQuery; }
}

/// Milliseconds of deep sleep: `AT+GSLP`. 0 restarts.
pub type SleepTime = Bounded<0, 0x7fff_ffff>;

/// `AT+SLEEPWKCFG=<source>,<p1>[,<p2>]`: what ends light sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WakeSource {
    /// `=0,<ms>`. Newer firmware has dropped it.
    Timer(SleepTime),
    /// `=2,<pin>,<level>`.
    Gpio {
        /// Number of the pin.
        pin: u8,
        /// Its level that wakes.
        high: bool,
    },
}

impl SetForm<'_> for WakeSource {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(2, 3)?;
        match args.required::<i32>()? {
            0 => {
                args.takes(2, 2)?;
                Ok(Self::Timer(args.required()?))
            }
            2 => {
                args.takes(3, 3)?;
                Ok(Self::Gpio {
                    pin: args.required()?,
                    high: args.required()?,
                })
            }
            _ => Err(args.range_error()),
        }
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Timer(time) => {
                args.show(0)?;
                args.value(time)
            }
            Self::Gpio { pin, high } => {
                args.show(2)?;
                args.value(pin)?;
                args.value(high)
            }
        }
    }
}

/// `+SYSRAM:<free>,<min_free>`, or with `AT+SYSRAM=<caps>` four numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MemoryLine {
    /// Of the query.
    Heap {
        /// Bytes free now.
        free: u32,
        /// The least that were ever free.
        least: u32,
    },
    /// `+SYSRAM:<largest_block>,<free>,<min_free>,<total>`.
    Kind {
        /// Bytes of the largest block.
        largest: u32,
        /// Bytes free now.
        free: u32,
        /// The least that were ever free.
        least: u32,
        /// All there are.
        total: u32,
    },
}

impl<'a> InfoLine<'a> for MemoryLine {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Heap { free, least } => {
                out.show(free)?;
                out.show(least)
            }
            Self::Kind {
                largest,
                free,
                least,
                total,
            } => {
                out.show(largest)?;
                out.show(free)?;
                out.show(least)?;
                out.show(total)
            }
        }
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        let (first, second) = (fields.number()?, fields.number()?);
        Some(if fields.is_empty() {
            Self::Heap {
                free: first,
                least: second,
            }
        } else {
            Self::Kind {
                largest: first,
                free: second,
                least: fields.number()?,
                total: fields.number()?,
            }
        })
    }
}

/// Transmission power in steps of 0.25 dBm.
pub type WifiPower = Bounded<40, 84>;

/// Power level of Bluetooth LE.
pub type BlePower = Bounded<0, 15>;

/// `AT+RFPOWER=<wifi>[,<ble_adv>,<ble_scan>,<ble_conn>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetPower {
    /// Wi-Fi.
    pub wifi: WifiPower,
    /// Advertising, scanning, connected. Read for the hosts that send it.
    pub ble: [Option<BlePower>; 3],
}

impl SetForm<'_> for SetPower {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(1, 4)?;
        Ok(Self {
            wifi: args.required()?,
            ble: [args.optional()?, args.optional()?, args.optional()?],
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.wifi)?;
        self.ble
            .iter()
            .try_for_each(|level| args.optional(level.as_ref()))
    }
}

/// `+RFPOWER:<wifi>[,<ble_adv>,<ble_scan>,<ble_conn>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PowerLine {
    /// What the radio makes of the value: it may be below what can be asked for.
    pub wifi: u8,
    /// Advertising, scanning, connected; `None` without Bluetooth.
    pub ble: Option<[u8; 3]>,
}

impl<'a> InfoLine<'a> for PowerLine {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.wifi)?;
        self.ble
            .iter()
            .flatten()
            .try_for_each(|level| out.value(level))
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            wifi: fields.next()?,
            ble: if fields.is_empty() {
                None
            } else {
                Some([fields.next()?, fields.next()?, fields.next()?])
            },
        })
    }
}

/// `AT+SYSREG=<direct>,<address>[,<value>]`: bare memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RegisterRequest {
    /// `=0,<address>`.
    Read {
        /// Where.
        address: u32,
    },
    /// `=1,<address>,<value>`.
    Write {
        /// Where.
        address: u32,
        /// What.
        value: u32,
    },
}

impl SetForm<'_> for RegisterRequest {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(2, 3)?;
        if args.required()? {
            args.takes(3, 3)?;
            Ok(Self::Write {
                address: args.required()?,
                value: args.required()?,
            })
        } else {
            args.takes(2, 2)?;
            Ok(Self::Read {
                address: args.required()?,
            })
        }
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Read { address } => {
                args.value(&false)?;
                args.value(address)
            }
            Self::Write { address, value } => {
                args.value(&true)?;
                args.value(address)?;
                args.value(value)
            }
        }
    }
}

/// `+SYSTEMP:<celsius>`, with two decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Temperature(
    /// Hundredths of a degree.
    pub i16,
);

impl fmt::Display for Temperature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The sign by hand: -0.05 has none left after the division.
        let sign = if self.0 < 0 { "-" } else { "" };
        let size = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", size / 100, size % 100)
    }
}

impl<'a> InfoLine<'a> for Temperature {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.show(self)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        let word = fields.word()?;
        let (negative, size) = match word {
            [b'-', size @ ..] => (true, size),
            size => (false, size),
        };
        let [whole @ .., b'.', tens, ones] = size else {
            return None;
        };
        let mut digits = whole.iter().chain([tens, ones]);
        let value = digits.try_fold(0_i16, |value, digit| {
            let digit = char::from(*digit).to_digit(10)?;
            let digit = i16::try_from(digit).ok()?;
            let value = value.checked_mul(10)?;
            if negative {
                value.checked_sub(digit)
            } else {
                value.checked_add(digit)
            }
        })?;
        (!whole.is_empty()).then_some(Self(value))
    }
}

/// Bytes of the host's own memory.
pub type RamSize = Bounded<1, 0x7fff_ffff>;

/// `AT+USERRAM=<operation>[,<size>[,<offset>]]`: memory that the host may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RamRequest {
    /// `=0`: gives it back.
    Release,
    /// `=1,<size>`: takes it.
    Allocate(RamSize),
    /// `=2,<size>[,<offset>]`: stores what the host sends after the prompt.
    Write {
        /// How much.
        size: RamSize,
        /// Where. Default 0.
        offset: u32,
    },
    /// `=3,<size>[,<offset>]`: prints.
    Read {
        /// How much.
        size: RamSize,
        /// Where. Default 0.
        offset: u32,
    },
    /// `=4`: all of it becomes zero.
    Clear,
}

impl SetForm<'_> for RamRequest {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(1, 3)?;
        match args.required::<i32>()? {
            0 => {
                args.takes(1, 1)?;
                Ok(Self::Release)
            }
            1 => {
                args.takes(2, 2)?;
                Ok(Self::Allocate(args.required()?))
            }
            2 => {
                args.takes(2, 3)?;
                Ok(Self::Write {
                    size: args.required()?,
                    offset: args.or(0)?,
                })
            }
            3 => {
                args.takes(2, 3)?;
                Ok(Self::Read {
                    size: args.required()?,
                    offset: args.or(0)?,
                })
            }
            4 => {
                args.takes(1, 1)?;
                Ok(Self::Clear)
            }
            _ => Err(args.range_error()),
        }
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Release => args.show(0),
            Self::Allocate(size) => {
                args.show(1)?;
                args.value(size)
            }
            Self::Write { size, offset } => {
                args.show(2)?;
                args.value(size)?;
                args.unless(offset, &0)
            }
            Self::Read { size, offset } => {
                args.show(3)?;
                args.value(size)?;
                args.unless(offset, &0)
            }
            Self::Clear => args.show(4),
        }
    }
}

/// `+USERDOCS:"<url>"` and `+CIPFWVER:"<version>"`: a text in quotes, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TextLine<'a>(
    /// The text.
    pub AtStr<'a>,
);

impl<'a> InfoLine<'a> for TextLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.quoted(&self.0)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        fields.quoted_before(0).map(Self)
    }
}

/// `AT+CIUPDATE=<mode>[,"<version>"][,"<firmware>"][,<nonblocking>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Update<'a> {
    /// Whether over TLS.
    pub secure: bool,
    /// Which release; `None` for the newest.
    pub version: Option<UpdateName<'a>>,
    /// Which part; `None` for the firmware.
    pub firmware: Option<UpdateName<'a>>,
    /// Whether commands are taken meanwhile. Default no.
    pub nonblocking: bool,
}

impl<'a> SetForm<'a> for Update<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        args.takes(1, 4)?;
        Ok(Self {
            secure: args.required()?,
            version: args.optional()?,
            firmware: args.optional()?,
            nonblocking: args.or(false)?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.secure)?;
        args.optional(self.version.as_ref())?;
        args.optional(self.firmware.as_ref())?;
        args.unless(&self.nonblocking, &false)
    }
}

/// Bytes of a regular expression.
pub type ExpressionLength = Bounded<0, 64>;

/// How a filter's expressions are read: bits 0 extended, 1 ignore case, 2 newline.
pub type ExpressionFlags = Bounded<0, 7>;

/// `AT+SYSMSGFILTERCFG=<operator>[,<head_len>,<tail_len>[,<cflags>]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FilterRequest {
    /// `=0`: no filters.
    Clear,
    /// `=1,…`: one more; its expressions follow the prompt.
    Add(Filter),
    /// `=2,…`: one less; its expressions follow the prompt.
    Delete(Filter),
}

/// Lengths of the two expressions of a filter; not both are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Filter {
    /// Of the one that the message begins with.
    pub head: ExpressionLength,
    /// Of the one that it ends with.
    pub tail: ExpressionLength,
    /// Default 0.
    pub flags: ExpressionFlags,
}

#[derive(Clone, Copy)]
enum FilterCode {
    Clear,
    Add,
    Delete,
}

impl<'a> Field<'a> for FilterCode {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        match i32::read(given)? {
            0 => Ok(Self::Clear),
            1 => Ok(Self::Add),
            2 => Ok(Self::Delete),
            _ => Err(FieldError::Range),
        }
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        let code = match self {
            Self::Clear => 0,
            Self::Add => 1,
            Self::Delete => 2,
        };
        show(out, code)
    }
}

impl Filter {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(3, 4)?;
        let (head, tail) = (args.required()?, args.required()?);
        if (head, tail) == (ExpressionLength::MIN, ExpressionLength::MIN) {
            return Err(args.range_error());
        }
        Ok(Self {
            head,
            tail,
            flags: args.or(ExpressionFlags::MIN)?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.head)?;
        args.value(&self.tail)?;
        args.unless(&self.flags, &ExpressionFlags::MIN)
    }
}

impl SetForm<'_> for FilterRequest {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(1, 4)?;
        Ok(match args.required()? {
            FilterCode::Clear => {
                args.takes(1, 1)?;
                Self::Clear
            }
            FilterCode::Add => Self::Add(Filter::from_args(args)?),
            FilterCode::Delete => Self::Delete(Filter::from_args(args)?),
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        match self {
            Self::Clear => args.value(&FilterCode::Clear),
            Self::Add(filter) => {
                args.value(&FilterCode::Add)?;
                filter.write_args(args)
            }
            Self::Delete(filter) => {
                args.value(&FilterCode::Delete)?;
                filter.write_args(args)
            }
        }
    }
}

/// `+SYSMSGFILTERCFG:<index>,"<head_regexp>","<tail_regexp>"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FilterLine<'a> {
    /// Place in the list.
    pub index: u8,
    /// What the message begins with.
    pub head: AtStr<'a>,
    /// What it ends with.
    pub tail: AtStr<'a>,
}

impl<'a> InfoLine<'a> for FilterLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.index)?;
        out.quoted(&self.head)?;
        out.quoted(&self.tail)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            index: fields.next()?,
            head: fields.quoted()?,
            tail: fields.quoted_before(0)?,
        })
    }
}
