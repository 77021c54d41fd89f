//! `AT+SYSROLLBACK`: the program in the other slot is started from now on (spec: at-commands B.1; ota 1).
//!
//! Only a program that is whole and made for this chip is selected, so the bootloader finds one that it starts. Which
//! firmware it is does not matter: a module that had ESP-AT in its other slot goes back to it.

use at_grammar::Reply;
use partition_store::app_image::ChipId;
use partition_store::{
    AccessError, AppImage, ImageError, PartitionStore as _, SelectError, Slot, SlotError,
};

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

async fn select_other<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<(), CommandError> {
    let chip = ChipId::named(cx.product.chip).ok_or(Failure::NotOnThisBoard)?;
    let mut store = cx.flash.lock().await;
    let mut ota = store.ota().ok_or(Failure::NotOnThisBoard)?;
    let running = cx.board.program_address();
    let running = running.and_then(|address| ota.slots().at(address));
    let running = match running {
        Some(slot) => slot,
        None => ota.selected().await.map_err(|error| failed(&error))?.0,
    };
    let other = running.other();
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
