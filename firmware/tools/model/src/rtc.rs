//! What goes on when everything else is reset: the slow clock, the reasons of resets, the watchdog and
//! sleep (technical reference manual, chapters 9 and 12).

use std::collections::BTreeMap;

use crate::timers::CORE;

/// Of the slow clock, in hertz.
const SLOW: u64 = 136_000;

/// Why a chip starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reset {
    PowerOn = 0x01,
    Software = 0x03,
    DeepSleep = 0x05,
    Watchdog = 0x10,
}

const OPTIONS: u32 = 0x00;
const TIMER_LOW: u32 = 0x04;
const TIMER_HIGH: u32 = 0x08;
const TIME_UPDATE: u32 = 0x0c;
const SLEEP: u32 = 0x18;
const RESET_STATE: u32 = 0x38;
const WATCHDOG: u32 = 0x90;
const WATCHDOG_STAGE: u32 = 0x94;
const WATCHDOG_STAGE_AT_RESET: u32 = 200_000;
const FEED: u32 = 0xa4;

/// Registers from 0x60008000 on.
pub(crate) struct Rtc {
    others: BTreeMap<u32, u32>,
    latched: u64,
    cause: Reset,
    /// When the watchdog was fed.
    fed: u64,
    /// What the program, or the watchdog, asked for.
    pub(crate) wanted: Option<Reset>,
    /// When the chip wakes from its sleep.
    pub(crate) wakes: Option<u64>,
}

impl Rtc {
    pub(crate) const fn new() -> Self {
        Self {
            others: BTreeMap::new(),
            latched: 0,
            cause: Reset::PowerOn,
            fed: 0,
            wanted: None,
            wakes: None,
        }
    }

    const fn ticks(now: u64) -> u64 {
        now * SLOW / CORE
    }

    const fn cycles(ticks: u64) -> u64 {
        ticks * CORE / SLOW
    }

    /// The registers that a program leaves messages in for its next life are kept.
    pub(crate) fn started(&mut self, cause: Reset) {
        self.cause = cause;
        self.others.remove(&WATCHDOG);
        self.others.remove(&OPTIONS);
    }

    pub(crate) fn read(&self, offset: u32) -> u32 {
        match offset {
            0x10 => self.latched as u32,
            0x14 => (self.latched >> 32) as u32,
            RESET_STATE => self.cause as u32 | (self.cause as u32) << 6,
            _ => self.others.get(&offset).copied().unwrap_or(0),
        }
    }

    pub(crate) fn write(&mut self, offset: u32, value: u32, now: u64) {
        match offset {
            OPTIONS if value >> 31 & 1 == 1 => self.wanted = Some(Reset::Software),
            TIME_UPDATE if value >> 31 & 1 == 1 => self.latched = Self::ticks(now),
            SLEEP if value >> 31 & 1 == 1 => {
                let part = |offset| u64::from(self.others.get(&offset).copied().unwrap_or(0));
                let target = part(TIMER_HIGH) << 32 & 0xffff_0000_0000 | part(TIMER_LOW);
                self.wakes = Some(Self::cycles(target).max(now));
            }
            FEED => self.fed = now,
            _ => {
                if offset == WATCHDOG {
                    self.fed = now;
                }
                self.others.insert(offset, value);
            }
        }
    }

    /// Bites if it was not fed; gives when it would.
    pub(crate) fn tick(&mut self, now: u64) -> u64 {
        let conf = self.others.get(&WATCHDOG).copied().unwrap_or(0);
        let action = conf >> 28 & 7;
        if conf >> 31 == 0 || action < 2 {
            return u64::MAX;
        }
        let stage = self.others.get(&WATCHDOG_STAGE).copied();
        let stage = stage.unwrap_or(WATCHDOG_STAGE_AT_RESET);
        // The fuses of a chip that nobody changed stretch it to the double.
        let bites = self.fed + Self::cycles(u64::from(stage) * 2);
        if now >= bites {
            self.wanted = Some(Reset::Watchdog);
            self.fed = now;
        }
        bites
    }
}
