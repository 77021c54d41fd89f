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
//!
//! Whoever resumes gets those that can be kept, each whole in one record, of a lifetime and no longer than [`STORABLE`];
//! all others are taken out as before. What rustls makes of a ticket shows neither its lifetime nor its length, so a
//! record with tickets that rustls gets has a note in place of its tag. One of `NOTHING` has none.
//!
//! ```text
//! record   | ..., ticket, ticket | type, padding | tag |
//! rustls   | ..., ticket, ticket |               | MARK, lifetime, bytes |
//! ```

use rustls::Error;

use crate::messages::Messages;

/// Bytes of the longest NewSessionTicket message of TLS 1.3, header included, that whoever resumes gets. Servers put a
/// client's chain into their tickets, but those that are larger are kept by nobody here.
pub const STORABLE: usize = 2560;

/// A whole NewSessionTicket: lifetime 0, so that nobody would keep it, and a ticket of one byte, the shortest.
const NOTHING: [u8; 18] = [4, 0, 0, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];

/// How a note begins.
const MARK: [u8; 8] = *b"ticketed";

/// Bytes of a note: those of a tag.
const NOTE: usize = 16;

/// Tickets of one record that rustls was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tickets {
    /// Seconds that each of them may be kept, at least one.
    pub lifetime: u32,
    /// Bytes of the longest message.
    pub bytes: u32,
}

/// What rustls was given of the last record of `bytes`, after rustls has processed it.
#[must_use]
pub fn tickets(bytes: &[u8]) -> Option<Tickets> {
    let note: &[u8; NOTE] = bytes.last_chunk()?;
    let (mark, numbers) = note.split_first_chunk::<8>()?;
    let (lifetime, bytes) = numbers.split_first_chunk::<4>()?;
    (*mark == MARK).then_some(Tickets {
        lifetime: u32::from_be_bytes(*lifetime),
        bytes: u32::from_be_bytes(*bytes.first_chunk()?),
    })
}

/// The ticket that begins here, if it is one that can be kept.
pub(crate) fn storable(content: &[u8]) -> Option<Tickets> {
    let (header, body) = content.split_first_chunk::<4>()?;
    let [4, length @ ..] = *header else {
        return None;
    };
    let [high, middle, low] = length;
    let length = u32::from_be_bytes([0, high, middle, low]);
    let whole = usize::try_from(length).ok()?.checked_add(header.len())?;
    if whole > STORABLE || whole > content.len() {
        return None;
    }
    let lifetime = u32::from_be_bytes(*body.first_chunk()?);
    (lifetime > 0).then_some(Tickets {
        lifetime,
        bytes: u32::try_from(whole).ok()?,
    })
}

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
    let left = messages.without_tickets(bytes)?;
    if let Some(tickets) = left.tickets {
        note(payload, content, tickets)?;
        return Ok(left.kept);
    }
    let Some(at) = left.dropped else {
        return Ok(left.kept);
    };
    let len = left.kept + NOTHING.len();
    if payload.len() < len {
        return Err(Error::DecryptError);
    }
    let behind = at + NOTHING.len();
    payload.copy_within(at..left.kept, behind);
    let place = payload.get_mut(at..behind).ok_or(Error::DecryptError)?;
    place.copy_from_slice(&NOTHING);
    Ok(len)
}

/// Writes the note of tickets that stay, over the tag.
fn note(payload: &mut [u8], content: usize, tickets: Tickets) -> Result<(), Error> {
    let behind = payload.get_mut(content..).ok_or(Error::DecryptError)?;
    let place: &mut [u8; NOTE] = behind.last_chunk_mut().ok_or(Error::DecryptError)?;
    let (mark, numbers) = place.split_at_mut(MARK.len());
    mark.copy_from_slice(&MARK);
    let (lifetime, bytes) = numbers.split_at_mut(4);
    lifetime.copy_from_slice(&tickets.lifetime.to_be_bytes());
    bytes.copy_from_slice(&tickets.bytes.to_be_bytes());
    Ok(())
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

    /// A ticket of so many seconds, with `rest` bytes behind them.
    fn ticket(lifetime: u32, rest: u16) -> Vec<u8> {
        let mut message = Vec::from([4, 0]);
        message.extend((rest + 4).to_be_bytes());
        message.extend(lifetime.to_be_bytes());
        message.resize(8 + usize::from(rest), 9);
        message
    }

    fn noted(lifetime: u32, bytes: usize) -> Option<Tickets> {
        let bytes = u32::try_from(bytes).unwrap();
        Some(Tickets { lifetime, bytes })
    }

    /// What rustls gets of a record, and its note.
    fn passed(messages: &mut Messages, content: &[u8]) -> (Vec<u8>, Option<Tickets>) {
        let mut payload = content.to_vec();
        payload.resize(content.len() + 17, 0xee);
        let len = take_out(&mut payload, content.len(), messages).unwrap();
        (payload[..len].to_vec(), tickets(&payload))
    }

    #[test]
    fn who_resumes_gets_tickets_that_are_whole_and_can_be_kept() {
        let longest = u16::try_from(STORABLE - 8).unwrap();
        let update = message(24, 1);
        for (record, left, note) in [
            (vec![ticket(9, 40)], vec![ticket(9, 40)], noted(9, 48)),
            (vec![ticket(1, 0)], vec![ticket(1, 0)], noted(1, 8)),
            (
                vec![ticket(9, longest)],
                vec![ticket(9, longest)],
                noted(9, STORABLE),
            ),
            (vec![ticket(9, longest + 1)], vec![NOTHING.to_vec()], None),
            (vec![ticket(0, 40)], vec![NOTHING.to_vec()], None),
            // Too short for a lifetime: no ticket at all, and nobody is told of it.
            (vec![message(4, 3)], vec![NOTHING.to_vec()], None),
            (
                vec![ticket(9, 40), ticket(5, 60)],
                vec![ticket(9, 40), ticket(5, 60)],
                noted(5, 68),
            ),
            (
                vec![ticket(0, 40), ticket(5, 60), update.clone()],
                vec![ticket(5, 60), update.clone()],
                noted(5, 68),
            ),
            (
                vec![update.clone(), ticket(0, 40)],
                vec![update.clone(), NOTHING.to_vec()],
                None,
            ),
            (vec![update.clone()], vec![update.clone()], None),
        ] {
            let mut messages = Messages::new().with_tickets();
            let (got, noted) = passed(&mut messages, &record.concat());
            assert_eq!((got, noted), (left.concat(), note), "{record:?}");
            assert!(messages.is_whole());
            // Whoever does not resume gets none.
            let (got, noted) = passed(&mut Messages::new(), &record.concat());
            assert!(noted.is_none() && !got.ends_with(&ticket(5, 60)));
        }
    }

    #[test]
    fn a_ticket_in_two_records_is_kept_by_nobody() {
        let whole = ticket(9, 40);
        for cut in 1..whole.len() {
            let mut messages = Messages::new().with_tickets();
            for piece in [&whole[..cut], &whole[cut..]] {
                let (got, note) = passed(&mut messages, piece);
                assert_eq!((got, note), (NOTHING.to_vec(), None), "{cut}");
            }
            // The next one is whole again.
            let (got, note) = passed(&mut messages, &whole);
            assert_eq!((got, note), (whole.clone(), noted(9, 48)));
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
