//! A router between the board and its network, for one thing only: NTP has a port of the system's,
//! and who runs this need not be allowed to bind it.
//!
//! ```text
//! board ──▶ UDP to port 123 ──▶ filter-redirector ──▶ here: to the server's port ──▶ QEMU's network
//! board ◀── UDP from port 123 ◀── here: from the server's port ◀── filter-redirector ◀── QEMU's network
//! ```
//!
//! QEMU hands over each frame behind its length, 32 bits with the most significant byte first.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use anyhow::Result;

/// NTP's own port.
const NTP: u16 = 123;

/// Where in a frame IPv4's header begins; the type of frame is before it.
const IP: usize = 14;
const IPV4: [u8; 2] = [0x08, 0x00];
const UDP: u8 = 17;

/// Which port of a datagram is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    Source,
    Destination,
}

/// Options of QEMU's that lead the traffic of network `net` through a router which runs as long as the
/// machine does.
pub(crate) fn start(net: &str, server: u16) -> Result<Vec<String>> {
    let mut options = Vec::new();
    // The queues are named from the network's side.
    for (queue, port, from, to) in [
        ("rx", Port::Destination, NTP, server),
        ("tx", Port::Source, server, NTP),
    ] {
        let out = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let back = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        for (end, listener) in [("out", &out), ("in", &back)] {
            let place = listener.local_addr()?.port();
            options.push("-chardev".to_owned());
            options.push(format!(
                "socket,id={queue}-{end},host=127.0.0.1,port={place}"
            ));
        }
        options.push("-object".to_owned());
        options.push(format!(
            "filter-redirector,id={queue},netdev={net},queue={queue},outdev={queue}-out,indev={queue}-in"
        ));
        thread::spawn(move || {
            // Ends with the machine; a machine that does not start ends the story.
            let _ = forward(&out, &back, |frame| rewrite(frame, port, from, to));
        });
    }
    Ok(options)
}

fn forward(
    from: &TcpListener,
    to: &TcpListener,
    change: impl Fn(&mut [u8]),
) -> std::io::Result<()> {
    let (mut from, _): (TcpStream, _) = from.accept()?;
    let (mut to, _) = to.accept()?;
    to.set_nodelay(true)?;
    loop {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let size = usize::try_from(u32::from_be_bytes(length)).unwrap_or_default();
        let mut frame = vec![0; size];
        from.read_exact(&mut frame)?;
        change(&mut frame);
        to.write_all(&[length.as_slice(), &frame].concat())?;
    }
}

/// Changes port `from` to `to`, if this is a datagram with it.
fn rewrite(frame: &mut [u8], port: Port, from: u16, to: u16) {
    if frame.get(IP - 2..IP) != Some(&IPV4) || frame.get(IP + 9) != Some(&UDP) {
        return;
    }
    // In words of four bytes.
    let header = frame
        .get(IP)
        .map_or(0, |first| usize::from(first & 0x0f) * 4);
    let udp = IP + header;
    let at = match port {
        Port::Source => udp,
        Port::Destination => udp + 2,
    };
    let Some(found) = frame.get_mut(at..at + 2) else {
        return;
    };
    if *found != from.to_be_bytes() {
        return;
    }
    found.copy_from_slice(&to.to_be_bytes());
    if let Some(checksum) = frame.get_mut(udp + 6..udp + 8) {
        // None: allowed with IPv4 (RFC 768).
        checksum.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ethernet, IPv4 without options, UDP from 5000 to 123 with checksum 0xabcd.
    fn frame() -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend(IPV4);
        frame.extend([0x45, 0, 0, 28, 0, 0, 0, 0, 64, UDP, 0, 0]);
        frame.extend([10, 0, 2, 15, 10, 0, 2, 2]);
        frame.extend([0x13, 0x88, 0, 123, 0, 8, 0xab, 0xcd]);
        frame
    }

    fn rewritten(mut frame: Vec<u8>, port: Port, from: u16, to: u16) -> Vec<u8> {
        rewrite(&mut frame, port, from, to);
        frame
    }

    #[test]
    fn one_port_is_changed_and_the_checksum_left_out() {
        let mut expected = frame();
        expected.truncate(36);
        expected.extend([0x30, 0x39, 0, 8, 0, 0]);
        assert_eq!(rewritten(frame(), Port::Destination, 123, 12345), expected);
        let back = rewritten(frame(), Port::Source, 5000, 123);
        assert_eq!(back[34..], [0, 123, 0, 123, 0, 8, 0, 0]);
    }

    #[test]
    fn everything_else_passes_as_it_is() {
        let mut tcp = frame();
        tcp[23] = 6;
        let mut arp = frame();
        arp[13] = 6;
        let mut all = vec![tcp, arp, frame()];
        all.extend((0..frame().len() - 4).map(|len| frame()[..len].to_vec()));
        for each in all {
            assert_eq!(rewritten(each.clone(), Port::Destination, 124, 1), each);
            if each.len() < frame().len() {
                assert_eq!(
                    rewritten(each.clone(), Port::Destination, 123, 1).len(),
                    each.len()
                );
            } else if each != frame() {
                assert_eq!(rewritten(each.clone(), Port::Destination, 123, 1), each);
            }
        }
    }
}
