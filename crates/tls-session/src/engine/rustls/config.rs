//! A policy as a configuration of rustls.

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::{IpAddr, Ipv4Addr, ServerName};
use rustls::time_provider::TimeProvider;
use tls_provider::sync::Arc;
use tls_provider::{GROUPS, provider};

use super::judge::Judge;
use super::resume::Resume;
use super::suites::{NoTime, given, suites_of, versions_of};
use crate::policy::{MasterSecret, Policy};
use crate::reason::{Cause, ProtocolViolation, SetupError};

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
    let mut groups = GROUPS.to_vec();
    if let Some(share) = resume.and_then(Resume::share) {
        // rustls makes its share for the first. Many servers go by the order, too: they would ask for another one.
        groups.sort_by_key(|group| group.name() != share);
    }
    let mut config = ClientConfig::builder_with_details(Arc::new(provider(&suites, &groups)), time)
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
    #[cfg(feature = "danger-secret-log")]
    super::danger_secret_log::apply(&mut config);
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
