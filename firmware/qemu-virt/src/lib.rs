//! QEMU's RISC-V `virt` board, as parts for a modem: this crate's own image, and a firmware of your own.
//!
//! ```text
//! 16550 UART ── AT port ──┐
//! CFI flash, 4 KiB sectors┤
//! virtio-net, embassy-net ┼── at_modem::Parts
//! virtio-rng              ┤
//! CLINT, embassy-time     ┘        semihosting ◀── log
//! ```
//!
//! No decision of the protocol is taken here. All `unsafe` of the repository is in this folder and in
//! its siblings: registers, shared memory, the ways in and out.
#![no_std]

mod board;
mod cfi;
mod clint;
mod entropy;
mod ethernet;
#[cfg(feature = "rustls")]
mod faults;
#[cfg(feature = "rustls")]
mod heap;
mod logger;
mod mmio;
mod net;
mod retained;
mod sectors;
mod uart16550;
mod virtio;
mod wire;

use core::fmt;

use embassy_executor::{Executor, Spawner};
use embassy_net::{Config, Runner, StackResources};
use modem_net::Net;
use rand_core::RngCore as _;
use static_cell::StaticCell;

use cfi::Cfi;
use ethernet::Ethernet;

pub use board::{UART, VirtBoard, paint_stack, restart, stack_used};
pub use entropy::Entropy;
#[cfg(feature = "rustls")]
pub use faults::{FaultCommand, FaultInfo, Own};
pub use retained::{store_time, take_time};
pub use sectors::{SectorError, Sectors};
pub use uart16550::{Rx, Tx, Uart16550};
pub use wire::Wire;

/// The second flash bank of the board; QEMU starts programs from the first.
const FLASH: usize = 0x2200_0000;

/// What a modem runs on, ready for it.
#[expect(
    missing_debug_implementations,
    reason = "registers and sockets have nothing to print"
)]
pub struct Found {
    /// Sockets and names over embassy-net, whose task runs.
    pub net: &'static Net<'static>,
    /// The wire in place of a radio.
    pub wifi: &'static Wire,
    /// 4 MiB with sectors of 4 KiB.
    pub flash: Sectors,
    /// virtio-rng.
    pub rng: Entropy,
}

/// What the board was started without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// No virtio-rng.
    Randomness,
    /// No virtio-net.
    Network,
    /// No flash in the second bank.
    Flash,
    /// It is smaller than the modem and the journal need.
    Room,
    /// It cannot be read or written.
    Sectors(SectorError),
    /// The executor has no place for the network's task.
    Task,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Randomness => "no randomness (-device virtio-rng-device)",
            Self::Network => "no network (-device virtio-net-device)",
            Self::Flash => "no flash",
            Self::Room => "the flash is too small",
            Self::Sectors(error) => return error.fmt(f),
            Self::Task => "no room for a task",
        })
    }
}

/// Starts the board and runs the tasks that `init` spawns. To be called once, from the entry.
pub fn run(init: impl FnOnce(Spawner)) -> ! {
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    paint_stack();
    logger::start();
    #[cfg(feature = "rustls")]
    heap::start();
    board::start();
    EXECUTOR.init(Executor::new()).run(init)
}

/// Finds the parts and starts the network. To be called once.
///
/// # Errors
///
/// Something is missing; a restart would find the same.
pub async fn find(spawner: Spawner) -> Result<Found, Missing> {
    static RESOURCES: StaticCell<StackResources<{ net::SOCKETS }>> = StaticCell::new();
    static WIRE: StaticCell<Wire> = StaticCell::new();
    let mut rng = Entropy::find().ok_or(Missing::Randomness)?;
    let ethernet = Ethernet::find().ok_or(Missing::Network)?;
    // SAFETY: the second flash bank of the `virt` board, named here alone.
    let chip = unsafe { Cfi::find(FLASH) }.ok_or(Missing::Flash)?;
    let seed = rng.next_u64();
    let resources = RESOURCES.init(StackResources::new());
    let (stack, runner) = embassy_net::new(ethernet, Config::default(), resources, seed);
    spawner.spawn(network(runner).map_err(|_| Missing::Task)?);
    let flash = Sectors::open(chip).await.ok_or(Missing::Room)?;
    Ok(Found {
        net: net::sockets(stack),
        wifi: WIRE.init(Wire::new(stack)),
        flash: flash.map_err(Missing::Sectors)?,
        rng,
    })
}

#[embassy_executor::task]
async fn network(mut runner: Runner<'static, Ethernet>) -> ! {
    runner.run().await
}
