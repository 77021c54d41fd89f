//! Does the chain lead to what the modem trusts, and is it for the right name? Judged by the modem's own code.

use std::path::Path;

use at_modem::why::Why;
use cert_bin::lint::{self, Context, Level};
use cert_bin::mistake::read_image;
use cert_bin::{ItemKind, NewItem, PartitionRole};
use tls_session::{
    Anchors, Clock, CommonName, NameRule, PeerName, Policy, Timestamp, verify_server,
};
use x509_facts::Certificate;

use super::step::Step;
use super::{Terms, chain};
use crate::device::{self, Device};
use crate::pki::{self, files};
use crate::verify;

/// What may be trusted: contents by number, and the one that was chosen.
#[derive(Debug, Clone, Default)]
pub(super) struct Trust {
    /// `ca.pem`, `at_ca.bin` or `client_ca of the module`.
    pub(super) name: String,
    /// All items; one where a file was given.
    pub(super) items: Vec<Vec<u8>>,
    /// The number that is configured in the modem.
    pub(super) number: usize,
}

impl Trust {
    /// Every certificate of a file is trusted.
    pub(super) fn from_file(path: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            name: path.display().to_string(),
            items: vec![files::read(path)?],
            number: 0,
        })
    }

    /// The items of an image. The inner error is the image's.
    pub(super) fn from_image(given: &Path) -> anyhow::Result<Result<Self, Step>> {
        let (path, number) = verify::split_number(given)?;
        let bytes = files::read(&path)?;
        let name = path.display().to_string();
        Ok(Self::from_bytes(name, &bytes, usize::from(number)))
    }

    /// The items of an image in memory.
    pub(super) fn from_bytes(name: String, bytes: &[u8], number: usize) -> Result<Self, Step> {
        match read_image(bytes) {
            Ok(image) => Ok(Self {
                name,
                items: image.items().map(|it| it.content.to_vec()).collect(),
                number,
            }),
            Err(bad) => Err(Step::failed(
                CA,
                bad.code(),
                format!("{name}: {bad}"),
                "make an image with espat pki pack, load it with espat push",
            )),
        }
    }

    /// The certificates of item `number`, in DER.
    fn anchors(&self, number: usize) -> Option<Vec<Vec<u8>>> {
        let (ders, _) = verify::certificates(self.items.get(number)?).ok()?;
        Some(ders)
    }
}

const CA: &str = "ca";

/// The lint of the chosen item, and what is in it.
pub(super) fn ca(trust: &Trust, terms: Terms<'_>) -> Step {
    let Some(content) = trust.items.get(trust.number) else {
        return Step::failed(
            CA,
            "ca_missing",
            format!(
                "{} has {}, and none of number {}",
                trust.name,
                pki::items_word(trust.items.len()),
                trust.number
            ),
            "numbers count from 0: AT+CIPSSLCCONF=2,0,<ca_number>",
        );
    };
    let remarks = remarks(content, terms);
    let subjects: Vec<String> = trust
        .anchors(trust.number)
        .unwrap_or_default()
        .iter()
        .filter_map(|der| Some(Certificate::parse(der).ok()?.subject().to_string()))
        .collect();
    let details = remarks
        .iter()
        .map(|it| format!("{} [{}]", it.message, it.code))
        .collect();
    let place = match trust.items.len() {
        1 => trust.name.clone(),
        _ => format!("{}, item {}", trust.name, trust.number),
    };
    let advice = "give the CA's certificate in PEM or DER";
    let error = remarks.iter().find(|it| it.level == Level::Error);
    let step = match (error, subjects.is_empty()) {
        (Some(error), _) => Step::failed(
            CA,
            error.code,
            format!("{place}: {}", error.message),
            advice,
        ),
        (None, true) => Step::failed(
            CA,
            "ca_unreadable",
            format!("{place} holds no certificate that can be read"),
            advice,
        ),
        (None, false) => {
            let message = format!("{place}: {}", subjects.join(" | "));
            match remarks.first() {
                None => Step::passed(CA, message),
                Some(first) => Step::warning(CA, first.code, message, ""),
            }
        }
    };
    step.with_details(details)
}

/// What is known of a CA item: by the lint, and by the judge of the sessions.
struct Remark {
    level: Level,
    code: &'static str,
    message: String,
}

fn remarks(content: &[u8], terms: Terms<'_>) -> Vec<Remark> {
    let role = PartitionRole::from_name("client_ca");
    let context = Context {
        role,
        now: Some(terms.now),
        partition_size: None,
        device: terms.device.lint(),
    };
    let item = NewItem {
        kind: ItemKind::Ca,
        content,
    };
    let mut remarks = Vec::new();
    let mut scratch = pki::scratch();
    // The scratch is as large as any content needs.
    let _ = lint::check_new(&[item], &context, &mut scratch, &mut |it| {
        remarks.push(Remark {
            level: it.problem.level(),
            code: it.problem.code(),
            message: it.problem.to_string(),
        });
    });
    let refused = device::refused_at_connect(&[item], terms.device, role);
    remarks.extend(refused.into_iter().map(|it| Remark {
        level: Level::Warning,
        code: it.code,
        message: it.message,
    }));
    remarks
}

/// Whether the chain reaches item `number`, whatever the clock and the name.
fn reaches(trust: &Trust, number: usize, sent: &[&[u8]], now: Timestamp) -> Result<(), Why> {
    let owned = trust.anchors(number).unwrap_or_default();
    let anchors: Vec<&[u8]> = owned.iter().map(Vec::as_slice).collect();
    let all: Vec<&[u8]> = sent.iter().chain(&anchors).copied().collect();
    // Dates are a step of their own, where they can be taken out of the question.
    let time = chain::common_time(&all).unwrap_or(now);
    let failed = |cause| Why::new(at_modem::why::Stage::Setup, cause);
    let anchors = Anchors::new(&anchors).map_err(failed)?;
    let policy = Policy::chain(anchors, NameRule::DangerAnyName, Clock::At(time));
    verify_server(&policy, sent).map(drop).map_err(Why::from)
}

/// Does the chain reach the chosen CA? If not: which one it wants, and whether another item is that.
pub(super) fn path(trust: &Trust, sent: &[&[u8]], terms: Terms<'_>) -> Step {
    const NAME: &str = "trust";
    let now = terms.now;
    let why = match reaches(trust, trust.number, sent, now) {
        Ok(()) => return reached(trust, sent, terms.device),
        Err(why) => why,
    };
    if let (Device::EspAt, Some(rule)) = (terms.device, device::rule_of_this_modem(&why)) {
        return Step::warning(NAME, why.code(), why.to_string(), rule);
    }
    let other = (0..trust.items.len())
        .find(|&number| number != trust.number && reaches(trust, number, sent, now).is_ok());
    let code = why.cause.code();
    let wanted = if why.wanted.is_empty() {
        String::new()
    } else {
        format!(", wanted is {}", why.wanted)
    };
    let message = format!("{why}{wanted}");
    let advice = match other {
        Some(number) => format!(
            "item {number} of {} is the right one: AT+CIPSSLCCONF=2,0,{number}",
            trust.name
        ),
        None if why.wanted.is_empty() => String::new(),
        None => format!(
            "load {} instead, or let the server also send the certificates between",
            why.wanted
        ),
    };
    Step::failed(NAME, code, message, advice)
}

/// tls-session accepts the chain; does the device?
fn reached(trust: &Trust, sent: &[&[u8]], device: Device) -> Step {
    const NAME: &str = "trust";
    let anchors = trust.anchors(trust.number).unwrap_or_default();
    let all: Vec<&[u8]> = sent
        .iter()
        .copied()
        .chain(anchors.iter().map(Vec::as_slice))
        .collect();
    let message = format!("the chain reaches the CA of {}", trust.name);
    match device::refused_path(device, &all) {
        None => Step::passed(NAME, message),
        Some(why) => Step::failed(
            NAME,
            why.code(),
            format!("{}: {why}", why.subject),
            "issue the certificates with P-256 or RSA keys",
        ),
    }
}

/// Is the server's own certificate for `name`? Without `required` it is only mentioned if it is not.
pub(super) fn name(own: &[u8], name: &str, required: bool) -> Step {
    const NAME: &str = "host name";
    let parsed = Certificate::parse(own).ok();
    let names = parsed.as_ref().map(chain::names).unwrap_or_default();
    let common_name = parsed.and_then(|it| it.subject().common_name().map(|cn| cn.to_string()));
    let listed = match (names.as_slice(), common_name) {
        ([], Some(cn)) if parsed.is_some_and(|it| it.subject_alt_names().is_none()) => {
            format!("it has no subjectAltName, and its CN is {cn}")
        }
        ([], _) => "it names none in subjectAltName".to_owned(),
        (names, _) => format!("it is for {}", names.join(", ")),
    };
    let Ok(peer) = PeerName::new(name) else {
        return Step::failed(
            NAME,
            "name_invalid",
            format!("'{name}' is neither a DNS name nor an address"),
            "",
        );
    };
    // The certificate as its own anchor: then only the name can be wrong.
    let anchors = [own];
    // As on a modem, the CN counts where there is no subjectAltName.
    let rule = NameRule::MustMatch {
        name: peer,
        common_name: CommonName::CountsWithoutSan,
    };
    let time = chain::common_time(&anchors).map_or(Clock::Unset, Clock::At);
    let matches = Anchors::new(&anchors)
        .is_ok_and(|anchors| verify_server(&Policy::chain(anchors, rule, time), &[own]).is_ok());
    if matches {
        return Step::passed(NAME, format!("the certificate is for {name}"));
    }
    let message = format!("the certificate is not for {name}: {listed}");
    if required {
        Step::failed(
            NAME,
            "name_mismatch",
            message,
            "connect by a name that it has, or give the server a certificate with this one",
        )
    } else {
        Step::warning(
            NAME,
            "name_mismatch",
            message,
            "a module checks it only after AT+CIPSSLCCN or AT+CIPSSLCSNI; give --name to require it",
        )
    }
}

/// The policy of a modem in mode 2 with this CA, for the last step.
pub(super) fn with_policy<T>(
    trust: &Trust,
    name: Option<PeerName<'_>>,
    sni: Option<&str>,
    now: Timestamp,
    use_it: impl FnOnce(&Policy<'_>) -> T,
) -> Result<T, Why> {
    let owned = trust.anchors(trust.number).unwrap_or_default();
    let anchors: Vec<&[u8]> = owned.iter().map(Vec::as_slice).collect();
    let failed = |cause| Why::new(at_modem::why::Stage::Setup, cause);
    let anchors = Anchors::new(&anchors).map_err(failed)?;
    let rule = name.map_or(NameRule::DangerAnyName, |name| NameRule::MustMatch {
        name,
        common_name: CommonName::CountsWithoutSan,
    });
    let mut policy = Policy::chain(anchors, rule, Clock::At(now));
    policy.sni = sni;
    Ok(use_it(&policy))
}
