//! What rustls is given in place of NewSessionTicket messages of TLS 1.3.
//!
//! Whoever does not resume ignores them (RFC 9846 §4.7.1), whatever is in them and however they are cut. rustls would collect
//! each, and end the session for one that it cannot read. So their bytes are taken out of each record, and a ticket that
//! says nothing stands where the first of them stood: a record is never empty then, and a ticket that comes before the
//! end of the handshake is still out of place.
//!
//! ```text
//! record   | ..., 1st | ticket ... | 2nd, ... | type, padding | tag |
//! rustls   | ..., 1st | NOTHING | 2nd, ... |
//! ```

use rustls::Error;

use crate::messages::Messages;

/// A whole NewSessionTicket: lifetime 0, so that nobody would keep it, and a ticket of one byte, the shortest.
const NOTHING: [u8; 18] = [4, 0, 0, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];

/// Takes tickets out of `content` bytes of `payload`, and returns how many are left.
///
/// Behind the content there are at least its type and a tag: with the byte that made it necessary, room for one
/// [`NOTHING`].
pub(super) fn take_out(
    payload: &mut [u8],
    content: usize,
    messages: &mut Messages,
) -> Result<usize, Error> {
    let bytes = payload.get_mut(..content).ok_or(Error::DecryptError)?;
    let (kept, ticket) = messages.without_tickets(bytes)?;
    let Some(at) = ticket else {
        return Ok(kept);
    };
    let len = kept + NOTHING.len();
    if payload.len() < len {
        return Err(Error::DecryptError);
    }
    let behind = at + NOTHING.len();
    payload.copy_within(at..kept, behind);
    let place = payload.get_mut(at..behind).ok_or(Error::DecryptError)?;
    place.copy_from_slice(&NOTHING);
    Ok(len)
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;

    fn message(kind: u8, len: u8) -> Vec<u8> {
        let mut message = vec![kind, 0, 0, len];
        message.resize(4 + usize::from(len), kind);
        message
    }

    /// What rustls gets of a record, which has `behind` bytes behind its content.
    fn taken(messages: &mut Messages, content: &[u8], behind: usize) -> Vec<u8> {
        let mut payload = content.to_vec();
        payload.resize(content.len() + behind, 0xee);
        let len = take_out(&mut payload, content.len(), messages).unwrap();
        payload[..len].to_vec()
    }

    fn is_ticket(message: &[u8]) -> bool {
        message.first() == Some(&4)
    }

    /// Every order of up to four messages, tickets of every small length among them, cut in two anywhere.
    #[test]
    fn however_messages_are_cut_rustls_gets_all_but_tickets() {
        let kinds: [Vec<u8>; 4] = [
            message(4, 0),
            message(4, 40),
            message(24, 1),
            message(8, 30),
        ];
        for order in 0..4_usize.pow(4) {
            let list: Vec<_> = (0..4)
                .map(|place| &kinds[order / 4_usize.pow(place) % 4])
                .collect();
            let stream: Vec<u8> = list
                .iter()
                .flat_map(|message| message.iter().copied())
                .collect();
            let others: Vec<u8> = list
                .iter()
                .filter(|message| !is_ticket(message))
                .flat_map(|message| message.iter().copied())
                .collect();
            for cut in 0..stream.len() {
                let mut messages = Messages::new();
                let mut left = Vec::new();
                for record in [&stream[..cut], &stream[cut..]] {
                    if record.is_empty() {
                        continue;
                    }
                    let got = taken(&mut messages, record, 17);
                    assert!(!got.is_empty());
                    // At most one ticket of ours in each.
                    left.extend(
                        match got.windows(NOTHING.len()).position(|at| at == NOTHING) {
                            Some(at) => [&got[..at], &got[at + NOTHING.len()..]].concat(),
                            None => got,
                        },
                    );
                }
                assert!(messages.is_whole());
                assert_eq!(left, others, "{order} {cut}");
            }
        }
    }

    #[test]
    fn a_ticket_in_single_bytes_is_one_of_ours_for_each() {
        let mut messages = Messages::new();
        for byte in message(4, 9) {
            assert_eq!(taken(&mut messages, &[byte], 17), NOTHING);
        }
        assert_eq!(taken(&mut messages, &message(20, 1), 17), message(20, 1));
    }

    #[test]
    fn without_room_for_ours_the_record_is_refused() {
        let mut payload = vec![4; 18];
        for (content, fits) in [(1, true), (19, false)] {
            let result = take_out(&mut payload, content, &mut Messages::new());
            assert_eq!(result.is_ok(), fits, "{content}");
        }
        let short = take_out(&mut payload[..17], 1, &mut Messages::new());
        assert_eq!(short, Err(Error::DecryptError));
    }
}
