//! The heap, which rustls alone uses: sessions take from it when they begin, and give back all of it.
//!
//! A session that needs more than is free ends the program: an allocation that fails is a panic.

use core::alloc::{GlobalAlloc, Layout};

use at_modem::MemoryReport;
use embedded_alloc::TlsfHeap;
use portable_atomic::{AtomicUsize, Ordering};

/// Bytes. A session with a client certificate and short chains takes 14 KB at most (docs/footprint.md); there are
/// two, and chains may be long.
const SIZE: usize = 64 * 1024;

/// What the allocator works on.
#[repr(C, align(16))]
struct Region([u8; SIZE]);

static mut HEAP_REGION: Region = Region([0; SIZE]);

/// The allocator, and the least that was ever free.
struct Heap {
    blocks: TlsfHeap,
    least_free: AtomicUsize,
}

#[global_allocator]
static HEAP: Heap = Heap {
    blocks: TlsfHeap::empty(),
    least_free: AtomicUsize::new(SIZE),
};

// SAFETY: each call is the same call of an allocator that is right.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let block = unsafe { GlobalAlloc::alloc(&self.blocks, layout) };
        // Walks the blocks, some hundred during a handshake: exact, and a thousandth of what the handshake takes.
        self.least_free
            .fetch_min(self.blocks.free(), Ordering::Relaxed);
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { GlobalAlloc::dealloc(&self.blocks, block, layout) }
    }
}

/// Gives the allocator its region. To be called once, before anything is allocated.
pub(crate) fn start() {
    let region = &raw mut HEAP_REGION;
    // SAFETY: the static is named here alone, and this is called once.
    unsafe { HEAP.blocks.init(region.expose_provenance(), SIZE) }
    HEAP.least_free.store(HEAP.blocks.free(), Ordering::Relaxed);
}

/// For `AT+SYSRAM?`.
pub(crate) fn report() -> MemoryReport {
    let bytes = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    MemoryReport {
        free: bytes(HEAP.blocks.free()),
        least_free: bytes(HEAP.least_free.load(Ordering::Relaxed)),
    }
}
