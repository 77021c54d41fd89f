//! A blank flash made into one of a known layout.
//!
//! spec: cert-bin 8.2 (which table carries a checksum), 8.6 and at-commands B.2 (`factory_param`)

use embedded_storage_async::nor_flash::{MultiwriteNorFlash, NorFlash};

use super::builtin::{BuiltIn, CertStorage, Chip};
use super::error::LayoutError;
use super::layout::{CONTAINER, MFG};
use crate::entry::ENTRY_SIZE;
use crate::nvs::{Label, Nvs, NvsError, ValueKind};
use crate::region::{AccessError, Region};
use crate::table::{Checksum, Records, TableAddress};

/// Whether [`format()`] writes the factory parameters of a usual module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FactoryParam {
    /// It does, where the layout keeps them.
    Write,
    /// Their place stays erased.
    LeaveErased,
}

/// Bytes of a [`factory_param`] image; the rest of its partition stays erased.
pub const FACTORY_PARAM_SIZE: usize = 88;

/// The factory parameters of a usual module: what a host may read from partition `factory_param`.
///
/// ```text
/// 0       2  3     4     5     6    7  8    12    16           22 24            56
/// | FC FC | 3 | FF | 78  | 1   | 1 | 13 | CN | baud | 6 × pin | FF | platform, 32 | module, 32 |
///   magic version  power  UART  channels
/// ```
#[must_use]
pub fn factory_param(chip: Chip) -> [u8; FACTORY_PARAM_SIZE] {
    // Pins in the order TX, RX, CTS, RTS, then two control pins that usual modules do not have.
    let (pins, platform, module) = match chip {
        Chip::Esp32 => ([17, 16, 15, 14, 0xff, 0xff], "PLATFORM_ESP32", "WROOM-32"),
        Chip::Esp32C3 => ([7, 6, 5, 4, 0xff, 0xff], "PLATFORM_ESP32C3", "MINI-1"),
    };
    let mut image = [0; FACTORY_PARAM_SIZE];
    let baud = 115_200_u32.to_le_bytes();
    let fields: [(usize, &[u8]); 6] = [
        (0, &[0xfc, 0xfc, 3, 0xff, 78, 1, 1, 13, b'C', b'N', 0, 0]),
        (12, &baud),
        (16, &pins),
        (22, &[0xff, 0xff]),
        (24, platform.as_bytes()),
        (56, module.as_bytes()),
    ];
    for (at, field) in fields {
        for (to, from) in image.iter_mut().skip(at).zip(field) {
            *to = *from;
        }
    }
    image
}

/// Erases the whole flash and writes both tables of `layout`, and the factory parameters where asked
/// to. Everything else is 0xFF.
///
/// The first record of the primary table comes last: after a power cut, or when the future is
/// dropped, the flash has no layout and is to be formatted again.
///
/// # Errors
/// The flash is smaller than the layout, or fails.
pub async fn format<F: MultiwriteNorFlash>(
    flash: &mut F,
    layout: &BuiltIn,
    factory: FactoryParam,
) -> Result<(), LayoutError<F::Error>> {
    erase_all(flash, layout).await?;
    match (factory, layout.storage) {
        (FactoryParam::LeaveErased, _) => {}
        (FactoryParam::Write, CertStorage::Partitions) => {
            let name = "factory_param";
            let missing = LayoutError::MissingPartition { name };
            let place = layout.find(name).ok_or(missing)?.offset();
            flash
                .write(place, &factory_param(layout.chip))
                .await
                .map_err(LayoutError::Flash)?;
        }
        (FactoryParam::Write, CertStorage::MfgNvs) => {
            let missing = LayoutError::MissingPartition { name: MFG };
            let partition = *layout.find(MFG).ok_or(missing)?;
            write_factory_values(Region::new(flash, partition), layout.chip)
                .await
                .map_err(|error| match error {
                    NvsError::Access(
                        AccessError::ReadFailed(error)
                        | AccessError::WriteFailed(error)
                        | AccessError::EraseFailed(error),
                    ) => LayoutError::Flash(error),
                    _ => LayoutError::NotTaken { partition },
                })?;
        }
    }
    write_tables(flash, layout).await
}

/// The same parameters as values, in the order and types of ESP-AT (spec: at-commands C.14).
async fn write_factory_values<F: MultiwriteNorFlash>(
    region: Region<'_, F>,
    chip: Chip,
) -> Result<(), NvsError<F::Error>> {
    let image = factory_param(chip);
    let byte = |at: usize| i64::from(image.get(at).copied().unwrap_or(0));
    let module = image.get(56..).unwrap_or_default();
    let module = module.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = |text| (ValueKind::Text, 0, text);
    let number = |kind, number| (kind, number, &b""[..]);
    let values = [
        ("version", number(ValueKind::I8, 4)),
        ("module_name", text(module)),
        ("max_tx_power", number(ValueKind::I8, byte(4))),
        ("country_code", text(b"CN")),
        ("start_channel", number(ValueKind::U8, byte(6))),
        ("channel_num", number(ValueKind::U8, byte(7))),
        ("uart_port", number(ValueKind::I8, byte(5))),
        ("uart_baudrate", number(ValueKind::I32, 115_200)),
        ("uart_tx_pin", number(ValueKind::I32, byte(16))),
        ("uart_rx_pin", number(ValueKind::I32, byte(17))),
        ("uart_cts_pin", number(ValueKind::I32, byte(18))),
        ("uart_rts_pin", number(ValueKind::I32, byte(19))),
        ("sys_store", number(ValueKind::U8, 1)),
    ];
    let label = |name| Label::new(name).ok_or(NvsError::NoSuchKey);
    let namespace = label("factory_param")?;
    let mut nvs = Nvs::open(region).await?;
    for (name, (kind, number, text)) in values {
        let key = label(name)?;
        match kind {
            ValueKind::Text => nvs.set_text(namespace, key, text).await?,
            kind => nvs.set_number(namespace, key, kind, number).await?,
        }
    }
    Ok(())
}

async fn erase_all<F: NorFlash>(
    flash: &mut F,
    layout: &BuiltIn,
) -> Result<(), LayoutError<F::Error>> {
    const {
        assert!(
            ENTRY_SIZE.is_multiple_of(F::WRITE_SIZE)
                && FACTORY_PARAM_SIZE.is_multiple_of(F::WRITE_SIZE),
            "records and parameters are written by themselves"
        );
    };
    let flash_size = u32::try_from(flash.capacity()).unwrap_or(u32::MAX);
    if flash_size < layout.flash_size {
        return Err(LayoutError::FlashTooSmall {
            needed: layout.flash_size,
            flash_size,
        });
    }
    flash.erase(0, flash_size).await.map_err(LayoutError::Flash)
}

async fn write_tables<F: NorFlash>(
    flash: &mut F,
    layout: &BuiltIn,
) -> Result<(), LayoutError<F::Error>> {
    let missing = |name| LayoutError::MissingPartition { name };
    let container = layout.find(CONTAINER).ok_or(missing(CONTAINER))?;
    let secondary = Records::new(layout.secondary.iter().copied(), Checksum::Md5);
    write_records(flash, container.offset(), secondary).await?;
    let mut primary = Records::new(layout.primary.iter().copied(), Checksum::None);
    let Some(first) = primary.next() else {
        return Ok(());
    };
    let size = u32::try_from(ENTRY_SIZE).unwrap_or(0);
    let table = TableAddress::ESP_IDF_DEFAULT.get();
    write_records(flash, table.saturating_add(size), primary).await?;
    write_records(flash, table, [first].into_iter()).await
}

async fn write_records<F: NorFlash>(
    flash: &mut F,
    at: u32,
    records: impl Iterator<Item = [u8; ENTRY_SIZE]>,
) -> Result<(), LayoutError<F::Error>> {
    for (place, record) in (at..).step_by(ENTRY_SIZE).zip(records) {
        flash
            .write(place, &record)
            .await
            .map_err(LayoutError::Flash)?;
    }
    Ok(())
}
