//! The chip around the modem: its line settings, and numbers for who asks.

use at_grammar::commands::basic::UartConfig;
use at_modem::why::Why;
use at_modem::{Board, LinkId, MemoryReport, ReasonOf, SleepMode, Unsupported};

use super::bench::Bench;
use super::events::{Event, Events};
use super::port::Line;

/// Data memory of an ESP32 (its data sheet, §3.1.2: 520 KiB of SRAM, of which 320 KiB hold data).
const DATA_MEMORY: usize = 320 * 1024;

/// The board of the simulator.
#[derive(Debug)]
pub struct SimBoard {
    line: Option<Line>,
    /// What the engine was given.
    taken: usize,
    /// Whose wires are as fast as the settings say.
    paced: Option<Bench>,
    events: Events,
}

impl SimBoard {
    /// A board whose engine has `taken` bytes of memory.
    #[must_use]
    pub fn new(line: Option<Line>, taken: usize) -> Self {
        Self {
            line,
            taken,
            paced: None,
            events: Events::default(),
        }
    }

    /// Whose reasons are events there.
    #[must_use]
    pub fn with_events(self, events: Events) -> Self {
        Self { events, ..self }
    }

    /// With wires that are as fast as the settings say.
    #[must_use]
    pub fn paced(self, bench: Bench) -> Self {
        Self {
            paced: Some(bench),
            ..self
        }
    }
}

impl Board for SimBoard {
    /// The line says itself whether it takes them.
    fn check_uart(&self, _: &UartConfig) -> Result<(), Unsupported> {
        Ok(())
    }

    /// A port without a line (TCP, standard input) takes any.
    fn apply_uart(&self, settings: &UartConfig) -> Result<(), Unsupported> {
        if let Some(bench) = &self.paced {
            bench.set_baud(settings.baud.get());
        }
        match &self.line {
            Some(line) => line.set(settings).map_err(|error| {
                ::log::warn!("line settings: {error}");
                Unsupported
            }),
            None => Ok(()),
        }
    }

    /// What is left of an ESP32's data memory beside the engine's. Nothing is allocated later, so the
    /// least is the same.
    fn memory(&self) -> Option<MemoryReport> {
        let free = u32::try_from(DATA_MEMORY.saturating_sub(self.taken)).ok()?;
        Some(MemoryReport {
            free,
            least_free: free,
        })
    }

    /// A PC signs with RSA-4096 in milliseconds.
    fn serves_with_slow_keys(&self) -> bool {
        true
    }

    /// A PC that sleeps is of no use to its user: accepted, without effect.
    fn set_sleep(&self, _: SleepMode) -> Result<(), Unsupported> {
        Ok(())
    }

    fn note_reason(&self, of: ReasonOf, why: &Why) {
        self.events.tell(&reason(of, why));
    }
}

/// The event `reason`: what `AT+SSLWHY?` prints, and of what. Numbers as it prints them.
fn reason(of: ReasonOf, why: &Why) -> Event {
    let event = Event::new("reason");
    let number = |link: LinkId| i16::from(link.get());
    let event = match of {
        ReasonOf::Refused(link) => event.with("result", "refused").with("link", number(link)),
        ReasonOf::Ended(link) => event.with("result", "ended").with("link", number(link)),
        ReasonOf::Command(link) => event
            .with("result", "command refused")
            .with("link", link.map_or(-1, number)),
        ReasonOf::Client(Some(client)) => event
            .with("result", "client refused")
            .with("link", -1)
            .with("peer", client),
        // A server that was not started, and what may come later.
        _ => event.with("result", "server refused").with("link", -1),
    };
    event
        .with("code", why.code())
        .with("stage", why.stage)
        .with(
            "mbedtls",
            format_args!("-{:#06x}", why.mbedtls().unsigned_abs()),
        )
        .with("flags", format_args!("{:#010x}", why.verify_flags()))
        .with("depth", why.depth)
        .with("subject", &why.subject)
        .with("wanted", &why.wanted)
        .with("text", why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::port::{Choice, Port};
    use at_grammar::commands::basic::BasicCommand;
    use at_grammar::{Command, Mux, parse_line};

    fn uart(line: &str) -> UartConfig {
        match parse_line(line.as_bytes(), Mux::Single) {
            Ok(Command::Basic(BasicCommand::UartCurSet(config))) => config,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_terminal_shows_its_host_the_rate() {
        let port = Port::open(&Choice::Pty(None)).unwrap();
        let path = port.announcement().unwrap();
        let host = std::fs::File::open(path.strip_prefix("pty ").unwrap()).unwrap();
        let board = SimBoard::new(port.line(), 0);
        for baud in [80, 9600, 115_200, 921_600, 5_000_000] {
            let config = uart(&format!("AT+UART_CUR={baud},8,1,0,3"));
            assert_eq!(board.apply_uart(&config), Ok(()));
            let settings = rustix::termios::tcgetattr(&host).unwrap();
            assert_eq!(settings.output_speed(), baud);
        }
    }

    #[test]
    fn a_port_without_a_line_takes_any_settings_and_memory_is_what_is_left() {
        let board = SimBoard::new(None, 100 * 1024);
        assert_eq!(
            board.apply_uart(&uart("AT+UART_CUR=5000000,5,3,2,0")),
            Ok(())
        );
        let left = 220 * 1024;
        let report = MemoryReport {
            free: left,
            least_free: left,
        };
        assert_eq!(board.memory(), Some(report));
        assert_eq!(
            SimBoard::new(None, usize::MAX)
                .memory()
                .map(|report| report.free),
            Some(0)
        );
    }
}
