//! `espat sim` on a thread of this program, for the commands that are its host: `replay`, `term`.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, anyhow};
use async_io::Async;
use clap::Parser;

use super::{Args, Places, serve};
use crate::report::WrongUsage;

/// Only this machine, and a port that is free.
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Options of `espat sim`, without its name in front.
#[derive(Debug, Parser)]
#[command(name = "espat sim", no_binary_name = true)]
struct Options {
    #[command(flatten)]
    args: Args,
}

/// A simulator that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct InProcess {
    places: Places,
    /// Dropped first: its other end sees that, and stops.
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl InProcess {
    /// Starts one with these options. Its AT port and its control port are TCP ports of the loopback.
    pub(crate) fn start(options: &[String]) -> anyhow::Result<Self> {
        let Options { mut args } = Options::try_parse_from(options).map_err(|error| {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            WrongUsage(format!("options of the simulator: {first}"))
        })?;
        args.listen = Some(ANY);
        args.control = Some(ANY);
        args.pty = None;
        args.stdio = false;
        args.exit_with_parent = false;
        let (stop, stopped) = UnixStream::pair().context("cannot start the simulator")?;
        let (announced, places) = mpsc::channel();
        // Sockets and cells of the modem stay on its thread.
        let thread = thread::Builder::new()
            .name("modem".to_owned())
            .spawn(move || {
                let stop = async {
                    if let Ok(stopped) = Async::new(stopped) {
                        // Readable at its end; an error is an end as well.
                        let _ = stopped.readable().await;
                    }
                };
                let ready = |places: Places| {
                    // The caller waits for it below.
                    let _ = announced.send(Ok(places));
                };
                let ran = async_io::block_on(serve(&args, &[], stop, ready));
                if let Err(error) = ran {
                    // Nobody listens once the port was announced.
                    let _ = announced.send(Err(error));
                }
            })?;
        let places = places
            .recv()
            .map_err(|_| anyhow!("the simulator did not start"))??;
        Ok(Self {
            places,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The AT port.
    pub(crate) fn port(&self) -> anyhow::Result<SocketAddr> {
        self.places.port.context("the simulator has no TCP port")
    }

    /// The control port.
    pub(crate) fn control(&self) -> anyhow::Result<SocketAddr> {
        self.places
            .control
            .context("the simulator has no control port")
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the modem has been printed by its thread.
            let _ = thread.join();
        }
    }
}
