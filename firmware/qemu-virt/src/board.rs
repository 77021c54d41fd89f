//! QEMU's `virt` board: where things are, which interrupt is whose, and the ways out.

use at_grammar::commands::basic::UartConfig;
use at_grammar::types::{FlowControl, Parity, StopBits};
use at_modem::{Board, Unsupported};
#[cfg(feature = "rustls")]
use at_modem::{Ledger, MemoryReport};
use riscv::interrupt::{Exception, Interrupt};
use riscv_rt::TrapFrame;

use crate::mmio::Reg;
use crate::uart16550::{Line, Uart16550};
use crate::virtio;

/// The AT port.
// SAFETY: a 16550 of the `virt` board; no other code names its registers.
pub static UART: Uart16550 = unsafe { Uart16550::at(0x1000_0000) };
const UART_IRQ: u32 = 10;
/// Input clock of 3.6864 MHz by 16.
const UART_CLOCK: u32 = 230_400;
/// 115200, 8 data bits, no parity, one stop bit.
const UART_LINE: Line = Line {
    divisor: 2,
    control: 0x03,
};

/// SiFive test device: what ends or restarts the machine.
// SAFETY: the device is there on this board.
const FINISHER: Reg<u32> = unsafe { Reg::at(0x0010_0000) };
const FINISHER_RESET: u32 = 0x7777;

/// PLIC, hart 0 in machine mode: priorities, enable bits, threshold, and who interrupts.
const PLIC: usize = 0x0c00_0000;
// SAFETY: PLIC of the `virt` board; sources 0 to 31.
const PLIC_ENABLE: Reg<u32> = unsafe { Reg::at(PLIC + 0x2000) };
// SAFETY: PLIC of the `virt` board.
const PLIC_THRESHOLD: Reg<u32> = unsafe { Reg::at(PLIC + 0x20_0000) };
// SAFETY: PLIC of the `virt` board.
const PLIC_CLAIM: Reg<u32> = unsafe { Reg::at(PLIC + 0x20_0004) };

/// What a modem may ask of this board: the settings of its port.
#[derive(Debug, Clone, Copy)]
pub struct VirtBoard;

impl Board for VirtBoard {
    fn check_uart(&self, settings: &UartConfig) -> Result<(), Unsupported> {
        line(settings).map(drop).ok_or(Unsupported)
    }

    fn apply_uart(&self, settings: &UartConfig) -> Result<(), Unsupported> {
        UART.change_line(line(settings).ok_or(Unsupported)?);
        Ok(())
    }

    #[cfg(feature = "rustls")]
    fn memory(&self) -> Option<MemoryReport> {
        Some(crate::heap::report())
    }

    #[cfg(feature = "rustls")]
    fn ledger(&self) -> Option<&'static Ledger> {
        Some(&crate::heap::LEDGER)
    }
}

/// `None`: a 16550 with this clock cannot.
fn line(settings: &UartConfig) -> Option<Line> {
    let baud = settings.baud.get();
    let divisor = UART_CLOCK.saturating_add(baud / 2).checked_div(baud)?;
    let exact = UART_CLOCK.checked_div(divisor)?;
    // A receiver still agrees with its sender within 3 %.
    if exact.abs_diff(baud) > baud / 32 || settings.flow_control != FlowControl::None {
        return None;
    }
    let bits = settings.data_bits.get();
    let stop = match (settings.stop_bits, bits) {
        (StopBits::One, _) => 0,
        (StopBits::OneAndHalf, 5) => 0x04,
        (StopBits::Two, 6..) => 0x04,
        _ => return None,
    };
    let parity = match settings.parity {
        Parity::None => 0,
        Parity::Odd => 0x08,
        Parity::Even => 0x18,
    };
    let bits = u8::try_from(bits.checked_sub(5)?).ok()?;
    Some(Line {
        divisor: u16::try_from(divisor).ok()?,
        control: bits | stop | parity,
    })
}

/// Starts the port and lets interrupts in.
pub(crate) fn start() {
    UART.start(UART_LINE);
    let sources = [UART_IRQ].into_iter().chain(virtio::IRQS);
    let mut enabled = 0;
    for source in sources {
        let priority = usize::try_from(source * 4).unwrap_or(0) + PLIC;
        // SAFETY: PLIC of the `virt` board: a word of priority for each source.
        unsafe { Reg::<u32>::at(priority) }.write(1);
        enabled |= 1 << source;
    }
    PLIC_THRESHOLD.write(0);
    PLIC_ENABLE.write(enabled);
    // SAFETY: each source that is enabled has a handler below.
    unsafe { riscv::register::mie::set_mext() }
    // SAFETY: its handler is in `clint`; the comparator starts at its end.
    unsafe { riscv::register::mie::set_mtimer() }
    // SAFETY: no critical section is open, and all handlers are in place.
    unsafe { riscv::interrupt::enable() }
}

/// A word that no computation leaves behind everywhere.
const PAINT: u32 = 0xa5c3_3c5a;
/// What an interrupt may need meanwhile.
const MARGIN: usize = 1024;

/// Where the stack ends, at its lower end, and where it begins.
fn stack() -> core::ops::Range<usize> {
    unsafe extern "C" {
        // riscv-rt's names for the linker script's addresses: its bottom is called the end.
        static __estack: u32;
        static __sstack: u32;
    }
    (&raw const __estack).addr().next_multiple_of(4)..(&raw const __sstack).addr()
}

/// Paints the stack that is free now, so that [`stack_used`] can measure it.
pub fn paint_stack() {
    let here: usize;
    // SAFETY: reads the stack pointer.
    unsafe { core::arch::asm!("mv {}, sp", out(reg) here, options(nomem, nostack)) }
    let free = stack().start..here.saturating_sub(MARGIN);
    for address in free.step_by(4) {
        // SAFETY: RAM between the last static and the stack in use: no Rust object lies there.
        unsafe { Reg::<u32>::at(address) }.write(PAINT);
    }
}

/// Bytes of the stack that were ever in use.
#[must_use]
pub fn stack_used() -> usize {
    let stack = stack();
    let painted = |address: &usize| {
        // SAFETY: words of the stack, read as what they are.
        unsafe { Reg::<u32>::at(*address) }.read() == PAINT
    };
    let free = stack.clone().step_by(4).take_while(painted).count() * 4;
    stack.len().saturating_sub(free)
}

#[riscv_rt::core_interrupt(Interrupt::MachineExternal)]
fn external() {
    loop {
        match PLIC_CLAIM.read() {
            0 => return,
            source => {
                if source == UART_IRQ {
                    UART.on_interrupt();
                } else {
                    virtio::on_interrupt(source);
                }
                PLIC_CLAIM.write(source);
            }
        }
    }
}

/// The machine starts again; RAM keeps its content, the program is loaded again.
pub fn restart() -> ! {
    loop {
        FINISHER.write(FINISHER_RESET);
    }
}

/// A line in the log, and a new start: a module that has lost its way must not be silent for ever.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    log::error!("{info}");
    restart()
}

/// What no program does that is right.
// SAFETY: the name is that of riscv-rt's hook, and the signature its own.
#[unsafe(export_name = "ExceptionHandler")]
fn exception(frame: &TrapFrame) -> ! {
    panic!(
        "trap: cause {}, pc {:#x}, value {:#x}, ra {:#x}",
        riscv::register::mcause::read().code(),
        riscv::register::mepc::read(),
        riscv::register::mtval::read(),
        frame.ra
    )
}

/// A line for a log that nobody reads: the emulator was started without semihosting, and the call is
/// a plain breakpoint. It is passed over; -1 is what a call that failed returns.
#[riscv_rt::exception(Exception::Breakpoint)]
fn unheard(frame: &mut TrapFrame) {
    frame.a0 = usize::MAX;
    let after = riscv::register::mepc::read().wrapping_add(4);
    // SAFETY: `ebreak` of a semihosting call is never the short one, so the next instruction is there.
    unsafe { riscv::register::mepc::write(after) }
}
