//! Numbers: ranges, link numbers, ports, flash ranges, bit fields.

use core::num::NonZeroU16;

use crate::args::{Args, Field, Given};
use crate::error::{ArgError, FieldError};
use crate::sink::{Full, Sink, show};

/// A port that can be connected to: 1 to 65535.
pub type Port = NonZeroU16;

/// Flash is erased in pieces of this many bytes, aligned to it.
pub const SECTOR: u32 = 4096;

fn integer(given: Given<'_>) -> Result<i32, FieldError> {
    match given {
        Given::Int(value) => Ok(value),
        Given::Text(_) => Err(FieldError::Kind),
    }
}

/// A number that is not negative, as any unsigned type.
pub(super) fn unsigned<T: TryFrom<i32>>(given: Given<'_>) -> Result<T, FieldError> {
    T::try_from(integer(given)?).map_err(|_| FieldError::Range)
}

macro_rules! unsigned_fields {
    ($($type:ty),*) => { $(
        impl<'a> Field<'a> for $type {
            fn read(given: Given<'a>) -> Result<Self, FieldError> {
                unsigned(given)
            }

            fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
                show(out, self)
            }
        }
    )* };
}

unsigned_fields!(u8, u16, u32);

impl<'a> Field<'a> for i32 {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        integer(given)
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        show(out, self)
    }
}

/// A switch: 0 or 1.
impl<'a> Field<'a> for bool {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        match integer(given)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(FieldError::Range),
        }
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        out.put(if *self { b"1" } else { b"0" })
    }
}

impl<'a> Field<'a> for Port {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        Self::new(unsigned(given)?).ok_or(FieldError::Range)
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        show(out, self)
    }
}

/// A number from `MIN` to `MAX`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Bounded<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Bounded<MIN, MAX> {
    /// The smallest value.
    pub const MIN: Self = Self(MIN);
    /// The largest value.
    pub const MAX: Self = Self(MAX);

    /// `None` outside the range.
    #[must_use]
    pub const fn new(value: u32) -> Option<Self> {
        if MIN <= value && value <= MAX {
            Some(Self(value))
        } else {
            None
        }
    }

    /// The value, or the nearest one in the range. For constants.
    #[must_use]
    pub const fn clamped(value: u32) -> Self {
        if value < MIN {
            Self(MIN)
        } else if value > MAX {
            Self(MAX)
        } else {
            Self(value)
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<'a, const MIN: u32, const MAX: u32> Field<'a> for Bounded<MIN, MAX> {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        Self::new(unsigned(given)?).ok_or(FieldError::Range)
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        show(out, self.0)
    }
}

/// Number of a link: 0 to 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LinkId(u8);

impl LinkId {
    /// How many links there are.
    pub const COUNT: usize = 5;
    /// The link that is meant where no number is given.
    pub const ZERO: Self = Self(0);
    /// All of them, in order.
    pub const ALL: [Self; Self::COUNT] = [Self(0), Self(1), Self(2), Self(3), Self(4)];

    /// `None` above 4.
    #[must_use]
    pub const fn new(id: u8) -> Option<Self> {
        if id < 5 { Some(Self(id)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The number, to index [`Self::COUNT`] places.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl core::fmt::Display for LinkId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

impl<'a> Field<'a> for LinkId {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        Self::new(unsigned(given)?).ok_or(FieldError::Range)
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        // One digit: most lines of links begin with it.
        out.put(&[b'0'.saturating_add(self.0)])
    }
}

/// One link, or with number 5 all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum LinkTarget {
    /// This link.
    One(LinkId),
    /// Every link.
    All,
}

impl LinkTarget {
    /// Whether `link` is meant.
    #[must_use]
    pub fn includes(self, link: LinkId) -> bool {
        match self {
            Self::One(one) => one == link,
            Self::All => true,
        }
    }
}

impl<'a> Field<'a> for LinkTarget {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        match unsigned(given)? {
            5_u8 => Ok(Self::All),
            id => LinkId::new(id).map(Self::One).ok_or(FieldError::Range),
        }
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        match self {
            Self::One(link) => link.write(out),
            Self::All => out.put(b"5"),
        }
    }
}

/// Bytes of a partition, counted from its start: not empty, and its end fits 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FlashRange {
    offset: u32,
    length: u32,
}

impl FlashRange {
    /// `None` if empty or beyond 32 bits.
    #[must_use]
    pub const fn new(offset: u32, length: u32) -> Option<Self> {
        match offset.checked_add(length) {
            Some(end) if end > offset => Some(Self { offset, length }),
            _ => None,
        }
    }

    /// First byte.
    #[must_use]
    pub const fn offset(self) -> u32 {
        self.offset
    }

    /// Number of bytes, at least 1.
    #[must_use]
    pub const fn length(self) -> u32 {
        self.length
    }

    /// Whether it can be erased: both ends on a [`SECTOR`].
    #[must_use]
    pub const fn is_aligned(self) -> bool {
        self.offset.is_multiple_of(SECTOR) && self.length.is_multiple_of(SECTOR)
    }
}

macro_rules! bit_field {
    ($(#[$doc:meta])* $name:ident($max:literal) { $($(#[$bit_doc:meta])* $bit:ident = $mask:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct $name(u8);

        impl $name {
            /// `None` when a bit is set that has no meaning.
            #[must_use]
            pub const fn new(bits: u8) -> Option<Self> {
                if bits <= $max { Some(Self(bits)) } else { None }
            }

            /// All bits.
            #[must_use]
            pub const fn bits(self) -> u8 {
                self.0
            }

            $(
                $(#[$bit_doc])*
                #[must_use]
                pub const fn $bit(self) -> bool {
                    self.0 & $mask != 0
                }
            )*
        }

        impl<'a> Field<'a> for $name {
            fn read(given: Given<'a>) -> Result<Self, FieldError> {
                Self::new(unsigned(given)?).ok_or(FieldError::Range)
            }

            fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
                show(out, self.0)
            }
        }
    };
}

bit_field! {
    /// `AT+SYSMSG`: which messages are printed, and how. All bits are 0 after the first boot.
    SysMsg(7) {
        /// Print `+QUITT` when passthrough is left.
        reports_quit = 1,
        /// Print `+LINK_CONN:…` instead of `[<id>,]CONNECT`.
        detailed_connect = 2,
        /// Print connection messages in passthrough, too.
        reports_in_passthrough = 4,
    }
}

impl SysMsg {
    /// No bit set.
    pub const NONE: Self = Self(0);
}

bit_field! {
    /// Protected management frames, as `AT+CWJAP` takes them.
    Pmf(3) {
        /// Used where the access point can.
        capable = 1,
        /// An access point without them is refused.
        required = 2,
    }
}

bit_field! {
    /// Interfaces that have DHCP: `AT+CWDHCP`.
    DhcpInterfaces(7) {
        /// The station asks.
        station = 1,
        /// The soft-AP answers.
        soft_ap = 2,
        /// The wire.
        ethernet = 4,
    }
}

impl DhcpInterfaces {
    /// The station.
    pub const STATION: Self = Self(1);
    /// The soft-AP.
    pub const SOFT_AP: Self = Self(2);
    /// Station and soft-AP.
    pub const BOTH: Self = Self(3);

    /// With the bits of station and soft-AP exchanged, as firmware 1.x has them.
    pub(crate) const fn swapped(self) -> Self {
        let mut swapped = Self(self.0 & !Self::BOTH.0);
        if self.station() {
            swapped.0 |= Self::SOFT_AP.0;
        }
        if self.soft_ap() {
            swapped.0 |= Self::STATION.0;
        }
        swapped
    }

    /// These, with others added or taken away.
    #[must_use]
    pub const fn with(self, others: Self, enable: bool) -> Self {
        if enable {
            Self(self.0 | others.0)
        } else {
            Self(self.0 & !others.0)
        }
    }
}

impl Pmf {
    /// Capable, not required.
    pub const DEFAULT: Self = Self(1);
}

impl Args<'_> {
    /// The link number of one link; comes first, and only with [`Mux::Multiple`](crate::Mux::Multiple).
    ///
    /// # Errors
    ///
    /// [`ArgError`]: it is missing, or no number of a link.
    pub fn link(&mut self) -> Result<Option<LinkId>, ArgError> {
        self.link_as()
    }

    /// The link number or 5 for all; comes first, and only with [`Mux::Multiple`](crate::Mux::Multiple).
    ///
    /// # Errors
    ///
    /// [`ArgError`]: it is missing, or neither the number of a link nor 5.
    pub fn link_target(&mut self) -> Result<Option<LinkTarget>, ArgError> {
        self.link_as()
    }
}
