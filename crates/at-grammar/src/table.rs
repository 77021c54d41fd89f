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
use crate::commands::network::{DnsServers, PingLine};
use crate::commands::options::{PersistenceLine, SetPersistence, SetTcpOptions, TcpOptionsLine};
use crate::commands::passthrough::{RetryInterval, SavedLink, SendInterval};
use crate::commands::receive::{FetchData, ReceiveLengths, ReceiveTypeLine, SetReceiveType};
use crate::commands::server::{IdleTimeout, MaxConnections, ServerLine, ServerRequest};
use crate::commands::sntp::{SntpConfig, SntpInterval, SntpLine};
use crate::commands::ssl::{
    AlpnLine, CipherLine, PskHexLine, PskLine, ServerNameLine, SetAlpn, SetCiphers, SetPsk,
    SetPskHex, SetServerName, SslConfig, SslConfigLine, SslWhy,
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
use crate::line::{Form, set_form, write_set};
use crate::reply::{read_info, write_info};
use crate::sink::{Full, Sink};
use crate::types::{
    Dialect, HostName, LocalTime, ReceiveMode, RestartMode, SysMsg, TransferMode, WifiMode,
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
}

macro_rules! given {
    () => {
        false
    };
    ($form:ident) => {
        true
    };
}

// `unlisted set` is accepted like `set`, but not announced: released firmware has it on some chips only.
macro_rules! commands {
    ($(
        $name:literal {
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
            /// Every command, in the order `AT+CMD?` lists them.
            pub const TABLE: &'static [Row] = &[$(
                Row {
                    name: $name,
                    forms: Forms {
                        query: given!($($query)?),
                        set: given!($($set)?),
                        execute: given!($($execute)?),
                    },
                }
            ),*];

            pub(crate) fn dispatch(name: &[u8], form: Form<'a>, mux: Mux) -> Result<Self, LineError> {
                $(
                    if name.eq_ignore_ascii_case($name.as_bytes()) {
                        return match form {
                            $(Form::Query => Ok(Self::$query),)?
                            $(Form::Set(params) => Ok(Self::$set(set_form(params, mux)?)),)?
                            $(Form::Set(params) => Ok(Self::$unlisted(set_form(params, mux)?)),)?
                            $(Form::Execute => Ok(Self::$execute),)?
                            _ => Err(LineError::WrongForm),
                        };
                    }
                )*
                Err(LineError::UnknownCommand)
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
                    $($(Self::$info(line) => write_info($name, line, out),)?)*
                }
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
    "AT+SYSTIMESTAMP" {
        query SystimestampQuery; set SystimestampSet(UnixTime);
        info Systimestamp(UnixTime);
    }
    "AT+RESTORE" { execute Restore; }
    "AT+SYSFLASH" {
        query SysflashQuery; set SysflashSet(FlashRequest<'a>);
        info Sysflash(PartitionLine<'a>);
    }
    "AT+SYSMSG" { query SysmsgQuery; set SysmsgSet(SysMsg); info Sysmsg(SysMsg); }
    "AT+SYSLOG" { query SyslogQuery; set SyslogSet(bool); info Syslog(bool); }
    "AT+SYSSTORE" { query SysstoreQuery; set SysstoreSet(bool); info Sysstore(bool); }
    "AT+CWMODE" { query CwmodeQuery; set CwmodeSet(SetWifiMode); info Cwmode(WifiMode); }
    "AT+CWSTATE" { query CwstateQuery; info Cwstate(StationLine<'a>); }
    "AT+CWJAP" {
        query CwjapQuery; set CwjapSet(JoinAp<'a>); execute Cwjap;
        info Cwjap(JoinLine<'a>);
    }
    "AT+CWLAP" { set CwlapSet(ScanRequest<'a>); execute Cwlap; info Cwlap(ScanLine<'a>); }
    "AT+CWQAP" { execute Cwqap; }
    "AT+CWAUTOCONN" { query CwautoconnQuery; set CwautoconnSet(bool); info Cwautoconn(bool); }
    "AT+CIFSR" { execute Cifsr; info Cifsr(AddressLine); }
    "AT+CIPSTA" { query CipstaQuery; info Cipsta(StationAddress); }
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
    "AT+PING" { set PingSet(HostName<'a>); info Ping(PingLine); }
    "AT+UART_CUR" { query UartCurQuery; set UartCurSet(UartConfig); info UartCur(UartConfig); }
    "AT+UART_DEF" { query UartDefQuery; set UartDefSet(UartConfig); info UartDef(UartConfig); }
    "AT+SSLWHY" { query SslwhyQuery; info Sslwhy(SslWhy<'a>); }
    "AT+SSLPOLICY" {
        query SslpolicyQuery; set SslpolicySet(Dialect);
        info Sslpolicy(PolicyLine<'a>);
    }
    "AT+SSLPROBE" { set SslprobeSet(Probe<'a>); info Sslprobe(ProbeLine<'a>); }
    "AT+PKI" { query PkiQuery; info Pki(PkiLine<'a>); }
}
