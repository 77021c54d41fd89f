//! The server (spec: at-commands B.4, CIPSERVER, CIPSERVERMAXCONN, CIPSTO).

use at_grammar::commands::server::{
    IdleTimeout, MaxConnections, Server, ServerLine, ServerRequest,
};
use at_grammar::types::{Port, Protocol, StreamTransport, Transport};
use at_grammar::{Info, Mux, Reply};

use super::links::close_where;
use super::{error, network_is_up, one_line, syslog};
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::links::server::{Listening, ServerTerms};
use crate::platform::{Board, Platform, ReasonOf};
use crate::task::why::reason_line;
use crate::tls::terms::{master_secret, profile};
use crate::why::{ModemError, Stage, Why};
use tls_session::Acceptor;
use tls_session::reason::SetupError;

pub(super) async fn show<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let line = match cx.links.server.listening.get() {
        Some(listening) => {
            let protocol = match listening.tls {
                Some(_) => Protocol::Ssl,
                None => Protocol::Tcp,
            };
            let transport = Transport::new(protocol, listening.family);
            ServerLine::On {
                port: Port::new(listening.port).unwrap_or(Server::DEFAULT.port),
                transport: StreamTransport::new(transport).unwrap_or(StreamTransport::TCP),
                verify_client: listening.tls.is_some_and(|terms| terms.verify_client),
            }
        }
        None => ServerLine::Off,
    };
    one_line(cx, Info::Cipserver(line)).await
}

pub(super) async fn change<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &ServerRequest,
) -> Result<Done, CommandError> {
    match request {
        ServerRequest::Create(server) => create(cx, server).await,
        ServerRequest::Delete { close_all } => {
            // Hosts send it blindly while they initialise.
            cx.links.server.stop();
            cx.port.takes_long();
            if *close_all {
                close_where(cx, |link| link.is_accepted()).await;
            }
            cx.port.print(cx.settings).await.reply(&Reply::Ok).await;
            Ok(Done::Printed)
        }
    }
}

async fn create<P: Platform>(cx: &Cx<'_, '_, P>, server: &Server) -> Result<Done, CommandError> {
    let terms = server
        .transport
        .is_tls()
        .then(|| terms(cx, server.verify_client));
    if terms.is_some() && !Acceptor::IS_HERE {
        espat_log::warn!("the TLS engine is a client: no SSL server");
        not_started(cx, Why::new(Stage::Setup, SetupError::NoServer));
        return Err(NO_TLS_SERVER);
    }
    let family = server.transport.get().family;
    let (single, no_ipv6) = cx.settings.read(|values| {
        let ipv6 = family == at_grammar::types::Family::V6;
        (values.links.mux == Mux::Single, ipv6 && !values.links.ipv6)
    });
    let reason = match (single, network_is_up(cx)) {
        (true, _) => Some(ModemError::ServerMux),
        (false, false) => Some(ModemError::NoNetwork),
        (false, true) => None,
    };
    if let (Some(error), Some(_)) = (reason, terms) {
        not_started(cx, Why::new(Stage::Setup, error));
    }
    if reason.is_some() || no_ipv6 || cx.links.server.listening.get().is_some() {
        return Err(Failure::Refused.into());
    }
    let listening = Listening {
        port: server.port.get(),
        family,
        tls: terms,
    };
    start(cx, listening).await
}

/// What the settings make of a server with TLS.
fn terms<P: Platform>(cx: &Cx<'_, '_, P>, verify_client: bool) -> ServerTerms {
    let policy_mode = cx.settings.read(|values| values.tls.policy_mode);
    ServerTerms {
        verify_client,
        master_secret: master_secret(policy_mode),
        profile: profile(policy_mode),
    }
}

/// A server with TLS that is refused before it listens: the reason is kept for `AT+SSLWHY?`.
fn not_started<P: Platform>(cx: &Cx<'_, '_, P>, why: Why) {
    cx.board.note_reason(ReasonOf::Client(None), &why);
    cx.links.server.keep_refusal(why, None);
}

/// Starts listening, or says in the log why not.
pub(super) async fn start<P: Platform>(
    cx: &Cx<'_, '_, P>,
    listening: Listening,
) -> Result<Done, CommandError> {
    match cx.links.server.start(listening).await {
        Ok(()) => Ok(Done::Ok),
        Err(why) => {
            cx.board.note_reason(ReasonOf::Client(None), &why);
            let code = why.cause.code();
            espat_log::warn!("port {} cannot be listened on: {}", listening.port, code);
            let syslog = syslog(cx);
            let mut print = cx.port.print(cx.settings).await;
            if let Some(item) = why.missing_credential() {
                print.reply(&Reply::NotFound(item)).await;
            }
            if syslog && listening.tls.is_some() {
                reason_line(&mut print, None, &why, &why).await;
            }
            error(&mut print, syslog, Failure::Refused.into()).await;
            Ok(Done::Printed)
        }
    }
}

/// The TLS engine is a client.
const NO_TLS_SERVER: CommandError = CommandError::Own(1);

pub(super) async fn max_connections<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let limit = MaxConnections::clamped(u32::from(
        cx.settings.read(|values| values.links.max_connections),
    ));
    one_line(cx, Info::Cipservermaxconn(limit)).await
}

/// Before the server is there.
pub(super) fn set_max_connections<P: Platform>(
    cx: &Cx<'_, '_, P>,
    limit: MaxConnections,
) -> Result<Done, CommandError> {
    if cx.links.server.listening.get().is_some() {
        return Err(Failure::Refused.into());
    }
    cx.settings.change(|values| {
        values.links.max_connections = u8::try_from(limit.get()).unwrap_or(u8::MAX);
    });
    Ok(Done::Ok)
}

pub(super) async fn idle_timeout<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let seconds = IdleTimeout::clamped(u32::from(
        cx.settings.read(|values| values.links.server_timeout),
    ));
    one_line(cx, Info::Cipsto(seconds)).await
}

pub(super) fn set_idle_timeout<P: Platform>(
    cx: &Cx<'_, '_, P>,
    seconds: IdleTimeout,
) -> Result<Done, CommandError> {
    cx.settings.change(|values| {
        values.links.server_timeout = u16::try_from(seconds.get()).unwrap_or(u16::MAX);
    });
    Ok(Done::Ok)
}
