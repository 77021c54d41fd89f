//! The same messages in the form of firmware 1.x, written and read.

use at_grammar::commands::network::DnsServers;
use at_grammar::commands::receive::ReceiveLengths;
use at_grammar::{Dialect, Suffix};

use super::stream::read_anyhow;
use super::*;

fn in_legacy(reply: &Reply<'_>) -> String {
    let mut out = heapless::Vec::<u8, 1024>::new();
    reply.write_in(Dialect::Legacy, &mut out).unwrap();
    assert_eq!(reply.size_in(Dialect::Legacy), out.len());
    String::from_utf8(out.to_vec()).unwrap()
}

fn ipd(remote: Option<Remote>) -> Reply<'static> {
    Reply::Ipd(Ipd {
        link: Some(link(0)),
        len: 4,
        remote,
    })
}

fn received(remote: Option<Remote>) -> Reply<'static> {
    Reply::RecvData(RecvData { len: 4, remote })
}

fn servers(servers: [Option<IpAddr>; 3]) -> Reply<'static> {
    let manual = true;
    Reply::LegacyInfo(
        Suffix::Current,
        Info::Cipdns(DnsServers { manual, servers }),
    )
}

#[test]
fn each_has_the_form_that_hosts_of_1x_read() {
    let from = Some(Remote {
        ip: PEER,
        port: 8080,
    });
    let lengths = ReceiveLengths([Some(100), None, Some(0), None, Some(5760)]);
    let dhcp = |bits| Info::Cwdhcp(DhcpInterfaces::new(bits).unwrap());
    for (reply, text) in [
        (Reply::OkPrompt, "\r\nOK\r\n> "),
        (Reply::Prompt, "\r\n> "),
        (received(None), "+CIPRECVDATA,4:"),
        (received(from), "+CIPRECVDATA,4:"),
        (ipd(None), "\r\n+IPD,0,4:"),
        (ipd(from), "\r\n+IPD,0,4,192.168.4.2,8080:"),
        (
            Reply::Info(Info::Ciprecvlen(lengths)),
            "+CIPRECVLEN:100,0,0,0,5760\r\n",
        ),
        (
            Reply::Info(Info::Cipdomain(PEER)),
            "+CIPDOMAIN:192.168.4.2\r\n",
        ),
        (
            servers([Some(PEER), Some("10.0.0.1".parse().unwrap()), None]),
            "+CIPDNS_CUR:192.168.4.2\r\n+CIPDNS_CUR:10.0.0.1\r\n",
        ),
        (Reply::Info(dhcp(1)), "+CWDHCP:2\r\n"),
        (Reply::Info(dhcp(2)), "+CWDHCP:1\r\n"),
        (Reply::Info(dhcp(7)), "+CWDHCP:7\r\n"),
        (
            Reply::LegacyInfo(Suffix::Default, dhcp(1)),
            "+CWDHCP_DEF:2\r\n",
        ),
    ] {
        assert_eq!(in_legacy(&reply), text);
    }
}

#[test]
fn what_has_no_other_form_is_the_same_in_both() {
    for (reply, text) in messages() {
        let differs = matches!(
            reply,
            Reply::Prompt | Reply::Info(Info::Cipdomain(_) | Info::Ciprecvlen(_) | Info::Cwdhcp(_))
        );
        if !differs {
            assert_eq!(in_legacy(&reply), text);
        }
        let mut out = heapless::Vec::<u8, 1024>::new();
        reply.write_in(Dialect::EspAt, &mut out).unwrap();
        assert_eq!(out, text.as_bytes());
    }
}

#[test]
fn a_reader_takes_them_wherever_the_stream_is_cut() {
    let from = Some(Remote {
        ip: PEER,
        port: 8080,
    });
    for (stream, expected) in [
        (
            "\r\nOK\r\n> \r\nRecv 4 bytes\r\n",
            vec![
                Event::Reply(Reply::Ok),
                Event::Reply(Reply::Prompt),
                Event::Reply(Reply::Recv(4)),
            ],
        ),
        (
            "+CIPRECVDATA,4:a:,\r\r\nOK\r\n",
            vec![
                Event::Reply(received(None)),
                Event::Data(b"a:,\r"),
                Event::Reply(Reply::Ok),
            ],
        ),
        (
            "\r\n+IPD,0,4,192.168.4.2,8080:test",
            vec![Event::Reply(ipd(from)), Event::Data(b"test")],
        ),
        (
            "+CIPDOMAIN:192.168.4.2\r\n",
            vec![Event::Reply(Reply::Info(Info::Cipdomain(PEER)))],
        ),
        (
            "+CIPDNS_CUR:192.168.4.2\r\n",
            vec![Event::Reply(servers([Some(PEER), None, None]))],
        ),
        // A blank that follows no prompt is somebody's text.
        (" text\r\n", vec![Event::Line(b" text")]),
        (
            "+CIPDOMAIN:nowhere\r\n",
            vec![Event::Line(b"+CIPDOMAIN:nowhere")],
        ),
    ] {
        let expected: Vec<String> = expected.iter().map(owned).collect();
        assert_eq!(
            read_anyhow(stream.as_bytes(), false),
            expected,
            "{stream:?}"
        );
    }
}
