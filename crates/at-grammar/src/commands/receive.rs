//! Data that wait for the host: passive receive (ESP-AT command set, B.4).

use crate::args::{Args, FieldWriter};
use crate::commands::tcpip::DataInfo;
use crate::error::ArgError;
use crate::fields::{Fields, InfoLine};
use crate::set::SetForm;
use crate::sink::Full;
use crate::types::{Bounded, LengthReport, LinkId, LinkTarget, ReceiveMode};

crate::commands! {
    /// How received data reach the host.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum ReceiveCommand;
    "AT+CIPDINFO" { query CipdinfoQuery; set CipdinfoSet(DataInfo); }
    "AT+CIPRECVMODE" { query CiprecvmodeQuery; set CiprecvmodeSet(ReceiveMode); }
    "AT+CIPRECVTYPE" { query CiprecvtypeQuery; set CiprecvtypeSet(SetReceiveType); }
    "AT+CIPRECVDATA" { set CiprecvdataSet(FetchData); }
    "AT+CIPRECVLEN" { query CiprecvlenQuery; }
}

/// Bytes that one `AT+CIPRECVDATA` asks for.
pub type FetchLength = Bounded<1, 0x7fff_ffff>;

/// `AT+CIPRECVTYPE=[<id>,]<mode>[,<data_len_report_mode>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetReceiveType {
    /// Which links; `None` with a single one.
    pub link: Option<LinkTarget>,
    /// How their data reach the host.
    pub mode: ReceiveMode,
    /// What a passive link reports. Default everything that is buffered.
    pub report: LengthReport,
}

impl SetForm<'_> for SetReceiveType {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        let link = args.link_target()?;
        args.takes(1, 2)?;
        Ok(Self {
            link,
            mode: args.required()?,
            report: args.or(LengthReport::Buffered)?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.link(self.link.as_ref())?;
        args.value(&self.mode)?;
        args.unless(&self.report, &LengthReport::Buffered)
    }
}

/// `+CIPRECVTYPE:<id>,<mode>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReceiveTypeLine {
    /// Which link.
    pub link: LinkId,
    /// How its data reach the host.
    pub mode: ReceiveMode,
}

impl<'a> InfoLine<'a> for ReceiveTypeLine {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.link)?;
        out.value(&self.mode)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            link: fields.next()?,
            mode: fields.next()?,
        })
    }
}

/// `AT+CIPRECVDATA=[<id>,]<length>[,<keep_integrity>]`: fetches what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FetchData {
    /// Which link; `None` with a single one.
    pub link: Option<LinkId>,
    /// Maximum number of bytes to return.
    pub length: FetchLength,
    /// Whether one whole datagram is wanted. Default no.
    pub whole_datagram: bool,
}

impl SetForm<'_> for FetchData {
    fn from_args(args: &mut Args<'_>) -> Result<Self, ArgError> {
        let link = args.link()?;
        args.takes(1, 2)?;
        Ok(Self {
            link,
            length: args.required()?,
            whole_datagram: args.or(false)?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.link(self.link.as_ref())?;
        args.value(&self.length)?;
        args.unless(&self.whole_datagram, &false)
    }
}

/// `+CIPRECVLEN:<n>,<n>,<n>,<n>,<n>`: bytes that wait, for each link.
///
/// Always five numbers, −1 where there is no link: hosts read "the next integer" (G 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReceiveLengths(
    /// In the order of the link numbers; `None` where there is no link.
    pub [Option<u32>; LinkId::COUNT],
);

impl<'a> InfoLine<'a> for ReceiveLengths {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        self.0.iter().try_for_each(|length| match length {
            Some(length) => out.show(length),
            None => out.show(-1),
        })
    }

    /// Takes the shorter forms of other firmware, too: one number, or empty places.
    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        let mut lengths = [None; LinkId::COUNT];
        for length in &mut lengths {
            if fields.is_empty() {
                break;
            }
            let mut empty = fields.clone();
            if empty.word()?.is_empty() {
                *fields = empty;
                continue;
            }
            *length = match fields.number::<i64>()? {
                -1 => None,
                number => Some(u32::try_from(number).ok()?),
            };
        }
        Some(Self(lengths))
    }
}
