//! Hardware flow control as the simulator has it: whoever is slow stops the other side, and nothing is
//! dropped (spec: at-commands A.1, A.15).

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use espat::transcript::text::noise;
use sha2::{Digest as _, Sha256};

use crate::harness::TIMEOUT;
use crate::harness::sim::PortKind;
use crate::host::{Host, Token};

const MEBIBYTE: usize = 1 << 20;

/// How long a side that is stopped must be seen to stand still.
const STANDSTILL: Duration = Duration::from_millis(300);

fn open(kind: PortKind) -> (Host, TcpStream) {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let map = format!("192.168.3.102:1={}", server.local_addr().expect("bound"));
    let mut host = Host::joined(kind, &["--map".to_owned(), map]);
    host.ok("AT+CIPSTART=\"TCP\",\"192.168.3.102\",1");
    assert_eq!(host.next(), Token::Line("CONNECT".to_owned()));
    let (peer, _) = server.accept().expect("a connection");
    peer.set_read_timeout(Some(TIMEOUT)).expect("supported");
    peer.set_write_timeout(Some(TIMEOUT)).expect("supported");
    (host, peer)
}

fn pass_through(host: &mut Host) {
    host.ok("AT+CIPMODE=1");
    host.ok("AT+CIPSEND");
    assert_eq!(host.token(), Token::Prompt);
}

fn hash(bytes: impl Iterator<Item = u8>) -> String {
    let mut hash = Sha256::new();
    bytes.for_each(|byte| hash.update([byte]));
    format!("{:x}", hash.finalize())
}

/// Writes until nothing more is taken for a while; how much that was.
fn fill(peer: &mut TcpStream, data: &[u8]) -> usize {
    peer.set_nonblocking(true).expect("supported");
    let (mut at, mut last) = (0, Instant::now());
    while last.elapsed() < STANDSTILL && at < data.len() {
        match peer.write(&data[at..]) {
            Ok(count) => {
                at += count;
                last = Instant::now();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
    peer.set_nonblocking(false).expect("supported");
    at
}

#[test]
fn a_mebibyte_each_way_past_slow_readers() {
    for kind in [PortKind::Pty, PortKind::Tcp] {
        a_mebibyte_each_way(kind);
    }
}

fn a_mebibyte_each_way(kind: PortKind) {
    let (mut host, mut peer) = open(kind);
    pass_through(&mut host);
    let down: Vec<u8> = noise(1, 0).take(MEBIBYTE).collect();
    let up: Vec<u8> = noise(2, 0).take(MEBIBYTE).collect();
    let mut sending = peer.try_clone().expect("a second handle");
    let mut writing = host.port.clone();
    let (got_down, got_up) = thread::scope(|scope| {
        scope.spawn(|| sending.write_all(&down).expect("the modem takes it"));
        scope.spawn(|| {
            let deadline = Instant::now() + TIMEOUT * 2;
            writing.write(&up, deadline).expect("the modem takes it");
        });
        let received = scope.spawn(|| {
            // A peer that takes its time over every 16 KiB.
            let mut all = Vec::new();
            let mut bytes = [0; 16384];
            while all.len() < MEBIBYTE {
                thread::sleep(Duration::from_millis(2));
                let count = peer.read(&mut bytes).expect("it goes on");
                all.extend_from_slice(&bytes[..count]);
            }
            all
        });
        // And a host that takes its time over every few KiB.
        let mut all = Vec::new();
        let deadline = Instant::now() + TIMEOUT * 2;
        while all.len() < MEBIBYTE {
            thread::sleep(Duration::from_millis(2));
            let came = host.port.read(&mut all, deadline).expect("it is open");
            assert!(came > 0, "it stopped after {} bytes", all.len());
        }
        (all, received.join().expect("no panic"))
    });
    assert_eq!(hash(got_down.into_iter()), hash(down.into_iter()), "down");
    assert_eq!(hash(got_up.into_iter()), hash(up.into_iter()), "up");
}

#[test]
fn a_host_that_does_not_read_stops_its_peer_and_loses_nothing() {
    let (mut host, mut peer) = open(PortKind::Pty);
    pass_through(&mut host);
    // More than all buffers on the way can hold together.
    let data: Vec<u8> = noise(3, 0).take(32 * MEBIBYTE).collect();
    let taken = fill(&mut peer, &data);
    assert!(taken < data.len(), "nobody stopped the peer");
    let mut got = Vec::new();
    while got.len() < taken {
        let deadline = Instant::now() + TIMEOUT;
        let came = host.port.read(&mut got, deadline).expect("it is open");
        assert!(came > 0, "{} of {taken} bytes came", got.len());
    }
    let sent = data.into_iter().take(taken);
    assert_eq!(hash(got.into_iter()), hash(sent));
}

#[test]
fn a_peer_that_does_not_read_stops_its_host_and_loses_nothing() {
    let (mut host, mut peer) = open(PortKind::Pty);
    pass_through(&mut host);
    let data: Vec<u8> = noise(4, 0).take(32 * MEBIBYTE).collect();
    let mut taken = 0;
    for piece in data.chunks(256) {
        match host.port.write(piece, Instant::now() + STANDSTILL) {
            Ok(()) => taken += piece.len(),
            Err(error) if error.kind() == ErrorKind::TimedOut => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(taken < data.len(), "nobody stopped the host");
    let mut got = vec![0; taken];
    peer.read_exact(&mut got).expect("all of it comes");
    let sent = data.into_iter().take(taken);
    assert_eq!(hash(got.into_iter()), hash(sent));
}
