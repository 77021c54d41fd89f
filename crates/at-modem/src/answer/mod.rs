//! How a command ends: what it leaves to be printed, or why it failed; and commands of the user's own.

mod custom;

pub(crate) use crate::failure::{CommandError, Failure};
pub(crate) use custom::erased;
pub use custom::{Answer, CustomCommands};

/// How a command ended, as far as it has not said so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Done {
    /// `OK` is still to be printed.
    Ok,
    /// Everything was printed.
    Printed,
    /// Everything was printed, and the modem restarts.
    Restart,
    /// Everything was printed, and the modem sleeps for so many milliseconds.
    Sleep(u32),
}
