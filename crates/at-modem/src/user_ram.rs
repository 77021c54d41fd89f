//! Memory that the host may use: `AT+USERRAM`.

/// Bytes there are. The reference firmware takes what its heap has; this is always there.
pub(crate) const CAPACITY: usize = 1024;

/// The host's memory; nothing of it outlives a restart.
pub(crate) struct UserRam {
    pub(crate) bytes: [u8; CAPACITY],
    /// How much of it the host has asked for; `None` before it did.
    pub(crate) size: Option<usize>,
}

impl UserRam {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; CAPACITY],
            size: None,
        }
    }

    /// A part of what was asked for.
    pub(crate) fn part(&mut self, offset: u32, len: u32) -> Option<&mut [u8]> {
        let from = usize::try_from(offset).ok()?;
        let to = from.checked_add(usize::try_from(len).ok()?)?;
        self.bytes.get_mut(..self.size?)?.get_mut(from..to)
    }
}
