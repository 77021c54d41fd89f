//! The port goes away at every moment of a conversation: nothing of it is left for the next host.

use embassy_time::Duration;

use crate::support::Bench;
use crate::support::net::Door;

/// What a host says; `~` lets 30 ms pass, `!` lets a peer send and close.
const CONVERSATIONS: &[&str] = &[
    "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080\r\nAT+CIPSEND=5\r\nhello!AT+CIPCLOSE\r\n",
    "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8081\r\n~AT\r\n",
    "AT+CIPSTART=\"UDP\",\"192.168.3.102\",8080,1112,2\r\nAT+CIPSEND=2,\"192.168.3.1\",9\r\nhi",
    "AT+CIPMODE=1\r\nAT+CIPSTART=\"TCP\",\"192.168.3.102\",8080\r\nAT+CIPSEND\r\nraw~!~raw~+++~AT\r\n",
    "AT+CIPMUX=1\r\nAT+CIPSERVER=1\r\nAT+CIPSTART=0,\"TCP\",\"192.168.3.102\",8080\r\nAT+CIPSENDL=0,9\r\nabc~+++~AT+CIPSERVER=0,1\r\n",
    "AT+CIPRECVMODE=1\r\nAT+CIPSTART=\"TCP\",\"192.168.3.102\",8080\r\n!AT+CIPRECVDATA=2\r\n~AT+CIPCLOSE\r\n",
    "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080\r\nAT+CIPSENDEX=9\r\na\\b\\0",
];

fn say(bench: &mut Bench, what: &str) {
    for byte in what.bytes() {
        match byte {
            b'~' => bench.pass(Duration::from_millis(30)),
            b'!' => {
                if bench.net.connections() > 0 {
                    bench.net.peer().sends(b"data");
                    bench.net.peer().closes();
                    bench.settle();
                }
            }
            byte => {
                bench.say([byte]);
            }
        }
    }
}

#[test]
fn a_port_that_goes_at_any_moment_leaves_a_modem_for_the_next_host() {
    for conversation in CONVERSATIONS {
        for cut in 0..=conversation.len() {
            let mut bench = Bench::joined();
            bench.net.door("192.168.3.102:8080", Door::Sink);
            bench.net.door("192.168.3.102:8081", Door::Silent);
            say(&mut bench, &conversation[..cut]);
            let client = bench.net.knock(333, "192.168.3.9:1");
            bench.settle();
            bench.port.unplug();
            // What is still to be said has its time.
            bench.pass(Duration::from_secs(2));
            bench.port.take();
            for peer in bench.net.peers().into_iter().chain(client) {
                assert!(peer.is_gone().1, "{:?}", &conversation[..cut]);
            }
            assert!(bench.net.datagrams.bound().is_empty());
            assert!(bench.net.knock(333, "192.168.3.9:2").is_none());

            bench.port.plug_in();
            bench.settle();
            bench.port.take();
            bench.alive();
            bench.expect("AT+CIPSTATE?", "\r\nOK\r\n");
            bench.expect("AT+CIPSERVER?", "+CIPSERVER:0\r\n\r\nOK\r\n");
            bench.line("AT+CIPMODE=0");
            bench.line("AT+CIPMUX=0");
            bench.expect(
                "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080",
                "CONNECT\r\n\r\nOK\r\n",
            );
            bench.expect("AT+CIPSEND=3", "\r\nOK\r\n\r\n>");
            let sent = bench.say("new");
            assert_eq!(sent, b"\r\nRecv 3 bytes\r\n\r\nSEND OK\r\n");
            assert_eq!(bench.net.peer().received(), b"new");
        }
    }
}
