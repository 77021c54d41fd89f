//! The command line of `espat sim`.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::builder::{OsStringValueParser, PathBufValueParser, TypedValueParser as _};
use clap::{ArgGroup, Parser as _, ValueEnum};
use x509_facts::Timestamp;

use super::log::{LogFormat, LogLevel, LogTarget};
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

    /// What the modem accepts and how it answers: as ESP-AT 2 and newer, or as 1.x, for hosts that know nothing
    /// newer (`_CUR` and `_DEF` at the end of a name, AT+CIPSSLSIZE, "+CIPRECVDATA,N:", addresses without
    /// quotes, a blank behind the prompt).
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
    /// address; without it PORT is one that the modem opens, and PLACE is where it appears on the
    /// PC (a server's: else the same port of 127.0.0.1). PLACE is an address, or a name that the PC
    /// resolves at the start; a line on stderr says to what. May be repeated; a name that is mapped has no
    /// other ports.
    #[arg(long, value_name = "[HOST]:PORT=PLACE:PORT")]
    pub map: Vec<Map>,

    /// Hardware address of the station; the soft-AP has the next one.
    #[arg(long, value_name = "MAC", value_parser = parse_mac)]
    pub mac: Option<[u8; 6]>,

    /// IPv4 address that the station gets from an access point, in a network of 24 bits. Without it 192.168.3.112.
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub address: Option<Ipv4Addr>,

    /// TLS sessions at a time, as far as a chip's memory goes; each takes about 24 KiB.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=5))]
    pub tls_links: u8,

    /// The clock at the start: unset, as on a real module, the PC's, or a time.
    #[arg(long, value_name = "unset|host|RFC3339", default_value = "unset", value_parser = Clock::parse)]
    pub clock: Clock,

    /// What the engine says about its work: to a file, or to stderr with -.
    #[arg(long, value_name = "FILE|-", value_parser = PathBufValueParser::new().map(LogTarget::from))]
    pub log: Option<LogTarget>,

    /// How much of it: this level and those above.
    #[arg(long, value_enum, default_value_t = LogLevel::Debug, requires = "log")]
    pub log_level: LogLevel,

    /// Its lines: for people, or a JSON object each.
    #[arg(long, value_enum, default_value_t = LogFormat::Text, requires = "log")]
    pub log_format: LogFormat,

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

    /// Bytes of the AT port pass as slowly as on a UART of N bits a second, with 10 bits a byte; "module" takes
    /// what the module has: 115200, or what AT+UART_CUR and AT+UART_DEF set.
    #[arg(long, value_name = "N|module", value_parser = Baud::parse, conflicts_with = "virtual_time")]
    pub baud: Option<Baud>,

    /// Takes all random numbers from this one, so that a run can be repeated: keys, the hardware address, noise
    /// of the control port; local ports are counted. Nothing is secret then.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// The modem's clock stands at 0 until the control port turns it with "time advance MS". A restart takes no
    /// time unless --boot-ms says so.
    #[arg(long)]
    pub virtual_time: bool,

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

/// The same options without the program around them.
#[derive(Debug, clap::Parser)]
struct Options {
    #[command(flatten)]
    args: Args,
}

impl Args {
    /// From the words of a command line, without `espat sim` before them.
    ///
    /// # Errors
    ///
    /// What the program would print on stderr.
    pub fn from_options<I>(options: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        let name = OsString::from("sim");
        let words = std::iter::once(name).chain(options.into_iter().map(Into::into));
        Options::try_parse_from(words).map(|options| options.args)
    }

    /// How long a restart takes. On standard input a script has no way to wait, and a clock that stands none to end it.
    #[must_use]
    pub fn boot(&self) -> Duration {
        let usual = if self.stdio || self.virtual_time {
            Duration::ZERO
        } else {
            BOOT
        };
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

/// How fast the AT port is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baud {
    /// So many bits a second.
    Fixed(u32),
    /// What the module has.
    Module,
}

impl Baud {
    /// The slowest and the fastest that `AT+UART_CUR` takes.
    const RANGE: std::ops::RangeInclusive<u32> = 80..=5_000_000;

    fn parse(text: &str) -> Result<Self, String> {
        if text == "module" {
            return Ok(Self::Module);
        }
        let baud = text.parse().ok().filter(|it| Self::RANGE.contains(it));
        baud.map(Self::Fixed)
            .ok_or_else(|| "expected module, or bits a second from 80 to 5000000".to_owned())
    }
}

/// Which commands are accepted, and how they are answered.
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

fn parse_mac(text: &str) -> Result<[u8; 6], String> {
    let mac = super::wifi::parse_mac(text)?;
    // IEEE 802, 8.2.2: the lowest bit of the first byte marks a group.
    if mac.first().is_some_and(|first| first & 1 == 1) {
        return Err(format!("{text} is the address of a group"));
    }
    Ok(mac)
}

fn parse_address(text: &str) -> Result<Ipv4Addr, String> {
    let address: Ipv4Addr = text
        .parse()
        .map_err(|_| format!("{text} is no IPv4 address"))?;
    let [first, .., last] = address.octets();
    // 1 is the access point's, 0 and 255 are no station's.
    if !(1..224).contains(&first) || first == 127 || !(2..255).contains(&last) {
        return Err(format!(
            "no station of a network of 24 bits can have {address}: its last number is 2 to 254"
        ));
    }
    Ok(address)
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
