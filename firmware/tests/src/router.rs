//! A router between the board and QEMU's network, so that a scenario depends on no service of this
//! machine.
//!
//! QEMU leads the address 10.0.2.2 to this machine's loopback, and 10.0.2.3 to its name servers.
//! Whatever listens there at a port below 1024 would answer the board: an NTP server, for instance,
//! where a scenario expects that the time is unknown. The router drops what is sent to such a port. NTP
//! is led to the scenario's own server, if it has one: whoever runs this need not be allowed to bind
//! port 123.
//!
//! ```text
//! board ──▶ filter-redirector ──▶ here: dropped, or to the server's port ──▶ QEMU's network
//! board ◀── filter-redirector ◀── here: from the server's port to 123  ◀── QEMU's network
//! ```
//!
//! QEMU hands over each frame after its length, 32 bits with the most significant byte first.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use anyhow::Result;

/// NTP's own port.
const NTP: u16 = 123;

/// The DHCP server of QEMU's network: no service of this machine.
const DHCP: u16 = 67;

/// Ports below this one are the system's services (RFC 6335 §6). Servers of a scenario have higher
/// ones: the system chose them.
const FIRST_USER_PORT: u16 = 1024;

/// Where in a frame IPv4's header begins; the type of frame is before it.
const IP: usize = 14;
const IPV4: [u8; 2] = [0x08, 0x00];
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    FromBoard,
    ToBoard,
}

/// Options of QEMU's that lead the traffic of network `net` through a router which runs as long as
/// the machine does. `ntp` is the port of an NTP server of the scenario's own.
pub(crate) fn start(net: &str, ntp: Option<u16>) -> Result<Vec<String>> {
    let mut options = Vec::new();
    // The queues are named from the network's side.
    for (queue, way) in [("rx", Way::FromBoard), ("tx", Way::ToBoard)] {
        let out = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let back = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        for (end, listener) in [("out", &out), ("in", &back)] {
            let port = listener.local_addr()?.port();
            options.push("-chardev".to_owned());
            options.push(format!(
                "socket,id={queue}-{end},host=127.0.0.1,port={port}"
            ));
        }
        options.push("-object".to_owned());
        options.push(format!(
            "filter-redirector,id={queue},netdev={net},queue={queue},outdev={queue}-out,indev={queue}-in"
        ));
        thread::spawn(move || {
            // Ends with the machine; a machine that does not start ends the scenario.
            let _ = forward(&out, &back, |frame| route(frame, way, ntp));
        });
    }
    Ok(options)
}

/// Hands each frame on that `route` lets through.
fn forward(
    from: &TcpListener,
    to: &TcpListener,
    route: impl Fn(&mut [u8]) -> bool,
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
        if route(&mut frame) {
            to.write_all(&[length.as_slice(), &frame].concat())?;
        }
    }
}

/// Changes the frame as its way demands; false if it goes nowhere.
fn route(frame: &mut [u8], way: Way, ntp: Option<u16>) -> bool {
    let Some((protocol, header)) = transport_of(frame) else {
        return true;
    };
    let at = match way {
        Way::FromBoard => header + 2,
        Way::ToBoard => header,
    };
    let Some(port) = frame.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) else {
        return true;
    };
    let number = u16::from_be_bytes(*port);
    let becomes = match (way, protocol, ntp) {
        (Way::FromBoard, UDP, Some(server)) if number == NTP => server,
        (Way::ToBoard, UDP, Some(server)) if number == server => NTP,
        (Way::FromBoard, ..) => return number >= FIRST_USER_PORT || number == DHCP,
        (Way::ToBoard, ..) => return true,
    };
    *port = becomes.to_be_bytes();
    if let Some(checksum) = frame.get_mut(header + 6..header + 8) {
        // None: allowed with IPv4 (RFC 768).
        checksum.fill(0);
    }
    true
}

/// The protocol of an IPv4 packet and where its header begins, if it is one with ports. Fragments
/// after the first have none.
fn transport_of(frame: &[u8]) -> Option<(u8, usize)> {
    const OFFSET_OF_FRAGMENT: u16 = 0x1fff;
    if frame.get(IP - 2..IP)? != IPV4 {
        return None;
    }
    let protocol = *frame.get(IP + 9)?;
    let fragment = u16::from_be_bytes(frame.get(IP + 6..IP + 8)?.try_into().ok()?);
    // In words of four bytes.
    let header = usize::from(frame.get(IP)? & 0x0f) * 4;
    let has_ports = [TCP, UDP].contains(&protocol) && fragment & OFFSET_OF_FRAGMENT == 0;
    has_ports.then_some((protocol, IP + header))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ethernet, IPv4 without options, from port `from` to `to`, with checksum 0xabcd.
    fn frame(protocol: u8, from: u16, to: u16) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend(IPV4);
        frame.extend([0x45, 0, 0, 28, 0, 0, 0, 0, 64, protocol, 0, 0]);
        frame.extend([10, 0, 2, 15, 10, 0, 2, 2]);
        frame.extend(from.to_be_bytes());
        frame.extend(to.to_be_bytes());
        frame.extend([0, 8, 0xab, 0xcd]);
        frame
    }

    /// What comes out of the router, if anything.
    fn routed(mut frame: Vec<u8>, way: Way, ntp: Option<u16>) -> Option<Vec<u8>> {
        route(&mut frame, way, ntp).then_some(frame)
    }

    fn passes(frame: &[u8], way: Way, ntp: Option<u16>) -> bool {
        routed(frame.to_vec(), way, ntp).as_deref() == Some(frame)
    }

    #[test]
    fn ntp_is_led_to_the_scenarios_server_and_back() {
        let mut there = frame(UDP, 5000, 12345);
        let checksum = there.len() - 2;
        there[checksum..].fill(0);
        let asked = frame(UDP, 5000, NTP);
        assert_eq!(routed(asked, Way::FromBoard, Some(12345)), Some(there));
        let mut back = frame(UDP, NTP, 5000);
        back[checksum..].fill(0);
        let answered = frame(UDP, 12345, 5000);
        assert_eq!(routed(answered, Way::ToBoard, Some(12345)), Some(back));
    }

    #[test]
    fn no_service_of_this_machine_is_reached() {
        for protocol in [TCP, UDP] {
            for port in (0..FIRST_USER_PORT).filter(|port| *port != DHCP) {
                let there = frame(protocol, 5000, port);
                assert_eq!(routed(there, Way::FromBoard, None), None, "{port}");
            }
        }
        let other_server = Some(12345);
        assert_eq!(
            routed(frame(TCP, 5000, NTP), Way::FromBoard, other_server),
            None
        );
        assert_eq!(
            routed(frame(UDP, 5000, 53), Way::FromBoard, other_server),
            None
        );
    }

    #[test]
    fn servers_of_a_scenario_and_dhcp_are_reached() {
        for protocol in [TCP, UDP] {
            for port in [DHCP, FIRST_USER_PORT, 8739, u16::MAX] {
                let there = frame(protocol, 5000, port);
                assert!(passes(&there, Way::FromBoard, None), "{port}");
            }
            // A server of the board's own may have any port.
            let client = frame(protocol, 40000, 333);
            assert!(passes(&client, Way::ToBoard, Some(12345)));
        }
    }

    #[test]
    fn what_has_no_ports_passes_as_it_is() {
        let mut arp = frame(UDP, 5000, NTP);
        arp[13] = 6;
        let icmp = frame(1, 5000, NTP);
        let mut fragment = frame(UDP, 5000, NTP);
        fragment[IP + 7] = 1;
        let whole = frame(UDP, 5000, NTP);
        let cut = (0..IP + 24).map(|len| whole[..len].to_vec());
        for each in [arp, icmp, fragment].into_iter().chain(cut) {
            for way in [Way::FromBoard, Way::ToBoard] {
                assert!(passes(&each, way, Some(12345)), "{each:?}");
            }
        }
    }
}
