//! SHA-256 and SHA-384, plain and as HMAC (FIPS 180-4, RFC 2104), behind rustls's traits.

use alloc::boxed::Box;
use core::marker::PhantomData;

use ::hmac::Mac;
use ::hmac::digest::{Digest, Key, KeyInit};
use rustls::crypto::hash::{self, HashAlgorithm};
use rustls::crypto::hmac;
use sha2::{Sha256, Sha384};
use zeroize::Zeroize as _;

/// SHA-256.
pub(crate) static SHA256: Plain<Sha256> = Plain::new(HashAlgorithm::SHA256);
/// SHA-384.
pub(crate) static SHA384: Plain<Sha384> = Plain::new(HashAlgorithm::SHA384);
/// HMAC with SHA-256.
pub(crate) static HMAC_SHA256: Keyed<::hmac::Hmac<Sha256>, Sha256> = Keyed(PhantomData);
/// HMAC with SHA-384.
pub(crate) static HMAC_SHA384: Keyed<::hmac::Hmac<Sha384>, Sha384> = Keyed(PhantomData);

/// The hash function `D`.
pub(crate) struct Plain<D> {
    algorithm: HashAlgorithm,
    digest: PhantomData<fn() -> D>,
}

impl<D> Plain<D> {
    const fn new(algorithm: HashAlgorithm) -> Self {
        Self {
            algorithm,
            digest: PhantomData,
        }
    }
}

impl<D: Digest + Clone + Send + Sync + 'static> hash::Hash for Plain<D> {
    fn start(&self) -> Box<dyn hash::Context> {
        Box::new(Running(D::new()))
    }

    fn hash(&self, data: &[u8]) -> hash::Output {
        hash::Output::new(&D::digest(data))
    }

    fn output_len(&self) -> usize {
        <D as Digest>::output_size()
    }

    fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }
}

/// A hash over what has come so far.
struct Running<D>(D);

impl<D: Digest + Clone + Send + Sync + 'static> hash::Context for Running<D> {
    fn fork_finish(&self) -> hash::Output {
        hash::Output::new(&self.0.clone().finalize())
    }

    fn fork(&self) -> Box<dyn hash::Context> {
        Box::new(Self(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> hash::Output {
        hash::Output::new(&self.0.finalize())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

/// The HMAC function `M` over the hash function `D`.
pub(crate) struct Keyed<M, D>(PhantomData<fn() -> (M, D)>);

impl<M, D> hmac::Hmac for Keyed<M, D>
where
    M: Mac + KeyInit + Clone + Send + Sync + 'static,
    D: Digest,
{
    fn with_key(&self, key: &[u8]) -> Box<dyn hmac::Key> {
        // RFC 2104 §2: a long key is hashed, a short one is padded with zeros. Done here, because the
        // crate's constructor for keys of any length returns a `Result` that is never an error.
        let mut block = Key::<M>::default();
        if key.len() > block.len() {
            fill(&mut block, &D::digest(key));
        } else {
            fill(&mut block, key);
        }
        let ready = Ready(<M as KeyInit>::new(&block));
        block.zeroize();
        Box::new(ready)
    }

    fn hash_output_len(&self) -> usize {
        <D as Digest>::output_size()
    }
}

fn fill(block: &mut [u8], from: &[u8]) {
    for (to, byte) in block.iter_mut().zip(from) {
        *to = *byte;
    }
}

/// An HMAC function with its key.
struct Ready<M>(M);

impl<M: Mac + Clone + Send + Sync> hmac::Key for Ready<M> {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> hmac::Tag {
        let mut mac = self.0.clone();
        mac.update(first);
        for part in middle {
            mac.update(part);
        }
        mac.update(last);
        hmac::Tag::new(&mac.finalize().into_bytes())
    }

    fn tag_len(&self) -> usize {
        M::output_size()
    }
}

#[cfg(test)]
mod tests;
