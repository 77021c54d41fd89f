//! The OpenCores Ethernet controller of Espressif's QEMU, for embassy-net (spec: openeth 1 to 4).
//!
//! ```text
//! 0x00 MODER   0x04 INT_SOURCE   0x08 INT_MASK   0x20 TX_BD_NUM   0x40 MAC_ADDR0   0x44 MAC_ADDR1
//! 0x48 HASH0   0x4c HASH1   0x400 descriptors: 1 to send, then 8 to receive
//! descriptor = length << 16 | flags, address of the buffer
//! ```
//!
//! No module has it. The controller works inside the store that starts it: one buffer to send is
//! enough, and a frame that finds no buffer to be received into is dropped.

use core::cell::Cell;
use core::sync::atomic::{Ordering, fence};
use core::task::Context;

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embassy_sync::waitqueue::AtomicWaker;
use esp_hal::interrupt::{InterruptHandler, Priority, bind_handler};
use esp_hal::peripherals::Interrupt;
use static_cell::ConstStaticCell;

/// Where it is, and its interrupt: the radio's, which is not there.
#[cfg(not(feature = "esp32"))]
const PLACE: (usize, Interrupt) = (0x600c_d000, Interrupt::WIFI_MAC);
#[cfg(feature = "esp32")]
const PLACE: (usize, Interrupt) = (0x3ff6_9000, Interrupt::ETH_MAC);

const MODER: usize = 0x00;
const INT_SOURCE: usize = 0x04;
const INT_MASK: usize = 0x08;
const TX_BD_NUM: usize = 0x20;
const MAC_ADDR0: usize = 0x40;
const MAC_ADDR1: usize = 0x44;
const HASH0: usize = 0x48;
const HASH1: usize = 0x4c;
const DESCRIPTORS: usize = 0x400;

const RESET: u32 = 1 << 11;
/// Receiver, transmitter, full duplex, CRC, padding.
const RUN: u32 = 1 | 1 << 1 | 1 << 10 | 1 << 13 | 1 << 15;
/// A frame has left, a frame has come, a frame was dropped.
const EVENTS: u32 = 0x15;
/// Of a descriptor: the controller's turn, and an interrupt at the end of it.
const OWNED: u32 = 1 << 15;
const NOTIFY: u32 = 1 << 14;
/// Of the last descriptor each way.
const LAST: u32 = 1 << 13;
/// Of the one to send: to be padded, with a CRC.
const WHOLE: u32 = 1 << 12 | 1 << 11;

const FRAME: usize = 1536;
/// Buffers; the first is sent from.
const BUFFERS: usize = 9;
/// Header and payload of Ethernet.
const MTU: usize = 1514;
/// The frame check sequence counts as received.
const FCS: usize = 4;

static WAKER: AtomicWaker = AtomicWaker::new();

fn read(offset: usize) -> u32 {
    let register = core::ptr::with_exposed_provenance::<u32>(PLACE.0 + offset);
    // SAFETY: a register or descriptor of the controller, readable at any time.
    unsafe { register.read_volatile() }
}

fn write(offset: usize, value: u32) {
    let register = core::ptr::with_exposed_provenance_mut::<u32>(PLACE.0 + offset);
    // SAFETY: as above; buffers are handed over by `OpenEth` alone.
    unsafe { register.write_volatile(value) }
}

extern "C" fn on_interrupt() {
    write(INT_SOURCE, EVENTS);
    WAKER.wake();
}

/// The controller and its buffers.
pub(crate) struct OpenEth {
    /// Whoever's turn it is says the descriptor.
    buffers: *mut [u8; FRAME],
    /// The next frame comes into it.
    next: Cell<usize>,
    pub(crate) mac: [u8; 6],
    up: fn() -> bool,
}

impl OpenEth {
    /// Starts the controller, if there is one. To be called once. `up` says whether the cable is in.
    pub(crate) fn start(up: fn() -> bool) -> Option<Self> {
        static MEMORY: ConstStaticCell<[[u8; FRAME]; BUFFERS]> =
            ConstStaticCell::new([[0; FRAME]; BUFFERS]);
        write(MODER, RESET);
        write(MODER, 0);
        // What an empty bus never reads as.
        if read(TX_BD_NUM) != 0x40 {
            return None;
        }
        write(TX_BD_NUM, 1);
        let [[_, _, a, b], [c, d, e, f]] =
            [MAC_ADDR1, MAC_ADDR0].map(|half| read(half).to_be_bytes());
        let nic = Self {
            buffers: MEMORY.take().as_mut_ptr(),
            next: Cell::new(1),
            mac: [a, b, c, d, e, f],
            up,
        };
        for index in 0..BUFFERS {
            // An address of this chip has 32 bits.
            let address = u32::try_from(nic.buffer(index).expose_provenance());
            write(DESCRIPTORS + index * 8 + 4, address.unwrap_or_default());
            if index > 0 {
                Self::offer(index);
            }
        }
        for place in [HASH0, HASH1, INT_SOURCE] {
            write(place, u32::MAX);
        }
        write(INT_MASK, EVENTS);
        bind_handler(
            PLACE.1,
            InterruptHandler::new(on_interrupt, Priority::Priority1),
        );
        write(MODER, RUN);
        Some(nic)
    }

    /// Wakes the stack after the cable was put in or pulled.
    pub(crate) fn cable_changed() {
        WAKER.wake();
    }

    fn buffer(&self, index: usize) -> *mut u8 {
        self.buffers.wrapping_add(index).cast()
    }

    fn is_ours(index: usize) -> bool {
        read(DESCRIPTORS + index * 8) & OWNED == 0
    }

    fn hand_over(index: usize, flags: u32) {
        fence(Ordering::Release);
        write(DESCRIPTORS + index * 8, flags | OWNED | NOTIFY);
    }

    /// Hands a buffer to the controller, to be received into.
    fn offer(index: usize) {
        Self::hand_over(index, if index + 1 == BUFFERS { LAST } else { 0 });
    }
}

/// A buffer while it is ours: a frame that came, or room for one to send.
pub(crate) struct Buffer<'a>(&'a OpenEth, usize);

impl Buffer<'_> {
    fn with<R>(&self, length: usize, handle: impl FnOnce(&mut [u8]) -> R) -> R {
        let Self(nic, index) = *self;
        // SAFETY: the controller is done with this buffer (`receive`, `transmit`), and gets it again
        // only after this; it has `FRAME` bytes, and no other token is for the same one.
        handle(unsafe { core::slice::from_raw_parts_mut(nic.buffer(index), length.min(FRAME)) })
    }
}

impl RxToken for Buffer<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, handle: F) -> R {
        let Self(nic, index) = self;
        let length = usize::try_from(read(DESCRIPTORS + index * 8) >> 16).unwrap_or_default();
        fence(Ordering::Acquire);
        let result = self.with(length.saturating_sub(FCS), handle);
        OpenEth::offer(index);
        nic.next.set(index % (BUFFERS - 1) + 1);
        result
    }
}

impl TxToken for Buffer<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let result = self.with(length, fill);
        let length = u32::try_from(length.min(FRAME)).unwrap_or_default();
        OpenEth::hand_over(0, length << 16 | LAST | WHOLE);
        result
    }
}

impl Driver for OpenEth {
    type RxToken<'a> = Buffer<'a>;
    type TxToken<'a> = Buffer<'a>;

    fn receive(&mut self, context: &mut Context) -> Option<(Buffer<'_>, Buffer<'_>)> {
        WAKER.register(context.waker());
        let next = self.next.get();
        (Self::is_ours(next) && Self::is_ours(0)).then_some((Buffer(self, next), Buffer(self, 0)))
    }

    fn transmit(&mut self, context: &mut Context) -> Option<Buffer<'_>> {
        WAKER.register(context.waker());
        Self::is_ours(0).then_some(Buffer(self, 0))
    }

    fn link_state(&mut self, context: &mut Context) -> LinkState {
        WAKER.register(context.waker());
        if (self.up)() {
            LinkState::Up
        } else {
            LinkState::Down
        }
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = MTU;
        capabilities.max_burst_size = Some(1);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.mac)
    }
}
