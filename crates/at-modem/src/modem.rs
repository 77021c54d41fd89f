//! The modem: boots from flash, then serves one AT port until it goes away or a restart is asked for.

use core::pin::pin;

use at_grammar::Reply;
use embassy_futures::join::{join, join5};
use embassy_futures::select::{Either, Either4, select, select4};
use embassy_time::{Duration, with_timeout};
use embedded_io_async::{Read, Write};
use embedded_storage_async::nor_flash::ErrorType as NorErrorType;
use partition_store::{FlashStore, LayoutError, Nvs, PartitionStore};
use tls_session::Timestamp;

use crate::command;
use crate::cx::Cx;
use crate::flash;
use crate::links::Links;
use crate::parts::Parts;
use crate::platform::Platform;
use crate::port::framing::LineBuffer;
use crate::port::inlet::{Gone, Inlet};
use crate::port::outlet::RingReader;
use crate::port::{Mode, Port};
use crate::task::attend::attend;
use crate::task::owners::PortOwners;
use crate::task::tls::SessionOwners;
use crate::task::{self, Sessions};
use crate::wifi::Wifi;
use wiped_place::Place;

mod owners;

use owners::{Outside, Owners};

/// A flash that no modem can boot from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootError<E>(pub LayoutError<E>);

impl<E: core::fmt::Debug> core::fmt::Display for BootError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "no usable partition tables: {}", self.0)
    }
}

impl<E: core::fmt::Debug> core::error::Error for BootError<E> {}

/// Why [`Modem::run`] came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// `AT+RST` or `AT+RESTORE`: boot again and go on with the same port.
    Restart,
    /// The port is gone; run again with another.
    PortClosed,
    /// `AT+GSLP`: sleep so long, then boot again.
    DeepSleep {
        /// Milliseconds.
        ms: u32,
    },
}

/// How long a host that sends no more may take to receive what was printed before.
const FINAL_FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// A booted modem, in buffers of the caller's: [`ModemBuffers`](crate::ModemBuffers).
pub struct Modem<'a, P: Platform, M: Sessions> {
    owners: Owners<'a, P>,
    sessions: &'a mut M::Memory,
    /// Where the port's bytes are taken from.
    ring: RingReader<'a>,
    announced: bool,
}

impl<P: Platform, M: Sessions> core::fmt::Debug for Modem<'_, P, M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Modem").finish_non_exhaustive()
    }
}

impl<'a, P: Platform, M: Sessions> Modem<'a, P, M> {
    /// Reads both partition tables and the stored settings, and gives the clock its floor.
    ///
    /// Dropping the future leaves the flash as it was, or with its settings store formatted; every
    /// value of `mfg_nvs` stays.
    ///
    /// # Errors
    ///
    /// A flash without ESP-AT's partition tables.
    pub async fn boot(
        parts: Parts<'a, P>,
        buffers: &'a mut M,
    ) -> Result<Self, BootError<<P::Flash as NorErrorType>::Error>> {
        let (outside, flash, built) = split(parts);
        let store = FlashStore::open(flash).await.map_err(BootError)?;
        let mut modem = Self::new(outside, buffers, store);
        modem.load(built).await;
        Ok(modem)
    }

    /// As [`Modem::boot`], with the modem where it is to stay: on 32 bits it has 12 KB, which handed on
    /// by value would lie on the stack more than once while the flash is read.
    ///
    /// Dropping the future may leave in `place` a modem that has read its settings in part, and is to be
    /// booted again; TLS is the strictest until its policy was read.
    ///
    /// # Errors
    ///
    /// As [`Modem::boot`]; `place` is then as it was.
    pub async fn boot_in<'p>(
        place: &'p mut Option<Self>,
        parts: Parts<'a, P>,
        buffers: &'a mut M,
    ) -> Result<&'p mut Self, BootError<<P::Flash as NorErrorType>::Error>> {
        let (outside, flash, built) = split(parts);
        let store = FlashStore::open(flash).await.map_err(BootError)?;
        let modem = Self::put(place, outside, buffers, store);
        modem.load(built).await;
        Ok(modem)
    }

    /// A call of its own, whose frame is gone before the next one.
    #[inline(never)]
    fn put<'p>(
        place: &'p mut Option<Self>,
        outside: Outside<'a, P>,
        buffers: &'a mut M,
        store: FlashStore<P::Flash>,
    ) -> &'p mut Self {
        place.insert(Self::new(outside, buffers, store))
    }

    fn new(outside: Outside<'a, P>, buffers: &'a mut M, store: FlashStore<P::Flash>) -> Self {
        let (queues, sessions) = buffers.split();
        let (owners, ring) = Owners::new(outside, queues, M::COUNT, store);
        Self {
            owners,
            sessions,
            ring,
            announced: false,
        }
    }

    async fn load(&mut self, built: Timestamp) {
        let Owners {
            flash,
            settings,
            clock,
            station,
            ..
        } = &mut self.owners;
        match flash.settings(&mut *flash.lock().await).await {
            Ok(mut store) => settings.load(&mut store).await,
            Err(_) => {
                espat_log::error!("settings cannot be opened: defaults apply, and TLS is strict");
            }
        }
        let store = flash.get_mut();
        // Once per life, before anything is read or written: what a power cut interrupted.
        if let Some(region) = store.mfg_region()
            && Nvs::open(region).await.is_err()
        {
            // Every command that wants a value says why it gets none.
            espat_log::warn!("mfg_nvs cannot be used");
        }
        flash::confirm(store).await;
        clock.set_floor(settings.read(|values| values.time.earliest(built)));
        if settings.read(|values| values.radio.joins_unasked()) {
            station.join_stored();
        }
    }

    /// Gives the flash back.
    #[must_use]
    pub fn into_flash(self) -> P::Flash {
        self.owners.flash.into_inner()
    }

    /// Serves the port. Links, SNTP and Wi-Fi run inside.
    ///
    /// Dropping it closes all links and may cut the message being written to the port.
    pub async fn run(&mut self, rx: &mut impl Read, tx: &mut impl Write) -> Exit {
        let (owners, memory) = (&self.owners, &*self.sessions);
        let output = Output::of(&owners.port, &owners.links, &mut self.ring);
        owners.port.set_mode(Mode::Hold);
        let announce = !core::mem::replace(&mut self.announced, true);
        let exit = {
            let (cx, for_links) = (owners.cx(), owners.for_links());
            let for_sessions = owners.for_sessions(&for_links);
            let (for_station, for_time) = (owners.for_station(), owners.for_time());
            let mut places = (
                pin!(Place::empty()),
                pin!(Place::empty()),
                pin!(Place::empty()),
                pin!(Place::empty()),
            );
            let serve = places.0.as_mut().fill(|| serve(&cx, announce, rx));
            let links = places
                .1
                .as_mut()
                .fill(|| links::<P, M>(memory, &for_sessions));
            let sessions = places.2.as_mut().fill(|| M::serve(memory, &for_sessions));
            let background = places
                .3
                .as_mut()
                .fill(|| task::background(&for_station, &for_time));
            let links = join(links, sessions);
            // Last, so that what the others print goes out in the same poll.
            let drain = owners.port.outlet.drain(output.ring, tx);
            match select4(serve, links, background, drain).await {
                Either4::First(exit) => exit,
                Either4::Fourth(()) => Exit::PortClosed,
                Either4::Second(_) | Either4::Third(()) => Exit::Restart,
            }
        };
        // `OK` goes out before the port falls silent.
        let outlet = &self.owners.port.outlet;
        let flush = select(outlet.drain(output.ring, tx), outlet.drained());
        match exit {
            Exit::Restart | Exit::DeepSleep { .. } => {
                let _ = flush.await;
            }
            // Whoever sends no more may still listen.
            Exit::PortClosed => {
                let _ = with_timeout(FINAL_FLUSH_TIMEOUT, flush).await;
            }
        }
        drop(output);
        self.owners.forget_port();
        self.leave_network(exit).await;
        exit
    }

    /// What becomes of the Wi-Fi when the port is served no longer.
    async fn leave_network(&self, exit: Exit) {
        let was_joining = self.owners.station.is_joining();
        if was_joining || exit != Exit::PortClosed {
            // Nobody sees a join through any longer, and a module that starts is in no network.
            self.owners.station.note_joining(false);
            self.owners.wifi.leave().await;
        }
        if was_joining
            && self
                .owners
                .settings
                .read(|values| values.radio.joins_unasked())
        {
            self.owners.station.join_stored();
        }
    }
}

/// The reading end of the output ring while the port is served. However that ends, nothing of what
/// passed the port stays in memory.
struct Output<'r, 'a> {
    port: &'r Port<'a>,
    links: &'r Links<'a>,
    ring: &'r mut RingReader<'a>,
}

impl<'r, 'a> Output<'r, 'a> {
    /// Of an earlier host nothing is left in the ring.
    fn of(port: &'r Port<'a>, links: &'r Links<'a>, ring: &'r mut RingReader<'a>) -> Self {
        port.outlet.clear(ring);
        Self { port, links, ring }
    }
}

impl Drop for Output<'_, '_> {
    fn drop(&mut self) {
        self.port.outlet.clear(self.ring);
        self.port.wipe_payload();
        for link in self.links.each() {
            link.inbox.reset();
        }
    }
}

/// What stays outside, the flash, and the earliest time.
fn split<P: Platform>(parts: Parts<'_, P>) -> (Outside<'_, P>, P::Flash, Timestamp) {
    let outside = Outside {
        net: parts.net,
        extras: parts.extras,
        wifi: parts.wifi,
        rng: parts.rng,
        clock: parts.clock,
        board: parts.board,
        commands: parts.commands,
        product: parts.product,
        legacy: parts.legacy,
    };
    (outside, parts.flash, parts.built)
}

/// The tasks of links without TLS, and of the server.
async fn links<P: Platform, M: Sessions>(memory: &M::Memory, sessions: &SessionOwners<'_, '_, P>) {
    let owners = sessions.links;
    let [link0, link1, link2, link3, link4] = owners.links.each();
    let mut places = (
        pin!(Place::empty()),
        pin!(Place::empty()),
        pin!(Place::empty()),
        pin!(Place::empty()),
        pin!(Place::empty()),
    );
    let links = join5(
        places.0.as_mut().fill(|| task::run(link0, owners)),
        places.1.as_mut().fill(|| task::run(link1, owners)),
        places.2.as_mut().fill(|| task::run(link2, owners)),
        places.3.as_mut().fill(|| task::run(link3, owners)),
        places.4.as_mut().fill(|| task::run(link4, owners)),
    );
    let mut server = pin!(Place::empty());
    let server = server
        .as_mut()
        .fill(|| task::server::run::<P, M>(memory, sessions));
    join(links, server).await;
}

async fn serve<P: Platform>(cx: &Cx<'_, '_, P>, announce: bool, rx: &mut impl Read) -> Exit {
    let (port, settings) = (cx.port, cx.settings);
    let host = PortOwners { port, settings };
    let mut inlet = Inlet::new(rx);
    if announce {
        command::start_uart(cx);
        command::start_radio(cx).await;
        port.print(settings).await.reply(&Reply::Ready).await;
    }
    if announce {
        command::use_dns(cx);
        let saved = settings.read(|values| values.links.transparent.clone());
        if let Some(saved) = saved {
            let pass = command::passthrough::begin_saved(cx, &saved);
            if let Either::Second(Gone) = select(pass, attend(&host, cx.links, &mut inlet)).await {
                return Exit::PortClosed;
            }
            port.set_mode(Mode::Hold);
        }
    }
    let mut line = LineBuffer::new();
    loop {
        let Ok(framed) = inlet.line(&mut line).await else {
            return Exit::PortClosed;
        };
        let execute = command::line(cx, framed, &line);
        // The port comes first, so that the command sees in the same poll what came for it.
        let after = match select(attend(&host, cx.links, &mut inlet), execute).await {
            Either::First(Gone) => return Exit::PortClosed,
            Either::Second(after) => after,
        };
        port.set_mode(Mode::Hold);
        line.clear();
        match after {
            command::AfterLine::Go => {}
            command::AfterLine::Restart => return Exit::Restart,
            command::AfterLine::Sleep(ms) => return Exit::DeepSleep { ms },
        }
    }
}
