//! The system timer (16 MHz, never stops) and a timer group (technical reference manual, chapters 10 and 11).

/// Cycles of the core in a second.
pub(crate) const CORE: u64 = 160_000_000;
/// Cycles of the core per tick of the system timer.
const SYSTEM: u64 = 10;

const fn joined(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

/// Registers from 0x60023000 on.
pub(crate) struct SystemTimer {
    conf: u32,
    /// Per unit: what the running count was shifted by, what is to be loaded, what was latched.
    shift: [u64; 2],
    load: [u64; 2],
    latched: [u64; 2],
    target: [u64; 3],
    target_conf: [u32; 3],
    /// When the comparator fires, in ticks of its unit.
    alarm: [Option<u64>; 3],
    ena: u32,
    raw: u32,
}

impl SystemTimer {
    pub(crate) const fn new() -> Self {
        Self {
            // Unit 0 works after a reset.
            conf: 1 << 30,
            shift: [0; 2],
            load: [0; 2],
            latched: [0; 2],
            target: [0; 3],
            target_conf: [0; 3],
            alarm: [None; 3],
            ena: 0,
            raw: 0,
        }
    }

    const fn value(&self, unit: usize, now: u64) -> u64 {
        (now / SYSTEM).wrapping_add(self.shift[unit]) & ((1 << 52) - 1)
    }

    const fn unit_of(&self, target: usize) -> usize {
        (self.target_conf[target] >> 31) as usize
    }

    const fn works(&self, target: usize) -> bool {
        self.conf >> (24 - target) & 1 == 1
    }

    pub(crate) fn read(&self, offset: u32) -> u32 {
        let index = (offset / 4) as usize;
        match offset {
            0x00 => self.conf,
            // The value is there at once.
            0x04 | 0x08 => 1 << 29,
            0x0c | 0x14 => (self.load[usize::from(offset == 0x14)] >> 32) as u32,
            0x10 | 0x18 => self.load[usize::from(offset == 0x18)] as u32,
            0x1c..0x34 => {
                let target = self.target[(index - 7) / 2];
                (if offset % 8 == 4 {
                    target >> 32
                } else {
                    target
                }) as u32
            }
            0x34..0x40 => self.target_conf[index - 13],
            0x40 | 0x48 => (self.latched[usize::from(offset == 0x48)] >> 32) as u32,
            0x44 | 0x4c => self.latched[usize::from(offset == 0x4c)] as u32,
            0x64 => self.ena,
            0x68 => self.raw,
            0x70 => self.raw & self.ena,
            _ => 0,
        }
    }

    pub(crate) fn write(&mut self, offset: u32, value: u32, now: u64) {
        let index = (offset / 4) as usize;
        let high = |word: u64| joined(value, word as u32);
        let low = |word: u64| word & !0xffff_ffff | u64::from(value);
        match offset {
            0x00 => self.conf = value,
            0x04 | 0x08 if value >> 30 & 1 == 1 => {
                self.latched[index - 1] = self.value(index - 1, now);
            }
            0x0c => self.load[0] = high(self.load[0]),
            0x10 => self.load[0] = low(self.load[0]),
            0x14 => self.load[1] = high(self.load[1]),
            0x18 => self.load[1] = low(self.load[1]),
            0x1c..0x34 => {
                let target = &mut self.target[(index - 7) / 2];
                *target = if offset % 8 == 4 {
                    high(*target)
                } else {
                    low(*target)
                };
            }
            0x34..0x40 => self.target_conf[index - 13] = value,
            0x50..0x5c => {
                let which = index - 20;
                let conf = self.target_conf[which];
                let here = self.value(self.unit_of(which), now);
                self.alarm[which] = Some(if conf >> 30 & 1 == 1 {
                    here + u64::from(conf & 0x03ff_ffff)
                } else {
                    self.target[which]
                });
            }
            0x5c | 0x60 => {
                let unit = index - 23;
                self.shift[unit] = self.load[unit].wrapping_sub(now / SYSTEM);
            }
            0x64 => self.ena = value,
            0x6c => self.raw &= !value,
            _ => {}
        }
    }

    /// Fires what is due; gives when the next one is, in cycles of the core.
    pub(crate) fn tick(&mut self, now: u64) -> u64 {
        let mut next = u64::MAX;
        for which in 0..3 {
            let unit = self.unit_of(which);
            let here = self.value(unit, now);
            let Some(at) = self.alarm[which].filter(|_| self.works(which)) else {
                continue;
            };
            let conf = self.target_conf[which];
            if here >= at {
                self.raw |= 1 << which;
                let period = u64::from(conf & 0x03ff_ffff).max(1);
                self.alarm[which] = (conf >> 30 & 1 == 1).then_some(here + period);
            }
            if let Some(at) = self.alarm[which] {
                next = next.min(at.wrapping_sub(self.shift[unit]).saturating_mul(SYSTEM));
            }
        }
        next
    }

    pub(crate) const fn lines(&self) -> u64 {
        (self.raw & self.ena) as u64
    }
}

/// Registers from 0x6001F000 on; its watchdog is left out, for the program turns it off.
pub(crate) struct TimerGroup {
    config: u32,
    /// What it counted up to when it was stopped or loaded, and when that was.
    base: u64,
    since: u64,
    latched: u64,
    alarm: u64,
    load: u64,
    ena: u32,
    raw: u32,
    calibration: u32,
}

const RUNS: u32 = 1 << 31;
const UP: u32 = 1 << 30;
const RELOAD: u32 = 1 << 29;
const ALARM: u32 = 1 << 10;

impl TimerGroup {
    pub(crate) const fn new() -> Self {
        Self {
            config: UP | RELOAD | 1 << 13,
            base: 0,
            since: 0,
            latched: 0,
            alarm: 0,
            load: 0,
            ena: 0,
            raw: 0,
            calibration: 0,
        }
    }

    /// Cycles of the core per tick.
    const fn tick_len(&self) -> u64 {
        let divider = match self.config >> 13 & 0xffff {
            0 => 65_536,
            1 => 2,
            divider => divider as u64,
        };
        let clock = if self.config >> 9 & 1 == 1 { 4 } else { 2 };
        divider * clock
    }

    fn value(&self, now: u64) -> u64 {
        if self.config & RUNS == 0 {
            return self.base;
        }
        let ticks = (now - self.since) / self.tick_len();
        let value = if self.config & UP == 0 {
            self.base.wrapping_sub(ticks)
        } else {
            self.base.wrapping_add(ticks)
        };
        value & ((1 << 54) - 1)
    }

    pub(crate) fn read(&self, offset: u32) -> u32 {
        match offset {
            0x00 => self.config,
            0x04 => self.latched as u32,
            0x08 => (self.latched >> 32) as u32,
            0x10 => self.alarm as u32,
            0x14 => (self.alarm >> 32) as u32,
            0x18 => self.load as u32,
            0x1c => (self.load >> 32) as u32,
            // The calibration is done at once.
            0x68 => self.calibration & !RUNS | 1 << 15,
            0x6c => self.slow_clock() << 7,
            0x70 => self.ena,
            0x74 => self.raw,
            0x78 => self.raw & self.ena,
            _ => 0,
        }
    }

    /// How many cycles of the crystal as many of the slow clock's took as were asked for.
    const fn slow_clock(&self) -> u32 {
        let hz = match self.calibration >> 13 & 3 {
            1 => 17_500_000 / 256,
            2 => 32_768,
            _ => 136_000,
        };
        let cycles = (self.calibration >> 16 & 0x7fff) as u64;
        (cycles * 40_000_000 / hz) as u32
    }

    pub(crate) fn write(&mut self, offset: u32, value: u32, now: u64) {
        match offset {
            0x00 => {
                self.base = self.value(now);
                self.since = now;
                self.config = value;
            }
            0x0c => self.latched = self.value(now),
            0x10 => self.alarm = self.alarm & !0xffff_ffff | u64::from(value),
            0x14 => self.alarm = joined(value, self.alarm as u32),
            0x18 => self.load = self.load & !0xffff_ffff | u64::from(value),
            0x1c => self.load = joined(value, self.load as u32),
            0x20 => {
                self.base = self.load;
                self.since = now;
            }
            0x68 => self.calibration = value,
            0x70 => self.ena = value,
            0x7c => self.raw &= !value,
            _ => {}
        }
    }

    /// Fires the alarm if it is due; gives when it will be, in cycles of the core.
    pub(crate) fn tick(&mut self, now: u64) -> u64 {
        if self.config & (RUNS | ALARM) != RUNS | ALARM {
            return u64::MAX;
        }
        let here = self.value(now);
        // Only upwards, as everybody uses it.
        if here < self.alarm {
            return now + (self.alarm - here) * self.tick_len();
        }
        self.raw |= 1;
        self.config &= !ALARM;
        if self.config & RELOAD != 0 {
            self.base = self.load;
            self.since = now;
        }
        u64::MAX
    }

    pub(crate) const fn line(&self) -> u64 {
        (self.raw & self.ena & 1) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_timer_fires_at_its_target_and_not_before() {
        let mut timer = SystemTimer::new();
        timer.write(0x20, 1000, 0);
        timer.write(0x50, 1, 0);
        timer.write(0x64, 1, 0);
        // Its comparator is not enabled yet.
        assert_eq!(timer.tick(20_000), u64::MAX);
        assert_eq!(timer.lines(), 0);
        timer.write(0x00, 1 << 30 | 1 << 24, 0);
        assert_eq!(timer.tick(9_990), 10_000);
        assert_eq!(timer.lines(), 0);
        assert_eq!(timer.tick(10_000), u64::MAX);
        assert_eq!(timer.lines(), 1);
        timer.write(0x6c, 1, 10_001);
        assert_eq!(timer.lines(), 0);
    }

    #[test]
    fn the_alarm_of_a_group_switches_itself_off() {
        let mut timer = TimerGroup::new();
        // 1 MHz of the 80 MHz bus.
        timer.write(0x00, RUNS | UP | ALARM | 80 << 13, 0);
        timer.write(0x10, 50, 0);
        timer.write(0x70, 1, 0);
        assert_eq!(timer.tick(0), 50 * 160);
        assert_eq!(timer.line(), 0);
        timer.tick(50 * 160);
        assert_eq!((timer.line(), timer.read(0) & ALARM), (1, 0));
    }
}
