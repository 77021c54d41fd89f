//! Hosts that people have, as far as they show on the wire: what each family sends, byte for byte, and what
//! it insists on in the answers (spec: at-commands F). Clients talk to a server of TCP, and again to one of TLS 1.2.
//!
//! | module | family |
//! |---|---|
//! | `anyone` | what all of them depend on: echo, `?`, empty lines, restarts, order, pauses |
//! | `zephyr` | Zephyr's esp_at |
//! | `wifi_esp_at` | WiFiEspAT for Arduino |
//! | `lwesp` | lwesp |
//! | `atat` | rt-esp-at-nal and others on atat |
//! | `rt_thread` | RT-Thread's at_device |
//! | `cmsis` | the CMSIS WiFi driver |
//! | `tiny_gsm` | TinyGSM |
//! | `circuit_python` | Adafruit's CircuitPython driver |
//! | `legacy` | hosts of the 1.x firmware |
//! | `recorded` | sessions with a peer, recorded and replayed with another one, in both dialects |
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says no by panicking"
)]

mod anyone;
mod atat;
mod circuit_python;
mod cmsis;
#[path = "../harness/mod.rs"]
mod harness;
mod host;
mod legacy;
mod lwesp;
mod peer;
mod recorded;
mod rt_thread;
mod tiny_gsm;
mod wifi_esp_at;
mod zephyr;
