//! A server on Go's crypto/tls: `clients/server.go`, run by the interpreter yaegi.

use std::net::SocketAddr;
use std::process::Stdio;

use super::clients::source;
use super::pki::Credentials;
use super::process::{Process, program};
use super::utf8;

/// Answers every line with whether the session was resumed, and the line.
#[derive(Debug)]
pub(crate) struct GoServer {
    process: Process,
    pub(crate) address: SocketAddr,
}

impl GoServer {
    /// With this certificate at this address; port 0 leaves it to the system. `tickets` as `server.go` takes it.
    pub(crate) fn start_at(address: SocketAddr, own: &Credentials, tickets: &str) -> Self {
        let mut command = program("yaegi");
        command
            .stdin(Stdio::piped())
            .arg("run")
            .arg(source("server.go"))
            .args([&address.to_string(), utf8(&own.certificate)])
            .args([utf8(&own.key), tickets]);
        let mut process = Process::start(&mut command);
        let address = process.wait_for(|line| line.strip_prefix("listening on ")?.parse().ok());
        Self { process, address }
    }

    /// From here on tickets are encrypted with the first of these keys and taken under any.
    pub(crate) fn rotate(&mut self, keys: &str) {
        self.process.types(format!("{keys}\n").as_bytes());
        let said = format!("keys {keys}");
        self.process.wait_for(|line| (line == said).then_some(()));
    }
}
