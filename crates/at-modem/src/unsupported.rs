//! What a board, a radio or a network stack answers for a feature it does not have.

/// The feature is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Unsupported;

impl core::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("this board does not have it")
    }
}

impl core::error::Error for Unsupported {}
