//! As much of an ESP32-C3 as the modem's image uses: core, memory, interrupts, timers, UARTs, flash, and the
//! Ethernet controller that Espressif's QEMU has. The radio is there by the names of its driver.
//!
//! ```text
//! merged.bin ─▶ flash ─▶ boot ─▶ core ◀─▶ bus ─▶ UART1 ◀─▶ host (TCP)
//!                                              ├▶ UART0 ──▶ log (file)
//!                                              └▶ Ethernet ◀─▶ network (datagrams, a frame each)
//! ```
//!
//! Time is what the core's cycles take at 160 MHz, one per instruction. A core that waits is held back to
//! the clock of this machine.

mod access_point;
mod air;
mod assist;
mod boot;
mod bus;
mod cpu;
mod driver;
mod ether;
mod flash;
mod interrupts;
mod pace;
mod radio;
mod records;
mod rom;
mod rtc;
mod surroundings;
mod timers;
mod uart;

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Parser;
use driver_abi::program::Program;
use object::{Object as _, ObjectSymbol as _};

use bus::Bus;
use cpu::{Cpu, ROM, Stop};
use driver::Sizes;
use flash::Flash;
use pace::Pace;
use radio::Radio;
use rom::Rom;
use rtc::Reset;
use timers::CORE;

/// By how much a core may be ahead of the clock.
const TOO_FAR_AHEAD: Duration = Duration::from_millis(2);

/// Runs an image for ESP32-C3.
#[derive(Debug, Parser)]
struct Args {
    /// The linked program: names of functions in the ROM, and where its stack is.
    #[arg(long)]
    elf: PathBuf,
    /// All of the flash; what the program writes is written there.
    #[arg(long)]
    flash: PathBuf,
    /// Where the host of UART1 listens.
    #[arg(long)]
    port: String,
    /// What comes out of UART0.
    #[arg(long)]
    log: PathBuf,
    /// Sockets for frames: ours, and the network's.
    #[arg(long, num_args = 2, value_names = ["OURS", "NETWORK"])]
    net: Option<Vec<PathBuf>>,
    /// Sockets for what is in the air: ours, and that of another model.
    #[arg(long, num_args = 2, value_names = ["OURS", "PEER"])]
    air: Option<Vec<PathBuf>>,
    /// The last byte of the hardware address.
    #[arg(long, default_value_t = 1)]
    number: u8,
    /// There is no Ethernet controller, as on every chip.
    #[arg(long)]
    no_nic: bool,
    /// After this many pages and sectors nothing that is written to the flash reaches the file.
    #[arg(long)]
    cut_after: Option<u64>,
    /// The host sends whether RTS allows it or not.
    #[arg(long)]
    ignore_rts: bool,
    /// So many milliseconds after it was joined for the first time a network is gone for a moment.
    #[arg(long, value_name = "MS")]
    lose_after: Option<u64>,
    /// So many more networks are in the air.
    #[arg(long, default_value_t = 0)]
    crowd: u8,
    /// So many milliseconds after power on the core jumps to where nothing is.
    #[arg(long, value_name = "MS")]
    fault_after: Option<u64>,
    /// So many milliseconds after power on a function takes more stack than there is.
    #[arg(long, value_name = "MS")]
    overflow_after: Option<u64>,
    /// So many milliseconds after power on the core stands still; its clock then runs as fast as it can.
    #[arg(long, value_name = "MS")]
    hang_after: Option<u64>,
    /// Prints at every start which registers were used that are plain memory here.
    #[arg(long)]
    seen: bool,
}

/// Bytes of a frame that is too large, below the end of the stack: most of it, as of RSA-4096.
const FRAME: u32 = 20 * 1024;

/// As a station, locally administered; a number follows.
const MAC: [u8; 5] = [0x02, 0x53, 0x50, 0x41, 0x54];

/// What reaches the chip from outside.
enum Input {
    Port(Vec<u8>),
    Frame(Vec<u8>),
    Air(Vec<u8>),
    /// The host is gone: so are we.
    Closed,
}

struct Machine {
    cpu: Cpu,
    bus: Bus,
    rom: Rom,
    radio: Radio,
    symbols: Symbols,
    fault_at: Option<u64>,
    hang_at: Option<u64>,
    overflow_at: Option<u64>,
    inputs: Receiver<Input>,
    port: TcpStream,
    log: File,
    net: Option<UnixDatagram>,
    /// Another model, which need not be there yet.
    air: Option<(UnixDatagram, PathBuf)>,
    mac: [u8; 6],
    pace: Pace,
    told_stack: u32,
    /// The host has sent something since this start.
    host_sent: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let symbols = Symbols::read(&args.elf)?;
    let (sender, inputs) = channel();
    let port = TcpStream::connect(&args.port).with_context(|| args.port.clone())?;
    port.set_nodelay(true)?;
    listen_to_port(port.try_clone()?, sender.clone());
    let net = match args.net.as_deref() {
        Some([ours, network]) => {
            let socket = UnixDatagram::bind(ours)?;
            socket
                .connect(network)
                .with_context(|| network.display().to_string())?;
            listen_to(socket.try_clone()?, sender.clone(), Input::Frame);
            Some(socket)
        }
        _ => None,
    };
    let air = match args.air.as_deref() {
        Some([ours, peer]) => {
            let socket = UnixDatagram::bind(ours)?;
            listen_to(socket.try_clone()?, sender, Input::Air);
            Some((socket, peer.clone()))
        }
        _ => None,
    };
    let [a, b, c, d, e] = MAC;
    let mac = [a, b, c, d, e, args.number];
    let flash = Flash::open(&args.flash, args.cut_after)?;
    let mut bus = Bus::new(flash, mac, !args.no_nic, !args.ignore_rts);
    bus.seen = args.seen.then(BTreeSet::new);
    let mut machine = Machine {
        cpu: symbols.core(0),
        bus,
        rom: Rom::new(symbols.names.clone()),
        radio: Radio::new(
            symbols.event_post,
            symbols.sizes,
            mac,
            air.is_some(),
            args.lose_after,
        ),
        fault_at: args.fault_after.map(|millis| millis * (CORE / 1000)),
        hang_at: args.hang_after.map(|millis| millis * (CORE / 1000)),
        overflow_at: args.overflow_after.map(|millis| millis * (CORE / 1000)),
        inputs,
        port,
        log: File::create(&args.log)?,
        net,
        air,
        mac,
        told_stack: symbols.stack.end,
        host_sent: false,
        symbols,
        pace: Pace::new(Instant::now()),
    };
    machine.radio.crowd = args.crowd;
    machine.start(Reset::PowerOn)?;
    machine.run()
}

/// What the program says of its addresses.
struct Symbols {
    /// Functions that are done outside: all of the ROM, and those of the radio's driver.
    names: HashMap<u32, String>,
    /// Of those, the ones that are not in the ROM.
    hooks: Vec<u32>,
    /// What takes the radio's events; 0 in a program without a radio.
    event_post: u32,
    /// What the radio's libraries in it take and give.
    sizes: Sizes,
    /// The main stack.
    stack: core::ops::Range<u32>,
}

impl Symbols {
    fn read(elf: &Path) -> Result<Self> {
        let bytes = fs::read(elf).with_context(|| elf.display().to_string())?;
        let file = object::File::parse(&*bytes)?;
        let mut names = HashMap::new();
        let (mut hooks, mut event_post) = (Vec::new(), 0);
        let (mut top, mut end) = (None, None);
        for symbol in file.symbols() {
            let (Ok(name), Ok(at)) = (symbol.name(), u32::try_from(symbol.address())) else {
                continue;
            };
            match name {
                "_stack_start" => top = Some(at),
                "_stack_end" => end = Some(at),
                "esp_event_post" => event_post = at,
                _ if radio::FUNCTIONS.contains(&name) => {
                    hooks.push(at);
                    names.insert(at, name.to_owned());
                }
                _ if ROM.contains(&at) => {
                    names.insert(at, name.to_owned());
                }
                _ => {}
            }
        }
        Ok(Self {
            names,
            hooks,
            event_post,
            sizes: Sizes::of(&Program::parse(&bytes)?)?,
            stack: end.context("_stack_end")?..top.context("_stack_start")?,
        })
    }

    fn core(&self, entry: u32) -> Cpu {
        Cpu::new(entry, self.stack.clone(), self.hooks.clone())
    }
}

fn listen_to_port(mut port: TcpStream, sender: Sender<Input>) {
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = port.read(&mut bytes) {
            if sender.send(Input::Port(bytes[..count].to_vec())).is_err() {
                return;
            }
        }
        let _ = sender.send(Input::Closed);
    });
}

fn listen_to(socket: UnixDatagram, sender: Sender<Input>, kind: fn(Vec<u8>) -> Input) {
    thread::spawn(move || {
        let mut bytes = [0; 2048];
        while let Ok(count) = socket.recv(&mut bytes) {
            if sender.send(kind(bytes[..count].to_vec())).is_err() {
                return;
            }
        }
    });
}

impl Machine {
    fn start(&mut self, cause: Reset) -> Result<()> {
        self.bus.rtc.started(cause);
        self.told_stack = self.symbols.stack.end;
        self.host_sent = false;
        let (entry, loaded) = boot::load(&mut self.bus)?;
        self.cpu = self.symbols.core(entry);
        let pending_log = self.radio.restarts();
        let crowd = self.radio.crowd;
        self.radio = Radio::new(
            self.symbols.event_post,
            self.symbols.sizes,
            self.mac,
            self.air.is_some(),
            self.radio.lose_after,
        );
        self.radio.said = pending_log;
        self.radio.crowd = crowd;
        for range in loaded {
            self.cpu.forget(range);
        }
        // Where the bootloader's own stack is, about.
        self.cpu.x[2] = 0x3fcd_c000;
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        loop {
            let stop = self.cpu.run(&mut self.bus);
            let goes_on = match stop {
                Stop::Due => {
                    self.bus.looked();
                    self.keep_pace();
                    self.take_inputs()
                }
                Stop::Rom => {
                    self.rom
                        .call(&mut self.cpu, &mut self.bus, &mut self.radio)?;
                    true
                }
                Stop::Asleep => self.wait(),
            };
            self.radio.poll(&mut self.cpu, &mut self.bus);
            self.fail_as_told();
            self.deliver()?;
            if !goes_on {
                return Ok(());
            }
            if let Some(at) = self.bus.rtc.wakes.take() {
                self.sleep_until(at)?;
            }
            if let Some(cause) = self.bus.rtc.wanted.take() {
                self.restart(cause)?;
            }
        }
    }

    /// Faults that a test asked for, once each.
    fn fail_as_told(&mut self) {
        let due = |at: &mut Option<u64>, now| at.take_if(|at| *at <= now).is_some();
        if due(&mut self.fault_at, self.bus.now) {
            self.cpu.pc = 0;
            self.cpu.asleep = false;
        }
        // Of the main thread, wherever it is then.
        let main = self.symbols.stack.contains(&self.cpu.x[2]);
        if main && self.cpu.interruptible(&self.bus) && due(&mut self.overflow_at, self.bus.now) {
            self.cpu.overflow(&mut self.bus, FRAME);
        }
        if due(&mut self.hang_at, self.bus.now) {
            let begin = self.bus.now;
            while self.bus.rtc.wanted.is_none() {
                self.bus.now = self.bus.due;
                self.bus.looked();
            }
            self.pace.skip(self.bus.now - begin);
        }
    }

    /// A core that is ahead of the clock is held back.
    fn keep_pace(&self) {
        let ahead = self.pace.until(self.bus.now, Instant::now());
        if ahead > TOO_FAR_AHEAD {
            thread::sleep(ahead);
        }
    }

    fn take_inputs(&mut self) -> bool {
        while let Ok(input) = self.inputs.try_recv() {
            if !self.take(input) {
                return false;
            }
        }
        true
    }

    fn take(&mut self, input: Input) -> bool {
        match input {
            Input::Port(bytes) => {
                if !self.host_sent {
                    self.host_sent = true;
                    // From here on the stack is measured again.
                    self.tell_stack();
                    eprintln!("the host speaks");
                    self.told_stack = self.symbols.stack.end;
                    self.cpu.lowest = self.symbols.stack.end;
                }
                self.bus.uarts[1].wire.extend(bytes);
                self.bus.tick();
            }
            Input::Frame(frame) => {
                self.radio.receive(&frame);
                self.bus.receive(&frame);
            }
            Input::Air(message) => self.radio.hear(&message, self.bus.now),
            Input::Closed => return false,
        }
        true
    }

    /// Nothing to do until a device fires or something comes.
    fn wait(&mut self) -> bool {
        self.tell_stack();
        self.bus.now = self.pace.sleeps(self.bus.now, Instant::now());
        self.bus.looked();
        if self.bus.interrupts.pending().is_some() {
            return true;
        }
        let due = self.bus.due;
        let timeout = self.pace.until(due, Instant::now());
        let goes_on = match self.inputs.recv_timeout(timeout) {
            Ok(input) => {
                self.bus.now = self.pace.cycles(Instant::now()).clamp(self.bus.now, due);
                self.take(input) && self.take_inputs()
            }
            Err(RecvTimeoutError::Timeout) => {
                self.bus.now = due;
                self.bus.tick();
                true
            }
            Err(RecvTimeoutError::Disconnected) => false,
        };
        self.pace.wakes(self.bus.now, Instant::now());
        goes_on
    }

    fn deliver(&mut self) -> Result<()> {
        let log = std::mem::take(&mut self.bus.uarts[0].sent);
        if !log.is_empty() {
            self.log.write_all(&log)?;
        }
        let sent = std::mem::take(&mut self.bus.uarts[1].sent);
        if !sent.is_empty() {
            self.port.write_all(&sent)?;
        }
        for frame in std::mem::take(&mut self.bus.sent) {
            if let Some(net) = &self.net {
                // A network that is gone loses what is sent to it.
                let _ = net.send(&frame);
            }
        }
        for message in std::mem::take(&mut self.radio.said) {
            if let Some((air, peer)) = &self.air {
                // Nobody hears it, so it is lost.
                let _ = air.send_to(&message, peer);
            }
        }
        Ok(())
    }

    fn restart(&mut self, cause: Reset) -> Result<()> {
        // What is in the FIFOs is lost on a chip; a tester wants the end of the log.
        while !self.bus.uarts[0].idle() {
            self.bus.now = self.bus.due;
            self.bus.tick();
        }
        self.deliver()?;
        self.tell_stack();
        eprintln!(
            "reset: {cause:?}, {} flash operations, {} of them lost, {} frames and {} bytes lost",
            self.bus.flash.done,
            self.bus.flash.lost,
            self.bus.frames_lost() + self.radio.lost,
            self.bus.uarts[1].lost,
        );
        if let Some(seen) = &mut self.bus.seen {
            let list: Vec<String> = seen.iter().map(|at| format!("{at:#x}")).collect();
            eprintln!("memory only: {}", list.join(" "));
            seen.clear();
        }
        self.bus.reset(self.mac);
        self.start(cause)
    }

    fn sleep_until(&mut self, at: u64) -> Result<()> {
        self.bus.now = at;
        self.keep_pace();
        self.restart(Reset::DeepSleep)
    }

    fn tell_stack(&mut self) {
        if self.cpu.lowest < self.told_stack {
            self.told_stack = self.cpu.lowest;
            eprintln!(
                "stack: {} of {} bytes, at {:#x}",
                self.symbols.stack.end - self.cpu.lowest,
                self.symbols.stack.len(),
                self.cpu.lowest_pc,
            );
        }
    }
}
