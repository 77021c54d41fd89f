//! The core: RV32IMC, machine mode, vectored interrupts (ESP32-C3 technical reference manual, chapter 1).

use crate::bus::{AccessError, Bus};
use driver_abi::decode::{Inst, Op, decode};

/// Where the decoded instructions of a region are kept.
struct Decoded {
    base: u32,
    slots: Vec<Option<Inst>>,
}

impl Decoded {
    fn new(base: u32, len: u32) -> Self {
        Self {
            base,
            slots: vec![None; (len / 2) as usize],
        }
    }

    fn slot(&mut self, pc: u32) -> Option<&mut Option<Inst>> {
        self.slots
            .get_mut((pc.wrapping_sub(self.base) / 2) as usize)
    }
}

/// Registers that the program may read and write, and what hangs on them.
pub(crate) struct Cpu {
    pub(crate) x: [u32; 32],
    pub(crate) pc: u32,
    csr: Box<[u32; 4096]>,
    ram: Decoded,
    flash: Decoded,
    /// Functions of the program that are done outside.
    hooks: Vec<u32>,
    /// Waiting for an interrupt.
    pub(crate) asleep: bool,
    /// The lowest stack pointer within `stack`, and the instruction that made it.
    pub(crate) lowest: u32,
    pub(crate) lowest_pc: u32,
    pub(crate) stack: core::ops::Range<u32>,
}

/// What ended a run of instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It is time for the devices.
    Due,
    /// The next instruction is in the ROM, which is not here, or begins a function that is done outside.
    Rom,
    Asleep,
}

const MSTATUS: usize = 0x300;
const MTVEC: usize = 0x305;
const MEPC: usize = 0x341;
const MCAUSE: usize = 0x342;
const MTVAL: usize = 0x343;
/// Espressif's counter of cycles, and the switches in front of it.
const MPCCR: usize = 0x7e2;
const MIE: u32 = 1 << 3;
const MPIE: u32 = 1 << 7;

const ILLEGAL: u32 = 2;
const BREAKPOINT: u32 = 3;
const ECALL: u32 = 11;
/// No cause of the chip's.
const HOOK: u32 = u32::MAX;

/// What a thread has in the core.
pub(crate) struct Context {
    x: [u32; 32],
    pc: u32,
    asleep: bool,
}

/// The ROM of the chip.
pub(crate) const ROM: core::ops::Range<u32> = 0x4000_0000..0x4006_0000;

impl Cpu {
    pub(crate) fn new(entry: u32, stack: core::ops::Range<u32>, hooks: Vec<u32>) -> Self {
        let mut csr: Box<[u32; 4096]> = vec![0; 4096].try_into().expect("4096 of them");
        // The ROM leaves interrupts on; esp-hal counts on it, and turns on none itself.
        csr[MSTATUS] = MIE | 3 << 11;
        Self {
            x: [0; 32],
            pc: entry,
            csr,
            ram: Decoded::new(0x4037_c000, 0x6_4000),
            flash: Decoded::new(0x4200_0000, 0x40_0000),
            hooks,
            asleep: false,
            lowest: stack.end,
            lowest_pc: 0,
            stack,
        }
    }

    /// Runs until `bus.due` or something else that the caller has to look at.
    pub(crate) fn run(&mut self, bus: &mut Bus) -> Stop {
        loop {
            if let Some(line) = bus.interrupts.pending()
                && self.csr[MSTATUS] & MIE != 0
            {
                self.asleep = false;
                self.trap(1 << 31 | line, 0);
            }
            if self.asleep {
                // An interrupt that is masked here wakes it all the same.
                if bus.interrupts.pending().is_none() {
                    return Stop::Asleep;
                }
                self.asleep = false;
            }
            while bus.now < bus.due {
                if ROM.contains(&self.pc) {
                    return Stop::Rom;
                }
                bus.now += 1;
                match self.step(bus) {
                    Ok(false) => {}
                    Ok(true) => break,
                    Err((HOOK, _)) => return Stop::Rom,
                    Err((cause, value)) => self.trap(cause, value),
                }
            }
            if bus.now >= bus.due {
                return Stop::Due;
            }
        }
    }

    fn trap(&mut self, cause: u32, value: u32) {
        let status = self.csr[MSTATUS];
        let was = if status & MIE == 0 { 0 } else { MPIE };
        self.csr[MSTATUS] = status & !(MIE | MPIE) | was | 3 << 11;
        self.csr[MEPC] = self.pc;
        self.csr[MCAUSE] = cause;
        self.csr[MTVAL] = value;
        let vector = self.csr[MTVEC] & !3;
        // The chip knows the vectored mode only.
        self.pc = if cause >> 31 == 0 {
            vector
        } else {
            vector + 4 * (cause & 31)
        };
    }

    fn fetch(&mut self, bus: &mut Bus) -> Result<Inst, (u32, u32)> {
        let pc = self.pc;
        let cache = if pc >= 0x4200_0000 {
            &mut self.flash
        } else {
            &mut self.ram
        };
        match cache.slot(pc) {
            Some(Some(inst)) => Ok(*inst),
            Some(slot) => {
                let fault = |_| (1, pc);
                let low = u32::from(bus.fetch(pc).map_err(fault)?);
                let word = if low & 3 == 3 {
                    low | u32::from(bus.fetch(pc.wrapping_add(2)).map_err(fault)?) << 16
                } else {
                    low
                };
                let mut inst = decode(word);
                if self.hooks.contains(&pc) {
                    inst.op = Op::Hook;
                }
                *slot = Some(inst);
                Ok(inst)
            }
            None => Err((1, pc)),
        }
    }

    /// One instruction. `true` if an interrupt may have become possible.
    #[inline(always)]
    #[expect(clippy::too_many_lines, reason = "an arm per operation")]
    fn step(&mut self, bus: &mut Bus) -> Result<bool, (u32, u32)> {
        let inst = self.fetch(bus)?;
        let (a, b) = (self.x[usize::from(inst.rs1)], self.x[usize::from(inst.rs2)]);
        let imm = inst.imm;
        let next = self.pc.wrapping_add(u32::from(inst.len));
        let address = a.wrapping_add(imm);
        let load = |error: AccessError| error.cause(5, 4, address);
        let store = |error: AccessError| error.cause(7, 6, address);
        let mut to = next;
        let mut look = false;
        let target = self.pc.wrapping_add(imm);
        let mut branch = |taken: bool| {
            if taken {
                to = target;
            }
            None
        };
        let value = match inst.op {
            Op::Lui => Some(imm),
            Op::Auipc => Some(target),
            Op::Jal => {
                to = target;
                Some(next)
            }
            Op::Jalr => {
                to = address & !1;
                Some(next)
            }
            Op::Beq => branch(a == b),
            Op::Bne => branch(a != b),
            Op::Blt => branch((a as i32) < b as i32),
            Op::Bge => branch(a as i32 >= b as i32),
            Op::Bltu => branch(a < b),
            Op::Bgeu => branch(a >= b),
            Op::Lb => Some(bus.load8(address).map_err(load)? as i8 as u32),
            Op::Lbu => Some(u32::from(bus.load8(address).map_err(load)?)),
            Op::Lh => Some(bus.load16(address).map_err(load)? as i16 as u32),
            Op::Lhu => Some(u32::from(bus.load16(address).map_err(load)?)),
            Op::Lw => Some(bus.load32(address).map_err(load)?),
            Op::Sb => {
                look = bus.store8(address, b as u8).map_err(store)?;
                None
            }
            Op::Sh => {
                look = bus.store16(address, b as u16).map_err(store)?;
                None
            }
            Op::Sw => {
                look = bus.store32(address, b).map_err(store)?;
                None
            }
            Op::Addi => Some(address),
            Op::Slti => Some(u32::from((a as i32) < imm as i32)),
            Op::Sltiu => Some(u32::from(a < imm)),
            Op::Xori => Some(a ^ imm),
            Op::Ori => Some(a | imm),
            Op::Andi => Some(a & imm),
            Op::Slli => Some(a << imm),
            Op::Srli => Some(a >> imm),
            Op::Srai => Some((a as i32 >> imm) as u32),
            Op::Add => Some(a.wrapping_add(b)),
            Op::Sub => Some(a.wrapping_sub(b)),
            Op::Sll => Some(a << (b & 31)),
            Op::Slt => Some(u32::from((a as i32) < b as i32)),
            Op::Sltu => Some(u32::from(a < b)),
            Op::Xor => Some(a ^ b),
            Op::Srl => Some(a >> (b & 31)),
            Op::Sra => Some((a as i32 >> (b & 31)) as u32),
            Op::Or => Some(a | b),
            Op::And => Some(a & b),
            Op::Mul => Some(a.wrapping_mul(b)),
            Op::Mulh => Some(((i64::from(a as i32) * i64::from(b as i32)) >> 32) as u32),
            Op::Mulhsu => Some(((i64::from(a as i32) * i64::from(b)) >> 32) as u32),
            Op::Mulhu => Some(((u64::from(a) * u64::from(b)) >> 32) as u32),
            Op::Div => Some(match b {
                0 => u32::MAX,
                _ => (a as i32).wrapping_div(b as i32) as u32,
            }),
            Op::Divu => Some(a.checked_div(b).unwrap_or(u32::MAX)),
            Op::Rem => Some(match b {
                0 => a,
                _ => (a as i32).wrapping_rem(b as i32) as u32,
            }),
            Op::Remu => Some(a.checked_rem(b).unwrap_or(a)),
            Op::Fence => None,
            Op::Ecall => return Err((ECALL, 0)),
            Op::Ebreak => return Err((BREAKPOINT, self.pc)),
            Op::Hook => return Err((HOOK, 0)),
            Op::Illegal => return Err((ILLEGAL, 0)),
            Op::Mret => {
                let status = self.csr[MSTATUS];
                let enabled = if status & MPIE == 0 { 0 } else { MIE };
                self.csr[MSTATUS] = status & !MIE | MPIE | enabled;
                to = self.csr[MEPC];
                look = true;
                None
            }
            Op::Wfi => {
                self.asleep = true;
                look = true;
                None
            }
            Op::Csrrw => Some(self.exchange(imm, bus.now, |_| a)),
            Op::Csrrs => Some(self.exchange(imm, bus.now, |was| was | a)),
            Op::Csrrc => Some(self.exchange(imm, bus.now, |was| was & !a)),
            Op::Csrrwi => Some(self.exchange(imm, bus.now, |_| u32::from(inst.rs1))),
            Op::Csrrsi => Some(self.exchange(imm, bus.now, |was| was | u32::from(inst.rs1))),
            Op::Csrrci => Some(self.exchange(imm, bus.now, |was| was & !u32::from(inst.rs1))),
        };
        if let Some(value) = value
            && inst.rd != 0
        {
            self.x[usize::from(inst.rd)] = value;
            if inst.rd == 2 {
                look |= self.moved_stack(bus);
            }
        }
        self.pc = to;
        Ok(look || matches!(inst.op, Op::Csrrw | Op::Csrrs | Op::Csrrwi | Op::Csrrsi))
    }

    /// The stack pointer is another one. `true` if an interrupt may be pending.
    fn moved_stack(&mut self, bus: &mut Bus) -> bool {
        let pointer = self.x[2];
        if pointer < self.lowest && pointer >= self.stack.start {
            self.lowest = pointer;
            self.lowest_pc = self.pc;
        }
        bus.assist.moved(pointer, self.pc) && bus.tick()
    }

    /// As a frame of so many bytes below the end of the main stack does.
    pub(crate) fn overflow(&mut self, bus: &mut Bus, by: u32) {
        self.x[2] = self.stack.start - by;
        self.moved_stack(bus);
    }

    fn exchange(&mut self, csr: u32, now: u64, change: impl Fn(u32) -> u32) -> u32 {
        let index = csr as usize & 0xfff;
        // The counter runs with the core, whatever its switches say: nobody turns it off.
        let was = if index == MPCCR {
            now as u32
        } else {
            self.csr[index]
        };
        self.csr[index] = match index {
            // Machine mode is the only one.
            MSTATUS => change(was) | 3 << 11,
            _ => change(was),
        };
        was
    }

    /// Whether a thread runs that interrupts may interrupt, and no interrupt is being served.
    pub(crate) fn interruptible(&self, bus: &Bus) -> bool {
        self.csr[MSTATUS] & MIE != 0 && bus.interrupts.at_rest()
    }

    /// Calls a function between two instructions, with interrupts off until it returns to `to`.
    pub(crate) fn interrupt(&mut self, function: u32, args: [u32; 4], to: u32) -> Context {
        let context = Context {
            x: self.x,
            pc: self.pc,
            asleep: self.asleep,
        };
        self.csr[MSTATUS] &= !MIE;
        self.asleep = false;
        // Clear of what the thread has there, and aligned as the calling convention wants it.
        self.x[2] = (self.x[2] - 64) & !15;
        self.x[1] = to;
        self.x[10..14].copy_from_slice(&args);
        self.x[14] = 0;
        self.pc = function;
        context
    }

    /// Goes on where [`Self::interrupt`] was.
    pub(crate) fn resume(&mut self, context: Context) {
        self.x = context.x;
        self.pc = context.pc;
        self.asleep = context.asleep;
        self.csr[MSTATUS] |= MIE;
    }

    /// Goes on behind the call of a function of the ROM that has done its work.
    pub(crate) fn returns(&mut self, value: Option<u64>) {
        if let Some(value) = value {
            self.x[10] = value as u32;
            self.x[11] = (value >> 32) as u32;
        }
        self.pc = self.x[1];
    }

    /// Forgets what was decoded: the program was loaded again.
    pub(crate) fn forget(&mut self, range: core::ops::Range<u32>) {
        for pc in range.step_by(2) {
            if let Some(slot) = self.ram.slot(pc) {
                *slot = None;
            }
        }
    }
}
