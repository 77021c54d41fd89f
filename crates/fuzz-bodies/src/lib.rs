//! What is fuzzed: one function for each place where bytes from outside come in.
//!
//! A body takes any bytes and panics if a claim does not hold. The same function is run three ways:
//! by `tests/bodies.rs` on its seeds and on some mutations of them, by the program of this package for
//! as long as wanted, and by libFuzzer, where cargo-fuzz is installed. `cargo xtask fuzz` chooses.
//!
//! | feature | bodies |
//! |---|---|
//! | none | the libraries |
//! | `host` | `espat`: transcripts, recordings and replays, captures, the control port |
//! | `mock-time` | the whole modem; not together with `host`, because a program has one clock |

// Files of other packages are included here, whose own tests are run there.
#![cfg(not(test))]
#![expect(
    unexpected_cfgs,
    reason = "files of other packages are included, whose features these are"
)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a body says no by panicking"
)]

pub mod mutate;
pub mod take;

mod cert_bin;
#[expect(
    dead_code,
    reason = "the claims are about what is read, not about what is sent"
)]
#[path = "../../modem-net/src/dns.rs"]
mod dns_message;
// Its tests are a file that is not found from here.
#[rustfmt::skip]
#[path = "../../at-modem/src/filter/expression.rs"]
mod expression;
#[cfg(feature = "mock-time")]
#[allow(dead_code, reason = "an answer sets it, and nothing else is looked at")]
#[path = "../../at-modem/src/clock.rs"]
mod clock;
mod flash;
#[path = "../../at-modem/src/port/framing.rs"]
mod framing_code;
#[cfg(feature = "host")]
mod host;
#[cfg(feature = "host")]
mod host_files;
#[cfg(feature = "host")]
mod host_module;
mod lines;
#[cfg(feature = "mock-time")]
mod modem;
mod network;
mod ota;
#[expect(dead_code, reason = "bodies use some of the doubles")]
#[path = "../../tls-session/tests/engines/peer.rs"]
mod peer;
mod records;
#[cfg(feature = "mock-time")]
#[path = "../../at-modem/src/sntp.rs"]
mod sntp_code;
#[cfg(feature = "mock-time")]
mod sntp_target;
#[cfg(feature = "mock-time")]
#[allow(dead_code, reason = "each body uses some of the doubles")]
#[path = "../../at-modem/tests/modem/support/mod.rs"]
mod support;
mod tls;
mod tls_peers;
#[expect(dead_code, reason = "bodies use some of the doubles")]
#[path = "../../tls-session/tests/servers/visitor.rs"]
mod visitor;

/// A body and its name.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Also the name of its folder of seeds, and of its program for libFuzzer.
    pub name: &'static str,
    /// Bytes of the longest input that says more than a shorter one.
    pub longest: usize,
    /// The body.
    pub run: fn(&[u8]),
}

const fn target(name: &'static str, longest: usize, run: fn(&[u8])) -> Target {
    Target { name, longest, run }
}

/// Every body that this build has.
pub const TARGETS: &[Target] = &[
    target("at_line", 300, lines::command_line),
    target("at_reply", 1500, lines::reply),
    target("framing", 2000, lines::framing),
    target("filter", 200, lines::filter),
    target("dns", 600, network::dns),
    target("dhcp", 1200, network::dhcp),
    target("cert_bin", 12_000, cert_bin::body),
    target("tables", 4096, flash::tables),
    target("settings", 2500, flash::settings),
    target("nvs", 2500, flash::nvs),
    target("x509", 8000, tls::chain),
    target("tls_client", 1200, tls::embedded_client),
    target("tls_client_rustls", 1200, tls::rustls_client),
    target("tls_raw", 4000, tls::raw),
    target("tls_client_older", 1200, tls_peers::older_client),
    target("tls_server", 1200, tls_peers::server_session),
    target("tickets", 1500, tls_peers::tickets),
    target("ota", 3000, ota::body),
    #[cfg(feature = "host")]
    target("transcript", 2000, host::transcript),
    #[cfg(feature = "host")]
    target("control", 1000, host::control),
    #[cfg(feature = "host")]
    target("control_json", 1000, host::control_json),
    #[cfg(feature = "host")]
    target("replay", 2000, host_files::replay),
    #[cfg(feature = "host")]
    target("capture", 3000, host_files::capture),
    #[cfg(feature = "host")]
    target("push", 2000, host_module::push),
    #[cfg(feature = "host")]
    target("explain", 300, host_module::explain),
    #[cfg(feature = "mock-time")]
    target("modem", 1500, modem::session),
    #[cfg(feature = "mock-time")]
    target("boot", 2500, modem::boot),
    #[cfg(feature = "mock-time")]
    target("sntp", 300, sntp_target::body),
];

/// How many sessions the target `tickets` resumes with this input. Where none is, its claims say little.
#[must_use]
pub fn resumptions(data: &[u8]) -> usize {
    tls_peers::resumptions(data)
}

/// The body of this name.
///
/// # Panics
///
/// If this build has none.
#[must_use]
pub fn body(name: &str) -> fn(&[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    target.unwrap_or_else(|| panic!("no target {name}")).run
}

/// The seeds of a body, in an order that never changes.
///
/// # Panics
///
/// If they cannot be read.
#[must_use]
pub fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(name);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}
