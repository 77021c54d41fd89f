//! What a modem runs on: seven parts, named once per board.
//!
//! ```text
//! Platform ─┬─ Net    sockets and names         edge-nal
//!           ├─ Extras ping, options, mDNS       `NetExtras`: what edge-nal has no API for
//!           ├─ Wifi   station and soft-AP       `wifi::Wifi`
//!           ├─ Flash  the whole NOR chip        embedded-storage-async
//!           ├─ Rng    cryptographic             rand_core
//!           ├─ Board  UART, memory, sleep       `Board`
//!           └─ Commands  of the user's own      `CustomCommands`
//! ```
//!
//! Everything that a board may lack has a default that says so, and the command that needs it
//! answers `ERROR`.

use core::net::SocketAddr;

use at_grammar::LinkId;
use at_grammar::commands::basic::UartConfig;
use at_grammar::types::SleepMode;
use embedded_storage_async::nor_flash::MultiwriteNorFlash;
use rand_core::CryptoRngCore;

use crate::answer::CustomCommands;
use crate::net::{NetExtras, Network};
use crate::unsupported::Unsupported;
use crate::why::Why;
use crate::wifi::Wifi;

/// The parts of one board.
pub trait Platform {
    /// Sockets and names.
    type Net: Network;
    /// What edge-nal has no API for; `()` if the stack has none of it.
    type Extras: NetExtras<Self::Net>;
    /// The radio, or what stands in for it.
    type Wifi: Wifi;
    /// The whole flash chip. Writes may clear bits of bytes that were written before.
    type Flash: MultiwriteNorFlash;
    /// A cryptographic source of randomness. Clones draw from the same source.
    type Rng: CryptoRngCore + Clone;
    /// The chip around it.
    type Board: Board;
    /// Commands of the user's own; `()` for none.
    type Commands: CustomCommands;
}

/// Memory as `AT+SYSRAM?` reports it, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MemoryReport {
    /// Free heap.
    pub free: u32,
    /// The least that was ever free.
    pub least_free: u32,
}

/// One kind of memory as `AT+SYSRAM=<caps>` reports it, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MemoryKind {
    /// The largest block that could be had.
    pub largest_block: u32,
    /// Free.
    pub free: u32,
    /// The least that was ever free.
    pub least_free: u32,
    /// All there is.
    pub total: u32,
}

/// What a reason is about: [`Board::note_reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReasonOf {
    /// An attempt to open this link failed, or a dry run on it.
    Refused(LinkId),
    /// This link was open, and ended.
    Ended(LinkId),
    /// The server refused this client; `None` where the server itself was not started.
    Client(Option<SocketAddr>),
    /// A command about TLS was refused for its text; the link, where the line names one.
    Command(Option<LinkId>),
}

/// The chip around the modem.
pub trait Board {
    /// Whether [`Self::apply_uart`] would do it. Asked before `OK`, which leaves with the old settings.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] if the chip cannot do it, as without an implementation.
    fn check_uart(&self, _settings: &UartConfig) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    /// Sets the AT port. Called when everything printed before has left it.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] if the chip cannot do it, as without an implementation.
    fn apply_uart(&self, _settings: &UartConfig) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    /// Heap, where there is one.
    fn memory(&self) -> Option<MemoryReport> {
        None
    }

    /// Who was promised how much of the heap, which TLS sessions of rustls take from. Without one, a session begins
    /// whatever is free, and a request that fails ends the program.
    #[cfg(feature = "rustls")]
    fn ledger(&self) -> Option<&'static tls_session::Ledger> {
        None
    }

    /// Whether a server may have a key of RSA-4096. Its signature takes 700 M instructions, 4.3 s at 160 MHz with one per
    /// cycle, in which no link and no command is served; each client has one made before it has proved anything.
    fn serves_with_slow_keys(&self) -> bool {
        false
    }

    /// Memory with these capabilities, as ESP-IDF numbers them.
    fn memory_of(&self, _capabilities: u32) -> Option<MemoryKind> {
        None
    }

    /// Flash address of the program that runs. Without it, it is taken for the one that OTA data selects, which is
    /// another only if that one is damaged.
    fn program_address(&self) -> Option<u32> {
        None
    }

    /// Temperature of the chip in hundredths of a degree Celsius.
    fn temperature(&self) -> Option<i16> {
        None
    }

    /// A pin whose level ends light sleep.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] if the chip cannot do it, as without an implementation.
    fn wake_on(&self, _pin: u8, _high: bool) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    /// Chooses how the chip sleeps while nothing happens.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] if the chip cannot do it, as without an implementation.
    fn set_sleep(&self, _mode: SleepMode) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    /// Each reason that `AT+SSLWHY?` would report, once, when it is known. Called between two bytes of the AT port: it
    /// must not wait. A board that has no use for it pays nothing.
    #[inline]
    fn note_reason(&self, _of: ReasonOf, _why: &Why) {}
}

/// A board with nothing but what a modem must have.
impl Board for () {}
