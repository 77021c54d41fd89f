//! The functions of the ROM that the program calls, done here: the ROM itself is Espressif's and not
//! free to be given away. Which address is which function says the program's symbol table.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};

use crate::bus::Bus;
use crate::cpu::Cpu;
use crate::flash::SECTOR;
use crate::radio::{self, Radio};
use crate::rtc::Reset;

/// Bytes that memcpy and its like move per cycle.
const BYTES_PER_CYCLE: u32 = 2;

/// Names of addresses, and calls that are not through yet.
pub(crate) struct Rom {
    names: HashMap<u32, String>,
    /// Until when a wait lasts, by the caller that waits.
    waits: HashMap<(u32, u32), u64>,
    /// Cycles per microsecond, as the program said.
    per_micro: u32,
}

impl Rom {
    pub(crate) fn new(names: HashMap<u32, String>) -> Self {
        Self {
            names,
            waits: HashMap::new(),
            per_micro: 40,
        }
    }

    /// Does what the function at the core's address does.
    #[expect(clippy::too_many_lines, reason = "an arm per function of the ROM")]
    pub(crate) fn call(&mut self, cpu: &mut Cpu, bus: &mut Bus, radio: &mut Radio) -> Result<()> {
        let at = cpu.pc;
        if at == radio::RETURN {
            radio.resume(cpu);
            return Ok(());
        }
        let name = self
            .names
            .get(&at)
            .with_context(|| format!("nothing is known at {at:#x}, called from {:#x}", cpu.x[1]))?;
        let [a0, a1, a2, a3] = [cpu.x[10], cpu.x[11], cpu.x[12], cpu.x[13]];
        let pair = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
        let (left, right) = (pair(a0, a1), pair(a2, a3));
        bus.now += 20;
        let fault = |_| anyhow::anyhow!("{name}({a0:#x}, {a1:#x}, {a2:#x}) from {:#x}", cpu.x[1]);
        let value = match name.as_str() {
            "memcpy" | "memmove" => {
                copy(bus, a0, a1, a2).map_err(fault)?;
                Some(u64::from(a0))
            }
            "memset" => {
                for index in 0..a2 {
                    bus.store8(a0.wrapping_add(index), a1 as u8)
                        .map_err(fault)?;
                }
                bus.now += u64::from(a2 / BYTES_PER_CYCLE);
                Some(u64::from(a0))
            }
            "memcmp" => Some(compare(bus, a0, a1, a2).map_err(fault)?),
            "strlen" => {
                let mut len = 0;
                while bus.load8(a0.wrapping_add(len)).map_err(fault)? != 0 {
                    len += 1;
                }
                Some(u64::from(len))
            }
            "__ashldi3" => Some(left << (a2 & 63)),
            "__lshrdi3" => Some(left >> (a2 & 63)),
            "__ashrdi3" => Some((left as i64 >> (a2 & 63)) as u64),
            "__muldi3" => Some(left.wrapping_mul(right)),
            "__udivdi3" => Some(left.checked_div(right).unwrap_or(u64::MAX)),
            "__umoddi3" => Some(left.checked_rem(right).unwrap_or(left)),
            "__divdi3" => Some((left as i64).checked_div(right as i64).unwrap_or(-1) as u64),
            "__moddi3" => Some((left as i64).checked_rem(right as i64).unwrap_or(0) as u64),
            "ets_delay_us" => {
                if !self.waited(cpu, bus, a0) {
                    return Ok(());
                }
                None
            }
            // Waits for room in the FIFO.
            "uart_tx_one_char" => {
                if bus.uarts[0].full() {
                    bus.now = bus.due;
                    bus.tick();
                    return Ok(());
                }
                bus.uarts[0].write(0, a0);
                bus.tick();
                Some(0)
            }
            "uart_tx_flush" => {
                if !bus.uarts[0].idle() {
                    bus.now = bus.due;
                    bus.tick();
                    return Ok(());
                }
                None
            }
            // UART0.
            "ets_get_printf_channel" => Some(0),
            "ets_update_cpu_frequency" => {
                self.per_micro = a0;
                None
            }
            "ets_set_user_start" => None,
            "rtc_get_reset_reason" => Some(u64::from(bus.rtc.read(0x38) & 0x3f)),
            "software_reset" => {
                bus.rtc.wanted = Some(Reset::Software);
                return Ok(());
            }
            "esp_rom_spiflash_unlock" => Some(0),
            // Nothing can be read through the windows while the flash is at work.
            "esp_rom_spiflash_read" | "esp_rom_spiflash_write"
                if matches!(a1 >> 24, 0x3c | 0x42) =>
            {
                bail!(
                    "{name} with a buffer in flash, {a1:#x}, from {:#x}",
                    cpu.x[1]
                )
            }
            // A word at a time.
            "esp_rom_spiflash_read" | "esp_rom_spiflash_write" if (a0 | a1 | a2) & 3 != 0 => {
                bail!(
                    "{name}({a0:#x}, {a1:#x}, {a2:#x}) is not aligned, from {:#x}",
                    cpu.x[1]
                )
            }
            "esp_rom_spiflash_read" => Some(flash_read(bus, a0, a1, a2)),
            "esp_rom_spiflash_write" => Some(flash_write(bus, a0, a1, a2)),
            "esp_rom_spiflash_erase_sector" => Some(flash_erase(bus, a0, SECTOR as u32)),
            "esp_rom_spiflash_erase_block" => Some(flash_erase(bus, a0, 16 * SECTOR as u32)),
            // Block, host, register: which of the hosts does not matter.
            "rom_i2c_readReg" | "esp_rom_regi2c_read" => {
                Some(u64::from(bus.analog.get(&(a0, a2)).copied().unwrap_or(0)))
            }
            "rom_i2c_writeReg" | "esp_rom_regi2c_write" => {
                bus.analog.insert((a0, a2), a3 & 0xff);
                None
            }
            name if radio::FUNCTIONS.contains(&name) => {
                let result = radio.call(name, cpu, bus);
                Some(u64::from(result as u32))
            }
            other => bail!(
                "{other} of the ROM is not done here, called from {:#x}",
                cpu.x[1]
            ),
        };
        cpu.returns(value);
        Ok(())
    }

    /// Whether the caller has waited for as many microseconds. Interrupts are served meanwhile, and may
    /// wait on their own.
    fn waited(&mut self, cpu: &Cpu, bus: &mut Bus, micros: u32) -> bool {
        let caller = (cpu.x[1], cpu.x[2]);
        let cycles = u64::from(micros) * 160;
        let end = *self.waits.entry(caller).or_insert(bus.now + cycles);
        if bus.now < end {
            bus.now = end.min(bus.due.max(bus.now + 1));
            return false;
        }
        self.waits.remove(&caller);
        true
    }
}

type Access<T> = std::result::Result<T, crate::bus::AccessError>;

fn copy(bus: &mut Bus, to: u32, from: u32, len: u32) -> Access<()> {
    bus.now += u64::from(len / BYTES_PER_CYCLE);
    let mut bytes = Vec::with_capacity(len as usize);
    for index in 0..len {
        bytes.push(bus.load8(from.wrapping_add(index))?);
    }
    for (index, byte) in bytes.into_iter().enumerate() {
        bus.store8(to.wrapping_add(index as u32), byte)?;
    }
    Ok(())
}

fn compare(bus: &mut Bus, left: u32, right: u32, len: u32) -> Access<u64> {
    bus.now += u64::from(len / BYTES_PER_CYCLE);
    for index in 0..len {
        let a = bus.load8(left.wrapping_add(index))?;
        let b = bus.load8(right.wrapping_add(index))?;
        if a != b {
            return Ok((i64::from(a) - i64::from(b)) as u64);
        }
    }
    Ok(0)
}

/// What these functions answer: done, failed.
const DONE: u64 = 0;
const FAILED: u64 = 1;

fn flash_read(bus: &mut Bus, from: u32, to: u32, len: u32) -> u64 {
    bus.now += u64::from(len) * 4;
    for index in 0..len {
        let Some(byte) = bus.flash.bytes().get((from + index) as usize).copied() else {
            return FAILED;
        };
        if bus.store8(to.wrapping_add(index), byte).is_err() {
            return FAILED;
        }
    }
    DONE
}

fn flash_write(bus: &mut Bus, to: u32, from: u32, len: u32) -> u64 {
    let bytes: Access<Vec<u8>> = (0..len)
        .map(|index| bus.load8(from.wrapping_add(index)))
        .collect();
    let took = bytes
        .ok()
        .and_then(|bytes| bus.flash.write(to as usize, &bytes));
    bus.now += took.unwrap_or(0);
    if took.is_some() { DONE } else { FAILED }
}

fn flash_erase(bus: &mut Bus, number: u32, size: u32) -> u64 {
    let took = bus.flash.erase((number * size) as usize, size as usize);
    bus.now += took.unwrap_or(0);
    if took.is_some() { DONE } else { FAILED }
}
