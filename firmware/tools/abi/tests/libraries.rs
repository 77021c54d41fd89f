//! A few functions as a compiler writes those of the libraries, and what is read from them.

use driver_abi::check::{Difference, Seen, alter, compare};
use driver_abi::layouts::{self, Layout, Source};
use driver_abi::program::Program;
use driver_abi::state::Object;
use driver_abi::trace::Trace;

const ZERO: u32 = 0;
const RA: u32 = 1;
const SP: u32 = 2;
const S0: u32 = 8;
const A0: u32 = 10;
const A1: u32 = 11;
const A2: u32 = 12;
const A5: u32 = 15;

const fn addi(rd: u32, rs1: u32, imm: i32) -> u32 {
    (imm as u32) << 20 | rs1 << 15 | rd << 7 | 0x13
}

const fn lui(rd: u32, high: u32) -> u32 {
    high << 12 | rd << 7 | 0x37
}

const fn lw(rd: u32, rs1: u32, imm: u32) -> u32 {
    imm << 20 | rs1 << 15 | 2 << 12 | rd << 7 | 0x03
}

const fn lbu(rd: u32, rs1: u32, imm: u32) -> u32 {
    imm << 20 | rs1 << 15 | 4 << 12 | rd << 7 | 0x03
}

const fn sw(rs2: u32, rs1: u32, imm: u32) -> u32 {
    (imm >> 5) << 25 | rs2 << 20 | rs1 << 15 | 2 << 12 | (imm & 31) << 7 | 0x23
}

const fn jalr(rd: u32, rs1: u32) -> u32 {
    rs1 << 15 | rd << 7 | 0x67
}

/// Forward or backward by less than 2 KiB.
const fn jal(rd: u32, by: i32) -> u32 {
    let by = by as u32;
    (by >> 20 & 1) << 31
        | (by >> 1 & 0x3ff) << 21
        | (by >> 11 & 1) << 20
        | (by >> 12 & 0xff) << 12
        | rd << 7
        | 0x6f
}

/// Backward by less than 2 KiB, if a register is not zero.
const fn bnez(rs1: u32, by: i32) -> u32 {
    let by = by as u32;
    (by >> 12 & 1) << 31
        | (by >> 5 & 63) << 25
        | rs1 << 15
        | 1 << 12
        | (by >> 1 & 15) << 8
        | (by >> 11 & 1) << 7
        | 0x63
}

const RET: u32 = jalr(ZERO, RA);

/// Functions at multiples of 0x100 from 0x1000 on.
fn program(functions: &[(&str, &[u32])]) -> Program {
    let mut program = Program::default();
    for ((name, words), at) in functions.iter().zip((0x1000..).step_by(0x100)) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        program.add_code(at, &bytes);
        program.add_name(name, at, Some(bytes.len() as u32));
    }
    program
}

/// `esp_wifi_ap_get_sta_list`: a request with the list in it goes to the driver's thread, where
/// `stations` are cleared and the number behind them is counted.
fn lists_stations(stations: u32) -> Program {
    let count = stations * 12;
    let call = [
        addi(SP, SP, -16),
        sw(RA, SP, 12),
        addi(S0, A0, 0),
        // What gives memory, from a table of functions.
        lw(A5, ZERO, 64),
        jalr(RA, A5),
        sw(S0, A0, 20),
        lui(A5, 1),
        addi(A5, A5, 0x100),
        sw(A5, A0, 4),
        lw(RA, SP, 12),
        addi(SP, SP, 16),
        jal(ZERO, 0x200 - 44),
    ];
    let process = [
        lw(S0, A0, 20),
        addi(A2, ZERO, count as i32 + 4),
        addi(A1, ZERO, 0),
        addi(A0, S0, 0),
        jal(RA, 0x200 - 16),
        // One more station, for as long as there is one.
        lw(A5, S0, count),
        addi(A5, A5, 1),
        sw(A5, S0, count),
        bnez(A5, -12),
        RET,
    ];
    program(&[
        ("esp_wifi_ap_get_sta_list", &call),
        ("wifi_get_sta_list_process", &process),
        ("ieee80211_ioctl", &[RET]),
        ("memset", &[RET]),
    ])
}

fn layout(name: &str) -> Layout {
    let mut all = layouts::all().into_iter();
    all.find(|layout| layout.name == name).unwrap()
}

#[test]
fn a_list_is_found_behind_a_request_to_another_thread() {
    let program = lists_stations(15);
    let stations = layout("wifi_sta_list_t");
    let seen = Seen::of(&program, &stations).unwrap();
    assert_eq!(seen.extent(), 184);
    assert_eq!(compare(&stations, &seen), []);
    let (tried, missed) = alter(&stations, &seen);
    assert!(tried >= 4 && missed.is_empty(), "{tried} {missed:?}");
}

#[test]
fn a_list_of_another_length_is_noticed() {
    let stations = layout("wifi_sta_list_t");
    for (count, outside) in [(10, false), (16, true)] {
        let seen = Seen::of(&lists_stations(count), &stations).unwrap();
        let found = compare(&stations, &seen);
        assert!(found.contains(&Difference::NotWhole), "{count}");
        assert!(found.contains(&Difference::Unseen("num")), "{count}");
        let reaches = |each: &Difference| matches!(each, Difference::Outside(_));
        assert_eq!(found.iter().any(reaches), outside, "{count}");
    }
    // As the header of esp-wifi-sys 0.3.0 has it.
    let mut header = stations;
    header.size = 124;
    header.fields[0].size = 120;
    header.fields[1].at = 120;
    let seen = Seen::of(&lists_stations(15), &header).unwrap();
    let found = compare(&header, &seen);
    assert!(
        found
            .iter()
            .any(|each| matches!(each, Difference::Outside(_)))
    );
}

#[test]
fn what_is_read_from_a_copy_is_read_from_the_structure() {
    let copies = [
        addi(A1, A0, 0),
        addi(A0, SP, 32),
        addi(A2, ZERO, 44),
        jal(RA, 0x100 - 12),
        lbu(A5, SP, 32 + 8),
        RET,
    ];
    let program = program(&[("esp_wifi_scan_start", &copies), ("memcpy", &[RET])]);
    let trace = Trace::of(&program, "esp_wifi_scan_start").unwrap();
    let seen: Vec<_> = trace
        .accesses(Object::Argument(0))
        .map(|access| (access.at, access.length, access.write))
        .collect();
    assert_eq!(
        seen,
        [(Some(0), Some(44), false), (Some(8), Some(1), false)]
    );
}

#[test]
fn the_length_of_an_event_is_what_it_is_posted_with() {
    let posts = |number, length| {
        [
            addi(A0, ZERO, number),
            addi(A1, SP, 4),
            addi(A2, ZERO, length),
            jal(RA, 0x100 - 12),
            RET,
        ]
    };
    for (length, same) in [(10, true), (12, false)] {
        let code = posts(15, length);
        let program = program(&[("cnx_node_leave", &code), ("wifi_event_post", &[RET])]);
        let left = layout("wifi_event_ap_stadisconnected_t");
        let seen = Seen::of(&program, &left).unwrap();
        assert_eq!(compare(&left, &seen).is_empty(), same);
        // Another event's.
        assert!(Seen::of(&program, &layout("wifi_event_ap_staconnected_t")).is_none());
    }
}

#[test]
fn a_program_without_the_function_shows_nothing() {
    let program = program(&[("main", &[RET])]);
    for layout in layouts::all() {
        assert!(Seen::of(&program, &layout).is_none(), "{}", layout.name);
    }
}

#[test]
fn fields_are_in_order_and_within_their_structure() {
    for layout in layouts::all() {
        let mut end = 0;
        for field in &layout.fields {
            assert!(field.at >= end, "{}.{}", layout.name, field.name);
            end = field.at + field.size;
        }
        assert!(end <= layout.size, "{}", layout.name);
        let of_nothing = |source: &Source| matches!(source, Source::Event(0));
        assert!(!layout.sources.iter().any(of_nothing), "{}", layout.name);
    }
}
