//! A modem on a new board. This one is a PC: a TCP port in place of the UART, the PC's network in
//! place of Wi-Fi, a file in place of the flash chip.
//!
//! A board names its parts and serves its port; it implements no trait. The host at the other end of the
//! port is in `host.rs`, and would be a microcontroller.

use std::net::Ipv4Addr;
use std::time::Duration;

use at_modem::wifi::Wired;
use at_modem::{Exit, Modem, ModemBuffers, Parts, ProductInfo};
use edge_nal::TcpSplit as _;
use edge_nal_std::Stack;
use partition_store::FileFlash;
use partition_store::esp_at::{BuiltIn, FactoryParam};
// The clock that embassy-time reads.
use pc_time as _;
use rand_core::OsRng;

mod host;

const PRODUCT: ProductInfo = ProductInfo {
    chip: "ESP32C3",
    module: "NEW-BOARD",
    sdk: "pc",
};

async fn board(folder: &std::path::Path) -> anyhow::Result<()> {
    let (net, wifi) = (Stack::new(), Wired::new(Ipv4Addr::LOCALHOST));
    let (image, factory) = (folder.join("flash.bin"), FactoryParam::Write);
    let (mut flash, _) = FileFlash::open_or_format(image, &BuiltIn::ESP32_C3, factory).await?;
    let mut buffers = Box::new(ModemBuffers::<2>::new()); // Two TLS sessions; on a chip a static.
    let (mut uart, host) = host::connect().await?;
    let (mut rx, mut tx) = uart.split();
    loop {
        let parts = Parts::new(&net, &wifi, &mut flash, OsRng, PRODUCT);
        let mut modem = Modem::boot(parts, &mut *buffers).await?;
        match modem.run(&mut rx, &mut tx).await {
            Exit::Restart => {}
            Exit::DeepSleep { ms } => std::thread::sleep(Duration::from_millis(ms.into())),
            Exit::PortClosed => return host.join(),
        }
    }
}

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    futures_lite::future::block_on(Box::pin(board(folder.path())))
}
