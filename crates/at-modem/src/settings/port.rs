//! Settings of the AT port: what is printed on it and how, and the UART under it.
//!
//! | key | bytes |
//! |---|---|
//! | `sysmsg` | bit field |
//! | `uart` | bits per second (u32), data bits, stop bits, parity, flow control |

use at_grammar::commands::basic::{Baud, UartConfig};
use at_grammar::types::{Bounded, FlowControl, Parity, StopBits, SysMsg};
use embedded_storage_async::nor_flash::NorFlash;

use super::key::Key;
use super::record::{Store, byte};
use crate::filter::Filters;

/// Bytes of the record of a [`UartConfig`].
const UART_RECORD: usize = 8;

/// Settings of the AT port.
pub(crate) struct PortValues {
    // Stored.
    /// `AT+SYSMSG`.
    pub(crate) sysmsg: SysMsg,
    /// `AT+UART_DEF`; `None` where the port starts as it is.
    pub(crate) uart_default: Option<UartConfig>,
    // Gone after a restart.
    pub(crate) uart: UartConfig,
    /// `ATE1`.
    pub(crate) echo: bool,
    /// `AT+SYSLOG`: `ERR CODE:…` before `ERROR`.
    pub(crate) syslog: bool,
    /// `AT+SYSSTORE`: commands store what they set.
    pub(crate) sysstore: bool,
    pub(crate) filters: Filters,
}

impl PortValues {
    pub(super) fn new() -> Self {
        Self {
            sysmsg: SysMsg::NONE,
            uart_default: None,
            uart: UartConfig {
                baud: Baud::clamped(115_200),
                data_bits: Bounded::clamped(8),
                stop_bits: StopBits::One,
                parity: Parity::None,
                flow_control: FlowControl::None,
            },
            echo: true,
            syslog: false,
            sysstore: true,
            filters: Filters::default(),
        }
    }

    pub(super) async fn load<F: NorFlash>(&mut self, store: &mut Store<'_, F>) {
        if let Some(bits) = byte(store, Key::SYSTEM_MESSAGES).await {
            self.sysmsg = SysMsg::new(bits).unwrap_or(self.sysmsg);
        }
        let mut buffer = [0; UART_RECORD];
        if let Ok(Some(record)) = store.get(Key::UART, &mut buffer).await
            && let Some(uart) = decode_uart(record)
        {
            self.uart_default = Some(uart);
            self.uart = uart;
        }
    }
}

/// `AT+UART_DEF` as a record.
pub(crate) fn encode_uart(uart: &UartConfig) -> [u8; UART_RECORD] {
    let [a, b, c, d] = uart.baud.get().to_le_bytes();
    let bits = u8::try_from(uart.data_bits.get()).unwrap_or(8);
    let (stop, parity) = (uart.stop_bits.code(), uart.parity.code());
    [a, b, c, d, bits, stop, parity, uart.flow_control.code()]
}

fn decode_uart(record: &[u8]) -> Option<UartConfig> {
    let &[a, b, c, d, bits, stop, parity, flow] = record else {
        return None;
    };
    Some(UartConfig {
        baud: Baud::new(u32::from_le_bytes([a, b, c, d]))?,
        data_bits: Bounded::new(u32::from(bits))?,
        stop_bits: StopBits::from_code(stop)?,
        parity: Parity::from_code(parity)?,
        flow_control: FlowControl::from_code(flow)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uart_record_reads_back_and_no_other_length_does() {
        let uart = PortValues::new().uart;
        let record = encode_uart(&uart);
        assert_eq!(decode_uart(&record), Some(uart));
        for len in 0..record.len() {
            assert_eq!(decode_uart(&record[..len]), None);
        }
        assert_eq!(decode_uart(&[0xff; UART_RECORD]), None);
        assert_eq!(decode_uart(&[0; UART_RECORD + 1]), None);
    }
}
