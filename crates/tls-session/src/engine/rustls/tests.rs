//! Duty 76: what happens when a key has encrypted as much as it may, with a limit that a test can reach.

extern crate std;

use std::boxed::Box;
use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use embedded_io_async::{Read, Write};
use rustls::crypto::CipherSuiteCommon;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{
    ServerConfig, ServerConnection, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite,
};
use tls_doubles::clock::Clock as TestClock;
use tls_doubles::exec::run;
use tls_doubles::io::{Endpoint, Faults, Wire, connect};
use tls_doubles::keys::KeyKind;
use tls_doubles::pki::Family;
use tls_doubles::rng::TestRng;
use tls_doubles::script::Script;
use tls_doubles::server::Server;

use crate::reason::ProtocolViolation;
use crate::transport::Connection;
use crate::verify::Version;
use crate::{Deadlines, FULL_RECORD, Memory, Policy, Reason, Session, Versions};

std::thread_local! {
    /// Records under one key.
    static LIMIT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The suite with the limit of this test.
pub(super) fn limited(suite: SupportedCipherSuite) -> SupportedCipherSuite {
    let Some(limit) = LIMIT.get() else {
        return suite;
    };
    let common = |common: &CipherSuiteCommon| CipherSuiteCommon {
        confidentiality_limit: limit,
        ..*common
    };
    // rustls takes suites that live for ever.
    match suite {
        SupportedCipherSuite::Tls13(suite) => {
            SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite {
                common: common(&suite.common),
                ..*suite
            })))
        }
        SupportedCipherSuite::Tls12(suite) => {
            SupportedCipherSuite::Tls12(Box::leak(Box::new(Tls12CipherSuite {
                common: common(&suite.common),
                ..*suite
            })))
        }
    }
}

/// Opens a session with a key of so many records, and lets `then` use it.
fn open<S: Endpoint, T>(
    server: S,
    version: Version,
    limit: u64,
    then: impl AsyncFnOnce(
        Session<
            '_,
            (
                tls_doubles::io::Rx<S>,
                tls_doubles::io::Tx<S>,
                tls_doubles::clock::Delay,
            ),
        >,
        &Wire<S>,
    ) -> T,
) -> T {
    LIMIT.set(Some(limit));
    let (wire, rx, tx) = connect(server, Faults::default());
    let connection = Connection::new(rx, tx, TestClock::default().delay());
    let mut memory = Box::new(Memory::<FULL_RECORD, 4096>::new());
    let policy = Policy {
        versions: Versions::new(version, version).unwrap(),
        ..Policy::danger_any_peer()
    };
    let result = run(pin!(async {
        let (rng, deadlines) = (TestRng::new(7), Deadlines::default());
        let session = Session::open(&connection, &mut memory, &policy, deadlines, rng).await;
        then(session.unwrap(), &wire).await
    }));
    LIMIT.set(None);
    result.ready()
}

/// Every record but those of a KeyUpdate carries data, so all of it arrives, under as many keys as that takes.
#[test]
fn duty_76_in_tls_1_3_the_key_changes_at_its_limit() {
    const WRITES: usize = 100;
    for limit in [2_u64, 3, 4, 7, 50] {
        let family = Family::new(KeyKind::P256);
        let server = Server::new(Script::good(&family.site()));
        let result = open(server, Version::Tls13, limit, async |mut session, wire| {
            let mut sent = Vec::new();
            for number in 0..WRITES {
                let data = vec![u8::try_from(number).unwrap(); 1 + 300 * (number % 3)];
                let (mut rx, mut tx) = session.split();
                tx.write_all(&data).await?;
                tx.flush().await?;
                sent.extend(data);
                wire.server_mut().send_app(b"back");
                let mut back = [0; 4];
                assert_eq!(rx.read(&mut back).await?, 4);
            }
            assert!(wire.server().seen().app == sent);
            session.close().await
        });
        assert_eq!(result, Ok(()), "{limit}");
    }
}

#[test]
fn duty_76_each_key_encrypts_no_more_than_its_limit() {
    let family = Family::new(KeyKind::P256);
    let server = Server::new(Script::good(&family.site()));
    let result = open(server, Version::Tls13, 4, async |mut session, wire| {
        let (_, mut tx) = session.split();
        for _ in 0..30 {
            tx.write_all(b"data").await?;
            tx.flush().await?;
        }
        Ok::<_, Reason>(wire.server().seen().key_updates)
    });
    // Three records of data and the KeyUpdate under each.
    assert_eq!(result, Ok(9));
}

/// A server of TLS 1.2.
struct Older {
    server: ServerConnection,
    app: Vec<u8>,
    close_notify: bool,
}

impl Older {
    fn new() -> Self {
        let site = Family::new(KeyKind::P256).site();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(site.key.pkcs8()));
        let chain = site.chain.into_iter().map(CertificateDer::from).collect();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Self {
            server: ServerConnection::new(Arc::new(config)).unwrap(),
            app: Vec::new(),
            close_notify: false,
        }
    }
}

impl Endpoint for Older {
    fn receive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.close_notify {
            self.server.read_tls(&mut bytes).unwrap();
            let state = self.server.process_new_packets().unwrap();
            self.close_notify |= state.peer_has_closed();
            let mut data = vec![0; state.plaintext_bytes_to_read()];
            std::io::Read::read_exact(&mut self.server.reader(), &mut data).unwrap();
            self.app.extend(data);
        }
    }

    fn take_output(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.server.wants_write() {
            self.server.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    fn closed(&self) -> bool {
        false
    }
}

/// There is no KeyUpdate: what was written arrived, and close_notify behind it.
#[test]
fn duty_76_in_tls_1_2_the_session_ends_at_the_limit() {
    // Finished is the first record.
    for limit in 2..20_u64 {
        let (written, app, close_notify) = open(
            Older::new(),
            Version::Tls12,
            limit,
            async |mut session, wire| {
                let (mut rx, mut tx) = session.split();
                let mut written: Vec<u8> = Vec::new();
                let reason = loop {
                    let data = [u8::try_from(written.len() % 251).unwrap(); 7];
                    match tx.write(&data).await {
                        Ok(count) => written.extend(&data[..count]),
                        Err(reason) => break reason,
                    }
                    tx.flush().await.unwrap();
                };
                assert_eq!(reason.cause, ProtocolViolation::KeyLimit.into());
                assert_eq!(tx.write(b"more").await, Err(reason.clone()));
                assert_eq!(rx.read(&mut [0; 8]).await, Err(reason));
                let server = wire.server();
                (written, server.app.clone(), server.close_notify)
            },
        );
        assert_eq!(written.len(), 7 * (usize::try_from(limit).unwrap() - 1));
        assert_eq!(written, app, "{limit}");
        assert!(close_notify, "{limit}");
    }
}
