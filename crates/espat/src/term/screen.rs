//! Messages of the modem for a person: colours, nothing that could control the terminal, reasons in words.

use std::io;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use crate::explain;
use crate::transcript::Payload;

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colours(bool);

impl Colours {
    /// Not with `NO_COLOR`, and not into a file.
    pub(super) fn of_stdout() -> Self {
        Self(!matches!(
            AutoStream::choice(&io::stdout()),
            ColorChoice::Never
        ))
    }

    #[cfg(test)]
    pub(super) const fn new(used: bool) -> Self {
        Self(used)
    }

    pub(super) fn paint(self, style: Style, text: &str) -> String {
        if self.0 {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
/// Nobody asked for it.
const UNSOLICITED: Style = AnsiColor::Cyan.on_default();
pub(super) const FAINT: Style = Style::new().dimmed();

/// Lines that come by themselves, also while a command runs (spec: at-commands A.10).
const UNSOLICITED_LINES: [&str; 15] = [
    "WIFI ",
    "+IPD,",
    "+LINK_CONN:",
    "+STA_",
    "+DIST_STA_IP:",
    "+SSLWHY:-1,",
    "+QUITT",
    "CONNECT",
    "CLOSED",
    "ready",
    "busy ",
    "ALREADY CONNECTED",
    "DNS Fail",
    "Will force to restart",
    "+TIME_UPDATED",
];

/// Prints text above the line that is edited.
pub(super) type Printer = Box<dyn FnMut(String) -> anyhow::Result<()> + Send>;

/// Shows what the modem says.
pub(super) struct Screen {
    colours: Colours,
    print: Printer,
}

impl Screen {
    pub(super) fn new(colours: Colours, print: Printer) -> Self {
        Self { colours, print }
    }

    /// One message, its line ends taken away.
    pub(super) fn message(&mut self, bytes: &[u8], solicited: bool) {
        let text = readable(bytes.trim_ascii());
        if !text.is_empty() {
            let line = self.colours.paint(style(&text, solicited), &text);
            let reason = self.reason(&text);
            self.show(format!("{line}\n{reason}"));
        }
    }

    /// The modem waits for data.
    pub(super) fn prompt(&mut self, payload: Option<Payload>) {
        let hint = match payload.and_then(|it| Some((it.left?, it.quoted))) {
            Some((length, false)) => format!("{length} bytes: a line, or :send FILE"),
            Some((length, true)) => format!("{length} bytes, or up to \\0: lines, or :send FILE"),
            None => "data until +++".to_owned(),
        };
        let hint = self.colours.paint(FAINT, &hint);
        self.show(format!("> {hint}\n"));
    }

    /// Something this program has to say.
    pub(super) fn notice(&mut self, text: &str) {
        let text = self.colours.paint(BAD, text);
        self.show(format!("{text}\n"));
    }

    fn show(&mut self, text: String) {
        // A terminal that is gone ends the program by itself.
        let _ = (self.print)(text);
    }

    /// What a reason means, below its line.
    fn reason(&self, text: &str) -> String {
        let has_reason = ["+SSLWHY:", "ERR CODE:", "+CWJAP:", "+ERRNO:", "+SSLPROBE:"]
            .iter()
            .any(|start| text.starts_with(start));
        let Some((means, todo)) = explain::first(text).filter(|_| has_reason) else {
            return String::new();
        };
        let mut lines = String::new();
        for (label, words) in [("means", means), ("do", todo)] {
            if !words.is_empty() {
                let line = self.colours.paint(FAINT, &format!("  {label:5}  {words}"));
                lines.push_str(&line);
                lines.push('\n');
            }
        }
        lines
    }
}

fn style(text: &str, solicited: bool) -> Style {
    let after_link = text
        .split_once(',')
        .filter(|(link, _)| link.len() == 1 && link.bytes().all(|it| it.is_ascii_digit()))
        .map_or(text, |(_, rest)| rest);
    let comes_by_itself = UNSOLICITED_LINES
        .iter()
        .any(|start| after_link.starts_with(start));
    match text {
        "OK" | "SEND OK" | "SET OK" => GOOD,
        "ERROR" | "FAIL" | "SEND FAIL" => BAD,
        _ if text.starts_with("ERR CODE:") => BAD,
        _ if comes_by_itself || !solicited => UNSOLICITED,
        _ => Style::new(),
    }
}

/// Text as it is; of what could control the terminal, its escapes.
fn readable(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => out.push('\n'),
                '\r' => {}
                '\t' => out.push(' '),
                control if control.is_control() => out.extend(control.escape_default()),
                other => out.push(other),
            }
        }
        out.push_str(&chunk.invalid().escape_ascii().to_string());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    fn shown(colours: bool, message: &[u8], solicited: bool) -> String {
        let out: Arc<Mutex<String>> = Arc::default();
        let copy = out.clone();
        let print = move |text: String| {
            copy.lock().unwrap().push_str(&text);
            Ok(())
        };
        Screen::new(Colours::new(colours), Box::new(print)).message(message, solicited);
        out.lock().unwrap().clone()
    }

    #[test]
    fn results_and_unsolicited_lines_have_colours_and_answers_have_none() {
        for (message, solicited, colour) in [
            (b"\r\nOK\r\n".as_slice(), true, Some("32")),
            (b"\r\nERROR\r\n", true, Some("31")),
            (b"+CWMODE:1\r\n", true, None),
            (b"+CWMODE:1\r\n", false, Some("36")),
            (b"WIFI GOT IP\r\n", true, Some("36")),
            (b"0,CLOSED\r\n", true, Some("36")),
            (b"\r\n+IPD,0,4:test", true, Some("36")),
        ] {
            let text = shown(true, message, solicited);
            let expected = colour.map(|colour| format!("\u{1b}[{colour}m"));
            match expected {
                Some(start) => assert!(text.starts_with(&start), "{text:?}"),
                None => assert!(!text.contains('\u{1b}'), "{text:?}"),
            }
            assert!(!shown(false, message, solicited).contains('\u{1b}'));
        }
    }

    #[test]
    fn nothing_a_peer_sends_controls_the_terminal() {
        for bytes in [
            b"\r\n+IPD,5:\x1b[2Jx".as_slice(),
            b"+IPD,3:\xc2\x9b1",
            b"\x07\x08\x7f\xff",
        ] {
            let text = shown(false, bytes, false);
            let is_safe = |it: char| it == '\n' || !it.is_control();
            assert!(text.chars().all(is_safe), "{text:?}");
        }
    }

    #[test]
    fn a_reason_is_explained_below_its_line() {
        let why = br#"+SSLWHY:0,"certificate",-0x2700,0x00000008,1,"CN=A","CN=B","no chain to the loaded CA","issuer_unknown""#;
        let text = shown(false, why, true);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[1].starts_with("  means  ") && lines[2].starts_with("  do     "));
        assert_eq!(shown(false, b"\r\nOK\r\n", true), "OK\n");
    }
}
