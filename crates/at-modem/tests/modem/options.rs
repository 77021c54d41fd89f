//! Options of links and of the network (spec: at-commands B.4, A.22).

use crate::support::Bench;

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";

#[test]
fn tcp_options_are_shown_changed_in_part_and_stored() {
    let mut bench = Bench::multiplexed();
    let lines = |of: &dyn Fn(u8) -> &'static str| {
        let lines = (0..5).map(|id| format!("+CIPTCPOPT:{id},{}\r\n", of(id)));
        lines.collect::<String>() + OK
    };
    bench.expect("AT+CIPTCPOPT?", lines(&|_| "-1,0,0,0"));
    bench.expect("AT+CIPTCPOPT=1,0,1,5000,7200", OK);
    bench.expect("AT+CIPTCPOPT=5,,,250", OK);
    bench.expect("AT+CIPTCPOPT=2,-1", OK);
    for wrong in ["5,-2", "5,,2", "5,,,-1", "5,,,,7201", "6,0", "0,0,0,0,0,0"] {
        bench.expect(format!("AT+CIPTCPOPT={wrong}"), ERROR);
    }
    let after = lines(&|id| {
        if id == 1 {
            "0,1,250,7200"
        } else {
            "-1,0,250,0"
        }
    });
    bench.expect("AT+CIPTCPOPT?", &after);
    // The last word on keep-alive is the opening command's.
    bench
        .net
        .door("192.168.3.102:1", crate::support::net::Door::Sink);
    bench.expect(
        "AT+CIPSTART=4,\"TCP\",\"192.168.3.102\",1,60",
        "4,CONNECT\r\n\r\nOK\r\n",
    );
    let heard = bench.line("AT+CIPTCPOPT?");
    assert!(heard.contains("+CIPTCPOPT:4,-1,0,250,60\\r\\n"), "{heard}");
    bench.expect("AT+CIPCLOSE=4", "4,CLOSED\r\n\r\nOK\r\n");
    bench.restart();
    bench.expect("AT+CIPTCPOPT?", &after);
}

#[test]
fn a_send_that_takes_longer_than_its_timeout_has_failed() {
    let mut bench = Bench::joined();
    bench
        .net
        .door("192.168.3.102:1", crate::support::net::Door::Sink);
    bench.expect("AT+CIPTCPOPT=,,500", OK);
    bench.expect(
        "AT+CIPSTART=\"TCP\",\"192.168.3.102\",1",
        "CONNECT\r\n\r\nOK\r\n",
    );
    bench.net.peer().takes(Some(1));
    bench.expect("AT+CIPSEND=4", "\r\nOK\r\n\r\n>");
    bench.say("test");
    bench.pass(embassy_time::Duration::from_millis(600));
    bench.hear("\r\nSEND FAIL\r\nCLOSED\r\n");
}

#[test]
fn name_servers_have_defaults_and_differ() {
    let mut bench = Bench::joined();
    let automatic = "+CIPDNS:0,\"208.67.222.222\",\"8.8.8.8\"\r\n\r\nOK\r\n";
    bench.expect("AT+CIPDNS?", automatic);
    bench.expect("AT+CIPDNS=1,\"192.168.1.1\"", OK);
    bench.expect(
        "AT+CIPDNS?",
        "+CIPDNS:1,\"192.168.1.1\",\"8.8.8.8\"\r\n\r\nOK\r\n",
    );
    bench.expect("AT+CIPDNS=1,\"8.8.8.8\",\"8.8.8.8\"", ERROR);
    // The default stands in the second place.
    bench.expect("AT+CIPDNS=1,\"8.8.8.8\"", ERROR);
    bench.expect("AT+CIPDNS=1,,\"1.1.1.1\",\"9.9.9.9\"", OK);
    let all = "+CIPDNS:1,\"208.67.222.222\",\"1.1.1.1\",\"9.9.9.9\"\r\n\r\nOK\r\n";
    bench.expect("AT+CIPDNS?", all);
    bench.restart();
    bench.expect("AT+CIPDNS?", all);
    bench.expect("AT+CIPDNS=0", OK);
    bench.expect("AT+CIPDNS?", automatic);
}

#[test]
fn names_are_asked_of_dhcps_servers_of_the_commands_or_of_the_defaults() {
    let mut bench = Bench::joined();
    let defaults = "208.67.222.222 8.8.8.8";
    assert_eq!(bench.net.name_servers(), "");
    for (line, servers) in [
        ("AT+CIPDNS=1,\"9.9.9.9\"", "9.9.9.9 8.8.8.8"),
        ("AT+CIPSTA=\"192.168.6.100\"", "9.9.9.9 8.8.8.8"),
        ("AT+CIPDNS=0", defaults),
        ("AT+CWDHCP=1,1", ""),
        ("AT+CWDHCP=0,1", defaults),
        ("AT+CWDHCP=1,1", ""),
        ("AT+CIPSTA=\"192.168.6.100\"", defaults),
    ] {
        bench.expect(line, OK);
        assert_eq!(bench.net.name_servers(), servers, "{line}");
    }
    bench.restart();
    assert_eq!(bench.net.name_servers(), defaults);
}

#[test]
fn an_echo_that_cannot_be_sent_is_a_timeout() {
    let mut bench = Bench::joined();
    bench.expect(
        "AT+PING=\"192.168.3.102\"",
        "+PING:TIMEOUT\r\n\r\nERROR\r\n",
    );
    bench.expect(
        "AT+PING=\"nowhere.example\"",
        "+PING:TIMEOUT\r\n\r\nERROR\r\n",
    );
    bench.expect("AT+PING=\"\"", ERROR);
}

#[test]
fn intervals_keep_to_their_ranges() {
    let mut bench = Bench::joined();
    for (name, default, least, most) in [
        ("TRANSINTVL", 20, 0, 1000),
        ("CIPRECONNINTV", 1, 1, 36_000),
        ("CIPSTO", 0, 0, 7200),
        ("CIPSERVERMAXCONN", 5, 1, 5),
    ] {
        let shown = |value: i32| format!("+{name}:{value}\r\n\r\nOK\r\n");
        bench.expect(format!("AT+{name}?"), shown(default));
        for value in [least, most] {
            bench.expect(format!("AT+{name}={value}"), OK);
            bench.expect(format!("AT+{name}?"), shown(value));
        }
        for value in [least - 1, most + 1] {
            bench.expect(format!("AT+{name}={value}"), ERROR);
        }
        bench.expect(format!("AT+{name}?"), shown(most));
    }
}
