//! The accepted path as certificates. tls-session returns its length and its anchor; the path between them is found again here,
//! by names, and every candidate is put to tls-session: what is shown is accepted on its own.

use tls_session::{Accepted, Policy, verify_server};
use x509_facts::Certificate;

/// Candidates tried before the path is left unshown. Only a made-up chain has more than a few.
const MAX_TRIES: usize = 64;

/// From the server's certificate to the anchor, in DER; `None` where it was not found.
pub(super) fn find<'a>(
    policy: &Policy<'_>,
    chain: &[&'a [u8]],
    anchors: &[&'a [u8]],
    accepted: Accepted,
) -> Option<Vec<&'a [u8]>> {
    let (&leaf, rest) = chain.split_first()?;
    let (anchor, intermediates) = match accepted {
        Accepted::Path {
            anchor,
            intermediates,
        } => (*anchors.get(anchor)?, intermediates),
        Accepted::Pin { .. } => return Some(vec![leaf]),
        _ => return None,
    };
    let mut search = Search {
        policy,
        rest,
        wanted: accepted,
        tries: MAX_TRIES,
    };
    let mut path = search.extend(&[leaf], intermediates)?;
    path.push(anchor);
    Some(path)
}

struct Search<'s, 'a> {
    policy: &'s Policy<'s>,
    rest: &'s [&'a [u8]],
    wanted: Accepted,
    tries: usize,
}

impl<'a> Search<'_, 'a> {
    /// `path` and `missing` more certificates, each the issuer of the one before.
    fn extend(&mut self, path: &[&'a [u8]], missing: usize) -> Option<Vec<&'a [u8]>> {
        self.tries = self.tries.checked_sub(1)?;
        if missing == 0 {
            let same = verify_server(self.policy, path).is_ok_and(|it| it == self.wanted);
            return same.then(|| path.to_vec());
        }
        let issuer = Certificate::parse(path.last()?).ok()?.issuer();
        for &next in self.rest {
            let named = Certificate::parse(next).is_ok_and(|it| it.subject() == issuer);
            if named && !path.contains(&next) {
                let longer = [path, &[next]].concat();
                if let Some(found) = self.extend(&longer, missing.saturating_sub(1)) {
                    return Some(found);
                }
            }
        }
        None
    }
}
