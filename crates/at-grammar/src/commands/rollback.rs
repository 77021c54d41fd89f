//! What is in the two slots for programs (ESP-AT command set, B.1).

use crate::args::FieldWriter;
use crate::fields::{Fields, InfoLine};
use crate::sink::Full;
use crate::text::AtStr;

/// `+SYSROLLBACK:<run_addr>,"<run_ver>",<rb_addr>,"<rb_ver>","<run_state>","<rb_state>"`: the program that runs, and the one
/// that `AT+SYSROLLBACK` starts.
///
/// The last two are ours. The command does what it says if the last is `good`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RollbackLine<'a> {
    /// The slot of the program that runs.
    pub running: SlotFields<'a>,
    /// The other slot.
    pub other: SlotFields<'a>,
}

/// What [`RollbackLine`] says of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SlotFields<'a> {
    /// Where it begins in the flash, in bytes.
    pub address: u32,
    /// Version of its program; empty where that is not `good`.
    pub version: AtStr<'a>,
    /// `good`, `empty`, `damaged`, or `other_chip`.
    pub state: AtStr<'a>,
}

impl<'a> InfoLine<'a> for RollbackLine<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        for slot in [&self.running, &self.other] {
            out.show(format_args!("{:#x}", slot.address))?;
            out.quoted(&slot.version)?;
        }
        out.quoted(&self.running.state)?;
        out.quoted(&self.other.state)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        let mut program = || Some((fields.number()?, fields.quoted()?));
        let (running, other) = (program()?, program()?);
        let mut slot = |(address, version)| {
            Some(SlotFields {
                address,
                version,
                state: fields.quoted()?,
            })
        };
        Some(Self {
            running: slot(running)?,
            other: slot(other)?,
        })
    }
}
