//! Filters on messages (spec: at-commands B.1, SYSMSGFILTER).

use at_grammar::commands::module::{Filter as FilterSizes, FilterLine, FilterRequest};
use at_grammar::{AtStr, Info, Reply};

use super::one_line;
use crate::answer::{CommandError, Done};
use crate::cx::Cx;
use crate::filter::{Filter, Flags, MAX_EXPRESSION};
use crate::platform::Platform;
use crate::port::Mode;
use crate::settings::Values;

/// Why `AT+SYSMSGFILTERCFG` failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FilterFailure {
    /// 1: an expression is invalid or too long.
    InvalidExpression,
    /// 2: the list is full.
    ListFull,
    /// 3: there is no such filter to delete.
    NoSuchFilter,
}

impl From<FilterFailure> for CommandError {
    fn from(failure: FilterFailure) -> Self {
        Self::Own(match failure {
            FilterFailure::InvalidExpression => 1,
            FilterFailure::ListFull => 2,
            FilterFailure::NoSuchFilter => 3,
        })
    }
}

pub(super) async fn state<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let on = cx.settings.read(|values| values.port.filters.on);
    one_line(cx, Info::Sysmsgfilter(on)).await
}

pub(super) fn set_state<P: Platform>(cx: &Cx<'_, '_, P>, on: bool) -> Result<Done, CommandError> {
    cx.settings.change(|values| values.port.filters.on = on);
    Ok(Done::Ok)
}

pub(super) async fn list<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let filters = cx.settings.read(|values| values.port.filters.list.clone());
    let mut print = cx.port.print(cx.settings).await;
    for (filter, index) in filters.iter().zip(0..) {
        print
            .info(Info::Sysmsgfiltercfg(FilterLine {
                index,
                head: AtStr::plain(&filter.head),
                tail: AtStr::plain(&filter.tail),
            }))
            .await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

pub(super) async fn change<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: FilterRequest,
) -> Result<Done, CommandError> {
    match request {
        FilterRequest::Clear => {
            cx.settings
                .change(|values| values.port.filters.list.clear());
            Ok(Done::Ok)
        }
        FilterRequest::Add(sizes) => {
            if cx
                .settings
                .read(|values| values.port.filters.list.is_full())
            {
                return Err(FilterFailure::ListFull.into());
            }
            let filter = take(cx, &sizes).await?;
            filter.check().map_err(|error| {
                espat_log::warn!("no filter: {:?}", error);
                FilterFailure::InvalidExpression
            })?;
            let push = |values: &mut Values| values.port.filters.list.push(filter);
            let pushed = cx.settings.change(push);
            pushed.map_err(|_| FilterFailure::ListFull)?;
            Ok(Done::Ok)
        }
        FilterRequest::Delete(sizes) => {
            let filter = take(cx, &sizes).await?;
            cx.settings.change(|values| {
                let list = &mut values.port.filters.list;
                let at = list.iter().position(|one| *one == filter);
                list.remove(at.ok_or(FilterFailure::NoSuchFilter)?);
                Ok(Done::Ok)
            })
        }
    }
}

/// Takes both expressions after a prompt.
async fn take<P: Platform>(
    cx: &Cx<'_, '_, P>,
    sizes: &FilterSizes,
) -> Result<Filter, CommandError> {
    let size = |length: u32| usize::try_from(length).unwrap_or(0).min(MAX_EXPRESSION);
    let (head, tail) = (size(sizes.head.get()), size(sizes.tail.get()));
    let all = head.saturating_add(tail);
    let hold = cx.port.prompt_for(cx.settings, all).await;
    cx.port.collect(all).await;
    cx.port.set_mode(Mode::Hold);
    drop(hold);
    let payload = cx.port.payload.lock().await;
    let part = |from: usize, to: usize| {
        let bytes = payload.get(from..to).unwrap_or_default();
        heapless::Vec::from_slice(bytes).map_err(|_| FilterFailure::InvalidExpression)
    };
    let bits = sizes.flags.get();
    Ok(Filter {
        head: part(0, head)?,
        tail: part(head, all)?,
        flags: Flags {
            extended: bits & 1 != 0,
            ignore_case: bits & 2 != 0,
            newline: bits & 4 != 0,
        },
    })
}
