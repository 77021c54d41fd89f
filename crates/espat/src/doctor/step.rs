//! One step of the checklist, and the list of all.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::report;

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// As it should be.
    Passed,
    /// It works, and may not be meant.
    Warning,
    /// With this no connection succeeds.
    Failed,
    /// A step before it failed, or what it needs was not given.
    Skipped,
}

impl State {
    const fn mark(self) -> &'static str {
        match self {
            Self::Passed => "✓",
            Self::Warning => "!",
            Self::Failed => "✗",
            Self::Skipped => "-",
        }
    }

    /// As in the findings of the other commands.
    const fn level(self) -> &'static str {
        match self {
            Self::Passed | Self::Skipped => "note",
            Self::Warning => "warning",
            Self::Failed => "error",
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// A finished step.
#[derive(Debug, Clone)]
pub(super) struct Step {
    name: &'static str,
    state: State,
    code: Option<String>,
    message: String,
    advice: Option<String>,
    details: Vec<String>,
    data: Value,
}

impl Step {
    pub(super) fn passed(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            state: State::Passed,
            code: None,
            message: message.into(),
            advice: None,
            details: Vec::new(),
            data: Value::Null,
        }
    }

    /// `code` is a stable word; `advice` says what to do.
    pub(super) fn failed(
        name: &'static str,
        code: impl Into<String>,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Failed,
            code: Some(code.into()),
            advice: Some(advice.into()).filter(|it: &String| !it.is_empty()),
            ..Self::passed(name, message)
        }
    }

    pub(super) fn warning(
        name: &'static str,
        code: impl Into<String>,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Warning,
            ..Self::failed(name, code, message, advice)
        }
    }

    pub(super) fn skipped(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            state: State::Skipped,
            ..Self::passed(name, message)
        }
    }

    /// Lines below the message.
    pub(super) fn with_details(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }

    /// The same for programs.
    pub(super) fn with_data(mut self, data: Value) -> Self {
        self.data = data;
        self
    }

    pub(super) const fn state(&self) -> State {
        self.state
    }

    fn text(&self) -> String {
        let mut text = format!("{} {:<10} {}\n", self.state.mark(), self.name, self.message);
        for line in &self.details {
            // A String takes any text.
            let _ = writeln!(text, "             {line}");
        }
        if let Some(advice) = &self.advice {
            let _ = writeln!(text, "             → {advice}");
        }
        text
    }

    fn json(&self) -> Value {
        json!({
            "step": self.name,
            "state": self.state.code(),
            "code": self.code.as_deref().unwrap_or_default(),
            "level": self.state.level(),
            "message": self.message,
            "advice": self.advice,
            "data": self.data,
        })
    }
}

/// The steps so far; each is printed when it is done.
#[derive(Debug)]
pub(super) struct Steps {
    json: bool,
    all: Vec<Step>,
}

impl Steps {
    pub(super) const fn new(json: bool) -> Self {
        Self {
            json,
            all: Vec::new(),
        }
    }

    /// Prints it, unless the result will be JSON. Returns whether the way goes on.
    pub(super) fn add(&mut self, step: Step) -> anyhow::Result<bool> {
        if !self.json {
            report::print(&step.text())?;
        }
        let goes_on = step.state != State::Failed;
        self.all.push(step);
        Ok(goes_on)
    }

    /// The first step that fails, and what came of the last.
    pub(super) fn finish(self, last: LastStep) -> anyhow::Result<report::Outcome> {
        let failed = self.all.iter().find(|it| it.state == State::Failed);
        let succeeds = failed.is_none() && last == LastStep::Connects;
        let message = match failed {
            None if succeeds => "a connection succeeds".to_owned(),
            None => "no connection was tried to its end".to_owned(),
            Some(step) => format!("a connection fails: {}: {}", step.name, step.message),
        };
        if self.json {
            report::print_json(&json!({
                "result": if succeeds { "ok" } else { "refused" },
                "code": failed.and_then(|it| it.code.as_deref()).unwrap_or("ok"),
                "message": message,
                "findings": self.all.iter().map(Step::json).collect::<Vec<Value>>(),
            }))?;
        }
        Ok(if succeeds {
            if !self.json {
                report::print(&format!("{message}\n"))?;
            }
            report::Outcome::Done
        } else {
            report::complain(message);
            report::Outcome::Refused
        })
    }
}

/// Whether the last step, a connection, was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastStep {
    /// It was made and accepted.
    Connects,
    /// It was not made, or refused.
    Fails,
}
