//! The session under test, with any client of the doubles'.

use std::pin::pin;

use embedded_io_async::{Read, Write};
use tls_session::identity::{ClientKey, IdentityMemory};
use tls_session::{
    Acceptor, Anchors, ClientAuth, Clock as Time, Connection, Deadlines, FULL_RECORD, Identity,
    Memory, Reason, ServerPolicy, Session, Timestamp,
};

use tls_doubles::clock::{Clock, Delay};
use tls_doubles::exec::{Outcome, run_until_stalled_then_advance};
use tls_doubles::io::{Endpoint, Faults, Rx, Tx, Wire, connect};
use tls_doubles::keys::Key;
use tls_doubles::pki::{NOW, Site};
use tls_doubles::rng::TestRng;

use crate::visitor::Visitor;

pub(crate) type TestSession<'m, S = Visitor> = Session<'m, (Rx<S>, Tx<S>, Delay)>;

/// The time of the certificates.
pub(crate) fn now() -> Time {
    Time::At(Timestamp::from_unix(i64::try_from(NOW).unwrap()))
}

/// An acceptor that shows `site`, under a policy that `change` may change.
pub(crate) fn acceptor(
    site: &Site,
    anchors: Option<&[&[u8]]>,
    change: impl FnOnce(&mut ServerPolicy<'_>),
) -> Acceptor {
    let parts = site.key.private_parts();
    let key = match &site.key {
        Key::P256(_) => ClientKey::P256(&parts[0]),
        Key::P384(_) => ClientKey::P384(&parts[0]),
        Key::Ed25519(_) => ClientKey::Ed25519(&parts[0]),
        Key::Rsa(_) => ClientKey::Rsa {
            modulus: &parts[0],
            public_exponent: &parts[1],
            primes: [&parts[2], &parts[3]],
            exponents: [&parts[4], &parts[5]],
            coefficient: &parts[6],
        },
    };
    let chain: Vec<&[u8]> = site.chain.iter().map(Vec::as_slice).collect();
    let mut memory = IdentityMemory::<8192>::new();
    let identity = Identity::new(&chain, key, &mut memory).unwrap();
    let clients = match anchors {
        None => ClientAuth::NotAsked,
        Some(anchors) => ClientAuth::Required(Anchors::new(anchors).unwrap()),
    };
    let mut policy = ServerPolicy::new(&identity, clients);
    change(&mut policy);
    Acceptor::new(&policy).unwrap()
}

/// What a test may say about one client; the rest is correct.
pub(crate) struct Visit<'a, S> {
    pub(crate) client: S,
    pub(crate) acceptor: &'a Acceptor,
    pub(crate) faults: Faults,
    pub(crate) time: Time,
    pub(crate) clock: Clock,
}

impl<'a, S: Endpoint> Visit<'a, S> {
    pub(crate) fn new(client: S, acceptor: &'a Acceptor) -> Self {
        Self {
            client,
            acceptor,
            faults: Faults::default(),
            time: now(),
            clock: Clock::default(),
        }
    }

    pub(crate) fn faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    pub(crate) fn at(self, time: Time) -> Self {
        Self { time, ..self }
    }

    /// Opens a session and lets `then` use it.
    pub(crate) fn with<T>(
        self,
        then: impl AsyncFnOnce(TestSession<'_, S>, &Wire<S>) -> T,
    ) -> (Result<T, Reason>, Wire<S>) {
        let (wire, rx, tx) = connect(self.client, self.faults);
        let connection = Connection::new(rx, tx, self.clock.delay());
        let mut memory = Box::new(Memory::<FULL_RECORD, 4096>::new());
        let result = {
            let future = pin!(async {
                let rng = TestRng::new(7);
                let deadlines = Deadlines::default();
                let (memory, time) = (&mut *memory, self.time);
                let accept =
                    Session::accept(&connection, memory, self.acceptor, time, deadlines, rng).await;
                match accept {
                    Ok(session) => Ok(then(session, &wire).await),
                    Err(reason) => Err(reason),
                }
            });
            run_until_stalled_then_advance(future, &self.clock)
        };
        match result {
            Outcome::Ready(result) => (result, wire),
            Outcome::Stalled => panic!("waits for ever, without a deadline"),
        }
    }

    /// Must be refused in the handshake.
    #[track_caller]
    pub(crate) fn refused(self) -> (Reason, Wire<S>) {
        match self.with(async |_, _| ()) {
            (Err(reason), wire) => (reason, wire),
            (Ok(()), _) => panic!("accepted"),
        }
    }
}

/// Data from the client and back.
pub(crate) async fn exchange(
    session: &mut TestSession<'_>,
    wire: &Wire<Visitor>,
    len: usize,
) -> Result<(), Reason> {
    let data: Vec<u8> = (0..=250_u8).cycle().take(len).collect();
    let (mut rx, mut tx) = session.split();
    wire.server_mut().send_app(&data);
    let mut have = vec![0; len];
    let mut at = 0;
    while at < len {
        let count = rx.read(&mut have[at..]).await?;
        assert_ne!(count, 0, "closed before the data were whole");
        at += count;
    }
    assert!(have == data, "other data of {len} bytes");
    tx.write_all(&data).await?;
    tx.flush().await?;
    assert!(std::mem::take(&mut wire.server_mut().app) == data, "{len}");
    Ok(())
}
