//! A plain ESP-IDF flash: read its table, open a partition of it, keep settings there.
//!
//! The flash is a file: `cargo run --example plain_esp_idf --features std,mock [flash.bin]`. Without
//! a file it is memory, with a table like that of ESP-IDF's examples.

use std::error::Error;

use embassy_futures::block_on;
use embedded_storage_async::nor_flash::MultiwriteNorFlash;
use partition_store::mock::{MemFlash, Rewrite};
use partition_store::settings::{Key, Owner, Settings};
use partition_store::table::Checksum;
use partition_store::{
    FileFlash, Partition, PartitionKind, PartitionName, PartitionTable, Region, TableAddress,
    write_table,
};

/// What this program keeps. The numbers are the format: never give one to another meaning.
#[derive(Clone, Copy)]
enum Setting {
    Brightness,
    Starts,
}

impl Key for Setting {
    const LEN: usize = 1;

    fn encode(&self, into: &mut [u8]) {
        into.fill(match self {
            Self::Brightness => 1,
            Self::Starts => 2,
        });
    }
}

/// Whose settings they are.
const OWNER: Owner = Owner {
    magic: *b"my-lamp!",
    version: 1,
};

async fn run(mut flash: impl MultiwriteNorFlash) -> Result<(), Box<dyn Error>> {
    let at = TableAddress::ESP_IDF_DEFAULT;
    let table = PartitionTable::<32>::read(&mut flash, at)
        .await
        .map_err(|error| error.to_string())?;
    for entry in table.entries() {
        println!("{entry}");
    }
    let storage = table.find("storage").ok_or("no partition `storage`")?;
    let region = Region::open(&mut flash, storage)?;
    let failed = |error| format!("settings: {error}");
    let (mut settings, opened) = Settings::open(region, OWNER).await.map_err(failed)?;
    println!("settings: {opened:?}");

    let mut buffer = [0; 4];
    let starts = settings
        .get(Setting::Starts, &mut buffer)
        .await
        .map_err(failed)?;
    let starts = starts
        .and_then(|bytes| bytes.first())
        .map_or(1, |n| n.wrapping_add(1));
    settings
        .set(Setting::Starts, &[starts])
        .await
        .map_err(failed)?;
    settings
        .set(Setting::Brightness, b"80")
        .await
        .map_err(failed)?;
    println!("start number {starts}");
    Ok(())
}

/// A flash with a table, as a build of ESP-IDF makes one.
fn memory() -> Option<MemFlash> {
    let nvs = Partition::new(
        PartitionName::new("nvs")?,
        PartitionKind::Data,
        2,
        0x9000,
        0x6000,
    )?;
    let storage = Partition::new(
        PartitionName::new("storage")?,
        PartitionKind::Data,
        6,
        0x1_0000,
        0x8000,
    )?;
    let mut bytes = vec![0xff; 0x2_0000];
    let table = bytes.get_mut(0x8000..0x9000)?;
    write_table([nvs, storage], Checksum::Md5, table).ok()?;
    Some(MemFlash::holding(bytes).on_rewrite(Rewrite::And))
}

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1) {
        Some(path) => block_on(run(FileFlash::open(path)?)),
        None => block_on(run(memory().ok_or("no table")?)),
    }
}
