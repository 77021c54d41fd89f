//! A network that is lost comes back, as often and as late as the host wants it (spec: at-commands B.3).

use at_modem::wifi::{JoinError, WifiEvent};
use embassy_time::Duration;

use crate::support::Bench;
use crate::support::radio::Answer;

const OK: &str = "\r\nOK\r\n";
const GONE: &str = "WIFI DISCONNECT\r\n";
const BACK: &str = "WIFI CONNECTED\r\nWIFI GOT IP\r\n";

fn lost(config: &str) -> Bench {
    let mut bench = Bench::joined();
    if !config.is_empty() {
        bench.expect(format!("AT+CWRECONNCFG={config}"), OK);
    }
    bench.radio.lose();
    bench.hear(GONE);
    bench
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn after_a_second_the_network_is_joined_again() {
    let mut bench = lost("");
    bench.expect("AT+CWRECONNCFG?", "+CWRECONNCFG:1,0\r\n\r\nOK\r\n");
    bench.pass(Duration::from_millis(750));
    bench.hear("");
    bench.pass(Duration::from_millis(250));
    bench.hear(BACK);
    assert_eq!(bench.radio.asked().len(), 2);
    assert_eq!(bench.radio.asked()[1].password, b"secret");
    // And once more.
    bench.radio.lose();
    bench.hear(GONE);
    bench.pass(seconds(1));
    bench.hear(BACK);
}

#[test]
fn interval_and_count_are_what_was_set() {
    for (config, wait) in [("5,0", 5), ("60,3", 60)] {
        let mut bench = lost(config);
        bench.pass(seconds(wait) - Duration::from_millis(250));
        bench.hear("");
        bench.pass(Duration::from_millis(250));
        bench.hear(BACK);
    }
    let mut bench = lost("2,3");
    bench.radio.answers(Answer::Refusal(JoinError::NotFound));
    bench.pass(seconds(60));
    bench.hear("");
    // The one that was lost, and three attempts.
    assert_eq!(bench.radio.asked().len(), 4);
    bench.expect("AT+CWSTATE?", "+CWSTATE:4,\"iot\"\r\n\r\nOK\r\n");
    bench.alive();
}

#[test]
fn an_interval_of_0_leaves_it_lost() {
    for (config, join) in [("0,0", None), ("", Some("AT+CWJAP=\"iot\",\"secret\",,,0"))] {
        let mut bench = Bench::joined();
        if let Some(join) = join {
            bench.expect(join, format!("{GONE}{BACK}{OK}"));
            bench.expect("AT+CWRECONNCFG?", "+CWRECONNCFG:0,0\r\n\r\nOK\r\n");
        } else {
            bench.expect(format!("AT+CWRECONNCFG={config}"), OK);
        }
        bench.radio.lose();
        bench.hear(GONE);
        bench.pass(seconds(60));
        bench.hear("");
    }
}

#[test]
fn a_radio_that_finds_the_network_by_itself_is_not_disturbed() {
    let mut bench = lost("5,0");
    bench.pass(seconds(1));
    bench.radio.find_again(b"iot");
    bench.hear(BACK);
    bench.pass(seconds(60));
    bench.hear("");
    assert_eq!(bench.radio.asked().len(), 1);
}

#[test]
fn a_command_ends_the_attempts() {
    for (line, reply) in [
        ("AT+CWQAP", OK),
        ("AT+CWMODE=0", OK),
        ("AT+CWINIT=0", OK),
        (
            "AT+CWJAP=\"other\",\"\",,,0",
            "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
        ),
    ] {
        // While it waits, and in the middle of an attempt.
        for answer in [Answer::Address, Answer::Silence] {
            let mut bench = lost("2,0");
            bench.radio.answers(answer);
            bench.pass(seconds(3) - Duration::from_millis(1500));
            if answer == Answer::Silence {
                bench.pass(seconds(1));
            }
            bench.hear("");
            bench.radio.answers(Answer::Address);
            if answer == Answer::Silence {
                // The attempt has it now; the command comes after.
                bench.hear(BACK);
                continue;
            }
            bench.expect(line, reply);
            let asked = bench.radio.asked().len();
            bench.pass(seconds(60));
            bench.hear("");
            assert_eq!(bench.radio.asked().len(), asked, "{line}");
        }
    }
}

#[test]
fn an_attempt_that_hangs_is_taken_over() {
    let mut bench = lost("1,0");
    bench.radio.answers(Answer::Silence);
    bench.pass(seconds(2));
    bench.expect("AT+CWSTATE?", "+CWSTATE:3,\"iot\"\r\n\r\nOK\r\n");
    bench.expect("AT+CWQAP", OK);
    bench.radio.answers(Answer::Address);
    bench.pass(seconds(60));
    bench.hear("");
    assert!(!bench.radio.joined());
}

#[test]
fn an_attempt_without_an_answer_ends_and_another_follows() {
    let mut bench = lost("2,0");
    bench.radio.answers(Answer::Silence);
    // 2 s until the first, 15 s for it, 2 s until the second.
    bench.pass(seconds(2 + 15 + 2) - Duration::from_millis(250));
    assert_eq!(bench.radio.asked().len(), 2);
    bench.pass(Duration::from_millis(250));
    assert_eq!(bench.radio.asked().len(), 3);
    bench.radio.answers(Answer::Address);
    bench.hear(BACK);
}

#[test]
fn a_loss_in_the_middle_of_a_join_starts_no_second_one() {
    let mut bench = Bench::joined();
    bench.radio.answers(Answer::Silence);
    bench.expect("AT+CWJAP=\"other\",\"\",,,,,,60", GONE);
    bench.radio.happens(WifiEvent::Disconnected);
    bench.hear(GONE);
    bench.pass(seconds(30));
    bench.hear("");
    let names: Vec<_> = bench
        .radio
        .asked()
        .into_iter()
        .map(|asked| asked.ssid)
        .collect();
    assert_eq!(names, [&b"iot"[..], b"other"]);
    bench.radio.answers(Answer::Address);
    bench.hear(format!("{BACK}{OK}"));
}

#[test]
fn what_the_set_form_left_out_is_in_the_query() {
    let mut bench = Bench::joined();
    bench.expect(
        "AT+CWJAP=\"iot\",\"secret\",,1,7,9,1,15,3",
        format!("{GONE}{BACK}{OK}"),
    );
    bench.expect(
        "AT+CWJAP?",
        "+CWJAP:\"iot\",\"02:00:00:00:00:01\",6,-40,1,7,9,1,3\r\n\r\nOK\r\n",
    );
    bench.expect("AT+CWRECONNCFG?", "+CWRECONNCFG:7,0\r\n\r\nOK\r\n");
    bench.expect("AT+CWCONFIG?", "+CWCONFIG:300,6,9\r\n\r\nOK\r\n");
}

#[test]
fn reconnecting_can_be_asked_for_at_once() {
    let mut bench = lost("0,0");
    bench.pass(seconds(5));
    bench.hear("");
    bench.expect("AT+CWRECONNCFG=10,0,1", format!("{OK}{BACK}"));
}

#[test]
fn attempts_at_boot_go_on_as_after_a_loss() {
    let setup = {
        let mut bench = Bench::joined();
        bench.expect("AT+CWRECONNCFG=3,2", OK);
        bench.power_off()
    };
    setup.radio.answers(Answer::Refusal(JoinError::NotFound));
    let mut bench = setup.boot().quiet();
    bench.pass(seconds(2));
    assert_eq!(bench.radio.asked().len(), 1);
    bench.radio.answers(Answer::Address);
    bench.pass(seconds(1));
    bench.hear(BACK);
}
