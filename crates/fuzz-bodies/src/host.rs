//! The host program: transcripts, recordings, the control port.

use std::time::Duration;

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

/// Each line gets one line as its answer.
pub(crate) fn control(data: &[u8]) {
    let wifi = SimWifi::new(&[]);
    let panel = Panel {
        air: wifi.control(),
        bench: Bench::default(),
        power: Power::default(),
        tape: None,
    };
    for line in String::from_utf8_lossy(data).lines().take(50) {
        let (Ok(answer) | Err(answer)) = panel.obey(line.trim());
        assert!(!answer.contains('\n'), "{answer:?}");
    }
    let status = panel.obey("status").expect("always there");
    assert!(!status.contains(['\n', '\r']));
}
