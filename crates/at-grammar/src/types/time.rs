//! Time zone of `AT+CIPSNTPCFG` and the calendar of `+CIPSNTPTIME`.

use core::fmt;

use crate::args::{Field, Given};
use crate::error::FieldError;
use crate::sink::{Full, Sink, show};

/// Distance from UTC in minutes, one that a command line can say.
///
/// A number from −12 to 14 is hours; any other is `hhmm`, so `530` is five and a half hours and
/// `15` is a quarter of an hour. What lies nearer to zero than that cannot be said, and no zone
/// needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ZoneOffset(i16);

impl ZoneOffset {
    /// Greenwich.
    pub const UTC: Self = Self(0);

    /// `None` below −12:00, above +14:00, and for the few minutes around zero that have no notation.
    #[must_use]
    pub const fn from_minutes(minutes: i16) -> Option<Self> {
        match minutes {
            -720..=-13 | 0 | 15..=840 => Some(Self(minutes)),
            _ => None,
        }
    }

    /// The number of a command line.
    #[must_use]
    pub fn from_parameter(number: i32) -> Option<Self> {
        let minutes = match number {
            -12..=14 => number.checked_mul(60)?,
            // Hundreds and rest both carry the sign.
            _ if number % 100 <= -60 || number % 100 >= 60 => return None,
            _ => (number / 100).checked_mul(60)?.checked_add(number % 100)?,
        };
        Self::from_minutes(i16::try_from(minutes).ok()?)
    }

    /// The number of a command line: hours where the zone has no minutes.
    #[must_use]
    pub const fn parameter(self) -> i16 {
        if self.0 % 60 == 0 {
            self.0 / 60
        } else {
            self.0 / 60 * 100 + self.0 % 60
        }
    }

    /// Minutes east of Greenwich.
    #[must_use]
    pub const fn minutes(self) -> i16 {
        self.0
    }

    /// Whole hours, towards zero: all that the query of `AT+CIPSNTPCFG` shows.
    #[must_use]
    pub const fn whole_hours(self) -> i16 {
        self.0 / 60
    }
}

impl<'a> Field<'a> for ZoneOffset {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        Self::from_parameter(i32::read(given)?).ok_or(FieldError::Range)
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        show(out, self.parameter())
    }
}

const SECONDS_PER_DAY: i64 = 86_400;
/// First second of year 0 and last of year 9999: the years that four digits can say.
const FIRST: i64 = -62_167_219_200;
const LAST: i64 = 253_402_300_799;

/// A date and time of day, printed as C's `asctime` does: `Thu Jan  1 00:02:08 1970`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LocalTime(
    /// Seconds since 1970 on the local clock.
    i64,
);

impl LocalTime {
    /// Local time of a zone; times before year 0 and after 9999 stop there.
    #[must_use]
    pub fn new(unix: i64, zone: ZoneOffset) -> Self {
        let zone = i64::from(zone.0).saturating_mul(60);
        Self(unix.saturating_add(zone).clamp(FIRST, LAST))
    }

    /// Seconds since 1970, as if the local clock showed UTC.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// Reads what `Display` writes; the day may be padded with a blank or not.
    #[must_use]
    pub fn from_asctime(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let _weekday = words.next()?;
        let month = words.next()?;
        let month = MONTHS
            .iter()
            .zip(1_i64..)
            .find(|(name, _)| **name == month)?
            .1;
        let day = words.next()?.parse::<u8>().ok()?;
        let mut clock = words.next()?.split(':');
        let mut part = |limit: u8| {
            let value = clock.next()?.parse::<u8>().ok()?;
            (value < limit).then_some(i64::from(value))
        };
        let (hour, minute, second) = (part(24)?, part(60)?, part(60)?);
        let year = words
            .next()?
            .parse::<u16>()
            .ok()
            .filter(|year| *year <= 9999)?;
        if clock.next().is_some() || words.next().is_some() {
            return None;
        }
        let days = days_from_civil(i64::from(year), month, i64::from(day));
        let local = Self(days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second);
        // 31 April is no day: going back and forth shows it.
        (civil_from_days(days) == (i64::from(year), month, i64::from(day))).then_some(local)
    }
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// Days from the first of March of year 0 to 1 January 1970.
const EPOCH: i64 = 719_468;
/// Days of 400 years, after which the Gregorian calendar repeats.
const CYCLE: i64 = 146_097;

/// Years begin in March here, so that the leap day is the last of a year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let cycle = year.div_euclid(400);
    let of_cycle = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    cycle * CYCLE + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - EPOCH
}

/// Year, month and day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH;
    let cycle = days.div_euclid(CYCLE);
    let of_cycle = days.rem_euclid(CYCLE);
    let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year + cycle * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

fn name<const N: usize>(names: &[&'static str; N], index: i64) -> &'static str {
    usize::try_from(index)
        .ok()
        .and_then(|index| names.get(index))
        .copied()
        .unwrap_or("???")
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0.div_euclid(SECONDS_PER_DAY);
        let second = self.0.rem_euclid(SECONDS_PER_DAY);
        let (year, month, day) = civil_from_days(days);
        write!(
            f,
            "{} {} {day:2} {:02}:{:02}:{:02} {year:04}",
            // 1 January 1970 was a Thursday.
            name(&WEEKDAYS, (days + 4).rem_euclid(7)),
            name(&MONTHS, month - 1),
            second / 3600,
            second / 60 % 60,
            second % 60,
        )
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn zones_as_documented() {
        for (number, minutes) in [
            (8, 480),
            (-12, -720),
            (14, 840),
            (800, 480),
            (-500, -300),
            (1245, 765),
            (530, 330),
            (15, 15),
            (-13, -13),
            (59, 59),
            (100, 60),
            (1400, 840),
            (-1200, -720),
            (0, 0),
        ] {
            assert_eq!(
                ZoneOffset::from_parameter(number).map(ZoneOffset::minutes),
                Some(minutes),
                "{number}"
            );
        }
        for number in [
            60,
            99,
            -60,
            1401,
            1500,
            -1201,
            -1300,
            1260,
            i32::MAX,
            i32::MIN,
        ] {
            assert_eq!(ZoneOffset::from_parameter(number), None, "{number}");
        }
    }

    #[test]
    fn every_zone_can_be_said_and_understood() {
        let mut count = 0;
        for minutes in -900..=900 {
            if let Some(zone) = ZoneOffset::from_minutes(minutes) {
                assert_eq!(
                    ZoneOffset::from_parameter(i32::from(zone.parameter())),
                    Some(zone)
                );
                count += 1;
            }
        }
        assert_eq!(count, 720 + 840 + 1 - 12 - 14);
    }

    #[test]
    fn the_query_shows_whole_hours_towards_zero() {
        for (number, hours) in [(15, 0), (1245, 12), (-530, -5), (8, 8)] {
            assert_eq!(
                ZoneOffset::from_parameter(number).unwrap().whole_hours(),
                hours
            );
        }
    }

    #[test]
    fn times_as_documented() {
        let east8 = ZoneOffset::from_minutes(480).unwrap();
        for (unix, zone, text) in [
            (128, ZoneOffset::UTC, "Thu Jan  1 00:02:08 1970"),
            (1_634_636_876, east8, "Tue Oct 19 17:47:56 2021"),
            (1_634_559_147, east8, "Mon Oct 18 20:12:27 2021"),
            (951_782_399, ZoneOffset::UTC, "Mon Feb 28 23:59:59 2000"),
            (951_782_400, ZoneOffset::UTC, "Tue Feb 29 00:00:00 2000"),
            (951_868_800, ZoneOffset::UTC, "Wed Mar  1 00:00:00 2000"),
            (2_147_483_648, ZoneOffset::UTC, "Tue Jan 19 03:14:08 2038"),
            (4_107_542_400, ZoneOffset::UTC, "Mon Mar  1 00:00:00 2100"),
            (-1, ZoneOffset::UTC, "Wed Dec 31 23:59:59 1969"),
            (i64::MAX, east8, "Fri Dec 31 23:59:59 9999"),
            (i64::MIN, ZoneOffset::UTC, "Sat Jan  1 00:00:00 0000"),
        ] {
            let local = LocalTime::new(unix, zone);
            assert_eq!(local.to_string(), text);
            assert_eq!(LocalTime::from_asctime(text), Some(local));
        }
    }

    #[test]
    fn every_day_of_the_calendar_comes_back() {
        let mut previous = (-1, 12, 31);
        for days in (FIRST / SECONDS_PER_DAY)..=(LAST / SECONDS_PER_DAY) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
            assert!(
                (year, month, day) > previous,
                "{previous:?} {year} {month} {day}"
            );
            previous = (year, month, day);
        }
        assert_eq!(previous, (9999, 12, 31));
    }

    #[test]
    fn a_day_that_is_none_is_refused() {
        for text in [
            "",
            "Tue Feb 30 00:00:00 2021",
            "Tue Feb 29 00:00:00 2021",
            "Tue Oct 0 00:00:00 2021",
            "Tue Okt 19 17:47:56 2021",
            "Tue Oct 19 24:47:56 2021",
            "Tue Oct 19 17:47:56 2021 x",
            "Tue Oct 19 17:47:56:00 2021",
            "Tue Oct 19 17:47 2021",
        ] {
            assert_eq!(LocalTime::from_asctime(text), None, "{text}");
        }
    }
}
