//! Filters on messages (spec: at-commands B.1, SYSMSGFILTER, C.17).

use crate::support::{Bench, text};

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";
const PROMPT: &str = "\r\nOK\r\n\r\n>";

fn add(bench: &mut Bench, head: &str, tail: &str, result: &str) {
    let line = format!("AT+SYSMSGFILTERCFG=1,{},{}", head.len(), tail.len());
    bench.expect(line, PROMPT);
    let heard = bench.say(format!("{head}{tail}"));
    assert_eq!(text(&heard), text(result.as_bytes()), "{head} {tail}");
}

#[test]
fn what_a_filter_names_is_not_said() {
    let mut bench = Bench::new();
    bench.expect("AT+CWMODE=1", OK);
    bench.expect("AT+SYSMSGFILTER?", "+SYSMSGFILTER:0\r\n\r\nOK\r\n");
    add(&mut bench, "^WIFI CONNECTED\r\n", "", OK);
    add(&mut bench, "^+CWMODE:", "\r\n$", OK);
    bench.expect("AT+CWMODE?", "+CWMODE:1\r\n\r\nOK\r\n");
    bench.expect("AT+SYSMSGFILTER=1", OK);
    bench.expect("AT+CWJAP=\"iot\",\"secret\"", "WIFI GOT IP\r\n\r\nOK\r\n");
    bench.expect("AT+CWMODE?", "1\r\nOK\r\n");
    bench.expect(
        "AT+SYSMSGFILTERCFG?",
        "+SYSMSGFILTERCFG:0,\"^WIFI CONNECTED\r\n\",\"\"\r\n+SYSMSGFILTERCFG:1,\"^+CWMODE:\",\"\r\n$\"\r\n\r\nOK\r\n",
    );
    // A result can be taken away; a prompt cannot.
    add(&mut bench, "", "\r\nOK\r\n$", "");
    bench.expect("AT", "");
    bench.expect("AT+SYSMSGFILTERCFG=2,9,3", PROMPT);
    assert_eq!(bench.say("^+CWMODE:\r\n$"), b"");
    bench.expect("AT+SYSMSGFILTERCFG=0", OK);
    bench.expect("AT+CWMODE?", "+CWMODE:1\r\n\r\nOK\r\n");
    // Nothing of it is stored.
    bench.restart();
    bench.expect("AT+SYSMSGFILTER?", "+SYSMSGFILTER:0\r\n\r\nOK\r\n");
}

#[test]
fn data_pass_as_they_are() {
    let mut bench = Bench::joined();
    bench
        .net
        .door("192.168.3.102:8080", crate::support::net::Door::Sink);
    add(&mut bench, "", "\r\nOK\r\n", OK);
    bench.expect("AT+SYSMSGFILTER=1", "");
    bench.expect("AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080", "CONNECT\r\n");
    bench.net.peer().sends(b"\r\nOK\r\n");
    bench.hear("\r\n+IPD,6:\r\nOK\r\n");
}

#[test]
fn what_is_no_filter_is_refused_and_changes_nothing() {
    let mut bench = Bench::new();
    for line in [
        "=1", "=1,0,0", "=1,65,0", "=1,0,65", "=1,1,1,8", "=3", "=0,1",
    ] {
        bench.expect(format!("AT+SYSMSGFILTERCFG{line}"), ERROR);
    }
    add(&mut bench, "[", "", ERROR);
    add(&mut bench, "a", "\\(", ERROR);
    bench.expect("AT+SYSMSGFILTERCFG=2,1,0", PROMPT);
    assert_eq!(bench.say("a"), ERROR.as_bytes());
    bench.expect("AT+SYSMSGFILTERCFG?", OK);
    for at in 0..8 {
        add(&mut bench, &format!("x{at}"), "", OK);
    }
    bench.expect("AT+SYSMSGFILTERCFG=1,1,0", ERROR);
    bench.alive();
}
