//! Processor time, as Linux reports it.

use std::fs;
use std::time::Duration;

/// What `/proc` counts in, on every architecture (proc(5): `sysconf(_SC_CLK_TCK)`, 100 since Linux 2.6).
const TICK: Duration = Duration::from_millis(10);

/// Of all children that were waited for, and theirs.
pub(crate) fn of_children() -> Option<Duration> {
    parse(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// Fields 16 and 17 of proc(5): `cutime` and `cstime`. The second field, a name in parentheses, may
/// contain anything.
fn parse(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(13).map(str::parse::<u32>);
    let ticks = times.next()?.ok()?.checked_add(times.next()?.ok()?)?;
    Some(TICK * ticks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::Cmd;

    #[test]
    fn children_are_counted_whatever_we_are_called() {
        let stat = "7 (x) S 1) S 1 7 7 0 -1 4194304 9 8 0 0 1 2 150 50 20 0 1 0 5 6 7\n";
        assert_eq!(parse(stat), Some(Duration::from_secs(2)));
        for bad in ["", "7 (x)", "7 (x) S 1 7 7 0 -1 4194304 9 8 0 0 1 2 150"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_child_that_works_is_seen() {
        let before = of_children().unwrap();
        let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        assert!(Cmd::new("sh -c").arg(script).output().is_ok());
        assert!(of_children().unwrap() > before);
    }
}
