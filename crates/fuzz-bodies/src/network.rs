//! Datagrams of DNS servers and of DHCP clients.

use std::net::Ipv4Addr;

use modem_net::dhcp::{Pool, Server};

use crate::dns_message::{answered, query};
use crate::take::Take;

/// An answer counts only for its own query, and a cut one gives no address.
pub(crate) fn dns(data: &[u8]) {
    let mut take = Take(data);
    let host = ["a.example", "broker.local", "x", "xn--bcher-kva.example"];
    let query = query(0x1234, take.one_of(&host)).expect("a name");
    let message = match take.u8() & 3 {
        // Nearly an answer to the question.
        0..=2 => {
            let mut message = query.to_vec();
            message[2..8].copy_from_slice(&[0x81, 0x80 | (take.u8() & 3), 0, 1, 0, take.u8() & 7]);
            message.extend(take.0);
            message
        }
        _ => take.0.to_vec(),
    };
    if let Some(Some(address)) = answered(&query, &message) {
        assert!(message.len() >= query.len() + 4, "{address} in nothing");
        let octets = address.octets();
        assert!(message.windows(4).any(|part| part == octets));
        let other = [&[0x43, 0x21], &message[2..]].concat();
        assert_eq!(answered(&query, &other), None);
    }
}

/// No two stations have one address, none has one outside the pool, and answers are as large as they
/// say, whatever stations send.
pub(crate) fn dhcp(data: &[u8]) {
    let mut take = Take(data);
    let pool = Pool {
        server: Ipv4Addr::new(192, 168, 4, 1),
        router: Ipv4Addr::new(192, 168, 4, 1),
        netmask: Ipv4Addr::new(255, 255, 255, 0),
        first: Ipv4Addr::new(192, 168, 4, 1),
        last: Ipv4Addr::new(192, 168, 4, 1 + take.u8() % 6),
        seconds: u32::from(take.u8()) * 60,
    };
    let mut server = Server::<4>::new();
    server.lend(Some(pool));
    let mut now = 0_u32;
    let mut macs = Vec::new();
    while !take.is_empty() {
        now = now.saturating_add(u32::from(take.u8()));
        let message = dhcp_message(&mut take);
        let mac: [u8; 6] = message
            .get(28..34)
            .and_then(|mac| mac.try_into().ok())
            .unwrap_or_default();
        macs.push(mac);
        match take.u8() & 31 {
            0 => server.left(mac),
            1 => server.lend(None),
            2 => server.lend(Some(pool)),
            _ => {}
        }
        if let Some(answer) = server.receive(&message, now)
            && let Some((_, address)) = answer.bound
        {
            assert!(address > pool.server && address <= pool.last, "{address}");
        }
        macs.sort_unstable();
        macs.dedup();
        let mut lent: Vec<_> = macs
            .iter()
            .filter_map(|mac| server.address_of(*mac))
            .collect();
        let count = lent.len();
        lent.sort_unstable();
        lent.dedup();
        assert_eq!(lent.len(), count, "one address twice");
        assert!(count <= 4);
    }
}

/// A message with right places for what a server looks at, or anything.
fn dhcp_message(take: &mut Take<'_>) -> Vec<u8> {
    let how = take.u8();
    if how & 7 == 0 {
        let count = usize::from(take.u16() % 700);
        return take.bytes(count).to_vec();
    }
    let mut message = vec![0; 236];
    message[..3].copy_from_slice(&[1, 1, 6]);
    message[4..8].copy_from_slice(&take.u32().to_be_bytes());
    message[28..34].copy_from_slice(&[2, 0, 0, 0, 0, take.u8() & 7]);
    if how & 8 != 0 {
        message[12..16].copy_from_slice(&[192, 168, 4, take.u8() & 7]);
    }
    message.extend([99, 130, 83, 99, 53, 1, take.u8() & 15]);
    if how & 16 != 0 {
        message.extend([50, 4, 192, 168, 4, take.u8() & 7]);
    }
    if how & 32 != 0 {
        message.extend([54, 4, 192, 168, 4, take.u8() & 3]);
    }
    let count = usize::from(take.u8() & 31);
    message.extend(take.bytes(count));
    message.push(255);
    message
}
