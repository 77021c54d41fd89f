//! Domain types: what a parameter or a reply field is, once it is no longer bytes.
//!
//! A value that has one of these types is in its documented range. Codes are taken from and
//! written to the wire in one place, here.

mod address;
mod codes;
mod digest;
mod number;
mod strings;
mod time;

pub use address::Mac;
pub use codes::{
    AuthMode, Dialect, Encryption, Family, FlowControl, IpPreference, JoinFailure, LengthReport,
    NetInterface, Parity, Protocol, ReceiveMode, RestartMode, ScanMode, ScanType, StationState,
    StatusCode, StopBits, StreamTransport, Terminal, TransferMode, Transport, UdpMode, WifiCipher,
    WifiMode,
};
pub use digest::Sha256;
pub use number::{Bounded, FlashRange, LinkId, LinkTarget, Pmf, Port, SECTOR, SysMsg};
pub use strings::{
    AlpnName, HostName, PartitionName, Password, PskHex, PskIdentity, PskKey, ServerName, Ssid,
};
pub use time::{LocalTime, ZoneOffset};
