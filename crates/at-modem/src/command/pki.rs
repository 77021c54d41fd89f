//! `AT+PKI?` (ours): every item of every certificate partition or namespace, and what is wrong with it.
//!
//! ```text
//! +PKI:"client_ca",0,"ca","CN=Root","2035-01-01T00:00:00Z","<sha256 of the certificate>"
//! +PKI:"client_key",0,"key","p-256","","<sha256 of the public key>"
//! +PKI:"server_key",0,"key","encrypted_key",12,"the key is ENCRYPTED, …"
//! +PKI:"mqtt_ca","pem_not_image",0,"PEM text, not an image: use espat pki pack"
//! ```

use at_grammar::commands::trust::PkiLine;
use at_grammar::{AtStr, Info, Reply};
use cert_bin::PartitionRole;
use embassy_futures::yield_now;
use heapless::String;
use partition_store::nvs::{Cursor, Label};
use partition_store::{NvsError, PartitionStore};

use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::flash::inventory::{Bad, Content, Fact, Unusable, fact, value_fact};
use crate::platform::Platform;

/// Name of a partition, with room for the longest there can be.
type PartitionText = String<16>;

pub(super) async fn list<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    // Every object is read from flash for itself, and each key computed.
    cx.port.takes_long();
    if cx.flash.keeps_values().await {
        values(cx).await?;
        cx.port.print(cx.settings).await.reply(&Reply::Ok).await;
        return Ok(Done::Printed);
    }
    for nth in 0.. {
        let name = {
            let store = cx.flash.lock().await;
            let mut names = store
                .partitions()
                .iter()
                .map(|partition| partition.name().as_str())
                .filter(|name| PartitionRole::from_name(name).is_some());
            names
                .nth(nth)
                .and_then(|name| PartitionText::try_from(name).ok())
        };
        let Some(name) = name else { break };
        describe(cx, &name).await;
    }
    cx.port.print(cx.settings).await.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

/// Whether `AT+PKI?` has anything to say about a partition.
pub(super) fn is_described(name: &str) -> bool {
    PartitionRole::from_name(name).is_some()
}

/// The lines of every value that is a certificate or a key.
async fn values<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<(), CommandError> {
    let unreadable = |_| Failure::FlashFailed;
    let mut spaces = Cursor::new();
    while let Some(namespace) = cx
        .flash
        .next_namespace(&mut spaces)
        .await
        .map_err(unreadable)?
    {
        if !is_described(namespace.as_str()) {
            continue;
        }
        let mut keys = Cursor::new();
        while let Some((key, _)) = cx
            .flash
            .next_key(namespace, &mut keys)
            .await
            .map_err(unreadable)?
        {
            describe_value(cx, namespace, key).await;
        }
    }
    Ok(())
}

/// The lines of one value of `mfg_nvs`, whose namespace is one that [`is_described`].
///
/// The scratch memory is used as for a partition.
pub(super) async fn describe_value<P: Platform>(cx: &Cx<'_, '_, P>, namespace: Label, key: Label) {
    let bad = |why| Fact::BadImage(Bad { why, offset: 0 });
    let Some(role) = PartitionRole::from_name(namespace.as_str()) else {
        return;
    };
    let Some(item) = role.item_number(key.as_str()) else {
        // It is there, and no command will find it.
        line(cx, key.as_str(), &bad(Unusable::KeyNotUsed)).await;
        return;
    };
    for nth in 0.. {
        let fact = {
            let mut raw = cx.scratch.lock().await;
            let len = cx.flash.read_value(namespace, key, &mut raw[..]).await;
            let item = (u16::from(item), role.kind);
            match len {
                Ok(len) => value_fact(&mut raw[..], len, item, nth),
                Err(NvsError::Damaged(damage)) => Some((bad(Unusable::Value(damage)), false)),
                Err(_) => Some((bad(Unusable::Unreadable), false)),
            }
        };
        let Some((fact, more)) = fact else { break };
        // What concerns the value as a whole names its key.
        let whole = matches!(fact, Fact::BadImage(_));
        let name = if whole { key } else { namespace };
        line(cx, name.as_str(), &fact).await;
        if !more {
            break;
        }
        yield_now().await;
    }
}

/// The lines of one partition.
///
/// It is read again for each object, so that the scratch memory is free while a line is printed.
pub(super) async fn describe<P: Platform>(cx: &Cx<'_, '_, P>, name: &str) {
    let wanted = PartitionRole::from_name(name).map(|role| role.kind);
    for nth in 0.. {
        let fact = {
            let mut raw = cx.scratch.lock().await;
            let len = cx
                .flash
                .read_partition(name, &mut raw[..])
                .await
                .map(<[u8]>::len);
            match len.and_then(|len| raw.get_mut(..len)) {
                Some(bytes) => fact(bytes, wanted, nth),
                None => {
                    let why = Unusable::Unreadable;
                    Some((Fact::BadImage(Bad { why, offset: 0 }), false))
                }
            }
        };
        let Some((fact, more)) = fact else { break };
        line(cx, name, &fact).await;
        if !more {
            break;
        }
        // Other tasks have their turn between two computations.
        yield_now().await;
    }
}

async fn line<P: Platform>(cx: &Cx<'_, '_, P>, partition: &str, fact: &Fact) {
    let partition = AtStr::plain(partition.as_bytes());
    let number = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    let line = match fact {
        Fact::BadImage(Bad { why, offset }) => PkiLine::BadImage {
            partition,
            code: AtStr::from(why.code()),
            offset: number(*offset),
            text: AtStr::from(why.text()),
        },
        Fact::Object {
            item,
            label,
            what: Err(Bad { why, offset }),
        } => PkiLine::BadObject {
            partition,
            item: *item,
            label: AtStr::from(label.name()),
            code: AtStr::from(why.code()),
            offset: number(*offset),
            text: AtStr::from(why.text()),
        },
        Fact::Object {
            item,
            label,
            what:
                Ok(Content {
                    subject,
                    not_after,
                    sha256,
                }),
        } => PkiLine::Object {
            partition,
            item: *item,
            label: AtStr::from(label.name()),
            subject: AtStr::plain(subject.as_bytes()),
            not_after: AtStr::plain(not_after.as_bytes()),
            sha256: *sha256,
        },
    };
    cx.port.print(cx.settings).await.info(Info::Pki(line)).await;
}
