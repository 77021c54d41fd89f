//! The networks of a scan that are worth keeping.

use core::cmp::Reverse;

use heapless::Vec;

use super::AccessPoint;

/// The strongest networks of a scan, `N` of them at most, in the order they were found.
#[derive(Debug)]
pub(crate) struct Strongest<const N: usize> {
    kept: Vec<AccessPoint, N>,
    left_out: usize,
}

impl<const N: usize> Strongest<N> {
    pub(crate) const fn new() -> Self {
        Self {
            kept: Vec::new(),
            left_out: 0,
        }
    }

    /// Keeps a network, if it is stronger than the weakest one or there is room. An access point that is
    /// heard on two channels is one.
    pub(crate) fn add(&mut self, found: &AccessPoint) {
        let same = |kept: &&mut AccessPoint| kept.bssid == found.bssid && kept.ssid == found.ssid;
        if let Some(kept) = self.kept.iter_mut().find(same) {
            if found.rssi > kept.rssi {
                kept.clone_from(found);
            }
            return;
        }
        if self.kept.is_full() {
            self.left_out += 1;
            let weakest = self.kept.iter().enumerate();
            // Of several the last one.
            let weakest = weakest.min_by_key(|(index, kept)| (kept.rssi, Reverse(*index)));
            match weakest {
                Some((index, kept)) if kept.rssi < found.rssi => self.kept.remove(index),
                _ => return,
            };
        }
        // There is room now.
        let _ = self.kept.push(found.clone());
    }

    /// The strongest first.
    // By insertion, 2,000 exchanges at most for 64 networks: the sort of `core` takes 2.3 KB of an image for each type.
    pub(crate) fn sort(&mut self) {
        let key = |kept: &AccessPoint| (Reverse(kept.rssi), kept.bssid);
        for end in 1..self.kept.len() {
            for at in (1..=end).rev() {
                match self.kept.get(at.saturating_sub(1)..=at) {
                    Some([before, kept]) if key(kept) < key(before) => {
                        self.kept.swap(at.saturating_sub(1), at);
                    }
                    _ => break,
                }
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &AccessPoint> {
        self.kept.iter()
    }

    /// How many more there were.
    pub(crate) const fn left_out(&self) -> usize {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;

    use super::*;
    use crate::wifi::{Encryption, Ssid};

    fn network(number: u8, rssi: i8) -> AccessPoint {
        AccessPoint {
            ssid: Ssid::from_slice(b"crowd").unwrap(),
            bssid: [2, 0, 0, 0, 0, number],
            channel: 1 + number % 13,
            rssi,
            encryption: Encryption::Open,
        }
    }

    fn strengths<const N: usize>(list: &Strongest<N>) -> alloc::vec::Vec<i8> {
        list.iter().map(|kept| kept.rssi).collect()
    }

    #[test]
    fn of_a_crowd_the_strongest_are_kept_in_the_order_they_were_found() {
        // 199 networks, each strength once, in an order of its own.
        let mut list = Strongest::<64>::new();
        for number in 0..199_u8 {
            let rssi = i8::try_from(-(i16::from(number) * 71 % 128)).unwrap();
            list.add(&network(number, rssi));
        }
        assert_eq!(list.left_out(), 199 - 64);
        let kept = strengths(&list);
        let mut all: alloc::vec::Vec<i16> =
            (0..199_i16).map(|number| -(number * 71 % 128)).collect();
        all.sort_unstable();
        let weakest = i8::try_from(all[199 - 64]).unwrap();
        assert_eq!(kept.len(), 64);
        assert!(
            kept.iter().all(|rssi| *rssi >= weakest),
            "{kept:?} {weakest}"
        );
        let numbers: alloc::vec::Vec<u8> = list.iter().map(|kept| kept.bssid[5]).collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
        list.sort();
        assert!(strengths(&list).is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn the_first_of_equals_stay() {
        let mut list = Strongest::<2>::new();
        for number in 0..4 {
            list.add(&network(number, -50));
        }
        list.add(&network(9, -40));
        let numbers: alloc::vec::Vec<u8> = list.iter().map(|kept| kept.bssid[5]).collect();
        assert_eq!(numbers, [0, 9]);
        assert_eq!(list.left_out(), 3);
    }

    #[test]
    fn an_access_point_that_is_heard_twice_is_one_with_its_better_strength() {
        let mut list = Strongest::<4>::new();
        for rssi in [-60, -45, -70] {
            list.add(&network(1, rssi));
        }
        // Another name of the same access point is another network.
        let mut other = network(1, -60);
        other.ssid = Ssid::from_slice(b"guests").unwrap();
        list.add(&other);
        assert_eq!(strengths(&list), [-45, -60]);
        assert_eq!(list.left_out(), 0);
    }
}
