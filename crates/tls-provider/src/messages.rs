//! How much a peer may make the engine hold, decided by the header of each handshake message.
//!
//! rustls collects a message of up to 65,535 bytes before it looks at it. [`Messages`] sees the same
//! bytes first, and refuses a message as soon as its length is known.

use alloc::format;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use rustls::Error;

use crate::lists::{self, Lists};
use crate::record::{Tickets, storable};

/// Bytes of handshake messages in a row, headers included, where [`set_limits`] says nothing else. Messages that come
/// after a handshake do not count: the engine keeps none of them once it is complete.
pub const FLIGHT: u32 = 24 * 1024;

/// Bytes of a NewSessionTicket message, where [`set_limits`] says nothing else.
pub const TICKET: u32 = 8 * 1024;

static FLIGHT_LIMIT: AtomicU32 = AtomicU32::new(FLIGHT);
static TICKET_LIMIT: AtomicU32 = AtomicU32::new(TICKET);

/// Lowers, for the whole program, what a peer may make the engine hold: bytes of one flight, at most [`FLIGHT`], and of a
/// NewSessionTicket message, at most [`TICKET`].
///
/// An engine's decrypters are made without a word about the session, so this is not a session's to choose.
pub fn set_limits(flight: u32, ticket: u32) {
    FLIGHT_LIMIT.store(flight.min(FLIGHT), Ordering::Relaxed);
    TICKET_LIMIT.store(ticket.min(TICKET), Ordering::Relaxed);
}

/// NewSessionTicket messages without application data between them, in one period of
/// [`next_ticket_period`].
pub const TICKETS: u32 = 64;

/// The current period; it has no meaning but to differ from the one before.
static PERIOD: AtomicU32 = AtomicU32::new(0);

/// Begins a period for tickets: each session may receive [`TICKETS`] again.
///
/// A decrypter knows no time. Without these calls the limit counts for as long as a session receives no
/// application data, and a server that sends a ticket now and then ends an idle session after
/// 64 of them. A program that keeps such sessions calls this at a fixed interval, a minute or so.
pub fn next_ticket_period() {
    // Load and store: not every processor adds in one step. Two calls at once count as one.
    let next = PERIOD.load(Ordering::Relaxed).wrapping_add(1);
    PERIOD.store(next, Ordering::Relaxed);
}

/// Bytes of a message's type and length (RFC 9846 §4).
const HEADER: usize = 4;
const HEADER_BYTES: u32 = 4;

const NEW_SESSION_TICKET: u8 = 4;
const KEY_UPDATE: u8 = 24;

/// The longest body that a handshake message may have, in bytes without its header.
///
/// `message` is the number of its type (RFC 9846 §4).
#[must_use]
pub fn limit(message: u8) -> u32 {
    match message {
        // HelloRequest is empty; rustls does not look.
        0 => 0,
        // ClientHello: a third of a flight. Usual ones have 200 to 600 bytes, with a post-quantum share 1,800.
        1 => FLIGHT_LIMIT.load(Ordering::Relaxed) / 3,
        // ServerHello, and HelloRetryRequest with its cookie, which has the same number.
        2 => 4 * 1024,
        NEW_SESSION_TICKET => TICKET_LIMIT.load(Ordering::Relaxed),
        // EncryptedExtensions.
        8 => 2 * 1024,
        // Certificate, and CertificateStatus, which in TLS 1.2 holds the OCSP response for it.
        11 | 22 => 16 * 1024,
        // CertificateRequest. The names of 166 usual root certificates take 17,846 bytes.
        13 => 20 * 1024,
        // ServerKeyExchange, CertificateVerify, and all that are shorter.
        _ => 1536,
    }
}

/// What was refused before the engine saw it, because the engine would have held too much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// `needed` bytes were announced where `limit` are accepted.
    TooLong {
        /// What they belong to.
        what: What,
        /// Bytes announced: the body of a message, or a flight with the headers of its messages.
        needed: u32,
        /// Bytes accepted.
        limit: u32,
    },
    /// More than [`TICKETS`] NewSessionTicket messages without application data between them.
    Tickets,
}

/// What was too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// One handshake message, by the number of its type (RFC 9846 §4).
    Message(u8),
    /// Handshake messages in a row.
    Flight,
    /// The entries of a list in a handshake message, which are counted, by the number of its type.
    Entries(u8),
}

/// How a refusal begins inside [`Error::General`].
const MARK: &str = "tls-provider refused ";

impl Refused {
    /// The refusal that the engine passes on as `error`, if it is one.
    ///
    /// The error of a rustls decrypter can carry nothing but text.
    #[must_use]
    pub fn of(error: &Error) -> Option<Self> {
        let Error::General(text) = error else {
            return None;
        };
        let mut words = text.strip_prefix(MARK)?.split(' ');
        let refused = match words.next()? {
            "tickets" => Self::Tickets,
            "flight" => Self::too_long(What::Flight, &mut words)?,
            "entries" => {
                let what = What::Entries(words.next()?.parse().ok()?);
                Self::too_long(what, &mut words)?
            }
            "message" => {
                let what = What::Message(words.next()?.parse().ok()?);
                Self::too_long(what, &mut words)?
            }
            _ => return None,
        };
        words.next().is_none().then_some(refused)
    }

    fn too_long<'t>(what: What, numbers: &mut impl Iterator<Item = &'t str>) -> Option<Self> {
        Some(Self::TooLong {
            what,
            needed: numbers.next()?.parse().ok()?,
            limit: numbers.next()?.parse().ok()?,
        })
    }
}

/// As text that [`Refused::of`] reads.
impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::General(match refused {
            Refused::TooLong {
                what: What::Message(message),
                needed,
                limit,
            } => {
                format!("{MARK}message {message} {needed} {limit}")
            }
            Refused::TooLong {
                what: What::Flight,
                needed,
                limit,
            } => {
                format!("{MARK}flight {needed} {limit}")
            }
            Refused::TooLong {
                what: What::Entries(message),
                needed,
                limit,
            } => {
                format!("{MARK}entries {message} {needed} {limit}")
            }
            Refused::Tickets => format!("{MARK}tickets"),
        })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong {
                what: what @ What::Entries(_),
                needed,
                limit,
            } => {
                write!(f, "{what}: {needed}, limit {limit}")
            }
            Self::TooLong {
                what,
                needed,
                limit,
            } => {
                write!(f, "{what} of {needed} bytes, limit {limit}")
            }
            Self::Tickets => write!(f, "more than {TICKETS} tickets without data between them"),
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message) => write!(f, "handshake message {message}"),
            Self::Flight => f.write_str("handshake messages in a row"),
            Self::Entries(message) => write!(f, "entries of handshake message {message}"),
        }
    }
}

impl core::error::Error for Refused {}

/// Follows the handshake messages of one epoch, however they are cut into records.
///
/// An epoch is what one key protects, or all that comes before the first key.
#[derive(Debug, Clone, Default)]
pub struct Messages {
    /// The header that is under way, and how much of it has come.
    header: [u8; HEADER],
    have: usize,
    /// Bytes of the body under way that are still to come.
    left: usize,
    /// Bytes of handshake messages since the epoch or application data began.
    flight: u32,
    /// NewSessionTicket messages likewise, and since `period` began.
    tickets: u32,
    period: u32,
    /// Messages are those of TLS 1.3, encrypted.
    newer: bool,
    /// Tickets that can be kept stay.
    resumes: bool,
    /// Bytes of the last NewSessionTicket message, header included.
    ticket: u32,
    lists: Lists,
}

/// What is left of a record's content.
pub(crate) struct Left {
    /// Bytes.
    pub(crate) kept: usize,
    /// Where the first byte of a ticket that was taken out would be among them.
    pub(crate) dropped: Option<usize>,
    /// Tickets that stay.
    pub(crate) tickets: Option<Tickets>,
}

impl Messages {
    /// At the start of an epoch.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            header: [0; HEADER],
            have: 0,
            left: 0,
            flight: 0,
            tickets: 0,
            period: 0,
            newer: false,
            resumes: false,
            ticket: 0,
            lists: Lists::NONE,
        }
    }

    /// At the start of an epoch of encrypted messages of TLS 1.3: Certificate and CertificateRequest have another form
    /// there.
    #[must_use]
    pub const fn new_13() -> Self {
        Self {
            newer: true,
            ..Self::new()
        }
    }

    /// For a session that may be resumed: tickets of TLS 1.3 that can be kept stay, and that of TLS 1.2, of which the engine
    /// holds a copy then, counts as part of its flight.
    #[must_use]
    pub const fn with_tickets(mut self) -> Self {
        self.resumes = true;
        self
    }

    /// Bytes of the last NewSessionTicket message, header included; 0 where there was none.
    #[must_use]
    pub const fn ticket(&self) -> u32 {
        self.ticket
    }

    /// Application data came, of at least one byte: what counts in a row starts again.
    pub const fn data(&mut self) {
        self.flight = 0;
        self.tickets = 0;
    }

    /// Takes the content of the next handshake record.
    ///
    /// # Errors
    ///
    /// [`Refused`], as soon as the header of a message that is refused is complete, or of an entry that is too many. The
    /// session must end then: what follows in `content` was not looked at.
    pub fn feed(&mut self, mut content: &[u8]) -> Result<(), Refused> {
        while !content.is_empty() {
            let taken = self.advance(content)?;
            content = content.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// Whether the last message that began is whole.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.left == 0 && self.have == 0
    }

    /// Takes the content of the next handshake record, and moves to its front what is neither a NewSessionTicket nor one
    /// that stays.
    pub(crate) fn without_tickets(&mut self, content: &mut [u8]) -> Result<Left, Refused> {
        let mut left = Left {
            kept: 0,
            dropped: None,
            tickets: None,
        };
        let (mut at, mut stays) = (0_usize, false);
        while at < content.len() {
            let rest = content.get(at..).unwrap_or_default();
            if self.is_whole() {
                let ticket = if self.resumes { storable(rest) } else { None };
                stays = ticket.is_some();
                left.tickets = shortest(left.tickets, ticket);
            }
            let taken = self.advance(rest)?;
            let [message, ..] = self.header;
            if message == NEW_SESSION_TICKET && !stays {
                left.dropped = left.dropped.or(Some(left.kept));
            } else {
                content.copy_within(at..at + taken, left.kept);
                left.kept += taken;
            }
            at += taken;
        }
        Ok(left)
    }

    /// Takes one byte of a header, or as much of a body as `content` has, and returns how much that was.
    ///
    /// `content` is not empty.
    fn advance(&mut self, content: &[u8]) -> Result<usize, Refused> {
        if self.left > 0 {
            let body = self.left.min(content.len());
            self.left -= body;
            let names = lists::names(FLIGHT_LIMIT.load(Ordering::Relaxed));
            self.lists
                .feed(content.get(..body).unwrap_or_default(), names)?;
            return Ok(body);
        }
        if let (Some(place), Some(first)) = (self.header.get_mut(self.have), content.first()) {
            *place = *first;
        }
        self.have += 1;
        if self.have == HEADER {
            self.have = 0;
            self.begin()?;
        }
        Ok(1)
    }

    /// Judges the header that has just become complete.
    fn begin(&mut self) -> Result<(), Refused> {
        let [message, length @ ..] = self.header;
        let [high, middle, low] = length;
        let needed = u32::from_be_bytes([0, high, middle, low]);
        check(What::Message(message), needed, limit(message))?;
        match message {
            NEW_SESSION_TICKET => {
                self.count_ticket()?;
                self.ticket = needed.saturating_add(HEADER_BYTES);
                if self.resumes && !self.newer {
                    self.count_flight(needed)?;
                }
            }
            KEY_UPDATE => {}
            _ => self.count_flight(needed)?,
        }
        self.left = usize::try_from(needed).unwrap_or(usize::MAX);
        self.lists = Lists::of(message, needed, self.newer);
        Ok(())
    }

    fn count_flight(&mut self, needed: u32) -> Result<(), Refused> {
        let message = needed.saturating_add(HEADER_BYTES);
        let flight = self.flight.saturating_add(message);
        check(What::Flight, flight, FLIGHT_LIMIT.load(Ordering::Relaxed))?;
        self.flight = flight;
        Ok(())
    }

    fn count_ticket(&mut self) -> Result<(), Refused> {
        let period = PERIOD.load(Ordering::Relaxed);
        if period != self.period {
            self.period = period;
            self.tickets = 0;
        }
        if self.tickets >= TICKETS {
            return Err(Refused::Tickets);
        }
        self.tickets += 1;
        Ok(())
    }
}

/// What is true of both.
fn shortest(one: Option<Tickets>, other: Option<Tickets>) -> Option<Tickets> {
    match (one, other) {
        (Some(one), Some(other)) => Some(Tickets {
            lifetime: one.lifetime.min(other.lifetime),
            bytes: one.bytes.max(other.bytes),
        }),
        (one, other) => one.or(other),
    }
}

const fn check(what: What, needed: u32, limit: u32) -> Result<(), Refused> {
    if needed > limit {
        return Err(Refused::TooLong {
            what,
            needed,
            limit,
        });
    }
    Ok(())
}
