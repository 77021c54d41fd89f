//! What is left in a place, read back however its future ended.

use std::cell::Cell;
use std::fs::File;
use std::future::Future;
use std::hint::black_box;
use std::os::unix::fs::FileExt as _;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use wiped_place::Place;

/// How often `needle` lies in the memory of `of`, whatever was dropped there.
fn count<T>(of: &T, needle: &[u8]) -> usize {
    let mut bytes = vec![0; size_of::<T>()];
    let address = std::ptr::from_ref(of).addr();
    let read = File::open("/proc/self/mem")
        .and_then(|memory| memory.read_exact_at(&mut bytes, u64::try_from(address).unwrap_or(0)));
    assert!(read.is_ok(), "{read:?}");
    bytes
        .windows(needle.len())
        .filter(|part| *part == needle)
        .count()
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Says when it is dropped.
struct Witness<'w>(&'w Cell<u32>);

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

const KEY: [u8; 16] = *b"a key of a test!";

/// Has the key in its memory across `turns` awaits, and nothing in it wipes the key.
async fn session(key: [u8; 16], turns: u32, dropped: &Cell<u32>) -> u8 {
    let key = black_box(key);
    let _witness = Witness(dropped);
    for _ in 0..turns {
        let mut first = true;
        std::future::poll_fn(|_| match std::mem::replace(&mut first, false) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
    }
    black_box(key)[0]
}

#[test]
fn nothing_is_left_wherever_it_is_dropped() {
    // At 4 it has ended.
    for turns in 0..=4 {
        let dropped = Cell::new(0);
        let mut place = pin!(Place::empty());
        let mut placed = place.as_mut().fill(|| session(KEY, 3, &dropped));
        for turn in 0..turns {
            let outcome = poll(Pin::new(&mut placed));
            assert_eq!(outcome.is_ready(), turn == 3);
        }
        assert_eq!(dropped.get(), u32::from(turns == 4));
        drop(placed);
        assert_eq!(dropped.get(), u32::from(turns > 0), "{turns}");
        assert_eq!(count(&*place, &KEY), 0, "{turns}");
    }
}

#[test]
fn the_key_is_there_while_it_runs() {
    // Otherwise the other tests could not fail.
    let dropped = Cell::new(0);
    let mut plain = Box::pin(session(KEY, 3, &dropped));
    assert!(poll(plain.as_mut()).is_pending());
    assert!(count(&*plain, &KEY) > 0);
}

#[test]
fn a_future_that_is_forgotten_is_wiped_with_its_place() {
    let dropped = Cell::new(0);
    let mut place = pin!(Some(Place::empty()));
    let inner = place.as_mut().as_pin_mut().unwrap();
    let mut placed = inner.fill(|| session(KEY, 3, &dropped));
    assert!(poll(Pin::new(&mut placed)).is_pending());
    std::mem::forget(placed);
    assert!(count(&*place, &KEY) > 0);
    place.set(None);
    assert_eq!(dropped.get(), 1);
    assert_eq!(count(&*place, &KEY), 0);
}

#[test]
fn a_place_that_is_filled_again_wipes_what_was_forgotten() {
    let dropped = Cell::new(0);
    let mut place = pin!(Place::empty());
    let mut placed = place.as_mut().fill(|| session(KEY, 3, &dropped));
    assert!(poll(Pin::new(&mut placed)).is_pending());
    std::mem::forget(placed);
    let other = [0x55; 16];
    let mut placed = place.as_mut().fill(|| session(other, 3, &dropped));
    assert_eq!(dropped.get(), 1);
    assert!(poll(Pin::new(&mut placed)).is_pending());
    drop(placed);
    assert_eq!(dropped.get(), 2);
    assert_eq!(count(&*place, &KEY) + count(&*place, &other), 0);
}

#[test]
fn what_the_future_returns_arrives() {
    let dropped = Cell::new(0);
    let mut place = pin!(Place::empty());
    let value = embassy_futures::block_on(place.as_mut().fill(|| async {
        let _witness = Witness(&dropped);
        42
    }));
    assert_eq!((value, dropped.get()), (42, 1));
    assert_eq!(format!("{place:?}"), "Place { is_full: false, .. }");
}
