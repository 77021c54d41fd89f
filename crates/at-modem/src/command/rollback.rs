//! `AT+SYSROLLBACK`: the program in the other slot is started from now on; its query says what is in both slots
//! (spec: at-commands B.1; ota 1).
//!
//! Only a program that is whole and made for this chip is selected, so the bootloader finds one that it starts. Which
//! firmware it is does not matter: a module that had ESP-AT in its other slot goes back to it.

use at_grammar::commands::rollback::{RollbackLine, SlotFields};
use at_grammar::{Info, Reply};
use embedded_storage_async::nor_flash::MultiwriteNorFlash;
use partition_store::app_image::{ChipId, Text};
use partition_store::{
    AccessError, AppImage, ImageError, Ota, PartitionStore as _, SelectError, Slot, SlotError,
};

use super::one_line;
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::platform::{Board as _, Platform};
use crate::why::log_text;

/// The program in the other slot is damaged.
const DAMAGED: CommandError = CommandError::Own(5);
/// It is for another chip.
const WRONG_CHIP: CommandError = CommandError::Own(6);

/// Selects the slot that does not run, and restarts.
pub(super) async fn to_other_slot<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    // A second on a chip: all of the program is read.
    cx.port.takes_long();
    select_other(cx).await?;
    cx.port.print(cx.settings).await.reply(&Reply::Ok).await;
    Ok(Done::Restart)
}

/// Says which program runs, and whether the other one can be started.
pub(super) async fn show<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    // All of both programs is read.
    cx.port.takes_long();
    let (running, other) = {
        let chip = chip(cx)?;
        let mut store = cx.flash.lock().await;
        let mut ota = store.ota().ok_or(Failure::NotOnThisBoard)?;
        let running = running(cx, &mut ota).await?;
        let other = look(&mut ota, running.other(), chip).await?;
        (look(&mut ota, running, chip).await?, other)
    };
    let line = RollbackLine {
        running: running.fields(),
        other: other.fields(),
    };
    one_line(cx, Info::Sysrollback(line)).await
}

/// A slot as the query shows it.
struct Found {
    address: u32,
    version: Text,
    state: &'static str,
}

impl Found {
    fn fields(&self) -> SlotFields<'_> {
        SlotFields {
            address: self.address,
            version: self.version.as_str().into(),
            state: self.state.into(),
        }
    }
}

async fn look<F: MultiwriteNorFlash>(
    ota: &mut Ota<'_, F>,
    slot: Slot,
    chip: ChipId,
) -> Result<Found, CommandError> {
    let address = ota.slots().partition(slot).offset();
    let (version, state) = match ota.program(slot, chip).await {
        Ok(image) => (image.version, "good"),
        Err(SlotError::Image(ImageError::Flash(error))) => return Err(failed(&error)),
        Err(SlotError::Image(ImageError::Erased | ImageError::NoImage { .. })) => {
            (Text::new(), "empty")
        }
        Err(SlotError::WrongChip { .. }) => (Text::new(), "other_chip"),
        Err(_) => (Text::new(), "damaged"),
    };
    Ok(Found {
        address,
        version,
        state,
    })
}

/// The chip that programs have to be for.
fn chip<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<ChipId, CommandError> {
    Ok(ChipId::named(cx.product.chip).ok_or(Failure::NotOnThisBoard)?)
}

/// The slot of the program that runs.
async fn running<P: Platform, F: MultiwriteNorFlash>(
    cx: &Cx<'_, '_, P>,
    ota: &mut Ota<'_, F>,
) -> Result<Slot, CommandError> {
    let running = cx.board.program_address();
    match running.and_then(|address| ota.slots().at(address)) {
        Some(slot) => Ok(slot),
        None => Ok(ota.selected().await.map_err(|error| failed(&error))?.0),
    }
}

async fn select_other<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<(), CommandError> {
    let chip = chip(cx)?;
    let mut store = cx.flash.lock().await;
    let mut ota = store.ota().ok_or(Failure::NotOnThisBoard)?;
    let other = running(cx, &mut ota).await?.other();
    match ota.program(other, chip).await {
        Ok(image) => report(other, &image),
        Err(error) => return Err(refused(&error)),
    }
    ota.select(other).await.map_err(|error| match error {
        SelectError::Access(error) => failed(&error),
        _ => Failure::FlashFailed.into(),
    })
}

fn report(slot: Slot, image: &AppImage) {
    espat_log::info!(
        "from now on {}: {} {}",
        log_text(slot).as_str(),
        image.project.as_str(),
        image.version.as_str()
    );
}

fn failed<E>(error: &AccessError<E>) -> CommandError {
    Failure::from(error).into()
}

fn refused<E>(error: &SlotError<E>) -> CommandError {
    match error {
        SlotError::Image(ImageError::Erased | ImageError::NoImage { .. }) => {
            espat_log::warn!("no program in the other slot");
            Failure::Refused.into()
        }
        SlotError::Image(ImageError::Flash(error)) => failed(error),
        SlotError::WrongChip { found, .. } => {
            espat_log::warn!("the other slot has a program for chip {}", found.get());
            WRONG_CHIP
        }
        _ => {
            espat_log::warn!("the program in the other slot is damaged");
            DAMAGED
        }
    }
}
