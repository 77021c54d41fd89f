//! Sending, receiving, serving and passing through: the commands beside `AT+CIPSTART`.

use at_grammar::commands::options::{Linger, SendTimeout, SetPersistence, SetTcpOptions};
use at_grammar::commands::passthrough::{RetryInterval, SavedClient, SavedLink, SendInterval};
use at_grammar::commands::receive::{FetchData, FetchLength, SetReceiveType};
use at_grammar::commands::server::{
    DEFAULT_PORT, IdleTimeout, MaxConnections, Server, ServerRequest,
};
use at_grammar::commands::tcpip::TcpipCommand;
use at_grammar::commands::tcpip::{
    KeepAlive, OpenFreeLink, OpenLink, Opening, ReportSize, SendData, SendStream, SetSendStream,
    TransmitSize,
};

use super::*;

fn stream(protocol: Protocol, family: Family) -> StreamTransport {
    StreamTransport::new(Transport::new(protocol, family)).unwrap()
}

#[test]
fn opening_the_next_free_link() {
    let open = |opening| {
        Ok(Command::Tcpip(TcpipCommand::CipstartexSet(
            OpenFreeLink::new(OpenLink {
                link: Some(link(3)),
                family: Family::V4,
                opening,
                host: host("x"),
                port: port(80),
                local_ip: None,
                timeout: None,
            }),
        )))
    };
    for mux in [ONE, MANY] {
        check(&[
            (
                mux,
                "AT+CIPSTARTEX=\"TCP\",\"x\",80",
                open(Opening::Tcp { keep_alive: None }),
            ),
            (
                mux,
                "AT+CIPSTARTEX=,\"x\",80,7200",
                open(Opening::Tcp {
                    keep_alive: KeepAlive::new(7200),
                }),
            ),
            (
                mux,
                "AT+CIPSTARTEX=\"SSL\",\"x\",80,,",
                open(Opening::Ssl { keep_alive: None }),
            ),
            (
                mux,
                "AT+CIPSTARTEX=\"UDP\",\"x\",80,1112,2",
                open(Opening::Udp {
                    local_port: Some(port(1112)),
                    mode: UdpMode::Follow,
                }),
            ),
            (mux, "AT+CIPSTARTEX=0,\"TCP\",\"x\",80", Err(0x0105_0000)),
            (mux, "AT+CIPSTARTEX=\"TCP\",\"x\"", Err(0x0106_0302)),
            (mux, "AT+CIPSTARTEX=\"TCP\",\"x\",0", Err(0x0107_0002)),
            (mux, "AT+CIPSTARTEX?", Err(0x010c_0000)),
            (mux, "AT+CIPSTARTEX", Err(0x010c_0000)),
        ]);
    }
    let numbered = match open(Opening::Tcp { keep_alive: None }) {
        Ok(Command::Tcpip(TcpipCommand::CipstartexSet(open))) => open.at(link(2)).link,
        _ => None,
    };
    assert_eq!(numbered, Some(link(2)));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn streams_of_data() {
    use crate::forms::*;
    let stream = |link, length, remote| {
        Ok(Command::Passthrough(CipsendlSet(SendStream {
            link,
            length: Bounded::new(length).unwrap(),
            remote,
        })))
    };
    let to_mark = |link, length, remote| {
        Ok(Command::Tcpip(CipsendexSet(SendData {
            link,
            length: Bounded::new(length).unwrap(),
            remote,
        })))
    };
    let config = |report, transmit| {
        Ok(Command::Passthrough(CipsendlcfgSet(SetSendStream {
            report: ReportSize::new(report).unwrap(),
            transmit: TransmitSize::new(transmit),
        })))
    };
    let far = Some((host("h"), port(1)));
    check(&[
        (ONE, "AT+CIPSENDL=1", stream(None, 1, None)),
        (ONE, "AT+CIPSENDL=8193", stream(None, 8193, None)),
        (
            ONE,
            "AT+CIPSENDL=2147483647",
            stream(None, 0x7fff_ffff, None),
        ),
        (MANY, "AT+CIPSENDL=4,7", stream(Some(link(4)), 7, None)),
        (
            MANY,
            "AT+CIPSENDL=4,7,\"h\",1",
            stream(Some(link(4)), 7, far),
        ),
        (ONE, "AT+CIPSENDL=0", Err(0x0107_0000)),
        (ONE, "AT+CIPSENDL=2147483648", Err(0x0107_0000)),
        (MANY, "AT+CIPSENDL=4", Err(0x0106_0201)),
        (MANY, "AT+CIPSENDL=5,7", Err(0x0107_0000)),
        (ONE, "AT+CIPSENDL=7,\"h\"", Err(0x0106_0302)),
        (ONE, "AT+CIPSENDL", Err(0x010c_0000)),
        (
            ONE,
            "AT+CIPSENDLCFG?",
            Ok(Command::Passthrough(CipsendlcfgQuery)),
        ),
        (ONE, "AT+CIPSENDLCFG=100", config(100, 0)),
        (ONE, "AT+CIPSENDLCFG=1048576,2920", config(1_048_576, 2920)),
        (ONE, "AT+CIPSENDLCFG=1024,100", config(1024, 100)),
        (ONE, "AT+CIPSENDLCFG=99", Err(0x0107_0000)),
        (ONE, "AT+CIPSENDLCFG=1048577", Err(0x0107_0000)),
        (ONE, "AT+CIPSENDLCFG=1024,99", Err(0x0107_0001)),
        (ONE, "AT+CIPSENDLCFG=1024,2921", Err(0x0107_0001)),
        (ONE, "AT+CIPSENDLCFG=1024,100,", Err(0x0106_0203)),
        (ONE, "AT+CIPSENDLCFG:1024", Err(0x0109_0000)),
        (ONE, "AT+CIPSENDEX=8192", to_mark(None, 8192, None)),
        (MANY, "AT+CIPSENDEX=0,1", to_mark(Some(link(0)), 1, None)),
        (
            MANY,
            "AT+CIPSENDEX=0,1,\"h\",1",
            to_mark(Some(link(0)), 1, far),
        ),
        (ONE, "AT+CIPSENDEX=8193", Err(0x0107_0000)),
        (ONE, "AT+CIPSENDEX=0", Err(0x0107_0000)),
        (ONE, "AT+CIPSENDEX", Err(0x010c_0000)),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn receiving() {
    use crate::forms::*;
    let kind = |link, mode, report| {
        Ok(Command::Receive(CiprecvtypeSet(SetReceiveType {
            link,
            mode,
            report,
        })))
    };
    let fetch = |link, length, whole_datagram| {
        Ok(Command::Receive(CiprecvdataSet(FetchData {
            link,
            length: FetchLength::new(length).unwrap(),
            whole_datagram,
        })))
    };
    use LengthReport::{Buffered, NextDatagram};
    use ReceiveMode::{Active, Passive};
    check(&[
        (
            ONE,
            "AT+CIPRECVTYPE?",
            Ok(Command::Receive(CiprecvtypeQuery)),
        ),
        (ONE, "AT+CIPRECVTYPE=1", kind(None, Passive, Buffered)),
        (ONE, "AT+CIPRECVTYPE=0,1", kind(None, Active, NextDatagram)),
        (
            MANY,
            "AT+CIPRECVTYPE=4,1",
            kind(Some(LinkTarget::One(link(4))), Passive, Buffered),
        ),
        (
            MANY,
            "AT+CIPRECVTYPE=5,1,1",
            kind(Some(LinkTarget::All), Passive, NextDatagram),
        ),
        (ONE, "AT+CIPRECVTYPE=2", Err(0x0107_0000)),
        (ONE, "AT+CIPRECVTYPE=1,2", Err(0x0107_0001)),
        (ONE, "AT+CIPRECVTYPE=1,0,0", Err(0x0106_0203)),
        (MANY, "AT+CIPRECVTYPE=1", Err(0x0106_0201)),
        (MANY, "AT+CIPRECVTYPE=6,1", Err(0x0107_0000)),
        (MANY, "AT+CIPRECVTYPE=0,2", Err(0x0107_0001)),
        (ONE, "AT+CIPRECVDATA=1", fetch(None, 1, false)),
        (
            ONE,
            "AT+CIPRECVDATA=0x7fffffff,1",
            fetch(None, 0x7fff_ffff, true),
        ),
        (
            MANY,
            "AT+CIPRECVDATA=0,1024",
            fetch(Some(link(0)), 1024, false),
        ),
        (ONE, "AT+CIPRECVDATA=0", Err(0x0107_0000)),
        (ONE, "AT+CIPRECVDATA=0x80000000", Err(0x0107_0000)),
        (ONE, "AT+CIPRECVDATA=1,2", Err(0x0107_0001)),
        (MANY, "AT+CIPRECVDATA=5,1", Err(0x0107_0000)),
        (MANY, "AT+CIPRECVDATA=1", Err(0x0106_0201)),
        (ONE, "AT+CIPRECVDATA?", Err(0x010c_0000)),
        (ONE, "AT+CIPRECVLEN?", Ok(Command::Receive(CiprecvlenQuery))),
        (ONE, "AT+CIPRECVLEN=1", Err(0x010c_0000)),
        (ONE, "AT+CIPRECVLEN", Err(0x010c_0000)),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn serving() {
    use crate::forms::*;
    let create = |server| Ok(Command::Server(CipserverSet(ServerRequest::Create(server))));
    let plain = Server::DEFAULT;
    assert_eq!(plain.port, DEFAULT_PORT);
    assert_eq!(DEFAULT_PORT.get(), 333);
    let ssl = stream(Protocol::Ssl, Family::V4);
    check(&[
        (MANY, "AT+CIPSERVER?", Ok(Command::Server(CipserverQuery))),
        (MANY, "AT+CIPSERVER=1", create(plain)),
        (MANY, "AT+CIPSERVER=1,,,,", create(plain)),
        (
            ONE,
            "AT+CIPSERVER=1,80",
            create(Server {
                port: port(80),
                ..plain
            }),
        ),
        (
            MANY,
            "AT+CIPSERVER=1,65535,\"tcpv6\",0",
            create(Server {
                port: port(65535),
                transport: stream(Protocol::Tcp, Family::V6),
                ..plain
            }),
        ),
        (
            MANY,
            "AT+CIPSERVER=1,8070,\"SSL\",1",
            create(Server {
                port: port(8070),
                transport: ssl,
                verify_client: true,
                ..plain
            }),
        ),
        (
            MANY,
            "AT+CIPSERVER=1,,\"SSLv6\",,3",
            create(Server {
                transport: stream(Protocol::Ssl, Family::V6),
                interface: NetInterface::Ethernet,
                ..plain
            }),
        ),
        (
            MANY,
            "AT+CIPSERVER=0",
            Ok(Command::Server(CipserverSet(ServerRequest::Delete {
                close_all: false,
            }))),
        ),
        (
            MANY,
            "AT+CIPSERVER=0,1",
            Ok(Command::Server(CipserverSet(ServerRequest::Delete {
                close_all: true,
            }))),
        ),
        (MANY, "AT+CIPSERVER=2", Err(0x0107_0000)),
        (MANY, "AT+CIPSERVER=", Err(0x0108_0000)),
        (MANY, "AT+CIPSERVER=1,0", Err(0x0107_0001)),
        (MANY, "AT+CIPSERVER=1,65536", Err(0x0107_0001)),
        (MANY, "AT+CIPSERVER=1,80,\"UDP\"", Err(0x0107_0002)),
        (MANY, "AT+CIPSERVER=1,80,\"TCP\",2", Err(0x0107_0003)),
        // Only a certificate can be verified.
        (MANY, "AT+CIPSERVER=1,80,\"TCP\",1", Err(0x0107_0003)),
        (MANY, "AT+CIPSERVER=1,80,,1", Err(0x0107_0003)),
        (MANY, "AT+CIPSERVER=1,80,\"TCP\",0,4", Err(0x0107_0004)),
        (MANY, "AT+CIPSERVER=1,80,\"TCP\",0,0,0", Err(0x0106_0506)),
        (MANY, "AT+CIPSERVER=0,2", Err(0x0107_0001)),
        (MANY, "AT+CIPSERVER=0,0,\"TCP\"", Err(0x0106_0203)),
        (
            ONE,
            "AT+CIPSERVERMAXCONN?",
            Ok(Command::Server(CipservermaxconnQuery)),
        ),
        (
            ONE,
            "AT+CIPSERVERMAXCONN=1",
            Ok(Command::Server(CipservermaxconnSet(MaxConnections::MIN))),
        ),
        (
            ONE,
            "AT+CIPSERVERMAXCONN=5",
            Ok(Command::Server(CipservermaxconnSet(MaxConnections::MAX))),
        ),
        (ONE, "AT+CIPSERVERMAXCONN=0", Err(0x0107_0000)),
        (ONE, "AT+CIPSERVERMAXCONN=6", Err(0x0107_0000)),
        (ONE, "AT+CIPSTO?", Ok(Command::Server(CipstoQuery))),
        (
            ONE,
            "AT+CIPSTO=0",
            Ok(Command::Server(CipstoSet(IdleTimeout::MIN))),
        ),
        (
            ONE,
            "AT+CIPSTO=7200",
            Ok(Command::Server(CipstoSet(IdleTimeout::MAX))),
        ),
        (ONE, "AT+CIPSTO=7201", Err(0x0107_0000)),
        (ONE, "AT+CIPSTO=-1", Err(0x0107_0000)),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn passing_through() {
    use crate::forms::*;
    let client = |opening| {
        Ok(Command::Passthrough(SavetranslinkSet(SavedLink::Client(
            SavedClient {
                host: host("x"),
                port: port(8080),
                family: Family::V4,
                opening,
            },
        ))))
    };
    let server = |server| {
        Ok(Command::Passthrough(SavetranslinkSet(SavedLink::Server(
            server,
        ))))
    };
    let off = Ok(Command::Passthrough(SavetranslinkSet(SavedLink::Off)));
    check(&[
        (ONE, "AT+CIPMODE?", Ok(Command::Passthrough(CipmodeQuery))),
        (
            ONE,
            "AT+CIPMODE=0",
            Ok(Command::Passthrough(CipmodeSet(TransferMode::Normal))),
        ),
        (
            ONE,
            "AT+CIPMODE=1",
            Ok(Command::Passthrough(CipmodeSet(TransferMode::Passthrough))),
        ),
        (ONE, "AT+CIPMODE=2", Err(0x0107_0000)),
        (ONE, "AT+SAVETRANSLINK=0", off),
        (ONE, "AT+SAVETRANSLINK=0,\"x\",8080,\"UDP\",1", off),
        (
            ONE,
            "AT+SAVETRANSLINK=1,\"x\",8080",
            client(Opening::Tcp { keep_alive: None }),
        ),
        (
            ONE,
            "AT+SAVETRANSLINK=1,\"x\",8080,\"SSL\",7200",
            client(Opening::Ssl {
                keep_alive: KeepAlive::new(7200),
            }),
        ),
        (
            ONE,
            "AT+SAVETRANSLINK=1,\"x\",8080,\"UDP\"",
            client(Opening::Udp {
                local_port: None,
                mode: UdpMode::Fixed,
            }),
        ),
        (
            ONE,
            "AT+SAVETRANSLINK=1,\"x\",8080,\"UDP\",1005",
            client(Opening::Udp {
                local_port: Some(port(1005)),
                mode: UdpMode::Fixed,
            }),
        ),
        (ONE, "AT+SAVETRANSLINK=3", server(Server::DEFAULT)),
        (
            ONE,
            "AT+SAVETRANSLINK=3,8070,\"SSL\",1,1",
            server(Server {
                port: port(8070),
                transport: stream(Protocol::Ssl, Family::V4),
                verify_client: true,
                interface: NetInterface::Station,
            }),
        ),
        (ONE, "AT+SAVETRANSLINK=1", Err(0x0106_0301)),
        (ONE, "AT+SAVETRANSLINK=1,\"x\"", Err(0x0106_0302)),
        (ONE, "AT+SAVETRANSLINK=0,\"x\"", Err(0x0106_0302)),
        (ONE, "AT+SAVETRANSLINK=1,\"x\",0", Err(0x0107_0002)),
        (
            ONE,
            "AT+SAVETRANSLINK=1,\"x\",80,\"TCP\",7201",
            Err(0x0107_0004),
        ),
        (
            ONE,
            "AT+SAVETRANSLINK=1,\"x\",80,\"UDP\",0",
            Err(0x0107_0004),
        ),
        (
            ONE,
            "AT+SAVETRANSLINK=1,\"x\",80,\"TCP\",0,0",
            Err(0x0106_0506),
        ),
        // Bluetooth.
        (ONE, "AT+SAVETRANSLINK=2", Err(0x0107_0000)),
        (ONE, "AT+SAVETRANSLINK=4", Err(0x0107_0000)),
        (ONE, "AT+SAVETRANSLINK?", Err(0x010c_0000)),
        (
            ONE,
            "AT+TRANSINTVL?",
            Ok(Command::Passthrough(TransintvlQuery)),
        ),
        (
            ONE,
            "AT+TRANSINTVL=0",
            Ok(Command::Passthrough(TransintvlSet(SendInterval::MIN))),
        ),
        (
            ONE,
            "AT+TRANSINTVL=1000",
            Ok(Command::Passthrough(TransintvlSet(SendInterval::MAX))),
        ),
        (ONE, "AT+TRANSINTVL=1001", Err(0x0107_0000)),
        (
            ONE,
            "AT+CIPRECONNINTV?",
            Ok(Command::Passthrough(CipreconnintvQuery)),
        ),
        (
            ONE,
            "AT+CIPRECONNINTV=1",
            Ok(Command::Passthrough(CipreconnintvSet(RetryInterval::MIN))),
        ),
        (
            ONE,
            "AT+CIPRECONNINTV=36000",
            Ok(Command::Passthrough(CipreconnintvSet(RetryInterval::MAX))),
        ),
        (ONE, "AT+CIPRECONNINTV=0", Err(0x0107_0000)),
        (ONE, "AT+CIPRECONNINTV=36001", Err(0x0107_0000)),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn options_of_links() {
    use crate::forms::*;
    let nothing = SetTcpOptions {
        link: None,
        linger: None,
        no_delay: None,
        send_timeout: None,
        keep_alive: None,
    };
    let all = Some(LinkTarget::All);
    let seconds = |n| Some(Linger::Seconds(Bounded::new(n).unwrap()));
    check(&[
        (ONE, "AT+CIPTCPOPT?", Ok(Command::Options(CiptcpoptQuery))),
        (
            ONE,
            "AT+CIPTCPOPT=-1,0,0,0",
            Ok(Command::Options(CiptcpoptSet(SetTcpOptions {
                linger: Some(Linger::Off),
                no_delay: Some(false),
                send_timeout: SendTimeout::new(0),
                keep_alive: KeepAlive::new(0),
                ..nothing
            }))),
        ),
        (
            MANY,
            "AT+CIPTCPOPT=0,,,5000",
            Ok(Command::Options(CiptcpoptSet(SetTcpOptions {
                link: Some(LinkTarget::One(link(0))),
                send_timeout: SendTimeout::new(5000),
                ..nothing
            }))),
        ),
        (
            MANY,
            "AT+CIPTCPOPT=5,10,1,2147483647,7200",
            Ok(Command::Options(CiptcpoptSet(SetTcpOptions {
                link: all,
                linger: seconds(10),
                no_delay: Some(true),
                send_timeout: Some(SendTimeout::MAX),
                keep_alive: Some(KeepAlive::MAX),
            }))),
        ),
        (
            ONE,
            "AT+CIPTCPOPT=0",
            Ok(Command::Options(CiptcpoptSet(SetTcpOptions {
                linger: seconds(0),
                ..nothing
            }))),
        ),
        (
            ONE,
            "AT+CIPTCPOPT=,,,",
            Ok(Command::Options(CiptcpoptSet(nothing))),
        ),
        (
            MANY,
            "AT+CIPTCPOPT=5",
            Ok(Command::Options(CiptcpoptSet(SetTcpOptions {
                link: all,
                ..nothing
            }))),
        ),
        (ONE, "AT+CIPTCPOPT=-2", Err(0x0107_0000)),
        (ONE, "AT+CIPTCPOPT=,2", Err(0x0107_0001)),
        (ONE, "AT+CIPTCPOPT=,,-1", Err(0x0107_0002)),
        (ONE, "AT+CIPTCPOPT=,,,7201", Err(0x0107_0003)),
        (ONE, "AT+CIPTCPOPT=,,,,", Err(0x0106_0405)),
        (MANY, "AT+CIPTCPOPT=6,1", Err(0x0107_0000)),
        (MANY, "AT+CIPTCPOPT=,1", Err(0x0108_0000)),
        (
            ONE,
            "AT+CIPCONNPERSIST=1",
            Ok(Command::Options(CipconnpersistSet(SetPersistence {
                link: None,
                keep: true,
            }))),
        ),
        (
            MANY,
            "AT+CIPCONNPERSIST=5,0",
            Ok(Command::Options(CipconnpersistSet(SetPersistence {
                link: all,
                keep: false,
            }))),
        ),
        (
            ONE,
            "AT+CIPCONNPERSIST?",
            Ok(Command::Options(CipconnpersistQuery)),
        ),
        (ONE, "AT+CIPCONNPERSIST=2", Err(0x0107_0000)),
        (MANY, "AT+CIPCONNPERSIST=1", Err(0x0106_0201)),
    ]);
}
