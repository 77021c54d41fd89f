//! A recording as exchanges, and the settings it was made with.

use std::time::Duration;

use crate::transcript::{Line, Step, Text, Variables};

/// What the host does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Sends bytes.
    Send(Text),
    /// Tells the control port of the simulator.
    Control(Text),
    /// Sends nothing for so long.
    Silence(Duration),
}

/// What the host does, and what the modem prints until the host goes on.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Line of the first step, counted from 1.
    pub(super) line: usize,
    /// Each as it is written.
    pub(super) actions: Vec<(String, Action)>,
    pub(super) expected: Vec<Text>,
    /// How long it may take, where the file says so.
    pub(super) within: Option<Duration>,
}

/// A whole recording.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// Options of `espat sim`, words one by one.
    pub(super) options: Vec<String>,
    /// It begins with the power, not after `ready` and `ATE0`.
    pub(super) from_power_on: bool,
    pub(super) turns: Vec<Turn>,
}

/// A line that a replay cannot follow.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotReplayed {
    line: usize,
    why: String,
}

impl std::fmt::Display for NotReplayed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl Script {
    /// Divides the steps. Values that the settings need must be among `variables`, or stand in the file.
    pub(super) fn new(lines: &[Line], variables: &Variables) -> Result<Self, NotReplayed> {
        let mut script = Self::default();
        let mut variables = variables.clone();
        let mut within = None;
        for line in lines {
            let refuse = |why: String| NotReplayed {
                line: line.number,
                why,
            };
            match &line.step {
                Step::FromPowerOn => script.from_power_on = true,
                // The replay has a port of its own.
                Step::OverTcp => {}
                Step::Within(limit) => within = Some(*limit),
                Step::Let { name, value } => {
                    let value = value
                        .expand(&variables)
                        .map_err(|it| refuse(it.to_string()))?;
                    variables.entry(name.clone()).or_insert(value);
                }
                Step::Needs(name) if variables.contains_key(name) => {}
                Step::Needs(name) => {
                    return Err(refuse(format!(
                        "{name} stands for a secret: give --let {name}=VALUE or --let-file {name}=FILE"
                    )));
                }
                Step::Option { name, value } => {
                    let value = value.as_ref().map(|value| {
                        let bytes = value.expand(&variables).map_err(|it| it.to_string())?;
                        String::from_utf8(bytes).map_err(|it| it.to_string())
                    });
                    script.options.push(name.clone());
                    script.options.extend(value.transpose().map_err(refuse)?);
                }
                Step::Send(text) => script.act(line, Action::Send(text.clone()), within),
                Step::Control(text) => script.act(line, Action::Control(text.clone()), within),
                Step::Silence(time) => script.act(line, Action::Silence(*time), within),
                Step::Expect(text) => script.expect(line, text, within),
                Step::Peer { .. } | Step::Pki | Step::FreePort(_) => {
                    return Err(refuse(
                        "a replay has no peers of its own: start the servers, and name them with -- --map".to_owned(),
                    ));
                }
                _ => return Err(refuse(format!("{} is not replayed", line.written))),
            }
        }
        Ok(script)
    }

    fn begin(&mut self, line: &Line, within: Option<Duration>) {
        self.turns.push(Turn {
            line: line.number,
            within,
            ..Turn::default()
        });
    }

    /// Belongs to the exchange that runs, or is what a modem prints before its host says anything.
    fn expect(&mut self, line: &Line, text: &Text, within: Option<Duration>) {
        if self.turns.is_empty() {
            self.begin(line, within);
        }
        if let Some(turn) = self.turns.last_mut() {
            turn.expected.push(text.clone());
        }
    }

    /// A step of the host, which ends the exchange before it if the modem has answered.
    fn act(&mut self, line: &Line, action: Action, within: Option<Duration>) {
        let answered = |turn: &Turn| !turn.expected.is_empty();
        if self.turns.last().is_none_or(answered) {
            self.begin(line, within);
        }
        if let Some(turn) = self.turns.last_mut() {
            turn.actions.push((line.written.clone(), action));
        }
    }
}
