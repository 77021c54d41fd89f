//! The pool and its generators.

use std::collections::BTreeSet;
use std::thread;
use std::vec;
use std::vec::Vec;

use super::*;

fn generator(byte: u8) -> Generator {
    Generator(Zeroizing::new([byte; 32]))
}

fn stream(key: [u8; 32], len: usize) -> Vec<u8> {
    let mut stream = vec![0; len];
    ChaCha20::new(&key.into(), &NONCE.into()).apply_keystream(&mut stream);
    stream
}

#[test]
fn output_comes_from_a_key_that_is_gone() {
    let mut random = generator(9);
    let mut out = [0xee; 100];
    random.fill_bytes(&mut out);

    let block = stream([9; 32], 64);
    let (next, this) = block.split_at(32);
    assert_eq!(random.0.as_slice(), next);
    assert_eq!(out.as_slice(), stream(this.try_into().unwrap(), 100));
}

#[test]
fn a_long_output_takes_several_keys() {
    let mut out = vec![0; 2 * STREAM + 1];
    generator(1).fill_bytes(&mut out);
    let mut random = generator(1);
    for part in out.chunks(STREAM) {
        let mut wanted = vec![0; part.len()];
        random.fill_bytes(&mut wanted);
        assert!(part == wanted);
    }
}

#[test]
fn an_empty_output_is_possible() {
    generator(1).fill_bytes(&mut []);
    stir(&[0; 32]);
    Pool.fill(&mut []).unwrap();
}

#[test]
fn words_differ_from_each_other() {
    let mut random = generator(3);
    let words: BTreeSet<u64> = (0..1000).map(|_| random.next_u64()).collect();
    assert_eq!(words.len(), 1000);
    assert_ne!(random.next_u32(), random.next_u32());
    let mut bytes = [0; 8];
    random.try_fill_bytes(&mut bytes).unwrap();
    assert_ne!(bytes, [0; 8]);
}

#[test]
fn weak_bytes_do_not_reset_the_pool() {
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        stir(&[0; 32]);
        let mut out = [0; 32];
        Pool.fill(&mut out).unwrap();
        assert!(seen.insert(out));
    }
}

#[test]
fn threads_never_get_the_same_bytes() {
    stir(&[5; 32]);
    let draw = || {
        let mut drawn = Vec::new();
        for round in 0..500_u16 {
            let mut out = [0; 16];
            Pool.fill(&mut out).unwrap();
            drawn.push(out);
            if round % 50 == 0 {
                stir(&[5; 32]);
            }
        }
        drawn
    };
    let threads: Vec<_> = (0..8).map(|_| thread::spawn(draw)).collect();
    let drawn: Vec<_> = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    let different: BTreeSet<_> = drawn.iter().collect();
    assert_eq!(different.len(), 8 * 500);
}

#[test]
fn a_generator_does_not_show_its_key() {
    assert_eq!(std::format!("{:?}", generator(200)), "Generator { .. }");
}
