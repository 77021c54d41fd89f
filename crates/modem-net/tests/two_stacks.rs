//! A modem with two stacks, and a peer at the end of each wire.
//!
//! ```text
//! peer 10.0.0.9 ─ wire ─ 10.0.0.1 ┐
//!                                 ├ Net
//! peer 192.168.4.9 ─ wire ─ .4.1  ┘
//! ```

#![expect(
    clippy::unwrap_used,
    reason = "a peer or a stack that does what no test foresees fails the test"
)]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use at_modem::NetExtras;
use edge_nal::{TcpAccept, TcpBind, TcpConnect, UdpBind, UdpReceive, UdpSend};
use embassy_net::driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embassy_net::{Config, ConfigV4, Ipv4Cidr, Runner, Stack, StackResources, StaticConfigV4};
use embassy_time::{Duration, MockDriver};
use embedded_io_async::{Read, Write};
use modem_net::{Extras, NameMemory, Net, TcpMemory, UdpMemory};

type Queue = Rc<RefCell<VecDeque<Vec<u8>>>>;

struct End {
    coming: Queue,
    going: Queue,
    mac: [u8; 6],
    sent: Rc<Cell<usize>>,
}
struct Coming(Vec<u8>);
struct Going(Queue, Rc<Cell<usize>>);

impl RxToken for Coming {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, handle: F) -> R {
        handle(&mut self.0)
    }
}

impl TxToken for Going {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut frame = vec![0; length];
        let result = fill(&mut frame);
        self.0.borrow_mut().push_back(frame);
        self.1.set(self.1.get() + 1);
        result
    }
}

impl Driver for End {
    type RxToken<'a> = Coming;
    type TxToken<'a> = Going;

    fn receive(&mut self, _: &mut Context) -> Option<(Coming, Going)> {
        let frame = self.coming.borrow_mut().pop_front()?;
        Some((Coming(frame), Going(self.going.clone(), self.sent.clone())))
    }

    fn transmit(&mut self, _: &mut Context) -> Option<Going> {
        Some(Going(self.going.clone(), self.sent.clone()))
    }

    fn link_state(&mut self, _: &mut Context) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = 1514;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.mac)
    }
}

const MODEM: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(192, 168, 4, 1)];
const PEERS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 9), Ipv4Addr::new(192, 168, 4, 9)];

type Wired = (Stack<'static>, Runner<'static, End>);

fn stack(address: Ipv4Addr, coming: &Queue, going: &Queue, sent: &Rc<Cell<usize>>) -> Wired {
    let [.., third, last] = address.octets();
    let end = End {
        coming: coming.clone(),
        going: going.clone(),
        mac: [2, 0, 0, 0, third, last],
        sent: sent.clone(),
    };
    let config = Config::ipv4_static(StaticConfigV4 {
        address: Ipv4Cidr::new(address, 24),
        // Every peer takes what is for somewhere else.
        gateway: Some(Ipv4Addr::from_bits(address.to_bits() & !0xff | 9)),
        dns_servers: heapless::Vec::new(),
    });
    let resources = Box::leak(Box::new(StackResources::<8>::new()));
    embassy_net::new(end, config, resources, 7)
}

fn net(stack: Stack<'static>) -> Net<'static> {
    let tcp = Box::leak(Box::new(TcpMemory::<2, 512, 512>::new()));
    let udp = Box::leak(Box::new(UdpMemory::<1>::new()));
    Net::new(
        stack,
        tcp,
        udp,
        Box::leak(Box::new(NameMemory::new())),
        || 1,
    )
}

struct World {
    modem: Net<'static, 2>,
    own: Stack<'static>,
    peers: [Net<'static>; 2],
    runners: Vec<Runner<'static, End>>,
    /// Frames that each of the modem's stacks has sent.
    sent: [Rc<Cell<usize>>; 2],
}

impl World {
    fn new() -> Self {
        let [a, b, c, d] = [(); 4].map(|()| Queue::default());
        let [by_first, by_own, others] = [(); 3].map(|()| Rc::new(Cell::new(0)));
        let (first, one) = stack(MODEM[0], &a, &b, &by_first);
        let (far, two) = stack(PEERS[0], &b, &a, &others);
        let (own, three) = stack(MODEM[1], &c, &d, &by_own);
        let (near, four) = stack(PEERS[1], &d, &c, &others);
        let tcp = Box::leak(Box::new(TcpMemory::<2, 512, 512>::new()));
        let udp = Box::leak(Box::new(UdpMemory::<1>::new()));
        Self {
            modem: net(first).beside(own, tcp, udp),
            own,
            peers: [net(far), net(near)],
            runners: vec![one, two, three, four],
            sent: [by_first, by_own],
        }
    }
}

/// Runs the stacks until it is done; `None` after ten seconds.
fn run<T>(runners: &mut [Runner<'static, End>], work: impl Future<Output = T>) -> Option<T> {
    let mut stacks: Vec<_> = runners.iter_mut().map(|one| Box::pin(one.run())).collect();
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1000 {
        for stack in &mut stacks {
            let _ = stack.as_mut().poll(&mut context);
        }
        if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return Some(done);
        }
        MockDriver::get().advance(Duration::from_millis(10));
    }
    None
}

fn at(address: Ipv4Addr, port: u16) -> SocketAddr {
    SocketAddr::from((address, port))
}

async fn listen<N: TcpBind>(net: &N, port: u16) -> N::Accept<'_> {
    net.bind(at(Ipv4Addr::UNSPECIFIED, port)).await.unwrap()
}

/// Both ends of a link, and where the server sees it come from.
async fn both<A: TcpAccept, L, E: core::fmt::Debug>(
    server: &A,
    link: impl Future<Output = Result<L, E>>,
) -> (IpAddr, A::Socket<'_>, L) {
    let (accepted, link) = embassy_futures::join::join(server.accept(), link).await;
    let (from, here) = accepted.unwrap();
    (from.ip(), here, link.unwrap())
}

#[test]
fn a_server_accepts_from_both_and_a_link_leaves_by_its_address() {
    let World {
        modem,
        peers,
        mut runners,
        ..
    } = World::new();
    let (modem, peers) = (&modem, &peers);
    let done = run(&mut runners, async {
        let server = listen(modem, 80).await;
        for place in [1, 0, 1] {
            let to = at(MODEM[place], 80);
            let link = async {
                // Between two peers nobody listens.
                loop {
                    let link = peers[place].connect(to).await;
                    if link.is_ok() {
                        break link;
                    }
                    embassy_time::Timer::after_millis(50).await;
                }
            };
            let (from, mut here, mut there) = both(&server, link).await;
            assert_eq!(from, IpAddr::V4(PEERS[place]));
            here.write_all(b"from the server").await.unwrap();
            let mut came = [0; 15];
            there.read_exact(&mut came).await.unwrap();
            assert_eq!(&came, b"from the server");
        }
        for place in [0, 1] {
            let server = listen(&peers[place], 90).await;
            let (from, _here, _there) = both(&server, modem.connect(at(PEERS[place], 90))).await;
            assert_eq!(from, IpAddr::V4(MODEM[place]));
        }
    });
    assert!(done.is_some());
}

#[test]
fn a_stack_whose_sockets_are_all_taken_does_not_stop_the_other() {
    let World {
        modem,
        peers,
        mut runners,
        ..
    } = World::new();
    let (modem, peers) = (&modem, &peers);
    let done = run(&mut runners, async {
        let servers = listen(&peers[1], 90).await;
        let mut links = Vec::new();
        for _ in 0..2 {
            links.push(both(&servers, modem.connect(at(PEERS[1], 90))).await);
        }
        let server = listen(modem, 80).await;
        let (from, _here, _there) = both(&server, peers[0].connect(at(MODEM[0], 80))).await;
        assert_eq!(from, IpAddr::V4(PEERS[0]));
        // One is free again.
        let link = async {
            drop(links);
            embassy_time::Timer::after_millis(500).await;
            peers[1].connect(at(MODEM[1], 80)).await
        };
        let (from, _here, _there) = both(&server, link).await;
        assert_eq!(from, IpAddr::V4(PEERS[1]));
    });
    assert!(done.is_some());
}

#[test]
fn datagrams_and_echoes_leave_by_their_address_and_come_from_both() {
    let World {
        modem,
        peers,
        mut runners,
        ..
    } = World::new();
    let (modem, peers) = (&modem, &peers);
    let done = run(&mut runners, async {
        let any = at(Ipv4Addr::UNSPECIFIED, 5000);
        let mut here = UdpBind::bind(modem, any).await.unwrap();
        for place in [1, 0, 1] {
            let mut there = UdpBind::bind(&peers[place], any).await.unwrap();
            let mut came = [0; 8];
            here.send(at(PEERS[place], 5000), b"question")
                .await
                .unwrap();
            let (length, from) = there.receive(&mut came).await.unwrap();
            assert_eq!((length, from), (8, at(MODEM[place], 5000)));
            there.send(from, b"answer").await.unwrap();
            let (length, from) = here.receive(&mut came).await.unwrap();
            assert_eq!((length, from), (6, at(PEERS[place], 5000)));
            Extras.ping(modem, PEERS[place].into()).await.unwrap();
        }
        // There is memory for one more in neither stack.
        assert!(UdpBind::bind(modem, any).await.is_err());
    });
    assert!(done.is_some());
}

#[test]
fn without_an_address_the_second_stack_takes_nothing() {
    let World {
        modem,
        own,
        peers,
        mut runners,
        sent,
    } = World::new();
    own.set_config_v4(ConfigV4::None);
    let (modem, peers) = (&modem, &peers);
    let done = run(&mut runners, async {
        embassy_time::Timer::after_millis(50).await;
        let any = at(Ipv4Addr::UNSPECIFIED, 5000);
        let mut here = UdpBind::bind(modem, any).await.unwrap();
        let mut gateway = UdpBind::bind(&peers[0], any).await.unwrap();
        let mut came = [0; 20];
        here.send(at(PEERS[0], 5000), b"to the gateway")
            .await
            .unwrap();
        let (length, _) = gateway.receive(&mut came).await.unwrap();
        assert_eq!(length, 14);
        // Of the network that is not there: it leaves as what is for anywhere does.
        let before = sent.each_ref().map(|count| count.get());
        here.send(at(PEERS[1], 5000), b"anywhere").await.unwrap();
        embassy_time::Timer::after_millis(50).await;
        assert_eq!(sent[0].get(), before[0] + 1);
        assert_eq!(sent[1].get(), before[1]);
    });
    assert!(done.is_some());
}
