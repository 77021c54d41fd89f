/work/main/firmware/model/target/release/deps/colorchoice-0e19c47a7bd6f0d0.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/colorchoice-1.0.5/src/lib.rs

/work/main/firmware/model/target/release/deps/libcolorchoice-0e19c47a7bd6f0d0.rlib: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/colorchoice-1.0.5/src/lib.rs

/work/main/firmware/model/target/release/deps/libcolorchoice-0e19c47a7bd6f0d0.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/colorchoice-1.0.5/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/colorchoice-1.0.5/src/lib.rs:
