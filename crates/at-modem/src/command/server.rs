//! The server (spec: at-commands B.4, CIPSERVER, CIPSERVERMAXCONN, CIPSTO).

use at_grammar::commands::server::{
    IdleTimeout, MaxConnections, Server, ServerLine, ServerRequest,
};
use at_grammar::types::{Port, Protocol, StreamTransport, Transport};
use at_grammar::{Info, Mux, Reply};

use super::links::close_where;
use crate::answer::{CommandError, Done, Failure};
use crate::links::server::Listening;
use crate::platform::Platform;
use crate::state::Shared;

pub(super) async fn show<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, CommandError> {
    let line = match shared.server.listening.get() {
        Some(listening) => {
            let transport = Transport::new(Protocol::Tcp, listening.family);
            ServerLine::On {
                port: Port::new(listening.port).unwrap_or(Server::DEFAULT.port),
                transport: StreamTransport::new(transport).unwrap_or(StreamTransport::TCP),
                verify_client: false,
            }
        }
        None => ServerLine::Off,
    };
    shared.one_line(Info::Cipserver(line)).await
}

pub(super) async fn change<P: Platform>(
    shared: &Shared<'_, P>,
    request: &ServerRequest,
) -> Result<Done, CommandError> {
    match request {
        ServerRequest::Create(server) => create(shared, server).await,
        ServerRequest::Delete { close_all } => {
            // Hosts send it blindly while they initialise.
            shared.server.stop();
            shared.takes_long();
            if *close_all {
                close_where(shared, |link| link.is_accepted()).await;
            }
            shared.print().await.reply(&Reply::Ok).await;
            Ok(Done::Printed)
        }
    }
}

async fn create<P: Platform>(
    shared: &Shared<'_, P>,
    server: &Server,
) -> Result<Done, CommandError> {
    if server.transport.is_tls() {
        espat_log::warn!("the TLS engine is a client: no SSL server");
        return Err(NO_TLS_SERVER);
    }
    let family = server.transport.get().family;
    let refused = shared.settings.read(|values| {
        let ipv6 = family == at_grammar::types::Family::V6;
        values.links.mux == Mux::Single || (ipv6 && !values.links.ipv6)
    });
    if refused || shared.server.listening.get().is_some() || !shared.network_is_up() {
        return Err(Failure::Refused.into());
    }
    let listening = Listening {
        port: server.port.get(),
        family,
    };
    start(shared, listening).await
}

/// Starts listening, or says in the log why not.
pub(super) async fn start<P: Platform>(
    shared: &Shared<'_, P>,
    listening: Listening,
) -> Result<Done, CommandError> {
    match shared.server.start(listening).await {
        Ok(()) => Ok(Done::Ok),
        Err(cause) => {
            espat_log::warn!(
                "port {} cannot be listened on: {}",
                listening.port,
                cause.code()
            );
            Err(Failure::Refused.into())
        }
    }
}

/// The TLS engine is a client.
const NO_TLS_SERVER: CommandError = CommandError::Own(1);

pub(super) async fn most<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, CommandError> {
    let most = MaxConnections::clamped(u32::from(
        shared.settings.read(|values| values.links.max_connections),
    ));
    shared.one_line(Info::Cipservermaxconn(most)).await
}

/// Before the server is there.
pub(super) fn set_most<P: Platform>(
    shared: &Shared<'_, P>,
    most: MaxConnections,
) -> Result<Done, CommandError> {
    if shared.server.listening.get().is_some() {
        return Err(Failure::Refused.into());
    }
    shared.settings.change(|values| {
        values.links.max_connections = u8::try_from(most.get()).unwrap_or(u8::MAX);
    });
    Ok(Done::Ok)
}

pub(super) async fn idle_timeout<P: Platform>(
    shared: &Shared<'_, P>,
) -> Result<Done, CommandError> {
    let seconds = IdleTimeout::clamped(u32::from(
        shared.settings.read(|values| values.links.server_timeout),
    ));
    shared.one_line(Info::Cipsto(seconds)).await
}

pub(super) fn set_idle_timeout<P: Platform>(
    shared: &Shared<'_, P>,
    seconds: IdleTimeout,
) -> Result<Done, CommandError> {
    shared.settings.change(|values| {
        values.links.server_timeout = u16::try_from(seconds.get()).unwrap_or(u16::MAX);
    });
    Ok(Done::Ok)
}
