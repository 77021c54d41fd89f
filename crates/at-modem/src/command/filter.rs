//! Filters on messages (spec: at-commands B.1, SYSMSGFILTER).

use at_grammar::commands::module::{Filter as FilterSizes, FilterLine, FilterRequest};
use at_grammar::{AtStr, Info, Reply};

use crate::answer::{CommandError, Done};
use crate::filter::{Filter, Flags, MAX_EXPRESSION};
use crate::platform::Platform;
use crate::port::Mode;
use crate::settings::Values;
use crate::state::Shared;

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

pub(super) async fn state<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, CommandError> {
    let on = shared.settings.read(|values| values.port.filters.on);
    shared.one_line(Info::Sysmsgfilter(on)).await
}

pub(super) fn set_state<P: Platform>(
    shared: &Shared<'_, P>,
    on: bool,
) -> Result<Done, CommandError> {
    shared.settings.change(|values| values.port.filters.on = on);
    Ok(Done::Ok)
}

pub(super) async fn list<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, CommandError> {
    let filters = shared
        .settings
        .read(|values| values.port.filters.list.clone());
    let mut print = shared.print().await;
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
    shared: &Shared<'_, P>,
    request: FilterRequest,
) -> Result<Done, CommandError> {
    match request {
        FilterRequest::Clear => {
            shared
                .settings
                .change(|values| values.port.filters.list.clear());
            Ok(Done::Ok)
        }
        FilterRequest::Add(sizes) => {
            if shared
                .settings
                .read(|values| values.port.filters.list.is_full())
            {
                return Err(FilterFailure::ListFull.into());
            }
            let filter = take(shared, &sizes).await?;
            filter.check().map_err(|error| {
                espat_log::warn!("no filter: {:?}", error);
                FilterFailure::InvalidExpression
            })?;
            let push = |values: &mut Values| values.port.filters.list.push(filter);
            let pushed = shared.settings.change(push);
            pushed.map_err(|_| FilterFailure::ListFull)?;
            Ok(Done::Ok)
        }
        FilterRequest::Delete(sizes) => {
            let filter = take(shared, &sizes).await?;
            shared.settings.change(|values| {
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
    shared: &Shared<'_, P>,
    sizes: &FilterSizes,
) -> Result<Filter, CommandError> {
    let size = |length: u32| usize::try_from(length).unwrap_or(0).min(MAX_EXPRESSION);
    let (head, tail) = (size(sizes.head.get()), size(sizes.tail.get()));
    let all = head.saturating_add(tail);
    let hold = shared.port.outlet.hold().await;
    shared.print().await.reply(&Reply::OkPrompt).await;
    shared.port.expect_exactly(all);
    shared.port.collect(all).await;
    shared.port.set_mode(Mode::Hold);
    drop(hold);
    let payload = shared.port.payload.lock().await;
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
