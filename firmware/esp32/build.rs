//! Hands the linker the memory layout of the chip and the table of log messages, and the program the
//! versions of what it runs on.

fn main() {
    // The order matters: esp-hal's script is the last.
    for (chip, script) in [
        ("CARGO_FEATURE_ESP32C3", "radio.x"),
        ("CARGO_FEATURE_ESP32C6", "radio-c6.x"),
    ] {
        println!("cargo:rerun-if-changed={script}");
        if std::env::var_os(chip).is_some() {
            let folder = env!("CARGO_MANIFEST_DIR");
            println!("cargo:rustc-link-arg-bins=-T{folder}/{script}");
        }
    }
    println!("cargo:rustc-link-arg-bins=-Tdefmt.x");
    println!("cargo:rustc-link-arg-bins=-Tlinkall.x");
    let openeth = std::env::var_os("CARGO_FEATURE_OPENETH").is_some();
    let crates: &[&str] = if openeth {
        &["esp-hal"]
    } else {
        &["esp-hal", "esp-radio"]
    };
    println!("cargo:rerun-if-changed=Cargo.lock");
    println!("cargo:rustc-env=ESPAT_SDK={}", versions(crates).join(", "));
}

/// Names with versions, as they are locked.
fn versions(crates: &[&str]) -> Vec<String> {
    let lock = std::fs::read_to_string("Cargo.lock").unwrap_or_default();
    let quoted = |line: &str, key: &str| {
        let value = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        value.strip_suffix('"').map(str::to_owned)
    };
    let versions = lock.split("[[package]]").filter_map(|package| {
        let name = package.lines().find_map(|line| quoted(line, "name"))?;
        let version = package.lines().find_map(|line| quoted(line, "version"))?;
        crates
            .contains(&name.as_str())
            .then(|| format!("{name} {version}"))
    });
    versions.collect()
}
