//! Ports of our own, our own access point, and what edge-nal has no API for.

use super::*;

#[test]
fn a_port_of_our_own_may_be_anywhere_but_nowhere() {
    let table = table(&[
        ":333=0.0.0.0:4333",
        ":334=[::1]:4334",
        "a.example:333=127.0.0.1:1",
    ]);
    let own = |port| table.own(port).map(|place| place.to_string());
    assert_eq!(own(333).as_deref(), Some("0.0.0.0:4333"));
    assert_eq!(own(334).as_deref(), Some("[::1]:4334"));
    assert_eq!(own(335), None);
    assert!(":333=127.0.0.1:0".parse::<Map>().is_err());
    // What is sent to that port of somebody else goes there.
    let remote: SocketAddr = "192.0.2.1:333".parse().unwrap();
    assert_eq!(table.redirect(remote).unwrap(), remote);
}

#[test]
fn a_server_outlasts_the_address_and_its_connections_do_not() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let net = net(&[&format!(":333=127.0.0.1:{port}")]);
    let control = net.wifi.control();
    block_on(async {
        let any = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 333);
        let listener = TcpBind::bind(&net, any).await.unwrap();
        let mut first = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (from, mut socket) = edge_nal::TcpAccept::accept(&listener).await.unwrap();
        assert_eq!(from, first.local_addr().unwrap());
        assert_eq!(HostExtras.local_port(&socket), Some(port));
        first.write_all(b"x").unwrap();
        assert_eq!(socket.read(&mut [0; 4]).await.unwrap(), 1);
        control.lose_address().unwrap();
        assert_eq!(
            socket.read(&mut [0; 4]).await.unwrap_err().kind(),
            ErrorKind::ConnectionAborted
        );
        control.get_address(None).unwrap();
        let _second = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        assert!(edge_nal::TcpAccept::accept(&listener).await.is_ok());
    });
}

/// The modem's own access point, as `AT+CWSAP` starts it.
const OWN_AP: at_modem::wifi::SoftAp<'static> = at_modem::wifi::SoftAp {
    ssid: b"own",
    password: Password(b""),
    channel: 5,
    encryption: at_modem::wifi::Encryption::Open,
    max_stations: 1,
    hidden: false,
    address: at_modem::wifi::Ipv4Config {
        address: Ipv4Addr::new(192, 168, 4, 1),
        gateway: Ipv4Addr::new(192, 168, 4, 1),
        netmask: Ipv4Addr::new(255, 255, 255, 0),
    },
    leases: None,
};

#[test]
fn our_own_access_point_leads_to_its_stations_and_no_further() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    let maps = [
        format!("192.168.4.2:80={target}"),
        format!("192.168.5.2:80={target}"),
    ];
    let net = HostNet::new(table(&[&maps[0], &maps[1]]), SimWifi::new(&[]));
    let near = "192.168.4.2:80".parse().unwrap();
    let far = "192.168.5.2:80".parse().unwrap();
    block_on(async {
        assert!(TcpConnect::connect(&net, near).await.is_err());
        net.wifi.set_soft_ap(Some(OWN_AP)).await.unwrap();
        let mut tcp = TcpConnect::connect(&net, near).await.unwrap();
        let mut udp = UdpBind::bind(&net, ANY).await.unwrap();
        let kinds = [
            TcpConnect::connect(&net, far).await.unwrap_err().kind(),
            udp.send(far, b"x").await.unwrap_err().kind(),
        ];
        assert_eq!(kinds, [ErrorKind::NotConnected; 2]);
        udp.send(near, b"x").await.unwrap();
        net.wifi.set_soft_ap(None).await.unwrap();
        assert_eq!(
            tcp.write(b"x").await.unwrap_err().kind(),
            ErrorKind::ConnectionAborted
        );
    });
}

#[test]
fn what_mdns_would_answer_is_shown() {
    use at_grammar::commands::mdns::{MdnsCommand, MdnsRequest};
    use at_grammar::{Command, Mux, parse_line};
    let net = net(&[]);
    let shown = || net.wifi.control().status();
    let line = br#"AT+MDNS=1,"espressif","_printer",35"#;
    let Ok(Command::Mdns(MdnsCommand::MdnsSet(MdnsRequest::On(service)))) =
        parse_line(line, Mux::Single)
    else {
        panic!("it is a command");
    };
    HostExtras.set_mdns(&net, Some(&service)).unwrap();
    assert!(
        shown().ends_with(r#"mdns="espressif._printer._tcp:35""#),
        "{}",
        shown()
    );
    HostExtras.set_mdns(&net, None).unwrap();
    assert!(shown().ends_with(r#"mdns="""#), "{}", shown());
}

#[test]
fn this_machine_answers_echo_requests_for_itself_and_what_is_mapped_to_it() {
    let net = net(&["192.0.2.7:80=127.0.0.1:80", "a.example:80=127.0.0.1:80"]);
    let name = resolve(&net, "a.example").unwrap();
    block_on(async {
        for there in [
            "127.0.0.1".parse().unwrap(),
            "192.0.2.7".parse().unwrap(),
            name,
        ] {
            assert_eq!(HostExtras.ping(&net, there).await, Ok(()), "{there}");
        }
        let unjoined = HostNet::new(table(&[]), SimWifi::new(&[]));
        let there = "127.0.0.1".parse().unwrap();
        let answer = HostExtras.ping(&unjoined, there).await;
        assert_eq!(answer, Err(PingError::Failed));
    });
}

#[test]
fn options_of_a_connection_are_the_pcs() {
    use rustix::net::sockopt::{socket_keepalive, socket_linger, tcp_keepcnt, tcp_keepidle};
    use std::time::Duration;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let net = net(&[]);
    let remote = listener.local_addr().unwrap();
    let socket = block_on(TcpConnect::connect(&net, remote)).unwrap();
    let mut options = TcpOptions {
        linger: Some(3),
        no_delay: true,
        keep_alive: 7200,
    };
    HostExtras.set_options(&socket, options);
    let raw = socket.stream();
    assert!(socket_keepalive(raw).unwrap());
    assert_eq!(tcp_keepidle(raw).unwrap(), Duration::from_secs(7200));
    assert_eq!(tcp_keepcnt(raw).unwrap(), 3);
    assert_eq!(socket_linger(raw).unwrap(), Some(Duration::from_secs(3)));
    options.keep_alive = 0;
    options.linger = None;
    HostExtras.set_options(&socket, options);
    assert!(!socket_keepalive(raw).unwrap());
    assert_eq!(socket_linger(raw).unwrap(), None);
}
