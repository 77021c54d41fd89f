//! A piece of memory with an allocator of its own.

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{Ordering, compiler_fence};

use rlsf::Tlsf;

/// 16 sizes within each power of two, and blocks of up to 1 MiB (2 MiB with pointers of 8 bytes): 1 KiB of lists.
type Blocks = Tlsf<'static, u16, u16, 16, 16>;

pub(crate) struct Region {
    blocks: Blocks,
    memory: Option<NonNull<[u8]>>,
    least_free: usize,
}

// SAFETY: the memory is the region's alone, and nothing in it depends on a thread.
unsafe impl Send for Region {}

impl Region {
    pub(crate) const EMPTY: Self = Self {
        blocks: Blocks::new(),
        memory: None,
        least_free: 0,
    };

    pub(crate) fn start(&mut self, memory: &'static mut [MaybeUninit<u8>]) {
        if self.memory.is_some() {
            return;
        }
        let len = memory.len();
        let first = NonNull::from(memory).cast::<u8>();
        let memory = NonNull::slice_from_raw_parts(first, len);
        // SAFETY: borrowed for ever, and handed on to nobody else.
        if let Some(used) = unsafe { self.blocks.insert_free_block_ptr(memory) } {
            // What is behind the last block is no block.
            self.memory = Some(NonNull::slice_from_raw_parts(first, used.get()));
            self.forget_least();
        }
    }

    pub(crate) fn owns(&self, block: *const u8) -> bool {
        self.memory.is_some_and(|memory| {
            let start = memory.cast::<u8>().addr().get();
            (start..start + memory.len()).contains(&block.addr())
        })
    }

    pub(crate) fn take(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let block = self.blocks.allocate(layout)?;
        self.note();
        Some(block)
    }

    /// Takes a block back, if it is its own.
    ///
    /// # Safety
    ///
    /// A block that is its own was taken with this layout, and not given back yet.
    pub(crate) unsafe fn give(&mut self, block: *mut u8, layout: Layout) -> bool {
        match NonNull::new(block).filter(|block| self.owns(block.as_ptr())) {
            Some(block) => {
                // SAFETY: the caller's promise.
                unsafe { wipe(block, 0, layout.size()) };
                // SAFETY: as above.
                unsafe { self.blocks.deallocate(block, layout.align()) };
                true
            }
            None => false,
        }
    }

    /// Changes a block's size, where it stands if there is room behind it. `None` leaves it as it is.
    ///
    /// # Safety
    ///
    /// The block is its own, and was taken with this alignment and `size` bytes.
    pub(crate) unsafe fn resize(
        &mut self,
        block: *mut u8,
        size: usize,
        wanted: Layout,
    ) -> Option<NonNull<u8>> {
        let block = NonNull::new(block)?;
        if wanted.size() < size {
            // SAFETY: the caller's promise. What is behind the new end is not the caller's any more.
            unsafe { wipe(block, wanted.size(), size) };
        }
        // SAFETY: the caller's promise.
        let block = unsafe { self.blocks.reallocate(block, wanted) }?;
        self.note();
        Some(block)
    }

    /// Walks the blocks, some hundred during a handshake: exact, and a thousandth of what the handshake takes.
    fn sizes(&self) -> impl Iterator<Item = usize> {
        let memory = self.memory.into_iter();
        memory.flat_map(|memory| {
            // SAFETY: the memory that the blocks were made of.
            let blocks = unsafe { self.blocks.iter_blocks(memory) };
            blocks
                .filter(|block| !block.is_occupied())
                .map(|block| block.max_payload_size())
        })
    }

    pub(crate) fn free(&self) -> usize {
        self.sizes().sum()
    }

    /// The largest request that is sure to be served: a block is looked for among those of the next size.
    pub(crate) fn largest(&self) -> usize {
        let largest = self.sizes().max().unwrap_or(0);
        largest.saturating_sub(largest / 16)
    }

    fn note(&mut self) {
        self.least_free = self.least_free.min(self.free());
    }

    pub(crate) const fn least_free(&self) -> usize {
        self.least_free
    }

    pub(crate) fn forget_least(&mut self) {
        self.least_free = self.free();
    }
}

/// Writes zeros from one place of a block to another: keys and data of sessions are in many blocks, and their owners wipe few.
///
/// # Safety
///
/// The block has `to` bytes, and nobody else uses them.
unsafe fn wipe(block: NonNull<u8>, from: usize, to: usize) {
    // SAFETY: the caller's promise.
    unsafe { block.add(from).write_bytes(0, to.saturating_sub(from)) };
    // Not to be left out because nobody reads them.
    compiler_fence(Ordering::SeqCst);
}
