//! The reader: the same events wherever the stream is cut.

use super::*;

/// Events that outlive their input: raw data joined, the rest as text.
pub(crate) fn owned(event: &Event<'_>) -> String {
    format!("{event:?}")
}

/// Feeds `stream` in pieces that end at `cuts`.
pub(crate) fn read_all(stream: &[u8], cuts: &[usize], data_info: bool) -> Vec<String> {
    let mut parser = ReplyParser::new();
    parser.set_data_info(if data_info {
        DataInfo::On
    } else {
        DataInfo::Off
    });
    let mut pending = Vec::new();
    let mut events = Vec::new();
    let mut data = Vec::new();
    let mut start = 0;
    for &end in cuts.iter().chain([&stream.len()]) {
        pending.extend_from_slice(stream.get(start..end).unwrap_or_default());
        start = end.max(start);
        loop {
            let (event, consumed) = match parser.next(&pending) {
                Progress::Event { event, consumed } => (Some(event), consumed),
                Progress::NeedMore { consumed } => (None, consumed),
            };
            let more = event.is_some();
            match &event {
                Some(Event::Data(piece)) => {
                    data.extend_from_slice(piece);
                    if parser.raw_left() == 0 {
                        events.push(owned(&Event::Data(&data)));
                        data.clear();
                    }
                }
                Some(event) => events.push(owned(event)),
                None => {}
            }
            pending.drain(..consumed);
            if !more {
                break;
            }
        }
    }
    assert!(
        pending.is_empty() && data.is_empty(),
        "left over: {}",
        pending.escape_ascii()
    );
    events
}

/// Cut at every byte, between every two, and not at all.
pub(crate) fn read_anyhow(stream: &[u8], data_info: bool) -> Vec<String> {
    let whole = read_all(stream, &[], data_info);
    for cut in 0..stream.len() {
        assert_eq!(read_all(stream, &[cut], data_info), whole, "cut at {cut}");
    }
    let everywhere: Vec<usize> = (0..stream.len()).collect();
    assert_eq!(read_all(stream, &everywhere, data_info), whole);
    whole
}

#[test]
fn every_message_is_read_back_wherever_the_stream_is_cut() {
    for (reply, text) in messages() {
        assert_eq!(
            read_anyhow(text.as_bytes(), false),
            [owned(&Event::Reply(reply))]
        );
    }
    let stream: String = messages().iter().map(|(_, text)| *text).collect();
    let expected: Vec<String> = messages()
        .into_iter()
        .map(|(reply, _)| owned(&Event::Reply(reply)))
        .collect();
    assert_eq!(read_anyhow(stream.as_bytes(), false), expected);
}

#[test]
fn a_session_with_echo_is_read_back() {
    let stream = b"ATE0\r\n\r\nOK\r\n+CIPSNTPTIME:Thu Jan  1 00:02:08 1970\r\nOK\r\n\r\nOK\r\n\r\n>\
        \r\nRecv 4 bytes\r\n\r\nSEND OK\r\n\r\n+IPD,4:>\r\nO\r\n+IPD,0,3,\"fe80::1\",8739:K\r\nCLOSED\r\n\
        +SYSFLASH:5,\r\n\r\n>\r\nOK\r\n+SYSFLASH:0,\r\nOK\r\nsomething else\r\n\r\n>";
    let events = read_anyhow(stream, false);
    let remote = Remote {
        ip: "fe80::1".parse().unwrap(),
        port: 8739,
    };
    let expected = [
        Event::Echo(b"ATE0"),
        Event::Reply(Reply::Ok),
        Event::Reply(Reply::Info(Info::Cipsntptime(LocalTime::new(
            128,
            ZoneOffset::UTC,
        )))),
        Event::Reply(Reply::Ok),
        Event::Reply(Reply::Ok),
        Event::Reply(Reply::Prompt),
        Event::Reply(Reply::Recv(4)),
        Event::Reply(Reply::SendOk),
        Event::Reply(Reply::Ipd(Ipd {
            link: None,
            len: 4,
            remote: None,
        })),
        Event::Data(b">\r\nO"),
        Event::Reply(Reply::Ipd(Ipd {
            link: Some(link(0)),
            len: 3,
            remote: Some(remote),
        })),
        Event::Data(b"K\r\n"),
        Event::Reply(Reply::Closed(None)),
        Event::Reply(Reply::FlashData { len: 5 }),
        Event::Data(b"\r\n\r\n>"),
        Event::Reply(Reply::Ok),
        Event::Reply(Reply::FlashData { len: 0 }),
        Event::Reply(Reply::Ok),
        Event::Line(b"something else"),
        Event::Reply(Reply::Prompt),
    ];
    assert_eq!(events, expected.each_ref().map(owned));
}

#[test]
fn fetched_data_are_distinguished_from_their_sender() {
    let stream = b"+CIPRECVDATA:4,test\r\nOK\r\n";
    let plain = read_anyhow(stream, false);
    assert_eq!(plain[1], owned(&Event::Data(b"test")));
    let stream = b"+CIPRECVDATA:4,\"192.168.4.2\",8080,\",\"\n\r\nOK\r\n";
    let from = read_anyhow(stream, true);
    let remote = Some(Remote {
        ip: PEER,
        port: 8080,
    });
    let head = Event::Reply(Reply::RecvData(RecvData { len: 4, remote }));
    assert_eq!(
        from,
        [
            owned(&head),
            owned(&Event::Data(b"\",\"\n")),
            owned(&Event::Reply(Reply::Ok))
        ]
    );
}

#[test]
fn what_is_nearly_a_message_is_a_line() {
    for line in [
        "OK ",
        "+CWMODE:4",
        "+CWMODE:1,1",
        "+CWMODE",
        "+FAKE:1",
        "+IPD,x:",
        "+IPD,0,1,2",
        "+IPD,5,1",
        "5,CONNECT",
        "0,CONNECTED",
        "Recv x bytes",
        "Recv 4 byte",
        "STATUS:6",
        "ERR CODE:0x02090000",
        "ERR CODE:zz",
        "+ERRNO:",
        "+CIPSNTPTIME:Tue Feb 30 00:00:00 2021",
        "+SYSFLASH:x",
        "+CWLAP:(3)",
        "+LINK_CONN:2,0,\"TCP\",1,\"192.168.4.2\",49469,80",
        "+CIPRECVDATA:-1,",
    ] {
        let stream = format!("{line}\r\n");
        assert_eq!(
            read_anyhow(stream.as_bytes(), false),
            [owned(&Event::Line(line.as_bytes()))]
        );
    }
}

#[test]
fn a_line_without_end_is_handed_out_in_pieces() {
    let stream = [b'x'; 2 * MAX_REPLY_LINE];
    let piece = owned(&Event::Line(&stream[..MAX_REPLY_LINE]));
    let whole = read_all(&stream, &[], false);
    assert_eq!(whole, [piece.clone(), piece]);
    assert_eq!(
        read_all(&stream, &(0..stream.len()).collect::<Vec<_>>(), false),
        whole
    );
}
