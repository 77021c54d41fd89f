//! `--peer`: servers and clients that do what the far side of a recording did.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use super::plan::{Deed, Moment, Plan, Session};

/// What a modem sends that was not recorded does not fill this program's memory.
const RECEIVED_MAX: usize = 4 * 1024 * 1024;

/// Servers and clients, and their connections with the modem.
#[derive(Debug)]
pub(super) struct FarSide {
    plan: Plan,
    /// Of the modem, in the order in which it opens them.
    connections: Receiver<TcpStream>,
    /// Where ports of the modem's server are.
    own: BTreeMap<u16, SocketAddr>,
    open: BTreeMap<usize, Connection>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    received: Arc<(Mutex<Received>, Condvar)>,
}

#[derive(Debug, Default)]
struct Received {
    bytes: Vec<u8>,
    ended: bool,
}

impl Connection {
    fn new(stream: TcpStream) -> std::io::Result<Self> {
        stream.set_nodelay(true)?;
        let mut reader = stream.try_clone()?;
        let received: Arc<(Mutex<Received>, Condvar)> = Arc::default();
        let shared = Arc::clone(&received);
        // It ends with the connection, or with the program.
        thread::Builder::new()
            .name("far side".to_owned())
            .spawn(move || {
                let mut chunk = [0; 4096];
                loop {
                    let count = reader.read(&mut chunk).unwrap_or(0);
                    let mut all = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
                    let room = RECEIVED_MAX.saturating_sub(all.bytes.len());
                    all.bytes.extend(chunk.iter().take(count.min(room)));
                    all.ended = count == 0;
                    let ended = all.ended;
                    drop(all);
                    shared.1.notify_all();
                    if ended {
                        return;
                    }
                }
            })?;
        Ok(Self { stream, received })
    }

    /// What came: so many bytes, or what there is when it ended or the time is over.
    fn received(&self, count: usize, timeout: Duration) -> Vec<u8> {
        let (all, changed) = &*self.received;
        let all = all.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |all: &mut Received| all.bytes.len() < count && !all.ended;
        let waited = changed.wait_timeout_while(all, timeout, waits);
        let (all, _) = waited.unwrap_or_else(PoisonError::into_inner);
        all.bytes.clone()
    }
}

impl FarSide {
    /// Listens. Returns the options of the recording, with its servers at their new places.
    pub(super) fn start(plan: Plan, recorded: &[String]) -> anyhow::Result<(Self, Vec<String>)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port")?;
        let place = listener.local_addr().context("no port")?;
        let (sender, connections) = channel();
        thread::Builder::new()
            .name("far side".to_owned())
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    if sender.send(stream).is_err() {
                        return;
                    }
                }
            })?;
        let mut own = BTreeMap::new();
        for port in &plan.own {
            own.insert(*port, free_place()?);
        }
        let options = options(recorded, &plan, place, &own);
        let far_side = Self {
            plan,
            connections,
            own,
            open: BTreeMap::new(),
        };
        Ok((far_side, options))
    }

    /// What is done during a turn, by the number of messages that have come before.
    pub(super) fn during(&self, turn: usize) -> Vec<(usize, Vec<Deed>)> {
        let moments: std::ops::Range<Moment> = (turn, 0)..(turn.saturating_add(1), 0);
        let deeds = self.plan.deeds.range(moments);
        deeds.map(|((_, at), deeds)| (*at, deeds.clone())).collect()
    }

    /// Does it.
    ///
    /// # Errors
    ///
    /// A sentence: the modem does not take part.
    pub(super) fn act(&mut self, deed: &Deed, timeout: Duration) -> Result<(), String> {
        match deed {
            Deed::Accept(session) => {
                let stream = self.connections.recv_timeout(timeout);
                let stream = stream.map_err(|_| "the modem opened no connection".to_owned())?;
                self.opened(*session, stream)
            }
            Deed::Visit(session, port) => {
                let place = self.own.get(port).ok_or("the modem has no such server")?;
                let stream = TcpStream::connect(place)
                    .map_err(|error| format!("the modem's server takes no client: {error}"))?;
                self.opened(*session, stream)
            }
            Deed::Send(session, bytes) => {
                let Some(connection) = self.open.get_mut(session) else {
                    return Err("the far side has no connection to send on".to_owned());
                };
                let sent = connection.stream.write_all(bytes);
                sent.map_err(|error| format!("the modem takes no data: {error}"))
            }
            Deed::Close(session) => {
                if let Some(connection) = self.open.get(session) {
                    // The modem may have been faster.
                    let _ = connection.stream.shutdown(Shutdown::Write);
                }
                Ok(())
            }
        }
    }

    fn opened(&mut self, session: usize, stream: TcpStream) -> Result<(), String> {
        let connection = Connection::new(stream).map_err(|error| error.to_string())?;
        self.open.insert(session, connection);
        Ok(())
    }

    /// What the modem sent on each connection, beside what it sent in the recording.
    pub(super) fn finish(self, timeout: Duration) -> Vec<(usize, Vec<u8>, Vec<u8>)> {
        let sessions = self.plan.sessions.into_iter().enumerate();
        let compared = sessions.filter_map(|(number, Session { line, taken })| {
            let taken = taken?;
            let connection = self.open.get(&number)?;
            let received = connection.received(taken.len(), timeout);
            Some((line, taken, received))
        });
        compared.collect()
    }
}

/// A port of this PC that nobody uses now.
fn free_place() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port")?;
    listener.local_addr().context("no port")
}

/// The recorded options, in their order: names get the addresses that they had then.
fn options(
    recorded: &[String],
    plan: &Plan,
    server: SocketAddr,
    own: &BTreeMap<u16, SocketAddr>,
) -> Vec<String> {
    let mut servers = plan.servers.clone();
    let mut left = own.clone();
    let mut options = Vec::new();
    let mut words = recorded.iter();
    while let Some(word) = words.next() {
        options.push(word.clone());
        if word != "--map" {
            continue;
        }
        let Some(map) = words.next() else { break };
        options.push(moved(map, &mut servers, server, &mut left).unwrap_or_else(|| map.clone()));
    }
    // What needed no map then was a place of the network.
    for (host, port) in servers {
        let host = match host.parse() {
            Ok(std::net::IpAddr::V6(address)) => format!("[{address}]"),
            _ => host,
        };
        options.extend(["--map".to_owned(), format!("{host}:{port}={server}")]);
    }
    for (port, place) in left {
        options.extend(["--map".to_owned(), format!(":{port}={place}")]);
    }
    options
}

/// A recorded map that leads to what is played.
fn moved(
    map: &str,
    servers: &mut std::collections::BTreeSet<(String, u16)>,
    server: SocketAddr,
    own: &mut BTreeMap<u16, SocketAddr>,
) -> Option<String> {
    let (place, _) = map.split_once('=')?;
    let (host, port) = place.rsplit_once(':')?;
    let port = port.parse().ok()?;
    if host.is_empty() {
        return Some(format!("{place}={}", own.remove(&port)?));
    }
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_it = |(asked, at): &(String, u16)| {
        // A name that is mapped has an address of this block, which the host may have asked for.
        let made_up = asked.starts_with("198.18.") || asked.starts_with("198.19.");
        *at == port && (made_up || asked.eq_ignore_ascii_case(host))
    };
    let before = servers.len();
    servers.retain(|asked| !is_it(asked));
    (servers.len() < before).then(|| format!("{place}={server}"))
}
