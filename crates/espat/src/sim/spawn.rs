//! A modem on a thread of its own, for programs that are their own host.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::args::{Chip, Clock, Dialect, Layout};
use super::bench::Bench;
use super::control::Power;
use super::net::{HostNet, Map, MapTable};
use super::port::{Choice, Port};
use super::wifi::SimWifi;
use super::{Machine, engine};

/// A modem that runs until this is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: Arc<Stop>,
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

#[derive(Debug, Default)]
struct Stop(Mutex<(bool, Option<Waker>)>);

impl Stop {
    fn now(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = true;
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    }

    fn wait(&self) -> impl Future<Output = ()> {
        poll_fn(|context| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.0 {
                return Poll::Ready(());
            }
            state.1 = Some(context.waker().clone());
            Poll::Pending
        })
    }
}

impl Running {
    /// Switches a modem on; its AT port is a TCP port of this machine's loopback.
    ///
    /// # Errors
    ///
    /// The port, a map or the flash image is not available.
    pub fn start(config: Config) -> io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let stopped = stop.clone();
        let (ready, address) = mpsc::channel();
        // Sockets and cells of the modem stay on its thread.
        let thread = thread::Builder::new()
            .name("modem".to_owned())
            .spawn(move || {
                let opened = open(config);
                match opened {
                    Ok((machine, mut port)) => {
                        let address = port
                            .local_addr()
                            .ok_or_else(|| io::Error::other("no TCP port"));
                        let booted = || {
                            // The caller waits for it below.
                            let _ = ready.send(address);
                        };
                        let run = async {
                            if let Err(error) = engine::operate(&machine, &mut port, booted).await {
                                ::log::error!("{error:#}");
                                // Received by a caller whose modem did not boot.
                                let _ = ready.send(Err(io::Error::other(format!("{error:#}"))));
                            }
                        };
                        async_io::block_on(futures_lite::future::or(run, stopped.wait()));
                    }
                    Err(error) => {
                        // Reported to the caller below.
                        let _ = ready.send(Err(error));
                    }
                }
            })?;
        let address = address
            .recv()
            .map_err(|_| io::Error::other("the modem did not start"))??;
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }

    /// The AT port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

fn open(config: Config) -> io::Result<(Machine, Port)> {
    let maps = MapTable::new(config.maps).map_err(|error| io::Error::other(error.to_string()))?;
    let wifi = SimWifi::new(&[]);
    let machine = Machine {
        chip: Chip::Esp32,
        flash: Some(config.flash),
        clock: Clock::Unset,
        net: HostNet::new(maps, wifi.clone()),
        wifi,
        power: Power::default(),
        tls_links: 5,
        dialect: Dialect::Esp,
        layout: Layout::Partitions,
        bench: Bench::default(),
        boot: Duration::ZERO,
        pki: Vec::new(),
    };
    let port = Port::open(&Choice::Listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))
        .map_err(|error| io::Error::other(format!("{error:#}")))?;
    Ok((machine, port))
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.now();
        if let Some(thread) = self.thread.take() {
            // A panic of the modem has been printed by its thread.
            let _ = thread.join();
        }
    }
}
