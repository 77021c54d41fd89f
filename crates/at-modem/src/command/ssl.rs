//! TLS settings, and why a session was refused (spec: at-commands B.4, E; `AT+SSLWHY` is ours).

use at_grammar::commands::ssl::{
    AlpnLine, AlpnList, CipherLine, PskHexLine, PskLine, ServerNameLine, SetAlpn, SetCiphers,
    SetPsk, SetPskHex, SetServerName, SslConfig, SslConfigLine,
};
use at_grammar::types::{AlpnName, LinkTarget, PskHex, PskIdentity, PskKey, ServerName};
use at_grammar::{AtStr, Info, LinkId, Reply};
use zeroize::Zeroize;

use super::{resume, store_if_wanted};
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::links::RefusedLine;
use crate::platform::Platform;
use crate::secret::{MAX_PSK, Psk, Secret};
use crate::settings::key::Key;
use crate::settings::tls::{SslConf, SuiteList};
use crate::task::why::reason_line;

/// `AT+CIPSSLCCIPHER` names no suite that this modem has.
const NO_SUITE: CommandError = CommandError::Own(1);

/// The link a setting is for: without a number, the only one.
pub(super) fn target(link: Option<LinkTarget>) -> LinkTarget {
    link.unwrap_or(LinkTarget::One(LinkId::ZERO))
}

pub(super) fn ids() -> impl Iterator<Item = LinkId> {
    LinkId::ALL.into_iter()
}

pub(super) async fn configs<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let ssl = cx.settings.read(|values| values.tls.ssl);
    let mut print = cx.port.print(cx.settings).await;
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
pub(super) async fn configure<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: SslConfig,
) -> Result<Done, CommandError> {
    resume::forget(cx);
    let conf = SslConf {
        auth: request.auth,
        pki: request.pki,
        ca: request.ca,
    };
    let target = request.link.unwrap_or(LinkTarget::All);
    for link in ids().filter(|link| target.includes(*link)) {
        if let Some(key) = Key::tls(link.get()) {
            store_if_wanted(cx, key, &conf.encode()).await?;
        }
        cx.settings.change(|values| {
            if let Some(place) = values.tls.ssl.get_mut(link.index()) {
                *place = conf;
            }
        });
    }
    Ok(Done::Ok)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    CommonName,
    Sni,
}

pub(super) async fn names<P: Platform>(
    cx: &Cx<'_, '_, P>,
    which: Which,
) -> Result<Done, CommandError> {
    let names = cx.settings.read(|values| match which {
        Which::CommonName => values.tls.common_name.clone(),
        Which::Sni => values.tls.sni.clone(),
    });
    let mut print = cx.port.print(cx.settings).await;
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

pub(super) fn set_name<P: Platform>(
    cx: &Cx<'_, '_, P>,
    which: Which,
    request: &SetServerName<'_>,
) -> Result<Done, CommandError> {
    resume::forget(cx);
    let name = request.name.to_text();
    let target = target(request.link);
    cx.settings.change(|values| {
        let places = match which {
            Which::CommonName => &mut values.tls.common_name,
            Which::Sni => &mut values.tls.sni,
        };
        for (_, place) in ids().zip(places).filter(|(link, _)| target.includes(*link)) {
            place.clone_from(&name);
        }
    });
    Ok(Done::Ok)
}

pub(super) async fn protocols<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let lists = cx.settings.read(|values| values.tls.alpn.clone());
    let mut print = cx.port.print(cx.settings).await;
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

pub(super) fn set_protocols<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &SetAlpn<'_>,
) -> Result<Done, CommandError> {
    resume::forget(cx);
    let mut list = crate::settings::tls::AlpnList::new();
    for protocol in request.protocols.iter() {
        let name = protocol.text().copy().map_err(|_| Failure::Refused)?;
        list.push(name).map_err(|_| Failure::Refused)?;
    }
    let target = target(request.link);
    cx.settings.change(|values| {
        let places = ids().zip(&mut values.tls.alpn);
        for (_, place) in places.filter(|(link, _)| target.includes(*link)) {
            place.clone_from(&list);
        }
    });
    Ok(Done::Ok)
}

pub(super) async fn ciphers<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let mut print = cx.port.print(cx.settings).await;
    for (index, suite) in (0_u8..).zip(tls_session::session::suites()) {
        print
            .info(Info::Cipsslccipher(CipherLine { index, suite }))
            .await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

/// The suites that a link offers, of those there are; an empty list takes a former one back.
pub(super) fn set_ciphers<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &SetCiphers,
) -> Result<Done, CommandError> {
    resume::forget(cx);
    let is_here = |suite: &u16| tls_session::session::suites().any(|here| here == *suite);
    let mut list = SuiteList::new();
    for suite in request.suites().filter(is_here) {
        if !list.contains(&suite) {
            list.push(suite).map_err(|_| Failure::Refused)?;
        }
    }
    if list.is_empty() && request.suites().next().is_some() {
        espat_log::warn!("no cipher suite of the list is here");
        return Err(NO_SUITE);
    }
    let target = target(request.link);
    cx.settings.change(|values| {
        let places = ids().zip(&mut values.tls.suites);
        for (_, place) in places.filter(|(link, _)| target.includes(*link)) {
            place.clone_from(&list);
        }
    });
    Ok(Done::Ok)
}

/// How a key is written in a command or a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyForm {
    Text,
    Hex,
}

/// Shows the keys to the host that set them, which is what the query is for; nobody else sees them.
pub(super) async fn keys<P: Platform>(
    cx: &Cx<'_, '_, P>,
    form: KeyForm,
) -> Result<Done, CommandError> {
    let mut print = cx.port.print(cx.settings).await;
    for link in ids() {
        // A copy for one line, wiped behind it.
        let psk = cx
            .settings
            .read(|values| values.tls.psk.get(link.index()).cloned().flatten());
        let (key, identity) = psk
            .as_ref()
            .map_or((&[][..], &[][..]), |psk| (psk.key.reveal(), &*psk.identity));
        // Neither is longer than its type's limit.
        let identity = PskIdentity::new(identity).map_err(|_| Failure::Refused)?;
        match form {
            KeyForm::Text => {
                let key = PskKey::new(key).map_err(|_| Failure::Refused)?;
                print
                    .info(Info::Cipsslcpsk(PskLine {
                        link,
                        key,
                        identity,
                    }))
                    .await;
            }
            KeyForm::Hex => {
                let mut digits = [0; 2 * MAX_PSK];
                for (pair, byte) in digits.chunks_exact_mut(2).zip(key) {
                    pair.copy_from_slice(&hex(*byte));
                }
                let used = digits
                    .get(..key.len().saturating_mul(2))
                    .unwrap_or_default();
                let key = PskHex::new(used).map_err(|_| Failure::Refused)?;
                print
                    .info(Info::Cipsslcpskhex(PskHexLine {
                        link,
                        key,
                        identity,
                    }))
                    .await;
                digits.zeroize();
            }
        }
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

/// Two lower-case digits.
fn hex(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 0xf].map(|digit| match digit {
        0..=9 => digit.saturating_add(b'0'),
        _ => digit.saturating_add(b'a' - 10),
    })
}

pub(super) fn set_key<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &SetPsk<'_>,
) -> Result<Done, CommandError> {
    let key = Secret::collect(request.key.text().bytes());
    replace_key(cx, request.link, key, &request.identity)
}

pub(super) fn set_hex_key<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &SetPskHex<'_>,
) -> Result<Done, CommandError> {
    let key = Secret::collect(request.key.bytes());
    replace_key(cx, request.link, key, &request.identity)
}

fn replace_key<P: Platform>(
    cx: &Cx<'_, '_, P>,
    link: Option<LinkTarget>,
    key: Option<Secret>,
    identity: &PskIdentity<'_>,
) -> Result<Done, CommandError> {
    resume::forget(cx);
    let psk = Psk {
        key: key.ok_or(Failure::Refused)?,
        identity: identity.to_bytes().into(),
    };
    let psk = Some(psk).filter(|psk| !psk.key.reveal().is_empty());
    let target = target(link);
    cx.settings.change(|values| {
        let places = ids().zip(&mut values.tls.psk);
        for (_, place) in places.filter(|(link, _)| target.includes(*link)) {
            place.clone_from(&psk);
        }
    });
    Ok(Done::Ok)
}

pub(super) async fn why<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let mut print = cx.port.print(cx.settings).await;
    // Later than whatever is known of its link.
    let refused = cx.links.refused_line.borrow().clone();
    for (link, id) in cx.links.each().iter().zip(ids()) {
        let of_line = refused.as_ref().filter(|line| line.link == Some(id));
        if let Some(reason) = of_line.map(RefusedLine::why).or_else(|| link.last()) {
            reason_line(&mut print, Some(id), &reason, &reason).await;
        }
    }
    if let Some(line) = refused.filter(|line| line.link.is_none()) {
        let reason = line.why();
        reason_line(&mut print, None, &reason, &reason).await;
    }
    if let Some(refusal) = cx.links.server.last() {
        reason_line(&mut print, None, &refusal.why, &refusal).await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}
