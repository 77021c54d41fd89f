//! What rustls is given of suites, versions and the time, in either role.

use alloc::vec::Vec;
use core::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use rustls::{SupportedCipherSuite, SupportedProtocolVersion, version};
use tls_provider::SUITES;

use crate::policy::Versions;
use crate::verify::Version;

/// rustls asks for the time only to hand it to a verifier and to age tickets; the clock is the policy's.
#[derive(Debug)]
pub(super) struct NoTime;

impl TimeProvider for NoTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::ZERO))
    }
}

const fn version_of(suite: &SupportedCipherSuite) -> Version {
    match suite {
        SupportedCipherSuite::Tls12(_) => Version::Tls12,
        SupportedCipherSuite::Tls13(_) => Version::Tls13,
    }
}

/// The suites of this build that a policy takes.
pub(super) fn suites_of(versions: Versions, numbers: &[u16]) -> Vec<SupportedCipherSuite> {
    let offered = |suite: &&SupportedCipherSuite| {
        let number = u16::from(suite.suite());
        versions.contains(version_of(suite)) && (numbers.is_empty() || numbers.contains(&number))
    };
    let offered = SUITES.iter().filter(offered).copied();
    offered.collect()
}

/// What rustls is given in place of a suite.
pub(super) fn given(suite: SupportedCipherSuite, resumes: bool) -> SupportedCipherSuite {
    let suite = match resumes {
        true => tls_provider::with_tickets(suite),
        false => suite,
    };
    #[cfg(test)]
    let suite = super::tests::limited(suite);
    suite
}

/// The versions that rustls is given with suites.
pub(super) fn versions_of(
    suites: &[SupportedCipherSuite],
) -> Vec<&'static SupportedProtocolVersion> {
    let mut versions: Vec<&'static SupportedProtocolVersion> = Vec::new();
    for version in [&version::TLS13, &version::TLS12] {
        if suites.iter().any(|suite| suite.version() == version) {
            versions.push(version);
        }
    }
    versions
}

/// The versions that a policy offers: those of its versions for which it has a suite. `None` for none.
pub(super) fn offered(versions: Versions, numbers: &[u16]) -> Option<Versions> {
    let suites = suites_of(versions, numbers);
    let min = suites.iter().map(version_of).min()?;
    let max = suites.iter().map(version_of).max()?;
    Versions::new(min, max)
}
