//! Sizes of records.

/// Bytes of the largest incoming record: 2^14 of content and 256 of expansion (RFC 8446 §5.2).
pub const FULL_RECORD: usize = 16_640;
