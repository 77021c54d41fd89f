//! The table: one row per command, in the order `AT+CMD?` lists them.
//!
//! A row names the forms a command has, the struct of its set form and the type of its information
//! line. From it come the variants of [`Command`] and [`Info`], dispatch, the flags of the
//! inventory, and both writers.
//!
//! Order and flags follow the ESP-AT command set, A.24; what is ours comes last: `AT+SSLWHY`,
//! `AT+SSLPOLICY`, `AT+SSLPROBE` and `AT+PKI`.

use crate::args::Mux;
use crate::commands::basic::{CommandEntry, UartConfig, UnixTime};
use crate::commands::flash::{FlashRequest, PartitionLine};
use crate::commands::mdns::MdnsRequest;
use crate::commands::mfg::{MfgLine, MfgRequest};
use crate::commands::module::{
    FilterLine, FilterRequest, MemoryLine, PowerLine, RamRequest, RegisterRequest, SetPower,
    SleepTime, Temperature, TextLine, Update, WakeSource,
};
use crate::commands::network::{DnsServers, PingLine};
use crate::commands::options::{PersistenceLine, SetPersistence, SetTcpOptions, TcpOptionsLine};
use crate::commands::passthrough::{RetryInterval, SavedLink, SendInterval};
use crate::commands::receive::{FetchData, ReceiveLengths, ReceiveTypeLine, SetReceiveType};
use crate::commands::server::{IdleTimeout, MaxConnections, ServerLine, ServerRequest};
use crate::commands::sntp::{SntpConfig, SntpInterval, SntpLine};
use crate::commands::softap::{GuestLine, LeasePool, SetLeasePool, SoftAp};
use crate::commands::ssl::{
    AlpnLine, CipherLine, PskHexLine, PskLine, ServerNameLine, SetAlpn, SetCiphers, SetPsk,
    SetPskHex, SetServerName, SslConfig, SslConfigLine, SslWhy,
};
use crate::commands::station::{
    Country, HostnameLine, ReconnectLine, ScanOptions, SetDhcp, SetReconnect, SetWifiConfig,
    StaticAddress, WifiConfigLine,
};
use crate::commands::tcpip::{
    CloseLink, DataInfo, LinkLine, OpenFreeLink, OpenLink, Resolve, SendData, SendProgress,
    SendStream, SendStreamLine, SetSendStream,
};
use crate::commands::trust::{PkiLine, PolicyLine, Probe, ProbeLine};
use crate::commands::wifi::{
    AddressLine, JoinAp, JoinLine, ScanLine, ScanRequest, SetWifiMode, StationAddress, StationLine,
};
use crate::error::LineError;
use crate::legacy::{Generation, SslBuffer, Suffix};
use crate::line::{Context, Form, set_form, write_set};
use crate::reply::{read_info, write_info};
use crate::sink::{Full, Sink};
use crate::types::{
    DhcpInterfaces, Dialect, HostName, LocalTime, Mac, OwnMac, ReceiveMode, RestartMode, SleepMode,
    StationName, SysMsg, TransferMode, WifiMode, WifiProtocol,
};

/// Which forms a command has, as `AT+CMD?` announces them. No command has a test form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Forms {
    /// `AT+X?`
    pub query: bool,
    /// `AT+X=…`
    pub set: bool,
    /// `AT+X`
    pub execute: bool,
}

/// One command of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Row {
    /// Name, `AT` included, in capitals.
    pub name: &'static str,
    /// The forms it has.
    pub forms: Forms,
    /// Who is told of it.
    pub listing: Listing,
    /// Whether firmware 1.x has it with [`Suffix`]es.
    pub suffixed: bool,
}

/// Where a command is shown and taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Listing {
    /// `AT+CMD?` lists it.
    Listed,
    /// It is understood, but not announced: a modem of ours always refuses it.
    Unlisted,
    /// Known to [`Generation::Legacy`] only, and not listed.
    Legacy,
}

impl Listing {
    const fn known_to(self, generation: Generation) -> bool {
        match self {
            Self::Listed | Self::Unlisted => true,
            Self::Legacy => matches!(generation, Generation::Legacy),
        }
    }
}

/// Reads the forms of one row.
type Reader<'a> = fn(Form<'a>, Context) -> Result<Command<'a>, LineError>;

impl Row {
    /// Whether a line with `name` is this command's.
    fn is_meant(&self, name: &[u8], context: Context) -> bool {
        name.eq_ignore_ascii_case(self.name.as_bytes())
            && self.listing.known_to(context.generation)
            && (context.suffix.is_none() || self.suffixed)
    }
}

macro_rules! given {
    () => {
        false
    };
    ($form:ident) => {
        true
    };
}

macro_rules! listing {
    () => {
        Listing::Listed
    };
    (unlisted) => {
        Listing::Unlisted
    };
    (legacy) => {
        Listing::Legacy
    };
    (suffixed) => {
        Listing::Listed
    };
}

macro_rules! has_suffixes {
    (suffixed) => {
        true
    };
    ($($other:ident)?) => {
        false
    };
}

// Before a name, `unlisted` and `legacy` are of [`Listing`], and `suffixed` commands are those that
// firmware 1.x has as `…_CUR` and `…_DEF`.
//
// `unlisted set` is accepted like `set`, but not announced: released firmware has it on some chips only.
macro_rules! commands {
    ($(
        $($kind:ident)? $name:literal {
            $(query $query:ident;)?
            $(set $set:ident($set_type:ty);)?
            $(unlisted set $unlisted:ident($unlisted_type:ty);)?
            $(execute $execute:ident;)?
            $(info $info:ident($info_type:ty);)?
        }
    )*) => {
        /// A command in one of its forms.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum Command<'a> {
            $(
                $(#[doc = concat!("`", $name, "?`")] $query,)?
                $(#[doc = concat!("`", $name, "=…`")] $set($set_type),)?
                $(#[doc = concat!("`", $name, "=…`, not announced")] $unlisted($unlisted_type),)?
                $(#[doc = concat!("`", $name, "`")] $execute,)?
            )*
        }

        impl<'a> Command<'a> {
            /// Every command, in the order `AT+CMD?` lists those that it lists.
            pub const TABLE: &'static [Row] = &[$(
                Row {
                    name: $name,
                    forms: Forms {
                        query: given!($($query)?),
                        set: given!($($set)?),
                        execute: given!($($execute)?),
                    },
                    listing: listing!($($kind)?),
                    suffixed: has_suffixes!($($kind)?),
                }
            ),*];

            pub(crate) fn dispatch(
                name: &[u8],
                form: Form<'a>,
                context: Context,
            ) -> Result<Self, LineError> {
                // One function per row is smaller than all of them, and their names, in this one.
                let readers: &[Reader<'a>] = &[$(
                    |form, context| {
                        let _ = context;
                        match form {
                            $(Form::Query => Ok(Self::$query),)?
                            $(Form::Set(params) => Ok(Self::$set(set_form(params, context)?)),)?
                            $(Form::Set(params) => Ok(Self::$unlisted(set_form(params, context)?)),)?
                            $(Form::Execute => Ok(Self::$execute),)?
                            _ => Err(LineError::WrongForm),
                        }
                    }
                ),*];
                let (_, read) = Self::TABLE
                    .iter()
                    .zip(readers)
                    .find(|(row, _)| row.is_meant(name, context))
                    .ok_or(LineError::UnknownCommand)?;
                read(form, context)
            }

            /// Name of the command, `AT` included.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(
                        $(Self::$query => $name,)?
                        $(Self::$set(_) => $name,)?
                        $(Self::$unlisted(_) => $name,)?
                        $(Self::$execute => $name,)?
                    )*
                }
            }

            /// Writes the line without terminator.
            pub fn write_to(&self, out: &mut dyn Sink) -> Result<(), Full> {
                match self {
                    $(
                        $(Self::$query => out.put(concat!($name, "?").as_bytes()),)?
                        $(Self::$set(set) => write_set($name, set, out),)?
                        $(Self::$unlisted(set) => write_set($name, set, out),)?
                        $(Self::$execute => out.put($name.as_bytes()),)?
                    )*
                }
            }
        }

        /// An information line: `+NAME:` and its fields.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum Info<'a> {
            $($(#[doc = concat!("Line of `", $name, "`")] $info($info_type),)?)*
        }

        impl<'a> Info<'a> {
            /// Writes the line, with its CRLF where it has one.
            pub fn write_to(&self, out: &mut dyn Sink) -> Result<(), Full> {
                match self {
                    $($(Self::$info(line) => write_info($name, "", line, out),)?)*
                }
            }

            /// Writes the line under the name that firmware 1.x has for it, if it has one.
            pub fn write_as(&self, suffix: Suffix, out: &mut dyn Sink) -> Result<(), Full> {
                let suffix = if self.is_suffixed() { suffix.text() } else { "" };
                match self {
                    $($(Self::$info(line) => write_info($name, suffix, line, out),)?)*
                }
            }

            /// Name of the command, `AT` included.
            const fn name(&self) -> &'static str {
                match self {
                    $($(Self::$info(_) => $name,)?)*
                }
            }

            /// Whether firmware 1.x has the line with a suffix.
            pub(crate) fn is_suffixed(&self) -> bool {
                Command::TABLE
                    .iter()
                    .any(|row| row.suffixed && row.name == self.name())
            }

            /// Reads a line without its CRLF.
            pub(crate) fn read(tag: &[u8], fields: &'a [u8]) -> Option<Self> {
                $($(
                    if $name.as_bytes().strip_prefix(b"AT") == Some(tag) {
                        return read_info(fields).map(Self::$info);
                    }
                )?)*
                None
            }
        }
    };
}

commands! {
    "AT" { execute At; }
    "ATE0" { execute EchoOff; }
    "ATE1" { execute EchoOn; }
    "AT+RST" { unlisted set RstMode(RestartMode); execute Rst; }
    "AT+GMR" { execute Gmr; }
    "AT+CMD" { query CmdQuery; info Cmd(CommandEntry<'a>); }
    "AT+GSLP" { set GslpSet(SleepTime); }
    "AT+SYSTIMESTAMP" {
        query SystimestampQuery; set SystimestampSet(UnixTime);
        info Systimestamp(UnixTime);
    }
    "AT+SLEEP" { query SleepQuery; set SleepSet(SleepMode); info Sleep(SleepMode); }
    "AT+RESTORE" { execute Restore; }
    "AT+SYSRAM" { query SysramQuery; set SysramSet(u32); info Sysram(MemoryLine); }
    "AT+SYSFLASH" {
        query SysflashQuery; set SysflashSet(FlashRequest<'a>);
        info Sysflash(PartitionLine<'a>);
    }
    "AT+SYSMFG" {
        query SysmfgQuery; set SysmfgSet(MfgRequest<'a>);
        info Sysmfg(MfgLine<'a>);
    }
    "AT+RFPOWER" { query RfpowerQuery; set RfpowerSet(SetPower); info Rfpower(PowerLine); }
    "AT+SYSMSG" { query SysmsgQuery; set SysmsgSet(SysMsg); info Sysmsg(SysMsg); }
    "AT+SYSMSGFILTER" {
        query SysmsgfilterQuery; set SysmsgfilterSet(bool);
        info Sysmsgfilter(bool);
    }
    "AT+SYSMSGFILTERCFG" {
        query SysmsgfiltercfgQuery; set SysmsgfiltercfgSet(FilterRequest);
        info Sysmsgfiltercfg(FilterLine<'a>);
    }
    unlisted "AT+SYSROLLBACK" { execute Sysrollback; }
    "AT+SYSLOG" { query SyslogQuery; set SyslogSet(bool); info Syslog(bool); }
    "AT+SYSSTORE" { query SysstoreQuery; set SysstoreSet(bool); info Sysstore(bool); }
    "AT+SLEEPWKCFG" { set SleepwkcfgSet(WakeSource); }
    unlisted "AT+SYSREG" { set SysregSet(RegisterRequest); }
    "AT+SYSTEMP" { query SystempQuery; info Systemp(Temperature); }
    "AT+USERRAM" { query UserramQuery; set UserramSet(RamRequest); info Userram(u32); }
    "AT+USERDOCS" { query UserdocsQuery; info Userdocs(TextLine<'a>); }
    "AT+CWINIT" { query CwinitQuery; set CwinitSet(bool); info Cwinit(bool); }
    suffixed "AT+CWMODE" { query CwmodeQuery; set CwmodeSet(SetWifiMode); info Cwmode(WifiMode); }
    "AT+CWSTATE" { query CwstateQuery; info Cwstate(StationLine<'a>); }
    suffixed "AT+CWJAP" {
        query CwjapQuery; set CwjapSet(JoinAp<'a>); execute Cwjap;
        info Cwjap(JoinLine<'a>);
    }
    "AT+CWRECONNCFG" {
        query CwreconncfgQuery; set CwreconncfgSet(SetReconnect);
        info Cwreconncfg(ReconnectLine);
    }
    "AT+CWLAP" { set CwlapSet(ScanRequest<'a>); execute Cwlap; info Cwlap(ScanLine<'a>); }
    "AT+CWLAPOPT" { set CwlapoptSet(ScanOptions); }
    "AT+CWQAP" { execute Cwqap; }
    suffixed "AT+CWSAP" { query CwsapQuery; set CwsapSet(SoftAp<'a>); info Cwsap(SoftAp<'a>); }
    "AT+CWLIF" { execute Cwlif; info Cwlif(GuestLine); }
    "AT+CWQIF" { set CwqifSet(Mac); execute Cwqif; }
    suffixed "AT+CWDHCP" {
        query CwdhcpQuery; set CwdhcpSet(SetDhcp);
        info Cwdhcp(DhcpInterfaces);
    }
    suffixed "AT+CWDHCPS" {
        query CwdhcpsQuery; set CwdhcpsSet(SetLeasePool);
        info Cwdhcps(LeasePool);
    }
    "AT+CWSTAPROTO" {
        query CwstaprotoQuery; set CwstaprotoSet(WifiProtocol);
        info Cwstaproto(WifiProtocol);
    }
    "AT+CWAPPROTO" {
        query CwapprotoQuery; set CwapprotoSet(WifiProtocol);
        info Cwapproto(WifiProtocol);
    }
    "AT+CWAUTOCONN" { query CwautoconnQuery; set CwautoconnSet(bool); info Cwautoconn(bool); }
    "AT+CWHOSTNAME" {
        query CwhostnameQuery; set CwhostnameSet(StationName<'a>);
        info Cwhostname(HostnameLine<'a>);
    }
    "AT+CWCOUNTRY" {
        query CwcountryQuery; set CwcountrySet(Country<'a>);
        info Cwcountry(Country<'a>);
    }
    "AT+CWCONFIG" {
        query CwconfigQuery; set CwconfigSet(SetWifiConfig);
        info Cwconfig(WifiConfigLine);
    }
    "AT+CIFSR" { execute Cifsr; info Cifsr(AddressLine); }
    suffixed "AT+CIPSTAMAC" { query CipstamacQuery; set CipstamacSet(OwnMac); info Cipstamac(Mac); }
    suffixed "AT+CIPAPMAC" { query CipapmacQuery; set CipapmacSet(OwnMac); info Cipapmac(Mac); }
    suffixed "AT+CIPSTA" {
        query CipstaQuery; set CipstaSet(StaticAddress);
        info Cipsta(StationAddress);
    }
    suffixed "AT+CIPAP" {
        query CipapQuery; set CipapSet(StaticAddress);
        info Cipap(StationAddress);
    }
    "AT+CIPV6" { query Cipv6Query; set Cipv6Set(bool); info Cipv6(bool); }
    "AT+CIPDNS" { query CipdnsQuery; set CipdnsSet(DnsServers); info Cipdns(DnsServers); }
    "AT+CIPDOMAIN" { set CipdomainSet(Resolve<'a>); info Cipdomain(core::net::IpAddr); }
    "AT+CIPSTATUS" { execute Cipstatus; info Cipstatus(LinkLine); }
    "AT+CIPSTATE" { query CipstateQuery; info Cipstate(LinkLine); }
    "AT+CIPSTART" { set CipstartSet(OpenLink<'a>); }
    "AT+CIPSTARTEX" { set CipstartexSet(OpenFreeLink<'a>); }
    "AT+CIPTCPOPT" {
        query CiptcpoptQuery; set CiptcpoptSet(SetTcpOptions);
        info Ciptcpopt(TcpOptionsLine);
    }
    "AT+CIPCLOSE" { set CipcloseSet(CloseLink); execute Cipclose; }
    "AT+CIPSEND" { set CipsendSet(SendData<'a>); execute Cipsend; }
    "AT+CIPSENDL" { set CipsendlSet(SendStream<'a>); info Cipsendl(SendProgress); }
    "AT+CIPSENDLCFG" {
        query CipsendlcfgQuery; set CipsendlcfgSet(SetSendStream);
        info Cipsendlcfg(SendStreamLine);
    }
    "AT+CIPSENDEX" { set CipsendexSet(SendData<'a>); }
    "AT+CIPCONNPERSIST" {
        query CipconnpersistQuery; set CipconnpersistSet(SetPersistence);
        info Cipconnpersist(PersistenceLine);
    }
    "AT+CIPDINFO" { query CipdinfoQuery; set CipdinfoSet(bool); info Cipdinfo(DataInfo); }
    "AT+CIPMUX" { query CipmuxQuery; set CipmuxSet(Mux); info Cipmux(Mux); }
    "AT+CIPRECVMODE" {
        query CiprecvmodeQuery; set CiprecvmodeSet(ReceiveMode);
        info Ciprecvmode(ReceiveMode);
    }
    "AT+CIPRECVTYPE" {
        query CiprecvtypeQuery; set CiprecvtypeSet(SetReceiveType);
        info Ciprecvtype(ReceiveTypeLine);
    }
    "AT+CIPRECVDATA" { set CiprecvdataSet(FetchData); }
    "AT+CIPRECVLEN" { query CiprecvlenQuery; info Ciprecvlen(ReceiveLengths); }
    "AT+CIPSERVER" {
        query CipserverQuery; set CipserverSet(ServerRequest);
        info Cipserver(ServerLine);
    }
    "AT+CIPSERVERMAXCONN" {
        query CipservermaxconnQuery; set CipservermaxconnSet(MaxConnections);
        info Cipservermaxconn(MaxConnections);
    }
    "AT+CIPSSLCCONF" {
        query CipsslcconfQuery; set CipsslcconfSet(SslConfig);
        info Cipsslcconf(SslConfigLine);
    }
    "AT+CIPSSLCCN" {
        query CipsslccnQuery; set CipsslccnSet(SetServerName<'a>);
        info Cipsslccn(ServerNameLine<'a>);
    }
    "AT+CIPSSLCSNI" {
        query CipsslcsniQuery; set CipsslcsniSet(SetServerName<'a>);
        info Cipsslcsni(ServerNameLine<'a>);
    }
    "AT+CIPSSLCALPN" {
        query CipsslcalpnQuery; set CipsslcalpnSet(SetAlpn<'a>);
        info Cipsslcalpn(AlpnLine<'a>);
    }
    "AT+CIPSSLCCIPHER" {
        query CipsslccipherQuery; set CipsslccipherSet(SetCiphers);
        info Cipsslccipher(CipherLine);
    }
    "AT+CIPSSLCPSK" {
        query CipsslcpskQuery; set CipsslcpskSet(SetPsk<'a>);
        info Cipsslcpsk(PskLine<'a>);
    }
    "AT+CIPSSLCPSKHEX" {
        query CipsslcpskhexQuery; set CipsslcpskhexSet(SetPskHex<'a>);
        info Cipsslcpskhex(PskHexLine<'a>);
    }
    "AT+CIPMODE" { query CipmodeQuery; set CipmodeSet(TransferMode); info Cipmode(TransferMode); }
    "AT+CIPSTO" { query CipstoQuery; set CipstoSet(IdleTimeout); info Cipsto(IdleTimeout); }
    "AT+SAVETRANSLINK" { set SavetranslinkSet(SavedLink<'a>); }
    "AT+TRANSINTVL" {
        query TransintvlQuery; set TransintvlSet(SendInterval);
        info Transintvl(SendInterval);
    }
    "AT+CIPSNTPCFG" {
        query CipsntpcfgQuery; set CipsntpcfgSet(SntpConfig<'a>);
        info Cipsntpcfg(SntpLine<'a>);
    }
    "AT+CIPSNTPTIME" { query CipsntptimeQuery; info Cipsntptime(LocalTime); }
    "AT+CIPSNTPINTV" {
        query CipsntpintvQuery; set CipsntpintvSet(SntpInterval);
        info Cipsntpintv(SntpInterval);
    }
    "AT+CIPRECONNINTV" {
        query CipreconnintvQuery; set CipreconnintvSet(RetryInterval);
        info Cipreconnintv(RetryInterval);
    }
    "AT+MDNS" { set MdnsSet(MdnsRequest<'a>); }
    "AT+PING" { set PingSet(HostName<'a>); info Ping(PingLine); }
    unlisted "AT+CIUPDATE" { query CiupdateQuery; set CiupdateSet(Update<'a>); execute Ciupdate; }
    "AT+CIPFWVER" { query CipfwverQuery; info Cipfwver(TextLine<'a>); }
    "AT+UART" { query UartQuery; set UartSet(UartConfig); info Uart(UartConfig); }
    "AT+UART_CUR" { query UartCurQuery; set UartCurSet(UartConfig); info UartCur(UartConfig); }
    "AT+UART_DEF" { query UartDefQuery; set UartDefSet(UartConfig); info UartDef(UartConfig); }
    legacy "AT+CIPSSLSIZE" { set CipsslsizeSet(SslBuffer); }
    "AT+SSLWHY" { query SslwhyQuery; info Sslwhy(SslWhy<'a>); }
    "AT+SSLPOLICY" {
        query SslpolicyQuery; set SslpolicySet(Dialect);
        info Sslpolicy(PolicyLine<'a>);
    }
    "AT+SSLPROBE" { set SslprobeSet(Probe<'a>); info Sslprobe(ProbeLine<'a>); }
    "AT+PKI" { query PkiQuery; info Pki(PkiLine<'a>); }
}
