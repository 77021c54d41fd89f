//! Executes one command line: from its bytes to its result on the port.
//!
//! Each family of commands has a file; [`run`] is the table that sends a typed command there. A
//! command that waits for something outside says [`Mode::Busy`] first, so that the port is served
//! meanwhile.

use core::pin::pin;

use at_grammar::{Command, ErrorWord, Generation, LineError, RawLine, Reply};

use crate::answer::{Answer, CommandError, CustomCommands as _, Done, erased};
use crate::framing::{Framed, LineBuffer};
use crate::platform::Platform;
use crate::port::Mode;
use crate::print::Printer;
use crate::state::Shared;

mod basic;
mod filter;
mod flash;
mod links;
mod mdns;
mod mfg;
mod module;
mod names;
mod options;
pub(crate) mod passthrough;
mod pki;
mod policy;
mod probe;
mod radio;
mod receive;
mod send;
mod server;
mod softap;
mod ssl;
mod time;
pub(crate) mod userram;
mod wifi;

/// What becomes of the modem after a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    Restart,
    /// For so many milliseconds.
    Sleep(u32),
}

/// Understood, and as good as unknown: `AT+CMD?` does not list it.
const UNLISTED: CommandError = CommandError::Line(LineError::UnknownCommand);

/// Executes what framing found.
pub(crate) async fn line<P: Platform>(
    shared: &Shared<'_, P>,
    framed: Framed,
    line: &LineBuffer,
) -> Verdict {
    if matches!(framed, Framed::Partial | Framed::Empty) {
        return Verdict::Go;
    }
    if shared.settings.read(|values| values.port.echo) {
        shared.port.output.turn().await.put(line.raw()).await;
    }
    let result = match framed {
        Framed::Line => execute(shared, line.line()).await,
        _ => Err(LineError::TooLong {
            len: line.raw().len(),
        }
        .into()),
    };
    shared.suffix.set(None);
    match result {
        Ok(Done::Printed) => Verdict::Go,
        Ok(Done::Ok) => {
            shared.print().await.reply(&Reply::Ok).await;
            Verdict::Go
        }
        Ok(Done::Restart) => Verdict::Restart,
        Ok(Done::Sleep(ms)) => Verdict::Sleep(ms),
        Err(why) => {
            let mut print = shared.print().await;
            error(&mut print, shared.syslog(), why).await;
            Verdict::Go
        }
    }
}

/// Finds who has the command: this crate, or its user.
async fn execute<P: Platform>(shared: &Shared<'_, P>, line: &[u8]) -> Result<Done, CommandError> {
    let generation = if shared.legacy {
        Generation::Legacy
    } else {
        Generation::EspAt
    };
    let mux = shared.settings.read(|values| values.links.mux);
    let raw = RawLine::parse(line)?.with_generation(generation);
    match Command::from_raw(&raw, mux) {
        Ok(parsed) => {
            shared.suffix.set(parsed.suffix);
            run(shared, parsed.command).await
        }
        Err(LineError::UnknownCommand) => {
            // It may wait, and nobody but its author knows.
            let known = shared.commands.table().iter().any(|row| raw.is(row.name));
            if known {
                shared.takes_long();
            }
            let mut answer = Answer::new(&shared.port.output, &shared.settings);
            erased(pin!(shared.commands.execute(&raw, &mut answer))).await
        }
        Err(error) => {
            espat_log::debug!("line of {} bytes refused: {:?}", line.len(), error);
            Err(error.into())
        }
    }
}

/// Prints `ERROR`, with its word where the host asked for words.
pub(crate) async fn error(print: &mut Printer<'_>, syslog: bool, why: CommandError) {
    if syslog {
        print.reply(&Reply::ErrCode(why.error_word())).await;
    }
    print.reply(&Reply::Error).await;
}

/// Turns away input that came while a command runs.
pub(crate) async fn busy<P: Platform>(shared: &Shared<'_, P>) {
    let syslog = shared.syslog();
    let mut print = shared.print().await;
    // One message: whoever drops this leaves none of it behind.
    print
        .replies(if syslog {
            &[Reply::ErrCode(ErrorWord::BUSY), Reply::Busy]
        } else {
            &[Reply::Busy]
        })
        .await;
}

/// The table: every command of the grammar to the function that executes it.
///
/// It has no `_`, and must not get one: a row that is added to the grammar without a handler here
/// does not compile (E0004 names the variant).
async fn run<P: Platform>(
    shared: &Shared<'_, P>,
    command: Command<'_>,
) -> Result<Done, CommandError> {
    match command {
        Command::At => Ok(Done::Ok),
        Command::EchoOff => basic::echo(shared, false),
        Command::EchoOn => basic::echo(shared, true),
        Command::Rst => basic::restart(shared).await,
        Command::RstMode(mode) => basic::restart_as(shared, mode).await,
        Command::Gmr => basic::versions(shared).await,
        Command::CmdQuery => basic::inventory(shared).await,
        Command::SystimestampQuery => basic::timestamp(shared).await,
        Command::SystimestampSet(time) => basic::set_timestamp(shared, time),
        Command::Restore => basic::restore(shared).await,
        Command::SysflashQuery => flash::list(shared).await,
        Command::SysflashSet(request) => flash::operate(shared, request).await,
        Command::SysmfgQuery => mfg::list(shared).await,
        Command::SysmfgSet(request) => mfg::operate(shared, request).await,
        Command::SysmsgQuery => basic::messages(shared).await,
        Command::SysmsgSet(bits) => basic::set_messages(shared, bits).await,
        Command::SysmsgfilterQuery => filter::state(shared).await,
        Command::SysmsgfilterSet(on) => filter::set_state(shared, on),
        Command::SysmsgfiltercfgQuery => filter::list(shared).await,
        Command::SysmsgfiltercfgSet(request) => filter::change(shared, request).await,
        Command::SyslogQuery => basic::syslog(shared).await,
        Command::SyslogSet(on) => basic::set_syslog(shared, on),
        Command::SysstoreQuery => basic::sysstore(shared).await,
        Command::SysstoreSet(on) => basic::set_sysstore(shared, on),
        Command::GslpSet(time) => module::deep_sleep(shared, time).await,
        Command::SleepQuery => module::sleep(shared).await,
        Command::SleepSet(mode) => module::set_sleep(shared, mode),
        Command::SleepwkcfgSet(source) => module::set_wake(shared, source),
        Command::SysramQuery => module::memory(shared).await,
        Command::SysramSet(capabilities) => module::memory_of(shared, capabilities).await,
        Command::SystempQuery => module::temperature(shared).await,
        Command::RfpowerQuery => module::power(shared).await,
        Command::RfpowerSet(request) => module::set_power(shared, &request),
        Command::UserramQuery => userram::size(shared).await,
        Command::UserramSet(request) => userram::operate(shared, request).await,
        Command::UserdocsQuery => module::docs(shared).await,
        // There is no server that offers any.
        Command::CipfwverQuery => Ok(Done::Ok),
        // Memory is not shown, there is no second image, and nobody offers updates.
        Command::SysregSet(_)
        | Command::Sysrollback
        | Command::Ciupdate
        | Command::CiupdateQuery
        | Command::CiupdateSet(_) => Err(UNLISTED),
        // A record gets the room it needs, whatever an old host asks for.
        Command::CipsslsizeSet(_) => Ok(Done::Ok),
        Command::UartQuery => module::uart(shared, module::UartName::Plain).await,
        Command::UartCurQuery => module::uart(shared, module::UartName::Current).await,
        Command::UartDefQuery => module::uart(shared, module::UartName::Default).await,
        Command::UartCurSet(settings) => module::set_uart(shared, settings, false).await,
        Command::UartSet(settings) | Command::UartDefSet(settings) => {
            module::set_uart(shared, settings, true).await
        }
        Command::CwinitQuery => radio::up(shared).await,
        Command::CwinitSet(up) => radio::set_up(shared, up).await,
        Command::CwmodeQuery => wifi::mode(shared).await,
        Command::CwmodeSet(mode) => wifi::set_mode(shared, mode).await,
        Command::CwstateQuery => wifi::state(shared).await,
        Command::CwjapQuery => wifi::joined(shared).await,
        Command::CwjapSet(request) => wifi::join(shared, &request).await,
        Command::Cwjap => wifi::join_again(shared, wifi::JOIN_PATIENCE).await,
        Command::CwreconncfgQuery => radio::reconnect(shared).await,
        Command::CwreconncfgSet(request) => radio::set_reconnect(shared, request).await,
        Command::CwlapoptSet(options) => radio::set_scan(shared, options),
        Command::Cwlap => wifi::scan(shared, None).await,
        Command::CwlapSet(request) => wifi::scan(shared, Some(&request)).await,
        Command::Cwqap => wifi::quit(shared).await,
        Command::CwsapQuery => softap::show(shared).await,
        Command::CwsapSet(request) => softap::configure(shared, &request).await,
        Command::Cwlif => softap::guests(shared).await,
        Command::Cwqif => softap::send_away(shared, None).await,
        Command::CwqifSet(station) => softap::send_away(shared, Some(station)).await,
        Command::CwdhcpQuery => radio::dhcp(shared).await,
        Command::CwdhcpSet(request) => radio::set_dhcp(shared, request).await,
        Command::CwdhcpsQuery => softap::pool(shared).await,
        Command::CwdhcpsSet(request) => softap::set_pool(shared, request).await,
        Command::CwstaprotoQuery => radio::protocol(shared, false).await,
        Command::CwstaprotoSet(protocol) => radio::set_protocol(shared, false, protocol).await,
        Command::CwapprotoQuery => radio::protocol(shared, true).await,
        Command::CwapprotoSet(protocol) => radio::set_protocol(shared, true, protocol).await,
        Command::CwhostnameQuery => radio::hostname(shared).await,
        Command::CwhostnameSet(name) => radio::set_hostname(shared, &name),
        Command::CwcountryQuery => radio::country(shared).await,
        Command::CwcountrySet(request) => radio::set_country(shared, &request),
        Command::CwconfigQuery => radio::patience(shared).await,
        Command::CwconfigSet(request) => radio::set_patience(shared, &request).await,
        Command::CipstamacQuery => radio::mac(shared, false).await,
        Command::CipstamacSet(mac) => radio::set_mac(shared, false, mac).await,
        Command::CipapmacQuery => radio::mac(shared, true).await,
        Command::CipapmacSet(mac) => radio::set_mac(shared, true, mac).await,
        Command::CipstaSet(request) => radio::set_station_address(shared, &request).await,
        Command::CipapQuery => softap::address(shared).await,
        Command::CipapSet(request) => softap::set_address(shared, &request).await,
        Command::MdnsSet(request) => mdns::set(shared, &request),
        Command::CwautoconnQuery => wifi::auto_connect(shared).await,
        Command::CwautoconnSet(on) => wifi::set_auto_connect(shared, on).await,
        Command::Cifsr => wifi::addresses(shared).await,
        Command::CipstaQuery => wifi::station_address(shared).await,
        Command::CipdomainSet(request) => names::resolve(shared, &request).await,
        Command::Cipstatus => links::status(shared, true).await,
        Command::CipstateQuery => links::status(shared, false).await,
        Command::CipstartSet(request) => links::open(shared, &request).await,
        Command::Cipclose => links::close_only(shared).await,
        Command::CipcloseSet(request) => links::close(shared, request.0).await,
        Command::CipstartexSet(request) => links::open_next(shared, &request).await,
        Command::Cipv6Query => options::ipv6(shared).await,
        Command::Cipv6Set(on) => options::set_ipv6(shared, on).await,
        Command::CipdnsQuery => options::dns(shared).await,
        Command::CipdnsSet(request) => options::set_dns(shared, &request).await,
        Command::CiptcpoptQuery => options::tcp(shared).await,
        Command::CiptcpoptSet(request) => options::set_tcp(shared, &request).await,
        Command::CipconnpersistQuery => options::persistence(shared).await,
        Command::CipconnpersistSet(request) => options::set_persistence(shared, request),
        Command::Cipsend => passthrough::begin(shared).await,
        Command::CipsendSet(request) => send::send(shared, &request, false).await,
        Command::CipsendexSet(request) => send::send(shared, &request, true).await,
        Command::CipsendlSet(request) => passthrough::send_large(shared, &request).await,
        Command::CipsendlcfgQuery => passthrough::send_large_config(shared).await,
        Command::CipsendlcfgSet(request) => passthrough::set_send_large(shared, request),
        Command::CipmodeQuery => passthrough::mode(shared).await,
        Command::CipmodeSet(mode) => passthrough::set_mode(shared, mode),
        Command::TransintvlQuery => passthrough::interval(shared).await,
        Command::TransintvlSet(ms) => passthrough::set_interval(shared, ms),
        Command::CipreconnintvQuery => passthrough::retry(shared).await,
        Command::CipreconnintvSet(units) => passthrough::set_retry(shared, units).await,
        Command::SavetranslinkSet(request) => passthrough::save(shared, &request).await,
        Command::CipserverQuery => server::show(shared).await,
        Command::CipserverSet(request) => server::change(shared, &request).await,
        Command::CipservermaxconnQuery => server::most(shared).await,
        Command::CipservermaxconnSet(most) => server::set_most(shared, most),
        Command::CipstoQuery => server::patience(shared).await,
        Command::CipstoSet(seconds) => server::set_patience(shared, seconds),
        Command::PingSet(host) => names::ping(shared, &host).await,
        Command::CipdinfoQuery => receive::data_info(shared).await,
        Command::CipdinfoSet(on) => receive::set_data_info(shared, on),
        Command::CipmuxQuery => links::mux(shared).await,
        Command::CipmuxSet(mux) => links::set_mux(shared, mux),
        Command::CiprecvmodeQuery => receive::mode(shared).await,
        Command::CiprecvmodeSet(mode) => receive::set_mode(shared, mode),
        Command::CiprecvtypeQuery => receive::types(shared).await,
        Command::CiprecvtypeSet(request) => receive::set_type(shared, request),
        Command::CiprecvdataSet(request) => receive::fetch(shared, &request).await,
        Command::CiprecvlenQuery => receive::lengths(shared).await,
        Command::CipsslcconfQuery => ssl::configs(shared).await,
        Command::CipsslcconfSet(request) => ssl::configure(shared, request).await,
        Command::CipsslccnQuery => ssl::names(shared, ssl::Which::CommonName).await,
        Command::CipsslccnSet(request) => ssl::set_name(shared, ssl::Which::CommonName, &request),
        Command::CipsslcsniQuery => ssl::names(shared, ssl::Which::Sni).await,
        Command::CipsslcsniSet(request) => ssl::set_name(shared, ssl::Which::Sni, &request),
        Command::CipsslcalpnQuery => ssl::protocols(shared).await,
        Command::CipsslcalpnSet(request) => ssl::set_protocols(shared, &request),
        Command::CipsslccipherQuery => ssl::ciphers(shared).await,
        Command::CipsslccipherSet(request) => ssl::set_ciphers(&request),
        Command::CipsslcpskQuery => ssl::keys(shared, ssl::KeyForm::Text).await,
        Command::CipsslcpskSet(request) => ssl::set_key(shared, &request),
        Command::CipsslcpskhexQuery => ssl::keys(shared, ssl::KeyForm::Hex).await,
        Command::CipsslcpskhexSet(request) => ssl::set_hex_key(shared, &request),
        Command::SslwhyQuery => ssl::why(shared).await,
        Command::SslpolicyQuery => policy::show(shared).await,
        Command::SslpolicySet(dialect) => policy::set(shared, dialect).await,
        Command::SslprobeSet(request) => probe::run(shared, &request).await,
        Command::PkiQuery => pki::list(shared).await,
        Command::CipsntpcfgQuery => time::time_config(shared).await,
        Command::CipsntpcfgSet(request) => time::set_time_config(shared, &request).await,
        Command::CipsntptimeQuery => time::time(shared).await,
        Command::CipsntpintvQuery => time::time_interval(shared).await,
        Command::CipsntpintvSet(seconds) => time::set_time_interval(shared, seconds),
    }
}

impl<P: Platform> Shared<'_, P> {
    /// `AT+SYSLOG`.
    pub(crate) fn syslog(&self) -> bool {
        self.settings.read(|values| values.port.syslog)
    }

    /// Says that the running command waits for something outside.
    pub(crate) fn takes_long(&self) {
        self.port.set_mode(Mode::Busy);
    }
}

#[cfg(test)]
mod tests {
    /// A wildcard would answer for commands that nobody has thought of.
    #[test]
    fn the_table_has_no_wildcard() {
        let source = include_str!("mod.rs");
        let (_, table) = source.split_once("match command {").unwrap();
        let (table, _) = table.split_once("\n}\n").unwrap();
        assert!(table.contains("Command::PkiQuery =>"));
        assert!(
            !table
                .lines()
                .any(|line| line.trim_start().starts_with("_ "))
        );
    }
}
