//! All commands of ESP-AT: the families, the order in which `AT+CMD?` lists them, and their
//! information lines.
//!
//! A family's file declares its commands; this file lists the families. [`ORDER`] is that of the
//! ESP-AT command set, A.24, in which families are not together; what is ours comes last:
//! `AT+SSLWHY`, `AT+SSLPOLICY`, `AT+SSLVERSION`, `AT+SSLRESUME`, `AT+SSLPEER`,
//! `AT+SSLPROBE` and `AT+PKI`. A command without a place in it, or a
//! place without a command, does not compile.

use core::fmt;

use crate::args::Mux;
use crate::commands::basic::{CommandEntry, UartConfig, UnixTime};
use crate::commands::flash::PartitionLine;
use crate::commands::mfg::MfgLine;
use crate::commands::module::{FilterLine, MemoryLine, PowerLine, Temperature, TextLine};
use crate::commands::network::{DnsServers, PingLine};
use crate::commands::options::{PersistenceLine, TcpOptionsLine};
use crate::commands::passthrough::{RetryInterval, SendInterval};
use crate::commands::receive::{ReceiveLengths, ReceiveTypeLine};
use crate::commands::rollback::RollbackLine;
use crate::commands::server::{IdleTimeout, MaxConnections, ServerLine};
use crate::commands::sntp::{SntpInterval, SntpLine};
use crate::commands::softap::{AssociatedStation, LeasePool, SoftAp};
use crate::commands::ssl::{
    AlpnLine, CipherLine, PskHexLine, PskLine, ServerNameLine, SslConfigLine, SslWhy,
};
use crate::commands::station::{Country, HostnameLine, ReconnectLine, WifiConfigLine};
use crate::commands::tcpip::{DataInfo, LinkLine, SendProgress, SendStreamLine};
use crate::commands::trust::{
    PkiLine, PolicyLine, ProbeLine, ResumeLine, SslPeerLine, VersionLine,
};
use crate::commands::wifi::{AddressLine, JoinLine, ScanLine, StationAddress, StationLine};
use crate::commands::{
    basic, flash, mdns, mfg, module, network, options, passthrough, receive, server, sntp, softap,
    ssl, station, tcpip, trust, wifi,
};
use crate::error::LineError;
use crate::legacy::Suffix;
use crate::raw::RawLine;
use crate::set::{CommandSet, InfoSet, Row, Rows as _};
use crate::sink::{Full, Sink};
use crate::types::{
    DhcpInterfaces, LocalTime, Mac, ReceiveMode, SleepMode, SysMsg, TransferMode, WifiMode,
    WifiProtocol,
};

macro_rules! families {
    ($($family:ident($command:ty);)+) => {
        /// A command of ESP-AT in one of its forms, by family.
        ///
        /// Neither this nor a family is `non_exhaustive`: a modem answers every command, so a new one
        /// must not compile until it does. A new command is a minor version of this crate.
        #[derive(Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub enum Command<'a> {
            $(
                #[doc = concat!("See [`", stringify!($command), "`].")]
                $family($command),
            )+
        }

        $(
            impl<'a> From<$command> for Command<'a> {
                fn from(command: $command) -> Self {
                    Self::$family(command)
                }
            }
        )+

        /// The family is left out: it says nothing that the command does not.
        impl fmt::Debug for Command<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$family(command) => command.fmt(f),)+
                }
            }
        }

        impl<'a> Command<'a> {
            /// The tables of the families.
            const TABLES: &'static [&'static [Row]] = &[$(<$command as CommandSet<'a>>::TABLE),+];
        }

        impl<'a> CommandSet<'a> for Command<'a> {
            const TABLE: &'static [Row] = &ORDERED;

            fn from_raw(line: &RawLine<'a>, mux: Mux) -> Result<Self, LineError> {
                let mut place = PLACES.first(line.name());
                while let Some(number) = place {
                    place = PLACES.next(number);
                    let row = usize::from(number);
                    $(
                        let rows = <$command as CommandSet<'a>>::TABLE;
                        let Some(row) = row.checked_sub(rows.len()) else {
                            if rows.get(row).is_some_and(|row| row.is_meant(line)) {
                                return <$command>::from_row(row, line, mux).map(Self::$family);
                            }
                            continue;
                        };
                    )+
                    let _ = row;
                }
                Err(LineError::UnknownCommand)
            }

            fn name(&self) -> &'static str {
                match self {
                    $(Self::$family(command) => command.name(),)+
                }
            }

            fn write_to(&self, out: &mut dyn Sink) -> Result<(), Full> {
                match self {
                    $(Self::$family(command) => command.write_to(out),)+
                }
            }
        }
    };
}

families! {
    Basic(basic::BasicCommand);
    Flash(flash::FlashCommand<'a>);
    Mfg(mfg::MfgCommand<'a>);
    Module(module::ModuleCommand<'a>);
    Wifi(wifi::WifiCommand<'a>);
    Station(station::StationCommand<'a>);
    SoftAp(softap::SoftApCommand<'a>);
    Network(network::NetworkCommand<'a>);
    Mdns(mdns::MdnsCommand<'a>);
    Tcpip(tcpip::TcpipCommand<'a>);
    Options(options::OptionsCommand);
    Passthrough(passthrough::PassthroughCommand<'a>);
    Receive(receive::ReceiveCommand);
    Server(server::ServerCommand);
    Ssl(ssl::SslCommand<'a>);
    Trust(trust::TrustCommand<'a>);
    Sntp(sntp::SntpCommand<'a>);
}

/// Every command, in the order `AT+CMD?` lists those that it lists.
const ORDER: [&str; 101] = [
    "AT",
    "ATE0",
    "ATE1",
    "AT+RST",
    "AT+GMR",
    "AT+CMD",
    "AT+GSLP",
    "AT+SYSTIMESTAMP",
    "AT+SLEEP",
    "AT+RESTORE",
    "AT+SYSRAM",
    "AT+SYSFLASH",
    "AT+SYSMFG",
    "AT+RFPOWER",
    "AT+SYSMSG",
    "AT+SYSMSGFILTER",
    "AT+SYSMSGFILTERCFG",
    "AT+SYSROLLBACK",
    "AT+SYSLOG",
    "AT+SYSSTORE",
    "AT+SLEEPWKCFG",
    "AT+SYSREG",
    "AT+SYSTEMP",
    "AT+USERRAM",
    "AT+USERDOCS",
    "AT+CWINIT",
    "AT+CWMODE",
    "AT+CWSTATE",
    "AT+CWJAP",
    "AT+CWRECONNCFG",
    "AT+CWLAP",
    "AT+CWLAPOPT",
    "AT+CWQAP",
    "AT+CWSAP",
    "AT+CWLIF",
    "AT+CWQIF",
    "AT+CWDHCP",
    "AT+CWDHCPS",
    "AT+CWSTAPROTO",
    "AT+CWAPPROTO",
    "AT+CWAUTOCONN",
    "AT+CWHOSTNAME",
    "AT+CWCOUNTRY",
    "AT+CWCONFIG",
    "AT+CIFSR",
    "AT+CIPSTAMAC",
    "AT+CIPAPMAC",
    "AT+CIPSTA",
    "AT+CIPAP",
    "AT+CIPV6",
    "AT+CIPDNS",
    "AT+CIPDOMAIN",
    "AT+CIPSTATUS",
    "AT+CIPSTATE",
    "AT+CIPSTART",
    "AT+CIPSTARTEX",
    "AT+CIPTCPOPT",
    "AT+CIPCLOSE",
    "AT+CIPSEND",
    "AT+CIPSENDL",
    "AT+CIPSENDLCFG",
    "AT+CIPSENDEX",
    "AT+CIPCONNPERSIST",
    "AT+CIPDINFO",
    "AT+CIPMUX",
    "AT+CIPRECVMODE",
    "AT+CIPRECVTYPE",
    "AT+CIPRECVDATA",
    "AT+CIPRECVLEN",
    "AT+CIPSERVER",
    "AT+CIPSERVERMAXCONN",
    "AT+CIPSSLCCONF",
    "AT+CIPSSLCCN",
    "AT+CIPSSLCSNI",
    "AT+CIPSSLCALPN",
    "AT+CIPSSLCCIPHER",
    "AT+CIPSSLCPSK",
    "AT+CIPSSLCPSKHEX",
    "AT+CIPMODE",
    "AT+CIPSTO",
    "AT+SAVETRANSLINK",
    "AT+TRANSINTVL",
    "AT+CIPSNTPCFG",
    "AT+CIPSNTPTIME",
    "AT+CIPSNTPINTV",
    "AT+CIPRECONNINTV",
    "AT+MDNS",
    "AT+PING",
    "AT+CIUPDATE",
    "AT+CIPFWVER",
    "AT+UART",
    "AT+UART_CUR",
    "AT+UART_DEF",
    "AT+CIPSSLSIZE",
    "AT+SSLWHY",
    "AT+SSLPOLICY",
    "AT+SSLVERSION",
    "AT+SSLRESUME",
    "AT+SSLPEER",
    "AT+SSLPROBE",
    "AT+PKI",
];

const TABLES: &[&[Row]] = Command::TABLES;

/// Where a name is looked for, by its length, its last byte and one in its second half, in any case. The factors are
/// those of few that leave at most two names in one place.
const fn place(name: &[u8]) -> u8 {
    let (_, end) = name.split_at(name.len().saturating_mul(2) / 3);
    let ([middle, ..], [.., last]) = (end, name) else {
        return 0;
    };
    // The lowest byte of the length is all of it but for the longest line.
    let [len, ..] = name.len().to_le_bytes();
    let end = last.to_ascii_uppercase().wrapping_mul(25);
    let middle = middle.to_ascii_uppercase().wrapping_mul(27);
    len.wrapping_mul(21).wrapping_add(end).wrapping_add(middle)
}

/// No row.
const NONE: u8 = u8::MAX;

/// The rows of all families by name, numbered in the order of the families.
struct Places {
    /// The first row of each place.
    first: [u8; 256],
    /// The next row in the same place.
    next: [u8; ORDER.len()],
}

static PLACES: Places = Places::new();

impl Places {
    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "runs in the compiler only, on the tables"
    )]
    const fn new() -> Self {
        assert!(ORDER.len() < NONE as usize, "a number is a byte");
        let mut places = Self {
            first: [NONE; 256],
            next: [NONE; ORDER.len()],
        };
        let (mut number, mut table) = (0, 0);
        while table < TABLES.len() {
            let mut row = 0;
            while row < TABLES[table].len() {
                let place = place(TABLES[table][row].name.as_bytes()) as usize;
                places.next[number] = places.first[place];
                places.first[place] = number as u8;
                number += 1;
                row += 1;
            }
            table += 1;
        }
        places
    }

    fn first(&self, name: &[u8]) -> Option<u8> {
        let first = self.first.get(usize::from(place(name))).copied();
        first.filter(|row| *row != NONE)
    }

    fn next(&self, row: u8) -> Option<u8> {
        let next = self.next.get(usize::from(row)).copied();
        next.filter(|row| *row != NONE)
    }
}

/// The rows of all families, in [`ORDER`].
static ORDERED: [Row; ORDER.len()] = ordered();

#[expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "runs in the compiler only, on the constants above"
)]
const fn ordered() -> [Row; ORDER.len()] {
    let mut rows = [TABLES[0][0]; ORDER.len()];
    let (mut count, mut table) = (0, 0);
    while table < TABLES.len() {
        count += TABLES[table].len();
        table += 1;
    }
    assert!(count == ORDER.len(), "a command has no place in ORDER");
    let mut place = 0;
    while place < ORDER.len() {
        rows[place] = match row_of(ORDER[place]) {
            Some(row) => row,
            None => panic!("a place in ORDER has no command"),
        };
        place += 1;
    }
    rows
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "runs in the compiler only, on the constants above"
)]
const fn row_of(name: &str) -> Option<Row> {
    let mut table = 0;
    while table < TABLES.len() {
        let mut row = 0;
        while row < TABLES[table].len() {
            if is_same(TABLES[table][row].name.as_bytes(), name.as_bytes()) {
                return Some(TABLES[table][row]);
            }
            row += 1;
        }
        table += 1;
    }
    None
}

const fn is_same(mut a: &[u8], mut b: &[u8]) -> bool {
    while let ([x, more_a @ ..], [y, more_b @ ..]) = (a, b) {
        if *x != *y {
            return false;
        }
        (a, b) = (more_a, more_b);
    }
    a.is_empty() && b.is_empty()
}

crate::__info_lines! {
    /// An information line: `+NAME:` and its fields.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum Info<'a>;
    "AT+CMD" Cmd(CommandEntry<'a>);
    "AT+SYSTIMESTAMP" Systimestamp(UnixTime);
    "AT+SLEEP" Sleep(SleepMode);
    "AT+SYSRAM" Sysram(MemoryLine);
    "AT+SYSFLASH" Sysflash(PartitionLine<'a>);
    "AT+SYSMFG" Sysmfg(MfgLine<'a>);
    "AT+RFPOWER" Rfpower(PowerLine);
    "AT+SYSMSG" Sysmsg(SysMsg);
    "AT+SYSMSGFILTER" Sysmsgfilter(bool);
    "AT+SYSMSGFILTERCFG" Sysmsgfiltercfg(FilterLine<'a>);
    "AT+SYSROLLBACK" Sysrollback(RollbackLine<'a>);
    "AT+SYSLOG" Syslog(bool);
    "AT+SYSSTORE" Sysstore(bool);
    "AT+SYSTEMP" Systemp(Temperature);
    "AT+USERRAM" Userram(u32);
    "AT+USERDOCS" Userdocs(TextLine<'a>);
    "AT+CWINIT" Cwinit(bool);
    "AT+CWMODE" Cwmode(WifiMode);
    "AT+CWSTATE" Cwstate(StationLine<'a>);
    "AT+CWJAP" Cwjap(JoinLine<'a>);
    "AT+CWRECONNCFG" Cwreconncfg(ReconnectLine);
    "AT+CWLAP" Cwlap(ScanLine<'a>);
    "AT+CWSAP" Cwsap(SoftAp<'a>);
    "AT+CWLIF" Cwlif(AssociatedStation);
    "AT+CWDHCP" Cwdhcp(DhcpInterfaces);
    "AT+CWDHCPS" Cwdhcps(LeasePool);
    "AT+CWSTAPROTO" Cwstaproto(WifiProtocol);
    "AT+CWAPPROTO" Cwapproto(WifiProtocol);
    "AT+CWAUTOCONN" Cwautoconn(bool);
    "AT+CWHOSTNAME" Cwhostname(HostnameLine<'a>);
    "AT+CWCOUNTRY" Cwcountry(Country<'a>);
    "AT+CWCONFIG" Cwconfig(WifiConfigLine);
    "AT+CIFSR" Cifsr(AddressLine);
    "AT+CIPSTAMAC" Cipstamac(Mac);
    "AT+CIPAPMAC" Cipapmac(Mac);
    "AT+CIPSTA" Cipsta(StationAddress);
    "AT+CIPAP" Cipap(StationAddress);
    "AT+CIPV6" Cipv6(bool);
    "AT+CIPDNS" Cipdns(DnsServers);
    "AT+CIPDOMAIN" Cipdomain(core::net::IpAddr);
    "AT+CIPSTATUS" Cipstatus(LinkLine);
    "AT+CIPSTATE" Cipstate(LinkLine);
    "AT+CIPTCPOPT" Ciptcpopt(TcpOptionsLine);
    "AT+CIPSENDL" Cipsendl(SendProgress);
    "AT+CIPSENDLCFG" Cipsendlcfg(SendStreamLine);
    "AT+CIPCONNPERSIST" Cipconnpersist(PersistenceLine);
    "AT+CIPDINFO" Cipdinfo(DataInfo);
    "AT+CIPMUX" Cipmux(Mux);
    "AT+CIPRECVMODE" Ciprecvmode(ReceiveMode);
    "AT+CIPRECVTYPE" Ciprecvtype(ReceiveTypeLine);
    "AT+CIPRECVLEN" Ciprecvlen(ReceiveLengths);
    "AT+CIPSERVER" Cipserver(ServerLine);
    "AT+CIPSERVERMAXCONN" Cipservermaxconn(MaxConnections);
    "AT+CIPSSLCCONF" Cipsslcconf(SslConfigLine);
    "AT+CIPSSLCCN" Cipsslccn(ServerNameLine<'a>);
    "AT+CIPSSLCSNI" Cipsslcsni(ServerNameLine<'a>);
    "AT+CIPSSLCALPN" Cipsslcalpn(AlpnLine<'a>);
    "AT+CIPSSLCCIPHER" Cipsslccipher(CipherLine);
    "AT+CIPSSLCPSK" Cipsslcpsk(PskLine<'a>);
    "AT+CIPSSLCPSKHEX" Cipsslcpskhex(PskHexLine<'a>);
    "AT+CIPMODE" Cipmode(TransferMode);
    "AT+CIPSTO" Cipsto(IdleTimeout);
    "AT+TRANSINTVL" Transintvl(SendInterval);
    "AT+CIPSNTPCFG" Cipsntpcfg(SntpLine<'a>);
    "AT+CIPSNTPTIME" Cipsntptime(LocalTime);
    "AT+CIPSNTPINTV" Cipsntpintv(SntpInterval);
    "AT+CIPRECONNINTV" Cipreconnintv(RetryInterval);
    "AT+PING" Ping(PingLine);
    "AT+CIPFWVER" Cipfwver(TextLine<'a>);
    "AT+UART" Uart(UartConfig);
    "AT+UART_CUR" UartCur(UartConfig);
    "AT+UART_DEF" UartDef(UartConfig);
    "AT+SSLWHY" Sslwhy(SslWhy<'a>);
    "AT+SSLPOLICY" Sslpolicy(PolicyLine<'a>);
    "AT+SSLVERSION" Sslversion(VersionLine);
    "AT+SSLRESUME" Sslresume(ResumeLine);
    "AT+SSLPEER" Sslpeer(SslPeerLine<'a>);
    "AT+SSLPROBE" Sslprobe(ProbeLine<'a>);
    "AT+PKI" Pki(PkiLine<'a>);
}

impl Command<'_> {
    /// Every command, in the order `AT+CMD?` lists those that it lists.
    pub const TABLE: &'static [Row] = <Self as CommandSet>::TABLE;

    /// Every command that is announced, as `AT+CMD?` lists them.
    pub fn inventory() -> impl Iterator<Item = CommandEntry<'static>> {
        CommandEntry::listed(Self::TABLE, 0)
    }

    /// Name of the command, `AT` included.
    #[must_use]
    pub fn name(&self) -> &'static str {
        CommandSet::name(self)
    }

    /// Writes the line without terminator.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    pub fn write_to(&self, out: &mut dyn Sink) -> Result<(), Full> {
        CommandSet::write_to(self, out)
    }
}

impl<'a> Info<'a> {
    /// Writes the line, with its CRLF where it has one.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    pub fn write_to(&self, out: &mut dyn Sink) -> Result<(), Full> {
        InfoSet::write_to(self, out)
    }

    /// Writes the line under the name that firmware 1.x has for it, if it has one.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    pub fn write_as(&self, suffix: Suffix, out: &mut dyn Sink) -> Result<(), Full> {
        self.write_with(self.is_suffixed().then_some(suffix), out)
    }

    /// Whether firmware 1.x has the line with a suffix.
    pub(crate) fn is_suffixed(&self) -> bool {
        let name = InfoSet::name(self);
        Command::TABLE
            .iter()
            .any(|row| row.suffixed && row.name == name)
    }

    /// Reads a line without its CRLF.
    pub(crate) fn read(tag: &[u8], fields: &'a [u8]) -> Option<Self> {
        InfoSet::read(tag, fields)
    }
}
