//! The demo's certificates, made afresh at every run; no key but the published RSA one outlives it.
//!
//! ```text
//! espat demo CA (P-256) ─┬─ broker.local, 192.168.3.129, 127.0.0.1      P-256
//!                        ├─ the same names                              RSA-2048
//!                        ├─ the same names, expired / not yet valid     P-256
//!                        ├─ elsewhere.local                             P-256
//!                        ├─ module.local, the modem as a server         P-256
//!                        ├─ meter-7, a client of the modem's            P-256
//!                        └─ espat demo intermediate ─ broker.local …    P-256, the intermediate is never sent
//! espat demo other CA (P-256), of the same shape, signs nothing
//! ```
//!
//! An ECDSA CA may sign a certificate for an RSA key: the CA's signature and the server's key are
//! checked apart, so one CA serves both kinds of server.

use rcgen::ExtendedKeyUsagePurpose::{self, ClientAuth, ServerAuth};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// The name the demo asks for with `AT+CIPSSLCCN`.
pub(super) const SERVER_NAME: &str = "broker.local";
/// The address the story connects to.
pub(super) const SERVER_ADDRESS: &str = "192.168.3.129";

const RSA_KEY: &str = include_str!("data/rsa2048.key.pem");

/// First day of a certificate, and the first day after it.
type Dates = [(i32, u8, u8); 2];
const VALID: Dates = [(2020, 1, 1), (2060, 1, 1)];
const EXPIRED: Dates = [(2020, 1, 1), (2021, 1, 1)];
const FUTURE: Dates = [(2090, 1, 1), (2091, 1, 1)];

/// The name of the modem as a server.
pub(super) const MODULE_NAME: &str = "module.local";
/// The name of the modem's client.
pub(super) const CLIENT_NAME: &str = "meter-7";

/// What a server or a client presents, and the key it proves.
pub(super) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }

    /// The first certificate, DER.
    pub(super) fn certificate(&self) -> &[u8] {
        self.chain.first().map(AsRef::as_ref).unwrap_or_default()
    }

    /// The key, PKCS#8 in DER.
    pub(super) fn key_der(&self) -> &[u8] {
        self.key.secret_der()
    }
}

/// Everything the story needs.
pub(super) struct Pki {
    /// PEM of the CA to load.
    pub(super) ca: String,
    /// PEM of a CA that signed none of the servers.
    pub(super) other_ca: String,
    pub(super) p256: Identity,
    pub(super) rsa: Identity,
    pub(super) expired: Identity,
    pub(super) future: Identity,
    pub(super) other_name: Identity,
    /// Signed by an intermediate that the server does not send.
    pub(super) orphan: Identity,
    /// The modem as a server.
    pub(super) module: Identity,
    /// A client of the modem's.
    pub(super) client: Identity,
}

impl Pki {
    pub(super) fn make() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let ca = CertifiedIssuer::self_signed(authority("espat demo CA")?, key)?;
        let other_ca =
            CertifiedIssuer::self_signed(authority("espat demo other CA")?, KeyPair::generate()?)?;
        let intermediate = CertifiedIssuer::signed_by(
            authority("espat demo intermediate")?,
            KeyPair::generate()?,
            &ca,
        )?;
        let rsa_key = KeyPair::from_pkcs8_pem_and_sign_algo(RSA_KEY, &PKCS_RSA_SHA256)?;
        let p256 = KeyPair::generate;
        Ok(Self {
            ca: ca.pem(),
            other_ca: other_ca.pem(),
            p256: identity(&ca, &p256()?, SERVER_NAME, VALID)?,
            rsa: identity(&ca, &rsa_key, SERVER_NAME, VALID)?,
            expired: identity(&ca, &p256()?, SERVER_NAME, EXPIRED)?,
            future: identity(&ca, &p256()?, SERVER_NAME, FUTURE)?,
            other_name: identity(&ca, &p256()?, "elsewhere.local", VALID)?,
            orphan: identity(&intermediate, &p256()?, SERVER_NAME, VALID)?,
            module: identity(&ca, &p256()?, MODULE_NAME, VALID)?,
            client: identity_for(&ca, &p256()?, CLIENT_NAME, ClientAuth, VALID)?,
        })
    }
}

fn authority(common_name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new([])?;
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    set_dates(&mut params, VALID);
    Ok(params)
}

fn identity(
    issuer: &Issuer<'_, KeyPair>,
    key: &KeyPair,
    name: &str,
    dates: Dates,
) -> Result<Identity, rcgen::Error> {
    identity_for(issuer, key, name, ServerAuth, dates)
}

fn identity_for(
    issuer: &Issuer<'_, KeyPair>,
    key: &KeyPair,
    name: &str,
    purpose: ExtendedKeyUsagePurpose,
    dates: Dates,
) -> Result<Identity, rcgen::Error> {
    let names = [name, SERVER_ADDRESS, "127.0.0.1"].map(String::from);
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    set_dates(&mut params, dates);
    let certificate = params.signed_by(key, issuer)?;
    Ok(Identity {
        chain: vec![certificate.into()],
        key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
    })
}

fn set_dates(params: &mut CertificateParams, dates: Dates) {
    let [from, to] = dates.map(|(year, month, day)| date_time_ymd(year, month, day));
    params.not_before = from;
    params.not_after = to;
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject;
    use tls_session::reason::CertificateError;
    use tls_session::{
        Anchors, Cause, Clock, CommonName, NameRule, PeerName, Policy, Timestamp, verify_server,
    };

    #[test]
    fn the_modem_s_own_verifier_accepts_and_refuses_as_the_story_says() {
        let pki = Pki::make().unwrap();
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let [ca, other_ca] = [&pki.ca, &pki.other_ca].map(|pem| der(pem));
        // 2026-01-01.
        let now = Clock::At(Timestamp::from_unix(1_767_225_600));
        let verdict = |identity: &Identity, ca: &CertificateDer<'_>, clock| {
            let certificates = [ca.as_ref()];
            let name = NameRule::MustMatch {
                name: PeerName::new(SERVER_NAME).unwrap(),
                common_name: CommonName::CountsWithoutSan,
            };
            let policy = Policy::chain(Anchors::new(&certificates).unwrap(), name, clock);
            let chain: Vec<&[u8]> = identity.chain.iter().map(AsRef::as_ref).collect();
            verify_server(&policy, &chain).map_err(|reason| {
                (
                    reason.cause,
                    format!("{} < {}", reason.subject, reason.wanted),
                )
            })
        };
        for good in [&pki.p256, &pki.rsa] {
            verdict(good, &ca, now).unwrap();
        }
        let why = |identity, ca, clock| {
            let (cause, who) = verdict(identity, ca, clock).unwrap_err();
            assert_eq!(cause.mbedtls(), -0x2700);
            (cause, who)
        };
        let not_trusted = |who: &str| (Cause::from(CertificateError::NotTrusted), who.to_owned());
        assert_eq!(
            why(&pki.p256, &other_ca, now),
            not_trusted("CN=broker.local < CN=espat demo CA")
        );
        assert_eq!(
            why(&pki.orphan, &ca, now),
            not_trusted("CN=broker.local < CN=espat demo intermediate")
        );
        let (cause, who) = why(&pki.expired, &ca, now);
        assert_eq!(who, "CN=broker.local < 2021-01-01T00:00:00Z");
        assert!(matches!(
            cause,
            Cause::Certificate(CertificateError::Expired { .. })
        ));
        let (cause, who) = why(&pki.future, &ca, now);
        assert_eq!(who, "CN=broker.local < 2090-01-01T00:00:00Z");
        assert!(matches!(
            cause,
            Cause::Certificate(CertificateError::NotYetValid { .. })
        ));
        let (cause, who) = why(&pki.p256, &ca, Clock::Unset);
        assert_eq!(who, "CN=broker.local < 2020-01-01T00:00:00Z");
        assert_eq!(cause, Cause::from(CertificateError::ClockNotSet));
        let (cause, who) = why(&pki.other_name, &ca, now);
        assert_eq!(who, "CN=elsewhere.local < broker.local");
        assert_eq!(cause, Cause::from(CertificateError::NameMismatch));
    }
}
