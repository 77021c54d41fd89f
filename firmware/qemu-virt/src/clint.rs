//! CLINT: the board's clock of 10 MHz, as the driver of embassy-time.

use core::cell::RefCell;
use core::task::Waker;

use critical_section::Mutex;
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;
use riscv::interrupt::Interrupt;

use crate::mmio::Reg;

// SAFETY: CLINT of the `virt` board, hart 0.
const MTIMECMP: Reg<u32> = unsafe { Reg::at(0x0200_4000) };
// SAFETY: as above, upper half.
const MTIMECMP_HIGH: Reg<u32> = unsafe { Reg::at(0x0200_4004) };
// SAFETY: CLINT of the `virt` board.
const MTIME: Reg<u32> = unsafe { Reg::at(0x0200_bff8) };
// SAFETY: as above, upper half.
const MTIME_HIGH: Reg<u32> = unsafe { Reg::at(0x0200_bffc) };

struct Clint {
    queue: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static CLINT: Clint = Clint {
    queue: Mutex::new(RefCell::new(Queue::new())),
});

impl Driver for Clint {
    fn now(&self) -> u64 {
        loop {
            let high = MTIME_HIGH.read();
            let low = MTIME.read();
            // The low half may have run over between the reads.
            if MTIME_HIGH.read() == high {
                return u64::from(high) << 32 | u64::from(low);
            }
        }
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|token| {
            let mut queue = self.queue.borrow_ref_mut(token);
            if queue.schedule_wake(at, waker) {
                self.arm(&mut queue);
            }
        });
    }
}

impl Clint {
    /// Wakes who is due, and sets the comparator for the next. One that is due meanwhile needs no
    /// care: the comparator is a level, so it interrupts at once.
    fn arm(&self, queue: &mut Queue) {
        let next = queue.next_expiration(self.now());
        // Never a moment that is earlier than both the old and the new one.
        MTIMECMP_HIGH.write(u32::MAX);
        MTIMECMP.write(low(next));
        MTIMECMP_HIGH.write(low(next >> 32));
    }
}

fn low(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[riscv_rt::core_interrupt(Interrupt::MachineTimer)]
fn due() {
    critical_section::with(|token| CLINT.arm(&mut CLINT.queue.borrow_ref_mut(token)));
}
