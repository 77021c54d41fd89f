//! `AT+SYSFLASH`: user partitions listed, erased, written and read (spec: at-commands B.2, cert-bin 7).

use at_grammar::commands::flash::{FlashOperation, FlashRequest, PartitionLine};
use at_grammar::types::FlashRange;
use at_grammar::{AtStr, Info, Reply};
use embassy_futures::yield_now;
use partition_store::{PartitionStore, StreamWrite};
use zeroize::Zeroizing;

use super::syslog;
use super::{error, pki, resume};
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::platform::Platform;

/// Bytes moved at a time between port and flash.
const CHUNK: usize = 256;

fn failed(partition: &str, error: impl Into<Failure>) -> CommandError {
    let failure = error.into();
    espat_log::warn!("partition {}: {}", partition, failure.as_str());
    failure.into()
}

pub(super) async fn list<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let mut print = cx.port.print(cx.settings).await;
    let store = cx.flash.lock().await;
    for partition in store.partitions() {
        print
            .info(Info::Sysflash(PartitionLine {
                name: AtStr::plain(partition.name().as_str().as_bytes()),
                kind: partition.kind().number(),
                subtype: partition.subtype(),
                address: partition.offset(),
                size: partition.size(),
            }))
            .await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

pub(super) async fn operate<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: FlashRequest<'_>,
) -> Result<Done, CommandError> {
    let name = request.partition.to_text();
    match request.operation {
        FlashOperation::Erase(range) => erase(cx, &name, range).await,
        FlashOperation::Write(range) => write(cx, &name, range).await,
        FlashOperation::Read(range) => read(cx, &name, range).await,
    }
}

async fn erase<P: Platform>(
    cx: &Cx<'_, '_, P>,
    name: &str,
    range: Option<FlashRange>,
) -> Result<Done, CommandError> {
    resume::forget(cx);
    // 45 ms per sector on the chip.
    cx.port.takes_long();
    let mut store = cx.flash.lock().await;
    let mut region = store
        .user_region(name)
        .map_err(|error| failed(name, &error))?;
    match range {
        None => region.erase_all().await,
        Some(range) => region.erase_range(range.offset(), range.length()).await,
    }
    .map_err(|error| failed(name, &error))?;
    Ok(Done::Ok)
}

/// The prompt comes only once the range is known to be good; then exactly as many bytes are taken
/// as were announced, whatever becomes of them.
async fn write<P: Platform>(
    cx: &Cx<'_, '_, P>,
    name: &str,
    range: FlashRange,
) -> Result<Done, CommandError> {
    let mut stream = StreamWrite::begin(
        &mut *cx.flash.lock().await,
        name,
        range.offset(),
        range.length(),
    )
    .map_err(|error| failed(name, &error))?;

    let mut left = usize::try_from(range.length()).map_err(|_| Failure::OutOfRange)?;
    let hold = cx.port.outlet.hold().await;
    cx.port.print(cx.settings).await.reply(&Reply::Prompt).await;
    cx.port.expect_exactly(left);
    // A partition that is half written is another already.
    resume::forget(cx);
    let mut result = Ok(());
    let mut chunk = Zeroizing::new([0; CHUNK]);
    while left > 0 {
        let want = left.min(CHUNK);
        let into = chunk.get_mut(..want).unwrap_or_default();
        let count = cx.port.take(into).await;
        left = left.saturating_sub(count);
        if result.is_ok() {
            let mut store = cx.flash.lock().await;
            let taken = stream
                .push(&mut *store, chunk.get(..count).unwrap_or_default())
                .await;
            result = taken.map(|_| ()).map_err(|error| failed(name, &error));
        }
    }
    cx.port.takes_long();
    // Surplus input gets its answer before the result.
    drop(hold);
    yield_now().await;
    if result.is_ok() && syslog(cx) && pki::is_described(name) {
        // What the module makes of it, while whoever wrote it still listens.
        pki::describe(cx, name).await;
    }
    let mut print = cx.port.print(cx.settings).await;
    if let Some(at) = stream.report().differs_at {
        // ESP-AT says OK, and so do we; the log says what the host will read back.
        espat_log::warn!(
            "partition {}: written over what was not erased, first at offset {}",
            name,
            at
        );
    }
    match result {
        Ok(()) => print.reply(&Reply::Ok).await,
        Err(why) => error(&mut print, syslog(cx), why).await,
    }
    Ok(Done::Printed)
}

async fn read<P: Platform>(
    cx: &Cx<'_, '_, P>,
    name: &str,
    range: FlashRange,
) -> Result<Done, CommandError> {
    let mut store = cx.flash.lock().await;
    let mut region = store
        .user_region(name)
        .map_err(|error| failed(name, &error))?;
    region
        .check_range(range.offset(), range.length())
        .map_err(|error| failed(name, &error))?;

    // Nothing may come between the data; the turn is not kept while flash is read.
    let hold = cx.port.outlet.hold().await;
    let head = Reply::FlashData {
        len: range.length(),
    };
    cx.port.print(cx.settings).await.reply(&head).await;
    let mut at = range.offset();
    let mut left = range.length();
    let mut result: Result<(), CommandError> = Ok(());
    let mut chunk = Zeroizing::new([0; CHUNK]);
    while left > 0 {
        let count = left.min(u32::try_from(CHUNK).unwrap_or(left));
        let into = chunk
            .get_mut(..usize::try_from(count).unwrap_or(0))
            .unwrap_or_default();
        if result.is_ok() {
            result = region
                .read_at(at, into)
                .await
                .map_err(|error| failed(name, &error));
        }
        if result.is_err() {
            // The length is announced: the host gets as many bytes, and then ERROR.
            into.fill(0xff);
        }
        cx.port.print(cx.settings).await.raw(into).await;
        at = at.saturating_add(count);
        left = left.saturating_sub(count);
    }
    let mut print = cx.port.print(cx.settings).await;
    match result {
        Ok(()) => print.reply(&Reply::Ok).await,
        Err(why) => error(&mut print, syslog(cx), why).await,
    }
    drop(hold);
    Ok(Done::Printed)
}
