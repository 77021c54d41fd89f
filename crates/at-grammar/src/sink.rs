//! Where written bytes go: a growing run of bytes that knows when it is full.
//!
//! Lines and replies are bytes, not text: a network name may be anything. Writing is synchronous;
//! the owner of a port writes into a buffer first and sends that.

use core::fmt;

/// The destination has no room for what was to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Full {
    /// The capacity that would have been enough for everything written up to here.
    pub needed: usize,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "buffer is full, {} bytes are needed", self.needed)
    }
}

impl core::error::Error for Full {}

/// Takes bytes in order.
///
/// A refused `put` stores nothing, but earlier parts of the same message stay: ask
/// [`Reply::size`](crate::Reply::size) or [`Command::size`](crate::Command::size) first where half
/// a message would hurt.
pub trait Sink {
    /// Appends all of `bytes`, or nothing.
    ///
    /// # Errors
    ///
    /// [`Full`]: not all of `bytes` fit, and none was stored.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Full>;
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        (**self).put(bytes)
    }
}

impl<const N: usize> Sink for heapless::Vec<u8, N> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let needed = self.len().saturating_add(bytes.len());
        self.extend_from_slice(bytes).map_err(|_| Full { needed })
    }
}

#[cfg(feature = "alloc")]
impl Sink for alloc::vec::Vec<u8> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// Fills a borrowed slice from its start.
#[derive(Debug)]
pub struct SliceSink<'b> {
    buffer: &'b mut [u8],
    len: usize,
}

impl<'b> SliceSink<'b> {
    /// Starts at the beginning of `buffer`.
    #[must_use]
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    /// What was written so far.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }
}

impl Sink for SliceSink<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let end = self.len.saturating_add(bytes.len());
        match self.buffer.get_mut(self.len..end) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.len = end;
                Ok(())
            }
            None => Err(Full { needed: end }),
        }
    }
}

/// Stores nothing and counts: how large would it be?
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Measure(usize);

impl Measure {
    /// Runs `write` and returns how many bytes it wrote.
    pub(crate) fn of(write: impl FnOnce(&mut dyn Sink) -> Result<(), Full>) -> usize {
        let mut measure = Self::default();
        match write(&mut measure) {
            Ok(()) => measure.0,
            Err(full) => full.needed,
        }
    }

    /// Bytes counted so far.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0
    }
}

impl Sink for Measure {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(())
    }
}

/// `write!` for a sink.
pub(crate) fn print(out: &mut dyn Sink, args: fmt::Arguments<'_>) -> Result<(), Full> {
    struct Adapter<'s> {
        out: &'s mut dyn Sink,
        full: Option<Full>,
    }
    impl fmt::Write for Adapter<'_> {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            self.out.put(part.as_bytes()).map_err(|full| {
                self.full = Some(full);
                fmt::Error
            })
        }
    }
    let mut adapter = Adapter { out, full: None };
    // An error without `full` would come from a failing `Display`; none of ours fails by itself.
    let _ = fmt::write(&mut adapter, args);
    adapter.full.map_or(Ok(()), Err)
}

/// Numbers, addresses and other things that `Display` as they stand on the wire.
pub(crate) fn show(out: &mut dyn Sink, value: impl fmt::Display) -> Result<(), Full> {
    print(out, format_args!("{value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_sink_names_the_size_it_needs_and_keeps_what_fitted() {
        for room in 0..8 {
            let mut buffer = [0; 8];
            let mut sink = SliceSink::new(&mut buffer[..room]);
            let mut result = sink.put(b"abc");
            if result.is_ok() {
                result = print(&mut sink, format_args!("{}", "de"));
            }
            if room >= 5 {
                assert_eq!(result, Ok(()));
                assert_eq!(sink.written(), b"abcde");
            } else if room >= 3 {
                assert_eq!(result, Err(Full { needed: 5 }));
                assert_eq!(sink.written(), b"abc");
            } else {
                assert_eq!(result, Err(Full { needed: 3 }));
                assert_eq!(sink.written(), b"");
            }
        }
    }

    #[test]
    fn every_sink_agrees_with_the_measure() {
        let mut vec = heapless::Vec::<u8, 16>::new();
        print(&mut vec, format_args!("{:#x}", 0x2a000)).unwrap();
        let size = Measure::of(|out| print(out, format_args!("{:#x}", 0x2a000)));
        assert_eq!(vec.as_slice(), b"0x2a000");
        assert_eq!(size, vec.len());
    }
}
