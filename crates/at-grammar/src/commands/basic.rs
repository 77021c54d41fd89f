//! Basic commands (ESP-AT command set, B.1).

use crate::args::{Args, FieldWriter};
use crate::error::ArgError;
use crate::fields::{Fields, InfoLine};
use crate::set::{Forms, Row, SetForm, Visibility};
use crate::sink::Full;
use crate::text::AtStr;
use crate::types::{Bounded, FlowControl, Parity, StopBits};
use crate::types::{RestartMode, SysMsg};

crate::commands! {
    /// Basic commands.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum BasicCommand;
    "AT" { execute At; }
    "ATE0" { execute EchoOff; }
    "ATE1" { execute EchoOn; }
    "AT+RST" { unlisted set RstMode(RestartMode); execute Rst; }
    "AT+GMR" { execute Gmr; }
    "AT+CMD" { query CmdQuery; }
    "AT+SYSTIMESTAMP" { query SystimestampQuery; set SystimestampSet(UnixTime); }
    "AT+RESTORE" { execute Restore; }
    suffixed "AT+SYSMSG" { query SysmsgQuery; set SysmsgSet(SysMsg); }
    "AT+SYSLOG" { query SyslogQuery; set SyslogSet(bool); }
    "AT+SYSSTORE" { query SysstoreQuery; set SysstoreSet(bool); }
    "AT+UART" { query UartQuery; set UartSet(UartConfig); }
    "AT+UART_CUR" { query UartCurQuery; set UartCurSet(UartConfig); }
    "AT+UART_DEF" { query UartDefQuery; set UartDefSet(UartConfig); }
}

/// Seconds since 1970, UTC: `AT+SYSTIMESTAMP`.
pub type UnixTime = Bounded<0, 0x7fff_ffff>;

/// Bits per second of the port.
pub type Baud = Bounded<80, 5_000_000>;

/// `AT+UART`, `AT+UART_CUR` and `AT+UART_DEF`: five parameters, none of them optional.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct UartConfig {
    /// Bits per second.
    pub baud: Baud,
    /// Bits per character.
    pub data_bits: Bounded<5, 8>,
    /// Stop bits.
    pub stop_bits: StopBits,
    /// Parity.
    pub parity: Parity,
    /// Flow control.
    pub flow_control: FlowControl,
}

impl SetForm<'_> for UartConfig {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        args.takes(5, 5)?;
        Ok(Self {
            baud: args.required()?,
            data_bits: args.required()?,
            stop_bits: args.required()?,
            parity: args.required()?,
            flow_control: args.required()?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.baud)?;
        args.value(&self.data_bits)?;
        args.value(&self.stop_bits)?;
        args.value(&self.parity)?;
        args.value(&self.flow_control)
    }
}

impl InfoLine<'_> for UartConfig {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        self.write_args(out)
    }

    fn read_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            baud: fields.next()?,
            data_bits: fields.next()?,
            stop_bits: fields.next()?,
            parity: fields.next()?,
            flow_control: fields.next()?,
        })
    }
}

/// `+CMD:<index>,"<name>",<test>,<query>,<set>,<execute>`: one command that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CommandEntry<'a> {
    /// Place in the list, from 0.
    pub index: u16,
    /// Name, `AT` included.
    pub name: AtStr<'a>,
    /// Has a test form. None of ours does.
    pub test: bool,
    /// The other forms.
    pub forms: Forms,
}

impl CommandEntry<'static> {
    /// Every command of a table that is announced, as `AT+CMD?` lists them; the first has the place
    /// `from`.
    pub fn listed(table: &'static [Row], from: u16) -> impl Iterator<Item = Self> {
        table
            .iter()
            .filter(|row| row.visibility == Visibility::Listed)
            .zip(from..)
            .map(|(row, index)| Self::of(index, row))
    }

    /// One row of the table.
    #[must_use]
    pub fn of(index: u16, row: &Row) -> Self {
        Self {
            index,
            name: AtStr::from(row.name),
            test: false,
            forms: row.forms,
        }
    }
}

impl<'a> InfoLine<'a> for CommandEntry<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.show(self.index)?;
        out.quoted(&self.name)?;
        out.value(&self.test)?;
        out.value(&self.forms.query)?;
        out.value(&self.forms.set)?;
        out.value(&self.forms.execute)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            index: fields.number()?,
            name: fields.quoted()?,
            test: fields.next()?,
            forms: Forms {
                query: fields.next()?,
                set: fields.next()?,
                execute: fields.next()?,
            },
        })
    }
}

/// One of the four lines of `AT+GMR`. The text is what follows the colon, or `compile time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum VersionLine<'a> {
    /// `AT version:<d>.<d>.<d>.<d>(<hash> - <chip> - <date> <time>)`. Hosts choose a dialect by it.
    At(AtStr<'a>),
    /// `SDK version:<text>`.
    Sdk(AtStr<'a>),
    /// `compile time(<hash>):<Mmm dd yyyy> <hh:mm:ss>`; the text begins with the parenthesis.
    CompileTime(AtStr<'a>),
    /// `Bin version:<text>`, at most 32 bytes.
    Bin(AtStr<'a>),
}

impl<'a> VersionLine<'a> {
    const AT: &'static str = "AT version:";
    const SDK: &'static str = "SDK version:";
    const COMPILE_TIME: &'static str = "compile time";
    const BIN: &'static str = "Bin version:";

    pub(crate) const fn parts(&self) -> (&'static str, &AtStr<'a>) {
        match self {
            Self::At(text) => (Self::AT, text),
            Self::Sdk(text) => (Self::SDK, text),
            Self::CompileTime(text) => (Self::COMPILE_TIME, text),
            Self::Bin(text) => (Self::BIN, text),
        }
    }

    pub(crate) fn read(line: &'a [u8]) -> Option<Self> {
        let after = |tag: &str| line.strip_prefix(tag.as_bytes()).map(AtStr::plain);
        None.or_else(|| after(Self::AT).map(Self::At))
            .or_else(|| after(Self::SDK).map(Self::Sdk))
            .or_else(|| after(Self::COMPILE_TIME).map(Self::CompileTime))
            .or_else(|| after(Self::BIN).map(Self::Bin))
    }
}
