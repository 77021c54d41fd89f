//! The engine in its machine: booted from the flash image, served one host after the other.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use at_modem::{Exit, Modem, ModemBuffers, Parts, Platform, ProductInfo, Sessions, WallClock};
use embassy_time::Timer;
use embedded_io_async::Read as _;
use futures_lite::future::or;
use partition_store::esp_at::FactoryParam;
use partition_store::file::Origin;
use partition_store::{BuiltIn, FileFlash};

use super::Machine;
use super::args::{Chip, Dialect, Layout};
use super::bench::to_embassy;
use super::board::SimBoard;
use super::events::Event;
use super::flash::SimFlash;
use super::net::{HostExtras, HostNet};
use super::port::{Port, RING, Rx, Tx};
use super::rng::SimRng;
use super::wifi::SimWifi;
use crate::device::Device;
use crate::flash_image::content;

/// The simulated module's parts.
#[derive(Debug)]
struct Simulated;

impl Platform for Simulated {
    type Net = HostNet;
    type Extras = HostExtras;
    type Wifi = SimWifi;
    type Flash = SimFlash;
    type Rng = SimRng;
    type Board = SimBoard;
    type Commands = ();
}

/// Where the flash is; a nameless one goes with its folder.
struct FlashPlace {
    path: PathBuf,
    _folder: Option<tempfile::TempDir>,
}

impl FlashPlace {
    fn choose(machine: &Machine) -> anyhow::Result<Self> {
        let (path, folder) = match &machine.flash {
            Some(path) => (path.clone(), None),
            None => {
                let folder = tempfile::tempdir().context("no place for a flash image")?;
                (folder.path().join("flash.bin"), Some(folder))
            }
        };
        Ok(Self {
            path,
            _folder: folder,
        })
    }

    /// Opens the image, and makes a blank one where there is none.
    async fn open(&self, machine: &Machine) -> anyhow::Result<FileFlash> {
        let layout = match (machine.chip, machine.layout) {
            (Chip::Esp32, Layout::Partitions) => &BuiltIn::ESP32,
            (Chip::Esp32, Layout::MfgNvs) => &BuiltIn::ESP32_MFG,
            (Chip::Esp32c3, Layout::Partitions) => &BuiltIn::ESP32_C3,
            (Chip::Esp32c3, Layout::MfgNvs) => &BuiltIn::ESP32_C3_MFG,
        };
        let (file, origin) = FileFlash::open_or_format(&self.path, layout, FactoryParam::Write)
            .await
            // Its sentence names the file and has its cause in it.
            .map_err(|error| anyhow!("the flash image cannot be used: {error}"))?;
        if origin == Origin::Formatted && machine.flash.is_some() {
            ::log::info!("made {}", self.path.display());
        }
        Ok(file)
    }
}

/// There is no chip: what stands for one is this program.
const SDK: &str = concat!("espat ", env!("CARGO_PKG_VERSION"));

const fn product(chip: Chip) -> ProductInfo {
    match chip {
        Chip::Esp32 => ProductInfo {
            chip: "ESP32",
            module: "WROOM-32",
            sdk: SDK,
        },
        Chip::Esp32c3 => ProductInfo {
            chip: "ESP32C3",
            module: "MINI-1",
            sdk: SDK,
        },
    }
}

/// Serves one host after the other; returns when no other can come.
///
/// Power is on while a host is there: `ready` greets the first one and follows each restart. A
/// host that goes closes its links, and leaves the network, the clock and the flash as they are.
/// When the power is cut the host stays connected, and the module starts again from its flash.
///
/// `ready` is called once the module has booted, before the first host is served: a flash image that
/// cannot be used is an error without it.
///
/// Dropping it is like taking the power away.
pub(super) async fn operate(
    machine: &Machine,
    port: &mut Port,
    ready: impl FnOnce(),
) -> anyhow::Result<()> {
    match machine.tls_links {
        1 => operate_with::<1>(machine, port, ready).await,
        2 => operate_with::<2>(machine, port, ready).await,
        3 => operate_with::<3>(machine, port, ready).await,
        4 => operate_with::<4>(machine, port, ready).await,
        _ => operate_with::<5>(machine, port, ready).await,
    }
}

async fn operate_with<const TLS: usize>(
    machine: &Machine,
    port: &mut Port,
    ready: impl FnOnce(),
) -> anyhow::Result<()>
where
    ModemBuffers<TLS>: Sessions,
{
    let place = FlashPlace::choose(machine)?;
    // Up to 180 KiB that do not belong on a stack.
    let mut buffers = Box::new(ModemBuffers::<TLS>::new());
    if !machine.pki.is_empty() {
        let contents = content::gather(&machine.pki)?;
        // A bench may want what no device can use: nothing is refused.
        let _ = content::Checked::of(&contents, Device::Espat, true);
        content::load(place.open(machine).await?, &contents).await?;
    }
    let mut board = SimBoard::new(port.line(), ModemBuffers::<TLS>::TLS_BYTES)
        .with_events(machine.bench.events().clone());
    if machine.paced {
        board = board.paced(machine.bench.clone());
    }
    let mut host = None;
    let mut ready = Some(ready);
    loop {
        // The modem's futures are larger than a test's thread likes to have on its stack twice.
        let modem = Box::pin(live(
            machine,
            &board,
            &place,
            &mut buffers,
            port,
            &mut host,
            &mut ready,
        ));
        let over = async { Some(modem.await) };
        let cut = async {
            machine.power.gone().await;
            None
        };
        // A power cut while the module boots comes before its end, and so does one at its end.
        match or(cut, over).await {
            Some(result) => return result,
            None => {
                tell(machine, "power cut");
                machine.wifi.lose_power();
                if let Some((rx, _)) = &mut host {
                    let rx: &mut Rx = rx;
                    rx.clear();
                }
            }
        }
    }
}

/// From power to power cut, through all restarts.
async fn live<const TLS: usize>(
    machine: &Machine,
    board: &SimBoard,
    place: &FlashPlace,
    buffers: &mut ModemBuffers<TLS>,
    port: &mut Port,
    host: &mut Option<(Rx, Tx)>,
    ready: &mut Option<impl FnOnce()>,
) -> anyhow::Result<()>
where
    ModemBuffers<TLS>: Sessions,
{
    let clock = Rc::new(WallClock::new());
    machine.bench.attach(clock.clone());
    if let Some(now) = machine.clock.start() {
        clock.set(now);
    }
    let mut file = SimFlash::new(place.open(machine).await?, machine.bench.clone());
    loop {
        let parts = Parts {
            net: &machine.net,
            extras: &HostExtras,
            wifi: &machine.wifi,
            flash: file,
            rng: machine.rng.clone(),
            clock: Some(&clock),
            board,
            commands: &(),
            product: product(machine.chip),
            legacy: machine.dialect == Dialect::Legacy,
            built: at_modem::BUILT,
        };
        let mut modem = Modem::<Simulated, _>::boot(parts, &mut *buffers)
            .await
            .map_err(|error| anyhow!("{} cannot be booted: {error}", place.path.display()))?;
        tell(machine, "booted");
        if let Some(ready) = ready.take() {
            ready();
        }
        let Some(pause) = hosts(machine, &mut modem, port, host).await? else {
            return Ok(());
        };
        if let Some((rx, _)) = host
            && sleep(rx, pause).await
        {
            *host = None;
        }
        file = modem.into_flash();
    }
}

/// Serves one host after the other until the module is to start again: how long it takes, or nothing when no host can
/// come any more.
async fn hosts<M: Sessions>(
    machine: &Machine,
    modem: &mut Modem<'_, Simulated, M>,
    port: &mut Port,
    host: &mut Option<(Rx, Tx)>,
) -> anyhow::Result<Option<Duration>> {
    let tell_host = |state| {
        let event = Event::new("host").with("state", state);
        machine.bench.tell(&event);
    };
    loop {
        let (rx, tx) = match host {
            Some(here) => here,
            None => match port.accept().await.context("the AT port failed")? {
                Some(next) => {
                    tell_host("connected");
                    host.insert(next)
                }
                None => return Ok(None),
            },
        };
        match modem.run(rx, tx).await {
            Exit::PortClosed => {
                tell_host("gone");
                *host = None;
            }
            Exit::Restart => {
                tell(machine, "restarting");
                return Ok(Some(machine.boot));
            }
            Exit::DeepSleep { ms } => {
                tell(machine, "asleep");
                return Ok(Some(Duration::from_millis(ms.into())));
            }
        }
    }
}

fn tell(machine: &Machine, state: &str) {
    machine
        .bench
        .tell(&Event::new("modem").with("state", state));
}

/// The port is not read, so what the host sends meanwhile is lost. Returns whether the host disconnected.
async fn sleep(rx: &mut Rx, time: Duration) -> bool {
    if time.is_zero() {
        return false;
    }
    let mut unheard = [0; RING];
    let disconnected = async {
        while !matches!(rx.read(&mut unheard).await, Ok(0) | Err(_)) {}
        true
    };
    let wakes = async {
        Timer::after(to_embassy(time)).await;
        false
    };
    let gone = or(wakes, disconnected).await;
    rx.clear();
    gone
}
