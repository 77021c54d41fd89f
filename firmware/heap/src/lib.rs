//! A heap for TLS sessions of rustls, with a reserve for a request that fails.
//!
//! ```text
//! request ─┬─ inside a session's call ─▶ sessions ── no room ──▶ reserve, and `leave` reports it
//!          └─ anywhere else ───────────▶ outside (or sessions, where nobody else allocates)
//! release ───── by address ────────────▶ where it came from
//! ```
//!
//! Where other threads allocate while a session's call runs, [`SessionHeap::start_on_thread`] keeps their requests apart.
//!
//! In Rust a request that fails ends the program, and rustls makes many. So a session's request that finds no room is
//! served from the reserve, and [`SessionHeap::leave`] says so: the session then ends, and gives back what it took.
//! The reserve holds what one call of the engine takes; a session that was let in because its whole budget is free
//! does not need it.
//!
//! A block is wiped when it is given back, and so is the end of one that shrinks. One that grows may be moved, and the old
//! copy stays until it is overwritten.
#![no_std]

mod region;

use core::alloc::{GlobalAlloc, Layout};
use core::cell::RefCell;
use core::mem::MaybeUninit;
use core::ops::RangeFrom;
use core::ptr;

use critical_section::Mutex;

use region::Region;

/// Requests of sessions that fail although there is room: for tests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Faults {
    /// None.
    #[default]
    None,
    /// This one alone, counted from 1 since [`SessionHeap::inject`].
    One(usize),
    /// This one and all that follow.
    From(RangeFrom<usize>),
}

impl Faults {
    fn hit(&self, request: usize) -> bool {
        match self {
            Self::None => false,
            Self::One(number) => *number == request,
            Self::From(range) => range.contains(&request),
        }
    }
}

// All zero before the start, or the lists of both regions, 2 KB, would be in flash as well.
struct State {
    sessions: Region,
    reserve: Region,
    /// Whether the caller runs on the thread of the sessions; where there is none, all are theirs.
    is_theirs: Option<fn() -> bool>,
    inside: bool,
    /// Bytes of the first request that found no room since a call began.
    failed: Option<usize>,
    faults: Faults,
    requests: usize,
}

/// A global allocator: `O` serves what is not a session's.
pub struct SessionHeap<O> {
    outside: O,
    /// Nobody but sessions allocates, so all of it is theirs.
    alone: bool,
    state: Mutex<RefCell<State>>,
}

/// In place of another allocator, where nobody but sessions allocates.
#[derive(Debug)]
pub struct Nobody;

// SAFETY: it hands out nothing.
unsafe impl GlobalAlloc for Nobody {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

impl SessionHeap<Nobody> {
    /// For a program in which nobody but sessions allocates.
    #[must_use]
    pub const fn alone() -> Self {
        Self {
            alone: true,
            ..Self::beside(Nobody)
        }
    }
}

impl<O> SessionHeap<O> {
    /// Beside another allocator. Until [`Self::start_on_thread`] says otherwise, nothing else allocates while a session's call
    /// runs.
    #[must_use]
    pub const fn beside(outside: O) -> Self {
        Self {
            outside,
            alone: false,
            state: Mutex::new(RefCell::new(State {
                sessions: Region::EMPTY,
                reserve: Region::EMPTY,
                is_theirs: None,
                inside: false,
                failed: None,
                faults: Faults::None,
                requests: 0,
            })),
        }
    }

    fn with<V>(&self, then: impl FnOnce(&mut State) -> V) -> V {
        critical_section::with(|section| then(&mut self.state.borrow_ref_mut(section)))
    }

    /// As [`Self::with`]; also says whether this is a request of a session's call.
    fn with_caller<V>(&self, then: impl FnOnce(&mut State, bool) -> V) -> V {
        self.with(|state| {
            let inside = state.inside && state.is_theirs.is_none_or(|is_theirs| is_theirs());
            then(state, inside)
        })
    }

    /// Gives it its memory. Called again, it changes nothing.
    pub fn start(
        &self,
        sessions: &'static mut [MaybeUninit<u8>],
        reserve: &'static mut [MaybeUninit<u8>],
    ) {
        self.with(|state| {
            state.sessions.start(sessions);
            state.reserve.start(reserve);
        });
    }

    /// As [`Self::start`], where other threads use the other allocator while a session's call runs. `is_theirs` says whether
    /// the caller runs on the thread of the sessions; it must not allocate.
    pub fn start_on_thread(
        &self,
        sessions: &'static mut [MaybeUninit<u8>],
        reserve: &'static mut [MaybeUninit<u8>],
        is_theirs: fn() -> bool,
    ) {
        self.with(|state| state.is_theirs = Some(is_theirs));
        self.start(sessions, reserve);
    }

    /// What is allocated from here on is a session's.
    pub fn enter(&self) {
        self.with(|state| {
            state.inside = true;
            state.failed = None;
        });
    }

    /// Ends what [`Self::enter`] began. Returns the bytes of the first request since then that found no room.
    pub fn leave(&self) -> Option<usize> {
        self.with(|state| {
            state.inside = false;
            state.failed.take()
        })
    }

    /// Bytes free for sessions, in all.
    pub fn free(&self) -> usize {
        self.with(|state| state.sessions.free())
    }

    /// Bytes of the largest block that is free for sessions.
    pub fn largest(&self) -> usize {
        self.with(|state| state.sessions.largest())
    }

    /// The least that [`Self::free`] ever was, since the start or [`Self::forget_least`].
    pub fn least_free(&self) -> usize {
        self.with(|state| state.sessions.least_free())
    }

    /// As [`Self::least_free`], of the reserve.
    pub fn reserve_least_free(&self) -> usize {
        self.with(|state| state.reserve.least_free())
    }

    /// Bytes free in the reserve.
    pub fn reserve_free(&self) -> usize {
        self.with(|state| state.reserve.free())
    }

    /// Restarts the count of the least.
    pub fn forget_least(&self) {
        self.with(|state| {
            state.sessions.forget_least();
            state.reserve.forget_least();
        });
    }

    /// Lets requests of sessions fail, counted from here on.
    pub fn inject(&self, faults: Faults) {
        self.with(|state| {
            state.faults = faults;
            state.requests = 0;
        });
    }

    /// Requests of sessions since [`Self::inject`].
    pub fn requests(&self) -> usize {
        self.with(|state| state.requests)
    }
}

impl State {
    /// Counts a request; whether it is to fail.
    fn fails(&mut self, inside: bool) -> bool {
        if !inside {
            return false;
        }
        self.requests = self.requests.saturating_add(1);
        self.faults.hit(self.requests)
    }

    /// A block of the sessions, or of the reserve.
    fn take(&mut self, layout: Layout, inside: bool, fails: bool) -> *mut u8 {
        let block = if fails {
            None
        } else {
            self.sessions.take(layout)
        };
        if let Some(block) = block {
            return block.as_ptr();
        }
        if !inside {
            return ptr::null_mut();
        }
        self.failed.get_or_insert(layout.size());
        self.reserve
            .take(layout)
            .map_or(ptr::null_mut(), ptr::NonNull::as_ptr)
    }
}

// SAFETY: a block comes from one of three allocators that are right, and goes back to the one whose memory it is in.
unsafe impl<O: GlobalAlloc> GlobalAlloc for SessionHeap<O> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let ours = self.with_caller(|state, inside| {
            (inside || self.alone).then(|| {
                let fails = state.fails(inside);
                state.take(layout, inside, fails)
            })
        });
        match ours {
            Some(block) => block,
            // SAFETY: the caller's promise.
            None => unsafe { self.outside.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let ours = self.with(|state| {
            let State {
                sessions, reserve, ..
            } = state;
            // SAFETY: the caller's promise; each region looks whether it is its own.
            let given = unsafe { sessions.give(block, layout) };
            // SAFETY: as above.
            given || unsafe { reserve.give(block, layout) }
        });
        if !ours {
            // SAFETY: the caller's promise.
            unsafe { self.outside.dealloc(block, layout) }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise: the size is not 0, and not too large for the alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        let known = self.with_caller(|state, inside| {
            if state.sessions.owns(block) {
                let fails = state.fails(inside);
                // SAFETY: the caller's promise, and the block is the region's.
                let same = (!fails)
                    .then(|| unsafe { state.sessions.resize(block, layout.size(), wanted) });
                return Some(match same.flatten() {
                    Some(same) => (same.as_ptr(), true),
                    None => (state.take(wanted, inside, true), false),
                });
            }
            let fails = state.reserve.owns(block) && state.fails(inside);
            state
                .reserve
                .owns(block)
                .then(|| (state.take(wanted, inside, fails), false))
        });
        let new = match known {
            Some((new, true)) => return new,
            Some((new, false)) => new,
            // SAFETY: the caller's promise.
            None => return unsafe { self.outside.realloc(block, layout, size) },
        };
        if !new.is_null() {
            // SAFETY: both blocks have that many bytes, and one of them was free.
            unsafe { ptr::copy_nonoverlapping(block, new, layout.size().min(size)) };
            // SAFETY: the caller's promise; its content is in the other one.
            unsafe { self.dealloc(block, layout) };
        }
        new
    }
}
