//! The session under test, run against a script.

use std::pin::pin;

use embedded_io_async::{Read, Write};
use tls_session::{
    Accepted, Anchors, Clock as Time, CommonName, Connection, Deadlines, EngineRule, Memory,
    NameRule, PeerAuth, PeerName, Policy, Reason, Session, Timestamp,
};

use tls_doubles::clock::{Clock, Delay};
use tls_doubles::exec::{Outcome, run_until_stalled_then_advance};
use tls_doubles::io::{Faults, Rx, Tx, Wire, connect};
use tls_doubles::pki::NOW;
use tls_doubles::rng::TestRng;
use tls_doubles::script::Script;
use tls_doubles::server::Server;

/// A session on the doubles.
pub(crate) type TestSession<'m> = Session<'m, (Rx, Tx, Delay)>;

/// What a test may say about one attempt; the rest is correct.
pub(crate) struct Attempt<'a> {
    pub(crate) script: Script,
    pub(crate) faults: Faults,
    pub(crate) policy: Policy<'a>,
    pub(crate) clock: Clock,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(script: Script, policy: Policy<'a>) -> Self {
        Self {
            script,
            faults: Faults::default(),
            policy,
            clock: Clock::default(),
        }
    }

    pub(crate) fn faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// Opens a session and lets `then` use it.
    pub(crate) fn with<T>(
        self,
        then: impl AsyncFnOnce(TestSession<'_>, &Wire) -> T,
    ) -> (Result<T, Reason>, Wire) {
        self.bounded(then)
            .expect("waits for ever, without a deadline")
    }

    /// As [`Self::with`], but `None` where the session waits for ever.
    pub(crate) fn bounded<T>(
        self,
        then: impl AsyncFnOnce(TestSession<'_>, &Wire) -> T,
    ) -> Option<(Result<T, Reason>, Wire)> {
        let server = Server::new(self.script);
        let (wire, rx, tx) = connect(server, self.faults);
        let transport = Connection::new(rx, tx, self.clock.delay());
        let mut memory = Box::new(Memory::<16_640, 4096>::new());
        let policy = on_embedded(&self.policy);
        let result = {
            let future = pin!(async {
                let open = Session::open(
                    &transport,
                    &mut memory,
                    &policy,
                    Deadlines::default(),
                    TestRng::new(7),
                );
                match open.await {
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

    /// The whole way: handshake, `ping` there, `pong` back.
    pub(crate) fn exchange(self) -> Result<Accepted, Reason> {
        let (result, wire) = self.with(ping_pong).into_parts();
        // Whatever happened: the client broke no rule itself.
        let server = wire.server();
        assert_eq!(server.seen().violations, [], "{result:?}");
        if result.is_err() {
            assert_eq!(server.seen().app, b"", "application data left: {result:?}");
        }
        result
    }

    /// Must be refused; nothing of the application may leave.
    #[track_caller]
    pub(crate) fn refused(self) -> Reason {
        match self.exchange() {
            Err(reason) => reason,
            Ok(accepted) => panic!("accepted: {accepted:?}"),
        }
    }
}

/// Flattens the two ways to fail.
trait IntoParts {
    fn into_parts(self) -> (Result<Accepted, Reason>, Wire);
}

impl IntoParts for (Result<Result<Accepted, Reason>, Reason>, Wire) {
    fn into_parts(self) -> (Result<Accepted, Reason>, Wire) {
        (self.0.and_then(|inner| inner), self.1)
    }
}

async fn ping_pong(mut session: TestSession<'_>, wire: &Wire) -> Result<Accepted, Reason> {
    let accepted = session.accepted();
    {
        let (mut rx, mut tx) = session.split();
        tx.write_all(b"ping").await?;
        tx.flush().await?;
        assert_eq!(wire.server().seen().app, b"ping");
        wire.server_mut().send_app(b"pong");
        let mut answer = [0; 4];
        let mut have = 0;
        while have < answer.len() {
            let count = rx.read(&mut answer[have..]).await?;
            assert_ne!(count, 0, "closed before the answer was whole");
            have += count;
        }
        assert_eq!(&answer, b"pong");
    }
    session.close().await?;
    assert!(wire.server().seen().close_notify());
    Ok(accepted)
}

/// The same policy for the engine that these duties are about, whatever others the build has.
pub(crate) fn on_embedded<'a>(policy: &Policy<'a>) -> Policy<'a> {
    Policy {
        engine: EngineRule::WithoutHeap,
        ..*policy
    }
}

/// The chain must lead to one of these, now; no name.
pub(crate) fn chain<'a>(anchors: &'a [&'a [u8]]) -> Policy<'a> {
    chain_at(anchors, NOW)
}

pub(crate) fn chain_at<'a>(anchors: &'a [&'a [u8]], now: u64) -> Policy<'a> {
    let now = Timestamp::from_unix(i64::try_from(now).unwrap());
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
pub(crate) fn named<'a>(policy: Policy<'a>, name: &'a str) -> Policy<'a> {
    named_as(policy, name, CommonName::CountsWithoutSan)
}

/// The same, with a rule for the common name.
pub(crate) fn named_as<'a>(
    mut policy: Policy<'a>,
    wanted: &'a str,
    common_name: CommonName,
) -> Policy<'a> {
    if let PeerAuth::Chain { name, .. } = &mut policy.peer {
        *name = NameRule::MustMatch {
            name: PeerName::new(wanted).unwrap(),
            common_name,
        };
    }
    policy
}
