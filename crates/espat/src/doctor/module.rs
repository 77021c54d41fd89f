//! The module on its AT port: what it holds, how it is set, and a connection by it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use at_modem::why::Cause;
use cert_bin::PartitionRole;
use tls_session::Timestamp;
use x509_facts::Civil;

use super::step::Step;
use super::trust::Trust;
use crate::at_host::port::DEFAULT_BAUD;
use crate::at_host::session::SOON;
use crate::at_host::{Found, Place, Port, Reply, Session, SessionError, find};
use crate::device::Device;
use crate::push::{Module, contents};
use crate::verify::Server;

/// A module resolves, connects and performs a handshake within this (spec: at-commands B.4 AT+CIPSTART).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(75);
/// A clock before this was never set: ESP-AT counts from 1970 (spec: at-commands B.4 AT+CIPSNTPTIME?).
const EARLIEST: i64 = 1_600_000_000;

/// A module that answers.
pub(super) struct Attached {
    session: Session,
    found: Found,
    module: Module,
    log: Option<Log>,
    /// UTC, if its clock is set.
    pub(super) clock: Option<Timestamp>,
    /// `<ca_number>` of link 0.
    ca_number: usize,
}

/// Opens the port and finds the module. The inner error is a step that failed.
pub(super) fn attach(
    place: &Place,
    baud: u32,
    log: Option<&Place>,
) -> anyhow::Result<Result<(Attached, Step), Step>> {
    const NAME: &str = "module";
    let log = log.map(Log::follow).transpose()?;
    let mut session = Session::new(Port::open(place, baud, false)?, Arc::default());
    let found = match find::find(&mut session) {
        Ok(found) => found,
        Err(error) => return Ok(Err(Step::failed(NAME, "no_module", error.to_string(), ""))),
    };
    let module = match Module::ask(&mut session) {
        Ok(module) => module,
        Err(error) => {
            return Ok(Err(Step::failed(
                NAME,
                "module_refused",
                error.to_string(),
                "the firmware is older than ESP-AT 2.0, or has no certificates in flash",
            )));
        }
    };
    let step = Step::passed(NAME, module.to_string());
    let attached = Attached {
        session,
        found,
        module,
        log,
        clock: None,
        ca_number: 0,
    };
    Ok(Ok((attached, step)))
}

impl Attached {
    /// Whose firmware it has.
    pub(super) const fn device(&self) -> Device {
        self.module.device()
    }

    /// Wi-Fi, clock, settings of TLS.
    pub(super) fn state(&mut self) -> Result<Vec<Step>, SessionError> {
        Ok(vec![self.wifi()?, self.time()?, self.settings()?])
    }

    /// A query whose refusal is no error of the module.
    fn ask(&mut self, command: &str) -> Result<Reply, SessionError> {
        match self.session.command(command, SOON) {
            Err(SessionError::Refused { .. }) => Ok(Reply::default()),
            reply => reply,
        }
    }

    fn wifi(&mut self) -> Result<Step, SessionError> {
        const NAME: &str = "wifi";
        let reply = self.ask("AT+CWSTATE?")?;
        let Some(state) = reply.after("+CWSTATE:").next() else {
            return Ok(Step::skipped(NAME, "the module does not say (AT+CWSTATE?)"));
        };
        Ok(match state.split_once(',') {
            Some(("2", ssid)) => Step::passed(NAME, format!("in {ssid}, with an address")),
            Some(("1", ssid)) => Step::failed(
                NAME,
                "no_address",
                format!("in {ssid}, without an address"),
                "is DHCP on in the network and in the module (AT+CWDHCP?)",
            ),
            _ => Step::failed(
                NAME,
                "not_in_a_network",
                format!("the module is in no network (+CWSTATE:{state})"),
                "AT+CWMODE=1, then AT+CWJAP=\"<ssid>\",\"<password>\"",
            ),
        })
    }

    fn time(&mut self) -> Result<Step, SessionError> {
        const NAME: &str = "clock";
        let config = self.ask("AT+CIPSNTPCFG?")?;
        let config = config.after("+CIPSNTPCFG:").next().unwrap_or_default();
        let zone = config
            .split(',')
            .nth(1)
            .and_then(|zone| zone.parse().ok())
            .map_or(0, zone_seconds);
        let reply = self.ask("AT+CIPSNTPTIME?")?;
        let Some(text) = reply.after("+CIPSNTPTIME:").next() else {
            return Ok(Step::skipped(
                NAME,
                "the module does not say (AT+CIPSNTPTIME?)",
            ));
        };
        let time = asctime(text).map(|local| local.as_unix().saturating_sub(zone));
        Ok(match time {
            Some(time) if time >= EARLIEST => {
                let time = Timestamp::from_unix(time);
                self.clock = Some(time);
                Step::passed(NAME, format!("the module shows {time}"))
            }
            _ => unset(text.trim(), config),
        })
    }

    fn settings(&mut self) -> Result<Step, SessionError> {
        const NAME: &str = "settings";
        let reply = self.ask("AT+CIPSSLCCONF?")?;
        let Some(line) = reply.after("+CIPSSLCCONF:").next() else {
            return Ok(Step::skipped(
                NAME,
                "the module does not say (AT+CIPSSLCCONF?)",
            ));
        };
        let fields: Vec<usize> = line.split(',').filter_map(|it| it.parse().ok()).collect();
        let &[_, mode, pki, ca] = fields.as_slice() else {
            return Ok(Step::skipped(
                NAME,
                format!("+CIPSSLCCONF:{line} is not understood"),
            ));
        };
        self.ca_number = ca;
        Ok(match mode {
            2 => Step::passed(NAME, format!("the server is checked with CA {ca}")),
            3 => Step::passed(
                NAME,
                format!("the server is checked with CA {ca}, the module shows certificate {pki}"),
            ),
            _ => Step::warning(
                NAME,
                "server_not_checked",
                format!("mode {mode}: the module does not check the server at all"),
                "AT+CIPSSLCCONF=2,0,0",
            ),
        })
    }

    /// What the module holds in `client_ca`.
    pub(super) fn trust(&mut self) -> Result<Result<Trust, Step>, SessionError> {
        let Some(role) = PartitionRole::from_name("client_ca") else {
            return Ok(Ok(Trust::default()));
        };
        let name = "client_ca of the module".to_owned();
        let number = self.ca_number;
        Ok(match contents(&mut self.session, &self.module, role)? {
            Ok(items) => Ok(Trust {
                name,
                items,
                number,
            }),
            Err((code, words)) => Err(Step::failed(
                "ca",
                code,
                format!("{name}: {words}"),
                "espat push --port DEV client_ca ca.pem",
            )),
        })
    }

    /// The module connects: `AT+SSLPROBE` where it has that, else `AT+CIPSTART`.
    pub(super) fn live(&mut self, server: &Server) -> Result<Step, SessionError> {
        if let Some(log) = &self.log {
            log.take();
        }
        let step = if self.module.is_espat {
            self.probe(server)?
        } else {
            self.connect(server)?
        };
        let heard = self.log.as_ref().map(Log::take).unwrap_or_default();
        Ok(step.with_details(decoded(&heard)))
    }

    fn probe(&mut self, server: &Server) -> Result<Step, SessionError> {
        let command = format!("AT+SSLPROBE=\"{}\",{}", server.host(), server.port());
        let reply = match self.session.command(&command, CONNECT_TIMEOUT) {
            Ok(reply) => reply,
            Err(error @ SessionError::Refused { .. }) => {
                let why = self.ask("AT+SSLWHY?")?;
                let why = why.after("+SSLWHY:").next().map(str::to_owned);
                let words = why.unwrap_or_else(|| error.to_string());
                return Ok(Step::failed(LIVE, "module_refused", words, ""));
            }
            Err(error) => return Err(error),
        };
        let verdict = |word| {
            let prefix = format!("\"{word}\",");
            let mut lines = reply.after("+SSLPROBE:");
            lines.find_map(|line| line.strip_prefix(&prefix).map(str::to_owned))
        };
        Ok(match (verdict("accepted"), verdict("refused")) {
            (Some(policy), _) => Step::passed(LIVE, format!("the module accepts it: {policy}")),
            (None, Some(reason)) => Step::failed(
                LIVE,
                "module_refused",
                format!("the module refuses it: {reason}"),
                "",
            ),
            (None, None) => Step::failed(LIVE, "module_refused", "the module has no verdict", ""),
        })
    }

    fn connect(&mut self, server: &Server) -> Result<Step, SessionError> {
        let reply = self.ask("AT+CIPMUX?")?;
        let link = if reply.after("+CIPMUX:").any(|it| it == "1") {
            "4,"
        } else {
            ""
        };
        let (host, port) = (server.host(), server.port());
        let command = format!("AT+CIPSTART={link}\"SSL\",\"{host}\",{port}");
        let result = self.session.command(&command, CONNECT_TIMEOUT);
        Ok(match result {
            Ok(_) => {
                let close = match link {
                    "" => "AT+CIPCLOSE",
                    _ => "AT+CIPCLOSE=4",
                };
                self.ask(close)?;
                Step::passed(LIVE, format!("{command}: OK"))
            }
            Err(error @ (SessionError::Refused { .. } | SessionError::NoReply { .. })) => {
                Step::failed(
                    LIVE,
                    "module_refused",
                    error.to_string(),
                    "the reason is in the module's log (UART0): --log-port",
                )
            }
            Err(error) => return Err(error),
        })
    }
}

/// No server to ask, or servers that do not answer? `config` is the line of `AT+CIPSNTPCFG?`.
pub(super) fn unset(shown: &str, config: &str) -> Step {
    const NAME: &str = "clock";
    let mut fields = config.split(',');
    let enabled = fields.next() == Some("1");
    let servers: Vec<&str> = fields.skip(1).map(|it| it.trim_matches('"')).collect();
    if enabled {
        let servers = servers.join(", ");
        return Step::failed(
            NAME,
            "sntp_failed",
            format!(
                "the module's clock is not set ({shown}): SNTP is on, and {servers} gave no time"
            ),
            "the servers must be reachable over UDP port 123, and their names known: AT+CIPDOMAIN=\"<server>\"; \
             AT+SYSLOG=1 reports why; or set the time: AT+SYSTIMESTAMP=<seconds since 1970>",
        );
    }
    Step::failed(
        NAME,
        "clock_unset",
        format!("the module's clock is not set ({shown}), and no SNTP server is configured"),
        "AT+CIPSNTPCFG=1,<timezone>,\"pool.ntp.org\", then wait for AT+CIPSNTPTIME? to show the year",
    )
}

impl Drop for Attached {
    /// Leaves the port as it was, whichever step was the last.
    fn drop(&mut self) {
        find::restore(&mut self.session, &self.found);
    }
}

const LIVE: &str = "live";

/// What came out of the log port.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn follow(place: &Place) -> anyhow::Result<Self> {
        let mut port = Port::open(place, DEFAULT_BAUD, false)?;
        let log = Self::default();
        let heard = log.0.clone();
        thread::spawn(move || {
            let mut bytes = [0; 1024];
            while let Ok(count) = port.read(&mut bytes) {
                let new = bytes.get(..count).unwrap_or_default();
                heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend_from_slice(new);
            }
            Ok::<(), io::Error>(())
        });
        Ok(log)
    }

    fn take(&self) -> String {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&std::mem::take(&mut *heard)).into_owned()
    }
}

/// The lines of a log with numbers of Mbed TLS, and what those mean.
pub(super) fn decoded(log: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in log.lines().map(str::trim).filter(|it| !it.is_empty()) {
        let numbers = line.match_indices("-0x").filter_map(|(at, mark)| {
            let digits = line.get(at + mark.len()..)?;
            let end = digits
                .find(|it: char| !it.is_ascii_hexdigit())
                .unwrap_or(digits.len());
            i32::from_str_radix(digits.get(..end)?, 16)
                .ok()?
                .checked_neg()
        });
        for number in numbers {
            let meanings: Vec<&str> = Cause::table()
                .filter(|row| row.mbedtls == number)
                .map(|row| row.code)
                .collect();
            if !meanings.is_empty() {
                found.push(format!("log: {line}"));
                found.push(format!("     that is one of: {}", meanings.join(", ")));
            }
        }
    }
    found
}

/// `Tue Oct 19 17:47:56 2021`, as if it were UTC.
pub(super) fn asctime(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_whitespace().skip(1);
    let month = words.next()?;
    let month = MONTHS.iter().position(|it| *it == month)?.checked_add(1)?;
    let day = words.next()?.parse().ok()?;
    let mut time = words.next()?.split(':').map(|it| it.parse::<u8>().ok());
    Timestamp::from_civil(Civil {
        hour: time.next()??,
        minute: time.next()??,
        second: time.next()??,
        year: words.next()?.parse().ok()?,
        month: u8::try_from(month).ok()?,
        day,
    })
}

/// `<timezone>` of `AT+CIPSNTPCFG`: whole hours from -12 to 14, else hhmm.
pub(super) fn zone_seconds(zone: i64) -> i64 {
    if (-12..=14).contains(&zone) {
        return zone.saturating_mul(3600);
    }
    let (hours, minutes) = (zone / 100, zone % 100);
    hours
        .saturating_mul(60)
        .saturating_add(minutes)
        .saturating_mul(60)
}
