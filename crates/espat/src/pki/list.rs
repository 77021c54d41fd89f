//! `espat pki list`: the items of an image.

use std::fmt::Write as _;

use cert_bin::Image;
use serde_json::{Value, json};

use super::{Source, describe, scratch};
use crate::report::{self, Outcome};

/// `espat pki list FILE.bin`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let source = &args.source;
    let bytes = source.read()?;
    let Some(image) = source.parse(&bytes)? else {
        return Ok(Outcome::Refused);
    };
    let items = describe::items(&image, &mut scratch());
    if source.json {
        report::print_json(&json!({
            "result": "ok",
            "code": "ok",
            "message": describe::items_word(usize::from(image.count())),
            "findings": describe::warning_findings(&image),
            "size": image.as_bytes().len(),
            "item_count": image.count(),
            "items": items,
            "warnings": describe::warnings(&image),
        }))?;
    } else {
        report::print(&table(&image, &items)?)?;
        source.warn(&image);
    }
    Ok(Outcome::Done)
}

/// The items for a person: a line each, and below it what it holds.
pub(super) fn table(image: &Image<'_>, items: &[Value]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(
        text,
        "{}, {} bytes",
        describe::items_word(usize::from(image.count())),
        image.as_bytes().len()
    )?;
    for (item, facts) in image.items().zip(items) {
        let field = |name: &str| facts.get(name).cloned().unwrap_or_default();
        let word = |name: &str| field(name).as_str().unwrap_or_default().to_owned();
        writeln!(
            text,
            "{:<8} at {:<6} {:>5} bytes  {}",
            format!("{} {}", item.kind, item.id),
            item.offset,
            item.content.len(),
            word("encoding"),
        )?;
        for object in field("objects").as_array().into_iter().flatten() {
            writeln!(text, "    {}", describe::summary(object))?;
        }
    }
    Ok(text)
}
