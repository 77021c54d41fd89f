//! The heap of sessions and that of everybody else, as the images have them: neither takes from the other, and who finds
//! no room is refused. One test, because a program has one allocator.

#![cfg(feature = "rustls")]

use std::alloc::System;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::Barrier;
use std::thread;

use session_heap::SessionHeap;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

/// Bytes for sessions, and of the reserve.
const SESSIONS: usize = 36 * 1024;
const RESERVE: usize = 8 * 1024;
/// Bytes of a block.
const BLOCK: usize = 1024;
/// Bytes that others take at once: more than all that sessions have.
const FLOOD: usize = 8 * (SESSIONS + RESERVE);

thread_local! {
    static IS_THEIRS: Cell<bool> = const { Cell::new(false) };
}

/// The thread of the sessions, as `guard::on_main` of the images.
fn on_their_thread() -> bool {
    IS_THEIRS.get()
}

#[global_allocator]
static HEAP: SessionHeap<&StatsAlloc<System>> = SessionHeap::beside(&INSTRUMENTED_SYSTEM);

/// A block, if there is room. A thread that is not a session's asks no session's heap.
fn block(bytes: usize) -> Option<Vec<u8>> {
    let mut block = Vec::new();
    block.try_reserve_exact(bytes).ok().map(|()| block)
}

/// What sessions take until they are refused. Returns the bytes that the heap of the others grew by, the blocks, and
/// whether a refusal was noted.
fn fill(blocks: &mut [Option<Vec<u8>>]) -> (usize, usize, bool) {
    let others = Region::new(&INSTRUMENTED_SYSTEM);
    HEAP.enter();
    let mut count = 0;
    for place in blocks.iter_mut() {
        *place = block(BLOCK);
        if place.is_none() {
            break;
        }
        count += 1;
    }
    let refused = HEAP.leave().is_some();
    (others.change().bytes_allocated, count, refused)
}

#[test]
fn neither_heap_takes_from_the_other_and_who_finds_no_room_is_refused() {
    let leak = |bytes| Box::leak(vec![MaybeUninit::<u8>::uninit(); bytes].into_boxed_slice());
    HEAP.start_on_thread(leak(SESSIONS), leak(RESERVE), on_their_thread);
    let whole = HEAP.free();
    let steps = Barrier::new(2);
    thread::scope(|scope| {
        // The radio's threads: they take while a call of a session's is under way, and while sessions have no byte left.
        let others = scope.spawn(|| {
            // No assertion here: the other thread would wait for ever.
            let mut served = 0;
            for _ in 0..2 {
                steps.wait();
                served += u8::from(block(FLOOD).is_some());
                steps.wait();
            }
            let held = block(FLOOD);
            steps.wait();
            steps.wait();
            served + u8::from(held.is_some())
        });
        IS_THEIRS.set(true);
        let mut blocks: [Option<Vec<u8>>; 64] = [const { None }; 64];

        HEAP.enter();
        steps.wait();
        steps.wait();
        assert_eq!(HEAP.leave(), None);
        assert_eq!(HEAP.free(), whole, "others took from the sessions' heap");

        let (grown, count, refused) = fill(&mut blocks);
        // Each block has a header; the reserve served the last ones.
        let fits = SESSIONS / (BLOCK + 64)..=(SESSIONS + RESERVE) / BLOCK;
        assert!(fits.contains(&count), "{count} blocks in {fits:?}");
        assert!(refused, "sessions were not refused");
        assert_eq!(grown, 0, "sessions took from the others' heap");
        HEAP.enter();
        steps.wait();
        steps.wait();
        assert_eq!(HEAP.leave(), None, "others were served by the reserve");
        blocks.fill(None);
        assert_eq!(HEAP.free(), whole);

        // However much the others hold, a session finds all of its own.
        steps.wait();
        let (_, again, _) = fill(&mut blocks);
        assert_eq!(again, count, "less room while others hold {FLOOD} bytes");
        blocks.fill(None);
        IS_THEIRS.set(false);
        steps.wait();
        assert_eq!(others.join().ok(), Some(3), "others were refused");
    });
}
