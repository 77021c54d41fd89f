//! What survives: settings in flash, power cuts, a full store (spec: at-commands A.22).

use embassy_futures::block_on;
use partition_store::FlashStore;

use crate::support::flash::Operation;
use crate::support::{Bench, Setup, text};

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";

/// Set, query, and what the query says before and after.
const STORED: &[(&str, &str, &str, &str)] = &[
    (
        "AT+CWMODE=3",
        "AT+CWMODE?",
        "+CWMODE:0\r\n\r\nOK\r\n",
        "+CWMODE:3\r\n\r\nOK\r\n",
    ),
    (
        "AT+SYSMSG=5",
        "AT+SYSMSG?",
        "+SYSMSG:0\r\n\r\nOK\r\n",
        "+SYSMSG:5\r\n\r\nOK\r\n",
    ),
    (
        "AT+CIPSSLCCONF=2,0,1",
        "AT+CIPSSLCCONF?",
        "+CIPSSLCCONF:0,0,0,0\r\n+CIPSSLCCONF:1,0,0,0\r\n+CIPSSLCCONF:2,0,0,0\r\n+CIPSSLCCONF:3,0,0,0\r\n+CIPSSLCCONF:4,0,0,0\r\n\r\nOK\r\n",
        "+CIPSSLCCONF:0,2,0,1\r\n+CIPSSLCCONF:1,2,0,1\r\n+CIPSSLCCONF:2,2,0,1\r\n+CIPSSLCCONF:3,2,0,1\r\n+CIPSSLCCONF:4,2,0,1\r\n\r\nOK\r\n",
    ),
];

/// Never stored: set, query, and what the query says on a fresh module.
const VOLATILE: &[(&str, &str, &str)] = &[
    ("AT+SYSLOG=1", "AT+SYSLOG?", "+SYSLOG:0\r\n\r\nOK\r\n"),
    ("AT+SYSSTORE=0", "AT+SYSSTORE?", "+SYSSTORE:1\r\n\r\nOK\r\n"),
    (
        "AT+CIPDINFO=1",
        "AT+CIPDINFO?",
        "+CIPDINFO:false\r\n\r\nOK\r\n",
    ),
    (
        "AT+CIPSNTPINTV=60",
        "AT+CIPSNTPINTV?",
        "+CIPSNTPINTV:3600\r\n\r\nOK\r\n",
    ),
    (
        "AT+CIPSSLCSNI=\"a\"",
        "AT+CIPSSLCSNI?",
        "+CIPSSLCSNI:0,\"\"\r\n+CIPSSLCSNI:1,\"\"\r\n+CIPSSLCSNI:2,\"\"\r\n+CIPSSLCSNI:3,\"\"\r\n+CIPSSLCSNI:4,\"\"\r\n\r\nOK\r\n",
    ),
];

fn rebooted(bench: Bench) -> Bench {
    bench.power_off().boot().quiet()
}

#[test]
fn stored_settings_survive_and_the_others_do_not() {
    let mut bench = Bench::new();
    for (set, query, before, after) in STORED {
        bench.expect(query, before);
        bench.expect(set, OK);
        bench.expect(query, after);
    }
    for (set, query, fresh) in VOLATILE {
        bench.expect(query, fresh);
        bench.expect(set, OK);
    }
    let mut bench = rebooted(bench);
    for (_, query, _, after) in STORED {
        bench.expect(query, after);
    }
    for (_, query, fresh) in VOLATILE {
        bench.expect(query, fresh);
    }
}

#[test]
fn sysstore_0_keeps_settings_out_of_flash() {
    let mut bench = Bench::new();
    bench.expect("AT+SYSSTORE=0", OK);
    let before = bench.flash.bytes();
    for (set, query, _, after) in STORED {
        bench.expect(set, OK);
        bench.expect(query, after);
    }
    bench.expect("AT+CWMODE=1", OK);
    let joined = "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n";
    bench.expect("AT+CWJAP=\"iot\",\"\"", joined);
    assert!(bench.flash.bytes() == before);
    // This one is stored whatever AT+SYSSTORE says.
    bench.expect("AT+CWAUTOCONN=0", OK);
    assert!(bench.flash.bytes() != before);
    let mut bench = rebooted(bench);
    for (_, query, before, _) in STORED {
        bench.expect(query, before);
    }
    bench.expect("AT+CWAUTOCONN?", "+CWAUTOCONN:0\r\n\r\nOK\r\n");
}

#[test]
fn the_same_value_again_writes_nothing() {
    let mut bench = Bench::joined();
    let again = "WIFI DISCONNECT\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n";
    bench.expect("AT+CWAUTOCONN=0", OK);
    for (set, ..) in STORED {
        bench.expect(set, OK);
    }
    let before = bench.flash.counts();
    bench.expect("AT+CWAUTOCONN=0", OK);
    bench.expect("AT+CWJAP=\"iot\",\"secret\"", again);
    for (set, ..) in STORED {
        bench.expect(set, OK);
    }
    let after = bench.flash.counts();
    assert_eq!(
        (before.writes, before.sectors_erased),
        (after.writes, after.sectors_erased)
    );
    assert_eq!(before.steps, after.steps);
}

#[test]
fn restore_forgets_settings_and_keeps_certificates_and_rst_keeps_both() {
    let mut bench = Bench::new();
    bench.flash.preset("client_ca", b"certificates");
    for (set, ..) in STORED {
        bench.expect(set, OK);
    }
    let rest = bench.flash.all_but("nvs");
    bench.expect("AT+RST", "\r\nOK\r\n\r\nready\r\n");
    bench.expect("ATE0", "ATE0\r\n\r\nOK\r\n");
    for (_, query, _, after) in STORED {
        bench.expect(query, after);
    }
    bench.expect("AT+RESTORE", "\r\nOK\r\n\r\nready\r\n");
    bench.expect("ATE0", "ATE0\r\n\r\nOK\r\n");
    for (_, query, before, _) in STORED {
        bench.expect(query, before);
    }
    assert!(bench.flash.all_but("nvs") == rest);
    assert_eq!(&bench.flash.partition("client_ca")[..12], b"certificates");
}

#[test]
fn a_setting_that_cannot_be_stored_is_not_made() {
    for operation in [Operation::Read, Operation::Write, Operation::Erase] {
        let mut failures = 0;
        for n in 0.. {
            let mut bench = Bench::new();
            bench.expect("AT+SYSLOG=1", OK);
            bench.flash.fail(operation, n);
            let reply = bench.line("AT+CWMODE=1");
            if bench.flash.fault_ahead() {
                assert_eq!(reply, text(OK.as_bytes()));
                break;
            }
            failures += 1;
            let word = text(b"ERR CODE:0x010a0003\r\n\r\nERROR\r\n");
            assert_eq!(reply, word, "{operation:?} {n}");
            bench.expect("AT+CWMODE?", "+CWMODE:0\r\n\r\nOK\r\n");
            bench.expect("AT+CWMODE=1", OK);
            bench.expect("AT+CWMODE?", "+CWMODE:1\r\n\r\nOK\r\n");
        }
        assert!(
            failures > 0 || operation == Operation::Erase,
            "{operation:?}"
        );
    }
}

#[test]
fn thousands_of_changes_fit_and_the_last_one_stays() {
    let mut bench = Bench::new();
    for _ in 0..2000 {
        bench.expect("AT+SYSMSG=1", OK);
        bench.expect("AT+SYSMSG=2", OK);
    }
    assert!(bench.flash.counts().sectors_erased > 1);
    let mut bench = rebooted(bench);
    bench.expect("AT+SYSMSG?", "+SYSMSG:2\r\n\r\nOK\r\n");
}

#[test]
fn a_power_cut_at_any_moment_of_a_change_leaves_the_old_value_or_the_new_one() {
    // What the change costs, and where the store is when it begins: fresh, and about to turn over.
    for earlier in [0, 900] {
        let mut bench = Bench::new();
        for _ in 0..earlier {
            bench.expect("AT+SYSMSG=1", OK);
            bench.expect("AT+SYSMSG=2", OK);
        }
        let before = bench.power_off().flash;
        let mut cost = None;
        for steps in 0.. {
            let mut setup = Setup::new();
            setup.flash = before.copied();
            let mut bench = setup.boot().quiet();
            bench.flash.cut_after(steps);
            let reply = bench.line("AT+CWMODE=1");
            let done = reply == text(OK.as_bytes());
            assert!(done || reply == text(ERROR.as_bytes()), "{reply}");
            let mut bench = rebooted(bench);
            let mode = bench.line("AT+CWMODE?");
            let [old, new] =
                ["0", "1"].map(|mode| text(format!("+CWMODE:{mode}\r\n\r\nOK\r\n").as_bytes()));
            assert!(
                mode == new || (mode == old && !done),
                "{steps} steps: {mode}"
            );
            if earlier > 0 {
                bench.expect("AT+SYSMSG?", "+SYSMSG:2\r\n\r\nOK\r\n");
            }
            // And the store takes the next change.
            bench.expect("AT+CWMODE=3", OK);
            if done {
                cost = Some(steps);
                break;
            }
        }
        assert!(cost.is_some_and(|cost| cost > 4), "{cost:?}");
    }
}

#[test]
fn a_flash_without_settings_gets_defaults_and_says_ready() {
    for junk in [&[0][..], &[0x5a; 64], &[0; 4096]] {
        let setup = Setup::new();
        let words: Vec<u8> = junk.iter().copied().chain([0; 3]).collect();
        setup.flash.preset("nvs", &words[..words.len() / 4 * 4]);
        let mut bench = setup.boot().quiet();
        bench.expect("AT+CWMODE?", "+CWMODE:0\r\n\r\nOK\r\n");
        bench.expect("AT+CWMODE=1", OK);
        let mut bench = rebooted(bench);
        bench.expect("AT+CWMODE?", "+CWMODE:1\r\n\r\nOK\r\n");
    }
}

/// Settings with the record of length 0 that `sequential-storage` panics on.
fn impossible_settings() -> Vec<u8> {
    let mut nvs = b"espatset\x01\0\0\0\xfe\xff\xff\xff".to_vec();
    nvs.resize(4096, 0xff);
    nvs.extend([0, 0, 0, 0, 0x11, 0x11, 0x11, 0x11, 0, 0, 0x03, 0xe2]);
    nvs
}

#[test]
fn an_impossible_settings_record_does_not_stop_a_boot() {
    let setup = Setup::new();
    setup.flash.preset("nvs", &impossible_settings());
    let mut bench = setup.boot().quiet();
    bench.expect("AT+CWMODE?", "+CWMODE:0\r\n\r\nOK\r\n");
    bench.expect("AT+CWMODE=1", OK);
    let mut bench = rebooted(bench);
    bench.expect("AT+CWMODE?", "+CWMODE:1\r\n\r\nOK\r\n");
}

#[test]
fn settings_that_could_not_be_checked_at_boot_are_checked_before_they_are_used() {
    for n in 0..40 {
        let setup = Setup::new();
        setup.flash.preset("nvs", &impossible_settings());
        let before = setup.flash.counts().reads;
        block_on(FlashStore::open(setup.flash.clone())).unwrap();
        let tables = setup.flash.counts().reads - before;
        setup.flash.fail(Operation::Read, tables + n);
        let mut bench = setup.boot().quiet();
        let line = if n % 2 == 0 {
            "AT+CWMODE=1"
        } else {
            "AT+RESTORE"
        };
        bench.line(line);
        bench.line(line);
        bench.pass(embassy_time::Duration::from_secs(1));
        bench.port.take();
        let mut bench = rebooted(bench);
        bench.alive();
    }
}
