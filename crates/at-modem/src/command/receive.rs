//! Receiving: how data reach the host, and fetching them (spec: at-commands B.4, CIPRECV*, CIPDINFO).

use at_grammar::commands::receive::{FetchData, ReceiveLengths, ReceiveTypeLine, SetReceiveType};
use at_grammar::commands::tcpip::DataInfo;
use at_grammar::reply::RecvData;
use at_grammar::types::{LinkTarget, ReceiveMode};
use at_grammar::{Info, LinkId, Reply};

use super::{link_of, one_line};
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::links::inbox::CAPACITY;
use crate::platform::Platform;

pub(super) async fn data_info<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let on = cx.settings.read(|values| values.links.data_info);
    one_line(cx, Info::Cipdinfo(on)).await
}

pub(super) fn set_data_info<P: Platform>(
    cx: &Cx<'_, '_, P>,
    on: DataInfo,
) -> Result<Done, CommandError> {
    cx.settings.change(|values| values.links.data_info = on);
    Ok(Done::Ok)
}

/// Of link 0: the links differ only where `AT+CIPRECVTYPE` made them.
pub(super) async fn mode<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let [mode, ..] = cx.settings.read(|values| values.links.receive);
    one_line(cx, Info::Ciprecvmode(mode)).await
}

/// Of every link. Not while data pass through.
pub(super) fn set_mode<P: Platform>(
    cx: &Cx<'_, '_, P>,
    mode: ReceiveMode,
) -> Result<Done, CommandError> {
    if cx.settings.read(|values| values.links.passthrough) {
        return Err(Failure::Refused.into());
    }
    cx.settings.change(|values| values.links.receive.fill(mode));
    for link in cx.links.each() {
        link.inbox.look_again();
    }
    Ok(Done::Ok)
}

pub(super) async fn types<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let modes = cx.settings.read(|values| values.links.receive);
    let mut print = cx.port.print(cx.settings).await;
    for (link, mode) in LinkId::ALL.into_iter().zip(modes) {
        print
            .info(Info::Ciprecvtype(ReceiveTypeLine { link, mode }))
            .await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

/// What waits is announced as a whole, whatever `<data_len_report_mode>` says.
pub(super) fn set_type<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: SetReceiveType,
) -> Result<Done, CommandError> {
    if cx.settings.read(|values| values.links.passthrough) {
        return Err(Failure::Refused.into());
    }
    let target = request.link.unwrap_or(LinkTarget::One(LinkId::ZERO));
    cx.settings.change(|values| {
        for (link, place) in LinkId::ALL.into_iter().zip(&mut values.links.receive) {
            if target.includes(link) {
                *place = request.mode;
            }
        }
    });
    for link in cx.links.each() {
        link.inbox.look_again();
    }
    Ok(Done::Ok)
}

/// `ERROR` where nothing waits, or where data come unasked.
pub(super) async fn fetch<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &FetchData,
) -> Result<Done, CommandError> {
    let link = link_of(cx, request.link.unwrap_or(LinkId::ZERO))?;
    let mode = cx
        .settings
        .read(|values| values.links.receive.get(link.id.index()).copied());
    if mode != Some(ReceiveMode::Passive) || !link.is_open() {
        return Err(Failure::Refused.into());
    }
    let wanted = usize::try_from(request.length.get()).unwrap_or(usize::MAX);
    let mut print = cx.port.print(cx.settings).await;
    let (len, from) = link.inbox.front(if request.whole_datagram {
        CAPACITY
    } else {
        wanted
    });
    if len == 0 || len > wanted {
        drop(print);
        return Err(Failure::Refused.into());
    }
    let head = Reply::RecvData(RecvData {
        len: u32::try_from(len).unwrap_or(u32::MAX),
        remote: link.shown_sender(cx.settings, from),
    });
    print
        .data(&head, len, Some(&Reply::Ok), |into| link.inbox.take(into))
        .await;
    drop(print);
    link.inbox.note_read();
    Ok(Done::Printed)
}

pub(super) async fn lengths<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let mut lengths = [None; LinkId::COUNT];
    for (place, link) in lengths.iter_mut().zip(cx.links.each()) {
        let len = u32::try_from(link.inbox.len()).unwrap_or(u32::MAX);
        *place = link.is_open().then_some(len);
    }
    one_line(cx, Info::Ciprecvlen(ReceiveLengths(lengths))).await
}
