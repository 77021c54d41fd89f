//! Time from the network: who is asked and when, and what the host sees of it (spec: at-commands B.4).

use embassy_time::Duration;

use crate::support::net::Resolves;
use crate::support::udp::Server;
use crate::support::{Bench, text};

const OK: &str = "\r\nOK\r\n";
/// 2021-10-19 09:47:56 UTC.
const NOW: u64 = 1_634_636_876;
const ONE: &str = "AT+CIPSNTPCFG=1,0,\"192.0.2.1\"";

#[test]
fn the_first_answer_is_announced_once_per_cipsntpcfg() {
    let mut bench = Bench::joined();
    bench.net.time.set("192.0.2.1", Server::Says(NOW));
    for _ in 0..3 {
        bench.expect(ONE, "\r\nOK\r\n+TIME_UPDATED\r\n");
        bench.hear("");
        assert_eq!(bench.net.time.asked(), ["192.0.2.1"]);
    }
    bench.expect(
        "AT+SYSTIMESTAMP?",
        format!("+SYSTIMESTAMP:{NOW}\r\n\r\nOK\r\n"),
    );
    // The clock goes on, and the hourly question is not announced.
    bench.pass(Duration::from_secs(10));
    bench.expect(
        "AT+SYSTIMESTAMP?",
        format!("+SYSTIMESTAMP:{}\r\n\r\nOK\r\n", NOW + 10),
    );
    assert_eq!(bench.net.time.asked(), [""; 0]);
    bench.pass(Duration::from_secs(3591));
    assert_eq!(bench.net.time.asked(), ["192.0.2.1"]);
    bench.hear("");
}

#[test]
fn asctime_shows_the_zone() {
    let mut bench = Bench::joined();
    bench.net.time.set("192.0.2.1", Server::Says(NOW));
    for (zone, time) in [
        ("0", "Tue Oct 19 09:47:56 2021"),
        ("8", "Tue Oct 19 17:47:56 2021"),
        ("-12", "Mon Oct 18 21:47:56 2021"),
        ("14", "Tue Oct 19 23:47:56 2021"),
        ("530", "Tue Oct 19 15:17:56 2021"),
        ("-930", "Tue Oct 19 00:17:56 2021"),
        ("1245", "Tue Oct 19 22:32:56 2021"),
        ("015", "Tue Oct 19 10:02:56 2021"),
    ] {
        let line = format!("AT+CIPSNTPCFG=1,{zone},\"192.0.2.1\"");
        bench.expect(line, "\r\nOK\r\n+TIME_UPDATED\r\n");
        bench.expect("AT+CIPSNTPTIME?", format!("+CIPSNTPTIME:{time}\r\nOK\r\n"));
    }
    for (now, time) in [
        (951_782_400, "Tue Feb 29 00:00:00 2000"),
        (1_709_251_199, "Thu Feb 29 23:59:59 2024"),
        (2_147_483_648, "Tue Jan 19 03:14:08 2038"),
        // The next era of NTP begins in 2036.
        (2_085_978_497, "Thu Feb  7 06:28:17 2036"),
    ] {
        bench.net.time.set("192.0.2.1", Server::Says(now));
        let heard = bench.line(ONE);
        assert_eq!(heard, text(b"\r\nOK\r\n+TIME_UPDATED\r\n"));
        bench.expect("AT+CIPSNTPTIME?", format!("+CIPSNTPTIME:{time}\r\nOK\r\n"));
    }
}

#[test]
fn servers_are_asked_in_their_order_until_one_answers() {
    let mut bench = Bench::joined();
    bench.net.time.set("192.0.2.1", Server::Silent);
    bench.net.time.set("192.0.2.2", Server::Unreachable);
    bench.net.time.set("192.0.2.3", Server::Says(NOW));
    bench.expect(
        "AT+CIPSNTPCFG=1,0,\"192.0.2.1\",\"192.0.2.2\",\"192.0.2.3\"",
        OK,
    );
    assert_eq!(bench.net.time.asked(), ["192.0.2.1"]);
    bench.pass(Duration::from_millis(4750));
    bench.hear("");
    bench.pass(Duration::from_millis(500));
    assert_eq!(text(&bench.port.take()), text(b"+TIME_UPDATED\r\n"));
    assert_eq!(bench.net.time.asked(), ["192.0.2.2", "192.0.2.3"]);
}

#[test]
fn names_of_servers_are_resolved_and_those_left_out_have_defaults() {
    let mut bench = Bench::joined();
    let address = Resolves::To("192.0.2.7".parse().unwrap());
    bench.net.name("us.pool.ntp.org", address);
    bench.net.time.set("192.0.2.7", Server::Says(NOW));
    bench.expect("AT+CIPSNTPCFG=1,8", "\r\nOK\r\n+TIME_UPDATED\r\n");
    let defaults = ["cn.ntp.org.cn", "ntp.sjtu.edu.cn", "us.pool.ntp.org"];
    assert_eq!(bench.net.asked_names(), defaults);
}

#[test]
fn an_answer_nobody_may_believe_leaves_the_clock_unset() {
    for server in [
        Server::Silent,
        Server::Unreachable,
        Server::Guesses(NOW),
        Server::Unsynchronised(NOW),
    ] {
        let mut bench = Bench::joined();
        bench.net.time.set("192.0.2.1", server);
        bench.expect(ONE, OK);
        bench.pass(Duration::from_secs(300));
        bench.hear("");
        assert_eq!(bench.clock.micros(), None, "{server:?}");
        bench.expect("AT+SYSTIMESTAMP?", "+SYSTIMESTAMP:300\r\n\r\nOK\r\n");
        bench.expect(
            "AT+CIPSNTPTIME?",
            "+CIPSNTPTIME:Thu Jan  1 00:05:00 1970\r\nOK\r\n",
        );
        assert!(bench.net.time.asked().len() > 4);
    }
}

#[test]
fn pauses_between_failed_rounds_double_up_to_a_minute() {
    let mut bench = Bench::joined();
    bench.net.time.set("192.0.2.1", Server::Unreachable);
    bench.expect(ONE, OK);
    let mut times = Vec::new();
    for quarter in 0..1200_u32 {
        if !bench.net.time.asked().is_empty() {
            times.push(quarter / 4);
        }
        bench.pass(Duration::from_millis(250));
    }
    assert_eq!(times, [0, 2, 6, 14, 30, 62, 122, 182, 242]);
    // The answer that comes at last is announced.
    bench.net.time.set("192.0.2.1", Server::Says(NOW));
    bench.pass(Duration::from_secs(61));
    bench.hear("+TIME_UPDATED\r\n");
}

#[test]
fn time_is_asked_for_once_there_is_a_network() {
    let mut bench = Bench::new();
    bench.net.time.set("192.0.2.1", Server::Says(NOW));
    bench.expect("AT+CWMODE=1", OK);
    bench.expect(ONE, OK);
    assert_eq!(bench.net.time.asked(), [""; 0]);
    bench.expect(
        "AT+CWJAP=\"iot\",\"\"",
        "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n+TIME_UPDATED\r\n",
    );
}

#[test]
fn switched_off_nobody_is_asked() {
    let mut bench = Bench::joined();
    bench.net.time.set("192.0.2.1", Server::Says(NOW));
    bench.expect("AT+CIPSNTPCFG=0", OK);
    bench.expect("AT+CIPSNTPCFG=0,8,\"192.0.2.1\"", OK);
    bench.pass(Duration::from_secs(7200));
    bench.hear("");
    assert_eq!(bench.net.time.asked(), [""; 0]);
}

#[test]
fn the_interval_holds_from_when_it_is_set() {
    let mut bench = Bench::joined();
    bench.net.time.set("192.0.2.1", Server::Says(NOW));
    bench.expect(ONE, "\r\nOK\r\n+TIME_UPDATED\r\n");
    bench.expect("AT+CIPSNTPINTV=15", OK);
    bench.net.time.asked();
    bench.pass(Duration::from_secs(61));
    assert_eq!(bench.net.time.asked().len(), 4);
    // A longer one as well, from the latest answer on.
    bench.expect("AT+CIPSNTPINTV=100", OK);
    bench.pass(Duration::from_secs(98));
    assert_eq!(bench.net.time.asked(), [""; 0]);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.net.time.asked().len(), 1);
    bench.hear("");
}

/// A server that does not answer is not the same as none that was named.
#[test]
fn with_syslog_a_server_that_gives_no_time_is_named_once() {
    let mut bench = Bench::joined();
    bench.expect("AT+SYSLOG=1", OK);
    bench.net.time.set("192.0.2.1", Server::Silent);
    bench.expect(ONE, OK);
    bench.pass(Duration::from_millis(5250));
    let line = |words: &str| {
        format!(
            "+SSLWHY:-1,\"setup\",-0x2700,0x00000200,0,\"\",\"\",\"SNTP server gave no time: {words}\",\"sntp_failed\"\r\n"
        )
    };
    bench.hear(line("192.0.2.1: no answer within 5 s"));
    // It is asked again and again, and the line does not come again.
    bench.pass(Duration::from_secs(300));
    bench.hear("");
    bench.net.time.set("192.0.2.1", Server::Unsynchronised(NOW));
    bench.pass(Duration::from_secs(61));
    bench.hear(line("192.0.2.1: does not know the time itself"));
    bench.expect("AT+SYSLOG=0", OK);
    bench.net.time.set("192.0.2.1", Server::Silent);
    bench.pass(Duration::from_secs(300));
    bench.hear("");
}
