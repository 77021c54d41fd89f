//! Memory of one handshake: the terms it runs under, and the CA, certificate and key that they name.
//!
//! Everything here is forgotten when the handshake ends, however it ends.

use cert_bin::content::{self, ContentError, PrivateKey};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::{Mutex, MutexGuard};
use embedded_storage_async::nor_flash::MultiwriteNorFlash;
use heapless::Vec;
use tls_session::identity::{ClientKey, IdentityMemory};
use tls_session::policy::MAX_ANCHORS;
#[cfg(feature = "rustls")]
use tls_session::{Acceptor, ClientAuth, ServerPolicy};
use tls_session::{
    Anchors, Clock, CommonName, Identity, MasterSecret, NameRule, PeerAuth, PeerName, Policy,
    PreSharedKey, Profile, Versions,
};
use x509_facts::KeyKind;
use zeroize::Zeroize;

use super::terms::{PeerTerms, Terms};
use crate::flash::Flash;
use crate::flash::items::Role;
#[cfg(feature = "rustls")]
use crate::links::server::ServerTerms;
use crate::scratch::{SCRATCH, Scratch};
use crate::secret::Psk;
use crate::settings::HostText;
use crate::settings::tls::{AlpnList, SuiteList};
use crate::why::{Cause, ModemError, Stage, Why};
use tls_session::reason::SetupError;

/// Bytes of a private key in DER: RSA of 4096 bits takes 2376 in PKCS#8.
const MAX_KEY: usize = 2560;

/// Keys that a server may have.
#[cfg(feature = "rustls")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerKeys {
    Any,
    /// Those that this processor signs with in the time of a client.
    Quick,
}

#[cfg(feature = "rustls")]
impl ServerKeys {
    /// Bytes of the longest modulus that is quick: RSA-3072 takes 356 M instructions, RSA-4096 746 M.
    const QUICK: usize = 3072 / 8;

    fn check(self, key: &ClientKey<'_>) -> Result<(), Cause> {
        match (self, key) {
            (Self::Quick, ClientKey::Rsa { modulus, .. }) if modulus.len() > Self::QUICK => {
                Err(ModemError::KeyTooSlow.into())
            }
            _ => Ok(()),
        }
    }
}

/// How the server proves who it is, as in [`PeerTerms`].
enum HeldPeer {
    /// No handshake is under way.
    Nobody,
    Chain {
        ca: u8,
    },
    Psk(Psk),
    DangerAnyPeer,
}

/// [`Terms`], copied out of the settings for as long as a handshake lasts.
///
/// The settings may change meanwhile, and a handshake waits for the network, so it cannot borrow them.
struct HeldTerms {
    peer: HeldPeer,
    name: Option<HostText>,
    sni: Option<HostText>,
    alpn: AlpnList,
    versions: Versions,
    suites: SuiteList,
    master_secret: MasterSecret,
    profile: Profile,
    identity: Option<u8>,
}

impl HeldTerms {
    const NONE: Self = Self {
        peer: HeldPeer::Nobody,
        name: None,
        sni: None,
        alpn: AlpnList::new(),
        // All zero, or the buffers of the modem, whole, would be in flash as well.
        versions: Versions::TLS12,
        suites: SuiteList::new(),
        master_secret: MasterSecret::Required,
        profile: Profile::Strict,
        identity: None,
    };
}

/// Memory for one handshake. All of it is zero while there is none.
pub(crate) struct HandshakeMemory {
    terms: HeldTerms,
    certificates: [u8; SCRATCH],
    identity: IdentityMemory,
    key: [u8; MAX_KEY],
}

impl HandshakeMemory {
    pub(crate) const fn new() -> Self {
        Self {
            terms: HeldTerms::NONE,
            certificates: [0; SCRATCH],
            identity: IdentityMemory::new(),
            key: [0; MAX_KEY],
        }
    }
}

/// Handshakes take turns at the memory for them.
pub(crate) type Handshakes = Mutex<NoopRawMutex, HandshakeMemory>;

/// A turn at the memory. Dropping it forgets private key, pre-shared key and terms.
pub(crate) struct Handshake<'m>(MutexGuard<'m, NoopRawMutex, HandshakeMemory>);

impl Drop for Handshake<'_> {
    fn drop(&mut self) {
        self.0.key.zeroize();
        // A pre-shared key wipes itself.
        self.0.terms = HeldTerms::NONE;
    }
}

impl<'m> Handshake<'m> {
    pub(crate) async fn begin(memory: &'m Handshakes) -> Self {
        Self(memory.lock().await)
    }

    /// Copies the terms. Names are as long as in the settings, so they fit.
    pub(crate) fn hold(&mut self, terms: &Terms<'_>) {
        let text = |text: &str| HostText::try_from(text).ok();
        self.0.terms = HeldTerms {
            peer: match terms.peer {
                PeerTerms::Chain { ca } => HeldPeer::Chain { ca },
                PeerTerms::Psk(psk) => HeldPeer::Psk(psk.clone()),
                PeerTerms::DangerAnyPeer => HeldPeer::DangerAnyPeer,
            },
            name: terms.name.text().and_then(text),
            sni: terms.sni.and_then(text),
            alpn: terms.alpn.clone(),
            versions: terms.versions,
            suites: terms.suites.clone(),
            master_secret: terms.master_secret,
            profile: terms.profile,
            identity: terms.identity,
        };
    }

    /// Reads from flash what the terms name. Known to be there before the first packet is sent.
    ///
    /// # Errors
    ///
    /// The item that is missing or cannot be used.
    pub(crate) async fn load<F: MultiwriteNorFlash>(
        &mut self,
        flash: &Flash<F>,
        scratch: &Scratch,
    ) -> Result<Loaded<'_>, Cause> {
        let HandshakeMemory {
            terms,
            certificates,
            identity: message,
            key,
        } = &mut *self.0;
        let identity = match terms.identity {
            Some(number) => {
                let place = IdentityPlace { message, key };
                let roles = (Role::CERTIFICATE, Role::KEY);
                Some(
                    load_identity(
                        flash,
                        scratch,
                        (roles, number),
                        place,
                        &mut certificates[..],
                        |_| Ok(()),
                    )
                    .await?,
                )
            }
            None => None,
        };
        let anchors = match terms.peer {
            HeldPeer::Chain { ca } => {
                load_anchors(flash, scratch, (Role::CA, ca), certificates).await?
            }
            _ => Vec::new(),
        };
        Ok(Loaded {
            alpn: terms.alpn.iter().map(Vec::as_slice).collect(),
            terms,
            anchors,
            identity,
        })
    }
}

impl Handshake<'_> {
    /// Reads the credentials of a server, and makes what its sessions share of them.
    ///
    /// # Errors
    ///
    /// The item that is missing or cannot be used.
    #[cfg(feature = "rustls")]
    pub(crate) async fn acceptor<F: MultiwriteNorFlash>(
        &mut self,
        flash: &Flash<F>,
        scratch: &Scratch,
        terms: ServerTerms,
        keys: ServerKeys,
    ) -> Result<Acceptor, Cause> {
        let HandshakeMemory {
            certificates,
            identity: message,
            key,
            ..
        } = &mut *self.0;
        let place = IdentityPlace { message, key };
        let roles = (Role::SERVER_CERTIFICATE, Role::SERVER_KEY);
        let decoded = &mut certificates[..];
        let check = |key: &ClientKey<'_>| keys.check(key);
        let identity = load_identity(flash, scratch, (roles, 0), place, decoded, check).await?;
        let anchors = match terms.verify_client {
            true => load_anchors(flash, scratch, (Role::SERVER_CA, 0), certificates).await?,
            false => Vec::new(),
        };
        let clients = match terms.verify_client {
            true => ClientAuth::Required(Anchors::new(&anchors)?.under(terms.profile)),
            false => ClientAuth::NotAsked,
        };
        let mut policy = ServerPolicy::new(&identity, clients);
        policy.master_secret = terms.master_secret;
        Ok(Acceptor::new(&policy)?)
    }
}

/// Terms and what they name.
pub(crate) struct Loaded<'m> {
    terms: &'m HeldTerms,
    alpn: Vec<&'m [u8], 5>,
    anchors: Vec<&'m [u8], MAX_ANCHORS>,
    identity: Option<Identity<'m>>,
}

impl Loaded<'_> {
    /// What the session must be.
    ///
    /// # Errors
    ///
    /// Terms that no session can have: text that is no name, a CA that is no certificate.
    pub(crate) fn policy(&self, clock: Clock) -> Result<Policy<'_>, Cause> {
        let name = self.name_rule();
        let peer = match &self.terms.peer {
            HeldPeer::Chain { .. } => PeerAuth::Chain {
                anchors: Anchors::new(&self.anchors)?.under(self.terms.profile),
                name: name?,
                clock,
            },
            HeldPeer::Psk(psk) => {
                PeerAuth::PreSharedKey(PreSharedKey::new(&psk.identity, psk.key.reveal())?)
            }
            HeldPeer::DangerAnyPeer => {
                espat_log::warn!("the server's certificate is not checked");
                PeerAuth::DangerAnyPeer
            }
            HeldPeer::Nobody => return Err(ModemError::StrictPolicy.into()),
        };
        // Text that is no name is refused in every mode, checked or not.
        name?;
        Ok(Policy {
            sni: self.terms.sni.as_deref(),
            alpn: &self.alpn,
            versions: self.terms.versions,
            suites: &self.terms.suites,
            master_secret: self.terms.master_secret,
            identity: self.identity.as_ref(),
            ..Policy::new(peer)
        })
    }

    /// Why the terms make no policy, with the name where that is what is wrong.
    pub(crate) fn refusal(&self, cause: Cause) -> Why {
        let why = Why::new(Stage::Setup, cause);
        match (cause, &self.terms.name) {
            (Cause::Tls(tls_session::Cause::Setup(SetupError::NameInvalid)), Some(name)) => {
                why.finding(format_args!("'{name}'"))
            }
            _ => why,
        }
    }

    /// ESP-AT checks the name only where one is configured; `AT+SSLPOLICY?` then prints `name=none`. The CN counts as in
    /// Mbed TLS, but not in the strict mode (RFC 9525 §2).
    fn name_rule(&self) -> Result<NameRule<'_>, Cause> {
        match &self.terms.name {
            Some(name) => Ok(NameRule::MustMatch {
                name: PeerName::new(name)?,
                common_name: match self.terms.profile {
                    Profile::Strict => CommonName::Ignored,
                    Profile::Lenient => CommonName::CountsWithoutSan,
                },
            }),
            None => Ok(NameRule::DangerAnyName),
        }
    }
}

/// Where an identity lives during a handshake.
struct IdentityPlace<'m> {
    message: &'m mut IdentityMemory,
    key: &'m mut [u8; MAX_KEY],
}

/// Hands the content of an item to `read`. The scratch memory holds it meanwhile.
async fn with_item<F: MultiwriteNorFlash, T>(
    flash: &Flash<F>,
    scratch: &Scratch,
    (role, number): (&Role, u8),
    read: impl FnOnce(&[u8]) -> Result<T, Cause>,
) -> Result<T, Cause> {
    let mut raw = scratch.lock().await;
    let item = flash.item(role, number, &mut raw[..]).await;
    item.and_then(read)
}

/// Reads an item of CAs into `der`, one slice per certificate.
async fn load_anchors<'d, F: MultiwriteNorFlash>(
    flash: &Flash<F>,
    scratch: &Scratch,
    (role, number): (Role, u8),
    der: &'d mut [u8],
) -> Result<Vec<&'d [u8], MAX_ANCHORS>, Cause> {
    with_item(flash, scratch, (&role, number), |content| {
        content::decode_certificates::<MAX_ANCHORS>(content, der)
            .map(|certificates| certificates.der)
            .map_err(|_| role.unusable(content))
    })
    .await
}

/// Reads item `number` of certificate and key. `decoded` is free again afterwards.
async fn load_identity<'m, F: MultiwriteNorFlash>(
    flash: &Flash<F>,
    scratch: &Scratch,
    ((certificate, key), number): ((Role, Role), u8),
    place: IdentityPlace<'m>,
    decoded: &mut [u8],
    check: impl FnOnce(&ClientKey<'_>) -> Result<(), Cause>,
) -> Result<Identity<'m>, Cause> {
    let IdentityPlace {
        message,
        key: decoded_key,
    } = place;
    let chain = with_item(flash, scratch, (&certificate, number), |content| {
        content::decode_certificates::<MAX_ANCHORS>(content, decoded)
            .map(|certificates| certificates.der)
            .map_err(|_| certificate.unusable(content))
    })
    .await?;
    let key = with_item(flash, scratch, (&key, number), |content| {
        content::decode_private_key(content, decoded_key).map_err(|error| match error {
            ContentError::EncryptedKey => Cause::Modem(ModemError::KeyEncrypted),
            _ => key.unusable(content),
        })
    })
    .await?;
    let key = parts(&key)?;
    check(&key)?;
    Ok(Identity::new(&chain, key, message)?)
}

/// A key of the image as one that can sign.
fn parts<'k>(key: &PrivateKey<'k>) -> Result<ClientKey<'k>, Cause> {
    let secret = key
        .curve_secret()
        .ok_or(Cause::setup(SetupError::KeyUnreadable));
    match key.kind {
        KeyKind::P256 => Ok(ClientKey::P256(secret?)),
        KeyKind::P384 => Ok(ClientKey::P384(secret?)),
        KeyKind::Ed25519 => Ok(ClientKey::Ed25519(secret?)),
        KeyKind::Rsa { .. } => {
            let (Some((modulus, public_exponent)), Some(private)) =
                (key.rsa_public(), key.rsa_factors())
            else {
                return Err(Cause::setup(SetupError::KeyUnreadable));
            };
            Ok(ClientKey::Rsa {
                modulus,
                public_exponent,
                primes: private.primes,
                exponents: private.exponents,
                coefficient: private.coefficient,
            })
        }
        _ => Err(Cause::setup(SetupError::KeyUnsupported)),
    }
}
