//! One link as a value: its states, what can happen to it, and the one function that changes it.
//!
//! ```text
//!          Open ─▶ Opening ── Connected ─▶ Ready ── Announced ─▶ Open ── Close, Ended ─▶ Closing
//! Closed ─┤           └ Refused ─▶ Refused    ▲                                             │
//!   ▲      Accepted ───────────────┼──────────┘                                             │
//!   └──────────── Seen ────────────┴─────────────────────── Released ───────────────────────┘
//! ```
//!
//! Commands send `Open`, `Announced`, `Send`, `SendSeen`, `Seen`, `Close`; the task that owns the socket
//! sends the others.

use core::net::SocketAddr;

use at_grammar::types::{Family, Protocol, Terminal, Transport, UdpMode};
use tls_session::reason::{PeerRole, StreamError};

use crate::settings::HostText;
use crate::why::{Stage, Why};

/// What a link runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Tcp,
    Tls,
    Udp {
        /// Any, if none was named.
        local_port: Option<u16>,
        mode: UdpMode,
    },
}

/// Where a connection leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) family: Family,
    pub(crate) host: HostText,
    pub(crate) port: u16,
}

/// A connection to be opened. It carries no TLS settings and no key: the handshake takes them from the
/// settings of its moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) carrier: Carrier,
    pub(crate) target: Target,
    /// Handshake only: what the server shows goes into the scratch memory, and the link stays closed.
    pub(crate) probe: bool,
}

/// An open connection, as `AT+CIPSTATUS` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) protocol: Protocol,
    pub(crate) terminal: Terminal,
    /// The peer; with UDP whom the next datagram goes to.
    pub(crate) remote: SocketAddr,
    /// 0 where the network stack does not report it.
    pub(crate) local_port: u16,
    /// UDP: what decides the peer.
    pub(crate) udp: Option<UdpMode>,
}

impl Connection {
    pub(crate) const fn transport(&self) -> Transport {
        let family = if self.remote.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        };
        Transport::new(self.protocol, family)
    }

    /// Lets the sender of a datagram become the peer where the mode wants it.
    fn follow(&mut self, from: SocketAddr) -> Result<(), OutOfTurn> {
        match self.udp {
            _ if self.remote == from => return Err(OutOfTurn),
            Some(UdpMode::ChangeOnce) => self.udp = Some(UdpMode::Fixed),
            Some(UdpMode::Follow) => {}
            Some(UdpMode::Fixed) | None => return Err(OutOfTurn),
        }
        self.remote = from;
        Ok(())
    }
}

/// Bytes of the payload buffer on their way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) len: usize,
    /// UDP: this one goes there.
    pub(crate) to: Option<SocketAddr>,
}

/// What a command waits for that sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outbound {
    Idle,
    Sending(Outgoing),
    /// The result, until the command has seen it.
    Done {
        sent: bool,
    },
}

/// Who wants a link closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseBy {
    /// A command, which prints `CLOSED` itself.
    Command,
    /// The network interface went away, or a command gave up waiting.
    Interface,
}

/// What ended a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one value per link, moved twice in its life"
)]
pub(crate) enum Ended {
    By(CloseBy),
    /// The peer, in good order.
    Peer,
    /// Something failed.
    Failed(Why),
}

impl Ended {
    /// For `AT+SSLWHY?`; nothing where a command closed the link, and nothing of TLS where there was none.
    fn reason(self, connection: &Connection) -> Option<Why> {
        let plain = connection.protocol != Protocol::Ssl;
        let why = match self {
            Self::By(CloseBy::Command) => return None,
            Self::By(CloseBy::Interface) | Self::Peer if plain => return None,
            Self::By(CloseBy::Interface) => Why::new(Stage::Data, StreamError::Closed),
            Self::Peer => Why::new(Stage::Data, StreamError::PeerCloseNotify),
            Self::Failed(reason) => reason,
        };
        Some(match connection.terminal {
            Terminal::Client => why,
            Terminal::Server => Why {
                peer: PeerRole::Client,
                ..why
            },
        })
    }
}

/// What a link is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkState {
    /// Free. Why the last attempt or connection ended.
    Closed { last: Option<Why> },
    /// A task resolves, connects, shakes hands.
    Opening {
        request: Request,
        cancelled: Option<CloseBy>,
    },
    /// No connection came to be, and the command that asked for it has not seen that yet.
    Refused { reason: Why },
    /// Connected; the host has not read `CONNECT` yet, so no data may be printed.
    Ready {
        connection: Connection,
        cancelled: Option<CloseBy>,
    },
    /// Data go both ways.
    Open {
        connection: Connection,
        outbound: Outbound,
    },
    /// The task lets go of the socket.
    Closing {
        connection: Connection,
        ended: Ended,
    },
}

/// What happens to a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// It is to be opened.
    Open(Request),
    /// It is connected, by us.
    Connected(Connection),
    /// No connection came to be; or none was tried: policy, no address, no session free.
    Refused(Why),
    /// The command has seen that it was refused.
    Seen,
    /// A probe of this link's settings found this.
    Probed(Option<Why>),
    /// The server accepted a client for it.
    Accepted(Connection),
    /// `CONNECT` is printed.
    Announced,
    /// Bytes of the payload buffer are to be sent.
    Send(Outgoing),
    /// They were sent, or not.
    SendDone { sent: bool },
    /// The command has seen the result.
    SendSeen,
    /// UDP: a datagram came from there.
    From(SocketAddr),
    /// The connection is over by itself, and the host has everything that arrived.
    Ended(Ended),
    /// It is to be closed.
    Close(CloseBy),
    /// The socket is gone.
    Released,
    /// The port is gone, and with it every task.
    Forget,
}

/// A message that no command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Print {
    Connected,
    Closed,
}

/// The event does not fit the state, which is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfTurn;

impl LinkState {
    pub(crate) const CLOSED: Self = Self::Closed { last: None };

    /// The connection, from before `CONNECT` is printed until the socket is gone.
    pub(crate) const fn connection(&self) -> Option<&Connection> {
        match self {
            Self::Ready { connection, .. }
            | Self::Open { connection, .. }
            | Self::Closing { connection, .. } => Some(connection),
            Self::Closed { .. } | Self::Opening { .. } | Self::Refused { .. } => None,
        }
    }

    /// Why the last attempt or connection ended.
    pub(crate) const fn last(&self) -> Option<&Why> {
        match self {
            Self::Closed { last } => last.as_ref(),
            Self::Refused { reason } => Some(reason),
            _ => None,
        }
    }

    /// The only function that changes a link.
    #[expect(clippy::too_many_lines, reason = "an arm per transition")]
    pub(crate) fn on(&mut self, event: Event) -> Result<Option<Print>, OutOfTurn> {
        let mut print = None;
        match (&mut *self, event) {
            (Self::Closed { .. }, Event::Open(request)) => {
                *self = Self::Opening {
                    request,
                    cancelled: None,
                };
            }
            (Self::Closed { .. }, Event::Accepted(connection)) => {
                *self = Self::Ready {
                    connection,
                    cancelled: None,
                };
                print = Some(Print::Connected);
            }
            (Self::Closed { last }, Event::Refused(reason)) => *last = Some(reason),
            (Self::Closed { last }, Event::Probed(reason)) => *last = reason,
            (Self::Opening { .. }, Event::Refused(reason)) => *self = Self::Refused { reason },
            (Self::Refused { reason }, Event::Seen) => {
                *self = Self::Closed {
                    last: Some(reason.clone()),
                };
            }
            (Self::Opening { cancelled, .. }, Event::Connected(connection)) => {
                *self = Self::Ready {
                    connection,
                    cancelled: *cancelled,
                };
            }
            (Self::Opening { cancelled, .. } | Self::Ready { cancelled, .. }, Event::Close(by)) => {
                cancelled.get_or_insert(by);
            }
            (
                Self::Ready {
                    connection,
                    cancelled,
                },
                Event::Announced,
            ) => {
                let connection = *connection;
                *self = match cancelled.map(Ended::By) {
                    Some(ended) => Self::Closing { connection, ended },
                    None => Self::Open {
                        connection,
                        outbound: Outbound::Idle,
                    },
                };
            }
            (Self::Open { connection, .. }, Event::Ended(ended)) => {
                *self = Self::Closing {
                    connection: *connection,
                    ended,
                };
            }
            (Self::Open { connection, .. }, Event::Close(by)) => {
                *self = Self::Closing {
                    connection: *connection,
                    ended: Ended::By(by),
                };
            }
            (
                Self::Open { outbound, .. },
                event @ (Event::Send(_) | Event::SendDone { .. } | Event::SendSeen),
            ) => {
                *outbound = outbound.on(&event)?;
            }
            (Self::Open { connection, .. }, Event::From(from)) => connection.follow(from)?,
            (Self::Closing { ended, connection }, Event::Released) => {
                let by_command = *ended == Ended::By(CloseBy::Command);
                print = (!by_command).then_some(Print::Closed);
                *self = Self::Closed {
                    last: ended.clone().reason(connection),
                };
            }
            (Self::Closing { .. }, Event::Close(_)) => {}
            // It stays as it is: writing the same again would move what the stack had into the room that `None` leaves.
            (Self::Closed { .. }, Event::Forget) => {}
            (Self::Refused { reason }, Event::Forget) => {
                *self = Self::Closed {
                    last: Some(reason.clone()),
                };
            }
            // Of a constant, for the same reason.
            (_, Event::Forget) => *self = Self::CLOSED,
            _ => return Err(OutOfTurn),
        }
        Ok(print)
    }
}

impl Outbound {
    const fn on(self, event: &Event) -> Result<Self, OutOfTurn> {
        match (self, event) {
            (Self::Idle, Event::Send(outgoing)) => Ok(Self::Sending(*outgoing)),
            (Self::Sending(_), Event::SendDone { sent }) => Ok(Self::Done { sent: *sent }),
            (Self::Done { .. }, Event::SendSeen) => Ok(Self::Idle),
            _ => Err(OutOfTurn),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn events() -> Vec<Event> {
        let remote = "192.0.2.1:80".parse().unwrap();
        let mut all = Vec::new();
        let carriers = [
            (Carrier::Tcp, Protocol::Tcp, None),
            (Carrier::Tls, Protocol::Ssl, None),
            (
                Carrier::Udp {
                    local_port: None,
                    mode: UdpMode::ChangeOnce,
                },
                Protocol::Udp,
                Some(UdpMode::ChangeOnce),
            ),
        ];
        for (carrier, protocol, udp) in carriers {
            all.push(Event::Open(Request {
                carrier,
                target: Target {
                    family: Family::V4,
                    host: "h".try_into().unwrap(),
                    port: 1,
                },
                probe: false,
            }));
            let connection = |terminal| Connection {
                protocol,
                terminal,
                remote,
                local_port: 1,
                udp,
            };
            all.push(Event::Connected(connection(Terminal::Client)));
            if protocol == Protocol::Tcp {
                all.push(Event::Accepted(connection(Terminal::Server)));
            }
        }
        for by in [CloseBy::Command, CloseBy::Interface] {
            all.push(Event::Close(by));
        }
        let reason = Why::new(Stage::Tcp, StreamError::Unreachable);
        for ended in [Ended::Peer, Ended::Failed(reason.clone())] {
            all.push(Event::Ended(ended));
        }
        for sent in [false, true] {
            all.push(Event::SendDone { sent });
        }
        all.extend([
            Event::Refused(reason.clone()),
            Event::Seen,
            Event::Probed(None),
            Event::Announced,
            Event::Send(Outgoing { len: 4, to: None }),
            Event::SendSeen,
            Event::From("192.0.2.9:9".parse().unwrap()),
            Event::Released,
            Event::Forget,
        ]);
        all
    }

    fn sending(state: &LinkState) -> bool {
        let LinkState::Open { outbound, .. } = state else {
            return false;
        };
        matches!(outbound, Outbound::Sending(_))
    }

    /// One event in one state.
    fn check(before: &LinkState, event: &Event, after: &LinkState, print: Option<Print>) {
        // Whoever sends gets an answer: only a result or the end of the link takes a send away.
        if sending(before) && !sending(after) {
            let answered = matches!(
                after,
                LinkState::Open {
                    outbound: Outbound::Done { .. },
                    ..
                }
            );
            assert!(
                answered || !matches!(after, LinkState::Open { .. }),
                "{event:?}"
            );
        }
        let released = matches!(
            (before, event, after),
            (
                LinkState::Closing { .. },
                Event::Released,
                LinkState::Closed { .. }
            )
        );
        match print {
            // From one transition only, and never where a command prints it.
            Some(Print::Closed) => assert!(
                released
                    && !matches!(
                        before,
                        LinkState::Closing {
                            ended: Ended::By(CloseBy::Command),
                            ..
                        }
                    )
            ),
            Some(Print::Connected) => assert!(matches!(event, Event::Accepted(_))),
            None => {}
        }
        // A command that opens is answered before anybody else gets the link.
        if matches!(before, LinkState::Opening { .. }) {
            let free = matches!(after, LinkState::Closed { .. });
            assert!(!free || *event == Event::Forget, "{event:?}");
        }
    }

    /// From anywhere a close leads to a free link, whatever the task reports on the way.
    fn close(mut state: LinkState) -> LinkState {
        let reason = Why::new(Stage::Tcp, StreamError::Closed);
        for event in [
            Event::Close(CloseBy::Command),
            Event::Refused(reason),
            Event::Seen,
            Event::Announced,
            Event::Released,
        ] {
            let _ = state.on(event);
        }
        state
    }

    #[test]
    fn every_event_in_every_reachable_state() {
        let events = events();
        let mut seen = std::vec![LinkState::CLOSED];
        let mut at = 0;
        while at < seen.len() {
            let before = seen[at].clone();
            for event in &events {
                let mut after = before.clone();
                match after.on(event.clone()) {
                    Err(OutOfTurn) => assert_eq!(after, before, "{event:?}"),
                    Ok(print) => check(&before, event, &after, print),
                }
                if !seen.contains(&after) {
                    seen.push(after);
                }
            }
            let end = close(before.clone());
            assert!(matches!(end, LinkState::Closed { .. }), "{before:?}");
            at += 1;
        }
        // Each kind of state is among them.
        assert!(seen.len() > 50, "{}", seen.len());
    }
}
