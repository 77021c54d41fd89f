//! Real peers on loopback: `openssl s_server` with certificates of a CA made here, and `chronyd`.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use cert_bin::ItemKind;
use cert_bin::writer::{NewItem, image_size, write_image};

use crate::TIMEOUT;
use crate::process::{Server, command, run};

/// This machine's loopback, as the board reaches it; also the address in every server's certificate.
pub const ADDRESS: &str = "10.0.2.2";

/// Everything is set, so that nothing depends on the defaults of an installation.
const CONFIG: &str = "\
[req]
distinguished_name = name
prompt = no
[name]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[intermediate]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = IP:10.0.2.2,DNS:broker.local
[client]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
";

/// What `openssl req` takes for a new key.
pub const P256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
/// As [`P256`].
pub const P384: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
/// As [`P256`].
pub const ED25519: &[&str] = &["-newkey", "ed25519"];
/// As [`P256`].
pub const RSA: &[&str] = &["-newkey", "rsa:2048"];
/// As [`P256`].
pub const RSA_3072: &[&str] = &["-newkey", "rsa:3072"];
/// As [`P256`].
pub const RSA_4096: &[&str] = &["-newkey", "rsa:4096"];

/// Seconds since 1970 of a time in the form of C's `asctime`.
pub fn seconds_of(time: &str) -> Result<i64> {
    let printed = run(command("date").args(["-u", "+%s", "-d", time]))?;
    Ok(printed.trim_end().parse()?)
}

/// A certificate authority; its files lie in a folder of its own.
#[derive(Debug)]
pub struct Ca {
    folder: PathBuf,
    openssl: String,
}

impl Ca {
    /// A root with a key of P-256 in a new folder `name`.
    pub fn new(openssl: &str, folder: &Path, name: &str) -> Result<Self> {
        let folder = folder.join(name.replace(' ', "-"));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("ca.cnf"), CONFIG)?;
        let ca = Self {
            folder,
            openssl: openssl.to_owned(),
        };
        run(ca
            .req(name, P256, "ca")
            .args(["-x509", "-days", "3650", "-extensions", "authority"]))?;
        Ok(ca)
    }

    fn req(&self, subject: &str, key: &[&str], name: &str) -> Command {
        let mut req = command(&self.openssl);
        req.current_dir(&self.folder)
            .args(["req", "-config", "ca.cnf", "-nodes"])
            .args(["-subj", &format!("/CN={subject}")])
            .args(key)
            .args(["-keyout", &format!("{name}.key.pem")])
            .args(["-out", &format!("{name}.pem")]);
        req
    }

    /// A new key and a certificate with the extensions of this section of [`CONFIG`], signed by `issuer`.
    fn issue(&self, section: &str, key: &[&str], name: &str, issuer: &str) -> Result<()> {
        let subject = match section {
            "intermediate" => name,
            _ => section,
        };
        let mut req = self.req(subject, key, name);
        req.args(["-x509", "-days", "3650", "-extensions", section])
            .args(["-CA", &format!("{issuer}.pem")])
            .args(["-CAkey", &format!("{issuer}.key.pem")]);
        run(&mut req).map(drop)
    }

    /// As [`Self::serve_as`], with TLS 1.3.
    pub fn serve(&self, name: &str, key: &[&str]) -> Result<TlsServer> {
        self.serve_as(name, key, &["-tls1_3"])
    }

    /// A server that answers every line with its characters reversed, with a certificate for
    /// [`ADDRESS`] and the name `broker.local`, and with further options of `openssl s_server`.
    pub fn serve_as(&self, name: &str, key: &[&str], options: &[&str]) -> Result<TlsServer> {
        self.issue("server", key, name, "ca")?;
        self.start(name, options)
    }

    /// As [`Self::serve_as`], with so many intermediates between the server and this authority, all with keys of one
    /// kind.
    pub fn serve_behind(
        &self,
        intermediates: usize,
        name: &str,
        key: &[&str],
        options: &[&str],
    ) -> Result<TlsServer> {
        let mut issuer = "ca".to_owned();
        let mut chain = Vec::new();
        for number in 0..intermediates {
            let this = format!("{name}-{number}");
            self.issue("intermediate", key, &this, &issuer)?;
            chain.extend(fs::read(self.folder.join(format!("{this}.pem")))?);
            issuer = this;
        }
        self.issue("server", key, name, &issuer)?;
        let file = format!("{name}.chain.pem");
        fs::write(self.folder.join(&file), chain)?;
        let options = [options, &["-cert_chain", &file]].concat();
        self.start(name, &options)
    }

    fn start(&self, name: &str, options: &[&str]) -> Result<TlsServer> {
        let mut server = command(&self.openssl);
        server
            .current_dir(&self.folder)
            .args(["s_server", "-accept", "127.0.0.1:0", "-rev"])
            .args(options)
            .args(["-cert", &format!("{name}.pem")])
            .args(["-key", &format!("{name}.key.pem")]);
        let process = Server::start(&mut server)?;
        let port = process.wait_for(|line| {
            let place = line.strip_prefix("ACCEPT ")?;
            place.rsplit(':').next()?.parse().ok()
        })?;
        Ok(TlsServer {
            _server_process: process,
            port,
        })
    }

    /// The image for partition `client_ca`.
    pub fn image(&self) -> Result<Vec<u8>> {
        self.image_of(ItemKind::Ca, "ca.pem")
    }

    /// The images for partitions `client_cert` and `client_key`: a client of this authority.
    pub fn client_images(&self, key: &[&str]) -> Result<[Vec<u8>; 2]> {
        self.issue("client", key, "client", "ca")?;
        Ok([
            self.image_of(ItemKind::Cert, "client.pem")?,
            self.image_of(ItemKind::Key, "client.key.pem")?,
        ])
    }

    /// The images for partitions `server_cert` and `server_key`: the modem as a server of this authority's.
    pub fn server_images(&self, key: &[&str]) -> Result<[Vec<u8>; 2]> {
        self.issue("server", key, "module", "ca")?;
        Ok([
            self.image_of(ItemKind::Cert, "module.pem")?,
            self.image_of(ItemKind::Key, "module.key.pem")?,
        ])
    }

    /// `openssl s_client` with further options, which connects to a port of this machine's loopback, checks the server
    /// against this authority, sends a line and stays until the other end goes. With `certified` it shows the certificate
    /// of [`Self::client_images`].
    pub fn visit(&self, port: u16, options: &[&str], certified: bool) -> Result<TlsClient> {
        let line = self.folder.join("line.txt");
        fs::write(&line, "hello\n")?;
        let mut client = command(&self.openssl);
        client
            .current_dir(&self.folder)
            .args(["s_client", "-quiet", "-connect"])
            .arg(format!("127.0.0.1:{port}"))
            .args(["-CAfile", "ca.pem", "-verify_return_error"])
            .args(options);
        if certified {
            client.args(["-cert", "client.pem", "-key", "client.key.pem"]);
        }
        client.stdin(File::open(line)?);
        Ok(TlsClient(Server::start(&mut client)?))
    }

    fn image_of(&self, kind: ItemKind, file: &str) -> Result<Vec<u8>> {
        let content = &fs::read(self.folder.join(file))?;
        let items = [NewItem { kind, content }];
        let mut image = vec![0; image_size(&items)];
        write_image(&items, &mut image).map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(image)
    }
}

/// A TLS server on this machine's loopback.
#[derive(Debug)]
pub struct TlsServer {
    _server_process: Server,
    /// Where it listens.
    pub port: u16,
}

/// A client of the modem's server.
#[derive(Debug)]
pub struct TlsClient(Server);

impl TlsClient {
    /// Waits for a line with this in it.
    ///
    /// # Errors
    ///
    /// It ended without, or there was none in time.
    pub fn prints(&self, wanted: &str) -> Result<()> {
        self.0.wait_for(|line| line.contains(wanted).then_some(()))
    }
}

/// An NTP server with the time of this machine, whose clock it leaves alone.
#[derive(Debug)]
pub struct NtpServer {
    _server_process: Server,
    /// Where it listens.
    pub port: u16,
}

impl NtpServer {
    /// Its files lie in `folder`.
    pub fn start(chronyd: &str, folder: &Path) -> Result<Self> {
        // It cannot choose a port: one is chosen before it is bound, and somebody may be faster.
        for _ in 0..5 {
            let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            let port = free.local_addr()?.port();
            drop(free);
            let process = Self::start_at(chronyd, folder, port)?;
            if answers(port)? {
                return Ok(Self {
                    _server_process: process,
                    port,
                });
            }
        }
        bail!("chronyd does not answer")
    }

    fn start_at(chronyd: &str, folder: &Path, port: u16) -> Result<Server> {
        let config = folder.join("chrony.conf");
        let text = format!(
            "local stratum 8\nport {port}\ncmdport 0\nbindcmdaddress /\nbindaddress 127.0.0.1\n\
             allow 127.0.0.1\npidfile {}\n",
            folder.join("chronyd.pid").display()
        );
        fs::write(&config, text)?;
        let mut server = command(chronyd);
        let user = run(command("id").arg("-un"))?;
        server
            .args(["-x", "-d", "-U", "-u", user.trim_end(), "-f"])
            .arg(&config);
        Server::start(&mut server)
    }
}

/// Asks until an NTP server answers that knows the time.
fn answers(port: u16) -> Result<bool> {
    const QUESTION_VERSION_4_CLIENT: u8 = 0x23;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    // A clash of ports shows as silence: chronyd has ended, or somebody else took the question.
    let end = Instant::now() + TIMEOUT / 6;
    while Instant::now() < end {
        let mut question = [0; 48];
        if let Some(first) = question.first_mut() {
            *first = QUESTION_VERSION_4_CLIENT;
        }
        socket.send_to(&question, (Ipv4Addr::LOCALHOST, port))?;
        let mut answer = [0; 48];
        if matches!(socket.recv_from(&mut answer), Ok((48, _))) && answer.get(1) == Some(&8) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A port of this machine's where nobody listens, and nobody will while this lives: a connection has its
/// other end there.
#[derive(Debug)]
pub struct Nobody {
    _server: TcpListener,
    _client: TcpStream,
    /// Its number.
    pub port: u16,
}

impl Nobody {
    /// Takes one.
    pub fn new() -> Result<Self> {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let client = TcpStream::connect(server.local_addr()?)?;
        Ok(Self {
            port: client.local_addr()?.port(),
            _server: server,
            _client: client,
        })
    }
}
