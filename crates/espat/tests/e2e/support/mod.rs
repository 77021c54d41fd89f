//! What stands around the modem: its host, servers, certificates, and the programs behind them.

pub(crate) mod clients;
pub(crate) mod gnutls;
pub(crate) mod go;
pub(crate) mod modem;
pub(crate) mod mosquitto;
pub(crate) mod nginx;
pub(crate) mod pki;
pub(crate) mod process;
pub(crate) mod servers;
pub(crate) mod world;

use std::path::Path;
use std::time::Duration;

/// For anything that is only slow when the machine is busy.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// A path for a command line.
pub(crate) fn utf8(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
