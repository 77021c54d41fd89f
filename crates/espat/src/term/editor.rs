//! The line that is edited: completion and hints from the table of commands, and the history.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use at_grammar::{Command, Row, Visibility, parameters};
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::config::Configurer as _;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{ColorMode, CompletionType, Config, Context, Editor, ExternalPrinter as _, Helper};

use super::screen::{Colours, FAINT, Printer};
use crate::report;
use crate::transcript::has_secret;

const PROMPT: &str = "at> ";
/// Lines that are kept.
const HISTORY_MAX: usize = 1000;
/// What this program itself understands.
const OWN: [&str; 6] = [":send ", ":hex ", ":text ", ":explain ", ":help", ":quit"];

/// What a person types.
pub(super) struct Keyboard {
    editor: Editor<Assistant, FileHistory>,
    history: Option<PathBuf>,
}

impl Keyboard {
    /// Opens the terminal, and the history if there is one.
    pub(super) fn open(history: Option<&Path>, colours: Colours) -> anyhow::Result<Self> {
        let config = Config::builder()
            .max_history_size(HISTORY_MAX)?
            .history_ignore_dups(true)?
            .completion_type(CompletionType::List)
            // What a program pastes into the terminal is lines, not one text.
            .bracketed_paste(false)
            .build();
        let mut editor = Editor::with_config(config).context("cannot use the terminal")?;
        editor.set_color_mode(ColorMode::Enabled);
        editor.set_helper(Some(Assistant {
            files: FilenameCompleter::new(),
            colours,
        }));
        if let Some(file) = history.filter(|file| file.exists()) {
            let shown = file.display();
            editor
                .load_history(file)
                .with_context(|| format!("cannot read {shown}"))?;
        }
        let mut keyboard = Self {
            editor,
            history: history.map(Path::to_owned),
        };
        keyboard.check_link();
        Ok(keyboard)
    }

    /// Prints above the line that is edited.
    pub(super) fn printer(&mut self) -> anyhow::Result<Printer> {
        let mut printer = self
            .editor
            .create_external_printer()
            .context("cannot use the terminal")?;
        Ok(Box::new(move |text| {
            printer.print(text).context("the terminal is gone")
        }))
    }

    /// The next line; none at its end (Ctrl-D). Ctrl-C drops the line.
    pub(super) fn line(&mut self) -> anyhow::Result<Option<String>> {
        loop {
            match self.editor.readline(PROMPT) {
                Ok(line) => return Ok(Some(line)),
                Err(ReadlineError::Eof) => return Ok(None),
                Err(ReadlineError::Interrupted) => report::note("Ctrl-D ends"),
                Err(error) => return Err(error).context("cannot read the keyboard"),
            }
        }
    }

    /// No file of this program is written through a link.
    fn check_link(&mut self) {
        let is_link = |file: &mut PathBuf| file.is_symlink();
        if let Some(file) = self.history.take_if(is_link) {
            let shown = file.display();
            report::note(format_args!("{shown} is a link: history is not kept"));
        }
    }

    /// Keeps a command, unless it has a password or a key in it.
    pub(super) fn remember(&mut self, line: &str) {
        if line.trim().is_empty() || has_secret(line.as_bytes()) {
            return;
        }
        let added = self.editor.add_history_entry(line).unwrap_or(false);
        self.check_link();
        if let (true, Some(file)) = (added, &self.history)
            && let Err(error) = self.editor.append_history(file)
        {
            report::note(format_args!(
                "{}: history is not kept: {error}",
                file.display()
            ));
            self.history = None;
        }
    }
}

/// Knows the commands.
struct Assistant {
    files: FilenameCompleter,
    colours: Colours,
}

impl Helper for Assistant {}
impl Validator for Assistant {}

impl Highlighter for Assistant {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(self.colours.paint(FAINT, hint))
    }
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..position).unwrap_or(line);
        if before.starts_with(":send ") {
            return self.files.complete(line, position, context);
        }
        let pair = |text: String| Pair {
            display: text.clone(),
            replacement: text,
        };
        Ok((0, candidates(before).into_iter().map(pair).collect()))
    }
}

impl Hinter for Assistant {
    type Hint = ParameterHint;

    fn hint(&self, line: &str, position: usize, _: &Context<'_>) -> Option<ParameterHint> {
        if position < line.len() {
            return None;
        }
        hint(line).map(ParameterHint)
    }
}

/// Shown, never inserted: names of parameters are no values.
pub(super) struct ParameterHint(String);

impl rustyline::hint::Hint for ParameterHint {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

fn rows() -> impl Iterator<Item = &'static Row> {
    Command::TABLE
        .iter()
        .filter(|row| row.visibility == Visibility::Listed)
}

/// Everything that can begin so: each form of each command that a modem announces.
pub(super) fn candidates(before: &str) -> Vec<String> {
    if before.starts_with(':') {
        let own = OWN.iter().filter(|own| own.starts_with(before));
        return own.map(|own| (*own).to_owned()).collect();
    }
    let typed = before.to_ascii_uppercase();
    let forms = rows().flat_map(|row| {
        [
            (row.forms.execute, ""),
            (row.forms.query, "?"),
            (row.forms.set, "="),
        ]
        .into_iter()
        .filter(|(has, _)| *has)
        .map(move |(_, end)| format!("{}{end}", row.name))
    });
    forms.filter(|form| form.starts_with(&typed)).collect()
}

/// The parameters that are still to come, of each way to use the command that fits.
pub(super) fn hint(line: &str) -> Option<String> {
    let (name, typed) = line.split_once('=')?;
    let hints = parameters(&name.to_ascii_uppercase());
    let count = given(typed);
    let fits = hints.iter().filter(|hint| begins_alike(hint, typed));
    let left: Vec<&str> = fits.filter_map(|hint| rest(hint, count)).collect();
    let at_a_comma = typed.is_empty() || typed.ends_with(',');
    let text = left.join("  or  ");
    let text = if at_a_comma {
        text.trim_start_matches(['[', ','])
    } else {
        &text
    };
    (!text.is_empty()).then(|| text.to_owned())
}

/// Parameters that are there, the one that is typed included.
fn given(typed: &str) -> usize {
    let last_is_begun = at_grammar::split(typed.as_bytes())
        .last()
        .is_some_and(|parameter| !parameter.is_empty());
    let before = at_grammar::split(typed.as_bytes()).skip(1).count();
    before.saturating_add(usize::from(last_is_begun))
}

/// Whether a way to use a command, whose first parameter may be fixed, is the one that was begun.
fn begins_alike(hint: &str, typed: &str) -> bool {
    let Some((first, _)) = typed.split_once(',') else {
        return true;
    };
    let hint = hint.strip_prefix("[<id>,]").unwrap_or(hint);
    let fixed = hint.split([',', '[']).next().unwrap_or(hint);
    if fixed.contains('<') {
        return !first.eq_ignore_ascii_case("\"UDP\"") || !fixed.starts_with("\"<TCP");
    }
    let is_link = first.len() == 1 && fixed.starts_with('"');
    is_link || fixed.eq_ignore_ascii_case(first)
}

/// What stands behind the first parameters of a hint.
fn rest(hint: &'static str, given: usize) -> Option<&'static str> {
    if given == 0 {
        return Some(hint);
    }
    // A link number is counted where it was typed; who has it knows.
    let hint = hint.strip_prefix("[<id>,]").unwrap_or(hint);
    let mut quoted = false;
    let mut commas = 0_usize;
    for (at, character) in hint.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                commas = commas.saturating_add(1);
                if commas == given {
                    let bracketed = hint.get(..at).is_some_and(|head| head.ends_with('['));
                    return hint.get(at.saturating_sub(usize::from(bracketed))..);
                }
            }
            _ => {}
        }
    }
    hint.ends_with('…').then_some("…")
}
