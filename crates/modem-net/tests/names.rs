//! Names over a whole stack, with name servers at the other end of a wire.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "frames of our own stack, laid out as the comments say"
)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use at_modem::NetExtras;
use edge_nal::{AddrType, Dns};
use embassy_net::driver::{
    Capabilities, Checksum, Driver, HardwareAddress, LinkState, RxToken, TxToken,
};
use embassy_net::{Config, Ipv4Cidr, StackResources, StaticConfigV4};
use embassy_time::{Duration, MockDriver};
use modem_net::{DnsError, Extras, NameMemory, Net, TcpMemory, UdpMemory};

/// Says nothing.
const SILENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 51);
/// Answers with the number of another question.
const LIAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 52);
/// Knows every name but `nowhere`.
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);
const FOUND: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

/// Frames for the stack, and which servers were asked.
#[derive(Debug, Default)]
struct Wire {
    coming: VecDeque<Vec<u8>>,
    asked: Vec<Ipv4Addr>,
}

impl Wire {
    fn take(&mut self, frame: &[u8]) {
        let mut reply = frame.to_vec();
        // Back to where it came from.
        reply.copy_within(6..12, 0);
        reply[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
        match frame[12..14] {
            // ARP: whoever is asked for is here.
            [8, 6] => {
                reply[21] = 2;
                reply.copy_within(22..32, 32);
                reply[22..28].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
                reply[28..32].copy_from_slice(&frame[38..42]);
            }
            // IPv4 and UDP to port 53.
            [8, 0] if frame[23] == 17 && frame[36..38] == [0, 53] => {
                let to = Ipv4Addr::from(<[u8; 4]>::try_from(&frame[30..34]).unwrap());
                self.asked.push(to);
                reply[26..30].copy_from_slice(&frame[30..34]);
                reply[30..34].copy_from_slice(&frame[26..30]);
                reply[34..36].copy_from_slice(&frame[36..38]);
                reply[36..38].copy_from_slice(&frame[34..36]);
                let known = !frame.windows(7).any(|bytes| bytes == b"nowhere");
                reply[44..46].copy_from_slice(&[0x81, if known { 0x80 } else { 0x83 }]);
                match to {
                    SILENT => return,
                    LIAR => reply[42] ^= 1,
                    _ => {}
                }
                if known {
                    reply[49] = 1;
                    reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 198, 51, 100, 7]);
                }
                let datagram = u16::try_from(reply.len() - 34).unwrap();
                reply[38..40].copy_from_slice(&datagram.to_be_bytes());
                reply[16..18].copy_from_slice(&(datagram + 20).to_be_bytes());
            }
            _ => return,
        }
        self.coming.push_back(reply);
    }
}

struct Nic(Rc<RefCell<Wire>>);
struct Coming(Vec<u8>);
struct Going(Rc<RefCell<Wire>>);

impl RxToken for Coming {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, handle: F) -> R {
        handle(&mut self.0)
    }
}

impl TxToken for Going {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut frame = vec![0; length];
        let result = fill(&mut frame);
        self.0.borrow_mut().take(&frame);
        result
    }
}

impl Driver for Nic {
    type RxToken<'a> = Coming;
    type TxToken<'a> = Going;

    fn receive(&mut self, _: &mut Context) -> Option<(Coming, Going)> {
        let frame = self.0.borrow_mut().coming.pop_front()?;
        Some((Coming(frame), Going(self.0.clone())))
    }

    fn transmit(&mut self, _: &mut Context) -> Option<Going> {
        Some(Going(self.0.clone()))
    }

    fn link_state(&mut self, _: &mut Context) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = 1514;
        // The servers compute none.
        capabilities.checksum.ipv4 = Checksum::None;
        capabilities.checksum.udp = Checksum::None;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet([2, 0, 0, 0, 0, 1])
    }
}

#[test]
fn names_are_asked_of_one_server_after_the_other() {
    let wire = Rc::new(RefCell::new(Wire::default()));
    let mut resources = StackResources::<5>::new();
    let config = Config::ipv4_static(StaticConfigV4 {
        address: Ipv4Cidr::new(Ipv4Addr::new(192, 0, 2, 1), 24),
        gateway: None,
        dns_servers: [SERVER].into_iter().collect(),
    });
    let (stack, mut runner) = embassy_net::new(Nic(wire.clone()), config, &mut resources, 1);
    let (mut tcp, udp, names) = (
        TcpMemory::<1, 64, 64>::new(),
        UdpMemory::<1>::new(),
        NameMemory::new(),
    );
    let net = Net::new(stack, &mut tcp, &udp, &names, || 0x4321);
    let mut run = pin!(runner.run());
    // What was found, which servers were asked, and the seconds it took.
    let mut ask = |host: &str, servers: &[Ipv4Addr]| {
        let servers: Vec<_> = servers.iter().copied().map(IpAddr::V4).collect();
        Extras.set_dns_servers(&net, &servers).unwrap();
        let mut lookup = pin!(net.get_host_by_name(host, AddrType::IPv4));
        let mut context = Context::from_waker(Waker::noop());
        // Ten minutes: longer than all servers together may take.
        for ticks in 0..60_000 {
            let _ = run.as_mut().poll(&mut context);
            if let Poll::Ready(found) = lookup.as_mut().poll(&mut context) {
                return (
                    found,
                    std::mem::take(&mut wire.borrow_mut().asked),
                    ticks / 100,
                );
            }
            MockDriver::get().advance(Duration::from_millis(10));
        }
        panic!("no answer within ten minutes");
    };

    let (found, none) = (Ok(FOUND), Err(DnsError::NotFound));
    // Those from DHCP, or from the fixed configuration.
    assert_eq!(ask("a.example", &[]), (found, vec![SERVER], 0));
    assert_eq!(ask("nowhere", &[]), (none, vec![SERVER], 0));
    // Those of a command.
    let both = [SILENT, SERVER];
    assert_eq!(ask("a.example", &both), (found, both.to_vec(), 2));
    let both = [LIAR, SERVER];
    assert_eq!(ask("a.example", &both), (found, both.to_vec(), 2));
    let twice = vec![SILENT, LIAR, SILENT, LIAR];
    assert_eq!(ask("a.example", &[SILENT, LIAR]), (none, twice, 8));
    // Nobody is asked for these.
    let address = Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    assert_eq!(ask("127.0.0.1", &[SERVER]), (address, vec![], 0));
    let unsupported = Err(DnsError::Unsupported);
    assert_eq!(ask("a..example", &[SERVER]), (unsupported, vec![], 0));
}
