//! Sends what the host sent, and collects what the modem says.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use super::far_side::FarSide;
use super::plan::{Deed, Plan};
use super::script::{Action, Script, Turn};
use super::{Args, normal};
use crate::at_host::Port;
use crate::at_host::port::end_of;
use crate::report::{self, WrongUsage};
use crate::sim::Running;
use crate::transcript::{Ending, Match, Text, Variables};

/// After the result of a command that ended otherwise than recorded: for what follows it at once.
const QUIET: Duration = Duration::from_millis(300);
/// A modem that never stops talking does not fill this program's memory.
const RECEIVED_MAX: usize = 4 * 1024 * 1024;

/// What was recorded, and what came.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Line of the file, counted from 1.
    pub(super) line: usize,
    /// The host's part, as it is written.
    pub(super) sent: Vec<String>,
    /// Lines, escaped.
    pub(super) recorded: Vec<String>,
    pub(super) replayed: Vec<String>,
    /// Why the rest was not waited for.
    pub(super) ended: Option<String>,
    same: bool,
    exact: bool,
}

impl Exchange {
    pub(super) const fn is_same(&self) -> bool {
        self.same
    }

    /// A line as it is compared.
    pub(super) fn compared(&self, line: &str) -> String {
        if self.exact {
            line.to_owned()
        } else {
            normal::line(line)
        }
    }
}

/// A replay that runs.
#[derive(Debug)]
pub(super) struct Player {
    port: Port,
    sim: Option<Running>,
    /// Holds the copy of a flash image.
    _folder: Option<TempDir>,
    variables: Variables,
    timeout: Duration,
    exact: bool,
    /// What a module that is on already says by itself is not asked for.
    skips_start: bool,
    received: Vec<u8>,
    done: Vec<Exchange>,
    far_side: Option<FarSide>,
}

/// What some input is to an exchange.
enum Progress {
    /// So many bytes are it.
    Whole(usize, Variables),
    /// More is needed.
    Part,
    Different,
}

impl Player {
    /// Starts the simulator, or opens the port.
    pub(super) fn start(
        args: &Args,
        script: &Script,
        variables: Variables,
    ) -> anyhow::Result<Self> {
        let mut far_side = None;
        let (port, sim, folder) = match &args.port {
            Some(place) => {
                if !script.options.is_empty() {
                    report::note(format_args!(
                        "recorded with espat sim {}: a module keeps its own settings",
                        hidden(&script.options)
                    ));
                }
                let port = Port::open(place, args.baud, args.flow_control)?;
                (port, None, None)
            }
            None => {
                let mut recorded = script.options.clone();
                if args.peer {
                    let (started, options) = play_far_side(args, script, &variables)?;
                    (far_side, recorded) = (Some(started), options);
                }
                let (sim, folder) = simulator(args, &recorded)?;
                let stream = TcpStream::connect(sim.address()).context("the simulator is gone")?;
                (Port::tcp(stream)?, Some(sim), folder)
            }
        };
        let mut player = Self {
            port,
            skips_start: sim.is_none(),
            sim,
            _folder: folder,
            variables,
            timeout: args.timeout,
            exact: args.exact,
            received: Vec::new(),
            done: Vec::new(),
            far_side,
        };
        if player.sim.is_none() {
            player.quiet(Instant::now() + QUIET);
            player.received.clear();
        } else if !script.from_power_on {
            player.echo_off()?;
        }
        Ok(player)
    }

    /// Where a transcript of a person begins: after `ready` and `ATE0`.
    fn echo_off(&mut self) -> anyhow::Result<()> {
        let expected = [Text::literal(b"\r\nready\r\n")];
        self.wait(&expected, self.timeout);
        self.received.clear();
        self.port.write(b"ATE0\r\n")?;
        self.wait(&[Text::literal(b"ATE0\r\n\r\nOK\r\n")], self.timeout);
        self.received.clear();
        Ok(())
    }

    /// One exchange.
    pub(super) fn turn(&mut self, number: usize, turn: &Turn) -> anyhow::Result<()> {
        if std::mem::take(&mut self.skips_start) && turn.actions.is_empty() {
            report::note(
                "what is recorded before the first command is not asked for: the module is on already",
            );
            return Ok(());
        }
        let timeout = turn.within.unwrap_or(self.timeout);
        let far_side = self.far_side.as_ref();
        let mut deeds = far_side.map_or_else(Vec::new, |it| it.during(number));
        let (first, rest) = split_first(&mut deeds);
        let mut fault = self.far_side_acts(&first, timeout);
        if !first.is_empty() {
            // It came before the host went on.
            let _ = self.wait(turn.expected.get(..1).unwrap_or_default(), timeout);
        }
        for (_, action) in &turn.actions {
            self.act(action)
                .with_context(|| format!("line {}", turn.line))?;
        }
        for (at, deeds) in rest {
            let before = turn.expected.get(..at).unwrap_or(&turn.expected);
            let (Progress::Whole(..), _) = self.wait(before, timeout) else {
                break;
            };
            fault = fault.or(self.far_side_acts(&deeds, timeout));
        }
        let (count, ended, same) = match self.wait(&turn.expected, timeout) {
            (Progress::Whole(count, kept), _) => {
                self.variables.extend(kept);
                (count, None, true)
            }
            (_, ended) => (self.received.len(), ended, false),
        };
        let (ended, same) = (fault.clone().or(ended), same && fault.is_none());
        let replayed: Vec<u8> = self.received.drain(..count).collect();
        let recorded = if same {
            Vec::new()
        } else {
            self.recorded(&turn.expected, &replayed)
        };
        self.done.push(Exchange {
            line: turn.line,
            sent: turn
                .actions
                .iter()
                .map(|(written, _)| written.clone())
                .collect(),
            recorded,
            replayed: if same { Vec::new() } else { lines(&replayed) },
            ended,
            same,
            exact: self.exact,
        });
        Ok(())
    }

    /// What came after the last exchange is one of its own, which was not recorded.
    pub(super) fn finish(mut self) -> Vec<Exchange> {
        self.quiet(Instant::now() + QUIET);
        if !self.received.is_empty() {
            self.done.push(Exchange {
                line: 0,
                sent: Vec::new(),
                recorded: Vec::new(),
                replayed: lines(&self.received),
                ended: None,
                same: false,
                exact: self.exact,
            });
        }
        let timeout = self.timeout;
        let compared = self.far_side.map(|it| it.finish(timeout));
        for (line, recorded, replayed) in compared.into_iter().flatten() {
            let same = recorded == replayed;
            self.done.push(Exchange {
                line,
                sent: vec!["what the far side of this connection received".to_owned()],
                recorded: lines(&recorded),
                replayed: lines(&replayed),
                ended: None,
                same,
                exact: true,
            });
        }
        self.done
    }

    /// Returns why it could not.
    fn far_side_acts(&mut self, deeds: &[Deed], timeout: Duration) -> Option<String> {
        let far_side = self.far_side.as_mut()?;
        deeds
            .iter()
            .find_map(|deed| far_side.act(deed, timeout).err())
    }

    fn act(&mut self, action: &Action) -> anyhow::Result<()> {
        match action {
            Action::Silence(time) => {
                // Not to wait for something: being silent is what the host does here.
                thread::sleep(*time);
                Ok(())
            }
            Action::Send(text) => {
                let bytes = text
                    .expand(&self.variables)
                    .map_err(|error| WrongUsage(error.to_string()))?;
                self.port
                    .write(&bytes)
                    .context("the modem takes no more bytes")
            }
            Action::Control(text) => {
                let line = text
                    .expand(&self.variables)
                    .map_err(|error| WrongUsage(error.to_string()))?;
                self.control(&line)
            }
        }
    }

    fn control(&self, line: &[u8]) -> anyhow::Result<()> {
        let Some(sim) = &self.sim else {
            report::note("a line of the control port is left out: a module has none");
            return Ok(());
        };
        let line = std::str::from_utf8(line).context("a line of the control port")?;
        match sim.control(line) {
            Ok(_) => Ok(()),
            Err(error) => bail!("the control port says error: {error}"),
        }
    }

    /// Reads until it is all there, or cannot be any more.
    fn wait(&mut self, expected: &[Text], timeout: Duration) -> (Progress, Option<String>) {
        let deadline = Instant::now() + timeout;
        loop {
            match self.progress(expected) {
                Progress::Part => {}
                Progress::Different => {
                    let ended = self.end_of_result(expected, deadline);
                    // What came late may be what was missing.
                    let progress = self.progress(expected);
                    return (progress, ended);
                }
                whole @ Progress::Whole(..) => return (whole, None),
            }
            if let Err(ended) = self.receive() {
                return (Progress::Different, Some(ended));
            }
            if Instant::now() >= deadline {
                let ended = format!("nothing more came within {} s", timeout.as_secs_f32());
                return (Progress::Different, Some(ended));
            }
        }
    }

    /// Something else came: reads on to the end of that, so that the next command does not meet a busy modem.
    fn end_of_result(&mut self, expected: &[Text], deadline: Instant) -> Option<String> {
        let ends = |bytes: &[u8]| Ending::first_in(bytes).is_some();
        let mut recorded = Vec::new();
        for text in expected {
            recorded.extend(text.expand(&self.variables).unwrap_or_default());
        }
        while ends(&recorded) && !ends(&self.received) && Instant::now() < deadline {
            if let Err(ended) = self.receive() {
                return Some(ended);
            }
        }
        self.quiet(Instant::now() + QUIET);
        None
    }

    /// Reads until nothing has come for a while, at most twice as long.
    fn quiet(&mut self, mut until: Instant) {
        let last = until + QUIET;
        while Instant::now() < until {
            match self.receive() {
                Ok(0) => {}
                Ok(_) => until = (Instant::now() + QUIET).min(last),
                Err(_) => return,
            }
        }
    }

    /// At most a tenth of a second.
    fn receive(&mut self) -> Result<usize, String> {
        let mut bytes = [0; 4096];
        let count = self.port.read(&mut bytes).map_err(|it| end_of(&it))?;
        if self.received.len() > RECEIVED_MAX {
            return Err(format!("more than {RECEIVED_MAX} bytes came"));
        }
        self.received.extend(bytes.iter().take(count));
        Ok(count)
    }

    fn progress(&self, expected: &[Text]) -> Progress {
        match self.exactly(expected) {
            Progress::Different if !self.exact => self.nearly(expected),
            progress => progress,
        }
    }

    /// Byte for byte, places filled in.
    fn exactly(&self, expected: &[Text]) -> Progress {
        let mut kept = Variables::new();
        let mut at = 0_usize;
        for text in expected {
            let rest = self.received.get(at..).unwrap_or_default();
            match text.compare(rest, &self.variables) {
                Ok(Match::Whole { length, kept: new }) => {
                    at = at.saturating_add(length);
                    kept.extend(new);
                }
                Ok(Match::Part) => return Progress::Part,
                Ok(Match::Not { .. }) | Err(_) => return Progress::Different,
            }
        }
        Progress::Whole(at, kept)
    }

    /// Line for line, without what changes from run to run.
    fn nearly(&self, expected: &[Text]) -> Progress {
        let recorded = self.recorded(expected, &self.received);
        let mut came = self.received.split_inclusive(|&byte| byte == b'\n');
        let mut at = 0_usize;
        for line in &recorded {
            let Some(piece) = came.next() else {
                return Progress::Part;
            };
            let wanted = normal::line(line);
            let shown = piece.escape_ascii().to_string();
            if normal::line(&shown) == wanted {
                at = at.saturating_add(piece.len());
            } else if !line.ends_with("\\n") && shown.starts_with(line.as_str()) {
                // Without a line end in the recording: a prompt, and data.
                at = at.saturating_add(line.len());
                break;
            } else if !piece.ends_with(b"\n") {
                return Progress::Part;
            } else {
                return Progress::Different;
            }
        }
        Progress::Whole(at, Variables::new())
    }

    /// The recorded lines; a place that stands for anything is filled with what came there.
    fn recorded(&self, expected: &[Text], came: &[u8]) -> Vec<String> {
        let mut bytes = Vec::new();
        let mut rest = came;
        for text in expected {
            match (
                text.compare(rest, &self.variables),
                text.expand(&self.variables),
            ) {
                (Ok(Match::Whole { length, .. }), _) => {
                    let (here, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                    bytes.extend_from_slice(here);
                    rest = behind;
                }
                (_, Ok(literal)) => bytes.extend(literal),
                (_, Err(_)) => bytes.extend(text.to_string().into_bytes()),
            }
        }
        lines(&bytes)
    }
}

/// Each with its line end, escaped.
fn lines(bytes: &[u8]) -> Vec<String> {
    bytes
        .split_inclusive(|&byte| byte == b'\n')
        .map(|line| line.escape_ascii().to_string())
        .collect()
}

/// Without passwords of access points.
fn hidden(options: &[String]) -> String {
    let mut shown = Vec::new();
    let mut name = "";
    for word in options {
        let is_password = name == "--ap" && word.contains(',');
        shown.push(if is_password { "SSID,…" } else { word });
        name = word;
    }
    shown.join(" ")
}

/// Recorded options but for each `--map` of a place that the command line maps as well: the server it led to is gone.
fn without_maps(recorded: &[String], given: &[String]) -> Vec<String> {
    let place = |map: &str| Some(map.split_once('=')?.0.to_ascii_lowercase());
    let mut given = given.iter();
    let mut places = Vec::new();
    while let Some(word) = given.next() {
        let map = match word.strip_prefix("--map") {
            Some("") => given.next().map(String::as_str),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        places.extend(map.and_then(place));
    }
    let mut kept = Vec::new();
    let mut recorded = recorded.iter();
    while let Some(word) = recorded.next() {
        if word != "--map" {
            kept.push(word.clone());
            continue;
        }
        if let Some(map) = recorded.next()
            && place(map).is_none_or(|it| !places.contains(&it))
        {
            kept.extend([word.clone(), map.clone()]);
        }
    }
    kept
}

/// What is done before the host goes on, and what later.
fn split_first(deeds: &mut Vec<(usize, Vec<Deed>)>) -> (Vec<Deed>, Vec<(usize, Vec<Deed>)>) {
    let later = deeds.split_off(deeds.partition_point(|(at, _)| *at == 0));
    (
        deeds.drain(..).flat_map(|(_, deeds)| deeds).collect(),
        later,
    )
}

/// The far side of the recording, and the options that lead to it.
fn play_far_side(
    args: &Args,
    script: &Script,
    variables: &Variables,
) -> anyhow::Result<(FarSide, Vec<String>)> {
    let plan = Plan::of(script, variables);
    for (line, what) in &plan.left_out {
        report::note(format_args!(
            "line {line}: {what} cannot be played: start the other side, and name it with -- --map"
        ));
    }
    let ports = |map: &String| {
        let (place, _) = map.split_once('=')?;
        place.rsplit_once(':')?.1.parse::<u16>().ok()
    };
    let given = args.sim.iter().filter_map(ports);
    let servers: Vec<u16> = plan.servers.iter().map(|(_, port)| *port).collect();
    if let Some(port) = given.into_iter().find(|port| servers.contains(port)) {
        return Err(WrongUsage(format!(
            "--peer plays the server at port {port}: leave its --map out"
        ))
        .into());
    }
    FarSide::start(plan, &script.options)
}

/// With the options of the recording, those of the command line behind them.
fn simulator(args: &Args, recorded: &[String]) -> anyhow::Result<(Running, Option<TempDir>)> {
    let mut options = without_maps(recorded, &args.sim);
    options.extend(args.sim.iter().cloned());
    let folder = match &args.flash {
        None => None,
        Some(image) => {
            let folder = tempfile::tempdir().context("no place for a copy of the flash image")?;
            let copy = folder.path().join("flash.bin");
            std::fs::copy(image, &copy)
                .with_context(|| format!("cannot copy {}", image.display()))?;
            options.push("--flash".to_owned());
            options.push(copy.to_string_lossy().into_owned());
            Some(folder)
        }
    };
    Ok((Running::with_options(&options)?, folder))
}
