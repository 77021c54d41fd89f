//! `partition-store` on a plain ESP-IDF flash: read its table, open a partition of it, keep settings there.
//!
//! ```text
//! plain-esp-idf          a flash made in `sample.rs`, with a table as ESP-IDF writes it
//! plain-esp-idf FILE     yours, as `esptool read-flash` writes it; partition `storage` gets the settings
//! ```

use std::error::Error;

use embassy_futures::block_on;
use partition_store::settings::{Owner, Settings};
use partition_store::{FileFlash, PartitionTable, Region, TableAddress};

mod sample;

/// Whose settings they are; another owner's are not touched.
const OWNER: Owner = Owner {
    magic: *b"my-lamp!",
    version: 1,
};

/// Keys: a number is the format and never gets another meaning.
const BRIGHTNESS: u8 = 1;
const STARTS: u8 = 2;

async fn start(mut flash: FileFlash) -> Result<(), Box<dyn Error>> {
    let table = PartitionTable::<32>::read(&mut flash, TableAddress::ESP_IDF_DEFAULT).await?;
    for partition in table.entries() {
        println!("{partition}");
    }
    let storage = table.find("storage").ok_or("no partition `storage`")?;
    let region = Region::open(&mut flash, storage)?;
    let (mut settings, opened) = Settings::open(region, OWNER).await?;

    let mut buffer = [0; 4];
    let starts = settings.get(STARTS, &mut buffer).await?;
    let starts = starts
        .and_then(|bytes| bytes.first())
        .map_or(1, |n| n.wrapping_add(1));
    settings.set(STARTS, &[starts]).await?;
    settings.set(BRIGHTNESS, b"80").await?;
    println!("{opened:?}; start number {starts}");
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let sample = sample::Sample::new()?;
    let file = std::env::args_os().nth(1).unwrap_or_else(|| sample.path());
    for _ in 0..2 {
        block_on(start(FileFlash::open(&file)?))?;
    }
    Ok(())
}
