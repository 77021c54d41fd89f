//! X.509 verify flags as Mbed TLS numbers them.

/// notAfter is in the past.
pub const EXPIRED: u32 = 0x01;
/// The name does not match.
pub const CN_MISMATCH: u32 = 0x04;
/// No chain to a trusted CA.
pub const NOT_TRUSTED: u32 = 0x08;
/// The peer sent no certificate.
pub const MISSING: u32 = 0x40;
/// Another reason.
pub const OTHER: u32 = 0x0100;
/// notBefore is in the future, or the clock was never set.
pub const FUTURE: u32 = 0x0200;
/// keyUsage does not allow what the certificate was used for.
pub const KEY_USAGE: u32 = 0x0800;
/// extendedKeyUsage does not allow it.
pub const EXT_KEY_USAGE: u32 = 0x1000;
/// The signature's hash is not acceptable.
pub const BAD_MD: u32 = 0x4000;
/// The key's algorithm is not acceptable.
pub const BAD_PK: u32 = 0x8000;
/// The key is too short or its curve is not acceptable.
pub const BAD_KEY: u32 = 0x0001_0000;
