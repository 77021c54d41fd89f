//! Translated documents (`docs/zh/X.md` of `docs/X.md`): what is typed and printed is the same in both.

use std::fs;
use std::path::Path;

const FENCE: &str = "```";

/// A complaint about a translation, if `file` is one: its line, and what is wrong.
pub(crate) fn check(file: &Path, text: &str) -> Vec<(usize, String)> {
    let Some(original) = original(file) else {
        return Vec::new();
    };
    match fs::read_to_string(&original) {
        Ok(original) => compare(text, &original),
        Err(_) => vec![(1, "it translates no document".to_owned())],
    }
}

/// The document that is translated: of the same name, one folder above the language's.
fn original(file: &Path) -> Option<std::path::PathBuf> {
    let language = file.parent()?;
    let documents = language.parent()?;
    let is_language = language.file_name()?.len() == 2;
    (is_language && documents.file_name()? == "docs")
        .then(|| documents.join(file.file_name().unwrap_or_default()))
}

fn compare(text: &str, original: &str) -> Vec<(usize, String)> {
    let (ours, theirs) = (blocks(text), blocks(original));
    let differs = ours
        .iter()
        .zip(&theirs)
        .find(|((_, ours), (_, theirs))| ours != theirs)
        .map(|((line, _), (other, _))| {
            (
                *line,
                format!("the block at line {other} of the original is another one"),
            )
        });
    let missing = (ours.len() != theirs.len()).then(|| {
        (
            1,
            format!("{} blocks, the original has {}", ours.len(), theirs.len()),
        )
    });
    differs.into_iter().chain(missing).collect()
}

/// Fenced blocks: the line where each begins, and its text.
fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        let is_fence = line.starts_with(FENCE);
        if is_fence && !inside {
            blocks.push((number + 1, String::new()));
        }
        if (is_fence || inside)
            && let Some((_, block)) = blocks.last_mut()
        {
            block.push_str(line);
            block.push('\n');
        }
        inside ^= is_fence;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str = "Do this:\n\n```sh\nls\n```\n\nand that:\n\n```text\na\n```\n";

    #[test]
    fn words_may_differ_and_blocks_may_not() {
        let good = "这样做：\n```sh\nls\n```\n\n再这样：\n```text\na\n```\n";
        assert_eq!(compare(good, ENGLISH), []);
        for (bad, line) in [
            (good.replace("ls", "dir"), 2),
            (good.replace("```text", "```sh"), 7),
            (good.replace("\na\n", "\na\nb\n"), 7),
        ] {
            let found = compare(&bad, ENGLISH);
            assert_eq!(found.first().map(|(line, _)| *line), Some(line), "{bad}");
        }
        let short = good.split("再").next().unwrap_or_default();
        assert_eq!(compare(short, ENGLISH).len(), 1);
    }

    #[test]
    fn only_what_lies_in_a_folder_of_a_language_is_a_translation() {
        assert_eq!(
            original(Path::new("/w/docs/zh/start.md")),
            Some(Path::new("/w/docs/start.md").to_owned())
        );
        for other in [
            "/w/docs/start.md",
            "/w/docs/spec/start.md",
            "/w/crates/zh/start.md",
        ] {
            assert_eq!(original(Path::new(other)), None);
        }
        assert_eq!(check(Path::new("/nowhere/docs/zh/start.md"), "").len(), 1);
    }
}
