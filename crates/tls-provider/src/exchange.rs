//! Key exchange groups: P-256, X25519 and P-384 (RFC 8422 §5.10, RFC 8446 §4.2.8.2).
//!
//! A peer's point must be uncompressed, of the exact length and on the curve; the result of X25519 must
//! not be zero (RFC 7748 §6.1). Anything else is [`PeerMisbehaved::InvalidKeyShare`].

use alloc::boxed::Box;
use core::fmt;
use core::marker::PhantomData;

use elliptic_curve::ecdh::diffie_hellman;
use elliptic_curve::point::PointCompression;
use elliptic_curve::sec1::{EncodedPoint, FromEncodedPoint, ModulusSize, ToEncodedPoint};
use elliptic_curve::{
    AffinePoint, CurveArithmetic, FieldBytes, FieldBytesSize, NonZeroScalar, PublicKey, SecretKey,
};
use rand_core::RngCore as _;
use rustls::crypto::{ActiveKeyExchange, GetRandomFailed, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved};
use x25519_dalek::StaticSecret;
use zeroize::{Zeroize as _, Zeroizing};

use crate::random::Pool;

#[cfg(not(feature = "p384-compact"))]
use p384::NistP384;
#[cfg(feature = "p384-compact")]
use p384_compact::NistP384;

/// P-256, then X25519, then P-384: the first one is what a TLS 1.3 client sends a key share for.
pub static GROUPS: &[&'static dyn SupportedKxGroup] = &[&SECP256R1, &X25519, &SECP384R1];

static SECP256R1: Weierstrass<p256::NistP256> = Weierstrass::new(NamedGroup::secp256r1);
static SECP384R1: Weierstrass<NistP384> = Weierstrass::new(NamedGroup::secp384r1);

/// How often a private key is drawn. Random bytes are no scalar of P-256 once in 2^32 times, and of
/// P-384 less often; three such draws in a row mean that the bytes are not random.
const DRAWS: usize = 3;

/// The first byte of an uncompressed point (SEC 1 §2.3.3), the only form that TLS knows.
const UNCOMPRESSED: u8 = 4;

fn invalid() -> Error {
    PeerMisbehaved::InvalidKeyShare.into()
}

/// A curve of NIST.
struct Weierstrass<C> {
    group: NamedGroup,
    curve: PhantomData<fn() -> C>,
}

impl<C> Weierstrass<C> {
    const fn new(group: NamedGroup) -> Self {
        Self {
            group,
            curve: PhantomData,
        }
    }
}

impl<C> fmt::Debug for Weierstrass<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.group.fmt(f)
    }
}

impl<C> SupportedKxGroup for Weierstrass<C>
where
    C: CurveArithmetic + PointCompression,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromEncodedPoint<C> + ToEncodedPoint<C>,
{
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Ok(Box::new(WeierstrassExchange::new(self.group, draw::<C>()?)))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        self.group
    }
}

fn draw<C: CurveArithmetic>() -> Result<SecretKey<C>, GetRandomFailed> {
    let mut random = Pool.generator()?;
    let mut bytes = FieldBytes::<C>::default();
    for _ in 0..DRAWS {
        random.fill_bytes(&mut bytes);
        let secret = SecretKey::from_bytes(&bytes);
        bytes.zeroize();
        if let Ok(secret) = secret {
            return Ok(secret);
        }
    }
    Err(GetRandomFailed)
}

struct WeierstrassExchange<C: CurveArithmetic>
where
    FieldBytesSize<C>: ModulusSize,
{
    group: NamedGroup,
    secret: SecretKey<C>,
    public: EncodedPoint<C>,
}

impl<C> WeierstrassExchange<C>
where
    C: CurveArithmetic + PointCompression,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromEncodedPoint<C> + ToEncodedPoint<C>,
{
    fn new(group: NamedGroup, secret: SecretKey<C>) -> Self {
        let public = secret.public_key().to_encoded_point(false);
        Self {
            group,
            secret,
            public,
        }
    }
}

impl<C> ActiveKeyExchange for WeierstrassExchange<C>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromEncodedPoint<C> + ToEncodedPoint<C>,
{
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        // The crate takes compressed points and the point at infinity, too; these differ in the first
        // byte. It checks the length, the range of both coordinates and the equation of the curve.
        if peer.first() != Some(&UNCOMPRESSED) {
            return Err(invalid());
        }
        let peer = PublicKey::<C>::from_sec1_bytes(peer).map_err(|_| invalid())?;
        let secret = Zeroizing::new(self.secret.to_nonzero_scalar());
        let secret: &NonZeroScalar<C> = &secret;
        let shared = diffie_hellman(secret, peer.as_affine());
        Ok(SharedSecret::from(shared.raw_secret_bytes().as_slice()))
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        self.group
    }
}

/// Curve25519 (RFC 7748).
#[derive(Debug)]
struct X25519;

impl SupportedKxGroup for X25519 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        Pool.generator()?.fill_bytes(bytes.as_mut_slice());
        Ok(Box::new(X25519Exchange::new(StaticSecret::from(*bytes))))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

struct X25519Exchange {
    secret: StaticSecret,
    public: x25519_dalek::PublicKey,
}

impl X25519Exchange {
    fn new(secret: StaticSecret) -> Self {
        let public = x25519_dalek::PublicKey::from(&secret);
        Self { secret, public }
    }
}

impl ActiveKeyExchange for X25519Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let peer: [u8; 32] = peer.try_into().map_err(|_| invalid())?;
        let shared = self.secret.diffie_hellman(&peer.into());
        if !shared.was_contributory() {
            return Err(invalid());
        }
        Ok(SharedSecret::from(shared.as_bytes().as_slice()))
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

#[cfg(test)]
mod tests;
