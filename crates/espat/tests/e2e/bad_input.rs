//! What a host, a line or a peer may do wrong: a clear error, nothing lost, and a modem that goes on.
//!
//! ESP-AT command set: A.7 (limits), A.11 (`busy p...`), A.12 (error words), B.2 (flash partitions).

use std::fs;
use std::time::{Duration, Instant};

use crate::support::servers::Silence;
use crate::support::world::{PORT, World, start};

#[test]
fn a_line_that_is_too_long_is_an_error_and_the_next_one_is_not() {
    let world = World::new();
    let modem = world.modem();
    let mut host = modem.switch_on();
    host.ok("ATE0");
    for len in [257, 258, 300, 5000, 100_000] {
        // The limit is on the line; what is in it does not matter.
        for start in ["", "AT+CWJAP=\"", "AT+SYSLOG=1,"] {
            let mut line = start.as_bytes().to_vec();
            line.resize(len, b'x');
            host.send(&line);
            host.send(b"\r\n");
            host.hears("\r\nERROR\r\n");
            host.send(b"AT\r\n");
            host.hears("\r\nOK\r\n");
        }
    }
    host.send(b"AT+SYSLOG=1\r\n");
    host.hears("\r\nOK\r\n");
    host.send(&[b'x'; 257]);
    host.send(b"\r\n");
    host.hears("ERR CODE:0x01020000\r\n\r\nERROR\r\n");
}

#[test]
fn a_line_of_256_bytes_is_not_too_long() {
    let world = World::new();
    let modem = world.modem();
    let mut host = modem.switch_on();
    host.ok("AT+SYSLOG=1");
    let line = format!("{:x<256}", "AT+NONSENSE");
    host.ask(&line, "ERR CODE:0x01090000\r\n\r\nERROR\r\n");
}

#[test]
fn noise_is_answered_with_errors_and_does_no_harm() {
    let world = World::new();
    let modem = world.modem();
    let mut host = modem.switch_on();
    host.ok("ATE0");
    let every_byte: Vec<u8> = (0..=u8::MAX).filter(|byte| *byte != b'\n').collect();
    let pieces: [&[u8]; 12] = [
        b"\0",
        b"\0\0\0\0AT",
        b"\xff",
        &[0xff; 255],
        &[0; 256],
        b"AT\0",
        b"AT+CWJAP=\"\0\xff\",\"\x01\x80\"\0",
        b"AT+CIPSTART=\"SSL\",\"\xff\xfe\",1",
        b"AT+SYSFLASH=1,\"client_ca\",0,\xff",
        b"+++",
        b"\x1b[2J\x7f\x08",
        &every_byte,
    ];
    for piece in pieces {
        host.send(piece);
        host.send(b"\r\n");
        host.hears("\r\nERROR\r\n");
        host.send(b"AT\r\n");
        host.hears("\r\nOK\r\n");
    }
    // Deterministic noise, split wherever its own line ends fall.
    let mut state = 1_u32;
    let mut noise = Vec::new();
    for _ in 0..20_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.extend(state.to_be_bytes().first());
    }
    host.send(&noise);
    host.send(b"\r\nAT+CIPSSLCCN=\"after.the.noise\"\r\nAT+CIPSSLCCN?\r\n");
    let is_blank = |line: &[u8]| line.iter().all(|byte| *byte == b'\r');
    let lines = noise.split(|byte| *byte == b'\n');
    let errors = lines.filter(|line| !is_blank(line)).count();
    assert!(errors > 50, "only {errors} lines of noise");
    host.hears(&"\r\nERROR\r\n".repeat(errors));
    host.hears("\r\nOK\r\n+CIPSSLCCN:0,\"after.the.noise\"\r\n");
}

#[test]
fn flash_requests_that_cannot_be_are_refused_without_a_prompt() {
    let world = World::new();
    let modem = world.modem();
    let mut host = modem.switch_on();
    host.ok("AT+SYSLOG=1");
    let before = fs::read(world.flash()).expect("made");
    for (request, word) in [
        ("1,\"client_ca\",0,8193", "0x010a0001"),
        ("1,\"client_ca\",8192,1", "0x010a0001"),
        ("1,\"client_ca\",4096,4100", "0x010a0001"),
        ("1,\"client_ca\",2147483647,2147483647", "0x010a0001"),
        ("2,\"client_ca\",0,8193", "0x010a0001"),
        ("0,\"client_ca\",4096,8192", "0x010a0001"),
    ] {
        let error = format!("ERR CODE:{word}\r\n\r\nERROR\r\n");
        host.ask(&format!("AT+SYSFLASH={request}"), &error);
        host.ok("AT");
    }
    for request in [
        "1,\"nowhere\",0,4",
        "1,\"fatfs\",0,4",
        "1,\"client_ca\",0,0",
        "1,\"client_ca\",-4,4",
        "1,\"client_ca\",0",
        "0,\"client_ca\",1,4096",
        "0,\"client_ca\",0,100",
        "3,\"client_ca\",0,4",
    ] {
        host.send(format!("AT+SYSFLASH={request}\r\n").as_bytes());
        host.hears(&format!("AT+SYSFLASH={request}\r\nERR CODE:0x01"));
        let word = host.until("\r\n\r\nERROR\r\n");
        assert_eq!(word.len(), 6, "{request}: {word}");
        host.ok("AT");
    }
    assert!(fs::read(world.flash()).expect("there") == before);
}

#[test]
fn a_flash_write_cut_off_by_a_closed_port_changes_nothing_else() {
    /// Where the ESP32 table has `client_ca`.
    const CLIENT_CA: usize = 0x2e000;
    const ANNOUNCED: usize = 4096;
    let world = World::new();
    let modem = world.modem();
    drop(modem.switch_on());
    let data: Vec<u8> = (0..=u8::MAX).cycle().take(ANNOUNCED).collect();
    for sent in [0, 1, 255, 256, 257, 3000, 4095] {
        let mut host = modem.connect();
        host.ok("AT+SYSFLASH=0,\"client_ca\"");
        let before = fs::read(world.flash()).expect("made");
        host.ask(
            &format!("AT+SYSFLASH=1,\"client_ca\",0,{ANNOUNCED}"),
            "\r\n>",
        );
        host.send(data.get(..sent).expect("shorter"));
        drop(host);

        let mut host = modem.connect();
        host.ok("AT");
        let after = fs::read(world.flash()).expect("there");
        assert_eq!(after.len(), before.len());
        let changed = before.iter().zip(&after).enumerate();
        let changed: Vec<usize> = changed
            .filter(|(_, (before, after))| before != after)
            .map(|(at, _)| at)
            .collect();
        let range = CLIENT_CA..CLIENT_CA + sent;
        assert!(
            changed.iter().all(|at| range.contains(at)),
            "{sent}: {changed:?}"
        );
        for at in changed {
            assert_eq!(after.get(at), data.get(at - CLIENT_CA), "{sent}");
        }
        host.load("client_ca", &data);
        host.ask(
            "AT+SYSFLASH=2,\"client_ca\",1,4",
            "+SYSFLASH:4,\x01\x02\x03\x04\r\nOK\r\n",
        );
    }
}

#[test]
fn commands_during_a_connect_are_busy_and_the_connect_ends_by_its_deadline() {
    const STEP: Duration = Duration::from_secs(10);
    const PROMPT: Duration = Duration::from_secs(2);
    const SLACK: Duration = Duration::from_secs(5);
    let silence = Silence::new();
    let (_world, _modem, mut host) = World::new().server(PORT, silence.address()).ready();
    let begin = Instant::now();
    host.ask(&start(PORT), "");
    for line in ["AT\r\n", "AT+CIPCLOSE\r\n", "AT+GMR\r\n", "noise"] {
        let asked = Instant::now();
        host.send(line.as_bytes());
        host.hears("\r\nbusy p...\r\n");
        assert!(asked.elapsed() < PROMPT, "{line}: {:?}", asked.elapsed());
    }
    host.hears("\r\nERROR\r\n");
    let took = begin.elapsed();
    assert!((STEP..STEP + SLACK).contains(&took), "{took:?}");
    host.ask(
        "AT+SSLWHY?",
        "+SSLWHY:0,\"hello\",-0x6800,0x00000000,0,\"\",\"\",\"no progress for 10000 ms\",\"timeout\"\r\n\r\nOK\r\n",
    );
}

#[test]
fn a_connect_ends_by_the_timeout_of_its_command() {
    let silence = Silence::new();
    let (_world, _modem, mut host) = World::new().server(PORT, silence.address()).ready();
    let begin = Instant::now();
    host.ask(&format!("{},,,1000", start(PORT)), "\r\nERROR\r\n");
    let took = begin.elapsed();
    let right = Duration::from_secs(1)..Duration::from_secs(5);
    assert!(right.contains(&took), "{took:?}");
    host.ask(
        "AT+SSLWHY?",
        "+SSLWHY:0,\"hello\",-0x6800,0x00000000,0,\"\",\"\",\"no progress for 1000 ms\",\"timeout\"\r\n\r\nOK\r\n",
    );
}

#[test]
fn a_host_that_leaves_during_a_connect_leaves_a_modem_behind() {
    let silence = Silence::new();
    let (_world, modem, mut host) = World::new().server(PORT, silence.address()).ready();
    host.ask(&start(PORT), "");
    drop(host);
    let mut host = modem.connect();
    host.ok("AT");
    host.ask("AT+CIPCLOSE", "\r\nERROR\r\n");
}

#[test]
fn settings_can_be_written_for_as_long_as_one_likes() {
    let world = World::new();
    let mut modem = world.modem();
    let mut host = modem.switch_on();
    host.ok("ATE0");
    // Five records each time: many times what the store holds.
    for round in 0..400 {
        let ca = round % 7;
        host.send(format!("AT+CIPSSLCCONF=2,0,{ca}\r\nAT+CWMODE={}\r\n", round % 2).as_bytes());
        host.hears("\r\nOK\r\n\r\nOK\r\n");
    }
    modem.process.kill();
    drop(host);
    let modem = world.modem();
    let mut host = modem.switch_on();
    host.ask("AT+CWMODE?", "+CWMODE:1\r\n\r\nOK\r\n");
    let configs = host.ask_until("AT+CIPSSLCCONF?", "\r\n\r\nOK\r\n");
    let expected = (0..5).map(|link| format!("+CIPSSLCCONF:{link},2,0,{}", 399 % 7));
    assert!(configs.lines().eq(expected), "{configs}");
}
