//! The session under test, with any server of the doubles'.

use std::pin::pin;

use embedded_io_async::{Read, Write};
use tls_session::verify::Version;
use tls_session::{
    Anchors, Clock as Time, CommonName, Connection, Deadlines, FULL_RECORD, Memory, NameRule,
    PeerAuth, PeerName, Policy, Reason, Resumption, Session, Timestamp, Versions,
};

use tls_doubles::clock::{Clock, Delay};
use tls_doubles::exec::{Outcome, run_until_stalled_then_advance};
use tls_doubles::io::{Endpoint, Faults, Rx, Tx, Wire, connect};
use tls_doubles::pki::NOW;
use tls_doubles::rng::TestRng;

use crate::peer::Peer;

/// A session on the doubles.
pub(crate) type TestSession<'m, S = Peer> = Session<'m, (Rx<S>, Tx<S>, Delay)>;

/// What a test may say about one attempt; the rest is correct.
pub(crate) struct Attempt<'a, S> {
    pub(crate) server: S,
    pub(crate) faults: Faults,
    pub(crate) policy: Policy<'a>,
    pub(crate) clock: Clock,
    pub(crate) resumption: Option<Resumption>,
}

impl<'a, S: Endpoint> Attempt<'a, S> {
    pub(crate) fn new(server: S, policy: Policy<'a>) -> Self {
        Self {
            server,
            faults: Faults::default(),
            policy,
            clock: Clock::default(),
            resumption: None,
        }
    }

    pub(crate) fn resuming(self, resumption: Resumption) -> Self {
        let resumption = Some(resumption);
        Self { resumption, ..self }
    }

    pub(crate) fn faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// Opens a session and lets `then` use it.
    pub(crate) fn with<T>(
        self,
        then: impl AsyncFnOnce(TestSession<'_, S>, &Wire<S>) -> T,
    ) -> (Result<T, Reason>, Wire<S>) {
        self.bounded(then)
            .expect("waits for ever, without a deadline")
    }

    /// As [`Self::with`], but `None` where the session waits for ever.
    pub(crate) fn bounded<T>(
        self,
        then: impl AsyncFnOnce(TestSession<'_, S>, &Wire<S>) -> T,
    ) -> Option<(Result<T, Reason>, Wire<S>)> {
        self.in_room::<FULL_RECORD, _>(then)
    }

    /// The same with `IN` bytes for incoming records.
    pub(crate) fn in_room<const IN: usize, T>(
        self,
        then: impl AsyncFnOnce(TestSession<'_, S>, &Wire<S>) -> T,
    ) -> Option<(Result<T, Reason>, Wire<S>)> {
        let (wire, rx, tx) = connect(self.server, self.faults);
        let mut connection = Connection::new(rx, tx, self.clock.delay());
        if let Some(resumption) = self.resumption {
            connection = connection.with_resumption(resumption);
        }
        let mut memory = Box::new(Memory::<IN, 4096>::new());
        let result = {
            let future = pin!(async {
                let rng = TestRng::new(7);
                let deadlines = Deadlines::default();
                let open =
                    Session::open(&connection, &mut memory, &self.policy, deadlines, rng).await;
                match open {
                    Ok(session) => Ok(then(session, &wire).await),
                    Err(reason) => Err(reason),
                }
            });
            run_until_stalled_then_advance(future, &self.clock)
        };
        match result {
            Outcome::Ready(result) => Some((result, wire)),
            Outcome::Stalled => None,
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

/// Bytes that differ from their neighbours.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..=250_u8).cycle().take(len).collect()
}

/// Data to a server and back.
pub(crate) async fn exchange(
    session: &mut TestSession<'_>,
    wire: &Wire<Peer>,
    len: usize,
) -> Result<(), Reason> {
    let data = pattern(len);
    let (mut rx, mut tx) = session.split();
    tx.write_all(&data).await?;
    tx.flush().await?;
    assert!(std::mem::take(&mut wire.server_mut().app) == data, "{len}");
    wire.server_mut().send_app(&data);
    expect(&mut rx, &data).await
}

/// These bytes come next.
pub(crate) async fn expect(rx: &mut impl Read<Error = Reason>, data: &[u8]) -> Result<(), Reason> {
    let mut have = vec![0; data.len()];
    let mut at = 0;
    while at < have.len() {
        let count = rx.read(&mut have[at..]).await?;
        assert_ne!(count, 0, "closed before the data were whole");
        at += count;
    }
    assert!(have == data, "other data of {} bytes", data.len());
    Ok(())
}

/// One version alone.
pub(crate) fn only(version: Version) -> Versions {
    Versions::new(version, version).unwrap()
}

/// The chain must lead to one of these, now; no name.
pub(crate) fn chain<'a>(anchors: &'a [&'a [u8]]) -> Policy<'a> {
    let now = Timestamp::from_unix(i64::try_from(NOW).unwrap());
    chain_by(anchors, Time::At(now))
}

/// The same by any clock.
pub(crate) fn chain_by<'a>(anchors: &'a [&'a [u8]], clock: Time) -> Policy<'a> {
    Policy::chain(
        Anchors::new(anchors).unwrap(),
        NameRule::DangerAnyName,
        clock,
    )
}

/// The same, and the certificate must be for `name`.
pub(crate) fn named<'a>(mut policy: Policy<'a>, wanted: &'a str) -> Policy<'a> {
    if let PeerAuth::Chain { name, .. } = &mut policy.peer {
        *name = NameRule::MustMatch {
            name: PeerName::new(wanted).unwrap(),
            common_name: CommonName::CountsWithoutSan,
        };
    }
    policy
}
