//! The layouts of ESP-AT v2.4.2.0 and v5.0.1.0 for modules with 4 MB of flash.
//!
//! spec: cert-bin 8.3, 8.4, 8.5

use core::fmt;

use super::layout::USER;
use crate::entry::{Partition, PartitionKind};
use crate::name::PartitionName;

/// A chip whose layout is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Chip {
    /// Classic ESP32 (`esp32_default` and its siblings).
    Esp32,
    /// ESP32-C3 (`esp32c3_default`, `esp32c3-spi`).
    Esp32C3,
}

/// Where a flash keeps certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CertStorage {
    /// A user partition for each role, as up to release 3.0 of ESP-AT.
    #[default]
    Partitions,
    /// Values in the partition `mfg_nvs`, as from release 3.1 on.
    MfgNvs,
}

impl CertStorage {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Partitions, Self::MfgNvs];
}

impl Chip {
    /// Every chip there is a layout for.
    pub const ALL: [Self; 2] = [Self::Esp32, Self::Esp32C3];

    /// The layout of this chip's modules.
    #[must_use]
    pub const fn layout(self, storage: CertStorage) -> &'static BuiltIn {
        match (self, storage) {
            (Self::Esp32, CertStorage::Partitions) => &BuiltIn::ESP32,
            (Self::Esp32, CertStorage::MfgNvs) => &BuiltIn::ESP32_MFG,
            (Self::Esp32C3, CertStorage::Partitions) => &BuiltIn::ESP32_C3,
            (Self::Esp32C3, CertStorage::MfgNvs) => &BuiltIn::ESP32_C3_MFG,
        }
    }

    /// The chip with this name, as it stands on command lines: `esp32`, `esp32c3`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|chip| chip.name() == name)
    }

    /// The name that [`Chip::from_name`] takes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Esp32 => "esp32",
            Self::Esp32C3 => "esp32c3",
        }
    }
}

impl fmt::Display for Chip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A layout as data.
#[derive(Debug)]
pub struct BuiltIn {
    /// Chip that it is for.
    pub chip: Chip,
    /// Where it keeps certificates.
    pub storage: CertStorage,
    /// Bytes of flash.
    pub flash_size: u32,
    /// Entries of the primary table, written without checksum.
    pub primary: &'static [Partition],
    /// Entries of the secondary table, written with checksum.
    pub secondary: &'static [Partition],
}

impl BuiltIn {
    /// ESP32 with ESP-AT 2.4: `esp32_default` and its siblings.
    pub const ESP32: Self = Self {
        chip: Chip::Esp32,
        storage: CertStorage::Partitions,
        flash_size: FLASH_SIZE,
        primary: ESP32_PRIMARY,
        secondary: ESP32_SECONDARY,
    };
    /// ESP32-C3 with ESP-AT 2.4: `esp32c3_default`, `esp32c3-spi`.
    pub const ESP32_C3: Self = Self {
        chip: Chip::Esp32C3,
        storage: CertStorage::Partitions,
        flash_size: FLASH_SIZE,
        primary: ESP32_C3_PRIMARY,
        secondary: ESP32_C3_SECONDARY,
    };
    /// ESP32 with ESP-AT 3.1 or later. Programs lie where they did; `at_customize` is divided differently.
    pub const ESP32_MFG: Self = Self {
        storage: CertStorage::MfgNvs,
        secondary: ESP32_MFG_SECONDARY,
        ..Self::ESP32
    };
    /// ESP32-C3, ESP32-C2 (4 MB) and ESP32-C6 with ESP-AT 3.1 or later.
    pub const ESP32_C3_MFG: Self = Self {
        storage: CertStorage::MfgNvs,
        secondary: ESP32_C3_MFG_SECONDARY,
        ..Self::ESP32_C3
    };

    /// The secondary or primary partition of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static Partition> {
        let mut all = self.secondary.iter().chain(self.primary);
        all.find(|partition| *partition.name() == name)
    }
}

#[expect(
    clippy::panic,
    reason = "runs in the compiler only, on the constants below"
)]
const fn at(name: &str, kind: PartitionKind, subtype: u8, offset: u32, size: u32) -> Partition {
    let Some(name) = PartitionName::new(name) else {
        panic!("not a name");
    };
    match Partition::new(name, kind, subtype, offset, size) {
        Some(partition) => partition,
        None => panic!("not a range"),
    }
}

/// Bytes of flash of every known module.
const FLASH_SIZE: u32 = 0x40_0000;

const ESP32_PRIMARY: &[Partition] = &[
    at("phy_init", PartitionKind::Data, 1, 0xf000, 0x1000),
    at("otadata", PartitionKind::Data, 0, 0x1_0000, 0x2000),
    at("nvs", PartitionKind::Data, 2, 0x1_2000, 0xe000),
    at("at_customize", USER, 0, 0x2_0000, 0xe_0000),
    at("ota_0", PartitionKind::App, 0x10, 0x10_0000, 0x18_0000),
    at("ota_1", PartitionKind::App, 0x11, 0x28_0000, 0x18_0000),
];

const ESP32_SECONDARY: &[Partition] = &[
    at("ble_data", USER, 1, 0x2_1000, 0x3000),
    at("server_cert", USER, 2, 0x2_4000, 0x2000),
    at("server_key", USER, 3, 0x2_6000, 0x2000),
    at("server_ca", USER, 4, 0x2_8000, 0x2000),
    at("client_cert", USER, 5, 0x2_a000, 0x2000),
    at("client_key", USER, 6, 0x2_c000, 0x2000),
    at("client_ca", USER, 7, 0x2_e000, 0x2000),
    at("factory_param", USER, 8, 0x3_0000, 0x1000),
    at("wpa2_cert", USER, 9, 0x3_1000, 0x2000),
    at("wpa2_key", USER, 10, 0x3_3000, 0x2000),
    at("wpa2_ca", USER, 11, 0x3_5000, 0x2000),
    at("mqtt_cert", USER, 12, 0x3_7000, 0x2000),
    at("mqtt_key", USER, 13, 0x3_9000, 0x2000),
    at("mqtt_ca", USER, 14, 0x3_b000, 0x2000),
    at("fatfs", PartitionKind::Data, 0x81, 0x7_0000, 0x9_0000),
];

const ESP32_C3_PRIMARY: &[Partition] = &[
    at("otadata", PartitionKind::Data, 0, 0xd000, 0x2000),
    at("phy_init", PartitionKind::Data, 1, 0xf000, 0x1000),
    at("nvs", PartitionKind::Data, 2, 0x1_0000, 0xe000),
    at("at_customize", USER, 0, 0x1_e000, 0x4_2000),
    at("ota_0", PartitionKind::App, 0x10, 0x6_0000, 0x1d_0000),
    at("ota_1", PartitionKind::App, 0x11, 0x23_0000, 0x1d_0000),
];

const ESP32_C3_SECONDARY: &[Partition] = &[
    at("ble_data", USER, 1, 0x1_f000, 0x6000),
    at("server_cert", USER, 2, 0x2_5000, 0x2000),
    at("server_key", USER, 3, 0x2_7000, 0x2000),
    at("server_ca", USER, 4, 0x2_9000, 0x2000),
    at("client_cert", USER, 5, 0x2_b000, 0x2000),
    at("client_key", USER, 6, 0x2_d000, 0x2000),
    at("client_ca", USER, 7, 0x2_f000, 0x2000),
    at("factory_param", USER, 8, 0x3_1000, 0x1000),
    at("wpa2_cert", USER, 9, 0x3_2000, 0x2000),
    at("wpa2_key", USER, 10, 0x3_4000, 0x2000),
    at("wpa2_ca", USER, 11, 0x3_6000, 0x2000),
    at("mqtt_cert", USER, 12, 0x3_8000, 0x2000),
    at("mqtt_key", USER, 13, 0x3_a000, 0x2000),
    at("mqtt_ca", USER, 14, 0x3_c000, 0x2000),
    at("fatfs", PartitionKind::Data, 0x81, 0x4_7000, 0x1_9000),
];

const ESP32_MFG_SECONDARY: &[Partition] = &[
    at("mfg_nvs", PartitionKind::Data, 2, 0x2_1000, 0x1_c000),
    at("fatfs", PartitionKind::Data, 0x81, 0x7_0000, 0x9_0000),
];

const ESP32_C3_MFG_SECONDARY: &[Partition] = &[
    at("mfg_nvs", PartitionKind::Data, 2, 0x1_f000, 0x1_f000),
    at("fatfs", PartitionKind::Data, 0x81, 0x4_7000, 0x1_9000),
];
