//! `gnutls-serv`, a TLS server that shares no code with OpenSSL.

use std::net::SocketAddr;

use super::pki::Credentials;
use super::process::{Process, program};
use super::servers::at_a_free_port;
use super::utf8;

/// Answers every line with itself.
#[derive(Debug)]
pub(crate) struct GnutlsServer {
    _process: Process,
    pub(crate) address: SocketAddr,
}

impl GnutlsServer {
    /// With this certificate and these options.
    pub(crate) fn echo(own: &Credentials, options: &[&str]) -> Self {
        let own = [
            ["--x509certfile", utf8(&own.certificate)],
            ["--x509keyfile", utf8(&own.key)],
        ];
        Self::start(&[own.as_flattened(), options].concat())
    }

    /// With these options and no others.
    pub(crate) fn start(options: &[&str]) -> Self {
        at_a_free_port(|address| {
            let port = address.port().to_string();
            let mut command = program("gnutls-serv");
            command
                .args(["--echo", "--crlf", "--port", &port])
                .args(options);
            let mut process = Process::start(&mut command);
            // "Echo Server listening on IPv4 0.0.0.0 port 5556...done"
            process.wait_or_end(|line| {
                (line.contains("IPv4") && line.ends_with("...done")).then_some(())
            })?;
            Some(Self {
                _process: process,
                address,
            })
        })
    }
}
