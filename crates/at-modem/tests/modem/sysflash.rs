//! `AT+SYSFLASH`: ranges, payload by count, flash that fails, a port that goes away
//! (spec: at-commands B.2, C.13).

use at_modem::Exit;

use crate::support::flash::Operation;
use crate::support::{Bench, text};

const OK: &[u8] = b"\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";
const SIZE: u32 = 8192;

/// Bytes of which no two neighbours are alike, CR, LF, `+++` and `>` among them.
fn pattern(length: u32) -> Vec<u8> {
    (0..length)
        .map(|at| (at.wrapping_mul(0x9e37_79b1) >> 24).to_be_bytes()[3])
        .collect()
}

fn index(at: u32) -> usize {
    usize::try_from(at).unwrap()
}

/// Says a write with its payload at once, as a host that does not wait for the prompt.
fn write(bench: &mut Bench, name: &str, offset: u32, data: &[u8]) -> Vec<u8> {
    let mut said = format!("AT+SYSFLASH=1,\"{name}\",{offset},{}\r\n", data.len()).into_bytes();
    said.extend(data);
    bench.say(said)
}

#[test]
fn an_image_is_erased_written_and_read_back() {
    let mut bench = Bench::new();
    let image = pattern(2344);
    bench.expect("AT+SYSFLASH=0,\"client_cert\"", OK);
    bench.expect("AT+SYSFLASH=1,\"client_cert\",0,2344", "\r\n>");
    assert_eq!(bench.say(&image), OK);
    let mut read = b"+SYSFLASH:2344,".to_vec();
    read.extend(&image);
    read.extend(OK);
    bench.expect("AT+SYSFLASH=2,\"client_cert\",0,2344", read);
    bench.alive();
}

#[test]
fn erase_takes_whole_sectors_of_the_partition() {
    for (offset, length, good) in [
        (0, 4096, true),
        (4096, 4096, true),
        (0, 8192, true),
        (0, 0, false),
        (0, 1, false),
        (0, 4095, false),
        (0, 4097, false),
        (1, 4096, false),
        (4095, 4096, false),
        (2048, 4096, false),
        (8192, 4096, false),
        (4096, 8192, false),
        (0, 12288, false),
        (0, 65536, false),
        (0x7fff_f000, 4096, false),
    ] {
        let mut bench = Bench::new();
        bench.flash.preset("client_ca", &pattern(SIZE));
        let (rest, mut model) = (bench.flash.all_but("client_ca"), pattern(SIZE));
        let line = format!("AT+SYSFLASH=0,\"client_ca\",{offset},{length}");
        if good {
            model[index(offset)..index(offset + length)].fill(0xff);
            bench.expect(&line, OK);
        } else {
            bench.expect(&line, ERROR);
        }
        assert!(bench.flash.partition("client_ca") == model, "{line}");
        assert!(bench.flash.all_but("client_ca") == rest, "{line}");
    }
    let mut bench = Bench::new();
    bench.flash.preset("client_ca", &pattern(SIZE));
    bench.expect("AT+SYSFLASH=0,\"client_ca\",0", ERROR);
    assert!(bench.flash.partition("client_ca") == pattern(SIZE));
    bench.expect("AT+SYSFLASH=0,\"client_ca\"", OK);
    assert!(bench.flash.partition("client_ca") == [0xff; 8192]);
}

/// Offsets and lengths around every boundary of a partition of two sectors.
fn ranges() -> impl Iterator<Item = (u32, u32)> {
    [0, 1, 3, 4095, 4096, 8191, 8192]
        .into_iter()
        .flat_map(|offset| {
            [0, 1, 4, 4095, 4096, 8191, 8192, 8193, 65536].map(|length| (offset, length))
        })
}

#[test]
fn read_gives_the_range_or_nothing() {
    let mut bench = Bench::new();
    bench.flash.preset("client_ca", &pattern(SIZE));
    for (offset, length) in ranges() {
        let line = format!("AT+SYSFLASH=2,\"client_ca\",{offset},{length}");
        if length == 0 || offset + length > SIZE {
            bench.expect(&line, ERROR);
        } else {
            let mut read = format!("+SYSFLASH:{length},").into_bytes();
            read.extend(&pattern(SIZE)[index(offset)..index(offset + length)]);
            read.extend(OK);
            bench.expect(&line, read);
        }
    }
    bench.alive();
}

#[test]
fn write_takes_the_range_or_has_no_prompt() {
    for (offset, length) in ranges() {
        let mut bench = Bench::new();
        let rest = bench.flash.all_but("client_ca");
        let line = format!("AT+SYSFLASH=1,\"client_ca\",{offset},{length}");
        let mut model = vec![0xff; index(SIZE)];
        if length == 0 || offset + length > SIZE {
            bench.expect(&line, ERROR);
        } else {
            bench.expect(&line, "\r\n>");
            assert_eq!(bench.say(pattern(length)), OK, "{line}");
            model[index(offset)..index(offset + length)].copy_from_slice(&pattern(length));
        }
        assert!(bench.flash.partition("client_ca") == model, "{line}");
        assert!(bench.flash.all_but("client_ca") == rest, "{line}");
        bench.alive();
    }
}

#[test]
fn a_large_partition_takes_64_kib_lengths_only_if_it_has_them() {
    let mut bench = Bench::new();
    // The largest user partition of this layout has 12 KiB.
    for length in [12288, 12289, 65535, 65536, 65537] {
        let line = format!("AT+SYSFLASH=2,\"ble_data\",0,{length}");
        let reply = bench.line(line);
        assert_eq!(reply == text(ERROR.as_bytes()), length > 12288, "{length}");
    }
}

#[test]
fn partitions_that_are_not_the_hosts_are_refused() {
    let mut bench = Bench::new();
    let before = bench.flash.bytes();
    for name in [
        "nowhere",
        "",
        "fatfs",
        "nvs",
        "at_customize",
        "CLIENT_CA",
        "client_c",
        "client_cax",
    ] {
        for line in [
            format!("AT+SYSFLASH=0,\"{name}\""),
            format!("AT+SYSFLASH=0,\"{name}\",0,4096"),
            format!("AT+SYSFLASH=1,\"{name}\",0,4"),
            format!("AT+SYSFLASH=2,\"{name}\",0,4"),
        ] {
            bench.expect(&line, ERROR);
        }
    }
    assert!(bench.flash.bytes() == before);
    bench.alive();
}

#[test]
fn a_write_over_data_clears_bits_and_says_ok() {
    let mut bench = Bench::new();
    bench.flash.preset("client_ca", &[0xf0; 16]);
    assert_eq!(
        text(&write(&mut bench, "client_ca", 4, &[0x3c; 4])),
        text(b"\r\n>\r\nOK\r\n")
    );
    let mut model = [0xf0; 16];
    model[4..8].fill(0x30);
    assert_eq!(bench.flash.partition("client_ca")[..16], model);
}

#[test]
fn payload_is_taken_by_count_however_it_comes() {
    for size in [1, 2, 3, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1024] {
        let mut bench = Bench::new();
        bench.expect("AT+SYSFLASH=1,\"client_ca\",1,1500", "\r\n>");
        let data = pattern(1500);
        let mut heard = Vec::new();
        for piece in data.chunks(size) {
            assert_eq!(heard, b"");
            heard = bench.say(piece);
        }
        assert_eq!(heard, OK, "pieces of {size}");
        assert!(bench.flash.partition("client_ca")[1..1501] == data);
        bench.alive();
    }
}

#[test]
fn payload_may_look_like_anything() {
    for data in [
        &b"\r\n\r\n"[..],
        b"+++",
        b"AT\r\n",
        b"\r\n>\0\x1a\x03",
        b"\\0\\,",
    ] {
        let mut bench = Bench::new();
        assert_eq!(
            text(&write(&mut bench, "ble_data", 0, data)),
            text(b"\r\n>\r\nOK\r\n")
        );
        assert_eq!(&bench.flash.partition("ble_data")[..data.len()], data);
        bench.alive();
    }
}

#[test]
fn surplus_payload_is_answered_with_busy_and_reaches_no_flash() {
    for length in [4, 600] {
        let mut bench = Bench::new();
        let mut data = pattern(length);
        bench.expect(format!("AT+SYSFLASH=1,\"ble_data\",0,{length}"), "\r\n>");
        data.extend(b"XYZ\r\nAT\r\n");
        assert_eq!(
            text(&bench.say(&data)),
            text(b"\r\nbusy p...\r\n\r\nOK\r\n"),
            "{length}"
        );
        let flash = bench.flash.partition("ble_data");
        assert!(flash[..index(length)] == pattern(length));
        assert!(flash[index(length)..].iter().all(|byte| *byte == 0xff));
        bench.alive();
    }
}

/// Fails each operation of a command in turn; returns how many there were.
fn fail_each(operation: Operation, said: &[u8], heard: impl Fn(&[u8]) -> bool) -> u32 {
    for n in 0.. {
        let mut bench = Bench::new();
        bench.expect("AT+SYSLOG=1", OK);
        bench.flash.fail(operation, n);
        let rest = bench.flash.all_but("client_ca");
        let reply = bench.say(said);
        if bench.flash.fault_ahead() {
            assert!(reply.ends_with(OK));
            return n;
        }
        assert!(heard(&reply), "{operation:?} {n}: {}", text(&reply));
        assert!(bench.flash.all_but("client_ca") == rest);
        // The announced bytes are gone, and the same command works.
        bench.alive();
        bench.expect("AT+SYSFLASH=0,\"client_ca\"", OK);
        assert!(bench.say(said).ends_with(OK), "{operation:?} {n}");
    }
    0
}

#[test]
fn a_flash_that_fails_gives_error_with_its_code_and_the_modem_goes_on() {
    let erase = fail_each(
        Operation::Erase,
        b"AT+SYSFLASH=0,\"client_ca\"\r\n",
        |reply| reply == b"ERR CODE:0x010a0002\r\n\r\nERROR\r\n",
    );
    assert!(erase >= 1);

    let mut said = b"AT+SYSFLASH=1,\"client_ca\",3,600\r\n".to_vec();
    said.extend(pattern(600));
    let failed = b"\r\n>ERR CODE:0x010a0003\r\n\r\nERROR\r\n";
    let writes = fail_each(Operation::Write, &said, |reply| reply == failed);
    assert!(writes >= 5, "{writes}");
    // The data are written by the time they are looked at: what cannot be looked at is still there.
    let unseen = b"\r\n>+PKI:\"client_ca\",\"unreadable\",0,\"flash cannot be read\"\r\n\r\nOK\r\n";
    fail_each(Operation::Read, &said, |reply| {
        reply == failed || reply == unseen
    });

    // The length is on the wire before flash fails: as many bytes follow.
    let said = b"AT+SYSFLASH=2,\"client_ca\",0,600\r\n";
    let reads = fail_each(Operation::Read, said, |reply| {
        let head = b"+SYSFLASH:600,".len();
        reply.starts_with(b"+SYSFLASH:600,")
            && &reply[head + 600..] == b"ERR CODE:0x010a0003\r\n\r\nERROR\r\n"
    });
    assert!(reads >= 3, "{reads}");
}

#[test]
fn a_port_pulled_at_any_byte_leaves_a_modem_that_serves_the_next_one() {
    let data = pattern(40);
    let mut said = b"AT+SYSFLASH=1,\"client_ca\",0,40\r\n".to_vec();
    let head = said.len();
    said.extend(&data);
    for at_once in [false, true] {
        for cut in 0..said.len() {
            let mut bench = Bench::new();
            let rest = bench.flash.all_but("client_ca");
            bench.port.feed(&said[..cut]);
            if !at_once {
                bench.settle();
            }
            bench.port.unplug();
            bench.settle();
            assert_eq!(bench.exits(), [Exit::PortClosed], "{cut}");
            assert!(bench.flash.all_but("client_ca") == rest, "{cut}");
            // What is written is what was said, as far as it came.
            let written = bench.flash.partition("client_ca");
            let came = cut.saturating_sub(head);
            for (at, byte) in written.iter().enumerate() {
                assert!(
                    *byte == 0xff || (at < came && *byte == data[at]),
                    "{cut}: {at}"
                );
            }

            bench.port.take();
            bench.port.plug_in();
            bench.alive();
            bench.expect("AT+SYSFLASH=0,\"client_ca\"", OK);
            assert_eq!(
                text(&write(&mut bench, "client_ca", 0, &data)),
                text(b"\r\n>\r\nOK\r\n")
            );
            assert!(
                bench.flash.partition("client_ca")[..40] == data,
                "{cut}, {at_once}"
            );
        }
    }
}
