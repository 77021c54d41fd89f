//! Duty 4: what happens when the engine gets no verifier from us.

use crate::reason::ProtocolViolation;
use std::pin::pin;

use embedded_tls::{CryptoProvider, CryptoRngCore, TlsError, TlsVerifier};

use super::client::Client;
use super::suite::Suite;
use super::verifier::{Provider, Verifier};
use crate::policy::{Anchors, Clock, NameRule};
use crate::transport::Connection;
use crate::{Cause, Policy, Timestamp};
use tls_doubles::clock::Clock as TestClock;
use tls_doubles::exec::run;
use tls_doubles::io::{Faults, connect};
use tls_doubles::keys::KeyKind;
use tls_doubles::pki::{Family, NOW};
use tls_doubles::rng::TestRng;
use tls_doubles::script::Script;
use tls_doubles::server::Server;

/// Ours, but for the one thing ours never does: the engine takes the error for "do not verify".
struct Faulty<'p, 'c> {
    ours: Provider<'p, 'c, TestRng>,
    /// How often the verifier is handed out before it is not.
    good_for: u32,
}

impl CryptoProvider for Faulty<'_, '_> {
    type CipherSuite = Suite;
    type Signature = super::shown::Proof;

    fn rng(&mut self) -> impl CryptoRngCore {
        self.ours.rng()
    }

    fn verifier(&mut self) -> Result<&mut impl TlsVerifier<Suite>, TlsError> {
        match self.good_for.checked_sub(1) {
            Some(left) => {
                self.good_for = left;
                self.ours.verifier()
            }
            None => Err(TlsError::InternalError),
        }
    }
}

#[test]
fn duty_4_an_engine_without_verifier_opens_no_session() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let now = Timestamp::from_unix(i64::try_from(NOW).unwrap());
    let strict = Policy::chain(
        Anchors::new(anchors).unwrap(),
        NameRule::DangerAnyName,
        Clock::At(now),
    );
    for policy in [strict, Policy::danger_any_peer()] {
        // Asked for the name, Certificate, CertificateVerify and Finished.
        let unconfirmed = Cause::Protocol(ProtocolViolation::MissingMessage(20));
        for (good_for, expected) in [
            (0, Some(unconfirmed)),
            (1, Some(unconfirmed)),
            (2, Some(unconfirmed)),
            (3, Some(unconfirmed)),
            (4, None),
        ] {
            let (wire, rx, tx) =
                connect(Server::new(Script::good(&family.site())), Faults::default());
            let transport = Connection::new(rx, tx, TestClock::default().delay());
            let (mut incoming, mut outgoing) = ([0; 16_640], [0; 4096]);
            let verifier = Verifier::new(&policy, &transport.shared, None);
            let mut provider = Faulty {
                ours: Provider::new(verifier, TestRng::new(3)),
                good_for,
            };
            let mut client = Client::new(&transport, &mut incoming, &mut outgoing);
            let open = pin!(async {
                let evidence = client.handshake_with(&policy, 30_000, &mut provider).await;
                let opened = evidence.and_then(|evidence| {
                    let covered = evidence.covers(&policy);
                    covered.map_err(|cause| transport.shared.progress.reason_or(cause))
                });
                opened.map(drop).map_err(|reason| reason.cause)
            });
            let result = run(open).ready();
            assert_eq!(result.err(), expected, "good for {good_for}");
            assert_eq!(wire.server().seen().app, b"");
        }
    }
}
