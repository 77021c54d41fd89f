//! `AT+USERRAM`: memory that the host may use (spec: at-commands B.1).

use at_grammar::commands::module::RamRequest;
use at_grammar::{Info, Reply};

use crate::answer::{CommandError, Done, Failure};
use crate::platform::Platform;
use crate::state::Shared;
use crate::user_ram::CAPACITY;

pub(super) async fn size<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, CommandError> {
    let size = shared.user_ram.borrow().size.unwrap_or(0);
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    shared.one_line(Info::Userram(size)).await
}

pub(super) async fn operate<P: Platform>(
    shared: &Shared<'_, P>,
    request: RamRequest,
) -> Result<Done, CommandError> {
    match request {
        RamRequest::Release => {
            let mut ram = shared.user_ram.borrow_mut();
            ram.size.take().ok_or(Failure::Refused)?;
            // Whoever asks next finds nothing of it.
            ram.bytes.fill(0);
            Ok(Done::Ok)
        }
        RamRequest::Allocate(size) => {
            let mut ram = shared.user_ram.borrow_mut();
            let size = usize::try_from(size.get()).map_err(|_| Failure::OutOfRange)?;
            if ram.size.is_some() || size > CAPACITY {
                return Err(Failure::OutOfRange.into());
            }
            ram.size = Some(size);
            Ok(Done::Ok)
        }
        RamRequest::Clear => {
            let mut ram = shared.user_ram.borrow_mut();
            ram.size.ok_or(Failure::Refused)?;
            ram.bytes.fill(0);
            Ok(Done::Ok)
        }
        RamRequest::Write { size, offset } => write(shared, offset, size.get()).await,
        RamRequest::Read { size, offset } => read(shared, offset, size.get()).await,
    }
}

/// The prompt comes only once the range is known to be good.
async fn write<P: Platform>(
    shared: &Shared<'_, P>,
    offset: u32,
    len: u32,
) -> Result<Done, CommandError> {
    let total = shared
        .user_ram
        .borrow_mut()
        .part(offset, len)
        .ok_or(Failure::OutOfRange)?
        .len();
    let hold = shared.port.outlet.hold().await;
    shared.print().await.reply(&Reply::OkPrompt).await;
    shared.port.expect_exactly(total);
    let mut taken = 0_usize;
    let mut piece = [0; 64];
    while taken < total {
        let want = total.saturating_sub(taken).min(piece.len());
        let into = piece.get_mut(..want).unwrap_or_default();
        let count = shared.port.take(into).await;
        let mut ram = shared.user_ram.borrow_mut();
        let places = ram.part(offset, len).into_iter().flatten().skip(taken);
        for (place, byte) in places.zip(piece.iter().take(count)) {
            *place = *byte;
        }
        taken = taken.saturating_add(count);
    }
    shared.print().await.reply(&Reply::WriteOk).await;
    drop(hold);
    Ok(Done::Printed)
}

/// One head is enough: there is no more than one holds.
async fn read<P: Platform>(
    shared: &Shared<'_, P>,
    offset: u32,
    len: u32,
) -> Result<Done, CommandError> {
    let mut copy = heapless::Vec::<u8, CAPACITY>::new();
    {
        let mut ram = shared.user_ram.borrow_mut();
        let part = ram.part(offset, len).ok_or(Failure::OutOfRange)?;
        copy.extend_from_slice(part)
            .map_err(|_| Failure::OutOfRange)?;
    }
    let mut print = shared.print().await;
    print.reply(&Reply::RamData { len }).await;
    print.raw(&copy).await;
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}
