//! Compares the table of structures with what the libraries do.

use std::collections::BTreeSet;
use std::fmt;

use crate::layouts::{Layout, Member, Source};
use crate::program::Program;
use crate::state::Object;
use crate::trace::{Access, Trace};

/// The function that posts the libraries' events: number, data, length.
const POSTS: &str = "wifi_event_post";

/// What the libraries in a program do with one structure.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Each access, once.
    pub accesses: BTreeSet<Access>,
    /// Lengths that are stated as numbers: of an event's data, of a variable.
    pub lengths: BTreeSet<u32>,
}

impl Seen {
    /// `None` if the program has none of the sources.
    #[must_use]
    pub fn of(program: &Program, layout: &Layout) -> Option<Self> {
        Self::of_sources(program, layout.sources)
    }

    /// `None` if the program has none of them.
    #[must_use]
    pub fn of_sources(program: &Program, sources: &[Source]) -> Option<Self> {
        let mut seen = Self::default();
        for source in sources {
            match *source {
                Source::Argument(function, argument) => {
                    let object = Object::Argument(argument);
                    seen.add(Trace::of(program, function), object);
                }
                Source::Behind(function, argument, at) => {
                    let object = Object::Behind(argument, at);
                    seen.add(Trace::of(program, function), object);
                }
                Source::Global(pointer) => {
                    if let Some((trace, object)) = Trace::of_global(program, pointer) {
                        seen.add(Some(trace), object);
                    }
                }
                Source::Object(variable) => seen.lengths.extend(program.length(variable)),
                Source::Event(number) => {
                    for call in Trace::calls_of(program, POSTS) {
                        if let [Some(posted), _, Some(length)] = call.arguments
                            && posted == number
                        {
                            seen.lengths.insert(length);
                        }
                    }
                }
            }
        }
        (!seen.accesses.is_empty() || !seen.lengths.is_empty()).then_some(seen)
    }

    fn add(&mut self, trace: Option<Trace<'_>>, object: Object) {
        let accesses = trace.iter().flat_map(|trace| trace.accesses(object));
        self.accesses.extend(accesses);
    }

    /// Bytes from the start to the end of the last access, or the stated length.
    #[must_use]
    pub fn extent(&self) -> u32 {
        let ends = self.accesses.iter().filter_map(|access| {
            let at = u32::try_from(access.at?).ok()?;
            at.checked_add(access.length.unwrap_or(1))
        });
        ends.chain(self.lengths.iter().copied()).max().unwrap_or(0)
    }
}

/// How the table and the libraries differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// An access reaches out of the structure.
    Outside(Access),
    /// An access is neither within a field nor of whole fields.
    Between(Access),
    /// No access is exactly at this field.
    Unseen(&'static str),
    /// No access is of exactly the whole structure.
    NotWhole,
    /// The libraries state another length.
    Length(u32),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside(access) => write!(f, "{access} reaches out of it"),
            Self::Between(access) => write!(f, "{access} is at no field"),
            Self::Unseen(field) => write!(f, "field {field} is never touched where it should be"),
            Self::NotWhole => f.write_str("it is never cleared or copied as a whole"),
            Self::Length(length) => write!(f, "the libraries state {length} bytes"),
        }
    }
}

/// All differences between a row of the table and what the libraries do.
#[must_use]
pub fn compare(layout: &Layout, seen: &Seen) -> Vec<Difference> {
    let mut found = Vec::new();
    for access in &seen.accesses {
        if !is_inside(layout, access) {
            found.push(Difference::Outside(*access));
        } else if !fits_fields(layout, access) {
            found.push(Difference::Between(*access));
        }
    }
    for length in &seen.lengths {
        if *length != layout.size {
            found.push(Difference::Length(*length));
        }
    }
    let is_whole = |access: &Access| access.at == Some(0) && access.length == Some(layout.size);
    if layout.whole && seen.lengths.is_empty() && !seen.accesses.iter().any(is_whole) {
        found.push(Difference::NotWhole);
    }
    for field in layout.fields.iter().filter(|field| field.seen) {
        if !seen.accesses.iter().any(|access| is_at(field, access)) {
            found.push(Difference::Unseen(field.name));
        }
    }
    found
}

fn is_inside(layout: &Layout, access: &Access) -> bool {
    let Some(at) = access.at else {
        return access.length.is_none_or(|length| length <= layout.size);
    };
    let end = u32::try_from(at).ok().and_then(|at| {
        // At least one byte.
        at.checked_add(access.length.unwrap_or(1))
    });
    end.is_some_and(|end| end <= layout.size)
}

/// Within one field, or from the start of one to the end of another.
fn fits_fields(layout: &Layout, access: &Access) -> bool {
    let Some(at) = access.at.and_then(|at| u32::try_from(at).ok()) else {
        return true;
    };
    let end = at.saturating_add(access.length.unwrap_or(1));
    let within = |field: &Member| at >= field.at && end <= field.at + field.size;
    let starts = layout.fields.iter().any(|field| field.at == at);
    let ends = end == layout.size
        || layout
            .fields
            .iter()
            .any(|field| end == field.at || end == field.at + field.size);
    let around = |field: &Member| {
        let word = at.is_multiple_of(4) && end == at + 4;
        field.bits && word && at < field.at + field.size && end > field.at
    };
    layout.fields.iter().any(within) || (starts && ends) || layout.fields.iter().any(around)
}

fn is_at(field: &Member, access: &Access) -> bool {
    access.at == i32::try_from(field.at).ok()
        && access.length.is_none_or(|length| length <= field.size)
}

/// Moves each field that is seen by four bytes, and makes each structure shorter: how many changes were
/// tried, and those that [`compare`] does not notice.
#[must_use]
pub fn alter(layout: &Layout, seen: &Seen) -> (usize, Vec<String>) {
    let mut changes = Vec::new();
    for (index, field) in layout.fields.iter().enumerate() {
        for at in [field.at.checked_sub(4), field.at.checked_add(4)] {
            if let (true, Some(at)) = (field.seen, at) {
                let mut changed = layout.clone();
                changed.fields[index].at = at;
                changes.push((changed, format!("{}.{} at {at}", layout.name, field.name)));
            }
        }
    }
    if layout.whole {
        for size in [layout.size - 1, layout.size + 1] {
            let mut changed = layout.clone();
            changed.size = size;
            changes.push((changed, format!("{} of {size} bytes", layout.name)));
        }
    }
    let tried = changes.len();
    let missed = changes
        .into_iter()
        .filter(|(changed, _)| compare(changed, seen).is_empty())
        .map(|(_, what)| what);
    (tried, missed.collect())
}
