//! How much stack, state and work a TLS session takes on a 32-bit RISC-V without an operating
//! system.
//!
//! Recorded handshakes are played again: their chains through `verify_server` alone, then all of
//! them through `Session::open`. The serial port says, one fact per line,
//!
//! ```text
//! size <of what> <bytes>
//! verify <case> stack <bytes> instructions <count>
//! handshake <case> stack <bytes> instructions <count>
//! done
//! ```
//!
//! and the limits are those of `cargo xtask stack`, which makes the recordings and reads the lines.
#![no_std]
#![no_main]

mod board;
mod replay;

use core::pin::pin;
use core::task::{Context, Poll, Waker};

use embedded_io_async::{Read, Write};
use tls_session::identity::IdentityMemory;
use tls_session::{
    Anchors, Clock, Connection, Deadlines, Identity, Memory, NameRule, Policy, Session, Timestamp,
    verify_server,
};

use crate::board::{exit, measure, println};
use crate::replay::{Expected, NOW, NoTime, Recording, SameRng, Served};

type Transport<'a> = Connection<(Served<'a>, Expected<'a>, NoTime)>;
type ReplayedSession<'a> = Session<'a, (Served<'a>, Expected<'a>, NoTime)>;

/// Recordings by name, from the folder that the build names.
macro_rules! recordings {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!(env!("STACK_RECORDINGS"), "/", $name, ".rec")))),*]
    };
}

static RECORDINGS: &[(&str, &[u8])] = recordings![
    "p256",
    "p384",
    "ed25519",
    "rsa-2048",
    "rsa-3072",
    "rsa-4096",
    "rsa-4096-long",
    "ed25519-long",
    "client-p256",
    "client-p384",
    "client-ed25519",
    "client-rsa-2048",
    "client-rsa-3072",
    "client-rsa-4096",
];

fn main() -> ! {
    println(format_args!("size memory {}", size_of::<Memory>()));
    println(format_args!(
        "size transport {}",
        size_of::<Transport<'_>>()
    ));
    println(format_args!(
        "size identity {}",
        size_of::<IdentityMemory>() + size_of::<Identity<'_>>()
    ));
    println(format_args!(
        "size session {}",
        size_of::<ReplayedSession<'_>>()
    ));
    for (name, bytes) in RECORDINGS {
        let Some(recording) = Recording::parse(bytes) else {
            panic!("{name}: the recording is damaged");
        };
        // With an identity, the chain is that of the first.
        if recording.identity().is_none() {
            verify(name, &recording);
        }
        handshake(name, &recording);
    }
    println(format_args!("done"));
    exit(true)
}

fn policy<'a>(anchors: &'a [&'a [u8]]) -> Policy<'a> {
    match Anchors::new(anchors) {
        Ok(anchors) => Policy::chain(
            anchors,
            NameRule::DangerAnyName,
            Clock::At(Timestamp::from_unix(NOW)),
        ),
        Err(cause) => panic!("{cause}"),
    }
}

/// The chain alone.
fn verify(name: &str, recording: &Recording<'_>) {
    let anchors = [recording.anchor];
    let policy = policy(&anchors);
    let (verdict, usage) = measure(|| verify_server(&policy, recording.chain()).map(drop));
    if let Err(reason) = verdict {
        panic!("{name}: {reason}");
    }
    println(format_args!(
        "verify {name} stack {} instructions {}",
        usage.stack, usage.instructions
    ));
}

/// The whole handshake. Its future and the session's memory are not on the measured stack: a task
/// keeps them elsewhere, too.
fn handshake(name: &str, recording: &Recording<'_>) {
    let anchors = [recording.anchor];
    let mut identity_memory: IdentityMemory = IdentityMemory::new();
    let identity = recording.identity().map(|(certificate, key)| {
        match Identity::new(&[certificate], key, &mut identity_memory) {
            Ok(identity) => identity,
            Err(cause) => panic!("{name}: {cause}"),
        }
    });
    let policy = Policy {
        identity: identity.as_ref(),
        ..policy(&anchors)
    };
    let transport = Connection::new(Served(recording.server), Expected(recording.client), NoTime);
    let mut memory: Memory = Memory::new();
    let mut open = pin!(Session::open(
        &transport,
        &mut memory,
        &policy,
        Deadlines::default(),
        SameRng::new(),
    ));
    println(format_args!("size open {}", size_of_val(&*open)));
    let (end, usage) = measure(|| {
        let mut context = Context::from_waker(Waker::noop());
        // Everything the session waits for is there.
        open.as_mut().poll(&mut context)
    });
    println(format_args!(
        "handshake {name} stack {} instructions {}",
        usage.stack, usage.instructions
    ));
    let mut session = match end {
        Poll::Ready(Ok(session)) => session,
        Poll::Ready(Err(reason)) => panic!("{name}: {reason}"),
        Poll::Pending => panic!("{name}: the recording ends too early"),
    };
    let (mut rx, mut tx) = session.split();
    println(format_args!("size read {}", size_of_val(&rx.read(&mut []))));
    println(format_args!("size write {}", size_of_val(&tx.write(&[]))));
    println(format_args!("size flush {}", size_of_val(&tx.flush())));
    println(format_args!("size close {}", size_of_val(&session.close())));
}
