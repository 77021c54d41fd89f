//! The host program: transcripts, recordings, the control port.

use std::time::Duration;

use embassy_futures::block_on;
use espat::sim::bench::Bench;
use espat::sim::control::{Panel, Power};
use espat::sim::wifi::SimWifi;
use espat::transcript::{Recorder, Secrets, Step, Text, Variables, parse};

use crate::take::Take;

/// Any text is parsed or refused; a recording of any session can be parsed again.
pub(crate) fn transcript(data: &[u8]) {
    match parse(&String::from_utf8_lossy(data)) {
        Ok(lines) => {
            for line in lines {
                if let Step::Send(text) | Step::Expect(text) | Step::Control(text) = &line.step {
                    let _ = text.expand(&Variables::new());
                }
            }
        }
        Err(error) => drop(error.to_string()),
    }
    let literal = Text::literal(data);
    assert_eq!(literal.expand(&Variables::new()).expect("no names"), data);

    for secrets in [Secrets::Hidden, Secrets::DangerShown] {
        let mut file = Vec::new();
        let mut recorder = Recorder::new(&mut file, secrets).expect("a vector");
        let mut take = Take(data);
        let mut at = Duration::ZERO;
        while !take.is_empty() {
            let how = take.u8();
            at += Duration::from_millis(u64::from(how >> 4));
            let piece = take.bytes(usize::from(how >> 2));
            let written = match how & 3 {
                0 | 1 => recorder.sent(at, piece),
                2 => recorder.printed(at, piece),
                _ => {
                    let line = String::from_utf8_lossy(piece).replace(['\n', '\r'], " ");
                    match line.trim() {
                        "" => Ok(()),
                        line => recorder.control(line),
                    }
                }
            };
            written.expect("a vector");
        }
        recorder.finish().expect("a vector");
        let text = String::from_utf8(file).expect("a transcript is text");
        if let Err(error) = parse(&text) {
            panic!("{error} in {text}");
        }
    }
}

fn panel() -> Panel {
    Panel {
        air: SimWifi::new(&[]).control(),
        bench: Bench::default(),
        power: Power::default(),
        tape: None,
    }
}

/// Each line gets one line as its answer.
pub(crate) fn control(data: &[u8]) {
    let panel = panel();
    for line in String::from_utf8_lossy(data).lines().take(50) {
        let (Ok(answer) | Err(answer)) = panel.obey(line.trim());
        assert!(!answer.contains('\n'), "{answer:?}");
    }
    let status = panel.obey("status").expect("always there");
    assert!(!status.contains(['\n', '\r']));
}

/// A line of any bytes gets one line; what begins like JSON gets an object with a result, and a command in an object
/// does what the same command does without one.
pub(crate) fn control_json(data: &[u8]) {
    let (panel, other) = (panel(), panel());
    let ask = |panel: &Panel, line: &[u8]| block_on(panel.answer(line));
    for line in data.split(|byte| *byte == b'\n').take(50) {
        let said = ask(&panel, line);
        assert!(!said.contains(['\n', '\r']), "{said:?}");
        if line.starts_with(b"{") && std::str::from_utf8(line).is_ok() {
            drop(result(&said));
        } else {
            assert!(
                said == "ok" || said.starts_with("ok ") || said.starts_with("error: "),
                "{said:?}"
            );
        }
        // What the line said of itself is no part of the comparison: one of the two has heard it already.
        let Ok(command) = std::str::from_utf8(line) else {
            continue;
        };
        if command.starts_with('{') || command.contains("random") {
            continue;
        }
        let words = ask(&other, line);
        let object = serde_json::json!({ "command": command }).to_string();
        let json = ask(&other, object.as_bytes());
        // Done twice, it may be refused the second time: what is compared is what asks alone.
        if matches!(command.trim(), "help" | "status") {
            assert_eq!(result(&json), "ok", "{words} {json}");
        } else {
            drop(result(&json));
        }
    }
}

/// `result` of an answer in JSON.
fn result(said: &str) -> String {
    let object: serde_json::Value = serde_json::from_str(said).expect("an object");
    let result = object["result"].as_str().expect("a result");
    assert!(matches!(result, "ok" | "error"), "{said}");
    assert_eq!(result == "error", object["message"].is_string(), "{said}");
    result.to_owned()
}
