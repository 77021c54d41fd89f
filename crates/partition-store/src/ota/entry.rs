//! One of the two entries of OTA data, and which of them decides; without flash.

use super::Slot;
use crate::crc::CRC;

/// Bytes of an entry.
pub(super) const ENTRY: usize = 32;
/// What an erased number reads as.
const ERASED: u32 = u32::MAX;
/// Slots that there are: the number of an entry counts modulo this.
const SLOTS: u32 = 2;

/// What is known of a program that was put into a slot.
///
/// The bootloader changes it only if it was built to roll back; espflash's are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum State {
    /// It has not been started yet.
    New,
    /// It was started once. If it is not confirmed before the next restart, the other slot starts.
    PendingVerify,
    /// It works.
    Valid,
    /// It reported that it does not work. The entry does not count.
    Invalid,
    /// It was started and not confirmed. The entry does not count.
    Aborted,
    /// Nothing is known, and nothing has to be confirmed.
    Undefined,
    /// A number without a meaning.
    Other(u32),
}

impl State {
    const fn from_number(number: u32) -> Self {
        match number {
            0 => Self::New,
            1 => Self::PendingVerify,
            2 => Self::Valid,
            3 => Self::Invalid,
            4 => Self::Aborted,
            ERASED => Self::Undefined,
            other => Self::Other(other),
        }
    }

    const fn number(self) -> u32 {
        match self {
            Self::New => 0,
            Self::PendingVerify => 1,
            Self::Valid => 2,
            Self::Invalid => 3,
            Self::Aborted => 4,
            Self::Undefined => ERASED,
            Self::Other(number) => number,
        }
    }
}

impl core::fmt::Display for State {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::PendingVerify => "to be confirmed",
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Aborted => "aborted",
            Self::Undefined => "undefined",
            Self::Other(number) => return write!(f, "state {number}"),
        })
    }
}

/// An entry that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) number: u32,
    pub(super) state: State,
}

impl Entry {
    /// What the bytes say, if the entry counts: its number is written, its CRC right, and its state neither invalid nor
    /// aborted.
    pub(super) fn parse(bytes: &[u8; ENTRY]) -> Option<Self> {
        let (number, rest) = bytes.split_first_chunk()?;
        let (_, ends) = rest.split_first_chunk::<20>()?;
        let (state, crc) = ends.split_first_chunk()?;
        let number = u32::from_le_bytes(*number);
        let entry = Self {
            number,
            state: State::from_number(u32::from_le_bytes(*state)),
        };
        let counts = number != ERASED
            && !matches!(entry.state, State::Invalid | State::Aborted)
            && crc == crc_of(number).to_le_bytes();
        counts.then_some(entry)
    }

    /// As it is stored. Nobody reads the label.
    pub(super) fn bytes(self) -> [u8; ENTRY] {
        let mut bytes = [0xff; ENTRY];
        let number = self.number.to_le_bytes().into_iter();
        let state = self.state.number().to_le_bytes().into_iter();
        let crc = crc_of(self.number).to_le_bytes().into_iter();
        for (to, from) in bytes.iter_mut().zip(number) {
            *to = from;
        }
        for (to, from) in bytes.iter_mut().skip(24).zip(state.chain(crc)) {
            *to = from;
        }
        bytes
    }

    /// The slot that it selects.
    pub(super) const fn slot(self) -> Slot {
        match self.number.wrapping_sub(1) % SLOTS {
            0 => Slot::Ota0,
            _ => Slot::Ota1,
        }
    }
}

fn crc_of(number: u32) -> u32 {
    CRC.checksum(&number.to_le_bytes())
}

/// The entry that decides, and its place; the first of two with the same number.
pub(super) fn deciding(entries: &[Option<Entry>; 2]) -> Option<(usize, Entry)> {
    match *entries {
        [Some(first), Some(second)] if second.number > first.number => Some((1, second)),
        [Some(first), _] => Some((0, first)),
        [None, Some(second)] => Some((1, second)),
        [None, None] => None,
    }
}

/// What to write, and where, so that `slot` is selected; `None` if there is no larger number.
pub(super) fn next(entries: &[Option<Entry>; 2], slot: Slot) -> Option<(usize, Entry)> {
    let (place, number) = match deciding(entries) {
        Some((place, entry)) => {
            let step = if entry.slot() == slot { SLOTS } else { 1 };
            (1 - place, entry.number.checked_add(step)?)
        }
        None => (
            0,
            match slot {
                Slot::Ota0 => 1,
                Slot::Ota1 => 2,
            },
        ),
    };
    let state = State::Undefined;
    (number != ERASED).then_some((place, Entry { number, state }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u32) -> Option<Entry> {
        let state = State::Undefined;
        Some(Entry { number, state })
    }

    /// Checksums as `otatool.py` of ESP-IDF computes them: `binascii.crc32(number, 0xFFFFFFFF)`.
    #[test]
    fn checksums_are_those_of_esp_idf() {
        for (number, crc) in [
            (1, 0x4743_989a),
            (2, 0x55f6_3774),
            (3, 0xed4a_5011),
            (u32::MAX - 1, 0x99f8_b879),
        ] {
            assert_eq!(crc_of(number), crc, "{number}");
        }
    }

    #[test]
    fn every_changed_bit_of_number_and_crc_makes_an_entry_not_count() {
        let good = entry(5).unwrap().bytes();
        assert_eq!(Entry::parse(&good), entry(5));
        for at in (0..4).chain(28..32) {
            for bit in 0..8 {
                let mut bytes = good;
                *bytes.get_mut(at).unwrap() ^= 1 << bit;
                assert_eq!(Entry::parse(&bytes), None, "byte {at}, bit {bit}");
            }
        }
        assert_eq!(Entry::parse(&[0xff; ENTRY]), None);
        assert_eq!(Entry::parse(&[0; ENTRY]), None);
    }

    #[test]
    fn what_is_invalid_or_aborted_does_not_count() {
        for number in 0..8 {
            let state = State::from_number(number);
            assert_eq!(state.number(), number);
            let bytes = Entry { number: 7, state }.bytes();
            assert_eq!(Entry::parse(&bytes).is_some(), ![3, 4].contains(&number));
        }
    }

    #[test]
    fn the_larger_number_decides_and_the_first_of_equals() {
        for (entries, decides) in [
            ([None, None], None),
            ([entry(3), None], Some((0, Slot::Ota0))),
            ([None, entry(2)], Some((1, Slot::Ota1))),
            ([entry(3), entry(4)], Some((1, Slot::Ota1))),
            ([entry(5), entry(4)], Some((0, Slot::Ota0))),
            ([entry(4), entry(4)], Some((0, Slot::Ota1))),
            ([entry(0), None], Some((0, Slot::Ota1))),
        ] {
            let found = deciding(&entries).map(|(place, entry)| (place, entry.slot()));
            assert_eq!(found, decides, "{entries:?}");
        }
    }

    #[test]
    fn a_change_goes_to_the_entry_that_does_not_decide_and_decides_from_then_on() {
        for first in (0..6).map(entry).chain([None]) {
            for second in (0..6).map(entry).chain([None]) {
                for slot in Slot::ALL {
                    let mut entries = [first, second];
                    let before = deciding(&entries);
                    let (place, new) = next(&entries, slot).unwrap();
                    assert_ne!(Some(place), before.map(|(place, _)| place));
                    *entries.get_mut(place).unwrap() = Some(new);
                    assert_eq!(deciding(&entries), Some((place, new)));
                    assert_eq!(new.slot(), slot);
                }
            }
        }
    }

    #[test]
    fn no_number_is_one_that_reads_as_erased() {
        for number in [u32::MAX - 2, u32::MAX - 1] {
            for slot in Slot::ALL {
                let found = next(&[entry(number), None], slot);
                assert!(found.is_none_or(|(_, entry)| entry.number == u32::MAX - 1));
            }
        }
    }
}
