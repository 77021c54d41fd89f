//! `cargo xtask test`: every step, also after one has failed, and a table of them at the end.
//!
//! Each step is a process of its own, the very command that runs it alone; what it prints goes to a
//! file and is shown when it ends, so that steps which run at the same time do not mix their lines.
//!
//! All cargo processes share one job server with as many tokens as there are processors. A step holds
//! one of them: while two steps run on two processors, each compiles with one, and what a step leaves
//! idle the other one takes.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use jobserver::{Acquired, Client};

use crate::cpu;
use crate::setup::Fetch;
use crate::steps::{Lane, Seconds, Step};
use crate::workspace::Workspace;

/// How often running steps are looked at: the standard library can wait for one process only.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A step that had to leave something out begins a line with this; the line is repeated at the end.
pub(crate) const NOT_CHECKED: &str = "NOT CHECKED:";

/// Runs `steps`; true if all passed.
pub(crate) fn all(steps: &[Step], workspace: &Workspace, fetch: Fetch) -> Result<bool> {
    let begin = Instant::now();
    let mut queue = Queue::new(steps);
    let mut runner = Runner::new(workspace, fetch)?;
    let mut results = Vec::new();
    while !queue.is_done() {
        runner.start_from(&mut queue)?;
        for result in runner.ended()? {
            queue.end(result.step);
            results.push(result);
        }
        thread::sleep(POLL_INTERVAL);
    }
    results.sort_by_key(|result| steps.iter().position(|step| *step == result.step));
    print!("{}", table(&results, begin.elapsed()));
    for result in &results {
        let printed = fs::read_to_string(&result.log).unwrap_or_default();
        for line in printed.lines().filter(|line| line.starts_with(NOT_CHECKED)) {
            println!("{}: {line}", result.step.name());
        }
    }
    for result in results.iter().filter(|result| !result.passed) {
        println!("{}: see {}", result.step.name(), result.log.display());
    }
    let failed = results.iter().filter(|result| !result.passed).count();
    println!("steps: {} passed, {failed} failed", results.len() - failed);
    Ok(failed == 0)
}

/// A token, if one is free.
///
/// `try_acquire` needs a pipe that no other process shares. If a compiler takes the token after this has
/// seen it, `acquire` waits until one comes back, which needs nothing of us: compilers return theirs.
fn free_token(jobs: &Client) -> Result<Option<Acquired>> {
    if jobs.available().context("cannot look at the job server")? == 0 {
        return Ok(None);
    }
    jobs.acquire().map(Some).context("cannot take a token")
}

/// Which steps may start.
#[derive(Debug)]
struct Queue {
    waiting: Vec<Step>,
    running: Vec<Step>,
}

impl Queue {
    fn new(steps: &[Step]) -> Self {
        Self {
            waiting: steps.to_vec(),
            running: Vec::new(),
        }
    }

    fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// The first step whose lane is free.
    fn next(&self) -> Option<Step> {
        let taken: Vec<Lane> = self.running.iter().map(|step| step.lane()).collect();
        if taken.contains(&Lane::First) {
            return None;
        }
        let mut waiting = self.waiting.iter().copied();
        let next = waiting.find(|step| !taken.contains(&step.lane()))?;
        let first_waits = self.waiting.iter().any(|step| step.lane() == Lane::First);
        (next.lane() == Lane::First || !first_waits).then_some(next)
    }

    fn start(&mut self, step: Step) {
        self.waiting.retain(|other| *other != step);
        self.running.push(step);
    }

    fn end(&mut self, step: Step) {
        self.running.retain(|other| *other != step);
    }
}

/// A step that has ended.
#[derive(Debug)]
struct Ended {
    step: Step,
    passed: bool,
    took: Duration,
    /// Processor time of all its processes, where the system reports it.
    cpu: Option<Duration>,
    log: PathBuf,
}

/// A step that runs.
struct Running {
    step: Step,
    child: Child,
    begin: Instant,
    log: PathBuf,
    /// Given back when the step has ended.
    _token: Acquired,
}

/// Starts steps as processes and waits for them.
struct Runner {
    jobs: Client,
    folder: PathBuf,
    fetch: Fetch,
    running: Vec<Running>,
}

impl Runner {
    fn new(workspace: &Workspace, fetch: Fetch) -> Result<Self> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let folder = workspace.scratch("xtask");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self {
            jobs: Client::new(processors).context("cannot create a job server")?,
            folder,
            fetch,
            running: Vec::new(),
        })
    }

    /// Starts what may start, as long as there are tokens.
    fn start_from(&mut self, queue: &mut Queue) -> Result<()> {
        while let Some(step) = queue.next() {
            let Some(token) = free_token(&self.jobs)? else {
                break;
            };
            let running = self.start(step, token)?;
            self.running.push(running);
            queue.start(step);
        }
        Ok(())
    }

    fn start(&self, step: Step, token: Acquired) -> Result<Running> {
        let log = self.folder.join(format!("{}.log", step.name()));
        let output = File::create(&log).with_context(|| log.display().to_string())?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg(step.name())
            .stdin(std::process::Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        if step == Step::Setup && self.fetch == Fetch::Forbidden {
            command.arg("--no-fetch");
        }
        self.jobs.configure(&mut command);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", step.name()))?;
        println!("{}: started", step.name());
        Ok(Running {
            step,
            child,
            begin: Instant::now(),
            log,
            _token: token,
        })
    }

    /// Takes the steps that have ended off the list, and shows what they printed.
    fn ended(&mut self) -> Result<Vec<Ended>> {
        let mut ended = Vec::new();
        let mut still = Vec::new();
        for mut running in self.running.drain(..) {
            let before = cpu::of_children();
            let Some(status) = running.child.try_wait()? else {
                still.push(running);
                continue;
            };
            let cpu = before
                .zip(cpu::of_children())
                .map(|(before, after)| after.saturating_sub(before));
            println!("\n==== {}", running.step.name());
            io::copy(&mut File::open(&running.log)?, &mut io::stdout())?;
            println!();
            ended.push(Ended {
                step: running.step,
                passed: status.success(),
                took: running.begin.elapsed(),
                cpu,
                log: running.log,
            });
        }
        self.running = still;
        Ok(ended)
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        for running in &mut self.running {
            // Only after an error of our own; it may have ended by itself.
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

fn table(results: &[Ended], all: Duration) -> String {
    let line = |name: &str, result: &str, took: Duration, cpu: Option<Duration>| {
        let cpu = cpu.map_or_else(|| "?".to_owned(), |cpu| Seconds(cpu).to_string());
        format!("{name:<12} {result:<7} {:>12} {cpu:>12}\n", Seconds(took))
    };
    let mut text = format!(
        "{:<12} {:<7} {:>12} {:>12}\n",
        "step", "result", "time", "processor"
    );
    for result in results {
        let word = if result.passed { "passed" } else { "failed" };
        text.push_str(&line(result.step.name(), word, result.took, result.cpu));
    }
    let word = if results.iter().all(|result| result.passed) {
        "passed"
    } else {
        "failed"
    };
    let cpu = results.iter().map(|result| result.cpu).sum();
    text.push_str(&line("all", word, all, cpu));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::ALL;

    fn ended(step: Step, passed: bool, seconds: u64) -> Ended {
        Ended {
            step,
            passed,
            took: Duration::from_secs(seconds),
            cpu: Some(Duration::from_secs(2 * seconds)),
            log: PathBuf::new(),
        }
    }

    /// Every way of ending whichever running step, a thousand of them.
    #[test]
    fn each_step_runs_once_and_no_two_of_a_lane_at_the_same_time() {
        for mut seed in 0..1000_usize {
            let mut queue = Queue::new(ALL);
            let mut order = Vec::new();
            while !queue.is_done() {
                while let Some(step) = queue.next() {
                    let lanes = queue.running.iter().map(|other| other.lane());
                    assert!(
                        lanes.into_iter().all(|lane| lane != step.lane()),
                        "{step:?}"
                    );
                    queue.start(step);
                    order.push(step);
                }
                let step = queue.running[seed % queue.running.len()];
                seed /= 2;
                queue.end(step);
            }
            assert_eq!(order[0], Step::Setup);
            assert_eq!(order.len(), ALL.len());
            for step in ALL {
                assert!(order.contains(step), "{step:?}");
            }
        }
    }

    #[test]
    fn a_token_is_taken_only_while_one_is_free() {
        let jobs = Client::new(2).unwrap();
        let first = free_token(&jobs).unwrap();
        let second = free_token(&jobs).unwrap();
        assert!(first.is_some() && second.is_some());
        assert!(free_token(&jobs).unwrap().is_none());
        drop(first);
        assert!(free_token(&jobs).unwrap().is_some());
    }

    #[test]
    fn nothing_runs_beside_setup() {
        let mut queue = Queue::new(ALL);
        queue.start(queue.next().unwrap());
        assert_eq!(queue.next(), None);
        queue.end(Step::Setup);
        queue.start(queue.next().unwrap());
        assert!(queue.next().is_some());
    }

    #[test]
    fn the_table_has_a_line_for_each_step_failures_included() {
        let results = [ended(Step::Fmt, true, 3), ended(Step::Host, false, 61)];
        assert_eq!(
            table(&results, Duration::from_secs(62)),
            "step         result          time    processor\n\
             fmt          passed         3.0 s        6.0 s\n\
             host         failed    1 min 01 s   2 min 02 s\n\
             all          failed    1 min 02 s   2 min 08 s\n"
        );
    }
}
