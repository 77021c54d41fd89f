//! The heap of the radio and the heap of TLS sessions: neither takes from the other.
//!
//! ```text
//! radio, C code ── malloc ───────────────────────────▶ radio's    full: null, a frame is lost
//! Rust ──────── allocator ─┬─────────────────────────▶ radio's    full: a panic
//!                          └─ in a call of rustls ───▶ sessions'  full: the reserve; the session ends
//! ```
//!
//! A session of rustls begins only if all that it may need is free and promised to no other ([`LEDGER`]); else it is
//! refused with both numbers. The radio's worst case is in docs/footprint.md, "Heap of the radio".

use core::alloc::{GlobalAlloc, Layout};

use at_modem::MemoryReport;

#[cfg(feature = "rustls")]
pub(crate) use self::sessions::LEDGER;

/// Of the RAM that the bootloader leaves behind, 64 KiB, what the radio and the scheduler get. Without a radio the scheduler
/// is alone.
#[cfg(not(all(feature = "openeth", feature = "rustls")))]
const RADIO: usize = 64 * 1024;
#[cfg(all(feature = "openeth", feature = "rustls"))]
const RADIO: usize = 8 * 1024;

/// For what comes on top while all buffers are full and a scan finds many. An allocation of esp-radio's that fails
/// is a panic.
#[cfg(not(feature = "openeth"))]
const BUSY: usize = 1024
    * match cfg!(feature = "soft-ap") {
        false => 12,
        // An access point takes 6 KiB (esp-radio's own measurement), its stations the rest.
        true if crate::chip::TIGHT => 10,
        true => 20,
    };

/// The radio's heap, as an allocator of Rust's.
struct Radio;

// SAFETY: it is esp-alloc's own allocator.
unsafe impl GlobalAlloc for Radio {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { esp_alloc::HEAP.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { GlobalAlloc::dealloc(&esp_alloc::HEAP, block, layout) }
    }
}

#[cfg(not(feature = "rustls"))]
#[global_allocator]
static HEAP: Radio = Radio;

/// Gives both their memory. To be called once, before anything is allocated.
pub(crate) fn start() {
    esp_alloc::heap_allocator!(#[esp_hal::ram(reclaimed)] size: RADIO);
    #[cfg(not(feature = "openeth"))]
    esp_alloc::heap_allocator!(size: BUSY);
    #[cfg(feature = "rustls")]
    sessions::start();
}

/// For `AT+SYSRAM?`: both heaps. Each had its least at a time of its own, so together at least that much was free.
pub(crate) fn report() -> MemoryReport {
    let radio = esp_alloc::HEAP.stats();
    let free = radio.size.saturating_sub(radio.current_usage);
    let least = radio.size.saturating_sub(radio.max_usage);
    #[cfg(feature = "rustls")]
    let (free, least) = (
        free.saturating_add(sessions::HEAP.free()),
        least.saturating_add(sessions::HEAP.least_free()),
    );
    let bytes = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    MemoryReport {
        free: bytes(free),
        least_free: bytes(least),
    }
}

#[cfg(feature = "rustls")]
mod sessions {
    use core::mem::MaybeUninit;

    use at_modem::{Caps, Heap, Ledger};
    use session_heap::SessionHeap;

    use super::Radio;
    use crate::guard;

    /// Bytes for sessions: docs/footprint.md, "Heap of TLS sessions".
    const SIZE: usize = 1024
        * match (cfg!(feature = "openeth"), cfg!(feature = "esp32c3")) {
            // What the bootloader leaves, less the scheduler's and the reserve.
            (true, _) => 48,
            (false, true) => 8,
            // TLS 1.3 with a client certificate of RSA-4096; what it may need in TLS 1.2, 55 KB, there is not.
            (false, false) => 36,
        };
    /// For a request that finds no room all the same: what one call of rustls takes.
    const RESERVE: usize = 8 * 1024;

    #[global_allocator]
    pub(super) static HEAP: SessionHeap<Radio> = SessionHeap::beside(Radio);

    /// The longest chain that is verified has an RSA-4096 leaf and six intermediates, 8.9 KB.
    const CAPS: Caps = Caps {
        flight: 10 * 1024,
        ..Caps::SMALL
    };

    /// Who was promised how much of it.
    pub(crate) static LEDGER: Ledger = Ledger::new(&Sessions, CAPS);

    /// As sessions see it.
    struct Sessions;

    impl Heap for Sessions {
        fn free(&self) -> usize {
            HEAP.free()
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

    /// A piece of RAM that holds nothing yet.
    type Bytes<const N: usize> = [MaybeUninit<u8>; N];

    #[cfg_attr(feature = "openeth", esp_hal::ram(reclaimed))]
    static mut SESSIONS: MaybeUninit<Bytes<SIZE>> = MaybeUninit::uninit();
    #[cfg_attr(feature = "openeth", esp_hal::ram(reclaimed))]
    static mut SPARE: MaybeUninit<Bytes<RESERVE>> = MaybeUninit::uninit();

    pub(super) fn start() {
        // SAFETY: the only references to both, made once; bytes that need no value have one.
        let (sessions, spare) = unsafe {
            (
                (&mut *(&raw mut SESSIONS)).assume_init_mut(),
                (&mut *(&raw mut SPARE)).assume_init_mut(),
            )
        };
        // Threads of the radio allocate while rustls is at work, so the thread counts.
        HEAP.start_on_thread(sessions, spare, guard::on_main);
    }
}
