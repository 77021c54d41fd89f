//! A verdict in words and as JSON.

use std::fmt::{self, Write as _};

use serde_json::{Value, json};
use tls_session::evidence::Negotiated;
use tls_session::reason::{group_text, suite_text};
use tls_session::{Accepted, Clock, NameRule, Opened, PeerAuth, Policy};
use x509_facts::Certificate;

use super::{Args, Refusal};
use crate::pki::sha256;
use crate::report;
use at_modem::why::Why;

/// What can be shown of an accepted chain.
pub(super) enum Certificates<'a> {
    /// All of it, the server's own first.
    Path(Vec<&'a [u8]>),
    /// What a session does not hand out stays unseen: only the CA is known.
    AnchorOnly(Option<&'a [u8]>),
}

impl<'a> Certificates<'a> {
    /// Each certificate that can be shown, and its part in the path.
    fn shown(&self, accepted: Accepted) -> Vec<(&'static str, Certificate<'a>)> {
        let pinned = matches!(accepted, Accepted::Pin { .. });
        let (ders, whole) = match self {
            Self::Path(ders) => (ders.as_slice(), true),
            Self::AnchorOnly(der) => (der.as_slice(), false),
        };
        let last = ders.len().saturating_sub(1);
        ders.iter()
            .enumerate()
            .filter_map(|(depth, der)| {
                let part = match depth {
                    _ if pinned => "pinned",
                    0 if whole => "server",
                    _ if depth == last => "ca",
                    _ => "intermediate",
                };
                Some((part, Certificate::parse(der).ok()?))
            })
            .collect()
    }
}

/// An acceptance, on stdout; `notes` is what the other device would refuse it for.
pub(super) fn accepted(
    policy: &Policy<'_>,
    accepted: Accepted,
    (certificates, session): (&Certificates<'_>, Option<Negotiated>),
    (args, notes): (&Args, &[Why]),
) -> anyhow::Result<()> {
    if args.json {
        let mut value = accepted_json(policy, accepted, certificates, session);
        if let Some(fields) = value.as_object_mut() {
            let notes = notes.iter().map(|why| note_json(args, why)).collect();
            fields.insert("findings".into(), notes);
            fields.insert("device".into(), args.device.code().into());
        }
        return report::print_json(&value);
    }
    let mut text = accepted_text(policy, accepted, certificates, session)?;
    writeln!(text, "  device        {}", args.device.name())?;
    for why in notes {
        let note = note_text(args, why);
        writeln!(text, "  note          {note} [{}]", why.code())?;
    }
    report::print(&text)
}

fn note_text(args: &Args, why: &Why) -> String {
    let (other, subject) = (args.device.other(), &why.subject);
    format!("{} refuses {subject}: {why}", other.name())
}

fn note_json(args: &Args, why: &Why) -> Value {
    json!({
        "code": why.code(),
        "level": "note",
        "device": args.device.other().code(),
        "message": note_text(args, why),
    })
}

/// Whether by a path or as a pin, and how many certificates lie between.
const fn how(accepted: Accepted) -> (&'static str, usize) {
    match accepted {
        Accepted::Path { intermediates, .. } => ("path", intermediates),
        Accepted::Pin { .. } => ("pin", 0),
        _ => ("unchecked", 0),
    }
}

fn accepted_json(
    policy: &Policy<'_>,
    accepted: Accepted,
    certificates: &Certificates<'_>,
    session: Option<Negotiated>,
) -> Value {
    let (how, intermediates) = how(accepted);
    let path: Vec<Value> = certificates
        .shown(accepted)
        .iter()
        .map(|(part, certificate)| {
            let validity = certificate.validity();
            json!({
                "part": part,
                "subject": certificate.subject().to_string(),
                "issuer": certificate.issuer().to_string(),
                "not_before": validity.not_before.to_string(),
                "not_after": validity.not_after.to_string(),
                "key": certificate.key_kind().to_string(),
                "sha256": sha256(certificate.der()),
            })
        })
        .collect();
    json!({
        "result": "ok",
        "code": "accepted",
        "message": match how {
            "pin" => "accepted: the server's certificate is the loaded one",
            _ => "accepted: chain to the loaded CA",
        },
        "findings": [],
        "verdict": "accepted",
        "checked": policy.to_string(),
        "at": time(policy),
        "how": how,
        "intermediates": intermediates,
        "path": path,
        "path_complete": matches!(certificates, Certificates::Path(_)),
        "session": session.map(|session| json!({
            "version": session.version.as_str(),
            "suite": suite_text(session.suite),
            "group": group_text(session.group),
        })),
    })
}

fn accepted_text(
    policy: &Policy<'_>,
    accepted: Accepted,
    certificates: &Certificates<'_>,
    session: Option<Negotiated>,
) -> Result<String, fmt::Error> {
    let mut text = String::new();
    let (how, intermediates) = how(accepted);
    match how {
        "pin" => write!(text, "accepted: the server's certificate is the loaded one")?,
        _ => write!(text, "accepted: chain to the loaded CA")?,
    }
    match policy.peer {
        PeerAuth::Chain {
            name: NameRule::MustMatch { name, .. },
            ..
        } => writeln!(text, ", for {}", name.as_str())?,
        _ => writeln!(text, ", whatever its name (--name checks one)")?,
    }
    writeln!(text, "  at            {}", time(policy).unwrap_or_default())?;
    if let Some(session) = session {
        writeln!(
            text,
            "  session       {}, {}, {}",
            session.version.as_str(),
            suite_text(session.suite),
            group_text(session.group),
        )?;
    }
    for (part, certificate) in certificates.shown(accepted) {
        let validity = certificate.validity();
        writeln!(
            text,
            "  {part:<12}  {}\n                {} to {}, {}\n                sha256 {}",
            certificate.subject(),
            validity.not_before,
            validity.not_after,
            certificate.key_kind(),
            sha256(certificate.der()),
        )?;
    }
    if matches!(certificates, Certificates::AnchorOnly(_)) {
        writeln!(
            text,
            "  between       {intermediates} intermediate certificates, not shown"
        )?;
    }
    Ok(text)
}

fn time(policy: &Policy<'_>) -> Option<String> {
    let PeerAuth::Chain { clock, .. } = policy.peer else {
        return None;
    };
    match clock {
        Clock::At(time) => Some(time.to_string()),
        Clock::BeforeFloor { now, .. } => Some(now.to_string()),
        Clock::Unset => None,
    }
}

/// How a session was opened, in one line.
pub(crate) fn handshake_words(opened: &Opened) -> String {
    let session = opened.negotiated();
    let accepted = match how(opened.accepted()) {
        ("pin", _) => "the server's certificate is the loaded one".to_owned(),
        (_, between) => format!("chain to the loaded CA, {between} certificates between"),
    };
    format!(
        "{}, {}, {}: {accepted}",
        session.version.as_str(),
        suite_text(session.suite),
        group_text(session.group),
    )
}

/// As Mbed TLS's documentation writes it.
fn mbedtls(number: i32) -> String {
    format!("-0x{:04X}", number.unsigned_abs())
}

pub(super) fn refused_json(refusal: &Refusal) -> Value {
    let reason = &refusal.reason;
    let message = reason.to_string();
    json!({
        "result": "refused",
        "message": message,
        "findings": [{"code": reason.cause.code(), "level": "error", "message": message}],
        "found": reason.found.as_str(),
        "verdict": "refused",
        "code": reason.cause.code(),
        "stage": reason.stage.as_str(),
        "mbedtls": mbedtls(reason.mbedtls()),
        "flags": reason.verify_flags(),
        "depth": reason.depth,
        "subject": reason.subject.as_str(),
        "wanted": reason.wanted.as_str(),
        "words": reason.to_string(),
        "detail": refusal.detail,
    })
}

pub(super) fn refused_text(refusal: &Refusal) -> Result<String, fmt::Error> {
    let reason = &refusal.reason;
    let mut text = String::new();
    write!(text, "refused: {reason} [{}]", reason.code())?;
    write!(text, "\n  stage         {}", reason.stage)?;
    write!(
        text,
        "\n  mbedtls       {}, verify flags 0x{:04x}",
        mbedtls(reason.mbedtls()),
        reason.verify_flags()
    )?;
    if !reason.subject.is_empty() {
        write!(
            text,
            "\n  certificate   {}: {}",
            reason.depth, reason.subject
        )?;
    }
    if !reason.wanted.is_empty() {
        write!(text, "\n  wanted        {}", reason.wanted)?;
    }
    if let Some(detail) = &refusal.detail {
        write!(text, "\n  detail        {detail}")?;
    }
    Ok(text)
}
