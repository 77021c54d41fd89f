/work/main/firmware/model/target/release/deps/esp32c3_model-04cffd8a31292347.d: src/main.rs src/boot.rs src/bus.rs src/cpu.rs src/decode.rs src/ether.rs src/flash.rs src/interrupts.rs src/rom.rs src/rtc.rs src/timers.rs src/uart.rs

/work/main/firmware/model/target/release/deps/esp32c3_model-04cffd8a31292347: src/main.rs src/boot.rs src/bus.rs src/cpu.rs src/decode.rs src/ether.rs src/flash.rs src/interrupts.rs src/rom.rs src/rtc.rs src/timers.rs src/uart.rs

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

# env-dep:CARGO_PKG_NAME=esp32c3-model
