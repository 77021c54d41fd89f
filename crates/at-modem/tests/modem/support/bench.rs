//! The bench: a modem, its doubles, and a host that says bytes and reads bytes.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use at_modem::{Exit, Modem, ModemBuffers, Parts, Platform, ProductInfo, Timestamp, WallClock};
use embassy_time::{Duration, MockDriver, Timer};
use rand_core::{CryptoRng, RngCore};

use super::board::Chip;
use super::flash::Flash;
use super::lamp::Lamp;
use super::net::{Net, NetDouble};
use super::port::Port;
use super::radio::Radio;
use super::text;

/// The mock clock is one for the whole program: whoever holds this has it.
static TIME: Mutex<()> = Mutex::new(());

std::thread_local! {
    static HAS_TIME: Cell<bool> = const { Cell::new(false) };
}

/// The right to turn the clock.
struct Time(#[expect(dead_code, reason = "held, not looked at")] MutexGuard<'static, ()>);

impl Time {
    fn take() -> Self {
        assert!(!HAS_TIME.replace(true), "a test has one bench at a time");
        Self(TIME.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Time {
    fn drop(&mut self) {
        HAS_TIME.set(false);
    }
}

/// Everything outside a modem, before it boots.
pub(crate) struct Setup {
    pub(crate) flash: Flash,
    pub(crate) net: Net,
    pub(crate) radio: Radio,
    pub(crate) clock: Rc<WallClock>,
    pub(crate) port: Port,
    pub(crate) chip: Chip,
    /// Whether the modem knows the names of firmware 1.x.
    pub(crate) legacy: bool,
    /// Whether the board has commands of its own.
    pub(crate) lamp: bool,
    /// When the program was built.
    pub(crate) built: Timestamp,
    #[expect(dead_code, reason = "held, not looked at")]
    time: Time,
}

impl Setup {
    /// A module fresh from the factory, at time 0.
    pub(crate) fn new() -> Self {
        let time = Time::take();
        MockDriver::get().reset();
        let port = Port::new();
        Self {
            time,
            flash: Flash::new(),
            net: Net::default(),
            radio: Radio::new(),
            clock: Rc::new(WallClock::new()),
            chip: Chip::new(port.clone()),
            port,
            legacy: false,
            lamp: false,
            built: Timestamp::from_unix(0),
        }
    }

    /// Switches on. `ready` is still to be read.
    pub(crate) fn boot(self) -> Bench {
        let exits = Rc::new(RefCell::new(Vec::new()));
        let woken = Arc::new(Flag(AtomicBool::new(true)));
        let mut bench = Bench {
            modem: Box::pin(life(
                self.flash.clone(),
                self.net.clone(),
                self.radio.clone(),
                (self.clock.clone(), self.built),
                (self.port.clone(), self.chip.clone(), self.legacy, self.lamp),
                exits.clone(),
            )),
            outside: self,
            exits,
            waker: Waker::from(woken.clone()),
            woken,
        };
        bench.settle();
        bench
    }
}

/// What a board does for ever: boots again after a restart, serves again once a port is there.
async fn life(
    flash: Flash,
    net: Net,
    radio: Radio,
    (clock, built): (Rc<WallClock>, Timestamp),
    (port, chip, legacy, lamp): (Port, Chip, bool, bool),
    exits: Rc<RefCell<Vec<Exit>>>,
) {
    let lamp = Lamp::new(lamp);
    let mut buffers = Box::new(ModemBuffers::<5>::new());
    loop {
        let parts = Parts {
            net: &net,
            extras: &NetDouble,
            wifi: &radio,
            flash: flash.clone(),
            rng: Counting::new(),
            clock: Some(&clock),
            board: &chip,
            commands: &lamp,
            product: ProductInfo {
                chip: "ESP32",
                module: "WROOM-32",
                sdk: "bench 1.2",
            },
            legacy,
            built,
        };
        let mut modem = Modem::<Bench, _>::boot(parts, &mut *buffers)
            .await
            .expect("the flash has its tables");
        loop {
            let (mut rx, mut tx) = (port.clone(), port.clone());
            let run = modem.run(&mut rx, &mut tx);
            let exit = run.await;
            exits.borrow_mut().push(exit);
            match exit {
                Exit::Restart => break,
                Exit::DeepSleep { ms } => {
                    Timer::after(Duration::from_millis(u64::from(ms))).await;
                    break;
                }
                Exit::PortClosed => port.plugged().await,
            }
        }
    }
}

impl Platform for Bench {
    type Net = Net;
    type Extras = NetDouble;
    type Wifi = Radio;
    type Flash = Flash;
    type Rng = Counting;
    type Board = Chip;
    type Commands = Lamp;
}

/// A modem at work.
pub(crate) struct Bench {
    modem: Pin<Box<dyn Future<Output = ()>>>,
    outside: Setup,
    exits: Rc<RefCell<Vec<Exit>>>,
    woken: Arc<Flag>,
    waker: Waker,
}

impl core::ops::Deref for Bench {
    type Target = Setup;

    fn deref(&self) -> &Setup {
        &self.outside
    }
}

impl Bench {
    /// A fresh module that has said `ready`, with echo off.
    pub(crate) fn new() -> Self {
        Setup::new().boot().quiet()
    }

    /// As [`Self::new`], in station mode and joined to `iot`.
    pub(crate) fn joined() -> Self {
        let mut bench = Self::new();
        bench.join();
        bench
    }

    /// Joins the network.
    pub(crate) fn join(&mut self) {
        self.expect("AT+CWMODE=1", "\r\nOK\r\n");
        self.expect(
            "AT+CWJAP=\"iot\",\"secret\"",
            "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
        );
    }

    /// As [`Self::joined`], with `AT+CIPMUX=1`.
    pub(crate) fn multiplexed() -> Self {
        let mut bench = Self::joined();
        bench.expect("AT+CIPMUX=1", "\r\nOK\r\n");
        bench
    }

    /// `AT+RST`; returns what came after `ready` until the stored network was joined.
    pub(crate) fn restart(&mut self) -> String {
        let mut heard = self.line("AT+RST");
        self.pass(Duration::from_secs(1));
        heard += &text(&self.port.take());
        let rest = heard.strip_prefix(text(b"\r\nOK\r\n\r\nready\r\n").as_str());
        let rest = rest.expect("a restart").to_owned();
        self.expect("ATE0", "ATE0\r\n\r\nOK\r\n");
        rest
    }

    /// Reads `ready` and switches the echo off.
    pub(crate) fn quiet(mut self) -> Self {
        assert_eq!(text(&self.port.take()), text(b"\r\nready\r\n"));
        self.expect("ATE0", "ATE0\r\n\r\nOK\r\n");
        self
    }

    /// Lets the modem run until all of it waits.
    pub(crate) fn settle(&mut self) {
        for _ in 0..1_000_000_u32 {
            if !self.poll() {
                return;
            }
        }
        panic!("the modem is busy and gets nowhere");
    }

    /// Polls the modem once if something has woken it; whether that was so.
    pub(crate) fn poll(&mut self) -> bool {
        let woken = self.woken.0.swap(false, Ordering::Relaxed);
        if woken {
            let mut context = Context::from_waker(&self.waker);
            let poll = self.modem.as_mut().poll(&mut context);
            assert_eq!(poll, Poll::Pending);
        }
        woken
    }

    /// Lets time pass, in steps, so that what happens in between happens at its time.
    pub(crate) fn pass(&mut self, time: Duration) {
        let step = Duration::from_millis(250);
        let mut left = time;
        while left > Duration::MIN {
            let now = left.min(step);
            MockDriver::get().advance(now);
            left -= now;
            self.settle();
        }
    }

    /// Says bytes as they are; returns what comes.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        self.port.feed(bytes.as_ref());
        self.settle();
        self.port.take()
    }

    /// Says a line; returns what comes.
    pub(crate) fn line(&mut self, line: impl AsRef<[u8]>) -> String {
        let mut bytes = line.as_ref().to_vec();
        bytes.extend(b"\r\n");
        text(&self.say(bytes))
    }

    /// Says a line and checks what comes.
    #[track_caller]
    pub(crate) fn expect(&mut self, line: impl AsRef<[u8]>, reply: impl AsRef<[u8]>) {
        let line = line.as_ref();
        assert_eq!(self.line(line), text(reply.as_ref()), "{}", text(line));
    }

    /// Lets the modem run and checks what comes of its own.
    #[track_caller]
    pub(crate) fn hear(&mut self, reply: impl AsRef<[u8]>) {
        self.settle();
        assert_eq!(text(&self.port.take()), text(reply.as_ref()));
    }

    /// Checks that the modem lives and owes nothing.
    #[track_caller]
    pub(crate) fn alive(&mut self) {
        self.hear("");
        self.expect("AT", "\r\nOK\r\n");
    }

    /// How the modem's runs ended so far.
    pub(crate) fn exits(&self) -> Vec<Exit> {
        self.exits.borrow().clone()
    }

    /// Pulls the power plug. What was in flash stays, and the station has left.
    pub(crate) fn power_off(self) -> Setup {
        let Self { modem, outside, .. } = self;
        drop(modem);
        outside.flash.powered_again();
        let port = Port::new();
        Setup {
            chip: Chip::new(port.clone()),
            port,
            radio: Radio::new(),
            clock: Rc::new(WallClock::new()),
            ..outside
        }
    }
}

#[derive(Debug)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Numbers that look random and are the same in every run (xorshift64*).
#[derive(Debug, Clone)]
pub(crate) struct Counting(u64);

impl Counting {
    pub(crate) const fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl RngCore for Counting {
    fn next_u32(&mut self) -> u32 {
        u32::try_from(self.next_u64() >> 32).unwrap_or(0)
    }

    fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn fill_bytes(&mut self, into: &mut [u8]) {
        for byte in into {
            *byte = self.next_u64().to_be_bytes()[0];
        }
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(into);
        Ok(())
    }
}

impl CryptoRng for Counting {}
