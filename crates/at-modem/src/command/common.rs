//! What handlers of many families do.

use at_grammar::{Info, Reply, Suffix};

use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::flash::NotStored;
use crate::platform::Platform;
use crate::settings::key::Key;

/// One information line and `OK`.
pub(super) async fn one_line<P: Platform>(
    cx: &Cx<'_, '_, P>,
    info: Info<'_>,
) -> Result<Done, CommandError> {
    cx.port
        .print(cx.settings)
        .await
        .replies(&[Reply::Info(info), Reply::Ok])
        .await;
    Ok(Done::Printed)
}

/// Stores a setting unless `AT+SYSSTORE=0`, or as the command's name says it. A setting that
/// cannot be stored is not made.
pub(super) async fn store_if_wanted<P: Platform>(
    cx: &Cx<'_, '_, P>,
    key: Key,
    value: &[u8],
) -> Result<(), CommandError> {
    let named = cx.port.suffix().map(Suffix::stores);
    if named.unwrap_or(cx.settings.read(|values| values.port.sysstore)) {
        store_always(cx, key, value).await
    } else {
        Ok(())
    }
}

/// Stores a setting.
pub(super) async fn store_always<P: Platform>(
    cx: &Cx<'_, '_, P>,
    key: Key,
    value: &[u8],
) -> Result<(), CommandError> {
    let stored = cx.flash.store(key, value).await;
    stored.map_err(|NotStored| Failure::FlashFailed.into())
}
