//! `AT+SSLPOLICY` (ours): the policy mode, what each TLS link would be checked for, and clients of our server.

use at_grammar::commands::ssl::AlpnList;
use at_grammar::commands::trust::{LinkPolicy, NameCheck, PeerCheck, PolicyLine, ServerPolicyLine};
use at_grammar::types::{AlpnName, PolicyMode};
use at_grammar::{AtStr, Info, LinkId, Reply};

use super::ssl::ids;
use super::{resume, store_if_wanted};
use crate::answer::{CommandError, Done};
use crate::cx::Cx;
use crate::links::server::ServerTerms;
use crate::platform::Platform;
use crate::settings::HostText;
use crate::settings::key::Key;
use crate::settings::tls::{self, TlsValues};
use crate::tls::terms::{NameTerms, PeerTerms, Refusal, Terms, terms_of};
use tls_session::MasterSecret;

/// What one line says, copied out of the settings because a line waits for its turn.
struct Shown {
    peer: PeerCheck,
    name: NameShown,
    identity: Option<u8>,
    alpn: tls::AlpnList,
    refused: bool,
    policy_mode: PolicyMode,
}

enum NameShown {
    Any,
    Configured(HostText),
    Host,
}

impl Shown {
    fn of(values: &TlsValues, link: LinkId) -> Option<Self> {
        let (terms, refused) = match terms_of(values, link, "") {
            Ok(terms) => (terms, false),
            Err(Refusal::Strict(terms)) => (terms, true),
            Err(Refusal::NoSettings) => return None,
        };
        let Terms {
            peer,
            name,
            alpn,
            identity,
            sni: _,
            versions: _,
            suites: _,
            master_secret: _,
            profile: _,
        } = terms;
        Some(Self {
            peer: match peer {
                PeerTerms::Chain { .. } => PeerCheck::Chain,
                PeerTerms::Psk(_) => PeerCheck::Psk,
                PeerTerms::DangerAnyPeer => PeerCheck::DangerAnyPeer,
            },
            name: match name {
                NameTerms::DangerAnyName => NameShown::Any,
                NameTerms::Configured(name) => {
                    NameShown::Configured(HostText::try_from(name).unwrap_or_default())
                }
                NameTerms::Host(_) => NameShown::Host,
            },
            identity,
            alpn: alpn.clone(),
            refused,
            policy_mode: values.policy_mode,
        })
    }

    fn line(&self, link: LinkId) -> LinkPolicy<'_> {
        let protocols = self
            .alpn
            .iter()
            .filter_map(|name| AlpnName::new(AtStr::plain(name)).ok());
        LinkPolicy {
            link,
            peer: self.peer,
            name: match &self.name {
                NameShown::Any => NameCheck::None,
                NameShown::Configured(name) => NameCheck::Name(AtStr::plain(name.as_bytes())),
                NameShown::Host => NameCheck::Host,
            },
            identity: self.identity,
            // As many places there as here.
            alpn: AlpnList::new(protocols).unwrap_or(AlpnList::EMPTY),
            refused: self.refused,
            mode: self.policy_mode,
        }
    }
}

/// What a running server demands of its clients, as it was started.
const fn server_line(terms: ServerTerms) -> ServerPolicyLine {
    ServerPolicyLine {
        verify_client: terms.verify_client,
        mode: match terms.master_secret {
            MasterSecret::Required => PolicyMode::Strict,
            _ => PolicyMode::EspAt,
        },
    }
}

pub(super) async fn show<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let mut print = cx.port.print(cx.settings).await;
    for link in ids() {
        let shown = cx.settings.read(|values| Shown::of(&values.tls, link));
        if let Some(shown) = shown {
            let line = PolicyLine::Link(shown.line(link));
            print.info(Info::Sslpolicy(line)).await;
        }
    }
    let server = cx.links.server.listening.get();
    if let Some(terms) = server.and_then(|listening| listening.tls) {
        let line = PolicyLine::Server(server_line(terms));
        print.info(Info::Sslpolicy(line)).await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

pub(super) async fn set<P: Platform>(
    cx: &Cx<'_, '_, P>,
    policy_mode: PolicyMode,
) -> Result<Done, CommandError> {
    resume::forget(cx);
    store_if_wanted(cx, Key::TLS_POLICY, &[policy_mode.code()]).await?;
    cx.settings
        .change(|values| values.tls.policy_mode = policy_mode);
    Ok(Done::Ok)
}
