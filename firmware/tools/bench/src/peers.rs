//! What others take for the same.

use std::hint::black_box;
use std::sync::Arc;

use at_grammar::{Event, Info, Mux, Progress, Reply, ReplyParser};
use atat::atat_derive::{AtatCmd, AtatResp, AtatUrc};
use atat::{AtDigester, AtatCmd as _, DigestResult, Digester as _};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection};

use crate::tls::{HANDSHAKES, data, server};
use crate::{begin, bench_boundary, bench_counted};

const TIMES: usize = 64;

/// What both readers of replies get: an information line and its result. atat wants an end of line before it.
const REPLY: &[u8] = b"\r\n+CIPMUX:1\r\n\r\nOK\r\n";

pub(crate) fn run() {
    replies();
    atat_replies();
    ring_handshake();
}

fn replies() {
    begin();
    for _ in 0..TIMES {
        let read = bench_counted(|| {
            let (mut parser, mut rest) = (ReplyParser::new(), black_box(REPLY));
            let mut mux = None;
            loop {
                match parser.next(rest) {
                    Progress::Event { event, consumed } => {
                        rest = &rest[consumed..];
                        match event {
                            Event::Reply(Reply::Info(Info::Cipmux(value))) => mux = Some(value),
                            Event::Reply(Reply::Ok) => return mux,
                            _ => return None,
                        }
                    }
                    Progress::NeedMore { .. } => return None,
                }
            }
        });
        assert_eq!(read, Some(Mux::Multiple));
    }
    bench_boundary("grammar.read_reply", TIMES);
}

#[derive(Debug, Clone, PartialEq, Eq, AtatResp)]
struct Multiplex {
    #[at_arg(position = 0)]
    mux: u8,
}

#[derive(Debug, Clone, AtatCmd)]
#[at_cmd("+CIPMUX?", Multiplex)]
struct AskMultiplex;

#[derive(Debug, Clone, AtatUrc)]
enum Urc {
    #[at_urc("ready")]
    Ready,
}

/// atat finds the end of the answer, then reads it as that of the command that was sent.
fn atat_replies() {
    let mut digester = AtDigester::<Urc>::new();
    begin();
    for _ in 0..TIMES {
        let read = bench_counted(|| {
            let (result, _) = digester.digest(black_box(REPLY));
            match result {
                DigestResult::Response(Ok(line)) => AskMultiplex.parse(Ok(line)).ok(),
                _ => None,
            }
        });
        assert_eq!(read, Some(Multiplex { mux: 1 }));
    }
    bench_boundary("peer.atat.read_reply", TIMES);
}

/// The client of rustls with *ring*, of the same server.
fn ring_handshake() {
    let server = server();
    let mut roots = RootCertStore::empty();
    roots.add(data!("inputs/ca_p256.crt.der").into()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    begin();
    for _ in 0..HANDSHAKES {
        let name = ServerName::try_from("localhost").unwrap();
        let new = bench_counted(|| ClientConnection::new(config.clone(), name));
        let (mut client, mut server) =
            (new.unwrap(), ServerConnection::new(server.clone()).unwrap());
        let mut wire = Vec::new();
        while client.is_handshaking() || client.wants_write() {
            wire.clear();
            bench_counted(|| client.write_tls(&mut wire)).unwrap();
            let mut rest = wire.as_slice();
            while !rest.is_empty() {
                server.read_tls(&mut rest).unwrap();
                server.process_new_packets().unwrap();
            }
            wire.clear();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            let mut rest = wire.as_slice();
            while !rest.is_empty() {
                bench_counted(|| {
                    client.read_tls(&mut rest).unwrap();
                    client.process_new_packets().unwrap();
                });
            }
        }
        assert!(!server.is_handshaking());
    }
    bench_boundary("peer.ring.handshake", HANDSHAKES);
}
