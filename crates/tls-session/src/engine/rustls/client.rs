//! One session, its bytes in and out; the handshake of a client.

use alloc::boxed::Box;
use alloc::string::String;
use core::cell::{Cell, RefCell};
use core::pin::pin;

use embassy_futures::select::{Either, select};
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{ErrorType, Read, Write};
use rand_core::CryptoRngCore;
use tls_provider::random;
use tls_provider::sync::Arc;
use zeroize::Zeroizing;

use super::core::Core;
use super::drive::Step;
use super::halves::{Halves, Outgoing};
use super::incoming::Incoming;
use super::resume::Offer;
use super::sealed::{LastAlert, REPLY, Sealed};
use super::served::Served;
use crate::budget::{BUFFERS, Direction, call};
use crate::engine::{Attempt, Engine, MAX_IDLE_RECORDS, QUIET_MS, Witness, check_protocols};
use crate::evidence::Evidence;
use crate::heap::{self, Admitted, Loan, Promise};
use crate::policy::{Clock, Policy, Versions};
use crate::progress::{Progress, Refused};
use crate::reason::{
    CapacityError, Cause, Limit, PeerRole, ProtocolViolation, Reason, Stage, StreamError,
};
use crate::session::{Acceptor, Deadlines, Resumption};
use crate::transport::{Connection, Transport};

/// A session of rustls.
pub(crate) struct Client<'m, T: Transport> {
    connection: &'m Connection<T>,
    /// On the heap, so that the session is small where it is moved. There from the handshake on.
    core: RefCell<Option<Box<Core>>>,
    incoming: Incoming<'m>,
    outgoing: Mutex<NoopRawMutex, Outgoing<'m>>,
    /// Bytes of the outgoing buffer, in the handshake where it is on the heap.
    room: usize,
    writing: Cell<bool>,
    /// We have said close_notify.
    finished: Cell<bool>,
    closed: Cell<bool>,
    /// What the heap keeps for the handshake.
    promise: Option<Promise>,
    /// For the peer of a session that ended because the heap ran out.
    last_alert: Cell<Option<LastAlert>>,
}

impl<'m, T: Transport + 'm> Client<'m, T> {
    /// Takes its memory; where that is empty, records are on the heap. Nothing is sent yet.
    pub(crate) fn new(
        connection: &'m Connection<T>,
        incoming: &'m mut [u8],
        outgoing: &'m mut [u8],
    ) -> Self {
        let (room, sealed) = match outgoing.len() {
            0 => (BUFFERS[1], Sealed::on_heap()),
            room => (room, Sealed::new(outgoing)),
        };
        Self {
            connection,
            core: RefCell::new(None),
            incoming: Incoming::new(incoming),
            room,
            outgoing: Mutex::new(Outgoing(sealed)),
            writing: Cell::new(false),
            finished: Cell::new(false),
            closed: Cell::new(false),
            promise: None,
            last_alert: Cell::new(None),
        }
    }

    /// Asks for the heap that the handshake may need; returns the versions for which there is some, and why not the others.
    fn admit(
        &mut self,
        policy: &Policy<'_>,
    ) -> Result<(Versions, Option<CapacityError>), CapacityError> {
        match self.connection.ledger {
            None => Ok((policy.versions, None)),
            Some(ledger) => Ok(self.keep(ledger.admit(policy, self.incoming.room())?)),
        }
    }

    /// The same, for a session with a client.
    fn admit_client(
        &mut self,
        served: &Served,
    ) -> Result<(Versions, Option<CapacityError>), CapacityError> {
        match self.connection.ledger {
            None => Ok((served.versions(), None)),
            Some(ledger) => {
                Ok(self.keep(ledger.admit_client(&served.needs(), self.incoming.room())?))
            }
        }
    }

    /// Keeps what was promised until the session is over.
    fn keep(
        &mut self,
        (admitted, promise): (Admitted, Promise),
    ) -> (Versions, Option<CapacityError>) {
        self.promise = Some(promise);
        let Admitted {
            versions,
            budget,
            without,
        } = admitted;
        espat_log::info!("heap kept for the handshake: {} bytes", budget.handshake);
        espat_log::info!(
            "heap of the session when it is open, at most: {} bytes",
            budget.idle
        );
        if without.is_some() {
            espat_log::warn!("TLS 1.2 is left out: the heap has room for 1.3 alone");
        }
        (versions, without)
    }

    /// Ends a session with a client before it began: the client hears of it from [`Self::conduct`].
    fn refuse_client(&mut self, reason: Reason) {
        self.progress().refuse_with(reason);
        let alert = LastAlert::Plain(Acceptor::INTERNAL_ERROR);
        self.last_alert.set(Some(alert));
    }

    /// Makes the engine of a session, with the reserve of the heap behind it.
    fn begin(
        &mut self,
        make: impl FnOnce(usize) -> Result<Core, Cause>,
    ) -> Result<Box<Core>, Reason> {
        let (ledger, room) = (self.connection.ledger, self.room);
        let out = &mut self.outgoing.get_mut().0;
        if out.is_on_heap() {
            let loan = Loan::take(ledger, Direction::Out, room);
            out.lend(loan.map_err(|error| Reason::new(Stage::Setup, error))?);
        }
        let (core, outcome) = heap::run(ledger, || {
            make(room).map(|mut core| {
                core.set_ledger(ledger);
                Box::new(core)
            })
        });
        outcome.map_err(|error| Reason::new(Stage::Setup, error))?;
        core.map_err(|cause| Reason::new(Stage::Setup, cause))
    }

    const fn halves(&mut self) -> (Halves<'_, 'm, T>, &mut Incoming<'m>) {
        let halves = Halves {
            connection: self.connection,
            core: &self.core,
            outgoing: &self.outgoing,
            last_alert: &self.last_alert,
        };
        (halves, &mut self.incoming)
    }

    /// The handshake, up to where data may go.
    async fn run(&mut self) -> Result<(), Refused> {
        let (halves, incoming) = self.halves();
        let progress = halves.progress();
        let mut out = halves.outgoing.lock().await;
        // What the engine has not finished with: nothing yet, and ClientHello comes of it.
        let mut record = (0, 0);
        let mut is_fresh = false;
        loop {
            let step = halves.with(|core| {
                let step = if is_fresh {
                    incoming.feed(core, record, &mut out.0)
                } else {
                    incoming.advance(core, record, &mut out.0)
                };
                progress.stage.set(core.stage());
                step
            })?;
            let step = step.map_err(|reason| progress.refuse_with(reason))?;
            halves.send(&mut out).await?;
            match step {
                Step::Send => {
                    (record, is_fresh) = ((0, incoming.kept()), false);
                }
                Step::NeedRecord => {
                    halves.flush().await?;
                    drop(out);
                    // A signature takes tenths of a second on a chip, and the next record is often here already: other
                    // tasks go on between two of them.
                    yield_now().await;
                    record = incoming.record(halves).await?;
                    is_fresh = true;
                    out = halves.outgoing.lock().await;
                }
                Step::Open => return halves.flush().await,
                Step::Data(_) => return Err(progress.refuse(ProtocolViolation::RecordHere(23))),
                Step::PeerClosed => return Err(progress.refuse(StreamError::PeerCloseNotify)),
            }
        }
    }

    const fn progress(&self) -> &'m Progress {
        &self.connection.shared.progress
    }

    /// The name that a client asked for.
    pub(crate) fn server_name(&self) -> Option<String> {
        let core = self.core.borrow();
        core.as_ref()?.attempt().server_name()
    }

    /// Prepares the handshake with a client, which [`Self::conduct`] performs. If this cannot be done, that says so, and the
    /// client gets an alert.
    pub(crate) fn serve<G: CryptoRngCore>(&mut self, served: &Arc<Served>, clock: Clock, rng: G) {
        self.progress().peer.set(PeerRole::Client);
        stir(rng);
        let admitted = self.admit_client(served);
        let admitted = admitted.map_err(|error| Reason::new(Stage::Setup, error));
        let core = admitted
            .and_then(|versions| self.begin(|room| Core::accept(served, versions, clock, room)));
        match core {
            Ok(core) => self.take(core),
            Err(reason) => self.refuse_client(reason),
        }
    }

    /// Takes what a handshake begins with.
    fn take(&mut self, core: Box<Core>) {
        *self.core.get_mut() = Some(core);
    }

    /// The handshake of either role, to its end.
    ///
    /// When this is ready, nothing of the application has left or come in.
    pub(crate) async fn conduct(
        &mut self,
        deadlines: Deadlines,
        witness: Option<&Witness<'_>>,
        alpn: &[&[u8]],
    ) -> Result<Evidence, Reason> {
        let connection = self.connection;
        let progress = &connection.shared.progress;
        let (delay, clock) = (&connection.delay, connection.clock);
        let ms = deadlines.handshake_ms;
        let outcome = {
            let run = pin!(self.run());
            Progress::in_time(delay, ms, clock, run).await
        };
        let late = StreamError::HandshakeTimeout { ms };
        let outcome = outcome.unwrap_or_else(|| Err(progress.refuse(late)));
        let (halves, incoming) = self.halves();
        if let Some(witness) = witness {
            let chain = halves.with(|core| core.attempt().take_chain());
            chain
                .unwrap_or_default()
                .iter()
                .for_each(|der| witness(der));
        }
        if outcome.is_err() {
            halves.send_alert().await;
            return Err(progress.reason_or(StreamError::Transport));
        }
        let evidence = halves.with(|core| {
            let (certificate, chain) = core.certificate();
            progress.keep_certificate(certificate);
            core.begin_data(incoming.incomplete())?;
            let later = call(chain).saturating_add(core.ticket_bytes());
            Ok((core.evidence(alpn), later))
        });
        let (evidence, later) = evidence.map_err(|_| progress.reason_or(StreamError::Dead))??;
        incoming.release();
        if let Ok(mut out) = halves.outgoing.try_lock() {
            out.0.give_back();
        }
        if let Some(promise) = &mut self.promise {
            promise.open(later);
        }
        Ok(evidence)
    }

    /// The evidence covers the policy: tickets may be kept.
    pub(crate) fn keep_tickets(&mut self) {
        let (halves, _) = self.halves();
        // Without an engine there are none.
        let _ = halves.with(Core::open);
    }

    /// Says close_notify.
    pub(crate) async fn close(&mut self) -> Result<(), Reason> {
        let writing = self.writing.get();
        let (halves, _) = self.halves();
        let progress = halves.progress();
        if let Some(reason) = progress.reason() {
            return Err(reason);
        }
        if writing {
            return Err(progress.reason_or(StreamError::WriteAbandoned));
        }
        let closed = halves.close_notify().await;
        if closed.is_err() {
            halves.send_alert().await;
        }
        closed.map_err(|_| progress.reason_or(StreamError::Transport))
    }
}

impl<'m, T: Transport + 'm> Engine<'m, T> for Client<'m, T> {
    type Reader<'s>
        = Rx<'s, 'm, T>
    where
        Self: 's;
    type Writer<'s>
        = Tx<'s, 'm, T>
    where
        Self: 's;

    async fn handshake<G: CryptoRngCore>(
        &mut self,
        attempt: Attempt<'_, '_>,
        rng: G,
    ) -> Result<Evidence, Reason> {
        let Attempt {
            policy,
            deadlines,
            witness,
        } = attempt;
        let setup = |error: CapacityError| Reason::new(Stage::Setup, error);
        check_protocols(policy).map_err(setup)?;
        stir(rng);
        let (versions, without) = self.admit(policy).map_err(setup)?;
        let narrowed = Policy {
            versions,
            ..*policy
        };
        // A dry run is to see the server's certificates.
        let resumption = self.connection.resumption.as_ref();
        let offer = resumption.filter(|_| witness.is_none()).map(|resumption| {
            let Resumption { tickets, target } = resumption;
            Offer::new(&tickets.store, target, policy, versions)
        });
        let keep = witness.is_some();
        let core = self.begin(|room| Core::begin(&narrowed, keep, room, without, offer))?;
        self.take(core);
        self.conduct(deadlines, witness, policy.alpn).await
    }

    fn split(&mut self) -> (Rx<'_, 'm, T>, Tx<'_, 'm, T>) {
        let halves = Halves {
            connection: self.connection,
            core: &self.core,
            outgoing: &self.outgoing,
            last_alert: &self.last_alert,
        };
        (
            Rx {
                halves,
                incoming: &mut self.incoming,
                closed: &self.closed,
            },
            Tx {
                halves,
                writing: &self.writing,
                finished: &self.finished,
            },
        )
    }
}

/// Before rustls takes the first random bytes of a session, those of the caller go into its pool.
fn stir(mut rng: impl CryptoRngCore) {
    let mut fresh = Zeroizing::new([0; 32]);
    rng.fill_bytes(fresh.as_mut_slice());
    random::stir(&fresh);
}

/// Receives application data.
pub(crate) struct Rx<'s, 'm, T: Transport> {
    halves: Halves<'s, 'm, T>,
    incoming: &'s mut Incoming<'m>,
    closed: &'s Cell<bool>,
}

impl<T: Transport> Rx<'_, '_, T> {
    /// The next record. `None` after [`QUIET_MS`] without one, where records without data are being counted.
    async fn next(&mut self, counting: bool) -> Result<Option<Step>, Refused> {
        let halves = self.halves;
        let mut delay = halves.connection.delay.clone();
        let record = self.incoming.record(halves);
        let record = if counting {
            match select(record, delay.delay_ms(QUIET_MS)).await {
                Either::First(record) => record,
                Either::Second(()) => {
                    tls_provider::next_ticket_period();
                    return Ok(None);
                }
            }
        } else {
            record.await
        };
        let record = match record {
            Ok(record) => record,
            Err(refused) => {
                halves.send_alert().await;
                return Err(refused);
            }
        };
        let mut reply = [0; REPLY];
        let mut out = Sealed::new(&mut reply);
        if halves.progress().reason().is_some() {
            // The other direction has ended the session meanwhile.
            return Err(Refused);
        }
        let step = halves.with(|core| {
            let mut step = self.incoming.feed(core, record, &mut out);
            // More messages behind the one that was answered.
            while matches!(step, Ok(Step::Send)) && self.incoming.kept() > 0 {
                let rest = (0, self.incoming.kept());
                step = self.incoming.advance(core, rest, &mut out);
            }
            let kept = core.keep_control(out.waiting());
            step.and_then(|step| {
                let kept = kept.map(|()| step);
                kept.map_err(|cause| Reason::new(Stage::Data, cause))
            })
        });
        let refuse = |reason| halves.progress().refuse_with(reason);
        let step = step.and_then(|step| step.map_err(refuse));
        if step.is_err() {
            halves.send_alert().await;
        } else if halves.with(|core| core.has_control())?
            && let Ok(mut out) = halves.outgoing.try_lock()
        {
            halves.send_control(&mut out).await?;
            halves.flush().await?;
        }
        step.map(Some)
    }

    /// Ends the session after so many records without data.
    async fn flooded(&mut self, records: u32) -> Reason {
        let halves = self.halves;
        let reason = halves.progress().reason_or(CapacityError::TooLarge {
            what: Limit::IdleRecords,
            needed: records,
            limit: MAX_IDLE_RECORDS,
        });
        // rustls reads nothing behind an incomplete message but the rest of it.
        if self.incoming.kept() == 0 {
            let mut reply = [0; REPLY];
            let mut out = Sealed::new(&mut reply);
            let _ = halves.with(|core| {
                core.refuse_flood(&mut out);
                core.keep_control(out.waiting())
            });
        }
        halves.send_alert().await;
        reason
    }
}

impl<T: Transport> ErrorType for Rx<'_, '_, T> {
    type Error = Reason;
}

impl<T: Transport> Read for Rx<'_, '_, T> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Reason> {
        let mut idle = 0_u32;
        loop {
            if buf.is_empty() {
                return Ok(0);
            }
            if self.incoming.has_data() {
                return Ok(self.incoming.take(buf));
            }
            if self.closed.get() {
                return Ok(0);
            }
            let progress = self.halves.progress();
            if let Some(reason) = progress.reason() {
                return Err(reason);
            }
            let next = self.next(idle > 0).await;
            let progress = self.halves.progress();
            match next.map_err(|_| progress.reason_or(StreamError::Dead))? {
                Some(Step::Data(_)) => {}
                Some(Step::PeerClosed) => self.closed.set(true),
                Some(Step::Open | Step::NeedRecord | Step::Send) => {
                    idle = idle.saturating_add(1);
                    if idle > MAX_IDLE_RECORDS {
                        return Err(self.flooded(idle).await);
                    }
                }
                None => idle = 0,
            }
        }
    }
}

/// Sends application data.
pub(crate) struct Tx<'s, 'm, T: Transport> {
    halves: Halves<'s, 'm, T>,
    writing: &'s Cell<bool>,
    finished: &'s Cell<bool>,
}

impl<T: Transport> Tx<'_, '_, T> {
    /// Marks the session as being written to: whoever drops a write does not know how much of it was sealed.
    fn begin(&self) -> Result<(), Reason> {
        let progress = self.halves.progress();
        if let Some(reason) = progress.reason() {
            return Err(reason);
        }
        if self.finished.get() {
            // The session goes on in the other direction.
            return Err(Reason::new(Stage::Data, StreamError::Closed));
        }
        if self.writing.replace(true) {
            return Err(progress.reason_or(StreamError::WriteAbandoned));
        }
        Ok(())
    }

    /// Says that nothing more comes from this side; the other direction goes on.
    pub(crate) async fn finish(&mut self) -> Result<(), Reason> {
        self.begin()?;
        let result = self.halves.close_notify().await;
        self.finished.set(true);
        self.end(result)
    }

    fn end<V>(&self, result: Result<V, Refused>) -> Result<V, Reason> {
        self.writing.set(false);
        result.map_err(|_| self.halves.progress().reason_or(StreamError::Dead))
    }

    async fn seal(&self, data: &[u8]) -> Result<usize, Refused> {
        let halves = self.halves;
        let mut out = halves.outgoing.lock().await;
        let chunk = halves.with(|core| core.chunk())?;
        if let Err(refused) = halves.make_room(&mut out, data.len().min(chunk)).await {
            drop(out);
            halves.send_alert().await;
            return Err(refused);
        }
        if !out.0.is_on_heap() && !out.0.has_room(chunk) {
            halves.send(&mut out).await?;
        }
        let sealed = halves.with(|core| core.seal(data, &mut out.0));
        let refuse = |cause| halves.progress().refuse(cause);
        let sealed = sealed.and_then(|sealed| sealed.map_err(refuse));
        if sealed.is_err() {
            drop(out);
            // An alert, or close_notify where the key has come to its limit.
            halves.send_alert().await;
        }
        sealed
    }

    async fn send(&self) -> Result<(), Refused> {
        let halves = self.halves;
        let mut out = halves.outgoing.lock().await;
        halves.send(&mut out).await?;
        halves.send_control(&mut out).await?;
        out.0.give_back();
        halves.flush().await
    }
}

impl<T: Transport> ErrorType for Tx<'_, '_, T> {
    type Error = Reason;
}

impl<T: Transport> Write for Tx<'_, '_, T> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Reason> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.begin()?;
        let result = self.seal(buf).await;
        self.end(result)
    }

    async fn flush(&mut self) -> Result<(), Reason> {
        self.begin()?;
        let result = self.send().await;
        self.end(result)
    }
}
