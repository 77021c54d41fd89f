//! A command of your own on the modem engine: [`led`] declares and executes `AT+LED`.
//!
//! ```text
//! host ── lines ──▶ pipe ──▶ Modem ── no command of its own ──▶ Led
//!      ◀─ replies ─ pipe ◀──────────────────────────────────────┘
//! ```
//!
//! Everything here is memory: port, flash, and a board without radio. Running it is the test: each
//! reply is compared, and exit status 0 says that all were as expected.

mod led;

use std::error::Error;
use std::net::Ipv4Addr;

use at_modem::wifi::Wired;
use at_modem::{Modem, ModemBuffers, Parts, ProductInfo};
use embassy_futures::block_on;
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::pipe::Pipe;
use led::Led;
use partition_store::BuiltIn;
use partition_store::esp_at::{FactoryParam, format};
use partition_store::mock::{MemFlash, Rewrite};
// The clock that embassy-time reads.
use pc_time as _;
use rand_core::OsRng;

/// What the host says, and what it must read.
const TALK: &[(&str, &str)] = &[
    ("AT", "\r\nOK\r\n"),
    ("AT+LED?", "+LED:0\r\n\r\nOK\r\n"),
    ("AT+LED=40", "\r\nOK\r\n"),
    ("AT+LED?", "+LED:40\r\n\r\nOK\r\n"),
    ("AT+LED", "\r\nOK\r\n"),
    ("AT+LED?", "+LED:60\r\n\r\nOK\r\n"),
    ("AT+LED=101", "\r\nERROR\r\n"),
    ("AT+SYSLOG=1", "\r\nOK\r\n"),
    ("AT+LED=101", "ERR CODE:0x010a0001\r\n\r\nERROR\r\n"),
    ("AT+LAMP", "ERR CODE:0x01090000\r\n\r\nERROR\r\n"),
];

fn main() -> Result<(), Box<dyn Error>> {
    block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut flash = MemFlash::new(1024).on_rewrite(Rewrite::And);
    format(&mut flash, &BuiltIn::ESP32_C3, FactoryParam::Write).await?;

    let (led, net) = (Led::default(), edge_nal_std::Stack::new());
    let wifi = Wired::new(Ipv4Addr::LOCALHOST);
    let product = ProductInfo {
        chip: "ESP32C3",
        module: "MINI-1",
        sdk: "example",
    };
    let mut buffers = Box::new(ModemBuffers::<1>::new());
    let parts = Parts::new(&net, &wifi, flash, OsRng, product).with_commands(&led);
    let mut modem = Modem::boot(parts, &mut *buffers).await?;

    let (lines, replies) = (Port::new(), Port::new());
    let (mut rx, mut tx) = (&lines, &replies);
    let run = modem.run(&mut rx, &mut tx);
    match select(run, talk(&lines, &replies)).await {
        Either::First(exit) => Err(format!("the modem ended: {exit:?}").into()),
        Either::Second(talked) => talked,
    }
}

/// One direction of a serial port.
type Port = Pipe<NoopRawMutex, 512>;

/// The host: says each line of [`TALK`] and compares what comes.
async fn talk(lines: &Port, replies: &Port) -> Result<(), Box<dyn Error>> {
    expect(replies, "\r\nready\r\n").await?;
    lines.write_all(b"ATE0\r\n").await;
    expect(replies, "ATE0\r\n\r\nOK\r\n").await?;
    for (line, reply) in TALK {
        lines.write_all(line.as_bytes()).await;
        lines.write_all(b"\r\n").await;
        expect(replies, reply).await?;
        println!("{line}  ->  {}", reply.trim().escape_debug());
    }
    lines.write_all(b"AT+CMD?\r\n").await;
    let list = until(replies, "\r\nOK\r\n").await;
    let own = list.lines().rfind(|line| line.starts_with("+CMD:"));
    match own {
        Some(row) if row.ends_with(",\"AT+LED\",0,1,1,1") => println!("AT+CMD?  ->  ... {row}"),
        row => return Err(format!("AT+CMD? ends with {row:?}").into()),
    }
    Ok(())
}

/// Reads as many bytes as `reply` has.
async fn expect(replies: &Port, reply: &str) -> Result<(), Box<dyn Error>> {
    let mut read = Vec::new();
    while read.len() < reply.len() {
        let mut byte = [0; 1];
        replies.read(&mut byte).await;
        read.extend(byte);
    }
    if read == reply.as_bytes() {
        return Ok(());
    }
    let read = read.escape_ascii();
    Err(format!("the modem said {read}, not {}", reply.escape_debug()).into())
}

/// Reads until the text ends with `end`.
async fn until(replies: &Port, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let mut byte = [0; 1];
        replies.read(&mut byte).await;
        text.extend(byte.map(char::from));
    }
    text
}
