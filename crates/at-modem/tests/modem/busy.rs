//! Input while a command runs: refused where the command waits, kept where it does not
//! (spec: at-commands A.11).

use crate::support::flash::Operation;
use crate::support::net::{Door, Resolves};
use crate::support::radio::Answer;
use crate::support::{Bench, text};

const BUSY: &str = "\r\nbusy p...\r\n";

/// A command that waits, and what lets it go.
struct Waiting {
    line: &'static str,
    release: fn(&Bench),
    reply: &'static str,
}

const WAITING: &[Waiting] = &[
    Waiting {
        line: "AT+CWJAP=\"iot\",\"secret\"",
        release: |bench| bench.radio.answers(Answer::Address),
        reply: "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    },
    Waiting {
        line: "AT+CWLAP",
        release: |bench| bench.radio.hold_scan(false),
        reply: "\r\nOK\r\n",
    },
    Waiting {
        line: "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080",
        release: |bench| bench.net.door("192.168.3.102:8080", Door::Echo),
        reply: "CONNECT\r\n\r\nOK\r\n",
    },
    Waiting {
        line: "AT+CIPSTART=\"TCP\",\"slow.example\",8080",
        release: |bench| {
            bench.net.door("192.168.3.102:8080", Door::Echo);
            let address = Resolves::To("192.168.3.102".parse().unwrap());
            bench.net.name("slow.example", address);
        },
        reply: "CONNECT\r\n\r\nOK\r\n",
    },
    Waiting {
        line: "AT+CIPDOMAIN=\"slow.example\"",
        release: |bench| {
            let address = Resolves::To("192.168.3.102".parse().unwrap());
            bench.net.name("slow.example", address);
        },
        reply: "+CIPDOMAIN:\"192.168.3.102\"\r\n\r\nOK\r\n",
    },
    Waiting {
        line: "AT+SYSFLASH=0,\"client_ca\"",
        release: |bench| bench.flash.hold(false),
        reply: "\r\nOK\r\n",
    },
    Waiting {
        line: "AT+RESTORE",
        release: |bench| bench.flash.hold(false),
        reply: "\r\nOK\r\n\r\nready\r\n",
    },
];

/// A bench on which every command of [`WAITING`] waits. Joined, but for those that join.
fn slow(line: &str) -> Bench {
    let mut bench = Bench::joined();
    if line.starts_with("AT+CWJAP") {
        bench.expect("AT+CWQAP", "\r\nOK\r\nWIFI DISCONNECT\r\n");
    }
    bench.radio.answers(Answer::Silence);
    bench.radio.hold_scan(true);
    bench.net.door("192.168.3.102:8080", Door::Silent);
    bench.net.name("slow.example", Resolves::Silent);
    bench
}

#[test]
fn input_while_a_command_waits_is_answered_with_busy_and_gone() {
    for Waiting {
        line,
        release,
        reply,
    } in WAITING
    {
        let mut bench = slow(line);
        bench
            .flash
            .hold(line.contains("SYSFLASH") || line.contains("RESTORE"));
        bench.expect(line, "");
        bench.expect("AT", BUSY);
        bench.expect("AT+SYSSTORE=0", BUSY);
        // One for what came together, none for what is blank.
        assert_eq!(
            text(&bench.say("AT\r\nAT\r\nAT\r\n")),
            text(BUSY.as_bytes()),
            "{line}"
        );
        for blank in ["\r\n", "\n", "\r", " ", " \r\n\r\n"] {
            assert_eq!(text(&bench.say(blank)), "", "{line}");
        }
        // The first half of a line is refused; the second is no command.
        assert_eq!(
            text(&bench.say("AT+SYSST")),
            text(BUSY.as_bytes()),
            "{line}"
        );
        release(&bench);
        bench.hear(reply);
        assert!(bench.say("ORE=0\r\n").ends_with(b"\r\nERROR\r\n"), "{line}");
        let kept = bench.line("AT+SYSSTORE?");
        assert!(
            kept.ends_with(&text(b"+SYSSTORE:1\r\n\r\nOK\r\n")),
            "{line}: {kept}"
        );
    }
}

#[test]
fn with_syslog_busy_has_its_word() {
    for Waiting { line, release, .. } in WAITING {
        let mut bench = slow(line);
        bench.expect("AT+SYSLOG=1", "\r\nOK\r\n");
        bench
            .flash
            .hold(line.contains("SYSFLASH") || line.contains("RESTORE"));
        bench.expect(line, "");
        bench.expect("AT", "ERR CODE:0x010b0000\r\n\r\nbusy p...\r\n");
        release(&bench);
        bench.settle();
    }
}

#[test]
fn input_during_a_command_that_ends_by_itself_waits_its_turn() {
    let mut bench = Bench::new();
    bench.flash.hold(true);
    // Storing takes flash its time, and the host does not wait for it.
    assert_eq!(text(&bench.say("AT+CWMODE=1\r\nAT+CWMODE?\r\nAT")), "");
    assert_eq!(text(&bench.say("\r\n")), "");
    bench.flash.hold(false);
    bench.hear("\r\nOK\r\n+CWMODE:1\r\n\r\nOK\r\n\r\nOK\r\n");
}

#[test]
fn a_command_that_fails_early_turns_nothing_away() {
    let mut bench = Bench::new();
    bench.flash.fail(Operation::Erase, 0);
    let heard = bench.say("AT+SYSFLASH=0,\"client_ca\"\r\nAT\r\nAT+CIPCLOSE\r\nAT\r\n");
    let expected = b"\r\nERROR\r\n\r\nOK\r\n\r\nERROR\r\n\r\nOK\r\n";
    assert_eq!(text(&heard), text(expected));
}
