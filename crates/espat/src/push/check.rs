//! Does the content fit, and can this module use it?

use cert_bin::lint::{self, Context, Finding, Level, Problem};
use cert_bin::{ImageWriter, NewItem};
use serde_json::Value;

use crate::device;
use crate::pki;

use super::{Module, PushError, Storage, Task, values};

/// Of each page of NVS, entries of 32 bytes can hold data (spec: cert-bin 9.3).
const NVS_PAGE_DATA: usize = 126 * 32;
const NVS_PAGE: usize = 4096;

/// A finding of the lint, for a person and for a program.
#[derive(Debug)]
pub(super) struct Remark {
    pub(super) line: String,
    pub(super) json: Value,
}

/// What will be written.
pub(super) struct Checked {
    /// Empty where values are written.
    pub(super) image: Vec<u8>,
    /// Of the image, or of all values.
    pub(super) bytes: usize,
}

/// Lints for the module and checks the size.
pub(super) fn check(
    task: &Task<'_>,
    module: &Module,
    storage: Storage,
    remark: &mut dyn FnMut(Remark),
) -> Result<Checked, PushError> {
    let items: Vec<NewItem<'_>> = task.sources.iter().map(super::Source::item).collect();
    lint(task, module, storage, &items, remark)?;
    match storage {
        Storage::Image { size } => {
            let too_big = |needs| PushError::DoesNotFit {
                needs,
                has: usize::try_from(size).unwrap_or(usize::MAX),
            };
            let needs = cert_bin::writer::image_size(&items);
            let writer = ImageWriter::new(&items).and_then(|writer| writer.fitting(size));
            let writer = writer.map_err(|_| too_big(needs))?;
            let mut image = vec![0; writer.size()];
            writer.write(&mut image).map_err(|_| too_big(needs))?;
            Ok(Checked {
                bytes: image.len(),
                image,
            })
        }
        Storage::Values { size } => {
            let longest = items.iter().map(|it| it.content.len()).max().unwrap_or(0);
            if longest > values::MAX_VALUE {
                return Err(PushError::DoesNotFit {
                    needs: longest,
                    has: values::MAX_VALUE,
                });
            }
            let pages = usize::try_from(size).unwrap_or(usize::MAX) / NVS_PAGE;
            // NVS keeps one page free.
            let has = pages.saturating_sub(1).saturating_mul(NVS_PAGE_DATA);
            let needs = values::space(task.sources);
            if needs > has {
                return Err(PushError::DoesNotFit { needs, has });
            }
            Ok(Checked {
                image: Vec::new(),
                bytes: items.iter().map(|it| it.content.len()).sum(),
            })
        }
    }
}

/// Reports all findings; errors refuse unless they are forced.
fn lint(
    task: &Task<'_>,
    module: &Module,
    storage: Storage,
    items: &[NewItem<'_>],
    remark: &mut dyn FnMut(Remark),
) -> Result<(), PushError> {
    let device = task.device.unwrap_or_else(|| module.device());
    let context = Context {
        role: Some(task.role),
        now: pki::now(),
        partition_size: match storage {
            Storage::Image { size } => Some(size),
            Storage::Values { .. } => None,
        },
        device: device.lint(),
    };
    let mut findings: Vec<Finding> = Vec::new();
    let mut scratch = pki::scratch();
    // The scratch is as large as any content needs.
    let linted = lint::check_new(items, &context, &mut scratch, &mut |it| findings.push(it));
    let mut codes = Vec::new();
    let mut can_be_forced = true;
    for finding in &findings {
        let problem = &finding.problem;
        // Size is the other check's, which says how much there is.
        if matches!(problem, Problem::TooBigForPartition { .. }) {
            continue;
        }
        let forced = task.force && problem.can_be_forced();
        let is_error = problem.level() == Level::Error && !forced;
        if is_error {
            codes.push(problem.code().to_owned());
            can_be_forced &= problem.can_be_forced();
        }
        let name = name_of(task, finding.index);
        let level = if is_error { "error" } else { "warning" };
        remark(Remark {
            line: format!("{level}: {name}: {problem} [{}]", problem.code()),
            json: pki::finding(finding),
        });
    }
    for it in device::refused_at_connect(items, device, Some(task.role)) {
        let name = name_of(task, Some(it.index));
        remark(Remark {
            line: format!("warning: {name}: {} [{}]", it.message, it.code),
            json: it.json(),
        });
    }
    if linted.is_err() {
        codes.push("damaged".to_owned());
    }
    if codes.is_empty() {
        return Ok(());
    }
    Err(PushError::Unusable {
        codes,
        can_be_forced: can_be_forced && !task.force,
    })
}

/// The file of an item, or the role.
fn name_of(task: &Task<'_>, index: Option<usize>) -> String {
    let source = index.and_then(|index| task.sources.get(index));
    source.map_or_else(|| task.role.to_string(), |it| it.name.clone())
}
