//! Command lines and replies: text to a type and back.

use std::hint::black_box;

use at_commands::parser::CommandParser;
use at_grammar::{LinkId, Mux, Reply, parse_line};

use crate::support::Bench;
use crate::{begin, bench_boundary, bench_counted};

const TIMES: usize = 64;

/// What a host says from its start to its first data, the families of commands mixed.
const SESSION: [&[u8]; 16] = [
    b"AT",
    b"ATE0",
    b"AT+GMR",
    b"AT+SYSLOG=1",
    b"AT+CWMODE=1",
    b"AT+CWJAP=\"iot\",\"a long password\"",
    b"AT+CIPMUX=1",
    b"AT+CIPSNTPCFG=1,8,\"cn.ntp.org.cn\",\"ntp.sjtu.edu.cn\"",
    b"AT+CIPSNTPTIME?",
    b"AT+CIPSSLCCONF=0,2,0,0",
    b"AT+CIPSSLCSNI=0,\"broker.local\"",
    b"AT+CIPSTART=0,\"SSL\",\"broker.local\",8883,60",
    b"AT+CIPSEND=0,1024",
    b"AT+CIPSTATE?",
    b"AT+SSLWHY?",
    b"AT+CIPCLOSE=0",
];

/// The line that peers parse, too.
const START: &[u8] = b"AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080,60";

pub(crate) fn run() {
    parse("grammar.session_line", &SESSION, Mux::Multiple);
    parse("grammar.cipstart", &[START], Mux::Single);
    parse("grammar.first_row", &[b"AT"], Mux::Single);
    parse("grammar.last_row", &[b"AT+PKI?"], Mux::Single);
    parse("grammar.unknown", &[b"AT+CIPSTARTS=1"], Mux::Single);
    peer();
    reply();
    modem();
}

fn parse(row: &str, lines: &[&[u8]], mux: Mux) {
    begin();
    for _ in 0..TIMES {
        for line in lines {
            let known = bench_counted(|| parse_line(black_box(line), mux).is_ok());
            assert_eq!(known, row != "grammar.unknown", "{}", line.escape_ascii());
        }
    }
    bench_boundary(row, TIMES * lines.len());
}

/// at-commands is told which command the line has: there is no dispatch.
fn peer() {
    begin();
    for _ in 0..TIMES {
        let parsed = bench_counted(|| {
            CommandParser::parse(black_box(START))
                .expect_identifier(b"AT+CIPSTART=")
                .expect_string_parameter()
                .expect_string_parameter()
                .expect_int_parameter()
                .expect_int_parameter()
                .finish()
        });
        assert_eq!(parsed, Ok(("TCP", "192.168.3.102", 8080, 60)));
    }
    bench_boundary("peer.at_commands.cipstart", TIMES);
}

fn reply() {
    let mut out = heapless::Vec::<u8, 64>::new();
    begin();
    for _ in 0..TIMES {
        out.clear();
        let written =
            bench_counted(|| Reply::Closed(black_box(Some(LinkId::ZERO))).write_to(&mut out));
        assert!(written.is_ok());
        assert_eq!(out, b"0,CLOSED\r\n");
    }
    bench_boundary("grammar.reply", TIMES);
    let mut buffer = [0; 64];
    begin();
    for _ in 0..TIMES {
        let written = bench_counted(|| {
            at_commands::builder::CommandBuilder::create_set(black_box(&mut buffer), false)
                .named("0")
                .with_raw_parameter("CLOSED")
                .finish()
                .map(<[u8]>::len)
        });
        assert!(written.is_ok());
    }
    bench_boundary("peer.at_commands.reply", TIMES);
}

/// All of the modem: port, framing, dispatch, execution, answer.
fn modem() {
    let mut bench = Bench::new();
    for (row, line, answer) in [
        ("modem.at", "AT\r\n", "\r\nOK\r\n"),
        ("modem.query", "AT+CIPMUX?\r\n", "+CIPMUX:0\r\n\r\nOK\r\n"),
        ("modem.refused", "AT+CIPMUX=7\r\n", "\r\nERROR\r\n"),
    ] {
        begin();
        for _ in 0..TIMES {
            bench.port.feed(line.as_bytes());
            bench_counted(|| bench.settle());
            assert_eq!(bench.port.take(), answer.as_bytes());
        }
        bench_boundary(row, TIMES);
    }
}
