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

pub use address::{Mac, OwnMac};
pub use codes::{
    AuthMode, CountryPolicy, Encryption, Family, FlowControl, IpPreference, JoinFailure,
    LengthReport, MfgType, NetInterface, Parity, PolicyMode, Protocol, ReceiveMode, RestartMode,
    ScanMode, ScanType, SleepMode, SoftApSecurity, StationState, StatusCode, StopBits,
    StreamTransport, Terminal, TlsVersion, TransferMode, Transport, UdpMode, WifiCipher, WifiMode,
    WifiProtocol,
};
pub use digest::Sha256;
pub use number::{
    Bounded, DhcpInterfaces, FlashRange, LinkId, LinkTarget, Pmf, Port, SECTOR, SysMsg,
};
pub use strings::{
    AlpnName, CountryCode, HostName, MdnsName, MfgName, PartitionName, Password, PskHex,
    PskIdentity, PskKey, ServerName, Ssid, StationName, UpdateName,
};
pub use time::{LocalTime, ZoneOffset};
