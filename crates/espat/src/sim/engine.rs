//! The engine in its machine: booted from the flash image, served one host after the other.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use at_modem::{Exit, Identity, Modem, ModemMemory, Parts, Platform, WallClock};
use partition_store::FileFlash;
use rand_core::OsRng;

use super::Machine;
use super::args::Chip;
use super::net::HostNet;
use super::port::Port;
use super::wifi::SimWifi;

/// The simulated module's parts.
#[derive(Debug)]
struct Simulated;

impl Platform for Simulated {
    type Net = HostNet;
    type Wifi = SimWifi;
    type Flash = FileFlash;
    type Rng = OsRng;
    type Board = ();
}

/// Where the flash is; a nameless one goes with its folder.
struct Flash {
    file: FileFlash,
    path: PathBuf,
    _folder: Option<tempfile::TempDir>,
}

async fn open_flash(machine: &Machine) -> anyhow::Result<Flash> {
    let (path, folder) = match &machine.flash {
        Some(path) => (path.clone(), None),
        None => {
            let folder = tempfile::tempdir().context("no place for a flash image")?;
            (folder.path().join("flash.bin"), Some(folder))
        }
    };
    let chip = match machine.chip {
        Chip::Esp32 => partition_store::Chip::Esp32,
        Chip::Esp32c3 => partition_store::Chip::Esp32C3,
    };
    let (file, made) = FileFlash::open_or_format(&path, chip, true)
        .await
        // Its sentence names the file and has its cause in it.
        .map_err(|error| anyhow!("the flash image cannot be used: {error}"))?;
    if made && machine.flash.is_some() {
        ::log::info!("made {}", path.display());
    }
    Ok(Flash {
        file,
        path,
        _folder: folder,
    })
}

const fn identity(chip: Chip) -> Identity {
    match chip {
        Chip::Esp32 => Identity {
            chip: "ESP32",
            module: "WROOM-32",
        },
        Chip::Esp32c3 => Identity {
            chip: "ESP32C3",
            module: "MINI-1",
        },
    }
}

/// Serves one host after the other; returns when no other can come.
///
/// Power is on while a host is there: `ready` greets the first one and follows each restart. A
/// host that goes closes its links, and leaves the network, the clock and the flash as they are.
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
    let clock = WallClock::new();
    if let Some(now) = machine.clock.start() {
        clock.set(now);
    }
    let Flash {
        mut file,
        path,
        _folder,
    } = open_flash(machine).await?;
    // 115 KiB that do not belong on a stack.
    let mut memory = Box::new(ModemMemory::<5>::new());
    let mut host = None;
    let mut ready = Some(ready);
    loop {
        let parts = Parts {
            net: &machine.net,
            wifi: &machine.wifi,
            flash: file,
            rng: OsRng,
            clock: &clock,
            board: &(),
            identity: identity(machine.chip),
            legacy: false,
            built: at_modem::BUILT,
        };
        let mut modem = Modem::<Simulated>::boot(parts)
            .await
            .map_err(|error| anyhow!("{} cannot be booted: {error}", path.display()))?;
        if let Some(ready) = ready.take() {
            ready();
        }
        loop {
            let (rx, tx) = match &mut host {
                Some(here) => here,
                None => match port.accept().await.context("the AT port failed")? {
                    Some(next) => host.insert(next),
                    None => return Ok(()),
                },
            };
            match modem.run(&mut memory, rx, tx).await {
                Exit::PortClosed => host = None,
                Exit::Restart | Exit::DeepSleep { .. } => break,
            }
        }
        file = modem.into_flash();
    }
}
