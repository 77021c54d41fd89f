//! Filters on messages to the host: `AT+SYSMSGFILTER`, `AT+SYSMSGFILTERCFG` (spec: at-commands B.1, C.17).
//!
//! ```text
//! message ── head found, and tail behind it ─▶ what is between them
//!         └─ not both ───────────────────────▶ the next filter; the message as it is
//! ```
//!
//! Messages are looked at one by one. Received data and prompts pass as they are: whoever counts
//! bytes counts right.

mod expression;

use heapless::Vec;

pub(crate) use expression::Flags;
use expression::{Expression, ExpressionError};

/// Filters at once.
pub(crate) const FILTERS: usize = 8;

/// Bytes of one expression.
pub(crate) const MAX_EXPRESSION: usize = 64;

/// One filter, as the host gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) head: Vec<u8, MAX_EXPRESSION>,
    pub(crate) tail: Vec<u8, MAX_EXPRESSION>,
    pub(crate) flags: Flags,
}

/// All filters, and whether they are used.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters {
    pub(crate) on: bool,
    pub(crate) list: Vec<Filter, FILTERS>,
}

impl Filter {
    /// Whether both expressions are some.
    pub(crate) fn check(&self) -> Result<(), ExpressionError> {
        Expression::new(&self.head, self.flags)?;
        Expression::new(&self.tail, self.flags).map(drop)
    }

    /// What is left of a message, if the filter matches it.
    fn strip<'m>(&self, message: &'m [u8]) -> Option<&'m [u8]> {
        let rest = if self.head.is_empty() {
            message
        } else {
            let head = Expression::new(&self.head, self.flags).ok()?;
            let (_, end) = head.find(message)?;
            message.get(end..)?
        };
        if self.tail.is_empty() {
            return Some(rest);
        }
        let tail = Expression::new(&self.tail, self.flags).ok()?;
        let (start, _) = tail.find(rest)?;
        rest.get(..start)
    }
}

impl Filters {
    /// What the host is to see of a message: the first filter that matches decides.
    pub(crate) fn apply<'m>(&self, message: &'m [u8]) -> &'m [u8] {
        let list = if self.on { self.list.as_slice() } else { &[] };
        let stripped = list.iter().find_map(|filter| filter.strip(message));
        stripped.unwrap_or(message)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn filter(head: &str, tail: &str) -> Filter {
        Filter {
            head: Vec::from_slice(head.as_bytes()).unwrap(),
            tail: Vec::from_slice(tail.as_bytes()).unwrap(),
            flags: Flags::default(),
        }
    }

    #[test]
    fn a_message_loses_what_the_first_matching_filter_names() {
        let mut filters = Filters {
            on: true,
            list: [
                filter("^WIFI CONNECTED\r\n", ""),
                filter("^+HTTPCGET:[0-9]*,", "\r\n$"),
                filter("", "\r\nOK\r\n$"),
            ]
            .into_iter()
            .collect(),
        };
        for (message, left) in [
            ("WIFI CONNECTED\r\n", ""),
            ("WIFI GOT IP\r\n", "WIFI GOT IP\r\n"),
            ("+HTTPCGET:3,abc\r\n", "abc"),
            ("+HTTPCGET:3,abc", "+HTTPCGET:3,abc"),
            ("\r\nOK\r\n", ""),
            ("+CWMODE:1\r\n", "+CWMODE:1\r\n"),
        ] {
            assert_eq!(
                filters.apply(message.as_bytes()),
                left.as_bytes(),
                "{message}"
            );
        }
        filters.on = false;
        assert_eq!(filters.apply(b"\r\nOK\r\n"), b"\r\nOK\r\n");
    }
}
