//! `AT+SYSMFG`: values under namespace and key (spec: at-commands B.2, C.14; cert-bin 9, 10).
//!
//! ```text
//! flash with mfg_nvs    namespaces and keys as they are there; read, written, erased
//! flash without         a namespace for each certificate partition, a key for each item of its
//!                       image; read only, for an image is replaced as a whole (AT+SYSFLASH)
//! ```
//!
//! | `ERR CODE` | because |
//! |---|---|
//! | 0x010a0000 | no such namespace or key |
//! | 0x010a0001 | the range leaves the value; the value is too long, or has a NUL as text |
//! | 0x010a0002 | no room; all of 254 namespaces are taken |
//! | 0x010a0003 | the value is damaged, or the flash failed |
//! | 0x010a0004 | certificates are in partitions: write them with `AT+SYSFLASH` |

use at_grammar::commands::mfg::{MfgHead, MfgLine, MfgRequest, MfgValue};
use at_grammar::types::{FlashRange, MfgName, MfgType};
use at_grammar::{AtStr, Info, Reply};
use cert_bin::{Image, PartitionRole};
use core::fmt::Write as _;
use embassy_futures::yield_now;
use heapless::String;
use partition_store::nvs::{Cursor, Label, ValueKind, ValueWrite};
use partition_store::{Nvs, NvsError, PartitionStore};
use zeroize::Zeroizing;

use super::syslog;
use super::{error, pki, resume};
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::platform::Platform;
use crate::why::log_text;

/// Bytes moved at a time between flash and port.
const CHUNK: usize = 256;

/// Most bytes of a value that is written here; longer ones come with the whole partition.
const MAX_VALUE: usize = 8191;

/// Certificates are in partitions, and there is nothing to write values to.
const READ_ONLY: Failure = Failure::NotOnThisBoard;

/// The partition has no room for the value.
const NO_ROOM: CommandError = CommandError::Own(2);

/// A number as the answer shows it.
type Decimal = String<12>;

fn failed<E>(error: &NvsError<E>) -> CommandError {
    let failure = match error {
        NvsError::NoSuchNamespace | NvsError::NoSuchKey => Failure::Refused.into(),
        NvsError::BadRange { .. }
        | NvsError::NumberOutOfRange { .. }
        | NvsError::WrongKind
        | NvsError::Empty
        | NvsError::TooLong { .. }
        | NvsError::EmbeddedNul { .. }
        | NvsError::BufferTooSmall { .. } => Failure::OutOfRange.into(),
        NvsError::NoRoom { needed, available } => {
            espat_log::warn!("mfg_nvs: {} bytes wanted, {} left", needed, available);
            NO_ROOM
        }
        NvsError::TooManyNamespaces => NO_ROOM,
        _ => Failure::FlashFailed.into(),
    };
    espat_log::warn!("mfg_nvs: {}", log_text(failure).as_str());
    failure
}

/// A name of the grammar as one of the store. What is no name there is not found.
fn label(name: &MfgName<'_>) -> Result<Label, CommandError> {
    Label::new(&name.to_text()).ok_or(Failure::Refused.into())
}

/// A name of the store as one of the grammar, which knows no blanks and commas.
fn shown(label: &Label) -> Option<MfgName<'_>> {
    MfgName::new(AtStr::plain(label.as_str().as_bytes())).ok()
}

const fn type_of(kind: ValueKind) -> MfgType {
    match kind {
        ValueKind::U8 => MfgType::U8,
        ValueKind::I8 => MfgType::I8,
        ValueKind::U16 => MfgType::U16,
        ValueKind::I16 => MfgType::I16,
        ValueKind::U32 => MfgType::U32,
        ValueKind::I32 => MfgType::I32,
        ValueKind::Text => MfgType::String,
        ValueKind::Binary => MfgType::Binary,
    }
}

pub(super) async fn operate<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: MfgRequest<'_>,
) -> Result<Done, CommandError> {
    let values = cx.flash.keeps_values().await;
    match request {
        MfgRequest::Namespaces if values => namespaces(cx).await,
        MfgRequest::Namespaces => partitions(cx).await,
        MfgRequest::Keys(namespace) => {
            let namespace = label(&namespace)?;
            if values {
                keys(cx, namespace).await
            } else {
                items(cx, namespace).await
            }
        }
        MfgRequest::Read {
            namespace,
            key,
            range,
        } => {
            let (namespace, key) = (label(&namespace)?, label(&key)?);
            if values {
                read(cx, namespace, key, range).await
            } else {
                read_item(cx, namespace, key, range).await
            }
        }
        MfgRequest::Erase { .. } | MfgRequest::Write { .. } if !values => Err(READ_ONLY.into()),
        MfgRequest::Erase { namespace, key } => {
            let key = key.as_ref().map(label).transpose()?;
            resume::forget(cx);
            erase(cx, label(&namespace)?, key).await
        }
        MfgRequest::Write {
            namespace,
            key,
            value,
        } => {
            let (namespace, key) = (label(&namespace)?, label(&key)?);
            resume::forget(cx);
            write(cx, namespace, key, value).await
        }
    }
}

/// `AT+SYSMFG?`
pub(super) async fn list<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    operate(cx, MfgRequest::Namespaces).await
}

async fn namespaces<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    cx.port.takes_long();
    let mut cursor = Cursor::new();
    while let Some(name) = cx
        .flash
        .next_namespace(&mut cursor)
        .await
        .map_err(|error| failed(&error))?
    {
        namespace_line(cx, &name).await;
    }
    Ok(Done::Ok)
}

async fn namespace_line<P: Platform>(cx: &Cx<'_, '_, P>, name: &Label) {
    if let Some(name) = shown(name) {
        let line = Info::Sysmfg(MfgLine::Namespace(name));
        cx.port.print(cx.settings).await.info(line).await;
    }
}

async fn keys<P: Platform>(cx: &Cx<'_, '_, P>, namespace: Label) -> Result<Done, CommandError> {
    cx.port.takes_long();
    let mut cursor = Cursor::new();
    // Damaged ones are listed, too: reading one says what happened to it.
    while let Some((key, kind)) = cx
        .flash
        .next_key(namespace, &mut cursor)
        .await
        .map_err(|error| failed(&error))?
    {
        key_line(cx, &namespace, &key, kind).await;
    }
    Ok(Done::Ok)
}

async fn key_line<P: Platform>(
    cx: &Cx<'_, '_, P>,
    namespace: &Label,
    key: &Label,
    kind: ValueKind,
) {
    if let (Some(namespace), Some(key)) = (shown(namespace), shown(key)) {
        let line = Info::Sysmfg(MfgLine::Key {
            namespace,
            key,
            kind: type_of(kind),
        });
        cx.port.print(cx.settings).await.info(line).await;
    }
}

/// The part of a value of `size` bytes that was asked for.
fn part(range: Option<FlashRange>, size: u32) -> Result<(u32, u32), CommandError> {
    let Some(range) = range else {
        return Ok((0, size));
    };
    let (offset, length) = (range.offset(), range.length());
    match offset.checked_add(length) {
        Some(end) if end <= size => Ok((offset, length)),
        _ => Err(Failure::OutOfRange.into()),
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "a length is announced, then exactly as many bytes are sent"
)]
async fn read<P: Platform>(
    cx: &Cx<'_, '_, P>,
    namespace: Label,
    key: Label,
    range: Option<FlashRange>,
) -> Result<Done, CommandError> {
    let (Some(space_name), Some(key_name)) = (shown(&namespace), shown(&key)) else {
        return Err(Failure::Refused.into());
    };
    cx.port.takes_long();
    let mut store = cx.flash.lock().await;
    let region = store.mfg_region().ok_or(Failure::Refused)?;
    let mut nvs = Nvs::read_only(region)
        .await
        .map_err(|error| failed(&error))?;
    let value = nvs
        .find(namespace, key)
        .await
        .map_err(|error| failed(&error))?;
    let mut decimal = Decimal::new();
    if let Some(number) = value.number() {
        let _ = write!(decimal, "{number}");
    }
    let size = match value.number() {
        Some(_) => u32::try_from(decimal.len()).unwrap_or(0),
        None => value.length(),
    };
    let (mut at, mut left) = part(range, size)?;
    let mut print = cx.port.print(cx.settings).await;
    print
        .reply(&Reply::MfgValue(MfgHead {
            namespace: space_name,
            key: key_name,
            kind: type_of(value.kind()),
            len: left,
        }))
        .await;
    let mut result: Result<(), CommandError> = Ok(());
    let mut chunk = Zeroizing::new([0; CHUNK]);
    while left > 0 {
        let count = left.min(u32::try_from(CHUNK).unwrap_or(left));
        let into = chunk
            .get_mut(..usize::try_from(count).unwrap_or(0))
            .unwrap_or_default();
        if value.number().is_some() {
            let from = usize::try_from(at).unwrap_or(usize::MAX);
            let text = decimal.as_bytes().get(from..).unwrap_or_default();
            for (to, from) in into.iter_mut().zip(text) {
                *to = *from;
            }
        } else if result.is_ok() {
            result = nvs
                .read(&value, at, into)
                .await
                .map_err(|error| failed(&error));
        }
        if result.is_err() {
            // The length is announced: the host gets as many bytes, and then ERROR.
            into.fill(0xff);
        }
        print.raw(into).await;
        at = at.saturating_add(count);
        left = left.saturating_sub(count);
    }
    print.raw(b"\r\n").await;
    match result {
        Ok(()) => print.reply(&Reply::Ok).await,
        Err(why) => error(&mut print, syslog(cx), why).await,
    }
    Ok(Done::Printed)
}

async fn erase<P: Platform>(
    cx: &Cx<'_, '_, P>,
    namespace: Label,
    key: Option<Label>,
) -> Result<Done, CommandError> {
    cx.port.takes_long();
    let mut store = cx.flash.lock().await;
    let region = store.mfg_region().ok_or(READ_ONLY)?;
    let mut nvs = Nvs::attach(region).await.map_err(|error| failed(&error))?;
    match key {
        Some(key) => nvs.erase_key(namespace, key).await,
        None => nvs.erase_namespace(namespace).await,
    }
    .map_err(|error| failed(&error))?;
    Ok(Done::Ok)
}

async fn write<P: Platform>(
    cx: &Cx<'_, '_, P>,
    namespace: Label,
    key: Label,
    value: MfgValue,
) -> Result<Done, CommandError> {
    let (kind, number) = match value {
        MfgValue::U8(number) => (ValueKind::U8, i64::from(number)),
        MfgValue::I8(number) => (ValueKind::I8, i64::from(number)),
        MfgValue::U16(number) => (ValueKind::U16, i64::from(number)),
        MfgValue::I16(number) => (ValueKind::I16, i64::from(number)),
        MfgValue::U32(number) => (ValueKind::U32, i64::from(number)),
        MfgValue::I32(number) => (ValueKind::I32, i64::from(number)),
        MfgValue::String(length) => {
            return write_bytes(cx, namespace, key, (ValueKind::Text, length.get())).await;
        }
        MfgValue::Binary(length) => {
            return write_bytes(cx, namespace, key, (ValueKind::Binary, length.get())).await;
        }
    };
    cx.port.takes_long();
    let mut store = cx.flash.lock().await;
    let region = store.mfg_region().ok_or(READ_ONLY)?;
    let mut nvs = Nvs::attach(region).await.map_err(|error| failed(&error))?;
    nvs.set_number(namespace, key, kind, number)
        .await
        .map_err(|error| failed(&error))?;
    Ok(Done::Ok)
}

/// The prompt comes only once there is room for the value; then exactly as many bytes are taken as
/// were announced. The old value stays until all of the new one is in flash.
async fn write_bytes<P: Platform>(
    cx: &Cx<'_, '_, P>,
    namespace: Label,
    key: Label,
    (kind, length): (ValueKind, u32),
) -> Result<Done, CommandError> {
    let length = usize::try_from(length).map_err(|_| Failure::OutOfRange)?;
    if length > MAX_VALUE {
        return Err(Failure::OutOfRange.into());
    }
    let mut scratch = cx.scratch.lock().await;
    let mut value = {
        let mut store = cx.flash.lock().await;
        let region = store.mfg_region().ok_or(READ_ONLY)?;
        let mut nvs = Nvs::attach(region).await.map_err(|error| failed(&error))?;
        ValueWrite::begin(&mut nvs, namespace, key, kind, length, &mut scratch[..])
            .await
            .map_err(|error| failed(&error))?
    };
    let hold = cx.port.prompt_for(cx.settings, length).await;
    let mut chunk = Zeroizing::new([0; CHUNK]);
    while value.remaining() > 0 {
        let want = value.remaining().min(CHUNK);
        let into = chunk.get_mut(..want).unwrap_or_default();
        let count = cx.port.take(into).await;
        value.push(chunk.get(..count).unwrap_or_default());
    }
    cx.port.takes_long();
    // Surplus input gets its answer before the result.
    drop(hold);
    yield_now().await;
    let result = {
        let mut store = cx.flash.lock().await;
        match store.mfg_region() {
            Some(region) => match Nvs::attach(region).await {
                Ok(mut nvs) => value.commit(&mut nvs).await,
                Err(error) => Err(error),
            }
            .map_err(|error| failed(&error)),
            None => Err(READ_ONLY.into()),
        }
    };
    drop(scratch);
    if result.is_ok() && syslog(cx) && pki::is_described(namespace.as_str()) {
        // What the module makes of it, while whoever wrote it still listens.
        pki::describe_value(cx, namespace, key).await;
    }
    result.map(|()| Done::Ok)
}

/// The certificate partitions with anything in them, as namespaces.
async fn partitions<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    cx.port.takes_long();
    for nth in 0.. {
        let name = {
            let store = cx.flash.lock().await;
            let mut names = store
                .partitions()
                .iter()
                .filter_map(|partition| Label::new(partition.name().as_str()))
                .filter(|name| PartitionRole::from_name(name.as_str()).is_some());
            names.nth(nth)
        };
        let Some(name) = name else { break };
        if count(cx, name).await.is_some_and(|count| count > 0) {
            namespace_line(cx, &name).await;
        }
    }
    Ok(Done::Ok)
}

/// How many items a certificate partition has; `None` if it holds no image or there is none.
async fn count<P: Platform>(cx: &Cx<'_, '_, P>, partition: Label) -> Option<u16> {
    let role = PartitionRole::from_name(partition.as_str());
    let mut scratch = cx.scratch.lock().await;
    match role {
        Some(_) => cx
            .flash
            .read_partition(partition.as_str(), &mut scratch[..])
            .await
            .and_then(|bytes| Image::parse(bytes).ok())
            .map(|image| image.count()),
        None => None,
    }
}

/// The key of item `number`, as a flash with `mfg_nvs` would name it.
fn key_of(partition: Label, number: u8) -> Option<Label> {
    let role = PartitionRole::from_name(partition.as_str())?;
    if role.first_item_only() && number == 0 {
        Some(partition)
    } else {
        Label::numbered(partition.as_str(), number)
    }
}

async fn items<P: Platform>(cx: &Cx<'_, '_, P>, partition: Label) -> Result<Done, CommandError> {
    cx.port.takes_long();
    let count = count(cx, partition).await.ok_or(Failure::Refused)?;
    for number in 0..count {
        let Some(key) = u8::try_from(number)
            .ok()
            .and_then(|number| key_of(partition, number))
        else {
            break;
        };
        key_line(cx, &partition, &key, ValueKind::Binary).await;
    }
    Ok(Done::Ok)
}

async fn read_item<P: Platform>(
    cx: &Cx<'_, '_, P>,
    partition: Label,
    key: Label,
    range: Option<FlashRange>,
) -> Result<Done, CommandError> {
    let (Some(namespace), Some(key_name)) = (shown(&partition), shown(&key)) else {
        return Err(Failure::Refused.into());
    };
    let mut numbers = 0..=u8::MAX;
    let alias = Label::numbered(partition.as_str(), 0);
    let number = if alias == Some(key) {
        Some(0)
    } else {
        numbers.find(|number| key_of(partition, *number) == Some(key))
    };
    let number = number.ok_or(Failure::Refused)?;
    cx.port.takes_long();
    let mut scratch = cx.scratch.lock().await;
    let bytes = cx
        .flash
        .read_partition(partition.as_str(), &mut scratch[..])
        .await
        .ok_or(Failure::Refused)?;
    let image = Image::parse(bytes).map_err(|_| Failure::Refused)?;
    let item = image.at(usize::from(number)).ok_or(Failure::Refused)?;
    let size = u32::try_from(item.content.len()).map_err(|_| Failure::FlashFailed)?;
    let (offset, length) = part(range, size)?;
    let start = usize::try_from(offset).map_err(|_| Failure::OutOfRange)?;
    let len = usize::try_from(length).map_err(|_| Failure::OutOfRange)?;
    let content = item.content.get(start..).unwrap_or_default();
    let content = content.get(..len).ok_or(Failure::OutOfRange)?;
    let mut print = cx.port.print(cx.settings).await;
    print
        .reply(&Reply::MfgValue(MfgHead {
            namespace,
            key: key_name,
            kind: MfgType::Binary,
            len: length,
        }))
        .await;
    print.raw(content).await;
    print.raw(b"\r\n").await;
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}
