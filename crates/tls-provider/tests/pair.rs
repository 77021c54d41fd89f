//! Whole sessions against rustls with its own provider: every suite with every group, data of all sizes both
//! ways, retries, key updates, and what is refused on the way.

mod support;

use rustls::crypto::CipherSuiteCommon;
use rustls::unbuffered::EncryptError;
use rustls::{
    CipherSuite, Error, HandshakeKind, NamedGroup, ProtocolVersion, SupportedCipherSuite,
    Tls12CipherSuite, Tls13CipherSuite,
};
use tls_provider::{GROUPS, Refused, SUITES, What, provider};

use support::{Pair, pattern, server};

/// Whole pieces of plaintext begin here in a record.
fn start(suite: SupportedCipherSuite) -> usize {
    match suite.suite() {
        _ if suite.version().version == ProtocolVersion::TLSv1_3 => 5,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => 5,
        _ => 13,
    }
}

#[test]
fn every_suite_with_every_group_carries_data_both_ways() {
    for suite in SUITES {
        for group in GROUPS {
            let server = server(&[suite.suite()], &[group.name()]);
            let mut pair = Pair::new(provider(&[*suite], &[*group]), server);
            pair.run().unwrap();
            assert!(pair.ours.open, "{suite:?} {group:?}");
            let client = pair.ours.connection();
            assert_eq!(client.protocol_version(), Some(suite.version().version));
            assert_eq!(
                client.negotiated_key_exchange_group().unwrap().name(),
                group.name()
            );
            assert_eq!(client.handshake_kind(), Some(HandshakeKind::Full));
            for len in [1, 2, 16_384, 1 << 20] {
                pair.echo(&pattern(len));
            }
            let starts = core::mem::take(&mut pair.ours.starts);
            assert_eq!(starts.len(), 1 + 1 + 1 + 64, "records");
            assert!(starts.iter().all(|at| *at == start(*suite)), "{suite:?}");
        }
    }
}

#[test]
fn every_suite_with_every_group_serves_clients() {
    for suite in SUITES {
        for group in GROUPS {
            let mut pair = Pair::serving(*suite, *group);
            pair.run().unwrap();
            let ours = pair.ours.connection();
            assert_eq!(ours.negotiated_cipher_suite(), Some(*suite));
            assert_eq!(
                ours.negotiated_key_exchange_group().unwrap().name(),
                group.name()
            );
            for len in [1, 16_384, 100_000] {
                pair.echo(&pattern(len));
            }
            assert!(
                pair.ours.starts.iter().all(|at| *at == start(*suite)),
                "{suite:?}"
            );
        }
    }
}

#[test]
fn all_suites_and_groups_together_negotiate_the_first_ones() {
    let all: Vec<CipherSuite> = SUITES.iter().map(SupportedCipherSuite::suite).collect();
    let groups: Vec<NamedGroup> = GROUPS.iter().map(|group| group.name()).collect();
    let mut pair = Pair::new(provider(SUITES, GROUPS), server(&all, &groups));
    pair.run().unwrap();
    let client = pair.ours.connection();
    assert_eq!(client.negotiated_cipher_suite(), Some(SUITES[0]));
    assert_eq!(
        client.negotiated_key_exchange_group().unwrap().name(),
        NamedGroup::secp256r1
    );
}

#[test]
fn a_server_without_the_first_group_asks_again() {
    for group in &GROUPS[1..] {
        let server = server(&[SUITES[0].suite()], &[group.name()]);
        let mut pair = Pair::new(provider(SUITES, GROUPS), server);
        pair.run().unwrap();
        let client = pair.ours.connection();
        assert_eq!(
            client.handshake_kind(),
            Some(HandshakeKind::FullWithHelloRetryRequest)
        );
        assert_eq!(
            client.negotiated_key_exchange_group().unwrap().name(),
            group.name()
        );
        pair.echo(&pattern(100_000));
    }
}

#[test]
fn keys_are_updated_by_either_side() {
    for suite in SUITES.iter().filter(|suite| suite.tls13().is_some()) {
        let server = server(&[suite.suite()], &[NamedGroup::X25519]);
        let mut pair = Pair::new(provider(SUITES, GROUPS), server);
        pair.run().unwrap();
        for round in 0..10 {
            if round % 2 == 0 {
                pair.peer.refresh_traffic_keys().unwrap();
            }
            if round % 3 == 0 {
                pair.ours.refresh();
            }
            pair.echo(&pattern(20_000));
        }
    }
}

#[test]
fn a_chain_that_is_too_long_is_refused_by_its_header() {
    for suite in SUITES.iter().filter(|suite| suite.tls13().is_some()) {
        let server = support::server_with_chain(&[suite.suite()], &[NamedGroup::X25519], 100);
        let mut pair = Pair::new(provider(SUITES, GROUPS), server);
        let error = pair.run().unwrap_err();
        let Some(Refused::TooLong {
            what,
            needed,
            limit,
        }) = Refused::of(&error)
        else {
            panic!("{error:?}");
        };
        assert_eq!((what, limit), (What::Message(11), 16_384));
        assert!(needed > limit, "{needed}");
    }
}

#[test]
fn a_changed_byte_of_data_ends_the_session() {
    for suite in SUITES {
        let server = server(&[suite.suite()], &[NamedGroup::X25519]);
        let mut pair = Pair::new(provider(SUITES, GROUPS), server);
        pair.run().unwrap();
        let mut record = pair.answer(b"data");
        let last = record.len() - 1;
        record[last] ^= 1;
        let result = pair.ours.receive(&record);
        assert_eq!(result, Err(Error::DecryptError), "{suite:?}");
        assert_eq!(pair.ours.data, []);
    }
}

#[test]
fn data_that_look_like_a_note_are_data() {
    for suite in SUITES {
        let server = server(&[suite.suite()], &[NamedGroup::X25519]);
        let mut pair = Pair::new(provider(SUITES, GROUPS), server);
        pair.run().unwrap();
        for data in [[0, 0, 0, 4], [0, 8, 0, 4], [0, 13, 0, 1], [255; 4]] {
            pair.echo(&data);
        }
    }
}

/// `suite` with keys that last for `records` records.
fn short_lived(suite: SupportedCipherSuite, records: u64) -> SupportedCipherSuite {
    let common = |common: &CipherSuiteCommon| CipherSuiteCommon {
        suite: common.suite,
        hash_provider: common.hash_provider,
        confidentiality_limit: records,
    };
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

#[test]
fn keys_of_tls_1_3_are_replaced_at_the_limit_of_their_use() {
    for suite in SUITES.iter().filter(|suite| suite.tls13().is_some()) {
        let server = server(&[suite.suite()], &[NamedGroup::X25519]);
        let mut pair = Pair::new(provider(&[short_lived(*suite, 4)], GROUPS), server);
        pair.run().unwrap();
        for round in 0..20 {
            pair.echo(&pattern(1000 + round));
        }
    }
}

#[test]
fn keys_of_tls_1_2_end_the_session_at_the_limit_of_their_use() {
    for suite in SUITES.iter().filter(|suite| suite.tls13().is_none()) {
        let server = server(&[suite.suite()], &[NamedGroup::X25519]);
        let mut pair = Pair::new(provider(&[short_lived(*suite, 4)], GROUPS), server);
        pair.run().unwrap();
        // The first record is Finished.
        for _ in 1..4 {
            pair.ours.send(b"data").unwrap();
        }
        let result = pair.ours.send(b"data");
        assert!(
            matches!(result, Err(EncryptError::EncryptExhausted)),
            "{suite:?}"
        );
        pair.run().unwrap();
        assert_eq!(pair.received, b"datadatadata");
        let state = pair.peer.process_new_packets().unwrap();
        assert!(state.peer_has_closed(), "{suite:?}: no close_notify");
    }
}

#[test]
fn limits_of_use_are_those_of_the_documents() {
    for suite in SUITES {
        let (common, chacha20) = match suite {
            SupportedCipherSuite::Tls13(suite) => (
                &suite.common,
                suite.common.suite == CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
            ),
            SupportedCipherSuite::Tls12(suite) => {
                (&suite.common, format!("{suite:?}").contains("CHACHA20"))
            }
        };
        let wanted = if chacha20 { u64::MAX } else { 1 << 24 };
        assert_eq!(common.confidentiality_limit, wanted, "{suite:?}");
    }
}
