//! What a TLS link would be checked for: from settings to a session's terms, and to `AT+SSLPOLICY?`
//! (ours).
//!
//! ```text
//! mode 2, 3                chain, dates, and a name: CN, else SNI, else (strict) the host of CIPSTART
//! mode 0, 1 with a key     the pre-shared key; certificates play no part
//! mode 0, 1 without one    anybody; refused by the strict dialect
//! ```
//!
//! Strict means that every server proves who it is and that it is the one that was asked for. A
//! pre-shared key does both: whoever else holds it was given it.

use core::net::IpAddr;

use at_grammar::commands::ssl::AlpnList;
use at_grammar::commands::trust::{NameCheck, PeerCheck, PolicyLine};
use at_grammar::types::{AlpnName, Dialect};
use at_grammar::{AtStr, Info, LinkId, Reply};

use super::ssl::ids;
use crate::answer::{CommandError, Done};
use crate::link::TlsSettings;
use crate::platform::Platform;
use crate::settings::HostText;
use crate::settings::key::Key;
use crate::settings::tls::TlsValues;
use crate::state::Shared;

/// Where the name comes from that a server's certificate must carry.
enum NameSource {
    /// Nowhere: ESP-AT looks at the name only where one was configured.
    NotAsked,
    Configured(HostText),
    Host,
}

fn name_source(values: &TlsValues, id: LinkId) -> NameSource {
    let given = |names: &[HostText]| {
        names
            .get(id.index())
            .filter(|name| !name.is_empty())
            .cloned()
    };
    let place = given(&values.common_name).or_else(|| given(&values.sni));
    match (place, values.dialect) {
        (Some(name), _) => NameSource::Configured(name),
        (None, Dialect::Strict) => NameSource::Host,
        (None, Dialect::EspAt) => NameSource::NotAsked,
    }
}

/// The settings of a link at this moment; none for a link that has no settings, so that none is
/// opened unchecked for want of them.
pub(super) fn settings(values: &TlsValues, id: LinkId, host: &HostText) -> Option<TlsSettings> {
    let conf = values.ssl.get(id.index())?;
    let sni = values.sni.get(id.index())?;
    Some(TlsSettings {
        auth: conf.auth,
        ca: conf.ca,
        pki: conf.pki,
        name: match name_source(values, id) {
            NameSource::NotAsked => None,
            NameSource::Configured(name) => Some(name),
            NameSource::Host => Some(host.clone()),
        },
        // A host name goes into SNI by itself; an address never does (RFC 6066 §3).
        sni: Some(if sni.is_empty() { host } else { sni })
            .filter(|name| name.parse::<IpAddr>().is_err())
            .cloned(),
        alpn: values.alpn.get(id.index())?.clone(),
        // A mode that verifies the server's certificate is not replaced by a key.
        psk: values
            .psk
            .get(id.index())?
            .clone()
            .filter(|_| !conf.auth.verifies_server()),
    })
}

fn peer(tls: &TlsSettings) -> PeerCheck {
    if tls.auth.verifies_server() {
        PeerCheck::Chain
    } else if tls.psk.is_some() {
        PeerCheck::Psk
    } else {
        PeerCheck::DangerAnyPeer
    }
}

/// Whether the strict dialect turns these settings away.
pub(super) fn is_refused(dialect: Dialect, tls: &TlsSettings) -> bool {
    dialect == Dialect::Strict && peer(tls) == PeerCheck::DangerAnyPeer
}

pub(super) async fn show<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, CommandError> {
    let mut print = shared.print().await;
    for link in ids() {
        let (tls, source, dialect) = {
            shared.settings.read(|values| {
                let tls = settings(&values.tls, link, &HostText::new());
                (tls, name_source(&values.tls, link), values.tls.dialect)
            })
        };
        let Some(tls) = tls else { continue };
        let protocols = tls
            .alpn
            .iter()
            .filter_map(|name| AlpnName::new(AtStr::plain(name)).ok());
        let peer = peer(&tls);
        print
            .info(Info::Sslpolicy(PolicyLine {
                link,
                peer,
                name: match &source {
                    NameSource::NotAsked => NameCheck::None,
                    NameSource::Configured(name) => NameCheck::Name(AtStr::plain(name.as_bytes())),
                    NameSource::Host => NameCheck::Host,
                },
                // A server that knows the key may not ask for our certificate (RFC 8446 §4.3.2).
                identity: (tls.auth.sends_certificate() && peer != PeerCheck::Psk)
                    .then_some(tls.pki),
                // As many places there as here.
                alpn: AlpnList::new(protocols).unwrap_or(AlpnList::EMPTY),
                refused: is_refused(dialect, &tls),
                dialect,
            }))
            .await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

pub(super) async fn set<P: Platform>(
    shared: &Shared<'_, P>,
    dialect: Dialect,
) -> Result<Done, CommandError> {
    shared
        .store_if_wanted(Key::TLS_POLICY, &[dialect.code()])
        .await?;
    shared
        .settings
        .change(|values| values.tls.dialect = dialect);
    Ok(Done::Ok)
}
