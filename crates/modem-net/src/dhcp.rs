//! A DHCP server for the stations of our own access point: one network, few stations, no relays.
//!
//! ```text
//! 0   op, htype, hlen, hops       8   secs, flags     16  yiaddr    24  giaddr    44   sname, file
//! 4   xid                         12  ciaddr          20  siaddr    28  chaddr    236  cookie, options
//!
//! DISCOVER ─▶ OFFER       REQUEST ─▶ ACK, or NAK      INFORM ─▶ ACK      RELEASE, DECLINE: no answer
//! ```
//!
//! (RFC 2131, 2 and 4.3; options: RFC 2132.) A lease belongs to a hardware address: a station that comes back
//! gets the address it had, unless its lease was needed for another. Every field is read with its bounds
//! checked; a message that is not understood is not answered.

use core::cell::RefCell;
use core::net::{Ipv4Addr, SocketAddrV4};

use embassy_net::udp::{PacketMetadata, UdpSocket};
use embassy_net::{IpEndpoint, Stack};
use embassy_time::Instant;
use heapless::Vec;

/// A hardware address.
pub type Mac = [u8; 6];

/// Length of an answer: padded to the 300 bytes that old clients require.
pub const ANSWER: usize = 300;
/// Receive buffer: the longest message that a client may send (RFC 2131, 2), or two of the usual 300
/// bytes.
const QUESTIONS: usize = 640;
const WAITING: usize = 2;

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;

/// Up to the options, with the cookie.
const FIXED: usize = 240;
const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// Seconds for which an offered address is reserved.
const OFFERED: u32 = 60;

/// Option numbers (RFC 2132).
mod option {
    pub(super) const PAD: u8 = 0;
    pub(super) const NETMASK: u8 = 1;
    pub(super) const ROUTER: u8 = 3;
    pub(super) const WANTED: u8 = 50;
    pub(super) const LEASE: u8 = 51;
    pub(super) const KIND: u8 = 53;
    pub(super) const SERVER: u8 = 54;
    pub(super) const END: u8 = 255;
}

/// What a message is (RFC 2132, 9.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MessageType {
    Discover,
    Offer,
    Request,
    Decline,
    Ack,
    Nak,
    Release,
    Inform,
}

impl MessageType {
    const ALL: [(u8, Self); 8] = [
        (1, Self::Discover),
        (2, Self::Offer),
        (3, Self::Request),
        (4, Self::Decline),
        (5, Self::Ack),
        (6, Self::Nak),
        (7, Self::Release),
        (8, Self::Inform),
    ];

    fn from_number(number: u8) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(each, _)| *each == number);
        found.map(|(_, kind)| kind)
    }

    fn number(self) -> u8 {
        let found = Self::ALL.into_iter().find(|(_, kind)| *kind == self);
        found.map_or(0, |(number, _)| number)
    }
}

/// What a client asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Question {
    kind: MessageType,
    /// Transaction.
    id: [u8; 4],
    flags: [u8; 2],
    /// The address it has, or none.
    own: Ipv4Addr,
    mac: Mac,
    wanted: Option<Ipv4Addr>,
    /// The server it has chosen.
    server: Option<Ipv4Addr>,
}

impl Question {
    /// `None` for what is no question of a client on Ethernet in this network.
    fn parse(message: &[u8]) -> Option<Self> {
        let (fixed, mut options) = message.split_first_chunk::<FIXED>()?;
        let ([1, 1, 6, _], rest) = fixed.split_first_chunk::<4>()? else {
            return None;
        };
        let (id, rest) = rest.split_first_chunk::<4>()?;
        let ([_, _, flags @ ..], rest) = rest.split_first_chunk::<4>()?;
        let (own, rest) = rest.split_first_chunk::<4>()?;
        // The address that would be the client's, and the next server.
        let (_, rest) = rest.split_first_chunk::<8>()?;
        let (relay, rest) = rest.split_first_chunk::<4>()?;
        let (mac, _) = rest.split_first_chunk::<6>()?;
        // A group address is not a station's.
        let is_group = mac.first().is_none_or(|first| first & 1 != 0);
        if *relay != [0; 4] || is_group || !fixed.ends_with(&COOKIE) {
            return None;
        }
        let (mut kind, mut wanted, mut server) = (None, None, None);
        while let Some((&number, rest)) = options.split_first() {
            if number == option::PAD {
                options = rest;
                continue;
            }
            if number == option::END {
                break;
            }
            let (length, rest) = rest.split_first()?;
            let (value, rest) = rest.split_at_checked(usize::from(*length))?;
            let address = || <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from);
            match number {
                option::KIND => kind = MessageType::from_number(*value.first()?),
                option::WANTED => wanted = Some(address()?),
                option::SERVER => server = Some(address()?),
                _ => {}
            }
            options = rest;
        }
        Some(Self {
            kind: kind?,
            id: *id,
            flags: *flags,
            own: (*own).into(),
            mac: *mac,
            wanted,
            server,
        })
    }
}

/// What is lent, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// The server's own address: never lent.
    pub server: Ipv4Addr,
    /// What stations send through what is not for this network.
    pub router: Ipv4Addr,
    /// Of the network.
    pub netmask: Ipv4Addr,
    /// First.
    pub first: Ipv4Addr,
    /// Last.
    pub last: Ipv4Addr,
    /// How long, in seconds.
    pub seconds: u32,
}

impl Pool {
    fn has(&self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address) && address != self.server
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lease {
    mac: Mac,
    address: Ipv4Addr,
    /// In seconds of the caller's clock. Over, it is kept until somebody else needs the place.
    ends: u32,
    /// It was acknowledged, and the station is there.
    bound: bool,
}

/// What is to be sent, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The message.
    pub message: [u8; ANSWER],
    /// The whole network, as long as the station has no address.
    pub to: SocketAddrV4,
    /// Who has got which address with it.
    pub bound: Option<(Mac, Ipv4Addr)>,
}

/// Lends the addresses of one pool to `STATIONS` stations.
#[derive(Debug)]
pub struct Server<const STATIONS: usize> {
    /// `None`: nobody gets anything.
    pool: Option<Pool>,
    leases: Vec<Lease, STATIONS>,
}

impl<const STATIONS: usize> Default for Server<STATIONS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const STATIONS: usize> Server<STATIONS> {
    /// Lends nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            pool: None,
            leases: Vec::new(),
        }
    }

    /// Lends these addresses from now on. Leases that are not of the pool are forgotten.
    pub fn lend(&mut self, pool: Option<Pool>) {
        self.leases
            .retain(|lease| pool.is_some_and(|pool| pool.has(lease.address)));
        self.pool = pool;
    }

    /// The address that a station got and still has.
    #[must_use]
    pub fn address_of(&self, mac: Mac) -> Option<Ipv4Addr> {
        let mut leases = self.leases.iter();
        let lease = leases.find(|lease| lease.mac == mac && lease.bound)?;
        Some(lease.address)
    }

    /// A station is gone. It gets the same address if it comes back before the place is needed.
    pub fn left(&mut self, mac: Mac) {
        if let Some(lease) = self.leases.iter_mut().find(|lease| lease.mac == mac) {
            lease.bound = false;
            lease.ends = 0;
        }
    }

    /// Takes a message; gives what is to be said to it. `now` in seconds of any clock that does not go back.
    pub fn receive(&mut self, message: &[u8], now: u32) -> Option<Answer> {
        let question = Question::parse(message)?;
        let pool = self.pool?;
        let elsewhere = question.server.is_some_and(|server| server != pool.server);
        match question.kind {
            MessageType::Discover => {
                let lease = self.find(&pool, &question, now)?;
                lease.ends = lease.ends.max(now.saturating_add(OFFERED));
                Some(question.answer(&pool, MessageType::Offer, Some(lease.address)))
            }
            MessageType::Request if elsewhere => {
                // What it was offered here is free again.
                self.left(question.mac);
                None
            }
            MessageType::Request => Some(self.request(&pool, &question, now)),
            MessageType::Inform if !question.own.is_unspecified() => {
                Some(question.answer(&pool, MessageType::Ack, None))
            }
            MessageType::Release if !elsewhere => {
                self.left(question.mac);
                None
            }
            MessageType::Decline if !elsewhere => {
                self.decline(&pool, &question, now);
                None
            }
            _ => None,
        }
    }

    /// After an offer, after a restart of the station, or while it has its address.
    fn request(&mut self, pool: &Pool, question: &Question, now: u32) -> Answer {
        let own = Some(question.own).filter(|own| !own.is_unspecified());
        let wanted = question.wanted.or(own);
        let lease = self
            .find(pool, question, now)
            .filter(|lease| wanted == Some(lease.address));
        let Some(lease) = lease else {
            return question.answer(pool, MessageType::Nak, None);
        };
        lease.bound = true;
        lease.ends = now.saturating_add(pool.seconds);
        let address = lease.address;
        let mut answer = question.answer(pool, MessageType::Ack, Some(address));
        answer.bound = Some((question.mac, address));
        answer
    }

    /// Somebody has that address already. Nobody gets it for as long as a lease lasts.
    fn decline(&mut self, pool: &Pool, question: &Question, now: u32) {
        let declined = self
            .leases
            .iter_mut()
            .find(|lease| lease.mac == question.mac && Some(lease.address) == question.wanted);
        if let Some(lease) = declined {
            *lease = Lease {
                mac: [0; 6],
                bound: false,
                ends: now.saturating_add(pool.seconds),
                ..*lease
            };
        }
    }

    /// The lease of a station, a new one if it has none. `None` if all are in use.
    fn find(&mut self, pool: &Pool, question: &Question, now: u32) -> Option<&mut Lease> {
        let mac = question.mac;
        let had = self.leases.iter().position(|lease| lease.mac == mac);
        let place = match had {
            Some(place) => place,
            None => {
                let address = self.free(pool, question, now)?;
                // A released address stays with its station until another one needs it.
                let old = self.leases.iter().position(|old| old.address == address);
                let place = match old {
                    Some(old) => Some(old),
                    None if self.leases.is_full() => self.over(now),
                    None => None,
                };
                if let Some(place) = place {
                    self.leases.swap_remove(place);
                }
                let lease = Lease {
                    mac,
                    address,
                    ends: now.saturating_add(OFFERED),
                    bound: false,
                };
                self.leases.push(lease).ok()?;
                self.leases.len().checked_sub(1)?
            }
        };
        self.leases.get_mut(place)
    }

    /// The lease that has been over for longest.
    fn over(&self, now: u32) -> Option<usize> {
        let leases = self.leases.iter().enumerate();
        let over = leases.filter(|(_, lease)| lease.ends <= now);
        let (place, _) = over.min_by_key(|(_, lease)| lease.ends)?;
        Some(place)
    }

    /// An address for a new station: the one it wants, or the first that nobody had, or one that is
    /// nobody's any more.
    fn free(&self, pool: &Pool, question: &Question, now: u32) -> Option<Ipv4Addr> {
        let lease_of = |address: Ipv4Addr| self.leases.iter().find(|one| one.address == address);
        let own = Some(question.own).filter(|own| !own.is_unspecified());
        let wanted = question.wanted.or(own);
        let wanted = wanted.filter(|wanted| pool.has(*wanted) && lease_of(*wanted).is_none());
        if wanted.is_some() {
            return wanted;
        }
        // One more address than leases and our own is enough to find a free one.
        let addresses = (pool.first.to_bits()..=pool.last.to_bits()).map(Ipv4Addr::from_bits);
        let mut addresses = addresses.take(STATIONS.saturating_add(2));
        let unused = addresses.find(|one| pool.has(*one) && lease_of(*one).is_none());
        unused.or_else(|| Some(self.leases.get(self.over(now)?)?.address))
    }
}

impl Question {
    fn answer(&self, pool: &Pool, kind: MessageType, lent: Option<Ipv4Addr>) -> Answer {
        let mut writer = Writer::new();
        writer.put(&[2, 1, 6, 0]);
        writer.put(&self.id);
        writer.put(&[0, 0]);
        writer.put(&self.flags);
        let own = if kind == MessageType::Ack {
            self.own
        } else {
            Ipv4Addr::UNSPECIFIED
        };
        writer.put(&own.octets());
        writer.put(&lent.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
        // Next server and relay: none.
        writer.put(&[0; 8]);
        writer.put(&self.mac);
        writer.skip_to(FIXED - COOKIE.len());
        writer.put(&COOKIE);
        writer.option(option::KIND, &[kind.number()]);
        writer.option(option::SERVER, &pool.server.octets());
        if kind != MessageType::Nak {
            writer.option(option::NETMASK, &pool.netmask.octets());
            writer.option(option::ROUTER, &pool.router.octets());
        }
        if lent.is_some() {
            writer.option(option::LEASE, &pool.seconds.to_be_bytes());
        }
        writer.put(&[option::END]);
        // Without an address it hears only what is for all, with one it can be asked for by ARP.
        let to = if own.is_unspecified() {
            Ipv4Addr::BROADCAST
        } else {
            own
        };
        Answer {
            message: writer.message,
            to: SocketAddrV4::new(to, CLIENT_PORT),
            bound: None,
        }
    }
}

/// Fills an answer, and never beyond its end.
struct Writer {
    message: [u8; ANSWER],
    at: usize,
}

impl Writer {
    const fn new() -> Self {
        Self {
            message: [0; ANSWER],
            at: 0,
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.at.saturating_add(bytes.len());
        if let Some(place) = self.message.get_mut(self.at..end) {
            place.copy_from_slice(bytes);
            self.at = end;
        }
    }

    fn skip_to(&mut self, at: usize) {
        self.at = at;
    }

    fn option(&mut self, number: u8, value: &[u8]) {
        self.put(&[number, u8::try_from(value.len()).unwrap_or_default()]);
        self.put(value);
    }
}

/// Buffers of the server's socket.
#[derive(Debug)]
pub struct Memory {
    questions: [u8; QUESTIONS],
    received: [PacketMetadata; WAITING],
    answer: [u8; ANSWER],
    sent: [PacketMetadata; 1],
}

impl Memory {
    /// Empty. Not all zero: in a static with a value at the start it is in flash as well.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            questions: [0; _],
            received: [PacketMetadata::EMPTY; _],
            answer: [0; _],
            sent: [PacketMetadata::EMPTY; _],
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// Serves DHCP on a stack, which must have room for one socket; calls `bound` for each address that is
/// leased or renewed. Returns only if the port is in use. Dropping it ends the service, not the leases.
pub async fn serve<const STATIONS: usize>(
    stack: Stack<'_>,
    memory: &mut Memory,
    server: &RefCell<Server<STATIONS>>,
    mut bound: impl FnMut(Mac, Ipv4Addr),
) {
    let mut socket = UdpSocket::new(
        stack,
        &mut memory.received,
        &mut memory.questions,
        &mut memory.sent,
        &mut memory.answer,
    );
    if socket.bind(SERVER_PORT).is_err() {
        return;
    }
    loop {
        let receive = |message: &[u8], _| {
            let now = u32::try_from(Instant::now().as_secs()).unwrap_or(u32::MAX);
            server.borrow_mut().receive(message, now)
        };
        let Some(answer) = socket.recv_from_with(receive).await else {
            continue;
        };
        let to = IpEndpoint::new((*answer.to.ip()).into(), answer.to.port());
        // The client repeats a request whose answer is lost.
        let _ = socket.send_to(&answer.message, to).await;
        if let Some((mac, address)) = answer.bound {
            bound(mac, address);
        }
    }
}

#[cfg(test)]
mod tests;
