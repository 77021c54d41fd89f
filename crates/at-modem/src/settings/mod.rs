//! The modem's settings: what flash keeps, and what only RAM keeps.
//!
//! ```text
//! Settings ─ Values ─┬─ port    what is printed, UART       settings/port.rs
//!                    ├─ links   connections, data, server   settings/links.rs
//!                    ├─ tls     checks, names, keys         settings/tls.rs
//!                    ├─ radio   Wi-Fi                       settings/radio.rs
//!                    └─ time    SNTP                        settings/time.rs
//! ```
//!
//! Each stored setting is one record (spec: at-commands A.22); the files say which bytes it has.

use core::cell::RefCell;

use embedded_storage_async::nor_flash::NorFlash;

pub(crate) mod key;
pub(crate) mod links;
pub(crate) mod port;
pub(crate) mod radio;
mod record;
pub(crate) mod time;
pub(crate) mod tls;

use links::LinkValues;
use port::PortValues;
use radio::RadioValues;
pub(crate) use record::HostText;
use time::TimeValues;
use tls::TlsValues;

/// Everything a command can set.
pub(crate) struct Values {
    pub(crate) port: PortValues,
    pub(crate) links: LinkValues,
    pub(crate) tls: TlsValues,
    pub(crate) radio: RadioValues,
    pub(crate) time: TimeValues,
}

/// The one owner of all settings.
pub(crate) struct Settings(RefCell<Values>);

impl Settings {
    /// What a module has that was never configured, and of TLS the strictest, until flash was read.
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Values {
            port: PortValues::new(),
            links: LinkValues::new(),
            tls: TlsValues::new(),
            radio: RadioValues::new(),
            time: TimeValues::new(),
        }))
    }

    /// Reads settings. `read` must not come back here to change any.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Values) -> T) -> T {
        read(&self.0.borrow())
    }

    /// Changes settings. `change` must not come back here.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Values) -> T) -> T {
        change(&mut self.0.borrow_mut())
    }

    /// Reads what flash has. What cannot be read keeps its default, with a line in the log.
    pub(crate) async fn load<F: NorFlash>(&mut self, store: &mut key::Store<'_, F>) {
        let values = self.0.get_mut();
        // The policy first: whoever drops this leaves the strictest behind.
        values.tls.load(store).await;
        values.time.load(store).await;
        values.port.load(store).await;
        values.links.load(store).await;
        values.radio.load(store).await;
    }
}
