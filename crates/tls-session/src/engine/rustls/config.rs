//! A policy as a configuration of rustls.

use alloc::vec::Vec;
use core::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::{IpAddr, Ipv4Addr, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, SupportedCipherSuite, SupportedProtocolVersion, version};
use tls_provider::sync::Arc;
use tls_provider::{GROUPS, SUITES, provider};

use super::judge::Judge;
use super::resume::Resume;
use crate::policy::{MasterSecret, Policy, Versions};
use crate::reason::{Cause, ProtocolViolation, SetupError};
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

/// Makes the configuration of one session; `chunk` is the room for one of our records, header included. `resume` is for
/// one that may be resumed.
///
/// # Errors
///
/// [`SetupError::NoSuite`] where nothing is left to offer.
pub(super) fn configure(
    policy: &Policy<'_>,
    judge: &Arc<Judge>,
    resume: Option<&Resume>,
    chunk: usize,
) -> Result<ClientConfig, Cause> {
    let mut suites = suites_of(policy.versions, policy.suites);
    for suite in &mut suites {
        *suite = given(*suite, resume.is_some());
    }
    let time: Arc<dyn TimeProvider> = match resume {
        None => Arc::new(NoTime),
        Some(resume) => Arc::new(resume.time()),
    };
    let mut config = ClientConfig::builder_with_details(Arc::new(provider(&suites, GROUPS)), time)
        .with_protocol_versions(&versions_of(&suites))
        .map_err(|_| SetupError::NoSuite)?
        .dangerous()
        .with_custom_certificate_verifier(judge.clone())
        .with_client_cert_resolver(judge.clone());
    config.alpn_protocols = policy.alpn.iter().map(|name| name.to_vec()).collect();
    config.enable_sni = policy.sni.is_some();
    config.max_fragment_size = Some(chunk);
    config.resumption = match resume {
        None => Resumption::disabled(),
        Some(resume) => Resumption::store(resume.bound()),
    };
    // Early data can be replayed.
    config.enable_early_data = false;
    config.require_ems = policy.master_secret == MasterSecret::Required;
    Ok(config)
}

/// What goes into SNI. An address never does, so it stands for "none".
pub(super) fn server_name(policy: &Policy<'_>) -> Result<ServerName<'static>, Cause> {
    match policy.sni {
        Some(name) => ServerName::try_from(name)
            .map(|name| name.to_owned())
            .map_err(|_| SetupError::NameInvalid.into()),
        None => Ok(ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0; 4])))),
    }
}

/// rustls could not begin.
pub(super) fn not_begun(error: &rustls::Error) -> Cause {
    match error {
        rustls::Error::FailedToGetRandomBytes => {
            ProtocolViolation::Engine(crate::reason::EngineError::Random).into()
        }
        _ => SetupError::NoSuite.into(),
    }
}
