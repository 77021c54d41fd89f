//! What the core sees at which address (technical reference manual, chapter 3).
//!
//! ```text
//! 3C00_0000  flash, data          4037_C000  RAM, instructions    6000_0000  devices
//! 3FC8_0000  RAM, data            4200_0000  flash, instructions  600C_0000  devices of the system
//! 3FF0_0000  data of the ROM      5000_0000  RAM that sleep keeps
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::assist::Assist;
use crate::ether::Ether;
use crate::flash::Flash;
use crate::interrupts::Interrupts;
use crate::rtc::Rtc;
use crate::timers::{CORE, SystemTimer, TimerGroup};
use crate::uart::Uart;

/// Why there is nothing to read or write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessError {
    Nobody,
    Misaligned,
}

impl AccessError {
    /// Cause and value of the exception.
    pub(crate) const fn cause(self, nobody: u32, misaligned: u32, address: u32) -> (u32, u32) {
        match self {
            Self::Nobody => (nobody, address),
            Self::Misaligned => (misaligned, address),
        }
    }
}

const RAM: u32 = 0x4037_c000;
const RAM_LEN: u32 = 0x6_4000;
/// Both buses see this part of it.
const SHARED: u32 = 0x4000;
const DATA: u32 = 0x3fc8_0000;
const ROM_DATA: u32 = 0x3ff0_0000;
/// Buffers of the radio: nothing is there on a chip.
pub(crate) const RADIO_RAM: u32 = 0x3fe0_0000;
const RTC_RAM: u32 = 0x5000_0000;
const WINDOW: u32 = 0x80_0000;
const PAGE: u32 = 0x1_0000;
const INVALID: u32 = 1 << 8;

/// The devices are looked at as often as this, in cycles: a quarter of a millisecond.
const AT_LEAST: u64 = CORE / 4000;

/// Everything but the core.
pub(crate) struct Bus {
    /// Cycles of the core since power on.
    pub(crate) now: u64,
    /// When the devices have something to do, or the world outside is to be looked at.
    pub(crate) due: u64,
    look: u64,
    pub(crate) interrupts: Interrupts,
    pub(crate) flash: Flash,
    /// Pages of the flash, by pages of the windows.
    pub(crate) mmu: [u32; 128],
    ram: Vec<u8>,
    /// Where each begins, and what is in it.
    small_memories: [(u32, Vec<u8>); 3],
    pub(crate) uarts: [Uart; 2],
    system_timer: SystemTimer,
    groups: [TimerGroup; 2],
    pub(crate) rtc: Rtc,
    pub(crate) assist: Assist,
    ether: Option<Ether>,
    /// Frames that have left.
    pub(crate) sent: Vec<Vec<u8>>,
    random: u64,
    from_cpu: [u32; 4],
    /// Registers that are no more than memory here.
    others: HashMap<u32, u32>,
    /// Analog registers behind the internal bus.
    pub(crate) analog: BTreeMap<(u32, u32), u32>,
    /// Those of `others` that were read or written, if anybody wants to know.
    pub(crate) seen: Option<BTreeSet<u32>>,
}

impl Bus {
    pub(crate) fn new(flash: Flash, mac: [u8; 6], nic: bool, heeds_rts: bool) -> Self {
        Self {
            now: 0,
            due: 0,
            look: 0,
            interrupts: Interrupts::new(),
            flash,
            mmu: [INVALID; 128],
            ram: vec![0; RAM_LEN as usize],
            small_memories: [
                (RTC_RAM, vec![0; 0x2000]),
                (RADIO_RAM, vec![0; 0x1_0000]),
                (ROM_DATA, vec![0; 0x2_0000]),
            ],
            uarts: [Uart::new(true), Uart::new(heeds_rts)],
            system_timer: SystemTimer::new(),
            groups: [TimerGroup::new(), TimerGroup::new()],
            rtc: Rtc::new(),
            assist: Assist::default(),
            ether: nic.then(|| Ether::new(mac)),
            sent: Vec::new(),
            // Not random at all, so that a run can be repeated.
            random: 0x9e37_79b9_7f4a_7c15,
            from_cpu: [0; 4],
            others: fuses(mac),
            analog: BTreeMap::new(),
            seen: None,
        }
    }

    /// What a reset of the digital part leaves: RAM, clock, fuses, flash, ports.
    pub(crate) fn reset(&mut self, mac: [u8; 6]) {
        self.interrupts = Interrupts::new();
        self.mmu = [INVALID; 128];
        self.system_timer = SystemTimer::new();
        self.groups = [TimerGroup::new(), TimerGroup::new()];
        self.from_cpu = [0; 4];
        self.assist = Assist::default();
        self.others = fuses(mac);
        if self.ether.is_some() {
            self.ether = Some(Ether::new(mac));
        }
        for uart in &mut self.uarts {
            let wire = std::mem::take(&mut uart.wire);
            let sent = std::mem::take(&mut uart.sent);
            *uart = Uart::new(uart.heeds_rts);
            (uart.wire, uart.sent) = (wire, sent);
        }
        self.due = self.now;
    }

    /// The world outside was looked at.
    pub(crate) fn looked(&mut self) {
        self.look = self.now + AT_LEAST;
        self.tick();
    }

    /// Lets the devices do what is due. `true` if the core has another interrupt to look at.
    pub(crate) fn tick(&mut self) -> bool {
        let now = self.now;
        let mut due = self.look;
        due = due.min(self.system_timer.tick(now));
        for group in &mut self.groups {
            due = due.min(group.tick(now));
        }
        for uart in &mut self.uarts {
            due = due.min(uart.tick(now));
        }
        due = due.min(self.rtc.tick(now));
        self.due = due.max(now + 1);
        let systimer = self.system_timer.lines();
        let mut active = self.uarts[0].line() << 21
            | self.uarts[1].line() << 22
            | self.groups[0].line() << 32
            | self.groups[1].line() << 34
            | systimer << 37
            | self.assist.line() << 54;
        if let Some(ether) = &self.ether {
            active |= ether.line();
        }
        for (index, bit) in self.from_cpu.iter().enumerate() {
            active |= u64::from(bit & 1) << (50 + index);
        }
        self.interrupts.set(active)
    }

    /// A frame for the station. It is for nobody if there is no controller.
    pub(crate) fn receive(&mut self, frame: &[u8]) {
        let Some(ether) = &mut self.ether else {
            return;
        };
        if let Some(address) = ether.receive(frame) {
            for (index, byte) in frame.iter().enumerate() {
                // The program said where; whether that is RAM is its business.
                let _ = self.store8(address.wrapping_add(index as u32), *byte);
            }
        }
        self.tick();
    }

    pub(crate) fn frames_lost(&self) -> u64 {
        self.ether.as_ref().map_or(0, |ether| ether.lost)
    }

    /// Where in the RAM an address is.
    fn ram_index(address: u32) -> Option<usize> {
        let data = address.wrapping_sub(DATA);
        if data < RAM_LEN - SHARED {
            return Some((data + SHARED) as usize);
        }
        let code = address.wrapping_sub(RAM);
        (code < RAM_LEN).then_some(code as usize)
    }

    /// Where in the flash an address of either window is.
    fn flash_index(&self, address: u32) -> Option<usize> {
        let within = address & (WINDOW - 1);
        if address & !(WINDOW - 1) != 0x3c00_0000 && address & !(WINDOW - 1) != 0x4200_0000 {
            return None;
        }
        let page = self.mmu[(within / PAGE) as usize];
        (page & INVALID == 0).then(|| ((page & 0xff) * PAGE + within % PAGE) as usize)
    }

    fn memory(&self, address: u32, len: usize) -> Option<&[u8]> {
        if let Some(at) = Self::ram_index(address) {
            return self.ram.get(at..at + len);
        }
        if let Some(at) = self.flash_index(address) {
            return self.flash.bytes().get(at..at + len);
        }
        self.small_memories
            .iter()
            .find_map(|(base, bytes)| bytes.get(within(*base, address, len)))
    }

    fn writable(&mut self, address: u32, len: usize) -> Option<&mut [u8]> {
        if let Some(at) = Self::ram_index(address) {
            return self.ram.get_mut(at..at + len);
        }
        self.small_memories
            .iter_mut()
            .find_map(|(base, bytes)| bytes.get_mut(within(*base, address, len)))
    }

    pub(crate) fn fetch(&self, address: u32) -> Result<u16, AccessError> {
        let bytes = self.memory(address, 2).ok_or(AccessError::Nobody)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    const fn is_device(address: u32) -> bool {
        address >= 0x6000_0000 && address < 0x600d_1000
    }

    pub(crate) fn load8(&mut self, address: u32) -> Result<u8, AccessError> {
        if let Some(bytes) = self.memory(address, 1) {
            return Ok(bytes[0]);
        }
        if Self::is_device(address) {
            return Ok((self.read(address & !3) >> (address % 4 * 8)) as u8);
        }
        Err(AccessError::Nobody)
    }

    pub(crate) fn load16(&mut self, address: u32) -> Result<u16, AccessError> {
        if !address.is_multiple_of(2) {
            return Err(AccessError::Misaligned);
        }
        if let Some(bytes) = self.memory(address, 2) {
            return Ok(u16::from_le_bytes([bytes[0], bytes[1]]));
        }
        if Self::is_device(address) {
            return Ok((self.read(address & !3) >> (address % 4 * 8)) as u16);
        }
        Err(AccessError::Nobody)
    }

    pub(crate) fn load32(&mut self, address: u32) -> Result<u32, AccessError> {
        if !address.is_multiple_of(4) {
            return Err(AccessError::Misaligned);
        }
        if let Some(bytes) = self.memory(address, 4) {
            return Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        }
        if Self::is_device(address) {
            return Ok(self.read(address));
        }
        Err(AccessError::Nobody)
    }

    pub(crate) fn store8(&mut self, address: u32, value: u8) -> Result<bool, AccessError> {
        self.store(address, &[value])
    }

    pub(crate) fn store16(&mut self, address: u32, value: u16) -> Result<bool, AccessError> {
        if !address.is_multiple_of(2) {
            return Err(AccessError::Misaligned);
        }
        self.store(address, &value.to_le_bytes())
    }

    /// `true` if the core has an interrupt to look at.
    pub(crate) fn store32(&mut self, address: u32, value: u32) -> Result<bool, AccessError> {
        if !address.is_multiple_of(4) {
            return Err(AccessError::Misaligned);
        }
        if let Some(bytes) = self.writable(address, 4) {
            bytes.copy_from_slice(&value.to_le_bytes());
            return Ok(false);
        }
        if Self::is_device(address) {
            return Ok(self.write(address, value));
        }
        Err(AccessError::Nobody)
    }

    fn store(&mut self, address: u32, bytes: &[u8]) -> Result<bool, AccessError> {
        if let Some(there) = self.writable(address, bytes.len()) {
            there.copy_from_slice(bytes);
            return Ok(false);
        }
        if !Self::is_device(address) {
            return Err(AccessError::Nobody);
        }
        // A narrow store changes its part of the register.
        let word = address & !3;
        let mut value = self.read(word).to_le_bytes();
        let at = (address % 4) as usize;
        value[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(self.write(word, u32::from_le_bytes(value)))
    }

    fn read(&mut self, address: u32) -> u32 {
        let offset = address & 0xfff;
        match address & !0xfff {
            0x6000_0000 => self.uarts[0].read(offset),
            0x6001_0000 => {
                let value = self.uarts[1].read(offset);
                if offset == 0 {
                    self.tick();
                }
                value
            }
            0x6000_8000 if offset < 0x800 => self.rtc.read(offset),
            0x6001_f000 => self.groups[0].read(offset),
            0x6002_0000 => self.groups[1].read(offset),
            0x6002_3000 => self.system_timer.read(offset),
            0x6002_6000 if offset == 0xb0 => self.random(),
            0x600c_0000 if (0x28..0x38).contains(&offset) => {
                self.from_cpu[((offset - 0x28) / 4) as usize]
            }
            0x600c_2000 => self.interrupts.read(offset),
            0x600c_5000 if offset < 0x200 => self.mmu[(offset / 4) as usize],
            0x600c_d000 => self.ether.as_ref().map_or(0, |ether| ether.read(offset)),
            0x600c_e000 => self.assist.read(offset),
            _ => {
                if let Some(seen) = &mut self.seen {
                    seen.insert(address);
                }
                self.others.get(&address).copied().unwrap_or(0)
            }
        }
    }

    fn write(&mut self, address: u32, value: u32) -> bool {
        let offset = address & 0xfff;
        let now = self.now;
        match address & !0xfff {
            0x6000_0000 => self.uarts[0].write(offset, value),
            0x6001_0000 => self.uarts[1].write(offset, value),
            0x6000_8000 if offset < 0x800 => self.rtc.write(offset, value, now),
            0x6001_f000 => self.groups[0].write(offset, value, now),
            0x6002_0000 => self.groups[1].write(offset, value, now),
            0x6002_3000 => self.system_timer.write(offset, value, now),
            0x600c_0000 if (0x28..0x38).contains(&offset) => {
                self.from_cpu[((offset - 0x28) / 4) as usize] = value;
            }
            0x600c_2000 => {
                self.interrupts.write(offset, value);
                return true;
            }
            0x600c_5000 if offset < 0x200 => self.mmu[(offset / 4) as usize] = value,
            0x600c_d000 => {
                let leaving = self
                    .ether
                    .as_mut()
                    .and_then(|ether| ether.write(offset, value));
                if let Some((from, len)) = leaving {
                    let frame = self.memory(from, len).map(<[u8]>::to_vec);
                    self.sent.extend(frame);
                }
            }
            0x600c_e000 => self.assist.write(offset, value),
            0x6000_2000 if offset == 0 => self.flash_command(value),
            _ => {
                if let Some(seen) = &mut self.seen {
                    seen.insert(address);
                }
                self.others.insert(address, value);
                return false;
            }
        }
        self.tick();
        self.interrupts.pending().is_some()
    }

    /// The controller of the flash, of which one command is asked for past the ROM: who are you.
    fn flash_command(&mut self, value: u32) {
        if value >> 28 & 1 == 1 {
            let id = 0x40_c8 | self.flash.size_code() << 16;
            self.others.insert(0x6000_2058, id);
        }
    }

    fn random(&mut self) -> u32 {
        // xorshift64*
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }
}

/// Where `len` bytes from `address` on are in a memory from `base` on; beyond its end if they are elsewhere.
const fn within(base: u32, address: u32, len: usize) -> core::ops::Range<usize> {
    let at = address.wrapping_sub(base) as usize;
    at..at + len
}

/// The fuses: an address, and revision 0.4.
fn fuses(mac: [u8; 6]) -> HashMap<u32, u32> {
    let [a, b, c, d, e, f] = mac;
    HashMap::from([
        (0x6000_8844, u32::from_be_bytes([c, d, e, f])),
        (0x6000_8848, u32::from_be_bytes([0, 0, a, b])),
        (0x6000_8850, 4 << 18),
    ])
}
