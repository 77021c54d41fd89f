//! What sessions of rustls leave in the memory of their heap: none of their secrets, and no private key. One test, because
//! a program has one heap.

#![cfg(all(feature = "rustls", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    reason = "doubles and checks of tests, not all of them used here"
)]

#[path = "engines/peer.rs"]
mod peer;
#[path = "support/sessions.rs"]
mod sessions;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rustls::KeyLog;
use tls_doubles::io::{End, Faults};
use tls_doubles::keys::KeyKind;
use tls_doubles::pki::Family;
use tls_session::Versions;
use tls_session::verify::Version;

use sessions::{Case, FULL, content, session_over, start};

/// The secrets of sessions, as their servers tell them.
#[derive(Debug, Default)]
struct Secrets(Mutex<Vec<(String, Vec<u8>)>>);

impl KeyLog for Secrets {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        let mut all = self.0.lock().unwrap();
        all.push((label.to_owned(), secret.to_vec()));
    }
}

/// The secrets of which eight bytes in a row are in memory.
fn found(secrets: &[(String, Vec<u8>)]) -> Vec<&str> {
    let parts = secrets
        .iter()
        .flat_map(|(name, secret)| secret.windows(8).map(move |part| (part, name.as_str())));
    let parts: HashMap<&[u8], &str> = parts.collect();
    let memory = content();
    let mut found: Vec<&str> = memory
        .windows(8)
        .filter_map(|part| parts.get(part).copied())
        .collect();
    found.dedup();
    found
}

/// One session, and how many secrets it had.
fn leaves_nothing(mut case: Case, offers: Versions, faults: Faults) -> usize {
    let log = Arc::<Secrets>::default();
    case.key_log = Some(log.clone());
    let what = format!("{} with {faults:?}", case.name);
    let _ = session_over(&case, &FULL, offers, faults);
    let mut secrets = log.0.lock().unwrap().clone();
    let count = secrets.len();
    // Modulus and exponent of an RSA key are public.
    let key = case.own.iter().flat_map(|own| match &own.key[..] {
        [scalar] => vec![scalar.clone()],
        parts => parts[2..].to_vec(),
    });
    secrets.extend(key.map(|part| ("private key".to_owned(), part)));
    secrets.push(("data".to_owned(), vec![8; 64]));
    assert_eq!(found(&secrets), [""; 0], "{what}");
    count
}

#[test]
fn of_a_session_of_rustls_nothing_stays_on_its_heap_however_it_ends() {
    start(256 * 1024, 24 * 1024);
    let (ec, rsa) = (Family::new(KeyKind::P256), Family::new(KeyKind::Rsa(2048)));
    for (version, offers, at_least) in [
        (Version::Tls12, Versions::TLS12, 1),
        (Version::Tls13, Versions::TLS13, 5),
    ] {
        let cases = || {
            [
                Case::new("P-256", &ec, version),
                Case::new("P-256, mutual", &ec, version).mutual(KeyKind::P256),
                Case::new("RSA, mutual", &rsa, version).mutual(KeyKind::Rsa(2048)),
                Case::new("P-256, mutual", &ec, version)
                    .mutual(KeyKind::P256)
                    .on_heap(),
            ]
        };
        for case in cases() {
            let count = leaves_nothing(case, offers, Faults::default());
            assert!(count >= at_least, "{count} secrets");
        }
        for (at, end) in (0..3000)
            .step_by(450)
            .zip([End::Eof, End::Error].into_iter().cycle())
        {
            for case in cases() {
                let faults = Faults {
                    cut: Some((at, end)),
                    ..Faults::default()
                };
                leaves_nothing(case, offers, faults);
            }
        }
    }
}
