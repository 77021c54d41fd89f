//! Who we are, for a server that asks: what it gets is verified with the primitives directly.

use std::sync::{Arc, Mutex};

use embedded_io_async::Read;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use tls_session::identity::{ClientKey, IdentityMemory};
use tls_session::reason::{NegotiationError, StreamError};
use tls_session::verify::Version;
use tls_session::{Identity, Policy, Reason, Stage};

use tls_doubles::keys::{Key, KeyKind, verify_handshake};
use tls_doubles::pki::{Family, Issued, Spec, spki_of};
use tls_doubles::rng::TestRng;

use crate::client::{Attempt, chain, exchange};
use crate::openings::{KINDS, VERSIONS};
use crate::peer::Serves;

const PSS: [u16; 3] = [0x0804, 0x0805, 0x0806];
const PKCS1: [u16; 3] = [0x0401, 0x0501, 0x0601];
const ALL: [u16; 9] = [
    0x0403, 0x0503, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601,
];

/// What a client showed, and the scheme with which it proved its key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Shown {
    chain: Vec<Vec<u8>>,
    scheme: Option<u16>,
}

/// Asks for a certificate, and takes every one whose key signed.
#[derive(Debug)]
struct Asks {
    schemes: Vec<u16>,
    mandatory: bool,
    /// Names of CAs, made up.
    hints: Vec<DistinguishedName>,
    shown: Arc<Mutex<Shown>>,
}

impl Asks {
    fn new(schemes: &[u16]) -> Self {
        Self {
            schemes: schemes.to_vec(),
            mandatory: true,
            hints: Vec::new(),
            shown: Arc::default(),
        }
    }

    fn check(
        &self,
        message: &[u8],
        cert: &[u8],
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let scheme = u16::from(signed.scheme);
        assert!(
            self.schemes.contains(&scheme),
            "{scheme:x} was not asked for"
        );
        let spki = spki_of(cert);
        assert!(verify_handshake(&spki, scheme, message, signed.signature()));
        self.shown.lock().unwrap().scheme = Some(scheme);
        Ok(HandshakeSignatureValid::assertion())
    }
}

impl ClientCertVerifier for Asks {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let all = std::iter::once(leaf).chain(others);
        self.shown.lock().unwrap().chain = all.map(|der| der.to_vec()).collect();
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let schemes = self.schemes.iter();
        schemes
            .map(|scheme| SignatureScheme::from(*scheme))
            .collect()
    }
}

fn parts_as_key<'p>(parts: &'p [Vec<u8>], of: &Key) -> ClientKey<'p> {
    match of {
        Key::P256(_) => ClientKey::P256(&parts[0]),
        Key::P384(_) => ClientKey::P384(&parts[0]),
        Key::Ed25519(_) => ClientKey::Ed25519(&parts[0]),
        Key::Rsa(_) => ClientKey::Rsa {
            modulus: &parts[0],
            public_exponent: &parts[1],
            primes: [&parts[2], &parts[3]],
            exponents: [&parts[4], &parts[5]],
            coefficient: &parts[6],
        },
    }
}

/// A client of `kind` under an intermediate of its own.
fn client(kind: KeyKind) -> [Issued; 2] {
    let root = Issued::self_signed(Spec::ca("Client Root"), Key::new(KeyKind::P256, 20));
    let intermediate = root.issue(Spec::ca("Client Intermediate"), Key::new(KeyKind::P256, 21));
    let leaf = intermediate.issue(Spec::client("meter-7"), Key::new(kind, 0));
    [leaf, intermediate]
}

/// Opens a session with a server that asks, and returns what it got.
fn meet(
    asks: Asks,
    version: Version,
    (server, identity): (KeyKind, Option<&Identity<'_>>),
) -> (Result<(), Reason>, Shown) {
    let family = Family::new(server);
    let anchors: &[&[u8]] = &[&family.root.der];
    let shown = asks.shown.clone();
    let serves = Serves {
        clients: Arc::new(asks),
        ..Serves::only(&family.site(), version)
    };
    let policy = Policy {
        identity,
        ..chain(anchors)
    };
    let (result, wire) = Attempt::new(serves.peer(), policy).with(async |mut session, wire| {
        if wire.server().error.is_some() {
            // It has refused us, and says so where data would come.
            let (mut rx, _) = session.split();
            return rx.read(&mut [0; 8]).await.map(|_| ());
        }
        exchange(&mut session, wire, 1000).await?;
        session.close().await
    });
    let result = result.and_then(|inner| inner);
    if result.is_err() {
        assert_eq!(wire.server().app, b"");
    }
    let shown = shown.lock().unwrap().clone();
    (result, shown)
}

#[test]
fn duty_26_and_55_every_kind_of_key_proves_itself_in_each_version() {
    for kind in KINDS {
        let [leaf, intermediate] = client(kind);
        let parts = leaf.key.private_parts();
        let mut memory = IdentityMemory::<4096>::new();
        let ders: &[&[u8]] = &[&intermediate.der, &leaf.der];
        let key = parts_as_key(&parts, &leaf.key);
        let identity = Identity::new(ders, key, &mut memory).unwrap();
        for version in VERSIONS {
            for server in [KeyKind::P256, KeyKind::Rsa(2048)] {
                let (result, shown) = meet(Asks::new(&ALL), version, (server, Some(&identity)));
                assert_eq!(result, Ok(()), "{kind:?} {version:?}");
                let expected = Shown {
                    chain: vec![leaf.der.clone(), intermediate.der.clone()],
                    scheme: Some(leaf.key.scheme()),
                };
                assert_eq!(shown, expected, "{kind:?} {version:?}");
            }
        }
    }
}

/// PSS where it is taken; PKCS#1 v1.5 only in TLS 1.2, and where nothing else is.
#[test]
fn duty_55_an_rsa_key_signs_with_what_the_server_takes() {
    let [leaf, intermediate] = client(KeyKind::Rsa(2048));
    let parts = leaf.key.private_parts();
    let mut memory = IdentityMemory::<4096>::new();
    let ders: &[&[u8]] = &[&leaf.der, &intermediate.der];
    let key = parts_as_key(&parts, &leaf.key);
    let identity = Identity::new(ders, key, &mut memory).unwrap();
    let offers = PSS.iter().chain(&PKCS1).map(|scheme| vec![*scheme]);
    let offers = offers.chain([PSS.to_vec(), PKCS1.to_vec(), ALL.to_vec()]);
    for offer in offers {
        for version in VERSIONS {
            let (result, shown) =
                meet(Asks::new(&offer), version, (KeyKind::P256, Some(&identity)));
            let ours = PSS.iter().chain(match version {
                Version::Tls12 => &PKCS1[..],
                Version::Tls13 => &[],
            });
            let expected = ours.copied().find(|scheme| offer.contains(scheme));
            assert_eq!(shown.scheme, expected, "{version:?} {offer:x?}");
            let refused = NegotiationError::ClientSignatureScheme.into();
            match expected {
                Some(_) => assert_eq!(result, Ok(()), "{version:?} {offer:x?}"),
                None => assert_eq!(result.unwrap_err().cause, refused, "{version:?} {offer:x?}"),
            }
        }
    }
}

#[test]
fn duty_54_without_a_scheme_in_common_there_is_no_session() {
    for kind in KINDS {
        let [leaf, _] = client(kind);
        let parts = leaf.key.private_parts();
        let mut memory = IdentityMemory::<4096>::new();
        let key = parts_as_key(&parts, &leaf.key);
        let identity = Identity::new(&[&leaf.der], key, &mut memory).unwrap();
        let others: Vec<u16> = match kind {
            KeyKind::Rsa(_) => vec![0x0403, 0x0807],
            kind => {
                let ours = Key::new(kind, 0).scheme();
                ALL.into_iter().filter(|scheme| *scheme != ours).collect()
            }
        };
        for version in VERSIONS {
            for mandatory in [false, true] {
                let asks = Asks {
                    mandatory,
                    ..Asks::new(&others)
                };
                let (result, shown) = meet(asks, version, (KeyKind::P256, Some(&identity)));
                let reason = result.unwrap_err();
                let cause = NegotiationError::ClientSignatureScheme.into();
                assert_eq!(reason.cause, cause, "{kind:?} {version:?}");
                assert_eq!(reason.stage, Stage::Finished);
                assert_eq!(shown, Shown::default());
            }
        }
    }
}

/// An empty Certificate; what the server makes of it is the reason.
#[test]
fn duty_28_and_53_without_an_identity_the_server_decides() {
    for version in VERSIONS {
        let asks = Asks {
            mandatory: false,
            ..Asks::new(&ALL)
        };
        let (result, shown) = meet(asks, version, (KeyKind::P256, None));
        assert_eq!((result, shown), (Ok(()), Shown::default()), "{version:?}");

        let (result, _) = meet(Asks::new(&ALL), version, (KeyKind::P256, None));
        let reason = result.unwrap_err();
        assert_eq!(reason.cause, StreamError::PeerAlert(116).into());
        let words = "server alert: certificate required (116): server wants a certificate from us, and got none";
        assert_eq!(reason.to_string(), words, "{version:?}");
    }
}

#[test]
fn duty_26_who_is_not_asked_does_not_tell() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let [leaf, _] = client(KeyKind::P256);
    let parts = leaf.key.private_parts();
    let mut memory = IdentityMemory::<4096>::new();
    let key = parts_as_key(&parts, &leaf.key);
    let identity = Identity::new(&[&leaf.der], key, &mut memory).unwrap();
    for version in VERSIONS {
        let policy = Policy {
            identity: Some(&identity),
            ..chain(anchors)
        };
        let serves = Serves::only(&family.site(), version);
        let (result, wire) = Attempt::new(serves.peer(), policy).with(async |mut session, wire| {
            exchange(&mut session, wire, 10).await?;
            session.close().await
        });
        assert_eq!(result, Ok(Ok(())));
        assert!(wire.server().server().peer_certificates().is_none());
    }
}

/// The names of 150 CAs, as a server with the system's roots sends them.
#[test]
fn duty_82_a_long_list_of_cas_is_read() {
    let [leaf, _] = client(KeyKind::P256);
    let parts = leaf.key.private_parts();
    let mut memory = IdentityMemory::<4096>::new();
    let key = parts_as_key(&parts, &leaf.key);
    let identity = Identity::new(&[&leaf.der], key, &mut memory).unwrap();
    for version in VERSIONS {
        let asks = Asks {
            // SEQUENCE of 105 bytes, as long as the average.
            hints: vec![DistinguishedName::in_sequence(&[0x31; 105]); 150],
            ..Asks::new(&ALL)
        };
        let (result, shown) = meet(asks, version, (KeyKind::P256, Some(&identity)));
        assert_eq!(result, Ok(()), "{version:?}");
        assert_eq!(shown.scheme, Some(0x0403));
    }
}

/// Against the `rsa` crate, with each hash; nothing of the kind in TLS 1.3.
#[test]
fn duty_55_pkcs1_signatures_are_what_the_rsa_crate_verifies() {
    for bits in [2048, 3072, 4096] {
        let [leaf, _] = client(KeyKind::Rsa(bits));
        let parts = leaf.key.private_parts();
        let mut memory = IdentityMemory::<4096>::new();
        let key = parts_as_key(&parts, &leaf.key);
        let identity = Identity::new(&[&leaf.der], key, &mut memory).unwrap();
        for scheme in PKCS1.into_iter().chain(PSS) {
            let mut rng = TestRng::new(3);
            for message in [&b""[..], b"all messages so far", &[0x5a; 5000]] {
                let signature = identity
                    .sign(Version::Tls12, scheme, message, &mut rng)
                    .unwrap();
                assert_eq!(signature.len(), bits / 8);
                let spki = leaf.key.spki();
                assert!(verify_handshake(&spki, scheme, message, &signature));
                assert!(!verify_handshake(&spki, scheme, b"another", &signature));
            }
            let in_13 = identity.sign(Version::Tls13, scheme, b"", &mut rng);
            assert_eq!(in_13.is_ok(), PSS.contains(&scheme), "{scheme:x}");
        }
    }
}
