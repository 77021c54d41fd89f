//! TLS settings, and why a session was refused (spec: at-commands B.4, section E; `AT+SSLWHY` is ours).

use at_grammar::commands::ssl::{
    AlpnLine, AlpnList, ServerNameLine, SetAlpn, SetServerName, SslConfig, SslConfigLine, SslWhy,
};
use at_grammar::types::{AlpnName, LinkTarget, ServerName};
use at_grammar::{AtStr, Info, LinkId, Reply};
use embedded_storage_async::nor_flash::NorFlash;
use heapless::String;
use partition_store::Key;
use tls_session::Reason;

use super::{Done, Failed};
use crate::config::SslConf;
use crate::print::Printer;
use crate::state::{LINK_IDS, Shared};

/// The link a setting is for: without a number, the only one.
fn target(link: Option<LinkTarget>) -> LinkTarget {
    link.unwrap_or(LinkTarget::One(LinkId::ZERO))
}

fn ids() -> impl Iterator<Item = LinkId> {
    (0_u8..).take(LINK_IDS).filter_map(LinkId::new)
}

pub(super) async fn configs<N, W, F, G>(shared: &Shared<'_, N, W, F, G>) -> Result<Done, Failed> {
    let ssl = shared.config.borrow().ssl;
    let mut print = shared.print().await;
    for (link, conf) in ids().zip(ssl) {
        print
            .info(Info::Cipsslcconf(SslConfigLine {
                link,
                auth: conf.auth,
                pki: conf.pki,
                ca: conf.ca,
            }))
            .await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

/// Without a link number the setting is for every link, as captures of ESP-AT suggest.
pub(super) async fn configure<N, W, F: NorFlash, G>(
    shared: &Shared<'_, N, W, F, G>,
    request: SslConfig,
) -> Result<Done, Failed> {
    let conf = SslConf {
        auth: request.auth,
        pki: request.pki,
        ca: request.ca,
    };
    let target = request.link.unwrap_or(LinkTarget::All);
    for link in ids().filter(|link| target.includes(*link)) {
        if let Some(key) = Key::tls(link.get()) {
            shared.store_if_wanted(key, &conf.encode()).await?;
        }
        if let Some(place) = shared.config.borrow_mut().ssl.get_mut(link.index()) {
            *place = conf;
        }
    }
    Ok(Done::Ok)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    CommonName,
    Sni,
}

pub(super) async fn names<N, W, F, G>(
    shared: &Shared<'_, N, W, F, G>,
    which: Which,
) -> Result<Done, Failed> {
    let names = {
        let config = shared.config.borrow();
        match which {
            Which::CommonName => config.common_name.clone(),
            Which::Sni => config.sni.clone(),
        }
    };
    let mut print = shared.print().await;
    for (link, name) in ids().zip(&names) {
        let Ok(name) = ServerName::new(AtStr::plain(name.as_bytes())) else {
            continue;
        };
        let line = ServerNameLine { link, name };
        print
            .info(match which {
                Which::CommonName => Info::Cipsslccn(line),
                Which::Sni => Info::Cipsslcsni(line),
            })
            .await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

pub(super) fn set_name<N, W, F, G>(
    shared: &Shared<'_, N, W, F, G>,
    which: Which,
    request: &SetServerName<'_>,
) -> Result<Done, Failed> {
    let name = request.name.to_text();
    let mut config = shared.config.borrow_mut();
    let places = match which {
        Which::CommonName => &mut config.common_name,
        Which::Sni => &mut config.sni,
    };
    let target = target(request.link);
    for (_, place) in ids().zip(places).filter(|(link, _)| target.includes(*link)) {
        place.clone_from(&name);
    }
    Ok(Done::Ok)
}

pub(super) async fn protocols<N, W, F, G>(shared: &Shared<'_, N, W, F, G>) -> Result<Done, Failed> {
    let lists = shared.config.borrow().alpn.clone();
    let mut print = shared.print().await;
    for (link, list) in ids().zip(&lists) {
        let names = list
            .iter()
            .filter_map(|name| AlpnName::new(AtStr::plain(name)).ok());
        // As many places there as here.
        let protocols = AlpnList::new(names).unwrap_or(AlpnList::EMPTY);
        print
            .info(Info::Cipsslcalpn(AlpnLine { link, protocols }))
            .await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

pub(super) fn set_protocols<N, W, F, G>(
    shared: &Shared<'_, N, W, F, G>,
    request: &SetAlpn<'_>,
) -> Result<Done, Failed> {
    let mut list = crate::link::AlpnList::new();
    for protocol in request.protocols.iter() {
        let name = protocol.text().copy().map_err(|_| Failed::with(0))?;
        list.push(name).map_err(|_| Failed::with(0))?;
    }
    let mut config = shared.config.borrow_mut();
    let target = target(request.link);
    for (_, place) in ids()
        .zip(&mut config.alpn)
        .filter(|(link, _)| target.includes(*link))
    {
        place.clone_from(&list);
    }
    Ok(Done::Ok)
}

pub(super) async fn why<N, W, F, G>(shared: &Shared<'_, N, W, F, G>) -> Result<Done, Failed> {
    let mut print = shared.print().await;
    for (link, id) in shared.links.iter().zip(ids()) {
        let reason = link.reason.borrow().clone();
        if let Some(reason) = reason {
            reason_line(&mut print, id, &reason).await;
        }
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

/// `+SSLWHY:…` for one reason.
pub(super) async fn reason_line(print: &mut Printer<'_>, link: LinkId, reason: &Reason) {
    let mut words = String::<160>::new();
    // The longest phrase is shorter; what would not fit is cut.
    let _ = core::fmt::write(&mut words, format_args!("{reason}"));
    print
        .info(Info::Sslwhy(SslWhy {
            link,
            stage: AtStr::plain(reason.stage.word().as_bytes()),
            number: reason.mbedtls(),
            flags: reason.verify_flags(),
            depth: reason.depth,
            subject: AtStr::plain(reason.subject.as_bytes()),
            wanted: AtStr::plain(reason.wanted.as_bytes()),
            words: AtStr::plain(words.as_bytes()),
        }))
        .await;
}
