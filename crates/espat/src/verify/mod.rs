//! `espat verify`: would a modem of ours accept this server, and if not, why not?
//!
//! ```text
//! --ca FILE | --bin FILE[:N]           ─▶ anchors ─┐
//! --name, --at                         ─▶ policy ──┼▶ tls_session ─▶ accepted: the path
//! --chain FILE | --connect HOST:PORT   ─▶ chain ───┘       │         refused: stage, numbers, words
//!                                       --device esp-at ───┴▶ what Espressif's firmware refuses besides
//! ```
//!
//! The verdict is the very one of the modem: the same crate, the same policy. With `--connect` a whole handshake
//! takes place, so that the server must also prove that it holds its key. As on the modem, a name is
//! checked only when one is given, and the CN counts in a certificate without subjectAltName. `--strict` is
//! `AT+SSLPOLICY=1`.

mod connect;
mod path;
mod render;
mod trust;

use std::path::{Path, PathBuf};

use at_modem::why::{Stage, Why};
use cert_bin::ItemKind;
use cert_bin::content::{self, ContentError};
use cert_bin::mistake::Mistake;
use clap::ArgGroup;
use tls_session::reason::CertificateError;
use tls_session::{
    Accepted, Anchors, Clock, CommonName, MasterSecret, NameRule, PeerName, Policy, Profile,
    Timestamp,
};

use crate::capture::CaptureFile;
use crate::device::{self, Device};
use crate::pki;
use crate::pki::files;
use crate::report::{self, Outcome, WrongUsage};
use render::Certificates;

pub use connect::Server;
pub(crate) use render::handshake_words;
pub(crate) use trust::split_number;

/// `espat verify …`
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("trust").required(true).args(["ca", "bin"]))]
#[command(group = ArgGroup::new("server").required(true).args(["chain", "connect"]))]
pub struct Args {
    /// The CA: every certificate in this PEM or DER file is trusted
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The CA: item N (0 where not given) of this certificate image, picked as a modem picks it
    #[arg(long, value_name = "FILE[:N]")]
    bin: Option<PathBuf>,
    /// The server's certificates, its own first, in PEM or DER
    #[arg(long, value_name = "FILE")]
    chain: Option<PathBuf>,
    /// The server itself: connects and performs the handshake
    #[arg(long, value_name = "HOST:PORT")]
    connect: Option<Server>,
    /// The name or address its certificate must be for; without it no name is checked
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The time at which validity is judged [default: now]
    #[arg(long, value_name = "RFC3339", value_parser = pki::time)]
    at: Option<Timestamp>,
    /// Whose rules apply
    #[arg(long, value_enum, default_value_t)]
    device: Device,
    /// Without effect: the CN counts in a certificate without subjectAltName, as on a modem
    #[arg(long, hide = true, conflicts_with = "strict")]
    legacy_cn: bool,
    /// Judge as after AT+SSLPOLICY=1: a name is required (--name, else the host of --connect), and certificates must follow
    /// RFC 5280 and RFC 9525
    #[arg(long)]
    strict: bool,
    /// Writes what the connection sent and received to FILE (pcapng, for Wireshark), with the secrets of the TLS session:
    /// whoever has FILE reads all of it. FILE must be new, and only you can read it
    #[arg(long, value_name = "FILE", requires = "connect")]
    capture: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
///
/// A sentence for a person: files that cannot be read, and command lines that make no sense.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let host = args.connect.as_ref().filter(|_| args.strict);
    let name = match args.name.as_deref().or(host.map(Server::host)) {
        Some(text) => NameRule::MustMatch {
            name: PeerName::new(text).map_err(|cause| WrongUsage(format!("'{text}': {cause}")))?,
            common_name: if args.strict {
                CommonName::Ignored
            } else {
                CommonName::CountsWithoutSan
            },
        },
        None if args.strict => {
            let sentence = "--strict checks a name: give it with --name";
            return Err(WrongUsage(sentence.into()).into());
        }
        None => NameRule::DangerAnyName,
    };
    let clock = args.at.or_else(pki::now).map_or(Clock::Unset, Clock::At);
    let capture = args
        .capture
        .as_deref()
        .map(CaptureFile::create)
        .transpose()?;
    let server = match (&args.connect, &capture) {
        (Some(server), Some(file)) => Some(server.captured(file.capture())),
        (server, _) => server.clone(),
    };
    let judged = judge(args, server.as_ref(), name, clock);
    if let Some(file) = capture {
        file.finish()?;
    }
    match judged? {
        Ok(()) => Ok(Outcome::Done),
        Err(refusal) => {
            refusal.report(args.json)?;
            Ok(Outcome::Refused)
        }
    }
}

/// Why not, and what else is known about it.
#[derive(Debug)]
struct Refusal {
    reason: Box<Why>,
    /// Which file or item, and what is the matter with it.
    detail: Option<String>,
}

impl From<Why> for Refusal {
    fn from(reason: Why) -> Self {
        Self {
            reason: Box::new(reason),
            detail: None,
        }
    }
}

/// Asks tls-session, and reports an acceptance. The outer error is about files, the inner is the verdict.
fn judge(
    args: &Args,
    server: Option<&Server>,
    name: NameRule<'_>,
    clock: Clock,
) -> anyhow::Result<Result<(), Refusal>> {
    let trusted = match (&args.ca, &args.bin) {
        (Some(file), _) => trust::from_file(file)?,
        (None, Some(image)) => trust::from_image(image)?,
        (None, None) => return Err(WrongUsage("no CA given".into()).into()),
    };
    let trusted = match trusted {
        Ok(trusted) => trusted,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let anchor_ders: Vec<&[u8]> = trusted.iter().map(Vec::as_slice).collect();
    let anchors = match Anchors::new(&anchor_ders) {
        Ok(anchors) if args.strict => anchors.under(Profile::Strict),
        Ok(anchors) => anchors,
        Err(cause) => return Ok(Err(Why::new(Stage::Setup, cause).into())),
    };
    let mut policy = Policy::chain(anchors, name, clock);
    if args.strict {
        policy.master_secret = MasterSecret::Required;
    }

    if let Some(server) = server {
        policy.sni = server.sni();
        return judge_server(args, server, &policy, &anchor_ders);
    }
    let Some(file) = &args.chain else {
        return Err(WrongUsage("neither a chain nor a server given".into()).into());
    };
    match chain(file)? {
        Ok(chain) => judge_chain(args, &chain, &policy, &anchor_ders),
        Err(refusal) => Ok(Err(refusal)),
    }
}

fn judge_server(
    args: &Args,
    server: &Server,
    policy: &Policy<'_>,
    anchors: &[&[u8]],
) -> anyhow::Result<Result<(), Refusal>> {
    let opened = match server.handshake(policy) {
        Ok(opened) => opened,
        Err(reason) => return Ok(Err(refused(args.device, reason))),
    };
    let accepted = opened.accepted();
    // A second connection, so only where the certificates between must be looked at.
    let sent = match args.device {
        Device::Espat => Vec::new(),
        Device::EspAt => server.chain(policy),
    };
    let sent: Vec<&[u8]> = sent.iter().map(Vec::as_slice).collect();
    let anchor = anchor(anchors, accepted);
    let path: Vec<&[u8]> = sent.iter().copied().chain(anchor).collect();
    if let Some(reason) = device::refused_path(args.device, &path) {
        return Ok(Err(reason.into()));
    }
    let shown = Certificates::AnchorOnly(anchor);
    let shown = (&shown, Some(opened.negotiated()));
    render::accepted(policy, accepted, shown, (args, &notes(args.device, &path))).map(Ok)
}

fn judge_chain(
    args: &Args,
    chain: &[Vec<u8>],
    policy: &Policy<'_>,
    anchors: &[&[u8]],
) -> anyhow::Result<Result<(), Refusal>> {
    let ders: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    let accepted = match tls_session::verify_server(policy, &ders) {
        Ok(accepted) => accepted,
        Err(reason) => return Ok(Err(refused(args.device, reason.into()))),
    };
    let path = path::find(policy, &ders, anchors, accepted);
    let shown = path.map_or_else(
        || Certificates::AnchorOnly(anchor(anchors, accepted)),
        Certificates::Path,
    );
    let of_path = match &shown {
        Certificates::Path(path) => path.clone(),
        // It was not found again: then all that may be in it.
        Certificates::AnchorOnly(anchor) => ders.iter().copied().chain(*anchor).collect(),
    };
    if let Some(reason) = device::refused_path(args.device, &of_path) {
        return Ok(Err(reason.into()));
    }
    let notes = notes(args.device, &of_path);
    render::accepted(policy, accepted, (&shown, None), (args, &notes)).map(Ok)
}

/// A refusal of tls-session, and what the other firmware makes of it.
fn refused(device: Device, reason: Why) -> Refusal {
    let detail = match device {
        Device::Espat => None,
        Device::EspAt => device::rule_of_this_modem(&reason).map(str::to_owned),
    };
    Refusal {
        reason: Box::new(reason),
        detail,
    }
}

/// What the other device makes of an accepted path, where that differs.
fn notes(device: Device, path: &[&[u8]]) -> Vec<Why> {
    let mut found = device::refused_path(device.other(), path);
    found.take().into_iter().collect()
}

/// The certificate that made a chain acceptable.
fn anchor<'a>(anchors: &[&'a [u8]], accepted: Accepted) -> Option<&'a [u8]> {
    match accepted {
        Accepted::Path { anchor, .. } | Accepted::Pin { anchor } => anchors.get(anchor).copied(),
        _ => None,
    }
}

/// The certificates of a file in its order, which for a server's message means: its own first.
fn chain(file: &Path) -> anyhow::Result<Result<Vec<Vec<u8>>, Refusal>> {
    let bytes = files::read(file)?;
    let refusal = |cause, detail: String| Refusal {
        reason: Box::new(Why::new(
            Stage::Tls(tls_session::Stage::Certificate),
            tls_session::Cause::from(cause),
        )),
        detail: Some(format!("{}: {detail}", file.display())),
    };
    Ok(match certificates(&bytes) {
        // A server's message cannot have a hole: were the first one dropped, another would be its own.
        Ok((_, unreadable)) if unreadable > 0 => Err(refusal(
            CertificateError::Malformed,
            format!("{unreadable} certificate blocks cannot be read"),
        )),
        Ok((ders, _)) => Ok(ders),
        Err(error) => Err(refusal(
            match error {
                ContentError::Damaged { .. } => CertificateError::Malformed,
                _ => CertificateError::NoCertificate,
            },
            match Mistake::of_content(&bytes, ItemKind::Cert) {
                Some(mistake) => format!("{mistake} [{}]", mistake.code()),
                None => error.to_string(),
            },
        )),
    })
}

/// More than a chain or a CA item may have, so that the limit is reported by whoever has it.
const MOST: usize = 64;

/// Every certificate in PEM or DER bytes, and how many could not be read.
pub(crate) fn certificates(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, usize), ContentError> {
    let mut buf = vec![0; bytes.len()];
    let found = content::decode_certificates::<MOST>(bytes, &mut buf)?;
    let ders = found.der.iter().map(|der| der.to_vec()).collect();
    Ok((ders, found.unreadable))
}

impl Refusal {
    /// The verdict on stderr, as JSON also on stdout.
    fn report(&self, json: bool) -> anyhow::Result<()> {
        if json {
            report::print_json(&render::refused_json(self))?;
            report::say(format_args!("refused: {}", self.reason));
        } else {
            report::say(render::refused_text(self)?);
        }
        Ok(())
    }
}
