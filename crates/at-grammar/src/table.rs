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
use crate::legacy::{SslBuffer, Suffix};
use crate::set::{CommandSet, InfoSet, Row};
use crate::sink::{Full, Sink};
use crate::types::{
    DhcpInterfaces, Dialect, HostName, LocalTime, Mac, OwnMac, ReceiveMode, RestartMode, SleepMode,
    StationName, SysMsg, TransferMode, WifiMode, WifiProtocol,
};

crate::commands! {
    /// A command in one of its forms.
    ///
    /// Not `non_exhaustive`: a modem answers every command, so a new one must not compile until it
    /// does. A new command is a minor version of this crate.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum Command<'a>;
    /// An information line: `+NAME:` and its fields.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum Info<'a>;
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
    "AT+CIPDINFO" { query CipdinfoQuery; set CipdinfoSet(DataInfo); info Cipdinfo(DataInfo); }
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
    pub fn write_to(&self, out: &mut dyn Sink) -> Result<(), Full> {
        CommandSet::write_to(self, out)
    }
}

impl<'a> Info<'a> {
    /// Writes the line, with its CRLF where it has one.
    pub fn write_to(&self, out: &mut dyn Sink) -> Result<(), Full> {
        InfoSet::write_to(self, out)
    }

    /// Writes the line under the name that firmware 1.x has for it, if it has one.
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
