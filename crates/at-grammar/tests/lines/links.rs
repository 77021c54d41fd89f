//! Commands about links, with and without a link number.

use at_grammar::commands::tcpip::TcpipCommand;
use core::net::{IpAddr, Ipv4Addr};

use at_grammar::commands::ssl::{AlpnList, SetAlpn, SetServerName, SslConfig};
use at_grammar::commands::tcpip::{
    CloseLink, KeepAlive, OpenLink, Opening, Resolve, SendData, SendLength, Timeout,
};

use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn opening_links() {
    let tcp = |link, name, number| OpenLink {
        link,
        family: Family::V4,
        opening: Opening::Tcp { keep_alive: None },
        host: host(name),
        port: port(number),
        local_ip: None,
        timeout: None,
    };
    let ok = |open| Ok(Command::Tcpip(TcpipCommand::CipstartSet(open)));
    let ssl = Opening::Ssl { keep_alive: None };
    let udp = |local, mode| Opening::Udp {
        local_port: Port::new(local),
        mode,
    };
    let long = format!("AT+CIPSTART=\"TCP\",\"{}\",80", "h".repeat(65));
    check(&[
        (
            ONE,
            "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080",
            ok(tcp(None, "192.168.3.102", 8080)),
        ),
        (
            ONE,
            "AT+CIPSTART=\"tcp\",\"x\",80,,",
            ok(tcp(None, "x", 80)),
        ),
        (ONE, "AT+CIPSTART=,\"x\",80", ok(tcp(None, "x", 80))),
        (
            ONE,
            "AT+CIPSTART=\"TCP\",\"x\",80,,\"\"",
            ok(tcp(None, "x", 80)),
        ),
        (
            ONE,
            "AT+CIPSTART=\"TCP\",\"192.168.101.110\",1000,,\"192.168.101.100\"",
            ok(OpenLink {
                local_ip: Some(IpAddr::V4(Ipv4Addr::new(192, 168, 101, 100))),
                ..tcp(None, "192.168.101.110", 1000)
            }),
        ),
        (
            ONE,
            "AT+CIPSTART=\"TCPv6\",\"fe80::860d:8eff:fe9d:cd90\",1000,7200,\"::1\",60000",
            ok(OpenLink {
                family: Family::V6,
                opening: Opening::Tcp {
                    keep_alive: KeepAlive::new(7200),
                },
                local_ip: Some("::1".parse().unwrap()),
                timeout: Timeout::new(60_000),
                ..tcp(None, "fe80::860d:8eff:fe9d:cd90", 1000)
            }),
        ),
        (
            ONE,
            "AT+CIPSTART=\"SSL\",\"192.168.3.129\",8739",
            ok(OpenLink {
                opening: ssl,
                ..tcp(None, "192.168.3.129", 8739)
            }),
        ),
        (
            MANY,
            "AT+CIPSTART=0,\"SSL\",\"example.com\",443",
            ok(OpenLink {
                opening: ssl,
                ..tcp(Some(link(0)), "example.com", 443)
            }),
        ),
        (
            MANY,
            "AT+CIPSTART=4,\"UDP\",\"192.168.3.102\",8080,1112,0",
            ok(OpenLink {
                opening: udp(1112, UdpMode::Fixed),
                ..tcp(Some(link(4)), "192.168.3.102", 8080)
            }),
        ),
        (
            ONE,
            "AT+CIPSTART=\"UDP\",\"192.168.3.102\",8080,1112,2",
            ok(OpenLink {
                opening: udp(1112, UdpMode::Follow),
                ..tcp(None, "192.168.3.102", 8080)
            }),
        ),
        (
            ONE,
            "AT+CIPSTART=\"UDP\",\"x\",1,,,\"10.0.0.1\",0",
            ok(OpenLink {
                opening: udp(0, UdpMode::Fixed),
                local_ip: Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))),
                timeout: Timeout::new(0),
                ..tcp(None, "x", 1)
            }),
        ),
        // Link numbers and AT+CIPMUX.
        (ONE, "AT+CIPSTART=0,\"TCP\",\"x\",80", Err(0x0105_0000)),
        (MANY, "AT+CIPSTART=\"TCP\",\"x\",80", Err(0x0105_0000)),
        (MANY, "AT+CIPSTART=,\"TCP\",\"x\",80", Err(0x0108_0000)),
        (MANY, "AT+CIPSTART=5,\"TCP\",\"x\",80", Err(0x0107_0000)),
        (MANY, "AT+CIPSTART=-1,\"TCP\",\"x\",80", Err(0x0107_0000)),
        (MANY, "AT+CIPSTART=0,\"TCP\",\"x\"", Err(0x0106_0403)),
        (MANY, "AT+CIPSTART=0,\"TCP\",\"x\",0", Err(0x0107_0003)),
        // The rest.
        (ONE, "AT+CIPSTART=\"TCP\",\"x\"", Err(0x0106_0302)),
        (ONE, "AT+CIPSTART=\"TCP\",\"x\",80,,,,", Err(0x0106_0607)),
        (ONE, "AT+CIPSTART=\"UDP\",\"x\",80,,,,,", Err(0x0106_0708)),
        (ONE, "AT+CIPSTART=\"TLS\",\"x\",80", Err(0x0107_0000)),
        (ONE, "AT+CIPSTART=\"TCP\",\"\",80", Err(0x0107_0001)),
        (ONE, "AT+CIPSTART=\"TCP\",,80", Err(0x0108_0001)),
        (ONE, "AT+CIPSTART=\"TCP\",\"a b\",80", Err(0x0107_0001)),
        (ONE, &long, Err(0x0104_0001)),
        (ONE, "AT+CIPSTART=\"TCP\",\"x\",0", Err(0x0107_0002)),
        (ONE, "AT+CIPSTART=\"TCP\",\"x\",65536", Err(0x0107_0002)),
        (ONE, "AT+CIPSTART=\"TCP\",\"x\",\"80\"", Err(0x0105_0002)),
        (ONE, "AT+CIPSTART=\"TCP\",\"x\",80,7201", Err(0x0107_0003)),
        (
            ONE,
            "AT+CIPSTART=\"TCP\",\"x\",80,0,\"nowhere\"",
            Err(0x0107_0004),
        ),
        (
            ONE,
            "AT+CIPSTART=\"TCP\",\"x\",80,0,,60001",
            Err(0x0107_0005),
        ),
        (ONE, "AT+CIPSTART=\"UDP\",\"x\",80,,1", Err(0x0108_0003)),
        (ONE, "AT+CIPSTART=\"UDP\",\"x\",80,1112,3", Err(0x0107_0004)),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn using_links() {
    use crate::forms::*;
    let send = |link, length, remote| {
        Ok(Command::Tcpip(CipsendSet(SendData {
            link,
            length: SendLength::new(length).unwrap(),
            remote,
        })))
    };
    check(&[
        (ONE, "AT+CIPSEND=4", send(None, 4, None)),
        (ONE, "AT+CIPSEND=8192", send(None, 8192, None)),
        (MANY, "AT+CIPSEND=0,18", send(Some(link(0)), 18, None)),
        (
            ONE,
            "AT+CIPSEND=4,\"192.168.3.103\",1000",
            send(None, 4, Some((host("192.168.3.103"), port(1000)))),
        ),
        (
            MANY,
            "AT+CIPSEND=3,4,\"h\",1",
            send(Some(link(3)), 4, Some((host("h"), port(1)))),
        ),
        (ONE, "AT+CIPSEND=0", Err(0x0107_0000)),
        (ONE, "AT+CIPSEND=8193", Err(0x0107_0000)),
        (ONE, "AT+CIPSEND=0,4", Err(0x0107_0000)),
        (ONE, "AT+CIPSEND=1,4", Err(0x0105_0001)),
        (MANY, "AT+CIPSEND=4", Err(0x0106_0201)),
        (MANY, "AT+CIPSEND=5,4", Err(0x0107_0000)),
        (MANY, "AT+CIPSEND=0,0", Err(0x0107_0001)),
        (ONE, "AT+CIPSEND=4,\"h\"", Err(0x0106_0302)),
        (ONE, "AT+CIPSEND=4,,1000", Err(0x0108_0001)),
        (ONE, "AT+CIPSEND=4,\"h\",1,", Err(0x0106_0304)),
        (
            MANY,
            "AT+CIPCLOSE=0",
            Ok(Command::Tcpip(CipcloseSet(CloseLink(LinkTarget::One(
                link(0),
            ))))),
        ),
        (
            MANY,
            "AT+CIPCLOSE=5",
            Ok(Command::Tcpip(CipcloseSet(CloseLink(LinkTarget::All)))),
        ),
        (MANY, "AT+CIPCLOSE=6", Err(0x0107_0000)),
        (MANY, "AT+CIPCLOSE=0,1", Err(0x0106_0102)),
        (MANY, "AT+CIPCLOSE=", Err(0x0108_0000)),
        (ONE, "AT+CIPCLOSE=0", Err(0x0106_0001)),
        (
            ONE,
            "AT+CIPMUX=1",
            Ok(Command::Tcpip(CipmuxSet(Mux::Multiple))),
        ),
        (
            ONE,
            "AT+CIPMUX=0",
            Ok(Command::Tcpip(CipmuxSet(Mux::Single))),
        ),
        (ONE, "AT+CIPMUX=2", Err(0x0107_0000)),
        (
            ONE,
            "AT+CIPDINFO=1",
            Ok(Command::Receive(CipdinfoSet(DataInfo::On))),
        ),
        (
            ONE,
            "AT+CIPRECVMODE=1",
            Ok(Command::Receive(CiprecvmodeSet(ReceiveMode::Passive))),
        ),
        (ONE, "AT+CIPRECVMODE=2", Err(0x0107_0000)),
        (
            ONE,
            "AT+CIPDOMAIN=\"iot.example\"",
            Ok(Command::Network(CipdomainSet(Resolve::new(host(
                "iot.example",
            ))))),
        ),
        (
            ONE,
            "AT+CIPDOMAIN=\"iot.example\",3,60000,1",
            Ok(Command::Network(CipdomainSet(Resolve {
                preference: IpPreference::V6Only,
                timeout: Timeout::MAX,
                show_all: true,
                ..Resolve::new(host("iot.example"))
            }))),
        ),
        (ONE, "AT+CIPDOMAIN=\"iot.example\",0", Err(0x0107_0001)),
        (ONE, "AT+CIPDOMAIN=\"iot.example\",4", Err(0x0107_0001)),
        (ONE, "AT+CIPDOMAIN=", Err(0x0108_0000)),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn tls_settings() {
    use crate::forms::*;
    let conf = |link, auth, pki, ca| {
        Ok(Command::Ssl(CipsslcconfSet(SslConfig {
            link,
            auth,
            pki,
            ca,
        })))
    };
    let name = |link, text| SetServerName {
        link,
        name: ServerName::new(text).unwrap(),
    };
    let alpn = |link, names: &[&'static str]| {
        Ok(Command::Ssl(CipsslcalpnSet(SetAlpn {
            link,
            protocols: AlpnList::new(names.iter().map(|name| AlpnName::new(*name).unwrap()))
                .unwrap(),
        })))
    };
    let long = format!("AT+CIPSSLCSNI=\"{}\"", "n".repeat(65));
    let one = |id| Some(LinkTarget::One(link(id)));
    check(&[
        (
            ONE,
            "AT+CIPSSLCCONF=2,0,0",
            conf(None, AuthMode::VerifyServer, 0, 0),
        ),
        (
            ONE,
            "AT+CIPSSLCCONF=2,,0",
            conf(None, AuthMode::VerifyServer, 0, 0),
        ),
        (
            ONE,
            "AT+CIPSSLCCONF=2,,1",
            conf(None, AuthMode::VerifyServer, 0, 1),
        ),
        (ONE, "AT+CIPSSLCCONF=0", conf(None, AuthMode::None, 0, 0)),
        (
            ONE,
            "AT+CIPSSLCCONF=3,1,1",
            conf(None, AuthMode::Mutual, 1, 1),
        ),
        (
            MANY,
            "AT+CIPSSLCCONF=0,2,0,0",
            conf(one(0), AuthMode::VerifyServer, 0, 0),
        ),
        (
            MANY,
            "AT+CIPSSLCCONF=2,0,0",
            conf(one(2), AuthMode::None, 0, 0),
        ),
        (
            MANY,
            "AT+CIPSSLCCONF=5,1,255",
            conf(Some(LinkTarget::All), AuthMode::SendCertificate, 255, 0),
        ),
        (ONE, "AT+CIPSSLCCONF=0,2,0,0", Err(0x0106_0304)),
        (ONE, "AT+CIPSSLCCONF=4", Err(0x0107_0000)),
        (ONE, "AT+CIPSSLCCONF=2,256,0", Err(0x0107_0001)),
        (ONE, "AT+CIPSSLCCONF=2,0,-1", Err(0x0107_0002)),
        (MANY, "AT+CIPSSLCCONF=2", Err(0x0106_0201)),
        (MANY, "AT+CIPSSLCCONF=6,2,0,0", Err(0x0107_0000)),
        (
            ONE,
            "AT+CIPSSLCCN=\"example.com\"",
            Ok(Command::Ssl(CipsslccnSet(name(None, "example.com")))),
        ),
        (
            ONE,
            "AT+CIPSSLCCN=\"\"",
            Ok(Command::Ssl(CipsslccnSet(name(None, "")))),
        ),
        (
            MANY,
            "AT+CIPSSLCSNI=0,\"example.com\"",
            Ok(Command::Ssl(CipsslcsniSet(name(one(0), "example.com")))),
        ),
        (
            MANY,
            "AT+CIPSSLCSNI=5,\"x\"",
            Ok(Command::Ssl(CipsslcsniSet(name(
                Some(LinkTarget::All),
                "x",
            )))),
        ),
        (ONE, "AT+CIPSSLCSNI=0,\"x\"", Err(0x0106_0102)),
        (MANY, "AT+CIPSSLCSNI=\"x\"", Err(0x0105_0000)),
        (ONE, "AT+CIPSSLCSNI=1", Err(0x0105_0000)),
        (ONE, &long, Err(0x0104_0000)),
        (
            ONE,
            "AT+CIPSSLCALPN=2,\"h2\",\"http/1.1\"",
            alpn(None, &["h2", "http/1.1"]),
        ),
        (ONE, "AT+CIPSSLCALPN=0", alpn(None, &[])),
        (MANY, "AT+CIPSSLCALPN=1,1,\"h2\"", alpn(one(1), &["h2"])),
        (
            MANY,
            "AT+CIPSSLCALPN=1,5,\"a\",\"b\",\"c\",\"d\",\"e\"",
            alpn(one(1), &["a", "b", "c", "d", "e"]),
        ),
        (
            ONE,
            "AT+CIPSSLCALPN=6,\"a\",\"b\",\"c\",\"d\",\"e\"",
            Err(0x0107_0000),
        ),
        (ONE, "AT+CIPSSLCALPN=1,\"a\",\"b\"", Err(0x0106_0203)),
        (ONE, "AT+CIPSSLCALPN=2,\"a\"", Err(0x0106_0302)),
        (MANY, "AT+CIPSSLCALPN=0,2,\"a\"", Err(0x0106_0403)),
        (ONE, "AT+CIPSSLCALPN=1,\"\"", Err(0x0107_0001)),
        (ONE, "AT+CIPSSLCALPN=1,", Err(0x0108_0001)),
    ]);
}
