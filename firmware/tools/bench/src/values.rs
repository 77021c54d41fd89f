//! `AT+SYSMFG`: a value written where others are already.

use crate::support::flash::Flash;
use crate::support::{Bench, Setup};
use crate::{begin, bench_boundary, bench_counted};

/// How many values are there before, and the row.
const ROWS: [(usize, &str); 3] = [
    (0, "sysmfg.write.0"),
    (40, "sysmfg.write.40"),
    (80, "sysmfg.write.80"),
];

pub(crate) fn run() {
    let mut setup = Setup::new();
    setup.flash = Flash::with_values();
    let mut bench = setup.boot().quiet();
    let mut there = 0;
    for (values, row) in ROWS {
        while there < values {
            write(&mut bench, &format!("value.{there}"), false);
            there += 1;
        }
        begin();
        write(&mut bench, "measured", true);
        bench_boundary(row, 1);
    }
    begin();
    bench.port.feed(b"AT+SYSMFG=1,\"client_ca\"\r\n");
    bench_counted(|| bench.settle());
    assert!(bench.port.take().ends_with(b"\r\n\r\nOK\r\n"));
    bench_boundary("sysmfg.list.80", 1);
}

/// One value of 200 bytes.
fn write(bench: &mut Bench, key: &str, count: bool) {
    let line = format!("AT+SYSMFG=2,\"client_ca\",\"{key}\",8,200\r\n");
    let settle = |bench: &mut Bench| {
        if count {
            bench_counted(|| bench.settle());
        } else {
            bench.settle();
        }
    };
    bench.port.feed(line.as_bytes());
    settle(bench);
    assert_eq!(bench.port.take(), b"\r\nOK\r\n\r\n>");
    bench.port.feed(&[b'x'; 200]);
    settle(bench);
    assert_eq!(bench.port.take(), b"\r\nOK\r\n");
}
