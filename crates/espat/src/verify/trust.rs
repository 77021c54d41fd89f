//! What is trusted: the certificates of a file, or of one item of an image (spec: cert-bin 2.4, 3).

use std::path::{Path, PathBuf};

use at_modem::why::{Cause, Credential, ModemError, Stage, Why};
use cert_bin::ItemKind;
use cert_bin::mistake::{Mistake, read_image};
use tls_session::reason::SetupError;

use super::{Refusal, certificates};
use crate::pki::files;
use crate::report::{self, WrongUsage};

/// DER certificates, or why a modem would find none. The outer error is about the file as a file.
type Trusted = anyhow::Result<Result<Vec<Vec<u8>>, Refusal>>;

/// Every certificate of a PEM or DER file.
pub(super) fn from_file(path: &Path) -> Trusted {
    let bytes = files::read(path)?;
    let name = path.display().to_string();
    Ok(from_content(&bytes, &name, Mistake::of_content))
}

/// The item that `<ca_number>` picks: by position, whatever its label says.
pub(super) fn from_image(given: &Path) -> Trusted {
    let (path, number) = split_number(given)?;
    let bytes = files::read(&path)?;
    let name = path.display();
    let refusal = |cause, detail: String| Refusal {
        reason: Box::new(Why::new(Stage::Setup, cause)),
        detail: Some(format!("{name}: {detail}")),
    };
    let image = match read_image(&bytes) {
        Ok(image) => image,
        Err(bad) => {
            let cause = match bad.is_blank() {
                true => Cause::from(ModemError::CaErased),
                false => unreadable(bad.mistake),
            };
            return Ok(Err(refusal(cause, bad.to_string())));
        }
    };
    let Some(item) = image.at(usize::from(number)) else {
        let cause = ModemError::CaMissing {
            number,
            available: image.count(),
        }
        .into();
        return Ok(Err(refusal(cause, "item numbers count from 0".into())));
    };
    if item.kind != ItemKind::Ca {
        report::note(format_args!(
            "note: {name}: item {number} is labelled {}; a modem does not look at the label",
            item.kind
        ));
    }
    Ok(from_content(
        item.content,
        &format!("{name}, item {number}"),
        Mistake::of_item,
    ))
}

/// What is behind a content of no use.
type Behind = fn(&[u8], ItemKind) -> Option<Mistake>;

fn from_content(content: &[u8], name: &str, behind: Behind) -> Result<Vec<Vec<u8>>, Refusal> {
    match certificates(content) {
        Ok((ders, unreadable)) => {
            if unreadable > 0 {
                report::note(format_args!(
                    "note: {name}: {unreadable} certificate blocks cannot be read and are not trusted"
                ));
            }
            Ok(ders)
        }
        Err(error) => {
            let mistake = behind(content, ItemKind::Ca);
            let detail = match mistake {
                Some(Mistake::ImageInValue) => format!("{name}: --bin takes an image"),
                _ => format!("{name}: {error} [{}]", error.code()),
            };
            Err(Refusal {
                reason: Box::new(Why::new(Stage::Setup, unreadable(mistake))),
                detail: Some(detail),
            })
        }
    }
}

/// As the modem has it: the mistake behind it, where there is a known one.
fn unreadable(mistake: Option<Mistake>) -> Cause {
    let known = mistake.map(|mistake| Cause::Content(Credential::Ca, mistake));
    known.unwrap_or_else(|| SetupError::CaUnreadable.into())
}

/// `FILE:N`, unless there is a file of the whole name.
pub(crate) fn split_number(given: &Path) -> Result<(PathBuf, u8), WrongUsage> {
    let whole = (given.to_owned(), 0);
    if given.exists() {
        return Ok(whole);
    }
    let Some((path, number)) = given.to_str().and_then(|text| text.rsplit_once(':')) else {
        return Ok(whole);
    };
    if path.is_empty() || number.is_empty() || !number.bytes().all(|it| it.is_ascii_digit()) {
        return Ok(whole);
    }
    match number.parse() {
        Ok(number) => Ok((path.into(), number)),
        Err(_) => Err(WrongUsage(format!(
            "item {number} of {path}: item numbers are 0 to 255"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_what_follows_the_last_colon() {
        for (given, path, number) in [
            ("no.bin", "no.bin", 0),
            ("no.bin:0", "no.bin", 0),
            ("no.bin:255", "no.bin", 255),
            ("no:1.bin", "no:1.bin", 0),
            ("no:1:2", "no:1", 2),
            ("no.bin:", "no.bin:", 0),
            ("no.bin:-1", "no.bin:-1", 0),
            (":1", ":1", 0),
        ] {
            let found = split_number(Path::new(given)).unwrap();
            assert_eq!(found, (PathBuf::from(path), number), "{given}");
        }
        assert!(split_number(Path::new("no.bin:256")).is_err());
    }
}
