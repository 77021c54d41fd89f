//! The tasks for TLS sessions: as many as there is memory for.
//!
//! A place for each is written out, since a pinned array cannot be taken apart without `unsafe`, and an
//! array of futures is on the stack while it is made.

use core::pin::pin;

use embassy_futures::join::{join, join3, join4, join5};

use super::tls::{SessionOwners, run};
use crate::buffers::{ModemBuffers, Queues, Records, SessionMemory};
use crate::platform::Platform;
use crate::tls::credentials::Handshakes;
use wiped_place::Place;

/// [`ModemBuffers`] with 1 to 5 sessions.
#[expect(private_bounds, reason = "only the sizes below can be served")]
pub trait Sessions: Serve {}

pub(crate) trait Serve {
    /// The memory of all sessions.
    type Memory;
    /// How many they are.
    const COUNT: usize;

    fn split(&mut self) -> (&mut Queues, &mut Self::Memory);

    /// The records of each session, and what handshakes take turns at.
    fn parts(memory: &Self::Memory) -> (&[Records], &Handshakes);

    /// Serves sessions for as long as it is polled.
    async fn serve<P: Platform>(memory: &Self::Memory, owners: &SessionOwners<'_, '_, P>);

    /// Runs what `make` makes of each number below [`Self::COUNT`], side by side.
    #[cfg(feature = "rustls")]
    async fn each<F: Future<Output = ()>>(make: impl Fn(usize) -> F);
}

macro_rules! serve {
    ($($count:literal: $join:ident($($records:ident $slot:ident $number:literal),+);)+) => { $(
        impl Sessions for ModemBuffers<$count> {}

        impl Serve for ModemBuffers<$count> {
            type Memory = SessionMemory<$count>;
            const COUNT: usize = $count;

            fn split(&mut self) -> (&mut Queues, &mut Self::Memory) {
                (&mut self.queues, &mut self.sessions)
            }

            fn parts(memory: &Self::Memory) -> (&[Records], &Handshakes) {
                (&memory.records, &memory.handshakes)
            }

            #[cfg(feature = "rustls")]
            async fn each<F: Future<Output = ()>>(make: impl Fn(usize) -> F) {
                $(
                    let mut future = pin!(Place::empty());
                    let $records = future.as_mut().fill(|| make($number));
                )+
                $join($($records),+).await;
            }

            async fn serve<P: Platform>(memory: &Self::Memory, owners: &SessionOwners<'_, '_, P>) {
                let SessionMemory {
                    records: [$($records),+],
                    handshakes,
                } = memory;
                let [$($slot),+, ..] = owners.tls.slots();
                $(
                    let mut future = pin!(Place::empty());
                    let $records = future.as_mut().fill(|| {
                        run($slot, owners, $records, handshakes)
                    });
                )+
                $join($($records),+).await;
            }
        }
    )+ };
}

/// Of one.
async fn join1(one: impl Future<Output = ()>) {
    one.await;
}

serve! {
    1: join1(records0 slot0 0);
    2: join(records0 slot0 0, records1 slot1 1);
    3: join3(records0 slot0 0, records1 slot1 1, records2 slot2 2);
    4: join4(records0 slot0 0, records1 slot1 1, records2 slot2 2, records3 slot3 3);
    5: join5(records0 slot0 0, records1 slot1 1, records2 slot2 2, records3 slot3 3, records4 slot4 4);
}
