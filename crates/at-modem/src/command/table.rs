//! The table: every command of the grammar to the function that executes it, a function per family.
//!
//! No match here has a `_`, and none must get one: a command that is added to the grammar without a
//! handler does not compile (E0004 names the variant).

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
    basic, filter, flash, links, mdns, mfg, module, names, options, passthrough, pki, policy,
    probe, radio, receive, send, server, softap, ssl, time, userram, wifi,
};
use crate::answer::{CommandError, Done};
use crate::platform::Platform;
use crate::state::Shared;

/// Understood, and as good as unknown: `AT+CMD?` does not list it.
const UNLISTED: CommandError = CommandError::Line(LineError::UnknownCommand);

/// Sends a command to its family.
pub(super) async fn run<P: Platform>(
    shared: &Shared<'_, P>,
    command: Command<'_>,
) -> Result<Done, CommandError> {
    match command {
        Command::Basic(command) => basic_command(shared, command).await,
        Command::Flash(command) => flash_command(shared, command).await,
        Command::Mfg(command) => mfg_command(shared, command).await,
        Command::Module(command) => module_command(shared, command).await,
        Command::Wifi(command) => wifi_command(shared, command).await,
        Command::Station(command) => station_command(shared, command).await,
        Command::SoftAp(command) => softap_command(shared, command).await,
        Command::Network(command) => network_command(shared, command).await,
        Command::Mdns(command) => mdns_command(shared, command).await,
        Command::Tcpip(command) => tcpip_command(shared, command).await,
        Command::Options(command) => options_command(shared, command).await,
        Command::Passthrough(command) => passthrough_command(shared, command).await,
        Command::Receive(command) => receive_command(shared, command).await,
        Command::Server(command) => server_command(shared, command).await,
        Command::Ssl(command) => ssl_command(shared, command).await,
        Command::Trust(command) => trust_command(shared, command).await,
        Command::Sntp(command) => sntp_command(shared, command).await,
    }
}

async fn basic_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: BasicCommand,
) -> Result<Done, CommandError> {
    match command {
        BasicCommand::At => Ok(Done::Ok),
        BasicCommand::EchoOff => basic::echo(shared, false),
        BasicCommand::EchoOn => basic::echo(shared, true),
        BasicCommand::Rst => basic::restart(shared).await,
        BasicCommand::RstMode(mode) => basic::restart_as(shared, mode).await,
        BasicCommand::Gmr => basic::versions(shared).await,
        BasicCommand::CmdQuery => basic::inventory(shared).await,
        BasicCommand::SystimestampQuery => basic::timestamp(shared).await,
        BasicCommand::SystimestampSet(time) => basic::set_timestamp(shared, time),
        BasicCommand::Restore => basic::restore(shared).await,
        BasicCommand::SysmsgQuery => basic::messages(shared).await,
        BasicCommand::SysmsgSet(bits) => basic::set_messages(shared, bits).await,
        BasicCommand::SyslogQuery => basic::syslog(shared).await,
        BasicCommand::SyslogSet(on) => basic::set_syslog(shared, on),
        BasicCommand::SysstoreQuery => basic::sysstore(shared).await,
        BasicCommand::SysstoreSet(on) => basic::set_sysstore(shared, on),
        BasicCommand::UartQuery => module::uart(shared, module::UartName::Plain).await,
        BasicCommand::UartCurQuery => module::uart(shared, module::UartName::Current).await,
        BasicCommand::UartDefQuery => module::uart(shared, module::UartName::Default).await,
        BasicCommand::UartCurSet(settings) => module::set_uart(shared, settings, false).await,
        BasicCommand::UartSet(settings) | BasicCommand::UartDefSet(settings) => {
            module::set_uart(shared, settings, true).await
        }
    }
}

async fn flash_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: FlashCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        FlashCommand::SysflashQuery => flash::list(shared).await,
        FlashCommand::SysflashSet(request) => flash::operate(shared, request).await,
    }
}

async fn mfg_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: MfgCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        MfgCommand::SysmfgQuery => mfg::list(shared).await,
        MfgCommand::SysmfgSet(request) => mfg::operate(shared, request).await,
    }
}

async fn module_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: ModuleCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        ModuleCommand::SysmsgfilterQuery => filter::state(shared).await,
        ModuleCommand::SysmsgfilterSet(on) => filter::set_state(shared, on),
        ModuleCommand::SysmsgfiltercfgQuery => filter::list(shared).await,
        ModuleCommand::SysmsgfiltercfgSet(request) => filter::change(shared, request).await,
        ModuleCommand::GslpSet(time) => module::deep_sleep(shared, time).await,
        ModuleCommand::SleepQuery => module::sleep(shared).await,
        ModuleCommand::SleepSet(mode) => module::set_sleep(shared, mode),
        ModuleCommand::SleepwkcfgSet(source) => module::set_wake(shared, source),
        ModuleCommand::SysramQuery => module::memory(shared).await,
        ModuleCommand::SysramSet(capabilities) => module::memory_of(shared, capabilities).await,
        ModuleCommand::SystempQuery => module::temperature(shared).await,
        ModuleCommand::RfpowerQuery => module::power(shared).await,
        ModuleCommand::RfpowerSet(request) => module::set_power(shared, &request),
        ModuleCommand::UserramQuery => userram::size(shared).await,
        ModuleCommand::UserramSet(request) => userram::operate(shared, request).await,
        ModuleCommand::UserdocsQuery => module::docs(shared).await,
        // There is no server that offers any.
        ModuleCommand::CipfwverQuery => Ok(Done::Ok),
        // Memory is not shown, there is no second image, and nobody offers updates.
        ModuleCommand::SysregSet(_)
        | ModuleCommand::Sysrollback
        | ModuleCommand::Ciupdate
        | ModuleCommand::CiupdateQuery
        | ModuleCommand::CiupdateSet(_) => Err(UNLISTED),
    }
}

async fn wifi_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: WifiCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        WifiCommand::CwinitQuery => radio::up(shared).await,
        WifiCommand::CwinitSet(up) => radio::set_up(shared, up).await,
        WifiCommand::CwmodeQuery => wifi::mode(shared).await,
        WifiCommand::CwmodeSet(mode) => wifi::set_mode(shared, mode).await,
        WifiCommand::CwstateQuery => wifi::state(shared).await,
        WifiCommand::CwjapQuery => wifi::joined(shared).await,
        WifiCommand::CwjapSet(request) => wifi::join(shared, &request).await,
        WifiCommand::Cwjap => wifi::join_again(shared, wifi::JOIN_TIMEOUT).await,
        WifiCommand::Cwlap => wifi::scan(shared, None).await,
        WifiCommand::CwlapSet(request) => wifi::scan(shared, Some(&request)).await,
        WifiCommand::Cwqap => wifi::quit(shared).await,
        WifiCommand::CipstaSet(request) => radio::set_station_address(shared, &request).await,
        WifiCommand::CwautoconnQuery => wifi::auto_connect(shared).await,
        WifiCommand::CwautoconnSet(on) => wifi::set_auto_connect(shared, on).await,
        WifiCommand::Cifsr => wifi::addresses(shared).await,
        WifiCommand::CipstaQuery => wifi::station_address(shared).await,
    }
}

async fn station_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: StationCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        StationCommand::CwreconncfgQuery => radio::reconnect(shared).await,
        StationCommand::CwreconncfgSet(request) => radio::set_reconnect(shared, request).await,
        StationCommand::CwlapoptSet(options) => radio::set_scan(shared, options),
        StationCommand::CwdhcpQuery => radio::dhcp(shared).await,
        StationCommand::CwdhcpSet(request) => radio::set_dhcp(shared, request).await,
        StationCommand::CwstaprotoQuery => radio::protocol(shared, false).await,
        StationCommand::CwstaprotoSet(protocol) => {
            radio::set_protocol(shared, false, protocol).await
        }
        StationCommand::CwapprotoQuery => radio::protocol(shared, true).await,
        StationCommand::CwapprotoSet(protocol) => radio::set_protocol(shared, true, protocol).await,
        StationCommand::CwhostnameQuery => radio::hostname(shared).await,
        StationCommand::CwhostnameSet(name) => radio::set_hostname(shared, &name),
        StationCommand::CwcountryQuery => radio::country(shared).await,
        StationCommand::CwcountrySet(request) => radio::set_country(shared, &request),
        StationCommand::CwconfigQuery => radio::wifi_config(shared).await,
        StationCommand::CwconfigSet(request) => radio::set_wifi_config(shared, &request).await,
        StationCommand::CipstamacQuery => radio::mac(shared, false).await,
        StationCommand::CipstamacSet(mac) => radio::set_mac(shared, false, mac).await,
        StationCommand::CipapmacQuery => radio::mac(shared, true).await,
        StationCommand::CipapmacSet(mac) => radio::set_mac(shared, true, mac).await,
    }
}

async fn softap_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: SoftApCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        SoftApCommand::CwsapQuery => softap::show(shared).await,
        SoftApCommand::CwsapSet(request) => softap::configure(shared, &request).await,
        SoftApCommand::Cwlif => softap::stations(shared).await,
        SoftApCommand::Cwqif => softap::deauthenticate(shared, None).await,
        SoftApCommand::CwqifSet(station) => softap::deauthenticate(shared, Some(station)).await,
        SoftApCommand::CwdhcpsQuery => softap::pool(shared).await,
        SoftApCommand::CwdhcpsSet(request) => softap::set_pool(shared, request).await,
        SoftApCommand::CipapQuery => softap::address(shared).await,
        SoftApCommand::CipapSet(request) => softap::set_address(shared, &request).await,
    }
}

async fn network_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: NetworkCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        NetworkCommand::CipdomainSet(request) => names::resolve(shared, &request).await,
        NetworkCommand::Cipv6Query => options::ipv6(shared).await,
        NetworkCommand::Cipv6Set(on) => options::set_ipv6(shared, on).await,
        NetworkCommand::CipdnsQuery => options::dns(shared).await,
        NetworkCommand::CipdnsSet(request) => options::set_dns(shared, &request).await,
        NetworkCommand::PingSet(host) => names::ping(shared, &host).await,
    }
}

async fn mdns_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: MdnsCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        MdnsCommand::MdnsSet(request) => mdns::set(shared, &request),
    }
}

async fn tcpip_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: TcpipCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        TcpipCommand::Cipstatus => links::status(shared, true).await,
        TcpipCommand::CipstateQuery => links::status(shared, false).await,
        TcpipCommand::CipstartSet(request) => links::open(shared, &request).await,
        TcpipCommand::Cipclose => links::close_only(shared).await,
        TcpipCommand::CipcloseSet(request) => links::close(shared, request.0).await,
        TcpipCommand::CipstartexSet(request) => links::open_next(shared, &request).await,
        TcpipCommand::Cipsend => passthrough::begin(shared).await,
        TcpipCommand::CipsendSet(request) => send::send(shared, &request, false).await,
        TcpipCommand::CipsendexSet(request) => send::send(shared, &request, true).await,
        TcpipCommand::CipmuxQuery => links::mux(shared).await,
        TcpipCommand::CipmuxSet(mux) => links::set_mux(shared, mux),
    }
}

async fn options_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: OptionsCommand,
) -> Result<Done, CommandError> {
    match command {
        OptionsCommand::CiptcpoptQuery => options::tcp(shared).await,
        OptionsCommand::CiptcpoptSet(request) => options::set_tcp(shared, &request).await,
        OptionsCommand::CipconnpersistQuery => options::persistence(shared).await,
        OptionsCommand::CipconnpersistSet(request) => options::set_persistence(shared, request),
    }
}

async fn passthrough_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: PassthroughCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        PassthroughCommand::CipsendlSet(request) => passthrough::send_large(shared, &request).await,
        PassthroughCommand::CipsendlcfgQuery => passthrough::send_large_config(shared).await,
        PassthroughCommand::CipsendlcfgSet(request) => passthrough::set_send_large(shared, request),
        PassthroughCommand::CipmodeQuery => passthrough::mode(shared).await,
        PassthroughCommand::CipmodeSet(mode) => passthrough::set_mode(shared, mode),
        PassthroughCommand::TransintvlQuery => passthrough::interval(shared).await,
        PassthroughCommand::TransintvlSet(ms) => passthrough::set_interval(shared, ms),
        PassthroughCommand::CipreconnintvQuery => passthrough::retry(shared).await,
        PassthroughCommand::CipreconnintvSet(units) => passthrough::set_retry(shared, units).await,
        PassthroughCommand::SavetranslinkSet(request) => passthrough::save(shared, &request).await,
    }
}

async fn receive_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: ReceiveCommand,
) -> Result<Done, CommandError> {
    match command {
        ReceiveCommand::CipdinfoQuery => receive::data_info(shared).await,
        ReceiveCommand::CipdinfoSet(on) => receive::set_data_info(shared, on),
        ReceiveCommand::CiprecvmodeQuery => receive::mode(shared).await,
        ReceiveCommand::CiprecvmodeSet(mode) => receive::set_mode(shared, mode),
        ReceiveCommand::CiprecvtypeQuery => receive::types(shared).await,
        ReceiveCommand::CiprecvtypeSet(request) => receive::set_type(shared, request),
        ReceiveCommand::CiprecvdataSet(request) => receive::fetch(shared, &request).await,
        ReceiveCommand::CiprecvlenQuery => receive::lengths(shared).await,
    }
}

async fn server_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: ServerCommand,
) -> Result<Done, CommandError> {
    match command {
        ServerCommand::CipserverQuery => server::show(shared).await,
        ServerCommand::CipserverSet(request) => server::change(shared, &request).await,
        ServerCommand::CipservermaxconnQuery => server::most(shared).await,
        ServerCommand::CipservermaxconnSet(most) => server::set_most(shared, most),
        ServerCommand::CipstoQuery => server::idle_timeout(shared).await,
        ServerCommand::CipstoSet(seconds) => server::set_idle_timeout(shared, seconds),
    }
}

async fn ssl_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: SslCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        // A record gets the room it needs, whatever an old host asks for.
        SslCommand::CipsslsizeSet(_) => Ok(Done::Ok),
        SslCommand::CipsslcconfQuery => ssl::configs(shared).await,
        SslCommand::CipsslcconfSet(request) => ssl::configure(shared, request).await,
        SslCommand::CipsslccnQuery => ssl::names(shared, ssl::Which::CommonName).await,
        SslCommand::CipsslccnSet(request) => {
            ssl::set_name(shared, ssl::Which::CommonName, &request)
        }
        SslCommand::CipsslcsniQuery => ssl::names(shared, ssl::Which::Sni).await,
        SslCommand::CipsslcsniSet(request) => ssl::set_name(shared, ssl::Which::Sni, &request),
        SslCommand::CipsslcalpnQuery => ssl::protocols(shared).await,
        SslCommand::CipsslcalpnSet(request) => ssl::set_protocols(shared, &request),
        SslCommand::CipsslccipherQuery => ssl::ciphers(shared).await,
        SslCommand::CipsslccipherSet(request) => ssl::set_ciphers(&request),
        SslCommand::CipsslcpskQuery => ssl::keys(shared, ssl::KeyForm::Text).await,
        SslCommand::CipsslcpskSet(request) => ssl::set_key(shared, &request),
        SslCommand::CipsslcpskhexQuery => ssl::keys(shared, ssl::KeyForm::Hex).await,
        SslCommand::CipsslcpskhexSet(request) => ssl::set_hex_key(shared, &request),
    }
}

async fn trust_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: TrustCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        TrustCommand::SslwhyQuery => ssl::why(shared).await,
        TrustCommand::SslpolicyQuery => policy::show(shared).await,
        TrustCommand::SslpolicySet(mode) => policy::set(shared, mode).await,
        TrustCommand::SslprobeSet(request) => probe::run(shared, &request).await,
        TrustCommand::PkiQuery => pki::list(shared).await,
    }
}

async fn sntp_command<P: Platform>(
    shared: &Shared<'_, P>,
    command: SntpCommand<'_>,
) -> Result<Done, CommandError> {
    match command {
        SntpCommand::CipsntpcfgQuery => time::time_config(shared).await,
        SntpCommand::CipsntpcfgSet(request) => time::set_time_config(shared, &request).await,
        SntpCommand::CipsntptimeQuery => time::time(shared).await,
        SntpCommand::CipsntpintvQuery => time::time_interval(shared).await,
        SntpCommand::CipsntpintvSet(seconds) => time::set_time_interval(shared, seconds),
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
