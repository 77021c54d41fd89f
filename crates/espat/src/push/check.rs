//! Does the content fit, and can this module use it?

use cert_bin::lint::{self, Context, Finding, Level, Problem};
use cert_bin::{ImageWriter, NewItem, PartitionRole};
use serde_json::Value;

use crate::device::{self, Device};
use crate::pki;

use super::{Module, PushError, Source, Storage, Task, values};

/// Of each page of NVS, entries of 32 bytes can hold data (spec: cert-bin 9.3).
const NVS_PAGE_DATA: usize = 126 * 32;
const NVS_PAGE: usize = 4096;

/// A finding of the lint, for a person and for a program.
#[derive(Debug)]
pub(crate) struct Remark {
    pub(crate) line: String,
    pub(crate) json: Value,
}

/// What is known of the items of one role.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) remarks: Vec<Remark>,
    /// Codes of what refuses them.
    pub(crate) codes: Vec<String>,
    /// `--force` would override all of them.
    pub(crate) can_be_forced: bool,
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
    lint(task, module, storage, remark)?;
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
    remark: &mut dyn FnMut(Remark),
) -> Result<(), PushError> {
    let device = task.device.unwrap_or_else(|| module.device());
    let size = match storage {
        Storage::Image { size } => Some(size),
        Storage::Values { .. } => None,
    };
    let judged = judge(task.role, task.sources, device, size, task.force);
    judged.remarks.into_iter().for_each(remark);
    if judged.codes.is_empty() {
        return Ok(());
    }
    Err(PushError::Unusable {
        codes: judged.codes,
        can_be_forced: judged.can_be_forced,
    })
}

/// What a device makes of these items. Whether they fit is not asked.
pub(crate) fn judge(
    role: PartitionRole,
    sources: &[Source],
    device: Device,
    partition_size: Option<u32>,
    force: bool,
) -> Judged {
    let items: Vec<NewItem<'_>> = sources.iter().map(Source::item).collect();
    let context = Context {
        role: Some(role),
        now: pki::now(),
        partition_size,
        device: device.lint(),
    };
    let mut findings: Vec<Finding> = Vec::new();
    let mut scratch = pki::scratch();
    // The scratch is as large as any content needs.
    let linted = lint::check_new(&items, &context, &mut scratch, &mut |it| findings.push(it));
    let mut judged = Judged {
        remarks: Vec::new(),
        codes: Vec::new(),
        can_be_forced: !force,
    };
    for finding in &findings {
        let problem = &finding.problem;
        // Size is the other check's, which says how much there is.
        if matches!(problem, Problem::TooBigForPartition { .. }) {
            continue;
        }
        let forced = force && problem.can_be_forced();
        let is_error = problem.level() == Level::Error && !forced;
        if is_error {
            judged.codes.push(problem.code().to_owned());
            judged.can_be_forced &= problem.can_be_forced();
        }
        let name = name_of(role, sources, finding.index);
        let level = if is_error { "error" } else { "warning" };
        let mut json = pki::finding(finding);
        if let Some(of_json) = json.get_mut("level") {
            *of_json = level.into();
        }
        judged.remarks.push(Remark {
            line: format!("{level}: {name}: {problem} [{}]", problem.code()),
            json,
        });
    }
    for it in device::refused_at_connect(&items, device, Some(role)) {
        let name = name_of(role, sources, Some(it.index));
        judged.remarks.push(Remark {
            line: format!("warning: {name}: {} [{}]", it.message, it.code),
            json: it.json(),
        });
    }
    if linted.is_err() {
        judged.codes.push("damaged".to_owned());
    }
    judged
}

/// The file of an item, or the role.
fn name_of(role: PartitionRole, sources: &[Source], index: Option<usize>) -> String {
    let source = index.and_then(|index| sources.get(index));
    source.map_or_else(|| role.to_string(), |it| it.name.clone())
}
