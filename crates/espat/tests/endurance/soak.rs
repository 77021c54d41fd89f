//! A day of mixed traffic on five links, as fast as it goes.
//!
//! ```text
//! link 0  TCP, active      ┐
//! link 1  TCP, passive     │  each sends a message every other minute, 1 to 2000 bytes (a datagram: to 1400),
//! link 2  UDP, active      │  and gets it back; now and then a link is closed, or reopened,
//! link 3  TLS, passive     │  or two wait for their answers at once
//! link 4  accepted, active ┘
//! ```
//!
//! `ESPAT_SOAK_HOURS` makes it longer (24), `ESPAT_SOAK_SEED` another one (1). A day is 3600 messages.

use std::net::TcpListener;

use espat::transcript::text::noise;
use sha2::{Digest as _, Sha256};

use crate::echo;
use crate::harness::sim::PortKind;
use crate::host::{Host, Token};
use crate::pki;

const LINKS: usize = 5;
const PASSIVE: [bool; LINKS] = [false, true, false, true, false];
const UDP: usize = 2;
const ACCEPTED: usize = 4;

/// Messages of one link in an hour.
const PER_HOUR: u64 = 30;
/// A link is reopened after so many of its messages, on average.
const LIFE: u64 = 97;

/// What went over one link, both ways.
struct Ledger {
    /// Position in the link's stream of noise.
    sent: u64,
    received: u64,
    out: Sha256,
    back: Sha256,
    /// Bytes that the modem said are waiting.
    waiting: usize,
}

struct Soak {
    host: Host,
    ledgers: [Ledger; LINKS],
    dice: Box<dyn Iterator<Item = u8>>,
    starts: [String; LINKS],
    server: u16,
}

fn from_environment(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
        Err(_) => default,
    }
}

#[test]
fn a_day_of_mixed_traffic_on_five_links_loses_no_byte() {
    let hours = from_environment("ESPAT_SOAK_HOURS", 24);
    let seed = from_environment("ESPAT_SOAK_SEED", 1);
    let mut soak = Soak::start(seed);
    for _ in 0..hours * PER_HOUR * 5 {
        soak.message();
    }
    for link in 0..LINKS {
        soak.settle(link);
    }
    let status = soak.host.sim.control().ask("status");
    assert!(status.starts_with("ok station=up"), "{status}");
    let total: u64 = soak.ledgers.iter().map(|ledger| ledger.received).sum();
    println!("seed {seed}, {hours} h: {total} bytes each way");
}

impl Soak {
    fn start(seed: u64) -> Self {
        let server = {
            let free = TcpListener::bind("127.0.0.1:0").expect("a port");
            free.local_addr().expect("bound").port()
        };
        let mut options = vec!["--clock".to_owned(), "host".to_owned()];
        for map in [
            format!("192.168.3.102:1={}", echo::tcp()),
            format!("192.168.3.102:2={}", echo::udp()),
            format!("example.com:3={}", echo::tls()),
            format!(":333=127.0.0.1:{server}"),
        ] {
            options.extend(["--map".to_owned(), map]);
        }
        let mut host = Host::joined(PortKind::Pty, &options);
        let ca = pki::variables().remove("pki.ca").expect("it is there");
        host.ok("AT+SYSFLASH=0,\"client_ca\"");
        host.send(format!("AT+SYSFLASH=1,\"client_ca\",0,{}\r\n", ca.len()).as_bytes());
        assert_eq!(host.token(), Token::Prompt);
        host.send(&ca);
        host.result("the CA", "OK");
        host.ok("AT+CIPMUX=1");
        host.ok("AT+CIPSSLCCONF=3,2,0,0");
        host.ok("AT+CIPSSLCCN=3,\"example.com\"");
        for (link, passive) in PASSIVE.iter().enumerate() {
            host.ok(&format!("AT+CIPRECVTYPE={link},{}", u8::from(*passive)));
        }
        host.ok("AT+CIPSERVER=1");
        let mut soak = Self {
            host,
            ledgers: [(); LINKS].map(|()| Ledger {
                sent: 0,
                received: 0,
                out: Sha256::new(),
                back: Sha256::new(),
                waiting: 0,
            }),
            dice: Box::new(noise(seed, 0)),
            starts: [
                "AT+CIPSTART=0,\"TCP\",\"192.168.3.102\",1",
                "AT+CIPSTART=1,\"TCP\",\"192.168.3.102\",1",
                "AT+CIPSTART=2,\"UDP\",\"192.168.3.102\",2",
                "AT+CIPSTART=3,\"SSL\",\"example.com\",3",
                "",
            ]
            .map(str::to_owned),
            server,
        };
        for link in 0..LINKS {
            soak.open(link);
        }
        soak
    }

    /// A number below `limit`.
    fn roll(&mut self, limit: u64) -> u64 {
        let bytes: Vec<u8> = self.dice.by_ref().take(4).collect();
        let number = bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte));
        number % limit
    }

    /// The lowest free link is the accepted one: the others are open.
    fn open(&mut self, link: usize) {
        if link == ACCEPTED {
            echo::client(self.server);
        } else {
            let line = self.starts.get(link).cloned().unwrap_or_default();
            self.host.ok(&line);
        }
        self.until(&format!("{link},CONNECT"));
    }

    fn message(&mut self) {
        let link = usize::try_from(self.roll(5)).expect("small");
        if self.roll(LIFE) == 0 {
            self.settle(link);
            self.host.ok(&format!("AT+CIPCLOSE={link}"));
            self.until(&format!("{link},CLOSED"));
            self.open(link);
        }
        let most = if link == UDP { 1400 } else { 2000 };
        let count = usize::try_from(self.roll(most) + 1).expect("small");
        let ledger = &mut self.ledgers[link];
        let stream = u64::try_from(link).expect("small") + 100;
        let data: Vec<u8> = noise(stream, ledger.sent).take(count).collect();
        ledger.sent += u64::try_from(count).expect("small");
        ledger.out.update(&data);
        self.host.transmit(link, &data);
        // Two of three are waited for; never is there more on its way than buffers hold.
        if link == UDP || self.roll(3) != 0 || self.behind(link) > 4000 {
            self.settle(link);
        }
    }

    fn behind(&self, link: usize) -> u64 {
        self.ledgers[link].sent - self.ledgers[link].received
    }

    /// Waits until everything is back, and compares.
    fn settle(&mut self, link: usize) {
        while self.behind(link) > 0 {
            while let Some(token) = self.host.unasked() {
                self.take(token);
            }
            if self.behind(link) == 0 {
                break;
            }
            if self.ledgers[link].waiting > 0 {
                let most = usize::try_from(self.roll(3000) + 1).expect("small");
                let data = self.host.fetch(link, most);
                // What was announced before the answer counts what is in it.
                while let Some(token) = self.host.unasked() {
                    self.take(token);
                }
                let ledger = &mut self.ledgers[link];
                ledger.waiting = ledger.waiting.saturating_sub(data.len());
                self.book(link, &data);
            } else {
                let token = self.host.next();
                self.take(token);
            }
        }
        let ledger = &self.ledgers[link];
        let (out, back) = (
            ledger.out.clone().finalize(),
            ledger.back.clone().finalize(),
        );
        assert_eq!(out, back, "link {link} after {} bytes", ledger.received);
    }

    fn book(&mut self, link: usize, data: &[u8]) {
        let ledger = &mut self.ledgers[link];
        ledger.received += u64::try_from(data.len()).expect("small");
        ledger.back.update(data);
        assert!(
            ledger.received <= ledger.sent,
            "link {link}: more than was sent"
        );
    }

    fn take(&mut self, token: Token) {
        match token {
            Token::Arrived { link, data } => {
                assert!(!PASSIVE[link] && data.len() <= 2920, "{link}");
                self.book(link, &data);
            }
            Token::Waiting { link, count } => {
                assert!(PASSIVE[link], "{link}");
                self.ledgers[link].waiting = count;
            }
            other => panic!("not asked for: {other:?}"),
        }
    }

    /// Takes what comes until this line.
    fn until(&mut self, wanted: &str) {
        loop {
            match self.host.next() {
                Token::Line(line) if line == wanted => return,
                token => self.take(token),
            }
        }
    }
}
