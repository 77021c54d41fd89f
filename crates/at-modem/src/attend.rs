//! Looks after the port while a command runs: payload goes to the command, the rest is turned away.

use core::future::pending;

use embassy_futures::select::{Either4, select4};
use embassy_time::{Duration, Instant, Timer};
use embedded_io_async::Read;

use crate::command;
use crate::escape::{Escape, PLUSES, Verdict};
use crate::input::{Gone, Input};
use crate::platform::Platform;
use crate::state::{ENDLESS, Phase, Shared};

/// How long data before the way out may take to be sent. A host waits a second after `+++`.
pub(crate) const GRACE: Duration = Duration::from_millis(400);

/// How often a full input is looked at again.
const LOOK: Duration = Duration::from_millis(250);

/// Bytes that go to the command at a time.
const PIECE: usize = 128;

/// Runs until the port is gone, or dropped because the command is over.
pub(crate) async fn attend<P: Platform>(
    shared: &Shared<'_, P>,
    input: &mut Input<'_, impl Read>,
) -> Gone {
    loop {
        let served = match shared.phase.get() {
            Phase::Instant => {
                shared.phase_changed.wait().await;
                Ok(())
            }
            Phase::Payload(left) => payload(shared, input, left).await,
            Phase::Cancellable(left) => cancellable(shared, input, left).await,
            Phase::Quoted(left) => quoted(shared, input, left).await,
            Phase::Long => turn_away(shared, input).await,
        };
        if let Err(gone) = served {
            return gone;
        }
    }
}

async fn payload<P: Platform>(
    shared: &Shared<'_, P>,
    input: &mut Input<'_, impl Read>,
    left: usize,
) -> Result<(), Gone> {
    if left == 0 {
        shared.set_phase(Phase::Long);
        return Ok(());
    }
    let bytes = input.peek().await?;
    let piece = bytes.get(..left).unwrap_or(bytes);
    let taken = shared.intake.write(piece).await;
    input.consume(taken);
    shared.set_phase(Phase::Payload(left.saturating_sub(taken)));
    Ok(())
}

/// A payload that `+++` can end. The port is listened to even while the command takes nothing, so
/// that the way out is found behind data that cannot be sent.
async fn cancellable<P: Platform>(
    shared: &Shared<'_, P>,
    input: &mut Input<'_, impl Read>,
    mut left: usize,
) -> Result<(), Gone> {
    let mut escape = Escape::new();
    // Bytes at the front of the input that are known to be data.
    let mut data = 0_usize;
    // When the way out was found.
    let mut out: Option<Instant> = None;
    if !input.pending().is_empty() {
        let held = escape.on_burst(input.pending(), Instant::now());
        data = input.pending().len().saturating_sub(held);
    }
    loop {
        if out.is_none() && input.pending().len() >= left {
            // The payload is complete: pluses at its end are data, and what follows is too much.
            escape.release();
            data = left;
        }
        if left == 0 {
            shared.set_phase(Phase::Long);
            return Ok(());
        }
        if out.is_some() && data == 0 {
            input.consume(PLUSES);
            shared.set_phase(Phase::Long);
            shared.escaped.signal(());
            return Ok(());
        }
        let mut piece = [0; PIECE];
        let known = input.pending().get(..data).unwrap_or_default();
        let mut count = 0_usize;
        for (to, from) in piece.iter_mut().zip(known) {
            *to = *from;
            count = count.saturating_add(1);
        }
        let write = async {
            if count == 0 {
                pending::<()>().await;
            }
            shared
                .intake
                .write(piece.get(..count).unwrap_or_default())
                .await
        };
        let deadline = match out {
            Some(since) => Some(since.saturating_add(GRACE)),
            None => escape.deadline(),
        };
        let silence = async {
            match deadline {
                Some(at) => Timer::at(at).await,
                None => pending().await,
            }
        };
        if input.is_full() && shared.passthrough.get() && !shared.any_link_open() {
            // Nobody takes it, and the way out may be behind it.
            espat_log::warn!("no link: {} bytes of passthrough are dropped", data);
            input.consume(data);
            data = 0;
            continue;
        }
        let more = async {
            if out.is_some() {
                pending::<()>().await;
            }
            if input.is_full() {
                Timer::after(LOOK).await;
                return Ok(0);
            }
            input.more().await
        };
        match select4(write, more, silence, shared.phase_changed.wait()).await {
            Either4::First(taken) => {
                input.consume(taken);
                data = data.saturating_sub(taken);
                if left != ENDLESS {
                    left = left.saturating_sub(taken);
                }
            }
            Either4::Second(Ok(0)) => {}
            Either4::Second(count) => {
                let count = count?;
                let now = Instant::now();
                let all = input.pending().len();
                let before = all.saturating_sub(count);
                if deadline.is_some_and(|deadline| deadline < now) {
                    match escape.on_time() {
                        Verdict::Out => {
                            // What came just now is a command line already.
                            data = before.saturating_sub(PLUSES);
                            out = Some(now);
                            continue;
                        }
                        Verdict::Data(_) => {}
                    }
                }
                let burst = input.pending().get(before..).unwrap_or_default();
                let held = escape.on_burst(burst, now);
                data = all.saturating_sub(held);
            }
            Either4::Third(()) if out.is_some() => {
                // The command takes no more.
                input.consume(data);
                data = 0;
            }
            Either4::Third(()) => match escape.on_time() {
                Verdict::Out => out = Some(Instant::now()),
                Verdict::Data(held) => data = data.saturating_add(held),
            },
            // The command has seen enough.
            Either4::Fourth(()) => return Ok(()),
        }
    }
}

/// `AT+CIPSENDEX`: a backslash takes the next byte as it is, but `\0` ends the payload.
async fn quoted<P: Platform>(
    shared: &Shared<'_, P>,
    input: &mut Input<'_, impl Read>,
    mut left: usize,
) -> Result<(), Gone> {
    let mut backslash = false;
    while left > 0 {
        let Some(&byte) = input.peek().await?.first() else {
            continue;
        };
        let byte = match (core::mem::take(&mut backslash), byte) {
            (true, b'0') => {
                input.consume(1);
                shared.set_phase(Phase::Long);
                shared.escaped.signal(());
                return Ok(());
            }
            (false, b'\\') => {
                backslash = true;
                input.consume(1);
                continue;
            }
            (_, byte) => byte,
        };
        if shared.intake.write(&[byte]).await == 1 {
            input.consume(1);
            left = left.saturating_sub(1);
        }
    }
    shared.set_phase(Phase::Long);
    Ok(())
}

/// `busy p...` for whatever comes while the command waits for something outside.
async fn turn_away<P: Platform>(
    shared: &Shared<'_, P>,
    input: &mut Input<'_, impl Read>,
) -> Result<(), Gone> {
    let bytes = input.peek().await?;
    // Only after waiting is it certain that the command still runs.
    if shared.phase.get() != Phase::Long {
        return Ok(());
    }
    let blank = bytes
        .iter()
        .all(|byte| matches!(byte, b'\r' | b'\n' | b' '));
    let count = bytes.len();
    input.consume(count);
    if !blank {
        command::busy(shared).await;
    }
    Ok(())
}
