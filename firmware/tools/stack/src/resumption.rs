//! What a session by rustls costs on a 32-bit RISC-V: a full handshake and a resumed one, and one with a client of a
//! server.
//!
//! Recorded sessions are played again. The serial port says, one fact per line,
//!
//! ```text
//! session <case> <number> instructions <count> longest <count> stack <bytes> heap <bytes> sent <bytes> received <bytes>
//! tickets <case> <bytes>
//! fixed <case> handshake <bytes> of <bytes> idle <bytes> of <bytes>
//! done
//! ```
//!
//! where number 0 is the full handshake and the others are resumed, `longest` is the longest step between two flights of the
//! peer, `tickets` is the heap that is left when all sessions are closed, and `fixed` is the heap of a full handshake and of
//! the open session beside certificates, ours and the peer's, and what `tls_session::budget` has for it. The limits are those
//! of `cargo xtask stack`,
//! which makes the recordings and reads the lines.
#![no_std]
#![no_main]

mod board;
mod exchange;
#[expect(
    dead_code,
    reason = "recordings of single handshakes are the other program's"
)]
mod replay;

use core::cell::Cell;
use core::mem::MaybeUninit;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use embedded_io_async::Read;
use session_heap::{Nobody, SessionHeap};
use static_cell::ConstStaticCell;
use tls_session::budget::{BLOCK, FIXED, copied};
use tls_session::identity::{ClientKey, IdentityMemory};
use tls_session::{
    Acceptor, Anchors, ClientAuth, Clock, Connection, Deadlines, Identity, Memory, NameRule, Own,
    Policy, Resumption, ServerPolicy, Session, Tickets, Timestamp, Transport, Versions,
};

// Critical sections of a core that is alone.
use riscv as _;

use crate::board::{Usage, exit, measure, println};
use crate::exchange::{Count, Counted, Flights, Recording, blob};
use crate::replay::{Expected, NOW, NoTime, SameRng};

#[global_allocator]
static HEAP: SessionHeap<Nobody> = SessionHeap::alone();
static SESSIONS: ConstStaticCell<[MaybeUninit<u8>; 256 * 1024]> =
    ConstStaticCell::new([MaybeUninit::uninit(); 256 * 1024]);
static RESERVE: ConstStaticCell<[MaybeUninit<u8>; 1024]> =
    ConstStaticCell::new([MaybeUninit::uninit(); 1024]);

/// Recordings by name, from the folder that the build names.
macro_rules! recordings {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!(env!("STACK_RECORDINGS"), "/", $name, ".ses")))),*]
    };
}

/// In the order in which they were recorded: all share one pool of randomness.
static RECORDINGS: &[(&str, &[u8])] = recordings![
    "client-1.2-p256",
    "client-1.2-x25519",
    "client-1.3-p256",
    "client-1.3-x25519",
    "client-1.3-both",
    "server-1.2-p256",
    "server-1.2-x25519",
    "server-1.3-p256",
    "server-1.3-x25519",
    "server-1.2-p256-mutual",
    "server-1.2-x25519-mutual",
    "server-1.3-p256-mutual",
    "server-1.3-x25519-mutual",
];

fn main() -> ! {
    HEAP.start(SESSIONS.take(), RESERVE.take());
    for (name, bytes) in RECORDINGS {
        let Some(recording) = Recording::parse(bytes) else {
            panic!("{name}: the recording is damaged");
        };
        match recording.identity() {
            None => connects(name, &recording),
            Some(_) => serves(name, &recording),
        }
    }
    println(format_args!("done"));
    exit(true)
}

/// No time passes between the sessions.
fn uptime() -> u64 {
    1000
}

/// What a case costs.
struct Cost {
    instructions: u64,
    longest: u64,
    stack: usize,
}

/// Polls a future to its end, on the measured stack.
fn drive<F: Future>(mut future: Pin<&mut F>) -> (F::Output, Cost) {
    let mut cost = Cost {
        instructions: 0,
        longest: 0,
        stack: 0,
    };
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let (poll, usage) = measure(|| future.as_mut().poll(&mut context));
        let Usage {
            stack,
            instructions,
        } = usage;
        cost.instructions = cost.instructions.saturating_add(instructions);
        cost.longest = cost.longest.max(instructions);
        cost.stack = cost.stack.max(stack);
        if let Poll::Ready(value) = poll {
            return (value, cost);
        }
    }
}

fn anchors<'a>(list: &'a [&'a [u8]]) -> Anchors<'a> {
    match Anchors::new(list) {
        Ok(anchors) => anchors,
        Err(cause) => panic!("{cause}"),
    }
}

/// Sessions with a server: the first is a full one, the next is resumed.
fn connects(name: &str, recording: &Recording<'_>) {
    let list = [recording.anchor];
    let clock = Clock::At(Timestamp::from_unix(NOW));
    let policy = Policy {
        versions: if name.contains("1.2") {
            Versions::TLS12
        } else {
            Versions::TLS13
        },
        ..Policy::chain(anchors(&list), NameRule::DangerAnyName, clock)
    };
    let tickets = Tickets::new(uptime);
    let before = HEAP.free();
    // The same in both versions; in TLS 1.3 it is encrypted.
    let Some(shown) = shown_chain() else {
        panic!("no recording shows the chain of the server");
    };
    // In TLS 1.2 rustls copies it once more, for a session store.
    let copies = if name.contains("1.2") { 2 } else { 1 };
    let bytes = copied(shown).saturating_mul(copies);
    let own = Own::of(&policy).anchors;
    let mut full = (0, 0);
    for (number, session) in recording.sessions().enumerate() {
        let Some((sent, flights)) = session else {
            panic!("{name}: the recording is damaged");
        };
        let counts = Counts::default();
        let connection = counts
            .connection(sent, flights)
            .with_resumption(Resumption::new(tickets.clone(), "broker.local", 8883, b""));
        let mut memory: Memory = Memory::new();
        let least = HEAP.free();
        HEAP.forget_least();
        let open = pin!(Session::open(
            &connection,
            &mut memory,
            &policy,
            Deadlines::default(),
            SameRng::new(),
        ));
        let (opened, cost) = drive(open);
        let session = match opened {
            Ok(session) => session,
            Err(reason) => panic!("{name}: {reason}"),
        };
        assert_eq!(session.peer().resumed().is_some(), number > 0, "{name}");
        let heap = least - HEAP.least_free();
        tell(name, number, &cost, heap, &counts);
        if number == 0 {
            let handshake = heap.saturating_sub(bytes.saturating_add(own));
            full = (
                handshake,
                (least - HEAP.free()).saturating_sub(copied(shown)),
            );
        }
        ends(name, session);
    }
    let left = before - HEAP.free();
    println(format_args!("tickets {name} {left}"));
    // What is kept for the next session is no session's. In TLS 1.3 the ticket comes later, so that is up to 1 KB too much.
    let (handshake, open) = full;
    let idle = open.saturating_sub(left);
    tell_fixed(name, [handshake, FIXED.handshake], [idle, FIXED.idle]);
}

/// A session with a client.
fn serves(name: &str, recording: &Recording<'_>) {
    let Some((key, [leaf, intermediate])) = recording.identity() else {
        panic!("{name}: the recording is damaged");
    };
    let mut room: IdentityMemory = IdentityMemory::new();
    let identity = match Identity::new(&[leaf, intermediate], ClientKey::P256(key), &mut room) {
        Ok(identity) => identity,
        Err(cause) => panic!("{name}: {cause}"),
    };
    // Four and a half times, as `server_budget` has it.
    let chain = leaf.len().saturating_add(intermediate.len());
    let chain = chain.saturating_add(2 * BLOCK);
    let ours = chain.saturating_mul(9) / 2;
    let list = [recording.anchor];
    let clients = match recording.anchor {
        [] => ClientAuth::NotAsked,
        _ => ClientAuth::Required(anchors(&list)),
    };
    let acceptor = match Acceptor::new(&ServerPolicy::new(&identity, clients)) {
        Ok(acceptor) => acceptor,
        Err(cause) => panic!("{name}: {cause}"),
    };
    for (number, session) in recording.sessions().enumerate() {
        let Some((sent, flights)) = session else {
            panic!("{name}: the recording is damaged");
        };
        let counts = Counts::default();
        let connection = counts.connection(sent, flights);
        let mut memory: Memory = Memory::new();
        let least = HEAP.free();
        HEAP.forget_least();
        let accept = pin!(Session::accept(
            &connection,
            &mut memory,
            &acceptor,
            Clock::At(Timestamp::from_unix(NOW)),
            Deadlines::default(),
            SameRng::new(),
        ));
        let (opened, cost) = drive(accept);
        let session = match opened {
            Ok(session) => session,
            Err(reason) => panic!("{name}: {reason}"),
        };
        let heap = least - HEAP.least_free();
        tell(name, number, &cost, heap, &counts);
        // A client's certificate is counted as its whole chain, and not known here.
        if recording.anchor.is_empty() {
            let open = least - HEAP.free();
            let handshake = heap.saturating_sub(ours);
            tell_fixed(name, [handshake, FIXED.server], [open, FIXED.server_idle]);
        }
        ends(name, session);
    }
}

/// Bytes of the list of certificates that the server of the first recording sends, which is in TLS 1.2 (RFC 5246 §7.4.2). A
/// record was read in two: its header, then its messages.
fn shown_chain() -> Option<usize> {
    let (_, bytes) = RECORDINGS.first()?;
    let (_, flights) = Recording::parse(bytes)?.sessions().next()??;
    let (_, flights) = blob(flights)?;
    let (mut messages, _) = blob(flights)?;
    while let Some(([kind, len @ ..], body)) = messages.split_first_chunk::<4>() {
        let [high, middle, low] = *len;
        let len = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
        if *kind == 11 {
            return Some(len);
        }
        messages = body.get(len..)?;
    }
    None
}

fn tell_fixed(name: &str, [handshake, most]: [usize; 2], [idle, most_idle]: [usize; 2]) {
    println(format_args!(
        "fixed {name} handshake {handshake} of {most} idle {idle} of {most_idle}"
    ));
}

/// Bytes of a session, both ways.
#[derive(Default)]
struct Counts {
    sent: Count,
    received: Count,
}

impl Counts {
    fn connection<'a>(
        &'a self,
        sent: &'a [u8],
        flights: &'a [u8],
    ) -> Connection<(Flights<'a>, Counted<'a>, NoTime)> {
        let expected = Counted {
            inner: Expected(sent),
            count: &self.sent,
        };
        Connection::new(Flights::new(flights, &self.received), expected, NoTime)
    }
}

fn tell(name: &str, number: usize, cost: &Cost, heap: usize, counts: &Counts) {
    let Cost {
        instructions,
        longest,
        stack,
    } = cost;
    let [sent, received] = [&counts.sent, &counts.received].map(Cell::get);
    println(format_args!(
        "session {name} {number} instructions {instructions} longest {longest} stack {stack} \
         heap {heap} sent {sent} received {received}"
    ));
}

/// A byte of data, behind which the peer's tickets came; and the end.
fn ends<T: Transport>(name: &str, mut session: Session<'_, T>) {
    let read = {
        let (mut rx, _) = session.split();
        let mut byte = [0];
        let (count, _) = drive(pin!(rx.read(&mut byte)));
        count
    };
    assert!(matches!(read, Ok(1)), "{name}: {read:?}");
    let (closed, _) = drive(pin!(session.close()));
    if let Err(reason) = closed {
        panic!("{name}: {reason}");
    }
}
