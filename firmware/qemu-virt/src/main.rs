//! The modem on QEMU's RISC-V `virt` board: what is wired to what, and nothing else.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::pin::{Pin, pin};

use at_modem::{BUILT, Exit, Modem, ModemBuffers, Parts, Platform, ProductInfo, WallClock};
use embassy_executor::Spawner;
use qemu_virt::{Entropy, Rx, Sectors, Tx, UART, VirtBoard, Wire};
use static_cell::{ConstStaticCell, StaticCell};

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
    type Commands = Own;
}

/// Without rustls there is no heap whose failures could be tested.
#[cfg(not(feature = "rustls"))]
type Own = ();
#[cfg(not(feature = "rustls"))]
const OWN: Own = ();
#[cfg(feature = "rustls")]
use qemu_virt::Own;
#[cfg(feature = "rustls")]
const OWN: Own = Own;

/// The modem of this board.
type VirtModem = Modem<'static, Virt, ModemBuffers<SESSIONS>>;

#[riscv_rt::entry]
fn main() -> ! {
    qemu_virt::run(|spawner| match modem(spawner) {
        Ok(token) => spawner.spawn(token),
        Err(_) => log::error!("no modem here: no room for a task"),
    })
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
async fn modem(spawner: Spawner) {
    static CLOCK: StaticCell<WallClock> = StaticCell::new();

    let clock: &WallClock = CLOCK.init(WallClock::new());
    if let Some(micros) = qemu_virt::take_time() {
        clock.set_micros(micros);
    }
    let found = match qemu_virt::find(spawner).await {
        Ok(found) => found,
        // Nothing to be done without a hand at the board; a restart would find the same.
        Err(missing) => return log::error!("no modem here: {missing}"),
    };
    let parts = Parts {
        net: found.net,
        extras: &modem_net::Extras,
        wifi: found.wifi,
        flash: found.flash,
        rng: found.rng,
        board: &VirtBoard,
        commands: &OWN,
        clock: Some(clock),
        product: ProductInfo {
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
    let (mut rx, mut tx) = (Rx(&UART), Tx(&UART));
    log::info!(
        "booted; stack: {} bytes used at most",
        qemu_virt::stack_used()
    );
    qemu_virt::paint_stack();
    log::info!("serving the port");
    // Pinned where it is made: handed on by value, it would be on the stack as well.
    let exit = pin!(modem.run(&mut rx, &mut tx)).await;
    log::info!(
        "{exit:?}; stack: {} bytes used at most since",
        qemu_virt::stack_used()
    );
    if let Exit::DeepSleep { ms } = exit {
        embassy_time::Timer::after_millis(u64::from(ms)).await;
    }
    // What was said last is in the port's ring still.
    let Ok(()) = embedded_io_async::Write::flush(&mut tx).await;
    if let Some(micros) = clock.micros() {
        qemu_virt::store_time(micros);
    }
    qemu_virt::restart()
}
