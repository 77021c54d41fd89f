//! Duty 14: what a hostile chain may cost, asked of the verifier alone.

use tls_doubles::pki::{Issued, Spec};
use tls_session::policy::MAX_ANCHORS;
use tls_session::reason::CertificateError;
use tls_session::verify::MAX_CHAIN;
use tls_session::{Accepted, Cause, verify_server};

use crate::cases::{key, leaf, middle, root};
use crate::client::chain;

#[test]
fn an_item_full_of_cas_of_one_name_is_searched_to_its_end() {
    let mut cas: Vec<Issued> = (0..MAX_ANCHORS)
        .map(|number| Issued::self_signed(root(), key(20 + u8::try_from(number).unwrap())))
        .collect();
    let last = cas.pop().unwrap();
    let middle = last.issue(middle(), key(3));
    let leaf = middle.issue(leaf(), key(2));
    cas.push(last);
    let anchors: Vec<&[u8]> = cas.iter().map(|ca| &ca.der[..]).collect();
    assert_eq!(
        verify_server(&chain(&anchors), &[&leaf.der, &middle.der]),
        Ok(Accepted::Path {
            anchor: MAX_ANCHORS - 1,
            intermediates: 1
        })
    );
}

#[test]
fn certificates_that_all_seem_to_have_issued_each_other_are_given_up() {
    let root = Issued::self_signed(root(), key(1));
    // The name of the CA, keys of their own: each might be above each, and the CA above all.
    let impostors: Vec<Issued> = (1..MAX_CHAIN)
        .map(|number| {
            Issued::self_signed(Spec::ca("Root"), key(40 + u8::try_from(number).unwrap()))
        })
        .collect();
    let forged = impostors[0].issue(leaf(), key(2));
    let mut sent: Vec<&[u8]> = vec![&forged.der];
    sent.extend(impostors.iter().map(|impostor| &impostor.der[..]));
    let anchors: &[&[u8]] = &[&root.der];
    // Of `n` impostors, every order of any of them is a path: 5 with two, 65 with four.
    for (count, cause) in [
        (
            0,
            Cause::Certificate(CertificateError::CertificateSignature),
        ),
        (
            2,
            Cause::Certificate(CertificateError::CertificateSignature),
        ),
        (4, Cause::Certificate(CertificateError::TooMuchWork)),
        (
            MAX_CHAIN - 1,
            Cause::Certificate(CertificateError::TooMuchWork),
        ),
    ] {
        let reason = verify_server(&chain(anchors), &sent[..=count]).unwrap_err();
        assert_eq!(reason.cause, cause, "{count}");
    }

    // Among as many strays, the honest path is still found.
    let honest = root.issue(leaf(), key(2));
    sent[0] = &honest.der;
    assert!(verify_server(&chain(anchors), &sent).is_ok());
}
