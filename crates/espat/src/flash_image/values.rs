//! The values of an `mfg_nvs` image in memory: read all, or make one (spec: cert-bin 9).

use anyhow::anyhow;
use partition_store::mock::{MemFlash, Rewrite};
use partition_store::nvs::Cursor;
use partition_store::{Nvs, Partition, PartitionKind, Region, SECTOR};

use super::content::{Content, store_values};
use super::whole;

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) namespace: String,
    pub(crate) key: String,
    pub(crate) stored: Stored,
}

/// What is under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stored {
    /// Types 1 to 6.
    Number(i64),
    /// Text or binary.
    Bytes(Vec<u8>),
    /// Why it cannot be read.
    Damaged(String),
}

/// A partition that is the whole flash.
fn partition(size: usize) -> anyhow::Result<Partition> {
    /// NVS (spec: cert-bin 8.1).
    const SUBTYPE: u8 = 2;
    whole("mfg_nvs", (PartitionKind::Data, SUBTYPE), size)
}

/// All values, in the order they were written.
pub(crate) fn read(bytes: &[u8]) -> anyhow::Result<Vec<Value>> {
    if bytes.is_empty() || !bytes.len().is_multiple_of(usize::try_from(SECTOR)?) {
        return Err(anyhow!(
            "{} bytes are not whole pages of {SECTOR} bytes",
            bytes.len()
        ));
    }
    let partition = partition(bytes.len())?;
    let mut flash = MemFlash::holding(bytes.to_vec());
    async_io::block_on(async {
        let region = Region::open(&mut flash, &partition)?;
        let mut nvs = Nvs::read_only(region)
            .await
            .map_err(|error| anyhow!("{error}"))?;
        let mut values = Vec::new();
        let mut namespaces = Cursor::new();
        let failed = |error| anyhow!("{error}");
        while let Some(namespace) = nvs.next_namespace(&mut namespaces).await.map_err(failed)? {
            let mut keys = Cursor::new();
            while let Some(listed) = nvs.next_key(namespace, &mut keys).await.map_err(failed)? {
                let stored = match nvs.find(namespace, listed.key).await {
                    Err(error) => Stored::Damaged(error.to_string()),
                    Ok(value) => match value.number() {
                        Some(number) => Stored::Number(number),
                        None => {
                            let mut content = vec![0; usize::try_from(value.length())?];
                            match nvs.read(&value, 0, &mut content).await {
                                Ok(()) => Stored::Bytes(content),
                                Err(error) => Stored::Damaged(error.to_string()),
                            }
                        }
                    },
                };
                values.push(Value {
                    namespace: namespace.to_string(),
                    key: listed.key.to_string(),
                    stored,
                });
            }
        }
        Ok(values)
    })
}

/// An image of `size` bytes with these contents.
pub(crate) fn make(size: u32, contents: &[Content]) -> anyhow::Result<Vec<u8>> {
    let sectors = usize::try_from(size / SECTOR)?;
    let mut flash = MemFlash::new(sectors).on_rewrite(Rewrite::ClearBits);
    let partition = partition(usize::try_from(size)?)?;
    async_io::block_on(async {
        let region = Region::open(&mut flash, &partition)?;
        let mut nvs = Nvs::open(region)
            .await
            .map_err(|error| anyhow!("{error}"))?;
        for content in contents {
            let (role, sources) = content.items()?;
            store_values(&mut nvs, role, sources).await?;
        }
        Ok::<_, anyhow::Error>(())
    })?;
    Ok(flash.bytes().to_vec())
}
