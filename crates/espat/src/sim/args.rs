//! The command line of `espat sim`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::builder::{OsStringValueParser, PathBufValueParser, TypedValueParser as _};
use clap::{ArgGroup, ValueEnum};
use x509_facts::Timestamp;

use super::log::LogTarget;
use super::net::Map;
use super::port::Choice;
use super::wifi::ApSpec;
use crate::flash_image::Given;

/// Between a restart and `ready` of an ESP32 (spec: at-commands A.17); what it receives before is lost.
const BOOT: Duration = Duration::from_millis(300);
/// A minute: for a delay that a test waits for.
const MAX_DELAY_MS: u64 = 60_000;

/// Where the AT port is when nothing is said: only this machine reaches it.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 2323);

/// Runs the modem on this machine, with simulated Wi-Fi and real sockets.
///
/// The AT port is one of --listen, --pty and --stdio; without any it is --listen 127.0.0.1:2323.
/// A line on stderr says when it is ready: "listening on ADDR:PORT" or "pty PATH".
#[derive(Debug, Clone, clap::Args)]
#[command(group(ArgGroup::new("at port").args(["listen", "pty", "stdio"])))]
pub struct Args {
    /// AT port over TCP; port 0 takes a free one. One host at a time: a second one waits until the
    /// first is gone.
    #[arg(long, value_name = "ADDR:PORT", value_parser = parse_listen)]
    pub listen: Option<SocketAddr>,

    /// AT port as a pseudo-terminal, with a symbolic link LINK to it if given.
    #[arg(long, value_name = "LINK", num_args = 0..=1)]
    pub pty: Option<Option<PathBuf>>,

    /// AT port on standard input and output; ends with the input.
    #[arg(long)]
    pub stdio: bool,

    /// What the modem accepts: the commands of ESP-AT 2 and newer, or also those of 1.x (`_CUR` and
    /// `_DEF` at the end of a name, AT+CIPSSLSIZE), for hosts that know nothing newer.
    #[arg(long, value_enum, default_value_t = Dialect::Esp)]
    pub dialect: Dialect,

    /// Flash image of 4 MiB, made blank where it does not exist; without it flash lasts as long as
    /// the program.
    #[arg(long, value_name = "FILE")]
    pub flash: Option<PathBuf>,

    /// The chip whose partition tables and names apply.
    #[arg(long, value_enum, default_value_t = Chip::Esp32)]
    pub chip: Chip,

    /// Where a flash image that is made keeps certificates: in a partition for each kind, as up to ESP-AT
    /// 3.0, or as values in mfg_nvs, as from 3.1 on. An image that is there has its own.
    #[arg(long, value_enum, default_value_t = Layout::Partitions)]
    pub layout: Layout,

    /// Access point, open without PASSWORD, which has 8 to 63 characters or 64 hexadecimal digits. The name ends at the
    /// first comma; one in it is written \, (backslash, comma). May be repeated, the first is the strongest. An open one
    /// called iot is always there.
    #[arg(long, value_name = "SSID[,PASSWORD]",
          value_parser = OsStringValueParser::new().try_map(|text| ApSpec::parse(&text)))]
    pub ap: Vec<ApSpec>,

    /// Sends what the host asks for, over TCP or UDP, to another place. HOST is a name or an
    /// address; without it PORT is one that the modem opens, and ADDR:PORT is where it appears on the
    /// PC (a server's: else the same port of 127.0.0.1). May be repeated; a name that is mapped has no
    /// other ports.
    #[arg(long, value_name = "[HOST]:PORT=ADDR:PORT")]
    pub map: Vec<Map>,

    /// TLS sessions at a time, as far as a chip's memory goes; each takes about 24 KiB.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=5))]
    pub tls_links: u8,

    /// The clock at the start: unset, as on a real module, the PC's, or a time.
    #[arg(long, value_name = "unset|host|RFC3339", default_value = "unset", value_parser = Clock::parse)]
    pub clock: Clock,

    /// What the engine says about its work: to a file, or to stderr with -.
    #[arg(long, value_name = "FILE|-", value_parser = PathBufValueParser::new().map(LogTarget::from))]
    pub log: Option<LogTarget>,

    /// Certificates, keys or images that are in flash from the start, such as client_ca=ca.pem; a role
    /// that is named again has a second item.
    #[arg(long, value_name = "PARTITION=FILE")]
    pub pki: Vec<Given>,

    /// Delay of each answer of a peer, in milliseconds.
    #[arg(long, value_name = "MS", default_value = "0", value_parser = milliseconds)]
    pub latency: Duration,

    /// How long a restart takes, in milliseconds; what the host sends meanwhile is lost, as on a chip.
    /// Without it 300, and with --stdio 0.
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    pub boot_ms: Option<Duration>,

    /// End when the program that started this one ends.
    #[arg(long)]
    pub exit_with_parent: bool,

    /// Changes what is around the modem while it runs: access points, addresses, power, clock, faults. Lines of
    /// text over TCP, each answered by "ok" or "error: why"; "help" lists them. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT", value_parser = parse_listen)]
    pub control: Option<SocketAddr>,

    /// Writes the session to a transcript that can be replayed. Passwords and keys are not in it.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,

    /// Leaves passwords and keys in the transcript.
    #[arg(long, requires = "record")]
    pub record_danger_secrets: bool,
}

impl Args {
    /// How long a restart takes. On standard input a script has no way to wait.
    #[must_use]
    pub fn boot(&self) -> Duration {
        let usual = if self.stdio { Duration::ZERO } else { BOOT };
        self.boot_ms.unwrap_or(usual)
    }

    /// The AT port these arguments name.
    #[must_use]
    pub fn port(&self) -> Choice {
        match (&self.listen, &self.pty, self.stdio) {
            (_, Some(link), _) => Choice::Pty(link.clone()),
            (_, None, true) => Choice::Stdio,
            (listen, None, false) => Choice::Listen(listen.unwrap_or(DEFAULT_LISTEN)),
        }
    }
}

/// The module that is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Chip {
    /// ESP32, the classic one.
    Esp32,
    /// ESP32-C3.
    Esp32c3,
}

/// Where certificates are in flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    /// In partitions, for AT+SYSFLASH.
    Partitions,
    /// In mfg_nvs, for AT+SYSMFG.
    MfgNvs,
}

/// Which commands are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// Those of ESP-AT 2 and newer.
    Esp,
    /// Those of 1.x as well.
    Legacy,
}

/// What the clock shows at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Unset, until SNTP answers.
    Unset,
    /// The time of the PC.
    Host,
    /// This time.
    At(Timestamp),
}

impl Clock {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "unset" => Ok(Self::Unset),
            "host" => Ok(Self::Host),
            time => Timestamp::parse_rfc3339(time)
                .map(Self::At)
                .map_err(|error| format!("neither unset nor host, and as a time: {error}")),
        }
    }

    /// The time to start with, if it is known.
    #[must_use]
    pub fn start(self) -> Option<Timestamp> {
        match self {
            Self::Unset => None,
            Self::At(time) => Some(time),
            // A PC whose clock is before 1970 knows the time no better than a module.
            Self::Host => SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .ok()
                .and_then(|since| i64::try_from(since.as_secs()).ok())
                .map(Timestamp::from_unix),
        }
    }
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|ms| *ms <= MAX_DELAY_MS)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("expected milliseconds from 0 to {MAX_DELAY_MS}"))
}

fn parse_listen(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "an address with a port is expected, like 127.0.0.1:2323 or [::1]:0")
}

#[cfg(test)]
mod tests;
