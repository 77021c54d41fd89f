//! `AT+SYSROLLBACK`: to the program of the other slot and back, and every reason not to; its query.

use at_modem::Exit;
use partition_store::ChipId;
use partition_store::mock::program;

use crate::support::{Bench, Setup};

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";

const ESP32: ChipId = ChipId::new(0);
/// Numbers of OTA data with their checksums, as Espressif's `otatool.py` computes them: the first selects `ota_1`, the
/// second `ota_0`.
const SECOND: (u32, u32) = (2, 0x55f6_3774);
const FIRST: (u32, u32) = (3, 0xed4a_5011);
/// States of OTA data.
const PENDING: u32 = 1;
const VALID: u32 = 2;
const UNDEFINED: u32 = u32::MAX;
/// What it costs to write one of them: a sector and eight words, two steps each.
const STEPS: u32 = 18;

/// A module with these programs in its slots.
fn with(programs: [Option<Vec<u8>>; 2]) -> Setup {
    let setup = Setup::new();
    for (slot, program) in ["ota_0", "ota_1"].iter().zip(programs) {
        if let Some(program) = program {
            setup.flash.preset(slot, &program);
        }
    }
    setup
}

fn good(version: &str) -> Option<Vec<u8>> {
    Some(program(ESP32, version.as_bytes(), &[300, 5000]))
}

/// An entry of OTA data.
fn selects((number, crc): (u32, u32), state: u32) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes[24..28].copy_from_slice(&state.to_le_bytes());
    bytes[28..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn entry(bench: &Bench, number: usize) -> [u8; 32] {
    let data = bench.flash.partition("otadata");
    data[number * 4096..][..32].try_into().unwrap()
}

#[test]
fn it_starts_the_other_program_and_then_the_first_again() {
    let mut bench = with([good("1"), good("2")]).boot().quiet();
    for (number, expected) in [(0, SECOND), (1, FIRST)] {
        bench.expect("AT+SYSROLLBACK", "\r\nOK\r\n\r\nready\r\n");
        assert_eq!(entry(&bench, number), selects(expected, UNDEFINED));
        bench.expect("ATE0", "ATE0\r\n\r\nOK\r\n");
    }
    assert_eq!(bench.exits(), [Exit::Restart, Exit::Restart]);
}

#[test]
fn what_the_bootloader_would_not_start_is_not_selected() {
    let mut damaged = good("2").unwrap();
    damaged[100] ^= 1;
    let mut cut = good("2").unwrap();
    cut.truncate(4000);
    for (other, number) in [
        (None, 0),
        (Some(b"not a program!!!".to_vec()), 0),
        (Some(damaged), 5),
        (Some(cut), 5),
        (Some(program(ChipId::new(5), b"2", &[300])), 6),
    ] {
        let mut bench = with([good("1"), other]).boot().quiet();
        bench.expect("AT+SYSLOG=1", OK);
        let refused = format!("ERR CODE:{:#010x}\r\n{ERROR}", 0x010a_0000 + number);
        bench.expect("AT+SYSROLLBACK", refused);
        assert!(bench.exits().is_empty());
        let data = bench.flash.partition("otadata");
        assert!(data.iter().all(|byte| *byte == 0xff));
    }
}

/// What the query says of the other slot is what the command does.
#[test]
fn the_query_says_what_is_in_both_slots_and_whether_the_command_would_work() {
    let mut damaged = good("2").unwrap();
    damaged[100] ^= 1;
    let other_chip = program(ChipId::new(5), b"2", &[300]);
    for (other, version, state) in [
        (good("2.0"), "2.0", "good"),
        (None, "", "empty"),
        (Some(b"not a program!!!".to_vec()), "", "empty"),
        (Some(damaged), "", "damaged"),
        (Some(other_chip), "", "other_chip"),
    ] {
        let mut bench = with([good("1.5"), other]).boot().quiet();
        let line = format!(
            "+SYSROLLBACK:0x100000,\"1.5\",0x280000,\"{version}\",\"good\",\"{state}\"\r\n{OK}"
        );
        bench.expect("AT+SYSROLLBACK?", line);
        let before = bench.flash.counts().writes;
        let done = bench.line("AT+SYSROLLBACK").contains("OK");
        assert_eq!(done, state == "good", "{state}");
        assert_eq!(bench.flash.counts().writes > before, done, "{state}");
    }
}

#[test]
fn the_query_begins_with_the_program_that_runs() {
    let lines = [
        "+SYSROLLBACK:0x100000,\"1\",0x280000,\"2\",\"good\",\"good\"\r\n",
        "+SYSROLLBACK:0x280000,\"2\",0x100000,\"1\",\"good\",\"good\"\r\n",
    ];
    let setup = with([good("1"), good("2")]);
    setup.flash.preset("otadata", &selects(SECOND, VALID));
    let mut bench = setup.boot().quiet();
    bench.expect("AT+SYSROLLBACK?", format!("{}{OK}", lines[1]));
    // The board knows better than OTA data.
    for (address, line) in [(0x10_0020, lines[0]), (0x28_0020, lines[1])] {
        bench.chip.runs_at(address);
        bench.expect("AT+SYSROLLBACK?", format!("{line}{OK}"));
    }
}

#[test]
fn the_program_that_runs_is_the_boards_word_if_it_has_one() {
    // OTA data selects ota_0, whose program is damaged: the bootloader started ota_1.
    let mut bench = with([None, good("2")]).boot().quiet();
    bench.chip.runs_at(0x28_0020);
    bench.expect("AT+SYSROLLBACK", ERROR);
    bench.chip.runs_at(0x10_0020);
    bench.expect("AT+SYSROLLBACK", "\r\nOK\r\n\r\nready\r\n");
    assert_eq!(entry(&bench, 0), selects(SECOND, UNDEFINED));
}

#[test]
fn a_power_cut_leaves_one_of_both_programs_selected() {
    for steps in 0..=STEPS {
        let mut bench = with([good("1"), good("2")]).boot().quiet();
        bench.flash.cut_after(steps);
        let heard = bench.line("AT+SYSROLLBACK");
        let done = heard.contains("OK");
        assert!(done || heard.contains("ERROR"), "{steps}: {heard}");
        let mut bench = bench.power_off().boot().quiet();
        let second = selects(SECOND, UNDEFINED);
        let whole = entry(&bench, 0) == second;
        assert!(whole || !done, "{steps}");
        // Where nothing was selected `ota_0` runs, and the command leads to `ota_1`.
        bench.expect("AT+SYSROLLBACK", "\r\nOK\r\n\r\nready\r\n");
        let expected = if whole {
            (1, selects(FIRST, UNDEFINED))
        } else {
            (0, second)
        };
        assert_eq!(entry(&bench, expected.0), expected.1, "{steps}");
    }
}

#[test]
fn a_program_that_boots_is_confirmed() {
    let setup = with([good("1"), good("2")]);
    setup.flash.preset("otadata", &selects(SECOND, PENDING));
    let bench = setup.boot().quiet();
    assert_eq!(entry(&bench, 0), selects(SECOND, VALID));
    // Nothing is written where nothing waits.
    let before = bench.flash.counts().writes;
    let bench = bench.power_off().boot().quiet();
    assert_eq!(bench.flash.counts().writes, before);
}
