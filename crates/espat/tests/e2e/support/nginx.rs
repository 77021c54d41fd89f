//! `nginx`, which resumes sessions as many servers on the internet do.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::pki::Credentials;
use super::process::{Process, program};
use super::servers::at_a_free_port;
use super::utf8;

/// Answers every request with what it knows of the session: `abcba r` if it was resumed, `abcba .` otherwise.
#[derive(Debug)]
pub(crate) struct Nginx {
    process: Process,
    pub(crate) address: SocketAddr,
    folder: PathBuf,
    own: Credentials,
}

impl Nginx {
    /// Its files lie in `folder`; `settings` are lines about its only server.
    pub(crate) fn start(folder: &Path, own: &Credentials, settings: &str) -> Self {
        at_a_free_port(|address| Self::try_at(address, folder, own, settings))
    }

    /// At the address of another one that is gone.
    pub(crate) fn start_at(
        address: SocketAddr,
        folder: &Path,
        own: &Credentials,
        settings: &str,
    ) -> Self {
        Self::try_at(address, folder, own, settings).expect("the port is free again")
    }

    fn try_at(
        address: SocketAddr,
        folder: &Path,
        own: &Credentials,
        settings: &str,
    ) -> Option<Self> {
        fs::write(config(folder), text(address, own, settings)).expect("room");
        let mut command = program("nginx");
        command
            .args(["-p", utf8(folder), "-c", utf8(&config(folder))])
            .args(["-e", "stderr"]);
        let mut process = Process::start(&mut command);
        // Where the port is taken it ends.
        process.wait_or_end(|line| line.contains("start worker process ").then_some(()))?;
        Some(Self {
            process,
            address,
            folder: folder.to_owned(),
            own: own.clone(),
        })
    }

    /// Goes on with other settings, without an end in between.
    pub(crate) fn reload(&mut self, settings: &str) {
        let text = text(self.address, &self.own, settings);
        fs::write(config(&self.folder), text).expect("room");
        self.process.signal("HUP");
        // The process with the old settings is gone, and the next connection is for the new one.
        self.process
            .wait_for(|line| line.ends_with(" exited with code 0").then_some(()));
    }
}

/// Killed, it would leave the process behind that serves.
impl Drop for Nginx {
    fn drop(&mut self) {
        self.process.signal("TERM");
        self.process.wait();
    }
}

fn config(folder: &Path) -> PathBuf {
    folder.join("nginx.conf")
}

/// Whatever it writes, it writes into its own folder.
fn text(address: SocketAddr, own: &Credentials, settings: &str) -> String {
    let (certificate, key) = (utf8(&own.certificate), utf8(&own.key));
    format!(
        "daemon off;\nuser root;\nworker_processes 1;\npid nginx.pid;\nerror_log stderr notice;\n\
         events {{}}\n\
         http {{\n\
         access_log off;\n\
         client_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\n\
         uwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n\
         server {{\n\
         listen {address} ssl;\n\
         ssl_protocols TLSv1.2 TLSv1.3;\n\
         ssl_certificate {certificate};\nssl_certificate_key {key};\n\
         {settings}\n\
         return 200 \"abcba $ssl_session_reused\";\n\
         }}\n}}\n"
    )
}
