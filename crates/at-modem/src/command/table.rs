//! The table: every command of the grammar to the function that executes it, a function per family.
//!
//! No match here has a `_`, and none must get one: a command that is added to the grammar without a
//! handler does not compile (E0004 names the variant).

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use at_grammar::Command;
use at_grammar::LineError;
use at_grammar::commands::basic::BasicCommand;
use at_grammar::commands::flash::FlashCommand;
use at_grammar::commands::mdns::MdnsCommand;
use at_grammar::commands::mfg::MfgCommand;
use at_grammar::commands::module::ModuleCommand;
use at_grammar::commands::network::NetworkCommand;
use at_grammar::commands::options::OptionsCommand;
use at_grammar::commands::passthrough::PassthroughCommand;
use at_grammar::commands::receive::ReceiveCommand;
use at_grammar::commands::server::ServerCommand;
use at_grammar::commands::sntp::SntpCommand;
use at_grammar::commands::softap::SoftApCommand;
use at_grammar::commands::ssl::SslCommand;
use at_grammar::commands::station::StationCommand;
use at_grammar::commands::tcpip::TcpipCommand;
use at_grammar::commands::trust::TrustCommand;
use at_grammar::commands::wifi::WifiCommand;

use super::{
    basic, filter, flash, links, mdns, mfg, module, names, options, passthrough, peer, pki, policy,
    probe, radio, receive, resume, rollback, send, server, softap, ssl, time, userram, versions,
    wifi,
};
use crate::answer::{CommandError, Done};
use crate::cx::Cx;
use crate::platform::Platform;

/// Understood, and as good as unknown: `AT+CMD?` does not list it.
const UNLISTED: CommandError = CommandError::Line(LineError::UnknownCommand);

/// Polls a future in a function of its own.
///
/// In line, all families would be one function over one future of kilobytes: fields beyond 2 KiB take an instruction more
/// each time on RISC-V, and the deepest command's frame would be every command's.
#[inline(never)]
fn poll_apart<F: Future>(future: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
    future.poll(context)
}

/// Awaits a future with [`poll_apart`]. A macro: a function would hold the future twice, as its parameter and pinned.
macro_rules! apart {
    ($future:expr) => {{
        let mut future = pin!($future);
        poll_fn(|context| poll_apart(future.as_mut(), context)).await
    }};
}

/// Sends a command to its family.
pub(super) async fn run<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: Command<'_>,
) -> Result<Done, CommandError> {
    match command {
        Command::Basic(command) => apart!(basic_command(cx, command)),
        Command::Flash(command) => apart!(flash_command(cx, command)),
        Command::Mfg(command) => apart!(mfg_command(cx, command)),
        Command::Module(command) => apart!(module_command(cx, command)),
        Command::Wifi(command) => apart!(wifi_command(cx, command)),
        Command::Station(command) => apart!(station_command(cx, command)),
        Command::SoftAp(command) => apart!(softap_command(cx, command)),
        Command::Network(command) => apart!(network_command(cx, command)),
        Command::Mdns(command) => apart!(mdns_command(cx, command)),
        Command::Tcpip(command) => apart!(tcpip_command(cx, command)),
        Command::Options(command) => apart!(options_command(cx, command)),
        Command::Passthrough(command) => apart!(passthrough_command(cx, command)),
        Command::Receive(command) => apart!(receive_command(cx, command)),
        Command::Server(command) => apart!(server_command(cx, command)),
        Command::Ssl(command) => apart!(ssl_command(cx, command)),
        Command::Trust(command) => apart!(trust_command(cx, command)),
        Command::Sntp(command) => apart!(sntp_command(cx, command)),
    }
}

async fn basic_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: BasicCommand,
) -> Result<Done, CommandError> {
    match command {
        BasicCommand::At => Ok(Done::Ok),
        BasicCommand::EchoOff => basic::echo(cx, false),
        BasicCommand::EchoOn => basic::echo(cx, true),
        BasicCommand::Rst => basic::restart(cx).await,
        BasicCommand::RstMode(mode) => basic::restart_as(cx, mode).await,
        BasicCommand::Gmr => basic::versions(cx).await,
        BasicCommand::CmdQuery => basic::inventory(cx).await,
        BasicCommand::SystimestampQuery => basic::timestamp(cx).await,
        BasicCommand::SystimestampSet(time) => basic::set_timestamp(cx, time),
        BasicCommand::Restore => basic::restore(cx).await,
        BasicCommand::SysmsgQuery => basic::messages(cx).await,
        BasicCommand::SysmsgSet(bits) => basic::set_messages(cx, bits).await,
        BasicCommand::SyslogQuery => basic::syslog(cx).await,
        BasicCommand::SyslogSet(on) => basic::set_syslog(cx, on),
        BasicCommand::SysstoreQuery => basic::sysstore(cx).await,
        BasicCommand::SysstoreSet(on) => basic::set_sysstore(cx, on),
        BasicCommand::UartQuery => module::uart(cx, module::UartName::Plain).await,
        BasicCommand::UartCurQuery => module::uart(cx, module::UartName::Current).await,
        BasicCommand::UartDefQuery => module::uart(cx, module::UartName::Default).await,
        BasicCommand::UartCurSet(settings) => module::set_uart(cx, settings, false).await,
        BasicCommand::UartSet(settings) | BasicCommand::UartDefSet(settings) => {
            module::set_uart(cx, settings, true).await
        }
    }
}

async fn flash_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: FlashCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        FlashCommand::SysflashQuery => flash::list(cx).await,
        FlashCommand::SysflashSet(request) => flash::operate(cx, request).await,
    }
}

async fn mfg_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: MfgCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        MfgCommand::SysmfgQuery => mfg::list(cx).await,
        MfgCommand::SysmfgSet(request) => mfg::operate(cx, request).await,
    }
}

async fn module_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: ModuleCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        ModuleCommand::SysmsgfilterQuery => filter::state(cx).await,
        ModuleCommand::SysmsgfilterSet(on) => filter::set_state(cx, on),
        ModuleCommand::SysmsgfiltercfgQuery => filter::list(cx).await,
        ModuleCommand::SysmsgfiltercfgSet(request) => filter::change(cx, request).await,
        ModuleCommand::GslpSet(time) => module::deep_sleep(cx, time).await,
        ModuleCommand::SleepQuery => module::sleep(cx).await,
        ModuleCommand::SleepSet(mode) => module::set_sleep(cx, mode),
        ModuleCommand::SleepwkcfgSet(source) => module::set_wake(cx, source),
        ModuleCommand::SysramQuery => module::memory(cx).await,
        ModuleCommand::SysramSet(capabilities) => module::memory_of(cx, capabilities).await,
        ModuleCommand::SystempQuery => module::temperature(cx).await,
        ModuleCommand::RfpowerQuery => module::power(cx).await,
        ModuleCommand::RfpowerSet(request) => module::set_power(cx, &request),
        ModuleCommand::UserramQuery => userram::size(cx).await,
        ModuleCommand::UserramSet(request) => userram::operate(cx, request).await,
        ModuleCommand::UserdocsQuery => module::docs(cx).await,
        // There is no server that offers any.
        ModuleCommand::CipfwverQuery => Ok(Done::Ok),
        ModuleCommand::SysrollbackQuery => rollback::show(cx).await,
        ModuleCommand::Sysrollback => rollback::to_other_slot(cx).await,
        // Memory is not shown, and nobody offers updates.
        ModuleCommand::SysregSet(_)
        | ModuleCommand::Ciupdate
        | ModuleCommand::CiupdateQuery
        | ModuleCommand::CiupdateSet(_) => Err(UNLISTED),
    }
}

async fn wifi_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: WifiCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        WifiCommand::CwinitQuery => radio::up(cx).await,
        WifiCommand::CwinitSet(up) => radio::set_up(cx, up).await,
        WifiCommand::CwmodeQuery => wifi::mode(cx).await,
        WifiCommand::CwmodeSet(mode) => wifi::set_mode(cx, mode).await,
        WifiCommand::CwstateQuery => wifi::state(cx).await,
        WifiCommand::CwjapQuery => wifi::joined(cx).await,
        WifiCommand::CwjapSet(request) => wifi::join(cx, &request).await,
        WifiCommand::Cwjap => wifi::join_again(cx, wifi::JOIN_TIMEOUT).await,
        WifiCommand::Cwlap => wifi::scan(cx, None).await,
        WifiCommand::CwlapSet(request) => wifi::scan(cx, Some(&request)).await,
        WifiCommand::Cwqap => wifi::quit(cx).await,
        WifiCommand::CipstaSet(request) => radio::set_station_address(cx, &request).await,
        WifiCommand::CwautoconnQuery => wifi::auto_connect(cx).await,
        WifiCommand::CwautoconnSet(on) => wifi::set_auto_connect(cx, on).await,
        WifiCommand::Cifsr => wifi::addresses(cx).await,
        WifiCommand::CipstaQuery => wifi::station_address(cx).await,
    }
}

async fn station_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: StationCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        StationCommand::CwreconncfgQuery => radio::reconnect(cx).await,
        StationCommand::CwreconncfgSet(request) => radio::set_reconnect(cx, request).await,
        StationCommand::CwlapoptSet(options) => radio::set_scan(cx, options),
        StationCommand::CwdhcpQuery => radio::dhcp(cx).await,
        StationCommand::CwdhcpSet(request) => radio::set_dhcp(cx, request).await,
        StationCommand::CwstaprotoQuery => radio::protocol(cx, false).await,
        StationCommand::CwstaprotoSet(protocol) => radio::set_protocol(cx, false, protocol).await,
        StationCommand::CwapprotoQuery => radio::protocol(cx, true).await,
        StationCommand::CwapprotoSet(protocol) => radio::set_protocol(cx, true, protocol).await,
        StationCommand::CwhostnameQuery => radio::hostname(cx).await,
        StationCommand::CwhostnameSet(name) => radio::set_hostname(cx, &name),
        StationCommand::CwcountryQuery => radio::country(cx).await,
        StationCommand::CwcountrySet(request) => radio::set_country(cx, &request),
        StationCommand::CwconfigQuery => radio::wifi_config(cx).await,
        StationCommand::CwconfigSet(request) => radio::set_wifi_config(cx, &request).await,
        StationCommand::CipstamacQuery => radio::mac(cx, false).await,
        StationCommand::CipstamacSet(mac) => radio::set_mac(cx, false, mac).await,
        StationCommand::CipapmacQuery => radio::mac(cx, true).await,
        StationCommand::CipapmacSet(mac) => radio::set_mac(cx, true, mac).await,
    }
}

async fn softap_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: SoftApCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        SoftApCommand::CwsapQuery => softap::show(cx).await,
        SoftApCommand::CwsapSet(request) => softap::configure(cx, &request).await,
        SoftApCommand::Cwlif => softap::stations(cx).await,
        SoftApCommand::Cwqif => softap::deauthenticate(cx, None).await,
        SoftApCommand::CwqifSet(station) => softap::deauthenticate(cx, Some(station)).await,
        SoftApCommand::CwdhcpsQuery => softap::pool(cx).await,
        SoftApCommand::CwdhcpsSet(request) => softap::set_pool(cx, request).await,
        SoftApCommand::CipapQuery => softap::address(cx).await,
        SoftApCommand::CipapSet(request) => softap::set_address(cx, &request).await,
    }
}

async fn network_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: NetworkCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        NetworkCommand::CipdomainSet(request) => names::resolve(cx, &request).await,
        NetworkCommand::Cipv6Query => options::ipv6(cx).await,
        NetworkCommand::Cipv6Set(on) => options::set_ipv6(cx, on).await,
        NetworkCommand::CipdnsQuery => options::dns(cx).await,
        NetworkCommand::CipdnsSet(request) => options::set_dns(cx, &request).await,
        NetworkCommand::PingSet(host) => names::ping(cx, &host).await,
    }
}

async fn mdns_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: MdnsCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        MdnsCommand::MdnsSet(request) => mdns::set(cx, &request),
    }
}

async fn tcpip_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: TcpipCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        TcpipCommand::Cipstatus => links::status(cx, true).await,
        TcpipCommand::CipstateQuery => links::status(cx, false).await,
        TcpipCommand::CipstartSet(request) => links::open(cx, &request).await,
        TcpipCommand::Cipclose => links::close_only(cx).await,
        TcpipCommand::CipcloseSet(request) => links::close(cx, request.0).await,
        TcpipCommand::CipstartexSet(request) => links::open_next(cx, &request).await,
        TcpipCommand::Cipsend => passthrough::begin(cx).await,
        TcpipCommand::CipsendSet(request) => send::send(cx, &request, false).await,
        TcpipCommand::CipsendexSet(request) => send::send(cx, &request, true).await,
        TcpipCommand::CipmuxQuery => links::mux(cx).await,
        TcpipCommand::CipmuxSet(mux) => links::set_mux(cx, mux),
    }
}

async fn options_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: OptionsCommand,
) -> Result<Done, CommandError> {
    match command {
        OptionsCommand::CiptcpoptQuery => options::tcp(cx).await,
        OptionsCommand::CiptcpoptSet(request) => options::set_tcp(cx, &request).await,
        OptionsCommand::CipconnpersistQuery => options::persistence(cx).await,
        OptionsCommand::CipconnpersistSet(request) => options::set_persistence(cx, request),
    }
}

async fn passthrough_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: PassthroughCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        PassthroughCommand::CipsendlSet(request) => passthrough::send_large(cx, &request).await,
        PassthroughCommand::CipsendlcfgQuery => passthrough::send_large_config(cx).await,
        PassthroughCommand::CipsendlcfgSet(request) => passthrough::set_send_large(cx, request),
        PassthroughCommand::CipmodeQuery => passthrough::mode(cx).await,
        PassthroughCommand::CipmodeSet(mode) => passthrough::set_mode(cx, mode),
        PassthroughCommand::TransintvlQuery => passthrough::interval(cx).await,
        PassthroughCommand::TransintvlSet(ms) => passthrough::set_interval(cx, ms),
        PassthroughCommand::CipreconnintvQuery => passthrough::retry(cx).await,
        PassthroughCommand::CipreconnintvSet(units) => passthrough::set_retry(cx, units).await,
        PassthroughCommand::SavetranslinkSet(request) => passthrough::save(cx, &request).await,
    }
}

async fn receive_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: ReceiveCommand,
) -> Result<Done, CommandError> {
    match command {
        ReceiveCommand::CipdinfoQuery => receive::data_info(cx).await,
        ReceiveCommand::CipdinfoSet(on) => receive::set_data_info(cx, on),
        ReceiveCommand::CiprecvmodeQuery => receive::mode(cx).await,
        ReceiveCommand::CiprecvmodeSet(mode) => receive::set_mode(cx, mode),
        ReceiveCommand::CiprecvtypeQuery => receive::types(cx).await,
        ReceiveCommand::CiprecvtypeSet(request) => receive::set_type(cx, request),
        ReceiveCommand::CiprecvdataSet(request) => receive::fetch(cx, &request).await,
        ReceiveCommand::CiprecvlenQuery => receive::lengths(cx).await,
    }
}

async fn server_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: ServerCommand,
) -> Result<Done, CommandError> {
    match command {
        ServerCommand::CipserverQuery => server::show(cx).await,
        ServerCommand::CipserverSet(request) => server::change(cx, &request).await,
        ServerCommand::CipservermaxconnQuery => server::max_connections(cx).await,
        ServerCommand::CipservermaxconnSet(limit) => server::set_max_connections(cx, limit),
        ServerCommand::CipstoQuery => server::idle_timeout(cx).await,
        ServerCommand::CipstoSet(seconds) => server::set_idle_timeout(cx, seconds),
    }
}

async fn ssl_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: SslCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        // A record gets the room it needs, whatever an old host asks for.
        SslCommand::CipsslsizeSet(_) => Ok(Done::Ok),
        SslCommand::CipsslcconfQuery => ssl::configs(cx).await,
        SslCommand::CipsslcconfSet(request) => ssl::configure(cx, request).await,
        SslCommand::CipsslccnQuery => ssl::names(cx, ssl::Which::CommonName).await,
        SslCommand::CipsslccnSet(request) => ssl::set_name(cx, ssl::Which::CommonName, &request),
        SslCommand::CipsslcsniQuery => ssl::names(cx, ssl::Which::Sni).await,
        SslCommand::CipsslcsniSet(request) => ssl::set_name(cx, ssl::Which::Sni, &request),
        SslCommand::CipsslcalpnQuery => ssl::protocols(cx).await,
        SslCommand::CipsslcalpnSet(request) => ssl::set_protocols(cx, &request),
        SslCommand::CipsslccipherQuery => ssl::ciphers(cx).await,
        SslCommand::CipsslccipherSet(request) => ssl::set_ciphers(cx, &request),
        SslCommand::CipsslcpskQuery => ssl::keys(cx, ssl::KeyForm::Text).await,
        SslCommand::CipsslcpskSet(request) => ssl::set_key(cx, &request),
        SslCommand::CipsslcpskhexQuery => ssl::keys(cx, ssl::KeyForm::Hex).await,
        SslCommand::CipsslcpskhexSet(request) => ssl::set_hex_key(cx, &request),
    }
}

async fn trust_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: TrustCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        TrustCommand::SslwhyQuery => ssl::why(cx).await,
        TrustCommand::SslpolicyQuery => policy::show(cx).await,
        TrustCommand::SslpolicySet(mode) => policy::set(cx, mode).await,
        TrustCommand::SslversionQuery => versions::show(cx).await,
        TrustCommand::SslversionSet(request) => versions::set(cx, &request).await,
        TrustCommand::SslresumeQuery => resume::show(cx).await,
        TrustCommand::SslresumeSet(on) => resume::set(cx, on).await,
        TrustCommand::SslpeerQuery => peer::show(cx).await,
        TrustCommand::SslprobeSet(request) => probe::run(cx, &request).await,
        TrustCommand::PkiQuery => pki::list(cx).await,
    }
}

async fn sntp_command<P: Platform>(
    cx: &Cx<'_, '_, P>,
    command: SntpCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        SntpCommand::CipsntpcfgQuery => time::time_config(cx).await,
        SntpCommand::CipsntpcfgSet(request) => time::set_time_config(cx, &request).await,
        SntpCommand::CipsntptimeQuery => time::time(cx).await,
        SntpCommand::CipsntpintvQuery => time::time_interval(cx).await,
        SntpCommand::CipsntpintvSet(seconds) => time::set_time_interval(cx, seconds),
    }
}

#[cfg(test)]
mod tests {
    /// A wildcard would answer for commands that nobody has thought of.
    #[test]
    fn no_family_has_a_wildcard() {
        let source = include_str!("table.rs");
        let (table, _) = source.split_once("#[cfg(test)]").unwrap();
        assert!(table.contains("TrustCommand::PkiQuery =>"));
        assert!(
            !table
                .lines()
                .any(|line| line.trim_start().starts_with("_ "))
        );
    }
}
