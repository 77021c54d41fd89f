//! `AT+SSLVERSION` (ours): the versions of TLS that links offer.

use at_grammar::commands::trust::{SetVersions, VersionLine};
use at_grammar::{Info, Reply};

use super::ssl::{ids, target};
use super::{resume, store_if_wanted};
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::platform::Platform;
use crate::settings::key::Key;
use crate::settings::tls::{encode_versions, shown, versions};

pub(super) async fn show<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let all = cx.settings.read(|values| values.tls.versions);
    let mut print = cx.port.print(cx.settings).await;
    for (link, versions) in ids().zip(all) {
        print
            .info(Info::Sslversion(VersionLine {
                link,
                min: shown(versions.min()),
                max: shown(versions.max()),
            }))
            .await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

pub(super) async fn set<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &SetVersions,
) -> Result<Done, CommandError> {
    let versions = versions(request.min, request.max).ok_or(Failure::Refused)?;
    resume::forget(cx);
    let target = target(request.link);
    for link in ids().filter(|link| target.includes(*link)) {
        if let Some(key) = Key::tls_versions(link.get()) {
            store_if_wanted(cx, key, &encode_versions(versions)).await?;
        }
        cx.settings.change(|values| {
            if let Some(place) = values.tls.versions.get_mut(link.index()) {
                *place = versions;
            }
        });
    }
    Ok(Done::Ok)
}
