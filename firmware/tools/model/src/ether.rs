//! The OpenCores Ethernet controller of Espressif's QEMU (spec: openeth 1 to 4).

const OWNED: u32 = 1 << 15;
const NOTIFY: u32 = 1 << 14;
const LAST: u32 = 1 << 13;
const TX_EVENT: u32 = 1;
const RX_EVENT: u32 = 1 << 2;
const BUSY: u32 = 1 << 4;
const RX_ON: u32 = 1;
const TX_ON: u32 = 1 << 1;
const RESET: u32 = 1 << 11;
/// The frame check sequence, which counts as received.
const FCS: usize = 4;
const SHORTEST: usize = 60;

/// Registers from 0x600CD000 on, and the descriptors behind them.
pub(crate) struct Ether {
    mac: [u8; 6],
    mode: u32,
    events: u32,
    mask: u32,
    tx_count: u32,
    address: [u32; 2],
    hash: [u32; 2],
    descriptors: [u32; 256],
    tx: u32,
    rx: u32,
    /// Frames that no descriptor was free for.
    pub(crate) lost: u64,
}

/// A frame that leaves: where it is, and how long it is.
pub(crate) type Leaving = (u32, usize);

impl Ether {
    pub(crate) const fn new(mac: [u8; 6]) -> Self {
        let [a, b, c, d, e, f] = mac;
        Self {
            mac,
            mode: 0xa000,
            events: 0,
            mask: 0,
            tx_count: 0x40,
            address: [
                u32::from_be_bytes([c, d, e, f]),
                u32::from_be_bytes([0, 0, a, b]),
            ],
            hash: [0; 2],
            descriptors: [0; 256],
            tx: 0,
            rx: 0,
            lost: 0,
        }
    }

    pub(crate) fn read(&self, offset: u32) -> u32 {
        match offset {
            0x00 => self.mode,
            0x04 => self.events,
            0x08 => self.mask,
            0x18 => 0x0040_0600,
            0x20 => self.tx_count,
            0x40 | 0x44 => self.address[((offset - 0x40) / 4) as usize],
            0x48 | 0x4c => self.hash[((offset - 0x48) / 4) as usize],
            0x400..0x800 => self.descriptors[((offset - 0x400) / 4) as usize],
            _ => 0,
        }
    }

    /// Gives the frame that the store sends on its way.
    pub(crate) fn write(&mut self, offset: u32, value: u32) -> Option<Leaving> {
        match offset {
            0x00 => {
                if value & RESET != 0 && self.mode & RESET == 0 {
                    *self = Self::new(self.mac);
                }
                if value & TX_ON != 0 && self.mode & TX_ON == 0 {
                    self.tx = 0;
                }
                if value & RX_ON != 0 && self.mode & RX_ON == 0 {
                    self.rx = self.tx_count;
                }
                self.mode = value;
            }
            0x04 => self.events &= !value,
            0x08 => self.mask = value,
            0x20 => self.tx_count = value.min(128),
            0x40 | 0x44 => self.address[((offset - 0x40) / 4) as usize] = value,
            0x48 | 0x4c => self.hash[((offset - 0x48) / 4) as usize] = value,
            0x400..0x800 => {
                self.descriptors[((offset - 0x400) / 4) as usize] = value;
                let to_send = 0x400 + self.tx * 8;
                if offset == to_send && value & OWNED != 0 && self.mode & TX_ON != 0 {
                    return Some(self.send());
                }
            }
            _ => {}
        }
        None
    }

    fn send(&mut self) -> Leaving {
        let at = (self.tx * 2) as usize;
        let flags = self.descriptors[at];
        self.descriptors[at] = flags & !OWNED;
        if flags & NOTIFY != 0 {
            self.events |= TX_EVENT;
        }
        self.tx = if flags & LAST == 0 { self.tx + 1 } else { 0 };
        (self.descriptors[at + 1], (flags >> 16) as usize)
    }

    /// Takes a frame for this station; gives where its bytes go.
    pub(crate) fn receive(&mut self, frame: &[u8]) -> Option<u32> {
        if self.mode & RX_ON == 0 || !self.is_for_me(frame) {
            return None;
        }
        let at = (self.rx * 2) as usize;
        let flags = *self.descriptors.get(at)?;
        if flags & OWNED == 0 {
            self.events |= BUSY;
            self.lost += 1;
            return None;
        }
        let length = (frame.len().max(SHORTEST) + FCS) as u32;
        self.descriptors[at] = length << 16 | flags & 0x7fff;
        if flags & NOTIFY != 0 {
            self.events |= RX_EVENT;
        }
        self.rx = if flags & LAST == 0 {
            self.rx + 1
        } else {
            self.tx_count
        };
        Some(self.descriptors[at + 1])
    }

    fn is_for_me(&self, frame: &[u8]) -> bool {
        let Some(to) = frame.get(..6) else {
            return false;
        };
        let low = self.address[0].to_be_bytes();
        let high = self.address[1].to_be_bytes();
        // A multicast is let through by a hash; all ones let all of them.
        to == [high[2], high[3], low[0], low[1], low[2], low[3]]
            || to == [0xff; 6]
            || to[0] & 1 == 1 && self.hash == [u32::MAX; 2]
    }

    pub(crate) const fn line(&self) -> u64 {
        (self.events & self.mask != 0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_go_round_and_a_frame_without_one_is_lost() {
        let mac = [2, 0, 0, 0, 0, 9];
        let mut ether = Ether::new(mac);
        ether.write(0x20, 1);
        for index in 0..2 {
            ether.write(0x408 + index * 8 + 4, 0x3fc8_0000 + index * 0x600);
            let last = if index == 1 { LAST } else { 0 };
            ether.write(0x408 + index * 8, OWNED | NOTIFY | last);
        }
        ether.write(0x08, 0x15);
        let mut frame = vec![0; 14];
        frame[..6].copy_from_slice(&mac);
        assert_eq!(ether.receive(&frame), None, "not switched on");
        ether.write(0x00, RX_ON | TX_ON);
        assert_eq!(ether.receive(&frame), Some(0x3fc8_0000));
        assert_eq!(ether.line(), 1);
        assert_eq!(ether.read(0x408) >> 16, 64);
        assert_eq!(ether.receive(&frame), Some(0x3fc8_0600));
        assert_eq!((ether.receive(&frame), ether.lost), (None, 1));
        assert_eq!(ether.read(0x04), RX_EVENT | BUSY);
        ether.write(0x408, OWNED | NOTIFY);
        assert_eq!(ether.receive(&frame), Some(0x3fc8_0000));
        frame[5] = 8;
        ether.write(0x410, OWNED | NOTIFY | LAST);
        assert_eq!(ether.receive(&frame), None, "for somebody else");
        assert_eq!(ether.write(0x404, 0x3fc9_0000), None);
        let leaving = ether.write(0x400, 42 << 16 | OWNED | NOTIFY | LAST);
        assert_eq!(leaving, Some((0x3fc9_0000, 42)));
        assert_eq!(ether.read(0x400) & OWNED, 0);
    }
}
