//! A modem on a thread of its own, for programs and tests that are their own host.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use futures_lite::future::or;

use crate::report::WrongUsage;

use super::args::{Chip, Clock, Dialect, Layout};
use super::bench::Bench;
use super::control::{Panel, Power};
use super::net::{HostNet, Map, MapTable};
use super::port::{Choice, Port};
use super::rng::{Purpose, SimRng};
use super::wifi::SimWifi;
use super::{Args, Machine, Opened, engine};

/// A port of this machine that is free.
const FREE: Choice = Choice::Listen(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));

/// A modem that runs until this is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

/// What a [`Running`] modem is, beside the defaults: clock unset, ESP32, open access point `iot`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Flash image, made blank where it does not exist.
    pub flash: PathBuf,
    /// Where connections go instead.
    pub maps: Vec<Map>,
}

/// A line for the control port, and where its answer goes.
type Request = (String, mpsc::Sender<Result<String, String>>);

/// What other threads want of the modem's.
#[derive(Debug, Default)]
struct Desk(Mutex<Wishes>);

#[derive(Debug, Default)]
struct Wishes {
    stop: bool,
    /// Nobody answers any more.
    ended: bool,
    lines: VecDeque<Request>,
    wakers: Vec<Waker>,
}

impl Desk {
    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wish(&self, wish: impl FnOnce(&mut Wishes)) {
        let mut wishes = self.wishes();
        wish(&mut wishes);
        let wakers = std::mem::take(&mut wishes.wakers);
        drop(wishes);
        for waker in wakers {
            waker.wake();
        }
    }

    /// Waits until `ready` finds what it looks for.
    fn until<T>(&self, mut ready: impl FnMut(&mut Wishes) -> Option<T>) -> impl Future<Output = T> {
        poll_fn(move |context| {
            let mut wishes = self.wishes();
            ready(&mut wishes).map_or_else(
                || {
                    wishes.wakers.push(context.waker().clone());
                    Poll::Pending
                },
                Poll::Ready,
            )
        })
    }

    fn stopped(&self) -> impl Future<Output = ()> {
        self.until(|wishes| wishes.stop.then_some(()))
    }

    /// Answers lines for as long as it is polled.
    async fn serve(&self, panel: &Panel) {
        loop {
            let (line, answer) = self.until(|wishes| wishes.lines.pop_front()).await;
            // Who asked may have gone.
            let _ = answer.send(panel.obey_any(line.trim()).await);
        }
    }
}

impl Running {
    /// Switches a modem on; its AT port is a TCP port of this machine's loopback.
    ///
    /// # Errors
    ///
    /// The port, a map or the flash image is not available.
    pub fn start(config: Config) -> io::Result<Self> {
        Self::run(move || blank(config)).map_err(|error| io::Error::other(format!("{error:#}")))
    }

    /// As [`start`](Self::start), with the options of `espat sim`. Its AT port is that of `--listen`, or a free one of
    /// this machine's loopback; options about other ports and the end of the program are not for it.
    ///
    /// # Errors
    ///
    /// A sentence: what contradicts itself, or is not available.
    pub fn with_args(args: Args) -> anyhow::Result<Self> {
        Self::run(move || {
            let port = args.listen.map_or(FREE, Choice::Listen);
            Opened::new(&args, &port, &[])
        })
    }

    /// For a command of this program that is its host: the words of its options, of which the port is not one.
    ///
    /// # Errors
    ///
    /// [`WrongUsage`] for options that there are not, and as [`with_args`](Self::with_args).
    pub(crate) fn with_options(options: &[String]) -> anyhow::Result<Self> {
        let args = Args::from_options(options).map_err(|error| {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            WrongUsage(format!("options of the simulator: {first}"))
        })?;
        Self::with_args(Args {
            listen: None,
            stdio: false,
            ..args
        })
    }

    fn run(open: impl FnOnce() -> anyhow::Result<Opened> + Send + 'static) -> anyhow::Result<Self> {
        let desk = Arc::new(Desk::default());
        let theirs = Arc::clone(&desk);
        let (ready, address) = mpsc::channel();
        // Sockets and cells of the modem stay on its thread.
        let thread = thread::Builder::new()
            .name("modem".to_owned())
            .spawn(move || {
                if let Err(error) = live(open, &theirs, &ready) {
                    ::log::error!("{error:#}");
                    // Received by a caller whose modem did not boot.
                    let _ = ready.send(Err(error));
                }
            })
            .context("no thread for the modem")?;
        let address = address
            .recv()
            .map_err(|_| anyhow!("the modem did not start"))??;
        Ok(Self {
            address,
            desk,
            thread: Some(thread),
        })
    }

    /// The AT port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does what a line of the control port says; what stands behind `ok` there. `subscribe` is not for it.
    ///
    /// # Errors
    ///
    /// What stands behind `error:` there, or that the modem has ended.
    pub fn control(&self, line: &str) -> Result<String, String> {
        let (answer, answered) = mpsc::channel();
        self.desk.wish(|wishes| {
            // Dropped there, if nobody answers any more.
            if !wishes.ended {
                wishes.lines.push_back((line.to_owned(), answer));
            }
        });
        answered
            .recv()
            .unwrap_or_else(|_| Err("the modem has ended".to_owned()))
    }
}

/// The thread of a modem.
fn live(
    open: impl FnOnce() -> anyhow::Result<Opened>,
    desk: &Desk,
    ready: &mpsc::Sender<anyhow::Result<SocketAddr>>,
) -> anyhow::Result<()> {
    let Opened {
        machine,
        mut port,
        tape,
        _log,
    } = open()?;
    let address = port.local_addr().context("no TCP port")?;
    let panel = machine.panel(tape);
    let booted = || {
        // The caller waits for it.
        let _ = ready.send(Ok(address));
    };
    let stopped = async {
        desk.stopped().await;
        Ok(())
    };
    let served = async {
        desk.serve(&panel).await;
        Ok(())
    };
    let operated = engine::operate(&machine, &mut port, booted);
    let result = async_io::block_on(or(or(operated, stopped), served));
    let mut wishes = desk.wishes();
    wishes.ended = true;
    wishes.lines.clear();
    result
}

fn blank(config: Config) -> anyhow::Result<Opened> {
    let maps = MapTable::new(config.maps)?;
    let wifi = SimWifi::new(&[]);
    let bench = Bench::default();
    let machine = Machine {
        chip: Chip::Esp32,
        flash: Some(config.flash),
        clock: Clock::Unset,
        net: HostNet::new(maps, wifi.clone()).with_bench(bench.clone()),
        wifi,
        power: Power::default(),
        tls_links: 5,
        dialect: Dialect::Esp,
        layout: Layout::Partitions,
        bench,
        boot: Duration::ZERO,
        pki: Vec::new(),
        rng: SimRng::new(None, Purpose::Modem),
        paced: false,
    };
    Ok(Opened::with(machine, Port::open(&FREE)?, None))
}

impl Drop for Running {
    fn drop(&mut self) {
        self.desk.wish(|wishes| wishes.stop = true);
        if let Some(thread) = self.thread.take() {
            // A panic of the modem has been printed by its thread.
            let _ = thread.join();
        }
    }
}
