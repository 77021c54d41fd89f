//! The interrupt matrix: 62 sources on 31 lines with a priority each (technical reference manual, chapter 8).

/// Which of the sources are active, a bit each.
type Sources = u64;

const SOURCES: u32 = 62;
const ENABLE: u32 = 0x104;
const TYPE: u32 = 0x108;
const CLEAR: u32 = 0x10c;
const STATUS: u32 = 0x110;
const PRIORITY: u32 = 0x114;
const THRESHOLD: u32 = 0x194;

/// Registers of the matrix, from 0x600C2000 on.
pub(crate) struct Interrupts {
    map: [u32; SOURCES as usize],
    enabled: u32,
    /// A bit for each line that is triggered by edges.
    edges: u32,
    latched: u32,
    priority: [u32; 32],
    threshold: u32,
    active: Sources,
    /// Lines that have an active source.
    high: u32,
    pending: Option<u32>,
}

impl Interrupts {
    pub(crate) const fn new() -> Self {
        Self {
            map: [0; SOURCES as usize],
            enabled: 0,
            edges: 0,
            latched: 0,
            priority: [0; 32],
            threshold: 0,
            active: 0,
            high: 0,
            pending: None,
        }
    }

    /// The line that the core is to serve next.
    #[inline(always)]
    pub(crate) const fn pending(&self) -> Option<u32> {
        self.pending
    }

    /// No interrupt is being served: its handler would have raised the threshold.
    pub(crate) const fn at_rest(&self) -> bool {
        self.threshold <= 1
    }

    /// Takes the levels of all sources. `true` if another line is pending now.
    pub(crate) fn set(&mut self, active: Sources) -> bool {
        if active == self.active {
            return false;
        }
        self.active = active;
        self.update()
    }

    fn update(&mut self) -> bool {
        let was = self.pending;
        let mut high = 0;
        for (source, line) in self.map.iter().enumerate() {
            if self.active >> source & 1 == 1 {
                high |= 1 << (line & 31);
            }
        }
        self.latched |= high & !self.high & self.edges;
        self.high = high;
        let candidates = self.asserted() & self.enabled & !1;
        // Among equals the lowest number is first.
        self.pending = (1..32)
            .filter(|line| candidates >> line & 1 == 1)
            .filter(|line| {
                let priority = self.priority[*line as usize];
                priority != 0 && priority >= self.threshold
            })
            .max_by_key(|line| (self.priority[*line as usize], 32 - line));
        self.pending != was
    }

    const fn asserted(&self) -> u32 {
        self.high & !self.edges | self.latched
    }

    pub(crate) fn read(&self, offset: u32) -> u32 {
        match offset {
            0..0xf8 => self.map[(offset / 4) as usize],
            0xf8 => self.active as u32,
            0xfc => (self.active >> 32) as u32,
            ENABLE => self.enabled,
            TYPE => self.edges,
            STATUS => self.asserted(),
            PRIORITY..THRESHOLD => self.priority[((offset - PRIORITY) / 4) as usize],
            THRESHOLD => self.threshold,
            _ => 0,
        }
    }

    pub(crate) fn write(&mut self, offset: u32, value: u32) -> bool {
        match offset {
            0..0xf8 => self.map[(offset / 4) as usize] = value & 31,
            ENABLE => self.enabled = value,
            TYPE => self.edges = value,
            CLEAR => self.latched &= !value,
            PRIORITY..THRESHOLD => self.priority[((offset - PRIORITY) / 4) as usize] = value & 15,
            THRESHOLD => self.threshold = value & 15,
            _ => {}
        }
        self.update()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_highest_priority_that_is_not_below_the_threshold() {
        let mut matrix = Interrupts::new();
        for (source, line, priority) in [(22, 3, 2), (32, 4, 5), (50, 5, 5)] {
            matrix.write(source * 4, line);
            matrix.write(PRIORITY + line * 4, priority);
        }
        matrix.write(ENABLE, u32::MAX);
        matrix.set(1 << 22);
        assert_eq!(matrix.pending(), Some(3));
        matrix.set(1 << 22 | 1 << 32 | 1 << 50);
        assert_eq!(matrix.pending(), Some(4));
        matrix.set(1 << 22 | 1 << 50);
        assert_eq!(matrix.pending(), Some(5));
        matrix.write(THRESHOLD, 5);
        assert_eq!(matrix.pending(), Some(5));
        matrix.write(THRESHOLD, 6);
        assert_eq!(matrix.pending(), None);
        matrix.write(THRESHOLD, 2);
        matrix.write(ENABLE, 1 << 3);
        assert_eq!(matrix.pending(), Some(3));
        matrix.set(0);
        assert_eq!(matrix.pending(), None);
    }

    #[test]
    fn an_edge_lasts_until_it_is_cleared() {
        let mut matrix = Interrupts::new();
        matrix.write(0, 7);
        matrix.write(PRIORITY + 7 * 4, 1);
        matrix.write(ENABLE, 1 << 7);
        matrix.write(TYPE, 1 << 7);
        matrix.set(1);
        matrix.set(0);
        assert_eq!(matrix.pending(), Some(7));
        matrix.write(CLEAR, 1 << 7);
        assert_eq!(matrix.pending(), None);
    }
}
