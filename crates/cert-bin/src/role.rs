//! Partition names and what belongs there (spec: cert-bin 1).
//!
//! A name is the role of the **module**: `client_ca` holds the authorities that sign the servers the
//! module connects to, `server_ca` those that sign the clients that connect to the module.

use crate::image::ItemKind;
use core::fmt;

/// Who uses the certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Owner {
    /// The TLS client (`AT+CIPSTART` "SSL").
    Client,
    /// The TLS server (`AT+CIPSERVER`).
    Server,
    /// The MQTT client.
    Mqtt,
    /// WPA2-Enterprise.
    Wpa2,
    /// The HTTPS client; firmware from v4.1 only, and then in NVS.
    Https,
    /// The WebSocket client; firmware from v4.1 only, and then in NVS.
    Wss,
}

impl Owner {
    const ALL: [Self; 6] = [
        Self::Client,
        Self::Server,
        Self::Mqtt,
        Self::Wpa2,
        Self::Https,
        Self::Wss,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Mqtt => "mqtt",
            Self::Wpa2 => "wpa2",
            Self::Https => "https",
            Self::Wss => "wss",
        }
    }
}

/// What one certificate partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PartitionRole {
    /// Who reads it.
    pub owner: Owner,
    /// Which kind of item belongs there.
    pub kind: ItemKind,
}

impl PartitionRole {
    /// The role of a partition (or NVS namespace) name such as `client_ca`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let (owner, kind) = name.split_once('_')?;
        Some(Self {
            owner: Owner::ALL.into_iter().find(|it| it.name() == owner)?,
            kind: ItemKind::from_name(kind)?,
        })
    }

    /// Whether firmware ever uses an item behind the first.
    #[must_use]
    pub const fn first_item_only(self) -> bool {
        match self.owner {
            Owner::Client | Owner::Https | Owner::Wss => false,
            Owner::Server | Owner::Mqtt | Owner::Wpa2 => true,
        }
    }

    /// The number of the item that a key of the NVS namespace of this role holds; `None` for a key
    /// that firmware never looks up (spec: cert-bin 9.2).
    ///
    /// Where items are numbered, keys are too: `client_ca.0`. Elsewhere the key is the namespace's
    /// name; `server_cert.0`, of which examples speak as well, is the same.
    #[must_use]
    pub fn item_number(self, key: &str) -> Option<u8> {
        let (base, number) = match key.split_once('.') {
            Some((base, number)) => (base, Some(number)),
            None => (key, None),
        };
        if Self::from_name(base) != Some(self) {
            return None;
        }
        match number {
            None if self.first_item_only() => Some(0),
            Some("0") => Some(0),
            Some(digits) if !self.first_item_only() && !digits.starts_with(['0', '+']) => {
                digits.parse().ok()
            }
            _ => None,
        }
    }

    /// Whether the certificate stored here is shown to clients that look for a name in it.
    #[must_use]
    pub const fn is_server_identity(self) -> bool {
        matches!((self.owner, self.kind), (Owner::Server, ItemKind::Cert))
    }
}

impl fmt::Display for PartitionRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.owner.name(), self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn every_name_is_read_back() {
        for owner in Owner::ALL {
            for kind in ItemKind::ALL {
                let role = PartitionRole { owner, kind };
                assert_eq!(PartitionRole::from_name(&role.to_string()), Some(role));
            }
        }
    }

    #[test]
    fn other_partitions_have_no_role() {
        for name in [
            "",
            "_",
            "client",
            "client_",
            "_ca",
            "ca",
            "ble_data",
            "factory_param",
            "mfg_nvs",
            "client_ca ",
            "client_ca_2",
            "Client_ca",
            "clientca",
            "fatfs",
        ] {
            assert_eq!(PartitionRole::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn keys_are_numbered_as_firmware_looks_them_up() {
        for (role, key, number) in [
            ("client_ca", "client_ca.0", Some(0)),
            ("client_ca", "client_ca.10", Some(10)),
            ("client_ca", "client_ca.255", Some(255)),
            ("client_ca", "client_ca.256", None),
            ("client_ca", "client_ca.00", None),
            ("client_ca", "client_ca.01", None),
            ("client_ca", "client_ca.+1", None),
            ("client_ca", "client_ca.", None),
            ("client_ca", "client_ca.1.2", None),
            ("client_ca", "client_ca", None),
            ("client_ca", "client_key.0", None),
            ("server_ca", "server_ca", Some(0)),
            ("server_ca", "server_ca.0", Some(0)),
            ("server_ca", "server_ca.1", None),
            ("wss_key", "wss_key.7", Some(7)),
            ("mqtt_key", "other", None),
        ] {
            let role = PartitionRole::from_name(role).unwrap();
            assert_eq!(role.item_number(key), number, "{role}: {key}");
        }
    }

    #[test]
    fn only_numbered_roles_use_more_than_one_item() {
        let first_only = |name| PartitionRole::from_name(name).unwrap().first_item_only();
        assert!(!first_only("client_ca") && !first_only("https_key") && !first_only("wss_cert"));
        assert!(first_only("server_ca") && first_only("mqtt_cert") && first_only("wpa2_key"));
    }
}
