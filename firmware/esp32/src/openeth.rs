//! The OpenCores Ethernet controller of Espressif's QEMU, for embassy-net.
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

#[cfg(not(feature = "esp32"))]
const BASE: usize = 0x600c_d000;
#[cfg(feature = "esp32")]
const BASE: usize = 0x3ff6_9000;

/// The radio's, which is not there.
#[cfg(not(feature = "esp32"))]
const SOURCE: Interrupt = Interrupt::WIFI_MAC;
#[cfg(feature = "esp32")]
const SOURCE: Interrupt = Interrupt::ETH_MAC;

const MODER: usize = 0x00;
const INT_SOURCE: usize = 0x04;
const INT_MASK: usize = 0x08;
const TX_BD_NUM: usize = 0x20;
const MAC_ADDR0: usize = 0x40;
const MAC_ADDR1: usize = 0x44;
const HASH0: usize = 0x48;
const HASH1: usize = 0x4c;
const DESCRIPTORS: usize = 0x400;

/// Receiver, transmitter, full duplex, CRC, padding.
const RUN: u32 = 1 | 1 << 1 | 1 << 10 | 1 << 13 | 1 << 15;
const RESET: u32 = 1 << 11;
/// A frame has left, a frame has come, a frame was dropped.
const EVENTS: u32 = 0x15;
/// Of a descriptor to send: ready, interrupt, last of the ring, pad, CRC. Of one to receive: the
/// controller's (the same bit), interrupt, last.
const OWNED: u32 = 1 << 15;
const NOTIFY: u32 = 1 << 14;
const LAST: u32 = 1 << 13;
const PAD: u32 = 1 << 12;
const CRC: u32 = 1 << 11;

const FRAME: usize = 1536;
const RECEIVERS: usize = 8;
/// Header and payload of Ethernet.
const MTU: usize = 1514;
/// The frame check sequence counts as received.
const FCS: usize = 4;

static WAKER: AtomicWaker = AtomicWaker::new();

fn read(offset: usize) -> u32 {
    // SAFETY: `BASE + offset` is a register or descriptor of the controller, readable at any time.
    unsafe { core::ptr::with_exposed_provenance::<u32>(BASE + offset).read_volatile() }
}

fn write(offset: usize, value: u32) {
    // SAFETY: as above; buffers are handed over by `Nic` alone.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(BASE + offset).write_volatile(value) }
}

extern "C" fn on_interrupt() {
    write(INT_SOURCE, EVENTS);
    WAKER.wake();
}

type Buffers = [[u8; FRAME]; 1 + RECEIVERS];

/// The controller and its buffers.
pub(crate) struct OpenEth {
    /// The first to send from; whoever's turn it is says the descriptor.
    buffers: *mut [u8; FRAME],
    next: Cell<usize>,
    mac: [u8; 6],
    up: fn() -> bool,
}

impl OpenEth {
    /// Starts the controller, if there is one. To be called once. `up` says whether the cable is in.
    pub(crate) fn start(up: fn() -> bool) -> Option<Self> {
        static BUFFERS: ConstStaticCell<Buffers> =
            ConstStaticCell::new([[0; FRAME]; 1 + RECEIVERS]);
        write(MODER, RESET);
        write(MODER, 0);
        // What an empty bus never reads as.
        if read(TX_BD_NUM) != 0x40 {
            return None;
        }
        write(TX_BD_NUM, 1);
        let buffers = BUFFERS.take().as_mut_ptr();
        let (low, high) = (read(MAC_ADDR0).to_be_bytes(), read(MAC_ADDR1).to_be_bytes());
        let ([c, d, e, f], [_, _, a, b]) = (low, high);
        let nic = Self {
            buffers,
            next: Cell::new(0),
            mac: [a, b, c, d, e, f],
            up,
        };
        for index in 0..RECEIVERS {
            nic.offer(index);
        }
        write(HASH0, u32::MAX);
        write(HASH1, u32::MAX);
        write(INT_SOURCE, u32::MAX);
        write(INT_MASK, EVENTS);
        bind_handler(
            SOURCE,
            InterruptHandler::new(on_interrupt, Priority::Priority1),
        );
        write(MODER, RUN);
        Some(nic)
    }

    pub(crate) const fn mac(&self) -> [u8; 6] {
        self.mac
    }

    /// Wakes the stack after the cable was put in or pulled.
    pub(crate) fn cable_changed() {
        WAKER.wake();
    }

    const fn flags(descriptor: usize) -> usize {
        DESCRIPTORS + descriptor * 8
    }

    fn buffer(&self, descriptor: usize) -> *mut u8 {
        self.buffers.wrapping_add(descriptor).cast()
    }

    fn address(&self, descriptor: usize) -> u32 {
        // An address of this chip has 32 bits.
        u32::try_from(self.buffer(descriptor).expose_provenance()).unwrap_or_default()
    }

    /// Hands a buffer to the controller, to be received into.
    fn offer(&self, index: usize) {
        let last = if index + 1 == RECEIVERS { LAST } else { 0 };
        write(Self::flags(1 + index) + 4, self.address(1 + index));
        fence(Ordering::Release);
        write(Self::flags(1 + index), OWNED | NOTIFY | last);
    }
}

/// A received frame.
pub(crate) struct Received<'a>(&'a OpenEth);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, handle: F) -> R {
        let Self(nic) = self;
        let index = nic.next.get();
        let flags = read(OpenEth::flags(1 + index));
        let length = usize::try_from(flags >> 16).unwrap_or_default();
        let length = length.saturating_sub(FCS).min(FRAME);
        fence(Ordering::Acquire);
        // SAFETY: the controller gave this buffer back, and gets it again only below; it has
        // `FRAME` bytes, and no other token is for the same one.
        let frame = unsafe { core::slice::from_raw_parts_mut(nic.buffer(1 + index), length) };
        let result = handle(frame);
        nic.offer(index);
        nic.next.set((index + 1) % RECEIVERS);
        result
    }
}

/// Room for a frame.
pub(crate) struct ToSend<'a>(&'a OpenEth);

impl TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let Self(nic) = self;
        let length = length.min(FRAME);
        // SAFETY: the controller has sent what was in this buffer (`transmit`, `receive`), and
        // reads it again only when told to below; it has `FRAME` bytes.
        let frame = unsafe { core::slice::from_raw_parts_mut(nic.buffer(0), length) };
        let result = fill(frame);
        let length = u32::try_from(length).unwrap_or_default();
        write(OpenEth::flags(0) + 4, nic.address(0));
        fence(Ordering::Release);
        write(
            OpenEth::flags(0),
            length << 16 | OWNED | NOTIFY | LAST | PAD | CRC,
        );
        result
    }
}

impl Driver for OpenEth {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, context: &mut Context) -> Option<(Received<'_>, ToSend<'_>)> {
        WAKER.register(context.waker());
        let here = read(Self::flags(1 + self.next.get())) & OWNED == 0;
        let free = read(Self::flags(0)) & OWNED == 0;
        (here && free).then_some((Received(self), ToSend(self)))
    }

    fn transmit(&mut self, context: &mut Context) -> Option<ToSend<'_>> {
        WAKER.register(context.waker());
        (read(Self::flags(0)) & OWNED == 0).then_some(ToSend(self))
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
