//! Whatever comes over the port, the modem lives.

use embassy_time::Duration;
use proptest::prelude::*;

use crate::support::net::Door;
use crate::support::{Bench, text};

/// A host's beginnings of sense between noise.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "AT",
        "\r\n",
        "\n",
        "\r",
        "+",
        "=",
        "?",
        ",",
        "\"",
        "\\",
        "+++",
        "ATE1\r\n",
        "AT+CWMODE=1\r\n",
        "AT+CWJAP=\"iot\",\"\"\r\n",
        "AT+CWQAP\r\n",
        "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080\r\n",
        "AT+CIPSEND=3\r\n",
        "AT+CIPSEND=",
        "AT+CIPSTART=\"UDP\",\"192.168.3.102\",8080,1112,2\r\n",
        "AT+CIPSTART=3,\"TCP\",\"192.168.3.102\",8080\r\n",
        "AT+CIPMUX=1\r\n",
        "AT+CIPSERVER=1\r\n",
        "AT+CIPSERVER=0,1\r\n",
        "AT+CIPMODE=1\r\n",
        "AT+CIPSEND\r\n",
        "AT+CIPSENDEX=9\r\n",
        "AT+CIPSENDL=99999\r\n",
        "AT+CIPRECVMODE=1\r\n",
        "AT+CIPRECVDATA=7\r\n",
        "AT+CIPRECVDATA=3,7\r\n",
        "AT+SAVETRANSLINK=1,\"192.168.3.102\",8080\r\n",
        "AT+CIPCLOSE=5\r\n",
        "AT+CIPCLOSE\r\n",
        "AT+SYSFLASH=0,\"client_ca\"\r\n",
        "AT+SYSFLASH=1,\"client_ca\",0,5\r\n",
        "AT+SYSFLASH=2,\"client_ca\",",
        "AT+SYSLOG=1\r\n",
        "AT+CIPSNTPCFG=1,8\r\n",
        "AT+RST\r\n",
        "AT+RESTORE\r\n",
        "AT+CMD?\r\n",
        "AT+CWMODE=3\r\n",
        "AT+CWSAP=\"ap\",\"1234567890\",5,3\r\n",
        "AT+CIPSTA=\"192.168.6.100\"\r\n",
        "AT+CWDHCP=",
        "AT+CWRECONNCFG=1,0,1\r\n",
        "AT+CWINIT=0\r\n",
        "AT+USERRAM=1,64\r\n",
        "AT+USERRAM=2,64\r\n",
        "AT+USERRAM=3,64\r\n",
        "AT+UART_DEF=9600,8,1,0,0\r\n",
        "AT+GSLP=500\r\n",
        "AT+SSLWHY?\r\n",
    ]);
    prop_oneof![
        3 => words.prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 200..400_usize).prop_map(|(byte, count)| vec![byte; count]),
    ]
}

/// Ends whatever the noise began: a line, a payload of at most 8192 bytes, or data mode.
fn brings_to_rest(bench: &mut Bench) {
    for _ in 0..3 {
        bench.say([b' '; 8192]);
        bench.say("\r\n");
        bench.pass(Duration::from_millis(30));
        bench.say("+++");
        bench.pass(Duration::from_millis(500));
        bench.say("\r\n");
        // Whatever a command may have to wait for.
        bench.pass(Duration::from_secs(60));
    }
    bench.line("AT+SAVETRANSLINK=0");
    bench.line("AT+CIPMODE=0");
    bench.line("AT+CIPSERVER=0,1");
    bench.line("AT+CIPCLOSE=5");
    bench.line("AT+CIPCLOSE");
    bench.line("AT+CIPMUX=0");
    bench.line("ATE0");
    bench.line("AT+SYSLOG=0");
    bench.pass(Duration::from_secs(1));
    bench.port.take();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 192,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_bytes_in_any_pieces_leave_a_modem_that_answers(
        fragments in prop::collection::vec(fragment(), 0..24),
        at_once in any::<bool>(),
        piece in 1..64_usize,
        peer in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut bench = Bench::new();
        bench.net.door("192.168.3.102:8080", Door::Echo);
        bench.port.set_piece(piece);
        for fragment in &fragments {
            bench.port.feed(fragment);
            if !at_once {
                bench.settle();
            }
        }
        bench.settle();
        if bench.net.connections() > 0 {
            bench.net.peer().sends(&peer);
        }
        bench.settle();
        brings_to_rest(&mut bench);
        prop_assert_eq!(bench.line("AT"), text(b"\r\nOK\r\n"));
        // Nothing but settings and the partition that was named may have changed.
        prop_assert!(bench.flash.partition("server_key").iter().all(|byte| *byte == 0xff));
    }
}
