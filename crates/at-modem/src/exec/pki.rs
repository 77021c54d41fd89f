//! `AT+PKI?` (ours): what the certificate partitions hold, and what was understood of an image that
//! `AT+SYSFLASH` has just written.
//!
//! A private key shows its kind and the hash of its public half, never more.

use at_grammar::commands::trust::PkiLine;
use at_grammar::types::Sha256;
use at_grammar::{AtStr, Info, Reply};
use cert_bin::content::{self, ContentError, Object, ObjectKind};
use cert_bin::public::{MAX_PUBLIC_KEY_INFO, public_key_info};
use cert_bin::{Image, Item, PartitionRole};
use embedded_storage_async::nor_flash::NorFlash;
use heapless::{String, Vec};
use partition_store::PartitionStore;
use sha2::Digest;
use tls_session::reason::{Text, cut};
use x509_facts::Certificate;
use zeroize::Zeroize;

use super::{Done, Failed};
use crate::print::Printer;
use crate::state::Shared;

/// Longest object that is decoded for a look, DER. It lies on the stack while it is looked at.
const MAX_OBJECT: usize = 4096;

/// Longest name of a partition.
type PartitionName = String<16>;

/// Most certificate partitions of a layout: three each for client, server, MQTT and WPA2.
const MAX_PARTITIONS: usize = 16;

pub(super) async fn list<N, W, F: NorFlash, G>(
    shared: &Shared<'_, N, W, F, G>,
) -> Result<Done, Failed> {
    // Erased partitions are read whole.
    shared.takes_long();
    let names: Vec<PartitionName, MAX_PARTITIONS> = {
        let store = shared.store.lock().await;
        let names = store.partitions().iter().map(|partition| partition.name());
        names
            .filter(|name| is_pki(name.as_str()))
            .filter_map(|name| PartitionName::try_from(name.as_str()).ok())
            .take(MAX_PARTITIONS)
            .collect()
    };
    for name in &names {
        explain(shared, name).await?;
    }
    shared.print().await.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

/// Whether a partition holds certificates or keys.
pub(super) fn is_pki(partition: &str) -> bool {
    PartitionRole::from_name(partition).is_some()
}

/// Prints a line for everything in a partition.
pub(super) async fn explain<N, W, F: NorFlash, G>(
    shared: &Shared<'_, N, W, F, G>,
    partition: &str,
) -> Result<(), Failed> {
    // The payload buffer is free: the command that asks has none, or has written it.
    let mut raw = shared.payload.lock().await;
    let bytes = shared.read_partition(partition, &mut raw[..]).await;
    let bytes = bytes.ok_or(Failed::with(0))?;
    let mut print = shared.print().await;
    let name = AtStr::plain(partition.as_bytes());
    match Image::parse(bytes) {
        Ok(image) => {
            for (item, number) in image.items().zip(0_u16..) {
                explain_item(&mut print, name, number, &item).await;
            }
        }
        Err(error) => {
            let line = PkiLine::BadImage {
                partition: name,
                code: AtStr::plain(error.code().as_bytes()),
                offset: u32::try_from(error.offset_in(bytes)).unwrap_or(u32::MAX),
            };
            print.info(Info::Pki(line)).await;
        }
    }
    // It may have held a key.
    raw.zeroize();
    Ok(())
}

async fn explain_item(print: &mut Printer<'_>, partition: AtStr<'_>, number: u16, item: &Item<'_>) {
    let label = AtStr::plain(item.kind.name().as_bytes());
    let mut bad = None;
    let mut any = false;
    for object in content::objects(item.content) {
        let (at, facts) = match object {
            Ok(object) => (object.range.start, look(&object)),
            Err(broken) => (broken.range.start, Err(ContentError::from(broken).code())),
        };
        any = true;
        match facts {
            Ok(facts) => {
                let line = PkiLine::Object {
                    partition,
                    item: number,
                    label,
                    subject: AtStr::plain(facts.subject.as_bytes()),
                    not_after: AtStr::plain(facts.not_after.as_bytes()),
                    sha256: facts.sha256,
                };
                print.info(Info::Pki(line)).await;
            }
            Err(code) => bad = bad.or(Some((at, code))),
        }
    }
    if !any {
        bad = Some((0, "not_pem_or_der"));
    }
    if let Some((at, code)) = bad {
        let header = cert_bin::image::ITEM_HEADER_LEN;
        let offset = item.offset.saturating_add(header).saturating_add(at);
        let line = PkiLine::BadObject {
            partition,
            item: number,
            label,
            code: AtStr::plain(code.as_bytes()),
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
        };
        print.info(Info::Pki(line)).await;
    }
}

/// What is told of a certificate or a key.
struct Told {
    subject: Text,
    not_after: Text,
    sha256: Sha256,
}

/// Decodes an object and keeps what may be told. The rest is wiped.
fn look(object: &Object<'_>) -> Result<Told, &'static str> {
    let mut buffer = [0; MAX_OBJECT];
    let told = look_into(object, &mut buffer);
    buffer.zeroize();
    told
}

fn look_into(object: &Object<'_>, buffer: &mut [u8]) -> Result<Told, &'static str> {
    match object.kind {
        ObjectKind::Certificate => {
            let (der, _) = object.decode_into(buffer).map_err(|error| error.code())?;
            let certificate = Certificate::parse(der).map_err(|_| "damaged")?;
            Ok(Told {
                subject: cut(certificate.subject()),
                not_after: cut(certificate.validity().not_after),
                sha256: sha256(der),
            })
        }
        ObjectKind::PrivateKey(form) => {
            let (der, _) = object.decode_into(buffer).map_err(|error| error.code())?;
            let key = content::PrivateKey::parse(form, der).map_err(|_| "damaged")?;
            let mut public = [0; MAX_PUBLIC_KEY_INFO];
            let public = public_key_info(&key, &mut public).map_err(|error| error.code())?;
            Ok(Told {
                subject: cut(key.kind),
                not_after: Text::new(),
                sha256: sha256(public),
            })
        }
        ObjectKind::EncryptedPrivateKey => Err(ContentError::EncryptedKey.code()),
        _ => Err("wrong_kind"),
    }
}

fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256(sha2::Sha256::digest(bytes).into())
}
