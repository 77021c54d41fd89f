//! TLS through the modem: handshakes, data from an encrypted link, and what an answer waits for while five of them flood.
//! The server, rustls with *ring*, is outside of what counts.

use std::cell::Cell;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use rustls::{ServerConfig, ServerConnection};

use crate::support::Bench;
use crate::support::net::{Door, Peer};
use crate::{begin, bench_boundary, bench_counted};

const OK: &str = "\r\nOK\r\n";
const HOST: &str = "192.168.3.129:8883";
/// When the certificates of the vectors are valid.
const NOW: u64 = 1_800_000_000;
pub(crate) const HANDSHAKES: usize = 4;
const TOTAL: usize = 1 << 18;
/// Payload of one record, the most there may be.
const RECORD: usize = 1 << 14;

/// A file of the vectors.
macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!(
            "../../../../crates/cert-bin/tests/data/pki/",
            $name
        ))
        .as_slice()
    };
}

#[cfg(feature = "peers")]
pub(crate) use data;

pub(crate) fn run() {
    let server = server();
    handshake(&server);
    to_host(&server);
    flooded(&server);
}

/// A server of TLS 1.3 with a key of P-256, which resumes nothing.
pub(crate) fn server() -> Arc<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let chain = vec![CertificateDer::from_pem_slice(data!("inputs/server_p256.crt.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(data!("inputs/server_p256.key.pem")).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Arc::new(config)
}

/// A modem that checks its servers.
fn ready(mut bench: Bench) -> Bench {
    let ca = data!("bins/two_ca_p256_rsa.bin");
    bench.flash.preset("client_ca", ca);
    bench.expect("AT+CIPSNTPCFG=0", OK);
    bench.expect(format!("AT+SYSTIMESTAMP={NOW}"), OK);
    bench.net.door(HOST, Door::Sink);
    bench
}

/// The server's side of one link.
struct Session {
    peer: Peer,
    tls: ServerConnection,
}

impl Session {
    /// Says a line that opens a link, and lets both sides go on until it is there.
    fn open(bench: &mut Bench, server: &Arc<ServerConfig>, line: &str, count: bool) -> Self {
        bench.port.feed(line.as_bytes());
        settle(bench, count);
        let (peer, tls) = (bench.net.peer(), ServerConnection::new(server.clone()));
        let mut session = Self {
            peer,
            tls: tls.unwrap(),
        };
        while session.answer() {
            settle(bench, count);
        }
        let heard = bench.port.take();
        assert!(heard.ends_with(b"CONNECT\r\n\r\nOK\r\n"), "{line}");
        session
    }

    /// Takes what the modem sent and sends what there is to say; whether there was something.
    fn answer(&mut self) -> bool {
        let came = self.peer.received();
        let mut rest = came.as_slice();
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest).unwrap();
            self.tls.process_new_packets().unwrap();
        }
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).unwrap();
        }
        self.peer.sends(&bytes);
        !bytes.is_empty()
    }

    /// Sends data, in records as large as they may be.
    fn sends(&mut self, len: usize) {
        let data = vec![b'x'; len];
        for record in data.chunks(RECORD) {
            self.tls.writer().write_all(record).unwrap();
            self.answer();
        }
    }
}

fn settle(bench: &mut Bench, count: bool) {
    if count {
        bench_counted(|| bench.settle());
    } else {
        bench.settle();
    }
}

/// From `AT+CIPSTART` to its `OK`.
fn handshake(server: &Arc<ServerConfig>) {
    let mut bench = ready(Bench::joined());
    bench.expect("AT+CIPSSLCCONF=2,0,0", OK);
    begin();
    for _ in 0..HANDSHAKES {
        let line = "AT+CIPSTART=\"SSL\",\"192.168.3.129\",8883\r\n";
        Session::open(&mut bench, server, line, true);
        bench.expect("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n");
    }
    bench_boundary("tls.handshake", HANDSHAKES);
}

/// The server sends; the host gets `+IPD`.
fn to_host(server: &Arc<ServerConfig>) {
    let mut bench = ready(Bench::joined());
    let line = "AT+CIPSTART=\"SSL\",\"192.168.3.129\",8883\r\n";
    let mut session = Session::open(&mut bench, server, line, false);
    begin();
    session.sends(TOTAL);
    bench_counted(|| bench.settle());
    let heard = bench.port.take();
    let data = heard.iter().filter(|byte| **byte == b'x').count();
    assert_eq!(data, TOTAL);
    bench_boundary("tls.to_host", TOTAL);
}

/// `AT` to its `OK`, while records wait on each of five links. The row is the largest.
fn flooded(server: &Arc<ServerConfig>) {
    const TIMES: usize = 32;
    begin();
    ask_in_a_flood(
        server,
        TIMES,
        |bench| bench_counted(|| bench.poll()),
        || bench_boundary("tls.at_flooded", 1),
    );
}

/// The same in time: how many microseconds 99 of 100 answers take at most, in the best of some rounds. In the others the
/// machine had something else to do.
pub(crate) fn time_flooded() {
    const TIMES: usize = 1000;
    const ROUNDS: usize = 5;
    let server = server();
    let p99 = (0..ROUNDS).map(|_| {
        let (time, mut times) = (Cell::new(0), Vec::new());
        let poll = |bench: &mut Bench| {
            let start = Instant::now();
            let woken = bench.poll();
            time.set(time.get() + start.elapsed().as_micros());
            woken
        };
        ask_in_a_flood(&server, TIMES, poll, || times.push(time.take()));
        times.sort_unstable();
        times[TIMES * 99 / 100]
    });
    println!("tls.at_flooded.p99 {}", p99.min().unwrap());
}

/// Lets five TLS links flood a modem and says `AT`, so many times. `poll` has the modem polled, `answered` comes after each
/// `OK`.
fn ask_in_a_flood(
    server: &Arc<ServerConfig>,
    times: usize,
    poll: impl Fn(&mut Bench) -> bool,
    mut answered: impl FnMut(),
) {
    let mut bench = ready(Bench::multiplexed());
    let mut sessions = Vec::new();
    for link in 0..5 {
        let line = format!("AT+CIPSTART={link},\"SSL\",\"192.168.3.129\",8883\r\n");
        sessions.push(Session::open(&mut bench, server, &line, false));
    }
    for _ in 0..times {
        for session in &mut sessions {
            session.sends(2 * RECORD);
        }
        // The flood has begun when the host speaks.
        for _ in 0..4 {
            bench.poll();
        }
        bench.port.take();
        bench.port.feed(b"AT\r\n");
        let mut heard = Vec::new();
        while !heard.windows(OK.len()).any(|bytes| bytes == OK.as_bytes()) {
            assert!(poll(&mut bench), "no answer");
            heard.extend(bench.port.take());
        }
        answered();
        bench.settle();
        bench.port.take();
    }
}
