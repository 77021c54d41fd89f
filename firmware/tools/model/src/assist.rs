//! The debug assistant's comparison of the stack pointer with a lower bound (technical reference manual,
//! chapter 17).

const ENABLE: u32 = 0x00;
const RAW: u32 = 0x04;
const INTERRUPT: u32 = 0x08;
const CLEAR: u32 = 0x0c;
const MIN: u32 = 0x38;
const PC: u32 = 0x40;

/// The pointer is below the bound.
const SPILL_MIN: u32 = 1 << 8;

/// Registers, from 0x600CE000 on.
#[derive(Debug, Default)]
pub(crate) struct Assist {
    enable: u32,
    raw: u32,
    interrupt: u32,
    min: u32,
    pc: u32,
}

impl Assist {
    /// Takes a new stack pointer, and the instruction that makes it. `true` if it is too low.
    #[inline(always)]
    pub(crate) const fn moved(&mut self, pointer: u32, pc: u32) -> bool {
        if self.enable & SPILL_MIN == 0 || pointer >= self.min {
            return false;
        }
        if self.raw & SPILL_MIN == 0 {
            self.raw |= SPILL_MIN;
            self.pc = pc;
        }
        true
    }

    /// The level of the interrupt source.
    pub(crate) const fn line(&self) -> u64 {
        (self.raw & self.interrupt != 0) as u64
    }

    pub(crate) const fn read(&self, offset: u32) -> u32 {
        match offset {
            ENABLE => self.enable,
            RAW => self.raw,
            INTERRUPT => self.interrupt,
            MIN => self.min,
            PC => self.pc,
            _ => 0,
        }
    }

    pub(crate) const fn write(&mut self, offset: u32, value: u32) {
        match offset {
            ENABLE => self.enable = value,
            INTERRUPT => self.interrupt = value,
            CLEAR => self.raw &= !value,
            MIN => self.min = value,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_instruction_below_the_bound_is_kept_until_it_is_cleared() {
        let mut assist = Assist::default();
        assert!(!assist.moved(0, 1));
        assist.write(MIN, 0x1000);
        assist.write(ENABLE, SPILL_MIN);
        assist.write(INTERRUPT, SPILL_MIN);
        assert!(!assist.moved(0x1000, 2));
        assert_eq!(assist.line(), 0);
        assert!(assist.moved(0xff0, 3) && assist.moved(0xfe0, 4));
        assert_eq!((assist.line(), assist.read(PC)), (1, 3));
        assist.write(CLEAR, SPILL_MIN);
        assert_eq!(assist.line(), 0);
    }
}
