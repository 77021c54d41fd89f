//! Lines about links and the network.

use at_grammar::commands::network::{DnsServers, PingLine};
use at_grammar::commands::options::{Linger, PersistenceLine, TcpOptionsLine};
use at_grammar::commands::passthrough::{RetryInterval, SendInterval};
use at_grammar::commands::receive::{ReceiveLengths, ReceiveTypeLine};
use at_grammar::commands::server::{IdleTimeout, MaxConnections, ServerLine};
use at_grammar::commands::tcpip::{KeepAlive, SendProgress, SendStreamLine};

use super::*;

#[expect(clippy::too_many_lines, reason = "a table of cases")]
pub(crate) fn lines() -> Vec<(Info<'static>, &'static str)> {
    let stream = |protocol, family| StreamTransport::new(Transport::new(protocol, family)).unwrap();
    let on = |port, transport, verify_client| {
        Info::Cipserver(ServerLine::On {
            port: Port::new(port).unwrap(),
            transport,
            verify_client,
        })
    };
    vec![
        (Info::Cipv6(true), "+CIPV6:1\r\n"),
        (
            Info::Cipdns(DnsServers {
                manual: true,
                servers: [
                    Some("208.67.222.222".parse().unwrap()),
                    Some("2001:4860:4860::8888".parse().unwrap()),
                    None,
                ],
            }),
            "+CIPDNS:1,\"208.67.222.222\",\"2001:4860:4860::8888\"\r\n",
        ),
        (
            Info::Cipdns(DnsServers {
                manual: false,
                servers: [None; 3],
            }),
            "+CIPDNS:0\r\n",
        ),
        (
            Info::Ciptcpopt(TcpOptionsLine {
                link: link(4),
                linger: Linger::Off,
                no_delay: false,
                send_timeout: Bounded::MIN,
                keep_alive: KeepAlive::MAX,
            }),
            "+CIPTCPOPT:4,-1,0,0,7200\r\n",
        ),
        (
            Info::Ciptcpopt(TcpOptionsLine {
                link: link(0),
                linger: Linger::Seconds(Bounded::new(10).unwrap()),
                no_delay: true,
                send_timeout: Bounded::new(5000).unwrap(),
                keep_alive: KeepAlive::MIN,
            }),
            "+CIPTCPOPT:0,10,1,5000,0\r\n",
        ),
        (
            Info::Cipsendl(SendProgress {
                sent: 1024,
                received: 4096,
            }),
            "+CIPSENDL:1024,4096\r\n",
        ),
        (
            Info::Cipsendlcfg(SendStreamLine::DEFAULT),
            "+CIPSENDLCFG:1024,2920\r\n",
        ),
        (
            Info::Cipconnpersist(PersistenceLine::Single(true)),
            "+CIPCONNPERSIST:1\r\n",
        ),
        (
            Info::Cipconnpersist(PersistenceLine::Multiple([false, true, false, false, true])),
            "+CIPCONNPERSIST:0,1,0,0,1\r\n",
        ),
        (
            Info::Ciprecvtype(ReceiveTypeLine {
                link: link(3),
                mode: ReceiveMode::Passive,
            }),
            "+CIPRECVTYPE:3,1\r\n",
        ),
        (
            Info::Ciprecvlen(ReceiveLengths([Some(100), None, Some(0), None, Some(5760)])),
            "+CIPRECVLEN:100,-1,0,-1,5760\r\n",
        ),
        (Info::Cipserver(ServerLine::Off), "+CIPSERVER:0\r\n"),
        (
            on(333, StreamTransport::TCP, false),
            "+CIPSERVER:1,333,\"TCP\"\r\n",
        ),
        (
            on(8070, stream(Protocol::Ssl, Family::V6), true),
            "+CIPSERVER:1,8070,\"SSLv6\",1\r\n",
        ),
        (
            Info::Cipservermaxconn(MaxConnections::MAX),
            "+CIPSERVERMAXCONN:5\r\n",
        ),
        (Info::Cipmode(TransferMode::Passthrough), "+CIPMODE:1\r\n"),
        (Info::Cipsto(IdleTimeout::MAX), "+CIPSTO:7200\r\n"),
        (
            Info::Transintvl(SendInterval::clamped(20)),
            "+TRANSINTVL:20\r\n",
        ),
        (
            Info::Cipreconnintv(RetryInterval::MIN),
            "+CIPRECONNINTV:1\r\n",
        ),
        (Info::Ping(PingLine::Answered(32)), "+PING:32\r\n"),
        (Info::Ping(PingLine::Timeout), "+PING:TIMEOUT\r\n"),
    ]
}

#[test]
fn lengths_of_other_firmware_are_read() {
    for (text, lengths) in [
        ("+CIPRECVLEN:4\r\n", [Some(4), None, None, None, None]),
        (
            "+CIPRECVLEN:100,,,,\r\n",
            [Some(100), None, None, None, None],
        ),
        ("+CIPRECVLEN:,,7,,-1\r\n", [None, None, Some(7), None, None]),
    ] {
        let expected = Event::Reply(Reply::Info(Info::Ciprecvlen(ReceiveLengths(lengths))));
        assert_eq!(
            read_all(text.as_bytes(), &[], false),
            [owned(&expected)],
            "{text}"
        );
    }
}

#[test]
fn a_server_line_may_name_what_a_tcp_server_has_not() {
    let expected = Event::Reply(Reply::Info(Info::Cipserver(ServerLine::On {
        port: Port::new(333).unwrap(),
        transport: StreamTransport::TCP,
        verify_client: false,
    })));
    assert_eq!(
        read_all(b"+CIPSERVER:1,333,\"TCP\",0\r\n", &[], false),
        [owned(&expected)]
    );
}
