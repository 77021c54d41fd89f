//! How many signatures one server may have verified.
//!
//! Path building tries every order of what the server sent (RFC 4158 §2.4.2), and anyone on the way can
//! send certificates that all seem to have issued each other. webpki gives up after a hundred signatures;
//! each takes long on a small core, during which nothing else runs.

use core::sync::atomic::{AtomicU32, Ordering};

use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};

use crate::alg;

/// Signatures per server. A path has seven at most; an item full of CAs of the same name costs
/// sixteen more, and a cross-signed path another few.
pub(super) const SIGNATURES: u32 = 32;

/// What is left.
#[derive(Debug)]
pub(super) struct Budget(AtomicU32);

impl Budget {
    pub(super) const fn new() -> Self {
        Self(AtomicU32::new(SIGNATURES))
    }

    /// One less; false if there was none left.
    ///
    /// Load and store, not one step: the algorithms have to be shareable, but one call of webpki uses them, and
    /// small cores have no more.
    fn take(&self) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        left > 0
    }

    /// Nothing is left. Whatever was refused since may have been refused for that alone.
    pub(super) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// The algorithms that may sign a certificate, on this budget.
    pub(super) fn algorithms(&self) -> [Counted<'_>; alg::CHAIN_LEN] {
        alg::CHAIN.map(|algorithm| Counted {
            algorithm,
            budget: self,
        })
    }
}

/// An algorithm that verifies nothing once the budget is spent.
#[derive(Debug)]
pub(super) struct Counted<'b> {
    algorithm: &'b dyn SignatureVerificationAlgorithm,
    budget: &'b Budget,
}

impl SignatureVerificationAlgorithm for Counted<'_> {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        if !self.budget.take() {
            return Err(InvalidSignature);
        }
        self.algorithm
            .verify_signature(public_key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accepts everything.
    #[derive(Debug)]
    struct Yes;

    impl SignatureVerificationAlgorithm for Yes {
        fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
            Ok(())
        }

        fn public_key_alg_id(&self) -> AlgorithmIdentifier {
            rustls_pki_types::alg_id::ED25519
        }

        fn signature_alg_id(&self) -> AlgorithmIdentifier {
            rustls_pki_types::alg_id::ED25519
        }
    }

    #[test]
    fn the_budget_is_shared_and_ends() {
        let budget = Budget::new();
        let algorithms = [(); 2].map(|()| Counted {
            algorithm: &Yes,
            budget: &budget,
        });
        for turn in 0..SIGNATURES + 3 {
            assert_eq!(budget.is_spent(), turn >= SIGNATURES, "{turn}");
            let algorithm = &algorithms[usize::from(turn % 2 == 0)];
            let verified = algorithm.verify_signature(b"", b"", b"");
            assert_eq!(verified.is_ok(), turn < SIGNATURES, "{turn}");
        }
    }

    #[test]
    fn every_algorithm_is_counted_as_itself() {
        let budget = Budget::new();
        for (counted, plain) in budget.algorithms().iter().zip(alg::CHAIN) {
            assert_eq!(counted.signature_alg_id(), plain.signature_alg_id());
            assert_eq!(counted.public_key_alg_id(), plain.public_key_alg_id());
        }
    }
}
