//! How long a handshake may take.

/// How long a handshake may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Deadlines {
    /// Milliseconds without a byte from or to the peer.
    pub step_ms: u32,
    /// Milliseconds from ClientHello to the end.
    pub handshake_ms: u32,
}

impl Default for Deadlines {
    /// 10 s per step, as ESP-AT waits per packet; 30 s in all.
    fn default() -> Self {
        Self {
            step_ms: 10_000,
            handshake_ms: 30_000,
        }
    }
}
