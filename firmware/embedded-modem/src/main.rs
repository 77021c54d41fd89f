//! A fan controller that is a modem as well: `AT+FAN=<percent>` is a command of its own, and a task of
//! its own turns the fan, step by step, while the modem serves its port.
#![no_std]
#![no_main]

use core::pin::pin;

use at_grammar::{CommandSet as _, RawLine, Row, commands};
use at_modem::{
    Answer, BUILT, CommandError, CustomCommands, Done, Failure, Modem, ModemBuffers, Parts,
    Platform, ProductInfo,
};
use embassy_executor::Spawner;
use embassy_time::Timer;
use portable_atomic::{AtomicU8, Ordering::Relaxed};
use qemu_virt::{Entropy, Rx, Sectors, Tx, UART, VirtBoard, Wire};
use static_cell::{ConstStaticCell, StaticCell};

/// Speed of the fan in percent, as the host wants it and as it is.
static WANTED: AtomicU8 = AtomicU8::new(0);
static ACTUAL: AtomicU8 = AtomicU8::new(0);

commands! {
    /// What the host may say.
    pub enum FanCommand;
    /// What the modem reports: the actual speed.
    pub enum FanInfo;
    "AT+FAN" { query Query; set Set(u8); info Speed(u8); }
}

/// Executes `AT+FAN`.
struct Fan;

impl CustomCommands for Fan {
    fn table(&self) -> &'static [Row] {
        FanCommand::TABLE
    }

    async fn execute(
        &self,
        line: &RawLine<'_>,
        answer: &mut Answer<'_>,
    ) -> Result<Done, CommandError> {
        match FanCommand::from_raw(line, answer.mux())? {
            FanCommand::Query => answer.info(&FanInfo::Speed(ACTUAL.load(Relaxed))).await?,
            FanCommand::Set(percent @ 0..=100) => WANTED.store(percent, Relaxed),
            FanCommand::Set(_) => return Err(Failure::OutOfRange.into()),
        }
        Ok(Done::Ok)
    }
}

/// Turns the fan up and down, one percent in 10 ms. It never waits for the modem.
#[embassy_executor::task]
async fn control() {
    loop {
        let (wanted, actual) = (WANTED.load(Relaxed), ACTUAL.load(Relaxed));
        let step = i8::from(wanted > actual) - i8::from(wanted < actual);
        ACTUAL.store(actual.saturating_add_signed(step), Relaxed);
        Timer::after_millis(10).await;
    }
}

struct Controller;

impl Platform for Controller {
    type Net = modem_net::Net<'static>;
    type Extras = modem_net::Extras;
    type Wifi = Wire;
    type Flash = Sectors;
    type Rng = Entropy;
    type Board = VirtBoard;
    type Commands = Fan;
}

type FanModem = Modem<'static, Controller, ModemBuffers<1>>;

/// The modem, until the host wants a restart.
#[embassy_executor::task]
async fn modem(spawner: Spawner) {
    static BUFFERS: ConstStaticCell<ModemBuffers<1>> = ConstStaticCell::new(ModemBuffers::new());
    static MODEM: StaticCell<Option<FanModem>> = StaticCell::new();
    let found = match qemu_virt::find(spawner).await {
        Ok(found) => found,
        Err(missing) => return log::error!("no modem here: {missing}"),
    };
    let parts = Parts {
        net: found.net,
        extras: &modem_net::Extras,
        wifi: found.wifi,
        flash: found.flash,
        rng: found.rng,
        board: &VirtBoard,
        commands: &Fan,
        clock: None,
        product: ProductInfo {
            chip: "ESP32C3",
            module: "FAN",
            sdk: "fan 1.0",
        },
        legacy: false,
        built: BUILT,
    };
    match pin!(Modem::boot_in(MODEM.init(None), parts, BUFFERS.take())).await {
        Ok(modem) => drop(pin!(modem.run(&mut Rx(&UART), &mut Tx(&UART))).await),
        Err(error) => log::error!("no modem here: {error}"),
    }
    qemu_virt::restart()
}

#[riscv_rt::entry]
fn main() -> ! {
    qemu_virt::run(|spawner| {
        // Each is spawned once, and has a place of its own.
        let _ = control().map(|task| spawner.spawn(task));
        let _ = modem(spawner).map(|task| spawner.spawn(task));
    })
}
