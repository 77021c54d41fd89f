//! `AT+HEAPFAULT` and `AT+HEAPLEFT`, of this board alone: they make the heap of TLS sessions fail, so that the tests see
//! what becomes of the modem.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use at_grammar::{CommandSet as _, RawLine, Row, commands};
use at_modem::{Answer, CommandError, CustomCommands, Done};
use session_heap::Faults;

use crate::heap;

commands! {
    /// What the host may say.
    pub enum FaultCommand;
    /// What is reported.
    pub enum FaultInfo;
    // Requests of sessions since the last set form, and bytes that the reserve has free.
    // `=<n>,<all>`: from now on the n-th request fails; with 1 all that follow, too. `=0,0` for none.
    "AT+HEAPFAULT" { query FaultQuery; set FaultSet((u16, u8)); info Fault((u32, u32)); }
    // `=<bytes>`: sessions see no more than this as free; 65535 for all that is.
    "AT+HEAPLEFT" { set LeftSet(u16); }
}

/// Bytes that sessions see as free, at most.
static LEFT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Of so many free bytes, those that sessions see.
pub(crate) fn seen(free: usize) -> usize {
    free.min(LEFT.load(Relaxed))
}

/// Executes the commands.
#[derive(Debug)]
pub struct Own;

impl CustomCommands for Own {
    fn table(&self) -> &'static [Row] {
        FaultCommand::TABLE
    }

    async fn execute(
        &self,
        line: &RawLine<'_>,
        answer: &mut Answer<'_>,
    ) -> Result<Done, CommandError> {
        match FaultCommand::from_raw(line, answer.mux())? {
            FaultCommand::FaultQuery => {
                answer.info(&FaultInfo::Fault(heap::requests())).await?;
            }
            FaultCommand::FaultSet((number, all)) => {
                let number = usize::from(number);
                heap::inject(match (number, all) {
                    (0, _) => Faults::None,
                    (number, 0) => Faults::One(number),
                    (number, _) => Faults::From(number..),
                });
            }
            FaultCommand::LeftSet(bytes) => {
                let bytes = usize::from(bytes);
                let all = bytes == usize::from(u16::MAX);
                LEFT.store(if all { usize::MAX } else { bytes }, Relaxed);
            }
        }
        Ok(Done::Ok)
    }
}
