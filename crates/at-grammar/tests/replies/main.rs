//! Replies: exact bytes, and the same messages read back from a stream cut anywhere.
#![expect(clippy::unwrap_used, reason = "functions that tests share")]

mod legacy;
mod links;
mod messages;
mod settings;
mod stream;
mod trust;

use core::net::{IpAddr, Ipv4Addr};

use at_grammar::commands::basic::{Baud, CommandEntry, UartConfig, VersionLine};
use at_grammar::commands::flash::PartitionLine;
use at_grammar::commands::sntp::SntpLine;
use at_grammar::commands::ssl::{AlpnLine, AlpnList, ServerNameLine, SslConfigLine, SslWhy};
use at_grammar::commands::tcpip::{DataInfo, LinkLine};
use at_grammar::commands::wifi::{
    AddressLine, JoinLine, Joined, ListenInterval, ReconnectInterval, ScanColumns, ScanLine,
    StationAddress, StationLine,
};
use at_grammar::reply::{
    Ipd, LinkConn, MAX_FIXED, MAX_IPD_HEADER, MAX_LINK_CONN, MAX_REPLY_LINE, PkiItem, RecvData,
    Remote, WifiEvent,
};
use at_grammar::types::*;
use at_grammar::{
    AtStr, ErrorWord, Event, Forms, Full, Info, Mux, Progress, Reply, ReplyParser, SliceSink,
};

use messages::{messages, scan_line};
use stream::{owned, read_all};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 4, 2));
const BSSID: Mac = Mac([0xca, 0xd7, 0x19, 0xd8, 0xa6, 0x44]);

fn link(id: u8) -> LinkId {
    LinkId::new(id).unwrap()
}

fn bytes(reply: &Reply<'_>) -> Vec<u8> {
    let mut out = heapless::Vec::<u8, 1024>::new();
    reply.write_to(&mut out).unwrap();
    assert_eq!(reply.size(), out.len());
    out.to_vec()
}

#[test]
fn every_message_has_its_exact_bytes() {
    for (reply, text) in messages() {
        assert_eq!(
            bytes(&reply).escape_ascii().to_string(),
            text.as_bytes().escape_ascii().to_string()
        );
        if reply.fixed().is_some() {
            assert!(text.len() <= MAX_FIXED, "{text}");
        }
    }
    assert_eq!(bytes(&Reply::OkPrompt), b"\r\nOK\r\n\r\n>");
    assert_eq!(bytes(&Reply::FlashData { len: 100 }), b"+SYSFLASH:100,");
    let time = LocalTime::new(1_634_636_876, ZoneOffset::from_minutes(480).unwrap());
    assert_eq!(
        bytes(&Reply::Info(Info::Cipsntptime(time))),
        b"+CIPSNTPTIME:Tue Oct 19 17:47:56 2021"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn headers_of_data_have_their_exact_bytes() {
    let remote = Some(Remote {
        ip: PEER,
        port: 8080,
    });
    for (reply, text) in [
        (
            Reply::Ipd(Ipd {
                link: None,
                len: 4,
                remote: None,
            }),
            "\r\n+IPD,4:",
        ),
        (
            Reply::Ipd(Ipd {
                link: Some(link(0)),
                len: 4,
                remote: None,
            }),
            "\r\n+IPD,0,4:",
        ),
        (
            Reply::Ipd(Ipd {
                link: None,
                len: 4,
                remote,
            }),
            "\r\n+IPD,4,\"192.168.4.2\",8080:",
        ),
        (
            Reply::Ipd(Ipd {
                link: Some(link(4)),
                len: 4,
                remote,
            }),
            "\r\n+IPD,4,4,\"192.168.4.2\",8080:",
        ),
        (
            Reply::RecvData(RecvData {
                len: 4,
                remote: None,
            }),
            "+CIPRECVDATA:4,",
        ),
        (
            Reply::RecvData(RecvData { len: 4, remote }),
            "+CIPRECVDATA:4,\"192.168.4.2\",8080,",
        ),
    ] {
        assert_eq!(bytes(&reply), text.as_bytes());
        assert_eq!(reply.raw_len(), 4);
    }
    let longest: IpAddr = "1111:2222:3333:4444:5555:6666:7777:8888".parse().unwrap();
    let far = Remote {
        ip: longest,
        port: u16::MAX,
    };
    let ipd = Reply::Ipd(Ipd {
        link: Some(link(4)),
        len: u32::MAX,
        remote: Some(far),
    });
    assert!((60..=MAX_IPD_HEADER).contains(&ipd.size()));
    let conn = Reply::LinkConn(LinkConn {
        established: false,
        link: link(4),
        transport: Transport::new(Protocol::Udp, Family::V6),
        terminal: Terminal::Client,
        remote: far,
        local_port: u16::MAX,
    });
    assert!((70..=MAX_LINK_CONN).contains(&conn.size()));
}

#[test]
fn columns_of_a_scan_vanish_with_their_comma() {
    let mut line = scan_line();
    for (bits, text) in [
        (31, "+CWLAP:(3,\"a\",\"b\",-60,\"ca:d7:19:d8:a6:44\",6)\r\n"),
        (0b10, "+CWLAP:(\"a\",\"b\")\r\n"),
        (0b100_0000_0001, "+CWLAP:(3,1)\r\n"),
        (0, "+CWLAP:()\r\n"),
    ] {
        line.columns = ScanColumns::new(bits).unwrap();
        assert_eq!(bytes(&Reply::Info(Info::Cwlap(line))), text.as_bytes());
    }
    assert_eq!(ScanColumns::new(0x800), None);
}

#[test]
fn a_certificate_cannot_end_a_field_or_a_line() {
    let why = SslWhy {
        link: Some(link(2)),
        stage: AtStr::from("hello"),
        number: 0,
        flags: 0,
        depth: 0,
        subject: AtStr::from("CN=x\"\r\nOK\r\n\0\x7f"),
        wanted: AtStr::from(""),
        text: AtStr::plain("\u{fc}".as_bytes()),
        code: AtStr::from("engine"),
    };
    assert_eq!(
        String::from_utf8(bytes(&Reply::Info(Info::Sslwhy(why)))).unwrap(),
        "+SSLWHY:2,\"hello\",0x0000,0x00000000,0,\"CN=x'  OK    \",\"\",\"\u{fc}\",\"engine\"\r\n"
    );
}

#[test]
fn a_network_name_is_any_bytes() {
    let name = [0xff, 0, b'"', b'\\', 0x80];
    let line = Info::Cwstate(StationLine {
        state: StationState::GotIp,
        ssid: AtStr::plain(&name),
    });
    let written = bytes(&Reply::Info(line));
    assert_eq!(written, b"+CWSTATE:2,\"\xff\0\"\\\x80\"\r\n");
    assert_eq!(
        read_all(&written, &[written.len()], false),
        [owned(&Event::Reply(Reply::Info(line)))]
    );
}

#[test]
fn a_sink_that_is_too_small_says_so() {
    for room in 0..6 {
        let mut buffer = [0; 6];
        let mut sink = SliceSink::new(&mut buffer[..room]);
        assert_eq!(Reply::Ok.write_to(&mut sink), Err(Full { needed: 6 }));
        assert_eq!(sink.written(), b"");
    }
}
