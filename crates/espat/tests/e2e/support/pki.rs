//! A private CA run with the openssl command line, as the user of a module would.

use std::fs;
use std::path::{Path, PathBuf};

use super::process::{command, program, run};
use super::utf8;

/// The address in every server's certificate, and in every `AT+CIPSTART`.
pub(crate) const ADDRESS: &str = "192.168.3.129";
/// The DNS name in every server's certificate.
pub(crate) const NAME: &str = "broker.local";

/// Kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Rsa2048,
    Rsa3072,
    Rsa4096,
    P256,
    P384,
    Ed25519,
}

impl KeyKind {
    const fn new_key(self) -> &'static [&'static str] {
        match self {
            Self::Rsa2048 => &["-newkey", "rsa:2048"],
            Self::Rsa3072 => &["-newkey", "rsa:3072"],
            Self::Rsa4096 => &["-newkey", "rsa:4096"],
            Self::P256 => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Self::P384 => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
            Self::Ed25519 => &["-newkey", "ed25519"],
        }
    }
}

/// notBefore and notAfter, as `openssl ca` takes them.
pub(crate) type Validity = (&'static str, &'static str);

pub(crate) const VALID: Validity = ("20200101000000Z", "20991231235959Z");
pub(crate) const EXPIRED: Validity = ("20200101000000Z", "20210101000000Z");
pub(crate) const FUTURE: Validity = ("20900101000000Z", "20991231235959Z");

/// A certificate and its key, in files.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// A certificate authority; its files lie in a folder of its own.
#[derive(Debug)]
pub(crate) struct Ca {
    folder: PathBuf,
    pub(crate) own: Credentials,
}

/// Everything said, so that nothing depends on the defaults of an installation.
const CONFIG: &str = "\
[req]
distinguished_name = name
prompt = no
[name]
[ca]
default_ca = this
[this]
database = index.txt
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = IP:192.168.3.129,DNS:broker.local
[bare]
keyUsage = critical,digitalSignature
authorityKeyIdentifier = keyid
subjectAltName = IP:192.168.3.129
[client]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
";

impl Ca {
    /// A root in a new folder `name` below `folder`.
    pub(crate) fn root(folder: &Path, name: &str, kind: KeyKind) -> Self {
        let ca = Self::empty(folder, name);
        let subject = format!("/CN={name}");
        run(program("openssl")
            .current_dir(&ca.folder)
            .args(["req", "-x509", "-config", "ca.cnf", "-extensions"])
            .args(["authority", "-nodes", "-days", "3650", "-subj", &subject])
            .args(kind.new_key())
            .args(["-keyout", utf8(&ca.own.key)])
            .args(["-out", utf8(&ca.own.certificate)]));
        ca
    }

    /// A CA whose certificate this one signs.
    pub(crate) fn intermediate(&self, name: &str, kind: KeyKind) -> Self {
        let folder = self.folder.parent().expect("a folder of its own");
        let ca = Self::empty(folder, name);
        self.sign(name, kind, "authority", VALID, &ca.own);
        ca
    }

    /// A server's certificate, for [`ADDRESS`] and [`NAME`].
    pub(crate) fn leaf(&self, name: &str, kind: KeyKind, validity: Validity) -> Credentials {
        self.end_entity(name, kind, "server", validity)
    }

    /// A server's certificate for [`ADDRESS`] that does not say what it is for.
    pub(crate) fn purposeless(&self, name: &str) -> Credentials {
        self.end_entity(name, KeyKind::P256, "bare", VALID)
    }

    /// A device's certificate.
    pub(crate) fn client(&self, name: &str, kind: KeyKind, validity: Validity) -> Credentials {
        self.end_entity(name, kind, "client", validity)
    }

    fn end_entity(
        &self,
        name: &str,
        kind: KeyKind,
        extensions: &str,
        validity: Validity,
    ) -> Credentials {
        let own = Credentials {
            certificate: self.folder.join(format!("{name}.pem")),
            key: self.folder.join(format!("{name}.key.pem")),
        };
        self.sign(name, kind, extensions, validity, &own);
        own
    }

    fn empty(folder: &Path, name: &str) -> Self {
        let folder = folder.join(name.replace(' ', "-"));
        fs::create_dir(&folder).expect("a new folder");
        fs::write(folder.join("ca.cnf"), CONFIG).expect("room");
        fs::write(folder.join("index.txt"), "").expect("room");
        let own = Credentials {
            certificate: folder.join("ca.pem"),
            key: folder.join("ca.key.pem"),
        };
        Self { folder, own }
    }

    fn sign(
        &self,
        name: &str,
        kind: KeyKind,
        extensions: &str,
        (start, end): Validity,
        own: &Credentials,
    ) {
        let subject = format!("/CN={name}");
        run(program("openssl")
            .current_dir(&self.folder)
            .args(["req", "-new", "-config", "ca.cnf", "-nodes"])
            .args(["-subj", &subject, "-out", "request.pem"])
            .args(kind.new_key())
            .args(["-keyout", utf8(&own.key)]));
        run(program("openssl")
            .current_dir(&self.folder)
            .args(["ca", "-config", "ca.cnf", "-batch", "-notext"])
            .args(["-cert", utf8(&self.own.certificate)])
            .args(["-keyfile", utf8(&self.own.key)])
            .args(["-extensions", extensions, "-in", "request.pem"])
            .args(["-startdate", start, "-enddate", end])
            .args(["-out", utf8(&own.certificate)]));
    }
}

/// The image for partition `client_ca`, made by `espat pki pack`.
pub(crate) fn pack_ca(certificate: &Path) -> Vec<u8> {
    pack("ca", &[certificate.to_owned()])
}

/// An image of items of this kind, beside the first file; made by `espat pki pack`.
pub(crate) fn pack(kind: &str, files: &[PathBuf]) -> Vec<u8> {
    pack_with(&[], kind, files)
}

/// As [`pack`], of what the original firmware could not use.
pub(crate) fn force_pack(kind: &str, files: &[PathBuf]) -> Vec<u8> {
    pack_with(&["--force"], kind, files)
}

fn pack_with(options: &[&str], kind: &str, files: &[PathBuf]) -> Vec<u8> {
    let first = files.first().expect("an item");
    let image = first.with_file_name(format!("at_{kind}.bin"));
    let items = files.iter().flat_map(|file| [kind, utf8(file)]);
    run(command(env!("CARGO_BIN_EXE_espat"))
        .args(["pki", "pack", "-o", utf8(&image)])
        .args(options)
        .args(items));
    fs::read(image).expect("written")
}

/// How a file holds a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KeyForm {
    /// PKCS#8 in PEM, as keys are made here.
    Made,
    Pkcs8Der,
    /// SEC1 or PKCS#1: what a key of its kind had before there was PKCS#8.
    Traditional,
    TraditionalDer,
}

impl Credentials {
    /// The same with its key in another form; a key in DER takes the certificate with it.
    pub(crate) fn in_form(&self, form: KeyForm) -> Self {
        let (options, der): (&[&str], bool) = match form {
            KeyForm::Made => return self.clone(),
            KeyForm::Pkcs8Der => (&[], true),
            KeyForm::Traditional => (&["-traditional"], false),
            KeyForm::TraditionalDer => (&["-traditional"], true),
        };
        let name = |file: &Path| file.with_extension(format!("{form:?}"));
        let other = Self {
            certificate: if der {
                name(&self.certificate)
            } else {
                self.certificate.clone()
            },
            key: name(&self.key),
        };
        let outform = ["-outform", if der { "DER" } else { "PEM" }];
        run(program("openssl")
            .args(["pkey", "-in", utf8(&self.key), "-out", utf8(&other.key)])
            .args(outform)
            .args(options));
        if der {
            run(program("openssl")
                .args(["x509", "-in", utf8(&self.certificate)])
                .args(["-out", utf8(&other.certificate), "-outform", "DER"]));
        }
        other
    }

    /// The same with its key under a password.
    pub(crate) fn locked(&self, password: &str) -> Self {
        let key = self.key.with_extension("locked");
        run(program("openssl")
            .args(["pkcs8", "-topk8", "-v2", "aes-256-cbc"])
            .args(["-passout", &format!("pass:{password}")])
            .args(["-in", utf8(&self.key), "-out", utf8(&key)]));
        Self {
            certificate: self.certificate.clone(),
            key,
        }
    }

    /// The same with these certificates after its own, in one item.
    pub(crate) fn followed_by(&self, others: &[&Path]) -> Self {
        let certificate = self.certificate.with_extension("chain");
        let files = [&[self.certificate.as_path()], others].concat();
        let text: Vec<String> = files
            .into_iter()
            .map(|file| fs::read_to_string(file).expect("PEM"))
            .collect();
        fs::write(&certificate, text.concat()).expect("room");
        Self {
            certificate,
            key: self.key.clone(),
        }
    }
}
