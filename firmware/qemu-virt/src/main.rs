//! The modem on QEMU's RISC-V `virt` board: what is wired to what, and nothing else.
//!
//! ```text
//! 16550 UART ── AT port ──┐
//! CFI flash, 4 KiB sectors┤
//! virtio-net, embassy-net ┼── at_modem::Modem
//! virtio-rng              ┤
//! CLINT, embassy-time     ┘        semihosting ◀── log
//! ```
//!
//! No decision of the protocol is taken here. All `unsafe` of the repository is in this folder and in
//! its siblings: registers, shared memory, the ways in and out.
#![no_std]
#![no_main]

mod board;
mod cfi;
mod clint;
mod entropy;
mod ethernet;
mod logger;
mod mmio;
mod net;
mod retained;
mod sectors;
mod uart16550;
mod virtio;
mod wire;

use core::hint::black_box;
use core::pin::{Pin, pin};

use at_modem::{BUILT, Exit, Identity, Modem, ModemBuffers, Parts, Platform, WallClock};
use embassy_executor::{Executor, Spawner};
use embassy_net::{Config, Runner, Stack, StackResources};
use rand_core::RngCore as _;
use static_cell::{ConstStaticCell, StaticCell};

use crate::board::VirtBoard;
use crate::cfi::Cfi;
use crate::entropy::Entropy;
use crate::ethernet::Ethernet;
use crate::sectors::Sectors;
use crate::uart16550::{Rx, Tx};
use crate::wire::Wire;

/// The second flash bank of the board; QEMU starts programs from the first.
const FLASH: usize = 0x2200_0000;

/// TLS sessions at once: what the RAM of an ESP32-C3 has room for beside the rest.
const SESSIONS: usize = 2;

struct Virt;

impl Platform for Virt {
    type Net = modem_net::Net<'static>;
    type Extras = modem_net::Extras;
    type Wifi = Wire;
    type Flash = Sectors;
    type Rng = Entropy;
    type Board = VirtBoard;
    type Commands = ();
}

/// The modem of this board.
type VirtModem = Modem<'static, Virt, ModemBuffers<SESSIONS>>;

#[riscv_rt::entry]
fn main() -> ! {
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    board::paint_stack();
    logger::start();
    board::start();
    EXECUTOR.init(Executor::new()).run(|spawner| {
        if let Err(missing) = start(spawner) {
            // Nothing to be done without a hand at the board; a restart would find the same.
            log::error!("no modem here: {missing}");
        }
    })
}

/// Finds the parts and starts the tasks.
fn start(spawner: Spawner) -> Result<(), &'static str> {
    static RESOURCES: StaticCell<StackResources<{ net::SOCKETS }>> = StaticCell::new();
    let mut entropy = Entropy::find().ok_or("no randomness (-device virtio-rng-device)")?;
    let ethernet = Ethernet::find().ok_or("no network (-device virtio-net-device)")?;
    // SAFETY: the second flash bank of the `virt` board, named here alone.
    let flash = unsafe { Cfi::find(FLASH) }.ok_or("no flash")?;
    let config = Config::default();
    let seed = entropy.next_u64();
    let resources = RESOURCES.init(StackResources::new());
    let (stack, runner) = embassy_net::new(ethernet, config, resources, seed);
    spawner.spawn(network(runner).map_err(|_| "no room for a task")?);
    spawner.spawn(modem(stack, flash, entropy).map_err(|_| "no room for a task")?);
    Ok(())
}

#[embassy_executor::task]
async fn network(mut runner: Runner<'static, Ethernet>) -> ! {
    runner.run().await
}

/// Boots into a place that is there for as long as the program.
async fn booted(parts: Parts<'static, Virt>) -> Option<&'static mut VirtModem> {
    static BUFFERS: ConstStaticCell<ModemBuffers<SESSIONS>> =
        ConstStaticCell::new(ModemBuffers::new());
    static MODEM: StaticCell<Option<VirtModem>> = StaticCell::new();
    match pin!(Modem::boot_in(MODEM.init(None), parts, BUFFERS.take())).await {
        Ok(modem) => Some(modem),
        Err(error) => {
            log::error!("no modem here: {error}");
            None
        }
    }
}

#[embassy_executor::task]
async fn modem(stack: Stack<'static>, flash: Cfi, rng: Entropy) {
    static WIRE: StaticCell<Wire> = StaticCell::new();
    static CLOCK: StaticCell<WallClock> = StaticCell::new();

    let clock: &WallClock = CLOCK.init(WallClock::new());
    if let Some(micros) = retained::take_time() {
        clock.set_micros(micros);
    }
    let flash = match Sectors::open(flash).await {
        Some(Ok(flash)) => flash,
        Some(Err(error)) => return log::error!("no modem here: {error}"),
        None => return log::error!("no modem here: the flash is too small"),
    };
    let parts = Parts {
        net: net::sockets(stack),
        extras: &modem_net::Extras,
        wifi: WIRE.init(Wire::new(stack)),
        flash,
        rng,
        board: &VirtBoard,
        commands: &(),
        clock: Some(clock),
        identity: Identity {
            chip: "ESP32C3",
            module: "QEMU-VIRT",
            sdk: concat!("qemu-virt ", env!("CARGO_PKG_VERSION")),
        },
        legacy: false,
        built: BUILT,
    };
    // Behind a `dyn` the boot takes its stack while it lasts; inlined here, it would be in the frame below
    // every later poll.
    let mut booting = pin!(booted(parts));
    let booting: Pin<&mut dyn Future<Output = Option<&'static mut VirtModem>>> =
        black_box(booting.as_mut());
    let Some(modem) = booting.await else { return };
    let (mut rx, mut tx) = (Rx(&board::UART), Tx(&board::UART));
    log::info!("booted; stack: {} bytes used at most", board::stack_used());
    board::paint_stack();
    log::info!("serving the port");
    // Pinned where it is made: handed on by value, it would be on the stack as well.
    let exit = pin!(modem.run(&mut rx, &mut tx)).await;
    log::info!(
        "{exit:?}; stack: {} bytes used at most since",
        board::stack_used()
    );
    if let Exit::DeepSleep { ms } = exit {
        embassy_time::Timer::after_millis(u64::from(ms)).await;
    }
    // What was said last is in the port's ring still.
    let Ok(()) = embedded_io_async::Write::flush(&mut tx).await;
    if let Some(micros) = clock.micros() {
        retained::store_time(micros);
    }
    board::restart()
}
