//! Path validation without a session: would a modem accept this server, and if not, why not?
//!
//! ```text
//! verify-chain                                     one acceptance and four refusals, with certificates of its own
//! verify-chain CA NAME TIME SERVER [CERTIFICATE]…  yours, in DER (openssl x509 -outform DER makes it of PEM)
//! ```
//!
//! `verify_server` opens no socket, reads no clock and allocates nothing: it is what a firmware calls.

use std::error::Error;
use std::process::ExitCode;

use tls_session::{
    Accepted, Anchors, Clock, CommonName, NameRule, PeerName, Policy, Reason, Timestamp,
    verify_server,
};

const CA: &[u8] = include_bytes!("../data/ca_p256.der");
const OTHER_CA: &[u8] = include_bytes!("../data/ca_rsa.der");
const SERVER: &[u8] = include_bytes!("../data/server_p256.der");
const EXPIRED: &[u8] = include_bytes!("../data/expired_p256.der");

/// Accepted, or why not; the outer error is about the question: no CA, or a name or a time that is none.
type Verdict = Result<Result<Accepted, Reason>, Box<dyn Error>>;

/// The whole of it: anchors, a name and a clock make a policy, by which the chain is judged.
fn judge(ca: &[u8], name: &str, time: Option<&str>, chain: &[&[u8]]) -> Verdict {
    let anchors = [ca];
    let clock = match time {
        Some(time) => Clock::At(time.parse::<Timestamp>()?),
        None => Clock::Unset,
    };
    let anchors = Anchors::new(&anchors).map_err(|why| why.to_string())?;
    let name = NameRule::MustMatch {
        name: PeerName::new(name).map_err(|why| why.to_string())?,
        common_name: CommonName::Ignored,
    };
    let policy = Policy::chain(anchors, name, clock);
    Ok(verify_server(&policy, chain))
}

/// Words for people; number and flags for host code that knows Mbed TLS.
fn show(verdict: &Result<Accepted, Reason>) {
    match verdict {
        Ok(Accepted::Path { intermediates, .. }) => {
            println!("accepted: a path to the CA, {intermediates} certificates between");
        }
        Ok(_) => println!("accepted: it is the loaded certificate itself"),
        Err(reason) => println!(
            "refused: {reason} (-0x{:04X}, flags 0x{:04x}, certificate {}: {}; wanted: {})",
            reason.mbedtls().unsigned_abs(),
            reason.verify_flags(),
            reason.depth,
            reason.subject,
            reason.wanted,
        ),
    }
}

/// One line for each question; true when the last verdict was an acceptance.
fn run(arguments: &[String]) -> Result<bool, Box<dyn Error>> {
    let [ca, name, time, chain @ ..] = arguments else {
        let (name, now) = ("server-a.example.test", Some("2026-01-01T00:00:00Z"));
        for (what, ca, name, time, server) in [
            ("its CA, its name, a valid date", CA, name, now, SERVER),
            ("another CA", OTHER_CA, name, now, SERVER),
            ("another name", CA, "other.example.test", now, SERVER),
            ("an expired certificate", CA, name, now, EXPIRED),
            ("a clock that was never set", CA, name, None, SERVER),
        ] {
            print!("{what}: ");
            show(&judge(ca, name, time, &[server])?);
        }
        return Ok(true);
    };
    let ca = std::fs::read(ca)?;
    let chain = chain
        .iter()
        .map(std::fs::read)
        .collect::<Result<Vec<_>, _>>()?;
    let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    let verdict = judge(&ca, name, Some(time), &chain)?;
    show(&verdict);
    Ok(verdict.is_ok())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("verify-chain: {error}");
            ExitCode::from(2)
        }
    }
}
