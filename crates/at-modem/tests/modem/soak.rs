//! A day of mixed traffic on five links, in a second of ours: no byte is lost, repeated or given to
//! another link.
//!
//! Two clients, one of them passive; a UDP link; two clients of our server. What each side is to get
//! is known in advance, from a generator of its own, so nothing has to be kept.

use at_grammar::{Event, LinkId, Progress, Reply, ReplyParser};
use embassy_time::Duration;

use crate::support::Bench;
use crate::support::net::{Door, Peer};

/// Numbers that look random and are the same in every run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % sides
    }
}

/// An endless stream: any two differ within a few bytes.
#[derive(Clone)]
struct Stream(u64);

impl Stream {
    fn new(seed: u8) -> Self {
        Self(u64::from(seed) + 1)
    }

    fn next(&mut self, count: usize) -> Vec<u8> {
        (0..count)
            .map(|_| {
                self.0 = self
                    .0
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                self.0.to_be_bytes()[0]
            })
            .collect()
    }
}

const LINKS: usize = 5;
/// The link that is fetched from.
const PASSIVE: usize = 1;
const UDP: usize = 2;
const UDP_PORT: u16 = 1112;
const UDP_PEER: &str = "192.168.3.102:9000";

/// What is said to the host, taken apart.
struct Host {
    parser: ReplyParser,
    pending: Vec<u8>,
    /// The link whose data come next.
    from: usize,
    /// What each link is to bring next.
    expected: [Stream; LINKS],
    received: [usize; LINKS],
    /// Waiting to be fetched.
    announced: usize,
    results: Vec<String>,
}

impl Host {
    fn hear(&mut self, bytes: &[u8]) {
        self.pending.extend(bytes);
        loop {
            let pending = std::mem::take(&mut self.pending);
            let (consumed, go_on) = match self.parser.next(&pending) {
                Progress::NeedMore { consumed } => (consumed, false),
                Progress::Event { event, consumed } => {
                    match event {
                        Event::Data(data) => {
                            let expected = self.expected[self.from].next(data.len());
                            assert!(data == expected, "link {}", self.from);
                            self.received[self.from] += data.len();
                        }
                        Event::Reply(Reply::Ipd(head)) => {
                            self.from = head.link.map_or(0, LinkId::index);
                        }
                        Event::Reply(Reply::RecvData(_)) => self.from = PASSIVE,
                        Event::Reply(Reply::IpdWaiting { link, len }) => {
                            assert_eq!(link.map(LinkId::index), Some(PASSIVE));
                            self.announced = usize::try_from(len).unwrap();
                        }
                        Event::Reply(reply) => self.results.push(format!("{reply:?}")),
                        other => panic!("{other:?}"),
                    }
                    (consumed, true)
                }
            };
            self.pending = pending[consumed..].to_vec();
            if !go_on {
                return;
            }
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn a_day_of_traffic_on_five_links_loses_nothing() {
    const STEPS: usize = 6000;
    // A day, a step at a time.
    let pause = Duration::from_millis(24 * 3600 * 1000 / 6000);

    let mut bench = Bench::multiplexed();
    bench.net.door("192.168.3.102:8000", Door::Sink);
    let ok = "\r\nOK\r\n";
    for id in [0, PASSIVE] {
        bench.expect(
            format!("AT+CIPSTART={id},\"TCP\",\"192.168.3.102\",8000"),
            format!("{id},CONNECT\r\n\r\nOK\r\n"),
        );
    }
    bench.expect(
        format!("AT+CIPSTART={UDP},\"UDP\",\"192.168.3.102\",9000,{UDP_PORT},0"),
        format!("{UDP},CONNECT\r\n\r\nOK\r\n"),
    );
    bench.expect(format!("AT+CIPRECVTYPE={PASSIVE},1"), ok);
    bench.expect("AT+CIPSERVER=1", ok);
    let mut peers: Vec<Option<Peer>> = bench.net.peers().into_iter().map(Some).collect();
    peers.push(None);
    for id in 3..LINKS {
        peers.push(bench.net.knock(333, "192.168.3.7:1000"));
        bench.hear(format!("{id},CONNECT\r\n"));
    }

    let streams = |from: u8| [0, 1, 2, 3, 4].map(|link| Stream::new(from + link));
    let mut outbound = streams(100);
    let mut sent = streams(100);
    let mut inbound = streams(10);
    let mut host = Host {
        parser: ReplyParser::new(),
        pending: Vec::new(),
        from: 0,
        expected: streams(10),
        received: [0; LINKS],
        announced: 0,
        results: Vec::new(),
    };
    let mut given = [0_usize; LINKS];
    let mut dice = Dice(0x5eed_1e55_0000_0001);
    for _ in 0..STEPS {
        let link = dice.roll(LINKS);
        match dice.roll(5) {
            // The host sends.
            0 | 1 => {
                let len = 1 + dice.roll(if link == UDP { 1400 } else { 8192 });
                host.hear(&bench.say(format!("AT+CIPSEND={link},{len}\r\n")));
                let data = outbound[link].next(len);
                let cut = dice.roll(len);
                host.hear(&bench.say(&data[..cut]));
                host.hear(&bench.say(&data[cut..]));
                let results = std::mem::take(&mut host.results);
                let expected = format!("Ok Prompt Recv({len}) SendOk");
                assert_eq!(results.join(" "), expected, "link {link}");
            }
            // The peer sends, and the host may not listen for a while.
            2 | 3 => {
                let deaf = dice.roll(4) == 0;
                if deaf {
                    bench.port.give_room(Some(dice.roll(100)));
                }
                let len = 1 + dice.roll(if link == UDP { 1400 } else { 12_000 });
                match &peers[link] {
                    Some(peer) => peer.sends(&inbound[link].next(len)),
                    None => {
                        // What finds no room is lost, as UDP has it: never here.
                        if given[UDP] == host.received[UDP] {
                            let data = inbound[link].next(len);
                            assert!(bench.net.datagrams.arrives(UDP_PORT, UDP_PEER, &data));
                        } else {
                            bench.port.give_room(None);
                            continue;
                        }
                    }
                }
                given[link] += len;
                bench.settle();
                if deaf {
                    bench.port.give_room(None);
                    bench.settle();
                }
                host.hear(&bench.port.take());
            }
            // The host fetches what was announced, or a part.
            _ => {
                if host.announced > 0 {
                    let most = 1 + dice.roll(2 * host.announced);
                    host.announced = 0;
                    host.hear(&bench.say(format!("AT+CIPRECVDATA={PASSIVE},{most}\r\n")));
                    assert_eq!(std::mem::take(&mut host.results).join(" "), "Ok");
                }
            }
        }
        bench.pass(pause);
        host.hear(&bench.port.take());
        match &peers[link] {
            Some(peer) => {
                let data = peer.received();
                assert!(data == sent[link].next(data.len()), "peer of link {link}");
            }
            None => {
                for (_, to, data) in bench.net.datagrams.sent() {
                    assert_eq!(to, UDP_PEER);
                    assert!(data == sent[link].next(data.len()), "peer of link {link}");
                }
            }
        }
    }
    // What still waits.
    while host.received[PASSIVE] < given[PASSIVE] {
        host.hear(&bench.say(format!("AT+CIPRECVDATA={PASSIVE},5760\r\n")));
        bench.pass(Duration::from_millis(50));
        host.hear(&bench.port.take());
    }
    assert_eq!(host.received, given);
    let total: usize = given.iter().sum();
    assert!(given.iter().all(|count| *count > 100_000), "{given:?}");
    assert!(total > 5_000_000, "{total}");
    bench.expect(
        "AT+CIPCLOSE=5",
        "0,CLOSED\r\n1,CLOSED\r\n2,CLOSED\r\n3,CLOSED\r\n4,CLOSED\r\n\r\nOK\r\n",
    );
}
