//! `--record`: what passes the port, as a transcript.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use anyhow::Context as _;

use crate::private_file;
use crate::transcript::{Recorder, Secrets};

/// A recording that runs. Clones write to the same file.
#[derive(Debug, Clone)]
pub struct Tape(Rc<RefCell<Running>>);

#[derive(Debug)]
struct Running {
    start: Instant,
    /// None once the file could not be written.
    recorder: Option<Recorder<BufWriter<File>>>,
}

impl Tape {
    /// Creates the file, for the user alone; an existing one is replaced.
    ///
    /// # Errors
    ///
    /// A sentence that names it.
    pub fn create(path: &Path, secrets: Secrets) -> anyhow::Result<Self> {
        let recorder = private_file::create(path)
            .and_then(|file| Recorder::new(BufWriter::new(file), secrets))
            .with_context(|| format!("cannot record to {}", path.display()))?;
        Ok(Self(Rc::new(RefCell::new(Running {
            start: Instant::now(),
            recorder: Some(recorder),
        }))))
    }

    pub(super) fn sent(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.write(|start, recorder| recorder.sent(start.elapsed(), bytes));
        }
    }

    pub(super) fn printed(&self, bytes: &[u8]) {
        self.write(|start, recorder| recorder.printed(start.elapsed(), bytes));
    }

    /// The options with which the session began; before anything else.
    pub(in crate::sim) fn settings(&self, settings: &[(String, Option<String>)]) {
        for (name, value) in settings {
            self.write(|_, recorder| recorder.setting(name, value.as_deref()));
        }
    }

    /// A line of the control port that was obeyed.
    pub fn control(&self, line: &str) {
        self.write(|_, recorder| recorder.control(line));
    }

    /// A remark.
    pub fn remark(&self, text: &str) {
        self.write(|_, recorder| recorder.remark(text));
    }

    /// A modem goes on when its recording cannot.
    fn write(&self, write: impl FnOnce(Instant, &mut Recorder<BufWriter<File>>) -> io::Result<()>) {
        let mut running = self.0.borrow_mut();
        let start = running.start;
        let result = running
            .recorder
            .as_mut()
            .map(|recorder| write(start, recorder));
        if let Some(Err(error)) = result {
            crate::report::note(format!("the recording ends: {error}"));
            running.recorder = None;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Earlier errors have been reported already.
        if let Some(mut recorder) = self.recorder.take() {
            let _ = recorder.finish();
        }
    }
}
