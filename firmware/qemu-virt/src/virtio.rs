//! virtio over memory-mapped registers: where the devices are, and memory that they may write to.

use core::ptr::NonNull;

use embassy_sync::waitqueue::AtomicWaker;
use portable_atomic::{AtomicUsize, Ordering};
use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};
use virtio_drivers::transport::{DeviceType, Transport};
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

use crate::mmio::Reg;

/// Slots of the `virt` board, most of them empty.
const SLOTS: usize = 8;
const FIRST: usize = 0x1000_1000;
const STRIDE: usize = 0x1000;
const INTERRUPT_STATUS: usize = 0x60;
const INTERRUPT_ACK: usize = 0x64;

/// Interrupt of each slot.
pub(crate) const IRQS: core::ops::RangeInclusive<u32> = 1..=8;

/// Who waits for a device of this board: the network alone.
pub(crate) static ARRIVED: AtomicWaker = AtomicWaker::new();

pub(crate) type BoardTransport = MmioTransport<'static>;

/// The device of this kind, if the emulator was given one.
pub(crate) fn find(kind: DeviceType) -> Option<BoardTransport> {
    (0..SLOTS).find_map(|slot| {
        let header = NonNull::new(core::ptr::without_provenance_mut::<VirtIOHeader>(
            FIRST + slot * STRIDE,
        ))?;
        // SAFETY: a slot of the `virt` board, there for ever; each kind of device is asked for once.
        let transport = unsafe { MmioTransport::new(header, STRIDE) }.ok()?;
        if transport.device_type() == kind {
            return Some(transport);
        }
        // Dropping it would reset a device that may be in use already.
        core::mem::forget(transport);
        None
    })
}

/// Takes the interrupt back at its device, and wakes who waits.
pub(crate) fn on_interrupt(source: u32) {
    let slot = usize::try_from(source).unwrap_or(1).saturating_sub(1);
    let base = FIRST + slot * STRIDE;
    // SAFETY: a slot of the `virt` board.
    let status: Reg<u32> = unsafe { Reg::at(base + INTERRUPT_STATUS) };
    // SAFETY: as above; the drivers do not use this register.
    let ack: Reg<u32> = unsafe { Reg::at(base + INTERRUPT_ACK) };
    ack.write(status.read());
    ARRIVED.wake();
}

/// Pages for the queues: two of the network, one of the randomness, each two pages in the legacy
/// layout, which QEMU's board has by default.
const PAGES: usize = 6;

#[repr(C, align(4096))]
struct Pages([u8; PAGES * PAGE_SIZE]);

/// Where addresses are physical, nothing is cached and nothing that is taken is ever given back.
pub(crate) struct BoardHal;

// SAFETY: `dma_alloc` hands out each page of its own static once, zeroed by start-up; addresses are
// physical on this board, so sharing is nothing but naming.
unsafe impl Hal for BoardHal {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        static mut DMA_PAGES: Pages = Pages([0; PAGES * PAGE_SIZE]);
        static USED: AtomicUsize = AtomicUsize::new(0);
        let at = USED.fetch_add(pages, Ordering::Relaxed);
        let memory = &raw mut DMA_PAGES;
        if at.saturating_add(pages) > PAGES {
            // An address of 0 is how this interface says no.
            return (0, NonNull::dangling());
        }
        let page = memory.cast::<u8>().wrapping_add(at * PAGE_SIZE);
        (
            address(page),
            NonNull::new(page).unwrap_or(NonNull::dangling()),
        )
    }

    unsafe fn dma_dealloc(_: PhysAddr, _: NonNull<u8>, _: usize) -> i32 {
        // Devices are found at start and kept.
        0
    }

    unsafe fn mmio_phys_to_virt(_: PhysAddr, _: usize) -> NonNull<u8> {
        // Asked for PCI devices only.
        NonNull::dangling()
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        address(buffer.as_ptr().cast())
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}

fn address(pointer: *mut u8) -> PhysAddr {
    // The device gets its address, so the compiler must assume that it writes there.
    PhysAddr::try_from(pointer.expose_provenance()).unwrap_or(0)
}
