//! Bytes of the heap for a record: there while it is under way, and wiped when they go back.
//!
//! ```text
//! header of a record ─▶ Ledger::lends ─┬─ now ───▶ Loan ─▶ read, decrypted, taken by the caller ─▶ back
//!                                      ├─ later ─▶ waits for another session's loan, or the end of a handshake
//!                                      └─ never ─▶ the session ends with no_memory
//! ```

use alloc::boxed::Box;
use alloc::vec::Vec;

use zeroize::Zeroize;

use super::{Ledger, run};
use crate::budget::Direction;
use crate::reason::CapacityError;

/// Bytes for records of one session.
// Fields whose "none" is zero in memory: an empty `Vec` is not, nor is an `Option` of a pair. With one of those the static
// that holds a session's memory, with all buffers of a modem around it (93 KB), would lie in flash as well.
pub(crate) struct Loan {
    bytes: Option<Box<[u8]>>,
    /// Who counts it.
    ledger: Option<&'static Ledger>,
    direction: Direction,
}

impl Loan {
    /// No bytes. All zero.
    pub(crate) const NONE: Self = Self {
        bytes: None,
        ledger: None,
        direction: Direction::In,
    };

    /// Takes so many bytes, all zero, in a call of its own: what came from the reserve, which the engine may need, goes
    /// back at once.
    pub(crate) fn take(
        ledger: Option<&'static Ledger>,
        direction: Direction,
        len: usize,
    ) -> Result<Self, CapacityError> {
        let (loan, outcome) = run(ledger, || Self::uncounted(len));
        outcome?;
        let mut loan = loan?;
        if let Some(ledger) = ledger {
            ledger.lent(direction, len);
            (loan.ledger, loan.direction) = (Some(ledger), direction);
        }
        Ok(loan)
    }

    fn uncounted(len: usize) -> Result<Self, CapacityError> {
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(len).is_err() {
            return Err(CapacityError::no_memory(len, 0));
        }
        bytes.resize(len, 0);
        Ok(Self {
            // As long as it was asked for, so nothing is moved.
            bytes: Some(bytes.into_boxed_slice()),
            ..Self::NONE
        })
    }

    /// A buffer for each direction, for an engine that keeps both as long as its session lasts.
    pub(crate) fn pair(
        ledger: Option<&'static Ledger>,
        lengths: [usize; 2],
    ) -> Result<[Self; 2], CapacityError> {
        if let Some(ledger) = ledger {
            ledger.check_buffers(lengths)?;
        }
        let [incoming, outgoing] = lengths;
        let (pair, outcome) = run(ledger, || {
            Ok([Self::uncounted(incoming)?, Self::uncounted(outgoing)?])
        });
        outcome?;
        pair
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or_default()
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.as_deref_mut().unwrap_or_default()
    }
}

impl Drop for Loan {
    /// Data were decrypted in place.
    fn drop(&mut self) {
        let len = self.bytes().len();
        self.bytes_mut().zeroize();
        // Before it is counted as free.
        drop(self.bytes.take());
        if let Some(ledger) = self.ledger {
            ledger.given_back(self.direction, len);
        }
    }
}
