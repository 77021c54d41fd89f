//! `AT+USERRAM`: memory that the host may use (spec: at-commands B.1).

use at_grammar::commands::module::RamRequest;
use at_grammar::{Info, Reply};

use super::one_line;
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::platform::Platform;
use crate::user_ram::CAPACITY;

pub(super) async fn size<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let size = cx.user_ram.borrow().size.unwrap_or(0);
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    one_line(cx, Info::Userram(size)).await
}

pub(super) async fn operate<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: RamRequest,
) -> Result<Done, CommandError> {
    match request {
        RamRequest::Release => {
            let mut ram = cx.user_ram.borrow_mut();
            ram.size.take().ok_or(Failure::Refused)?;
            // Whoever asks next finds nothing of it.
            ram.bytes.fill(0);
            Ok(Done::Ok)
        }
        RamRequest::Allocate(size) => {
            let mut ram = cx.user_ram.borrow_mut();
            let size = usize::try_from(size.get()).map_err(|_| Failure::OutOfRange)?;
            if ram.size.is_some() || size > CAPACITY {
                return Err(Failure::OutOfRange.into());
            }
            ram.size = Some(size);
            Ok(Done::Ok)
        }
        RamRequest::Clear => {
            let mut ram = cx.user_ram.borrow_mut();
            ram.size.ok_or(Failure::Refused)?;
            ram.bytes.fill(0);
            Ok(Done::Ok)
        }
        RamRequest::Write { size, offset } => write(cx, offset, size.get()).await,
        RamRequest::Read { size, offset } => read(cx, offset, size.get()).await,
    }
}

/// The prompt comes only once the range is known to be good.
async fn write<P: Platform>(
    cx: &Cx<'_, '_, P>,
    offset: u32,
    len: u32,
) -> Result<Done, CommandError> {
    let total = cx
        .user_ram
        .borrow_mut()
        .part(offset, len)
        .ok_or(Failure::OutOfRange)?
        .len();
    let hold = cx.port.prompt_for(cx.settings, total).await;
    let mut taken = 0_usize;
    let mut piece = [0; 64];
    while taken < total {
        let want = total.saturating_sub(taken).min(piece.len());
        let into = piece.get_mut(..want).unwrap_or_default();
        let count = cx.port.take(into).await;
        let mut ram = cx.user_ram.borrow_mut();
        let places = ram.part(offset, len).into_iter().flatten().skip(taken);
        for (place, byte) in places.zip(piece.iter().take(count)) {
            *place = *byte;
        }
        taken = taken.saturating_add(count);
    }
    cx.port
        .print(cx.settings)
        .await
        .reply(&Reply::WriteOk)
        .await;
    drop(hold);
    Ok(Done::Printed)
}

/// One head is enough: there is no more than one holds.
async fn read<P: Platform>(
    cx: &Cx<'_, '_, P>,
    offset: u32,
    len: u32,
) -> Result<Done, CommandError> {
    let mut copy = heapless::Vec::<u8, CAPACITY>::new();
    {
        let mut ram = cx.user_ram.borrow_mut();
        let part = ram.part(offset, len).ok_or(Failure::OutOfRange)?;
        copy.extend_from_slice(part)
            .map_err(|_| Failure::OutOfRange)?;
    }
    let mut print = cx.port.print(cx.settings).await;
    print.reply(&Reply::RamData { len }).await;
    print.raw(&copy).await;
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}
