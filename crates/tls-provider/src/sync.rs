//! Shared pointers, as rustls takes them.

/// `alloc`'s, or on processors without compare-and-swap (riscv32imc) that of `portable-atomic-util`:
/// there, rustls must be built with the same one.
#[cfg(target_has_atomic = "ptr")]
pub use alloc::sync::Arc;
#[cfg(not(target_has_atomic = "ptr"))]
pub use portable_atomic_util::Arc;
