//! What the far side of a recording did, as far as the AT port shows it.
//!
//! ```text
//! → AT+CIPSTART="TCP",…   ← CONNECT          a server took the connection       Accept
//!                         ← 0,CONNECT        a client of the modem's server     Visit
//! ← +IPD,5:hello                             it sent these bytes                Send
//! ← +IPD,5   → AT+CIPRECVDATA=5   ← +CIPRECVDATA:5,hello                        Send, at the `+IPD`
//! ← CLOSED                                   it closed                          Close
//! ```
//!
//! Links of TLS and UDP, and what comes in passthrough, are not in it.

use std::collections::{BTreeMap, BTreeSet};

use at_grammar::commands::receive::ReceiveCommand;
use at_grammar::commands::server::{ServerCommand, ServerRequest};
use at_grammar::commands::tcpip::{OpenLink, Opening, TcpipCommand};
use at_grammar::reply::WifiEvent;
use at_grammar::types::Terminal;
use at_grammar::{
    Command, Dialect, Event, LinkId, Mux, Progress, Reply, ReplyParser, parse_line_as,
};

use super::script::{Action, Script, Turn};
use crate::transcript::{Payload, Variables, prompted};

/// A moment of a replay: a turn, and how many messages of it have come.
pub(super) type Moment = (usize, usize);

/// What the far side does at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// A server has the modem's connection.
    Accept(usize),
    /// A client connects to the modem's server at this port of the modem.
    Visit(usize, u16),
    /// Sends bytes.
    Send(usize, Vec<u8>),
    /// Closes its connection.
    Close(usize),
}

/// One connection, by its number in [`Plan::sessions`].
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Session {
    /// Line of the file at which it was opened.
    pub(super) line: usize,
    /// What the host sent over it; `None` if the modem did not say that all of it was sent.
    pub(super) taken: Option<Vec<u8>>,
}

/// All of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) deeds: BTreeMap<Moment, Vec<Deed>>,
    pub(super) sessions: Vec<Session>,
    /// Hosts and ports of servers.
    pub(super) servers: BTreeSet<(String, u16)>,
    /// Ports of the modem's own server.
    pub(super) own: BTreeSet<u16>,
    /// Lines whose far side is not played, and why.
    pub(super) left_out: Vec<(usize, &'static str)>,
}

/// What the command that was sent last asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Other,
    /// A connection over TCP.
    Open,
    /// One that cannot be played.
    OpenForeign,
    /// Something that can end links.
    Close,
    Fetch(LinkId),
    SendOn(LinkId),
}

/// Bytes that reached the modem at a moment, before they were fetched.
#[derive(Debug, Default)]
struct Waiting {
    fetched: Vec<u8>,
    /// So many bytes of the connection had come then.
    marks: Vec<(Moment, usize)>,
}

/// Links end with the network, and with the module.
const ENDS_LINKS: [&str; 5] = ["AT+RST", "AT+RESTORE", "AT+CWQAP", "AT+CWMODE", "AT+CWJAP"];

/// Reads a script.
#[derive(Debug)]
struct Reader {
    plan: Plan,
    mux: Mux,
    parser: ReplyParser,
    /// Sessions by link.
    links: [Option<usize>; LinkId::COUNT],
    asked: Asked,
    command: Vec<u8>,
    /// Data that the modem asked for.
    data: Option<(Option<usize>, Payload)>,
    server: Option<u16>,
    waiting: BTreeMap<usize, Waiting>,
    line: usize,
}

impl Plan {
    /// Of a script, with these values of its names.
    pub(super) fn of(script: &Script, variables: &Variables) -> Self {
        let mut reader = Reader {
            plan: Self::default(),
            mux: Mux::Single,
            parser: ReplyParser::new(),
            links: [None; LinkId::COUNT],
            asked: Asked::Other,
            command: Vec::new(),
            data: None,
            server: None,
            waiting: BTreeMap::new(),
            line: 0,
        };
        for (number, turn) in script.turns.iter().enumerate() {
            reader.turn(number, turn, variables);
        }
        reader.finish()
    }
}

impl Reader {
    fn turn(&mut self, number: usize, turn: &Turn, variables: &Variables) {
        self.line = turn.line;
        for (_, action) in &turn.actions {
            match action {
                Action::Send(text) => self.sent(&text.expand(variables).unwrap_or_default()),
                // It may take an access point away, or links.
                Action::Control(_) => self.asked = Asked::Close,
                Action::Silence(_) => {}
            }
        }
        for (at, text) in turn.expected.iter().enumerate() {
            let bytes = text.expand(variables).unwrap_or_default();
            self.said((number, at), &bytes);
        }
    }

    /// The host sends this.
    fn sent(&mut self, bytes: &[u8]) {
        if let Some((session, payload)) = self.data {
            if payload.left.is_none() && bytes == b"+++" {
                self.data = None;
                return;
            }
            if let Some(taken) = self.taken(session) {
                taken.extend(payload.content(bytes));
            }
            self.data = payload.after(bytes).map(|rest| (session, rest));
            return;
        }
        self.command = bytes.trim_ascii().to_vec();
        let line = self.command.clone();
        self.asked = match parse_line_as(&line, self.mux, Dialect::Legacy) {
            Ok(parsed) => self.command(&parsed.command),
            Err(_) => Asked::Other,
        };
    }

    fn command(&mut self, command: &Command<'_>) -> Asked {
        let link = |id: &Option<LinkId>| id.unwrap_or(LinkId::ZERO);
        match command {
            Command::Tcpip(TcpipCommand::CipmuxSet(mux)) => self.mux = *mux,
            Command::Tcpip(TcpipCommand::CipstartSet(open)) => return self.opens(open),
            Command::Tcpip(TcpipCommand::CipstartexSet(open)) => {
                return self.opens(&open.at(LinkId::ZERO));
            }
            Command::Tcpip(TcpipCommand::CipcloseSet(_) | TcpipCommand::Cipclose) => {
                return Asked::Close;
            }
            Command::Tcpip(TcpipCommand::CipsendSet(send) | TcpipCommand::CipsendexSet(send)) => {
                return Asked::SendOn(link(&send.link));
            }
            Command::Tcpip(TcpipCommand::Cipsend) => return Asked::SendOn(LinkId::ZERO),
            Command::Receive(ReceiveCommand::CipdinfoSet(info)) => self.parser.set_data_info(*info),
            Command::Receive(ReceiveCommand::CiprecvdataSet(fetch)) => {
                return Asked::Fetch(link(&fetch.link));
            }
            Command::Server(ServerCommand::CipserverSet(ServerRequest::Create(server))) => {
                self.server = Some(server.port.get()).filter(|_| !server.transport.is_tls());
                match self.server {
                    Some(port) => {
                        self.plan.own.insert(port);
                    }
                    None => self.leave_out("clients of a server of TLS"),
                }
            }
            Command::Server(ServerCommand::CipserverSet(ServerRequest::Delete { .. })) => {
                self.server = None;
                return Asked::Close;
            }
            _ => {}
        }
        if ENDS_LINKS.contains(&command.name()) {
            Asked::Close
        } else {
            Asked::Other
        }
    }

    fn opens(&mut self, open: &OpenLink<'_>) -> Asked {
        match open.opening {
            Opening::Tcp { .. } => {
                let host = open.host.to_text().to_string();
                self.plan.servers.insert((host, open.port.get()));
                Asked::Open
            }
            Opening::Ssl { .. } => {
                self.leave_out("a server of TLS");
                Asked::OpenForeign
            }
            Opening::Udp { .. } => {
                self.leave_out("datagrams");
                Asked::OpenForeign
            }
        }
    }

    fn leave_out(&mut self, what: &'static str) {
        self.plan.left_out.push((self.line, what));
    }

    /// The modem says this.
    fn said(&mut self, moment: Moment, bytes: &[u8]) {
        let mut rest = bytes;
        let mut session = None;
        while !rest.is_empty() {
            let (event, consumed) = match self.parser.next(rest) {
                Progress::Event { event, consumed } => (event, consumed),
                Progress::NeedMore { .. } => return,
            };
            match event {
                Event::Data(data) => self.data(moment, session, data),
                Event::Reply(reply) => session = self.reply(moment, &reply),
                _ => {}
            }
            rest = rest.get(consumed..).unwrap_or_default();
        }
    }

    /// Returns whose data follow.
    fn reply(&mut self, moment: Moment, reply: &Reply<'_>) -> Option<usize> {
        let number = |link: &Option<LinkId>| link.unwrap_or(LinkId::ZERO);
        match reply {
            Reply::Connect(link) => self.connected(moment, number(link), None),
            Reply::LinkConn(conn) if conn.established => {
                let server = conn.terminal == Terminal::Server;
                self.connected(moment, conn.link, Some(server));
            }
            Reply::Closed(link) => self.closed(moment, number(link)),
            Reply::Ipd(ipd) => return self.session(number(&ipd.link)),
            Reply::IpdWaiting { link, len } => {
                let session = self.session(number(link))?;
                let waiting = self.waiting.entry(session).or_default();
                let come = usize::try_from(*len).ok()?;
                let come = waiting.fetched.len().saturating_add(come);
                waiting.marks.push((moment, come));
            }
            Reply::RecvData(_) => {
                let Asked::Fetch(link) = self.asked else {
                    return None;
                };
                return self.session(link);
            }
            Reply::OkPrompt | Reply::Prompt => {
                let session = match self.asked {
                    Asked::SendOn(link) => self.session(link),
                    _ => None,
                };
                let payload = prompted(&self.command).unwrap_or(Payload::ENDLESS);
                self.data = Some((session, payload));
            }
            Reply::SendFail | Reply::SendCanceled | Reply::SendlCancelled => {
                if let Asked::SendOn(link) = self.asked {
                    self.unsure(link);
                }
                self.data = None;
            }
            // In passthrough too: what is sent then is nobody's.
            Reply::Error => self.data = None,
            Reply::Wifi(WifiEvent::Disconnect) => self.asked = Asked::Close,
            Reply::Ready => self.links = [None; LinkId::COUNT],
            _ => {}
        }
        None
    }

    fn connected(&mut self, moment: Moment, link: LinkId, by_client: Option<bool>) {
        let own = by_client != Some(true) && matches!(self.asked, Asked::Open | Asked::OpenForeign);
        let foreign = own && self.asked == Asked::OpenForeign;
        let server = self.server.filter(|_| !own);
        if own {
            self.asked = Asked::Other;
        }
        if foreign || (!own && server.is_none()) {
            self.set_session(link, None);
            return;
        }
        let session = self.plan.sessions.len();
        self.plan.sessions.push(Session {
            line: self.line,
            taken: Some(Vec::new()),
        });
        self.set_session(link, Some(session));
        let (turn, at) = moment;
        match server {
            Some(port) => self.deed(moment, Deed::Visit(session, port)),
            None => self.deed((turn, at.saturating_add(1)), Deed::Accept(session)),
        }
    }

    fn closed(&mut self, moment: Moment, link: LinkId) {
        let session = self.session(link);
        self.set_session(link, None);
        if let Some(session) = session
            && self.asked != Asked::Close
        {
            self.deed(moment, Deed::Close(session));
        }
    }

    fn data(&mut self, moment: Moment, session: Option<usize>, data: &[u8]) {
        let Some(session) = session else { return };
        if !matches!(self.asked, Asked::Fetch(_)) || !self.waiting.contains_key(&session) {
            self.deed(moment, Deed::Send(session, data.to_vec()));
            return;
        }
        let waiting = self.waiting.entry(session).or_default();
        waiting.fetched.extend_from_slice(data);
        // More than was announced came behind the announcement.
        let come = waiting.fetched.len();
        if let Some(((turn, at), announced)) = waiting.marks.last().copied()
            && announced < come
        {
            waiting.marks.push(((turn, at.saturating_add(1)), come));
        }
    }

    fn session(&self, link: LinkId) -> Option<usize> {
        self.links.get(usize::from(link.get())).copied().flatten()
    }

    fn set_session(&mut self, link: LinkId, session: Option<usize>) {
        if let Some(place) = self.links.get_mut(usize::from(link.get())) {
            *place = session;
        }
    }

    fn taken(&mut self, session: Option<usize>) -> Option<&mut Vec<u8>> {
        self.plan.sessions.get_mut(session?)?.taken.as_mut()
    }

    fn unsure(&mut self, link: LinkId) {
        if let Some(session) = self.session(link)
            && let Some(session) = self.plan.sessions.get_mut(session)
        {
            session.taken = None;
        }
    }

    fn deed(&mut self, moment: Moment, deed: Deed) {
        self.plan.deeds.entry(moment).or_default().push(deed);
    }

    /// What was fetched is sent when it was announced.
    fn finish(mut self) -> Plan {
        for (session, waiting) in std::mem::take(&mut self.waiting) {
            let mut sent = 0_usize;
            for (moment, come) in waiting.marks {
                let Some(new) = come.checked_sub(sent).filter(|new| *new > 0) else {
                    continue;
                };
                let known = waiting.fetched.get(sent..).unwrap_or_default();
                let mut bytes: Vec<u8> = known.iter().copied().take(new).collect();
                // Nobody fetched them, so nobody knows them.
                bytes.resize(new, b'?');
                sent = come;
                self.deed(moment, Deed::Send(session, bytes));
            }
        }
        self.plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::parse;

    fn plan(text: &str) -> Plan {
        let lines = parse(text).expect("a transcript");
        let script = Script::new(&lines, &Variables::new()).expect("a script");
        Plan::of(&script, &Variables::new())
    }

    fn send(session: usize, bytes: &[u8]) -> Vec<Deed> {
        vec![Deed::Send(session, bytes.to_vec())]
    }

    #[test]
    fn data_is_sent_before_it_is_announced_and_no_more_of_it_than_was() {
        let plan = plan(
            "→ AT+CIPRECVMODE=1\n← OK\n→ AT+CIPSTART=\"TCP\",\"a.b\",80\n← CONNECT\n← OK\n← +IPD,4\n\
             → AT+CIPRECVDATA=2\n← +CIPRECVDATA:2,ab\n← OK\n← +IPD,2\n\
             → AT+CIPRECVDATA=9\n← +CIPRECVDATA:5,cdefg\n← OK\n← +IPD,3\n← CLOSED\n",
        );
        let deeds: Vec<_> = plan.deeds.into_iter().collect();
        assert_eq!(
            deeds,
            [
                ((1, 1), vec![Deed::Accept(0)]),
                ((1, 2), send(0, b"abcd")),
                // Nothing says when it came; it was there when it was fetched.
                ((2, 3), send(0, b"efg")),
                // Nobody fetched it.
                ((3, 2), send(0, b"???")),
                ((3, 3), vec![Deed::Close(0)]),
            ]
        );
        assert_eq!(plan.servers, BTreeSet::from([("a.b".to_owned(), 80)]));
    }

    #[test]
    fn what_the_host_sent_is_what_the_far_side_got() {
        let plan = plan(
            "→ AT+CIPMUX=1\n← OK\n→ AT+CIPSTART=3,\"TCP\",\"h\",80\n← 3,CONNECT\n← OK\n\
             → AT+CIPSEND=3,5\n← OK\n← >\n→| he\n→| llo\n← Recv 5 bytes\n← SEND OK\n\
             → AT+CIPSENDEX=3,90\n← OK\n← >\n→| \\\\0\\x\\0\n← Recv 3 bytes\n← SEND OK\n\
             → AT+CIPCLOSE=3\n← 3,CLOSED\n← OK\n\
             → AT+CIPMUX=0\n← OK\n→ AT+CIPSTART=\"TCP\",\"h\",80\n← CONNECT\n← OK\n\
             → AT+CIPMODE=1\n← OK\n→ AT+CIPSEND\n← OK\n← >\n→| raw\n→| +++\n→ AT+CIPMODE=0\n← OK\n",
        );
        let raw = plan.sessions.get(1).and_then(|it| it.taken.clone());
        assert_eq!(raw.as_deref(), Some(&b"raw"[..]));
        let taken = plan.sessions.first().and_then(|it| it.taken.clone());
        assert_eq!(taken.as_deref(), Some(&b"hello\\0x"[..]));
        // The modem closed it.
        let deeds: Vec<_> = plan.deeds.into_values().flatten().collect();
        assert_eq!(deeds, [Deed::Accept(0), Deed::Accept(1)]);
    }

    #[test]
    fn clients_come_when_they_came_and_links_of_tls_are_left_out() {
        let plan = plan(
            "→ AT+CIPMUX=1\n← OK\n→ AT+CIPSERVER=1,333\n← OK\n← 0,CONNECT\n← +IPD,0,3:GET\n← 0,CLOSED\n\
             → AT+CIPSTART=1,\"SSL\",\"h\",443\n← 1,CONNECT\n← OK\n← +IPD,1,1:x\n← 1,CLOSED\n\
             → AT+CIPSTART=1,\"UDP\",\"h\",53\n← 1,CONNECT\n← OK\n← +IPD,1,1:x\n",
        );
        let deeds: Vec<_> = plan.deeds.into_iter().collect();
        assert_eq!(
            deeds,
            [
                ((1, 1), vec![Deed::Visit(0, 333)]),
                ((1, 2), send(0, b"GET")),
                ((1, 3), vec![Deed::Close(0)]),
            ]
        );
        assert_eq!(plan.own, BTreeSet::from([333]));
        assert_eq!(plan.left_out, [(8, "a server of TLS"), (13, "datagrams")]);
    }
}
