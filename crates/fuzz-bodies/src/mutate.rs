//! A loop of mutations for a stable compiler: blind, but the same in every run.

/// Numbers that look random and are the same in every run (xorshift64*).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A stream of its own for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`, or 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        usize::try_from(value).unwrap_or(0) % end.max(1)
    }

    fn byte(&mut self) -> u8 {
        const SPECIAL: [u8; 12] = [
            0, 1, 0x7f, 0x80, 0xff, b'\r', b'\n', b'"', b',', b'\\', b'=', b'0',
        ];
        match self.below(3) {
            0 => SPECIAL[self.below(SPECIAL.len())],
            _ => u8::try_from(self.below(256)).unwrap_or(0),
        }
    }
}

/// The next input: a seed, changed in a few places, cut, or crossed with another one.
pub fn mutated(random: &mut Random, seeds: &[Vec<u8>], longest: usize) -> Vec<u8> {
    let pick = |random: &mut Random| match seeds {
        [] => Vec::new(),
        seeds => seeds[random.below(seeds.len())].clone(),
    };
    let mut input = pick(random);
    if random.below(8) == 0 {
        let other = pick(random);
        input.truncate(random.below(input.len() + 1));
        input.extend(&other[random.below(other.len() + 1)..]);
    }
    if input.is_empty() || random.below(16) == 0 {
        let count = random.below(300);
        input.extend((0..count).map(|_| random.byte()));
    }
    for _ in 0..random.below(9) {
        let at = random.below(input.len() + 1);
        let count = 1 + random.below(8);
        let end = (at + count).min(input.len());
        match random.below(6) {
            0 => drop(input.drain(at..end)),
            1 => {
                let new: Vec<u8> = (0..count).map(|_| random.byte()).collect();
                drop(input.splice(at..at, new));
            }
            2 => {
                let copied = input[at..end].to_vec();
                let to = random.below(input.len() + 1);
                drop(input.splice(to..to, copied));
            }
            3 if at < input.len() => input[at] ^= 1 << random.below(8),
            4 if at < input.len() => {
                input[at] = input[at].wrapping_add(random.byte() & 3).wrapping_sub(1);
            }
            _ => {
                for place in &mut input[at..end] {
                    *place = random.byte();
                }
            }
        }
    }
    input.truncate(longest);
    input
}
