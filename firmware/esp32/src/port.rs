//! The AT port: UART1 with a ring each way, served at interrupt level.
//!
//! ```text
//! RX ─▶ FIFO (128) ─▶ ring (2048) ─▶ modem        main thread, below the radio's threads
//! TX ◀─ FIFO (128) ◀─ ring  (512) ◀─ modem
//!       └─ task `serve`, interrupt executor ─┘
//! ```
//!
//! A handshake keeps the main thread busy for up to a second between two of its turns. What the host
//! sends meanwhile is in the ring; with RTS it may be any amount, without it 2,176 bytes.

use core::convert::Infallible;
use core::ops::Range;

use at_grammar::commands::basic::UartConfig;
use at_grammar::types::{FlowControl, Parity, StopBits};
use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pipe::Pipe;
use embassy_sync::signal::Signal;
use embedded_io_async::{ErrorType, Write};
use esp_hal::uart::{
    self, CtsConfig, DataBits, HwFlowControl, RtsConfig, RxConfig, RxErrorKind, Uart, UartRx,
    UartTx,
};
use esp_hal::{Async, Blocking};

/// As in the reference firmware (spec: at-commands A.1).
const RX_RING: usize = 2048;
/// The modem's own ring of 8 KiB is behind it.
const TX_RING: usize = 512;

/// The FIFO is emptied at this level: the other half is 5 ms at 115,200 baud.
const RX_LEVEL: u16 = 64;
/// RTS asks the host to stop here; a host that looks late may still send 28 bytes.
const RTS_LEVEL: u8 = 100;

pub(crate) type RxRing = Pipe<CriticalSectionRawMutex, RX_RING>;

/// What the host sent.
pub(crate) static RX: RxRing = Pipe::new();
static TX: Pipe<CriticalSectionRawMutex, TX_RING> = Pipe::new();
static SETTINGS: Signal<CriticalSectionRawMutex, uart::Config> = Signal::new();
static FLUSH: Signal<CriticalSectionRawMutex, ()> = Signal::new();
static FLUSHED: Signal<CriticalSectionRawMutex, ()> = Signal::new();

/// 115,200 8N1 with RTS: what a module starts with (spec: at-commands A.1).
pub(crate) fn start_settings() -> uart::Config {
    uart::Config::default()
        .with_rx(
            RxConfig::default()
                .with_fifo_full_threshold(RX_LEVEL)
                // Noise is for the modem to refuse, line by line; a read must not fail of it.
                .with_reported_errors(RxErrorKind::FifoOverflowed),
        )
        .with_hw_flow_ctrl(HwFlowControl {
            cts: CtsConfig::Disabled,
            rts: RtsConfig::Enabled(RTS_LEVEL),
        })
}

/// Sets the port, at once. The caller has awaited [`Tx::flush`].
pub(crate) fn set(settings: &UartConfig) {
    let (rts, cts) = match settings.flow_control {
        FlowControl::None => (false, false),
        FlowControl::Rts => (true, false),
        FlowControl::Cts => (false, true),
        FlowControl::RtsCts => (true, true),
    };
    SETTINGS.signal(
        start_settings()
            .with_baudrate(settings.baud.get())
            .with_data_bits(match settings.data_bits.get() {
                5 => DataBits::_5,
                6 => DataBits::_6,
                7 => DataBits::_7,
                _ => DataBits::_8,
            })
            .with_stop_bits(match settings.stop_bits {
                StopBits::One => uart::StopBits::_1,
                StopBits::OneAndHalf => uart::StopBits::_1p5,
                StopBits::Two => uart::StopBits::_2,
            })
            .with_parity(match settings.parity {
                Parity::None => uart::Parity::None,
                Parity::Odd => uart::Parity::Odd,
                Parity::Even => uart::Parity::Even,
            })
            .with_hw_flow_ctrl(HwFlowControl {
                cts: if cts {
                    CtsConfig::Enabled
                } else {
                    CtsConfig::Disabled
                },
                rts: if rts {
                    RtsConfig::Enabled(RTS_LEVEL)
                } else {
                    RtsConfig::Disabled
                },
            }),
    );
}

/// What the host is to get.
pub(crate) struct Tx;

impl ErrorType for Tx {
    type Error = Infallible;
}

impl Write for Tx {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(TX.write(bytes).await)
    }

    /// Waits until the last stop bit is out.
    async fn flush(&mut self) -> Result<(), Infallible> {
        FLUSHED.reset();
        FLUSH.signal(());
        FLUSHED.wait().await;
        Ok(())
    }
}

/// Moves bytes between the FIFOs and the rings, for ever.
#[embassy_executor::task]
pub(crate) async fn serve(port: Uart<'static, Blocking>) {
    // Here, because its interrupts come to the core that asks for them.
    let mut port = port.into_async();
    let mut received = Received::new();
    loop {
        let exchange = async {
            let (rx, tx) = port.split_mut();
            join(receive(rx, &mut received), send(tx)).await;
        };
        match select(exchange, SETTINGS.wait()).await {
            Either::First(()) => {}
            Either::Second(settings) => {
                // Settings empty the FIFO, and a host may have sent at once after the `OK` that it had for them.
                while let Ok(1..) = received
                    .take_from(async |bytes| port.read_buffered(bytes))
                    .await
                {}
                if let Err(error) = port.apply_config(&settings) {
                    defmt::error!("the AT port stays as it is: {}", error);
                }
            }
        }
    }
}

/// Bytes between the FIFO and the ring. They outlive the future that moves them, which ends when settings change.
struct Received {
    bytes: [u8; 128],
    left: Range<usize>,
}

impl Received {
    const fn new() -> Self {
        Self {
            bytes: [0; 128],
            left: 0..0,
        }
    }

    /// Moves what there is to the ring, then takes what `read` finds; returns how many bytes that are.
    async fn take_from<E>(
        &mut self,
        read: impl AsyncFnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        while let Some(bytes) = self
            .bytes
            .get(self.left.clone())
            .filter(|it| !it.is_empty())
        {
            self.left.start += RX.write(bytes).await;
        }
        let count = read(&mut self.bytes).await?;
        self.left = 0..count;
        Ok(count)
    }
}

async fn receive(rx: &mut UartRx<'static, Async>, received: &mut Received) {
    let mut overruns = 0_u32;
    loop {
        let read = received.take_from(async |bytes| rx.read_async(bytes).await);
        if let Err(error) = read.await {
            overruns = overruns.saturating_add(1);
            // A host that floods the port must not flood the log as well.
            if overruns.is_power_of_two() {
                defmt::warn!("AT port: {}; {} times so far", error, overruns);
            }
        }
    }
}

async fn send(tx: &mut UartTx<'static, Async>) {
    let mut chunk = [0; 128];
    loop {
        // The ring first: it is empty when a flush gets its turn.
        match select(TX.read(&mut chunk), FLUSH.wait()).await {
            Either::First(count) => {
                let mut rest = chunk.get(..count).unwrap_or_default();
                while !rest.is_empty() {
                    // Writing to a FIFO cannot fail.
                    let taken = tx.write_async(rest).await.unwrap_or_default();
                    rest = rest.get(taken..).unwrap_or_default();
                }
            }
            Either::Second(()) => {
                let _ = tx.flush_async().await;
                FLUSHED.signal(());
            }
        }
    }
}
