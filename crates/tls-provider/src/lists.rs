//! How many entries a handshake message has, counted as its bytes come.
//!
//! The engine keeps each certificate, each name of an authority and each signature scheme in memory of its own, which
//! takes more than the entry has bytes: 8 KiB of names of one byte each would take 100 KiB. So entries have limits too,
//! which no honest peer meets.
//!
//! ```text
//! Certificate          1.2: list<3> of certificate<3>           1.3: context<1>, list<3> of (certificate<3>, extensions<2>)
//! CertificateRequest   1.2: types<1>, schemes<2>, list<2> of name<2>   1.3: context<1>, extensions<2>
//! EncryptedExtensions                                           1.3: extensions<2>
//! ```

use crate::messages::{Refused, What};

const ENCRYPTED_EXTENSIONS: u8 = 8;
const CERTIFICATE: u8 = 11;
const CERTIFICATE_REQUEST: u8 = 13;

/// signature_algorithms, and compress_certificate, whose entries have as many bytes.
const SIGNATURE_ALGORITHMS: u32 = 13;
const COMPRESS_CERTIFICATE: u32 = 27;
const CERTIFICATE_AUTHORITIES: u32 = 47;
const ENCRYPTED_CLIENT_HELLO: u32 = 0xfe0d;

/// Certificates in a chain. Whoever judges chains may take fewer, and say how many there are.
pub const CERTIFICATES: u32 = 32;
/// Schemes of signatures, or of compression.
const SCHEMES: u32 = 128;
/// Configurations for an encrypted ClientHello, none of which was asked for.
const CONFIGURATIONS: u32 = 4;

/// Names of authorities, where so many bytes are taken in a row.
pub(crate) const fn names(flight: u32) -> u32 {
    16 + flight / 128
}

/// The number that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Step {
    /// None: the message has no such list, or is not well-formed, which the engine says.
    #[default]
    Done,
    Context,
    Certificates,
    Certificate,
    CertificateExtensions,
    Types,
    Schemes,
    Names,
    Name,
    Extensions,
    ExtensionType,
    ExtensionLength,
}

impl Step {
    const fn digits(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Context | Self::Types => 1,
            Self::Certificates | Self::Certificate => 3,
            Self::CertificateExtensions
            | Self::Schemes
            | Self::Names
            | Self::Name
            | Self::Extensions
            | Self::ExtensionType
            | Self::ExtensionLength => 2,
        }
    }
}

/// Follows the body of one message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lists {
    message: u8,
    newer: bool,
    step: Step,
    number: u32,
    digits: u8,
    /// Bytes that are no number.
    skip: u32,
    /// Bytes of the body that are still to come.
    rest: u32,
    /// Type of the extension under way.
    extension: u32,
    /// Bytes of the extension that are still to come; TLS 1.3.
    left: u32,
    entries: u32,
}

impl Lists {
    pub(crate) const NONE: Self = Self {
        message: 0,
        newer: false,
        step: Step::Done,
        number: 0,
        digits: 0,
        skip: 0,
        rest: 0,
        extension: 0,
        left: 0,
        entries: 0,
    };

    /// At the beginning of a body of `len` bytes.
    pub(crate) const fn of(message: u8, len: u32, newer: bool) -> Self {
        let step = match (message, newer) {
            (CERTIFICATE | CERTIFICATE_REQUEST, true) => Step::Context,
            (CERTIFICATE, false) => Step::Certificates,
            (CERTIFICATE_REQUEST, false) => Step::Types,
            (ENCRYPTED_EXTENSIONS, true) => Step::Extensions,
            _ => Step::Done,
        };
        Self {
            message,
            newer,
            step,
            rest: len,
            ..Self::NONE
        }
    }

    /// Takes the next bytes of the body; `names` is the limit for names of authorities.
    pub(crate) fn feed(&mut self, mut body: &[u8], names: u32) -> Result<(), Refused> {
        while self.step != Step::Done {
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX);
            let skipped = skipped.min(body.len());
            let count = u32::try_from(skipped).unwrap_or(self.skip);
            self.skip -= count;
            self.rest = self.rest.saturating_sub(count);
            body = body.get(skipped..).unwrap_or_default();
            let Some((byte, rest)) = body.split_first() else {
                return Ok(());
            };
            body = rest;
            self.rest = self.rest.saturating_sub(1);
            self.number = self.number << 8 | u32::from(*byte);
            self.digits += 1;
            if self.digits == self.step.digits() {
                let number = core::mem::take(&mut self.number);
                self.digits = 0;
                self.step = self.next(number, names)?;
            }
        }
        Ok(())
    }

    /// A number is complete.
    fn next(&mut self, number: u32, names: u32) -> Result<Step, Refused> {
        Ok(match self.step {
            Step::Done => Step::Done,
            Step::Context => {
                self.skip = number;
                match self.message {
                    CERTIFICATE => Step::Certificates,
                    _ => Step::Extensions,
                }
            }
            Step::Certificates => Step::Certificate,
            Step::Certificate => {
                self.count(CERTIFICATES)?;
                self.skip = number;
                match self.newer {
                    true => Step::CertificateExtensions,
                    false => Step::Certificate,
                }
            }
            Step::CertificateExtensions => {
                self.skip = number;
                Step::Certificate
            }
            Step::Types => {
                self.skip = number;
                Step::Schemes
            }
            Step::Schemes => {
                self.check_list(number, 2, SCHEMES)?;
                self.skip = number;
                Step::Names
            }
            Step::Names => self.after_names(2),
            Step::Name => {
                self.count(names)?;
                self.skip = number;
                self.after_names(number.saturating_add(2))
            }
            Step::Extensions => Step::ExtensionType,
            Step::ExtensionType => {
                self.extension = number;
                Step::ExtensionLength
            }
            Step::ExtensionLength => return self.extension(number),
        })
    }

    fn extension(&mut self, len: u32) -> Result<Step, Refused> {
        match (self.message, self.extension) {
            (CERTIFICATE_REQUEST, CERTIFICATE_AUTHORITIES) => {
                self.left = len;
                return Ok(Step::Names);
            }
            (CERTIFICATE_REQUEST, SIGNATURE_ALGORITHMS | COMPRESS_CERTIFICATE) => {
                self.check_list(len, 2, SCHEMES)?;
            }
            // Each has four bytes at least.
            (ENCRYPTED_EXTENSIONS, ENCRYPTED_CLIENT_HELLO) => {
                self.check_list(len, 4, CONFIGURATIONS)?;
            }
            _ => {}
        }
        self.skip = len;
        Ok(Step::ExtensionType)
    }

    /// What follows a part of the list of names: in TLS 1.3 it ends with its extension.
    const fn after_names(&mut self, taken: u32) -> Step {
        if !self.newer {
            return Step::Name;
        }
        match self.left.checked_sub(taken) {
            None => Step::Done,
            Some(0) => {
                self.left = 0;
                Step::ExtensionType
            }
            Some(left) => {
                self.left = left;
                Step::Name
            }
        }
    }

    /// A list of entries of at least `each` bytes. The engine reads none that is longer than its message.
    const fn check_list(&self, len: u32, each: u32, limit: u32) -> Result<(), Refused> {
        if len > self.rest {
            return Ok(());
        }
        self.check(len / each, limit)
    }

    const fn count(&mut self, limit: u32) -> Result<(), Refused> {
        self.entries += 1;
        self.check(self.entries, limit)
    }

    const fn check(&self, needed: u32, limit: u32) -> Result<(), Refused> {
        if needed > limit {
            return Err(Refused::TooLong {
                what: What::Entries(self.message),
                needed,
                limit,
            });
        }
        Ok(())
    }
}
