//! `espat pki lint`: what a device will make of an image.

use cert_bin::lint::{self, Finding, Level};
use cert_bin::{Image, NewItem};
use serde_json::{Value, json};

use super::{Circumstances, Source, complain_about, describe, pair, scratch, size};
use crate::device::{Refused, refused_at_connect};
use crate::report::{self, Outcome};

/// `espat pki lint FILE.bin`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    circumstances: Circumstances,
    /// Size of the partition it is meant for, such as 8192 or 0x2000
    #[arg(long, value_name = "BYTES", value_parser = size)]
    size: Option<u32>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let source = &args.source;
    let bytes = source.read()?;
    let Some(image) = source.parse(&bytes)? else {
        return Ok(Outcome::Refused);
    };
    let mut scratch = scratch();
    let mut findings: Vec<Finding> = Vec::new();
    let context = args.circumstances.context(args.size);
    lint::check_image(&image, &context, &mut scratch, &mut |it| findings.push(it))?;
    let items: Vec<NewItem<'_>> = image.items().map(NewItem::from).collect();
    let pairs = pair::mismatches(&items);

    let circumstances = &args.circumstances;
    let refused = refused_at_connect(&items, circumstances.device, circumstances.partition);
    let codes: Vec<&str> = findings
        .iter()
        .map(|it| (it.problem.level(), it.problem.code()))
        .chain(pairs.iter().map(|it| (it.level(), it.code())))
        .filter_map(|(level, code)| (level == Level::Error).then_some(code))
        .collect();

    if source.json {
        let items = describe::items(&image, &mut scratch);
        let findings: Vec<Value> = findings
            .iter()
            .map(describe::finding)
            .chain(pairs.iter().map(pair::Mismatch::json))
            .chain(refused.iter().map(Refused::json))
            .collect();
        let is_error = |it: &&Value| it.get("level").is_some_and(|level| level == "error");
        let error = findings.iter().find(is_error);
        let text = |name: &str| error.and_then(|it| it.get(name)).and_then(Value::as_str);
        let mut all = describe::warning_findings(&image);
        all.extend(findings.iter().cloned());
        report::print_json(&json!({
            "result": if error.is_some() { "refused" } else { "ok" },
            "code": text("code").unwrap_or("ok"),
            "message": text("message").unwrap_or("a device will take it"),
            "findings": all,
            "size": image.as_bytes().len(),
            "item_count": image.count(),
            "items": items,
            "warnings": describe::warnings(&image),
            "partition": args.circumstances.partition.map(|it| it.to_string()),
            "content_findings": findings,
        }))?;
    } else {
        let mut text = in_text(&image, &findings, &pairs, &refused);
        if text.is_empty() {
            text = format!("{}, nothing to report\n", describe::items_word(items.len()));
        }
        report::print(&text)?;
    }
    if codes.is_empty() {
        return Ok(Outcome::Done);
    }
    complain_about(
        &source.image,
        format_args!("a device will refuse it: {}", codes.join(", ")),
    );
    Ok(Outcome::Refused)
}

/// A line for each remark; empty if there is none.
fn in_text(
    image: &Image<'_>,
    findings: &[Finding],
    pairs: &[pair::Mismatch],
    refused: &[Refused],
) -> String {
    let mut text = String::new();
    for warning in image.warnings() {
        text.push_str(&format!("warning: {warning} [{}]\n", warning.code()));
    }
    for finding in findings {
        let level = describe::level(finding.problem.level());
        let code = finding.problem.code();
        text.push_str(&format!("{level}: {finding} [{code}]\n"));
    }
    for pair in pairs {
        let (level, index) = (describe::level(pair.level()), pair.index);
        let (message, code) = (pair.message(), pair.code());
        text.push_str(&format!("{level}: item {index}: {message} [{code}]\n"));
    }
    for Refused {
        index,
        code,
        message,
    } in refused
    {
        text.push_str(&format!("warning: item {index}: {message} [{code}]\n"));
    }
    text
}
