//! virtio-net as a device of embassy-net.
//!
//! ```text
//! free ── receive_begin ─▶ the device's ── used ring ─▶ RxToken ── consumed or dropped ─▶ the device's
//! free ── transmit_begin ─▶ the device's ── used ring ─▶ free
//! ```
//!
//! A buffer is a `&'static mut`: while the device has it, only its slot here does, and no code reads it.

use core::cell::RefCell;
use core::task::Context;

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use static_cell::StaticCell;
use virtio_drivers::device::net::VirtIONetRaw;
use virtio_drivers::transport::DeviceType;

use crate::virtio::{self, ARRIVED, BoardHal, BoardTransport};

/// Frames that may wait: one TCP window and what comes between.
const RX_BUFFERS: usize = 8;
const TX_BUFFERS: usize = 4;
/// A frame of 1,514 bytes behind virtio's header of at most 12; the driver wants no less than 1,526.
const BUFFER: usize = 1536;
/// Descriptors per queue.
const QUEUE: usize = 16;

type Buffer = &'static mut [u8; BUFFER];
type Device = VirtIONetRaw<BoardHal, BoardTransport, QUEUE>;

/// A buffer that the device has, and the name of the loan.
struct InFlight {
    token: u16,
    buffer: Buffer,
    len: usize,
}

struct Inner {
    device: Device,
    receiving: heapless::Vec<InFlight, RX_BUFFERS>,
    sending: heapless::Vec<InFlight, TX_BUFFERS>,
    free: heapless::Vec<Buffer, TX_BUFFERS>,
}

/// The network device of the board.
pub(crate) struct Ethernet(RefCell<Inner>);

impl Ethernet {
    /// Takes the device; there is at most one. `None` without one.
    pub(crate) fn find() -> Option<Self> {
        static RX_FRAMES: StaticCell<[[u8; BUFFER]; RX_BUFFERS]> = StaticCell::new();
        static TX_FRAMES: StaticCell<[[u8; BUFFER]; TX_BUFFERS]> = StaticCell::new();
        let transport = virtio::find(DeviceType::Network)?;
        let mut device = Device::new(transport).ok()?;
        device.enable_interrupts();
        let mut inner = Inner {
            device,
            receiving: heapless::Vec::new(),
            sending: heapless::Vec::new(),
            free: TX_FRAMES
                .init([[0; BUFFER]; TX_BUFFERS])
                .iter_mut()
                .collect(),
        };
        for buffer in RX_FRAMES.init([[0; BUFFER]; RX_BUFFERS]) {
            inner.offer(buffer);
        }
        Some(Self(RefCell::new(inner)))
    }
}

impl Inner {
    /// Gives the device a buffer for the next frame. One that the device does not take is lost to us: that
    /// happens only where it is broken.
    fn offer(&mut self, buffer: Buffer) {
        // SAFETY: the buffer is put aside in `receiving` until `receive_complete`.
        match unsafe { self.device.receive_begin(buffer) } {
            Ok(token) => {
                let _ = self.receiving.push(InFlight {
                    token,
                    buffer,
                    len: BUFFER,
                });
            }
            Err(error) => log::error!("the network device takes no buffer: {error}"),
        }
    }

    /// A frame that has come, and where it lies in its buffer.
    fn received(&mut self) -> Option<(Buffer, usize, usize)> {
        let token = self.device.poll_receive()?;
        let at = self
            .receiving
            .iter()
            .position(|frame| frame.token == token)?;
        let InFlight { buffer, .. } = self.receiving.swap_remove(at);
        // SAFETY: the buffer that the token was given for.
        match unsafe { self.device.receive_complete(token, buffer) } {
            Ok((header, len)) => Some((buffer, header, header.saturating_add(len))),
            Err(error) => {
                log::warn!("a frame was lost: {error}");
                self.offer(buffer);
                None
            }
        }
    }

    /// Takes back what has been sent; whether there is a buffer for another frame.
    fn can_send(&mut self) -> bool {
        while let Some(token) = self.device.poll_transmit() {
            let Some(at) = self.sending.iter().position(|frame| frame.token == token) else {
                break;
            };
            let InFlight { buffer, len, .. } = self.sending.swap_remove(at);
            let sent = buffer.get(..len).unwrap_or_default();
            // SAFETY: the bytes that the token was given for.
            if let Err(error) = unsafe { self.device.transmit_complete(token, sent) } {
                log::warn!("a frame was not sent: {error}");
            }
            let _ = self.free.push(buffer);
        }
        !self.free.is_empty() && self.device.can_send()
    }
}

impl Driver for Ethernet {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        ARRIVED.register(cx.waker());
        let mut inner = self.0.borrow_mut();
        // An answer may be due at once.
        if !inner.can_send() {
            return None;
        }
        let (buffer, start, end) = inner.received()?;
        drop(inner);
        let received = Received {
            inner: &self.0,
            buffer: Some(buffer),
            start,
            end,
        };
        Some((received, ToSend(&self.0)))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<Self::TxToken<'_>> {
        ARRIVED.register(cx.waker());
        self.0.borrow_mut().can_send().then_some(ToSend(&self.0))
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = 1514;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.0.borrow().device.mac_address())
    }
}

/// A frame that came. Its buffer goes back to the device in any case.
pub(crate) struct Received<'a> {
    inner: &'a RefCell<Inner>,
    buffer: Option<Buffer>,
    start: usize,
    end: usize,
}

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, f: F) -> R {
        let range = self.start..self.end;
        let buffer = self.buffer.as_deref_mut();
        f(buffer
            .and_then(|buffer| buffer.get_mut(range))
            .unwrap_or_default())
    }
}

impl Drop for Received<'_> {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.inner.borrow_mut().offer(buffer);
        }
    }
}

/// Room for one frame.
pub(crate) struct ToSend<'a>(&'a RefCell<Inner>);

impl TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut inner = self.0.borrow_mut();
        // A token that was given along with a frame may be used after another one.
        inner.can_send();
        let Some(buffer) = inner.free.pop() else {
            log::warn!("a frame found no buffer");
            return f([0; BUFFER].get_mut(..len).unwrap_or_default());
        };
        let header = inner.device.fill_buffer_header(buffer).unwrap_or(0);
        let end = header.saturating_add(len).min(BUFFER);
        let result = f(buffer.get_mut(header..end).unwrap_or_default());
        let frame = buffer.get(..end).unwrap_or_default();
        // SAFETY: the buffer is put aside in `sending` until `transmit_complete`.
        match unsafe { inner.device.transmit_begin(frame) } {
            Ok(token) => {
                let _ = inner.sending.push(InFlight {
                    token,
                    buffer,
                    len: end,
                });
            }
            Err(error) => {
                log::warn!("a frame was not sent: {error}");
                let _ = inner.free.push(buffer);
            }
        }
        result
    }
}
