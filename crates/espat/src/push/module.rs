//! The module on the other end: its firmware and where it keeps certificates (spec: cert-bin 7, 10).

use std::fmt;

use crate::at_host::session::SOON;
use crate::at_host::{Session, SessionError};
use crate::device::Device;

/// What the module says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The line of `AT+GMR` behind `AT version:`, or empty.
    pub version: String,
    /// It has the commands that only this project's firmware has.
    pub is_espat: bool,
    /// The partitions that `AT+SYSFLASH` names.
    pub partitions: Vec<Partition>,
}

/// A line of `AT+SYSFLASH?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u32,
}

/// Where a role's certificates are on this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// An image in a partition of its own: ESP-AT 2.x and 3.0.
    Image {
        /// Of the partition, in bytes.
        size: u32,
    },
    /// Values in `mfg_nvs`: ESP-AT 3.1 and later.
    Values {
        /// Of partition `mfg_nvs`, in bytes.
        size: u32,
    },
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version.as_str() {
            "" => f.write_str("module of unknown version"),
            version => f.write_str(version),
        }
    }
}

impl Module {
    /// Whose rules it follows.
    pub(crate) const fn device(&self) -> Device {
        if self.is_espat {
            Device::Espat
        } else {
            Device::EspAt
        }
    }

    /// Asks it.
    ///
    /// # Errors
    ///
    /// A module without `AT+SYSFLASH` refuses it: [`SessionError::Refused`].
    pub fn ask(session: &mut Session) -> Result<Self, SessionError> {
        let version = match session.command("AT+GMR", SOON) {
            Ok(reply) => reply
                .after("AT version:")
                .next()
                .unwrap_or_default()
                .to_owned(),
            // Rare firmware has no AT+GMR; that says nothing about its partitions.
            Err(SessionError::Refused { .. }) => String::new(),
            Err(error) => return Err(error),
        };
        let is_espat = match session.command("AT+SSLPOLICY?", SOON) {
            Ok(_) => true,
            Err(SessionError::Refused { .. }) => false,
            Err(error) => return Err(error),
        };
        let listing = session.command("AT+SYSFLASH?", SOON)?;
        let partitions = listing.after("+SYSFLASH:").filter_map(partition).collect();
        Ok(Self {
            version,
            is_espat,
            partitions,
        })
    }

    /// Where the certificates of role `name` are, if it has a place for them.
    #[must_use]
    pub fn storage(&self, name: &str) -> Option<Storage> {
        let size = |name: &str| {
            let found = self.partitions.iter().find(|it| it.name == name);
            found.map(|it| it.size)
        };
        // With both, firmware reads mfg_nvs (spec: cert-bin 9.1).
        if let Some(size) = size("mfg_nvs") {
            return Some(Storage::Values { size });
        }
        size(name).map(|size| Storage::Image { size })
    }

    /// The names of all partitions, for a message.
    #[must_use]
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.partitions.iter().map(|it| it.name.as_str()).collect();
        names.join(", ")
    }
}

/// `"client_ca",64,7,0x2e000,0x2000`
fn partition(fields: &str) -> Option<Partition> {
    let (name, rest) = fields.strip_prefix('"')?.split_once('"')?;
    let size = rest.rsplit(',').next()?.trim();
    let size = match size.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => size.parse(),
    };
    Some(Partition {
        name: name.to_owned(),
        size: size.ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_listing_is_read_or_skipped() {
        for (line, wanted) in [
            (
                "\"client_ca\",64,7,0x2e000,0x2000",
                Some(("client_ca", 0x2000)),
            ),
            ("\"fatfs\",1,129,0x70000,0x90000", Some(("fatfs", 0x90000))),
            ("\"mfg_nvs\",1,2,135168,114688", Some(("mfg_nvs", 0x1c000))),
            ("client_ca,64", None),
            ("\"client_ca\"", None),
            ("\"client_ca\",64,7,0x2e000,0xzz", None),
            ("\"client_ca\",64,7,0x2e000,0x100000000", None),
        ] {
            let found = partition(line);
            let found = found.as_ref().map(|it| (it.name.as_str(), it.size));
            assert_eq!(found, wanted, "{line}");
        }
    }
}
