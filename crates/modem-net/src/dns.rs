//! DNS queries. Those of embassy-net go only to the servers of its configuration, and take more memory.
//!
//! ```text
//! query    id, flags, 1, 0, 0, 0 (u16 each)   name, type, class (u16 each)
//! answer   id, flags, 1, n, .., ..            the same, then n times:
//!          name, type, class, lifetime (u32), length (u16), data
//! ```
//!
//! (RFC 1035, 4.1.)

use core::net::Ipv4Addr;

use heapless::Vec;

const HEADER: usize = 12;
/// Of a name, with lengths and the last zero.
const NAME: usize = 255;
/// Type A, class IN.
const WANTED: [u8; 4] = [0, 1, 0, 1];
/// Response code: there is no such name.
const NO_SUCH_NAME: u8 = 3;

/// A query, with room for the longest name.
pub(crate) type Query = Vec<u8, { HEADER + NAME + WANTED.len() }>;
/// The longest answer in one datagram.
pub(crate) type Message = [u8; 512];

/// The query for the IPv4 addresses of `host`. `None` if that is not a valid name.
pub(crate) fn query(id: u16, host: &str) -> Option<Query> {
    let mut query = Query::new();
    query.extend_from_slice(&id.to_be_bytes()).ok()?;
    // One question; recursion desired.
    query
        .extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        .ok()?;
    for label in host.strip_suffix('.').unwrap_or(host).split('.') {
        let length = u8::try_from(label.len()).ok()?;
        if !(1..=63).contains(&length) {
            return None;
        }
        query.push(length).ok()?;
        query.extend_from_slice(label.as_bytes()).ok()?;
    }
    query.push(0).ok()?;
    query.extend_from_slice(&WANTED).ok()?;
    Some(query)
}

/// The first address in an answer, or `Some(None)` if the name has none. `None` if the message answers
/// another query, or if the server failed.
pub(crate) fn answered(query: &[u8], message: &[u8]) -> Option<Option<Ipv4Addr>> {
    let (header, rest) = message.split_first_chunk::<HEADER>()?;
    let [id @ .., flags, code, _, _, high, low, _, _, _, _] = header;
    if !query.starts_with(id) || flags & 0x80 == 0 {
        return None;
    }
    let mut records = rest.strip_prefix(query.get(HEADER..)?)?;
    match code & 0xf {
        0 => {}
        NO_SUCH_NAME => return Some(None),
        _ => return None,
    }
    for _ in 0..u16::from_be_bytes([*high, *low]) {
        let (fixed, rest) = after_name(records)?.split_first_chunk::<10>()?;
        let [kind @ .., _, _, _, _, high, low] = fixed;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (data, rest) = rest.split_at_checked(length)?;
        if *kind == WANTED
            && let Ok(octets) = <[u8; 4]>::try_from(data)
        {
            return Some(Some(octets.into()));
        }
        records = rest;
    }
    Some(None)
}

/// What follows a name: labels until an empty one, or until a reference to another.
fn after_name(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, rest) = bytes.split_first()?;
        match length {
            0 => return Some(rest),
            1..=63 => bytes = rest.get(usize::from(*length)..)?,
            0xc0.. => return rest.get(1..),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: u16 = 0x1234;

    /// An answer to the question for `a.example`, with these flags and records.
    fn answer(code: u8, count: u8, records: &[&[u8]]) -> std::vec::Vec<u8> {
        let query = query(ID, "a.example").unwrap();
        let mut message = query.to_vec();
        message.splice(2..8, [0x81, 0x80 | code, 0, 1, 0, count]);
        message.extend(records.concat());
        message
    }

    const ALIAS: &[u8] = &[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 4, 1, b'b', 0xc0, 14];
    const ADDRESS: &[u8] = &[
        1, b'b', 0xc0, 14, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 7,
    ];

    fn read(message: &[u8]) -> Option<Option<Ipv4Addr>> {
        answered(&query(ID, "a.example").unwrap(), message)
    }

    #[test]
    fn a_question_is_what_servers_read() {
        let wanted = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x07example\0\0\x01\0\x01";
        assert_eq!(query(ID, "a.example").unwrap(), wanted);
        assert_eq!(query(ID, "a.example.").unwrap(), wanted);
    }

    #[test]
    fn what_is_no_name_is_not_asked_for() {
        for host in ["", ".", "a..example", &"x".repeat(64), &"ab.".repeat(90)] {
            assert_eq!(query(ID, host), None, "{host}");
        }
        assert!(query(ID, &"x".repeat(63)).is_some());
    }

    #[test]
    fn an_address_behind_an_alias_is_found() {
        let address = Ipv4Addr::new(192, 0, 2, 7);
        assert_eq!(read(&answer(0, 2, &[ALIAS, ADDRESS])), Some(Some(address)));
        assert_eq!(read(&answer(0, 1, &[ALIAS])), Some(None));
    }

    #[test]
    fn only_a_server_that_knows_says_no() {
        assert_eq!(read(&answer(3, 0, &[])), Some(None));
        assert_eq!(read(&answer(2, 0, &[])), None);
        assert_eq!(read(&answer(5, 0, &[])), None);
    }

    #[test]
    fn an_answer_to_something_else_is_none() {
        let good = answer(0, 1, &[ADDRESS]);
        for place in [0, 1, 2, 13] {
            let mut message = good.clone();
            *message.get_mut(place).unwrap() ^= 0x80;
            assert_eq!(read(&message), None, "byte {place}");
        }
    }

    #[test]
    fn a_cut_answer_is_none() {
        let good = answer(0, 1, &[ADDRESS]);
        for length in 0..good.len() {
            assert_eq!(read(good.get(..length).unwrap()), None, "{length}");
        }
    }
}
