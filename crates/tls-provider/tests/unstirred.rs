//! Before the first entropy. A test of its own, because there is one pool for the whole program.

use rustls::Error;
use rustls::crypto::{GetRandomFailed, SecureRandom as _};
use tls_provider::random::{Pool, stir};
use tls_provider::{GROUPS, SUITES, provider};

#[test]
fn nothing_random_exists_before_the_first_entropy() {
    let mut bytes = [0; 32];
    assert!(matches!(Pool.fill(&mut bytes), Err(GetRandomFailed)));
    let provider = provider(SUITES, GROUPS);
    assert!(provider.secure_random.fill(&mut bytes).is_err());
    assert!(Pool.generator().is_err());
    for group in GROUPS {
        let error = group.start().err();
        assert_eq!(error, Some(Error::FailedToGetRandomBytes), "{group:?}");
    }
    assert_eq!(bytes, [0; 32]);

    stir(&[1; 32]);
    Pool.fill(&mut bytes).unwrap();
    assert_ne!(bytes, [0; 32]);
    for group in GROUPS {
        assert!(group.start().is_ok(), "{group:?}");
    }
}
