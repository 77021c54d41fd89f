//! What a modem runs on: five parts, named once per board.
//!
//! ```text
//! Platform ─┬─ Net    sockets, names, ping      edge-nal, and `Network` for what it has no word for
//!           ├─ Wifi   station and soft-AP       `wifi::Wifi`
//!           ├─ Flash  the whole NOR chip        embedded-storage-async
//!           ├─ Rng    cryptographic             rand_core
//!           └─ Board  UART, memory, sleep       `Board`
//! ```
//!
//! Everything that a board may lack has a default that says so, and the command that needs it
//! answers `ERROR`.

use core::net::IpAddr;

use at_grammar::commands::basic::UartConfig;
use at_grammar::commands::mdns::Service;
use edge_nal::{Dns, TcpBind, TcpConnect, UdpBind};
use embedded_storage_async::nor_flash::MultiwriteNorFlash;
use rand_core::CryptoRngCore;

use crate::wifi::Wifi;

/// The parts of one board.
pub trait Platform {
    /// Sockets and names.
    type Net: Network;
    /// The radio, or what stands in for it.
    type Wifi: Wifi;
    /// The whole flash chip. Writes may clear bits of bytes that were written before.
    type Flash: MultiwriteNorFlash;
    /// A cryptographic source of randomness. Clones draw from the same source.
    type Rng: CryptoRngCore + Clone;
    /// The chip around it.
    type Board: Board;
}

/// A board does not have this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Unsupported;

impl core::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("this board does not have it")
    }
}

impl core::error::Error for Unsupported {}

/// Options of a TCP connection (spec: at-commands B.4, CIPTCPOPT).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TcpOptions {
    /// Seconds that closing waits for unsent data; `None` does not wait and does not reset.
    pub linger: Option<u16>,
    /// Send small segments at once.
    pub no_delay: bool,
    /// Seconds of silence before the peer is probed, every second, three times; 0 for never.
    pub keep_alive: u16,
}

/// Why an echo request got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PingError {
    /// This stack sends no echo requests.
    Unsupported,
    /// It could not be sent, or came back undeliverable.
    Failed,
}

/// A network stack. What edge-nal has no word for has a default, for a stack that cannot do it.
///
/// It must allow five TCP connections at once, one more that is being turned away by a server, a
/// listener, and a UDP socket per link and for SNTP.
pub trait Network: TcpConnect + TcpBind + UdpBind + Dns {
    /// Sends one ICMP echo request and waits for its answer, as long as the caller waits.
    async fn ping(&self, _to: IpAddr) -> Result<(), PingError> {
        Err(PingError::Unsupported)
    }

    /// Our port of a connection we opened.
    fn local_port(_socket: &<Self as TcpConnect>::Socket<'_>) -> Option<u16> {
        None
    }

    /// Sets the options of a connection we opened. A stack that lacks one leaves it out.
    fn set_options(_socket: &<Self as TcpConnect>::Socket<'_>, _options: TcpOptions) {}

    /// What mDNS answers from now on: `AT+MDNS`.
    fn set_mdns(&self, _service: Option<&Service<'_>>) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    /// Name servers to ask from now on; empty for those that DHCP told. False if the stack has no say.
    fn set_dns_servers(&self, _servers: &[IpAddr]) -> bool {
        false
    }
}

/// Memory as `AT+SYSRAM?` tells it, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MemoryReport {
    /// Free heap.
    pub free: u32,
    /// The least that was ever free.
    pub least_free: u32,
}

/// One kind of memory as `AT+SYSRAM=<caps>` tells it, in bytes.
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

/// `AT+SLEEP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SleepMode {
    /// Always awake.
    Off,
    /// The radio sleeps between DTIM beacons.
    Modem,
    /// The chip sleeps between beacons.
    Light,
    /// The radio sleeps for the listen interval.
    ModemByListenInterval,
}

/// The chip around the modem.
pub trait Board {
    /// Whether [`Self::apply_uart`] would do it. Asked before `OK`, which leaves with the old settings.
    fn check_uart(&self, _settings: &UartConfig) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    /// Sets the AT port. Called when everything printed before has left it.
    fn apply_uart(&self, _settings: &UartConfig) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    /// Heap, where there is one.
    fn memory(&self) -> Option<MemoryReport> {
        None
    }

    /// Memory with these capabilities, as ESP-IDF numbers them.
    fn memory_of(&self, _capabilities: u32) -> Option<MemoryKind> {
        None
    }

    /// Temperature of the chip in hundredths of a degree Celsius.
    fn temperature(&self) -> Option<i16> {
        None
    }

    /// A pin whose level ends light sleep.
    fn wake_on(&self, _pin: u8, _high: bool) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    /// Chooses how the chip sleeps while nothing happens.
    fn set_sleep(&self, _mode: SleepMode) -> Result<(), Unsupported> {
        Err(Unsupported)
    }
}

/// A board with nothing but what a modem must have.
impl Board for () {}
