//! The ESP-AT PKI image: certificates and keys in one flash partition, as 2.x firmware keeps them.
//!
//! This crate reads such an image without copying, writes one byte for byte as the original tool does,
//! and says before anything is flashed what a device will make of the content. It allocates nothing:
//! where PEM has to become DER, the caller brings the buffer.
//!
//! It does not verify a certificate (`tls-session` does), does not know partition tables
//! (`partition-store` does), and does not decrypt keys: there is no password anywhere on such a device.
//!
//! ```
//! use cert_bin::{Image, ItemKind, NewItem, write_image};
//!
//! // What a partition holds: an image, and erased flash behind it.
//! let ca = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
//! let mut partition = [0xff; 0x1000];
//! write_image(&[NewItem { kind: ItemKind::Ca, content: ca }], &mut partition)?;
//!
//! // Reading it: any slice does, from flash or from a file.
//! let image = Image::parse(&partition)?;
//! let item = image.nth_of(ItemKind::Ca, 0).ok_or("no CA in the image")?;
//! assert_eq!(item.content, ca);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`image`] | reader: [`Image::parse`], items, warnings, what v2.4.2.0 firmware would see ([`DeviceView`]) |
//! | [`writer`] | [`ImageWriter`], [`write_image`]: original order and ids, limits as named errors |
//! | [`content`] | PEM blocks and DER inside one item; [`content::decode_certificates`] is what a modem calls |
//! | [`lint`] | content findings with the partition's role and a point in time |
//! | [`mistake`] | files of another kind and uploads that went wrong, recognised for a person |
//! | [`role`] | partition names and what belongs there |
//! | `pair` | feature `pair`: does this key belong to that certificate |
//! | `public` | feature `pair`: the public half of a private key |
//!
//! Features: `pair` (brings the elliptic-curve crates), `defmt` (formats the public types, logs to defmt),
//! `log` (logs to the `log` facade). All off by default.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod content;
mod hidden;
pub mod image;
pub mod lint;
pub mod mistake;
#[cfg(feature = "pair")]
pub mod pair;
#[cfg(feature = "pair")]
pub mod public;
pub mod role;
pub mod writer;

pub use image::{DeviceView, Image, ImageError, ImageWarning, Item, ItemKind};
pub use role::PartitionRole;
pub use writer::{ImageWriter, NewItem, WriteError, write_image};

/// The code of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
