//! What differs between the chips: names, and the pins of ESP-AT's module configurations.
//!
//! | chip | module | TX | RX | CTS | RTS | log |
//! |---|---|---|---|---|---|---|
//! | ESP32-C3 | MINI-1 | 7 | 6 | 5 | 4 | UART0 (21, 20) or USB-Serial-JTAG |
//! | ESP32-C6 | 4MB | 7 | 6 | 5 | 4 | UART0 (16, 17) or USB-Serial-JTAG |
//! | ESP32 | WROOM-32 | 17 | 16 | 15 | 14 | UART0 (1, 3) |

use at_modem::ProductInfo;

#[cfg(any(
    all(feature = "esp32c3", feature = "esp32c6"),
    all(feature = "esp32c3", feature = "esp32"),
    all(feature = "esp32c6", feature = "esp32"),
    not(any(feature = "esp32c3", feature = "esp32c6", feature = "esp32")),
))]
compile_error!("one chip: the feature esp32c3 (default), esp32c6 or esp32");

#[cfg(all(feature = "openeth", feature = "esp32c6"))]
compile_error!("Espressif's QEMU has no ESP32-C6, so no Ethernet controller for it either");

#[cfg(all(feature = "openeth", feature = "soft-ap"))]
compile_error!("a cable has no access point: openeth and soft-ap exclude each other");

/// Two networks in the RAM of ESP32-C3: whatever can be smaller is.
pub(crate) const TIGHT: bool = cfg!(all(feature = "soft-ap", feature = "esp32c3"));

/// The HAL, and the radio's driver if there is one, with their versions (build.rs).
const SDK: &str = env!("ESPAT_SDK");

/// For `AT+GMR`.
pub(crate) const PRODUCT: ProductInfo = if cfg!(feature = "esp32") {
    ProductInfo {
        chip: "ESP32",
        module: "WROOM-32",
        sdk: SDK,
    }
} else if cfg!(feature = "esp32c6") {
    ProductInfo {
        chip: "ESP32C6",
        module: "ESP32C6-4MB",
        sdk: SDK,
    }
} else {
    ProductInfo {
        chip: "ESP32C3",
        module: "MINI-1",
        sdk: SDK,
    }
};

/// UART1 with its pins, of all peripherals.
#[cfg(not(feature = "esp32"))]
macro_rules! at_port {
    ($uart:ident, $config:expr, $p:ident) => {
        $uart::new($p.UART1, $config).map(|uart| {
            uart.with_tx($p.GPIO7)
                .with_rx($p.GPIO6)
                .with_cts($p.GPIO5)
                .with_rts($p.GPIO4)
        })
    };
}

/// UART1 with its pins, of all peripherals.
#[cfg(feature = "esp32")]
macro_rules! at_port {
    ($uart:ident, $config:expr, $p:ident) => {
        $uart::new($p.UART1, $config).map(|uart| {
            uart.with_tx($p.GPIO17)
                .with_rx($p.GPIO16)
                .with_cts($p.GPIO15)
                .with_rts($p.GPIO14)
        })
    };
}

pub(crate) use at_port;
