//! Receiving: how data reach the host, and fetching them (spec: at-commands B.4, CIPRECV*, CIPDINFO).

use at_grammar::Info;
use at_grammar::commands::tcpip::DataInfo;
use at_grammar::types::ReceiveMode;

use super::{Done, Failed};
use crate::platform::Platform;
use crate::state::Shared;

pub(super) async fn data_info<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, Failed> {
    let on = shared.config.borrow().data_info;
    shared.one_line(Info::Cipdinfo(DataInfo(on))).await
}

pub(super) fn set_data_info<P: Platform>(shared: &Shared<'_, P>, on: bool) -> Result<Done, Failed> {
    shared.config.borrow_mut().data_info = on;
    Ok(Done::Ok)
}

/// Of link 0: the links differ only where `AT+CIPRECVTYPE` made them.
pub(super) async fn mode<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, Failed> {
    let [mode, ..] = shared.config.borrow().receive;
    shared.one_line(Info::Ciprecvmode(mode)).await
}

/// Of every link. Not while data pass through.
pub(super) fn set_mode<P: Platform>(
    shared: &Shared<'_, P>,
    mode: ReceiveMode,
) -> Result<Done, Failed> {
    if shared.config.borrow().passthrough {
        return Err(Failed::with(0));
    }
    shared.config.borrow_mut().receive.fill(mode);
    for link in &shared.links {
        link.inbox.look_again();
    }
    Ok(Done::Ok)
}
