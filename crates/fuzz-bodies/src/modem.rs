//! The whole modem on the doubles of its tests, with a model beside it.

use at_grammar::{Command, Event, Progress, Reply, ReplyParser};
use embassy_time::Duration;

use crate::support::net::{Door, Resolves};
use crate::support::udp::Server;
use crate::support::{Bench, Setup};
use crate::take::Take;

/// Parameters that get somewhere.
const WORDS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "7",
    "8",
    "-1",
    "100",
    "8080",
    "65535",
    "65536",
    "4294967295",
    "115200",
    "\"TCP\"",
    "\"UDP\"",
    "\"SSL\"",
    "\"192.168.3.102\"",
    "\"host.example\"",
    "\"iot\"",
    "\"secret12\"",
    "\"\"",
    "\"client_ca\"",
    "\"client_key\"",
    "\"ab\\\\,c\"",
    "\"[0-9]*\"",
    "",
    "\"02:00:00:00:00:01\"",
    "\"time.example\"",
    "\"mqtt\",\"h2\"",
];

/// Lines that lead somewhere.
const LINES: &[&str] = &[
    "AT",
    "AT+CWMODE=3",
    "AT+CWJAP=\"iot\",\"secret12\"",
    "AT+CIPMUX=1",
    "AT+CIPMUX=0",
    "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080",
    "AT+CIPSTART=0,\"TCP\",\"192.168.3.102\",8080",
    "AT+CIPSTART=1,\"TCP\",\"192.168.3.102\",8081",
    "AT+CIPSTART=2,\"SSL\",\"192.168.3.102\",8081",
    "AT+CIPSTART=\"UDP\",\"192.168.3.102\",8080,1112,2",
    "AT+CIPSERVER=1,80",
    "AT+CIPSERVER=0,1",
    "AT+CIPMODE=1",
    "AT+CIPMODE=0",
    "AT+CIPSEND",
    "AT+CIPSEND=4",
    "AT+CIPSEND=0,9",
    "AT+CIPRECVMODE=1",
    "AT+CIPRECVDATA=0,100",
    "AT+CIPSTATE?",
    "AT+CIPCLOSE",
    "AT+CIPCLOSE=5",
    "AT+CIPSNTPTIME?",
    "AT+CIPSNTPCFG=1,8,\"time.example\"",
    "AT+SYSSTORE=0",
    "AT+SYSLOG=1",
    "AT+CIPSSLCCONF=2,2,0,0",
    "AT+CWSAP=\"ap\",\"1234567890\",5,3",
    "AT+CIPSSLCPSK=\"0123456789abcdef\",\"id\"",
    "AT+CWLAP",
    "AT+CWQAP",
    "AT+CIPDOMAIN=\"host.example\"",
    "AT+PING=\"192.168.3.102\"",
    "AT+SSLWHY?",
    "AT+PKI?",
    "AT+CMD?",
    "AT+GMR",
    "AT+SYSFLASH?",
    "AT+SYSMFG?",
    "AT+SYSFLASH=1,\"client_key\",0,8",
    "AT+SYSFLASH=2,\"client_key\",0,64",
    "AT+SYSMSGFILTERCFG=1,3,2",
    "AT+USERRAM=1,64",
    "AT+RST",
    "AT+SAVETRANSLINK=1,\"192.168.3.102\",8080",
    "AT+RESTORE",
    "ATE1",
    "ATE0",
    "AT+SYSMSG=7",
];

/// Commands whose result is not a single `OK` or `ERROR`, that begin data mode, or that end the run.
const NOT_JUDGED: &[&str] = &[
    "SENDL",
    "SENDEX",
    "SYSFLASH=",
    "SYSMFG=",
    "USERRAM=",
    "RST",
    "RESTORE",
    "GSLP",
    "FILTER",
    "SAVETRANS",
    "CIPMODE",
    "SYSMSG",
    "RECVDATA",
];

/// More than the modem prints after any step: the longest list, what flash has, and what came of a payload of 16 KiB.
const LONGEST_OUTPUT: usize = 400_000;

fn line(take: &mut Take<'_>) -> Vec<u8> {
    let how = take.u8();
    if how & 3 != 0 {
        return take.one_of(LINES).as_bytes().to_vec();
    }
    let row = &Command::TABLE[usize::from(take.u8()) % Command::TABLE.len()];
    let mut line = row.name.as_bytes().to_vec();
    match how >> 2 & 7 {
        0 => {}
        1 => line.push(b'?'),
        2 => line.extend(b"=?"),
        _ => {
            line.push(b'=');
            for number in 0..take.u8() % 8 {
                if number > 0 {
                    line.push(b',');
                }
                line.extend(take.one_of(WORDS).as_bytes());
            }
        }
    }
    line
}

/// Final results in what a modem printed, and whether it waits for data.
fn results(heard: &[u8]) -> (usize, bool) {
    let mut parser = ReplyParser::new();
    let (mut count, mut prompt, mut rest) = (0, false, heard);
    while let Progress::Event { event, consumed } = parser.next(rest) {
        match event {
            Event::Reply(Reply::Prompt | Reply::OkPrompt) => prompt = true,
            Event::Reply(Reply::Ok | Reply::Error | Reply::SendOk | Reply::SendFail) => count += 1,
            _ => {}
        }
        rest = &rest[consumed..];
    }
    (count, prompt)
}

fn outside(setup: &Setup) {
    setup.net.door("192.168.3.102:8080", Door::Echo);
    setup.net.door("192.168.3.102:8081", Door::Sink);
    let address = "192.168.3.102".parse().unwrap();
    setup.net.name("host.example", Resolves::To(address));
    setup
        .net
        .name("time.example", Resolves::To("10.0.0.1".parse().unwrap()));
    setup.net.time.set("10.0.0.1", Server::Says(1_790_000_000));
}

/// Waits for one final result and a little longer, and counts.
fn one_result(bench: &mut Bench, mut heard: Vec<u8>, what: &[u8]) -> bool {
    let shown = what.escape_ascii();
    for second in 0..400 {
        if results(&heard).0 > 0 {
            break;
        }
        assert!(second < 399, "no result in 400 s for {shown}");
        bench.pass(Duration::from_secs(1));
        heard.extend(bench.port.take());
    }
    bench.pass(Duration::from_millis(200));
    heard.extend(bench.port.take());
    let (count, prompt) = results(&heard);
    let heard = heard.escape_ascii();
    assert_eq!(count, 1, "{count} results for {shown}: {heard}");
    prompt
}

/// The model: in command state, a line has exactly one final result, and so has a payload of the length that was named.
fn judged(bench: &mut Bench, line: &[u8]) {
    // A host that reads, and a radio that ends its scans.
    bench.port.give_room(None);
    bench.radio.hold_scan(false);
    bench.settle();
    bench.port.take();
    let listens = bench.say("AT\r\n") == b"\r\nOK\r\n";
    let upper = line.to_ascii_uppercase();
    let has = |word: &&str| {
        upper
            .windows(word.len())
            .any(|part| part == word.as_bytes())
    };
    if !listens || NOT_JUDGED.iter().any(has) {
        bench.line(line);
        return;
    }
    let heard = bench.say([line, b"\r\n"].concat());
    if !one_result(bench, heard, line) {
        return;
    }
    // An address of UDP would be behind the length.
    let length = upper.strip_prefix(b"AT+CIPSEND=");
    let length = length.filter(|rest| !rest.contains(&b'"'));
    let length = length.and_then(|rest| rest.rsplit(|byte| *byte == b',').next());
    let length = length.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    // Of another length, or until `+++`: steps that follow may say it.
    if let Some(length @ 1..=8192) = length {
        let heard = bench.say(vec![b'x'; length]);
        one_result(bench, heard, line);
    }
}

/// Whatever was begun ends: a line, a payload of at most 8192 bytes, data mode. Then `AT` is answered.
fn answers_at_the_end(bench: &mut Bench) {
    bench.port.give_room(None);
    bench.flash.hold(false);
    bench.radio.hold_scan(false);
    for _ in 0..3 {
        bench.say([b' '; 8192]);
        bench.say("\r\n");
        bench.pass(Duration::from_millis(30));
        bench.say("+++");
        bench.pass(Duration::from_millis(1500));
        bench.say("\r\n");
        bench.pass(Duration::from_secs(60));
    }
    bench.pass(Duration::from_secs(340));
    for line in [
        "AT+SYSMSGFILTER=0",
        "AT+SAVETRANSLINK=0",
        "AT+CIPMODE=0",
        "AT+CIPSERVER=0,1",
        "AT+CIPCLOSE=5",
        "AT+CIPCLOSE",
        "ATE0",
        "AT+SYSLOG=0",
        "AT+SYSMSG=0",
    ] {
        bench.line(line);
    }
    bench.pass(Duration::from_secs(20));
    bench.port.take();
    assert_eq!(
        bench.say("AT\r\n"),
        b"\r\nOK\r\n",
        "the port does not answer"
    );
}

/// Lines, noise, payloads, peers, time and power: one final result for each command, `AT` answered in the
/// end, and nothing grows.
#[expect(
    clippy::too_many_lines,
    reason = "an arm for each thing that can happen"
)]
pub(crate) fn session(data: &[u8]) {
    let mut take = Take(data);
    let flags = take.u8();
    let mut setup = Setup::new();
    setup.legacy = flags & 2 != 0;
    outside(&setup);
    let piece = [usize::MAX, 1, 7, 64][usize::from(flags >> 2 & 3)];
    setup.port.set_piece(piece);
    let mut bench = setup.boot().quiet();
    if flags & 16 != 0 {
        bench.line("AT+CWMODE=1");
        bench.line("AT+CWJAP=\"iot\",\"secret\"");
        bench.pass(Duration::from_secs(1));
    }
    let mut steps = 0;
    while !take.is_empty() && steps < 40 {
        steps += 1;
        let before = bench.port.said();
        let op = take.u8();
        match op & 15 {
            0..=6 => {
                let line = line(&mut take);
                judged(&mut bench, &line);
            }
            7 => {
                let count = usize::from(take.u8());
                bench.say(take.bytes(count));
            }
            8 => {
                let count = usize::from(take.u16() & 0x3fff);
                bench.say(vec![take.u8(); count]);
            }
            9 => bench.pass(Duration::from_millis(u64::from(take.u8()) * 20)),
            10 => {
                bench.pass(Duration::from_millis(30));
                bench.say("+++");
                bench.pass(Duration::from_millis(u64::from(take.u8()) * 8));
            }
            11 => {
                let peers = bench.net.peers();
                if let Some(peer) = peers.get(usize::from(take.u8()) % peers.len().max(1)) {
                    if op & 32 == 0 {
                        let count = usize::from(take.u8());
                        peer.sends(take.bytes(count));
                    } else {
                        peer.closes();
                    }
                }
                bench.settle();
            }
            12 => {
                bench
                    .port
                    .give_room((op & 32 != 0).then(|| usize::from(take.u8())));
                bench.settle();
            }
            13 => {
                bench.port.unplug();
                bench.settle();
                bench.port.plug_in();
                bench.settle();
            }
            14 => {
                let setup = bench.power_off();
                outside(&setup);
                setup.port.set_piece(piece);
                bench = setup.boot();
                bench.pass(Duration::from_secs(1));
            }
            _ => {
                if op & 32 == 0 {
                    bench.radio.lose();
                } else {
                    bench.radio.find_again(b"iot");
                }
                bench.settle();
            }
        }
        // Every buffer of a modem has a bound; what it prints in one step shows whether one is passed.
        let said = bench.port.said().saturating_sub(before);
        assert!(said < LONGEST_OUTPUT, "{said} bytes after one step");
    }
    answers_at_the_end(&mut bench);
    // What has been closed is let go of.
    for (number, peer) in bench.net.peers().iter().enumerate() {
        assert!(peer.is_gone().1, "connection {number} is kept");
    }
}

/// Whatever flash holds outside of the partition tables, the modem boots and answers, and settings can be
/// stored.
pub(crate) fn boot(data: &[u8]) {
    let mut take = Take(data);
    let how = take.u8();
    let mut setup = Setup::new();
    let with_values = how & 1 == 1;
    if with_values {
        setup.flash = crate::support::flash::Flash::with_values();
    }
    let mut nvs = vec![0xff; 0x5000];
    if how & 2 == 0 {
        crate::flash::settings_content(&mut take, &mut nvs);
    } else {
        let count = usize::from(take.u16()) % nvs.len();
        let raw = take.bytes(count);
        nvs[..raw.len()].copy_from_slice(raw);
    }
    setup.flash.preset("nvs", &nvs);
    if with_values {
        let mut values = vec![0xff; 0x5000];
        crate::flash::nvs_content(&mut take, &mut values);
        setup.flash.preset("mfg_nvs", &values);
    } else {
        for name in ["client_ca", "client_cert", "client_key"] {
            let mut image = take.bytes(400).to_vec();
            image.resize(400, 0xff);
            setup.flash.preset(name, &image);
        }
    }
    let mut bench = setup.boot();
    bench.pass(Duration::from_secs(60));
    bench.port.take();
    answers_at_the_end(&mut bench);
    for line in [
        "AT+PKI?",
        "AT+SYSMFG?",
        "AT+SYSFLASH?",
        "AT+CIPSSLCCONF?",
        "AT+SSLPOLICY?",
    ] {
        let mut heard = bench.say(format!("{line}\r\n"));
        bench.pass(Duration::from_secs(5));
        heard.extend(bench.port.take());
        assert_eq!(results(&heard).0, 1, "{line}: {}", heard.escape_ascii());
    }
    bench.line("AT+SYSSTORE=1");
    bench.line("AT+SYSLOG=1");
    let heard = bench.say("AT+CWMODE=2\r\n");
    assert_eq!(heard.escape_ascii().to_string(), "\\r\\nOK\\r\\n");
    let mut bench = bench.power_off().boot();
    bench.pass(Duration::from_secs(5));
    bench.line("ATE0");
    bench.port.take();
    assert_eq!(bench.say("AT+CWMODE?\r\n"), b"+CWMODE:2\r\n\r\nOK\r\n");
}
