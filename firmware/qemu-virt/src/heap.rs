//! The heap, which rustls alone uses: sessions take from it when they begin, and give back all of it.

use core::mem::MaybeUninit;

use at_modem::{Caps, Heap, Ledger, MemoryReport};
use session_heap::{Faults, Nobody, SessionHeap};
use static_cell::ConstStaticCell;

use crate::faults;

/// Bytes. A session with a client certificate that allows TLS 1.2 may need 55 KB where both sides have P-256
/// (docs/footprint.md).
const SIZE: usize = 64 * 1024;
/// For a request that finds no room all the same: what one call of rustls takes.
const RESERVE: usize = 8 * 1024;

#[global_allocator]
static HEAP: SessionHeap<Nobody> = SessionHeap::alone();

/// Who was promised how much of it.
pub(crate) static LEDGER: Ledger = Ledger::new(&Sessions, Caps::SMALL);

/// As sessions see it.
struct Sessions;

impl Heap for Sessions {
    fn free(&self) -> usize {
        faults::seen(HEAP.free())
    }

    fn largest(&self) -> usize {
        HEAP.largest()
    }

    fn enter(&self) {
        HEAP.enter();
    }

    fn leave(&self) -> Option<usize> {
        HEAP.leave()
    }
}

/// Gives the allocator its memory. To be called once, before anything is allocated.
pub(crate) fn start() {
    static SESSIONS: ConstStaticCell<[MaybeUninit<u8>; SIZE]> =
        ConstStaticCell::new([MaybeUninit::uninit(); SIZE]);
    static SPARE: ConstStaticCell<[MaybeUninit<u8>; RESERVE]> =
        ConstStaticCell::new([MaybeUninit::uninit(); RESERVE]);
    HEAP.start(SESSIONS.take(), SPARE.take());
}

/// For `AT+SYSRAM?`.
pub(crate) fn report() -> MemoryReport {
    let bytes = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    MemoryReport {
        free: bytes(HEAP.free()),
        least_free: bytes(HEAP.least_free()),
    }
}

/// Lets requests of sessions fail.
pub(crate) fn inject(faults: Faults) {
    HEAP.inject(faults);
}

/// Requests of sessions since [`inject`], and bytes that the reserve has free.
pub(crate) fn requests() -> (u32, u32) {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    (count(HEAP.requests()), count(HEAP.reserve_free()))
}
