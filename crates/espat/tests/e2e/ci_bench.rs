//! `examples/ci-bench`: pytest drives the simulator as a person's CI does.

use std::path::Path;
use std::process::Command;

/// Its own tests say what is claimed; here it is only run, with nothing left in its folder.
#[test]
fn the_example_passes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/ci-bench");
    // Where `cargo xtask setup` puts pytest, which the system need not have.
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools");
    let output = Command::new("python3")
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "."])
        .current_dir(folder)
        .env("PYTHONPATH", tools.join("pytest"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("ESPAT", env!("CARGO_BIN_EXE_espat"))
        .output()
        .expect("python3 starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("9 passed"), "{said}");
}
