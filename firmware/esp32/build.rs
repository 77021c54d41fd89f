//! Hands the linker the memory layout of the chip and the table of log messages.

fn main() {
    println!("cargo:rerun-if-changed=radio.x");
    // The order matters: esp-hal's script is the last.
    if std::env::var_os("CARGO_FEATURE_ESP32C3").is_some() {
        // The chip with the least RAM.
        println!(
            "cargo:rustc-link-arg-bins=-T{}/radio.x",
            env!("CARGO_MANIFEST_DIR")
        );
    }
    println!("cargo:rustc-link-arg-bins=-Tdefmt.x");
    println!("cargo:rustc-link-arg-bins=-Tlinkall.x");
}
