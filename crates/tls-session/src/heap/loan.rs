//! Bytes of the heap for a record: there while it is under way, and wiped when they go back.
//!
//! ```text
//! header of a record ─▶ Ledger::lends ─┬─ now ───▶ Loan ─▶ read, decrypted, taken by the caller ─▶ back
//!                                      ├─ later ─▶ waits for another session's loan, or the end of a handshake
//!                                      └─ never ─▶ the session ends with no_memory
//! ```

use alloc::vec::Vec;

use zeroize::Zeroize;

use super::{Ledger, run};
use crate::budget::Direction;
use crate::reason::CapacityError;

/// Bytes for records of one session.
pub(crate) struct Loan {
    bytes: Vec<u8>,
    /// Who counts it, and for which direction.
    counted: Option<(&'static Ledger, Direction)>,
}

impl Loan {
    /// No bytes.
    pub(crate) const NONE: Self = Self {
        bytes: Vec::new(),
        counted: None,
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
            loan.counted = Some((ledger, direction));
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
            bytes,
            counted: None,
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

    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Loan {
    /// Data were decrypted in place.
    fn drop(&mut self) {
        let len = self.bytes.len();
        self.bytes.zeroize();
        self.bytes = Vec::new();
        if let Some((ledger, direction)) = self.counted {
            ledger.given_back(direction, len);
        }
    }
}
