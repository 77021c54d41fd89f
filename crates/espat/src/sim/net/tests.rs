//! Maps, mapped TCP and UDP over real loopback sockets, and the gate of the simulated Wi-Fi.

mod own;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::thread;

use at_modem::wifi::{Join, Password, Wifi as _};
use edge_nal::{
    Close, Readable as _, TcpShutdown as _, TcpSplit as _, UdpReceive, UdpSend, UdpSplit,
};
use embedded_io_async::{Error as _, Read, Write};
use futures_lite::future::{block_on as park_on, poll_once};

use super::*;

/// Drives the reactor too.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    async_io::block_on(future)
}

fn table(maps: &[&str]) -> MapTable {
    MapTable::new(maps.iter().map(|map| map.parse().unwrap()).collect()).unwrap()
}

/// A station that joined `iot`.
fn joined() -> SimWifi {
    let wifi = SimWifi::new(&[]);
    let join = Join {
        ssid: b"iot",
        password: Password(b""),
        bssid: None,
        secure_only: false,
    };
    park_on(wifi.join(join, async |_| ())).unwrap();
    wifi
}

fn net(maps: &[&str]) -> HostNet {
    HostNet::new(table(maps), joined())
}

fn resolve(net: &HostNet, name: &str) -> Result<IpAddr, NetError> {
    block_on(net.get_host_by_name(name, AddrType::IPv4))
}

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A port on which nobody listens: no other test uses this loopback address.
fn closed_port() -> SocketAddr {
    TcpListener::bind("127.77.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// The loopback addresses of this machine; some have no IPv6.
fn loopbacks() -> impl Iterator<Item = &'static str> {
    ["127.0.0.1:0", "[::1]:0"]
        .into_iter()
        .filter(|local| UdpSocket::bind(local).is_ok())
}

/// A server that takes one connection and gives back what it gets.
fn tcp_echo(local: &str) -> (SocketAddr, thread::JoinHandle<()>) {
    let listener = TcpListener::bind(local).unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        client.write_all(&all).unwrap();
    });
    (address, server)
}

/// A server that answers `count` datagrams with themselves.
fn udp_echo(local: &str, count: usize) -> (SocketAddr, thread::JoinHandle<()>) {
    let socket = UdpSocket::bind(local).unwrap();
    let address = socket.local_addr().unwrap();
    let server = thread::spawn(move || {
        for _ in 0..count {
            let mut bytes = [0; 64];
            let (length, from) = socket.recv_from(&mut bytes).unwrap();
            socket.send_to(&bytes[..length], from).unwrap();
        }
    });
    (address, server)
}

#[test]
fn a_map_is_read_from_its_four_parts() {
    let name = |name: &str| Host::Name(name.to_owned());
    for (text, host, port, target) in [
        (
            "cn.ntp.org.cn:123=127.0.0.1:1123",
            name("cn.ntp.org.cn"),
            123,
            "127.0.0.1:1123",
        ),
        (
            "Example.ORG.:1=127.0.0.1:65535",
            name("example.org"),
            1,
            "127.0.0.1:65535",
        ),
        ("a_b-c:65535=[::1]:7", name("a_b-c"), 65535, "[::1]:7"),
        (
            "192.168.3.129:8739=127.0.0.1:8739",
            Host::Address([192, 168, 3, 129].into()),
            8739,
            "127.0.0.1:8739",
        ),
        (
            "[fe80::1]:5=127.0.0.1:5",
            Host::Address("fe80::1".parse().unwrap()),
            5,
            "127.0.0.1:5",
        ),
    ] {
        let target = target.parse().unwrap();
        let map = Map {
            host,
            port,
            target,
            target_name: None,
        };
        assert_eq!(text.parse(), Ok(map), "{text}");
    }
}

#[test]
fn a_map_that_makes_no_sense_is_refused_with_its_reason() {
    let long = format!("{}:1=127.0.0.1:1", "a".repeat(254));
    for (text, error) in [
        ("", MapError::NoTarget),
        ("example.org:80", MapError::NoTarget),
        ("example.org=127.0.0.1:80", MapError::Source),
        (".:80=127.0.0.1:80", MapError::Source),
        ("example.org:=127.0.0.1:80", MapError::Source),
        ("example.org:0=127.0.0.1:80", MapError::Source),
        ("example.org:+80=127.0.0.1:80", MapError::Source),
        ("example.org:65536=127.0.0.1:80", MapError::Source),
        ("exa mple:80=127.0.0.1:80", MapError::Source),
        ("fe80::1:80=127.0.0.1:80", MapError::Source),
        ("[fe80::1:80=127.0.0.1:80", MapError::Source),
        ("[127.0.0.1]:80=127.0.0.1:80", MapError::Source),
        (&long, MapError::Source),
        ("example.org:80=", MapError::Target),
        ("example.org:80=localhost:0", MapError::Target),
        ("example.org:80=local host:80", MapError::Target),
        ("example.org:80=:80", MapError::Target),
        ("example.org:80=127.0.0.1", MapError::Target),
        ("example.org:80=::1:80", MapError::Target),
        (
            "example.org:80=0.0.0.0:80",
            MapError::Unreachable {
                target: "0.0.0.0:80".parse().unwrap(),
            },
        ),
        (
            "example.org:80=127.0.0.1:0",
            MapError::Unreachable {
                target: "127.0.0.1:0".parse().unwrap(),
            },
        ),
    ] {
        assert_eq!(text.parse::<Map>(), Err(error), "{text}");
    }
}

#[test]
fn a_target_may_be_a_name_that_the_pc_knows() {
    let map: Map = "broker.local:8883=LocalHost:18883".parse().unwrap();
    assert_eq!(map.target, "127.0.0.1:18883".parse().unwrap());
    let said = map.to_string();
    assert_eq!(
        said,
        "broker.local:8883 is LocalHost:18883 (127.0.0.1:18883)"
    );
    let unknown = "a:1=nowhere.invalid:1".parse::<Map>().unwrap_err();
    assert!(matches!(unknown, MapError::NoAddress { .. }), "{unknown}");
    let named = table(&["a:1=127.0.0.1:1", "b:1=localhost:1"]);
    assert_eq!(named.named_targets().count(), 1);
}

#[test]
fn a_peer_has_the_name_that_its_host_uses() {
    let table = table(&["broker.local:8883=127.0.0.1:1"]);
    let name = table.resolve("broker.local").unwrap();
    assert_eq!(table.label((name, 8883).into()), "broker.local:8883");
    let other: SocketAddr = "10.0.0.1:80".parse().unwrap();
    assert_eq!(table.label(other), "10.0.0.1:80");
}

#[test]
fn one_place_is_mapped_once() {
    let twice = |maps: &[&str]| {
        MapTable::new(maps.iter().map(|map| map.parse().unwrap()).collect()).unwrap_err()
    };
    assert_eq!(
        twice(&["a:1=127.0.0.1:1", "a:2=127.0.0.1:1", "A.:2=127.0.0.1:3"]).to_string(),
        "a:2 is mapped twice"
    );
    assert_eq!(
        twice(&["10.0.0.1:1=127.0.0.1:1", "10.0.0.1:1=127.0.0.1:1"]).to_string(),
        "10.0.0.1:1 is mapped twice"
    );
}

#[test]
fn mapped_names_have_stable_addresses_that_nobody_else_has() {
    let net = net(&[
        "a.example:1=127.0.0.1:1",
        "b.example:1=127.0.0.1:1",
        "a.example:2=127.0.0.1:1",
        "198.18.0.2:9=127.0.0.1:1",
    ]);
    for (name, address) in [
        ("a.example", [198, 18, 0, 1]),
        ("A.Example.", [198, 18, 0, 1]),
        // 198.18.0.2 is taken by a map.
        ("b.example", [198, 18, 0, 3]),
        ("203.0.113.7", [203, 0, 113, 7]),
    ] {
        assert_eq!(
            resolve(&net, name).unwrap(),
            IpAddr::from(address),
            "{name}"
        );
    }
    let v6 = |name| block_on(net.get_host_by_name(name, AddrType::IPv6));
    assert_eq!(v6("a.example").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(v6("127.0.0.1").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(v6("::1").unwrap(), IpAddr::from(Ipv6Addr::LOCALHOST));
}

#[test]
fn other_names_are_the_resolvers() {
    let net = net(&[]);
    assert!(resolve(&net, "localhost").unwrap().is_loopback());
    // A name no resolver can send: a label has at most 63 bytes.
    let error = resolve(&net, &"a".repeat(64)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn only_mapped_ports_of_a_mapped_name_are_open_and_other_ports_of_an_address_are_its_own() {
    let table = table(&["a.example:1=127.0.0.1:11", "10.0.0.1:1=[::1]:12"]);
    let redirect = |from: &str| table.redirect(from.parse().unwrap());
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    assert_eq!(redirect("198.18.0.1:1").unwrap(), at("127.0.0.1:11"));
    assert_eq!(
        redirect("198.18.0.1:2").unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    assert_eq!(redirect("198.18.0.2:1").unwrap(), at("198.18.0.2:1"));
    assert_eq!(redirect("10.0.0.1:1").unwrap(), at("[::1]:12"));
    assert_eq!(redirect("10.0.0.1:2").unwrap(), at("10.0.0.1:2"));
    assert_eq!(redirect("127.0.0.1:11").unwrap(), at("127.0.0.1:11"));
}

/// Sends through a connection to `remote`, ends it, and returns what came back.
async fn exchange(net: &HostNet, remote: SocketAddr, text: &[u8]) -> Vec<u8> {
    let mut socket = TcpConnect::connect(net, remote).await.unwrap();
    let (_, mut tx) = socket.split();
    tx.write_all(text).await.unwrap();
    tx.flush().await.unwrap();
    socket.close(Close::Write).await.unwrap();
    let (mut rx, _) = socket.split();
    let mut all = Vec::new();
    loop {
        let mut byte = [0; 3];
        rx.readable().await.unwrap();
        match rx.read(&mut byte).await.unwrap() {
            0 => return all,
            length => all.extend_from_slice(&byte[..length]),
        }
    }
}

#[test]
fn tcp_to_a_mapped_name_or_address_reaches_the_target() {
    for local in loopbacks() {
        for asked in ["www.example:443", "192.168.3.129:8739"] {
            let (target, server) = tcp_echo(local);
            let net = net(&[&format!("{asked}={target}")]);
            let (host, port) = asked.rsplit_once(':').unwrap();
            let remote = SocketAddr::new(resolve(&net, host).unwrap(), port.parse().unwrap());
            assert_eq!(block_on(exchange(&net, remote, b"hello")), b"hello");
            server.join().unwrap();
        }
    }
}

#[test]
fn tcp_to_anywhere_else_is_the_real_network() {
    let (target, server) = tcp_echo("127.0.0.1:0");
    assert_eq!(block_on(exchange(&net(&[]), target, b"hello")), b"hello");
    server.join().unwrap();
}

#[test]
fn connections_do_not_block() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let net = net(&[]);
    block_on(async {
        let remote = listener.local_addr().unwrap();
        let mut socket = TcpConnect::connect(&net, remote).await.unwrap();
        assert_eq!(socket.peer().unwrap(), remote);
        // Nothing was sent: a blocking socket would hang here.
        assert!(poll_once(socket.read(&mut [0])).await.is_none());
    });
}

#[test]
fn a_closed_port_refuses() {
    let remote = closed_port();
    let net = net(&[&format!("www.example:443={remote}")]);
    let mapped = SocketAddr::new(resolve(&net, "www.example").unwrap(), 443);
    let unmapped = SocketAddr::new(mapped.ip(), 80);
    for remote in [remote, mapped, unmapped] {
        let error = block_on(TcpConnect::connect(&net, remote)).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::ConnectionRefused,
            "{remote}: {error}"
        );
    }
}

#[test]
fn error_kinds_distinguish_refused_unreachable_and_late() {
    for (kind, expected) in [
        (
            io::ErrorKind::ConnectionRefused,
            ErrorKind::ConnectionRefused,
        ),
        (io::ErrorKind::ConnectionReset, ErrorKind::ConnectionReset),
        (io::ErrorKind::TimedOut, ErrorKind::TimedOut),
        (io::ErrorKind::HostUnreachable, ErrorKind::AddrNotAvailable),
        (
            io::ErrorKind::NetworkUnreachable,
            ErrorKind::AddrNotAvailable,
        ),
        (io::ErrorKind::NetworkDown, ErrorKind::AddrNotAvailable),
    ] {
        assert_eq!(NetError::Io(kind.into()).kind(), expected);
    }
}

/// Sends one datagram and returns the answer with its sender.
async fn ask(socket: &mut HostUdp, remote: SocketAddr, text: &[u8]) -> (Vec<u8>, SocketAddr) {
    let mut bytes = [0; 64];
    let (mut rx, mut tx) = socket.split();
    tx.send(remote, text).await.unwrap();
    let (length, from) = rx.receive(&mut bytes).await.unwrap();
    (bytes[..length].to_vec(), from)
}

#[test]
fn udp_answers_of_a_target_come_from_where_the_host_asked() {
    for local in loopbacks() {
        let (target, server) = udp_echo(local, 4);
        // One target stands in for two names, as with the two servers of AT+CIPSNTPCFG.
        let net = net(&[
            &format!("cn.ntp.org.cn:123={target}"),
            &format!("ntp.sjtu.edu.cn:123={target}"),
            &format!("192.168.3.129:8739={target}"),
        ]);
        let asked = [
            "cn.ntp.org.cn:123",
            "ntp.sjtu.edu.cn:123",
            "192.168.3.129:8739",
        ];
        block_on(async {
            let mut socket = UdpBind::bind(&net, ANY).await.unwrap();
            for asked in asked {
                let (host, port) = asked.rsplit_once(':').unwrap();
                let address = net.get_host_by_name(host, AddrType::IPv4).await.unwrap();
                let remote = SocketAddr::new(address, port.parse().unwrap());
                assert_eq!(
                    ask(&mut socket, remote, asked.as_bytes()).await,
                    (asked.as_bytes().to_vec(), remote)
                );
            }
            // Who asks for the target itself sees the target itself.
            assert_eq!(
                ask(&mut socket, target, b"direct").await,
                (b"direct".to_vec(), target)
            );
        });
        server.join().unwrap();
    }
}

#[test]
fn udp_from_others_keeps_its_sender() {
    let (target, server) = udp_echo("127.0.0.1:0", 1);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let net = net(&[&format!("10.0.0.1:123={target}")]);
    block_on(async {
        let own = SocketAddr::new(net.wifi.address().unwrap().address.into(), 0);
        let mut socket = UdpBind::bind(&net, own).await.unwrap();
        let port = socket.local_port().unwrap();
        let reachable = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        stranger.send_to(b"spoof", reachable).unwrap();
        let mut bytes = [0; 8];
        let (length, from) = socket.receive(&mut bytes).await.unwrap();
        assert_eq!(
            (&bytes[..length], from),
            (&b"spoof"[..], stranger.local_addr().unwrap())
        );
        ask(&mut socket, "10.0.0.1:123".parse().unwrap(), b"real").await;
    });
    server.join().unwrap();
}

#[test]
fn udp_to_a_port_without_a_map_is_refused() {
    let net = net(&["a.example:1=127.0.0.1:1"]);
    block_on(async {
        let mut socket = UdpBind::bind(&net, ANY).await.unwrap();
        let error = socket
            .send("198.18.0.1:2".parse().unwrap(), b"x")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        // No map leads to IPv6, so there is no socket for it.
        let error = socket
            .send("[::1]:2".parse().unwrap(), b"x")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    });
}

#[test]
fn without_an_address_nothing_is_reached() {
    let wifi = SimWifi::new(&[]);
    let net = HostNet::new(table(&["a.example:1=127.0.0.1:1"]), wifi);
    block_on(async {
        let remote = "127.0.0.1:1".parse().unwrap();
        let kinds = [
            TcpConnect::connect(&net, remote).await.unwrap_err().kind(),
            UdpBind::bind(&net, ANY).await.unwrap_err().kind(),
            net.get_host_by_name("a.example", AddrType::IPv4)
                .await
                .unwrap_err()
                .kind(),
            net.get_host_by_name("localhost", AddrType::IPv4)
                .await
                .unwrap_err()
                .kind(),
            net.get_host_by_name("127.0.0.1", AddrType::IPv4)
                .await
                .unwrap_err()
                .kind(),
        ];
        assert_eq!(kinds, [ErrorKind::NotConnected; 5]);
    });
}

#[test]
fn sockets_end_with_the_address_and_stay_ended() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let net = net(&[]);
    let control = net.wifi.control();
    block_on(async {
        let remote = listener.local_addr().unwrap();
        let mut tcp = TcpConnect::connect(&net, remote).await.unwrap();
        let mut udp = UdpBind::bind(&net, ANY).await.unwrap();
        let vanish = async {
            futures_lite::future::yield_now().await;
            control.vanish(b"iot").unwrap();
        };
        let mut byte = [0];
        let (read, ()) = futures_lite::future::zip(tcp.read(&mut byte), vanish).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        control.appear(b"iot").unwrap();
        let kinds = [
            tcp.write(b"x").await.unwrap_err().kind(),
            udp.send(remote, b"x").await.unwrap_err().kind(),
            udp.receive(&mut byte).await.unwrap_err().kind(),
        ];
        assert_eq!(kinds, [ErrorKind::ConnectionAborted; 3]);
        assert!(TcpConnect::connect(&net, remote).await.is_ok());
    });
}
