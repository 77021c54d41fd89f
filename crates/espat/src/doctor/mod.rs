//! `espat doctor`: which step of a failing TLS set-up is wrong, and what to do about it.
//!
//! ```text
//! name ─ tcp ─ tls ─ chain                       the server, as this PC sees it        scan, chain
//! module ─ wifi ─ clock ─ settings               the module, with --port               module
//! ca ─ trust ─ dates ─ host name ─ handshake     what the modem's own code makes of it trust
//! live                                           the module connects, with --port      module
//! ```
//!
//! Every step prints ✓, ! (it works, and may not be meant), ✗ or - (not tried). The exit status is 0 only when a
//! connection was made and accepted.

mod chain;
mod module;
mod scan;
mod step;
#[cfg(test)]
mod tests;
mod trust;

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::ArgGroup;
use rustls::{KeyLog, KeyLogFile};
use tls_session::{PeerName, Timestamp};

use crate::at_host::Place;
use crate::at_host::port::DEFAULT_BAUD;
use crate::capture::{Capture, CaptureFile};
use crate::device::Device;
use crate::pki;
use crate::report::{Outcome, WrongUsage};
use crate::verify::{Server, handshake_words};

use module::Attached;
use step::{LastStep, State, Step, Steps};
use trust::Trust;

/// `espat doctor HOST:PORT (--ca FILE | --bin FILE[:N] | --port DEV)`
#[derive(Debug, Clone, clap::Args)]
#[command(group = ArgGroup::new("trust").required(true).args(["ca", "bin", "port"]))]
pub struct Args {
    /// The server
    #[arg(value_name = "HOST:PORT")]
    server: Server,
    /// The CA: every certificate in this PEM or DER file is trusted
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The CA: item N (0 where not given) of this certificate image, picked as a modem picks it
    #[arg(long, value_name = "FILE[:N]")]
    bin: Option<PathBuf>,
    /// The module: its CA, clock and settings, and a connection by it; a serial device or tcp://HOST:PORT
    #[arg(long, value_name = "DEV")]
    port: Option<Place>,
    /// Rate of a serial device
    #[arg(long, value_name = "N", default_value_t = DEFAULT_BAUD, requires = "port")]
    baud: u32,
    /// The module's log (UART0), of which errors are decoded
    #[arg(long, value_name = "DEV", requires = "port")]
    log_port: Option<Place>,
    /// The name or address the server's certificate must be for
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The time at which dates are judged [default: now, with --port the module's clock]
    #[arg(long, value_name = "RFC3339", value_parser = pki::time)]
    at: Option<Timestamp>,
    /// Whose rules apply [default: espat, with --port those of the module]
    #[arg(long, value_enum)]
    device: Option<Device>,
    /// Writes what the connections of this PC to the server sent and received to FILE (pcapng, for Wireshark), with the
    /// secrets of these TLS sessions: whoever has FILE reads all of it, though nothing but handshakes is sent. FILE must
    /// be new, and only you can read it
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// When, by whose clock, and by whose rules certificates are judged.
#[derive(Debug, Clone, Copy)]
struct Terms<'t> {
    now: Timestamp,
    whose: &'t str,
    device: Device,
}

/// What was seen of the server.
#[derive(Debug, Default)]
struct Sent {
    /// Its certificates, as it sent them.
    chain: Vec<Vec<u8>>,
    /// It ends a session in which the client shows none.
    requires_certificate: bool,
    /// It takes TLS 1.2.
    tls12: bool,
}

/// Runs the command.
///
/// # Errors
///
/// A sentence: files that cannot be read, a port that cannot be opened, wrong usage.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let Some(path) = &args.capture else {
        return diagnose(args);
    };
    let file = CaptureFile::create(path)?;
    let captured = Args {
        server: args.server.captured(file.capture()),
        ..args.clone()
    };
    let outcome = diagnose(&captured);
    file.finish()?;
    outcome
}

fn diagnose(args: &Args) -> anyhow::Result<Outcome> {
    if let Some(name) = &args.name {
        PeerName::new(name).map_err(|cause| WrongUsage(format!("'{name}': {cause}")))?;
    }
    let mut steps = Steps::new(args.json);
    let sent = look_at_server(args, &mut steps)?;
    let mut attached = match &args.port {
        Some(place) => match module::attach(place, args.baud, args.log_port.as_ref())? {
            Ok((attached, step)) => {
                steps.add(step)?;
                Some(attached)
            }
            Err(step) => {
                steps.add(step)?;
                return steps.finish(LastStep::Fails);
            }
        },
        None => None,
    };
    let device = match (args.device, &attached) {
        (Some(device), _) => device,
        (None, Some(attached)) => attached.device(),
        (None, None) => Device::default(),
    };
    let mut now = args.at.or_else(pki::now);
    let mut whose = "this PC";
    if let Some(attached) = &mut attached {
        for step in attached.state()? {
            steps.add(step)?;
        }
        // A module whose clock is not set was reported; the rest is judged by this PC's.
        if let (Some(time), None) = (attached.clock, args.at) {
            (now, whose) = (Some(time), "the module");
        }
    }
    let Some(now) = now else {
        return Err(WrongUsage("the clock of this PC is before 1970: give --at".into()).into());
    };
    let trusted = match load(args, attached.as_mut())? {
        Ok(trust) => trust,
        Err(step) => {
            steps.add(step)?;
            return steps.finish(LastStep::Fails);
        }
    };
    let terms = Terms { now, whose, device };
    let usable = steps.add(trust::ca(&trusted, terms))?;
    let mut last = LastStep::Fails;
    if let (Some(sent), true) = (&sent, usable) {
        last = judge(args, &mut steps, &trusted, sent, terms)?;
    }
    if let Some(attached) = &mut attached {
        let live = attached.live(&args.server)?;
        // What the module says of itself counts for more than what this PC makes of it.
        last = match live.state() {
            State::Passed => LastStep::Connects,
            _ => LastStep::Fails,
        };
        steps.add(live)?;
    }
    steps.finish(last)
}

/// Name, TCP, TLS, chain. `None` where no certificate came.
fn look_at_server(args: &Args, steps: &mut Steps) -> anyhow::Result<Option<Sent>> {
    let server = &args.server;
    let addresses: Vec<SocketAddr> = match (server.host(), server.port()).to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            steps.add(Step::failed(
                "name",
                "host_not_found",
                format!("{} has no address here: {error}", server.host()),
                "check the spelling and the DNS server; a module asks its own: AT+CIPDNS?",
            ))?;
            return Ok(None);
        }
    };
    let listed: Vec<String> = addresses.iter().map(|it| it.ip().to_string()).collect();
    steps.add(Step::passed(
        "name",
        format!("{} is {}", server.host(), listed.join(", ")),
    ))?;
    let begin = Instant::now();
    match server.connect() {
        Ok(_) => {
            let ms = begin.elapsed().as_millis();
            steps.add(Step::passed(
                "tcp",
                format!("port {} opens in {ms} ms", server.port()),
            ))?;
        }
        Err(why) => {
            steps.add(Step::failed(
                "tcp",
                why.cause.code(),
                format!("port {} does not open: {why}", server.port()),
                "is the server running, is this its TLS port, is a firewall between?",
            ))?;
            return Ok(None);
        }
    }
    // SSLKEYLOGFILE names a file in which Wireshark finds the secrets of these connections.
    let keys: Arc<dyn KeyLog> = Arc::new(Keys {
        file: KeyLogFile::new(),
        capture: server.capture().cloned(),
    });
    let connect = || {
        let error = |why: at_modem::why::Why| std::io::Error::other(why.to_string());
        server.connect().map_err(error)
    };
    let seen = scan::scan(&connect, server.host(), &keys);
    let sent = seen.iter().find(|it| !it.chain.is_empty());
    let sent = sent.map(|it| Sent {
        chain: it.chain.clone(),
        requires_certificate: seen.iter().any(|it| it.requires_certificate),
        tls12: seen
            .iter()
            .any(|it| it.version == "TLS 1.2" && (it.result.is_ok() || !it.chain.is_empty())),
    });
    if !steps.add(tls_step(&seen))? {
        return Ok(None);
    }
    let chain = sent.as_ref().map_or(&[][..], |it| &it.chain);
    let goes_on = steps.add(chain::step(chain))?;
    Ok(sent.filter(|_| goes_on))
}

/// Both places for secrets.
#[derive(Debug)]
struct Keys {
    file: KeyLogFile,
    capture: Option<Capture>,
}

impl KeyLog for Keys {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        self.file.log(label, client_random, secret);
        if let Some(capture) = &self.capture {
            capture.log(label, client_random, secret);
        }
    }
}

/// What the server takes.
fn tls_step(seen: &[scan::Seen]) -> Step {
    const NAME: &str = "tls";
    let details: Vec<String> = seen
        .iter()
        .map(|it| match &it.result {
            Ok(session) => format!("{}  {session}", it.version),
            Err(refused) => format!("{}  {refused}", it.version),
        })
        .collect();
    let data = serde_json::json!(
        seen.iter()
            .map(|it| serde_json::json!({
                "version": it.version,
                "session": it.result.as_ref().ok(),
                "refused": it.result.as_ref().err().map(ToString::to_string),
                "asks_for_certificate": it.asks_for_certificate,
            }))
            .collect::<Vec<_>>()
    );
    let asks = seen.iter().any(|it| it.asks_for_certificate);
    let takes: Vec<&str> = seen
        .iter()
        // A server that wants a certificate may refuse only after it has shown its own.
        .filter(|it| it.result.is_ok() || !it.chain.is_empty())
        .map(|it| it.version)
        .collect();
    let step = if !takes.is_empty() {
        let message = format!("the server takes {}", takes.join(" and "));
        if asks {
            Step::warning(
                NAME,
                "client_certificate_wanted",
                format!("{message}, and asks for a client certificate"),
                "AT+CIPSSLCCONF=3,<pki_number>,<ca_number>, with client_cert and client_key loaded",
            )
        } else {
            Step::passed(NAME, message)
        }
    } else if seen
        .iter()
        .all(|it| it.result == Err(scan::Refused::NotTls))
    {
        Step::failed(
            NAME,
            "not_tls",
            "what answers on this port does not speak TLS",
            "use the TLS port (8883 for MQTT, 443 for HTTPS), or enable TLS on the server",
        )
    } else {
        Step::failed(
            NAME,
            "no_session",
            "the server takes neither TLS 1.3 nor TLS 1.2 with ECDHE and an AEAD suite",
            "enable TLS 1.2 or 1.3 on the server",
        )
    };
    step.with_details(details).with_data(data)
}

/// The CA, from where the arguments say.
fn load(args: &Args, attached: Option<&mut Attached>) -> anyhow::Result<Result<Trust, Step>> {
    match (&args.ca, &args.bin, attached) {
        (Some(file), ..) => Trust::from_file(file).map(Ok),
        (None, Some(image), _) => Trust::from_image(image),
        (None, None, Some(attached)) => Ok(attached.trust()?),
        // clap asks for one of them.
        (None, None, None) => Err(WrongUsage("no CA given".into()).into()),
    }
}

/// Trust, dates, name and the handshake of the modem's own code.
fn judge(
    args: &Args,
    steps: &mut Steps,
    trusted: &Trust,
    sent: &Sent,
    terms: Terms<'_>,
) -> anyhow::Result<LastStep> {
    let Terms { now, whose, device } = terms;
    if device == Device::EspAt && !sent.tls12 {
        steps.add(Step::warning(
            "version",
            "server_version",
            "the server takes TLS 1.3 only; ESP-AT speaks TLS 1.2 unless it was built with 1.3",
            "enable TLS 1.2 on the server",
        ))?;
    }
    let ders: Vec<&[u8]> = sent.chain.iter().map(Vec::as_slice).collect();
    let reaches = steps.add(trust::path(trusted, &ders, terms))?;
    let dated = steps.add(chain::dates(&sent.chain, now, whose))?;
    let host = args.server.host();
    let (name, required) = match &args.name {
        Some(name) => (name.as_str(), true),
        None => (host, false),
    };
    let own = ders.first().copied().unwrap_or_default();
    let named = steps.add(trust::name(own, name, required))?;
    if !(reaches && dated && named) {
        steps.add(Step::skipped("handshake", "it would fail as said above"))?;
        return Ok(LastStep::Fails);
    }
    let name = args
        .name
        .as_deref()
        .and_then(|name| PeerName::new(name).ok());
    let result = trust::with_policy(trusted, name, args.server.sni(), now, |policy| {
        args.server.handshake(policy)
    });
    match result.and_then(|inner| inner) {
        // In TLS 1.3 a server refuses a client after the client's handshake is over.
        Ok(_) if sent.requires_certificate => {
            steps.add(Step::failed(
                "handshake",
                "client_certificate_required",
                "the server ends every session without a client certificate",
                "load client_cert and client_key, then AT+CIPSSLCCONF=3,<pki_number>,<ca_number>; \
                 with --port the module tries it",
            ))?;
            Ok(LastStep::Fails)
        }
        Ok(opened) => {
            steps.add(Step::passed("handshake", handshake_words(&opened)))?;
            Ok(LastStep::Connects)
        }
        Err(why) => {
            steps.add(Step::failed(
                "handshake",
                why.cause.code(),
                format!("{}: {why}", why.stage),
                "",
            ))?;
            Ok(LastStep::Fails)
        }
    }
}
