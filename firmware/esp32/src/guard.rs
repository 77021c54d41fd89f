//! The end of the main thread's stack: an overflow restarts the chip, and the next start says so.
//!
//! ```text
//! _stack_start_cpu0   the first frame
//!                     …
//! end + RESERVE       the debug assistant of the chip compares each new stack pointer with this
//!                     room for the interrupt that it raises
//! _stack_end_cpu0     statics
//! ```
//!
//! The comparison is with the pointer, not with what is stored: a frame of 28 KiB is noticed before the
//! function that it belongs to stores anything. Threads of the radio have their stacks on the heap, of
//! which the larger part, which is used first, lies above.

use core::ptr::addr_of;

use esp_hal::assist_debug::DebugAssist;
use esp_hal::handler;
use esp_hal::interrupt::Priority;
use esp_hal::peripherals::ASSIST_DEBUG;
use portable_atomic::{AtomicU32, Ordering};

/// Bytes that the interrupt and its handler need.
const RESERVE: u32 = 1024;

/// What [`NOTED`] holds after an overflow; anything else is what the RAM held when power came.
const OVERFLOW: u32 = 0x51ac_0f10;

/// Kept over a restart, lost with the power.
#[esp_hal::ram(unstable(rtc_fast, persistent))]
static NOTED: AtomicU32 = AtomicU32::new(0);
/// The instruction that moved the stack pointer there.
#[esp_hal::ram(unstable(rtc_fast, persistent))]
static CULPRIT: AtomicU32 = AtomicU32::new(0);

/// The main thread.
static MAIN: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" {
    static _stack_end_cpu0: u32;
}

/// The thread that runs, by the register that esp-rtos keeps for that; 0 if none does.
fn thread() -> u32 {
    let pointer;
    // SAFETY: it reads a register.
    unsafe { core::arch::asm!("mv {}, tp", out(reg) pointer, options(nomem, nostack)) };
    pointer
}

/// Whether the main thread runs, or an interrupt on its stack; also before there are threads.
#[cfg(feature = "rustls")]
pub(crate) fn on_main() -> bool {
    [0, MAIN.load(Ordering::Relaxed)].contains(&thread())
}

/// Says in the log, as text like a panic, that the last run ended with an overflow.
pub(crate) fn report() {
    if NOTED.swap(0, Ordering::Relaxed) == OVERFLOW {
        let at = CULPRIT.load(Ordering::Relaxed);
        esp_println::println!("====================== STACK OVERFLOW ======================");
        esp_println::println!("before this start, by the instruction at {at:#x}");
    }
}

/// Watches the stack from now on. Called on the main thread, when there are threads.
pub(crate) fn watch(assist: ASSIST_DEBUG<'static>) {
    MAIN.store(thread(), Ordering::Relaxed);
    // The address of a symbol of the linker; nothing is read.
    let end = addr_of!(_stack_end_cpu0).addr();
    let lowest = u32::try_from(end).unwrap_or(0).saturating_add(RESERVE);
    let mut monitor = DebugAssist::new(assist);
    monitor.set_interrupt_handler(overflow);
    monitor.enable_sp_monitor(lowest, u32::MAX);
}

/// Runs on the stack that is full: what it overwrites does not matter any more.
#[handler(priority = Priority::max())]
fn overflow() {
    // SAFETY: `watch` has dropped the only other handle.
    let mut monitor = DebugAssist::new(unsafe { ASSIST_DEBUG::steal() });
    if ![0, MAIN.load(Ordering::Relaxed)].contains(&thread()) {
        // Another thread, whose stack lies below; esp-rtos guards it by itself.
        monitor.disable_sp_monitor();
        monitor.clear_sp_monitor_interrupt();
        defmt::warn!("the end of the main stack is not watched");
        return;
    }
    CULPRIT.store(monitor.sp_monitor_pc(), Ordering::Relaxed);
    NOTED.store(OVERFLOW, Ordering::Relaxed);
    esp_hal::system::software_reset()
}
