//! The linker scripts: the board's memory, whose folder qemu-virt's own build script names, and riscv-rt's.

fn main() {
    println!("cargo:rustc-link-arg-bins=-Tmemory.x");
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
}
