//! `espat pki pack`: certificates and keys into an image (spec: cert-bin 2.2, 6.2).

use std::path::{Path, PathBuf};

use cert_bin::lint::{self, Finding, Level, Problem, Recommendation};
use cert_bin::mistake::Mistake;
use cert_bin::{ImageWriter, ItemKind, NewItem};
use serde_json::{Value, json};

use super::files::{self, Access, Output};
use super::unpack::holds_a_key;
use super::{Circumstances, describe, pair, scratch, size};
use crate::device::refused_at_connect;
use crate::report::{self, Outcome, WrongUsage};

/// `espat pki pack -o OUT.bin (ca|cert|key FILE)...`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The image; a regular file of this name is replaced
    #[arg(short, long, value_name = "OUT.bin")]
    output: PathBuf,
    /// What to pack: ca, cert or key, and a PEM or DER file, and so on
    #[arg(required = true, num_args = 2.., value_names = ["KIND", "FILE"])]
    items: Vec<PathBuf>,
    /// Pack contents that a device cannot use; never what the format or the partition cannot hold
    #[arg(long)]
    force: bool,
    /// Size of the partition it is meant for
    #[arg(long, value_name = "BYTES", default_value = "8192", value_parser = size)]
    size: u32,
    #[command(flatten)]
    circumstances: Circumstances,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let sources = sources(&args.items)?;
    let output = Output::new(&args.output)?;
    if let Some((_, path)) = sources.iter().find(|(_, path)| output.is(path)) {
        let message = format!("{} is to be packed and to be replaced", path.display());
        return Err(WrongUsage(message).into());
    }
    let mut contents = Vec::new();
    for (_, path) in &sources {
        contents.push(files::read(path)?);
    }
    let items: Vec<NewItem<'_>> = sources
        .iter()
        .zip(&contents)
        .map(|(&(kind, _), content)| NewItem { kind, content })
        .collect();

    let judged = judge(args, &sources, &items)?;
    let refused = judged.verdict == Recommendation::Refuse;
    let size = if refused {
        None
    } else {
        Some(write_image(&items, args.size, output)?)
    };
    print_result(args, &judged, items.len(), size)
}

/// Returns the size of the image.
fn write_image(items: &[NewItem<'_>], partition: u32, output: Output) -> anyhow::Result<usize> {
    let writer = ImageWriter::new(items)?.fitting(partition)?;
    let mut image = vec![0; writer.size()];
    writer.write(&mut image)?;
    let is_key = |item: &NewItem<'_>| item.kind == ItemKind::Key || holds_a_key(item.content);
    let secret = items.iter().any(is_key);
    let access = if secret {
        Access::OwnerOnly
    } else {
        Access::Usual
    };
    output.write(&image, access)?;
    Ok(image.len())
}

/// `size` is that of the image, if one was written.
fn print_result(
    args: &Args,
    judged: &Judged,
    item_count: usize,
    size: Option<usize>,
) -> anyhow::Result<Outcome> {
    if args.json {
        let of = |level| -> Vec<&Value> {
            let mine = judged.remarks.iter().filter(|it| it.level == level);
            mine.map(|it| &it.json).collect()
        };
        let first = judged.remarks.iter().find(|it| it.level == Level::Error);
        let text = |name: &str| {
            first
                .and_then(|it| it.json.get(name))
                .and_then(Value::as_str)
        };
        let all: Vec<&Value> = judged.remarks.iter().map(|it| &it.json).collect();
        report::print_json(&json!({
            "result": if size.is_some() { "ok" } else { "refused" },
            "code": text("code").unwrap_or("ok"),
            "message": text("message").unwrap_or("written"),
            "findings": all,
            "verdict": judged.verdict.code(),
            "errors": of(Level::Error),
            "warnings": of(Level::Warning),
            "output": args.output.display().to_string(),
            "written": size.is_some(),
            "item_count": item_count,
            "size": size,
        }))?;
    }
    for remark in &judged.remarks {
        // With JSON on stdout only the reason for a refusal is worth repeating.
        if remark.level == Level::Error {
            report::say(&remark.line);
        } else if !args.json {
            report::note(&remark.line);
        }
    }
    let name = args.output.display();
    match size {
        Some(size) => {
            if !args.json {
                let count = describe::items_word(item_count);
                report::print(&format!("{name}: {count}, {size} bytes\n"))?;
            }
            Ok(Outcome::Done)
        }
        None => {
            let hint = if judged.can_be_forced && !args.force {
                "; --force packs it all the same"
            } else {
                ""
            };
            report::complain(format_args!("{name} was not written{hint}"));
            Ok(Outcome::Refused)
        }
    }
}

/// Kind and file, in pairs.
fn sources(words: &[PathBuf]) -> Result<Vec<(ItemKind, PathBuf)>, WrongUsage> {
    let mut sources = Vec::new();
    for pair in words.chunks(2) {
        let [kind, path] = pair else {
            let last = pair.first().map(|it| it.display().to_string());
            return Err(WrongUsage(format!(
                "no file behind '{}': each file needs ca, cert or key in front of it",
                last.unwrap_or_default()
            )));
        };
        let kind = kind.to_str().and_then(ItemKind::from_name).ok_or_else(|| {
            WrongUsage(format!(
                "'{}' is not ca, cert or key, one of which is needed in front of each file",
                kind.display()
            ))
        })?;
        sources.push((kind, path.clone()));
    }
    Ok(sources)
}

/// What there is to say, and whether to go on.
struct Judged {
    verdict: Recommendation,
    remarks: Vec<Remark>,
    /// Whether the force switch overrides every error there is.
    can_be_forced: bool,
}

struct Remark {
    level: Level,
    line: String,
    json: Value,
}

impl Remark {
    /// With `forced`, an error is no more than a warning. `path` is the file it is about.
    fn new(found: Level, forced: bool, path: Option<&Path>, text: &str, json: Value) -> Self {
        let overridden = forced && found == Level::Error;
        let level = if overridden { Level::Warning } else { found };
        let name = describe::level(level);
        let mut json = describe::merged(json, json!({"level": name}));
        if overridden {
            json = describe::merged(json, json!({"forced": true}));
        }
        let mut place = String::new();
        if let Some(path) = path {
            place = format!("{}: ", path.display());
            json = describe::merged(json, json!({"file": path.display().to_string()}));
        }
        Self {
            level,
            line: format!("{name}: {place}{text}"),
            json,
        }
    }
}

/// What a finding in general terms comes from.
fn mistake_behind(problem: &Problem, item: &NewItem<'_>) -> Option<Mistake> {
    let general = matches!(
        problem,
        Problem::WrongKind | Problem::NotPemOrDer | Problem::Damaged { .. } | Problem::EmbeddedNul
    );
    Mistake::of_content(item.content, item.kind).filter(|_| general)
}

fn judge(
    args: &Args,
    sources: &[(ItemKind, PathBuf)],
    items: &[NewItem<'_>],
) -> anyhow::Result<Judged> {
    let context = args.circumstances.context(Some(args.size));
    let mut findings: Vec<Finding> = Vec::new();
    let tally = lint::check_new(items, &context, &mut scratch(), &mut |it| findings.push(it))?;
    let can_be_forced = tally.final_errors == 0;
    let forced = args.force && can_be_forced;
    let path_of = |index: usize| sources.get(index).map(|(_, path)| path.as_path());

    let mut remarks = Vec::new();
    for finding in &findings {
        let problem = &finding.problem;
        let mut text = format!("{problem} [{}]", problem.code());
        let path = finding.index.and_then(path_of);
        let mut json = describe::finding(finding);
        let item = finding.index.and_then(|index| items.get(index));
        if let Some(mistake) = item.and_then(|item| mistake_behind(problem, item)) {
            text = format!("{problem}: {mistake} [{}]", problem.code());
            let message = format!("{problem}: {mistake}");
            json = describe::merged(json, json!({"message": message}));
        }
        remarks.push(Remark::new(problem.level(), forced, path, &text, json));
    }
    for pair in pair::mismatches(items) {
        let text = format!("{} [{}]", pair.message(), pair.code());
        let path = path_of(pair.index);
        remarks.push(Remark::new(pair.level(), forced, path, &text, pair.json()));
    }
    let partition = args.circumstances.partition;
    for it in refused_at_connect(items, args.circumstances.device, partition) {
        let text = format!("{} [{}]", it.message, it.code);
        let path = path_of(it.index);
        remarks.push(Remark::new(Level::Warning, forced, path, &text, it.json()));
    }
    let any = |level| remarks.iter().any(|remark| remark.level == level);
    let verdict = if any(Level::Error) {
        Recommendation::Refuse
    } else if any(Level::Warning) {
        Recommendation::AcceptWithWarnings
    } else {
        Recommendation::Accept
    };
    Ok(Judged {
        verdict,
        remarks,
        can_be_forced,
    })
}
