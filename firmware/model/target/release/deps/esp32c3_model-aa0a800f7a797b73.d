/work/main/firmware/model/target/release/deps/esp32c3_model-aa0a800f7a797b73.d: /work/main/clippy.toml src/main.rs src/boot.rs src/bus.rs src/cpu.rs src/decode.rs src/ether.rs src/flash.rs src/interrupts.rs src/rom.rs src/rtc.rs src/timers.rs src/uart.rs Cargo.toml

/work/main/firmware/model/target/release/deps/libesp32c3_model-aa0a800f7a797b73.rmeta: /work/main/clippy.toml src/main.rs src/boot.rs src/bus.rs src/cpu.rs src/decode.rs src/ether.rs src/flash.rs src/interrupts.rs src/rom.rs src/rtc.rs src/timers.rs src/uart.rs Cargo.toml

/work/main/clippy.toml:
src/main.rs:
src/boot.rs:
src/bus.rs:
src/cpu.rs:
src/decode.rs:
src/ether.rs:
src/flash.rs:
src/interrupts.rs:
src/rom.rs:
src/rtc.rs:
src/timers.rs:
src/uart.rs:
Cargo.toml:

# env-dep:CARGO_PKG_NAME=esp32c3-model
# env-dep:CLIPPY_ARGS=
# env-dep:CLIPPY_CONF_DIR
