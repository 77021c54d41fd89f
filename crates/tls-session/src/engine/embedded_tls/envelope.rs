//! Handshake messages in a shape the engine can take, and back.
//!
//! The engine knows less of five messages than a client of the field needs:
//!
//! | message | the engine | so |
//! |---|---|---|
//! | EncryptedExtensions | fails on groups it has no name for, keeps nothing | its extensions travel inside one that the engine skips |
//! | CertificateRequest | fails on unknown signature schemes and on more than 25 | the same |
//! | Finished | does not report that it held | an empty Certificate follows, which only our verifier sees |
//! | Certificate, ours | writes one certificate | what we send travels inside that one |
//! | CertificateVerify, ours | takes 104 bytes of signature; RSA has 256 or more | its last bytes travel as the signature, those before them with Certificate |
//!
//! ```text
//! from the server   08 | len | list            ─▶  08 | len+4 | len+4 000f | list
//!                   0d | len | 00 | list       ─▶  0d | len+4 | 00 | len+4 0030 | list
//!                   14 | 32 | body            ─▶  14 | 32 | body  0b | ffffff | 00 000000
//! to the server     0b … | len | MARK bytes | 0000     ─▶  bytes
//!                   0f … | len | MARK bytes            ─▶  bytes
//! ```
//!
//! The cipher (suite.rs) encloses what it decrypts and opens what it encrypts; the transcript hash
//! (transcript.rs) opens both, so that what is hashed is what was on the wire. A server that sends
//! one of the shapes in the middle itself is refused before (suite.rs).

use aes_gcm::aead::{Buffer, Error};

pub(crate) const ENCRYPTED_EXTENSIONS: u8 = 8;
pub(crate) const CERTIFICATE: u8 = 11;
pub(crate) const CERTIFICATE_REQUEST: u8 = 13;
pub(crate) const CERTIFICATE_VERIFY: u8 = 15;
pub(crate) const FINISHED: u8 = 20;

/// Starts what the engine is to take for a certificate or a signature. No certificate starts so,
/// and a signature does with a probability of 2^-128.
pub(crate) const MARK: [u8; 16] = [
    0x00, 0x65, 0x73, 0x70, 0x61, 0x74, 0x2d, 0x9c, 0x41, 0xd2, 0x07, 0xee, 0x5b, 0x18, 0xa3, 0x76,
];

/// Bytes the engine puts around one certificate: message header, context, list and entry lengths,
/// extensions.
pub(crate) const CERTIFICATE_FRAME: usize = 4 + 1 + 3 + 3 + 2;

/// Extensions whose content the engine does not look at: heartbeat, oid_filters.
const fn opaque(kind: u8) -> Option<u8> {
    match kind {
        ENCRYPTED_EXTENSIONS => Some(15),
        CERTIFICATE_REQUEST => Some(48),
        _ => None,
    }
}

/// What stands between header and list of extensions: the empty context.
const fn before_list(kind: u8) -> &'static [u8] {
    match kind {
        CERTIFICATE_REQUEST => &[0],
        _ => &[],
    }
}

/// A Certificate without certificates: says that the server's Finished held. Its length is one that
/// no record can hold, so that neither side's empty Certificate looks like it; the engine goes by
/// the lengths inside.
pub(crate) const FINISHED_HELD: [u8; 8] = [CERTIFICATE, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Gives the messages of a decrypted record the shape that the engine can take.
///
/// Decryption frees sixteen bytes, the tag; one message of each kind takes them all. `content` is
/// the length of the messages in front of content type and padding; they are whole, each kind comes
/// once, and Finished is the last (suite.rs).
pub(crate) fn enclose(buffer: &mut dyn Buffer, content: usize) -> Result<(), Error> {
    let mut at = 0_usize;
    let mut end = content;
    while at < end {
        let message = buffer.as_ref().get(at..end).ok_or(Error)?;
        let Some(&[kind, high, middle, low]) = message.first_chunk::<4>() else {
            return Err(Error);
        };
        let len = usize::try_from(u32::from_be_bytes([0, high, middle, low])).map_err(|_| Error)?;
        let next = at.checked_add(4).and_then(|body| body.checked_add(len));
        at = next.ok_or(Error)?;
        if let Some(extension) = opaque(kind) {
            let body = at.checked_sub(len).ok_or(Error)?;
            let header = body.checked_sub(4).ok_or(Error)?;
            let list = body.checked_add(before_list(kind).len()).ok_or(Error)?;
            let inside = at.checked_sub(list).ok_or(Error)?;
            // The list of one: type, length and content, of which the length is the old list's own.
            let outer = u16::try_from(inside)
                .ok()
                .and_then(|len| len.checked_add(2));
            let [list_high, list_low] = outer.ok_or(Error)?.to_be_bytes();
            let total = u32::try_from(len).ok().and_then(|len| len.checked_add(4));
            let [_, high, middle, low] = total.ok_or(Error)?.to_be_bytes();
            open_gap::<4>(buffer, list)?;
            put(buffer, list, &[list_high, list_low, 0, extension])?;
            put(buffer, header, &[kind, high, middle, low])?;
            at = at.checked_add(4).ok_or(Error)?;
            end = end.checked_add(4).ok_or(Error)?;
        } else if kind == FINISHED {
            open_gap::<8>(buffer, at)?;
            put(buffer, at, &FINISHED_HELD)?;
            break;
        }
    }
    Ok(())
}

/// Moves everything from `at` on by `N` bytes.
fn open_gap<const N: usize>(buffer: &mut dyn Buffer, at: usize) -> Result<(), Error> {
    let old = buffer.len();
    buffer.extend_from_slice(&[0; N])?;
    let tail = buffer.as_mut().get_mut(at..).ok_or(Error)?;
    let moved = old.checked_sub(at).ok_or(Error)?;
    if tail.len() != moved.checked_add(N).ok_or(Error)? {
        return Err(Error);
    }
    tail.copy_within(..moved, N);
    Ok(())
}

fn put(buffer: &mut dyn Buffer, at: usize, bytes: &[u8]) -> Result<(), Error> {
    let end = at.checked_add(bytes.len()).ok_or(Error)?;
    let place = buffer.as_mut().get_mut(at..end).ok_or(Error)?;
    place.copy_from_slice(bytes);
    Ok(())
}

/// A message from the server as it was on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Enclosed<'m> {
    pub(crate) header: [u8; 4],
    pub(crate) before_list: &'static [u8],
    /// Extensions, with the length of all of them in front.
    pub(crate) list: &'m [u8],
}

/// Opens a message that [`enclose`] made.
pub(crate) fn enclosed(message: &[u8]) -> Option<Enclosed<'_>> {
    let (&[kind, high, middle, low], body) = message.split_first_chunk::<4>()?;
    let extension = opaque(kind)?;
    let before_list = before_list(kind);
    let after = body.strip_prefix(before_list)?;
    let (&[l0, l1, t0, t1], list) = after.split_first_chunk::<4>()?;
    let (inner, content) = list.split_first_chunk::<2>()?;
    let whole = u32::from_be_bytes([0, high, middle, low]);
    let shaped = [t0, t1] == [0, extension]
        && usize::try_from(whole) == Ok(body.len())
        && usize::from(u16::from_be_bytes([l0, l1])) == list.len().checked_add(2)?
        && usize::from(u16::from_be_bytes(*inner)) == content.len();
    let [_, high, middle, low] = whole.checked_sub(4)?.to_be_bytes();
    shaped.then_some(Enclosed {
        header: [kind, high, middle, low],
        before_list,
        list,
    })
}

/// What is really sent where the engine wrote this message of ours.
pub(crate) fn outgoing(message: &[u8]) -> Option<&[u8]> {
    let &[kind, _, _, _] = message.first_chunk::<4>()?;
    match kind {
        // Header 4, context 1 (empty), list length 3, entry length 3; extensions 2 behind.
        CERTIFICATE => message
            .get(11..message.len().checked_sub(2)?)?
            .strip_prefix(&MARK),
        // Header 4, scheme 2, length 2.
        CERTIFICATE_VERIFY => message.get(8..)?.strip_prefix(&MARK),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::engine::embedded_tls::window::Window;
    use std::vec::Vec;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = std::vec![kind];
        bytes.extend(&u32::try_from(body.len()).unwrap().to_be_bytes()[1..]);
        bytes.extend(body);
        bytes
    }

    /// Cuts a stream of whole messages.
    fn messages(mut stream: &[u8]) -> Vec<&[u8]> {
        let mut found = Vec::new();
        while !stream.is_empty() {
            let len = usize::from(u16::from_be_bytes([stream[2], stream[3]])) + 4;
            found.push(&stream[..len]);
            stream = &stream[len..];
        }
        found
    }

    /// A message with a list of one extension with `len` bytes in it.
    fn with_list(kind: u8, len: usize) -> Vec<u8> {
        let content: Vec<u8> = (0..len).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let short = |len: usize| u16::try_from(len).unwrap().to_be_bytes();
        let list = [&short(len + 4)[..], &[0, 10], &short(len), &content].concat();
        message(kind, &[before_list(kind), &list].concat())
    }

    #[test]
    fn what_is_enclosed_opens_to_the_same_bytes() {
        for len in [0, 1, 2, 3, 40, 255, 256, 1000] {
            let flight = [
                with_list(8, len),
                with_list(13, len),
                message(11, &[1; 90]),
                message(15, &[2; 70]),
                message(20, &[7; 32]),
            ];
            for from in 0..flight.len() {
                for to in from + 1..=flight.len() {
                    let stream = flight[from..to].concat();
                    let mut bytes = stream.clone();
                    bytes.extend([22, 0, 0]);
                    // As the engine's: the tag's sixteen bytes and no more.
                    let mut window = Window {
                        limit: bytes.len() + 16,
                        bytes,
                    };
                    enclose(&mut window, stream.len()).unwrap();
                    let (sent, tail) = window.bytes.split_at(window.bytes.len() - 3);
                    assert_eq!(tail, [22, 0, 0]);
                    let held = sent.ends_with(&FINISHED_HELD);
                    assert_eq!(held, to == flight.len());
                    let sent = sent.strip_suffix(&FINISHED_HELD[..]).unwrap_or(sent);
                    let mut back = Vec::new();
                    for (sent, original) in messages(sent).iter().zip(messages(&stream)) {
                        match enclosed(sent) {
                            Some(open) => {
                                assert!(matches!(original[0], 8 | 13));
                                back.extend(open.header);
                                back.extend(open.before_list);
                                back.extend(open.list);
                            }
                            None => back.extend(*sent),
                        }
                    }
                    assert_eq!(back, stream);
                }
            }
        }
    }

    #[test]
    fn without_room_nothing_is_enclosed() {
        for (stream, needed) in [
            (with_list(8, 0), 4),
            (with_list(13, 2), 4),
            (message(20, &[0; 32]), 8),
        ] {
            for room in 0..=needed {
                let mut window = Window {
                    bytes: stream.clone(),
                    limit: stream.len() + room,
                };
                let result = enclose(&mut window, stream.len());
                assert_eq!(result.is_ok(), room == needed, "{room}");
            }
        }
    }

    #[test]
    fn only_what_is_enclosed_opens() {
        for kind in [8, 13] {
            let mut window = Window {
                bytes: with_list(kind, 3),
                limit: 100,
            };
            let len = window.bytes.len();
            enclose(&mut window, len).unwrap();
            assert!(enclosed(&window.bytes).is_some());
            for at in 0..10 + before_list(kind).len() {
                let mut other = window.bytes.clone();
                other[at] ^= 1;
                assert!(enclosed(&other).is_none(), "byte {at}");
            }
            for len in 0..window.bytes.len() {
                assert!(enclosed(&window.bytes[..len]).is_none(), "{len} bytes");
            }
        }
    }

    #[test]
    fn only_what_carries_the_mark_is_replaced() {
        let mut body = std::vec![0, 0, 0, 22, 0, 0, 19];
        body.extend(MARK);
        body.extend(b"abc\0\0");
        let certificate = message(11, &body);
        assert_eq!(outgoing(&certificate), Some(&b"abc"[..]));
        let mut body = std::vec![8, 4, 0, 18];
        body.extend(MARK);
        body.extend(b"xy");
        let verify = message(15, &body);
        assert_eq!(outgoing(&verify), Some(&b"xy"[..]));
        for (bytes, from) in [(&certificate, 11), (&verify, 8)] {
            for at in from..from + MARK.len() {
                let mut other = bytes.clone();
                other[at] ^= 0x80;
                assert_eq!(outgoing(&other), None);
            }
            for len in 0..from + MARK.len() {
                assert_eq!(outgoing(&bytes[..len]), None, "{len}");
            }
        }
        assert_eq!(outgoing(&message(20, &[0; 32])), None);
    }
}
